//! What is decided about: who asks, for what, and the policies that apply.
//!
//! IAM user guide, "Policy evaluation logic". Names and ids are those of the moment: the caller of
//! this crate looks them up.

use daypass_names::{AccountId, Arn, UniqueId};

use crate::context::Context;
use crate::policy::Policy;

/// Who asks.
#[derive(Clone, Copy, Debug)]
pub enum Principal<'a> {
    /// Nobody who could be named.
    Anonymous,
    /// The root user of an account. Identity policies do not apply to it.
    Root {
        /// Its account.
        account: AccountId,
    },
    /// An IAM user, with a long-term key or a session of GetSessionToken.
    User {
        /// The user's ARN, path included.
        arn: &'a Arn,
        /// The user's unique id.
        id: UniqueId,
        /// The user's account.
        account: AccountId,
    },
    /// A session of a role.
    RoleSession {
        /// The role's ARN, path included.
        role_arn: &'a Arn,
        /// The role's unique id.
        role_id: UniqueId,
        /// The `assumed-role` ARN of the session.
        session_arn: &'a Arn,
        /// The role's account.
        account: AccountId,
    },
    /// A session of GetFederationToken. Its identity policies are those of its creator.
    FederatedUser {
        /// The `federated-user` ARN.
        arn: &'a Arn,
        /// The account.
        account: AccountId,
        /// The ARN of the user who made the session.
        creator_arn: &'a Arn,
        /// The unique id of that user.
        creator_id: UniqueId,
    },
    /// A service that acts for itself, for instance `ec2.amazonaws.com`.
    Service {
        /// The service principal.
        name: &'a str,
    },
    /// Somebody whom an identity provider has proven, on the way to a session.
    Federated {
        /// The provider's ARN, or the domain of a built-in one.
        provider: &'a str,
    },
}

impl Principal<'_> {
    /// The account whose identity policies speak for the principal; those from outside have none.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root { account }
            | Self::User { account, .. }
            | Self::RoleSession { account, .. }
            | Self::FederatedUser { account, .. } => Some(*account),
            Self::Anonymous | Self::Service { .. } | Self::Federated { .. } => None,
        }
    }
}

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// Who asks.
    pub principal: Principal<'a>,
    /// The action, for instance `sts:AssumeRole`.
    pub action: &'a str,
    /// The ARN of the resource, or `*` for an action that has none. A wildcard here is text.
    pub resource: &'a str,
    /// The account that owns the resource. Where there is a trust policy and no account, the
    /// caller counts as foreign.
    pub resource_account: Option<AccountId>,
    /// The condition keys.
    pub context: &'a Context,
}

/// A policy and the name that logs and explanations call it by.
#[derive(Clone, Copy, Debug)]
pub struct Attached<'a> {
    /// The policy's name or ARN.
    pub name: &'a str,
    /// The policy.
    pub policy: &'a Policy,
}

/// The policies that apply to a request, by layer. Start from [`Layers::default`], which grants
/// nothing.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// The policies of the user and its groups, or of the role; for a federated user those of its
    /// creator.
    pub identity: &'a [Attached<'a>],
    /// The session policies. `Some` of none allows nothing; `None` means that the session was made
    /// without any, which bounds a role session by nothing and a federated user by everything.
    pub session: Option<&'a [Attached<'a>]>,
    /// The trust policy of the role that is to be assumed; must allow.
    pub trust: Option<&'a Policy>,
}

/// The layers of policies, in the order in which a denial is blamed on them.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Layer {
    /// Identity-based policies.
    Identity,
    /// Session policies.
    Session,
    /// The role trust policy.
    Trust,
}
