//! The decision: IAM's evaluation algorithm.
//!
//! IAM user guide, "Policy evaluation logic" and "Cross-account policy evaluation logic". An
//! explicit Deny of any layer wins. How directly the policy of the resource names the caller says
//! which of the caller's own layers need not allow; across accounts all of them must, and the
//! resource's policy as well. Whatever cannot be evaluated denies.

use crate::action::Action;
use crate::condition::{Condition, Truth};
use crate::document::Effect;
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
/// Which layer is named never depends on whether the resource, or the role of a trust policy,
/// exists: as long as the caller's own policies do not allow the request, they are what is named,
/// even if the resource's policy denies explicitly.
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
        Self { layer, explicit: false, policy: None, sid: None, statement: None }
    }

    fn explicit(layer: Layer, deny: Deny<'_>) -> Self {
        Self {
            layer,
            explicit: true,
            policy: deny.policy.map(Into::into),
            sid: deny.statement.and_then(|(_, statement)| statement.sid.clone()),
            statement: deny.statement.map(|(index, _)| index),
        }
    }
}

/// Decides a request.
pub fn decide(layers: &Layers<'_>, request: &Request<'_>) -> Decision {
    let principal = &request.principal;
    let own = Own::weigh(layers, request);
    if let Some((layer, deny)) = own.deny() {
        return Decision::Denied(Denial::explicit(layer, deny));
    }
    let rcp_deny = layers
        .rcps
        .and_then(|levels| levels.iter().find_map(|level| weigh(Layer::Rcp, level, request).deny));
    let resource = layers.resource.map(|p| weigh_policy(Layer::Resource, None, p, request));
    let trust = layers.trust.map(|p| weigh_policy(Layer::Trust, None, p, request));

    // Who has no account has nobody's policies to speak for it.
    let is_home = principal.account().is_some_and(|own| request.resource_account == Some(own));
    let grant = match (&trust, &resource) {
        (Some(governing), _) | (None, Some(governing)) => governing.grant,
        (None, None) => Grant::None,
    };
    let own_allows = match grant {
        _ if !is_home => own.missing().is_none(),
        Grant::None | Grant::Account => own.missing().is_none(),
        // A session acts as the user, and a direct grant to the user is limited by nothing; to the
        // role or the creator behind a session it is limited by what bounds them.
        Grant::Entity => {
            let is_unbounded = matches!(principal, Principal::User { .. }) || own.boundary;
            own.scps && own.session && is_unbounded
        }
        Grant::Direct => own.scps,
    };
    let target_allows = grant != Grant::None || (is_home && trust.is_none());
    let resource_deny = resource.and_then(|verdict| verdict.deny);
    let trust_deny = trust.as_ref().and_then(|verdict| verdict.deny);
    let is_denied = rcp_deny.is_some() || resource_deny.is_some() || trust_deny.is_some();
    if own_allows && target_allows && !is_denied {
        return Decision::Allowed;
    }
    // SECURITY: the caller's own layers come before even an explicit Deny of the resource's side,
    // so that who may assume nothing cannot tell an existing role from one that does not exist.
    let denial = match (rcp_deny, resource_deny, trust_deny) {
        _ if own.missing().is_some() => Denial::implicit(own.missing().unwrap_or(Layer::Identity)),
        (Some(deny), ..) => Denial::explicit(Layer::Rcp, deny),
        (_, Some(deny), _) => Denial::explicit(Layer::Resource, deny),
        (_, _, Some(deny)) => Denial::explicit(Layer::Trust, deny),
        _ if layers.trust.is_some() => Denial::implicit(Layer::Trust),
        _ => Denial::implicit(Layer::Resource),
    };
    Decision::Denied(denial)
}

/// What the caller's own layers say.
#[derive(Debug)]
struct Own<'a> {
    denies: [Option<Deny<'a>>; 4],
    identity: bool,
    boundary: bool,
    session: bool,
    scps: bool,
}

