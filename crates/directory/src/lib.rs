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
mod account_regions;
mod accounts;
mod aliases;
mod attachments;
mod aws_managed;
mod bucket_policies;
mod buckets;
mod cache;
mod check;
mod closing;
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
mod linked_services;
mod login_profiles;
mod managed;
mod mfa_devices;
mod named;
mod note;
mod oidc_providers;
mod oidc_settings;
mod password_policy;
mod passwords;
mod quotas;
mod record;
mod revocations;
mod rings;
mod roles;
mod saml_providers;
mod saml_settings;
mod saml_uses;
mod seen;
mod service_linked;
mod services;
mod sts_preferences;
mod tags;
#[cfg(test)]
mod tests;
mod totals;
mod transfer;
mod trust;
mod users;
mod versions;

pub use account_regions::{AccountRegions, RegionChange};
pub use attachments::HolderPage;
pub use aws_managed::{AwsManagedFault, AwsManagedPolicies, MAX_AWS_MANAGED};
pub use bucket_policies::BucketPolicy;
pub use buckets::{
    Bucket, BucketTicket, Change, GOOD_FOR, NewBucket, Reserved, TAKEN_UP_AFTER, UnderWay,
};
pub use closing::{AccountsAtStart, Closing};
pub use credentials::{KeyUse, UserCredentials};
pub use directory::Directory;
pub use effective::{AppliedPolicy, EffectivePolicies, SessionPolicy};
pub use entity::{
    AccessKey, AccessKeyStatus, Account, AccountCounts, AssertionEncryptionMode, Closure, Group,
    Holder, InlinePolicy, InstanceProfile, KeyOwner, LastUsed, Listing, MAX_PAGE, ManagedPolicy,
    MfaAssignment, MfaDevice, NewAccessKey, NewAccount, NewGroup, NewInstanceProfile,
    NewManagedPolicy, NewMfaDevice, NewOidcProvider, NewPolicyVersion, NewRole, NewSamlMetadata,
    NewSamlPrivateKey, NewSamlProvider, NewServiceLinkedRole, NewUser, OidcProvider, PolicyOwner,
    PolicyScope, PolicyUsage, PolicyVersion, Role, RoleChange, SamlMetadata, SamlPrivateKeyInfo,
    SamlProvider, SamlProviderChange, Tag, TokenVersion, TrustPolicy, User, VersionInfo,
};
pub use error::{DeleteReason, DirectoryError, Entity};
pub use findings::{Fault, Finding, Findings, MAX_FINDINGS};
pub use founding::{Founded, Founding};
pub use inline::{MAX_INLINE_POLICIES, MAX_INLINE_POLICY};
pub use last_used::MAX_GATHERED;
pub use linked_services::LinkedService;
pub use login_profiles::{LoginProfile, LoginProfileChange, NewLoginProfile, PasswordStanding};
pub use mfa_devices::{LOCKED_SECONDS, MAX_WRONG_CODES, MatchedCode};
pub use note::{Note, NoteFault, Noting, OutboxKey};
pub use oidc_providers::MAX_THUMBPRINTS;
pub use oidc_settings::{
    ClockSkew, FURTHER_ALGORITHMS, MAX_STATIC_KEYS, OidcSettings, OidcSettingsChange,
    OidcSettingsTold, SettingsFault, StaticKeys, further_algorithm,
};
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
pub use saml_providers::{
    MAX_METADATA_CHARACTERS, MAX_PRIVATE_KEYS, MAX_SAML_METADATA, StoredMetadata,
    UNLIMITED_METADATA,
};
pub use saml_settings::{SamlSettings, SamlSettingsChange, SamlSettingsTold};
pub use seen::Seen;
pub use service_linked::{MAX_LINKED_BEYOND_QUOTA, MAX_ROLE_DELETIONS};
pub use services::{MAX_SERVICE_LIMITS, MAX_SERVICE_PRINCIPALS, MAX_SERVICES, NewService, Service};
pub use transfer::{
    Action, Bringing, Brought, DOCUMENT_FORMAT, DOCUMENT_VERSION, Document, DocumentFault, Export,
    ExportCounts, Given, Gives, MAX_ENTITIES, MAX_PAGES, MIN_PASSPHRASE, NewExport, OpenedSecrets,
    Passphrase, Plan, PlanCounts, SecretsFault, Step, Survey, Thing,
};
