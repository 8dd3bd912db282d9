//! A cache whose entries are bounded in number and in weight: what is made from records, tokens and
//! documents of any size is kept in it.
//!
//! It is told how much each entry weighs, refuses what outweighs its share, and lets go of what was
//! used least.

use std::fmt;
use std::hash::Hash;

use quick_cache::sync::Cache;
use quick_cache::{OptionsBuilder, Weighter};

/// Each part has its share of the weight, which the largest entry must fit, however many processors
/// there are.
const SHARDS: usize = 16;

/// A cache of values that are cheap to clone.
pub struct Weighed<K, V> {
    entries: Cache<K, Slot<V>, ByWeight>,
    /// What an entry weighs at least.
    least: u64,
}

/// A value and what it weighs.
#[derive(Clone)]
struct Slot<V> {
    value: V,
    weight: u64,
}

#[derive(Clone)]
struct ByWeight;

impl<K, V> Weighter<K, Slot<V>> for ByWeight {
    fn weight(&self, _: &K, slot: &Slot<V>) -> u64 {
        slot.weight
    }
}

impl<K: Eq + Hash, V: Clone> Weighed<K, V> {
    /// An empty cache of at most `entries` entries, which weigh at most `weight` together. A light one
    /// counts as much as keeps their number within that.
    pub fn new(entries: usize, weight: u64) -> Self {
        let options = OptionsBuilder::new()
            .estimated_items_capacity(entries)
            .weight_capacity(weight)
            .shards(SHARDS)
            .build();
        // INVARIANT: both capacities are given, which is all that building asks for.
        let cache = options.map_or_else(
            |_| Cache::with_weighter(entries, weight, ByWeight),
            |options| {
                Cache::with_options(options, ByWeight, Default::default(), Default::default())
            },
        );
        let least = weight.div_ceil((entries as u64).max(1)).max(1);
        Self { entries: cache, least }
    }

    /// The value of a key, if it is kept.
    pub fn get(&self, key: &K) -> Option<V> {
        self.entries.get(key).map(|slot| slot.value)
    }

    /// The same, without a word that it was used.
    pub fn peek(&self, key: &K) -> Option<V> {
        self.entries.peek(key).map(|slot| slot.value)
    }

    /// Whether a key has a value.
    pub fn contains(&self, key: &K) -> bool {
        self.entries.contains_key(key)
    }

    /// Keeps a value that weighs so much, in place of the one that the key had.
    pub fn keep(&self, key: K, value: V, weight: u64) {
        let weight = weight.max(self.least);
        self.entries.insert(key, Slot { value, weight });
    }

    /// Lets go of a value.
    pub fn forget(&self, key: &K) {
        self.entries.remove(key);
    }

    /// Lets go of all values but those that are still good.
    pub fn retain(&self, is_good: impl Fn(&V) -> bool) {
        self.entries.retain(|_, slot| is_good(&slot.value));
    }

    /// How many are kept.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether none is kept.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// What those that are kept weigh together.
    pub fn weight(&self) -> u64 {
        self.entries.weight()
    }
}

/// Only how many there are: keys and values may be secret.
impl<K: Eq + Hash, V: Clone> fmt::Debug for Weighed<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Weighed({} entries)", self.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_weight_are_bounded() {
        const ENTRIES: usize = 1_024;
        const WEIGHT: u64 = 1 << 20;
        for (size, most) in [(0, 1_024), (1 << 10, 1_024), (16 << 10, 64), (32 << 10, 32)] {
            let cache = Weighed::new(ENTRIES, WEIGHT);
            for number in 0..most * 4 {
                cache.keep(number, number, size);
            }
            let (kept, weight) = (cache.len(), cache.weight());
            assert!(kept <= most && kept >= most / 2, "{kept} of {size}");
            assert!((1..=WEIGHT).contains(&weight), "{weight}");
            assert_eq!(format!("{cache:?}"), format!("Weighed({kept} entries)"));
        }
        // What outweighs its share is not kept, and takes nothing else's place.
        let cache = Weighed::new(ENTRIES, WEIGHT);
        cache.keep(1, "one", 10);
        cache.keep(2, "two", 2 << 20);
        assert_eq!((cache.get(&1), cache.get(&2), cache.len()), (Some("one"), None, 1));
    }

    #[test]
    fn what_is_let_go_of_is_gone() {
        let cache = Weighed::new(64, 1 << 20);
        for number in 0..8 {
            cache.keep(number, number, 1);
        }
        cache.keep(3, 30, 1);
        assert_eq!((cache.get(&3), cache.peek(&3), cache.len()), (Some(30), Some(30), 8));
        assert!(cache.contains(&3));
        cache.forget(&3);
        assert!(!cache.contains(&3) && cache.peek(&3).is_none());
        cache.retain(|value| value % 2 == 0);
        let kept: Vec<_> = (0..8).filter_map(|number| cache.get(&number)).collect();
        assert_eq!((kept, cache.is_empty()), (vec![0, 2, 4, 6], false));
        cache.retain(|_| false);
        assert!(cache.is_empty());
    }
}
