//! Key sets of providers: JSON Web Key Sets (RFC 7517) of RSA keys (RFC 7518, section 6.3), keys of
//! the curves P-256, P-384 and P-521 (section 6.2), and Ed25519 (RFC 8037).
//!
//! A set may have keys that are for something else, or of a kind that we do not know: they are passed
//! over and counted. Passed over are also weak RSA keys, points that are not on their curve, and keys
//! whose private half, or whose shared secret, the set tells everybody.

use std::fmt;
use std::sync::OnceLock;

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ECDSA_P384_SHA384_FIXED, ECDSA_P521_SHA512_FIXED, ED25519,
    ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RSA_PKCS1_2048_8192_SHA384,
    RSA_PKCS1_2048_8192_SHA512, RSA_PSS_2048_8192_SHA256, RSA_PSS_2048_8192_SHA384,
    RSA_PSS_2048_8192_SHA512, RsaParameters, RsaPublicKeyComponents,
};
use data_encoding::BASE64URL_NOPAD;
use thiserror::Error;

use super::algorithm::Algorithm;
use super::json::{self, Json, JsonFault, Object};

/// Most bytes of a key set.
pub const MAX_JWKS: usize = 256 << 10;

/// Most RSA keys of a set that can be used. IAM user guide, page "Create an OpenID Connect identity
/// provider in IAM".
pub const MAX_RSA_KEYS: usize = 100;

/// Most other keys of a set that can be used; the same page.
pub const MAX_EC_KEYS: usize = 100;

/// Least bits of an RSA key: RFC 7518, section 3.3.
pub const MIN_RSA_BITS: usize = 2048;

/// Most bits of an RSA key. Larger ones take long to verify with.
pub const MAX_RSA_BITS: usize = 8192;

/// Most bytes of a key's id. The longest known are digests in hexadecimal.
pub const MAX_KEY_ID: usize = 1024;

/// Most bits of the exponent of an RSA key, as aws-lc takes them.
const MAX_EXPONENT_BITS: usize = 33;

/// Why a key set is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum JwkSetFault {
    /// It has more bytes than [`MAX_JWKS`].
    #[error("the key set has more than {MAX_JWKS} bytes")]
    TooLarge,
    /// It is no JSON object, nests too deep, or has too many values.
    #[error("the key set is no JSON object that is taken")]
    Json,
    /// An object of it has a name twice.
    #[error("an object of the key set has a name twice")]
    Duplicate,
    /// It has no list `keys` of objects.
    #[error("the key set has no list `keys` of objects")]
    NoKeys,
    /// It has more keys than [`MAX_RSA_KEYS`] or [`MAX_EC_KEYS`].
    #[error(
        "the key set has more than {MAX_RSA_KEYS} RSA keys or more than {MAX_EC_KEYS} other ones"
    )]
    TooManyKeys,
}

/// The public keys of a provider that can verify tokens. It prints how many there are.
#[derive(Default)]
pub struct JwkSet {
    keys: Vec<Key>,
    skipped: usize,
}

impl JwkSet {
    /// Reads a key set.
    ///
    /// # Errors
    /// [`JwkSetFault`]. A set without a key that can be used is no fault: see [`JwkSet::is_empty`].
    pub fn parse(bytes: &[u8]) -> Result<Self, JwkSetFault> {
        if bytes.len() > MAX_JWKS {
            return Err(JwkSetFault::TooLarge);
        }
        let set = json::read(bytes).map_err(|fault| match fault {
            JsonFault::Duplicate => JwkSetFault::Duplicate,
            JsonFault::Syntax | JsonFault::Deep | JsonFault::Many => JwkSetFault::Json,
        })?;
        let listed = set.value("keys").and_then(Json::list).ok_or(JwkSetFault::NoKeys)?;
        let mut read = Self::default();
        let (mut rsa, mut others) = (0, 0);
        for listed in listed {
            let listed = listed.object().ok_or(JwkSetFault::NoKeys)?;
            let Some(key) = Key::of(listed) else {
                read.skipped += 1;
                continue;
            };
            let (count, most) = match key.material {
                Material::Rsa(_) => (&mut rsa, MAX_RSA_KEYS),
                Material::Curve(..) => (&mut others, MAX_EC_KEYS),
            };
            *count += 1;
            if *count > most {
                return Err(JwkSetFault::TooManyKeys);
            }
            read.keys.push(key);
        }
        Ok(read)
    }

