//! Replies in XML, as AWS's query services write them: a serde serializer and the error document.
//!
//! It writes XML 1.0 elements only: structures, lists (`member`), maps (`entry`, `key`, `value`)
//! and texts, numbers and booleans. Everything else is refused, as are names that are no XML
//! names. Characters that XML 1.0 cannot carry at all, not even as references, are replaced by
//! U+FFFD.

use std::fmt::{self, Display, Write};

use serde::Serialize;
use serde::ser::{Impossible, SerializeMap, SerializeSeq, SerializeStruct, Serializer};
use thiserror::Error;

/// The room that a reply starts with, in bytes: enough for new credentials with their token, so
/// that the usual reply is written without being moved, and no copy of a secret stays behind.
pub(crate) const REPLY: usize = 5 << 10;

/// The room for an error reply around its message.
pub(crate) const ERROR: usize = 512;

/// Why a value was not written as a reply. This is a defect of the program, not of a request.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum ReplyError {
    /// A type that the protocol has no form for.
    #[error("{0} has no form in a reply")]
    Unsupported(&'static str),
    /// The name of a field or operation is not the name of an XML element.
    #[error("`{0}` is no element name")]
    Name(String),
    /// A `Serialize` implementation refused.
    #[error("{0}")]
    Custom(String),
}

impl serde::ser::Error for ReplyError {
    fn custom<T: Display>(message: T) -> Self {
        Self::Custom(message.to_string())
    }
}

impl From<fmt::Error> for ReplyError {
    fn from(_: fmt::Error) -> Self {
        // Writing to a string cannot fail; a `Display` that reports failure can.
        Self::Unsupported("a value that does not print")
    }
}

/// Writes the reply of an operation:
/// `<OpResponse xmlns="…"><OpResult>…</OpResult><ResponseMetadata>…</ResponseMetadata></OpResponse>`.
///
/// The result comes before the metadata, since there are clients that read it only there. Without
/// a result (`None`) there is no `OpResult` element, as IAM's void operations reply.
///
/// A structure's fields are elements of the names that they serialise under; a missing option is
/// left out; a list is an element of `member` elements, empty if the list is; a map one of `entry`
/// elements. `#[serde(flatten)]` cannot be told from a map and must not be used.
///
/// # Errors
/// Bytes, floating-point numbers, tuples, enums with contents, units and options inside of lists
/// are refused.
pub fn to_xml<T: Serialize>(
    operation: &str,
    namespace: &str,
    result: Option<&T>,
    request_id: &str,
) -> Result<String, ReplyError> {
    let mut out = String::with_capacity(REPLY);
    let response = Name { stem: operation, suffix: "Response" };
    response.check()?;
    out.push('<');
    response.push(&mut out);
    push_namespace(&mut out, namespace);
    if let Some(result) = result {
        let name = Name { stem: operation, suffix: "Result" };
        result.serialize(Element { out: &mut out, name, optional: false })?;
    }
    out.push_str("<ResponseMetadata>");
    push_element(&mut out, "RequestId", request_id);
    out.push_str("</ResponseMetadata>");
    response.close(&mut out);
    Ok(out)
}

/// Writes an error reply. `fault_type` is `Sender` for the caller's faults (4xx) and `Receiver`
/// for ours (5xx).
pub fn error_xml(
    namespace: &str,
    fault_type: &str,
    code: &str,
    message: &str,
    request_id: &str,
) -> String {
    let mut out = String::with_capacity(ERROR + message.len());
    out.push_str("<ErrorResponse");
    push_namespace(&mut out, namespace);
    out.push_str("<Error>");
    push_element(&mut out, "Type", fault_type);
    push_element(&mut out, "Code", code);
    push_element(&mut out, "Message", message);
    out.push_str("</Error>");
    push_element(&mut out, "RequestId", request_id);
    close(&mut out, "ErrorResponse");
    out
}

