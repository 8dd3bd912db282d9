//! Percent-encoding as the SigV4 specification has it ("UriEncode"): only `A-Z a-z 0-9 - . _ ~`
//! stay as they are, hexadecimal digits are upper-case, a space is `%20`.
//!
//! It is not the encoding of HTML forms: it never writes a plus sign. It reads one as a space,
//! because every reader of a query string does (and the test suite that AWS published says so);
//! otherwise a signed `%2B` could be exchanged for a `+` that means something else.

use std::borrow::Cow;

use crate::Fault;

/// Appends `bytes` in the one encoding that signatures know (SigV4 specification, "UriEncode"): all but
/// `A-Z a-z 0-9 - . _ ~` become `%XX` in upper case. For a segment of a path, and for the name or the
/// value of a query parameter.
///
/// ```
/// let mut out = String::new();
/// daypass_sigv4::uri_encode(&mut out, "a/b c".as_bytes());
/// assert_eq!(out, "a%2Fb%20c");
/// ```
pub fn uri_encode(out: &mut String, bytes: &[u8]) {
    push_except(out, bytes, is_unreserved);
}

/// The same for a whole path, whose slashes stay.
pub fn uri_encode_path(out: &mut String, bytes: &[u8]) {
    push_except(out, bytes, |byte| is_unreserved(byte) || byte == b'/');
}

/// Decodes a path segment: a plus sign is a plus sign. An escape that is none stays as it is.
pub(crate) fn decode_segment(text: &str) -> Cow<'_, [u8]> {
    decode_with(text, b'+')
}

/// Decodes the name or value of a query parameter: a plus sign is a space. An escape that is none
/// stays as it is; who verifies asks [`check_escapes`] first.
pub(crate) fn decode_parameter(text: &str) -> Cow<'_, [u8]> {
    decode_with(text, b' ')
}

/// Refuses percent signs without two hexadecimal digits: readers disagree on what they mean.
pub(crate) fn check_escapes(text: &str) -> Result<(), Fault> {
    let mut rest = text.as_bytes();
    while let Some(at) = rest.iter().position(|&byte| byte == b'%') {
        match rest.get(at + 1..) {
            Some([high, low, tail @ ..]) if hex(*high).is_some() && hex(*low).is_some() => {
                rest = tail;
            }
            Some([_, _, ..]) => {
                return Err(Fault::incomplete(
                    "Illegal hex character in escape % pattern: %",
                    "the path or query has a percent sign without two hexadecimal digits",
                ));
            }
            _ => {
                return Err(Fault::incomplete(
                    "Incomplete trailing escape % sequence",
                    "the path or query ends within an escape",
                ));
            }
        }
    }
    Ok(())
}

fn is_unreserved(byte: u8) -> bool {
    UNRESERVED.get(usize::from(byte)).copied().unwrap_or_default()
}

/// Which bytes stay as they are. Every byte of every request is looked up here, some several times.
#[expect(clippy::indexing_slicing, reason = "evaluated when it is compiled")]
const UNRESERVED: [bool; 256] = {
    let mut stays = [false; 256];
    let mut byte: u8 = 0;
    while byte < 128 {
        stays[byte as usize] =
            byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~');
        byte += 1;
    }
    stays
};

fn push_except(out: &mut String, bytes: &[u8], stays: impl Fn(u8) -> bool) {
    let mut rest = bytes;
    loop {
        let plain = rest.iter().position(|byte| !stays(*byte)).unwrap_or(rest.len());
        let (plain, other) = rest.split_at(plain);
        // INVARIANT: what stays is ASCII.
        out.push_str(std::str::from_utf8(plain).unwrap_or_default());
        let [byte, tail @ ..] = other else { return };
        out.push('%');
        out.push(hex_digit(byte >> 4));
        out.push(hex_digit(byte & 0x0f));
        rest = tail;
    }
}

/// The name or value of a query parameter, decoded and encoded anew. Most are as they should be.
pub(crate) fn canonical_parameter(text: &str) -> Cow<'_, str> {
    if is_encoded(text.as_bytes()) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    uri_encode(&mut out, &decode_parameter(text));
    Cow::Owned(out)
}

