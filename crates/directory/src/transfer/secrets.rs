//! The secrets of an account on their way: one block, sealed under a passphrase.
//!
//! The key is Argon2id (RFC 9106) of the passphrase, with a salt of its own, and the block is
//! AES-256-GCM under a key derived from it (see `daypass_token::seal_export`). Associated data are the
//! format, the version, the id of the export, the account, the parameters, and the SHA-256 of all of
//! the document that is in front of the block: it opens in the document that it was made for, as that
//! was written to the byte, or not at all.

use std::collections::BTreeSet;
use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use data_encoding::{BASE64, HEXLOWER};
use daypass_token::{KeyRing, MAX_EXPORT, Nonce, RingKey, RingKeyId, open_export, seal_export};
use serde::{Deserialize, Serialize};
use thiserror::Error;
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::document::{DOCUMENT_FORMAT, DOCUMENT_VERSION, Document, OpenDigest};

/// Fewest characters of a passphrase: whoever has the file can try as long as they like.
pub const MIN_PASSPHRASE: usize = 12;

/// Most bytes of a passphrase.
const MAX_PASSPHRASE: usize = 1_024;

/// Memory of the key's derivation in KiB: what RFC 9106, section 4, recommends second.
const MEMORY_KIB: u32 = 64 * 1024;
/// Passes over the memory.
const PASSES: u32 = 3;
/// Lanes.
const LANES: u32 = 4;

/// Most memory in KiB that a file may ask for.
const MAX_MEMORY_KIB: u32 = 4 * MEMORY_KIB;
/// Most passes that a file may ask for.
const MAX_PASSES: u32 = 10;
/// Most lanes that a file may ask for.
const MAX_LANES: u32 = 16;

/// Bytes of the salt.
pub(crate) const SALT: usize = 16;

/// What an operator seals secrets under: never printed, wiped when dropped.
#[derive(Clone)]
pub struct Passphrase(Zeroizing<String>);

impl Passphrase {
    /// Takes a passphrase as it was typed, or as a file holds it: a line break at its end is none of
    /// it.
    ///
    /// # Errors
    /// [`SecretsFault::Passphrase`] for one that is too short or too long.
    pub fn new(text: &str) -> Result<Self, SecretsFault> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        if text.chars().count() < MIN_PASSPHRASE || text.len() > MAX_PASSPHRASE {
            return Err(SecretsFault::Passphrase);
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for Passphrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Passphrase(…)")
    }
}

/// Why secrets cannot be sealed or opened.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum SecretsFault {
    /// Wrong passphrase, or a block that was changed or is of another file: which it is cannot be
    /// told.
    #[error(
        "the secrets do not open: the passphrase is wrong, or the file was changed since it was \
         written"
    )]
    Closed,
    /// There are secrets of something that the open part of the file does not have so.
    #[error("the secrets and the rest of the file do not agree: it is not as it was written")]
    Disagree,
    /// The parameters are none that this build takes.
    #[error("the secrets are sealed in a way that this Daypass does not know")]
    Form,
    /// The passphrase is too short or too long.
    #[error(
        "the passphrase has fewer than {MIN_PASSPHRASE} characters, or more than {MAX_PASSPHRASE} bytes"
    )]
    Passphrase,
    /// There are more secrets than fit one block.
    #[error("the secrets of the account are more than one export holds")]
    TooLarge,
}

/// What a block is sealed for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) export_id: &'a str,
    pub(crate) account: &'a str,
    /// Of the bytes of the document in front of the block.
    pub(crate) open: &'a OpenDigest,
}

/// The block as the document has it.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Sealed {
    kdf: String,
    memory_kib: u32,
    passes: u32,
    lanes: u32,
    salt: String,
    cipher: String,
    sealed: String,
}

/// What is in the block.
#[derive(Default, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Secrets {
    pub(crate) access_keys: Vec<KeySecret>,
    pub(crate) passwords: Vec<PasswordSecret>,
    pub(crate) mfa_seeds: Vec<SeedSecret>,
    #[serde(default)]
    pub(crate) saml_keys: Vec<SamlKeySecret>,
}

#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct KeySecret {
    pub(crate) id: String,
    pub(crate) user: String,
    pub(crate) active: bool,
    pub(crate) secret: String,
}

/// The hashes of a user's passwords.
#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PasswordSecret {
    pub(crate) user: String,
    pub(crate) hash: String,
    /// Those before, newest first.
    pub(crate) previous: Vec<String>,
    /// When the present one was set.
    pub(crate) changed: String,
    pub(crate) reset_required: bool,
}

