//! Long-term access keys: sealed in the store, opened in memory.
//!
//! A user's record holds the ids of its keys, and every change to them rewrites it: so that the
//! quota holds whoever creates keys at the same time, and a user that has keys cannot be deleted.

use std::sync::Arc;

use data_encoding::BASE64;
use daypass_names::{AccessKeyId, AccountId, SecretAccessKey, UniqueId, UniqueIdKind};
use daypass_store::{Key, Revision, StoreError};
use daypass_token::{KeyRing, Nonce, Purpose, open_value, seal_value};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, encode};
use crate::named::Holder;
use crate::record::{self, AccessKeyRecord, StatusRecord};
use crate::{
    AccessKey, AccessKeyStatus, Directory, DirectoryError, Entity, Limit, Listing, MAX_PAGE,
    NewAccessKey, Noting, User, keys,
};

/// What is wrong with a key whose secret the present ring does not open.
pub(crate) const UNOPENED: &str = "the secret cannot be opened";

impl Directory {
    /// The access key of that id, its secret opened.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`]; [`DirectoryError::Corrupt`] when the secret cannot be opened.
    pub async fn access_key(&self, id: &AccessKeyId) -> Result<Arc<AccessKey>, DirectoryError> {
        let found = self.find(&keys::access_key(id)?).await?;
        found.ok_or_else(|| DirectoryError::NotFound(Entity::AccessKey(id.clone())))
    }

