//! The decision: IAM's evaluation algorithm for identity, session and trust policies.
//!
//! IAM user guide, "Policy evaluation logic" and "Cross-account policy evaluation logic". An
//! explicit Deny of any layer wins. A trust policy must always allow; how directly it names the
//! caller says whether the other layers must allow as well. Whatever cannot be evaluated denies.

use crate::condition::{Condition, Truth};
use crate::document::Effect;
use crate::policy::{Policy, Statement};
use crate::principal::Grant;
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
/// Which layer is named never depends on whether the role of a trust policy exists: as long as the
/// caller's own policies do not allow the request, they are what is named.
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
        match (self.layer, self.explicit) {
            (Layer::Identity, false) => {
                format!(" because no identity-based policy allows the {action} action")
            }
            (Layer::Identity, true) => " with an explicit deny in an identity-based policy".into(),
            (Layer::Session, false) => {
                format!(" because no session policy allows the {action} action")
            }
            (Layer::Session, true) => " with an explicit deny in a session policy".into(),
            (Layer::Trust, false) => {
                format!(" because no role trust policy allows the {action} action")
            }
            (Layer::Trust, true) => " with an explicit deny in the role trust policy".into(),
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
    // Identity policies speak for users and roles; the root user needs none, and those from
    // outside have none.
    let (identity_speaks, identity_needed) = match principal {
        Principal::User { .. }
        | Principal::RoleSession { .. }
        | Principal::FederatedUser { .. } => (true, true),
        Principal::Root { .. } => (false, false),
        // Without a trust policy nothing can allow them.
        Principal::Anonymous | Principal::Service { .. } | Principal::Federated { .. } => {
            (false, layers.trust.is_none())
        }
    };
    let identity = if identity_speaks { weigh(layers.identity, request) } else { Verdict::NONE };
    let session = layers.session.map(|policies| weigh(policies, request));
    let trust = layers.trust.map(|policy| weigh_policy(None, policy, request));

    if let Some(deny) = identity.deny {
        return Decision::Denied(Denial::explicit(Layer::Identity, deny));
    }
    if let Some(deny) = session.as_ref().and_then(|session| session.deny) {
        return Decision::Denied(Denial::explicit(Layer::Session, deny));
    }
    let identity_allows = !identity_needed || identity.allows();
    let session_allows = match &session {
        Some(session) => session.allows(),
        // A federated user without a session policy has no rights of its own.
        None => !matches!(principal, Principal::FederatedUser { .. }),
    };
    let is_allowed = match &trust {
        None => identity_allows && session_allows,
        Some(Verdict { deny: Some(_), .. }) => false,
        Some(Verdict { grant, .. }) => {
            let is_from_outside = principal.account().is_none();
            let is_same_account = principal.account() == request.resource_account;
            match grant {
                Grant::None => false,
                // Nobody's policies but the role's speak for those from outside.
                _ if is_from_outside => session_allows,
                _ if !is_same_account => identity_allows && session_allows,
                Grant::Account => identity_allows && session_allows,
                Grant::Entity => session_allows,
                Grant::Direct => true,
            }
        }
    };
    if is_allowed {
        return Decision::Allowed;
    }
    // SECURITY: the caller's own layers come before even an explicit Deny of the trust policy, so
    // that who may assume nothing cannot tell an existing role from one that does not exist.
    Decision::Denied(match trust.and_then(|trust| trust.deny) {
        _ if !identity_allows => Denial::implicit(Layer::Identity),
        _ if !session_allows => Denial::implicit(Layer::Session),
        Some(deny) => Denial::explicit(Layer::Trust, deny),
        None => Denial::implicit(Layer::Trust),
    })
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
fn weigh<'a>(policies: &[Attached<'a>], request: &Request<'_>) -> Verdict<'a> {
    let mut grant = Grant::None;
    for attached in policies {
        let verdict = weigh_policy(Some(attached.name), attached.policy, request);
        if verdict.deny.is_some() {
            return verdict;
        }
        grant = grant.max(verdict.grant);
    }
    Verdict { deny: None, grant }
}

fn weigh_policy<'a>(
    name: Option<&'a str>,
    policy: &'a Policy,
    request: &Request<'_>,
) -> Verdict<'a> {
    if policy.fault().is_some() {
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
        Some(named) => {
            let grants = named.iter().map(|n| n.names(&request.principal, statement.effect));
            grants.max().unwrap_or(Grant::None)
        }
    };
    if grant == Grant::None {
        return Match::NoPrincipal;
    }
    if !statement.actions.cover(request.action) {
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
