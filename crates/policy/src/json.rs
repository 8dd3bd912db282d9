//! A strict JSON reader that remembers where everything stood.
//!
//! RFC 8259, and stricter: one value and nothing behind it, no name twice in an object, nesting
//! and length bounded, only the characters that IAM takes in a policy document. Numbers are kept
//! as they were written, so that no digit is lost.

use std::collections::BTreeSet;
use std::ops::Range;

/// The most characters that IAM takes as a policy document, white space included.
pub const MAX_CHARACTERS: usize = 131_072;

/// How deep arrays and objects may nest; a policy needs five levels.
const MAX_DEPTH: usize = 32;

/// A value and the bytes of the source that it came from.
#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) span: Range<usize>,
    pub(crate) json: Json,
}

/// A JSON value.
#[derive(Debug)]
pub(crate) enum Json {
    Null,
    Bool(bool),
    /// The number as it was written.
    Number(Box<str>),
    Text(Box<str>),
    List(Vec<Node>),
    Object(Vec<Member>),
}

/// A name and its value in an object.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) name: Box<str>,
    pub(crate) name_span: Range<usize>,
    pub(crate) value: Node,
}

/// Why and where a text is no JSON that we take.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct NotJson {
    pub(crate) at: usize,
    pub(crate) reason: &'static str,
}

/// Reads one JSON value that is the whole text, white space apart.
pub(crate) fn read(text: &str) -> Result<Node, NotJson> {
    for (count, (at, c)) in text.char_indices().enumerate() {
        if count >= MAX_CHARACTERS {
            return Err(NotJson { at, reason: "longer than 131072 characters" });
        }
        if !matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{ff}') {
            return Err(NotJson { at, reason: "a character outside U+0020 to U+00FF" });
        }
    }
    let mut reader = Reader { text, at: 0 };
    let node = reader.value(0)?;
    reader.white_space();
    if reader.at < text.len() { reader.refuse("something follows the document") } else { Ok(node) }
}

struct Reader<'a> {
    text: &'a str,
    /// A byte offset, always at the beginning of a character.
    at: usize,
}

impl Reader<'_> {
    fn refuse<T>(&self, reason: &'static str) -> Result<T, NotJson> {
        Err(NotJson { at: self.at, reason })
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

    fn value(&mut self, depth: usize) -> Result<Node, NotJson> {
        if depth > MAX_DEPTH {
            return self.refuse("nested too deeply");
        }
        self.white_space();
        let start = self.at;
        let json = match self.peek() {
            Some(b'{') => self.object(depth)?,
            Some(b'[') => self.list(depth)?,
            Some(b'"') => Json::Text(self.string()?),
            Some(b'-' | b'0'..=b'9') => Json::Number(self.number()?),
            Some(b't') => self.word("true", Json::Bool(true))?,
            Some(b'f') => self.word("false", Json::Bool(false))?,
            Some(b'n') => self.word("null", Json::Null)?,
            Some(_) => return self.refuse("a value is expected here"),
            None => return self.refuse("the document ends too early"),
        };
        Ok(Node { span: start..self.at, json })
    }

    fn word(&mut self, word: &'static str, json: Json) -> Result<Json, NotJson> {
        match self.text.get(self.at..) {
            Some(rest) if rest.starts_with(word) => {
                self.at += word.len();
                Ok(json)
            }
            _ => self.refuse("a value is expected here"),
        }
    }

    fn list(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.at += 1;
        let mut nodes = Vec::new();
        self.white_space();
        if self.take(b']') {
            return Ok(Json::List(nodes));
        }
        loop {
            nodes.push(self.value(depth + 1)?);
            self.white_space();
            if self.take(b']') {
                return Ok(Json::List(nodes));
            }
            if !self.take(b',') {
                return self.refuse("a comma or a closing bracket is expected here");
            }
        }
    }

    fn object(&mut self, depth: usize) -> Result<Json, NotJson> {
        self.at += 1;
        let mut members: Vec<Member> = Vec::new();
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
            if !names.insert(name.clone()) {
                return Err(NotJson { at: start, reason: "a name occurs twice in one object" });
            }
            self.white_space();
            if !self.take(b':') {
                return self.refuse("a colon is expected here");
            }
            let value = self.value(depth + 1)?;
            members.push(Member { name, name_span, value });
            self.white_space();
            if self.take(b'}') {
                return Ok(Json::Object(members));
            }
            if !self.take(b',') {
                return self.refuse("a comma or a closing brace is expected here");
            }
        }
    }

    fn number(&mut self) -> Result<Box<str>, NotJson> {
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
        Ok(self.text.get(start..self.at).unwrap_or_default().into())
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Result<Box<str>, NotJson> {
        self.at += 1;
        let mut string = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            let plain = rest
                .bytes()
                .position(|byte| byte == b'"' || byte == b'\\' || byte < b' ')
                .unwrap_or(rest.len());
            string.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(string.into());
                }
                Some(b'\\') => string.push(self.escape()?),
                Some(_) => return self.refuse("a control character stands in a string"),
                None => return self.refuse("a string does not end"),
            }
        }
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
        const HALF: NotJson = NotJson { at: 0, reason: "half of a surrogate pair" };
        let half = |at| NotJson { at, ..HALF };
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
    use super::*;

    fn text(source: &str) -> String {
        match read(source).unwrap().json {
            Json::Text(text) => text.into(),
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
            let Json::Number(number) = read(source).unwrap().json else { panic!("{source}") };
            assert_eq!(&*number, source);
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
}
