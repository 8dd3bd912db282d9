//! Cross-origin requests of browsers: preflight requests, and what replies tell of a bucket's rules.
//!
//! S3 user guide, "Using cross-origin resource sharing (CORS)"; API reference, "OPTIONS object"; Fetch
//! standard, "CORS protocol". The rules of a bucket are kept at the backend, by PutBucketCors; the
//! gateway asks for them when a request has an `Origin`, and remembers them for a while. They grant
//! nothing here: whoever is let in is decided as without them, and a browser is told whether its page
//! may read the reply.
//!
//! SECURITY: nobody signs a preflight request. What strangers can make the backend do by them is one
//! question for a bucket that is here, in [`KEPT_FOR`] or [`FAILED_FOR`], whatever the answer; they wait
//! for it in the share of those who sign nothing.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use daypass_api::Received;
use daypass_names::BucketName;
use http::header::{
    ACCESS_CONTROL_ALLOW_CREDENTIALS, ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS,
    ACCESS_CONTROL_ALLOW_ORIGIN, ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE,
    ACCESS_CONTROL_REQUEST_HEADERS, ACCESS_CONTROL_REQUEST_METHOD, ORIGIN, VARY,
};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, StatusCode};
use tokio::time::Instant;

use crate::backend::BackendRequest;
use crate::{Gateway, Operation, ReplyBody, RequestHead, S3Code, S3Fault, reply, xml};

/// How long the rules of a bucket are remembered: for so long a change made beside the gateway is
/// unknown here.
const KEPT_FOR: Duration = Duration::from_secs(30);
/// How long it is remembered that they cannot be had.
const FAILED_FOR: Duration = Duration::from_secs(5);
/// Most buckets whose rules are remembered.
const KEPT_MAX: usize = 1024;
/// Most bytes of a configuration: S3 takes 64 KB.
const CONFIGURATION_MAX: usize = 128 << 10;
/// Most rules of a bucket, as with S3.
const RULES_MAX: usize = 100;
/// Most headers that a preflight request may name.
const REQUESTED_MAX: usize = 128;

const NOT_ENABLED: &str = "CORSResponse: CORS is not enabled for this bucket.";
const NO_BUCKET: &str = "CORSResponse: Bucket not found";
/// The spelling is S3's.
const NOT_ALLOWED: &str = "CORSResponse: This CORS request is not allowed. This is usually because the evalution of Origin, request method / Access-Control-Request-Method or Access-Control-Request-Headers are not whitelisted by the resource's CORS spec.";
const VARIES: HeaderValue = HeaderValue::from_static(
    "Origin, Access-Control-Request-Headers, Access-Control-Request-Method",
);

/// What a bucket says of pages of other origins. Headers are in lower case.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Rule {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    exposed: Vec<String>,
    max_age: Option<u32>,
}

/// What is known of the rules of a bucket.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Known {
    /// In order: the first that fits counts.
    Rules(Arc<[Rule]>),
    /// There are none.
    None,
    /// They cannot be had, for this reason.
    Unreadable(Arc<str>),
}

/// The rules of one bucket.
#[derive(Debug, Default)]
struct OfBucket {
    /// Held by who asks the backend: all others wait for that answer.
    asking: tokio::sync::Mutex<()>,
    known: Mutex<Option<(Instant, Known)>>,
}

impl OfBucket {
    fn known(&self) -> Option<Known> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, known) = known.as_ref()?;
        let kept_for = match known {
            Known::Unreadable(_) => FAILED_FOR,
            Known::Rules(_) | Known::None => KEPT_FOR,
        };
        (since.elapsed() < kept_for).then(|| known.clone())
    }

    fn keep(&self, known: Known) {
        let mut kept = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        *kept = Some((Instant::now(), known));
    }
}

/// The rules that are remembered.
#[derive(Debug, Default)]
pub(crate) struct CorsRules(Mutex<HashMap<BucketName, Arc<OfBucket>>>);

impl CorsRules {
    /// What is known without asking.
    pub(crate) fn known(&self, bucket: &BucketName) -> Option<Known> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(bucket)?.known()
    }

    fn of_bucket(&self, bucket: &BucketName) -> Arc<OfBucket> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_bucket) = kept.get(bucket) {
            return Arc::clone(of_bucket);
        }
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, of_bucket| of_bucket.known().is_some());
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        Arc::clone(kept.entry(bucket.clone()).or_default())
    }

    /// Forgets what an operation may have changed. An answer that is under way is remembered by nobody.
    pub(crate) fn note(&self, operation: Operation, bucket: &BucketName) {
        let changes = matches!(
            operation,
            Operation::CreateBucket
                | Operation::DeleteBucket
                | Operation::DeleteBucketCors
                | Operation::PutBucketCors
        );
        if changes {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(bucket);
        }
    }
}

