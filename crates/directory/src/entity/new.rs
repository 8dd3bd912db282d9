//! What new entities are made of, and what is to change of those that are there.

use std::sync::Arc;

use daypass_federation::saml::PrivateKey;
use daypass_federation::totp::Seed;
use daypass_names::{
    AccessKeyId, AccountId, ClientId, GroupName, InstanceProfileName, IssuerUrl, Path,
    PolicyDescription, PolicyName, RoleDescription, RoleName, SamlId, SamlProviderName,
    SecretAccessKey, Thumbprint, UniqueId, UserName, VirtualMfaDeviceName,
};
use jiff::Timestamp;

use super::{AssertionEncryptionMode, Tag};
use crate::{OidcSettings, SamlSettings};

/// What an account is made of.
#[derive(Clone, Copy, Debug)]
pub struct NewAccount {
    /// An id drawn at random.
    pub id: AccountId,
    /// Now.
    pub created: Timestamp,
}

/// What a user is made of.
#[derive(Clone, Debug)]
pub struct NewUser {
    /// The account.
    pub account: AccountId,
    /// An `AIDA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: UserName,
    /// The path.
    pub path: Path,
    /// The id of the managed policy that bounds it from the beginning.
    pub boundary: Option<UniqueId>,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}

/// What a group is made of.
#[derive(Clone, Debug)]
pub struct NewGroup {
    /// The account.
    pub account: AccountId,
    /// An `AGPA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: GroupName,
    /// The path.
    pub path: Path,
    /// Now.
    pub created: Timestamp,
}

/// What a managed policy is made of.
#[derive(Clone, Debug)]
pub struct NewManagedPolicy {
    /// The account.
    pub account: AccountId,
    /// An `ANPA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: PolicyName,
    /// The path. The API takes fewer characters here than in other paths.
    pub path: Path,
    /// The description.
    pub description: Option<PolicyDescription>,
    /// The document of the first version.
    pub text: String,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}

/// What a further version of a managed policy is made of.
#[derive(Clone, Debug)]
pub struct NewPolicyVersion {
    /// The document.
    pub text: String,
    /// Whether it is in force at once.
    pub set_default: bool,
    /// Now.
    pub created: Timestamp,
}

/// What a role is made of.
#[derive(Clone, Debug)]
pub struct NewRole {
    /// The account.
    pub account: AccountId,
    /// An `AROA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: RoleName,
    /// The path.
    pub path: Path,
    /// The description.
    pub description: Option<RoleDescription>,
    /// The longest session in seconds; its bounds are those of the API.
    pub max_session_duration: u32,
    /// The trust policy document.
    pub trust_text: String,
    /// The id of the managed policy that bounds it from the beginning.
    pub boundary: Option<UniqueId>,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}

/// What is to change of a role; what is [`None`] stays.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct RoleChange {
    /// The description: another, or `Some(None)` for none.
    pub description: Option<Option<RoleDescription>>,
    /// The longest session in seconds; its bounds are those of the API.
    pub max_session_duration: Option<u32>,
}

/// What a service-linked role is made of. Its path and its trust policy follow from the service.
#[derive(Clone, Debug)]
pub struct NewServiceLinkedRole {
    /// The account.
    pub account: AccountId,
    /// An `AROA` id drawn at random.
    pub id: UniqueId,
    /// The name that the service gives it, suffix included.
    pub name: RoleName,
    /// The service principal, `autoscaling.amazonaws.com` for instance.
    pub service: String,
    /// The AWS managed policy below `/aws-service-role/` that the service gives it, if it is to have
    /// one. One that the deployment does not have is left out.
    pub policy: Option<PolicyName>,
    /// The description.
    pub description: Option<RoleDescription>,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}

/// What a SAML provider is made of.
#[derive(Debug)]
pub struct NewSamlProvider {
    /// The account.
    pub account: AccountId,
    /// An `ASAM` id drawn at random.
    pub id: UniqueId,
    /// Another id drawn at random.
    pub uuid: SamlId,
    /// The name.
    pub name: SamlProviderName,
    /// The metadata.
    pub metadata: NewSamlMetadata,
    /// Whether assertions must be encrypted.
    pub encryption: Option<AssertionEncryptionMode>,
    /// Private keys, oldest first.
    pub private_keys: Vec<NewSamlPrivateKey>,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// What an operator set for it.
    pub settings: SamlSettings,
    /// Now.
    pub created: Timestamp,
}

/// A metadata document that is to be a SAML provider's. Whoever makes it has read it.
#[derive(Clone, Debug)]
pub struct NewSamlMetadata {
    /// The document.
    pub document: Arc<str>,
    /// Until when it holds.
    pub valid_until: Timestamp,
}

/// A private key that is to be a SAML provider's.
#[derive(Debug)]
pub struct NewSamlPrivateKey {
    /// An id drawn at random.
    pub id: SamlId,
    /// The key.
    pub key: PrivateKey,
    /// 24 random bytes for this key alone.
    pub nonce: [u8; 24],
    /// Now.
    pub added: Timestamp,
}

/// What is to change of a SAML provider; what is [`None`] stays.
#[derive(Debug, Default)]
pub struct SamlProviderChange {
    /// Another metadata document.
    pub metadata: Option<NewSamlMetadata>,
    /// Whether assertions must be encrypted.
    pub encryption: Option<AssertionEncryptionMode>,
    /// A further private key.
    pub add_private_key: Option<NewSamlPrivateKey>,
    /// The private key that goes. It makes room for one that is added by the same change.
    pub remove_private_key: Option<SamlId>,
}

/// What an OpenID Connect provider is made of.
#[derive(Clone, Debug)]
pub struct NewOidcProvider {
    /// The account.
    pub account: AccountId,
    /// An `AOID` id drawn at random.
    pub id: UniqueId,
    /// The URL.
    pub url: IssuerUrl,
    /// The client ids; what comes twice is kept once.
    pub client_ids: Vec<ClientId>,
    /// The thumbprints, [`MAX_THUMBPRINTS`](crate::MAX_THUMBPRINTS) at most.
    pub thumbprints: Vec<Thumbprint>,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// What an operator sets for it; the API makes providers with the default.
    pub settings: OidcSettings,
    /// Now.
    pub created: Timestamp,
}

/// What an instance profile is made of.
#[derive(Clone, Debug)]
pub struct NewInstanceProfile {
    /// The account.
    pub account: AccountId,
    /// An `AIPA` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: InstanceProfileName,
    /// The path.
    pub path: Path,
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}

/// What an access key is made of.
#[derive(Clone, Debug)]
pub struct NewAccessKey {
    /// An `AKIA` id drawn at random.
    pub id: AccessKeyId,
    /// A secret drawn at random.
    pub secret: SecretAccessKey,
    /// 24 random bytes for this key alone.
    pub nonce: [u8; 24],
    /// Now.
    pub created: Timestamp,
}

/// What a virtual MFA device is made of.
#[derive(Debug)]
pub struct NewMfaDevice {
    /// The account.
    pub account: AccountId,
    /// An id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: VirtualMfaDeviceName,
    /// The path.
    pub path: Path,
    /// A seed drawn at random.
    pub seed: Seed,
    /// 24 random bytes for this device alone.
    pub nonce: [u8; 24],
    /// The tags; of those with the same key the last is kept.
    pub tags: Vec<Tag>,
    /// Now.
    pub created: Timestamp,
}
