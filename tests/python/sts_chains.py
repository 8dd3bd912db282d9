"""A chain of five roles in two accounts, over a socket: the tags that pass on, the source identity,
session policies that change, what each hop's policies are told of those before it, what the chain
forbids, and what is left of it when its roles change. The profile is the administrator of the first
account; BOSS is the key of the second one's, JOBS of a service that is registered for the first."""

import datetime
import json
import os

from botocore.exceptions import ClientError
from checks import ACCOUNT, client, document, iam, refused
from phone import Phone

OTHER = "210987654321"
JOBS = "jobs.example.com"
INVALID = "The security token included in the request is invalid."
CONFLICT = (
    "One of the specified transitive tag keys can't be set because it conflicts with a transitive "
    "tag key from the calling session."
)
THREE = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
ALL = document("*")


CLIENTS = {}


def of(service, credentials):
    """A client of a session, the same at every call: making one takes longer than a request."""
    name = (service, credentials["AccessKeyId"])
    if name not in CLIENTS:
        CLIENTS[name] = client(service, credentials)
    return CLIENTS[name]


def key(name):
    return {
        "AccessKeyId": os.environ[f"{name}_ID"],
        "SecretAccessKey": os.environ[f"{name}_SECRET"],
    }


OWNERS = {ACCOUNT: iam, OTHER: of("iam", key("BOSS"))}


def tags(**pairs):
    return [{"Key": name, "Value": value} for name, value in pairs.items()]


def trust(actions=THREE, only=None, but=None):
    """A trust policy for both accounts and the service: where a condition holds, or where not."""
    principal = {"AWS": [ACCOUNT, OTHER], "Service": JOBS}
    allow = {"Effect": "Allow", "Principal": principal, "Action": actions}
    if only:
        allow["Condition"] = only
    statements = [allow]
    if but:
        deny = {"Effect": "Deny", "Principal": "*", "Action": "sts:*", "Condition": but}
        statements.append(deny)
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def everything_but(action, condition):
    """An identity policy that denies one action where a condition holds."""
    allow = {"Effect": "Allow", "Action": "*", "Resource": "*"}
    deny = {"Effect": "Deny", "Action": action, "Resource": "*", "Condition": condition}
    return json.dumps({"Version": "2012-10-17", "Statement": [allow, deny]})


class Role:
    def __init__(self, account, name, path="/", **own):
        self.account, self.name = account, name
        self.arn = f"arn:aws:iam::{account}:role{path}{name}"
        self.iam = OWNERS[account]
        self.iam.create_role(
            RoleName=name, Path=path, AssumeRolePolicyDocument=trust(), Tags=tags(**own)
        )
        self.permit(ALL)

    def trust(self, text):
        self.iam.update_assume_role_policy(RoleName=self.name, PolicyDocument=text)

    def permit(self, text, name="p"):
        self.iam.put_role_policy(RoleName=self.name, PolicyName=name, PolicyDocument=text)


class Ann:
    """The user who begins the chain."""

    def permit(self, text):
        iam.put_user_policy(UserName="ann", PolicyName="p", PolicyDocument=text)


def attempt(call, **parameters):
    """The reply, or nothing when it is plainly refused."""
    try:
        return call(**parameters)
    except ClientError as error:
        answer = error.response
        assert answer["Error"]["Code"] == "AccessDenied", (parameters, answer)
        assert answer["ResponseMetadata"]["HTTPStatusCode"] == 403, (parameters, answer)
        return None


def issued(credentials, seconds=3600):
    """The second in which a session was issued, as policies write it, and the next one."""
    begin = credentials["Expiration"] - datetime.timedelta(seconds=seconds)
    return [
        (begin + datetime.timedelta(seconds=more)).strftime("%Y-%m-%dT%H:%M:%SZ")
        for more in (0, 1)
    ]


def issued_then(credentials):
    """Conditions that tell when the session that asks was issued."""
    begin, end = issued(credentials)
    name = "aws:TokenIssueTime"
    return [
        ("DateGreaterThanEquals", name, begin, True), ("DateLessThan", name, end, True),
        ("DateLessThan", name, begin, False), ("DateGreaterThanEquals", name, end, False),
    ]


iam.create_user(UserName="ann", Tags=tags(team="yellow", level="9"))
ann = of("sts", iam.create_access_key(UserName="ann")["AccessKey"])
Ann().permit(ALL)
shown = Phone("phone").enable("ann").next("ann")
signed_in = ann.get_session_token(**shown)["Credentials"]

one = Role(ACCOUNT, "one", "/team/", Team="green", env="prod")
two = Role(OTHER, "two", TEAM="red", STAGE="zero", keep="2")
three = Role(OTHER, "three", Stage="three", own="3")
four = Role(ACCOUNT, "four", "/deep/er/")
five = Role(ACCOUNT, "five", last="of-role", TEAM="x")

