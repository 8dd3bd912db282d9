//! One test for each published flaw of other implementations, named after it, as far as it concerns
//! the reading of responses. `wrapping` has whole classes of them.

use super::*;
use crate::saml::XmlFault;

fn refused(what: &str, document: &str, fault: SignatureFault) {
    check(what, document, Err(SamlFault::Signature(fault)));
}

/// ruby-saml: the digest was looked up anywhere in the document, not in the one `SignedInfo`.
#[test]
fn cve_2024_45409_digest_outside_of_signed_info() {
    let good = signed(Signs::Assertion);
    let evil = good.replacen(">alice<", ">mallory<", 1);
    let digest = part(&good, "<ds:DigestValue>", "</ds:DigestValue>");
    let in_extensions = format!(
        "<samlp:Extensions xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\">{digest}\
         </samlp:Extensions><samlp:Status>"
    );
    let smuggled = replaced(&evil, "<samlp:Status>", &in_extensions);
    refused("a digest in front", &smuggled, SignatureFault::Digest);
    let reference = part(&good, "<ds:Reference", "</ds:Reference>");
    let two = replaced(&evil, reference, &format!("{reference}{reference}"));
    refused("two references", &two, SignatureFault::References);
    let object = replaced(
        &evil,
        "</ds:Signature>",
        &format!("<ds:Object>{reference}</ds:Object></ds:Signature>"),
    );
    refused("a reference in an Object", &object, SignatureFault::Object);
}

/// ruby-saml: two parsers saw two documents (a DTD, and namespaces that one of both ignored).
#[test]
fn cve_2025_25291_and_25292_parser_differentials() {
    let good = signed(Signs::Assertion);
    let doctype = "<!DOCTYPE x [ <!NOTATION x SYSTEM 'x\">]><!--'> ]>";
    check("quotes in a DTD", &format!("{doctype}{good}"), Err(SamlFault::Xml(XmlFault::Doctype)));
    // A signature that only some would take for one: it is no signature, and what has it is unsigned.
    let foreign =
        good.replace("xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"", "xmlns:ds=\"urn:other\"");
    check("a signature of another namespace", &foreign, Err(SamlFault::Unsigned));
    let assertion = assertion_of(&good);
    let foreign =
        format!("<saml:Assertion xmlns:saml=\"urn:other\">{}</saml:Assertion>", evil(assertion));
    check(
        "an assertion of another namespace",
        &replaced(&good, assertion, &format!("{foreign}{assertion}")),
        Err(SamlFault::Form("Response")),
    );
    let prefix = replaced(&good, "<saml:NameID ", "<saml:NameID xmlns:saml=\"urn:other\" ");
    refused("a prefix bound anew", &prefix, SignatureFault::Digest);
}

/// ruby-saml: what could not be canonicalised had the digest of nothing ("void canonicalisation").
#[test]
fn cve_2025_66568_void_canonicalisation() {
    // SHA-256 of nothing.
    const NOTHING: &str = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
    for namespace in ["urn:x:relative", "relative/uri", "1", "../x"] {
        let document = response().document().replacen(
            "<saml:Assertion ",
            &format!("<saml:Assertion xmlns:n=\"{namespace}\" n:a=\"b\" "),
            1,
        );
        check(
            "a namespace that libxml2 does not canonicalise",
            &SIGNER.signed(&document, "_assertion"),
            Ok(()),
        );
        let void = SIGNER.signed_as(&document, "_assertion", |signature| {
            let digest = part(&signature, "<ds:DigestValue>", "</ds:DigestValue>").to_owned();
            signature.replace(&digest, &format!("<ds:DigestValue>{NOTHING}</ds:DigestValue>"))
        });
        refused("the digest of nothing", &void, SignatureFault::Digest);
    }
    let empty = SIGNER.signed_as(&response().document(), "_assertion", |signature| {
        let digest = part(&signature, "<ds:DigestValue>", "</ds:DigestValue>").to_owned();
        signature.replace(&digest, "<ds:DigestValue></ds:DigestValue>")
    });
    refused("no digest", &empty, SignatureFault::DigestValue);
}

