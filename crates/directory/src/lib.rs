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
mod aliases;
mod attachments;
mod aws_managed;
mod cache;
mod check;
mod credentials;
mod directory;
mod effective;
mod entity;
mod error;
mod findings;
mod founding;
mod groups;
mod inline;
mod instance_profiles;
mod keys;
mod last_used;
mod login_profiles;
mod managed;
mod mfa_devices;
mod named;
mod note;
mod password_policy;
mod passwords;
mod quotas;
mod record;
mod revocations;
mod rings;
mod roles;
mod seen;
mod tags;
#[cfg(test)]
mod tests;
mod trust;
mod users;
mod versions;

pub use attachments::HolderPage;
pub use aws_managed::{AwsManagedFault, AwsManagedPolicies, MAX_AWS_MANAGED};
pub use credentials::UserCredentials;
pub use directory::Directory;
pub use effective::{AppliedPolicy, EffectivePolicies};
pub use entity::{
    AccessKey, AccessKeyStatus, Account, AccountCounts, Group, Holder, InlinePolicy,
    InstanceProfile, LastUsed, Listing, MAX_PAGE, ManagedPolicy, MfaAssignment, MfaDevice,
    NewAccessKey, NewAccount, NewGroup, NewInstanceProfile, NewManagedPolicy, NewMfaDevice,
    NewPolicyVersion, NewRole, NewUser, PolicyOwner, PolicyScope, PolicyUsage, PolicyVersion, Role,
    RoleChange, Tag, TrustPolicy, User, VersionInfo,
};
pub use error::{DeleteReason, DirectoryError, Entity};
pub use findings::{Fault, Finding, Findings, MAX_FINDINGS};
pub use founding::{Founded, Founding};
pub use inline::{MAX_INLINE_POLICIES, MAX_INLINE_POLICY};
pub use last_used::MAX_GATHERED;
pub use login_profiles::{LoginProfile, LoginProfileChange, NewLoginProfile, PasswordStanding};
pub use mfa_devices::{LOCKED_SECONDS, MAX_WRONG_CODES, MatchedCode};
pub use note::{Note, NoteFault, Noting, OutboxKey};
pub use password_policy::{
    GREATEST_MINIMUM_LENGTH, GREATEST_PASSWORD_AGE, GREATEST_REUSE_PREVENTION,
    LEAST_MINIMUM_LENGTH, PasswordFault, PasswordPolicy,
};
pub use passwords::{NewPassword, PASSWORD_SALT, Password};
pub use quotas::{Limit, QuotaFault, Quotas};
pub use revocations::{
    EXPIRED_KEPT, MAX_REVOCATIONS, NewRevocation, REVOKE_POLICY, Revocation, RevocationFault,
    RevocationSet, RoleRevoked, Scope, SessionRef,
};
pub use rings::{
    COMPROMISED_KEPT, Compromised, DataKeys, Fill, LONGEST_SESSION, MAX_RING_KEYS, NoRandomness,
    RESERVED_RING_KEYS, Resealed, RingChange, RingChangeKind, RingKeyInfo, RingKeyState, RingName,
    Rings, RingsFault, SESSION_KEY_MARGIN,
};
pub use seen::Seen;
