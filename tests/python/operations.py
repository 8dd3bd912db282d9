"""Every operation through boto3: results have the right types, errors the right codes."""

import datetime
import json

import boto3
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"sts:ExternalId": "from-a-partner"}},
    }],
})
LOOK = {
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": ["iam:Get*", "iam:List*"], "Resource": "*"}],
}

iam = boto3.client("iam")
sts = boto3.client("sts")


def refused(code, status, call, **parameters):
    """Checks that the call fails with this code and status, and returns the message."""
    try:
        call(**parameters)
    except ClientError as error:
        response = error.response
        assert response["Error"]["Code"] == code, response
        assert response["ResponseMetadata"]["HTTPStatusCode"] == status, response
        request_id = response["ResponseMetadata"]["RequestId"]
        headers = response["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-amzn-requestid"] == request_id, response
        return response["Error"]["Message"]
    raise AssertionError(f"{call.__name__} should have failed with {code}")


# Users and their keys.
user = iam.create_user(UserName="Alice", Path="/people/")["User"]
assert user["Arn"] == f"arn:aws:iam::{ACCOUNT}:user/people/Alice", user
assert user["UserId"].startswith("AIDA"), user
assert isinstance(user["CreateDate"], datetime.datetime), user
assert iam.get_user(UserName="Alice")["User"]["UserId"] == user["UserId"]
assert [u["UserName"] for u in iam.list_users(PathPrefix="/people/")["Users"]] == ["Alice"]
me = iam.get_user()["User"]
assert me["Arn"] == sts.get_caller_identity()["Arn"], me
key = iam.create_access_key(UserName="Alice")["AccessKey"]
assert key["Status"] == "Active" and key["AccessKeyId"].startswith("AKIA"), key["AccessKeyId"]
assert len(key["SecretAccessKey"]) == 40
listed = iam.list_access_keys(UserName="Alice")["AccessKeyMetadata"]
assert [k["AccessKeyId"] for k in listed] == [key["AccessKeyId"]], listed
iam.create_access_key(UserName="Alice")
refused("LimitExceeded", 409, iam.create_access_key, UserName="Alice")
refused("EntityAlreadyExists", 409, iam.create_user, UserName="alice")
refused("NoSuchEntity", 404, iam.get_user, UserName="nobody")
refused("ValidationError", 400, iam.create_user, UserName="a b")

# Inline policies of users: the document comes back as it was saved.
iam.put_user_policy(UserName="Alice", PolicyName="look", PolicyDocument=json.dumps(LOOK))
assert iam.list_user_policies(UserName="Alice")["PolicyNames"] == ["look"]
saved = iam.get_user_policy(UserName="Alice", PolicyName="look")["PolicyDocument"]
assert saved == LOOK, saved
refused(
    "MalformedPolicyDocument", 400, iam.put_user_policy,
    UserName="Alice", PolicyName="bad", PolicyDocument='{"Version":"2012-10-17"',
)

# Roles.
role = iam.create_role(
    RoleName="reader", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=7200,
    Description="Looks at things",
)["Role"]
assert role["Arn"] == f"arn:aws:iam::{ACCOUNT}:role/reader", role
assert role["RoleId"].startswith("AROA"), role
assert iam.get_role(RoleName="reader")["Role"]["AssumeRolePolicyDocument"] == json.loads(TRUST)
assert "reader" in [r["RoleName"] for r in iam.list_roles()["Roles"]]
iam.put_role_policy(RoleName="reader", PolicyName="look", PolicyDocument=json.dumps(LOOK))
assert iam.list_role_policies(RoleName="reader")["PolicyNames"] == ["look"]
saved = iam.get_role_policy(RoleName="reader", PolicyName="look")["PolicyDocument"]
assert saved == LOOK, saved

