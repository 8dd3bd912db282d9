//! Signature wrapping: what is signed is moved, and something else is put where it was. The positions
//! are those of "On Breaking SAML: Be Whoever You Want to Be" (Somorovsky and others, 2012), under the
//! names of common tools, and further ones.

use super::*;

const SEVERAL: SamlFault = SamlFault::SeveralAssertions;
const MISPLACED: SamlFault = SamlFault::MisplacedSignature;
const DUPLICATE: SamlFault = SamlFault::DuplicateId;

/// A response whose root, under another id, is not the one that was signed.
fn evil_response(text: &str) -> String {
    unsigned(text)
        .replace("ID=\"_response\"", "ID=\"_evil_response\"")
        .replace("ID=\"_assertion\"", "ID=\"_evil\"")
        .replace(">alice<", ">mallory<")
}

/// A text with more right behind the start tag of its root, or right before its end tag.
fn inside(text: &str, first: &str, last: &str) -> String {
    let (start, rest) = text.split_at(text.find('>').unwrap() + 1);
    let (inner, end) = rest.split_at(rest.rfind("</").unwrap());
    format!("{start}{first}{inner}{last}{end}")
}

#[test]
fn xsw1_to_2_wrap_a_signed_response() {
    let good = signed(Signs::Response);
    let (signature, original) = (signature_of(&good), unsigned(&good));
    let evil = evil_response(&good);
    let enveloping = signature.replace("</ds:Signature>", &format!("{original}</ds:Signature>"));
    let object = signature
        .replace("</ds:Signature>", &format!("<ds:Object>{original}</ds:Object></ds:Signature>"));
    for (what, document, fault) in [
        ("XSW1: the original in the signature", inside(&evil, &enveloping, ""), SEVERAL),
        ("XSW1: the original in an Object", inside(&evil, "", &object), SEVERAL),
        (
            "XSW2: the original beside the signature",
            inside(&evil, "", &format!("{original}{signature}")),
            SamlFault::Form("Response"),
        ),
        (
            "XSW2: in front",
            inside(&evil, &format!("{original}{signature}"), ""),
            SamlFault::Form("Response"),
        ),
        (
            "the whole original in the evil one",
            inside(&evil, &good, ""),
            SamlFault::Form("Response"),
        ),
        (
            "the whole original in extensions",
            inside(&evil, &format!("<samlp:Extensions>{good}</samlp:Extensions>"), ""),
            SEVERAL,
        ),
        (
            "the evil one in the original's extensions",
            inside(&good, "", &format!("<samlp:Extensions>{evil}</samlp:Extensions>")),
            SEVERAL,
        ),
        (
            "the evil assertion beside the original",
            good.replace("</samlp:Response>", &format!("{}</samlp:Response>", assertion_of(&evil))),
            SEVERAL,
        ),
        (
            "the signature moved into the assertion",
            inside(&original, "", "")
                .replace("<saml:Subject>", &format!("{signature}<saml:Subject>")),
            SamlFault::Signature(SignatureFault::Reference),
        ),
        (
            "the signature in the status",
            replaced(&original, "<samlp:Status>", &format!("<samlp:Status>{signature}")),
            MISPLACED,
        ),
        (
            "the signature around nothing",
            inside(&original, &format!("<samlp:Extensions>{signature}</samlp:Extensions>"), ""),
            MISPLACED,
        ),
        ("two signatures of the same", inside(&good, signature, ""), SamlFault::SeveralSignatures),
        (
            "the evil response with the signature",
            inside(&evil, signature, ""),
            SamlFault::Signature(SignatureFault::Reference),
        ),
        (
            "the evil response with the original's id",
            inside(&evil.replace("_evil_response", "_response"), signature, ""),
            SamlFault::Signature(SignatureFault::Digest),
        ),
    ] {
        check(what, &document, Err(fault));
    }
}

