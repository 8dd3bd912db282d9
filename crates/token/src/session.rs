//! What a session token carries. Plain data: every field is what was decided at issuing.

use daypass_names::{AccessKeyId, AccountId, Partition, SessionName, SourceIdentity, UniqueId};

use crate::crypto::short_digest;

/// The deepest chain of sessions, and so the most ancestors that a session has.
pub const MAX_CHAIN_DEPTH: u8 = 16;

/// Whose credentials a session holds.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum SessionKind {
    /// A user's own rights for a while (`GetSessionToken`).
    User,
    /// An assumed role.
    Role,
    /// A federated user (`GetFederationToken`).
    FederatedUser,
    /// The account's root (`GetSessionToken` by root, `AssumeRoot`).
    Root,
}

/// What a chain of sessions began with.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum OriginKind {
    /// A long-term access key of a user or of the root.
    AccessKey,
    /// An OIDC token.
    WebIdentity,
    /// A SAML response.
    Saml,
    /// A password that a directory server confirmed.
    Ldap,
    /// A client certificate.
    Certificate,
    /// A registered service.
    Service,
}

/// Where and when a chain of sessions began. Sessions of a chain share it; revocation looks at it.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub struct Origin {
    /// What proof there was.
    pub kind: OriginKind,
    /// The principal that the chain began as, when it is one of ours.
    pub principal: Option<UniqueId>,
    /// Digest of the access key id, or of provider and subject: see [`Origin::digest_of`].
    pub digest: [u8; 16],
    /// When the chain began, in milliseconds since 1970.
    pub began_ms: i64,
    /// The account of the long-term key that the chain began with; none for other proofs.
    pub account: Option<AccountId>,
    /// [`Origin::digest_of`] the identity provider alone, for proofs that come from one.
    pub provider: Option<[u8; 16]>,
}

impl Origin {
    /// A chain that a long-term access key begins: of a user, or of the root when `principal` is none.
    pub fn of_access_key(
        key: &AccessKeyId,
        account: AccountId,
        principal: Option<UniqueId>,
        began_ms: i64,
    ) -> Self {
        Self {
            kind: OriginKind::AccessKey,
            principal,
            digest: Self::digest_of(&[key.as_str()]),
            began_ms,
            account: Some(account),
            provider: None,
        }
    }

    /// The digest of an origin: of the access key id alone, or of provider and subject.
    ///
    /// The first 16 bytes of SHA-256 over each part behind its length (eight bytes, big-endian),
    /// so that no two lists of parts are the same text.
    pub fn digest_of(parts: &[&str]) -> [u8; 16] {
        let mut text = Vec::new();
        for part in parts {
            text.extend_from_slice(&(part.len() as u64).to_be_bytes());
            text.extend_from_slice(part.as_bytes());
        }
        short_digest(&text)
    }
}

/// An earlier session of a chain: all that a revocation may name it by.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Ancestor {
    /// [`SessionId::digest`](crate::SessionId::digest) of the session.
    pub session: [u8; 16],
    /// The access key id that it went with.
    pub access_key_id: AccessKeyId,
    /// Its user or role, as in [`Session::principal`].
    pub principal: Option<UniqueId>,
    /// The account that it acted in.
    pub account: AccountId,
    /// When it was issued, in milliseconds since 1970.
    pub issued_ms: i64,
}

/// The policies that narrow a session. Present but empty is not the same as absent: what that
/// grants is for the evaluator to say.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct SessionPolicies {
    /// The inline policy, as it was given.
    pub inline: Option<String>,
    /// Managed policies, looked up when the session is used.
    pub managed: Vec<UniqueId>,
}

/// A session tag.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    /// The key, as it was given.
    pub key: String,
    /// The value, possibly empty.
    pub value: String,
}

/// A session: what a token says of its bearer. Names and rights are not in it, they are looked up
/// by id whenever the session is used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Session {
    /// Whose credentials these are.
    pub kind: SessionKind,
    /// The partition that issued.
    pub partition: Partition,
    /// The account that the session acts in.
    pub account: AccountId,
    /// The user or role; none for root and for what has no entity of its own.
    pub principal: Option<UniqueId>,
    /// The name of a role session.
    pub session_name: Option<SessionName>,
    /// When it was issued, in milliseconds since 1970 (`aws:TokenIssueTime`).
    pub issued_ms: i64,
    /// When it ends, in seconds since 1970. Opening a token does not check it.
    pub expires_s: i64,
    /// How many roles were assumed by role sessions before; at most [`MAX_CHAIN_DEPTH`].
    pub chain_depth: u8,
    /// When a second factor was shown, in seconds since 1970.
    pub mfa_at_s: Option<i64>,
    /// The policies that narrow the session.
    pub session_policies: Option<SessionPolicies>,
    /// The session tags, inherited ones among them.
    pub tags: Vec<Tag>,
    /// Keys of those tags that pass to the next session of the chain.
    pub transitive_tag_keys: Vec<String>,
    /// The source identity, set once in a chain.
    pub source_identity: Option<SourceIdentity>,
    /// Where the chain began.
    pub origin: Origin,
    /// The long-term key that made a user or federated session, which ends with it.
    pub creating_access_key: Option<AccessKeyId>,
    /// Every earlier session of the chain, the nearest last; at most [`MAX_CHAIN_DEPTH`].
    pub ancestors: Vec<Ancestor>,
    /// The user who made a federated user's session.
    pub creator: Option<UniqueId>,
    /// The name of a federated user.
    pub federated_name: Option<String>,
    /// Facts of the federation that are condition keys, by key.
    pub federation_facts: Vec<(String, String)>,
    /// Whether the token is valid in Regions that are not enabled by default (token version 2).
    pub all_regions: bool,
    /// How the credentials reach their user, when a condition key tells (metadata service).
    pub delivery: Option<String>,
}

impl Session {
    /// The plainest session, and the first of its chain: issued when the chain began, of nobody who
    /// has an entity, in the partition `aws`, with nothing that narrows, tags or names it. What a
    /// proof adds is set by struct update, `Session { principal, ..Session::new(…) }`.
    pub fn new(kind: SessionKind, account: AccountId, origin: Origin, expires_s: i64) -> Self {
        Self {
            kind,
            partition: Partition::Aws,
            account,
            principal: None,
            session_name: None,
            issued_ms: origin.began_ms,
            expires_s,
            chain_depth: 0,
            mfa_at_s: None,
            session_policies: None,
            tags: Vec::new(),
            transitive_tag_keys: Vec::new(),
            source_identity: None,
            origin,
            creating_access_key: None,
            ancestors: Vec::new(),
            creator: None,
            federated_name: None,
            federation_facts: Vec::new(),
            all_regions: false,
            delivery: None,
        }
    }
}
