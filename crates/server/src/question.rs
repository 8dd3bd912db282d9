//! A question to the policy engine, as operators ask it: who asks for what, and the policies that
//! apply (`daypass policy simulate`, offline and through the running server).
//!
//! Flags, a request file, a line of cases and a command through the operator socket all become a
//! [`Draft`], which says what was given, and then a [`Question`], which can be answered. Whatever is
//! not understood refuses the question: an answer to another question than was asked would be worse
//! than none.

use std::borrow::{Borrow, Cow};
use std::collections::{HashMap, HashSet};
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use daypass_names::AccountId;
use daypass_policy::{
    Attached, Caller, Context, Decision, Denial, Effect, Explanation, Kind, Layer, Layers, Outcome,
    Policy, Request, StatementReport, Value, Verdict, explain,
};

/// What was given.
#[derive(Debug, Default)]
pub struct Draft<'a> {
    /// Who asks: an ARN, a service, or `*`.
    pub principal: Option<String>,
    /// The user behind a federated user.
    pub creator: Option<String>,
    /// What is asked for.
    pub action: Option<String>,
    /// What it is asked for on; `*` if absent.
    pub resource: Option<String>,
    /// Whose that is; otherwise told by its ARN, or else the principal's.
    pub resource_account: Option<String>,
    /// The condition keys.
    pub context: Vec<(String, Given)>,
    /// The policies of the user, its groups or the role.
    pub identity: Vec<Source<'a>>,
    /// `Some` of none is a boundary that allows nothing.
    pub boundary: Option<Vec<Source<'a>>>,
    /// The session policies. `Some` of none allows nothing.
    pub session: Option<Vec<Source<'a>>>,
    /// The policy of the resource.
    pub resource_policy: Option<Source<'a>>,
    /// The trust policy of the role that is to be assumed.
    pub trust: Option<Source<'a>>,
    /// The one of the two that the action asks; the other two go before it.
    pub target: Option<Source<'a>>,
    /// The service control policies, one list for each level.
    pub scps: Option<Vec<Vec<Source<'a>>>>,
    /// The resource control policies, likewise.
    pub rcps: Option<Vec<Vec<Source<'a>>>>,
}

/// A policy's text and what it is called.
#[derive(Clone, Debug)]
pub struct Source<'a> {
    /// What it is called.
    pub name: String,
    /// The document.
    pub text: Cow<'a, str>,
}

/// The value of a condition key: one, or a list even if it has one member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Given {
    /// One value.
    One(String),
    /// A list of values.
    Many(Vec<String>),
}

/// A question that can be answered.
#[derive(Debug)]
pub struct Question {
    principal: String,
    caller: Caller,
    has_given_id: bool,
    action: String,
    resource: String,
    resource_account: Option<AccountId>,
    context: Context<'static>,
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
pub struct Library {
    policies: HashMap<Kind, HashSet<Known>>,
    /// The bytes of all their texts.
    size: usize,
}

/// The most bytes of policies that are kept; then they are forgotten and gathered again. Compiled,
/// a policy takes several times the room of its text.
const MAX_KNOWN: usize = 256 * 1024;

/// A policy that is found by its text.
#[derive(Debug)]
struct Known(Arc<Policy>);

impl Borrow<str> for Known {
    fn borrow(&self) -> &str {
        self.0.source()
    }
}

// As `Borrow` asks: hashed and compared as the text is.
impl Hash for Known {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.source().hash(state);
    }
}

impl Eq for Known {}

impl PartialEq for Known {
    fn eq(&self, other: &Self) -> bool {
        self.0.source() == other.0.source()
    }
}

/// A decision with its reason.
#[derive(Debug)]
pub struct Answer {
    /// The decision.
    pub verdict: Verdict,
    /// One sentence or the part of one that AWS appends to its access-denied text.
    pub reason: String,
    /// How each statement took part.
    pub explanation: Explanation<'static>,
}

impl Answer {
    /// The layer that decided against the request: the one with the statement that denies, or else
    /// the first that does not allow.
    pub fn layer(&self) -> Option<Layer> {
        let Decision::Denied(denial) = &self.explanation.decision else { return None };
        match self.verdict {
            Verdict::ExplicitDeny => self
                .explanation
                .taken()
                .find(|statement| statement.effect == Effect::Deny)
                .map(|statement| statement.layer),
            Verdict::Allowed | Verdict::ImplicitDeny => Some(denial.layer),
        }
    }
}

