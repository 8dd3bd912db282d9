//! Ring keys as the store holds them: one record each, under `ring/<ring>/<eight digits>`.
//!
//! The material is sealed under the key-encryption key and bound to ring and number. What stands
//! beside it (state, instants) is not: whoever writes to the store can also make accounts.

use data_encoding::BASE64;
use daypass_store::{Entry, Key, MAX_COMMIT_KEYS, MAX_SCAN, Revision, Store, StoreError};
use daypass_token::{
    Fingerprint, KeyEncryptionKey, KeyRing, Nonce, RingKey, RingKeyId, UnwrapFault,
};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::sync::Arc;
use zeroize::Zeroizing;

use super::{Fill, MOST_KEYS, RingKeyInfo, RingKeyState, RingName, RingsFault, Snapshot};

/// What all ring keys begin with.
const RINGS: &[u8] = b"ring/";

/// The largest number of a key: eight digits, so that keys are ordered by number.
const MAX_ID: u32 = 99_999_999;

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct RingKeyRecord {
    ring: String,
    id: u32,
    created: String,
    state: StateRecord,
    /// The sealed material; none when it was destroyed.
    sealed: Option<SealedRecord>,
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
enum StateRecord {
    Active,
    Retired { at: String },
    Compromised { at: String },
}

#[derive(Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct SealedRecord {
    /// The fingerprint of the key-encryption key.
    kek: String,
    /// Base64 of the sealed material.
    material: String,
}

/// A ring key with its material.
#[derive(Clone)]
pub(super) struct Held {
    pub(super) info: RingKeyInfo,
    /// INVARIANT: present exactly when `info.kek` is.
    secret: Option<Secret>,
    /// The commit that wrote the record.
    pub(super) revision: Revision,
}

/// The material, open and sealed.
#[derive(Clone)]
struct Secret {
    material: Zeroizing<[u8; 64]>,
    sealed: Vec<u8>,
}

/// All ring keys, by ring and number.
#[derive(Clone, Default)]
pub(super) struct Loaded {
    pub(super) keys: Vec<Held>,
}

impl Held {
    /// A new key, active, of fresh material.
    pub(super) fn draw(
        (ring, id): (RingName, RingKeyId),
        kek: &KeyEncryptionKey,
        random: Fill<'_>,
        now: Timestamp,
    ) -> Result<Self, RingsFault> {
        let mut material = Zeroizing::new([0; 64]);
        random(material.as_mut_slice())?;
        let state = RingKeyState::Active;
        let info = RingKeyInfo { ring, id, state, created: now, kek: None };
        Self { info, secret: None, revision: Revision::ZERO }.wrap(material, kek, random)
    }

    /// The same key, sealed anew under `kek`.
    pub(super) fn rewrapped(
        self,
        kek: &KeyEncryptionKey,
        random: Fill<'_>,
    ) -> Result<Self, RingsFault> {
        match self.secret.clone() {
            None => Ok(self),
            Some(secret) => self.wrap(secret.material, kek, random),
        }
    }

    fn wrap(
        self,
        material: Zeroizing<[u8; 64]>,
        kek: &KeyEncryptionKey,
        random: Fill<'_>,
    ) -> Result<Self, RingsFault> {
        let mut nonce = [0; Nonce::LENGTH];
        random(&mut nonce)?;
        let nonce = Nonce::from_random(nonce);
        let sealed = kek.wrap(self.info.ring.as_str(), self.info.id, nonce, &material)?;
        let info = RingKeyInfo { kek: Some(kek.fingerprint()), ..self.info };
        Ok(Self { info, secret: Some(Secret { material, sealed }), ..self })
    }

    /// The same key in another state.
    pub(super) fn with_state(self, state: RingKeyState) -> Self {
        Self { info: RingKeyInfo { state, ..self.info }, ..self }
    }

    /// The same key without its material, which nothing brings back.
    pub(super) fn destroyed(self) -> Self {
        Self { info: RingKeyInfo { kek: None, ..self.info }, secret: None, ..self }
    }

    pub(super) fn is_active(&self) -> bool {
        self.info.state == RingKeyState::Active
    }

    /// Whether it must be sealed anew under `kek`.
    pub(super) fn is_wrapped_by_other(&self, kek: &KeyEncryptionKey) -> bool {
        self.info.kek.is_some_and(|wrapped_by| wrapped_by != kek.fingerprint())
    }

