//! The signature profile of SAML 2.0 (core, section 5.4), and nothing more of XML Signature: what a
//! signature may look like, and whether it verifies.
//!
//! A signature stands directly in the element that it signs, and has one reference, to the `ID` of
//! that element, with two transforms: enveloped signature, then exclusive canonicalisation. The
//! algorithms are those of a list; the keys are given, and what `KeyInfo` says is not looked at.
//! Refused is everything else that XML Signature has: objects, manifests, other transforms and
//! canonicalisations, further references, elements and attributes that are not known.
//!
//! All of this is looked at first; then the value is verified, and only what somebody trusted has
//! signed can make us canonicalise the element and compare its digest. The canonical form is what
//! comes back: whoever reads anything else reads what is not signed.

use aws_lc_rs::constant_time::verify_slices_are_equal;
use thiserror::Error;

use super::algorithm::{Algorithm, Hash, is_sha1};
use super::base64;
use super::canonical::exclusive_canonical;
use super::response::RESPONSE_LIMITS;
use super::signing_keys::SigningKeys;
use super::xml::{self, Element, Node, XmlFault};

/// The namespace of XML signatures.
pub(super) const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// Exclusive canonicalisation without comments: the algorithm, and the namespace of its parameter.
const EXCLUSIVE: &str = "http://www.w3.org/2001/10/xml-exc-c14n#";

/// The transform that leaves out the signature itself.
const ENVELOPED: &str = "http://www.w3.org/2000/09/xmldsig#enveloped-signature";

/// Most prefixes of a `PrefixList`. Real ones have one or two; no more can be declared.
const MAX_PREFIXES: usize = RESPONSE_LIMITS.namespaces;

/// Why a signature is refused. The messages repeat nothing of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SignatureFault {
    /// The algorithm is not one of the list.
    #[error(
        "the signature is not made with RSA or ECDSA and SHA-256, SHA-384 or SHA-512, which are supported"
    )]
    Algorithm,
    /// Either canonicalisation is another one.
    #[error("the signature does not use exclusive canonicalization without comments")]
    Canonicalization,
    /// The digest of the element is not that which was signed.
    #[error("the digest of what is signed is wrong: it has been changed since it was signed")]
    Digest,
    /// The algorithm of the digest is not one of the list.
    #[error("the digest of the signature is not SHA-256, SHA-384 or SHA-512")]
    DigestAlgorithm,
    /// `DigestValue` is no base64 of a digest of its length, or has something else in it.
    #[error("the DigestValue of the signature is not base64 of such a digest")]
    DigestValue,
    /// The signature has something at a place where the profile has nothing, or does not have what it
    /// must.
    #[error(
        "the signature lacks an element or has an element, attribute or text that the SAML profile does not have there"
    )]
    Form,
    /// The element that the signature stands in has no `ID`, or one that is no name.
    #[error("the element that holds the signature has no ID, or one that is no name")]
    Id,
    /// The identity provider has no key that such a signature could be of.
    #[error(
        "the identity provider has no key of the kind that the signature is made with, or none that is long enough"
    )]
    Keys,
    /// There is no signature directly in the element.
    #[error("the element has no signature")]
    Missing,
    /// The signature has an `Object`.
    #[error("the signature has an Object, which is not supported")]
    Object,
    /// A `PrefixList` is not there, too long, or has something that is no prefix.
    #[error("the signature has a PrefixList that is not a list of namespace prefixes")]
    PrefixList,
    /// The reference is to something else than the element that the signature stands in.
    #[error("the signature does not refer to the element that it stands in")]
    Reference,
    /// There is no reference, or more than one.
    #[error("the signature does not have exactly one Reference")]
    References,
    /// There is more than one signature directly in the element.
    #[error("the element has more than one signature")]
    Several,
    /// The signature or its digest is made with SHA-1.
    #[error("the signature is made with SHA-1, which is not secure and not supported")]
    Sha1,
    /// `SignatureValue` is no base64, or has something else in it.
    #[error("the SignatureValue of the signature is not base64")]
    SignatureValue,
    /// There is no `SignedInfo`, or more than one.
    #[error("the signature does not have exactly one SignedInfo")]
    SignedInfo,
    /// The canonical form is longer than a document may be.
    #[error("what is signed is longer than {0} bytes in its canonical form")]
    TooLong(usize),
    /// The transforms are others than the two of the profile, or in another order.
    #[error(
        "the transforms of the signature are not enveloped signature and then exclusive canonicalization"
    )]
    Transforms,
    /// No key verifies the value.
    #[error("no key of the identity provider verifies the signature")]
    Value,
}

/// What a signature covered: the canonical form of the element, without the signature. Only
/// [`verify`] makes one.
#[derive(Debug)]
pub(super) struct Signed(String);

