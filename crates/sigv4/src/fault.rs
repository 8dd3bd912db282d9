//! Why a signature is refused: AWS's code and words for the caller, a cause for the log.
//!
//! The texts are those of AWS's common errors. Nothing here ever holds an expected signature, a
//! key or a canonical request, and a cause repeats nothing that the caller sent but the name of
//! a header or parameter.

use std::borrow::Cow;
use std::fmt;

use thiserror::Error;

use crate::Source;

/// Most characters of the caller's own words that a text repeats.
const ECHO_LIMIT: usize = 1024;

/// The text of a signature that is simply wrong.
const DOES_NOT_MATCH: &str = "The request signature we calculated does not match the signature \
    you provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";

/// S3's words for the same.
const DOES_NOT_MATCH_S3: &str = "The request signature we calculated does not match the signature \
    you provided. Check your key and signing method.";

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
    /// The scope of the credential is of another day, Region, service or form.
    #[error("{text}")]
    WrongScope {
        /// For the caller of a Query service.
        text: Cow<'static, str>,
        /// For the caller of S3, behind what says where the credential stands.
        s3_text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// The request has credentials in its header and in its query.
    #[error(
        "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP header."
    )]
    SeveralCredentials,
    /// The request was signed too long ago or in the future, by our clock.
    #[error("{text}")]
    RequestTimeTooSkewed {
        /// For the caller.
        text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// The request has headers that its signature must cover and does not.
    #[error("{DOES_NOT_MATCH}")]
    HeadersNotSigned {
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// What the head says of the body is missing, malformed or not supported. S3 only.
    #[error("{text}")]
    InvalidRequest {
        /// For the caller.
        text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// A header is none of what S3 knows. S3 only.
    #[error("{text}")]
    InvalidArgument {
        /// For the caller.
        text: Cow<'static, str>,
        /// For the log.
        cause: Cow<'static, str>,
    },
    /// A body in chunks comes without the length of what they hold. S3 only.
    #[error("You must provide the Content-Length HTTP header.")]
    MissingContentLength,
    /// A presigned request is used after its end.
    #[error("Request has expired.")]
    RequestExpired {
        /// For the log.
        cause: Cow<'static, str>,
    },
}

impl Fault {
    /// The error code as it goes over the wire of a Query service.
    pub fn code(&self) -> &'static str {
        match self {
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::InvalidClientTokenId { .. } => "InvalidClientTokenId",
            Self::IncompleteSignature { .. } => "IncompleteSignature",
            Self::SignatureDoesNotMatch { .. }
            | Self::WrongScope { .. }
            | Self::SeveralCredentials
            | Self::RequestTimeTooSkewed { .. }
            | Self::HeadersNotSigned { .. } => "SignatureDoesNotMatch",
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::InvalidArgument { .. } => "InvalidArgument",
            Self::MissingContentLength => "MissingContentLength",
            Self::RequestExpired { .. } => "RequestExpired",
        }
    }

    /// The error code as S3 has it (S3 API reference, "Error responses"), for a request whose
    /// signature stands, or would stand, at `source`. Its status is 403, but for
    /// `AuthorizationHeaderMalformed`, `AuthorizationQueryParametersError`, `InvalidArgument` and
    /// `InvalidRequest` (400) and `MissingContentLength` (411).
    pub fn s3_code(&self, source: Source) -> &'static str {
        match self {
            Self::MissingAuthenticationToken
            | Self::RequestExpired { .. }
            | Self::HeadersNotSigned { .. } => "AccessDenied",
            Self::InvalidClientTokenId { .. } => "InvalidAccessKeyId",
            Self::IncompleteSignature { .. } => match source {
                Source::Header => "AuthorizationHeaderMalformed",
                Source::Query => "AuthorizationQueryParametersError",
                Source::Form => "InvalidRequest",
            },
            Self::WrongScope { .. } => match source {
                Source::Header => "AuthorizationHeaderMalformed",
                Source::Query => "AuthorizationQueryParametersError",
                Source::Form => "SignatureDoesNotMatch",
            },
            Self::SignatureDoesNotMatch { .. } => "SignatureDoesNotMatch",
            Self::SeveralCredentials | Self::InvalidArgument { .. } => "InvalidArgument",
            Self::RequestTimeTooSkewed { .. } => match source {
                Source::Header => "RequestTimeTooSkewed",
                Source::Query | Source::Form => "AccessDenied",
            },
            Self::InvalidRequest { .. } => "InvalidRequest",
            Self::MissingContentLength => "MissingContentLength",
        }
    }

    /// What S3 says to the caller, with [`Fault::s3_code`]; where its words are not known, those of
    /// the Query services.
    pub fn s3_text(&self, source: Source) -> Cow<'static, str> {
        let text = match self {
            Self::MissingAuthenticationToken => "Access Denied",
            Self::RequestExpired { .. } => "Request has expired",
            Self::HeadersNotSigned { .. } => {
                "There were headers present in the request which were not signed"
            }
            Self::SeveralCredentials => {
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, \
                 Signature query string parameter or the Authorization header should be specified"
            }
            Self::RequestTimeTooSkewed { .. } => match source {
                Source::Header => {
                    "The difference between the request time and the current time is too large."
                }
                Source::Query | Source::Form => "Request is not valid yet",
            },
            Self::WrongScope { text, s3_text, .. } => {
                return match source {
                    Source::Header => {
                        format!("The authorization header is malformed; {s3_text}").into()
                    }
                    Source::Query => {
                        format!("Error parsing the X-Amz-Credential parameter; {s3_text}").into()
                    }
                    Source::Form => text.clone(),
                };
            }
            Self::SignatureDoesNotMatch { text, .. } if text == DOES_NOT_MATCH => DOES_NOT_MATCH_S3,
            Self::IncompleteSignature { text, .. }
            | Self::SignatureDoesNotMatch { text, .. }
            | Self::InvalidArgument { text, .. }
            | Self::InvalidRequest { text, .. } => return text.clone(),
            Self::InvalidClientTokenId { .. } => {
                "The AWS Access Key Id you provided does not exist in our records."
            }
            Self::MissingContentLength => "You must provide the Content-Length HTTP header.",
        };
        text.into()
    }

    /// What happened, for the log: one sentence in lower case.
    pub fn cause(&self) -> &str {
        match self {
            Self::MissingAuthenticationToken => "the request is not signed",
            Self::SeveralCredentials => {
                "the request has credentials in the header and in the query"
            }
            Self::MissingContentLength => "x-amz-decoded-content-length is absent or no number",
            Self::InvalidClientTokenId { cause }
            | Self::IncompleteSignature { cause, .. }
            | Self::SignatureDoesNotMatch { cause, .. }
            | Self::WrongScope { cause, .. }
            | Self::InvalidArgument { cause, .. }
            | Self::RequestTimeTooSkewed { cause, .. }
            | Self::HeadersNotSigned { cause }
            | Self::InvalidRequest { cause, .. }
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

    pub(crate) fn wrong_scope(
        text: impl Into<Cow<'static, str>>,
        s3_text: impl Into<Cow<'static, str>>,
        cause: &'static str,
    ) -> Self {
        Self::WrongScope { text: text.into(), s3_text: s3_text.into(), cause: cause.into() }
    }

    /// The refusal that tells the caller nothing but that the signature is wrong.
    pub(crate) fn wrong_signature(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::mismatch(DOES_NOT_MATCH, cause)
    }

    pub(crate) fn skewed(text: String, cause: &'static str) -> Self {
        Self::RequestTimeTooSkewed { text: text.into(), cause: cause.into() }
    }

    /// The refusal of what the head says of the body.
    pub(crate) fn invalid_request(
        text: impl Into<Cow<'static, str>>,
        cause: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self::InvalidRequest { text: text.into(), cause: cause.into() }
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
