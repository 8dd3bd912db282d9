//! Encrypted assertions: XML Encryption 1.1, with what has been done to it.

use super::*;
use crate::saml::XmlFault;
use crate::testing::saml_encryption::{Content, Encryption, Wrap};

const FORM: SamlFault = SamlFault::Form("EncryptedAssertion");

/// Which parts of a response with an encrypted assertion are signed.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Place {
    Inside,
    Around,
    Both,
    Nowhere,
}

fn encrypted(place: Place, how: Encryption) -> String {
    let inner = match place {
        Place::Inside | Place::Both => signed(Signs::Assertion),
        Place::Around | Place::Nowhere => response().document(),
    };
    let text = RECIPIENT.encrypted(&inner, how);
    match place {
        Place::Around | Place::Both => SIGNER.signed(&text, "_response"),
        Place::Inside | Place::Nowhere => text,
    }
}

/// With the encrypted assertion changed before the response around it is signed, or not signed.
fn changed(place: Place, how: Encryption, change: impl Fn(&str) -> String) -> String {
    let inner = if place == Place::Inside { Place::Inside } else { Place::Nowhere };
    let text = change(&encrypted(inner, how));
    if place == Place::Around { SIGNER.signed(&text, "_response") } else { text }
}

#[test]
fn encrypted_assertions_are_taken_with_these_algorithms() {
    let contents = [
        Content::Aes128Gcm,
        Content::Aes192Gcm,
        Content::Aes256Gcm,
        Content::Aes128Cbc,
        Content::Aes256Cbc,
    ];
    let keys = [Wrap::OaepMgf1p, Wrap::Oaep, Wrap::OaepSha256, Wrap::OaepSha384, Wrap::OaepSha512];
    for content in contents {
        for place in [Place::Inside, Place::Around, Place::Both, Place::Nowhere] {
            let how = Encryption { content, ..Encryption::USUAL };
            let is_cbc = matches!(content, Content::Aes128Cbc | Content::Aes256Cbc);
            let want = match place {
                Place::Inside | Place::Nowhere if is_cbc => Err(SamlFault::CbcUnsigned),
                Place::Nowhere => Err(SamlFault::Unsigned),
                Place::Inside | Place::Around | Place::Both => Ok(()),
            };
            check(&format!("{content:?} {place:?}"), &encrypted(place, how), want);
        }
    }
    for key in keys {
        for (beside, label) in [(false, ""), (true, ""), (false, "label")] {
            let how = Encryption { key, beside, label, ..Encryption::USUAL };
            check(&format!("{how:?}"), &encrypted(Place::Inside, how), Ok(()));
        }
    }
    let text =
        ResponseText::decode(&encoded(&encrypted(Place::Inside, Encryption::USUAL))).unwrap();
    let response = Response::parse(&text).unwrap();
    assert!(response.is_encrypted());
    assert_eq!(response.claimed_issuer(), Some(ISSUER));
}

/// Algorithms that are refused: by name, before anything is decrypted.
#[test]
fn other_algorithms_are_refused() {
    let check = |from: &str, to: &str| {
        let text = changed(
            Place::Inside,
            Encryption { key: Wrap::OaepSha256, ..Encryption::USUAL },
            |text| replaced(text, from, to),
        );
        check(&format!("{from} -> {to}"), &text, Err(SamlFault::EncryptionAlgorithm));
    };
    let gcm = "http://www.w3.org/2009/xmlenc11#aes256-gcm";
    for other in [
        "http://www.w3.org/2001/04/xmlenc#aes192-cbc",
        "http://www.w3.org/2001/04/xmlenc#tripledes-cbc",
        "http://www.w3.org/2001/04/xmlenc#aes256-gcm",
        "http://www.w3.org/2009/xmlenc11#AES256-GCM",
        "",
    ] {
        check(gcm, other);
    }
    let oaep = "http://www.w3.org/2009/xmlenc11#rsa-oaep";
    for other in [
        // PKCS#1 v1.5, which Bleichenbacher broke.
        "http://www.w3.org/2001/04/xmlenc#rsa-1_5",
        // With SHA-256 for the label and SHA-1 for the mask, which aws-lc-rs does not have.
        "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p",
        "http://www.w3.org/2001/04/xmlenc#kw-aes256",
        "",
    ] {
        check(oaep, other);
    }
    check("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#md5");
    check("http://www.w3.org/2001/04/xmlenc#sha256", "http://www.w3.org/2000/09/xmldsig#sha1");
    check("http://www.w3.org/2009/xmlenc11#mgf1sha256", "http://www.w3.org/2009/xmlenc11#mgf1sha1");
    check("<ds:DigestMethod ", "<ds:Digest ");
    check("<xenc11:MGF ", "<xenc11:MGF2 ");
}

