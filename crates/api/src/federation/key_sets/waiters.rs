//! Callers who wait for keys: how many may, of one provider, of one account and together.
//!
//! Whoever waits holds a place among the operations of the server for as long as a fetch may take,
//! and a token that nobody has proven is enough to make somebody wait. Who finds no place here is
//! answered at once, and may ask again: the fetch goes on without him.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use daypass_names::{AccountId, UniqueId};

/// Most who wait for the keys of one provider: a fleet that starts together with the server, nearly.
/// All of them wait for the same fetch, which is over in a moment when the provider answers at all.
pub(crate) const MAX_WAITING_FOR_ONE: usize = 64;

/// Most who wait for the keys of one account's providers: two that say nothing, and half of all.
pub(crate) const MAX_WAITING_OF_ACCOUNT: usize = 128;

/// Most who wait at all: a quarter of the operations that the server has under way at a time (1,024),
/// so that all providers together hold up nobody who needs none of them.
pub(crate) const MAX_WAITING: usize = 256;

/// The last so many places are for accounts of which only a few wait: two accounts do not take all.
const KEPT_FREE: usize = 64;
const FEW: usize = 8;

/// Counts who waits.
#[derive(Debug, Default)]
pub(super) struct Waiters(Mutex<Counts>);

/// Only what somebody waits for is in the maps, so they are as bounded as the callers.
#[derive(Debug, Default)]
struct Counts {
    all: usize,
    accounts: HashMap<AccountId, usize>,
    providers: HashMap<UniqueId, usize>,
}

impl Waiters {
    /// Counts one more for as long as the result lives; nothing when too many wait.
    pub(super) fn admit(
        self: &Arc<Self>,
        account: AccountId,
        provider: UniqueId,
    ) -> Option<Waiting> {
        let mut counts = self.counts();
        let of_account = held(&counts.accounts, &account);
        let has_place = counts.all < MAX_WAITING
            && (counts.all < MAX_WAITING - KEPT_FREE || of_account < FEW)
            && of_account < MAX_WAITING_OF_ACCOUNT
            && held(&counts.providers, &provider) < MAX_WAITING_FOR_ONE;
        if !has_place {
            return None;
        }
        counts.all += 1;
        *counts.accounts.entry(account).or_default() += 1;
        *counts.providers.entry(provider).or_default() += 1;
        drop(counts);
        Some(Waiting { waiters: Arc::clone(self), account, provider })
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        // Nothing panics while the counts are held, and a wait is to be given back in any case.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One who waits, and does no longer when this is dropped: however that comes about.
#[derive(Debug)]
pub(super) struct Waiting {
    waiters: Arc<Waiters>,
    account: AccountId,
    provider: UniqueId,
}

impl Drop for Waiting {
    fn drop(&mut self) {
        let mut counts = self.waiters.counts();
        counts.all = counts.all.saturating_sub(1);
        give_back(&mut counts.accounts, self.account);
        give_back(&mut counts.providers, self.provider);
    }
}

fn held<K: Eq + Hash>(counts: &HashMap<K, usize>, key: &K) -> usize {
    counts.get(key).copied().unwrap_or_default()
}

fn give_back<K: Eq + Hash>(counts: &mut HashMap<K, usize>, key: K) {
    if let Entry::Occupied(mut count) = counts.entry(key) {
        *count.get_mut() = count.get().saturating_sub(1);
        if *count.get() == 0 {
            count.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;

    use super::*;

    /// As many as are let in of so many who come for one provider.
    fn come(waiters: &Arc<Waiters>, account: u8, provider: u8, callers: usize) -> Vec<Waiting> {
        let account = AccountId::parse(&format!("{account:012}")).unwrap();
        let provider = UniqueId::from_random(UniqueIdKind::OidcProvider, [provider; 11]);
        (0..callers).filter_map(|_| waiters.admit(account, provider)).collect()
    }

    #[test]
    fn a_provider_an_account_and_all_have_their_share() {
        let waiters = Arc::new(Waiters::default());
        let mut first = come(&waiters, 1, 1, 100);
        assert_eq!(first.len(), MAX_WAITING_FOR_ONE);
        let mut all: Vec<_> = (2..10).flat_map(|one| come(&waiters, 1, one, 100)).collect();
        assert_eq!(first.len() + all.len(), MAX_WAITING_OF_ACCOUNT);
        all.extend((11..30).flat_map(|one| come(&waiters, one, one, 10)));
        assert_eq!(first.len() + all.len(), MAX_WAITING);
        // The place of one who is gone is another's, and counts for the other.
        first.truncate(MAX_WAITING_FOR_ONE - 1);
        assert_eq!(come(&waiters, 1, 2, 100).len(), 0, "as many wait for that one as may");
        let other = come(&waiters, 99, 99, 100);
        assert_eq!(other.len(), 1);
        assert_eq!(come(&waiters, 1, 1, 100).len(), 0, "as many wait as may");
        drop((first, all, other));
        let counts = waiters.counts();
        assert!(counts.all == 0 && counts.accounts.is_empty() && counts.providers.is_empty());
    }

    #[test]
    fn the_last_places_are_for_those_of_whom_few_wait() {
        let waiters = Arc::new(Waiters::default());
        let of_two: Vec<_> = [(1, 1), (1, 2), (2, 3), (2, 4)]
            .into_iter()
            .flat_map(|(account, provider)| come(&waiters, account, provider, 100))
            .collect();
        assert_eq!(of_two.len(), MAX_WAITING - KEPT_FREE);
        assert_eq!(come(&waiters, 3, 5, 100).len(), FEW);
    }

    #[test]
    fn who_panics_gives_his_place_back() {
        let waiters = Arc::new(Waiters::default());
        let held = come(&waiters, 1, 1, 100);
        let panics = move || {
            let _held = held;
            panic!("for the test");
        };
        std::thread::spawn(panics).join().unwrap_err();
        assert_eq!(come(&waiters, 1, 1, 100).len(), MAX_WAITING_FOR_ONE);
    }
}
