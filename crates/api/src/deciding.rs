//! What every decision about a caller stands on, whoever asks for it: an operation, or an enforcement
//! point such as the S3 gateway.

use std::borrow::Cow;

use daypass_directory::{
    AccessKeyStatus, Directory, EffectivePolicies, Seen, Service as RegisteredService,
};
use daypass_names::{AccountId, Arn, ServicePrincipal};
use daypass_policy::{Attached, Context, Decision, Denial, Layer, Layers, Policy, Principal};
use jiff::Timestamp;

use crate::authenticate::{require_open_still, service_behind};
use crate::caller::{Caller, Identity};
use crate::convert::found;
use crate::sts::session_policies::InForce;
use crate::{App, Fault};

/// The policies that bind a caller, as they are now.
#[derive(Debug)]
pub(crate) struct Gathered<'a> {
    pub(crate) own: EffectivePolicies,
    session: Option<InForce<'a>>,
}

impl<'a> Gathered<'a> {
    /// Looks them up.
    pub(crate) async fn of(directory: &Directory, caller: &'a Caller) -> Result<Self, Fault> {
        let own = caller.policies(directory).await?;
        let session = match caller.session() {
            Some(session) => InForce::of(directory, session).await?,
            None => None,
        };
        Ok(Self { own, session })
    }

    /// Those of nobody, who has none.
    pub(crate) fn none() -> Self {
        Self { own: EffectivePolicies::default(), session: None }
    }

    /// The session policies as the policy engine takes them; `None` when the session was made without
    /// any, or there is no session.
    pub(crate) fn session(&self) -> Option<Vec<Attached<'_>>> {
        self.session.as_ref().map(InForce::attached)
    }

    /// Where they were found, for a write that is decided by them.
    pub(crate) fn seen(&self) -> Result<Vec<Seen>, Fault> {
        let session = self.session.as_ref().map(InForce::seen).transpose()?.unwrap_or_default();
        Ok(self.own.seen()?.into_iter().chain(session).collect())
    }
}

/// The layers that bind a user or role by itself, for a live call and for a simulated one: the
/// simulators cannot know of a layer less than live calls do.
pub(crate) fn own_layers<'a>(
    identity: &'a [Attached<'a>],
    boundary: Option<&'a Policy>,
) -> Layers<'a> {
    Layers { identity, boundary, ..Layers::default() }
}

/// What a write by a caller is decided on, beside policies: the principal, the access key that it
/// hangs on, and the service that its session began with.
///
/// SECURITY: who is bound or denied something meanwhile must not win the race against it.
///
/// # Errors
/// [`Fault::overtaken`] when the key is out of use already: authentication, which comes again then,
/// says so in its words.
pub(crate) async fn seen_of(app: &App, caller: &Caller) -> Result<Vec<Seen>, Fault> {
    let mut seen: Vec<Seen> = caller.seen()?.into_iter().collect();
    let id = match caller.session() {
        Some(session) => session.facts.creating_access_key.as_ref(),
        None => caller.access_key_id(),
    };
    if let Some(id) = id {
        match found(app.directory.access_key(id).await)? {
            Some(key) if key.status == AccessKeyStatus::Active => seen.push(key.seen()?),
            _ => return Err(Fault::overtaken()),
        }
    }
    if let Some(session) = caller.session()
        && let Some(service) = service_behind(app, &session.facts).await?
    {
        seen.push(service.seen()?);
    }
    Ok(seen)
}

/// Whether a revocation concerns the caller, by a key or session that still works.
///
/// # Errors
/// When the caller's account was closed meanwhile, or nobody knows the revocations.
pub(crate) fn is_under_revocation(
    app: &App,
    caller: &Caller,
    now: Timestamp,
) -> Result<bool, Fault> {
    require_open_still(app, caller)?;
    let revocations = app.directory.revocations()?;
    Ok(match (caller.session(), caller.identity(), caller.access_key_id()) {
        // Authentication refused it if it was revoked then; it may have been revoked since.
        (Some(session), _, Some(id)) => {
            revocations.concerns_session(&session.facts, now)
                || revocations.refuses(&session.facts, session.id, id).is_some()
        }
        (None, Identity::User(user), Some(id)) => {
            revocations.concerns_principal(Some(user.id), id, now)
        }
        // The root user has no id to revoke: any of its keys stands for it, whichever signed.
        (None, Identity::Root(root), Some(id)) => {
            let mut keys = root.record.root_access_keys.iter().chain([id]);
            keys.any(|id| revocations.concerns_principal(None, id, now))
        }
        // Of the others none writes without a session, and nobody writes who did not sign.
        _ => true,
    })
}

/// Why a service is not let in.
#[derive(Debug)]
pub(crate) struct NotLetIn<'a> {
    /// What it lacks.
    pub(crate) action: &'a str,
    /// What decided, if a policy did.
    pub(crate) denial: Option<Denial>,
    /// For the log.
    pub(crate) cause: String,
}

