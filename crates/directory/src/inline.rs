//! Inline policies: part of the record of their user or role, and gone with it.

use daypass_names::{AccountId, PolicyName, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};

use crate::directory::ATTEMPTS;
use crate::principal::Principal;
use crate::record::PolicyRecord;
use crate::{Directory, DirectoryError, Entity, Role, User};

impl Directory {
    /// Puts an inline policy on a user, in place of one of the same name if there is one.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Malformed`], or
    /// [`DirectoryError::LimitExceeded`] for all inline policies of the user together.
    pub async fn put_user_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
    ) -> Result<(), DirectoryError> {
        self.put_policy::<User>(account, id, name, text).await
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
    ) -> Result<(), DirectoryError> {
        self.put_policy::<Role>(account, id, name, text).await
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
    ) -> Result<(), DirectoryError> {
        let missing = Entity::UserPolicy(name.clone());
        self.delete_policy::<User>(account, id, name, missing).await
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
    ) -> Result<(), DirectoryError> {
        let missing = Entity::RolePolicy(name.clone());
        self.delete_policy::<Role>(account, id, name, missing).await
    }

    async fn put_policy<T: Principal>(
        &self,
        account: AccountId,
        id: UniqueId,
        name: PolicyName,
        text: &str,
    ) -> Result<(), DirectoryError> {
        let size = Policy::parse(text, PolicyKind::Identity)?.size();
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_principal::<T>(account, id).await?;
            let (max, limit) = T::policy_limit(&self.quotas, editing.value.name());
            let others = editing.value.policies().iter().filter(|policy| policy.name != name);
            let total = others.fold(size, |sum, other| sum.saturating_add(other.policy.size()));
            if total > max {
                return Err(DirectoryError::LimitExceeded(limit));
            }
            let policies = &mut T::common(&mut editing.record).policies;
            policies.retain(|policy| policy.name != name.as_str());
            policies.push(PolicyRecord { name: name.to_string(), text: text.to_owned() });
            policies.sort_by(|one, two| one.name.cmp(&two.name));
            // White space is not counted above, but the store has to hold it.
            let commit = editing.rewrite().ok_or(DirectoryError::LimitExceeded(limit))?;
            if self.commit(commit).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn delete_policy<T: Principal>(
        &self,
        account: AccountId,
        id: UniqueId,
        name: &PolicyName,
        missing: Entity,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_principal::<T>(account, id).await?;
            let (_, limit) = T::policy_limit(&self.quotas, editing.value.name());
            let policies = &mut T::common(&mut editing.record).policies;
            let before = policies.len();
            policies.retain(|policy| policy.name != name.as_str());
            if policies.len() == before {
                return Err(DirectoryError::NotFound(missing));
            }
            let commit = editing.rewrite().ok_or(DirectoryError::LimitExceeded(limit))?;
            if self.commit(commit).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}
