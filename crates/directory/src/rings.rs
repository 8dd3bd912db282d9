//! The key rings of a deployment, on the store: what seals sessions, and what seals stored secrets.
//!
//! Two rings. The keys of `sessions` go when the last session that they sealed has ended; a key of
//! `data` goes when no stored value needs it. Each key is a record, sealed under the
//! key-encryption key: with the wrong one nothing is opened and nothing is written. Readers take
//! the rings from memory without a lock; a change is in memory only after the store has it, and
//! before the call returns.

mod change;
mod data_keys;
#[cfg(test)]
pub(crate) mod failing;
mod fault;
mod record;
mod reseal;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwap;
use daypass_store::{Key, Revision, Store, StoreError};
use daypass_token::{Fingerprint, KeyEncryptionKey, KeyRing, RingKeyId};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;

pub use data_keys::DataKeys;
pub(crate) use data_keys::Sealing;
pub use fault::{NoRandomness, RingsFault};
pub use reseal::Resealed;

use crate::Noting;
use crate::directory::ATTEMPTS;
use change::Plan;
use record::Loaded;

/// The longest session that is ever issued (`GetSessionToken`): 36 hours.
pub const LONGEST_SESSION: SignedDuration = SignedDuration::from_hours(36);

/// How much longer than its last session a key of the ring `sessions` is kept: for clocks that
/// differ, and for nodes that sealed with it until they learnt of its successor.
pub const SESSION_KEY_MARGIN: SignedDuration = SignedDuration::from_hours(1);

/// How long the record of a compromised key of the ring `sessions` is kept, for operators to see.
pub const COMPROMISED_KEPT: SignedDuration = SignedDuration::from_hours(90 * 24);

/// Most keys of a ring that rotations make. All keys of both rings are re-wrapped in one commit,
/// which bounds them.
pub const MAX_RING_KEYS: usize = 200;

/// How many keys more a ring may have, for the successors of compromised keys: a full ring must
/// not keep anybody from declaring a key compromised.
pub const RESERVED_RING_KEYS: usize = 20;

/// Most keys of a ring.
const MOST_KEYS: usize = MAX_RING_KEYS + RESERVED_RING_KEYS;

/// Fills a buffer with random bytes of the operating system.
pub type Fill<'a> = &'a (dyn Fn(&mut [u8]) -> Result<(), NoRandomness> + Sync);

/// A ring.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum RingName {
    /// Seals stored secrets.
    Data,
    /// Seals sessions and what else lives no longer than they.
    Sessions,
}

impl RingName {
    pub(crate) const ALL: [Self; 2] = [Self::Data, Self::Sessions];

    /// The name, as commands and records have it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Data => "data",
            Self::Sessions => "sessions",
        }
    }

    /// The ring of that name.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|ring| ring.as_str() == text)
    }
}

impl fmt::Display for RingName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a ring key may do.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RingKeyState {
    /// It seals and opens. Every ring has one such key.
    Active,
    /// It opens what it sealed before that instant.
    Retired {
        /// When another key became active.
        at: Timestamp,
    },
    /// It was declared compromised. Of the ring `sessions` it opens nothing and its material is
    /// destroyed; of the ring `data` it opens until every value is sealed anew.
    Compromised {
        /// When it was declared so.
        at: Timestamp,
    },
}

/// A ring key, without what is secret in it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct RingKeyInfo {
    /// Its ring.
    pub ring: RingName,
    /// Its number, which no other key of the ring ever has.
    pub id: RingKeyId,
    /// What it may do.
    pub state: RingKeyState,
    /// When it was made.
    pub created: Timestamp,
    /// The key-encryption key that it is sealed under; none when its material is destroyed.
    pub kek: Option<Fingerprint>,
}

/// A change to the rings, as it is noted and answered.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct RingChange {
    /// What was done.
    pub kind: RingChangeKind,
    /// The keys that it concerns, as they are afterwards; removed ones as they were.
    pub keys: Vec<RingKeyInfo>,
}

/// What can be done to the rings.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum RingChangeKind {
    /// Keys were declared compromised, and a successor made if the active one was among them.
    Compromised,
    /// The first keys were made.
    Created,
    /// Keys that nothing needs any longer were removed.
    Removed,
    /// All keys were sealed anew under another key-encryption key.
    Rewrapped,
    /// A key was made active in place of another.
    Rotated,
}

/// Which keys of a ring are compromised.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Compromised {
    /// Every key that was made before that instant.
    Before(Timestamp),
    /// One key.
    Key(RingKeyId),
}

