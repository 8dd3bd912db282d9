//! Users.

use std::sync::Arc;

use daypass_names::{
    AccessKeyId, AccountId, Arn, Path, PathPrefix, UniqueId, UniqueIdKind, UserName,
};
use daypass_store::{Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Stored, encode};
use crate::keys::{self, Kind};
use crate::named::{Bounded, Holder, Named};
use crate::record::{self, Common, CommonRecord, UserRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InlinePolicy, Limit, Listing, NewUser, Noting,
    Quotas, User, tags,
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
        self.entity(account, name).await
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
        let found = self.entity_by_id(account, id).await?;
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
        self.entities(account, prefix, after, limit).await
    }

    /// Makes a user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account or the boundary,
    /// [`DirectoryError::AlreadyExists`] when the name is taken, in whatever case, or
    /// [`DirectoryError::LimitExceeded`].
    pub async fn create_user(
        &self,
        new: NewUser,
        noting: &dyn Noting<User>,
    ) -> Result<Arc<User>, DirectoryError> {
        let record = UserRecord {
            common: CommonRecord::new(
                new.account,
                new.id,
                new.name.to_string(),
                &new.path,
                new.created,
            ),
            boundary: new.boundary.as_ref().map(UniqueId::to_string),
            groups: Vec::new(),
            access_keys: Vec::new(),
            mfa_devices: Vec::new(),
            tags: tags::of_new::<User>(&self.quotas, &new.tags)?,
        };
        let user = self.made::<User>(&record)?;
        let bytes = encode(&record).ok_or_else(|| user.record_limit(&self.quotas))?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&user, bytes.clone()).await?;
            let commit = self.bound(commit, &user).await?;
            if self.commit_noted(commit, noting, &user).await? {
                return Ok(Arc::new(user));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives a user another name, another path or both; what is [`None`] stays. Its id, groups,
    /// policies and access keys stay, and so does its place in trust policies. That nothing
    /// changed is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or [`DirectoryError::AlreadyExists`] when the name is that of
    /// another user, in whatever case.
    pub async fn update_user(
        &self,
        account: AccountId,
        id: UniqueId,
        new_name: Option<UserName>,
        new_path: Option<Path>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.rename::<User>(account, id, new_name.as_ref(), new_path.as_ref(), noting).await
    }

    /// Deletes a user that has neither access keys nor MFA devices nor a password nor policies and
    /// is in no group. Its sessions end with it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::DeleteConflict`].
    pub async fn delete_user(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<User>(account, id).await?;
            if !editing.value.access_keys.is_empty() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::AccessKeys));
            }
            if !editing.value.mfa_devices.is_empty() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::MfaDevices));
            }
            if !editing.value.groups.is_empty() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Members));
            }
            self.require_bare(&editing.value)?;
            let login_profile = keys::login_profile(id)?;
            if self.store.get(&login_profile).await?.is_some() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::LoginProfile));
            }
            let commit = self.deletion(&editing).await?.absent(login_profile);
            let commit = self.unbound(commit, &editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
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
        let Common { account, id, name, path, created, policies, attached } =
            record.common.parse()?;
        if id.kind() != UniqueIdKind::User {
            return Err("the id is not that of a user".to_owned());
        }
        let key_id = |text: &String| record::constrained::<AccessKeyId>("an access key id", text);
        let access_keys = record.access_keys.iter().map(key_id).collect::<Result<_, _>>()?;
        let arn = Arn::user(directory.partition, account, &path, &name);
        Ok(Self {
            account,
            id,
            name,
            path,
            arn,
            created,
            policies,
            attached,
            boundary: record::boundary(record.boundary.as_deref())?,
            groups: record::ids(&record.groups, UniqueIdKind::Group)?,
            access_keys,
            mfa_devices: record::ids(&record.mfa_devices, UniqueIdKind::MfaDevice)?,
            tags: record::tags(&record.tags)?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Kind::User, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.users
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Named for User {
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

    fn named(name: &UserName) -> Entity {
        Entity::User(name.clone())
    }

    fn identified(id: UniqueId) -> Entity {
        Entity::UserId(id)
    }
}

impl Holder for User {
    fn policies(&self) -> &[InlinePolicy] {
        &self.policies
    }

    fn attached(&self) -> &[UniqueId] {
        &self.attached
    }

    fn common(record: &mut UserRecord) -> &mut CommonRecord {
        &mut record.common
    }

    fn policy_limit(quotas: &Quotas, name: &UserName) -> (usize, Limit) {
        let max = quotas.user_policy_size;
        (max, Limit::UserPolicySize { max, user: name.clone() })
    }

    fn attachment_limit(quotas: &Quotas) -> (u32, Limit) {
        (quotas.policies_per_user, Limit::PoliciesPerUser(quotas.policies_per_user))
    }
}

impl Bounded for User {
    fn boundary(&self) -> Option<UniqueId> {
        self.boundary
    }

    fn boundary_record(record: &mut UserRecord) -> &mut Option<String> {
        &mut record.boundary
    }

    fn groups(&self) -> &[UniqueId] {
        &self.groups
    }
}
