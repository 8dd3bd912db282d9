//! The condition keys that a policy refers to: those of its conditions and its variables.
//!
//! IAM API reference, "GetContextKeysForCustomPolicy": what must be given for a simulation of the
//! policy to mean something. The document is read again, since what is compiled forgets the order.

use std::collections::BTreeSet;

use crate::context::fold;
use crate::document::{Document, Version, Word};
use crate::json;
use crate::policy::Policy;
use crate::variable::{self, Dollar};

impl Policy {
    /// The condition keys that the policy refers to, in document order, each once and as it is
    /// written first: names ignore case. A policy that cannot be read refers to none.
    pub fn context_keys(&self) -> Vec<String> {
        if self.fault().is_some() {
            return Vec::new();
        }
        let document = json::read(self.source()).ok().map(Document::read);
        let Some(Ok(document)) = document else { return Vec::new() };
        let mut found: Vec<(usize, String)> = Vec::new();
        for statement in &document.statements {
            let words = statement.resource.iter().flat_map(|words| &words.words);
            let mut texts: Vec<&Word> = words.collect();
            for condition in &statement.conditions {
                found.push((condition.key.span.start, condition.key.text.to_string()));
                texts.extend(&condition.values);
            }
            if document.version == Version::V2012 {
                for word in texts {
                    let names = variables(&word.text).into_iter();
                    found.extend(names.map(|name| (word.span.start, name)));
                }
            }
        }
        // Those of one text keep their order.
        found.sort_by_key(|(at, _)| *at);
        distinct(found.into_iter().map(|(_, name)| name))
    }
}

/// Condition keys without those that came before, ignoring case.
pub fn distinct(names: impl IntoIterator<Item = String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    names.into_iter().filter(|name| seen.insert(fold(name))).collect()
}

/// The keys of the variables in a text, in order.
fn variables(text: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut rest = text;
    while let Some((_, behind)) = rest.split_once("${") {
        let Ok((dollar, behind)) = variable::read(behind) else { break };
        rest = behind;
        if let Dollar::Variable(variable) = dollar {
            names.push(variable.name().to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;

    fn check(text: &str, kind: Kind, want: &[&str]) {
        assert_eq!(Policy::parse_stored(text, kind).context_keys(), want, "{text}");
    }

    #[test]
    fn keys_and_variables_come_in_document_order() {
        check(
            r#"{"Version":"2012-10-17","Statement":[{
                "Effect":"Allow","Action":"s3:*",
                "Resource":["arn:aws:s3:::${aws:username}/${*}/${s3:prefix, 'x'}", "*"],
                "Condition":{"StringLike":{"aws:PrincipalTag/Team":"${aws:PrincipalTag/team}"},
                             "Bool":{"aws:SecureTransport":"true"}}
            },{
                "Effect":"Deny","NotAction":"s3:*","Resource":"*",
                "Condition":{"StringEquals":{"AWS:UserName":"${saml:sub}"}}
            }]}"#,
            Kind::Identity,
            &[
                "aws:username",
                "s3:prefix",
                "aws:PrincipalTag/Team",
                "aws:SecureTransport",
                "saml:sub",
            ],
        );
        // A condition that stands before its resource comes first.
        check(
            r#"{"Version":"2012-10-17","Statement":{"Condition":{"Null":{"a:b":"true"}},
                "Resource":"arn:aws:s3:::${c:d}","Effect":"Allow","Action":"*"}}"#,
            Kind::Identity,
            &["a:b", "c:d"],
        );
    }

    #[test]
    fn what_is_no_variable_is_no_key() {
        // Before 2012 variables are text.
        check(
            r#"{"Statement":{"Effect":"Allow","Action":"*","Resource":"arn:aws:s3:::${aws:username}"}}"#,
            Kind::Identity,
            &[],
        );
        check("{", Kind::Identity, &[]);
        check(
            r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"*","Resource":"*",
                "Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}}}"#,
            Kind::Resource,
            &["aws:SourceIp"],
        );
    }
}
