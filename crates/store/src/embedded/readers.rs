//! Threads that read, each with a connection of its own.
//!
//! A read whose caller has gone is not begun. How many wait is bounded: callers beyond it wait
//! for a place without holding anything.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::{Semaphore, oneshot};

use super::rows::Reading;
use super::shared::Shared;
use crate::StoreError;

/// Reads that may wait for a thread.
const WAITING: usize = 1_024;

type Read = Box<dyn FnOnce(&mut Reading<'_>) + Send>;

/// The threads that read.
pub(super) struct Readers {
    shared: Arc<Shared>,
    queue: Option<Sender<Read>>,
    places: Arc<Semaphore>,
    threads: Vec<JoinHandle<()>>,
}

impl Readers {
    /// Starts one thread for each connection.
    pub(super) fn start(connections: Vec<Connection>, shared: Arc<Shared>) -> io::Result<Self> {
        let (queue, waiting) = channel();
        let waiting = Arc::new(Mutex::new(waiting));
        let mut readers = Self {
            shared,
            queue: Some(queue),
            places: Arc::new(Semaphore::new(WAITING)),
            threads: Vec::new(),
        };
        for connection in connections {
            let waiting = Arc::clone(&waiting);
            let shared = Arc::clone(&readers.shared);
            let thread = std::thread::Builder::new()
                .name("store-reader".to_owned())
                .spawn(move || run(&connection, &waiting, &shared))?;
            readers.threads.push(thread);
        }
        Ok(readers)
    }

    /// Runs `read` on one of the threads.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        read: impl FnOnce(&mut Reading<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| self.stopped())?;
        let (answer, answered) = oneshot::channel();
        let shared = Arc::clone(&self.shared);
        let read: Read = Box::new(move |reading| {
            let _place = place;
            if answer.is_closed() {
                return;
            }
            let result = shared
                .is_open()
                .and_then(|()| read(reading).map_err(|error| shared.failed(&error)));
            // The caller may have gone meanwhile.
            drop(answer.send(result));
        });
        self.queue
            .as_ref()
            .and_then(|queue| queue.send(read).ok())
            .ok_or_else(|| self.stopped())?;
        answered.await.unwrap_or_else(|_| Err(self.stopped()))
    }

    /// A thread ends only when it is told to, unless it panicked: what it met may be damage.
    fn stopped(&self) -> StoreError {
        self.shared.close("a thread that reads has ended")
    }

    /// Lets the threads finish what waits and ends them.
    pub(super) fn stop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has ended as well; its callers were told.
            drop(thread.join());
        }
    }
}

impl Drop for Readers {
    fn drop(&mut self) {
        self.stop();
    }
}

impl fmt::Debug for Readers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Readers").field("threads", &self.threads.len()).finish_non_exhaustive()
    }
}

fn run(connection: &Connection, waiting: &Mutex<Receiver<Read>>, shared: &Shared) {
    let mut reading = match Reading::prepare(connection) {
        Ok(reading) => reading,
        Err(error) => {
            shared.close(&error.to_string());
            return;
        }
    };
    loop {
        // The lock is held only until the next read is there: the others wait for the same.
        let Ok(queue) = waiting.lock() else { return };
        let Ok(read) = queue.recv() else { return };
        drop(queue);
        read(&mut reading);
    }
}
