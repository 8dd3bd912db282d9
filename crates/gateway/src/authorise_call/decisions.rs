//! Questions about a proven caller, and what is told of the answers.

use std::collections::HashMap;

use daypass_api::enforcement::{Policies, Proven, Question, Ruling};
use daypass_api::{Code, Fault};
use daypass_audit::PrincipalType;
use daypass_directory::Service;
use daypass_names::AccountId;
use daypass_policy::{Kind, Layer, Policy};

use super::answer::{
    CallerDocument, DecisionDocument, FederationDocument, ReasonDocument, SessionDocument,
};
use super::document::{Asked, action_prefix};
use super::registration::resource_account;

/// Most characters of a resource policy: no service of AWS takes longer ones.
const POLICY_MAX: usize = 128 * 1024;

/// The decision that lets the caller do it.
pub(super) const ALLOWED: &str = "allowed";

/// The condition key that names the provider of a federated session.
const PROVIDER: &str = "aws:FederatedProvider";

/// The resource policies of a call, each compiled once however often it is told.
pub(super) struct ResourcePolicies<'a>(HashMap<&'a str, Policy>);

impl<'a> ResourcePolicies<'a> {
    /// Compiles them.
    ///
    /// # Errors
    /// `MalformedPolicyDocument`: a service that keeps such a policy must not decide by half of it.
    pub(super) fn of(questions: &'a [Asked]) -> Result<Self, Fault> {
        let mut policies = HashMap::new();
        for (asked, number) in questions.iter().zip(1..) {
            let Some(text) = asked.resource_policy.as_deref() else { continue };
            if policies.contains_key(text) {
                continue;
            }
            if text.len() > POLICY_MAX {
                let text =
                    format!("Question {number}: the policy is longer than {POLICY_MAX} bytes");
                return Err(Fault::new(Code::MalformedPolicyDocument, text));
            }
            let policy = Policy::parse(text, Kind::Resource).map_err(|malformed| {
                let at = malformed.position();
                let text = format!(
                    "Question {number}: {malformed} (line {}, column {}: {})",
                    at.line,
                    at.column,
                    malformed.reason()
                );
                Fault::new(Code::MalformedPolicyDocument, text)
            })?;
            policies.insert(text, policy);
        }
        Ok(Self(policies))
    }

    fn get(&self, text: &str) -> Option<&Policy> {
        self.0.get(text)
    }
}

/// What a service wants to know about the caller of an account, ready to be decided.
///
/// # Errors
/// `AccessDenied` to the service when a resource is of an account that it is not registered for, or
/// an action of a service that is not among its services of signatures.
pub(super) fn questions<'a>(
    asked: &'a [Asked],
    policies: &'a ResourcePolicies<'a>,
    service: &Service,
    caller: AccountId,
) -> Result<Vec<Question<'a>>, Fault> {
    let question = |asked: &'a Asked| {
        // SECURITY: what a caller may do elsewhere, and which policies say so, is not its business.
        let prefix = action_prefix(&asked.action).unwrap_or_default();
        if !service.signing_names.iter().any(|name| name.as_str() == prefix) {
            let text = format!("The service is not registered for actions of `{prefix}`.");
            return Err(Fault::new(Code::AccessDenied, text));
        }
        let told = asked.resource_account;
        let account = resource_account(&service.accounts, caller, &asked.resource, told);
        let account = account.map_err(|account| {
            let text = format!("The service is not registered for account {account}.");
            Fault::new(Code::AccessDenied, text)
        })?;
        let text = asked.resource_policy.as_deref();
        let mut question = Question::new(&asked.action, &asked.resource, account);
        question.resource_policy = text.and_then(|text| policies.get(text));
        question.keys = asked.keys();
        question.lists = asked.lists();
        Ok(question)
    };
    asked.iter().map(question).collect()
}

