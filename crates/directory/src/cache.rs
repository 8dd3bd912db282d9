//! Parsed and compiled entities, kept with the revision that they were made from.
//!
//! Every read asks the store for the current revision first and takes a kept entity only when the
//! revisions are equal: a kept entity can be useless, never stale.

use std::fmt;
use std::sync::Arc;

use daypass_store::{Key, Revision};
use quick_cache::sync::Cache as Slots;
use quick_cache::{OptionsBuilder, Weighter};

/// At most so many entities of a kind are kept.
const CAPACITY: u32 = 20_000;

/// At most so many bytes of records the kept entities of a kind were made from.
const CAPACITY_BYTES: u64 = 64 << 20;

/// Each part has its share of the bytes, and a record must fit one, however many processors there
/// are.
const SHARDS: usize = 16;

pub(crate) struct Cache<T>(Slots<Key, Kept<T>, BySize>);

/// An entity, the revision that it was made from, and the size of its record in bytes.
struct Kept<T> {
    revision: Revision,
    size: u64,
    value: Arc<T>,
}

// Derived, it would ask for entities that can be copied.
impl<T> Clone for Kept<T> {
    fn clone(&self) -> Self {
        Self { value: Arc::clone(&self.value), ..*self }
    }
}

/// Weighs by the size of the record; a small one as much as keeps their number within
/// [`CAPACITY`].
#[derive(Clone)]
struct BySize;

impl<T> Weighter<Key, Kept<T>> for BySize {
    fn weight(&self, _: &Key, kept: &Kept<T>) -> u64 {
        kept.size.max(CAPACITY_BYTES.div_ceil(u64::from(CAPACITY)))
    }
}

impl<T> Cache<T> {
    pub(crate) fn new() -> Self {
        let few = OptionsBuilder::new()
            .estimated_items_capacity(CAPACITY as usize)
            .weight_capacity(CAPACITY_BYTES)
            .shards(SHARDS)
            .build();
        // INVARIANT: both capacities are given, which is all that building asks for.
        Self(few.map_or_else(
            |_| Slots::with_weighter(CAPACITY as usize, CAPACITY_BYTES, BySize),
            |few| Slots::with_options(few, BySize, Default::default(), Default::default()),
        ))
    }

    /// The entity, if it was made from the record that the commit of `revision` wrote.
    pub(crate) fn at(&self, key: &Key, revision: Revision) -> Option<Arc<T>> {
        self.0.get(key).filter(|kept| kept.revision == revision).map(|kept| kept.value)
    }

    /// Keeps an entity; `size` is that of its record in bytes.
    pub(crate) fn keep(&self, key: Key, revision: Revision, size: usize, value: Arc<T>) {
        self.0.insert(key, Kept { revision, size: size as u64, value });
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
