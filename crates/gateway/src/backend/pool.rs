//! Connections to the backend that wait for the next request.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::link::Link;

/// Most connections that are kept.
const KEPT_MAX: usize = 128;
/// How long one is kept. Servers close idle connections themselves after a while, most not before a
/// minute.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How long one may have rested that takes a request with a body: such a request cannot be sent
/// again when the connection turns out to be closed.
const KEPT_FOR_BODIES: Duration = Duration::from_secs(4);

/// The connections, those used last at the end.
#[derive(Default)]
pub(super) struct Pool(Mutex<Vec<Link>>);

impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Pool")
    }
}

impl Pool {
    /// A connection that stands, as far as can be told.
    pub(super) async fn take(&self, is_bare: bool) -> Option<Link> {
        let longest = if is_bare { KEPT_FOR } else { KEPT_FOR_BODIES };
        loop {
            let mut link = {
                let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
                kept.pop_if(|link| link.idle_since.elapsed() < longest)?
            };
            if link.look().await {
                return Some(link);
            }
        }
    }

    /// Keeps a connection on which nothing is under way.
    pub(super) fn keep(&self, mut link: Link) {
        link.idle_since = Instant::now();
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let expired = kept.iter().take_while(|link| link.idle_since.elapsed() >= KEPT_FOR).count();
        let gone: Vec<Link> = kept.drain(..expired).collect();
        if kept.len() < KEPT_MAX {
            kept.push(link);
        }
        drop(kept);
        // Closing takes system calls: nobody is to wait for them.
        drop(gone);
    }
}
