//! Signing keys (SigV4 specification, "Derive a signing key") and a bounded cache of them.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use daypass_names::{AccessKeyId, SecretAccessKey};
use quick_cache::Equivalent;
use quick_cache::sync::Cache;
use zeroize::Zeroizing;

use crate::Scope;
use crate::crypto::MacKey;
use crate::scope::TERMINATOR;

/// The key that signs the requests of one secret in one scope: HMAC over the secret, the date,
/// the Region, the service and `aws4_request`. A clone shares it; the last one wipes it.
#[derive(Clone)]
pub struct SigningKey(Arc<MacKey>);

impl SigningKey {
    /// Derives the key. Four HMAC operations: see [`SigningKeys`] for how to save them.
    pub fn derive(secret: &SecretAccessKey, scope: &Scope) -> Self {
        Self::of_text(secret.expose(), scope)
    }

    /// The key of a secret that need not be one of ours.
    pub(crate) fn of_text(secret: &str, scope: &Scope) -> Self {
        // What is copied when a buffer grows is not wiped.
        let mut seed = Zeroizing::new(Vec::with_capacity(4 + secret.len()));
        seed.extend_from_slice(b"AWS4");
        seed.extend_from_slice(secret.as_bytes());
        let key = MacKey::new(&seed)
            .derive(scope.date().as_bytes())
            .derive(scope.region().as_bytes())
            .derive(scope.service().as_bytes())
            .derive(TERMINATOR.as_bytes());
        Self(Arc::new(key))
    }

    pub(crate) fn mac(&self) -> &MacKey {
        &self.0
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKey(…)")
    }
}

/// What a derived key is of: a long-term key by its id alone, a session by its id and the 24
/// bytes that identify the session, because a session's access key id is not unique.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CredentialId<'a> {
    /// The access key id.
    pub access_key_id: &'a AccessKeyId,
    /// The session, for temporary credentials.
    pub session: Option<&'a [u8; 24]>,
}

/// A bounded cache of derived keys.
///
/// It may be filled only after [`verify`](crate::verify()) has succeeded with the key: a stranger
/// who makes up scopes then cannot push out the keys that are in use. It says nothing about
/// whether a credential is still good; that is decided before, for every request. When a
/// long-term key is deleted or its secret replaced, [`SigningKeys::forget`] must be called: an
/// operator may give the same id to another secret.
pub struct SigningKeys(Cache<Held, SigningKey>);

impl SigningKeys {
    /// An empty cache for about `capacity` keys (each some 500 bytes).
    pub fn new(capacity: usize) -> Self {
        Self(Cache::new(capacity))
    }

    /// The key of a credential in a scope, when it is known.
    pub fn get(&self, credential: CredentialId<'_>, scope: &Scope) -> Option<SigningKey> {
        self.0.get(&Sought { credential, scope })
    }

    /// Keeps the key with which a request of `credential` in `scope` has just been verified.
    pub fn insert(&self, credential: CredentialId<'_>, scope: &Scope, key: SigningKey) {
        let held = Held {
            access_key_id: credential.access_key_id.clone(),
            session: credential.session.copied(),
            scope: scope.clone(),
        };
        self.0.insert(held, key);
    }

    /// Drops every key of an access key id, in all scopes and sessions.
    pub fn forget(&self, access_key_id: &AccessKeyId) {
        self.0.retain(|held, _| held.access_key_id != *access_key_id);
    }

    /// How many keys are held.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SigningKeys").field("len", &self.len()).finish_non_exhaustive()
    }
}

/// What a key is kept under.
#[derive(Clone, Eq, PartialEq)]
struct Held {
    access_key_id: AccessKeyId,
    session: Option<[u8; 24]>,
    scope: Scope,
}

impl Held {
    fn borrowed(&self) -> Sought<'_> {
        let Self { access_key_id, session, scope } = self;
        let credential = CredentialId { access_key_id, session: session.as_ref() };
        Sought { credential, scope }
    }
}

impl Hash for Held {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.borrowed().hash(state);
    }
}

/// What a key is looked for by: the same, without a copy of it.
#[derive(Eq, PartialEq)]
struct Sought<'a> {
    credential: CredentialId<'a>,
    scope: &'a Scope,
}

