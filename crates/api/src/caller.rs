//! Who makes a request, once that is proven.
//!
//! SECURITY: a [`Caller`] takes a [`Verified`] signature by value, and only verification makes
//! one: no identity exists without a proof.

use std::sync::{Arc, OnceLock};

use daypass_directory::{
    Account, Directory, DirectoryError, EffectivePolicies, Role, Seen, Service, User,
};
use daypass_names::{AccessKeyId, AccountAlias, AccountId, Arn, SessionName};
use daypass_policy::{Attached, Kind, Policy, Principal};
use daypass_sigv4::Verified;
use daypass_token::{Session, SessionId};

/// A proven caller.
#[derive(Debug)]
pub(crate) struct Caller {
    verified: Verified,
    identity: Identity,
    session: Option<Arc<CallerSession>>,
}

/// The principal behind the credentials, as it stands in the directory now.
#[derive(Debug)]
pub(crate) enum Identity {
    /// The root user of an account, by its long-term key or a GetSessionToken session.
    Root(Root),
    /// A session of a role.
    RoleSession {
        /// The role that was assumed.
        role: Arc<Role>,
        /// The session's name.
        name: SessionName,
        /// The assumed-role ARN.
        arn: Arn,
    },
    /// A registered service, by its long-term key. It may assume roles and nothing else.
    Service(Arc<Service>),
    /// A user, by its long-term key or a GetSessionToken session.
    User(Arc<User>),
}

impl Identity {
    /// The account of the principal; a service has none.
    pub(crate) fn home(&self) -> Option<AccountId> {
        match self {
            Self::Root(root) => Some(root.account),
            Self::RoleSession { role, .. } => Some(role.account),
            Self::Service(_) => None,
            Self::User(user) => Some(user.account),
        }
    }
}

/// The root user of an account.
#[derive(Clone, Debug)]
pub(crate) struct Root {
    /// The account, whose id is the unique id of the user as well.
    pub(crate) account: AccountId,
    /// `arn:aws:iam::<account>:root`.
    pub(crate) arn: Arn,
    /// The alias of the account, which records have for a name.
    pub(crate) alias: Option<AccountAlias>,
    /// The account's record, which lists the access keys of the root user.
    pub(crate) record: Arc<Account>,
}

/// What temporary credentials carry. Requests that present the same token may share it.
#[derive(Debug)]
pub(crate) struct CallerSession {
    pub(crate) id: SessionId,
    pub(crate) facts: Session,
    /// The session policies, compiled when a decision asks for them first.
    compiled: OnceLock<Vec<Policy>>,
}

impl CallerSession {
    pub(crate) fn new(id: SessionId, facts: Session) -> Self {
        Self { id, facts, compiled: OnceLock::new() }
    }

    /// The session policies, compiled; what no longer parses denies everything. `None` when the
    /// session is not limited by any.
    fn policies(&self) -> Option<&[Policy]> {
        let packed = self.facts.session_policies.as_ref()?;
        Some(self.compiled.get_or_init(|| {
            // Managed session policies cannot be passed yet: one in a token denies all.
            let inline = packed.inline.iter();
            let inline = inline.map(|text| Policy::parse_stored(text, Kind::Session));
            let managed = packed.managed.iter().map(|_| Policy::empty(Kind::Session));
            inline.chain(managed).collect()
        }))
    }
}

impl Caller {
    /// The principal that a verified signature was found to belong to.
    pub(crate) fn new(
        verified: Verified,
        identity: Identity,
        session: Option<Arc<CallerSession>>,
    ) -> Self {
        Self { verified, identity, session }
    }

    /// The principal behind the credentials.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the session token said, for temporary credentials.
    pub(crate) fn session(&self) -> Option<&CallerSession> {
        self.session.as_deref()
    }

    /// The key that signed.
    pub(crate) fn access_key_id(&self) -> &AccessKeyId {
        self.verified.access_key_id()
    }

    /// The Region that the request was signed for; may be empty.
    pub(crate) fn signed_region(&self) -> &str {
        self.verified.region()
    }

    /// The account that the caller belongs to; a service belongs to none.
    pub(crate) fn home(&self) -> Option<AccountId> {
        self.identity.home()
    }

