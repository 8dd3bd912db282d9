//! Permissions boundaries: the parameter of CreateUser and CreateRole, the operations that put one
//! on a user or role and take it off, and the condition key `iam:PermissionsBoundary`.
//!
//! The key is what a delegated administrator is bound by: "create and change only what this policy
//! bounds". Where a call sets a boundary, it is the one that will be set; where a call changes what
//! a bounded user or role may do, it is the one that is there. Without a boundary it is absent.
//!
//! IAM user guide, page "Permissions boundaries for IAM entities"; Service Authorization Reference,
//! page "Actions, resources, and condition keys for AWS Identity and Access Management".

use std::borrow::Cow;
use std::future::Future;
use std::marker::PhantomData;

use daypass_directory::{Directory, DirectoryError, Noting, Role, User};
use daypass_names::{Arn, UniqueId};
use daypass_policy::Value;
use daypass_query::Fields;
use serde::Serialize;

use super::named::{self, Kind, Named};
use super::policy_arn::{self, ByArn};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::convert::found;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// The parameter that names one.
const PARAMETER: &str = "PermissionsBoundary";

/// The condition key.
const KEY: &str = "iam:PermissionsBoundary";

/// A boundary that a request names, looked up.
///
/// For an operation that makes a user or role: `decode` in its decode, [`Wanted::find`] and
/// [`Wanted::key`] (into the keys of its need) in its needs, [`Wanted::id`] and [`Wanted::shown`]
/// in its perform.
#[derive(Debug)]
pub(crate) struct Wanted(Option<ByArn>);

/// Reads the optional parameter `PermissionsBoundary`.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
    fields.has(PARAMETER).then(|| required(fields))?
}

/// Reads the parameter where it must be there.
fn required(fields: &mut Fields<'_>) -> Option<Arn> {
    let text = policy_arn::arn_text(fields, PARAMETER)?;
    let arn = Arn::parse(text).ok().filter(policy_arn::is_policy);
    if arn.is_none() {
        fields.refuse(format!("Value ({text}) for parameter {PARAMETER} is invalid."));
    }
    arn
}

impl Wanted {
    /// Looks up the boundary that [`decode`] read.
    pub(crate) async fn find(call: &Authenticated<'_>, arn: Option<&Arn>) -> Result<Self, Fault> {
        match arn {
            Some(arn) => Ok(Self(Some(ByArn::find(call, arn).await?))),
            None => Ok(Self(None)),
        }
    }

    /// The condition key of the need, if a boundary was named.
    pub(crate) fn key(&self) -> Option<(Cow<'static, str>, Value<'static>)> {
        self.0.as_ref().map(|policy| key(policy.arn()))
    }

    /// The id of the policy, for the directory.
    ///
    /// # Errors
    /// IAM's answer that there is no such policy.
    pub(crate) fn id(&self) -> Result<Option<UniqueId>, Fault> {
        let Some(policy) = &self.0 else { return Ok(None) };
        match policy.found() {
            Some(policy) => Ok(Some(policy.id)),
            None => Err(missing(policy.arn())),
        }
    }

    /// `PermissionsBoundary` of the reply.
    pub(crate) fn shown(&self) -> Option<AttachedBoundary> {
        self.0.as_ref().map(|policy| AttachedBoundary::of(policy.arn()))
    }
}

/// `PermissionsBoundary` of users and roles in replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct AttachedBoundary {
    permissions_boundary_type: &'static str,
    permissions_boundary_arn: String,
}

impl AttachedBoundary {
    /// As recorded of the live service, whose type is not that of its own service model.
    fn of(arn: &Arn) -> Self {
        Self { permissions_boundary_type: "Policy", permissions_boundary_arn: arn.to_string() }
    }
}

/// What bounds a user or role at this moment, as replies show it; `boundary` is its id.
pub(crate) async fn attached(
    call: &Authenticated<'_>,
    boundary: Option<UniqueId>,
) -> Result<Option<AttachedBoundary>, Fault> {
    Ok(arn_of(call, boundary).await?.as_ref().map(AttachedBoundary::of))
}

/// The condition key of an action on a user or role that has that boundary, if it has one.
pub(crate) async fn present_key(
    call: &Authenticated<'_>,
    boundary: Option<UniqueId>,
) -> Result<Option<(Cow<'static, str>, Value<'static>)>, Fault> {
    Ok(arn_of(call, boundary).await?.as_ref().map(key))
}

fn key(arn: &Arn) -> (Cow<'static, str>, Value<'static>) {
    (Cow::Borrowed(KEY), arn.to_string().into())
}

