//! The document of an account: JSON, every text still unparsed.
//!
//! Policies stand as the exact texts that were saved. Whom and what something refers to is named by
//! name or ARN, never by an id of the store. Refused are members that nobody knows: what a newer
//! Daypass wrote, a boundary say, must not be passed over by an older one.

use std::collections::HashMap;
use std::hash::Hash;

use aws_lc_rs::digest::{SHA256, SHA256_OUTPUT_LEN, digest};
use data_encoding::HEXLOWER;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use thiserror::Error;

use super::aws_details;
use super::secrets::Sealed;
use crate::record::{EncryptionRecord, OidcSettingsRecord, SamlSettingsRecord, TokenVersionRecord};
use crate::{AccountRegions, MAX_SAML_METADATA, PasswordPolicy};

/// What the member `format` says.
pub const DOCUMENT_FORMAT: &str = "daypass-account";

/// The version of the format that this build writes, and the only one that it reads.
pub const DOCUMENT_VERSION: u32 = 1;

/// What stands in front of the sealed secrets, which are the last member. It has line breaks, as no text
/// of JSON has, so that it can stand there only.
pub(crate) const SECRETS_MEMBER: &str = ",\n  \"secrets\": ";

/// What stands behind them, or behind the last member.
pub(crate) const DOCUMENT_END: &str = "\n}\n";

/// A SHA-256.
pub(crate) type OpenDigest = [u8; SHA256_OUTPUT_LEN];

/// Most bytes of a policy document: more is saved nowhere, and is not looked at.
const MAX_POLICY_TEXT: usize = crate::inline::MAX_INLINE_POLICIES;

/// Most entities of a document, all kinds together: it is held in memory as a whole.
pub const MAX_ENTITIES: usize = 200_000;

/// An account, as it is moved.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Document {
    pub(crate) format: String,
    pub(crate) version: u32,
    /// The id of the export; none of a document of AWS.
    #[serde(default)]
    pub(crate) export_id: String,
    #[serde(default)]
    pub(crate) exported: String,
    pub(crate) account_id: String,
    #[serde(default)]
    pub(crate) alias: Option<String>,
    #[serde(default)]
    pub(crate) password_policy: Option<PasswordPolicy>,
    /// Absent when the account never said one.
    #[serde(default)]
    pub(crate) token_version: Option<TokenVersionRecord>,
    /// Absent when the account never said anything of them.
    #[serde(default)]
    pub(crate) regions: Option<RegionsImage>,
    #[serde(default)]
    pub(crate) policies: Vec<PolicyImage>,
    #[serde(default)]
    pub(crate) groups: Vec<GroupImage>,
    #[serde(default)]
    pub(crate) oidc_providers: Vec<OidcImage>,
    #[serde(default)]
    pub(crate) saml_providers: Vec<SamlImage>,
    #[serde(default)]
    pub(crate) roles: Vec<RoleImage>,
    #[serde(default)]
    pub(crate) users: Vec<UserImage>,
    #[serde(default)]
    pub(crate) instance_profiles: Vec<ProfileImage>,
    #[serde(default)]
    pub(crate) mfa_devices: Vec<DeviceImage>,
    #[serde(default)]
    pub(crate) secrets: Option<Sealed>,
    /// Of the bytes in front of the secrets; none when these do not stand as an export puts them.
    #[serde(skip)]
    pub(crate) open_digest: Option<OpenDigest>,
    /// Whether it tells all identity providers of its account: AWS's list tells none.
    #[serde(skip)]
    pub(crate) tells_providers: bool,
    /// Of the whole file, in hexadecimal.
    #[serde(skip)]
    pub(crate) sha256: String,
    /// The documents in force of AWS managed policies that AWS told, by ARN: they are not brought in,
    /// but say whether a policy that is not here denies anything.
    #[serde(skip)]
    pub(crate) aws_policies: Vec<(String, String)>,
    /// What was left out while the document was read.
    #[serde(skip)]
    pub(crate) notes: Vec<String>,
}

/// What an account said of Regions: each list ordered, none twice.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RegionsImage {
    #[serde(default)]
    pub(crate) enabled: Vec<String>,
    #[serde(default)]
    pub(crate) without_sts: Vec<String>,
}

