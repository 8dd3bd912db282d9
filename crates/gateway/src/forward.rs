//! From an allowed request to the backend.

use std::error::Error;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use bytes::Bytes;
use data_encoding::{BASE64, HEXLOWER};
use daypass_sigv4::{Checksum, Frames, Payload};
use http::header::{CONTENT_ENCODING, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue};
use hyper::body::Body;

use crate::backend::{
    BackendFault, BackendReply, BackendRequest, EMPTY_SHA256, LONG_TIMEOUT, SendProgress, SentBody,
};
use crate::client_body::{ClientBody, ClientBodyFault, LastLook, fault_in};
use crate::event::Event;
use crate::flow::{Allowed, Incoming};
use crate::{BodyUse, Operation, S3Code, S3Fault, is_body_digest};

/// Bodies of at most that many bytes are read whole before the backend is asked: what is wrong with
/// them is then known before it hears of them.
const READ_FIRST: u64 = 64 << 10;

/// What tells the backend that a document is whole.
const CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");

/// What stands for a body in a signature that says nothing of it.
pub(crate) const UNSIGNED: &str = "UNSIGNED-PAYLOAD";
/// The same for one in frames, with its checksum behind it.
const UNSIGNED_FRAMES: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

/// Passes a request on, with its body if it has one.
pub(crate) async fn forward<B>(
    allowed: &Allowed<'_>,
    incoming: &mut Incoming<B>,
    event: &mut Event,
) -> Result<BackendReply, S3Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let mut request = request_of(allowed)?;
    if matches!(allowed.classified.row.body, BodyUse::Empty) {
        return send(allowed, request).await;
    }
    let check = incoming.check.as_ref();
    let check = check.ok_or_else(|| S3Fault::internal("an upload has no check"))?;
    let (payload, trailer) = (check.payload(), check.trailer());
    // Who says nothing of a body has none (RFC 9112, section 6.3).
    let sent = content_length(&allowed.received.headers)?;
    let sent = sent.or(incoming.is_empty().then_some(0));
    let length = check.content_length(sent).map_err(ClientBodyFault::Wrong)?;
    let length = length.ok_or_else(|| no_length(&allowed.received.headers))?;
    request.payload = match payload {
        Payload::Hash(hash) => HEXLOWER.encode(&hash),
        _ => UNSIGNED.to_owned(),
    };
    let body = incoming.checked()?;
    send_body(allowed, request, (body, length), trailer, event).await
}

/// Passes a request on with a body of `length` bytes.
pub(crate) async fn send_body<B>(
    allowed: &Allowed<'_>,
    mut request: BackendRequest,
    (body, length): (ClientBody<B>, u64),
    trailer: Option<Checksum>,
    event: &mut Event,
) -> Result<BackendReply, S3Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if length <= READ_FIRST {
        let limit = usize::try_from(READ_FIRST).unwrap_or(usize::MAX);
        let (bytes, trailers) = body.whole(limit).await?;
        if u64::try_from(bytes.len()) != Ok(length) {
            return Err(S3Fault::new(S3Code::IncompleteBody));
        }
        // The checksum is known, and needs no trailer any more.
        for (name, value) in trailers.iter() {
            put(&mut request.headers, HeaderName::from_static(name), value)?;
        }
        event.received(bytes.len());
        request.body = SentBody::Whole(bytes);
        return send(allowed, request).await;
    }
    Box::pin(upload(allowed, request, (body, length), trailer, event)).await
}

/// Passes a request on whose body streams, `length` bytes of it.
async fn upload<B>(
    allowed: &Allowed<'_>,
    mut request: BackendRequest,
    (body, length): (ClientBody<B>, u64),
    trailer: Option<Checksum>,
    event: &mut Event,
) -> Result<BackendReply, S3Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    event.hold_upload(allowed.gateway.place_of_upload(allowed.proven.account()).await?);
    let frames = trailer.map(|trailer| Frames::new(length, trailer));
    if let Some(trailer) = trailer {
        request.payload = UNSIGNED_FRAMES.to_owned();
        let headers = &mut request.headers;
        put(headers, HeaderName::from_static("x-amz-trailer"), trailer.header())?;
        let decoded = HeaderName::from_static("x-amz-decoded-content-length");
        headers.insert(decoded, HeaderValue::from(length));
        let encoding = match headers.get(CONTENT_ENCODING).map(HeaderValue::to_str) {
            None => "aws-chunked".to_owned(),
            Some(Ok(other)) => format!("aws-chunked,{other}"),
            Some(Err(_)) => return Err(S3Fault::new(S3Code::InvalidArgument)),
        };
        put(headers, CONTENT_ENCODING, &encoding)?;
    }
    let progress = Arc::new(SendProgress::default());
    event.streams(Arc::clone(&progress));
    let wire = frames.as_ref().map_or(length, Frames::length);
    let room = allowed.gateway.chunk_room(allowed.proven.account());
    let (body, slot) =
        body.streamed(room, length, frames, Arc::clone(&progress), last_look(allowed));
    request.body = SentBody::Stream { body: Box::pin(body), length: wire, progress };
    let sent = allowed.gateway.backend.send(request, allowed.proven.now()).await;
    // Whatever the backend made of it: a body that is not what it was said to be is that first.
    if let Some(fault) = fault_in(&slot) {
        return Err(fault.into());
    }
    sent.map_err(S3Fault::from)
}

