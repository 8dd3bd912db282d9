//! Looks a large file through while it is already read and written, and closes the engine when it
//! is damaged.
//!
//! Reading a file of a gigabyte takes seconds, which nobody wants to wait for at each start. What
//! is read of a damaged page meanwhile fails by itself; this finds the pages that nobody reads.

use std::io;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use rusqlite::{Connection, InterruptHandle};

use super::faults::OpenFault;
use super::layout::{self, Depth};
use super::shared::Shared;

/// How long is waited between two attempts to interrupt a check that is not wanted any more.
const PATIENCE: Duration = Duration::from_millis(1);

/// A check under way, or one that has ended.
pub(super) struct LateCheck {
    unwanted: Arc<AtomicBool>,
    interrupt: InterruptHandle,
    /// Disconnected when the check has ended. Never locked: a receiver alone cannot be shared.
    ended: Mutex<Receiver<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LateCheck {
    /// Begins to look through the file of `connection`, on a thread of its own.
    pub(super) fn start(
        connection: Connection,
        path: PathBuf,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let interrupt = connection.get_interrupt_handle();
        let unwanted = Arc::new(AtomicBool::new(false));
        let asked_to_end = Arc::clone(&unwanted);
        let (running, ended) = channel();
        let look = move || {
            let _running: Sender<()> = running;
            if asked_to_end.load(Ordering::Acquire) {
                return;
            }
            match layout::intact(&connection, &path, Depth::Quick) {
                Ok(()) => {}
                // It was interrupted.
                Err(_) if asked_to_end.load(Ordering::Acquire) => {}
                Err(OpenFault::Damaged { detail, .. } | OpenFault::Io { detail, .. }) => {
                    drop(shared.close(&detail));
                }
                Err(other) => drop(shared.close(&other.to_string())),
            }
        };
        let thread = std::thread::Builder::new().name("store-check".to_owned()).spawn(look)?;
        Ok(Self { unwanted, interrupt, ended: Mutex::new(ended), thread: Some(thread) })
    }

    /// Waits for the verdict.
    #[cfg(test)]
    pub(super) fn wait(&mut self) {
        self.thread.take().map(JoinHandle::join);
    }
}

impl Drop for LateCheck {
    fn drop(&mut self) {
        self.unwanted.store(true, Ordering::Release);
        let Some(thread) = self.thread.take() else { return };
        // Without effect as long as the check has not begun: hence more than once.
        self.interrupt.interrupt();
        let ended = self.ended.get_mut().unwrap_or_else(PoisonError::into_inner);
        while ended.recv_timeout(PATIENCE) == Err(RecvTimeoutError::Timeout) {
            self.interrupt.interrupt();
        }
        // It has closed the engine if it had anything to say; a panic has been printed.
        drop(thread.join());
    }
}

impl std::fmt::Debug for LateCheck {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LateCheck").finish_non_exhaustive()
    }
}
