//! The way of one request: head, proof, classification, decision, and then the backend or an answer
//! of the gateway's own.

use std::borrow::Cow;
use std::error::Error;
use std::sync::Arc;

use bytes::Bytes;
use daypass_api::enforcement::{Policies, Proven, Question, Ruling, SignedService};
use daypass_api::{Code, Fault, Received};
use daypass_directory::Bucket;
use daypass_names::BucketName;
use daypass_sigv4::BodyCheck;
use http::header::{AUTHORIZATION, CONNECTION, EXPECT, HeaderValue, ORIGIN};
use http::{HeaderMap, Method, Response, StatusCode};
use hyper::body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::classify::{classify_head, row_of};
use crate::client_body::{ClientBody, ClientBodyFault, discard};
use crate::event::Event;
use crate::existing_tags::Tags;
use crate::operation::Answer;
use crate::{
    BodyUse, Classified, CopySource, Document, FormReader, Gateway, Need, Operation, ReplyBody,
    RequestHead, S3Code, S3Fault, Shape, cors, digests, forward, keys, own, post_object, relay,
    reply,
};

/// A request whose head has come.
pub(crate) struct Call {
    gateway: Arc<Gateway>,
    received: Received,
    begun: Instant,
    place: Option<OwnedSemaphorePermit>,
}

/// A request whose head was read, until it is answered.
pub(crate) struct Exchange<'a, B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) received: &'a Received,
    pub(crate) head: &'a RequestHead<'a>,
    /// What the client still sends.
    pub(crate) incoming: &'a mut Incoming<B>,
    /// What is recorded of it.
    pub(crate) event: &'a mut Event,
}

/// What is known of a request once its caller may do what it needs.
pub(crate) struct Allowed<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) received: &'a Received,
    pub(crate) head: &'a RequestHead<'a>,
    pub(crate) classified: &'a Classified,
    pub(crate) proven: &'a Proven<'a>,
    pub(crate) policies: &'a Policies<'a>,
    /// The bucket that the head names, unless it is about to be made.
    pub(crate) bucket: Option<&'a Arc<Bucket>>,
}

/// What a request is answered with.
pub(crate) enum Answered {
    /// A reply of the gateway's own.
    Own(Response<ReplyBody>),
    /// A reply of the backend.
    Relayed(crate::backend::BackendReply),
}

impl Call {
    pub(crate) fn new(
        gateway: Arc<Gateway>,
        received: Received,
        begun: Instant,
        place: Option<OwnedSemaphorePermit>,
    ) -> Self {
        Self { gateway, received, begun, place }
    }

