//! What a record repeats of a request or of a response, in the form that is at hand: a tree of
//! JSON or a list of members.

use std::borrow::Cow;

use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};
use serde_json::Value;

/// Request parameters or response elements, without secrets.
#[derive(Clone, Debug)]
pub struct Parameters<'a>(Form<'a>);

#[derive(Clone, Debug)]
enum Form<'a> {
    Tree(Cow<'a, Value>),
    Members(&'a [Member<'a>]),
    OwnMembers(Vec<Member<'a>>),
}

/// The name of a member and its value.
pub type Member<'a> = (&'a str, Scalar<'a>);

/// The value of a member.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Scalar<'a> {
    /// A text.
    Text(Cow<'a, str>),
    /// A number.
    Number(i64),
    /// True or false.
    Flag(bool),
}

impl<'a> Parameters<'a> {
    /// An object of these members, in their order, which must be that of their names for the
    /// record to read as one that was made from a tree. A name must not come twice. The first
    /// letter of each name is written small.
    pub fn members(members: &'a [Member<'a>]) -> Self {
        Self(Form::Members(members))
    }

    /// The same, borrowed.
    pub fn borrowed(&self) -> Parameters<'_> {
        Parameters(match &self.0 {
            Form::Tree(value) => Form::Tree(Cow::Borrowed(value)),
            Form::Members(members) => Form::Members(members),
            Form::OwnMembers(members) => Form::Members(members),
        })
    }

    /// A number of bytes that it does not exceed as JSON, found without writing it.
    pub(crate) fn at_most(&self) -> usize {
        match &self.0 {
            Form::Tree(value) => tree_at_most(value),
            Form::Members(members) => members_at_most(members),
            Form::OwnMembers(members) => members_at_most(members),
        }
    }
}

impl From<Value> for Parameters<'_> {
    fn from(value: Value) -> Self {
        Self(Form::Tree(Cow::Owned(value)))
    }
}

/// As [`Parameters::members`], owned.
impl<'a> From<Vec<Member<'a>>> for Parameters<'a> {
    fn from(members: Vec<Member<'a>>) -> Self {
        Self(Form::OwnMembers(members))
    }
}

impl<'a> From<&'a Value> for Parameters<'a> {
    fn from(value: &'a Value) -> Self {
        Self(Form::Tree(Cow::Borrowed(value)))
    }
}

impl Serialize for Parameters<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Form::Tree(value) => to.serialize_newtype_struct(WRAPPED, &**value),
            Form::Members(members) => object(members, to),
            Form::OwnMembers(members) => object(members, to),
        }
    }
}

fn object<S: Serializer>(members: &[Member<'_>], to: S) -> Result<S::Ok, S::Error> {
    let mut map = to.serialize_map(Some(members.len()))?;
    for (name, value) in members {
        map.serialize_entry(&SmallFirst(name), value)?;
    }
    map.end()
}

impl Serialize for Scalar<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Text(text) => to.serialize_str(text),
            Self::Number(number) => to.serialize_i64(*number),
            Self::Flag(flag) => to.serialize_bool(*flag),
        }
    }
}

/// What wraps a value that `serde_json` itself must write: see the module `json`.
const WRAPPED: &str = "Parameters";

/// A name whose first letter is written small.
struct SmallFirst<'a>(&'a str);

impl Serialize for SmallFirst<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        let mut short = [0; 64];
        let name = self.0.as_bytes();
        if let (Some(copy), Some(_)) = (short.get_mut(..name.len()), self.0.get(..1)) {
            copy.copy_from_slice(name);
            if let Some(first) = copy.first_mut() {
                first.make_ascii_lowercase();
            }
            if let Ok(name) = std::str::from_utf8(copy) {
                return to.serialize_str(name);
            }
        }
        let mut name = self.0.to_owned();
        if let Some(first) = name.get_mut(..1) {
            first.make_ascii_lowercase();
        }
        to.serialize_str(&name)
    }
}

/// Most bytes that a number takes as JSON.
const NUMBER: usize = 32;

/// Each byte becomes six at most.
fn text_at_most(text: &str) -> usize {
    text.len().saturating_mul(6).saturating_add(2)
}

fn members_at_most(members: &[Member<'_>]) -> usize {
    members.iter().fold(2, |sum, (name, value)| {
        let value = match value {
            Scalar::Text(text) => text_at_most(text),
            Scalar::Number(_) | Scalar::Flag(_) => NUMBER,
        };
        sum.saturating_add(text_at_most(name)).saturating_add(value).saturating_add(2)
    })
}

/// The depth of a tree is bounded by whoever made it: it was written by code, or parsed.
fn tree_at_most(value: &Value) -> usize {
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => NUMBER,
        Value::String(text) => text_at_most(text),
        Value::Array(items) => items
            .iter()
            .fold(2, |sum, item| sum.saturating_add(tree_at_most(item)).saturating_add(1)),
        Value::Object(members) => members.iter().fold(2, |sum, (name, value)| {
            let member = text_at_most(name).saturating_add(tree_at_most(value));
            sum.saturating_add(member).saturating_add(2)
        }),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    #[test]
    fn all_forms_are_written_alike() {
        let tree = json!({"durationSeconds": 3600, "onlyAttached": true, "roleArn": "arn:x", "étage": "\n", "": ""});
        let members = [
            ("", Scalar::Text("".into())),
            ("DurationSeconds", Scalar::Number(3600)),
            ("OnlyAttached", Scalar::Flag(true)),
            ("RoleArn", Scalar::Text("arn:x".into())),
            ("étage", Scalar::Text("\n".into())),
        ];
        let wanted = tree.to_string();
        let check = |parameters: Parameters<'_>| {
            assert_eq!(serde_json::to_string(&parameters).unwrap(), wanted);
            assert_eq!(serde_json::to_string(&parameters.borrowed()).unwrap(), wanted);
            assert!(parameters.at_most() >= wanted.len());
        };
        check(Parameters::from(&tree));
        check(Parameters::members(&members[..]));
        check(members.to_vec().into());
        check(tree.clone().into());
        let long = format!("X{}", "y".repeat(100));
        let members = [(long.as_str(), Scalar::Number(i64::MIN))];
        let wanted = format!("{{\"x{}\":-9223372036854775808}}", "y".repeat(100));
        assert_eq!(serde_json::to_string(&Parameters::members(&members[..])).unwrap(), wanted);
    }

    proptest! {
        #[test]
        fn nothing_is_longer_than_it_is_taken_for(text in ".{0,50}", number: f64, key in "\\PC{0,9}") {
            let value = json!({key.as_str(): [text, number, i64::MIN, null, {"\0": "\u{1}"}]});
            prop_assert!(Parameters::from(&value).at_most() >= value.to_string().len());
            let members = [(key.as_str(), Scalar::Text(text.as_str().into()))];
            let members = Parameters::members(&members[..]);
            prop_assert!(members.at_most() >= serde_json::to_string(&members).unwrap().len());
        }
    }
}
