//! What S3 answers when it refuses or fails: its codes, statuses and words, and the XML of them.
//!
//! Amazon S3 API reference, page "Error responses". Like the faults of the other services these
//! have two audiences: the caller reads the code, the message and the details, the log the cause.

use std::borrow::Cow;
use std::fmt;

use daypass_api::{Code, Fault};
use daypass_sigv4::BodyFault;
use http::StatusCode;

use crate::xml::Writer;

macro_rules! codes {
    ($($code:ident $status:literal $message:literal,)*) => {
        /// The error codes that the gateway answers with, spelled as on the wire. What the backend
        /// answers is handed on as it is and need not be among them.
        #[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
        #[non_exhaustive]
        pub enum S3Code {
            $(#[doc = $message] $code,)*
        }

        impl S3Code {
            /// All of them, in alphabetical order.
            pub const ALL: &[Self] = &[$(Self::$code),*];

            /// The code that is spelled so.
            pub fn named(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|code| code.as_str() == name)
            }

            /// The code as it stands in the reply.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => stringify!($code),)*
                }
            }

            /// The status of the reply.
            pub const fn status(self) -> StatusCode {
                // Every number below is a status; a test asks for each.
                let number: u16 = match self {
                    $(Self::$code => $status,)*
                };
                match StatusCode::from_u16(number) {
                    Ok(status) => status,
                    Err(_) => StatusCode::INTERNAL_SERVER_ERROR,
                }
            }

            /// The words that S3 has for it where nothing more special is to be said.
            pub const fn message(self) -> &'static str {
                match self {
                    $(Self::$code => $message,)*
                }
            }
        }
    };
}

codes! {
    AccessControlListNotSupported 400 "The bucket does not allow ACLs",
    AccessDenied 403 "Access Denied",
    AccessForbidden 403 "Access Forbidden",
    AuthorizationHeaderMalformed 400 "The authorization header that you provided is not valid.",
    AuthorizationQueryParametersError 400 "The query parameters of the signature are not valid.",
    BadDigest 400 "The Content-MD5 or checksum value that you specified did not match what the server received.",
    BadGateway 502 "The storage behind this service gave no answer that could be handed on. Please try again.",
    BadRequest 400 "An error occurred when parsing the HTTP request.",
    BucketAlreadyExists 409 "The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.",
    BucketAlreadyOwnedByYou 409 "Your previous request to create the named bucket succeeded and you already own it.",
    BucketNotEmpty 409 "The bucket you tried to delete is not empty",
    EntityTooLarge 400 "Your proposed upload exceeds the maximum allowed size",
    EntityTooSmall 400 "Your proposed upload is smaller than the minimum allowed size",
    ExpiredToken 400 "The provided token has expired.",
    GatewayTimeout 504 "The storage behind this service did not answer in time. Please try again.",
    IllegalLocationConstraintException 400 "The specified location constraint is incompatible for the region specific endpoint this request was sent to.",
    IncompleteBody 400 "You did not provide the number of bytes specified by the Content-Length HTTP header",
    IncorrectNumberOfFilesInPostRequest 400 "POST requires exactly one file upload per request.",
    InternalError 500 "We encountered an internal error. Please try again.",
    InvalidAccessKeyId 403 "The AWS Access Key Id you provided does not exist in our records.",
    InvalidArgument 400 "Invalid Argument",
    InvalidBucketAclWithObjectOwnership 400 "Bucket cannot have ACLs set with ObjectOwnership's BucketOwnerEnforced setting",
    InvalidBucketName 400 "The specified bucket is not valid.",
    InvalidChunkSizeError 403 "The chunk size is not valid.",
    InvalidDigest 400 "The Content-MD5 or checksum value that you specified is not valid.",
    InvalidLocationConstraint 400 "The specified location-constraint is not valid",
    InvalidPolicyDocument 400 "The content of the form does not meet the conditions specified in the policy document.",
    InvalidRequest 400 "Invalid Request",
    InvalidTag 400 "The tag provided was not a valid tag. This error can occur if the tag did not pass input validation.",
    InvalidToken 400 "The provided token is malformed or otherwise invalid.",
    InvalidURI 400 "Couldn't parse the specified URI.",
    KeyTooLongError 400 "Your key is too long",
    MalformedACLError 400 "The XML you provided was not well-formed or did not validate against our published schema",
    MalformedPOSTRequest 400 "The body of your POST request is not well-formed multipart/form-data.",
    MalformedPolicy 400 "Policies must be valid JSON and the first byte must be '{'",
    MalformedTrailerError 400 "The request contained trailing data that was not well-formed or did not conform to our published schema.",
    MalformedXML 400 "The XML you provided was not well-formed or did not validate against our published schema",
    MaxMessageLengthExceeded 400 "Your request was too large.",
    MaxPostPreDataLengthExceededError 400 "Your POST request fields preceding the upload file were too large.",
    MetadataTooLarge 400 "Your metadata headers exceed the maximum allowed metadata size",
    MethodNotAllowed 405 "The specified method is not allowed against this resource.",
    MissingContentLength 411 "You must provide the Content-Length HTTP header.",
    MissingRequestBodyError 400 "Request Body is empty",
    MissingSecurityHeader 400 "Your request is missing a required header",
    NoSuchBucket 404 "The specified bucket does not exist",
    NoSuchBucketPolicy 404 "The bucket policy does not exist",
    NoSuchKey 404 "The specified key does not exist.",
    NoSuchPublicAccessBlockConfiguration 404 "The public access block configuration was not found",
    NotImplemented 501 "A header or query you provided implies functionality that is not implemented.",
    OperationAborted 409 "A conflicting conditional operation is currently in progress against this resource. Please try again.",
    OwnershipControlsNotFoundError 404 "The bucket ownership controls were not found",
    PreconditionFailed 412 "At least one of the pre-conditions you specified did not hold",
    RequestHeaderSectionTooLarge 400 "Your request header section exceeds the maximum allowed request header section size.",
    RequestTimeTooSkewed 403 "The difference between the request time and the current time is too large.",
    RequestTimeout 400 "Your socket connection to the server was not read from or written to within the timeout period. Idle connections will be closed.",
    ServiceUnavailable 503 "Service is unable to handle request.",
    SignatureDoesNotMatch 403 "The request signature we calculated does not match the signature you provided. Check your key and signing method.",
    SlowDown 503 "Please reduce your request rate.",
    TooManyBuckets 400 "You have attempted to create more buckets than allowed",
    UnexpectedContent 400 "This request contains unsupported content.",
    XAmzContentSHA256Mismatch 400 "The provided 'x-amz-content-sha256' header does not match what was computed.",
}

