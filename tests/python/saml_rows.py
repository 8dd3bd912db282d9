"""Cases of hostile SAML responses: the list of them, and the texts that are answered."""

import base64
import dataclasses

INVALID, DENIED, EXPIRED = "InvalidIdentityToken", "AccessDenied", "ExpiredTokenException"
NO_SIGNATURE = "Response signature invalid"
NOT_ALLOWED = "Not authorized to perform sts:AssumeRoleWithSAML"
NO_ISSUER = (
    "Issuer not present in specified provider (service: AWSOpenIdDiscoveryService; status code: 400; "
    "error code: AuthSamlInvalidSamlResponseException)"
)
NO_AUDIENCE = "Response does not contain the required audience."
TOO_OLD = "Token must be redeemed within 5 minutes of issuance"
ENDED = "Response has expired"
NO_NAME = "RoleSessionName is required in AuthnResponse"
BAD_NAME = "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}"
BAD_SOURCE = 'Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with "aws:"'


def unfit(words):
    """The text for what AWS has no words for."""
    return f"Invalid SAML response: {words}."


rows = []


def row(name, text, code=INVALID, told=None, provider="Corp"):
    """A case; `text` is a document, or bytes, or what is sent as it stands."""
    if isinstance(text, str):
        text = text.encode()
    sent = text.raw if isinstance(text, Sent) else base64.b64encode(text).decode()
    assert name not in [other["name"] for other in rows], name
    rows.append({"name": name, "provider": provider, "sent": sent, "code": code, "text": told})


def good(name, text, provider="Corp"):
    """A neighbour that must be accepted."""
    row(f"accepted: {name}", text, code="", provider=provider)


@dataclasses.dataclass
class Sent:
    """What is sent as it stands, instead of the base64 of a document."""

    raw: str
