//! Tokens of an identity provider as this test makes them: signing keys, their public halves as a
//! JWK set has them, and signed texts of any content. Nothing here is shared with the code that
//! verifies tokens, and nothing minds what it signs.

use std::fmt;

use aws_lc_rs::hmac;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::{self, KeySize};
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING,
    ECDSA_P521_SHA512_FIXED_SIGNING, EcdsaKeyPair, EcdsaSigningAlgorithm, Ed25519KeyPair,
    KeyPair as _, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512, RSA_PSS_SHA256,
    RSA_PSS_SHA384, RSA_PSS_SHA512, RsaEncoding,
};
use data_encoding::BASE64URL_NOPAD;
use serde_json::{Value, json};

/// Base64 for URLs, without padding, as tokens have it.
pub fn base64url(bytes: impl AsRef<[u8]>) -> String {
    BASE64URL_NOPAD.encode(bytes.as_ref())
}

/// The three parts of a token, two of them as the signature covers them.
pub fn joined(header: impl AsRef<[u8]>, claims: impl AsRef<[u8]>) -> String {
    format!("{}.{}", base64url(header), base64url(claims))
}

/// The token with a signature by HMAC, which takes any secret.
pub fn with_hmac(header: &Value, claims: &Value, secret: &[u8]) -> String {
    let signed = joined(header.to_string(), claims.to_string());
    let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
    let tag = hmac::sign(&key, signed.as_bytes());
    format!("{signed}.{}", base64url(tag))
}

/// A key that signs tokens.
pub struct SigningKey {
    id: String,
    pair: Pair,
}

enum Pair {
    Rsa(Box<rsa::KeyPair>),
    Ec(&'static str, EcdsaKeyPair),
    Ed25519(Ed25519KeyPair),
}

impl SigningKey {
    /// A new key for an algorithm of JWA; an RSA key is for all of RSA's.
    #[track_caller]
    pub fn new(id: &str, algorithm: &str) -> Self {
        let ec = |curve: &'static str, algorithm: &'static EcdsaSigningAlgorithm| {
            EcdsaKeyPair::generate(algorithm).map(|pair| Pair::Ec(curve, pair))
        };
        let pair = match algorithm {
            "ES256" => ec("P-256", &ECDSA_P256_SHA256_FIXED_SIGNING),
            "ES384" => ec("P-384", &ECDSA_P384_SHA384_FIXED_SIGNING),
            "ES512" => ec("P-521", &ECDSA_P521_SHA512_FIXED_SIGNING),
            "EdDSA" => Ed25519KeyPair::generate().map(Pair::Ed25519),
            _ => rsa::KeyPair::generate(KeySize::Rsa2048).map(|pair| Pair::Rsa(Box::new(pair))),
        };
        match pair {
            Ok(pair) => Self { id: id.to_owned(), pair },
            Err(error) => panic!("cannot make a key for {algorithm}: {error}"),
        }
    }

    /// Its id, the `kid` of its tokens.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// What of it is public, as a JWK.
    pub fn jwk(&self) -> Value {
        let mut jwk = match &self.pair {
            Pair::Rsa(pair) => {
                // RFC 8017's RSAPublicKey in DER: four bytes of a sequence, five of an integer with
                // a sign, 2048 bits, and the exponent 65537.
                let modulus = pair.public_key().as_ref().get(9..9 + 256).unwrap_or_default();
                json!({"kty": "RSA", "n": base64url(modulus), "e": "AQAB"})
            }
            Pair::Ec(curve, pair) => {
                // An uncompressed point: a byte 4, then both coordinates.
                let point = pair.public_key().as_ref().get(1..).unwrap_or_default();
                let (x, y) = point.split_at(point.len() / 2);
                json!({"kty": "EC", "crv": curve, "x": base64url(x), "y": base64url(y)})
            }
            Pair::Ed25519(pair) => {
                json!({"kty": "OKP", "crv": "Ed25519", "x": base64url(pair.public_key())})
            }
        };
        if let Some(members) = jwk.as_object_mut() {
            members.insert("kid".to_owned(), json!(self.id));
            members.insert("use".to_owned(), json!("sig"));
        }
        jwk
    }

    /// A header of its tokens.
    pub fn header(&self, algorithm: &str) -> Value {
        json!({"typ": "JWT", "alg": algorithm, "kid": self.id})
    }

    /// A token that it signs, valid as far as the claims are.
    #[track_caller]
    pub fn token(&self, algorithm: &str, claims: &Value) -> String {
        self.token_of(algorithm, self.header(algorithm).to_string(), claims.to_string())
    }

    /// A token of any header and claims, signed with an algorithm that this key can.
    #[track_caller]
    pub fn token_of(
        &self,
        algorithm: &str,
        header: impl AsRef<[u8]>,
        claims: impl AsRef<[u8]>,
    ) -> String {
        let signed = joined(header, claims);
        let signature = self.sign(algorithm, signed.as_bytes());
        format!("{signed}.{}", base64url(signature))
    }

    /// The signature over any bytes.
    #[track_caller]
    pub fn sign(&self, algorithm: &str, message: &[u8]) -> Vec<u8> {
        let random = SystemRandom::new();
        let signature = match &self.pair {
            Pair::Rsa(pair) => {
                let encoding: &'static dyn RsaEncoding = match algorithm {
                    "RS384" => &RSA_PKCS1_SHA384,
                    "RS512" => &RSA_PKCS1_SHA512,
                    "PS256" => &RSA_PSS_SHA256,
                    "PS384" => &RSA_PSS_SHA384,
                    "PS512" => &RSA_PSS_SHA512,
                    _ => &RSA_PKCS1_SHA256,
                };
                let mut signature = vec![0; pair.public_modulus_len()];
                pair.sign(encoding, &random, message, &mut signature).map(|()| signature)
            }
            Pair::Ec(_, pair) => {
                pair.sign(&random, message).map(|signature| signature.as_ref().to_vec())
            }
            Pair::Ed25519(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        };
        match signature {
            Ok(signature) => signature,
            Err(error) => panic!("cannot sign with {algorithm}: {error}"),
        }
    }
}

/// Without what is secret of it.
impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKey").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The JWK set of keys.
pub fn jwk_set(keys: &[&SigningKey]) -> Value {
    let keys: Vec<Value> = keys.iter().map(|key| key.jwk()).collect();
    json!({ "keys": keys })
}
