//! A JSON document that remembers where everything stands.
//!
//! The engine reads strictly: RFC 8259, one value and nothing behind it, no name twice in an
//! object, nesting and length bounded, only the characters that IAM takes in a policy document.
//! Numbers are kept as they were written, so that no digit is lost.
//!
//! Tools that speak about documents, those with faults included, walk what
//! [`Node::read_leniently`] gives them:
//!
//! ```
//! use daypass_policy::{Position, json::Node};
//!
//! let text = "{\"Statement\":\n  [{\"Effect\": \"Allow\"}]}";
//! let document = Node::read_leniently(text).ok_or("no JSON")?;
//! let [statements] = document.members().ok_or("no object")? else { return Err("not one") };
//! assert_eq!(statements.name(), "Statement");
//! let [statement] = statements.value().items().ok_or("no list")? else { return Err("not one") };
//! assert_eq!(Position::of(text, statement.at()), Position { line: 2, column: 4 });
//! let effect = statement.members().and_then(<[_]>::first).ok_or("empty")?;
//! assert_eq!(effect.value().text(), Some("Allow"));
//! # Ok::<(), &str>(())
//! ```

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::ops::Range;

/// The most characters that IAM takes as a policy document, white space included.
pub const MAX_CHARACTERS: usize = 131_072;

/// How deep arrays and objects may nest; a policy needs five levels.
const MAX_DEPTH: usize = 32;

/// As many names of an object are compared one by one; for more there is a set.
const FEW: usize = 16;

/// A value and the bytes of the text that it stands in.
///
/// The offsets are of bytes; [`Position::of`](crate::Position::of) makes a line and a column of
/// one.
#[derive(Clone, Debug)]
pub struct Node<'a> {
    pub(crate) span: Range<usize>,
    pub(crate) json: Json<'a>,
}

/// A JSON value.
#[derive(Clone, Debug)]
pub(crate) enum Json<'a> {
    /// A number, `true`, `false` or `null`, as it was written.
    Bare(&'a str),
    /// A string without its quotes and escapes.
    Text(Cow<'a, str>),
    List(Vec<Node<'a>>),
    Object(Vec<Member<'a>>),
}

/// A name and its value in an object.
#[derive(Clone, Debug)]
pub struct Member<'a> {
    pub(crate) name: Cow<'a, str>,
    pub(crate) name_span: Range<usize>,
    pub(crate) value: Node<'a>,
}

/// Why and where a text is no JSON that we take.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct NotJson {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
    /// What it stands in, for instance `Statement[0].Condition`.
    pub(crate) path: String,
}

impl NotJson {
    fn new(at: usize, reason: &'static str) -> Self {
        Self { at, reason, path: String::new() }
    }

    /// The same fault, within a member of an object.
    fn in_member(mut self, name: &str) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("{name}{dot}{}", self.path);
        self
    }

    /// The same fault, within a value of a list.
    fn in_list(mut self, index: usize) -> Self {
        let dot = if self.path.is_empty() || self.path.starts_with('[') { "" } else { "." };
        self.path = format!("[{index}]{dot}{}", self.path);
        self
    }
}

impl<'a> Node<'a> {
    /// Reads the first value of a text that a person is to be told about, even if the engine
    /// refuses the text: commas may be missing or too many, names may repeat, characters and
    /// length are not looked at, anything may follow, and a word without quotes is a value. None
    /// if it does not look like JSON, or nests deeper than the engine takes.
    ///
    /// What the engine takes reads the same here. Nothing is ever decided by what this gives:
    /// [`Policy::parse`](crate::Policy::parse) alone says whether a document is good.
    pub fn read_leniently(text: &'a str) -> Option<Self> {
        Reader { text, at: 0, is_lenient: true }.value(0).ok()
    }

    /// The byte where the value begins; for a string, its quote.
    pub fn at(&self) -> usize {
        self.span.start
    }