    /// Answers the request.
    ///
    /// SECURITY: what changes buckets is carried through in a task of its own. The connection drops this
    /// future when the client hangs up, and such an operation must not end between its effect and its
    /// record.
    pub(crate) async fn answer<B>(self, body: B) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if !self.changes_a_bucket() {
            return self.respond(body).await;
        }
        let id = self.received.id;
        match tokio::spawn(self.respond(body)).await {
            Ok(response) => response,
            Err(error) => {
                // A bug of ours.
                tracing::error!(request_id = %id, %error, "a request failed");
                reply::refusal(&id, None, &S3Fault::internal("the operation panicked"), false)
            }
        }
    }

    fn changes_a_bucket(&self) -> bool {
        let Received { method, uri, headers, .. } = &self.received;
        // Whatever the host says, a path of two segments names an object.
        let names_object = |path: &str| {
            let segments = path.strip_prefix('/').and_then(|path| path.split_once('/'));
            segments.is_some_and(|(_, key)| !key.is_empty())
        };
        !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
            && !names_object(uri.path())
            && RequestHead::read(method, uri, headers, &self.gateway.settings.domains)
                .is_ok_and(|head| head.shape() == Shape::Bucket)
    }

    async fn respond<B>(self, body: B) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let Self { gateway, received, begun, place } = self;
        let mut event = Event::new(Arc::clone(&gateway), received.id, begun);
        let mut incoming = Incoming::new(body, &received.headers);
        let is_head = received.method == Method::HEAD;
        let read = match place {
            Some(place) => {
                event.hold(place);
                let domains = &gateway.settings.domains;
                RequestHead::read(&received.method, &received.uri, &received.headers, domains)
                    .and_then(|head| {
                        post_object::require_form(&head, &received.headers)?;
                        Ok(head)
                    })
            }
            None => Err(S3Fault::new(S3Code::SlowDown).because("too many requests are under way")),
        };
        let head = match read {
            Ok(head) => head,
            Err(fault) => {
                log_unproven(&gateway, &received, &fault);
                let waits = incoming.awaits_continue;
                return ending(Box::pin(event.refused(None, fault, is_head)).await, waits);
            }
        };
        let exchange = Exchange {
            gateway: &gateway,
            received: &received,
            head: &head,
            incoming: &mut incoming,
            event: &mut event,
        };
        let is_preflight = *head.method() == Method::OPTIONS && head.shape() != Shape::Service;
        let answered = if is_preflight {
            Box::pin(cors::preflight(&gateway, &received, &head)).await.map(Answered::Own)
        } else if post_object::is_form(&head, &received.headers) {
            Box::pin(post_object::answer(exchange)).await
        } else {
            answer(exchange).await
        };
        // The bucket may be another one now, or have other rules; who is refused changes nothing.
        let is_refused = answered.as_ref().is_err_and(|fault| fault.status().is_client_error());
        if let (Some(operation), Some(bucket), false) =
            (event.operation(), head.bucket(), is_refused)
        {
            gateway.cors.note(operation, bucket);
        }
        let rules = event.take_cors_rules();
        let (waits, is_unread) = (incoming.awaits_continue, !incoming.is_empty());
        // What of the body nobody wanted is read for a while from here on.
        drop(incoming);
        let mut response = match answered {
            Ok(Answered::Own(response)) => Box::pin(event.answered(response)).await,
            Ok(Answered::Relayed(reply)) => relay::relay(event, &received, &head, reply).await,
            Err(fault) => Box::pin(event.refused(Some(&head.resource()), fault, is_head)).await,
        };
        if !is_preflight && received.headers.contains_key(ORIGIN) {
            let rules = rules.or_else(|| gateway.cors.known(head.bucket()?));
            cors::tell(rules, head.method(), &received.headers, response.headers_mut());
        }
        // Where it failed, nobody knows here whether anything was read before that.
        let has_failed = response.status().is_client_error() || response.status().is_server_error();
        ending(response, waits && (is_unread || has_failed))
    }
}

