//! From a reply of the backend to a reply to the client.

use std::borrow::Cow;

use daypass_api::Received;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::backend::{BackendFault, BackendReply};
use crate::backend_error::{BackendError, ERROR_MAX, refused_us};
use crate::event::{End, Event};
use crate::finish::{Ended, Finish};
use crate::rewrite::{Own, Rewriter};
use crate::{Operation, ReplyBody, RequestHead, S3Code, S3Fault, is_returned, reply};

/// The outcomes of requests that the backend did not grant, and of replies that it cut.
const REFUSED: &str = "backend_refused";
const FAILED: &str = "backend_failed";
const CUT: &str = "cut";

/// Where a bucket is.
const REGION: HeaderName = HeaderName::from_static("x-amz-bucket-region");

/// Hands a reply on. What it means is recorded when it is over; before that where the operator wants
/// it so, and where a bucket was changed.
pub(crate) async fn relay(
    mut event: Event,
    received: &Received,
    head: &RequestHead<'_>,
    reply: BackendReply,
) -> Response<ReplyBody> {
    let is_head = *head.method() == Method::HEAD;
    if reply.status.is_redirection() && reply.status != StatusCode::NOT_MODIFIED {
        let cause = format!("the backend redirects: {}", reply.status);
        let fault = S3Fault::new(S3Code::BadGateway).because(cause);
        return Box::pin(event.refused(Some(&head.resource()), fault, is_head)).await;
    }
    if reply.status.is_client_error() || reply.status.is_server_error() {
        return Box::pin(relay_error(event, &head.resource(), reply, is_head)).await;
    }
    let BackendReply { status, headers, body } = reply;
    let length = headers.get(CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse().ok());
    if event.is_strict()
        && let Err(fault) = event.record(&End::granted(length.unwrap_or_default())).await
    {
        return Box::pin(event.refused(Some(&head.resource()), fault.into(), is_head)).await;
    }
    let id = *event.id();
    // The backend's Region is nobody's business: clients would sign for it.
    let tells_region = headers.contains_key(REGION) || is_head && head.key().is_none();
    let region = tells_region.then(|| {
        let region = HeaderValue::from_str(event.region());
        region.unwrap_or(HeaderValue::from_static("us-east-1"))
    });
    let rewriter = rewriter(&event, received, head);
    let finish = Finish::new(move |Ended { bytes_out, cut }| {
        let Some(fault) = cut else { return event.end(End::granted(bytes_out)) };
        let cause = fault.to_string();
        tracing::warn!(request_id = %event.id(), cause, bytes_out, "a reply was cut");
        let error = Some((Cow::Borrowed("InternalError"), "The reply was cut.".to_owned()));
        event.end(End { outcome: CUT, error, bytes_out });
    });
    let is_rewritten = rewriter.is_some();
    let (body, unread) = ReplyBody::relayed(body, finish, rewriter);
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let to = response.headers_mut();
    to.reserve(headers.len().saturating_add(2));
    for (name, value) in &headers {
        // One that is written anew has another length.
        let fits = *name != CONTENT_LENGTH || !is_rewritten;
        if is_returned(name.as_str()) && fits {
            to.append(name, value.clone());
        }
    }
    if let Some(region) = region {
        to.insert(REGION, region);
    }
    reply::identify(to, &id);
    if let Some(unread) = unread {
        response.extensions_mut().insert(unread);
    }
    response
}

/// What replaces what the backend says of itself, for the documents in which it does.
fn rewriter(event: &Event, received: &Received, head: &RequestHead<'_>) -> Option<Rewriter> {
    let operation = event.operation()?;
    let speaks = matches!(
        operation,
        Operation::CompleteMultipartUpload
            | Operation::CopyObject
            | Operation::ListMultipartUploads
            | Operation::ListObjectVersions
            | Operation::ListObjects
            | Operation::ListObjectsV2
            | Operation::ListParts
            | Operation::UploadPartCopy
    );
    let owner = event.owner().filter(|_| speaks)?;
    let location = match operation {
        Operation::CompleteMultipartUpload => {
            reply::object_url(received, head, head.is_virtual_hosted())
        }
        // No other document tells one.
        _ => String::new(),
    };
    Some(Rewriter::new(Own { owner, location, id: *event.id() }))
}

/// Hands an error of the backend on, in our own words where it has any.
async fn relay_error(
    mut event: Event,
    resource: &str,
    mut reply: BackendReply,
    is_head: bool,
) -> Response<ReplyBody> {
    let id = *event.id();
    let status = reply.status;
    let error = match reply.body.whole(ERROR_MAX).await {
        Ok(body) => BackendError::read(&body),
        Err(BackendFault::Nonsense(_)) => None,
        Err(fault) => return event.refused(Some(resource), fault.into(), is_head).await,
    };
    let code = error.as_ref().map(|error| error.code.clone()).unwrap_or_default();
    if error.as_ref().is_some_and(BackendError::is_of_credentials)
        || error.is_none() && status == StatusCode::UNAUTHORIZED
    {
        return event.refused(Some(resource), refused_us(status, &code), is_head).await;
    }
    if error.is_none() && !is_head {
        let cause = format!("the backend answers {status} without an error of S3");
        let code = match status.is_server_error() {
            true => S3Code::ServiceUnavailable,
            false => S3Code::BadGateway,
        };
        // 412 and 416 speak for themselves, and some servers send them bare.
        if !matches!(status, StatusCode::PRECONDITION_FAILED | StatusCode::RANGE_NOT_SATISFIABLE) {
            let fault = S3Fault::new(code).because(cause);
            return event.refused(Some(resource), fault, is_head).await;
        }
    }
    let outcome = if status.is_server_error() { FAILED } else { REFUSED };
    let message = error.as_ref().map(|error| error.message().to_owned()).unwrap_or_default();
    let told = match code.is_empty() {
        true => Cow::Borrowed(status.canonical_reason().unwrap_or("Error")),
        false => Cow::Owned(code),
    };
    let mut end = End { outcome, error: Some((told, message)), bytes_out: 0 };
    let body = match (&error, is_head) {
        (Some(error), false) => error.to_xml(resource, id.text().as_str(), &reply::host_id(&id)),
        _ => String::new(),
    };
    end.bytes_out = u64::try_from(body.len()).unwrap_or_default();
    if event.is_strict()
        && let Err(fault) = event.record(&end).await
    {
        return event.refused(Some(resource), fault.into(), is_head).await;
    }
    event.end(end);
    let xml = HeaderValue::from_static("application/xml");
    let mut response = reply::with_body(&id, status, Some(xml), body.into());
    for (name, value) in &reply.headers {
        let kept = is_returned(name.as_str()) && *name != CONTENT_LENGTH && *name != CONTENT_TYPE;
        if kept {
            response.headers_mut().append(name, value.clone());
        }
    }
    response
}
