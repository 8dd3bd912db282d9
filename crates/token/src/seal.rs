//! Sealing and opening: the outer layout, its keys and its limits.
//!
//! `version (1) | ring key id (4, big-endian) | nonce (24) | ciphertext and tag`. Key and IV are
//! derived for each nonce and purpose, and the header, the purpose and the owner (of a session:
//! its access key id) are associated data. A session token is that in standard base64 with
//! padding.

use std::fmt;

use data_encoding::BASE64;
use daypass_names::{AccessKeyId, SecretAccessKey};
use zeroize::Zeroizing;

use crate::crypto::{CryptoFault, SealingKey, TAG_LENGTH, derive};
use crate::{
    KeyRing, Nonce, OpenCause, OpenFault, RingKey, RingKeyId, SealFault, Session, SessionId, body,
};

/// Most characters of a session token, as returned.
pub const MAX_TOKEN: usize = 4096;

/// Most bytes of a value that [`seal_value`] takes: secrets, page markers and authorisation
/// messages are far smaller.
pub const MAX_VALUE: usize = 64 * 1024;

/// Most bytes of the secrets of an account that [`seal_export`] takes.
pub const MAX_EXPORT: usize = 64 << 20;

/// The layout that this build writes, and the only one that it reads.
const VERSION: u8 = 1;

/// Bytes in front of the ciphertext.
pub(crate) const HEADER_LENGTH: usize = 1 + 4 + Nonce::LENGTH;

/// Associated data up to this length is put together without memory from the heap: that of every
/// session, whose access key id has at most 128 characters.
const ASSOCIATED_ROOM: usize = 192;

/// Label of the key derivation of secret access keys; those of AEAD keys are in
/// [`Purpose::label`]. No label is the beginning of another together with the zero byte that
/// ends it.
const SECRET_LABEL: &[u8] = b"daypass secret access key";
pub(crate) const SESSION_LABEL: &[u8] = b"daypass session";
const EXPORT_LABEL: &[u8] = b"daypass export";

/// What a sealed value is for. Every purpose has keys of its own: what is sealed for one never
/// opens as another, nor as a session.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Purpose {
    /// A secret that has to be recoverable, in the store.
    StoredSecret,
    /// The seed of a virtual MFA device, in the store.
    MfaSeed,
    /// The private key of a SAML provider, in the store.
    SamlPrivateKey,
    /// The marker of a page of a listing.
    PageMarker,
    /// The encoded message of a refused request.
    AuthorizationMessage,
    /// The material of a ring key, in the store. Only a
    /// [`KeyEncryptionKey`](crate::KeyEncryptionKey) seals for it.
    RingKey,
}

impl Purpose {
    fn label(self) -> &'static [u8] {
        match self {
            Self::StoredSecret => b"daypass stored secret",
            Self::MfaSeed => b"daypass mfa seed",
            Self::SamlPrivateKey => b"daypass saml private key",
            Self::PageMarker => b"daypass page marker",
            Self::AuthorizationMessage => b"daypass authorization message",
            Self::RingKey => b"daypass ring key",
        }
    }
}

/// A session's credentials, ready to be handed out.
#[derive(Clone)]
pub struct Sealed {
    /// The session token: base64, at most [`MAX_TOKEN`] characters.
    pub token: String,
    /// The secret access key that belongs to it.
    pub secret: SecretAccessKey,
    /// The identity of the session.
    pub id: SessionId,
    /// The token's length as a share of [`MAX_TOKEN`], in percent, rounded up
    /// (`SessionTokenUtilization`).
    pub utilization_percent: u8,
    /// The share that session policies and tags take of [`PACKED_LIMIT`](crate::PACKED_LIMIT), in
    /// percent, rounded up (`PackedPolicySize`); none when there are none.
    pub packed_policy_size: Option<u8>,
}

impl fmt::Debug for Sealed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sealed").field("id", &self.id).finish_non_exhaustive()
    }
}

/// A session token that was opened.
#[derive(Clone, Debug)]
pub struct Opened {
    /// What the token says.
    pub session: Session,
    /// The identity of the session.
    pub id: SessionId,
    /// What the secret is derived from.
    key: RingKey,
    access_key_id: AccessKeyId,
}

