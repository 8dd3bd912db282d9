//! Why a body is refused.

use std::borrow::Cow;

use thiserror::Error;

use super::Checksum;

/// Why a body is refused. The text is for the log: one sentence in lower case without anything
/// that the caller sent.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum BodyFault {
    /// The body is not the one whose hash the head states. S3: `XAmzContentSHA256Mismatch`.
    #[error("the body does not have the stated SHA-256")]
    WrongHash,
    /// A chunk or the trailer has another signature. S3: `SignatureDoesNotMatch`.
    #[error("the signature of a chunk or of the trailer is another one")]
    WrongChunkSignature,
    /// The body ends before what it announces. S3: `IncompleteBody`.
    #[error("the body is shorter than announced, or ends without its final chunk")]
    Incomplete,
    /// The chunks hold more than `x-amz-decoded-content-length`, or something follows the end.
    /// S3: `IncompleteBody` too.
    #[error("the body is longer than announced")]
    TooLong,
    /// The framing is not that of `aws-chunked`. S3: `IncompleteBody`.
    #[error("the framing of the body is malformed: {0}")]
    MalformedChunk(Cow<'static, str>),
    /// A signed chunk is longer than [`CHUNK_LIMIT`](super::CHUNK_LIMIT). S3: `InvalidRequest`.
    #[error("a signed chunk is longer than 16 MiB")]
    ChunkTooLarge,
    /// The trailer is malformed, too long, or has what was not announced. S3:
    /// `MalformedTrailerError`.
    #[error("the trailer of the body is malformed: {0}")]
    MalformedTrailer(Cow<'static, str>),
    /// What the trailer has can be no such checksum. S3: `InvalidRequest`.
    #[error("what the trailer has is no {0}")]
    InvalidChecksum(Checksum),
    /// The trailer that the head announces is absent. S3: `MalformedTrailerError`.
    #[error("the announced trailer is missing")]
    MissingTrailer,
    /// The body does not have the checksum that its trailer states. S3: `BadDigest`.
    #[error("the body does not have the {0} of its trailer")]
    WrongChecksum(Checksum),
}
