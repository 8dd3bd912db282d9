//! Who exists and what is attached to whom: accounts, users, roles, their policies and keys.
//!
//! Typed records on a [`Store`](daypass_store::Store). Every change, with all its indexes, is one
//! compare-and-commit; reads are answered from compiled entities that are kept as long as the
//! store holds the revision that they were made from. Secret access keys are sealed before they
//! reach the store. A record that cannot be read is an error, never an empty answer.
//!
//! Whoever is changed is named by unique id, never by name: a name may pass to somebody else between
//! the decision and the change. Names are looked up exactly, but are unique ignoring case within an account and kind, whatever
//! the path (IAM user guide, page "IAM identifiers"). This crate reads no clock and draws no
//! random numbers: ids, nonces and times come in with the call.

mod access_keys;
mod accounts;
mod cache;
mod directory;
mod entity;
mod error;
mod inline;
mod keys;
mod principal;
mod quotas;
mod record;
mod roles;
#[cfg(test)]
mod tests;
mod trust;
mod users;

pub use directory::Directory;
pub use entity::{
    AccessKey, AccessKeyStatus, Account, InlinePolicy, Listing, MAX_PAGE, NewAccessKey, NewAccount,
    NewRole, NewUser, Role, TrustPolicy, User,
};
pub use error::{DeleteReason, DirectoryError, Entity};
pub use quotas::{Limit, Quotas};
