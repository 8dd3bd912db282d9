//! Whose the large documents are that are under way. Whoever they come from, whose access key they
//! name and whose account that is: each holds its share at the most, so that neither one address nor
//! whoever knows one access key id shuts everybody else out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass_api::Allowance;
use daypass_names::{AccessKeyId, AccountId};

use crate::per_address::source;

/// How many documents may come from one address.
pub(crate) const OF_ADDRESS: usize = 2;
/// How many may name one access key.
pub(crate) const OF_KEY: usize = 2;
/// How many may name access keys of one account. Of the budget there is always room for one of
/// another account.
pub(crate) const OF_ACCOUNT: usize = 3;

/// Who has a share.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
pub(crate) enum Holder {
    Address(IpAddr),
    Key(AccessKeyId),
    Account(AccountId),
}

impl Holder {
    /// The share, and what has it.
    fn share(&self) -> (usize, &'static str) {
        match self {
            Self::Address(_) => (OF_ADDRESS, "address"),
            Self::Key(_) => (OF_KEY, "access key"),
            Self::Account(_) => (OF_ACCOUNT, "account"),
        }
    }
}

/// Counts what each holder holds. Only who holds something is in it.
#[derive(Debug, Default)]
pub(crate) struct Shares(Mutex<HashMap<Holder, usize>>);

impl Shares {
    /// Counts one more for all of them for as long as the result lives; otherwise how many one of
    /// them holds already, and what it is.
    pub(crate) fn admit(
        self: &Arc<Self>,
        address: IpAddr,
        allowance: &Allowance,
    ) -> Result<Share, (usize, &'static str)> {
        let key = allowance.key.clone().map(Holder::Key);
        let account = allowance.account.map(Holder::Account);
        let address = Holder::Address(source(address));
        let holders: Vec<Holder> = [address].into_iter().chain(key).chain(account).collect();
        let mut counts = self.counts();
        for holder in &holders {
            let (most, what) = holder.share();
            if counts.get(holder).is_some_and(|count| *count >= most) {
                return Err((most, what));
            }
        }
        for holder in &holders {
            let count = counts.entry(holder.clone()).or_default();
            *count = count.saturating_add(1);
        }
        drop(counts);
        Ok(Share { of: Arc::clone(self), holders })
    }

    /// A thread that panicked under the lock has left whole counts behind.
    fn counts(&self) -> MutexGuard<'_, HashMap<Holder, usize>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One document that its holders hold.
#[derive(Debug)]
pub(crate) struct Share {
    of: Arc<Shares>,
    holders: Vec<Holder>,
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut counts = self.of.counts();
        for holder in self.holders.drain(..) {
            if let Entry::Occupied(mut entry) = counts.entry(holder) {
                *entry.get_mut() = entry.get().saturating_sub(1);
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::Constrained;

    use super::*;

    #[test]
    fn each_holder_has_its_share() {
        let shares = Arc::new(Shares::default());
        let admit = |address: &str, key: &str, account: &str| {
            let allowance = Allowance {
                bytes: 1,
                key: Some(AccessKeyId::parse(key).unwrap()),
                account: Some(AccountId::parse(account).unwrap()),
            };
            let admitted = shares.admit(address.parse().unwrap(), &allowance);
            admitted.map_err(|(most, what)| format!("{what} {most}"))
        };
        const ONE: &str = "AKIAIOSFODNN7EXAMPLE";
        const TWO: &str = "AKIAIOSFODNN8EXAMPLE";
        const THREE: &str = "AKIAIOSFODNN9EXAMPLE";
        const HERE: &str = "123456789012";
        const THERE: &str = "210987654321";
        let mut held = Vec::new();
        for (address, key, account, want) in [
            ("192.0.2.1", ONE, HERE, None),
            ("192.0.2.2", ONE, HERE, None),
            ("192.0.2.3", ONE, HERE, Some("access key 2")),
            ("192.0.2.3", TWO, HERE, None),
            ("192.0.2.4", TWO, HERE, Some("account 3")),
            ("192.0.2.3", THREE, THERE, None),
            ("::ffff:192.0.2.3", THREE, THERE, Some("address 2")),
            ("192.0.2.5", THREE, THERE, None),
        ] {
            let admitted = admit(address, key, account);
            assert_eq!(admitted.as_ref().err().map(String::as_str), want, "{address} {key}");
            held.extend(admitted);
        }
        held.remove(0);
        assert!(admit("192.0.2.4", ONE, HERE).is_ok());
        held.clear();
        // Nothing is remembered of those that hold nothing.
        assert!(shares.counts().is_empty());
    }
}
