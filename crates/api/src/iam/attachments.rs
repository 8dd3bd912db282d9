//! Attach, Detach and List of the managed policies of users, groups and roles, the same three
//! operations for each; and who has a policy: ListEntitiesForPolicy.
//!
//! SECURITY: what is attached or detached is authorised on the ARN of the user, group or role, with
//! the policy's ARN in the condition key `iam:PolicyARN` and, for a user or role, its present
//! boundary in `iam:PermissionsBoundary`.

use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use daypass_directory::{
    Directory, DirectoryError, Group, Holder, ManagedPolicy, Noting, PolicyOwner, PolicyUsage,
    Role, User,
};
use daypass_names::{Arn, Constrained, Path, PathPrefix, UniqueId};
use daypass_query::Fields;
use serde::Serialize;

use super::boundaries;
use super::managed_policies;
use super::named::{self, Kind, Named};
use super::paging::Page;
use super::policy_arn::{self, ByArn, policy_arn};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::optional;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// How often ListEntitiesForPolicy asks the directory for more before it answers with fewer
/// entities than were asked for.
const ROUNDS: usize = 16;

/// A kind of entity that managed policies are attached to.
pub(crate) trait Attachee: Kind {
    /// The three operations, each without and with its service.
    const ATTACH: [&'static str; 2];
    const DETACH: [&'static str; 2];
    const LIST: [&'static str; 2];

    fn attached(&self) -> &[UniqueId];
    /// What bounds it, if it can be bounded.
    fn boundary(&self) -> Option<UniqueId>;
    fn attach(
        &self,
        directory: &Directory,
        policy: UniqueId,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
    fn detach(
        &self,
        directory: &Directory,
        policy: UniqueId,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! attachee {
    ($entity:ty, $word:literal, $attach:ident, $detach:ident, $boundary:expr) => {
        impl Attachee for $entity {
            const ATTACH: [&'static str; 2] =
                [concat!("Attach", $word, "Policy"), concat!("iam:Attach", $word, "Policy")];
            const DETACH: [&'static str; 2] =
                [concat!("Detach", $word, "Policy"), concat!("iam:Detach", $word, "Policy")];
            const LIST: [&'static str; 2] = [
                concat!("ListAttached", $word, "Policies"),
                concat!("iam:ListAttached", $word, "Policies"),
            ];

            fn attached(&self) -> &[UniqueId] {
                &self.attached
            }

            fn boundary(&self) -> Option<UniqueId> {
                let boundary: fn(&Self) -> Option<UniqueId> = $boundary;
                boundary(self)
            }

            async fn attach(
                &self,
                directory: &Directory,
                policy: UniqueId,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$attach(self.account, self.id, policy, note).await
            }

            async fn detach(
                &self,
                directory: &Directory,
                policy: UniqueId,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$detach(self.account, self.id, policy, note).await
            }
        }
    };
}

attachee!(Group, "Group", attach_group_policy, detach_group_policy, |_| None);
attachee!(Role, "Role", attach_role_policy, detach_role_policy, |role| role.boundary);
attachee!(User, "User", attach_user_policy, detach_user_policy, |user| user.boundary);

/// The parameters of the operations that attach and detach.
#[derive(Debug)]
pub(crate) struct ChangeInput {
    holder: String,
    policy: Arn,
}

fn one<H: Attachee>(fields: &mut Fields<'_>) -> Option<ChangeInput> {
    let holder = named::new_name::<H>(fields);
    let policy = policy_arn(fields);
    Some(ChangeInput { holder: holder?, policy: policy? })
}

async fn change_needs<H: Attachee>(
    call: &Authenticated<'_>,
    action: &'static str,
    input: &ChangeInput,
) -> Result<(Vec<Need>, (Named<H>, ByArn)), Fault> {
    let holder = named::named::<H>(call, &input.holder).await?;
    let policy = ByArn::find(call, &input.policy).await?;
    let boundary = holder.found().and_then(|holder| holder.boundary());
    let boundary = boundaries::present_key(call, boundary).await?;
    let mut needs = holder.need(call, action);
    for need in &mut needs {
        need.keys.push(("iam:PolicyARN".into(), policy.arn().to_string().into()));
        need.keys.extend(boundary.clone());
    }
    Ok((needs, (holder, policy)))
}

/// IAM API reference, "AttachUserPolicy", "AttachGroupPolicy" and "AttachRolePolicy".
#[derive(Debug)]
pub(crate) struct Attach<H>(PhantomData<H>);

impl<H: Attachee> Operation for Attach<H> {
    const NAME: &'static str = H::ATTACH[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Text("PolicyArn")];
    type Input = ChangeInput;
    type Subject = (Named<H>, ByArn);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<ChangeInput> {
        one::<H>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ChangeInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        change_needs(call, H::ATTACH[1], input).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (holder, policy) = permit.subject();
        let holder = holder.get()?;
        let id = policy.found().ok_or_else(|| policy.not_attachable())?.id;
        match holder.attach(&call.app.directory, id, &note).await {
            Err(error) if policy_arn::is_gone(&error) => Err(policy.not_attachable()),
            outcome => Ok(outcome.map(|()| Void)?),
        }
    }
}

/// IAM API reference, "DetachUserPolicy", "DetachGroupPolicy" and "DetachRolePolicy".
#[derive(Debug)]
pub(crate) struct Detach<H>(PhantomData<H>);

impl<H: Attachee> Operation for Detach<H> {
    const NAME: &'static str = H::DETACH[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Text("PolicyArn")];
    type Input = ChangeInput;
    type Subject = (Named<H>, ByArn);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<ChangeInput> {
        one::<H>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ChangeInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        change_needs(call, H::DETACH[1], input).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (holder, policy) = permit.subject();
        let holder = holder.get()?;
        let id = policy.get()?.id;
        policy.outcome(holder.detach(&call.app.directory, id, &note).await.map(|()| Void))
    }
}

/// A policy that is attached, as replies show it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttachedOut {
    policy_name: String,
    policy_arn: String,
}

impl From<&ManagedPolicy> for AttachedOut {
    fn from(policy: &ManagedPolicy) -> Self {
        Self { policy_name: policy.name.to_string(), policy_arn: policy.arn.to_string() }
    }
}

/// IAM API reference, "ListAttachedUserPolicies", "ListAttachedGroupPolicies" and
/// "ListAttachedRolePolicies".
#[derive(Debug)]
pub(crate) struct ListAttached<H>(PhantomData<H>);

#[derive(Debug)]
pub(crate) struct ListInput {
    holder: String,
    prefix: PathPrefix,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    attached_policies: Vec<AttachedOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<H: Attachee> Operation for ListAttached<H> {
    const NAME: &'static str = H::LIST[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Text("PathPrefix"), Recorded::Number("MaxItems")];
    type Input = ListInput;
    type Subject = Named<H>;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput> {
        let holder = named::new_name::<H>(fields);
        let prefix = policy_arn::path_prefix(fields);
        let page = Page::decode(fields);
        Some(ListInput { holder: holder?, prefix, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let holder = named::named::<H>(call, &input.holder).await?;
        Ok((holder.need(call, H::LIST[1]), holder))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<ListOutput, Fault> {
        let holder = permit.subject().get()?;
        let ListInput { prefix, page, .. } = permit.input();
        let policies =
            call.app.directory.attached_policies(call.caller.account(), holder.attached()).await?;
        let under = policies.into_iter().filter(|policy| prefix.covers(&policy.path)).collect();
        let list = format!("{}|{}|{}", Self::NAME, holder.id(), prefix.as_str());
        // Only one of AWS and one of the account may be called the same.
        let order = |policy: &Arc<ManagedPolicy>| {
            format!("{} {}", policy.name, u8::from(policy.owner == PolicyOwner::Aws))
        };
        let (page, marker) = page.cut(call, &list, under, order)?;
        let attached_policies = page.iter().map(|policy| AttachedOut::from(&**policy)).collect();
        Ok(ListOutput { attached_policies, is_truncated: marker.is_some(), marker })
    }
}

/// IAM API reference, "ListEntitiesForPolicy".
#[derive(Debug)]
pub(crate) struct ListEntities;

#[derive(Debug)]
pub(crate) struct EntitiesInput {
    policy: Arn,
    kind: Option<&'static str>,
    prefix: PathPrefix,
    usage: Option<PolicyUsage>,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct GroupWith {
    group_name: String,
    group_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct UserWith {
    user_name: String,
    user_id: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct RoleWith {
    role_name: String,
    role_id: String,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct EntitiesOutput {
    policy_groups: Vec<GroupWith>,
    policy_users: Vec<UserWith>,
    policy_roles: Vec<RoleWith>,
    is_truncated: bool,
    marker: Option<String>,
}

impl EntitiesOutput {
    fn len(&self) -> usize {
        self.policy_groups.len() + self.policy_users.len() + self.policy_roles.len()
    }

    /// Takes what has the policy, if it is of that kind.
    fn take(&mut self, holder: &Holder, kind: Option<&str>) {
        let wanted = |word| kind.is_none_or(|kind| kind == word);
        match holder {
            Holder::Group(group) if wanted("Group") => self.policy_groups.push(GroupWith {
                group_name: group.name.to_string(),
                group_id: group.id.to_string(),
            }),
            Holder::Role(role) if wanted("Role") => self
                .policy_roles
                .push(RoleWith { role_name: role.name.to_string(), role_id: role.id.to_string() }),
            Holder::User(user) if wanted("User") => self
                .policy_users
                .push(UserWith { user_name: user.name.to_string(), user_id: user.id.to_string() }),
            Holder::Group(_) | Holder::Role(_) | Holder::User(_) => {}
        }
    }
}

/// Where a list of entities goes on: first what a policy is attached to, then what it bounds.
struct Place {
    usage: PolicyUsage,
    after: Option<String>,
}

impl Place {
    /// The place that a marker names, or the beginning.
    fn parse(text: Option<&str>, only: Option<PolicyUsage>) -> Self {
        let after = |id: &str| (!id.is_empty()).then(|| id.to_owned());
        match text.and_then(|text| text.split_at_checked(1)) {
            Some(("b", id)) => Self { usage: PolicyUsage::Boundary, after: after(id) },
            Some((_, id)) => Self { usage: PolicyUsage::Permissions, after: after(id) },
            None => Self { usage: only.unwrap_or(PolicyUsage::Permissions), after: None },
        }
    }

    fn print(&self) -> String {
        let usage = if self.usage == PolicyUsage::Boundary { "b" } else { "p" };
        format!("{usage}{}", self.after.as_deref().unwrap_or_default())
    }

    /// The place behind a page that ended there; nothing behind the last.
    fn behind(self, next: Option<String>, only: Option<PolicyUsage>) -> Option<Self> {
        match next {
            Some(id) => Some(Self { after: Some(id), ..self }),
            None if self.usage == PolicyUsage::Permissions && only.is_none() => {
                Some(Self { usage: PolicyUsage::Boundary, after: None })
            }
            None => None,
        }
    }
}

impl Operation for ListEntities {
    const NAME: &'static str = "ListEntitiesForPolicy";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("PolicyArn"),
        Recorded::Text("EntityFilter"),
        Recorded::Text("PathPrefix"),
        Recorded::Text("PolicyUsageFilter"),
        Recorded::Number("MaxItems"),
    ];
    type Input = EntitiesInput;
    type Subject = ByArn;
    type Output = EntitiesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<EntitiesInput> {
        // The last two have no entities: the service model has one list of words for two operations.
        const KINDS: [&str; 5] =
            ["User", "Role", "Group", "LocalManagedPolicy", "AWSManagedPolicy"];
        let policy = policy_arn(fields);
        let kind = fields.choice("EntityFilter", &KINDS);
        let kind = kind.and_then(|kind| KINDS.into_iter().find(|one| *one == kind));
        // The service model has a path here, with a slash at its end too, and no prefix of one.
        let prefix: Option<Path> = optional(fields, "PathPrefix");
        let prefix = prefix.and_then(|path| PathPrefix::parse(path.as_str()).ok());
        let prefix = prefix.unwrap_or_default();
        let usage = managed_policies::usage_filter(fields);
        let page = Page::decode(fields);
        Some(EntitiesInput { policy: policy?, kind, prefix, usage, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &EntitiesInput,
    ) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, &input.policy).await?;
        Ok((policy.need(call, "iam:ListEntitiesForPolicy"), policy))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<EntitiesOutput, Fault> {
        let EntitiesInput { kind, prefix, usage: only, page, .. } = permit.input();
        let named = permit.subject();
        let policy = named.get()?;
        let filter = format!("{kind:?}|{only:?}|{}", prefix.as_str());
        let list = format!("{}|{}|{filter}", Self::NAME, policy.id);
        let mut out = EntitiesOutput::default();
        let mut place = Some(Place::parse(page.after(call, &list)?.as_deref(), *only));
        for _ in 0..ROUNDS {
            let room = page.limit().saturating_sub(out.len());
            let Some(here) = place.take_if(|_| room > 0) else { break };
            let (account, after) = (policy.account, here.after.as_deref());
            let directory = &call.app.directory;
            let found = directory
                .holders_of_policy(account, policy.id, here.usage, prefix, after, room)
                .await;
            let found = named.outcome(found)?;
            for holder in &found.items {
                let again = only.is_none() && here.usage == PolicyUsage::Boundary;
                if !(again && has_attached(holder, policy.id)) {
                    out.take(holder, *kind);
                }
            }
            place = here.behind(found.next, *only);
        }
        out.marker = place.map(|place| Page::marker(call, &list, &place.print())).transpose()?;
        out.is_truncated = out.marker.is_some();
        Ok(out)
    }
}

/// Whether a policy is attached to it: then it was listed before what the policy bounds.
fn has_attached(holder: &Holder, policy: UniqueId) -> bool {
    match holder {
        Holder::Group(group) => group.attached.contains(&policy),
        Holder::Role(role) => role.attached.contains(&policy),
        Holder::User(user) => user.attached.contains(&policy),
    }
}
