//! The audit record of a call whose caller was proven: allowed, refused or failed.

use std::borrow::Cow;

use daypass_audit::{
    Event, Member, Parameters, PrincipalType, Record, Resource, Scalar, SessionAttributes,
    SessionContext, SessionIssuer, Text, UserIdentity,
};
use daypass_federation::saml::Digest;
use daypass_names::AccountId;
use daypass_query::{Fields, Form, TextRule};
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::authenticate::Authenticated;
use crate::bearer::{AssertionBearer, Claims, TokenBearer};
use crate::caller::{Caller, CallerSession, Creator, Identity};
use crate::conditions::text;
use crate::identify::Service;
use crate::operation::{Done, Effect, Recorded};
use crate::response_elements::lower_camel;
use crate::{App, Fault, RequestId, federation_facts};

/// Where CloudTrail tells the endpoint that was asked.
const REQUEST_DETAILS: &str = "RequestDetails";

/// Tells that the assertion was used before.
const USED_AGAIN: &str = "sAMLAssertionUsedAgain";

/// Builds the record of a call that ended well, or with `fault`. It borrows nearly all of it.
pub(crate) fn record<'a>(
    call: &'a Authenticated<'_>,
    done: &'a Done<'_>,
    fault: Option<&'a Fault>,
) -> Result<Record<'a>, Fault> {
    let service = call.identified.service;
    let event = Event {
        event_id: RequestId::from_random(call.app.random.id()?).into(),
        request_id: call.received.id.into(),
        time: call.now,
        source: service.event_source().into(),
        name: call.identified.operation.name().into(),
        region: Cow::Borrowed(call.region()),
        source_ip_address: call.received.source_ip.into(),
    };
    let mut record = Record::new(event, user_identity(&call.caller, call.invoked_by()));
    record.user_agent = text(&call.received.headers, &http::header::USER_AGENT).map(Cow::Borrowed);
    if let Some(fault) = fault {
        record.error_code = Some(fault.code().as_str().into());
        record.error_message = Some(fault.message().into());
    }
    record.request_parameters = done.request_parameters.as_ref().map(Parameters::borrowed);
    record.response_elements = done.response_elements.as_ref().map(Parameters::borrowed);
    record.read_only = Some(done.effect != Effect::Writes);
    record.resources = Cow::Borrowed(&done.resources);
    record.api_version = Some(service.version().into());
    record.recipient_account_id = call.caller.home();
    let mut additional = Map::new();
    if let Some(endpoint) = call.endpoint.filter(|_| service == Service::Sts) {
        additional.insert(REQUEST_DETAILS.to_owned(), endpoint.recorded());
    }
    if fault.is_none()
        && let Some(id) = call.private_key()
    {
        additional.insert("privateKeyId".to_owned(), id.into());
    }
    if done.effect == Effect::Grants
        && let Some(session) = call.caller.session()
        && !session.facts.ancestors.is_empty()
    {
        // The caller's own key is in `userIdentity`.
        let keys = session.facts.ancestors.iter().map(|ancestor| ancestor.access_key_id.as_str());
        additional.insert("ancestors".to_owned(), keys.collect::<Value>());
    }
    if let Identity::Service(service) = call.caller.identity() {
        // The account whose role it asked for.
        //
        // SECURITY: where the service has nothing to do it writes into nobody's trail, and a number
        // that it made up is no account.
        let asked_for = done.resources.first().and_then(|resource| resource.account_id);
        let is_its = |account: &AccountId| service.accounts.contains(account);
        record.recipient_account_id = asked_for.filter(is_its);
        additional.insert("service".to_owned(), service.name.as_str().into());
    }
    if let Identity::Bearer(bearer) = call.caller.identity() {
        record.recipient_account_id = Some(bearer.account());
        record.resources.to_mut().push(Resource {
            arn: bearer.provider().clone(),
            account_id: Some(bearer.account()),
            kind: match bearer.assertion() {
                Some(_) => "AWS::IAM::SAMLProvider",
                None => "AWS::IAM::OIDCProvider",
            },
        });
        if call.is_used_again() {
            additional.insert(USED_AGAIN.to_owned(), true.into());
        }
    }
    if !additional.is_empty() {
        record.additional_event_data = Some(Value::Object(additional).into());
    }
    Ok(record)
}

