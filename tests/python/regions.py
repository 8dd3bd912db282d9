"""Three Regions on one server: eu-west-1 is that of the global endpoint, eu-central-1 is there by
default, me-south-1 has to be enabled. Names of hosts are resolved here, as somebody does who changes
DNS; DAYPASS is the program and DAYPASS_DATA the server's data folder, for operators' commands."""

import json
import os
import socket
import subprocess
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import ClientError

from checks import ACCOUNT, CONFIG, arn, document, trust

OTHER = "210987654321"
GLOBAL, DEFAULT, OPT_IN = "eu-west-1", "eu-central-1", "me-south-1"
ADDRESS = urlsplit(os.environ["DAYPASS_URL"])
INVALID = "The security token included in the request is invalid."
NOT_VALID = "Credential should be scoped to a valid region. "

resolve = socket.getaddrinfo


def resolve_here(host, *rest, **more):
    return resolve(ADDRESS.hostname, *rest, **more)


socket.getaddrinfo = resolve_here


def operate(*arguments):
    """The answer of an operator's command."""
    command = [os.environ["DAYPASS"], *arguments, "--json"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def region(command, name, account=ACCOUNT):
    return operate("account", "region", command, "--account", account, "--region", name)


def at(name, host=None, key=None, service="sts"):
    """A client that is set to a Region, and calls a host."""
    key = key or {}
    return boto3.client(
        service,
        region_name=name,
        endpoint_url=f"http://{host or ADDRESS.hostname}:{ADDRESS.port}",
        aws_access_key_id=key.get("AccessKeyId"),
        aws_secret_access_key=key.get("SecretAccessKey"),
        aws_session_token=key.get("SessionToken"),
        config=CONFIG,
    )


def refused(code, text, call, **parameters):
    try:
        call(**parameters)
    except ClientError as error:
        told, status = error.response["Error"], error.response["ResponseMetadata"]
        assert (told["Code"], told["Message"]) == (code, text), (told, parameters)
        assert status["HTTPStatusCode"] == 403, error.response
        return
    raise AssertionError(f"{call.__name__}({parameters}) should have failed with {code}")


def disabled(account):
    return (
        f"STS is not activated in this region for account:{account}. Your account administrator "
        "can activate STS in this region using the IAM Console."
    )


def me(name, key=None, host=None):
    return at(name, host, key).get_caller_identity()["Account"]


def assume(name, account=ACCOUNT, host=None, key=None):
    ask = {"RoleArn": arn("role", "reader", account=account), "RoleSessionName": "s-1"}
    return at(name, host, key).assume_role(**ask)["Credentials"]


iam = at(GLOBAL, service="iam")
boss = {"AccessKeyId": os.environ["BOSS_ID"], "SecretAccessKey": os.environ["BOSS_SECRET"]}
lets_in = trust({"AWS": ACCOUNT})
for one in [iam, at(GLOBAL, key=boss, service="iam")]:
    one.create_role(RoleName="reader", AssumeRolePolicyDocument=lets_in)
iam.put_role_policy(
    RoleName="reader", PolicyName="look", PolicyDocument=document("iam:GetAccountSummary")
)

# Only these Regions are there, and an opt-in Region is off at first.
told = operate("account", "region", "list", "--account", ACCOUNT)["regions"]
assert [(one["region"], one["kind"], one["enabled"], one["sts_active"]) for one in told] == [
    (GLOBAL, "global", True, True),
    (DEFAULT, "default", True, True),
    (OPT_IN, "opt-in", False, False),
], told
for name in [GLOBAL, DEFAULT]:
    assert me(name) == ACCOUNT
    at(name, service="iam").list_users()
for name in ["us-east-1", "ap-south-1"]:
    for call in [at(name).get_caller_identity, at(name, service="iam").list_users]:
        refused("SignatureDoesNotMatch", NOT_VALID, call)
for call in [at(OPT_IN).get_caller_identity, at(OPT_IN).get_session_token]:
    refused("InvalidClientTokenId", INVALID, call)

# Hosts: those that the operator named, and AWS's own.
for host, wanted in [
    ("sts.example.org", GLOBAL),
    ("sts.amazonaws.com", GLOBAL),
    ("sts.eu-west-1.example.org", GLOBAL),
    ("sts.eu-central-1.example.org", DEFAULT),
    ("sts.eu-central-1.amazonaws.com", DEFAULT),
    ("sts-fips.eu-central-1.amazonaws.com", DEFAULT),
    ("sts.eu-central-1.api.aws", DEFAULT),
]:
    for name in [GLOBAL, DEFAULT]:
        if name == wanted:
            assert me(name, host=host) == ACCOUNT, host
        else:
            refused("SignatureDoesNotMatch", NOT_VALID, at(name, host).get_caller_identity)

# Both accounts must enable an opt-in Region: the caller's to be heard, the role's to be issued for.
region("enable", OPT_IN)
assert me(OPT_IN) == ACCOUNT
assume(OPT_IN)
parameters = {"RoleArn": arn("role", "reader", account=OTHER), "RoleSessionName": "s-1"}
refused("RegionDisabledException", disabled(OTHER), at(OPT_IN).assume_role, **parameters)
region("enable", OPT_IN, OTHER)
assume(OPT_IN, OTHER)
region("disable", OPT_IN)
refused("InvalidClientTokenId", INVALID, at(OPT_IN).assume_role, **parameters)
region("enable", OPT_IN)

# STS of a Region that is there by default: whose credentials are made is what counts.
region("disable", DEFAULT)
refused("RegionDisabledException", disabled(ACCOUNT), at(DEFAULT).get_session_token)
assume(DEFAULT, OTHER)
assert me(DEFAULT) == ACCOUNT
region("enable", DEFAULT)
region("disable", DEFAULT, OTHER)
refused("RegionDisabledException", disabled(OTHER), at(DEFAULT).assume_role, **parameters)
assume(DEFAULT)
told = operate("account", "region", "list", "--account", OTHER)["regions"]
assert [one["sts_active"] for one in told] == [True, False, True], told

# Version 1, at first and when it is chosen: tokens of the global endpoint are no good in the opt-in
# Region, those of Regional endpoints are. Version 2: all are.
for version, number in [(None, 1), ("v2Token", 2), ("v1Token", 1)]:
    if version:
        iam.set_security_token_service_preferences(GlobalEndpointTokenVersion=version)
    summary = iam.get_account_summary()["SummaryMap"]
    assert summary["GlobalEndpointTokenVersion"] == number, summary
    for name, host, is_global in [
        (GLOBAL, None, True),
        (GLOBAL, "sts.amazonaws.com", True),
        (GLOBAL, "sts.example.org", True),
        (GLOBAL, "sts.eu-west-1.amazonaws.com", False),
        (GLOBAL, "sts.eu-west-1.example.org", False),
        (DEFAULT, None, False),
        (OPT_IN, "sts.me-south-1.example.org", False),
    ]:
        key = assume(name, host=host)
        for where in [GLOBAL, DEFAULT]:
            assert me(where, key) == ACCOUNT
        if number == 1 and is_global:
            refused("InvalidClientTokenId", INVALID, at(OPT_IN, key=key).get_caller_identity)
            look = at(OPT_IN, key=key, service="iam").get_account_summary
            refused("InvalidClientTokenId", INVALID, look)
        else:
            assert me(OPT_IN, key) == ACCOUNT
            at(OPT_IN, key=key, service="iam").get_account_summary()

print("all checks passed")
