//! Replies in JSON, as AWS's query services write them for whoever asks with
//! `Accept: application/json`: the same structures as in XML, written by a second serializer.
//!
//! `{"OpResponse":{"OpResult":{…},"ResponseMetadata":{"RequestId":"…"}}}`. Lists are arrays, maps
//! are objects, a missing option is left out. An instant is a number of seconds since 1970: a type
//! that writes instants asks the serializer's `is_human_readable`, which is true in XML, where they
//! are text, and false here. What XML has no form for is refused here as well, so that no operation
//! can be answered in one form only.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use serde::ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};

use crate::ReplyError;
use crate::xml::{ERROR, REPLY};

/// Writes the reply of an operation; without a result (`None`) there is only the metadata.
///
/// # Errors
/// As [`to_xml`](crate::to_xml): bytes, floating-point numbers, tuples, enums with contents, units
/// and options inside of lists are refused.
pub fn to_json<T: Serialize>(
    operation: &str,
    result: Option<&T>,
    request_id: &str,
) -> Result<String, ReplyError> {
    let mut out = String::with_capacity(REPLY);
    out.push('{');
    push_key(&mut out, &[operation, "Response"]);
    out.push('{');
    if let Some(result) = result {
        push_key(&mut out, &[operation, "Result"]);
        result.serialize(Value { out: &mut out, place: Place::Whole })?;
    }
    separate(&mut out);
    out.push_str("\"ResponseMetadata\":{\"RequestId\":");
    push_text(&mut out, request_id);
    out.push_str("}}}");
    Ok(out)
}

/// Writes an error reply. `fault_type` is `Sender` for the caller's faults (4xx) and `Receiver`
/// for ours (5xx).
pub fn error_json(fault_type: &str, code: &str, message: &str, request_id: &str) -> String {
    let mut out = String::with_capacity(ERROR + message.len());
    out.push_str("{\"Error\":{");
    for (name, text) in [("Code", code), ("Message", message), ("Type", fault_type)] {
        push_key(&mut out, &[name]);
        push_text(&mut out, text);
    }
    out.push_str("},\"RequestId\":");
    push_text(&mut out, request_id);
    out.push('}');
    out
}

/// A comma, unless this is the first in its array or object: then what opens that stands before it,
/// and no member ends so (texts end with their quotation mark).
fn separate(out: &mut String) {
    if !out.ends_with(['{', '[']) {
        out.push(',');
    }
}

/// The name of a member, in pieces, and its colon.
fn push_key(out: &mut String, pieces: &[&str]) {
    separate(out);
    out.push('"');
    pieces.iter().for_each(|piece| push_escaped(out, piece));
    out.push_str("\":");
}

/// A text in quotation marks.
fn push_text(out: &mut String, text: &str) {
    out.push('"');
    push_escaped(out, text);
    out.push('"');
}

/// Escapes what RFC 8259, section 7, does not let stand in a text, and what begins an element or a
/// reference in XML.
///
/// SECURITY: whoever reads the reply as XML, whatever it asked for, must find no element in it that
/// a caller wrote into a path or a tag (CVE-2020-16250, CVE-2020-16251).
fn push_escaped(out: &mut String, text: &str) {
    let is_escaped =
        |character| matches!(character, '\0'..='\u{1f}' | '"' | '\\' | '<' | '>' | '&');
    let mut rest = text;
    while let Some(at) = rest.find(is_escaped) {
        let (plain, odd) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(plain);
        let mut characters = odd.chars();
        match characters.next() {
            Some(character @ ('"' | '\\')) => out.extend(['\\', character]),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(other) => {
                out.push_str("\\u00");
                for digit in [u32::from(other) >> 4, u32::from(other) & 0xf] {
                    out.extend(char::from_digit(digit, 16));
                }
            }
            None => {}
        }
        rest = characters.as_str();
    }
    out.push_str(rest);
}

/// Where a value stands.
#[derive(Clone, Copy)]
enum Place<'a> {
    /// Behind a key that is written.
    Whole,
    /// In an array.
    Element,
    /// In a structure; the name is written with the value, because a missing one has none.
    Member(&'a str),
}

/// Writes a value at its place.
struct Value<'a> {
    out: &'a mut String,
    place: Place<'a>,
}

impl<'a> Value<'a> {
    fn begin(self) -> &'a mut String {
        match self.place {
            Place::Whole => {}
            Place::Element => separate(self.out),
            Place::Member(name) => push_key(self.out, &[name]),
        }
        self.out
    }

    fn display(self, value: impl Display) -> Result<(), ReplyError> {
        Ok(write!(self.begin(), "{value}")?)
    }

    fn open(self, opening: char, closing: char) -> Contents<'a> {
        let out = self.begin();
        out.push(opening);
        Contents { out, closing }
    }
}

/// An array or object that is open.
struct Contents<'a> {
    out: &'a mut String,
    closing: char,
}

impl Contents<'_> {
    fn value<'b>(&'b mut self, place: Place<'b>) -> Value<'b> {
        Value { out: self.out, place }
    }

    fn close(self) {
        self.out.push(self.closing);
    }
}

