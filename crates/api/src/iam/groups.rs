//! Groups and their members: CreateGroup, GetGroup, UpdateGroup, ListGroups,
//! AddUserToGroup, RemoveUserFromGroup, ListGroupsForUser.

use daypass_directory::{Group, NewGroup, User};
use daypass_names::{GroupName, Path, UniqueId, UniqueIdKind};
use daypass_query::Fields;
use serde::Serialize;

use super::named::{self, Kind, Named};
use super::paging::{Page, Under};
use super::users::UserOut;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// `Group` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GroupOut {
    path: String,
    group_name: String,
    group_id: String,
    arn: String,
    create_date: Date,
}

impl From<&Group> for GroupOut {
    fn from(group: &Group) -> Self {
        Self {
            path: group.path.to_string(),
            group_name: group.name.to_string(),
            group_id: group.id.to_string(),
            arn: group.arn.to_string(),
            create_date: Date(group.created),
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneGroup {
    group: GroupOut,
}

/// IAM API reference, "CreateGroup".
#[derive(Debug)]
pub(crate) struct CreateGroup;

#[derive(Debug)]
pub(crate) struct CreateGroupInput {
    name: GroupName,
    path: Path,
}

impl Operation for CreateGroup {
    const NAME: &'static str = "CreateGroup";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("GroupName"), Recorded::Text("Path")];
    type Input = CreateGroupInput;
    type Subject = ();
    type Output = OneGroup;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateGroupInput> {
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "GroupName")?;
        Some(CreateGroupInput { name, path })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateGroupInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let need = named::new_need::<Group>(call, "iam:CreateGroup", &input.path, &input.name);
        Ok((vec![need], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneGroup, Fault> {
        let CreateGroupInput { name, path } = permit.input();
        let group = NewGroup {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::Group, call.app.random.array()?),
            name: name.clone(),
            path: path.clone(),
            created: call.now,
        };
        let output = |group: &Group| OneGroup { group: GroupOut::from(group) };
        let note = noting(call, permit, output);
        Ok(output(&*call.app.directory.create_group(group, &note).await?))
    }
}

/// IAM API reference, "GetGroup": a group, and its members in pages.
#[derive(Debug)]
pub(crate) struct GetGroup;

#[derive(Debug)]
pub(crate) struct GetGroupInput {
    group: String,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetGroupOutput {
    group: GroupOut,
    users: Vec<UserOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for GetGroup {
    const NAME: &'static str = "GetGroup";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("GroupName"), Recorded::Number("MaxItems")];
    type Input = GetGroupInput;
    type Subject = Named<Group>;
    type Output = GetGroupOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<GetGroupInput> {
        let group = named::required_name::<Group>(fields);
        let page = Page::decode(fields);
        Some(GetGroupInput { group: group?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &GetGroupInput,
    ) -> Result<(Vec<Need>, Named<Group>), Fault> {
        let group = named::named::<Group>(call, &input.group).await?;
        Ok((group.need(call, "iam:GetGroup"), group))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<GetGroupOutput, Fault> {
        let group = permit.subject().get()?;
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, group.id);
        let after = page.after(call, &list)?;
        let directory = &call.app.directory;
        let (account, limit) = (group.account, page.limit());
        let listing = directory.group_members(account, group.id, after.as_deref(), limit).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(GetGroupOutput {
            group: GroupOut::from(&**group),
            users: listing.items.iter().map(|user| UserOut::from(&**user)).collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// IAM API reference, "UpdateGroup": another name or path. Members and policies stay.
#[derive(Debug)]
pub(crate) struct UpdateGroup;

#[derive(Debug)]
pub(crate) struct UpdateGroupInput {
    group: String,
    path: Option<Path>,
    name: Option<GroupName>,
}

impl Operation for UpdateGroup {
    const NAME: &'static str = "UpdateGroup";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("GroupName"), Recorded::Text("NewPath"), Recorded::Text("NewGroupName")];
    type Input = UpdateGroupInput;
    type Subject = Named<Group>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateGroupInput> {
        let group = named::required_name::<Group>(fields);
        let path = optional(fields, "NewPath");
        let name = optional(fields, "NewGroupName");
        Some(UpdateGroupInput { group: group?, path, name })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateGroupInput,
    ) -> Result<(Vec<Need>, Named<Group>), Fault> {
        let group = named::named::<Group>(call, &input.group).await?;
        let (path, name) = (input.path.as_ref(), input.name.as_ref());
        Ok((group.renaming_needs(call, "iam:UpdateGroup", path, name), group))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let group = permit.subject().get()?;
        let UpdateGroupInput { path, name, .. } = permit.input();
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.update_group(group.account, group.id, name.clone(), path.clone(), &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListGroups".
#[derive(Debug)]
pub(crate) struct ListGroups;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListGroupsOutput {
    groups: Vec<GroupOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListGroups {
    const NAME: &'static str = "ListGroups";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = Under::RECORDED;
    type Input = Under;
    type Subject = ();
    type Output = ListGroupsOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Under> {
        Some(Under::decode(fields))
    }

    async fn needs(call: &Authenticated<'_>, input: &Under) -> Result<(Vec<Need>, ()), Fault> {
        Ok((named::list_need(call, "iam:ListGroups", Group::WORD, &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListGroupsOutput, Fault> {
        let Under { prefix, page } = permit.input();
        let list = permit.input().list(Self::NAME);
        let after = page.after(call, &list)?;
        let account = call.caller.account();
        let directory = &call.app.directory;
        let listing = directory.groups(account, prefix, after.as_deref(), page.limit()).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(ListGroupsOutput {
            groups: listing.items.iter().map(|group| GroupOut::from(&**group)).collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// A group and a user, by name.
#[derive(Debug)]
pub(crate) struct MemberInput {
    group: String,
    user: String,
}

/// The same, looked up. What is asked is to change the group: the user has no say.
#[derive(Debug)]
pub(crate) struct Member {
    group: Named<Group>,
    user: Named<User>,
}

impl Member {
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("GroupName"), Recorded::Text("UserName")];

    fn decode(fields: &mut Fields<'_>) -> Option<MemberInput> {
        let group = named::required_name::<Group>(fields);
        let user = named::required_name::<User>(fields);
        Some(MemberInput { group: group?, user: user? })
    }

    async fn find(call: &Authenticated<'_>, input: &MemberInput) -> Result<Self, Fault> {
        let group = named::named::<Group>(call, &input.group).await?;
        let user = named::named::<User>(call, &input.user).await?;
        Ok(Self { group, user })
    }
}

/// IAM API reference, "AddUserToGroup".
#[derive(Debug)]
pub(crate) struct AddUserToGroup;

impl Operation for AddUserToGroup {
    const NAME: &'static str = "AddUserToGroup";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = Member::RECORDED;
    type Input = MemberInput;
    type Subject = Member;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<MemberInput> {
        Member::decode(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &MemberInput,
    ) -> Result<(Vec<Need>, Member), Fault> {
        let member = Member::find(call, input).await?;
        Ok((member.group.need(call, "iam:AddUserToGroup"), member))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let Member { group, user } = permit.subject();
        let (group, user) = (group.get()?, user.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.add_user_to_group(group.account, group.id, user.id, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "RemoveUserFromGroup".
#[derive(Debug)]
pub(crate) struct RemoveUserFromGroup;

impl Operation for RemoveUserFromGroup {
    const NAME: &'static str = "RemoveUserFromGroup";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = Member::RECORDED;
    type Input = MemberInput;
    type Subject = Member;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<MemberInput> {
        Member::decode(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &MemberInput,
    ) -> Result<(Vec<Need>, Member), Fault> {
        let member = Member::find(call, input).await?;
        Ok((member.group.need(call, "iam:RemoveUserFromGroup"), member))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let Member { group, user } = permit.subject();
        let (group, user) = (group.get()?, user.get()?);
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.remove_user_from_group(group.account, group.id, user.id, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListGroupsForUser".
#[derive(Debug)]
pub(crate) struct ListGroupsForUser;

#[derive(Debug)]
pub(crate) struct ListGroupsForUserInput {
    user: String,
    page: Page,
}

impl Operation for ListGroupsForUser {
    const NAME: &'static str = "ListGroupsForUser";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Number("MaxItems")];
    type Input = ListGroupsForUserInput;
    type Subject = Named<User>;
    type Output = ListGroupsOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListGroupsForUserInput> {
        let user = named::required_name::<User>(fields);
        let page = Page::decode(fields);
        Some(ListGroupsForUserInput { user: user?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListGroupsForUserInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::named::<User>(call, &input.user).await?;
        Ok((user.need(call, "iam:ListGroupsForUser"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListGroupsOutput, Fault> {
        let user = permit.subject().get()?;
        let list = format!("{}|{}", Self::NAME, user.id);
        let groups = call.app.directory.groups_of_user(user).await?;
        let page = &permit.input().page;
        let (groups, marker) = page.cut(call, &list, groups, |group| group.id.to_string())?;
        let groups = groups.iter().map(|group| GroupOut::from(&**group)).collect();
        Ok(ListGroupsOutput { groups, is_truncated: marker.is_some(), marker })
    }
}