/// Less than equality compares, because every byte costs: a session is hashed without its access
/// key id, which its own identity makes superfluous, and a scope as its text alone. The hasher is
/// the standard library's, which is keyed: nobody can choose what collides.
impl Hash for Sought<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self.credential.session {
            Some(session) => state.write(session),
            None => state.write(self.credential.access_key_id.as_str().as_bytes()),
        }
        state.write(self.scope.as_str().as_bytes());
    }
}

impl Equivalent<Held> for Sought<'_> {
    fn equivalent(&self, held: &Held) -> bool {
        *self == held.borrowed()
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::Constrained;

    use super::*;

    fn scope(region: &str) -> Scope {
        Scope::at("2015-08-30T12:36:00Z".parse().unwrap(), region, "iam")
    }

    fn id(id: &str) -> AccessKeyId {
        AccessKeyId::parse(id).unwrap()
    }

    fn key(secret: &str, scope: &Scope) -> SigningKey {
        SigningKey::derive(&SecretAccessKey::parse(secret).unwrap(), scope)
    }

    /// A key and its scope from the signing guide; the guide prints the derived bytes, we compare
    /// what they sign.
    #[test]
    fn the_derivation_is_that_of_the_guide() {
        let derived = [
            0xc4, 0xaf, 0xb1, 0xcc, 0x57, 0x71, 0xd8, 0x71, 0x76, 0x3a, 0x39, 0x3e, 0x44, 0xb7,
            0x03, 0x57, 0x1b, 0x55, 0xcc, 0x28, 0x42, 0x4d, 0x1a, 0x5e, 0x86, 0xda, 0x6e, 0xd3,
            0xc1, 0x54, 0xa4, 0xb9,
        ];
        let key = key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", &scope("us-east-1"));
        assert_eq!(key.mac().sign(b"x"), MacKey::new(&derived).sign(b"x"));
    }

    #[test]
    fn a_key_is_found_by_credential_session_and_scope() {
        let keys = SigningKeys::new(16);
        let (here, there) = (scope("eu-west-1"), scope("eu-west-2"));
        let id = id("AKIAIOSFODNN7EXAMPLE");
        let long_term = CredentialId { access_key_id: &id, session: None };
        let session = CredentialId { session: Some(&[1; 24]), ..long_term };
        keys.insert(long_term, &here, key("exampleexample16", &here));
        assert!(keys.get(long_term, &here).is_some());
        assert!(keys.get(long_term, &there).is_none());
        assert!(keys.get(session, &here).is_none());
        keys.insert(session, &here, key("exampleexample17", &here));
        let sign = |id| keys.get(id, &here).unwrap().mac().sign(b"");
        assert_ne!(sign(session), sign(long_term));
        let other = CredentialId { session: Some(&[2; 24]), ..long_term };
        assert!(keys.get(other, &here).is_none());
    }

    /// The hash leaves the access key id of a session out; equality must not.
    #[test]
    fn a_session_is_found_with_its_own_access_key_id_only() {
        let keys = SigningKeys::new(16);
        let scope = scope("eu-west-1");
        let (own, other) = (id("ASIAIOSFODNN7EXAMPLE"), id("ASIAI44QH8DHBEXAMPLE"));
        let own = CredentialId { access_key_id: &own, session: Some(&[1; 24]) };
        keys.insert(own, &scope, key("exampleexample16", &scope));
        assert!(keys.get(own, &scope).is_some());
        assert!(keys.get(CredentialId { access_key_id: &other, ..own }, &scope).is_none());
    }

    #[test]
    fn the_cache_is_bounded_and_forgets() {
        let keys = SigningKeys::new(8);
        let own = id("AKIAIOSFODNN7EXAMPLE");
        for number in 0..200 {
            let scope = scope(&format!("r-{number}"));
            let credential = CredentialId { access_key_id: &own, session: None };
            keys.insert(credential, &scope, key("exampleexample16", &scope));
        }
        assert!(!keys.is_empty() && keys.len() <= 16, "{}", keys.len());
        keys.forget(&id("AKIAIOSFODNN7EXAMPL2"));
        assert!(!keys.is_empty());
        keys.forget(&own);
        assert!(keys.is_empty());
    }

    #[test]
    fn keys_do_not_print() {
        let scope = scope("eu-west-1");
        assert_eq!(format!("{:?}", key("exampleexample16", &scope)), "SigningKey(…)");
        assert_eq!(format!("{:?}", SigningKeys::new(4)), "SigningKeys { len: 0, .. }");
    }
}
