"""OpenID Connect providers: registered, read, listed, changed, tagged, deleted; each refusal that
AWS documents; and the version of session tokens that an account prefers."""

import json

import boto3
from botocore.exceptions import ClientError

from checks import (
    ACCOUNT, client, column, constraint, document, iam, paged, refused,
)

ISSUER = "https://login.example.com/realms/Main"
PRINT = "990f4193972f2becf12ddeda5237f9c952f20d9e"


def arn(url, account=ACCOUNT):
    return f"arn:aws:iam::{account}:oidc-provider/{url.removeprefix('https://')}"


def tags(**pairs):
    return [{"Key": key, "Value": value} for key, value in pairs.items()]


def listed():
    answer = iam.list_open_id_connect_providers()
    assert not answer.get("IsTruncated") and "Marker" not in answer, answer
    return column(answer["OpenIDConnectProviderList"], "Arn")


def get(url=ISSUER):
    return iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn(url))


# Create and read. The URL is the issuer's, letter by letter; replies leave its scheme out.
assert listed() == []
made = iam.create_open_id_connect_provider(
    Url=ISSUER,
    ClientIDList=["sts.amazonaws.com", "my app", "sts.amazonaws.com"],
    ThumbprintList=[PRINT.upper(), "0" * 40],
    Tags=tags(team="blue", Stage="test"),
)
assert made["OpenIDConnectProviderArn"] == arn(ISSUER), made
assert column(made["Tags"], "Key") == ["Stage", "team"], made
got = get()
assert got["Url"] == ISSUER.removeprefix("https://"), got
assert got["ClientIDList"] == ["sts.amazonaws.com", "my app"], got
assert got["ThumbprintList"] == [PRINT, "0" * 40], got
assert column(got["Tags"], "Key") == ["Stage", "team"], got
assert got["CreateDate"].tzinfo, got

# Nobody is asked over the network: without thumbprints there are none.
others = ["https://login.example.com", "https://login.example.com/", f"{ISSUER}/", ISSUER.lower()]
for url in others:
    bare = iam.create_open_id_connect_provider(Url=url)
    assert bare["OpenIDConnectProviderArn"] == arn(url), bare
    assert "Tags" not in bare, bare
    got = get(url)
    assert (got["ClientIDList"], got["ThumbprintList"]) == ([], []), got
    assert "Tags" not in got, got
assert listed() == sorted(arn(url) for url in [ISSUER, *others])
assert iam.get_account_summary()["SummaryMap"]["Providers"] == 5
refused(
    "EntityAlreadyExists", f"Provider with url {ISSUER} already exists.",
    iam.create_open_id_connect_provider, Url=ISSUER,
)

# What is no issuer.
NO_URL = "Invalid Open ID Connect Provider URL"
for url, code, text in (
    ("login.example.com", "ValidationError", NO_URL),
    ("https://", "ValidationError", NO_URL),
    ("http://login.example.com", "InvalidInput", f"{NO_URL}. The URL must begin with https://."),
    ("https://me:word@login.example.com", "InvalidInput", f"{NO_URL}."),
    ("https://login.example.com?tenant=1", "InvalidInput", f"{NO_URL}."),
    ("https://login.example.com#1", "InvalidInput", f"{NO_URL}."),
    ("https://login.example.com:8443", "InvalidInput", f"{NO_URL}."),
    ("https://log_in.example.com", "InvalidInput", f"{NO_URL}."),
    ("https://login.example.com/*", "InvalidInput", f"{NO_URL}."),
    (
        "https://" + "x" * 248, "ValidationError",
        constraint("url", "https://" + "x" * 248, "have length less than or equal to 255"),
    ),
    ("", "ValidationError", constraint("url", "", "have length greater than or equal to 1")),
):
    refused(code, text, iam.create_open_id_connect_provider, Url=url)
refused("ValidationError", None, iam.create_open_id_connect_provider)

