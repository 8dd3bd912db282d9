//! Who makes a request of an enforcement point.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use daypass_directory::Seen;
use daypass_names::Region;
use daypass_sigv4::{
    BodyCheck, Fault as SignatureFault, Payload, Presented, PresentedForm, Request, Rules,
    SigningKey, Source, Verified, presented, verify_form, verify_head, verify_with_hash,
};
use http::header;
use jiff::Timestamp;

use crate::authenticate::{SignedService, note_use, signer};
use crate::caller::{Caller, Identity};
use crate::conditions::{Circumstances, text};
use crate::identify::header_pairs;
use crate::rate_limits::Standing;
use crate::{App, Code, Fault, Received, RequestId};

/// A request of which it is proven who makes it, or which nobody signed.
#[derive(Debug)]
pub struct Proven<'a> {
    pub(super) app: &'a App,
    pub(super) received: &'a Received,
    /// Nobody where the request was not signed.
    pub(super) caller: Option<Arc<Caller>>,
    /// The service that it is signed for.
    pub(super) service: Box<str>,
    pub(super) region: Region,
    pub(super) now: Timestamp,
    body: Option<BodyCheck>,
    payload: Option<Payload>,
    /// How the address stands of a request that nobody signed.
    standing: Standing,
    /// Whether a refusal of such a request was counted.
    is_counted: OnceLock<()>,
    /// What a write is decided on.
    pub(super) seen: Mutex<Vec<Seen>>,
}

/// What the record of a request tells of who made it, without ties to the request: a body may stream
/// for long after it was decided.
#[derive(Clone, Debug)]
pub struct Witness {
    pub(super) caller: Option<Arc<Caller>>,
    pub(super) id: RequestId,
    pub(super) now: Timestamp,
    pub(super) region: Region,
    pub(super) source_ip: std::net::IpAddr,
    pub(super) user_agent: Option<Box<str>>,
    pub(super) host: Option<Box<str>>,
}

impl Witness {
    /// Whether nobody signed the request.
    pub fn is_anonymous(&self) -> bool {
        self.caller.is_none()
    }
}

/// What a body must be, of a request whose head was verified.
enum Checked {
    Streams(BodyCheck),
    Told(Payload),
    Form,
}

