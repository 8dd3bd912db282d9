//! What the commands on accounts, root users and registered services say: see [`super`].

use serde::{Deserialize, Serialize};

use super::Secret;

/// What a service is registered with.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Registration {
    /// The name.
    pub name: String,
    /// What trust policies call it.
    pub principals: Vec<String>,
    /// The accounts in which it may assume roles.
    pub accounts: Vec<String>,
    /// The host names that it may ask for decisions about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hosts: Vec<String>,
    /// The services of signatures that it may ask for decisions about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signing_names: Vec<String>,
}

/// An account that was closed or opened again.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccountChanged {
    /// The twelve digits.
    pub account_id: String,
    /// Whether it is closed now.
    pub closed: bool,
    /// What else to know.
    pub notes: Vec<String>,
}

/// Regions of an account.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccountRegionsTold {
    /// The twelve digits.
    pub account_id: String,
    /// As they are configured; only the one that was changed after a change.
    pub regions: Vec<AccountRegionLine>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// A Region of an account.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccountRegionLine {
    /// The name.
    pub region: String,
    /// What it is for accounts.
    pub kind: RegionKindName,
    /// Whether the account may use it.
    pub enabled: bool,
    /// Whether STS issues credentials of the account there.
    pub sts_active: bool,
}

/// What a Region is for accounts.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum RegionKindName {
    /// Every account has it.
    Default,
    /// Every account has it, and STS there: the Region of the global endpoint.
    Global,
    /// An account has it when it was enabled.
    OptIn,
}

/// A new access key.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccessKeyCreated {
    /// Whose it is: the ARN of a root user, or the name of a service.
    pub owner: String,
    /// The id of the key.
    pub access_key_id: String,
    /// The secret of the key, told this once.
    pub secret_access_key: Secret,
}

/// An access key that is gone.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccessKeyDeleted {
    /// The id of the key.
    pub access_key_id: String,
    /// What else to know.
    pub notes: Vec<String>,
}

/// An access key in a list.
#[derive(Debug, Deserialize, Serialize)]
pub struct AccessKeyLine {
    /// The id of the key.
    pub access_key_id: String,
    /// Whether it may sign.
    pub active: bool,
    /// When it was made (RFC 3339).
    pub created: String,
    /// When it was last used (RFC 3339), if it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_used: Option<String>,
}

/// The access keys of a root user.
#[derive(Debug, Deserialize, Serialize)]
pub struct RootKeys {
    /// The ARN of the root user.
    pub owner: String,
    /// Oldest first.
    pub keys: Vec<AccessKeyLine>,
}

/// A registered service.
#[derive(Debug, Deserialize, Serialize)]
pub struct ServiceLine {
    /// The name.
    pub name: String,
    /// The unique id, as records and revocations have it.
    pub id: String,
    /// What trust policies call it.
    pub principals: Vec<String>,
    /// The accounts in which it may assume roles.
    pub accounts: Vec<String>,
    /// The host names that it may ask for decisions about.
    pub hosts: Vec<String>,
    /// The services of signatures that it may ask for decisions about.
    pub signing_names: Vec<String>,
    /// When it was registered (RFC 3339).
    pub created: String,
    /// The ids of its access keys.
    pub access_keys: Vec<String>,
}

/// The registered services.
#[derive(Debug, Deserialize, Serialize)]
pub struct Services {
    /// Ordered by name.
    pub services: Vec<ServiceLine>,
    /// Whether more were left out.
    #[serde(default)]
    pub truncated: bool,
}

/// A service that is gone.
#[derive(Debug, Deserialize, Serialize)]
pub struct ServiceRemoved {
    /// The name.
    pub name: String,
    /// What else to know.
    pub notes: Vec<String>,
}
