"""SAML responses and metadata as identity providers write them: AD FS, Entra ID, Okta, Keycloak, and
Shibboleth, each with its own prefixes, order and habits. Elements are canonicalised by libxml2 and
signed here, because signxml cannot write everything that these providers write; signxml's verifier
must accept every one before it leaves (`verified`).

Times and keys are arguments or made anew: nothing here is worth anything outside a test."""

import base64
import dataclasses
import datetime
import hashlib
import secrets

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa, utils
from lxml import etree
from signxml import SignatureConfiguration, XMLSigner, XMLVerifier

DS = "http://www.w3.org/2000/09/xmldsig#"
XENC = "http://www.w3.org/2001/04/xmlenc#"
SAML = "urn:oasis:names:tc:SAML:2.0:assertion"
SAMLP = "urn:oasis:names:tc:SAML:2.0:protocol"
EXCLUSIVE = "http://www.w3.org/2001/10/xml-exc-c14n#"
ENVELOPED = f"{DS}enveloped-signature"
MORE = "http://www.w3.org/2001/04/xmldsig-more#"
SHA256 = f"{XENC}sha256"
SHA384 = f"{MORE}sha384"
SHA512 = f"{XENC}sha512"
FORMATS = "urn:oasis:names:tc:SAML:2.0:nameid-format:"
NAMES = "urn:oasis:names:tc:SAML:2.0:attrname-format:"
AWS = "https://aws.amazon.com/SAML/Attributes/"
RECIPIENT = "https://signin.aws.amazon.com/saml"
AUDIENCE = "urn:amazon:webservices"
XS = "http://www.w3.org/2001/XMLSchema"
XSI = "http://www.w3.org/2001/XMLSchema-instance"

# lxml hands to libxml2 only those prefixes of a PrefixList that libxml2 has met as names; here it meets
# the one that stands for the default namespace.
MET = etree.fromstring('<met xmlns="#default"/>')

HASHES = {"sha1": hashes.SHA1, "sha256": hashes.SHA256, "sha384": hashes.SHA384, "sha512": hashes.SHA512}


def hash_of(uri):
    """The name of the hash function that an algorithm's URI ends with."""
    return uri.rpartition("#")[2].rpartition("-")[2]


class Key:
    """A private key with a certificate of its own."""

    def __init__(self, private, name="CN=idp.example.com"):
        self.private = private
        now = datetime.datetime.now(datetime.timezone.utc).replace(microsecond=0)
        subject = x509.Name.from_rfc4514_string(name)
        made = x509.CertificateBuilder(subject, subject, private.public_key(), x509.random_serial_number())
        made = made.not_valid_before(now - datetime.timedelta(days=1))
        made = made.not_valid_after(now + datetime.timedelta(days=3650))
        self.certificate = made.sign(private, hashes.SHA256())

    @classmethod
    def rsa(cls, bits=2048):
        return cls(rsa.generate_private_key(65537, bits))

    @classmethod
    def ec(cls, curve=ec.SECP256R1):
        return cls(ec.generate_private_key(curve()))

    @property
    def is_rsa(self):
        return isinstance(self.private, rsa.RSAPrivateKey)

    def algorithm(self, digest="sha256"):
        return f"{MORE}{'rsa' if self.is_rsa else 'ecdsa'}-{digest}"

    def certificate_text(self, width=None):
        der = self.certificate.public_bytes(serialization.Encoding.DER)
        text = base64.b64encode(der).decode()
        lines = [text[at : at + width] for at in range(0, len(text), width)] if width else [text]
        return "\n".join(lines)

    def pem(self):
        """The private key as IAM takes it: PKCS#8."""
        form = serialization.PrivateFormat.PKCS8
        none = serialization.NoEncryption()
        return self.private.private_bytes(serialization.Encoding.PEM, form, none).decode()

    def sign(self, content, algorithm):
        """The value of a signature as XML has it: PKCS#1 v1.5, or r and s beside each other."""
        hashed = HASHES[hash_of(algorithm)]()
        if self.is_rsa:
            return self.private.sign(content, padding.PKCS1v15(), hashed)
        r, s = utils.decode_dss_signature(self.private.sign(content, ec.ECDSA(hashed)))
        size = (self.private.key_size + 7) // 8
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def public(key):
    """A public key, as certificates have it."""
    form = serialization.PublicFormat.SubjectPublicKeyInfo
    return base64.b64encode(key.private.public_key().public_bytes(serialization.Encoding.DER, form)).decode()


