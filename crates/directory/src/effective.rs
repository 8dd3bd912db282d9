//! The policies that bind a user or role at this moment: what authorisation needs, in one call.
//!
//! SECURITY: what is attached and cannot be found or read fails the call. A missing policy may be
//! the one that denies.

use std::sync::{Arc, LazyLock};

use daypass_names::{AccountId, Arn, UniqueId};
use daypass_policy::{Attached, Kind as PolicyKind, Policy};
use daypass_store::Key;

use crate::aws_managed::AwsPolicy;
use crate::directory::{ATTEMPTS, corrupt};
use crate::keys::{self, Kind};
use crate::named::{Bounded, Holder};
use crate::{Directory, DirectoryError, Group, InlinePolicy, ManagedPolicy, Role, Seen, User};

/// A policy that binds a user or role.
#[derive(Clone, Debug)]
pub struct AppliedPolicy {
    /// The name of an inline policy, or the ARN of a managed one.
    pub name: Box<str>,
    /// The policy. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
}

/// All policies that bind a user or role by themselves.
#[derive(Clone, Debug, Default)]
pub struct EffectivePolicies {
    /// Its inline and attached policies, then those of its groups.
    pub identity: Vec<AppliedPolicy>,
    /// Its permissions boundary.
    pub boundary: Option<Arc<Policy>>,
    /// Which of `managed` the boundary is, if it is a customer's.
    boundary_at: Option<usize>,
    groups: Vec<Arc<Group>>,
    managed: Vec<Arc<ManagedPolicy>>,
}

impl EffectivePolicies {
    /// The identity policies as the policy engine takes them.
    pub fn attached(&self) -> Vec<Attached<'_>> {
        let identity = self.identity.iter();
        identity.map(|AppliedPolicy { name, policy }| Attached { name, policy }).collect()
    }

    /// The ARN of the permissions boundary, if it is a customer managed policy.
    pub fn boundary_arn(&self) -> Option<&Arn> {
        self.managed.get(self.boundary_at?).map(|policy| &policy.arn)
    }

    /// Where the policies were found, for a write that is decided by them: the groups and the
    /// customer managed policies. The user or role itself is for whoever looked it up.
    ///
    /// # Errors
    /// As for [`Group::seen`].
    pub fn seen(&self) -> Result<Vec<Seen>, DirectoryError> {
        let groups = self.groups.iter().map(|group| group.seen());
        groups.chain(self.managed.iter().map(|policy| policy.seen())).collect()
    }
}

/// A managed policy that a session was made with, as it is now.
#[derive(Clone, Debug)]
pub struct SessionPolicy {
    /// Its name and its document in force. One that is gone denies everything.
    pub applied: AppliedPolicy,
    managed: Option<Arc<ManagedPolicy>>,
}

impl SessionPolicy {
    /// Where the policy was found, for a write that is decided by it; nothing of a policy of AWS,
    /// which never changes, and of one that is gone, which denies the write.
    ///
    /// # Errors
    /// As for [`ManagedPolicy::seen`].
    pub fn seen(&self) -> Result<Option<Seen>, DirectoryError> {
        self.managed.as_ref().map(|managed| managed.seen()).transpose()
    }
}

/// What stands for a session policy that is gone.
///
/// SECURITY: not one that allows nothing: another session policy may allow what this one denied.
static GONE: LazyLock<Arc<Policy>> = LazyLock::new(|| {
    let text =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"*","Resource":"*"}}"#;
    Arc::new(Policy::parse_stored(text, PolicyKind::Session))
});

/// What one look at all policies of a user or role gave.
enum Gathered {
    All(EffectivePolicies),
    /// Something that was referred to is not there: it went since, or is damaged.
    Missing(Key),
}

/// A managed policy and its document in force.
struct InForce<'a> {
    managed: Managed<'a>,
    policy: Arc<Policy>,
}

enum Managed<'a> {
    Aws(&'a AwsPolicy),
    Customers(Arc<ManagedPolicy>),
}

impl Managed<'_> {
    fn arn(&self) -> &Arn {
        match self {
            Self::Aws(policy) => &policy.arn,
            Self::Customers(policy) => &policy.arn,
        }
    }

    /// The policy if it is a customer's: those of AWS never change.
    fn customers(self) -> Option<Arc<ManagedPolicy>> {
        match self {
            Self::Aws(_) => None,
            Self::Customers(policy) => Some(policy),
        }
    }
}

impl Directory {
    /// The policies that bind a user: its own, those of its groups, and its boundary.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when the user is gone, [`DirectoryError::Corrupt`] when
    /// something of it is not there or cannot be read.
    pub async fn policies_of_user(&self, user: &User) -> Result<EffectivePolicies, DirectoryError> {
        self.policies_of(user).await
    }

    /// The policies that bind a role, and its boundary.
    ///
    /// # Errors
    /// As for [`Directory::policies_of_user`].
    pub async fn policies_of_role(&self, role: &Role) -> Result<EffectivePolicies, DirectoryError> {
        self.policies_of(role).await
    }

