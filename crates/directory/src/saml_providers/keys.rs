//! The private keys of SAML providers: each in a record of its own, sealed and bound to its provider.
//!
//! SECURITY: no error of here may repeat what was opened.

use data_encoding::BASE64;
use daypass_federation::saml::PrivateKey;
use daypass_names::{AccountId, SamlId, UniqueId, UniqueIdKind};
use daypass_store::{Commit, Entry, Key};
use daypass_token::{KeyRing, Nonce, Purpose, open_value, seal_value};
use zeroize::Zeroizing;

use crate::access_keys::UNOPENED;
use crate::directory::{corrupt, decode, encode};
use crate::keys;
use crate::record::{self, SamlKeyRecord, SamlPrivateKeyRecord};
use crate::{Directory, DirectoryError, NewSamlPrivateKey, SamlProvider};

impl NewSamlPrivateKey {
    /// What the provider's record says of it.
    pub(super) fn listed(&self) -> SamlKeyRecord {
        SamlKeyRecord { id: self.id.to_string(), added: self.added.to_string() }
    }
}

/// A new key as its record has it. When an attempt fails the record was never written: a nonce
/// leaves this process for one record only.
pub(super) fn sealed(
    ring: &KeyRing,
    account: AccountId,
    provider: UniqueId,
    new: &NewSamlPrivateKey,
) -> Result<SamlPrivateKeyRecord, DirectoryError> {
    let sealed = seal_value(
        ring,
        Purpose::SamlPrivateKey,
        &owner(account, provider, &new.id),
        Nonce::from_random(new.nonce),
        new.key.expose_pkcs8(),
    );
    Ok(SamlPrivateKeyRecord {
        account: account.to_string(),
        provider: provider.to_string(),
        id: new.id.to_string(),
        sealed_key: BASE64.encode(&sealed.map_err(DirectoryError::Seal)?),
    })
}

/// `commit`, with a new key.
pub(super) fn added(
    commit: Commit,
    provider: UniqueId,
    new: &NewSamlPrivateKey,
    sealed: &SamlPrivateKeyRecord,
) -> Result<Commit, DirectoryError> {
    let key = keys::saml_private_key(provider, new.id.as_str())?;
    let bytes = encode(sealed).ok_or_else(|| corrupt(&key, "the record is too large"))?;
    Ok(commit.absent(key.clone()).put(key, bytes))
}

/// What a sealed key is bound to. All but the last part have a fixed length.
pub(crate) fn owner(account: AccountId, provider: UniqueId, id: &SamlId) -> Vec<u8> {
    format!("{account}{provider}{id}").into_bytes()
}

/// Whose a key is, and which, as its record says.
pub(crate) fn identity(
    record: &SamlPrivateKeyRecord,
) -> Result<(AccountId, UniqueId, SamlId), String> {
    let provider = record::id_of_kind(&record.provider, UniqueIdKind::SamlProvider)?;
    let id = record::constrained("the id of the private key", &record.id)?;
    Ok((record::account(&record.account)?, provider, id))
}

/// Opens the key in a record, and reads it.
pub(crate) fn opened(
    ring: &KeyRing,
    key: &Key,
    entry: &Entry,
) -> Result<PrivateKey, DirectoryError> {
    let opened = unsealed(ring, key, entry)?;
    PrivateKey::from_pkcs8(opened).map_err(|_| corrupt(key, "the private key is none"))
}

/// Opens the key in a record.
fn unsealed(
    ring: &KeyRing,
    key: &Key,
    entry: &Entry,
) -> Result<Zeroizing<Vec<u8>>, DirectoryError> {
    let record: SamlPrivateKeyRecord = decode(key, entry)?;
    let (account, provider, id) = identity(&record).map_err(|reason| corrupt(key, reason))?;
    // SECURITY: a record that was moved to another key must not lend its private key to it.
    if keys::saml_private_key(provider, id.as_str())? != *key {
        return Err(corrupt(key, "the record belongs to another key"));
    }
    let sealed = BASE64.decode(record.sealed_key.as_bytes());
    let sealed = sealed.map_err(|_| corrupt(key, "the private key is no base64"))?;
    open_value(ring, Purpose::SamlPrivateKey, &owner(account, provider, &id), &sealed)
        .map_err(|_| corrupt(key, UNOPENED))
}

impl Directory {
    /// The private keys of a SAML provider, oldest first, to decrypt with. One that went since the
    /// provider was read is left out.
    ///
    /// # Errors
    /// [`DirectoryError::Corrupt`] when one cannot be opened.
    pub async fn saml_private_keys(
        &self,
        provider: &SamlProvider,
    ) -> Result<Vec<PrivateKey>, DirectoryError> {
        let mut found = Vec::with_capacity(provider.private_keys.len());
        for listed in &provider.private_keys {
            found.extend(self.saml_private_key(provider, &listed.id).await?);
        }
        Ok(found)
    }

    /// One private key of a SAML provider; none when it went since the provider was read.
    pub(crate) async fn saml_private_key(
        &self,
        provider: &SamlProvider,
        id: &SamlId,
    ) -> Result<Option<PrivateKey>, DirectoryError> {
        let key = keys::saml_private_key(provider.id, id.as_str())?;
        let Some(entry) = self.store.get(&key).await? else { return Ok(None) };
        // SECURITY: strangers cause this, and large keys take long to read: that is done on a turn, where
        // the key is used. What the seal lets through was read before it was sealed.
        unsealed(&self.data_keys.ring(), &key, &entry).map(PrivateKey::from_sealed).map(Some)
    }
}