/// What the policy of a resource is called that was written out without a name.
pub const RESOURCE_POLICY: &str = "resource policy";

/// The actions that ask a role's trust policy, in a sentence.
const TRUST_ACTIONS: &str =
    "sts:AssumeRole…, and sts:TagSession, sts:SetSourceIdentity and sts:SetContext on a role";

/// Whether the policy of the resource that an action is asked for is a role's trust policy.
fn asks_trust(action: &str, resource: &str) -> bool {
    const BESIDE: [&str; 3] = ["sts:TagSession", "sts:SetSourceIdentity", "sts:SetContext"];
    assumes(action)
        || (BESIDE.iter().any(|beside| beside.eq_ignore_ascii_case(action))
            && (resource == "*" || is_role(resource)))
}

/// Whether an action is one of those that assume a role.
fn assumes(action: &str) -> bool {
    const ASSUME: &str = "sts:AssumeRole";
    action.get(..ASSUME.len()).is_some_and(|start| start.eq_ignore_ascii_case(ASSUME))
}

/// Whether an ARN is that of a role.
fn is_role(resource: &str) -> bool {
    let fields: Vec<_> = resource.splitn(6, ':').collect();
    matches!(fields.as_slice(), ["arn", _, "iam", _, _, name] if name.starts_with("role/"))
}

/// Whether a condition key has a prefix and a name. The names of tags and issuers may have more
/// colons.
fn is_key(key: &str) -> bool {
    key.split_once(':').is_some_and(|(prefix, name)| !prefix.is_empty() && !name.is_empty())
}

impl Draft<'_> {
    /// Reads everything.
    ///
    /// # Errors
    /// A sentence that says what is not understood.
    pub fn into_question(self, library: &mut Library) -> Result<Question, String> {
        let action = self.action.ok_or(
            "there is no action: name one, such as s3:GetObject, with --action or in \
             request.action",
        )?;
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
            if !is_key(&key) {
                return Err(format!(
                    "the condition key `{key}` is not a prefix, a colon and a name, such as \
                     aws:SourceIp"
                ));
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
        let principal = self.principal.ok_or(
            "there is no principal: give an ARN, a service or `*` with --principal or in \
             request.principal",
        )?;
        let caller = Caller::parse(&principal, &action, self.creator.as_deref(), &context)?;
        let has_given_id = context.get("aws:userid").is_some();
        caller.fill(&mut context);

        let resource_account = match &self.resource_account {
            Some(text) => Some(
                AccountId::parse(text)
                    .map_err(|_| format!("the account `{text}` is not twelve digits"))?,
            ),
            None => account_of(&resource).or(caller.principal().account()),
        };
        let Targets { resource_policy, trust } =
            targets(self.resource_policy, self.trust, self.target, &action, &resource)?;
        let trust = match trust {
            Some(source) => Some(library.named(source, Kind::Trust)?),
            // SECURITY: a role without a trust policy lets nobody in.
            None if resource != "*" && asks_trust(&action, &resource) => Some(Named {
                name: "no trust policy".to_owned(),
                policy: Arc::new(Policy::empty(Kind::Trust)),
            }),
            None => None,
        };
        Ok(Question {
            principal,
            caller,
            has_given_id,
            action,
            resource,
            resource_account,
            context,
            identity: library.list(self.identity, Kind::Identity)?,
            boundary: self.boundary.map(|all| library.list(all, Kind::Boundary)).transpose()?,
            session: self.session.map(|all| library.list(all, Kind::Session)).transpose()?,
            resource_policy: resource_policy
                .map(|source| library.named(source, Kind::Resource))
                .transpose()?,
            trust,
            scps: self.scps.map(|levels| library.lists(levels, Kind::Scp)).transpose()?,
            rcps: self.rcps.map(|levels| library.lists(levels, Kind::Rcp)).transpose()?,
        })
    }
}

/// The policies of what is asked for.
struct Targets<'a> {
    resource_policy: Option<Source<'a>>,
    trust: Option<Source<'a>>,
}

