//! The decision: IAM's evaluation algorithm.
//!
//! IAM user guide, "Policy evaluation logic" and "Cross-account policy evaluation logic". An
//! explicit Deny of any layer wins. How directly the policy of the resource names the caller says
//! which of the caller's own layers need not allow; across accounts all of them must, and the
//! resource's policy as well. Whatever cannot be evaluated denies.

use crate::action::{Action, Room};
use crate::condition::{Condition, Truth};
use crate::document::Effect;
use crate::malformed::Position;
use crate::policy::{Policy, Statement};
use crate::principal::{Grant, meant, meant_but};
use crate::request::{Attached, Layer, Layers, Principal, Request};

/// Whether a request is allowed.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Decision {
    /// It is.
    Allowed,
    /// It is not.
    Denied(Denial),
}

/// Why a request is denied.
///
/// Which layer is named never depends on whether the role of a trust policy, or a resource of
/// another account, exists: as long as the caller's own policies do not allow the request, they
/// are what is named, even if the resource's policy denies explicitly. Within an account a
/// resource's policy may do without some of the caller's own; then only those that it cannot do
/// without are named.
/// [`Explanation::denies_explicitly`](crate::Explanation::denies_explicitly) tells the owner of the
/// policies.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Denial {
    /// The layer at fault.
    pub layer: Layer,
    /// Whether a statement denies; otherwise none allows.
    pub explicit: bool,
    /// The name of the policy that denies, if one does and its layer has names. For logs.
    pub policy: Option<Box<str>>,
    /// The id of the statement that denies, if it has one. For logs.
    pub sid: Option<Box<str>>,
    /// The index of the statement that denies. For logs.
    pub statement: Option<usize>,
    /// Why the policy that denies cannot be read, if that is why it does. For logs: an operator
    /// must mend it.
    pub unreadable: Option<Box<str>>,
}

impl Denial {
    /// The reason that AWS appends to its access-denied text, leading space included.
    pub fn clause(&self, action: &str) -> String {
        let kind = match self.layer {
            Layer::Identity => "identity-based policy",
            Layer::Boundary => "permissions boundary",
            Layer::Session => "session policy",
            Layer::Scp => "service control policy",
            Layer::Rcp => "resource control policy",
            Layer::Resource => "resource-based policy",
            Layer::Trust => "role trust policy",
        };
        let article = match self.layer {
            Layer::Identity => "an",
            Layer::Trust => "the",
            _ => "a",
        };
        match self.explicit {
            true => format!(" with an explicit deny in {article} {kind}"),
            false => format!(" because no {kind} allows the {action} action"),
        }
    }

    fn implicit(layer: Layer) -> Self {
        Self { layer, explicit: false, policy: None, sid: None, statement: None, unreadable: None }
    }

    fn explicit(layer: Layer, deny: Deny<'_>) -> Self {
        let (sid, statement, unreadable) = match deny.because {
            Because::Statement(index, statement) => (statement.sid.clone(), Some(index), None),
            Because::Unreadable(policy) => (None, None, Some(unreadable(layer, policy))),
        };
        let policy = deny.policy.map(Into::into);
        Self { layer, explicit: true, policy, sid, statement, unreadable }
    }
}

/// Why a policy cannot be evaluated in a layer, in a text that a log has room for.
fn unreadable(layer: Layer, policy: &Policy) -> Box<str> {
    /// The most characters of a reason: some repeat a word of the policy.
    const REASON_MAX: usize = 160;
    let text = match policy.fault() {
        Some(fault) => {
            let Position { line, column } = fault.position();
            let reason: String = fault.reason().chars().take(REASON_MAX).collect();
            format!("line {line}, column {column}: {reason}")
        }
        None => format!("a policy of kind {:?} is none of {layer}", policy.kind()),
    };
    text.into()
}

