//! A question to the policy engine: who asks for what, and the policies that apply.
//!
//! Flags, a request file and a line of cases all become a [`Draft`], which says what was given, and
//! then a [`Question`], which can be answered. Whatever is not understood refuses the question:
//! an answer to another question than was asked would be worse than none.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use daypass_names::AccountId;
use daypass_policy::{
    Attached, Context, Decision, Effect, Explanation, Kind, Layer, Layers, Outcome, Policy,
    Request, StatementReport, Value, explain,
};

use super::caller::Caller;

/// What was given.
#[derive(Debug, Default)]
pub(crate) struct Draft<'a> {
    pub(crate) principal: Option<String>,
    pub(crate) creator: Option<String>,
    pub(crate) action: Option<String>,
    pub(crate) resource: Option<String>,
    pub(crate) resource_account: Option<String>,
    pub(crate) context: Vec<(String, Given)>,
    pub(crate) identity: Vec<Source<'a>>,
    /// `Some` of none is a boundary that allows nothing.
    pub(crate) boundary: Option<Vec<Source<'a>>>,
    pub(crate) session: Option<Vec<Source<'a>>>,
    pub(crate) resource_policy: Option<Source<'a>>,
    pub(crate) trust: Option<Source<'a>>,
    pub(crate) scps: Option<Vec<Vec<Source<'a>>>>,
    pub(crate) rcps: Option<Vec<Vec<Source<'a>>>>,
}

/// A policy's text and what it is called.
#[derive(Clone, Debug)]
pub(crate) struct Source<'a> {
    pub(crate) name: String,
    pub(crate) text: Cow<'a, str>,
}

/// The value of a condition key: one, or a list even if it has one member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Given {
    One(String),
    Many(Vec<String>),
}

/// A question that can be answered.
#[derive(Debug)]
pub(crate) struct Question {
    principal: String,
    caller: Caller,
    action: String,
    resource: String,
    resource_account: Option<AccountId>,
    context: Context,
    identity: Vec<Named>,
    boundary: Option<Vec<Named>>,
    session: Option<Vec<Named>>,
    resource_policy: Option<Named>,
    trust: Option<Named>,
    scps: Option<Vec<Vec<Named>>>,
    rcps: Option<Vec<Vec<Named>>>,
}

#[derive(Debug)]
struct Named {
    name: String,
    policy: Arc<Policy>,
}

/// The policies that were compiled before: many cases are about the same few.
#[derive(Debug, Default)]
pub(crate) struct Library {
    policies: HashMap<Kind, HashMap<Box<str>, Arc<Policy>>>,
}

/// The most policies of a kind that are kept; then they are forgotten and gathered again.
const MAX_KNOWN: usize = 1024;

/// The decision in the words of AWS's policy simulator.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Verdict {
    Allowed,
    ImplicitDeny,
    ExplicitDeny,
}

impl Verdict {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allowed => "allowed",
            Self::ImplicitDeny => "implicitDeny",
            Self::ExplicitDeny => "explicitDeny",
        }
    }
}

/// A decision with its reason.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    /// One sentence or the part of one that AWS appends to its access-denied text.
    pub(crate) reason: String,
    pub(crate) explanation: Explanation,
}

/// Whether the policy of the resource that an action is asked for is a role's trust policy.
pub(crate) fn asks_trust(action: &str) -> bool {
    const BESIDE: [&str; 3] = ["sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"];
    const ASSUME: &str = "sts:AssumeRole";
    action.get(..ASSUME.len()).is_some_and(|start| start.eq_ignore_ascii_case(ASSUME))
        || BESIDE.iter().any(|beside| beside.eq_ignore_ascii_case(action))
}

