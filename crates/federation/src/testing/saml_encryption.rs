//! Encrypted assertions, as identity providers make them for whoever holds a private key.
//!
//! ```
//! use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs};
//! use daypass_federation::testing::saml_encryption::{Encryption, SamlRecipient};
//!
//! let (signer, recipient) = (SamlSigner::p256(), SamlRecipient::generate());
//! let response = SamlResponse::at("2031-01-01T00:00:00Z".parse().unwrap());
//! let signed = response.signed(&signer, Signs::Assertion);
//! let encrypted = recipient.encrypted(&signed, Encryption::USUAL);
//! // The response around it is signed afterwards.
//! let _both = signer.signed(&encrypted, &response.response_id);
//! let _pem = recipient.pem();
//! ```

use std::fmt;

use aws_lc_rs::aead::{
    AES_128_GCM, AES_192_GCM, AES_256_GCM, Aad, LessSafeKey, NONCE_LEN, Nonce, UnboundKey,
};
use aws_lc_rs::cipher::{
    AES_128, AES_256, DecryptionContext, PaddedBlockEncryptingKey, UnboundCipherKey,
};
use aws_lc_rs::encoding::{AsDer, Pkcs8V1Der};
use aws_lc_rs::rsa::{
    KeySize, OAEP_SHA1_MGF1SHA1, OAEP_SHA256_MGF1SHA256, OAEP_SHA384_MGF1SHA384,
    OAEP_SHA512_MGF1SHA512, OaepAlgorithm, OaepPublicEncryptingKey, PrivateDecryptingKey,
};
use aws_lc_rs::{aead, cipher, rand};
use data_encoding::BASE64;
use zeroize::Zeroizing;

use crate::saml::PrivateKey;

const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";
const ENCRYPTION_11: &str = "http://www.w3.org/2009/xmlenc11#";
const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// An RSA key of 2,048 bits that assertions are encrypted for, new at each run: it takes a tenth of a
/// second or two.
pub struct SamlRecipient {
    key: PrivateDecryptingKey,
    pkcs8: Vec<u8>,
}

/// How an assertion is encrypted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Encryption {
    /// The algorithm of the assertion.
    pub content: Content,
    /// The algorithm of its key.
    pub key: Wrap,
    /// Whether the key stands beside the encrypted data, and not in it.
    pub beside: bool,
    /// The label of the key's algorithm (`OAEPparams`), if it has one.
    pub label: &'static str,
}

impl Encryption {
    /// As most write it: AES-256-GCM, and RSA-OAEP with SHA-1.
    pub const USUAL: Self =
        Self { content: Content::Aes256Gcm, key: Wrap::OaepMgf1p, beside: false, label: "" };
}

/// An algorithm that assertions are encrypted with.
#[expect(missing_docs, reason = "the names say it")]
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Content {
    Aes128Gcm,
    Aes192Gcm,
    Aes256Gcm,
    Aes128Cbc,
    Aes256Cbc,
}

/// An algorithm that the key of an assertion is encrypted with.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Wrap {
    /// That of XML Encryption 1.0, with SHA-1.
    OaepMgf1p,
    /// That of 1.1 with SHA-1, by its defaults.
    Oaep,
    /// That of 1.1 with SHA-256.
    OaepSha256,
    /// That of 1.1 with SHA-384.
    OaepSha384,
    /// That of 1.1 with SHA-512.
    OaepSha512,
}

impl SamlRecipient {
    /// A new key.
    pub fn generate() -> Self {
        let key = PrivateDecryptingKey::generate(KeySize::Rsa2048).expect("a key can be made");
        let pkcs8 = AsDer::<Pkcs8V1Der<'_>>::as_der(&key).expect("it can be written");
        let pkcs8 = pkcs8.as_ref().to_vec();
        Self { key, pkcs8 }
    }

    /// The private key in PEM, as IAM takes it.
    pub fn pem(&self) -> String {
        let text = BASE64.encode(&self.pkcs8);
        format!("-----BEGIN PRIVATE KEY-----\n{text}\n-----END PRIVATE KEY-----\n")
    }

    /// The private key as it is read.
    pub fn private_key(&self) -> PrivateKey {
        let der = Zeroizing::new(self.pkcs8.clone());
        PrivateKey::from_pkcs8(der).expect("it is a key")
    }

    /// The response with its assertion encrypted.
    pub fn encrypted(&self, document: &str, how: Encryption) -> String {
        let (before, rest) = document.split_once("<saml:Assertion").expect("it has an assertion");
        let end = "</saml:Assertion>";
        let (inner, behind) = rest.rsplit_once(end).expect("the assertion ends");
        let assertion = format!("<saml:Assertion{inner}{end}");
        format!("{before}{}{behind}", self.encrypted_assertion(assertion.as_bytes(), how))
    }

    /// An `EncryptedAssertion` of these bytes, be they an assertion or not.
    pub fn encrypted_assertion(&self, bytes: &[u8], how: Encryption) -> String {
        let (key, value) = how.content.encrypt(bytes);
        let wrapped = self.wrapped(&key, how);
        let (within, beside) = match how.beside {
            false => (format!("<ds:KeyInfo xmlns:ds=\"{SIGNATURE}\">{wrapped}</ds:KeyInfo>"), ""),
            true => (String::new(), wrapped.as_str()),
        };
        format!(
            "<saml:EncryptedAssertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">\
             <xenc:EncryptedData xmlns:xenc=\"{ENCRYPTION}\" Type=\"{ENCRYPTION}Element\">\
             <xenc:EncryptionMethod Algorithm=\"{}\"/>{within}<xenc:CipherData><xenc:CipherValue>\
             {}</xenc:CipherValue></xenc:CipherData></xenc:EncryptedData>{beside}\
             </saml:EncryptedAssertion>",
            how.content.uri(),
            BASE64.encode(&value)
        )
    }