@dataclasses.dataclass
class Facts:
    """What a response says."""

    issuer: str = "https://idp.example.com/"
    subject: str = "ada@example.com"
    subject_format: str = f"{FORMATS}persistent"
    roles: tuple = ()
    session_name: str = "ada@example.com"
    attributes: tuple = ()
    recipient: str = RECIPIENT
    audience: str = AUDIENCE
    now: datetime.datetime = None
    session_s: int = 8 * 3600
    status: str = "urn:oasis:names:tc:SAML:2.0:status:Success"

    def __post_init__(self):
        self.now = self.now or datetime.datetime.now(datetime.timezone.utc)
        self.response_id = f"_{secrets.token_hex(16)}"
        self.assertion_id = f"_{secrets.token_hex(16)}"

    def time(self, seconds=0, fraction=True):
        at = self.now + datetime.timedelta(seconds=seconds)
        text = at.strftime("%Y-%m-%dT%H:%M:%S")
        return f"{text}.{at.microsecond // 1000:03}Z" if fraction else f"{text}Z"

    def every_attribute(self):
        """The attributes with their values, AWS's own among them."""
        named = [(f"{AWS}Role", list(self.roles)), (f"{AWS}RoleSessionName", [self.session_name])]
        return named + [(name, list(values)) for name, values in self.attributes]


def escaped(text):
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;").replace('"', "&quot;")


def serialised(element):
    """An element as a document of its own, which has all namespaces that were in scope."""
    # Not in ASCII, in which lxml writes names with references, which no names can have.
    return etree.tostring(element, with_tail=False, encoding="utf-8")


class Verifier(XMLVerifier):
    """signxml's, for names of all letters, and for elements with carriage returns behind them."""

    def _tostring(self, xml_node, **more):
        return serialised(xml_node)


class Signer(XMLSigner):
    """signxml's, for the same."""

    def _tostring(self, xml_node, **more):
        return serialised(xml_node)


def canonical(element, prefixes=()):
    """The exclusive canonical form of an element where it stands, by libxml2."""
    alone = etree.fromstring(serialised(element))
    return etree.tostring(
        alone,
        method="c14n",
        exclusive=True,
        with_comments=False,
        inclusive_ns_prefixes=list(prefixes) or None,
    )


def detach(element):
    """Takes an element out of its parent and leaves the text behind it."""
    parent, before = element.getparent(), element.getprevious()
    if before is not None:
        before.tail = (before.tail or "") + (element.tail or "")
    else:
        parent.text = (parent.text or "") + (element.tail or "")
    element.tail = None
    parent.remove(element)


def by_id(root, wanted):
    """The element of that ID; of several, the one with a signature."""
    found = [element for element in root.iter(etree.Element) if wanted == element.get("ID")]
    return next((element for element in found if element.find(f"{{{DS}}}Signature") is not None), found[0])


def prefix_list(element):
    """The prefixes of an algorithm's `InclusiveNamespaces`."""
    inclusive = element is not None and element.find(f"{{{EXCLUSIVE}}}InclusiveNamespaces")
    return [] if inclusive is None or inclusive is False else inclusive.get("PrefixList").split()


def sign(text, identifier, key, form=canonical, info_form=canonical, value=None):
    """Fills in the digest and the value of the signature directly in the element of that ID, whose
    places are `@DIGEST:ID@` and `@VALUE:ID@`. What is hashed may take another form than the one that is
    ours, and the value may be made of it in another way."""
    digest_at, value_at = f"@DIGEST:{identifier}@", f"@VALUE:{identifier}@"
    root = etree.fromstring(text.encode())
    signed = by_id(root, identifier)
    signature = signed.find(f"{{{DS}}}Signature")
    transforms = signature.findall(f".//{{{DS}}}Transform")
    digest_method = signature.find(f".//{{{DS}}}DigestMethod")
    if digest_at in text:
        detach(signature)
        content = form(signed, prefix_list(transforms[-1]) if transforms else [])
        digest = base64.b64encode(
            hashlib.new(hash_of(digest_method.get("Algorithm")), content).digest()
        ).decode()
        text = text.replace(digest_at, digest)
    signature = by_id(etree.fromstring(text.encode()), identifier).find(f"{{{DS}}}Signature")
    info = signature.find(f"{{{DS}}}SignedInfo")
    method = info.find(f"{{{DS}}}CanonicalizationMethod")
    algorithm = info.find(f"{{{DS}}}SignatureMethod").get("Algorithm")
    made = (value or key.sign)(info_form(info, prefix_list(method)), algorithm)
    return text.replace(value_at, base64.b64encode(made).decode())


