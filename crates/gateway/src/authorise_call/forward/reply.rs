//! What a proxy is answered: who it is, in headers that it hands to the service; or a refusal, in the
//! form that the clients of the service read.

use bytes::Bytes;
use daypass_api::enforcement::Proven;
use daypass_api::{Fault, RequestId, status_of};
use http::header::CONTENT_TYPE;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::json;

use super::told::Proxy;
use crate::S3Fault;

const ARN: HeaderName = HeaderName::from_static("x-daypass-principal-arn");
const ACCOUNT: HeaderName = HeaderName::from_static("x-daypass-account");
const USER_ID: HeaderName = HeaderName::from_static("x-daypass-user-id");
const ACCESS_KEY_ID: HeaderName = HeaderName::from_static("x-daypass-access-key-id");
const SESSION_NAME: HeaderName = HeaderName::from_static("x-daypass-session-name");
const SOURCE_IDENTITY: HeaderName = HeaderName::from_static("x-daypass-source-identity");
const ERROR_DOCUMENT: HeaderName = HeaderName::from_static("x-daypass-error-document");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-daypass-error-type");
const ENCODED: HeaderName = HeaderName::from_static("x-daypass-encoded-authorization-message");
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");

const XML: &str = "application/xml";
const JSON: &str = "application/json";

/// Most bytes of a document that is handed over in a header as well; keys of S3 in it are of 1,024.
const DOCUMENT_MAX: usize = 8 * 1024;

/// Lets a request through, and tells who makes it.
///
/// # Errors
/// When something of the caller cannot stand in a header.
pub(super) fn admitted(proven: &Proven<'_>) -> Result<Response<Bytes>, Fault> {
    let mut response = Response::new(Bytes::new());
    let session = proven.session();
    let told = [
        (ARN, proven.arn().map(|arn| arn.as_str().to_owned())),
        (ACCOUNT, proven.account().map(|account| account.as_str().to_owned())),
        (USER_ID, proven.user_id()),
        (ACCESS_KEY_ID, proven.access_key_id().map(|id| id.as_str().to_owned())),
        (SESSION_NAME, session.as_ref().and_then(|session| session.name.map(str::to_owned))),
        (SOURCE_IDENTITY, proven.source_identity().map(str::to_owned)),
    ];
    for (name, value) in told {
        let Some(value) = value else { continue };
        // The service is to be told all or nothing.
        let value = HeaderValue::from_str(&value)
            .map_err(|_| Fault::internal(format!("`{name}` cannot be told in a header")))?;
        response.headers_mut().insert(name, value);
    }
    Ok(response)
}

/// A refusal in the form of S3.
pub(super) fn refused_in_s3(
    proxy: Proxy,
    fault: &S3Fault,
    resource: &str,
    id: &RequestId,
) -> Response<Bytes> {
    let id = id.text();
    let document = fault.to_xml(Some(resource), id.as_str(), id.as_str());
    refused(proxy, fault.code().status(), XML, document, id.as_str())
}

/// A refusal in the form of the JSON protocols of AWS.
pub(super) fn refused_in_json(proxy: Proxy, fault: &Fault, id: &RequestId) -> Response<Bytes> {
    let document = json!({ "__type": fault.code().as_str(), "message": fault.message() });
    let id = id.text();
    refused(proxy, status_of(fault.code()), JSON, document.to_string(), id.as_str())
}

fn refused(
    proxy: Proxy,
    status: StatusCode,
    media: &'static str,
    document: String,
    id: &str,
) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(media));
    if let Ok(id) = HeaderValue::from_str(id) {
        headers.insert(REQUEST_ID, id);
    }
    let status = match status {
        // Proxies take a 5xx for a failure of ours, whose body nobody reads.
        StatusCode::NOT_IMPLEMENTED => StatusCode::FORBIDDEN,
        status => status,
    };
    let status = match proxy {
        // nginx knows 401 and 403, and takes every other status for a failure. It loses the body, and
        // can bring it back from a header.
        Proxy::Nginx if status.is_client_error() => {
            let line = document.replace(['\r', '\n'], "");
            if line.len() <= DOCUMENT_MAX
                && let Ok(line) = HeaderValue::from_bytes(line.as_bytes())
            {
                headers.insert(ERROR_DOCUMENT, line);
                headers.insert(ERROR_TYPE, HeaderValue::from_static(media));
            }
            StatusCode::FORBIDDEN
        }
        _ => status,
    };
    *response.status_mut() = status;
    *response.body_mut() = document.into();
    response
}

/// Tells how a refusal was decided, for DecodeAuthorizationMessage.
pub(super) fn with_message(mut response: Response<Bytes>, encoded: &str) -> Response<Bytes> {
    if let Ok(encoded) = HeaderValue::from_str(encoded) {
        response.headers_mut().insert(ENCODED, encoded);
    }
    response
}

/// The answer to whoever is no proxy of ours, or is not set up as it must be.
pub(super) fn unclear(status: StatusCode) -> Response<Bytes> {
    let mut response = Response::new(Bytes::new());
    *response.status_mut() = status;
    response
}