/// Whether a text is what [`uri_encode`] makes of what it says.
pub(crate) fn is_encoded(text: &[u8]) -> bool {
    let upper = |digit: u8| hex(digit).filter(|_| !digit.is_ascii_lowercase());
    let mut rest = text;
    loop {
        let plain = rest.iter().position(|byte| !is_unreserved(*byte)).unwrap_or(rest.len());
        match rest.get(plain..) {
            None | Some([]) => return true,
            Some([b'%', high, low, tail @ ..]) => match (upper(*high), upper(*low)) {
                (Some(high), Some(low)) if !is_unreserved(high << 4 | low) => rest = tail,
                _ => return false,
            },
            Some(_) => return false,
        }
    }
}

fn decode_with(text: &str, plus: u8) -> Cow<'_, [u8]> {
    let bytes = text.as_bytes();
    if !bytes.iter().any(|byte| matches!(byte, b'%' | b'+')) {
        return Cow::Borrowed(bytes);
    }
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let [first, tail @ ..] = rest {
        rest = tail;
        out.push(match (*first, tail) {
            (b'+', _) => plus,
            (b'%', [high, low, after @ ..]) => match (hex(*high), hex(*low)) {
                (Some(high), Some(low)) => {
                    rest = after;
                    high << 4 | low
                }
                _ => b'%',
            },
            (other, _) => other,
        });
    }
    Cow::Owned(out)
}

/// The value of a hexadecimal digit of either case.
fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    }
}

/// The upper-case digit of a value below 16.
fn hex_digit(value: u8) -> char {
    char::from(if value < 10 { b'0' + value } else { b'A' + value - 10 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_unreserved_characters_stay() {
        let all: Vec<u8> = (0..=255).collect();
        let mut encoded = String::new();
        uri_encode(&mut encoded, &all);
        let kept: String =
            all.iter().copied().filter(|&b| is_unreserved(b)).map(char::from).collect();
        assert_eq!(kept, "-.0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz~");
        assert_eq!(encoded.len(), kept.len() + 3 * (256 - kept.len()));
        assert!(encoded.contains("%20") && encoded.contains("%2B") && encoded.contains("%FF"));
        assert_eq!(*decode_parameter(&encoded), *all);
        assert!(is_encoded(encoded.as_bytes()));
        let mut path = String::new();
        uri_encode_path(&mut path, "/a b/ሴ".as_bytes());
        assert_eq!(path, "/a%20b/%E1%88%B4");
    }

    #[test]
    fn what_is_encoded_already_is_left_alone() {
        for (text, canonical) in [
            ("", ""),
            ("a-._~9", "a-._~9"),
            ("a%2Fb", "a%2Fb"),
            ("a%2fb", "a%2Fb"),
            ("%61", "a"),
            ("a/b", "a%2Fb"),
            ("a+b", "a%20b"),
            ("%C3%A9", "%C3%A9"),
            ("\u{e9}", "%C3%A9"),
            ("a%", "a%25"),
            ("a%4", "a%254"),
            ("a%4G", "a%254G"),
        ] {
            let found = canonical_parameter(text);
            assert_eq!(found, canonical, "{text}");
            assert_eq!(matches!(found, Cow::Borrowed(_)), text == canonical, "{text}");
        }
    }

    #[test]
    fn escapes_decode_in_either_case_and_broken_ones_are_refused() {
        for (text, decoded) in [
            ("%2f%2F", "//"),
            ("a+b", "a b"),
            ("%", "%"),
            ("%4", "%4"),
            ("%zz", "%zz"),
            ("%%41", "%A"),
        ] {
            assert_eq!(*decode_parameter(text), *decoded.as_bytes(), "{text}");
        }
        assert_eq!(*decode_segment("a+b"), *b"a+b");
        for good in ["", "abc", "%41", "%e1%88%B4x"] {
            assert!(check_escapes(good).is_ok());
        }
        for (bad, text) in [
            ("%", "Incomplete trailing escape % sequence"),
            ("a%4", "Incomplete trailing escape % sequence"),
            ("%zz", "Illegal hex character in escape % pattern: %"),
            ("%41%4g", "Illegal hex character in escape % pattern: %"),
        ] {
            let fault = check_escapes(bad).unwrap_err();
            assert_eq!((fault.code(), fault.to_string().as_str()), ("IncompleteSignature", text));
        }
    }
}
