//! The chain of signatures of a body in chunks: each covers the one before it, and the first
//! covers that of the head (S3 API reference, "Signature calculations for the Authorization
//! header: Transferring payload in multiple chunks" and "… Including trailing headers").

use std::fmt;

use crate::crypto::{self, Hasher, Signature};
use crate::scope::TERMINATOR;
use crate::stamp::Stamp;
use crate::{Scope, SigningKey};

/// What signs chunks and trailers, with the signature before the next one.
pub(crate) struct Chain {
    key: SigningKey,
    signed_at: Stamp,
    scope: Scope,
    /// 64 lower-case hexadecimal digits. As public as the head that it stands in.
    previous: String,
}

impl Chain {
    /// `seed` is the signature of the head, in hexadecimal digits.
    pub(crate) fn new(key: SigningKey, signed_at: Stamp, scope: Scope, seed: String) -> Self {
        Self { key, signed_at, scope, previous: seed }
    }

    /// Verifies the signature of a chunk with this content and goes on to the next.
    pub(crate) fn verify_chunk(&mut self, content: Hasher, signature: &str) -> Result<(), Broken> {
        self.verify(self.chunk(content), signature)
    }

    /// Verifies the signature of the trailer: `name:value` and a line feed for each, in order.
    pub(crate) fn verify_trailer(
        &mut self,
        canonical: &[u8],
        signature: &str,
    ) -> Result<(), Broken> {
        self.verify(self.trailer(canonical), signature)
    }

    /// Signs a chunk with this content.
    pub(crate) fn sign_chunk(&mut self, content: Hasher) -> &str {
        self.previous = self.key.mac().sign(&self.chunk(content));
        &self.previous
    }

    /// Signs the trailer.
    pub(crate) fn sign_trailer(&mut self, canonical: &[u8]) -> &str {
        self.previous = self.key.mac().sign(&self.trailer(canonical));
        &self.previous
    }

    fn verify(&mut self, string_to_sign: Vec<u8>, signature: &str) -> Result<(), Broken> {
        let parsed = Signature::parse(signature).ok_or(Broken)?;
        self.key.mac().verify(&string_to_sign, &parsed).map_err(|crypto::Mismatch| Broken)?;
        // The one spelling of it, so this is also what the client has signed.
        signature.clone_into(&mut self.previous);
        Ok(())
    }

    fn chunk(&self, content: Hasher) -> Vec<u8> {
        let empty = crypto::sha256_hex(b"");
        self.string_to_sign("PAYLOAD", &[&empty, content.finish_hex().as_bytes()])
    }

    fn trailer(&self, canonical: &[u8]) -> Vec<u8> {
        self.string_to_sign("TRAILER", &[&crypto::sha256_hex(canonical)])
    }

    fn string_to_sign(&self, of: &str, hashes: &[&[u8]]) -> Vec<u8> {
        let (time, scope) = (self.signed_at.as_str(), self.scope.as_str());
        let previous = &self.previous;
        let text = format!("AWS4-HMAC-SHA256-{of}\n{time}\n{scope}/{TERMINATOR}\n{previous}");
        let mut out = text.into_bytes();
        for hash in hashes {
            out.push(b'\n');
            out.extend_from_slice(hash);
        }
        out
    }
}

impl fmt::Debug for Chain {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Chain(…)")
    }
}

/// A signature is not the next one of the chain.
#[derive(Debug)]
pub(crate) struct Broken;
