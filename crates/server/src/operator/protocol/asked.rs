//! A question to the policy engine on its way to the server, and the message that comes back: see
//! [`super`].

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::question::{Draft, Given, Source};

/// What `daypass policy simulate --encode` asks: see [`Draft`]. Files were read, and are texts here.
#[derive(Clone, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
#[expect(missing_docs, reason = "the members are those of a draft")]
pub struct Asked {
    #[serde(skip_serializing_if = "Option::is_none")]
    pub principal: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub action: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_account: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub context: Vec<(String, Values)>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub identity: Vec<Document>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub boundary: Option<Vec<Document>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub session: Option<Vec<Document>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource_policy: Option<Document>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub trust: Option<Document>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target: Option<Document>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scps: Option<Vec<Vec<Document>>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rcps: Option<Vec<Vec<Document>>>,
}

/// A policy document and what it is called.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// Its name in explanations.
    pub name: String,
    /// Its text.
    pub text: String,
}

/// The value of a condition key.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Values {
    /// One value.
    One(String),
    /// A list, even if it has one member.
    Many(Vec<String>),
}

/// An encoded authorisation message.
#[derive(Clone, Debug, Deserialize, Eq, PartialEq, Serialize)]
pub struct MessageSealed {
    /// The account whose members may decode it, twelve digits.
    pub account_id: String,
    /// The decision: `allowed`, `implicitDeny` or `explicitDeny`.
    pub decision: String,
    /// The message.
    pub encoded_message: String,
    /// How long it can be decoded.
    pub life_seconds: u64,
}

impl From<Draft<'_>> for Asked {
    fn from(draft: Draft<'_>) -> Self {
        let Draft {
            principal,
            creator,
            action,
            resource,
            resource_account,
            context,
            identity,
            boundary,
            session,
            resource_policy,
            trust,
            target,
            scps,
            rcps,
        } = draft;
        let document = |Source { name, text }: Source<'_>| Document { name, text: text.into() };
        let documents = |all: Vec<Source<'_>>| all.into_iter().map(document).collect::<Vec<_>>();
        let levels = |levels: Vec<Vec<Source<'_>>>| levels.into_iter().map(documents).collect();
        let values = |given| match given {
            Given::One(value) => Values::One(value),
            Given::Many(values) => Values::Many(values),
        };
        Self {
            principal,
            creator,
            action,
            resource,
            resource_account,
            context: context.into_iter().map(|(key, given)| (key, values(given))).collect(),
            identity: documents(identity),
            boundary: boundary.map(documents),
            session: session.map(documents),
            resource_policy: resource_policy.map(document),
            trust: trust.map(document),
            target: target.map(document),
            scps: scps.map(levels),
            rcps: rcps.map(levels),
        }
    }
}

impl From<Asked> for Draft<'static> {
    fn from(asked: Asked) -> Self {
        let Asked {
            principal,
            creator,
            action,
            resource,
            resource_account,
            context,
            identity,
            boundary,
            session,
            resource_policy,
            trust,
            target,
            scps,
            rcps,
        } = asked;
        let source = |Document { name, text }| Source { name, text: Cow::Owned(text) };
        let sources = |all: Vec<Document>| all.into_iter().map(source).collect::<Vec<_>>();
        let levels = |levels: Vec<Vec<Document>>| levels.into_iter().map(sources).collect();
        let given = |values| match values {
            Values::One(value) => Given::One(value),
            Values::Many(values) => Given::Many(values),
        };
        Self {
            principal,
            creator,
            action,
            resource,
            resource_account,
            context: context.into_iter().map(|(key, values)| (key, given(values))).collect(),
            identity: sources(identity),
            boundary: boundary.map(sources),
            session: session.map(sources),
            resource_policy: resource_policy.map(source),
            trust: trust.map(source),
            target: target.map(source),
            scps: scps.map(levels),
            rcps: rcps.map(levels),
        }
    }
}
