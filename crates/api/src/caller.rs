//! Who makes a request, once that is proven.
//!
//! SECURITY: a [`Caller`] takes a [`Verified`] signature by value, or a [`Bearer`] that holds what a
//! verified token or assertion says, and only verification makes either: no identity exists without a
//! proof.

use std::sync::{Arc, OnceLock};

use daypass_directory::{
    Account, Directory, DirectoryError, EffectivePolicies, Role, Seen, Service, Tag, User,
};
use daypass_names::{
    AccessKeyId, AccountAlias, AccountId, Arn, FederatedUserName, SessionName, UniqueId,
};
use daypass_policy::{Kind, Policy, Principal};
use daypass_sigv4::Verified;
use daypass_token::{Origin, Session, SessionId};

use crate::bearer::Bearer;

/// A proven caller.
#[derive(Debug)]
pub(crate) struct Caller {
    /// The signature; nothing where a token or an assertion is the proof, which the identity then
    /// holds.
    verified: Option<Verified>,
    identity: Identity,
    session: Option<Arc<CallerSession>>,
}

/// The principal behind the credentials, as it stands in the directory now.
#[derive(Debug)]
pub(crate) enum Identity {
    /// A federated user: a session of GetFederationToken.
    FederatedUser(FederatedUser),
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
    /// Whom a token or an assertion of an identity provider names. It may assume a role with that and
    /// nothing else.
    Bearer(Box<Bearer>),
}

impl Identity {
    /// The account of the principal; a service has none, nor has who comes from a provider.
    pub(crate) fn home(&self) -> Option<AccountId> {
        match self {
            Self::FederatedUser(federated) => Some(federated.creator.account()),
            Self::Root(root) => Some(root.account),
            Self::RoleSession { role, .. } => Some(role.account),
            Self::Service(_) | Self::Bearer(_) => None,
            Self::User(user) => Some(user.account),
        }
    }
}

/// A federated user. It is nobody in the directory: its rights are those of its creator, as far as
/// its session policies go.
#[derive(Debug)]
pub(crate) struct FederatedUser {
    /// The name that its creator gave it.
    pub(crate) name: FederatedUserName,
    /// `arn:aws:sts::<account>:federated-user/<name>`.
    pub(crate) arn: Arn,
    /// Who made the session, as it stands in the directory now.
    pub(crate) creator: Creator,
}

/// Who made the session of a federated user.
#[derive(Debug)]
pub(crate) enum Creator {
    /// The root user of the account.
    Root(Root),
    /// A user.
    User(Arc<User>),
}

impl Creator {
    /// The account of both.
    pub(crate) fn account(&self) -> AccountId {
        match self {
            Self::Root(root) => root.account,
            Self::User(user) => user.account,
        }
    }

    /// The tags of the user; the root user has none.
    pub(crate) fn tags(&self) -> &[Tag] {
        match self {
            Self::Root(_) => &[],
            Self::User(user) => &user.tags,
        }
    }

    /// The unique id of the user, the account of the root user.
    fn principal_id(&self) -> String {
        match self {
            Self::Root(root) => root.account.to_string(),
            Self::User(user) => user.id.to_string(),
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
    /// The inline session policy, compiled when a decision asks for it first.
    compiled: OnceLock<Policy>,
}

impl CallerSession {
    pub(crate) fn new(id: SessionId, facts: Session) -> Self {
        Self { id, facts, compiled: OnceLock::new() }
    }

    /// The inline session policy, compiled; one that no longer parses denies everything. The
    /// managed ones are looked up for each decision: see `sts::session_policies`.
    pub(crate) fn inline_policy(&self) -> Option<&Policy> {
        let text = self.facts.session_policies.as_ref()?.inline.as_ref()?;
        Some(self.compiled.get_or_init(|| Policy::parse_stored(text, Kind::Session)))
    }
}

/// Whom requests are counted for.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub(crate) struct LimitedAs {
    account: Option<AccountId>,
    id: Option<UniqueId>,
    /// Where the chain of a role session began: account, principal, and digest of another proof.
    began_as: Option<(Option<AccountId>, Option<UniqueId>, [u8; 16])>,
}

impl Caller {
    /// The principal that a verified signature was found to belong to.
    pub(crate) fn new(
        verified: Verified,
        identity: Identity,
        session: Option<Arc<CallerSession>>,
    ) -> Self {
        Self { verified: Some(verified), identity, session }
    }

