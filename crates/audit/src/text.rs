//! A text of a record that need not exist as a text before the record is written: an id of random
//! bytes, an address, whatever displays itself.

use std::borrow::Cow;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr};

use serde::{Serialize, Serializer};

/// A text that is borrowed, owned, or made while the record is written.
///
/// It is not bounded: what a caller of the API chooses freely has no place here.
#[derive(Clone)]
pub struct Text<'a>(Kind<'a>);

#[derive(Clone)]
enum Kind<'a> {
    Plain(Cow<'a, str>),
    Uuid([u8; 16]),
    Address(IpAddr),
    Shown(&'a (dyn fmt::Display + Sync)),
}

impl<'a> Text<'a> {
    /// Sixteen bytes as a UUID: `7d7b4a3e-0f3c-4a35-9f0e-2f1f6a4c9b11`. No bit of them is changed.
    pub fn uuid(bytes: [u8; 16]) -> Self {
        Self(Kind::Uuid(bytes))
    }

    /// What `value` displays.
    pub fn shown(value: &'a (impl fmt::Display + Sync)) -> Self {
        Self(Kind::Shown(value))
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(Kind::Plain(Cow::Borrowed(text)))
    }
}

impl From<String> for Text<'_> {
    fn from(text: String) -> Self {
        Self(Kind::Plain(Cow::Owned(text)))
    }
}

impl<'a> From<Cow<'a, str>> for Text<'a> {
    fn from(text: Cow<'a, str>) -> Self {
        Self(Kind::Plain(text))
    }
}

impl From<IpAddr> for Text<'_> {
    fn from(address: IpAddr) -> Self {
        Self(Kind::Address(address))
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Plain(text) => f.write_str(text),
            Kind::Uuid(bytes) => f.write_str(ascii(&uuid(bytes))),
            Kind::Address(address) => address.fmt(f),
            Kind::Shown(value) => value.fmt(f),
        }
    }
}

impl fmt::Debug for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

impl Serialize for Text<'_> {
    fn serialize<S: Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            Kind::Plain(text) => to.serialize_str(text),
            Kind::Uuid(bytes) => to.serialize_str(ascii(&uuid(bytes))),
            Kind::Address(IpAddr::V4(address)) => {
                let (text, length) = octets(*address);
                to.serialize_str(ascii(text.get(..length).unwrap_or_default()))
            }
            Kind::Address(address) => to.collect_str(address),
            Kind::Shown(value) => to.collect_str(value),
        }
    }
}

/// Bytes that are ASCII because of how they were made.
pub(crate) fn ascii(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

fn uuid(bytes: &[u8; 16]) -> [u8; 36] {
    let digit = |digit: u8| if digit < 10 { b'0' + digit } else { b'a' + digit - 10 };
    let digits = bytes.map(|byte| [digit(byte >> 4), digit(byte & 15)]);
    let digits = digits.as_flattened();
    let mut text = [b'-'; 36];
    for (to, from) in
        [(0..8, 0..8), (9..13, 8..12), (14..18, 12..16), (19..23, 16..20), (24..36, 20..32)]
    {
        if let (Some(to), Some(from)) = (text.get_mut(to), digits.get(from)) {
            to.copy_from_slice(from);
        }
    }
    text
}

/// An address as it displays itself, and the bytes that it takes.
fn octets(address: Ipv4Addr) -> ([u8; 15], usize) {
    let mut text = [b'.'; 15];
    let mut length = 0;
    let mut put = |byte| {
        if let Some(place) = text.get_mut(length) {
            *place = byte;
            length += 1;
        }
    };
    for (number, octet) in address.octets().into_iter().enumerate() {
        if number > 0 {
            put(b'.');
        }
        if octet >= 100 {
            put(b'0' + octet / 100);
        }
        if octet >= 10 {
            put(b'0' + octet / 10 % 10);
        }
        put(b'0' + octet % 10);
    }
    (text, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_written_as_they_are_displayed() {
        let check = |text: Text<'_>, wanted: &str| {
            assert_eq!(text.to_string(), wanted);
            assert_eq!(serde_json::to_value(&text).unwrap(), wanted);
            assert_eq!(format!("{text:?}"), format!("{wanted:?}"));
        };
        check("a\"b".into(), "a\"b");
        check("x".to_owned().into(), "x");
        check(Cow::from("y").into(), "y");
        check(IpAddr::from([203, 0, 113, 7]).into(), "203.0.113.7");
        for octet in [0, 9, 10, 99, 100, 255] {
            let address = IpAddr::from([octet, 1, 23, octet]);
            check(address.into(), &address.to_string());
        }
        check(IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, 1]).into(), "2001:db8::1");
        check(Text::shown(&17), "17");
        let bytes: [u8; 16] = std::array::from_fn(|at| u8::try_from(at * 17).unwrap());
        check(Text::uuid(bytes), "00112233-4455-6677-8899-aabbccddeeff");
        check(Text::uuid([0xf0; 16]), "f0f0f0f0-f0f0-f0f0-f0f0-f0f0f0f0f0f0");
    }
}
