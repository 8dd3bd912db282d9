//! The key of an object. S3 user guide, "Naming Amazon S3 objects".

use std::fmt;

use crate::percent::{self, Plus};
use crate::{S3Code, S3Fault};

/// The key of an object: 1 to 1,024 bytes of UTF-8, as it is after the escapes of the request were
/// read once.
///
/// `a//b`, `a%2Fb`, `a+b`, a slash at the beginning or the end are keys like others and stay what
/// they are. Refused is what a server behind us could take for another key than we do: control
/// characters, and dot segments, also those that would appear if somebody decoded once more, or
/// took a backslash for a slash.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ObjectKey(Box<str>);

/// Most bytes of a key.
pub const KEY_MAX: usize = 1024;

/// How often a key is decoded in search of dot segments. Each round takes at least two bytes of an
/// escape away, so that few are needed; who hides a dot deeper is refused.
const ROUNDS: usize = 8;

impl ObjectKey {
    /// The key that a path has, still encoded.
    ///
    /// # Errors
    /// As [`ObjectKey::parse`], and `InvalidURI` for escapes that cannot be read.
    pub fn decode(encoded: &str) -> Result<Self, S3Fault> {
        Self::parse(&percent::decode(encoded, Plus::Sign)?)
    }

    /// The key that a document or a form names.
    ///
    /// # Errors
    /// `KeyTooLongError`; `InvalidArgument` for an empty key; `InvalidURI` for control characters
    /// and dot segments.
    pub fn parse(key: &str) -> Result<Self, S3Fault> {
        if key.is_empty() {
            return Err(S3Fault::argument("Object key must not be empty", "Key", ""));
        }
        if key.len() > KEY_MAX {
            return Err(S3Fault::new(S3Code::KeyTooLongError)
                .with("Size", key.len().to_string())
                .with("MaxSizeAllowed", KEY_MAX.to_string()));
        }
        if key.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}')) {
            return Err(S3Fault::new(S3Code::InvalidURI)
                .because("the key has a control character, or one that XML cannot carry"));
        }
        if has_dot_segment(key) {
            return Err(
                S3Fault::new(S3Code::InvalidURI).because("the key has a segment of dots only")
            );
        }
        Ok(Self(key.into()))
    }

    /// The key.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether it begins with a slash or has two side by side: storage that keeps objects in a file
    /// system takes `a//b` and `/a/b` for `a/b`. A slash at the end is not counted.
    pub fn has_empty_segment(&self) -> bool {
        self.0.starts_with('/') || self.0.contains("//")
    }
}

/// Whether a text has a segment `.` or `..`, or would have one for a reader that decodes again.
pub(crate) fn has_dot_segment(text: &str) -> bool {
    let has = |text: &str| text.split(['/', '\\']).any(|part| matches!(part, "." | ".."));
    if has(text) {
        return true;
    }
    if !text.contains('%') {
        return false;
    }
    let mut text = text.to_owned();
    for _ in 0..ROUNDS {
        let decoded = percent::decode_loosely(&text);
        if has(&decoded) {
            return true;
        }
        if decoded == text {
            return false;
        }
        text = decoded;
    }
    true
}

impl fmt::Display for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ObjectKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ObjectKey({:?})", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_stay_what_they_are() {
        for (encoded, key) in [
            ("a", "a"),
            ("a//b", "a//b"),
            ("/a/", "/a/"),
            ("a%2Fb", "a/b"),
            ("a%252Fb", "a%2Fb"),
            ("a+b", "a+b"),
            ("a%20b", "a b"),
            ("...", "..."),
            ("a..b/.c/d.", "a..b/.c/d."),
            ("%C3%A9", "\u{e9}"),
            ("100%25", "100%"),
            ("%25zz", "%zz"),
            ("\u{1f600}", "\u{1f600}"),
        ] {
            assert_eq!(ObjectKey::decode(encoded).unwrap().as_str(), key, "{encoded}");
        }
        assert!(ObjectKey::parse(&"k".repeat(KEY_MAX)).is_ok());
    }

    #[test]
    fn what_could_be_read_in_two_ways_is_refused() {
        for (encoded, code) in [
            ("", S3Code::InvalidArgument),
            (".", S3Code::InvalidURI),
            ("..", S3Code::InvalidURI),
            ("a/../b", S3Code::InvalidURI),
            ("a/./b", S3Code::InvalidURI),
            ("a/..", S3Code::InvalidURI),
            ("%2e%2E/b", S3Code::InvalidURI),
            ("a%2F..%2fb", S3Code::InvalidURI),
            (".%2e/b", S3Code::InvalidURI),
            // Decoded once these are keys without dot segments; decoded again they have some.
            ("%252e%252e/b", S3Code::InvalidURI),
            ("a/..%252fb", S3Code::InvalidURI),
            ("%25252e%25252e/b", S3Code::InvalidURI),
            ("a%5c..%5cb", S3Code::InvalidURI),
            ("a\\..\\b", S3Code::InvalidURI),
            ("a%00b", S3Code::InvalidURI),
            ("a%0d%0ab", S3Code::InvalidURI),
            ("a%7f", S3Code::InvalidURI),
            ("a%c2%85", S3Code::InvalidURI),
            ("%ef%bf%bf", S3Code::InvalidURI),
            ("%ff", S3Code::InvalidURI),
            ("%", S3Code::InvalidURI),
        ] {
            assert_eq!(ObjectKey::decode(encoded).unwrap_err().code(), code, "{encoded}");
        }
        // A dot below more escapes than are worth reading.
        let deep = format!("%{}2e/b", "25".repeat(20));
        assert_eq!(ObjectKey::decode(&deep).unwrap_err().code(), S3Code::InvalidURI);
        let long = "k".repeat(KEY_MAX + 1);
        assert_eq!(ObjectKey::parse(&long).unwrap_err().code(), S3Code::KeyTooLongError);
    }
}
