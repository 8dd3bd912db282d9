//! Bucket policies: what S3 demands of one beyond the grammar, in its own words, and whether one is
//! public.
//!
//! S3 user guide, "Bucket policies for Amazon S3", "Policies and permissions in Amazon S3" and
//! "Blocking public access to your Amazon S3 storage", section "The meaning of public". Refused are
//! actions and condition keys that S3 does not have, actions that fit no resource of their statement,
//! resources that are not in the bucket, and what is longer than 20 KB. That a condition key of S3 is
//! one of the actions beside it is not looked at.

use std::fmt;

use daypass_names::{BucketName, Partition};
use ipnet::IpNet;
use thiserror::Error;

use crate::condition::Operator;
use crate::document::{Document, Effect, PrincipalType, RawCondition, RawStatement, Words};
use crate::json;
use crate::limits::BUCKET;
use crate::malformed::Flaw;
use crate::s3_actions::{self, On};
use crate::{Kind, Policy, Position};

/// A refused bucket policy. Prints as the message of S3's `MalformedPolicy`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{message}")]
pub struct MalformedBucketPolicy {
    message: Box<str>,
    reason: Box<str>,
}

impl MalformedBucketPolicy {
    /// What is wrong, and where, in plain words; S3 does not say this.
    pub fn reason(&self) -> &str {
        &self.reason
    }

    fn new(message: impl Into<Box<str>>, reason: impl fmt::Display) -> Self {
        Self { message: message.into(), reason: reason.to_string().into() }
    }
}

impl Policy {
    /// Parses and compiles a policy that somebody wants to put on a bucket.
    ///
    /// # Errors
    /// For whatever [`Policy::parse`] refuses in a policy of [`Kind::Resource`], and for what S3
    /// refuses: see the beginning of this module.
    pub fn parse_bucket(
        text: &str,
        partition: Partition,
        bucket: &BucketName,
    ) -> Result<Self, MalformedBucketPolicy> {
        if text.len() > BUCKET {
            let reason = format!("the policy has {} bytes", text.len());
            return Err(MalformedBucketPolicy::new("Policy document must be 20KB or less", reason));
        }
        let not_json = |reason: &dyn fmt::Display| {
            let message = "Policies must be valid JSON and the first byte must be '{'";
            MalformedBucketPolicy::new(message, reason)
        };
        if !text.starts_with('{') {
            return Err(not_json(&"the first byte is another one"));
        }
        let node = json::read(text).map_err(|fault| {
            let Position { line, column } = Position::of(text, fault.at);
            not_json(&format_args!("line {line}, column {column}: {}", fault.reason))
        })?;
        let document = Document::read(node).map_err(|flaw| worded(flaw, text))?;
        for statement in &document.statements {
            check(statement, partition, bucket, text)?;
        }
        let policy = Self::parse_flawed(text, Kind::Resource);
        let policy = policy.map_err(|flaw| worded(flaw, text))?;
        for statement in &document.statements {
            check_names(statement, text)?;
        }
        Ok(policy)
    }

    /// Whether a bucket policy is public, as S3 means that: some statement lets in everyone, and no
    /// condition of it holds it to fixed callers, networks or accounts. What other statements deny
    /// does not count. One that cannot be read lets nobody in.
    pub fn is_public(&self) -> bool {
        if self.statements.is_empty() || self.kind() != Kind::Resource {
            return false;
        }
        let document = json::read(self.source()).ok().map(Document::read);
        match document {
            Some(Ok(document)) => document.statements.iter().any(is_public),
            // INVARIANT: what was compiled can be read again.
            _ => true,
        }
    }
}

