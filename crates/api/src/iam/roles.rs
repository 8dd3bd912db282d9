//! CreateRole, GetRole, ListRoles, DeleteRole, UpdateAssumeRolePolicy.

use daypass_directory::{NewRole, Role};
use daypass_names::{Path, PathPrefix, RoleDescription, RoleName, UniqueId, UniqueIdKind};
use daypass_query::Fields;
use serde::Serialize;

use super::document::encoded;
use super::named::{self, Named};
use super::paging::Page;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{POLICY_DOCUMENT, optional, required, unsupported};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// What a role's sessions may last when its creator does not say, in seconds.
const DEFAULT_MAX_SESSION: u32 = 3600;

/// `Role` of replies. CreateRole leaves the maximum session duration out, and only GetRole has
/// `RoleLastUsed`, as recorded from the live service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoleOut {
    path: String,
    role_name: String,
    role_id: String,
    arn: String,
    create_date: Date,
    assume_role_policy_document: String,
    description: Option<String>,
    max_session_duration: Option<u32>,
    role_last_used: Option<RoleLastUsed>,
}

#[derive(Debug, Serialize)]
struct RoleLastUsed {}

impl RoleOut {
    /// A role with its trust policy as it reads now: principals that are gone appear by id.
    async fn new(call: &Authenticated<'_>, role: &Role) -> Result<Self, Fault> {
        let trust = call.app.directory.trust_text(role).await?;
        Ok(Self::with_trust(role, &trust))
    }

    /// A role with that text of its trust policy.
    fn with_trust(role: &Role, trust: &str) -> Self {
        Self {
            path: role.path.to_string(),
            role_name: role.name.to_string(),
            role_id: role.id.to_string(),
            arn: role.arn.to_string(),
            create_date: Date(role.created),
            assume_role_policy_document: encoded(trust),
            description: role.description.as_ref().map(ToString::to_string),
            max_session_duration: None,
            role_last_used: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneRole {
    role: RoleOut,
}

/// IAM API reference, "CreateRole".
#[derive(Debug)]
pub(crate) struct CreateRole;

#[derive(Debug)]
pub(crate) struct CreateRoleInput {
    name: RoleName,
    path: Path,
    trust: String,
    description: Option<RoleDescription>,
    max_session_duration: Option<u32>,
}

impl Operation for CreateRole {
    const NAME: &'static str = "CreateRole";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleName"),
        Recorded::Text("Path"),
        Recorded::Text("AssumeRolePolicyDocument"),
        Recorded::Text("Description"),
        Recorded::Number("MaxSessionDuration"),
    ];
    type Input = CreateRoleInput;
    type Subject = ();
    type Output = OneRole;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateRoleInput> {
        unsupported(fields, &["PermissionsBoundary", "Tags"]);
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "RoleName");
        let trust = fields.required_text("AssumeRolePolicyDocument", &POLICY_DOCUMENT);
        let trust = trust.map(str::to_owned);
        let description = optional(fields, "Description");
        let seconds = fields.integer("MaxSessionDuration", 3600, 43_200);
        let max_session_duration = seconds.and_then(|seconds| u32::try_from(seconds).ok());
        let (name, trust) = (name?, trust?);
        Some(CreateRoleInput { name, path, trust, description, max_session_duration })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateRoleInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let arn = named::new_role_arn(call, &input.path, &input.name);
        Ok((vec![Need::new("iam:CreateRole", arn, call.caller.account())], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let input = permit.input();
        let role = NewRole {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::Role, call.app.random.array()?),
            name: input.name.clone(),
            path: input.path.clone(),
            created: call.now,
            description: input.description.clone(),
            max_session_duration: input.max_session_duration.unwrap_or(DEFAULT_MAX_SESSION),
            trust_text: input.trust.clone(),
            boundary: None,
        };
        // Whoever is named was there when the role was made: the text reads as it was given.
        let output = |role: &Role| OneRole { role: RoleOut::with_trust(role, &input.trust) };
        let note = noting(call, permit, output);
        Ok(output(&*call.app.directory.create_role(role, &note).await?))
    }
}

/// IAM API reference, "GetRole".
#[derive(Debug)]
pub(crate) struct GetRole;

impl Operation for GetRole {
    const NAME: &'static str = "GetRole";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("RoleName")];
    type Input = String;
    type Subject = Named<Role>;
    type Output = OneRole;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name(fields, "RoleName")
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::role(call, input).await?;
        Ok((role.need(call, "iam:GetRole"), role))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let role = permit.subject().get()?;
        let mut out = RoleOut::new(call, role).await?;
        out.max_session_duration = Some(role.max_session_duration);
        out.role_last_used = Some(RoleLastUsed {});
        Ok(OneRole { role: out })
    }
}

/// IAM API reference, "ListRoles".
#[derive(Debug)]
pub(crate) struct ListRoles;

#[derive(Debug)]
pub(crate) struct ListRolesInput {
    prefix: PathPrefix,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListRolesOutput {
    roles: Vec<RoleOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListRoles {
    const NAME: &'static str = "ListRoles";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PathPrefix"), Recorded::Number("MaxItems")];
    type Input = ListRolesInput;
    type Subject = ();
    type Output = ListRolesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListRolesInput> {
        let prefix = optional(fields, "PathPrefix").unwrap_or_default();
        Some(ListRolesInput { prefix, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListRolesInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((named::list_need(call, "iam:ListRoles", "role", &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListRolesOutput, Fault> {
        let ListRolesInput { prefix, page } = permit.input();
        let list = format!("{}|{}", Self::NAME, prefix.as_str());
        let after = page.after(call, &list)?;
        let account = call.caller.account();
        let directory = &call.app.directory;
        let listing = directory.roles(account, prefix, after.as_deref(), page.limit()).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        let mut roles = Vec::with_capacity(listing.items.len());
        for role in &listing.items {
            let mut out = RoleOut::new(call, role).await?;
            out.max_session_duration = Some(role.max_session_duration);
            roles.push(out);
        }
        Ok(ListRolesOutput { roles, is_truncated: next.is_some(), marker: next })
    }
}

/// IAM API reference, "DeleteRole".
#[derive(Debug)]
pub(crate) struct DeleteRole;

impl Operation for DeleteRole {
    const NAME: &'static str = "DeleteRole";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("RoleName")];
    type Input = String;
    type Subject = Named<Role>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name(fields, "RoleName")
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::role(call, input).await?;
        Ok((role.need(call, "iam:DeleteRole"), role))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let role = permit.subject().get()?;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.delete_role(role.account, role.id, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "UpdateAssumeRolePolicy": decides future sessions only.
#[derive(Debug)]
pub(crate) struct UpdateAssumeRolePolicy;

#[derive(Debug)]
pub(crate) struct UpdateAssumeRolePolicyInput {
    role_name: String,
    document: String,
}

impl Operation for UpdateAssumeRolePolicy {
    const NAME: &'static str = "UpdateAssumeRolePolicy";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("RoleName"), Recorded::Text("PolicyDocument")];
    type Input = UpdateAssumeRolePolicyInput;
    type Subject = Named<Role>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateAssumeRolePolicyInput> {
        let role_name = named::required_name(fields, "RoleName");
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        Some(UpdateAssumeRolePolicyInput { role_name: role_name?, document: document? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateAssumeRolePolicyInput,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::role(call, &input.role_name).await?;
        Ok((role.need(call, "iam:UpdateAssumeRolePolicy"), role))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let role = permit.subject().get()?;
        let document = &permit.input().document;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.set_trust_policy(role.account, role.id, document, &note).await?;
        Ok(Void)
    }
}
