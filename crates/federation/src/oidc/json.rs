//! JSON (RFC 8259) as tokens, key sets and discovery documents have it, read strictly: one object
//! and nothing around it but white space, no name twice at any depth, depth and number of values
//! bounded, UTF-8 only.
//!
//! SECURITY: two readers that take another of two members of the same name let one check what the
//! other does not use (RFC 8725, section 2.4). So nobody gets to choose.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

/// How deep objects and lists may nest. Tokens of the known providers have four levels.
const MAX_DEPTH: usize = 16;

/// Most values of a document, names not counted. The largest key set that is taken has some two
/// thousand; what is left over is for certificates and the like beside them.
const MAX_VALUES: usize = 16_384;

/// Most values of a part of a token. Nothing of it is proven while it is held: it may have to wait
/// for its provider's keys.
const MAX_TOKEN_VALUES: usize = 1_024;

/// As many names of an object are compared one by one; more are sorted.
const FEW: usize = 16;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Json {
    Null,
    Bool(bool),
    /// A number without fraction and exponent, within the range.
    Integer(i64),
    /// Any other number.
    Number,
    Text(String),
    List(Vec<Json>),
    Object(Object),
}

/// The members of an object, no name twice.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Object(Vec<(String, Json)>);

/// Why a document is not read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum JsonFault {
    /// It is no JSON object.
    Syntax,
    /// An object has a name twice.
    Duplicate,
    /// It nests deeper than [`MAX_DEPTH`].
    Deep,
    /// It has more values than it may.
    Many,
}

/// Reads an object of a provider's own.
pub(super) fn read(bytes: &[u8]) -> Result<Object, JsonFault> {
    read_at_most(MAX_VALUES, bytes)
}

/// Reads an object of a token.
pub(super) fn read_of_token(bytes: &[u8]) -> Result<Object, JsonFault> {
    read_at_most(MAX_TOKEN_VALUES, bytes)
}

fn read_at_most(most: usize, bytes: &[u8]) -> Result<Object, JsonFault> {
    let mut reading = Reading { values: 0, most, fault: None };
    let mut reader = serde_json::Deserializer::from_slice(bytes);
    let read = Value { reading: &mut reading, depth: 0 }.deserialize(&mut reader);
    let read = read.and_then(|value| reader.end().map(|()| value));
    match (read, reading.fault) {
        (Ok(Json::Object(object)), None) => Ok(object),
        (_, fault) => Err(fault.unwrap_or(JsonFault::Syntax)),
    }
}

impl Object {
    /// The value of a name.
    pub(super) fn value(&self, name: &str) -> Option<&Json> {
        self.0.iter().find(|(own, _)| own == name).map(|(_, value)| value)
    }

    /// The bytes of memory that the members hold, near enough to bound what is remembered.
    pub(super) fn size(&self) -> usize {
        let members = self.0.capacity() * size_of::<(String, Json)>();
        self.0.iter().fold(members, |size, (name, value)| size + name.capacity() + value.size())
    }

    /// The members in their order.
    pub(super) fn members(&self) -> impl Iterator<Item = (&str, &Json)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }
}

impl Json {
    pub(super) fn text(&self) -> Option<&str> {
        match self {
            Self::Text(text) => Some(text),
            _ => None,
        }
    }

    pub(super) fn integer(&self) -> Option<i64> {
        match self {
            Self::Integer(number) => Some(*number),
            _ => None,
        }
    }

