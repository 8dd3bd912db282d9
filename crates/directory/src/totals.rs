//! Totals of an account that its summary tells: kept in the same commit as what they count, so that
//! nobody has to walk through all of it.
//!
//! A store of an earlier release has none. A total that is missing is counted once, by the first
//! change of it, and until then by whoever asks.

use daypass_names::{AccountId, PathPrefix};
use daypass_store::{Commit, Key, Revision};

use crate::directory::{corrupt, count_of};
use crate::keys::{self, Noun, Total};
use crate::{Directory, DirectoryError, MAX_PAGE, ManagedPolicy, MfaDevice, PolicyScope};

impl Directory {
    /// The versions of managed policies that an account has: those of its own, and of AWS's the one
    /// version of each that it uses.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when a count is damaged.
    pub async fn policy_versions_in_use(&self, account: AccountId) -> Result<u64, DirectoryError> {
        let mut versions = u64::from(self.total(Total::PolicyVersions, account).await?);
        let (all, mut after) = (PathPrefix::default(), None::<String>);
        loop {
            // Those of AWS are a table that does not grow with the account.
            let scope = PolicyScope::Aws;
            let page =
                self.managed_policies(account, scope, &all, after.as_deref(), MAX_PAGE).await?;
            for policy in page.items.iter().filter(|it| it.attachments > 0 || it.boundaries > 0) {
                let held = u64::try_from(policy.versions.len()).unwrap_or(u64::MAX);
                versions = versions.saturating_add(held);
            }
            after = page.next;
            if after.is_none() {
                return Ok(versions);
            }
        }
    }

    /// The virtual MFA devices of an account, and how many of them are somebody's.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when a count is damaged.
    pub async fn mfa_device_counts(
        &self,
        account: AccountId,
    ) -> Result<(u32, u32), DirectoryError> {
        let in_use = self.total(Total::MfaDevicesInUse, account).await?;
        Ok((self.count(Noun::MfaDevice, account).await?, in_use))
    }

    /// Adds to `commit` that a total changes by as many; `read` is what was counted until now and is
    /// not any more, and must be unchanged for the commit. The caller has the account's turn
    /// ([`Directory::counting`]): all such changes write the same key.
    pub(crate) async fn change_total(
        &self,
        total: Total,
        account: AccountId,
        commit: Commit,
        by: i64,
        read: Option<(&Key, Revision)>,
    ) -> Result<Commit, DirectoryError> {
        if by == 0 {
            return Ok(commit);
        }
        let key = keys::total(total, account)?;
        let (count, commit) = match self.store.get(&key).await? {
            Some(entry) => (count_of(&key, &entry)?, commit.unchanged(key.clone(), entry.revision)),
            // INVARIANT: every change of what is counted writes the key. As long as it is absent,
            // what was walked through is as it was.
            None => (self.count_all(total, account).await?, commit.absent(key.clone())),
        };
        let count = i64::from(count).checked_add(by).and_then(|count| u32::try_from(count).ok());
        match (count, read) {
            (Some(count), _) => Ok(commit.put(key, count.to_string().into_bytes())),
            (None, Some(read)) => self.require_overtaken(&key, read).await.map(|()| commit),
            (None, None) => Err(corrupt(&key, "there are more than can be counted")),
        }
    }

    async fn total(&self, total: Total, account: AccountId) -> Result<u32, DirectoryError> {
        let key = keys::total(total, account)?;
        match self.store.get(&key).await? {
            Some(entry) => count_of(&key, &entry),
            None => self.count_all(total, account).await,
        }
    }

    /// Walks through all that is counted.
    async fn count_all(&self, total: Total, account: AccountId) -> Result<u32, DirectoryError> {
        let (all, mut after) = (PathPrefix::default(), None::<String>);
        let mut count: usize = 0;
        loop {
            let from = after.as_deref();
            after = match total {
                Total::MfaDevicesInUse => {
                    let page = self.entities::<MfaDevice>(account, &all, from, MAX_PAGE).await?;
                    count += page.items.iter().filter(|it| it.assigned.is_some()).count();
                    page.next
                }
                Total::PolicyVersions => {
                    let page =
                        self.entities::<ManagedPolicy>(account, &all, from, MAX_PAGE).await?;
                    count += page.items.iter().map(|it| it.versions.len()).sum::<usize>();
                    page.next
                }
            };
            if after.is_none() {
                return Ok(u32::try_from(count).unwrap_or(u32::MAX));
            }
        }
    }
}
