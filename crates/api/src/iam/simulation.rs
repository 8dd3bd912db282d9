//! A simulation: each action is decided on each resource by the engine that decides live calls,
//! and its explanation is told in the members of `EvaluationResult`.
//!
//! IAM API reference, "EvaluationResult" and "ResourceSpecificResult". Nothing is decided here:
//! layers are built by the function that live calls use, and everything is read off what
//! [`explain`] says. How much one call weighs and lists is bounded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use daypass_names::AccountId;
use daypass_policy::{
    Attached, Caller, Context, Explanation, Kind, Layer, Policy, Request, StatementReport, Verdict,
    allowed_by_scps, distinct, explain,
};
use serde::Serialize;

use super::paging::Page;
use super::simulation_input::{Asked, invalid};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::deciding::own_layers;
use crate::turns::Turns;

/// Most steps that the policies of one action, and those of a page, can take: to match a pattern
/// takes at most its length times that of the text. They are some 100 ms. The largest policies
/// that AWS attaches to a user fit on nearly ten resources.
const MAX_STEPS: usize = 1 << 26;

/// What a resource weighs beside its length.
const RESOURCE: usize = 16;

/// What a value of a condition key weighs beside its length: empty ones are compared too.
const VALUE: usize = 4;

/// The least that one action on one resource weighs, in steps.
const DECISION: usize = 4096;

/// Most bytes of results in a page, as [`EvaluationResult::size`] counts them.
const MAX_BYTES: usize = 4 << 20;

/// Most decisions on one resource that a page lists.
const MAX_RESULTS: usize = 10_000;

/// Most decisions of one simulation, on all pages together.
const MAX_DECISIONS: usize = 250_000;

/// Bytes of a result beside the texts in it, and those of a statement in it.
const RESULT: usize = 512;

/// Bytes of a key that is missing beside its name.
const MEMBER: usize = 17;

/// Most bytes that an escaped byte takes.
const ESCAPE: usize = 6;

/// Simulations that run at once, each on a thread of its own.
const AT_ONCE: usize = 2;

/// Most simulations that run or wait. Beyond them callers try again.
const MAX_ASKED: usize = 64;

/// Where all simulations of this process are run.
static TURNS: Turns =
    Turns::new(AT_ONCE, MAX_ASKED, "Too many policies are being simulated. Try again later.");

/// What the policy of the resource is called.
const RESOURCE_POLICY: &str = "ResourcePolicy";

/// A policy and what results call it.
#[derive(Debug)]
pub(crate) struct Sourced {
    pub(crate) id: String,
    pub(crate) policy: Arc<Policy>,
}

/// A simulation that can be run.
#[derive(Debug)]
pub(crate) struct Simulation {
    asked: Arc<Asked>,
    caller: Caller,
    context: Context<'static>,
    /// The account of resources whose ARN names none.
    owner: AccountId,
    identity: Vec<Sourced>,
    boundary: Option<Arc<Policy>>,
    resource: Option<Policy>,
    scps: Option<Vec<Vec<Policy>>>,
    /// The keys that the policies refer to and that nobody gave.
    missing: Vec<String>,
}

/// The policies that bind the simulated caller, but for those of the request.
#[derive(Debug, Default)]
pub(crate) struct Bound {
    pub(crate) identity: Vec<Sourced>,
    pub(crate) boundary: Option<Arc<Policy>>,
    /// One list for each level of an organisation.
    pub(crate) scps: Option<Vec<Vec<Policy>>>,
}