/// Decides a request.
pub fn decide(layers: &Layers<'_>, request: &Request<'_>) -> Decision {
    let principal = &request.principal;
    let mut room = Room::new();
    let asked = &Asked { request, action: Action::of(request.action, &mut room) };
    let own = match Own::weigh(layers, asked) {
        Ok(own) => own,
        Err((layer, deny)) => return Decision::Denied(Denial::explicit(layer, deny)),
    };
    let rcp_deny = layers
        .rcps
        .and_then(|levels| levels.iter().find_map(|level| weigh(Layer::Rcp, level, asked).err()));
    let resource = layers.resource.map(|p| weigh_only(Layer::Resource, p, asked));
    let trust = layers.trust.map(|p| weigh_only(Layer::Trust, p, asked));

    // Who has no account has nobody's policies to speak for it.
    let is_home = principal.account().is_some_and(|own| request.resource_account == Some(own));
    let grant = match (&trust, &resource) {
        (Some(governing), _) | (None, Some(governing)) => {
            governing.as_ref().copied().unwrap_or(Grant::None)
        }
        (None, None) => Grant::None,
    };
    let needed = match grant {
        _ if !is_home => Own::ALL,
        Grant::None | Grant::Account => Own::ALL,
        // A session acts as the user, and a direct grant to the user is limited by nothing; to the
        // role or the creator behind a session it is limited by what bounds them.
        Grant::Entity => {
            let boundary = !matches!(principal, Principal::User { .. });
            Own { identity: false, boundary, ..Own::ALL }
        }
        Grant::Direct => Own { identity: false, boundary: false, session: false, scps: true },
    };
    let missing = own.missing(&needed);
    let target_allows = grant != Grant::None || (is_home && trust.is_none());
    let resource_deny = resource.and_then(Result::err);
    let trust_deny = trust.and_then(Result::err);
    let is_denied = rcp_deny.is_some() || resource_deny.is_some() || trust_deny.is_some();
    if missing.is_none() && target_allows && !is_denied {
        return Decision::Allowed;
    }
    // SECURITY: the caller's own layers come before even an explicit Deny of the resource's side,
    // so that who may assume nothing cannot tell an existing role from one that does not exist. For
    // the same reason all of them come first there, those too that a grant could do without.
    let is_hidden = layers.trust.is_some() || is_denied;
    let missing = if is_hidden { own.missing(&Own::ALL) } else { missing };
    if let Some(layer) = missing {
        return Decision::Denied(Denial::implicit(layer));
    }
    let denial = match (rcp_deny, resource_deny, trust_deny) {
        (Some(deny), ..) => Denial::explicit(Layer::Rcp, deny),
        (_, Some(deny), _) => Denial::explicit(Layer::Resource, deny),
        (_, _, Some(deny)) => Denial::explicit(Layer::Trust, deny),
        _ if layers.trust.is_some() => Denial::implicit(Layer::Trust),
        _ => Denial::implicit(Layer::Resource),
    };
    Decision::Denied(denial)
}

/// Which of the caller's own layers allow, none of them denying, or which of them must.
#[derive(Debug)]
struct Own {
    identity: bool,
    boundary: bool,
    session: bool,
    scps: bool,
}

impl Own {
    const ALL: Self = Self { identity: true, boundary: true, session: true, scps: true };

    /// Weighs the caller's own layers, or finds the first one that denies.
    fn weigh<'a>(layers: &Layers<'a>, asked: &Asked<'_>) -> Result<Self, (Layer, Deny<'a>)> {
        let principal = &asked.request.principal;
        let speaks = principal.has_own_policies();
        let in_layer = |layer| move |deny| (layer, deny);
        let mut own = Self {
            // Who has no policies lacks none: the root user needs none, and nothing but the policy
            // of the resource can let in those from outside.
            identity: !speaks,
            boundary: true,
            // A federated user without a session policy has no rights of its own.
            session: !matches!(principal, Principal::FederatedUser { .. }),
            scps: true,
        };
        if speaks {
            let verdict = weigh(Layer::Identity, layers.identity, asked);
            own.identity |= allows(verdict.map_err(in_layer(Layer::Identity))?);
        }
        if let Some(boundary) = layers.boundary.filter(|_| speaks) {
            let verdict = weigh_only(Layer::Boundary, boundary, asked);
            own.boundary = allows(verdict.map_err(in_layer(Layer::Boundary))?);
        }
        if let Some(policies) = layers.session {
            let verdict = weigh(Layer::Session, policies, asked);
            own.session = allows(verdict.map_err(in_layer(Layer::Session))?);
        }
        if let Some(levels) = layers.scps.filter(|_| principal.is_under_scps()) {
            // No level at all is no Allow.
            own.scps = !levels.is_empty();
            for level in levels {
                let verdict = weigh(Layer::Scp, level, asked);
                own.scps &= allows(verdict.map_err(in_layer(Layer::Scp))?);
            }
        }
        Ok(own)
    }

    /// The first layer that must allow and does not.
    fn missing(&self, needed: &Self) -> Option<Layer> {
        if needed.identity && !self.identity {
            Some(Layer::Identity)
        } else if needed.boundary && !self.boundary {
            Some(Layer::Boundary)
        } else if needed.session && !self.session {
            Some(Layer::Session)
        } else if needed.scps && !self.scps {
            Some(Layer::Scp)
        } else {
            None
        }
    }
}

