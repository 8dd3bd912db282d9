//! What a service is answered, as JSON: `docs/authorize.md` describes the members.

use std::collections::BTreeMap;

use http::StatusCode;
use serde::{Serialize, Serializer};

/// Who made a request, as far as the service may know: it is of one of its accounts.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct CallerDocument {
    /// `Root`, `IAMUser`, `AssumedRole` or `FederatedUser`, as in CloudTrail.
    #[serde(rename = "type")]
    pub(super) kind: &'static str,
    pub(super) arn: String,
    pub(super) account: String,
    /// `aws:userid`.
    pub(super) user_id: String,
    /// The unique id of the user or role; the account of a root user.
    pub(super) principal_id: String,
    pub(super) access_key_id: String,
    /// `aws:PrincipalTag`: those of the session stand in the place of the user's or role's.
    pub(super) tags: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) session: Option<SessionDocument>,
}

/// What only temporary credentials have.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SessionDocument {
    /// The name of a role session or of a federated user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    /// The id that revocations name it by.
    pub(super) id: String,
    pub(super) issued_at: String,
    pub(super) expires_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) source_identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) federation: Option<FederationDocument>,
}

/// Who vouched for the caller.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct FederationDocument {
    /// `aws:FederatedProvider`.
    pub(super) provider: String,
    /// What the provider calls the caller.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) subject: Option<String>,
}

/// The answer to a call: who it is and what they may do, or why nobody was proven.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AnswerDocument {
    pub(super) request_id: String,
    #[serde(flatten)]
    pub(super) outcome: OutcomeDocument,
}

/// How a call ended.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub(super) enum OutcomeDocument {
    Proven { caller: Box<CallerDocument>, decisions: Vec<DecisionDocument> },
    Refused { refused: RefusedDocument },
}

/// Why the request that was handed over is refused before any policy is asked, for the service to
/// hand on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RefusedDocument {
    pub(super) code: String,
    pub(super) message: String,
    #[serde(serialize_with = "number")]
    pub(super) status: StatusCode,
}

/// The answer to one question.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct DecisionDocument {
    /// `allowed`, `explicitDeny` or `implicitDeny`.
    pub(super) decision: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) reason: Option<ReasonDocument>,
    /// What AWS tells the caller who is refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) message: Option<String>,
    /// For DecodeAuthorizationMessage by those of the caller's account who may call it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) encoded_authorization_message: Option<String>,
}

/// What decided, for the service's log.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ReasonDocument {
    pub(super) layer: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) policy: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statement_id: Option<String>,
    /// From 0.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) statement: Option<usize>,
}

fn number<S: Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}
