//! Managed policies on users, groups and roles: attached, or as a permissions boundary.
//!
//! The record of the user, group or role says what it has: that is what decides. The index of who
//! has a policy and its counts are written in the same commit, so that a policy in use cannot be
//! deleted. Policies of AWS are counted and indexed per account.

use std::sync::Arc;

use daypass_names::{AccountId, PathPrefix, UniqueId};
use daypass_store::{Commit, MAX_SCAN};

use crate::aws_managed::uses::Uses;
use crate::directory::{ATTEMPTS, Editing, corrupt};
use crate::keys::{self, Kind};
use crate::named::{Bounded, Holder, Named};
use crate::service_linked;
use crate::{
    Directory, DirectoryError, Entity, Group, Holder as Has, MAX_PAGE, ManagedPolicy, Noting,
    PolicyOwner, PolicyUsage, Role, User,
};

/// A page of what has a managed policy.
#[derive(Debug)]
pub struct HolderPage {
    /// The users, groups and roles. There may be fewer than were asked for although more follow.
    pub items: Vec<Has>,
    /// Where to continue, when there may be more: pass it as `after`.
    pub next: Option<String>,
}

/// Whether a policy is used once more or once less.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Step {
    Less,
    More,
}

macro_rules! attaching {
    ($attach:ident, $detach:ident, $holder:ty, $what:literal) => {
        #[doc = concat!("Attaches a managed policy to a ", $what, ".")]
        ///
        /// One that is attached already stays; that is noted all the same.
        ///
        /// # Errors
        #[doc = concat!("[`DirectoryError::NotFound`] of the ", $what, " or of the policy, or")]
        /// [`DirectoryError::LimitExceeded`].
        pub async fn $attach(
            &self,
            account: AccountId,
            id: UniqueId,
            policy: UniqueId,
            noting: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            self.attach::<$holder>(account, id, policy, noting).await
        }

        #[doc = concat!("Detaches a managed policy from a ", $what, ".")]
        ///
        /// # Errors
        #[doc = concat!("[`DirectoryError::NotFound`] of the ", $what, ", or of the policy when it")]
        /// is not attached.
        pub async fn $detach(
            &self,
            account: AccountId,
            id: UniqueId,
            policy: UniqueId,
            noting: &dyn Noting<()>,
        ) -> Result<(), DirectoryError> {
            self.detach::<$holder>(account, id, policy, noting).await
        }
    };
}

impl Directory {
    attaching!(attach_user_policy, detach_user_policy, User, "user");
    attaching!(attach_group_policy, detach_group_policy, Group, "group");
    attaching!(attach_role_policy, detach_role_policy, Role, "role");

    /// Bounds a user by a managed policy, in place of the boundary that it had.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the policy.
    pub async fn set_user_boundary(
        &self,
        account: AccountId,
        id: UniqueId,
        policy: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.set_boundary::<User>(account, id, Some(policy), noting).await
    }

    /// Takes the boundary off a user. That there was none is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user.
    pub async fn clear_user_boundary(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.set_boundary::<User>(account, id, None, noting).await
    }

    /// Bounds a role by a managed policy, in place of the boundary that it had.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the role or of the policy.
    pub async fn set_role_boundary(
        &self,
        account: AccountId,
        id: UniqueId,
        policy: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.set_boundary::<Role>(account, id, Some(policy), noting).await
    }

    /// Takes the boundary off a role. That there was none is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the role.
    pub async fn clear_role_boundary(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.set_boundary::<Role>(account, id, None, noting).await
    }

