//! The policy of a form: what its fields and its file may be. The signature covers it and nothing
//! else.
//!
//! S3 API reference, "Creating a POST policy".

use std::fmt;

use data_encoding::BASE64;
use daypass_names::BucketName;
use jiff::Timestamp;
use serde::de::{self, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

use crate::{Form, S3Code, S3Fault};

/// Most conditions.
const CONDITIONS_MAX: usize = 200;

/// Fields that need no condition. `file` is no field here.
const EXEMPT: &[&str] = &["policy", "x-amz-signature"];

/// How the names of the fields begin that S3 passes over.
const IGNORED: &str = "x-ignore-";

/// A POST policy.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct PostPolicy {
    expiration: Timestamp,
    conditions: Vec<Condition>,
}

/// A condition. Names of fields are in lower case.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Condition {
    Equal { field: String, value: String },
    StartsWith { field: String, value: String },
    LengthRange { least: u64, most: u64 },
}

/// How long the file of a form may be, in bytes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct LengthRange {
    least: u64,
    most: u64,
}

impl Default for LengthRange {
    fn default() -> Self {
        Self { least: 0, most: u64::MAX }
    }
}

impl LengthRange {
    /// Whether a file may be that long.
    ///
    /// # Errors
    /// `EntityTooSmall` and `EntityTooLarge`.
    pub fn check(&self, length: u64) -> Result<(), S3Fault> {
        let (code, limit_name, limit) = match length {
            length if length < self.least => (S3Code::EntityTooSmall, "MinSizeAllowed", self.least),
            length if length > self.most => (S3Code::EntityTooLarge, "MaxSizeAllowed", self.most),
            _ => return Ok(()),
        };
        Err(S3Fault::new(code)
            .with("ProposedSize", length.to_string())
            .with(limit_name, limit.to_string()))
    }
}

impl PostPolicy {
    /// The policy in the field of that name: JSON in Base64.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub fn decode(field: &str) -> Result<Self, S3Fault> {
        // Tools break lines in long texts; the signature is over the field as it is.
        let compact: String = field.chars().filter(|c| !matches!(c, '\r' | '\n')).collect();
        let bytes = BASE64
            .decode(compact.as_bytes())
            .map_err(|_| invalid("Invalid Policy: the policy is not Base64."))?;
        let text = String::from_utf8(bytes)
            .map_err(|_| invalid("Invalid Policy: the policy is not UTF-8."))?;
        Self::parse(&text)
    }

    /// Reads the JSON of a policy, strictly: no element twice, nothing but what is known.
    ///
    /// # Errors
    /// `InvalidPolicyDocument`.
    pub fn parse(text: &str) -> Result<Self, S3Fault> {
        let document: PolicyDocument = serde_json::from_str(text)
            .map_err(|error| invalid("Invalid Policy: Invalid JSON.").because(error.to_string()))?;
        let expiration = document
            .expiration
            .ok_or_else(|| invalid("Invalid Policy: Policy missing expiration."))?;
        let expiration = Some(&*expiration)
            .filter(|text| text.ends_with('Z'))
            .and_then(|text| text.parse().ok())
            .ok_or_else(|| invalid("Invalid Policy: Invalid 'expiration' value"))?;
        let items = document
            .conditions
            .ok_or_else(|| invalid("Invalid Policy: Policy missing conditions."))?;
        if items.len() > CONDITIONS_MAX {
            return Err(invalid("Invalid Policy: too many conditions."));
        }
        let mut conditions = Vec::with_capacity(items.len());
        for item in items {
            match item {
                Item::Pairs(pairs) => {
                    let equal = |(field, value): (String, String)| Condition::Equal {
                        field: field.to_lowercase(),
                        value,
                    };
                    conditions.extend(pairs.into_iter().map(equal));
                }
                Item::List(scalars) => {
                    let read = condition(&scalars);
                    conditions.push(read.ok_or_else(|| {
                        invalid("Invalid Policy: Invalid Condition: it cannot be read.")
                    })?);
                }
            }
        }
        Ok(Self { expiration, conditions })
    }

    /// Whether the fields of a form are as the policy says: it has not expired, every condition
    /// holds, and every field but the exempt ones has one. What comes back is how long the file may
    /// be.
    ///
    /// # Errors
    /// `AccessDenied` with S3's words for what is wrong.
    pub fn check(
        &self,
        form: &Form,
        bucket: &BucketName,
        now: Timestamp,
    ) -> Result<LengthRange, S3Fault> {
        if now >= self.expiration {
            return Err(denied("Policy expired.".to_owned()));
        }
        let value_of = |field: &str| match field {
            "bucket" => Some(bucket.as_str()),
            field => form.field(field),
        };
        let mut range = LengthRange::default();
        for condition in &self.conditions {
            let holds = match condition {
                Condition::Equal { field, value } => value_of(field) == Some(value),
                Condition::StartsWith { field, value } => {
                    value_of(field).is_some_and(|given| starts_with(field, given, value))
                }
                Condition::LengthRange { least, most } => {
                    range.least = range.least.max(*least);
                    range.most = range.most.min(*most);
                    true
                }
            };
            if !holds {
                return Err(denied(format!("Policy Condition failed: {}", condition.told())));
            }
        }
        for (field, _) in form.fields() {
            let is_exempt = EXEMPT.contains(&field) || field.starts_with(IGNORED);
            if !is_exempt && !self.conditions.iter().any(|condition| condition.is_of(field)) {
                return Err(denied(format!("Extra input fields: {field}")));
            }
        }
        Ok(range)
    }
}

