//! What an account prefers of the Security Token Service: the version of its session tokens.
//!
//! IAM API reference, "SetSecurityTokenServicePreferences". An account that never said has version
//! 2 where every Region is there by default, so that both are good everywhere; where Regions are
//! configured, whoever asks says what holds for it.

use daypass_names::AccountId;
use daypass_store::{Commit, Entry, Key};

use crate::directory::{ATTEMPTS, decode, encode};
use crate::record::{StsPreferencesRecord, TokenVersionRecord};
use crate::{Directory, DirectoryError, Noting, TokenVersion, keys};

impl Directory {
    /// The version of the session tokens of an account.
    pub async fn token_version(&self, account: AccountId) -> Result<TokenVersion, DirectoryError> {
        Ok(self.chosen_token_version(account).await?.unwrap_or_default())
    }

    /// The version of session tokens that an account has chosen, if it has.
    pub async fn chosen_token_version(
        &self,
        account: AccountId,
    ) -> Result<Option<TokenVersion>, DirectoryError> {
        let key = keys::sts_preferences(account)?;
        let entry = self.store.get(&key).await?;
        entry.map(|entry| parse(&key, &entry)).transpose()
    }

    /// Sets the version of the session tokens that an account is given from now on.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account.
    pub async fn set_token_version(
        &self,
        account: AccountId,
        version: TokenVersion,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let bytes = bytes(version)?;
        let key = keys::sts_preferences(account)?;
        for _ in 0..ATTEMPTS {
            self.require_account(account).await?;
            let commit = Commit::new().present(keys::account(account)?);
            let commit = commit.put(key.clone(), bytes.clone());
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

/// The record of an account.
pub(crate) fn bytes(version: TokenVersion) -> Result<Vec<u8>, DirectoryError> {
    let record = StsPreferencesRecord { global_endpoint_token_version: version.into() };
    let refused = || DirectoryError::Refused("the record is too large".to_owned());
    encode(&record).ok_or_else(refused)
}

impl From<TokenVersion> for TokenVersionRecord {
    fn from(version: TokenVersion) -> Self {
        match version {
            TokenVersion::V1 => Self::V1,
            TokenVersion::V2 => Self::V2,
        }
    }
}

impl From<TokenVersionRecord> for TokenVersion {
    fn from(record: TokenVersionRecord) -> Self {
        match record {
            TokenVersionRecord::V1 => Self::V1,
            TokenVersionRecord::V2 => Self::V2,
        }
    }
}

/// The version in the record of an account.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<TokenVersion, DirectoryError> {
    let record: StsPreferencesRecord = decode(key, entry)?;
    Ok(record.global_endpoint_token_version.into())
}
