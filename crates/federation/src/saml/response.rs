//! A SAML response on its way to a verified assertion.
//!
//! STS API reference, "AssumeRoleWithSAML"; SAML 2.0 core, section 5; SAML 2.0 bindings, section 3.5.4
//! (how a response is encoded). The order is fixed: base64, the strict reader, the form, the
//! signatures, decryption; and then the bytes that a signature covered are read again, from the
//! start, by the same reader. Nothing else of the response gets into a [`VerifiedAssertion`].

use std::fmt;

use zeroize::Zeroizing;

use super::assertion::VerifiedAssertion;
use super::base64;
use super::decrypt::{self, Cbc};
use super::fault::SamlFault;
use super::form::{self, Carried};
use super::private_key::PrivateKey;
use super::signature;
use super::signing_keys::SigningKeys;
use super::xml::{self, Comments, Element, Limits};

/// What a SAML response may have.
pub const RESPONSE_LIMITS: Limits = Limits {
    bytes: 256 << 10,
    depth: 48,
    nodes: 20_000,
    kept: 20_000,
    attributes: 64,
    namespaces: 64,
    namespace_name: 2 << 10,
    namespace_names: 512,
    name: 512,
    comments: Comments::Refused,
};

/// Least characters of a response in base64. STS service model, `SAMLAssertionType`.
const MIN_RESPONSE: usize = 4;

/// Most characters of a response in base64; the same.
pub const MAX_RESPONSE: usize = 100_000;

/// The text of a response, out of its base64. It never prints, and is wiped when dropped.
pub struct ResponseText(Zeroizing<String>);

impl ResponseText {
    /// Decodes what a client sends: base64 with its padding (RFC 4648, section 4), in which white
    /// space may stand, as in MIME.
    ///
    /// # Errors
    /// [`SamlFault::Size`] and [`SamlFault::Encoding`].
    pub fn decode(text: &str) -> Result<Self, SamlFault> {
        // Longer in bytes is longer in characters, or no base64.
        if text.len() > MAX_RESPONSE {
            return Err(SamlFault::Size);
        }
        let packed = base64::packed(text);
        if packed.len() < MIN_RESPONSE {
            return Err(SamlFault::Size);
        }
        let bytes = base64::decode(&packed).ok_or(SamlFault::Encoding)?;
        let text = std::str::from_utf8(&bytes).map_err(|_| SamlFault::Encoding)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl fmt::Debug for ResponseText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ResponseText(…)")
    }
}

/// A response that was read, and of which nothing is proven. It never prints.
pub struct Response<'a> {
    root: Element<'a>,
}

/// An identity provider of a SAML provider's metadata.
#[derive(Debug)]
pub struct TrustedIdentityProvider {
    /// Who its assertions say that they are from.
    pub entity_id: String,
    /// What it signs with.
    pub keys: SigningKeys,
}

/// Whom a response may come from, and how it may be encrypted.
#[derive(Clone, Copy, Debug)]
pub struct Trust<'a> {
    /// The identity providers.
    pub identity_providers: &'a [TrustedIdentityProvider],
    /// What opens encrypted assertions, each tried.
    pub private_keys: &'a [PrivateKey],
    /// Whether the assertion must be encrypted.
    pub requires_encryption: bool,
}

impl<'a> Trust<'a> {
    /// The identity provider of that entity id: an exact text, since two spellings of a URL are two
    /// names (SAML core, section 1.3.1).
    fn identity_provider(&self, id: &str) -> Result<&'a TrustedIdentityProvider, SamlFault> {
        let found = self.identity_providers.iter().find(|provider| provider.entity_id == id);
        found.ok_or(SamlFault::Issuer)
    }
}

impl<'a> Response<'a> {
    /// Reads a response, and checks its form: one `Response` with one assertion, perhaps encrypted.
    ///
    /// # Errors
    /// The first [`SamlFault`] that is found.
    pub fn parse(text: &'a ResponseText) -> Result<Self, SamlFault> {
        let root = xml::parse(&text.0, &RESPONSE_LIMITS)?;
        form::response(&root)?;
        Ok(Self { root })
    }

    /// Who the response says that it is from: nothing is proven. It is the `Issuer` of the assertion,
    /// or of the response around an encrypted one.
    pub fn claimed_issuer(&self) -> Option<&str> {
        match form::carried(&self.root).ok()? {
            Carried::Plain(assertion) => form::issuer(assertion).ok()?,
            Carried::Encrypted(_) => form::issuer(&self.root).ok()?,
        }
    }

    /// Whether its assertion is encrypted.
    pub fn is_encrypted(&self) -> bool {
        matches!(form::carried(&self.root), Ok(Carried::Encrypted(_)))
    }