/// Answers a preflight request, which nobody signs.
pub(crate) async fn preflight(
    gateway: &Gateway,
    received: &Received,
    head: &RequestHead<'_>,
) -> Result<Response<ReplyBody>, S3Fault> {
    let text = |name: HeaderName| received.headers.get(name).and_then(|v| v.to_str().ok());
    let told = |message: String| S3Fault::saying(S3Code::BadRequest, message);
    let origin = text(ORIGIN).ok_or_else(|| {
        told("Insufficient information. Origin request header needed.".to_owned())
    })?;
    let method = text(ACCESS_CONTROL_REQUEST_METHOD);
    let method = method.filter(|method| METHODS.contains(method)).ok_or_else(|| {
        told(format!("Invalid Access-Control-Request-Method: {}", method.unwrap_or("null")))
    })?;
    let requested = text(ACCESS_CONTROL_REQUEST_HEADERS).unwrap_or_default().to_ascii_lowercase();
    let requested: Vec<&str> =
        requested.split(',').map(str::trim).filter(|name| !name.is_empty()).collect();
    let refused = |message: &'static str| {
        let resource = head.shape().resource_type();
        let fault = S3Fault::saying(S3Code::AccessForbidden, message);
        fault.with("Method", method).with("ResourceType", resource)
    };
    let name = head.bucket().ok_or_else(|| S3Fault::internal("a preflight names no bucket"))?;
    let known = match gateway.cors.known(name) {
        // Who gets what is remembered is under no limit: wrong requests of neighbours behind the same
        // address are not to keep browsers out.
        Some(known) => known,
        None => {
            let nobody = gateway.app.anonymous(received)?;
            let _share = gateway.share_of_request(None)?;
            if gateway.app.bucket(name).await?.is_none() {
                nobody.count_refused("a preflight request for a bucket that there is not");
                return Err(refused(NO_BUCKET));
            }
            learn(gateway, name).await
        }
    };
    let rules = match known {
        Known::Rules(rules) => rules,
        Known::None => return Err(refused(NOT_ENABLED)),
        Known::Unreadable(cause) => {
            return Err(S3Fault::new(S3Code::BadGateway).because(cause.to_string()));
        }
    };
    let fits = |rule: &&Rule| {
        rule.lets(origin, method)
            && requested.len() <= REQUESTED_MAX
            && requested.iter().all(|name| rule.takes(name))
    };
    let rule = rules.iter().find(fits).ok_or_else(|| refused(NOT_ALLOWED))?;
    let mut response = reply::empty(&received.id, StatusCode::OK);
    let headers = response.headers_mut();
    rule.tell(origin, headers);
    if !requested.is_empty() {
        put(headers, ACCESS_CONTROL_ALLOW_HEADERS, &requested.join(", "));
    }
    Ok(response)
}

/// The methods that rules can speak of.
const METHODS: [&str; 5] = ["DELETE", "GET", "HEAD", "POST", "PUT"];

/// Adds to the head of a reply what the rules of the bucket say to the page that asked. Where they
/// are not known nothing is said, and the browser keeps the reply from the page.
pub(crate) fn tell(known: Option<Known>, method: &Method, asked: &HeaderMap, to: &mut HeaderMap) {
    let origin = asked.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let (Some(origin), Some(Known::Rules(rules))) = (origin, known) else { return };
    match rules.iter().find(|rule| rule.lets(origin, method.as_str())) {
        Some(rule) => rule.tell(origin, to),
        // Another origin could get something else.
        None => {
            to.append(VARY, VARIES);
        }
    }
}

/// The rules of a bucket that is here: as they are known, or as the backend tells them. To be asked for
/// before anything else is asked of the backend: who has a place there must not wait for another.
pub(crate) async fn learn(gateway: &Gateway, bucket: &BucketName) -> Known {
    let of_bucket = gateway.cors.of_bucket(bucket);
    let _asking = of_bucket.asking.lock().await;
    if let Some(known) = of_bucket.known() {
        return known;
    }
    let known = ask(gateway, bucket).await.unwrap_or_else(|fault| {
        let cause = fault.cause().unwrap_or_default();
        tracing::warn!(%bucket, cause, "the CORS rules of a bucket cannot be had");
        Known::Unreadable(cause.into())
    });
    of_bucket.keep(known.clone());
    known
}

