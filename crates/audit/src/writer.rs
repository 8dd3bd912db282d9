//! The one thread that writes a trail's file.
//!
//! It takes all orders that wait at once and carries them out together: one write, one fsync,
//! then an answer to each. What it cannot make durable is refused to those who wait for it; what
//! nobody waits for stays in memory until it is durable.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Sender;
use std::thread;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::archiver::Work;
use crate::batch::{Batch, Text};
use crate::line::Line;
use crate::log::Log;
use crate::mark::Mark;
use crate::status::Shared;
use crate::trail::MAX_SOON;
use crate::{Durability, TrailError, TrailSettings};

/// Bytes of lines that nobody waits for, at which they are made durable without being asked to:
/// whoever waits for room for more of them would wait until the next tick.
const SYNC_SOON: usize = MAX_SOON as usize / 2;

/// Where the answer to an order goes.
pub(crate) type Answer = oneshot::Sender<Result<(), TrailError>>;

/// What the writer is asked to do.
#[derive(Debug)]
pub(crate) enum Order {
    /// Keep lines durably, and the mark before them if they tell of a session that was issued.
    Keep { lines: Lines, issued_ms: Option<i64>, answer: Answer },
    /// Empty the queue of the lines that nobody waits for.
    Empty,
    /// Make everything durable.
    Flush { answer: Answer },
    /// Have the archiver do what there is to do after all that came before.
    Settle { answer: Answer },
    /// Make everything durable, and set the file aside when it is old.
    Tick { now: Timestamp, answer: Answer },
}

/// Lines that somebody waits for.
#[derive(Debug)]
pub(crate) struct Lines {
    pub(crate) kept: Kept,
    /// The bytes that they take in the file.
    pub(crate) bytes: u64,
    /// The room that they take.
    pub(crate) permits: u32,
}

/// One line, as most often, or several.
#[derive(Debug)]
pub(crate) enum Kept {
    One(Line),
    All(Vec<Line>),
}

impl Kept {
    pub(crate) fn lines(&self) -> &[Line] {
        match self {
            Self::One(line) => std::slice::from_ref(line),
            Self::All(lines) => lines,
        }
    }
}

/// What comes to the writer, and the room that it gives back.
///
/// Dropping it closes the room: when the writer has ended, nobody waits for it.
#[derive(Debug)]
pub(crate) struct Inbox {
    pub(crate) orders: mpsc::UnboundedReceiver<Order>,
    /// The lines that nobody waits for. Nobody sleeps on this queue, so that filling it wakes
    /// nobody.
    pub(crate) soon: mpsc::UnboundedReceiver<Line>,
    /// One permit for each byte of the lines in `orders`.
    pub(crate) room: Arc<Semaphore>,
    /// One permit for each byte of the lines in `soon`, until they are durable.
    pub(crate) soon_room: Arc<Semaphore>,
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.room.close();
        self.soon_room.close();
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
    inbox: Inbox,
    /// What is to be written.
    text: Text,
    /// When the current file was begun; `None` while it is empty.
    begun: Option<Timestamp>,
    /// The newest time that was told.
    now: Timestamp,
    /// Whether the last rotation failed: it is tried again at the next tick, not before.
    stuck: bool,
}

impl Writer {
    #[expect(clippy::too_many_arguments, reason = "the parts of one thread, named where it starts")]
    pub(crate) fn new(
        settings: &TrailSettings,
        now: Timestamp,
        begun: Option<Timestamp>,
        log: Log,
        mark: Mark,
        shared: Arc<Shared>,
        archiver: Sender<Work>,
        inbox: Inbox,
    ) -> Self {
        Self {
            rotate_bytes: settings.rotate_bytes,
            rotate_after: settings.rotate_after,
            buffered: settings.durability == Durability::Buffered,
            log,
            mark,
            shared,
            archiver,
            inbox,
            text: Text::default(),
            begun,
            now,
            stuck: false,
        }
    }

    /// Carries out orders until the trail is dropped and nothing waits any more.
    pub(crate) fn run(mut self) {
        let mut batch = Batch::default();
        while let Some(first) = self.inbox.orders.blocking_recv() {
            batch.take(first);
            // Those who are about to hand over more get their turn first where processors are
            // short; where they are not, this is nothing.
            thread::yield_now();
            self.carry_out(&mut batch);
        }
        // Whoever dropped the trail waits for this.
        batch.durable = true;
        self.carry_out(&mut batch);
    }