EQ, NULL, BOOL = "StringEquals", "Null", "Bool"
EACH, SOME = "ForAllValues:StringEquals", "ForAnyValue:StringEquals"

# The role, the parameters, what the policies of the hop are told, and those of its session.
HOPS = [
    (
        one,
        {
            "RoleSessionName": "ann-1",
            "Tags": tags(team="blue", cost="42"),
            "TransitiveTagKeys": ["team"],
            "SourceIdentity": "ann",
        },
        [
            (EQ, "aws:PrincipalTag/team", "yellow", True),
            (EQ, "aws:PrincipalTag/level", "9", True),
            (EQ, "aws:RequestTag/TEAM", "blue", True),
            (EQ, "aws:RequestTag/team", "BLUE", False),
            (EACH, "aws:TagKeys", ["team", "cost"], True),
            (EACH, "aws:TagKeys", "team", False),
            (SOME, "sts:TransitiveTagKeys", "team", True),
            (SOME, "sts:TransitiveTagKeys", "cost", False),
            (EQ, "sts:SourceIdentity", "ann", True),
            (EQ, "sts:SourceIdentity", "bob", False),
            (NULL, "aws:SourceIdentity", "true", True),
            (EQ, "aws:ResourceTag/team", "green", True),
            (EQ, "sts:RoleSessionName", "ann-1", True),
            (NULL, "sts:ExternalId", "true", True),
            (BOOL, "aws:MultiFactorAuthPresent", "true", True),
            ("NumericLessThan", "aws:MultiFactorAuthAge", "3600", True),
            ("NumericGreaterThan", "aws:MultiFactorAuthAge", "3600", False),
        ],
        [
            (EQ, "aws:PrincipalTag/team", "blue", True),
            (EQ, "aws:PrincipalTag/team", ["green", "yellow"], False),
            (EQ, "aws:PrincipalTag/env", "prod", True),
            (EQ, "aws:PrincipalTag/cost", "42", True),
            (NULL, "aws:PrincipalTag/level", "true", True),
            (BOOL, "aws:MultiFactorAuthPresent", "true", False),
            (NULL, "aws:MultiFactorAuthAge", "true", True),
            (NULL, "sts:SourceIdentity", "true", True),
        ],
    ),
    (
        two,
        {
            "RoleSessionName": "two-2",
            "Tags": tags(stage="two"),
            "TransitiveTagKeys": ["stage"],
            "ExternalId": "abc",
        },
        [
            (EQ, "aws:PrincipalTag/team", "blue", True),
            (EQ, "aws:PrincipalTag/env", "prod", True),
            (EQ, "aws:RequestTag/stage", "two", True),
            (NULL, "aws:RequestTag/team", "true", True),
            (EACH, "aws:TagKeys", "stage", True),
            (EQ, "aws:SourceIdentity", "ann", True),
            (EQ, "aws:ResourceTag/team", "red", True),
            (EQ, "sts:ExternalId", "abc", True),
            (EQ, "sts:ExternalId", "ABC", False),
            (BOOL, "aws:MultiFactorAuthPresent", "true", False),
            (EQ, "aws:PrincipalAccount", ACCOUNT, True),
            (EQ, "aws:ResourceAccount", OTHER, True),
        ],
        [
            (EQ, "aws:PrincipalTag/Team", "blue", True),
            (EQ, "aws:PrincipalTag/stage", "two", True),
            (EQ, "aws:PrincipalTag/keep", "2", True),
            (NULL, "aws:PrincipalTag/cost", "true", True),
            (NULL, "aws:PrincipalTag/env", "true", True),
        ],
    ),
    (
        three,
        {"RoleSessionName": "three-3"},
        [
            (EQ, "aws:PrincipalTag/stage", "two", True),
            (NULL, "aws:TagKeys", "true", True),
            (EQ, "aws:ResourceTag/stage", "three", True),
            (EQ, "aws:SourceIdentity", "ann", True),
        ],
        [
            (EQ, "aws:PrincipalTag/team", "blue", True),
            (EQ, "aws:PrincipalTag/stage", "two", True),
            (EQ, "aws:PrincipalTag/own", "3", True),
            (NULL, "aws:PrincipalTag/keep", "true", True),
        ],
    ),
    (
        four,
        {"RoleSessionName": "four-4", "Tags": tags(last=""), "SourceIdentity": "ann"},
        [
            (EQ, "aws:PrincipalTag/own", "3", True),
            (EACH, "aws:TagKeys", "last", True),
            (EQ, "sts:SourceIdentity", "${aws:SourceIdentity}", True),
            (NULL, "aws:ResourceTag/team", "true", True),
        ],
        [
            (EQ, "aws:PrincipalTag/team", "blue", True),
            (EQ, "aws:PrincipalTag/last", "", True),
            (NULL, "aws:PrincipalTag/own", "true", True),
        ],
    ),
    (
        five,
        {"RoleSessionName": "five-5"},
        [
            (EQ, "aws:PrincipalTag/stage", "two", True),
            (EQ, "aws:PrincipalTag/last", "", True),
            (EQ, "aws:ResourceTag/team", "x", True),
        ],
        [
            (EQ, "aws:PrincipalTag/team", "blue", True),
            (EQ, "aws:PrincipalTag/last", "of-role", True),
            (EQ, "aws:SourceIdentity", "ann", True),
        ],
    ),
]


