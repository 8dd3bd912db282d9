//! Explanations: the decision, and for each statement whether it matched or what did not.
//!
//! The same matching as in [`crate::decide`] serves here, so that an explanation cannot differ from
//! the decision. Explanations are for the owner of the policies; a caller gets
//! [`Denial::clause`](crate::Denial::clause).

use std::borrow::Cow;
use std::fmt;

use crate::action::{Action, Room};
use crate::condition::{Condition, Truth};
use crate::context::{Context, eq_ignore_case};
use crate::document::{self, Effect, Version};
use crate::evaluate::{Asked, Decision, Match, decide, match_statement};
use crate::json::{self, Json, Node};
use crate::malformed::{Malformed, Position};
use crate::policy::{Kind, Policy, Statement};
use crate::request::{Layer, Layers, Principal, Request};
use crate::variable::{self, Dollar, Variable};

/// A decision and how each statement took part in it. Prints for people. It borrows from the
/// policies and the request; [`Explanation::into_owned`] copies what it needs of them.
#[derive(Clone, Debug)]
pub struct Explanation<'a> {
    /// The decision.
    pub decision: Decision,
    /// The statements of all layers that apply to the caller, in order.
    pub statements: Vec<StatementReport<'a>>,
}

impl Explanation<'_> {
    /// Whether any statement of any layer denies, or a policy denies because it cannot be read.
    /// The decision itself blames the caller's own layers first and may call such a denial
    /// implicit, so that a caller learns nothing about the resource.
    pub fn denies_explicitly(&self) -> bool {
        self.statements.iter().any(|statement| {
            statement.effect == Effect::Deny && !matches!(statement.outcome, Outcome::Failed { .. })
        })
    }

    /// The same without its ties to the policies and the request.
    pub fn into_owned(self) -> Explanation<'static> {
        let statements = self.statements.into_iter().map(StatementReport::into_owned).collect();
        Explanation { decision: self.decision, statements }
    }
}

/// How one statement took part.
#[derive(Clone, Debug)]
pub struct StatementReport<'a> {
    /// The layer of its policy.
    pub layer: Layer,
    /// The name of its policy; `permissions boundary`, `resource policy` or `trust policy` where
    /// there is only one.
    pub policy: Cow<'a, str>,
    /// Its index in the policy.
    pub index: usize,
    /// Its id, if it has one.
    pub sid: Option<Cow<'a, str>>,
    /// What it does when it matches.
    pub effect: Effect,
    /// Where it begins in the policy's text.
    pub start: Position,
    /// Where it ends.
    pub end: Position,
    /// Whether it matched.
    pub outcome: Outcome<'a>,
    /// The statement as it was written, if it matched.
    pub source: Option<Cow<'a, str>>,
}

impl StatementReport<'_> {
    fn into_owned(self) -> StatementReport<'static> {
        let own = |text: Cow<'_, str>| Cow::Owned(text.into_owned());
        StatementReport {
            layer: self.layer,
            policy: own(self.policy),
            index: self.index,
            sid: self.sid.map(own),
            effect: self.effect,
            start: self.start,
            end: self.end,
            outcome: match self.outcome {
                Outcome::Matched => Outcome::Matched,
                Outcome::Failed { element, detail } => {
                    Outcome::Failed { element, detail: detail.into_owned() }
                }
                Outcome::Unreadable { detail } => {
                    Outcome::Unreadable { detail: detail.into_owned() }
                }
            },
            source: self.source.map(own),
        }
    }
}

/// Whether a statement matched.
#[derive(Clone, Debug)]
pub enum Outcome<'a> {
    /// It did.
    Matched,
    /// It did not.
    Failed {
        /// The first element that does not match.
        element: Element,
        /// What the request has there and what the statement asks for.
        detail: Detail<'a>,
    },
    /// Its policy cannot be read, and so denies everything.
    Unreadable {
        /// Why.
        detail: Detail<'a>,
    },
}

/// A reason. Prints for people; until then no text is made.
#[derive(Clone)]
pub struct Detail<'a>(Reason<'a>);

