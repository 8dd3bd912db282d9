use std::sync::LazyLock;

use data_encoding::BASE64;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::saml::Certificate;
use crate::testing::saml::{Hash as Digests, SamlResponse, SamlSigner, Signs};

/// The identity provider. Its key is of a curve, which is the quickest to make.
static SIGNER: LazyLock<SamlSigner> = LazyLock::new(SamlSigner::p256);
static KEYS: LazyLock<SigningKeys> = LazyLock::new(|| SIGNER.signing_keys());

fn response() -> SamlResponse {
    SamlResponse::at("2031-02-03T04:05:06Z".parse().unwrap())
}

/// What comes of the signature of the assertion.
fn verified(text: &str, keys: &SigningKeys) -> Result<String, SignatureFault> {
    let root = xml::parse(text, &RESPONSE_LIMITS).unwrap_or_else(|fault| panic!("{fault} {text}"));
    let assertion = root.elements().find(|e| e.local == "Assertion").unwrap();
    verify(&[&root, assertion], keys).map(|signed| signed.0)
}

fn changed(text: &str, from: &str, to: &str) -> String {
    let changed = text.replacen(from, to, 1);
    assert_ne!(changed, text, "{from}");
    changed
}

/// A change of the signature that is made before it is signed: its value is right.
fn check(from: &str, to: &str, want: SignatureFault) {
    let text = response().document();
    let text = SIGNER.signed_as(&text, "_assertion", |signature| changed(&signature, from, to));
    assert_eq!(verified(&text, &KEYS), Err(want), "{from} {to}");
}

/// A change that is made afterwards.
fn check_after(from: &str, to: &str, want: SignatureFault) {
    let text = changed(&response().signed(&SIGNER, Signs::Assertion), from, to);
    assert_eq!(verified(&text, &KEYS), Err(want), "{from} {to}");
}

#[test]
fn signatures_of_both_places_verify() {
    let signers = [
        SamlSigner::rsa(),
        SamlSigner::rsa().with(Digests::Sha384),
        SamlSigner::rsa().with(Digests::Sha512).with_prefixes("xs #default"),
        SamlSigner::p256(),
        SamlSigner::p384(),
    ];
    for signer in &signers {
        let text = response().signed(signer, Signs::Both);
        let root = xml::parse(&text, &RESPONSE_LIMITS).unwrap();
        let keys = signer.signing_keys();
        let whole = verify(&[&root], &keys).unwrap();
        let assertion = root.elements().find(|e| e.local == "Assertion").unwrap();
        assert_eq!((signatures(&root), signatures(assertion)), (1, 1));
        let inner = verify(&[&root, assertion], &keys).unwrap();
        assert!(whole.as_str().starts_with("<samlp:Response xmlns:samlp="));
        assert!(inner.as_str().starts_with("<saml:Assertion xmlns:saml="));
        let read = inner.parse().unwrap();
        assert_eq!((read.attribute("ID"), signatures(&read)), (Some("_assertion"), 0));
        // With a key of the same kind, and of the other.
        let other = verify(&[&root], &SamlSigner::rsa().signing_keys()).unwrap_err();
        let curve = verify(&[&root], &KEYS).unwrap_err();
        assert!(matches!(
            (other, curve),
            (SignatureFault::Value, SignatureFault::Keys)
                | (SignatureFault::Keys, SignatureFault::Value)
        ));
        assert_eq!(verify(&[&root], &SigningKeys::of(&[])).err(), Some(SignatureFault::Keys));
    }
    // While an identity provider changes its key, its metadata has both.
    let of = |signer: &SamlSigner| Certificate::from_der(signer.certificate().to_vec()).unwrap();
    let keys = SigningKeys::of(&signers.iter().map(of).collect::<Vec<_>>());
    for signer in &signers {
        assert!(verified(&response().signed(signer, Signs::Assertion), &keys).is_ok());
    }
}

