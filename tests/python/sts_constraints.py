"""Every parameter of every STS operation at, below and above each limit of AWS's service model:
code, status and message are compared.

The cases come from the model of the installed botocore. What is beyond a limit is refused in AWS's
words, all that is wrong in one text. What a value within the limits gives stands in `ROWS`: an
operation or a parameter of the model without a row fails the test, and so does a row without its
parameter.
"""

import json
import os
from dataclasses import dataclass

import boto3

from checks import ACCOUNT, CONFIG, answer, arn, iam
from model import DOCUMENT, combined, fits, put, steps, values, violations, without_indices

# Operations of the model that are not answered yet: one that is needs rows.
NOT_YET = {
    "AssumeRoot",
    "GetDelegatedAccessToken",
    "GetWebIdentityToken",
}

# Where other limits hold than the model's: each with its reason.
OVERRIDES = {
    # The newest model has no maximum, and the text of the API says 2,048.
    ("AssumeRole", "policy"): {"max": 2048},
    # The model has none for the list, and the text of the API says ten.
    ("AssumeRole", "policyArns"): {"max": 10},
    ("AssumeRoleWithSAML", "policyArns"): {"max": 10},
    ("AssumeRoleWithWebIdentity", "policyArns"): {"max": 10},
    ("GetFederationToken", "policyArns"): {"max": 10},
}

# Values that no text repeats, although the model does not call them sensitive: a one-time password
# is a secret as long as it is valid, and an assertion is for its provider alone.
HIDDEN = {"tokenCode", "providedContexts.contextAssertion"}

ROLE = arn("role", "constraints")
TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
        "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
    }],
})
# A token of an OpenID Connect provider that the server knows, and a role that it is good for.
TOKEN = os.environ["WEB_IDENTITY_TOKEN"]
WEB_ROLE = arn("role", "web-constraints")
WEB_TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": os.environ["PROVIDER_ARN"]},
        "Action": "sts:AssumeRoleWithWebIdentity",
    }],
})

# A response of a SAML provider that the server knows, and the role that it names.
ASSERTION = os.environ["SAML_ASSERTION"]
SAML_ROLE = arn("role", "saml-constraints")
SAML_PROVIDER = os.environ["SAML_PROVIDER_ARN"]
SAML_TRUST = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{
        "Effect": "Allow",
        "Principal": {"Federated": SAML_PROVIDER},
        "Action": "sts:AssumeRoleWithSAML",
    }],
})


def granted(_value):
    return 200, None, ""


@dataclass
class Row:
    """What a value that the model allows gives (status, code, message or any), how a text or a list
    of a length is written, and the parameters without which it means nothing."""

    taken: object = granted
    text: object = None
    members: object = None
    also: object = lambda _value: {}


