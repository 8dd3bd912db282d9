//! Signed SAML responses, as identity providers make them for AWS, and the metadata that goes with
//! them.
//!
//! ```
//! use daypass_federation::testing::saml::{SamlResponse, SamlSigner, Signs, encoded};
//!
//! let signer = SamlSigner::p256();
//! let mut response = SamlResponse::at("2031-01-01T00:00:00Z".parse().unwrap());
//! response.role("arn:aws:iam::1:role/a", "arn:aws:iam::1:saml-provider/b");
//! let _metadata = signer.metadata(&response.issuer);
//! let _parameter = encoded(&response.signed(&signer, Signs::Assertion));
//! // Whatever was not foreseen here: the text can be changed before it is signed, and after.
//! let text = response.document().replace("urn:oasis:names:tc:SAML:2.0:cm:bearer", "urn:x");
//! let _text = signer.signed(&text, &response.assertion_id);
//! ```

use std::fmt::{self, Write};
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, SHA384, SHA512, digest};
use aws_lc_rs::encoding::{AsDer, PublicKeyX509Der};
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1_SIGNING, ECDSA_P256_SHA256_FIXED_SIGNING,
    ECDSA_P384_SHA384_ASN1_SIGNING, ECDSA_P384_SHA384_FIXED_SIGNING, EcdsaKeyPair,
    EcdsaSigningAlgorithm, KeyPair, RSA_PKCS1_SHA256, RSA_PKCS1_SHA384, RSA_PKCS1_SHA512,
    RsaKeyPair,
};
use data_encoding::BASE64;
use jiff::{SignedDuration, Timestamp};

use crate::saml::{
    Certificate, Element, Node, RESPONSE_LIMITS, SigningKeys, exclusive_canonical, parse,
};

/// The prefix of the names of AWS's own attributes.
pub const AWS_ATTRIBUTES: &str = "https://aws.amazon.com/SAML/Attributes/";

const SIGNATURE: &str = "http://www.w3.org/2000/09/xmldsig#";

/// A key of an identity provider with a certificate for it, new at each run. Cheap to clone.
#[derive(Clone)]
pub struct SamlSigner {
    pair: Pair,
    hash: Hash,
    certificate: Vec<u8>,
    prefixes: String,
}

#[derive(Clone)]
enum Pair {
    Rsa(Arc<RsaKeyPair>),
    Ecdsa(Arc<EcdsaKeyPair>),
}

/// A digest of the SHA-2 family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Hash {
    /// SHA-256, the usual one.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

/// Which elements of a response get a signature.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Signs {
    /// The assertion, as most do.
    Assertion,
    /// The response.
    Response,
    /// The assertion, then the response around it.
    Both,
}

impl SamlSigner {
    /// A new RSA key of 2,048 bits with SHA-256: it takes a tenth of a second or two.
    pub fn rsa() -> Self {
        let pair = RsaKeyPair::generate(KeySize::Rsa2048).expect("a key can be made");
        let public = pair.public_key().as_der().expect("it has a public key");
        let certificate =
            certificate(&public, RSA_SHA256, |signed| rsa(&pair, Hash::Sha256, signed));
        let pair = Pair::Rsa(Arc::new(pair));
        Self { pair, hash: Hash::Sha256, certificate, prefixes: String::new() }
    }

    /// A new key of the curve P-256 with SHA-256.
    pub fn p256() -> Self {
        let (fixed, asn1) = (&ECDSA_P256_SHA256_FIXED_SIGNING, &ECDSA_P256_SHA256_ASN1_SIGNING);
        Self::ecdsa(fixed, asn1, ECDSA_SHA256, Hash::Sha256)
    }

    /// A new key of the curve P-384 with SHA-384.
    pub fn p384() -> Self {
        let (fixed, asn1) = (&ECDSA_P384_SHA384_FIXED_SIGNING, &ECDSA_P384_SHA384_ASN1_SIGNING);
        Self::ecdsa(fixed, asn1, ECDSA_SHA384, Hash::Sha384)
    }