#[derive(Clone)]
enum Reason<'a> {
    NotNamed(&'a Principal<'a>, &'a Policy, &'a Statement),
    /// The action or the resource.
    NotCovered(&'a str, Element, &'a Policy, &'a Statement, &'a Context<'a>),
    Condition(&'a Condition, Truth, &'a Policy, &'a Context<'a>),
    Fault(&'a Malformed),
    Misplaced(Kind, Layer),
    Printed(Box<str>),
}

impl Detail<'_> {
    fn into_owned(self) -> Detail<'static> {
        Detail(Reason::Printed(self.to_string().into()))
    }
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
pub fn explain<'a>(layers: &Layers<'a>, request: &'a Request<'a>) -> Explanation<'a> {
    let mut room = Room::new();
    let asked = Asked { request, action: Action::of(request.action, &mut room) };
    let mut statements = Vec::new();
    let mut add =
        |layer, name, policy| report(&mut statements, layer, name, policy, request, &asked);
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

fn report<'a>(
    reports: &mut Vec<StatementReport<'a>>,
    layer: Layer,
    name: &'a str,
    policy: &'a Policy,
    request: &'a Request<'a>,
    asked: &Asked<'_>,
) {
    let unreadable = match policy.fault() {
        Some(fault) => Some((fault.position(), Reason::Fault(fault))),
        None if !layer.takes(policy.kind()) => {
            Some((Position { line: 1, column: 1 }, Reason::Misplaced(policy.kind(), layer)))
        }
        None => None,
    };
    if let Some((position, reason)) = unreadable {
        reports.push(StatementReport {
            layer,
            policy: Cow::Borrowed(name),
            index: 0,
            sid: None,
            effect: Effect::Deny,
            start: position,
            end: position,
            outcome: Outcome::Unreadable { detail: Detail(reason) },
            source: None,
        });
        return;
    }
    reports.reserve(policy.statements.len());
    for (index, statement) in policy.statements.iter().enumerate() {
        let failed = |element, reason| Outcome::Failed { element, detail: Detail(reason) };
        let not_covered = |element, asked| {
            failed(element, Reason::NotCovered(asked, element, policy, statement, request.context))
        };
        let mut source = None;
        let outcome = match match_statement(policy, statement, asked) {
            Match::Yes(_) => {
                source = policy.source().get(statement.span.clone()).map(Cow::Borrowed);
                Outcome::Matched
            }
            Match::NoPrincipal => {
                let reason = Reason::NotNamed(&request.principal, policy, statement);
                failed(Element::Principal, reason)
            }
            Match::NoAction => not_covered(Element::Action, request.action),
            Match::NoResource => not_covered(Element::Resource, request.resource),
            Match::NoCondition(condition, truth) => failed(
                Element::Condition,
                Reason::Condition(condition, truth, policy, request.context),
            ),
        };
        reports.push(StatementReport {
            layer,
            policy: Cow::Borrowed(name),
            index,
            sid: statement.sid.as_deref().map(Cow::Borrowed),
            effect: statement.effect,
            start: statement.start,
            end: statement.end,
            outcome,
            source,
        });
    }
}

impl fmt::Display for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Reason::NotNamed(principal, policy, statement) => {
                not_named(principal, policy, statement, f)
            }
            Reason::NotCovered(asked, element, policy, statement, context) => {
                not_covered(asked, *element, policy, statement, context, f)
            }
            Reason::Condition(condition, truth, policy, context) => {
                describe(condition, *truth, policy, context, f)
            }
            Reason::Fault(fault) => write!(f, "{fault} ({})", fault.reason()),
            Reason::Misplaced(kind, layer) => {
                write!(f, "a policy of kind {kind:?} is none of {layer}")
            }
            Reason::Printed(text) => f.write_str(text),
        }
    }
}

impl fmt::Debug for Detail<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

