"""Every reply of STS as boto3 parses it, compared with AWS's service model: each field of the model
has a row that says what it is, and nothing else is in a reply.
"""

import datetime
import json
import os
import re

import boto3

from checks import ACCOUNT, CONFIG, arn, client, document, iam

ROLE = arn("role", "Reader", "/team/")
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }, {
        "Effect": "Allow",
        "Principal": {"Federated": os.environ["PROVIDER_ARN"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }, {
        "Effect": "Allow",
        "Principal": {"Federated": os.environ["SAML_PROVIDER_ARN"]},
        "Action": "sts:AssumeRoleWithSAML",
    }],
})

# Operations of the model whose replies are not looked at here: not answered yet, or with a message
# that only the running server can seal.
ELSEWHERE = {
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetDelegatedAccessToken",
    "GetWebIdentityToken",
}

ABSENT = object()


def like(form):
    return lambda value, _reply: isinstance(value, str) and re.fullmatch(form, value)


def in_seconds(seconds):
    """A date so many seconds from now, with a time zone and in whole seconds."""
    def check(value, _reply):
        left = (value - datetime.datetime.now(datetime.timezone.utc)).total_seconds()
        return isinstance(value, datetime.datetime) and not value.microsecond and (
            seconds - 60 < left <= seconds + 1
        )
    return check


def token_size(value, reply):
    return value == len(reply["Credentials"]["SessionToken"])