impl Simulation {
    /// Prepares what was asked. `caller` is who asks, from the context that was given; its account
    /// owns what names no owner.
    pub(crate) fn prepare(
        asked: &Arc<Asked>,
        mut bound: Bound,
        account: AccountId,
        caller: impl FnOnce(&Context<'_>) -> Result<Caller, Fault>,
    ) -> Result<Self, Fault> {
        asked.check()?;
        let mut context = asked.context()?;
        let caller = caller(&context)?;
        caller.fill(&mut context);
        let own = caller.principal().account().unwrap_or(account);
        let owner = asked.resource_owner()?.unwrap_or(own);
        let inputs = parse_all(&asked.policies, "PolicyInputList", Kind::Identity)?;
        bound.identity.extend((1..).zip(inputs).map(|(number, policy)| Sourced {
            id: format!("PolicyInputList.{number}"),
            policy: Arc::new(policy),
        }));
        let name = "PermissionsBoundaryPolicyInputList";
        let mut boundaries = parse_all(&asked.boundaries, name, Kind::Boundary)?;
        if boundaries.len() > 1 {
            return Err(invalid("Only one permissions boundary can be simulated."));
        }
        let boundary = boundaries.pop().map(Arc::new);
        let resource = match &asked.resource_policy {
            None => None,
            Some(text) => Some(resource_policy(text, &asked.resources)?),
        };
        let policies = bound.identity.iter().map(|own| &*own.policy).chain(&resource);
        let policies = policies.chain(boundary.as_deref());
        // The owner of the resource is known; see `decide_on`.
        let is_given = |name: &String| {
            name.eq_ignore_ascii_case("aws:ResourceAccount") || context.get(name).is_some()
        };
        let mut missing = distinct(policies.flat_map(Policy::context_keys));
        missing.retain(|name| !is_given(name));
        let boundary = boundary.or(bound.boundary);
        let Bound { identity, scps, .. } = bound;
        let asked = Arc::clone(asked);
        Ok(Self { asked, caller, context, owner, identity, boundary, resource, scps, missing })
    }

    /// Runs it for the page that is asked for, on a thread that may block. A page ends early where
    /// it would grow too large.
    pub(crate) async fn run(
        self,
        call: &Authenticated<'_>,
        list: &str,
    ) -> Result<SimulateOutput, Fault> {
        let Asked { actions, resources, page, .. } = &*self.asked;
        if actions.len().saturating_mul(resources.len()) > MAX_DECISIONS {
            let text = "Too many actions are simulated on too many resources at once.";
            return Err(invalid(text));
        }
        let steps = self.steps();
        if steps > MAX_STEPS {
            let text = "The policies are too large to be simulated on so many resources at once.";
            return Err(invalid(text));
        }
        let list = format!("{list}|{}|{}", actions.join("\n"), resources.join("\n"));
        let start = match page.after(call, &list)? {
            None => 0,
            // It was sealed here.
            Some(text) => text.parse().map_err(|_| Fault::internal("a marker is no number"))?,
        };
        let (evaluation_results, next) = TURNS.run(move || self.results(start, steps)).await??;
        let marker = next.map(|next| Page::marker(call, &list, &next.to_string())).transpose()?;
        Ok(SimulateOutput { evaluation_results, is_truncated: marker.is_some(), marker })
    }

    /// The results of a page, and the action that the next one begins with. `steps` are those of
    /// one action.
    fn results(
        &self,
        start: usize,
        steps: usize,
    ) -> Result<(Vec<EvaluationResult>, Option<usize>), Fault> {
        let Asked { actions, resources, page, .. } = &*self.asked;
        let is_foreign = |resource: &&String| {
            self.resource.as_ref().is_some_and(|own| !own.concerns(resource, &self.context))
        };
        if let Some(resource) = resources.iter().find(is_foreign) {
            let text = format!("The resource policy is not applicable to {resource}.");
            return Err(invalid(text));
        }
        let mut results = Vec::new();
        let mut context = self.context.clone();
        let (mut taken, mut listed, mut bytes) = (0_usize, 0_usize, 0_usize);
        for (index, action) in actions.iter().enumerate().skip(start) {
            taken = taken.saturating_add(steps);
            listed = listed.saturating_add(resources.len());
            let is_full =
                results.len() >= page.limit() || listed > MAX_RESULTS || taken > MAX_STEPS;
            if is_full && index > start {
                return Ok((results, Some(index)));
            }
            let result = self.decide(action, &mut context)?;
            bytes = bytes.saturating_add(result.size());
            if bytes > MAX_BYTES {
                return match index > start {
                    true => Ok((results, Some(index))),
                    false => Err(too_long()),
                };
            }
            results.push(result);
        }
        Ok((results, None))
    }

    /// The most steps that one action on all resources can take.
    fn steps(&self) -> usize {
        let texts = self.context.iter().flat_map(|(_, values)| values);
        let longest_value = texts.map(|value| value.text().len()).max().unwrap_or_default();
        let identity = self.identity.iter().map(|own| &*own.policy);
        let scps = || self.scps.iter().flatten().flatten();
        let others = self.boundary.as_deref().into_iter().chain(&self.resource);
        // Those of an organisation are asked once more: see `decide_on`.
        let policies = identity.chain(others).chain(scps()).chain(scps());
        let sizes = policies.map(|policy| size_of_patterns(policy.source(), longest_value));
        let patterns = sizes.fold(0, usize::saturating_add);
        let values = self.context.iter().map(|(_, values)| {
            let sizes = values.iter().map(|value| value.text().len().saturating_add(VALUE));
            sizes.fold(0, usize::saturating_add)
        });
        let longest_key = values.max().unwrap_or_default();
        let longest_action = self.asked.actions.iter().map(String::len).max().unwrap_or_default();
        let decisions = self.asked.resources.iter().map(|resource| {
            let texts = [resource.len(), RESOURCE, longest_key, longest_action];
            let text = texts.into_iter().fold(0, usize::saturating_add);
            text.saturating_mul(patterns).saturating_add(DECISION)
        });
        decisions.fold(0, usize::saturating_add)
    }

    /// The result of one action on all resources.
    fn decide(&self, action: &str, context: &mut Context<'_>) -> Result<EvaluationResult, Fault> {
        let mut decided = Vec::with_capacity(self.asked.resources.len());
        let missing = size_of_missing(&self.missing);
        let mut bytes = 0_usize;
        for resource in &self.asked.resources {
            let one = self.decide_on(action, resource, context);
            bytes = bytes.saturating_add(size_of_result(resource, &one.matched, missing));
            if bytes > MAX_BYTES {
                return Err(too_long());
            }
            decided.push(one);
        }
        let verdict = decided.iter().map(|one| one.verdict).max().unwrap_or(Verdict::ImplicitDeny);
        // What did not contribute to the decision is not told.
        let contributing = decided.iter().filter(|one| one.verdict == verdict);
        let mut seen = BTreeSet::new();
        let all = contributing.flat_map(|one| &one.matched);
        let matched = all.filter(|statement| seen.insert(*statement)).cloned().collect();
        let is_everything = matches!(&*self.asked.resources, [only] if only == "*");
        let shown = match &*self.asked.resources {
            [only] => only.clone(),
            // AWS has the ARN template of the resource type here, or this.
            _ => "*".to_owned(),
        };
        let details = decided.iter().filter_map(|one| one.details.as_ref());
        let mut most_restrictive: Details = BTreeMap::new();
        for (source, verdict) in details.flatten() {
            let known = most_restrictive.entry(source).or_insert(*verdict);
            *known = (*verdict).max(*known);
        }
        let is_ended_by_scps = decided.iter().any(|one| one.by_organizations == Some(false));
        Ok(EvaluationResult {
            eval_action_name: action.to_owned(),
            eval_resource_name: shown,
            eval_decision: verdict.as_str(),
            matched_statements: matched,
            missing_context_values: self.missing.clone(),
            organizations_decision_detail: self.scps.as_ref().map(|_| {
                OrganizationsDecisionDetail { allowed_by_organizations: !is_ended_by_scps }
            }),
            permissions_boundary_decision_detail: self.boundary.as_ref().map(|_| {
                let all = decided.iter().all(|one| one.by_boundary == Some(true));
                PermissionsBoundaryDecisionDetail { allowed_by_permissions_boundary: all }
            }),
            eval_decision_details: (!is_everything && !is_ended_by_scps)
                .then(|| spelled(&most_restrictive)),
            resource_specific_results: (!is_everything).then(|| {
                let resources = self.asked.resources.iter().zip(decided);
                resources.map(|(resource, one)| one.result(resource, &self.missing)).collect()
            }),
        })
    }

    /// One action on one resource. The context is told whose that is, unless it was given.
    fn decide_on(&self, action: &str, resource: &str, context: &mut Context<'_>) -> Decided {
        let account = resource.split(':').nth(4).and_then(|text| AccountId::parse(text).ok());
        let account = account.unwrap_or(self.owner);
        if self.context.get("aws:ResourceAccount").is_none() {
            context.insert("aws:ResourceAccount", account.as_str().to_owned());
        }
        let principal = self.caller.principal();
        let request =
            Request { principal, action, resource, resource_account: Some(account), context };
        let identity: Vec<_> = self
            .identity
            .iter()
            .map(|Sourced { id, policy }| Attached { name: id, policy })
            .collect();
        let levels: Option<Vec<Vec<Attached<'_>>>> =
            self.scps.as_ref().map(|levels| levels.iter().map(|level| attached(level)).collect());
        let levels: Option<Vec<&[Attached<'_>]>> =
            levels.as_ref().map(|levels| levels.iter().map(Vec::as_slice).collect());
        let mut layers = own_layers(&identity, self.boundary.as_deref());
        layers.resource = self.resource.as_ref();
        layers.scps = levels.as_deref();
        let explanation = explain(&layers, &request);
        let by_organizations = levels.as_deref().map(|levels| allowed_by_scps(levels, &request));
        let is_home = principal.account() == Some(account);
        let boundary = self.boundary.as_ref().map(|_| explanation.verdict_of(Layer::Boundary));
        Decided {
            verdict: explanation.verdict(),
            matched: matched(&explanation),
            by_organizations,
            by_boundary: boundary.map(|verdict| verdict == Verdict::Allowed),
            details: (!is_home && by_organizations != Some(false)).then(|| {
                let mut details = BTreeMap::from([
                    (IDENTITY_POLICIES, explanation.verdict_of(Layer::Identity)),
                    (RESOURCE_POLICIES, explanation.verdict_of(Layer::Resource)),
                ]);
                details.extend(boundary.map(|verdict| (BOUNDARIES, verdict)));
                details
            }),
        }
    }
}

/// How the live service calls identity policies, against its own service model.
const IDENTITY_POLICIES: &str = "IAM Policy";
const RESOURCE_POLICIES: &str = "Resource Policy";
const BOUNDARIES: &str = "Permissions Boundary Policy";

/// What each kind of policy says by itself of a request across accounts.
type Details = BTreeMap<&'static str, Verdict>;

fn spelled(details: &Details) -> BTreeMap<&'static str, &'static str> {
    details.iter().map(|(source, verdict)| (*source, verdict.as_str())).collect()
}

/// The decision on one resource.
#[derive(Debug)]
struct Decided {
    verdict: Verdict,
    matched: Vec<MatchedStatement>,
    by_organizations: Option<bool>,
    by_boundary: Option<bool>,
    details: Option<Details>,
}

impl Decided {
    fn result(self, resource: &str, missing: &[String]) -> ResourceSpecificResult {
        ResourceSpecificResult {
            eval_resource_name: resource.to_owned(),
            eval_resource_decision: self.verdict.as_str(),
            matched_statements: self.matched,
            missing_context_values: missing.to_vec(),
            eval_decision_details: self.details.as_ref().map(spelled),
            permissions_boundary_decision_detail: self.by_boundary.map(|allowed| {
                PermissionsBoundaryDecisionDetail { allowed_by_permissions_boundary: allowed }
            }),
        }
    }
}

/// The statements that made the decision. Those of boundaries and organisations are never listed.
fn matched(explanation: &Explanation<'_>) -> Vec<MatchedStatement> {
    let listed = |statement: &&StatementReport<'_>| {
        matches!(statement.layer, Layer::Identity | Layer::Resource)
    };
    let position = |at: daypass_policy::Position| Position { line: at.line, column: at.column };
    let statements = explanation.deciding().filter(listed).map(|statement| {
        let (id, kind) = match statement.layer {
            Layer::Resource => (RESOURCE_POLICY, RESOURCE_POLICIES),
            _ => (&*statement.policy, IDENTITY_POLICIES),
        };
        MatchedStatement {
            source_policy_id: id.to_owned(),
            source_policy_type: kind,
            start_position: position(statement.start),
            end_position: position(statement.end),
        }
    });
    statements.collect()
}

/// The policies of a level of an organisation, which no result names.
fn attached(level: &[Policy]) -> Vec<Attached<'_>> {
    level.iter().map(|policy| Attached { name: "SCP", policy }).collect()
}

