//! The engine that keeps everything in one SQLite file, for a single process.
//!
//! A commit is answered when it is on the disk. One thread writes, and one wait for the disk
//! serves all commits that wait; two threads read, and what they read under single keys is kept
//! in memory. The engine refuses files that are damaged, newer or not its own and overwrites
//! none of them. After an error of the disk it closes itself: what a failed write left behind
//! must never be taken for what was written.

mod backup;
mod check;
mod faults;
mod files;
mod late_check;
mod layout;
mod read_only;
mod readers;
mod rows;
mod shared;
#[cfg(test)]
mod tests;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

pub use backup::{BackupInfo, Replace, Restored, restore};
pub use check::{CheckInfo, check};
pub use faults::{BackupFault, OpenFault, RestoreFault};
pub use read_only::ReadOnly;

use self::files::Lock;
use self::late_check::LateCheck;
use self::layout::{Access, Depth};
use self::readers::Readers;
use self::rows::Reading;
use self::shared::Shared;
use self::writer::{Pen, Writer};
use crate::read_cache::{CacheLimits, ReadCache};
use crate::{Answer, Changes, Commit, Entry, Key, MAX_SCAN, Revision, Store, StoreError};

/// Threads that read.
const READERS: usize = 2;

/// What can be chosen when a store is opened.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Options {
    /// What is kept in memory for single reads.
    pub cache: CacheLimits,
    /// Most changes that the log keeps; older ones make the feed answer "too old".
    pub log_changes: usize,
    /// Most bytes of the file, if it is to be bounded: a commit that needs more fails as on a
    /// full disk.
    pub max_bytes: Option<u64>,
    /// Most bytes of a file that is looked through for damage before it is opened. A larger one
    /// is opened at once and looked through beside its use, and closed when it is damaged.
    pub checked_first: u64,
}

impl Default for Options {
    /// The default cache, 10,000 changes, as many bytes as the disk has, and 8 MiB that are
    /// looked through first: some ten milliseconds.
    fn default() -> Self {
        Self {
            cache: CacheLimits::default(),
            log_changes: 10_000,
            max_bytes: None,
            checked_first: 8 << 20,
        }
    }
}

/// What the engine has done since it was opened, and how it is. Counters only grow.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct Status {
    /// Why the engine closed itself, if it did: it must be opened anew.
    pub closed: Option<String>,
    /// Why the last write failed; none again once a commit works.
    pub last_failure: Option<String>,
    /// The newest revision that is on the disk.
    pub revision: u64,
    /// Commits that wrote something.
    pub commits: u64,
    /// Transactions, each of one or more commits: as often was the disk waited for.
    pub transactions: u64,
    /// Commits that were refused because a precondition did not hold.
    pub conflicts: u64,
    /// Transactions, checkpoints and reads that failed.
    pub failures: u64,
    /// How often the write-ahead log was copied into the file.
    pub checkpoints: u64,
    /// Single reads that were answered from memory.
    pub cache_hits: u64,
    /// Single reads that were not.
    pub cache_misses: u64,
    /// Keys in memory.
    pub cache_entries: u64,
    /// Bytes that they take.
    pub cache_bytes: u64,
    /// Length of the file.
    pub file_bytes: u64,
    /// Length of the write-ahead log beside it.
    pub wal_bytes: u64,
}

/// A store in one file.
///
/// Dropping it ends its threads and leaves one whole file; that waits for commits in flight and
/// for the disk.
#[derive(Debug)]
pub struct Embedded {
    path: PathBuf,
    shared: Arc<Shared>,
    cache: Arc<ReadCache>,
    // Ended in this order: the last connection to close is the one that may write.
    _late_check: Option<LateCheck>,
    readers: Readers,
    writer: Writer,
    _lock: Lock,
}

impl Embedded {
    /// Opens the store in the file `path`, or makes it with mode 0600 if there is none.
    ///
    /// Blocks, and reads the whole file to see that it is undamaged, unless it is larger than
    /// [`Options::checked_first`]. The folder must exist.
    pub fn open(path: &Path, options: Options) -> Result<Self, OpenFault> {
        let path = files::resolve(path)?;
        let lock = Lock::take(&path)?;
        if !exists(&path)? {
            refuse_dangling(&path)?;
            refuse_remains(&path)?;
            layout::create(&path)?;
        }
        let is_large = files::length(&path) > options.checked_first;
        drop(layout::inspect(&path, if is_large { Depth::Head } else { Depth::Quick })?);

        let fault = |error: rusqlite::Error| OpenFault::from_sqlite(&path, &error);
        let mut connection = layout::connect_set(&path, Access::Write)?;
        layout::migrate(&mut connection, layout::STEPS).map_err(fault)?;
        if let Some(bytes) = options.max_bytes {
            layout::limit(&connection, bytes).map_err(fault)?;
        }
        let mut connections = Vec::new();
        for _ in 0..READERS {
            let connection = layout::connect_set(&path, Access::Read)?;
            // A missing table is found now, not at the first read.
            drop(Reading::prepare(&connection).map_err(fault)?);
            connections.push(connection);
        }

        let shared = Arc::new(Shared::default());
        let cache = Arc::new(ReadCache::new(options.cache));
        let log = u64::try_from(options.log_changes).unwrap_or(u64::MAX);
        let pen = Pen::new(connection, Arc::clone(&shared), Arc::clone(&cache), log);
        let threads = |error: std::io::Error| OpenFault::from_io(&path, &error);
        let writer = Writer::start(pen.map_err(fault)?).map_err(threads)?;
        let readers = Readers::start(connections, Arc::clone(&shared)).map_err(threads)?;
        let late_check = match is_large {
            true => {
                let connection = layout::connect_set(&path, Access::Read)?;
                let check = LateCheck::start(connection, path.clone(), Arc::clone(&shared));
                Some(check.map_err(threads)?)
            }
            false => None,
        };
        Ok(Self { path, shared, cache, _late_check: late_check, readers, writer, _lock: lock })
    }

