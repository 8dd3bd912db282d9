"""boto3 with tokens of a real OpenID Provider: the call and all that its reply has, the errors, and
the credential provider that reads a token file again and again."""

import datetime
import json
import os

import boto3
import botocore.credentials
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

import openid_provider
from openid_provider import AUDIENCE, ISSUER

ACCOUNT = "123456789012"
ROLE = os.environ["AWS_ROLE_ARN"]
NAME = ROLE.rpartition("/")[2]

# A key that the provider replaces, but still publishes when the server first asks for its keys.
early = openid_provider.token("ES256")
openid_provider.post("/test/rotate")

# Nothing here has keys, and nothing signs the call.
once = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
sts = boto3.client("sts", config=once)
assume = sts.assume_role_with_web_identity


def client(credentials):
    return boto3.client(
        "sts", aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


for algorithm in ("RS256", "RS384", "RS512", "ES256", "ES384", "ES512"):
    got = assume(
        RoleArn=ROLE, RoleSessionName="boto3",
        WebIdentityToken=openid_provider.token(algorithm), DurationSeconds=900,
    )
    assert got["SubjectFromWebIdentityToken"] == f"ci-{algorithm}", got
    assert got["Audience"] == AUDIENCE, got
    assert got["Provider"] == ISSUER, got
    assert got["SourceIdentity"] == f"ci-{algorithm}", got
    assert 0 < got["PackedPolicySize"] <= 100, got
    assert got["AssumedRoleUser"]["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{NAME}/boto3"
    assert got["AssumedRoleUser"]["AssumedRoleId"].endswith(":boto3"), got
    left = got["Credentials"]["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
    assert 840 < left.total_seconds() <= 901, left
    me = client(got["Credentials"]).get_caller_identity()
    assert me["Arn"] == got["AssumedRoleUser"]["Arn"], me
    assert me["Account"] == ACCOUNT, me

# The tags of the token are the session's: the role's policy lets it read the user of its own name.
iam = boto3.client(
    "iam", aws_access_key_id=got["Credentials"]["AccessKeyId"],
    aws_secret_access_key=got["Credentials"]["SecretAccessKey"],
    aws_session_token=got["Credentials"]["SessionToken"],
)
assert iam.get_user(UserName="ci-ES512")["User"]["UserName"] == "ci-ES512"
try:
    iam.get_user(UserName="ci-RS256")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDenied", error
else:
    raise AssertionError("a session reads the user of another")

# A session policy narrows it.
policy = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}],
}
narrow = assume(
    RoleArn=ROLE, RoleSessionName="narrow", WebIdentityToken=openid_provider.token("ES512"),
    Policy=json.dumps(policy),
)["Credentials"]
try:
    boto3.client(
        "iam", aws_access_key_id=narrow["AccessKeyId"],
        aws_secret_access_key=narrow["SecretAccessKey"], aws_session_token=narrow["SessionToken"],
    ).get_user(UserName="ci-ES512")
except ClientError as error:
    assert error.response["Error"]["Code"] == "AccessDenied", error
else:
    raise AssertionError("the session policy does not narrow")

# Errors are of the types that programs catch.
good = openid_provider.token()
wrong = [
    ("not.a.token", ROLE, "InvalidIdentityToken", sts.exceptions.InvalidIdentityTokenException),
    (
        openid_provider.token(audience="https://api.example.com/opaque"), ROLE,
        "InvalidIdentityToken", sts.exceptions.InvalidIdentityTokenException,
    ),
    (
        openid_provider.token(audience="https://other.example.com"), ROLE,
        "InvalidIdentityToken", sts.exceptions.InvalidIdentityTokenException,
    ),
    (
        openid_provider.token("PS256"), ROLE, "InvalidIdentityToken",
        sts.exceptions.InvalidIdentityTokenException,
    ),
    (good[:-8] + "AAAAAAAA", ROLE, "InvalidIdentityToken", sts.exceptions.InvalidIdentityTokenException),
    (good, f"{ROLE}-not", "AccessDenied", ClientError),
]
for token, role, code, kind in wrong:
    try:
        assume(RoleArn=role, RoleSessionName="wrong", WebIdentityToken=token)
    except kind as error:
        assert error.response["Error"]["Code"] == code, (role, error.response)
    else:
        raise AssertionError(f"{code} was expected")
try:
    assume(
        RoleArn=ROLE, RoleSessionName="policy", Policy="not JSON",
        WebIdentityToken=openid_provider.token(),
    )
except sts.exceptions.MalformedPolicyDocumentException:
    pass
else:
    raise AssertionError("a policy that is none was taken")

# The credential provider: a role and a file in the environment, and nothing else.
assert "AWS_ACCESS_KEY_ID" not in os.environ and "AWS_PROFILE" not in os.environ
openid_provider.write_token(early)
session = boto3.Session()
credentials = session.get_credentials()
assert credentials.method == "assume-role-with-web-identity", credentials.method
named = session.client("sts").get_caller_identity()
assert named["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/{NAME}/{os.environ['AWS_ROLE_SESSION_NAME']}"
first = credentials.get_frozen_credentials().token
assert credentials.get_frozen_credentials().token == first, "it was refreshed too early"

# Ten minutes before its end a session is renewed, with whatever token the file has then: here one
# that the provider signed with a newer key.
openid_provider.write_token(openid_provider.token("ES256"))
later = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=50)
credentials._time_fetcher = botocore.credentials._local_now = lambda: later
second = credentials.get_frozen_credentials().token
assert second != first, "it was never refreshed"
assert session.client("sts").get_caller_identity()["Arn"] == named["Arn"]

# A token that is no good any more stops it at the next renewal, with AWS's error.
openid_provider.write_token("not.a.token")
fresh = boto3.Session()
try:
    fresh.client("sts", config=Config(retries={"total_max_attempts": 1})).get_caller_identity()
except ClientError as error:
    assert error.response["Error"]["Code"] == "InvalidIdentityToken", error
    assert error.operation_name == "AssumeRoleWithWebIdentity", error
else:
    raise AssertionError("credentials for nothing")

print("all checks passed")
