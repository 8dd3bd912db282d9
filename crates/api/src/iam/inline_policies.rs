//! Put, Get, Delete and List of inline policies: the same four operations for users, groups and roles.

use std::future::Future;
use std::marker::PhantomData;

use daypass_directory::{Directory, DirectoryError, Group, InlinePolicy, Noting, Role, User};
use daypass_names::{PolicyName, UniqueId};
use daypass_query::Fields;
use serde::ser::SerializeStruct;
use serde::{Serialize, Serializer};

use super::boundaries;
use super::document::encoded;
use super::named::{self, Kind, Named};
use super::paging::Page;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::{POLICY_DOCUMENT, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// A kind of entity that holds inline policies.
pub(crate) trait Holder: Kind {
    /// The four operations, each without and with its service.
    const PUT: [&'static str; 2];
    const GET: [&'static str; 2];
    const DELETE: [&'static str; 2];
    const LIST: [&'static str; 2];

    fn policies(&self) -> &[InlinePolicy];
    /// The id of its permissions boundary, which groups do not have.
    fn bounded_by(&self) -> Option<UniqueId>;
    fn put(
        &self,
        directory: &Directory,
        name: &PolicyName,
        text: &str,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
    fn delete(
        &self,
        directory: &Directory,
        name: &PolicyName,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! holder {
    ($entity:ty, $word:literal, $put:ident, $delete:ident, $bounded_by:expr) => {
        impl Holder for $entity {
            const PUT: [&'static str; 2] =
                [concat!("Put", $word, "Policy"), concat!("iam:Put", $word, "Policy")];
            const GET: [&'static str; 2] =
                [concat!("Get", $word, "Policy"), concat!("iam:Get", $word, "Policy")];
            const DELETE: [&'static str; 2] =
                [concat!("Delete", $word, "Policy"), concat!("iam:Delete", $word, "Policy")];
            const LIST: [&'static str; 2] =
                [concat!("List", $word, "Policies"), concat!("iam:List", $word, "Policies")];

            fn policies(&self) -> &[InlinePolicy] {
                &self.policies
            }

            fn bounded_by(&self) -> Option<UniqueId> {
                let boundary: fn(&Self) -> Option<UniqueId> = $bounded_by;
                boundary(self)
            }

            async fn put(
                &self,
                directory: &Directory,
                name: &PolicyName,
                text: &str,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$put(self.account, self.id, name.clone(), text, note).await
            }

            async fn delete(
                &self,
                directory: &Directory,
                name: &PolicyName,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$delete(self.account, self.id, name, note).await
            }
        }
    };
}

holder!(Group, "Group", put_group_policy, delete_group_policy, |_| None);
holder!(Role, "Role", put_role_policy, delete_role_policy, |role| role.boundary);
holder!(User, "User", put_user_policy, delete_user_policy, |user| user.boundary);

/// IAM API reference, "PutUserPolicy", "PutGroupPolicy" and "PutRolePolicy".
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
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text(H::PARAMETER),
        Recorded::Text("PolicyName"),
        Recorded::Text("PolicyDocument"),
    ];
    type Input = PutInput;
    type Subject = Named<H>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PutInput> {
        let holder = named::required_name::<H>(fields);
        let policy = required(fields, "PolicyName");
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        Some(PutInput { holder: holder?, policy: policy?, document: document? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PutInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        changing_needs::<H>(call, H::PUT[1], &input.holder).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let PutInput { policy, document, .. } = permit.input();
        let note = noting(call, permit, |&(): &()| Void);
        let holder = permit.subject().get()?;
        holder.put(&call.app.directory, policy, document, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "GetUserPolicy", "GetGroupPolicy" and "GetRolePolicy".
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
        members.serialize_field(H::PARAMETER, &self.holder)?;
        members.serialize_field("PolicyName", &self.policy)?;
        members.serialize_field("PolicyDocument", &self.document)?;
        members.end()
    }
}

impl<H: Holder> Operation for GetInlinePolicy<H> {
    const NAME: &'static str = H::GET[0];
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Text("PolicyName")];
    type Input = OneInput;
    type Subject = Named<H>;
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
        let holder = permit.subject().get()?;
        let wanted = &permit.input().policy;
        let found = holder.policies().iter().find(|policy| policy.name == *wanted);
        let found = found.ok_or_else(|| {
            let message = format!("The {} policy with name {wanted} cannot be found.", H::WORD);
            Fault::new(Code::NoSuchEntity, message)
        })?;
        Ok(GetOutput {
            holder: holder.name().to_string(),
            policy: wanted.to_string(),
            document: encoded(found.policy.source()),
            kind: PhantomData,
        })
    }
}

/// IAM API reference, "DeleteUserPolicy", "DeleteGroupPolicy" and "DeleteRolePolicy".
#[derive(Debug)]
pub(crate) struct DeleteInlinePolicy<H>(PhantomData<H>);

impl<H: Holder> Operation for DeleteInlinePolicy<H> {
    const NAME: &'static str = H::DELETE[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Text("PolicyName")];
    type Input = OneInput;
    type Subject = Named<H>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<OneInput> {
        one_policy::<H>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &OneInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        changing_needs::<H>(call, H::DELETE[1], &input.holder).await
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let holder = permit.subject().get()?;
        holder.delete(&call.app.directory, &permit.input().policy, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListUserPolicies", "ListGroupPolicies" and "ListRolePolicies".
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
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(H::PARAMETER), Recorded::Number("MaxItems")];
    type Input = ListInput;
    type Subject = Named<H>;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput> {
        let holder = named::required_name::<H>(fields);
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
        let holder = permit.subject().get()?;
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, holder.id());
        let names = holder.policies().iter().map(|policy| policy.name.to_string()).collect();
        let (policy_names, marker) = page.cut(call, &list, names, String::clone)?;
        Ok(ListOutput { policy_names, is_truncated: marker.is_some(), marker })
    }
}

fn one_policy<H: Holder>(fields: &mut Fields<'_>) -> Option<OneInput> {
    let holder = named::required_name::<H>(fields);
    let policy = required(fields, "PolicyName");
    Some(OneInput { holder: holder?, policy: policy? })
}

async fn needs<H: Holder>(
    call: &Authenticated<'_>,
    action: &'static str,
    holder: &str,
) -> Result<(Vec<Need>, Named<H>), Fault> {
    let found = named::named::<H>(call, holder).await?;
    Ok((found.need(call, action), found))
}

/// What changing the policies of a holder needs: the boundary that it has is a condition key.
async fn changing_needs<H: Holder>(
    call: &Authenticated<'_>,
    action: &'static str,
    holder: &str,
) -> Result<(Vec<Need>, Named<H>), Fault> {
    let (mut needs, found) = needs::<H>(call, action, holder).await?;
    let boundary = found.found().and_then(|holder| holder.bounded_by());
    let key = boundaries::present_key(call, boundary).await?;
    for need in &mut needs {
        need.keys.extend(key.clone());
    }
    Ok((needs, found))
}
