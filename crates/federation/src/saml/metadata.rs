//! The metadata of SAML 2.0 identity providers ("Metadata for the OASIS Security Assertion Markup
//! Language V2.0"), as IAM takes it: who signs, with which certificates, and until when that holds.
//!
//! Read are `EntityDescriptor`, or several of them in an `EntitiesDescriptor` and those within it, and
//! in each the signing keys of its `IDPSSODescriptor`. A signature on the metadata is not looked at: whoever may
//! register a provider says whom it trusts. Refused are documents without an identity provider or
//! without a certificate for one, and certificates that cannot be parsed or whose keys are weak.

use std::fmt;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::{BASE64, HEXLOWER};
use jiff::Timestamp;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::date_time;
use super::public_key::{PublicKey, bits};
use super::signature::SIGNATURE;
use super::xml::{self, Comments, Element, Limits, XmlFault};

/// The namespace of metadata.
const METADATA: &str = "urn:oasis:names:tc:SAML:2.0:metadata";

/// What a metadata document may have. IAM takes up to 10,000,000 characters; a document of the
/// largest federations has some hundred thousand elements and attributes, few of which are
/// [`kept`](xml::parse_some).
///
/// What is kept takes at most some 20 MB (12 MB were measured), a vector that grows included, and
/// beside that three times the length of a text with references while it grows, which is 42 MB at
/// the most (28 MB were measured).
pub const METADATA_LIMITS: Limits = Limits {
    bytes: 14 << 20,
    depth: 48,
    nodes: 400_000,
    kept: 100_000,
    attributes: 64,
    namespaces: 64,
    namespace_name: 2 << 10,
    namespace_names: 512,
    name: 512,
    comments: Comments::Dropped,
};

/// Most identity providers of a document. IAM user guide, page "IAM and AWS STS quotas".
pub const MAX_IDENTITY_PROVIDERS: usize = 10;

/// Most certificates of a document; the same page.
pub const MAX_CERTIFICATES: usize = 10;

/// Most bytes of a certificate. Real ones have one or two thousand.
pub const MAX_CERTIFICATE: usize = 16 << 10;

/// Least bits of an RSA key in a certificate. IAM user guide, page "Create a SAML identity provider
/// in IAM".
pub const MIN_RSA_BITS: usize = 1024;

/// Most characters of an entity id. SAML 2.0 core, section 8.3.6.
pub const MAX_ENTITY_ID: usize = 1024;

/// Why metadata is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum MetadataFault {
    /// A certificate is no base64 of one X.509 certificate, or is too large.
    #[error("a certificate cannot be parsed")]
    Certificate,
    /// A certificate has an extension twice.
    #[error("a certificate has the same extension twice")]
    CertificateExtensions,
    /// The key of a certificate is of another elliptic curve than the three, or no point of it.
    #[error("the key of a certificate is no point of the named curves P-256, P-384 and P-521")]
    CertificateCurve,
    /// The key of a certificate is neither RSA nor of an elliptic curve.
    #[error("the key of a certificate is of a kind that is not supported")]
    CertificateKey,
    /// There are more certificates than [`MAX_CERTIFICATES`].
    #[error("there are more than {MAX_CERTIFICATES} certificates")]
    Certificates,
    /// An entity has no id, or one of more than [`MAX_ENTITY_ID`] characters.
    #[error("an entity has no id, or one that is too long")]
    EntityId,
    /// Two identity providers have the same id.
    #[error("two identity providers have the same entity id")]
    EntityIdTwice,
    /// There are more identity providers than [`MAX_IDENTITY_PROVIDERS`].
    #[error("there are more than {MAX_IDENTITY_PROVIDERS} identity providers")]
    IdentityProviders,
    /// The `use` of a key is neither `signing` nor `encryption`.
    #[error("the use of a key is neither signing nor encryption")]
    KeyUse,
    /// An identity provider has no certificate to sign with.
    #[error("an identity provider has no X.509 certificate to sign with")]
    NoCertificate,
    /// No entity has an `IDPSSODescriptor`.
    #[error("there is no identity provider: no IDPSSODescriptor")]
    NoIdentityProvider,
    /// The root is no `EntityDescriptor` and no `EntitiesDescriptor`.
    #[error("the document is no SAML 2.0 metadata")]
    NoMetadata,
    /// A `validUntil` is no time.
    #[error("a validUntil is no time")]
    ValidUntil,
    /// The RSA key of a certificate has fewer bits than [`MIN_RSA_BITS`].
    #[error("the RSA key of a certificate has fewer than {MIN_RSA_BITS} bits")]
    WeakKey,
    /// The document cannot be read as XML.
    #[error(transparent)]
    Xml(#[from] XmlFault),
}

