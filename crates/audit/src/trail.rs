//! The trail: records kept in a folder, one line of JSON each.
//!
//! [`Trail::append`] answers when the record is kept, or says that it is not. Lines are written
//! by one thread that takes all lines that wait at once (group commit), so that one fsync serves
//! all calls in flight. Nothing is dropped: when the disk cannot keep up, callers wait, and when
//! it fails, every caller is told. A second thread turns full files into archives in CloudTrail's
//! layout and removes archives that are too old; no append waits for it.
//!
//! | In the folder | What it is |
//! |---|---|
//! | `trail.jsonl` | the current file |
//! | `pending-<number>.jsonl` | files that were set aside and are not compressed yet |
//! | `AWSLogs/…` | the archives |
//! | `issued` | the high-water mark of the issue times of sessions |
//! | `torn.jsonl`, `torn.jsonl.1` | lines that a crash cut short, with their count |
//! | `unreadable-<number>.jsonl` | files that were set aside and held no record |
//! | `lock` | held while a trail is open |

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use jiff::Timestamp;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::archiver::Archiver;
use crate::layout::{ARCHIVES, MAX_SEQUENCE};
use crate::line::Line;
use crate::log::{CURRENT, Log};
use crate::mark::Mark;
use crate::medium::{Disk, Medium, make_folder, private};
use crate::pending;
use crate::status::Shared;
use crate::writer::{Inbox, Kept, Lines, Order, Writer};
use crate::{TrailError, TrailSettings, TrailStatus};

/// Most bytes of the lines that wait to be written before their callers are answered. A call that
/// finds no room waits.
const MAX_WAITING: u32 = 8 << 20;

/// Most bytes of the lines that were handed over by [`Trail::append_soon`] and are not durable
/// yet. They stay in memory until they are.
pub(crate) const MAX_SOON: u32 = 4 << 20;

/// Most lines that a trail in memory keeps; the oldest go first.
const MAX_IN_MEMORY: usize = 10_000;

/// The name of the file that is locked while a trail is open.
const LOCK: &str = "lock";

/// An append-only trail of records.
///
/// Dropping it writes what waits, makes it durable and then closes the files; the drop waits for
/// that.
#[derive(Debug)]
pub struct Trail(Kind);

#[derive(Debug)]
enum Kind {
    Folder(Box<Folder>),
    Memory { lines: Mutex<VecDeque<String>>, written: AtomicU64 },
}

#[derive(Debug)]
struct Folder {
    /// Taken only when the trail is dropped, which tells the writer to end.
    queue: Option<mpsc::UnboundedSender<Order>>,
    /// The lines that nobody waits for.
    soon: mpsc::UnboundedSender<Line>,
    /// One permit for each byte that may wait; these are what bounds the queues. Who takes some
    /// hands them over with the line; the writer gives them back.
    room: Arc<Semaphore>,
    soon_room: Arc<Semaphore>,
    shared: Arc<Shared>,
    newest_issue_ms: Option<i64>,
    writer: Option<JoinHandle<()>>,
    archiver: Option<JoinHandle<()>>,
    /// Dropped last: another server may open the folder then.
    _lock: File,
}

impl Trail {
    /// Opens the trail of a folder. This call does file I/O.
    ///
    /// A line that a crash left unfinished is ended first, so that lines never merge. `now` counts
    /// for the age of the current file and of archives.
    ///
    /// # Errors
    /// When the settings make no sense, when another server has the folder open, when files cannot
    /// be opened or made durable, and when the mark of issue times is missing or unreadable
    /// although the folder holds a trail.
    pub fn open(settings: TrailSettings, now: Timestamp) -> Result<Self, TrailError> {
        Self::open_with(settings, now, Arc::new(Disk))
    }