/// What policies say: the most direct of their Allows, or the Deny that leaves nothing else.
type Verdict<'a> = Result<Grant, Deny<'a>>;

fn allows(grant: Grant) -> bool {
    grant != Grant::None
}

/// What denies.
#[derive(Clone, Copy, Debug)]
struct Deny<'a> {
    /// The name of the policy.
    policy: Option<&'a str>,
    because: Because<'a>,
}

#[derive(Clone, Copy, Debug)]
enum Because<'a> {
    Statement(usize, &'a Statement),
    /// The policy cannot be read, or is of another kind than its layer takes.
    Unreadable(&'a Policy),
}

/// A request, with what is the same for all statements made ready.
#[derive(Debug)]
pub(crate) struct Asked<'a> {
    pub(crate) request: &'a Request<'a>,
    pub(crate) action: Action<'a>,
}

/// Policies of one layer add up.
fn weigh<'a>(layer: Layer, policies: &[Attached<'a>], asked: &Asked<'_>) -> Verdict<'a> {
    let mut grant = Grant::None;
    for attached in policies {
        grant = weigh_policy(layer, Some(attached.name), attached.policy, asked, grant)?;
    }
    Ok(grant)
}

/// The layer's only policy, which has no name.
fn weigh_only<'a>(layer: Layer, policy: &'a Policy, asked: &Asked<'_>) -> Verdict<'a> {
    weigh_policy(layer, None, policy, asked, Grant::None)
}

/// Adds what a policy says to what those before it grant.
fn weigh_policy<'a>(
    layer: Layer,
    name: Option<&'a str>,
    policy: &'a Policy,
    asked: &Asked<'_>,
    mut grant: Grant,
) -> Verdict<'a> {
    if policy.fault().is_some() || !layer.takes(policy.kind()) {
        return Err(Deny { policy: name, because: Because::Unreadable(policy) });
    }
    let (start, resource) = (asked.action.start, asked.request.resource.as_bytes());
    let mut from = 0;
    loop {
        let gates = policy.gates.get(from..).unwrap_or_default();
        let Some(passed) = gates.iter().position(|gate| gate.admits(start, resource)) else {
            return Ok(grant);
        };
        let index = from + passed;
        from = index + 1;
        let Some(statement) = policy.statements.get(index) else {
            // INVARIANT: there are as many statements as gates.
            return Err(Deny { policy: name, because: Because::Unreadable(policy) });
        };
        // No Allow adds to the most direct one.
        if statement.effect == Effect::Allow && grant == Grant::Direct {
            continue;
        }
        let Match::Yes(found) = match_statement(policy, statement, asked) else { continue };
        match statement.effect {
            Effect::Allow => grant = grant.max(found),
            Effect::Deny => {
                return Err(Deny { policy: name, because: Because::Statement(index, statement) });
            }
        }
    }
}

/// Whether a statement applies to a request, and if not, the first element that does not.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Match<'a> {
    /// With how directly its principals name the caller.
    Yes(Grant),
    NoPrincipal,
    NoAction,
    NoResource,
    NoCondition(&'a Condition, Truth),
}

