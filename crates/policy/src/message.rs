//! A decision as the JSON of `DecodeAuthorizationMessage` (STS API reference).
//!
//! It is for who may read the encoded message, the owner of the policies. Statements of the
//! organisation's policies are left out: they are not the account's.

use std::fmt::Write;

use daypass_names::{Arn, Partition};

use crate::document::{self, Words};
use crate::evaluate::Decision;
use crate::explain::{Explanation, Outcome, StatementReport, caller};
use crate::request::{Layer, Principal, Request};
use crate::{Effect, Value};

/// The condition key of who asks by its unique id.
const USER_ID: &str = "aws:userid";

/// How much of an explanation a message tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Extent {
    /// Most of the matched statements, the first ones.
    pub statements: usize,
    /// Most of the condition keys of the request, the first ones.
    pub conditions: usize,
}

impl Extent {
    /// All of it.
    pub const WHOLE: Self = Self { statements: usize::MAX, conditions: usize::MAX };
}

/// Of what a message tells.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Told {
    /// Of a request that was made.
    Request,
    /// Of one that was only simulated: a member `simulated` says so, which is none of AWS's.
    Simulation {
        /// Whether the unique id of a user or role was given. Otherwise it is made up, and left out.
        id_given: bool,
    },
}

impl Explanation<'_> {
    /// The message of `DecodeAuthorizationMessage` for a request that was explained. Where a
    /// statement denies, only those that do are listed as matched.
    pub fn to_json(&self, request: &Request<'_>) -> String {
        self.to_json_within(request, Extent::WHOLE, Told::Request)
    }

    /// The same, no longer than `extent` says. When something is left out for that, a last member
    /// `truncated` says so: it is none of AWS's, and never there otherwise.
    pub fn to_json_within(&self, request: &Request<'_>, extent: Extent, of: Told) -> String {
        let without_id = of == Told::Simulation { id_given: false }
            && matches!(request.principal, Principal::User { .. } | Principal::RoleSession { .. });
        let explicit = self.denies_explicitly();
        let matched = self.statements.iter().filter(|statement| {
            matches!(statement.outcome, Outcome::Matched)
                && !matches!(statement.layer, Layer::Scp | Layer::Rcp)
                && (!explicit || statement.effect == Effect::Deny)
        });
        let allowed = self.decision == Decision::Allowed;
        let is_shown = |key: &str| !(without_id && key.eq_ignore_ascii_case(USER_ID));
        let shown = || request.context.iter().filter(|(key, _)| is_shown(key));
        let conditions = shown().map(|(key, values)| {
            let key = text(key);
            let values = items(values.iter().map(|value| value_of(&value.text())));
            format!(r#"{{"key":{key},"values":{values}}}"#)
        });
        let truncated = matched.clone().nth(extent.statements).is_some()
            || shown().nth(extent.conditions).is_some();
        format!(
            concat!(
                r#"{{"allowed":{},"explicitDeny":{},"matchedStatements":{},"failures":{},"#,
                r#""context":{{"principal":{{"id":{},"arn":{}}},"action":{},"resource":{},"#,
                r#""conditions":{}}}{}{}}}"#
            ),
            allowed,
            explicit,
            items(matched.map(statement).take(extent.statements)),
            items(std::iter::empty()),
            text(&if without_id { String::new() } else { principal_id(request) }),
            text(&principal_arn(request)),
            text(request.action),
            text(request.resource),
            items(conditions.take(extent.conditions)),
            if of == Told::Request { "" } else { r#","simulated":true"# },
            if truncated { r#","truncated":true"# } else { "" },
        )
    }
}

fn statement(statement: &StatementReport<'_>) -> String {
    let effect = match statement.effect {
        Effect::Allow => "ALLOW",
        Effect::Deny => "DENY",
    };
    let raw = statement.source.as_deref().and_then(document::statement);
    let words = |name: &str, not_name: &str, words: Option<&Words>| {
        let values = words.iter().flat_map(|words| &words.words).map(|word| value_of(&word.text));
        element(name, not_name, words.is_some_and(|words| words.negated), values)
    };
    let named = raw.iter().flat_map(|raw| &raw.principal).flat_map(|raw| &raw.principals);
    let named = named.map(|(_, word)| value_of(&word.text));
    let is_not = raw.as_ref().is_some_and(|raw| raw.not_principal_at.is_some());
    let conditions = raw.iter().flat_map(|raw| &raw.conditions).map(|condition| {
        let (operator, key) = (text(&condition.operator_name.text), text(&condition.key.text));
        let values = items(condition.values.iter().map(|word| value_of(&word.text)));
        format!(r#"{{"operator":{operator},"key":{key},"values":{values}}}"#)
    });
    format!(
        concat!(
            r#"{{"statementId":{},"effect":"{}",{},"principalGroups":{},"#,
            r#"{},{},"conditions":{}}}"#
        ),
        text(statement.sid.as_deref().unwrap_or_default()),
        effect,
        element("principals", "notPrincipals", is_not, named),
        items(std::iter::empty()),
        words("actions", "notActions", raw.as_ref().and_then(|raw| raw.action.as_ref())),
        words("resources", "notResources", raw.as_ref().and_then(|raw| raw.resource.as_ref())),
        items(conditions),
    )
}

/// The values of an element. Those of its `Not` form stand under a name of their own, so that
/// nobody reads them as what the statement is about.
fn element(
    name: &str,
    not_name: &str,
    is_not: bool,
    values: impl Iterator<Item = String>,
) -> String {
    let nothing = items(std::iter::empty());
    match is_not {
        true => format!(r#""{name}":{nothing},"{not_name}":{}"#, items(values)),
        false => format!(r#""{name}":{}"#, items(values)),
    }
}

/// The ARN of the principal; those from outside have none and keep their names, and who is
/// anonymous has neither.
fn principal_arn(request: &Request<'_>) -> String {
    match request.principal {
        Principal::Anonymous => String::new(),
        Principal::Root { account } => {
            if let Some([Value::Text(arn)]) = request.context.get("aws:PrincipalArn") {
                return arn.to_string();
            }
            // The resource is of the same partition.
            let resource = Arn::parse(request.resource).ok();
            let partition = resource.map_or(Partition::default(), |arn| arn.partition());
            format!("arn:{partition}:iam::{account}:root")
        }
        _ => caller(&request.principal),
    }
}

/// What `aws:userid` says, or else the id of the principal.
fn principal_id(request: &Request<'_>) -> String {
    if let Some([Value::Text(id)]) = request.context.get(USER_ID) {
        return id.to_string();
    }
    match request.principal {
        Principal::Root { account } => account.to_string(),
        Principal::User { id, .. } => id.to_string(),
        Principal::RoleSession { role_id, session_arn, .. } => {
            let name = session_arn.resource().rsplit('/').next().unwrap_or_default();
            format!("{role_id}:{name}")
        }
        Principal::FederatedUser { arn, account, .. } => {
            let name = arn.resource().rsplit('/').next().unwrap_or_default();
            format!("{account}:{name}")
        }
        Principal::Service { name } => name.to_owned(),
        Principal::Federated { provider } => provider.to_owned(),
        Principal::Anonymous => "anonymous".to_owned(),
    }
}

fn value_of(value: &str) -> String {
    format!(r#"{{"value":{}}}"#, text(value))
}

fn items(items: impl Iterator<Item = String>) -> String {
    format!(r#"{{"items":[{}]}}"#, items.collect::<Vec<_>>().join(","))
}

/// A JSON string.
fn text(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            c if c.is_control() => drop(write!(quoted, "\\u{:04x}", u32::from(c))),
            c => quoted.push(c),
        }
    }
    quoted.push('"');
    quoted
}
