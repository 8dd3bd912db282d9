//! Explanations: the decision, and for each statement whether it matched or what did not.
//!
//! The same matching as in [`crate::decide`] serves here, so that an explanation cannot differ from
//! the decision. Explanations are for the owner of the policies; a caller gets
//! [`Denial::clause`](crate::Denial::clause).

use std::fmt;

use crate::condition::{Condition, Truth};
use crate::document::Effect;
use crate::evaluate::{Decision, Match, decide, match_statement};
use crate::malformed::Position;
use crate::policy::Policy;
use crate::request::{Layer, Layers, Principal, Request};

/// A decision and how each statement took part in it. Prints for people.
#[derive(Clone, Debug)]
pub struct Explanation {
    /// The decision.
    pub decision: Decision,
    /// The statements of all layers that apply to the caller, in order.
    pub statements: Vec<StatementReport>,
}

impl Explanation {
    /// Whether any statement of any layer denies, or a policy denies because it cannot be read.
    /// The decision itself blames the caller's own layers first and may call such a denial
    /// implicit, so that a caller learns nothing about the resource.
    pub fn denies_explicitly(&self) -> bool {
        self.statements.iter().any(|statement| {
            statement.effect == Effect::Deny && !matches!(statement.outcome, Outcome::Failed { .. })
        })
    }
}

/// How one statement took part.
#[derive(Clone, Debug)]
pub struct StatementReport {
    /// The layer of its policy.
    pub layer: Layer,
    /// The name of its policy; `permissions boundary`, `resource policy` or `trust policy` where
    /// there is only one.
    pub policy: String,
    /// Its index in the policy.
    pub index: usize,
    /// Its id, if it has one.
    pub sid: Option<String>,
    /// What it does when it matches.
    pub effect: Effect,
    /// Where it begins in the policy's text.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    /// Whether it matched.
    pub outcome: Outcome,
    /// The statement as it was written, if it matched.
    pub source: Option<String>,
}

/// Whether a statement matched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Outcome {
    /// It did.
    Matched,
    /// It did not.
    Failed {
        /// The first element that does not match.
        element: Element,
        /// What the request has there and what the statement asks for.
        detail: String,
    },
    /// Its policy cannot be read, and so denies everything.
    Unreadable {
        /// Why.
        detail: String,
    },
}

/// The elements of a statement that must match.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Element {
    /// `Principal`
    Principal,
    /// `Action` or `NotAction`
    Action,
    /// `Resource` or `NotResource`
    Resource,
    /// `Condition`
    Condition,
}

/// Decides a request and tells why.
pub fn explain(layers: &Layers<'_>, request: &Request<'_>) -> Explanation {
    let mut statements = Vec::new();
    let mut add = |layer, name: &str, policy| report(&mut statements, layer, name, policy, request);
    let principal = &request.principal;
    if principal.has_own_policies() {
        for attached in layers.identity {
            add(Layer::Identity, attached.name, attached.policy);
        }
        if let Some(policy) = layers.boundary {
            add(Layer::Boundary, "permissions boundary", policy);
        }
    }
    for attached in layers.session.unwrap_or_default() {
        add(Layer::Session, attached.name, attached.policy);
    }
    let scps = layers.scps.filter(|_| principal.is_under_scps());
    for attached in scps.into_iter().flatten().copied().flatten() {
        add(Layer::Scp, attached.name, attached.policy);
    }
    for attached in layers.rcps.into_iter().flatten().copied().flatten() {
        add(Layer::Rcp, attached.name, attached.policy);
    }
    if let Some(policy) = layers.resource {
        add(Layer::Resource, "resource policy", policy);
    }
    if let Some(policy) = layers.trust {
        add(Layer::Trust, "trust policy", policy);
    }
    Explanation { decision: decide(layers, request), statements }
}

