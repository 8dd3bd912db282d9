//! Long-term access keys: sealed in the store, opened in memory.
//!
//! They belong to users, to the root users of accounts and to registered services. The owner's
//! record holds the ids of its keys, and every change to them rewrites it: so that the quota holds
//! whoever creates keys at the same time, and a user that has keys cannot be deleted.

use std::future::Future;
use std::sync::Arc;

use data_encoding::BASE64;
use daypass_names::{AccessKeyId, AccountId, SecretAccessKey, UniqueId};
use daypass_store::{Key, Revision, StoreError};
use daypass_token::{KeyRing, Nonce, Purpose, open_value, seal_value};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, encode};
use crate::named::Holder;
use crate::record::{self, AccessKeyRecord, StatusRecord, UserRecord};
use crate::{
    AccessKey, AccessKeyStatus, Account, Directory, DirectoryError, Entity, KeyOwner, Limit,
    Listing, MAX_PAGE, NewAccessKey, Noting, Quotas, Service, User, keys,
};

/// What is wrong with a key whose secret the present ring does not open.
pub(crate) const UNOPENED: &str = "the secret cannot be opened";

/// Whoever has access keys: a record that holds their ids.
pub(crate) trait KeyHolder: Stored {
    /// What names one.
    type Id: Copy + Send;

    /// The record of the holder, to be changed.
    fn edit(
        directory: &Directory,
        id: Self::Id,
    ) -> impl Future<Output = Result<Editing<Self>, DirectoryError>> + Send;

    /// The ids of its access keys, ordered.
    fn access_keys(&self) -> &[AccessKeyId];

    /// The same, as its record has them.
    fn listed(record: &mut Self::Record) -> &mut Vec<String>;

    /// Refuses a new key, whatever the quota says.
    fn admits_key(&self) -> Result<(), DirectoryError> {
        Ok(())
    }

    /// What to say when the record is larger than the store takes.
    fn too_large(&self, quotas: &Quotas) -> DirectoryError;
}

impl KeyHolder for User {
    type Id = (AccountId, UniqueId);

    async fn edit(
        directory: &Directory,
        (account, user): (AccountId, UniqueId),
    ) -> Result<Editing<Self>, DirectoryError> {
        directory.edit_entity::<Self>(account, user).await
    }

    fn access_keys(&self) -> &[AccessKeyId] {
        &self.access_keys
    }

    fn listed(record: &mut UserRecord) -> &mut Vec<String> {
        &mut record.access_keys
    }

    fn too_large(&self, quotas: &Quotas) -> DirectoryError {
        self.record_limit(quotas)
    }
}

/// Calls a generic method for the kind of holder that an owner is.
macro_rules! of_owner {
    ($directory:expr, $owner:expr, $method:ident($($argument:expr),*)) => {
        match $owner {
            KeyOwner::Root(account) => $directory.$method::<Account>(account, $($argument),*).await,
            KeyOwner::Service(id) => $directory.$method::<Service>(id, $($argument),*).await,
            KeyOwner::User(account, user) => {
                $directory.$method::<User>((account, user), $($argument),*).await
            }
        }
    };
}

impl Directory {
    /// The access key of that id, its secret opened.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`]; [`DirectoryError::Corrupt`] when the secret cannot be opened.
    pub async fn access_key(&self, id: &AccessKeyId) -> Result<Arc<AccessKey>, DirectoryError> {
        let found = self.find(&keys::access_key(id)?).await?;
        found.ok_or_else(|| DirectoryError::NotFound(Entity::AccessKey(id.clone())))
    }