    /// The access keys of a user, ordered by id, behind the id `after`; at most `limit` (1 to
    /// [`MAX_PAGE`]).
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user.
    pub async fn access_keys(
        &self,
        account: AccountId,
        user: UniqueId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<AccessKey>, DirectoryError> {
        let user = self.user_by_id(account, user).await?;
        let limit = limit.clamp(1, MAX_PAGE);
        let behind = |id: &&AccessKeyId| after.is_none_or(|after| id.as_str() > after);
        let mut items = Vec::new();
        let mut last = None;
        for id in user.access_keys.iter().filter(behind) {
            if items.len() == limit {
                return Ok(Listing { items, next: last });
            }
            last = Some(id.to_string());
            // One that is gone went while we read.
            items.extend(self.find::<AccessKey>(&keys::access_key(id)?).await?);
        }
        Ok(Listing { items, next: None })
    }

    /// Gives a user an access key, active. The note is made from the key with its secret: it is
    /// for the note to leave it out.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user, [`DirectoryError::LimitExceeded`], or
    /// [`DirectoryError::AlreadyExists`] when the id is taken.
    pub async fn create_access_key(
        &self,
        account: AccountId,
        user: UniqueId,
        new: NewAccessKey,
        noting: &dyn Noting<AccessKey>,
    ) -> Result<Arc<AccessKey>, DirectoryError> {
        let key = keys::access_key(&new.id)?;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<User>(account, user).await?;
            let max = self.quotas.access_keys_per_user;
            if u32::try_from(editing.value.access_keys.len()).is_ok_and(|count| count >= max) {
                return Err(DirectoryError::LimitExceeded(Limit::AccessKeysPerUser(max)));
            }
            if self.store.get(&key).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::AccessKey(new.id)));
            }
            let sealing = self.data_keys.sealing();
            let record = self.seal(&sealing.ring, &new, &editing.value)?;
            let made = self.made::<AccessKey>(&record)?;
            editing.record.access_keys.push(record.id.clone());
            editing.record.access_keys.sort();
            let too_large = editing.value.record_limit(&self.quotas);
            let Some(bytes) = encode(&record) else { return Err(too_large) };
            let commit = editing.rewrite().ok_or(too_large)?;
            let commit = sealing.bind(commit.absent(key.clone()).put(key.clone(), bytes));
            if self.commit_noted(commit, noting, &made).await? {
                return Ok(Arc::new(made));
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// Lets a user's access key sign, or no longer.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user, or of the key when it is not that user's.
    pub async fn set_access_key_status(
        &self,
        account: AccountId,
        user: UniqueId,
        id: &AccessKeyId,
        status: AccessKeyStatus,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let (owner, mut editing) = self.edit_access_key(account, user, id).await?;
            editing.record.status = match status {
                AccessKeyStatus::Active => StatusRecord::Active,
                AccessKeyStatus::Inactive => StatusRecord::Inactive,
            };
            let too_large = || owner.value.record_limit(&self.quotas);
            let commit = editing.rewrite().ok_or_else(too_large)?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a user's access key.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user, or of the key when it is not that user's.
    pub async fn delete_access_key(
        &self,
        account: AccountId,
        user: UniqueId,
        id: &AccessKeyId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let (mut owner, key) = self.edit_access_key(account, user, id).await?;
            owner.record.access_keys.retain(|held| held != id.as_str());
            let too_large = owner.value.record_limit(&self.quotas);
            let commit = owner.rewrite().ok_or(too_large)?;
            // When it was last used goes with it.
            let commit = commit.delete(key.key.clone()).delete(keys::access_key_use(id)?);
            if self.commit_noted(commit, noting, &()).await? {
                self.access_keys.forget(&key.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// A user and one of its access keys.
    async fn edit_access_key(
        &self,
        account: AccountId,
        user: UniqueId,
        id: &AccessKeyId,
    ) -> Result<(Editing<User>, Editing<AccessKey>), DirectoryError> {
        let owner = self.edit_entity::<User>(account, user).await?;
        let key = self.edit::<AccessKey>(keys::access_key(id)?).await?;
        match key.filter(|key| key.value.user == user) {
            Some(key) => Ok((owner, key)),
            None => Err(DirectoryError::NotFound(Entity::AccessKey(id.clone()))),
        }
    }

    /// The record of a new key. When an attempt fails its record was never written: a nonce
    /// leaves this process for one record only.
    pub(crate) fn seal(
        &self,
        ring: &KeyRing,
        new: &NewAccessKey,
        user: &User,
    ) -> Result<AccessKeyRecord, DirectoryError> {
        let sealed = seal_value(
            ring,
            Purpose::StoredSecret,
            &owner(&new.id, user.id),
            Nonce::from_random(new.nonce),
            new.secret.expose().as_bytes(),
        );
        Ok(AccessKeyRecord {
            id: new.id.to_string(),
            account: user.account.to_string(),
            user: user.id.to_string(),
            status: StatusRecord::Active,
            created: new.created.to_string(),
            sealed_secret: BASE64.encode(&sealed.map_err(DirectoryError::Seal)?),
        })
    }
}

/// Whom a sealed secret is bound to. The user's id has a fixed length, so that no two owners are
/// the same bytes.
pub(crate) fn owner(id: &AccessKeyId, user: UniqueId) -> Vec<u8> {
    format!("{id}{user}").into_bytes()
}

/// SECURITY: no error of here may repeat what was opened.
fn opened(
    record: &AccessKeyRecord,
    id: &AccessKeyId,
    user: UniqueId,
    directory: &Directory,
) -> Result<SecretAccessKey, String> {
    let sealed = BASE64.decode(record.sealed_secret.as_bytes());
    let sealed = sealed.map_err(|_| "the secret is no base64".to_owned())?;
    let ring = directory.data_keys.ring();
    let opened = open_value(&ring, Purpose::StoredSecret, &owner(id, user), &sealed)
        .map_err(|_| UNOPENED.to_owned())?;
    let secret = std::str::from_utf8(&opened).ok();
    let secret = secret.and_then(|secret| SecretAccessKey::parse(secret).ok());
    secret.ok_or_else(|| "the secret is no secret access key".to_owned())
}

impl Stored for AccessKey {
    type Record = AccessKeyRecord;

    fn from_record(record: &AccessKeyRecord, directory: &Directory) -> Result<Self, String> {
        let id: AccessKeyId = record::constrained("the access key id", &record.id)?;
        let user = record::id_of_kind(&record.user, UniqueIdKind::User)?;
        Ok(Self {
            account: record::account(&record.account)?,
            user,
            status: match record.status {
                StatusRecord::Active => AccessKeyStatus::Active,
                StatusRecord::Inactive => AccessKeyStatus::Inactive,
            },
            created: record::timestamp(&record.created)?,
            secret: opened(record, &id, user, directory)?,
            id,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::access_key(&self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.access_keys
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}