/// The copy of a record that the owner of a role of another account gets: who called, without what
/// is the caller's account's own business. Both have the same shared id.
pub(crate) fn owners_copy<'a>(
    call: &'a Authenticated<'_>,
    callers: &mut Record<'a>,
    owner: AccountId,
) -> Result<Record<'a>, Fault> {
    let mut copy = shared_copy(call.app, callers, owner)?;
    // The chain before is the caller's account's own business as well; where it was asked is not.
    let endpoint = call.endpoint.map(|endpoint| json!({ REQUEST_DETAILS: endpoint.recorded() }));
    copy.additional_event_data = endpoint.map(Into::into);
    Ok(copy)
}

/// A copy of a record for another account: who called is told as CloudTrail tells it there, and all
/// else as in the record.
pub(crate) fn shared_copy<'a>(
    app: &App,
    callers: &mut Record<'a>,
    owner: AccountId,
) -> Result<Record<'a>, Fault> {
    let shared = RequestId::from_random(app.random.id()?);
    callers.shared_event_id = Some(shared.into());
    let mut copy = callers.clone();
    copy.event_id = RequestId::from_random(app.random.id()?).into();
    copy.user_identity = UserIdentity::new(PrincipalType::AwsAccount);
    copy.user_identity.principal_id = callers.user_identity.principal_id.clone();
    copy.user_identity.account_id = callers.user_identity.account_id;
    copy.recipient_account_id = Some(owner);
    Ok(copy)
}

impl From<RequestId> for Text<'_> {
    fn from(id: RequestId) -> Self {
        Self::uuid(*id.as_bytes())
    }
}

/// Who called; `service` is as which of its principals a registered service was let in.
pub(crate) fn user_identity<'a>(caller: &'a Caller, service: &'a str) -> UserIdentity<'a> {
    let (kind, user_name, principal_id) = match caller.identity() {
        Identity::Root(root) => {
            let name = root.alias.as_ref().map(|alias| Cow::Borrowed(alias.as_str()));
            (PrincipalType::Root, name, Some(Text::shown(&root.account)))
        }
        Identity::Service(_) => (PrincipalType::AwsService, None, None),
        Identity::Bearer(bearer) => {
            let (kind, id) = match (bearer.token(), bearer.assertion()) {
                (Some(TokenBearer { provider, token }), _) => {
                    let issuer = provider.url.without_scheme();
                    let id = format!("{issuer}:{}:{}", token.audience, token.subject);
                    (PrincipalType::WebIdentityUser, id)
                }
                (None, assertion) => {
                    let qualifier = assertion.map_or("", |one| &one.name_qualifier);
                    (PrincipalType::SamlUser, format!("{qualifier}:{}", bearer.subject()))
                }
            };
            (kind, Some(Cow::Borrowed(bearer.subject())), Some(id.into()))
        }
        Identity::User(user) => {
            let name = Some(Cow::Borrowed(user.name.as_str()));
            (PrincipalType::IamUser, name, Some(Text::shown(&user.id)))
        }
        Identity::FederatedUser(_) => {
            (PrincipalType::FederatedUser, None, caller.user_id().map(Into::into))
        }
        Identity::RoleSession { .. } => {
            (PrincipalType::AssumedRole, None, caller.user_id().map(Into::into))
        }
    };
    let mut identity = UserIdentity::new(kind);
    identity.user_name = user_name;
    identity.principal_id = principal_id;
    identity.arn = caller.arn().map(Cow::Borrowed);
    identity.account_id = caller.home();
    if matches!(caller.identity(), Identity::Service(_)) {
        identity.invoked_by = Some(service.into());
    }
    if let Identity::Bearer(bearer) = caller.identity() {
        identity.identity_provider = Some(match bearer.assertion() {
            Some(assertion) => assertion.name_qualifier.as_str().into(),
            None => bearer.provider().as_str().into(),
        });
    }
    identity.access_key_id = caller.access_key_id().map(Cow::Borrowed);
    identity.session_context = caller.session().map(|session| session_context(caller, session));
    identity
}

