"""Policies: managed ones and their versions, attachments, boundaries, inline ones, AWS's own, and
the account's authorization details; with each refusal that AWS documents."""

import datetime
import json
import re

from checks import (
    ACCOUNT, arn, client, column, constraint, document, iam, paged, refused, trust,
)

LOOK = document("iam:Get*")
ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
NONE = arn("policy", "none")
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
VIEW_ONLY = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"
OTHERS = "arn:aws:iam::210987654321:policy/look"
NO_POLICY = arn("user", "AdministratorAccess", account="aws")
NO_ARN = "no-arn-but-long-enough"
UNPARSED = "Invalid ARN:  Could not be parsed!"


def not_found(policy):
    return f"Policy {policy} was not found."


def not_attachable(policy):
    return f"Policy {policy} does not exist or is not attachable."


# Policies.
made = iam.create_policy(
    PolicyName="Look", Path="/sight/near/", PolicyDocument=LOOK, Description="Looks around",
    Tags=[{"Key": "team", "Value": "blue"}],
)["Policy"]
look = arn("policy", "Look", "/sight/near/")
assert made["Arn"] == look and made["PolicyName"] == "Look" and made["Path"] == "/sight/near/", made
assert re.fullmatch("ANPA[A-Z2-7]{17}", made["PolicyId"]), made
assert made["DefaultVersionId"] == "v1" and made["IsAttachable"] is True, made
assert (made["AttachmentCount"], made["PermissionsBoundaryUsageCount"]) == (0, 0), made
assert made["CreateDate"] == made["UpdateDate"] and made["CreateDate"].tzinfo, made
policy = iam.get_policy(PolicyArn=look)["Policy"]
assert policy["PolicyId"] == made["PolicyId"] and policy["Description"] == "Looks around", policy
assert policy["Tags"] == [{"Key": "team", "Value": "blue"}], policy
for name, path in (("Look", "/"), ("LOOK", "/sight/near/")):
    refused(
        "EntityAlreadyExists",
        f"A policy called {name} already exists. Duplicate names are not allowed.",
        iam.create_policy, PolicyName=name, Path=path, PolicyDocument=LOOK,
    )
bad = ("{", "[]", '{"Version": "2012-10-17"}', document("iam:Get*", effect="Maybe"), ROOT)
for text in bad:
    refused("MalformedPolicyDocument", None, iam.create_policy, PolicyName="x", PolicyDocument=text)
    refused(
        "MalformedPolicyDocument", None, iam.create_policy_version,
        PolicyArn=look, PolicyDocument=text,
    )


def padded(size):
    """A policy of that many characters, not counting white space."""
    def of(count):
        return json.dumps(json.loads(document("s3:GetObject", Sid="x" * count)), indent=1)

    return of(size - len("".join(of(0).split())))


iam.create_policy(PolicyName="full", PolicyDocument=padded(6144))
too_long = "Cannot exceed quota for PolicySize: 6144"
refused("LimitExceeded", too_long, iam.create_policy, PolicyName="x", PolicyDocument=padded(6145))
refused(
    "LimitExceeded", too_long, iam.create_policy_version,
    PolicyArn=look, PolicyDocument=padded(6145),
)
iam.delete_policy(PolicyArn=arn("policy", "full"))
for n in range(5):
    iam.create_policy(PolicyName=f"policy-{n}", Path="/sight/", PolicyDocument=LOOK)
policies = [arn("policy", f"policy-{n}", "/sight/") for n in range(5)]
listed = paged("list_policies", "Policies", Scope="Local", PathPrefix="/sight/")
assert column(listed, "Arn") == [look, *policies], listed
for policy in listed:
    assert not {"Description", "Tags"} & set(policy), policy
    assert policy["DefaultVersionId"] == "v1" and policy["AttachmentCount"] == 0, policy
assert column(iam.list_policies(PathPrefix="/sight/near/")["Policies"], "Arn") == [look]
assert iam.list_policies(Scope="Local", OnlyAttached=True)["Policies"] == []

# Versions.
for n in range(2, 6):
    version = iam.create_policy_version(
        PolicyArn=look, PolicyDocument=document(f"iam:Get{n}"), SetAsDefault=n == 3,
    )["PolicyVersion"]
    assert (version["VersionId"], version["IsDefaultVersion"]) == (f"v{n}", n == 3), version
    assert isinstance(version["CreateDate"], datetime.datetime), version
