"""Users, groups, roles, access keys, instance profiles, aliases and the account's summary: created,
read, changed, listed in pages, deleted; with each refusal that AWS documents."""

import datetime
import json
import re

import boto3
from checks import (
    ACCOUNT, arn, client, column, constraint, document, iam, paged, refused, trust,
)

LOOK = document("iam:Get*")
ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
EC2 = trust({"Service": "ec2.amazonaws.com"})


def no_user(name):
    return f"The user with name {name} cannot be found."


def no_group(name):
    return f"The group with name {name} cannot be found."


def no_role(name):
    return f"The role with name {name} cannot be found."


def no_profile(name):
    return f"Instance Profile {name} cannot be found."


def is_entity(entity, kind, name, path, prefix):
    """Checks what every entity has; the members are named after the kind."""
    word = {"user": "User", "group": "Group", "role": "Role"}.get(kind, "InstanceProfile")
    assert entity[f"{word}Name"] == name, entity
    assert entity["Path"] == path, entity
    assert entity["Arn"] == arn(kind, name, path), entity
    assert re.fullmatch(f"{prefix}[A-Z2-7]{{17}}", entity[f"{word}Id"]), entity
    assert isinstance(entity["CreateDate"], datetime.datetime), entity
    return entity[f"{word}Id"]


def summary():
    return iam.get_account_summary()["SummaryMap"]


before = summary()

# Users.
user = iam.create_user(UserName="Ann", Path="/people/team/")["User"]
ann = is_entity(user, "user", "Ann", "/people/team/", "AIDA")
assert not {"PermissionsBoundary", "PasswordLastUsed"} & set(user), user
assert iam.get_user(UserName="Ann")["User"]["UserId"] == ann
for name, path in (("Ann", "/"), ("ANN", "/elsewhere/")):
    refused(
        "EntityAlreadyExists", f"User with name {name} already exists.", iam.create_user,
        UserName=name, Path=path,
    )
refused(
    "ValidationError",
    constraint("userName", "x" * 65, "have length less than or equal to 64"),
    iam.create_user, UserName="x" * 65,
)
for n in range(5):
    iam.create_user(UserName=f"user-{n}", Path="/people/")
names = [f"user-{n}" for n in range(5)]
assert column(paged("list_users", "Users", PathPrefix="/people/"), "UserName") == ["Ann", *names]
assert column(iam.list_users(PathPrefix="/people/t")["Users"], "UserName") == ["Ann"]
assert iam.list_users(PathPrefix="/nobody/")["Users"] == []
assert {"Ann", "admin", *names} == set(column(paged("list_users", "Users"), "UserName"))

# A user keeps its id, its keys, groups and policies under another name.
iam.create_group(GroupName="kept")
iam.add_user_to_group(GroupName="kept", UserName="Ann")
iam.put_user_policy(UserName="Ann", PolicyName="look", PolicyDocument=LOOK)
key = iam.create_access_key(UserName="Ann")["AccessKey"]
iam.update_user(UserName="Ann", NewUserName="Anna", NewPath="/")
assert is_entity(iam.get_user(UserName="Anna")["User"], "user", "Anna", "/", "AIDA") == ann
assert column(iam.get_group(GroupName="kept")["Users"], "UserName") == ["Anna"]
assert iam.list_user_policies(UserName="Anna")["PolicyNames"] == ["look"]
assert column(iam.list_access_keys(UserName="Anna")["AccessKeyMetadata"], "UserName") == ["Anna"]
assert client("sts", key).get_caller_identity()["Arn"] == arn("user", "Anna")
iam.update_user(UserName="Anna", NewUserName="ANNA")
assert iam.get_user(UserName="ANNA")["User"]["UserId"] == ann
iam.update_user(UserName="ANNA", NewUserName="Anna")
refused("NoSuchEntity", no_user("Ann"), iam.get_user, UserName="Ann")
refused("NoSuchEntity", no_user("Ann"), iam.update_user, UserName="Ann", NewPath="/x/")
refused(
    "EntityAlreadyExists", "User with name USER-1 already exists.", iam.update_user,
    UserName="Anna", NewUserName="USER-1",
)
iam.create_user(UserName="Ann")
assert iam.get_user(UserName="Ann")["User"]["UserId"] != ann
iam.delete_user(UserName="Ann")