fn describe(
    condition: &Condition,
    truth: Truth,
    policy: &Policy,
    context: &Context<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let fails = match truth {
        Truth::Unclear => "cannot be compared",
        Truth::Yes | Truth::No => "does not hold",
    };
    write!(f, "{} on {} {fails}: ", condition.operator_name, condition.key.name)?;
    match context.values(&condition.key) {
        None => f.write_str("the key is absent")?,
        Some(values) => {
            let values: Vec<_> = values.iter().map(|value| format!("{:?}", value.text())).collect();
            write!(f, "the request has {}", values.join(", "))?;
        }
    }
    let wanted = policy.source().get(condition.values_span.clone()).unwrap_or_default();
    write!(f, ", the policy has {wanted}")?;
    match json::read(wanted).map(|node| node.json) {
        Ok(Json::Text(text)) => variables(policy, [&*text].into_iter(), context, f),
        Ok(Json::List(nodes)) => variables(policy, nodes.iter().filter_map(Node::text), context, f),
        _ => Ok(()),
    }
}

/// As many patterns or principals of an element are printed, and as many variables.
const SHOWN: usize = 5;

fn not_named(
    principal: &Principal<'_>,
    policy: &Policy,
    statement: &Statement,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let verb = if statement.not_principals { "left out by NotPrincipal" } else { "not named by" };
    write!(f, "{} is {verb} ", caller(principal))?;
    let named = policy.principals_of(statement).unwrap_or_default();
    few(named.len(), named.iter(), f, |named, f| named.describe(f))
}

fn not_covered(
    asked: &str,
    element: Element,
    policy: &Policy,
    statement: &Statement,
    context: &Context<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    write!(f, "{asked} is not covered")?;
    let raw = policy.source().get(statement.span.clone()).and_then(document::statement);
    let words =
        raw.and_then(|raw| if element == Element::Action { raw.action } else { raw.resource });
    let Some(words) = words else { return Ok(()) };
    match words.negated {
        true => write!(f, " by Not{element:?} ")?,
        false => f.write_str(" by ")?,
    }
    let texts = || words.words.iter().map(|word| &*word.text);
    few(words.words.len(), texts(), f, |text, f| write!(f, "{text:?}"))?;
    match element {
        Element::Resource => variables(policy, texts(), context, f),
        _ => Ok(()),
    }
}

/// Prints the first of several things, and how many there are more.
fn few<T>(
    count: usize,
    things: impl Iterator<Item = T>,
    f: &mut fmt::Formatter<'_>,
    print: impl Fn(T, &mut fmt::Formatter<'_>) -> fmt::Result,
) -> fmt::Result {
    for (index, thing) in things.take(SHOWN).enumerate() {
        if index > 0 {
            f.write_str(", ")?;
        }
        print(thing, f)?;
    }
    if count > SHOWN { write!(f, " and {} more", count - SHOWN) } else { Ok(()) }
}

/// Says what the variables of some texts stand for, each once.
fn variables<'t>(
    policy: &Policy,
    texts: impl Iterator<Item = &'t str>,
    context: &Context<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    if policy.version() != Version::V2012 {
        return Ok(());
    }
    let mut seen: Vec<Variable> = Vec::new();
    for text in texts {
        let mut rest = text;
        while let Some((_, behind)) = rest.split_once("${") {
            let Ok((dollar, behind)) = variable::read(behind) else { break };
            rest = behind;
            let Dollar::Variable(variable) = dollar else { continue };
            if seen.iter().any(|other| eq_ignore_case(other.name(), variable.name())) {
                continue;
            }
            if seen.len() == SHOWN {
                return Ok(());
            }
            match variable.resolve(context) {
                Some(value) => write!(f, ", ${{{}}} is {:?}", variable.name(), value.as_str())?,
                None if context.get(variable.name()).is_none() => {
                    write!(f, ", ${{{}}} is nothing: the key is absent", variable.name())?;
                }
                None => {
                    write!(f, ", ${{{}}} is nothing: the key has many values", variable.name())?
                }
            }
            seen.push(variable);
        }
    }
    Ok(())
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

impl fmt::Display for Explanation<'_> {
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

impl fmt::Display for StatementReport<'_> {
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
