"""The parts of SAML responses, each of which can be another than it should be; for whoever makes hostile
ones. The signatures are real, also where what they sign is wrong."""

import saml_documents as documents
from saml_documents import AWS, DS, ENVELOPED, EXCLUSIVE, FORMATS, SAML, SAMLP, SHA256, Facts, Key

ACCOUNT = "123456789012"
ISSUER = "https://idp.example.com/"
BEARER = "urn:oasis:names:tc:SAML:2.0:cm:bearer"

# The keys: two of the identity provider, which roll over, and one of another kind; one of another
# provider; an attacker's; and one that assertions are encrypted for.
IDP, NEXT, CURVE, OTHER, ATTACKER = Key.rsa(), Key.rsa(), Key.ec(), Key.rsa(), Key.rsa()
OURS, NOT_OURS = Key.rsa(), Key.rsa()


def arn(kind, name):
    return f"arn:aws:iam::{ACCOUNT}:{kind}/{name}"


def facts(**more):
    pair = f"{arn('role', 'staff')},{arn('saml-provider', 'Corp')}"
    return Facts(**{"issuer": ISSUER, "subject": "ada", "roles": (pair,), "session_name": "ada", **more})


def info(
    identifier,
    key=IDP,
    reference=None,
    transforms=None,
    method=None,
    c14n=None,
    digest=SHA256,
    uri=None,
    digest_value=None,
    value=None,
    more_info="",
    after="",
    key_info="",
):
    """A signature of that element, every part of which can be another."""
    uri = f'URI="#{identifier}"' if uri is None else uri
    transforms = TRANSFORMS if transforms is None else transforms
    method = f'<ds:SignatureMethod Algorithm="{key.algorithm()}"/>' if method is None else method
    c14n = f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"/>' if c14n is None else c14n
    digest_value = f"@DIGEST:{identifier}@" if digest_value is None else digest_value
    value = f"@VALUE:{identifier}@" if value is None else value
    if reference is None:
        reference = (
            f'<ds:Reference {uri}>{transforms}<ds:DigestMethod Algorithm="{digest}"/>'
            f"<ds:DigestValue>{digest_value}</ds:DigestValue></ds:Reference>"
        )
    return (
        f'<ds:Signature xmlns:ds="{DS}"><ds:SignedInfo>{c14n}{method}{reference}{more_info}'
        f"</ds:SignedInfo><ds:SignatureValue>{value}</ds:SignatureValue>{key_info}{after}</ds:Signature>"
    )


def transform(algorithm, inner=""):
    return f'<ds:Transform Algorithm="{algorithm}">{inner}</ds:Transform>'


def transforms(*each):
    return f"<ds:Transforms>{''.join(each)}</ds:Transforms>"


ENVELOPING = transform(ENVELOPED)
CANONICAL = transform(EXCLUSIVE)
TRANSFORMS = transforms(ENVELOPING, CANONICAL)


def attribute(name, *values, prefix=AWS, kind="saml:Attribute"):
    inner = "".join(f"<saml:AttributeValue>{value}</saml:AttributeValue>" for value in values)
    return f'<{kind} Name="{prefix}{name}">{inner}</{kind}>'


def subject(f, name_id=None, confirmation=None, data=None, method=BEARER, twice=""):
    name_id = (
        f'<saml:NameID Format="{FORMATS}persistent">{f.subject}</saml:NameID>' if name_id is None else name_id
    )
    if data is None:
        data = f'<saml:SubjectConfirmationData NotOnOrAfter="{f.time(300)}" Recipient="{f.recipient}"/>'
    if confirmation is None:
        confirmation = f'<saml:SubjectConfirmation Method="{method}">{data}</saml:SubjectConfirmation>'
    return f"<saml:Subject>{name_id}{confirmation}{twice}</saml:Subject>"


def conditions(f, restriction=None, times=None, more=""):
    if restriction is None:
        restriction = f"<saml:AudienceRestriction><saml:Audience>{f.audience}</saml:Audience></saml:AudienceRestriction>"
    times = f'NotBefore="{f.time(-60)}" NotOnOrAfter="{f.time(300)}"' if times is None else times
    return f"<saml:Conditions {times}>{restriction}{more}</saml:Conditions>"


def assertion(
    f,
    signature="",
    subject_=None,
    conditions_=None,
    attributes=None,
    authn=None,
    issuer=None,
    head=None,
    advice="",
    more_attributes="",
    identifier=None,
    declared="",
    tag="saml:Assertion",
):
    identifier = identifier or f.assertion_id
    head = f'ID="{identifier}" Version="2.0" IssueInstant="{f.time()}"' if head is None else head
    issuer = f"<saml:Issuer>{f.issuer}</saml:Issuer>" if issuer is None else issuer
    if attributes is None:
        attributes = attribute("Role", *f.roles) + attribute("RoleSessionName", f.session_name)
    if authn is None:
        authn = (
            f'<saml:AuthnStatement AuthnInstant="{f.time()}"><saml:AuthnContext><saml:AuthnContextClassRef>'
            "urn:oasis:names:tc:SAML:2.0:ac:classes:Password</saml:AuthnContextClassRef></saml:AuthnContext>"
            "</saml:AuthnStatement>"
        )
    return (
        f'<{tag} xmlns:saml="{SAML}"{declared} {head}>{issuer}{signature}{subject(f) if subject_ is None else subject_}'
        f"{conditions(f) if conditions_ is None else conditions_}{advice}{authn}"
        f"<saml:AttributeStatement>{attributes}{more_attributes}</saml:AttributeStatement></{tag}>"
    )


def response(
    f, body, signature="", status=None, extensions="", issuer=None, head=None, declared="", after=""
):
    head = f'ID="{f.response_id}" Version="2.0" IssueInstant="{f.time()}"' if head is None else head
    issuer = f"<saml:Issuer>{f.issuer}</saml:Issuer>" if issuer is None else issuer
    status = (
        f'<samlp:Status><samlp:StatusCode Value="{f.status}"/></samlp:Status>' if status is None else status
    )
    return (
        f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}"{declared} {head}>{issuer}{signature}{extensions}'
        f"{status}{body}{after}</samlp:Response>"
    )


def signed(f=None, key=IDP, response_=None, how=None, **parts):
    """A response whose assertion is signed; `parts` are those of `assertion` or of its signature."""
    f = f or facts()
    of_signature = {name: parts.pop(name) for name in list(parts) if name in info.__code__.co_varnames}
    body = assertion(f, info(f.assertion_id, key, **of_signature), **parts)
    text = response(f, body, **(response_ or {}))
    return documents.sign(text, f.assertion_id, key, **(how or {}))


def whole(f=None, key=IDP, body=None, how=None, response_=None, **of_signature):
    """A response that is signed itself, around an assertion that is not."""
    f = f or facts()
    body = assertion(f) if body is None else body
    text = response(f, body, info(f.response_id, key, **of_signature), **(response_ or {}))
    return documents.sign(text, f.response_id, key, **(how or {}))


def between(text, begin, end):
    """What stands from one mark to another, both included."""
    at = text.index(begin)
    return text[at : text.index(end, at) + len(end)]


def parts_of(text):
    """The signed assertion and its signature."""
    return between(text, "<saml:Assertion", "</saml:Assertion>"), between(
        text, "<ds:Signature", "</ds:Signature>"
    )