    /// Opens a trail as [`Trail::open`] does, on a medium that tests can make fail.
    pub fn open_with(
        settings: TrailSettings,
        now: Timestamp,
        medium: Arc<dyn Medium>,
    ) -> Result<Self, TrailError> {
        settings.check()?;
        let folder = settings.folder.clone();
        let failed = |error| TrailError::Open(folder.clone(), Arc::new(error));
        make_folder(&*medium, &folder).map_err(failed)?;
        let lock = locked_folder(&folder)?;
        let pending = pending::list(&folder).map_err(failed)?;
        let exists = |name: &str| folder.join(name).try_exists().map_err(failed);
        let new = pending.is_empty() && !exists(CURRENT)? && !exists(ARCHIVES)?;
        let mark = Mark::open(&folder, new, Arc::clone(&medium))?;
        make_folder(&*medium, &folder.join(ARCHIVES)).map_err(failed)?;

        let shared = Shared::new();
        let newest_issue_ms = mark.newest_ms();
        // Beyond every number that was used before, also when the clock was set back.
        let newest_pending = pending.last().map_or(0, |newest| newest.sequence.saturating_add(1));
        let times = now.as_millisecond().max(newest_issue_ms.unwrap_or_default());
        let sequence = newest_pending.max(u64::try_from(times).unwrap_or_default());
        let sequence = sequence.min(MAX_SEQUENCE);
        shared
            .pending_files
            .store(u64::try_from(pending.len()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let begun = pending::begun(&folder.join(CURRENT)).map_err(failed)?;
        let log = Log::open(
            &folder,
            settings.durability,
            sequence,
            Arc::clone(&medium),
            Arc::clone(&shared),
        );
        let log = log.map_err(failed)?;

        let archiver =
            Archiver::new(&settings, now, medium, Arc::clone(&shared)).map_err(failed)?;
        let (work, to_archive) = std::sync::mpsc::channel();
        let spawned = Builder::new().name("audit-archiver".to_owned());
        let stopped = ArchiverEnded(Arc::clone(&shared));
        let spawned = spawned.spawn(move || {
            let _stopped = stopped;
            archiver.run(&to_archive);
        });
        let archiver = spawned.map_err(failed)?;
        let permits = |bytes: u32| usize::try_from(bytes).unwrap_or(Semaphore::MAX_PERMITS);
        let room = Arc::new(Semaphore::new(permits(MAX_WAITING)));
        let soon_room = Arc::new(Semaphore::new(permits(MAX_SOON)));
        let (queue, orders) = mpsc::unbounded_channel();
        let (soon, soon_lines) = mpsc::unbounded_channel();
        let inbox = Inbox {
            orders,
            soon: soon_lines,
            room: Arc::clone(&room),
            soon_room: Arc::clone(&soon_room),
        };
        let writer =
            Writer::new(&settings, now, begun, log, mark, Arc::clone(&shared), work, inbox);
        let spawned = Builder::new().name("audit-trail".to_owned());
        let ended = Ended(Arc::clone(&shared));
        let spawned = spawned.spawn(move || {
            let _ended = ended;
            writer.run();
        });
        let trail = Folder {
            queue: Some(queue),
            soon,
            room,
            soon_room,
            shared,
            newest_issue_ms,
            writer: Some(spawned.map_err(failed)?),
            archiver: Some(archiver),
            _lock: lock,
        };
        Ok(Self(Kind::Folder(Box::new(trail))))
    }

    /// A trail that keeps its newest lines in memory, for tests and the demo.
    pub fn memory() -> Self {
        Self(Kind::Memory { lines: Mutex::default(), written: AtomicU64::default() })
    }

    /// The lines of a trail in memory, oldest first; a trail in a folder has none.
    pub fn lines(&self) -> Vec<String> {
        match &self.0 {
            Kind::Folder(_) => Vec::new(),
            Kind::Memory { lines, .. } => locked(lines).iter().cloned().collect(),
        }
    }

    /// The time in milliseconds since 1970 that no session of this trail was issued after, as it
    /// was when the trail was opened; up to a second ahead of the newest session. `None` when no
    /// session was ever issued, and for a trail in memory.
    pub fn newest_issue_ms(&self) -> Option<i64> {
        match &self.0 {
            Kind::Folder(folder) => folder.newest_issue_ms,
            Kind::Memory { .. } => None,
        }
    }

    /// Keeps a record.
    ///
    /// Returns when its line is written, and on the disk under [`crate::Durability::Sync`]. After
    /// an error the record may or may not be in the file; each later call tries again, and fails
    /// until a write works. A call that is dropped while it waits for its answer still writes its
    /// line; one that is dropped while it waits for room does not.
    ///
    /// # Errors
    /// When the line, or the fsync behind it, failed.
    pub async fn append(&self, line: Line) -> Result<(), TrailError> {
        self.keep(Kept::One(line), None).await
    }

    /// Keeps several records, in their order, as [`Trail::append`] keeps one. After an error any
    /// of them may be in the file.
    ///
    /// # Errors
    /// When a line, or the fsync behind it, failed.
    pub async fn append_all(&self, lines: Vec<Line>) -> Result<(), TrailError> {
        self.keep(Kept::All(lines), None).await
    }

    /// Keeps the record of a session that was issued at that time (milliseconds since 1970), as
    /// [`Trail::append`] does, and makes durable that one was: a trail that is opened later knows
    /// it as [`Trail::newest_issue_ms`].
    ///
    /// # Errors
    /// When the mark, the line, or an fsync behind them failed. The session must not be given out
    /// then.
    pub async fn append_issue(&self, line: Line, issued_ms: i64) -> Result<(), TrailError> {
        self.keep(Kept::One(line), Some(issued_ms)).await
    }

    /// As [`Trail::append_issue`], for a session that has several records: all of them are kept, or
    /// the session must not be given out.
    ///
    /// # Errors
    /// As for [`Trail::append_issue`]; any of the lines may be in the file then.
    pub async fn append_issue_all(
        &self,
        lines: Vec<Line>,
        issued_ms: i64,
    ) -> Result<(), TrailError> {
        self.keep(Kept::All(lines), Some(issued_ms)).await
    }

    /// Hands a record to the writer, waiting for room only. It is written with what comes next and
    /// durable with the next append, [`Trail::flush`] or [`Trail::tick`]; when that fails the line
    /// stays in memory and is written again. A crash before loses it.
    ///
    /// # Errors
    /// While the trail cannot be written.
    pub async fn append_soon(&self, line: Line) -> Result<(), TrailError> {
        let folder = match &self.0 {
            Kind::Memory { lines, written } => {
                remember(lines, written, [line]);
                return Ok(());
            }
            Kind::Folder(folder) => folder,
        };
        if let Some(failure) = folder.shared.failure() {
            return Err(failure);
        }
        let bytes = bytes_of(&line);
        let permits = permits_for(bytes, MAX_SOON);
        match folder.soon_room.try_acquire_many(permits) {
            // The writer gives them back when the line is durable.
            Ok(room) => room.forget(),
            Err(_) => folder.room_for_soon(permits).await?,
        }
        folder.hand_over(line, bytes)
    }

    /// Waits until everything that was handed over so far is durable.
    ///
    /// # Errors
    /// When it is not. Lines handed over by [`Trail::append_soon`] are kept and tried again.
    pub async fn flush(&self) -> Result<(), TrailError> {
        match &self.0 {
            Kind::Folder(folder) => folder.asked(|answer| Order::Flush { answer }).await,
            Kind::Memory { .. } => Ok(()),
        }
    }

    /// What must be done from time to time, about twice a second: makes everything durable that
    /// was handed over, sets the current file aside when it is full or old, and has full files
    /// compressed and old archives removed in the background. After a failure it finds out whether
    /// the trail can be written again.
    ///
    /// # Errors
    /// When the trail cannot be written or its file not be set aside. How compressing and removing
    /// went is in [`Trail::status`].
    pub async fn tick(&self, now: Timestamp) -> Result<(), TrailError> {
        match &self.0 {
            Kind::Folder(folder) => folder.asked(|answer| Order::Tick { now, answer }).await,
            Kind::Memory { .. } => Ok(()),
        }
    }

    /// Waits until the files that are set aside by then have been compressed and the archives that
    /// are too old have been removed: for tests, and for who is about to copy the archives.
    ///
    /// # Errors
    /// When one of that failed; it is tried again later.
    pub async fn settle(&self) -> Result<(), TrailError> {
        match &self.0 {
            Kind::Folder(folder) => folder.asked(|answer| Order::Settle { answer }).await,
            Kind::Memory { .. } => Ok(()),
        }
    }

    /// Whether the trail cannot be written now: the last attempt failed.
    pub fn is_down(&self) -> bool {
        match &self.0 {
            Kind::Folder(folder) => folder.shared.has_failed(),
            Kind::Memory { .. } => false,
        }
    }

    /// The state of the trail.
    pub fn status(&self) -> TrailStatus {
        match &self.0 {
            Kind::Folder(folder) => folder.shared.status(),
            Kind::Memory { written, .. } => {
                let lines_written = written.load(Ordering::Relaxed);
                TrailStatus { lines_written, ..TrailStatus::default() }
            }
        }
    }

    async fn keep(&self, kept: Kept, issued_ms: Option<i64>) -> Result<(), TrailError> {
        let folder = match &self.0 {
            Kind::Memory { lines, written } => {
                match kept {
                    Kept::One(line) => remember(lines, written, [line]),
                    Kept::All(all) => remember(lines, written, all),
                }
                return Ok(());
            }
            Kind::Folder(folder) => folder,
        };
        if kept.lines().is_empty() {
            return Ok(());
        }
        let bytes = kept.lines().iter().map(bytes_of).fold(0, u64::saturating_add);
        let permits = permits_for(bytes, MAX_WAITING);
        match folder.room.try_acquire_many(permits) {
            // The writer gives them back before it answers.
            Ok(room) => room.forget(),
            Err(_) => {
                let room = folder.room.acquire_many(permits).await;
                room.map_err(|_| folder.ended())?.forget();
            }
        }
        let count = u64::try_from(kept.lines().len()).unwrap_or(u64::MAX);
        folder.shared.waiting_lines.fetch_add(count, Ordering::Relaxed);
        folder.shared.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        let lines = Lines { kept, bytes, permits };
        folder.asked(|answer| Order::Keep { lines, issued_ms, answer }).await
    }
}

impl Folder {
    fn send(&self, order: Order) -> Result<(), TrailError> {
        let queue = self.queue.as_ref().ok_or(TrailError::Closed)?;
        queue.send(order).map_err(|_| self.ended())
    }

    /// Puts a line that has room into the queue. This fails only when the writer has ended.
    fn hand_over(&self, line: Line, bytes: u64) -> Result<(), TrailError> {
        self.shared.soon.add(bytes);
        self.soon.send(line).map_err(|_| self.ended())?;
        if self.shared.soon.must_wake() { self.send(Order::Empty) } else { Ok(()) }
    }

    /// Waits for room for a line that nobody waits for, but not while the trail cannot be written.
    async fn room_for_soon(&self, permits: u32) -> Result<(), TrailError> {
        if self.shared.soon.must_tell() {
            self.send(Order::Empty)?;
        }
        let room = tokio::select! {
            biased;
            failure = self.shared.failing() => return Err(failure),
            room = self.soon_room.acquire_many(permits) => room,
        };
        room.map_err(|_| self.ended())?.forget();
        Ok(())
    }

    async fn asked(
        &self,
        order: impl FnOnce(oneshot::Sender<Result<(), TrailError>>) -> Order,
    ) -> Result<(), TrailError> {
        let (answer, done) = oneshot::channel();
        self.send(order(answer))?;
        done.await.map_err(|_| self.ended())?
    }

    /// Notes that the writer is gone, as whoever noticed must find it from then on.
    fn ended(&self) -> TrailError {
        self.shared.fail(TrailError::Closed);
        TrailError::Closed
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // The writer answers each line by itself; how its thread ended tells nothing more.
            let _ = writer.join();
        }
        // The file that is being compressed is begun again when the trail is opened next.
        self.shared.stop();
        if let Some(archiver) = self.archiver.take() {
            let _ = archiver.join();
        }
    }
}

/// Says that the trail cannot be written once its writer has ended, however that was.
struct Ended(Arc<Shared>);

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.fail(TrailError::Closed);
    }
}

