//! Checks what a document's values say, and compiles it.
//!
//! The order of the checks is that of AWS, as far as it has been seen: values that the old parser
//! refuses, missing elements, the form of resources, the form of actions, and last that no two
//! statements share an id. One fault is reported, the first.

use std::collections::BTreeSet;
use std::mem;

use crate::action::{self, Actions, NO_VENDOR};
use crate::condition::Condition;
use crate::document::{Document, RawStatement, Version, Words};
use crate::malformed::Flaw;
use crate::policy::{Kind, Statement};
use crate::principal::NamedPrincipal;
use crate::resource::{Reading, Resources};

/// The compiled statements and, in document order, all principals.
type Compiled = (Vec<Statement>, Vec<NamedPrincipal>);

/// Checks and compiles a document of a kind.
pub(crate) fn compile(document: Document, kind: Kind) -> Result<Compiled, Flaw> {
    let Document { version, mut statements, .. } = document;
    for statement in &statements {
        check_elements(statement, kind)?;
    }
    let mut conditions = Vec::with_capacity(statements.len());
    for statement in &statements {
        conditions.push(compile_conditions(statement, version)?);
    }
    let mut principals = Vec::new();
    let mut ranges = Vec::with_capacity(statements.len());
    for statement in &mut statements {
        let start = principals.len();
        let path = format!("{}.Principal", statement.path);
        for (kind, word) in
            mem::take(&mut statement.principal).into_iter().flat_map(|raw| raw.principals)
        {
            principals.push(NamedPrincipal::parse(kind, word, &path)?);
        }
        ranges.push((kind == Kind::Trust).then_some(start..principals.len()));
    }
    let mut resources = Vec::with_capacity(statements.len());
    for statement in &statements {
        resources.push(compile_resources(statement, version, kind)?);
    }
    let mut actions = Vec::with_capacity(statements.len());
    for statement in &statements {
        actions.push(compile_actions(statement, kind)?);
    }
    check_sids(&statements)?;
    let parts = ranges.into_iter().zip(conditions).zip(resources).zip(actions);
    let compiled = statements
        .into_iter()
        .zip(parts)
        .map(|(raw, (((principals, conditions), resources), actions))| Statement {
            sid: raw.sid.map(|sid| sid.text),
            effect: raw.effect,
            principals,
            actions,
            resources,
            conditions,
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
    match kind {
        Kind::Identity | Kind::Session => {
            if let Some(at) = principal.as_ref().map(|raw| raw.at).or(*not_principal_at) {
                let text = "Policy document should not specify a principal.";
                return flaw(at, "Principal", text.to_owned());
            }
        }
        Kind::Trust => {
            if let Some(at) = not_principal_at {
                let text = "Has prohibited field NotPrincipal.";
                return flaw(*at, "NotPrincipal", text.to_owned());
            }
            if let Some(words) = resource {
                let name = if words.negated { "NotResource" } else { "Resource" };
                return flaw(words.at, name, format!("Has prohibited field {name}."));
            }
            if principal.as_ref().is_none_or(|raw| raw.principals.is_empty()) {
                let text = "Missing required field Principal";
                return flaw(span.start, "Principal", text.to_owned());
            }
        }
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

fn compile_conditions(
    statement: &RawStatement,
    version: Version,
) -> Result<Box<[Condition]>, Flaw> {
    statement
        .conditions
        .iter()
        .map(|raw| {
            let RawStatement { path, .. } = statement;
            Condition::compile(raw, version).map_err(|unreadable| {
                let path = format!("{path}.Condition.{}.{}", raw.operator_name.text, raw.key.text);
                Flaw::value(unreadable.at, path, unreadable.reason)
            })
        })
        .collect()
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
        completes: kind == Kind::Identity,
    };
    Resources::compile(words, &format!("{}.{name}", statement.path), reading).map(Some)
}

fn compile_actions(statement: &RawStatement, kind: Kind) -> Result<Actions, Flaw> {
    let Some(words) = &statement.action else {
        let text = "Policy statement must contain actions.";
        return Err(Flaw::worded(statement.span.start, statement.path.clone(), text));
    };
    let name = if words.negated { "NotAction" } else { "Action" };
    let path = format!("{}.{name}", statement.path);
    let actions = Actions::compile(words, &path)?;
    if kind == Kind::Trust {
        action::check_trust(words, &path)?;
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

/// Refuses ids of other characters and the same id twice; the empty one may repeat.
fn check_sids(statements: &[RawStatement]) -> Result<(), Flaw> {
    let mut seen = BTreeSet::new();
    for statement in statements {
        let Some(sid) = &statement.sid else { continue };
        let path = format!("{}.Sid", statement.path);
        if !sid.text.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
            let reason = "a statement id has characters other than letters and digits";
            return Err(Flaw::syntax(sid.span.start, path, reason));
        }
        if !sid.text.is_empty() && !seen.insert(&*sid.text) {
            let text = "Statement IDs (SID) in a single policy must be unique.";
            return Err(Flaw::worded(sid.span.start, path, text));
        }
    }
    Ok(())
}
