//! Sealing every stored secret anew with the active data key, so that old ones can go.
//!
//! A walk over the records that hold stored secrets: access keys, MFA devices and the
//! private keys of SAML providers. Each page is one
//! compare-and-commit, so that it may end anywhere and be begun again: what was done stays done.

use data_encoding::BASE64;
use daypass_names::AccessKeyId;
use daypass_store::{Commit, Entry, Key, StoreError};
use daypass_token::{KeyRing, Nonce, Purpose, RingKeyId, open_value, seal_value, sealed_by};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::data_keys::Sealing;
use super::{DataKeys, Fill, RingChange, RingsFault};
use crate::directory::{ATTEMPTS, decode, encode};
use crate::record::{self, AccessKeyRecord, MfaDeviceRecord, SamlPrivateKeyRecord};
use crate::{Directory, DirectoryError, Noting, access_keys, keys, mfa_devices, saml_providers};

/// Values that are sealed anew in one commit. Small, so that few writers get into its way.
const PAGE: usize = 100;

/// What sealing anew did.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Resealed {
    /// How many values were sealed anew.
    pub values: u64,
    /// Values that could not be opened, and were left alone. While there are any, no key is
    /// removed.
    pub unreadable: Vec<Key>,
    /// The data keys that nothing needed any longer, and that were removed.
    pub removed: Option<RingChange>,
}

impl Directory {
    /// Seals anew, with the active data key, every stored secret that another key sealed; then
    /// removes the data keys that nothing needs any longer. To be called after the ring `data` was
    /// rotated or a key of it declared compromised, and at the start.
    ///
    /// Only the removal of keys is noted: no value changes. A call that fails or is dropped is
    /// made good by the next.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] when others change the same records again and again, or
    /// what the store, the random bytes or the note lack.
    pub async fn reseal_secrets(
        &self,
        random: Fill<'_>,
        noting: &dyn Noting<RingChange>,
    ) -> Result<Resealed, DirectoryError> {
        let sealing = self.data_keys.sealing();
        // Of these nothing can be written once they are not active: see `Sealing::bind`.
        let active = sealing.ring.active();
        let old: Vec<RingKeyId> = sealing.ring.key_ids().filter(|id| *id != active).collect();
        let mut done = Resealed::default();
        self.reseal_all::<AccessKeyRecord>(&sealing, random, &mut done).await?;
        self.reseal_all::<MfaDeviceRecord>(&sealing, random, &mut done).await?;
        self.reseal_all::<SamlPrivateKeyRecord>(&sealing, random, &mut done).await?;
        if let DataKeys::Rings(rings) = &self.data_keys
            && done.unreadable.is_empty()
            && !old.is_empty()
        {
            done.removed = rings.remove_data_keys(&old, noting).await?;
        }
        Ok(done)
    }

    /// Seals anew what all records of a kind hold.
    async fn reseal_all<R: Holds>(
        &self,
        sealing: &Sealing,
        random: Fill<'_>,
        done: &mut Resealed,
    ) -> Result<(), DirectoryError> {
        let mut after = None;
        while let Some(last) = self.reseal_page::<R>(sealing, after.as_ref(), random, done).await? {
            after = Some(last);
        }
        Ok(())
    }

