//! The way of a request, from end to end.

use std::borrow::Cow;
use std::sync::Arc;

use bytes::Bytes;
use daypass_audit::{CappedLog, Line, Record, Trail, TrailError};
use daypass_directory::{Directory, DirectoryError, OutboxKey, RevocationFault, Rings};
use daypass_names::{AccessKeyId, AccountId, Partition, Region};
use daypass_sigv4::SigningKeys;
use http::Response;
use jiff::Timestamp;
use thiserror::Error;

use crate::authenticate::{Authenticated, authenticate, presented_account};
use crate::caller::Identity;
use crate::federation::{Fetch, KeySets};
use crate::foreign::{Manner, Unidentified};
use crate::format::Format;
use crate::iam::CredentialReports;
use crate::identify::{Identified, Service, begun, header_pairs, identify};
use crate::issue_times::IssueTimes;
use crate::large_replies::{LARGE_REPLY, LargeReplies};
use crate::open_sessions::OpenSessions;
use crate::operation::{Effect, Finished};
use crate::rate_limits::{Limits, RateLimits};
use crate::record::{owners_copy, record};
use crate::refusal_log::{RefusalLog, logged_cause};
use crate::regions::Regions;
use crate::saml_addresses::SamlAddresses;
use crate::saml_keys::SamlKeys;
use crate::saml_uses::SamlUses;
use crate::unreadable;
use crate::verified_tokens::VerifiedTokens;
use crate::web_refusals::{LeftOut, WebRefusals};
use crate::{Clock, Code, Fault, Random, Received, RequestId, reply};

/// How many derived signing keys are kept: one for each live (key, day, Region, service).
const SIGNING_KEYS: usize = 65_536;

/// How many records of writes go to the trail in one batch.
const NOTES_AT_ONCE: usize = 100;

/// What an operator sets for the API.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The partition of every ARN.
    pub partition: Partition,
    /// The deployment's own Region.
    pub region: Region,
    /// The Regions that there are, if they are configured. `region` is then that of the global
    /// endpoint, and the two settings below say nothing.
    pub regions: Option<Regions>,
    /// The Regions that a signature may be scoped to; `None` for any that is not empty.
    pub signing_regions: Option<Vec<Region>>,
    /// Whether the Region of a scope may also be empty, as some storage clients leave it.
    pub allow_empty_region: bool,
    /// Whether the records of reads and refusals, too, are durable before the reply.
    pub strict_audit: bool,
    /// Who may ask how often.
    pub rate_limits: RateLimits,
    /// Whether OpenID Connect providers may be on this machine, without TLS and on any port.
    pub federation_plain_http: bool,
    /// Where SAML responses may be addressed to, and whom they may be meant for.
    pub saml: SamlAddresses,
}

/// What the API stands on.
#[derive(Debug)]
pub struct Parts {
    /// Who exists, and who is under revocation.
    pub directory: Arc<Directory>,
    /// The rings that seal sessions, page markers and stored secrets.
    pub rings: Arc<Rings>,
    /// Where records go.
    pub trail: Arc<Trail>,
    /// Where a sample of the requests goes whose caller was not proven, beside the process's log.
    pub refusals: Option<CappedLog>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub random: Arc<dyn Random>,
    /// What fetches documents of identity providers.
    pub fetch: Arc<dyn Fetch>,
    /// What the operator set.
    pub settings: Settings,
}

/// The API of one deployment: takes requests, gives replies, never fails.
#[derive(Debug)]
pub struct App {
    pub(crate) directory: Arc<Directory>,
    pub(crate) rings: Arc<Rings>,
    pub(crate) signing_keys: SigningKeys,
    pub(crate) open_sessions: OpenSessions,
    pub(crate) key_sets: KeySets,
    pub(crate) verified_tokens: VerifiedTokens,
    pub(crate) saml_keys: SamlKeys,
    pub(crate) saml_uses: SamlUses,
    pub(crate) credential_reports: CredentialReports,
    pub(crate) large_replies: LargeReplies,
    pub(crate) limits: Limits,
    pub(crate) trail: Arc<Trail>,
    issue_times: IssueTimes,
    pub(crate) refusals: RefusalLog,
    web_refusals: WebRefusals,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) random: Arc<dyn Random>,
    pub(crate) settings: Settings,
}

