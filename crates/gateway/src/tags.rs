//! The tags that a request gives an object. S3 user guide, "Categorizing your objects using tags".

use std::borrow::Cow;

use daypass_names::{Constrained, TagKey, TagValue};
use daypass_sigv4::uri_encode;

use crate::percent::{self, Plus};
use crate::{S3Code, S3Fault};

/// The header with tags.
pub(crate) const HEADER: &str = "x-amz-tagging";

/// Most tags of an object.
const TAGS_MAX: usize = 10;

/// What the keys of tags begin with that only AWS gives.
const RESERVED: &str = "aws:";

/// The tags of an object: at most ten, no key twice.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct ObjectTags(Vec<(TagKey, TagValue)>);

impl ObjectTags {
    /// Reads them as the header `x-amz-tagging` has them: `key=value&key=value`, percent-encoded, a
    /// plus sign being a space.
    ///
    /// # Errors
    /// As [`ObjectTags::new`], and `InvalidArgument` for what cannot be decoded.
    pub fn parse(text: &str) -> Result<Self, S3Fault> {
        let decode = |piece: &str| {
            percent::decode(piece, Plus::Space).map(Cow::into_owned).map_err(|fault| {
                let message = "The header 'x-amz-tagging' shall be encoded as UTF-8 then \
                               URLEncoded URL query parameters without tag name duplicates.";
                let cause = fault.cause().unwrap_or_default().to_owned();
                S3Fault::argument(message, HEADER, text).because(cause)
            })
        };
        let pieces = text.split('&').filter(|piece| !piece.is_empty());
        let pairs = pieces.map(|piece| {
            let (key, value) = piece.split_once('=').unwrap_or((piece, ""));
            Ok((decode(key)?, decode(value)?))
        });
        Self::new(pairs.collect::<Result<Vec<_>, S3Fault>>()?)
    }

    /// The tags of these keys and values.
    ///
    /// # Errors
    /// `BadRequest` for more than ten, `InvalidTag` for a key or value that is none, that is AWS's,
    /// or that occurs twice.
    pub fn new(pairs: Vec<(String, String)>) -> Result<Self, S3Fault> {
        let invalid = |message: &'static str| Err(S3Fault::saying(S3Code::InvalidTag, message));
        if pairs.len() > TAGS_MAX {
            let message = "Object tags cannot be greater than 10";
            return Err(S3Fault::saying(S3Code::BadRequest, message));
        }
        let mut tags: Vec<(TagKey, TagValue)> = Vec::with_capacity(pairs.len());
        for (key, value) in pairs {
            let Ok(key) = TagKey::parse(&key) else {
                return invalid("The TagKey you have provided is invalid");
            };
            let Ok(value) = TagValue::parse(&value) else {
                return invalid("The TagValue you have provided is invalid");
            };
            if key.as_str().get(..RESERVED.len()).is_some_and(|p| p.eq_ignore_ascii_case(RESERVED))
            {
                return invalid("System tags cannot be added/updated by requester");
            }
            // The keys of condition keys ignore case, so that two tags that differ in it only could
            // not be told apart by a policy.
            if tags.iter().any(|(other, _)| other.is_same(&key)) {
                return invalid("Cannot provide multiple Tags with the same key");
            }
            tags.push((key, value));
        }
        Ok(Self(tags))
    }

    /// Keys and values, in their order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// The header as it is written for the backend.
    pub fn write(&self) -> String {
        let mut out = String::new();
        for (key, value) in self.iter() {
            if !out.is_empty() {
                out.push('&');
            }
            uri_encode(&mut out, key.as_bytes());
            out.push('=');
            uri_encode(&mut out, value.as_bytes());
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_read_and_written_in_one_way() {
        for (text, written) in [
            ("", ""),
            ("a=b", "a=b"),
            ("a", "a="),
            ("a=b&&c=", "a=b&c="),
            ("a+b=c%2Bd", "a%20b=c%2Bd"),
            ("k=a%3Db", "k=a%3Db"),
            ("k=a=b", "k=a%3Db"),
        ] {
            let tags = ObjectTags::parse(text).unwrap();
            assert_eq!(tags.write(), written, "{text}");
            assert_eq!(ObjectTags::parse(written).unwrap(), tags, "{text}");
        }
        let ten: Vec<String> = (0..11).map(|n| format!("k{n}=v")).collect();
        for (text, code) in [
            ("a=b&a=c", S3Code::InvalidTag),
            ("a=b&A=c", S3Code::InvalidTag),
            ("a=b&%61=c", S3Code::InvalidTag),
            ("=b", S3Code::InvalidTag),
            ("a*=b", S3Code::InvalidTag),
            ("a=b;c=d", S3Code::InvalidTag),
            ("aws:a=b", S3Code::InvalidTag),
            ("AWS:a=b", S3Code::InvalidTag),
            ("a=%zz", S3Code::InvalidArgument),
            (&ten.join("&"), S3Code::BadRequest),
        ] {
            assert_eq!(ObjectTags::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}
