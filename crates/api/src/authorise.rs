//! (caller, action, resource, context) -> a permit, or a refusal in AWS's words.
//!
//! SECURITY: no operation checks permissions itself. It says what it needs; the policy engine
//! decides here, for every caller, with the policies as they are now.

use std::borrow::Cow;
use std::sync::Arc;

use daypass_directory::Service as RegisteredService;
use daypass_names::{AccountId, Arn};
use daypass_policy::{
    Attached, Context, Decision, Layers, Policy, Principal, Request, Value, decide,
};

use crate::authenticate::{Authenticated, invalid_token};
use crate::bearer::Bearer;
use crate::caller::Identity;
use crate::conditions::conditions;
use crate::deciding::{
    Gathered, NotLetIn, cause, denying_policy, is_under_revocation, let_in, own_layers, seen_of,
};
use crate::identify::Service;
use crate::operation::{Effect, Operation, Sessions};
use crate::{Code, Fault};

/// Refuses the credentials that a service does not take at all, whatever the policies say.
///
/// AWS STS API reference, "GetSessionToken": without MFA its credentials cannot call IAM, and of
/// STS only AssumeRole and GetCallerIdentity. AWS answers the first as if the token were unknown.
/// That holds for the root user's too, which can never have MFA. "GetFederationToken": its
/// credentials call no IAM at all, and of STS only GetCallerIdentity.
///
/// A service may assume roles and do nothing else, not even ask who it is.
pub(crate) fn admit<O: Operation>(call: &Authenticated<'_>) -> Result<(), Fault> {
    admit_to(call, O::NAME, O::SESSIONS, O::FOR_SERVICES)
}

fn admit_to(
    call: &Authenticated<'_>,
    name: &str,
    sessions: Sessions,
    for_services: bool,
) -> Result<(), Fault> {
    if matches!(call.caller.identity(), Identity::Service(_)) && !for_services {
        let service = call.identified.service.signing_name();
        let caller = call.caller.shown();
        let message = format!("User: {caller} is not authorized to perform: {service}:{name}");
        return Err(Fault::new(Code::AccessDenied, message).because("services assume roles only"));
    }
    let caller = &call.caller;
    let Some(session) = caller.session() else { return Ok(()) };
    let is_federated = matches!(caller.identity(), Identity::FederatedUser(_));
    if call.identified.service == Service::Iam {
        return match (is_federated, caller.is_user_session(), session.facts.mfa_at_s) {
            (true, _, _) => Err(invalid_token("IAM called with a federated session")),
            (_, true, None) => Err(invalid_token("IAM called with a user session without MFA")),
            _ => Ok(()),
        };
    }
    let is_taken = match sessions {
        Sessions::All => true,
        Sessions::None => {
            let message = format!("Cannot call {name} with session credentials");
            return Err(Fault::new(Code::AccessDenied, message));
        }
        Sessions::OfRoles => !is_federated && !caller.is_user_session(),
        Sessions::OfRolesAndUsers => !is_federated,
    };
    if is_taken {
        return Ok(());
    }
    let caller = caller.shown();
    let message = format!("User: {caller} is not authorized to perform: sts:{name}");
    Err(Fault::new(Code::AccessDenied, message).because("not with the credentials of its session"))
}

/// One thing that the caller must be allowed to do.
#[derive(Debug)]
pub(crate) struct Need {
    /// Such as `iam:CreateUser`.
    pub(crate) action: &'static str,
    /// Further actions on the same resource, under the same keys, that must be allowed as well.
    pub(crate) also: &'static [&'static str],
    /// The ARN that it is done to, or `*` for actions that have no resource.
    pub(crate) resource: Cow<'static, str>,
    /// What a refusal calls the resource, where that is not its ARN.
    pub(crate) shown: Option<String>,
    /// The account that the resource belongs to.
    pub(crate) account: AccountId,
    /// Condition keys of this action, beside those of every request.
    pub(crate) keys: Vec<(Cow<'static, str>, Value<'static>)>,
    /// Condition keys of this action that have several values.
    pub(crate) lists: Vec<(Cow<'static, str>, Vec<Value<'static>>)>,
    /// The trust policy, where the action is to assume a role; one that lets nobody in, where there is
    /// no such role.
    pub(crate) trust: Option<Arc<Policy>>,
    /// Whether there is no such role: for the log, since nobody who is refused learns of it.
    pub(crate) is_missing: bool,
    /// One identity policy more, that the account gives the caller for this action.
    pub(crate) granted: Option<Arc<Policy>>,
    /// Whether everybody may who is not denied it explicitly. Not for what has a trust policy.
    pub(crate) unless_denied: bool,
}