# A user goes only after everything that hangs on it.
in_use = "Cannot delete entity, must remove referenced objects first."
refused("DeleteConflict", in_use, iam.delete_user, UserName="Anna")
iam.delete_access_key(UserName="Anna", AccessKeyId=key["AccessKeyId"])
refused("DeleteConflict", in_use, iam.delete_user, UserName="Anna")
iam.delete_user_policy(UserName="Anna", PolicyName="look")
refused("DeleteConflict", in_use, iam.delete_user, UserName="Anna")
iam.remove_user_from_group(GroupName="kept", UserName="Anna")
iam.attach_user_policy(UserName="Anna", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
refused("DeleteConflict", in_use, iam.delete_user, UserName="Anna")
iam.detach_user_policy(UserName="Anna", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
iam.delete_user(UserName="Anna")
refused("NoSuchEntity", no_user("Anna"), iam.delete_user, UserName="Anna")
iam.delete_group(GroupName="kept")

# Access keys.
key = iam.create_access_key(UserName="user-0")["AccessKey"]
assert re.fullmatch("AKIA[A-Z2-7]{16}", key["AccessKeyId"]), key["AccessKeyId"]
assert len(key["SecretAccessKey"]) == 40
assert (key["UserName"], key["Status"]) == ("user-0", "Active")
assert isinstance(key["CreateDate"], datetime.datetime)
used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])
assert used["UserName"] == "user-0", used
assert used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}, used
other = iam.create_access_key(UserName="user-0")["AccessKey"]
refused(
    "LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2", iam.create_access_key,
    UserName="user-0",
)
keys = iam.list_access_keys(UserName="user-0")["AccessKeyMetadata"]
assert column(keys, "AccessKeyId") == column([key, other], "AccessKeyId"), keys
assert all(set(k) == {"UserName", "AccessKeyId", "Status", "CreateDate"} for k in keys), keys
page = iam.list_access_keys(UserName="user-0", MaxItems=1)
rest = iam.list_access_keys(UserName="user-0", MaxItems=1, Marker=page["Marker"])
assert page["IsTruncated"] and not rest["IsTruncated"], (page, rest)
assert page["AccessKeyMetadata"] + rest["AccessKeyMetadata"] == keys

sts = client("sts", key)
assert sts.get_caller_identity()["Arn"] == arn("user", "user-0", "/people/")
used = iam.get_access_key_last_used(AccessKeyId=key["AccessKeyId"])["AccessKeyLastUsed"]
assert (used["ServiceName"], used["Region"]) == ("sts", sts.meta.region_name), used
assert isinstance(used["LastUsedDate"], datetime.datetime), used
iam.update_access_key(UserName="user-0", AccessKeyId=key["AccessKeyId"], Status="Inactive")
refused(
    "InvalidClientTokenId", "The security token included in the request is invalid.",
    sts.get_caller_identity,
)
statuses = {
    k["AccessKeyId"]: k["Status"]
    for k in iam.list_access_keys(UserName="user-0")["AccessKeyMetadata"]
}
assert statuses == {key["AccessKeyId"]: "Inactive", other["AccessKeyId"]: "Active"}, statuses
iam.update_access_key(UserName="user-0", AccessKeyId=key["AccessKeyId"], Status="Active")
assert sts.get_caller_identity()["UserId"] == iam.get_user(UserName="user-0")["User"]["UserId"]
named = {"UserName": "user-0", "AccessKeyId": key["AccessKeyId"]}
refused("InvalidInput", None, iam.update_access_key, **named, Status="Expired")
refused("ValidationError", None, iam.update_access_key, **named, Status="Off")
unknown = "AKIAIOSFODNN7EXAMPLE"
no_key = f"The Access Key with id {unknown} cannot be found"
for call, more in ((iam.update_access_key, {"Status": "Inactive"}), (iam.delete_access_key, {})):
    refused("NoSuchEntity", no_key, call, UserName="user-0", AccessKeyId=unknown, **more)
    # A key is another user's as little as nobody's.
    refused(
        "NoSuchEntity", f"The Access Key with id {key['AccessKeyId']} cannot be found", call,
        UserName="user-1", AccessKeyId=key["AccessKeyId"], **more,
    )
    refused("NoSuchEntity", no_user("none"), call, UserName="none", AccessKeyId=unknown, **more)
