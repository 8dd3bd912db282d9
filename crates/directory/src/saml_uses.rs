//! Which assertions were used, of SAML providers whose assertions are good once.
//!
//! A mark lies under the provider and the digest of the assertion, and is written only where none is:
//! of several who use an assertion at the same time one does, whichever process of whatever start they
//! ask. It is let go of when the assertion has been over for a while.

use daypass_federation::saml::Digest;
use daypass_names::UniqueId;
use daypass_store::{Commit, Key, MAX_COMMIT_KEYS, MAX_SCAN, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::directory::{corrupt, decode, encode};
use crate::keys;
use crate::record::{self, SamlUseRecord};
use crate::{Directory, DirectoryError};

/// How long a mark is kept behind the end of its assertion: a clock that is set back by as much gives
/// nothing back.
const KEPT: SignedDuration = SignedDuration::from_hours(1);

impl Directory {
    /// Uses an assertion of a provider, which is good until `ends`, and tells whether that is the
    /// first time. `assertion` is its digest.
    ///
    /// It carries no note. It grants nothing and cannot be undone: all that it does is to refuse this
    /// assertion to everybody else, and the call that shows it is recorded as what it grants.
    ///
    /// # Errors
    /// [`DirectoryError::Store`]: then it is not known whether it is used.
    pub async fn use_saml_assertion(
        &self,
        provider: UniqueId,
        assertion: &Digest,
        ends: Timestamp,
    ) -> Result<bool, DirectoryError> {
        let key = keys::saml_use(provider, assertion)?;
        let record = SamlUseRecord { ends: ends.to_string() };
        let bytes = encode(&record).ok_or_else(|| corrupt(&key, "the record is too large"))?;
        match self.store.commit(Commit::new().absent(key.clone()).put(key, bytes)).await {
            Ok(_) => Ok(true),
            // INVARIANT: that the mark is not there is all that is asked for.
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Whether an assertion of a provider was used.
    ///
    /// # Errors
    /// [`DirectoryError::Store`].
    pub async fn is_saml_assertion_used(
        &self,
        provider: UniqueId,
        assertion: &Digest,
    ) -> Result<bool, DirectoryError> {
        Ok(self.store.get(&keys::saml_use(provider, assertion)?).await?.is_some())
    }

    /// Lets go of the marks of assertions that have been over for an hour, and tells how many there
    /// were. One that cannot be read stays.
    ///
    /// # Errors
    /// [`DirectoryError::Store`]; the next call makes it good.
    pub async fn purge_saml_uses(&self, now: Timestamp) -> Result<usize, DirectoryError> {
        let (mut after, mut purged) = (None::<Key>, 0_usize);
        loop {
            let page = self.store.scan(keys::SAML_USES, after.as_ref(), MAX_SCAN).await?;
            let is_over = |key: &Key, entry| {
                let ends = decode(key, entry).ok().and_then(|record| use_ends(&record).ok());
                ends.is_some_and(|ends| now.duration_since(ends) > KEPT)
            };
            let over: Vec<&Key> = page
                .iter()
                .filter(|(key, entry)| is_over(key, entry))
                .map(|(key, _)| key)
                .collect();
            for keys in over.chunks(MAX_COMMIT_KEYS) {
                let commit =
                    keys.iter().fold(Commit::new(), |commit, key| commit.delete(Key::clone(key)));
                self.store.commit(commit).await?;
            }
            purged = purged.saturating_add(over.len());
            if page.len() < MAX_SCAN {
                return Ok(purged);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }
}

/// Until when the assertion of a mark is good.
pub(crate) fn use_ends(record: &SamlUseRecord) -> Result<Timestamp, String> {
    record::timestamp(&record.ends)
}
