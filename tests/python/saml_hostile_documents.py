"""Hostile responses whose names, IDs, encodings or sizes are what is wrong, and those in which others
read what nobody had signed."""

import base64
import gzip
import hashlib
import zlib

from lxml import etree

import saml_documents as documents
from saml_documents import DS, EXCLUSIVE, SAML, SAMLP
from saml_parts import (
    IDP,
    ENVELOPING,
    arn,
    assertion,
    attribute,
    between,
    facts,
    info,
    parts_of,
    response,
    signed,
    subject,
    transform,
    transforms,
    whole,
)
from saml_rows import DENIED, NO_SIGNATURE, NOT_ALLOWED, Sent, good, row, unfit


def namespaces():
    text = signed()
    body, signature = parts_of(text)
    eleven = "urn:oasis:names:tc:SAML:1.0:assertion"
    row("the assertion is of SAML 1.1", signed(declared="").replace(SAML, eleven))
    row(
        "the assertion is of nobody's",
        text.replace(f'<saml:Assertion xmlns:saml="{SAML}"', '<saml:Assertion xmlns:saml="urn:x"'),
    )
    row(
        "the response is of nobody's",
        text.replace(SAMLP, "urn:x"),
        told=unfit("the document is no Response of SAML 2.0"),
    )
    row("the signature is of nobody's", text.replace(DS + '">', 'urn:x">'), told=NO_SIGNATURE)
    row("the names are of no namespace", text.replace("saml:", "").replace("samlp:", ""))
    row("the names are in upper case", text.replace(SAML, SAML.upper()))
    undeclared = unfit("the document uses a namespace prefix that is not declared, or declares one wrongly")
    row(
        "a prefix that is not declared",
        text.replace("<samlp:Status>", "<x:y/><samlp:Status>"),
        told=undeclared,
    )
    row(
        "an attribute with a prefix that is not declared",
        text.replace("<samlp:Status>", "<samlp:Status x:y=''>"),
        told=undeclared,
    )
    for name, declaration in {
        "xml is bound to another namespace": 'xmlns:xml="urn:x"',
        "xmlns is declared": 'xmlns:xmlns="http://www.w3.org/2000/xmlns/"',
        "a prefix is bound to that of xml": 'xmlns:x="http://www.w3.org/XML/1998/namespace"',
        "a prefix is bound to that of xmlns": 'xmlns:x="http://www.w3.org/2000/xmlns/"',
        "a prefix is taken back": 'xmlns:saml=""',
        "the default is that of xmlns": 'xmlns="http://www.w3.org/2000/xmlns/"',
    }.items():
        row(
            f"namespaces: {name}",
            text.replace("<samlp:Status>", f"<samlp:Status {declaration}>"),
            told=undeclared,
        )
    row(
        "a prefix is bound anew around what is signed",
        text.replace("<samlp:Status>", "<samlp:Status>", 1)
        .replace(
            f'<saml:Assertion xmlns:saml="{SAML}"', f'<saml:Assertion xmlns:saml="{SAML}" xmlns:ds="urn:x"'
        )
        .replace(f'<ds:Signature xmlns:ds="{DS}"', "<ds:Signature"),
    )
    twice = unfit("the document has an element with the same attribute twice")
    row("an attribute twice", text.replace('Version="2.0"', 'Version="2.0" Version="2.0"', 1), told=twice)
    row(
        "an attribute twice by two prefixes",
        text.replace("<samlp:Status>", '<samlp:Status xmlns:a="urn:x" xmlns:b="urn:x" a:y="" b:y="">'),
        told=twice,
    )
    row(
        "a declaration twice",
        text.replace("<samlp:Status>", '<samlp:Status xmlns:a="urn:x" xmlns:a="urn:x">'),
        told=twice,
    )
    # What nobody signs may not stand beside what is signed; and what the provider signs means nothing
    # in another namespace.
    row(
        "an element of the same name and another namespace in the response",
        text.replace("<samlp:Status>", '<Assertion xmlns="urn:x"/><samlp:Status>'),
    )
    f = facts()
    row(
        "cve_2025_66567: NameID of another namespace only",
        signed(f, subject_=subject(f, name_id='<x:NameID xmlns:x="urn:x">ada</x:NameID>')),
    )
    head = f'xmlns:x="urn:x" x:ID="{f.assertion_id}" ID="{f.response_id}" Version="2.0" IssueInstant="{f.time()}"'
    row(
        "the fragile lock: an ID of another namespace",
        signed(f, response_={"head": head}),
        told=unfit("two elements have the same ID"),
    )
    row(
        "the fragile lock: attributes of another namespace",
        signed(
            head=f'saml:ID="{f.assertion_id}" ID="{f.assertion_id}" Version="2.0" IssueInstant="{f.time()}"',
            f=f,
        ),
        told=unfit("two elements have the same ID"),
    )
    good(
        "elements of other namespaces in Extensions",
        signed(
            response_={
                "extensions": '<samlp:Extensions><NameID xmlns="urn:x">eve</NameID></samlp:Extensions>'
            }
        ),
    )