# What is no client id, no thumbprint, and too many of either.
new = {"Url": "https://new.example.com"}
CLIENTS = [f"client-{n}" for n in range(101)]
for code, text, wrong in (
    (
        "ValidationError",
        constraint("clientIDList.2.member", "x" * 256, "have length less than or equal to 255"),
        {"ClientIDList": ["fine", "x" * 256]},
    ),
    (
        "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
        {"ClientIDList": CLIENTS},
    ),
    ("InvalidInput", "Thumbprint must be exactly 40 characters.", {"ThumbprintList": ["0" * 39]}),
    ("InvalidInput", None, {"ThumbprintList": ["z" * 40]}),
    (
        "InvalidInput", "Thumbprint list must contain fewer than 5 entries.",
        {"ThumbprintList": [f"{n:040x}" for n in range(6)]},
    ),
    (
        "InvalidInput", "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        {"Tags": tags(new="1", NEW="2")},
    ),
):
    refused(code, text, iam.create_open_id_connect_provider, **new, **wrong)
assert len(listed()) == 5

# Change.
one = {"OpenIDConnectProviderArn": arn(ISSUER)}
for prints in ([f"{n:040x}" for n in range(5)], [PRINT], []):
    iam.update_open_id_connect_provider_thumbprint(**one, ThumbprintList=prints)
    assert get()["ThumbprintList"] == prints
for _ in range(2):
    iam.add_client_id_to_open_id_connect_provider(**one, ClientID="third")
    assert get()["ClientIDList"] == ["sts.amazonaws.com", "my app", "third"]
for _ in range(2):
    iam.remove_client_id_from_open_id_connect_provider(**one, ClientID="sts.amazonaws.com")
    assert get()["ClientIDList"] == ["my app", "third"]
for name in CLIENTS[:98]:
    iam.add_client_id_to_open_id_connect_provider(**one, ClientID=name)
assert get()["ClientIDList"] == ["my app", "third", *CLIENTS[:98]]
refused(
    "LimitExceeded", "Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: 100",
    iam.add_client_id_to_open_id_connect_provider, **one, ClientID="one more",
)
iam.add_client_id_to_open_id_connect_provider(**one, ClientID="third")
refused(
    "InvalidInput", "Thumbprint list must contain fewer than 5 entries.",
    iam.update_open_id_connect_provider_thumbprint, **one, ThumbprintList=[PRINT] * 6,
)

# Tags.
iam.tag_open_id_connect_provider(**one, Tags=tags(TEAM="red", cost=""))
assert {tag["Key"]: tag["Value"] for tag in get()["Tags"]} == {
    "TEAM": "red", "Stage": "test", "cost": "",
}
iam.tag_open_id_connect_provider(**one, Tags=[{"Key": f"key-{n}", "Value": "x"} for n in range(5)])
assert column(paged("list_open_id_connect_provider_tags", "Tags", **one), "Key") == [
    "Stage", "TEAM", "cost", *(f"key-{n}" for n in range(5)),
]
iam.untag_open_id_connect_provider(**one, TagKeys=[*(f"key-{n}" for n in range(5)), "COST", "no"])
assert column(iam.list_open_id_connect_provider_tags(**one)["Tags"], "Key") == ["Stage", "TEAM"]
many = [{"Key": f"more-{n}", "Value": ""} for n in range(48)]
iam.tag_open_id_connect_provider(**one, Tags=many)
refused("LimitExceeded", None, iam.tag_open_id_connect_provider, **one, Tags=tags(new="1"))
refused(
    "InvalidInput", None, iam.tag_open_id_connect_provider, **one, Tags=tags(**{"aws:new": "1"}),
)
refused("ValidationError", None, iam.tag_open_id_connect_provider, **one, Tags=tags(**{"no!": "1"}))
refused(
    "ValidationError", "Invalid Marker.",
    iam.list_open_id_connect_provider_tags, **one, Marker="x",
)

# What is not there, and what no provider is called.
calls = (
    (iam.get_open_id_connect_provider, {}),
    (iam.update_open_id_connect_provider_thumbprint, {"ThumbprintList": [PRINT]}),
    (iam.add_client_id_to_open_id_connect_provider, {"ClientID": "a"}),
    (iam.remove_client_id_from_open_id_connect_provider, {"ClientID": "a"}),
    (iam.tag_open_id_connect_provider, {"Tags": tags(a="b")}),
    (iam.untag_open_id_connect_provider, {"TagKeys": ["a"]}),
    (iam.list_open_id_connect_provider_tags, {}),
)
for url in ("https://none.example.com", ISSUER.upper().replace("HTTPS", "https"), f"{ISSUER}?"):
    text = f"OpenIDConnect Provider not found for arn {arn(url)}"
    for call, more in calls:
        refused("NoSuchEntity", text, call, OpenIDConnectProviderArn=arn(url), **more)
    iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn(url))
