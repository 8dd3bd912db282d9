"""Virtual MFA devices: made with a seed and a picture of it, enabled and resynchronised with codes
that are computed, listed, tagged, shown to STS, deactivated, deleted; with each refusal that AWS
documents."""

import csv
import datetime
import io
import json
import struct
import zlib

from checks import (
    ACCOUNT, arn, client, column, constraint, document, iam, paged, refused, trust,
)
from phone import Phone

WRONG = "Authentication code for device is not valid."
IN_USE = "MFA Device is already in use."
ANOTHERS = "MFA Device invalid for user."
STS_WRONG = "MultiFactorAuthentication failed with invalid MFA one time pass code. "
STS_UNKNOWN = (
    "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial "
    "number is valid and associated with this user."
)
STS_HALF = (
    "MultiFactorAuthentication failed, must provide both MFA serial number and one time pass code."
)
NO_USER = "The user with name none cannot be found."
NONE = arn("mfa", "none")
PRESENT = {"Bool": {"aws:MultiFactorAuthPresent": "true"}}


def missing(serial):
    return f"VirtualMFADevice with serial number {serial} doesn't exist."


def is_png(picture):
    """Checks that it is a picture of so many pixels as it says, square, each chunk whole."""
    assert picture.startswith(b"\x89PNG\r\n\x1a\n"), picture[:8]
    place, chunks = 8, []
    while place < len(picture):
        [length] = struct.unpack_from(">I", picture, place)
        kind = picture[place + 4:place + 8]
        data = picture[place + 8:place + 8 + length]
        [sum_of_it] = struct.unpack_from(">I", picture, place + 8 + length)
        assert sum_of_it == zlib.crc32(kind + data), kind
        chunks.append((kind, data))
        place += 12 + length
    assert chunks[0][0] == b"IHDR" and chunks[-1] == (b"IEND", b""), chunks
    width, height, depth, colour, *how = struct.unpack(">IIBBBBB", chunks[0][1])
    # A QR code has 17 + 4n modules a side, and here at least as many pixels.
    assert width == height and 100 <= width <= 2000, (width, height)
    assert colour in (0, 3) and how == [0, 0, 0], (colour, how)
    pixels = zlib.decompress(b"".join(data for kind, data in chunks if kind == b"IDAT"))
    assert len(pixels) == height * (1 + (width * depth + 7) // 8), len(pixels)
    assert len(set(pixels)) > 2, "a picture of nothing"


def summary():
    counts = iam.get_account_summary()["SummaryMap"]
    return counts["MFADevices"], counts["MFADevicesInUse"]


assert summary() == (0, 0)
iam.create_user(UserName="ann")
iam.create_user(UserName="bea")
key = iam.create_access_key(UserName="ann")["AccessKey"]
ann, ann_sts = client("iam", key), client("sts", key)

# Made: the only reply that shows the seed.
phone = Phone("phone", "/team/", Tags=[{"Key": "team", "Value": "blue"}])
assert len(phone.made["Base32StringSeed"]) == 64 and len(phone.seed) == 40
is_png(phone.made["QRCodePNG"])
assert phone.made["Tags"] == [{"Key": "team", "Value": "blue"}], phone.made
assert not {"User", "EnableDate"} & set(phone.made), phone.made
spare = Phone("spare")
assert spare.seed != phone.seed and spare.made["QRCodePNG"] != phone.made["QRCodePNG"]
for name, path in (("phone", "/team/"), ("PHONE", "/")):
    refused(
        "EntityAlreadyExists", "MFADevice entity at the same path and name already exists.",
        iam.create_virtual_mfa_device, VirtualMFADeviceName=name, Path=path,
    )
for wrong in ({"Path": f"/{'p' * 240}/"}, {"Tags": [{"Key": "aws:a", "Value": ""}]}):
    refused("InvalidInput", None, iam.create_virtual_mfa_device, VirtualMFADeviceName="x", **wrong)
refused(
    "ValidationError",
    constraint(
        "virtualMFADeviceName", "a b", r"satisfy regular expression pattern: [\w+=,.@-]+"
    ),
    iam.create_virtual_mfa_device, VirtualMFADeviceName="a b",
)
refused(
    "ValidationError",
    constraint(
        "path", "team",
        r"satisfy regular expression pattern: (\u002F)|(\u002F[\u0021-\u007E]+\u002F)",
    ),
    iam.create_virtual_mfa_device, VirtualMFADeviceName="x", Path="team",
)
assert summary() == (2, 0)

# Nobody's yet.
assert iam.list_mfa_devices(UserName="ann")["MFADevices"] == []
got = iam.get_mfa_device(SerialNumber=phone.serial)
assert got["SerialNumber"] == phone.serial and "UserName" not in got, got
zeros = {"AuthenticationCode1": "000000", "AuthenticationCode2": "000000"}
for call in (iam.enable_mfa_device, iam.resync_mfa_device):
    for user, serial, text in (
        ("ann", NONE, missing(NONE)), ("none", phone.serial, NO_USER),
        # Its own partition, account, path and case; and hardware is not here.
        *((("ann", serial, missing(serial))) for serial in (
            arn("mfa", "phone"), arn("mfa", "Phone", "/team/"),
            arn("mfa", "phone", "/team/", account="210987654321"), "GAHT12345678",
        )),
    ):
        refused("NoSuchEntity", text, call, UserName=user, SerialNumber=serial, **zeros)
    refused(
        "ValidationError",
        "1 validation error detected: Value at 'authenticationCode1' failed to satisfy constraint: "
        "Member must have length greater than or equal to 6",
        call, UserName="ann", SerialNumber=phone.serial, **{**zeros, "AuthenticationCode1": "123"},
    )
refused(
    "NoSuchEntity", ANOTHERS, iam.resync_mfa_device,
    UserName="ann", SerialNumber=phone.serial, **phone.pair(),
)

# Enabled with two codes that follow each other, at most an hour away, in their order.
for ahead in ((-1, -1), (-1, -2), (-3, -1)):
    refused(
        "InvalidAuthenticationCode", WRONG, iam.enable_mfa_device,
        UserName="ann", SerialNumber=phone.serial, **phone.both(*ahead),
    )
slow, phone.behind = phone.behind, 130
refused(
    "InvalidAuthenticationCode", WRONG, iam.enable_mfa_device,
    UserName="ann", SerialNumber=phone.serial, **phone.pair(),
)
phone.behind = slow
refused(
    "InvalidAuthenticationCode", WRONG, iam.enable_mfa_device,
    UserName="ann", SerialNumber=phone.serial, **spare.pair(),
)
phone.enable("ann")
for user in ("ann", "bea"):
    refused(
        "EntityAlreadyExists", IN_USE, iam.enable_mfa_device,
        UserName=user, SerialNumber=phone.serial, **phone.pair(),
    )
[listed] = iam.list_mfa_devices(UserName="ann")["MFADevices"]
assert listed["UserName"] == "ann" and listed["SerialNumber"] == phone.serial, listed
assert isinstance(listed["EnableDate"], datetime.datetime), listed
for got in (
    iam.get_mfa_device(SerialNumber=phone.serial),
    iam.get_mfa_device(SerialNumber=phone.serial, UserName="ann"),
):
    assert (got["UserName"], got["EnableDate"]) == ("ann", listed["EnableDate"]), got
refused(
    "NoSuchEntity", ANOTHERS, iam.get_mfa_device, SerialNumber=phone.serial, UserName="bea"
)
refused("NoSuchEntity", missing(NONE), iam.get_mfa_device, SerialNumber=NONE)
refused("NoSuchEntity", NO_USER, iam.get_mfa_device, SerialNumber=phone.serial, UserName="none")
refused("NoSuchEntity", NO_USER, iam.list_mfa_devices, UserName="none")
assert summary() == (2, 1)
iam.generate_credential_report()
report = csv.DictReader(io.StringIO(iam.get_credential_report()["Content"].decode()))
active = {row["user"]: row["mfa_active"] for row in report}
assert (active["ann"], active["bea"]) == ("true", "false"), active

# Listed, by whether they are somebody's.
five = [Phone(f"phone-{n}").enable("ann") for n in range(5)]
rest = [Phone(f"rest-{n}") for n in range(5)]
serials = sorted([phone.serial, *(one.serial for one in five)])
assert column(paged("list_mfa_devices", "MFADevices", UserName="ann"), "SerialNumber") == serials
unassigned = sorted([spare.serial, *(one.serial for one in rest)])
for status, want in (
    ({"AssignmentStatus": "Assigned"}, serials), ({"AssignmentStatus": "Unassigned"}, unassigned),
    ({"AssignmentStatus": "Any"}, sorted(serials + unassigned)), ({}, sorted(serials + unassigned)),
):
    devices = paged("list_virtual_mfa_devices", "VirtualMFADevices", **status)
    assert column(devices, "SerialNumber") == want, (status, devices)
    for device in devices:
        assert not {"Base32StringSeed", "QRCodePNG", "Tags"} & set(device), device
        assigned = device["SerialNumber"] in serials
        assert ("EnableDate" in device) == assigned, device
        assert device.get("User", {}).get("UserName") == ("ann" if assigned else None), device
refused(
    "ValidationError",
    constraint(
        "assignmentStatus", "assigned", "satisfy enum value set: [Assigned, Unassigned, Any]"
    ),
    iam.list_virtual_mfa_devices, AssignmentStatus="assigned",
)

# A user has eight.
more = [one.enable("ann") for one in rest[:2]]
refused(
    "LimitExceeded", "Cannot exceed quota for MFADevicesPerUser: 8", iam.enable_mfa_device,
    UserName="ann", SerialNumber=spare.serial, **spare.pair(),
)
for one in more + five:
    iam.deactivate_mfa_device(UserName="ann", SerialNumber=one.serial)

# Tags.
tags = [{"Key": f"key-{n}", "Value": "x"} for n in range(5)]
iam.tag_mfa_device(SerialNumber=phone.serial, Tags=[*tags, {"Key": "TEAM", "Value": "red"}])
found = paged("list_mfa_device_tags", "Tags", SerialNumber=phone.serial)
assert column(found, "Key") == ["TEAM", *(f"key-{n}" for n in range(5))], found
assert {"Key": "TEAM", "Value": "red"} in found, found
iam.untag_mfa_device(SerialNumber=phone.serial, TagKeys=["KEY-0", "key-1", "never-there"])
kept = column(iam.list_mfa_device_tags(SerialNumber=phone.serial)["Tags"], "Key")
assert kept == ["TEAM", "key-2", "key-3", "key-4"], kept
for code, wrong in (
    ("InvalidInput", [{"Key": "a", "Value": "1"}, {"Key": "A", "Value": "2"}]),
    ("InvalidInput", [{"Key": "aws:a", "Value": "1"}]),
    ("LimitExceeded", [{"Key": f"more-{n}", "Value": ""} for n in range(47)]),
):
    refused(code, None, iam.tag_mfa_device, SerialNumber=phone.serial, Tags=wrong)
for call, parameters in (
    (iam.tag_mfa_device, {"Tags": tags}), (iam.untag_mfa_device, {"TagKeys": ["a"]}),
    (iam.list_mfa_device_tags, {}),
):
    refused("NoSuchEntity", missing(NONE), call, SerialNumber=NONE, **parameters)
after = column(iam.list_mfa_device_tags(SerialNumber=phone.serial)["Tags"], "Key")
assert after == kept, after

# A session with MFA may call IAM; one without may not.
iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iam:ListUsers", "Resource": "*", "Condition": PRESENT},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Resource": "*"},
        {
            "Effect": "Allow", "Action": ["iam:DeactivateMFADevice", "iam:ListMFADevices"],
            "Resource": arn("user", "${aws:username}"),
        },
    ],
}))
refused("AccessDenied", None, ann.list_users)
shown = phone.next("ann")
for parameters, text in (
    ({"SerialNumber": phone.serial}, STS_HALF), ({"TokenCode": shown["TokenCode"]}, STS_HALF),
    ({**shown, "SerialNumber": NONE}, STS_UNKNOWN),
    ({**shown, "SerialNumber": spare.serial}, STS_UNKNOWN),
    ({**shown, "SerialNumber": "GAHT12345678"}, STS_UNKNOWN),
    # Its time is over, or was not yet.
    *(({**shown, "TokenCode": code}, STS_WRONG) for code in phone.codes(-8, 8)),
):
    refused("AccessDenied", text, ann_sts.get_session_token, **parameters)
