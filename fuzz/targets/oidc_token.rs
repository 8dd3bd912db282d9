//! Texts, against the reading of OpenID Connect tokens, key sets and discovery documents.
//!
//! The input is presented as all of these: as a token, as the claims and as the header of one that is
//! signed with the right key, as a key set, and as a discovery document. Nothing may panic. A token
//! that nobody signed may not verify, what is accepted has one spelling, and an identity says what
//! the claims say.
#![no_main]

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use daypass_federation::oidc::{
    Algorithm, Algorithms, Discovery, Expected, JwkSet, MAX_EC_KEYS, MAX_RSA_KEYS, Token,
    TokenFault, verify,
};
use daypass_federation::testing::{self, SigningKey};
use daypass_names::{ClientId, Constrained};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// What the committed seeds have.
const ISSUER: &str = "https://login.example.com/tenant";
const AUDIENCE: &str = "sts.amazonaws.com";
const NOW: i64 = 1_795_370_400;

/// New in each run: no input can know it.
static KEY: LazyLock<SigningKey> = LazyLock::new(|| SigningKey::generate(Algorithm::EdDsa, "a"));
static KEYS: LazyLock<JwkSet> = LazyLock::new(|| {
    let keys = testing::jwks(&[&KEY]);
    JwkSet::parse(keys.as_bytes()).expect("the key is good")
});
static CLIENT_IDS: LazyLock<[ClientId; 1]> =
    LazyLock::new(|| [ClientId::parse(AUDIENCE).expect("it is an id")]);

const ALLOWED: Algorithms = Algorithms::DEFAULT.with(Algorithm::EdDsa);

fuzz_target!(|data: &[u8]| {
    if let Ok(text) = std::str::from_utf8(data) {
        as_token(text);
        as_claims(text);
        as_header(text);
    }
    as_key_set(data);
    if let Ok(document) = Discovery::parse(data, ISSUER) {
        let uri = document.jwks_uri();
        let rest = uri.strip_prefix("https://").expect("the issuer has https");
        // An `@` names a user only before the path.
        let authority = rest.split(['/', '?']).next().unwrap_or(rest);
        assert!(!authority.is_empty() && !authority.contains('@'));
        assert!(!rest.contains(['#', '\\', ' ']));
        let lenient: Value = serde_json::from_slice(data).expect("it is JSON");
        assert_eq!(lenient["issuer"], ISSUER);
        assert_eq!(lenient["jwks_uri"], uri);
    }
});

fn as_token(text: &str) {
    let Ok(token) = Token::parse(text) else { return };
    for part in text.trim_ascii().split('.') {
        let bytes = BASE64URL_NOPAD.decode(part.as_bytes()).expect("it was decoded");
        assert_eq!(BASE64URL_NOPAD.encode(&bytes), part);
    }
    let padded = format!(" {}\n", text.trim_ascii());
    assert_eq!(Token::parse(&padded).map(|own| own.digest()), Ok(token.digest()));
    assert!(verify(&token, &KEYS, ALLOWED).is_err(), "nobody signed it");
    assert!(verify(&token, &KEYS, Algorithms::NONE).is_err());
}

fn as_claims(claims: &str) {
    let text = KEY.signed(&KEY.header().to_string(), claims);
    let Ok(token) = Token::parse(&text) else { return };
    let verified = verify(&token, &KEYS, ALLOWED).expect("it was signed");
    let lenient: Value = serde_json::from_str(claims).expect("it is JSON");
    assert_eq!(lenient["iss"], token.issuer());
    let expected = Expected {
        issuer: ISSUER,
        client_ids: &*CLIENT_IDS,
        now: Timestamp::from_second(NOW).expect("it is a time"),
        skew_s: 60,
        oldest_s: Some(86_400),
    };
    let Ok(identity) = verified.check(&expected) else { return };
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(identity.audience, AUDIENCE);
    assert_eq!(lenient["sub"], identity.subject);
    assert_eq!(lenient["exp"], identity.expires.as_second());
    assert_eq!(lenient["iat"], identity.issued.as_second());
    assert!(identity.expires.as_second() + 60 > NOW);
    assert!((NOW - 86_460..=NOW + 60).contains(&identity.issued.as_second()));
    match lenient.get("azp") {
        Some(party) => assert_eq!(*party, AUDIENCE),
        None => assert!(identity.audiences.iter().any(|audience| audience == AUDIENCE)),
    }
    let nobody = Expected { client_ids: &[], ..expected };
    assert_eq!(verified.check(&nobody).map(|_| ()), Err(TokenFault::Audience));
}

fn as_header(header: &str) {
    let claims = testing::claims(ISSUER, "a", AUDIENCE, Timestamp::UNIX_EPOCH);
    let text = KEY.signed(header, &claims.to_string());
    let Ok(token) = Token::parse(&text) else { return };
    let lenient: Value = serde_json::from_str(header).expect("it is JSON");
    assert_eq!(lenient["alg"], token.algorithm().name());
    assert_eq!(lenient.get("kid").and_then(Value::as_str), token.key_id());
    for refused in ["b64", "crit", "cty", "jku", "jwk", "x5c", "x5u", "zip"] {
        assert_eq!(lenient.get(refused), None);
    }
    let is_right =
        token.algorithm() == Algorithm::EdDsa && token.key_id().is_none_or(|id| id == "a");
    assert_eq!(verify(&token, &KEYS, ALLOWED).is_ok(), is_right);
}

fn as_key_set(data: &[u8]) {
    let Ok(set) = JwkSet::parse(data) else { return };
    assert!(set.len() <= MAX_RSA_KEYS + MAX_EC_KEYS);
    assert!(set.key_ids().all(|id| set.has(id)));
    // A token of another key.
    let text =
        KEY.named(None).token(&testing::claims(ISSUER, "a", AUDIENCE, Timestamp::UNIX_EPOCH));
    let token = Token::parse(&text).expect("it is good");
    assert_eq!(verify(&token, &set, ALLOWED).map(|_| ()), Err(TokenFault::UnknownKey));
}
