//! The keys under which the store holds the directory.
//!
//! | key | value |
//! |---|---|
//! | `account/<account>` | the account, with whether it is closed and the ids of its root user's access keys |
//! | `closed-account/<account>` | empty: the account is closed |
//! | `account-alias/<account>` | the alias of the account |
//! | `alias/<alias>` | the account that has the alias, the only one in the deployment |
//! | `user/<id>`, `role/<id>`, `group/<id>` | the entity with all that is inline in it, and what it refers to |
//! | `policy/<id>` | a managed policy without its documents, and how often it is used |
//! | `policy-version/<policy>/<number>` | the document of a version; it never changes |
//! | `mfa-device/<id>` | a virtual MFA device, its seed sealed, with whose it is |
//! | `instance-profile/<id>` | an instance profile with the role that is in it |
//! | `user-name/<account>/<lower-case name>`, `role-name/…`, `group-name/…`, `policy-name/…`, `instance-profile-name/…`, `mfa-device-name/…` | the entity's id |
//! | `user-count/<account>`, `role-count/…`, `group-count/…`, `policy-count/…`, `instance-profile-count/…`, `mfa-device-count/…` | how many there are, so that no create has to count |
//! | `oidc-provider/<id>` | an OpenID Connect provider |
//! | `oidc-provider-name/<account>/<URL without https://, \| for />` | the provider's id; case counts |
//! | `oidc-provider-count/<account>` | how many there are |
//! | `sts-preferences/<account>` | which version the account's session tokens have |
//! | `role-deletions/<account>` | the last deletions of service-linked roles, by their task ids |
//! | `policy-version-count/<account>`, `mfa-device-in-use-count/<account>` | how many versions its managed policies have, and how many of its MFA devices are somebody's |
//! | `access-key/<id>` | the access key, its secret sealed |
//! | `service/<id>` | a registered service with the ids of its access keys |
//! | `service-name/<name>` | the id of the service |
//! | `login-profile/<user>` | the hashes of the user's password and of those before it |
//! | `password-policy/<account>` | what the account demands of passwords |
//! | `group-member/<group>/<user>` | empty: the user's record has the group |
//! | `group-size/<group>` | how many members the group has |
//! | `saml-provider/<id>` | a SAML provider, with the digest of its metadata and the ids of its private keys |
//! | `saml-provider-name/<account>/<lower-case name>`, `saml-provider-count/<account>` | the provider's id; how many there are |
//! | `saml-metadata/<provider>/<SHA-256 of the document>/<three digits>` | a part of its metadata document |
//! | `saml-private-key/<provider>/<id>` | a private key of it, sealed |
//! | `saml-use/<provider>/<SHA-256 of an assertion>` | until when an assertion is good that was used, of a provider whose are good once |
//! | `bucket/<name>` | a bucket, or the reservation of its name, with its policy |
//! | `account-bucket/<account>/<name>` | empty: the bucket is the account's |
//! | `bucket-count/<account>` | how many it has |
//! | `role-profile/<role>/<instance profile>` | empty: the role is in the instance profile |
//! | `policy-attachment/<policy>/<kind>/<id>` | empty: the user, group or role has the policy |
//! | `policy-boundary/<policy>/<kind>/<id>` | empty: the user or role is bounded by the policy |
//! | `aws-policy-use/<account>/<policy>` | how often the account uses an AWS managed policy |
//! | `aws-policy-attachment/<account>/<policy>/<kind>/<id>` | empty: the user, group or role has the AWS managed policy |
//! | `aws-policy-boundary/<account>/<policy>/<kind>/<id>` | empty: the user or role is bounded by the AWS managed policy |
//! | `last-used/access-key/<id>`, `last-used/role/<id>` | when it was last used |
//! | `ring/<ring>/<eight digits>` | a ring key, its material sealed |
//! | `revocation/<id>` | a revocation |
//! | `outbox/<milliseconds><event id>` | an audit record on its way to the trail |
//!
//! Names, ids and accounts have no slash, so that no key is the beginning of another of its kind.

