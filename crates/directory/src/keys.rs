//! The keys under which the store holds the directory.
//!
//! | key | value |
//! |---|---|
//! | `account/<account>` | the account |
//! | `user/<id>`, `role/<id>` | the entity with all that is inline in it |
//! | `user-name/<account>/<lower-case name>`, `role-name/…` | the entity's id |
//! | `user-count/<account>`, `role-count/…` | how many there are, so that no create has to count |
//! | `access-key/<id>` | the access key, its secret sealed |
//!
//! Names, ids and accounts have no slash, so that no key is the beginning of another of its kind.

use daypass_names::{AccessKeyId, AccountId, UniqueId};
use daypass_store::{Key, StoreError};

/// The kinds of entity that have a name, an id and inline policies.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Kind {
    Role,
    User,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Role => "role",
            Self::User => "user",
        }
    }
}

/// What all account keys begin with.
pub(crate) const ACCOUNTS: &[u8] = b"account/";

pub(crate) fn account(account: AccountId) -> Result<Key, StoreError> {
    Key::new(format!("account/{account}"))
}

pub(crate) fn entity(kind: Kind, id: UniqueId) -> Result<Key, StoreError> {
    Key::new(format!("{}/{id}", kind.word()))
}

/// What the keys of all names of an account begin with.
pub(crate) fn names(kind: Kind, account: AccountId) -> String {
    format!("{}-name/{account}/", kind.word())
}

/// `lower` is the name in lower case, or where a listing continues.
pub(crate) fn name(kind: Kind, account: AccountId, lower: &str) -> Result<Key, StoreError> {
    Key::new(format!("{}{lower}", names(kind, account)))
}

pub(crate) fn count(kind: Kind, account: AccountId) -> Result<Key, StoreError> {
    Key::new(format!("{}-count/{account}", kind.word()))
}

pub(crate) fn access_key(id: &AccessKeyId) -> Result<Key, StoreError> {
    Key::new(format!("access-key/{id}"))
}
