"""Every constraint of AWS's service models, on every parameter of every operation that is answered:
the value at each limit is taken, the one beyond it is refused in AWS's words.

The caller may do nothing, so that a request whose parameters are taken changes nothing.
"""

import json
import re
import string

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ACCOUNT = "123456789012"
DOCUMENT = json.dumps({
    "Version": "2012-10-17",
    "Statement": [{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}],
})

# A valid value for each shape that a required parameter may have and whose limits do not tell
# one; for shapes with a pattern, so that nobody has to invert it.
EXAMPLES = {
    "accessKeyIdType": "AKIAIOSFODNN7EXAMPLE",
    "accountAliasType": "example-alias",
    "arnType": f"arn:aws:iam::{ACCOUNT}:role/Example",
    "authenticationCodeType": "123456",
    "pathType": "/example/",
    "pathPrefixType": "/example/",
    "policyPathType": "/example/",
    "policyDocumentType": DOCUMENT,
    "policyVersionIdType": "v1",
    "serialNumberType": f"arn:aws:iam::{ACCOUNT}:mfa/example",
    "unrestrictedSessionPolicyDocumentType": DOCUMENT,
    "sessionPolicyDocumentType": DOCUMENT,
    "tokenCodeType": "123456",
    "ActionNameType": "s3:GetObject",
    "ContextKeyNameType": "aws:username",
    "webIdentitySubjectType": "subject",
    "groupNameType": "Example",
    "SAMLProviderNameType": "Example",
    "privateKeyType": "key",
    "privateKeyIdType": "A" * 22,
    "OpenIDConnectProviderUrlType": "https://h.example/a",
}

# The same for parameters.
PARAMETERS = {
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/Example",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/Example",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/Example",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/h.example/a",
}

# Where we are stricter than the model, and the documents say why (docs/divergences.md).
STRICTER = {
    # No maximum in the newest model, and 2,048 in its text.
    ("AssumeRole", "Policy"),
}

admin = {name: boto3.client(name) for name in ("sts", "iam")}
admin["iam"].create_user(UserName="Nobody")
key = admin["iam"].create_access_key(UserName="Nobody")["AccessKey"]


def client(service):
    """A client that sends whatever it is given."""
    return boto3.client(
        service,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        config=Config(parameter_validation=False, retries={"max_attempts": 0}),
    )


def answer(caller, operation, parameters):
    """The code and the message of a refusal, or nothing."""
    try:
        caller._make_api_call(operation, parameters)
    except ClientError as error:
        return error.response["Error"]["Code"], error.response["Error"]["Message"]
    return None, ""


def pattern(text):
    """A pattern of the model for Python: its one class that Python does not know, spelled out."""
    text = text.replace(r"\p{L}\p{Z}\p{N}", r"\w ")
    text = re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", text)
    text = re.sub(r"\\u([0-9A-F]{5,6})", lambda m: f"\\U{int(m[1], 16):08x}", text)
    return re.compile(text, re.ASCII)


def fits(shape, text):
    limits = shape.metadata
    if not limits.get("min", 0) <= len(text) <= limits.get("max", len(text)):
        return False
    return "pattern" not in limits or pattern(limits["pattern"]).fullmatch(text) is not None


def example(shape):
    """A value that the model allows."""
    if shape.name in EXAMPLES:
        return EXAMPLES[shape.name]
    if shape.type_name == "string":
        if shape.enum:
            return shape.enum[0]
        text = "x" * max(shape.metadata.get("min", 0), 4)
        assert fits(shape, text), f"{shape.name}: give an example"
        return text
    if shape.type_name in ("integer", "long"):
        return shape.metadata.get("min", 1)
    if shape.type_name == "boolean":
        return True
    if shape.type_name == "list":
        return [example(shape.member)]
    if shape.type_name == "structure":
        wanted = shape.required_members or list(shape.members)[:1]
        return {name: example(shape.members[name]) for name in wanted}
    raise AssertionError(f"{shape.name}: {shape.type_name}")


def of_length(shape, length):
    """A text of that length that fits the pattern, if there is an obvious one."""
    sample = EXAMPLES.get(shape.name, "")
    candidates = ["x" * length, "1" * length, " " * length]
    if length >= 2:
        candidates.append("/" + "x" * (length - 2) + "/")
    if length > len(sample):
        candidates += [sample + c * (length - len(sample)) for c in "x 1"]
    if length >= 1:
        candidates += ["/" + "x" * (length - 1), "v" + "1" * (length - 1)]
    limits = shape.metadata
    for text in candidates:
        if "pattern" not in limits or pattern(limits["pattern"]).fullmatch(text):
            return text
    return None