refused(
    "LimitExceeded",
    "A managed policy can have up to 5 versions. Before you create a new version, you must "
    "delete an existing version.",
    iam.create_policy_version, PolicyArn=look, PolicyDocument=LOOK,
)
versions = paged("list_policy_versions", "Versions", PolicyArn=look)
assert column(versions, "VersionId") == [f"v{n}" for n in range(1, 6)], versions
assert [v["VersionId"] for v in versions if v["IsDefaultVersion"]] == ["v3"], versions
assert not any("Document" in version for version in versions), versions
version = iam.get_policy_version(PolicyArn=look, VersionId="v4")["PolicyVersion"]
assert version["Document"] == json.loads(document("iam:Get4")), version
assert (version["VersionId"], version["IsDefaultVersion"]) == ("v4", False), version
assert iam.get_policy(PolicyArn=look)["Policy"]["DefaultVersionId"] == "v3"
iam.set_default_policy_version(PolicyArn=look, VersionId="v5")
assert iam.get_policy(PolicyArn=look)["Policy"]["DefaultVersionId"] == "v5"
refused(
    "DeleteConflict", "Cannot delete the default version of a policy.", iam.delete_policy_version,
    PolicyArn=look, VersionId="v5",
)
refused("DeleteConflict", None, iam.delete_policy, PolicyArn=look)
for n in range(1, 5):
    iam.delete_policy_version(PolicyArn=look, VersionId=f"v{n}")
refused("NoSuchEntity", None, iam.delete_policy_version, PolicyArn=look, VersionId="v1")
# Numbers are never used again.
version = iam.create_policy_version(PolicyArn=look, PolicyDocument=LOOK, SetAsDefault=True)
assert version["PolicyVersion"]["VersionId"] == "v6", version
iam.delete_policy_version(PolicyArn=look, VersionId="v5")
for call in (
    iam.get_policy_version, iam.set_default_policy_version, iam.delete_policy_version,
):
    refused("NoSuchEntity", None, call, PolicyArn=look, VersionId="v9")
    refused("NoSuchEntity", None, call, PolicyArn=NONE, VersionId="v1")
    refused(
        "ValidationError",
        constraint(
            "versionId", "9",
            r"satisfy regular expression pattern: v[1-9][0-9]*(\.[A-Za-z0-9-]*)?",
        ),
        call, PolicyArn=look, VersionId="9",
    )
for call, more in (
    (iam.get_policy, {}), (iam.delete_policy, {}), (iam.list_policy_versions, {}),
    (iam.create_policy_version, {"PolicyDocument": LOOK}), (iam.list_entities_for_policy, {}),
):
    refused("NoSuchEntity", not_found(NONE), call, PolicyArn=NONE, **more)
    refused("ValidationError", UNPARSED, call, PolicyArn=NO_ARN, **more)
    refused("InvalidInput", None, call, PolicyArn=NO_POLICY, **more)


# Attachments: the same for users, groups and roles.
class Holder:
    """What policies are attached to, with its operations by one name."""

    def __init__(self, kind, word):
        self.kind, self.word = kind, word
        self.attach = getattr(iam, f"attach_{kind}_policy")
        self.detach = getattr(iam, f"detach_{kind}_policy")
        self.listing = f"list_attached_{kind}_policies"
        self.put = getattr(iam, f"put_{kind}_policy")
        self.get = getattr(iam, f"get_{kind}_policy")
        self.delete = getattr(iam, f"delete_{kind}_policy")
        self.inline = f"list_{kind}_policies"

    def named(self, name):
        return {f"{self.word}Name": name}

    def missing(self, name):
        return f"The {self.kind} with name {name} cannot be found."


HOLDERS = [Holder("user", "User"), Holder("group", "Group"), Holder("role", "Role")]
iam.create_user(UserName="Holder", Path="/held/")
iam.create_group(GroupName="Holder", Path="/held/")
iam.create_role(RoleName="Holder", Path="/held/", AssumeRolePolicyDocument=ROOT)

