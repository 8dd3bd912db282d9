//! SAML 2.0, as far as it is parsed and checked without I/O: a strict reader of XML, the metadata of
//! identity providers, the private keys that open encrypted assertions, and the responses that prove
//! who somebody is.
//!
//! One reader serves every document, with [`Limits`] of its own for each kind.

mod algorithm;
mod assertion;
mod attributes;
mod base64;
mod canonical;
mod condition_keys;
mod date_time;
mod decrypt;
mod fault;
mod form;
mod identity;
mod metadata;
mod parts;
mod private_key;
mod public_key;
mod response;
mod service_provider;
mod signature;
mod signing_keys;
mod xml;

pub use assertion::{AssertionCheck, Expected, MAX_AGE_S, VerifiedAssertion};
pub use canonical::exclusive_canonical;
pub use fault::SamlFault;
pub use identity::{AWS_AUDIENCES, AWS_RECIPIENTS, AWS_REGIONAL_RECIPIENT, SamlIdentity};
pub use metadata::{
    Certificate, Digest, IdentityProvider, MAX_CERTIFICATE, MAX_CERTIFICATES, MAX_ENTITY_ID,
    MAX_IDENTITY_PROVIDERS, METADATA_LIMITS, MIN_RSA_BITS, Metadata, MetadataFault,
};
pub use private_key::{MAX_PEM, PrivateKey, PrivateKeyFault};
pub use response::{
    MAX_RESPONSE, RESPONSE_LIMITS, Response, ResponseText, Trust, TrustedIdentityProvider,
};
pub use service_provider::ServiceProvider;
pub use signature::SignatureFault;
pub use signing_keys::SigningKeys;
pub use xml::{Attribute, Comments, Element, Limits, Node, XmlFault, parse, parse_some};

#[cfg(test)]
mod assertion_tests;
#[cfg(test)]
mod response_tests;
