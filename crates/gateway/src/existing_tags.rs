//! The tags of an object that is there, for `s3:ExistingObjectTag/…`.
//!
//! They are fetched from the backend, and only where a policy in play asks for one of them: every
//! other request is spared the way there.

use daypass_api::enforcement::Policies;
use daypass_directory::Bucket;
use daypass_names::BucketName;
use daypass_sigv4::{uri_encode, uri_encode_path};
use http::{Method, StatusCode};
use jiff::Timestamp;

use crate::backend::{Backend, BackendRequest};
use crate::backend_error::{self, BackendError, ERROR_MAX};
use crate::{Need, ObjectKey, S3Code, S3Fault, xml};

/// What the names of such keys begin with.
const KEY: &str = "s3:ExistingObjectTag/";

/// Who fetches tags.
pub(crate) struct Tags<'a> {
    pub(crate) backend: &'a Backend,
    pub(crate) policies: &'a Policies<'a>,
    pub(crate) now: Timestamp,
}

impl Tags<'_> {
    /// The tags that a need is to be decided with: those of its object, if a policy asks for one.
    pub(crate) async fn wanted(
        &self,
        need: &Need,
        bucket: Option<&Bucket>,
    ) -> Result<Vec<(String, String)>, S3Fault> {
        let policy = bucket.and_then(|bucket| bucket.policy.as_ref());
        let is_asked_for = || {
            self.policies.may_mention(KEY)
                || policy.is_some_and(|policy| policy.policy.may_mention(KEY))
        };
        match (&need.bucket, &need.object) {
            (Some(bucket), Some(object)) if need.wants_existing_tags && is_asked_for() => {
                // Boxed, as most that is seldom asked for: the futures of other requests stay small.
                Box::pin(self.of(bucket, &object.key, object.version.as_deref())).await
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The tags of an object.
    ///
    /// SECURITY: when the backend does not say whether there are any, nobody decides.
    pub(crate) async fn of(
        &self,
        bucket: &BucketName,
        key: &ObjectKey,
        version: Option<&str>,
    ) -> Result<Vec<(String, String)>, S3Fault> {
        let mut path = format!("/{bucket}/");
        uri_encode_path(&mut path, key.as_str().as_bytes());
        let mut query = "tagging=".to_owned();
        if let Some(version) = version {
            query.push_str("&versionId=");
            uri_encode(&mut query, version.as_bytes());
        }
        let request = BackendRequest::bare(Method::GET, path, query);
        let mut reply = self.backend.send(request, self.now).await?;
        let body = reply.body.whole(ERROR_MAX).await?;
        match reply.status {
            StatusCode::OK => {
                return read(&body).ok_or_else(|| {
                    S3Fault::new(S3Code::BadGateway)
                        .because("the backend's tags of an object cannot be read")
                });
            }
            // No object, no tags, or a backend that has none.
            StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => return Ok(Vec::new()),
            _ => {}
        }
        let error = BackendError::read(&body).unwrap_or_default();
        if error.is_of_credentials() {
            return Err(backend_error::refused_us(reply.status, &error.code));
        }
        let cause = format!("asked for tags, the backend answers {} {}", reply.status, error.code);
        Err(S3Fault::new(S3Code::BadGateway).because(cause))
    }
}

/// The pairs of a document `Tagging`.
fn read(document: &[u8]) -> Option<Vec<(String, String)>> {
    let pairs = xml::read(document, "Tagging", |root| {
        let sets: Vec<_> = root.elements().collect();
        let set = xml::at_most_one(&sets, "TagSet")?;
        let set = set.ok_or_else(|| xml::malformed("there is no set of tags"))?;
        let pairs = set.elements().map(|tag| {
            let parts: Vec<_> = tag.elements().collect();
            match (xml::text_of(&parts, "Key")?, xml::text_of(&parts, "Value")?) {
                (Some(key), Some(value)) if xml::is(tag, "Tag") => Ok((key, value)),
                _ => Err(xml::malformed("a tag has no key or no value")),
            }
        });
        pairs.collect()
    });
    pairs.ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_pairs() {
        let pairs = |pairs: &[(&str, &str)]| {
            Some(pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect::<Vec<_>>())
        };
        for (set, expected) in [
            ("", pairs(&[])),
            ("<Tag><Key>a</Key><Value>b</Value></Tag>", pairs(&[("a", "b")])),
            (
                "<Tag><Value>b &amp; c</Value><Key>&#x61;</Key></Tag><Tag><Key>d</Key><Value/></Tag>",
                pairs(&[("a", "b & c"), ("d", "")]),
            ),
            ("<Tag><Key>a</Key></Tag>", None),
            ("<Tag><Key>a</Key><Value>&unknown;</Value></Tag>", None),
            ("<Tag>", None),
        ] {
            let xmlns = "http://s3.amazonaws.com/doc/2006-03-01/";
            let document = format!(
                "<?xml version=\"1.0\"?>\n<Tagging xmlns=\"{xmlns}\"><TagSet>{set}</TagSet></Tagging>"
            );
            assert_eq!(read(document.as_bytes()), expected, "{set}");
        }
        assert_eq!(read(b"<!DOCTYPE x [<!ENTITY a 'b'>]><Tagging></Tagging>"), None);
    }
}