    pub(super) fn key(&self) -> Result<Key, StoreError> {
        key(self.info.ring, self.info.id)
    }

    /// The record as the store holds it.
    pub(super) fn bytes(&self) -> Result<Vec<u8>, RingsFault> {
        let RingKeyInfo { ring, id, state, created, kek } = self.info;
        let at = |at: Timestamp| at.to_string();
        let record = RingKeyRecord {
            ring: ring.to_string(),
            id: id.value(),
            created: created.to_string(),
            state: match state {
                RingKeyState::Active => StateRecord::Active,
                RingKeyState::Retired { at: instant } => StateRecord::Retired { at: at(instant) },
                RingKeyState::Compromised { at: instant } => {
                    StateRecord::Compromised { at: at(instant) }
                }
            },
            sealed: kek.zip(self.secret.as_ref()).map(|(kek, secret)| SealedRecord {
                kek: kek.to_string(),
                material: BASE64.encode(&secret.sealed),
            }),
        };
        let at = self.key()?;
        serde_json::to_vec(&record)
            .map_err(|error| RingsFault::Damaged { key: at, reason: error.to_string() })
    }

    fn parse(
        at: &Key,
        entry: &Entry,
        kek: &KeyEncryptionKey,
        previous: Option<&KeyEncryptionKey>,
    ) -> Result<Self, RingsFault> {
        let damaged = |reason: &str| RingsFault::Damaged { key: at.clone(), reason: reason.into() };
        let record: RingKeyRecord =
            serde_json::from_slice(&entry.value).map_err(|error| damaged(&error.to_string()))?;
        let ring = RingName::parse(&record.ring).ok_or_else(|| damaged("the ring is unknown"))?;
        let id = RingKeyId::new(record.id);
        if record.id > MAX_ID || key(ring, id)? != *at {
            return Err(damaged("the record belongs to another key"));
        }
        let instant = |text: &str| text.parse().map_err(|_| damaged("an instant is none"));
        let state = match &record.state {
            StateRecord::Active => RingKeyState::Active,
            StateRecord::Retired { at } => RingKeyState::Retired { at: instant(at)? },
            StateRecord::Compromised { at } => RingKeyState::Compromised { at: instant(at)? },
        };
        let created = instant(&record.created)?;
        let mut info = RingKeyInfo { ring, id, state, created, kek: None };
        let secret = match record.sealed {
            None => None,
            Some(record) => {
                let named = Fingerprint::parse(&record.kek)
                    .ok_or_else(|| damaged("the key-encryption key's name is none"))?;
                let with = [Some(kek), previous].into_iter().flatten();
                let with = with.into_iter().find(|kek| kek.fingerprint() == named);
                let wrong = RingsFault::WrongKey { expected: named, given: kek.fingerprint() };
                let with = with.ok_or(wrong)?;
                let sealed = BASE64.decode(record.material.as_bytes());
                let sealed = sealed.map_err(|_| damaged("the material is no base64"))?;
                let material =
                    with.unwrap(ring.as_str(), id, &sealed).map_err(|fault| match fault {
                        UnwrapFault::WrongKey { .. } => {
                            damaged("the material is sealed under another key than the record says")
                        }
                        UnwrapFault::Damaged(cause) => damaged(&cause.to_string()),
                    })?;
                info.kek = Some(named);
                Some(Secret { material, sealed })
            }
        };
        let compromised_session =
            ring == RingName::Sessions && matches!(state, RingKeyState::Compromised { .. });
        if secret.is_none() != compromised_session {
            return Err(damaged("the material does not go with the state"));
        }
        Ok(Self { info, secret, revision: entry.revision })
    }
}

/// Reads all ring keys.
pub(super) async fn load(
    store: &dyn Store,
    kek: &KeyEncryptionKey,
    previous: Option<&KeyEncryptionKey>,
) -> Result<Loaded, RingsFault> {
    // Both rings together fit one scan, so all records are of one instant.
    const { assert!(MOST_KEYS * RingName::ALL.len() < MAX_SCAN) };
    // And one commit writes all of them on their condition, and a note.
    const { assert!(2 * (MOST_KEYS * RingName::ALL.len() + 1) <= MAX_COMMIT_KEYS) };
    let found = store.scan(RINGS, None, MAX_SCAN).await?;
    let parse = |(key, entry): &(Key, Entry)| Held::parse(key, entry, kek, previous);
    let keys = found.iter().map(parse).collect::<Result<Vec<_>, _>>()?;
    let loaded = Loaded { keys };
    for ring in RingName::ALL {
        if loaded.of(ring).count() > MOST_KEYS {
            return Err(RingsFault::TooManyKeys { ring });
        }
        // The first keys of both rings are one commit.
        if !loaded.keys.is_empty() && loaded.of(ring).next().is_none() {
            return Err(RingsFault::Missing { ring });
        }
    }
    Ok(loaded)
}

