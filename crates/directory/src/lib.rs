//! Who exists and what is attached to whom: accounts, users, groups, roles, their policies and keys.
//!
//! Typed records on a [`Store`](daypass_store::Store). Every change, with all its indexes and its
//! audit record ([`Note`]), is one compare-and-commit; reads are answered from compiled entities
//! that are kept as long as the store holds the revision that they were made from. Secret access
//! keys are sealed before they reach the store. A record that cannot be read is an error, never an
//! empty answer.
//!
//! Whoever is changed is named by unique id, never by name: a name may pass to somebody else
//! between the decision and the change. Names are looked up exactly, but are unique ignoring case
//! within an account and kind, whatever the path (IAM user guide, page "IAM identifiers"). This
//! crate reads no clock and draws no random numbers: ids, nonces and times come in with the call.

mod access_keys;
mod accounts;
mod attachments;
mod cache;
mod check;
mod directory;
mod effective;
mod entity;
mod error;
mod findings;
mod founding;
mod groups;
mod inline;
mod keys;
mod last_used;
mod managed;
mod named;
mod note;
mod quotas;
mod record;
mod revocations;
mod rings;
mod roles;
#[cfg(test)]
mod tests;
mod trust;
mod users;
mod versions;

pub use attachments::HolderPage;
pub use directory::Directory;
pub use effective::{AppliedPolicy, EffectivePolicies};
pub use entity::{
    AccessKey, AccessKeyStatus, Account, Group, Holder, InlinePolicy, LastUsed, Listing, MAX_PAGE,
    ManagedPolicy, NewAccessKey, NewAccount, NewGroup, NewManagedPolicy, NewPolicyVersion, NewRole,
    NewUser, PolicyUsage, PolicyVersion, Role, TrustPolicy, User, VersionInfo,
};
pub use error::{DeleteReason, DirectoryError, Entity};
pub use findings::{Fault, Finding, Findings, MAX_FINDINGS};
pub use founding::{Founded, Founding};
pub use inline::{MAX_INLINE_POLICIES, MAX_INLINE_POLICY};
pub use last_used::MAX_GATHERED;
pub use note::{Note, NoteFault, Noting, OutboxKey};
pub use quotas::{Limit, Quotas};
pub use revocations::{
    EXPIRED_KEPT, MAX_REVOCATIONS, NewRevocation, REVOKE_POLICY, Revocation, RevocationFault,
    RevocationSet, RoleRevoked, Scope, SessionRef,
};
pub use rings::{
    COMPROMISED_KEPT, Compromised, DataKeys, Fill, LONGEST_SESSION, MAX_RING_KEYS, NoRandomness,
    RESERVED_RING_KEYS, Resealed, RingChange, RingChangeKind, RingKeyInfo, RingKeyState, RingName,
    Rings, RingsFault, SESSION_KEY_MARGIN,
};