use std::num::NonZeroU32;

use daypass_federation::saml::Digest;
use daypass_names::{
    AccessKeyId, AccountAlias, AccountId, BucketName, ServiceName, UniqueId, UniqueIdKind,
};
use daypass_store::{Key, StoreError};

/// The kinds of entity that policies are, or are put on.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Kind {
    Group,
    Policy,
    Role,
    User,
}

impl Kind {
    pub(crate) const ALL: [Self; 4] = [Self::Group, Self::Policy, Self::Role, Self::User];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Group => "group",
            Self::Policy => "policy",
            Self::Role => "role",
            Self::User => "user",
        }
    }

    /// The kind of what an id names, if the directory holds such.
    pub(crate) fn of(id: UniqueId) -> Option<Self> {
        match id.kind() {
            UniqueIdKind::Group => Some(Self::Group),
            UniqueIdKind::ManagedPolicy => Some(Self::Policy),
            UniqueIdKind::Role => Some(Self::Role),
            UniqueIdKind::User => Some(Self::User),
            _ => None,
        }
    }
}

/// Everything that has a name and an id in an account, and is counted there.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Noun {
    Group,
    InstanceProfile,
    MfaDevice,
    OidcProvider,
    Policy,
    Role,
    SamlProvider,
    User,
}

impl Noun {
    pub(crate) const ALL: [Self; 8] = [
        Self::Group,
        Self::InstanceProfile,
        Self::MfaDevice,
        Self::OidcProvider,
        Self::Policy,
        Self::Role,
        Self::SamlProvider,
        Self::User,
    ];

    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::Group => Kind::Group.word(),
            Self::InstanceProfile => "instance-profile",
            Self::MfaDevice => "mfa-device",
            Self::OidcProvider => "oidc-provider",
            Self::Policy => Kind::Policy.word(),
            Self::Role => Kind::Role.word(),
            Self::SamlProvider => "saml-provider",
            Self::User => Kind::User.word(),
        }
    }

    /// The kind of the ids.
    pub(crate) const fn ids(self) -> UniqueIdKind {
        match self {
            Self::Group => UniqueIdKind::Group,
            Self::InstanceProfile => UniqueIdKind::InstanceProfile,
            Self::MfaDevice => UniqueIdKind::MfaDevice,
            Self::OidcProvider => UniqueIdKind::OidcProvider,
            Self::Policy => UniqueIdKind::ManagedPolicy,
            Self::Role => UniqueIdKind::Role,
            Self::SamlProvider => UniqueIdKind::SamlProvider,
            Self::User => UniqueIdKind::User,
        }
    }

    pub(crate) const fn of(kind: Kind) -> Self {
        match kind {
            Kind::Group => Self::Group,
            Kind::Policy => Self::Policy,
            Kind::Role => Self::Role,
            Kind::User => Self::User,
        }
    }
}

/// What is counted for an account beside what has a name: see `totals.rs`.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) enum Total {
    /// Virtual MFA devices that are somebody's.
    MfaDevicesInUse,
    /// Versions of customer managed policies.
    PolicyVersions,
}

impl Total {
    pub(crate) const ALL: [Self; 2] = [Self::MfaDevicesInUse, Self::PolicyVersions];

    /// What its keys begin with.
    pub(crate) const fn word(self) -> &'static str {
        match self {
            Self::MfaDevicesInUse => "mfa-device-in-use-count",
            Self::PolicyVersions => "policy-version-count",
        }
    }

    /// Whose records tell it.
    pub(crate) const fn noun(self) -> Noun {
        match self {
            Self::MfaDevicesInUse => Noun::MfaDevice,
            Self::PolicyVersions => Noun::Policy,
        }
    }
}

impl From<Kind> for Noun {
    fn from(kind: Kind) -> Self {
        Self::of(kind)
    }
}

