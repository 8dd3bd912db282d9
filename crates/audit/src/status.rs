//! What a trail tells about itself, for health, status and metrics.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::TrailError;

/// The state of a trail at one moment.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
#[non_exhaustive]
pub struct TrailStatus {
    /// Why the trail cannot be written now; `None` when it can.
    pub failure: Option<String>,
    /// Why rotating, compressing or removing old archives did not work the last time. Records
    /// are kept all the same.
    pub upkeep_failure: Option<String>,
    /// Lines that were handed over and are not durable yet.
    pub waiting_lines: u64,
    /// The bytes of these lines.
    pub waiting_bytes: u64,
    /// When [`crate::Trail::tick`] last found everything durable, by the time passed to it.
    pub flushed_at: Option<Timestamp>,
    /// Bytes of the current file.
    pub file_bytes: u64,
    /// Files that were set aside and wait to be compressed.
    pub pending_files: u64,
    /// Archives that are kept.
    pub archives: u64,
    /// Bytes of these archives.
    pub archive_bytes: u64,
    /// Lines written since the trail was opened, those written again after a failure included.
    pub lines_written: u64,
    /// Fsyncs of the current file since the trail was opened.
    pub syncs: u64,
    /// Lines that were found cut short by a crash or a failure since the trail was opened, and
    /// put aside into `torn.jsonl`.
    pub torn_lines: u64,
}

/// What the threads of a trail tell each other and its owner.
#[derive(Debug)]
pub(crate) struct Shared {
    /// Why the trail cannot be written now.
    pub(crate) failure: watch::Sender<Option<TrailError>>,
    rotating: Mutex<Option<TrailError>>,
    archiving: Mutex<Option<TrailError>>,
    stopping: AtomicBool,
    pub(crate) waiting_lines: AtomicU64,
    pub(crate) waiting_bytes: AtomicU64,
    /// Milliseconds; `i64::MIN` for never.
    flushed_ms: AtomicI64,
    pub(crate) file_bytes: AtomicU64,
    pub(crate) pending_files: AtomicU64,
    pub(crate) archives: AtomicU64,
    pub(crate) archive_bytes: AtomicU64,
    pub(crate) lines_written: AtomicU64,
    pub(crate) syncs: AtomicU64,
    pub(crate) torn_lines: AtomicU64,
}

impl Shared {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Self {
            failure: watch::Sender::new(None),
            rotating: Mutex::default(),
            archiving: Mutex::default(),
            stopping: AtomicBool::default(),
            waiting_lines: AtomicU64::default(),
            waiting_bytes: AtomicU64::default(),
            flushed_ms: AtomicI64::new(i64::MIN),
            file_bytes: AtomicU64::default(),
            pending_files: AtomicU64::default(),
            archives: AtomicU64::default(),
            archive_bytes: AtomicU64::default(),
            lines_written: AtomicU64::default(),
            syncs: AtomicU64::default(),
            torn_lines: AtomicU64::default(),
        })
    }

    /// Notes how rotating went, and hands the outcome on.
    pub(crate) fn rotated(&self, outcome: io::Result<()>) -> Result<(), TrailError> {
        noted(&self.rotating, outcome, TrailError::Rotate)
    }

    /// Notes how a round of compressing and removing went, and hands the outcome on.
    pub(crate) fn archived(&self, outcome: io::Result<()>) -> Result<(), TrailError> {
        noted(&self.archiving, outcome, TrailError::Upkeep)
    }

    /// Tells the archiver to leave what it has not begun.
    pub(crate) fn stop(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }

    pub(crate) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    pub(crate) fn flushed(&self, now: Timestamp) {
        self.flushed_ms.store(now.as_millisecond(), Ordering::Relaxed);
    }

    pub(crate) fn status(&self) -> TrailStatus {
        let number = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let text = |failure: &Mutex<Option<TrailError>>| {
            failure.lock().unwrap_or_else(PoisonError::into_inner).as_ref().map(ToString::to_string)
        };
        TrailStatus {
            failure: self.failure.borrow().as_ref().map(ToString::to_string),
            upkeep_failure: text(&self.rotating).or_else(|| text(&self.archiving)),
            waiting_lines: number(&self.waiting_lines),
            waiting_bytes: number(&self.waiting_bytes),
            flushed_at: Some(self.flushed_ms.load(Ordering::Relaxed))
                .filter(|ms| *ms != i64::MIN)
                .and_then(|ms| Timestamp::from_millisecond(ms).ok()),
            file_bytes: number(&self.file_bytes),
            pending_files: number(&self.pending_files),
            archives: number(&self.archives),
            archive_bytes: number(&self.archive_bytes),
            lines_written: number(&self.lines_written),
            syncs: number(&self.syncs),
            torn_lines: number(&self.torn_lines),
        }
    }
}

fn noted(
    place: &Mutex<Option<TrailError>>,
    outcome: io::Result<()>,
    kind: fn(Arc<io::Error>) -> TrailError,
) -> Result<(), TrailError> {
    let outcome = outcome.map_err(|error| kind(Arc::new(error)));
    *place.lock().unwrap_or_else(PoisonError::into_inner) = outcome.clone().err();
    outcome
}