def chain(credentials, hops=HOPS):
    """The sessions of the chain, from its beginning."""
    sessions = []
    for role, parameters, *_ in hops:
        made = of("sts", credentials).assume_role(RoleArn=role.arn, **parameters)
        credentials = made["Credentials"]
        sessions.append(credentials)
    return sessions


def may_list(session):
    return attempt(of("iam", session).list_users) is not None


caller, asker = signed_in, Ann()
for number, (role, parameters, asked, held) in enumerate(HOPS, 1):
    sts = of("sts", caller)
    parameters = {"RoleArn": role.arn, **parameters}
    rows = asked + (issued_then(caller) if number > 1 else [])
    for operator, name, value, holds in rows:
        condition, what = {operator: {name: value}}, (number, operator, name, value)
        role.trust(trust(only=condition))
        assert (attempt(sts.assume_role, **parameters) is not None) == holds, what
        role.trust(trust(but=condition))
        assert (attempt(sts.assume_role, **parameters) is None) == holds, what
        role.trust(trust())
        asker.permit(document("sts:*", Condition=condition))
        assert (attempt(sts.assume_role, **parameters) is not None) == holds, what
        asker.permit(ALL)
    # Each of the three rights is needed on both sides.
    for missing in THREE:
        others = [action for action in THREE if action != missing]
        role.trust(trust(others))
        assert attempt(sts.assume_role, **parameters) is None, (number, missing)
        role.trust(trust())
        asker.permit(document(others))
        assert attempt(sts.assume_role, **parameters) is None, (number, missing)
        asker.permit(ALL)
    # What the chain has settled, nobody changes.
    if number > 1:
        for name in ("team", "TEAM"):
            refused(
                "InvalidParameterValue", CONFLICT, sts.assume_role,
                **{**parameters, "Tags": tags(**{name: "blue"}), "TransitiveTagKeys": []},
            )
        assert attempt(sts.assume_role, **{**parameters, "SourceIdentity": "bob"}) is None, number
        refused(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by "
            "role chaining.",
            sts.assume_role, **parameters, DurationSeconds=3601,
        )
    # A session policy narrows this hop, and nothing behind it.
    narrow = document(["sts:*", "iam:ListRoles"])
    narrowed = sts.assume_role(**parameters, Policy=narrow)
    assert 0 < narrowed["PackedPolicySize"] <= 100, narrowed["PackedPolicySize"]
    assert not may_list(narrowed["Credentials"])
    of("iam", narrowed["Credentials"]).list_roles()
    for behind in chain(narrowed["Credentials"], HOPS[number:]):
        assert may_list(behind), number

    made = sts.assume_role(**parameters)
    assert made["SourceIdentity"] == "ann", made
    session = made["Credentials"]
    rows = held + [(EQ, "aws:SourceIdentity", "ann", True)] + issued_then(session)
    for operator, name, value, holds in rows:
        condition, what = {operator: {name: value}}, (number, operator, name, value)
        role.permit(document("iam:ListUsers", Condition=condition))
        assert may_list(session) == holds, what
        role.permit(everything_but("iam:ListUsers", condition))
        assert may_list(session) != holds, what
    role.permit(ALL)
    identity = of("sts", session).get_caller_identity()
    name = parameters["RoleSessionName"]
    want = f"arn:aws:sts::{role.account}:assumed-role/{role.name}/{name}"
    assert identity["Arn"] == want, identity
    caller, asker = session, role

# A managed session policy is looked up: changed, it is what it is now; deleted, it denies.
made = iam.create_policy(PolicyName="narrow", PolicyDocument=ALL)["Policy"]["Arn"]
narrowed = of("sts", caller).assume_role(
    RoleArn=four.arn, RoleSessionName="s-1", PolicyArns=[{"arn": made}]
)["Credentials"]
assert may_list(narrowed)
iam.create_policy_version(
    PolicyArn=made, PolicyDocument=document("iam:ListRoles"), SetAsDefault=True
)
assert not may_list(narrowed)
iam.set_default_policy_version(PolicyArn=made, VersionId="v1")
assert may_list(narrowed)
iam.delete_policy_version(PolicyArn=made, VersionId="v2")
iam.delete_policy(PolicyArn=made)
assert not may_list(narrowed)
iam.create_policy(PolicyName="narrow", PolicyDocument=ALL)
assert not may_list(narrowed)

