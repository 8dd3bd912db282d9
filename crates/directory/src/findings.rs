//! What is wrong in a store, as [`Directory::check`](crate::Directory::check) finds it.

use std::fmt;

use daypass_names::{AccessKeyId, AccountId, PolicyVersionId, SamlId, UniqueId};
use daypass_store::Key;
use thiserror::Error;

/// Most findings that one check keeps.
pub const MAX_FINDINGS: usize = 10_000;

/// What a check of the whole store found.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Findings {
    /// How many entries were looked at.
    pub checked: u64,
    /// What is wrong; empty when nothing is.
    pub findings: Vec<Finding>,
    /// Whether there were more than [`MAX_FINDINGS`].
    pub truncated: bool,
}

impl Findings {
    pub(crate) fn add(&mut self, key: &Key, fault: Fault) {
        match self.findings.len() < MAX_FINDINGS {
            true => self.findings.push(Finding { key: key.clone(), fault }),
            false => self.truncated = true,
        }
    }
}

/// One thing that is wrong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Finding {
    /// The key that it was found at.
    pub key: Key,
    /// What is wrong with it.
    pub fault: Fault,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}`: {}", self.key, self.fault)
    }
}

/// What is wrong with an entry.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// A user, a root user or a service lists an access key that is not there, or is another's.
    #[error("the access key {0} is listed, which is not there or another's")]
    AccessKeyMissing(AccessKeyId),
    /// A user, a root user or a service lists an access key twice.
    #[error("the access key {0} is listed twice")]
    AccessKeyTwice(AccessKeyId),
    /// An access key whose owner is gone or does not list it.
    #[error("the owner of the access key is not there or does not list it")]
    AccessKeyUnlisted,
    /// The account of an entity is not there.
    #[error("its account {0} is not there")]
    AccountMissing(AccountId),
    /// The number of attachments of a policy is wrong.
    #[error("the policy counts {stored} attachments, but there are {found}")]
    AttachmentCount {
        /// What the policy says.
        stored: u32,
        /// How many users, groups and roles list it.
        found: u32,
    },
    /// The alias of an account does not lead to it.
    #[error("the alias of the account leads to another account or nowhere")]
    AliasElsewhere,
    /// An alias of no account that has it.
    #[error("the account that the alias leads to has another alias or none")]
    AliasOrphan,
    /// An index entry for an attachment that is none.
    #[error("the index says that a policy is attached, but it is not")]
    AttachmentOrphan,
    /// An attachment without its index entry.
    #[error("the policy {0} is attached, but the index does not say so")]
    AttachmentUnindexed(UniqueId),
    /// The number of uses of a policy as a boundary is wrong.
    #[error("the policy counts {stored} uses as a boundary, but there are {found}")]
    BoundaryCount {
        /// What the policy says.
        stored: u32,
        /// How many users and roles it bounds.
        found: u32,
    },
    /// An index entry for a boundary that is none.
    #[error("the index says that a policy is a boundary, but it is not")]
    BoundaryOrphan,
    /// A boundary without its index entry.
    #[error("the policy {0} is the boundary, but the index does not say so")]
    BoundaryUnindexed(UniqueId),
    /// An index entry for a bucket that is not the account's.
    #[error("the index says that the account has the bucket, but it has not")]
    BucketOrphan,
    /// A bucket without its index entry.
    #[error("the bucket is the account's, but the index does not say so")]
    BucketUnindexed,
    /// An index entry for a closed account that is not closed.
    #[error("the index says that the account is closed, but it is not")]
    ClosureOrphan,
    /// A closed account without its index entry. It is closed all the same.
    #[error("the account is closed, but the index does not say so")]
    ClosureUnindexed,
    /// The number of entities of a kind in an account is wrong.
    #[error("the count is {stored}, but there are {found}")]
    Count {
        /// What the count says; 0 when there is none.
        stored: u32,
        /// How many there are.
        found: u32,
    },
    /// The text of a policy no longer parses, so that it denies everything.
    #[error("the text of the policy `{0}` no longer parses, so that it denies everything")]
    DeniesEverything(String),
    /// A user is in a group that is not there.
    #[error("the user is in the group {0}, which is not there")]
    GroupMissing(UniqueId),
    /// The time of the last use of what is gone.
    #[error("what was last used then is not there")]
    LastUsedOrphan,
    /// A login profile of nobody.
    #[error("the user of the login profile is not there")]
    LoginProfileOrphan,
    /// The number of members of a group is wrong.
    #[error("the count of members is {stored}, but there are {found}")]
    MemberCount {
        /// What the count says; 0 when there is none.
        stored: u32,
        /// How many users are in the group.
        found: u32,
    },
    /// An index entry for a membership that is none.
    #[error("the index says that a user is in a group, but the user is not")]
    MemberOrphan,
    /// A membership without its index entry.
    #[error("the user is in the group {0}, but the index does not say so")]
    MemberUnindexed(UniqueId),
    /// A user lists an MFA device that is not there, or is not the user's.
    #[error("the user lists the MFA device {0}, which is not there or not the user's")]
    MfaDeviceMissing(UniqueId),
    /// An MFA device whose user is gone or does not list it.
    #[error("the user of the MFA device is not there or does not list it")]
    MfaDeviceUnlisted,
    /// The name of an entity leads to another.
    #[error("its name leads to {0}")]
    NameElsewhere(UniqueId),
    /// The name of an entity leads nowhere.
    #[error("its name leads nowhere")]
    NameMissing,
    /// A name of nothing that is there.
    #[error("the entity that the name leads to is not there or has another name")]
    NameOrphan,
    /// A policy that is attached or a boundary is not there.
    #[error("it has the policy {0}, which is not there")]
    PolicyMissing(UniqueId),
    /// A role in an instance profile is not there.
    #[error("the role {0} is in it, but is not there")]
    RoleMissing(UniqueId),
    /// An index entry for a role that is not in the instance profile.
    #[error("the index says that a role is in an instance profile, but it is not")]
    RoleOrphan,
    /// A role in an instance profile without its index entry.
    #[error("the role {0} is in it, but the index does not say so")]
    RoleUnindexed(UniqueId),
    /// The metadata of a SAML provider is not there whole.
    #[error("its metadata cannot be read: {0}")]
    SamlMetadataDamaged(String),
    /// A part of a metadata document that is nobody's.
    #[error("the SAML provider of the metadata is not there or has other metadata")]
    SamlMetadataOrphan,
    /// A SAML provider lists a private key that is not there.
    #[error("the SAML provider lists the private key {0}, which is not there")]
    SamlPrivateKeyMissing(SamlId),
    /// A private key that its SAML provider does not list.
    #[error("the SAML provider of the private key is not there or does not list it")]
    SamlPrivateKeyUnlisted,
    /// A secret that the data keys do not open.
    #[error("the secret cannot be opened with the present data keys")]
    SecretUnopened,
    /// The size of a group that is gone.
    #[error("the group that it counts the members of is not there")]
    SizeOrphan,
    /// A key that the directory never writes.
    #[error("no such key is known")]
    UnknownKey,
    /// A record that cannot be read.
    #[error("the record cannot be read: {0}")]
    Unreadable(String),
    /// A policy lists a version whose document is not there.
    #[error("the policy lists the version {0}, which is not there")]
    VersionMissing(PolicyVersionId),
    /// A version that its policy does not list.
    #[error("the policy of the version is not there or does not list it")]
    VersionOrphan,
}
