//! The values of condition keys as somebody writes them who simulates a request.
//!
//! IAM API reference, "ContextEntry". Each is read as the operators would read it in a live
//! request; what they could not compare is refused instead of being compared as something else.

use std::net::IpAddr;

use data_encoding::BASE64;
use jiff::Timestamp;

use crate::condition;
use crate::context::Value;

/// What a value of a condition key is.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ValueType {
    /// Bytes, in base64 with padding.
    Binary,
    /// `true` or `false`, in whatever case.
    Boolean,
    /// A date as policies write them, or seconds since 1970.
    Date,
    /// An IP address; a range is none.
    Ip,
    /// A decimal number.
    Numeric,
    /// Text.
    String,
}

impl ValueType {
    /// Reads a value; `None` if the text is none of the type.
    pub fn read(self, text: &str) -> Option<Value<'static>> {
        Some(match self {
            Self::Binary => Value::Binary(BASE64.decode(text.as_bytes()).ok()?.into()),
            Self::Boolean => condition::bool_of_text(text)?.into(),
            Self::Date => {
                let nanoseconds = condition::nanoseconds_of_date(text)?;
                Timestamp::from_nanosecond(nanoseconds).ok()?.into()
            }
            Self::Ip => text.parse::<IpAddr>().ok()?.into(),
            Self::Numeric if !condition::is_number(text) => return None,
            // Digits beyond an integer stay as they are written, and are compared as such.
            Self::Numeric => text.parse().map_or_else(|_| text.to_owned().into(), Value::Number),
            Self::String => text.to_owned().into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_operators_read_them() {
        use ValueType::*;
        for (kind, text, want) in [
            (String, "", Some("")),
            (String, "a*b", Some("a*b")),
            (Boolean, "True", Some("true")),
            (Boolean, "yes", None),
            (Boolean, "", None),
            (Numeric, "42", Some("42")),
            (Numeric, "-7", Some("-7")),
            (Numeric, "1.50", Some("1.50")),
            (Numeric, "123456789012345678901234567890", Some("123456789012345678901234567890")),
            (Numeric, "1e3", None),
            (Numeric, "0x10", None),
            (Numeric, " 1", None),
            (Numeric, "", None),
            (Ip, "192.0.2.1", Some("192.0.2.1")),
            (Ip, "::ffff:192.0.2.1", Some("192.0.2.1")),
            (Ip, "2001:db8::1", Some("2001:db8::1")),
            (Ip, "192.0.2.0/24", None),
            (Ip, "192.0.2.256", None),
            (Ip, "localhost", None),
            (Binary, "AQID", Some("AQID")),
            (Binary, "AQI", None),
            (Binary, "*", None),
            (Date, "2024-03-01T12:00:00Z", Some("2024-03-01T12:00:00Z")),
            (Date, "2024-03-01T13:00:00+01:00", Some("2024-03-01T12:00:00Z")),
            (Date, "2024-03-01", Some("2024-03-01T00:00:00Z")),
            (Date, "1709294400", Some("2024-03-01T12:00:00Z")),
            (Date, "2024-02-30", None),
            (Date, "yesterday", None),
            (Date, "99999999999999999999", None),
        ] {
            let got = kind.read(text);
            assert_eq!(got.as_ref().map(Value::text).as_deref(), want, "{kind:?} {text}");
        }
    }
}
