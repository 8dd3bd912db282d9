//! Typed outcome -> HTTP response: the one place that knows status codes and the error shape.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::foreign::Manner;
use crate::format::Format;
use crate::large_replies::Room;
use crate::{Code, Fault, RequestId};

/// Names that are looked up once, when this is compiled.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
/// The media types of the Query protocol's replies.
const XML: &str = "text/xml";
const JSON: &str = "application/json";
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// The status of each code: AWS STS and IAM API references, "Errors".
pub fn status(code: Code) -> StatusCode {
    match code {
        Code::AccessDenied
        | Code::ExpiredToken
        | Code::InvalidAccessKeyId
        | Code::InvalidAuthenticationCode
        | Code::InvalidClientTokenId
        | Code::MissingAuthenticationToken
        | Code::RegionDisabledException
        | Code::RequestTimeTooSkewed
        | Code::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
        Code::AuthorizationHeaderMalformed
        | Code::AuthorizationQueryParametersError
        | Code::ExpiredTokenException
        | Code::IDPCommunicationError
        | Code::IncompleteSignature
        | Code::InvalidAction
        | Code::InvalidAuthorizationMessageException
        | Code::InvalidIdentityToken
        | Code::InvalidInput
        | Code::InvalidParameterValue
        | Code::InvalidQueryParameter
        | Code::MalformedPolicyDocument
        | Code::InvalidArgument
        | Code::InvalidRequest
        | Code::InvalidToken
        | Code::InvalidUserType
        | Code::MalformedPolicy
        | Code::MissingAction
        | Code::NoSuchVersion
        | Code::PackedPolicyTooLarge
        | Code::PasswordPolicyViolation
        | Code::PolicyNotAttachable
        | Code::RequestExpired
        | Code::Throttling
        | Code::TooManyBuckets
        | Code::UnmodifiableEntity
        | Code::UnknownOperationException
        | Code::ValidationError => StatusCode::BAD_REQUEST,
        Code::MalformedQueryString
        | Code::NoSuchBucket
        | Code::NoSuchBucketPolicy
        | Code::NoSuchEntity
        | Code::ReportInProgress => StatusCode::NOT_FOUND,
        Code::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
        Code::ReportExpired | Code::ReportNotPresent => StatusCode::GONE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::BucketAlreadyExists
        | Code::BucketAlreadyOwnedByYou
        | Code::ConcurrentModification
        | Code::DeleteConflict
        | Code::EntityAlreadyExists
        | Code::LimitExceeded
        | Code::OperationAborted => StatusCode::CONFLICT,
        Code::MissingContentLength => StatusCode::LENGTH_REQUIRED,
        Code::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RequestHeaderFieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The reply to a request that succeeded; `document` is the whole of it, `memory` the room that it
/// takes when it is large.
pub(crate) fn success(
    id: &RequestId,
    format: Format,
    mut document: String,
    memory: Option<Room>,
) -> Response<Bytes> {
    let media = match format {
        Format::Xml => XML,
        Format::Json => JSON,
    };
    match memory {
        None => response(StatusCode::OK, id, media, document.into()),
        // The room is given back when the last of the bytes are.
        Some(mut memory) => {
            document.shrink_to_fit();
            memory.shrink_to(document.capacity());
            let unsent = memory.unsent();
            let bytes = Bytes::from_owner(Held(document, memory));
            let mut response = response(StatusCode::OK, id, media, bytes);
            response.extensions_mut().insert(unsent);
            response
        }
    }
}

/// A large reply with the room that it takes.
struct Held(String, Room);

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        let Self(document, _memory) = self;
        document.as_bytes()
    }
}

/// The reply to a request that was refused or failed.
pub(crate) fn refusal(id: &RequestId, manner: Manner, fault: &Fault) -> Response<Bytes> {
    let status = status(fault.code());
    let (code, message) = (fault.code().as_str(), fault.message());
    let id_text = id.text();
    let at_fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    match manner {
        Manner::Query(_, Format::Json) => {
            let json = daypass_query::error_json(at_fault, code, message, id_text.as_str());
            response(status, id, JSON, json.into())
        }
        Manner::Query(service, Format::Xml) => {
            let namespace = service.namespace();
            let xml =
                daypass_query::error_xml(namespace, at_fault, code, message, id_text.as_str());
            response(status, id, XML, xml.into())
        }
        Manner::Ec2 => {
            let xml = daypass_query::ec2_error_xml(code, message, id_text.as_str());
            response(status, id, XML, xml.into())
        }
        Manner::Json(media) => {
            let json = serde_json::json!({ "__type": code, "message": message });
            let mut response = response(status, id, media, json.to_string().into());
            response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
            response
        }
    }
}

fn response(
    status: StatusCode,
    id: &RequestId,
    media: &'static str,
    body: Bytes,
) -> Response<Bytes> {
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(media));
    // A UUID is always a valid header value.
    if let Ok(value) = HeaderValue::from_str(id.text().as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    response
}
