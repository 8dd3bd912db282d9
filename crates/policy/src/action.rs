//! Action patterns: `*`, or `service:Name` with wildcards in the name.
//!
//! IAM user guide, "IAM JSON policy elements: Action". All of it ignores case. Policy variables
//! are plain text here, and a wildcard never reaches across the colon.

use crate::document::{Word, Words};
use crate::malformed::Flaw;
use crate::pattern::{Case, Filled, Pattern, Scan, Syntax};

/// The actions of a statement.
#[derive(Debug)]
pub(crate) struct Actions {
    negated: bool,
    patterns: Box<[ActionPattern]>,
}

#[derive(Debug)]
enum ActionPattern {
    /// A lone `*`.
    Every,
    Named {
        service: Box<str>,
        name: Pattern,
    },
}

/// The action of a request: its service and its name, if it has both.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action<'a>(Option<(&'a str, &'a str)>);

impl<'a> Action<'a> {
    pub(crate) fn of(text: &'a str) -> Self {
        Self(text.split_once(':'))
    }
}

/// The only actions that a trust policy may speak of, in lower case.
const TRUST_ACTIONS: [&str; 8] = [
    "*",
    "sts:*",
    "sts:assumerole",
    "sts:assumerolewithsaml",
    "sts:assumerolewithwebidentity",
    "sts:setcontext",
    "sts:setsourceidentity",
    "sts:tagsession",
];

/// AWS's words for an action that is not one of them; the two spaces are AWS's.
const TRUST_TEXT: &str = "Trust Policy statement actions can only be sts:AssumeRole, \
                          sts:AssumeRoleWithSAML,  and sts:AssumeRoleWithWebIdentity";

/// AWS's words for an action or a condition key without its service.
pub(crate) const NO_VENDOR: &str =
    "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.";

impl Actions {
    /// Compiles the patterns of an element.
    pub(crate) fn compile(words: &Words, path: &str) -> Result<Self, Flaw> {
        let patterns: Result<_, _> =
            words.words.iter().map(|word| ActionPattern::compile(word, path)).collect();
        Ok(Self { negated: words.negated, patterns: patterns? })
    }

    /// Whether the element covers an action.
    pub(crate) fn cover(&self, action: Action<'_>) -> bool {
        self.patterns.iter().any(|pattern| pattern.matches(action)) != self.negated
    }
}

/// Refuses what a trust policy may not speak of.
pub(crate) fn check_trust(words: &Words, path: &str) -> Result<(), Flaw> {
    let wrong = words
        .words
        .iter()
        .find(|word| !TRUST_ACTIONS.iter().any(|action| action.eq_ignore_ascii_case(&word.text)));
    match wrong {
        Some(word) => Err(Flaw::worded(word.span.start, path, TRUST_TEXT)),
        None => Ok(()),
    }
}

impl ActionPattern {
    fn compile(word: &Word, path: &str) -> Result<Self, Flaw> {
        let flaw = |text: String| Flaw::worded(word.span.start, path, text);
        if &*word.text == "*" {
            return Ok(Self::Every);
        }
        let Some((service, name)) = word.text.split_once(':') else {
            return Err(flaw(NO_VENDOR.to_owned()));
        };
        if name.contains(':') {
            return Err(flaw("Actions/Condition can contain only one colon.".to_owned()));
        }
        if !is_vendor(service) {
            return Err(flaw(format!("Vendor {service} is not valid")));
        }
        if name.is_empty() {
            return Err(Flaw::value(word.span.start, path, "the action has no name"));
        }
        let syntax = Syntax { wildcards: true, variables: false };
        let name = Pattern::compile(name, syntax)
            .map_err(|reason| Flaw::value(word.span.start, path, reason))?;
        Ok(Self::Named { service: service.into(), name })
    }

    fn matches(&self, action: Action<'_>) -> bool {
        match self {
            Self::Every => true,
            Self::Named { service, name } => action.0.is_some_and(|(s, n)| {
                s.eq_ignore_ascii_case(service)
                    && name.scan(&Filled::NOTHING, n, Case::Ignored) == Scan::Matches
            }),
        }
    }
}

/// Whether a text can be the service of an action.
pub(crate) fn is_vendor(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compile(text: &str) -> Result<Actions, Flaw> {
        let word = Word { text: text.into(), span: 0..text.len() };
        Actions::compile(&Words { at: 0, negated: false, words: vec![word] }, "Action")
    }

    #[test]
    fn actions_ignore_case_and_stay_in_their_service() {
        for (pattern, action, want) in [
            ("*", "s3:GetObject", true),
            ("S3:getobject", "s3:GetObject", true),
            ("s3:Get*", "s3:GetObject", true),
            ("s3:*Object", "S3:GETOBJECT", true),
            ("s3:Get??ject", "s3:GetObject", true),
            ("s3:*", "s3-object-lambda:GetObject", false),
            ("s3:GetObject", "s3:GetObjectAcl", false),
            ("s3:${aws:x}", "s3:GetObject", false),
            ("s3:*", "s3", false),
        ] {
            // A variable's colon makes a second one.
            let Ok(actions) = compile(pattern) else {
                assert_eq!(pattern, "s3:${aws:x}");
                continue;
            };
            assert_eq!(actions.cover(Action::of(action)), want, "{pattern} {action}");
        }
    }
}
