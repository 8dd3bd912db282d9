//! Keys, signed tokens and [SAML responses](saml) for tests: this crate's own, and those of crates
//! that switch on the feature `testing` for their tests:
//!
//! ```toml
//! [dev-dependencies]
//! daypass-federation = { workspace = true, features = ["testing"] }
//! ```
//!
//! Nothing that ships has this feature. Unlike the rest of the crate this draws randomness, and panics
//! where a test would.

#![expect(
    clippy::expect_used,
    clippy::missing_panics_doc,
    reason = "only tests use this; what cannot be made must fail them"
)]

pub mod saml;
pub mod saml_encryption;

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair, KeyPair,
    RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256, RSA_PSS_SHA384,
    RSA_PSS_SHA512, RsaEncoding, RsaKeyPair,
};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use serde_json::{Value, json};
use x509_parser::asn1_rs::{FromDer, Integer, Sequence};

use crate::oidc::Algorithm;

/// How long the tokens of [`claims`] are good, in seconds.
pub const TOKEN_S: i64 = 3600;

/// A key that signs tokens, new at each run. Cheap to clone.
#[derive(Clone)]
pub struct SigningKey {
    algorithm: Algorithm,
    key_id: Option<String>,
    pair: Pair,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>),
    Ed25519(Arc<Ed25519KeyPair>),
}

impl SigningKey {
    /// A new key. Those of RSA have 2,048 bits, and take a tenth of a second or two: make few, and
    /// change their names with [`SigningKey::named`].
    pub fn generate(algorithm: Algorithm, key_id: &str) -> Self {
        let ecdsa = |algorithm: &'static EcdsaSigningAlgorithm| {
            let pair = EcdsaKeyPair::generate(algorithm);
            Pair::Ecdsa(Arc::new(pair.expect("a key can be made")))
        };
        let pair = match algorithm {
            Algorithm::Es256 => ecdsa(&ECDSA_P256_SHA256_FIXED_SIGNING),
            Algorithm::Es384 => ecdsa(&ECDSA_P384_SHA384_FIXED_SIGNING),
            Algorithm::Es512 => ecdsa(&ECDSA_P521_SHA512_FIXED_SIGNING),
            Algorithm::EdDsa => {
                let pair = Ed25519KeyPair::generate();
                Pair::Ed25519(Arc::new(pair.expect("a key can be made")))
            }
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048);
                Pair::Rsa(Arc::new(pair.expect("a key can be made")))
            }
        };
        Self { algorithm, key_id: Some(key_id.to_owned()), pair }
    }

    /// The same key under another id, or under none.
    #[must_use]
    pub fn named(&self, key_id: Option<&str>) -> Self {
        Self { key_id: key_id.map(str::to_owned), ..self.clone() }
    }

    /// The same RSA key with another algorithm of RSA.
    #[must_use]
    pub fn with(&self, algorithm: Algorithm) -> Self {
        assert!(encoding(algorithm).is_some() && matches!(self.pair, Pair::Rsa(_)));
        Self { algorithm, ..self.clone() }
    }

    /// The algorithm that it signs with.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The public half as a JSON Web Key, with `use`, `alg` and, if it has one, `kid`.
    pub fn jwk(&self) -> Value {
        let text = |bytes: &[u8]| BASE64URL_NOPAD.encode(bytes);
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                let (n, e) = rsa_numbers(pair.public_key().as_ref());
                json!({ "kty": "RSA", "n": text(&n), "e": text(&e) })
            }
            Pair::Ecdsa(pair) => {
                let (_, point) = pair.public_key().as_ref().split_at(1);
                let (x, y) = point.split_at(point.len() / 2);
                let curve = match self.algorithm {
                    Algorithm::Es384 => "P-384",
                    Algorithm::Es512 => "P-521",
                    _ => "P-256",
                };
                json!({ "kty": "EC", "crv": curve, "x": text(x), "y": text(y) })
            }
            Pair::Ed25519(pair) => {
                json!({ "kty": "OKP", "crv": "Ed25519", "x": text(pair.public_key().as_ref()) })
            }
        };
        let members = jwk.as_object_mut().expect("it is an object");
        members.insert("use".to_owned(), json!("sig"));
        members.insert("alg".to_owned(), json!(self.algorithm.name()));
        members.extend(self.key_id.iter().map(|id| ("kid".to_owned(), json!(id))));
        jwk
    }

    /// The header that providers write: `alg`, `typ` and, if the key has one, `kid`.
    pub fn header(&self) -> Value {
        match &self.key_id {
            Some(id) => json!({ "alg": self.algorithm.name(), "kid": id, "typ": "JWT" }),
            None => json!({ "alg": self.algorithm.name(), "typ": "JWT" }),
        }
    }

    /// A token with these claims and the [usual header](SigningKey::header).
    pub fn token(&self, claims: &Value) -> String {
        self.signed(&self.header().to_string(), &claims.to_string())
    }

    /// A token with this header and these claims, byte by byte, be they JSON or not.
    pub fn signed(&self, header: &str, claims: &str) -> String {
        let text = |part: &str| BASE64URL_NOPAD.encode(part.as_bytes());
        let signed = format!("{}.{}", text(header), text(claims));
        let signature = BASE64URL_NOPAD.encode(&self.signature(signed.as_bytes()));
        format!("{signed}.{signature}")
    }

    /// The signature of some bytes, as the third part of a token has it.
    pub fn signature(&self, signed: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        match &self.pair {
            Pair::Rsa(pair) => {
                let encoding = encoding(self.algorithm).expect("it is one of RSA");
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, signed, &mut signature).expect("it can sign");
                signature
            }
            Pair::Ecdsa(pair) => pair.sign(&random, signed).expect("it can sign").as_ref().to_vec(),
            Pair::Ed25519(pair) => pair.sign(signed).as_ref().to_vec(),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({}, {:?})", self.algorithm, self.key_id)
    }
}

