//! Whose signature it must be, and that what it covers is what is read.

use super::*;

#[test]
fn the_issuer_decides_whose_keys_are_asked() {
    let (own, other) = ("https://idp.example.com/saml", "https://other.example/saml");
    let providers = [provider(own, &SIGNER), provider(other, &STRANGER)];
    let trust =
        Trust { identity_providers: &providers, private_keys: &[], requires_encryption: false };
    let check = |issuer: &str, signer: &SamlSigner, want: Result<&str, SamlFault>| {
        for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
            let mut response = response();
            issuer.clone_into(&mut response.issuer);
            let text = response.signed(signer, signs);
            let got = identity_with(&text, &trust).map(|identity| identity.issuer);
            assert_eq!(got, want.clone().map(str::to_owned), "{issuer}, {signs:?}");
        }
    };
    let value = || Err(SamlFault::Signature(SignatureFault::Value));
    check(own, &SIGNER, Ok(own));
    check(other, &STRANGER, Ok(other));
    // One identity provider of the metadata does not speak for another.
    check(own, &STRANGER, value());
    check(other, &SIGNER, value());
    for unknown in [
        "https://idp.example.com/saml/",
        "https://idp.example.com/SAML",
        "HTTPS://idp.example.com/saml",
        " https://idp.example.com/saml",
        "https://third.example/saml",
    ] {
        check(unknown, &SIGNER, Err(SamlFault::Issuer));
    }
    let nobody = Trust { identity_providers: &[], ..trust };
    let text = signed(Signs::Assertion);
    assert_eq!(identity_with(&text, &nobody).map(|_| ()), Err(SamlFault::Issuer));
    // Without any issuer.
    let assertion = "<saml:Issuer>https://idp.example.com/saml</saml:Issuer>";
    let document = replaced(&response().document(), assertion, "");
    let missing = Err(SamlFault::Missing("Issuer"));
    for id in ["_assertion", "_response"] {
        super::check("no issuer", &SIGNER.signed(&document, id), missing.clone());
    }
}

/// A response of one that carries an assertion of another.
#[test]
fn response_and_assertion_are_from_the_same_issuer() {
    let providers = [provider(ISSUER, &SIGNER), provider("https://other.example/saml", &STRANGER)];
    let trust =
        Trust { identity_providers: &providers, private_keys: &[], requires_encryption: false };
    let document = response().document();
    let outer = part(&document, "<saml:Issuer", "</saml:Issuer>").to_owned();
    let swapped = replaced(&document, &outer, &outer.replace(ISSUER, "https://other.example/saml"));
    for (id, signer) in
        [("_response", &*STRANGER), ("_response", &*SIGNER), ("_assertion", &*SIGNER)]
    {
        let text = signer.signed(&swapped, id);
        let got = identity_with(&text, &trust).map(|_| ());
        assert_eq!(got, Err(SamlFault::IssuersDiffer), "{id}");
    }
}

/// Several certificates of one identity provider, and kinds of keys.
#[test]
fn each_key_is_tried_and_keyinfo_is_not() {
    let (rsa, p384) = (SamlSigner::rsa(), SamlSigner::p384());
    for signer in [&rsa, &p384] {
        let providers = [provider(ISSUER, signer)];
        let trust =
            Trust { identity_providers: &providers, private_keys: &[], requires_encryption: false };
        for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
            let text = response().signed(signer, signs);
            assert!(identity_with(&text, &trust).is_ok(), "{signs:?}");
            // The right certificate in `KeyInfo`, in a provider that does not have it.
            assert!(matches!(identity(&text), Err(SamlFault::Signature(_))), "{signs:?}");
        }
        // Whatever `KeyInfo` says, or that there is none.
        let text = response().signed(signer, Signs::Assertion);
        let info = part(&text, "<ds:KeyInfo>", "</ds:KeyInfo>").to_owned();
        for other in ["", "<ds:KeyInfo/>", "<ds:KeyInfo><ds:KeyName>evil</ds:KeyName></ds:KeyInfo>"]
        {
            assert!(identity_with(&replaced(&text, &info, other), &trust).is_ok(), "{other}");
        }
    }
}

/// What a signature covered is what is read: whatever character changes, it says the same or is
/// refused. What may change is the certificate in `KeyInfo`, and the declarations of prefixes that
/// are not used.
#[test]
fn no_changed_character_changes_the_identity() {
    for signs in [Signs::Assertion, Signs::Response] {
        let good = signed(signs);
        let want = identity(&good).unwrap();
        let mut accepted = 0;
        // Every 23rd, which meets all kinds of places.
        for at in (0..good.len()).step_by(23) {
            let (before, behind) = good.split_at(at);
            let (first, behind) = behind.split_at(1);
            let other = if first == "a" { "b" } else { "a" };
            if let Ok(got) = identity(&format!("{before}{other}{behind}")) {
                assert_eq!(got, want, "{signs:?}, {at}: {first}");
                accepted += 1;
            }
        }
        assert!((1..good.len() / 46).contains(&accepted), "{accepted}");
    }
}

/// The same with other ways to write the same: what is signed is the canonical form.
#[test]
fn other_spellings_of_the_same_are_the_same() {
    let good = signed(Signs::Both);
    for (from, to) in [
        (" Version=\"2.0\"", "   Version='2.0' "),
        (">alice<", ">&#97;lice<"),
        ("<samlp:Status>", "<samlp:Status\n>"),
        ("\"/>", "\" ></samlp:StatusCode>"),
        ("<samlp:Status>", "<samlp:Status xmlns:unused=\"urn:unused\">"),
    ] {
        assert!(good.contains(from), "{from}");
        check(from, &good.replacen(from, to, 1), Ok(()));
    }
    check(
        "a declaration",
        &format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n{good}\n"),
        Ok(()),
    );
    // Exclusive canonicalisation, which does not see namespaces that nobody uses.
    let prefixed = good.replace("<samlp:Response ", "<samlp:Response xmlns:x=\"urn:x\" ");
    check("a namespace around", &prefixed, Ok(()));
    let bound = good.replace("<samlp:Status>", "<samlp:Status xmlns:samlp=\"urn:other\">");
    check("a prefix bound anew", &bound, Err(SamlFault::Form("Response")));
}

/// `PrefixList`: the assertion's signature sees a namespace that the response's does not.
#[test]
fn an_assertion_is_verified_in_the_document_that_came() {
    let declared = response().document().replacen(
        "<samlp:Response ",
        "<samlp:Response xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" ",
        1,
    );
    let inner = SIGNER.clone().with_prefixes("xs").signed(&declared, "_assertion");
    check("the assertion", &inner, Ok(()));
    let both = SIGNER.signed(&inner, "_response");
    check("and the response, which leaves it out", &both, Ok(()));
}

#[test]
fn encryption_is_asked_for_where_it_is_required() {
    let providers = [provider(ISSUER, &SIGNER)];
    let trust =
        Trust { identity_providers: &providers, private_keys: &[], requires_encryption: true };
    for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
        let got = identity_with(&signed(signs), &trust).map(|_| ());
        assert_eq!(got, Err(SamlFault::EncryptionRequired), "{signs:?}");
    }
}