async fn arn_of(
    call: &Authenticated<'_>,
    boundary: Option<UniqueId>,
) -> Result<Option<Arn>, Fault> {
    let Some(id) = boundary else { return Ok(None) };
    match found(call.app.directory.managed_policy_by_id(call.caller.account(), id).await)? {
        Some(policy) => Ok(Some(policy.arn.clone())),
        // SECURITY: a policy that bounds somebody cannot be deleted, so this one was just replaced.
        // An absent key would say that there is no boundary.
        None => Err(Fault::overtaken()),
    }
}

/// As recorded of the live service, which calls boundaries scopes here.
fn missing(arn: &Arn) -> Fault {
    let text = format!("Scope ARN: {arn} does not exist or is not attachable.");
    Fault::new(Code::NoSuchEntity, text)
}

/// A kind of entity that can have a permissions boundary.
pub(crate) trait Bounded: Kind {
    /// The two operations, each without and with its service.
    const PUT: [&'static str; 2];
    const DELETE: [&'static str; 2];

    fn boundary(&self) -> Option<UniqueId>;
    fn set(
        &self,
        directory: &Directory,
        policy: UniqueId,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
    fn clear(
        &self,
        directory: &Directory,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

macro_rules! bounded {
    ($entity:ty, $word:literal, $set:ident, $clear:ident) => {
        impl Bounded for $entity {
            const PUT: [&'static str; 2] = [
                concat!("Put", $word, "PermissionsBoundary"),
                concat!("iam:Put", $word, "PermissionsBoundary"),
            ];
            const DELETE: [&'static str; 2] = [
                concat!("Delete", $word, "PermissionsBoundary"),
                concat!("iam:Delete", $word, "PermissionsBoundary"),
            ];

            fn boundary(&self) -> Option<UniqueId> {
                self.boundary
            }

            async fn set(
                &self,
                directory: &Directory,
                policy: UniqueId,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$set(self.account, self.id, policy, note).await
            }

            async fn clear(
                &self,
                directory: &Directory,
                note: &dyn Noting<()>,
            ) -> Result<(), DirectoryError> {
                directory.$clear(self.account, self.id, note).await
            }
        }
    };
}

bounded!(Role, "Role", set_role_boundary, clear_role_boundary);
bounded!(User, "User", set_user_boundary, clear_user_boundary);

/// IAM API reference, "PutUserPermissionsBoundary" and "PutRolePermissionsBoundary".
#[derive(Debug)]
pub(crate) struct PutBoundary<B>(PhantomData<B>);

#[derive(Debug)]
pub(crate) struct PutInput {
    bounded: String,
    boundary: Arn,
}

impl<B: Bounded> Operation for PutBoundary<B> {
    const NAME: &'static str = B::PUT[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text(B::PARAMETER), Recorded::Text(PARAMETER)];
    type Input = PutInput;
    type Subject = (Named<B>, ByArn);
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PutInput> {
        let bounded = named::new_name::<B>(fields);
        let boundary = required(fields);
        Some(PutInput { bounded: bounded?, boundary: boundary? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PutInput,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let bounded = named::named::<B>(call, &input.bounded).await?;
        let policy = ByArn::find(call, &input.boundary).await?;
        let mut needs = bounded.need(call, B::PUT[1]);
        for need in &mut needs {
            need.keys.push(key(policy.arn()));
        }
        Ok((needs, (bounded, policy)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (bounded, policy) = permit.subject();
        let missing = || missing(policy.arn());
        let bounded = bounded.get()?;
        let id = policy.found().ok_or_else(missing)?.id;
        match bounded.set(&call.app.directory, id, &note).await {
            Err(error) if policy_arn::is_gone(&error) => Err(missing()),
            outcome => Ok(outcome.map(|()| Void)?),
        }
    }
}

/// IAM API reference, "DeleteUserPermissionsBoundary" and "DeleteRolePermissionsBoundary". That
/// there was none is no error.
#[derive(Debug)]
pub(crate) struct DeleteBoundary<B>(PhantomData<B>);

impl<B: Bounded> Operation for DeleteBoundary<B> {
    const NAME: &'static str = B::DELETE[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(B::PARAMETER)];
    type Input = String;
    type Subject = Named<B>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::new_name::<B>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<B>), Fault> {
        let bounded = named::named::<B>(call, input).await?;
        let boundary = bounded.found().and_then(|bounded| bounded.boundary());
        let present = present_key(call, boundary).await?;
        let mut needs = bounded.need(call, B::DELETE[1]);
        for need in &mut needs {
            need.keys.extend(present.clone());
        }
        Ok((needs, bounded))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let bounded = permit.subject().get()?;
        bounded.clear(&call.app.directory, &note).await?;
        Ok(Void)
    }
}