/// samlify: the assertion was read from another place than the signature covered.
#[test]
fn cve_2025_47949_signature_wrapping() {
    let good = signed(Signs::Assertion);
    let assertion = assertion_of(&good);
    let evil = evil(assertion);
    let wrapped =
        replaced(&good, assertion, &format!("{evil}<samlp:Wrapper>{assertion}</samlp:Wrapper>"));
    check("beside", &wrapped, Err(SamlFault::Form("Response")));
    let wrapped = replaced(&good, "<samlp:Status>", &format!("<samlp:Status>{evil}"));
    check("in the status", &wrapped, Err(SamlFault::SeveralAssertions));
}

/// xml-crypto: several `SignedInfo`, of which one was verified and another one read.
#[test]
fn cve_2025_29774_several_signed_info() {
    let good = signed(Signs::Assertion);
    let info = part(&good, "<ds:SignedInfo>", "</ds:SignedInfo>");
    let evil = info.replace("#_assertion", "#_evil");
    for both in [format!("{evil}{info}"), format!("{info}{evil}"), format!("{info}{info}")] {
        refused("two", &replaced(&good, info, &both), SignatureFault::SignedInfo);
    }
    let nested = replaced(&good, "<ds:SignedInfo>", &format!("<ds:SignedInfo>{info}"));
    check("nested", &nested, Err(SamlFault::Signature(SignatureFault::Form)));
}

/// xml-crypto: a comment in `DigestValue` hid the rest of it.
#[test]
fn cve_2025_29775_comment_in_digest_value() {
    let good = signed(Signs::Assertion);
    let comment = replaced(&good, "<ds:DigestValue>", "<ds:DigestValue><!--evil-->");
    check("a comment", &comment, Err(SamlFault::Xml(XmlFault::Comment)));
    let element = replaced(&good, "<ds:DigestValue>", "<ds:DigestValue><a/>");
    refused("an element", &element, SignatureFault::DigestValue);
}

/// node-saml: the assertion was read from the document that came, not from what was verified.
#[test]
fn cve_2025_54419_and_54369_read_from_the_unsigned_original() {
    // Only what the signature covers is there afterwards: a text that canonicalisation would join or
    // leave out would be read otherwise.
    let good = signed(Signs::Assertion);
    for (what, to) in [
        ("a comment", ">mallory<!---->alice<"),
        ("a processing instruction", ">mallory<?a?>alice<"),
        ("CDATA", "><![CDATA[alice]]><"),
    ] {
        let got = identity(&good.replacen(">alice<", to, 1)).map(|_| ());
        assert!(matches!(got, Err(SamlFault::Xml(_))), "{what}: {got:?}");
    }
    let mut response = response();
    "alice".clone_into(&mut response.subject);
    let text =
        response.signed(&SIGNER, Signs::Response).replacen("_response\" V", "_response\"  V", 1);
    check("what is signed", &text, Ok(()));
}

/// passport-wsfed-saml2: any document that the identity provider had signed was good for any user.
#[test]
fn cve_2025_46572_any_signed_document() {
    let metadata = "<md:EntityDescriptor xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" ID=\"_metadata\"><md:IDPSSODescriptor/></md:EntityDescriptor>";
    let signed_metadata = SIGNER.signed(metadata, "_metadata");
    check("metadata", &signed_metadata, Err(SamlFault::NoResponse));
    let document = response().document();
    let extensions =
        format!("<samlp:Extensions>{signed_metadata}</samlp:Extensions><samlp:Status>");
    let carried = replaced(&document, "<samlp:Status>", &extensions);
    check("in extensions", &carried, Err(SamlFault::MisplacedSignature));
    let signature = signature_of(&signed_metadata);
    let moved = replaced(&document, "<saml:Subject>", &format!("{signature}<saml:Subject>"));
    refused("its signature", &moved, SignatureFault::Reference);
    let renamed = moved.replace("ID=\"_assertion\"", "ID=\"_metadata\"");
    refused("and its id", &renamed, SignatureFault::Digest);
    // Another message of the same identity provider.
    let logout = document.replace("samlp:Response", "samlp:LogoutResponse");
    check("a logout", &SIGNER.signed(&logout, "_response"), Err(SamlFault::NoResponse));
}

/// passport-saml: a document with several roots, of which one was verified.
#[test]
fn cve_2022_39299_several_roots() {
    let good = signed(Signs::Response);
    let evil = response().document().replace("alice", "mallory");
    for text in [format!("{good}{evil}"), format!("{evil}{good}"), format!("{good}<a/>")] {
        check("two roots", &text, Err(SamlFault::Xml(XmlFault::Malformed)));
    }
}

