//! The key-encryption key: what ring keys are sealed under at rest.
//!
//! It is a ring of one key whose number is its fingerprint, so that what was sealed under another
//! key-encryption key is told apart from what is damaged. It seals ring keys and nothing else.

use std::fmt;

use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::crypto::derive;
use crate::{
    KeyRing, Nonce, OpenCause, Purpose, RingKey, RingKeyId, SealFault, open_value, seal_value,
};

/// Bytes of a key-encryption key.
const LENGTH: usize = 32;

/// Labels of the two derivations. Neither result tells anything about the other or about the key.
const RING_LABEL: &[u8] = b"daypass key-encryption ring";
const FINGERPRINT_LABEL: &[u8] = b"daypass key-encryption fingerprint";

/// A key-encryption key: 32 secret random bytes, wiped on drop, never printed.
///
/// Whoever has it and the store can open every session and every stored secret: it does not
/// belong into a backup.
#[derive(Clone)]
pub struct KeyEncryptionKey {
    bytes: Zeroizing<[u8; LENGTH]>,
    /// One key, made of `bytes`, whose number is the fingerprint.
    ring: KeyRing,
    fingerprint: Fingerprint,
}

/// A public name of a key-encryption key: eight lower-case hexadecimal digits.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Fingerprint(u32);

/// A text is no key-encryption key. It never repeats the text.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error(
    "the key-encryption key must be 32 random bytes in standard base64: 44 characters, the last \
     of them `=`"
)]
pub struct KekFault;

/// Why a ring key was not opened.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum UnwrapFault {
    /// It was sealed under another key-encryption key.
    #[error("sealed under key-encryption key {expected}, not {given}")]
    WrongKey {
        /// The key that it was sealed under.
        expected: Fingerprint,
        /// The key that it was to be opened with.
        given: Fingerprint,
    },
    /// It was sealed under this key, but was altered or belongs to another ring or number.
    #[error("the sealed ring key is damaged: {0}")]
    Damaged(OpenCause),
}

impl KeyEncryptionKey {
    /// The key of 32 bytes that were drawn at random for it alone.
    ///
    /// # Errors
    /// [`SealFault::Crypto`] when the cryptographic library fails.
    pub fn from_random(bytes: [u8; LENGTH]) -> Result<Self, SealFault> {
        let bytes = Zeroizing::new(bytes);
        let derived = |label| derive::<64>(&bytes, &[], &[label]).map_err(|_| SealFault::Crypto);
        let named = derive::<4>(&bytes, &[], &[FINGERPRINT_LABEL]);
        let fingerprint = Fingerprint(u32::from_be_bytes(*named.map_err(|_| SealFault::Crypto)?));
        let id = RingKeyId::new(fingerprint.0);
        let key = RingKey::new(id, derived(RING_LABEL)?);
        let ring = KeyRing::new(vec![key], id).map_err(|_| SealFault::Crypto)?;
        Ok(Self { bytes, ring, fingerprint })
    }

    /// Parses what [`KeyEncryptionKey::to_text`] gives; one line end behind it is allowed.
    ///
    /// # Errors
    /// [`KekFault`] for everything else: another length, other characters, white space.
    pub fn parse(text: &str) -> Result<Self, KekFault> {
        let text = text.strip_suffix('\n').unwrap_or(text);
        let text = text.strip_suffix('\r').unwrap_or(text);
        // The length comes first: the decoder takes padded texts that were joined.
        if text.len() != BASE64.encode_len(LENGTH) {
            return Err(KekFault);
        }
        let decoded = BASE64.decode(text.as_bytes()).map(Zeroizing::new).map_err(|_| KekFault)?;
        let mut bytes = Zeroizing::new([0; LENGTH]);
        if decoded.len() != LENGTH {
            return Err(KekFault);
        }
        bytes.copy_from_slice(&decoded);
        Self::from_random(*bytes).map_err(|_| KekFault)
    }

    /// The key as text, for the file that holds it: 44 characters of base64, no line end.
    pub fn to_text(&self) -> Zeroizing<String> {
        Zeroizing::new(BASE64.encode(self.bytes.as_slice()))
    }

    /// What the key is called in records, messages and logs.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// Seals the material of a ring key, bound to the name of its ring and its number.
    ///
    /// `nonce` must have been drawn for this alone.
    ///
    /// # Errors
    /// [`SealFault::Crypto`] when the cryptographic library fails.
    pub fn wrap(
        &self,
        ring: &str,
        id: RingKeyId,
        nonce: Nonce,
        material: &[u8; 64],
    ) -> Result<Vec<u8>, SealFault> {
        seal_value(&self.ring, Purpose::RingKey, &owner(ring, id), nonce, material)
    }

    /// Opens what [`KeyEncryptionKey::wrap`] sealed for the same ring and number.
    ///
    /// # Errors
    /// [`UnwrapFault::WrongKey`] or [`UnwrapFault::Damaged`].
    pub fn unwrap(
        &self,
        ring: &str,
        id: RingKeyId,
        sealed: &[u8],
    ) -> Result<Zeroizing<[u8; 64]>, UnwrapFault> {
        let opened = open_value(&self.ring, Purpose::RingKey, &owner(ring, id), sealed);
        let opened = opened.map_err(|fault| match fault.cause() {
            OpenCause::UnknownRingKey(id) => {
                UnwrapFault::WrongKey { expected: Fingerprint(id.value()), given: self.fingerprint }
            }
            cause => UnwrapFault::Damaged(cause),
        })?;
        let mut material = Zeroizing::new([0; 64]);
        if opened.len() != material.len() {
            return Err(UnwrapFault::Damaged(OpenCause::Length));
        }
        material.copy_from_slice(&opened);
        Ok(material)
    }
}