def misfit(shape):
    """A text of an allowed length that does not fit the pattern."""
    limits = shape.metadata
    length = max(limits.get("min", 0), 4)
    length = min(length, limits.get("max", length))
    for character in "!\u20ac\u0007 /" + string.punctuation:
        text = character * length
        if not pattern(limits["pattern"]).fullmatch(text):
            return text
    return None


def cases(shape):
    """(value, the constraint that it fails, or nothing)."""
    limits = shape.metadata
    if shape.type_name == "string":
        if shape.enum:
            yield "NoSuchWord", "Member must satisfy enum value set: ["
            for word in shape.enum:
                yield word, None
        for bound, beyond, words in (
            ("max", 1, "less than or equal to"), ("min", -1, "greater than or equal to"),
        ):
            if bound not in limits:
                continue
            limit = limits[bound]
            at_limit = of_length(shape, limit)
            if at_limit is not None and shape.name not in ("arnType", "policyDocumentType"):
                yield at_limit, None
            # An empty text is as good as none to botocore's serialiser of some shapes.
            if limit + beyond >= 0:
                text = of_length(shape, limit + beyond)
                if text is None:
                    text = "x" * (limit + beyond)
                yield text, f"Member must have length {words} {limit}"
        if "pattern" in limits:
            text = misfit(shape)
            if text is not None:
                yield text, "Member must satisfy regular expression pattern: " + limits["pattern"]
    elif shape.type_name in ("integer", "long"):
        for bound, beyond, words in (
            ("max", 1, "less than or equal to"), ("min", -1, "greater than or equal to"),
        ):
            if bound in limits:
                yield limits[bound], None
                yield limits[bound] + beyond, f"Member must have value {words} {limits[bound]}"
    elif shape.type_name == "list" and "max" in limits and limits["max"] <= 300:
        for count in (limits["max"], limits["max"] + 1):
            items = [numbered(shape.member, n) for n in range(count)]
            beyond = count > limits["max"]
            text = f"Member must have length less than or equal to {limits['max']}"
            yield items, text if beyond else None


def numbered(shape, number):
    """An example that differs from the others of its list."""
    value = example(shape)
    if shape.type_name == "structure" and "Key" in value:
        return {**value, "Key": f"key-{number}"}
    if shape.type_name == "string" and not shape.enum:
        text = f"key-{number}"
        return text if fits(shape, text) else value
    return value


def members(shape, where=()):
    """Every parameter, also those inside of structures and lists."""
    for name, member in shape.members.items():
        yield (*where, name), member


def lower(name):
    """A parameter as AWS's texts call it."""
    return name[0].lower() + name[1:]


checked = refused = 0
failures, unsupported = [], set()
for service in ("sts", "iam"):
    caller = client(service)
    for operation in caller.meta.service_model.operation_names:
        model = caller.meta.service_model.operation_model(operation)
        shape = model.input_shape
        if shape is None:
            continue
        if answer(caller, operation, {})[0] == "InvalidAction":
            continue
        base = {
            name: PARAMETERS.get(name) or example(shape.members[name])
            for name in shape.required_members
        }
        for (name,), member in members(shape):
            for value, constraint in cases(member):
                code, message = answer(caller, operation, {**base, name: value})
                what = f"{operation} {name}={str(value)[:80]!r} ({member.name}): {code} {message[:400]}"
                checked += 1
                if f"The parameter {name} is not supported" in message:
                    unsupported.add(f"{operation} {name}")
                elif constraint is None:
                    constraints = re.findall(r" at '([^']+)' failed to satisfy", message)
                    if lower(name) in constraints and (operation, name) not in STRICTER:
                        failures.append(what)
                else:
                    refused += 1
                    words = f"at '{lower(name)}' failed to satisfy constraint: {constraint}"
                    if code != "ValidationError" or words not in message:
                        failures.append(f"{what}; wanted: {words}")

print("not supported yet: " + ", ".join(sorted(unsupported)))
assert not failures, "\n".join(failures)
assert refused > 100, (checked, refused)
print(f"{checked} values, {refused} of them beyond a limit")
print("all checks passed")
