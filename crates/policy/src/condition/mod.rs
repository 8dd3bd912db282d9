//! Conditions: one operator, one key, the values that it is compared with.
//!
//! IAM user guide, "IAM JSON policy elements: Condition", "Condition operators" and "Multivalued
//! context keys". The outcome has three values: what cannot be compared is neither true nor false,
//! and the statement's effect decides what becomes of it.

mod operators;
mod values;

use std::borrow::Cow;
use std::cmp::Ordering;
use std::fmt;
use std::net::IpAddr;
use std::ops::Range;

use data_encoding::BASE64;
use ipnet::IpNet;

use crate::context::{Context, Key, Text, Value};
use crate::document::{RawCondition, Version};
use crate::pattern::{List, Pattern, Syntax};

pub(crate) use operators::Operator;
use operators::{Base, Relation, Set};
use values::{Decimal, Instant, OwnDecimal, parse_bool, parse_range};

/// A compiled condition.
#[derive(Debug)]
pub(crate) struct Condition {
    operator: Operator,
    wanted: Wanted,
    /// Whether the list of values is empty.
    wants_nothing: bool,
    pub(crate) operator_name: Box<str>,
    pub(crate) key: Key,
    /// The bytes of the values in the source.
    pub(crate) values_span: Range<usize>,
}

/// The values of the policy, read.
#[derive(Debug)]
enum Wanted {
    Arn(Box<[ArnPattern]>),
    Binary(Box<[Bytes]>),
    Bool(Box<[bool]>),
    Date(Relation, Box<[Instant]>),
    Ip(Box<[IpNet]>),
    /// `true` asks for the key to be absent.
    Null(Box<[bool]>),
    Number(Relation, Box<[OwnDecimal]>),
    /// Equal but for case.
    Same(List<Pattern>),
    Text(List<Pattern>),
}

/// A binary value of a policy.
#[derive(Debug)]
struct Bytes {
    base64: Box<str>,
    bytes: Box<[u8]>,
}

#[derive(Debug)]
enum ArnPattern {
    /// The six parts, each a pattern of its own.
    Parts(Box<[Pattern]>),
    /// A lone `*`.
    Anything,
    /// A lone variable, which must be the whole ARN.
    Whole(Pattern),
}

/// Whether a condition holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Truth {
    No,
    Yes,
    /// A value cannot be read as what the operator compares.
    Unclear,
}

impl Truth {
    fn not(self) -> Self {
        match self {
            Self::No => Self::Yes,
            Self::Yes => Self::No,
            Self::Unclear => Self::Unclear,
        }
    }

    /// True if one is true; false only if all are false.
    fn any(truths: impl Iterator<Item = Self>) -> Self {
        let mut outcome = Self::No;
        for truth in truths {
            match truth {
                Self::Yes => return Self::Yes,
                Self::Unclear => outcome = Self::Unclear,
                Self::No => {}
            }
        }
        outcome
    }

    /// False if one is false; true only if all are true.
    pub(crate) fn all(truths: impl Iterator<Item = Self>) -> Self {
        Self::any(truths.map(Self::not)).not()
    }
}

impl From<bool> for Truth {
    fn from(value: bool) -> Self {
        if value { Self::Yes } else { Self::No }
    }
}

/// A value that its operator cannot read, and where it stands.
#[derive(Debug)]
pub(crate) struct Unreadable {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

impl Condition {
    /// Reads the values of a condition as its operator wants them.
    pub(crate) fn compile(raw: &RawCondition, version: Version) -> Result<Self, Unreadable> {
        let variables = version == Version::V2012;
        let equal = Syntax { wildcards: false, variables };
        let like = Syntax { wildcards: true, variables };
        let wanted = match raw.operator.base {
            Base::Arn => Wanted::Arn(each(raw, |text| ArnPattern::compile(text, like))?),
            Base::Binary => Wanted::Binary(each(raw, |text| {
                let bytes = BASE64.decode(text.as_bytes());
                bytes
                    .map(|bytes| Bytes { base64: text.into(), bytes: bytes.into() })
                    .map_err(|_| "a value is not base64")
            })?),
            Base::Bool => Wanted::Bool(each(raw, bool_value)?),
            Base::Date(relation) => Wanted::Date(
                relation,
                each(raw, |text| Instant::parse(text).ok_or("a value is not a date"))?,
            ),
            Base::Ip => Wanted::Ip(each(raw, |text| {
                parse_range(text).ok_or("a value is not an IP address or range")
            })?),
            Base::Null => Wanted::Null(each(raw, bool_value)?),
            Base::Numeric(relation) => Wanted::Number(
                relation,
                each(raw, |text| {
                    Decimal::parse(text).map(OwnDecimal::from).ok_or("a value is not a number")
                })?,
            ),
            Base::StringEquals => Wanted::Text(each(raw, |text| Pattern::compile(text, equal))?),
            Base::StringEqualsIgnoreCase => {
                Wanted::Same(each(raw, |text| Pattern::compile(text, equal))?)
            }
            Base::StringLike => Wanted::Text(each(raw, |text| Pattern::compile(text, like))?),
        };
        Ok(Self {
            operator: raw.operator,
            wanted,
            wants_nothing: raw.values.is_empty(),
            operator_name: raw.operator_name.text.clone(),
            key: Key::new(raw.key.text.to_string()),
            values_span: raw.values_span.clone(),
        })
    }