/// What all account keys begin with.
pub(crate) const ACCOUNTS: &[u8] = b"account/";

/// What the keys of all closed accounts begin with.
pub(crate) const CLOSED_ACCOUNTS: &str = "closed-account/";

/// What all keys of buckets begin with.
pub(crate) const BUCKETS: &[u8] = b"bucket/";

/// What all names of services begin with.
pub(crate) const SERVICE_NAMES: &[u8] = b"service-name/";

/// What all keys of access keys begin with.
pub(crate) const ACCESS_KEYS: &[u8] = b"access-key/";

/// What all keys of virtual MFA devices begin with.
pub(crate) const MFA_DEVICES: &[u8] = b"mfa-device/";

/// What all keys of the private keys of SAML providers begin with.
pub(crate) const SAML_PRIVATE_KEYS: &[u8] = b"saml-private-key/";

/// What the keys of all used assertions begin with.
pub(crate) const SAML_USES: &[u8] = b"saml-use/";

/// What all keys of revocations begin with.
pub(crate) const REVOCATIONS: &[u8] = b"revocation/";

/// What the keys of all notes begin with.
pub(crate) const OUTBOX: &[u8] = b"outbox/";

pub(crate) fn account(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("account/{account}"))
}

/// That an account is closed.
pub(crate) fn closed_account(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("{CLOSED_ACCOUNTS}{account}"))
}

/// The record of a bucket.
pub(crate) fn bucket(name: &BucketName) -> Result<Key, StoreError> {
    Key::print(format_args!("bucket/{name}"))
}

/// What the keys of all buckets of an account begin with.
pub(crate) fn account_buckets(account: AccountId) -> String {
    format!("account-bucket/{account}/")
}

/// That a bucket is an account's.
pub(crate) fn account_bucket(account: AccountId, name: &BucketName) -> Result<Key, StoreError> {
    Key::print(format_args!("account-bucket/{account}/{name}"))
}

/// How many buckets an account has.
pub(crate) fn bucket_count(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("bucket-count/{account}"))
}

pub(crate) fn service(id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("service/{id}"))
}

pub(crate) fn service_name(name: &ServiceName) -> Result<Key, StoreError> {
    Key::print(format_args!("service-name/{name}"))
}

/// Where the alias of an account is kept.
pub(crate) fn alias_of(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("account-alias/{account}"))
}

/// Where the account of an alias is kept.
pub(crate) fn alias(alias: &AccountAlias) -> Result<Key, StoreError> {
    Key::print(format_args!("alias/{alias}"))
}

pub(crate) fn entity(noun: impl Into<Noun>, id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}/{id}", noun.into().word()))
}

/// What the keys of all names of an account begin with.
pub(crate) fn names(noun: impl Into<Noun>, account: AccountId) -> String {
    format!("{}-name/{account}/", noun.into().word())
}

/// `lower` is the name in lower case, or as its kind has it in the index, or where a listing
/// continues.
pub(crate) fn name(
    noun: impl Into<Noun>,
    account: AccountId,
    lower: &str,
) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{lower}", names(noun, account)))
}

pub(crate) fn count(noun: impl Into<Noun>, account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}-count/{account}", noun.into().word()))
}

pub(crate) fn total(total: Total, account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}/{account}", total.word()))
}

pub(crate) fn access_key(id: &AccessKeyId) -> Result<Key, StoreError> {
    Key::print(format_args!("access-key/{id}"))
}

/// What the keys of all parts of a metadata document of a SAML provider begin with.
pub(crate) fn saml_metadata(provider: UniqueId, digest: &Digest) -> String {
    format!("saml-metadata/{provider}/{digest}/")
}

/// A part of a metadata document; three digits, so that they are ordered by number.
pub(crate) fn saml_metadata_part(
    provider: UniqueId,
    digest: &Digest,
    number: usize,
) -> Result<Key, StoreError> {
    Key::print(format_args!("saml-metadata/{provider}/{digest}/{number:03}"))
}

