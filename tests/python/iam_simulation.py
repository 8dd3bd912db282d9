"""The simulators and the context keys of policies: what they decide is what live calls get, and
what they tell of it has the shape of AWS's answers; with each refusal that AWS documents."""

import json

from botocore.exceptions import ClientError
from checks import ACCOUNT, arn, client, column, document, iam, paged, refused, trust

OBJECT = "arn:aws:s3:::example/one"
SECRET = "arn:aws:s3:::example/secret/one"
READ = document("s3:Get*", "arn:aws:s3:::example/*")
HIDE = document("s3:*", "arn:aws:s3:::example/secret/*", "Deny")
ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})


def custom(*policies, **parameters):
    return iam.simulate_custom_policy(PolicyInputList=policies, **parameters)["EvaluationResults"]


def principal(kind, name, *actions, **parameters):
    return iam.simulate_principal_policy(
        PolicySourceArn=arn(kind, name), ActionNames=actions, **parameters
    )["EvaluationResults"]


def decisions(results):
    """The decision on each action and resource."""
    return {
        (result["EvalActionName"], one["EvalResourceName"]): one["EvalResourceDecision"]
        for result in results for one in result["ResourceSpecificResults"]
    }


def decision(results):
    """The decision on the only action."""
    [result] = results
    return result["EvalDecision"]


def entry(name, kind, *values):
    return {"ContextKeyName": name, "ContextKeyType": kind, "ContextKeyValues": values}


# Every action on every resource.
results = custom(
    READ, HIDE, ActionNames=["s3:GetObject", "s3:PutObject"], ResourceArns=[OBJECT, SECRET],
)
assert [result["EvalActionName"] for result in results] == ["s3:GetObject", "s3:PutObject"], results
assert decisions(results) == {
    ("s3:GetObject", OBJECT): "allowed", ("s3:GetObject", SECRET): "explicitDeny",
    ("s3:PutObject", OBJECT): "implicitDeny", ("s3:PutObject", SECRET): "explicitDeny",
}, results
assert [result["EvalDecision"] for result in results] == ["explicitDeny", "explicitDeny"], results
for result in results:
    assert len(result["ResourceSpecificResults"]) == 2, result
    for one in (result, *result["ResourceSpecificResults"]):
        assert one["MissingContextValues"] == [], one
        assert isinstance(one["MatchedStatements"], list), one
        assert "OrganizationsDecisionDetail" not in one, one
        assert "PermissionsBoundaryDecisionDetail" not in one, one
    # Within the account nothing is said of the kinds of policies.
    assert result["EvalDecisionDetails"] == {}, result

# The statements that decided, and where they stand; of a refusal only those that deny.
pretty = json.dumps({
    "Version": "2012-10-17",
    "Statement": [
        json.loads(document("s3:PutObject"))["Statement"][0],
        json.loads(document("s3:GetObject"))["Statement"][0],
    ],
}, indent=2)
[result] = custom(HIDE, pretty, ActionNames=["s3:GetObject"], ResourceArns=[OBJECT])
[matched] = result["MatchedStatements"]
assert result["ResourceSpecificResults"][0]["MatchedStatements"] == [matched], result
assert matched["SourcePolicyId"] == "PolicyInputList.2", matched
assert matched["SourcePolicyType"] == "IAM Policy", matched
lines = pretty.split("\n")
start, end = matched["StartPosition"], matched["EndPosition"]
assert lines[start["Line"] - 1][start["Column"] - 1] == "{", (start, pretty)
assert lines[end["Line"] - 1][:end["Column"]].strip().startswith("}"), (end, pretty)
assert start["Line"] > lines.index('      "Action": "s3:PutObject",'), (start, pretty)
[result] = custom(READ, HIDE, ActionNames=["s3:GetObject"], ResourceArns=[SECRET])
assert column(result["MatchedStatements"], "SourcePolicyId") == ["PolicyInputList.2"], result
[result] = custom(READ, ActionNames=["s3:PutObject"], ResourceArns=[OBJECT])
assert result["EvalDecision"] == "implicitDeny" and result["MatchedStatements"] == [], result