    /// Verifies every signature that is there, decrypts, and reads the canonical bytes that a
    /// signature covered; only they are read.
    ///
    /// # Errors
    /// The first [`SamlFault`] that is found.
    pub fn verify(&self, trust: &Trust<'_>) -> Result<VerifiedAssertion, SamlFault> {
        match form::carried(&self.root)? {
            Carried::Plain(_) if trust.requires_encryption => Err(SamlFault::EncryptionRequired),
            Carried::Plain(assertion) => self.verify_plain(assertion, trust),
            Carried::Encrypted(_) if trust.private_keys.is_empty() => Err(SamlFault::NoPrivateKey),
            Carried::Encrypted(encrypted) => self.verify_encrypted(encrypted, trust),
        }
    }

    /// Verifies a response around an assertion that is not encrypted.
    fn verify_plain(
        &self,
        assertion: &Element<'a>,
        trust: &Trust<'_>,
    ) -> Result<VerifiedAssertion, SamlFault> {
        if !is_signed(&self.root) && !is_signed(assertion) {
            return Err(SamlFault::Unsigned);
        }
        let claimed = form::issuer(assertion)?.ok_or(SamlFault::Missing("Issuer"))?;
        is_also_from(&self.root, claimed)?;
        let provider = trust.identity_provider(claimed)?;
        if !is_signed(&self.root) {
            return signed_assertion(&[&self.root, assertion], provider);
        }
        let signed = signature::verify(&[&self.root], &provider.keys)?;
        let root = signed.parse()?;
        form::response(&root)?;
        let Carried::Plain(covered) = form::carried(&root)? else {
            return Err(SamlFault::NoAssertion);
        };
        is_also_from(&root, &provider.entity_id)?;
        if is_signed(assertion) {
            // Its own signature says the same, and is held against the document as it came: the
            // canonical response may lack namespaces that this signature's form has.
            return signed_assertion(&[&self.root, assertion], provider);
        }
        is_from(covered, provider)?;
        Ok(VerifiedAssertion::of(covered))
    }

    /// Verifies a response around an encrypted assertion.
    fn verify_encrypted(
        &self,
        encrypted: &Element<'a>,
        trust: &Trust<'_>,
    ) -> Result<VerifiedAssertion, SamlFault> {
        // SAML profiles, section 4.1.4.2, with the errata: it must say who it is from. Whoever is unknown
        // makes nobody decrypt anything.
        let claimed = form::issuer(&self.root)?.ok_or(SamlFault::Missing("Issuer"))?;
        let provider = trust.identity_provider(claimed)?;
        if is_signed(&self.root) {
            let signed = signature::verify(&[&self.root], &provider.keys)?;
            let root = signed.parse()?;
            form::response(&root)?;
            let Carried::Encrypted(covered) = form::carried(&root)? else {
                return Err(SamlFault::NoAssertion);
            };
            is_also_from(&root, &provider.entity_id)?;
            let text = decrypt::assertion(covered, trust.private_keys, Cbc::Allowed)?;
            let assertion = xml::parse(&text, &RESPONSE_LIMITS)?;
            form::assertion_alone(&assertion)?;
            is_from(&assertion, provider)?;
            return match is_signed(&assertion) {
                true => signed_assertion(&[&assertion], provider),
                false => Ok(VerifiedAssertion::of(&assertion)),
            };
        }
        let text = decrypt::assertion(encrypted, trust.private_keys, Cbc::Refused)?;
        let assertion = xml::parse(&text, &RESPONSE_LIMITS)?;
        form::assertion_alone(&assertion)?;
        if !is_signed(&assertion) {
            return Err(SamlFault::Unsigned);
        }
        is_from(&assertion, provider)?;
        signed_assertion(&[&assertion], provider)
    }
}

impl fmt::Debug for Response<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Response(…)")
    }
}

fn is_signed(element: &Element<'_>) -> bool {
    signature::signatures(element) > 0
}

/// Verifies the signature of the assertion at the end of `path`, and reads what it covered.
fn signed_assertion(
    path: &[&Element<'_>],
    provider: &TrustedIdentityProvider,
) -> Result<VerifiedAssertion, SamlFault> {
    let signed = signature::verify(path, &provider.keys)?;
    let assertion = signed.parse()?;
    form::assertion_alone(&assertion)?;
    is_from(&assertion, provider)?;
    Ok(VerifiedAssertion::of(&assertion))
}

/// Whether an assertion is from the identity provider whose keys were asked.
fn is_from(assertion: &Element<'_>, provider: &TrustedIdentityProvider) -> Result<(), SamlFault> {
    match form::issuer(assertion)?.ok_or(SamlFault::Missing("Issuer"))? {
        issuer if issuer == provider.entity_id => Ok(()),
        _ => Err(SamlFault::IssuersDiffer),
    }
}

/// Whether the response around an assertion is from the same issuer, if it says from whom it is.
fn is_also_from(response: &Element<'_>, issuer: &str) -> Result<(), SamlFault> {
    match form::issuer(response)? {
        Some(other) if other != issuer => Err(SamlFault::IssuersDiffer),
        Some(_) | None => Ok(()),
    }
}
