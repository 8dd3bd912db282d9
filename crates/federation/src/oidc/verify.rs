//! Verifying signatures: which keys of a set are tried, and what comes of it.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;

use super::algorithm::Algorithms;
use super::fault::TokenFault;
use super::json::{Json, Object};
use super::jwks::{JwkSet, Key};
use super::token::Token;

/// Most keys that a token's signature is tried with: those of one `kid`, of which a sane set has one,
/// or those that fit a token without a `kid`. It bounds what a forged token costs.
pub const MAX_TRIED_KEYS: usize = 4;

/// A token whose signature is that of its provider. Its claims still have to be
/// [checked](VerifiedToken::check), each time that it is used. It prints nothing of them.
#[derive(Clone)]
pub struct VerifiedToken {
    pub(super) claims: Arc<Object>,
}

/// Verifies a token's signature with the keys of its provider, who may use the algorithms `allowed`.
///
/// # Errors
/// - [`TokenFault::AlgorithmNotAllowed`], before any key is looked at.
/// - [`TokenFault::UnknownKey`] when no key has the token's `kid`; for a token without one, when no
///   key that fits verifies it. The keys may be old then: fetch them, and try again.
/// - [`TokenFault::KeyMismatch`] when the key of this `kid` is not for the token's algorithm.
/// - [`TokenFault::Signature`] when it does not verify.
pub fn verify(
    token: &Token<'_>,
    keys: &JwkSet,
    allowed: Algorithms,
) -> Result<VerifiedToken, TokenFault> {
    let algorithm = token.algorithm();
    if !allowed.contains(algorithm) {
        return Err(TokenFault::AlgorithmNotAllowed(algorithm));
    }
    let fault = match token.key_id() {
        None => TokenFault::UnknownKey,
        Some(id) if !keys.has(id) => return Err(TokenFault::UnknownKey),
        Some(_) => TokenFault::Signature,
    };
    let is_candidate = |key: &&Key| {
        (token.key_id().is_none() || key.id.as_deref() == token.key_id()) && key.fits(algorithm)
    };
    let mut candidates = keys.keys().filter(is_candidate).take(MAX_TRIED_KEYS).peekable();
    if token.key_id().is_some() && candidates.peek().is_none() {
        return Err(TokenFault::KeyMismatch);
    }
    match candidates.any(|key| key.verifies(algorithm, token.signed, &token.signature)) {
        // SECURITY: the claims were read from the very bytes that were verified, once.
        true => Ok(VerifiedToken { claims: Arc::clone(&token.claims) }),
        false => Err(fault),
    }
}

impl VerifiedToken {
    /// When the token expires, for whoever remembers it until then. None if it does not say so, and
    /// so never passes a check.
    pub fn expires(&self) -> Option<Timestamp> {
        let expires = self.claims.value("exp").and_then(Json::integer)?;
        Timestamp::from_second(expires).ok()
    }

    /// How many bytes of memory the token holds, near enough to bound how much is remembered. It can
    /// be twenty times the length of the text: a claim may be a list of nothing.
    pub fn size(&self) -> usize {
        size_of::<Object>() + self.claims.size()
    }
}

impl fmt::Debug for VerifiedToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("VerifiedToken(…)")
    }
}
