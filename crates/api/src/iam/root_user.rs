//! Whose access keys a request is about: a user's, or the calling root user's own.
//!
//! IAM user guide, "Root user access keys": the root user names no user to work on its own keys, and
//! nobody else can. It has no name in replies.
//!
//! SECURITY: the root user makes itself no key, unlike AWS's: it gets one on the machine of the
//! server only, so that a key that leaked leaves none behind.

use daypass_directory::{KeyOwner, User};
use daypass_names::Arn;

use super::named::{self, Named};
use crate::authenticate::Authenticated;
use crate::authorise::Need;
use crate::caller::{Identity, Root};
use crate::{Code, Fault};

/// The refusal of a new access key for the root user.
pub(super) fn no_key(root: &Root) -> Fault {
    let account = root.account;
    let message = format!(
        "User: {} is not authorized to perform: iam:CreateAccessKey on its own access keys. An \
         operator makes them on the server: daypass account root-key create {account}",
        root.arn
    );
    Fault::new(Code::AccessDenied, message)
        .because("a root user makes no access key over the network")
}

/// A user of the caller's account, or the root user of it, which calls.
#[derive(Debug)]
pub(crate) enum Whose {
    /// The calling root user.
    Root(Root),
    /// A user, if there is one of that name.
    User(Named<User>),
}

impl Whose {
    /// Looks up a user by name, or the caller: a user or the root user.
    pub(crate) async fn find(
        call: &Authenticated<'_>,
        name: Option<&String>,
    ) -> Result<Self, Fault> {
        match (call.caller.identity(), name) {
            (Identity::Root(root), None) => Ok(Self::Root(root.clone())),
            _ => named::user(call, name).await.map(Self::User),
        }
    }

    /// What an action on it needs.
    pub(crate) fn need(&self, call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
        match self {
            Self::Root(root) => vec![Need::new(action, root.arn.to_string(), root.account)],
            Self::User(user) => user.need(call, action),
        }
    }

    /// Whose keys they are; IAM's answer when there is no such user.
    pub(crate) fn owner(&self) -> Result<KeyOwner, Fault> {
        match self {
            Self::Root(root) => Ok(KeyOwner::Root(root.account)),
            Self::User(user) => user.get().map(|user| KeyOwner::User(user.account, user.id)),
        }
    }

    /// The name that replies show; the root user has none.
    pub(crate) fn user_name(&self) -> Result<Option<String>, Fault> {
        match self {
            Self::Root(_) => Ok(None),
            Self::User(user) => user.get().map(|user| Some(user.name.to_string())),
        }
    }

    /// What a marker of a list of it is bound to.
    pub(crate) fn listed(&self) -> Result<String, Fault> {
        match self {
            Self::Root(root) => Ok(root.arn.to_string()),
            Self::User(user) => user.get().map(|user| user.id.to_string()),
        }
    }
}

/// What using a key of the root user is authorised on.
pub(crate) fn arn(call: &Authenticated<'_>) -> Arn {
    let (partition, account) = named::here(call);
    Arn::root(partition, account)
}