impl App {
    /// An API on these parts.
    ///
    /// # Errors
    /// When the revocations have not been read: whom it may believe is then unknown.
    pub fn new(parts: Parts) -> Result<Self, RevocationFault> {
        let Parts { directory, rings, trail, refusals, clock, random, fetch, settings } = parts;
        let signing_keys = SigningKeys::new(SIGNING_KEYS);
        let issue_times = IssueTimes::behind(trail.newest_issue_ms(), &*directory.revocations()?);
        Ok(Self {
            directory,
            rings,
            signing_keys,
            open_sessions: OpenSessions::new(),
            key_sets: KeySets::new(fetch, Arc::clone(&clock)),
            verified_tokens: VerifiedTokens::new(),
            saml_keys: SamlKeys::new(),
            saml_uses: SamlUses::new(),
            credential_reports: CredentialReports::default(),
            large_replies: LargeReplies::new(),
            limits: Limits::new(settings.rate_limits),
            trail,
            issue_times,
            refusals: RefusalLog::new(refusals),
            web_refusals: WebRefusals::default(),
            clock,
            random,
            settings,
        })
    }

    /// A new request id. Without randomness it is all zeros; such a request cannot be granted
    /// anything anyway.
    pub fn request_id(&self) -> RequestId {
        RequestId::from_random(self.random.id().unwrap_or_default())
    }

    /// The Regions that there are, if they are configured.
    pub fn regions(&self) -> Option<&Regions> {
        self.settings.regions.as_ref()
    }

    /// Where SAML responses may be addressed to, and whom they may be meant for.
    pub fn saml_addresses(&self) -> &SamlAddresses {
        &self.settings.saml
    }

    /// The clock that requests are judged by.
    pub fn clock(&self) -> &dyn Clock {
        &*self.clock
    }