/// A response, which is the connection's last where that is said.
///
/// SECURITY: who waits for status 100 and gets another one sends no body, so that what comes next on the
/// connection would be taken for it: the request behind would lose its begin (RFC 9110 section
/// 10.1.1, RFC 9112 section 9.6).
pub(crate) fn ending(mut response: Response<ReplyBody>, is_last: bool) -> Response<ReplyBody> {
    if is_last {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

async fn answer<B>(exchange: Exchange<'_, B>) -> Result<Answered, S3Fault>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let Exchange { gateway, received, head, incoming, event } = exchange;
    let mut proven = prove(gateway, received, head).await?;
    event.proven(&proven, head)?;
    // SECURITY: a body without its check would go on unproven.
    let check = proven.body().ok_or_else(|| S3Fault::internal("a body has no check"))?;
    // What is refused from here on is recorded under its name.
    let row = row_of(head)?;
    event.of_operation(row);
    let mut classified = classify_head(row, head, proven.now())?;
    keys::check(head, gateway.settings.exact_keys)?;
    if proven.is_anonymous() && head.overrides_reply() {
        return Err(S3Fault::saying(S3Code::InvalidRequest, ANONYMOUS_OVERRIDE));
    }
    if let Some(source) = &classified.source {
        keys::check_key(&source.key, gateway.settings.exact_keys)?;
    }
    let document = match classified.row.body {
        BodyUse::Document { max } => {
            // SECURITY: a document is read before it is decided, since it says what is asked for; but
            // only once the caller is known, and within its limit.
            let (bytes, trailers) = Box::pin(incoming.body(check)?.whole(max)).await?;
            event.received(bytes.len());
            let is_proven = trailers.iter().next().is_some();
            digests::check(head, classified.operation(), &bytes, is_proven)?;
            Some(classified.read_body(head, &bytes, proven.now())?)
        }
        _ => {
            if matches!(classified.row.body, BodyUse::Empty) {
                incoming.body(check)?.whole(0).await.map_err(unwanted)?;
            } else {
                incoming.check = Some(check);
            }
            None
        }
    };
    let policies = proven.policies().await?;
    let bucket = bucket_of(gateway, head, classified.operation()).await?;
    event.of_bucket(bucket.as_ref());
    event.learn_cors_rules(received).await;
    check_owners(gateway, head, &classified, bucket.as_ref()).await?;
    let deciding = Deciding::of(gateway, received, (&proven, &policies), bucket.as_ref());
    deciding.require_classified(&classified).await?;
    if let Some(refused) = &classified.refused {
        return Err(refused.clone());
    }
    proven.note_use();
    if classified.row.is_write {
        gateway.app.require_records()?;
    }
    let allowed = Allowed {
        gateway,
        received,
        head,
        classified: &classified,
        proven: &proven,
        policies: &policies,
        bucket: bucket.as_ref(),
    };
    match classified.row.answer {
        Answer::Refused(why) => {
            Err(S3Fault::not_implemented(format!("{}: {why}", classified.row.name)))
        }
        // It is the gateway that knows where buckets are.
        Answer::Gateway => match Box::pin(own::answer(&allowed, document, event)).await {
            Ok(response) => Ok(Answered::Own(response)),
            Err(fault) => {
                hide_absence(&deciding, &allowed, fault.status()).await?;
                Err(fault)
            }
        },
        Answer::Backend if allowed.classified.operation() == Operation::GetBucketLocation => {
            Box::pin(own::answer(&allowed, document, event)).await.map(Answered::Own)
        }
        Answer::Backend => {
            let reply = match document {
                Some(Document::Forward(text)) => {
                    Box::pin(forward::document(&allowed, text)).await?
                }
                Some(_) => return Err(S3Fault::internal("a document for the backend is none")),
                None => forward::forward(&allowed, incoming, event).await?,
            };
            hide_absence(&deciding, &allowed, reply.status).await?;
            Ok(Answered::Relayed(reply))
        }
    }
}

/// Proves who makes a request, or that nobody signed it where that is allowed at all.
pub(crate) async fn prove<'a>(
    gateway: &'a Gateway,
    received: &'a Received,
    head: &RequestHead<'_>,
) -> Result<Proven<'a>, S3Fault> {
    if let Err(fault) = check_mechanism(received, head) {
        log_unproven(gateway, received, &fault);
        return Err(fault);
    }
    let app = &gateway.app;
    match app.prove(received, SignedService::S3).await {
        Ok(proven) => Ok(proven),
        Err(fault) if fault.code() == Code::MissingAuthenticationToken => {
            if gateway.settings.anonymous {
                return Ok(app.anonymous(received)?);
            }
            app.log_refusal(received, &fault);
            Err(S3Fault::new(S3Code::AccessDenied).because("the request is not signed"))
        }
        Err(fault) => Err(S3Fault::of_proof(&fault, head.has_token(), head.is_presigned())),
    }
}

