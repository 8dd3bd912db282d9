//! Which account holds how much of the memory for keys. Each has its share: beyond it, what it
//! fetched longest ago goes first, and nothing of anybody else.

use std::collections::{HashMap, VecDeque};

use daypass_names::{AccountId, UniqueId};

/// Most bytes that one account holds, as keys are weighed: a hundred providers of ten keys each fit,
/// or six of the largest sets.
pub(crate) const SHARE_BYTES: u64 = 4 << 20;

/// What the accounts hold, the oldest first. It may name what is not kept any more.
#[derive(Debug, Default)]
pub(super) struct Shares(HashMap<AccountId, VecDeque<(UniqueId, u64)>>);

impl Shares {
    /// An account holds so many bytes for a provider from now on. What has to go for that comes back.
    pub(super) fn note(
        &mut self,
        account: AccountId,
        provider: UniqueId,
        bytes: u64,
    ) -> Vec<UniqueId> {
        let held = self.0.entry(account).or_default();
        held.retain(|(other, _)| *other != provider);
        held.push_back((provider, bytes));
        let mut sum: u64 = held.iter().map(|(_, bytes)| bytes).sum();
        let mut gone = Vec::new();
        while sum > SHARE_BYTES
            && held.len() > 1
            && let Some((oldest, bytes)) = held.pop_front()
        {
            sum = sum.saturating_sub(bytes);
            gone.push(oldest);
        }
        gone
    }

    /// Leaves out what is not kept any more.
    pub(super) fn retain(&mut self, is_kept: impl Fn(&UniqueId) -> bool) {
        self.0.retain(|_, held| {
            held.retain(|(provider, _)| is_kept(provider));
            !held.is_empty()
        });
    }

    /// Of how many accounts there is something.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// The providers of each account.
    pub(super) fn providers(&self) -> impl Iterator<Item = impl Iterator<Item = UniqueId>> {
        self.0.values().map(|held| held.iter().map(|(provider, _)| *provider))
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;

    use super::*;

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    fn provider(number: u8) -> UniqueId {
        UniqueId::from_random(UniqueIdKind::OidcProvider, [number; 11])
    }

    #[test]
    fn what_an_account_fetched_longest_ago_goes_first() {
        let mut shares = Shares::default();
        let quarter = SHARE_BYTES / 4;
        for number in 0..4 {
            assert!(shares.note(account(1), provider(number), quarter).is_empty());
        }
        assert!(shares.note(account(2), provider(100), quarter).is_empty(), "of its own");
        // Fetched again: the same bytes, and the newest now.
        assert!(shares.note(account(1), provider(0), quarter).is_empty());
        assert_eq!(shares.note(account(1), provider(4), 1), [provider(1)]);
        assert_eq!(shares.note(account(1), provider(5), 2 * quarter), [provider(2), provider(3)]);
        // What is as large as all stays alone.
        let gone = shares.note(account(1), provider(6), SHARE_BYTES);
        assert_eq!(gone, [provider(0), provider(4), provider(5)]);
        shares.retain(|one| *one != provider(100));
        assert_eq!(shares.len(), 1);
        assert_eq!(shares.providers().flatten().collect::<Vec<_>>(), [provider(6)]);
    }
}