    /// The text of a string.
    pub fn text(&self) -> Option<&str> {
        match &self.json {
            Json::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a string; a number, a boolean or null as it was written.
    pub fn scalar(&self) -> Option<&str> {
        match &self.json {
            Json::Text(text) => Some(text),
            Json::Bare(text) => Some(text),
            Json::List(_) | Json::Object(_) => None,
        }
    }

    /// The values of a list.
    pub fn items(&self) -> Option<&[Self]> {
        match &self.json {
            Json::List(nodes) => Some(nodes),
            _ => None,
        }
    }

    /// The members of an object, in the order of the text.
    pub fn members(&self) -> Option<&[Member<'a>]> {
        match &self.json {
            Json::Object(members) => Some(members),
            _ => None,
        }
    }
}

impl<'a> Member<'a> {
    /// The name, without quotes and escapes.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The byte where the name begins, its quote.
    pub fn at(&self) -> usize {
        self.name_span.start
    }

    /// The value.
    pub fn value(&self) -> &Node<'a> {
        &self.value
    }
}

/// Reads one JSON value that is the whole text, white space apart.
pub(crate) fn read(text: &str) -> Result<Node<'_>, NotJson> {
    check_characters(text)?;
    let mut reader = Reader { text, at: 0, is_lenient: false };
    let node = reader.value(0)?;
    reader.white_space();
    if reader.at < text.len() { reader.refuse("something follows the document") } else { Ok(node) }
}

fn check_characters(text: &str) -> Result<(), NotJson> {
    let is_plain = |byte: u8| matches!(byte, b'\t' | b'\n' | b'\r' | b' '..=0x7f);
    // Nearly all documents are, and this is much faster than to look at characters.
    if text.len() <= MAX_CHARACTERS && text.bytes().all(is_plain) {
        return Ok(());
    }
    for (count, (at, c)) in text.char_indices().enumerate() {
        if count >= MAX_CHARACTERS {
            return Err(NotJson::new(at, "longer than 131072 characters"));
        }
        if !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}') {
            return Err(NotJson::new(at, "a character outside U+0020 to U+00FF"));
        }
    }
    Ok(())
}

struct Reader<'a> {
    text: &'a str,
    /// A byte offset, always at the beginning of a character.
    at: usize,
    /// Whether to read what only looks like JSON; see [`Node::read_leniently`].
    is_lenient: bool,
}