    /// Whom a verified token or assertion names.
    pub(crate) fn of_bearer(bearer: Bearer) -> Self {
        let identity = Identity::Bearer(Box::new(bearer));
        Self { verified: None, identity, session: None }
    }

    /// The principal behind the credentials.
    pub(crate) fn identity(&self) -> &Identity {
        &self.identity
    }

    /// What the session token said, for temporary credentials.
    pub(crate) fn session(&self) -> Option<&CallerSession> {
        self.session.as_deref()
    }

    /// The signature; nothing where a token or an assertion is the proof.
    pub(crate) fn verified(&self) -> Option<&Verified> {
        self.verified.as_ref()
    }

    /// The key that signed; nothing where a token or an assertion is the proof.
    pub(crate) fn access_key_id(&self) -> Option<&AccessKeyId> {
        self.verified.as_ref().map(Verified::access_key_id)
    }

    /// The Region that the request was signed for; may be empty.
    pub(crate) fn signed_region(&self) -> &str {
        self.verified.as_ref().map_or("", Verified::region)
    }

    /// The account that the caller belongs to; a service belongs to none, nor does who comes from a
    /// provider.
    pub(crate) fn home(&self) -> Option<AccountId> {
        self.identity.home()
    }

    /// The unique id of the user or the role, the account of a root user; a service has none, nor has
    /// who comes from a provider. A federated user has that of its creator, who chooses its name.
    pub(crate) fn principal_id(&self) -> Option<String> {
        match &self.identity {
            Identity::FederatedUser(federated) => Some(federated.creator.principal_id()),
            Identity::Root(root) => Some(root.account.to_string()),
            Identity::RoleSession { role, .. } => Some(role.id.to_string()),
            Identity::Service(_) | Identity::Bearer(_) => None,
            Identity::User(user) => Some(user.id.to_string()),
        }
    }

    /// What the caller's requests are counted under: those of a user with its keys and the federated
    /// users that it made, those of a role by whom its sessions began with.
    pub(crate) fn limited_as(&self) -> LimitedAs {
        let id = match &self.identity {
            Identity::FederatedUser(federated) => match &federated.creator {
                Creator::Root(_) => None,
                Creator::User(user) => Some(user.id),
            },
            Identity::Root(_) => None,
            Identity::RoleSession { role, .. } => Some(role.id),
            Identity::Service(service) => Some(service.id),
            Identity::User(user) => Some(user.id),
            Identity::Bearer(bearer) => {
                let began_as = Some((None, None, bearer.digest()));
                return LimitedAs { account: None, id: None, began_as };
            }
        };
        let began_as = self.role_origin().map(|origin| {
            // One of ours is the same with each of its keys; of others only the digest is known.
            let is_ours = origin.account.is_some() || origin.principal.is_some();
            let digest = if is_ours { [0; 16] } else { origin.digest };
            (origin.account, origin.principal, digest)
        });
        LimitedAs { account: self.home(), id, began_as }
    }

    /// The account that the caller's requests are counted for: that in which the chain of a role
    /// session began, so that nobody uses up the limit of another account, and else its own. What
    /// began in none, with a service or a provider, counts for the account of the role, which
    /// trusts it; but the call by which it begins counts for none, because anybody has a token of a
    /// provider that many share.
    pub(crate) fn paying_account(&self) -> Option<AccountId> {
        self.role_origin().and_then(|origin| origin.account).or_else(|| self.home())
    }

    /// Where the chain of a role session began.
    fn role_origin(&self) -> Option<Origin> {
        let session = self.session.as_deref()?;
        matches!(self.identity, Identity::RoleSession { .. }).then_some(session.facts.origin)
    }

