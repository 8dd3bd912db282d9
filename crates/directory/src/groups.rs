//! Groups, and who is in them.
//!
//! A user's record holds its groups: that is what decides. The index of members and the size of
//! the group are written in the same commit, so that a group with members cannot be deleted.

use std::sync::Arc;

use daypass_names::{AccountId, Arn, GroupName, Path, PathPrefix, UniqueId, UniqueIdKind};
use daypass_store::{Commit, Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Stored, corrupt, count_of, encode};
use crate::keys::{self, Kind};
use crate::named::{Holder, Named};
use crate::record::{Common, CommonRecord, GroupRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, Group, InlinePolicy, Limit, Listing, NewGroup,
    Noting, Quotas, User,
};

impl Directory {
    /// The group of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn group(
        &self,
        account: AccountId,
        name: &GroupName,
    ) -> Result<Arc<Group>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The group of that id, if it belongs to that account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn group_by_id(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Arc<Group>, DirectoryError> {
        let found = self.entity_by_id(account, id).await?;
        found.ok_or(DirectoryError::NotFound(Entity::GroupId(id)))
    }

    /// The groups under a path, ordered by lower-case name, behind the lower-case name `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    pub async fn groups(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<Group>, DirectoryError> {
        self.entities(account, prefix, after, limit).await
    }

    /// Makes a group.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, or [`DirectoryError::LimitExceeded`].
    pub async fn create_group(
        &self,
        new: NewGroup,
        noting: &dyn Noting<Group>,
    ) -> Result<Arc<Group>, DirectoryError> {
        let name = new.name.to_string();
        let common = CommonRecord::new(new.account, new.id, name, &new.path, new.created);
        let record = GroupRecord { common };
        let group = self.made::<Group>(&record)?;
        let bytes = encode(&record).ok_or_else(|| group.record_limit(&self.quotas))?;
        let size = keys::group_size(new.id)?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&group, bytes.clone()).await?;
            let commit = commit.absent(size.clone()).put(size.clone(), b"0".as_slice());
            if self.commit_noted(commit, noting, &group).await? {
                return Ok(Arc::new(group));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives a group another name, another path or both; what is [`None`] stays. Its id, members
    /// and policies stay. That nothing changed is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or [`DirectoryError::AlreadyExists`] when the name is that of
    /// another group, in whatever case.
    pub async fn update_group(
        &self,
        account: AccountId,
        id: UniqueId,
        new_name: Option<GroupName>,
        new_path: Option<Path>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.rename::<Group>(account, id, new_name.as_ref(), new_path.as_ref(), noting).await
    }

    /// Deletes a group that has neither members nor policies.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::DeleteConflict`].
    pub async fn delete_group(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<Group>(account, id).await?;
            let (key, size, revision) = self.group_size(account, id).await?;
            if size > 0 {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Members));
            }
            self.require_bare(&editing.value)?;
            let commit = self.deletion(&editing).await?;
            let commit = commit.unchanged(key.clone(), revision).delete(key);
            if self.commit_noted(commit, noting, &()).await? {
                self.groups.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Puts a user into a group. One who is in it already stays; that is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the group or the user, or
    /// [`DirectoryError::LimitExceeded`].
    pub async fn add_user_to_group(
        &self,
        account: AccountId,
        group: UniqueId,
        user: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let (key, size, revision) = self.group_size(account, group).await?;
            let mut editing = self.edit_entity::<User>(account, user).await?;
            let commit = if editing.value.groups.contains(&group) {
                editing.unchanged()
            } else {
                let max = self.quotas.groups_per_user;
                if u32::try_from(editing.value.groups.len()).is_ok_and(|count| count >= max) {
                    return Err(DirectoryError::LimitExceeded(Limit::GroupsPerUser(max)));
                }
                editing.record.groups.push(group.to_string());
                editing.record.groups.sort();
                let too_large = editing.value.record_limit(&self.quotas);
                let size = size.saturating_add(1);
                let commit = editing.rewrite().ok_or(too_large)?;
                resized(commit, key, revision, size).put(member(group, user)?, b"".as_slice())
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes a user out of a group.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the group, of the user, or of the user in the group.
    pub async fn remove_user_from_group(
        &self,
        account: AccountId,
        group: UniqueId,
        user: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let found = self.group_by_id(account, group).await?;
            let mut editing = self.edit_entity::<User>(account, user).await?;
            if !editing.value.groups.contains(&group) {
                let user = editing.value.name;
                let missing = Entity::Member { group: found.name.clone(), user };
                return Err(DirectoryError::NotFound(missing));
            }
            let (key, size, revision) = self.group_size(account, group).await?;
            let held = group.to_string();
            editing.record.groups.retain(|of| *of != held);
            let too_large = editing.value.record_limit(&self.quotas);
            let commit = editing.rewrite().ok_or(too_large)?;
            let Some(size) = size.checked_sub(1) else {
                // Unless the user was taken out since it was read.
                if self.user_by_id(account, user).await?.groups.contains(&group) {
                    return Err(corrupt(&key, "there are more members than were counted"));
                }
                continue;
            };
            let commit = resized(commit, key, revision, size).delete(member(group, user)?);
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// The members of a group, ordered by unique id, behind the id `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the group.
    pub async fn group_members(
        &self,
        account: AccountId,
        group: UniqueId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<User>, DirectoryError> {
        self.group_by_id(account, group).await?;
        self.indexed(account, &keys::members(group), after, limit).await
    }

    /// The groups that a user is in, ordered by unique id.
    pub async fn groups_of_user(&self, user: &User) -> Result<Vec<Arc<Group>>, DirectoryError> {
        let mut groups = Vec::new();
        for id in &user.groups {
            // One that is gone went since the user was read.
            groups.extend(self.entity_by_id::<Group>(user.account, *id).await?);
        }
        Ok(groups)
    }

    /// How many members a group of the account has, its key and the revision of it.
    pub(crate) async fn group_size(
        &self,
        account: AccountId,
        group: UniqueId,
    ) -> Result<(Key, u32, Revision), DirectoryError> {
        let key = keys::group_size(group)?;
        for _ in 0..ATTEMPTS {
            let entry = self.store.get(&key).await?;
            // Read behind the size: while the group is there, so is its size.
            self.group_by_id(account, group).await?;
            // Without one, the group was made in between, or its size is lost: look again.
            let Some(entry) = entry else { continue };
            let size = count_of(&key, &entry)?;
            return Ok((key, size, entry.revision));
        }
        Err(corrupt(&key, "the count is missing"))
    }
}

fn resized(commit: Commit, key: Key, revision: Revision, size: u32) -> Commit {
    commit.unchanged(key.clone(), revision).put(key, size.to_string().into_bytes())
}

pub(crate) fn member(group: UniqueId, user: UniqueId) -> Result<Key, StoreError> {
    keys::member(group, &user.to_string())
}

impl Stored for Group {
    type Record = GroupRecord;

    fn from_record(record: &GroupRecord, directory: &Directory) -> Result<Self, String> {
        let Common { account, id, name, path, created, policies, attached } =
            record.common.parse()?;
        if id.kind() != UniqueIdKind::Group {
            return Err("the id is not that of a group".to_owned());
        }
        let arn = Arn::group(directory.partition, account, &path, &name);
        let revision = Revision::ZERO;
        Ok(Self { account, id, name, path, arn, created, policies, attached, revision })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Kind::Group, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.groups
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Named for Group {
    type Name = GroupName;

    const KIND: Kind = Kind::Group;

    fn account(&self) -> AccountId {
        self.account
    }

    fn id(&self) -> UniqueId {
        self.id
    }

    fn name(&self) -> &GroupName {
        &self.name
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn named(name: &GroupName) -> Entity {
        Entity::Group(name.clone())
    }

    fn identified(id: UniqueId) -> Entity {
        Entity::GroupId(id)
    }
}

impl Holder for Group {
    fn policies(&self) -> &[InlinePolicy] {
        &self.policies
    }

    fn attached(&self) -> &[UniqueId] {
        &self.attached
    }

    fn common(record: &mut GroupRecord) -> &mut CommonRecord {
        &mut record.common
    }

    fn policy_limit(quotas: &Quotas, name: &GroupName) -> (usize, Limit) {
        let max = quotas.group_policy_size;
        (max, Limit::GroupPolicySize { max, group: name.clone() })
    }

    fn attachment_limit(quotas: &Quotas) -> (u32, Limit) {
        (quotas.policies_per_group, Limit::PoliciesPerGroup(quotas.policies_per_group))
    }
}