macro_rules! displayed {
    ($($method:ident: $type:ty),*) => {
        $(fn $method(self, value: $type) -> Result<(), ReplyError> {
            self.display(value)
        })*
    };
}

macro_rules! refused {
    ($($method:ident($($argument:ty),*) -> $result:ty: $what:literal;)*) => {
        $(fn $method(self, $(_: $argument),*) -> Result<$result, ReplyError> {
            Err(ReplyError::Unsupported($what))
        })*
    };
}

type Nothing = Impossible<(), ReplyError>;

impl<'a> Serializer for Value<'a> {
    type Ok = ();
    type Error = ReplyError;
    type SerializeSeq = Contents<'a>;
    type SerializeMap = Contents<'a>;
    type SerializeStruct = Contents<'a>;
    type SerializeTuple = Nothing;
    type SerializeTupleStruct = Nothing;
    type SerializeTupleVariant = Nothing;
    type SerializeStructVariant = Nothing;

    displayed! {
        serialize_bool: bool,
        serialize_i8: i8,
        serialize_i16: i16,
        serialize_i32: i32,
        serialize_i64: i64,
        serialize_u8: u8,
        serialize_u16: u16,
        serialize_u32: u32,
        serialize_u64: u64
    }

    refused! {
        serialize_f32(f32) -> (): "a floating-point number";
        serialize_f64(f64) -> (): "a floating-point number";
        serialize_bytes(&[u8]) -> (): "bytes";
        serialize_unit() -> (): "a unit";
        serialize_tuple(usize) -> Nothing: "a tuple";
        serialize_tuple_struct(&'static str, usize) -> Nothing: "a tuple";
        serialize_tuple_variant(&'static str, u32, &'static str, usize) -> Nothing:
            "an enum with contents";
        serialize_struct_variant(&'static str, u32, &'static str, usize) -> Nothing:
            "an enum with contents";
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_str(self, value: &str) -> Result<(), ReplyError> {
        push_text(self.begin(), value);
        Ok(())
    }

    fn serialize_char(self, value: char) -> Result<(), ReplyError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), ReplyError> {
        match self.place {
            Place::Member(_) => Ok(()),
            _ => Err(ReplyError::Unsupported("a missing value in a list or map")),
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ReplyError> {
        self.open('{', '}').close();
        Ok(())
    }

    fn serialize_unit_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
    ) -> Result<(), ReplyError> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        value: &T,
    ) -> Result<(), ReplyError> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: &T,
    ) -> Result<(), ReplyError> {
        Err(ReplyError::Unsupported("an enum with contents"))
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Contents<'a>, ReplyError> {
        Ok(self.open('[', ']'))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Contents<'a>, ReplyError> {
        Ok(self.open('{', '}'))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Contents<'a>, ReplyError> {
        Ok(self.open('{', '}'))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), ReplyError> {
        let out = self.begin();
        out.push('"');
        write!(Escaping(out), "{value}")?;
        out.push('"');
        Ok(())
    }
}

/// Escapes what is written to it.
struct Escaping<'a>(&'a mut String);

impl Write for Escaping<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        push_escaped(self.0, text);
        Ok(())
    }
}

impl SerializeStruct for Contents<'_> {
    type Ok = ();
    type Error = ReplyError;

    fn serialize_field<T: Serialize + ?Sized>(
        &mut self,
        name: &'static str,
        value: &T,
    ) -> Result<(), ReplyError> {
        value.serialize(self.value(Place::Member(name)))
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close();
        Ok(())
    }
}

impl SerializeSeq for Contents<'_> {
    type Ok = ();
    type Error = ReplyError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self.value(Place::Element))
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close();
        Ok(())
    }
}

