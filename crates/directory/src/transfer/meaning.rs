//! Policies that mean something else here than where they come from: unique ids are not kept, and
//! tags of AWS's own are left out. A condition on one of these would hold for nobody, and a Deny, or
//! an Allow with a negated operator, would be wider.

use serde_json::Value;

/// What unique ids of users, roles, groups and managed policies begin with.
const PREFIXES: [&str; 4] = ["AIDA", "AROA", "AGPA", "ANPA"];
/// The fewest characters behind it.
const LEAST: usize = 16;
/// In the key of a condition, or in a policy variable: a tag that is AWS's own.
const AWS_TAG: &str = "TAG/AWS:";
/// What of a statement says nothing of ids: principals are brought in by themselves.
const PASSED_OVER: [&str; 3] = ["Sid", "Principal", "NotPrincipal"];

/// Why a policy would mean something else here, if it would.
pub(super) fn meaning_lost(document: &str) -> Option<String> {
    // One that is no JSON is no policy, and is left out as such.
    let json: Value = serde_json::from_str(document).ok()?;
    lost(json.get("Statement")?)
}

fn lost(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => lost_text(text),
        Value::Array(items) => items.iter().find_map(lost),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !PASSED_OVER.contains(&name.as_str()))
            .find_map(|(name, inner)| lost_text(name).or_else(|| lost(inner))),
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

fn lost_text(text: &str) -> Option<String> {
    let upper = text.to_ascii_uppercase();
    if upper.contains(AWS_TAG) {
        return Some("it asks for a tag of AWS's own, and none comes along".to_owned());
    }
    upper
        .split(|of: char| !of.is_ascii_alphanumeric())
        .find(|word| {
            let rest = PREFIXES.iter().find_map(|prefix| word.strip_prefix(prefix));
            rest.is_some_and(|rest| rest.len() >= LEAST)
        })
        .map(|id| format!("it names the unique id {id}, and ids are not kept"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_mean_something_else() {
        let check = |statement: &str, want: bool| {
            let document = format!(r#"{{"Version":"2012-10-17","Statement":{statement}}}"#);
            assert_eq!(meaning_lost(&document).is_some(), want, "{statement}");
        };
        let condition = |operator: &str, key: &str, value: &str| {
            format!(
                r#"[{{"Effect":"Deny","Action":"*","Resource":"*","Condition":{{"{operator}":{{"{key}":["x","{value}"]}}}}}}]"#
            )
        };
        check(&condition("StringNotLike", "aws:userid", "AROAEXAMPLEEXAMPLEEXA:*"), true);
        check(&condition("StringEqualsIgnoreCase", "aws:userid", "aidaexampleexampleexa"), true);
        check(&condition("StringEquals", "aws:userid", "\\u0041IDAEXAMPLEEXAMPLEEXA"), true);
        check(&condition("StringLike", "aws:userid", "AIDASHORT"), false);
        check(&condition("StringEquals", "aws:PrincipalTag/AWS:stack", "x"), true);
        check(&condition("StringEquals", "aws:PrincipalTag/team", "x"), false);
        check(r#"{"Resource":"arn:aws:s3:::home/AIDAEXAMPLEEXAMPLEEXA/*"}"#, true);
        check(r#"{"NotResource":["arn:aws:s3:::home/AGPAEXAMPLEEXAMPLEEXA"]}"#, true);
        check(r#"{"Resource":"arn:aws:s3:::x/${aws:PrincipalTag/aws:stack}"}"#, true);
        check(r#"{"Resource":"arn:aws:s3:::x/${aws:userid}"}"#, false);
        check(
            r#"{"Sid":"AIDAEXAMPLEEXAMPLEEXA","Principal":{"AWS":"AIDAEXAMPLEEXAMPLEEXA"}}"#,
            false,
        );
    }
}