impl Draft<'_> {
    /// Reads everything; the error says what is not understood.
    pub(crate) fn into_question(self, library: &mut Library) -> Result<Question, String> {
        let action = self.action.ok_or("there is no action")?;
        if !action.split_once(':').is_some_and(|(service, name)| {
            !service.is_empty() && !name.is_empty() && !name.contains(':')
        }) {
            return Err(format!("the action `{action}` is not a service and a name"));
        }
        if action.contains(['*', '?']) {
            return Err(format!("the action `{action}` has a wildcard: ask for one action"));
        }
        let resource = self.resource.unwrap_or_else(|| "*".to_owned());
        let resource_fields = resource.splitn(6, ':').count();
        if resource != "*" && (!resource.starts_with("arn:") || resource_fields < 6) {
            return Err(format!("the resource `{resource}` is neither an ARN nor `*`"));
        }

        let mut context = Context::new();
        for (key, given) in self.context {
            if key.is_empty() {
                return Err("a condition key has no name".to_owned());
            }
            if context.get(&key).is_some() {
                return Err(format!("the condition key `{key}` occurs twice"));
            }
            match given {
                Given::One(value) => context.insert(key, value),
                Given::Many(values) => {
                    context.insert_list(key, values.into_iter().map(Value::from).collect());
                }
            }
        }
        let principal = self.principal.ok_or("there is no principal")?;
        let caller = Caller::parse(&principal, &action, self.creator.as_deref(), &context)?;
        caller.fill(&mut context);

        let resource_account = match &self.resource_account {
            Some(text) => Some(
                AccountId::parse(text)
                    .map_err(|_| format!("the account `{text}` is not twelve digits"))?,
            ),
            None => account_of(&resource).or(caller.principal().account()),
        };
        let trust = match self.trust {
            Some(source) => Some(library.named(source, Kind::Trust)?),
            // SECURITY: a role without a trust policy lets nobody in.
            None if asks_trust(&action) && resource != "*" => Some(Named {
                name: "no trust policy".to_owned(),
                policy: Arc::new(Policy::empty(Kind::Trust)),
            }),
            None => None,
        };
        Ok(Question {
            principal,
            caller,
            action,
            resource,
            resource_account,
            context,
            identity: library.list(self.identity, Kind::Identity)?,
            boundary: self.boundary.map(|all| library.list(all, Kind::Boundary)).transpose()?,
            session: self.session.map(|all| library.list(all, Kind::Session)).transpose()?,
            resource_policy: self
                .resource_policy
                .map(|source| library.named(source, Kind::Resource))
                .transpose()?,
            trust,
            scps: self.scps.map(|levels| library.lists(levels, Kind::Scp)).transpose()?,
            rcps: self.rcps.map(|levels| library.lists(levels, Kind::Rcp)).transpose()?,
        })
    }
}

impl Question {
    /// Who asks, as it was given.
    pub(crate) fn principal(&self) -> &str {
        &self.principal
    }

    pub(crate) fn action(&self) -> &str {
        &self.action
    }

    pub(crate) fn resource(&self) -> &str {
        &self.resource
    }

    pub(crate) fn resource_account(&self) -> Option<AccountId> {
        self.resource_account
    }

    /// The condition keys, those that follow from the principal included.
    pub(crate) fn context(&self) -> &Context {
        &self.context
    }

