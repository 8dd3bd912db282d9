//! (caller, action, resource, context) -> a permit, or a refusal in AWS's words.
//!
//! SECURITY: no operation checks permissions itself. It says what it needs; the policy engine
//! decides here, for every caller, with the policies as they are now.

use std::borrow::Cow;
use std::sync::Arc;

use daypass_directory::{AccessKeyStatus, Service as RegisteredService};
use daypass_names::AccountId;
use daypass_policy::{
    Attached, Context, Decision, Denial, Layers, Policy, Principal, Request, Value, decide,
};

use crate::authenticate::{Authenticated, invalid_token, require_open_still, service_behind};
use crate::caller::Identity;
use crate::conditions::conditions;
use crate::convert::found;
use crate::identify::Service;
use crate::operation::{Effect, Operation};
use crate::{Code, Fault};

/// Refuses the credentials that a service does not take at all, whatever the policies say.
///
/// AWS STS API reference, "GetSessionToken": without MFA its credentials cannot call IAM, and of
/// STS only AssumeRole and GetCallerIdentity. AWS answers the first as if the token were unknown.
/// That holds for the root user's too, which can never have MFA.
///
/// A service may assume roles and do nothing else, not even ask who it is.
pub(crate) fn admit<O: Operation>(call: &Authenticated<'_>) -> Result<(), Fault> {
    if matches!(call.caller.identity(), Identity::Service(_)) && !O::FOR_SERVICES {
        let service = call.identified.service.signing_name();
        let (caller, name) = (call.caller.shown(), O::NAME);
        let message = format!("User: {caller} is not authorized to perform: {service}:{name}");
        return Err(Fault::new(Code::AccessDenied, message).because("services assume roles only"));
    }
    let Some(session) = call.caller.session().filter(|_| call.caller.is_user_session()) else {
        return Ok(());
    };
    if call.identified.service == Service::Iam && session.facts.mfa_at_s.is_none() {
        return Err(invalid_token("IAM called with a user session without MFA"));
    }
    Ok(())
}

/// One thing that the caller must be allowed to do.
#[derive(Debug)]
pub(crate) struct Need {
    /// Such as `iam:CreateUser`.
    pub(crate) action: &'static str,
    /// The ARN that it is done to, or `*` for actions that have no resource.
    pub(crate) resource: Cow<'static, str>,
    /// What a refusal calls the resource, where that is not its ARN.
    pub(crate) shown: Option<String>,
    /// The account that the resource belongs to.
    pub(crate) account: AccountId,
    /// Condition keys of this action, beside those of every request.
    pub(crate) keys: Vec<(Cow<'static, str>, Value<'static>)>,
    /// Condition keys of this action that have several values.
    pub(crate) lists: Vec<(&'static str, Vec<Value<'static>>)>,
    /// The trust policy, where the action is to assume a role.
    pub(crate) trust: Option<Arc<Policy>>,
    /// One identity policy more, that the account gives the caller for this action.
    pub(crate) granted: Option<Arc<Policy>>,
}

impl Need {
    /// An action on a resource of an account, without further keys.
    pub(crate) fn new(
        action: &'static str,
        resource: impl Into<Cow<'static, str>>,
        account: AccountId,
    ) -> Self {
        let resource = resource.into();
        let (keys, lists) = (Vec::new(), Vec::new());
        Self { action, resource, shown: None, account, keys, lists, trust: None, granted: None }
    }

    /// Names the resource in refusals as the caller did (`user Ann`), as AWS does: the ARN of an
    /// existing entity would tell its path, and that it exists, to somebody who may not know.
    #[must_use]
    pub(crate) fn shown_as(self, shown: String) -> Self {
        Self { shown: Some(shown), ..self }
    }
}

/// The proof that the caller may perform `O` with this input on this subject.
#[derive(Debug)]
pub(crate) struct Permit<O: Operation> {
    input: O::Input,
    subject: O::Subject,
}

impl<O: Operation> Permit<O> {
    /// The parameters that were authorised.
    pub(crate) fn input(&self) -> &O::Input {
        &self.input
    }

    /// What was looked up to authorise them.
    pub(crate) fn subject(&self) -> &O::Subject {
        &self.subject
    }
}

/// Decides whether the caller may perform `O`.
pub(crate) async fn authorise<O: Operation>(
    call: &Authenticated<'_>,
    input: O::Input,
) -> Result<Permit<O>, Fault> {
    let (needs, subject) = O::needs(call, &input).await?;
    if O::EFFECT == Effect::Writes {
        refuse_under_revocation(call, O::NAME)?;
    }
    allow_all(call, &needs).await?;
    Ok(Permit { input, subject })
}