    /// Takes what waits.
    ///
    /// INVARIANT: orders before lines that nobody waits for, which are written first: what a
    /// caller handed over before it gave an order stands before the lines of that order.
    fn gather(&mut self, batch: &mut Batch) {
        while !batch.is_full() {
            let Ok(order) = self.inbox.orders.try_recv() else { break };
            batch.take(order);
        }
        self.shared.soon.emptying();
        // The room bounds how many there are.
        while let Ok(line) = self.inbox.soon.try_recv() {
            self.text.hold(&line);
        }
        self.shared.soon.holds(self.text.held_bytes());
    }

    fn carry_out(&mut self, batch: &mut Batch) {
        let outcome = self.write(batch);
        let outcome = outcome.map_err(|error| TrailError::Write(Arc::new(error)));
        self.shared.waiting_lines.fetch_sub(batch.lines, Ordering::Relaxed);
        self.shared.waiting_bytes.fetch_sub(batch.bytes, Ordering::Relaxed);
        self.inbox.room.add_permits(batch.permits);
        for answer in batch.keeps.drain(..) {
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
        for answer in batch.ticks.drain(..) {
            answered(answer, &outcome);
        }
        for answer in batch.settles.drain(..) {
            // An archiver that has ended drops what it is asked, which its asker notices.
            let _ = self.archiver.send(Work::Settle(answer));
        }
        batch.clear();
    }

    /// Writes what waits and makes it durable if anybody waits for that.
    fn write(&mut self, batch: &mut Batch) -> io::Result<()> {
        let outcome = self.tried(batch);
        // Those who wait for theirs are told now; they are not written again.
        self.text.drop_asked();
        match &outcome {
            Ok(true) => self.all_durable(),
            Ok(false) => self.text.written(),
            Err(error) => self.failed(error),
        }
        outcome.map(|_| ())
    }

    /// Whether everything is durable, when nothing failed.
    fn tried(&mut self, batch: &mut Batch) -> io::Result<bool> {
        self.gather(batch);
        let raised = self.raise(batch);
        if matches!(raised, Ok(true)) {
            // That took as long as the fsync of the lines will: who came meanwhile is served by it.
            self.gather(batch);
        }
        let raised = raised.and_then(|_| self.raise(batch));
        for lines in &batch.asked {
            self.text.ask(lines.kept.lines());
        }
        batch.asked.clear();
        raised?;
        self.log.ready()?;
        let (text, lines) = self.text.unwritten();
        if text.is_empty() && self.shared.has_failed() {
            // Nothing else would show that the disk works again.
            self.log.probe()?;
        }
        self.log.write(text)?;
        self.shared.lines_written.fetch_add(lines, Ordering::Relaxed);
        let durable = batch.durable || self.buffered || self.text.held() >= SYNC_SOON;
        if durable {
            self.log.sync()?;
        }
        Ok(durable)
    }

    /// Raises the mark to the newest session of a batch, and tells whether that was needed.
    fn raise(&mut self, batch: &Batch) -> io::Result<bool> {
        batch.issued_ms.map_or(Ok(false), |issued_ms| self.mark.raise(issued_ms))
    }

    fn all_durable(&mut self) {
        self.nothing_held();
        self.shared.recover();
    }

    /// Forgets the lines that nobody waits for, which are durable, and gives their room back.
    fn nothing_held(&mut self) {
        let (lines, bytes) = self.text.forget();
        self.shared.soon.durable(lines, bytes);
        self.inbox.soon_room.add_permits(usize::try_from(bytes).unwrap_or(0));
    }

    fn failed(&mut self, error: &io::Error) {
        if self.log.is_doubtful() {
            self.text.unwrite();
        }
        let copy = io::Error::new(error.kind(), error.to_string());
        self.shared.fail(TrailError::Write(Arc::new(copy)));
    }

    /// Sets the file aside when it is full, or found to be old at a tick.
    fn rotate_when_due(&mut self, now: Option<Timestamp>) -> Result<(), TrailError> {
        if now.is_some() {
            self.log.measure();
        }
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
        self.nothing_held();
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
