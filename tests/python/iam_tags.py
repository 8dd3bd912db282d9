"""Tags of users, roles, policies and instance profiles: given at creation and later, replaced,
listed in pages, taken away, shown by Get and not by List; with each refusal that AWS documents."""

import json

from checks import (
    ACCOUNT, arn, client, column, constraint, document, iam, paged, refused, trust,
)

LOOK = document("iam:Get*")
ROOT = trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
TWICE = "Duplicate tag keys found. Please note that Tag keys are case insensitive."


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def many(count, prefix="key"):
    return [{"Key": f"{prefix}-{n}", "Value": "x"} for n in range(count)]


class Kind:
    """What has tags, with its operations by one name."""

    def __init__(self, word, snake, missing, **creation):
        self.word, self.creation = word, creation
        self.list = f"list_{snake}_tags"
        self.tag, self.untag = getattr(iam, f"tag_{snake}"), getattr(iam, f"untag_{snake}")
        self.create, self.get = getattr(iam, f"create_{snake}"), getattr(iam, f"get_{snake}")
        self.delete = getattr(iam, f"delete_{snake}")
        self.missing = missing

    def named(self, name):
        """The parameter that says which one."""
        if self.word == "Policy":
            return {"PolicyArn": arn("policy", name)}
        return {f"{self.word}Name": name}

    def creating(self, name):
        return {f"{self.word}Name": name, **self.creation}

    def listed(self, name):
        return getattr(iam, self.list)(**self.named(name))["Tags"]


KINDS = [
    Kind("User", "user", "The user with name none cannot be found."),
    Kind(
        "Role", "role", "The role with name none cannot be found.", AssumeRolePolicyDocument=ROOT,
    ),
    Kind("Policy", "policy", f"Policy {arn('policy', 'none')} was not found.", PolicyDocument=LOOK),
    Kind("InstanceProfile", "instance_profile", "Instance Profile none cannot be found."),
]


def check(kind):
    # At creation.
    made = kind.create(**kind.creating("it"), Tags=tags(team="blue", Stage="test"))[kind.word]
    assert sorted(made["Tags"], key=str) == sorted(tags(team="blue", Stage="test"), key=str), made
    it, none = kind.named("it"), kind.named("none")
    got = kind.get(**it)[kind.word]
    assert column(got["Tags"], "Key") == ["Stage", "team"], got
    assert column(kind.listed("it"), "Key") == ["Stage", "team"]

    # Later: added and replaced; keys ignore case and values may be empty.
    kind.tag(**it, Tags=tags(team="red", cost=""))
    assert {t["Key"]: t["Value"] for t in kind.listed("it")} == {
        "team": "red", "Stage": "test", "cost": "",
    }, kind.listed("it")
    kind.tag(**it, Tags=tags(STAGE="live"))
    values = {t["Key"].lower(): t["Value"] for t in kind.listed("it")}
    assert values == {"team": "red", "stage": "live", "cost": ""}, values
    kind.untag(**it, TagKeys=["sTaGe", "cost", "was-never-there"])
    assert kind.listed("it") == tags(team="red"), kind.listed("it")
    allowed = "Ünï cødé 9 _.:/=+-@"
    kind.tag(**it, Tags=[{"Key": allowed, "Value": allowed}])
    assert {"Key": allowed, "Value": allowed} in kind.listed("it"), kind.listed("it")
    kind.untag(**it, TagKeys=[allowed])

    # Pages.
    kind.tag(**it, Tags=many(5))
    assert column(paged(kind.list, "Tags", **it), "Key") == [
        *(f"key-{n}" for n in range(5)), "team",
    ]

    # What is refused, at creation and later. Nothing of a refused request is kept.
    before = kind.listed("it")
    for code, text, wrong in (
        ("InvalidInput", TWICE, tags(new="1", NEW="2")),
        ("InvalidInput", TWICE, tags(new="1") * 2),
        ("InvalidInput", None, tags(**{"new": "1", "aws:new": "2"})),
        (
            "ValidationError", constraint(
                "tags.2.member.key", "no!",
                r"satisfy regular expression pattern: [\p{L}\p{Z}\p{N}_.:/=+\-@]+",
            ),
            tags(**{"new": "1", "no!": "2"}),
        ),
        (
            "ValidationError",
            constraint("tags.2.member.key", "x" * 129, "have length less than or equal to 128"),
            tags(**{"new": "1", "x" * 129: "2"}),
        ),
        (
            "ValidationError",
            constraint("tags.1.member.value", "x" * 257, "have length less than or equal to 256"),
            tags(new="x" * 257),
        ),
        ("ValidationError", None, tags(**{"new": "1", "": "2"})),
        ("ValidationError", None, [{"Key": "new"}]),
        ("ValidationError", None, many(51)),
    ):
        refused(code, text, kind.tag, **it, Tags=wrong)
        refused(code, text, kind.create, **kind.creating("other"), Tags=wrong)
    kind.tag(**it, Tags=many(44, "more"))
    assert len(kind.listed("it")) == 50
    refused("LimitExceeded", None, kind.tag, **it, Tags=tags(new="1"))
    kind.tag(**it, Tags=tags(team="green"))
    kind.untag(**it, TagKeys=[f"more-{n}" for n in range(44)])
    after = kind.listed("it")
    assert column(after, "Key") == column(before, "Key"), (before, after)
    refused("NoSuchEntity", kind.missing, kind.tag, **none, Tags=tags(team="red"))
    refused("NoSuchEntity", kind.missing, kind.untag, **none, TagKeys=["team"])
    refused("NoSuchEntity", kind.missing, getattr(iam, kind.list), **none)
    refused("NoSuchEntity", None, kind.get, **kind.named("other"))

    # No tags are left of what is deleted.
    kind.delete(**it)
    refused("NoSuchEntity", None, getattr(iam, kind.list), **it)
    kind.create(**kind.creating("it"))
    assert kind.listed("it") == []
    assert not kind.get(**it)[kind.word].get("Tags")
    kind.delete(**it)


