//! What goes wrong, for two audiences: AWS's code and words for the caller, the cause for the log.

use std::borrow::Cow;
use std::fmt;

/// The error codes that this server answers with, spelled on the wire as in [`Code::as_str`].
///
/// AWS STS API reference and AWS IAM API reference, pages "Common Error Types" and each
/// operation's "Errors".
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Code {
    /// The policies do not allow the call.
    AccessDenied,
    /// Another write of the same entity came first.
    ConcurrentModification,
    /// The entity still has things that hang on it.
    DeleteConflict,
    /// The name is taken.
    EntityAlreadyExists,
    /// The session's time is over.
    ExpiredToken,
    /// The time of a token or an assertion of an identity provider is over.
    ExpiredTokenException,
    /// An identity provider could not be asked for its keys.
    IDPCommunicationError,
    /// The Authorization header or the query lacks a part.
    IncompleteSignature,
    /// Something on our side.
    InternalFailure,
    /// The operation does not exist in that version.
    InvalidAction,
    /// An encoded authorisation message is none of ours, not the caller's, or too old.
    InvalidAuthorizationMessageException,
    /// A token or an assertion of an identity provider cannot be believed.
    InvalidIdentityToken,
    /// A one-time password of an MFA device is wrong.
    InvalidAuthenticationCode,
    /// The access key or the session token is not valid.
    InvalidClientTokenId,
    /// A parameter is wrong in a way that the service model does not state.
    InvalidInput,
    /// A parameter's value is out of place.
    InvalidParameterValue,
    /// A parameter cannot be read, or can be read in two ways.
    InvalidQueryParameter,
    /// A quota is reached.
    LimitExceeded,
    /// A policy document does not parse.
    MalformedPolicyDocument,
    /// The form cannot be read.
    MalformedQueryString,
    /// The operation is not for callers of that kind.
    InvalidUserType,
    /// No `Action` was given.
    MissingAction,
    /// The request carries no credentials.
    MissingAuthenticationToken,
    /// The entity does not exist.
    NoSuchEntity,
    /// The `Version` does not exist.
    NoSuchVersion,
    /// The policy cannot be attached to that.
    PolicyNotAttachable,
    /// Session policies and tags take too much room.
    PackedPolicyTooLarge,
    /// A password is not as the account wants it.
    PasswordPolicyViolation,
    /// The account has no STS in the Region.
    RegionDisabledException,
    /// The credential report is older than it may be.
    ReportExpired,
    /// The credential report is being made.
    ReportInProgress,
    /// There is no credential report.
    ReportNotPresent,
    /// The presigned request is past its time.
    RequestExpired,
    /// The body is over the limit.
    RequestEntityTooLarge,
    /// The head is over the limit.
    RequestHeaderFieldsTooLarge,
    /// The request did not arrive in time.
    RequestTimeout,
    /// The service cannot answer now.
    ServiceUnavailable,
    /// The signature does not fit the request.
    SignatureDoesNotMatch,
    /// Too many requests.
    Throttling,
    /// Only AWS changes the entity.
    UnmodifiableEntity,
    /// The call is one of a service that is not here.
    UnknownOperationException,
    /// Parameters violate their constraints.
    ValidationError,
    /// The Authorization header of a request to S3 cannot be read.
    AuthorizationHeaderMalformed,
    /// The parameters of a presigned request to S3 cannot be read.
    AuthorizationQueryParametersError,
    /// The name of a bucket is somebody else's.
    BucketAlreadyExists,
    /// The caller's account has the bucket already.
    BucketAlreadyOwnedByYou,
    /// The access key is not valid, in S3's words.
    InvalidAccessKeyId,
    /// An argument of a request to S3 is wrong.
    InvalidArgument,
    /// A request to S3 is put together wrongly.
    InvalidRequest,
    /// The session token is not valid, in S3's words.
    InvalidToken,
    /// A bucket policy is none.
    MalformedPolicy,
    /// The caller may, but does not belong to the account of the bucket.
    MethodNotAllowed,
    /// A body does not say how long it is.
    MissingContentLength,
    /// There is no such bucket.
    NoSuchBucket,
    /// The bucket has no policy.
    NoSuchBucketPolicy,
    /// Another request makes or deletes the bucket.
    OperationAborted,
    /// The request was signed too long ago or too far ahead, in S3's words.
    RequestTimeTooSkewed,
    /// The account has as many buckets as it may have.
    TooManyBuckets,
}

