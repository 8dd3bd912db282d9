//! Instance profiles, and which roles are in them.
//!
//! The record of an instance profile holds its roles: that is what decides. The index by role is
//! written in the same commit, and so is the role's record, unchanged, so that a role that is in
//! an instance profile cannot be deleted.

use std::sync::Arc;

use daypass_names::{
    AccountId, Arn, InstanceProfileName, Path, PathPrefix, UniqueId, UniqueIdKind,
};
use daypass_store::{Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode};
use crate::keys::{self, Noun};
use crate::named::{About, Holder, Listed};
use crate::record::{self, InstanceProfileRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InstanceProfile, Limit, Listing,
    NewInstanceProfile, Noting, Role, tags,
};

impl Directory {
    /// The instance profile of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn instance_profile(
        &self,
        account: AccountId,
        name: &InstanceProfileName,
    ) -> Result<Arc<InstanceProfile>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The instance profile of that id, if it belongs to that account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn instance_profile_by_id(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Arc<InstanceProfile>, DirectoryError> {
        let found = self.entity_by_id(account, id).await?;
        found.ok_or(DirectoryError::NotFound(Entity::InstanceProfileId(id)))
    }

    /// The instance profiles under a path, ordered by lower-case name, behind the lower-case name
    /// `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    pub async fn instance_profiles(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<InstanceProfile>, DirectoryError> {
        self.entities(account, prefix, after, limit).await
    }

    /// The instance profiles that a role is in, ordered by unique id, behind the id `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the role.
    pub async fn instance_profiles_of_role(
        &self,
        account: AccountId,
        role: UniqueId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<InstanceProfile>, DirectoryError> {
        self.role_by_id(account, role).await?;
        self.indexed(account, &keys::role_profiles(role), after, limit).await
    }

    /// The roles that are in an instance profile, ordered by unique id.
    pub async fn roles_of_instance_profile(
        &self,
        profile: &InstanceProfile,
    ) -> Result<Vec<Arc<Role>>, DirectoryError> {
        let mut roles = Vec::new();
        for id in &profile.roles {
            // One that is gone went since the instance profile was read.
            roles.extend(self.entity_by_id::<Role>(profile.account, *id).await?);
        }
        Ok(roles)
    }

    /// Makes an instance profile without a role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, or [`DirectoryError::LimitExceeded`].
    pub async fn create_instance_profile(
        &self,
        new: NewInstanceProfile,
        noting: &dyn Noting<InstanceProfile>,
    ) -> Result<Arc<InstanceProfile>, DirectoryError> {
        let record = InstanceProfileRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            name: new.name.to_string(),
            path: new.path.to_string(),
            created: new.created.to_string(),
            roles: Vec::new(),
            tags: tags::of_new::<InstanceProfile>(&self.quotas, &new.tags)?,
        };
        let profile = self.made::<InstanceProfile>(&record)?;
        let key = profile.key()?;
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, TOO_LARGE))?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&profile, bytes.clone()).await?;
            if self.commit_noted(commit, noting, &profile).await? {
                return Ok(Arc::new(profile));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes an instance profile that no role is in.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::DeleteConflict`].
    pub async fn delete_instance_profile(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<InstanceProfile>(account, id).await?;
            if !editing.value.roles.is_empty() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Roles));
            }
            let commit = self.deletion(&editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.instance_profiles.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Puts a role into an instance profile.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the instance profile or of the role,
    /// [`DirectoryError::LimitExceeded`] when the instance profile is full, also of that very role,
    /// [`DirectoryError::AlreadyExists`] when the role is in it, or
    /// [`DirectoryError::Unmodifiable`].
    pub async fn add_role_to_instance_profile(
        &self,
        account: AccountId,
        profile: UniqueId,
        role: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<InstanceProfile>(account, profile).await?;
            let added = self.edit_entity::<Role>(account, role).await?;
            let max = self.quotas.roles_per_instance_profile;
            if u32::try_from(editing.value.roles.len()).is_ok_and(|count| count >= max) {
                let limit = Limit::InstanceSessionsPerInstanceProfile(max);
                return Err(DirectoryError::LimitExceeded(limit));
            }
            if editing.value.roles.contains(&role) {
                return Err(DirectoryError::AlreadyExists(Entity::Role(added.value.name)));
            }
            editing.record.roles.push(role.to_string());
            editing.record.roles.sort();
            let bytes = bytes(&editing)?;
            let limit = added.value.record_limit(&self.quotas);
            // The role is written as it is: whoever deletes it meanwhile looks again.
            let commit = added.rewrite().ok_or(limit)?;
            let commit = commit
                .unchanged(editing.key.clone(), editing.revision)
                .put(editing.key, bytes)
                .put(keys::role_profile(role, profile)?, b"".as_slice());
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes a role out of an instance profile.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the instance profile, or of the role, also when it is not in
    /// the instance profile.
    pub async fn remove_role_from_instance_profile(
        &self,
        account: AccountId,
        profile: UniqueId,
        role: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<InstanceProfile>(account, profile).await?;
            if !editing.value.roles.contains(&role) {
                let name = self.edit_entity::<Role>(account, role).await?.value.name;
                return Err(DirectoryError::NotFound(Entity::Role(name)));
            }
            let held = role.to_string();
            editing.record.roles.retain(|of| *of != held);
            let bytes = bytes(&editing)?;
            let commit = editing.unchanged().put(editing.key, bytes);
            let commit = commit.delete(keys::role_profile(role, profile)?);
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Whether a role is in an instance profile.
    pub(crate) async fn is_in_profile(&self, role: UniqueId) -> Result<bool, DirectoryError> {
        let index = keys::role_profiles(role);
        Ok(!self.store.scan(index.as_bytes(), None, 1).await?.is_empty())
    }
}

/// The bytes of the changed record of an instance profile.
fn bytes(editing: &Editing<InstanceProfile>) -> Result<Vec<u8>, DirectoryError> {
    encode(&editing.record).ok_or_else(|| corrupt(&editing.key, TOO_LARGE))
}

/// It holds a few ids and tags under their quotas: that the store should not take it is damage.
const TOO_LARGE: &str = "the record is too large";

impl Stored for InstanceProfile {
    type Record = InstanceProfileRecord;

    fn from_record(record: &InstanceProfileRecord, directory: &Directory) -> Result<Self, String> {
        let account = record::account(&record.account)?;
        let name: InstanceProfileName = record::constrained("the name", &record.name)?;
        let path: Path = record::constrained("the path", &record.path)?;
        Ok(Self {
            arn: Arn::instance_profile(directory.partition, account, &path, &name),
            account,
            id: record::id_of_kind(&record.id, UniqueIdKind::InstanceProfile)?,
            name,
            path,
            created: record::timestamp(&record.created)?,
            roles: record::ids(&record.roles, UniqueIdKind::Role)?,
            tags: record::tags(&record.tags)?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Noun::InstanceProfile, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.instance_profiles
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Listed for InstanceProfile {
    type Name = InstanceProfileName;

    const NOUN: Noun = Noun::InstanceProfile;

    fn about(&self) -> About<'_, InstanceProfileName> {
        About { account: self.account, id: self.id, name: &self.name, path: &self.path }
    }

    fn by_name(name: &InstanceProfileName) -> Entity {
        Entity::InstanceProfile(name.clone())
    }

    fn by_id(id: UniqueId) -> Entity {
        Entity::InstanceProfileId(id)
    }
}