    pub(super) fn list(&self) -> Option<&[Self]> {
        match self {
            Self::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// The bytes of memory that the value holds beside itself.
    fn size(&self) -> usize {
        match self {
            Self::Null | Self::Bool(_) | Self::Integer(_) | Self::Number => 0,
            Self::Text(text) => text.capacity(),
            Self::List(items) => {
                let own = items.capacity() * size_of::<Self>();
                items.iter().fold(own, |size, item| size + item.size())
            }
            Self::Object(object) => object.size(),
        }
    }

    /// A list of nothing but texts.
    pub(super) fn texts(&self) -> Option<Vec<String>> {
        self.list()?.iter().map(|item| item.text().map(str::to_owned)).collect()
    }
}

/// How far a document has been read.
struct Reading {
    values: usize,
    /// Most of them.
    most: usize,
    /// Why reading ended, when it is not for the syntax.
    fault: Option<JsonFault>,
}

/// A value that is about to be read.
struct Value<'r> {
    reading: &'r mut Reading,
    /// The objects and lists around it.
    depth: usize,
}

impl Value<'_> {
    fn refuse<E: Error>(self, fault: JsonFault) -> E {
        self.reading.fault = Some(fault);
        E::custom("refused")
    }
}

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = Json;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Json, D::Error> {
        self.reading.values += 1;
        if self.reading.values > self.reading.most {
            return Err(self.refuse(JsonFault::Many));
        }
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = Json;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E: Error>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Json, E> {
        Ok(Json::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Json, E> {
        Ok(Json::Integer(value))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Json, E> {
        Ok(i64::try_from(value).map_or(Json::Number, Json::Integer))
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Json, E> {
        Ok(Json::Text(text.to_owned()))
    }

    fn visit_string<E: Error>(self, text: String) -> Result<Json, E> {
        Ok(Json::Text(text))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Json, A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(self.refuse(JsonFault::Deep));
        }
        let mut items = Vec::new();
        while let Some(item) =
            list.next_element_seed(Value { reading: &mut *self.reading, depth })?
        {
            items.push(item);
        }
        Ok(Json::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Json, A::Error> {
        let depth = self.depth + 1;
        if depth > MAX_DEPTH {
            return Err(self.refuse(JsonFault::Deep));
        }
        let mut members: Vec<(String, Json)> = Vec::new();
        while let Some(name) = object.next_key::<String>()? {
            let value = object.next_value_seed(Value { reading: &mut *self.reading, depth })?;
            members.push((name, value));
        }
        match is_distinct(&members) {
            true => Ok(Json::Object(Object(members))),
            false => Err(self.refuse(JsonFault::Duplicate)),
        }
    }
}

/// Whether no name stands twice.
fn is_distinct(members: &[(String, Json)]) -> bool {
    if members.len() <= FEW {
        let mut rest = members;
        while let [(name, _), behind @ ..] = rest {
            if behind.iter().any(|(other, _)| other == name) {
                return false;
            }
            rest = behind;
        }
        return true;
    }
    let mut names: Vec<&str> = members.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names.windows(2).all(|pair| !matches!(pair, [one, other] if one == other))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, want: Result<(), JsonFault>) {
        let read = read(text.as_bytes());
        assert_eq!(read.map(|_| ()), want, "{}", text.get(..80).unwrap_or(text));
    }

    #[test]
    fn one_object_is_read_and_nothing_else() {
        check("{}", Ok(()));
        check(" {\"a\":[1,-2,3.5,1e9,true,null,\"\\u0000\",{}]}\r\n\t", Ok(()));
        for text in [
            "",
            " ",
            "[]",
            "1",
            "\"a\"",
            "null",
            "{",
            "{}}",
            "{} {}",
            "{\"a\":1,}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":01}",
            "{\"a\":+1}",
            "{\"a\":NaN}",
            "{\"a\":1}x",
            "\u{feff}{}",
            "{\"a\":\"\n\"}",
            "{\"a\":\"\\ud800\"}",
            "{\"a\":1e999}",
            "{\"a\"}",
            "{\"a\":1 \"b\":2}",
            "/**/{}",
        ] {
            check(text, Err(JsonFault::Syntax));
        }
        assert_eq!(read(b"{\"a\":\"\xff\"}"), Err(JsonFault::Syntax));
        assert_eq!(read(b"{\"a\":\"b\"}\0"), Err(JsonFault::Syntax));
    }

    #[test]
    fn a_name_stands_once_at_every_depth() {
        check(r#"{"a":1,"b":1,"A":1,"":1}"#, Ok(()));
        for text in [
            r#"{"a":1,"a":1}"#,
            r#"{"a":1,"b":2,"\u0061":1}"#,
            r#"{"a":{"b":[{"c":1,"d":2,"c":1}]}}"#,
            r#"{"":1,"":1}"#,
        ] {
            check(text, Err(JsonFault::Duplicate));
        }
        let many = |names: &[usize]| {
            let members: Vec<_> = names.iter().map(|name| format!("\"n{name}\":1")).collect();
            format!("{{{}}}", members.join(","))
        };
        for count in [FEW - 1, FEW, FEW + 1, 1000] {
            let mut names: Vec<usize> = (0..count).collect();
            check(&many(&names), Ok(()));
            names.push(count / 2);
            check(&many(&names), Err(JsonFault::Duplicate));
        }
    }

    #[test]
    fn depth_and_values_are_bounded() {
        let lists = |depth: usize| format!("{{\"a\":{}{}}}", "[".repeat(depth), "]".repeat(depth));
        check(&lists(MAX_DEPTH - 1), Ok(()));
        check(&lists(MAX_DEPTH), Err(JsonFault::Deep));
        check(&lists(100_000), Err(JsonFault::Deep));
        let objects = format!("{}1{}", "{\"a\":".repeat(MAX_DEPTH), "}".repeat(MAX_DEPTH));
        check(&objects, Ok(()));
        check(&format!("{{\"a\":{objects}}}"), Err(JsonFault::Deep));
        // The object, the list, and what is in it.
        let values = |count: usize| format!("{{\"a\":[{}1]}}", "1,".repeat(count - 3));
        check(&values(MAX_VALUES), Ok(()));
        check(&values(MAX_VALUES + 1), Err(JsonFault::Many));
        let of_token = |count| read_of_token(values(count).as_bytes()).map(drop);
        assert_eq!(of_token(MAX_TOKEN_VALUES), Ok(()));
        assert_eq!(of_token(MAX_TOKEN_VALUES + 1), Err(JsonFault::Many));
    }

    #[test]
    fn the_size_is_that_of_all_that_is_held() {
        let size = |text: &str| read(text.as_bytes()).unwrap().size();
        assert_eq!(size("{}"), 0);
        assert!(size(r#"{"a":1}"#) >= size_of::<(String, Json)>());
        let long = "x".repeat(1000);
        assert!(size(&format!(r#"{{"a":{{"b":["{long}","{long}"]}},"{long}":1}}"#)) > 3000);
        // A list of nothing holds more than its text.
        assert!(size(&format!(r#"{{"a":[{}1]}}"#, "1,".repeat(999))) >= 1000 * size_of::<Json>());
    }

    #[test]
    fn only_whole_numbers_are_integers() {
        let object = read(
            br#"{"a":1,"b":-9223372036854775808,"c":9223372036854775808,"d":1.0,"e":1e3,"f":"1"}"#,
        )
        .unwrap();
        let of = |name: &str| object.value(name).unwrap().integer();
        assert_eq!(of("a"), Some(1));
        assert_eq!(of("b"), Some(i64::MIN));
        for name in ["c", "d", "e", "f"] {
            assert_eq!(of(name), None, "{name}");
        }
        assert_eq!(object.value("g"), None);
        assert_eq!(object.members().count(), 6);
    }
}