    /// The managed policies of a list of ids, such as those attached to a user, in that order.
    pub async fn attached_policies(
        &self,
        account: AccountId,
        ids: &[UniqueId],
    ) -> Result<Vec<Arc<ManagedPolicy>>, DirectoryError> {
        let mut policies = Vec::new();
        for id in ids {
            match self.managed_policy_by_id(account, *id).await {
                Ok(policy) => policies.push(policy),
                // One that is gone went since the list was read.
                Err(DirectoryError::NotFound(_)) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(policies)
    }

    /// What of an account a managed policy is attached to, or bounds, under a path: groups, then
    /// roles, then users, each ordered by unique id, behind `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`]); the page may be shorter although more follow.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the policy.
    pub async fn holders_of_policy(
        &self,
        account: AccountId,
        policy: UniqueId,
        usage: PolicyUsage,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<HolderPage, DirectoryError> {
        let owner = self.managed_policy_by_id(account, policy).await?.owner;
        let limit = limit.clamp(1, MAX_PAGE);
        let index = index(owner, account, policy, usage);
        let after = after.map(|id| keys::below(&index, id)).transpose()?;
        let page = self.store.scan(index.as_bytes(), after.as_ref(), MAX_SCAN).await?;
        let complete = page.len() < MAX_SCAN;
        let (mut items, mut last) = (Vec::new(), None);
        for (key, _) in &page {
            if items.len() == limit {
                return Ok(HolderPage { items, next: last });
            }
            let id = keys::last_id(key).ok_or_else(|| corrupt(key, "the index is no id"))?;
            // One that is gone went while we read.
            let found = self.holder(account, id).await?;
            items.extend(found.filter(|holder| prefix.covers(holder.path())));
            last = keys::behind(key, &index);
        }
        Ok(HolderPage { items, next: if complete { None } else { last } })
    }

    async fn holder(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Option<Has>, DirectoryError> {
        Ok(match Kind::of(id) {
            Some(Kind::Group) => self.entity_by_id(account, id).await?.map(Has::Group),
            Some(Kind::Role) => self.entity_by_id(account, id).await?.map(Has::Role),
            Some(Kind::User) => self.entity_by_id(account, id).await?.map(Has::User),
            Some(Kind::Policy) | None => None,
        })
    }

    async fn attach<T: Holder>(
        &self,
        account: AccountId,
        id: UniqueId,
        policy: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            let commit = if editing.value.attached().contains(&policy) {
                editing.unchanged()
            } else {
                let (max, limit) = T::attachment_limit(&self.quotas);
                if u32::try_from(editing.value.attached().len()).is_ok_and(|count| count >= max) {
                    // One that is not there is told before the quota.
                    self.managed_policy_by_id(account, policy).await?;
                    return Err(DirectoryError::LimitExceeded(limit));
                }
                self.require_attachable::<T>(policy)?;
                let attached = &mut T::common(&mut editing.record).attached;
                attached.push(policy.to_string());
                attached.sort();
                let too_large = editing.value.record_limit(&self.quotas);
                let commit = editing.rewrite().ok_or(too_large)?;
                let used = Used { policy, usage: PolicyUsage::Permissions, kind: T::KIND, id };
                self.use_policy(commit, account, used, Step::More).await?
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn detach<T: Holder>(
        &self,
        account: AccountId,
        id: UniqueId,
        policy: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            if !editing.value.attached().contains(&policy) {
                let managed = self.managed_policy_by_id(account, policy).await?;
                return Err(DirectoryError::NotFound(Entity::Policy(managed.arn.clone())));
            }
            let used = Used { policy, usage: PolicyUsage::Permissions, kind: T::KIND, id };
            let commit = self.release(Commit::new(), &editing, used).await?;
            let held = policy.to_string();
            T::common(&mut editing.record).attached.retain(|attached| *attached != held);
            let too_large = editing.value.record_limit(&self.quotas);
            let rewrite = editing.rewrite().ok_or(too_large)?;
            if self.commit_noted(joined(rewrite, commit), noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn set_boundary<T: Bounded>(
        &self,
        account: AccountId,
        id: UniqueId,
        policy: Option<UniqueId>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            let commit = if editing.value.boundary() == policy {
                editing.unchanged()
            } else {
                let mut commit = self.unbound(Commit::new(), &editing).await?;
                if let Some(policy) = policy {
                    let used = Used { policy, usage: PolicyUsage::Boundary, kind: T::KIND, id };
                    commit = self.use_policy(commit, account, used, Step::More).await?;
                }
                *T::boundary_record(&mut editing.record) = policy.as_ref().map(UniqueId::to_string);
                let too_large = editing.value.record_limit(&self.quotas);
                joined(editing.rewrite().ok_or(too_large)?, commit)
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Refuses the policies of service-linked roles, which nothing else can have: whoever can
    /// attach policies of AWS would get at what a service may do.
    fn require_attachable<T: Holder>(&self, policy: UniqueId) -> Result<(), DirectoryError> {
        let word = match T::KIND {
            Kind::Group => "Group",
            Kind::Policy => "Policy",
            Kind::Role => "Role",
            Kind::User => "User",
        };
        match self.aws_managed.of_id(policy) {
            Some(aws) if service_linked::is_under(aws.path()) => {
                Err(DirectoryError::NotAttachable(word))
            }
            _ => Ok(()),
        }
    }

    /// Adds to `commit` that a managed policy of a new entity is used once more.
    pub(crate) async fn attached_to_new<T: Holder>(
        &self,
        commit: Commit,
        new: &T,
    ) -> Result<Commit, DirectoryError> {
        let mut commit = commit;
        for policy in new.attached() {
            let usage = PolicyUsage::Permissions;
            let used = Used { policy: *policy, usage, kind: T::KIND, id: new.id() };
            commit = self.use_policy(commit, new.account(), used, Step::More).await?;
        }
        Ok(commit)
    }

    /// Adds to `commit` that the managed policies of an entity are each used once less.
    pub(crate) async fn detached<T: Holder>(
        &self,
        commit: Commit,
        editing: &Editing<T>,
    ) -> Result<Commit, DirectoryError> {
        let mut commit = commit;
        for policy in editing.value.attached() {
            let usage = PolicyUsage::Permissions;
            let used = Used { policy: *policy, usage, kind: T::KIND, id: editing.value.id() };
            commit = self.release(commit, editing, used).await?;
        }
        Ok(commit)
    }

    /// Adds to `commit` that the boundary of a new user or role is used once more.
    pub(crate) async fn bound<T: Bounded>(
        &self,
        commit: Commit,
        new: &T,
    ) -> Result<Commit, DirectoryError> {
        let Some(policy) = new.boundary() else { return Ok(commit) };
        let used = Used { policy, usage: PolicyUsage::Boundary, kind: T::KIND, id: new.id() };
        self.use_policy(commit, new.account(), used, Step::More).await
    }

    /// Adds to `commit` that the boundary of a user or role is used once less.
    pub(crate) async fn unbound<T: Bounded>(
        &self,
        commit: Commit,
        editing: &Editing<T>,
    ) -> Result<Commit, DirectoryError> {
        let Some(policy) = editing.value.boundary() else { return Ok(commit) };
        let id = editing.value.id();
        let used = Used { policy, usage: PolicyUsage::Boundary, kind: T::KIND, id };
        self.release(commit, editing, used).await
    }

    /// Adds to `commit` that a policy is used once less. It must be there while `editing`, which
    /// refers to it, is unchanged.
    async fn release<T: Named>(
        &self,
        commit: Commit,
        editing: &Editing<T>,
        used: Used,
    ) -> Result<Commit, DirectoryError> {
        let account = editing.value.account();
        let outcome = self.use_policy(commit, account, used, Step::Less).await;
        let Err(DirectoryError::NotFound(_) | DirectoryError::Corrupt { .. }) = outcome else {
            return outcome;
        };
        let now = self.store.get(&editing.key).await?;
        match now.is_some_and(|entry| entry.revision == editing.revision) {
            true => match outcome {
                Err(DirectoryError::NotFound(_)) => {
                    Err(corrupt(&keys::entity(Kind::Policy, used.policy)?, "it is used, but gone"))
                }
                outcome => outcome,
            },
            // Others took it away since: the commit will find so, and the change is made again.
            false => Ok(editing.unchanged()),
        }
    }

    /// Adds to `commit` that a policy is used once more or less: its count and its index.
    async fn use_policy(
        &self,
        commit: Commit,
        account: AccountId,
        used: Used,
        step: Step,
    ) -> Result<Commit, DirectoryError> {
        let Used { policy, usage, kind, id } = used;
        let (owner, commit) = match self.edit_policy_in_use(account, policy, step).await? {
            None => {
                let change = |uses: &mut Uses| match usage {
                    PolicyUsage::Boundary => step.apply(&mut uses.boundaries),
                    PolicyUsage::Permissions => step.apply(&mut uses.attachments),
                };
                let commit = self.count_aws_use(commit, account, policy, change).await?;
                (PolicyOwner::Aws, commit)
            }
            Some(mut editing) => {
                let changed = match usage {
                    PolicyUsage::Boundary => step.apply(&mut editing.record.boundaries),
                    PolicyUsage::Permissions => step.apply(&mut editing.record.attachments),
                };
                changed.ok_or_else(|| {
                    corrupt(&editing.key, "it is used more often than was counted")
                })?;
                let bytes = self.managed_bytes(&editing)?;
                let commit = commit.unchanged(editing.key.clone(), editing.revision);
                (PolicyOwner::Customer, commit.put(editing.key, bytes))
            }
        };
        let index = keys::used_by(&index(owner, account, policy, usage), kind, id)?;
        Ok(match step {
            Step::Less => commit.delete(index),
            Step::More => commit.put(index, b"".as_slice()),
        })
    }

    /// The record of a customer managed policy that is to be used once more or less; none for one
    /// of AWS.
    ///
    /// SECURITY: what is used once more is a policy of the account or one of AWS, no other.
    pub(crate) async fn edit_policy_in_use(
        &self,
        account: AccountId,
        policy: UniqueId,
        step: Step,
    ) -> Result<Option<Editing<ManagedPolicy>>, DirectoryError> {
        if self.aws_managed.of_id(policy).is_some() {
            return Ok(None);
        }
        match self.edit_entity::<ManagedPolicy>(account, policy).await {
            // One of AWS that is no longer in the table can still be taken off.
            Err(DirectoryError::NotFound(_))
                if step == Step::Less && self.is_aws_managed(account, policy).await? =>
            {
                Ok(None)
            }
            outcome => outcome.map(Some),
        }
    }
}

impl Step {
    /// Changes a count; nothing when it cannot be.
    fn apply(self, count: &mut u32) -> Option<()> {
        *count = match self {
            Self::Less => count.checked_sub(1)?,
            Self::More => count.checked_add(1)?,
        };
        Some(())
    }
}

/// What the keys of all that use a policy in one way begin with; for a policy of AWS, of all of
/// an account.
pub(crate) fn index(
    owner: PolicyOwner,
    account: AccountId,
    policy: UniqueId,
    usage: PolicyUsage,
) -> String {
    match (owner, usage) {
        (PolicyOwner::Aws, PolicyUsage::Boundary) => keys::aws_boundaries(account, policy),
        (PolicyOwner::Aws, PolicyUsage::Permissions) => keys::aws_attachments(account, policy),
        (PolicyOwner::Customer, PolicyUsage::Boundary) => keys::boundaries(policy),
        (PolicyOwner::Customer, PolicyUsage::Permissions) => keys::attachments(policy),
    }
}

/// One use of a managed policy.
#[derive(Clone, Copy)]
struct Used {
    policy: UniqueId,
    usage: PolicyUsage,
    /// What has it.
    kind: Kind,
    id: UniqueId,
}

fn joined(mut one: Commit, two: Commit) -> Commit {
    one.preconditions.extend(two.preconditions);
    one.puts.extend(two.puts);
    one.deletes.extend(two.deletes);
    one
}
