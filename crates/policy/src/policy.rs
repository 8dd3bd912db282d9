//! A compiled policy and its statements.
//!
//! The document is read once, when it is saved or first loaded; deciding reads only what was
//! compiled. A stored text that no longer parses becomes a policy that denies everything.

use std::fmt;
use std::ops::Range;

use daypass_names::{Arn, UniqueId};

use crate::action::Actions;
use crate::condition::Condition;
use crate::document::{Document, Effect, Version};
use crate::gate::Gate;
use crate::json::{self, Node};
use crate::malformed::{Flaw, Malformed, Position, SYNTAX};
use crate::principal::NamedPrincipal;
use crate::resource::Resources;
use crate::shared_issuer::{self, UnguardedIssuer};
use crate::validate;

/// What a policy is attached to, which says what it may contain.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
#[non_exhaustive]
pub enum Kind {
    /// A policy of a user, group or role, inline or managed.
    Identity,
    /// A policy that bounds a session.
    Session,
    /// The trust policy of a role.
    Trust,
    /// A permissions boundary: an identity policy that only bounds.
    Boundary,
    /// The policy of a resource, a bucket policy for instance.
    Resource,
    /// A service control policy of an organisation.
    Scp,
    /// A resource control policy of an organisation.
    Rcp,
}

impl Kind {
    /// Whether statements of the kind name principals.
    pub(crate) fn names_principals(self) -> bool {
        matches!(self, Self::Resource | Self::Rcp | Self::Trust)
    }
}

/// A compiled policy. Share it in an `Arc`: nothing in it changes when it is evaluated.
pub struct Policy {
    kind: Kind,
    version: Version,
    source: Box<str>,
    /// See [`around_colons`].
    around_colons: u64,
    /// See [`Policy::reads_context`].
    reads_context: bool,
    pub(crate) statements: Vec<Statement>,
    /// Of each statement, what must be so for it to match. Side by side, so that to pass over a
    /// statement does not touch it.
    pub(crate) gates: Box<[Gate]>,
    /// Of all statements, in document order.
    principals: Vec<NamedPrincipal>,
    fault: Option<Box<Malformed>>,
}

/// A compiled statement.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) sid: Option<Box<str>>,
    pub(crate) effect: Effect,
    /// Which of the policy's principals are this statement's; `None` where the kind of policy has
    /// none and all callers are meant.
    pub(crate) principals: Option<Range<usize>>,
    /// Whether those principals are the ones that are not meant.
    pub(crate) not_principals: bool,
    pub(crate) actions: Actions,
    /// `None` in a trust policy: its role is meant.
    pub(crate) resources: Option<Resources>,
    pub(crate) conditions: Box<[Condition]>,
    /// The bytes of the statement in the source.
    pub(crate) span: Range<usize>,
    /// Where they begin and end.
    pub(crate) start: Position,
    pub(crate) end: Position,
}

impl Statement {
    fn gate(&self) -> Gate {
        let resources = self.resources.as_ref();
        Gate::of(self.actions.beginning(), resources.map_or(&[][..], Resources::beginning))
    }
}

impl Policy {
    /// Parses and compiles a policy that somebody wants to save or to use.
    ///
    /// Version `2008-10-17` and none are taken. Limits of size beyond [`crate::MAX_CHARACTERS`]
    /// are the caller's: see [`Self::size`].
    pub fn parse(text: &str, kind: Kind) -> Result<Self, Malformed> {
        Self::compile(text, kind, false).map_err(|flaw| flaw.into_malformed(text))
    }

    /// The same, with the flaw itself.
    pub(crate) fn parse_flawed(text: &str, kind: Kind) -> Result<Self, Flaw> {
        Self::compile(text, kind, false)
    }

    /// Parses and compiles a managed policy: an identity policy whose version must be
    /// `2012-10-17`.
    pub fn parse_managed(text: &str) -> Result<Self, Malformed> {
        Self::compile(text, Kind::Identity, true).map_err(|flaw| flaw.into_malformed(text))
    }