for holder in HOLDERS:
    it = holder.named("Holder")
    for policy in (*policies, policies[0], look):
        holder.attach(**it, PolicyArn=policy)
    attached = paged(holder.listing, "AttachedPolicies", **it)
    assert column(attached, "PolicyArn") == [look, *policies], attached
    assert column(attached, "PolicyName") == ["Look", *(f"policy-{n}" for n in range(5))], attached
    near = getattr(iam, holder.listing)(**it, PathPrefix="/sight/near/")
    assert near["AttachedPolicies"] == [{"PolicyName": "Look", "PolicyArn": look}], near
    holder.detach(**it, PolicyArn=look)
    for policy in (look, NONE, VIEW_ONLY):
        refused("NoSuchEntity", not_found(policy), holder.detach, **it, PolicyArn=policy)
    for policy in (NONE, "arn:aws:iam::aws:policy/NoSuchPolicy"):
        refused("NoSuchEntity", not_attachable(policy), holder.attach, **it, PolicyArn=policy)
    none = holder.named("none")
    for call, more in (
        (holder.attach, {"PolicyArn": look}), (holder.detach, {"PolicyArn": look}),
        (getattr(iam, holder.listing), {}),
    ):
        refused("NoSuchEntity", holder.missing("none"), call, **none, **more)
    for call in (holder.attach, holder.detach):
        refused("ValidationError", UNPARSED, call, **it, PolicyArn=NO_ARN)
        refused("InvalidInput", None, call, **it, PolicyArn=NO_POLICY)

# What was attached is counted and cannot be deleted.
policy = iam.get_policy(PolicyArn=policies[0])["Policy"]
assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (3, 0), policy
attached = paged("list_policies", "Policies", Scope="Local", OnlyAttached=True)
assert column(attached, "Arn") == policies, attached
refused(
    "DeleteConflict", "Cannot delete a policy attached to entities.", iam.delete_policy,
    PolicyArn=policies[0],
)

# Ten policies are attached at most.
for n in range(5, 11):
    iam.create_policy(PolicyName=f"policy-{n}", Path="/more/", PolicyDocument=LOOK)
more = [arn("policy", f"policy-{n}", "/more/") for n in range(5, 11)]
for holder in HOLDERS:
    it = holder.named("Holder")
    for policy in more[:5]:
        holder.attach(**it, PolicyArn=policy)
    refused(
        "LimitExceeded", f"Cannot exceed quota for PoliciesPer{holder.word}: 10", holder.attach,
        **it, PolicyArn=more[5],
    )
    holder.attach(**it, PolicyArn=more[0])
    for policy in more[:5]:
        holder.detach(**it, PolicyArn=policy)
for policy in more:
    iam.delete_policy(PolicyArn=policy)

# Who has a policy attached, page by page.
for n in range(3):
    iam.create_user(UserName=f"user-{n}")
    iam.attach_user_policy(UserName=f"user-{n}", PolicyArn=policies[1])
ENTITIES = ("PolicyGroups", "PolicyUsers", "PolicyRoles")
assert len(paged("list_entities_for_policy", *ENTITIES, PolicyArn=policies[1])) == 6
everybody = iam.list_entities_for_policy(PolicyArn=policies[1])
assert column(everybody["PolicyGroups"], "GroupName") == ["Holder"], everybody
assert column(everybody["PolicyUsers"], "UserName") == ["Holder", "user-0", "user-1", "user-2"]
assert column(everybody["PolicyRoles"], "RoleName") == ["Holder"], everybody
role = iam.get_role(RoleName="Holder")["Role"]
assert column(everybody["PolicyRoles"], "RoleId") == [role["RoleId"]], everybody
for parameters, counts in (
    ({"EntityFilter": "Group"}, (1, 0, 0)), ({"EntityFilter": "User"}, (0, 4, 0)),
    ({"EntityFilter": "Role"}, (0, 0, 1)), ({"PathPrefix": "/held/"}, (1, 1, 1)),
    ({"EntityFilter": "User", "PathPrefix": "/held/"}, (0, 1, 0)),
    ({"PolicyUsageFilter": "PermissionsPolicy"}, (1, 4, 1)),
    ({"PolicyUsageFilter": "PermissionsBoundary"}, (0, 0, 0)),
):
    entities = iam.list_entities_for_policy(PolicyArn=policies[1], **parameters)
    found = tuple(len(entities[member]) for member in ENTITIES)
    assert found == counts, (parameters, entities)
for n in range(3):
    iam.detach_user_policy(UserName=f"user-{n}", PolicyArn=policies[1])
    iam.delete_user(UserName=f"user-{n}")

