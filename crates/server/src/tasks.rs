//! Tasks that are to go on for as long as the server runs: one that ends is logged, seen by health
//! and begun again.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

/// How long a task rests that has ended, and how long it must then run to count as running.
const REST: Duration = Duration::from_secs(5);

/// The tasks that do not run now.
#[derive(Debug, Default)]
pub(crate) struct Tasks(Mutex<BTreeSet<&'static str>>);

impl Tasks {
    /// The names of the tasks that do not run now; none when all is well.
    pub(crate) fn ended(&self) -> Vec<&'static str> {
        self.names().iter().copied().collect()
    }

    /// Begins a task, and begins it again whenever it ends.
    pub(crate) fn spawn<F>(
        self: &Arc<Self>,
        on: &mut JoinSet<()>,
        name: &'static str,
        task: impl Fn() -> F + Send + 'static,
    ) where
        F: Future<Output = ()> + Send,
    {
        let tasks = Arc::clone(self);
        on.spawn(async move {
            loop {
                let mut running = pin!(caught(task()));
                if timeout(REST, &mut running).await.is_err() {
                    tasks.names().remove(name);
                    running.await;
                }
                tasks.names().insert(name);
                tracing::error!(task = name, "a task has ended, and is begun again");
                sleep(REST).await;
            }
        });
    }

    fn names(&self) -> std::sync::MutexGuard<'_, BTreeSet<&'static str>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs a task to its end, which a panic is too. What a panic says may hold anything, so its text
/// stays out.
async fn caught(task: impl Future<Output = ()>) {
    let mut task = pin!(task);
    poll_fn(|context| {
        // It is never polled again after a panic.
        let polled = catch_unwind(AssertUnwindSafe(|| task.as_mut().poll(context)));
        polled.unwrap_or(Poll::Ready(()))
    })
    .await;
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU32, Ordering};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_task_that_ends_is_seen_and_begun_again() {
        let tasks = Arc::new(Tasks::default());
        let begun = Arc::new(AtomicU32::new(0));
        let start = tokio::time::Instant::now();
        let mut all = JoinSet::new();
        let counted = Arc::clone(&begun);
        tasks.spawn(&mut all, "brittle", move || {
            let number = counted.fetch_add(1, Ordering::Relaxed);
            async move {
                sleep(Duration::from_secs(60)).await;
                match number {
                    0 => panic!("as told"),
                    1 => {}
                    _ => std::future::pending().await,
                }
            }
        });
        tasks.spawn(&mut all, "sound", std::future::pending);
        for (seconds, times, ended) in [
            (50, 1, &[][..]),
            // Panicked after 60, at rest until 65, on trial until 70.
            (62, 1, &["brittle"][..]),
            (68, 2, &["brittle"][..]),
            (80, 2, &[][..]),
            // Returned after 125.
            (127, 2, &["brittle"][..]),
            (200, 3, &[][..]),
        ] {
            tokio::time::sleep_until(start + Duration::from_secs(seconds)).await;
            assert_eq!(begun.load(Ordering::Relaxed), times, "{seconds}");
            assert_eq!(tasks.ended(), ended, "{seconds}");
        }
        all.shutdown().await;
    }
}
