//! What a response must look like before anybody looks at its signatures, and how it is encoded.

use super::*;
use crate::saml::{MAX_RESPONSE, XmlFault};

#[track_caller]
fn check_base64(base64: &str, want: Result<(), SamlFault>) {
    let what = base64.get(..60).unwrap_or(base64);
    let got = ResponseText::decode(base64).map(|_| ());
    assert_eq!(got, want, "{} bytes: {what}", base64.len());
}

/// STS service model: 4 to 100,000 characters. RFC 4648, section 4, and MIME's white space.
#[test]
fn the_encoding_is_base64_of_utf_8() {
    check_base64("", Err(SamlFault::Size));
    check_base64("YQ=", Err(SamlFault::Size));
    check_base64("   \n\n ", Err(SamlFault::Size));
    check_base64("Y\n\n\nQ=", Err(SamlFault::Size));
    check_base64("YQ==", Ok(()));
    check_base64(&"YWFh".repeat(MAX_RESPONSE / 4), Ok(()));
    check_base64(&"YWFh".repeat(MAX_RESPONSE / 4 + 1), Err(SamlFault::Size));
    check_base64(&" ".repeat(1 << 20), Err(SamlFault::Size));
    let good = encoded(&signed(Signs::Assertion));
    let lines: Vec<&str> =
        good.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    for line_end in ["\n", "\r\n", " ", "\t"] {
        check_base64(&lines.join(line_end), Ok(()));
    }
    for bad in [
        "YWFhYQ", // no padding
        "YQ===",
        "=YQ=",     // too much, or in front
        "YR==",     // bits that stand for nothing
        "YQ==YQ==", // two of them
        "YW-_",
        "YW%3D",
        "YWE\u{a0}",
        "YW*h",
        "YW\u{b}h",
        "YW\0h",
        "data:,YWFh",
        "/w==",
        "7aCA",                 // no UTF-8, a surrogate
        "fZLNbsIwEITvSL2D5Xt+", // deflate, as the redirect binding has it
    ] {
        check_base64(bad, Err(SamlFault::Encoding));
    }
    // In UTF-16 it is no UTF-8, or no XML.
    check_base64("//48AGEALwA+AA==", Err(SamlFault::Encoding));
    let text = ResponseText::decode("PABhAC8APgA=").unwrap();
    assert_eq!(Response::parse(&text).map(|_| ()), Err(SamlFault::Xml(XmlFault::Character)));
}

