"""Hostile responses whose signatures, or the place of them, are what is wrong."""

import base64
import dataclasses
import hmac

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, padding
from lxml import etree

import saml_documents as documents
from saml_documents import DS, ENVELOPED, EXCLUSIVE, MORE, SHA256, XENC
from saml_parts import (
    ISSUER,
    IDP,
    NEXT,
    CURVE,
    OTHER,
    ATTACKER,
    OURS,
    CANONICAL,
    ENVELOPING,
    arn,
    assertion,
    attribute,
    between,
    conditions,
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
from saml_rows import NO_SIGNATURE, NO_ISSUER, good, row, unfit


def neighbours():
    good("the assertion is signed", signed())
    good("the response is signed", whole())
    f = facts()
    both = response(f, assertion(f, info(f.assertion_id)), info(f.response_id))
    good("both are signed", documents.sign(documents.sign(both, f.assertion_id, IDP), f.response_id, IDP))


def wrapping():
    """The published ways to wrap a signed assertion (XSW1 to XSW8; Somorovsky and others, "On Breaking
    SAML", 2012), and every place where the original could be hidden while a forged one is read."""
    for identifiers in ("of its own", "of the original"):
        for place in ("in the forged one", "in the original"):
            f = facts()
            original, signature = parts_of(signed(f))
            bare = original.replace(signature, "")
            hidden = bare if place == "in the forged one" else original
            evil = dataclasses.replace(f, subject="mallory", session_name="mallory")
            evil.assertion_id = f.assertion_id if identifiers == "of the original" else "_evil"
            carried = signature if place == "in the forged one" else ""

            def forged(**more):
                return assertion(evil, more.pop("signature", carried), **more)

            def inside(end, what):
                return (
                    carried.replace(end, f"{what}{end}")
                    if carried
                    else f'<ds:Signature xmlns:ds="{DS}">{what}</ds:Signature>'
                )

            sealed = f'<ds:Object xmlns:ds="{DS}">{hidden}</ds:Object>'
            data = f'<saml:SubjectConfirmationData NotOnOrAfter="{f.time(300)}" Recipient="{f.recipient}">{hidden}</saml:SubjectConfirmationData>'
            places = {
                "XSW3, before the forged one": response(evil, hidden + forged()),
                "XSW4, in the forged one": response(evil, forged(advice=hidden)),
                "XSW5, behind the forged one": response(evil, forged() + hidden),
                "XSW6, in the signature of the forged one": response(
                    evil, forged(signature=inside("</ds:Signature>", hidden))
                ),
                "XSW7, in Extensions": response(
                    evil, forged(), extensions=f"<samlp:Extensions>{hidden}</samlp:Extensions>"
                ),
                "XSW8, in an Object of the signature": response(
                    evil, forged(signature=inside("</ds:Signature>", sealed))
                ),
                "in KeyInfo": response(
                    evil,
                    forged(
                        signature=inside(
                            "</ds:Signature>", f'<ds:KeyInfo xmlns:ds="{DS}">{hidden}</ds:KeyInfo>'
                        )
                    ),
                ),
                "in Advice": response(evil, forged(advice=f"<saml:Advice>{hidden}</saml:Advice>")),
                "in the Subject": response(evil, forged(subject_=subject(evil, twice=hidden))),
                "in SubjectConfirmationData": response(evil, forged(subject_=subject(evil, data=data))),
                "in Conditions": response(evil, forged(conditions_=conditions(evil, more=hidden))),
                "in an AttributeValue": response(evil, forged(more_attributes=attribute("x", hidden))),
                "in StatusDetail": response(
                    evil,
                    forged(),
                    status=f'<samlp:Status><samlp:StatusCode Value="{f.status}"/><samlp:StatusDetail>{hidden}</samlp:StatusDetail></samlp:Status>',
                ),
                "in an element of nobody's": response(evil, forged(), after=f'<x xmlns="urn:x">{hidden}</x>'),
                "in a Response of its own": response(evil, forged(), after=response(f, hidden)),
                "around the forged one": response(
                    evil, hidden.replace("</saml:Subject>", f"</saml:Subject>{forged()}")
                ),
            }
            for where, text in places.items():
                row(f"wrapping: {where}; signature {place}, ID {identifiers}", text)
    # The same with the signature of a response.
    for identifiers in ("of its own", "of the original"):
        f = facts()
        original = whole(f)
        signature = between(original, "<ds:Signature", "</ds:Signature>")
        bare = original.replace(signature, "")
        evil = dataclasses.replace(f, subject="mallory", session_name="mallory")
        evil.response_id = f.response_id if identifiers == "of the original" else "_evil"
        body = assertion(evil, identifier="_forged")
        holding = lambda what: signature.replace("</ds:Signature>", f"{what}</ds:Signature>")
        places = {
            "XSW1, in the signature": response(evil, body, holding(bare)),
            "XSW2, before the signature": response(evil, body, bare + signature),
            "in an Object": response(evil, body, holding(f"<ds:Object>{bare}</ds:Object>")),
            "in Extensions": response(
                evil, body, signature, extensions=f"<samlp:Extensions>{bare}</samlp:Extensions>"
            ),
            "at the end": response(evil, body, signature, after=bare),
            "in Advice": response(
                evil,
                assertion(evil, identifier="_forged", advice=f"<saml:Advice>{bare}</saml:Advice>"),
                signature,
            ),
            "its assertion beside the forged one": response(
                evil, body + between(bare, "<saml:Assertion", "</saml:Assertion>"), signature
            ),
        }
        for where, text in places.items():
            row(f"wrapping of the response: {where}, ID {identifiers}", text)
    f = facts()
    text = signed(f)
    row("the signed assertion is changed", text.replace(">ada<", ">eve<"), told=NO_SIGNATURE)
    row("the signed response is changed", whole().replace(">ada<", ">eve<"), told=NO_SIGNATURE)
    row("the signature is taken away", text.replace(parts_of(text)[1], ""), told=NO_SIGNATURE)
    _, foreign = parts_of(signed())
    row("the signature is another response's", text.replace(parts_of(text)[1], foreign), told=NO_SIGNATURE)


def constructs():
    """What XML has and responses do not."""
    comment = unfit("the document has a comment, which is not supported")
    doctype = unfit("the document has a document type declaration, which is not supported")
    cdata = unfit("the document has a CDATA section, which is not supported")
    instruction = unfit("the document has a processing instruction, which is not supported")
    entity = unfit("the document refers to an entity, which is not supported")
    # Comments are not in the canonical form: the signature is good.
    row("cve_2018_0489: a comment in NameID", signed(facts(subject="ada<!---->.evil")), told=comment)
    row("a comment in the Issuer", signed(facts(issuer=f"{ISSUER}<!-- -->")), told=comment)
    row("a comment before the root", f"<!-- -->{signed()}", told=comment)
    row("a comment behind the root", f"{signed()}<!-- -->", told=comment)
    row(
        "a comment in Extensions",
        signed(response_={"extensions": "<samlp:Extensions><!----></samlp:Extensions>"}),
        told=comment,
    )
    value = between(signed(), "<ds:DigestValue>", "</ds:DigestValue>")
    f = facts()
    text = signed(f)
    value = between(text, "<ds:DigestValue>", "</ds:DigestValue>")
    row(
        "cve_2025_29775: a comment in DigestValue",
        text.replace(value, value.replace("<ds:DigestValue>", "<ds:DigestValue><!--AAAA-->")),
        told=comment,
    )
    row(
        "a comment in SignatureValue",
        text.replace("<ds:SignatureValue>", "<ds:SignatureValue><!--AAAA-->"),
        told=comment,
    )
    row("a comment between attributes", signed(more_attributes="<!-- -->"), told=comment)
    for name, subset in {
        "nothing": "",
        "an entity": '[<!ENTITY x "eve">]',
        "a file": '[<!ENTITY x SYSTEM "file:///etc/passwd">]',
        "a URL": '[<!ENTITY x SYSTEM "http://127.0.0.1:1/">]',
        "a parameter entity": '[<!ENTITY % x SYSTEM "http://127.0.0.1:1/"> %x;]',
        "a billion laughs": "["
        + '<!ENTITY a0 "ha">'
        + "".join(f'<!ENTITY a{n} "{f"&a{n - 1};" * 10}">' for n in range(1, 10))
        + "]",
        "an attribute of type ID": "[<!ATTLIST x y ID #IMPLIED>]",
        "an external subset": 'SYSTEM "http://127.0.0.1:1/x.dtd"',
    }.items():
        row(f"a DOCTYPE with {name}", f"<!DOCTYPE x {subset}>{signed()}", told=doctype)
    row("a DOCTYPE in lower case", f"<!doctype x>{signed()}")
    row("a DOCTYPE behind the root", f"{signed()}<!DOCTYPE x>")
    row("an entity that is not declared", text.replace(">ada<", ">&x;<"), told=entity)
    row("an entity of HTML", text.replace(">ada<", ">&nbsp;<"), told=entity)
    row("an entity in an attribute", text.replace('Version="2.0"', 'Version="&x;"', 1), told=entity)
    row(
        "a processing instruction before the root",
        f'<?xml-stylesheet href="http://127.0.0.1:1/"?>{signed()}',
        told=instruction,
    )
    row("a processing instruction in NameID", text.replace(">ada<", ">a<?x y?>da<"), told=instruction)
    row("a second XML declaration", f'<?xml version="1.0"?>\n<?xml version="1.0"?>{signed()}')
    row("CDATA in NameID", text.replace(">ada<", "><![CDATA[ada]]><"), told=cdata)
    row("CDATA in DigestValue", text.replace("<ds:DigestValue>", "<ds:DigestValue><![CDATA[]]>"), told=cdata)
    row(
        "CDATA around an assertion",
        text.replace("<samlp:Status>", "<![CDATA[<saml:Assertion>]]><samlp:Status>"),
        told=cdata,
    )
    good("markup that is text", signed(facts(subject="ada&lt;!----&gt;&lt;![CDATA[&amp;x;")))
    good("white space between the elements", signed(response_={"extensions": "\n  "}))


def counts():
    """Several of what there may be one of, and none of what there must be."""
    f = facts()
    text = signed(f)
    body, signature = parts_of(text)
    no_signed_info = between(signature, "<ds:SignedInfo>", "</ds:SignedInfo>")
    evil_info = no_signed_info.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA")
    row(
        "cve_2025_29774: several SignedInfo, the first forged",
        text.replace(no_signed_info, evil_info + no_signed_info),
        told=NO_SIGNATURE,
    )
    row(
        "cve_2025_29774: several SignedInfo, the last forged",
        text.replace(no_signed_info, no_signed_info + evil_info),
        told=NO_SIGNATURE,
    )
    row(
        "SignedInfo within SignedInfo",
        text.replace("<ds:SignedInfo>", f"<ds:SignedInfo>{no_signed_info}", 1),
        told=NO_SIGNATURE,
    )
    row("no SignedInfo", text.replace(no_signed_info, ""), told=NO_SIGNATURE)
    reference = between(signature, "<ds:Reference", "</ds:Reference>")
    other = reference.replace(f.assertion_id, f.response_id)
    row("two References, signed", signed(more_info=reference), told=NO_SIGNATURE)
    row("two References, to two elements", signed(f, more_info=other), told=NO_SIGNATURE)
    row("no Reference, signed", signed(reference=""), told=NO_SIGNATURE)
    row(
        "two DigestValues",
        text.replace("<ds:DigestValue>", "<ds:DigestValue>AAAA</ds:DigestValue><ds:DigestValue>"),
        told=NO_SIGNATURE,
    )
    row(
        "no DigestValue",
        text.replace(between(text, "<ds:DigestValue>", "</ds:DigestValue>"), ""),
        told=NO_SIGNATURE,
    )
    row("an empty DigestValue, signed", signed(digest_value=""), told=NO_SIGNATURE)
    row(
        "two SignatureValues",
        text.replace("<ds:SignatureValue>", "<ds:SignatureValue>AAAA</ds:SignatureValue><ds:SignatureValue>"),
        told=NO_SIGNATURE,
    )
    row(
        "an empty SignatureValue",
        text.replace(between(text, "<ds:SignatureValue>", "</ds:SignatureValue>"), "<ds:SignatureValue/>"),
        told=NO_SIGNATURE,
    )
    row(
        "no SignatureValue",
        text.replace(between(text, "<ds:SignatureValue>", "</ds:SignatureValue>"), ""),
        told=NO_SIGNATURE,
    )
    row("an empty Signature", text.replace(signature, f'<ds:Signature xmlns:ds="{DS}"/>'), told=NO_SIGNATURE)
    row("two signatures in the assertion", text.replace(signature, signature * 2), told=NO_SIGNATURE)
    row(
        "a broken signature behind a good one",
        text.replace(signature, signature + signature.replace("SignatureValue>", "SignatureValue>AAAA", 1)),
        told=NO_SIGNATURE,
    )
    whole_ = whole(f)
    of_response = between(whole_, "<ds:Signature", "</ds:Signature>")
    row("two signatures in the response", whole_.replace(of_response, of_response * 2), told=NO_SIGNATURE)
    row(
        "a broken signature of the response, a good one of the assertion",
        text.replace("<samlp:Status>", of_response + "<samlp:Status>"),
        told=NO_SIGNATURE,
    )
    both = response(f, assertion(f, info(f.assertion_id)), info(f.response_id))
    both = documents.sign(documents.sign(both, f.assertion_id, ATTACKER), f.response_id, IDP)
    row("a good signature of the response, an attacker's of the assertion", both, told=NO_SIGNATURE)
    row("an Object in the signature, signed", signed(after="<ds:Object>x</ds:Object>"), told=NO_SIGNATURE)
    row(
        "a Manifest",
        signed(after=f"<ds:Object><ds:Manifest>{reference}</ds:Manifest></ds:Object>"),
        told=NO_SIGNATURE,
    )
    row(
        "properties of the signature",
        signed(after="<ds:Object><ds:SignatureProperties/></ds:Object>"),
        told=NO_SIGNATURE,
    )
    row("an element of nobody's in the signature", signed(after='<x xmlns="urn:x"/>'), told=NO_SIGNATURE)
    row(
        "an element of nobody's in SignedInfo, signed",
        signed(more_info='<x xmlns="urn:x"/>'),
        told=NO_SIGNATURE,
    )
    row("text in SignedInfo, signed", signed(more_info="x"), told=NO_SIGNATURE)
    row("two KeyInfo", signed(key_info="<ds:KeyInfo/><ds:KeyInfo/>"), told=NO_SIGNATURE)
    one = facts()
    two = parts_of(signed())[0]
    row(
        "cve_2022_41912: several assertions, each signed",
        response(one, body + two),
        told=unfit("the document has more than one Assertion, or one that is not directly in the Response"),
    )
    row(
        "cve_2022_41912: several assertions, the second not signed",
        response(one, body + assertion(facts(subject="eve"))),
    )
    row(
        "cve_2022_41912: several assertions, the first not signed",
        response(one, assertion(facts(subject="eve")) + body),
    )
    row("several assertions in a signed response", whole(one, body=assertion(one) + assertion(facts())))
    row("an encrypted assertion beside a signed one", response(one, body + "<saml:EncryptedAssertion/>"))
    row("no assertion in a signed response", whole(body=""), told=unfit("the Response has no Assertion"))
    row(
        "cve_2022_39299: several roots",
        text + response(facts(), assertion(facts(subject="eve"))),
        told=unfit("the document is not well-formed"),
    )
    row("cve_2022_39299: several roots, the signed one last", assertion(facts(subject="eve")) + text)
    row("the assertion is the root", body, told=unfit("the document is no Response of SAML 2.0"))
    row("the signature is the root", signature)
    row(
        "a signature in the Subject",
        signed(subject_=subject(f, twice=f'<ds:Signature xmlns:ds="{DS}"/>')),
        told=NO_SIGNATURE,
    )
    row(
        "a signature in the Status",
        text.replace("</samlp:Status>", f"{signature}</samlp:Status>"),
        told=NO_SIGNATURE,
    )
    row(
        "a signature beside the root's parts, of the assertion",
        text.replace(signature, "").replace("<samlp:Status>", f"{signature}<samlp:Status>"),
        told=NO_SIGNATURE,
    )


def transformed():
    """Transforms beyond the two that there are; the identity provider has signed them."""
    xpath = "http://www.w3.org/TR/1999/REC-xpath-19991116"
    stylesheet = '<xsl:stylesheet xmlns:xsl="http://www.w3.org/1999/XSL/Transform" version="1.0"/>'
    inclusive = "http://www.w3.org/TR/2001/REC-xml-c14n-20010315"
    form = lambda element, prefixes: etree.tostring(element, method="c14n", with_tail=False)
    commented = f"{EXCLUSIVE}WithComments"
    for name, each in {
        "XPath": [ENVELOPING, transform(xpath, "<ds:XPath>not(ancestor-or-self::x)</ds:XPath>"), CANONICAL],
        "XPath instead of enveloped": [transform(xpath, "<ds:XPath>true()</ds:XPath>"), CANONICAL],
        "XPath filter": [ENVELOPING, transform("http://www.w3.org/2002/06/xmldsig-filter2"), CANONICAL],
        "XSLT": [ENVELOPING, transform("http://www.w3.org/TR/1999/REC-xslt-19991116", stylesheet), CANONICAL],
        "base64": [ENVELOPING, transform(f"{DS}base64"), CANONICAL],
        "none": [],
        "enveloped alone": [ENVELOPING],
        "canonicalisation alone": [CANONICAL],
        "the other order": [CANONICAL, ENVELOPING],
        "enveloped twice": [ENVELOPING, ENVELOPING, CANONICAL],
        "canonicalised twice": [ENVELOPING, CANONICAL, CANONICAL],
        "enveloped with a parameter": [transform(ENVELOPED, "<ds:XPath>x</ds:XPath>"), CANONICAL],
        "unknown": [ENVELOPING, transform("urn:x")],
        "without an algorithm": [ENVELOPING, "<ds:Transform/>"],
        "relationships of packages": [
            ENVELOPING,
            transform("http://schemas.openxmlformats.org/package/2006/RelationshipTransform"),
            CANONICAL,
        ],
        "comments kept": [ENVELOPING, transform(commented)],
        "a prefix that is no name": [
            ENVELOPING,
            transform(EXCLUSIVE, f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="a:b"/>'),
        ],
        "a PrefixList of another namespace": [
            ENVELOPING,
            transform(EXCLUSIVE, '<InclusiveNamespaces xmlns="urn:x" PrefixList="saml"/>'),
        ],
        "two PrefixLists": [
            ENVELOPING,
            transform(EXCLUSIVE, f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="a"/>' * 2),
        ],
    }.items():
        row(f"transforms: {name}", signed(transforms=transforms(*each)), told=NO_SIGNATURE)
    row("transforms: no list of them", signed(transforms=""), told=NO_SIGNATURE)
    for name, uri in {"1.0": inclusive, "1.1": "http://www.w3.org/2006/12/xml-c14n11"}.items():
        row(
            f"transforms: inclusive canonicalisation {name}",
            signed(transforms=transforms(ENVELOPING, transform(uri)), how={"form": form}),
            told=NO_SIGNATURE,
        )
        row(
            f"SignedInfo in inclusive canonicalisation {name}",
            signed(c14n=f'<ds:CanonicalizationMethod Algorithm="{uri}"/>', how={"info_form": form}),
            told=NO_SIGNATURE,
        )
    row(
        "SignedInfo with comments kept",
        signed(c14n=f'<ds:CanonicalizationMethod Algorithm="{commented}"/>'),
        told=NO_SIGNATURE,
    )
    row("SignedInfo in no canonicalisation", signed(c14n=""), told=NO_SIGNATURE)
    row(
        "SignedInfo in the canonicalisation of nobody",
        signed(c14n='<ds:CanonicalizationMethod Algorithm="urn:x"/>'),
        told=NO_SIGNATURE,
    )
    listed = f'<ec:InclusiveNamespaces xmlns:ec="{EXCLUSIVE}" PrefixList="saml samlp nobody #default"/>'
    good("a PrefixList", signed(transforms=transforms(ENVELOPING, transform(EXCLUSIVE, listed))))
    good(
        "a PrefixList for SignedInfo",
        signed(
            c14n=f'<ds:CanonicalizationMethod Algorithm="{EXCLUSIVE}">{listed}</ds:CanonicalizationMethod>'
        ),
    )


def references():
    """References to anything but the element around; the identity provider has signed them."""
    for name, uri in {
        "to the whole document": 'URI=""',
        "to nothing": "",
        "to an empty fragment": 'URI="#"',
        "to a file": 'URI="file:///etc/passwd"',
        "to a file by its path": 'URI="/etc/passwd"',
        "to a server": 'URI="http://127.0.0.1:1/"',
        "to a part of a message": 'URI="cid:x"',
        "by XPointer to the root": 'URI="#xpointer(/)"',
        "to another ID": 'URI="#_other"',
    }.items():
        row(f"reference {name}", signed(uri=uri), told=NO_SIGNATURE)
    for name, uri in {
        "by XPointer to the ID": "URI=\"#xpointer(id('{id}'))\"",
        "with a space behind": 'URI="#{id} "',
        "with a space before": 'URI=" #{id}"',
        "percent-encoded": 'URI="#%5F{rest}"',
        "with another fragment": 'URI="#{id}#{id}"',
        "without the number sign": 'URI="{id}"',
        "with an address before": 'URI="http://127.0.0.1:1/#{id}"',
        "to the response": 'URI="#{response}"',
        "in upper case": 'URI="#{upper}"',
    }.items():
        f = facts()
        uri = uri.format(
            id=f.assertion_id, rest=f.assertion_id[1:], response=f.response_id, upper=f.assertion_id.upper()
        )
        row(f"reference {name}", signed(f, uri=uri), told=NO_SIGNATURE)
    f = facts()
    row(
        "reference with a type",
        signed(f, uri=f'URI="#{f.assertion_id}" Type="{DS}Object"'),
        told=NO_SIGNATURE,
    )
    row(
        "reference with an attribute of another namespace",
        signed(f, uri=f'URI="#{f.assertion_id}" saml:URI="#{f.response_id}"'),
        told=NO_SIGNATURE,
    )
    f = facts()
    good("a reference with an Id", signed(f, uri=f'Id="_r" URI="#{f.assertion_id}"'))
    metadata = f'<md:EntityDescriptor xmlns:md="urn:oasis:names:tc:SAML:2.0:metadata" ID="_metadata" entityID="{ISSUER}">{info("_metadata")}</md:EntityDescriptor>'
    metadata = documents.sign(metadata, "_metadata", IDP)
    by_metadata = between(metadata, "<ds:Signature", "</ds:Signature>")
    f = facts()
    for name, text in {
        "cve_2025_46572: a signature over the provider's metadata": response(f, assertion(f, by_metadata)),
        "cve_2024_6800: signed metadata beside a forged assertion": response(
            f, assertion(f), extensions=f"<samlp:Extensions>{metadata}</samlp:Extensions>"
        ),
        "cve_2025_46572: signed metadata in the assertion": response(
            f, assertion(f, advice=f"<saml:Advice>{metadata}</saml:Advice>")
        ),
        "cve_2024_6800: an assertion that is called as the metadata": response(
            f, assertion(f, by_metadata, identifier="_metadata")
        ),
    }.items():
        row(name, text, told=NO_SIGNATURE)


def algorithms():
    method = lambda uri, inner="": f'<ds:SignatureMethod Algorithm="{uri}">{inner}</ds:SignatureMethod>'
    der = IDP.certificate.public_bytes(serialization.Encoding.DER)
    pem = IDP.certificate.public_bytes(serialization.Encoding.PEM)
    public = base64.b64decode(documents.public(IDP))
    for name, secret in {
        "the certificate": der,
        "the certificate in PEM": pem,
        "the public key": public,
        "nothing": b"",
    }.items():
        for digest in ("sha1", "sha256"):
            value = lambda content, uri: hmac.new(secret, content, digest).digest()
            uri = f"{DS}hmac-sha1" if digest == "sha1" else f"{MORE}hmac-sha256"
            row(
                f"HMAC with {digest} and {name} as its secret",
                signed(method=method(uri), how={"value": value}),
                told=NO_SIGNATURE,
            )
    row(
        "HMAC of no bits",
        signed(method=method(f"{MORE}hmac-sha256", "<ds:HMACOutputLength>0</ds:HMACOutputLength>"), value=""),
        told=NO_SIGNATURE,
    )
    row("RSA with SHA-1", signed(method=method(f"{DS}rsa-sha1")), told=NO_SIGNATURE)
    row("a digest of SHA-1", signed(digest=f"{DS}sha1"), told=NO_SIGNATURE)
    md5 = lambda content, uri: IDP.private.sign(content, padding.PKCS1v15(), hashes.MD5())
    row("RSA with MD5", signed(method=method(f"{MORE}rsa-md5"), how={"value": md5}), told=NO_SIGNATURE)
    row("a digest of MD5", signed(digest=f"{MORE}md5"), told=NO_SIGNATURE)
    row("a digest of SHA-224", signed(digest=f"{MORE}sha224"), told=NO_SIGNATURE)
    pss = lambda content, uri: IDP.private.sign(
        content, padding.PSS(padding.MGF1(hashes.SHA256()), 32), hashes.SHA256()
    )
    row(
        "RSA-PSS",
        signed(method=method("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1"), how={"value": pss}),
        told=NO_SIGNATURE,
    )
    row("RSA-PSS that calls itself PKCS#1", signed(how={"value": pss}), told=NO_SIGNATURE)
    old = dsa.generate_private_key(1024)
    for uri in (f"{DS}dsa-sha1", "http://www.w3.org/2009/xmldsig11#dsa-sha256"):
        row(
            f"DSA, {uri}",
            signed(
                method=method(uri), how={"value": lambda content, _: old.sign(content, hashes.SHA256())[-40:]}
            ),
            told=NO_SIGNATURE,
        )
    for name, uri in {
        "none": "none",
        "nothing": "",
        "RSA-SHA256 with a space": f"{MORE}rsa-sha256 ",
        "RSA-SHA256 in another case": f"{MORE}RSA-SHA256",
        "that of a digest": SHA256,
        "ECDSA with an RSA key": f"{MORE}ecdsa-sha256",
        "Ed25519": "http://www.w3.org/2021/04/xmldsig-more#eddsa-ed25519",
        "RSA with SHA-224": f"{MORE}rsa-sha224",
        "RSA with RIPEMD-160": f"{MORE}rsa-ripemd160",
    }.items():
        row(
            f"algorithm: {name}",
            signed(method=method(uri), how={"value": lambda content, _: IDP.sign(content, "#rsa-sha256")}),
            told=NO_SIGNATURE,
        )
    row(
        "algorithm: RSA with a key of an elliptic curve",
        signed(key=CURVE, method=method(f"{MORE}rsa-sha256")),
        told=NO_SIGNATURE,
    )
    row("algorithm: two", signed(method=method(f"{MORE}rsa-sha256") * 2), told=NO_SIGNATURE)
    row(
        "algorithm: missing",
        signed(
            method="<ds:SignatureMethod/>", how={"value": lambda content, _: IDP.sign(content, "#rsa-sha256")}
        ),
        told=NO_SIGNATURE,
    )
    row(
        "the hash is another than the algorithm says",
        signed(how={"value": lambda content, _: IDP.sign(content, "#rsa-sha512")}),
        told=NO_SIGNATURE,
    )
    asn1 = lambda content, _: CURVE.private.sign(content, documents.ec.ECDSA(hashes.SHA256()))
    row("ECDSA in ASN.1", signed(key=CURVE, how={"value": asn1}), told=NO_SIGNATURE)
    row("ECDSA of zeros", signed(key=CURVE, how={"value": lambda content, _: bytes(64)}), told=NO_SIGNATURE)
    row("RSA of zeros", signed(how={"value": lambda content, _: bytes(256)}), told=NO_SIGNATURE)
    row("RSA of one", signed(how={"value": lambda content, _: bytes(255) + b"\x01"}), told=NO_SIGNATURE)
    row(
        "RSA with bytes behind",
        signed(how={"value": lambda content, uri: IDP.sign(content, uri) + b"\0"}),
        told=NO_SIGNATURE,
    )
    row(
        "RSA with bytes before",
        signed(how={"value": lambda content, uri: b"\0" + IDP.sign(content, uri)}),
        told=NO_SIGNATURE,
    )
    for digest in ("sha384", "sha512"):
        uri = f"{MORE}sha384" if digest == "sha384" else f"{XENC}sha512"
        good(f"RSA with {digest}", signed(method=method(f"{MORE}rsa-{digest}"), digest=uri))
    good("ECDSA", signed(key=CURVE))
    text = signed()
    value = between(text, "<ds:SignatureValue>", "</ds:SignatureValue>")[19:-20]
    good(
        "a SignatureValue in lines",
        text.replace(value, "\n".join(["", *[value[at : at + 76] for at in range(0, len(value), 76)], ""])),
    )
    row(
        "a SignatureValue with other characters",
        text.replace(value, value[:10] + "*" + value[10:]),
        told=NO_SIGNATURE,
    )
    row(
        "a SignatureValue in base64url",
        text.replace(value, value.replace("+", "-").replace("/", "_") + "-_"),
        told=NO_SIGNATURE,
    )


def keys():
    def shown(key):
        return f"<ds:KeyInfo><ds:X509Data><ds:X509Certificate>{key.certificate_text()}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>"

    numbers = ATTACKER.private.public_key().public_numbers()
    modulus, exponent = (
        base64.b64encode(n.to_bytes((n.bit_length() + 7) // 8, "big")).decode()
        for n in (numbers.n, numbers.e)
    )
    value = f"<ds:KeyInfo><ds:KeyValue><ds:RSAKeyValue><ds:Modulus>{modulus}</ds:Modulus><ds:Exponent>{exponent}</ds:Exponent></ds:RSAKeyValue></ds:KeyValue></ds:KeyInfo>"
    for name, key_info in {
        "and shows nothing": "",
        "and shows their certificate": shown(ATTACKER),
        "and shows the provider's certificate": shown(IDP),
        "and shows both": shown(IDP).replace(
            "</ds:X509Data>",
            f"<ds:X509Certificate>{ATTACKER.certificate_text()}</ds:X509Certificate></ds:X509Data>",
        ),
        "and shows their key": value,
        "and names the provider's": "<ds:KeyInfo><ds:KeyName>CN=idp.example.com</ds:KeyName></ds:KeyInfo>",
        "and refers to their key": '<ds:KeyInfo><ds:RetrievalMethod URI="http://127.0.0.1:1/key" Type="http://www.w3.org/2000/09/xmldsig#X509Data"/></ds:KeyInfo>',
        "and refers to a file": '<ds:KeyInfo><ds:RetrievalMethod URI="file:///etc/ssl/cert.pem"/></ds:KeyInfo>',
        "and shows it in the other namespace": f'<ds:KeyInfo><x:KeyValue xmlns:x="http://www.w3.org/2009/xmldsig11#"><x:DEREncodedKeyValue>{documents.public(ATTACKER)}</x:DEREncodedKeyValue></x:KeyValue></ds:KeyInfo>',
    }.items():
        row(f"an attacker signs {name}", signed(key=ATTACKER, key_info=key_info), told=NO_SIGNATURE)
    row("an attacker signs the response", whole(key=ATTACKER, key_info=shown(ATTACKER)), told=NO_SIGNATURE)
    row("another provider's key signs", signed(key=OTHER, key_info=shown(OTHER)), told=NO_SIGNATURE)
    row("the key that decrypts signs", signed(key=OURS), told=NO_SIGNATURE)
    pair = f"{arn('role', 'staff')},{arn('saml-provider', 'Other')}"
    other = facts(issuer="https://other.example.com/", roles=(pair,))
    good("another provider's response by itself", signed(other, key=OTHER), provider="Other")
    row("another provider's response", signed(other, key=OTHER), told=NO_ISSUER)
    row("our response at another provider", signed(), told=NO_ISSUER, provider="Other")
    row(
        "another provider in our name",
        signed(facts(roles=(pair,)), key=OTHER),
        told=NO_ISSUER,
        provider="Other",
    )
    row("a provider that there is not", signed(), told="Specified provider doesn't exist", provider="Nobody")
    good("the other key of the provider", signed(key=NEXT))
    good("a certificate beside the signature", signed(key_info=shown(IDP)))
    good("an attacker's certificate beside the provider's signature", signed(key_info=shown(ATTACKER)))
    good(
        "what nobody understands beside the signature",
        signed(key_info='<ds:KeyInfo><x xmlns="urn:x">y</x></ds:KeyInfo>'),
    )
