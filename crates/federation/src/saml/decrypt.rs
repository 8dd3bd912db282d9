//! Encrypted assertions: XML Encryption 1.1, as SAML 2.0 core, section 6, uses it.
//!
//! Taken are AES-GCM, and AES-CBC where a signature that was verified covers it; the keys of both are
//! wrapped with RSA-OAEP. Refused are RSA PKCS#1 v1.5 and whatever refers to another place
//! (`CipherReference`). What has the right form either decrypts or does not: nobody learns how far it
//! came.

use aws_lc_rs::aead::{AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, PaddedBlockDecryptingKey, UnboundCipherKey,
};
use aws_lc_rs::iv::FixedLength;
use aws_lc_rs::rsa::{
    OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384, OAEP_SHA512_MGF1SHA512,
    OaepAlgorithm, OaepPrivateDecryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::{aead, cipher};
use zeroize::Zeroizing;

use super::base64;
use super::fault::SamlFault;
use super::form::{at_most_one, one, only_elements};
use super::private_key::PrivateKey;
use super::signature::SIGNATURE;
use super::xml::Element;

/// The namespaces of XML Encryption 1.0 and of what 1.1 adds.
const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";

/// What says that an element was encrypted. XML Encryption, section 3.1.
const ELEMENT: &str = "http://www.w3.org/2001/04/xmlenc#Element";

/// Most wrapped keys of an assertion. There is one for each recipient, of which a provider that changes
/// its key has two; each costs an operation with each of our keys, which nobody has earned yet.
const MAX_WRAPPED_KEYS: usize = 2;

/// Most bytes of a wrapped key: those of the largest RSA key.
const MAX_WRAPPED_KEY: usize = 1024;

/// Most bytes of the label of RSA-OAEP (`OAEPparams`).
const MAX_LABEL: usize = 256;

/// XML Encryption 1.1, section 5.2.4.
const GCM_NONCE: usize = aead::NONCE_LEN;

/// XML Encryption, section 5.2.2.
const CBC_IV: usize = cipher::AES_CBC_IV_LEN;

/// What becomes of AES-CBC.
///
/// SECURITY: whoever may change what is encrypted with it can read it, by what becomes of it; so that a
/// signature must have been verified before.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Cbc {
    /// A signature covers what is encrypted.
    Allowed,
    /// Nothing is proven of it.
    Refused,
}