/// Made with xmlsec 1.2.37: RSA-SHA512 with the exponent 3, SHA-384, and two lists of prefixes.
#[test]
fn a_signature_of_xmlsec_verifies() {
    let text = include_str!("testdata/xmlsec.xml");
    let packed: String = include_str!("testdata/rsa2048e3.txt").split_whitespace().collect();
    let der = BASE64.decode(packed.as_bytes()).unwrap();
    let keys = SigningKeys::of(&[Certificate::from_der(der).unwrap()]);
    let root = xml::parse(text, &RESPONSE_LIMITS).unwrap();
    let element = root.elements().next().unwrap();
    let signed = verify(&[&root, element], &keys).unwrap();
    let want = "<q:e xmlns=\"urn:d\" xmlns:aa=\"urn:d\" xmlns:p=\"urn:u\" xmlns:q=\"urn:w\" \
                xmlns:xs=\"urn:xs\" xmlns:z=\"urn:z\" ID=\"_1\"";
    assert!(signed.as_str().starts_with(want), "{}", signed.as_str());
    let text = text.replace("<j ", "<j  ").replace("SignatureValue>", "SignatureValue >");
    let root = xml::parse(&text, &RESPONSE_LIMITS).unwrap();
    assert!(verify(&[&root, root.elements().next().unwrap()], &keys).is_ok());
}

#[test]
fn what_the_schema_allows_and_says_nothing_is_taken() {
    let text = response().document();
    for (from, to) in [
        ("<ds:Signature ", "<ds:Signature Id=\"i\" "),
        ("<ds:SignedInfo>", "<ds:SignedInfo Id=\"i\">\n  "),
        ("<ds:Reference ", "\t<ds:Reference Id=\"i\" "),
        ("<ds:KeyInfo>", "\r\n<ds:KeyInfo Id=\"i\"><x xmlns=\"u\"/>text"),
        ("</ds:KeyInfo>", "</ds:KeyInfo>\n"),
        ("<ds:DigestValue>", "<ds:DigestValue>\n  "),
        ("=</ds:DigestValue>", "&#10;&#61;\t</ds:DigestValue>"),
    ] {
        let edit = |signature: String| changed(&signature, from, to);
        let text = SIGNER.signed_as(&text, "_assertion", edit);
        assert!(verified(&text, &KEYS).is_ok(), "{text}");
    }
    let without = |signature: String| {
        let (before, rest) = signature.split_once("<ds:KeyInfo>").unwrap();
        let (_, behind) = rest.split_once("</ds:KeyInfo>").unwrap();
        format!("{before}{behind}")
    };
    let text = SIGNER.signed_as(&text, "_assertion", without);
    assert!(verified(&text, &KEYS).is_ok());
    let text = changed(&text, "<ds:SignatureValue>", "<ds:SignatureValue Id='v'> ");
    assert!(verified(&text, &KEYS).is_ok());
}

#[test]
fn another_canonicalisation_is_refused() {
    let exclusive = "xml-exc-c14n#\"></ds:Canon";
    let fault = SignatureFault::Canonicalization;
    check(exclusive, "xml-exc-c14n#WithComments\"></ds:Canon", fault);
    let uri = "http://www.w3.org/2001/10/xml-exc-c14n#\"></ds:Canon";
    check(uri, "http://www.w3.org/TR/2001/REC-xml-c14n-20010315\"></ds:Canon", fault);
    check(uri, "http://www.w3.org/2006/12/xml-c14n11\"></ds:Canon", fault);
    check(uri, "\"></ds:Canon", fault);
    check(
        "<ds:CanonicalizationMethod Algorithm=",
        "<ds:CanonicalizationMethod Name=",
        SignatureFault::Form,
    );
    check("#\"></ds:Canon", "#\"><x xmlns=\"u\"/></ds:Canon", SignatureFault::Form);
    check("#\"></ds:Canon", "#\">text</ds:Canon", SignatureFault::Form);
}

