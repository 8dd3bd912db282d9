//! What an operator may set for one OpenID Connect provider, beside what IAM's API has: further
//! algorithms, the allowed skew of clocks, a private certificate authority, and keys that are not
//! fetched.
//!
//! Everything here was parsed: settings that cannot be read are an error when they are given, and a
//! provider that has such in its record cannot be read either. Nothing of AWS's IAM knows these
//! settings, so that only an operator, never somebody with rights in an account, can change them.

use std::fmt;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use daypass_federation::authorities::{Authorities, AuthoritiesFault};
use daypass_federation::oidc::{Algorithm, Algorithms, JwkSet};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::record::OidcSettingsRecord;

/// The algorithms that a provider may be allowed beside those of every provider.
pub const FURTHER_ALGORITHMS: [Algorithm; 4] =
    [Algorithm::Ps256, Algorithm::Ps384, Algorithm::Ps512, Algorithm::EdDsa];

/// Most bytes of a provider's static keys. A hundred keys of RSA-2048 take some 50 KB.
pub const MAX_STATIC_KEYS: usize = 128 << 10;

/// What an operator set for an OpenID Connect provider; the default is what every provider has. Cheap
/// to clone.
#[derive(Clone, Debug, PartialEq)]
pub struct OidcSettings {
    /// Which algorithms its tokens may be signed with: those of every provider, and perhaps some of
    /// [`FURTHER_ALGORITHMS`].
    pub algorithms: Algorithms,
    /// How far its clock may be off.
    pub skew: ClockSkew,
    /// Whom the certificates of its key server may come from, in place of well-known authorities.
    pub authorities: Option<Authorities>,
    /// Its keys, when they are not to be fetched.
    pub keys: Option<StaticKeys>,
}

/// What is to change of the settings of a provider; what is [`None`] stays.
#[derive(Clone, Debug, Default)]
pub struct OidcSettingsChange {
    /// Which of [`FURTHER_ALGORITHMS`] are allowed from now on, and no others.
    pub algorithms: Option<Vec<Algorithm>>,
    /// How far its clock may be off.
    pub skew: Option<ClockSkew>,
    /// Whom the certificates of its key server may come from: others, or `Some(None)` for
    /// well-known authorities.
    pub authorities: Option<Option<Authorities>>,
    /// Its keys: others, or `Some(None)` for those that are fetched.
    pub keys: Option<Option<StaticKeys>>,
}

impl OidcSettingsChange {
    /// Everything as it is for every provider.
    pub fn to_default() -> Self {
        Self {
            algorithms: Some(Vec::new()),
            skew: Some(ClockSkew::default()),
            authorities: Some(None),
            keys: Some(None),
        }
    }

    /// What comes of `settings`.
    fn of(&self, settings: &OidcSettings) -> OidcSettings {
        let Self { algorithms, skew, authorities, keys } = self;
        let allowed = |further: &Vec<Algorithm>| {
            let further = further.iter().filter(|one| FURTHER_ALGORITHMS.contains(one));
            further.fold(Algorithms::DEFAULT, |all, one| all.with(*one))
        };
        OidcSettings {
            algorithms: algorithms.as_ref().map_or(settings.algorithms, allowed),
            skew: skew.unwrap_or(settings.skew),
            authorities: authorities.clone().unwrap_or_else(|| settings.authorities.clone()),
            keys: keys.clone().unwrap_or_else(|| settings.keys.clone()),
        }
    }
}

/// What settings are, in short: for people, records and lists. Documents are told by their digests.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OidcSettingsTold {
    /// Which of [`FURTHER_ALGORITHMS`] are allowed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub further_algorithms: Vec<String>,
    /// How far its clock may be off, if not by as much as for every provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<u64>,
    /// The SHA-256 of each certificate of its authorities, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub authorities_sha256: Vec<String>,
    /// The SHA-256 of the text of its static keys, in hexadecimal digits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub static_keys_sha256: Option<String>,
}

