//! The records as the store holds them: JSON, every text still unparsed.
//!
//! A record with a member that this build does not know is refused: what a newer build wrote, a
//! boundary say, must not be passed over by an older one.

use std::num::NonZeroU32;

use daypass_names::{
    AccountId, Constrained, Path, PolicyName, TagKey, TagValue, UniqueId, UniqueIdKind,
};
use daypass_policy::{Kind as PolicyKind, Policy};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{InlinePolicy, KeyOwner, Tag};

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AccountRecord {
    pub(crate) id: String,
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) closed: Option<ClosureRecord>,
    /// The ids of the access keys of the root user, ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) root_access_keys: Vec<String>,
    /// Those that are enabled while they have to be, ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) enabled_regions: Vec<String>,
    /// Those that are without STS while they are there by default, ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) regions_without_sts: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ClosureRecord {
    pub(crate) at: String,
    pub(crate) by: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) reason: Option<String>,
}

/// A service that an operator registered.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ServiceRecord {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) created: String,
    /// In the order in which they were given; likewise the lists below.
    pub(crate) principals: Vec<String>,
    pub(crate) accounts: Vec<String>,
    pub(crate) hosts: Vec<String>,
    pub(crate) signing_names: Vec<String>,
    /// The ids of its access keys, ordered.
    pub(crate) access_keys: Vec<String>,
}

/// What users, groups and roles have in common.
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
    /// The ids of the managed policies attached to it, ordered.
    pub(crate) attached: Vec<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PolicyRecord {
    pub(crate) name: String,
    pub(crate) text: String,
}

/// Absent lists of tags are empty: records of a time without tags have none.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TagRecord {
    pub(crate) key: String,
    pub(crate) value: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UserRecord {
    pub(crate) common: CommonRecord,
    /// The id of the managed policy that bounds it.
    pub(crate) boundary: Option<String>,
    /// The ids of the groups that the user is in, ordered.
    pub(crate) groups: Vec<String>,
    /// The ids of the user's access keys, ordered.
    pub(crate) access_keys: Vec<String>,
    /// The ids of the user's MFA devices, ordered.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) mfa_devices: Vec<String>,
    /// In the order in which they were added; no key twice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct InstanceProfileRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) created: String,
    /// The ids of the roles that are in it, ordered.
    pub(crate) roles: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GroupRecord {
    pub(crate) common: CommonRecord,
}

/// A managed policy without its documents: it changes with every use, they never do.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ManagedRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) created: String,
    pub(crate) updated: String,
    pub(crate) description: Option<String>,
    /// The number of the version in force.
    pub(crate) default: NonZeroU32,
    /// The highest number that was ever given.
    pub(crate) newest: NonZeroU32,
    /// Those that are there, ordered by number.
    pub(crate) versions: Vec<VersionRecord>,
    /// How many users, groups and roles it is attached to.
    pub(crate) attachments: u32,
    /// How many users and roles it bounds.
    pub(crate) boundaries: u32,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct VersionRecord {
    pub(crate) number: NonZeroU32,
    pub(crate) created: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DocumentRecord {
    pub(crate) policy: String,
    pub(crate) number: NonZeroU32,
    pub(crate) created: String,
    pub(crate) text: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UseRecord {
    pub(crate) at: String,
    /// The service that an access key was used with.
    pub(crate) service: Option<String>,
    pub(crate) region: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RoleRecord {
    pub(crate) common: CommonRecord,
    /// The id of the managed policy that bounds it.
    pub(crate) boundary: Option<String>,
    pub(crate) description: Option<String>,
    pub(crate) max_session_duration: u32,
    pub(crate) trust: TrustRecord,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
    /// Whether a service of AWS owns it. An ordinary role's record does not have it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) service_linked: bool,
}

/// The deletions of service-linked roles of an account, oldest first.
#[derive(Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RoleDeletionsRecord {
    pub(crate) deletions: Vec<RoleDeletionRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RoleDeletionRecord {
    /// The deletion task id, as the caller has it.
    pub(crate) task: String,
    /// When the role was deleted.
    pub(crate) at: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TrustRecord {
    pub(crate) text: String,
    pub(crate) pins: Vec<PinRecord>,
    /// Principals that an import found not to exist, as the text has them, ordered: they let nobody
    /// in, whoever bears that name later. Users and roles among them have no pin.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) barred: Vec<String>,
    /// Whether the role was made by an import that has not filled it yet: it trusts nobody, and has
    /// trusted nobody since it was made.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) unfinished: bool,
    /// Of such a role: the SHA-256, in hexadecimal, of the file that it was made from. No other file
    /// fills it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub(crate) import: String,
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
    /// Those of users have account and user, those of a root user the account and that it is the
    /// root's, those of a service the service alone. A build that knows of users only refuses the
    /// others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) root: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) service: Option<String>,
    pub(crate) status: StatusRecord,
    pub(crate) created: String,
    /// Base64 of the sealed secret.
    pub(crate) sealed_secret: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct MfaDeviceRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) created: String,
    /// Base64 of the sealed seed.
    pub(crate) sealed_seed: String,
    /// Whose it is; nobody's when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assigned: Option<AssignmentRecord>,
    /// The number of the newest step of which a code was taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) last_step: Option<u64>,
    /// How many steps its clock is ahead of ours.
    pub(crate) drift: i64,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OidcProviderRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    /// The URL with its `https://`.
    pub(crate) url: String,
    pub(crate) created: String,
    /// In the order in which they were added; none twice.
    pub(crate) client_ids: Vec<String>,
    /// In lower case, in the order in which they were given.
    pub(crate) thumbprints: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<OidcSettingsRecord>,
}

/// What an operator set for an OpenID Connect provider. What is absent is as for every provider.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OidcSettingsRecord {
    /// Those that not every provider is allowed, by their names of RFC 7518 and 8037.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) algorithms: Vec<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skew_seconds: Option<u64>,
    /// In PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) authorities: Option<String>,
    /// A JWK set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) keys: Option<String>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BucketRecord {
    pub(crate) name: String,
    pub(crate) account: String,
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "is_false")]
    pub(crate) adopted: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) under_way: Option<UnderWayRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) policy: Option<BucketPolicyRecord>,
}

