//! The one thread that writes a trail's file.
//!
//! It takes all orders that wait at once and carries them out together: one write, one fsync,
//! then an answer to each. What it cannot make durable is refused to those who wait for it; what
//! nobody waits for stays in memory until it is durable.

use std::mem;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::archiver::Work;
use crate::log::Log;
use crate::mark::Mark;
use crate::status::Shared;
use crate::trail::MAX_SOON;
use crate::{Durability, TrailError, TrailSettings};

/// Bytes after which a batch is written although more lines wait, so that the buffer stays small
/// and the first callers are not kept waiting for the last.
const MAX_BATCH: usize = 1 << 20;

/// Most orders of a batch.
const MAX_ORDERS: usize = 16 << 10;

/// Bytes of lines that nobody waits for, at which they are made durable without being asked to:
/// whoever waits for room for more of them would wait until the next tick.
const SYNC_SOON: usize = MAX_SOON as usize / 2;

type Answer = oneshot::Sender<Result<(), TrailError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Keep lines durably, and the mark before them if they tell of a session that was issued.
    Keep { lines: Lines, issued_ms: Option<i64>, answer: Answer },
    /// Keep lines that nobody waits for.
    Soon(Lines),
    /// Make everything durable.
    Flush { answer: Answer },
    /// Have the archiver do what there is to do after all that came before.
    Settle { answer: Answer },
    /// Make everything durable, and set the file aside when it is old.
    Tick { now: Timestamp, answer: Answer },
}

/// Lines on their way to the disk.
#[derive(Debug)]
pub(crate) struct Lines {
    /// The lines with their line breaks.
    text: Vec<u8>,
    count: u64,
    /// The room that they take, given back when they are dropped.
    _room: OwnedSemaphorePermit,
    shared: Arc<Shared>,
}

impl Lines {
    pub(crate) fn new(
        text: Vec<u8>,
        count: u64,
        room: OwnedSemaphorePermit,
        shared: &Arc<Shared>,
    ) -> Self {
        let lines = Self { text, count, _room: room, shared: Arc::clone(shared) };
        shared.waiting_lines.fetch_add(count, Ordering::Relaxed);
        shared.waiting_bytes.fetch_add(lines.bytes(), Ordering::Relaxed);
        lines
    }

    fn bytes(&self) -> u64 {
        u64::try_from(self.text.len()).unwrap_or(u64::MAX)
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        self.shared.waiting_lines.fetch_sub(self.count, Ordering::Relaxed);
        self.shared.waiting_bytes.fetch_sub(self.bytes(), Ordering::Relaxed);
    }
}

/// What is carried out together.
#[derive(Debug, Default)]
struct Batch {
    text: Vec<u8>,
    count: u64,
    /// The lines that nobody waits for; they are in `text` too.
    soon: Vec<Lines>,
    /// Who waits, and the lines whose room is given back before the answer.
    keeps: Vec<(Option<Lines>, Answer)>,
    ticks: Vec<Answer>,
    settles: Vec<Answer>,
    now: Option<Timestamp>,
    issued_ms: Option<i64>,
    durable: bool,
}

impl Batch {
    fn add(&mut self, lines: &Lines) {
        self.text.extend_from_slice(&lines.text);
        self.count = self.count.saturating_add(lines.count);
    }

    fn take(&mut self, order: Order) {
        self.durable |= !matches!(order, Order::Soon(_) | Order::Settle { .. });
        match order {
            Order::Keep { lines, issued_ms, answer } => {
                self.add(&lines);
                self.issued_ms = self.issued_ms.max(issued_ms);
                self.keeps.push((Some(lines), answer));
            }
            Order::Soon(lines) => {
                self.add(&lines);
                self.soon.push(lines);
            }
            Order::Flush { answer } => self.keeps.push((None, answer)),
            Order::Settle { answer } => self.settles.push(answer),
            Order::Tick { now, answer } => {
                self.now = Some(now);
                self.ticks.push(answer);
            }
        }
    }

    fn is_full(&self) -> bool {
        self.text.len() >= MAX_BATCH
            || self.keeps.len() + self.soon.len() + self.ticks.len() + self.settles.len()
                >= MAX_ORDERS
    }
}

/// The writer of a trail.
#[derive(Debug)]
pub(crate) struct Writer {
    rotate_bytes: u64,
    rotate_after: SignedDuration,
    buffered: bool,
    log: Log,
    mark: Mark,
    shared: Arc<Shared>,
    archiver: Sender<Work>,
    /// Lines that nobody waits for and that are not durable yet, in their order.
    soon: Vec<Lines>,
    /// How many of them stand whole in the current file.
    written: usize,
    /// When the current file was begun; `None` while it is empty.
    begun: Option<Timestamp>,
    /// The newest time that was told.
    now: Timestamp,
    /// Whether the last rotation failed: it is tried again at the next tick, not before.
    stuck: bool,
}