async fn ask(gateway: &Gateway, bucket: &BucketName) -> Result<Known, S3Fault> {
    let request = BackendRequest::bare(Method::GET, format!("/{bucket}"), "cors=".to_owned());
    let mut reply = gateway.backend.send(request, gateway.app.clock().now()).await?;
    let document = reply.body.whole(CONFIGURATION_MAX).await?;
    match reply.status {
        StatusCode::OK => Ok(Known::Rules(parse(&document)?)),
        // No rules, or a backend that has none.
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => Ok(Known::None),
        status => {
            let cause = format!("asked for CORS rules, the backend answers {status}");
            Err(S3Fault::new(S3Code::BadGateway).because(cause))
        }
    }
}

/// The rules of a document `CORSConfiguration`.
fn parse(document: &[u8]) -> Result<Arc<[Rule]>, S3Fault> {
    const PARTS: &[&str] =
        &["AllowedHeader", "AllowedMethod", "AllowedOrigin", "ExposeHeader", "ID", "MaxAgeSeconds"];
    let rules = xml::read(document, "CORSConfiguration", |root| {
        let rules = xml::children(root, &["CORSRule"])?;
        if rules.len() > RULES_MAX {
            return Err(xml::malformed("it has more than a hundred rules"));
        }
        let rules = rules.into_iter().map(|rule| {
            let parts = xml::children(rule, PARTS)?;
            let all = |name: &str| {
                let found = parts.iter().filter(|part| xml::is(part, name));
                found.map(|part| xml::text(part)).collect::<Result<Vec<_>, _>>()
            };
            let max_age = xml::text_of(&parts, "MaxAgeSeconds")?;
            Ok(Rule {
                origins: all("AllowedOrigin")?,
                methods: all("AllowedMethod")?,
                headers: all("AllowedHeader")?.iter().map(|h| h.to_ascii_lowercase()).collect(),
                exposed: all("ExposeHeader")?,
                // Some backends write it whether it was set or not.
                max_age: max_age.and_then(|text| text.trim().parse().ok()).filter(|age| *age > 0),
            })
        });
        rules.collect::<Result<Vec<_>, _>>()
    });
    let unreadable = |fault: S3Fault| {
        let cause = format!("the CORS rules: {}", fault.cause().unwrap_or_default());
        S3Fault::new(S3Code::BadGateway).because(cause)
    };
    rules.map(Into::into).map_err(unreadable)
}

impl Rule {
    /// Whether a page of that origin may make requests of that method.
    fn lets(&self, origin: &str, method: &str) -> bool {
        self.methods.iter().any(|allowed| allowed == method)
            && self.origins.iter().any(|allowed| is_like(allowed, origin))
    }

    /// Whether such a request may have that header, in lower case.
    fn takes(&self, header: &str) -> bool {
        self.headers.iter().any(|allowed| is_like(allowed, header))
    }

    /// Says it.
    fn tell(&self, origin: &str, headers: &mut HeaderMap) {
        let is_open = self.origins.iter().any(|allowed| allowed == "*");
        put(headers, ACCESS_CONTROL_ALLOW_ORIGIN, if is_open { "*" } else { origin });
        // To everybody nothing is told that a browser knows of somebody.
        if !is_open {
            put(headers, ACCESS_CONTROL_ALLOW_CREDENTIALS, "true");
        }
        put(headers, ACCESS_CONTROL_ALLOW_METHODS, &self.methods.join(", "));
        if !self.exposed.is_empty() {
            put(headers, ACCESS_CONTROL_EXPOSE_HEADERS, &self.exposed.join(", "));
        }
        if let Some(age) = self.max_age {
            put(headers, ACCESS_CONTROL_MAX_AGE, &age.to_string());
        }
        headers.append(VARY, VARIES);
    }
}

/// Whether a text is one that a pattern with at most one `*` stands for.
fn is_like(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((head, tail)) => {
            let rest = text.strip_prefix(head);
            rest.is_some_and(|rest| rest.ends_with(tail))
        }
    }
}

/// What cannot be a header is not told.
fn put(headers: &mut HeaderMap, name: HeaderName, text: &str) {
    if let Ok(value) = HeaderValue::from_str(text) {
        headers.insert(name, value);
    }
}

#[cfg(test)]
mod tests;
