//! `PolicyExclusionList` of SimulatePrincipalPolicy: attached policies that a simulation leaves
//! out.
//!
//! IAM API reference, "PolicyIdentifier". One that names nothing that is attached is ignored; one
//! that says less or more than one thing, or has wildcards where none may stand, is refused.

use daypass_names::Arn;
use daypass_query::{Fields, TextRule};

use super::policy_source::{Applied, AppliedName, SourcePolicies};
use super::simulation_input::invalid;
use crate::Fault;

/// Most exclusions of a call, as the service model has it.
const MAX_EXCLUSIONS: usize = 256;

const ARN: TextRule = TextRule { min: 20, max: 2048, pattern: "", fits: |_| true };
const POLICY_NAME: TextRule = TextRule { fits: is_name, ..ATTACHMENT_NAME };
/// The pattern of the service model has no wildcards, which its text allows.
const ATTACHMENT_NAME: TextRule =
    TextRule { min: 1, max: 128, pattern: r"[\w+=,.@-]+", fits: is_name_or_wildcard };

const TYPES: [&str; 6] =
    ["inline", "aws-managed", "user-managed", "permission-boundary", "scp", "rcp"];

fn is_name_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"_+=,.@-".contains(&byte)
}

fn is_name(text: &str) -> bool {
    text.bytes().all(is_name_byte)
}

fn is_name_or_wildcard(text: &str) -> bool {
    text.bytes().all(|byte| is_name_byte(byte) || b"*?".contains(&byte))
}

/// An identifier as it was given.
#[derive(Debug)]
pub(crate) struct Exclusion {
    kind: Option<String>,
    arn: Option<String>,
    inline: Option<Inline>,
}

#[derive(Debug)]
struct Inline {
    policy: String,
    holder: String,
    holder_name: String,
}

/// Reads the list.
pub(crate) fn exclusions(fields: &mut Fields<'_>) -> Vec<Exclusion> {
    const LIST: &str = "PolicyExclusionList";
    let all: Vec<_> = fields.list(LIST).map(exclusion).collect();
    if all.len() > MAX_EXCLUSIONS {
        let text = format!("Member must have length less than or equal to {MAX_EXCLUSIONS}");
        fields.fault(LIST, None, &text);
    }
    all
}

fn exclusion(mut fields: Fields<'_>) -> Exclusion {
    let kind = fields.choice("PolicyType", &TYPES).map(str::to_owned);
    let arn = fields.text("PolicyArn", &ARN).map(str::to_owned);
    const INLINE: &str = "InlinePolicyIdentifier";
    let inline = if fields.has(INLINE) {
        let mut inline = fields.structure(INLINE);
        let policy = inline.required_text("PolicyName", &POLICY_NAME).map(str::to_owned);
        inline.required("AttachmentType");
        let holder = inline.choice("AttachmentType", &["user", "group", "role"]);
        let name = inline.required_text("AttachmentName", &ATTACHMENT_NAME).map(str::to_owned);
        match (policy, holder, name) {
            (Some(policy), Some(holder), Some(holder_name)) => {
                Some(Inline { policy, holder: holder.to_owned(), holder_name })
            }
            _ => None,
        }
    } else {
        None
    };
    Exclusion { kind, arn, inline }
}

/// Leaves out what is excluded.
pub(crate) fn exclude(
    mut policies: SourcePolicies,
    exclusions: &[Exclusion],
) -> Result<SourcePolicies, Fault> {
    for exclusion in exclusions {
        match exclusion {
            Exclusion { kind: Some(kind), arn: None, inline: None } => match &**kind {
                "permission-boundary" => policies.boundary = None,
                // There are none of organisations that bind a principal here.
                kind => policies.identity.retain(|applied| !is_of_type(applied, kind)),
            },
            Exclusion { kind: None, arn: Some(arn), inline: None } => {
                let pattern = policy_arn(arn)?;
                policies.identity.retain(|applied| match &applied.name {
                    AppliedName::Managed(arn) => !covers(&pattern, arn.as_str()),
                    AppliedName::Inline(_) => true,
                });
            }
            Exclusion { kind: None, arn: None, inline: Some(inline) } => {
                check_wildcards(&inline.holder_name)?;
                policies.identity.retain(|applied| match &applied.name {
                    AppliedName::Inline(name) => {
                        *name != inline.policy
                            || applied.holder.as_str() != inline.holder
                            || !covers(&inline.holder_name, &applied.holder_name)
                    }
                    AppliedName::Managed(_) => true,
                });
            }
            _ => return Err(invalid("A policy identifier must have exactly one member.")),
        }
    }
    Ok(policies)
}