/// Refuses what is signed in another way than by version 4.
fn check_mechanism(received: &Received, head: &RequestHead<'_>) -> Result<(), S3Fault> {
    // That there are two signatures is told where they are read.
    let value = received.headers.get(AUTHORIZATION).filter(|_| !head.is_presigned());
    let scheme = value.and_then(|value| value.as_bytes().split(|byte| *byte == b' ').next());
    match scheme {
        None | Some(b"AWS4-HMAC-SHA256") => Ok(()),
        // Version 2, which is SHA-1 and leaves most of a request unsigned, and version 4A.
        Some(b"AWS" | b"AWS4-ECDSA-P256-SHA256") => {
            Err(S3Fault::saying(S3Code::InvalidRequest, OLD_SIGNATURE))
        }
        // S3 repeats the value. We do not: it may be somebody's password for another service.
        Some(_) => Err(S3Fault::argument("Unsupported Authorization Type", "Authorization", "")),
    }
}

/// S3 API reference, GetObject: a stranger could else have a browser take an object that everybody
/// may read for a page of ours.
const ANONYMOUS_OVERRIDE: &str =
    "Request specific response headers cannot be used for anonymous GET requests.";

const OLD_SIGNATURE: &str = "The authorization mechanism you have provided is not supported. Please \
                             use AWS4-HMAC-SHA256.";

/// The bucket that a head names; none for a request to the service, and for the name of one that is to
/// be made.
pub(crate) async fn bucket_of(
    gateway: &Gateway,
    head: &RequestHead<'_>,
    operation: Operation,
) -> Result<Option<Arc<Bucket>>, S3Fault> {
    let Some(name) = head.bucket() else { return Ok(None) };
    let found = gateway.app.bucket(name).await?;
    match (found, operation) {
        (Some(bucket), _) => Ok(Some(bucket)),
        (None, Operation::CreateBucket) => Ok(None),
        (None, _) => Err(no_such_bucket(name)),
    }
}

/// What is said of a bucket that nobody here owns, whatever the backend has.
pub(crate) fn no_such_bucket(name: &BucketName) -> S3Fault {
    S3Fault::new(S3Code::NoSuchBucket).with("BucketName", name.as_str())
}

/// Holds a request to what it says of the accounts that its buckets belong to.
pub(crate) async fn check_owners(
    gateway: &Gateway,
    head: &RequestHead<'_>,
    classified: &Classified,
    bucket: Option<&Arc<Bucket>>,
) -> Result<(), S3Fault> {
    let denied = |cause| Err(S3Fault::new(S3Code::AccessDenied).because(cause));
    if let (Some(owner), Some(bucket)) = (head.expected_bucket_owner(), bucket)
        && bucket.account.to_string() != owner
    {
        return denied("the bucket is not the expected owner's");
    }
    if let (Some(owner), Some(source)) = (head.expected_source_owner(), &classified.source) {
        let found = gateway.app.bucket(&source.bucket).await?;
        let found = found.ok_or_else(|| no_such_bucket(&source.bucket))?;
        if found.account.to_string() != owner {
            return denied("the bucket that is copied from is not the expected owner's");
        }
    }
    Ok(())
}

/// Who decides about a request.
pub(crate) struct Deciding<'a> {
    pub(crate) gateway: &'a Arc<Gateway>,
    pub(crate) proven: &'a Proven<'a>,
    pub(crate) policies: &'a Policies<'a>,
    /// A bucket that was just looked up.
    pub(crate) bucket: Option<&'a Arc<Bucket>>,
    pub(crate) now: jiff::Timestamp,
}

impl<'a> Deciding<'a> {
    /// Who decides about a request whose bucket was just looked up.
    pub(crate) fn of(
        gateway: &'a Arc<Gateway>,
        received: &Received,
        (proven, policies): (&'a Proven<'a>, &'a Policies<'a>),
        bucket: Option<&'a Arc<Bucket>>,
    ) -> Self {
        // For a request of another origin the backend may have been asked since.
        let bucket = bucket.filter(|_| !received.headers.contains_key(ORIGIN));
        Self { gateway, proven, policies, bucket, now: proven.now() }
    }
}