    /// What the engine has done and how it is. Asks the file system for two lengths.
    pub fn status(&self) -> Status {
        let cache = self.cache.counts();
        Status {
            closed: self.closed(),
            last_failure: self.shared.last_failure(),
            revision: self.shared.revision.load(Ordering::Acquire),
            commits: self.shared.commits.read(),
            transactions: self.shared.transactions.read(),
            conflicts: self.shared.conflicts.read(),
            failures: self.shared.failures.read(),
            checkpoints: self.shared.checkpoints.read(),
            cache_hits: cache.hits,
            cache_misses: cache.misses,
            cache_entries: cache.entries,
            cache_bytes: cache.bytes,
            file_bytes: files::length(&self.path),
            wal_bytes: files::length(&files::beside(&self.path, files::WAL)),
        }
    }

    /// Why the engine closed itself, if it did. Asks nobody: fit for every request.
    pub fn closed(&self) -> Option<String> {
        self.shared.closed().map(str::to_owned)
    }

    /// Why nothing can be written: the engine closed itself, or the last write failed and no
    /// commit has worked since, as on a full disk. Asks nobody: fit for every request.
    pub fn failure(&self) -> Option<String> {
        self.closed().or_else(|| self.shared.last_failure())
    }

    /// The file, all links followed.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Copies the store, as it is at one instant, into a new file of mode 0600 while others go on
    /// reading and writing.
    ///
    /// Blocks. `progress` is told pages done and in all, at least once; while it runs, the
    /// backup waits and holds the write-ahead log. The copy is read through before this returns,
    /// and is on the disk. Until then it has another name, `to` with `.part` behind it: what a
    /// failed backup had written is removed, and what a killed one left by the next.
    pub fn backup(
        &self,
        to: &Path,
        progress: impl FnMut(u64, u64),
    ) -> Result<BackupInfo, BackupFault> {
        backup::backup(&self.path, &self.shared, to, progress)
    }
}

fn exists(path: &Path) -> Result<bool, OpenFault> {
    path.try_exists().map_err(|error| OpenFault::from_io(path, &error))
}

/// An empty store must not take the place of a link to one on a volume that is not mounted.
fn refuse_dangling(path: &Path) -> Result<(), OpenFault> {
    match path.symlink_metadata() {
        Ok(_) => {
            let detail = "it is a link that leads nowhere: mount what it leads to".to_owned();
            Err(OpenFault::Io { path: path.to_owned(), detail })
        }
        Err(_) => Ok(()),
    }
}

/// An empty store must not be made where another one has gone missing.
fn refuse_remains(path: &Path) -> Result<(), OpenFault> {
    let log = files::beside(path, files::WAL);
    if exists(&log)? {
        return Err(OpenFault::Orphan { path: path.to_owned(), log });
    }
    let unfinished = files::beside(path, files::RESTORING);
    if exists(&unfinished)? {
        return Err(OpenFault::CutShort { path: path.to_owned(), unfinished });
    }
    Ok(())
}

impl Store for Embedded {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            self.shared.is_open()?;
            if let Some(found) = self.cache.lookup(key) {
                return Ok(found);
            }
            // INVARIANT: before the read begins, or a write in between would go unnoticed.
            let ticket = self.cache.begin(key);
            let (key, cache) = (key.clone(), Arc::clone(&self.cache));
            let read = move |reading: &mut Reading<'_>| {
                let found = reading.get(&key)?;
                cache.fill(ticket, &key, found.as_ref());
                Ok(found)
            };
            self.readers.run(read).await
        })
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
            self.shared.is_open()?;
            let (prefix, after) = (prefix.to_vec(), after.cloned());
            self.readers.run(move |reading| reading.scan(&prefix, after.as_ref(), limit)).await
        })
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        Box::pin(async move {
            commit.check()?;
            self.shared.is_open()?;
            self.writer.commit(commit).await
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        Box::pin(async move {
            if limit > MAX_SCAN {
                return Err(StoreError::Limit { limit });
            }
            self.shared.is_open()?;
            self.readers.run(move |reading| reading.changes(since, limit)).await
        })
    }
}
