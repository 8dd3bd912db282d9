//! The thread that turns full files into archives and removes archives that are too old.
//!
//! Nothing that appends waits for it. What fails is told by the status of the trail and tried
//! again some time later; what it was doing when the trail was closed is begun again when the
//! trail is opened.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::oneshot;

use crate::archive::{Place, archive};
use crate::medium::Medium;
use crate::pending;
use crate::retention::{Limits, sweep};
use crate::status::Shared;
use crate::torn::TornLines;
use crate::{TrailError, TrailSettings};

/// After what time a round that failed is tried again.
const RETRY_AFTER: SignedDuration = SignedDuration::from_secs(30);

/// After what time archives are looked through although no new one was made.
const SWEEP_AFTER: SignedDuration = SignedDuration::from_hours(1);

/// What the archiver is told.
#[derive(Debug)]
pub(crate) enum Work {
    /// It is that time.
    Wake(Timestamp),
    /// A file was set aside.
    Rotated,
    /// Do everything now, and say how it went.
    Settle(oneshot::Sender<Result<(), TrailError>>),
}

/// The archiver of a trail.
#[derive(Debug)]
pub(crate) struct Archiver {
    folder: PathBuf,
    limits: Limits,
    medium: Arc<dyn Medium>,
    shared: Arc<Shared>,
    torn: TornLines,
    now: Timestamp,
    /// When the archives were looked through last.
    swept: Option<Timestamp>,
    /// When a round failed.
    failed: Option<Timestamp>,
}

impl Archiver {
    pub(crate) fn new(
        settings: &TrailSettings,
        now: Timestamp,
        medium: Arc<dyn Medium>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        Ok(Self {
            folder: settings.folder.clone(),
            limits: Limits { keep_for: settings.keep_for, keep_bytes: settings.keep_bytes },
            medium,
            shared,
            torn: TornLines::open(&settings.folder)?,
            now,
            swept: None,
            failed: None,
        })
    }

    /// Works until the trail is dropped.
    pub(crate) fn run(mut self, work: &Receiver<Work>) {
        while let Ok(first) = work.recv() {
            if self.shared.is_stopping() {
                return;
            }
            let mut asked = Vec::new();
            // What came while it was busy is one round.
            for work in std::iter::once(first).chain(work.try_iter()) {
                match work {
                    Work::Wake(now) => self.now = now,
                    Work::Rotated => {}
                    Work::Settle(answer) => asked.push(answer),
                }
            }
            let waits = self.failed.is_some_and(|failed| within(failed, self.now, RETRY_AFTER));
            if waits && asked.is_empty() {
                continue;
            }
            let outcome = self.round();
            self.failed = outcome.is_err().then_some(self.now);
            let outcome = self.shared.archived(outcome);
            for answer in asked {
                // Who went away needs no answer.
                let _ = answer.send(outcome.clone());
            }
        }
    }

    /// Compresses what waits and removes what is too old. A disk that is full for the one may be
    /// helped by the other: neither is left out because of the other.
    fn round(&mut self) -> io::Result<()> {
        let compressed = self.compress();
        let swept = self.swept.is_some_and(|swept| within(swept, self.now, SWEEP_AFTER));
        let kept = if swept { Ok(()) } else { self.sweep() };
        compressed.and(kept)
    }

    fn compress(&mut self) -> io::Result<()> {
        let waiting = pending::list(&self.folder)?;
        let mut left = u64::try_from(waiting.len()).unwrap_or(u64::MAX);
        self.shared.pending_files.store(left, Ordering::Relaxed);
        let mut outcome = Ok(());
        for pending in &waiting {
            let place = Place::new(&self.folder, &*self.medium, &self.shared);
            // Part of the archives of a file may have been made before it failed.
            self.swept = None;
            match archive(pending, &place, &mut self.torn) {
                Ok(true) => {
                    left = left.saturating_sub(1);
                    self.shared.pending_files.store(left, Ordering::Relaxed);
                }
                Ok(false) => break,
                Err(error) => outcome = outcome.and(Err(error)),
            }
        }
        outcome
    }

    fn sweep(&mut self) -> io::Result<()> {
        let totals = sweep(&self.folder, self.limits, self.now, &*self.medium)?;
        self.shared.archives.store(totals.archives, Ordering::Relaxed);
        self.shared.archive_bytes.store(totals.bytes, Ordering::Relaxed);
        self.swept = Some(self.now);
        Ok(())
    }
}

/// Whether less than that has gone by since; when the clock was set back, it has.
fn within(since: Timestamp, now: Timestamp, time: SignedDuration) -> bool {
    (SignedDuration::ZERO..time).contains(&now.duration_since(since))
}