    fn ecdsa(
        fixed: &'static EcdsaSigningAlgorithm,
        asn1: &'static EcdsaSigningAlgorithm,
        algorithm: &[u8],
        hash: Hash,
    ) -> Self {
        let pkcs8 = EcdsaKeyPair::generate(fixed).and_then(|pair| pair.to_pkcs8v1());
        let pkcs8 = pkcs8.expect("a key can be made");
        let of = |form| EcdsaKeyPair::from_pkcs8(form, pkcs8.as_ref()).expect("it is a key");
        let (pair, issuer) = (of(fixed), of(asn1));
        let public = pair.public_key().as_der().expect("it has a public key");
        let certificate = certificate(&public, algorithm, |signed| ecdsa(&issuer, signed));
        Self { pair: Pair::Ecdsa(Arc::new(pair)), hash, certificate, prefixes: String::new() }
    }

    /// The same RSA key with another digest, of what is signed and of the signature.
    #[must_use]
    pub fn with(mut self, hash: Hash) -> Self {
        assert!(matches!(self.pair, Pair::Rsa(_)), "a key of a curve has one digest");
        self.hash = hash;
        self
    }

    /// The same key, with a `PrefixList` for the element (`xs`, as OpenSAML has it) and for
    /// `SignedInfo`.
    #[must_use]
    pub fn with_prefixes(mut self, prefixes: &str) -> Self {
        prefixes.clone_into(&mut self.prefixes);
        self
    }

    /// The certificate in DER.
    pub fn certificate(&self) -> &[u8] {
        &self.certificate
    }

    /// What verifies its signatures.
    pub fn signing_keys(&self) -> SigningKeys {
        let certificate = Certificate::from_der(self.certificate.clone());
        SigningKeys::of(&[certificate.expect("it is a certificate")])
    }

    /// The metadata of an identity provider with this key: more than the 1,000 characters that IAM
    /// wants.
    pub fn metadata(&self, entity_id: &str) -> String {
        metadata(entity_id, &[self])
    }

    /// The document with a signature of the element that has this `ID`, behind its `Issuer`, or in
    /// front when it has none.
    pub fn signed(&self, document: &str, id: &str) -> String {
        self.signed_as(document, id, |signature| signature)
    }

    /// The same; the signature is changed after the digest has been made, and before its
    /// `SignedInfo` is signed. Its value is empty then.
    pub fn signed_as(&self, document: &str, id: &str, edit: impl Fn(String) -> String) -> String {
        let (before, behind) = document.split_at(place(document, id));
        let with = |signature: &str| format!("{before}{signature}{behind}");
        let prefixes = self.prefix_list();
        let digested = with(&self.signature(id, ""));
        let digest = canonical_of(&digested, id, &prefixes, |element| {
            let is_signature = |node: &Node<'_>| matches!(node, Node::Element(child) if child.is(SIGNATURE, "Signature"));
            (Vec::new(), element.children.iter().position(is_signature))
        });
        let digest = self.hash.of(digest.as_bytes());
        let signature = edit(self.signature(id, &BASE64.encode(&digest)));
        let info = canonical_of(&with(&signature), id, &prefixes, |element| {
            let signature = element.named(SIGNATURE, "Signature").next();
            let signature = signature.expect("there is a signature");
            let info = signature.named(SIGNATURE, "SignedInfo").next();
            (vec![signature, info.expect("there is a SignedInfo")], None)
        });
        let value = BASE64.encode(&self.sign(info.as_bytes()));
        let empty = "<ds:SignatureValue></ds:SignatureValue>";
        let full = format!("<ds:SignatureValue>{value}</ds:SignatureValue>");
        with(&signature.replacen(empty, &full, 1))
    }

    /// The signature of some bytes, as a `SignatureValue` has it.
    pub fn sign(&self, signed: &[u8]) -> Vec<u8> {
        match &self.pair {
            Pair::Rsa(pair) => rsa(pair, self.hash, signed),
            Pair::Ecdsa(pair) => ecdsa(pair, signed),
        }
    }

