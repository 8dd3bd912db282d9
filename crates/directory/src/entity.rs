//! The entities of the directory, and what a new one is made of.

use std::collections::BTreeMap;
use std::sync::Arc;

use daypass_names::{
    AccessKeyId, AccountId, Arn, Path, PolicyName, RoleDescription, RoleName, SecretAccessKey,
    UniqueId, UserName,
};
use daypass_policy::Policy;
use jiff::Timestamp;

/// Most items that one call lists, as for every list operation of IAM.
pub const MAX_PAGE: usize = 1_000;

/// An account.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Account {
    /// The twelve digits.
    pub id: AccountId,
    /// When it was made.
    pub created: Timestamp,
}

/// A user with its inline policies, compiled.
#[derive(Debug)]
pub struct User {
    /// The account that it belongs to.
    pub account: AccountId,
    /// What its rights hang on; never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: UserName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The inline policies, ordered by name.
    pub policies: Vec<InlinePolicy>,
    /// The ids of its access keys, ordered.
    pub access_keys: Vec<AccessKeyId>,
}

impl User {
    /// The inline policy of that name.
    pub fn policy(&self, name: &PolicyName) -> Option<&InlinePolicy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }
}

/// A role with its trust policy and its inline policies, compiled.
#[derive(Debug)]
pub struct Role {
    /// The account that it belongs to.
    pub account: AccountId,
    /// What its rights hang on; never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: RoleName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The description.
    pub description: Option<RoleDescription>,
    /// The longest session in seconds.
    pub max_session_duration: u32,
    /// Who may assume it.
    pub trust: TrustPolicy,
    /// The inline policies, ordered by name.
    pub policies: Vec<InlinePolicy>,
}

impl Role {
    /// The inline policy of that name.
    pub fn policy(&self, name: &PolicyName) -> Option<&InlinePolicy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }
}

/// An inline policy. Its text is the policy's source.
#[derive(Clone, Debug)]
pub struct InlinePolicy {
    /// The name, unique within its user or role.
    pub name: PolicyName,
    /// The policy. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
}

/// A trust policy whose users and roles are pinned to the unique ids that they had when it was
/// saved: one that is made again under an old name is somebody else.
///
/// IAM user guide, page "AWS JSON policy elements: Principal".
#[derive(Clone, Debug)]
pub struct TrustPolicy {
    /// The policy, pinned. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
    pub(crate) pins: BTreeMap<Arn, UniqueId>,
}

impl TrustPolicy {
    /// The text as it was saved. What to show is
    /// [`Directory::trust_text`](crate::Directory::trust_text).
    pub fn text(&self) -> &str {
        self.policy.source()
    }
}

/// Whether an access key may sign.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AccessKeyStatus {
    /// It may.
    Active,
    /// It may not, but is kept.
    Inactive,
}

/// A long-term access key of a user, its secret opened.
#[derive(Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: AccessKeyId,
    /// The account of its user.
    pub account: AccountId,
    /// The unique id of its user.
    pub user: UniqueId,
    /// Whether it may sign.
    pub status: AccessKeyStatus,
    /// When it was made.
    pub created: Timestamp,
    /// The secret; it prints nowhere and is wiped when dropped.
    pub secret: SecretAccessKey,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listing<T> {
    /// The items, in order. There may be fewer than were asked for although more follow.
    pub items: Vec<Arc<T>>,
    /// Where to continue, when there may be more: pass it as `after`.
    pub next: Option<String>,
}

/// What an account is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount {
    /// An id drawn at random.
    pub id: AccountId,
    /// Now.
    pub created: Timestamp,
}

/// What a user is made of.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The account.
    pub account: AccountId,
    /// An `AIDA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: UserName,
    /// The path.
    pub path: Path,
    /// Now.
    pub created: Timestamp,
}

/// What a role is made of.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// The account.
    pub account: AccountId,
    /// An `AROA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: RoleName,
    /// The path.
    pub path: Path,
    /// The description.
    pub description: Option<RoleDescription>,
    /// The longest session in seconds; its bounds are those of the API.
    pub max_session_duration: u32,
    /// The trust policy document.
    pub trust_text: String,
    /// Now.
    pub created: Timestamp,
}

/// What an access key is made of.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    /// An `AKIA` id drawn at random.
    pub id: AccessKeyId,
    /// A secret drawn at random.
    pub secret: SecretAccessKey,
    /// 24 random bytes for this key alone.
    pub nonce: [u8; 24],
    /// Now.
    pub created: Timestamp,
}