# Without resources, on everything.
[result] = custom(document("s3:ListAllMyBuckets"), ActionNames=["s3:ListAllMyBuckets"])
assert (result["EvalDecision"], result["EvalResourceName"]) == ("allowed", "*"), result
[result] = custom(READ, ActionNames=["s3:GetObject"])
assert (result["EvalDecision"], result["EvalResourceName"]) == ("implicitDeny", "*"), result

# Conditions: what was not given is missing, and what was given has a type.
for test, given, wanted in (
    ({"StringLike": {"aws:PrincipalTag/team": "blue*"}},
     entry("aws:PrincipalTag/team", "string", "blueish"), "allowed"),
    ({"StringEquals": {"aws:PrincipalTag/team": "blue"}},
     entry("aws:PrincipalTag/team", "string", "red"), "implicitDeny"),
    ({"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}},
     entry("aws:TagKeys", "stringList", "a", "b"), "allowed"),
    ({"ForAnyValue:StringEquals": {"aws:TagKeys": ["a", "b"]}},
     entry("aws:TagKeys", "stringList", "c", "d"), "implicitDeny"),
    ({"NumericLessThan": {"s3:max-keys": "10"}}, entry("s3:max-keys", "numeric", "9"), "allowed"),
    ({"NumericLessThan": {"s3:max-keys": "10"}},
     entry("s3:max-keys", "numeric", "10"), "implicitDeny"),
    ({"Bool": {"aws:SecureTransport": "true"}},
     entry("aws:SecureTransport", "boolean", "true"), "allowed"),
    ({"IpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
     entry("aws:SourceIp", "ip", "192.0.2.9"), "allowed"),
    ({"NotIpAddress": {"aws:SourceIp": "192.0.2.0/24"}},
     entry("aws:SourceIp", "ip", "192.0.2.9"), "implicitDeny"),
    ({"BinaryEquals": {"example:Key": "YQ=="}}, entry("example:Key", "binary", "YQ=="), "allowed"),
    ({"DateGreaterThan": {"aws:TokenIssueTime": "2020-01-01T00:00:00Z"}},
     entry("aws:TokenIssueTime", "date", "2020-01-02T00:00:00Z"), "allowed"),
    ({"ArnLike": {"aws:SourceArn": "arn:aws:s3:::example*"}},
     entry("aws:SourceArn", "string", "arn:aws:s3:::example-1"), "allowed"),
):
    text = document("s3:GetObject", Condition=test)
    asked = {"ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT]}
    [result] = custom(text, **asked)
    missing = [given["ContextKeyName"]]
    assert result["MissingContextValues"] == missing, (test, result)
    assert result["ResourceSpecificResults"][0]["MissingContextValues"] == missing, (test, result)
    [result] = custom(text, **asked, ContextEntries=[given])
    assert result["EvalDecision"] == wanted, (test, given, result)
    assert result["MissingContextValues"] == [], (test, given, result)
    keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[text])["ContextKeyNames"]
    assert keys == missing, (test, keys)
home = document("s3:GetObject", "arn:aws:s3:::example/${aws:username}/*")
given = [entry("aws:username", "string", "ann")]
asked = {"ActionNames": ["s3:GetObject"], "ContextEntries": given}
for name, wanted in (("ann", "allowed"), ("ben", "implicitDeny")):
    results = custom(home, **asked, ResourceArns=[f"arn:aws:s3:::example/{name}/1"])
    assert decision(results) == wanted, (name, results)
keys = iam.get_context_keys_for_custom_policy(PolicyInputList=[home, READ])["ContextKeyNames"]
assert keys == ["aws:username"], keys

# A boundary, service control policies and a resource policy have their say.
asked = {"ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT]}
for boundary, wanted, inside in (
    (READ, "allowed", True), (document("s3:Put*"), "implicitDeny", False),
    (document("s3:Get*", effect="Deny"), "explicitDeny", False),
):
    [result] = custom(READ, **asked, PermissionsBoundaryPolicyInputList=[boundary])
    assert result["EvalDecision"] == wanted, (boundary, result)
    detail = {"AllowedByPermissionsBoundary": inside}
    assert result["PermissionsBoundaryDecisionDetail"] == detail, (boundary, result)
    [one] = result["ResourceSpecificResults"]
    assert one["PermissionsBoundaryDecisionDetail"] == detail, (boundary, result)
ALL = document("*")
for levels, wanted in (
    ([[ALL], [ALL]], "allowed"), ([[ALL, HIDE], [ALL]], "allowed"),
    ([[ALL], [document("ec2:*")]], "implicitDeny"),
    ([[ALL], [ALL, document("s3:*", effect="Deny")], [ALL]], "explicitDeny"),
):
    levels = [{"ServiceControlPolicyInputList": level} for level in levels]
    [result] = custom(READ, **asked, OrderedOrganizationPolicyInputList=levels)
    assert result["EvalDecision"] == wanted, (levels, result)
    detail = {"AllowedByOrganizations": wanted == "allowed"}
    assert result["OrganizationsDecisionDetail"] == detail, (levels, result)
    # What an organisation's policies say is not told.
    sources = column(result["MatchedStatements"], "SourcePolicyId")
    assert sources == (["PolicyInputList.1"] if wanted == "allowed" else []), (levels, result)
ann = arn("user", "ann")


def bucket(who, effect="Allow", account=ACCOUNT):
    who = {"AWS": f"arn:aws:iam::{account}:{who}"}
    statement = {
        "Effect": effect, "Principal": who, "Action": "s3:GetObject",
        "Resource": "arn:aws:s3:::example/*",
    }
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


iam.create_user(UserName="ann")
asked["CallerArn"] = ann
nothing = document("ec2:*")
for policy, owned, wanted in (
    (nothing, bucket("user/ann"), "allowed"), (nothing, bucket("user/ben"), "implicitDeny"),
    (READ, bucket("user/ann", "Deny"), "explicitDeny"), (READ, bucket("user/ben"), "allowed"),
):
    results = custom(policy, **asked, ResourcePolicy=owned)
    assert decision(results) == wanted, (policy, owned, results)
# Across accounts both sides must allow.
other = "arn:aws:iam::210987654321:root"
for policy, owned, wanted in (
    (READ, bucket("user/ann"), "allowed"), (nothing, bucket("user/ann"), "implicitDeny"),
    (READ, bucket("user/ben"), "implicitDeny"),
):
    results = custom(policy, **asked, ResourcePolicy=owned, ResourceOwner=other)
    assert decision(results) == wanted, (policy, owned, results)
    assert results[0]["EvalDecisionDetails"], results

# Pages.
names = [f"s3:Get{n}" for n in "ABCDE"]
asked = {"ActionNames": names, "ResourceArns": [OBJECT]}
results = paged("simulate_custom_policy", "EvaluationResults", PolicyInputList=[READ], **asked)
assert [result["EvalActionName"] for result in results] == names, results
results = paged(
    "simulate_principal_policy", "EvaluationResults", PolicySourceArn=ann, **asked,
)
assert [result["EvalActionName"] for result in results] == names, results

# What is refused.
asked = {"PolicyInputList": [READ], "ActionNames": ["s3:GetObject"], "ResourceArns": [OBJECT]}
for wrong in (
    {"ActionNames": ["s3:Get*"]}, {"ActionNames": ["GetObject"]},
    {"PolicyInputList": ["{"]}, {"PolicyInputList": [READ, ROOT]},
    {"PermissionsBoundaryPolicyInputList": [READ, READ]},
    {"PermissionsBoundaryPolicyInputList": ["{"]},
    {"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": ["{"]}]},
    {"ResourceArns": ["example"]}, {"ResourceOwner": ann},
    {"ResourcePolicy": bucket("user/ann")}, {"ResourcePolicy": "{", "CallerArn": ann},
    {"CallerArn": f"arn:aws:sts::{ACCOUNT}:assumed-role/reader/one"},
    {"CallerArn": "ann"}, {"ResourceHandlingOption": "none-such"},
    {"ContextEntries": [entry("aws:SourceIp", "ip", "everywhere")]},
    {"ContextEntries": [entry("s3:max-keys", "numeric", "ten")]},
    {"ContextEntries": [entry("aws:SecureTransport", "boolean", "perhaps")]},
    {"ContextEntries": [entry("aws:CurrentTime", "date", "soon")]},
):
    refused("InvalidInput", None, iam.simulate_custom_policy, **{**asked, **wrong})
for wrong in (
    {"ActionNames": ["ab"]}, {"ActionNames": ["s3:" + "x" * 126]},
    {"ContextEntries": [entry("aws:SourceIp", "word", "192.0.2.1")]},
    {"ContextEntries": [entry("a:b", "string", "1")]},
    {"OrderedOrganizationPolicyInputList": [{"ServiceControlPolicyInputList": [ALL]}] * 8},
):
    refused("ValidationError", None, iam.simulate_custom_policy, **{**asked, **wrong})
refused("InvalidInput", None, iam.get_context_keys_for_custom_policy, PolicyInputList=["{"])

# Users with what their groups give them, groups, and roles.
iam.create_group(GroupName="crew")
iam.add_user_to_group(GroupName="crew", UserName="ann")
iam.create_role(RoleName="reader", AssumeRolePolicyDocument=ROOT)
managed = iam.create_policy(PolicyName="managed", PolicyDocument=document("iam:ListRoles"))
managed = managed["Policy"]["Arn"]
iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document("iam:ListUsers"))
iam.put_group_policy(GroupName="crew", PolicyName="all", PolicyDocument=document("iam:ListGroups"))
iam.attach_user_policy(UserName="ann", PolicyArn=managed)
iam.attach_group_policy(
    GroupName="crew", PolicyArn="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
)
iam.put_role_policy(RoleName="reader", PolicyName="own", PolicyDocument=document(
    "iam:ListUsers", Condition={"StringEquals": {"aws:PrincipalTag/team": "blue"}},
))
ACTIONS = ["iam:ListUsers", "iam:ListGroups", "iam:ListRoles", "iam:CreateUser"]
for kind, name, allowed in (
    ("user", "ann", ACTIONS[:3]), ("group", "crew", ["iam:ListGroups"]), ("role", "reader", []),
):
    results = principal(kind, name, *ACTIONS)
    found = [result["EvalActionName"] for result in results if result["EvalDecision"] == "allowed"]
    assert found == allowed, (kind, name, results)
    assert all(result["EvalDecision"] in ("allowed", "implicitDeny") for result in results), results