/// There is one fault for whatever goes wrong with something of the right form.
#[test]
fn what_does_not_decrypt_tells_nothing() {
    let refused = || Err(SamlFault::Decryption);
    let value = |text: &str, which: usize| {
        let (begin, end) = ("<xenc:CipherValue>", "</xenc:CipherValue>");
        let value = text.split(begin).nth(which + 1).unwrap().split(end).next().unwrap();
        format!("{begin}{value}{end}")
    };
    // Which of both values, and what becomes of its bytes.
    type Change = (&'static str, usize, fn(&mut Vec<u8>));
    let changes: [Change; 10] = [
        ("the key's first byte", 0, |bytes| bytes[0] ^= 1),
        ("the key's last byte", 0, |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("the key is shorter", 0, |bytes| bytes.truncate(255)),
        ("the key is longer", 0, |bytes| bytes.push(0)),
        ("there is no key", 0, Vec::clear),
        ("the nonce", 1, |bytes| bytes[0] ^= 1),
        ("the first block", 1, |bytes| bytes[20] ^= 1),
        ("the tag", 1, |bytes| *bytes.last_mut().unwrap() ^= 1),
        ("it is cut", 1, |bytes| bytes.truncate(20)),
        ("there is nothing", 1, Vec::clear),
    ];
    for (what, which, change) in changes {
        for place in [Place::Inside, Place::Around] {
            let text = changed(place, Encryption::USUAL, |text| {
                let whole = value(text, which);
                let packed =
                    whole.replace("<xenc:CipherValue>", "").replace("</xenc:CipherValue>", "");
                let mut bytes = data_encoding::BASE64.decode(packed.as_bytes()).unwrap();
                change(&mut bytes);
                let packed = data_encoding::BASE64.encode(&bytes);
                replaced(text, &whole, &format!("<xenc:CipherValue>{packed}</xenc:CipherValue>"))
            });
            check(what, &text, refused());
        }
    }
    // CBC, where the response around it is signed: the same.
    let cbc = Encryption { content: Content::Aes128Cbc, ..Encryption::USUAL };
    for cut in [1, 15, 16, 17, 32] {
        let text = changed(Place::Around, cbc, |text| {
            let whole = value(text, 1);
            let packed = whole.replace("<xenc:CipherValue>", "").replace("</xenc:CipherValue>", "");
            let mut bytes = data_encoding::BASE64.decode(packed.as_bytes()).unwrap();
            // Without its last blocks the padding is whatever stands there.
            bytes.truncate(bytes.len() - cut);
            let packed = data_encoding::BASE64.encode(&bytes);
            replaced(text, &whole, &format!("<xenc:CipherValue>{packed}</xenc:CipherValue>"))
        });
        let got = identity(&text).map(|_| ());
        assert!(matches!(got, Err(SamlFault::Decryption | SamlFault::Xml(_))), "{cut}: {got:?}");
    }
    // A label other than that which the key was encrypted with.
    let labelled = Encryption { label: "label", ..Encryption::USUAL };
    let text = changed(Place::Inside, labelled, |text| replaced(text, "bGFiZWw=", "bGFiZWX="));
    check("not canonical base64", &text, Err(SamlFault::Form("base64 of the EncryptedAssertion")));
    let text = changed(Place::Inside, labelled, |text| replaced(text, "bGFiZWw=", "TEFCRUw="));
    check("another label", &text, refused());
    // A key of another length than the algorithm's.
    let text = changed(Place::Inside, Encryption::USUAL, |text| {
        let key = part(text, "<xenc:EncryptedKey", "</xenc:EncryptedKey>");
        replaced(text, key, &RECIPIENT.wrapped(&[7; 16], Encryption::USUAL))
    });
    check("a short key", &text, refused());
    // Bytes that are no text.
    let text = response().document();
    let bytes = RECIPIENT.encrypted_assertion(b"\xff\xfe<", Encryption::USUAL);
    check("no UTF-8", &replaced(&text, assertion_of(&text), &bytes), refused());
    // Another's key, or none.
    let other = [SamlRecipient::generate().private_key()];
    let own = RECIPIENT.private_key();
    let providers = [provider(ISSUER, &SIGNER)];
    let text = encrypted(Place::Inside, Encryption::USUAL);
    let check = |keys: &[PrivateKey], want: Result<(), SamlFault>| {
        for requires_encryption in [false, true] {
            let trust =
                Trust { identity_providers: &providers, private_keys: keys, requires_encryption };
            assert_eq!(identity_with(&text, &trust).map(|_| ()), want, "{}", keys.len());
        }
    };
    check(&other, refused());
    check(&[], Err(SamlFault::NoPrivateKey));
    // A new key beside the old one, in either order.
    check(&[other[0].clone(), own.clone()], Ok(()));
    check(&[own, other[0].clone()], Ok(()));
}

#[test]
fn the_form_of_what_is_encrypted_is_strict() {
    let text = encrypted(Place::Inside, Encryption::USUAL);
    let check = |from: &str, to: &str, want: Result<(), SamlFault>| {
        assert!(text.contains(from), "{from}");
        let what = format!("{} -> {}", from.get(..60).unwrap_or(from), to.get(..60).unwrap_or(to));
        check(&what, &text.replacen(from, to, 1), want);
    };
    check("Type=\"http://www.w3.org/2001/04/xmlenc#Element\"", "", Ok(()));
    check("xmlenc#Element", "xmlenc#Content", Err(FORM));
    check("<xenc:EncryptedData ", "<a/><xenc:EncryptedData ", Err(FORM));
    check("<xenc:EncryptedData ", "text<xenc:EncryptedData ", Err(FORM));
    let data = part(&text, "<xenc:EncryptedData", "</xenc:EncryptedData>");
    check(data, "", Err(SamlFault::Missing("EncryptedData")));
    check(data, &format!("{data}{data}"), Err(SamlFault::Repeated("EncryptedData")));
    let key = part(&text, "<xenc:EncryptedKey", "</xenc:EncryptedKey>");
    check(key, "", Err(SamlFault::Missing("EncryptedKey")));
    check(key, &key.repeat(2), Ok(()));
    check(key, &key.repeat(3), Err(SamlFault::Many("EncryptedKey")));
    // What says which key it is may say whatever it wants.
    check(key, &format!("<ds:RetrievalMethod URI=\"#k\"/><a/>{key}"), Ok(()));
    // Something to fetch.
    let value = part(&text, "<xenc:CipherValue>", "</xenc:CipherValue>");
    let form = || Err(SamlFault::Form("CipherData"));
    check(value, "<xenc:CipherReference URI=\"https://evil.example/\"/>", form());
    check(value, &format!("{value}<xenc:CipherReference URI=\"file:///etc/passwd\"/>"), form());
    check(value, "", Err(SamlFault::Missing("CipherValue")));
    check(value, &format!("{value}{value}"), Err(SamlFault::Repeated("CipherValue")));
    let base64 = || Err(SamlFault::Form("base64 of the EncryptedAssertion"));
    check("<xenc:CipherValue>", "<xenc:CipherValue>*", base64());
    check("<xenc:CipherValue>", "<xenc:CipherValue><a/>", base64());
    check("<xenc:CipherValue>", "<xenc:CipherValue>\n  ", Ok(()));
    let long = format!("<xenc:CipherValue>{}", "AAAA".repeat(400));
    check("<xenc:CipherValue>", &long, base64());
    let method =
        "<xenc:EncryptionMethod Algorithm=\"http://www.w3.org/2009/xmlenc11#aes256-gcm\"/>";
    check(method, "", Err(SamlFault::Missing("EncryptionMethod")));
    check(method, &format!("{method}{method}"), Err(SamlFault::Repeated("EncryptionMethod")));
    check(method, &format!("{method}<a/>"), Err(SamlFault::Form("EncryptedData")));
    check(
        "<xenc:EncryptedKey",
        "<xenc:EncryptedKey><a/></xenc:EncryptedKey><xenc:EncryptedKey",
        Err(SamlFault::Form("EncryptedKey")),
    );
}

/// Whoever has the certificate can encrypt anything: what comes out is as suspect as what comes in.
#[test]
fn what_is_decrypted_is_read_as_strictly() {
    let document = response().document();
    let good = signed(Signs::Assertion);
    let (assertion, plain) = (assertion_of(&good), assertion_of(&document));
    let check = |what: &str, inner: &str, want: Result<(), SamlFault>| {
        let element = RECIPIENT.encrypted_assertion(inner.as_bytes(), Encryption::USUAL);
        check(what, &replaced(&document, plain, &element), want);
    };
    let xml = |fault: XmlFault| Err(SamlFault::Xml(fault));
    check("as it was", assertion, Ok(()));
    check("unsigned", plain, Err(SamlFault::Unsigned));
    check("evil", &evil(assertion), Err(SamlFault::Unsigned));
    check(
        "changed",
        &assertion.replace(">alice<", ">mallory<"),
        Err(SamlFault::Signature(SignatureFault::Digest)),
    );
    check(
        "a stranger's",
        assertion_of(&response().signed(&STRANGER, Signs::Assertion)),
        Err(SamlFault::Signature(SignatureFault::Value)),
    );
    check("a comment", &assertion.replace(">alice<", ">ali<!-- -->ce<"), xml(XmlFault::Comment));
    check("a DTD", &format!("<!DOCTYPE a []>{assertion}"), xml(XmlFault::Doctype));
    check("two", &format!("{assertion}{assertion}"), xml(XmlFault::Malformed));
    check("nothing", "", xml(XmlFault::Malformed));
    check("a response", &good, Err(SamlFault::NoAssertion));
    check(
        "an assertion in it",
        &plain
            .replace("_assertion", "_outer")
            .replace("<saml:Subject>", &format!("{assertion}<saml:Subject>")),
        Err(SamlFault::SeveralAssertions),
    );
    let again = RECIPIENT.encrypted_assertion(assertion.as_bytes(), Encryption::USUAL);
    check("encrypted again", &again, Err(SamlFault::NoAssertion));
    let inside =
        plain.replace("<saml:Subject>", &format!("<saml:Subject>{}", signature_of(assertion)));
    check("the signature moved", &inside, Err(SamlFault::MisplacedSignature));
    let twice = assertion.replacen("<saml:Subject>", "<saml:Subject Id=\"_assertion\">", 1);
    check("an id twice", &twice, Err(SamlFault::DuplicateId));
    let deep = format!("{}{}", "<a>".repeat(60), "</a>".repeat(60));
    check("deep", &deep, xml(XmlFault::Depth(48)));
}

/// SAML profiles, section 4.1.4.2: who it is from stands outside.
#[test]
fn the_issuer_stands_outside_and_inside() {
    let outer = "<saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">https://idp.example.com/saml</saml:Issuer>";
    let check_with = |what: &str, place: Place, to: &str, want: Result<(), SamlFault>| {
        let text = changed(place, Encryption::USUAL, |text| replaced(text, outer, to));
        check(what, &text, want);
    };
    let other = outer.replace(ISSUER, "https://other.example/saml");
    check_with("inside", Place::Inside, outer, Ok(()));
    check_with("around", Place::Around, outer, Ok(()));
    check_with("none outside", Place::Inside, "", Err(SamlFault::Missing("Issuer")));
    check_with("none outside, signed there", Place::Around, "", Err(SamlFault::Missing("Issuer")));
    check_with("unknown outside", Place::Inside, &other, Err(SamlFault::Issuer));
    check_with("unknown outside, signed there", Place::Around, &other, Err(SamlFault::Issuer));
    // Nobody has us look for a key, or use one, without saying who he is.
    let strangers = [provider("https://other.example/saml", &SIGNER)];
    let bad = RECIPIENT.wrapped(&[7; 32], Encryption::USUAL);
    for (to, want) in [("", SamlFault::Missing("Issuer")), (outer, SamlFault::Issuer)] {
        let text = changed(Place::Inside, Encryption::USUAL, |text| {
            let key = part(text, "<xenc:EncryptedKey", "</xenc:EncryptedKey>");
            replaced(&replaced(text, key, &bad), outer, to)
        });
        let keys = [RECIPIENT.private_key()];
        let trust = Trust {
            identity_providers: &strangers,
            private_keys: &keys,
            requires_encryption: false,
        };
        assert_eq!(identity_with(&text, &trust).map(|_| ()), Err(want));
    }
    // A response of one with an assertion of another, both of the metadata.
    let providers = [provider(ISSUER, &STRANGER), provider("https://other.example/saml", &SIGNER)];
    let keys = [RECIPIENT.private_key()];
    let trust =
        Trust { identity_providers: &providers, private_keys: &keys, requires_encryption: true };
    for place in [Place::Inside, Place::Around] {
        let text = changed(place, Encryption::USUAL, |text| replaced(text, outer, &other));
        let got = identity_with(&text, &trust).map(|_| ());
        assert_eq!(got, Err(SamlFault::IssuersDiffer), "{place:?}");
    }
}

/// An encrypted assertion in a signed response cannot be exchanged for another one.
#[test]
fn the_signature_around_covers_what_is_encrypted() {
    let how = Encryption::USUAL;
    let good = encrypted(Place::Around, how);
    let evil = RECIPIENT
        .encrypted_assertion(evil(assertion_of(&signed(Signs::Assertion))).as_bytes(), how);
    let element = |text: &str| {
        part(text, "<saml:EncryptedAssertion", "</saml:EncryptedAssertion>").to_owned()
    };
    let several = Err(SamlFault::SeveralAssertions);
    let own = element(&good);
    check(
        "exchanged",
        &replaced(&good, &own, &evil),
        Err(SamlFault::Signature(SignatureFault::Digest)),
    );
    check("added", &replaced(&good, &own, &format!("{own}{evil}")), several.clone());
    check("in front", &replaced(&good, &own, &format!("{evil}{own}")), several.clone());
    let plain = response().assertion();
    check(
        "a plain one beside it",
        &replaced(&good, &own, &format!("{own}{plain}")),
        several.clone(),
    );
    let extensions = format!("<samlp:Extensions>{evil}</samlp:Extensions><samlp:Status>");
    check("in extensions", &replaced(&good, "<samlp:Status>", &extensions), several);
}