/// What a metadata document says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Metadata {
    /// The identity providers in their order: at least one, no entity id twice.
    pub identity_providers: Vec<IdentityProvider>,
    /// The earliest `validUntil` that concerns an identity provider.
    pub valid_until: Option<Timestamp>,
}

/// An identity provider.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct IdentityProvider {
    /// Who its assertions say that they are from (`Issuer`).
    pub entity_id: String,
    /// What it signs with, at least one, in their order; none twice.
    pub certificates: Vec<Certificate>,
}

/// An X.509 certificate whose key can verify signatures. That it has expired is no concern: it is the
/// key that is trusted.
#[derive(Clone, Eq, PartialEq)]
pub struct Certificate(Vec<u8>);

impl Metadata {
    /// Reads a metadata document.
    ///
    /// # Errors
    /// The first [`MetadataFault`] that is found.
    pub fn parse(text: &str) -> Result<Self, MetadataFault> {
        let root = xml::parse_some(text, &METADATA_LIMITS, is_read)?;
        let mut metadata = Self { identity_providers: Vec::new(), valid_until: None };
        if root.is(METADATA, "EntityDescriptor") {
            metadata.entity(&root)?;
        } else if root.is(METADATA, "EntitiesDescriptor") {
            metadata.entities(&root)?;
        } else {
            return Err(MetadataFault::NoMetadata);
        }
        if metadata.identity_providers.is_empty() {
            return Err(MetadataFault::NoIdentityProvider);
        }
        Ok(metadata)
    }

    /// Adds the identity providers of an `EntitiesDescriptor` and of those within it, which lie no
    /// deeper than the document may.
    fn entities(&mut self, group: &Element<'_>) -> Result<(), MetadataFault> {
        let before = self.identity_providers.len();
        for member in group.elements() {
            if member.is(METADATA, "EntityDescriptor") {
                self.entity(member)?;
            } else if member.is(METADATA, "EntitiesDescriptor") {
                self.entities(member)?;
            }
        }
        match self.identity_providers.len() > before {
            true => self.is_valid_until(group),
            false => Ok(()),
        }
    }

    /// Adds the identity provider that an `EntityDescriptor` describes, if it describes one.
    fn entity(&mut self, entity: &Element<'_>) -> Result<(), MetadataFault> {
        let mut roles = entity.named(METADATA, "IDPSSODescriptor").peekable();
        if roles.peek().is_none() {
            return Ok(());
        }
        if self.identity_providers.len() == MAX_IDENTITY_PROVIDERS {
            return Err(MetadataFault::IdentityProviders);
        }
        let entity_id = entity.attribute("entityID").unwrap_or_default();
        if entity_id.is_empty() || entity_id.chars().count() > MAX_ENTITY_ID {
            return Err(MetadataFault::EntityId);
        }
        if self.identity_providers.iter().any(|other| other.entity_id == entity_id) {
            return Err(MetadataFault::EntityIdTwice);
        }
        self.is_valid_until(entity)?;
        let mut certificates: Vec<Certificate> = Vec::new();
        let others: usize = self.identity_providers.iter().map(|of| of.certificates.len()).sum();
        for role in roles {
            self.is_valid_until(role)?;
            for key in role.named(METADATA, "KeyDescriptor") {
                match key.attribute("use") {
                    None | Some("signing") => {}
                    Some("encryption") => continue,
                    Some(_) => return Err(MetadataFault::KeyUse),
                }
                for data in signing_data(key) {
                    // Those behind the first are its chain: who issued a certificate does not sign.
                    let Some(found) = data.named(SIGNATURE, "X509Certificate").next() else {
                        continue;
                    };
                    let certificate = Certificate::of(found)?;
                    if certificates.contains(&certificate) {
                        continue;
                    }
                    if others + certificates.len() == MAX_CERTIFICATES {
                        return Err(MetadataFault::Certificates);
                    }
                    certificates.push(certificate);
                }
            }
        }
        if certificates.is_empty() {
            return Err(MetadataFault::NoCertificate);
        }
        let entity_id = entity_id.to_owned();
        self.identity_providers.push(IdentityProvider { entity_id, certificates });
        Ok(())
    }