    /// Compiles a policy that was saved or sealed earlier. A text that does not parse becomes a
    /// policy that denies everything explicitly; [`Self::fault`] tells why.
    pub fn parse_stored(text: &str, kind: Kind) -> Self {
        match Self::parse(text, kind) {
            Ok(policy) => policy,
            Err(fault) => {
                let (source, around_colons) = (text.into(), around_colons(text));
                Self { source, around_colons, fault: Some(Box::new(fault)), ..Self::empty(kind) }
            }
        }
    }

    /// A policy without a statement: it allows nobody anything and denies nothing. It stands for
    /// the trust policy of a role that does not exist.
    pub fn empty(kind: Kind) -> Self {
        Self {
            kind,
            version: Version::V2012,
            source: "".into(),
            around_colons: 0,
            reads_context: false,
            statements: Vec::new(),
            gates: Box::default(),
            principals: Vec::new(),
            fault: None,
        }
    }

    /// Why the policy denies everything, if it does because its stored text does not parse.
    pub fn fault(&self) -> Option<&Malformed> {
        self.fault.as_deref()
    }

    /// What the policy is attached to.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The version of the language; no version is 2008-10-17.
    pub fn version(&self) -> Version {
        self.version
    }

    /// The text that was parsed.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What quotas count: the characters of the text without white space, and of an
    /// organisation's policy all bytes. [`Kind::size_limit`] is what to compare it with.
    pub fn size(&self) -> usize {
        if matches!(self.kind, Kind::Scp | Kind::Rcp) {
            return self.source.len();
        }
        self.source.chars().filter(|c| !matches!(c, ' ' | '\t' | '\n' | '\r')).count()
    }

    /// Whether a statement allows actions of a service, `s3` for instance, on whatever resources
    /// and conditions; the case does not matter. What other statements deny is not looked at, nor
    /// which actions the service has: `NotAction` allows all but those of its services that a
    /// wildcard covers whole. A policy that cannot be read allows none.
    ///
    /// IAM API reference, "ListPoliciesGrantingServiceAccess".
    pub fn allows_some_of(&self, service: &str) -> bool {
        let service = service.to_ascii_lowercase();
        let mut allows = self.statements.iter().filter(|own| own.effect == Effect::Allow);
        allows.any(|statement| statement.actions.reach(&service))
    }

    /// Whether the policy may name a condition key or a policy variable that begins with `name`,
    /// whose case does not matter. It may say so of one that does not, and never misses one that
    /// does: whoever has to fetch a value for it asks this first.
    pub fn may_mention(&self, name: &str) -> bool {
        let (text, name) = (self.source.as_bytes(), name.as_bytes());
        let around = name.windows(3).find_map(around_colon).unwrap_or(u64::MAX);
        if self.around_colons & around == 0 {
            return false;
        }
        // What is escaped is not looked for: a slash may be, too, and some encoders do it.
        text.contains(&b'\\')
            || (!name.is_empty()
                && text.windows(name.len()).any(|part| part.eq_ignore_ascii_case(name)))
    }

    /// Whether what the policy decides may depend on a condition key: a statement has a condition, or
    /// the text may have a policy variable. It may say so of a policy that reads none, and never
    /// misses one that does.
    pub fn reads_context(&self) -> bool {
        self.reads_context
    }

    /// The principals of a trust policy, in document order.
    pub fn named_principals(&self) -> &[NamedPrincipal] {
        &self.principals
    }

    /// Ties each user and role ARN among the principals to the unique id that `resolve` gives for
    /// it; without one it matches nobody. Afterwards an entity that was made again under the old
    /// name does not match. Accounts, sessions, federated users and `*` stay as they are: a session
    /// ARN lacks the role's path and goes on matching by its text.
    pub fn pin_principals(&mut self, mut resolve: impl FnMut(&Arn) -> Option<UniqueId>) {
        for principal in &mut self.principals {
            principal.pin(&mut resolve);
        }
    }