    /// How many keys can be used.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether no key can be used.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// How many keys were passed over.
    pub fn skipped(&self) -> usize {
        self.skipped
    }

    /// Whether a key has this id.
    pub fn has(&self, key_id: &str) -> bool {
        self.keys.iter().any(|key| key.id.as_deref() == Some(key_id))
    }

    /// The ids of the keys in their order, those without one left out.
    pub fn key_ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().filter_map(|key| key.id.as_deref())
    }

    pub(super) fn keys(&self) -> impl Iterator<Item = &Key> {
        self.keys.iter()
    }
}

impl fmt::Debug for JwkSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JwkSet")
            .field("keys", &self.keys.len())
            .field("skipped", &self.skipped)
            .finish()
    }
}

/// A public key.
pub(super) struct Key {
    pub(super) id: Option<String>,
    /// The only algorithm that the provider uses it with, if it says so.
    algorithm: Option<Algorithm>,
    material: Material,
}

enum Material {
    Rsa(Box<Rsa>),
    /// A key of a curve is for one algorithm.
    Curve(Algorithm, ParsedPublicKey),
}

impl Key {
    /// The key that an object stands for, unless it cannot be used.
    fn of(jwk: &Object) -> Option<Self> {
        let text = |name: &str| match jwk.value(name) {
            None => Some(None),
            Some(value) => value.text().map(Some),
        };
        if text("use")?.is_some_and(|purpose| purpose != "sig") {
            return None;
        }
        if let Some(operations) = jwk.value("key_ops") {
            operations.list()?.iter().find(|one| one.text() == Some("verify"))?;
        }
        // SECURITY: with a private half (RFC 7518, sections 6.2.2 and 6.3.2) or a shared secret in
        // it, anybody who has read the set can sign.
        if ["d", "p", "q", "dp", "dq", "qi", "oth", "k"].iter().any(|own| jwk.value(own).is_some())
        {
            return None;
        }
        let id = match text("kid")? {
            None => None,
            Some(id) if (1..=MAX_KEY_ID).contains(&id.len()) => Some(id.to_owned()),
            Some(_) => return None,
        };
        let algorithm = match text("alg")? {
            None => None,
            Some(name) => Some(name.parse().ok()?),
        };
        let number = |name: &str| BASE64URL_NOPAD.decode(jwk.value(name)?.text()?.as_bytes()).ok();
        let material = match text("kty")?? {
            "RSA" => Material::Rsa(Box::new(Rsa::of(number("n")?, number("e")?, algorithm)?)),
            "EC" => {
                let (x, y) = (number("x")?, number("y")?);
                let (algorithm, size) = match text("crv")?? {
                    "P-256" => (Algorithm::Es256, 32),
                    "P-384" => (Algorithm::Es384, 48),
                    "P-521" => (Algorithm::Es512, 66),
                    _ => return None,
                };
                // Coordinates have their full length (RFC 7518, section 6.2.1.2).
                if x.len() != size || y.len() != size {
                    return None;
                }
                // SEC 1, section 2.3.3: a point that is not compressed.
                let point = [&[4], x.as_slice(), y.as_slice()].concat();
                Material::curve(algorithm, &point)?
            }
            "OKP" if text("crv")?? == "Ed25519" => {
                let key = number("x").filter(|key| key.len() == 32)?;
                Material::curve(Algorithm::EdDsa, &key)?
            }
            _ => return None,
        };
        let key = Self { id, algorithm, material };
        match algorithm {
            Some(algorithm) if !key.fits(algorithm) => None,
            _ => Some(key),
        }
    }

    /// Whether the key is for an algorithm.
    ///
    /// SECURITY: the key decides, not the token: its type and curve, and what the provider says of
    /// it (RFC 8725, section 3.1).
    pub(super) fn fits(&self, algorithm: Algorithm) -> bool {
        self.algorithm.is_none_or(|own| own == algorithm)
            && match &self.material {
                Material::Rsa(_) => rsa_parameters(algorithm).is_some(),
                Material::Curve(own, _) => *own == algorithm,
            }
    }