/// Puts the policy of the resource where the action asks it, and refuses one that the action does
/// not ask: it could not do what whoever gave it expects.
fn targets<'a>(
    resource_policy: Option<Source<'a>>,
    trust: Option<Source<'a>>,
    target: Option<Source<'a>>,
    action: &str,
    resource: &str,
) -> Result<Targets<'a>, String> {
    if asks_trust(action, resource) {
        if resource_policy.is_some() {
            return Err(format!(
                "{action} asks the trust policy of the role, and no other policy of it: give that \
                 with --trust in place of --resource-policy"
            ));
        }
        let target = target.map(|mut source| {
            if source.name == RESOURCE_POLICY {
                source.name = "trust policy".to_owned();
            }
            source
        });
        return Ok(Targets { resource_policy: None, trust: trust.or(target) });
    }
    if trust.is_some() {
        return Err(format!(
            "{action} on {resource} asks no trust policy, only {TRUST_ACTIONS} do: give the policy \
             of the resource with --resource-policy in place of --trust"
        ));
    }
    Ok(Targets { resource_policy: resource_policy.or(target), trust: None })
}

impl Question {
    /// Who asks, as it was given.
    pub fn principal(&self) -> &str {
        &self.principal
    }

    /// What is asked for.
    pub fn action(&self) -> &str {
        &self.action
    }

    /// What it is asked for on, or `*`.
    pub fn resource(&self) -> &str {
        &self.resource
    }

    /// Whose that is, as far as known.
    pub fn resource_account(&self) -> Option<AccountId> {
        self.resource_account
    }

    /// The condition keys, those that follow from the principal included.
    pub fn context(&self) -> &Context<'static> {
        &self.context
    }

    /// The account of who asks; those from outside have none.
    pub fn account(&self) -> Option<AccountId> {
        self.caller.principal().account()
    }

    /// Whether the unique id of who asks was given, and not made up of its ARN.
    pub(crate) fn has_given_id(&self) -> bool {
        self.has_given_id
    }

    /// The question as the engine takes it, beside the policies.
    pub fn request(&self) -> Request<'_> {
        Request {
            principal: self.caller.principal(),
            action: &self.action,
            resource: &self.resource,
            resource_account: self.resource_account,
            context: &self.context,
        }
    }

    /// Whether a level is said to have no resource control policy at all. The engine reads a level
    /// as if the policy that allows everything were listed, since nobody can detach it; where it is
    /// said that there is none, it is not there to allow.
    fn lacks_rcps(&self) -> bool {
        self.rcps
            .as_ref()
            .is_some_and(|levels| levels.is_empty() || levels.iter().any(Vec::is_empty))
    }

    /// Decides, and explains from the same evaluation.
    pub fn answer(&self) -> Answer {
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
        let request = self.request();
        let nothing = Policy::empty(Kind::Boundary);
        let explain_with = |boundary: Option<(&str, &Policy)>| {
            let layers = Layers { boundary: boundary.map(|(_, policy)| policy), ..layers };
            let mut explanation = explain(&layers, &request).into_owned();
            if self.lacks_rcps() && explanation.decision == Decision::Allowed {
                explanation.decision = Decision::Denied(Denial {
                    layer: Layer::Rcp,
                    explicit: false,
                    policy: None,
                    sid: None,
                    statement: None,
                    unreadable: None,
                });
            }
            for statement in &mut explanation.statements {
                // Where there is only one policy, the engine names the layer.
                let name = match statement.layer {
                    Layer::Boundary => boundary.map(|(name, _)| name),
                    Layer::Resource => self.resource_policy.as_ref().map(|named| &*named.name),
                    Layer::Trust => self.trust.as_ref().map(|named| &*named.name),
                    _ => None,
                };
                if let Some(name) = name {
                    statement.policy = Cow::Owned(name.to_owned());
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
        let verdict = explanation.verdict();
        let reason = reason(&explanation, &self.action);
        Answer { verdict, reason, explanation }
    }
}

/// Policies of one layer add up: a Deny of any wins, otherwise an Allow of any does.
fn precedence(explanation: &Explanation<'_>) -> u8 {
    match explanation.verdict() {
        Verdict::ImplicitDeny => 0,
        Verdict::Allowed => 1,
        Verdict::ExplicitDeny => 2,
    }
}

/// The sentence, with the statements that decided.
fn reason(explanation: &Explanation<'_>, action: &str) -> String {
    let mut taken = explanation.taken();
    match &explanation.decision {
        Decision::Allowed => {
            let mut grants: Vec<&StatementReport<'_>> = Vec::new();
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
fn place(statement: &StatementReport<'_>) -> String {
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
        if let Some(Known(policy)) = known {
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
        if self.size >= MAX_KNOWN {
            self.policies.clear();
            self.size = 0;
        }
        self.size += text.len();
        self.policies.entry(kind).or_default().insert(Known(Arc::clone(&policy)));
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