impl RegionsImage {
    /// Nothing when they say nothing.
    pub(crate) fn parse(&self) -> Result<Option<AccountRegions>, String> {
        let regions = AccountRegions::from_texts(&self.enabled, &self.without_sts)?;
        Ok((!regions.is_silent()).then_some(regions))
    }
}

#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct TagImage {
    pub(crate) key: String,
    pub(crate) value: String,
}

/// An inline policy.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct InlineImage {
    pub(crate) name: String,
    pub(crate) document: String,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PolicyImage {
    pub(crate) name: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// Absent when the source does not tell them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) tags: Option<Vec<TagImage>>,
    /// Oldest first; exactly one is in force.
    pub(crate) versions: Vec<VersionImage>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct VersionImage {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(rename = "default")]
    pub(crate) is_default: bool,
    pub(crate) document: String,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GroupImage {
    pub(crate) name: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inline_policies: Vec<InlineImage>,
    /// The ARNs of the managed policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attached_policies: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct RoleImage {
    pub(crate) name: String,
    pub(crate) path: String,
    /// The unique id there: it is not kept.
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) created: String,
    /// Absent when there is none, or when the source does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) description: Option<String>,
    /// Absent when the source does not tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) max_session_duration: Option<u32>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// The ARN of the managed policy that bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boundary: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inline_policies: Vec<InlineImage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attached_policies: Vec<String>,
    pub(crate) trust_policy: String,
    /// Principals of the trust policy that let nobody in, whoever bears their name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) barred_principals: Vec<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) service_linked: bool,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct UserImage {
    pub(crate) name: String,
    pub(crate) path: String,
    /// The unique id there: it is not kept.
    #[serde(default)]
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// The ARN of the managed policy that bounds it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) boundary: Option<String>,
    /// The names of its groups.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) groups: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) inline_policies: Vec<InlineImage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) attached_policies: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) access_keys: Vec<KeyImage>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(crate) has_password: bool,
}

/// An access key, without its secret.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct KeyImage {
    pub(crate) id: String,
    pub(crate) active: bool,
    #[serde(default)]
    pub(crate) created: String,
}

#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ProfileImage {
    pub(crate) name: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// The names of the roles that are in it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) roles: Vec<String>,
}

/// A virtual MFA device, without its seed.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct DeviceImage {
    pub(crate) name: String,
    pub(crate) path: String,
    #[serde(default)]
    pub(crate) created: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// The name of the user whose it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) user: Option<String>,
}

/// An OpenID Connect provider.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct OidcImage {
    /// With its `https://`.
    pub(crate) url: String,
    #[serde(default)]
    pub(crate) created: String,
    /// In the order in which they were added.
    #[serde(default)]
    pub(crate) client_ids: Vec<String>,
    #[serde(default)]
    pub(crate) thumbprints: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// Absent when an operator set nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<OidcSettingsRecord>,
}

/// A SAML provider, without its private keys.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlImage {
    pub(crate) name: String,
    #[serde(default)]
    pub(crate) created: String,
    /// The document as it was given.
    pub(crate) metadata: String,
    /// Until when that holds, for one that does not say it.
    #[serde(default)]
    pub(crate) valid_until: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) assertion_encryption_mode: Option<EncryptionRecord>,
    /// Oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) private_keys: Vec<SamlKeyImage>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) tags: Vec<TagImage>,
    /// What an operator set; AWS has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) settings: Option<SamlSettingsRecord>,
}

/// A private key of a SAML provider, without the key.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlKeyImage {
    /// It is kept.
    pub(crate) key_id: String,
    #[serde(default)]
    pub(crate) created: String,
}

/// What a user, group or role has that decides over its rights.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rights<'a> {
    pub(crate) boundary: Option<&'a str>,
    pub(crate) inline: &'a [InlineImage],
    pub(crate) attached: &'a [String],
    pub(crate) tags: &'a [TagImage],
}

impl GroupImage {
    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights {
            boundary: None,
            inline: &self.inline_policies,
            attached: &self.attached_policies,
            tags: &[],
        }
    }
}

impl RoleImage {
    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights {
            boundary: self.boundary.as_deref(),
            inline: &self.inline_policies,
            attached: &self.attached_policies,
            tags: &self.tags,
        }
    }
}

impl UserImage {
    pub(crate) fn rights(&self) -> Rights<'_> {
        Rights {
            boundary: self.boundary.as_deref(),
            inline: &self.inline_policies,
            attached: &self.attached_policies,
            tags: &self.tags,
        }
    }
}