/// Writes an error reply as EC2 does, whose kind of the protocol is its own: no namespace, no type,
/// and another spelling of the request id.
pub fn ec2_error_xml(code: &str, message: &str, request_id: &str) -> String {
    let mut out = String::with_capacity(ERROR + message.len());
    out.push_str("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Response><Errors><Error>");
    push_element(&mut out, "Code", code);
    push_element(&mut out, "Message", message);
    out.push_str("</Error></Errors>");
    push_element(&mut out, "RequestID", request_id);
    close(&mut out, "Response");
    out
}

fn push_namespace(out: &mut String, namespace: &str) {
    out.push_str(" xmlns=\"");
    push_escaped(out, namespace);
    out.push_str("\">");
}

/// An element of a name that is known to be one.
fn push_element(out: &mut String, name: &str, text: &str) {
    out.push('<');
    out.push_str(name);
    out.push('>');
    push_escaped(out, text);
    close(out, name);
}

fn close(out: &mut String, name: &str) {
    out.push_str("</");
    out.push_str(name);
    out.push('>');
}

/// Appends text, escaped for element contents and quoted attributes alike.
///
/// By runs that need no escape and not by characters, most of why the reply of an AssumeRole
/// takes 11,900 instructions and not 35,400.
fn push_escaped(out: &mut String, text: &str) {
    let mut rest = text;
    while let Some((run, odd)) = rest.split_at_checked(plain(rest.as_bytes())) {
        out.push_str(run);
        let mut characters = odd.chars();
        let Some(character) = characters.next() else { return };
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&apos;"),
            // A reader would turn a bare carriage return into a line feed (XML 1.0, 2.11).
            '\r' => out.push_str("&#13;"),
            '\t' | '\n' => out.push(character),
            '\0'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            _ => out.push(character),
        }
        rest = characters.as_str();
    }
}

/// How many bytes at the start begin no character that may need an escape. What follows begins one.
fn plain(text: &[u8]) -> usize {
    let odd = |byte: &u8| ODD.get(usize::from(*byte)).is_some_and(|odd| *odd);
    text.iter().position(odd).unwrap_or(text.len())
}

/// The bytes that begin a character that may need an escape: ASCII, and the first byte of U+F000
/// to U+FFFF, of which two are no characters.
const ODD: [bool; 256] = {
    let mut odd = [false; 256];
    let (mut rest, mut byte) = (odd.as_mut_slice(), 0_u8);
    while let Some((place, after)) = rest.split_first_mut() {
        *place = matches!(byte, 0..b' ' | b'&' | b'<' | b'>' | b'"' | b'\'' | 0xef);
        (rest, byte) = (after, byte.wrapping_add(1));
    }
    odd
};

/// Appends a number in decimal.
fn push_number(out: &mut String, number: u64) {
    if number >= 10 {
        push_number(out, number / 10);
    }
    out.extend(u32::try_from(number % 10).ok().and_then(|digit| char::from_digit(digit, 10)));
}

/// The name of an element.
#[derive(Clone, Copy)]
struct Name<'a> {
    stem: &'a str,
    /// What an operation's name has after it: letters; empty for all others.
    suffix: &'static str,
}

impl Name<'_> {
    /// Names come from our types; one that is no XML name would break the document.
    fn check(self) -> Result<(), ReplyError> {
        let mut bytes = self.stem.bytes();
        let first = bytes
            .next()
            .map_or(!self.suffix.is_empty(), |byte| byte.is_ascii_alphabetic() || byte == b'_');
        let letter = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        if first && bytes.all(letter) {
            Ok(())
        } else {
            Err(ReplyError::Name([self.stem, self.suffix].concat()))
        }
    }

    fn push(self, out: &mut String) {
        out.push_str(self.stem);
        if !self.suffix.is_empty() {
            out.push_str(self.suffix);
        }
    }

    fn close(self, out: &mut String) {
        out.push_str("</");
        self.push(out);
        out.push('>');
    }
}

