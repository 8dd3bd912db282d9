//! What the body of a request adds to what it needs, for the operations whose bodies are read.

use std::borrow::Cow;

use jiff::Timestamp;

use crate::classify::{Classified, Set, push_needs};
use crate::condition_keys;
use crate::documents::{
    AccessControlList, BucketConfiguration, DeleteList, Ownership, PublicAccessBlock, objects,
};
use crate::head::RequestHead;
use crate::operation::{BodyUse, Operation};
use crate::{S3Code, S3Fault};

/// The body of a request, read.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Document {
    /// An access control list; none when the header `x-amz-acl` tells it.
    Acl(Option<AccessControlList>),
    /// What a bucket is created with.
    Bucket(BucketConfiguration),
    /// A bucket policy, not looked at.
    BucketPolicy(String),
    /// What is to be deleted. The needs are in the same order, one for each object, or two where
    /// the governance of locks is to be passed over: see [`Classified::needs_of_deletion`].
    Delete(DeleteList),
    /// It is for the backend, written anew.
    Forward(String),
    /// Who owns the objects of a bucket.
    Ownership(Ownership),
    /// What is blocked.
    PublicAccess(PublicAccessBlock),
}

impl Classified {
    /// Reads the body of an operation that has a [`BodyUse::Document`], which completes its needs.
    ///
    /// # Errors
    /// `MaxMessageLengthExceeded`, `MissingRequestBodyError`, and what each document is refused for:
    /// mostly `MalformedXML`.
    pub fn read_body(
        &mut self,
        head: &RequestHead<'_>,
        body: &[u8],
        now: Timestamp,
    ) -> Result<Document, S3Fault> {
        let BodyUse::Document { max } = self.row.body else {
            return Err(S3Fault::internal("a body is read of an operation that has no document"));
        };
        if body.len() > max {
            return Err(S3Fault::new(S3Code::MaxMessageLengthExceeded)
                .with("MaxMessageLengthBytes", max.to_string()));
        }
        // What has something else to say in their place: headers, defaults, words of its own.
        let may_be_empty = matches!(
            self.row.operation,
            Operation::CreateBucket
                | Operation::PutBucketAcl
                | Operation::PutBucketPolicy
                | Operation::PutObjectAcl
        );
        if body.is_empty() && !may_be_empty {
            return Err(S3Fault::new(S3Code::MissingRequestBodyError));
        }
        let set = Set::of(self.row.operation, head)?;
        let document = match self.row.operation {
            Operation::CreateBucket => {
                let bucket = BucketConfiguration::parse(body)?;
                if let Some(location) = &bucket.location {
                    self.facts.insert(condition_keys::LOCATION, location.clone());
                }
                Document::Bucket(bucket)
            }
            Operation::DeleteObjects => Document::Delete(DeleteList::parse(body)?),
            Operation::PutBucketAcl | Operation::PutObjectAcl => Document::Acl(acl(body, set.acl)?),
            Operation::PutBucketOwnershipControls => Document::Ownership(Ownership::parse(body)?),
            Operation::PutBucketPolicy => {
                let text = std::str::from_utf8(body).map_err(|_| {
                    S3Fault::new(S3Code::MalformedPolicy).because("the policy is not UTF-8")
                })?;
                Document::BucketPolicy(text.to_owned())
            }
            Operation::PutObjectLegalHold => {
                let status = objects::legal_hold(body)?;
                self.facts.legal_hold(&status)?;
                Document::Forward(objects::write_legal_hold(&status))
            }
            Operation::PutObjectRetention => {
                let retention = objects::retention(body)?;
                if let Some((mode, until)) = &retention {
                    self.facts.retention(mode, until, now)?;
                }
                Document::Forward(objects::write_retention(retention.as_ref()))
            }
            Operation::PutObjectTagging => {
                let tags = objects::tagging(body)?;
                self.facts.tags(&tags);
                Document::Forward(objects::write_tagging(&tags))
            }
            Operation::PutPublicAccessBlock => {
                Document::PublicAccess(PublicAccessBlock::parse(body)?)
            }
            Operation::RestoreObject => Document::Forward(objects::restore(body)?),
            _ => return Err(S3Fault::internal("a document that nobody reads")),
        };
        self.needs.clear();
        match &document {
            Document::Delete(list) => self.push_deletions(head, list, &set),
            _ => push_needs(self, head, &set),
        }
        self.awaits_body = false;
        Ok(document)
    }

    /// The needs of the deletion at that place of the list: all of them must be allowed for it.
    pub fn needs_of_deletion(&self, place: usize) -> &[crate::Need] {
        let each = if self.bypasses { 2 } else { 1 };
        let from = place.saturating_mul(each);
        self.needs.get(from..from.saturating_add(each)).unwrap_or_default()
    }

    fn push_deletions(&mut self, head: &RequestHead<'_>, list: &DeleteList, set: &Set) {
        for deletion in list.deletions() {
            for need in self.row.needs.iter().filter(|need| set.calls_for(need.when)) {
                self.push_need(need, head.bucket(), Some(deletion.object.clone()));
                let Some(etag) = &deletion.etag else { continue };
                let Some(need) = self.needs.last_mut() else { continue };
                if condition_keys::has(need.action, condition_keys::IF_MATCH) {
                    let key = Cow::Borrowed(condition_keys::IF_MATCH);
                    need.keys.push((key, etag.clone().into()));
                }
            }
        }
    }
}

/// The list of a request, which stands in its body or in its headers.
fn acl(body: &[u8], is_in_headers: bool) -> Result<Option<AccessControlList>, S3Fault> {
    match (body.is_empty(), is_in_headers) {
        (true, true) => Ok(None),
        (false, false) => AccessControlList::parse(body).map(Some),
        (true, false) => Err(S3Fault::saying(
            S3Code::MissingSecurityHeader,
            "Your request was missing a required header",
        )
        .with("MissingHeaderName", "x-amz-acl")),
        (false, true) => Err(S3Fault::new(S3Code::UnexpectedContent)),
    }
}
