//! Parsed and compiled entities, kept with the revision that they were made from.
//!
//! Every read asks the store for the current revision first and takes a kept entity only when the
//! revisions are equal: a kept entity can be useless, never stale.

use std::fmt;
use std::sync::Arc;

use daypass_store::{Key, Revision};
use quick_cache::sync::Cache as Slots;

/// At most so many entities of a kind are kept.
const CAPACITY: usize = 10_000;

pub(crate) struct Cache<T>(Slots<Key, (Revision, Arc<T>)>);

impl<T> Cache<T> {
    pub(crate) fn new() -> Self {
        Self(Slots::new(CAPACITY))
    }

    /// The entity, if it was made from the record that the commit of `revision` wrote.
    pub(crate) fn at(&self, key: &Key, revision: Revision) -> Option<Arc<T>> {
        self.0.get(key).filter(|(made_from, _)| *made_from == revision).map(|(_, value)| value)
    }

    pub(crate) fn keep(&self, key: Key, revision: Revision, value: Arc<T>) {
        self.0.insert(key, (revision, value));
    }

    /// Lets go of what is gone from the store: secrets should not outlive their keys.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.remove(key);
    }
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} entities)", self.0.len())
    }
}