refused("NoSuchEntity", no_user("none"), iam.create_access_key, UserName="none")
refused("NoSuchEntity", no_user("none"), iam.list_access_keys, UserName="none")
refused("AccessDenied", None, iam.get_access_key_last_used, AccessKeyId=unknown)

# Who names no user means itself.
iam.put_user_policy(UserName="user-0", PolicyName="own", PolicyDocument=document("iam:*"))
own = client("iam", key)
assert own.get_user()["User"]["UserName"] == "user-0"
assert own.list_access_keys()["AccessKeyMetadata"] == keys
own.update_access_key(AccessKeyId=other["AccessKeyId"], Status="Inactive")
own.delete_access_key(AccessKeyId=other["AccessKeyId"])
created = own.create_access_key()["AccessKey"]
assert created["UserName"] == "user-0", created["UserName"]
own.delete_access_key(AccessKeyId=created["AccessKeyId"])
iam.delete_user_policy(UserName="user-0", PolicyName="own")
iam.delete_access_key(**named)
refused("InvalidClientTokenId", None, own.get_user)

# Groups.
group = iam.create_group(GroupName="Crew", Path="/people/team/")["Group"]
crew = is_entity(group, "group", "Crew", "/people/team/", "AGPA")
assert iam.get_group(GroupName="Crew")["Group"]["GroupId"] == crew
refused(
    "EntityAlreadyExists", "Group with name crew already exists.", iam.create_group,
    GroupName="crew",
)
for n in range(5):
    iam.create_group(GroupName=f"group-{n}", Path="/people/")
groups = [f"group-{n}" for n in range(5)]
assert column(paged("list_groups", "Groups", PathPrefix="/people/"), "GroupName") == [
    "Crew", *groups,
]
assert column(iam.list_groups(PathPrefix="/people/team/")["Groups"], "GroupName") == ["Crew"]
for name in names:
    iam.add_user_to_group(GroupName="Crew", UserName=name)
iam.add_user_to_group(GroupName="Crew", UserName="user-0")
members = paged("get_group", "Users", GroupName="Crew")
assert column(members, "UserName") == names, members
for name in groups:
    iam.add_user_to_group(GroupName=name, UserName="user-0")
listed = paged("list_groups_for_user", "Groups", UserName="user-0")
assert column(listed, "GroupName") == ["Crew", *groups], listed
iam.update_group(GroupName="Crew", NewGroupName="Team", NewPath="/")
renamed = iam.get_group(GroupName="Team")
assert is_entity(renamed["Group"], "group", "Team", "/", "AGPA") == crew
assert column(renamed["Users"], "UserName") == names, renamed
refused("NoSuchEntity", no_group("Crew"), iam.get_group, GroupName="Crew")
refused("NoSuchEntity", no_group("Crew"), iam.update_group, GroupName="Crew", NewPath="/x/")
refused("NoSuchEntity", no_group("Crew"), iam.delete_group, GroupName="Crew")
refused(
    "EntityAlreadyExists", "Group with name GROUP-0 already exists.", iam.update_group,
    GroupName="Team", NewGroupName="GROUP-0",
)
refused("NoSuchEntity", no_user("none"), iam.list_groups_for_user, UserName="none")
for call in (iam.add_user_to_group, iam.remove_user_from_group):
    refused("NoSuchEntity", no_group("none"), call, GroupName="none", UserName="user-0")
    refused("NoSuchEntity", no_user("none"), call, GroupName="Team", UserName="none")
refused("DeleteConflict", None, iam.delete_group, GroupName="Team")
for name in names:
    iam.remove_user_from_group(GroupName="Team", UserName=name)
