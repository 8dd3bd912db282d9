//! What is recorded and counted of a request, gathered on its way.

use std::borrow::Cow;
use std::sync::Arc;

use daypass_api::enforcement::{Proven, S3Event, S3Transfer, Witness};
use daypass_api::{Fault, Received, RequestId};
use daypass_directory::Bucket;
use daypass_names::AccountId;
use http::Response;
use http::header::ORIGIN;
use hyper::body::Body;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::Instant;

use crate::backend::SendProgress;
use crate::gateway::Answered;
use crate::operation::OperationRow;
use crate::shares::Share;
use crate::{DeleteList, Gateway, Operation, ReplyBody, RequestHead, S3Fault, Shape, cors, reply};

/// The outcome of what was granted.
const OK: &str = "ok";

/// A request on its way, for the audit trail, the metrics and the log.
#[derive(Debug)]
pub(crate) struct Event {
    gateway: Arc<Gateway>,
    id: RequestId,
    begun: Instant,
    held: Held,
    witness: Option<Witness>,
    row: Option<&'static OperationRow>,
    /// What it is recorded as while no row says that.
    unnamed: Option<Unnamed>,
    bucket: Option<Arc<Bucket>>,
    cors_rules: Option<cors::Known>,
    named: Option<daypass_names::BucketName>,
    key: Option<String>,
    bytes_in: u64,
    progress: Option<Arc<SendProgress>>,
    /// Whether it is in the trail already.
    is_recorded: bool,
    is_counted: bool,
}

/// What a request holds of what all share, until it is over.
#[derive(Debug, Default)]
struct Held {
    place: Option<OwnedSemaphorePermit>,
    share: Option<Share>,
    upload: Option<(OwnedSemaphorePermit, Share)>,
}

/// How a request ended.
#[derive(Debug)]
pub(crate) struct End {
    /// For the metrics: of a closed set.
    pub(crate) outcome: &'static str,
    /// Code and message of the error that it was answered with.
    pub(crate) error: Option<(Cow<'static, str>, String)>,
    /// Bytes of the reply's body.
    pub(crate) bytes_out: u64,
}

impl End {
    /// A request that was granted.
    pub(crate) fn granted(bytes_out: u64) -> Self {
        Self { outcome: OK, error: None, bytes_out }
    }
}

impl Event {
    pub(crate) fn new(gateway: Arc<Gateway>, id: RequestId, begun: Instant) -> Self {
        gateway.observer.begun();
        Self {
            gateway,
            id,
            begun,
            held: Held::default(),
            witness: None,
            row: None,
            unnamed: None,
            bucket: None,
            cors_rules: None,
            named: None,
            key: None,
            bytes_in: 0,
            progress: None,
            is_recorded: false,
            is_counted: false,
        }
    }

    pub(crate) fn id(&self) -> &RequestId {
        &self.id
    }

    /// The Region that buckets are in.
    pub(crate) fn region(&self) -> &str {
        &self.gateway.settings.region
    }

    /// Holds the request's place among those under way until it is over.
    pub(crate) fn hold(&mut self, place: OwnedSemaphorePermit) {
        self.held.place = Some(place);
    }

    /// Holds a place among the uploads.
    pub(crate) fn hold_upload(&mut self, place: (OwnedSemaphorePermit, Share)) {
        self.held.upload = Some(place);
    }

    /// Its caller is known, and has its share of what all share.
    pub(crate) fn proven(
        &mut self,
        proven: &Proven<'_>,
        head: &RequestHead<'_>,
    ) -> Result<(), S3Fault> {
        // Who is over it is refused as often as it likes, which is not to fill the trail.
        self.held.share = Some(self.gateway.share_of_request(proven.account())?);
        self.witness = Some(proven.witness());
        self.unnamed = Some(Unnamed::of(head));
        self.named = head.bucket().cloned();
        self.key = head.key().map(|key| key.as_str().to_owned());
        Ok(())
    }

    /// The account that the bucket belongs to.
    pub(crate) fn owner(&self) -> Option<AccountId> {
        self.bucket.as_ref().map(|bucket| bucket.account)
    }

    /// What it asks for.
    pub(crate) fn operation(&self) -> Option<Operation> {
        self.row.map(|row| row.operation)
    }

    /// The key is known, which the head does not tell.
    pub(crate) fn of_key(&mut self, key: &str) {
        self.key = Some(key.to_owned());
    }

    /// It is known what it asks for.
    pub(crate) fn of_operation(&mut self, row: &'static OperationRow) {
        self.row = Some(row);
    }

    /// It is known whose bucket it is about.
    pub(crate) fn of_bucket(&mut self, bucket: Option<&Arc<Bucket>>) {
        self.bucket = bucket.cloned();
    }

