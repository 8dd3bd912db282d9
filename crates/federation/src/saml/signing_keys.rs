//! The keys that an identity provider signs with, as its metadata has them.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P256_SHA384_ASN1, ECDSA_P256_SHA512_ASN1, ECDSA_P384_SHA256_ASN1,
    ECDSA_P384_SHA384_ASN1, ECDSA_P384_SHA512_ASN1, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256,
    RSA_PKCS1_2048_8192_SHA384, RSA_PKCS1_2048_8192_SHA512, RsaPublicKeyComponents,
};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::algorithm::{Algorithm, Hash, Kind};
use super::metadata::Certificate;
use super::public_key::{Curve, PublicKey, bits, without_zeros};

/// Least bits of an RSA key that may verify. Metadata may have shorter ones, as IAM takes them.
const MIN_RSA_BITS: usize = 2048;

/// Most bits of an RSA key. Larger ones take long to verify with.
const MAX_RSA_BITS: usize = 8192;

/// Most bits of the exponent of an RSA key, as aws-lc takes them.
const MAX_EXPONENT_BITS: usize = 33;

/// The bytes that a key takes in memory beside its numbers, about: what aws-lc has in it for each of
/// the three digests.
const KEY_SIZE: usize = 3 * 1024;

/// The keys of an identity provider that may verify a signature: RSA of 2,048 to 8,192 bits, P-256 and
/// P-384. Weaker keys and other curves, which metadata may hold, are passed over.
pub struct SigningKeys {
    keys: Vec<Key>,
    passed_over: usize,
}

impl SigningKeys {
    /// The keys of these certificates.
    pub fn of(certificates: &[Certificate]) -> Self {
        let keys: Vec<Key> = certificates.iter().filter_map(Key::of).collect();
        Self { passed_over: certificates.len() - keys.len(), keys }
    }

    /// How many keys may verify.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether none may.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many certificates were passed over: their keys are too weak, or of a kind that is not taken.
    pub fn passed_over(&self) -> usize {
        self.passed_over
    }

    /// The bytes that they take in memory, about.
    pub fn size(&self) -> usize {
        size_of::<Self>() + self.keys.iter().map(Key::size).sum::<usize>()
    }

    /// Whether there is a key of the kind that an algorithm is for.
    pub(super) fn fit(&self, algorithm: Algorithm) -> bool {
        self.keys.iter().any(|key| key.material.kind() == algorithm.kind)
    }

    /// Whether one of the keys verifies a signature. Every one is tried: metadata has several while
    /// an identity provider changes its key.
    pub(super) fn verify(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        self.keys.iter().any(|key| key.verifies(algorithm, message, signature))
    }
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKeys({}, {} passed over)", self.keys.len(), self.passed_over)
    }
}

/// A key, made ready for each digest that it is used with, when it is used first.
struct Key {
    material: Material,
    sha256: OnceLock<Option<ParsedPublicKey>>,
    sha384: OnceLock<Option<ParsedPublicKey>>,
    sha512: OnceLock<Option<ParsedPublicKey>>,
}

enum Material {
    Rsa(RsaPublicKeyComponents<Vec<u8>>),
    P256(Vec<u8>),
    P384(Vec<u8>),
}

impl Key {
    /// The key of a certificate, unless it may not verify.
    fn of(certificate: &Certificate) -> Option<Self> {
        let (_, parsed) = X509Certificate::from_der(certificate.der()).ok()?;
        let material = match PublicKey::of(parsed.public_key()).ok()? {
            PublicKey::Rsa { modulus, exponent } => {
                // A number whose first bit is set is negative in DER.
                let negative = |number: &[u8]| number.first().is_none_or(|byte| byte & 0x80 != 0);
                if negative(modulus) || negative(exponent) {
                    return None;
                }
                // SECURITY: with an exponent of 1 every message would be its own signature.
                let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
                let is_usable = (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(modulus))
                    && is_odd(modulus)
                    && (2..=MAX_EXPONENT_BITS).contains(&bits(exponent))
                    && is_odd(exponent);
                if !is_usable {
                    return None;
                }
                let n = without_zeros(modulus).to_vec();
                let e = without_zeros(exponent).to_vec();
                Material::Rsa(RsaPublicKeyComponents { n, e })
            }
            PublicKey::Point(Curve::P256, point) => Material::P256(point.to_vec()),
            PublicKey::Point(Curve::P384, point) => Material::P384(point.to_vec()),
            PublicKey::Point(Curve::P521, _) => return None,
        };
        let (sha256, sha384, sha512) = Default::default();
        let key = Self { material, sha256, sha384, sha512 };
        // By far the most are used with this.
        key.parsed(Hash::Sha256)?;
        Some(key)
    }

