//! Uploads from HTML forms: S3 API reference, "POST Object". The signature is in the form, and covers
//! a policy that says what the other fields and the file may be. Once that holds, the form is a PUT of
//! its file.

use std::error::Error;

use bytes::Bytes;
use daypass_api::Received;
use daypass_api::enforcement::Proven;
use daypass_sigv4::presented_form;
use http::header::{CONTENT_TYPE, ETAG, LOCATION};
use http::{HeaderMap, HeaderValue, Method, Response, StatusCode};
use hyper::body::Body;

use crate::backend::BackendReply;
use crate::flow::{Allowed, Answered, Deciding, Exchange, bucket_of, check_owners, log_unproven};
use crate::{
    Form, FormAnswer, FormReader, Gateway, Operation, Posted, ReplyBody, RequestHead, S3Code,
    S3Fault, Shape, forward, is_returned, keys, post_response, reply,
};

/// Whether a request is a form.
pub(crate) fn is_form(head: &RequestHead<'_>, headers: &HeaderMap) -> bool {
    let kind = content_type(headers).split(';').next().unwrap_or_default().trim();
    *head.method() == Method::POST
        && head.shape() == Shape::Bucket
        && kind.eq_ignore_ascii_case("multipart/form-data")
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// Refuses what is sent to a bucket as forms are, and is none.
pub(crate) fn require_form(head: &RequestHead<'_>, headers: &HeaderMap) -> Result<(), S3Fault> {
    let is_plain_post = *head.method() == Method::POST
        && head.shape() == Shape::Bucket
        && head.parameters().next().is_none();
    match is_plain_post && !is_form(head, headers) {
        true => {
            let condition = "Bucket POST must be of the enclosure-type multipart/form-data";
            Err(S3Fault::new(S3Code::PreconditionFailed).with("Condition", condition))
        }
        false => Ok(()),
    }
}

/// Stores the file of a form.
pub(crate) async fn answer<B>(exchange: Exchange<'_, B>) -> Result<Answered, S3Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Exchange { gateway, received, head, incoming, event } = exchange;
    event.of_operation(Operation::PostObject.row());
    let name = head.bucket().ok_or_else(|| S3Fault::internal("a form for no bucket"))?;
    let length = forward::content_length(&received.headers)?;
    let length = length.ok_or_else(|| S3Fault::new(S3Code::MissingContentLength))?;
    let reader = FormReader::new(content_type(&received.headers))?;
    let mut body = incoming.form(reader)?;
    let (form, file_length) = body.form(length).await?;
    // Who puts the file first has put the signature behind it as well.
    form.key().inspect_err(|fault| log_unproven(gateway, received, fault))?;
    let proven = prove(gateway, received, &form).await?;
    event.proven(&proven, head)?;
    let bucket = bucket_of(gateway, head, Operation::PostObject).await?;
    event.of_bucket(bucket.as_ref());
    event.learn_cors_rules(received).await;
    match form.policy()? {
        Some(policy) => policy.check(&form, name, proven.now())?.check(file_length)?,
        // What is signed is the policy: only who signs nothing can do without.
        None if proven.is_anonymous() => {}
        None => return Err(S3Fault::internal("a form is signed and has no policy")),
    }
    let request = form.request(name)?;
    let put = request.head()?;
    keys::check(&put, gateway.settings.exact_keys)?;
    if let Some(key) = put.key() {
        event.of_key(key.as_str());
    }
    let classified = request.classify(proven.now())?;
    check_owners(gateway, &put, &classified, bucket.as_ref()).await?;
    check_owners(gateway, head, &classified, bucket.as_ref()).await?;
    let policies = proven.policies().await?;
    let deciding = Deciding::of(gateway, received, (&proven, &policies), bucket.as_ref());
    deciding.require_all(classified.needs()?).await?;
    if let Some(refused) = &classified.refused {
        return Err(refused.clone());
    }
    proven.note_use();
    gateway.app.require_records()?;
    let allowed = Allowed {
        gateway,
        received,
        head: &put,
        classified: &classified,
        proven: &proven,
        policies: &policies,
        bucket: bucket.as_ref(),
    };
    let mut request = forward::request_of(&allowed)?;
    forward::UNSIGNED.clone_into(&mut request.payload);
    let stored = forward::send_body(&allowed, request, (body, file_length), None, event).await?;
    if !stored.status.is_success() {
        return Ok(Answered::Relayed(stored));
    }
    stored_as(&form, &allowed, stored, head.is_virtual_hosted()).map(Answered::Own)
}

/// Proves who signed the policy of a form, or that nobody did where that is allowed at all.
async fn prove<'a>(
    gateway: &'a Gateway,
    received: &'a Received,
    form: &Form,
) -> Result<Proven<'a>, S3Fault> {
    let fields = form.fields();
    let presented = presented_form(&fields).map_err(|fault| {
        let fault = S3Fault::of_proof(&fault.into(), form.has_token(), false);
        log_unproven(gateway, received, &fault);
        fault
    })?;
    match presented {
        Some(presented) => Ok(gateway.app.prove_form(received, &presented).await?),
        None if gateway.settings.anonymous => Ok(gateway.app.anonymous(received)?),
        None => {
            let fault = S3Fault::new(S3Code::AccessDenied).because("the form is not signed");
            log_unproven(gateway, received, &fault);
            Err(fault)
        }
    }
}

/// The answer that the form asks for.
fn stored_as(
    form: &Form,
    allowed: &Allowed<'_>,
    stored: BackendReply,
    is_virtual_hosted: bool,
) -> Result<Response<ReplyBody>, S3Fault> {
    let id = &allowed.received.id;
    let bucket = allowed.head.bucket().map(|bucket| bucket.as_str()).unwrap_or_default();
    let key = allowed.head.key().map(|key| key.as_str()).unwrap_or_default();
    let etag = stored.headers.get(ETAG).and_then(|etag| etag.to_str().ok()).unwrap_or_default();
    let header = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| S3Fault::internal("a location cannot be written"))
    };
    let place = reply::object_url(allowed.received, allowed.head, is_virtual_hosted);
    let (mut response, location) = match form.answer() {
        FormAnswer::Redirect(address) => {
            let location = FormAnswer::location(&address, bucket, key, etag);
            (reply::empty(id, StatusCode::SEE_OTHER), location)
        }
        FormAnswer::Status(201) => {
            let posted = Posted { location: &place, bucket, key, etag };
            let mut response = reply::xml(id, post_response(&posted));
            *response.status_mut() = StatusCode::CREATED;
            (response, place.clone())
        }
        FormAnswer::Status(200) => (reply::empty(id, StatusCode::OK), place.clone()),
        FormAnswer::Status(_) => (reply::empty(id, StatusCode::NO_CONTENT), place.clone()),
    };
    response.headers_mut().insert(LOCATION, header(&location)?);
    for (name, value) in &stored.headers {
        let tells = *name == ETAG || name.as_str().starts_with("x-amz-");
        if tells && is_returned(name.as_str()) {
            response.headers_mut().append(name, value.clone());
        }
    }
    Ok(response)
}
