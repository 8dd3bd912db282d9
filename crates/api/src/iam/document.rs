//! Policy documents in replies: percent-encoded per RFC 3986, as every SDK expects and decodes.

use std::fmt::Write;

/// The exact text, with everything but the unreserved characters (RFC 3986, section 2.3) encoded.
pub(crate) fn encoded(text: &str) -> String {
    let mut encoded = String::with_capacity(text.len() * 2);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string does not fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::encoded;

    #[test]
    fn documents_are_percent_encoded() {
        assert_eq!(encoded(r#"{"a": "b*~é"}"#), "%7B%22a%22%3A%20%22b%2A~%C3%A9%22%7D");
    }
}
