"""What AWS's service models allow: values at and beyond each limit of a shape, and AWS's words for
those that are beyond."""

import copy
import json
import re
import string

from checks import ACCOUNT

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
    "ActionNameType": "s3:GetObject",
    "ContextKeyNameType": "aws:username",
    "groupNameType": "Example",
    "SAMLProviderNameType": "Example",
    "privateKeyType": "key",
    "privateKeyIdType": "A" * 22,
    "OpenIDConnectProviderUrlType": "https://h.example/a",
}

# As many characters of a value are repeated, and as many faults are spelt out.
ECHOED, SPELT_OUT = 2048, 32


def pattern(text):
    """A pattern of the model for Python: its one class that Python does not know, spelled out."""
    text = text.replace(r"\p{L}\p{Z}\p{N}", r"\w ")
    text = re.sub(r"\\x\{([0-9A-F]+)\}", lambda m: f"\\U{int(m[1], 16):08x}", text)
    text = re.sub(r"\\u([0-9A-F]{5,6})", lambda m: f"\\U{int(m[1], 16):08x}", text)
    return re.compile(text, re.ASCII)


def matches(limits, text):
    """Whether a text fits the pattern, if there is one."""
    return "pattern" not in limits or pattern(limits["pattern"]).fullmatch(text) is not None


def fits(shape, text):
    limits = shape.metadata
    if not limits.get("min", 0) <= len(text) <= limits.get("max", len(text)):
        return False
    return matches(limits, text)


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
    for text in candidates:
        if matches(shape.metadata, text):
            return text
    return None


def misfit(shape):
    """A text of an allowed length that does not fit the pattern."""
    limits = shape.metadata
    length = max(limits.get("min", 0), 4)
    length = min(length, limits.get("max", length))
    for character in "!\u20ac\u007f /" + string.punctuation:
        text = character * length
        if not pattern(limits["pattern"]).fullmatch(text):
            return text
    return None


def lower(name):
    """A parameter as AWS's texts call it."""
    return name[0].lower() + name[1:]


def length_at(bound, limit):
    """The constraint on a length: `bound` is `less than or equal to` or the like."""
    return f"Member must have length {bound} {limit}"


def beyond(limits, size, words="length"):
    """The constraints on a length or a number that it fails."""
    found = []
    if size < limits.get("min", size):
        found.append(f"Member must have {words} greater than or equal to {limits['min']}")
    if size > limits.get("max", size):
        found.append(f"Member must have {words} less than or equal to {limits['max']}")
    return found


def violations(shape, value, path, limits_of, hidden=()):
    """The items of AWS's text for a value of a shape, one for each constraint that it fails.

    `limits_of` tells the limits of a shape at a path, `hidden` the paths, without
    indices, whose values are not repeated."""
    if value is None:
        return [item("null", path, "Member must not be null")]
    limits = limits_of(shape, path)
    if shape.type_name == "string":
        failed = beyond(limits, len(value))
        if not matches(limits, value):
            failed.append(f"Member must satisfy regular expression pattern: {limits['pattern']}")
        secret = shape.metadata.get("sensitive") or without_indices(path) in hidden
        shown = "" if secret else f"'{value[:ECHOED]}{'…' if len(value) > ECHOED else ''}'"
        return [item(shown, path, text) for text in failed]
    if shape.type_name == "integer":
        if not re.fullmatch(r"-?[0-9]+", str(value)):
            return [item(f"'{value}'", path, "Member must be an integer")]
        return [item(f"'{value}'", path, text) for text in beyond(limits, int(value), "value")]
    if shape.type_name == "list":
        # What is in a list that is too long is not looked at.
        failed = [item("", path, text) for text in beyond(limits, len(value))]
        if failed:
            return failed
        return [
            text
            for n, member in enumerate(value, 1)
            for text in violations(shape.member, member, f"{path}.{n}.member", limits_of, hidden)
        ]
    if shape.type_name == "structure":
        names = [name for name in shape.members if name in value or name in shape.required_members]
        return [
            text
            for name in names
            for text in violations(
                shape.members[name], value.get(name), below(path, name), limits_of, hidden
            )
        ]
    raise AssertionError(f"{shape.name}: {shape.type_name}")


def below(path, name):
    return f"{path}.{lower(name)}" if path else lower(name)


def item(shown, path, text):
    space = " " if shown else ""
    return f"Value {shown}{space}at '{path}' failed to satisfy constraint: {text}"


def combined(items):
    """AWS's one text for all that is wrong."""
    plural = "" if len(items) == 1 else "s"
    spelt_out = "; ".join(items[:SPELT_OUT])
    return f"{len(items)} validation error{plural} detected: {spelt_out}"


def steps(shape, path="", where=()):
    """Every parameter: its path without indices, the way to it, and its shape."""
    for name, member in shape.members.items():
        yield from within(member, below(path, name), (*where, name))


def within(shape, path, where):
    yield path, where, shape
    if shape.type_name == "structure":
        yield from steps(shape, path, where)
    elif shape.type_name == "list" and shape.member.type_name == "structure":
        yield from steps(shape.member, path, (*where, 0))
    elif shape.type_name == "list":
        yield f"{path}.member", (*where, 0), shape.member


def without_indices(path):
    """The path of a parameter as `steps` has it, from one of AWS's texts."""
    return re.sub(r"\.[0-9]+\.member(?=\.)", "", re.sub(r"\.[0-9]+\.member$", ".member", path))


def put(request, where, value):
    """A copy of a request with a value in one place; `None` takes it away. Lists on the way there
    have one member."""
    request = copy.deepcopy(request)
    inner = request
    for step, following in zip(where, where[1:]):
        if isinstance(step, str):
            inner = inner.setdefault(step, [{}] if following == 0 else {})
        else:
            inner = inner[step]
    if value is None:
        inner.pop(where[-1], None)
    else:
        inner[where[-1]] = value
    return request


def sizes(limits, *more):
    """At, below and above each limit."""
    found = set(more)
    for bound, other in (("min", -1), ("max", 1)):
        if bound in limits:
            found |= {limits[bound], limits[bound] + other}
    return sorted(found)


def values(shape, limits, text=None, members=None):
    """Values at, below and above each limit, and of the wrong form.

    `text` writes a text of a length, `members` a list of one, where that is not obvious."""
    if shape.type_name == "string":
        for size in sizes(limits, 0, 1):
            if size >= 0:
                yield text(size) if text else of_length(shape, size) or "x" * size
        if "pattern" in limits:
            odd = misfit(shape)
            yield odd
            yield odd[0] * (limits.get("max", 8) + 1)
            yield odd[0]
    elif shape.type_name == "integer":
        yield from sizes(limits)
        yield from ("", "x", "1.5", "+900", " 900", "0x384", "9" * 30, "-" + "9" * 30)
    elif shape.type_name == "list":
        for size in sizes(limits, 0, 1):
            if size >= 0:
                yield members(size)
