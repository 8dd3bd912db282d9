//! What a request says of its body: `x-amz-content-sha256` and the headers of `aws-chunked`.
//!
//! It refuses every kind that cannot be checked: signatures of other algorithms, trailers that are
//! no checksum, chunks without the length of what they hold, and a body that calls itself
//! `aws-chunked` while its payload is none.

use std::borrow::Cow;

use super::Checksum;
use crate::verify::{S3, UNSIGNED_PAYLOAD};
use crate::{Fault, Presented, Request, Source, crypto};

/// Stands for the hash of a body in signed chunks.
pub(crate) const SIGNED_CHUNKS: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";

/// Stands for the hash of a body in signed chunks with a signed trailer.
pub(crate) const SIGNED_CHUNKS_TRAILER: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";

/// Stands for the hash of a body in chunks without signatures.
pub(crate) const UNSIGNED_CHUNKS: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// The header with the length of what the chunks hold.
pub(crate) const DECODED_LENGTH: &str = "x-amz-decoded-content-length";

/// The header that announces trailers.
pub(crate) const TRAILER: &str = "x-amz-trailer";

/// The coding of a body in chunks.
pub(crate) const CODING: &str = "aws-chunked";

/// How the body of a request is proved.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Payload {
    /// By its SHA-256, which the signature covers.
    Hash([u8; 32]),
    /// Not at all: `UNSIGNED-PAYLOAD`, and presigned requests that state no hash.
    Unsigned,
    /// In signed chunks: `STREAMING-AWS4-HMAC-SHA256-PAYLOAD` and `…-PAYLOAD-TRAILER`.
    SignedChunks {
        /// Whether a signed trailer brings a checksum.
        trailer: bool,
    },
    /// In chunks without signatures and, as a rule, with a checksum at the end:
    /// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`.
    UnsignedChunks,
}

impl Payload {
    /// Whether the body is framed as `aws-chunked`.
    pub fn is_chunked(self) -> bool {
        matches!(self, Self::SignedChunks { .. } | Self::UnsignedChunks)
    }
}

/// What a head states of its body.
#[derive(Debug)]
pub(crate) struct Stated<'a> {
    pub(crate) payload: Payload,
    /// What stands for the body in the canonical request.
    pub(crate) text: Cow<'a, str>,
    /// How many bytes the chunks hold; 0 if there are none.
    pub(crate) decoded_length: u64,
    pub(crate) trailer: Option<Checksum>,
}

impl<'a> Stated<'a> {
    /// Of a request that presents a signature for `service`. `None` if it says nothing at all, so
    /// that the hash of its body must come from elsewhere.
    pub(crate) fn of(
        presented: &'a Presented<'_>,
        request: &Request<'_>,
        service: &str,
    ) -> Result<Option<Self>, Fault> {
        let stated = presented.payload_hash.as_deref();
        if service != S3 {
            return stated.map(Self::of_hash).transpose();
        }
        let (payload, text) = match (stated, presented.source) {
            (None, Source::Query) => (Payload::Unsigned, UNSIGNED_PAYLOAD),
            (None, _) => {
                return Err(Fault::invalid_request(
                    "Missing required header for this request: x-amz-content-sha256",
                    "the request does not say what its body is",
                ));
            }
            (Some(text), source) => (kind(text, source)?, text),
        };
        Self::with_chunks(payload, Cow::Borrowed(text), request).map(Some)
    }

    /// Of a request that nobody signed. Its SDK says nothing of a hash then, but may send chunks.
    pub(crate) fn of_anonymous(request: &Request<'a>) -> Result<Self, Fault> {
        let mut values = request.values("x-amz-content-sha256");
        let (stated, None) = (values.next(), values.next()) else {
            return Err(malformed());
        };
        let payload = match stated.map(std::str::from_utf8) {
            None if has_coding(request) => Payload::UnsignedChunks,
            None => Payload::Unsigned,
            Some(Ok(text)) => kind(text.trim_ascii(), Source::Header)?,
            Some(Err(_)) => return Err(malformed()),
        };
        if matches!(payload, Payload::SignedChunks { .. }) {
            return Err(Fault::invalid_request(
                "Signed chunks need a signed request.",
                "the request has no signature, but its chunks are to have",
            ));
        }
        Self::with_chunks(payload, Cow::Borrowed(""), request)
    }