for kind in KINDS:
    check(kind)

# Lists leave the tags out, and the details of users and roles have them.
for kind in KINDS:
    kind.create(**kind.creating("it"), Tags=tags(team="blue"))
for listed in (
    iam.list_users()["Users"], iam.list_roles()["Roles"],
    iam.list_policies(Scope="Local")["Policies"], iam.list_instance_profiles()["InstanceProfiles"],
):
    assert listed and not any("Tags" in item for item in listed), listed
details = iam.get_account_authorization_details(Filter=["User", "Role"])
for member, word in (("UserDetailList", "User"), ("RoleDetailList", "Role")):
    found = [item["Tags"] for item in details[member] if item[f"{word}Name"] == "it"]
    assert found == [tags(team="blue")], (member, details[member])

# AWS's own policies cannot be tagged.
AWS = "arn:aws:iam::aws:policy/AdministratorAccess"
refused("AccessDenied", None, iam.tag_policy, PolicyArn=AWS, Tags=tags(team="blue"))
refused("AccessDenied", None, iam.untag_policy, PolicyArn=AWS, TagKeys=["team"])

# Tags decide: those of the caller, of what it acts on, and those that it asks for.
blue = {"StringEquals": {"aws:PrincipalTag/team": "blue", "iam:ResourceTag/team": "blue"}}
asked = {
    "StringEquals": {"aws:RequestTag/team": "blue"},
    "ForAllValues:StringEquals": {"aws:TagKeys": ["team", "stage"]},
}
policy = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Action": "iam:GetRole", "Resource": "*", "Condition": blue},
        {
            "Effect": "Allow", "Action": ["iam:CreateUser", "iam:TagUser"], "Resource": "*",
            "Condition": asked,
        },
    ],
}
iam.put_user_policy(UserName="it", PolicyName="tags", PolicyDocument=json.dumps(policy))
it = client("iam", iam.create_access_key(UserName="it")["AccessKey"])
it.get_role(RoleName="it")
iam.tag_role(RoleName="it", Tags=tags(team="red"))
refused("AccessDenied", None, it.get_role, RoleName="it")
iam.tag_role(RoleName="it", Tags=tags(team="blue"))
iam.untag_user(UserName="it", TagKeys=["team"])
refused("AccessDenied", None, it.get_role, RoleName="it")
refused("AccessDenied", None, it.create_user, UserName="new")
refused("AccessDenied", None, it.create_user, UserName="new", Tags=tags(team="red"))
refused("AccessDenied", None, it.create_user, UserName="new", Tags=tags(team="blue", cost="1"))
it.create_user(UserName="new", Tags=tags(team="blue", stage="test"))
refused("AccessDenied", None, it.tag_user, UserName="new", Tags=tags(team="red"))
it.tag_user(UserName="new", Tags=tags(team="blue"))
refused("AccessDenied", None, it.untag_user, UserName="new", TagKeys=["team"])
assert column(iam.list_user_tags(UserName="new")["Tags"], "Key") == ["stage", "team"]

print("all checks passed")
