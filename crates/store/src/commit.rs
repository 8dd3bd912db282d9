//! A set of writes that takes place as a whole or not at all.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use crate::{Key, MAX_VALUE, Revision, StoreError};

/// Most keys of a commit: preconditions, puts and deletes together.
pub const MAX_COMMIT_KEYS: usize = 1_000;

/// Most bytes of all values of a commit, so that one commit cannot take all memory.
pub const MAX_COMMIT_BYTES: usize = 16 << 20;

/// What must hold for a commit to take place.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Precondition {
    /// The key has no value.
    Absent(Key),
    /// The key has a value.
    Present(Key),
    /// The key has a value, and the commit of that revision wrote it.
    Unchanged(Key, Revision),
}

impl Precondition {
    /// The key that it is about.
    pub fn key(&self) -> &Key {
        match self {
            Self::Absent(key) | Self::Present(key) | Self::Unchanged(key, _) => key,
        }
    }

    /// Whether it holds for a key whose value was written at `current`, or that has none.
    pub fn holds(&self, current: Option<Revision>) -> bool {
        match self {
            Self::Absent(_) => current.is_none(),
            Self::Present(_) => current.is_some(),
            Self::Unchanged(_, revision) => current == Some(*revision),
        }
    }
}

/// Writes and what must hold for them. Deleting a key that has no value changes nothing.
#[derive(Clone, Default, Eq, PartialEq)]
pub struct Commit {
    /// What must hold.
    pub preconditions: Vec<Precondition>,
    /// The values to write.
    pub puts: Vec<(Key, Arc<[u8]>)>,
    /// The keys to remove.
    pub deletes: Vec<Key>,
}

impl Commit {
    /// A commit that does nothing yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds: the key must have no value.
    #[must_use]
    pub fn absent(mut self, key: Key) -> Self {
        self.preconditions.push(Precondition::Absent(key));
        self
    }

    /// Adds: the key must have a value.
    #[must_use]
    pub fn present(mut self, key: Key) -> Self {
        self.preconditions.push(Precondition::Present(key));
        self
    }

    /// Adds: the key must still be as the commit of `revision` wrote it.
    #[must_use]
    pub fn unchanged(mut self, key: Key, revision: Revision) -> Self {
        self.preconditions.push(Precondition::Unchanged(key, revision));
        self
    }

    /// Adds a value to write.
    #[must_use]
    pub fn put(mut self, key: Key, value: impl Into<Arc<[u8]>>) -> Self {
        self.puts.push((key, value.into()));
        self
    }

    /// Adds a key to remove.
    #[must_use]
    pub fn delete(mut self, key: Key) -> Self {
        self.deletes.push(key);
        self
    }

    /// Checks the bounds and that no key is written twice. Every engine asks this first.
    pub fn check(&self) -> Result<(), StoreError> {
        let count = self.preconditions.len() + self.puts.len() + self.deletes.len();
        if count > MAX_COMMIT_KEYS {
            return Err(StoreError::CommitKeys { count });
        }
        let mut written = HashSet::new();
        let mut bytes = 0_usize;
        for (key, value) in &self.puts {
            if value.len() > MAX_VALUE {
                return Err(StoreError::ValueLength { key: key.clone(), length: value.len() });
            }
            bytes += value.len();
            if !written.insert(key) {
                return Err(StoreError::Ambiguous { key: key.clone() });
            }
        }
        for key in &self.deletes {
            if !written.insert(key) {
                return Err(StoreError::Ambiguous { key: key.clone() });
            }
        }
        if bytes > MAX_COMMIT_BYTES {
            return Err(StoreError::CommitBytes { length: bytes });
        }
        Ok(())
    }
}

impl fmt::Debug for Commit {
    /// Values may hold personal data and sealed secrets: only their keys are shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Commit")
            .field("preconditions", &self.preconditions)
            .field("puts", &self.puts.iter().map(|(key, _)| key).collect::<Vec<_>>())
            .field("deletes", &self.deletes)
            .finish()
    }
}