/// What S3 demands of a statement.
fn check(
    statement: &RawStatement,
    partition: Partition,
    bucket: &BucketName,
    text: &str,
) -> Result<(), MalformedBucketPolicy> {
    let refused = |message, at, reason| Err(refusal(message, text, at, reason));
    let start = statement.span.start;
    let is_missing = |words: &Option<Words>| words.as_ref().is_none_or(|w| w.words.is_empty());
    if statement.principal.as_ref().is_none_or(|named| named.principals.is_empty()) {
        let message = "Missing required field Principal";
        return refused(message, start, "the statement names no principal".to_owned());
    }
    if is_missing(&statement.action) {
        let message = "Missing required field Action";
        return refused(message, start, "the statement has no action".to_owned());
    }
    if is_missing(&statement.resource) {
        let message = "Missing required field Resource";
        return refused(message, start, "the statement has no resource".to_owned());
    }
    for word in statement.action.iter().flat_map(|action| &action.words) {
        let vendor = word.text.split_once(':').map(|(vendor, _)| vendor);
        let is_ours = match vendor {
            Some(vendor) => vendor.eq_ignore_ascii_case("s3"),
            None => &*word.text == "*",
        };
        if !is_ours {
            let reason = format!("`{}` is no action of S3", word.text);
            return refused("Policy has invalid action", word.span.start, reason);
        }
    }
    for word in statement.resource.iter().flat_map(|resource| &resource.words) {
        if !is_in(&word.text, partition, bucket) {
            let reason = format!("`{}` is not in the bucket", word.text);
            return refused("Policy has invalid resource", word.span.start, reason);
        }
    }
    Ok(())
}

/// Refuses actions and condition keys that S3 does not have, and actions that are on nothing of what
/// their statement speaks of.
fn check_names(statement: &RawStatement, text: &str) -> Result<(), MalformedBucketPolicy> {
    let (Some(actions), Some(resources)) = (&statement.action, &statement.resource) else {
        return Ok(());
    };
    // What a statement speaks of that names the others, not these, is not told by them.
    let is_exact = !actions.negated && !resources.negated;
    let names_one = |objects| resources.words.iter().any(|word| word.text.contains('/') == objects);
    let (names_bucket, names_objects) = (names_one(false), names_one(true));
    for word in &actions.words {
        let refused = |message, reason| Err(refusal(message, text, word.span.start, reason));
        let (mut is_known, mut applies) = (false, false);
        for on in s3_actions::matched(&word.text) {
            is_known = true;
            applies |= match on {
                On::Bucket => names_bucket,
                On::Object => names_objects,
                On::Elsewhere => false,
            };
        }
        if !is_known {
            let reason = format!("S3 has no action `{}`", word.text);
            return refused("Policy has invalid action", reason);
        }
        if is_exact && !applies {
            let reason = format!("`{}` is on none of the resources", word.text);
            return refused("Action does not apply to any resource(s) in statement", reason);
        }
    }
    for condition in &statement.conditions {
        let key = &condition.key;
        let is_unknown = key.text.split_once(':').is_some_and(|(vendor, name)| {
            vendor.eq_ignore_ascii_case("s3") && !s3_actions::has_key(name)
        });
        if is_unknown {
            let reason = format!("S3 has no condition key `{}`", key.text);
            let message = "Policy has an invalid condition key";
            return Err(refusal(message, text, key.span.start, reason));
        }
    }
    Ok(())
}

fn refusal(message: &str, text: &str, at: usize, reason: String) -> MalformedBucketPolicy {
    let Position { line, column } = Position::of(text, at);
    MalformedBucketPolicy::new(message, format!("line {line}, column {column}: {reason}"))
}

/// Whether a resource is the bucket or something in it. The bucket's name is written out: a wildcard
/// may stand in the key only.
fn is_in(resource: &str, partition: Partition, bucket: &BucketName) -> bool {
    let rest = resource
        .strip_prefix("arn:")
        .and_then(|rest| rest.strip_prefix(partition.as_str()))
        .and_then(|rest| rest.strip_prefix(":s3:::"))
        .and_then(|rest| rest.strip_prefix(bucket.as_str()));
    rest.is_some_and(|rest| rest.is_empty() || (rest.len() > 1 && rest.starts_with('/')))
}

