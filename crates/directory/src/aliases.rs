//! Account aliases: at most one of an account, and each of one account in the whole deployment.
//!
//! IAM user guide, page "Your AWS account identifiers". Both directions are written in the same
//! commit, so that no alias leads to two accounts.

use std::sync::Arc;

use daypass_names::{AccountAlias, AccountId, Constrained};
use daypass_store::{Commit, Entry, Key, Revision};

use crate::directory::{ATTEMPTS, corrupt};
use crate::{Directory, DirectoryError, Entity, Noting, keys};

/// The alias of an account, and where it was read.
struct Held {
    alias: AccountAlias,
    /// The key that leads from the account to the alias.
    of: Key,
    revision: Revision,
}

impl Directory {
    /// The alias of an account, if it has one.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account.
    pub async fn account_alias(
        &self,
        account: AccountId,
    ) -> Result<Option<AccountAlias>, DirectoryError> {
        self.require_account(account).await?;
        Ok(self.held_alias(account).await?.map(|held| held.alias))
    }

    /// Gives an account an alias, in place of the one that it had. That it has this very one
    /// already is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, or [`DirectoryError::AlreadyExists`] when
    /// another account has the alias.
    pub async fn set_account_alias(
        &self,
        account: AccountId,
        alias: AccountAlias,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let (account_key, of) = (keys::account(account)?, keys::alias_of(account)?);
        let place = keys::alias(&alias)?;
        for _ in 0..ATTEMPTS {
            self.require_account(account).await?;
            let held = self.held_alias(account).await?;
            let owner = self.store.get(&place).await?;
            let owner = owner.map(|entry| account_of(&place, &entry)).transpose()?;
            if owner.is_some_and(|owner| owner != account) {
                return Err(DirectoryError::AlreadyExists(Entity::AccountAlias(alias)));
            }
            let commit = Commit::new().present(account_key.clone());
            let commit = match held {
                Some(held) if held.alias == alias => commit.unchanged(held.of, held.revision),
                // SECURITY: the old alias goes only as long as it leads here.
                Some(held) => {
                    let Some(old) = self.own_alias(account, &held).await? else { continue };
                    commit.unchanged(held.of, held.revision).delete(old)
                }
                None => commit.absent(of.clone()),
            };
            let value: Arc<[u8]> = account.to_string().into_bytes().into();
            let commit = match owner {
                // As long as the account has it, it leads to the account.
                Some(_) => commit,
                None => commit
                    .absent(place.clone())
                    .put(place.clone(), value)
                    .put(of.clone(), alias.to_string().into_bytes()),
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes an alias off an account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, or of the alias when the account has another
    /// or none.
    pub async fn delete_account_alias(
        &self,
        account: AccountId,
        alias: &AccountAlias,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            self.require_account(account).await?;
            let held = self.held_alias(account).await?.filter(|held| held.alias == *alias);
            let Some(held) = held else {
                return Err(DirectoryError::NotFound(Entity::AccountAlias(alias.clone())));
            };
            let Some(place) = self.own_alias(account, &held).await? else { continue };
            let commit = Commit::new().unchanged(held.of.clone(), held.revision);
            let commit = commit.delete(held.of).delete(place);
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn held_alias(&self, account: AccountId) -> Result<Option<Held>, DirectoryError> {
        let of = keys::alias_of(account)?;
        let Some(entry) = self.store.get(&of).await? else { return Ok(None) };
        let alias = parse(&of, &entry)?;
        Ok(Some(Held { alias, of, revision: entry.revision }))
    }

    /// The key of the alias that an account has; nothing when that changed since it was read.
    async fn own_alias(
        &self,
        account: AccountId,
        held: &Held,
    ) -> Result<Option<Key>, DirectoryError> {
        let place = keys::alias(&held.alias)?;
        if let Some(entry) = self.store.get(&place).await?
            && account_of(&place, &entry)? == account
        {
            return Ok(Some(place));
        }
        let now = self.store.get(&held.of).await?;
        match now.is_some_and(|entry| entry.revision == held.revision) {
            true => Err(corrupt(&place, "the alias leads to another account or nowhere")),
            false => Ok(None),
        }
    }
}

/// The alias in the entry of an account.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<AccountAlias, DirectoryError> {
    let text = std::str::from_utf8(&entry.value).ok();
    let alias = text.and_then(|text| AccountAlias::parse(text).ok());
    alias.ok_or_else(|| corrupt(key, "the alias is none"))
}

/// The account in the entry of an alias.
pub(crate) fn account_of(key: &Key, entry: &Entry) -> Result<AccountId, DirectoryError> {
    let text = std::str::from_utf8(&entry.value).ok();
    let account = text.and_then(|text| AccountId::parse(text).ok());
    account.ok_or_else(|| corrupt(key, "the alias does not lead to an account"))
}
