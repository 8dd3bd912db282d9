//! What an account prefers of the Security Token Service: the version of its session tokens.
//!
//! IAM API reference, "SetSecurityTokenServicePreferences". An account that never said has version
//! 2: here every Region is there by default, so that both are good everywhere.

use daypass_names::AccountId;
use daypass_store::{Commit, Entry, Key};

use crate::directory::{ATTEMPTS, decode, encode};
use crate::record::{StsPreferencesRecord, TokenVersionRecord};
use crate::{Directory, DirectoryError, Noting, TokenVersion, keys};

impl Directory {
    /// The version of the session tokens of an account.
    pub async fn token_version(&self, account: AccountId) -> Result<TokenVersion, DirectoryError> {
        let key = keys::sts_preferences(account)?;
        match self.store.get(&key).await? {
            Some(entry) => parse(&key, &entry),
            None => Ok(TokenVersion::default()),
        }
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
        let record = StsPreferencesRecord {
            global_endpoint_token_version: match version {
                TokenVersion::V1 => TokenVersionRecord::V1,
                TokenVersion::V2 => TokenVersionRecord::V2,
            },
        };
        let refused = || DirectoryError::Refused("the record is too large".to_owned());
        let bytes = encode(&record).ok_or_else(refused)?;
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

/// The version in the record of an account.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<TokenVersion, DirectoryError> {
    let record: StsPreferencesRecord = decode(key, entry)?;
    Ok(match record.global_endpoint_token_version {
        TokenVersionRecord::V1 => TokenVersion::V1,
        TokenVersionRecord::V2 => TokenVersion::V2,
    })
}
