//! Why the directory refuses a call or cannot answer it.

use daypass_names::{
    AccessKeyId, AccountAlias, AccountId, Arn, BucketName, GroupName, InstanceProfileName,
    IssuerUrl, PolicyName, PolicyVersionId, RoleName, SamlId, SamlProviderName, ServiceName,
    UniqueId, UserName, VirtualMfaDeviceName,
};
use daypass_policy::{Malformed, MalformedBucketPolicy};
use daypass_store::{Key, StoreError};
use thiserror::Error;

use crate::{Limit, NoteFault, PasswordFault, RingsFault, SecretsFault};

/// Why the directory refuses a call or cannot answer it. What is the caller's fault prints as AWS
/// words it where AWS has words.
#[derive(Debug, Error)]
pub enum DirectoryError {
    /// The account is closed.
    #[error("the account {0} is closed")]
    AccountClosed(AccountId),
    /// The account is not closed.
    #[error("the account {0} is not closed")]
    AccountOpen(AccountId),
    /// An entity of that name, ignoring case, or of that id is there already.
    #[error("{}", .0.exists())]
    AlreadyExists(Entity),
    /// Another request makes or deletes the bucket at this moment, or did so lately and was cut short.
    #[error("the bucket {0} is being made or deleted")]
    BucketUnderWay(BucketName),
    /// Too many passwords are being hashed: the call may be tried again. Nothing was done.
    #[error("too many passwords are being looked at")]
    Busy,
    /// Others changed the same thing at the same time, again and again
    /// (`ConcurrentModification`); nothing was done, and the call may be tried again.
    #[error("the entity was changed by others at the same time")]
    Conflict,
    /// A record cannot be read. Whatever depends on it must be refused.
    #[error("the record `{key}` cannot be read: {reason}")]
    Corrupt {
        /// The record.
        key: Key,
        /// What is wrong with it.
        reason: String,
    },
    /// The entity still has something that must be removed first.
    #[error(transparent)]
    DeleteConflict(DeleteReason),
    /// A trust policy names somebody who does not exist.
    #[error("Invalid principal in policy: {text}")]
    InvalidPrincipal {
        /// The principal as AWS repeats it: `"AWS":"<what the policy says>"`.
        text: String,
    },
    /// A SAML provider is to demand encrypted assertions, and has no private key to open them.
    #[error(
        "The provider has no private key: encrypted assertions cannot be required until one is added."
    )]
    EncryptionWithoutKey,
    /// A quota would be exceeded.
    #[error(transparent)]
    LimitExceeded(Limit),
    /// The policy of a service-linked role is put on something else.
    #[error("Cannot attach a Service Role Policy to a Customer {0}.")]
    NotAttachable(&'static str),
    /// The role is an ordinary one, and only service-linked roles are deleted so.
    #[error("The role with name {0} is not a service-linked role.")]
    NotServiceLinked(RoleName),
    /// A one-time password of an MFA device is wrong, was taken already, or is not looked at because
    /// too many were wrong. Which it is nobody is told.
    #[error("Authentication code for device is not valid.")]
    InvalidMfaCode,
    /// The bucket policy is none.
    #[error(transparent)]
    MalformedBucketPolicy(#[from] MalformedBucketPolicy),
    /// The policy document is no valid policy.
    #[error(transparent)]
    Malformed(#[from] Malformed),
    /// There is no such entity.
    #[error("{}", .0.missing())]
    NotFound(Entity),
    /// The write could not be noted; nothing was written.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// The password policy does not take a password.
    #[error(transparent)]
    Password(#[from] PasswordFault),
    /// A path that AWS keeps for itself; whose it is.
    #[error("Path prefix '{prefix}' can only be used for {owner}")]
    ReservedPath {
        /// What the path begins with.
        prefix: &'static str,
        /// What may be under it.
        owner: &'static str,
    },
    /// A metadata document has more than [`MAX_SAML_METADATA`](crate::MAX_SAML_METADATA) bytes.
    #[error("The SAML metadata document has more than {} bytes.", crate::MAX_SAML_METADATA)]
    SamlMetadataTooLarge,
    /// What was to be written could not be read back: a mistake of the program that called, such
    /// as a role's id for a user, or a change of a policy of AWS, which is told by its owner.
    #[error("the new record is refused: {0}")]
    Refused(String),
    /// What the write was decided on was changed by others before it was committed; nothing was
    /// done, and it is to be decided again (`ConcurrentModification` when that does not end).
    #[error("the entity was changed by others at the same time")]
    Overtaken,
    /// The key rings failed.
    #[error(transparent)]
    Rings(#[from] RingsFault),
    /// The secrets of an export cannot be sealed.
    #[error(transparent)]
    Secrets(#[from] SecretsFault),
    /// A secret could not be sealed: a mistake of ours.
    #[error("the secret cannot be sealed")]
    Seal(#[source] daypass_token::SealFault),
    /// A trust policy lets in everybody of an identity provider that many tenants share.
    #[error("{text}")]
    UnguardedIssuer {
        /// What IAM says: which condition it asks for.
        text: String,
    },
    /// Too many wrong passwords were tried for the user lately: not even the right one counts.
    #[error("Too many wrong passwords were tried. Try again later.")]
    TooManyWrongPasswords,
    /// A service-linked role, which only its service changes.
    #[error(
        "Cannot perform the operation on the protected role '{0}' - this role is only modifiable \
         by AWS"
    )]
    Unmodifiable(RoleName),
    /// The longest session of a service-linked role.
    #[error("{0} is an AWS service linked role, max session duration cannot be changed.")]
    UnmodifiableDuration(RoleName),
    /// A password is not the present one.
    #[error("The old password is not correct.")]
    WrongPassword,
    /// The store failed. Whether a change took place is open.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What an error is about.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Entity {
    /// An access key.
    AccessKey(AccessKeyId),
    /// An account.
    Account(AccountId),
    /// The alias of an account.
    AccountAlias(AccountAlias),
    /// A bucket, or the reservation of its name.
    Bucket(BucketName),
    /// The policy of a bucket.
    BucketPolicy(BucketName),
    /// A group, by name.
    Group(GroupName),
    /// A group, by unique id.
    GroupId(UniqueId),
    /// An inline policy of a group.
    GroupPolicy(PolicyName),
    /// An instance profile, by name.
    InstanceProfile(InstanceProfileName),
    /// An instance profile, by unique id.
    InstanceProfileId(UniqueId),
    /// The login profile of a user.
    LoginProfile(UserName),
    /// A managed policy, by name.
    ManagedPolicy(PolicyName),
    /// A user in a group.
    Member {
        /// The group.
        group: GroupName,
        /// The user.
        user: UserName,
    },
    /// A virtual MFA device as that of a user: it is another's or nobody's, or is somebody's
    /// already.
    MfaAssignment,
    /// A virtual MFA device, by name.
    MfaDevice(VirtualMfaDeviceName),
    /// A virtual MFA device, by unique id.
    MfaDeviceId(UniqueId),
    /// An OpenID Connect provider, by URL.
    OidcProvider(IssuerUrl),
    /// An OpenID Connect provider, by unique id.
    OidcProviderId(UniqueId),
    /// The password policy of an account.
    PasswordPolicy(AccountId),
    /// A virtual MFA device, by serial number.
    MfaSerialNumber(String),
    /// A managed policy, by ARN: it is not there, or not attached.
    Policy(Arn),
    /// A managed policy, by unique id.
    PolicyId(UniqueId),
    /// A version of a managed policy.
    PolicyVersion(Arn, PolicyVersionId),
    /// A role, by name.
    Role(RoleName),
    /// A role, by unique id.
    RoleId(UniqueId),
    /// An inline policy of a role.
    RolePolicy(PolicyName),
    /// A private key of a SAML provider.
    SamlPrivateKey(SamlId),
    /// A SAML provider, by name.
    SamlProvider(SamlProviderName),
    /// A SAML provider, by unique id.
    SamlProviderId(UniqueId),
    /// A registered service, by name.
    Service(ServiceName),
    /// A registered service, by unique id.
    ServiceId(UniqueId),
    /// A user, by name.
    User(UserName),
    /// A user, by unique id.
    UserId(UniqueId),
    /// An inline policy of a user.
    UserPolicy(PolicyName),
}

impl Entity {
    fn missing(&self) -> String {
        match self {
            // AWS ends this one without a full stop.
            Self::AccessKey(id) => format!("The Access Key with id {id} cannot be found"),
            Self::Account(id) => format!("The account with id {id} cannot be found."),
            Self::AccountAlias(alias) => {
                format!("The Account Alias with name {alias} cannot be found.")
            }
            Self::Bucket(_) => "The specified bucket does not exist".to_owned(),
            Self::BucketPolicy(_) => "The bucket policy does not exist".to_owned(),
            Self::Group(name) => format!("The group with name {name} cannot be found."),
            Self::GroupId(id) => format!("The group with id {id} cannot be found."),
            Self::GroupPolicy(name) => {
                format!("The group policy with name {name} cannot be found.")
            }
            Self::InstanceProfile(name) => format!("Instance Profile {name} cannot be found."),
            Self::InstanceProfileId(id) => {
                format!("The instance profile with id {id} cannot be found.")
            }
            Self::ManagedPolicy(name) => format!("Policy {name} was not found."),
            Self::Member { group, user } => {
                format!("The user with name {user} is not in the group {group}.")
            }
            Self::MfaAssignment => "MFA Device invalid for user.".to_owned(),
            Self::MfaDevice(name) => format!("VirtualMFADevice with name {name} doesn't exist."),
            Self::MfaDeviceId(id) => format!("VirtualMFADevice with id {id} doesn't exist."),
            Self::MfaSerialNumber(serial) => {
                format!("VirtualMFADevice with serial number {serial} doesn't exist.")
            }
            Self::LoginProfile(user) => format!("Login Profile for User {user} cannot be found."),
            Self::OidcProvider(url) => format!("OpenIDConnect Provider not found for url {url}"),
            Self::OidcProviderId(id) => format!("OpenIDConnect Provider not found for id {id}"),
            Self::PasswordPolicy(account) => {
                format!("The Password Policy with domain name {account} cannot be found.")
            }
            Self::Policy(arn) => format!("Policy {arn} was not found."),
            Self::PolicyId(id) => format!("Policy {id} was not found."),
            Self::PolicyVersion(arn, version) => {
                format!("Policy {arn} version {version} does not exist or is not attachable.")
            }
            Self::Role(name) => format!("The role with name {name} cannot be found."),
            Self::RoleId(id) => format!("The role with id {id} cannot be found."),
            Self::RolePolicy(name) => format!("The role policy with name {name} cannot be found."),
            Self::SamlPrivateKey(id) => format!("The private key with id {id} cannot be found."),
            Self::SamlProvider(name) => format!("Manifest not found for name {name}"),
            Self::SamlProviderId(id) => format!("Manifest not found for id {id}"),
            Self::Service(name) => format!("The service with name {name} cannot be found."),
            Self::ServiceId(id) => format!("The service with id {id} cannot be found."),
            Self::User(name) => format!("The user with name {name} cannot be found."),
            Self::UserId(id) => format!("The user with id {id} cannot be found."),
            Self::UserPolicy(name) => format!("The user policy with name {name} cannot be found."),
        }
    }

    fn exists(&self) -> String {
        match self {
            Self::AccessKey(id) => format!("Access Key with id {id} already exists."),
            Self::Account(id) => format!("Account with id {id} already exists."),
            Self::AccountAlias(alias) => format!("The account alias {alias} already exists."),
            Self::Bucket(name) => format!("The bucket {name} already exists."),
            Self::BucketPolicy(name) => format!("The bucket {name} has a policy already."),
            Self::Group(name) => format!("Group with name {name} already exists."),
            Self::GroupId(id) => format!("Group with id {id} already exists."),
            Self::GroupPolicy(name) => format!("Group policy with name {name} already exists."),
            Self::InstanceProfile(name) => format!("Instance Profile {name} already exists."),
            Self::InstanceProfileId(id) => {
                format!("Instance profile with id {id} already exists.")
            }
            Self::ManagedPolicy(name) => {
                format!("A policy called {name} already exists. Duplicate names are not allowed.")
            }
            Self::Member { group, user } => {
                format!("The user with name {user} is in the group {group} already.")
            }
            Self::MfaAssignment => "MFA Device is already in use.".to_owned(),
            Self::MfaDevice(_) | Self::MfaDeviceId(_) | Self::MfaSerialNumber(_) => {
                "MFADevice entity at the same path and name already exists.".to_owned()
            }
            Self::LoginProfile(user) => format!("Login Profile for User {user} already exists."),
            Self::OidcProvider(url) => format!("Provider with url {url} already exists."),
            Self::OidcProviderId(id) => format!("Provider with id {id} already exists."),
            Self::PasswordPolicy(account) => {
                format!("The Password Policy with domain name {account} already exists.")
            }
            Self::Policy(arn) => format!("Policy {arn} already exists."),
            Self::PolicyId(id) => format!("Policy with id {id} already exists."),
            Self::PolicyVersion(arn, version) => {
                format!("Policy {arn} version {version} already exists.")
            }
            Self::Role(name) => format!("Role with name {name} already exists."),
            Self::RoleId(id) => format!("Role with id {id} already exists."),
            Self::RolePolicy(name) => format!("Role policy with name {name} already exists."),
            Self::SamlPrivateKey(id) => format!("The private key with id {id} already exists."),
            Self::SamlProvider(name) => format!("Provider with name {name} already exists."),
            Self::SamlProviderId(id) => format!("Provider with id {id} already exists."),
            Self::Service(name) => format!("Service with name {name} already exists."),
            Self::ServiceId(id) => format!("Service with id {id} already exists."),
            Self::User(name) => format!("User with name {name} already exists."),
            Self::UserId(id) => format!("User with id {id} already exists."),
            Self::UserPolicy(name) => format!("User policy with name {name} already exists."),
        }
    }
}

/// What must be removed before something can be deleted; it prints as AWS words it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum DeleteReason {
    /// Its access keys.
    #[error("Cannot delete entity, must delete access keys first.")]
    AccessKeys,
    /// What has the policy, or is bounded by it.
    #[error("Cannot delete a policy attached to entities.")]
    Attached,
    /// The managed policies attached to it.
    #[error("Cannot delete entity, must detach all policies first.")]
    Attachments,
    /// The version is the default one.
    #[error("Cannot delete the default version of a policy.")]
    DefaultVersion,
    /// Its login profile.
    #[error("Cannot delete entity, must delete login profile first.")]
    LoginProfile,
    /// Membership: of the user that is to go, or in the group that is to go.
    #[error("Cannot delete entity, must remove users from group first.")]
    Members,
    /// Its MFA devices.
    #[error("Cannot delete entity, must delete MFA device first.")]
    MfaDevices,
    /// The user whose device it is.
    #[error("MFA VirtualDevice in use. Must deactivate first.")]
    MfaInUse,
    /// Its inline policies.
    #[error("Cannot delete entity, must delete policies first.")]
    Policies,
    /// The roles in the instance profile that is to go, or the instance profiles that the role
    /// that is to go is in.
    #[error("Cannot delete entity, must remove roles from instance profile first.")]
    Roles,
    /// The versions of the policy beside the default one.
    #[error(
        "This policy has more than one version. Before you delete a policy, you must delete the \
         policy's versions. The default version is deleted with the policy."
    )]
    Versions,
}
