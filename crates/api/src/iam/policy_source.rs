//! `PolicySourceArn`: the user, group or role whose policies are simulated, and those policies as
//! they are now.
//!
//! What binds a user or a role is asked of the directory by the call that authorisation makes. Its
//! answer says what each policy is called, not whose it is: that is told by the order in which it
//! promises them.

use std::sync::Arc;

use daypass_directory::{
    AppliedPolicy, Directory, DirectoryError, EffectivePolicies, Group, InlinePolicy, Role, Tag,
    User,
};
use daypass_names::{AccountId, Arn, Constrained};
use daypass_policy::Policy;

use super::named::Kind;
use super::tags;
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::convert::found;
use crate::{Code, Fault};

/// How often the policies are read when they change meanwhile.
const ATTEMPTS: usize = 8;

/// Whose policies are simulated.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    User(Arc<User>),
    Group(Arc<Group>),
    Role(Arc<Role>),
}

/// A source that was looked up by its ARN.
#[derive(Debug)]
pub(crate) struct PolicySource {
    arn: Arn,
    account: AccountId,
    missing: String,
    found: Option<Source>,
}

/// Kinds of entities that have policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holder {
    User,
    Group,
    Role,
}

impl Holder {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::User => "user",
            Self::Group => "group",
            Self::Role => "role",
        }
    }
}

/// A policy that binds the source.
#[derive(Debug)]
pub(crate) struct Applied {
    pub(crate) holder: Holder,
    pub(crate) holder_name: String,
    pub(crate) name: AppliedName,
    pub(crate) policy: Arc<Policy>,
}

#[derive(Debug)]
pub(crate) enum AppliedName {
    Inline(String),
    Managed(Arn),
}

impl Applied {
    /// What results call it, as recorded of AWS: a managed policy by its name, an inline one by
    /// its holder and its name.
    pub(crate) fn id(&self) -> String {
        match &self.name {
            AppliedName::Managed(arn) => {
                arn.resource().rsplit('/').next().unwrap_or_default().to_owned()
            }
            AppliedName::Inline(name) => {
                format!("{}_{}_{name}", self.holder.as_str(), self.holder_name)
            }
        }
    }
}

/// All policies that bind a source.
#[derive(Debug)]
pub(crate) struct SourcePolicies {
    pub(crate) identity: Vec<Applied>,
    pub(crate) boundary: Option<Arc<Policy>>,
}

/// Looks up what an ARN names.
pub(crate) async fn policy_source(
    call: &Authenticated<'_>,
    arn: &Arn,
) -> Result<PolicySource, Fault> {
    let unclear = || {
        let text =
            format!("Invalid Entity Arn: {arn} does not clearly define entity type and name.");
        Fault::new(Code::InvalidInput, text)
    };
    let (holder, account, name) = entity_of(arn).ok_or_else(unclear)?;
    let (missing, found) = match holder {
        Holder::User => {
            (User::missing(name), look_up::<User>(call, arn, name).await?.map(Source::User))
        }
        Holder::Group => {
            (Group::missing(name), look_up::<Group>(call, arn, name).await?.map(Source::Group))
        }
        Holder::Role => {
            (Role::missing(name), look_up::<Role>(call, arn, name).await?.map(Source::Role))
        }
    };
    Ok(PolicySource { arn: arn.clone(), account, missing, found })
}

/// The user, group or role that an ARN names: its kind, account and name, which may be none that
/// an entity can have.
pub(crate) fn entity_of(arn: &Arn) -> Option<(Holder, AccountId, &str)> {
    let account = arn.account().filter(|_| arn.service() == "iam" && arn.region().is_empty())?;
    let (kind, path_and_name) = arn.resource().split_once('/')?;
    let holder = match kind {
        "user" => Holder::User,
        "group" => Holder::Group,
        "role" => Holder::Role,
        _ => return None,
    };
    let name = path_and_name.rsplit('/').next().filter(|name| !name.is_empty())?;
    Some((holder, account, name))
}

/// The entity of exactly that ARN, if it is in the caller's account: nobody else is asked about it.
async fn look_up<T: Kind>(
    call: &Authenticated<'_>,
    arn: &Arn,
    name: &str,
) -> Result<Option<Arc<T>>, Fault> {
    let account = call.caller.account();
    let Ok(name) = T::Name::parse(name) else { return Ok(None) };
    let entity = match arn.account() {
        Some(own) if own == account => {
            found(T::of_name(&call.app.directory, account, &name).await)?
        }
        _ => None,
    };
    Ok(entity.filter(|entity| entity.arn() == arn))
}

impl PolicySource {
    /// What an action on the source needs.
    pub(crate) fn need(&self, action: &'static str) -> Vec<Need> {
        let need = Need::new(action, self.arn.to_string(), self.account);
        vec![tags::with_resource_tags(need, self.found.as_ref().map_or(&[], Source::tags))]
    }