    /// Whether the key verifies a signature. One whose algorithm does not fit is none.
    pub(super) fn verifies(&self, algorithm: Algorithm, signed: &[u8], signature: &[u8]) -> bool {
        if !self.fits(algorithm) {
            return false;
        }
        let key = match &self.material {
            Material::Rsa(rsa) => rsa.parsed(algorithm),
            Material::Curve(_, key) => Some(key),
        };
        key.is_some_and(|key| key.verify_sig(signed, signature).is_ok())
    }
}

impl Material {
    fn curve(algorithm: Algorithm, key: &[u8]) -> Option<Self> {
        let parsed = match algorithm {
            Algorithm::Es256 => ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, key),
            Algorithm::Es384 => ParsedPublicKey::new(&ECDSA_P384_SHA384_FIXED, key),
            Algorithm::Es512 => ParsedPublicKey::new(&ECDSA_P521_SHA512_FIXED, key),
            Algorithm::EdDsa => ParsedPublicKey::new(&ED25519, key),
            Algorithm::Rs256
            | Algorithm::Rs384
            | Algorithm::Rs512
            | Algorithm::Ps256
            | Algorithm::Ps384
            | Algorithm::Ps512 => return None,
        };
        Some(Self::Curve(algorithm, parsed.ok()?))
    }
}

/// An RSA key, made ready for each algorithm that it is used with, when it is used first.
struct Rsa {
    components: RsaPublicKeyComponents<Vec<u8>>,
    parsed: [OnceLock<Option<ParsedPublicKey>>; RSA_ALGORITHMS.len()],
}

/// The algorithms of RSA keys and what aws-lc calls them.
static RSA_ALGORITHMS: [(Algorithm, &RsaParameters); 6] = [
    (Algorithm::Rs256, &RSA_PKCS1_2048_8192_SHA256),
    (Algorithm::Rs384, &RSA_PKCS1_2048_8192_SHA384),
    (Algorithm::Rs512, &RSA_PKCS1_2048_8192_SHA512),
    (Algorithm::Ps256, &RSA_PSS_2048_8192_SHA256),
    (Algorithm::Ps384, &RSA_PSS_2048_8192_SHA384),
    (Algorithm::Ps512, &RSA_PSS_2048_8192_SHA512),
];

fn rsa_parameters(algorithm: Algorithm) -> Option<&'static RsaParameters> {
    RSA_ALGORITHMS.iter().find(|(own, _)| *own == algorithm).map(|(_, parameters)| *parameters)
}

impl Rsa {
    fn of(n: Vec<u8>, e: Vec<u8>, algorithm: Option<Algorithm>) -> Option<Self> {
        let (n, e) = (without_zeros(n), without_zeros(e));
        let is_odd = |number: &[u8]| number.last().is_some_and(|byte| byte % 2 == 1);
        let is_usable = (MIN_RSA_BITS..=MAX_RSA_BITS).contains(&bits(&n))
            && is_odd(&n)
            && (2..=MAX_EXPONENT_BITS).contains(&bits(&e))
            && is_odd(&e);
        if !is_usable {
            return None;
        }
        let components = RsaPublicKeyComponents { n, e };
        let key = Self { components, parsed: [const { OnceLock::new() }; RSA_ALGORITHMS.len()] };
        key.parsed(algorithm.unwrap_or(Algorithm::Rs256))?;
        Some(key)
    }

    fn parsed(&self, algorithm: Algorithm) -> Option<&ParsedPublicKey> {
        let mut algorithms = RSA_ALGORITHMS.iter().zip(&self.parsed);
        let ((_, parameters), parsed) = algorithms.find(|((own, _), _)| *own == algorithm)?;
        parsed.get_or_init(|| self.components.to_parsed_public_key(parameters).ok()).as_ref()
    }
}

/// A number without the zeros in front of it, which some providers write although RFC 7518, section
/// 2, says not to: the number is the same.
fn without_zeros(mut number: Vec<u8>) -> Vec<u8> {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.drain(..zeros);
    number
}

/// The bits of a number that has no zeros in front.
fn bits(number: &[u8]) -> usize {
    let unused = number.first().map_or(0, |byte| byte.leading_zeros());
    number.len() * 8 - usize::try_from(unused).unwrap_or(0)
}
