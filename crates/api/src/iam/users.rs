//! CreateUser, GetUser, ListUsers, DeleteUser.

use daypass_directory::{DirectoryError, NewUser, User};
use daypass_names::{Path, PathPrefix, UniqueId, UniqueIdKind, UserName};
use daypass_query::Fields;
use serde::Serialize;

use super::named::{self, Named};
use super::paging::Page;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{optional, required, unsupported};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// `User` of replies.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct UserOut {
    path: String,
    user_name: String,
    user_id: String,
    arn: String,
    create_date: Date,
}

impl From<&User> for UserOut {
    fn from(user: &User) -> Self {
        Self {
            path: user.path.to_string(),
            user_name: user.name.to_string(),
            user_id: user.id.to_string(),
            arn: user.arn.to_string(),
            create_date: Date(user.created),
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
}

impl Operation for CreateUser {
    const NAME: &'static str = "CreateUser";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName"), Recorded::Text("Path")];
    type Input = CreateUserInput;
    type Subject = ();
    type Output = OneUser;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateUserInput> {
        unsupported(fields, &["PermissionsBoundary", "Tags"]);
        let path = optional(fields, "Path").unwrap_or_default();
        let name = required(fields, "UserName")?;
        Some(CreateUserInput { name, path })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateUserInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let arn = named::new_user_arn(call, &input.path, &input.name);
        Ok((vec![Need::new("iam:CreateUser", arn, call.caller.account())], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneUser, Fault> {
        let CreateUserInput { name, path } = permit.input();
        let user = NewUser {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::User, call.app.random.array()?),
            name: name.clone(),
            path: path.clone(),
            created: call.now,
            boundary: None,
        };
        let output = |user: &User| OneUser { user: UserOut::from(user) };
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
    /// `None` for the calling user.
    type Input = Option<String>;
    type Subject = Named<User>;
    type Output = OneUser;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(named::optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.as_ref()).await?;
        Ok((user.need(call, "iam:GetUser"), user))
    }

    async fn perform(_call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneUser, Fault> {
        Ok(OneUser { user: UserOut::from(&**permit.subject().get()?) })
    }
}

/// IAM API reference, "ListUsers".
#[derive(Debug)]
pub(crate) struct ListUsers;

#[derive(Debug)]
pub(crate) struct ListUsersInput {
    prefix: PathPrefix,
    page: Page,
}

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
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PathPrefix"), Recorded::Number("MaxItems")];
    type Input = ListUsersInput;
    type Subject = ();
    type Output = ListUsersOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListUsersInput> {
        let prefix = optional(fields, "PathPrefix").unwrap_or_default();
        Some(ListUsersInput { prefix, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListUsersInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((named::list_need(call, "iam:ListUsers", "user", &input.prefix), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListUsersOutput, Fault> {
        let ListUsersInput { prefix, page } = permit.input();
        let list = format!("{}|{}", Self::NAME, prefix.as_str());
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

/// IAM API reference, "DeleteUser".
#[derive(Debug)]
pub(crate) struct DeleteUser;

impl Operation for DeleteUser {
    const NAME: &'static str = "DeleteUser";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName")];
    type Input = String;
    type Subject = Named<User>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name(fields, "UserName")
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, Some(input)).await?;
        Ok((user.need(call, "iam:DeleteUser"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let user = permit.subject().get()?;
        let note = noting(call, permit, |&(): &()| Void);
        match call.app.directory.delete_user(user.account, user.id, &note).await {
            Ok(()) => Ok(Void),
            // As recorded of AWS, which for users no longer says what is in the way.
            Err(DirectoryError::DeleteConflict(reason)) => {
                let text = "Cannot delete entity, must remove referenced objects first.";
                Err(Fault::new(Code::DeleteConflict, text).because(reason.to_string()))
            }
            Err(error) => Err(error.into()),
        }
    }
}