/// Looks once more whether the bucket is the one that was decided about. An upload takes long; what was
/// deleted and made again meanwhile is another one, of whomever.
fn last_look(allowed: &Allowed<'_>) -> LastLook {
    let (app, bucket) = (Arc::clone(&allowed.gateway.app), allowed.bucket.cloned());
    Box::pin(async move {
        let Some(bucket) = bucket else { return false };
        match app.bucket(&bucket.name).await {
            Ok(Some(now)) => now.account == bucket.account && now.created == bucket.created,
            Ok(None) | Err(_) => false,
        }
    })
}

/// Passes a request on whose body was read, and written anew.
pub(crate) async fn document(allowed: &Allowed<'_>, text: String) -> Result<BackendReply, S3Fault> {
    let mut request = request_of(allowed)?;
    set_document(&mut request, text)?;
    send(allowed, request).await
}

/// Gives a request a document as its body. What was said of another body does not go with it.
pub(crate) fn set_document(request: &mut BackendRequest, text: String) -> Result<(), S3Fault> {
    let old = request.headers.keys().filter(|name| is_body_digest(name.as_str()));
    for name in old.cloned().collect::<Vec<_>>() {
        request.headers.remove(name);
    }
    let hash = digest(&SHA256, text.as_bytes());
    put(&mut request.headers, CHECKSUM, &BASE64.encode(hash.as_ref()))?;
    request.payload = HEXLOWER.encode(hash.as_ref());
    request.body = SentBody::Whole(text.into());
    Ok(())
}

async fn send(allowed: &Allowed<'_>, request: BackendRequest) -> Result<BackendReply, S3Fault> {
    let sent: Result<BackendReply, BackendFault> =
        allowed.gateway.backend.send(request, allowed.proven.now()).await;
    let mut reply = sent?;
    if is_long(allowed.classified.operation()) {
        reply.body.rest_for(LONG_TIMEOUT);
    }
    Ok(reply)
}

/// The request as the backend gets it, without its body.
pub(crate) fn request_of(allowed: &Allowed<'_>) -> Result<BackendRequest, S3Fault> {
    let head = allowed.head;
    let headers: HeaderMap = head.backend_headers()?.into_iter().collect();
    Ok(BackendRequest {
        method: head.method().clone(),
        path: head.backend_path(),
        query: head.backend_query(),
        headers,
        payload: EMPTY_SHA256.to_owned(),
        body: SentBody::Empty,
        is_long: is_long(allowed.classified.operation()),
    })
}

/// Whether the backend works on whole objects before it answers, or answers with white space until it
/// is done.
fn is_long(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CopyObject | Operation::CompleteMultipartUpload | Operation::UploadPartCopy
    )
}

/// What is answered to a body whose length nobody tells.
fn no_length(headers: &HeaderMap) -> S3Fault {
    match headers.contains_key(TRANSFER_ENCODING) {
        true => {
            let message = "A header you provided implies functionality that is not implemented";
            S3Fault::saying(S3Code::NotImplemented, message).with("Header", "Transfer-Encoding")
        }
        false => S3Fault::new(S3Code::MissingContentLength),
    }
}

/// The length of the body as the client sends it.
pub(crate) fn content_length(headers: &HeaderMap) -> Result<Option<u64>, S3Fault> {
    let Some(value) = headers.get(CONTENT_LENGTH) else { return Ok(None) };
    let length = value.to_str().ok().and_then(|text| text.parse().ok());
    match length {
        Some(length) => Ok(Some(length)),
        None => Err(S3Fault::new(S3Code::BadRequest).because("the Content-Length is no number")),
    }
}

fn put(headers: &mut HeaderMap, name: HeaderName, value: &str) -> Result<(), S3Fault> {
    let value = HeaderValue::from_str(value)
        .map_err(|_| S3Fault::internal(format!("{name} cannot be written")))?;
    headers.insert(name, value);
    Ok(())
}

impl From<ClientBodyFault> for S3Fault {
    fn from(fault: ClientBodyFault) -> Self {
        let cause = fault.to_string();
        let told = match fault {
            ClientBodyFault::Wrong(fault) => Self::from(fault),
            ClientBodyFault::Form(fault) => return fault,
            ClientBodyFault::TooLong(_) => Self::new(S3Code::MaxMessageLengthExceeded),
            ClientBodyFault::Gone(_) => Self::new(S3Code::IncompleteBody),
            ClientBodyFault::NoRoom => Self::new(S3Code::SlowDown),
            ClientBodyFault::Overtaken => Self::new(S3Code::NoSuchBucket),
            ClientBodyFault::TooSlow => Self::new(S3Code::RequestTimeout),
        };
        told.because(cause)
    }
}
