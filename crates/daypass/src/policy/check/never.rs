//! Statements that no request can match.
//!
//! Only what is certain is reported: conditions are compared only where their values are plain
//! text, and keys that may have several values only where several values do not help.

use std::collections::{HashMap, HashSet};

use super::document::{Condition, Set, Statement, Words};
use super::finding::Findings;
use super::names::{self, Holds};
use super::statements::is_null;

/// Looks at one statement. At most one reason is reported.
pub(crate) fn lint(statement: &Statement, is_2012: bool, found: &mut Findings) {
    let reason = contradiction(statement, is_2012)
        .or_else(|| foreign_resources(statement))
        .or_else(|| nobodys_token(statement));
    if let Some((at, path, why)) = reason {
        let effect = if statement.allows { "allows" } else { "denies" };
        let message = format!("the statement never matches, so it {effect} nothing: {why}");
        found.add("never-matches", at, path, message);
    }
}

type Reason = (usize, String, String);

fn contradiction(statement: &Statement, is_2012: bool) -> Option<Reason> {
    let reason =
        |condition: &Condition, why: String| (condition.key.at, condition.path.clone(), why);
    // The conditions on a key are as few as there are operators; keys there may be thousands.
    let mut before: HashMap<String, Vec<Weighed<'_>>> = HashMap::new();
    for condition in &statement.conditions {
        let key = &condition.key.text;
        let may_be_unclear = !statement.allows && !condition.operator.is_string();
        if condition.operator.is_strict() && condition.values.is_empty() && !may_be_unclear {
            return Some(reason(condition, format!("{key} is compared with no value")));
        }
        if names_session(condition) {
            let why = "aws:PrincipalArn is the ARN of the role, not of its session".to_owned();
            return Some(reason(condition, why));
        }
        let weighed = Weighed::of(condition, is_2012);
        let others = before.entry(key.to_ascii_lowercase()).or_default();
        for other in &*others {
            if let Some(why) = exclude(&weighed, other, statement.allows) {
                return Some(reason(condition, why));
            }
        }
        others.push(weighed);
    }
    None
}

/// A condition with its values made ready to be compared with those of another.
struct Weighed<'a> {
    condition: &'a Condition,
    /// The values, if they are texts that are compared as they stand.
    texts: Option<HashSet<&'a str>>,
    /// The same without regard to case.
    folded: HashSet<String>,
}

impl<'a> Weighed<'a> {
    fn of(condition: &'a Condition, is_2012: bool) -> Self {
        let texts = texts(condition, is_2012);
        let folded = texts.iter().flatten().map(|text| text.to_lowercase()).collect();
        Self { condition, texts, folded }
    }
}

/// Why two conditions on the same key cannot both hold. In a Deny a value that cannot be read, or
/// an empty one where its absence is asked for, counts as holding, so less is certain there.
fn exclude(one: &Weighed<'_>, other: &Weighed<'_>, allows: bool) -> Option<String> {
    let key = &one.condition.key.text;
    for (absent, present) in [(one, other), (other, one)] {
        if allows && is_null(absent.condition, "true") && present.condition.operator.is_strict() {
            return Some(format!("{key} would have to be absent and have a value"));
        }
    }
    for (positive, negative) in [(one, other), (other, one)] {
        if is_subset(positive, negative) {
            return Some(format!("{key} would have to be and not to be the same"));
        }
    }
    // Two values of a key could each satisfy one condition.
    let is_single = names::holds(key) == Some(Holds::One);
    let both_strict = one.condition.operator.is_strict() && other.condition.operator.is_strict();
    if !is_single || !both_strict {
        return None;
    }
    if let (Some(left), Some(right)) = (&one.texts, &other.texts) {
        let is_apart = if is_caseless(one.condition) || is_caseless(other.condition) {
            one.folded.is_disjoint(&other.folded)
        } else {
            left.is_disjoint(right)
        };
        if is_apart {
            return Some(format!("{key} would have to have two values"));
        }
    }
    match (range(one.condition), range(other.condition)) {
        (Some(left), Some(right)) if allows && (left.is_apart(right) || right.is_apart(left)) => {
            Some(format!("no number is in both ranges of {key}"))
        }
        _ => None,
    }
}

/// Whether a condition asks `aws:PrincipalArn` to be the ARN of a session.
fn names_session(condition: &Condition) -> bool {
    condition.is_on("aws:PrincipalArn")
        && condition.operator.is_strict()
        && (condition.operator.is_string() || condition.operator.base.starts_with("arn"))
        && !condition.values.is_empty()
        && condition.values.iter().all(|value| {
            let fields: Vec<_> = value.text.splitn(6, ':').collect();
            matches!(fields.as_slice(), ["arn", _, "sts", _, _, resource]
                if resource.to_ascii_lowercase().starts_with("assumed-role/"))
        })
}

/// Whether every value that satisfies the first is forbidden by the second: the same comparison,
/// negated, of at least the same plain texts.
fn is_subset(positive: &Weighed<'_>, negative: &Weighed<'_>) -> bool {
    let (strict, not) = (&positive.condition.operator, &negative.condition.operator);
    // The set forms of a negated operator hold for some values, or for an empty one.
    if !strict.is_strict() || !not.is_negated() || not.set != Set::Plain {
        return false;
    }
    if not.base.replace("not", "") != strict.base {
        return false;
    }
    match (&positive.texts, &negative.texts) {
        (Some(wanted), Some(forbidden)) => wanted.is_subset(forbidden),
        _ => false,
    }
}

