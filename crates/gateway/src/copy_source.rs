//! The object that a copy comes from: the header `x-amz-copy-source`.

use daypass_names::BucketName;
use daypass_sigv4::{uri_encode, uri_encode_path};

use crate::S3Fault;
use crate::domains::bucket_named;
use crate::object_key::ObjectKey;
use crate::percent::{self, Plus};

/// The header.
pub(crate) const HEADER: &str = "x-amz-copy-source";

/// Where a copy comes from. S3 API reference, CopyObject.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct CopySource {
    /// The bucket.
    pub bucket: BucketName,
    /// The object in it.
    pub key: ObjectKey,
    /// The version, if one is named.
    pub version: Option<String>,
}

impl CopySource {
    /// Reads `bucket/key` or `/bucket/key`, percent-encoded, perhaps with `?versionId=` and a
    /// version behind it. A plus sign is a plus sign.
    ///
    /// # Errors
    /// `InvalidArgument` for another form, `NotImplemented` for an access point, and what a bucket
    /// and a key are refused for.
    pub fn parse(text: &str) -> Result<Self, S3Fault> {
        let (path, version) = match text.split_once('?') {
            None => (text, None),
            Some((path, query)) => match query.strip_prefix("versionId=") {
                // A second parameter, and whatever else could end the first one.
                Some(version) if !version.contains(['&', '?', '#', ';']) => (path, Some(version)),
                _ => return Err(malformed(text)),
            },
        };
        let path = percent::decode(path, Plus::Sign)?;
        if path.starts_with("arn:") {
            return Err(S3Fault::not_implemented("a copy from an access point"));
        }
        let path = path.strip_prefix('/').unwrap_or(&path);
        let Some((bucket, key)) = path.split_once('/') else { return Err(malformed(text)) };
        // SECURITY: a server that decodes the header before it looks for the version would copy
        // another object than the one that was decided on.
        if percent::decode_loosely(key).to_ascii_lowercase().contains("?versionid=") {
            return Err(malformed(text));
        }
        let version = match version {
            None => None,
            Some(version) => Some(version_named(&percent::decode(version, Plus::Sign)?)?),
        };
        Ok(Self { bucket: bucket_named(bucket)?, key: ObjectKey::parse(key)?, version })
    }

    /// The header as it is written for the backend.
    pub fn write(&self) -> String {
        let mut out = String::from("/");
        out.push_str(self.bucket.as_str());
        out.push('/');
        uri_encode_path(&mut out, self.key.as_str().as_bytes());
        if let Some(version) = &self.version {
            out.push_str("?versionId=");
            uri_encode(&mut out, version.as_bytes());
        }
        out
    }

    /// The value of `s3:x-amz-copy-source`: `bucket/key`, decoded, so that no policy can be evaded
    /// by another spelling.
    pub(crate) fn condition_value(&self) -> String {
        let mut out = format!("{}/{}", self.bucket, self.key);
        if let Some(version) = &self.version {
            out.push_str("?versionId=");
            out.push_str(version);
        }
        out
    }
}

/// Most bytes of the id of a version. S3 user guide, "Retaining multiple versions of objects with
/// S3 Versioning".
const VERSION_MAX: usize = 1024;

/// A version id, which is told only by whoever made it.
pub(crate) fn version_named(text: &str) -> Result<String, S3Fault> {
    let refused = |message: &'static str| Err(S3Fault::argument(message, "versionId", text));
    if text.is_empty() {
        return refused("Version id cannot be the empty string");
    }
    if text.len() > VERSION_MAX || !is_plain_id(text) {
        return refused("Invalid version id specified");
    }
    Ok(text.to_owned())
}

/// Whether an id of a version or an upload is nothing but a name.
///
/// SECURITY: storage that keeps objects as files has such an id in a path, where separators and
/// escapes would lead to objects that nobody decided on. The ids of S3 are "URL-ready" (S3 user
/// guide, "Version IDs"), and have none.
pub(crate) fn is_plain_id(text: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"/\\%?#&;".contains(&byte);
    text.bytes().all(fits) && !matches!(text, "." | "..")
}

fn malformed(text: &str) -> S3Fault {
    const TEXT: &str = "Copy Source must mention the source bucket and key: sourcebucket/sourcekey";
    S3Fault::argument(TEXT, HEADER, text).because("the copy source is not of the form bucket/key")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::S3Code as C;

    #[test]
    fn a_source_is_a_bucket_and_a_key() {
        for (text, bucket, key, version, written) in [
            ("bkt/a", "bkt", "a", None, "/bkt/a"),
            ("/bkt/a/b", "bkt", "a/b", None, "/bkt/a/b"),
            ("bkt%2Fa%20b", "bkt", "a b", None, "/bkt/a%20b"),
            ("bkt//a", "bkt", "/a", None, "/bkt//a"),
            ("bkt/a+b", "bkt", "a+b", None, "/bkt/a%2Bb"),
            ("bkt/a%3Fb", "bkt", "a?b", None, "/bkt/a%3Fb"),
            ("bkt/a?versionId=v.1", "bkt", "a", Some("v.1"), "/bkt/a?versionId=v.1"),
            ("bkt/a?versionId=null", "bkt", "a", Some("null"), "/bkt/a?versionId=null"),
        ] {
            let source = CopySource::parse(text).unwrap();
            assert_eq!(
                (source.bucket.as_str(), source.key.as_str(), source.version.as_deref()),
                (bucket, key, version),
                "{text}"
            );
            assert_eq!(source.write(), written);
            assert_eq!(CopySource::parse(written).unwrap(), source, "{text}");
        }
    }

    #[test]
    fn other_sources_are_refused() {
        for (text, code) in [
            ("", C::InvalidArgument),
            ("bkt", C::InvalidArgument),
            ("/bkt", C::InvalidArgument),
            ("bkt/", C::InvalidArgument),
            ("//bkt/a", C::InvalidBucketName),
            ("BKT/a", C::InvalidBucketName),
            ("bkt/../other/a", C::InvalidURI),
            ("bkt/%2e%2e/a", C::InvalidURI),
            ("bkt/%252e%252e/a", C::InvalidURI),
            ("bkt/a%00", C::InvalidURI),
            ("bkt/%zz", C::InvalidURI),
            ("bkt/a?version=1", C::InvalidArgument),
            ("bkt/a?versionId=", C::InvalidArgument),
            ("bkt/a?versionId=1&x=2", C::InvalidArgument),
            ("bkt/a?versionId=1&versionId=2", C::InvalidArgument),
            ("bkt/a?versionId=1?versionId=2", C::InvalidArgument),
            ("bkt/a?versionId=1%20", C::InvalidArgument),
            ("bkt/a?versionId=1/../../other/a", C::InvalidArgument),
            ("bkt/a?versionId=1%2F..%2F..%2Fother%2Fa", C::InvalidArgument),
            ("bkt/a?versionId=1%252F..", C::InvalidArgument),
            ("bkt/a?versionId=..", C::InvalidArgument),
            ("bkt/a%3FversionId=1", C::InvalidArgument),
            ("bkt/a%3fVersionID%3D1", C::InvalidArgument),
            ("bkt/a%253FversionId%253D1", C::InvalidArgument),
            ("arn:aws:s3:eu-west-1:123456789012:accesspoint/x/object/a", C::NotImplemented),
        ] {
            assert_eq!(CopySource::parse(text).unwrap_err().code(), code, "{text}");
        }
    }
}