    /// Whether the condition holds in a context.
    pub(crate) fn holds(&self, context: &Context<'_>) -> Truth {
        let values = context.values(&self.key);
        if let Wanted::Null(wanted) = &self.wanted {
            return Truth::any(wanted.iter().map(|absent| match values {
                None => (*absent).into(),
                // Whether a text without a character is a value is not settled.
                Some([value]) if value.is_empty_text() => Truth::Unclear,
                Some(_) => (!absent).into(),
            }));
        }
        let Operator { negated, set, if_exists, .. } = self.operator;
        let Some(values) = values else {
            return match set {
                Set::ForAllValues => Truth::Yes,
                Set::ForAnyValue => if_exists.into(),
                Set::Plain => (if_exists || negated).into(),
            };
        };
        let meets = |value: &Value<'_>| {
            let one_of = self.one_of(value, context);
            if negated { one_of.not() } else { one_of }
        };
        match (set, values) {
            (Set::ForAllValues, [value]) if value.is_empty_text() => Truth::Yes,
            // Of one value all is any.
            (_, [value]) => meets(value),
            (Set::ForAllValues, _) => Truth::all(values.iter().map(meets)),
            (Set::ForAnyValue, _) => Truth::any(values.iter().map(meets)),
            // A negated operator is true exactly when its positive form is false.
            (Set::Plain, _) if negated => Truth::all(values.iter().map(meets)),
            (Set::Plain, _) => Truth::any(values.iter().map(meets)),
        }
    }

    /// Whether the condition holds a text that is there to one of several that are all
    /// `is_pinned`; see [`crate::shared_issuer`].
    pub(crate) fn pins_text(&self, is_pinned: impl Fn(&Pattern) -> bool) -> bool {
        let (Wanted::Text(patterns) | Wanted::Same(patterns)) = &self.wanted else {
            return false;
        };
        self.operator.is_strict_string() && patterns.as_slice().iter().all(is_pinned)
    }

    /// Whether a value of the request matches one of the policy's.
    fn one_of(&self, value: &Value<'_>, context: &Context<'_>) -> Truth {
        // Nothing is one of none, not even what cannot be read.
        if self.wants_nothing {
            return Truth::No;
        }
        match &self.wanted {
            Wanted::Text(patterns) => value.with_text(|text| {
                // A variable that stands for nothing is equal to nothing.
                patterns.as_slice().iter().any(|p| p.matches(text, context) == Some(true)).into()
            }),
            Wanted::Same(patterns) => value.with_text(|text| {
                patterns
                    .as_slice()
                    .iter()
                    .any(|p| p.equals_ignoring_case(text, context) == Some(true))
                    .into()
            }),
            Wanted::Arn(patterns) => value.with_text(|text| {
                Truth::any(patterns.iter().map(|pattern| pattern.matches(text, context)))
            }),
            // The same text is the same bytes, and needs no room to decode.
            Wanted::Binary(wanted) => match value {
                Value::Text(text) if wanted.iter().any(|own| *own.base64 == **text) => Truth::Yes,
                _ => match bytes(value) {
                    Some(bytes) => wanted.iter().any(|own| *own.bytes == *bytes).into(),
                    None => Truth::Unclear,
                },
            },
            Wanted::Bool(wanted) => match bool_of(value) {
                Some(value) => wanted.contains(&value).into(),
                None => Truth::Unclear,
            },
            Wanted::Date(relation, wanted) => match instant(value) {
                Some(value) => wanted.iter().any(|wanted| relation.holds(value.cmp(wanted))).into(),
                None => Truth::Unclear,
            },
            Wanted::Ip(wanted) => match address(value) {
                Some(address) => wanted.iter().any(|range| range.contains(&address)).into(),
                None => Truth::Unclear,
            },
            Wanted::Number(relation, wanted) => compare_numbers(value, *relation, wanted),
            // Answered by whether the key is there.
            Wanted::Null(_) => Truth::Unclear,
        }
    }
}

impl Relation {
    fn holds(self, ordering: Ordering) -> bool {
        match self {
            Self::Equals => ordering.is_eq(),
            Self::GreaterThan => ordering.is_gt(),
            Self::GreaterThanEquals => ordering.is_ge(),
            Self::LessThan => ordering.is_lt(),
            Self::LessThanEquals => ordering.is_le(),
        }
    }
}

