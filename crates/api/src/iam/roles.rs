//! CreateRole, GetRole, ListRoles, UpdateRole, UpdateRoleDescription, UpdateAssumeRolePolicy.

use daypass_directory::{LastUsed, NewRole, Role, RoleChange, Tag};
use daypass_names::{Arn, Path, RoleDescription, RoleName, UniqueId, UniqueIdKind};
use daypass_query::Fields;
use serde::Serialize;

use super::boundaries::{self, AttachedBoundary, Wanted};
use super::document::encoded;
use super::named::{self, Named};
use super::paging::{Left, Page, Under};
use super::tags::{self, TagOut, Tagged};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{POLICY_DOCUMENT, optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// What a role's sessions may last when its creator does not say, in seconds.
const DEFAULT_MAX_SESSION: u32 = 3600;

/// `Role` of replies. CreateRole leaves the maximum session duration out, and only GetRole has
/// `RoleLastUsed`, as recorded from the live service. Lists leave the boundary and the tags out.
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
    permissions_boundary: Option<AttachedBoundary>,
    tags: Option<Vec<TagOut>>,
    role_last_used: Option<RoleLastUsed>,
}

/// Empty when the role was never used.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct RoleLastUsed {
    last_used_date: Option<Date>,
    region: Option<String>,
}

impl From<Option<LastUsed>> for RoleLastUsed {
    fn from(used: Option<LastUsed>) -> Self {
        match used {
            Some(used) => {
                Self { last_used_date: Some(Date(used.at)), region: Some(used.region.to_string()) }
            }
            None => Self { last_used_date: None, region: None },
        }
    }
}

impl RoleOut {
    /// A role with its trust policy as it reads now: principals that are gone appear by id.
    pub(crate) async fn new(call: &Authenticated<'_>, role: &Role) -> Result<Self, Fault> {
        let trust = call.app.directory.trust_text(role).await?;
        Ok(Self::with_trust(role, &trust))
    }

    /// The same with its longest session, as nearly all replies show it.
    async fn listed(call: &Authenticated<'_>, role: &Role) -> Result<Self, Fault> {
        let max_session_duration = Some(role.max_session_duration);
        Ok(Self { max_session_duration, ..Self::new(call, role).await? })
    }

    /// The bytes of its trust policy as it is shown.
    pub(crate) fn document_size(&self) -> usize {
        self.assume_role_policy_document.len()
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
            permissions_boundary: None,
            tags: None,
            role_last_used: None,
        }
    }

    /// With the tags and the boundary, as replies on one role show them.
    fn with_details(self, role: &Role, boundary: Option<AttachedBoundary>) -> Self {
        Self { permissions_boundary: boundary, tags: tags::shown(&role.tags), ..self }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneRole {
    role: RoleOut,
}

impl OneRole {
    /// A role that was just made, whose trust policy reads as it was given.
    pub(crate) fn made(role: &Role) -> Self {
        Self { role: RoleOut::with_trust(role, role.trust.text()) }
    }
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
    boundary: Option<Arn>,
    tags: Vec<Tag>,
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
        Recorded::Text("PermissionsBoundary"),
        Recorded::Tags("Tags"),
    ];
    type Input = CreateRoleInput;
    type Subject = Wanted;
    type Output = OneRole;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateRoleInput> {
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "RoleName");
        let trust = fields.required_text("AssumeRolePolicyDocument", &POLICY_DOCUMENT);
        let trust = trust.map(str::to_owned);
        let description = optional(fields, "Description");
        let max_session_duration = max_session_duration(fields);
        let boundary = boundaries::decode(fields);
        let tags = tags::decode(fields);
        let (name, trust) = (name?, trust?);
        Some(CreateRoleInput {
            name,
            path,
            trust,
            description,
            max_session_duration,
            boundary,
            tags,
        })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateRoleInput,
    ) -> Result<(Vec<Need>, Wanted), Fault> {
        tags::check(&input.tags)?;
        let boundary = Wanted::find(call, input.boundary.as_ref()).await?;
        let mut need = named::new_need::<Role>(call, "iam:CreateRole", &input.path, &input.name);
        need.keys.extend(boundary.key());
        Ok((tags::creation_needs(need, Role::TAG[1], &input.tags), boundary))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let (input, boundary) = (permit.input(), permit.subject());
        let role = NewRole {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::Role, call.app.random.array()?),
            name: input.name.clone(),
            path: input.path.clone(),
            created: call.now,
            description: input.description.clone(),
            max_session_duration: input.max_session_duration.unwrap_or(DEFAULT_MAX_SESSION),
            trust_text: input.trust.clone(),
            boundary: boundary.id()?,
            tags: input.tags.clone(),
        };
        // Whoever is named was there when the role was made: the text reads as it was given.
        let output = |role: &Role| OneRole {
            role: RoleOut::with_trust(role, &input.trust).with_details(role, boundary.shown()),
        };
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
        named::required_name::<Role>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::named::<Role>(call, input).await?;
        Ok((role.need(call, "iam:GetRole"), role))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let role = permit.subject().get()?;
        let boundary = boundaries::attached(call, role.boundary).await?;
        let mut out = RoleOut::listed(call, role).await?.with_details(role, boundary);
        out.role_last_used = Some(call.app.directory.role_last_used(role.id).await?.into());
        Ok(OneRole { role: out })
    }
}