    /// The access keys of a user: see [`Directory::access_keys_of`].
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
        self.access_keys_of(KeyOwner::User(account, user), after, limit).await
    }

    /// The access keys of an owner, ordered by id, behind the id `after`; at most `limit` (1 to
    /// [`MAX_PAGE`]).
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the owner.
    pub async fn access_keys_of(
        &self,
        owner: KeyOwner,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<AccessKey>, DirectoryError> {
        let ids = match owner {
            KeyOwner::Root(account) => self.account(account).await?.root_access_keys.clone(),
            KeyOwner::Service(id) => self.service_by_id(id).await?.access_keys.clone(),
            KeyOwner::User(account, user) => {
                self.user_by_id(account, user).await?.access_keys.clone()
            }
        };
        let limit = limit.clamp(1, MAX_PAGE);
        let behind = |id: &&AccessKeyId| after.is_none_or(|after| id.as_str() > after);
        let mut items = Vec::new();
        let mut last = None;
        for id in ids.iter().filter(behind) {
            if items.len() == limit {
                return Ok(Listing { items, next: last });
            }
            last = Some(id.to_string());
            // One that is gone went while we read.
            items.extend(self.find::<AccessKey>(&keys::access_key(id)?).await?);
        }
        Ok(Listing { items, next: None })
    }

    /// Gives a user an access key: see [`Directory::create_access_key_of`].
    ///
    /// # Errors
    /// As there.
    pub async fn create_access_key(
        &self,
        account: AccountId,
        user: UniqueId,
        new: NewAccessKey,
        noting: &dyn Noting<AccessKey>,
    ) -> Result<Arc<AccessKey>, DirectoryError> {
        self.create_access_key_of(KeyOwner::User(account, user), new, noting).await
    }

    /// Gives an owner an access key, active. The note is made from the key with its secret: it is
    /// for the note to leave it out.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the owner, [`DirectoryError::LimitExceeded`],
    /// [`DirectoryError::AccountClosed`] for the root user of a closed account, or
    /// [`DirectoryError::AlreadyExists`] when the id is taken.
    pub async fn create_access_key_of(
        &self,
        owner: KeyOwner,
        new: NewAccessKey,
        noting: &dyn Noting<AccessKey>,
    ) -> Result<Arc<AccessKey>, DirectoryError> {
        of_owner!(self, owner, create_key(owner, new, noting))
    }

    async fn create_key<T: KeyHolder>(
        &self,
        holder: T::Id,
        owner: KeyOwner,
        new: NewAccessKey,
        noting: &dyn Noting<AccessKey>,
    ) -> Result<Arc<AccessKey>, DirectoryError> {
        let key = keys::access_key(&new.id)?;
        for _ in 0..ATTEMPTS {
            let mut editing = T::edit(self, holder).await?;
            editing.value.admits_key()?;
            let max = self.quotas.access_keys_per_user;
            if u32::try_from(editing.value.access_keys().len()).is_ok_and(|count| count >= max) {
                return Err(DirectoryError::LimitExceeded(Limit::AccessKeysPerUser(max)));
            }
            if self.store.get(&key).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::AccessKey(new.id)));
            }
            let sealing = self.data_keys.sealing();
            let record = Self::seal(&sealing.ring, &new, owner)?;
            let made = self.made::<AccessKey>(&record)?;
            let listed = T::listed(&mut editing.record);
            listed.push(record.id.clone());
            listed.sort();
            let too_large = editing.value.too_large(&self.quotas);
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

    /// Lets a user's access key sign, or no longer: see [`Directory::set_access_key_status_of`].
    ///
    /// # Errors
    /// As there.
    pub async fn set_access_key_status(
        &self,
        account: AccountId,
        user: UniqueId,
        id: &AccessKeyId,
        status: AccessKeyStatus,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.set_access_key_status_of(KeyOwner::User(account, user), id, status, noting).await
    }

    /// Lets an owner's access key sign, or no longer.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the owner, or of the key when it is not that owner's.
    pub async fn set_access_key_status_of(
        &self,
        owner: KeyOwner,
        id: &AccessKeyId,
        status: AccessKeyStatus,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        of_owner!(self, owner, set_key_status(owner, id, status, noting))
    }

    async fn set_key_status<T: KeyHolder>(
        &self,
        holder: T::Id,
        owner: KeyOwner,
        id: &AccessKeyId,
        status: AccessKeyStatus,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let (held, mut editing) = self.edit_access_key::<T>(holder, owner, id).await?;
            editing.record.status = match status {
                AccessKeyStatus::Active => StatusRecord::Active,
                AccessKeyStatus::Inactive => StatusRecord::Inactive,
            };
            let too_large = || held.value.too_large(&self.quotas);
            let commit = editing.rewrite().ok_or_else(too_large)?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a user's access key: see [`Directory::delete_access_key_of`].
    ///
    /// # Errors
    /// As there.
    pub async fn delete_access_key(
        &self,
        account: AccountId,
        user: UniqueId,
        id: &AccessKeyId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.delete_access_key_of(KeyOwner::User(account, user), id, noting).await
    }

    /// Deletes an owner's access key.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the owner, or of the key when it is not that owner's.
    pub async fn delete_access_key_of(
        &self,
        owner: KeyOwner,
        id: &AccessKeyId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        of_owner!(self, owner, delete_key(owner, id, noting))
    }

    async fn delete_key<T: KeyHolder>(
        &self,
        holder: T::Id,
        owner: KeyOwner,
        id: &AccessKeyId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let (mut held, key) = self.edit_access_key::<T>(holder, owner, id).await?;
            T::listed(&mut held.record).retain(|listed| listed != id.as_str());
            let too_large = held.value.too_large(&self.quotas);
            let commit = held.rewrite().ok_or(too_large)?;
            // When it was last used goes with it.
            let commit = commit.delete(key.key.clone()).delete(keys::access_key_use(id)?);
            if self.commit_noted(commit, noting, &()).await? {
                self.access_keys.forget(&key.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// An owner and one of its access keys.
    async fn edit_access_key<T: KeyHolder>(
        &self,
        holder: T::Id,
        owner: KeyOwner,
        id: &AccessKeyId,
    ) -> Result<(Editing<T>, Editing<AccessKey>), DirectoryError> {
        let held = T::edit(self, holder).await?;
        let key = self.edit::<AccessKey>(keys::access_key(id)?).await?;
        match key.filter(|key| key.value.owner == owner) {
            Some(key) => Ok((held, key)),
            None => Err(DirectoryError::NotFound(Entity::AccessKey(id.clone()))),
        }
    }

    /// The record of a new key. When an attempt fails its record was never written: a nonce
    /// leaves this process for one record only.
    pub(crate) fn seal(
        ring: &KeyRing,
        new: &NewAccessKey,
        owner: KeyOwner,
    ) -> Result<AccessKeyRecord, DirectoryError> {
        let sealed = seal_value(
            ring,
            Purpose::StoredSecret,
            &bound_to(&new.id, owner),
            Nonce::from_random(new.nonce),
            new.secret.expose().as_bytes(),
        );
        let sealed = BASE64.encode(&sealed.map_err(DirectoryError::Seal)?);
        Ok(AccessKeyRecord::new(owner, new.id.to_string(), new.created.to_string(), sealed))
    }
}

/// What a sealed secret is bound to. Unique ids and accounts have a fixed length, and no key id has
/// a slash, so that no two owners are the same bytes.
pub(crate) fn bound_to(id: &AccessKeyId, owner: KeyOwner) -> Vec<u8> {
    match owner {
        KeyOwner::Root(account) => format!("{id}/{account}").into_bytes(),
        KeyOwner::Service(owner) | KeyOwner::User(_, owner) => format!("{id}{owner}").into_bytes(),
    }
}

/// SECURITY: no error of here may repeat what was opened.
fn opened(
    record: &AccessKeyRecord,
    id: &AccessKeyId,
    owner: KeyOwner,
    directory: &Directory,
) -> Result<SecretAccessKey, String> {
    let sealed = BASE64.decode(record.sealed_secret.as_bytes());
    let sealed = sealed.map_err(|_| "the secret is no base64".to_owned())?;
    let ring = directory.data_keys.ring();
    let opened = open_value(&ring, Purpose::StoredSecret, &bound_to(id, owner), &sealed)
        .map_err(|_| UNOPENED.to_owned())?;
    let secret = std::str::from_utf8(&opened).ok();
    let secret = secret.and_then(|secret| SecretAccessKey::parse(secret).ok());
    secret.ok_or_else(|| "the secret is no secret access key".to_owned())
}

impl Stored for AccessKey {
    type Record = AccessKeyRecord;

    fn from_record(record: &AccessKeyRecord, directory: &Directory) -> Result<Self, String> {
        let id: AccessKeyId = record::constrained("the access key id", &record.id)?;
        let owner = record.owner()?;
        Ok(Self {
            owner,
            status: match record.status {
                StatusRecord::Active => AccessKeyStatus::Active,
                StatusRecord::Inactive => AccessKeyStatus::Inactive,
            },
            created: record::timestamp(&record.created)?,
            secret: opened(record, &id, owner, directory)?,
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