fn is_of_type(applied: &Applied, kind: &str) -> bool {
    match (&applied.name, kind) {
        (AppliedName::Inline(_), "inline") => true,
        // AWS's own belong to the account `aws`, which is none.
        (AppliedName::Managed(arn), "aws-managed") => arn.account().is_none(),
        (AppliedName::Managed(arn), "user-managed") => arn.account().is_some(),
        _ => false,
    }
}

/// The ARN of managed policies, with wildcards in its last field only.
fn policy_arn(text: &str) -> Result<String, Fault> {
    let wrong = || invalid(format!("Invalid policy ARN in PolicyExclusionList: {text}."));
    let arn = Arn::parse(text).map_err(|_| wrong())?;
    let head = text.strip_suffix(arn.resource()).unwrap_or(text);
    let is_policy = arn.service() == "iam" && arn.region().is_empty();
    let name = arn.resource().strip_prefix("policy/").filter(|name| !name.is_empty());
    if !is_policy || name.is_none() || head.contains(['*', '?']) {
        return Err(wrong());
    }
    check_wildcards(text)?;
    Ok(text.to_owned())
}

fn check_wildcards(text: &str) -> Result<(), Fault> {
    match text.matches('*').count() {
        0 | 1 => Ok(()),
        _ => Err(invalid(format!("More than one * in PolicyExclusionList: {text}."))),
    }
}

/// Whether a text fits a pattern with at most one `*` and any number of `?`.
fn covers(pattern: &str, text: &str) -> bool {
    let is_same = |pattern: &str, text: &str| {
        pattern.len() == text.len()
            && pattern.bytes().zip(text.bytes()).all(|(want, byte)| want == b'?' || want == byte)
    };
    let Some((before, behind)) = pattern.split_once('*') else { return is_same(pattern, text) };
    let Some(middle) = text.len().checked_sub(behind.len()) else { return false };
    let (Some(start), Some(end)) = (text.get(..before.len()), text.get(middle..)) else {
        return false;
    };
    before.len() <= middle && is_same(before, start) && is_same(behind, end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_star_stands_for_any_text() {
        for (pattern, text, want) in [
            ("a", "a", true),
            ("a", "ab", false),
            ("?", "a", true),
            ("?", "", false),
            ("*", "", true),
            ("a*", "a", true),
            ("a*", "b", false),
            ("a*a", "a", false),
            ("a*a", "aa", true),
            ("a*?c", "abc", true),
            ("a*?c", "ac", false),
            ("*c", "abc", true),
            ("a*", "é", false),
        ] {
            assert_eq!(covers(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn wildcards_stand_in_names_only() {
        for (text, want) in [
            ("arn:aws:iam::123456789012:policy/p", true),
            ("arn:aws:iam::aws:policy/Amazon*", true),
            ("arn:aws:iam::aws:policy/?/p?*", true),
            ("arn:aws:iam::aws:policy/*a*", false),
            ("arn:aws:iam::aws:policy/", false),
            ("arn:aws:iam::*:policy/p", false),
            ("arn:aws:iam:*:aws:policy/p", false),
            ("arn:aws:i?m::aws:policy/p", false),
            ("arn:aws:iam::aws:*", false),
            ("arn:aws:iam::123456789012:user/p", false),
            ("no ARN, but long enough", false),
        ] {
            assert_eq!(policy_arn(text).is_ok(), want, "{text}");
        }
    }
}
