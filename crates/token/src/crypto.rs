//! The cryptographic operations that sealing needs, and no others: HKDF-SHA256 (RFC 5869),
//! AES-256-GCM (NIST SP 800-38D) and SHA-256. No algorithm is chosen from input.

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce as Iv, Tag, UnboundKey};
use aws_lc_rs::digest::{SHA256, digest};
use aws_lc_rs::hkdf::{HKDF_SHA256, KeyType, Prk};
use aws_lc_rs::hmac::{HMAC_SHA256, Key, sign_to_buffer};
use zeroize::Zeroizing;

/// The library refused. It does not say why, so that nothing can be learned from it.
pub(crate) use aws_lc_rs::error::Unspecified as CryptoFault;

const KEY_LENGTH: usize = 32;
const IV_LENGTH: usize = 12;

/// Bytes that sealing adds to the contents.
pub(crate) const TAG_LENGTH: usize = 16;

/// The AEAD key and IV of one sealed value, derived for it alone.
pub(crate) struct SealingKey {
    key: LessSafeKey,
    iv: [u8; IV_LENGTH],
}

impl SealingKey {
    /// Derives key and IV: HKDF with `salt` and `info`, 32 and 12 bytes.
    pub(crate) fn derive(
        material: &[u8; 32],
        salt: &[u8],
        info: &[&[u8]],
    ) -> Result<Self, CryptoFault> {
        let okm = derive::<{ KEY_LENGTH + IV_LENGTH }>(material, salt, info)?;
        let (key, rest) = okm.split_at(KEY_LENGTH);
        let mut iv = [0; IV_LENGTH];
        iv.copy_from_slice(rest);
        Ok(Self { key: LessSafeKey::new(UnboundKey::new(&AES_256_GCM, key)?), iv })
    }

    /// Encrypts `contents` in place and returns the tag.
    ///
    /// It consumes the key: one key and IV seal one value.
    pub(crate) fn seal(self, associated: &[u8], contents: &mut [u8]) -> Result<Tag, CryptoFault> {
        let iv = Iv::assume_unique_for_key(self.iv);
        self.key.seal_in_place_separate_tag(iv, Aad::from(associated), contents)
    }

    /// Verifies and decrypts in place; the contents are the returned part.
    pub(crate) fn open(self, associated: &[u8], sealed: &mut [u8]) -> Result<usize, CryptoFault> {
        let iv = Iv::assume_unique_for_key(self.iv);
        self.key.open_in_place(iv, Aad::from(associated), sealed).map(|contents| contents.len())
    }
}

/// HKDF-SHA256: extract with `salt`, expand with the concatenated `info` to `N` bytes.
pub(crate) fn derive<const N: usize>(
    material: &[u8; 32],
    salt: &[u8],
    info: &[&[u8]],
) -> Result<Zeroizing<[u8; N]>, CryptoFault> {
    struct Length(usize);
    impl KeyType for Length {
        fn len(&self) -> usize {
            self.0
        }
    }
    // To extract is HMAC with the salt as key (RFC 5869 section 2.2). The library's own way copies
    // salt and material to the heap first, in three pieces.
    let mut extracted = Zeroizing::new([0; KEY_LENGTH]);
    sign_to_buffer(&Key::new(HMAC_SHA256, salt), material, extracted.as_mut_slice())?;
    let mut okm = Zeroizing::new([0; N]);
    Prk::new_less_safe(HKDF_SHA256, extracted.as_slice())
        .expand(info, Length(N))?
        .fill(okm.as_mut_slice())?;
    Ok(okm)
}

/// The first 16 bytes of the SHA-256 digest.
pub(crate) fn short_digest(bytes: &[u8]) -> [u8; 16] {
    let mut short = [0; 16];
    for (to, from) in short.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
        *to = *from;
    }
    short
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::hkdf::Salt;
    use proptest::prelude::*;

    use super::*;

    /// What [`derive`] did before it spared the copies: the library's own extract and expand.
    fn by_the_library(material: &[u8; 32], salt: &[u8], info: &[&[u8]]) -> [u8; 44] {
        struct Bytes;
        impl KeyType for Bytes {
            fn len(&self) -> usize {
                44
            }
        }
        let mut okm = [0; 44];
        let extracted = Salt::new(HKDF_SHA256, salt).extract(material);
        extracted.expand(info, Bytes).unwrap().fill(&mut okm).unwrap();
        okm
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn derivation_is_that_of_the_library(
            material in any::<[u8; 32]>(),
            salt in prop::collection::vec(any::<u8>(), 0..100),
            one in prop::collection::vec(any::<u8>(), 0..100),
            two in prop::collection::vec(any::<u8>(), 0..100),
        ) {
            let info: [&[u8]; 2] = [&one, &two];
            let derived = derive::<44>(&material, &salt, &info).unwrap();
            prop_assert_eq!(*derived, by_the_library(&material, &salt, &info));
        }
    }
}