fn report(
    reports: &mut Vec<StatementReport>,
    layer: Layer,
    name: &str,
    policy: &Policy,
    request: &Request<'_>,
) {
    let unreadable = match policy.fault() {
        Some(fault) => Some((fault.position(), format!("{fault} ({})", fault.reason()))),
        None if !layer.takes(policy.kind()) => {
            let detail = format!("a policy of kind {:?} is none of {layer}", policy.kind());
            Some((Position { line: 1, column: 1 }, detail))
        }
        None => None,
    };
    if let Some((position, detail)) = unreadable {
        reports.push(StatementReport {
            layer,
            policy: name.to_owned(),
            index: 0,
            sid: None,
            effect: Effect::Deny,
            start: position,
            end: position,
            outcome: Outcome::Unreadable { detail },
            source: None,
        });
        return;
    }
    for (index, statement) in policy.statements.iter().enumerate() {
        let failed = |element, detail| Outcome::Failed { element, detail };
        let outcome = match match_statement(policy, statement, request) {
            Match::Yes(_) => Outcome::Matched,
            Match::NoPrincipal => {
                failed(Element::Principal, format!("{} is not named", caller(&request.principal)))
            }
            Match::NoAction => {
                failed(Element::Action, format!("{} is not covered", request.action))
            }
            Match::NoResource => {
                failed(Element::Resource, format!("{} is not covered", request.resource))
            }
            Match::NoCondition(condition, truth) => {
                failed(Element::Condition, describe(condition, truth, policy, request))
            }
        };
        let source = policy.source().get(statement.span.clone());
        let source = source.filter(|_| outcome == Outcome::Matched).map(str::to_owned);
        reports.push(StatementReport {
            layer,
            policy: name.to_owned(),
            index,
            sid: statement.sid.as_deref().map(str::to_owned),
            effect: statement.effect,
            start: statement.start,
            end: statement.end,
            outcome,
            source,
        });
    }
}

fn describe(condition: &Condition, truth: Truth, policy: &Policy, request: &Request<'_>) -> String {
    let found = match request.context.values(&condition.key) {
        None => "the key is absent".to_owned(),
        Some(values) => {
            let values: Vec<_> = values.iter().map(|value| format!("{:?}", value.text())).collect();
            format!("the request has {}", values.join(", "))
        }
    };
    let wanted = policy.source().get(condition.values_span.clone()).unwrap_or_default();
    let fails = match truth {
        Truth::Unclear => "cannot be compared",
        Truth::Yes | Truth::No => "does not hold",
    };
    let (operator_name, key) = (&condition.operator_name, &condition.key.name);
    format!("{operator_name} on {key} {fails}: {found}, the policy has {wanted}")
}

pub(crate) fn caller(principal: &Principal<'_>) -> String {
    match principal {
        Principal::Anonymous => "an anonymous caller".to_owned(),
        Principal::Root { account } => format!("the root user of {account}"),
        Principal::User { arn, .. } | Principal::FederatedUser { arn, .. } => arn.to_string(),
        Principal::RoleSession { session_arn, .. } => session_arn.to_string(),
        Principal::Service { name } => (*name).to_owned(),
        Principal::Federated { provider } => (*provider).to_owned(),
    }
}

impl fmt::Display for Explanation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.decision {
            Decision::Allowed => f.write_str("allowed")?,
            Decision::Denied(denial) => {
                let how = if denial.explicit { "an explicit deny of" } else { "no allow in" };
                write!(f, "denied: {how} {}", denial.layer)?;
            }
        }
        for statement in &self.statements {
            write!(f, "\n{statement}")?;
        }
        Ok(())
    }
}

impl fmt::Display for StatementReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { layer, policy, index, effect, start, .. } = self;
        write!(f, "{layer}, {policy}, statement {index}")?;
        if let Some(sid) = &self.sid {
            write!(f, " ({sid})")?;
        }
        write!(f, ", line {}, {effect:?}: ", start.line)?;
        match &self.outcome {
            Outcome::Matched => f.write_str("matched"),
            Outcome::Failed { element, detail } => write!(f, "{element:?}: {detail}"),
            Outcome::Unreadable { detail } => write!(f, "the policy cannot be read: {detail}"),
        }
    }
}

impl fmt::Display for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Identity => "identity policies",
            Self::Boundary => "the permissions boundary",
            Self::Session => "session policies",
            Self::Scp => "service control policies",
            Self::Rcp => "resource control policies",
            Self::Resource => "the resource-based policy",
            Self::Trust => "the role trust policy",
        })
    }
}
