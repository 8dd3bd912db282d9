//! The one thread that writes.
//!
//! It puts all commits that wait into one transaction, so that one wait for the disk serves them
//! all, and answers none of them before that. The preconditions of each are checked in turn
//! inside the transaction. A commit is done wholly or not at all whether or not its caller stays.

use std::fmt;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, TryRecvError, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::config::DbConfig;
use rusqlite::{
    Connection, OptionalExtension, Statement, Transaction, TransactionBehavior, params,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

use super::layout::BUSY;
use super::rows;
use super::shared::Shared;
use crate::read_cache::ReadCache;
use crate::{Commit, Key, MAX_COMMIT_BYTES, Revision, StoreError};

/// Commits that one transaction takes.
const BATCH: usize = 256;

/// Bytes that one transaction takes, unless a single commit has more.
const BATCH_BYTES: usize = MAX_COMMIT_BYTES;

/// Kibibytes of commits that may wait for the thread: more wait with their callers.
const WAITING_KIB: u32 = 64 << 10;

/// What a page of the file has; it bounds what a small commit adds to the write-ahead log.
const PAGE: u64 = 4_096;

/// The log is copied into the file when about so much was added to it: 4 MiB.
const CHECKPOINT: u64 = 4 << 20;

/// From here on a checkpoint waits for readers, so that the log begins anew: 64 MiB.
const LONG_WAL: u64 = 64 << 20;

/// How long such a checkpoint waits for readers, and commits for it.
const PATIENCE: Duration = Duration::from_secs(1);

/// After how long a write that failed is followed by one that changes nothing.
const TRY_AGAIN: Duration = Duration::from_secs(1);

/// After how long the thread looks up when nothing has failed.
const IDLE: Duration = Duration::from_secs(3600);

/// A commit that waits.
pub(super) struct Job {
    commit: Commit,
    answer: oneshot::Sender<Result<Revision, StoreError>>,
    _place: OwnedSemaphorePermit,
}

/// The thread and the way to it.
pub(super) struct Writer {
    shared: Arc<Shared>,
    queue: Option<Sender<Job>>,
    places: Arc<Semaphore>,
    thread: Option<JoinHandle<()>>,
}

/// What the thread owns.
pub(super) struct Pen {
    connection: Connection,
    shared: Arc<Shared>,
    cache: Arc<ReadCache>,
    log_capacity: u64,
    /// Changes in the log.
    logged: u64,
}

impl Pen {
    /// Takes the connection that writes. The log is shortened to `log_capacity` with the next
    /// commit.
    pub(super) fn new(
        connection: Connection,
        shared: Arc<Shared>,
        cache: Arc<ReadCache>,
        log_capacity: u64,
    ) -> rusqlite::Result<Self> {
        let logged =
            connection.query_row("SELECT count(*) FROM change", [], |row| rows::number(row, 0))?;
        let (revision, _) = rows::state(&connection)?;
        shared.revision.store(revision.number(), Ordering::Release);
        Ok(Self { connection, shared, cache, log_capacity, logged })
    }
}

impl Writer {
    pub(super) fn start(pen: Pen) -> io::Result<Self> {
        let (queue, waiting) = channel();
        let shared = Arc::clone(&pen.shared);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || pen.run(&waiting))?;
        Ok(Self {
            shared,
            queue: Some(queue),
            places: Arc::new(Semaphore::new(WAITING_KIB as usize)),
            thread: Some(thread),
        })
    }

    /// Hands a checked commit over and waits for its answer.
    pub(super) async fn commit(&self, commit: Commit) -> Result<Revision, StoreError> {
        let kib = u32::try_from(bytes_of(&commit) >> 10).unwrap_or(WAITING_KIB);
        let places = kib.saturating_add(1).min(WAITING_KIB);
        let place = Arc::clone(&self.places)
            .acquire_many_owned(places)
            .await
            .map_err(|_| self.stopped())?;
        let (answer, answered) = oneshot::channel();
        let job = Job { commit, answer, _place: place };
        let sent = self.queue.as_ref().and_then(|queue| queue.send(job).ok());
        sent.ok_or_else(|| self.stopped())?;
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Lets the thread do what waits, then ends it.
    pub(super) fn stop(&mut self) {
        self.queue = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has ended as well; its callers were told.
            drop(thread.join());
        }
    }

    /// The thread ends only when it is told to, unless it panicked in the middle of something.
    fn stopped(&self) -> StoreError {
        self.shared.close("the thread that writes has ended")
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Writer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Writer").field("running", &self.thread.is_some()).finish_non_exhaustive()
    }
}