/// Whom a sealed ring key is bound to. No ring's name has a slash.
fn owner(ring: &str, id: RingKeyId) -> Vec<u8> {
    format!("{ring}/{id}").into_bytes()
}

impl fmt::Debug for KeyEncryptionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyEncryptionKey({}, …)", self.fingerprint)
    }
}

impl Fingerprint {
    /// Parses what it prints, in lower case only.
    pub fn parse(text: &str) -> Option<Self> {
        let plain = text.len() == 8
            && text.bytes().all(|byte| byte.is_ascii_digit() || matches!(byte, b'a'..=b'f'));
        if !plain {
            return None;
        }
        u32::from_str_radix(text, 16).ok().map(Self)
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}", self.0)
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kek(fill: u8) -> KeyEncryptionKey {
        KeyEncryptionKey::from_random([fill; 32]).unwrap()
    }

    const ID: RingKeyId = RingKeyId::new(3);

    fn wrapped(fill: u8) -> Vec<u8> {
        kek(fill).wrap("sessions", ID, Nonce::from_random([9; 24]), &[0x5a; 64]).unwrap()
    }

    #[test]
    fn a_key_parses_as_it_is_written_and_no_other_way() {
        let text = kek(0xab).to_text();
        assert_eq!(text.len(), 44);
        for good in [text.to_string(), format!("{}\n", *text), format!("{}\r\n", *text)] {
            assert_eq!(*KeyEncryptionKey::parse(&good).unwrap().bytes, [0xab; 32]);
        }
        let bad = [
            String::new(),
            "\n".to_owned(),
            format!("{}\n\n", *text),
            format!(" {}", *text),
            format!("{} ", *text),
            text.trim_end_matches('=').to_owned(),
            text.replace('=', ""),
            // Trailing bits that no encoder writes.
            text.replace("s=", "t="),
            // Hexadecimal, which is longer, and 33 bytes, which are as long as 32 in base64.
            "ab".repeat(32),
            BASE64.encode(&[1; 33]),
            BASE64.encode(&[1; 31]),
            data_encoding::BASE64URL.encode(&[0xff; 32]),
        ];
        for text in bad {
            assert!(KeyEncryptionKey::parse(&text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_ring_key_opens_under_its_key_ring_and_number_only() {
        let sealed = wrapped(1);
        assert_eq!(*kek(1).unwrap("sessions", ID, &sealed).unwrap(), [0x5a; 64]);
        let damaged = |fault| assert!(matches!(fault, UnwrapFault::Damaged(_)), "{fault}");
        damaged(kek(1).unwrap("data", ID, &sealed).unwrap_err());
        damaged(kek(1).unwrap("sessions", RingKeyId::new(4), &sealed).unwrap_err());
        damaged(kek(1).unwrap("sessions", ID, &[]).unwrap_err());
        let (one, two) = (kek(1).fingerprint(), kek(2).fingerprint());
        let wrong = UnwrapFault::WrongKey { expected: one, given: two };
        assert_eq!(kek(2).unwrap("sessions", ID, &sealed).unwrap_err(), wrong);
    }

    #[test]
    fn fingerprints_print_as_they_parse_and_tell_keys_apart() {
        let one = kek(1).fingerprint();
        assert_ne!(one, kek(2).fingerprint());
        assert_eq!(one.to_string().len(), 8);
        assert_eq!(Fingerprint::parse(&one.to_string()), Some(one));
        for bad in ["", "abcdef0", "ABCDEF01", "+bcdef01", "abcdef012", "0xabcdef"] {
            assert_eq!(Fingerprint::parse(bad), None, "{bad}");
        }
    }

    /// If this fails, no key-encryption key that is in use opens its rings any longer.
    #[test]
    fn the_derivation_is_what_it_was() {
        assert_eq!(
            kek(7).fingerprint().to_string(),
            include_str!("../tests/golden/kek.fingerprint").trim_end()
        );
        let sealed = BASE64.encode(&wrapped(7));
        assert_eq!(sealed, include_str!("../tests/golden/ring-key.value").trim_end());
    }

    #[test]
    fn nothing_of_a_key_prints() {
        let key = kek(0xab);
        let printed = format!("{key:?} {}", KekFault);
        assert!(!printed.contains(key.to_text().as_str()));
        assert!(printed.contains("…"));
    }

    proptest! {
        #![proptest_config(ProptestConfig {
            cases: 64, failure_persistence: None, ..ProptestConfig::default()
        })]

        #[test]
        fn any_flipped_bit_is_refused(at in any::<prop::sample::Index>()) {
            let mut sealed = wrapped(1);
            let bit = at.index(sealed.len() * 8);
            sealed[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(kek(1).unwrap("sessions", ID, &sealed).is_err());
        }

        #[test]
        fn no_text_panics(text in ".{0,60}", bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            drop(KeyEncryptionKey::parse(&text));
            prop_assert!(kek(1).unwrap("data", ID, &bytes).is_err());
        }
    }
}
