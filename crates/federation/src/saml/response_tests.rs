//! Responses, from their base64 to the identity: what is taken, and what is refused for which reason.
//!
//! The hostile ones are made from a good one by text, so that each row shows what is done to it.

mod encryption;
mod form;
mod history;
mod signatures;
mod splices;
mod wrapping;

use std::sync::LazyLock;

use jiff::Timestamp;

use super::*;
use crate::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
use crate::testing::saml_encryption::SamlRecipient;

const NOW: &str = "2026-11-23T02:00:00Z";
const ISSUER: &str = "https://idp.example.com/saml";

/// The key of the identity provider, and one that is nobody's.
static SIGNER: LazyLock<SamlSigner> = LazyLock::new(SamlSigner::p256);
static STRANGER: LazyLock<SamlSigner> = LazyLock::new(SamlSigner::p256);

/// Whom assertions are encrypted for.
static RECIPIENT: LazyLock<SamlRecipient> = LazyLock::new(SamlRecipient::generate);

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// What the good ones say: it is alice, who may assume one role.
fn response() -> SamlResponse {
    let mut response = SamlResponse::at(now());
    response.role(
        "arn:aws:iam::123456789012:role/Reader",
        "arn:aws:iam::123456789012:saml-provider/Corporate",
    );
    response
}

fn signed(signs: Signs) -> String {
    response().signed(&SIGNER, signs)
}

fn provider(entity_id: &str, signer: &SamlSigner) -> TrustedIdentityProvider {
    TrustedIdentityProvider { entity_id: entity_id.to_owned(), keys: signer.signing_keys() }
}

/// Verifies and checks a document as a provider's whose metadata has one entity with one key.
fn identity(document: &str) -> Result<SamlIdentity, SamlFault> {
    let keys = [RECIPIENT.private_key()];
    let providers = [provider(ISSUER, &SIGNER)];
    let trust =
        Trust { identity_providers: &providers, private_keys: &keys, requires_encryption: false };
    identity_with(document, &trust)
}

fn identity_with(document: &str, trust: &Trust<'_>) -> Result<SamlIdentity, SamlFault> {
    let text = ResponseText::decode(&encoded(document))?;
    let verified = Response::parse(&text)?.verify(trust)?;
    let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let (recipients, audiences) = (texts(&AWS_RECIPIENTS), texts(&AWS_AUDIENCES));
    let expected =
        Expected { recipients: &recipients, audiences: &audiences, now: now(), skew_s: 60 };
    verified.check(&expected)
}

/// A name for a row: what of the document is not too long to show.
#[track_caller]
fn check(what: &str, document: &str, want: Result<(), SamlFault>) {
    let got = identity(document).map(|identity| {
        // Whatever is accepted says what was signed.
        assert_eq!(identity.subject, "alice", "{what}");
        assert_eq!(identity.assertion_id, "_assertion", "{what}");
        assert_eq!(identity.role_session_name, "alice", "{what}");
        assert_eq!(identity.roles.len(), 1, "{what}");
    });
    assert_eq!(got, want, "{what}");
}

/// The text with the one occurrence of a part of it replaced.
#[track_caller]
fn replaced(text: &str, from: &str, to: &str) -> String {
    assert_eq!(text.matches(from).count(), 1, "{from}");
    text.replace(from, to)
}

/// The part of a text from the first `begin` to the first `end` behind it.
#[track_caller]
fn part<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let (_, rest) = text.split_at(text.find(begin).unwrap());
    rest.split_at(rest.find(end).unwrap() + end.len()).0
}

fn assertion_of(text: &str) -> &str {
    part(text, "<saml:Assertion", "</saml:Assertion>")
}

fn signature_of(text: &str) -> &str {
    part(text, "<ds:Signature ", "</ds:Signature>")
}

/// A text without its first signature.
fn unsigned(text: &str) -> String {
    text.replacen(signature_of(text), "", 1)
}

/// What an attacker would like to be read in the place of an assertion: it has its own ID.
fn evil(assertion: &str) -> String {
    unsigned(assertion)
        .replace("ID=\"_assertion\"", "ID=\"_evil\"")
        .replace(">alice<", ">mallory<")
        .replace("role/Reader", "role/Admin")
}

#[test]
fn good_responses_are_taken() {
    for signs in [Signs::Assertion, Signs::Response, Signs::Both] {
        check(&format!("{signs:?}"), &signed(signs), Ok(()));
    }
    let identity = identity(&signed(Signs::Both)).unwrap();
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(identity.subject_type, "persistent");
    let text = ResponseText::decode(&encoded(&signed(Signs::Assertion))).unwrap();
    let response = Response::parse(&text).unwrap();
    assert_eq!(response.claimed_issuer(), Some(ISSUER));
    assert!(!response.is_encrypted());
    assert_eq!(format!("{text:?} {response:?}"), "ResponseText(…) Response(…)");
}