#[test]
fn lists_of_prefixes_are_lists_of_prefixes() {
    let element = |attributes: &str| {
        format!(
            "<e:InclusiveNamespaces xmlns:e=\"{EXCLUSIVE}\"{attributes}></e:InclusiveNamespaces>"
        )
    };
    let list = |prefixes: &str| element(&format!(" PrefixList=\"{prefixes}\""));
    let one = list("xs");
    for end in ["</ds:CanonicalizationMethod>", "</ds:Transform></ds:Transforms>"] {
        for bad in [
            element(""),
            list("a:b"),
            list("#all"),
            list("a,b"),
            list("#default &#160;"),
            list(&"x ".repeat(MAX_PREFIXES + 1)),
        ] {
            check(end, &format!("{bad}{end}"), SignatureFault::PrefixList);
        }
        for bad in [
            element(" PrefixList=\"xs\" Other=\"\""),
            changed(&one, "></", ">text</"),
            one.repeat(2),
            // The parameter is of the namespace of the algorithm.
            changed(&one, "xml-exc-c14n#", "xml-exc-c14n"),
        ] {
            check(end, &format!("{bad}{end}"), SignatureFault::Form);
        }
        // None, and some that are declared nowhere, are as if there were no list.
        for good in [list(""), list(" &#9;\n"), list(&"x ".repeat(MAX_PREFIXES))] {
            let edit = |signature: String| changed(&signature, end, &format!("{good}{end}"));
            let text = SIGNER.signed_as(&response().document(), "_assertion", edit);
            assert!(verified(&text, &KEYS).is_ok(), "{text}");
        }
    }
}

#[test]
fn algorithms_that_are_not_of_the_list_are_refused() {
    let uri = "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha256";
    for (to, want) in [
        ("http://www.w3.org/2000/09/xmldsig#rsa-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1", SignatureFault::Sha1),
        ("http://www.w3.org/2000/09/xmldsig#hmac-sha1", SignatureFault::Sha1),
        // With which the public key would be the secret.
        ("http://www.w3.org/2001/04/xmldsig-more#hmac-sha256", SignatureFault::Algorithm),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-md5", SignatureFault::Algorithm),
        ("http://www.w3.org/2007/05/xmldsig-more#rsa-pss", SignatureFault::Algorithm),
        ("", SignatureFault::Algorithm),
        // The kind of the key decides.
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", SignatureFault::Keys),
        ("http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha512", SignatureFault::Value),
    ] {
        check(uri, to, want);
    }
    check(
        "</ds:SignatureMethod>",
        "<ds:HMACOutputLength>0</ds:HMACOutputLength></ds:SignatureMethod>",
        SignatureFault::Form,
    );
    let uri = "http://www.w3.org/2001/04/xmlenc#sha256";
    check(uri, "http://www.w3.org/2000/09/xmldsig#sha1", SignatureFault::Sha1);
    check(uri, "http://www.w3.org/2001/04/xmldsig-more#md5", SignatureFault::DigestAlgorithm);
    check(uri, "", SignatureFault::DigestAlgorithm);
    // The digest is too short for it.
    check(uri, "http://www.w3.org/2001/04/xmlenc#sha512", SignatureFault::DigestValue);
}

#[test]
fn there_is_one_reference_to_the_element_around() {
    let uri = "URI=\"#_assertion\"";
    for to in [
        "URI=\"\"",
        "URI=\"#\"",
        "URI=\"#_response\"",
        "URI=\"#_assertion2\"",
        "URI=\"##_assertion\"",
        "URI=\"_assertion\"",
        "URI=\"#xpointer(/)\"",
        "URI=\"#xpointer(id('_assertion'))\"",
        "URI=\"file:///etc/passwd\"",
        "URI=\"https://idp.example.com/a#_assertion\"",
        "",
    ] {
        check(uri, to, SignatureFault::Reference);
    }
    check(uri, "URI=\"#_assertion\" Type=\"u\"", SignatureFault::Form);
    check(uri, "x:URI=\"#_assertion\" xmlns:x=\"u\"", SignatureFault::Form);
    check(uri, "URI=\"#_assertion\" x:URI=\"#_response\" xmlns:x=\"u\"", SignatureFault::Form);
    let twice = |signature: String| {
        let (_, rest) = signature.split_once("<ds:Reference ").unwrap();
        let (inner, _) = rest.split_once("</ds:Reference>").unwrap();
        let other = format!("<ds:Reference {inner}</ds:Reference></ds:SignedInfo>");
        signature.replace("</ds:SignedInfo>", &other)
    };
    let text = SIGNER.signed_as(&response().document(), "_assertion", twice);
    assert_eq!(verified(&text, &KEYS), Err(SignatureFault::References));
    let none = |signature: String| signature.replace("ds:Reference", "ds:Other");
    let text = SIGNER.signed_as(&response().document(), "_assertion", none);
    assert_eq!(verified(&text, &KEYS), Err(SignatureFault::References));
}