impl Writer {
    pub(crate) fn new(
        settings: &TrailSettings,
        now: Timestamp,
        begun: Option<Timestamp>,
        log: Log,
        mark: Mark,
        shared: Arc<Shared>,
        archiver: Sender<Work>,
    ) -> Self {
        Self {
            rotate_bytes: settings.rotate_bytes,
            rotate_after: settings.rotate_after,
            buffered: settings.durability == Durability::Buffered,
            log,
            mark,
            shared,
            archiver,
            soon: Vec::new(),
            written: 0,
            begun,
            now,
            stuck: false,
        }
    }

    /// Carries out orders until the trail is dropped and nothing waits any more.
    pub(crate) fn run(mut self, mut queue: mpsc::UnboundedReceiver<Order>) {
        while let Some(first) = queue.blocking_recv() {
            let mut batch = self.batch();
            let mut next = Some(first);
            while let Some(order) = next {
                batch.take(order);
                next = if batch.is_full() { None } else { queue.try_recv().ok() };
            }
            self.carry_out(batch);
        }
        let last = Batch { durable: true, ..self.batch() };
        self.carry_out(last);
    }

    /// A batch that begins with the lines that an earlier one could not write.
    fn batch(&self) -> Batch {
        let mut batch = Batch::default();
        for lines in self.soon.iter().skip(self.written) {
            batch.add(lines);
        }
        batch
    }

    fn carry_out(&mut self, mut batch: Batch) {
        let outcome = self.write(&mut batch);
        let outcome = outcome.map_err(|error| TrailError::Write(Arc::new(error)));
        for (lines, answer) in batch.keeps.drain(..) {
            drop(lines);
            answered(answer, &outcome);
        }
        let rotated = if outcome.is_ok() { self.rotate_when_due(batch.now) } else { Ok(()) };
        let outcome = outcome.and(rotated);
        if let Some(now) = batch.now {
            if outcome.is_ok() {
                self.shared.flushed(now);
            }
            // An archiver that has ended has nothing left to do.
            let _ = self.archiver.send(Work::Wake(now));
        }
        for answer in batch.ticks {
            answered(answer, &outcome);
        }
        for answer in batch.settles {
            // An archiver that has ended drops what it is asked, which its asker notices.
            let _ = self.archiver.send(Work::Settle(answer));
        }
    }

    /// Writes a batch and makes it durable if anybody waits for that.
    fn write(&mut self, batch: &mut Batch) -> std::io::Result<()> {
        let soon = mem::take(&mut batch.soon);
        let held = self.soon.iter().chain(&soon).map(|lines| lines.text.len()).sum::<usize>();
        let durable = batch.durable || self.buffered || held >= SYNC_SOON;
        let outcome = self.tried(batch, durable);
        self.soon.extend(soon);
        match &outcome {
            Ok(()) if durable => self.all_durable(),
            Ok(()) => self.written = self.soon.len(),
            Err(error) => self.failed(error),
        }
        outcome
    }

    fn tried(&mut self, batch: &Batch, durable: bool) -> std::io::Result<()> {
        if let Some(issued_ms) = batch.issued_ms {
            self.mark.raise(issued_ms)?;
        }
        self.log.ready()?;
        if batch.text.is_empty() && self.shared.failure.borrow().is_some() {
            // Nothing else would show that the disk works again.
            self.log.probe()?;
        }
        self.log.write(&batch.text)?;
        self.shared.lines_written.fetch_add(batch.count, Ordering::Relaxed);
        if durable { self.log.sync() } else { Ok(()) }
    }

    fn all_durable(&mut self) {
        self.soon.clear();
        self.written = 0;
        self.shared.failure.send_if_modified(|failure| failure.take().is_some());
    }

    fn failed(&mut self, error: &std::io::Error) {
        if self.log.is_doubtful() {
            self.written = 0;
        }
        let copy = std::io::Error::new(error.kind(), error.to_string());
        let failure = TrailError::Write(Arc::new(copy));
        self.shared.failure.send_replace(Some(failure));
    }

    /// Sets the file aside when it is full, or found to be old at a tick.
    fn rotate_when_due(&mut self, now: Option<Timestamp>) -> Result<(), TrailError> {
        let size = self.log.size();
        let mut aged = false;
        if let Some(now) = now {
            // What was begun since the last tick counts from then. A clock that was set back does
            // not keep the file from being set aside some time.
            let begun = self.begun.unwrap_or(self.now).min(now);
            self.begun = Some(begun).filter(|_| size > 0);
            self.now = now;
            aged = size > 0 && now.duration_since(begun) >= self.rotate_after;
        }
        let full = size >= self.rotate_bytes && (now.is_some() || !self.stuck);
        if !aged && !full {
            return Ok(());
        }
        if let Err(error) = self.log.sync() {
            self.failed(&error);
            return Err(TrailError::Write(Arc::new(error)));
        }
        self.soon.clear();
        self.written = 0;
        let outcome = self.log.rotate();
        self.stuck = outcome.is_err();
        if self.log.size() == 0 {
            self.begun = None;
            // An archiver that has ended leaves the file to the next run.
            let _ = self.archiver.send(Work::Rotated);
        }
        self.shared.rotated(outcome)
    }
}

fn answered(answer: Answer, outcome: &Result<(), TrailError>) {
    // A caller that went away needs no answer.
    let _ = answer.send(outcome.clone());
}