impl Pen {
    fn run(self, waiting: &Receiver<Job>) {
        let Self { connection, shared, cache, log_capacity, logged } = self;
        match Statements::prepare(&connection) {
            Ok(statements) => {
                let (connection, shared, cache) = (&connection, &shared, &cache);
                let desk = Desk {
                    connection,
                    statements,
                    shared,
                    cache,
                    log_capacity,
                    logged,
                    unchecked: 0,
                };
                desk.serve(waiting);
            }
            Err(error) => drop(shared.close(&error.to_string())),
        }
        finish(connection, &shared);
    }
}

/// What the thread works with.
struct Desk<'c> {
    connection: &'c Connection,
    statements: Statements<'c>,
    shared: &'c Shared,
    cache: &'c ReadCache,
    log_capacity: u64,
    /// Changes in the log.
    logged: u64,
    /// About how much was added to the write-ahead log since the last checkpoint.
    unchecked: u64,
}

impl Desk<'_> {
    fn serve(mut self, waiting: &Receiver<Job>) {
        loop {
            let first = match waiting.recv_timeout(self.patience()) {
                Ok(first) => first,
                Err(RecvTimeoutError::Timeout) => {
                    self.try_again();
                    continue;
                }
                Err(RecvTimeoutError::Disconnected) => return,
            };
            let batch = gather(first, waiting);
            let answers = self.write(&batch);
            for (job, answer) in batch.into_iter().zip(answers) {
                // The caller may have gone: the commit took place all the same.
                drop(job.answer.send(answer));
            }
            if self.unchecked >= CHECKPOINT && self.shared.closed().is_none() {
                self.checkpoint();
            }
        }
    }

    /// How long nothing need be done when no commit comes.
    fn patience(&self) -> Duration {
        match self.shared.closed().is_none() && self.shared.last_failure().is_some() {
            true => TRY_AGAIN,
            false => IDLE,
        }
    }

    /// Finds out whether there is room again after a failed write, by writing what is there
    /// already: callers who look at the failure before they write would never see it end.
    fn try_again(&mut self) {
        if self.shared.closed().is_some() || self.shared.last_failure().is_none() {
            return;
        }
        let written = Transaction::new_unchecked(self.connection, TransactionBehavior::Immediate)
            .and_then(|transaction| {
                transaction.execute("UPDATE state SET revision = revision", [])?;
                transaction.commit()
            });
        match written {
            Ok(()) => self.shared.keep_outcome(None),
            Err(error) => drop(self.failed(&error)),
        }
    }

    /// The answers to a batch, none of which is given before all of it is on the disk and the
    /// cache knows.
    fn write(&mut self, batch: &[Job]) -> Vec<Result<Revision, StoreError>> {
        if let Err(error) = self.shared.is_open() {
            return batch.iter().map(|_| Err(error.clone())).collect();
        }
        let cache = self.cache;
        let writing = cache.writing(batch.iter().flat_map(|job| written_by(&job.commit)));
        let result = self.transact(batch);
        let answers = result.unwrap_or_else(|error| {
            let error = self.failed(&error);
            batch.iter().map(|_| Err(error.clone())).collect()
        });
        drop(writing);
        answers
    }

    fn transact(&mut self, batch: &[Job]) -> rusqlite::Result<Vec<Result<Revision, StoreError>>> {
        let transaction =
            Transaction::new_unchecked(self.connection, TransactionBehavior::Immediate)?;
        let (before, floor) = rows::state(&transaction)?;
        let mut work = Work {
            statements: &mut self.statements,
            revision: before,
            floor,
            logged: self.logged,
            commits: 0,
            bytes: 0,
        };
        let mut answers = Vec::with_capacity(batch.len());
        for job in batch {
            answers.push(work.apply(&job.commit)?);
        }
        if work.revision == before {
            transaction.rollback()?;
        } else {
            work.shorten_log(self.log_capacity)?;
            work.keep_state()?;
            let Work { revision, logged, commits, bytes, .. } = work;
            transaction.commit()?;
            self.shared.keep_outcome(None);
            self.logged = logged;
            self.unchecked = self.unchecked.saturating_add(bytes);
            self.shared.revision.store(revision.number(), Ordering::Release);
            self.shared.transactions.add(1);
            self.shared.commits.add(commits);
        }
        let conflict = |answer: &&Result<_, _>| matches!(answer, Err(StoreError::Conflict { .. }));
        let conflicts = answers.iter().filter(conflict).count();
        self.shared.conflicts.add(u64::try_from(conflicts).unwrap_or(u64::MAX));
        Ok(answers)
    }

    /// After a failure nothing of the batch may stay in a transaction.
    fn failed(&self, error: &rusqlite::Error) -> StoreError {
        let told = self.shared.failed(error);
        self.shared.keep_outcome(Some(error.to_string()));
        if !self.connection.is_autocommit() && self.connection.execute_batch("ROLLBACK").is_err() {
            return self.shared.close(&error.to_string());
        }
        told
    }

    /// Copies the write-ahead log into the file, and has it begin anew when it is long.
    fn checkpoint(&mut self) {
        let known = self.shared.wal_bytes.load(Ordering::Relaxed);
        // While a backup reads, the log cannot begin anew: waiting for it would hold up commits.
        let held = self.shared.backups.load(Ordering::Acquire) > 0;
        let (pragma, patience) = if known >= LONG_WAL && !held {
            ("PRAGMA wal_checkpoint(RESTART)", PATIENCE)
        } else {
            ("PRAGMA wal_checkpoint(PASSIVE)", BUSY)
        };
        let pages = self
            .connection
            .busy_timeout(patience)
            .and_then(|()| self.connection.query_row(pragma, [], |row| row.get::<_, i64>(1)))
            .and_then(|pages| self.connection.busy_timeout(BUSY).map(|()| pages));
        match pages {
            // A log that was copied as a whole begins anew with the next commit: what counts then
            // is what the next checkpoint finds.
            Ok(pages) => {
                let used = u64::try_from(pages).unwrap_or(0).saturating_mul(PAGE);
                self.shared.wal_bytes.store(used, Ordering::Relaxed);
                self.shared.checkpoints.add(1);
                self.unchecked = 0;
            }
            // The commits in the log are safe; a disk that fails here closes the engine, one that
            // is full is tried again with the next commit.
            Err(error) => drop(self.shared.failed(&error)),
        }
    }
}

