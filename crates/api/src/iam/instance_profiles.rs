//! Instance profiles, which hand a role to machines: CreateInstanceProfile, GetInstanceProfile,
//! ListInstanceProfiles, ListInstanceProfilesForRole,
//! AddRoleToInstanceProfile, RemoveRoleFromInstanceProfile.

use daypass_directory::{InstanceProfile, NewInstanceProfile, Role, Tag};
use daypass_names::{AccountId, InstanceProfileName, Path, PathPrefix, UniqueId, UniqueIdKind};
use daypass_query::Fields;
use serde::Serialize;

use super::named::{self, Kind, Named};
use super::paging::{Left, Page, Under};
use super::roles::RoleOut;
use super::tags::{self, TagOut, Tagged};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// `InstanceProfile` of replies. Lists leave the tags out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct InstanceProfileOut {
    path: String,
    instance_profile_name: String,
    instance_profile_id: String,
    arn: String,
    create_date: Date,
    roles: Vec<RoleOut>,
    tags: Option<Vec<TagOut>>,
}

impl InstanceProfileOut {
    /// An instance profile and the roles that are in it.
    pub(crate) async fn new(
        call: &Authenticated<'_>,
        profile: &InstanceProfile,
    ) -> Result<Self, Fault> {
        let mut out = Self::without_roles(profile);
        for role in call.app.directory.roles_of_instance_profile(profile).await? {
            out.roles.push(RoleOut::new(call, &role).await?);
        }
        Ok(out)
    }