/// A key set of these keys.
pub fn jwks(keys: &[&SigningKey]) -> String {
    json!({ "keys": keys.iter().map(|key| key.jwk()).collect::<Vec<_>>() }).to_string()
}

/// The claims that every token has: `iss`, `sub`, `aud`, `iat` at `now`, and `exp` after [`TOKEN_S`]
/// seconds. Tests add to them, and take away.
pub fn claims(issuer: &str, subject: &str, audience: &str, now: Timestamp) -> Value {
    let now = now.as_second();
    json!({ "iss": issuer, "sub": subject, "aud": audience, "iat": now, "exp": now + TOKEN_S })
}

/// The modulus and the exponent of a public key as RFC 8017, appendix A.1.1, writes it.
fn rsa_numbers(der: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let (_, numbers) = Sequence::from_der(der).expect("it is a sequence");
    let (rest, n) = Integer::from_der(&numbers.content).expect("its first member is a number");
    let (_, e) = Integer::from_der(rest).expect("its second member is a number");
    // A number whose first bit is set has a zero in front of it there, and none in a key.
    let digits = |number: &Integer<'_>| {
        number.as_ref().iter().copied().skip_while(|byte| *byte == 0).collect()
    };
    (digits(&n), digits(&e))
}

fn encoding(algorithm: Algorithm) -> Option<&'static dyn RsaEncoding> {
    match algorithm {
        Algorithm::Rs256 => Some(&RSA_PKCS1_SHA256),
        Algorithm::Rs384 => Some(&RSA_PKCS1_SHA384),
        Algorithm::Rs512 => Some(&RSA_PKCS1_SHA512),
        Algorithm::Ps256 => Some(&RSA_PSS_SHA256),
        Algorithm::Ps384 => Some(&RSA_PSS_SHA384),
        Algorithm::Ps512 => Some(&RSA_PSS_SHA512),
        Algorithm::Es256 | Algorithm::Es384 | Algorithm::Es512 | Algorithm::EdDsa => None,
    }
}