    /// What the bucket says of pages of other origins is found out for a request of one.
    pub(crate) async fn learn_cors_rules(&mut self, received: &Received) {
        if let Some(bucket) = self.bucket.as_ref().filter(|_| received.headers.contains_key(ORIGIN))
        {
            self.cors_rules = Some(Box::pin(cors::learn(&self.gateway, &bucket.name)).await);
        }
    }

    /// What was found out.
    pub(crate) fn take_cors_rules(&mut self) -> Option<cors::Known> {
        self.cors_rules.take()
    }

    /// That many bytes of its body have come.
    pub(crate) fn received(&mut self, bytes: usize) {
        self.bytes_in = u64::try_from(bytes).unwrap_or(u64::MAX);
    }

    /// Its body streams.
    pub(crate) fn streams(&mut self, progress: Arc<SendProgress>) {
        self.progress = Some(progress);
    }

    /// It asked for the deletion of many objects, of which each has a record of its own beside that of
    /// the request: `failed` says, in their order, why an object was not deleted, or may not have been.
    ///
    /// # Errors
    /// As for [`daypass_api::App::record_s3`].
    pub(crate) async fn of_deletions(
        &self,
        list: &DeleteList,
        failed: Vec<Option<(Cow<'static, str>, String)>>,
    ) -> Result<(), Fault> {
        let Some(witness) = &self.witness else { return Ok(()) };
        let bucket = self.named.as_ref().map(|bucket| bucket.as_str()).unwrap_or_default();
        let selected = &self.gateway.settings.data_events;
        let covered = list
            .deletions()
            .iter()
            .zip(failed)
            .filter(|(deletion, _)| selected.cover(bucket, deletion.object.key.as_str(), true));
        let events: Vec<S3Event> = covered
            .map(|(deletion, failed)| {
                let mut event = S3Event::new("DeleteObject", false, true);
                event.bucket.clone_from(&self.named);
                event.owner = self.bucket.as_ref().map(|bucket| bucket.account);
                event.key = Some(deletion.object.key.as_str().to_owned());
                if let Some(version) = &deletion.object.version {
                    event.parameters.push(("versionId".into(), version.as_str().into()));
                }
                event.error = failed;
                event
            })
            .collect();
        self.gateway.app.record_s3_all(witness, &events).await
    }

    /// What was done has its record already, committed with it.
    pub(crate) fn is_recorded(&mut self) {
        self.is_recorded = true;
    }

    /// Whether its record must be durable before the reply.
    pub(crate) fn is_strict(&self) -> bool {
        self.gateway.settings.strict_audit
            || self.row.is_some_and(|row| row.is_write && !row.is_object_level)
    }

    /// A reply of the gateway's own.
    pub(crate) async fn answered(mut self, response: Response<ReplyBody>) -> Response<ReplyBody> {
        let bytes_out = response.body().size_hint().exact().unwrap_or_default();
        match self.record(&End::granted(bytes_out)).await {
            Ok(()) => {
                self.count(OK, bytes_out);
                response
            }
            Err(fault) => self.refused(None, fault.into(), false).await,
        }
    }

    /// A refusal or failure.
    pub(crate) async fn refused(
        mut self,
        resource: Option<&str>,
        fault: S3Fault,
        is_head: bool,
    ) -> Response<ReplyBody> {
        let (id, code, cause) = (self.id, fault.code().as_str(), fault.cause().unwrap_or_default());
        if fault.is_ours() {
            tracing::error!(request_id = %id, code, cause, "a request to S3 failed");
        } else {
            tracing::info!(request_id = %id, code, cause, "a request to S3 was refused");
        }
        let error = Some((Cow::Borrowed(code), fault.message().to_owned()));
        let end = End { outcome: code, error, bytes_out: 0 };
        if let Err(unrecorded) = self.record(&end).await {
            let cause = unrecorded.cause().unwrap_or_default();
            tracing::error!(request_id = %id, cause, "a refusal could not be recorded");
        }
        self.count(code, 0);
        reply::refusal(&id, resource, &fault, is_head)
    }

    /// What its record begins with, and whose it is, unless it is in the trail already or is not to be.
    fn to_record(&self) -> Option<(&Witness, S3Event)> {
        if self.is_recorded {
            return None;
        }
        let witness = self.witness.as_ref()?;
        let (name, is_write, is_data) = match (self.row, self.unnamed) {
            (Some(row), _) => (Cow::Borrowed(row.event_name), row.is_write, row.is_object_level),
            // SECURITY: of those who sign nothing there are any number, and none is to fill the trail
            // with what nobody's bucket is asked for.
            (None, None) => return None,
            (None, Some(_)) if witness.is_anonymous() => return None,
            (None, Some(unnamed)) => (unnamed.name().into(), unnamed.is_write(), false),
        };
        let key = self.key.as_deref().unwrap_or_default();
        let bucket = self.named.as_ref().map(|bucket| bucket.as_str()).unwrap_or_default();
        let selected = &self.gateway.settings.data_events;
        let is_wanted = !is_data || selected.cover(bucket, key, is_write);
        is_wanted.then(|| (witness, S3Event::new(name, !is_write, is_data)))
    }

    /// Puts it into the trail, unless it is there or is not to be.
    pub(crate) async fn record(&mut self, end: &End) -> Result<(), Fault> {
        let Some((witness, mut event)) = self.to_record() else { return Ok(()) };
        event.bucket.clone_from(&self.named);
        event.owner = self.bucket.as_ref().map(|bucket| bucket.account);
        event.key.clone_from(&self.key);
        event.error.clone_from(&end.error);
        event.transfer = S3Transfer {
            bytes_in: self.bytes_in(),
            bytes_out: end.bytes_out,
            host_id: Some(reply::host_id(&self.id).into()),
            cipher_suite: None,
        };
        // Boxed: most requests are not recorded, and their futures stay small.
        Box::pin(self.gateway.app.record_s3(witness, event)).await?;
        self.is_recorded = true;
        Ok(())
    }

    /// Records and counts it when its reply is over, whoever ended that.
    pub(crate) fn end(mut self, end: End) {
        if self.to_record().is_none() {
            self.count(end.outcome, end.bytes_out);
            return;
        }
        tokio::spawn(async move {
            if let Err(fault) = self.record(&end).await {
                let cause = fault.cause().unwrap_or_default();
                tracing::error!(request_id = %self.id, cause, "a request could not be recorded");
            }
            self.count(end.outcome, end.bytes_out);
        });
    }

    fn bytes_in(&self) -> u64 {
        self.progress.as_ref().map_or(self.bytes_in, |progress| progress.bytes())
    }

    fn count(&mut self, outcome: &'static str, bytes_out: u64) {
        if std::mem::replace(&mut self.is_counted, true) {
            return;
        }
        let operation = self.row.map_or(NO_OPERATION, |row| row.name);
        let (duration, bytes_in) = (self.begun.elapsed(), self.bytes_in());
        let observer = Arc::clone(&self.gateway.observer);
        observer.ended(&Answered { operation, outcome, duration, bytes_in, bytes_out });
        tracing::debug!(request_id = %self.id, operation, outcome, bytes_in, bytes_out, "answered");
    }
}

/// A request of which nobody knows what operation it is.
#[derive(Clone, Copy, Debug)]
struct Unnamed {
    method: &'static str,
    shape: Shape,
}

/// The methods that a record names: its name is not for the client to choose.
const METHODS: [&str; 7] = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"];

impl Unnamed {
    fn of(head: &RequestHead<'_>) -> Self {
        let method = METHODS.into_iter().find(|method| *method == head.method().as_str());
        Self { method: method.unwrap_or("UNKNOWN"), shape: head.shape() }
    }