impl OidcSettingsTold {
    /// The same in words.
    pub fn words(&self) -> String {
        let Self { further_algorithms, skew_seconds, authorities_sha256, static_keys_sha256 } =
            self;
        let algorithms = further_algorithms.join(", ");
        let parts = [
            (!algorithms.is_empty()).then_some(algorithms),
            skew_seconds.map(|seconds| format!("{seconds} s of skew")),
            match authorities_sha256.len() {
                0 => None,
                1 => Some("1 private authority".to_owned()),
                more => Some(format!("{more} private authorities")),
            },
            static_keys_sha256.as_ref().map(|_| "static keys".to_owned()),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// How far the clock of a provider may be off, in whole seconds: 0 to 300, 60 by default.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub struct ClockSkew(u16);

impl ClockSkew {
    /// The most seconds.
    pub const MAX_S: u16 = 300;

    /// So many seconds, if they are not too many.
    pub fn of_seconds(seconds: u64) -> Option<Self> {
        u16::try_from(seconds).ok().filter(|seconds| *seconds <= Self::MAX_S).map(Self)
    }

    /// In seconds.
    pub fn seconds(self) -> i64 {
        i64::from(self.0)
    }
}

impl Default for ClockSkew {
    fn default() -> Self {
        Self(60)
    }
}

/// Keys of a provider that an operator gave: at least one that can verify. Cheap to clone.
#[derive(Clone)]
pub struct StaticKeys {
    text: Arc<str>,
    set: Arc<JwkSet>,
}

impl StaticKeys {
    /// Reads a JWK set (RFC 7517).
    ///
    /// # Errors
    /// [`SettingsFault`].
    pub fn parse(text: &str) -> Result<Self, SettingsFault> {
        let text = text.trim();
        if text.len() > MAX_STATIC_KEYS {
            return Err(SettingsFault::KeysTooLong);
        }
        if holds_secrets(text) {
            return Err(SettingsFault::SecretKeys);
        }
        let set = JwkSet::parse(text.as_bytes())
            .map_err(|fault| SettingsFault::Keys(fault.to_string()))?;
        match set.is_empty() {
            true => Err(SettingsFault::NoKeys),
            false => Ok(Self { text: text.into(), set: Arc::new(set) }),
        }
    }

    /// The keys.
    pub fn set(&self) -> &Arc<JwkSet> {
        &self.set
    }

    /// The text as it was given, but for white space around it.
    pub fn text(&self) -> &str {
        &self.text
    }
}

impl PartialEq for StaticKeys {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl fmt::Debug for StaticKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StaticKeys({})", self.set.len())
    }
}

/// Why settings are refused. The messages repeat nothing of what was given.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SettingsFault {
    /// It is none that a provider may be allowed.
    #[error("the algorithm is none of PS256, PS384, PS512 and EdDSA")]
    Algorithm,
    /// The certificates cannot be taken.
    #[error("the authorities: {0}")]
    Authorities(#[from] AuthoritiesFault),
    /// The keys cannot be taken.
    #[error("the keys: {0}")]
    Keys(String),
    /// The keys take too much room.
    #[error("the keys have more than {MAX_STATIC_KEYS} bytes")]
    KeysTooLong,
    /// None of the keys can verify a token.
    #[error("the keys: none of them can verify a token")]
    NoKeys,
    /// Somebody gave what signs tokens, and not what verifies them.
    #[error("the keys: there are private or symmetric keys among them; give the public ones only")]
    SecretKeys,
    /// It is more than may be allowed.
    #[error("the skew is more than {} seconds", ClockSkew::MAX_S)]
    Skew,
}

impl Default for OidcSettings {
    fn default() -> Self {
        Self {
            algorithms: Algorithms::DEFAULT,
            skew: ClockSkew::default(),
            authorities: None,
            keys: None,
        }
    }
}

impl OidcSettings {
    /// Whether this is what every provider has.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// Which of [`FURTHER_ALGORITHMS`] are allowed.
    pub fn further_algorithms(&self) -> impl Iterator<Item = Algorithm> {
        let algorithms = self.algorithms;
        FURTHER_ALGORITHMS.into_iter().filter(move |further| algorithms.contains(*further))
    }

    /// What they are, in short; nothing when they are what every provider has.
    pub fn told(&self) -> Option<OidcSettingsTold> {
        let record = self.record()?;
        let authorities = self.authorities.iter().flat_map(Authorities::iter);
        Some(OidcSettingsTold {
            further_algorithms: record.algorithms,
            skew_seconds: record.skew_seconds,
            authorities_sha256: authorities.map(|one| sha256(one.der())).collect(),
            static_keys_sha256: self.keys.as_ref().map(|keys| sha256(keys.text().as_bytes())),
        })
    }

    /// What they are after a change.
    pub(crate) fn changed(&self, change: &OidcSettingsChange) -> Self {
        change.of(self)
    }

    /// The settings in the record of a provider.
    pub(crate) fn of_stored(record: Option<&OidcSettingsRecord>) -> Result<Self, String> {
        let settings = record.map(Self::of).transpose();
        Ok(settings.map_err(|fault| fault.to_string())?.unwrap_or_default())
    }

    /// The settings in a record.
    ///
    /// # Errors
    /// [`SettingsFault`].
    pub(crate) fn of(record: &OidcSettingsRecord) -> Result<Self, SettingsFault> {
        let mut settings = Self::default();
        for name in &record.algorithms {
            settings.algorithms = settings.algorithms.with(further_algorithm(name)?);
        }
        if let Some(seconds) = record.skew_seconds {
            settings.skew = ClockSkew::of_seconds(seconds).ok_or(SettingsFault::Skew)?;
        }
        settings.authorities = record.authorities.as_deref().map(Authorities::parse).transpose()?;
        settings.keys = record.keys.as_deref().map(StaticKeys::parse).transpose()?;
        Ok(settings)
    }

    /// The record of the settings; none when they are what every provider has.
    pub(crate) fn record(&self) -> Option<OidcSettingsRecord> {
        let skew = Some(self.skew).filter(|skew| *skew != ClockSkew::default());
        (!self.is_default()).then(|| OidcSettingsRecord {
            algorithms: self.further_algorithms().map(|further| further.to_string()).collect(),
            skew_seconds: skew.map(|skew| u64::from(skew.0)),
            authorities: self.authorities.as_ref().map(|pem| pem.as_pem().to_owned()),
            keys: self.keys.as_ref().map(|keys| keys.text().to_owned()),
        })
    }
}

fn sha256(bytes: &[u8]) -> String {
    HEXLOWER.encode(digest(&SHA256, bytes).as_ref())
}

/// The algorithm of that name, if a provider may be allowed it.
///
/// # Errors
/// [`SettingsFault::Algorithm`], also for those that every provider is allowed.
pub fn further_algorithm(name: &str) -> Result<Algorithm, SettingsFault> {
    let algorithm = name.parse().map_err(|_| SettingsFault::Algorithm)?;
    match FURTHER_ALGORITHMS.contains(&algorithm) {
        true => Ok(algorithm),
        false => Err(SettingsFault::Algorithm),
    }
}

/// Whether anything in the set has a member that is secret in a key: RFC 7518, sections 6.2.2, 6.3.2
/// and 6.4, and RFC 8037, section 2.
///
/// SECURITY: static keys are stored, exported and shown in the open.
fn holds_secrets(text: &str) -> bool {
    serde_json::from_str(text).is_ok_and(|set| has_secret(&set))
}

/// How deep it goes is bounded by the parser.
fn has_secret(value: &serde_json::Value) -> bool {
    const SECRET: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];
    match value {
        serde_json::Value::Object(members) => {
            members.iter().any(|(name, value)| SECRET.contains(&name.as_str()) || has_secret(value))
        }
        serde_json::Value::Array(items) => items.iter().any(has_secret),
        _ => false,
    }
}
