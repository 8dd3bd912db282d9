//! When access keys and roles were last used: gathered in memory, written now and then.
//!
//! Noting a use touches no store and is bounded; what was gathered since the last flush is lost in
//! a crash. A time in the store never goes back, and nothing is written for what is gone.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::{Mutex, MutexGuard, PoisonError};

use daypass_names::{AccessKeyId, Region, UniqueId};
use daypass_store::{Commit, Key, StoreError};
use jiff::Timestamp;

use crate::directory::{ATTEMPTS, corrupt, decode, encode};
use crate::keys::{self, Kind};
use crate::record::{self, UseRecord};
use crate::{Directory, DirectoryError, LastUsed};

/// Most access keys, and most roles, whose use is gathered between two flushes. Beyond them new
/// ones are not gathered.
pub const MAX_GATHERED: usize = 100_000;

/// Most bytes of the name of a service.
const MAX_SERVICE: usize = 64;

/// Uses that one commit writes: three keys each.
const BATCH: usize = 300;

/// What was used since the last flush.
#[derive(Default)]
pub(crate) struct Uses(Mutex<Gathered>);

#[derive(Default)]
struct Gathered {
    access_keys: HashMap<AccessKeyId, LastUsed>,
    roles: HashMap<UniqueId, LastUsed>,
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
            newer(&mut self.uses.lock().access_keys, id, at, Some(service), region);
        }
    }

    /// Notes that a role was used: when and for which Region.
    pub fn used_role(&self, id: UniqueId, at: Timestamp, region: &Region) {
        newer(&mut self.uses.lock().roles, &id, at, None, region);
    }

    /// When an access key was last used, as far as this node knows.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`].
    pub async fn access_key_last_used(
        &self,
        id: &AccessKeyId,
    ) -> Result<Option<LastUsed>, DirectoryError> {
        let gathered = self.uses.lock().access_keys.get(id).cloned();
        Ok(latest(gathered, self.stored_use(&keys::access_key_use(id)?).await?))
    }

    /// When a role was last used, as far as this node knows.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] or [`DirectoryError::Store`].
    pub async fn role_last_used(&self, id: UniqueId) -> Result<Option<LastUsed>, DirectoryError> {
        let gathered = self.uses.lock().roles.get(&id).cloned();
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
    /// What is in there stays whole whoever panics: each entry is by itself.
    fn lock(&self) -> MutexGuard<'_, Gathered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<(Subject, LastUsed)> {
        let gathered = self.lock();
        let access_keys = gathered.access_keys.iter();
        let access_keys =
            access_keys.map(|(id, used)| (Subject::AccessKey(id.clone()), used.clone()));
        let roles = gathered.roles.iter().map(|(id, used)| (Subject::Role(*id), used.clone()));
        access_keys.chain(roles).collect()
    }

    /// Lets go of what was written, unless it was used again since.
    fn written(&self, batch: &[(Subject, LastUsed)]) {
        let mut gathered = self.lock();
        for (subject, written) in batch {
            match subject {
                Subject::AccessKey(id) => settle(&mut gathered.access_keys, id, written),
                Subject::Role(id) => settle(&mut gathered.roles, id, written),
            }
        }
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

fn newer<K: Clone + Eq + Hash>(
    gathered: &mut HashMap<K, LastUsed>,
    id: &K,
    at: Timestamp,
    service: Option<&str>,
    region: &Region,
) {
    let used = || LastUsed { at, service: service.map(str::to_owned), region: region.clone() };
    let has_room = gathered.len() < MAX_GATHERED;
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

fn settle<K: Eq + Hash>(gathered: &mut HashMap<K, LastUsed>, id: &K, written: &LastUsed) {
    if gathered.get(id) == Some(written) {
        gathered.remove(id);
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
        let gathered = self.lock();
        write!(f, "Uses({} keys, {} roles)", gathered.access_keys.len(), gathered.roles.len())
    }
}