def is_valid(text, certificate):
    """Whether signxml accepts every signature of the Response and of its Assertion, and there is
    one."""
    root = etree.fromstring(text.encode())
    elements = [root] + root.findall(f"{{{SAML}}}Assertion")
    signed = [element for element in elements if element.find(f"{{{DS}}}Signature") is not None]
    for element in signed:
        alone = etree.fromstring(serialised(element))
        try:
            found = Verifier().verify(
                alone,
                x509_cert=certificate,
                id_attribute="ID",
                # It has no place for the PrefixList of the canonicalisation of SignedInfo.
                validate_schema=False,
                expect_config=SignatureConfiguration(require_x509=True, location="./"),
            )
        except Exception:  # Whatever it finds wrong, and however it says so.
            return False
        assert found.signed_xml.get("ID") == element.get("ID")
    return bool(signed)


def verified(text, key):
    assert is_valid(text, key.certificate), text
    return text


def encoded(text):
    return base64.b64encode(text.encode()).decode()


def algorithms(key, identifier, prefix="ds:", space=" ", inclusive="", digest=SHA256):
    """`SignedInfo` as most write it."""
    listed = (
        f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{inclusive}"{space}/>'
        if inclusive
        else ""
    )
    canonicalised = f'{prefix}Transform Algorithm="{EXCLUSIVE}"'
    exclusive = f"<{canonicalised}>{listed}</{prefix}Transform>" if listed else f"<{canonicalised}{space}/>"
    return (
        f"<{prefix}SignedInfo>"
        f'<{prefix}CanonicalizationMethod Algorithm="{EXCLUSIVE}"{space}/>'
        f'<{prefix}SignatureMethod Algorithm="{key.algorithm(hash_of(digest))}"{space}/>'
        f'<{prefix}Reference URI="#{identifier}"><{prefix}Transforms>'
        f'<{prefix}Transform Algorithm="{ENVELOPED}"{space}/>{exclusive}</{prefix}Transforms>'
        f'<{prefix}DigestMethod Algorithm="{digest}"{space}/>'
        f"<{prefix}DigestValue>@DIGEST:{identifier}@</{prefix}DigestValue></{prefix}Reference></{prefix}SignedInfo>"
        f"<{prefix}SignatureValue>@VALUE:{identifier}@</{prefix}SignatureValue>"
    )


def microsoft(facts, signature, attributes):
    """What AD FS and Entra ID have in common: SAML's own namespace is the default in the assertion,
    which is signed, and values have no type."""
    confirmed = f'NotOnOrAfter="{facts.time(300)}" Recipient="{escaped(facts.recipient)}"'
    return (
        f'<Assertion ID="{facts.assertion_id}" IssueInstant="{facts.time()}" Version="2.0" xmlns="{SAML}">'
        f"<Issuer>{escaped(facts.issuer)}</Issuer>{signature}"
        f'<Subject><NameID Format="{facts.subject_format}">{escaped(facts.subject)}</NameID>'
        f'<SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f"<SubjectConfirmationData {confirmed} /></SubjectConfirmation></Subject>"
        f'<Conditions NotBefore="{facts.time(-5)}" NotOnOrAfter="{facts.time(3600)}">'
        f"<AudienceRestriction><Audience>{escaped(facts.audience)}</Audience></AudienceRestriction></Conditions>"
        f"<AttributeStatement>{attributes}</AttributeStatement>"
        f'<AuthnStatement AuthnInstant="{facts.time(-60)}" SessionIndex="{facts.assertion_id}"><AuthnContext>'
        f"<AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        f"</AuthnContextClassRef></AuthnContext></AuthnStatement></Assertion>"
    )


def microsoft_response(facts, more, assertion):
    return (
        f'<samlp:Response ID="{facts.response_id}" Version="2.0" IssueInstant="{facts.time()}" '
        f'Destination="{escaped(facts.recipient)}"{more} xmlns:samlp="{SAMLP}">'
        f'<Issuer xmlns="{SAML}">{escaped(facts.issuer)}</Issuer>'
        f'<samlp:Status><samlp:StatusCode Value="{facts.status}" /></samlp:Status>'
        f"{assertion}</samlp:Response>"
    )


