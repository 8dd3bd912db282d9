//! OpenID Connect tokens, as far as they are parsed and checked without I/O: JSON Web Tokens (RFC
//! 7515, RFC 7519), the key sets that verify them (RFC 7517, RFC 7518, RFC 8037), the claims that STS
//! reads, and the documents in which providers say where their keys are (OpenID Connect Discovery
//! 1.0).
//!
//! The way of a token, each step of which takes what the one before it gives:
//!
//! 1. [`Token::parse`] reads its form. Nothing of it is believed; its issuer only chooses whom to
//!    ask for keys.
//! 2. [`verify`] checks the signature against a [`JwkSet`], with the algorithms that the provider
//!    may use, and gives a [`VerifiedToken`].
//! 3. [`VerifiedToken::check`] compares the claims with what is [`Expected`] now, and gives a
//!    [`WebIdentity`], which nothing else makes.
//!
//! Refused are unsigned tokens and those signed with a shared secret (`none`, `HS256`, …), nested,
//! encrypted and compressed ones, those that bring or name their own key (`jwk`, `jku`, `x5c`,
//! `x5u`), unknown critical headers, and JSON in which a name stands twice. What is refused is refused
//! before the signature is looked at, so that bad tokens cost less than good ones.
//!
//! RFC 8725, "JSON Web Token Best Current Practices", is the measure.

mod algorithm;
mod discovery;
mod fault;
mod identity;
mod issuer_keys;
mod json;
mod jwks;
mod token;
mod verify;

pub use algorithm::{Algorithm, Algorithms, UnknownAlgorithm};
pub use discovery::{Discovery, DiscoveryFault, MAX_DISCOVERY, MAX_JWKS_URI, discovery_url};
pub use fault::{Part, TokenFault};
pub use identity::{Expected, MAX_AUDIENCES, MAX_SKEW_S, MAX_SUBJECT, WebIdentity};
pub use jwks::{
    JwkSet, JwkSetFault, MAX_EC_KEYS, MAX_JWKS, MAX_KEY_ID, MAX_RSA_BITS, MAX_RSA_KEYS,
    MIN_RSA_BITS,
};
pub use token::{MAX_TOKEN, MIN_TOKEN, Token};
pub use verify::{MAX_TRIED_KEYS, VerifiedToken, verify};

#[cfg(test)]
mod tests;