session = ann_sts.get_session_token(**shown, DurationSeconds=900)["Credentials"]
refused("AccessDenied", STS_WRONG, ann_sts.get_session_token, **shown)
with_mfa = client("iam", session)
assert {"ann", "bea"} <= set(column(with_mfa.list_users()["Users"], "UserName"))
me = client("sts", session).get_caller_identity()
assert me["Arn"] == arn("user", "ann"), me
refused(
    "AccessDenied", "Cannot call GetSessionToken with session credentials",
    client("sts", session).get_session_token, **phone.next("ann"),
)
without = ann_sts.get_session_token()["Credentials"]
refused(
    "InvalidClientTokenId", "The security token included in the request is invalid.",
    client("iam", without).list_users,
)
# It is the user's device, or none.
bea_sts = client("sts", iam.create_access_key(UserName="bea")["AccessKey"])
refused("AccessDenied", STS_UNKNOWN, bea_sts.get_session_token, **phone.next("ann"))

# A role that demands MFA: shown with the call, or with the session that calls.
principal = {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}
demanding = json.loads(trust(principal))
demanding["Statement"][0]["Condition"] = PRESENT
iam.create_role(RoleName="guarded", AssumeRolePolicyDocument=json.dumps(demanding))
iam.put_role_policy(RoleName="guarded", PolicyName="all", PolicyDocument=document("iam:ListRoles"))
role = {"RoleArn": arn("role", "guarded"), "RoleSessionName": "with-mfa"}
refused("AccessDenied", None, ann_sts.assume_role, **role)
refused("AccessDenied", None, client("sts", without).assume_role, **role)
shown = phone.next("ann")
refused("AccessDenied", STS_WRONG, ann_sts.assume_role, **role, **{**shown, "TokenCode": "000000"})
assumed = ann_sts.assume_role(**role, **shown)
refused("AccessDenied", STS_WRONG, ann_sts.assume_role, **role, **shown)
refused("AccessDenied", STS_WRONG, ann_sts.get_session_token, **shown)
roles = client("iam", assumed["Credentials"]).list_roles()["Roles"]
assert column(roles, "RoleName") == ["guarded"], roles
# By a session without MFA that shows it now; by one with it; but not by the role's own.
client("sts", without).assume_role(**role, **phone.next("ann"))
client("sts", session).assume_role(**role)
refused("AccessDenied", None, client("sts", assumed["Credentials"]).assume_role, **role)
refused(
    "AccessDenied", STS_UNKNOWN, client("sts", assumed["Credentials"]).assume_role, **role,
    **phone.next("ann"),
)

