//! Users and roles that a request names, and the not-found answers of IAM.

use std::sync::Arc;

use daypass_directory::{Role, User};
use daypass_names::{AccountId, Arn, Constrained, Partition, Path, PathPrefix, RoleName, UserName};
use daypass_query::{Fields, TextRule};

use crate::authenticate::Authenticated;
use crate::authorise::Need;
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
    /// What an action on the user needs. It is authorised against the user's own ARN, or against
    /// the one that a user of that name would have.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let arn = self.found.as_ref().map(|user| &user.arn);
        need(call, action, "user", &self.name, arn)
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
    /// What an action on the role needs. It is authorised against the role's own ARN, or against
    /// the one that a role of that name would have.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        let arn = self.found.as_ref().map(|role| &role.arn);
        need(call, action, "role", &self.name, arn)
    }

    /// The role, or AWS's answer that there is none.
    pub(crate) fn get(&self) -> Result<&Arc<Role>, Fault> {
        self.found.as_ref().ok_or_else(|| {
            let message = format!("The role with name {} cannot be found.", self.name);
            Fault::new(Code::NoSuchEntity, message)
        })
    }
}

fn need(
    call: &Authenticated<'_>,
    action: &'static str,
    kind: &str,
    name: &str,
    arn: Option<&Arn>,
) -> Vec<Need> {
    let (partition, account) = here(call);
    let resource = match arn {
        Some(arn) => arn.to_string(),
        None => format!("arn:{partition}:iam::{account}:{kind}/{name}"),
    };
    vec![Need::new(action, resource, account).shown_as(format!("{kind} {name}"))]
}

/// What listing entities of a kind (`user`, `role`) needs: the live service names the path that
/// is listed as the resource.
pub(crate) fn list_need(
    call: &Authenticated<'_>,
    action: &'static str,
    kind: &str,
    prefix: &PathPrefix,
) -> Vec<Need> {
    let (partition, account) = here(call);
    let resource = format!("arn:{partition}:iam::{account}:{kind}{}", prefix.as_str());
    vec![Need::new(action, resource, account)]
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
