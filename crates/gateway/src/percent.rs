//! Percent-encoding, read strictly and written in one way only.
//!
//! Written as the SigV4 specification has it ("UriEncode"), so that what is sent to the backend is
//! what is signed for it: `A-Z a-z 0-9 - . _ ~` stay, the rest is `%XX` in upper case.

use crate::{S3Code, S3Fault};

/// What a plus sign means.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Plus {
    /// In a path it is a plus sign.
    Sign,
    /// In a query string it is a space, as every reader of one has it.
    Space,
}

/// Decodes a text once.
///
/// # Errors
/// `InvalidURI` for a percent sign without two hexadecimal digits and for what is not UTF-8:
/// readers disagree on what these mean.
pub(crate) fn decode(text: &str, plus: Plus) -> Result<String, S3Fault> {
    if !text.bytes().any(|byte| matches!(byte, b'%' | b'+')) {
        return Ok(text.to_owned());
    }
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        out.push(match (first, tail) {
            (b'+', _) if plus == Plus::Space => b' ',
            (b'%', [high, low, after @ ..]) => {
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                    return Err(invalid("an escape without hexadecimal digits"));
                };
                rest = after;
                high << 4 | low
            }
            (b'%', _) => return Err(invalid("an escape that is cut short")),
            (other, _) => *other,
        });
    }
    String::from_utf8(out).map_err(|_| invalid("what is escaped is not UTF-8"))
}

/// Decodes as far as it can be decoded, whatever it means: what a careless reader further on might
/// make of a text.
pub(crate) fn decode_loosely(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        rest = tail;
        out.push(match (first, tail) {
            (b'%', [high, low, after @ ..]) => match (digit(*high), digit(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => *other,
        });
    }
    String::from_utf8_lossy(&out).into_owned()
}

/// Appends a text, encoded.
pub(crate) fn push(out: &mut String, text: &str) {
    push_except(out, text, is_unreserved);
}

/// Appends a text, encoded but for its slashes.
pub(crate) fn push_path(out: &mut String, text: &str) {
    push_except(out, text, |byte| is_unreserved(byte) || byte == b'/');
}

fn push_except(out: &mut String, text: &str, stays: impl Fn(u8) -> bool) {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    let digit = |value: u8| DIGITS.get(usize::from(value)).copied().unwrap_or('0');
    let mut rest = text.as_bytes();
    loop {
        let plain = rest.iter().position(|byte| !stays(*byte)).unwrap_or(rest.len());
        let (plain, other) = rest.split_at(plain);
        // INVARIANT: what stays is ASCII.
        out.push_str(std::str::from_utf8(plain).unwrap_or_default());
        let [byte, tail @ ..] = other else { return };
        out.extend(['%', digit(byte >> 4), digit(byte & 0x0f)]);
        rest = tail;
    }
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~')
}

/// The value of a hexadecimal digit of either case.
fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

fn invalid(cause: &'static str) -> S3Fault {
    S3Fault::new(S3Code::InvalidURI).because(cause)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_read_once_and_strictly() {
        for (text, path, query) in [
            ("a+b", "a+b", "a b"),
            ("a%2Bb", "a+b", "a+b"),
            ("a%2fb%2F", "a/b/", "a/b/"),
            ("%252e", "%2e", "%2e"),
            ("%C3%a9", "\u{e9}", "\u{e9}"),
            ("\u{e9}", "\u{e9}", "\u{e9}"),
            ("", "", ""),
        ] {
            assert_eq!(decode(text, Plus::Sign).unwrap(), path, "{text}");
            assert_eq!(decode(text, Plus::Space).unwrap(), query, "{text}");
        }
        for bad in ["%", "%4", "%zz", "%4g", "a%%41", "%FF", "%C3", "%ed%a0%80", "%c0%af"] {
            assert_eq!(decode(bad, Plus::Sign).unwrap_err().code(), S3Code::InvalidURI, "{bad}");
        }
        assert_eq!(decode_loosely("%2e%2E%zz%"), "..%zz%");
    }

    #[test]
    fn there_is_one_way_to_write() {
        let mut out = String::new();
        push(&mut out, "a/b c+\u{e9}~-._");
        assert_eq!(out, "a%2Fb%20c%2B%C3%A9~-._");
        out.clear();
        push_path(&mut out, "a/b c%2F");
        assert_eq!(out, "a/b%20c%252F");
    }
}