/// What is under way with a bucket at the backend.
#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UnderWayRecord {
    pub(crate) kind: UnderWayKind,
    pub(crate) since: String,
    /// Which request does it.
    pub(crate) ticket: String,
}

#[derive(Clone, Copy, Deserialize, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum UnderWayKind {
    Creation,
    Deletion,
}

/// A bucket policy with the unique ids that its users and roles had when it was saved.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct BucketPolicyRecord {
    pub(crate) text: String,
    pub(crate) pins: Vec<PinRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct StsPreferencesRecord {
    pub(crate) global_endpoint_token_version: TokenVersionRecord,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum TokenVersionRecord {
    #[serde(rename = "v1Token")]
    V1,
    #[serde(rename = "v2Token")]
    V2,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlProviderRecord {
    pub(crate) account: String,
    pub(crate) id: String,
    pub(crate) uuid: String,
    pub(crate) name: String,
    pub(crate) created: String,
    pub(crate) metadata: SamlMetadataRecord,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) encryption: Option<EncryptionRecord>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) private_keys: Vec<SamlKeyRecord>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagRecord>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<SamlSettingsRecord>,
}

/// What an operator set for a SAML provider. What is absent is as for every provider.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlSettingsRecord {
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) single_use: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) skew_seconds: Option<u64>,
}

/// That an assertion was used.
#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlUseRecord {
    /// Until when it is good.
    pub(crate) ends: String,
}