impl App {
    /// Proves who signed a request, in its header or its query. Its body is not looked at: it must
    /// pass through [`Proven::body`].
    ///
    /// # Errors
    /// [`Code::MissingAuthenticationToken`] when nothing is signed, which is not logged; everything
    /// else is, as of the other operations. The codes are those of S3 where that is the service.
    pub async fn prove<'a>(
        &'a self,
        received: &'a Received,
        service: SignedService<'_>,
    ) -> Result<Proven<'a>, Fault> {
        self.prove_presented(received, service, |presented, request, key, rules, now| {
            let (verified, body) = verify_head(presented, request, key, rules, now)?;
            Ok((verified, Checked::Streams(body)))
        })
        .await
    }

    /// Proves who signed a request whose body somebody else has: `hash` is its SHA-256, and `None`
    /// that what the head states must do.
    ///
    /// # Errors
    /// As for [`App::prove`].
    pub async fn prove_with_hash<'a>(
        &'a self,
        received: &'a Received,
        service: SignedService<'_>,
        hash: Option<&[u8; 32]>,
    ) -> Result<Proven<'a>, Fault> {
        self.prove_presented(received, service, |presented, request, key, rules, now| {
            let (verified, payload) = verify_with_hash(presented, request, hash, key, rules, now)?;
            Ok((verified, Checked::Told(payload)))
        })
        .await
    }

    /// Proves who signed the policy of an HTML form for S3. What the policy says of the form is for
    /// whoever asks to check.
    ///
    /// # Errors
    /// As for [`App::prove`].
    pub async fn prove_form<'a>(
        &'a self,
        received: &'a Received,
        form: &PresentedForm<'_>,
    ) -> Result<Proven<'a>, Fault> {
        let (now, service) = (self.clock.now(), SignedService::S3);
        // SECURITY: with a second signature beside the form's, nobody could say which one counts.
        let headers = header_pairs(received);
        if !matches!(presented(&of_head(received, &headers)), Ok(None)) {
            let fault = s3(SignatureFault::SeveralCredentials, Source::Form);
            let fault = fault.because("the request of a form is signed in its head as well");
            return self.proven(received, service, now, Err(fault));
        }
        let is_session = form.session_token().is_some();
        let judge = |key: &SigningKey, rules: &Rules<'_>| {
            let verified = verify_form(form, key, rules, now);
            Ok((verified.map_err(|fault| s3(fault, Source::Form))?, Checked::Form))
        };
        let proven = signer(self, received, (form.into(), service), now, judge).await;
        let proven = proven.map_err(|fault| in_words_of_s3(fault, is_session));
        self.proven(received, service, now, proven)
    }

    /// A request that nobody signed. What its head states of its body holds all the same.
    ///
    /// # Errors
    /// [`Code::Throttling`] when too many requests came from its address lately that proved nobody,
    /// and for a body that is stated wrongly, in the codes of S3.
    pub fn anonymous<'a>(&'a self, received: &'a Received) -> Result<Proven<'a>, Fault> {
        let now = self.clock.now();
        let standing = self.limits.standing(received, now);
        if standing != Standing::Within {
            let fault = self.limits.refuse_unknown(
                Fault::new(Code::AccessDenied, "Access Denied"),
                standing,
                received,
                "anonymous",
                now,
            );
            self.log_refusal(received, &fault);
            return Err(fault);
        }
        let headers = header_pairs(received);
        let body = BodyCheck::of_anonymous(&of_head(received, &headers)).map_err(|fault| {
            let fault = s3(fault, Source::Header);
            self.log_refusal(received, &fault);
            fault
        })?;
        Ok(Proven {
            app: self,
            received,
            caller: None,
            service: SignedService::S3.name.into(),
            region: self.settings.region.clone(),
            now,
            payload: Some(body.payload()),
            body: Some(body),
            standing,
            is_counted: OnceLock::new(),
            seen: Mutex::default(),
        })
    }

    /// Logs a refusal of a request whose caller was not proven, among a sample of them.
    pub fn log_refusal(&self, received: &Received, fault: &Fault) {
        self.refusals.log(self.clock.now(), &received.id, Some(received.source_ip), fault);
    }

    /// Whether records can be kept: what changes something elsewhere is not to be begun otherwise.
    ///
    /// # Errors
    /// [`Code::ServiceUnavailable`] when they cannot.
    pub fn require_records(&self) -> Result<(), Fault> {
        self.require_trail()
    }

    async fn prove_presented<'a>(
        &'a self,
        received: &'a Received,
        service: SignedService<'_>,
        judge: impl FnOnce(
            &Presented<'_>,
            &Request<'_>,
            &SigningKey,
            &Rules<'_>,
            Timestamp,
        ) -> Result<(Verified, Checked), SignatureFault>,
    ) -> Result<Proven<'a>, Fault> {
        let now = self.clock.now();
        let headers = header_pairs(received);
        let request = of_head(received, &headers);
        let is_s3 = service.name == SignedService::S3.name;
        let in_words = |fault: SignatureFault, source| match is_s3 {
            true => s3(fault, source),
            false => fault.into(),
        };
        let presented = match presented(&request) {
            Ok(Some(presented)) => presented,
            Ok(None) => {
                let text = "Request is missing Authentication Token";
                return Err(Fault::new(Code::MissingAuthenticationToken, text));
            }
            Err(fault) => {
                let in_header = received.headers.contains_key(header::AUTHORIZATION);
                let source = if in_header { Source::Header } else { Source::Query };
                return self.proven(received, service, now, Err(in_words(fault, source)));
            }
        };
        let source = presented.source();
        let is_session = presented.session_token().is_some();
        let judge = |key: &SigningKey, rules: &Rules<'_>| {
            let judged = judge(&presented, &request, key, rules, now);
            judged.map_err(|fault| in_words(fault, source))
        };
        let proven = signer(self, received, ((&presented).into(), service), now, judge).await;
        let proven = proven.map_err(|fault| match is_s3 {
            true => in_words_of_s3(fault, is_session),
            false => fault,
        });
        self.proven(received, service, now, proven)
    }

    /// A request that was found to be somebody's, within that one's limits; logs what was not.
    fn proven<'a>(
        &'a self,
        received: &'a Received,
        service: SignedService<'_>,
        now: Timestamp,
        signer: Result<(Caller, Option<crate::regions::Endpoint<'a>>, Checked), Fault>,
    ) -> Result<Proven<'a>, Fault> {
        let admitted = signer.and_then(|(caller, endpoint, checked)| {
            self.limits.admit_proven(&caller, now)?;
            Ok((caller, endpoint, checked))
        });
        let (caller, _, checked) = match admitted {
            Ok(admitted) => admitted,
            Err(fault) => {
                self.log_refusal(received, &fault);
                return Err(fault);
            }
        };
        let region = Region::parse(caller.signed_region());
        let (body, payload) = match checked {
            Checked::Streams(body) => {
                let payload = body.payload();
                (Some(body), Some(payload))
            }
            Checked::Told(payload) => (None, Some(payload)),
            Checked::Form => (None, None),
        };
        Ok(Proven {
            app: self,
            received,
            caller: Some(Arc::new(caller)),
            service: service.name.into(),
            region: region.unwrap_or_else(|_| self.settings.region.clone()),
            now,
            body,
            payload,
            standing: Standing::Within,
            is_counted: OnceLock::new(),
            seen: Mutex::default(),
        })
    }
}

