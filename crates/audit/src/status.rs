//! What a trail tells about itself, for health, status and metrics.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use jiff::Timestamp;
use tokio::sync::watch;

use crate::TrailError;
use crate::backlog::Backlog;

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
    failure: watch::Sender<Option<TrailError>>,
    /// Whether there is a failure: what every call looks at first.
    failed: AtomicBool,
    /// What was handed over by [`crate::Trail::append_soon`].
    pub(crate) soon: Backlog,
    rotating: Mutex<Option<TrailError>>,
    archiving: Mutex<Option<TrailError>>,
    stopping: AtomicBool,
    /// Lines that somebody waits for.
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
            failed: AtomicBool::default(),
            soon: Backlog::default(),
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

    /// Why the trail cannot be written now.
    pub(crate) fn failure(&self) -> Option<TrailError> {
        self.has_failed().then(|| self.failure.borrow().clone()).flatten()
    }

    pub(crate) fn has_failed(&self) -> bool {
        self.failed.load(Ordering::Acquire)
    }

    /// Waits until the trail cannot be written.
    pub(crate) async fn failing(&self) -> TrailError {
        let mut failure = self.failure.subscribe();
        // The sender lives as long as this does.
        let failure = failure.wait_for(Option::is_some).await;
        failure.ok().and_then(|failure| failure.clone()).unwrap_or(TrailError::Closed)
    }

    /// Notes that the trail cannot be written.
    pub(crate) fn fail(&self, failure: TrailError) {
        // Both under the channel's lock, so that they never say different things for long.
        self.failure.send_modify(|known| {
            *known = Some(failure);
            self.failed.store(true, Ordering::Release);
        });
    }

    /// Notes that the trail can be written.
    pub(crate) fn recover(&self) {
        if self.has_failed() {
            self.failure.send_if_modified(|failure| {
                self.failed.store(false, Ordering::Release);
                failure.take().is_some()
            });
        }
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
        let (soon_lines, soon_bytes) = self.soon.waiting();
        TrailStatus {
            failure: self.failure().as_ref().map(ToString::to_string),
            upkeep_failure: text(&self.rotating).or_else(|| text(&self.archiving)),
            waiting_lines: number(&self.waiting_lines).saturating_add(soon_lines),
            waiting_bytes: number(&self.waiting_bytes).saturating_add(soon_bytes),
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