# Boundaries, of users and roles.
for kind, word in (("user", "User"), ("role", "Role")):
    put = getattr(iam, f"put_{kind}_permissions_boundary")
    delete = getattr(iam, f"delete_{kind}_permissions_boundary")
    create, get = getattr(iam, f"create_{kind}"), getattr(iam, f"get_{kind}")
    it, none = {f"{word}Name": "Bound"}, {f"{word}Name": "none"}
    trusting = {"AssumeRolePolicyDocument": ROOT} if kind == "role" else {}
    refused(
        "NoSuchEntity", None, create, **it, **trusting, PermissionsBoundary=NONE,
    )
    made = create(**it, **trusting, PermissionsBoundary=look)[word]
    assert made["PermissionsBoundary"]["PermissionsBoundaryArn"] == look, made
    bound = get(**it)[word]["PermissionsBoundary"]
    assert bound["PermissionsBoundaryArn"] == look, bound
    policy = iam.get_policy(PolicyArn=look)["Policy"]
    assert (policy["AttachmentCount"], policy["PermissionsBoundaryUsageCount"]) == (0, 1), policy
    entities = iam.list_entities_for_policy(
        PolicyArn=look, PolicyUsageFilter="PermissionsBoundary"
    )
    assert column(entities[f"Policy{word}s"], f"{word}Name") == ["Bound"], entities
    used = iam.list_policies(PolicyUsageFilter="PermissionsBoundary")["Policies"]
    assert column(used, "Arn") == [look], used
    refused("DeleteConflict", None, iam.delete_policy, PolicyArn=look)
    put(**it, PermissionsBoundary=VIEW_ONLY)
    assert get(**it)[word]["PermissionsBoundary"]["PermissionsBoundaryArn"] == VIEW_ONLY
    for member in iam.list_users()["Users"] + iam.list_roles()["Roles"]:
        assert "PermissionsBoundary" not in member, member
    for policy in (NONE, OTHERS):
        refused("NoSuchEntity", None, put, **it, PermissionsBoundary=policy)
    refused(
        "ValidationError", f"Value ({NO_POLICY}) for parameter PermissionsBoundary is invalid.",
        put, **it, PermissionsBoundary=NO_POLICY,
    )
    missing = f"The {kind} with name none cannot be found."
    refused("NoSuchEntity", missing, put, **none, PermissionsBoundary=look)
    refused("NoSuchEntity", missing, delete, **none)
    delete(**it)
    assert "PermissionsBoundary" not in get(**it)[word]
    # Who has a boundary can be deleted all the same.
    put(**it, PermissionsBoundary=look)
    getattr(iam, f"delete_{kind}")(**it)
    assert iam.get_policy(PolicyArn=look)["Policy"]["PermissionsBoundaryUsageCount"] == 0

# A boundary limits, and allows nothing by itself.
iam.create_user(UserName="Bound", PermissionsBoundary=VIEW_ONLY)
bound = client("iam", iam.create_access_key(UserName="Bound")["AccessKey"])
refused("AccessDenied", None, bound.list_users)
iam.attach_user_policy(UserName="Bound", PolicyArn=ADMINISTRATOR)
assert column(bound.list_groups()["Groups"], "GroupName") == ["Holder"]
refused("AccessDenied", None, bound.create_group, GroupName="more")
refused("AccessDenied", None, bound.delete_user_permissions_boundary, UserName="Bound")
iam.delete_user_permissions_boundary(UserName="Bound")
bound.create_group(GroupName="more")
bound.delete_group(GroupName="more")