impl Opened {
    /// The secret access key that belongs to the session. It is derived here and not before,
    /// because it takes half as long again as opening (1.0 beside 2.2 microseconds), and who still
    /// knows the session's signing key does not need it.
    ///
    /// # Errors
    /// An [`OpenFault`] when the cryptographic library fails.
    pub fn secret(&self) -> Result<SecretAccessKey, OpenFault> {
        let nonce = Nonce::from_random(*self.id.as_bytes());
        let derived = secret(&self.key, nonce, &self.access_key_id);
        Ok(derived.map_err(|_| OpenCause::Contents("the secret access key cannot be derived"))?)
    }
}

/// Seals `session` for `access_key_id` with the active key of `ring`.
///
/// `nonce` must have been drawn for this session alone.
///
/// # Errors
/// [`SealFault::PackedPolicyTooLarge`] when session policies and tags are too large,
/// [`SealFault::ChainTooDeep`] when the chain is, [`SealFault::TokenTooLong`] when the whole is.
pub fn seal_session(
    ring: &KeyRing,
    nonce: Nonce,
    access_key_id: &AccessKeyId,
    session: &Session,
) -> Result<Sealed, SealFault> {
    seal_session_padded(ring, nonce, access_key_id, session, 0)
}

/// The same with a token of at least `least` characters: what it lacks is filled up inside the
/// seal.
///
/// # Errors
/// As for [`seal_session`]; [`SealFault::TokenTooLong`] also when `least` is more than
/// [`MAX_TOKEN`].
pub fn seal_session_padded(
    ring: &KeyRing,
    nonce: Nonce,
    access_key_id: &AccessKeyId,
    session: &Session,
    least: usize,
) -> Result<Sealed, SealFault> {
    if least > MAX_TOKEN {
        return Err(SealFault::TokenTooLong { length: least });
    }
    let mut sealed = Vec::new();
    let behind = HEADER_LENGTH + TAG_LENGTH;
    let packed_percent = body::encode(session, &mut sealed, behind)?;
    // The fewest bytes that base64 writes in so many characters: three in each four, and of the
    // last four one is enough.
    let least = (least.div_ceil(4) * 3).saturating_sub(2);
    body::pad(&mut sealed, least.saturating_sub(behind));
    let length = BASE64.encode_len(sealed.len() + behind);
    if length > MAX_TOKEN {
        return Err(SealFault::TokenTooLong { length });
    }
    let owner = access_key_id.as_str().as_bytes();
    seal_in_place(ring, SESSION_LABEL, owner, nonce, &mut sealed)?;
    let secret = secret(ring.active_key(), nonce, access_key_id).map_err(|_| SealFault::Crypto)?;
    Ok(Sealed {
        token: BASE64.encode(&sealed),
        secret,
        id: SessionId::from(nonce),
        // INVARIANT: both shares are 100 at most, as was checked here and when packing.
        utilization_percent: u8::try_from((length * 100).div_ceil(MAX_TOKEN)).unwrap_or(100),
        packed_policy_size: packed_percent.map(|share| u8::try_from(share).unwrap_or(100)),
    })
}

/// Opens a session token that was presented with `access_key_id`.
///
/// It does not look at the clock or at revocations: the caller must.
///
/// # Errors
/// One [`OpenFault`] for whatever is wrong; only its cause tells more, for the log.
pub fn open_session(
    ring: &KeyRing,
    token: &str,
    access_key_id: &AccessKeyId,
) -> Result<Opened, OpenFault> {
    if token.len() > MAX_TOKEN {
        return Err(OpenCause::Length.into());
    }
    let mut sealed = decode_token(token)?;
    let opened = open(ring, SESSION_LABEL, access_key_id.as_str().as_bytes(), &mut sealed)?;
    let session = body::decode(opened.contents)?;
    let access_key_id = access_key_id.clone();
    let id = SessionId::from(opened.nonce);
    Ok(Opened { session, id, key: opened.key.clone(), access_key_id })
}

/// The bytes of a token, if it is exactly what encoding them gives: one session has one token.
///
/// The decoder refuses everything else (other characters, missing padding, trailing bits) but
/// padded texts that were joined, so padding may stand at the end only.
pub(crate) fn decode_token(token: &str) -> Result<Vec<u8>, OpenCause> {
    let (front, _) = token.as_bytes().split_last_chunk::<4>().unwrap_or((&[], &[0; 4]));
    if front.contains(&b'=') {
        return Err(OpenCause::Encoding);
    }
    BASE64.decode(token.as_bytes()).map_err(|_| OpenCause::Encoding)
}

