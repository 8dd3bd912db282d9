//! The records as the store holds them: JSON, every text still unparsed.
//!
//! A record with a member that this build does not know is refused: what a newer build wrote, a
//! boundary say, must not be passed over by an older one.

use daypass_names::{AccountId, Constrained, Path, PolicyName, UniqueId};
use daypass_policy::{Kind as PolicyKind, Policy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::InlinePolicy;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AccountRecord {
    pub(crate) id: String,
    pub(crate) created: String,
}

/// What users and roles have in common.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct CommonRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) created: String,
    /// Ordered by name.
    pub(crate) policies: Vec<PolicyRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PolicyRecord {
    pub(crate) name: String,
    pub(crate) text: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UserRecord {
    pub(crate) common: CommonRecord,
    /// The ids of the user's access keys, ordered.
    pub(crate) access_keys: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RoleRecord {
    pub(crate) common: CommonRecord,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: u32,
    pub(crate) trust: TrustRecord,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TrustRecord {
    pub(crate) text: String,
    pub(crate) pins: Vec<PinRecord>,
}

/// The unique id that a user or role of a trust policy had when the policy was saved.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PinRecord {
    pub(crate) arn: String,
    pub(crate) id: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AccessKeyRecord {
    pub(crate) id: String,
    pub(crate) account: String,
    pub(crate) user: String,
    pub(crate) status: StatusRecord,
    pub(crate) created: String,
    /// Base64 of the sealed secret.
    pub(crate) sealed_secret: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) enum StatusRecord {
    Active,
    Inactive,
}

/// The parsed form of [`CommonRecord`].
pub(crate) struct Common<N> {
    pub(crate) account: AccountId,
    pub(crate) id: UniqueId,
    pub(crate) name: N,
    pub(crate) path: Path,
    pub(crate) created: Timestamp,
    pub(crate) policies: Vec<InlinePolicy>,
}

impl CommonRecord {
    pub(crate) fn parse<N: Constrained>(&self) -> Result<Common<N>, String> {
        let policies = self.policies.iter().map(|record| {
            let name = constrained::<PolicyName>("a policy's name", &record.name)?;
            let policy = Policy::parse_stored(&record.text, PolicyKind::Identity);
            Ok(InlinePolicy { name, policy: policy.into() })
        });
        Ok(Common {
            account: account(&self.account)?,
            id: unique_id(&self.id)?,
            name: constrained("the name", &self.name)?,
            path: constrained("the path", &self.path)?,
            created: timestamp(&self.created)?,
            policies: policies.collect::<Result<_, String>>()?,
        })
    }
}

pub(crate) fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|invalid| format!("the account: {invalid}"))
}

pub(crate) fn unique_id(text: &str) -> Result<UniqueId, String> {
    UniqueId::parse(text).map_err(|invalid| format!("the unique id: {invalid}"))
}

pub(crate) fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "the time is none".to_owned())
}

pub(crate) fn constrained<T: Constrained>(what: &str, text: &str) -> Result<T, String> {
    T::parse(text).map_err(|invalid| format!("{what}: {invalid}"))
}