# Codes are taken once, also when the clock is set with them.
codes = phone.pair()
iam.resync_mfa_device(UserName="ann", SerialNumber=phone.serial, **codes)
for wrong in (codes, zeros):
    refused(
        "InvalidAuthenticationCode", WRONG, iam.resync_mfa_device,
        UserName="ann", SerialNumber=phone.serial, **wrong,
    )
refused(
    "NoSuchEntity", ANOTHERS, iam.resync_mfa_device,
    UserName="bea", SerialNumber=phone.serial, **phone.pair(),
)

# In the way of its user, and in use.
refused(
    "DeleteConflict", "MFA VirtualDevice in use. Must deactivate first.",
    iam.delete_virtual_mfa_device, SerialNumber=phone.serial,
)
refused("NoSuchEntity", missing(NONE), iam.delete_virtual_mfa_device, SerialNumber=NONE)
refused(
    "NoSuchEntity", missing(NONE), iam.deactivate_mfa_device, UserName="ann", SerialNumber=NONE
)
for user, text in (("none", NO_USER), ("bea", ANOTHERS)):
    refused(
        "NoSuchEntity", text, iam.deactivate_mfa_device, UserName=user, SerialNumber=phone.serial
    )
refused("AccessDenied", None, ann.deactivate_mfa_device, UserName="bea", SerialNumber=phone.serial)
refused("AccessDenied", None, ann.delete_virtual_mfa_device, SerialNumber=spare.serial)
# Without a name it is the caller.
assert column(ann.list_mfa_devices()["MFADevices"], "SerialNumber") == [phone.serial]
shown = phone.next("ann")
ann.deactivate_mfa_device(SerialNumber=phone.serial)
assert ann.list_mfa_devices()["MFADevices"] == []
refused("AccessDenied", STS_UNKNOWN, ann_sts.get_session_token, **shown)
# What was proven stays proven.
with_mfa.list_users()
# It is kept, with the codes that were taken, and can be somebody else's.
refused(
    "InvalidAuthenticationCode", WRONG, iam.enable_mfa_device,
    UserName="bea", SerialNumber=phone.serial, **codes,
)
phone.enable("bea")
bea_sts.get_session_token(**phone.next("bea"))
[bea_key] = iam.list_access_keys(UserName="bea")["AccessKeyMetadata"]
iam.delete_access_key(UserName="bea", AccessKeyId=bea_key["AccessKeyId"])
refused(
    "DeleteConflict", "Cannot delete entity, must remove referenced objects first.",
    iam.delete_user, UserName="bea",
)
iam.deactivate_mfa_device(UserName="bea", SerialNumber=phone.serial)
iam.delete_user(UserName="bea")

# Deleted, with its tags; a new one of its name is another.
iam.delete_virtual_mfa_device(SerialNumber=phone.serial)
for call, parameters in (
    (iam.delete_virtual_mfa_device, {}), (iam.get_mfa_device, {}), (iam.list_mfa_device_tags, {}),
    (iam.enable_mfa_device, {"UserName": "ann", **phone.pair()}),
):
    refused("NoSuchEntity", missing(phone.serial), call, SerialNumber=phone.serial, **parameters)
again = Phone("phone", "/team/")
assert again.seed != phone.seed
assert iam.list_mfa_device_tags(SerialNumber=again.serial)["Tags"] == []
refused(
    "InvalidAuthenticationCode", WRONG, iam.enable_mfa_device,
    UserName="ann", SerialNumber=again.serial, **phone.pair(),
)
for serial in [again.serial, *unassigned, *(one.serial for one in five)]:
    iam.delete_virtual_mfa_device(SerialNumber=serial)
assert summary() == (0, 0)

print("all checks passed")