/// Refuses unless every need is allowed by the policies as they are now.
pub(crate) async fn allow_all(call: &Authenticated<'_>, needs: &[Need]) -> Result<(), Fault> {
    if needs.is_empty() {
        return Ok(());
    }
    let policies = call.caller.policies(&call.app.directory).await?;
    if call.identified.operation.effect() == Effect::Writes {
        // SECURITY: who is bound or denied something meanwhile must not win the race against it.
        if let Some(seen) = call.caller.seen()? {
            call.see(Ok(seen))?;
        }
        see_access_key(call).await?;
        see_service(call).await?;
        policies.seen()?.into_iter().try_for_each(|seen| call.see(Ok(seen)))?;
    }
    let identity = policies.attached();
    let session = call.caller.session_policies();
    for need in needs {
        let widened = need.granted.as_deref().map(|policy| {
            let granted = Attached { name: "account", policy };
            identity.iter().copied().chain([granted]).collect::<Vec<_>>()
        });
        let identity = widened.as_deref().unwrap_or(&identity);
        let layers = Layers {
            session: session.as_deref(),
            trust: need.trust.as_deref(),
            ..own_layers(identity, policies.boundary.as_deref())
        };
        allow(call, need, &layers)?;
    }
    Ok(())
}

/// The layers that bind a user or role by itself, for a live call and for a simulated one: the
/// simulators cannot know of a layer less than live calls do.
pub(crate) fn own_layers<'a>(
    identity: &'a [Attached<'a>],
    boundary: Option<&'a Policy>,
) -> Layers<'a> {
    Layers { identity, boundary, ..Layers::default() }
}

/// The access key that a write hangs on, its own or that of the user's session: it must not be
/// taken out of use meanwhile. Authentication, which comes again then, says so in its words.
async fn see_access_key(call: &Authenticated<'_>) -> Result<(), Fault> {
    let caller = &call.caller;
    let id = match caller.session() {
        Some(session) => session.facts.creating_access_key.as_ref(),
        None => Some(caller.access_key_id()),
    };
    let Some(id) = id else { return Ok(()) };
    match found(call.app.directory.access_key(id).await)? {
        Some(key) if key.status == AccessKeyStatus::Active => call.see(key.seen()),
        _ => Err(Fault::overtaken()),
    }
}

/// The service that the caller's session began with: it must not be removed meanwhile.
async fn see_service(call: &Authenticated<'_>) -> Result<(), Fault> {
    let Some(session) = call.caller.session() else { return Ok(()) };
    match service_behind(call.app, &session.facts).await? {
        Some(service) => call.see(service.seen()),
        None => Ok(()),
    }
}

/// Refuses a write by whoever is under revocation, by a key or session that still works, so that
/// nobody undoes what was done against them; and whose account was closed meanwhile.
///
/// OFFENSAI 2025 (an attacker persists in the seconds before a deletion is known everywhere).
pub(crate) fn refuse_under_revocation(
    call: &Authenticated<'_>,
    operation: &str,
) -> Result<(), Fault> {
    require_open_still(call)?;
    let revocations = call.app.directory.revocations()?;
    let caller = &call.caller;
    let concerned = match (caller.session(), caller.identity()) {
        // Authentication refused it if it was revoked then; it may have been revoked since.
        (Some(session), _) => {
            revocations.concerns_session(&session.facts, call.now)
                || revocations.refuses(&session.facts, session.id, caller.access_key_id()).is_some()
        }
        (None, Identity::User(user)) => {
            revocations.concerns_principal(Some(user.id), caller.access_key_id(), call.now)
        }
        // The root user has no id to revoke: any of its keys stands for it, whichever signed.
        (None, Identity::Root(root)) => {
            let mut keys = root.record.root_access_keys.iter().chain([caller.access_key_id()]);
            keys.any(|id| revocations.concerns_principal(None, id, call.now))
        }
        (None, Identity::RoleSession { .. } | Identity::Service(_)) => true,
    };
    if !concerned {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: iam:{operation} while it is under revocation",
        caller.shown()
    );
    Err(Fault::new(Code::AccessDenied, message).because("a live revocation concerns the caller"))
}

fn allow(call: &Authenticated<'_>, need: &Need, layers: &Layers<'_>) -> Result<(), Fault> {
    if let Identity::Service(service) = call.caller.identity() {
        return allow_service(call, service, need, layers);
    }
    let decision = decided(call.caller.principal(), need, layers, &context(call, need));
    let Decision::Denied(denial) = decision else { return Ok(()) };
    let mut message = refusal(call, need);
    // Another account's caller learns nothing of what its policies say.
    if call.caller.home() == Some(need.account) {
        message.push_str(&denial.clause(need.action));
    }
    Err(Fault::new(Code::AccessDenied, message).because(cause(&denial)))
}