/// Seals `value` for `purpose` with the active key of `ring`, bound to `owner`: whoever opens it
/// must name the same purpose and owner.
///
/// `nonce` must have been drawn for this value alone. The result is binary and 45 bytes longer
/// than the value.
///
/// # Errors
/// [`SealFault::ValueTooLong`] beyond [`MAX_VALUE`] bytes.
pub fn seal_value(
    ring: &KeyRing,
    purpose: Purpose,
    owner: &[u8],
    nonce: Nonce,
    value: &[u8],
) -> Result<Vec<u8>, SealFault> {
    if value.len() > MAX_VALUE {
        return Err(SealFault::ValueTooLong { length: value.len() });
    }
    seal(ring, purpose.label(), owner, nonce, value)
}

/// Opens what [`seal_value`] sealed for the same purpose and owner.
///
/// # Errors
/// One [`OpenFault`] for whatever is wrong; only its cause tells more, for the log.
pub fn open_value(
    ring: &KeyRing,
    purpose: Purpose,
    owner: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFault> {
    if sealed.len() > HEADER_LENGTH + MAX_VALUE + TAG_LENGTH {
        return Err(OpenCause::Length.into());
    }
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let opened = open(ring, purpose.label(), owner, &mut buffer)?;
    Ok(Zeroizing::new(opened.contents.to_vec()))
}

/// Seals the secrets of an exported account, as [`seal_value`] does a value. `ring` holds the one key
/// that was made of the operator's passphrase; it is no ring of the deployment.
///
/// # Errors
/// [`SealFault::ValueTooLong`] beyond [`MAX_EXPORT`] bytes.
pub fn seal_export(
    ring: &KeyRing,
    owner: &[u8],
    nonce: Nonce,
    secrets: &[u8],
) -> Result<Vec<u8>, SealFault> {
    if secrets.len() > MAX_EXPORT {
        return Err(SealFault::ValueTooLong { length: secrets.len() });
    }
    seal(ring, EXPORT_LABEL, owner, nonce, secrets)
}

/// Opens what [`seal_export`] sealed with the same key and owner.
///
/// # Errors
/// One [`OpenFault`] for whatever is wrong: that a passphrase is wrong and that something was changed
/// look the same.
pub fn open_export(
    ring: &KeyRing,
    owner: &[u8],
    sealed: &[u8],
) -> Result<Zeroizing<Vec<u8>>, OpenFault> {
    if sealed.len() > HEADER_LENGTH + MAX_EXPORT + TAG_LENGTH {
        return Err(OpenCause::Length.into());
    }
    let mut buffer = Zeroizing::new(sealed.to_vec());
    let length = open(ring, EXPORT_LABEL, owner, &mut buffer)?.contents.len();
    // The contents stand behind the header: nothing is copied to other memory.
    buffer.drain(..HEADER_LENGTH);
    buffer.truncate(length);
    Ok(buffer)
}

/// The ring key that a sealed value names as its own; none when it is too short or of a layout
/// that this build does not know. Nothing is verified.
pub fn sealed_by(sealed: &[u8]) -> Option<RingKeyId> {
    let [version, a, b, c, d, ..] = *sealed.first_chunk::<HEADER_LENGTH>()?;
    (version == VERSION).then(|| RingKeyId::new(u32::from_be_bytes([a, b, c, d])))
}

pub(crate) fn seal(
    ring: &KeyRing,
    label: &[u8],
    owner: &[u8],
    nonce: Nonce,
    contents: &[u8],
) -> Result<Vec<u8>, SealFault> {
    // Room for everything from the start: growing would leave a copy of the contents behind. They
    // are wiped should sealing fail.
    let mut sealed =
        Zeroizing::new(Vec::with_capacity(HEADER_LENGTH + contents.len() + TAG_LENGTH));
    sealed.extend_from_slice(contents);
    seal_in_place(ring, label, owner, nonce, &mut sealed)?;
    Ok(std::mem::take(&mut *sealed))
}

/// Turns contents into what is sealed: header, ciphertext, tag. Nothing is copied to other memory
/// when there is room for header and tag.
fn seal_in_place(
    ring: &KeyRing,
    label: &[u8],
    owner: &[u8],
    nonce: Nonce,
    contents: &mut Vec<u8>,
) -> Result<(), SealFault> {
    let ring_key = ring.active_key();
    let [a, b, c, d] = ring_key.id().value().to_be_bytes();
    let mut header = [0; HEADER_LENGTH];
    let (front, rest) = header.split_at_mut(HEADER_LENGTH - Nonce::LENGTH);
    front.copy_from_slice(&[VERSION, a, b, c, d]);
    rest.copy_from_slice(nonce.as_bytes());
    let tag = with_associated(&header, label, owner, |associated| {
        sealing_key(ring_key, label, nonce).and_then(|key| key.seal(associated, contents))
    });
    contents.extend_from_slice(tag.map_err(|_| SealFault::Crypto)?.as_ref());
    contents.extend_from_slice(&header);
    contents.rotate_right(HEADER_LENGTH);
    Ok(())
}

/// What the layout holds, verified and decrypted.
struct Inner<'a> {
    contents: &'a [u8],
    key: &'a RingKey,
    nonce: Nonce,
}

