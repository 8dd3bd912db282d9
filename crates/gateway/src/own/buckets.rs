//! Making, deleting and listing buckets.
//!
//! A name is reserved before the backend is asked to make the bucket, and what came of it is recorded
//! with the end of the reservation. A creation whose outcome nobody knows stays reserved, and its
//! account can take it up later.

use data_encoding::BASE64URL_NOPAD;
use daypass_api::enforcement::{BackendOutcome, BucketChange};
use daypass_federation::saml::Element;
use http::header::LOCATION;
use http::{HeaderName, HeaderValue, Method, Response, StatusCode};

use crate::backend::{BackendRequest, SentBody};
use crate::documents::{BucketConfiguration, ListedBucket, list_buckets};
use crate::event::Event;
use crate::flow::Allowed;
use crate::own::{bucket, canonical_user, question, refusal_of, unexpected};
use crate::xml::{self, Writer};
use crate::{ReplyBody, S3Code, S3Fault, reply};

/// The Region that has no location constraint.
const CLASSIC: &str = "us-east-1";
/// Most buckets of a reply.
const LISTED_MAX: usize = 10_000;
/// The header of a new bucket that the backend is to know.
const LOCKS: HeaderName = HeaderName::from_static("x-amz-bucket-object-lock-enabled");

/// Lists the buckets of the caller's account.
pub(super) async fn list(allowed: &Allowed<'_>) -> Result<Response<ReplyBody>, S3Fault> {
    let head = allowed.head;
    let limit = match head.parameter("max-buckets") {
        None => LISTED_MAX,
        Some(text) => match text.parse() {
            Ok(limit @ 1..=LISTED_MAX) => limit,
            _ => {
                let message = "Argument max-buckets must be an integer between 1 and 10000";
                return Err(S3Fault::argument(message, "max-buckets", text));
            }
        },
    };
    let mut after = match head.parameter("continuation-token") {
        None | Some("") => None,
        Some(text) => Some(name_in(text)?),
    };
    let prefix = head.parameter("prefix");
    let region = &allowed.gateway.settings.region;
    let elsewhere = head.parameter("bucket-region").is_some_and(|wanted| wanted != region);
    let mut found = Vec::new();
    let account = loop {
        let wanted = limit.saturating_sub(found.len());
        let range = (prefix.unwrap_or_default(), after.as_deref());
        let page =
            allowed.gateway.app.list_buckets(allowed.proven, question(allowed), range, wanted);
        let page = page.await?;
        found.extend(page.buckets);
        after = page.next;
        if after.is_none() || found.len() >= limit || elsewhere {
            break page.account;
        }
    };
    if elsewhere {
        (found, after) = (Vec::new(), None);
    }
    let paged = head.parameter("max-buckets").is_some();
    let listed: Vec<ListedBucket<'_>> = found
        .iter()
        .map(|bucket| ListedBucket {
            name: &bucket.name,
            created: bucket.created,
            region: paged.then_some(region),
        })
        .collect();
    let next = after.map(|name| BASE64URL_NOPAD.encode(name.as_bytes()));
    let document = list_buckets(&canonical_user(account), &listed, prefix, next.as_deref());
    Ok(reply::xml(&allowed.received.id, document))
}

/// The name that a continuation token stands for.
fn name_in(token: &str) -> Result<String, S3Fault> {
    let name = BASE64URL_NOPAD.decode(token.as_bytes()).ok();
    name.and_then(|name| String::from_utf8(name).ok()).ok_or_else(|| {
        let message = "The continuation token provided is incorrect";
        S3Fault::argument(message, "continuation-token", token)
    })
}

/// The Region of a bucket that is there.
pub(super) async fn location(allowed: &Allowed<'_>) -> Result<Response<ReplyBody>, S3Fault> {
    let bucket = bucket(allowed)?;
    match is_at_backend(allowed, bucket.name.as_str()).await? {
        Presence::There => {}
        Presence::Absent | Presence::Foreign => {
            return Err(crate::flow::no_such_bucket(&bucket.name));
        }
    }
    let region = &allowed.gateway.settings.region;
    let mut xml = Writer::document();
    xml.begin_root("LocationConstraint");
    let mut document = xml.finish();
    if region != CLASSIC {
        document.push_str(region);
    }
    document.push_str("</LocationConstraint>");
    Ok(reply::xml(&allowed.received.id, document))
}

