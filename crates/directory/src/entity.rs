//! The entities of the directory.

mod new;

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_federation::saml::Digest;
use daypass_federation::totp::{Seed, Step};
use daypass_names::{
    AccessKeyId, AccountId, Arn, ClientId, GroupName, InstanceProfileName, IssuerUrl, Path,
    PolicyDescription, PolicyName, PolicyVersionId, Region, RoleDescription, RoleName, SamlId,
    SamlProviderName, SecretAccessKey, TagKey, TagValue, Thumbprint, UniqueId, UserName,
    VirtualMfaDeviceName,
};
use daypass_policy::Policy;
use daypass_store::Revision;
use jiff::Timestamp;

pub use new::{
    NewAccessKey, NewAccount, NewGroup, NewInstanceProfile, NewManagedPolicy, NewMfaDevice,
    NewOidcProvider, NewPolicyVersion, NewRole, NewSamlMetadata, NewSamlPrivateKey,
    NewSamlProvider, NewServiceLinkedRole, NewUser, RoleChange, SamlProviderChange,
};

use crate::{AccountRegions, OidcSettings, SamlSettings};

/// Most items that one call lists, as for every list operation of IAM.
pub const MAX_PAGE: usize = 1_000;

/// An account, with what belongs to its root user.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Account {
    /// The twelve digits.
    pub id: AccountId,
    /// When it was made.
    pub created: Timestamp,
    /// That it is closed, and since when.
    pub closed: Option<Closure>,
    /// The ids of the access keys of the root user, ordered.
    pub root_access_keys: Vec<AccessKeyId>,
    /// What it says of Regions.
    pub regions: AccountRegions,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// That an account is closed: every credential of it is refused, and nothing of it is deleted.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Closure {
    /// Since when.
    pub at: Timestamp,
    /// Who closed it.
    pub by: String,
    /// Why.
    pub reason: Option<String>,
}

/// How many entities of each kind an account has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct AccountCounts {
    /// Users.
    pub users: u32,
    /// Groups.
    pub groups: u32,
    /// Roles.
    pub roles: u32,
    /// Customer managed policies.
    pub policies: u32,
    /// Instance profiles.
    pub instance_profiles: u32,
    /// OpenID Connect providers.
    pub oidc_providers: u32,
    /// SAML providers.
    pub saml_providers: u32,
}

/// A tag of a user, role, managed policy, instance profile or virtual MFA device.
///
/// Tags are listed in the order in which their keys were first added. A list of them has no key
/// twice, ignoring case ([`TagKey::is_same`]).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Tag {
    /// The key, with the case that it was given last.
    pub key: TagKey,
    /// The value.
    pub value: TagValue,
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
    /// The ids of the managed policies attached to it, ordered.
    pub attached: Vec<UniqueId>,
    /// The id of the managed policy that bounds it.
    pub boundary: Option<UniqueId>,
    /// The ids of the groups that it is in, ordered.
    pub groups: Vec<UniqueId>,
    /// The ids of its access keys, ordered.
    pub access_keys: Vec<AccessKeyId>,
    /// The ids of its MFA devices, ordered.
    pub mfa_devices: Vec<UniqueId>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

impl User {
    /// The inline policy of that name.
    pub fn policy(&self, name: &PolicyName) -> Option<&InlinePolicy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }
}