# Live sessions: the trust policies change and nothing ends; the roles lose their rights and so do
# the sessions, until they have them again.
sessions = chain(signed_in)
roles = [role for role, *_ in HOPS]
for role in roles:
    role.trust(trust(["sts:TagSession"]))
for session, role in zip(sessions, roles):
    assert may_list(session)
    again = {"RoleArn": role.arn, "RoleSessionName": "s-1"}
    assert attempt(of("sts", session).assume_role, **again) is None
for role in roles:
    role.trust(trust())
for session, role in zip(sessions, roles):
    role.iam.delete_role_policy(RoleName=role.name, PolicyName="p")
    assert [may_list(each) for each in sessions] == [other is not role for other in roles]
    role.iam.attach_role_policy(
        RoleName=role.name, PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    assert may_list(session)
    role.permit(document("iam:ListUsers", effect="Deny"))
    assert not may_list(session)
    role.permit(ALL)
    bounds = {
        "RoleName": role.name, "PermissionsBoundary": "arn:aws:iam::aws:policy/AmazonS3FullAccess"
    }
    role.iam.put_role_permissions_boundary(**bounds)
    assert not may_list(session)
    role.iam.delete_role_permissions_boundary(RoleName=role.name)
    assert may_list(session)

# Revoked as AWS's console does it: the old session is denied, what it chained to is not, and a new
# one can be had.
for place, role in enumerate(roles):
    now = datetime.datetime.now(datetime.timezone.utc)
    cut = now + datetime.timedelta(milliseconds=2)
    condition = {
        "DateLessThan": {"aws:TokenIssueTime": cut.isoformat(timespec="milliseconds")[:-6] + "Z"}
    }
    role.permit(document(["*"], ["*"], "Deny", Condition=condition), "AWSRevokeOlderSessions")
    assert [may_list(each) for each in sessions] == [other is not role for other in roles]
    again = {"RoleArn": one.arn, "RoleSessionName": "s-1"}
    assert attempt(of("sts", sessions[place]).assume_role, **again) is None
    of("sts", sessions[place]).get_caller_identity()
    # The time of the cut comes while the calls above are answered.
    while datetime.datetime.now(datetime.timezone.utc) <= cut:
        pass
    before = sessions[place - 1] if place else signed_in
    assert all(may_list(each) for each in chain(before, HOPS[place:]))
    role.iam.delete_role_policy(RoleName=role.name, PolicyName="AWSRevokeOlderSessions")
    assert may_list(sessions[place])

# Without the role there is no session, nor with another of its name; who went on from it lives.
three.iam.detach_role_policy(
    RoleName="three", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
)
three.iam.delete_role_policy(RoleName="three", PolicyName="p")
three.iam.delete_role(RoleName="three")
dead = of("sts", sessions[2])
refused("InvalidClientTokenId", INVALID, dead.get_caller_identity)
three = Role(OTHER, "three")
refused("InvalidClientTokenId", INVALID, dead.get_caller_identity)

# A service begins a chain, with tags and a source identity.
jobs = of("sts", key("JOBS"))
asked = {"RoleArn": one.arn, **HOPS[0][1]}
for only, holds in (
    ({BOOL: {"aws:PrincipalIsAWSService": "true"}, EQ: {"aws:RequestTag/team": "blue"}}, True),
    ({EQ: {"aws:PrincipalServiceName": JOBS, "sts:SourceIdentity": "ann"}}, True),
    ({NULL: {"aws:PrincipalTag/team": "true", "aws:TokenIssueTime": "true"}}, True),
    ({EQ: {"aws:RequestTag/team": "green"}}, False),
    ({EQ: {"sts:SourceIdentity": "bob"}}, False),
    ({EACH: {"aws:TagKeys": ["team"]}}, False),
):
    one.trust(trust(only=only))
    assert (attempt(jobs.assume_role, **asked) is not None) == holds, only
for missing in THREE:
    one.trust(trust([action for action in THREE if action != missing]))
    assert attempt(jobs.assume_role, **asked) is None, missing
one.trust(trust())
session = jobs.assume_role(**asked)["Credentials"]
made = of("sts", session).assume_role(RoleArn=two.arn, RoleSessionName="s-1")
assert made["SourceIdentity"] == "ann", made
told = {EQ: {"aws:PrincipalTag/team": "blue", "aws:SourceIdentity": "ann"}}
two.permit(document("iam:ListUsers", Condition=told))
assert may_list(made["Credentials"])

print("all checks passed")