    /// Decides, and explains from the same evaluation.
    pub(crate) fn answer(&self) -> Answer {
        let identity = attached(&self.identity);
        let session = self.session.as_deref().map(attached);
        let scps = self.scps.as_deref().map(levels);
        let scps: Option<Vec<&[Attached<'_>]>> =
            scps.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
        let rcps = self.rcps.as_deref().map(levels);
        let rcps: Option<Vec<&[Attached<'_>]>> =
            rcps.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
        let layers = Layers {
            identity: &identity,
            session: session.as_deref(),
            trust: self.trust.as_ref().map(|named| &*named.policy),
            resource: self.resource_policy.as_ref().map(|named| &*named.policy),
            scps: scps.as_deref(),
            rcps: rcps.as_deref(),
            ..Layers::default()
        };
        let request = Request {
            principal: self.caller.principal(),
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account,
            context: &self.context,
        };
        let nothing = Policy::empty(Kind::Boundary);
        let explain_with = |boundary: Option<(&str, &Policy)>| {
            let layers = Layers { boundary: boundary.map(|(_, policy)| policy), ..layers };
            let mut explanation = explain(&layers, &request);
            for statement in &mut explanation.statements {
                // Where there is only one policy, the engine names the layer.
                let name = match statement.layer {
                    Layer::Boundary => boundary.map(|(name, _)| name),
                    Layer::Resource => self.resource_policy.as_ref().map(|named| &*named.name),
                    Layer::Trust => self.trust.as_ref().map(|named| &*named.name),
                    _ => None,
                };
                if let Some(name) = name {
                    name.clone_into(&mut statement.policy);
                }
            }
            explanation
        };
        let boundaries = self.boundary.as_deref();
        let several = boundaries.into_iter().flatten().map(|named| (&*named.name, &*named.policy));
        let explanation = match several.map(|one| explain_with(Some(one))).max_by_key(precedence) {
            Some(explanation) => explanation,
            // A boundary of no policy allows nothing.
            None => explain_with(boundaries.map(|_| ("boundary", &nothing))),
        };
        let verdict = verdict_of(&explanation);
        let reason = reason(&explanation, &self.action);
        Answer { verdict, reason, explanation }
    }
}

fn verdict_of(explanation: &Explanation) -> Verdict {
    match &explanation.decision {
        Decision::Allowed => Verdict::Allowed,
        Decision::Denied(_) if explanation.denies_explicitly() => Verdict::ExplicitDeny,
        Decision::Denied(_) => Verdict::ImplicitDeny,
    }
}

/// Policies of one layer add up: a Deny of any wins, otherwise an Allow of any does.
fn precedence(explanation: &Explanation) -> u8 {
    match verdict_of(explanation) {
        Verdict::ImplicitDeny => 0,
        Verdict::Allowed => 1,
        Verdict::ExplicitDeny => 2,
    }
}

/// The sentence, with the statements that decided.
fn reason(explanation: &Explanation, action: &str) -> String {
    let mut taken =
        explanation.statements.iter().filter(|s| !matches!(s.outcome, Outcome::Failed { .. }));
    match &explanation.decision {
        Decision::Allowed => {
            let mut grants: Vec<&StatementReport> = Vec::new();
            for statement in taken.filter(|s| s.effect == Effect::Allow) {
                // The other layers only bound.
                let is_grant =
                    matches!(statement.layer, Layer::Identity | Layer::Resource | Layer::Trust);
                if is_grant && grants.iter().all(|grant| grant.layer != statement.layer) {
                    grants.push(statement);
                }
            }
            if grants.is_empty() {
                return "nothing denies it, and nothing needs to allow it".to_owned();
            }
            let places: Vec<_> = grants.into_iter().map(place).collect();
            format!("allowed by {}", places.join(" and "))
        }
        Decision::Denied(denial) => {
            let clause = denial.clause(action).trim_start().to_owned();
            match taken.find(|s| s.effect == Effect::Deny).map(place) {
                // The clause may blame the caller's own layers, as it must towards a caller.
                Some(place) if !denial.explicit => format!("{clause}; denied by {place}"),
                Some(place) => format!("{clause}: {place}"),
                None => clause,
            }
        }
    }
}

/// Where a statement stands.
fn place(statement: &StatementReport) -> String {
    let StatementReport { policy, index, sid, .. } = statement;
    match (sid.as_deref(), &statement.outcome) {
        (_, Outcome::Unreadable { .. }) => format!("{policy}, which cannot be read"),
        (Some(sid), _) if !sid.is_empty() => format!("statement {index} ({sid}) of {policy}"),
        _ => format!("statement {index} of {policy}"),
    }
}

impl Library {
    fn named(&mut self, source: Source<'_>, kind: Kind) -> Result<Named, String> {
        let Source { name, text } = source;
        let known = self.policies.get(&kind).and_then(|known| known.get(&*text));
        if let Some(policy) = known {
            return Ok(Named { name, policy: Arc::clone(policy) });
        }
        let policy = Policy::parse(&text, kind).map_err(|malformed| {
            let place = malformed.position();
            let path = match malformed.path() {
                "" => String::new(),
                path => format!(", {path}"),
            };
            let reason = malformed.reason();
            format!("{name}: line {}, column {}{path}: {reason}", place.line, place.column)
        })?;
        let policy = Arc::new(policy);
        let known = self.policies.entry(kind).or_default();
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(text.into(), Arc::clone(&policy));
        Ok(Named { name, policy })
    }

    fn list(&mut self, sources: Vec<Source<'_>>, kind: Kind) -> Result<Vec<Named>, String> {
        sources.into_iter().map(|source| self.named(source, kind)).collect()
    }

    fn lists(
        &mut self,
        levels: Vec<Vec<Source<'_>>>,
        kind: Kind,
    ) -> Result<Vec<Vec<Named>>, String> {
        levels.into_iter().map(|level| self.list(level, kind)).collect()
    }
}

fn attached(policies: &[Named]) -> Vec<Attached<'_>> {
    policies.iter().map(|Named { name, policy }| Attached { name, policy }).collect()
}

fn levels(levels: &[Vec<Named>]) -> Vec<Vec<Attached<'_>>> {
    levels.iter().map(|level| attached(level)).collect()
}

/// The account in an ARN.
fn account_of(resource: &str) -> Option<AccountId> {
    resource.split(':').nth(4).and_then(|account| AccountId::parse(account).ok())
}