# Inline policies: of a total size, and the text as it was saved.
for holder, limit in zip(HOLDERS, (2048, 5120, 10240)):
    it = holder.named("Holder")
    spaced = json.dumps(json.loads(LOOK), indent=3)
    for n in range(5):
        holder.put(**it, PolicyName=f"inline-{n}", PolicyDocument=spaced)
    names = paged(holder.inline, "PolicyNames", **it)
    assert sorted(names) == [f"inline-{n}" for n in range(5)], names
    got = holder.get(**it, PolicyName="inline-0")
    assert got[f"{holder.word}Name"] == "Holder" and got["PolicyName"] == "inline-0", got
    assert got["PolicyDocument"] == json.loads(LOOK), got
    holder.put(**it, PolicyName="inline-0", PolicyDocument=document("iam:List*"))
    got = holder.get(**it, PolicyName="inline-0")["PolicyDocument"]
    assert got == json.loads(document("iam:List*")), got
    for n in range(5):
        holder.delete(**it, PolicyName=f"inline-{n}")
    gone = f"The {holder.kind} policy with name inline-0 cannot be found."
    refused("NoSuchEntity", gone, holder.get, **it, PolicyName="inline-0")
    refused("NoSuchEntity", gone, holder.delete, **it, PolicyName="inline-0")
    holder.put(**it, PolicyName="half", PolicyDocument=padded(limit // 2))
    holder.put(**it, PolicyName="rest", PolicyDocument=padded(limit // 2))
    refused(
        "LimitExceeded",
        f"Maximum policy size of {limit} bytes exceeded for {holder.kind} Holder", holder.put,
        **it, PolicyName="rest", PolicyDocument=padded(limit // 2 + 1),
    )
    holder.delete(**it, PolicyName="rest")
    for text in bad:
        refused(
            "MalformedPolicyDocument", None, holder.put,
            **it, PolicyName="bad", PolicyDocument=text,
        )
    none = holder.named("none")
    for call, parameters in (
        (holder.put, {"PolicyName": "half", "PolicyDocument": LOOK}),
        (holder.get, {"PolicyName": "half"}), (holder.delete, {"PolicyName": "half"}),
        (getattr(iam, holder.inline), {}),
    ):
        refused("NoSuchEntity", holder.missing("none"), call, **none, **parameters)

# AWS's own policies can be read and attached, and not be changed.
aws = paged("list_policies", "Policies", Scope="AWS")
assert all(policy["Arn"].startswith("arn:aws:iam::aws:policy/") for policy in aws), aws
names = {
    "AdministratorAccess", "PowerUserAccess", "ReadOnlyAccess", "SecurityAudit", "ViewOnlyAccess",
    "IAMFullAccess", "IAMReadOnlyAccess", "IAMUserChangePassword", "AmazonS3FullAccess",
    "AmazonS3ReadOnlyAccess", "Billing", "DatabaseAdministrator", "DataScientist",
    "NetworkAdministrator", "SupportUser", "SystemAdministrator",
}
assert names <= set(column(aws, "PolicyName")), aws
everything = column(paged("list_policies", "Policies", size=7), "Arn")
assert everything == sorted([*column(aws, "Arn"), look, *policies]), everything
jobs = column(iam.list_policies(PathPrefix="/job-function/")["Policies"], "PolicyName")
assert "ViewOnlyAccess" in jobs and "ReadOnlyAccess" not in jobs, jobs
attached = iam.list_policies(Scope="AWS", OnlyAttached=True)["Policies"]
assert [(p["Arn"], p["AttachmentCount"]) for p in attached] == [(ADMINISTRATOR, 1)], attached
policy = iam.get_policy(PolicyArn=ADMINISTRATOR)["Policy"]
assert policy["IsAttachable"] and policy["AttachmentCount"] == 1 and policy["Description"], policy
for policy in aws:
    version = iam.get_policy_version(
        PolicyArn=policy["Arn"], VersionId=policy["DefaultVersionId"]
    )["PolicyVersion"]
    assert version["IsDefaultVersion"] and version["Document"]["Statement"], version
    versions = iam.list_policy_versions(PolicyArn=policy["Arn"])["Versions"]
    assert policy["DefaultVersionId"] in column(versions, "VersionId"), versions
statement = iam.get_policy_version(PolicyArn=ADMINISTRATOR, VersionId="v1")
statement = statement["PolicyVersion"]["Document"]["Statement"]
assert statement == [{"Effect": "Allow", "Action": "*", "Resource": "*"}], statement
entities = iam.list_entities_for_policy(PolicyArn=ADMINISTRATOR)
assert column(entities["PolicyUsers"], "UserName") == ["Bound"], entities
for call, parameters in (
    (iam.delete_policy, {}), (iam.create_policy_version, {"PolicyDocument": LOOK}),
    (iam.set_default_policy_version, {"VersionId": "v1"}),
    (iam.delete_policy_version, {"VersionId": "v1"}),
):
    refused("AccessDenied", None, call, PolicyArn=ADMINISTRATOR, **parameters)

# Everything at once.
iam.put_role_permissions_boundary(RoleName="Holder", PermissionsBoundary=look)
iam.create_policy_version(PolicyArn=look, PolicyDocument=document("iam:List*"))
iam.add_user_to_group(GroupName="Holder", UserName="Bound")
iam.create_instance_profile(InstanceProfileName="Box")
iam.add_role_to_instance_profile(InstanceProfileName="Box", RoleName="Holder")
LISTS = ("UserDetailList", "GroupDetailList", "RoleDetailList", "Policies")
DETAILS = "get_account_authorization_details"
details = {
    "User": {}, "Group": {}, "Role": {}, "LocalManagedPolicy": {}, "AWSManagedPolicy": {},
}
for words, item in (
    (words, item) for words, member in zip(("User", "Group", "Role", "Policy"), LISTS)
    for page in iam.get_paginator(DETAILS).paginate(PaginationConfig={"PageSize": 2})
    for item in page[member]
):
    if words == "Policy":
        ours = item["Arn"].split(":")[4] == ACCOUNT
        words = "LocalManagedPolicy" if ours else "AWSManagedPolicy"
    name = item.get(f"{words}Name") or item["PolicyName"]
    assert name not in details[words], (words, name)
    details[words][name] = item
assert len(paged(DETAILS, *LISTS)) == sum(map(len, details.values()))
assert sorted(details["User"]) == ["Bound", "Holder", "admin"], details["User"]
assert sorted(details["Group"]) == ["Holder"] and sorted(details["Role"]) == ["Holder"]
assert sorted(details["LocalManagedPolicy"]) == ["Look", *(f"policy-{n}" for n in range(5))]
for member, kind in zip(LISTS, ("User", "Group", "Role")):
    found = iam.get_account_authorization_details(Filter=[kind])
    assert column(found[member], f"{kind}Name") == sorted(details[kind]), found
    assert not any(found[other] for other in LISTS if other != member), found
for kind in ("LocalManagedPolicy", "AWSManagedPolicy"):
    found = iam.get_account_authorization_details(Filter=[kind])
    assert column(found["Policies"], "PolicyName") == sorted(details[kind]), found
    assert not any(found[other] for other in LISTS[:3]), found
found = iam.get_account_authorization_details(Filter=["User", "Group"])
assert len(found["UserDetailList"]) == 3 and len(found["GroupDetailList"]) == 1, found
assert not found["RoleDetailList"] and not found["Policies"], found
refused("ValidationError", None, iam.get_account_authorization_details, Filter=["Robot"])

inline = json.loads(padded(2048 // 2))
holder = details["User"]["Holder"]
assert holder["UserPolicyList"] == [{"PolicyName": "half", "PolicyDocument": inline}], holder
assert column(holder["AttachedManagedPolicies"], "PolicyArn") == policies, holder
assert holder["GroupList"] == [] and details["User"]["Bound"]["GroupList"] == ["Holder"]
group = details["Group"]["Holder"]
assert column(group["GroupPolicyList"], "PolicyName") == ["half"], group
assert column(group["AttachedManagedPolicies"], "PolicyArn") == policies, group
role = details["Role"]["Holder"]
assert role["AssumeRolePolicyDocument"] == json.loads(ROOT), role
assert column(role["RolePolicyList"], "PolicyName") == ["half"], role
assert column(role["InstanceProfileList"], "InstanceProfileName") == ["Box"], role
assert column(role["AttachedManagedPolicies"], "PolicyArn") == policies, role
assert role["PermissionsBoundary"]["PermissionsBoundaryArn"] == look, role
policy = details["LocalManagedPolicy"]["Look"]
versions = {v["VersionId"]: v["Document"] for v in policy["PolicyVersionList"]}
assert versions == {"v6": json.loads(LOOK), "v7": json.loads(document("iam:List*"))}, policy
assert (policy["DefaultVersionId"], policy["PermissionsBoundaryUsageCount"]) == ("v6", 1), policy

# Taken down, from the outside in.
iam.remove_role_from_instance_profile(InstanceProfileName="Box", RoleName="Holder")
iam.delete_instance_profile(InstanceProfileName="Box")
for holder in HOLDERS:
    it = holder.named("Holder")
    for policy in policies:
        holder.detach(**it, PolicyArn=policy)
    holder.delete(**it, PolicyName="half")
    refused("NoSuchEntity", not_found(look), holder.detach, **it, PolicyArn=look)
iam.delete_role(RoleName="Holder")
iam.delete_user(UserName="Holder")
iam.remove_user_from_group(GroupName="Holder", UserName="Bound")
iam.delete_group(GroupName="Holder")
iam.delete_policy_version(PolicyArn=look, VersionId="v7")
for policy in (look, *policies):
    iam.delete_policy(PolicyArn=policy)
    refused("NoSuchEntity", not_found(policy), iam.get_policy, PolicyArn=policy)
assert iam.list_policies(Scope="Local")["Policies"] == []

print("all checks passed")
