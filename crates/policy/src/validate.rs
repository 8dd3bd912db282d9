//! Checks what a document's values say, and compiles it.
//!
//! The order of the checks is that of AWS, as far as it has been seen: values that the old parser
//! refuses, missing elements, the form of resources, the form of actions, and last that no two
//! statements share an id. One fault is reported, the first.

use std::collections::BTreeSet;
use std::mem;

use crate::action::{self, Actions, NO_VENDOR};
use crate::condition::Condition;
use crate::document::{Document, Effect, PrincipalType, RawStatement, Version, Words, each};
use crate::malformed::{Flaw, Walk};
use crate::policy::{Kind, Statement};
use crate::principal::NamedPrincipal;
use crate::resource::{Reading, Resources};

/// The compiled statements and, in document order, all principals.
type Compiled = (Vec<Statement>, Vec<NamedPrincipal>);

/// Checks and compiles a document of a kind that was read from `source`.
pub(crate) fn compile(document: Document, kind: Kind, source: &str) -> Result<Compiled, Flaw> {
    let Document { version, mut statements, .. } = document;
    for statement in &statements {
        check_elements(statement, kind)?;
    }
    let conditions = each(statements.iter(), |raw| compile_conditions(raw, version))?;
    let mut principals = Vec::new();
    let mut ranges = Vec::with_capacity(statements.len());
    for statement in &mut statements {
        let start = principals.len();
        let is_not = statement.not_principal_at.is_some();
        let name = if is_not { "NotPrincipal" } else { "Principal" };
        for (form, word) in
            mem::take(&mut statement.principal).into_iter().flat_map(|raw| raw.principals)
        {
            let principal = NamedPrincipal::parse(form, word, name, kind);
            principals.push(principal.map_err(|flaw| flaw.within(&statement.path))?);
        }
        ranges.push(kind.names_principals().then_some(start..principals.len()));
    }
    let resources = each(statements.iter(), |raw| compile_resources(raw, version, kind))?;
    let actions = each(statements.iter(), |raw| compile_actions(raw, kind))?;
    check_sids(&statements, kind)?;
    let mut walk = Walk::of(source);
    let parts = ranges.into_iter().zip(conditions).zip(resources).zip(actions);
    let compiled = statements
        .into_iter()
        .zip(parts)
        .map(|(raw, (((principals, conditions), resources), actions))| Statement {
            sid: raw.sid.map(|sid| sid.text),
            effect: raw.effect,
            principals,
            not_principals: raw.not_principal_at.is_some(),
            actions,
            resources,
            conditions,
            start: walk.to(raw.span.start),
            end: walk.to(raw.span.end),
            span: raw.span,
        })
        .collect();
    Ok((compiled, principals))
}

/// Refuses elements that the kind of policy does not have, and missing ones that it needs.
fn check_elements(statement: &RawStatement, kind: Kind) -> Result<(), Flaw> {
    let RawStatement { path, span, principal, not_principal_at, action, resource, .. } = statement;
    let flaw =
        |at, element: &str, text: String| Err(Flaw::worded(at, format!("{path}.{element}"), text));
    let is_unnamed = principal.as_ref().is_none_or(|raw| raw.principals.is_empty());
    if kind.names_principals() {
        if let Some(at) = not_principal_at.filter(|_| kind != Kind::Resource) {
            return flaw(at, "NotPrincipal", "Has prohibited field NotPrincipal.".to_owned());
        }
        if let Some(words) = resource.as_ref().filter(|_| kind == Kind::Trust) {
            let name = if words.negated { "NotResource" } else { "Resource" };
            return flaw(words.at, name, format!("Has prohibited field {name}."));
        }
        if is_unnamed {
            let text = "Missing required field Principal";
            return flaw(span.start, "Principal", text.to_owned());
        }
    } else if let Some(at) = principal.as_ref().map(|raw| raw.at) {
        let text = "Policy document should not specify a principal.";
        return flaw(at, "Principal", text.to_owned());
    }
    if kind == Kind::Rcp {
        check_rcp(statement)?;
    }
    let is_missing = |words: &Option<Words>| words.as_ref().is_none_or(|w| w.words.is_empty());
    if is_missing(action) {
        let text = "Policy statement must contain actions.";
        return flaw(span.start, "Action", text.to_owned());
    }
    if kind != Kind::Trust && is_missing(resource) {
        let text = "Policy statement must contain resources.";
        return flaw(span.start, "Resource", text.to_owned());
    }
    Ok(())
}