/// Leaves one whole file, unless the disk is not to be trusted: then the log stays as it is.
fn finish(connection: Connection, shared: &Shared) {
    if shared.closed().is_some() {
        let keep = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
        drop(connection.set_db_config(keep, true));
    } else if let Err(error) =
        connection.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |_| Ok(()))
    {
        // The log keeps everything; the next start reads it.
        shared.failed(&error);
    }
    drop(connection.close());
}

/// All that waits, up to the bounds of one transaction.
fn gather(first: Job, waiting: &Receiver<Job>) -> Vec<Job> {
    let mut bytes = bytes_of(&first.commit);
    let mut batch = vec![first];
    while batch.len() < BATCH && bytes < BATCH_BYTES {
        match waiting.try_recv() {
            Ok(job) => {
                bytes = bytes.saturating_add(bytes_of(&job.commit));
                batch.push(job);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    batch
}

fn bytes_of(commit: &Commit) -> usize {
    let puts = commit.puts.iter().map(|(key, value)| key.as_bytes().len() + value.len());
    let deletes = commit.deletes.iter().map(|key| key.as_bytes().len());
    puts.chain(deletes).fold(0, usize::saturating_add)
}

fn written_by(commit: &Commit) -> impl Iterator<Item = &Key> {
    commit.puts.iter().map(|(key, _)| key).chain(&commit.deletes)
}

/// The writes of the connection, prepared once.
struct Statements<'c> {
    revision: Statement<'c>,
    put: Statement<'c>,
    delete: Statement<'c>,
    log: Statement<'c>,
    oldest: Statement<'c>,
    shorten: Statement<'c>,
    keep: Statement<'c>,
}

impl<'c> Statements<'c> {
    fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        Ok(Self {
            revision: connection.prepare("SELECT revision FROM entry WHERE key = ?1")?,
            put: connection.prepare(
                "INSERT INTO entry (key, value, revision) VALUES (?1, ?2, ?3) \
                 ON CONFLICT (key) DO UPDATE SET value = ?2, revision = ?3",
            )?,
            delete: connection.prepare("DELETE FROM entry WHERE key = ?1")?,
            log: connection.prepare(
                "INSERT INTO change (revision, ordinal, key, kind) VALUES (?1, ?2, ?3, ?4)",
            )?,
            oldest: connection.prepare(
                "SELECT revision FROM change ORDER BY revision, ordinal LIMIT 1 OFFSET ?1",
            )?,
            shorten: connection.prepare("DELETE FROM change WHERE revision <= ?1")?,
            keep: connection.prepare("UPDATE state SET revision = ?1, floor = ?2")?,
        })
    }
}

/// A transaction in the making.
struct Work<'a, 'c> {
    statements: &'a mut Statements<'c>,
    revision: Revision,
    floor: Revision,
    /// Changes in the log.
    logged: u64,
    /// Commits that wrote something.
    commits: u64,
    /// About what they add to the write-ahead log.
    bytes: u64,
}

impl Work<'_, '_> {
    /// One commit after those before it. The outer error fails the whole transaction.
    fn apply(&mut self, commit: &Commit) -> rusqlite::Result<Result<Revision, StoreError>> {
        for precondition in &commit.preconditions {
            let current = self.revision_of(precondition.key())?;
            if !precondition.holds(current) {
                return Ok(Err(StoreError::Conflict { key: precondition.key().clone() }));
            }
        }
        let mut deletes = Vec::new();
        for key in &commit.deletes {
            if self.revision_of(key)?.is_some() {
                deletes.push(key);
            }
        }
        if commit.puts.is_empty() && deletes.is_empty() {
            return Ok(Ok(self.revision));
        }
        let next = self.revision.number().checked_add(1).map(i64::try_from);
        let Some(Ok(revision)) = next else {
            let reason = "there are no revisions left".to_owned();
            return Ok(Err(StoreError::Unavailable { reason }));
        };
        let mut ordinal = 0_i64;
        for (key, value) in &commit.puts {
            self.statements.put.execute(params![key.as_bytes(), &**value, revision])?;
            self.log(revision, &mut ordinal, key, rows::PUT)?;
        }
        for key in deletes {
            self.statements.delete.execute([key.as_bytes()])?;
            self.log(revision, &mut ordinal, key, rows::DELETE)?;
        }
        self.revision = Revision::new(self.revision.number().saturating_add(1));
        self.commits += 1;
        let bytes = u64::try_from(bytes_of(commit)).unwrap_or(u64::MAX);
        let pages = u64::try_from(ordinal).unwrap_or(u64::MAX).saturating_mul(PAGE);
        self.bytes = self.bytes.saturating_add(bytes).saturating_add(pages);
        Ok(Ok(self.revision))
    }

    fn revision_of(&mut self, key: &Key) -> rusqlite::Result<Option<Revision>> {
        self.statements
            .revision
            .query_row([key.as_bytes()], |row| rows::number(row, 0))
            .optional()
            .map(|found| found.map(Revision::new))
    }

    fn log(
        &mut self,
        revision: i64,
        ordinal: &mut i64,
        key: &Key,
        kind: i64,
    ) -> rusqlite::Result<()> {
        self.statements.log.execute(params![revision, *ordinal, key.as_bytes(), kind])?;
        *ordinal += 1;
        self.logged = self.logged.saturating_add(1);
        Ok(())
    }

    /// Forgets the oldest commits, each as a whole, until the log fits.
    fn shorten_log(&mut self, capacity: u64) -> rusqlite::Result<()> {
        let Some(last) = self.logged.checked_sub(capacity).and_then(|excess| excess.checked_sub(1))
        else {
            return Ok(());
        };
        let floor = self
            .statements
            .oldest
            .query_row([i64::try_from(last).unwrap_or(i64::MAX)], |row| row.get::<_, i64>(0))?;
        let gone = self.statements.shorten.execute([floor])?;
        self.logged = self.logged.saturating_sub(u64::try_from(gone).unwrap_or(u64::MAX));
        self.floor = Revision::new(u64::try_from(floor).unwrap_or(0));
        Ok(())
    }

    fn keep_state(&mut self) -> rusqlite::Result<()> {
        let number = |revision: Revision| i64::try_from(revision.number()).unwrap_or(i64::MAX);
        self.statements.keep.execute([number(self.revision), number(self.floor)]).map(drop)
    }
}
