//! Tokens of identity providers that were verified before, so that a client that shows the same token
//! again does not wait for its signature to be verified again.
//!
//! SECURITY: a token that is found here was verified with the very keys that its provider has now, and
//! under the provider as it is now: another key set, or a change of the provider, is as good as an
//! empty memory. That is all that is known of it: its times and whom it is meant for are compared
//! again for every request, behind this. The token itself is not in here, only its digest.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256, SHA256_OUTPUT_LEN};
use daypass_federation::oidc::VerifiedToken;
use daypass_names::{AccountId, IssuerUrl, UniqueId};
use daypass_store::Weighed;

use crate::federation::KeySetGeneration;

/// At most so many tokens are kept.
const CAPACITY: usize = 8_192;

/// At most so many bytes of them, as [`VerifiedToken::size`] measures them.
const CAPACITY_BYTES: u64 = 16 << 20;

/// What each has.
const FIXED: usize = 1_024;

/// What a token is known by, together with the account whose provider is to answer for it: their
/// SHA-256.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub(crate) struct TokenKey([u8; SHA256_OUTPUT_LEN]);

impl TokenKey {
    /// White space around the token is no part of it.
    pub(crate) fn of(account: AccountId, token: &str) -> Self {
        let mut digest = Context::new(&SHA256);
        // It has one length: no two pairs are the same text.
        digest.update(account.as_str().as_bytes());
        digest.update(token.trim_ascii().as_bytes());
        let mut bytes = [0; SHA256_OUTPUT_LEN];
        // INVARIANT: both are as long.
        bytes.iter_mut().zip(digest.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Self(bytes)
    }
}

/// Under what a token was verified.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Under {
    /// The provider; one that is made again is another.
    pub(crate) provider: UniqueId,
    /// Its `OidcProvider::generation`.
    pub(crate) generation: u64,
    /// Its keys.
    pub(crate) keys: KeySetGeneration,
}

/// A token that was verified.
#[derive(Debug)]
pub(crate) struct Known {
    /// The provider's URL.
    pub(crate) url: IssuerUrl,
    /// Under what.
    pub(crate) under: Under,
    /// What was verified.
    pub(crate) token: VerifiedToken,
}

/// A bounded memory of verified tokens.
pub(crate) struct VerifiedTokens(Weighed<TokenKey, Arc<Known>>);

impl VerifiedTokens {
    /// An empty memory.
    pub(crate) fn new() -> Self {
        Self(Weighed::new(CAPACITY, CAPACITY_BYTES))
    }

    /// What is known of a token. Whoever asks compares [`Known::under`].
    pub(crate) fn find(&self, key: &TokenKey) -> Option<Arc<Known>> {
        self.0.get(key)
    }

    /// Remembers a verified token.
    pub(crate) fn keep(&self, key: TokenKey, known: Arc<Known>) {
        let size = FIXED.saturating_add(known.token.size());
        self.0.keep(key, known, size as u64);
    }

    /// Lets go of a token.
    pub(crate) fn forget(&self, key: &TokenKey) {
        self.0.forget(key);
    }
}

impl fmt::Debug for VerifiedTokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifiedTokens({})", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use daypass_federation::oidc::{Algorithm, Algorithms, JwkSet, Token, verify};
    use daypass_federation::testing::{SigningKey, claims, jwks};
    use daypass_names::{Constrained, UniqueIdKind};
    use jiff::Timestamp;

    use super::*;

    fn account(text: &str) -> AccountId {
        AccountId::parse(text).unwrap()
    }

    #[test]
    fn white_space_is_no_part_of_a_token_and_the_account_is() {
        let key = |id: &str, token: &str| TokenKey::of(account(id), token);
        let one = key("123456789012", "a.b.c");
        assert!(one == key("123456789012", " a.b.c\r\n"));
        assert!(one != key("210987654321", "a.b.c"));
        assert!(one != key("123456789012", "a.b.d"));
    }

    #[test]
    fn the_memory_has_a_bound() {
        let key = SigningKey::generate(Algorithm::Es256, "one");
        let set = JwkSet::parse(jwks(&[&key]).as_bytes()).unwrap();
        let small = claims("https://h.example", "ann", "app", Timestamp::UNIX_EPOCH);
        // What is read from it takes many times the room of its text.
        let mut large = small.clone();
        large["list"] = vec![serde_json::Value::Null; 1_000].into();
        for claims in [small, large] {
            let text = key.token(&claims);
            let token = verify(&Token::parse(&text).unwrap(), &set, Algorithms::DEFAULT).unwrap();
            let known = Arc::new(Known {
                url: IssuerUrl::parse("https://h.example").unwrap(),
                under: Under {
                    provider: UniqueId::from_random(UniqueIdKind::OidcProvider, [1; 11]),
                    generation: 1,
                    keys: KeySetGeneration::STATIC,
                },
                token,
            });
            let size = FIXED + known.token.size();
            let most = CAPACITY.min(usize::try_from(CAPACITY_BYTES).unwrap() / size);
            let tokens = VerifiedTokens::new();
            let id = account("123456789012");
            let keys = (0..20_000).map(|number| TokenKey::of(id, &number.to_string()));
            let mut last = None;
            for key in keys {
                tokens.keep(key, Arc::clone(&known));
                last = Some(key);
            }
            assert!(tokens.0.len() <= most, "{} of {size} bytes", tokens.0.len());
            assert!(tokens.0.weight() <= CAPACITY_BYTES, "{}", tokens.0.weight());
            let last = last.unwrap();
            assert!(tokens.find(&last).is_some());
            tokens.forget(&last);
            assert!(tokens.find(&last).is_none());
        }
    }
}