impl Need {
    /// An action on a resource of an account, without further keys.
    pub(crate) fn new(
        action: &'static str,
        resource: impl Into<Cow<'static, str>>,
        account: AccountId,
    ) -> Self {
        Self {
            action,
            also: &[],
            resource: resource.into(),
            shown: None,
            account,
            keys: Vec::new(),
            lists: Vec::new(),
            trust: None,
            is_missing: false,
            granted: None,
            unless_denied: false,
        }
    }

    /// The actions, in the order in which they are decided.
    fn actions(&self) -> impl Iterator<Item = &'static str> {
        std::iter::once(self.action).chain(self.also.iter().copied())
    }

    /// Needs no Allow: only a Deny refuses.
    #[must_use]
    pub(crate) fn unless_denied(self) -> Self {
        Self { unless_denied: true, ..self }
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
    let gathered = Gathered::of(&call.app.directory, &call.caller).await?;
    if call.identified.operation.effect() == Effect::Writes {
        let seen = seen_of(call.app, &call.caller).await?.into_iter();
        seen.chain(gathered.seen()?).try_for_each(|seen| call.see(Ok(seen)))?;
    }
    let policies = &gathered.own;
    let identity = policies.attached();
    let session = gathered.session();
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
        allow(call, need, &layers, policies.boundary_arn())?;
    }
    Ok(())
}

/// Refuses a write by whoever is under revocation, by a key or session that still works, so that
/// nobody undoes what was done against them; and whose account was closed meanwhile.
///
/// OFFENSAI 2025 (an attacker persists in the seconds before a deletion is known everywhere).
pub(crate) fn refuse_under_revocation(
    call: &Authenticated<'_>,
    operation: &str,
) -> Result<(), Fault> {
    if !is_under_revocation(call.app, &call.caller, call.now)? {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: iam:{operation} while it is under revocation",
        call.caller.shown()
    );
    Err(Fault::new(Code::AccessDenied, message).because("a live revocation concerns the caller"))
}

fn allow(
    call: &Authenticated<'_>,
    need: &Need,
    layers: &Layers<'_>,
    boundary: Option<&Arn>,
) -> Result<(), Fault> {
    match call.caller.identity() {
        Identity::Service(service) => return allow_service(call, service, need, layers),
        Identity::Bearer(bearer) => return allow_bearer(call, bearer, need, layers),
        _ => {}
    }
    // SECURITY: where somebody is to be let in, whether a policy reads any key must not show in how
    // long it takes: there may be no such role.
    let context = match need.trust.is_some() || layers.read_context() {
        true => context(call, need),
        false => Context::default(),
    };
    for action in need.actions() {
        let decision = decided(call.caller.principal(), need, action, layers, &context);
        let Decision::Denied(denial) = decision else { continue };
        // SECURITY: what cannot be read denies explicitly.
        if need.unless_denied && !denial.explicit {
            continue;
        }
        let mut message = refusal(call, need, action);
        // Another account's caller learns nothing of what its policies say.
        if call.caller.home() == Some(need.account) {
            message.push_str(&denial.clause(action));
            if let Some(arn) = denying_policy(&denial, boundary, need.account) {
                message.push_str(": ");
                message.push_str(arn.as_str());
            }
        }
        return Err(Fault::new(Code::AccessDenied, message).because(cause(&denial)));
    }
    Ok(())
}