fn session_context<'a>(caller: &'a Caller, session: &'a CallerSession) -> SessionContext<'a> {
    let facts = &session.facts;
    let issuer = match caller.identity() {
        Identity::FederatedUser(federated) => Some(creator(&federated.creator)),
        Identity::Root(_) | Identity::Service(_) | Identity::User(_) | Identity::Bearer(_) => None,
        Identity::RoleSession { role, .. } => Some(SessionIssuer {
            kind: PrincipalType::Role,
            principal_id: Text::shown(&role.id),
            arn: Cow::Borrowed(&role.arn),
            account_id: role.account,
            user_name: Some(role.name.as_str().into()),
        }),
    };
    let attributes = SessionAttributes {
        creation_date: Timestamp::from_millisecond(facts.issued_ms).unwrap_or_default(),
        mfa_authenticated: caller.is_user_session() && facts.mfa_at_s.is_some(),
    };
    let mut context = SessionContext::new(issuer, attributes);
    context.web_id_federation_data = federation_facts::recorded(&facts.federation_facts);
    context.source_identity =
        facts.source_identity.as_ref().map(|identity| identity.as_str().into());
    context
}

/// Who made the session of a federated user.
fn creator(creator: &Creator) -> SessionIssuer<'_> {
    match creator {
        Creator::Root(root) => SessionIssuer {
            kind: PrincipalType::Root,
            principal_id: Text::shown(&root.account),
            arn: Cow::Borrowed(&root.arn),
            account_id: root.account,
            user_name: root.alias.as_ref().map(|alias| alias.as_str().into()),
        },
        Creator::User(user) => SessionIssuer {
            kind: PrincipalType::IamUser,
            principal_id: Text::shown(&user.id),
            arn: Cow::Borrowed(&user.arn),
            account_id: user.account,
            user_name: Some(user.name.as_str().into()),
        },
    }
}

/// The parameters as they were sent, of those that are recorded, ordered by name; nothing when
/// none was.
pub(crate) fn request_parameters<'a>(
    call: &'a Authenticated<'_>,
    recorded: &[Recorded],
) -> Option<Parameters<'a>> {
    let form = &call.identified.form;
    let is_list = |one: &Recorded| match *one {
        Recorded::Tags(name) | Recorded::Texts(name) | Recorded::Arns(name) => {
            form.fields().has(name)
        }
        Recorded::IncomingTransitiveTags => incoming_tags(&call.caller).next().is_some(),
        Recorded::Claims => !claims(&call.caller).is_empty(),
        _ => false,
    };
    if recorded.iter().any(is_list) {
        let members: Map<String, Value> =
            recorded.iter().filter_map(|one| recorded_member(form, one)).collect();
        let mut members = lower_camel(members);
        if recorded.iter().any(|one| matches!(one, Recorded::IncomingTransitiveTags)) {
            // The keys are not names of ours, and keep their case.
            let tags: Map<String, Value> = incoming_tags(&call.caller)
                .map(|(key, value)| (key.into(), value.into()))
                .collect();
            if !tags.is_empty() {
                members.insert("incomingTransitiveTags".to_owned(), tags.into());
            }
        }
        if recorded.iter().any(|one| matches!(one, Recorded::Claims)) {
            members.extend(claims(&call.caller));
        }
        return (!members.is_empty()).then(|| Value::Object(members).into());
    }
    let mut members = Vec::with_capacity(recorded.len());
    for parameter in recorded {
        let (Recorded::Text(name)
        | Recorded::Number(name)
        | Recorded::Flag(name)
        | Recorded::Hidden(name)
        | Recorded::Digest(name)) = *parameter
        else {
            continue;
        };
        let Some(text) = form.text(name) else { continue };
        let value = match parameter {
            Recorded::Number(_) => text.parse().ok().map(Scalar::Number),
            Recorded::Flag(_) => text.parse().ok().map(Scalar::Flag),
            Recorded::Digest(_) => Some(Scalar::Text(digested(text).into())),
            Recorded::Hidden(_) => Some(Scalar::Text(HIDDEN.into())),
            _ => None,
        };
        let member: Member<'a> = (name, value.unwrap_or(Scalar::Text(text.into())));
        members.push(member);
    }
    members.sort_unstable_by_key(|(name, _)| *name);
    (!members.is_empty()).then(|| members.into())
}

