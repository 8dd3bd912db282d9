//! Users and roles that a request names, and the not-found answers of IAM.

use std::sync::Arc;

use daypass_directory::{Role, User};
use daypass_names::{AccountId, Arn, Constrained, Partition, Path, RoleName, UserName};
use daypass_query::{Fields, TextRule};

use crate::authenticate::Authenticated;
use crate::caller::Identity;
use crate::convert::found;
use crate::{Code, Fault};

/// Names of existing entities may be up to 128 characters long in requests, longer than any that
/// can be created: such an entity is simply not found.
const EXISTING: TextRule = TextRule {
    min: 1,
    max: 128,
    pattern: r"[\w+=,.@-]+",
    fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)),
};

/// A user or role that was looked up by the name in the request.
#[derive(Debug)]
pub(crate) struct Named<T> {
    name: String,
    found: Option<Arc<T>>,
}

/// Reads the required name of an existing entity.
pub(crate) fn required_name(fields: &mut Fields<'_>, parameter: &str) -> Option<String> {
    fields.required_text(parameter, &EXISTING).map(str::to_owned)
}

/// Reads the name of an existing user; absent means the calling user.
pub(crate) fn optional_user_name(fields: &mut Fields<'_>) -> Option<String> {
    fields.text("UserName", &EXISTING).map(str::to_owned)
}

/// Looks up a user of the caller's account, by name or as the calling user.
pub(crate) async fn user(
    call: &Authenticated<'_>,
    name: Option<&String>,
) -> Result<Named<User>, Fault> {
    let Some(name) = name else {
        return match call.caller.identity() {
            Identity::User(user) => {
                Ok(Named { name: user.name.to_string(), found: Some(user.clone()) })
            }
            Identity::RoleSession { .. } => Err(Fault::new(
                Code::ValidationError,
                "Must specify userName when calling with non-User credentials",
            )),
        };
    };
    let found = match UserName::parse(name) {
        Ok(name) => found(call.app.directory.user(call.caller.account(), &name).await)?,
        Err(_) => None,
    };
    Ok(Named { name: name.clone(), found })
}

/// Looks up a role of the caller's account.
pub(crate) async fn role(call: &Authenticated<'_>, name: &str) -> Result<Named<Role>, Fault> {
    let found = match RoleName::parse(name) {
        Ok(name) => found(call.app.directory.role(call.caller.account(), &name).await)?,
        Err(_) => None,
    };
    Ok(Named { name: name.to_owned(), found })
}

impl Named<User> {
    /// The ARN to authorise against: the user's own, or what a user of that name would have.
    pub(crate) fn arn(&self, call: &Authenticated<'_>) -> String {
        match &self.found {
            Some(user) => user.arn.to_string(),
            None => unfound(call, "user", &self.name),
        }
    }

    /// The user, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<User>, Fault> {
        self.found.as_ref().ok_or_else(|| {
            let message = format!("The user with name {} cannot be found.", self.name);
            Fault::new(Code::NoSuchEntity, message)
        })
    }
}

impl Named<Role> {
    /// The ARN to authorise against: the role's own, or what a role of that name would have.
    pub(crate) fn arn(&self, call: &Authenticated<'_>) -> String {
        match &self.found {
            Some(role) => role.arn.to_string(),
            None => unfound(call, "role", &self.name),
        }
    }

    /// The role, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<Role>, Fault> {
        self.found.as_ref().ok_or_else(|| {
            let message = format!("The role with name {} cannot be found.", self.name);
            Fault::new(Code::NoSuchEntity, message)
        })
    }
}

fn unfound(call: &Authenticated<'_>, kind: &str, name: &str) -> String {
    let partition = call.app.settings.partition;
    format!("arn:{partition}:iam::{}:{kind}/{name}", call.caller.account())
}

/// The ARN that a user about to be created will have.
pub(crate) fn new_user_arn(call: &Authenticated<'_>, path: &Path, name: &UserName) -> String {
    let (partition, account) = here(call);
    Arn::user(partition, account, path, name).to_string()
}

/// The ARN that a role about to be created will have.
pub(crate) fn new_role_arn(call: &Authenticated<'_>, path: &Path, name: &RoleName) -> String {
    let (partition, account) = here(call);
    Arn::role(partition, account, path, name).to_string()
}

fn here(call: &Authenticated<'_>) -> (Partition, AccountId) {
    (call.app.settings.partition, call.caller.account())
}
