"""Two accounts on one server: roles across them, the root user of one, and a registered service. The
profile is the administrator of the first account; BOSS, ROOT and JOBS are the keys of the second
one's administrator, of its root user, and of a service that is registered for it."""

import csv
import io
import json
import os

from botocore.exceptions import ClientError
from checks import ACCOUNT, client, document, iam, refused, trust

OTHER = "210987654321"
JOBS = "jobs.example.com"


def key(name):
    return {
        "AccessKeyId": os.environ[f"{name}_ID"],
        "SecretAccessKey": os.environ[f"{name}_SECRET"],
    }


def of(service, name):
    """A client of one of the keys, which come from no profile."""
    return client(service, key(name))


def denied(call, **parameters):
    """The text of a refusal."""
    try:
        call(**parameters)
    except ClientError as error:
        assert error.response["Error"]["Code"] == "AccessDenied", error.response
        return error.response["Error"]["Message"]
    raise AssertionError("it was granted")


def role_arn(name, account=OTHER):
    return f"arn:aws:iam::{account}:role/{name}"


def assume(sts, name, account=OTHER, **more):
    parameters = {"RoleArn": role_arn(name, account), "RoleSessionName": "s-1", **more}
    return sts.assume_role(**parameters)["Credentials"]


theirs = of("iam", "BOSS")

# A role of the second account for a user of the first: both sides are needed.
iam.create_user(UserName="ann")
ann = client("sts", iam.create_access_key(UserName="ann")["AccessKey"])
ARN = f"arn:aws:iam::{ACCOUNT}:user/ann"
shared = json.loads(trust({"AWS": ACCOUNT}))
shared["Statement"][0]["Condition"] = {"StringEquals": {"sts:ExternalId": "abc"}}
theirs.create_role(RoleName="shared", AssumeRolePolicyDocument=json.dumps(shared))
theirs.put_role_policy(
    RoleName="shared", PolicyName="p", PolicyDocument=document("iam:ListUsers")
)
TEXT = f"User: {ARN} is not authorized to perform: sts:AssumeRole on resource: "
asked = {"RoleSessionName": "s-1", "ExternalId": "abc"}
assert denied(ann.assume_role, RoleArn=role_arn("shared"), **asked) == TEXT + role_arn("shared")
allowed = document("sts:AssumeRole", f"arn:aws:iam::{OTHER}:role/*")
iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=allowed)
session = assume(ann, "shared", ExternalId="abc")
asked["ExternalId"] = "xyz"
assert denied(ann.assume_role, RoleArn=role_arn("shared"), **asked) == TEXT + role_arn("shared")
assert denied(ann.assume_role, RoleArn=role_arn("none"), **asked) == TEXT + role_arn("none")
identity = client("sts", session).get_caller_identity()
assert identity["Account"] == OTHER, identity
assert identity["Arn"] == f"arn:aws:sts::{OTHER}:assumed-role/shared/s-1", identity
names = [user["UserName"] for user in client("iam", session).list_users()["Users"]]
assert names == ["admin"], names

# The aliases of the deployment are one space.
assert theirs.list_account_aliases()["AccountAliases"] == ["acme"]
refused("EntityAlreadyExists", None, iam.create_account_alias, AccountAlias="acme")

# The root user: everything in its account, its own keys without a name, no role.
root = of("iam", "ROOT")
root_sts = of("sts", "ROOT")
ROOT = f"arn:aws:iam::{OTHER}:root"
identity = root_sts.get_caller_identity()
assert (identity["Arn"], identity["UserId"]) == (ROOT, OTHER), identity
user = root.get_user()["User"]
assert (user["Arn"], user["UserId"]) == (ROOT, OTHER), user
assert "UserName" not in user and "Path" not in user, user
root.put_user_policy(
    UserName="admin", PolicyName="lock", PolicyDocument=document("*", effect="Deny")
)
denied(theirs.list_users)
root.delete_user_policy(UserName="admin", PolicyName="lock")
theirs.list_users()
message = denied(root.create_access_key)
assert f"daypass account root-key create {OTHER}" in message, message
listed = {one["AccessKeyId"] for one in root.list_access_keys()["AccessKeyMetadata"]}
assert listed == {key("ROOT")["AccessKeyId"], key("SPARE")["AccessKeyId"]}, listed
root.update_access_key(AccessKeyId=key("SPARE")["AccessKeyId"], Status="Inactive")
refused("InvalidClientTokenId", None, of("iam", "SPARE").list_users)
root.delete_access_key(AccessKeyId=key("SPARE")["AccessKeyId"])
assert theirs.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 1
assert iam.get_account_summary()["SummaryMap"]["AccountAccessKeysPresent"] == 0
theirs.generate_credential_report()
report = theirs.get_credential_report()["Content"].decode()
row = next(csv.DictReader(io.StringIO(report)))
assert (row["user"], row["arn"], row["access_key_1_active"]) == ("<root_account>", ROOT, "true"), row
assert row["access_key_1_last_used_service"] in ("iam", "sts"), row
message = denied(root_sts.assume_role, RoleArn=role_arn("shared"), RoleSessionName="s-1")
assert message == "Roles may not be assumed by root accounts.", message
credentials = root_sts.get_session_token(DurationSeconds=129600)["Credentials"]
session = client("sts", credentials)
assert session.get_caller_identity()["Arn"] == ROOT
refused("InvalidClientTokenId", None, client("iam", credentials).list_users)

# A service: roles that trust it, in its account, and nothing else.
jobs = of("sts", "JOBS")
theirs.create_role(RoleName="job", AssumeRolePolicyDocument=trust({"Service": JOBS}))
iam.create_role(RoleName="job", AssumeRolePolicyDocument=trust({"Service": JOBS}))
job = assume(jobs, "job")
arn = client("sts", job).get_caller_identity()["Arn"]
assert arn == f"arn:aws:sts::{OTHER}:assumed-role/job/s-1", arn
TEXT = f"User: {JOBS} is not authorized to perform: sts:AssumeRole on resource: "
for name, account in [("job", ACCOUNT), ("shared", OTHER), ("none", OTHER)]:
    wanted = TEXT + role_arn(name, account)
    asked = {"RoleArn": role_arn(name, account), "RoleSessionName": "s-1"}
    assert denied(jobs.assume_role, **asked) == wanted
for service, call in [
    ("sts:GetCallerIdentity", jobs.get_caller_identity),
    ("sts:GetSessionToken", jobs.get_session_token),
    ("iam:ListUsers", of("iam", "JOBS").list_users),
    ("iam:GetUser", of("iam", "JOBS").get_user),
]:
    assert denied(call) == f"User: {JOBS} is not authorized to perform: {service}"
# A person of the account may not take the service's place.
denied(of("sts", "BOSS").assume_role, RoleArn=role_arn("job"), RoleSessionName="s-1")

print("all checks passed")
