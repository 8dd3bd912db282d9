//! The key ring: several keys that open, one of them active and sealing; and the nonce, which
//! gives every sealed thing a key of its own and a session its identity.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use data_encoding::HEXLOWER;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::short_digest;

/// The number of a key in its ring; it stands unencrypted in everything that the key sealed.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct RingKeyId(u32);

impl RingKeyId {
    /// The id of that number.
    pub const fn new(value: u32) -> Self {
        Self(value)
    }

    /// The number.
    pub const fn value(self) -> u32 {
        self.0
    }
}

impl fmt::Display for RingKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// One key of the ring: 64 secret random bytes, wiped on drop, never printed. A clone shares them;
/// the last one wipes them.
///
/// The first half is the material that AEAD keys are derived from, the second that secret access
/// keys are derived from: neither can be computed from the other.
#[derive(Clone)]
pub struct RingKey {
    id: RingKeyId,
    halves: Arc<Halves>,
}

/// The material of a [`RingKey`].
struct Halves {
    sealing: Zeroizing<[u8; 32]>,
    secrets: Zeroizing<[u8; 32]>,
}

impl RingKey {
    /// Makes a key of 64 bytes that were drawn at random for it alone.
    pub fn new(id: RingKeyId, material: Zeroizing<[u8; 64]>) -> Self {
        let mut sealing = Zeroizing::new([0; 32]);
        let mut secrets = Zeroizing::new([0; 32]);
        let (first, second) = material.split_at(32);
        sealing.copy_from_slice(first);
        secrets.copy_from_slice(second);
        Self { id, halves: Arc::new(Halves { sealing, secrets }) }
    }

    /// The number of the key.
    pub fn id(&self) -> RingKeyId {
        self.id
    }

    pub(crate) fn sealing(&self) -> &[u8; 32] {
        &self.halves.sealing
    }

    pub(crate) fn secrets(&self) -> &[u8; 32] {
        &self.halves.secrets
    }
}

impl fmt::Debug for RingKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RingKey({}, …)", self.id)
    }
}

/// The keys that open, and the active one, which seals.
///
/// A key that is declared compromised is left out: all that it sealed is then refused.
#[derive(Clone)]
pub struct KeyRing {
    /// INVARIANT: a key of this map as well.
    active: RingKey,
    keys: BTreeMap<RingKeyId, RingKey>,
}

/// Why keys do not make a ring.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RingFault {
    /// Two keys with one id.
    #[error("ring key {0} is there twice")]
    Duplicate(RingKeyId),
    /// The active key is not among the keys.
    #[error("active ring key {0} is not in the ring")]
    NoActive(RingKeyId),
}

impl KeyRing {
    /// Makes a ring of `keys`, of which `active` seals.
    pub fn new(keys: Vec<RingKey>, active: RingKeyId) -> Result<Self, RingFault> {
        let mut ring = BTreeMap::new();
        for key in keys {
            let id = key.id;
            if ring.insert(id, key).is_some() {
                return Err(RingFault::Duplicate(id));
            }
        }
        let active = ring.get(&active).cloned().ok_or(RingFault::NoActive(active))?;
        Ok(Self { active, keys: ring })
    }

    /// The key that seals.
    pub fn active(&self) -> RingKeyId {
        self.active.id
    }

    /// The ids of all keys that open, ascending.
    pub fn key_ids(&self) -> impl Iterator<Item = RingKeyId> + '_ {
        self.keys.keys().copied()
    }

    pub(crate) fn active_key(&self) -> &RingKey {
        &self.active
    }

    pub(crate) fn key(&self, id: RingKeyId) -> Option<&RingKey> {
        self.keys.get(&id)
    }
}

impl fmt::Debug for KeyRing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyRing")
            .field("active", &self.active)
            .field("keys", &self.keys.values())
            .finish()
    }
}

/// 24 random bytes, drawn for one sealed thing and never used for another.
///
/// They are the whole defence against a key being used twice, hence drawn by the operating
/// system's generator: with 192 bits no count of what was sealed has to be kept.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Nonce([u8; Self::LENGTH]);

impl Nonce {
    /// Bytes of a nonce.
    pub const LENGTH: usize = 24;

    /// The nonce of freshly drawn random bytes.
    pub const fn from_random(random: [u8; Self::LENGTH]) -> Self {
        Self(random)
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Self::LENGTH] {
        &self.0
    }
}

/// The identity of a session: the nonce of its token. Not a secret.
///
/// It prints as 48 lower-case hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct SessionId([u8; Nonce::LENGTH]);

impl SessionId {
    /// The id that was stored as these bytes.
    pub const fn from_bytes(bytes: [u8; Nonce::LENGTH]) -> Self {
        Self(bytes)
    }

    /// Parses what [`SessionId`] prints, in lower case only.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        Some(Self(bytes.try_into().ok()?))
    }

    /// The bytes.
    pub const fn as_bytes(&self) -> &[u8; Nonce::LENGTH] {
        &self.0
    }

    /// The first 16 bytes of the id's SHA-256: how descendants name their ancestors.
    pub fn digest(&self) -> [u8; 16] {
        short_digest(&self.0)
    }
}

impl From<Nonce> for SessionId {
    fn from(nonce: Nonce) -> Self {
        Self(nonce.0)
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionId({self})")
    }
}