/// What the backend has of a name.
enum Presence {
    There,
    /// There is one that is not the gateway's.
    Foreign,
    Absent,
}

async fn is_at_backend(allowed: &Allowed<'_>, name: &str) -> Result<Presence, S3Fault> {
    let request = BackendRequest::bare(Method::HEAD, format!("/{name}"), String::new());
    let reply = allowed.gateway.backend.send(request, allowed.proven.now()).await?;
    match reply.status {
        StatusCode::NOT_FOUND => Ok(Presence::Absent),
        StatusCode::FORBIDDEN | StatusCode::MOVED_PERMANENTLY => Ok(Presence::Foreign),
        status if status.is_success() => Ok(Presence::There),
        status => Err(unexpected(status, "")),
    }
}

/// Makes a bucket of the caller's account.
///
/// SECURITY: a bucket that is at the backend and in nobody's account here is never given away: whose
/// the objects in it are, nobody knows. An operator adopts it.
pub(super) async fn create(
    allowed: &Allowed<'_>,
    wanted: &BucketConfiguration,
    event: &mut Event,
) -> Result<Response<ReplyBody>, S3Fault> {
    let name = allowed.head.bucket();
    let name = name.ok_or_else(|| S3Fault::internal("a bucket is to be made without a name"))?;
    let (gateway, proven) = (allowed.gateway, allowed.proven);
    let region = &gateway.settings.region;
    // Clients have whatever Region they are set to; a bucket is where its deployment is.
    let fits = |location: &str| location == region || location == proven.region().as_str();
    if let Some(location) = wanted.location.as_deref().filter(|location| !fits(location)) {
        let told = format!(
            "The {location} location constraint is incompatible for the region specific endpoint \
             this request was sent to."
        );
        return Err(S3Fault::saying(S3Code::IllegalLocationConstraintException, told));
    }
    let presence = is_at_backend(allowed, name.as_str()).await?;
    let is_there = !matches!(presence, Presence::Absent);
    let change =
        gateway.app.begin_bucket_creation(proven, name, question(allowed), is_there).await?;
    event.is_recorded();
    // An earlier request of the account made it, and was cut short before it could say so.
    let made = match presence {
        Presence::There => Made::Done,
        Presence::Foreign => Made::Refused(S3Fault::new(S3Code::BucketAlreadyExists)),
        Presence::Absent => make(allowed, name.as_str()).await,
    };
    end(allowed, change, made).await?;
    let mut response = reply::empty(&allowed.received.id, StatusCode::OK);
    if let Ok(location) = HeaderValue::from_str(&format!("/{name}")) {
        response.headers_mut().insert(LOCATION, location);
    }
    Ok(response)
}

/// What the backend made of a change.
enum Made {
    Done,
    Refused(S3Fault),
    Unknown(S3Fault),
}

async fn make(allowed: &Allowed<'_>, name: &str) -> Made {
    let mut request = BackendRequest::bare(Method::PUT, format!("/{name}"), String::new());
    if let Some(locks) = allowed.head.header(LOCKS.as_str())
        && let Ok(locks) = HeaderValue::from_str(locks)
    {
        request.headers.insert(LOCKS, locks);
    }
    let region = &allowed.gateway.settings.backend.region;
    if region != CLASSIC {
        let mut xml = Writer::document();
        xml.begin_root("CreateBucketConfiguration");
        xml.text("LocationConstraint", region);
        xml.end("CreateBucketConfiguration");
        crate::forward::UNSIGNED.clone_into(&mut request.payload);
        request.body = SentBody::Whole(xml.finish().into());
    }
    match allowed.gateway.backend.send(request, allowed.proven.now()).await {
        Ok(reply) if reply.status.is_success() => Made::Done,
        Ok(reply) if reply.status.is_server_error() => Made::Unknown(refusal_of(reply).await),
        Ok(reply) => Made::Refused(refusal_of(reply).await),
        Err(fault) => Made::Unknown(fault.into()),
    }
}

