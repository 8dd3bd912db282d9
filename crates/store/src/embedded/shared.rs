//! What the threads of one engine and its callers share: whether it is closed, and counters.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::faults::meaning;
use crate::StoreError;

#[derive(Debug, Default)]
pub(super) struct Shared {
    closed: OnceLock<String>,
    /// Why the last transaction failed; none when it did not.
    last_failure: Mutex<Option<String>>,
    pub(super) commits: Counter,
    pub(super) conflicts: Counter,
    pub(super) transactions: Counter,
    pub(super) failures: Counter,
    pub(super) checkpoints: Counter,
    /// The newest revision that is on the disk.
    pub(super) revision: AtomicU64,
    /// Bytes of the write-ahead log that are in use, as of the last checkpoint.
    pub(super) wal_bytes: AtomicU64,
    /// Backups under way: each holds the log back.
    pub(super) backups: AtomicUsize,
    /// The files that they write.
    pub(super) copying: Mutex<BTreeSet<PathBuf>>,
}

/// A number that only grows.
#[derive(Debug, Default)]
pub(super) struct Counter(AtomicU64);

impl Counter {
    pub(super) fn add(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn read(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Shared {
    /// Why the engine closed itself, if it did.
    pub(super) fn closed(&self) -> Option<&str> {
        self.closed.get().map(String::as_str)
    }

    /// Why the last transaction failed; none when it did not.
    pub(super) fn last_failure(&self) -> Option<String> {
        self.last_failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Keeps how the last transaction went.
    pub(super) fn keep_outcome(&self, failure: Option<String>) {
        *self.last_failure.lock().unwrap_or_else(PoisonError::into_inner) = failure;
    }

    /// Refuses what comes after the engine closed itself.
    pub(super) fn is_open(&self) -> Result<(), StoreError> {
        match self.closed() {
            None => Ok(()),
            Some(reason) => Err(StoreError::Unavailable { reason: reason.to_owned() }),
        }
    }

    /// Closes the engine for good. The first reason stays.
    pub(super) fn close(&self, cause: &str) -> StoreError {
        let reason = self.closed.get_or_init(|| {
            format!(
                "it closed itself after `{cause}`, because what is on the disk is no longer \
                 certain: repair the disk, then restart"
            )
        });
        StoreError::Unavailable { reason: reason.clone() }
    }

    /// What a caller is told of an error, after the engine closed itself if it must.
    pub(super) fn failed(&self, error: &rusqlite::Error) -> StoreError {
        self.failures.add(1);
        if meaning(error).is_final() {
            return self.close(&error.to_string());
        }
        StoreError::Unavailable { reason: error.to_string() }
    }
}
