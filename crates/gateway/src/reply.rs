//! Replies of the gateway's own: status, the headers that all replies to S3 clients have, XML.

use bytes::Bytes;
use data_encoding::BASE64;
use daypass_api::{Received, RequestId};
use daypass_sigv4::uri_encode_path;
use http::header::{CONTENT_TYPE, HOST};
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};

use crate::{ReplyBody, RequestHead, S3Fault};

const REQUEST_ID: HeaderName = HeaderName::from_static("x-amz-request-id");
const HOST_ID: HeaderName = HeaderName::from_static("x-amz-id-2");
const XML: HeaderValue = HeaderValue::from_static("application/xml");

/// The longer id that S3 gives beside the request id. It tells nothing more.
pub(crate) fn host_id(id: &RequestId) -> String {
    BASE64.encode(id.as_bytes())
}

/// Puts the ids of a request into the head of its reply.
pub(crate) fn identify(headers: &mut HeaderMap, id: &RequestId) {
    if let Ok(value) = HeaderValue::from_str(id.text().as_str()) {
        headers.insert(REQUEST_ID, value);
    }
    if let Ok(value) = HeaderValue::from_str(&host_id(id)) {
        headers.insert(HOST_ID, value);
    }
}

/// A reply without a body.
pub(crate) fn empty(id: &RequestId, status: StatusCode) -> Response<ReplyBody> {
    with_body(id, status, None, Bytes::new())
}

/// A reply with an XML document.
pub(crate) fn xml(id: &RequestId, document: String) -> Response<ReplyBody> {
    with_body(id, StatusCode::OK, Some(XML), document.into())
}

/// A reply with a body of that type.
pub(crate) fn with_body(
    id: &RequestId,
    status: StatusCode,
    content_type: Option<HeaderValue>,
    body: Bytes,
) -> Response<ReplyBody> {
    let mut response = Response::new(ReplyBody::whole(body));
    *response.status_mut() = status;
    if let Some(content_type) = content_type {
        response.headers_mut().insert(CONTENT_TYPE, content_type);
    }
    identify(response.headers_mut(), id);
    response
}

/// What the caller gets of a fault. The reply to a HEAD request has no body; `resource` is what was
/// asked for.
pub(crate) fn refusal(
    id: &RequestId,
    resource: Option<&str>,
    fault: &S3Fault,
    is_head: bool,
) -> Response<ReplyBody> {
    let body = match is_head {
        true => Bytes::new(),
        false => fault.to_xml(resource, id.text().as_str(), &host_id(id)).into(),
    };
    with_body(id, fault.status(), Some(XML), body)
}

/// Where clients find the object of a request.
pub(crate) fn object_url(
    received: &Received,
    head: &RequestHead<'_>,
    is_virtual_hosted: bool,
) -> String {
    let scheme = if received.secure_transport { "https" } else { "http" };
    let host = received.headers.get(HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    let mut url = format!("{scheme}://{host}/");
    // A host that tells the bucket does so for the object, too.
    if let Some(bucket) = head.bucket().filter(|_| !is_virtual_hosted) {
        url.push_str(bucket.as_str());
        url.push('/');
    }
    if let Some(key) = head.key() {
        uri_encode_path(&mut url, key.as_str().as_bytes());
    }
    url
}