    /// A managed policy that a session of `account` was made with, as it is now. One that is gone
    /// denies everything, whatever stands under its name since.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when its document is not there or cannot be read.
    pub async fn session_policy(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<SessionPolicy, DirectoryError> {
        let mut missing = None;
        for _ in 0..ATTEMPTS {
            match self.in_force(account, id).await? {
                Ok(InForce { managed, policy }) => {
                    let name = managed.arn().as_str().into();
                    let applied = AppliedPolicy { name, policy };
                    return Ok(SessionPolicy { applied, managed: managed.customers() });
                }
                // The version that was in force may have gone in between.
                Err(key) => missing = Some(key),
            }
            if self.entity_by_id::<ManagedPolicy>(account, id).await?.is_none() {
                let applied =
                    AppliedPolicy { name: id.to_string().into(), policy: Arc::clone(&GONE) };
                return Ok(SessionPolicy { applied, managed: None });
            }
        }
        let key = missing.map_or_else(|| keys::entity(Kind::Policy, id), Ok)?;
        Err(corrupt(&key, "its version in force is not there"))
    }

    async fn policies_of<T: Bounded>(
        &self,
        holder: &T,
    ) -> Result<EffectivePolicies, DirectoryError> {
        let mut missing = match self.gather(holder).await? {
            Gathered::All(policies) => return Ok(policies),
            Gathered::Missing(key) => key,
        };
        // The holder may have been read before others changed it and what it refers to.
        for _ in 0..ATTEMPTS {
            let current = self.entity_by_id::<T>(holder.account(), holder.id()).await?;
            let gone = || DirectoryError::NotFound(T::identified(holder.id()));
            match self.gather(&*current.ok_or_else(gone)?).await? {
                Gathered::All(policies) => return Ok(policies),
                Gathered::Missing(key) => missing = key,
            }
        }
        Err(corrupt(&missing, "it is referred to, but not there"))
    }

    async fn gather<T: Bounded>(&self, holder: &T) -> Result<Gathered, DirectoryError> {
        let account = holder.account();
        let mut gathered = EffectivePolicies::default();
        if let Some(missing) = self.gather_own(&mut gathered, holder).await? {
            return Ok(Gathered::Missing(missing));
        }
        for id in holder.groups() {
            let Some(group) = self.entity_by_id::<Group>(account, *id).await? else {
                return Ok(Gathered::Missing(keys::entity(Kind::Group, *id)?));
            };
            if let Some(missing) = self.gather_own(&mut gathered, &*group).await? {
                return Ok(Gathered::Missing(missing));
            }
            gathered.groups.push(group);
        }
        if let Some(id) = holder.boundary() {
            match self.in_force(account, id).await? {
                Ok(InForce { managed, policy }) => {
                    gathered.boundary = Some(policy);
                    if let Some(customers) = managed.customers() {
                        gathered.boundary_at = Some(gathered.managed.len());
                        gathered.managed.push(customers);
                    }
                }
                Err(missing) => return Ok(Gathered::Missing(missing)),
            }
        }
        Ok(Gathered::All(gathered))
    }

    /// Adds the inline and attached policies of a user, group or role; or tells what is missing.
    async fn gather_own<T: Holder>(
        &self,
        gathered: &mut EffectivePolicies,
        holder: &T,
    ) -> Result<Option<Key>, DirectoryError> {
        gathered.identity.extend(holder.policies().iter().map(|InlinePolicy { name, policy }| {
            AppliedPolicy { name: name.as_str().into(), policy: Arc::clone(policy) }
        }));
        for id in holder.attached() {
            match self.in_force(holder.account(), *id).await? {
                Ok(InForce { managed, policy }) => {
                    let name = managed.arn().as_str().into();
                    gathered.identity.push(AppliedPolicy { name, policy });
                    gathered.managed.extend(managed.customers());
                }
                Err(missing) => return Ok(Some(missing)),
            }
        }
        Ok(None)
    }

    /// A managed policy and its document in force; or the key of what is missing.
    async fn in_force(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Result<InForce<'_>, Key>, DirectoryError> {
        // One of AWS's that is no longer in the table is looked for in the store, and missing.
        if let Some(aws) = self.aws_managed.of_id(id) {
            return Ok(Ok(InForce { managed: Managed::Aws(aws), policy: aws.policy() }));
        }
        let Some(managed) = self.entity_by_id::<ManagedPolicy>(account, id).await? else {
            return Ok(Err(keys::entity(Kind::Policy, id)?));
        };
        match self.version_in_force(&managed).await? {
            Some(version) => {
                let policy = Arc::clone(&version.policy);
                Ok(Ok(InForce { managed: Managed::Customers(managed), policy }))
            }
            None => Ok(Err(keys::entity(Kind::Policy, id)?)),
        }
    }
}