/// A breach of the grammar in S3's words.
fn worded(flaw: Flaw, text: &str) -> MalformedBucketPolicy {
    let Position { line, column } = Position::of(text, flaw.at);
    let reason = format!("line {line}, column {column}: {}", flaw.reason);
    // What an element is called when it is not in a list of statements.
    let has = |name: &str| flaw.path.split(['.', '[']).any(|part| part == name);
    let message = if flaw.reason.starts_with("the statement has no Effect") {
        "Missing required field Effect".into()
    } else if flaw.reason.starts_with("the document has no Statement") {
        "Missing required field Statement".into()
    } else if flaw.reason.starts_with("there is no statement") {
        "Could not parse the policy: Statement is empty!".into()
    } else if has("Principal") || has("NotPrincipal") {
        "Invalid principal in policy".into()
    } else if has("Condition") {
        "Policy has an invalid condition".into()
    } else if has("Action") || has("NotAction") {
        "Policy has invalid action".into()
    } else if has("Resource") || has("NotResource") {
        "Policy has invalid resource".into()
    } else if has("Effect") {
        "Policy has an invalid effect".into()
    } else if has("Version") {
        "The policy must contain a valid version string".into()
    } else {
        "Invalid policy syntax.".into()
    };
    MalformedBucketPolicy { message, reason: reason.into() }
}

/// The condition keys that hold a statement to fixed callers, networks or accounts.
const FIXING: [&str; 16] = [
    "aws:PrincipalAccount",
    "aws:PrincipalArn",
    "aws:PrincipalOrgID",
    "aws:PrincipalOrgPaths",
    "aws:SourceAccount",
    "aws:SourceArn",
    "aws:SourceIp",
    "aws:SourceOrgID",
    "aws:SourceOrgPaths",
    "aws:SourceOwner",
    "aws:SourceVpc",
    "aws:SourceVpce",
    "aws:userid",
    "s3:DataAccessPointAccount",
    "s3:DataAccessPointArn",
    "s3:x-amz-server-side-encryption-aws-kms-key-id",
];

fn is_public(statement: &RawStatement) -> bool {
    if statement.effect != Effect::Allow {
        return false;
    }
    let named = statement.principal.iter().flat_map(|raw| &raw.principals);
    let is_anyone = statement.not_principal_at.is_some()
        || named.into_iter().any(|(kind, word)| {
            // Whose an unknown name is, is not known.
            *kind == PrincipalType::Aws && &*word.text == "*"
        });
    is_anyone && !statement.conditions.iter().any(fixes)
}

/// Whether a condition lets only fixed values of one of those keys pass.
fn fixes(condition: &RawCondition) -> bool {
    let key = FIXING.iter().find(|key| key.eq_ignore_ascii_case(&condition.key.text));
    let Some(key) = key else { return false };
    let operator: &Operator = &condition.operator;
    if condition.values.is_empty() || !operator.demands_equality() {
        return false;
    }
    condition.values.iter().all(|value| match *key {
        "aws:SourceIp" => operator.is_address() && is_narrow(&value.text),
        _ if operator.is_address() => false,
        // The ids of a role's sessions: whoever assumes the role.
        "aws:userid" => is_fixed(&value.text) || is_sessions_of_a_role(&value.text),
        // The access point may be any, the account may not.
        "s3:DataAccessPointArn" => {
            let account: Vec<&str> = value.text.split(':').take(5).collect();
            account.len() == 5 && account.iter().all(|part| is_fixed(part))
        }
        _ => is_fixed(&value.text),
    })
}

/// Whether a value stands for itself alone.
fn is_fixed(text: &str) -> bool {
    !text.is_empty() && !text.contains(['*', '?']) && !text.contains("${")
}

fn is_sessions_of_a_role(text: &str) -> bool {
    text.strip_suffix(":*").is_some_and(is_fixed)
}

/// Whether a range of addresses is not so broad that S3 counts it as the whole Internet: broader
/// than /8, or /32 for IPv6. The private ranges of RFC 1918 are none of them.
fn is_narrow(text: &str) -> bool {
    let range = text.parse::<IpNet>().ok();
    let range = range.or_else(|| text.parse::<std::net::IpAddr>().ok().map(IpNet::from));
    match range {
        Some(IpNet::V4(range)) => range.prefix_len() >= 8,
        Some(IpNet::V6(range)) => range.prefix_len() >= 32,
        None => false,
    }
}

#[cfg(test)]
mod tests;