/// GitHub Enterprise Server: a response with a signed part that stood elsewhere.
#[test]
fn cve_2024_6800_signed_part_elsewhere() {
    let good = signed(Signs::Response);
    let evil = unsigned(&good)
        .replace("\"_response\"", "\"_evil\"")
        .replace("\"_assertion\"", "\"_other\"")
        .replace(">alice<", ">mallory<");
    let wrapped = replaced(
        &evil,
        "<samlp:Status>",
        &format!("<samlp:Extensions>{good}</samlp:Extensions><samlp:Status>"),
    );
    check("a signed response in extensions", &wrapped, Err(SamlFault::SeveralAssertions));
    let wrapped = replaced(
        &evil,
        "<samlp:Status>",
        &format!("<samlp:Status><samlp:StatusDetail>{good}</samlp:StatusDetail>"),
    );
    check("in the status", &wrapped, Err(SamlFault::SeveralAssertions));
}

/// authentik: an assertion was believed that the verified signature did not cover.
#[test]
fn cve_2026_47201_signature_that_covers_something_else() {
    let good = signed(Signs::Assertion);
    let subject =
        replaced(&response().document(), "<saml:Subject>", "<saml:Subject ID=\"_subject\">");
    let partial = SIGNER.signed(&subject, "_subject");
    check("of the subject", &partial, Err(SamlFault::MisplacedSignature));
    let moved =
        replaced(&subject, "<saml:Subject ", &format!("{}<saml:Subject ", signature_of(&partial)));
    refused("of the subject, in the assertion", &moved, SignatureFault::Reference);
    for uri in [
        "",
        "#",
        "#_response",
        "_assertion",
        "#xpointer(id('_assertion'))",
        "#xpointer(/)",
        "https://evil.example/a.xml",
        "file:///etc/passwd",
        "cid:a",
    ] {
        let text = SIGNER.signed_as(&response().document(), "_assertion", |signature| {
            signature.replace("#_assertion", uri)
        });
        refused(uri, &text, SignatureFault::Reference);
    }
    let text = SIGNER.signed_as(&response().document(), "_assertion", |signature| {
        signature.replace(" URI=\"#_assertion\"", "")
    });
    refused("no URI", &text, SignatureFault::Reference);
    check("neighbour", &good, Ok(()));
}

/// goxmldsig: a signature without a reference to anything was good.
#[test]
fn cve_2020_15216_no_reference() {
    let text = SIGNER.signed_as(&response().document(), "_assertion", |signature| {
        let reference = part(&signature, "<ds:Reference", "</ds:Reference>").to_owned();
        signature.replace(&reference, "")
    });
    refused("none", &text, SignatureFault::References);
}

/// crewjam/saml: several assertions, of which one was signed.
#[test]
fn cve_2022_41912_several_assertions() {
    let good = signed(Signs::Assertion);
    let assertion = assertion_of(&good);
    let evil = evil(assertion);
    for both in [format!("{assertion}{evil}"), format!("{evil}{assertion}")] {
        check("two", &replaced(&good, assertion, &both), Err(SamlFault::SeveralAssertions));
    }
    // Both signed, each good: which one would it be?
    let second = response().assertion().replace("\"_assertion\"", "\"_second\"");
    let two = replaced(
        &response().document(),
        "</samlp:Response>",
        &format!("{second}</samlp:Response>"),
    );
    let two = SIGNER.signed(&SIGNER.signed(&two, "_assertion"), "_second");
    check("both signed", &two, Err(SamlFault::SeveralAssertions));
    check(
        "the response signed",
        &SIGNER.signed(&two, "_response"),
        Err(SamlFault::SeveralAssertions),
    );
}