    /// A signature without its value.
    fn signature(&self, id: &str, digest: &str) -> String {
        let list = match self.prefixes.as_str() {
            "" => String::new(),
            prefixes => format!(
                "<ec:InclusiveNamespaces xmlns:ec=\"http://www.w3.org/2001/10/xml-exc-c14n#\" \
                 PrefixList=\"{prefixes}\"></ec:InclusiveNamespaces>"
            ),
        };
        let (kind, hash, digested) = match (&self.pair, self.hash) {
            (Pair::Rsa(_), Hash::Sha256) => ("rsa", "sha256", "2001/04/xmlenc#sha256"),
            (Pair::Rsa(_), Hash::Sha384) => ("rsa", "sha384", "2001/04/xmldsig-more#sha384"),
            (Pair::Rsa(_), Hash::Sha512) => ("rsa", "sha512", "2001/04/xmlenc#sha512"),
            (Pair::Ecdsa(_), Hash::Sha256) => ("ecdsa", "sha256", "2001/04/xmlenc#sha256"),
            (Pair::Ecdsa(_), Hash::Sha384) => ("ecdsa", "sha384", "2001/04/xmldsig-more#sha384"),
            (Pair::Ecdsa(_), Hash::Sha512) => ("ecdsa", "sha512", "2001/04/xmlenc#sha512"),
        };
        let exclusive = "Algorithm=\"http://www.w3.org/2001/10/xml-exc-c14n#\"";
        let certificate = BASE64.encode(&self.certificate);
        format!(
            "<ds:Signature xmlns:ds=\"{SIGNATURE}\"><ds:SignedInfo>\
             <ds:CanonicalizationMethod {exclusive}>{list}</ds:CanonicalizationMethod>\
             <ds:SignatureMethod \
             Algorithm=\"http://www.w3.org/2001/04/xmldsig-more#{kind}-{hash}\">\
             </ds:SignatureMethod><ds:Reference URI=\"#{id}\"><ds:Transforms>\
             <ds:Transform Algorithm=\"{SIGNATURE}enveloped-signature\"></ds:Transform>\
             <ds:Transform {exclusive}>{list}</ds:Transform></ds:Transforms>\
             <ds:DigestMethod Algorithm=\"http://www.w3.org/{digested}\"></ds:DigestMethod>\
             <ds:DigestValue>{digest}</ds:DigestValue></ds:Reference></ds:SignedInfo>\
             <ds:SignatureValue></ds:SignatureValue><ds:KeyInfo><ds:X509Data>\
             <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo>\
             </ds:Signature>"
        )
    }

    fn prefix_list(&self) -> Vec<&str> {
        let tokens = self.prefixes.split(' ').filter(|token| !token.is_empty());
        tokens.map(|token| if token == "#default" { "" } else { token }).collect()
    }
}

impl Hash {
    fn of(self, bytes: &[u8]) -> Vec<u8> {
        let algorithm = match self {
            Self::Sha256 => &SHA256,
            Self::Sha384 => &SHA384,
            Self::Sha512 => &SHA512,
        };
        digest(algorithm, bytes).as_ref().to_vec()
    }
}

impl fmt::Debug for SamlSigner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SamlSigner({:?})", self.hash)
    }
}

