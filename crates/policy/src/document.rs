//! The grammar of a policy document: from JSON to elements whose types are right.
//!
//! IAM user guide, "Grammar of the IAM JSON policy language". What the grammar does not know is
//! refused here: other elements, other operators, other types. What the values mean is checked by
//! [`crate::validate`].

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

use crate::condition::Operator;
use crate::context::fold;
use crate::json::{self, Json, Member, Node};
use crate::malformed::Flaw;

/// The version of the policy language.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Version {
    /// `2008-10-17`, which is also meant by none: policy variables are plain text.
    V2008,
    /// `2012-10-17`.
    V2012,
}

/// What a statement does when it matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Effect {
    /// Grants, unless something denies.
    Allow,
    /// Refuses, whatever grants.
    Deny,
}

/// A document that follows the grammar.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) version: Version,
    /// Where the version stands, or the document's beginning.
    pub(crate) version_at: usize,
    pub(crate) statements: Vec<RawStatement>,
}

/// A statement whose values have not been looked at.
#[derive(Debug)]
pub(crate) struct RawStatement {
    /// `Statement[0]`, or `Statement` if there is no list.
    pub(crate) path: String,
    pub(crate) span: Range<usize>,
    pub(crate) sid: Option<Word>,
    pub(crate) effect: Effect,
    /// Those of Principal or of NotPrincipal.
    pub(crate) principal: Option<RawPrincipals>,
    pub(crate) not_principal_at: Option<usize>,
    pub(crate) action: Option<Words>,
    pub(crate) resource: Option<Words>,
    pub(crate) conditions: Vec<RawCondition>,
}

/// A string and its place, quotes included.
#[derive(Debug)]
pub(crate) struct Word {
    pub(crate) text: Box<str>,
    pub(crate) span: Range<usize>,
}

/// The strings of an element or of its `Not` form.
#[derive(Debug)]
pub(crate) struct Words {
    pub(crate) at: usize,
    pub(crate) negated: bool,
    pub(crate) words: Vec<Word>,
}

/// The principals of a statement by type, in document order.
#[derive(Debug)]
pub(crate) struct RawPrincipals {
    pub(crate) at: usize,
    pub(crate) principals: Vec<(PrincipalType, Word)>,
}

/// The names that principals are grouped by.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum PrincipalType {
    Aws,
    CanonicalUser,
    Federated,
    Service,
}

impl PrincipalType {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "AWS",
            Self::CanonicalUser => "CanonicalUser",
            Self::Federated => "Federated",
            Self::Service => "Service",
        }
    }
}

/// An operator, a key and values.
#[derive(Debug)]
pub(crate) struct RawCondition {
    pub(crate) operator: Operator,
    pub(crate) operator_name: Word,
    pub(crate) key: Word,
    pub(crate) values: Vec<Word>,
    pub(crate) values_span: Range<usize>,
}

/// An element by its name and what it stands in. It is written out only where it is at fault.
#[derive(Clone, Copy)]
struct Place<'a> {
    parent: Option<&'a Place<'a>>,
    /// Empty for the document itself.
    name: &'a str,
}

impl<'a> Place<'a> {
    const DOCUMENT: Place<'static> = Place { parent: None, name: "" };

    fn of(&'a self, name: &'a str) -> Self {
        Self { parent: Some(self), name }
    }
}

impl From<Place<'_>> for String {
    fn from(place: Place<'_>) -> Self {
        let mut path = place.parent.map(|parent| Self::from(*parent)).unwrap_or_default();
        if !path.is_empty() {
            path.push('.');
        }
        path.push_str(place.name);
        path
    }
}

impl Document {
    /// Reads the elements of a document.
    pub(crate) fn read(node: Node<'_>) -> Result<Self, Flaw> {
        let start = node.span.start;
        let members = object(node, Place::DOCUMENT)?;
        let mut version = (Version::V2008, start);
        let mut statements = None;
        for Member { name, name_span, value } in members {
            match &*name {
                "Version" => {
                    let at = value.span.start;
                    version = match &value.json {
                        Json::Text(text) if text == "2012-10-17" => (Version::V2012, at),
                        Json::Text(text) if text == "2008-10-17" => (Version::V2008, at),
                        _ => {
                            let reason = "the version is neither 2012-10-17 nor 2008-10-17";
                            return Err(Flaw::syntax(at, "Version", reason));
                        }
                    };
                }
                "Id" => drop(string(value, Place::DOCUMENT.of("Id"))?),
                "Statement" => statements = Some(read_statements(value)?),
                _ => return Err(unknown(name_span.start, &name, Place::DOCUMENT)),
            }
        }
        let Some(statements) = statements else {
            return Err(Flaw::syntax(start, "", "the document has no Statement"));
        };
        Ok(Self { version: version.0, version_at: version.1, statements })
    }
}