    /// Takes the `validUntil` of an element into account.
    fn is_valid_until(&mut self, element: &Element<'_>) -> Result<(), MetadataFault> {
        let Some(text) = element.attribute("validUntil") else { return Ok(()) };
        let until = date_time::parse(text).ok_or(MetadataFault::ValidUntil)?;
        self.valid_until = Some(self.valid_until.map_or(until, |earlier| earlier.min(until)));
        Ok(())
    }
}

/// The elements whose content says something here.
fn is_read(namespace: Option<&str>, local: &str) -> bool {
    match namespace {
        Some(METADATA) => matches!(
            local,
            "EntitiesDescriptor" | "EntityDescriptor" | "IDPSSODescriptor" | "KeyDescriptor"
        ),
        Some(SIGNATURE) => matches!(local, "KeyInfo" | "X509Data" | "X509Certificate"),
        _ => false,
    }
}

/// Every `X509Data` of a key.
fn signing_data<'e, 'a>(key: &'e Element<'a>) -> impl Iterator<Item = &'e Element<'a>> {
    let info = key.named(SIGNATURE, "KeyInfo");
    info.flat_map(|info| info.named(SIGNATURE, "X509Data"))
}

impl Certificate {
    /// The certificate in an `X509Certificate`.
    fn of(element: &Element<'_>) -> Result<Self, MetadataFault> {
        let text = element.text().ok_or(MetadataFault::Certificate)?;
        // Of the most that base64 and its line ends can take, so that white space is no way around.
        if text.len() > MAX_CERTIFICATE * 2 {
            return Err(MetadataFault::Certificate);
        }
        let packed: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
        let der = BASE64.decode(&packed).map_err(|_| MetadataFault::Certificate)?;
        Self::from_der(der)
    }

    /// A certificate in DER.
    ///
    /// # Errors
    /// When it is none, has an extension twice, or its key cannot verify signatures.
    pub fn from_der(der: Vec<u8>) -> Result<Self, MetadataFault> {
        if der.len() > MAX_CERTIFICATE {
            return Err(MetadataFault::Certificate);
        }
        let parsed = X509Certificate::from_der(&der);
        let (rest, certificate) = parsed.map_err(|_| MetadataFault::Certificate)?;
        if !rest.is_empty() {
            return Err(MetadataFault::Certificate);
        }
        if certificate.extensions_map().is_err() {
            return Err(MetadataFault::CertificateExtensions);
        }
        match PublicKey::of(certificate.public_key())? {
            PublicKey::Rsa { modulus, .. } if bits(modulus) < MIN_RSA_BITS => {
                Err(MetadataFault::WeakKey)
            }
            PublicKey::Rsa { .. } | PublicKey::Point(..) => Ok(Self(der)),
        }
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for Certificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Certificate({})", Digest::of(&self.0))
    }
}

/// The SHA-256 of a document: what it is stored under, and what records say of it.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut own = [0; 32];
        // INVARIANT: both have 32 bytes.
        for (to, from) in own.iter_mut().zip(digest(&SHA256, bytes).as_ref()) {
            *to = *from;
        }
        Self(own)
    }

    /// Reads what a digest prints: 64 lower-case hexadecimal digits.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = HEXLOWER.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

#[cfg(test)]
#[path = "metadata_tests.rs"]
mod tests;