#[test]
fn there_are_two_transforms() {
    let enveloped = format!("<ds:Transform Algorithm=\"{ENVELOPED}\"></ds:Transform>");
    let exclusive = format!("<ds:Transform Algorithm=\"{EXCLUSIVE}\"></ds:Transform>");
    let both = format!("{enveloped}{exclusive}");
    let of = |uri: &str| format!("<ds:Transform Algorithm=\"{uri}\"></ds:Transform>");
    for to in [
        String::new(),
        enveloped.clone(),
        exclusive.clone(),
        format!("{exclusive}{enveloped}"),
        format!("{enveloped}{enveloped}"),
        format!("{exclusive}{exclusive}"),
        format!("{both}{exclusive}"),
        format!("{enveloped}{}", of("http://www.w3.org/2001/10/xml-exc-c14n#WithComments")),
        format!("{enveloped}{}", of("http://www.w3.org/TR/2001/REC-xml-c14n-20010315")),
        format!("{enveloped}{}", of("http://www.w3.org/TR/1999/REC-xslt-19991116")),
        format!("{}{exclusive}", of("http://www.w3.org/TR/1999/REC-xpath-19991116")),
        format!("{}{exclusive}", of("http://www.w3.org/2000/09/xmldsig#base64")),
        format!("{both}{}", of("http://www.w3.org/2002/06/xmldsig-filter2")),
        "text".to_owned(),
        format!("{both}text"),
    ] {
        check(&both, &to, SignatureFault::Transforms);
    }
    check(&both, &both.replacen("ds:Transform", "ds:Other", 2), SignatureFault::Form);
    check(&both, &both.replacen("></", "><ds:XPath>1</ds:XPath></", 1), SignatureFault::Form);
    check(&both, &both.replacen("Algorithm=", "Id=\"x\" Algorithm=", 1), SignatureFault::Form);
    check("<ds:Transforms>", "<ds:Transforms Id=\"x\">", SignatureFault::Form);
    check(&format!("<ds:Transforms>{both}</ds:Transforms>"), "", SignatureFault::Form);
}

/// CVE-2025-29774 and CVE-2025-29775, both of xml-crypto: which of several `SignedInfo` is verified,
/// and what of a `DigestValue` is read.
#[test]
fn what_is_verified_is_what_is_read() {
    let valid = response().signed(&SIGNER, Signs::Assertion);
    let (_, rest) = valid.split_once("<ds:SignedInfo>").unwrap();
    let (inner, _) = rest.split_once("</ds:SignedInfo>").unwrap();
    let info = format!("<ds:SignedInfo>{inner}</ds:SignedInfo>");
    let digest = BASE64.encode(&[0; 32]);
    let (_, rest) = info.split_once("<ds:DigestValue>").unwrap();
    let (own, _) = rest.split_once("</ds:DigestValue>").unwrap();
    let forged = info.replace(own, &digest);
    for both in [format!("{info}{forged}"), format!("{forged}{info}")] {
        check_after_in(&valid, &info, &both, SignatureFault::SignedInfo);
    }
    check_after_in(&valid, &info, "", SignatureFault::SignedInfo);
    // One that lies deeper, and one that is of another namespace.
    check_after_in(&valid, &info, &format!("<ds:x>{info}</ds:x>{forged}"), SignatureFault::Form);
    let other = forged.replace("ds:SignedInfo", "SignedInfo");
    check_after_in(&valid, &info, &format!("{info}{other}"), SignatureFault::Form);
    for (from, to) in [
        (own, format!("<!-- {digest} -->{own}")),
        (own, format!("{own}<!---->")),
        ("_assertion\"", "_assertion\"><!-- --".to_owned()),
        (own, format!("<![CDATA[{own}]]>")),
        (own, format!("<?x {digest}?>{own}")),
    ] {
        let text = changed(&valid, from, &to);
        assert!(xml::parse(&text, &RESPONSE_LIMITS).is_err(), "{text}");
    }
    let value = SignatureFault::DigestValue;
    let hidden = format!("<ds:x>{digest}</ds:x>{own}");
    for to in [
        hidden.as_str(),
        "",
        "====",
        "AAAA",
        digest.trim_start_matches("AA"),
        &format!("{own}{own}"),
        "\u{a0}",
    ] {
        check_after_in(&valid, own, to, value);
    }
    check_after_in(&valid, own, &own.replace('=', ""), value);
    // Bits that nothing reads.
    let bits = BASE64.encode(&[0; 32]).replace("A=", "B=");
    check_after_in(&valid, own, &bits, value);
    check_after_in(&valid, own, &digest, SignatureFault::Value);
    check_after("<ds:SignatureValue>", "<ds:SignatureValue>!", SignatureFault::SignatureValue);
    check_after("<ds:SignatureValue>", "<ds:SignatureValue><x/>", SignatureFault::SignatureValue);
    check_after("<ds:SignatureValue>", "<ds:SignatureValue>AAAA", SignatureFault::Value);
    let (before, rest) = valid.split_once("<ds:SignatureValue>").unwrap();
    let (_, behind) = rest.split_once("</ds:SignatureValue>").unwrap();
    // Two pieces, each with its padding, are not one value.
    let (value, _) = rest.split_once("</ds:SignatureValue>").unwrap();
    let bytes = BASE64.decode(value.as_bytes()).unwrap();
    let (one, other) = bytes.split_at(31);
    let pieces = format!("{}{}", BASE64.encode(one), BASE64.encode(other));
    let pieces = format!("{before}<ds:SignatureValue>{pieces}</ds:SignatureValue>{behind}");
    assert_eq!(verified(&pieces, &KEYS), Err(SignatureFault::SignatureValue));
    let empty = format!("{before}<ds:SignatureValue></ds:SignatureValue>{behind}");
    assert_eq!(verified(&empty, &KEYS), Err(SignatureFault::SignatureValue));
}