/// A group with its inline policies, compiled.
#[derive(Debug)]
pub struct Group {
    /// The account that it belongs to.
    pub account: AccountId,
    /// What membership hangs on; never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: GroupName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The inline policies, ordered by name.
    pub policies: Vec<InlinePolicy>,
    /// The ids of the managed policies attached to it, ordered.
    pub attached: Vec<UniqueId>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

impl Group {
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
    /// The ids of the managed policies attached to it, ordered.
    pub attached: Vec<UniqueId>,
    /// The id of the managed policy that bounds it.
    pub boundary: Option<UniqueId>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// Whether a service of AWS owns it: of such a role only the tags and the description can be
    /// changed, and only [`Directory::create_service_linked_role`](crate::Directory::create_service_linked_role)
    /// makes one.
    pub service_linked: bool,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

impl Role {
    /// The inline policy of that name.
    pub fn policy(&self, name: &PolicyName) -> Option<&InlinePolicy> {
        self.policies.iter().find(|policy| policy.name == *name)
    }
}

/// An instance profile: what hands a role to a machine.
#[derive(Clone, Debug)]
pub struct InstanceProfile {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: InstanceProfileName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// The ids of the roles that are in it, ordered; with AWS's quota at most one.
    pub roles: Vec<UniqueId>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// An inline policy. Its text is the policy's source.
#[derive(Clone, Debug)]
pub struct InlinePolicy {
    /// The name, unique within its user, group or role.
    pub name: PolicyName,
    /// The policy. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
}

/// Whose a managed policy is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyOwner {
    /// AWS: it is the same for every account, and nobody can change or delete it.
    Aws,
    /// The account.
    Customer,
}

/// Which managed policies a list has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PolicyScope {
    /// AWS's and the account's own.
    #[default]
    All,
    /// AWS's.
    Aws,
    /// The account's own.
    Local,
}

/// A managed policy, without its documents.
#[derive(Clone, Debug)]
pub struct ManagedPolicy {
    /// Whose it is.
    pub owner: PolicyOwner,
    /// The account that it belongs to; for one of AWS the account that it was looked up for, whose
    /// uses it counts.
    pub account: AccountId,
    /// What attachments hang on; never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: PolicyName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// When a version was last added or put in force.
    pub updated: Timestamp,
    /// The description; it never changes.
    pub description: Option<PolicyDescription>,
    /// The version in force.
    pub default: PolicyVersionId,
    /// The versions that are there, oldest first.
    pub versions: Vec<VersionInfo>,
    /// How many users, groups and roles of the account it is attached to.
    pub attachments: u32,
    /// How many users and roles of the account it bounds.
    pub boundaries: u32,
    /// The tags.
    pub tags: Vec<Tag>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// A version of a managed policy, without its document.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct VersionInfo {
    /// Its id, never given twice within the policy.
    pub id: PolicyVersionId,
    /// When it was made.
    pub created: Timestamp,
}

/// A version of a managed policy, compiled.
#[derive(Clone, Debug)]
pub struct PolicyVersion {
    /// The unique id of the policy.
    pub managed: UniqueId,
    /// Its id.
    pub id: PolicyVersionId,
    /// When it was made.
    pub created: Timestamp,
    /// The policy; its source is the document. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
    pub(crate) number: NonZeroU32,
}

/// A user, group or role that has a managed policy.
#[derive(Clone, Debug)]
pub enum Holder {
    /// A group.
    Group(Arc<Group>),
    /// A role.
    Role(Arc<Role>),
    /// A user.
    User(Arc<User>),
}

impl Holder {
    /// Its path.
    pub fn path(&self) -> &Path {
        match self {
            Self::Group(group) => &group.path,
            Self::Role(role) => &role.path,
            Self::User(user) => &user.path,
        }
    }
}

/// How a managed policy is used.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PolicyUsage {
    /// As a permissions boundary.
    Boundary,
    /// Attached.
    Permissions,
}

/// When something was last used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct LastUsed {
    /// When.
    pub at: Timestamp,
    /// The service that an access key was used with, by its signing name; none for a role.
    pub service: Option<String>,
    /// The Region that was signed for.
    pub region: Region,
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
    /// The principals that let nobody in, although an account, a session or a provider of that name
    /// may come to be: they did not exist when the policy was imported.
    pub(crate) barred: BTreeSet<String>,
    /// The SHA-256 of its file if an import made the role and has not filled it yet.
    pub(crate) unfinished: Option<Box<str>>,
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

/// Whose an access key is.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum KeyOwner {
    /// The root user of an account.
    Root(AccountId),
    /// A registered service, by unique id. It is of no account.
    Service(UniqueId),
    /// A user, by account and unique id.
    User(AccountId, UniqueId),
}

impl KeyOwner {
    /// The account of the owner, if it is of one.
    pub fn account(&self) -> Option<AccountId> {
        match self {
            Self::Root(account) | Self::User(account, _) => Some(*account),
            Self::Service(_) => None,
        }
    }
}