assert iam.get_group(GroupName="Team")["Users"] == []
iam.put_group_policy(GroupName="Team", PolicyName="look", PolicyDocument=LOOK)
refused(
    "DeleteConflict", "Cannot delete entity, must delete policies first.", iam.delete_group,
    GroupName="Team",
)
iam.delete_group_policy(GroupName="Team", PolicyName="look")
iam.attach_group_policy(GroupName="Team", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
refused(
    "DeleteConflict", "Cannot delete entity, must detach all policies first.", iam.delete_group,
    GroupName="Team",
)
iam.detach_group_policy(GroupName="Team", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
iam.delete_group(GroupName="Team")

# A user is in ten groups at most.
for n in range(5, 11):
    iam.create_group(GroupName=f"group-{n}", Path="/people/")
for n in range(5, 10):
    iam.add_user_to_group(GroupName=f"group-{n}", UserName="user-0")
refused(
    "LimitExceeded", "Cannot exceed quota for GroupsPerUser: 10", iam.add_user_to_group,
    GroupName="group-10", UserName="user-0",
)

# Roles.
made = iam.create_role(
    RoleName="Reader", Path="/people/team/", AssumeRolePolicyDocument=ROOT, Description="Reads",
    MaxSessionDuration=7200,
)["Role"]
reader = is_entity(made, "role", "Reader", "/people/team/", "AROA")
assert made["AssumeRolePolicyDocument"] == json.loads(ROOT), made
assert not {"RoleLastUsed", "PermissionsBoundary"} & set(made), made
role = iam.get_role(RoleName="Reader")["Role"]
assert role["RoleId"] == reader and role["AssumeRolePolicyDocument"] == json.loads(ROOT), role
assert (role["Description"], role["MaxSessionDuration"]) == ("Reads", 7200), role
assert role["RoleLastUsed"] == {}, role
refused(
    "EntityAlreadyExists", "Role with name reader already exists.", iam.create_role,
    RoleName="reader", AssumeRolePolicyDocument=ROOT,
)
for text in ("{", LOOK, trust({"AWS": arn("user", "none")}), trust({"AWS": "nobody"})):
    refused(
        "MalformedPolicyDocument", None, iam.create_role,
        RoleName="bad", AssumeRolePolicyDocument=text,
    )
    refused(
        "MalformedPolicyDocument", None, iam.update_assume_role_policy,
        RoleName="Reader", PolicyDocument=text,
    )
long = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{**json.loads(ROOT)["Statement"][0], "Sid": "x" * 2048}],
})
too_long = "Cannot exceed quota for ACLSizePerRole: 2048"
refused(
    "LimitExceeded", too_long, iam.create_role, RoleName="bad", AssumeRolePolicyDocument=long,
)
refused(
    "LimitExceeded", too_long, iam.update_assume_role_policy,
    RoleName="Reader", PolicyDocument=long,
)
for duration, words in (
    (3599, "greater than or equal to 3600"), (43201, "less than or equal to 43200"),
):
    text = constraint("maxSessionDuration", duration, f"have value {words}")
    refused(
        "ValidationError", text, iam.create_role,
        RoleName="bad", AssumeRolePolicyDocument=ROOT, MaxSessionDuration=duration,
    )
    refused(
        "ValidationError", text, iam.update_role, RoleName="Reader", MaxSessionDuration=duration,
    )
for n in range(5):
    iam.create_role(RoleName=f"role-{n}", Path="/people/", AssumeRolePolicyDocument=EC2)
roles = paged("list_roles", "Roles", PathPrefix="/people/")
assert column(roles, "RoleName") == ["Reader", *(f"role-{n}" for n in range(5))], roles
for role in roles:
    assert not {"RoleLastUsed", "PermissionsBoundary", "Tags"} & set(role), role
    assert role["MaxSessionDuration"] == (7200 if role["RoleName"] == "Reader" else 3600), role

iam.update_role(RoleName="Reader", Description="Looks", MaxSessionDuration=3600)
role = iam.get_role(RoleName="Reader")["Role"]
assert (role["Description"], role["MaxSessionDuration"]) == ("Looks", 3600), role
role = iam.update_role_description(RoleName="Reader", Description="Sees")["Role"]
assert (role["RoleId"], role["Description"]) == (reader, "Sees"), role
iam.update_assume_role_policy(RoleName="Reader", PolicyDocument=EC2)
role = iam.get_role(RoleName="Reader")["Role"]
assert role["AssumeRolePolicyDocument"] == json.loads(EC2), role
for call, more in (
    (iam.get_role, {}), (iam.delete_role, {}), (iam.update_role, {}),
    (iam.update_role_description, {"Description": "x"}),
    (iam.update_assume_role_policy, {"PolicyDocument": ROOT}),
    (iam.list_role_policies, {}), (iam.list_instance_profiles_for_role, {}),
):
    refused("NoSuchEntity", no_role("none"), call, RoleName="none", **more)

