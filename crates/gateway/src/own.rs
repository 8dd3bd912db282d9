//! What the gateway answers itself: who has which bucket, bucket policies, and what buckets whose
//! ownership is enforced say of access control lists.

mod buckets;
mod delete_objects;

use std::sync::Arc;

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use daypass_api::enforcement::Question;
use daypass_directory::Bucket;
use daypass_names::AccountId;
use daypass_sigv4::uri_encode;
use http::{HeaderValue, Method, Response, StatusCode};

use crate::backend::BackendRequest;
use crate::backend_error::{BackendError, ERROR_MAX, refused_us};
use crate::documents::{
    Document, Ownership, PublicAccessBlock, access_control_policy, policy_status,
};
use crate::event::Event;
use crate::flow::Allowed;
use crate::{Operation, ReplyBody, S3Code, S3Fault, reply};

/// What public access is blocked here, whatever an operator sets: there are no access control lists,
/// and what a bucket policy grants to everybody counts.
const BLOCKED: PublicAccessBlock = PublicAccessBlock {
    block_public_acls: true,
    ignore_public_acls: true,
    block_public_policy: false,
    restrict_public_buckets: false,
};

/// Answers an allowed request.
pub(crate) async fn answer(
    allowed: &Allowed<'_>,
    document: Option<Document>,
    event: &mut Event,
) -> Result<Response<ReplyBody>, S3Fault> {
    let id = &allowed.received.id;
    let app = &allowed.gateway.app;
    let operation = allowed.classified.operation();
    match (operation, document) {
        (Operation::ListBuckets, _) => buckets::list(allowed).await,
        (Operation::CreateBucket, Some(Document::Bucket(wanted))) => {
            buckets::create(allowed, &wanted, event).await
        }
        (Operation::DeleteBucket, _) => buckets::delete(allowed, event).await,
        (Operation::GetBucketLocation, _) => buckets::location(allowed).await,
        (Operation::DeleteObjects, Some(Document::Delete(list))) => {
            delete_objects::delete(allowed, &list, event).await
        }
        (Operation::GetBucketPolicy, _) => {
            let bucket = bucket(allowed)?;
            let text =
                app.get_bucket_policy(allowed.proven, &bucket.name, question(allowed)).await?;
            let json = HeaderValue::from_static("application/json");
            Ok(reply::with_body(id, StatusCode::OK, Some(json), text.into()))
        }
        (Operation::GetBucketPolicyStatus, _) => {
            let bucket = bucket(allowed)?;
            let question = question(allowed);
            let is_public =
                app.bucket_policy_is_public(allowed.proven, &bucket.name, question).await?;
            Ok(reply::xml(id, policy_status(is_public)))
        }
        (Operation::PutBucketPolicy, Some(Document::BucketPolicy(text))) => {
            let bucket = bucket(allowed)?;
            let confirmed = allowed.head.header("x-amz-confirm-remove-self-bucket-access");
            let confirmed = confirmed.is_some_and(|value| value.eq_ignore_ascii_case("true"));
            let (proven, question) = (allowed.proven, question(allowed));
            app.put_bucket_policy(proven, &bucket.name, question, &text, confirmed).await?;
            event.is_recorded();
            Ok(reply::empty(id, StatusCode::NO_CONTENT))
        }
        (Operation::DeleteBucketPolicy, _) => {
            let bucket = bucket(allowed)?;
            app.delete_bucket_policy(allowed.proven, &bucket.name, question(allowed)).await?;
            event.is_recorded();
            Ok(reply::empty(id, StatusCode::NO_CONTENT))
        }
        (Operation::GetBucketAcl, _) => Ok(reply::xml(id, owners_list(bucket(allowed)?))),
        (Operation::GetObjectAcl, _) => {
            require_object(allowed).await?;
            Ok(reply::xml(id, owners_list(bucket(allowed)?)))
        }
        (Operation::PutBucketAcl | Operation::PutObjectAcl, Some(Document::Acl(list))) => {
            let owner = canonical_user(bucket(allowed)?.account);
            if list.is_some_and(|list| !list.is_full_control_of(&owner)) {
                return Err(S3Fault::new(S3Code::AccessControlListNotSupported));
            }
            if operation == Operation::PutObjectAcl {
                require_object(allowed).await?;
            }
            Ok(reply::empty(id, StatusCode::OK))
        }
        (Operation::GetBucketOwnershipControls, _) => {
            Ok(reply::xml(id, Ownership::BucketOwnerEnforced.write()))
        }
        (
            Operation::PutBucketOwnershipControls,
            Some(Document::Ownership(Ownership::BucketOwnerEnforced)),
        ) => Ok(reply::empty(id, StatusCode::OK)),
        (Operation::PutBucketOwnershipControls | Operation::DeleteBucketOwnershipControls, _) => {
            Err(S3Fault::not_implemented("the ownership of objects is always the bucket's owner's"))
        }
        (Operation::GetPublicAccessBlock, _) => Ok(reply::xml(id, BLOCKED.write())),
        (Operation::PutPublicAccessBlock, Some(Document::PublicAccess(wanted)))
            if wanted == BLOCKED =>
        {
            Ok(reply::empty(id, StatusCode::OK))
        }
        (Operation::PutPublicAccessBlock | Operation::DeletePublicAccessBlock, _) => {
            let cause =
                "who signs nothing is let in by bucket policies and the operator's setting alone";
            Err(S3Fault::not_implemented(cause))
        }
        (operation, _) => Err(S3Fault::internal(format!("nobody answers {operation:?}"))),
    }
}