    /// The account that the caller works in.
    ///
    /// SECURITY: no operation that asks for it admits a service (`Operation::FOR_SERVICES`). Should
    /// one ever do so, the service stands in the account of zeros, where the engine allows it
    /// nothing: only a trust policy can let a service in.
    pub(crate) fn account(&self) -> AccountId {
        self.home().unwrap_or(AccountId::ZEROS)
    }

    /// The ARN that GetCallerIdentity and records show; a service has none, nor has who comes from a
    /// provider.
    pub(crate) fn arn(&self) -> Option<&Arn> {
        match &self.identity {
            Identity::FederatedUser(federated) => Some(&federated.arn),
            Identity::Root(root) => Some(&root.arn),
            Identity::RoleSession { arn, .. } => Some(arn),
            Identity::Service(_) | Identity::Bearer(_) => None,
            Identity::User(user) => Some(&user.arn),
        }
    }

    /// What refusals call the caller: its ARN, the first principal of a service, or the subject that
    /// a provider names.
    pub(crate) fn shown(&self) -> &str {
        match &self.identity {
            Identity::Bearer(bearer) => bearer.subject(),
            Identity::Service(service) => first_principal(service),
            _ => self.arn().map_or("", Arn::as_str),
        }
    }

    /// The `UserId` of GetCallerIdentity, which is `aws:userid`; a service has none, nor has who comes
    /// from a provider.
    pub(crate) fn user_id(&self) -> Option<String> {
        match &self.identity {
            Identity::FederatedUser(FederatedUser { name, creator, .. }) => {
                Some(format!("{}:{name}", creator.account()))
            }
            Identity::Root(root) => Some(root.account.to_string()),
            Identity::RoleSession { role, name, .. } => Some(format!("{}:{name}", role.id)),
            Identity::Service(_) | Identity::Bearer(_) => None,
            Identity::User(user) => Some(user.id.to_string()),
        }
    }

    /// The caller as the policy engine sees it. A service may have several principals, each of
    /// which is decided on by itself: this is the first.
    pub(crate) fn principal(&self) -> Principal<'_> {
        match &self.identity {
            Identity::FederatedUser(FederatedUser { arn, creator, .. }) => {
                let user = match creator {
                    Creator::Root(_) => None,
                    Creator::User(user) => Some((&user.arn, user.id)),
                };
                Principal::FederatedUser { arn, account: creator.account(), creator: user }
            }
            Identity::Root(root) => Principal::Root { account: root.account },
            Identity::Service(service) => Principal::Service { name: first_principal(service) },
            Identity::User(user) => {
                Principal::User { arn: &user.arn, id: user.id, account: user.account }
            }
            Identity::Bearer(bearer) => {
                Principal::Federated { provider: bearer.provider().as_str() }
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
            Identity::FederatedUser(FederatedUser { creator: Creator::Root(_), .. })
            | Identity::Root(_) => Ok(None),
            Identity::RoleSession { role, .. } => role.seen().map(Some),
            Identity::Service(service) => service.seen().map(Some),
            Identity::Bearer(bearer) => bearer.seen().map(Some),
            Identity::FederatedUser(FederatedUser { creator: Creator::User(user), .. })
            | Identity::User(user) => user.seen().map(Some),
        }
    }

    /// The policies that bind the principal, as they are now.
    pub(crate) async fn policies(
        &self,
        directory: &Directory,
    ) -> Result<EffectivePolicies, DirectoryError> {
        match &self.identity {
            Identity::FederatedUser(FederatedUser { creator: Creator::User(user), .. })
            | Identity::User(user) => directory.policies_of_user(user).await,
            Identity::RoleSession { role, .. } => directory.policies_of_role(role).await,
            // They have none: the root user needs none, nor does whom it federates, and a service
            // or who comes from a provider is let in by trust policies.
            Identity::FederatedUser(FederatedUser { creator: Creator::Root(_), .. })
            | Identity::Root(_)
            | Identity::Service(_)
            | Identity::Bearer(_) => Ok(EffectivePolicies::default()),
        }
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