/// Rows of changes around an assertion that is signed, so that the signature stays good.
#[test]
fn a_response_has_one_form() {
    const FORM: SamlFault = SamlFault::Form("Response");
    let good = signed(Signs::Assertion);
    let check = |from: &str, to: &str, want: Result<(), SamlFault>| {
        check(&format!("{from} -> {to}"), &replaced(&good, from, to), want);
    };
    let head = "ID=\"_response\" Version=\"2.0\" IssueInstant=\"2026-11-23T02:00:00Z\"";
    check(head, &head.replace("2.0", "1.1"), Err(SamlFault::Version("Response")));
    check(head, &head.replace("Version=\"2.0\"", ""), Err(SamlFault::Version("Response")));
    check(head, &head.replace("ID=\"_response\"", ""), Err(FORM));
    check(head, &head.replace("_response", ""), Err(FORM));
    check(head, &head.replace("2026-11-23T02:00:00Z", "now"), Err(FORM));
    // Nothing of it is believed.
    check(head, &head.replace("2026", "1999"), Ok(()));
    check(head, &format!("{head} InResponseTo=\"_other\" Consent=\"urn:c\""), Ok(()));
    let destination = " Destination=\"https://signin.aws.amazon.com/saml\"";
    check(destination, "", Ok(()));
    check(destination, " Destination=\"https://evil.example/\"", Ok(()));
    check(destination, " Destination=\"\"", Err(SamlFault::Form("Destination of the Response")));

    // SAML core, section 3.2.2.
    let status = "<samlp:Status><samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>";
    check(status, "", Err(SamlFault::Missing("Status")));
    check(status, &format!("{status}{status}"), Err(SamlFault::Repeated("Status")));
    check(status, "<samlp:Status/>", Err(SamlFault::Missing("StatusCode")));
    check(status, "<samlp:Status><samlp:StatusCode/></samlp:Status>", Err(SamlFault::Status));
    for bad in ["Requester", "Responder", "AuthnFailed", "success", "Success "] {
        check("status:Success", &format!("status:{bad}"), Err(SamlFault::Status));
    }
    let code = "<samlp:StatusCode Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/>";
    let failure = code.replace("Success", "Requester");
    check(code, &format!("{failure}{code}"), Err(SamlFault::Repeated("StatusCode")));
    let nested = failure.replace("/>", &format!(">{code}</samlp:StatusCode>"));
    check(code, &nested, Err(SamlFault::Status));
    check(
        status,
        &status.replace(
            "</samlp:Status>",
            "<samlp:StatusMessage>ok</samlp:StatusMessage></samlp:Status>",
        ),
        Ok(()),
    );

    // What stands beside it.
    check(status, &format!("text{status}"), Err(FORM));
    check(status, &format!("\n  {status}\n"), Ok(()));
    check(status, &format!("<samlp:Other/>{status}"), Err(FORM));
    check(status, &format!("<Assertion xmlns=\"urn:other\"/>{status}"), Err(FORM));
    check(status, &format!("<samlp:Extensions><a/></samlp:Extensions>{status}"), Ok(()));
    let issuer = part(&good, "<saml:Issuer", "</saml:Issuer>").to_owned();
    check(&issuer, "", Ok(()));
    check(&issuer, &format!("{issuer}{issuer}"), Err(SamlFault::Repeated("Issuer")));
    check(&issuer, &issuer.replace(ISSUER, ""), Err(SamlFault::Form("Issuer")));
    check(&issuer, &issuer.replace(ISSUER, "https://other.example"), Err(SamlFault::IssuersDiffer));
    check(&issuer, &issuer.replace("com/saml", "com/saml/"), Err(SamlFault::IssuersDiffer));

    // The root.
    let root = "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\"";
    for other in [
        "urn:oasis:names:tc:SAML:1.0:protocol",
        "urn:oasis:names:tc:SAML:2.0:Protocol",
        "urn:oasis:names:tc:SAML:2.0:protocol ",
        "urn:oasis:names:tc:SAML:2.0:assertion",
    ] {
        check(
            root,
            &format!("<samlp:Response xmlns:samlp=\"{other}\""),
            Err(SamlFault::NoResponse),
        );
    }
    super::check("an assertion alone", assertion_of(&good), Err(SamlFault::NoResponse));
    let renamed = good.replace("samlp:Response", "samlp:response");
    super::check("another name", &renamed, Err(SamlFault::NoResponse));
    let artifact = good.replace("samlp:Response", "samlp:ArtifactResponse");
    super::check("another message", &artifact, Err(SamlFault::NoResponse));
    let none = good.replace(assertion_of(&good), "");
    super::check("no assertion", &none, Err(SamlFault::NoAssertion));
    let foreign = good.replace("SAML:2.0:assertion", "SAML:1.0:assertion");
    super::check("assertions of SAML 1", &foreign, Err(FORM));
}

