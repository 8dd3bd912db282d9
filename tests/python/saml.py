"""AssumeRoleWithSAML by boto3, with the response of an identity provider: what the session is, what it
may do, and which roles it does not get."""

import base64
import datetime
import hashlib
import json
import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
PROVIDER = f"arn:aws:iam::{ACCOUNT}:saml-provider/Corp"
TOLD = json.loads(os.environ["TOLD"])

# No credentials: the response is all that somebody has.
sts = boto3.client("sts", config=Config(retries={"total_max_attempts": 1}))


def assume(role="staff", response=TOLD["encoded"], provider=PROVIDER, **more):
    role = f"arn:aws:iam::{ACCOUNT}:role/{role}"
    return sts.assume_role_with_saml(RoleArn=role, PrincipalArn=provider, SAMLAssertion=response, **more)


def refused(code, text, call, *arguments, **more):
    try:
        call(*arguments, **more)
    except ClientError as error:
        told = error.response["Error"]
        assert told["Code"] == code and (text is None or told["Message"] == text), told
    else:
        raise AssertionError(f"not refused with {code}")


def lasts(reply):
    left = reply["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    return left.total_seconds()


def session(reply):
    keys = reply["Credentials"]
    return boto3.Session(
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
    )


reply = assume()
arn = f"arn:aws:sts::{ACCOUNT}:assumed-role/staff/{TOLD['session']}"
assert reply["AssumedRoleUser"]["Arn"] == arn, reply
assert reply["AssumedRoleUser"]["AssumedRoleId"].endswith(f":{TOLD['session']}"), reply
assert reply["Subject"] == TOLD["subject"] and reply["SubjectType"] == TOLD["subject_type"], reply
assert reply["Issuer"] == TOLD["issuer"] and reply["Audience"] == "https://signin.aws.amazon.com/saml", reply
qualifier = hashlib.sha1(f"{TOLD['issuer']}{ACCOUNT}/Corp".encode()).digest()
assert reply["NameQualifier"] == base64.b64encode(qualifier).decode(), reply
assert reply["SourceIdentity"] == "ada" and "PackedPolicySize" in reply, reply
# What the provider's own session lasts shortens ours.
assert TOLD["longest"] - 120 < lasts(reply) <= TOLD["longest"], (lasts(reply), TOLD["longest"])
assert 840 < lasts(assume(DurationSeconds=900)) <= 900

mine = session(reply)
assert mine.client("sts").get_caller_identity()["Arn"] == arn
iam = mine.client("iam")
# By the tag that the response gave.
assert iam.get_user(UserName="blue")["User"]["UserName"] == "blue"
refused("AccessDenied", None, iam.get_user, UserName="red")
refused("AccessDenied", None, iam.list_roles)
# A policy of the session takes away.
narrow = json.dumps(
    {"Version": "2012-10-17", "Statement": {"Effect": "Allow", "Action": "iam:ListRoles", "Resource": "*"}}
)
narrowed = session(assume(Policy=narrow)).client("iam")
refused("AccessDenied", None, narrowed.get_user, UserName="blue")

denied = "Not authorized to perform sts:AssumeRoleWithSAML"
refused("AccessDenied", denied, assume, "others")
refused("AccessDenied", None, assume, "untagged")
refused("AccessDenied", denied, assume, "nobody")
refused("InvalidIdentityToken", "Specified provider doesn't exist", assume, provider=PROVIDER + "x")
refused("InvalidIdentityToken", None, assume, response=base64.b64encode(b"<Response/>").decode())
if TOLD["response"]:
    changed = base64.b64encode(
        TOLD["response"].replace(TOLD["issuer"], TOLD["issuer"] + "x").encode()
    ).decode()
    refused("InvalidIdentityToken", None, assume, response=changed)
print("all checks passed")
