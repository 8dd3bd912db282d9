//! Accounts: the outermost boundary between tenants.

use std::sync::Arc;

use daypass_names::{AccessKeyId, AccountId};
use daypass_store::{Commit, Key, MAX_SCAN, Revision, StoreError};

use crate::access_keys::KeyHolder;
use crate::cache::Cache;
use crate::directory::{Editing, Stored, corrupt, count_of, encode};
use crate::keys::Noun;
use crate::record::{self, AccountRecord, ClosureRecord};
use crate::{
    Account, AccountCounts, AccountRegions, Closure, Directory, DirectoryError, Entity, NewAccount,
    Noting, Quotas, keys,
};

/// Most characters of who closed an account, and why.
pub(crate) const MAX_WORDS: usize = 1_024;

impl Directory {
    /// The account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn account(&self, id: AccountId) -> Result<Arc<Account>, DirectoryError> {
        let found = self.find(&keys::account(id)?).await?;
        found.ok_or(DirectoryError::NotFound(Entity::Account(id)))
    }

    /// All accounts, closed ones too, ordered by id.
    pub async fn accounts(&self) -> Result<Vec<Account>, DirectoryError> {
        let mut accounts: Vec<Account> = Vec::new();
        loop {
            let page = self.accounts_after(accounts.last().map(|account| account.id)).await?;
            let is_last = page.len() < MAX_SCAN;
            accounts.extend(page);
            if is_last {
                return Ok(accounts);
            }
        }
    }

    /// The first [`MAX_SCAN`] accounts, closed ones too, ordered by id, or the first behind one, which
    /// need not be there. Nothing when there are no more.
    pub async fn accounts_after(
        &self,
        after: Option<AccountId>,
    ) -> Result<Vec<Account>, DirectoryError> {
        let after = after.map(keys::account).transpose()?;
        let page = self.store.scan(keys::ACCOUNTS, after.as_ref(), MAX_SCAN).await?;
        page.iter().map(|(key, entry)| Ok(self.parse::<Account>(key, entry)?.1)).collect()
    }

    /// Whether there is an account. Reads one record however many there are.
    pub async fn has_accounts(&self) -> Result<bool, DirectoryError> {
        Ok(!self.store.scan(keys::ACCOUNTS, None, 1).await?.is_empty())
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
            oidc_providers: self.count(Noun::OidcProvider, id).await?,
            saml_providers: self.count(Noun::SamlProvider, id).await?,
        })
    }

    /// How many there are of something; a count that was never written is 0.
    pub(crate) async fn count(
        &self,
        noun: Noun,
        account: AccountId,
    ) -> Result<u32, DirectoryError> {
        let key = keys::count(noun, account)?;
        let entry = self.store.get(&key).await?;
        Ok(entry.map(|entry| count_of(&key, &entry)).transpose()?.unwrap_or(0))
    }

    /// Makes an account.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`] when the id is taken, [`DirectoryError::Refused`] when it
    /// is [`AccountId::ZEROS`].
    pub async fn create_account(
        &self,
        new: NewAccount,
        noting: &dyn Noting<Account>,
    ) -> Result<Account, DirectoryError> {
        let key = keys::account(new.id)?;
        let record = record_of_new(new)?;
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, "the record is too large"))?;
        let account = self.made::<Account>(&record)?;
        let commit = Commit::new().absent(key.clone()).put(key, bytes);
        match self.commit_noted(commit, noting, &account).await? {
            true => Ok(account),
            false => Err(DirectoryError::AlreadyExists(Entity::Account(new.id))),
        }
    }
}

/// The record of a new account: open, its root user without a key. Whoever makes an account comes
/// by here.
pub(crate) fn record_of_new(new: NewAccount) -> Result<AccountRecord, DirectoryError> {
    if new.id == AccountId::ZEROS {
        let text = format!("{} stands for no account: none can have that id", new.id);
        return Err(DirectoryError::Refused(text));
    }
    Ok(AccountRecord {
        id: new.id.to_string(),
        created: new.created.to_string(),
        closed: None,
        root_access_keys: Vec::new(),
        enabled_regions: Vec::new(),
        regions_without_sts: Vec::new(),
    })
}

fn closure(record: &ClosureRecord) -> Result<Closure, String> {
    let is_text = |text: &str| {
        let length = text.chars().count();
        (1..=MAX_WORDS).contains(&length) && !text.chars().any(char::is_control)
    };
    if !is_text(&record.by) || !record.reason.as_deref().is_none_or(is_text) {
        let words = "who closed the account and why are 1 to 1,024 characters without control \
                     characters";
        return Err(words.to_owned());
    }
    Ok(Closure {
        at: record::timestamp(&record.at)?,
        by: record.by.clone(),
        reason: record.reason.clone(),
    })
}

impl Stored for Account {
    type Record = AccountRecord;

    fn from_record(record: &AccountRecord, _: &Directory) -> Result<Self, String> {
        let key = |id: &String| record::constrained::<AccessKeyId>("an access key id", id);
        Ok(Self {
            id: record::account(&record.id)?,
            created: record::timestamp(&record.created)?,
            closed: record.closed.as_ref().map(closure).transpose()?,
            root_access_keys: record.root_access_keys.iter().map(key).collect::<Result<_, _>>()?,
            regions: AccountRegions::from_record(record)?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::account(self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.accounts
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

/// The root user's keys.
impl KeyHolder for Account {
    type Id = AccountId;

    async fn edit(directory: &Directory, id: AccountId) -> Result<Editing<Self>, DirectoryError> {
        let editing = directory.edit::<Self>(keys::account(id)?).await?;
        editing.ok_or(DirectoryError::NotFound(Entity::Account(id)))
    }

    fn access_keys(&self) -> &[AccessKeyId] {
        &self.root_access_keys
    }

    fn listed(record: &mut AccountRecord) -> &mut Vec<String> {
        &mut record.root_access_keys
    }

    fn admits_key(&self) -> Result<(), DirectoryError> {
        match self.closed {
            Some(_) => Err(DirectoryError::AccountClosed(self.id)),
            None => Ok(()),
        }
    }

    fn too_large(&self, _: &Quotas) -> DirectoryError {
        DirectoryError::Refused("the account's record is too large".to_owned())
    }
}
