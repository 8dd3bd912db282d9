//! Put, Get, Delete and List of inline policies: the same four operations for users and roles.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::sync::Arc;

use daypass_directory::{InlinePolicy, Noting, Role, User};
use daypass_names::PolicyName;
use daypass_query::Fields;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::document::encoded;
use super::named::{self, Named};
use super::paging::Page;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::{POLICY_DOCUMENT, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// A kind of entity that holds inline policies.
pub(crate) trait Holder: fmt::Debug + Send + Sync + 'static {
    /// The four operations, each without and with its service.
    const PUT: [&'static str; 2];
    const GET: [&'static str; 2];
    const DELETE: [&'static str; 2];
    const LIST: [&'static str; 2];
    /// The parameter and response member that names the holder.
    const NAME: &'static str;
    /// What not-found answers call a policy of this holder.
    const POLICY: &'static str;
    type Entity: fmt::Debug + Send + Sync;

    fn find(
        call: &Authenticated<'_>,
        name: &str,
    ) -> impl Future<Output = Result<Named<Self::Entity>, Fault>> + Send;
    fn need(
        call: &Authenticated<'_>,
        found: &Named<Self::Entity>,
        action: &'static str,
    ) -> Vec<Need>;
    fn get(found: &Named<Self::Entity>) -> Result<&Arc<Self::Entity>, Fault>;
    fn name(entity: &Self::Entity) -> &str;
    fn policies(entity: &Self::Entity) -> &[InlinePolicy];
    fn put(
        call: &Authenticated<'_>,
        entity: &Self::Entity,
        name: &PolicyName,
        text: &str,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
    fn delete(
        call: &Authenticated<'_>,
        entity: &Self::Entity,
        name: &PolicyName,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}

/// Inline policies of users.
#[derive(Debug)]
pub(crate) struct OfUser;

impl Holder for OfUser {
    const PUT: [&'static str; 2] = ["PutUserPolicy", "iam:PutUserPolicy"];
    const GET: [&'static str; 2] = ["GetUserPolicy", "iam:GetUserPolicy"];
    const DELETE: [&'static str; 2] = ["DeleteUserPolicy", "iam:DeleteUserPolicy"];
    const LIST: [&'static str; 2] = ["ListUserPolicies", "iam:ListUserPolicies"];
    const NAME: &'static str = "UserName";
    const POLICY: &'static str = "user policy";
    type Entity = User;

    async fn find(call: &Authenticated<'_>, name: &str) -> Result<Named<User>, Fault> {
        named::user(call, Some(&name.to_owned())).await
    }

    fn need(call: &Authenticated<'_>, found: &Named<User>, action: &'static str) -> Vec<Need> {
        found.need(call, action)
    }

    fn get(found: &Named<User>) -> Result<&Arc<User>, Fault> {
        found.get()
    }

    fn name(user: &User) -> &str {
        user.name.as_str()
    }

    fn policies(user: &User) -> &[InlinePolicy] {
        &user.policies
    }

    async fn put(
        call: &Authenticated<'_>,
        user: &User,
        name: &PolicyName,
        text: &str,
        note: &dyn Noting<()>,
    ) -> Result<(), Fault> {
        let directory = &call.app.directory;
        Ok(directory.put_user_policy(user.account, user.id, name.clone(), text, note).await?)
    }

    async fn delete(
        call: &Authenticated<'_>,
        user: &User,
        name: &PolicyName,
        note: &dyn Noting<()>,
    ) -> Result<(), Fault> {
        let directory = &call.app.directory;
        Ok(directory.delete_user_policy(user.account, user.id, name, note).await?)
    }
}

/// Inline policies of roles.
#[derive(Debug)]
pub(crate) struct OfRole;

impl Holder for OfRole {
    const PUT: [&'static str; 2] = ["PutRolePolicy", "iam:PutRolePolicy"];
    const GET: [&'static str; 2] = ["GetRolePolicy", "iam:GetRolePolicy"];
    const DELETE: [&'static str; 2] = ["DeleteRolePolicy", "iam:DeleteRolePolicy"];
    const LIST: [&'static str; 2] = ["ListRolePolicies", "iam:ListRolePolicies"];
    const NAME: &'static str = "RoleName";
    const POLICY: &'static str = "role policy";
    type Entity = Role;

    async fn find(call: &Authenticated<'_>, name: &str) -> Result<Named<Role>, Fault> {
        named::role(call, name).await
    }

    fn need(call: &Authenticated<'_>, found: &Named<Role>, action: &'static str) -> Vec<Need> {
        found.need(call, action)
    }

    fn get(found: &Named<Role>) -> Result<&Arc<Role>, Fault> {
        found.get()
    }

    fn name(role: &Role) -> &str {
        role.name.as_str()
    }

    fn policies(role: &Role) -> &[InlinePolicy] {
        &role.policies
    }

    async fn put(
        call: &Authenticated<'_>,
        role: &Role,
        name: &PolicyName,
        text: &str,
        note: &dyn Noting<()>,
    ) -> Result<(), Fault> {
        let directory = &call.app.directory;
        Ok(directory.put_role_policy(role.account, role.id, name.clone(), text, note).await?)
    }

    async fn delete(
        call: &Authenticated<'_>,
        role: &Role,
        name: &PolicyName,
        note: &dyn Noting<()>,
    ) -> Result<(), Fault> {
        let directory = &call.app.directory;
        Ok(directory.delete_role_policy(role.account, role.id, name, note).await?)
    }
}

/// IAM API reference, "PutUserPolicy" and "PutRolePolicy".
#[derive(Debug)]
pub(crate) struct PutInlinePolicy<H>(PhantomData<H>);

#[derive(Debug)]
pub(crate) struct PutInput {
    holder: String,
    policy: PolicyName,
    document: String,
}

impl<H: Holder> Operation for PutInlinePolicy<H> {
    const NAME: &'static str = H::PUT[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::NAME), Recorded::Text("PolicyName"), Recorded::Text("PolicyDocument")];
    type Input = PutInput;
    type Subject = Named<H::Entity>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PutInput> {
        let holder = named::required_name(fields, H::NAME);
        let policy = required(fields, "PolicyName");
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        Some(PutInput { holder: holder?, policy: policy?, document: document? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PutInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        needs::<H>(call, H::PUT[1], &input.holder).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let PutInput { policy, document, .. } = permit.input();
        let note = noting(call, permit, |&(): &()| Void);
        H::put(call, H::get(permit.subject())?, policy, document, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "GetUserPolicy" and "GetRolePolicy".
#[derive(Debug)]
pub(crate) struct GetInlinePolicy<H>(PhantomData<H>);

#[derive(Debug)]
pub(crate) struct OneInput {
    holder: String,
    policy: PolicyName,
}

/// The result, whose first member is named for the kind of holder.
#[derive(Debug)]
pub(crate) struct GetOutput<H> {
    holder: String,
    policy: String,
    document: String,
    kind: PhantomData<H>,
}

impl<H: Holder> Serialize for GetOutput<H> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut members = serializer.serialize_struct("Output", 3)?;
        members.serialize_field(H::NAME, &self.holder)?;
        members.serialize_field("PolicyName", &self.policy)?;
        members.serialize_field("PolicyDocument", &self.document)?;
        members.end()
    }
}

impl<H: Holder> Operation for GetInlinePolicy<H> {
    const NAME: &'static str = H::GET[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(H::NAME), Recorded::Text("PolicyName")];
    type Input = OneInput;
    type Subject = Named<H::Entity>;
    type Output = GetOutput<H>;

    fn decode(fields: &mut Fields<'_>) -> Option<OneInput> {
        one_policy::<H>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &OneInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        needs::<H>(call, H::GET[1], &input.holder).await
    }

    async fn perform(
        _call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<GetOutput<H>, Fault> {
        let holder = H::get(permit.subject())?;
        let wanted = &permit.input().policy;
        let found = H::policies(holder).iter().find(|policy| policy.name == *wanted);
        let found = found.ok_or_else(|| {
            let message = format!("The {} with name {wanted} cannot be found.", H::POLICY);
            Fault::new(Code::NoSuchEntity, message)
        })?;
        Ok(GetOutput {
            holder: H::name(holder).to_owned(),
            policy: wanted.to_string(),
            document: encoded(found.policy.source()),
            kind: PhantomData,
        })
    }
}

/// IAM API reference, "DeleteUserPolicy" and "DeleteRolePolicy".
#[derive(Debug)]
pub(crate) struct DeleteInlinePolicy<H>(PhantomData<H>);

impl<H: Holder> Operation for DeleteInlinePolicy<H> {
    const NAME: &'static str = H::DELETE[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(H::NAME), Recorded::Text("PolicyName")];
    type Input = OneInput;
    type Subject = Named<H::Entity>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<OneInput> {
        one_policy::<H>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &OneInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        needs::<H>(call, H::DELETE[1], &input.holder).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        H::delete(call, H::get(permit.subject())?, &permit.input().policy, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListUserPolicies" and "ListRolePolicies".
#[derive(Debug)]
pub(crate) struct ListInlinePolicies<H>(PhantomData<H>);

#[derive(Debug)]
pub(crate) struct ListInput {
    holder: String,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    policy_names: Vec<String>,
    is_truncated: bool,
    marker: Option<String>,
}

impl<H: Holder> Operation for ListInlinePolicies<H> {
    const NAME: &'static str = H::LIST[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(H::NAME), Recorded::Number("MaxItems")];
    type Input = ListInput;
    type Subject = Named<H::Entity>;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput> {
        let holder = named::required_name(fields, H::NAME);
        let page = Page::decode(fields);
        Some(ListInput { holder: holder?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        needs::<H>(call, H::LIST[1], &input.holder).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<ListOutput, Fault> {
        let holder = H::get(permit.subject())?;
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, H::name(holder));
        let after = page.after(call, &list)?;
        let mut names: Vec<&str> = H::policies(holder)
            .iter()
            .map(|policy| policy.name.as_str())
            .filter(|name| after.as_deref().is_none_or(|after| *name > after))
            .collect();
        names.sort_unstable();
        let is_truncated = names.len() > page.limit();
        names.truncate(page.limit());
        let marker = match names.last() {
            Some(last) if is_truncated => Some(Page::marker(call, &list, last)?),
            _ => None,
        };
        let policy_names = names.into_iter().map(str::to_owned).collect();
        Ok(ListOutput { policy_names, is_truncated, marker })
    }
}

fn one_policy<H: Holder>(fields: &mut Fields<'_>) -> Option<OneInput> {
    let holder = named::required_name(fields, H::NAME);
    let policy = required(fields, "PolicyName");
    Some(OneInput { holder: holder?, policy: policy? })
}

async fn needs<H: Holder>(
    call: &Authenticated<'_>,
    action: &'static str,
    holder: &str,
) -> Result<(Vec<Need>, Named<H::Entity>), Fault> {
    let found = H::find(call, holder).await?;
    Ok((H::need(call, &found, action), found))
}