impl<'a> Own<'a> {
    fn weigh(layers: &Layers<'a>, request: &Request<'_>) -> Self {
        let principal = &request.principal;
        let speaks = principal.has_own_policies();
        let identity = match speaks {
            true => weigh(Layer::Identity, layers.identity, request),
            false => Verdict::NONE,
        };
        let boundary = layers.boundary.filter(|_| speaks);
        let boundary = boundary.map(|p| weigh_policy(Layer::Boundary, None, p, request));
        let session = layers.session.map(|policies| weigh(Layer::Session, policies, request));
        let scps = layers.scps.filter(|_| principal.is_under_scps());
        let mut scp_deny = None;
        // No level at all is no Allow.
        let mut scps_allow = scps.is_none_or(|levels| !levels.is_empty());
        for level in scps.unwrap_or_default() {
            let verdict = weigh(Layer::Scp, level, request);
            scps_allow &= verdict.allows();
            scp_deny = scp_deny.or(verdict.deny);
        }
        let needs_identity = match principal {
            Principal::Root { .. } => false,
            // Nothing but the policy of the resource can let them in.
            Principal::Anonymous | Principal::Service { .. } | Principal::Federated { .. } => {
                layers.trust.is_none() && layers.resource.is_none()
            }
            Principal::User { .. }
            | Principal::RoleSession { .. }
            | Principal::FederatedUser { .. } => true,
        };
        Self {
            identity: !needs_identity || identity.allows(),
            boundary: boundary.as_ref().is_none_or(Verdict::allows),
            session: match &session {
                Some(session) => session.allows(),
                // A federated user without a session policy has no rights of its own.
                None => !matches!(principal, Principal::FederatedUser { .. }),
            },
            scps: scps_allow,
            denies: [
                identity.deny,
                boundary.and_then(|boundary| boundary.deny),
                session.and_then(|session| session.deny),
                scp_deny,
            ],
        }
    }

    fn deny(&self) -> Option<(Layer, Deny<'a>)> {
        let layers = [Layer::Identity, Layer::Boundary, Layer::Session, Layer::Scp];
        layers.into_iter().zip(self.denies).find_map(|(layer, deny)| Some((layer, deny?)))
    }

    /// The first layer that does not allow, whether it is needed or not.
    fn missing(&self) -> Option<Layer> {
        if !self.identity {
            Some(Layer::Identity)
        } else if !self.boundary {
            Some(Layer::Boundary)
        } else if !self.session {
            Some(Layer::Session)
        } else if !self.scps {
            Some(Layer::Scp)
        } else {
            None
        }
    }
}

/// What a layer says.
#[derive(Debug)]
struct Verdict<'a> {
    deny: Option<Deny<'a>>,
    /// The most direct of its Allows.
    grant: Grant,
}

impl Verdict<'_> {
    const NONE: Self = Self { deny: None, grant: Grant::None };

    fn allows(&self) -> bool {
        self.deny.is_none() && self.grant != Grant::None
    }
}

/// The statement that denies; a policy that cannot be read denies without one.
#[derive(Clone, Copy, Debug)]
struct Deny<'a> {
    policy: Option<&'a str>,
    statement: Option<(usize, &'a Statement)>,
}

/// Policies of one layer add up.
fn weigh<'a>(layer: Layer, policies: &[Attached<'a>], request: &Request<'_>) -> Verdict<'a> {
    let mut grant = Grant::None;
    for attached in policies {
        let verdict = weigh_policy(layer, Some(attached.name), attached.policy, request);
        if verdict.deny.is_some() {
            return verdict;
        }
        grant = grant.max(verdict.grant);
    }
    Verdict { deny: None, grant }
}

fn weigh_policy<'a>(
    layer: Layer,
    name: Option<&'a str>,
    policy: &'a Policy,
    request: &Request<'_>,
) -> Verdict<'a> {
    if policy.fault().is_some() || !layer.takes(policy.kind()) {
        let deny = Deny { policy: name, statement: None };
        return Verdict { deny: Some(deny), grant: Grant::None };
    }
    let mut grant = Grant::None;
    for (index, statement) in policy.statements.iter().enumerate() {
        let Match::Yes(found) = match_statement(policy, statement, request) else { continue };
        match statement.effect {
            Effect::Allow => grant = grant.max(found),
            Effect::Deny => {
                let deny = Deny { policy: name, statement: Some((index, statement)) };
                return Verdict { deny: Some(deny), grant: Grant::None };
            }
        }
    }
    Verdict { deny: None, grant }
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
    request: &Request<'_>,
) -> Match<'a> {
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
    if !statement.actions.cover(Action::of(request.action)) {
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