/// Most bytes of a text of the caller that a reply repeats.
const ECHO_MAX: usize = 1024;

/// A refusal or failure in S3's form. It has no `Display`: what the caller reads and what the log
/// keeps are asked for by name, so that nobody mixes them.
#[derive(Clone, Eq, PartialEq)]
pub struct S3Fault {
    code: S3Code,
    message: Cow<'static, str>,
    cause: Option<Cow<'static, str>>,
    details: Vec<(&'static str, String)>,
}

/// Without message and details, which repeat what the caller sent.
impl fmt::Debug for S3Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.code.as_str(), self.cause.as_deref().unwrap_or_default())
    }
}

impl S3Fault {
    /// A fault in S3's usual words for that code.
    pub fn new(code: S3Code) -> Self {
        Self::saying(code, code.message())
    }

    /// A fault in words of its own.
    pub fn saying(code: S3Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), cause: None, details: Vec::new() }
    }

    /// An argument that is wrong: S3 names it and repeats its value.
    pub fn argument(message: impl Into<Cow<'static, str>>, name: &str, value: &str) -> Self {
        Self::saying(S3Code::InvalidArgument, message)
            .with("ArgumentName", name)
            .with("ArgumentValue", value)
    }

    /// What is asked for is nothing that the gateway does.
    pub fn not_implemented(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::new(S3Code::NotImplemented).because(cause)
    }

    /// Something on our side went wrong: the caller learns nothing of it, the log the cause.
    pub fn internal(cause: impl Into<Cow<'static, str>>) -> Self {
        Self::new(S3Code::InternalError).because(cause)
    }

    /// Adds what the log is to know and the caller is not.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Adds an element that S3 gives with the code, such as `BucketName` or `ArgumentName`; of its
    /// text the first kibibyte.
    #[must_use]
    pub fn with(mut self, element: &'static str, text: impl Into<String>) -> Self {
        let mut text = text.into();
        if text.len() > ECHO_MAX {
            let end = (0..=ECHO_MAX).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
            text.truncate(end);
        }
        self.details.push((element, text));
        self
    }

    /// The code.
    pub fn code(&self) -> S3Code {
        self.code
    }

    /// The status of the reply.
    pub fn status(&self) -> StatusCode {
        self.code.status()
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the log may say.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }

    /// Whether the fault is on our side, or the backend's, rather than the caller's.
    pub fn is_ours(&self) -> bool {
        self.status().is_server_error()
            && !matches!(self.code, S3Code::NotImplemented | S3Code::SlowDown)
    }

    /// The body of the reply. `resource` is the path of what was asked for, such as
    /// `/bucket/key`, where S3 tells it. The reply to a HEAD request has no body.
    pub fn to_xml(&self, resource: Option<&str>, request_id: &str, host_id: &str) -> String {
        let mut xml = Writer::document();
        xml.begin("Error");
        xml.text("Code", self.code.as_str());
        xml.text("Message", &self.message);
        for (element, text) in &self.details {
            xml.text(element, text);
        }
        if let Some(resource) = resource {
            xml.text("Resource", resource);
        }
        xml.text("RequestId", request_id);
        xml.text("HostId", host_id);
        xml.end("Error");
        xml.finish()
    }

    /// The answer to a request whose caller could not be proven, which depends on how it was
    /// signed: S3 has codes of its own for a wrong session token and for a presigned request.
    pub fn of_proof(fault: &Fault, has_token: bool, is_presigned: bool) -> Self {
        let told = match fault.code() {
            Code::InvalidClientTokenId if has_token => Some(Self::new(S3Code::InvalidToken)),
            Code::IncompleteSignature if is_presigned => Some(Self::saying(
                S3Code::AuthorizationQueryParametersError,
                fault.message().to_owned(),
            )),
            _ => None,
        };
        match told {
            Some(told) => told.caused_by(fault),
            None => Self::from(fault),
        }
    }

    fn caused_by(self, fault: &Fault) -> Self {
        match fault.cause() {
            Some(cause) => self.because(cause.to_owned()),
            None => self,
        }
    }
}

