//! Who makes a request, once that is proven.
//!
//! SECURITY: a [`Caller`] takes a [`Verified`] signature by value, and only verification makes
//! one: no identity exists without a proof.

use std::sync::{Arc, OnceLock};

use daypass_directory::{Directory, DirectoryError, EffectivePolicies, Role, Seen, User};
use daypass_names::{AccessKeyId, AccountId, Arn, SessionName};
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
    /// A user, by its long-term key or a GetSessionToken session.
    User(Arc<User>),
    /// A session of a role.
    RoleSession {
        /// The role that was assumed.
        role: Arc<Role>,
        /// The session's name.
        name: SessionName,
        /// The assumed-role ARN.
        arn: Arn,
    },
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

    /// The account that the caller belongs to.
    pub(crate) fn account(&self) -> AccountId {
        match &self.identity {
            Identity::User(user) => user.account,
            Identity::RoleSession { role, .. } => role.account,
        }
    }

    /// The ARN that GetCallerIdentity, refusals and records show.
    pub(crate) fn arn(&self) -> &Arn {
        match &self.identity {
            Identity::User(user) => &user.arn,
            Identity::RoleSession { arn, .. } => arn,
        }
    }

    /// The `UserId` of GetCallerIdentity, which is `aws:userid`.
    pub(crate) fn user_id(&self) -> String {
        match &self.identity {
            Identity::User(user) => user.id.to_string(),
            Identity::RoleSession { role, name, .. } => format!("{}:{name}", role.id),
        }
    }

    /// The caller as the policy engine sees it.
    pub(crate) fn principal(&self) -> Principal<'_> {
        match &self.identity {
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

    /// The principal as it was looked up.
    pub(crate) fn seen(&self) -> Result<Seen, DirectoryError> {
        match &self.identity {
            Identity::User(user) => user.seen(),
            Identity::RoleSession { role, .. } => role.seen(),
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
        }
    }

    /// The policies of the session; `None` when it has none and so is not limited by any.
    pub(crate) fn session_policies(&self) -> Option<Vec<Attached<'_>>> {
        let policies = self.session.as_ref()?.policies()?;
        Some(policies.iter().map(|policy| Attached { name: "session policy", policy }).collect())
    }

    /// Whether these are the credentials of GetSessionToken.
    pub(crate) fn is_user_session(&self) -> bool {
        self.session.is_some() && matches!(self.identity, Identity::User(_))
    }
}