for call, more in (*calls, (iam.delete_open_id_connect_provider, {})):
    role = f"arn:aws:iam::{ACCOUNT}:role/x"
    refused("ValidationError", None, call, OpenIDConnectProviderArn=role, **more)
    refused("ValidationError", None, call, OpenIDConnectProviderArn="x" * 20, **more)
    refused("ValidationError", None, call, OpenIDConnectProviderArn="short", **more)
    theirs = arn(ISSUER, "210987654321")
    refused("AccessDenied", None, call, OpenIDConnectProviderArn=theirs, **more)

# Policies decide on the ARN and on the tags.
iam.create_user(UserName="it")
it = client("iam", iam.create_access_key(UserName="it")["AccessKey"])
mine = document(
    "iam:*OpenIDConnectProvider*", arn("https://login.example.com/*"),
    Condition={"StringEquals": {"aws:ResourceTag/team": "red"}},
)
iam.put_user_policy(UserName="it", PolicyName="mine", PolicyDocument=mine)
it.get_open_id_connect_provider(**one)
it.add_client_id_to_open_id_connect_provider(**one, ClientID="third")
refused(
    "AccessDenied", None, it.get_open_id_connect_provider, OpenIDConnectProviderArn=arn(others[1]),
)
refused("AccessDenied", None, it.list_open_id_connect_providers)
iam.tag_open_id_connect_provider(**one, Tags=tags(team="blue"))
for call, more in (*calls, (it.delete_open_id_connect_provider, {})):
    refused("AccessDenied", None, getattr(it, call.__name__), **one, **more)

# A role trusts a provider by its ARN, and neither has to be there for the other.
trust = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": arn(ISSUER)},
        "Action": "sts:AssumeRoleWithWebIdentity",
        "Condition": {"StringEquals": {f"{arn(ISSUER).partition('/')[2]}:aud": "my app"}},
    }],
})
iam.create_role(RoleName="web", AssumeRolePolicyDocument=trust)

# Delete, also what is not there.
for url in [ISSUER, *others]:
    for _ in range(2):
        iam.delete_open_id_connect_provider(OpenIDConnectProviderArn=arn(url))
    refused("NoSuchEntity", None, iam.get_open_id_connect_provider, OpenIDConnectProviderArn=arn(url))
assert listed() == []
assert iam.get_role(RoleName="web")["Role"]["AssumeRolePolicyDocument"] == json.loads(trust)
iam.update_assume_role_policy(RoleName="web", PolicyDocument=trust)
iam.create_open_id_connect_provider(Url=ISSUER)
assert get()["ClientIDList"] == [] and "Tags" not in get()

# A hundred at most.
for number in range(99):
    iam.create_open_id_connect_provider(Url=f"https://h{number}.example.com")
assert len(listed()) == 100
refused(
    "LimitExceeded", "Cannot exceed quota for OpenIdConnectProvidersPerAccount: 100",
    iam.create_open_id_connect_provider, Url="https://one-more.example.com",
)
assert iam.get_account_summary()["SummaryMap"]["Providers"] == 100


# The version of session tokens.
def version():
    return iam.get_account_summary()["SummaryMap"]["GlobalEndpointTokenVersion"]


assert version() == 2
sts = boto3.client("sts")
for name, number in (("v1Token", 1), ("v2Token", 2)):
    iam.set_security_token_service_preferences(GlobalEndpointTokenVersion=name)
    assert version() == number
    session = client("sts", sts.get_session_token()["Credentials"])
    assert session.get_caller_identity()["Account"] == ACCOUNT
refused(
    "ValidationError", constraint(
        "globalEndpointTokenVersion", "v3Token", "satisfy enum value set: [v1Token, v2Token]",
    ),
    iam.set_security_token_service_preferences, GlobalEndpointTokenVersion="v3Token",
)
refused(
    "AccessDenied", None,
    it.set_security_token_service_preferences, GlobalEndpointTokenVersion="v1Token",
)
try:
    iam.create_open_id_connect_provider(Url="http://login.example.com")
except ClientError as error:
    assert isinstance(error, iam.exceptions.InvalidInputException), error

print("all checks passed")