/// Why a file is no document that can be brought in. It repeats nothing of the file.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum DocumentFault {
    /// It was cut short, or is no JSON of a known form.
    #[error("the file is no account: {reason}")]
    Form {
        /// Where and why.
        reason: String,
    },
    /// It is of another version.
    #[error(
        "the file has version {theirs} of the format, and this Daypass reads version \
         {DOCUMENT_VERSION}: use the Daypass that wrote it, or a newer one"
    )]
    Version {
        /// The version of the file.
        theirs: u64,
    },
    /// A list of AWS ends before the account does.
    #[error(
        "the last page says that more follow: give all pages, one behind the other or as an array"
    )]
    Truncated,
    /// It has more entities, or pages, than are held in memory.
    #[error("the file has more than {MAX_ENTITIES} entities, or too many pages")]
    TooLarge,
    /// Two entities have the same name.
    #[error("the file has two {kind} of one name: numbers {first} and {second} of them")]
    Twice {
        /// What they are.
        kind: &'static str,
        /// The place of one, counted from 1.
        first: usize,
        /// The place of the other.
        second: usize,
    },
    /// It is of several accounts, or does not say of which.
    #[error("the file does not say of which account it is, or is of several")]
    Account,
}

impl Document {
    /// Reads a file: what [`Export`](super::Export) wrote, or what AWS's
    /// GetAccountAuthorizationDetails answers, as the AWS CLI or a program wrote it: one page, or
    /// several, one behind the other or as an array.
    ///
    /// It takes long for a large file, and is to be called where that is in nobody's way.
    ///
    /// # Errors
    /// [`DocumentFault`].
    pub fn read(bytes: &[u8]) -> Result<Self, DocumentFault> {
        let mut document = match Head::of(bytes) {
            Some(Head { format: Some(format), version }) if format == DOCUMENT_FORMAT => {
                match version.as_ref().map(Value::as_u64) {
                    Some(Some(version)) if version == u64::from(DOCUMENT_VERSION) => {}
                    Some(Some(theirs)) => return Err(DocumentFault::Version { theirs }),
                    Some(None) => {
                        let reason = "its `version` is no number".to_owned();
                        return Err(DocumentFault::Form { reason });
                    }
                    None => return Err(DocumentFault::Version { theirs: 0 }),
                }
                let mut document: Self =
                    serde_json::from_slice(bytes).map_err(|error| form(&error))?;
                if document.secrets.is_some() {
                    document.open_digest = open_digest(bytes);
                }
                document.tells_providers = true;
                document
            }
            Some(Head { format: Some(_), .. }) => {
                let reason = format!("its `format` is not `{DOCUMENT_FORMAT}`");
                return Err(DocumentFault::Form { reason });
            }
            _ => aws_details::read(bytes)?,
        };
        document.check()?;
        document.sha256 = HEXLOWER.encode(digest(&SHA256, bytes).as_ref());
        Ok(document)
    }

    /// The SHA-256 of the whole file, in hexadecimal.
    pub fn sha256(&self) -> &str {
        &self.sha256
    }

    /// The account that the document is of.
    pub fn account_id(&self) -> &str {
        &self.account_id
    }

    /// The id of the export, if it has one as an export draws it.
    pub fn export_id(&self) -> Option<&str> {
        let is_id = self.export_id.len() == 32
            && self.export_id.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        is_id.then_some(&*self.export_id)
    }

    /// Whether there are secrets in it, sealed.
    pub fn has_secrets(&self) -> bool {
        self.secrets.is_some()
    }

    /// What to know of it.
    pub fn notes(&self) -> &[String] {
        &self.notes
    }

