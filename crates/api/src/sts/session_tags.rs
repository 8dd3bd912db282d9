//! Session tags: how requests pass them, what is wrong with them, which of them the next session of
//! a chain inherits, and which condition keys they make.
//!
//! IAM user guide, "Pass session tags in AWS STS". Keys keep their case and are compared ignoring
//! it, so that no session has a key twice.

use std::borrow::Cow;
use std::collections::BTreeSet;

use daypass_directory::Tag;
use daypass_names::{Constrained, TagKey, TagValue};
use daypass_policy::Value;
use daypass_query::Fields;
use daypass_token::{Session, Tag as SealedTag};

use crate::authorise::Need;
use crate::bearer::Claims;
use crate::decode::rule;
use crate::iam::tags::{self, lower};
use crate::{Code, Fault};

/// Most tags of a session, those that it inherits among them, and most transitive keys of a
/// request.
const MAX_TAGS: usize = 50;

/// The tags that a request passes, or that a proof of identity claims.
#[derive(Debug, Default)]
pub(crate) struct Given {
    /// The tags.
    pub(crate) tags: Vec<Tag>,
    /// Which of them pass to the next sessions of the chain.
    pub(crate) transitive: Vec<TagKey>,
}

impl Given {
    /// The tags that a proof claims; nothing when one of them can be none.
    pub(crate) fn claimed(claims: Claims<'_>) -> Option<Self> {
        let tag = |(key, value): &(String, String)| {
            Some(Tag { key: TagKey::parse(key).ok()?, value: TagValue::parse(value).ok()? })
        };
        let tags = claims.tags.iter().map(tag).collect::<Option<Vec<_>>>()?;
        let keys = claims.transitive_tag_keys.iter().map(|key| TagKey::parse(key).ok());
        Some(Self { tags, transitive: keys.collect::<Option<Vec<_>>>()? })
    }
}

/// Reads `Tags`; absent is empty. What may be wrong with all of them together [`Given::checked`]
/// tells.
pub(crate) fn decode(fields: &mut Fields<'_>) -> Given {
    Given { tags: tags::decode(fields), transitive: Vec::new() }
}

/// Reads `TransitiveTagKeys`; absent is empty.
pub(crate) fn decode_transitive(fields: &mut Fields<'_>) -> Vec<TagKey> {
    let members: Vec<Fields<'_>> = fields.list("TransitiveTagKeys").collect();
    if members.len() > MAX_TAGS {
        let text = format!("Member must have length less than or equal to {MAX_TAGS}");
        fields.fault("TransitiveTagKeys", None, &text);
        return Vec::new();
    }
    let key = |mut member: Fields<'_>| {
        let text = member.required_text("", &rule(&TagKey::CONSTRAINT))?;
        TagKey::parse(text).ok()
    };
    members.into_iter().filter_map(key).collect()
}

/// Tags that are in order, with those that the session inherits.
#[derive(Debug, Default)]
pub(crate) struct Checked {
    /// The tags of the request.
    given: Vec<Tag>,
    /// The transitive keys of the request, each as its tag spells it.
    transitive: Vec<TagKey>,
    /// What comes from the session that calls.
    inherited: Vec<Tag>,
}

impl Given {
    /// Checks the tags by themselves and against those that the calling session passes on. A
    /// caller without a session passes nothing on.
    ///
    /// # Errors
    /// `InvalidParameterValue`, for reserved keys, keys that are given twice, keys that are
    /// inherited, and transitive keys that are not among the tags.
    pub(crate) fn checked(&self, calling: Option<&Session>) -> Result<Checked, Fault> {
        let inherited = calling.map(inherited).transpose()?.unwrap_or_default();
        if self.tags.is_empty() && self.transitive.is_empty() {
            return Ok(Checked { inherited, ..Checked::default() });
        }
        let mut keys = BTreeSet::new();
        for tag in &self.tags {
            let key = lower(&tag.key);
            if key.starts_with("aws:") {
                return Err(refused(
                    "aws: prefixed tag key names are not allowed for external use.",
                ));
            }
            if !keys.insert(key) {
                return Err(refused(
                    "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
                ));
            }
        }
        if inherited.iter().any(|tag| keys.contains(&lower(&tag.key))) {
            return Err(refused(
                "One of the specified transitive tag keys can't be set because it conflicts with a \
                 transitive tag key from the calling session.",
            ));
        }
        let mut transitive: Vec<TagKey> = Vec::with_capacity(self.transitive.len());
        for key in &self.transitive {
            let tag = self.tags.iter().find(|tag| tag.key.is_same(key)).ok_or_else(|| {
                refused("The specified transitive tag key must be included in the requested tags.")
            })?;
            if !transitive.contains(&tag.key) {
                transitive.push(tag.key.clone());
            }
        }
        if self.tags.len() + inherited.len() > MAX_TAGS {
            return Err(refused(
                "The session would have more than 50 tags, inherited ones among them.",
            ));
        }
        Ok(Checked { given: self.tags.clone(), transitive, inherited })
    }
}

/// The tags that a session passes on to the next one.
fn inherited(session: &Session) -> Result<Vec<Tag>, Fault> {
    let keys = session.transitive_tag_keys.iter();
    let tag = |key: &String| {
        let tag = session.tags.iter().find(|tag| tag.key == *key);
        let tag = tag.and_then(|SealedTag { key, value }| {
            Some(Tag { key: TagKey::parse(key).ok()?, value: TagValue::parse(value).ok()? })
        });
        // SECURITY: a session without a tag that it must have would pass as another.
        tag.ok_or_else(|| Fault::internal("a transitive tag of the calling session is not there"))
    };
    keys.map(tag).collect()
}

impl Checked {
    /// Whether the session gets tags, its own or inherited ones: then `sts:TagSession` is needed.
    pub(crate) fn are_any(&self) -> bool {
        !self.given.is_empty() || !self.inherited.is_empty()
    }

    /// Adds the condition keys of the request's tags. Inherited ones are `aws:PrincipalTag` of the
    /// calling session.
    pub(crate) fn with_keys(&self, need: Need) -> Need {
        let mut need =
            if self.given.is_empty() { need } else { tags::with_request_tags(need, &self.given) };
        if !self.transitive.is_empty() {
            let keys = self.transitive.iter().map(|key| text(key.as_str())).collect();
            need.lists.push(("sts:TransitiveTagKeys".into(), keys));
        }
        need
    }

    /// The tags as they are sealed.
    pub(crate) fn sealed(&self) -> Vec<SealedTag> {
        let tags = self.inherited.iter().chain(&self.given);
        let sealed =
            |tag: &Tag| SealedTag { key: tag.key.to_string(), value: tag.value.to_string() };
        tags.map(sealed).collect()
    }

    /// The keys of those that pass to the next session. What is inherited stays transitive.
    pub(crate) fn sealed_transitive(&self) -> Vec<String> {
        let inherited = self.inherited.iter().map(|tag| &tag.key);
        inherited.chain(&self.transitive).map(TagKey::to_string).collect()
    }
}

fn text(text: &str) -> Value<'static> {
    Cow::<'static, str>::Owned(text.to_owned()).into()
}

fn refused(text: &'static str) -> Fault {
    Fault::new(Code::InvalidParameterValue, text)
}