#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SeedSecret {
    pub(crate) device: String,
    /// Whose it is, if it is somebody's.
    pub(crate) user: Option<String>,
    /// Base64.
    pub(crate) seed: String,
    /// The newest step of which a code was taken.
    pub(crate) last_step: Option<u64>,
    pub(crate) drift: i64,
}

/// A private key of a SAML provider.
#[derive(Clone, Deserialize, Serialize, Zeroize, ZeroizeOnDrop)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SamlKeySecret {
    pub(crate) provider: String,
    pub(crate) id: String,
    /// PKCS #8, in base64.
    pub(crate) key: String,
}

macro_rules! hidden {
    ($($secret:ident)*) => {
        $(impl fmt::Debug for $secret {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(concat!(stringify!($secret), "(…)"))
            }
        })*
    };
}

hidden!(KeySecret PasswordSecret SamlKeySecret SeedSecret Secrets);

impl Secrets {
    /// How many there are of each kind.
    pub(crate) fn marks(&self) -> [usize; 4] {
        let Self { access_keys, passwords, mfa_seeds, saml_keys } = self;
        [access_keys.len(), passwords.len(), mfa_seeds.len(), saml_keys.len()]
    }

    /// Forgets what came after those.
    pub(crate) fn back_to(&mut self, marks: [usize; 4]) {
        let [keys, passwords, seeds, saml_keys] = marks;
        self.access_keys.truncate(keys);
        self.passwords.truncate(passwords);
        self.mfa_seeds.truncate(seeds);
        self.saml_keys.truncate(saml_keys);
    }

    /// No less than the bytes that they are as JSON.
    fn room(&self) -> usize {
        let text = |text: &String| 2 * text.len() + 32;
        let keys =
            self.access_keys.iter().map(|k| text(&k.id) + text(&k.user) + text(&k.secret) + 32);
        let seeds = self
            .mfa_seeds
            .iter()
            .map(|s| text(&s.device) + s.user.as_ref().map_or(32, text) + text(&s.seed) + 96);
        let passwords = self.passwords.iter().map(|p| {
            let previous: usize = p.previous.iter().map(text).sum();
            text(&p.user) + text(&p.hash) + text(&p.changed) + previous + 64
        });
        let saml =
            self.saml_keys.iter().map(|k| text(&k.provider) + text(&k.id) + text(&k.key) + 32);
        let people = keys.sum::<usize>() + seeds.sum::<usize>() + passwords.sum::<usize>();
        320 + people + saml.sum::<usize>()
    }

    /// Seals them for a document. Slow by design: to be called where that is in nobody's way.
    pub(crate) fn seal(
        &self,
        passphrase: &Passphrase,
        document: Owner<'_>,
        salt: [u8; SALT],
        nonce: [u8; Nonce::LENGTH],
    ) -> Result<Sealed, SecretsFault> {
        let mut sealed = Sealed {
            kdf: KDF.to_owned(),
            memory_kib: MEMORY_KIB,
            passes: PASSES,
            lanes: LANES,
            salt: BASE64.encode(&salt),
            cipher: CIPHER.to_owned(),
            sealed: String::new(),
        };
        let room = self.room();
        if room > MAX_EXPORT {
            return Err(SecretsFault::TooLarge);
        }
        // Room from the start: growing would leave copies behind.
        let mut json = Zeroizing::new(Vec::with_capacity(room));
        serde_json::to_writer(&mut *json, self).map_err(|_| SecretsFault::TooLarge)?;
        let ring = sealed.ring(passphrase)?;
        let owner = sealed.owner(document);
        let bytes = seal_export(&ring, &owner, Nonce::from_random(nonce), &json);
        sealed.sealed = BASE64.encode(&bytes.map_err(|_| SecretsFault::TooLarge)?);
        Ok(sealed)
    }

