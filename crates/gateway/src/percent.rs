//! Percent-encoding, read strictly. What is written is written as signatures have it
//! ([`daypass_sigv4::uri_encode`]), so that what is sent to the backend is what is signed for it.

use std::borrow::Cow;

use memchr::{memchr, memchr2};

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
pub(crate) fn decode(text: &str, plus: Plus) -> Result<Cow<'_, str>, S3Fault> {
    let first = match plus {
        Plus::Sign => memchr(b'%', text.as_bytes()),
        Plus::Space => memchr2(b'%', b'+', text.as_bytes()),
    };
    if first.is_none() {
        return Ok(Cow::Borrowed(text));
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
    let decoded = String::from_utf8(out).map_err(|_| invalid("what is escaped is not UTF-8"))?;
    Ok(Cow::Owned(decoded))
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
}