def utilization(value, reply):
    return value == -(-len(reply["Credentials"]["SessionToken"]) * 100 // 4096)


def percent(value, _reply):
    return isinstance(value, int) and 0 < value <= 100


def is_same(wanted):
    return lambda value, _reply: type(value) is type(wanted) and value == wanted


def issued(seconds, **more):
    """The fields of every reply that hands out credentials."""
    return {
        "Credentials.AccessKeyId": like("ASIA[A-Z2-7]{16}"),
        "Credentials.SecretAccessKey": like("[A-Za-z0-9+/]{40}"),
        "Credentials.SessionToken": like("[A-Za-z0-9+/]+={0,2}"),
        "Credentials.Expiration": in_seconds(seconds),
        "SessionTokenSize": token_size,
        "SessionTokenUtilization": utilization,
        **more,
    }


def assumed(seconds=3600, **more):
    fields = {
        "AssumedRoleUser.AssumedRoleId": like("AROA[A-Z0-9]{17}:session-1"),
        "AssumedRoleUser.Arn": is_same(f"arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1"),
        "PackedPolicySize": ABSENT,
        "SourceIdentity": ABSENT,
    }
    return issued(seconds, **{**fields, **more})


def of_token(seconds=3600, **more):
    """For the token that the test has made."""
    return assumed(seconds, **{
        "SubjectFromWebIdentityToken": is_same("somebody"),
        "Provider": is_same(os.environ["ISSUER"]),
        "Audience": is_same("sts.amazonaws.com"),
        **more,
    })


def of_assertion(seconds=3600, **more):
    """For the response that the test has made."""
    return assumed(seconds, **{
        "Subject": is_same("somebody"),
        "SubjectType": is_same("persistent"),
        "Issuer": is_same("https://idp.example.com/saml"),
        "Audience": is_same("https://signin.aws.amazon.com/saml"),
        "NameQualifier": like("[A-Za-z0-9+/]{27}="),
        **more,
    })


def federated(seconds=43_200, packed=is_same(0)):
    return issued(seconds, **{
        "FederatedUser.FederatedUserId": is_same(f"{ACCOUNT}:Bob"),
        "FederatedUser.Arn": is_same(f"arn:aws:sts::{ACCOUNT}:federated-user/Bob"),
        "PackedPolicySize": packed,
    })


def fields(shape, path=""):
    for name, member in shape.members.items():
        if member.type_name == "structure":
            yield from fields(member, f"{path}{name}.")
        else:
            yield path + name


def value_at(reply, path):
    for name in path.split("."):
        if name not in reply:
            return ABSENT
        reply = reply[name]
    return reply


def reply(caller, operation, parameters, rows):
    """Calls, and compares every field of the reply."""
    got = caller._make_api_call(operation, parameters)
    wanted = set(fields(model.operation_model(operation).output_shape))
    assert wanted == set(rows), f"{operation}: {sorted(wanted ^ set(rows))}"
    metadata = got.pop("ResponseMetadata")
    assert metadata["HTTPStatusCode"] == 200, metadata
    headers = metadata["HTTPHeaders"]
    assert headers["x-amzn-requestid"] == metadata["RequestId"], metadata
    assert headers["content-type"] == "text/xml", metadata
    for path, row in rows.items():
        value = value_at(got, path)
        fits = value is ABSENT if row is ABSENT else value is not ABSENT and row(value, got)
        assert fits, f"{operation} {parameters}: {path} is {value!r}"
    seen.add(operation)
    return got


admin = boto3.client("sts", config=CONFIG)
model = admin.meta.service_model
seen = set()
iam.create_role(
    RoleName="Reader", Path="/team/", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=43200
)
iam.create_policy(PolicyName="look", PolicyDocument=document("iam:Get*"))
iam.create_user(UserName="Ann", Path="/people/")
iam.put_user_policy(UserName="Ann", PolicyName="p", PolicyDocument=document("sts:*"))
user_id = iam.get_user(UserName="Ann")["User"]["UserId"]
key = iam.create_access_key(UserName="Ann")["AccessKey"]
ann = client("sts", key)

assume = {"RoleArn": ROLE, "RoleSessionName": "session-1"}
policy = {"Policy": document("iam:Get*")}
managed = {"PolicyArns": [{"arn": arn("policy", "look")}]}
tag = {"Tags": [{"Key": "team", "Value": "blue"}]}
session = reply(ann, "AssumeRole", assume, assumed())
reply(ann, "AssumeRole", {**assume, "DurationSeconds": 43_200}, assumed(43_200))
for more in (policy, managed, tag, {**policy, **managed, **tag, "TransitiveTagKeys": ["team"]}):
    reply(ann, "AssumeRole", {**assume, **more}, assumed(PackedPolicySize=percent))
source = {"SourceIdentity": "ann"}
reply(ann, "AssumeRole", {**assume, **source}, assumed(SourceIdentity=is_same("ann")))
padded = reply(ann, "AssumeRole", {**assume, "MinimumSessionTokenSize": 4096}, assumed())
assert padded["SessionTokenSize"] == 4096 and padded["SessionTokenUtilization"] == 100

web = {**assume, "WebIdentityToken": os.environ["WEB_IDENTITY_TOKEN"]}
reply(ann, "AssumeRoleWithWebIdentity", web, of_token())
reply(ann, "AssumeRoleWithWebIdentity", {**web, "DurationSeconds": 900}, of_token(900))
for more in (policy, managed, {**policy, **managed}):
    reply(ann, "AssumeRoleWithWebIdentity", {**web, **more}, of_token(PackedPolicySize=percent))

saml = {
    "RoleArn": ROLE,
    "PrincipalArn": os.environ["SAML_PROVIDER_ARN"],
    "SAMLAssertion": os.environ["SAML_ASSERTION"],
}
reply(ann, "AssumeRoleWithSAML", saml, of_assertion())
reply(ann, "AssumeRoleWithSAML", {**saml, "DurationSeconds": 900}, of_assertion(900))
for more in (policy, managed, {**policy, **managed}):
    reply(ann, "AssumeRoleWithSAML", {**saml, **more}, of_assertion(PackedPolicySize=percent))

token = reply(ann, "GetSessionToken", {}, issued(43_200))
reply(ann, "GetSessionToken", {"DurationSeconds": 129_600}, issued(129_600))
reply(ann, "GetSessionToken", {"MinimumSessionTokenSize": 1000}, issued(43_200))

bob = reply(ann, "GetFederationToken", {"Name": "Bob"}, federated())
for more in (policy, managed, tag):
    parameters = {"Name": "Bob", "DurationSeconds": 900, **more}
    reply(ann, "GetFederationToken", parameters, federated(900, percent))

for id in (key["AccessKeyId"], session["Credentials"]["AccessKeyId"]):
    reply(ann, "GetAccessKeyInfo", {"AccessKeyId": id}, {"Account": is_same(ACCOUNT)})

user = is_same(user_id), is_same(arn("user", "Ann", "/people/"))
for credentials, (user_id, name) in (
    (key, user),
    (token["Credentials"], user),
    (
        session["Credentials"],
        (
            is_same(session["AssumedRoleUser"]["AssumedRoleId"]),
            is_same(session["AssumedRoleUser"]["Arn"]),
        ),
    ),
    (
        bob["Credentials"],
        (is_same(bob["FederatedUser"]["FederatedUserId"]), is_same(bob["FederatedUser"]["Arn"])),
    ),
):
    rows = {"UserId": user_id, "Account": is_same(ACCOUNT), "Arn": name}
    reply(client("sts", credentials), "GetCallerIdentity", {}, rows)

assert seen | ELSEWHERE == set(model.operation_names), "an operation whose reply nobody looks at"
assert not seen & ELSEWHERE, seen & ELSEWHERE
print("all checks passed")
