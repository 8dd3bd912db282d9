//! Accounts: the outermost boundary between tenants.

use daypass_names::AccountId;
use daypass_store::{Commit, Entry, Key, MAX_SCAN};

use crate::directory::{corrupt, count_of, decode, encode};
use crate::keys::Noun;
use crate::record::{self, AccountRecord};
use crate::{Account, AccountCounts, Directory, DirectoryError, Entity, NewAccount, Noting, keys};

impl Directory {
    /// The account.
    pub async fn account(&self, id: AccountId) -> Result<Account, DirectoryError> {
        let key = keys::account(id)?;
        match self.store.get(&key).await? {
            Some(entry) => parse(&key, &entry),
            None => Err(DirectoryError::NotFound(Entity::Account(id))),
        }
    }

    /// All accounts, ordered by id.
    pub async fn accounts(&self) -> Result<Vec<Account>, DirectoryError> {
        let mut accounts = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.scan(keys::ACCOUNTS, after.as_ref(), MAX_SCAN).await?;
            for (key, entry) in &page {
                accounts.push(parse(key, entry)?);
            }
            if page.len() < MAX_SCAN {
                return Ok(accounts);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }

    /// How many entities of each kind an account has.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn account_counts(&self, id: AccountId) -> Result<AccountCounts, DirectoryError> {
        self.require_account(id).await?;
        Ok(AccountCounts {
            users: self.count(Noun::User, id).await?,
            groups: self.count(Noun::Group, id).await?,
            roles: self.count(Noun::Role, id).await?,
            policies: self.count(Noun::Policy, id).await?,
            instance_profiles: self.count(Noun::InstanceProfile, id).await?,
        })
    }

    /// How many there are of something; a count that was never written is 0.
    async fn count(&self, noun: Noun, account: AccountId) -> Result<u32, DirectoryError> {
        let key = keys::count(noun, account)?;
        let entry = self.store.get(&key).await?;
        Ok(entry.map(|entry| count_of(&key, &entry)).transpose()?.unwrap_or(0))
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`] when the id is taken.
    pub async fn create_account(
        &self,
        new: NewAccount,
        noting: &dyn Noting<Account>,
    ) -> Result<Account, DirectoryError> {
        let key = keys::account(new.id)?;
        let record = AccountRecord { id: new.id.to_string(), created: new.created.to_string() };
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, "the record is too large"))?;
        let account = Account { id: new.id, created: new.created };
        let commit = Commit::new().absent(key.clone()).put(key, bytes);
        match self.commit_noted(commit, noting, &account).await? {
            true => Ok(account),
            false => Err(DirectoryError::AlreadyExists(Entity::Account(new.id))),
        }
    }
}

pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<Account, DirectoryError> {
    let stored: AccountRecord = decode(key, entry)?;
    let id = record::account(&stored.id).map_err(|reason| corrupt(key, reason))?;
    if keys::account(id)? != *key {
        return Err(corrupt(key, "the record belongs to another key"));
    }
    let created = record::timestamp(&stored.created).map_err(|reason| corrupt(key, reason))?;
    Ok(Account { id, created })
}