/// Says that nothing is archived once the archiver has ended, unless the trail is being closed.
struct ArchiverEnded(Arc<Shared>);

impl Drop for ArchiverEnded {
    fn drop(&mut self) {
        if !self.0.is_stopping() && std::thread::panicking() {
            // Told by the status; who asked is told by the answer that does not come.
            let _ = self.0.archived(Err(io::Error::other("its thread has ended: restart")));
        }
    }
}

/// Locks the folder for this process.
fn locked_folder(folder: &Path) -> Result<File, TrailError> {
    let failed = |error: io::Error| TrailError::Open(folder.to_owned(), Arc::new(error));
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    let lock = private(&mut options).open(folder.join(LOCK)).map_err(failed)?;
    match lock.try_lock() {
        Ok(()) => Ok(lock),
        Err(std::fs::TryLockError::WouldBlock) => Err(TrailError::InUse(folder.to_owned())),
        Err(std::fs::TryLockError::Error(error)) => Err(failed(error)),
    }
}

/// The bytes that a line takes in the file, with its line break.
fn bytes_of(line: &Line) -> u64 {
    u64::try_from(line.as_str().len()).unwrap_or(u64::MAX).saturating_add(1)
}

/// The permits for so many bytes: at most all there are.
fn permits_for(bytes: u64, most: u32) -> u32 {
    u32::try_from(bytes).unwrap_or(most).min(most)
}

fn remember(
    kept: &Mutex<VecDeque<String>>,
    written: &AtomicU64,
    lines: impl IntoIterator<Item = Line>,
) {
    let mut kept = locked(kept);
    for line in lines {
        if kept.len() >= MAX_IN_MEMORY {
            kept.pop_front();
        }
        kept.push_back(line.into_string());
        written.fetch_add(1, Ordering::Relaxed);
    }
}

/// Lines are whole even when a holder of the lock has panicked.
fn locked(lines: &Mutex<VecDeque<String>>) -> MutexGuard<'_, VecDeque<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