/// How the words begin that STS and IAM have for a request of another time. S3 has a code for it.
const OTHER_TIMES: [&str; 2] = ["Signature expired", "Signature not yet current"];

impl From<&Fault> for S3Fault {
    fn from(fault: &Fault) -> Self {
        let message = fault.message();
        let told = match fault.code() {
            // S3 has come to say who may not do what, in the words of the other services.
            Code::AccessDenied if !message.is_empty() => {
                Self::saying(S3Code::AccessDenied, message.to_owned())
            }
            Code::AccessDenied | Code::MissingAuthenticationToken | Code::InvalidUserType => {
                Self::new(S3Code::AccessDenied)
            }
            Code::RegionDisabledException => Self::saying(S3Code::AccessDenied, message.to_owned()),
            Code::RequestExpired => Self::saying(S3Code::AccessDenied, "Request has expired"),
            Code::InvalidClientTokenId => Self::new(S3Code::InvalidAccessKeyId),
            Code::ExpiredToken => Self::new(S3Code::ExpiredToken),
            Code::SignatureDoesNotMatch if OTHER_TIMES.iter().any(|t| message.starts_with(t)) => {
                Self::new(S3Code::RequestTimeTooSkewed)
            }
            Code::SignatureDoesNotMatch => Self::new(S3Code::SignatureDoesNotMatch),
            Code::IncompleteSignature => {
                Self::saying(S3Code::AuthorizationHeaderMalformed, message.to_owned())
            }
            Code::Throttling => Self::new(S3Code::SlowDown),
            Code::ServiceUnavailable => Self::new(S3Code::ServiceUnavailable),
            Code::RequestTimeout => Self::new(S3Code::RequestTimeout),
            Code::RequestEntityTooLarge => Self::new(S3Code::MaxMessageLengthExceeded),
            Code::RequestHeaderFieldsTooLarge => Self::new(S3Code::RequestHeaderSectionTooLarge),
            Code::MalformedPolicyDocument => {
                Self::saying(S3Code::MalformedPolicy, message.to_owned())
            }
            Code::ConcurrentModification => Self::new(S3Code::OperationAborted),
            Code::InvalidInput | Code::InvalidParameterValue | Code::ValidationError => {
                Self::saying(S3Code::InvalidRequest, message.to_owned())
            }
            // Where callers are proven for S3, faults have its codes and words already.
            other if let Some(code) = S3Code::named(other.as_str()) => {
                Self::saying(code, message.to_owned())
            }
            // Nothing that a request to S3 can bring about: a code that comes here is a mistake of
            // ours, and the log says which.
            other => {
                let cause = fault.cause().unwrap_or_default();
                return Self::internal(format!("{}: {cause}", other.as_str()));
            }
        };
        told.caused_by(fault)
    }
}

impl From<BodyFault> for S3Fault {
    fn from(fault: BodyFault) -> Self {
        let cause = fault.to_string();
        let told = match fault {
            BodyFault::WrongHash => Self::new(S3Code::XAmzContentSHA256Mismatch),
            BodyFault::WrongChunkSignature => Self::new(S3Code::SignatureDoesNotMatch),
            // S3 says of every chunk that it cannot read that there is too little of the body.
            BodyFault::Incomplete | BodyFault::TooLong | BodyFault::MalformedChunk(_) => {
                Self::new(S3Code::IncompleteBody)
            }
            BodyFault::ChunkTooLarge => {
                Self::saying(S3Code::InvalidRequest, "A signed chunk may have at most 16 MiB.")
            }
            BodyFault::MalformedTrailer(_) | BodyFault::MissingTrailer => {
                Self::new(S3Code::MalformedTrailerError)
            }
            BodyFault::InvalidChecksum(checksum) => Self::saying(
                S3Code::InvalidRequest,
                format!("Value for {} trailing header is invalid.", checksum.header()),
            ),
            BodyFault::WrongChecksum(checksum) => Self::saying(
                S3Code::BadDigest,
                format!("The {checksum} you specified did not match the calculated checksum."),
            ),
        };
        told.because(cause)
    }
}

impl From<Fault> for S3Fault {
    fn from(fault: Fault) -> Self {
        Self::from(&fault)
    }
}

#[cfg(test)]
mod tests;