    /// What it is recorded as, in the words of S3's access logs: `REST`, the method, and what it is
    /// about (S3 user guide, "Amazon S3 server access log format"). No event of CloudTrail has such a
    /// name.
    fn name(self) -> String {
        format!("REST.{}.{}", self.method, self.shape.resource_type())
    }

    fn is_write(self) -> bool {
        !matches!(self.method, "GET" | "HEAD" | "OPTIONS")
    }
}

/// The operation of requests that are none.
const NO_OPERATION: &str = "none";

/// What became of a request that nobody waited for.
const HUNG_UP: &str = "hung_up";

/// A client that hangs up drops the request on its way; what was proven by then is recorded all the
/// same.
impl Drop for Event {
    fn drop(&mut self) {
        if self.is_counted {
            return;
        }
        self.count(HUNG_UP, 0);
        if self.is_recorded || self.witness.is_none() {
            return;
        }
        let event = Event {
            gateway: Arc::clone(&self.gateway),
            id: self.id,
            begun: self.begun,
            held: std::mem::take(&mut self.held),
            witness: self.witness.take(),
            row: self.row,
            unnamed: self.unnamed,
            bucket: self.bucket.take(),
            cors_rules: None,
            named: self.named.take(),
            key: self.key.take(),
            bytes_in: self.bytes_in,
            progress: self.progress.take(),
            is_recorded: false,
            is_counted: true,
        };
        let error = ("RequestTimeout".into(), "The client closed the connection.".to_owned());
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let _entered = runtime.enter();
            event.end(End { outcome: HUNG_UP, error: Some(error), bytes_out: 0 });
        }
    }
}
