//! A request as the edge received it: bounded, complete, and believed in nothing yet.

use std::fmt;
use std::net::IpAddr;

use bytes::Bytes;
use daypass_names::UniqueId;
use http::{HeaderMap, Method, Uri};
use jiff::Timestamp;

/// One HTTP request, read whole within the edge's limits.
pub struct Received {
    /// The id that the reply, the record and the log carry.
    pub id: RequestId,
    /// When the head was read.
    pub at: Timestamp,
    /// The address that the request came from: the peer's, or what a trusted proxy said.
    pub source_ip: IpAddr,
    /// Whether many clients may come from that address, so that none of them answers for it: the
    /// connection is this machine's own, or that of a proxy that does not say whose request it hands
    /// over.
    pub source_is_shared: bool,
    /// The registered service that tells of the request and of its address, if it was sent to one and
    /// not to us. What fails then counts for the address as that service tells it, and not for the
    /// address of whoever else comes from there.
    pub told_by: Option<UniqueId>,
    /// Whether it came over TLS (`aws:SecureTransport`).
    pub secure_transport: bool,
    /// The method.
    pub method: Method,
    /// The target; path and query are kept byte for byte.
    pub uri: Uri,
    /// The header fields in their order. HTTP/2's `:authority` has become `host`.
    pub headers: HeaderMap,
    /// The body, at most [`Received::BODY_MAX`] bytes, or what [`App::allowance`](crate::App::allowance)
    /// allows.
    pub body: Bytes,
}

impl Received {
    /// Most bytes of the body of a request: AWS STS and IAM take far less, a policy being the longest,
    /// but for the operations that carry whole documents.
    pub const BODY_MAX: usize = 1 << 20;
    /// Most bytes of a body that takes nothing from other callers while its operation goes on: what
    /// larger ones hold is bounded by fewer than there are operations. The longest token and a usual
    /// session policy fit.
    pub const KEPT_BODY: usize = 64 << 10;
}

/// Without query, header fields and body: they carry signatures, tokens and passwords.
impl fmt::Debug for Received {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Received")
            .field("id", &self.id)
            .field("source_ip", &self.source_ip)
            .field("method", &self.method)
            .finish_non_exhaustive()
    }
}

/// A request id: a random UUID in lower case.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct RequestId([u8; 16]);

impl RequestId {
    /// Makes the id from random bytes: UUID version 4, RFC 9562 section 5.4.
    pub fn from_random(mut random: [u8; 16]) -> Self {
        random[6] = random[6] & 0x0f | 0x40;
        random[8] = random[8] & 0x3f | 0x80;
        Self(random)
    }
}

impl RequestId {
    /// The bytes.
    pub fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// The id as text, without an allocation: `8-4-4-4-12` lower-case hexadecimal digits.
    pub fn text(&self) -> RequestIdText {
        let mut text = [b'-'; RequestIdText::LENGTH];
        let mut places = text.iter_mut();
        for (index, byte) in self.0.iter().enumerate() {
            if matches!(index, 4 | 6 | 8 | 10) {
                places.next();
            }
            for digit in [byte >> 4, byte & 0x0f] {
                if let Some(place) = places.next() {
                    *place = if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
                }
            }
        }
        RequestIdText(text)
    }
}

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text().as_str())
    }
}

/// A request id as text, on the stack.
#[derive(Clone, Copy)]
pub struct RequestIdText([u8; Self::LENGTH]);

impl RequestIdText {
    const LENGTH: usize = 36;

    /// The text.
    pub fn as_str(&self) -> &str {
        // INVARIANT: hexadecimal digits and hyphens.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Debug for RequestIdText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RequestId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_id_is_a_version_4_uuid() {
        assert_eq!(
            RequestId::from_random([0xff; 16]).to_string(),
            "ffffffff-ffff-4fff-bfff-ffffffffffff"
        );
        assert_eq!(
            RequestId::from_random([0; 16]).to_string(),
            "00000000-0000-4000-8000-000000000000"
        );
    }
}