# A session of a role has no user to fall back to; the role shows when it was last used.
iam.update_assume_role_policy(RoleName="Reader", PolicyDocument=ROOT)
iam.put_role_policy(RoleName="Reader", PolicyName="look", PolicyDocument=document("iam:*"))
session = boto3.client("sts").assume_role(
    RoleArn=arn("role", "Reader", "/people/team/"), RoleSessionName="entities"
)["Credentials"]
session = client("iam", session)
for call in (session.get_user, session.create_access_key, session.list_access_keys):
    refused(
        "ValidationError", "Must specify userName when calling with non-User credentials", call,
    )
used = iam.get_role(RoleName="Reader")["Role"]["RoleLastUsed"]
assert isinstance(used["LastUsedDate"], datetime.datetime), used
assert used["Region"] == boto3.client("sts").meta.region_name, used

# A trust policy follows the id of its principal: who comes later under its name is another.
iam.create_user(UserName="Cara")
cara = iam.get_user(UserName="Cara")["User"]
iam.update_assume_role_policy(RoleName="role-0", PolicyDocument=trust({"AWS": cara["Arn"]}))


def trusted():
    role = iam.get_role(RoleName="role-0")["Role"]
    return role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"]["AWS"]


assert trusted() == cara["Arn"], trusted()
iam.update_user(UserName="Cara", NewUserName="Carla")
assert trusted() == arn("user", "Carla"), trusted()
iam.delete_user(UserName="Carla")
assert trusted() == cara["UserId"], trusted()
iam.create_user(UserName="Carla")
assert trusted() == cara["UserId"], trusted()
iam.delete_user(UserName="Carla")

# Instance profiles.
made = iam.create_instance_profile(InstanceProfileName="Box", Path="/boxes/")["InstanceProfile"]
box = is_entity(made, "instance-profile", "Box", "/boxes/", "AIPA")
assert made["Roles"] == [], made
refused(
    "EntityAlreadyExists", "Instance Profile box already exists.", iam.create_instance_profile,
    InstanceProfileName="box",
)
pair = {"InstanceProfileName": "Box", "RoleName": "Reader"}
iam.add_role_to_instance_profile(**pair)
profile = iam.get_instance_profile(InstanceProfileName="Box")["InstanceProfile"]
assert is_entity(profile, "instance-profile", "Box", "/boxes/", "AIPA") == box
assert column(profile["Roles"], "RoleId") == [reader], profile
assert profile["Roles"][0]["AssumeRolePolicyDocument"] == json.loads(ROOT), profile
refused(
    "LimitExceeded", "Cannot exceed quota for InstanceSessionsPerInstanceProfile: 1",
    iam.add_role_to_instance_profile, InstanceProfileName="Box", RoleName="role-0",
)
in_profile = "Cannot delete entity, must remove roles from instance profile first."
refused("DeleteConflict", in_profile, iam.delete_instance_profile, InstanceProfileName="Box")
iam.delete_role_policy(RoleName="Reader", PolicyName="look")
refused("DeleteConflict", in_profile, iam.delete_role, RoleName="Reader")
for n in range(5):
    iam.create_instance_profile(InstanceProfileName=f"box-{n}", Path="/boxes/small/")
    iam.add_role_to_instance_profile(InstanceProfileName=f"box-{n}", RoleName="role-1")
boxes = [f"box-{n}" for n in range(5)]
for parameters, wanted in (
    ({}, ["Box", *boxes]), ({"PathPrefix": "/boxes/"}, ["Box", *boxes]),
    ({"PathPrefix": "/boxes/small/"}, boxes),
):
    listed = paged("list_instance_profiles", "InstanceProfiles", **parameters)
    assert column(listed, "InstanceProfileName") == wanted, (parameters, listed)
listed = paged("list_instance_profiles_for_role", "InstanceProfiles", RoleName="role-1")
assert column(listed, "InstanceProfileName") == boxes, listed
for call in (iam.add_role_to_instance_profile, iam.remove_role_from_instance_profile):
    refused("NoSuchEntity", no_profile("x"), call, InstanceProfileName="x", RoleName="Reader")
    refused("NoSuchEntity", no_role("none"), call, InstanceProfileName="Box", RoleName="none")
for call in (iam.get_instance_profile, iam.delete_instance_profile):
    refused("NoSuchEntity", no_profile("none"), call, InstanceProfileName="none")

# The summary counts what there is now, and tells the quotas.
now = summary()
for word, count in (("Users", 5), ("Groups", 11), ("Roles", 6), ("InstanceProfiles", 6)):
    assert now[word] == before[word] + count, (word, before, now)
