//! Parsed and compiled entities, kept with the revision that they were made from.
//!
//! Every read asks the store for the current revision first and takes a kept entity only when the
//! revisions are equal: a kept entity can be useless, never stale.

use std::fmt;
use std::sync::Arc;

use daypass_store::{Key, Revision, Weighed};

/// At most so many entities of a kind are kept.
const CAPACITY: usize = 20_000;

/// At most so many bytes of records the kept entities of a kind were made from.
const CAPACITY_BYTES: u64 = 64 << 20;

pub(crate) struct Cache<T>(Weighed<Key, Kept<T>>);

/// An entity and the revision that it was made from.
struct Kept<T> {
    revision: Revision,
    value: Arc<T>,
}

// Derived, it would ask for entities that can be copied.
impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

impl<T> Cache<T> {
    pub(crate) fn new() -> Self {
        Self(Weighed::new(CAPACITY, CAPACITY_BYTES))
    }

    /// The entity, if it was made from the record that the commit of `revision` wrote.
    pub(crate) fn at(&self, key: &Key, revision: Revision) -> Option<Arc<T>> {
        self.0.get(key).filter(|kept| kept.revision == revision).map(|kept| kept.value)
    }

    /// Keeps an entity; `size` is that of its record in bytes.
    pub(crate) fn keep(&self, key: Key, revision: Revision, size: usize, value: Arc<T>) {
        self.0.keep(key, Kept { revision, value }, size as u64);
    }

    /// Lets go of what is gone from the store: secrets should not outlive their keys.
    pub(crate) fn forget(&self, key: &Key) {
        self.0.forget(key);
    }
}

impl<T> fmt::Debug for Cache<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cache({} entities)", self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kept_is_bounded_by_number_and_by_size() {
        for (size, most) in [(0, 20_000), (500, 20_000), (64 << 10, 1_024), (1 << 20, 64)] {
            let cache = Cache::new();
            for number in 0..most * 2 {
                let key = Key::new(format!("user/{number}")).unwrap();
                cache.keep(key, Revision::ZERO, size, Arc::new(number));
            }
            let kept = cache.0.len();
            assert!(kept <= most && kept >= most / 2, "{kept} of {size} bytes");
            assert!(cache.0.weight() <= CAPACITY_BYTES);
        }
    }

    #[test]
    fn only_the_revision_that_it_was_made_from_finds_an_entity() {
        let cache = Cache::new();
        let key = Key::new("user/one").unwrap();
        cache.keep(key.clone(), Revision::ZERO, 100, Arc::new(1));
        assert_eq!(cache.at(&key, Revision::ZERO).as_deref(), Some(&1));
        cache.forget(&key);
        assert_eq!(cache.at(&key, Revision::ZERO), None);
    }
}