    /// One that is new.
    fn without_roles(profile: &InstanceProfile) -> Self {
        Self {
            path: profile.path.to_string(),
            instance_profile_name: profile.name.to_string(),
            instance_profile_id: profile.id.to_string(),
            arn: profile.arn.to_string(),
            create_date: Date(profile.created),
            roles: Vec::new(),
            tags: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneInstanceProfile {
    instance_profile: InstanceProfileOut,
}

/// IAM API reference, "CreateInstanceProfile".
#[derive(Debug)]
pub(crate) struct CreateInstanceProfile;

#[derive(Debug)]
pub(crate) struct CreateInstanceProfileInput {
    name: InstanceProfileName,
    path: Path,
    tags: Vec<Tag>,
}

impl Operation for CreateInstanceProfile {
    const NAME: &'static str = "CreateInstanceProfile";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("InstanceProfileName"), Recorded::Text("Path"), Recorded::Tags("Tags")];
    type Input = CreateInstanceProfileInput;
    type Subject = ();
    type Output = OneInstanceProfile;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInstanceProfileInput> {
        let name = required(fields, "InstanceProfileName");
        let path = optional(fields, "Path").unwrap_or_default();
        let tags = tags::decode(fields);
        Some(CreateInstanceProfileInput { name: name?, path, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateInstanceProfileInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        const ACTION: &str = "iam:CreateInstanceProfile";
        let CreateInstanceProfileInput { name, path, tags } = input;
        tags::check(tags)?;
        let need = named::new_need::<InstanceProfile>(call, ACTION, path, name);
        Ok((tags::creation_needs(need, InstanceProfile::TAG[1], tags), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<OneInstanceProfile, Fault> {
        let CreateInstanceProfileInput { name, path, tags } = permit.input();
        let kind = UniqueIdKind::InstanceProfile;
        let profile = NewInstanceProfile {
            account: call.caller.account(),
            id: UniqueId::from_random(kind, call.app.random.array()?),
            name: name.clone(),
            path: path.clone(),
            tags: tags.clone(),
            created: call.now,
        };
        let output = |profile: &InstanceProfile| {
            let mut out = InstanceProfileOut::without_roles(profile);
            out.tags = tags::shown(&profile.tags);
            OneInstanceProfile { instance_profile: out }
        };
        let note = noting(call, permit, output);
        Ok(output(&*call.app.directory.create_instance_profile(profile, &note).await?))
    }
}

/// IAM API reference, "GetInstanceProfile".
#[derive(Debug)]
pub(crate) struct GetInstanceProfile;

impl Operation for GetInstanceProfile {
    const NAME: &'static str = "GetInstanceProfile";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("InstanceProfileName")];
    type Input = String;
    type Subject = Named<InstanceProfile>;
    type Output = OneInstanceProfile;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name::<InstanceProfile>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<InstanceProfile>), Fault> {
        let profile = named::named::<InstanceProfile>(call, input).await?;
        Ok((profile.need(call, "iam:GetInstanceProfile"), profile))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<OneInstanceProfile, Fault> {
        let profile = permit.subject().get()?;
        let mut out = InstanceProfileOut::new(call, profile).await?;
        out.tags = tags::shown(&profile.tags);
        Ok(OneInstanceProfile { instance_profile: out })
    }
}

/// IAM API reference, "ListInstanceProfiles".
#[derive(Debug)]
pub(crate) struct ListInstanceProfiles;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListInstanceProfilesOutput {
    instance_profiles: Vec<InstanceProfileOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl ListInstanceProfilesOutput {
    /// A page of the list `list`.
    async fn new(
        call: &Authenticated<'_>,
        list: &str,
        page: &Page,
        of: Of<'_>,
    ) -> Result<Self, Fault> {
        let (mut after, mut left) = (page.after(call, list)?, Left::of(page));
        let directory = &call.app.directory;
        let mut instance_profiles = Vec::new();
        let last = loop {
            let (behind, asked) = (after.as_deref(), left.at_once());
            let listing = match of {
                Of::Account(account, prefix) => {
                    directory.instance_profiles(account, prefix, behind, asked).await?
                }
                Of::Role(account, id) => {
                    directory.instance_profiles_of_role(account, id, behind, asked).await?
                }
            };
            let is_short = listing.items.len() < asked;
            for profile in &listing.items {
                let profile = InstanceProfileOut::new(call, profile).await?;
                left.take(profile.roles.iter().map(RoleOut::document_size).sum());
                instance_profiles.push(profile);
            }
            after = listing.next;
            if after.is_none() || is_short || left.is_none() {
                break after;
            }
        };
        let marker = last.map(|last| Page::marker(call, list, &last)).transpose()?;
        Ok(Self { instance_profiles, is_truncated: marker.is_some(), marker })
    }
}

/// Whose instance profiles are listed.
#[derive(Clone, Copy, Debug)]
enum Of<'a> {
    Account(AccountId, &'a PathPrefix),
    Role(AccountId, UniqueId),
}

impl Operation for ListInstanceProfiles {
    const NAME: &'static str = "ListInstanceProfiles";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = Under::RECORDED;
    type Input = Under;
    type Subject = ();
    type Output = ListInstanceProfilesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Under> {
        Some(Under::decode(fields))
    }

    async fn needs(call: &Authenticated<'_>, input: &Under) -> Result<(Vec<Need>, ()), Fault> {
        const ACTION: &str = "iam:ListInstanceProfiles";
        Ok((named::list_need(call, ACTION, InstanceProfile::WORD, &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListInstanceProfilesOutput, Fault> {
        let Under { prefix, page } = permit.input();
        let list = permit.input().list(Self::NAME);
        let of = Of::Account(call.caller.account(), prefix);
        ListInstanceProfilesOutput::new(call, &list, page, of).await
    }
}

/// IAM API reference, "ListInstanceProfilesForRole".
#[derive(Debug)]
pub(crate) struct ListInstanceProfilesForRole;

#[derive(Debug)]
pub(crate) struct ListInstanceProfilesForRoleInput {
    role: String,
    page: Page,
}

impl Operation for ListInstanceProfilesForRole {
    const NAME: &'static str = "ListInstanceProfilesForRole";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("RoleName"), Recorded::Number("MaxItems")];
    type Input = ListInstanceProfilesForRoleInput;
    type Subject = Named<Role>;
    type Output = ListInstanceProfilesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInstanceProfilesForRoleInput> {
        let role = named::required_name::<Role>(fields);
        let page = Page::decode(fields);
        Some(ListInstanceProfilesForRoleInput { role: role?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInstanceProfilesForRoleInput,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::named::<Role>(call, &input.role).await?;
        Ok((role.need(call, "iam:ListInstanceProfilesForRole"), role))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListInstanceProfilesOutput, Fault> {
        let role = permit.subject().get()?;
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, role.id);
        let of = Of::Role(role.account, role.id);
        ListInstanceProfilesOutput::new(call, &list, page, of).await
    }
}

/// An instance profile and a role, by name.
#[derive(Debug)]
pub(crate) struct PlaceInput {
    profile: String,
    role: String,
}

/// The same, looked up.
#[derive(Debug)]
pub(crate) struct Place {
    profile: Named<InstanceProfile>,
    role: Named<Role>,
}

impl Place {
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("InstanceProfileName"), Recorded::Text("RoleName")];

    fn decode(fields: &mut Fields<'_>) -> Option<PlaceInput> {
        let profile = named::required_name::<InstanceProfile>(fields);
        let role = named::required_name::<Role>(fields);
        Some(PlaceInput { profile: profile?, role: role? })
    }

    async fn find(call: &Authenticated<'_>, input: &PlaceInput) -> Result<Self, Fault> {
        let profile = named::named::<InstanceProfile>(call, &input.profile).await?;
        let role = named::named::<Role>(call, &input.role).await?;
        Ok(Self { profile, role })
    }
}

/// IAM API reference, "AddRoleToInstanceProfile".
#[derive(Debug)]
pub(crate) struct AddRoleToInstanceProfile;

impl Operation for AddRoleToInstanceProfile {
    const NAME: &'static str = "AddRoleToInstanceProfile";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = Place::RECORDED;
    type Input = PlaceInput;
    type Subject = Place;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PlaceInput> {
        Place::decode(fields)
    }

    /// SECURITY: whoever may start machines with the instance profile gets the role's rights, so
    /// that putting it in there is passing the role on.
    async fn needs(
        call: &Authenticated<'_>,
        input: &PlaceInput,
    ) -> Result<(Vec<Need>, Place), Fault> {
        let place = Place::find(call, input).await?;
        let (partition, account) = named::here(call);
        let mut needs = place.profile.need(call, "iam:AddRoleToInstanceProfile");
        for mut need in place.role.need(call, "iam:PassRole") {
            let machines = format!("arn:{partition}:ec2:*:{account}:instance/*");
            need.keys.push(("iam:PassedToService".into(), "ec2.amazonaws.com".into()));
            need.keys.push(("iam:AssociatedResourceArn".into(), machines.into()));
            needs.push(need);
        }
        Ok((needs, place))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let Place { profile, role } = permit.subject();
        let (profile, role) = (profile.get()?, role.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        let account = profile.account;
        directory.add_role_to_instance_profile(account, profile.id, role.id, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "RemoveRoleFromInstanceProfile".
#[derive(Debug)]
pub(crate) struct RemoveRoleFromInstanceProfile;

impl Operation for RemoveRoleFromInstanceProfile {
    const NAME: &'static str = "RemoveRoleFromInstanceProfile";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = Place::RECORDED;
    type Input = PlaceInput;
    type Subject = Place;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<PlaceInput> {
        Place::decode(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PlaceInput,
    ) -> Result<(Vec<Need>, Place), Fault> {
        let place = Place::find(call, input).await?;
        Ok((place.profile.need(call, "iam:RemoveRoleFromInstanceProfile"), place))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let Place { profile, role } = permit.subject();
        let (profile, role) = (profile.get()?, role.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        let account = profile.account;
        directory.remove_role_from_instance_profile(account, profile.id, role.id, &note).await?;
        Ok(Void)
    }
}