/// "The Fragile Lock": attributes that one reader takes for the id and another one does not, and
/// prefixes of the reserved namespaces.
#[test]
fn the_fragile_lock_attribute_pollution_and_namespace_confusion() {
    let good = signed(Signs::Assertion);
    let assertion = assertion_of(&good);
    let tag = "<saml:Assertion ";
    for polluted in [
        "xmlns:s=\"urn:s\" s:ID=\"_evil\" ",
        "samlp:ID=\"_evil\" ",
        "Id=\"_evil\" ",
        "xml:id=\"_evil\" ",
    ] {
        let text = replaced(&good, tag, &format!("{tag}{polluted}"));
        refused(polluted, &text, SignatureFault::Digest);
    }
    // Under another attribute the id is none that a signature may refer to.
    let evil = replaced(
        &good,
        assertion,
        &replaced(assertion, " ID=\"_assertion\"", " xml:id=\"_assertion\""),
    );
    refused("only xml:id", &evil, SignatureFault::Id);
    for declared in [
        "xmlns:xml=\"urn:x\" ",
        "xmlns:xmlns=\"urn:x\" ",
        "xmlns:p=\"http://www.w3.org/XML/1998/namespace\" ",
        "xmlns:p=\"http://www.w3.org/2000/xmlns/\" ",
        "xmlns:p=\"\" ",
    ] {
        let text = replaced(&good, tag, &format!("{tag}{declared}"));
        check(declared, &text, Err(SamlFault::Xml(XmlFault::Namespace)));
    }
}

/// Golden SAML and its likes need the key; confusion of algorithms does not.
#[test]
fn algorithm_confusion() {
    let good = signed(Signs::Assertion);
    let algorithm = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    for (other, fault) in [
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", SignatureFault::Keys),
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", SignatureFault::Algorithm),
        ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2000/09/xmldsig#dsa-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", SignatureFault::Algorithm),
        ("http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1", SignatureFault::Algorithm),
        ("none", SignatureFault::Algorithm),
        ("", SignatureFault::Algorithm),
    ] {
        refused(other, &replaced(&good, algorithm, other), fault);
        // Also when whoever has the key says so.
        let text = SIGNER.signed_as(&response().document(), "_assertion", |signature| {
            signature.replace(algorithm, other)
        });
        refused(other, &text, fault);
    }
    let value = part(&good, "<ds:SignatureValue>", "</ds:SignatureValue>");
    for none in ["", "AA==", &data_encoding::BASE64.encode(&[0; 64])] {
        let text =
            replaced(&good, value, &format!("<ds:SignatureValue>{none}</ds:SignatureValue>"));
        let got = identity(&text).map(|_| ());
        assert!(matches!(got, Err(SamlFault::Signature(_))), "{none}: {got:?}");
    }
}

/// What a transform or a canonicalisation could be asked to do.
#[test]
fn other_transforms_and_canonicalisations() {
    let document = response().document();
    let exclusive = "http://www.w3.org/2001/10/xml-exc-c14n#";
    let enveloped = "<ds:Transform Algorithm=\"http://www.w3.org/2000/09/xmldsig#enveloped-signature\"></ds:Transform>";
    let xslt =
        "<ds:Transform Algorithm=\"http://www.w3.org/TR/1999/REC-xslt-19991116\"></ds:Transform>";
    let check = |what: &str, fault: SignatureFault, edit: &dyn Fn(String) -> String| {
        refused(what, &SIGNER.signed_as(&document, "_assertion", edit), fault);
    };
    check("no enveloped signature", SignatureFault::Transforms, &|text| {
        text.replace(enveloped, "")
    });
    check("XSLT in front", SignatureFault::Transforms, &|text| {
        text.replace(enveloped, &format!("{xslt}{enveloped}"))
    });
    check("XPath", SignatureFault::Transforms, &|text| {
        text.replace(
            enveloped,
            &enveloped.replace("2000/09/xmldsig#enveloped-signature", "TR/1999/REC-xpath-19991116"),
        )
    });
    check("twice", SignatureFault::Transforms, &|text| {
        text.replace(enveloped, &enveloped.repeat(2))
    });
    for other in [
        "http://www.w3.org/TR/2001/REC-xml-c14n-20010315",
        "http://www.w3.org/2001/10/xml-exc-c14n#WithComments",
        "http://www.w3.org/2006/12/xml-c14n11",
    ] {
        check(other, SignatureFault::Canonicalization, &|text| text.replacen(exclusive, other, 1));
        let got = identity(&SIGNER.signed_as(&document, "_assertion", |text| {
            let (first, rest) = text.split_once(exclusive).unwrap();
            format!("{first}{exclusive}{}", rest.replacen(exclusive, other, 1))
        }));
        assert!(matches!(got, Err(SamlFault::Signature(_))), "{other}: {got:?}");
    }
}