[result] = principal("user", "ann", "iam:ListRoles")
assert column(result["MatchedStatements"], "SourcePolicyId") == ["managed"], result
assert column(result["MatchedStatements"], "SourcePolicyType") == ["IAM Policy"], result
assert decision(principal("user", "ann", "s3:GetObject", ResourceArns=[OBJECT])) == "allowed"

# More policies, and fewer.
more = {"PolicyInputList": [document("iam:CreateUser")]}
assert decision(principal("user", "ann", "iam:CreateUser", **more)) == "allowed"
more = {"PolicyInputList": [document("iam:ListUsers", effect="Deny")]}
assert decision(principal("user", "ann", "iam:ListUsers", **more)) == "explicitDeny"
more = {"PolicyExclusionList": [{"PolicyArn": managed}]}
assert decision(principal("user", "ann", "iam:ListRoles", **more)) == "implicitDeny"
assert decision(principal("user", "ann", "iam:ListUsers", **more)) == "allowed"
refused(
    "InvalidInput", None, iam.simulate_principal_policy,
    PolicySourceArn=ann, ActionNames=["iam:ListUsers"],
    PolicyExclusionList=[{"PolicyArn": "no-arn-but-long-enough"}],
)

# A boundary of the caller's own, and another in its place.
iam.put_user_permissions_boundary(
    UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/AmazonS3ReadOnlyAccess"
)
[result] = principal("user", "ann", "iam:ListUsers")
assert result["EvalDecision"] == "implicitDeny", result
assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": False}
more = {"PermissionsBoundaryPolicyInputList": [document("iam:*")]}
[result] = principal("user", "ann", "iam:ListUsers", **more)
assert result["EvalDecision"] == "allowed", result
assert result["PermissionsBoundaryDecisionDetail"] == {"AllowedByPermissionsBoundary": True}
iam.delete_user_permissions_boundary(UserName="ann")