/// A long-term access key, its secret opened.
#[derive(Debug)]
pub struct AccessKey {
    /// Its id.
    pub id: AccessKeyId,
    /// Whose it is.
    pub owner: KeyOwner,
    /// Whether it may sign.
    pub status: AccessKeyStatus,
    /// When it was made.
    pub created: Timestamp,
    /// The secret; it prints nowhere and is wiped when dropped.
    pub secret: SecretAccessKey,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// A virtual MFA device, its seed opened.
#[derive(Debug)]
pub struct MfaDevice {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Never given twice.
    pub id: UniqueId,
    /// The name, with the case that it was given.
    pub name: VirtualMfaDeviceName,
    /// The path.
    pub path: Path,
    /// The ARN, made of account, path and name: the serial number.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// Whose it is; nobody's until it is enabled.
    pub assigned: Option<MfaAssignment>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// What its codes are made of; it prints nowhere and is wiped when dropped.
    pub(crate) seed: Seed,
    /// The newest step of which a code was taken: no code of it or of an older one is taken again.
    pub(crate) last_step: Option<Step>,
    /// How many steps its clock is ahead of ours.
    pub(crate) drift: i64,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// An OpenID Connect provider: whose tokens are taken for whom, and how its keys are come by.
#[derive(Clone, Debug)]
pub struct OidcProvider {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Never given twice: a provider that is made again is another.
    pub id: UniqueId,
    /// The URL, which tokens must name as their issuer, letter by letter.
    pub url: IssuerUrl,
    /// The ARN, made of account and URL.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// Whom its tokens may be meant for, in the order in which they were added; none twice.
    pub client_ids: Vec<ClientId>,
    /// Which certificates its key server may show beside those of well-known authorities, in the
    /// order in which they were given.
    pub thumbprints: Vec<Thumbprint>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// What an operator set for it.
    pub settings: OidcSettings,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// A SAML provider, without its metadata document and its private keys.
#[derive(Clone, Debug)]
pub struct SamlProvider {
    /// The account that it belongs to.
    pub account: AccountId,
    /// Never given twice: a provider that is made again is another.
    pub id: UniqueId,
    /// What AWS calls its UUID: never given twice either, and shown.
    pub uuid: SamlId,
    /// The name, with the case that it was given.
    pub name: SamlProviderName,
    /// The ARN, made of account and name.
    pub arn: Arn,
    /// When it was made.
    pub created: Timestamp,
    /// Which document is its metadata.
    pub metadata: SamlMetadata,
    /// Whether assertions must be encrypted; it was never said when there is none.
    pub encryption: Option<AssertionEncryptionMode>,
    /// The private keys that open encrypted assertions, oldest first.
    pub private_keys: Vec<SamlPrivateKeyInfo>,
    /// The tags.
    pub tags: Vec<Tag>,
    /// What an operator set for it.
    pub settings: SamlSettings,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// What a SAML provider's record says of its metadata document.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct SamlMetadata {
    /// The SHA-256 of the document.
    pub digest: Digest,
    /// How many bytes it has.
    pub bytes: usize,
    /// Until when it holds, as it says or as was decided when it was saved.
    pub valid_until: Timestamp,
}

/// Whether a SAML provider's assertions must be encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum AssertionEncryptionMode {
    /// They may be.
    Allowed,
    /// They must be.
    Required,
}

/// A private key of a SAML provider, without the key.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct SamlPrivateKeyInfo {
    /// Its id.
    pub id: SamlId,
    /// When it was added.
    pub added: Timestamp,
}

/// Where the session tokens of an account are good.
///
/// IAM API reference, "SetSecurityTokenServicePreferences".
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum TokenVersion {
    /// In the Regions that are there by default.
    V1,
    /// In every Region.
    #[default]
    V2,
}

/// Whose an MFA device is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct MfaAssignment {
    /// The unique id of the user.
    pub user: UniqueId,
    /// Since when.
    pub enabled: Timestamp,
}

/// A page of a list.
#[derive(Debug)]
pub struct Listing<T> {
    /// The items, in order. There may be fewer than were asked for although more follow.
    pub items: Vec<Arc<T>>,
    /// Where to continue, when there may be more: pass it as `after`.
    pub next: Option<String>,
}