# Sessions of the role.
assume = {
    "RoleArn": role["Arn"], "RoleSessionName": "operations", "DurationSeconds": 7200,
    "ExternalId": "from-a-partner",
}
session = sts.assume_role(**assume)
credentials = session["Credentials"]
assert credentials["AccessKeyId"].startswith("ASIA"), credentials["AccessKeyId"]
left = credentials["Expiration"] - datetime.datetime.now(datetime.timezone.utc)
assert datetime.timedelta(seconds=7000) < left <= datetime.timedelta(seconds=7201), left
assert session["AssumedRoleUser"]["AssumedRoleId"] == f"{role['RoleId']}:operations", session


def as_session(service, credentials):
    return boto3.client(
        service,
        aws_access_key_id=credentials["AccessKeyId"],
        aws_secret_access_key=credentials["SecretAccessKey"],
        aws_session_token=credentials["SessionToken"],
    )


identity = as_session("sts", credentials).get_caller_identity()
assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/operations", identity
assert identity["UserId"] == f"{role['RoleId']}:operations", identity
reader = as_session("iam", credentials)
reader.list_users()
message = refused("AccessDenied", 403, reader.create_user, UserName="mallory")
assert "is not authorized to perform: iam:CreateUser" in message, message
assert "no identity-based policy allows the iam:CreateUser action" in message, message

# A session policy narrows and never widens.
only_roles = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow", "Action": ["iam:ListRoles", "iam:CreateUser"], "Resource": "*",
    }],
})
narrow = sts.assume_role(**assume, Policy=only_roles)
assert narrow["PackedPolicySize"] > 0, narrow["PackedPolicySize"]
narrow = as_session("iam", narrow["Credentials"])
narrow.list_roles()
refused("AccessDenied", 403, narrow.list_users)
refused("AccessDenied", 403, narrow.create_user, UserName="mallory")

# What AssumeRole refuses.
refused("AccessDenied", 403, sts.assume_role, **{**assume, "ExternalId": "wrong"})
refused(
    "AccessDenied", 403, sts.assume_role,
    **{**assume, "RoleArn": f"arn:aws:iam::{ACCOUNT}:role/none"},
)
message = refused("ValidationError", 400, sts.assume_role, **{**assume, "DurationSeconds": 7201})
assert "exceeds the MaxSessionDuration set for this role" in message, message
message = refused("ValidationError", 400, sts.assume_role, **{**assume, "RoleSessionName": "a:b"})
assert "at 'roleSessionName' failed to satisfy constraint" in message, message
refused("MalformedPolicyDocument", 400, sts.assume_role, **assume, Policy="{}x")

# The trust policy decides at issuing; live sessions stay.
iam.update_assume_role_policy(RoleName="reader", PolicyDocument=TRUST.replace("partner", "friend"))
refused("AccessDenied", 403, sts.assume_role, **assume)
reader.list_users()

# Taking it down: what is still in use cannot go.
refused("DeleteConflict", 409, iam.delete_role, RoleName="reader")
iam.delete_role_policy(RoleName="reader", PolicyName="look")
iam.delete_role(RoleName="reader")
refused("NoSuchEntity", 404, iam.get_role, RoleName="reader")
refused("InvalidClientTokenId", 403, reader.list_users)
iam.delete_user_policy(UserName="Alice", PolicyName="look")
for listed in iam.list_access_keys(UserName="Alice")["AccessKeyMetadata"]:
    iam.delete_access_key(UserName="Alice", AccessKeyId=listed["AccessKeyId"])
iam.delete_user(UserName="Alice")
refused("NoSuchEntity", 404, iam.delete_user, UserName="Alice")

# Pages, through boto3's own paginator.
for number in range(7):
    iam.create_user(UserName=f"page-{number}", Path="/pages/")
pages = iam.get_paginator("list_users").paginate(
    PathPrefix="/pages/", PaginationConfig={"PageSize": 3}
)
sizes = [len(page["Users"]) for page in pages]
assert sum(sizes) == 7 and max(sizes) <= 3, sizes
refused("ValidationError", 400, iam.list_users, Marker="no-such-marker")

print("all checks passed")