impl<'a> Reader<'a> {
    fn refuse<T>(&self, reason: &'static str) -> Result<T, NotJson> {
        Err(NotJson::new(self.at, reason))
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn white_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self, depth: usize) -> Result<Node<'a>, NotJson> {
        if depth > MAX_DEPTH {
            return self.refuse("nested too deeply");
        }
        self.white_space();
        let start = self.at;
        let json = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Json::Text(self.string()?),
            Some(_) if self.is_lenient => Json::Bare(self.anything()?),
            Some(b'-' | b'0'..=b'9') => Json::Bare(self.number()?),
            Some(b't') => Json::Bare(self.word("true")?),
            Some(b'f') => Json::Bare(self.word("false")?),
            Some(b'n') => Json::Bare(self.word("null")?),
            Some(_) => return self.refuse("a value is expected here"),
            None => return self.refuse("the document ends too early"),
        };
        Ok(Node { span: start..self.at, json })
    }

    fn word(&mut self, word: &'static str) -> Result<&'a str, NotJson> {
        match self.text.get(self.at..) {
            Some(rest) if rest.starts_with(word) => {
                self.at += word.len();
                Ok(word)
            }
            _ => self.refuse("a value is expected here"),
        }
    }

    /// What stands here without quotes.
    fn anything(&mut self) -> Result<&'a str, NotJson> {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let end = rest.find([',', ']', '}', ' ', '\t', '\n', '\r']).unwrap_or(rest.len());
        match rest.get(..end) {
            Some(word) if !word.is_empty() => {
                self.at += end;
                Ok(word)
            }
            _ => self.refuse("a value is expected here"),
        }
    }

    /// Whether a list or an object ends here, behind a value.
    fn ends(&mut self, bracket: u8, reason: &'static str) -> Result<bool, NotJson> {
        self.white_space();
        if self.take(bracket) {
            return Ok(true);
        }
        let goes_on = self.take(b',');
        if self.is_lenient {
            self.white_space();
            return Ok(self.take(bracket));
        }
        if goes_on { Ok(false) } else { self.refuse(reason) }
    }

    fn list(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.at += 1;
        let mut nodes = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(Json::List(nodes));
        }
        loop {
            let value = self.value(depth + 1);
            nodes.push(value.map_err(|fault| fault.in_list(nodes.len()))?);
            if self.ends(b']', "a comma or a closing bracket is expected here")? {
                return Ok(Json::List(nodes));
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json<'a>, NotJson> {
        self.at += 1;
        let mut members: Vec<Member<'a>> = Vec::new();
        let mut names = BTreeSet::new();
        self.white_space();
        if self.take(b'}') {
            return Ok(Json::Object(members));
        }
        loop {
            self.white_space();
            let start = self.at;
            if self.peek() != Some(b'"') {
                return self.refuse("a name in quotes is expected here");
            }
            let name = self.string()?;
            let name_span = start..self.at;
            let is_twice = if members.len() < FEW {
                members.iter().any(|member| member.name == name)
            } else {
                if names.is_empty() {
                    names.extend(members.iter().map(|member| member.name.clone()));
                }
                !names.insert(name.clone())
            };
            if is_twice && !self.is_lenient {
                let fault = NotJson::new(start, "a name occurs twice in one object");
                return Err(fault.in_member(&name));
            }
            self.white_space();
            if !self.take(b':') {
                return self.refuse("a colon is expected here");
            }
            let value = self.value(depth + 1).map_err(|fault| fault.in_member(&name))?;
            members.push(Member { name, name_span, value });
            if self.ends(b'}', "a comma or a closing brace is expected here")? {
                return Ok(Json::Object(members));
            }
        }
    }

    fn number(&mut self) -> Result<&'a str, NotJson> {
        let start = self.at;
        self.take(b'-');
        // A leading zero stands alone.
        if !self.take(b'0') && self.digits() == 0 {
            return self.refuse("a digit is expected here");
        }
        if self.take(b'.') && self.digits() == 0 {
            return self.refuse("a digit is expected here");
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            if self.digits() == 0 {
                return self.refuse("a digit is expected here");
            }
        }
        Ok(self.text.get(start..self.at).unwrap_or_default())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    /// A string without an escape is a part of the text, and costs no room.
    fn string(&mut self) -> Result<Cow<'a, str>, NotJson> {
        self.at += 1;
        let mut string = Cow::Borrowed(self.plain());
        loop {
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string);
                }
                Some(b'\\') => {
                    let c = self.escape()?;
                    let string = string.to_mut();
                    string.push(c);
                    string.push_str(self.plain());
                }
                Some(_) => return self.refuse("a control character stands in a string"),
                None => return self.refuse("a string does not end"),
            }
        }
    }

    /// The part of a string up to the next quote, escape or control character.
    fn plain(&mut self) -> &'a str {
        let rest = self.text.get(self.at..).unwrap_or_default();
        let plain = rest
            .bytes()
            .position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')
            .unwrap_or(rest.len());
        self.at += plain;
        rest.get(..plain).unwrap_or_default()
    }

    fn escape(&mut self) -> Result<char, NotJson> {
        self.at += 1;
        let c = match self.peek() {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.code_point();
            }
            _ => return self.refuse("an unknown escape stands in a string"),
        };
        self.at += 1;
        Ok(c)
    }

    /// The character of `\uXXXX`, or of two of them that form a surrogate pair.
    fn code_point(&mut self) -> Result<char, NotJson> {
        let half = |at| NotJson::new(at, "half of a surrogate pair");
        let start = self.at;
        let first = self.hex()?;
        if !(0xd800..0xe000).contains(&first) {
            return char::from_u32(first).ok_or(half(start));
        }
        if first >= 0xdc00 || !self.take(b'\\') || !self.take(b'u') {
            return Err(half(start));
        }
        let second = self.hex()?;
        if !(0xdc00..0xe000).contains(&second) {
            return Err(half(start));
        }
        char::from_u32(0x1_0000 + ((first - 0xd800) << 10) + (second - 0xdc00)).ok_or(half(start))
    }

    fn hex(&mut self) -> Result<u32, NotJson> {
        let digits = self.text.get(self.at..self.at + 4);
        match digits.filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
            Some(digits) => {
                self.at += 4;
                Ok(u32::from_str_radix(digits, 16).unwrap_or(0xfffd))
            }
            None => self.refuse("four hexadecimal digits are expected here"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn text(source: &str) -> String {
        match read(source).unwrap().json {
            Json::Text(text) => text.into_owned(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn strings_come_out_of_their_escapes() {
        for (source, want) in [
            (r#""""#, ""),
            (r#" "a b" "#, "a b"),
            (r#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{c}\n\r\t"),
            (r#""\u00e9\u4E2d""#, "é中"),
            (r#""\ud83d\ude00""#, "😀"),
            ("\"é\"", "é"),
        ] {
            assert_eq!(text(source), want, "{source}");
        }
    }

    #[test]
    fn numbers_keep_their_text() {
        for source in ["0", "-0", "10", "1.50", "1e3", "1E-07", "123456789012345678901234567890.1"]
        {
            let Json::Bare(number) = read(source).unwrap().json else { panic!("{source}") };
            assert_eq!(number, source);
        }
    }

    #[test]
    fn what_is_not_json_is_refused_where_it_goes_wrong() {
        let deep = "[".repeat(40);
        let long = format!("\"{}\"", "x".repeat(MAX_CHARACTERS));
        for (source, at) in [
            ("", 0),
            ("   ", 3),
            ("{", 1),
            ("[1,]", 3),
            ("[1 2]", 3),
            ("{\"a\":1,}", 7),
            ("{a:1}", 1),
            ("{\"a\" 1}", 5),
            ("{\"a\":1} x", 8),
            ("tru", 0),
            ("01", 1),
            ("1.", 2),
            ("1e", 2),
            ("-", 1),
            ("\"a", 2),
            ("\"a\nb\"", 2),
            ("\"\\x\"", 2),
            ("\"\\u12g4\"", 3),
            ("\"\\ud800\"", 3),
            ("\"\\ud800\\u0041\"", 3),
            ("\"\\udc00\"", 3),
            ("\u{feff}{}", 0),
            ("\"中\"", 1),
            ("\"\u{1}\"", 1),
            (&deep, 33),
            (&long, MAX_CHARACTERS),
            ("{\"a\":1,\"b\":{\"c\":1,\"\\u0063\":2}}", 18),
            // An overlong escape at the very end.
            ("\"\\u00", 3),
        ] {
            assert_eq!(read(source).unwrap_err().at, at, "{source:.40}");
        }
    }

    #[test]
    fn a_fault_is_told_with_what_it_stands_in() {
        for (source, path) in [
            ("{\"a\":1} x", ""),
            ("{\"a\":1,\"a\":2}", "a"),
            ("{\"a\":{\"b\":1,\"b\":2}}", "a.b"),
            ("{\"a\":[1,{\"b\":1,\"\\u0062\":2}]}", "a[1].b"),
            ("[[0,{\"a\":tru}]]", "[0][1].a"),
            ("{\"a\":[{\"b\":[1 2]}]}", "a[0].b"),
            ("{\"a\":[1,2,]}", "a[2]"),
            ("{\"a\":{b:1}}", "a"),
            ("{\"a\":\"\\x\"}", "a"),
        ] {
            assert_eq!(read(source).unwrap_err().path, path, "{source}");
        }
    }

    #[test]
    fn characters_end_at_the_last_of_latin_1() {
        for (c, good) in [
            ('\u{ff}', true),
            ('\u{a0}', true),
            ('\u{7f}', true),
            ('\u{100}', false),
            ('\u{17f}', false),
            ('\u{1f}', false),
        ] {
            assert_eq!(read(&format!("\"{c}\"")).is_ok(), good, "{c:?}");
        }
    }

    #[test]
    fn spans_are_bytes_of_the_source() {
        let source = "{ \"é\" : [ \"x\" , 2 ] }";
        let Json::Object(members) = read(source).unwrap().json else { panic!() };
        let slice = |span: &Range<usize>| source.get(span.clone()).unwrap();
        assert_eq!(slice(&members[0].name_span), "\"é\"");
        assert_eq!(slice(&members[0].value.span), "[ \"x\" , 2 ]");
        let Json::List(nodes) = &members[0].value.json else { panic!() };
        assert_eq!(slice(&nodes[0].span), "\"x\"");
        assert_eq!(slice(&nodes[1].span), "2");
    }

    #[test]
    fn many_names_are_kept_apart_as_well() {
        let object = |names: std::ops::Range<usize>, last: &str| {
            let names: String = names.map(|n| format!("\"n{n}\":0,")).collect();
            format!("{{{names}\"{last}\":0}}")
        };
        for (count, last, good) in
            [(FEW - 1, "x", true), (FEW, "n0", false), (FEW + 5, "x", true), (FEW + 5, "n2", false)]
        {
            assert_eq!(read(&object(0..count, last)).is_ok(), good, "{count} {last}");
        }
        assert!(read(&object(0..FEW + 5, "n20")).is_err());
        assert!(read(&object(0..FEW + 5, "\\u006e20")).is_err());
    }

    /// A value as one line: strings in quotes, bare words without.
    fn outline(node: &Node<'_>) -> String {
        let joined = |parts: Vec<String>| parts.join(" ");
        if let Some(members) = node.members() {
            let parts = members.iter().map(|m| format!("{}:{}", m.name(), outline(m.value())));
            format!("{{{}}}", joined(parts.collect()))
        } else if let Some(items) = node.items() {
            format!("[{}]", joined(items.iter().map(outline).collect()))
        } else {
            let scalar = node.scalar().unwrap();
            node.text().map_or(scalar.to_owned(), |text| format!("{text:?}"))
        }
    }

    proptest! {
        /// What the engine reads, reads the same leniently.
        #[test]
        fn lenience_changes_nothing_that_is_json(
            parts in proptest::collection::vec(
                proptest::sample::select(vec![
                    "{", "}", "[", "]", ",", ":", "\"a\"", "\"b\\n\"", "\"\"", "1", "-0.5e7", "true",
                    "null", " ", "\n", "\"a\":", "[1]", "{}", "\"é\"", "é", "\\",
                ]),
                0..12,
            )
        ) {
            let source = parts.concat();
            let lenient = Node::read_leniently(&source).map(|node| format!("{node:?}"));
            if let Ok(node) = read(&source) {
                prop_assert_eq!(Some(format!("{node:?}")), lenient);
            }
        }
    }

    #[test]
    fn what_only_looks_like_json_can_be_talked_about() {
        for (source, want) in [
            ("{\"a\": [1, true, null, \"x\"]}", "{a:[1 true null \"x\"]}"),
            ("{\"a\": [1 \"中\",], \"a\": Allow,} behind", "{a:[1 \"中\"] a:Allow}"),
            ("{\"a\":1 \"b\":2}", "{a:1 b:2}"),
            ("01.e", "01.e"),
        ] {
            assert_eq!(outline(&Node::read_leniently(source).unwrap()), want, "{source}");
        }
        let deep = "[".repeat(100_000);
        for source in
            ["", " ", "{", "[", "{\"a\": [", "\"", "{\"a\" 1}", "{,}", "[,]", "[}", "{a:1}", &deep]
        {
            assert!(Node::read_leniently(source).is_none(), "{source:.20}");
        }
    }
}