# Context keys of all that applies.
keys = iam.get_context_keys_for_principal_policy(PolicySourceArn=arn("role", "reader"))
assert keys["ContextKeyNames"] == ["aws:PrincipalTag/team"], keys
keys = iam.get_context_keys_for_principal_policy(
    PolicySourceArn=arn("role", "reader"),
    PolicyInputList=[document("s3:*", Condition={"Bool": {"aws:SecureTransport": "true"}})],
)
assert sorted(keys["ContextKeyNames"]) == ["aws:PrincipalTag/team", "aws:SecureTransport"], keys
assert iam.get_context_keys_for_principal_policy(PolicySourceArn=ann)["ContextKeyNames"] == []

for call, more in (
    (iam.simulate_principal_policy, {"ActionNames": ["iam:ListUsers"]}),
    (iam.get_context_keys_for_principal_policy, {}),
):
    for kind in ("user", "group", "role"):
        refused(
            "NoSuchEntity", f"The {kind} with name none cannot be found.", call,
            PolicySourceArn=arn(kind, "none"), **more,
        )
    for source in (managed, f"arn:aws:iam::{ACCOUNT}:root"):
        refused("InvalidInput", None, call, PolicySourceArn=source, **more)
    refused("InvalidInput", None, call, PolicySourceArn=ann, PolicyInputList=["{"], **more)