#[derive(Clone, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlMetadataRecord {
    /// In hexadecimal digits.
    pub(crate) sha256: String,
    pub(crate) bytes: usize,
    pub(crate) valid_until: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlKeyRecord {
    pub(crate) id: String,
    pub(crate) added: String,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlPrivateKeyRecord {
    pub(crate) account: String,
    pub(crate) provider: String,
    pub(crate) id: String,
    /// Base64 of the sealed key.
    pub(crate) sealed_key: String,
}

#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub(crate) enum EncryptionRecord {
    Allowed,
    Required,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct AssignmentRecord {
    pub(crate) user: String,
    pub(crate) enabled: String,
}

fn is_false(flag: &bool) -> bool {
    !flag
}

impl AccessKeyRecord {
    /// The record of an active key of `owner`.
    pub(crate) fn new(owner: KeyOwner, id: String, created: String, sealed_secret: String) -> Self {
        let (account, user, root, service) = match owner {
            KeyOwner::Root(account) => (Some(account.to_string()), None, true, None),
            KeyOwner::Service(id) => (None, None, false, Some(id.to_string())),
            KeyOwner::User(account, user) => {
                (Some(account.to_string()), Some(user.to_string()), false, None)
            }
        };
        let status = StatusRecord::Active;
        Self { id, account, user, root, service, status, created, sealed_secret }
    }

    /// Whose the key is.
    pub(crate) fn owner(&self) -> Result<KeyOwner, String> {
        match (&self.account, &self.user, self.root, &self.service) {
            (Some(of), Some(user), false, None) => {
                Ok(KeyOwner::User(account(of)?, id_of_kind(user, UniqueIdKind::User)?))
            }
            (Some(of), None, true, None) => Ok(KeyOwner::Root(account(of)?)),
            (None, None, false, Some(service)) => {
                Ok(KeyOwner::Service(id_of_kind(service, UniqueIdKind::Service)?))
            }
            _ => Err("it is not said whose the access key is".to_owned()),
        }
    }
}

#[derive(Clone, Copy, Deserialize, Serialize)]
pub(crate) enum StatusRecord {
    Active,
    Inactive,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct LoginProfileRecord {
    pub(crate) account: String,
    pub(crate) user: String,
    pub(crate) created: String,
    /// When the present password was set.
    pub(crate) changed: String,
    pub(crate) reset_required: bool,
    /// The PHC string of the present password.
    pub(crate) hash: String,
    /// Those of the passwords before it, newest first.
    pub(crate) previous: Vec<String>,
}

/// The parsed form of [`CommonRecord`].
pub(crate) struct Common<N> {
    pub(crate) account: AccountId,
    pub(crate) id: UniqueId,
    pub(crate) name: N,
    pub(crate) path: Path,
    pub(crate) created: Timestamp,
    pub(crate) policies: Vec<InlinePolicy>,
    pub(crate) attached: Vec<UniqueId>,
}

impl CommonRecord {
    /// The record of something new, with nothing in it.
    pub(crate) fn new(
        account: AccountId,
        id: UniqueId,
        name: String,
        path: &Path,
        created: Timestamp,
    ) -> Self {
        Self {
            account: account.to_string(),
            id: id.to_string(),
            name,
            path: path.to_string(),
            created: created.to_string(),
            policies: Vec::new(),
            attached: Vec::new(),
        }
    }

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
            attached: ids(&self.attached, UniqueIdKind::ManagedPolicy)?,
        })
    }
}

pub(crate) fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|invalid| format!("the account: {invalid}"))
}

pub(crate) fn unique_id(text: &str) -> Result<UniqueId, String> {
    UniqueId::parse(text).map_err(|invalid| format!("the unique id: {invalid}"))
}

/// An id that must be of a kind.
pub(crate) fn id_of_kind(text: &str, kind: UniqueIdKind) -> Result<UniqueId, String> {
    let id = unique_id(text)?;
    match id.kind() == kind {
        true => Ok(id),
        false => Err(format!("the id {id} is of another kind")),
    }
}

/// A list of ids of a kind, ordered, none twice.
pub(crate) fn ids(texts: &[String], kind: UniqueIdKind) -> Result<Vec<UniqueId>, String> {
    if !texts.is_sorted_by(|one, two| one < two) {
        return Err("the ids are not in order".to_owned());
    }
    texts.iter().map(|text| id_of_kind(text, kind)).collect()
}

/// The boundary of a user or role.
pub(crate) fn boundary(text: Option<&str>) -> Result<Option<UniqueId>, String> {
    text.map(|text| id_of_kind(text, UniqueIdKind::ManagedPolicy)).transpose()
}

/// Tags, no key twice.
pub(crate) fn tags(records: &[TagRecord]) -> Result<Vec<Tag>, String> {
    let mut tags: Vec<Tag> = Vec::with_capacity(records.len());
    for record in records {
        let key: TagKey = constrained("the key of a tag", &record.key)?;
        let value: TagValue = constrained("the value of a tag", &record.value)?;
        if tags.iter().any(|tag| tag.key.is_same(&key)) {
            return Err("two tags have the same key".to_owned());
        }
        tags.push(Tag { key, value });
    }
    Ok(tags)
}

pub(crate) fn timestamp(text: &str) -> Result<Timestamp, String> {
    text.parse().map_err(|_| "the time is none".to_owned())
}

pub(crate) fn constrained<T: Constrained>(what: &str, text: &str) -> Result<T, String> {
    T::parse(text).map_err(|invalid| format!("{what}: {invalid}"))
}
