//! The audit record of a call whose caller was proven: allowed, refused or failed.

use daypass_audit::{
    Event, PrincipalType, Record, SessionAttributes, SessionContext, SessionIssuer, UserIdentity,
    parameter_date,
};
use daypass_query::Form;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::authenticate::Authenticated;
use crate::caller::{Caller, CallerSession, Identity};
use crate::conditions::text;
use crate::operation::{Done, Effect, Recorded};
use crate::{Fault, RequestId};

/// Builds the record of a call that ended well, or with `fault`.
pub(crate) fn record(
    call: &Authenticated<'_>,
    done: &Done,
    fault: Option<&Fault>,
) -> Result<Record, Fault> {
    let service = call.identified.service;
    let event = Event {
        event_id: RequestId::from_random(call.app.random.array()?).to_string(),
        request_id: call.received.id.to_string(),
        time: call.now,
        source: service.event_source().into(),
        name: call.identified.operation.name().into(),
        region: call.region().clone(),
        source_ip_address: call.received.source_ip.to_string(),
    };
    let mut record = Record::new(event, user_identity(&call.caller));
    let agent = text(&call.received.headers, &http::header::USER_AGENT);
    record.user_agent = agent.map(str::to_owned);
    if let Some(fault) = fault {
        record.error_code = Some(fault.code().as_str().to_owned());
        record.error_message = Some(fault.message().to_owned());
    }
    record.request_parameters = done.request_parameters.clone();
    record.response_elements = done.response_elements.clone();
    record.read_only = Some(done.effect != Effect::Writes);
    record.resources = done.resources.clone();
    record.api_version = Some(service.version().into());
    record.recipient_account_id = Some(call.caller.account());
    Ok(record)
}

fn user_identity(caller: &Caller) -> UserIdentity {
    let kind = match caller.identity() {
        Identity::User(_) => PrincipalType::IamUser,
        Identity::RoleSession { .. } => PrincipalType::AssumedRole,
    };
    let mut identity = UserIdentity::new(kind);
    if let Identity::User(user) = caller.identity() {
        identity.user_name = Some(user.name.to_string());
    }
    identity.principal_id = Some(caller.user_id());
    identity.arn = Some(caller.arn().clone());
    identity.account_id = Some(caller.account());
    identity.access_key_id = Some(caller.access_key_id().clone());
    identity.session_context = caller.session().map(|session| session_context(caller, session));
    identity
}

fn session_context(caller: &Caller, session: &CallerSession) -> SessionContext {
    let facts = &session.facts;
    let issuer = match caller.identity() {
        Identity::User(_) => None,
        Identity::RoleSession { role, .. } => Some(SessionIssuer {
            kind: PrincipalType::Role,
            principal_id: role.id.to_string(),
            arn: role.arn.clone(),
            account_id: role.account,
            user_name: Some(role.name.to_string()),
        }),
    };
    let attributes = SessionAttributes {
        creation_date: Timestamp::from_millisecond(facts.issued_ms).unwrap_or_default(),
        mfa_authenticated: caller.is_user_session() && facts.mfa_at_s.is_some(),
    };
    let mut context = SessionContext::new(issuer, attributes);
    context.source_identity = facts.source_identity.as_ref().map(ToString::to_string);
    context
}

/// The parameters as they were sent, of those that are recorded; nothing when none was.
pub(crate) fn request_parameters(form: &Form, recorded: &[Recorded]) -> Option<Value> {
    let mut members = Map::new();
    for parameter in recorded {
        let (Recorded::Text(name) | Recorded::Number(name)) = *parameter;
        let Some(text) = form.text(name) else { continue };
        let value = match parameter {
            Recorded::Text(_) => Value::from(text),
            Recorded::Number(_) => text.parse::<i64>().map_or_else(|_| text.into(), Value::from),
        };
        members.insert(lower_first(name), value);
    }
    (!members.is_empty()).then_some(Value::Object(members))
}

/// The response as the record holds it: member names in lower camel case, dates in CloudTrail's
/// form, and neither secret access keys nor session tokens.
pub(crate) fn response_elements(output: &impl Serialize) -> Result<Value, Fault> {
    let value = serde_json::to_value(output)
        .map_err(|error| Fault::internal(format!("recording a response: {error}")))?;
    Ok(lower_camel(value))
}

fn lower_camel(value: Value) -> Value {
    match value {
        Value::Object(members) => {
            let said = |(name, value): &(String, Value)| !is_secret(name) && !value.is_null();
            let kept = members.into_iter().filter(said);
            let kept = kept.map(|(name, value)| {
                let value = if is_date(&name) { recorded_date(value) } else { lower_camel(value) };
                (lower_first(&name), value)
            });
            Value::Object(kept.collect::<Map<_, _>>())
        }
        Value::Array(items) => Value::Array(items.into_iter().map(lower_camel).collect()),
        other => other,
    }
}

/// AWS records session tokens; we do not (`docs/divergences.md`).
fn is_secret(member: &str) -> bool {
    matches!(member, "SecretAccessKey" | "SessionToken")
}

fn is_date(member: &str) -> bool {
    matches!(member, "CreateDate" | "Expiration")
}

fn recorded_date(value: Value) -> Value {
    match value.as_str().and_then(|text| text.parse::<Timestamp>().ok()) {
        Some(instant) => Value::String(parameter_date(instant)),
        None => value,
    }
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars
        .next()
        .map_or_else(String::new, |first| first.to_ascii_lowercase().to_string() + chars.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn responses_are_recorded_without_their_secrets() {
        let output = json!({
            "Credentials": {
                "AccessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "SecretAccessKey": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                "SessionToken": "token",
                "Expiration": "2026-01-02T03:04:05Z",
            },
            "PackedPolicySize": 6,
            "SourceIdentity": null,
        });
        let want = json!({
            "credentials": {
                "accessKeyId": "ASIAIOSFODNN7EXAMPLE",
                "expiration": "Jan 2, 2026, 3:04:05 AM",
            },
            "packedPolicySize": 6,
        });
        assert_eq!(response_elements(&output).unwrap(), want);
    }
}