def arn_of(kind):
    """Writes ARNs of a length, the beginning of one where it is too short for that."""
    def text(length):
        start = arn(kind, "")
        rest = (("x" * 60 + "/") * (length // 61 + 1))[: max(length - len(start), 0)]
        return (start + rest)[:length].removesuffix("/").ljust(length, "x")
    return text


def is_cut_short(value, kind):
    return len(value) <= len(arn(kind, ""))


def no_such_role(value):
    if is_cut_short(value, "role"):
        return 400, "ValidationError", f"{value} is invalid"
    return (
        403, "AccessDenied",
        f"User: {me} is not authorized to perform: sts:AssumeRole on resource: {value} because no "
        "role trust policy allows the sts:AssumeRole action",
    )


def no_such_web_role(value):
    if is_cut_short(value, "role"):
        return 400, "ValidationError", f"{value} is invalid"
    return 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithWebIdentity"


def no_such_saml_role(value):
    if is_cut_short(value, "role"):
        return 400, "ValidationError", f"{value} is invalid"
    return 403, "AccessDenied", "Not authorized to perform sts:AssumeRoleWithSAML"


def no_such_saml_provider(value):
    if is_cut_short(value, "saml-provider"):
        return 400, "ValidationError", f"{value} is invalid"
    return 400, "InvalidIdentityToken", "Specified provider doesn't exist"


def no_token(_value):
    return 400, "InvalidIdentityToken", None


def no_such_policy(value):
    if is_cut_short(value, "policy"):
        return 400, "ValidationError", f"{value} is invalid"
    return 400, "ValidationError", f"Policy {value} does not exist or is not attachable."


def document(length):
    return DOCUMENT.ljust(length) if length > len(DOCUMENT) else "{" * length


def document_taken(value):
    return granted(value) if len(value) > 2 else (400, "MalformedPolicyDocument", None)


def unknown_device(_value):
    return (
        403, "AccessDenied",
        "MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA "
        "serial number is valid and associated with this user.",
    )


def tags(size):
    return [{"Key": f"key-{number}", "Value": "v"} for number in range(size)]


def tags_of(keys):
    """The tags without which transitive keys are refused: as many as there may be, of keys that
    there may be."""
    keys = [key for key in keys if fits(model.shape_for("tagKeyType"), key)]
    return {"Tags": [{"Key": key, "Value": "v"} for key in keys[:50]]}


POLICIES = [f"constraints-{number}" for number in range(11)]
CONTEXTS = [
    {"ProviderArn": f"arn:aws:iam::aws:contextProvider/Provider{number}", "ContextAssertion": "said"}
    for number in range(6)
]


def unknown_context(_value):
    return (
        400, "InvalidParameterValue",
        "The provided context cannot be verified: no context provider is registered.",
    )


def key_of_nobody(_value):
    """An id without the layout of those that tell their account."""
    return (
        403, "InvalidClientTokenId", "The security token included in the request is invalid."
    )


def provider_taken(value):
    if not value.startswith("arn:"):
        return 400, "ValidationError", f"{value} is invalid"
    return unknown_context(value)


MFA = {
    "serialNumber": Row(taken=unknown_device, also=lambda _: {"TokenCode": "123456"}),
    "tokenCode": Row(taken=unknown_device, also=lambda _: {"SerialNumber": arn("mfa", "none")}),
}
SESSION_POLICIES = {
    "policy": Row(taken=document_taken, text=document),
    "policyArns": Row(members=lambda size: [{"arn": arn("policy", p)} for p in POLICIES[:size]]),
    "policyArns.arn": Row(taken=no_such_policy, text=arn_of("policy")),
}
TAGS = {
    "tags": Row(members=tags),
    "tags.key": Row(also=lambda _: {"Tags": tags(1)}),
    "tags.value": Row(also=lambda _: {"Tags": tags(1)}),
}

# For each operation a call that is granted, and a row for each parameter.
ROWS = {
    "AssumeRole": (
        {"RoleArn": ROLE, "RoleSessionName": "constraints"},
        {
            "roleArn": Row(taken=no_such_role, text=arn_of("role")),
            "roleSessionName": Row(),
            **SESSION_POLICIES,
            "durationSeconds": Row(),
            **TAGS,
            "transitiveTagKeys": Row(
                members=lambda size: [tag["Key"] for tag in tags(size)], also=tags_of
            ),
            "transitiveTagKeys.member": Row(also=lambda key: tags_of([key])),
            "externalId": Row(),
            **MFA,
            "sourceIdentity": Row(),
            "providedContexts": Row(
                members=lambda size: CONTEXTS[:size],
                taken=unknown_context,
            ),
            "providedContexts.providerArn": Row(
                taken=provider_taken, also=lambda _: {"ProvidedContexts": CONTEXTS[:1]}
            ),
            "providedContexts.contextAssertion": Row(
                taken=unknown_context, also=lambda _: {"ProvidedContexts": CONTEXTS[:1]}
            ),
            "minimumSessionTokenSize": Row(),
        },
    ),
    "AssumeRoleWithSAML": (
        {"RoleArn": SAML_ROLE, "PrincipalArn": SAML_PROVIDER, "SAMLAssertion": ASSERTION},
        {
            "roleArn": Row(taken=no_such_saml_role, text=arn_of("role")),
            "principalArn": Row(taken=no_such_saml_provider, text=arn_of("saml-provider")),
            "sAMLAssertion": Row(taken=no_token),
            **SESSION_POLICIES,
            "durationSeconds": Row(),
            "minimumSessionTokenSize": Row(),
        },
    ),
    "AssumeRoleWithWebIdentity": (
        {"RoleArn": WEB_ROLE, "RoleSessionName": "constraints", "WebIdentityToken": TOKEN},
        {
            "roleArn": Row(taken=no_such_web_role, text=arn_of("role")),
            "roleSessionName": Row(),
            "webIdentityToken": Row(taken=no_token),
            # Access tokens of providers that are no OpenID Connect providers.
            "providerId": Row(taken=no_token),
            **SESSION_POLICIES,
            "durationSeconds": Row(),
            "minimumSessionTokenSize": Row(),
        },
    ),
    "GetCallerIdentity": ({}, {}),
    "GetSessionToken": (
        {}, {"durationSeconds": Row(), **MFA, "minimumSessionTokenSize": Row()}
    ),
    "GetFederationToken": (
        {"Name": "bob"},
        {
            "name": Row(),
            **SESSION_POLICIES,
            "durationSeconds": Row(),
            **TAGS,
            "minimumSessionTokenSize": Row(),
        },
    ),
    "GetAccessKeyInfo": (
        {"AccessKeyId": "AKIAIOSFODNN7EXAMPLE"}, {"accessKeyId": Row(taken=key_of_nobody)}
    ),
    "DecodeAuthorizationMessage": (
        {"EncodedMessage": "sealed"},
        {
            "encodedMessage": Row(
                taken=lambda _: (400, "InvalidAuthorizationMessageException", None)
            ),
        },
    ),
}


def limits_of(operation, shape, path):
    return {**shape.metadata, **OVERRIDES.get((operation, without_indices(path)), {})}


def wanted(operation, request, taken):
    """What a call is to be answered with."""
    shape = model.operation_model(operation).input_shape
    limits = lambda shape, path: limits_of(operation, shape, path)
    items = violations(shape, request, "", limits, HIDDEN) if shape else []
    return (400, "ValidationError", combined(items)) if items else taken


def compared(message):
    """A message without the order of its items, which AWS does not tell."""
    head, detected, items = message.partition(" detected: ")
    return head, detected, sorted(items.split("; "))


def check(operation, request, taken=granted(None)):
    """Compares the answer to a call with AWS's: `taken` if nothing is wrong with it."""
    want, got = wanted(operation, request, taken), answer(caller, operation, request)
    counts[want[0]] = counts.get(want[0], 0) + 1
    same = got[:2] == want[:2] and (want[2] is None or compared(got[2]) == compared(want[2]))
    if not same:
        failures.append(f"{operation} {json.dumps(request)[:300]}\n got    {got}\n wanted {want}"[:2500])


def check_parameter(operation, base, path, where, shape, row):
    """Compares what each value of a parameter gives; returns what is refused, as the operation's own
    parameter has it."""
    limits = limits_of(operation, shape, path)
    beyond = []
    for value in values(shape, limits, row.text, row.members):
        request = put({**base, **row.also(value)}, where, value)
        taken = row.taken(value)
        check(operation, request, taken)
        if wanted(operation, request, None) is not None:
            beyond.append(request[where[0]])
    return beyond


def check_operation(operation, base, rows):
    shape = model.operation_model(operation).input_shape
    parameters = list(steps(shape)) if shape else []
    paths = {path for path, _, _ in parameters}
    assert paths == set(rows), f"{operation}: {sorted(paths ^ set(rows))} have no row, or no parameter"
    beyond = {}
    for path, where, member in parameters:
        refused = check_parameter(operation, base, path, where, member, rows[path])
        assert refused, f"{operation} {path} has no limit: how is it tested?"
        beyond.setdefault(where[0], []).extend(refused)
    # What is required, left out: each by itself, and all.
    required = shape.required_members if shape else []
    for name in required:
        check(operation, {other: base[other] for other in base if other != name})
    if required:
        check(operation, {})
    # Every parameter wrong at once, each in each of its ways.
    ways = max(map(len, beyond.values()), default=0)
    for way in range(ways):
        request = {name: bad[way % len(bad)] for name, bad in beyond.items() if bad}
        check(operation, {**base, **request})


caller = boto3.client("sts", config=CONFIG)
model = caller.meta.service_model
me = caller.get_caller_identity()["Arn"]
for policy in POLICIES:
    iam.create_policy(PolicyName=policy, PolicyDocument=DOCUMENT)
iam.create_role(RoleName="constraints", AssumeRolePolicyDocument=TRUST, MaxSessionDuration=43200)
iam.create_role(
    RoleName="web-constraints", AssumeRolePolicyDocument=WEB_TRUST, MaxSessionDuration=43200
)
iam.create_role(
    RoleName="saml-constraints", AssumeRolePolicyDocument=SAML_TRUST, MaxSessionDuration=43200
)

failures, counts = [], {}
for operation in model.operation_names:
    status, code, message = answer(caller, operation, {})
    if code == "InvalidAction":
        assert operation in NOT_YET, f"{operation} is not answered"
        assert (status, message) == (
            400, f"Could not find operation {operation} for version 2011-06-15"
        ), (status, message)
    else:
        assert operation in ROWS, f"{operation} is answered and has no rows"
        check_operation(operation, *ROWS[operation])
assert not set(ROWS) & NOT_YET, "a row for what is said not to be answered"
assert set(ROWS) | NOT_YET == set(model.operation_names), "a row for what there is not"
for operation, path in OVERRIDES:
    assert path in ROWS[operation][1], f"{operation} {path} is overridden and not there"

assert not failures, f"{len(failures)} differ:\n" + "\n".join(failures)
assert counts[400] > 100 and counts[200] > 20, counts
print(f"answers by status: {counts}")
print("all checks passed")