quotas = {
    "UsersQuota": 5000, "GroupsQuota": 300, "RolesQuota": 1000, "PoliciesQuota": 1500,
    "InstanceProfilesQuota": 1000, "ServerCertificatesQuota": 20, "UserPolicySizeQuota": 2048,
    "GroupPolicySizeQuota": 5120, "RolePolicySizeQuota": 10240, "PolicySizeQuota": 6144,
    "AssumeRolePolicySizeQuota": 2048, "GroupsPerUserQuota": 10, "AccessKeysPerUserQuota": 2,
    "SigningCertificatesPerUserQuota": 2, "AttachedPoliciesPerUserQuota": 10,
    "AttachedPoliciesPerRoleQuota": 10, "AttachedPoliciesPerGroupQuota": 10,
    "VersionsPerPolicyQuota": 5, "PolicyVersionsInUseQuota": 10000,
}
assert quotas.items() <= now.items(), now
rest = {
    "Policies", "ServerCertificates", "Providers", "MFADevices", "MFADevicesInUse",
    "PolicyVersionsInUse", "AccountMFAEnabled", "AccountAccessKeysPresent",
    "AccountPasswordPresent", "AccountSigningCertificatesPresent", "GlobalEndpointTokenVersion",
    "Users", "Groups", "Roles", "InstanceProfiles",
}
assert set(now) == set(quotas) | rest, now

# What is in a profile comes out of it, and then both can go.
iam.remove_role_from_instance_profile(**pair)
refused("NoSuchEntity", None, iam.remove_role_from_instance_profile, **pair)
iam.delete_instance_profile(InstanceProfileName="Box")
refused("NoSuchEntity", no_profile("Box"), iam.get_instance_profile, InstanceProfileName="Box")
iam.put_role_policy(RoleName="Reader", PolicyName="look", PolicyDocument=LOOK)
refused(
    "DeleteConflict", "Cannot delete entity, must delete policies first.", iam.delete_role,
    RoleName="Reader",
)
iam.delete_role_policy(RoleName="Reader", PolicyName="look")
iam.attach_role_policy(RoleName="Reader", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
refused(
    "DeleteConflict", "Cannot delete entity, must detach all policies first.", iam.delete_role,
    RoleName="Reader",
)
iam.detach_role_policy(RoleName="Reader", PolicyArn="arn:aws:iam::aws:policy/ReadOnlyAccess")
iam.delete_role(RoleName="Reader")
refused("NoSuchEntity", no_role("Reader"), iam.get_role, RoleName="Reader")
for n in range(5):
    iam.remove_role_from_instance_profile(InstanceProfileName=f"box-{n}", RoleName="role-1")
    iam.delete_instance_profile(InstanceProfileName=f"box-{n}")
for n in range(5):
    iam.delete_role(RoleName=f"role-{n}")
for n in range(10):
    iam.remove_user_from_group(GroupName=f"group-{n}", UserName="user-0")
for n in range(11):
    iam.delete_group(GroupName=f"group-{n}")
for name in names:
    iam.delete_user(UserName=name)
assert summary() == before, (before, summary())

# An account has a single alias: another takes its place.
assert iam.list_account_aliases()["AccountAliases"] == []
iam.create_account_alias(AccountAlias="example-works")
assert iam.list_account_aliases()["AccountAliases"] == ["example-works"]
iam.create_account_alias(AccountAlias="example-2")
assert iam.list_account_aliases()["AccountAliases"] == ["example-2"]
for alias in ("ab", "Example", "-example", "example-", "ex--ample", "x" * 64):
    refused("ValidationError", None, iam.create_account_alias, AccountAlias=alias)
refused("NoSuchEntity", None, iam.delete_account_alias, AccountAlias="example-works")
iam.delete_account_alias(AccountAlias="example-2")
assert iam.list_account_aliases()["AccountAliases"] == []
refused("NoSuchEntity", None, iam.delete_account_alias, AccountAlias="example-2")

# Groups up to the quota, and none beyond.
for n in range(300):
    iam.create_group(GroupName=f"many-{n}")
refused(
    "LimitExceeded", "Cannot exceed quota for GroupsPerAccount: 300", iam.create_group,
    GroupName="one-more",
)
iam.delete_group(GroupName="many-0")
iam.create_group(GroupName="one-more")

print("all checks passed")
