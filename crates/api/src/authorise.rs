//! (caller, action, resource, context) -> a permit, or a refusal in AWS's words.
//!
//! SECURITY: no operation checks permissions itself. It says what it needs; the policy engine
//! decides here, for every caller, with the policies as they are now.

use std::borrow::Cow;
use std::sync::Arc;

use daypass_directory::AccessKeyStatus;
use daypass_names::AccountId;
use daypass_policy::{Attached, Decision, Denial, Layers, Policy, Request, Value, decide};

use crate::authenticate::{Authenticated, invalid_token};
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
pub(crate) fn admit(call: &Authenticated<'_>) -> Result<(), Fault> {
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
        call.see(call.caller.seen())?;
        see_access_key(call).await?;
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

/// Refuses a write by whoever is under revocation, by a key or session that still works, so that
/// nobody undoes what was done against them.
///
/// OFFENSAI 2025 (an attacker persists in the seconds before a deletion is known everywhere).
pub(crate) fn refuse_under_revocation(
    call: &Authenticated<'_>,
    operation: &str,
) -> Result<(), Fault> {
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
        (None, Identity::RoleSession { .. }) => true,
    };
    if !concerned {
        return Ok(());
    }
    let message = format!(
        "User: {} is not authorized to perform: iam:{operation} while it is under revocation",
        caller.arn()
    );
    Err(Fault::new(Code::AccessDenied, message).because("a live revocation concerns the caller"))
}

fn allow(call: &Authenticated<'_>, need: &Need, layers: &Layers<'_>) -> Result<(), Fault> {
    let mut context = conditions(call);
    context.insert("aws:ResourceAccount", need.account.as_str());
    for (key, value) in &need.keys {
        context.insert(key.clone(), value.borrowed());
    }
    for (key, values) in &need.lists {
        context.insert_list(*key, values.clone());
    }
    let request = Request {
        principal: call.caller.principal(),
        action: need.action,
        resource: &need.resource,
        resource_account: Some(need.account),
        context: &context,
    };
    let Decision::Denied(denial) = decide(layers, &request) else { return Ok(()) };
    let mut message =
        format!("User: {} is not authorized to perform: {}", call.caller.arn(), need.action);
    if need.resource != "*" {
        message.push_str(" on resource: ");
        message.push_str(need.shown.as_deref().unwrap_or(&need.resource));
    }
    // Another account's caller learns nothing of what its policies say.
    if need.account == call.caller.account() {
        message.push_str(&denial.clause(need.action));
    }
    Err(Fault::new(Code::AccessDenied, message).because(cause(&denial)))
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