    /// An `EncryptedKey` of these bytes.
    pub fn wrapped(&self, key: &[u8], how: Encryption) -> String {
        let (algorithm, method) = how.key.method();
        let public = OaepPublicEncryptingKey::new(self.key.public_key()).expect("it is a key");
        let mut value = vec![0; public.ciphertext_size()];
        let label = Some(how.label.as_bytes()).filter(|label| !label.is_empty());
        public.encrypt(algorithm, key, &mut value, label).expect("it can encrypt");
        let label = match how.label {
            "" => String::new(),
            label => {
                let label = BASE64.encode(label.as_bytes());
                format!("<xenc:OAEPparams>{label}</xenc:OAEPparams>")
            }
        };
        format!(
            "<xenc:EncryptedKey xmlns:xenc=\"{ENCRYPTION}\">\
             {method}{label}</xenc:EncryptionMethod><xenc:CipherData><xenc:CipherValue>{}\
             </xenc:CipherValue></xenc:CipherData></xenc:EncryptedKey>",
            BASE64.encode(&value)
        )
    }
}

impl fmt::Debug for SamlRecipient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SamlRecipient(…)")
    }
}

impl Content {
    /// The name of the algorithm.
    pub fn uri(self) -> String {
        match self {
            Self::Aes128Gcm => format!("{ENCRYPTION_11}aes128-gcm"),
            Self::Aes192Gcm => format!("{ENCRYPTION_11}aes192-gcm"),
            Self::Aes256Gcm => format!("{ENCRYPTION_11}aes256-gcm"),
            Self::Aes128Cbc => format!("{ENCRYPTION}aes128-cbc"),
            Self::Aes256Cbc => format!("{ENCRYPTION}aes256-cbc"),
        }
    }

    /// Some bytes encrypted with a new key.
    fn encrypt(self, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
        match self {
            Self::Aes128Gcm => gcm(&AES_128_GCM, bytes),
            Self::Aes192Gcm => gcm(&AES_192_GCM, bytes),
            Self::Aes256Gcm => gcm(&AES_256_GCM, bytes),
            Self::Aes128Cbc => cbc(&AES_128, 16, bytes),
            Self::Aes256Cbc => cbc(&AES_256, 32, bytes),
        }
    }
}

impl Wrap {
    /// The algorithm, and the element that names it, which does not end.
    fn method(self) -> (&'static OaepAlgorithm, String) {
        let method = |uri: &str, more: &str| {
            format!(
                "<xenc:EncryptionMethod xmlns:ds=\"{SIGNATURE}\" \
                 xmlns:xenc11=\"{ENCRYPTION_11}\" Algorithm=\"{uri}\">{more}"
            )
        };
        let of = |digest: &str, mask: &str| {
            let more = format!(
                "<ds:DigestMethod Algorithm=\"http://www.w3.org/{digest}\"/>\
                 <xenc11:MGF Algorithm=\"{ENCRYPTION_11}{mask}\"/>"
            );
            method(&format!("{ENCRYPTION_11}rsa-oaep"), &more)
        };
        match self {
            Self::OaepMgf1p => {
                (&OAEP_SHA1_MGF1SHA1, method(&format!("{ENCRYPTION}rsa-oaep-mgf1p"), ""))
            }
            Self::Oaep => (&OAEP_SHA1_MGF1SHA1, method(&format!("{ENCRYPTION_11}rsa-oaep"), "")),
            Self::OaepSha256 => {
                (&OAEP_SHA256_MGF1SHA256, of("2001/04/xmlenc#sha256", "mgf1sha256"))
            }
            Self::OaepSha384 => {
                (&OAEP_SHA384_MGF1SHA384, of("2001/04/xmldsig-more#sha384", "mgf1sha384"))
            }
            Self::OaepSha512 => {
                (&OAEP_SHA512_MGF1SHA512, of("2001/04/xmlenc#sha512", "mgf1sha512"))
            }
        }
    }
}

fn gcm(algorithm: &'static aead::Algorithm, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = random(algorithm.key_len());
    let nonce = random(NONCE_LEN);
    let sealing = LessSafeKey::new(UnboundKey::new(algorithm, &key).expect("it is a key"));
    let mut sealed = bytes.to_vec();
    let own = Nonce::try_assume_unique_for_key(&nonce).expect("it has the length of one");
    sealing.seal_in_place_append_tag(own, Aad::empty(), &mut sealed).expect("it can seal");
    (key, [nonce, sealed].concat())
}

fn cbc(algorithm: &'static cipher::Algorithm, key_len: usize, bytes: &[u8]) -> (Vec<u8>, Vec<u8>) {
    let key = random(key_len);
    let own = UnboundCipherKey::new(algorithm, &key).expect("it is a key");
    let own = PaddedBlockEncryptingKey::cbc_pkcs7(own).expect("it has this mode");
    let mut encrypted = bytes.to_vec();
    let context = own.encrypt(&mut encrypted).expect("it can encrypt");
    let DecryptionContext::Iv128(iv) = context else { return (key, encrypted) };
    (key, [iv.as_ref().as_slice(), &encrypted].concat())
}

fn random(bytes: usize) -> Vec<u8> {
    let mut random = vec![0; bytes];
    rand::fill(&mut random).expect("there is randomness");
    random
}
