//! Names to addresses.
//!
//! The machine's resolver blocks a thread, and takes half a minute when a name server says nothing.
//! Nobody waits that long here, but the thread does: there are few of them, and each account has its
//! share, so that one whose names do not resolve keeps nobody else from theirs.

use std::collections::HashMap;
use std::fmt;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass_names::AccountId;

/// Most names that are being resolved, and most of one account.
const MAX_NAMES: usize = 64;
const MAX_NAMES_OF_ONE: usize = 8;

/// Most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, when they are known.
pub(super) type Resolving<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResolveFault>> + Send + 'a>>;

/// Resolves names.
pub(super) trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, which is wanted for that account; in the order of preference.
    fn resolve<'a>(&'a self, host: &'a str, account: AccountId) -> Resolving<'a>;
}

/// Why a name has no addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ResolveFault {
    /// Too many are being resolved.
    Busy,
    /// There are none, or nobody says.
    Unknown(String),
}

/// The resolver of the machine.
#[derive(Debug, Default)]
pub(super) struct SystemResolver {
    under_way: Arc<UnderWay>,
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, account: AccountId) -> Resolving<'a> {
        Box::pin(async move {
            let place = Place::take(&self.under_way, account).ok_or(ResolveFault::Busy)?;
            let host = host.to_owned();
            let resolving = tokio::task::spawn_blocking(move || {
                // Taken until the thread is free, whoever waits for it.
                let _place = place;
                let found = (host.as_str(), 0).to_socket_addrs()?;
                Ok(found.map(|address| address.ip()).take(MAX_ADDRESSES).collect())
            });
            match resolving.await {
                Ok(found) => {
                    found.map_err(|error: std::io::Error| ResolveFault::Unknown(error.to_string()))
                }
                Err(error) => Err(ResolveFault::Unknown(error.to_string())),
            }
        })
    }
}

/// How many names are being resolved, by account.
#[derive(Debug, Default)]
struct UnderWay(Mutex<HashMap<AccountId, usize>>);

impl UnderWay {
    fn counts(&self) -> MutexGuard<'_, HashMap<AccountId, usize>> {
        // Each change is a single step, also for who comes after a panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One of the names that may be resolved at a time.
struct Place {
    under_way: Arc<UnderWay>,
    account: AccountId,
}

impl Place {
    fn take(under_way: &Arc<UnderWay>, account: AccountId) -> Option<Self> {
        let mut counts = under_way.counts();
        if counts.values().sum::<usize>() >= MAX_NAMES {
            return None;
        }
        let count = counts.entry(account).or_default();
        if *count >= MAX_NAMES_OF_ONE {
            return None;
        }
        *count += 1;
        Some(Self { under_way: Arc::clone(under_way), account })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.under_way.counts();
        let left = counts.get_mut(&self.account).map(|count| {
            *count = count.saturating_sub(1);
            *count
        });
        if left == Some(0) {
            counts.remove(&self.account);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    #[test]
    fn each_account_has_its_share_of_the_threads() {
        let under_way = Arc::default();
        let take = |number| Place::take(&under_way, account(number));
        let mut of_one: Vec<_> = (0..MAX_NAMES_OF_ONE).map(|_| take(1).unwrap()).collect();
        assert!(take(1).is_none());
        let others: Vec<_> =
            (MAX_NAMES_OF_ONE..MAX_NAMES).map(|number| take(1 + number / 4).unwrap()).collect();
        assert!(take(999).is_none(), "all are taken");
        of_one.pop();
        assert!(take(999).is_some() && take(1).is_some(), "and free again when they are dropped");
        drop((of_one, others));
        assert!(under_way.counts().is_empty(), "nothing is left behind");
    }

    #[tokio::test]
    async fn the_machine_knows_itself() {
        let resolver = SystemResolver::default();
        let found = resolver.resolve("localhost", account(1)).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        // RFC 6761, section 6.4: nobody has an address there.
        let found = resolver.resolve("a.invalid", account(1)).await;
        assert!(matches!(found, Err(ResolveFault::Unknown(_))), "{found:?}");
        assert!(resolver.under_way.counts().is_empty());
    }
}
