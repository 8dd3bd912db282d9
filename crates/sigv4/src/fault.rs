//! Why a signature is refused: AWS's code and words for the caller, a cause for the log.
//!
//! The texts are those of AWS's common errors. Nothing here ever holds an expected signature, a
//! key or a canonical request, and a cause repeats nothing that the caller sent but the name of
//! a header or parameter.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

/// Most characters of the caller's own words that a text repeats.
const ECHO_LIMIT: usize = 1024;

/// The text of a signature that is simply wrong.
const DOES_NOT_MATCH: &str = "The request signature we calculated does not match the signature \
    you provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";

/// Why a request is not authentic. [`Fault::code`] and the `Display` text are for the caller,
/// [`Fault::cause`] is for the log.
#[derive(Clone, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Fault {
    /// The request has no signature at all although its operation needs one.
    #[error("Request is missing Authentication Token")]
    MissingAuthenticationToken,
    /// The access key id or session token cannot be one.
    #[error("The security token included in the request is invalid.")]
    InvalidClientTokenId {
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// What should say how the request is signed is missing, malformed or ambiguous.
    #[error("{text}")]
    IncompleteSignature {
        /// For the caller.
        text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// The signature is of something else: wrong key, changed request, wrong scope or time.
    #[error("{text}")]
    SignatureDoesNotMatch {
        /// For the caller.
        text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// A presigned request is used after its end.
    #[error("Request has expired.")]
    RequestExpired {
        /// For the log.
        cause: Cow<'static, str>,
    },
}

impl Fault {
    /// The error code as it goes over the wire.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::InvalidClientTokenId { .. } => "InvalidClientTokenId",
            Self::IncompleteSignature { .. } => "IncompleteSignature",
            Self::SignatureDoesNotMatch { .. } => "SignatureDoesNotMatch",
            Self::RequestExpired { .. } => "RequestExpired",
        }
    }

    /// What happened, for the log: one sentence in lower case.
    pub fn cause(&self) -> &str {
        match self {
            Self::MissingAuthenticationToken => "the request is not signed",
            Self::InvalidClientTokenId { cause }
            | Self::IncompleteSignature { cause, .. }
            | Self::SignatureDoesNotMatch { cause, .. }
            | Self::RequestExpired { cause } => cause,
        }
    }

    pub(crate) fn incomplete(
        text: impl Into<Cow<'static, str>>,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::IncompleteSignature { text: text.into(), cause: cause.into() }
    }

    pub(crate) fn mismatch(
        text: impl Into<Cow<'static, str>>,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::SignatureDoesNotMatch { text: text.into(), cause: cause.into() }
    }

    /// The refusal that tells the caller nothing but that the signature is wrong.
    pub(crate) fn wrong_signature(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::mismatch(DOES_NOT_MATCH, cause)
    }

    pub(crate) fn invalid_token(cause: &'static str) -> Self {
        Self::InvalidClientTokenId { cause: cause.into() }
    }
}

/// Without the text: it repeats the caller's Authorization header, signature included, which has
/// no place in a log.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.code(), self.cause())
    }
}

/// The caller's own words for use within a text: bounded, and printable ASCII only, so that they
/// fit any reply.
pub(crate) fn echo(bytes: &[u8]) -> String {
    let printable = |&byte: &u8| {
        if byte == b' ' || byte.is_ascii_graphic() { char::from(byte) } else { '?' }
    };
    bytes.iter().take(ECHO_LIMIT).map(printable).collect()
}
