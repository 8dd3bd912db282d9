//! A bounded cache of what a store holds under single keys, absence included.
//!
//! It never gives out what a finished write has replaced: a fill is refused when its key was
//! written, or was being written, since the read behind it began. A look-up touches memory only;
//! no lock in here is held while anything waits for a disk.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::{Entry, Key};

/// Groups of keys that share a counter. A write refuses the fills of its whole group, so that
/// many groups mean few needless refusals.
const GROUPS: usize = 1_024;

/// What an entry takes beside key and value: headers, counters and its place in the index.
const OVERHEAD: u64 = 128;

/// How much a cache holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CacheLimits {
    /// Most keys, absent ones included. None switches the cache off.
    pub entries: usize,
    /// Most bytes of keys and values together, and a small sum for each key. The cache is divided
    /// by the machine's processors: a value larger than its part is not kept.
    pub bytes: u64,
}

impl Default for CacheLimits {
    /// 100,000 keys and 128 MiB.
    fn default() -> Self {
        Self { entries: 100_000, bytes: 128 << 20 }
    }
}

/// What a store holds under single keys, for reads that need no disk.
///
/// The reader asks [`lookup`](Self::lookup); on a miss it takes a ticket by
/// [`begin`](Self::begin), then reads the store, then offers what it read by
/// [`fill`](Self::fill). The writer holds a [`Writing`] from before its commit can be seen until
/// after it can, and replies only then. Hence no read that begins after the reply is stale, and
/// none is older than what any read before it has shown.
pub struct ReadCache {
    entries: Cache<Key, Option<Entry>, Weigh>,
    groups: Box<[Mutex<Group>]>,
    hasher: RandomState,
    hits: AtomicU64,
    misses: AtomicU64,
    refused: AtomicU64,
}

/// What fills of a group of keys are checked against.
#[derive(Debug, Default)]
struct Group {
    /// Grows whenever a write of one of its keys begins or ends.
    generation: u64,
    /// Writes of its keys that have begun and not ended.
    writing: usize,
}

/// The instant at which the read behind a fill began.
#[derive(Clone, Copy, Debug)]
pub struct Ticket {
    group: usize,
    generation: u64,
}

/// That keys are being written: nothing is held or filled for them until this is dropped.
#[derive(Debug)]
pub struct Writing<'a> {
    cache: &'a ReadCache,
    keys: Vec<Key>,
}

/// What a cache has done so far.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct CacheCounts {
    /// Look-ups that were answered.
    pub hits: u64,
    /// Look-ups that were not.
    pub misses: u64,
    /// Fills that came too late.
    pub refused: u64,
    /// Keys held now.
    pub entries: u64,
    /// Bytes held now, by the measure of [`CacheLimits::bytes`].
    pub bytes: u64,
}

impl ReadCache {
    /// An empty cache.
    pub fn new(limits: CacheLimits) -> Self {
        Self::with_groups(limits, GROUPS)
    }

    fn with_groups(limits: CacheLimits, groups: usize) -> Self {
        // The cache below is bounded by weight alone: an entry weighs at least its share of the
        // bytes, so that the bound on entries holds as well.
        let entries = u64::try_from(limits.entries).unwrap_or(u64::MAX);
        let bytes = if entries == 0 { 0 } else { limits.bytes };
        let least = bytes.div_ceil(entries.max(1)).max(1);
        Self {
            entries: Cache::with_weighter(limits.entries, bytes, Weigh { least }),
            groups: (0..groups.max(1)).map(|_| Mutex::default()).collect(),
            hasher: RandomState::new(),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            refused: AtomicU64::new(0),
        }
    }

    /// What is known of `key`: nothing, that it has no value, or its value.
    pub fn lookup(&self, key: &Key) -> Option<Option<Entry>> {
        let found = self.entries.get(key);
        let count = if found.is_some() { &self.hits } else { &self.misses };
        count.fetch_add(1, Ordering::Relaxed);
        found
    }

    /// To be called before the store is read for a fill.
    pub fn begin(&self, key: &Key) -> Ticket {
        let group = self.group_of(key);
        Ticket { group, generation: self.lock(group).generation }
    }

    /// Takes what was read under `key` since `ticket`, and whether it was: a fill that a write
    /// may have overtaken is refused.
    pub fn fill(&self, ticket: Ticket, key: &Key, found: Option<&Entry>) -> bool {
        let group = self.group_of(key);
        let state = self.lock(group);
        let fresh =
            ticket.group == group && ticket.generation == state.generation && state.writing == 0;
        if fresh {
            // INVARIANT: still under the lock, or a write could come between check and insertion.
            self.entries.insert(key.clone(), found.cloned());
        } else {
            self.refused.fetch_add(1, Ordering::Relaxed);
        }
        drop(state);
        fresh
    }

    /// To be called before a write of `keys` can be seen; its result is dropped when it can be,
    /// or has failed, and before the write is replied to.
    pub fn writing<'a>(&self, keys: impl IntoIterator<Item = &'a Key>) -> Writing<'_> {
        let keys: Vec<Key> = keys.into_iter().cloned().collect();
        for key in &keys {
            let mut state = self.lock(self.group_of(key));
            state.generation = state.generation.wrapping_add(1);
            state.writing = state.writing.saturating_add(1);
            self.entries.remove(key);
        }
        Writing { cache: self, keys }
    }

    /// Forgets everything, and refuses every fill that has begun.
    pub fn clear(&self) {
        for group in 0..self.groups.len() {
            let mut state = self.lock(group);
            state.generation = state.generation.wrapping_add(1);
        }
        self.entries.clear();
    }

    /// What the cache has done so far and holds now.
    pub fn counts(&self) -> CacheCounts {
        CacheCounts {
            hits: self.hits.load(Ordering::Relaxed),
            misses: self.misses.load(Ordering::Relaxed),
            refused: self.refused.load(Ordering::Relaxed),
            entries: u64::try_from(self.entries.len()).unwrap_or(u64::MAX),
            bytes: self.entries.weight(),
        }
    }

    fn group_of(&self, key: &Key) -> usize {
        let groups = u64::try_from(self.groups.len()).unwrap_or(1).max(1);
        usize::try_from(self.hasher.hash_one(key) % groups).unwrap_or(0)
    }

    /// A poisoned lock guards two counters that no panic can tear.
    #[expect(clippy::indexing_slicing, reason = "a group is a remainder of the number of groups")]
    fn lock(&self, group: usize) -> MutexGuard<'_, Group> {
        self.groups[group].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Writing<'_> {
    fn drop(&mut self) {
        for key in &self.keys {
            let mut state = self.cache.lock(self.cache.group_of(key));
            state.generation = state.generation.wrapping_add(1);
            state.writing = state.writing.saturating_sub(1);
            self.cache.entries.remove(key);
        }
    }
}

impl fmt::Debug for ReadCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadCache").field("counts", &self.counts()).finish_non_exhaustive()
    }
}

/// Weighs an entry by its bytes.
#[derive(Clone, Copy, Debug)]
struct Weigh {
    /// What even the smallest entry weighs.
    least: u64,
}

impl Weighter<Key, Option<Entry>> for Weigh {
    fn weight(&self, key: &Key, found: &Option<Entry>) -> u64 {
        let value = found.as_ref().map_or(0, |entry| entry.value.len());
        let bytes = u64::try_from(key.as_bytes().len() + value).unwrap_or(u64::MAX);
        bytes.saturating_add(OVERHEAD).max(self.least)
    }
}

#[cfg(test)]
mod tests;