/// The tags that the calling session passes on, keys and values.
fn incoming_tags(caller: &Caller) -> impl Iterator<Item = (&str, &str)> {
    let facts = caller.session().map(|session| &session.facts);
    facts.into_iter().flat_map(|facts| {
        let keys = facts.transitive_tag_keys.iter();
        keys.filter_map(|key| facts.tags.iter().find(|tag| tag.key == *key))
            .map(|tag| (tag.key.as_str(), tag.value.as_str()))
    })
}

/// The tags and the source identity that a token or an assertion claims, and of an assertion its id
/// and the name of the session, as CloudTrail names them; tags keep the case of their keys.
fn claims(caller: &Caller) -> Map<String, Value> {
    let mut claims = Map::new();
    let Identity::Bearer(bearer) = caller.identity() else { return claims };
    let Claims { tags, transitive_tag_keys, source_identity } = bearer.claims();
    if !tags.is_empty() {
        let tags = tags.iter().map(|(key, value)| (key.clone(), value.as_str().into()));
        claims.insert("principalTags".to_owned(), tags.collect::<Map<_, _>>().into());
    }
    if !transitive_tag_keys.is_empty() {
        claims.insert("transitiveTagKeys".to_owned(), transitive_tag_keys.to_vec().into());
    }
    if let Some(identity) = source_identity {
        claims.insert("sourceIdentity".to_owned(), identity.into());
    }
    if let Some(AssertionBearer { assertion, .. }) = bearer.assertion() {
        let own = [
            ("sAMLAssertionID", &assertion.assertion_id),
            ("roleSessionName", &assertion.role_session_name),
        ];
        claims.extend(own.map(|(name, value)| (name.to_owned(), value.as_str().into())));
    }
    claims
}

/// A parameter where lists are among those that are recorded; nothing when it was not sent.
fn recorded_member(form: &Form<'_>, parameter: &Recorded) -> Option<(String, Value)> {
    let text = |name| form.text(name).map(|text| Value::String(text.to_owned()));
    let (name, value) = match *parameter {
        Recorded::Text(name) => (name, text(name)?),
        Recorded::Number(name) => {
            let number = form.text(name)?.parse::<i64>().ok().map(Value::from);
            (name, number.or_else(|| text(name))?)
        }
        Recorded::Flag(name) => {
            let flag = form.text(name)?.parse::<bool>().ok().map(Value::from);
            (name, flag.or_else(|| text(name))?)
        }
        Recorded::Digest(name) => (name, digested(form.text(name)?).into()),
        Recorded::Hidden(name) => (name, form.text(name).map(|_| HIDDEN.into())?),
        Recorded::Tags(name) => {
            let tag = |mut member: Fields<'_>| {
                let mut tag = Map::new();
                for part in ["Key", "Value"] {
                    let text = member.text(part, &ANY);
                    tag.extend(text.map(|text| (part.to_owned(), text.into())));
                }
                Value::Object(tag)
            };
            (name, listed(form, name, tag)?)
        }
        Recorded::Texts(name) => {
            (name, listed(form, name, |mut member| member.text("", &ANY).into())?)
        }
        Recorded::Arns(name) => {
            (name, listed(form, name, |mut member| json!({ "arn": member.text("arn", &ANY) }))?)
        }
        Recorded::Claims | Recorded::IncomingTransitiveTags => return None,
    };
    Some((name.to_owned(), value))
}

/// What stands in a record for a secret.
const HIDDEN: &str = "HIDDEN_DUE_TO_SECURITY_REASONS";

/// What stands in a record for a text that is too long for it.
fn digested(text: &str) -> String {
    format!("{} bytes, SHA-256 {}", text.len(), Digest::of(text.as_bytes()))
}

/// A list parameter, empty ones included.
fn listed(form: &Form<'_>, name: &str, item: impl Fn(Fields<'_>) -> Value) -> Option<Value> {
    let mut fields = form.fields();
    fields.has(name).then(|| Value::Array(fields.list(name).map(item).collect()))
}

/// What was decoded has been checked.
const ANY: TextRule = TextRule { min: 0, max: usize::MAX, pattern: "", fits: |_| true };