/// Matches a statement. What is unclear counts for a Deny and against an Allow.
pub(crate) fn match_statement<'a>(
    policy: &Policy,
    statement: &'a Statement,
    asked: &Asked<'_>,
) -> Match<'a> {
    let request = asked.request;
    let grant = match policy.principals_of(statement) {
        None => Grant::Direct,
        Some(named) if statement.not_principals => {
            meant_but(named, statement.effect, &request.principal)
        }
        Some(named) => meant(named, statement.effect, &request.principal),
    };
    if grant == Grant::None {
        return Match::NoPrincipal;
    }
    if !statement.actions.cover(asked.action) {
        return Match::NoAction;
    }
    let resources = statement.resources.as_ref();
    if !resources.is_none_or(|resources| resources.cover(request.resource, request.context)) {
        return Match::NoResource;
    }
    let mut unclear = None;
    for condition in &statement.conditions {
        match condition.holds(request.context) {
            Truth::Yes => {}
            Truth::No => return Match::NoCondition(condition, Truth::No),
            Truth::Unclear => unclear = Some(condition),
        }
    }
    match (unclear, statement.effect) {
        (Some(condition), Effect::Allow) => Match::NoCondition(condition, Truth::Unclear),
        _ => Match::Yes(grant),
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::AccountId;
    use proptest::prelude::*;

    use super::*;
    use crate::context::Context;
    use crate::policy::Kind;

    const ACTION: &str = "(s3|S3|sqs|ec2|kms|dynamodb|elasticache):(Get|get|Put|List|G|D)";
    const RESOURCE: &str =
        r"arn:aws:(s3|sqs|dynamodb):(:|eu-1:|e\?-1:)(:|1\*2:)(team-[ab12]-){0,2}";
    const WILD: &str = r"(\*|\?|x|\$\{aws:username\}){0,2}";

    /// The gates only spare work: without them the same statements match.
    #[test]
    fn no_gate_is_closed_to_a_statement_that_matches() {
        let several = |pattern: &str| {
            prop::collection::vec(prop::string::string_regex(pattern).unwrap(), 1..3)
        };
        let statement = (
            several(&format!(r"\*|{ACTION}[*?a]{{0,2}}|{ACTION}[*]Ob")),
            several(&format!(r"\*|{RESOURCE}/{WILD}")),
            any::<(bool, bool, bool)>(),
        );
        let action = format!("{ACTION}[a]{{0,2}}(Ob)?");
        let resource = format!("{RESOURCE}/(x|Ann){{0,2}}");
        let asked = (&*action, &*resource);
        let matches = std::cell::Cell::new(0_u32);
        proptest!(ProptestConfig::with_cases(500), |(
            statements in prop::collection::vec(statement, 1..12),
            (action, resource) in asked,
        )| {
            let not = |negated| if negated { "Not" } else { "" };
            let texts: Vec<_> = statements
                .iter()
                .map(|(actions, resources, (denies, not_action, not_resource))| {
                    let effect = if *denies { "Deny" } else { "Allow" };
                    let (action, resource) = (not(*not_action), not(*not_resource));
                    format!(
                        r#"{{"Effect": "{effect}", "{action}Action": {actions:?},
                             "{resource}Resource": {resources:?}}}"#
                    )
                })
                .collect();
            let text =
                format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, texts.join(", "));
            let Ok(policy) = Policy::parse(&text, Kind::Identity) else {
                // A bucket has no Region.
                prop_assert!(text.contains("s3:e"), "{}", text);
                return Ok(());
            };
            let mut context = Context::new();
            context.insert("aws:username", "Ann");
            let account = AccountId::parse("111122223333").unwrap();
            let request = Request {
                principal: Principal::Root { account },
                action: &action,
                resource: &resource,
                resource_account: Some(account),
                context: &context,
            };
            let mut room = Room::new();
            let asked = Asked { request: &request, action: Action::of(&action, &mut room) };
            prop_assert_eq!(policy.gates.len(), policy.statements.len());
            for (gate, statement) in policy.gates.iter().zip(&policy.statements) {
                let found = matches!(match_statement(&policy, statement, &asked), Match::Yes(_));
                let passes = gate.admits(asked.action.start, resource.as_bytes());
                prop_assert!(passes || !found, "{} {} {}", text, action, resource);
                matches.set(matches.get() + u32::from(found));
            }
        });
        // It was tried.
        assert!(matches.get() > 200, "{matches:?}");
    }
}