def void():
    """What became of an error of canonicalisation: nothing, and the digest of nothing ("The Fragile
    Lock", 2025; CVE-2025-66568)."""
    nothing = base64.b64encode(hashlib.sha256(b"").digest()).decode()
    relative = {"declared": ' xmlns:x="1"'}
    # libxml2 refuses to canonicalise anything in the scope of a relative namespace, used or not.
    around = lambda element, prefixes: documents.canonical(
        etree.fromstring(documents.serialised(element).replace(b' xmlns:x="1"', b""))
    )
    row("cve_2025_66568: the digest of nothing", signed(digest_value=nothing), told=NO_SIGNATURE)
    row(
        "cve_2025_66568: the digest of nothing, a relative namespace",
        signed(digest_value=nothing, declared=' xmlns:x="1" x:y=""', how={"info_form": around}),
        told=NO_SIGNATURE,
    )
    row(
        "the fragile lock: a signature of nothing",
        signed(how={"info_form": lambda element, prefixes: b""}),
        told=NO_SIGNATURE,
    )
    row(
        "the fragile lock: a signature of nothing, a relative namespace",
        signed(
            response_=relative,
            how={"form": around, "info_form": lambda element, prefixes: b""},
            c14n=f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}"><ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="x"/></ds:CanonicalizationMethod>',
        ),
        told=NO_SIGNATURE,
    )
    empty = base64.b64encode(hashlib.sha256(b'<?xml version="1.0"?>').digest()).decode()
    row("the fragile lock: the digest of an empty document", signed(digest_value=empty), told=NO_SIGNATURE)


def identifiers():
    twice = unfit("two elements have the same ID")
    for kind in ("ID", "Id", "id", "iD", "xml:id", "x:id", "x:ID"):
        f = facts()
        extension = f'<samlp:Extensions><y xmlns="urn:y" xmlns:x="urn:x" {kind}="{f.assertion_id}"/></samlp:Extensions>'
        row(
            f"IDs: that of the assertion again as {kind}",
            signed(f, response_={"extensions": extension}),
            told=twice,
        )
        f = facts()
        inner = f'<y xmlns="urn:y" xmlns:x="urn:x" {kind}="{f.assertion_id}"/>'
        row(
            f"IDs: that of the assertion again in it as {kind}",
            signed(f, more_attributes=attribute("x", inner)),
            told=twice,
        )
    f = facts()
    f.response_id = f.assertion_id
    row("IDs: response and assertion have the same", signed(f), told=twice)
    for name, bad in {
        "a number": "1x",
        "two words": "a b",
        "a colon": "a:b",
        "empty": "",
        "a slash": "a/b",
    }.items():
        f = facts()
        f.assertion_id = bad
        row(f"IDs: no name but {name}", signed(f))
    f = facts()
    row(
        "IDs: the assertion has none",
        response(f, assertion(f, info("_x", uri='URI=""'), head=f'Version="2.0" IssueInstant="{f.time()}"')),
    )
    f = facts()
    row(
        "IDs: it is the wrong attribute's",
        response(
            f,
            assertion(
                f, info(f.assertion_id), head=f'Id="{f.assertion_id}" Version="2.0" IssueInstant="{f.time()}"'
            ),
        ),
    )
    f = facts()
    f.assertion_id = "_É1"
    row(
        "IDs: another normal form of Unicode in the reference",
        signed(f, uri='URI="#_E\u03011"'),
        told=NO_SIGNATURE,
    )
    f = facts()
    f.assertion_id = "_Größe"
    good("an ID of other letters", signed(f))