    /// How many entities there are.
    pub fn len(&self) -> usize {
        self.policies.len()
            + self.groups.len()
            + self.roles.len()
            + self.users.len()
            + self.instance_profiles.len()
            + self.mfa_devices.len()
            + self.oidc_providers.len()
            + self.saml_providers.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn check(&self) -> Result<(), DocumentFault> {
        if self.len() > MAX_ENTITIES {
            return Err(DocumentFault::TooLarge);
        }
        // SECURITY: left out, they would leave on what was switched off.
        if let Some(Err(why)) = self.regions.as_ref().map(RegionsImage::parse) {
            let reason = format!("its Regions: {why}");
            return Err(DocumentFault::Form { reason });
        }
        let policies = self.policies.iter().flat_map(|policy| &policy.versions);
        let inline = self.groups.iter().map(|group| &group.inline_policies);
        let inline = inline.chain(self.roles.iter().map(|role| &role.inline_policies));
        let inline = inline.chain(self.users.iter().map(|user| &user.inline_policies)).flatten();
        let texts =
            policies.map(|version| &version.document).chain(inline.map(|one| &one.document));
        let mut texts = texts.chain(self.roles.iter().map(|role| &role.trust_policy));
        if texts.any(|text| text.len() > MAX_POLICY_TEXT) {
            let reason = format!("a policy document has more than {MAX_POLICY_TEXT} bytes");
            return Err(DocumentFault::Form { reason });
        }
        if self.saml_providers.iter().any(|one| one.metadata.len() > MAX_SAML_METADATA) {
            let reason = format!("a metadata document has more than {MAX_SAML_METADATA} bytes");
            return Err(DocumentFault::Form { reason });
        }
        once("policies", self.policies.iter().map(|one| &one.name))?;
        once("groups", self.groups.iter().map(|one| &one.name))?;
        once("roles", self.roles.iter().map(|one| &one.name))?;
        once("users", self.users.iter().map(|one| &one.name))?;
        once("instance profiles", self.instance_profiles.iter().map(|one| &one.name))?;
        once("MFA devices", self.mfa_devices.iter().map(|one| &one.name))?;
        once("SAML providers", self.saml_providers.iter().map(|one| &one.name))?;
        // Of URLs the case counts.
        once_exactly("OpenID Connect providers", self.oidc_providers.iter().map(|one| &*one.url))?;
        let keys = self.users.iter().flat_map(|user| &user.access_keys);
        once("access keys", keys.map(|key| &key.id))
    }
}

fn once<'a>(
    kind: &'static str,
    names: impl Iterator<Item = &'a String>,
) -> Result<(), DocumentFault> {
    once_exactly(kind, names.map(|name| name.to_ascii_lowercase()))
}

fn once_exactly<T: Eq + Hash>(
    kind: &'static str,
    names: impl Iterator<Item = T>,
) -> Result<(), DocumentFault> {
    let mut seen = HashMap::new();
    for (name, second) in names.zip(1..) {
        if let Some(first) = seen.insert(name, second) {
            return Err(DocumentFault::Twice { kind, first, second });
        }
    }
    Ok(())
}

/// The SHA-256 of what is in front of the secrets, if they are the last of the document and nothing
/// stands behind them.
fn open_digest(bytes: &[u8]) -> Option<OpenDigest> {
    let text = std::str::from_utf8(bytes).ok()?;
    let (open, rest) = text.rsplit_once(SECRETS_MEMBER)?;
    let mut sealed = serde_json::Deserializer::from_str(rest).into_iter::<IgnoredAny>();
    sealed.next()?.ok()?;
    if rest.get(sealed.byte_offset()..)? != DOCUMENT_END {
        return None;
    }
    digest(&SHA256, open.as_bytes()).as_ref().try_into().ok()
}

/// What is wrong with JSON, without what it holds.
pub(crate) fn form(error: &serde_json::Error) -> DocumentFault {
    use serde_json::error::Category;
    let what = match error.classify() {
        Category::Eof => "it ends in the middle".to_owned(),
        Category::Syntax if error.to_string().starts_with("trailing characters") => {
            "something stands behind its end".to_owned()
        }
        Category::Io | Category::Syntax => "it is no JSON".to_owned(),
        // What serde says would repeat the file, and go into the trail.
        Category::Data => "something in it is unknown, missing or of another kind".to_owned(),
    };
    let reason = format!("{what} (line {}, column {})", error.line(), error.column());
    DocumentFault::Form { reason }
}

/// What says which of the two forms a file has.
#[derive(Deserialize)]
struct Head {
    format: Option<Value>,
    version: Option<Value>,
}

impl Head {
    fn of(bytes: &[u8]) -> Option<Self> {
        // Serde would take an array for the members in their order.
        if bytes.iter().find(|byte| !byte.is_ascii_whitespace()) != Some(&b'{') {
            return None;
        }
        // Whatever stands behind it: that is for the reader of the form to refuse.
        serde_json::Deserializer::from_slice(bytes).into_iter().next()?.ok()
    }
}