/// Lets a service in where one of its principals is trusted, in its accounts only.
fn allow_service(
    call: &Authenticated<'_>,
    service: &RegisteredService,
    need: &Need,
    layers: &Layers<'_>,
) -> Result<(), Fault> {
    let actions: Vec<&'static str> = need.actions().collect();
    let context = context(call, need);
    let decide = |name: Principal<'_>, action: &str, context: &Context<'_>| {
        decided(name, need, action, layers, context)
    };
    match let_in(service, &need.account, &actions, &context, decide) {
        Ok(principal) => {
            call.note_principal(principal);
            Ok(())
        }
        Err(NotLetIn { action, cause, .. }) => {
            let message = refusal(call, need, action);
            Err(Fault::new(Code::AccessDenied, message).because(cause))
        }
    }
}

/// The issuers that AWS has built in. Trust policies name them by their hosts; here they are
/// registered like all others, and have both names.
const BUILT_IN: [&str; 2] = ["accounts.google.com", "cognito-identity.amazonaws.com"];

/// Lets in whom a token or an assertion names where the provider is trusted by name: by its ARN or,
/// for an issuer of tokens that AWS has built in, by its host.
///
/// SECURITY: each name is decided on by itself; one must be allowed all actions, and neither may be
/// denied any of them explicitly. Whatever the reason is, the answer is one, so that nobody learns
/// which roles there are; the log has the reason and the role.
fn allow_bearer(
    call: &Authenticated<'_>,
    bearer: &Bearer,
    need: &Need,
    layers: &Layers<'_>,
) -> Result<(), Fault> {
    let provider = bearer.provider();
    let host = bearer.token().map(|bearer| bearer.provider.url.without_scheme());
    let host = host.filter(|host| BUILT_IN.contains(host));
    let refused = |cause: String| {
        let message = format!("Not authorized to perform {}", need.action);
        let role = &need.resource;
        let cause = match need.is_missing {
            true => format!("there is no role {role}"),
            false => format!("{cause}, in the trust policy of {role}"),
        };
        Err(Fault::new(Code::AccessDenied, message).because(cause))
    };
    let mut admitted = None;
    let mut lacking = None;
    for name in [Some(provider.as_str()), host].into_iter().flatten() {
        let mut context = context(call, need);
        context.insert("aws:FederatedProvider", name);
        let mut is_admitted = true;
        for action in need.actions() {
            match decided(Principal::Federated { provider: name }, need, action, layers, &context) {
                Decision::Allowed => {}
                Decision::Denied(denial) if denial.explicit => return refused(cause(&denial)),
                Decision::Denied(denial) => {
                    is_admitted = false;
                    lacking = lacking.or_else(|| Some(format!("{action}: {}", cause(&denial))));
                }
            }
        }
        admitted = admitted.or(is_admitted.then_some(name));
    }
    match admitted {
        Some(name) => {
            call.note_federated(name);
            Ok(())
        }
        None => refused(lacking.unwrap_or_default()),
    }
}

/// The condition keys of a need.
fn context<'a>(call: &'a Authenticated<'_>, need: &'a Need) -> Context<'a> {
    let mut context = conditions(call.circumstances());
    context.insert("aws:ResourceAccount", need.account.as_str());
    for (key, value) in &need.keys {
        context.insert(key.clone(), value.borrowed());
    }
    for (key, values) in &need.lists {
        context.insert_list(key.clone(), values.clone());
    }
    context
}

fn decided(
    principal: Principal<'_>,
    need: &Need,
    action: &str,
    layers: &Layers<'_>,
    context: &Context<'_>,
) -> Decision {
    let request = Request {
        principal,
        action,
        resource: &need.resource,
        resource_account: Some(need.account),
        context,
    };
    decide(layers, &request)
}

/// What is refused, in AWS's words, without the reason.
fn refusal(call: &Authenticated<'_>, need: &Need, action: &str) -> String {
    let caller = call.caller.shown();
    let mut message = format!("User: {caller} is not authorized to perform: {action}");
    if need.resource != "*" {
        message.push_str(" on resource: ");
        message.push_str(need.shown.as_deref().unwrap_or(&need.resource));
    }
    message
}
