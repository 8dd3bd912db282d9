//! Closing an account: every credential of it is refused from the next request on, and nothing of
//! it is deleted.
//!
//! The record says it, and an index of the closed accounts alone, written in the same commit. The
//! start reads both before anything is served, the stricter one counts, and what the index has lost
//! it gets back. Every process has the closed accounts in memory, where authentication looks without
//! a read and without a lock. An account is in memory before the call that closes it returns, also
//! when the store leaves open whether it has it.

use std::collections::HashSet;
use std::fmt;
use std::sync::Arc;

use arc_swap::ArcSwapOption;
use daypass_names::AccountId;
use daypass_store::{Commit, MAX_SCAN, StoreError};
use daypass_token::Session;
use jiff::Timestamp;
use tokio::sync::Mutex;

use crate::access_keys::KeyHolder;
use crate::directory::{ATTEMPTS, corrupt};
use crate::record::ClosureRecord;
use crate::{Account, Directory, DirectoryError, Noting, RevocationFault, keys};

/// What closing an account is told with.
#[derive(Clone, Debug)]
pub struct Closing {
    /// Now.
    pub at: Timestamp,
    /// Who closes it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// What a start finds of accounts.
#[derive(Debug)]
pub struct AccountsAtStart {
    /// All of them, ordered by id.
    pub accounts: Vec<Account>,
    /// The closed ones of which the index did not say so, and does now.
    pub unindexed: Vec<AccountId>,
}

/// The closed accounts in memory, and the lock of their writers.
#[derive(Default)]
pub(crate) struct Closed {
    /// Nothing until the store was read.
    accounts: ArcSwapOption<HashSet<AccountId>>,
    writing: Mutex<()>,
}

impl Closed {
    fn change(&self, change: impl Fn(&mut HashSet<AccountId>)) {
        self.accounts.rcu(|accounts| {
            accounts.as_ref().map(|accounts| {
                let mut accounts = HashSet::clone(accounts);
                change(&mut accounts);
                Arc::new(accounts)
            })
        });
    }
}

impl fmt::Debug for Closed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &*self.accounts.load() {
            Some(accounts) => write!(f, "Closed({})", accounts.len()),
            None => write!(f, "Closed(unread)"),
        }
    }
}

/// An account that is being closed. Whatever becomes of the commit, even when the call is dropped
/// in the middle, it is closed in memory, unless it is known not to be stored.
struct Pending<'a> {
    closed: &'a Closed,
    account: AccountId,
    withdrawn: bool,
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.withdrawn {
            self.closed.change(|accounts| {
                accounts.insert(self.account);
            });
        }
    }
}

impl Directory {
    /// Whether an account is closed.
    ///
    /// # Errors
    /// [`RevocationFault::Unread`] before [`Directory::load_revocations`]: every credential must
    /// then be refused.
    pub fn is_closed(&self, account: AccountId) -> Result<bool, RevocationFault> {
        let accounts = self.closed.accounts.load();
        accounts.as_ref().map(|all| all.contains(&account)).ok_or(RevocationFault::Unread)
    }

    /// The closed account that a session hangs on, if there is one: its own, that of an earlier
    /// session of its chain, or that of the key which the chain began with.
    ///
    /// # Errors
    /// As for [`Directory::is_closed`].
    pub fn closed_behind(&self, session: &Session) -> Result<Option<AccountId>, RevocationFault> {
        let accounts = self.closed.accounts.load();
        let accounts = accounts.as_ref().ok_or(RevocationFault::Unread)?;
        if accounts.is_empty() {
            return Ok(None);
        }
        let ancestors = session.ancestors.iter().map(|ancestor| ancestor.account);
        let own = [Some(session.account), session.origin.account].into_iter().flatten();
        Ok(own.chain(ancestors).find(|account| accounts.contains(account)))
    }

