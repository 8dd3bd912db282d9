//! What the diagnoses of tokens and of SAML responses have in common: a list of checks, each with what
//! came of it, and what trust policies can ask of what is accepted.

use std::fmt;

use daypass_names::Arn;

use crate::bearer::Claims;

/// Most characters of a text of a token or an assertion that are told.
const TOLD: usize = 200;

/// Most entries of a list that are told.
const LISTED: usize = 10;

/// What came of each check of a token or a response.
#[derive(Clone, Debug)]
pub struct Diagnosis {
    /// Each check, in the order in which they are made.
    pub checks: Vec<DiagnosedCheck>,
    /// What trust policies can ask of it: condition keys with their values. Nothing when it
    /// is not accepted.
    pub condition_keys: Vec<(String, Vec<String>)>,
}

/// A check of a token or a response.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct DiagnosedCheck {
    /// What is looked at.
    pub check: &'static str,
    /// What came of it.
    pub finding: Finding,
    /// What was found, in words. It may hold any characters.
    pub detail: String,
}

/// What came of a check.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Finding {
    /// It is as it must be.
    Passed,
    /// It is not: the token or the response is refused.
    Failed,
    /// It could not be looked at, because of one before it.
    NotReached,
}

impl Diagnosis {
    /// Whether a role lets it in whose trust policy does.
    pub fn is_accepted(&self) -> bool {
        self.checks.iter().all(|check| check.finding == Finding::Passed)
    }
}

/// The checks of one kind of proof.
pub(crate) trait Check: Copy + Eq + 'static {
    /// All of them, in the order in which they are made.
    const ALL: &'static [Self];

    /// What is looked at.
    fn name(self) -> &'static str;
}

/// What was found so far, at most one finding for each check: the first.
#[derive(Debug)]
pub(crate) struct Findings<C>(Vec<(C, Finding, String)>);

impl<C: Check> Findings<C> {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    pub(crate) fn pass(&mut self, check: C, detail: impl fmt::Display) {
        self.put(check, Finding::Passed, detail);
    }

    pub(crate) fn fail(&mut self, check: C, detail: impl fmt::Display) {
        self.put(check, Finding::Failed, detail);
    }

    fn put(&mut self, check: C, finding: Finding, detail: impl fmt::Display) {
        if !self.0.iter().any(|(there, ..)| *there == check) {
            self.0.push((check, finding, detail.to_string()));
        }
    }

    /// Every check, those that were not reached too.
    pub(crate) fn finished(mut self) -> Vec<DiagnosedCheck> {
        for check in C::ALL {
            self.put(*check, Finding::NotReached, "not looked at");
        }
        let of = |check: &C| self.0.iter().find(|(there, ..)| there == check);
        let told = |(check, finding, detail): &(C, Finding, String)| DiagnosedCheck {
            check: check.name(),
            finding: *finding,
            detail: detail.clone(),
        };
        C::ALL.iter().filter_map(of).map(told).collect()
    }
}

/// The condition keys that come from what a proof claims for the session, and from its provider.
pub(crate) fn claimed_keys(
    provider: &Arn,
    claims: Claims<'_>,
) -> impl Iterator<Item = (String, Vec<String>)> {
    let Claims { tags, transitive_tag_keys, source_identity } = claims;
    let each =
        tags.iter().map(|(key, value)| (format!("aws:RequestTag/{key}"), vec![value.clone()]));
    let list =
        |name: &str, values: Vec<String>| (!values.is_empty()).then(|| (name.to_owned(), values));
    let lists = [
        list("aws:TagKeys", tags.iter().map(|(key, _)| key.clone()).collect()),
        list("sts:TransitiveTagKeys", transitive_tag_keys.to_vec()),
    ];
    let source =
        source_identity.map(|name| ("sts:SourceIdentity".to_owned(), vec![name.to_owned()]));
    let federated = ("aws:FederatedProvider".to_owned(), vec![provider.to_string()]);
    each.chain(lists.into_iter().flatten()).chain(source).chain([federated])
}

/// A text that somebody else made, between back quotes.
pub(crate) fn quoted(text: &str) -> String {
    let mut told: String = text.chars().take(TOLD).collect();
    if told.len() < text.len() {
        told.push('…');
    }
    format!("`{told}`")
}

pub(crate) fn listed<'a>(texts: impl ExactSizeIterator<Item = &'a str>) -> String {
    let more = texts.len().saturating_sub(LISTED);
    let told = texts.take(LISTED).map(quoted).collect::<Vec<_>>().join(", ");
    match (told.is_empty(), more) {
        (true, _) => "none".to_owned(),
        (false, 0) => told,
        (false, more) => format!("{told} and {more} more"),
    }
}