impl SerializeMap for Contents<'_> {
    type Ok = ();
    type Error = ReplyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ReplyError> {
        separate(self.out);
        let start = self.out.len();
        key.serialize(self.value(Place::Whole))?;
        if !self.out.get(start..).is_some_and(|key| key.starts_with('"')) {
            return Err(ReplyError::Unsupported("a key that is no text"));
        }
        self.out.push(':');
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self.value(Place::Whole))
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;
    use serde_json::{Value as Parsed, json};

    use super::*;

    const ID: &str = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";

    #[derive(Serialize)]
    enum Status {
        Active,
    }

    #[derive(Serialize)]
    struct Count(i64);

    #[derive(Serialize)]
    struct Nothing;

    /// An instant, as a type of the operations writes it.
    struct Instant;

    impl Serialize for Instant {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            match serializer.is_human_readable() {
                true => serializer.serialize_str("2026-01-02T03:04:05Z"),
                false => serializer.serialize_i64(1_767_323_045),
            }
        }
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Everything {
        missing_first: Option<u8>,
        is_truncated: bool,
        users: Vec<User>,
        names: Vec<String>,
        empty: Vec<String>,
        missing: Option<Vec<String>>,
        summary_map: BTreeMap<&'static str, i64>,
        no_entries: BTreeMap<String, String>,
        status: Status,
        count: Count,
        nothing: Nothing,
        text: String,
        letter: char,
        small: i8,
        large: u64,
        expiration: Instant,
        last_missing: Option<u8>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct User {
        path: &'static str,
        tags: Option<Vec<u8>>,
    }

    fn parsed(text: &str) -> Parsed {
        serde_json::from_str(text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }

    fn one<T: Serialize>(value: T) -> Result<Parsed, ReplyError> {
        #[derive(Serialize)]
        struct One<T> {
            #[serde(rename = "V")]
            value: T,
        }
        let text = to_json("Op", Some(&One { value }), "id")?;
        Ok(parsed(&text)["OpResponse"]["OpResult"]["V"].clone())
    }

    #[test]
    fn every_shape() {
        let text = "a \"b\" \\ / \r\n\t\u{1}\u{1f}\u{7f} é {[,:]}";
        let result = Everything {
            missing_first: None,
            is_truncated: false,
            users: vec![
                User { path: "/", tags: Some(vec![1, 2]) },
                User { path: "/a/", tags: None },
            ],
            names: vec!["one".to_owned(), "{".to_owned(), "[".to_owned()],
            empty: vec![],
            missing: None,
            summary_map: BTreeMap::from([("Users", 2), ("Groups", -1)]),
            no_entries: BTreeMap::new(),
            status: Status::Active,
            count: Count(-3),
            nothing: Nothing,
            text: text.to_owned(),
            letter: '"',
            small: i8::MIN,
            large: u64::MAX,
            expiration: Instant,
            last_missing: None,
        };
        let want = json!({"ListUsersResponse": {
            "ListUsersResult": {
                "IsTruncated": false,
                "Users": [{"Path": "/", "Tags": [1, 2]}, {"Path": "/a/"}],
                "Names": ["one", "{", "["],
                "Empty": [],
                "SummaryMap": {"Users": 2, "Groups": -1},
                "NoEntries": {},
                "Status": "Active",
                "Count": -3,
                "Nothing": {},
                "Text": text,
                "Letter": "\"",
                "Small": -128,
                "Large": u64::MAX,
                "Expiration": 1_767_323_045,
            },
            "ResponseMetadata": {"RequestId": ID},
        }});
        assert_eq!(parsed(&to_json("ListUsers", Some(&result), ID).unwrap()), want);
        // The same value in XML has the instant as text.
        let xml = crate::to_xml("ListUsers", "n", Some(&result), ID).unwrap();
        assert!(xml.contains("<Expiration>2026-01-02T03:04:05Z</Expiration>"), "{xml}");
    }

    #[test]
    fn a_void_operation_has_metadata_only() {
        let text = to_json::<Everything>("DeleteUser", None, ID).unwrap();
        let metadata = json!({"ResponseMetadata": {"RequestId": ID}});
        assert_eq!(parsed(&text), json!({ "DeleteUserResponse": metadata }));
        let text = to_json("DeleteUser", Some(&Nothing), ID).unwrap();
        assert_eq!(parsed(&text)["DeleteUserResponse"]["DeleteUserResult"], json!({}));
    }

    #[test]
    fn errors() {
        let text = error_json("Sender", "ValidationError", "1 error: '\"\\\n'", ID);
        assert_eq!(
            text,
            format!(
                r#"{{"Error":{{"Code":"ValidationError","Message":"1 error: '\"\\\n'","Type":"Sender"}},"RequestId":"{ID}"}}"#
            )
        );
    }

    #[test]
    fn what_xml_has_no_form_for_is_refused() {
        #[derive(Serialize)]
        enum Contents {
            One(u8),
            Two(u8, u8),
            Three { a: u8 },
        }
        fn check<T: Serialize>(value: T, what: &'static str) {
            assert_eq!(one(value), Err(ReplyError::Unsupported(what)));
        }
        check(1.5_f32, "a floating-point number");
        check(1.5_f64, "a floating-point number");
        check((), "a unit");
        check((1, 2), "a tuple");
        check([1_u8, 2], "a tuple");
        check(Contents::One(1), "an enum with contents");
        check(Contents::Two(1, 2), "an enum with contents");
        check(Contents::Three { a: 1 }, "an enum with contents");
        check(vec![Some(1), None], "a missing value in a list or map");
        check(BTreeMap::from([("a", None::<u8>)]), "a missing value in a list or map");
        check(BTreeMap::from([(1, 2)]), "a key that is no text");
        struct Bytes;
        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(b"x")
            }
        }
        check(Bytes, "bytes");
    }

    #[test]
    fn displayed_values_are_escaped_as_well() {
        struct Shown;
        impl Serialize for Shown {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("\"{}\\", 1))
            }
        }
        assert_eq!(one(Shown).unwrap(), "\"1\\");
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn text_survives(text in "(?s).{0,40}|[\"\\\\{}<>&\\[\\],:u0\n]{0,40}") {
            prop_assert_eq!(one(&text).unwrap(), text.clone());
            let map = BTreeMap::from([(text.clone(), vec![text.clone()])]);
            prop_assert_eq!(one(&map).unwrap(), json!({text.clone(): [text]}));
        }
    }
}
