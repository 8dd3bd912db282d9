//! Lints on actions, resources and conditions.

use std::collections::HashSet;

use super::document::{Condition, Set, Statement, Word, Words};
use super::finding::Findings;
use super::names::{self, Holds, matches};
use crate::policy::arguments::KindName;

/// Looks at one statement.
pub(crate) fn lint(statement: &Statement, is_2012: bool, kind: KindName, found: &mut Findings) {
    if let Some(actions) = &statement.actions {
        let name = if actions.negated { "NotAction" } else { "Action" };
        unknown_actions(actions, &format!("{}.{name}", statement.path), found);
    }
    if statement.allows
        && matches!(kind, KindName::Identity | KindName::Session | KindName::Resource)
    {
        broad_allow(statement, found);
    }
    let resources = statement.resources.iter().flat_map(|resources| &resources.words);
    for word in resources {
        variables(word, &format!("{}.Resource", statement.path), is_2012, found);
    }
    let present = present_keys(statement);
    for condition in &statement.conditions {
        unknown_key(condition, found);
        values(condition, is_2012, found);
        set_operator(statement, condition, &present, found);
        mfa(statement, condition, found);
    }
}

fn unknown_actions(actions: &Words, path: &str, found: &mut Findings) {
    for word in &actions.words {
        let Some((service, pattern)) = word.text.split_once(':') else { continue };
        let known = names::SERVICES.iter().find(|(name, _)| name.eq_ignore_ascii_case(service));
        let Some((service, names)) = known else { continue };
        if names.iter().any(|name| matches(pattern, name)) {
            continue;
        }
        let message = if pattern.contains(['*', '?']) {
            format!("no action of {service} matches `{}`", word.text)
        } else {
            format!("{service} has no action `{pattern}`")
        };
        found.add("unknown-action", word.at, path, message);
    }
}

fn broad_allow(statement: &Statement, found: &mut Findings) {
    let Some(actions) = &statement.actions else { return };
    let covers =
        |action| actions.words.iter().any(|word| matches(&word.text, action)) != actions.negated;
    let path = |name: &str| format!("{}.{name}", statement.path);
    if actions.negated {
        let message = "NotAction with Allow grants every other action of every service, those to \
                       come included";
        found.add("not-action-allow", actions.at, path("NotAction"), message);
    }
    let is_everywhere = statement.resources.as_ref().is_some_and(|resources| {
        resources.negated || resources.words.iter().any(|word| is_any_role(&word.text))
    });
    if !is_everywhere {
        return;
    }
    if let Some(word) = actions.words.iter().find(|word| word.text == "*" && !actions.negated) {
        let is_all = statement.conditions.is_empty()
            && statement
                .resources
                .as_ref()
                .is_some_and(|resources| resources.words.iter().any(|word| word.text == "*"));
        if is_all {
            let message = "every action on every resource is allowed";
            found.add("allows-everything", word.at, path("Action"), message);
            return;
        }
    }
    if covers("iam:PassRole") {
        let element = if actions.negated { "NotAction" } else { "Action" };
        let is_to_service =
            statement.on("iam:PassedToService").any(|condition| condition.operator.is_strict());
        let message = if is_to_service {
            "iam:PassRole on every role: name the roles that may be passed"
        } else {
            "iam:PassRole on every role, to any service: who may start something with a role has \
             its rights; name the roles, and the service with iam:PassedToService"
        };
        found.add("pass-role-any", actions.at, path(element), message);
    }
}

/// Whether a resource covers every role of an account.
fn is_any_role(pattern: &str) -> bool {
    /// Roles that have no letter in common.
    const ROLES: [&str; 3] = ["role/abcdefgh", "role/jkmnpqst", "role/uv/wxyz"];
    if pattern.bytes().all(|byte| byte == b'*') {
        return true;
    }
    let mut fields = pattern.splitn(6, ':');
    if fields.next() != Some("arn") || fields.nth(1) != Some("iam") {
        return false;
    }
    // What is missing is completed with `*`. The Region is empty, and the account may be any.
    let resource = fields.nth(2).unwrap_or("*");
    ROLES.iter().all(|role| matches(resource, role))
}

fn unknown_key(condition: &Condition, found: &mut Findings) {
    let key = &condition.key.text;
    if names::is_unknown(key) {
        let message = format!("`{key}` is not a condition key that IAM knows");
        found.add("unknown-condition-key", condition.key.at, &condition.path, message);
    }
}

fn values(condition: &Condition, is_2012: bool, found: &mut Findings) {
    let operator = &condition.operator;
    let takes_variables = operator.is_string() || operator.base.starts_with("arn");
    for value in &condition.values {
        if takes_variables {
            variables(value, &condition.path, is_2012, found);
        }
        if operator.is_string() && !operator.has_wildcards() && has_wildcard(&value.text, is_2012) {
            let message = format!(
                "{} compares `{}` letter by letter: wildcards need StringLike",
                operator.name, value.text
            );
            found.add("wildcard-is-text", value.at, &condition.path, message);
        }
    }
    if operator.is_string() && condition.is_on("aws:SourceIp") {
        let message = "an address is compared as text here: use IpAddress or NotIpAddress";
        found.add("operator-type", condition.key.at, &condition.path, message);
    }
}

