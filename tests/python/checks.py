"""What the scripts about IAM have in common: the client, refusals, pages and documents."""

import json

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"

# The HTTP status of each error code.
STATUS = {
    "AccessDenied": 403,
    "DeleteConflict": 409,
    "EntityAlreadyExists": 409,
    "InvalidAuthenticationCode": 403,
    "InvalidClientTokenId": 403,
    "InvalidInput": 400,
    "InvalidParameterValue": 400,
    "LimitExceeded": 409,
    "MalformedPolicyDocument": 400,
    "NoSuchEntity": 404,
    "PolicyNotAttachable": 400,
    "UnmodifiableEntity": 400,
    "ValidationError": 400,
}

# The server is asked what the client itself would refuse, and once only.
CONFIG = Config(parameter_validation=False, retries={"total_max_attempts": 1})

iam = boto3.client("iam", config=CONFIG)


def client(service, key):
    """A client of an access key, or of the credentials of a session."""
    return boto3.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key.get("SessionToken"),
        config=CONFIG,
    )


def arn(kind, name, path="/", account=ACCOUNT):
    return f"arn:aws:iam::{account}:{kind}{path}{name}"


def document(action, resource="*", effect="Allow", **more):
    """A policy of one statement."""
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal):
    """A trust policy that lets the principal assume the role."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def refused(code, text, call, **parameters):
    """Checks that the call fails with this code, the status of the code, and this text; any text
    where AWS's is not known."""
    what = f"{call.__name__}({parameters})"
    try:
        call(**parameters)
    except ClientError as error:
        answer = error.response
    else:
        raise AssertionError(f"{what} should have failed with {code}")
    assert answer["Error"]["Code"] == code, (what, answer)
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == STATUS[code], (what, answer)
    assert text is None or answer["Error"]["Message"] == text, (what, answer)
    assert answer["Error"]["Type"] == "Sender", (what, answer)


def answer(caller, operation, parameters):
    """Status, code and message of a call, whatever comes of it; of one that succeeds 200, no code
    and no message."""
    try:
        caller._make_api_call(operation, parameters)
    except ClientError as error:
        told = error.response["Error"]
        status = error.response["ResponseMetadata"]["HTTPStatusCode"]
        return status, told["Code"], told["Message"]
    return 200, None, ""


def constraint(name, value, text):
    """The text for a value that the service model does not allow."""
    return (
        f"1 validation error detected: Value '{value}' at '{name}' failed to satisfy constraint: "
        f"Member must {text}"
    )


def paged(operation, *members, size=2, **parameters):
    """The items of a list that has at least five, read with boto3's paginator: no page has more
    than asked for, only the last has no marker, and no item comes twice."""
    pages = list(
        iam.get_paginator(operation).paginate(**parameters, PaginationConfig={"PageSize": size})
    )
    for page in pages:
        assert sum(len(page[member]) for member in members) <= size, (operation, page)
    assert [page["IsTruncated"] for page in pages] == [True] * (len(pages) - 1) + [False], pages
    assert "Marker" not in pages[-1], pages[-1]
    items = [item for page in pages for member in members for item in page[member]]
    assert len(items) >= 5 and len(pages) > 2, (operation, pages)
    assert all(item not in items[:n] for n, item in enumerate(items)), (operation, items)
    refused("ValidationError", "Invalid Marker.", getattr(iam, operation), **parameters, Marker="x")
    return items


def column(items, member):
    """One member of each item, in order of its values."""
    return sorted(item[member] for item in items)