/// Lets a service in where one of its principals is trusted, in its accounts only.
///
/// SECURITY: it is not said as which of several principals a service asks. Each is decided on by
/// itself; one must be allowed, and none may be denied explicitly.
fn allow_service(
    call: &Authenticated<'_>,
    service: &RegisteredService,
    need: &Need,
    layers: &Layers<'_>,
) -> Result<(), Fault> {
    let refused = |cause| {
        let message = refusal(call, need);
        Err(Fault::new(Code::AccessDenied, message).because(cause))
    };
    if !service.accounts.contains(&need.account) {
        return refused(format!("the service is not registered for account {}", need.account));
    }
    let names = || service.principals.iter().map(|principal| principal.as_str().into()).collect();
    let (mut admitted, mut last) = (None, None);
    for principal in &service.principals {
        let mut context = context(call, need);
        context.insert("aws:PrincipalServiceName", principal.as_str());
        context.insert_list("aws:PrincipalServiceNamesList", names());
        // The service acts for the account whose role it asks for: there is no other to name.
        context.insert("aws:SourceAccount", need.account.as_str());
        let name = Principal::Service { name: principal.as_str() };
        match decided(name, need, layers, &context) {
            Decision::Allowed => admitted = admitted.or(Some(principal)),
            Decision::Denied(denial) if denial.explicit => return refused(cause(&denial)),
            Decision::Denied(denial) => last = Some(denial),
        }
    }
    match (admitted, last) {
        (Some(principal), _) => {
            call.note_principal(principal);
            Ok(())
        }
        (None, Some(denial)) => refused(cause(&denial)),
        (None, None) => refused("the service has no principal".to_owned()),
    }
}

/// The condition keys of a need.
fn context<'a>(call: &'a Authenticated<'_>, need: &'a Need) -> Context<'a> {
    let mut context = conditions(call);
    context.insert("aws:ResourceAccount", need.account.as_str());
    for (key, value) in &need.keys {
        context.insert(key.clone(), value.borrowed());
    }
    for (key, values) in &need.lists {
        context.insert_list(*key, values.clone());
    }
    context
}

fn decided(
    principal: Principal<'_>,
    need: &Need,
    layers: &Layers<'_>,
    context: &Context<'_>,
) -> Decision {
    let request = Request {
        principal,
        action: need.action,
        resource: &need.resource,
        resource_account: Some(need.account),
        context,
    };
    decide(layers, &request)
}

/// What is refused, in AWS's words, without the reason.
fn refusal(call: &Authenticated<'_>, need: &Need) -> String {
    let (caller, action) = (call.caller.shown(), need.action);
    let mut message = format!("User: {caller} is not authorized to perform: {action}");
    if need.resource != "*" {
        message.push_str(" on resource: ");
        message.push_str(need.shown.as_deref().unwrap_or(&need.resource));
    }
    message
}

/// Which statement decided, for the log. A policy that cannot be read is an error of its own there.
fn cause(denial: &Denial) -> String {
    let kind = if denial.explicit { "denied explicitly" } else { "not allowed" };
    let Denial { layer, policy, sid, statement, unreadable, .. } = denial;
    if let Some(why) = unreadable {
        let cause = match policy {
            Some(name) => format!("policy `{name}` of layer {layer:?} cannot be read: {why}"),
            None => format!("the policy of layer {layer:?} cannot be read: {why}"),
        };
        // Nobody but an operator can mend it, and among other refusals none would look for it.
        tracing::error!(cause, "a stored policy denies everything");
        return cause;
    }
    match (policy, statement) {
        (None, None) => format!("{kind} by layer {layer:?}"),
        _ => format!(
            "{kind} by layer {layer:?}, policy `{}`, statement {} `{}`",
            policy.as_deref().unwrap_or_default(),
            statement.unwrap_or_default(),
            sid.as_deref().unwrap_or_default(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use daypass_policy::Layer;

    use super::*;

    #[test]
    fn the_log_tells_what_decided() {
        let allowed_by_none = Denial {
            layer: Layer::Identity,
            explicit: false,
            policy: None,
            sid: None,
            statement: None,
            unreadable: None,
        };
        let denied = Denial { explicit: true, ..allowed_by_none.clone() };
        let why = Some("line 1, column 2: `Statment` is not known here".into());
        for (denial, want) in [
            (allowed_by_none, "not allowed by layer Identity"),
            (
                Denial {
                    policy: Some("home".into()),
                    sid: Some("Lock".into()),
                    statement: Some(3),
                    ..denied.clone()
                },
                "denied explicitly by layer Identity, policy `home`, statement 3 `Lock`",
            ),
            (
                Denial { policy: Some("sealed".into()), unreadable: why.clone(), ..denied.clone() },
                "policy `sealed` of layer Identity cannot be read: \
                 line 1, column 2: `Statment` is not known here",
            ),
            (
                Denial { layer: Layer::Trust, unreadable: why, ..denied },
                "the policy of layer Trust cannot be read: \
                 line 1, column 2: `Statment` is not known here",
            ),
        ] {
            assert_eq!(cause(&denial), want);
        }
    }
}
