//! Proofs of identity from outside: parsing and checking only.
//!
//! Nothing here opens a socket, reads a clock or draws randomness: keys, times and random bytes
//! are passed in. What a proof entitles to is decided elsewhere.

pub mod authorities;
pub mod oidc;
pub mod qr;
pub mod saml;
#[cfg(any(test, feature = "testing"))]
pub mod testing;
pub mod totp;
