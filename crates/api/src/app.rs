//! The way of a request, from end to end.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use daypass_audit::Trail;
use daypass_directory::Directory;
use daypass_names::{Partition, Region};
use daypass_sigv4::SigningKeys;
use daypass_token::KeyRing;
use http::Response;
use jiff::Timestamp;

use crate::authenticate::{Authenticated, authenticate};
use crate::identify::{Identified, Service, header_pairs, identify};
use crate::operation::Finished;
use crate::record::record;
use crate::refusal_log::{RefusalLog, logged_cause};
use crate::{Clock, Code, Fault, Random, Received, RequestId, reply};

/// How many derived signing keys are kept: one for each live (key, day, Region, service).
const SIGNING_KEYS: usize = 65_536;

/// What an operator sets for the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The partition of every ARN.
    pub partition: Partition,
    /// The deployment's own Region.
    pub region: Region,
    /// The Regions that a signature may be scoped to; `None` for any that is not empty.
    pub signing_regions: Option<Vec<Region>>,
    /// Whether the Region of a scope may also be empty, as some storage clients leave it.
    pub allow_empty_region: bool,
}

/// What the API stands on.
#[derive(Debug)]
pub struct Parts {
    /// Who exists.
    pub directory: Directory,
    /// The ring that seals sessions and page markers.
    pub sessions: KeyRing,
    /// Where records go.
    pub trail: Arc<Trail>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What the operator set.
    pub settings: Settings,
}

/// The API of one deployment: takes requests, gives replies, never fails.
#[derive(Debug)]
pub struct App {
    pub(crate) directory: Directory,
    pub(crate) sessions: KeyRing,
    pub(crate) signing_keys: SigningKeys,
    trail: Arc<Trail>,
    /// Set while the last record could not be kept.
    trail_is_down: AtomicBool,
    refusals: RefusalLog,
    clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) settings: Settings,
}

impl App {
    /// An API on these parts.
    pub fn new(parts: Parts) -> Self {
        let Parts { directory, sessions, trail, clock, random, settings } = parts;
        let signing_keys = SigningKeys::new(SIGNING_KEYS);
        Self {
            directory,
            sessions,
            signing_keys,
            trail,
            trail_is_down: AtomicBool::new(false),
            refusals: RefusalLog::default(),
            clock,
            random,
            settings,
        }
    }

    /// A new request id. Without randomness it is all zeros; such a request cannot be granted
    /// anything anyway.
    pub fn request_id(&self) -> RequestId {
        RequestId::from_random(self.random.array().unwrap_or_default())
    }

    /// The clock that requests are judged by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The reply to what the edge itself refuses.
    pub fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        self.refusals.log(self.clock.now(), id, None, fault);
        reply::refusal(id, Service::Sts.namespace(), fault)
    }

    /// Answers one request.
    pub async fn handle(&self, received: Received) -> Response<Bytes> {
        let now = self.clock.now();
        let headers = header_pairs(&received);
        let identified = match identify(&received, &headers) {
            Ok(identified) => identified,
            Err((service, fault)) => return self.refuse_unproven(&received, service, &fault),
        };
        self.answer(&received, &identified, now).await
    }

    async fn answer(
        &self,
        received: &Received,
        identified: &Identified<'_>,
        now: Timestamp,
    ) -> Response<Bytes> {
        let service = identified.service;
        let call = match authenticate(self, received, identified, now).await {
            Ok(call) => call,
            Err(fault) => return self.refuse_unproven(received, service, &fault),
        };
        let finished = identified.operation.call(&call).await;
        // SECURITY: no reply without its record.
        if let Err(fault) = self.keep_record(&call, &finished).await {
            return refuse(received, service, &fault);
        }
        match finished.outcome {
            Ok(xml) => {
                tracing::debug!(
                    request_id = %received.id,
                    operation = identified.operation.name(),
                    caller = %call.caller.arn(),
                    "answered"
                );
                reply::success(&received.id, xml)
            }
            Err(fault) => refuse(received, service, &fault),
        }
    }

    /// Refuses a request whose caller was not proven: anybody can send such requests, so that not
    /// every one of them gets a line in the log.
    fn refuse_unproven(
        &self,
        received: &Received,
        service: Service,
        fault: &Fault,
    ) -> Response<Bytes> {
        self.refusals.log(self.clock.now(), &received.id, Some(received.source_ip), fault);
        reply::refusal(&received.id, service.namespace(), fault)
    }

    async fn keep_record(
        &self,
        call: &Authenticated<'_>,
        finished: &Finished,
    ) -> Result<(), Fault> {
        let record = record(call, finished)?;
        let kept = self.trail.append(&record).await;
        self.trail_is_down.store(kept.is_err(), Ordering::Relaxed);
        kept.map_err(|error| unrecorded(error.to_string()))
    }

    /// As after a record that could not be kept.
    #[cfg(test)]
    pub(crate) fn lose_trail(&self) {
        self.trail_is_down.store(true, Ordering::Relaxed);
    }

    /// Refuses what changes or grants anything while records cannot be kept: there is to be no
    /// effect without a record. The refusal's own record is the probe that ends the state.
    pub(crate) fn require_trail(&self) -> Result<(), Fault> {
        if self.trail_is_down.load(Ordering::Relaxed) {
            return Err(unrecorded("the audit trail could not be written before"));
        }
        Ok(())
    }
}

/// Without its record no call is answered.
fn unrecorded(cause: impl Into<Cow<'static, str>>) -> Fault {
    let message = "The service is unable to record the request. Try again.";
    Fault::new(Code::ServiceUnavailable, message).because(cause)
}

/// Refuses a proven caller: logged with its cause, and always.
fn refuse(received: &Received, service: Service, fault: &Fault) -> Response<Bytes> {
    let code = fault.code().as_str();
    let cause = logged_cause(fault);
    if fault.is_ours() {
        tracing::error!(request_id = %received.id, code, cause, "failed");
    } else {
        tracing::info!(
            request_id = %received.id,
            source = %received.source_ip,
            code,
            cause,
            "refused"
        );
    }
    reply::refusal(&received.id, service.namespace(), fault)
}