impl Proven<'_> {
    /// What the body must pass through, once: it is not proven otherwise. Nothing for a request that
    /// was proven without its body, and for a form, whose policy says what its file may be.
    pub fn body(&mut self) -> Option<BodyCheck> {
        self.body.take()
    }

    /// What the signature says of the body; nothing for a form, and where nobody signed.
    pub fn payload(&self) -> Option<&Payload> {
        self.payload.as_ref()
    }

    /// Whether nobody signed.
    pub fn is_anonymous(&self) -> bool {
        self.caller.is_none()
    }

    /// The instant at which the request is judged.
    pub fn now(&self) -> Timestamp {
        self.now
    }

    /// The Region that the request is signed for; the deployment's where that is empty or nobody
    /// signed.
    pub fn region(&self) -> &Region {
        &self.region
    }

    /// Notes that the caller's access key, or its role, was used.
    pub fn note_use(&self) {
        if let Some(caller) = &self.caller {
            note_use(self.app, caller, (&self.service, &self.region), self.now);
        }
    }

    /// What its record tells of who made it.
    pub fn witness(&self) -> Witness {
        let own = |name| text(&self.received.headers, &name).map(Into::into);
        Witness {
            caller: self.caller.clone(),
            id: self.received.id,
            now: self.now,
            region: self.region.clone(),
            source_ip: self.received.source_ip,
            user_agent: own(header::USER_AGENT),
            host: own(header::HOST),
        }
    }

    /// What the condition keys of every request are made of.
    pub(super) fn circumstances(&self) -> Circumstances<'_> {
        Circumstances {
            received: self.received,
            caller: self.caller.as_deref(),
            region: &self.region,
            now: self.now,
        }
    }

    /// The signature.
    pub(super) fn verified(&self) -> Option<&Verified> {
        self.caller.as_ref()?.verified()
    }

    /// Whether it is signed for S3, or to S3 by nobody.
    pub(super) fn is_s3(&self) -> bool {
        *self.service == *SignedService::S3.name
    }

    pub(super) fn identity(&self) -> Option<&Identity> {
        self.caller.as_ref().map(|caller| caller.identity())
    }

    /// Counts a request that nobody signed for its address when it is refused, and logs it: once,
    /// however much of it is refused.
    pub(super) fn count_anonymous(&self, cause: &str) {
        if self.caller.is_some() || self.is_counted.set(()).is_err() {
            return;
        }
        let fault = Fault::new(Code::AccessDenied, "Access Denied").because(cause.to_owned());
        let limits = &self.app.limits;
        let fault =
            limits.refuse_unknown(fault, self.standing, self.received, "anonymous", self.now);
        self.app.log_refusal(self.received, &fault);
    }

    /// Counts a refusal that no policy decided against the address of who signs nothing.
    pub fn count_refused(&self, cause: &str) {
        self.count_anonymous(cause);
    }

    /// Notes what a write is decided on.
    pub(super) fn see(&self, seen: impl IntoIterator<Item = Seen>) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).extend(seen);
    }
}

/// A request as its signature sees it.
fn of_head<'a>(received: &'a Received, headers: &'a [(&'a str, &'a [u8])]) -> Request<'a> {
    Request {
        method: received.method.as_str(),
        path: received.uri.path(),
        query: received.uri.query().unwrap_or_default(),
        headers,
    }
}

/// A fault of a signature, with the code that S3 has for it.
fn s3(fault: SignatureFault, source: Source) -> Fault {
    let code = match fault.s3_code(source) {
        "AuthorizationHeaderMalformed" => Code::AuthorizationHeaderMalformed,
        "AuthorizationQueryParametersError" => Code::AuthorizationQueryParametersError,
        "InvalidAccessKeyId" => Code::InvalidAccessKeyId,
        "InvalidArgument" => Code::InvalidArgument,
        "InvalidRequest" => Code::InvalidRequest,
        "MissingContentLength" => Code::MissingContentLength,
        "RequestTimeTooSkewed" => Code::RequestTimeTooSkewed,
        "SignatureDoesNotMatch" => Code::SignatureDoesNotMatch,
        _ => Code::AccessDenied,
    };
    Fault::new(code, fault.s3_text(source)).because(fault.cause().to_owned())
}

/// A fault of a credential in S3's words: it tells a key that there is not from a token that is not
/// believed. S3 API reference, "Error responses".
fn in_words_of_s3(fault: Fault, is_session: bool) -> Fault {
    let (code, message) = match (fault.code(), is_session) {
        (Code::InvalidClientTokenId, true) => {
            let text = "The provided token is malformed or otherwise invalid.";
            (Code::InvalidToken, text)
        }
        (Code::InvalidClientTokenId, false) => {
            let text = "The AWS Access Key Id you provided does not exist in our records.";
            (Code::InvalidAccessKeyId, text)
        }
        (Code::ExpiredToken, _) => (Code::ExpiredToken, "The provided token has expired."),
        _ => return fault,
    };
    let cause = fault.cause().unwrap_or_default().to_owned();
    Fault::new(code, message).because(cause)
}