impl Condition {
    fn is_of(&self, name: &str) -> bool {
        match self {
            Self::Equal { field, .. } | Self::StartsWith { field, .. } => field == name,
            Self::LengthRange { .. } => false,
        }
    }

    /// The condition as a policy writes it.
    fn told(&self) -> String {
        let quoted = |text: &str| serde_json::Value::from(text).to_string();
        match self {
            Self::Equal { field, value } => {
                format!("[\"eq\", {}, {}]", quoted(&format!("${field}")), quoted(value))
            }
            Self::StartsWith { field, value } => {
                format!("[\"starts-with\", {}, {}]", quoted(&format!("${field}")), quoted(value))
            }
            Self::LengthRange { least, most } => {
                format!("[\"content-length-range\", {least}, {most}]")
            }
        }
    }
}

/// Whether a field begins with a text. A content type may be a list, each of which must.
fn starts_with(field: &str, given: &str, value: &str) -> bool {
    match field {
        "content-type" => given.split(',').all(|one| one.trim().starts_with(value)),
        _ => given.starts_with(value),
    }
}

/// The JSON of a policy.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PolicyDocument {
    expiration: Option<String>,
    conditions: Option<Vec<Item>>,
}

/// A condition as it is written: an object of names and values, or a list.
enum Item {
    Pairs(Vec<(String, String)>),
    List(Vec<Scalar>),
}

/// A value in a list.
enum Scalar {
    Text(String),
    Number(u64),
}

impl Scalar {
    fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            Self::Number(_) => None,
        }
    }

    fn number(&self) -> Option<u64> {
        match self {
            Self::Number(number) => Some(*number),
            // Tools write the numbers of a range as texts, too.
            Self::Text(text) => {
                let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
                digits.then(|| text.parse().ok()).flatten()
            }
        }
    }
}

impl<'de> Deserialize<'de> for Item {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl<'de> Visitor<'de> for Read {
            type Value = Item;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a condition")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Item, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Item::Pairs(pairs))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Item, A::Error> {
                let mut scalars = Vec::new();
                while let Some(scalar) = list.next_element()? {
                    scalars.push(scalar);
                }
                Ok(Item::List(scalars))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Read;
        impl Visitor<'_> for Read {
            type Value = Scalar;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a text or a whole number")
            }

            fn visit_str<E: de::Error>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }

            fn visit_u64<E: de::Error>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Number(number))
            }
        }
        deserializer.deserialize_any(Read)
    }
}

/// A condition that is a list.
fn condition(items: &[Scalar]) -> Option<Condition> {
    let [operator, one, two] = items else { return None };
    let operator = operator.text()?.to_ascii_lowercase();
    if operator == "content-length-range" {
        return Some(Condition::LengthRange { least: one.number()?, most: two.number()? });
    }
    let field = one.text()?.strip_prefix('$')?.to_lowercase();
    let value = two.text()?.to_owned();
    match operator.as_str() {
        "eq" => Some(Condition::Equal { field, value }),
        "starts-with" => Some(Condition::StartsWith { field, value }),
        _ => None,
    }
}

fn invalid(message: &'static str) -> S3Fault {
    S3Fault::saying(S3Code::InvalidPolicyDocument, message)
}

fn denied(what: String) -> S3Fault {
    S3Fault::saying(S3Code::AccessDenied, format!("Invalid according to Policy: {what}"))
}

#[cfg(test)]
mod tests;