    fn size(&self) -> usize {
        size_of::<Self>()
            + match &self.material {
                // aws-lc keeps the modulus in two forms beside what it was parsed from.
                Material::Rsa(numbers) => KEY_SIZE + 10 * numbers.n.len(),
                Material::P256(point) | Material::P384(point) => KEY_SIZE + 10 * point.len(),
            }
    }

    fn parsed(&self, hash: Hash) -> Option<&ParsedPublicKey> {
        let parsed = match hash {
            Hash::Sha256 => &self.sha256,
            Hash::Sha384 => &self.sha384,
            Hash::Sha512 => &self.sha512,
        };
        parsed.get_or_init(|| self.material.parse(hash)).as_ref()
    }

    /// Whether the key verifies a signature. SECURITY: the kind of the key decides, not the document.
    fn verifies(&self, algorithm: Algorithm, message: &[u8], signature: &[u8]) -> bool {
        if self.material.kind() != algorithm.kind {
            return false;
        }
        let Some(key) = self.parsed(algorithm.hash) else { return false };
        let verified = |signature: &[u8]| key.verify_sig(message, signature).is_ok();
        match &self.material {
            Material::Rsa(_) => verified(signature),
            Material::P256(_) => ecdsa_der(signature, 32).is_some_and(|der| verified(&der)),
            Material::P384(_) => ecdsa_der(signature, 48).is_some_and(|der| verified(&der)),
        }
    }
}

impl Material {
    fn kind(&self) -> Kind {
        match self {
            Self::Rsa(_) => Kind::Rsa,
            Self::P256(_) | Self::P384(_) => Kind::Ecdsa,
        }
    }

    fn parse(&self, hash: Hash) -> Option<ParsedPublicKey> {
        let parsed = match self {
            Self::Rsa(numbers) => {
                return numbers
                    .to_parsed_public_key(match hash {
                        Hash::Sha256 => &RSA_PKCS1_2048_8192_SHA256,
                        Hash::Sha384 => &RSA_PKCS1_2048_8192_SHA384,
                        Hash::Sha512 => &RSA_PKCS1_2048_8192_SHA512,
                    })
                    .ok();
            }
            Self::P256(point) => {
                let algorithm = match hash {
                    Hash::Sha256 => &ECDSA_P256_SHA256_ASN1,
                    Hash::Sha384 => &ECDSA_P256_SHA384_ASN1,
                    Hash::Sha512 => &ECDSA_P256_SHA512_ASN1,
                };
                ParsedPublicKey::new(algorithm, point)
            }
            Self::P384(point) => {
                let algorithm = match hash {
                    Hash::Sha256 => &ECDSA_P384_SHA256_ASN1,
                    Hash::Sha384 => &ECDSA_P384_SHA384_ASN1,
                    Hash::Sha512 => &ECDSA_P384_SHA512_ASN1,
                };
                ParsedPublicKey::new(algorithm, point)
            }
        };
        parsed.ok()
    }
}

/// The two numbers of an ECDSA signature, each of `size` bytes, in DER: aws-lc takes them in no other
/// form where the digest is not the curve's own.
fn ecdsa_der(fixed: &[u8], size: usize) -> Option<Vec<u8>> {
    let (r, s) = fixed.split_at_checked(size).filter(|(_, s)| s.len() == size)?;
    let mut content = Vec::with_capacity(2 * size + 8);
    for number in [r, s] {
        let digits = without_zeros(number);
        // The sign's bit is not the number's; and zero has a digit.
        let zero = digits.first().is_none_or(|byte| byte & 0x80 != 0);
        content.extend([2, u8::try_from(digits.len() + usize::from(zero)).ok()?]);
        content.extend(zero.then_some(0));
        content.extend(digits);
    }
    // INVARIANT: with numbers of up to 48 bytes this is less than 128, where lengths take one byte.
    let length = u8::try_from(content.len()).ok().filter(|length| *length < 0x80)?;
    Some([&[0x30, length], content.as_slice()].concat())
}

#[cfg(test)]
mod tests {
    use data_encoding::{BASE64, HEXLOWER};

    use super::*;

    /// Certificates of P-256, P-384 and P-521, and signatures with their keys of the text `a message`
    /// with SHA-256, SHA-384 and SHA-512. Made with OpenSSL.
    const CURVES: &str = include_str!("testdata/ecdsa.txt");
    const RSA_2048: &str = include_str!("testdata/rsa2048.txt");
    const RSA_1024: &str = include_str!("testdata/rsa1024.txt");