/// Decides the questions, in their order.
///
/// # Errors
/// When something that a decision needs cannot be read.
pub(super) async fn decide(
    policies: &Policies<'_>,
    questions: &[Question<'_>],
) -> Result<Vec<DecisionDocument>, Fault> {
    let mut decisions = Vec::with_capacity(questions.len());
    for question in questions {
        decisions.push(decision(policies, question)?);
        // A hundred of them take their time, which others on this thread are not to wait for.
        tokio::task::yield_now().await;
    }
    Ok(decisions)
}

fn decision(policies: &Policies<'_>, question: &Question<'_>) -> Result<DecisionDocument, Fault> {
    let refusal = match policies.decide(question)? {
        Ruling::Allowed => {
            return Ok(DecisionDocument {
                decision: ALLOWED,
                reason: None,
                message: None,
                encoded_authorization_message: None,
            });
        }
        Ruling::Denied(refusal) => refusal,
    };
    // The caller's account is one of the service's, and so is the resource's: the service may know
    // which of their policies decides.
    let reason = refusal.denial().map(|denial| ReasonDocument {
        layer: layer(denial.layer),
        policy: denial.policy.as_deref().map(str::to_owned),
        statement_id: denial.sid.as_deref().map(str::to_owned),
        statement: denial.statement,
    });
    Ok(DecisionDocument {
        decision: if refusal.is_explicit() { "explicitDeny" } else { "implicitDeny" },
        reason,
        message: Some(refusal.message().to_owned()),
        encoded_authorization_message: encoded(policies, question),
    })
}

/// How a question was decided, for DecodeAuthorizationMessage. A denial is one without it, too: the
/// names of what is asked may be too long for a message.
pub(super) fn encoded(policies: &Policies<'_>, question: &Question<'_>) -> Option<String> {
    let encoded = policies.authorization_message(question);
    if let Err(fault) = &encoded {
        tracing::warn!(cause = fault.cause(), "a decision has no encoded message");
    }
    encoded.ok()
}

/// A layer in the words of the documentation.
fn layer(layer: Layer) -> &'static str {
    match layer {
        Layer::Identity => "identity",
        Layer::Boundary => "permissionsBoundary",
        Layer::Session => "session",
        Layer::Scp => "serviceControlPolicy",
        Layer::Rcp => "resourceControlPolicy",
        Layer::Resource => "resource",
        Layer::Trust => "trust",
        _ => "other",
    }
}

/// Who was proven, as a service of the caller's account is told.
///
/// # Errors
/// When nobody was, or a service: they have no account, and are refused before.
pub(super) fn caller(proven: &Proven<'_>) -> Result<CallerDocument, Fault> {
    let nobody = || Fault::internal("the caller of an original request has no account");
    let session = proven.session().map(|session| {
        let value = |wanted: &dyn Fn(&str) -> bool| {
            let found = session.federation.iter().find(|(key, _)| wanted(key));
            found.and_then(|(_, values)| values.first().cloned())
        };
        let provider = value(&|key| key == PROVIDER);
        let subject = value(&|key| key.ends_with(":sub"));
        SessionDocument {
            name: session.name.map(str::to_owned),
            id: session.id.clone(),
            issued_at: session.issued.to_string(),
            expires_at: session.expires.to_string(),
            source_identity: session.source_identity.map(str::to_owned),
            federation: provider.map(|provider| FederationDocument { provider, subject }),
        }
    });
    let tags = proven.tags().into_iter();
    Ok(CallerDocument {
        kind: kind(proven.kind()),
        arn: proven.arn().ok_or_else(nobody)?.as_str().to_owned(),
        account: proven.account().ok_or_else(nobody)?.as_str().to_owned(),
        user_id: proven.user_id().ok_or_else(nobody)?,
        principal_id: proven.principal_id().ok_or_else(nobody)?,
        access_key_id: proven.access_key_id().ok_or_else(nobody)?.as_str().to_owned(),
        tags: tags.map(|(key, value)| (key.to_owned(), value.to_owned())).collect(),
        session,
    })
}

/// The kinds of principals that are told, as CloudTrail names them.
fn kind(kind: PrincipalType) -> &'static str {
    match kind {
        PrincipalType::Root => "Root",
        PrincipalType::IamUser => "IAMUser",
        PrincipalType::AssumedRole => "AssumedRole",
        PrincipalType::FederatedUser => "FederatedUser",
        _ => "Unknown",
    }
}
