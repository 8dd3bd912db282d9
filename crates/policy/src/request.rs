//! What is decided about: who asks, for what, and the policies that apply.
//!
//! IAM user guide, "Policy evaluation logic". Names and ids are those of the moment: the caller of
//! this crate looks them up.

use daypass_names::{AccountId, Arn, UniqueId};

use crate::context::Context;
use crate::policy::{Kind, Policy};

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
        /// The ARN and the unique id of the user who made the session; `None` when the root user
        /// did, to whom identity policies do not apply.
        creator: Option<(&'a Arn, UniqueId)>,
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

    /// Whether identity policies and a permissions boundary speak for the principal: the root user
    /// needs none, nor does whom it federates, and those from outside have none.
    pub(crate) fn has_own_policies(&self) -> bool {
        matches!(
            self,
            Self::User { .. }
                | Self::RoleSession { .. }
                | Self::FederatedUser { creator: Some(_), .. }
        )
    }

    /// Whether service control policies bind the principal: they bind users, roles and root users,
    /// and those whom an identity provider lets into the account.
    pub(crate) fn is_under_scps(&self) -> bool {
        !matches!(self, Self::Anonymous | Self::Service { .. })
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
    /// The account that owns the resource; for an action without a resource, the caller's. `None`
    /// is an account that nobody knows: the caller counts as foreign, and so needs the Allow of a
    /// resource or trust policy as well as its own.
    pub resource_account: Option<AccountId>,
    /// The condition keys.
    pub context: &'a Context<'a>,
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
///
/// A policy of a [kind](crate::Kind) that does not belong in its layer denies everything.
#[derive(Clone, Copy, Debug, Default)]
pub struct Layers<'a> {
    /// The policies of the user and its groups, or of the role; for a federated user those of its
    /// creator.
    pub identity: &'a [Attached<'a>],
    /// The permissions boundary of the user or role, if it has one; for a federated user that of
    /// its creator. It never grants.
    pub boundary: Option<&'a Policy>,
    /// The session policies. `Some` of none allows nothing; `None` means that the session was made
    /// without any, which bounds a role session by nothing and a federated user by everything.
    pub session: Option<&'a [Attached<'a>]>,
    /// The trust policy of the role that is to be assumed; must allow.
    pub trust: Option<&'a Policy>,
    /// The policy of the resource, a bucket policy for instance. Within an account it may allow,
    /// across accounts it must. Beside a trust policy it can only deny.
    pub resource: Option<&'a Policy>,
    /// The service control policies of the caller's account (for a federated identity those of the
    /// role's account), one list for each level from the root of the organisation to the account.
    /// Every level must allow, and no level at all allows nothing. `None` is an account outside any
    /// organisation, its management account, or a caller with a service-linked role.
    pub scps: Option<&'a [&'a [Attached<'a>]]>,
    /// The resource control policies of the resource's account, likewise. They can only deny: the
    /// policy that allows everything is attached at every level and cannot be detached, so it
    /// counts whether it is listed or not. `None` is an account outside any organisation, its
    /// management account, a caller with a service-linked role, or a service that does not know
    /// them.
    pub rcps: Option<&'a [&'a [Attached<'a>]]>,
}

impl Layers<'_> {
    /// Whether what they decide may depend on a condition key: see [`Policy::reads_context`]. Where it
    /// does not, an empty context is as good as a whole one.
    pub fn read_context(&self) -> bool {
        let attached = |all: &[Attached<'_>]| all.iter().any(|own| own.policy.reads_context());
        let alone = [self.boundary, self.trust, self.resource];
        attached(self.identity)
            || self.session.is_some_and(attached)
            || alone.into_iter().flatten().any(Policy::reads_context)
            || [self.scps, self.rcps]
                .into_iter()
                .flatten()
                .any(|levels| levels.iter().any(|level| attached(level)))
    }
}

/// The layers of policies, in the order in which a denial is blamed on them: the caller's own come
/// first.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum Layer {
    /// Identity-based policies.
    Identity,
    /// The permissions boundary.
    Boundary,
    /// Session policies.
    Session,
    /// Service control policies.
    Scp,
    /// Resource control policies.
    Rcp,
    /// The resource-based policy.
    Resource,
    /// The role trust policy.
    Trust,
}

impl Layer {
    /// Whether a policy of a kind can be evaluated in this layer. Managed policies are identity
    /// policies wherever they are attached.
    pub(crate) fn takes(self, kind: Kind) -> bool {
        match self {
            Self::Identity | Self::Boundary | Self::Session => {
                matches!(kind, Kind::Identity | Kind::Boundary | Kind::Session)
            }
            Self::Scp => kind == Kind::Scp,
            Self::Rcp => kind == Kind::Rcp,
            Self::Resource => kind == Kind::Resource,
            Self::Trust => kind == Kind::Trust,
        }
    }
}
