//! Files that are read again while the server runs: on SIGHUP, and when they have changed.
//!
//! What cannot be read or used is reported, and what was read before stays in use.

use std::fmt::{self, Display};
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::spawn_blocking;
use tokio::time::{MissedTickBehavior, interval};

/// How often the files are looked at.
const CHECK: Duration = Duration::from_secs(60);

/// Something that can be read again. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Reload {
    what: &'static str,
    read: Arc<dyn Fn() -> Result<bool, String> + Send + Sync>,
}

impl Reload {
    /// What is read again by `read`, which says whether anything is new.
    pub(crate) fn new<E: Display>(
        what: &'static str,
        read: impl Fn() -> Result<bool, E> + Send + Sync + 'static,
    ) -> Self {
        Self { what, read: Arc::new(move || read().map_err(|error| error.to_string())) }
    }

    /// Reads it again, and says what came of it.
    async fn run(&self) {
        let (what, read) = (self.what, Arc::clone(&self.read));
        match spawn_blocking(move || read()).await {
            Ok(Ok(true)) => tracing::info!(what, "the new file is in use"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(what, error, "what was read before stays in use"),
            Err(error) => tracing::error!(what, %error, "a file could not be read again"),
        }
    }
}

impl fmt::Debug for Reload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reload").field("what", &self.what).finish_non_exhaustive()
    }
}

/// Reads all of them again on SIGHUP and when the files have changed; never ends.
pub(crate) async fn keep_fresh(reloads: &[Reload]) {
    let mut hangup = signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP will not reload any file"))
        .ok();
    let mut ticks = interval(CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = asked => {}
            _ = ticks.tick() => {}
        }
        for reload in reloads {
            reload.run().await;
        }
    }
}