/// What an administrator must be told apart; the strict reader has its own tests.
#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    let good = signed(Signs::Assertion);
    let check = |what: &str, document: &str, fault: XmlFault| {
        check(what, document, Err(SamlFault::Xml(fault)));
    };
    let first = |to: &str| good.replacen(">alice<", &format!(">{to}<"), 1);
    check("a comment in the name", &first("ali<!-- x -->ce"), XmlFault::Comment);
    check("a comment in front", &format!("<!-- x -->{good}"), XmlFault::Comment);
    check("CDATA", &first("<![CDATA[alice]]>"), XmlFault::Cdata);
    check("a processing instruction", &first("ali<?x y?>ce"), XmlFault::ProcessingInstruction);
    check("an entity", &first("&alice;"), XmlFault::Entity);
    check("a DTD", &format!("<!DOCTYPE r []>{good}"), XmlFault::Doctype);
    let bomb = "<!DOCTYPE r [<!ENTITY a \"aaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;\">]>";
    check("entities of entities", &format!("{bomb}{good}"), XmlFault::Doctype);
    let file = "<!DOCTYPE r [<!ENTITY a SYSTEM \"file:///etc/passwd\">]>";
    check("an entity of a file", &format!("{file}{}", first("&a;")), XmlFault::Doctype);
    let ids = "<!DOCTYPE r [<!ATTLIST r any ID #IMPLIED>]>";
    check("a DTD that declares ids", &format!("{ids}{good}"), XmlFault::Doctype);
    check("a byte order mark", &format!("\u{feff}{good}"), XmlFault::Declaration);
    let latin = "<?xml version=\"1.0\" encoding=\"ISO-8859-1\"?>";
    check("another encoding", &format!("{latin}{good}"), XmlFault::Declaration);
    check("two roots", &format!("{good}{good}"), XmlFault::Malformed);
    check("text behind the root", &format!("{good}x"), XmlFault::Malformed);
    check(
        "a prefix of nobody",
        &good.replace("<saml:Subject>", "<x:Subject>"),
        XmlFault::Namespace,
    );
    let twice = good.replacen("ID=\"_assertion\"", "ID=\"_assertion\" ID=\"_evil\"", 1);
    check("an attribute twice", &twice, XmlFault::Attribute);
    let deep = format!("{}{}", "<a>".repeat(60), "</a>".repeat(60));
    let deep = good.replace(
        "<samlp:Status>",
        &format!("<samlp:Extensions>{deep}</samlp:Extensions><samlp:Status>"),
    );
    check("depth", &deep, XmlFault::Depth(48));
    let wide =
        format!("<samlp:Extensions>{}</samlp:Extensions><samlp:Status>", "<a/>".repeat(15_000));
    let wide = replaced(&good, "<samlp:Status>", &wide);
    super::check("many elements", &wide, Ok(()));
    let attributes: String = (0..65).map(|number| format!(" a{number}=\"\"")).collect();
    let many = replaced(&good, "<samlp:Status>", &format!("<samlp:Status{attributes}>"));
    check("many attributes", &many, XmlFault::Attributes(64));
}

/// Whatever a reader could take for an id is one.
#[test]
fn ids_are_unique() {
    let good = signed(Signs::Assertion);
    let check = |from: &str, to: &str, want: Result<(), SamlFault>| {
        check(&format!("{from} -> {to}"), &replaced(&good, from, to), want);
    };
    let status = "<samlp:Status>";
    for attribute in [
        "ID=\"_assertion\"",
        "Id=\"_assertion\"",
        "id=\"_assertion\"",
        "iD=\"_assertion\"",
        "xml:id=\"_assertion\"",
        "xmlns:u=\"urn:u\" u:Id=\"_assertion\"",
        "ID=\"_response\"",
        "ID=\"&#95;assertion\"",
    ] {
        check(status, &format!("<samlp:Status {attribute}>"), Err(SamlFault::DuplicateId));
        let extension = format!("<samlp:Extensions><a {attribute}/></samlp:Extensions>{status}");
        check(status, &extension, Err(SamlFault::DuplicateId));
    }
    check(status, "<samlp:Status ID=\"_other\">", Ok(()));
    // What is no id may be the same.
    check(status, "<samlp:Status AssertionID=\"_assertion\">", Ok(()));
    check("ID=\"_response\"", "ID=\"_assertion\"", Err(SamlFault::DuplicateId));
    check("<ds:SignedInfo>", "<ds:SignedInfo Id=\"_assertion\">", Err(SamlFault::DuplicateId));
    check("<ds:KeyInfo>", "<ds:KeyInfo Id=\"_assertion\">", Err(SamlFault::DuplicateId));
}