def read_from_elsewhere():
    """What other libraries read although nothing had signed it."""
    f = facts()
    text = signed(f)
    signature = parts_of(text)[1]
    digest = between(signature, "<ds:DigestValue>", "</ds:DigestValue>")
    forged = text.replace(">ada<", ">eve<")
    content = documents.canonical(
        documents.by_id(etree.fromstring(forged.replace(signature, "").encode()), f.assertion_id)
    )
    smuggled = f'<ds:DigestValue xmlns:ds="{DS}">{base64.b64encode(hashlib.sha256(content).digest()).decode()}</ds:DigestValue>'
    detail = forged.replace(
        "</samlp:Status>", f"<samlp:StatusDetail>{smuggled}</samlp:StatusDetail></samlp:Status>"
    )
    row("cve_2024_45409: a DigestValue in StatusDetail", detail, told=NO_SIGNATURE)
    row(
        "cve_2024_45409: a DigestValue in KeyInfo",
        forged.replace("</ds:Signature>", f"<ds:KeyInfo>{smuggled}</ds:KeyInfo></ds:Signature>"),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2024_45409: a DigestValue before the Reference's",
        forged.replace(digest, f"{smuggled}{digest}"),
        told=NO_SIGNATURE,
    )
    # Two parsers that see two documents: nothing here may be seen in two ways.
    row(
        "cve_2025_25291: a DOCTYPE that hides markup from one parser",
        f"<!DOCTYPE x [<!ENTITY y '\"><!--'>]>{forged}<!-- -->",
    )
    row(
        "cve_2025_25291: an attribute with markup",
        forged.replace("<samlp:Status>", "<samlp:Status x='<saml:Assertion'>"),
        told=unfit("the document is not well-formed"),
    )
    row(
        "cve_2025_25292: a signature in a namespace of another prefix",
        forged.replace("<samlp:Status>", f'<x:Signature xmlns:x="{DS}"/><samlp:Status>'),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2025_25292: a declaration with white space in its namespace",
        forged.replace(f'xmlns:ds="{DS}"', f'xmlns:ds=" {DS}"'),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2025_66567: two signatures by two namespaces",
        forged.replace(
            signature,
            signature + signature.replace("ds:", "x:").replace("xmlns:ds", "xmlns:x").replace(DS, DS.upper()),
        ),
    )
    row(
        "cve_2025_47949: the signed assertion is hidden, another is read",
        forged.replace(
            "<samlp:Status>", f"<samlp:Extensions>{parts_of(text)[0]}</samlp:Extensions><samlp:Status>"
        ),
    )
    row(
        "cve_2025_54369: an assertion is added to a signed response",
        whole(f).replace("</samlp:Response>", f"{assertion(facts(subject='eve'))}</samlp:Response>"),
    )
    row(
        "cve_2025_54419: a name is changed in what was signed",
        signed(facts()).replace(">ada<", ">ad<"),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2020_15216: a signature of an element without an ID",
        response(f, assertion(f, info("", uri='URI=""'), head=f'Version="2.0" IssueInstant="{f.time()}"')),
    )
    row(
        "cve_2020_15216: a signature of a part of the assertion",
        documents.sign(
            response(
                f,
                assertion(
                    f, subject_=subject(f).replace("<saml:Subject>", f'<saml:Subject ID="_s">{info("_s")}')
                ),
            ),
            "_s",
            IDP,
        ),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2026_47201: only an assertion in the Advice is signed",
        response(g := facts(), assertion(g, advice=f"<saml:Advice>{parts_of(signed())[0]}</saml:Advice>")),
    )
    row(
        "cve_2026_47201: an assertion that is not signed, in a response whose signature is of another",
        response(g, assertion(g), between(whole(), "<ds:Signature", "</ds:Signature>")),
        told=NO_SIGNATURE,
    )
    row("cve_2024_6800: a signed response within a forged one", response(g, assertion(g), after=whole()))


