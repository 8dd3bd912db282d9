//! The engine that keeps everything in memory: for tests, the demo and read caches of others.
//!
//! Nothing survives the process. A lock is held only while memory is read or written, never while
//! waiting for anything.

use std::collections::{BTreeMap, VecDeque};
use std::convert::Infallible;
use std::ops::Bound;
use std::sync::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::feed::whole_commits;
use crate::{
    Answer, Change, ChangeKind, Changes, Commit, Entry, Key, MAX_SCAN, Revision, Store, StoreError,
};

/// Changes that the engine remembers unless told otherwise.
const DEFAULT_LOG: usize = 10_000;

/// A store in memory.
#[derive(Debug)]
pub struct Memory {
    state: RwLock<State>,
    /// Most changes that the log keeps.
    log_capacity: usize,
}

#[derive(Debug)]
struct State {
    entries: BTreeMap<Key, Entry>,
    revision: Revision,
    /// The newest changes, oldest first.
    log: VecDeque<Change>,
    /// The log is complete behind this revision.
    floor: Revision,
}

impl Memory {
    /// An empty store that remembers its last 10,000 changes.
    pub fn new() -> Self {
        Self::with_log(DEFAULT_LOG)
    }

    /// An empty store that remembers at most `changes` changes.
    pub fn with_log(changes: usize) -> Self {
        let state = State {
            entries: BTreeMap::new(),
            revision: Revision::ZERO,
            log: VecDeque::new(),
            floor: Revision::ZERO,
        };
        Self { state: RwLock::new(state), log_capacity: changes }
    }

    /// A poisoned lock may guard half a commit: nothing is read from it or written to it again.
    fn read(&self) -> Result<RwLockReadGuard<'_, State>, StoreError> {
        self.state.read().map_err(|_| poisoned())
    }

    fn write(&self) -> Result<RwLockWriteGuard<'_, State>, StoreError> {
        self.state.write().map_err(|_| poisoned())
    }
}

impl Default for Memory {
    fn default() -> Self {
        Self::new()
    }
}

impl Store for Memory {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(async move { Ok(self.read()?.entries.get(key).cloned()) })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        Box::pin(async move {
            if limit > MAX_SCAN {
                return Err(StoreError::Limit { limit });
            }
            let start = match after {
                Some(after) if after.as_bytes() >= prefix => Bound::Excluded(after.as_bytes()),
                _ => Bound::Included(prefix),
            };
            let state = self.read()?;
            let found = state
                .entries
                .range::<[u8], _>((start, Bound::Unbounded))
                .take_while(|(key, _)| key.as_bytes().starts_with(prefix))
                .take(limit)
                .map(|(key, entry)| (key.clone(), entry.clone()))
                .collect();
            Ok(found)
        })
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(async move {
            commit.check()?;
            self.write()?.apply(commit, self.log_capacity)
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        Box::pin(async move {
            if limit > MAX_SCAN {
                return Err(StoreError::Limit { limit });
            }
            Ok(self.read()?.changes(since, limit))
        })
    }
}

impl State {
    fn apply(&mut self, commit: Commit, log_capacity: usize) -> Result<Revision, StoreError> {
        for precondition in &commit.preconditions {
            let current = self.entries.get(precondition.key()).map(|entry| entry.revision);
            if !precondition.holds(current) {
                return Err(StoreError::Conflict { key: precondition.key().clone() });
            }
        }
        let deletes: Vec<Key> =
            commit.deletes.into_iter().filter(|key| self.entries.contains_key(key)).collect();
        if commit.puts.is_empty() && deletes.is_empty() {
            return Ok(self.revision);
        }
        let next = self.revision.number().checked_add(1);
        let revision = next.map(Revision::new).ok_or_else(|| StoreError::Unavailable {
            reason: "there are no revisions left".to_owned(),
        })?;
        for (key, value) in commit.puts {
            self.log.push_back(Change { revision, key: key.clone(), kind: ChangeKind::Put });
            self.entries.insert(key, Entry { value, revision });
        }
        for key in deletes {
            self.entries.remove(&key);
            self.log.push_back(Change { revision, key, kind: ChangeKind::Delete });
        }
        self.revision = revision;
        self.shorten_log(log_capacity);
        Ok(revision)
    }

    /// Forgets the oldest commits, each as a whole, until the log fits.
    fn shorten_log(&mut self, capacity: usize) {
        while self.log.len() > capacity
            || self.log.front().is_some_and(|change| change.revision <= self.floor)
        {
            let Some(oldest) = self.log.pop_front() else { return };
            self.floor = oldest.revision;
        }
    }