/// Whether a text has a star or a question mark that is not written as `${*}` or `${?}`.
fn has_wildcard(text: &str, is_2012: bool) -> bool {
    let plain =
        if is_2012 { text.replace("${*}", "").replace("${?}", "") } else { text.to_owned() };
    plain.contains(['*', '?'])
}

/// What is wrong with the policy variables in a text.
fn variables(word: &Word, path: &str, is_2012: bool, found: &mut Findings) {
    for rest in word.text.split("${").skip(1) {
        let Some((inside, _)) = rest.split_once('}') else { continue };
        let key = inside.split(',').next().unwrap_or(inside).trim();
        if matches!(key, "*" | "?" | "$") {
            continue;
        }
        if !is_2012 {
            let message = format!(
                "`${{{inside}}}` is plain text unless the document's Version is 2012-10-17"
            );
            found.add("variable-is-text", word.at, path, message);
        } else if names::is_unknown(key) {
            let message = format!("`{key}` is not a condition key that IAM knows");
            found.add("unknown-condition-key", word.at, path, message);
        } else if names::holds(key) == Some(Holds::Many) {
            let message = format!("`{key}` has several values and cannot be a policy variable");
            found.add("variable-of-list", word.at, path, message);
        }
    }
}

/// The keys, in lower case, that the request must have for a statement to match.
fn present_keys(statement: &Statement) -> HashSet<String> {
    let conditions = statement.conditions.iter();
    conditions
        .filter(|condition| condition.operator.is_strict() || is_null(condition, "false"))
        .map(|condition| condition.key.text.to_ascii_lowercase())
        .collect()
}

fn set_operator(
    statement: &Statement,
    condition: &Condition,
    present: &HashSet<String>,
    found: &mut Findings,
) {
    let key = &condition.key.text;
    let holds = names::holds(key);
    if condition.operator.set == Set::ForAllValues
        && statement.allows
        && !present.contains(&key.to_ascii_lowercase())
    {
        let message = format!(
            "{} also holds when the request has no {key} at all: add \"Null\": {{\"{key}\": \
             \"false\"}} if that is not meant",
            condition.operator.name
        );
        found.add("for-all-values-empty", condition.key.at, &condition.path, message);
    }
    if condition.operator.set != Set::Plain && holds == Some(Holds::One) {
        let message = format!("{key} has one value: the set operator is not needed");
        found.add("set-operator-on-single", condition.key.at, &condition.path, message);
    }
    if condition.operator.set == Set::Plain
        && holds == Some(Holds::Many)
        && condition.operator.base != "null"
    {
        let message = format!(
            "{key} has several values: say ForAllValues or ForAnyValue, without it IAM's answer is \
             not defined"
        );
        found.add("set-operator-missing", condition.key.at, &condition.path, message);
    }
}

/// Whether a condition is `Null` with one value.
pub(crate) fn is_null(condition: &Condition, wanted: &str) -> bool {
    condition.operator.base == "null"
        && !condition.values.is_empty()
        && condition.values.iter().all(|value| value.text.eq_ignore_ascii_case(wanted))
}

/// The traps of keys that long-term credentials do not have. IAM user guide, "Configuring
/// MFA-protected API access".
fn mfa(statement: &Statement, condition: &Condition, found: &mut Findings) {
    let message = if condition.is_on("aws:MultiFactorAuthPresent") {
        mfa_present(statement.allows, condition)
    } else if condition.is_on("aws:MultiFactorAuthAge") {
        mfa_age(statement.allows, condition)
    } else {
        None
    };
    if let Some(message) = message {
        found.add("mfa-key-absent", condition.key.at, &condition.path, message);
    }
}

fn mfa_present(allows: bool, condition: &Condition) -> Option<&'static str> {
    let is = |wanted: &str| condition.values.iter().any(|v| v.text.eq_ignore_ascii_case(wanted));
    let operator = &condition.operator;
    let compares = operator.base == "bool" || operator.is_string();
    // What the condition lets through, in the words of a positive operator.
    let wants = |value: &str, other: &str| is(if operator.is_negated() { other } else { value });
    let holds_if_absent = operator.if_exists || operator.is_negated();
    if !allows && compares && !holds_if_absent && wants("false", "true") {
        Some("long-term access keys do not have this key, so they are not denied: use BoolIfExists")
    } else if allows && compares && holds_if_absent && wants("true", "false") {
        Some(
            "long-term access keys do not have this key, so they are allowed without MFA: use Bool \
             with true",
        )
    } else if allows && is_null(condition, "false") {
        Some("every temporary credential has this key, with MFA or without: use Bool with true")
    } else {
        None
    }
}

fn mfa_age(allows: bool, condition: &Condition) -> Option<&'static str> {
    let operator = &condition.operator;
    let is_upper = operator.base.starts_with("numericlessthan");
    let is_lower = operator.base.starts_with("numericgreaterthan");
    if !allows && is_lower && operator.is_strict() {
        Some(
            "only sessions with MFA have this key, so whoever has none is not denied: use \
             NumericGreaterThanIfExists",
        )
    } else if allows && is_upper && operator.if_exists {
        Some(
            "only sessions with MFA have this key, so whoever has none is allowed: use \
              NumericLessThan",
        )
    } else {
        None
    }
}
