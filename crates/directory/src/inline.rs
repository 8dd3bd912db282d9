//! Inline policies: part of the record of their user, group or role, and gone with it.

use daypass_names::{AccountId, PolicyName, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};

use crate::directory::ATTEMPTS;
use crate::named::Holder;
use crate::record::PolicyRecord;
use crate::{Directory, DirectoryError, Entity, Group, Noting, Role, User};

/// Most bytes of one inline policy, white space included.
///
/// The quotas count as AWS does, without white space. A policy that is full and indented deeply
/// has several times as many bytes, but not more than this.
pub const MAX_INLINE_POLICY: usize = 64 << 10;

/// Most bytes of all inline policies of a user, group or role, white space included: with it,
/// their record is never larger than the store takes.
pub const MAX_INLINE_POLICIES: usize = 256 << 10;

impl Directory {
    /// Puts an inline policy on a user, in place of one of the same name if there is one.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Malformed`], or
    /// [`DirectoryError::LimitExceeded`] for all inline policies of the user together, or beyond
    /// [`MAX_INLINE_POLICY`] or [`MAX_INLINE_POLICIES`].
    pub async fn put_user_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.put_policy::<User>(account, id, name, text, noting).await
    }

    /// Puts an inline policy on a group, in place of one of the same name if there is one.
    ///
    /// # Errors
    /// As for [`Directory::put_user_policy`].
    pub async fn put_group_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.put_policy::<Group>(account, id, name, text, noting).await
    }

    /// Puts an inline policy on a role, in place of one of the same name if there is one.
    ///
    /// # Errors
    /// As for [`Directory::put_user_policy`].
    pub async fn put_role_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.put_policy::<Role>(account, id, name, text, noting).await
    }

    /// Takes an inline policy off a user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the policy.
    pub async fn delete_user_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: &PolicyName,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let missing = Entity::UserPolicy(name.clone());
        self.delete_policy::<User>(account, id, name, missing, noting).await
    }

    /// Takes an inline policy off a group.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the group or of the policy.
    pub async fn delete_group_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: &PolicyName,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let missing = Entity::GroupPolicy(name.clone());
        self.delete_policy::<Group>(account, id, name, missing, noting).await
    }

    /// Takes an inline policy off a role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the role or of the policy.
    pub async fn delete_role_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: &PolicyName,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let missing = Entity::RolePolicy(name.clone());
        self.delete_policy::<Role>(account, id, name, missing, noting).await
    }

    async fn put_policy<T: Holder>(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let size = Policy::parse(text, PolicyKind::Identity)?.size();
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            let (max, limit) = T::policy_limit(&self.quotas, editing.value.name());
            let others = editing.value.policies().iter().filter(|policy| policy.name != name);
            let total = others.fold(size, |sum, other| sum.saturating_add(other.policy.size()));
            let others = editing.value.policies().iter().filter(|policy| policy.name != name);
            let bytes = others
                .fold(text.len(), |sum, other| sum.saturating_add(other.policy.source().len()));
            if total > max || text.len() > MAX_INLINE_POLICY || bytes > MAX_INLINE_POLICIES {
                return Err(DirectoryError::LimitExceeded(limit));
            }
            let policies = &mut T::common(&mut editing.record).policies;
            policies.retain(|policy| policy.name != name.as_str());
            policies.push(PolicyRecord { name: name.to_string(), text: text.to_owned() });
            policies.sort_by(|one, two| one.name.cmp(&two.name));
            // White space is not counted above, but the store has to hold it.
            let commit = editing.rewrite().ok_or(DirectoryError::LimitExceeded(limit))?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn delete_policy<T: Holder>(
        &self,
        account: AccountId,
        id: UniqueId,
        name: &PolicyName,
        missing: Entity,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            let (_, limit) = T::policy_limit(&self.quotas, editing.value.name());
            let policies = &mut T::common(&mut editing.record).policies;
            let before = policies.len();
            policies.retain(|policy| policy.name != name.as_str());
            if policies.len() == before {
                return Err(DirectoryError::NotFound(missing));
            }
            let commit = editing.rewrite().ok_or(DirectoryError::LimitExceeded(limit))?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}
