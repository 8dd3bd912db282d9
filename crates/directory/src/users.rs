//! Users.

use std::sync::Arc;

use daypass_names::{
    AccessKeyId, AccountId, Arn, Path, PathPrefix, UniqueId, UniqueIdKind, UserName,
};
use daypass_store::{Key, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Stored, encode};
use crate::keys::{self, Kind};
use crate::principal::Principal;
use crate::record::{self, Common, CommonRecord, UserRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InlinePolicy, Limit, Listing, NewUser, Quotas,
    User,
};

impl Directory {
    /// The user of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn user(
        &self,
        account: AccountId,
        name: &UserName,
    ) -> Result<Arc<User>, DirectoryError> {
        self.principal(account, name).await
    }

    /// The user of that id, if it belongs to that account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn user_by_id(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Arc<User>, DirectoryError> {
        let found = self.principal_by_id(account, id).await?;
        found.ok_or(DirectoryError::NotFound(Entity::UserId(id)))
    }

    /// The users under a path, ordered by lower-case name, behind the lower-case name `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more follow.
    pub async fn users(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<User>, DirectoryError> {
        self.principals(account, prefix, after, limit).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, or [`DirectoryError::LimitExceeded`].
    pub async fn create_user(&self, new: NewUser) -> Result<Arc<User>, DirectoryError> {
        let too_large =
            DirectoryError::LimitExceeded(User::policy_limit(&self.quotas, &new.name).1);
        let common = CommonRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            name: new.name.to_string(),
            path: new.path.to_string(),
            created: new.created.to_string(),
            policies: Vec::new(),
        };
        let record = UserRecord { common, access_keys: Vec::new() };
        let user = self.made::<User>(&record)?;
        let bytes = encode(&record).ok_or(too_large)?;
        let _membership = self.membership.lock().await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&user, bytes.clone()).await?;
            if self.commit(commit).await? {
                return Ok(Arc::new(user));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a user that has neither access keys nor policies. Its sessions end with it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::DeleteConflict`].
    pub async fn delete_user(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<(), DirectoryError> {
        let _membership = self.membership.lock().await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_principal::<User>(account, id).await?;
            if !editing.value.access_keys.is_empty() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::AccessKeys));
            }
            let commit = self.deletion(&editing).await?;
            if self.commit(commit).await? {
                self.users.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

impl Stored for User {
    type Record = UserRecord;

    fn from_record(record: &UserRecord, directory: &Directory) -> Result<Self, String> {
        let Common { account, id, name, path, created, policies } = record.common.parse()?;
        if id.kind() != UniqueIdKind::User {
            return Err("the id is not that of a user".to_owned());
        }
        let key_id = |text: &String| record::constrained::<AccessKeyId>("an access key id", text);
        let access_keys = record.access_keys.iter().map(key_id).collect::<Result<_, _>>()?;
        let arn = Arn::user(directory.partition, account, &path, &name);
        Ok(Self { account, id, name, path, arn, created, policies, access_keys })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Kind::User, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.users
    }
}

impl Principal for User {
    type Name = UserName;

    const KIND: Kind = Kind::User;

    fn account(&self) -> AccountId {
        self.account
    }

    fn id(&self) -> UniqueId {
        self.id
    }

    fn name(&self) -> &UserName {
        &self.name
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn policies(&self) -> &[InlinePolicy] {
        &self.policies
    }

    fn common(record: &mut UserRecord) -> &mut CommonRecord {
        &mut record.common
    }

    fn named(name: &UserName) -> Entity {
        Entity::User(name.clone())
    }

    fn identified(id: UniqueId) -> Entity {
        Entity::UserId(id)
    }

    fn policy_limit(quotas: &Quotas, name: &UserName) -> (usize, Limit) {
        let max = quotas.user_policy_size;
        (max, Limit::UserPolicySize { max, user: name.clone() })
    }
}
