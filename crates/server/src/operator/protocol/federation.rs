//! What the commands on identity providers say: see [`super`].

pub use daypass_directory::{OidcSettingsTold, SamlSettingsTold};
use serde::{Deserialize, Serialize};

/// What is to be set for a provider; what is absent stays as it is.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FederationChange {
    /// The ARN of the provider.
    pub provider: String,
    /// Which algorithms it is allowed beside those of every provider, and no others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub algorithms: Option<Vec<String>>,
    /// How far its clock may be off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<u64>,
    /// Whom the certificates of its key server must come from, in PEM.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub authorities: Option<String>,
    /// Its keys, a JWK set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keys: Option<String>,
    /// Whether each assertion of a SAML provider is good once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub single_use: Option<bool>,
}

/// Which settings of a provider are to be as for every provider again.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub struct FederationClearing {
    /// The ARN of the provider.
    pub provider: String,
    /// Whether no further algorithms are allowed.
    #[serde(default)]
    pub algorithms: bool,
    /// Whether its clock may be off by as much as that of every provider.
    #[serde(default)]
    pub skew: bool,
    /// Whether its key server is to have a certificate of a well-known authority.
    #[serde(default)]
    pub authorities: bool,
    /// Whether its keys are fetched.
    #[serde(default)]
    pub keys: bool,
    /// Whether assertions of a SAML provider may be used again.
    #[serde(default)]
    pub single_use: bool,
}

/// Identity providers.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationProviders {
    /// Those of OpenID Connect, ordered by account and URL.
    pub providers: Vec<FederationProviderLine>,
    /// Those of SAML, ordered by account and name.
    #[serde(default)]
    pub saml_providers: Vec<FederationSamlProviderLine>,
    /// Whether more were left out.
    #[serde(default)]
    pub truncated: bool,
}

/// An OpenID Connect provider in a list.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationProviderLine {
    /// Its ARN.
    pub arn: String,
    /// Its URL, which its tokens name as their issuer.
    pub issuer: String,
    /// How many client ids it has.
    pub client_ids: u64,
    /// What an operator set for it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<OidcSettingsTold>,
}

/// A SAML provider in a list.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationSamlProviderLine {
    /// Its ARN.
    pub arn: String,
    /// Until when its metadata holds (RFC 3339).
    pub valid_until: String,
    /// What an operator set for it, if anything.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settings: Option<SamlSettingsTold>,
}

/// A SAML provider.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationSamlProvider {
    /// Its ARN.
    pub arn: String,
    /// Its unique id.
    pub id: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// The SHA-256 of its metadata, in hexadecimal digits.
    pub metadata_sha256: String,
    /// Until when that holds (RFC 3339).
    pub valid_until: String,
    /// Whether assertions must be encrypted: `Required`, `Allowed`, or that it was never said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// The ids of its private keys, oldest first.
    pub private_keys: Vec<String>,
    /// How far its clock may be off.
    pub skew_seconds: u64,
    /// Whether each of its assertions is good once.
    pub single_use: bool,
    /// What else to know.
    pub notes: Vec<String>,
}

/// The metadata of the deployment as a SAML service provider.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationMetadata {
    /// The document.
    pub document: String,
}

/// An OpenID Connect provider.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationProvider {
    /// Its ARN.
    pub arn: String,
    /// Its URL, which its tokens name as their issuer.
    pub issuer: String,
    /// Its unique id.
    pub id: String,
    /// When it was made (RFC 3339).
    pub created: String,
    /// Whom its tokens may be meant for.
    pub client_ids: Vec<String>,
    /// The thumbprints of certificates.
    pub thumbprints: Vec<String>,
    /// All algorithms that its tokens may be signed with.
    pub algorithms: Vec<String>,
    /// How far its clock may be off.
    pub skew_seconds: u64,
    /// Whom the certificates of its key server must come from; well-known authorities when empty.
    pub authorities: Vec<FederationAuthority>,
    /// Its keys, if they are not fetched.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_keys: Option<FederationKeys>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// A certificate of an authority.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationAuthority {
    /// Whose it says that it is.
    pub subject: String,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    pub sha256: String,
    /// Until when it holds (RFC 3339).
    pub not_after: String,
}

/// The static keys of a provider.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationKeys {
    /// How many of them can verify tokens.
    pub usable: u64,
    /// The SHA-256 of their text, in hexadecimal digits.
    pub sha256: String,
}

/// What came of each check of a token or a SAML response.
#[derive(Debug, Deserialize, Serialize)]
pub struct FederationDiagnosis {
    /// The ARN of the provider.
    pub provider: String,
    /// Whether the token is good for a role whose trust policy lets it in.
    pub accepted: bool,
    /// Each check, in the order in which they are made.
    pub checks: Vec<FederationCheck>,
    /// What a trust policy can ask of the token: condition keys with their values. Nothing when
    /// the signature does not verify, or a claim is not as it must be.
    pub condition_keys: Vec<(String, Vec<String>)>,
}

/// A check of a token.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct FederationCheck {
    /// What was looked at.
    pub check: String,
    /// What came of it.
    pub outcome: FederationOutcome,
    /// What was found, in words.
    pub detail: String,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FederationOutcome {
    /// It is as it must be.
    Passed,
    /// It is not: the token is refused.
    Failed,
    /// It could not be looked at, because of one before it.
    NotReached,
}