/// `id` is the id of the private key.
pub(crate) fn saml_private_key(provider: UniqueId, id: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("saml-private-key/{provider}/{id}"))
}

/// That an assertion of a SAML provider was used.
pub(crate) fn saml_use(provider: UniqueId, assertion: &Digest) -> Result<Key, StoreError> {
    Key::print(format_args!("saml-use/{provider}/{assertion}"))
}

pub(crate) fn login_profile(user: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("login-profile/{user}"))
}

pub(crate) fn password_policy(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("password-policy/{account}"))
}

pub(crate) fn sts_preferences(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("sts-preferences/{account}"))
}

/// What the keys of all members of a group begin with.
pub(crate) fn members(group: UniqueId) -> String {
    format!("group-member/{group}/")
}

/// `user` is the user's id, or where a listing continues.
pub(crate) fn member(group: UniqueId, user: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{user}", members(group)))
}

pub(crate) fn role_deletions(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("role-deletions/{account}"))
}

pub(crate) fn group_size(group: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("group-size/{group}"))
}

/// What the keys of all instance profiles that a role is in begin with.
pub(crate) fn role_profiles(role: UniqueId) -> String {
    format!("role-profile/{role}/")
}

pub(crate) fn role_profile(role: UniqueId, profile: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{profile}", role_profiles(role)))
}

pub(crate) fn policy_version(policy: UniqueId, number: NonZeroU32) -> Result<Key, StoreError> {
    Key::print(format_args!("policy-version/{policy}/{number}"))
}

/// What the keys of all entities that have a policy begin with.
pub(crate) fn attachments(policy: UniqueId) -> String {
    format!("policy-attachment/{policy}/")
}

/// What the keys of all entities that a policy bounds begin with.
pub(crate) fn boundaries(policy: UniqueId) -> String {
    format!("policy-boundary/{policy}/")
}

/// What the keys of all entities of an account that have an AWS managed policy begin with.
pub(crate) fn aws_attachments(account: AccountId, policy: UniqueId) -> String {
    format!("aws-policy-attachment/{account}/{policy}/")
}

/// What the keys of all entities of an account that an AWS managed policy bounds begin with.
pub(crate) fn aws_boundaries(account: AccountId, policy: UniqueId) -> String {
    format!("aws-policy-boundary/{account}/{policy}/")
}

/// How often an account uses an AWS managed policy.
pub(crate) fn aws_use(account: AccountId, policy: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("aws-policy-use/{account}/{policy}"))
}

/// The entry of an entity in one of the four indexes of who has a policy.
pub(crate) fn used_by(index: &str, kind: Kind, id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{index}{}/{id}", kind.word()))
}

pub(crate) fn access_key_use(id: &AccessKeyId) -> Result<Key, StoreError> {
    Key::print(format_args!("last-used/access-key/{id}"))
}

pub(crate) fn role_use(id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("last-used/role/{id}"))
}

pub(crate) fn outbox(milliseconds: u64, event_id: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("outbox/{milliseconds:016x}{event_id}"))
}

/// `id` is the revocation's id.
pub(crate) fn revocation(id: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("revocation/{id}"))
}

/// The key of what an index holds under `rest`.
pub(crate) fn below(index: &str, rest: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("{index}{rest}"))
}

/// What stands behind the beginning of an index in one of its keys.
pub(crate) fn behind(key: &Key, index: &str) -> Option<String> {
    let rest = key.as_bytes().strip_prefix(index.as_bytes())?;
    std::str::from_utf8(rest).ok().map(str::to_owned)
}

/// The unique id that a key of an index ends with.
pub(crate) fn last_id(key: &Key) -> Option<UniqueId> {
    let last = key.as_bytes().rsplit(|byte| *byte == b'/').next()?;
    UniqueId::parse(std::str::from_utf8(last).ok()?).ok()
}