impl Deciding<'_> {
    /// Refuses a request one of whose needs the caller may not.
    async fn require_classified(&self, classified: &Classified) -> Result<(), S3Fault> {
        match classified.operation() {
            // Each object is decided for itself.
            Operation::DeleteObjects => Ok(()),
            // Whoever does it decides: the root user of the account may whatever the policy says.
            Operation::DeleteBucketPolicy
            | Operation::GetBucketPolicy
            | Operation::GetBucketPolicyStatus
            | Operation::PutBucketPolicy => Ok(()),
            // A bucket that is to be made has no policy yet and is the caller's, whoever has one of
            // that name now.
            Operation::CreateBucket => {
                for need in classified.needs()? {
                    self.rule(need, None, Vec::new())?.permit()?;
                }
                Ok(())
            }
            _ => {
                for need in classified.needs()? {
                    let Err(fault) = self.require(need).await else { continue };
                    // What an object without tags does not need is looked at only where it counts.
                    match &classified.source {
                        Some(source)
                            if need.only_if_tagged
                                && fault.code() == S3Code::AccessDenied
                                && !Box::pin(self.source_has_tags(source)).await? => {}
                        _ => return Err(fault),
                    }
                }
                Ok(())
            }
        }
    }

    /// Refuses a request one of whose needs the caller may not.
    pub(crate) async fn require_all(&self, needs: &[Need]) -> Result<(), S3Fault> {
        for need in needs {
            self.require(need).await?;
        }
        Ok(())
    }

    /// Refuses what the caller may not.
    pub(crate) async fn require(&self, need: &Need) -> Result<(), S3Fault> {
        let bucket = match &need.bucket {
            None => None,
            Some(name) => match self.bucket.filter(|bucket| bucket.name == *name) {
                Some(bucket) => Some(Arc::clone(bucket)),
                None => {
                    let found = self.gateway.app.bucket(name).await?;
                    Some(found.ok_or_else(|| no_such_bucket(name))?)
                }
            },
        };
        let tags = Tags { backend: &self.gateway.backend, policies: self.policies, now: self.now };
        let existing = tags.wanted(need, bucket.as_deref()).await?;
        let Some(other) = keys::other_name(need, self.gateway.settings.exact_keys) else {
            return Ok(self.rule(need, bucket.as_deref(), existing)?.permit()?);
        };
        self.rule(need, bucket.as_deref(), existing.clone())?.permit()?;
        match self.rule(&other, bucket.as_deref(), existing)? {
            Ruling::Denied(refusal) if refusal.is_explicit() => Err(Fault::from(*refusal).into()),
            _ => Ok(()),
        }
    }

    fn rule(
        &self,
        need: &Need,
        bucket: Option<&Bucket>,
        existing: Vec<(String, String)>,
    ) -> Result<Ruling, S3Fault> {
        let policy = bucket.and_then(|bucket| bucket.policy.as_ref());
        let mut keys: Vec<_> =
            need.keys.iter().map(|(key, value)| (key.clone(), value.borrowed())).collect();
        keys.extend(existing.iter().map(|(key, value)| {
            (Cow::Owned(format!("s3:ExistingObjectTag/{key}")), value.as_str().into())
        }));
        let lists = need.lists.iter();
        let question = Question {
            action: Cow::Borrowed(need.action),
            resource: Cow::Borrowed(&need.resource),
            resource_account: match bucket {
                Some(bucket) => Some(bucket.account),
                None => self.proven.account(),
            },
            resource_policy: policy.map(|policy| &*policy.policy),
            keys,
            lists: lists
                .map(|(key, values)| (key.clone(), values.iter().map(|v| v.borrowed()).collect()))
                .collect(),
        };
        Ok(self.policies.decide(&question)?)
    }

    /// Whether the object that is copied from has tags, as far as the backend knows any.
    async fn source_has_tags(&self, source: &CopySource) -> Result<bool, S3Fault> {
        let tags = Tags { backend: &self.gateway.backend, policies: self.policies, now: self.now };
        let found = tags.of(&source.bucket, &source.key, source.version.as_deref()).await?;
        Ok(!found.is_empty())
    }
}

