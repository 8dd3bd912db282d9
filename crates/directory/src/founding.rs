//! Founding an account: the account, its first administrator and that one's access key.
//!
//! All of it is one commit. A start that is cut short in between must not leave an account that
//! nobody can enter.

use std::sync::Arc;

use daypass_names::{AccountAlias, AccountId, PolicyName, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};
use daypass_store::{Commit, Key};

use crate::directory::{ATTEMPTS, encode};
use crate::keys::{self, Kind};
use crate::named::Holder;
use crate::record::{CommonRecord, PolicyRecord, UserRecord};
use crate::{
    AccessKey, Account, Directory, DirectoryError, Entity, KeyOwner, NewAccessKey, NewAccount,
    NewUser, Noting, User, accounts, tags,
};

/// What an account is founded with.
#[derive(Debug)]
pub struct Founding {
    /// The account.
    pub account: NewAccount,
    /// The alias of the account, if it is to have one.
    pub alias: Option<AccountAlias>,
    /// Its first user, in that account and without a boundary.
    pub admin: NewUser,
    /// The name of the user's inline policy.
    pub policy: PolicyName,
    /// The text of that policy.
    pub policy_text: String,
    /// The user's access key.
    pub key: NewAccessKey,
}

/// A founded account.
#[derive(Debug)]
pub struct Founded {
    /// The account.
    pub account: Account,
    /// Its administrator.
    pub admin: Arc<User>,
    /// The administrator's access key, with its secret: a note must leave that out.
    pub key: Arc<AccessKey>,
}

impl Directory {
    /// Founds an account.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`] when the account, its alias, the user's id or the access key
    /// exists,
    /// [`DirectoryError::Malformed`] of the policy, or [`DirectoryError::Refused`] when user and
    /// account do not belong together.
    pub async fn found_account(
        &self,
        founding: Founding,
        noting: &dyn Noting<Founded>,
    ) -> Result<Founded, DirectoryError> {
        let Founding { account, alias, admin, policy, policy_text, key } = founding;
        if admin.account != account.id || admin.boundary.is_some() {
            let reason = "the first user is of another account, or has a boundary";
            return Err(DirectoryError::Refused(reason.to_owned()));
        }
        Policy::parse(&policy_text, PolicyKind::Identity)?;
        let mut record = founder(&admin, &policy, policy_text, &key);
        record.tags = tags::of_new::<User>(&self.quotas, &admin.tags)?;
        let user = self.made::<User>(&record)?;
        let too_large = || user.record_limit(&self.quotas);
        let user_bytes = encode(&record).ok_or_else(too_large)?;
        let account_record = accounts::record_of_new(account)?;
        let made_account = self.made::<Account>(&account_record)?;
        let account_bytes = encode(&account_record).ok_or_else(too_large)?;
        for _ in 0..ATTEMPTS {
            self.require_new(account.id, user.id, &key).await?;
            let named = self.new_alias(account.id, alias.as_ref()).await?;
            let sealing = self.data_keys.sealing();
            let key_record =
                Self::seal(&sealing.ring, &key, KeyOwner::User(user.account, user.id))?;
            let key_bytes = encode(&key_record).ok_or_else(too_large)?;
            let name = user.name.to_string().to_ascii_lowercase();
            let made = [
                (keys::account(account.id)?, account_bytes.clone()),
                (keys::entity(Kind::User, user.id)?, user_bytes.clone()),
                (keys::name(Kind::User, account.id, &name)?, user.id.to_string().into_bytes()),
                (keys::count(Kind::User, account.id)?, b"1".to_vec()),
                (keys::access_key(&key.id)?, key_bytes),
            ];
            let commit =
                made.into_iter().chain(named).fold(Commit::new(), |commit, (key, value)| {
                    commit.absent(key.clone()).put(key, value)
                });
            let founded = Founded {
                account: made_account.clone(),
                admin: Arc::new(self.made::<User>(&record)?),
                key: Arc::new(self.made::<AccessKey>(&key_record)?),
            };
            if self.commit_noted(sealing.bind(commit), noting, &founded).await? {
                return Ok(founded);
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// What the alias of a new account is written as: both ways, as for a later one.
    async fn new_alias(
        &self,
        account: AccountId,
        alias: Option<&AccountAlias>,
    ) -> Result<Vec<(Key, Vec<u8>)>, DirectoryError> {
        let Some(alias) = alias else { return Ok(Vec::new()) };
        let place = keys::alias(alias)?;
        if self.store.get(&place).await?.is_some() {
            return Err(DirectoryError::AlreadyExists(Entity::AccountAlias(alias.clone())));
        }
        Ok(vec![
            (place, account.to_string().into_bytes()),
            (keys::alias_of(account)?, alias.to_string().into_bytes()),
        ])
    }

    async fn require_new(
        &self,
        account: AccountId,
        user: UniqueId,
        key: &NewAccessKey,
    ) -> Result<(), DirectoryError> {
        for (taken, entity) in [
            (keys::account(account)?, Entity::Account(account)),
            (keys::entity(Kind::User, user)?, Entity::UserId(user)),
            (keys::access_key(&key.id)?, Entity::AccessKey(key.id.clone())),
        ] {
            if self.store.get(&taken).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(entity));
            }
        }
        Ok(())
    }
}

fn founder(admin: &NewUser, policy: &PolicyName, text: String, key: &NewAccessKey) -> UserRecord {
    let NewUser { account, id, name, path, created, .. } = admin;
    let mut common = CommonRecord::new(*account, *id, name.to_string(), path, *created);
    common.policies.push(PolicyRecord { name: policy.to_string(), text });
    UserRecord {
        common,
        boundary: None,
        groups: Vec::new(),
        mfa_devices: Vec::new(),
        access_keys: vec![key.id.to_string()],
        tags: Vec::new(),
    }
}