    fn der(base64: &str) -> Vec<u8> {
        let packed: String = base64.split_whitespace().collect();
        BASE64.decode(packed.as_bytes()).unwrap()
    }

    fn keys(certificates: &[Vec<u8>]) -> SigningKeys {
        let of = |der: &Vec<u8>| Certificate::from_der(der.clone()).unwrap();
        SigningKeys::of(&certificates.iter().map(of).collect::<Vec<_>>())
    }

    #[test]
    fn each_curve_verifies_with_each_digest() {
        let lines: Vec<&str> = CURVES.lines().collect();
        let ecdsa = |hash| Algorithm { kind: Kind::Ecdsa, hash };
        for (at, curve) in lines.chunks(4).enumerate() {
            let one = keys(&[der(curve[0])]);
            // P-521 is passed over.
            assert_eq!((one.len(), one.passed_over()), (usize::from(at < 2), usize::from(at == 2)));
            for (signature, hash) in curve[1..].iter().zip(Hash::ALL) {
                let mut signature = HEXLOWER.decode(signature.as_bytes()).unwrap();
                let verifies =
                    |signature: &[u8], hash| one.verify(ecdsa(hash), b"a message", signature);
                assert_eq!(verifies(&signature, hash), at < 2);
                for other in Hash::ALL.into_iter().filter(|other| *other != hash) {
                    assert!(!verifies(&signature, other));
                }
                assert!(!one.verify(ecdsa(hash), b"a massage", &signature));
                assert!(!one.verify(Algorithm { kind: Kind::Rsa, hash }, b"a message", &signature));
                // Only the two numbers in their full length.
                let half = signature.len() / 2;
                assert!(!verifies(&signature[1..], hash));
                assert!(!verifies(&[&[0], signature.as_slice()].concat(), hash));
                assert!(!verifies(&ecdsa_der(&signature, half).unwrap_or_default(), hash));
                assert!(!verifies(&vec![0; 2 * half], hash));
                assert!(!verifies(&[], hash));
                signature[half] ^= 1;
                assert!(!verifies(&signature, hash));
            }
        }
    }

    #[test]
    fn weak_keys_are_passed_over() {
        let good = der(RSA_2048);
        let curve = der(CURVES.lines().next().unwrap());
        let all = keys(&[good.clone(), der(RSA_1024), curve.clone()]);
        assert_eq!((all.len(), all.passed_over(), all.is_empty()), (2, 1, false));
        assert_eq!(format!("{all:?}"), "SigningKeys(2, 1 passed over)");
        assert!(all.size() > 2 * KEY_SIZE);
        let rsa = Algorithm { kind: Kind::Rsa, hash: Hash::Sha256 };
        assert!(all.fit(rsa) && !keys(&[curve]).fit(rsa) && !keys(&[der(RSA_1024)]).fit(rsa));
        assert!(keys(&[]).is_empty() && keys(&[der(RSA_1024)]).is_empty());
        // The exponent 65,537, and others that verify anything or nothing.
        let at = good.windows(5).position(|five| five == [2, 3, 1, 0, 1]).unwrap();
        for exponent in [[0, 0, 1], [0, 0, 0], [1, 0, 0], [0x81, 0, 1]] {
            let mut weak = good.clone();
            weak[at + 2..at + 5].copy_from_slice(&exponent);
            // Some are no certificates already.
            let taken = Certificate::from_der(weak).map(|weak| SigningKeys::of(&[weak]).len());
            assert!(matches!(taken, Ok(0) | Err(_)), "{exponent:?}");
        }
    }

    #[test]
    fn numbers_are_written_as_der_has_them() {
        for (fixed, want) in [
            (&[1, 2][..], Some(&[0x30, 6, 2, 1, 1, 2, 1, 2][..])),
            (&[0x80, 0], Some(&[0x30, 7, 2, 2, 0, 0x80, 2, 1, 0])),
            (&[1], None),
            (&[1, 2, 3], None),
        ] {
            assert_eq!(ecdsa_der(fixed, 1).as_deref(), want);
        }
        assert_eq!(
            ecdsa_der(&[0, 0x7f, 0, 0x80], 2).unwrap(),
            [0x30, 7, 2, 1, 0x7f, 2, 2, 0, 0x80]
        );
        assert_eq!(ecdsa_der(&[0xff; 132], 66), None);
    }
}
