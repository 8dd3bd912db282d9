//! SAML 2.0, as far as it is parsed and checked without I/O: a strict reader of XML, the metadata of
//! identity providers, and the private keys that open encrypted assertions.
//!
//! One reader serves every document. What an identity provider sends later is read by the same
//! [`parse`], with [`Limits`] of its own.

mod date_time;
mod metadata;
mod private_key;
mod xml;

pub use metadata::{
    Certificate, Digest, IdentityProvider, MAX_CERTIFICATE, MAX_CERTIFICATES, MAX_ENTITY_ID,
    MAX_IDENTITY_PROVIDERS, METADATA_LIMITS, MIN_RSA_BITS, Metadata, MetadataFault,
};
pub use private_key::{MAX_PEM, PrivateKey, PrivateKeyFault};
pub use xml::{Attribute, Comments, Element, Limits, Node, XmlFault, parse, parse_some};