/// Writes a value as the element of that name.
struct Element<'a> {
    out: &'a mut String,
    name: Name<'a>,
    /// Whether a missing value leaves out the element; in lists and maps it would shift or
    /// drop members, so there it is refused.
    optional: bool,
}

impl<'a> Element<'a> {
    fn open(self) -> Result<Contents<'a>, ReplyError> {
        self.name.check()?;
        self.out.push('<');
        self.name.push(self.out);
        self.out.push('>');
        Ok(Contents { out: self.out, name: self.name })
    }

    fn number(self, negative: bool, magnitude: u64) -> Result<(), ReplyError> {
        let contents = self.open()?;
        if negative {
            contents.out.push('-');
        }
        push_number(contents.out, magnitude);
        contents.close()
    }
}

/// An element that is open.
struct Contents<'a> {
    out: &'a mut String,
    name: Name<'a>,
}

impl Contents<'_> {
    fn element<'b>(&'b mut self, name: &'b str, optional: bool) -> Element<'b> {
        Element { out: self.out, name: Name { stem: name, suffix: "" }, optional }
    }

    fn close(self) -> Result<(), ReplyError> {
        self.name.close(self.out);
        Ok(())
    }
}

macro_rules! numbers {
    ($($method:ident: $type:ty as $wide:ident),*) => {
        $(fn $method(self, value: $type) -> Result<(), ReplyError> {
            self.$wide(value.into())
        })*
    };
}

impl<'a> Serializer for Element<'a> {
    type Ok = ();
    type Error = ReplyError;
    type SerializeSeq = Contents<'a>;
    type SerializeMap = Contents<'a>;
    type SerializeStruct = Contents<'a>;
    type SerializeTuple = Impossible<(), ReplyError>;
    type SerializeTupleStruct = Impossible<(), ReplyError>;
    type SerializeTupleVariant = Impossible<(), ReplyError>;
    type SerializeStructVariant = Impossible<(), ReplyError>;

    numbers! {
        serialize_i8: i8 as serialize_i64,
        serialize_i16: i16 as serialize_i64,
        serialize_i32: i32 as serialize_i64,
        serialize_u8: u8 as serialize_u64,
        serialize_u16: u16 as serialize_u64,
        serialize_u32: u32 as serialize_u64
    }

    fn serialize_i64(self, value: i64) -> Result<(), ReplyError> {
        self.number(value < 0, value.unsigned_abs())
    }

    fn serialize_u64(self, value: u64) -> Result<(), ReplyError> {
        self.number(false, value)
    }

    fn serialize_bool(self, value: bool) -> Result<(), ReplyError> {
        self.serialize_str(if value { "true" } else { "false" })
    }

    fn serialize_str(self, value: &str) -> Result<(), ReplyError> {
        let contents = self.open()?;
        push_escaped(contents.out, value);
        contents.close()
    }

    fn serialize_char(self, value: char) -> Result<(), ReplyError> {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_none(self) -> Result<(), ReplyError> {
        if self.optional {
            Ok(())
        } else {
            Err(ReplyError::Unsupported("a missing value in a list or map"))
        }
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self)
    }

    fn serialize_unit_struct(self, _: &'static str) -> Result<(), ReplyError> {
        self.open()?.close()
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

    fn serialize_seq(self, _: Option<usize>) -> Result<Contents<'a>, ReplyError> {
        self.open()
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Contents<'a>, ReplyError> {
        self.open()
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Contents<'a>, ReplyError> {
        self.open()
    }

    fn serialize_f32(self, _: f32) -> Result<(), ReplyError> {
        Err(ReplyError::Unsupported("a floating-point number"))
    }

    fn serialize_f64(self, _: f64) -> Result<(), ReplyError> {
        Err(ReplyError::Unsupported("a floating-point number"))
    }

    fn serialize_bytes(self, _: &[u8]) -> Result<(), ReplyError> {
        Err(ReplyError::Unsupported("bytes"))
    }