/// Lets a service in where one of its principals may do all `actions`, in its accounts only. Answers
/// which of them that is.
///
/// SECURITY: it is not said as which of several principals a service asks. Each is decided on by
/// itself; one must be allowed all actions, and none may be denied any of them explicitly.
pub(crate) fn let_in<'s, 'n>(
    service: &'s RegisteredService,
    account: &'s AccountId,
    actions: &[&'n str],
    base: &Context<'s>,
    decide: impl Fn(Principal<'_>, &'n str, &Context<'_>) -> Decision,
) -> Result<&'s ServicePrincipal, NotLetIn<'n>> {
    let first = actions.first().copied().unwrap_or_default();
    if !service.accounts.contains(account) {
        let cause = format!("the service is not registered for account {account}");
        return Err(NotLetIn { action: first, denial: None, cause });
    }
    let names = || service.principals.iter().map(|principal| principal.as_str().into()).collect();
    let refused = |action, denial: Denial| {
        let cause = cause(&denial);
        Err(NotLetIn { action, denial: Some(denial), cause })
    };
    let mut admitted = None;
    // What the principal lacks that got furthest: of one that is trusted, what else it needs.
    let mut nearest: Option<(usize, &'n str, Denial)> = None;
    for principal in &service.principals {
        let mut context = base.clone();
        context.insert("aws:PrincipalServiceName", principal.as_str());
        context.insert_list("aws:PrincipalServiceNamesList", names());
        // The service acts for the account whose resource it asks for: there is no other to name.
        context.insert("aws:SourceAccount", account.as_str());
        let name = Principal::Service { name: principal.as_str() };
        let mut lacking = None;
        for (step, action) in actions.iter().copied().enumerate() {
            match decide(name, action, &context) {
                Decision::Allowed => {}
                Decision::Denied(denial) if denial.explicit => return refused(action, denial),
                Decision::Denied(denial) => lacking = lacking.or(Some((step, action, denial))),
            }
        }
        match lacking {
            None => admitted = admitted.or(Some(principal)),
            Some(lacking) if nearest.as_ref().is_none_or(|(step, ..)| *step < lacking.0) => {
                nearest = Some(lacking);
            }
            Some(_) => {}
        }
    }
    match (admitted, nearest) {
        (Some(principal), _) => Ok(principal),
        (None, Some((_, action, denial))) => refused(action, denial),
        (None, None) => {
            let cause = "the service has no principal".to_owned();
            Err(NotLetIn { action: first, denial: None, cause })
        }
    }
}

/// The ARN of the policy that denies explicitly, if it is a managed one of that account.
///
/// IAM user guide, "Troubleshoot access denied error messages": since early 2026 an explicit denial
/// names the policy, within the account. Inline policies, trust policies and session policies that
/// were passed as text have no ARN.
pub(crate) fn denying_policy<'a>(
    denial: &'a Denial,
    boundary: Option<&'a Arn>,
    account: AccountId,
) -> Option<Cow<'a, Arn>> {
    if !denial.explicit {
        return None;
    }
    let arn = match denial.layer {
        // There is one, and so the engine does not name it.
        Layer::Boundary => Cow::Borrowed(boundary?),
        // The name of an inline policy has no colon.
        _ => Cow::Owned(Arn::parse(denial.policy.as_deref()?).ok()?),
    };
    (arn.account() == Some(account)).then_some(arn)
}

/// Which statement decided, for the log. A policy that cannot be read is an error of its own there.
pub(crate) fn cause(denial: &Denial) -> String {
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

    /// sts-api reference, 5.4: only a managed policy of the account has its ARN told.
    #[test]
    fn only_managed_policies_of_the_account_are_named() {
        let own = AccountId::parse("123456789012").unwrap();
        let bound = Arn::parse("arn:aws:iam::123456789012:policy/bound").unwrap();
        let theirs = Arn::parse("arn:aws:iam::210987654321:policy/bound").unwrap();
        let check = |layer, explicit, policy: Option<&str>, boundary, want: Option<&str>| {
            let denial = Denial {
                layer,
                explicit,
                policy: policy.map(Into::into),
                sid: None,
                statement: None,
                unreadable: None,
            };
            let got = denying_policy(&denial, boundary, own);
            assert_eq!(got.as_deref().map(Arn::as_str), want, "{denial:?}");
        };
        let named = "arn:aws:iam::123456789012:policy/team/no";
        for layer in [Layer::Identity, Layer::Session, Layer::Scp, Layer::Rcp] {
            check(layer, true, Some(named), None, Some(named));
            check(layer, false, Some(named), None, None);
            check(layer, true, None, Some(&bound), None);
            // Inline, of AWS, of somebody else.
            check(layer, true, Some("no"), Some(&bound), None);
            check(layer, true, Some("arn:aws:iam::aws:policy/AWSDenyAll"), None, None);
            check(layer, true, Some("arn:aws:iam::210987654321:policy/no"), None, None);
        }
        check(Layer::Boundary, true, None, Some(&bound), Some(bound.as_str()));
        check(Layer::Boundary, false, None, Some(&bound), None);
        check(Layer::Boundary, true, None, Some(&theirs), None);
        // One of AWS.
        check(Layer::Boundary, true, None, None, None);
        check(Layer::Trust, true, None, Some(&bound), None);
        check(Layer::Resource, true, None, Some(&bound), None);
    }

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