    /// Has the principals that `is_barred` picks let in nobody, now or later. They are those that
    /// did not exist when the policy was brought from elsewhere: an account, a session or a provider
    /// is not pinned, and one that is made later under the same name is somebody else.
    pub fn bar_principals(&mut self, mut is_barred: impl FnMut(&NamedPrincipal) -> bool) {
        for principal in &mut self.principals {
            if is_barred(principal) {
                principal.bar();
            }
        }
    }

    /// The first identity provider shared by many tenants (GitHub Actions, for instance) that a
    /// trust policy lets in without a condition that says which tenant. Whoever saves a trust
    /// policy refuses one, or asks whether it is meant.
    pub fn unguarded_issuer(&self) -> Option<UnguardedIssuer<'_>> {
        shared_issuer::unguarded(self).next()
    }

    /// All of them, in document order.
    pub fn unguarded_issuers(&self) -> impl Iterator<Item = UnguardedIssuer<'_>> {
        shared_issuer::unguarded(self)
    }

    /// The element that a principal of the policy stands in, for instance
    /// `Statement[0].Principal`.
    pub fn path_of(&self, principal: &NamedPrincipal) -> String {
        let at = principal.span().start;
        let index = self.statements.iter().position(|statement| statement.span.contains(&at));
        let document = Node::read_leniently(&self.source);
        let members = document.as_ref().and_then(Node::members).unwrap_or_default();
        let is_list = members
            .iter()
            .any(|member| member.name() == "Statement" && member.value().items().is_some());
        let statement = index.and_then(|index| self.statements.get(index));
        let not = if statement.is_some_and(|own| own.not_principals) { "Not" } else { "" };
        match index.filter(|_| is_list) {
            Some(index) => format!("Statement[{index}].{not}Principal"),
            None => format!("Statement.{not}Principal"),
        }
    }

    /// The principals of a statement; `None` if all callers are meant.
    pub(crate) fn principals_of(&self, statement: &Statement) -> Option<&[NamedPrincipal]> {
        let range = statement.principals.clone()?;
        // INVARIANT: the range was taken when the principals were gathered.
        Some(self.principals.get(range).unwrap_or_default())
    }

    fn compile(text: &str, kind: Kind, is_managed: bool) -> Result<Self, Flaw> {
        let node = json::read(text).map_err(|not_json| {
            let words = match kind {
                Kind::Trust => "This policy contains invalid Json",
                _ => SYNTAX,
            };
            Flaw {
                text: words.into(),
                reason: not_json.reason.into(),
                at: not_json.at,
                path: not_json.path,
            }
        })?;
        let document = Document::read(node)?;
        if is_managed && document.version != Version::V2012 {
            let words = "Policy document must be version 2012-10-17 or greater.";
            return Err(Flaw::worded(document.version_at, "Version", words));
        }
        let version = document.version;
        let (statements, principals) = validate::compile(document, kind, text)?;
        let gates = statements.iter().map(Statement::gate).collect();
        let has_conditions = statements.iter().any(|own| !own.conditions.is_empty());
        // A variable could be written with escapes.
        let may_have_variables = text.contains("${") || text.contains('\\');
        Ok(Self {
            kind,
            version,
            source: text.into(),
            around_colons: around_colons(text),
            reads_context: has_conditions || may_have_variables,
            statements,
            gates,
            principals,
            fault: None,
        })
    }
}

/// A bit for each pair of characters that a text has on either side of a colon, whatever their case;
/// some pairs share one, and all are set where anything is escaped. What a policy does not mention is
/// mostly told by that alone, without a look at its text for each request.
fn around_colons(text: &str) -> u64 {
    let text = text.as_bytes();
    match text.contains(&b'\\') {
        true => u64::MAX,
        false => text.windows(3).filter_map(around_colon).fold(0, |all, one| all | one),
    }
}

fn around_colon(part: &[u8]) -> Option<u64> {
    match part {
        [before, b':', after] => {
            let (before, after) = (before.to_ascii_lowercase(), after.to_ascii_lowercase());
            Some(1 << ((before.wrapping_mul(7) ^ after) & 63))
        }
        _ => None,
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Policy")
            .field("kind", &self.kind)
            .field("source", &self.source)
            .field("fault", &self.fault)
            .finish_non_exhaustive()
    }
}