    /// The reply to what the edge itself refuses.
    pub fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        self.refusals.log(self.clock.now(), id, None, fault);
        reply::refusal(id, Manner::Query(Service::Sts, Format::Xml), fault)
    }

    /// Answers one request. The reply's extensions hold what was [`Handled`].
    pub async fn handle(&self, received: Received) -> Response<Bytes> {
        let now = self.clock.now();
        let headers = header_pairs(&received);
        let (operation, (outcome, mut reply)) = match identify(&received, &headers) {
            Ok(identified) => {
                (identified.operation.name(), self.answer(&received, &identified, now).await)
            }
            Err(Unidentified { manner, fault }) => {
                (Handled::NO_OPERATION, self.refuse_unproven(&received, manner, &fault))
            }
        };
        reply.extensions_mut().insert(Handled { operation, outcome });
        reply
    }

    /// How large the body of a request may be of which only the beginning is here yet: more than
    /// [`Received::BODY_MAX`] only for operations that take more, from somebody who presents a
    /// credential that there is.
    ///
    /// SECURITY: nothing is proven by that; it keeps those out who know no credential, and tells whose
    /// it is, so that whoever knows one that is not theirs fills that one's share only. `received` is
    /// believed as far as whole parameters of it are here, and what comes behind them is read with
    /// them once more: a second `Action` is refused there.
    pub async fn allowance(&self, received: &Received) -> Allowance {
        let headers = header_pairs(received);
        let Some((operation, presented)) = begun(received, &headers) else {
            return Allowance::USUAL;
        };
        let bytes = operation.body_max();
        let now = self.clock.now();
        if bytes <= Received::BODY_MAX {
            return Allowance::USUAL;
        }
        match presented_account(self, received, &presented, now).await {
            Some(account) => {
                let key = Some(presented.access_key_id().clone());
                Allowance { bytes, key, account }
            }
            None => Allowance::USUAL,
        }
    }

    /// Answers an identified request. What others overtook is decided again, from the proof of the
    /// caller on, because it may be the caller that they changed.
    async fn answer(
        &self,
        received: &Received,
        identified: &Identified<'_>,
        now: Timestamp,
    ) -> Outcome {
        let mut tries = 1;
        loop {
            let is_last = tries >= identified.operation.decisions();
            let turn = Turn { is_first: tries == 1, is_last };
            if let Some(outcome) = self.decide(received, identified, now, turn).await {
                return outcome;
            }
            tries += 1;
            // Those who are in the way get their turn.
            tokio::task::yield_now().await;
        }
    }

    /// Decides an identified request once; nothing when others overtook it, unless this is the last
    /// time. The rate limits of addresses are asked where the caller is proven, the others here.
    async fn decide(
        &self,
        received: &Received,
        identified: &Identified<'_>,
        now: Timestamp,
        turn: Turn,
    ) -> Option<Outcome> {
        let manner = Manner::Query(identified.service, identified.format);
        let call = match authenticate(self, received, identified, now).await {
            Ok(call) => call,
            Err(fault) => return Some(self.refuse_unproven(received, manner, &fault)),
        };
        // What others overtook is one request, however often it is decided.
        if turn.is_first
            && let Err(fault) = self.limits.admit_proven(&call.caller, now)
        {
            return Some(self.refuse_unproven(received, manner, &fault));
        }
        call.note_use();
        let mut finished = identified.operation.call(&call).await;
        if !turn.is_last && finished.outcome.as_ref().is_err_and(Fault::is_overtaken) {
            return None;
        }
        // SECURITY: who does not read what was asked for must not fill the memory with it. What was
        // changed or granted is told in any case, and is short.
        if let Ok(document) = &finished.outcome
            && document.len() > LARGE_REPLY
            && finished.done.effect == Effect::Reads
            && !call.holds_memory(document.len())
            && let Err(fault) = call.hold_memory(document.len()).await
        {
            finished.outcome = Err(fault);
        }
        // SECURITY: no reply without its record.
        if let Err(fault) = self.keep_record(&call, &finished).await {
            return Some(refuse(received, manner, &fault));
        }
        Some(match finished.outcome {
            Ok(document) => {
                tracing::debug!(
                    request_id = %received.id,
                    operation = identified.operation.name(),
                    caller = call.caller.shown(),
                    "answered"
                );
                let memory = call.held_memory();
                (Handled::OK, reply::success(&received.id, identified.format, document, memory))
            }
            // SECURITY: of those whom a provider names there are any number, and each may be refused.
            Err(fault) if matches!(call.caller.identity(), Identity::Bearer(_)) => {
                self.refuse_unproven(received, manner, &fault)
            }
            Err(fault) => refuse(received, manner, &fault),
        })
    }

    /// Refuses a request whose caller was not proven or comes from a provider, or one over a rate
    /// limit: there may be any number of such requests, so that not every one of them gets a line in
    /// the log.
    fn refuse_unproven(&self, received: &Received, manner: Manner, fault: &Fault) -> Outcome {
        self.refusals.log(self.clock.now(), &received.id, Some(received.source_ip), fault);
        (fault.code().as_str(), reply::refusal(&received.id, manner, fault))
    }

    /// Keeps the record of a call, as durably as what the call did.
    async fn keep_record(
        &self,
        call: &Authenticated<'_>,
        finished: &Finished<'_>,
    ) -> Result<(), Fault> {
        let fault = finished.outcome.as_ref().err();
        let effect = finished.done.effect;
        if effect == Effect::Writes && fault.is_none() {
            // It was committed with the write, and `deliver_notes` brings it to the trail.
            return Ok(());
        }
        if let (Some(fault), Identity::Bearer(bearer)) = (fault, call.caller.identity())
            && !fault.is_ours()
            && !self.web_refusals.is_recorded(&self.limits, bearer, call.now)
        {
            return Ok(());
        }
        let mut record = record(call, &finished.done, fault)?;
        if let Some(owner) = call.owner() {
            let copy = owners_copy(call, &mut record, owner)?;
            return self.keep_pair(call, fault, [&record, &copy]).await;
        }
        let line = line(&record)?;
        let kept = match call.issued_ms() {
            Some(issued_ms) if fault.is_none() => self.trail.append_issue(line, issued_ms).await,
            _ if self.settings.strict_audit => self.trail.append(line).await,
            _ => self.trail.append_soon(line).await,
        };
        kept.map_err(|error| unrecorded(error.to_string()))
    }

    /// Keeps the records of the caller's account and of the role's owner, both or none.
    async fn keep_pair(
        &self,
        call: &Authenticated<'_>,
        fault: Option<&Fault>,
        pair: [&Record<'_>; 2],
    ) -> Result<(), Fault> {
        let [own, copy] = pair.map(line);
        let (own, copy) = (own?, copy?);
        let kept = match call.issued_ms() {
            Some(issued_ms) if fault.is_none() => {
                self.trail.append_issue_all(vec![own, copy], issued_ms).await
            }
            _ if self.settings.strict_audit => self.trail.append_all(vec![own, copy]).await,
            _ => match self.trail.append_soon(own).await {
                Ok(()) => self.trail.append_soon(copy).await,
                failed => failed,
            },
        };
        kept.map_err(|error| unrecorded(error.to_string()))
    }

    /// Brings records of writes from the store to the trail, oldest first, until none is left, and
    /// tells how many; before them what [`App::record_left_out`] tells. A crash in between brings some twice; readers drop them by their event id.
    /// What is not the line of a record is kept in the trail in records of its own.
    ///
    /// # Errors
    /// When the store or the trail fails. What was not brought stays where it is.
    pub async fn deliver_notes(&self) -> Result<usize, DeliveryFault> {
        let mut delivered = 0;
        self.record_left_out(false).await?;
        loop {
            let waiting = self.directory.outbox(NOTES_AT_ONCE).await?;
            if waiting.is_empty() {
                return Ok(delivered);
            }
            let mut keys = Vec::with_capacity(waiting.len());
            let mut lines = Vec::with_capacity(waiting.len());
            for (key, bytes) in waiting {
                match Line::from_bytes(bytes.as_slice()) {
                    Ok(line) => lines.push(line),
                    Err(reason) => lines.extend(self.set_aside(&key, &bytes, &reason)?),
                }
                keys.push(key);
            }
            self.trail.append_all(lines).await?;
            delivered += keys.len();
            self.directory.clear_outbox(&keys).await?;
        }
    }

    /// Records how many refusals of callers of identity providers had no records of their own, of
    /// those providers where the first of them is a minute ago, or of all.
    ///
    /// # Errors
    /// When the trail fails. What was not recorded is counted on.
    pub async fn record_left_out(&self, all: bool) -> Result<(), DeliveryFault> {
        let due = self.web_refusals.due(self.clock.now(), all);
        if due.is_empty() {
            return Ok(());
        }
        let written = match self.left_out_lines(&due) {
            Ok(lines) => self.trail.append_all(lines).await,
            Err(error) => Err(error),
        };
        if written.is_err() {
            self.web_refusals.give_back(due);
        }
        Ok(written?)
    }

    fn left_out_lines(&self, due: &[LeftOut]) -> Result<Vec<Line>, TrailError> {
        let (now, region) = (self.clock.now(), &self.settings.region);
        let id = || self.request_id();
        due.iter().map(|left_out| Line::new(&left_out.record(region, now, &id))).collect()
    }

    /// The records that hold a note which is no record. It must not keep those behind it back.
    fn set_aside(
        &self,
        key: &OutboxKey,
        bytes: &[u8],
        reason: &TrailError,
    ) -> Result<Vec<Line>, TrailError> {
        let key = format!("{key:?}");
        let size = bytes.len();
        tracing::error!(key, size, %reason, "a note in the store is no record: its bytes go to the trail as UnreadableRecord");
        let now = self.clock.now();
        let note = (key.as_str(), bytes);
        unreadable::set_aside(note, reason, &self.settings.region, now, || self.request_id())
    }

    /// Refuses what changes or grants anything while records cannot be kept: there is to be no
    /// effect without a record.
    pub(crate) fn require_trail(&self) -> Result<(), Fault> {
        if self.trail.is_down() {
            return Err(unrecorded("the audit trail could not be written before"));
        }
        Ok(())
    }

    /// The issue time of a session of a call that begins now, in milliseconds since 1970: never
    /// before one that was given already, whatever the clock does, nor behind the cut of a revocation
    /// that is made later.
    pub(crate) fn issue_ms(&self, now: Timestamp) -> i64 {
        self.issue_times.issue(now.as_millisecond())
    }

    /// How many requests each rate limit has refused, by its name.
    pub fn throttled(&self) -> [(&'static str, u64); 3] {
        self.limits.throttled()
    }

    /// Lets go of what was derived from a long-term access key that is gone or may sign no longer.
    pub fn forget_access_key(&self, id: &AccessKeyId) {
        self.signing_keys.forget(id);
    }

    /// The instant up to which a revocation that is made now reaches, in milliseconds since 1970: the
    /// sessions of all calls that have begun are no newer, and those of later calls are.
    pub fn revocation_cut_ms(&self) -> i64 {
        self.issue_times.cut(self.clock.now().as_millisecond())
    }
}

/// How large the body of a request may be, and whose credential it presents if that is more than
/// usual.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Allowance {
    /// Most bytes of the body.
    pub bytes: usize,
    /// The access key that is presented; nothing is proven by that.
    pub key: Option<AccessKeyId>,
    /// The account that it belongs to, if it belongs to one.
    pub account: Option<AccountId>,
}