impl Signed {
    /// The bytes that were hashed.
    #[cfg(test)]
    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// Reads them, as strictly as the document itself.
    pub(super) fn parse(&self) -> Result<Element<'_>, XmlFault> {
        xml::parse(&self.0, &RESPONSE_LIMITS)
    }
}

/// Whether an element is a signature, wherever it stands.
pub(super) fn is_signature(element: &Element<'_>) -> bool {
    element.is(SIGNATURE, "Signature")
}

/// How many signatures stand directly in an element.
pub(super) fn signatures(element: &Element<'_>) -> usize {
    element.elements().filter(|child| is_signature(child)).count()
}

/// Verifies the one signature that stands directly in the last element of `path`, which leads to it
/// from the root of its document.
///
/// No other element of the document may have the same `ID`; that is the caller's to know.
pub(super) fn verify(path: &[&Element<'_>], keys: &SigningKeys) -> Result<Signed, SignatureFault> {
    let element = path.last().ok_or(SignatureFault::Missing)?;
    let mut found = element.children.iter().enumerate().filter_map(|(at, child)| match child {
        Node::Element(child) if is_signature(child) => Some((at, child)),
        _ => None,
    });
    let (at, signature) = found.next().ok_or(SignatureFault::Missing)?;
    if found.next().is_some() {
        return Err(SignatureFault::Several);
    }
    let id = element.attribute("ID").filter(|id| xml::is_name(id)).ok_or(SignatureFault::Id)?;
    let parts = Parts::of(signature, id)?;

    let Parts { signed_info, canonicalization, algorithm, value, .. } = &parts;
    if !keys.fit(*algorithm) {
        return Err(SignatureFault::Keys);
    }
    let path_to_info = [path, &[signature, signed_info]].concat();
    let canonical = canonical(&path_to_info, canonicalization, None)?;
    if !keys.verify(*algorithm, canonical.as_bytes(), value) {
        return Err(SignatureFault::Value);
    }

    // SECURITY: what is hashed is what comes back. It is never empty: the element's tags are in it.
    let canonical = self::canonical(path, &parts.transform, Some(at))?;
    let digest = parts.hash.digest(canonical.as_bytes());
    verify_slices_are_equal(digest.as_ref(), &parts.digest).map_err(|_| SignatureFault::Digest)?;
    Ok(Signed(canonical))
}

/// What a signature says, its form being right.
struct Parts<'e, 'a> {
    signed_info: &'e Element<'a>,
    /// The `PrefixList` that `SignedInfo` is canonicalised with.
    canonicalization: Vec<&'e str>,
    algorithm: Algorithm,
    /// The `PrefixList` that the element is canonicalised with.
    transform: Vec<&'e str>,
    hash: Hash,
    digest: Vec<u8>,
    value: Vec<u8>,
}

impl<'e, 'a> Parts<'e, 'a> {
    /// Takes a signature of the element of that `ID` apart.
    fn of(signature: &'e Element<'a>, id: &str) -> Result<Self, SignatureFault> {
        check_attributes(signature, &["Id"])?;
        // Before the order of things, since these are told apart.
        if signature.named(SIGNATURE, "SignedInfo").count() != 1 {
            return Err(SignatureFault::SignedInfo);
        }
        if signature.named(SIGNATURE, "Object").next().is_some() {
            return Err(SignatureFault::Object);
        }
        let (signed_info, value) = match *children(signature)?.as_slice() {
            [info, value] => (info, value),
            // It is for whoever has no key, or does not know which: we try all that we have.
            [info, value, key_info] if key_info.is(SIGNATURE, "KeyInfo") => (info, value),
            _ => return Err(SignatureFault::Form),
        };
        is(signed_info, "SignedInfo", &["Id"])?;
        is(value, "SignatureValue", &["Id"])?;
        if signed_info.named(SIGNATURE, "Reference").count() != 1 {
            return Err(SignatureFault::References);
        }
        let [canonicalization, method, reference] = exactly(signed_info)?;
        is(canonicalization, "CanonicalizationMethod", &["Algorithm"])?;
        let canonicalization = prefix_list(canonicalization, SignatureFault::Canonicalization)?;
        is(method, "SignatureMethod", &["Algorithm"])?;
        let [] = exactly(method)?;
        let uri = method.attribute("Algorithm").unwrap_or_default();
        let algorithm = Algorithm::of(uri).ok_or(refused(uri, SignatureFault::Algorithm))?;

        is(reference, "Reference", &["Id", "URI"])?;
        if reference.attribute("URI").and_then(|uri| uri.strip_prefix('#')) != Some(id) {
            return Err(SignatureFault::Reference);
        }
        let [transforms, method, digest] = exactly(reference)?;
        is(transforms, "Transforms", &[])?;
        let transform = transform(transforms)?;
        is(method, "DigestMethod", &["Algorithm"])?;
        let [] = exactly(method)?;
        let uri = method.attribute("Algorithm").unwrap_or_default();
        let hash = Hash::of(uri).ok_or(refused(uri, SignatureFault::DigestAlgorithm))?;
        is(digest, "DigestValue", &[])?;
        let digest = bytes(digest).filter(|digest| digest.len() == hash.size());
        let digest = digest.ok_or(SignatureFault::DigestValue)?;
        let value = bytes(value).ok_or(SignatureFault::SignatureValue)?;
        Ok(Self { signed_info, canonicalization, algorithm, transform, hash, digest, value })
    }
}

/// The fault of an algorithm that is not of the list.
fn refused(uri: &str, otherwise: SignatureFault) -> SignatureFault {
    if is_sha1(uri) { SignatureFault::Sha1 } else { otherwise }
}

/// The `PrefixList` of the second of the two transforms. The first, which leaves the signature out,
/// has no parameter.
fn transform<'e>(transforms: &'e Element<'_>) -> Result<Vec<&'e str>, SignatureFault> {
    let both = exactly(transforms).map_err(|_| SignatureFault::Transforms)?;
    for transform in both {
        is(transform, "Transform", &["Algorithm"])?;
    }
    let [enveloped, exclusive] = both;
    if enveloped.attribute("Algorithm") != Some(ENVELOPED) {
        return Err(SignatureFault::Transforms);
    }
    let [] = exactly(enveloped)?;
    prefix_list(exclusive, SignatureFault::Transforms)
}

/// The `PrefixList` of an element that says how to canonicalise: exclusively, or `otherwise`.
fn prefix_list<'e>(
    element: &'e Element<'_>,
    otherwise: SignatureFault,
) -> Result<Vec<&'e str>, SignatureFault> {
    if element.attribute("Algorithm") != Some(EXCLUSIVE) {
        return Err(otherwise);
    }
    let namespaces = match *children(element)?.as_slice() {
        [] => return Ok(Vec::new()),
        [namespaces] if namespaces.is(EXCLUSIVE, "InclusiveNamespaces") => namespaces,
        _ => return Err(SignatureFault::Form),
    };
    check_attributes(namespaces, &["PrefixList"])?;
    let [] = exactly(namespaces)?;
    let list = namespaces.attribute("PrefixList").ok_or(SignatureFault::PrefixList)?;
    let mut prefixes = Vec::new();
    // The white space of `xs:NMTOKENS`.
    for token in list.split(xml::SPACES).filter(|token| !token.is_empty()) {
        let prefix = if token == "#default" { "" } else { token };
        let is_prefix = prefix.is_empty() || xml::is_name(prefix);
        if !is_prefix || prefixes.len() == MAX_PREFIXES {
            return Err(SignatureFault::PrefixList);
        }
        prefixes.push(prefix);
    }
    Ok(prefixes)
}