/// Deletes a bucket.
pub(super) async fn delete(
    allowed: &Allowed<'_>,
    event: &mut Event,
) -> Result<Response<ReplyBody>, S3Fault> {
    let (gateway, proven) = (allowed.gateway, allowed.proven);
    let name = &bucket(allowed)?.name;
    let change = gateway.app.begin_bucket_deletion(proven, name, question(allowed)).await?;
    event.is_recorded();
    // SECURITY: only who may delete the bucket learns whether it is empty, and it is looked at as
    // late as can be: what comes into it afterwards is lost where the backend does not look itself.
    if let Err(fault) = require_empty(allowed, name.as_str()).await {
        return match end(allowed, change, Made::Refused(fault)).await {
            Ok(()) => Err(S3Fault::internal("a refused deletion ended well")),
            Err(fault) => Err(fault),
        };
    }
    let request = BackendRequest::bare(Method::DELETE, format!("/{name}"), String::new());
    let made = match gateway.backend.send(request, proven.now()).await {
        // One that is gone at the backend is to be gone here.
        Ok(reply) if reply.status.is_success() || reply.status == StatusCode::NOT_FOUND => {
            Made::Done
        }
        Ok(reply) if reply.status.is_server_error() => Made::Unknown(refusal_of(reply).await),
        Ok(reply) => Made::Refused(refusal_of(reply).await),
        Err(fault) => Made::Unknown(fault.into()),
    };
    end(allowed, change, made).await?;
    Ok(reply::empty(&allowed.received.id, StatusCode::NO_CONTENT))
}

/// Refuses the deletion of a bucket with something in it.
///
/// SECURITY: some backends delete a bucket with all that is in it, which nobody may by
/// `s3:DeleteBucket` alone.
async fn require_empty(allowed: &Allowed<'_>, name: &str) -> Result<(), S3Fault> {
    for (query, of_versions) in [("list-type=2&max-keys=1", false), ("max-keys=1&versions=", true)]
    {
        let request = BackendRequest::bare(Method::GET, format!("/{name}"), query.to_owned());
        let mut reply = allowed.gateway.backend.send(request, allowed.proven.now()).await?;
        match reply.status {
            StatusCode::OK => {}
            // Gone at the backend: there is nothing to lose.
            StatusCode::NOT_FOUND => return Ok(()),
            // Not every backend has versions.
            _ if of_versions => return Ok(()),
            _ => return Err(refusal_of(reply).await),
        }
        let listed = reply.body.whole(LISTING_MAX).await?;
        let root = if of_versions { "ListVersionsResult" } else { "ListBucketResult" };
        let is_empty = xml::read(&listed, root, |root| {
            let held = |element: &Element<'_>| HELD.iter().any(|name| xml::is(element, name));
            Ok(!root.elements().any(held))
        });
        let unreadable = |fault: S3Fault| {
            let cause = format!("a list of objects: {}", fault.cause().unwrap_or_default());
            S3Fault::new(S3Code::BadGateway).because(cause)
        };
        if !is_empty.map_err(unreadable)? {
            return Err(S3Fault::new(S3Code::BucketNotEmpty).with("BucketName", name));
        }
    }
    Ok(())
}

/// What a list of a bucket that is not empty has.
const HELD: [&str; 4] = ["CommonPrefixes", "Contents", "DeleteMarker", "Version"];
/// Most bytes of a list of one object.
const LISTING_MAX: usize = 64 << 10;

/// Records what came of a change, and answers with it.
async fn end(allowed: &Allowed<'_>, change: BucketChange, made: Made) -> Result<(), S3Fault> {
    let told = |fault: &S3Fault| (fault.code().as_str().to_owned(), fault.message().to_owned());
    let outcome = match &made {
        Made::Done => BackendOutcome::Done,
        Made::Refused(fault) => {
            let (code, message) = told(fault);
            BackendOutcome::Refused(code, message)
        }
        Made::Unknown(fault) => {
            let (code, message) = told(fault);
            BackendOutcome::Unknown(code, message)
        }
    };
    let witness = allowed.proven.witness();
    allowed.gateway.app.end_bucket_change(&witness, change, outcome).await?;
    match made {
        Made::Done => Ok(()),
        Made::Refused(fault) | Made::Unknown(fault) => Err(fault),
    }
}