fn check_after_in(text: &str, from: &str, to: &str, want: SignatureFault) {
    assert_eq!(verified(&changed(text, from, to), &KEYS), Err(want), "{from} {to}");
}

#[test]
fn a_signature_has_nothing_else_in_it() {
    let object = "</ds:KeyInfo><ds:Object><x/></ds:Object>";
    check("</ds:KeyInfo>", object, SignatureFault::Object);
    check("<ds:KeyInfo>", "<ds:Object/><ds:KeyInfo>", SignatureFault::Object);
    let form = SignatureFault::Form;
    for (from, to) in [
        ("</ds:KeyInfo>", "</ds:KeyInfo><ds:KeyInfo/>"),
        ("</ds:KeyInfo>", "</ds:KeyInfo><x xmlns=\"u\"/>"),
        ("</ds:KeyInfo>", "</ds:KeyInfo>text"),
        ("<ds:KeyInfo>", "<ds:SignatureValue/><ds:KeyInfo>"),
        ("<ds:SignedInfo>", "text<ds:SignedInfo>"),
        ("<ds:SignedInfo>", "<ds:KeyInfo/><ds:SignedInfo>"),
        ("<ds:SignedInfo>", "<ds:SignedInfo>text"),
        ("<ds:SignedInfo>", "<ds:SignedInfo><ds:x/>"),
        ("<ds:SignedInfo>", "<ds:SignedInfo Name=\"x\">"),
        ("<ds:SignedInfo>", "<ds:SignedInfo xml:id=\"x\">"),
        ("</ds:SignedInfo>", "<ds:x/></ds:SignedInfo>"),
        ("<ds:Signature ", "<ds:Signature Name=\"x\" "),
        ("<ds:DigestValue>", "<ds:DigestValue Id=\"x\">"),
        ("</ds:DigestMethod>", "<x/></ds:DigestMethod>"),
        ("</ds:DigestValue>", "</ds:DigestValue><ds:DigestValue/>"),
        ("ds:DigestMethod ", "ds:DigestMethod Name=\"x\" "),
        ("ds:SignatureMethod ", "ds:SignatureMethod xml:lang=\"x\" "),
    ] {
        check(from, to, form);
    }
    check_after("<ds:SignatureValue>", "<ds:SignatureValue Name=''>", form);
    // The order is that of the schema.
    let turned = |signature: String| {
        let (before, rest) = signature.split_once("<ds:DigestMethod").unwrap();
        let (method, behind) = rest.split_once("</ds:DigestMethod>").unwrap();
        let method = format!("<ds:DigestMethod{method}</ds:DigestMethod>");
        format!(
            "{before}{}",
            behind.replace("</ds:Reference>", &format!("{method}</ds:Reference>"))
        )
    };
    let text = SIGNER.signed_as(&response().document(), "_assertion", turned);
    assert_eq!(verified(&text, &KEYS), Err(form));
}