# What is simulated is what a live call gets.
live = client("iam", iam.create_access_key(UserName="ann")["AccessKey"])
CALLS = {
    "iam:ListUsers": (live.list_users, {}, arn("user", "")),
    "iam:ListGroups": (live.list_groups, {}, arn("group", "")),
    "iam:ListRoles": (live.list_roles, {}, arn("role", "")),
    "iam:ListPolicies": (live.list_policies, {}, "*"),
    "iam:GetRole": (live.get_role, {"RoleName": "reader"}, arn("role", "reader")),
    "iam:GetGroup": (live.get_group, {"GroupName": "crew"}, arn("group", "crew")),
    "iam:GetUser": (live.get_user, {"UserName": "ann"}, ann),
    "iam:ListUserTags": (live.list_user_tags, {"UserName": "ann"}, ann),
}


def agree(what):
    for action, (call, parameters, resource) in CALLS.items():
        simulated = decision(principal("user", "ann", action, ResourceArns=[resource]))
        try:
            call(**parameters)
            answered = "allowed"
        except ClientError as error:
            message = error.response["Error"]["Message"]
            assert error.response["Error"]["Code"] == "AccessDenied", error.response
            answered = "explicitDeny" if "with an explicit deny" in message else "implicitDeny"
        assert simulated == answered, (what, action, simulated, answered)


agree("groups and managed policies")
iam.put_group_policy(
    GroupName="crew", PolicyName="all",
    PolicyDocument=document("iam:*", [arn("group", "*"), arn("role", "*")], "Deny"),
)
agree("a group that denies")
iam.put_group_policy(GroupName="crew", PolicyName="all", PolicyDocument=document("iam:Get*", ann))
agree("one resource")
iam.put_user_policy(UserName="ann", PolicyName="own", PolicyDocument=document("iam:*"))
iam.put_user_permissions_boundary(
    UserName="ann", PermissionsBoundary="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
)
agree("a boundary")
iam.put_user_permissions_boundary(UserName="ann", PermissionsBoundary=managed)
agree("a narrow boundary")

print("all checks passed")