    /// Reads which accounts are closed, from their index.
    pub(crate) async fn load_closed(&self) -> Result<(), DirectoryError> {
        let _writing = self.closed.writing.lock().await;
        let mut accounts = HashSet::new();
        let mut after = None;
        loop {
            let prefix = keys::CLOSED_ACCOUNTS.as_bytes();
            let page = self.store.scan(prefix, after.as_ref(), MAX_SCAN).await?;
            for (key, _) in &page {
                let account = keys::behind(key, keys::CLOSED_ACCOUNTS);
                let account = account.and_then(|text| AccountId::parse(&text).ok());
                accounts.insert(account.ok_or_else(|| corrupt(key, "it is of no account"))?);
            }
            if page.len() < MAX_SCAN {
                break;
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
        self.closed.accounts.store(Some(Arc::new(accounts)));
        Ok(())
    }

    /// All accounts, for a start, before anything is served. Those whose records say that they are closed are so from now on, also where the index,
    /// which is damaged then, does not say it: those get their entry back, and are told.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when the record of an account cannot be read, since nobody knows
    /// whether that is closed, or what the store lacks.
    pub async fn accounts_at_start(&self) -> Result<AccountsAtStart, DirectoryError> {
        let _writing = self.closed.writing.lock().await;
        let accounts = self.accounts().await?;
        let closed = accounts.iter().filter(|account| account.closed.is_some());
        let closed: Vec<AccountId> = closed.map(|account| account.id).collect();
        self.closed.change(|known| known.extend(&closed));
        let mut unindexed = Vec::new();
        for id in closed {
            if self.index_closed(id).await? {
                unindexed.push(id);
            }
        }
        Ok(AccountsAtStart { accounts, unindexed })
    }

    /// Puts the entry of an account whose record says that it is closed into the index, unless it is
    /// there. Says whether it was not.
    async fn index_closed(&self, id: AccountId) -> Result<bool, DirectoryError> {
        let index = keys::closed_account(id)?;
        for _ in 0..ATTEMPTS {
            if self.store.get(&index).await?.is_some() {
                return Ok(false);
            }
            let editing = <Account as KeyHolder>::edit(self, id).await?;
            if editing.value.closed.is_none() {
                return Ok(false);
            }
            let commit = Commit::new().unchanged(editing.key.clone(), editing.revision);
            match self.store.commit(commit.put(index.clone(), Vec::new())).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Closes an account. From the moment that this returns no credential of it is believed, and no
    /// write of its callers is committed any more.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::AccountClosed`], or what the store or the
    /// note lack. After [`DirectoryError::Store`] the account is closed in this process, and the
    /// store may not have it.
    pub async fn close_account(
        &self,
        id: AccountId,
        closing: Closing,
        noting: &dyn Noting<Account>,
    ) -> Result<(), DirectoryError> {
        let _writing = self.closed.writing.lock().await;
        for _ in 0..ATTEMPTS {
            let mut editing = <Account as KeyHolder>::edit(self, id).await?;
            if editing.value.closed.is_some() {
                // It was perhaps closed by an attempt of which nobody knew how it ended.
                self.closed.change(|accounts| {
                    accounts.insert(id);
                });
                // Or the index lost it.
                self.index_closed(id).await?;
                return Err(DirectoryError::AccountClosed(id));
            }
            editing.record.closed = Some(ClosureRecord {
                at: closing.at.to_string(),
                by: closing.by.clone(),
                reason: closing.reason.clone(),
            });
            let made = self.made::<Account>(&editing.record)?;
            let too_large = made.too_large(&self.quotas);
            let index = keys::closed_account(id)?;
            let commit = editing.rewrite().ok_or(too_large)?.put(index, Vec::new());
            let mut pending = Pending { closed: &self.closed, account: id, withdrawn: false };
            match self.commit_noted(commit, noting, &made).await {
                Ok(true) => {
                    drop(pending);
                    self.settle_writes().await;
                    return Ok(());
                }
                Ok(false) => pending.withdrawn = true,
                // Nothing was sent to the store.
                Err(error @ DirectoryError::Note(_)) => {
                    pending.withdrawn = true;
                    return Err(error);
                }
                Err(error) => {
                    drop(pending);
                    self.settle_writes().await;
                    return Err(error);
                }
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Opens a closed account again: what was refused because of it and has not ended works again.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::AccountOpen`], or what the store or the note
    /// lack; the account then stays closed in this process.
    pub async fn reopen_account(
        &self,
        id: AccountId,
        noting: &dyn Noting<Account>,
    ) -> Result<(), DirectoryError> {
        let _writing = self.closed.writing.lock().await;
        for _ in 0..ATTEMPTS {
            let mut editing = <Account as KeyHolder>::edit(self, id).await?;
            if editing.value.closed.is_none() && !self.is_closed(id).unwrap_or(true) {
                return Err(DirectoryError::AccountOpen(id));
            }
            editing.record.closed = None;
            let made = self.made::<Account>(&editing.record)?;
            let too_large = made.too_large(&self.quotas);
            let index = keys::closed_account(id)?;
            let commit = editing.rewrite().ok_or(too_large)?.delete(index);
            if self.commit_noted(commit, noting, &made).await? {
                self.closed.change(|accounts| {
                    accounts.remove(&id);
                });
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}