/// Tells nobody that an object is not there who may not list the bucket: S3 API reference, GetObject
/// and HeadObject, "Permissions". The same for whatever else is done with an object that is there.
async fn hide_absence(
    deciding: &Deciding<'_>,
    allowed: &Allowed<'_>,
    status: StatusCode,
) -> Result<(), S3Fault> {
    let (Some(bucket), Some(_)) = (allowed.bucket, allowed.head.key()) else { return Ok(()) };
    // These make an object, or name an upload: what is missing is none.
    let needs_no_object = matches!(
        allowed.classified.operation(),
        Operation::AbortMultipartUpload
            | Operation::CompleteMultipartUpload
            | Operation::CreateMultipartUpload
            | Operation::DeleteObject
            | Operation::ListParts
            | Operation::PutObject
            | Operation::UploadPart
    );
    if status != StatusCode::NOT_FOUND || needs_no_object {
        return Ok(());
    }
    // Of a copy it is the source that is missing.
    let source = allowed.classified.source.as_ref();
    let name = source.map_or(&bucket.name, |source| &source.bucket);
    let need = keys::listing(name);
    // The backend may have taken long: the bucket is looked up again.
    let deciding = Deciding { bucket: None, ..*deciding };
    Box::pin(deciding.require(&need)).await
}

/// A client's body until somebody wants it.
pub(crate) struct Incoming<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    body: Option<B>,
    /// What it must pass through, once that is known.
    pub(crate) check: Option<BodyCheck>,
    awaits_continue: bool,
}

impl<B> Incoming<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn new(body: B, headers: &HeaderMap) -> Self {
        Self { body: Some(body), check: None, awaits_continue: headers.contains_key(EXPECT) }
    }

    /// The body with its check. A client that waits for status 100 is sent it as soon as the result
    /// is read.
    pub(crate) fn body(&mut self, check: BodyCheck) -> Result<ClientBody<B>, S3Fault> {
        match self.body.take() {
            Some(body) => Ok(ClientBody::new(body, check)),
            None => Err(S3Fault::internal("a body was asked for twice")),
        }
    }

    /// Whether there is no body, or no more of it.
    pub(crate) fn is_empty(&self) -> bool {
        self.body.as_ref().is_none_or(Body::is_end_stream)
    }

    /// The body, which is a form.
    pub(crate) fn form(&mut self, reader: FormReader) -> Result<ClientBody<B>, S3Fault> {
        match self.body.take() {
            Some(body) => Ok(ClientBody::of_form(body, reader)),
            None => Err(S3Fault::internal("a body was asked for twice")),
        }
    }

    /// The body with the check that was kept for it.
    pub(crate) fn checked(&mut self) -> Result<ClientBody<B>, S3Fault> {
        match self.check.take() {
            Some(check) => self.body(check),
            None => Err(S3Fault::internal("a body was asked for without its check")),
        }
    }
}

impl<B> Drop for Incoming<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    fn drop(&mut self) {
        // Who waits for status 100 sends nothing without it.
        if let Some(body) = self.body.take().filter(|_| !self.awaits_continue) {
            discard(body);
        }
    }
}

/// A body where there may be none.
fn unwanted(fault: ClientBodyFault) -> S3Fault {
    match fault {
        ClientBodyFault::TooLong(_) => {
            S3Fault::new(S3Code::UnexpectedContent).because("a body where there may be none")
        }
        fault => fault.into(),
    }
}

/// Logs what was refused before its caller was proven, among a sample.
pub(crate) fn log_unproven(gateway: &Gateway, received: &Received, fault: &S3Fault) {
    let cause = fault.cause().unwrap_or_default().to_owned();
    let told = Fault::new(Code::InvalidInput, fault.message().to_owned()).because(cause);
    gateway.app.log_refusal(received, &told);
}
