"""A virtual MFA device whose codes are computed here, as RFC 6238 says."""

import base64
import hashlib
import hmac
import struct
import time

from checks import arn, iam

STEP_SECONDS = 30


class Phone:
    """A device whose clock is slow, by less each time that it is looked at.

    The server's clock is the real one. Two codes that follow each other are taken when their time is
    at most an hour away, and tell the server how slow the device's clock is. So codes that were not
    shown yet are had by setting that clock, not by waiting for it; and the code of its present time
    is right until it is set again."""

    def __init__(self, name, path="/", **more):
        made = iam.create_virtual_mfa_device(VirtualMFADeviceName=name, Path=path, **more)
        self.made = made["VirtualMFADevice"]
        self.serial = self.made["SerialNumber"]
        assert self.serial == arn("mfa", name, path), self.made
        self.seed = base64.b32decode(self.made["Base32StringSeed"])
        # Steps behind the server's clock: 55 minutes.
        self.behind = 110

    def codes(self, *ahead):
        """The codes of the device's present time and of steps ahead of it: RFC 6238."""
        present = int(time.time()) // STEP_SECONDS - self.behind
        for step in ahead:
            counter = struct.pack(">Q", present + step)
            digest = hmac.new(self.seed, counter, hashlib.sha1).digest()
            [number] = struct.unpack_from(">I", digest, digest[-1] & 0x0F)
            yield f"{(number & 0x7FFFFFFF) % 1_000_000:06}"

    def both(self, *ahead):
        first, second = self.codes(*ahead)
        return {"AuthenticationCode1": first, "AuthenticationCode2": second}

    def pair(self):
        """Two codes that follow each other and were not shown yet."""
        self.behind -= 4
        assert self.behind > 0, "the clock cannot be set forward any more"
        return self.both(-2, -1)

    def enable(self, user):
        iam.enable_mfa_device(UserName=user, SerialNumber=self.serial, **self.pair())
        return self

    def next(self, user):
        """A code that is right now, having set the clock."""
        iam.resync_mfa_device(UserName=user, SerialNumber=self.serial, **self.pair())
        [code] = self.codes(0)
        return {"SerialNumber": self.serial, "TokenCode": code}
