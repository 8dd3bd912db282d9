//! The trail: an append-only file of records, one line of JSON each.
//!
//! [`Trail::append`] answers when the record is kept, or says that it is not. Lines are written
//! by one thread that takes all lines that wait at once (group commit), so that one fsync serves
//! all calls in flight. Nothing is dropped: when the disk cannot keep up, callers wait, and when
//! it fails, every caller is told.

use std::collections::VecDeque;
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{Builder, JoinHandle};

use thiserror::Error;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::Record;
use crate::writer::{Log, Waiting, write_all_waiting};

/// Most bytes of the lines that wait to be written. A call that finds no room waits.
const MAX_WAITING: u32 = 8 << 20;

/// Most lines that a trail in memory keeps; the oldest go first.
const MAX_IN_MEMORY: usize = 10_000;

/// What a line must survive before its append is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The end of this process: the line was handed to the operating system.
    Buffered,
    /// The end of the machine: the line was written to the disk.
    Sync,
}

/// Why a record was not kept.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TrailError {
    /// The trail is closed; its writer has ended.
    #[error("the audit trail is closed")]
    Closed,
    /// The record cannot be written as JSON.
    #[error("the audit record cannot be encoded: {0}")]
    Encode(Arc<serde_json::Error>),
    /// The trail cannot be opened.
    #[error("the audit trail cannot be opened: {0}")]
    Open(Arc<io::Error>),
    /// The line, or the fsync behind it, failed.
    #[error("the audit trail cannot be written: {0}")]
    Write(Arc<io::Error>),
}

/// An append-only trail of records.
///
/// Dropping it writes what waits and then closes the file; the drop waits for that.
#[derive(Debug)]
pub struct Trail(Kind);

#[derive(Debug)]
enum Kind {
    File {
        /// Taken only when the trail is dropped, which tells the writer to end.
        queue: Option<mpsc::UnboundedSender<Waiting>>,
        /// One permit for each byte that may wait; this is what bounds the queue.
        room: Arc<Semaphore>,
        writer: Option<JoinHandle<()>>,
    },
    Memory(Mutex<VecDeque<String>>),
}

impl Trail {
    /// Opens the trail at `path`, readable by its owner only if it must be made.
    ///
    /// A line that a crash left unfinished is ended first, so that lines never merge. The file is
    /// locked: a second server cannot write to it at the same time. This call does file I/O.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, TrailError> {
        let opened = |error| TrailError::Open(Arc::new(error));
        let log = Log::open(path.as_ref(), durability).map_err(opened)?;
        let (queue, waiting) = mpsc::unbounded_channel();
        let writer = Builder::new()
            .name("audit-trail".to_owned())
            .spawn(move || write_all_waiting(log, waiting))
            .map_err(opened)?;
        let room = Arc::new(Semaphore::new(usize::try_from(MAX_WAITING).unwrap_or(usize::MAX)));
        Ok(Self(Kind::File { queue: Some(queue), room, writer: Some(writer) }))
    }

    /// A trail that keeps its newest lines in memory, for tests and the demo.
    pub fn memory() -> Self {
        Self(Kind::Memory(Mutex::new(VecDeque::new())))
    }

    /// The lines of a trail in memory, oldest first; a trail in a file has none.
    pub fn lines(&self) -> Vec<String> {
        match &self.0 {
            Kind::File { .. } => Vec::new(),
            Kind::Memory(lines) => locked(lines).iter().cloned().collect(),
        }
    }

    /// Keeps a record.
    ///
    /// Returns when its line is written, and on the disk under [`Durability::Sync`]. After an
    /// error the record may or may not be in the file; each later call tries again, and fails
    /// until a write works. A call that is dropped while it waits for its answer still writes its
    /// line; one that is dropped while it waits for room does not.
    pub async fn append(&self, record: &Record) -> Result<(), TrailError> {
        let encoded = serde_json::to_string(record);
        let mut line = encoded.map_err(|error| TrailError::Encode(Arc::new(error)))?;
        match &self.0 {
            Kind::Memory(lines) => {
                let mut lines = locked(lines);
                if lines.len() >= MAX_IN_MEMORY {
                    lines.pop_front();
                }
                lines.push_back(line);
                Ok(())
            }
            Kind::File { queue, room, .. } => {
                line.push('\n');
                // The bounds of a record keep it far below the room for all; were one larger,
                // it would take all the room there is.
                let size = u32::try_from(line.len()).unwrap_or(MAX_WAITING).min(MAX_WAITING);
                let room = Arc::clone(room).acquire_many_owned(size).await;
                let room = room.map_err(|_| TrailError::Closed)?;
                let (answer, written) = oneshot::channel();
                let queue = queue.as_ref().ok_or(TrailError::Closed)?;
                let waiting = Waiting { line, answer, room };
                queue.send(waiting).map_err(|_| TrailError::Closed)?;
                written.await.map_err(|_| TrailError::Closed)?
            }
        }
    }
}

impl Drop for Trail {
    fn drop(&mut self) {
        if let Kind::File { queue, writer, .. } = &mut self.0 {
            drop(queue.take());
            if let Some(writer) = writer.take() {
                // The writer answers each line by itself; how its thread ended tells nothing more.
                let _ = writer.join();
            }
        }
    }
}

/// Lines are whole even when a holder of the lock has panicked.
fn locked(lines: &Mutex<VecDeque<String>>) -> MutexGuard<'_, VecDeque<String>> {
    lines.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
