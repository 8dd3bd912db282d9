//! CreateUser, GetUser, UpdateUser, ListUsers.

use daypass_directory::{NewUser, Tag, User};
use daypass_names::{Arn, Path, UniqueId, UniqueIdKind, UserName};
use daypass_query::Fields;
use jiff::Timestamp;
use serde::Serialize;

use super::boundaries::{self, AttachedBoundary, Wanted};
use super::named::{self, Named};
use super::paging::{Page, Under};
use super::root_user::Whose;
use super::tags::{self, TagOut, Tagged};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::Root;
use crate::date::Date;
use crate::decode::{optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// `User` of replies. Lists leave the boundary and the tags out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserOut {
    /// The root user has neither path nor name.
    path: Option<String>,
    user_name: Option<String>,
    user_id: String,
    arn: String,
    create_date: Date,
    permissions_boundary: Option<AttachedBoundary>,
    tags: Option<Vec<TagOut>>,
}

impl UserOut {
    /// A user with all that replies on it alone show.
    fn whole(user: &User, boundary: Option<AttachedBoundary>) -> Self {
        let tags = tags::shown(&user.tags);
        Self { permissions_boundary: boundary, tags, ..Self::from(user) }
    }

    /// The root user, which is as old as its account.
    fn root(root: &Root, created: Timestamp) -> Self {
        Self {
            path: None,
            user_name: None,
            user_id: root.account.to_string(),
            arn: root.arn.to_string(),
            create_date: Date(created),
            permissions_boundary: None,
            tags: None,
        }
    }
}

impl From<&User> for UserOut {
    fn from(user: &User) -> Self {
        Self {
            path: Some(user.path.to_string()),
            user_name: Some(user.name.to_string()),
            user_id: user.id.to_string(),
            arn: user.arn.to_string(),
            create_date: Date(user.created),
            permissions_boundary: None,
            tags: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneUser {
    user: UserOut,
}

/// IAM API reference, "CreateUser".
#[derive(Debug)]
pub(crate) struct CreateUser;

#[derive(Debug)]
pub(crate) struct CreateUserInput {
    name: UserName,
    path: Path,
    boundary: Option<Arn>,
    tags: Vec<Tag>,
}

impl Operation for CreateUser {
    const NAME: &'static str = "CreateUser";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("UserName"),
        Recorded::Text("Path"),
        Recorded::Text("PermissionsBoundary"),
        Recorded::Tags("Tags"),
    ];
    type Input = CreateUserInput;
    type Subject = Wanted;
    type Output = OneUser;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateUserInput> {
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "UserName");
        let boundary = boundaries::decode(fields);
        let tags = tags::decode(fields);
        Some(CreateUserInput { name: name?, path, boundary, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateUserInput,
    ) -> Result<(Vec<Need>, Wanted), Fault> {
        tags::check(&input.tags)?;
        let boundary = Wanted::find(call, input.boundary.as_ref()).await?;
        let mut need = named::new_need::<User>(call, "iam:CreateUser", &input.path, &input.name);
        need.keys.extend(boundary.key());
        Ok((tags::creation_needs(need, User::TAG[1], &input.tags), boundary))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneUser, Fault> {
        let CreateUserInput { name, path, tags, .. } = permit.input();
        let boundary = permit.subject();
        let user = NewUser {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::User, call.app.random.array()?),
            name: name.clone(),
            path: path.clone(),
            created: call.now,
            boundary: boundary.id()?,
            tags: tags.clone(),
        };
        let output = |user: &User| OneUser { user: UserOut::whole(user, boundary.shown()) };
        let note = noting(call, permit, output);
        Ok(output(&*call.app.directory.create_user(user, &note).await?))
    }
}

/// IAM API reference, "GetUser".
#[derive(Debug)]
pub(crate) struct GetUser;

impl Operation for GetUser {
    const NAME: &'static str = "GetUser";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName")];
    /// `None` for the caller: a user or the root user.
    type Input = Option<String>;
    type Subject = Whose;
    type Output = OneUser;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(named::optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Whose), Fault> {
        let user = Whose::find(call, input.as_ref()).await?;
        Ok((user.need(call, "iam:GetUser"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneUser, Fault> {
        let user = match permit.subject() {
            Whose::Root(root) => {
                let account = call.app.directory.account(root.account).await?;
                return Ok(OneUser { user: UserOut::root(root, account.created) });
            }
            Whose::User(user) => user.get()?,
        };
        let boundary = boundaries::attached(call, user.boundary).await?;
        Ok(OneUser { user: UserOut::whole(user, boundary) })
    }
}

/// IAM API reference, "UpdateUser": another name or path. The user keeps its id, and with it
/// everything that hangs on it.
#[derive(Debug)]
pub(crate) struct UpdateUser;

#[derive(Debug)]
pub(crate) struct UpdateUserInput {
    user: String,
    path: Option<Path>,
    name: Option<UserName>,
}

impl Operation for UpdateUser {
    const NAME: &'static str = "UpdateUser";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("NewPath"), Recorded::Text("NewUserName")];
    type Input = UpdateUserInput;
    type Subject = Named<User>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateUserInput> {
        let user = named::required_name::<User>(fields);
        let path = optional(fields, "NewPath");
        let name = optional(fields, "NewUserName");
        Some(UpdateUserInput { user: user?, path, name })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateUserInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::named::<User>(call, &input.user).await?;
        let (path, name) = (input.path.as_ref(), input.name.as_ref());
        Ok((user.renaming_needs(call, "iam:UpdateUser", path, name), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let user = permit.subject().get()?;
        let UpdateUserInput { path, name, .. } = permit.input();
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.update_user(user.account, user.id, name.clone(), path.clone(), &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListUsers".
#[derive(Debug)]
pub(crate) struct ListUsers;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListUsersOutput {
    users: Vec<UserOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListUsers {
    const NAME: &'static str = "ListUsers";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = Under::RECORDED;
    type Input = Under;
    type Subject = ();
    type Output = ListUsersOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Under> {
        Some(Under::decode(fields))
    }

    async fn needs(call: &Authenticated<'_>, input: &Under) -> Result<(Vec<Need>, ()), Fault> {
        Ok((named::list_need(call, "iam:ListUsers", "user", &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListUsersOutput, Fault> {
        let Under { prefix, page } = permit.input();
        let list = permit.input().list(Self::NAME);
        let after = page.after(call, &list)?;
        let account = call.caller.account();
        let directory = &call.app.directory;
        let listing = directory.users(account, prefix, after.as_deref(), page.limit()).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(ListUsersOutput {
            users: listing.items.iter().map(|user| UserOut::from(&**user)).collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}