/// Checks that an element is the one that is expected, with no attributes but these.
fn is(element: &Element<'_>, local: &str, attributes: &[&str]) -> Result<(), SignatureFault> {
    if !element.is(SIGNATURE, local) {
        return Err(SignatureFault::Form);
    }
    check_attributes(element, attributes)
}

fn check_attributes(element: &Element<'_>, known: &[&str]) -> Result<(), SignatureFault> {
    let is_known = |attribute: &xml::Attribute<'_>| {
        attribute.namespace.is_none() && known.contains(&attribute.local)
    };
    if element.attributes.iter().all(is_known) { Ok(()) } else { Err(SignatureFault::Form) }
}

/// The elements in an element that has nothing else in it but white space.
fn children<'e, 'a>(element: &'e Element<'a>) -> Result<Vec<&'e Element<'a>>, SignatureFault> {
    let mut children = Vec::new();
    for child in &element.children {
        match child {
            Node::Element(child) => children.push(child),
            Node::Text(text) if text.bytes().all(xml::is_space) => {}
            Node::Text(_) => return Err(SignatureFault::Form),
        }
    }
    Ok(children)
}

/// The elements in an element, as many as are expected.
fn exactly<'e, 'a, const N: usize>(
    element: &'e Element<'a>,
) -> Result<[&'e Element<'a>; N], SignatureFault> {
    children(element)?.try_into().map_err(|_| SignatureFault::Form)
}

/// The bytes of the base64 in an element, which must be some.
fn bytes(element: &Element<'_>) -> Option<Vec<u8>> {
    let bytes = base64::decode(&base64::packed(element.text()?))?;
    (!bytes.is_empty()).then(|| bytes.to_vec())
}

/// The canonical form, which is no longer than a document may be: it is read again.
fn canonical(
    path: &[&Element<'_>],
    prefixes: &[&str],
    without: Option<usize>,
) -> Result<String, SignatureFault> {
    let most = RESPONSE_LIMITS.bytes;
    exclusive_canonical(path, prefixes, without, most).ok_or(SignatureFault::TooLong(most))
}

#[cfg(test)]
#[path = "signature_tests.rs"]
mod tests;