    /// The unique id of the user or the role, the account of a root user; a service has none.
    pub(crate) fn principal_id(&self) -> Option<String> {
        match &self.identity {
            Identity::Root(root) => Some(root.account.to_string()),
            Identity::RoleSession { role, .. } => Some(role.id.to_string()),
            Identity::Service(_) => None,
            Identity::User(user) => Some(user.id.to_string()),
        }
    }

    /// The account that the caller works in.
    ///
    /// SECURITY: no operation that asks for it admits a service (`Operation::FOR_SERVICES`). Should
    /// one ever do so, the service stands in the account of zeros, where the engine allows it
    /// nothing: only a trust policy can let a service in.
    pub(crate) fn account(&self) -> AccountId {
        self.home().unwrap_or(AccountId::ZEROS)
    }

    /// The ARN that GetCallerIdentity and records show; a service has none.
    pub(crate) fn arn(&self) -> Option<&Arn> {
        match &self.identity {
            Identity::Root(root) => Some(&root.arn),
            Identity::RoleSession { arn, .. } => Some(arn),
            Identity::Service(_) => None,
            Identity::User(user) => Some(&user.arn),
        }
    }

    /// What refusals call the caller: its ARN, or the first principal of a service.
    pub(crate) fn shown(&self) -> &str {
        match &self.identity {
            Identity::Service(service) => first_principal(service),
            _ => self.arn().map_or("", Arn::as_str),
        }
    }

    /// The `UserId` of GetCallerIdentity, which is `aws:userid`; a service has none.
    pub(crate) fn user_id(&self) -> Option<String> {
        match &self.identity {
            Identity::Root(root) => Some(root.account.to_string()),
            Identity::RoleSession { role, name, .. } => Some(format!("{}:{name}", role.id)),
            Identity::Service(_) => None,
            Identity::User(user) => Some(user.id.to_string()),
        }
    }

    /// The caller as the policy engine sees it. A service may have several principals, each of
    /// which is decided on by itself: this is the first.
    pub(crate) fn principal(&self) -> Principal<'_> {
        match &self.identity {
            Identity::Root(root) => Principal::Root { account: root.account },
            Identity::Service(service) => Principal::Service { name: first_principal(service) },
            Identity::User(user) => {
                Principal::User { arn: &user.arn, id: user.id, account: user.account }
            }
            Identity::RoleSession { role, arn, .. } => Principal::RoleSession {
                role_arn: &role.arn,
                role_id: role.id,
                session_arn: arn,
                account: role.account,
            },
        }
    }

    /// The principal as it was looked up. Of the root user nothing decides but its access key.
    pub(crate) fn seen(&self) -> Result<Option<Seen>, DirectoryError> {
        match &self.identity {
            Identity::Root(_) => Ok(None),
            Identity::RoleSession { role, .. } => role.seen().map(Some),
            Identity::Service(service) => service.seen().map(Some),
            Identity::User(user) => user.seen().map(Some),
        }
    }

    /// The policies that bind the principal, as they are now.
    pub(crate) async fn policies(
        &self,
        directory: &Directory,
    ) -> Result<EffectivePolicies, DirectoryError> {
        match &self.identity {
            Identity::User(user) => directory.policies_of_user(user).await,
            Identity::RoleSession { role, .. } => directory.policies_of_role(role).await,
            // They have none: the root user needs none, and a service is let in by trust policies.
            Identity::Root(_) | Identity::Service(_) => Ok(EffectivePolicies::default()),
        }
    }

    /// The policies of the session; `None` when it has none and so is not limited by any.
    pub(crate) fn session_policies(&self) -> Option<Vec<Attached<'_>>> {
        let policies = self.session.as_ref()?.policies()?;
        Some(policies.iter().map(|policy| Attached { name: "session policy", policy }).collect())
    }

    /// Whether these are the credentials of GetSessionToken.
    pub(crate) fn is_user_session(&self) -> bool {
        self.session.is_some() && matches!(self.identity, Identity::Root(_) | Identity::User(_))
    }
}

/// The first principal of a service, which has at least one.
fn first_principal(service: &Service) -> &str {
    service.principals.first().map_or("", |principal| principal.as_str())
}