#[test]
fn what_is_signed_has_one_signature_and_a_name() {
    let valid = response().signed(&SIGNER, Signs::Assertion);
    assert_eq!(verified(&response().document(), &KEYS), Err(SignatureFault::Missing));
    let (_, rest) = valid.split_once("<ds:Signature ").unwrap();
    let (inner, _) = rest.split_once("</ds:Signature>").unwrap();
    let signature = format!("<ds:Signature {inner}</ds:Signature>");
    check_after_in(&valid, &signature, &signature.repeat(2), SignatureFault::Several);
    check_after_in(&valid, &signature, &format!("<x>{signature}</x>"), SignatureFault::Missing);
    // Of another namespace, be it with the same prefix.
    let other = "http://www.w3.org/2000/09/xmldsig#";
    check_after_in(&valid, other, "http://www.w3.org/2000/09/xmldsig", SignatureFault::Missing);
    check_after_in(&valid, other, "http://www.w3.org/2000/09/XMLDSIG#", SignatureFault::Missing);
    for (to, want) in [
        (" ", SignatureFault::Id),
        (" ID=\"\"", SignatureFault::Id),
        (" ID=\"1\"", SignatureFault::Id),
        (" ID=\"a:b\"", SignatureFault::Id),
        (" ID=\" _assertion\"", SignatureFault::Id),
        (" Id=\"_assertion\"", SignatureFault::Id),
        (" xml:id=\"_assertion\"", SignatureFault::Id),
        (" ID=\"_other\" xml:id=\"_assertion\"", SignatureFault::Reference),
    ] {
        check_after_in(&valid, " ID=\"_assertion\"", to, want);
    }
}

#[test]
fn keys_are_those_of_the_provider() {
    // Whoever signs with a key of his own, and sends the certificate along.
    let other = SamlSigner::p256();
    let text = response().signed(&other, Signs::Assertion);
    assert_eq!(verified(&text, &KEYS), Err(SignatureFault::Value));
    assert!(verified(&text, &other.signing_keys()).is_ok());
    // A valid signature of another element.
    let mut second = response();
    "_other".clone_into(&mut second.assertion_id);
    let second = second.signed(&SIGNER, Signs::Assertion).replace("#_other", "#_assertion");
    assert_eq!(
        verified(&second.replace("ID=\"_other\"", "ID=\"_assertion\""), &KEYS),
        Err(SignatureFault::Value)
    );
    // The digest of nothing at all, signed: what other verifiers compare with when their
    // canonicalisation fails, as at the name of a namespace that is relative.
    let empty = BASE64.encode(Hash::Sha256.digest(b"").as_ref());
    let relative = response().document().replace("<saml:Subject>", "<saml:Subject xmlns:n=\"1\">");
    for text in [response().document(), relative.clone()] {
        let text = SIGNER.signed_as(&text, "_assertion", |signature| {
            let (before, rest) = signature.split_once("<ds:DigestValue>").unwrap();
            let (_, behind) = rest.split_once("</ds:DigestValue>").unwrap();
            format!("{before}<ds:DigestValue>{empty}</ds:DigestValue>{behind}")
        });
        assert_eq!(verified(&text, &KEYS), Err(SignatureFault::Digest));
    }
    assert!(verified(&SIGNER.signed(&relative, "_assertion"), &KEYS).is_ok());
}