    fn changes(&self, since: Revision, limit: usize) -> Changes {
        // A revision that was never given out: the reader comes from another store.
        if since < self.floor || since > self.revision {
            return Changes::TooOld;
        }
        let start = self.log.partition_point(|change| change.revision <= since);
        let behind = self.log.range(start..).cloned().map(Ok::<_, Infallible>);
        match whole_commits(behind, limit) {
            Ok(these) => Changes::These(these),
            Err(impossible) => match impossible {},
        }
    }
}

fn poisoned() -> StoreError {
    StoreError::Unavailable { reason: "a write was cut short; start over".to_owned() }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use proptest::prelude::*;

    use super::*;
    use crate::conformance;

    fn key(text: &str) -> Key {
        Key::new(text).unwrap()
    }

    #[tokio::test]
    async fn it_conforms() {
        conformance::check(|| Arc::new(Memory::new())).await.unwrap();
        conformance::check_log(|changes| Arc::new(Memory::with_log(changes))).await.unwrap();
    }

    #[tokio::test]
    async fn a_torn_write_closes_the_store() {
        let store = Arc::new(Memory::new());
        let torn = Arc::clone(&store);
        std::thread::spawn(move || {
            let _guard = torn.state.write().unwrap();
            panic!("on purpose");
        })
        .join()
        .unwrap_err();
        let closed = |error| matches!(error, StoreError::Unavailable { .. });
        assert!(closed(store.get(&key("a")).await.unwrap_err()));
        assert!(closed(store.scan(b"", None, 1).await.unwrap_err()));
        assert!(closed(store.commit(Commit::new()).await.unwrap_err()));
        assert!(closed(store.changes(Revision::ZERO, 1).await.unwrap_err()));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn writers_in_parallel_lose_no_update() {
        let store = Arc::new(Memory::new());
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { conformance::add_to_counter(&*store, 100).await })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
        assert_eq!(conformance::counter(&*store).await, Ok(400));
    }

    fn block_on<T>(future: impl Future<Output = T>) -> T {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(future)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// Following the feed from any revision and with any limit gives the same state.
        #[test]
        fn the_feed_rebuilds_the_store(
            commits in prop::collection::vec(
                prop::collection::btree_map("[a-d]{1,2}", any::<bool>(), 1..5), 1..20),
            limit in 1_usize..8,
        ) {
            block_on(async {
                let store = Memory::new();
                for writes in &commits {
                    let commit = writes.iter().fold(Commit::new(), |commit, (name, put)| match put {
                        true => commit.put(key(name), name.as_bytes()),
                        false => commit.delete(key(name)),
                    });
                    store.commit(commit).await.unwrap();
                }
                let mut seen = BTreeMap::new();
                let mut since = Revision::ZERO;
                loop {
                    let Ok(Changes::These(changes)) = store.changes(since, limit).await else {
                        panic!("the log holds everything")
                    };
                    let Some(last) = changes.last() else { break };
                    since = last.revision;
                    for change in changes {
                        match change.kind {
                            ChangeKind::Put => seen.insert(change.key, change.revision),
                            ChangeKind::Delete => seen.remove(&change.key),
                        };
                    }
                }
                let all = store.scan(b"", None, MAX_SCAN).await.unwrap();
                let held: BTreeMap<_, _> =
                    all.into_iter().map(|(key, entry)| (key, entry.revision)).collect();
                assert_eq!(seen, held);
            });
        }

        /// Pages of any size, laid end to end, are the whole range.
        #[test]
        fn pages_add_up(
            names in prop::collection::btree_set("[a-c]{1,4}", 0..30),
            prefix in "[a-c]{0,2}",
            limit in 1_usize..6,
        ) {
            block_on(async {
                let store = Memory::new();
                let commit = names
                    .iter()
                    .fold(Commit::new(), |commit, name| commit.put(key(name), b"".as_slice()));
                store.commit(commit).await.unwrap();
                let mut paged: Vec<Key> = Vec::new();
                loop {
                    let page =
                        store.scan(prefix.as_bytes(), paged.last(), limit).await.unwrap();
                    let ended = page.len() < limit;
                    paged.extend(page.into_iter().map(|(key, _)| key));
                    if ended {
                        break;
                    }
                }
                let wanted: Vec<Key> =
                    names.iter().filter(|name| name.starts_with(&prefix)).map(|n| key(n)).collect();
                assert_eq!(paged, wanted);
            });
        }
    }
}
