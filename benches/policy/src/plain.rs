//! What a decision costs without the language, and without passing over any statement.
//!
//! A matcher as one would write it by hand for these very policies. It has none of IAM's corners:
//! no case rules, variables, missing or multi-valued keys, no NotAction, no principals, no layers,
//! no reasons. It is here to tell how much the machine leaves to gain, not to be used.

use std::net::Ipv4Addr;

use crate::workload::{self, Answer, Glob, Key, Question, Workload};

pub(crate) struct Plain {
    statements: Vec<Statement>,
}

struct Statement {
    denies: bool,
    action: Box<[u8]>,
    resource: Box<[u8]>,
    conditions: Box<[Condition]>,
}

enum Condition {
    Equals(Key, Box<[Box<[u8]>]>),
    Like(Key, Box<[u8]>),
    /// Network and mask.
    Source(Box<[(u32, u32)]>),
    Tls(bool),
}

impl Plain {
    pub(crate) fn compile(workload: &Workload) -> Self {
        let statements = workload.policies.iter().flatten().map(|statement| Statement {
            denies: statement.denies,
            action: bytes(&statement.action),
            resource: bytes(&statement.resource),
            conditions: statement.conditions.iter().map(Condition::compile).collect(),
        });
        Self { statements: statements.collect() }
    }

    pub(crate) fn decide(&self, question: &Question) -> Answer {
        let mut answer = Answer::NoAllow;
        for statement in &self.statements {
            if is_like(&statement.action, question.action.as_bytes())
                && is_like(&statement.resource, question.resource.as_bytes())
                && statement.conditions.iter().all(|condition| condition.holds(question))
            {
                if statement.denies {
                    return Answer::ExplicitDeny;
                }
                answer = Answer::Allowed;
            }
        }
        answer
    }
}

impl Condition {
    fn compile(condition: &workload::Condition) -> Self {
        match condition {
            workload::Condition::Equals(key, texts) => {
                Self::Equals(*key, texts.iter().map(|text| text.as_bytes().into()).collect())
            }
            workload::Condition::Like(key, glob) => Self::Like(*key, bytes(glob)),
            workload::Condition::Source(ranges) => {
                let range = |(network, length): &(Ipv4Addr, u8)| {
                    let mask = u32::MAX << (32 - u32::from(*length));
                    (network.to_bits() & mask, mask)
                };
                Self::Source(ranges.iter().map(range).collect())
            }
            workload::Condition::Tls(wanted) => Self::Tls(*wanted),
        }
    }

    fn holds(&self, question: &Question) -> bool {
        match self {
            Self::Equals(key, texts) => {
                let value = text(*key, question);
                texts.iter().any(|text| **text == *value)
            }
            Self::Like(key, pattern) => is_like(pattern, text(*key, question)),
            Self::Source(ranges) => {
                let source = question.source.to_bits();
                ranges.iter().any(|(network, mask)| source & mask == *network)
            }
            Self::Tls(wanted) => question.tls == *wanted,
        }
    }
}

fn text(key: Key, question: &Question) -> &[u8] {
    match key {
        Key::Region => question.region.as_bytes(),
        Key::Team => question.team.as_bytes(),
    }
}

fn bytes(glob: &Glob) -> Box<[u8]> {
    glob.text().into_bytes().into()
}

/// The textbook's loop: byte by byte, back to the last star.
fn is_like(pattern: &[u8], text: &[u8]) -> bool {
    let (mut p, mut t) = (0, 0);
    let mut star = None;
    while let Some(c) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                p += 1;
                if p == pattern.len() {
                    return true;
                }
                star = Some((p, t));
            }
            Some(wanted) if wanted == c => {
                p += 1;
                t += 1;
            }
            _ => {
                let Some((after, from)) = star else { return false };
                p = after;
                t = from + 1;
                star = Some((after, t));
            }
        }
    }
    pattern.get(p..).is_some_and(|rest| rest.iter().all(|c| *c == b'*'))
}