#[test]
fn what_is_changed_is_refused() {
    for (from, to) in [
        ("alice", "alicia"),
        (">alice<", ">alice <"),
        ("urn:amazon:webservices", "urn:amazon:webservice"),
        ("Version=\"2.0\" IssueInstant", "Version=\"2.1\" IssueInstant"),
        ("<saml:Subject>", "<saml:Subject xml:lang=\"en\">"),
        ("<saml:Subject>", "\n<saml:Subject>"),
        ("<saml:Subject>", "<saml:Subject/><saml:Subject>"),
        ("saml:Subject", "saml:Object"),
        ("</ds:Signature>", "</ds:Signature>text"),
    ] {
        let valid = response().signed(&SIGNER, Signs::Assertion);
        let (before, own) = valid.split_once("<saml:Assertion").unwrap();
        let text = format!("{before}<saml:Assertion{}", own.replace(from, to));
        assert!(verified(&text, &KEYS).is_err(), "{from} {to}");
    }
    // The same in other words.
    let valid = response().signed(&SIGNER, Signs::Assertion);
    for (from, to) in [
        ("<saml:Subject>", "<saml:Subject xmlns:unused=\"u\" >"),
        (">alice<", ">&#97;lice<"),
        ("</saml:Conditions>", "</saml:Conditions >"),
        ("<samlp:Status>", "<samlp:Status other=\"\">"),
    ] {
        assert!(verified(&changed(&valid, from, to), &KEYS).is_ok(), "{from} {to}");
    }
    // So long that nobody would read it again.
    let long = "\"".repeat(2000);
    let many = format!("<x:y xmlns:x='{long}'/>").repeat(100);
    let text = changed(&valid, "<saml:Subject>", &format!("{many}<saml:Subject>"));
    assert_eq!(verified(&text, &KEYS), Err(SignatureFault::TooLong(RESPONSE_LIMITS.bytes)));
}

/// An element with few names, texts that are escaped, and namespaces that are declared again.
fn element(depth: u32) -> BoxedStrategy<String> {
    let text = prop_oneof![Just("a&amp;b"), Just("&#13;\n"), Just("\u{e9}"), Just("x y")];
    let name = prop_oneof![Just("e"), Just("p:e"), Just("saml:e")];
    let rest = prop_oneof![
        Just(""),
        Just(" xmlns='u'"),
        Just(" xmlns:p='v' p:x='1' x='2'"),
        Just(" x='&lt;&#10;'"),
    ];
    let text = text.prop_map(str::to_owned);
    let content = match depth {
        0 => vec(text.boxed(), 0..2).boxed(),
        _ => vec(prop_oneof![text, element(depth - 1)], 0..3).boxed(),
    };
    (name, rest, content)
        .prop_map(|(name, rest, content)| format!("<{name}{rest}>{}</{name}>", content.concat()))
        .boxed()
}

proptest! {
    #[test]
    fn what_is_signed_verifies_and_any_change_of_it_fails(
        inner in element(3),
        list in prop_oneof![Just(""), Just("p"), Just("#default xs")],
        at in any::<prop::sample::Index>(),
    ) {
        let signer = SIGNER.clone().with_prefixes(list);
        let text = response().document().replace("<samlp:Response", "<samlp:Response xmlns:p='w'");
        let text = text.replace("<saml:Subject>", &format!("{inner}<saml:Subject>"));
        let text = signer.signed(&text, "_assertion");
        let signed = verified(&text, &KEYS);
        prop_assert!(signed.is_ok(), "{:?} {}", signed, text);
        // One character of what is signed becomes another: either the document cannot be read any
        // more, or the signature does not verify, or the change says nothing: a declaration that
        // nothing uses.
        let signed = signed.unwrap();
        let (from, to) = text.split_at(text.find("</ds:Signature>").unwrap());
        let to = to.strip_suffix("</samlp:Response>").unwrap();
        let mut characters: Vec<char> = to.chars().collect();
        let at = at.index(characters.len());
        characters[at] = if characters[at] == 'k' { 'l' } else { 'k' };
        let changed: String = characters.iter().collect();
        let changed = format!("{from}{changed}</samlp:Response>");
        if let Ok(root) = xml::parse(&changed, &RESPONSE_LIMITS) {
            let assertion = root.elements().find(|e| e.local == "Assertion");
            let verified = assertion.map(|assertion| verify(&[&root, assertion], &KEYS));
            if let Some(Ok(verified)) = verified {
                prop_assert_eq!(verified.as_str(), signed);
            }
        }
    }
}
