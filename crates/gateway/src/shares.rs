//! What all requests share: places of which there are so many, and how much of them one account may
//! have, so that no tenant keeps another waiting. Requests that nobody signed have one share together.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daypass_names::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How long a request waits until a place is free.
pub(crate) const TURN_TIMEOUT: Duration = Duration::from_secs(10);

/// A place, if one becomes free in time.
pub(crate) async fn turn(places: &Arc<Semaphore>) -> Option<OwnedSemaphorePermit> {
    // A timer is set up only when there is something to wait for.
    if let Ok(place) = Arc::clone(places).try_acquire_owned() {
        return Some(place);
    }
    Box::pin(timeout(TURN_TIMEOUT, Arc::clone(places).acquire_owned())).await.ok()?.ok()
}

/// The shares of something.
#[derive(Debug)]
pub(crate) struct Shares {
    most: usize,
    /// Those that have anything; nobody's is under none.
    taken: Mutex<HashMap<Option<AccountId>, usize>>,
}

/// One of what is shared, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share {
    shares: Arc<Shares>,
    of: Option<AccountId>,
}

impl Shares {
    /// Shares of that many for each.
    pub(crate) fn new(most: usize) -> Arc<Self> {
        Arc::new(Self { most, taken: Mutex::default() })
    }

    /// One more, unless the share is used up.
    pub(crate) fn take(self: &Arc<Self>, of: Option<AccountId>) -> Option<Share> {
        let mut taken = self.taken.lock().unwrap_or_else(PoisonError::into_inner);
        let count = taken.entry(of).or_default();
        if *count >= self.most {
            return None;
        }
        *count = count.saturating_add(1);
        Some(Share { shares: Arc::clone(self), of })
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut taken = self.shares.taken.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = taken.get_mut(&self.of) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                taken.remove(&self.of);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_has_more_than_a_share_and_nobody_pays_for_another() {
        let shares = Shares::new(2);
        let one = Some(AccountId::parse("111111111111").unwrap());
        let two = Some(AccountId::parse("222222222222").unwrap());
        let (first, second) = (shares.take(one).unwrap(), shares.take(one).unwrap());
        assert!(shares.take(one).is_none());
        let other = shares.take(two).unwrap();
        let nobody = shares.take(None).unwrap();
        drop(first);
        let third = shares.take(one).unwrap();
        assert!(shares.take(one).is_none());
        drop((second, other, nobody, third));
        assert!(shares.taken.lock().unwrap().is_empty());
    }
}