/// Parses the documents of a list.
pub(crate) fn parse_all(texts: &[String], list: &str, kind: Kind) -> Result<Vec<Policy>, Fault> {
    let numbered = (1..).zip(texts);
    numbered.map(|(number, text)| parse(text, &format!("{list}.{number}"), kind)).collect()
}

/// Parses a document of the request; what is wrong with it is told in the engine's words.
fn parse(text: &str, name: &str, kind: Kind) -> Result<Policy, Fault> {
    Policy::parse(text, kind).map_err(|malformed| {
        let daypass_policy::Position { line, column } = malformed.position();
        let (path, reason) = (malformed.path(), malformed.reason());
        let path = if path.is_empty() { String::new() } else { format!(", {path}") };
        invalid(format!("{name}: line {line}, column {column}{path}: {reason}"))
    })
}

/// The policy of the resources, which must be named for it.
fn resource_policy(text: &str, resources: &[String]) -> Result<Policy, Fault> {
    let policy = parse(text, RESOURCE_POLICY, Kind::Resource)?;
    if resources.iter().any(|resource| resource == "*") {
        let text = "Invalid Entity Arn: * does not clearly define entity type and name.";
        return Err(invalid(text));
    }
    Ok(policy)
}

/// The result of both operations.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct SimulateOutput {
    evaluation_results: Vec<EvaluationResult>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EvaluationResult {
    eval_action_name: String,
    eval_resource_name: String,
    eval_decision: &'static str,
    matched_statements: Vec<MatchedStatement>,
    missing_context_values: Vec<String>,
    organizations_decision_detail: Option<OrganizationsDecisionDetail>,
    permissions_boundary_decision_detail: Option<PermissionsBoundaryDecisionDetail>,
    eval_decision_details: Option<BTreeMap<&'static str, &'static str>>,
    resource_specific_results: Option<Vec<ResourceSpecificResult>>,
}

