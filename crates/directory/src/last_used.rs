//! When access keys and roles were last used: gathered in memory, written now and then.
//!
//! Noting a use touches no store and is bounded; what was gathered since the last flush is lost in
//! a crash. A time in the store never goes back, and nothing is written for what is gone.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher, Hash};
use std::sync::{Mutex, MutexGuard, PoisonError};

use daypass_names::{AccessKeyId, Region, UniqueId};
use daypass_store::{Commit, Key, StoreError};
use jiff::Timestamp;

use crate::directory::{ATTEMPTS, corrupt, decode, encode};
use crate::keys::{self, Kind};
use crate::record::{self, UseRecord};
use crate::{Directory, DirectoryError, LastUsed};

/// Most access keys, and most roles, whose use is gathered between two flushes. Beyond them, as
/// they spread over the parts, new ones are not gathered.
pub const MAX_GATHERED: usize = 100_000;

/// Most bytes of the name of a service.
const MAX_SERVICE: usize = 64;

/// Uses that one commit writes: three keys each.
const BATCH: usize = 300;

/// Parts that what was gathered is divided into, each behind a lock of its own: every request
/// notes a use.
const PARTS: usize = 16;

/// What was used since the last flush.
#[derive(Default)]
pub(crate) struct Uses {
    access_keys: Gathered<AccessKeyId>,
    roles: Gathered<UniqueId>,
}

/// The newest use of each of some things.
struct Gathered<K> {
    parts: [Mutex<HashMap<K, LastUsed>>; PARTS],
    hasher: RandomState,
}

/// What was used.
#[derive(Clone)]
enum Subject {
    AccessKey(AccessKeyId),
    Role(UniqueId),
}

impl Directory {
    /// Notes that an access key was used: when, for which service (its signing name) and Region.
    pub fn used_access_key(&self, id: &AccessKeyId, at: Timestamp, service: &str, region: &Region) {
        // What is no name of a service is not worth keeping.
        if service.len() <= MAX_SERVICE {
            self.uses.access_keys.newer(id, at, Some(service), region);
        }
    }

    /// Notes that a role was used: when and for which Region.
    pub fn used_role(&self, id: UniqueId, at: Timestamp, region: &Region) {
        self.uses.roles.newer(&id, at, None, region);
    }

    /// When an access key was last used, as far as this node knows.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`].
    pub async fn access_key_last_used(
        &self,
        id: &AccessKeyId,
    ) -> Result<Option<LastUsed>, DirectoryError> {
        let gathered = self.uses.access_keys.part(id).get(id).cloned();
        Ok(latest(gathered, self.stored_use(&keys::access_key_use(id)?).await?))
    }

    /// When a role was last used, as far as this node knows.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`].
    pub async fn role_last_used(&self, id: UniqueId) -> Result<Option<LastUsed>, DirectoryError> {
        let gathered = self.uses.roles.part(&id).get(&id).cloned();
        Ok(latest(gathered, self.stored_use(&keys::role_use(id)?).await?))
    }

    /// Writes what was gathered. It is not noted: it changes nothing that anybody may do.
    ///
    /// What could not be written is kept for the next flush, also when the call is given up.
    ///
    /// # Errors
    /// [`DirectoryError::Store`], [`DirectoryError::Conflict`], or [`DirectoryError::Corrupt`]
    /// when a time in the store cannot be read: that one is left as it is, the others are written.
    pub async fn flush_last_used(&self) -> Result<(), DirectoryError> {
        let gathered = self.uses.all();
        let mut outcome = Ok(());
        for batch in gathered.chunks(BATCH) {
            match self.flush_batch(batch).await {
                Ok(()) => self.uses.written(batch),
                Err(error @ DirectoryError::Corrupt { .. }) => {
                    self.uses.written(batch);
                    outcome = Err(error);
                }
                Err(error) => return Err(error),
            }
        }
        outcome
    }