def plain_attributes(facts):
    return "".join(
        f'<Attribute Name="{escaped(name)}">'
        + "".join(f"<AttributeValue>{escaped(value)}</AttributeValue>" for value in values)
        + "</Attribute>"
        for name, values in facts.every_attribute()
    )


def adfs(facts, key):
    """Active Directory Federation Services: `ds:` but for KeyInfo, which takes the default namespace."""
    certificate = (
        f"<ds:X509Data><ds:X509Certificate>{key.certificate_text()}</ds:X509Certificate></ds:X509Data>"
    )
    signature = (
        f'<ds:Signature xmlns:ds="{DS}">{algorithms(key, facts.assertion_id)}'
        f'<KeyInfo xmlns="{DS}">{certificate}</KeyInfo></ds:Signature>'
    )
    consent = ' Consent="urn:oasis:names:tc:SAML:2.0:consent:unspecified"'
    assertion = microsoft(facts, signature, plain_attributes(facts))
    return verified(sign(microsoft_response(facts, consent, assertion), facts.assertion_id, key), key)


def entra(facts, key):
    """Entra ID: the signature without prefixes, and claims of its own."""
    claims = "http://schemas.microsoft.com/identity/claims/"
    own = [
        (f"{claims}tenantid", ["72f988bf-86f1-41af-91ab-2d7cd011db47"]),
        (f"{claims}displayname", ["Ada & Löve \U0001f511"]),
        (
            "http://schemas.microsoft.com/claims/authnmethodsreferences",
            [
                "http://schemas.microsoft.com/ws/2008/06/identity/authenticationmethod/password",
                "http://schemas.microsoft.com/claims/multipleauthn",
            ],
        ),
        ("http://schemas.xmlsoap.org/ws/2005/05/identity/claims/name", [facts.subject]),
    ]
    facts = dataclasses.replace(facts, attributes=(*own, *facts.attributes))
    signature = (
        f'<Signature xmlns="{DS}">{algorithms(key, facts.assertion_id, prefix="")}<KeyInfo><X509Data>'
        f"<X509Certificate>{key.certificate_text()}</X509Certificate></X509Data></KeyInfo></Signature>"
    )
    assertion = microsoft(facts, signature, plain_attributes(facts))
    return verified(sign(microsoft_response(facts, "", assertion), facts.assertion_id, key), key)


def okta(facts, key):
    """Okta: Response and Assertion signed, each with a PrefixList that names the prefix of types."""

    def signature(identifier):
        return (
            f'<ds:Signature xmlns:ds="{DS}">{algorithms(key, identifier, space="", inclusive="xs")}<ds:KeyInfo>'
            f"<ds:X509Data><ds:X509Certificate>{key.certificate_text(64)}\n</ds:X509Certificate></ds:X509Data>"
            "</ds:KeyInfo></ds:Signature>"
        )

    def attribute(name, values):
        form = "uri" if name.endswith("/Role") else "basic"
        typed = f'xmlns:xs="{XS}" xmlns:xsi="{XSI}" xsi:type="xs:string"'
        inner = "".join(f"<saml2:AttributeValue {typed}>{escaped(v)}</saml2:AttributeValue>" for v in values)
        return f'<saml2:Attribute Name="{escaped(name)}" NameFormat="{NAMES}{form}">{inner}</saml2:Attribute>'

    attributes = "".join(attribute(name, values) for name, values in facts.every_attribute())
    confirmed = f'NotOnOrAfter="{facts.time(300)}" Recipient="{escaped(facts.recipient)}"'
    issuer = f'Format="{FORMATS}entity"'
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?><saml2p:Response Destination="{escaped(facts.recipient)}" '
        f'ID="{facts.response_id}" IssueInstant="{facts.time()}" Version="2.0" xmlns:saml2p="{SAMLP}" xmlns:xs="{XS}">'
        f'<saml2:Issuer {issuer} xmlns:saml2="{SAML}">{escaped(facts.issuer)}</saml2:Issuer>'
        f"{signature(facts.response_id)}"
        f'<saml2p:Status xmlns:saml2p="{SAMLP}"><saml2p:StatusCode Value="{facts.status}"/></saml2p:Status>'
        f'<saml2:Assertion ID="{facts.assertion_id}" IssueInstant="{facts.time()}" Version="2.0" '
        f'xmlns:saml2="{SAML}" xmlns:xs="{XS}">'
        f'<saml2:Issuer {issuer} xmlns:saml2="{SAML}">{escaped(facts.issuer)}</saml2:Issuer>'
        f"{signature(facts.assertion_id)}"
        f'<saml2:Subject xmlns:saml2="{SAML}"><saml2:NameID Format="{facts.subject_format}">{escaped(facts.subject)}'
        f'</saml2:NameID><saml2:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f"<saml2:SubjectConfirmationData {confirmed}/></saml2:SubjectConfirmation></saml2:Subject>"
        f'<saml2:Conditions NotBefore="{facts.time(-300)}" NotOnOrAfter="{facts.time(300)}" xmlns:saml2="{SAML}">'
        f"<saml2:AudienceRestriction><saml2:Audience>{escaped(facts.audience)}</saml2:Audience>"
        f"</saml2:AudienceRestriction></saml2:Conditions>"
        f'<saml2:AuthnStatement AuthnInstant="{facts.time(-60)}" SessionIndex="id1" '
        f'SessionNotOnOrAfter="{facts.time(facts.session_s)}" xmlns:saml2="{SAML}"><saml2:AuthnContext>'
        f"<saml2:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport"
        f"</saml2:AuthnContextClassRef></saml2:AuthnContext></saml2:AuthnStatement>"
        f'<saml2:AttributeStatement xmlns:saml2="{SAML}">{attributes}</saml2:AttributeStatement></saml2:Assertion>'
        f"</saml2p:Response>"
    )
    text = sign(text, facts.assertion_id, key)
    return verified(sign(text, facts.response_id, key), key)