impl Allowance {
    /// What every request may have.
    pub const USUAL: Self = Self { bytes: Received::BODY_MAX, key: None, account: None };
}

/// What a reply was about, for metrics: both texts are of small, closed sets.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Handled {
    /// The operation, or [`Handled::NO_OPERATION`].
    pub operation: &'static str,
    /// [`Handled::OK`], or the code of the refusal.
    pub outcome: &'static str,
}

impl Handled {
    /// The request named no operation that there is.
    pub const NO_OPERATION: &'static str = "none";
    /// The request was granted.
    pub const OK: &'static str = "ok";
}

/// Which of the times it is that a request is decided.
#[derive(Clone, Copy, Debug)]
struct Turn {
    is_first: bool,
    is_last: bool,
}

/// How a request ended, and the reply that says so.
type Outcome = (&'static str, Response<Bytes>);

/// Why records of writes did not reach the trail. They stay in the store.
#[derive(Debug, Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum DeliveryFault {
    /// The store.
    Directory(#[from] DirectoryError),
    /// The trail, or a record that is none.
    Trail(#[from] TrailError),
}

/// The line of a record.
pub(crate) fn line(record: &Record<'_>) -> Result<Line, Fault> {
    Line::new(record).map_err(|error| unrecorded(error.to_string()))
}

/// Without its record no call is answered.
pub(crate) fn unrecorded(cause: impl Into<Cow<'static, str>>) -> Fault {
    let message = "The service is unable to record the request. Try again.";
    Fault::new(Code::ServiceUnavailable, message).because(cause)
}

/// Refuses a proven caller: logged with its cause, and always.
fn refuse(received: &Received, manner: Manner, fault: &Fault) -> Outcome {
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
    (code, reply::refusal(&received.id, manner, fault))
}
