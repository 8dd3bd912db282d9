//! The call over HTTP: `POST /authorize` on the main port.

use std::sync::Arc;

use bytes::Bytes;
use daypass_api::enforcement::{CallEvent, Proven, SignedService};
use daypass_api::{App, Code, Fault, Handled, Received, status_of};
use http::header::{ALLOW, CONTENT_TYPE};
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};
use serde_json::{Value, json};

use super::answer::{AnswerDocument, OutcomeDocument};
use super::decisions::{ALLOWED, ResourcePolicies, caller, decide, questions};
use super::document::{Asked, CallDocument, DocumentFault};
use super::forward::sha256;
use super::original::Original;

/// What the call is named in records, refusals and metrics.
pub(super) const OPERATION: &str = "Authorize";
/// The action that refusals name. No policy has a say in it.
const ACTION: &str = "daypass:Authorize";
/// The name of the service that a call is signed for.
const SIGNING_NAME: &str = "daypass";

/// How many questions are recorded one by one; of all it is recorded how many there were.
const RECORDED: usize = 10;

const JSON: &str = "application/json";
const REQUEST_ID: HeaderName = HeaderName::from_static("x-amzn-requestid");
const ERROR_TYPE: HeaderName = HeaderName::from_static("x-amzn-errortype");

/// Answers registered services.
#[derive(Debug)]
pub struct AuthoriseCall {
    app: Arc<App>,
}

impl AuthoriseCall {
    /// The path of the call.
    pub const PATH: &'static str = "/authorize";

    /// The call on an API.
    pub fn new(app: Arc<App>) -> Self {
        Self { app }
    }

    /// Answers one call. The reply's extensions hold what was [`Handled`].
    pub async fn answer(&self, received: &Received) -> Response<Bytes> {
        let (outcome, mut response) = match self.answered(received).await {
            Ok(document) => match serde_json::to_vec(&document) {
                Ok(text) => (Handled::OK, reply(StatusCode::OK, text)),
                Err(_) => refusal(&Fault::internal("the answer cannot be written")),
            },
            Err(fault) => refusal(&fault),
        };
        if let Ok(id) = HeaderValue::from_str(received.id.text().as_str()) {
            response.headers_mut().insert(REQUEST_ID, id);
        }
        response.extensions_mut().insert(Handled { operation: OPERATION, outcome });
        response
    }

    async fn answered(&self, received: &Received) -> Result<AnswerDocument, Fault> {
        let signed_for = SignedService { name: SIGNING_NAME, normalize_path: true };
        let hash = sha256(&received.body);
        let asker = self.app.prove_with_hash(received, signed_for, Some(&hash)).await?;
        asker.note_use();
        match self.asked(received, &asker).await {
            Ok(document) => Ok(document),
            Err(fault) => {
                let error = Some((fault.code().as_str().into(), fault.message().to_owned()));
                self.app.record_call(&asker.witness(), CallEvent { error, ..event() }).await?;
                Err(fault)
            }
        }
    }

    /// Answers a call of which it is proven who makes it.
    async fn asked(
        &self,
        received: &Received,
        asker: &Proven<'_>,
    ) -> Result<AnswerDocument, Fault> {
        let Some(service) = asker.service() else {
            let who = asker.arn().map(|arn| arn.as_str()).unwrap_or_default();
            let text = format!("User: {who} is not authorized to perform: {ACTION}");
            return Err(Fault::new(Code::AccessDenied, text).because("not a registered service"));
        };
        if received.method != Method::POST {
            let text = "The specified method is not allowed against this resource.";
            return Err(Fault::new(Code::MethodNotAllowed, text));
        }
        if received.uri.query().is_some() {
            return Err(Fault::new(Code::ValidationError, "The call has no query string."));
        }
        let CallDocument { original, questions: wanted } = CallDocument::parse(&received.body)
            .map_err(|DocumentFault(text)| Fault::new(Code::ValidationError, text))?;
        if service.hosts.is_empty() || service.signing_names.is_empty() {
            let text = "The service is registered for no host or no service of signatures.";
            return Err(Fault::new(Code::AccessDenied, text));
        }
        let policies = ResourcePolicies::of(&wanted)?;
        let original = Original::of(original, service, received.id, received.at);
        let outcome = match original.prove(&self.app, service).await {
            Ok(proven) => self.decided(asker, &proven, &wanted, &policies).await?,
            Err(fault) if fault.is_ours() => return Err(fault),
            // SECURITY: of those who prove nobody there are any number, and a record of each would
            // let them fill the trail: they are in the log of refusals.
            Err(fault) => OutcomeDocument::Refused { refused: original.refused(service, &fault) },
        };
        Ok(AnswerDocument { request_id: received.id.to_string(), outcome })
    }

    /// Decides about a caller who was proven, and records it.
    async fn decided(
        &self,
        asker: &Proven<'_>,
        proven: &Proven<'_>,
        wanted: &[Asked],
        compiled: &ResourcePolicies<'_>,
    ) -> Result<OutcomeDocument, Fault> {
        let nobody = || Fault::internal("a service and its caller's account are known here");
        let service = asker.service().ok_or_else(nobody)?;
        let account = proven.account().ok_or_else(nobody)?;
        let questions = questions(wanted, compiled, service, account)?;
        let policies = proven.policies().await?;
        let decisions = decide(&policies, &questions).await?;
        let caller = caller(proven)?;
        let allowed = decisions.iter().filter(|one| one.decision == ALLOWED).count();
        let first = wanted.iter().zip(&decisions).take(RECORDED);
        let first = first.map(|(asked, one)| {
            json!({ "action": asked.action, "resource": asked.resource, "decision": one.decision })
        });
        let parameters = json!({
            "principalArn": caller.arn,
            "accessKeyId": caller.access_key_id,
            "questionCount": decisions.len(),
            "allowedCount": allowed,
            "questions": first.collect::<Value>(),
        });
        let event = CallEvent {
            request_parameters: Some(parameters),
            recipient: Some(account),
            additional: Some(json!({ "service": service.name.as_str() })),
            ..event()
        };
        self.app.record_call(&asker.witness(), event).await?;
        Ok(OutcomeDocument::Proven { caller: Box::new(caller), decisions })
    }
}

/// What the record of every call says.
pub(super) fn event() -> CallEvent {
    CallEvent {
        source: "daypass.authorize".into(),
        name: OPERATION.into(),
        read_only: true,
        recipient: None,
        request_parameters: None,
        additional: None,
        error: None,
    }
}

fn refusal(fault: &Fault) -> (&'static str, Response<Bytes>) {
    let code = fault.code().as_str();
    let text = json!({ "__type": code, "message": fault.message() }).to_string();
    let mut response = reply(status_of(fault.code()), text.into_bytes());
    response.headers_mut().insert(ERROR_TYPE, HeaderValue::from_static(code));
    if fault.code() == Code::MethodNotAllowed {
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("POST"));
    }
    (code, response)
}

fn reply(status: StatusCode, text: Vec<u8>) -> Response<Bytes> {
    let mut response = Response::new(Bytes::from(text));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(JSON));
    response
}
