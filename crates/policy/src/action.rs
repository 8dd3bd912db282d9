//! Action patterns: `*`, or `service:Name` with wildcards in the name.
//!
//! IAM user guide, "IAM JSON policy elements: Action". All of it ignores case, so patterns and the
//! actions of requests are compared in lower case. Policy variables are refused, and a
//! wildcard never reaches across the first colon: what stands before it has none.

use crate::document::{Word, Words};
use crate::gate::{self, First};
use crate::malformed::Flaw;
use crate::pattern::{List, Pattern, Scan, Syntax};

/// The actions of a statement.
#[derive(Debug)]
pub(crate) struct Actions {
    negated: bool,
    patterns: List<ActionPattern>,
}

#[derive(Debug)]
struct ActionPattern {
    first: First,
    /// In lower case, service and all.
    pattern: Pattern,
}

/// Where an action is written in lower case.
#[derive(Debug)]
pub(crate) struct Room {
    short: [u8; Self::SHORT],
    /// For an action that is longer than any that there is.
    long: Vec<u8>,
}

impl Room {
    const SHORT: usize = 128;

    pub(crate) fn new() -> Self {
        Self { short: [0; Self::SHORT], long: Vec::new() }
    }
}

/// The action of a request, ready to be compared.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Action<'a> {
    /// In lower case, as far as ASCII goes.
    text: &'a [u8],
    /// See [`gate::start`].
    pub(crate) start: u64,
}

impl<'a> Action<'a> {
    pub(crate) fn of(text: &str, room: &'a mut Room) -> Self {
        let Room { short, long } = room;
        let lower = match short.get_mut(..text.len()) {
            Some(lower) => {
                for (lower, byte) in lower.iter_mut().zip(text.bytes()) {
                    *lower = byte.to_ascii_lowercase();
                }
                lower
            }
            None => {
                *long = text.as_bytes().to_ascii_lowercase();
                long
            }
        };
        Self { start: gate::start(lower), text: lower }
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

    /// What all actions begin with that the element covers, in lower case.
    pub(crate) fn beginning(&self) -> &[u8] {
        match self.negated {
            true => &[],
            false => {
                gate::common(self.patterns.as_slice().iter().map(|p| p.pattern.literal_prefix()))
            }
        }
    }

    /// Whether the element covers actions of a service, which is given in lower case. Which
    /// actions a service has is not looked at.
    pub(crate) fn reach(&self, service: &str) -> bool {
        let mut patterns = self.patterns.as_slice().iter();
        match self.negated {
            false => patterns.any(|pattern| pattern.names(service)),
            true => !patterns.any(|pattern| pattern.is_all_of(service)),
        }
    }

    /// Whether the element covers an action.
    pub(crate) fn cover(&self, action: Action<'_>) -> bool {
        self.patterns.as_slice().iter().any(|pattern| pattern.matches(action)) != self.negated
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
        if word.text.contains("${") {
            let reason = "no policy variable is substituted in an action";
            return Err(Flaw::value(word.span.start, path, reason));
        }
        if &*word.text != "*" {
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
        }
        let syntax = Syntax { wildcards: true, variables: false };
        let pattern = Pattern::compile(&word.text.to_ascii_lowercase(), syntax)
            .map_err(|reason| Flaw::value(word.span.start, path, reason))?;
        Ok(Self { first: First::of(pattern.literal_prefix().as_bytes()), pattern })
    }

    /// Whether it may match an action of a service. What stands before the colon has no wildcard.
    fn names(&self, service: &str) -> bool {
        let head = self.pattern.literal_prefix();
        head.is_empty() || head.strip_prefix(service).is_some_and(|rest| rest.starts_with(':'))
    }

    /// Whether it matches every action of a service.
    fn is_all_of(&self, service: &str) -> bool {
        match &self.pattern {
            Pattern::Prefix(head) => head.is_empty() || head.strip_prefix(service) == Some(":"),
            _ => false,
        }
    }

    fn matches(&self, action: Action<'_>) -> bool {
        let Action { text, start } = action;
        match &self.pattern {
            // `s3:Get*` and the like are decided without a look at the text.
            Pattern::Prefix(head) => self.first.decides(head, text, start),
            _ => None,
        }
        .unwrap_or_else(|| {
            self.first.admits(start) && self.pattern.scan(&[], text) == Scan::Matches
        })
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
            ("s3:*", "s3", false),
        ] {
            let actions = compile(pattern).unwrap();
            let found = actions.cover(Action::of(action, &mut Room::new()));
            assert_eq!(found, want, "{pattern} {action}");
        }
    }

    #[test]
    fn elements_reach_services() {
        for (negated, patterns, service, want) in [
            (false, &["*"][..], "s3", true),
            (false, &["s3:*"], "s3", true),
            (false, &["S3:Get*", "iam:*"], "s3", true),
            (false, &["s3:GetObject"], "s3", true),
            (false, &["s3:?etObject"], "s3", true),
            (false, &["s3-outposts:*"], "s3", false),
            (false, &["s3:*"], "s3-outposts", false),
            (false, &["iam:*", "sts:AssumeRole"], "s3", false),
            (true, &["iam:*"], "s3", true),
            (true, &["s3:*"], "s3", false),
            (true, &["*"], "s3", false),
            (true, &["iam:*", "S3:**"], "s3", false),
            // What is left of the service is in it.
            (true, &["s3:Get*"], "s3", true),
            (true, &["s3:?*"], "s3", true),
        ] {
            let words = patterns.iter().map(|text| Word { text: (*text).into(), span: 0..1 });
            let words = Words { at: 0, negated, words: words.collect() };
            let actions = Actions::compile(&words, "Action").unwrap();
            assert_eq!(actions.reach(service), want, "{negated} {patterns:?} {service}");
        }
    }

    #[test]
    fn covering_agrees_with_looking_at_every_character() {
        use proptest::prelude::*;
        fn obvious(pattern: &[char], text: &[char]) -> bool {
            match (pattern, text) {
                ([], _) => text.is_empty(),
                (['*', rest @ ..], _) => (0..=text.len()).any(|n| obvious(rest, &text[n..])),
                (['?', rest @ ..], [_, tail @ ..]) => obvious(rest, tail),
                ([p, rest @ ..], [t, tail @ ..]) => {
                    p.eq_ignore_ascii_case(t) && obvious(rest, tail)
                }
                (_, []) => false,
            }
        }
        // Some of the actions are longer than those that have their place on the stack.
        let texts = (
            "(s3|S3|a|dynamodb|elasticache):[aBé*?\0]{1,4}",
            "(s3|a|S3|DYNAMODB|elasticache)?:?[abAé:\0]{0,5}(a{120})?b?",
        );
        proptest!(ProptestConfig::with_cases(1500), |((pattern, action) in texts)| {
            let chars = |text: &str| text.chars().collect::<Vec<_>>();
            let (service, name) = pattern.split_once(':').unwrap();
            let want = action.split_once(':').is_some_and(|(own_service, own_name)| {
                own_service.eq_ignore_ascii_case(service)
                    && obvious(&chars(name), &chars(own_name))
            });
            let actions = compile(&pattern).unwrap();
            let found = actions.cover(Action::of(&action, &mut Room::new()));
            prop_assert_eq!(found, want, "{:?} {:?}", pattern, action);
        });
    }
}