def encodings():
    text = signed()
    plain, encoded = text.encode(), documents.encoded(text)
    declaration = unfit("the document is not XML 1.0 in UTF-8 without a byte order mark")
    not_base64 = unfit("the SAML response is not base64 of a text in UTF-8")
    for name in ("utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-7"):
        row(
            f"encoded in {name}",
            (
                f'<?xml version="1.0" encoding="{name}"?>{text}'.encode(name)
                if name != "utf-7"
                else f'<?xml version="1.0" encoding="utf-7"?>{text}'.encode("utf-7")
            ),
        )
    row("a byte order mark", b"\xef\xbb\xbf" + plain, told=declaration)
    for name in ("ISO-8859-1", "us-ascii", "UTF-16", "windows-1252", "ebcdic-cp-us", ""):
        row(f"declared as {name!r}", f'<?xml version="1.0" encoding="{name}"?>{text}')
    row("declared as XML 1.1", f'<?xml version="1.1"?>{text}', told=declaration)
    row("a space before the declaration", f' <?xml version="1.0"?>{text}')
    row("a letter that is no UTF-8", plain.replace(b">ada<", b">ad\xe9<"), told=not_base64)
    row("a letter in too many bytes", plain.replace(b">ada<", b">ad\xc1\xa1<"), told=not_base64)
    row("half a letter", plain.replace(b">ada<", b">ad\xed\xa0\x80<"), told=not_base64)
    row("a zero byte", plain.replace(b">ada<", b">ad\0a<"))
    row("a reference to a zero byte", text.replace(">ada<", ">ad&#0;<"))
    row("a reference to half a letter", text.replace(">ada<", ">ad&#xD800;<"))
    row("a reference to no character", text.replace(">ada<", ">ad&#xFFFF;<"))
    row("a control character", text.replace(">ada<", ">ad&#x1;<"))
    row("deflated, as for another binding", zlib.compress(plain)[2:-4])
    row("deflated with a head", zlib.compress(plain))
    row("compressed by gzip", gzip.compress(plain))
    row("a million zeros, deflated", zlib.compress(bytes(10_000_000)))
    row("base64 twice", encoded)
    row("base64url", Sent(base64.urlsafe_b64encode(b"\xff\xfe" * 3 + plain).decode()), told=not_base64)
    row(
        "base64 without padding",
        Sent(base64.b64encode(plain + b" " * ((1 - len(plain)) % 3)).decode().rstrip("=")),
        told=not_base64,
    )
    row("base64 with more behind", Sent(encoded + "!!!"), told=not_base64)
    row("base64 with more padding", Sent(encoded.rstrip("=") + "====="), told=not_base64)
    row(
        "base64 with a value behind the padding",
        Sent(base64.b64encode(plain + b" " * ((1 - len(plain)) % 3)).decode() + "AAAA"),
        told=not_base64,
    )
    row("the document itself", Sent(text), told=not_base64)
    row(
        "percent-encoded once more",
        Sent(encoded.replace("+", "%2B").replace("/", "%2F").replace("=", "%3D") + "%3D"),
        told=not_base64,
    )
    row("no XML", "nothing of the kind")
    row("JSON", '{"Response": {}}')
    row("a JWT", Sent("eyJhbGciOiJub25lIn0.e30."), told=not_base64)
    row("empty", Sent(""), "ValidationError")
    row("three characters", Sent("AAA"), "ValidationError")
    good(
        "line breaks in the base64",
        Sent("\r\n".join(encoded[at : at + 76] for at in range(0, len(encoded), 76))),
    )
    good("a line break behind the base64", Sent(encoded + "\n"))
    good("declared in lower case", f'<?xml version="1.0" encoding="utf-8" standalone="yes"?>\n{text}')
    good("line breaks behind the root", f"{text}\r\n\n")
    good("references to characters", text.replace(">ada<", ">&#97;d&#x61;<"))