/// Reads one statement that was part of a document.
pub(crate) fn statement(text: &str) -> Option<RawStatement> {
    let node = json::read(text).ok()?;
    read_statement(node, String::new()).ok()
}

fn read_statements(node: Node<'_>) -> Result<Vec<RawStatement>, Flaw> {
    match node.json {
        Json::List(nodes) if nodes.is_empty() => {
            Err(Flaw::syntax(node.span.start, "Statement", "there is no statement"))
        }
        Json::List(nodes) => {
            let nodes = nodes.into_iter().enumerate();
            each(nodes, |(index, node)| read_statement(node, format!("Statement[{index}]")))
        }
        _ => Ok(vec![read_statement(node, "Statement".to_owned())?]),
    }
}

fn read_statement(node: Node<'_>, path: String) -> Result<RawStatement, Flaw> {
    let span = node.span.clone();
    let mut statement = RawStatement {
        path: String::new(),
        span: span.clone(),
        sid: None,
        effect: Effect::Deny,
        principal: None,
        not_principal_at: None,
        action: None,
        resource: None,
        conditions: Vec::new(),
    };
    let mut effect = None;
    let place = Place { parent: None, name: &path };
    for Member { name, name_span, value } in object(node, place)? {
        let path = place.of(&name);
        let at = name_span.start;
        let taken = match &*name {
            "Action" | "NotAction" => statement.action.is_some(),
            "Resource" | "NotResource" => statement.resource.is_some(),
            "Principal" | "NotPrincipal" => statement.principal.is_some(),
            _ => false,
        };
        if taken {
            return Err(Flaw::syntax(at, path, "an element and its Not form exclude each other"));
        }
        match &*name {
            "Sid" => statement.sid = Some(string(value, path)?),
            "Effect" => effect = Some(read_effect(value, path)?),
            "Principal" => statement.principal = Some(read_principals(value, path)?),
            "NotPrincipal" => {
                statement.principal = Some(read_principals(value, path)?);
                statement.not_principal_at = Some(at);
            }
            "Action" => statement.action = Some(words(value, at, false, path)?),
            "NotAction" => statement.action = Some(words(value, at, true, path)?),
            "Resource" => statement.resource = Some(words(value, at, false, path)?),
            "NotResource" => statement.resource = Some(words(value, at, true, path)?),
            "Condition" => statement.conditions = read_conditions(value, path)?,
            _ => return Err(unknown(at, &name, place)),
        }
    }
    let Some(effect) = effect else {
        return Err(Flaw::syntax(span.start, path, "the statement has no Effect"));
    };
    statement.effect = effect;
    statement.path = path;
    Ok(statement)
}

fn read_effect(node: Node<'_>, path: Place<'_>) -> Result<Effect, Flaw> {
    let at = node.span.start;
    match node.json {
        Json::Text(text) if text == "Allow" => Ok(Effect::Allow),
        Json::Text(text) if text == "Deny" => Ok(Effect::Deny),
        _ => Err(Flaw::syntax(at, path, "the effect is neither Allow nor Deny")),
    }
}

fn read_principals(node: Node<'_>, path: Place<'_>) -> Result<RawPrincipals, Flaw> {
    let at = node.span.start;
    let mut principals = Vec::new();
    match node.json {
        Json::Text(text) if text == "*" => {
            principals.push((PrincipalType::Aws, Word { text: text.into(), span: node.span }));
        }
        Json::Object(members) => {
            for Member { name, name_span, value } in members {
                let kind = match &*name {
                    "AWS" => PrincipalType::Aws,
                    "CanonicalUser" => PrincipalType::CanonicalUser,
                    "Federated" => PrincipalType::Federated,
                    "Service" => PrincipalType::Service,
                    _ => return Err(unknown(name_span.start, &name, path)),
                };
                let words = words(value, name_span.start, false, path.of(&name))?;
                if words.words.is_empty() {
                    let reason = "a principal type names nobody";
                    return Err(Flaw::syntax(words.at, path.of(&name), reason));
                }
                principals.extend(words.words.into_iter().map(|word| (kind, word)));
            }
        }
        _ => {
            return Err(Flaw::syntax(at, path, "a principal is \"*\" or an object"));
        }
    }
    Ok(RawPrincipals { at, principals })
}