impl EvaluationResult {
    /// About how many bytes it has in a reply.
    fn size(&self) -> usize {
        let missing = size_of_missing(&self.missing_context_values);
        let each = |one: &ResourceSpecificResult| {
            size_of_result(&one.eval_resource_name, &one.matched_statements, missing)
        };
        let specific = self.resource_specific_results.iter().flatten().map(each);
        let own = size_of_result(&self.eval_resource_name, &self.matched_statements, missing)
            .saturating_add(escaped(&self.eval_action_name));
        specific.fold(own, usize::saturating_add)
    }
}

fn size_of_result(resource: &str, matched: &[MatchedStatement], missing: usize) -> usize {
    let statements =
        matched.iter().map(|one| escaped(&one.source_policy_id).saturating_add(RESULT));
    let own = [RESULT, escaped(resource), missing].into_iter().fold(0, usize::saturating_add);
    statements.fold(own, usize::saturating_add)
}

fn size_of_missing(names: &[String]) -> usize {
    names.iter().fold(0, |sum, name| sum.saturating_add(escaped(name)).saturating_add(MEMBER))
}

/// The most bytes of a text in XML.
fn escaped(text: &str) -> usize {
    let size = |byte| match byte {
        0..b' ' | b'&' | b'<' | b'>' | b'"' | b'\'' => ESCAPE,
        _ => 1,
    };
    text.bytes().map(size).fold(0, usize::saturating_add)
}

/// How many characters the patterns of a policy have at most. A variable stands for a value of
/// the context, and begins with a dollar sign, which JSON may escape.
fn size_of_patterns(source: &str, longest_value: usize) -> usize {
    let variables = source.matches('$').count().saturating_add(source.matches(r"\u0024").count());
    variables.saturating_mul(longest_value).saturating_add(source.len())
}

fn too_long() -> Fault {
    invalid("The results of one action on so many resources are too large.")
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct ResourceSpecificResult {
    eval_resource_name: String,
    eval_resource_decision: &'static str,
    matched_statements: Vec<MatchedStatement>,
    missing_context_values: Vec<String>,
    eval_decision_details: Option<BTreeMap<&'static str, &'static str>>,
    permissions_boundary_decision_detail: Option<PermissionsBoundaryDecisionDetail>,
}

#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "PascalCase")]
struct MatchedStatement {
    source_policy_id: String,
    source_policy_type: &'static str,
    start_position: Position,
    end_position: Position,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Position {
    line: usize,
    column: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct OrganizationsDecisionDetail {
    allowed_by_organizations: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct PermissionsBoundaryDecisionDetail {
    allowed_by_permissions_boundary: bool,
}
