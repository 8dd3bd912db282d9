//! The keys under which the store holds the directory.
//!
//! | key | value |
//! |---|---|
//! | `account/<account>` | the account |
//! | `user/<id>`, `role/<id>`, `group/<id>` | the entity with all that is inline in it, and what it refers to |
//! | `policy/<id>` | a managed policy without its documents, and how often it is used |
//! | `policy-version/<policy>/<number>` | the document of a version; it never changes |
//! | `user-name/<account>/<lower-case name>`, `role-name/…`, `group-name/…`, `policy-name/…` | the entity's id |
//! | `user-count/<account>`, `role-count/…`, `group-count/…`, `policy-count/…` | how many there are, so that no create has to count |
//! | `access-key/<id>` | the access key, its secret sealed |
//! | `group-member/<group>/<user>` | empty: the user's record has the group |
//! | `group-size/<group>` | how many members the group has |
//! | `policy-attachment/<policy>/<kind>/<id>` | empty: the user, group or role has the policy |
//! | `policy-boundary/<policy>/<kind>/<id>` | empty: the user or role is bounded by the policy |
//! | `last-used/access-key/<id>`, `last-used/role/<id>` | when it was last used |
//! | `ring/<ring>/<eight digits>` | a ring key, its material sealed |
//! | `revocation/<id>` | a revocation |
//! | `outbox/<milliseconds><event id>` | an audit record on its way to the trail |
//!
//! Names, ids and accounts have no slash, so that no key is the beginning of another of its kind.

use std::num::NonZeroU32;

use daypass_names::{AccessKeyId, AccountId, UniqueId, UniqueIdKind};
use daypass_store::{Key, StoreError};

/// The kinds of entity that have a name and an id.
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

/// What all account keys begin with.
pub(crate) const ACCOUNTS: &[u8] = b"account/";

/// What all keys of access keys begin with.
pub(crate) const ACCESS_KEYS: &[u8] = b"access-key/";

/// What all keys of revocations begin with.
pub(crate) const REVOCATIONS: &[u8] = b"revocation/";

/// What the keys of all notes begin with.
pub(crate) const OUTBOX: &[u8] = b"outbox/";

pub(crate) fn account(account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("account/{account}"))
}

pub(crate) fn entity(kind: Kind, id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}/{id}", kind.word()))
}

/// What the keys of all names of an account begin with.
pub(crate) fn names(kind: Kind, account: AccountId) -> String {
    format!("{}-name/{account}/", kind.word())
}

/// `lower` is the name in lower case, or where a listing continues.
pub(crate) fn name(kind: Kind, account: AccountId, lower: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{lower}", names(kind, account)))
}

pub(crate) fn count(kind: Kind, account: AccountId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}-count/{account}", kind.word()))
}

pub(crate) fn access_key(id: &AccessKeyId) -> Result<Key, StoreError> {
    Key::print(format_args!("access-key/{id}"))
}

/// What the keys of all members of a group begin with.
pub(crate) fn members(group: UniqueId) -> String {
    format!("group-member/{group}/")
}

/// `user` is the user's id, or where a listing continues.
pub(crate) fn member(group: UniqueId, user: &str) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{user}", members(group)))
}

pub(crate) fn group_size(group: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("group-size/{group}"))
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

pub(crate) fn attachment(policy: UniqueId, kind: Kind, id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{}/{id}", attachments(policy), kind.word()))
}

pub(crate) fn boundary(policy: UniqueId, kind: Kind, id: UniqueId) -> Result<Key, StoreError> {
    Key::print(format_args!("{}{}/{id}", boundaries(policy), kind.word()))
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