fn read_conditions(node: Node<'_>, path: Place<'_>) -> Result<Vec<RawCondition>, Flaw> {
    let mut conditions: Vec<RawCondition> = Vec::new();
    // No more than there are operators, so that comparing them one by one takes no time.
    let mut operators: Vec<Cow<'_, str>> = Vec::new();
    for Member { name, name_span, value } in object(node, path)? {
        let at = name_span.start;
        let path = path.of(&name);
        let Some(operator) = Operator::parse(&name) else {
            return Err(Flaw::syntax(at, path, format!("`{name}` is not a condition operator")));
        };
        // Their names ignore case, so the same name in another case is the same name twice.
        if operators.iter().any(|other| other.eq_ignore_ascii_case(&name)) {
            return Err(Flaw::syntax(at, path, "an operator occurs twice"));
        }
        let members = object(value, path)?;
        let is_lone = members.len() == 1;
        let mut keys = BTreeSet::new();
        for Member { name: key, name_span: key_span, value } in members {
            let path = path.of(&key);
            if !is_lone && !keys.insert(fold(&key)) {
                return Err(Flaw::syntax(key_span.start, path, "a condition key occurs twice"));
            }
            let values_span = value.span.clone();
            let values = condition_values(value, path)?;
            conditions.push(RawCondition {
                operator,
                operator_name: Word { text: (&*name).into(), span: name_span.clone() },
                key: Word { text: key.into(), span: key_span },
                values,
                values_span,
            });
        }
        operators.push(name);
    }
    Ok(conditions)
}

fn condition_values(node: Node<'_>, path: Place<'_>) -> Result<Vec<Word>, Flaw> {
    match node.json {
        Json::List(nodes) => each(nodes.into_iter(), |node| condition_value(node, path)),
        _ => Ok(vec![condition_value(node, path)?]),
    }
}

/// A condition value: numbers and booleans act as strings.
fn condition_value(node: Node<'_>, path: Place<'_>) -> Result<Word, Flaw> {
    let text = match node.json {
        Json::Text(text) => text.into(),
        Json::Bare(text) if text != "null" => text.into(),
        Json::Bare(_) | Json::List(_) | Json::Object(_) => {
            let reason = "a condition value is a string, a number or a boolean";
            return Err(Flaw::syntax(node.span.start, path, reason));
        }
    };
    Ok(Word { text, span: node.span })
}

fn words(node: Node<'_>, at: usize, negated: bool, path: Place<'_>) -> Result<Words, Flaw> {
    let words = match node.json {
        Json::List(nodes) => each(nodes.into_iter(), |node| string(node, path))?,
        _ => vec![string(node, path)?],
    };
    Ok(Words { at, negated, words })
}

fn string(node: Node<'_>, path: Place<'_>) -> Result<Word, Flaw> {
    match node.json {
        Json::Text(text) => Ok(Word { text: text.into(), span: node.span }),
        _ => Err(Flaw::syntax(node.span.start, path, "a string is expected here")),
    }
}

fn object<'a>(node: Node<'a>, path: Place<'_>) -> Result<Vec<Member<'a>>, Flaw> {
    match node.json {
        Json::Object(members) => Ok(members),
        _ => Err(Flaw::syntax(node.span.start, path, "an object is expected here")),
    }
}

fn unknown(at: usize, name: &str, path: Place<'_>) -> Flaw {
    Flaw::syntax(at, path.of(name), format!("`{name}` is not known here"))
}

/// Reads one after the other, in as much room as they need: collecting results would not know how
/// many there will be.
pub(crate) fn each<T, U>(
    all: impl ExactSizeIterator<Item = T>,
    mut read: impl FnMut(T) -> Result<U, Flaw>,
) -> Result<Vec<U>, Flaw> {
    let mut done = Vec::with_capacity(all.len());
    for one in all {
        done.push(read(one)?);
    }
    Ok(done)
}
