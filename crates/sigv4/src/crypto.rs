//! The few cryptographic operations that SigV4 needs: SHA-256, HMAC-SHA-256 and a comparison of
//! signatures in constant time. It refuses to choose: there is one algorithm for each.

use std::fmt;

use aws_lc_rs::{digest, hmac};
use data_encoding::HEXLOWER;
use zeroize::Zeroizing;

/// Length of a SHA-256 digest and of an HMAC-SHA-256 tag.
const LENGTH: usize = 32;

/// The hash of a body, of a canonical request: 64 lower-case hexadecimal digits.
pub(crate) fn sha256_hex(bytes: &[u8]) -> [u8; 2 * LENGTH] {
    let mut digits = [0; 2 * LENGTH];
    // INVARIANT: a digest has as many bytes as fill the digits, so the encoder cannot panic.
    HEXLOWER.encode_mut(digest::digest(&digest::SHA256, bytes).as_ref(), &mut digits);
    digits
}

/// A hash that is fed piece by piece.
pub(crate) struct Hasher(digest::Context);

impl Hasher {
    /// SHA-256, which signatures are made of.
    pub(crate) fn sha256() -> Self {
        Self::of(&digest::SHA256)
    }

    pub(crate) fn sha512() -> Self {
        Self::of(&digest::SHA512)
    }

    /// SHA-1: only for the checksums of clients that still use it. It proves nothing here that a
    /// signature does not prove.
    pub(crate) fn sha1() -> Self {
        Self::of(&digest::SHA1_FOR_LEGACY_USE_ONLY)
    }

    fn of(algorithm: &'static digest::Algorithm) -> Self {
        Self(digest::Context::new(algorithm))
    }

    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.0.update(bytes);
    }

    pub(crate) fn finish(self) -> digest::Digest {
        self.0.finish()
    }

    /// The hash as 64 lower-case hexadecimal digits; of SHA-256 only.
    pub(crate) fn finish_hex(self) -> String {
        HEXLOWER.encode(self.finish().as_ref())
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hasher(…)")
    }
}

/// Whether two texts of public length are the same, in the same time wherever they differ.
pub(crate) fn same(one: &[u8], other: &[u8]) -> bool {
    aws_lc_rs::constant_time::verify_slices_are_equal(one, other).is_ok()
}

/// The bytes of a SHA-256 in 64 lower-case hexadecimal digits.
pub(crate) fn parse_sha256(text: &str) -> Option<[u8; LENGTH]> {
    Signature::parse(text).map(|Signature(bytes)| bytes)
}

/// The digits of a SHA-256.
pub(crate) fn hex(bytes: &[u8; LENGTH]) -> [u8; 2 * LENGTH] {
    let mut digits = [0; 2 * LENGTH];
    // INVARIANT: as many digits as the bytes need, so the encoder cannot panic.
    HEXLOWER.encode_mut(bytes, &mut digits);
    digits
}

/// An HMAC-SHA-256 key, prepared: its inner and outer pads are hashed already. The library wipes
/// it when it is dropped.
pub(crate) struct MacKey(hmac::Key);

impl MacKey {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA256, bytes))
    }

    /// The key whose bytes are the tag of `message` under this one: a step of a key derivation.
    pub(crate) fn derive(&self, message: &[u8]) -> Self {
        let mut bytes = Zeroizing::new([0; LENGTH]);
        // A buffer of the right length cannot fail; if it did, the key must not be all zeros.
        if hmac::sign_to_buffer(&self.0, message, bytes.as_mut_slice()).is_err() {
            return Self::new(hmac::sign(&self.0, message).as_ref());
        }
        Self::new(bytes.as_slice())
    }

    /// The signature of `message`, for those who send requests.
    pub(crate) fn sign(&self, message: &[u8]) -> String {
        HEXLOWER.encode(hmac::sign(&self.0, message).as_ref())
    }

    /// Whether `signature` is that of `message`. The comparison takes the same time wherever
    /// the first difference lies, and the expected signature does not leave this function.
    pub(crate) fn verify(&self, message: &[u8], signature: &Signature) -> Result<(), Mismatch> {
        hmac::verify(&self.0, message, &signature.0).map_err(|_| Mismatch)
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MacKey(…)")
    }
}

/// The signature is not that of the message.
#[derive(Debug)]
pub(crate) struct Mismatch;

/// A signature as a caller presents it. It is compared by [`MacKey::verify`] and by nothing else,
/// so it has no `PartialEq`.
#[derive(Clone)]
pub(crate) struct Signature([u8; LENGTH]);

impl Signature {
    /// Parses 64 lower-case hexadecimal digits, the only form that AWS accepts.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let mut bytes = [0; LENGTH];
        if text.len() != 2 * LENGTH {
            return None;
        }
        let length = HEXLOWER.decode_mut(text.as_bytes(), &mut bytes).ok()?;
        (length == LENGTH).then_some(Self(bytes))
    }

    /// The digits again.
    pub(crate) fn to_hex(&self) -> String {
        HEXLOWER.encode(&self.0)
    }
}

impl fmt::Debug for Signature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Signature(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_is_64_lower_case_hexadecimal_digits() {
        let good = "5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7";
        assert!(Signature::parse(good).is_some());
        for bad in ["", "5d", &good.to_uppercase(), &good.replace('5', "g"), &format!("{good}00")] {
            assert!(Signature::parse(bad).is_none(), "{bad:?}");
        }
    }

    /// RFC 4231, test case 2.
    #[test]
    fn the_mac_is_hmac_sha256() {
        let key = MacKey::new(b"Jefe");
        let message = b"what do ya want for nothing?";
        let tag = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(key.sign(message), tag);
        assert!(key.verify(message, &Signature::parse(tag).unwrap()).is_ok());
        assert!(key.verify(b"another", &Signature::parse(tag).unwrap()).is_err());
        assert_eq!(
            key.derive(message).sign(b""),
            MacKey::new(&HEXLOWER.decode(tag.as_bytes()).unwrap()).sign(b"")
        );
    }

    #[test]
    fn nothing_secret_prints() {
        assert_eq!(format!("{:?}", MacKey::new(b"secret")), "MacKey(…)");
        assert_eq!(format!("{:?}", Signature::parse(&"0".repeat(64)).unwrap()), "Signature(…)");
    }
}