/// IAM API reference, "ListRoles".
#[derive(Debug)]
pub(crate) struct ListRoles;

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
    const RECORDED: &'static [Recorded] = Under::RECORDED;
    type Input = Under;
    type Subject = ();
    type Output = ListRolesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Under> {
        Some(Under::decode(fields))
    }

    async fn needs(call: &Authenticated<'_>, input: &Under) -> Result<(Vec<Need>, ()), Fault> {
        Ok((named::list_need(call, "iam:ListRoles", "role", &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListRolesOutput, Fault> {
        let Under { prefix, page } = permit.input();
        let list = permit.input().list(Self::NAME);
        let (mut after, mut left) = (page.after(call, &list)?, Left::of(page));
        let account = call.caller.account();
        let directory = &call.app.directory;
        let mut roles = Vec::new();
        let last = loop {
            let asked = left.at_once();
            let listing = directory.roles(account, prefix, after.as_deref(), asked).await?;
            let is_short = listing.items.len() < asked;
            for role in &listing.items {
                let role = RoleOut::listed(call, role).await?;
                left.take(role.document_size());
                roles.push(role);
            }
            after = listing.next;
            if after.is_none() || is_short || left.is_none() {
                break after;
            }
        };
        let marker = last.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(ListRolesOutput { roles, is_truncated: marker.is_some(), marker })
    }
}

/// IAM API reference, "UpdateRole". A longest session that is left out goes back to its default,
/// a description that is left out stays.
#[derive(Debug)]
pub(crate) struct UpdateRole;

#[derive(Debug)]
pub(crate) struct UpdateRoleInput {
    role: String,
    change: RoleChange,
}

/// A result without members: its element is there all the same.
#[derive(Debug, Serialize)]
pub(crate) struct Nothing {}

impl Operation for UpdateRole {
    const NAME: &'static str = "UpdateRole";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleName"),
        Recorded::Text("Description"),
        Recorded::Number("MaxSessionDuration"),
    ];
    type Input = UpdateRoleInput;
    type Subject = Named<Role>;
    type Output = Nothing;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateRoleInput> {
        let role = named::required_name::<Role>(fields);
        let description = optional(fields, "Description").map(Some);
        let seconds = max_session_duration(fields).unwrap_or(DEFAULT_MAX_SESSION);
        let change = RoleChange { description, max_session_duration: Some(seconds) };
        Some(UpdateRoleInput { role: role?, change })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateRoleInput,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::named::<Role>(call, &input.role).await?;
        Ok((role.need(call, "iam:UpdateRole"), role))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Nothing, Fault> {
        let role = permit.subject().get()?;
        let change = &permit.input().change;
        let note = noting(call, permit, |_: &Role| Nothing {});
        call.app.directory.update_role(role.account, role.id, change, &note).await?;
        Ok(Nothing {})
    }
}

/// IAM API reference, "UpdateRoleDescription", which UpdateRole took the place of.
#[derive(Debug)]
pub(crate) struct UpdateRoleDescription;

/// A role that is to be changed, and its trust policy as it reads now.
#[derive(Debug)]
pub(crate) struct Described {
    role: Named<Role>,
    trust: String,
}

impl Operation for UpdateRoleDescription {
    const NAME: &'static str = "UpdateRoleDescription";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("RoleName"), Recorded::Text("Description")];
    type Input = UpdateRoleInput;
    type Subject = Described;
    type Output = OneRole;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateRoleInput> {
        let role = named::required_name::<Role>(fields);
        let description = Some(Some(required(fields, "Description")?));
        let change = RoleChange { description, max_session_duration: None };
        Some(UpdateRoleInput { role: role?, change })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateRoleInput,
    ) -> Result<(Vec<Need>, Described), Fault> {
        let role = named::named::<Role>(call, &input.role).await?;
        let trust = match role.found() {
            Some(role) => call.app.directory.trust_text(role).await?,
            None => String::new(),
        };
        Ok((role.need(call, "iam:UpdateRoleDescription"), Described { role, trust }))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let Described { role, trust } = permit.subject();
        let role = role.get()?;
        let output = |role: &Role| {
            let mut out = RoleOut::with_trust(role, trust);
            out.max_session_duration = Some(role.max_session_duration);
            OneRole { role: out }
        };
        let note = noting(call, permit, output);
        let directory = &call.app.directory;
        let change = &permit.input().change;
        Ok(output(&*directory.update_role(role.account, role.id, change, &note).await?))
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
        let role_name = named::required_name::<Role>(fields);
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        Some(UpdateAssumeRolePolicyInput { role_name: role_name?, document: document? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateAssumeRolePolicyInput,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::named::<Role>(call, &input.role_name).await?;
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

/// Reads the longest session of a role, in seconds.
fn max_session_duration(fields: &mut Fields<'_>) -> Option<u32> {
    let seconds = fields.integer("MaxSessionDuration", 3600, 43_200)?;
    u32::try_from(seconds).ok()
}