    async fn flush_batch(&self, batch: &[(Subject, LastUsed)]) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut commit = Commit::new();
            let mut outcome = Ok(());
            for (subject, used) in batch {
                let (entity, key) = (subject.entity()?, subject.key()?);
                if self.store.get(&entity).await?.is_none() {
                    continue;
                }
                let entry = self.store.get(&key).await?;
                let stored = entry.as_ref().map(|entry| parse(&key, entry)).transpose();
                match stored {
                    Ok(Some(stored)) if stored.at >= used.at => continue,
                    Ok(_) => {}
                    Err(error) => {
                        outcome = Err(error);
                        continue;
                    }
                }
                commit = commit.present(entity);
                commit = match entry {
                    Some(entry) => commit.unchanged(key.clone(), entry.revision),
                    None => commit.absent(key.clone()),
                };
                let record = UseRecord {
                    at: used.at.to_string(),
                    service: used.service.clone(),
                    region: used.region.to_string(),
                };
                let bytes = encode(&record).ok_or_else(|| corrupt(&key, "it is too large"))?;
                commit = commit.put(key, bytes);
            }
            match self.store.commit(commit).await {
                Ok(_) => return outcome,
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn stored_use(&self, key: &Key) -> Result<Option<LastUsed>, DirectoryError> {
        let entry = self.store.get(key).await?;
        entry.map(|entry| parse(key, &entry)).transpose()
    }
}

impl Uses {
    fn all(&self) -> Vec<(Subject, LastUsed)> {
        let mut all = self.access_keys.all(Subject::AccessKey);
        all.extend(self.roles.all(Subject::Role));
        all
    }

    /// Lets go of what was written, unless it was used again since.
    fn written(&self, batch: &[(Subject, LastUsed)]) {
        for (subject, written) in batch {
            match subject {
                Subject::AccessKey(id) => self.access_keys.settle(id, written),
                Subject::Role(id) => self.roles.settle(id, written),
            }
        }
    }
}

impl<K> Default for Gathered<K> {
    fn default() -> Self {
        Self { parts: std::array::from_fn(|_| Mutex::default()), hasher: RandomState::new() }
    }
}

impl<K: Clone + Eq + Hash> Gathered<K> {
    /// The part that holds the use of `id`. What is in there stays whole whoever panics: each
    /// entry is by itself.
    #[expect(clippy::indexing_slicing, reason = "a place is a remainder of the number of parts")]
    fn part(&self, id: &K) -> MutexGuard<'_, HashMap<K, LastUsed>> {
        let place = usize::try_from(self.hasher.hash_one(id) % PARTS as u64).unwrap_or_default();
        self.parts[place].lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn newer(&self, id: &K, at: Timestamp, service: Option<&str>, region: &Region) {
        let used = || LastUsed { at, service: service.map(str::to_owned), region: region.clone() };
        let mut gathered = self.part(id);
        let has_room = gathered.len() < MAX_GATHERED / PARTS;
        match gathered.get_mut(id) {
            Some(known) if known.at >= at => {}
            // A key is mostly used for the same again.
            Some(known) if known.service.as_deref() == service && known.region == *region => {
                known.at = at;
            }
            Some(known) => *known = used(),
            None if has_room => {
                gathered.insert(id.clone(), used());
            }
            None => {}
        }
    }

    fn settle(&self, id: &K, written: &LastUsed) {
        let mut gathered = self.part(id);
        if gathered.get(id) == Some(written) {
            gathered.remove(id);
        }
    }

    fn all(&self, subject: fn(K) -> Subject) -> Vec<(Subject, LastUsed)> {
        let mut all = Vec::new();
        for part in &self.parts {
            let part = part.lock().unwrap_or_else(PoisonError::into_inner);
            all.extend(part.iter().map(|(id, used)| (subject(id.clone()), used.clone())));
        }
        all
    }

    fn len(&self) -> usize {
        let length = |part: &Mutex<HashMap<K, LastUsed>>| {
            part.lock().unwrap_or_else(PoisonError::into_inner).len()
        };
        self.parts.iter().map(length).sum()
    }
}

impl Subject {
    fn entity(&self) -> Result<Key, StoreError> {
        match self {
            Self::AccessKey(id) => keys::access_key(id),
            Self::Role(id) => keys::entity(Kind::Role, *id),
        }
    }

    fn key(&self) -> Result<Key, StoreError> {
        match self {
            Self::AccessKey(id) => keys::access_key_use(id),
            Self::Role(id) => keys::role_use(*id),
        }
    }
}

fn latest(one: Option<LastUsed>, two: Option<LastUsed>) -> Option<LastUsed> {
    one.into_iter().chain(two).max_by_key(|used| used.at)
}

pub(crate) fn parse(key: &Key, entry: &daypass_store::Entry) -> Result<LastUsed, DirectoryError> {
    let record: UseRecord = decode(key, entry)?;
    let at = record::timestamp(&record.at).map_err(|reason| corrupt(key, reason))?;
    let region = Region::parse(&record.region).map_err(|_| corrupt(key, "the Region is none"))?;
    Ok(LastUsed { at, service: record.service, region })
}

impl fmt::Debug for Uses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Uses({} keys, {} roles)", self.access_keys.len(), self.roles.len())
    }
}