#[test]
fn xsw3_to_8_wrap_a_signed_assertion() {
    let good = signed(Signs::Assertion);
    let assertion = assertion_of(&good);
    let (signature, original, evil) =
        (signature_of(assertion), unsigned(assertion), evil(assertion));
    let with = |instead: &str| good.replace(assertion, instead);
    let behind_issuer = |text: &str, more: &str| {
        let end = "</saml:Issuer>";
        text.replacen(end, &format!("{end}{more}"), 1)
    };
    let in_signature =
        |inner: &str| signature.replace("</ds:Signature>", &format!("{inner}</ds:Signature>"));
    let object = |inner: &str| in_signature(&format!("<ds:Object>{inner}</ds:Object>"));
    let extensions = |inner: &str| format!("<samlp:Extensions>{inner}</samlp:Extensions>");
    let evil_same_id = evil.replace("_evil", "_assertion");
    let signed_evil = behind_issuer(&evil_same_id, signature);
    for (what, document, fault) in [
        ("XSW3: the evil one in front", with(&format!("{evil}{assertion}")), SEVERAL),
        ("XSW3: behind", with(&format!("{assertion}{evil}")), SEVERAL),
        ("XSW4: the original in the evil one", with(&inside(&evil, "", assertion)), SEVERAL),
        ("XSW4: in front in it", with(&inside(&evil, assertion, "")), SEVERAL),
        (
            "XSW5: the evil one keeps the signature, a copy of the original at the end",
            with(&format!("{signed_evil}{original}")),
            DUPLICATE,
        ),
        (
            "XSW5: under another id",
            with(&format!(
                "{}{original}",
                signed_evil.replace("ID=\"_assertion\"", "ID=\"_evil\"")
            )),
            SEVERAL,
        ),
        (
            "XSW6: the copy in the signature of the evil one",
            with(&behind_issuer(&evil, &in_signature(&original))),
            SEVERAL,
        ),
        (
            "XSW6: with the same id",
            with(&behind_issuer(&evil_same_id, &in_signature(&original))),
            DUPLICATE,
        ),
        (
            "XSW7: the evil one in extensions",
            with(&format!("{}{assertion}", extensions(&evil))),
            SEVERAL,
        ),
        (
            "XSW7: with the same id",
            with(&format!("{}{assertion}", extensions(&evil_same_id))),
            DUPLICATE,
        ),
        (
            "XSW7: the original in extensions",
            with(&format!("{}{evil}", extensions(assertion))),
            SEVERAL,
        ),
        (
            "XSW8: the original in an Object",
            with(&behind_issuer(&evil, &object(&original))),
            SEVERAL,
        ),
        (
            "XSW8: with the same id",
            with(&behind_issuer(&evil_same_id, &object(&original))),
            DUPLICATE,
        ),
        (
            "the original in the conditions",
            with(&replaced(
                &evil,
                "<saml:AudienceRestriction>",
                &format!("{assertion}<saml:AudienceRestriction>"),
            )),
            SEVERAL,
        ),
        (
            "in the advice",
            with(&replaced(
                &evil,
                "<saml:AuthnStatement",
                &format!("<saml:Advice>{assertion}</saml:Advice><saml:AuthnStatement"),
            )),
            SEVERAL,
        ),
        (
            "in the subject's confirmation",
            with(&replaced(
                &evil,
                "\"/></saml:SubjectConfirmation>",
                &format!(
                    "\">{assertion}</saml:SubjectConfirmationData></saml:SubjectConfirmation>"
                ),
            )),
            SEVERAL,
        ),
        (
            "in the value of an attribute",
            with(&evil.replacen("role/Admin", &format!("role/Admin{assertion}"), 1)),
            SEVERAL,
        ),
        (
            "in the name",
            with(&replaced(&evil, "</saml:NameID>", &format!("{assertion}</saml:NameID>"))),
            SEVERAL,
        ),
        (
            "in the status",
            replaced(&with(&evil), "<samlp:Status>", &format!("<samlp:Status>{assertion}")),
            SEVERAL,
        ),
        (
            "the evil one encrypted in name",
            with(&format!(
                "{assertion}<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\"/>"
            )),
            SEVERAL,
        ),
        (
            "the signature on the response",
            with(&original).replace("<samlp:Status>", &format!("{signature}<samlp:Status>")),
            SamlFault::Signature(SignatureFault::Reference),
        ),
        (
            "the signature in the subject",
            with(&original.replace("<saml:Subject>", &format!("<saml:Subject>{signature}"))),
            MISPLACED,
        ),
        (
            "the signature in a value",
            with(&original.replace("</saml:NameID>", &format!("{signature}</saml:NameID>"))),
            MISPLACED,
        ),
        (
            "two signatures",
            with(&behind_issuer(assertion, signature)),
            SamlFault::SeveralSignatures,
        ),
        (
            "a signature in the signature",
            with(&behind_issuer(&original, &in_signature(signature))),
            MISPLACED,
        ),
        (
            "the evil one with the signature",
            with(&behind_issuer(&evil, signature)),
            SamlFault::Signature(SignatureFault::Reference),
        ),
        (
            "with the original's id",
            with(&signed_evil),
            SamlFault::Signature(SignatureFault::Digest),
        ),
        ("unsigned", with(&original), SamlFault::Unsigned),
        ("evil and unsigned", with(&evil), SamlFault::Unsigned),
        ("the original in another document", evil_response(&good), SamlFault::Unsigned),
    ] {
        check(what, &document, Err(fault));
    }
    // The good neighbours.
    check("the assertion as it was", &with(assertion), Ok(()));
    check("white space around it", &with(&format!("\n{assertion}\n")), Ok(()));
    check("extensions without it", &with(&format!("{}{assertion}", extensions("<a/>"))), Ok(()));
}

/// Both are signed: whatever is done to one of the two breaks a signature, even when the other holds.
#[test]
fn both_signatures_must_hold() {
    let good = signed(Signs::Both);
    let assertion = assertion_of(&good);
    let response_only = signed(Signs::Response);
    let digest = |what: &str, document: &str| {
        check(what, document, Err(SamlFault::Signature(SignatureFault::Digest)));
    };
    digest(
        "the response's own part",
        &replaced(&good, "<samlp:Status>", "<samlp:Status ID=\"x\">"),
    );
    digest("the assertion", &good.replacen(">alice<", ">mallory<", 1));
    digest("the assertion's signature is gone", &good.replace(signature_of(assertion), ""));
    // An assertion whose own signature is bad in a response that is good.
    let bad = signed(Signs::Assertion).replacen(">alice<", ">mallory<", 1);
    digest("the inner one was bad", &SIGNER.signed(&bad, "_response"));
    let stranger = STRANGER.signed(&response().document(), "_assertion");
    let value = Err(SamlFault::Signature(SignatureFault::Value));
    check("the inner one is a stranger's", &SIGNER.signed(&stranger, "_response"), value.clone());
    check(
        "the outer one is a stranger's",
        &STRANGER.signed(&signed(Signs::Assertion), "_response"),
        value.clone(),
    );
    check("both are", &response().signed(&STRANGER, Signs::Both), value);
    // The response's signature taken away leaves an assertion that is signed.
    check("the outer one is gone", &unsigned(&good), Ok(()));
    check("neighbour", &response_only, Ok(()));
}
