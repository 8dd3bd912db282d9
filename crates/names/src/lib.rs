//! The nouns of AWS identity, each parsed once and valid ever after.
//!
//! A value of one of these types has been checked: nothing downstream looks at a bare string
//! again. The rules are those of the AWS STS and IAM API references (parameter constraints) and
//! of the IAM user guide, pages "IAM identifiers" and "IAM and AWS STS quotas".
//!
//! This crate reads no clock, draws no random numbers and does no I/O; identifiers that are made
//! at random take their randomness as an argument.

mod access_key_id;
mod account_id;
mod arn;
mod bucket_name;
mod constraint;
mod oidc;
mod partition;
mod path;
mod region;
mod secret;
mod text;
mod unique_id;

pub use access_key_id::{AccessKeyId, AccessKeyKind};
pub use account_id::AccountId;
pub use arn::{Arn, IamResource};
pub use bucket_name::BucketName;
pub use constraint::{Constrained, Constraint, Invalid};
pub use oidc::{ClientId, IssuerUrl, Thumbprint};
pub use partition::Partition;
pub use path::{Path, PathPrefix};
pub use region::Region;
pub use secret::SecretAccessKey;
pub use text::{
    AccountAlias, ExternalId, FederatedUserName, GroupName, HostName, InstanceProfileName,
    PolicyDescription, PolicyName, PolicyVersionId, RoleDescription, RoleName, SamlId,
    SamlProviderName, ServiceName, ServicePrincipal, SessionName, SigningName, SourceIdentity,
    TagKey, TagValue, UserName, VirtualMfaDeviceName,
};
pub use unique_id::{UniqueId, UniqueIdKind};
