//! Base64 as SAML has it: the standard alphabet with its padding (RFC 4648, section 4), between whose
//! characters white space may stand (XML Schema 1.1, part 2, section 3.3.16; RFC 2045, section 6.8).
//!
//! Refused is every other character, bits that stand for nothing, and padding that something follows.

use data_encoding::BASE64;
use zeroize::Zeroizing;

use super::xml::is_space;

/// The text without its white space.
pub(super) fn packed(text: &str) -> Zeroizing<Vec<u8>> {
    // As long as it can become, so that no copy is left behind.
    let mut packed = Zeroizing::new(Vec::with_capacity(text.len()));
    packed.extend(text.bytes().filter(|byte| !is_space(*byte)));
    packed
}

/// The bytes that a text without white space stands for.
pub(super) fn decode(packed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let is_padding = |byte: &u8| *byte == b'=';
    let padding = packed.iter().rev().take_while(|byte| is_padding(byte)).count();
    // The decoder takes several texts, each with its padding, for one.
    if packed.iter().filter(|byte| is_padding(byte)).count() != padding {
        return None;
    }
    BASE64.decode(packed).ok().map(Zeroizing::new)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_one_spelling_but_for_white_space() {
        let check = |text: &str, want: Option<&[u8]>| {
            let got = decode(&packed(text));
            assert_eq!(got.as_ref().map(|bytes| bytes.as_slice()), want, "{text:?}");
        };
        check("", Some(b""));
        check(" \n", Some(b""));
        check("YQ==", Some(b"a"));
        check("\tY Q\r\n= =\n", Some(b"a"));
        check("YWFh", Some(b"aaa"));
        for bad in [
            "YQ",
            "YQ=",
            "YQ===",
            "=YQ=",
            "YR==",
            "YQ==YQ==",
            "YWFh=",
            "YWFh====",
            "YW-_",
            "YW*h",
            "YW\u{b}h",
            "YW\u{a0}h",
            "YW\0h",
            "====",
        ] {
            check(bad, None);
        }
    }
}