/// The key rings: read from memory, changed on the store.
pub struct Rings {
    store: Arc<dyn Store>,
    kek: KeyEncryptionKey,
    current: ArcSwap<Snapshot>,
    /// Held by whoever changes the rings or reads them anew, so that memory never goes back.
    writing: Mutex<()>,
}

/// Both rings as they were at one instant.
struct Snapshot {
    sessions: Arc<KeyRing>,
    data: Arc<KeyRing>,
    /// The record of the active data key, and the commit that wrote it. Whatever is sealed with
    /// that key is committed only while the record is unchanged.
    active_data: (Key, Revision),
    keys: Vec<RingKeyInfo>,
}

impl Rings {
    /// Opens the rings of `store`, and makes their first keys when there are none.
    ///
    /// Keys that are sealed under `previous` are sealed anew under `kek`, all in one commit; a
    /// start that was interrupted before or after that is made good by the next. Nothing is
    /// written when a key cannot be opened.
    ///
    /// # Errors
    /// [`RingsFault::WrongKey`] when keys are sealed under neither, [`RingsFault::Damaged`],
    /// [`RingsFault::Missing`] when there are secrets but no keys for them, or what the store, the
    /// random bytes or the note lack.
    pub async fn open(
        store: Arc<dyn Store>,
        kek: &KeyEncryptionKey,
        previous: Option<&KeyEncryptionKey>,
        random: Fill<'_>,
        now: Timestamp,
        noting: &dyn Noting<RingChange>,
    ) -> Result<Self, RingsFault> {
        let mut open_ended = None;
        for _ in 0..ATTEMPTS {
            let loaded = record::load(&*store, kek, previous).await?;
            let plan = if loaded.keys.is_empty() {
                require_no_secrets(&*store).await?;
                Plan::first(kek, random, now)?
            } else if loaded.keys.iter().any(|key| key.is_wrapped_by_other(kek)) {
                Plan::rewrap(&loaded, kek, random)?
            } else {
                let current = ArcSwap::from_pointee(Snapshot::of(&loaded)?);
                return Ok(Self { store, kek: kek.clone(), current, writing: Mutex::new(()) });
            };
            let (commit, note) = plan.commit(&loaded, noting)?;
            match store.commit(commit).await {
                // Either way the next round reads what is there now.
                Ok(_) => {}
                Err(StoreError::Conflict { key }) if key == note => return Err(fault::used_note()),
                Err(StoreError::Conflict { .. }) => {}
                // Whether it took place is open: look, once.
                Err(error) if open_ended.is_none() => open_ended = Some(error),
                Err(error) => return Err(error.into()),
            }
        }
        Err(open_ended.map_or(RingsFault::Conflict, RingsFault::Store))
    }

    /// The ring that seals sessions, as it is now.
    pub fn sessions(&self) -> Arc<KeyRing> {
        Arc::clone(&self.current.load().sessions)
    }

    /// The ring that seals stored secrets, as it is now.
    pub fn data(&self) -> Arc<KeyRing> {
        Arc::clone(&self.current.load().data)
    }

    /// All keys, by ring and number.
    pub fn list(&self) -> Vec<RingKeyInfo> {
        self.current.load().keys.clone()
    }

    /// The key-encryption key's name.
    pub fn fingerprint(&self) -> Fingerprint {
        self.kek.fingerprint()
    }

    /// Reads the rings anew, as when another node has changed them.
    ///
    /// # Errors
    /// [`RingsFault`]; what was in memory then stays.
    pub async fn reload(&self) -> Result<(), RingsFault> {
        let _writing = self.writing.lock().await;
        let loaded = record::load(&*self.store, &self.kek, None).await?;
        self.adopt(&loaded)
    }

    fn adopt(&self, loaded: &Loaded) -> Result<(), RingsFault> {
        self.current.store(Arc::new(Snapshot::of(loaded)?));
        Ok(())
    }
}

impl fmt::Debug for Rings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rings")
            .field("kek", &self.kek)
            .field("keys", &self.current.load().keys)
            .finish_non_exhaustive()
    }
}

/// SECURITY: with secrets but no keys, new keys would hide that the old ones are lost.
async fn require_no_secrets(store: &dyn Store) -> Result<(), RingsFault> {
    match store.scan(crate::keys::ACCESS_KEYS, None, 1).await?.is_empty() {
        true => Ok(()),
        false => Err(RingsFault::Missing { ring: RingName::Data }),
    }
}