    /// Opens those of a document. Slow by design.
    pub(crate) fn open(
        document: &Document,
        passphrase: &Passphrase,
    ) -> Result<Option<Self>, SecretsFault> {
        let Some(sealed) = &document.secrets else { return Ok(None) };
        let ring = sealed.ring(passphrase)?;
        // SECURITY: what decides over an entry (a boundary, a deny, whether a key is active) is in the
        // open part, and holds only as it was written.
        let open = document.open_digest.as_ref().ok_or(SecretsFault::Closed)?;
        let (export_id, account) = (&*document.export_id, &*document.account_id);
        let owner = sealed.owner(Owner { export_id, account, open });
        let bytes = BASE64.decode(sealed.sealed.as_bytes()).map_err(|_| SecretsFault::Closed)?;
        let json = open_export(&ring, &owner, &bytes).map_err(|_| SecretsFault::Closed)?;
        let secrets: Self = serde_json::from_slice(&json).map_err(|_| SecretsFault::Form)?;
        match secrets.agree(document) {
            true => Ok(Some(secrets)),
            false => Err(SecretsFault::Disagree),
        }
    }

    /// Whether each is of something that the open part has, and has so.
    pub(crate) fn agree(&self, document: &Document) -> bool {
        let users = &document.users;
        let with_password: BTreeSet<&str> =
            users.iter().filter(|user| user.has_password).map(|user| &*user.name).collect();
        let keys: BTreeSet<(&str, &str, bool)> = users
            .iter()
            .flat_map(|user| user.access_keys.iter().map(|key| (&*user.name, &*key.id, key.active)))
            .collect();
        let devices: BTreeSet<(&str, Option<&str>)> =
            document.mfa_devices.iter().map(|one| (&*one.name, one.user.as_deref())).collect();
        let saml_keys: BTreeSet<(&str, &str)> = document
            .saml_providers
            .iter()
            .flat_map(|one| one.private_keys.iter().map(|key| (&*one.name, &*key.key_id)))
            .collect();
        self.passwords.iter().all(|one| with_password.contains(&*one.user))
            && self.access_keys.iter().all(|one| keys.contains(&(&*one.user, &*one.id, one.active)))
            && self
                .mfa_seeds
                .iter()
                .all(|one| devices.contains(&(&*one.device, one.user.as_deref())))
            && self.saml_keys.iter().all(|one| saml_keys.contains(&(&*one.provider, &*one.id)))
    }
}

/// The secrets of a document, opened: never printed, wiped when dropped.
#[derive(Debug)]
pub struct OpenedSecrets(pub(crate) Secrets);

impl Document {
    /// Opens the secrets; none when there are none. It takes a second, by design, and is to be
    /// called where that is in nobody's way.
    ///
    /// # Errors
    /// [`SecretsFault`].
    pub fn open_secrets(
        &self,
        passphrase: &Passphrase,
    ) -> Result<Option<OpenedSecrets>, SecretsFault> {
        Ok(Secrets::open(self, passphrase)?.map(OpenedSecrets))
    }
}

const KDF: &str = "argon2id";
const CIPHER: &str = "aes-256-gcm";

impl Sealed {
    /// The ring of the one key that the passphrase makes.
    fn ring(&self, passphrase: &Passphrase) -> Result<KeyRing, SecretsFault> {
        let salt = BASE64.decode(self.salt.as_bytes()).map_err(|_| SecretsFault::Form)?;
        let is_known = self.kdf == KDF
            && self.cipher == CIPHER
            && salt.len() == SALT
            && self.memory_kib <= MAX_MEMORY_KIB
            && self.passes <= MAX_PASSES
            && self.lanes <= MAX_LANES;
        if !is_known {
            return Err(SecretsFault::Form);
        }
        let mut material = Zeroizing::new([0; 64]);
        let params = Params::new(self.memory_kib, self.passes, self.lanes, Some(material.len()));
        let params = params.map_err(|_| SecretsFault::Form)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        argon2
            .hash_password_into(passphrase.0.as_bytes(), &salt, material.as_mut_slice())
            .map_err(|_| SecretsFault::Form)?;
        let id = RingKeyId::new(1);
        KeyRing::new(vec![RingKey::new(id, material)], id).map_err(|_| SecretsFault::Form)
    }

    /// What the block is bound to. The texts in front have fixed lengths or their own ends.
    fn owner(&self, document: Owner<'_>) -> Vec<u8> {
        let Owner { export_id, account, open } = document;
        let open = HEXLOWER.encode(open);
        let Self { kdf, memory_kib, passes, lanes, salt, cipher, sealed: _ } = self;
        format!(
            "{DOCUMENT_FORMAT}\n{DOCUMENT_VERSION}\n{export_id}\n{account}\n{kdf} {memory_kib} \
             {passes} {lanes} {salt} {cipher}\n{open}"
        )
        .into_bytes()
    }
}