fn open<'a>(
    ring: &'a KeyRing,
    label: &[u8],
    owner: &[u8],
    sealed: &'a mut [u8],
) -> Result<Inner<'a>, OpenCause> {
    let (header, ciphertext) =
        sealed.split_first_chunk_mut::<HEADER_LENGTH>().ok_or(OpenCause::Length)?;
    let [version, a, b, c, d, nonce @ ..] = *header;
    if version != VERSION {
        return Err(OpenCause::Version(version));
    }
    let id = RingKeyId::new(u32::from_be_bytes([a, b, c, d]));
    let key = ring.key(id).ok_or(OpenCause::UnknownRingKey(id))?;
    let nonce = Nonce::from_random(nonce);
    let length = with_associated(header, label, owner, |associated| {
        sealing_key(key, label, nonce).and_then(|key| key.open(associated, ciphertext))
    });
    let length = length.map_err(|_| OpenCause::Tampered)?;
    let contents = ciphertext.get(..length).ok_or(OpenCause::Tampered)?;
    Ok(Inner { contents, key, nonce })
}

/// AEAD key and IV of the sealed thing with that nonce: HKDF-SHA256 of the sealing material, salt
/// is the nonce, info the label.
fn sealing_key(key: &RingKey, label: &[u8], nonce: Nonce) -> Result<SealingKey, CryptoFault> {
    SealingKey::derive(key.sealing(), nonce.as_bytes(), &[label])
}

/// Calls `act` with the associated data: header, label, a zero byte, owner. The header's length is
/// fixed and labels have no zero byte, so no two triples give the same bytes.
fn with_associated<T>(
    header: &[u8; HEADER_LENGTH],
    label: &[u8],
    owner: &[u8],
    act: impl FnOnce(&[u8]) -> T,
) -> T {
    let pieces: [&[u8]; 4] = [header, label, &[0], owner];
    let mut room = [0; ASSOCIATED_ROOM];
    let length = pieces.iter().map(|piece| piece.len()).sum();
    let Some(associated) = room.get_mut(..length) else { return act(&pieces.concat()) };
    let mut rest = &mut *associated;
    for piece in pieces {
        // INVARIANT: the pieces are as long together as the room that was taken for them.
        let Some((place, behind)) = rest.split_at_mut_checked(piece.len()) else { break };
        place.copy_from_slice(piece);
        rest = behind;
    }
    act(associated)
}

/// The secret access key of a session: HKDF-SHA256 of the secret-key material, salt is the nonce,
/// info the label, a zero byte and the access key id.
///
/// SECURITY: the material is not the one that seals, and both nonce and access key id enter:
/// neither a token nor an access key id determines a secret.
fn secret(
    key: &RingKey,
    nonce: Nonce,
    access_key_id: &AccessKeyId,
) -> Result<SecretAccessKey, CryptoFault> {
    let info: [&[u8]; 3] = [SECRET_LABEL, &[0], access_key_id.as_str().as_bytes()];
    let bytes = derive::<30>(key.secrets(), nonce.as_bytes(), &info)?;
    Ok(SecretAccessKey::from_bytes(&bytes))
}
