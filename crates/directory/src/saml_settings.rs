//! What an operator may set for one SAML provider, beside what IAM's API has: that an assertion is good
//! once, and the allowed skew of clocks.
//!
//! Nothing of AWS's IAM knows these settings, so that only an operator, never somebody with rights in
//! an account, can change them. They stay when the provider's metadata or keys are replaced.

use serde::{Deserialize, Serialize};

use crate::record::SamlSettingsRecord;
use crate::{ClockSkew, SettingsFault};

/// What an operator set for a SAML provider; the default is what every provider has.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct SamlSettings {
    /// Whether each of its assertions is good once.
    pub single_use: bool,
    /// How far its clock may be off.
    pub skew: ClockSkew,
}

/// What is to change of the settings of a provider; what is [`None`] stays.
#[derive(Clone, Copy, Debug, Default)]
pub struct SamlSettingsChange {
    /// Whether each of its assertions is good once.
    pub single_use: Option<bool>,
    /// How far its clock may be off.
    pub skew: Option<ClockSkew>,
}

/// What settings are, in short: for people, records and lists.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SamlSettingsTold {
    /// Whether each of its assertions is good once.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub single_use: bool,
    /// How far its clock may be off, if not by as much as for every provider.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skew_seconds: Option<u64>,
}

impl SamlSettingsTold {
    /// The same in words.
    pub fn words(&self) -> String {
        let parts = [
            self.single_use.then(|| "single use".to_owned()),
            self.skew_seconds.map(|seconds| format!("{seconds} s of skew")),
        ];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

impl SamlSettings {
    /// Whether this is what every provider has.
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// What they are, in short; nothing when they are what every provider has.
    pub fn told(&self) -> Option<SamlSettingsTold> {
        let SamlSettingsRecord { single_use, skew_seconds } = self.record()?;
        Some(SamlSettingsTold { single_use, skew_seconds })
    }

    /// What they are after a change.
    pub(crate) fn changed(self, change: &SamlSettingsChange) -> Self {
        let SamlSettingsChange { single_use, skew } = *change;
        Self { single_use: single_use.unwrap_or(self.single_use), skew: skew.unwrap_or(self.skew) }
    }

    /// The settings in the record of a provider.
    pub(crate) fn of_stored(record: Option<&SamlSettingsRecord>) -> Result<Self, String> {
        let Some(SamlSettingsRecord { single_use, skew_seconds }) = record else {
            return Ok(Self::default());
        };
        let skew = match skew_seconds {
            None => ClockSkew::default(),
            Some(seconds) => {
                ClockSkew::of_seconds(*seconds).ok_or_else(|| SettingsFault::Skew.to_string())?
            }
        };
        Ok(Self { single_use: *single_use, skew })
    }

    /// The record of the settings; none when they are what every provider has.
    pub(crate) fn record(&self) -> Option<SamlSettingsRecord> {
        let skew = Some(self.skew).filter(|skew| *skew != ClockSkew::default());
        (!self.is_default()).then(|| SamlSettingsRecord {
            single_use: self.single_use,
            skew_seconds: skew.map(|skew| skew.seconds().unsigned_abs()),
        })
    }
}
