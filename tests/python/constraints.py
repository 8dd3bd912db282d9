"""Every constraint of AWS's service model of IAM, on every parameter of every operation that is
answered: the value at each limit is taken, the one beyond it is refused in AWS's words. STS is in
`sts_constraints.py`.

The caller may do nothing, so that a request whose parameters are taken changes nothing.
"""

import re

from checks import ACCOUNT, answer, client, iam
from model import example, fits, length_at, lower, misfit, of_length

# A valid value for each required parameter whose shape does not tell one.
PARAMETERS = {
    "PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/Example",
    "PolicyArn": f"arn:aws:iam::{ACCOUNT}:policy/Example",
    "SAMLProviderArn": f"arn:aws:iam::{ACCOUNT}:saml-provider/Example",
    "OpenIDConnectProviderArn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/h.example/a",
}

iam.create_user(UserName="Nobody")
caller = client("iam", iam.create_access_key(UserName="Nobody")["AccessKey"])


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
                yield text, length_at(words, limit)
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
            text = length_at("less than or equal to", limits["max"])
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


checked = refused = 0
failures = []
service_model = caller.meta.service_model
for operation in service_model.operation_names:
    shape = service_model.operation_model(operation).input_shape
    if shape is None or answer(caller, operation, {})[1] == "InvalidAction":
        continue
    base = {
        name: PARAMETERS.get(name) or example(shape.members[name])
        for name in shape.required_members
    }
    for name, member in shape.members.items():
        for value, constraint in cases(member):
            _, code, message = answer(caller, operation, {**base, name: value})
            what = f"{operation} {name}={str(value)[:80]!r} ({member.name}): {code} {message[:400]}"
            checked += 1
            if constraint is None:
                constraints = re.findall(r" at '([^']+)' failed to satisfy", message)
                if lower(name) in constraints:
                    failures.append(what)
            else:
                refused += 1
                words = f"at '{lower(name)}' failed to satisfy constraint: {constraint}"
                if code != "ValidationError" or words not in message:
                    failures.append(f"{what}; wanted: {words}")

assert not failures, "\n".join(failures)
assert refused > 100, (checked, refused)
print(f"{checked} values, {refused} of them beyond a limit")
print("all checks passed")