/// How the assertion is encrypted.
#[derive(Clone, Copy, Debug)]
enum Content {
    Cbc(&'static cipher::Algorithm),
    Gcm(&'static aead::Algorithm),
}

/// A key of the assertion, encrypted for somebody.
struct WrappedKey {
    algorithm: &'static OaepAlgorithm,
    label: Zeroizing<Vec<u8>>,
    value: Zeroizing<Vec<u8>>,
}

/// The text of an `EncryptedAssertion`.
pub(super) fn assertion(
    encrypted: &Element<'_>,
    private_keys: &[PrivateKey],
    cbc: Cbc,
) -> Result<Zeroizing<String>, SamlFault> {
    let has_form = holds(encrypted, &[(ENCRYPTION, "EncryptedData"), (ENCRYPTION, "EncryptedKey")]);
    let data = one(encrypted, ENCRYPTION, "EncryptedData")?;
    if !has_form || data.attribute("Type").is_some_and(|of| of != ELEMENT) {
        return Err(SamlFault::Form("EncryptedAssertion"));
    }
    let content = content(data)?;
    if matches!(content, Content::Cbc(_)) && cbc == Cbc::Refused {
        return Err(SamlFault::CbcUnsigned);
    }
    let value = value(data, usize::MAX)?;
    let keys = wrapped_keys(encrypted, data)?;
    // SECURITY: from here on there is one way to fail, so that nobody learns how far it came.
    // A private key takes as long to read as to use, and there are two while one replaces the other.
    let mut texts = private_keys.iter().filter_map(private_key).flat_map(|own| {
        let (keys, value) = (&keys, &value);
        keys.iter().filter_map(move |key| open(content, &unwrap(key, &own)?, value))
    });
    texts.next().ok_or(SamlFault::Decryption)
}

/// The algorithm of an `EncryptedData`.
fn content(data: &Element<'_>) -> Result<Content, SamlFault> {
    let parts: &[(&str, &str)] = &[
        (ENCRYPTION, "EncryptionMethod"),
        (SIGNATURE, "KeyInfo"),
        (ENCRYPTION, "CipherData"),
        (ENCRYPTION, "EncryptionProperties"),
    ];
    if !holds(data, parts) {
        return Err(SamlFault::Form("EncryptedData"));
    }
    let method = one(data, ENCRYPTION, "EncryptionMethod")?;
    if !holds(method, &[]) {
        return Err(SamlFault::EncryptionAlgorithm);
    }
    match method.attribute("Algorithm").unwrap_or_default() {
        "http://www.w3.org/2009/xmlenc11#aes128-gcm" => Ok(Content::Gcm(&AES_128_GCM)),
        "http://www.w3.org/2009/xmlenc11#aes192-gcm" => Ok(Content::Gcm(&AES_192_GCM)),
        "http://www.w3.org/2009/xmlenc11#aes256-gcm" => Ok(Content::Gcm(&AES_256_GCM)),
        "http://www.w3.org/2001/04/xmlenc#aes128-cbc" => Ok(Content::Cbc(&AES_128)),
        "http://www.w3.org/2001/04/xmlenc#aes256-cbc" => Ok(Content::Cbc(&AES_256)),
        _ => Err(SamlFault::EncryptionAlgorithm),
    }
}

/// The keys that stand beside the encrypted data, or in its `KeyInfo`, where other things may stand
/// that say which key it is: each is tried.
fn wrapped_keys(encrypted: &Element<'_>, data: &Element<'_>) -> Result<Vec<WrappedKey>, SamlFault> {
    let info = at_most_one(data, SIGNATURE, "KeyInfo")?;
    let beside = encrypted.named(ENCRYPTION, "EncryptedKey");
    let within = info.into_iter().flat_map(|info| info.named(ENCRYPTION, "EncryptedKey"));
    let keys: Vec<&Element<'_>> = within.chain(beside).collect();
    match keys.len() {
        0 => Err(SamlFault::Missing("EncryptedKey")),
        1..=MAX_WRAPPED_KEYS => keys.into_iter().map(WrappedKey::of).collect(),
        _ => Err(SamlFault::Many("EncryptedKey")),
    }
}

impl WrappedKey {
    fn of(key: &Element<'_>) -> Result<Self, SamlFault> {
        let parts: &[(&str, &str)] = &[
            (ENCRYPTION, "EncryptionMethod"),
            (SIGNATURE, "KeyInfo"),
            (ENCRYPTION, "CipherData"),
            (ENCRYPTION, "EncryptionProperties"),
            (ENCRYPTION, "ReferenceList"),
            (ENCRYPTION, "CarriedKeyName"),
        ];
        if !holds(key, parts) {
            return Err(SamlFault::Form("EncryptedKey"));
        }
        let method = one(key, ENCRYPTION, "EncryptionMethod")?;
        let parts: &[(&str, &str)] =
            &[(SIGNATURE, "DigestMethod"), (ENCRYPTION, "OAEPparams"), (ENCRYPTION_11, "MGF")];
        if !holds(method, parts) {
            return Err(SamlFault::EncryptionAlgorithm);
        }
        let label = match at_most_one(method, ENCRYPTION, "OAEPparams")? {
            None => Zeroizing::default(),
            Some(label) => bytes(label, MAX_LABEL)?,
        };
        Ok(Self { algorithm: oaep(method)?, label, value: value(key, MAX_WRAPPED_KEY)? })
    }
}

/// The variant of RSA-OAEP that an `EncryptionMethod` names. XML Encryption 1.1, section 5.5.2: what is
/// not named is SHA-1, whose weakness is of no consequence there.
///
/// The digest and that of the mask generation function must be the same: aws-lc-rs has no others.
fn oaep(method: &Element<'_>) -> Result<&'static OaepAlgorithm, SamlFault> {
    const SHA1: &str = "http://www.w3.org/2000/09/xmldsig#sha1";
    const MGF1_SHA1: &str = "http://www.w3.org/2009/xmlenc11#mgf1sha1";
    let named = |namespace, name, default| match at_most_one(method, namespace, name)? {
        None => Ok(default),
        Some(named) if !holds(named, &[]) => Err(SamlFault::EncryptionAlgorithm),
        Some(named) => Ok(named.attribute("Algorithm").unwrap_or_default()),
    };
    let digest = named(SIGNATURE, "DigestMethod", SHA1)?;
    let mask = named(ENCRYPTION_11, "MGF", MGF1_SHA1)?;
    match (method.attribute("Algorithm").unwrap_or_default(), digest, mask) {
        (
            "http://www.w3.org/2001/04/xmlenc#rsa-oaep-mgf1p"
            | "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            SHA1,
            MGF1_SHA1,
        ) => Ok(&OAEP_SHA1_MGF1SHA1),
        (
            "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            "http://www.w3.org/2001/04/xmlenc#sha256",
            "http://www.w3.org/2009/xmlenc11#mgf1sha256",
        ) => Ok(&OAEP_SHA256_MGF1SHA256),
        (
            "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            "http://www.w3.org/2001/04/xmldsig-more#sha384",
            "http://www.w3.org/2009/xmlenc11#mgf1sha384",
        ) => Ok(&OAEP_SHA384_MGF1SHA384),
        (
            "http://www.w3.org/2009/xmlenc11#rsa-oaep",
            "http://www.w3.org/2001/04/xmlenc#sha512",
            "http://www.w3.org/2009/xmlenc11#mgf1sha512",
        ) => Ok(&OAEP_SHA512_MGF1SHA512),
        _ => Err(SamlFault::EncryptionAlgorithm),
    }
}

/// The bytes of the `CipherValue` of an `EncryptedData` or `EncryptedKey`.
fn value(element: &Element<'_>, most: usize) -> Result<Zeroizing<Vec<u8>>, SamlFault> {
    let data = one(element, ENCRYPTION, "CipherData")?;
    // SECURITY: a `CipherReference` would have us fetch something.
    if !holds(data, &[(ENCRYPTION, "CipherValue")]) {
        return Err(SamlFault::Form("CipherData"));
    }
    bytes(one(data, ENCRYPTION, "CipherValue")?, most)
}

/// The bytes of the base64 in an element.
fn bytes(element: &Element<'_>, most: usize) -> Result<Zeroizing<Vec<u8>>, SamlFault> {
    let bytes = element.text().and_then(|text| base64::decode(&base64::packed(text)));
    let bytes = bytes.filter(|bytes| bytes.len() <= most);
    bytes.ok_or(SamlFault::Form("base64 of the EncryptedAssertion"))
}

/// Whether an element has nothing in it but such elements.
fn holds(element: &Element<'_>, parts: &[(&str, &str)]) -> bool {
    let known =
        |child: &Element<'_>| parts.iter().any(|(namespace, name)| child.is(namespace, name));
    only_elements(element) && element.elements().all(known)
}

fn private_key(key: &PrivateKey) -> Option<OaepPrivateDecryptingKey> {
    let key = PrivateDecryptingKey::from_pkcs8(key.expose_pkcs8()).ok()?;
    OaepPrivateDecryptingKey::new(key).ok()
}

/// The key that a wrapped key is.
fn unwrap(wrapped: &WrappedKey, key: &OaepPrivateDecryptingKey) -> Option<Zeroizing<Vec<u8>>> {
    if wrapped.value.len() != key.key_size_bytes() {
        return None;
    }
    let mut room = Zeroizing::new(vec![0; key.min_output_size()]);
    let label = Some(wrapped.label.as_slice()).filter(|label| !label.is_empty());
    let bytes = key.decrypt(wrapped.algorithm, &wrapped.value, &mut room, label).ok()?;
    Some(Zeroizing::new(bytes.to_vec()))
}

/// The text that an assertion is, with its key.
fn open(content: Content, key: &[u8], value: &[u8]) -> Option<Zeroizing<String>> {
    let mut room = Zeroizing::new(Vec::new());
    let plain = match content {
        Content::Gcm(algorithm) => {
            let (nonce, sealed) = value.split_at_checked(GCM_NONCE)?;
            let key = LessSafeKey::new(UnboundKey::new(algorithm, key).ok()?);
            let nonce = Nonce::try_assume_unique_for_key(nonce).ok()?;
            room.extend_from_slice(sealed);
            key.open_in_place(nonce, Aad::empty(), &mut room).ok()?
        }
        Content::Cbc(algorithm) => {
            let (iv, encrypted) = value.split_at_checked(CBC_IV)?;
            let iv = DecryptionContext::Iv128(FixedLength::try_from(iv).ok()?);
            let key = UnboundCipherKey::new(algorithm, key).ok()?;
            // XML Encryption, section 5.2: all but the last byte of the padding may be anything.
            let key = PaddedBlockDecryptingKey::cbc_iso10126(key).ok()?;
            room.extend_from_slice(encrypted);
            key.decrypt(&mut room, iv).ok()?
        }
    };
    std::str::from_utf8(plain).ok().map(|text| Zeroizing::new(text.to_owned()))
}
