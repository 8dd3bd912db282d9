//! Typed outcome -> HTTP response: the one place that knows status codes and the error shape.

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode, header};

use crate::{Code, Fault, RequestId};

/// A name that is looked up once, when this is compiled.
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

/// The status of each code: AWS STS and IAM API references, "Errors".
fn status(code: Code) -> StatusCode {
    match code {
        Code::AccessDenied
        | Code::ExpiredToken
        | Code::InvalidAuthenticationCode
        | Code::InvalidClientTokenId
        | Code::MissingAuthenticationToken
        | Code::SignatureDoesNotMatch => StatusCode::FORBIDDEN,
        Code::IncompleteSignature
        | Code::InvalidAction
        | Code::InvalidInput
        | Code::InvalidParameterValue
        | Code::InvalidQueryParameter
        | Code::MalformedPolicyDocument
        | Code::InvalidUserType
        | Code::MissingAction
        | Code::NoSuchVersion
        | Code::PackedPolicyTooLarge
        | Code::PasswordPolicyViolation
        | Code::RequestExpired
        | Code::ValidationError => StatusCode::BAD_REQUEST,
        Code::MalformedQueryString | Code::NoSuchEntity | Code::ReportInProgress => {
            StatusCode::NOT_FOUND
        }
        Code::ReportExpired | Code::ReportNotPresent => StatusCode::GONE,
        Code::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
        Code::ConcurrentModification
        | Code::DeleteConflict
        | Code::EntityAlreadyExists
        | Code::LimitExceeded => StatusCode::CONFLICT,
        Code::RequestEntityTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
        Code::RequestHeaderFieldsTooLarge => StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        Code::InternalFailure => StatusCode::INTERNAL_SERVER_ERROR,
        Code::ServiceUnavailable => StatusCode::SERVICE_UNAVAILABLE,
    }
}

/// The reply to a request that succeeded; `xml` is the whole document.
pub(crate) fn success(id: &RequestId, xml: String) -> Response<Bytes> {
    xml_response(StatusCode::OK, id, xml)
}

/// The reply to a request that was refused or failed.
///
/// `namespace` is that of the service that was asked, when it is known.
pub(crate) fn refusal(id: &RequestId, namespace: &str, fault: &Fault) -> Response<Bytes> {
    let status = status(fault.code());
    let at_fault = if status.is_server_error() { "Receiver" } else { "Sender" };
    let code = fault.code().as_str();
    let id_text = id.text();
    let xml =
        daypass_query::error_xml(namespace, at_fault, code, fault.message(), id_text.as_str());
    xml_response(status, id, xml)
}

fn xml_response(status: StatusCode, id: &RequestId, xml: String) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(xml));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    // A UUID is always a valid header value.
    if let Ok(value) = HeaderValue::from_str(id.text().as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    response
}