/// The bucket that a request names.
fn bucket<'a>(allowed: &Allowed<'a>) -> Result<&'a Arc<Bucket>, S3Fault> {
    allowed.bucket.ok_or_else(|| S3Fault::internal("a request to a bucket names none"))
}

/// The first need as a question: whoever decides once more takes its condition keys alone.
fn question<'a>(allowed: &Allowed<'a>) -> Question<'a> {
    let mut question = Question::new("s3:None", "*", None);
    if let Some(need) = allowed.classified.needs().ok().and_then(<[_]>::first) {
        question.keys =
            need.keys.iter().map(|(key, value)| (key.clone(), value.borrowed())).collect();
        question.lists = need
            .lists
            .iter()
            .map(|(key, values)| (key.clone(), values.iter().map(|v| v.borrowed()).collect()))
            .collect();
    }
    question
}

/// The one access control list that there is: the owner of the bucket may do everything.
fn owners_list(bucket: &Bucket) -> String {
    access_control_policy(&canonical_user(bucket.account))
}

/// The canonical user id of an account: 64 hexadecimal digits that stand for it in access control
/// lists. S3 user guide, "Finding an AWS account's canonical user ID".
pub(crate) fn canonical_user(account: AccountId) -> String {
    let text = format!("canonical user of {account}");
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

/// Asks the backend whether the object is there.
async fn require_object(allowed: &Allowed<'_>) -> Result<(), S3Fault> {
    let mut query = String::new();
    if let Some(version) = allowed.head.version() {
        query.push_str("versionId=");
        uri_encode(&mut query, version.as_bytes());
    }
    let request = BackendRequest::bare(Method::HEAD, allowed.head.backend_path(), query);
    let reply = allowed.gateway.backend.send(request, allowed.proven.now()).await?;
    match reply.status {
        status if status.is_success() => Ok(()),
        StatusCode::NOT_FOUND => {
            let key = allowed.head.key().map(|key| key.as_str()).unwrap_or_default();
            Err(S3Fault::new(S3Code::NoSuchKey).with("Key", key))
        }
        StatusCode::METHOD_NOT_ALLOWED => Err(S3Fault::new(S3Code::MethodNotAllowed)),
        status => Err(unexpected(status, "")),
    }
}

/// An answer of the backend that leaves it open what is there.
fn unexpected(status: StatusCode, code: &str) -> S3Fault {
    let cause = format!("the backend answers {status} {code}");
    let told = match status.is_server_error() {
        true => S3Code::ServiceUnavailable,
        false => S3Code::BadGateway,
    };
    S3Fault::new(told).because(cause)
}

/// Why the backend refuses, as the caller is told.
async fn refusal_of(mut reply: crate::backend::BackendReply) -> S3Fault {
    let status = reply.status;
    let error = match reply.body.whole(ERROR_MAX).await {
        Ok(body) => BackendError::read(&body).unwrap_or_default(),
        Err(fault) => return fault.into(),
    };
    if error.is_of_credentials() {
        return refused_us(status, &error.code);
    }
    let known = S3Code::ALL.iter().find(|code| code.as_str() == error.code);
    match known.filter(|code| code.status() == status) {
        Some(code) => S3Fault::new(*code),
        None => unexpected(status, &error.code),
    }
}