def sizes():
    def extended(content, declared=""):
        extensions = f"<samlp:Extensions{declared}>{content}</samlp:Extensions>"
        return signed().replace("<samlp:Status>", f"{extensions}<samlp:Status>")

    def filled(characters):
        """A response of so many characters in base64."""
        f = facts()
        size = characters // 4 * 3 - len(extended("").encode())
        text = signed(f, response_={"extensions": f"<samlp:Extensions>{' ' * size}</samlp:Extensions>"})
        return text + " " * (characters // 4 * 3 - len(text.encode()))

    good("100,000 characters", filled(100_000))
    row("100,004 characters", filled(100_004), "ValidationError")
    row(
        "100,001 characters with white space",
        Sent(documents.encoded(filled(100_000)) + "\n" * 3000),
        "ValidationError",
    )
    row("a million characters", Sent("A" * 1_000_000), "ValidationError")
    # Response, Extensions and Status are there.
    nested = lambda depth: "<a>" * (depth - 2) + "</a>" * (depth - 2)
    good("a depth of 48", extended(nested(48)))
    row(
        "a depth of 49",
        extended(nested(49)),
        told=unfit("the document has elements at a depth of more than 48"),
    )
    row(
        "a depth of 9,000",
        extended(nested(9000)),
        told=unfit("the document has elements at a depth of more than 48"),
    )
    many = lambda number: "<a/>x" * (number // 2)
    good("19,000 elements and texts", extended(many(19_000)))
    row(
        "20,001 elements and texts",
        extended(many(20_001)),
        told=unfit("the document has more than 20000 elements, attributes and texts"),
    )
    attributes = lambda number: "<a " + " ".join(f'a{n}=""' for n in range(number)) + "/>"
    good("64 attributes", extended(attributes(64)))
    row(
        "65 attributes",
        extended(attributes(65)),
        told=unfit("the document has an element with more than 64 attributes"),
    )
    declared = lambda number: "".join(f'<a xmlns:p{n}="urn:{n}">' for n in range(number)) + "</a>" * number
    # Two are declared at the root, and the depth allows 46 more.
    row(
        "200 namespaces in scope",
        extended(
            "<a "
            + " ".join(f'xmlns:p{n}="urn:{n}"' for n in range(60))
            + "><a "
            + " ".join(f'xmlns:q{n}="urn:{n}"' for n in range(60))
            + "/></a>"
        ),
        told=unfit("the document has more than 64 namespace declarations in scope at a time"),
    )
    good("40 namespaces in scope", extended(declared(40)))
    row(
        "a name of 513 bytes",
        extended(f"<{'a' * 513}/>"),
        told=unfit("the document has a name of more than 512 bytes"),
    )
    good("a name of 512 bytes", extended(f"<{'a' * 512}/>"))
    row(
        "a namespace of 2,049 bytes",
        extended(f'<a xmlns="{"u" * 2049}"/>'),
        told=unfit("the document has a namespace with a name of more than 2048 bytes"),
    )
    row(
        "600 namespaces",
        extended("".join(f'<a xmlns="u:{n}"/>' for n in range(600))),
        told=unfit("the document has more than 512 namespaces"),
    )
    row(
        "a canonical form that grows",
        signed(
            transforms=transforms(
                ENVELOPING,
                transform(
                    EXCLUSIVE,
                    f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="{" ".join(f"p{n}" for n in range(900))}"/>',
                ),
            )
        ),
        told=NO_SIGNATURE,
    )
    roles = tuple(f"{arn('role', f'r{n}')},{arn('saml-provider', 'Corp')}" for n in range(500))
    row("500 roles, none of them the one", signed(facts(roles=roles)), DENIED, NOT_ALLOWED)
    row("a subject of 2,000 characters", signed(facts(subject="a" * 2000)))
    good("an attribute of 20,000 characters", signed(facts(), more_attributes=attribute("x", "y" * 20_000)))