impl ArnPattern {
    /// Splits before variables are filled in: a colon that a value brings cannot move the parts.
    /// What no ARN can match is refused.
    fn compile(text: &str, syntax: Syntax) -> Result<Self, &'static str> {
        let whole = Pattern::compile(text, syntax)?;
        if whole.is_lone_star() {
            return Ok(Self::Anything);
        }
        if whole.is_lone_variable() {
            return Ok(Self::Whole(whole));
        }
        let mut parts = Vec::with_capacity(6);
        for part in split_arn(text, syntax.variables) {
            parts.push(Pattern::compile(part, syntax)?);
        }
        // What a variable stands for is not known yet.
        let may_begin = parts.first().is_some_and(|first| first.can_be("arn"));
        if parts.len() != 6 || !may_begin {
            return Err("a value is no ARN: six parts are needed, of which the first is arn");
        }
        Ok(Self::Parts(parts.into()))
    }

    fn matches(&self, text: &str, context: &Context<'_>) -> Truth {
        if text.splitn(6, ':').count() != 6 {
            return Truth::Unclear;
        }
        match self {
            Self::Anything => Truth::Yes,
            Self::Whole(pattern) => (pattern.matches(text, context) == Some(true)).into(),
            Self::Parts(parts) => parts
                .iter()
                .zip(text.splitn(6, ':'))
                .all(|(pattern, part)| pattern.matches(part, context) == Some(true))
                .into(),
        }
    }
}

/// The six parts of an ARN pattern; the colon in `${aws:username}` parts nothing.
fn split_arn(text: &str, variables: bool) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    let mut count = 0;
    std::iter::from_fn(move || {
        let text = rest?;
        count += 1;
        let mut in_variable = false;
        let mut previous = ' ';
        for (at, c) in text.char_indices() {
            match c {
                '{' if variables && previous == '$' => in_variable = true,
                '}' => in_variable = false,
                ':' if !in_variable && count < 6 => {
                    rest = text.get(at + 1..);
                    return text.get(..at);
                }
                _ => {}
            }
            previous = c;
        }
        rest = None;
        Some(text)
    })
}

fn each<T, L: FromIterator<T>>(
    raw: &RawCondition,
    read: impl Fn(&str) -> Result<T, &'static str>,
) -> Result<L, Unreadable> {
    raw.values
        .iter()
        .map(|value| {
            read(&value.text).map_err(|reason| Unreadable { at: value.span.start, reason })
        })
        .collect()
}

/// A text as the boolean operators read it.
pub(crate) fn bool_of_text(text: &str) -> Option<bool> {
    parse_bool(text)
}

/// A text as the date operators read it, in nanoseconds since 1970.
pub(crate) fn nanoseconds_of_date(text: &str) -> Option<i128> {
    Instant::parse(text).map(Instant::nanoseconds)
}

/// Whether the numeric operators can read a text.
pub(crate) fn is_number(text: &str) -> bool {
    Decimal::parse(text).is_some()
}

fn bool_value(text: &str) -> Result<bool, &'static str> {
    parse_bool(text).ok_or("a value is neither true nor false")
}

fn bool_of(value: &Value<'_>) -> Option<bool> {
    match value {
        Value::Bool(value) => Some(*value),
        Value::Text(text) => parse_bool(text),
        _ => None,
    }
}

fn instant(value: &Value<'_>) -> Option<Instant> {
    match value {
        Value::Date(date) => Some(Instant::from_milliseconds(date.as_millisecond())),
        Value::Number(seconds) => Some(Instant::from_seconds(*seconds)),
        Value::Text(text) => Instant::parse(text),
        _ => None,
    }
}

fn address(value: &Value<'_>) -> Option<IpAddr> {
    match value {
        Value::Ip(address) => Some(address.to_canonical()),
        Value::Text(text) => text.parse::<IpAddr>().ok().map(|address| address.to_canonical()),
        _ => None,
    }
}

/// The bytes of a binary value; as text it is base64.
fn bytes<'a>(value: &'a Value<'_>) -> Option<Cow<'a, [u8]>> {
    match value {
        Value::Binary(bytes) => Some(Cow::Borrowed(bytes)),
        Value::Text(text) => BASE64.decode(text.as_bytes()).ok().map(Cow::Owned),
        _ => None,
    }
}

fn compare_numbers(value: &Value<'_>, relation: Relation, wanted: &[OwnDecimal]) -> Truth {
    let printed = match value {
        // aws:EpochTime is a date and a number.
        Value::Date(date) => Text::print(&Seconds(date.as_millisecond())),
        Value::Number(_) | Value::Text(_) => value.printed(),
        _ => return Truth::Unclear,
    };
    let Some(number) = Decimal::parse(printed.as_str()) else { return Truth::Unclear };
    wanted.iter().any(|wanted| relation.holds(number.cmp(&wanted.borrow()))).into()
}

/// Milliseconds that print as seconds.
struct Seconds(i64);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.0 < 0 { "-" } else { "" };
        let size = self.0.unsigned_abs();
        write!(f, "{sign}{}.{:03}", size / 1000, size % 1000)
    }
}