def keycloak_assertion(facts, signature=""):
    """Both the default namespace and `saml:`, as Keycloak declares them, although it uses one."""
    typed = f'xmlns:xs="{XS}" xmlns:xsi="{XSI}" xsi:type="xs:string"'
    attributes = "".join(
        f'<saml:Attribute FriendlyName="{escaped(name.rpartition("/")[2])}" Name="{escaped(name)}" '
        f'NameFormat="{NAMES}basic">'
        + "".join(f"<saml:AttributeValue {typed}>{escaped(value)}</saml:AttributeValue>" for value in values)
        + "</saml:Attribute>"
        for name, values in facts.every_attribute()
    )
    confirmed = f'NotOnOrAfter="{facts.time(300)}" Recipient="{escaped(facts.recipient)}"'
    return (
        f'<saml:Assertion xmlns="{SAML}" ID="{facts.assertion_id}" IssueInstant="{facts.time()}" Version="2.0">'
        f"<saml:Issuer>{escaped(facts.issuer)}</saml:Issuer>{signature}"
        f'<saml:Subject><saml:NameID Format="{facts.subject_format}">{escaped(facts.subject)}</saml:NameID>'
        f'<saml:SubjectConfirmation Method="urn:oasis:names:tc:SAML:2.0:cm:bearer">'
        f"<saml:SubjectConfirmationData {confirmed}/></saml:SubjectConfirmation></saml:Subject>"
        f'<saml:Conditions NotBefore="{facts.time(-2)}" NotOnOrAfter="{facts.time(58)}">'
        f"<saml:AudienceRestriction><saml:Audience>{escaped(facts.audience)}</saml:Audience>"
        f"</saml:AudienceRestriction></saml:Conditions>"
        f'<saml:AuthnStatement AuthnInstant="{facts.time()}" SessionIndex="7c5ad5d2::0e2b" '
        f'SessionNotOnOrAfter="{facts.time(facts.session_s)}"><saml:AuthnContext>'
        f"<saml:AuthnContextClassRef>urn:oasis:names:tc:SAML:2.0:ac:classes:unspecified</saml:AuthnContextClassRef>"
        f"</saml:AuthnContext></saml:AuthnStatement>"
        f"<saml:AttributeStatement>{attributes}</saml:AttributeStatement></saml:Assertion>"
    )