/// The metadata of an identity provider with several keys: more than the 1,000 characters that IAM
/// wants.
pub fn metadata(entity_id: &str, signers: &[&SamlSigner]) -> String {
    let keys: String = signers
        .iter()
        .map(|signer| {
            format!(
                "<md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"{SIGNATURE}\">\
                 <ds:X509Data><ds:X509Certificate>{}</ds:X509Certificate></ds:X509Data>\
                 </ds:KeyInfo></md:KeyDescriptor>",
                BASE64.encode(&signer.certificate)
            )
        })
        .collect();
    let services: String = ["HTTP-Redirect", "HTTP-POST"]
        .into_iter()
        .map(|binding| {
            format!(
                "<md:SingleSignOnService \
                 Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:{binding}\" \
                 Location=\"https://idp.example.com/saml/sso\"/>"
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<md:EntityDescriptor \
         xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{}\"><md:IDPSSODescriptor \
         WantAuthnRequestsSigned=\"false\" \
         protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">{keys}\
         <md:NameIDFormat>{PERSISTENT}</md:NameIDFormat>{services}</md:IDPSSODescriptor>\
         <md:Organization><md:OrganizationName xml:lang=\"en\">Example</md:OrganizationName>\
         <md:OrganizationDisplayName xml:lang=\"en\">Example identity provider, for tests\
         </md:OrganizationDisplayName><md:OrganizationURL xml:lang=\"en\">\
         https://idp.example.com/</md:OrganizationURL></md:Organization></md:EntityDescriptor>\n",
        escaped(entity_id)
    )
}

const PERSISTENT: &str = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent";

/// A response with one assertion, as AWS wants it. Tests change what they like, and add what they
/// need.
#[derive(Clone, Debug)]
pub struct SamlResponse {
    /// The `ID` of the response.
    pub response_id: String,
    /// The `ID` of the assertion.
    pub assertion_id: String,
    /// The `Issuer` of both.
    pub issuer: String,
    /// The `Destination` of the response, and the `Recipient` of the subject's confirmation.
    pub recipient: String,
    /// The `Audience`.
    pub audience: String,
    /// When both were issued.
    pub issued: Timestamp,
    /// The `NotBefore` of the conditions.
    pub not_before: Timestamp,
    /// The `NotOnOrAfter` of the conditions and of the subject's confirmation.
    pub not_on_or_after: Timestamp,
    /// The `SessionNotOnOrAfter` of the statement of authentication.
    pub session_not_on_or_after: Option<Timestamp>,
    /// The text of `NameID`.
    pub subject: String,
    /// The `Format` of `NameID`.
    pub subject_format: String,
    /// The attributes with their whole names, and the values of each.
    pub attributes: Vec<(String, Vec<String>)>,
}

impl SamlResponse {
    /// A response of `https://idp.example.com/saml` for AWS, issued at that time and good for five
    /// minutes, for `alice`, whose session has the same name, and without a role.
    pub fn at(now: Timestamp) -> Self {
        let later = now + SignedDuration::from_mins(5);
        let response = Self {
            response_id: "_response".to_owned(),
            assertion_id: "_assertion".to_owned(),
            issuer: "https://idp.example.com/saml".to_owned(),
            recipient: "https://signin.aws.amazon.com/saml".to_owned(),
            audience: "urn:amazon:webservices".to_owned(),
            issued: now,
            not_before: now,
            not_on_or_after: later,
            session_not_on_or_after: None,
            subject: "alice".to_owned(),
            subject_format: PERSISTENT.to_owned(),
            attributes: Vec::new(),
        };
        response.with("RoleSessionName", &["alice"])
    }

    /// Sets one of AWS's own attributes (`RoleSessionName`, `PrincipalTag:team`, …), by its name
    /// without [`AWS_ATTRIBUTES`].
    #[must_use]
    pub fn with(mut self, name: &str, values: &[&str]) -> Self {
        let name = format!("{AWS_ATTRIBUTES}{name}");
        self.attributes.retain(|(other, _)| *other != name);
        self.attributes.push((name, values.iter().map(|value| (*value).to_owned()).collect()));
        self
    }

    /// Adds a value to the attribute `Role`.
    pub fn role(&mut self, role: &str, provider: &str) {
        let (name, value) = (format!("{AWS_ATTRIBUTES}Role"), format!("{role},{provider}"));
        match self.attributes.iter_mut().find(|(other, _)| *other == name) {
            Some((_, values)) => values.push(value),
            None => self.attributes.push((name, vec![value])),
        }
    }

    /// The response, unsigned.
    pub fn document(&self) -> String {
        format!(
            "<samlp:Response xmlns:samlp=\"urn:oasis:names:tc:SAML:2.0:protocol\" \
             ID=\"{}\" Version=\"2.0\" IssueInstant=\"{}\" Destination=\"{}\">\
             <saml:Issuer xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\">{}</saml:Issuer>\
             <samlp:Status><samlp:StatusCode \
             Value=\"urn:oasis:names:tc:SAML:2.0:status:Success\"/></samlp:Status>{}\
             </samlp:Response>",
            escaped(&self.response_id),
            self.issued,
            escaped(&self.recipient),
            escaped(&self.issuer),
            self.assertion(),
        )
    }

    /// The assertion, unsigned and alone.
    pub fn assertion(&self) -> String {
        let session = self
            .session_not_on_or_after
            .map_or_else(String::new, |until| format!(" SessionNotOnOrAfter=\"{until}\""));
        let (recipient, until) = (escaped(&self.recipient), self.not_on_or_after);
        format!(
            "<saml:Assertion xmlns:saml=\"urn:oasis:names:tc:SAML:2.0:assertion\" \
             ID=\"{}\" Version=\"2.0\" IssueInstant=\"{issued}\"><saml:Issuer>{}</saml:Issuer>\
             <saml:Subject><saml:NameID Format=\"{}\">{}</saml:NameID><saml:SubjectConfirmation \
             Method=\"urn:oasis:names:tc:SAML:2.0:cm:bearer\"><saml:SubjectConfirmationData \
             NotOnOrAfter=\"{until}\" Recipient=\"{recipient}\"/></saml:SubjectConfirmation>\
             </saml:Subject><saml:Conditions NotBefore=\"{}\" NotOnOrAfter=\"{until}\">\
             <saml:AudienceRestriction><saml:Audience>{}</saml:Audience></saml:AudienceRestriction>\
             </saml:Conditions><saml:AuthnStatement AuthnInstant=\"{issued}\" \
             SessionIndex=\"_session\"{session}><saml:AuthnContext><saml:AuthnContextClassRef>\
             urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport\
             </saml:AuthnContextClassRef></saml:AuthnContext></saml:AuthnStatement>{}\
             </saml:Assertion>",
            escaped(&self.assertion_id),
            escaped(&self.issuer),
            escaped(&self.subject_format),
            escaped(&self.subject),
            self.not_before,
            escaped(&self.audience),
            self.attribute_statement(),
            issued = self.issued,
        )
    }

    fn attribute_statement(&self) -> String {
        if self.attributes.is_empty() {
            return String::new();
        }
        let mut statement = "<saml:AttributeStatement>".to_owned();
        for (name, values) in &self.attributes {
            let _ = write!(
                statement,
                "<saml:Attribute Name=\"{}\" \
                 NameFormat=\"urn:oasis:names:tc:SAML:2.0:attrname-format:uri\">",
                escaped(name)
            );
            for value in values {
                let _ = write!(
                    statement,
                    "<saml:AttributeValue xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
                     xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
                     xsi:type=\"xs:string\">{}</saml:AttributeValue>",
                    escaped(value)
                );
            }
            statement.push_str("</saml:Attribute>");
        }
        statement + "</saml:AttributeStatement>"
    }

    /// The response, signed.
    pub fn signed(&self, signer: &SamlSigner, signs: Signs) -> String {
        let mut text = self.document();
        if signs != Signs::Response {
            text = signer.signed(&text, &self.assertion_id);
        }
        if signs != Signs::Assertion {
            text = signer.signed(&text, &self.response_id);
        }
        text
    }
}

/// A document as the parameter `SAMLAssertion` has it.
pub fn encoded(document: &str) -> String {
    BASE64.encode(document.as_bytes())
}

/// A text as content, or as the value of an attribute.
fn escaped(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\n', "&#10;").replace('\r', "&#13;").replace('\t', "&#9;")
}

/// Where the signature of the element with that `ID` belongs.
fn place(document: &str, id: &str) -> usize {
    let begin = document.find(&format!(" ID=\"{}\"", escaped(id))).expect("there is such an ID");
    let (_, rest) = document.split_at(begin);
    let tag = rest.find('>').expect("the tag ends") + 1;
    let (_, inner) = rest.split_at(tag);
    let (name, _) = inner.split_once('>').unwrap_or_default();
    let (name, _) = name.split_once(' ').unwrap_or((name, ""));
    let name = name.strip_prefix('<').filter(|name| name.ends_with("Issuer"));
    let issuer = name.and_then(|name| {
        let end = format!("</{name}>");
        inner.find(&end).map(|at| at + end.len())
    });
    begin + tag + issuer.unwrap_or_default()
}

/// The canonical form of what `choose` tells of the element with that `ID`: where it lies in it, and
/// which child is left out.
fn canonical_of(
    document: &str,
    id: &str,
    prefixes: &[&str],
    choose: impl for<'e> Fn(&'e Element<'e>) -> (Vec<&'e Element<'e>>, Option<usize>),
) -> String {
    let root = parse(document, &RESPONSE_LIMITS).expect("what is signed can be read");
    let mut path = Vec::new();
    assert!(path_to(&root, id, &mut path), "there is such an ID");
    let (inner, without) = choose(path.last().expect("it has an end"));
    path.extend(inner);
    let canonical = exclusive_canonical(&path, prefixes, without, RESPONSE_LIMITS.bytes);
    canonical.expect("it is not too long")
}

/// The elements from the root to the one with that `ID`.
fn path_to<'e>(element: &'e Element<'e>, id: &str, path: &mut Vec<&'e Element<'e>>) -> bool {
    path.push(element);
    if element.attribute("ID") == Some(id) || element.elements().any(|e| path_to(e, id, path)) {
        return true;
    }
    path.pop();
    false
}

fn rsa(pair: &RsaKeyPair, hash: Hash, signed: &[u8]) -> Vec<u8> {
    let encoding = match hash {
        Hash::Sha256 => &RSA_PKCS1_SHA256,
        Hash::Sha384 => &RSA_PKCS1_SHA384,
        Hash::Sha512 => &RSA_PKCS1_SHA512,
    };
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(encoding, &SystemRandom::new(), signed, &mut signature).expect("it can sign");
    signature
}

fn ecdsa(pair: &EcdsaKeyPair, signed: &[u8]) -> Vec<u8> {
    pair.sign(&SystemRandom::new(), signed).expect("it can sign").as_ref().to_vec()
}

/// The algorithm identifiers of certificates' signatures in DER: RFC 4055, section 5, and RFC 5758,
/// section 3.2.
const RSA_SHA256: &[u8] = b"\x30\x0d\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x01\x0b\x05\x00";
const ECDSA_SHA256: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x02";
const ECDSA_SHA384: &[u8] = b"\x30\x0a\x06\x08\x2a\x86\x48\xce\x3d\x04\x03\x03";

/// A certificate (RFC 5280, section 4.1) that its key signs itself, good from 2020 to 2049.
fn certificate(
    public: &PublicKeyX509Der<'_>,
    algorithm: &[u8],
    sign: impl Fn(&[u8]) -> Vec<u8>,
) -> Vec<u8> {
    let common_name = [&b"\x06\x03\x55\x04\x03"[..], &der(0x0c, b"idp.example.com")].concat();
    let name = der(0x30, &der(0x31, &der(0x30, &common_name)));
    let times = [der(0x17, b"200101000000Z"), der(0x17, b"491231235959Z")].concat();
    // Version 3 and the serial number 1.
    let numbers = b"\xa0\x03\x02\x01\x02\x02\x01\x01";
    let content = [numbers, algorithm, &name, &der(0x30, &times), &name, public.as_ref()].concat();
    let signed = der(0x30, &content);
    let signature = [&[0], sign(&signed).as_slice()].concat();
    der(0x30, &[&signed, algorithm, &der(0x03, &signature)].concat())
}

/// A value in DER (X.690, section 8.1).
fn der(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = u16::try_from(content.len()).expect("it is short").to_be_bytes();
    let length = match length {
        [0, short @ 0..0x80] => vec![short],
        [0, long] => vec![0x81, long],
        [high, low] => vec![0x82, high, low],
    };
    [&[tag], length.as_slice(), content].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::saml::Metadata;

    #[test]
    fn metadata_is_taken_and_long_enough() {
        for signer in [SamlSigner::rsa(), SamlSigner::p256(), SamlSigner::p384()] {
            let text = signer.metadata("https://idp.example.com/a?b&c");
            assert!(text.chars().count() >= 1000, "{text}");
            let metadata = Metadata::parse(&text).unwrap();
            let provider = &metadata.identity_providers[0];
            assert_eq!(provider.entity_id, "https://idp.example.com/a?b&c");
            assert_eq!(provider.certificates[0].der(), signer.certificate());
            assert_eq!(SigningKeys::of(&provider.certificates).len(), 1);
        }
    }
}