impl Code {
    /// The code as it stands in the reply.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AccessDenied => "AccessDenied",
            Self::ConcurrentModification => "ConcurrentModification",
            Self::DeleteConflict => "DeleteConflict",
            Self::EntityAlreadyExists => "EntityAlreadyExists",
            Self::ExpiredToken => "ExpiredToken",
            Self::ExpiredTokenException => "ExpiredTokenException",
            Self::IDPCommunicationError => "IDPCommunicationError",
            Self::IncompleteSignature => "IncompleteSignature",
            Self::InternalFailure => "InternalFailure",
            Self::InvalidAction => "InvalidAction",
            Self::InvalidAuthorizationMessageException => "InvalidAuthorizationMessageException",
            Self::InvalidAuthenticationCode => "InvalidAuthenticationCode",
            Self::InvalidClientTokenId => "InvalidClientTokenId",
            Self::InvalidIdentityToken => "InvalidIdentityToken",
            Self::InvalidInput => "InvalidInput",
            Self::InvalidParameterValue => "InvalidParameterValue",
            Self::InvalidQueryParameter => "InvalidQueryParameter",
            Self::LimitExceeded => "LimitExceeded",
            Self::MalformedPolicyDocument => "MalformedPolicyDocument",
            Self::MalformedQueryString => "MalformedQueryString",
            Self::InvalidUserType => "InvalidUserType",
            Self::MissingAction => "MissingAction",
            Self::MissingAuthenticationToken => "MissingAuthenticationToken",
            Self::NoSuchEntity => "NoSuchEntity",
            Self::NoSuchVersion => "NoSuchVersion",
            Self::PackedPolicyTooLarge => "PackedPolicyTooLarge",
            Self::PolicyNotAttachable => "PolicyNotAttachable",
            Self::PasswordPolicyViolation => "PasswordPolicyViolation",
            Self::RegionDisabledException => "RegionDisabledException",
            Self::ReportExpired => "ReportExpired",
            Self::ReportInProgress => "ReportInProgress",
            Self::ReportNotPresent => "ReportNotPresent",
            Self::RequestExpired => "RequestExpired",
            Self::RequestEntityTooLarge => "RequestEntityTooLarge",
            Self::RequestHeaderFieldsTooLarge => "RequestHeaderFieldsTooLarge",
            Self::RequestTimeout => "RequestTimeout",
            Self::ServiceUnavailable => "ServiceUnavailable",
            Self::SignatureDoesNotMatch => "SignatureDoesNotMatch",
            Self::Throttling => "Throttling",
            Self::UnmodifiableEntity => "UnmodifiableEntity",
            Self::UnknownOperationException => "UnknownOperationException",
            Self::ValidationError => "ValidationError",
            Self::AuthorizationHeaderMalformed => "AuthorizationHeaderMalformed",
            Self::AuthorizationQueryParametersError => "AuthorizationQueryParametersError",
            Self::BucketAlreadyExists => "BucketAlreadyExists",
            Self::BucketAlreadyOwnedByYou => "BucketAlreadyOwnedByYou",
            Self::InvalidAccessKeyId => "InvalidAccessKeyId",
            Self::InvalidArgument => "InvalidArgument",
            Self::InvalidRequest => "InvalidRequest",
            Self::InvalidToken => "InvalidToken",
            Self::MalformedPolicy => "MalformedPolicy",
            Self::MethodNotAllowed => "MethodNotAllowed",
            Self::MissingContentLength => "MissingContentLength",
            Self::NoSuchBucket => "NoSuchBucket",
            Self::NoSuchBucketPolicy => "NoSuchBucketPolicy",
            Self::OperationAborted => "OperationAborted",
            Self::RequestTimeTooSkewed => "RequestTimeTooSkewed",
            Self::TooManyBuckets => "TooManyBuckets",
        }
    }
}

/// A refusal or failure. It has no `Display`: what the caller reads and what the log keeps are
/// asked for by name, so that nobody mixes them.
pub struct Fault {
    code: Code,
    message: Cow<'static, str>,
    cause: Option<Cow<'static, str>>,
    /// Whether the call is to be decided again: see `App::answer`.
    overtaken: bool,
}

/// Without the message, which repeats what the caller sent.
impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}({:?})", self.code.as_str(), self.cause.as_deref().unwrap_or_default())
    }
}

impl Fault {
    /// A fault with AWS's words for the caller.
    pub fn new(code: Code, message: impl Into<Cow<'static, str>>) -> Self {
        Self { code, message: message.into(), cause: None, overtaken: false }
    }

    /// Something on our side went wrong: the caller learns nothing of it, the log the cause.
    pub fn internal(cause: impl Into<Cow<'static, str>>) -> Self {
        const TEXT: &str = "The request processing has failed because of an unknown error, \
                            exception or failure.";
        Self::new(Code::InternalFailure, TEXT).because(cause)
    }

    /// Adds what the log is to know and the caller is not.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Cow<'static, str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What a write was decided on was changed before it was committed: it is to be decided again.
    pub(crate) fn overtaken() -> Self {
        const TEXT: &str = "The request was rejected because multiple requests to change this \
                            object were submitted simultaneously. Wait a few minutes and submit \
                            your request again.";
        Self { overtaken: true, ..Self::new(Code::ConcurrentModification, TEXT) }
    }

    /// Whether it is [`Fault::overtaken`].
    pub(crate) fn is_overtaken(&self) -> bool {
        self.overtaken
    }

    /// The code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// Whether the fault is on our side rather than the caller's.
    pub fn is_ours(&self) -> bool {
        matches!(self.code, Code::InternalFailure | Code::ServiceUnavailable)
    }

    /// What the caller reads.
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What only the log may say.
    pub fn cause(&self) -> Option<&str> {
        self.cause.as_deref()
    }
}