def keycloak_response(facts, key, assertion):
    """The Response is signed, with the key's name and value beside its certificate."""
    key_value = ""
    if key.is_rsa:
        numbers = key.private.public_key().public_numbers()
        parts = [
            base64.b64encode(n.to_bytes((n.bit_length() + 7) // 8, "big")).decode()
            for n in (numbers.n, numbers.e)
        ]
        key_value = (
            f"<dsig:KeyValue><dsig:RSAKeyValue><dsig:Modulus>{parts[0]}</dsig:Modulus>"
            f"<dsig:Exponent>{parts[1]}</dsig:Exponent></dsig:RSAKeyValue></dsig:KeyValue>"
        )
    signature = (
        f'<dsig:Signature xmlns:dsig="{DS}">{algorithms(key, facts.response_id, prefix="dsig:", space="")}'
        f"<dsig:KeyInfo><dsig:KeyName>FJ86GcF3jTbNLOco4NvZkUCIUmfYCqoqtOQeMfbhNlE</dsig:KeyName>"
        f"<dsig:X509Data><dsig:X509Certificate>{key.certificate_text()}</dsig:X509Certificate></dsig:X509Data>"
        f"{key_value}</dsig:KeyInfo></dsig:Signature>"
    )
    text = (
        f'<samlp:Response xmlns:samlp="{SAMLP}" xmlns:saml="{SAML}" Destination="{escaped(facts.recipient)}" '
        f'ID="{facts.response_id}" IssueInstant="{facts.time()}" Version="2.0">'
        f"<saml:Issuer>{escaped(facts.issuer)}</saml:Issuer>{signature}"
        f'<samlp:Status><samlp:StatusCode Value="{facts.status}"/></samlp:Status>{assertion}</samlp:Response>'
    )
    return verified(sign(text, facts.response_id, key), key)


def keycloak(facts, key):
    return keycloak_response(facts, key, keycloak_assertion(facts))


SHAPES = {"adfs": adfs, "entra": entra, "okta": okta, "keycloak": keycloak}


def metadata(shape, entity_id, key):
    """The metadata that the provider publishes, with the parts that are of no use to us."""
    certificate = f"<X509Data><X509Certificate>{key.certificate_text()}</X509Certificate></X509Data>"
    single = f'<md:SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST" Location="{entity_id}sso"/>'
    keys = (
        f'<md:KeyDescriptor use="signing"><ds:KeyInfo xmlns:ds="{DS}">'
        f"{certificate.replace('<X', '<ds:X').replace('</X', '</ds:X')}</ds:KeyInfo></md:KeyDescriptor>"
    )
    descriptor = f'<md:IDPSSODescriptor WantAuthnRequestsSigned="false" protocolSupportEnumeration="{SAMLP}">'
    formats = "".join(
        f"<md:NameIDFormat>{FORMATS}{name}</md:NameIDFormat>" for name in ("persistent", "transient")
    )
    body = f"{descriptor}{keys}{formats}{single}</md:IDPSSODescriptor>"
    declared = 'xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata"'
    if shape in ("adfs", "entra"):
        # The metadata's namespace is the default, and there are roles of WS-Federation beside ours.
        body = body.replace("<md:", "<").replace("</md:", "</")
        fed = "http://docs.oasis-open.org/wsfed/federation/200706"
        other = (
            f'<RoleDescriptor xmlns:xsi="{XSI}" xmlns:fed="{fed}" xsi:type="fed:SecurityTokenServiceType" '
            f'protocolSupportEnumeration="{fed}"><KeyDescriptor use="signing"><KeyInfo xmlns="{DS}">{certificate}'
            f"</KeyInfo></KeyDescriptor></RoleDescriptor>"
        )
        return (
            f'<?xml version="1.0" encoding="utf-8"?><EntityDescriptor ID="_{secrets.token_hex(8)}" '
            f'entityID="{entity_id}" xmlns="urn:oasis:names:tc:SAML:2.0:metadata">{other}{body}</EntityDescriptor>'
        )
    text = f'<md:EntityDescriptor entityID="{entity_id}" {declared}>{body}</md:EntityDescriptor>'
    return text if shape == "keycloak" else f'<?xml version="1.0" encoding="UTF-8"?>\n{text}\n'


def metadata_of(entity_id, keys):
    """Metadata of a provider that signs with any of these keys."""
    begin, end = "<md:KeyDescriptor", "</md:KeyDescriptor>"
    texts = [metadata("okta", entity_id, key) for key in keys]
    described = [begin + text.partition(begin)[2].partition(end)[0] + end for text in texts]
    return texts[0].replace(described[0], "".join(described))