    /// The source, or IAM's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Source, Fault> {
        let missing = || Fault::new(Code::NoSuchEntity, self.missing.clone());
        self.found.as_ref().ok_or_else(missing)
    }
}

impl Source {
    pub(crate) fn arn(&self) -> &Arn {
        match self {
            Self::User(user) => &user.arn,
            Self::Group(group) => &group.arn,
            Self::Role(role) => &role.arn,
        }
    }

    /// Groups have none.
    fn tags(&self) -> &[Tag] {
        match self {
            Self::User(user) => &user.tags,
            Self::Group(_) => &[],
            Self::Role(role) => &role.tags,
        }
    }

    /// The policies that bind it now.
    pub(crate) async fn policies(&self, directory: &Directory) -> Result<SourcePolicies, Fault> {
        match self {
            Self::User(user) => of_user(user, directory).await,
            Self::Group(group) => of_group(group, directory).await,
            Self::Role(role) => of_role(role, directory).await,
        }
    }
}

async fn of_user(user: &Arc<User>, directory: &Directory) -> Result<SourcePolicies, Fault> {
    let mut user = Arc::clone(user);
    for _ in 0..ATTEMPTS {
        let groups = directory.groups_of_user(&user).await?;
        let own = Part::of(Holder::User, user.name.to_string(), &user.policies, &user.attached);
        let others = groups.iter().map(|group| {
            Part::of(Holder::Group, group.name.to_string(), &group.policies, &group.attached)
        });
        let parts: Vec<_> = std::iter::once(own).chain(others).collect();
        if let Some(policies) = told_apart(directory.policies_of_user(&user).await?, &parts) {
            return Ok(policies);
        }
        user = directory.user_by_id(user.account, user.id).await?;
    }
    Err(DirectoryError::Conflict.into())
}

async fn of_role(role: &Arc<Role>, directory: &Directory) -> Result<SourcePolicies, Fault> {
    let mut role = Arc::clone(role);
    for _ in 0..ATTEMPTS {
        let parts = [Part::of(Holder::Role, role.name.to_string(), &role.policies, &role.attached)];
        if let Some(policies) = told_apart(directory.policies_of_role(&role).await?, &parts) {
            return Ok(policies);
        }
        role = directory.role_by_id(role.account, role.id).await?;
    }
    Err(DirectoryError::Conflict.into())
}

/// A group binds nobody by itself: its policies are those that its members have of it.
async fn of_group(group: &Group, directory: &Directory) -> Result<SourcePolicies, Fault> {
    let holder_name = group.name.to_string();
    let inline = group.policies.iter().map(|InlinePolicy { name, policy }| Applied {
        holder: Holder::Group,
        holder_name: holder_name.clone(),
        name: AppliedName::Inline(name.to_string()),
        policy: Arc::clone(policy),
    });
    let mut identity: Vec<_> = inline.collect();
    for managed in directory.attached_policies(group.account, &group.attached).await? {
        let version = directory.policy_version(group.account, managed.id, &managed.default).await?;
        identity.push(Applied {
            holder: Holder::Group,
            holder_name: holder_name.clone(),
            name: AppliedName::Managed(managed.arn.clone()),
            policy: Arc::clone(&version.policy),
        });
    }
    Ok(SourcePolicies { identity, boundary: None })
}

/// What one user, group or role contributes.
struct Part<'a> {
    holder: Holder,
    name: String,
    inline: &'a [InlinePolicy],
    attached: usize,
}

impl<'a> Part<'a> {
    fn of<T>(holder: Holder, name: String, inline: &'a [InlinePolicy], attached: &[T]) -> Self {
        Self { holder, name, inline, attached: attached.len() }
    }
}

/// Tells whose each policy is; nothing if the parts have changed meanwhile.
fn told_apart(policies: EffectivePolicies, parts: &[Part<'_>]) -> Option<SourcePolicies> {
    let mut rest = policies.identity.into_iter();
    let mut identity = Vec::new();
    for Part { holder, name: holder_name, inline, attached } in parts {
        let mut add = |name, policy| {
            identity.push(Applied {
                holder: *holder,
                holder_name: holder_name.clone(),
                name,
                policy,
            });
        };
        for wanted in *inline {
            let AppliedPolicy { name, policy } = rest.next()?;
            if *name != *wanted.name.as_str() {
                return None;
            }
            add(AppliedName::Inline(name.into()), policy);
        }
        for _ in 0..*attached {
            let AppliedPolicy { name, policy } = rest.next()?;
            add(AppliedName::Managed(Arn::parse(&name).ok()?), policy);
        }
    }
    match rest.next() {
        Some(_) => None,
        None => Some(SourcePolicies { identity, boundary: policies.boundary }),
    }
}