/// The values, if they are texts that are compared as they stand.
fn texts(condition: &Condition, is_2012: bool) -> Option<HashSet<&str>> {
    let operator = &condition.operator;
    if !operator.is_string() || condition.values.is_empty() {
        return None;
    }
    let is_plain = |text: &str| {
        let has_variable = is_2012 && text.contains("${");
        let has_wildcard = operator.has_wildcards() && text.contains(['*', '?']);
        !has_variable && !has_wildcard
    };
    let values = condition.values.iter().map(|value| &*value.text);
    values.map(|text| is_plain(text).then_some(text)).collect()
}

fn is_caseless(condition: &Condition) -> bool {
    condition.operator.base.ends_with("ignorecase")
}

/// The numbers that a condition with one value lets through.
#[derive(Clone, Copy)]
struct Range {
    low: f64,
    high: f64,
    /// Whether the ends themselves are in it.
    closed: bool,
}

impl Range {
    fn is_apart(self, higher: Self) -> bool {
        self.high < higher.low || (self.high <= higher.low && !(self.closed && higher.closed))
    }
}

fn range(condition: &Condition) -> Option<Range> {
    /// Whole numbers up to this are exact as `f64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let [value] = condition.values.as_slice() else { return None };
    let number: f64 = value.text.parse().ok()?;
    if number.fract() != 0.0 || number.abs() > EXACT {
        return None;
    }
    let (low, high, closed) = match &*condition.operator.base {
        "numericequals" => (number, number, true),
        "numericlessthan" => (f64::NEG_INFINITY, number, false),
        "numericlessthanequals" => (f64::NEG_INFINITY, number, true),
        "numericgreaterthan" => (number, f64::INFINITY, false),
        "numericgreaterthanequals" => (number, f64::INFINITY, true),
        _ => return None,
    };
    Some(Range { low, high, closed })
}

/// Identity providers alone, and conditions that no token of any of them meets: on a key that only the
/// tokens of another provider have, or that the subject is none. Whoever is named otherwise may have
/// begun with a token, and has its keys.
fn nobodys_token(statement: &Statement) -> Option<Reason> {
    if statement.not_principal_at.is_some() {
        return None;
    }
    let mut reason = None;
    for principal in &statement.principals {
        if principal.kind != "Federated" {
            return None;
        }
        let provider = Provider::of(&principal.word.text);
        let (condition, why) = statement
            .conditions
            .iter()
            .find_map(|condition| Some((condition, provider.cannot_meet(condition)?)))?;
        reason.get_or_insert((condition.key.at, condition.path.clone(), why));
    }
    reason
}

/// An identity provider, as a principal names it.
struct Provider<'a> {
    written: &'a str,
    /// What its condition keys begin with, in lower case: the issuer without a slash at the end, which
    /// some write in the one place and not in the other.
    prefix: String,
}

impl<'a> Provider<'a> {
    fn of(written: &'a str) -> Self {
        let prefix = match written.split_once(":oidc-provider/") {
            Some((_, issuer)) => issuer.trim_end_matches('/').to_lowercase(),
            None if written.contains(":saml-provider/") => SAML.to_owned(),
            None => written.to_lowercase(),
        };
        Self { written, prefix }
    }

    /// Why no token of the provider meets a condition, if that is certain.
    fn cannot_meet(&self, condition: &Condition) -> Option<String> {
        let key = &condition.key.text;
        let lower = key.to_lowercase();
        let own = lower
            .strip_prefix(&self.prefix)
            .and_then(|rest| rest.trim_start_matches('/').strip_prefix(':'));
        let needs_key = condition.operator.is_strict() || is_null(condition, "false");
        match own {
            // Every token has one.
            Some("sub") if self.prefix != SAML => {
                let wants_none = condition.operator.is_string()
                    && !condition.operator.is_negated()
                    && condition.values.is_empty();
                (wants_none || is_null(condition, "true"))
                    .then(|| format!("every token of {} has a subject", self.written))
            }
            Some(_) => None,
            None if needs_key && is_of_token(&lower) => {
                Some(format!("{key} is not known of anybody who comes from {}", self.written))
            }
            None => None,
        }
    }
}

/// What the condition keys of SAML assertions begin with.
const SAML: &str = "saml";

/// Whether a condition key, in lower case, is a claim of somebody's tokens: services have no dots in
/// their names, and issuers have.
fn is_of_token(key: &str) -> bool {
    key.split_once(':').is_some_and(|(prefix, _)| prefix == SAML || prefix.contains('.'))
}

/// Actions of IAM and STS on resources of other services only. IAM's resources are its own, those
/// of STS are roles, users and accounts of IAM and its own federated users.
fn foreign_resources(statement: &Statement) -> Option<Reason> {
    let is_theirs = |words: &Words, accept: fn(&str) -> bool| {
        !words.negated && !words.words.is_empty() && words.words.iter().all(|w| accept(&w.text))
    };
    let actions = statement.actions.as_ref()?;
    let resources = statement.resources.as_ref()?;
    let all_known = is_theirs(actions, |action| {
        action.split_once(':').is_some_and(|(service, _)| {
            service.eq_ignore_ascii_case("iam") || service.eq_ignore_ascii_case("sts")
        })
    });
    let all_foreign = is_theirs(resources, |resource| {
        let service = resource.split(':').nth(2);
        resource.starts_with("arn:")
            && service.is_some_and(|name| {
                !name.is_empty()
                    && !name.contains(['*', '?'])
                    && !name.eq_ignore_ascii_case("iam")
                    && !name.eq_ignore_ascii_case("sts")
            })
    });
    let why = "IAM and STS have no resources of other services".to_owned();
    (all_known && all_foreign).then(|| (resources.at, format!("{}.Resource", statement.path), why))
}