/// Refuses what customers may not write in a resource control policy: other principals than
/// everyone, and any Allow but that of the policy that is attached everywhere.
fn check_rcp(statement: &RawStatement) -> Result<(), Flaw> {
    let RawStatement { path, span, principal, action, resource, conditions, .. } = statement;
    let named = principal.iter().flat_map(|raw| &raw.principals);
    for (form, word) in named {
        if *form != PrincipalType::Aws || &*word.text != "*" {
            let reason = "a resource control policy is about the principal \"*\"";
            return Err(Flaw::syntax(word.span.start, format!("{path}.Principal"), reason));
        }
    }
    let is_star = |words: &Option<Words>| {
        words.as_ref().is_some_and(|words| {
            !words.negated && matches!(&*words.words, [word] if &*word.text == "*")
        })
    };
    let allows_all = is_star(action) && is_star(resource) && conditions.is_empty();
    if statement.effect == Effect::Allow && !allows_all {
        let reason = "a resource control policy denies; only the one that allows everything allows";
        return Err(Flaw::syntax(span.start, format!("{path}.Effect"), reason));
    }
    Ok(())
}

fn compile_conditions(
    statement: &RawStatement,
    version: Version,
) -> Result<Box<[Condition]>, Flaw> {
    let RawStatement { path, conditions, .. } = statement;
    let compiled = each(conditions.iter(), |raw| {
        Condition::compile(raw, version).map_err(|unreadable| {
            let path = format!("{path}.Condition.{}.{}", raw.operator_name.text, raw.key.text);
            Flaw::value(unreadable.at, path, unreadable.reason)
        })
    });
    compiled.map(Vec::into_boxed_slice)
}

fn compile_resources(
    statement: &RawStatement,
    version: Version,
    kind: Kind,
) -> Result<Option<Resources>, Flaw> {
    let Some(words) = &statement.resource else { return Ok(None) };
    let name = if words.negated { "NotResource" } else { "Resource" };
    let reading = Reading {
        effect: statement.effect,
        variables: version == Version::V2012,
        completes: matches!(kind, Kind::Identity | Kind::Boundary),
    };
    let resources = Resources::compile(words, name, reading);
    resources.map(Some).map_err(|flaw| flaw.within(&statement.path))
}

fn compile_actions(statement: &RawStatement, kind: Kind) -> Result<Actions, Flaw> {
    let Some(words) = &statement.action else {
        let text = "Policy statement must contain actions.";
        return Err(Flaw::worded(statement.span.start, statement.path.clone(), text));
    };
    let name = if words.negated { "NotAction" } else { "Action" };
    let within = |flaw: Flaw| flaw.within(&statement.path);
    let actions = Actions::compile(words, name).map_err(within)?;
    if kind == Kind::Trust {
        action::check_trust(words, name).map_err(within)?;
    }
    // The same text stands for actions and condition keys.
    for condition in &statement.conditions {
        let key = &condition.key.text;
        let is_named = key
            .split_once(':')
            .is_some_and(|(vendor, name)| !vendor.is_empty() && !name.is_empty());
        if !is_named {
            let RawStatement { path, .. } = statement;
            let path = format!("{path}.Condition.{}.{key}", condition.operator_name.text);
            return Err(Flaw::worded(condition.key.span.start, path, NO_VENDOR));
        }
    }
    Ok(actions)
}

/// Refuses ids of other characters and the same id twice; the empty one may repeat. Services other
/// than IAM take more characters, the space for one.
fn check_sids(statements: &[RawStatement], kind: Kind) -> Result<(), Flaw> {
    let is_wide = kind == Kind::Resource;
    let mut seen = BTreeSet::new();
    for statement in statements {
        let Some(sid) = &statement.sid else { continue };
        let path = || format!("{}.Sid", statement.path);
        let is_good = |c: char| c.is_ascii_alphanumeric() || (is_wide && !c.is_control());
        if !sid.text.chars().all(is_good) {
            let reason = "a statement id has characters other than letters and digits";
            return Err(Flaw::syntax(sid.span.start, path(), reason));
        }
        if !sid.text.is_empty() && !seen.insert(&*sid.text) {
            let text = "Statement IDs (SID) in a single policy must be unique.";
            return Err(Flaw::worded(sid.span.start, path(), text));
        }
    }
    Ok(())
}