    fn of_hash(text: &'a str) -> Result<Self, Fault> {
        let hash = crypto::parse_sha256(text)
            .ok_or_else(|| Fault::wrong_signature("x-amz-content-sha256 is no SHA-256"))?;
        Ok(Self {
            payload: Payload::Hash(hash),
            text: Cow::Borrowed(text),
            decoded_length: 0,
            trailer: None,
        })
    }

    fn with_chunks(
        payload: Payload,
        text: Cow<'a, str>,
        request: &Request<'_>,
    ) -> Result<Self, Fault> {
        if !payload.is_chunked() {
            // SECURITY: a backend might decode what nobody here has checked.
            if has_coding(request) {
                return Err(Fault::invalid_request(
                    "The content encoding aws-chunked needs a streaming payload.",
                    "the body is aws-chunked, but x-amz-content-sha256 does not say so",
                ));
            }
            return Ok(Self { payload, text, decoded_length: 0, trailer: None });
        }
        let decoded_length = decoded_length(request)?;
        let trailer = announced(request)?;
        match (payload, trailer) {
            (Payload::SignedChunks { trailer: true }, None) => Err(Fault::invalid_request(
                "Missing required header for this request: x-amz-trailer",
                "the payload is to have a trailer that no header announces",
            )),
            (Payload::SignedChunks { trailer: false }, Some(_)) => Err(Fault::invalid_request(
                "The x-amz-trailer header needs a payload with a trailer.",
                "a trailer is announced for a payload without one",
            )),
            _ => Ok(Self { payload, text, decoded_length, trailer }),
        }
    }
}

/// The kind of a body of S3.
fn kind(text: &str, source: Source) -> Result<Payload, Fault> {
    let payload = match text {
        UNSIGNED_PAYLOAD => return Ok(Payload::Unsigned),
        SIGNED_CHUNKS => Payload::SignedChunks { trailer: false },
        SIGNED_CHUNKS_TRAILER => Payload::SignedChunks { trailer: true },
        UNSIGNED_CHUNKS => Payload::UnsignedChunks,
        other => return crypto::parse_sha256(other).map(Payload::Hash).ok_or_else(malformed),
    };
    match source {
        Source::Header => Ok(payload),
        Source::Query | Source::Form => Err(Fault::invalid_request(
            "A presigned request cannot have a streaming payload.",
            "a presigned request has a streaming payload",
        )),
    }
}

fn malformed() -> Fault {
    Fault::InvalidArgument {
        text: "x-amz-content-sha256 must be UNSIGNED-PAYLOAD, STREAMING-UNSIGNED-PAYLOAD-TRAILER, \
               STREAMING-AWS4-HMAC-SHA256-PAYLOAD, STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER or a \
               valid sha256 value."
            .into(),
        cause: "x-amz-content-sha256 is none of the values that can be checked".into(),
    }
}

/// Whether `aws-chunked` is among the codings of the body.
fn has_coding(request: &Request<'_>) -> bool {
    request
        .values("content-encoding")
        .flat_map(|value| value.split(|byte| *byte == b','))
        .any(|coding| coding.trim_ascii().eq_ignore_ascii_case(CODING.as_bytes()))
}

fn decoded_length(request: &Request<'_>) -> Result<u64, Fault> {
    let value = sole(request, DECODED_LENGTH)?.ok_or(Fault::MissingContentLength)?;
    let digits = !value.is_empty() && value.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| value.parse().ok()).flatten().ok_or(Fault::MissingContentLength)
}

/// The one checksum that a trailer may bring (S3: "Expecting a single x-amz-checksum- header").
fn announced(request: &Request<'_>) -> Result<Option<Checksum>, Fault> {
    let Some(name) = sole(request, TRAILER)? else { return Ok(None) };
    Checksum::of_header(name).map(Some).ok_or_else(|| {
        Fault::invalid_request(
            "The value specified in the x-amz-trailer header is not supported",
            "the announced trailer is not one checksum that can be computed",
        )
    })
}

/// The value of a header that may be there once.
fn sole<'a>(request: &Request<'a>, name: &'static str) -> Result<Option<&'a str>, Fault> {
    let mut values = request.values(name);
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => match std::str::from_utf8(value.trim_ascii()) {
            Ok(text) => Ok(Some(text)),
            Err(_) => Err(Fault::invalid_request(
                format!("The header {name} is malformed."),
                format!("the header {name} is not UTF-8"),
            )),
        },
        (Some(_), Some(_)) => Err(Fault::invalid_request(
            format!("The header {name} must occur once."),
            format!("the header {name} is repeated"),
        )),
    }
}