    /// Seals one page anew; the key that the next page begins behind, or nothing at the end.
    async fn reseal_page<R: Holds>(
        &self,
        sealing: &Sealing,
        after: Option<&Key>,
        random: Fill<'_>,
        done: &mut Resealed,
    ) -> Result<Option<Key>, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let page = self.store.scan(R::ALL, after, PAGE).await?;
            let mut commit = Commit::new();
            let mut unreadable = Vec::new();
            for (key, entry) in &page {
                match resealed::<R>(&sealing.ring, key, entry, random)? {
                    Value::Current => {}
                    Value::Unreadable => unreadable.push(key.clone()),
                    Value::Resealed(bytes) => {
                        let unchanged = commit.unchanged(key.clone(), entry.revision);
                        commit = unchanged.put(key.clone(), bytes);
                    }
                }
            }
            let values = commit.puts.len() as u64;
            let committed = match values {
                0 => Ok(()),
                _ => self.store.commit(sealing.bind(commit)).await.map(|_| ()),
            };
            match committed {
                Ok(()) => {
                    done.values = done.values.saturating_add(values);
                    done.unreadable.extend(unreadable);
                    let full = page.len() == PAGE;
                    return Ok(page.into_iter().next_back().map(|(key, _)| key).filter(|_| full));
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        // The ring may have been rotated meanwhile: then the next call knows.
        self.data_keys.refresh(sealing).await?;
        Err(DirectoryError::Conflict)
    }
}

/// A record that holds a sealed value.
trait Holds: Serialize + DeserializeOwned {
    /// What the keys of all of them begin with.
    const ALL: &'static [u8];
    const PURPOSE: Purpose;

    /// The base64 of the sealed value.
    fn sealed(&mut self) -> &mut String;

    /// What the value is bound to; nothing when the record cannot be read.
    fn owner(&self) -> Option<Vec<u8>>;
}

impl Holds for AccessKeyRecord {
    const ALL: &'static [u8] = keys::ACCESS_KEYS;
    const PURPOSE: Purpose = Purpose::StoredSecret;

    fn sealed(&mut self) -> &mut String {
        &mut self.sealed_secret
    }

    fn owner(&self) -> Option<Vec<u8>> {
        let id = record::constrained::<AccessKeyId>("the access key id", &self.id).ok()?;
        Some(access_keys::bound_to(&id, AccessKeyRecord::owner(self).ok()?))
    }
}

impl Holds for MfaDeviceRecord {
    const ALL: &'static [u8] = keys::MFA_DEVICES;
    const PURPOSE: Purpose = Purpose::MfaSeed;

    fn sealed(&mut self) -> &mut String {
        &mut self.sealed_seed
    }

    fn owner(&self) -> Option<Vec<u8>> {
        let account = record::account(&self.account).ok()?;
        Some(mfa_devices::owner(account, record::unique_id(&self.id).ok()?))
    }
}

impl Holds for SamlPrivateKeyRecord {
    const ALL: &'static [u8] = keys::SAML_PRIVATE_KEYS;
    const PURPOSE: Purpose = Purpose::SamlPrivateKey;

    fn sealed(&mut self) -> &mut String {
        &mut self.sealed_key
    }

    fn owner(&self) -> Option<Vec<u8>> {
        let (account, provider, id) = saml_providers::key_identity(self).ok()?;
        Some(saml_providers::key_owner(account, provider, &id))
    }
}

/// What became of a stored value.
enum Value {
    /// The active key sealed it.
    Current,
    /// The record, sealed anew.
    Resealed(Vec<u8>),
    Unreadable,
}

fn resealed<R: Holds>(
    ring: &KeyRing,
    key: &Key,
    entry: &Entry,
    random: Fill<'_>,
) -> Result<Value, DirectoryError> {
    let Ok(mut stored) = decode::<R>(key, entry) else {
        return Ok(Value::Unreadable);
    };
    let Ok(sealed) = BASE64.decode(stored.sealed().as_bytes()) else {
        return Ok(Value::Unreadable);
    };
    if sealed_by(&sealed) == Some(ring.active()) {
        return Ok(Value::Current);
    }
    let Some(owner) = stored.owner() else { return Ok(Value::Unreadable) };
    let Ok(opened) = open_value(ring, R::PURPOSE, &owner, &sealed) else {
        return Ok(Value::Unreadable);
    };
    let mut nonce = [0; Nonce::LENGTH];
    random(&mut nonce).map_err(RingsFault::from)?;
    let nonce = Nonce::from_random(nonce);
    let sealed = seal_value(ring, R::PURPOSE, &owner, nonce, &opened);
    *stored.sealed() = BASE64.encode(&sealed.map_err(DirectoryError::Seal)?);
    // A record that was read is no larger than the store takes, and nor is this one.
    Ok(encode(&stored).map_or(Value::Unreadable, Value::Resealed))
}