    fn serialize_unit(self) -> Result<(), ReplyError> {
        Err(ReplyError::Unsupported("a unit"))
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

    fn serialize_tuple(self, _: usize) -> Result<Self::SerializeTuple, ReplyError> {
        Err(ReplyError::Unsupported("a tuple"))
    }

    fn serialize_tuple_struct(
        self,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleStruct, ReplyError> {
        Err(ReplyError::Unsupported("a tuple"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeTupleVariant, ReplyError> {
        Err(ReplyError::Unsupported("an enum with contents"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        _: &'static str,
        _: usize,
    ) -> Result<Self::SerializeStructVariant, ReplyError> {
        Err(ReplyError::Unsupported("an enum with contents"))
    }

    fn collect_str<T: Display + ?Sized>(self, value: &T) -> Result<(), ReplyError> {
        let contents = self.open()?;
        write!(Escaping(contents.out), "{value}")?;
        contents.close()
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
        value.serialize(self.element(name, true))
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close()
    }
}

impl SerializeSeq for Contents<'_> {
    type Ok = ();
    type Error = ReplyError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self.element("member", false))
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close()
    }
}

impl SerializeMap for Contents<'_> {
    type Ok = ();
    type Error = ReplyError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), ReplyError> {
        self.out.push_str("<entry>");
        key.serialize(self.element("key", false))
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), ReplyError> {
        value.serialize(self.element("value", false))?;
        close(self.out, "entry");
        Ok(())
    }

    fn end(self) -> Result<(), ReplyError> {
        self.close()
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    const STS: &str = "https://sts.amazonaws.com/doc/2011-06-15/";
    const IAM: &str = "https://iam.amazonaws.com/doc/2010-05-08/";
    const ID: &str = "c6104cbe-af31-11e0-8154-cbc7ccf896c7";

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct AssumeRole {
        credentials: Credentials,
        assumed_role_user: AssumedRoleUser,
        packed_policy_size: Option<u8>,
        source_identity: Option<String>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Credentials {
        access_key_id: &'static str,
        secret_access_key: &'static str,
        session_token: &'static str,
        expiration: &'static str,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct AssumedRoleUser {
        assumed_role_id: &'static str,
        arn: &'static str,
    }

    #[derive(Serialize)]
    enum Status {
        Active,
    }

    #[derive(Serialize)]
    struct Count(i64);

    #[derive(Serialize)]
    struct Nothing;

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Everything {
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
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct User {
        path: &'static str,
        tags: Option<Vec<Tag>>,
    }

    #[derive(Serialize)]
    #[serde(rename_all = "PascalCase")]
    struct Tag {
        key: &'static str,
        value: &'static str,
    }

    fn one<T: Serialize>(value: T) -> Result<String, ReplyError> {
        #[derive(Serialize)]
        struct One<T> {
            #[serde(rename = "V")]
            value: T,
        }
        let xml = to_xml("Op", "n", Some(&One { value }), "id")?;
        let start = xml.find("<OpResult>").unwrap() + "<OpResult>".len();
        Ok(xml.get(start..xml.find("</OpResult>").unwrap()).unwrap().to_owned())
    }

    #[test]
    fn assume_role() {
        let result = AssumeRole {
            credentials: Credentials {
                access_key_id: "ASIAIOSFODNN7EXAMPLE",
                secret_access_key: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
                session_token: "AQAAAAcB+/8=",
                expiration: "2026-11-21T13:34:41Z",
            },
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: "AROACLKWSDQRAOEXAMPLE:alice",
                arn: "arn:aws:sts::123456789012:assumed-role/demo/alice",
            },
            packed_policy_size: Some(6),
            source_identity: None,
        };
        insta::assert_snapshot!(to_xml("AssumeRole", STS, Some(&result), ID).unwrap());
    }

    #[test]
    fn every_shape() {
        let result = Everything {
            is_truncated: false,
            users: vec![
                User { path: "/", tags: Some(vec![Tag { key: "team", value: "" }]) },
                User { path: "/a/", tags: None },
            ],
            names: vec!["one".to_owned(), "<two>".to_owned()],
            empty: vec![],
            missing: None,
            summary_map: BTreeMap::from([("Users", 2), ("Groups", -1)]),
            no_entries: BTreeMap::new(),
            status: Status::Active,
            count: Count(-3),
            nothing: Nothing,
            text: "a & b \"c\" 'd' > e\r\nf\tg\u{1}h\u{ffff}".to_owned(),
            letter: '<',
            small: i8::MIN,
            large: u64::MAX,
        };
        insta::assert_snapshot!(to_xml("ListUsers", IAM, Some(&result), ID).unwrap());
    }

    #[test]
    fn a_void_operation_has_no_result() {
        insta::assert_snapshot!(to_xml::<Everything>("DeleteUser", IAM, None, ID).unwrap());
    }

    #[test]
    fn errors() {
        insta::assert_snapshot!(error_xml(
            STS,
            "Sender",
            "ValidationError",
            "1 validation error detected: Value '<a&b>' at 'roleSessionName' failed",
            ID,
        ));
    }

    #[test]
    fn what_the_protocol_has_no_form_for_is_refused() {
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
        struct Bytes;
        impl Serialize for Bytes {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_bytes(b"x")
            }
        }
        check(Bytes, "bytes");
    }

    #[test]
    fn names_must_be_names() {
        #[derive(Serialize)]
        struct Bad {
            #[serde(rename = "a><b")]
            a: u8,
        }
        assert_eq!(one(Bad { a: 1 }), Err(ReplyError::Name("a><b".to_owned())));
        for bad in ["", "<x>", "1a", "a b", "-a"] {
            let name = format!("{bad}Response");
            let result = to_xml::<u8>(bad, STS, None, ID);
            if bad.is_empty() {
                assert!(result.is_ok());
            } else {
                assert_eq!(result, Err(ReplyError::Name(name)));
            }
        }
        assert!(error_xml("\"<", "Sender", "C", "M", "i").contains("xmlns=\"&quot;&lt;\""));
    }

    #[test]
    fn displayed_values_are_escaped_as_well() {
        struct Shown;
        impl Serialize for Shown {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&format_args!("<{}>", 1))
            }
        }
        assert_eq!(one(Shown).unwrap(), "<V>&lt;1&gt;</V>");
    }

    /// Undoes the escapes that the writer makes, and checks that nothing else is one.
    fn unescape(text: &str) -> String {
        let mut plain = String::new();
        let mut rest = text;
        while let Some(character) = rest.chars().next() {
            assert!(!"<>\"'\r".contains(character), "{character:?} is bare");
            let names = [
                ("&amp;", '&'),
                ("&lt;", '<'),
                ("&gt;", '>'),
                ("&quot;", '"'),
                ("&apos;", '\''),
                ("&#13;", '\r'),
            ];
            let (length, meant) = match names.iter().find(|(name, _)| rest.starts_with(name)) {
                Some((name, meant)) => (name.len(), *meant),
                None => {
                    assert_ne!(character, '&', "an ampersand is bare");
                    (character.len_utf8(), character)
                }
            };
            plain.push(meant);
            rest = rest.get(length..).unwrap();
        }
        plain
    }

    fn is_xml(character: char) -> bool {
        matches!(character, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        #[test]
        fn text_survives(text in "\\PC{0,40}|[&<>\"'\r\n\t;#13amp]{0,40}|(?s).{0,40}") {
            let xml = one(&text).unwrap();
            let inner = xml.strip_prefix("<V>").unwrap().strip_suffix("</V>").unwrap();
            let want: String =
                text.chars().map(|c| if is_xml(c) { c } else { '\u{fffd}' }).collect();
            prop_assert!(inner.chars().all(is_xml));
            prop_assert_eq!(unescape(inner), want);
        }
    }
}