impl Loaded {
    pub(super) fn of(&self, ring: RingName) -> impl Iterator<Item = &Held> {
        self.keys.iter().filter(move |held| held.info.ring == ring)
    }

    /// The active key of a ring: there is exactly one.
    pub(super) fn active(&self, ring: RingName) -> Result<&Held, RingsFault> {
        let mut active = self.of(ring).filter(|held| held.is_active());
        match (active.next(), active.next()) {
            (Some(held), None) => Ok(held),
            (None, _) => Err(RingsFault::Missing { ring }),
            (Some(_), Some(second)) => Err(RingsFault::Damaged {
                key: second.key()?,
                reason: "two keys of the ring are active".to_owned(),
            }),
        }
    }

    /// The number of the next key of a ring, and the keys that go to make room for it when the
    /// ring has `most` already: those whose material was destroyed longest ago.
    pub(super) fn next(
        &self,
        ring: RingName,
        most: usize,
    ) -> Result<(RingKeyId, Vec<Held>), RingsFault> {
        // The newest key is the active one or was made after it: its number is never free again.
        let last = self.of(ring).map(|held| held.info.id.value()).max().unwrap_or(0);
        let next = last.checked_add(1).filter(|next| *next <= MAX_ID);
        let over = (self.of(ring).count() + 1).saturating_sub(most);
        let mut removed: Vec<Held> =
            self.of(ring).filter(|held| held.secret.is_none()).cloned().collect();
        removed.sort_by_key(|held| match held.info.state {
            RingKeyState::Compromised { at } => (Some(at), held.info.id),
            _ => (None, held.info.id),
        });
        match next {
            Some(next) if over <= removed.len() => {
                removed.truncate(over);
                Ok((RingKeyId::new(next), removed))
            }
            _ => Err(RingsFault::TooManyKeys { ring }),
        }
    }

    /// The same keys after a change that the commit of `revision` made.
    pub(super) fn after(&self, put: &[Held], removed: &[Held], revision: Revision) -> Self {
        let is = |one: &Held, other: &Held| {
            (one.info.ring, one.info.id) == (other.info.ring, other.info.id)
        };
        let kept = self
            .keys
            .iter()
            .filter(|held| !put.iter().chain(removed).any(|changed| is(held, changed)));
        let put = put.iter().map(|held| Held { revision, ..held.clone() });
        let mut keys: Vec<Held> = kept.cloned().chain(put).collect();
        keys.sort_by_key(|held| (held.info.ring, held.info.id));
        Self { keys }
    }

    fn ring(&self, ring: RingName) -> Result<Arc<KeyRing>, RingsFault> {
        let active = self.active(ring)?;
        let opens = self.of(ring).filter_map(|held| {
            let secret = held.secret.as_ref()?;
            Some(RingKey::new(held.info.id, secret.material.clone()))
        });
        let made = KeyRing::new(opens.collect(), active.info.id);
        let damaged = |reason: String| -> Result<RingsFault, StoreError> {
            Ok(RingsFault::Damaged { key: active.key()?, reason })
        };
        match made {
            Ok(ring) => Ok(Arc::new(ring)),
            Err(fault) => Err(damaged(fault.to_string())?),
        }
    }
}

impl Snapshot {
    pub(super) fn of(loaded: &Loaded) -> Result<Self, RingsFault> {
        let active = loaded.active(RingName::Data)?;
        Ok(Self {
            sessions: loaded.ring(RingName::Sessions)?,
            data: loaded.ring(RingName::Data)?,
            active_data: (active.key()?, active.revision),
            keys: loaded.keys.iter().map(|held| held.info).collect(),
        })
    }
}

fn key(ring: RingName, id: RingKeyId) -> Result<Key, StoreError> {
    Key::new(format!("ring/{ring}/{:08}", id.value()))
}
