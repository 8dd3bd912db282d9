//! Tokens made by the tests, good ones and what somebody might make of them.

mod claims;
mod form;
mod keys;
mod laws;
mod signatures;

use std::sync::LazyLock;

use data_encoding::BASE64URL_NOPAD;
use daypass_names::{ClientId, Constrained};
use jiff::Timestamp;
use serde_json::{Value, json};

use super::*;
use crate::testing::{self, SigningKey};

const ISSUER: &str = "https://login.example.com/tenant";
const SUBJECT: &str = "system:serviceaccount:default:app";
const AUDIENCE: &str = "sts.amazonaws.com";

/// One key for each algorithm, in the order of [`Algorithm::ALL`], its id being the algorithm's name.
/// Those of RSA are one key.
static KEYS: LazyLock<Vec<SigningKey>> = LazyLock::new(|| {
    let rsa = SigningKey::generate(Algorithm::Rs256, "RS256");
    let made = Algorithm::ALL.into_iter().map(|algorithm| match algorithm.name().as_bytes() {
        [b'R' | b'P', b'S', ..] => rsa.with(algorithm).named(Some(algorithm.name())),
        _ => SigningKey::generate(algorithm, algorithm.name()),
    });
    made.collect()
});

fn key(algorithm: Algorithm) -> &'static SigningKey {
    KEYS.iter().find(|key| key.algorithm() == algorithm).unwrap()
}

fn set(keys: &[&SigningKey]) -> JwkSet {
    JwkSet::parse(testing::jwks(keys).as_bytes()).unwrap()
}

fn now() -> Timestamp {
    "2026-11-22T18:00:00Z".parse().unwrap()
}

fn claims() -> Value {
    testing::claims(ISSUER, SUBJECT, AUDIENCE, now())
}

/// The claims with some replaced or added; null takes one away.
fn claims_with(changes: Value) -> Value {
    let mut claims = claims();
    for (name, value) in changes.as_object().unwrap() {
        let members = claims.as_object_mut().unwrap();
        match value {
            Value::Null => drop(members.remove(name)),
            value => drop(members.insert(name.clone(), value.clone())),
        }
    }
    claims
}

fn client_ids(ids: &[&str]) -> Vec<ClientId> {
    ids.iter().map(|id| ClientId::parse(id).unwrap()).collect()
}

/// Three parts in base64url, joined.
fn compact(header: &[u8], claims: &[u8], signature: &[u8]) -> String {
    [header, claims, signature].map(|part| BASE64URL_NOPAD.encode(part)).join(".")
}

/// All algorithms, as no provider has them.
fn all() -> Algorithms {
    let mut all = Algorithms::NONE;
    all.extend(Algorithm::ALL);
    all
}

fn verified(token: &str, keys: &JwkSet, allowed: Algorithms) -> Result<VerifiedToken, TokenFault> {
    verify(&Token::parse(token)?, keys, allowed)
}
