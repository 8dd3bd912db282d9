//! Cross-origin requests of browsers: preflight requests, and what replies tell of a bucket's rules.
//!
//! S3 user guide, "Using cross-origin resource sharing (CORS)"; API reference, "OPTIONS object"; Fetch
//! standard, "CORS protocol". The rules of a bucket are kept at the backend, by PutBucketCors; the
//! gateway asks for them when a request has an `Origin`, and remembers them for a while. They grant
//! nothing here: whoever is let in is decided as without them, and a browser is told whether its page
//! may read the reply.

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
use crate::{Gateway, Operation, ReplyBody, RequestHead, S3Code, S3Fault, Shape, reply, xml};

/// How long the rules of a bucket are remembered: for so long a change made beside the gateway is
/// unknown here.
const KEPT_FOR: Duration = Duration::from_secs(30);
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

/// What a bucket says of pages of other origins.
#[derive(Debug, Eq, PartialEq)]
struct Rule {
    origins: Vec<String>,
    methods: Vec<String>,
    headers: Vec<String>,
    exposed: Vec<String>,
    max_age: Option<u32>,
}

/// The rules of a bucket, in order: the first that fits counts. None where there are none.
type Rules = Option<Arc<[Rule]>>;

/// The rules that are remembered.
#[derive(Debug, Default)]
pub(crate) struct CorsRules(Mutex<HashMap<BucketName, (Instant, Rules)>>);

impl CorsRules {
    fn known(&self, bucket: &BucketName) -> Option<Rules> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (since, rules) = kept.get(bucket)?;
        (since.elapsed() < KEPT_FOR).then(|| rules.clone())
    }

    fn keep(&self, bucket: &BucketName, rules: Rules) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() >= KEPT_MAX {
            kept.retain(|_, (since, _)| since.elapsed() < KEPT_FOR);
        }
        if kept.len() >= KEPT_MAX {
            kept.clear();
        }
        kept.insert(bucket.clone(), (Instant::now(), rules));
    }

    /// Forgets what an operation may have changed.
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
    // Whoever proves nothing has a rate limit.
    drop(gateway.app.anonymous(received)?);
    let text = |name: HeaderName| received.headers.get(name).and_then(|v| v.to_str().ok());
    let told = |message: String| S3Fault::saying(S3Code::BadRequest, message);
    let origin = text(ORIGIN).ok_or_else(|| {
        told("Insufficient information. Origin request header needed.".to_owned())
    })?;
    let method = text(ACCESS_CONTROL_REQUEST_METHOD);
    let method = method.filter(|method| METHODS.contains(method)).ok_or_else(|| {
        told(format!("Invalid Access-Control-Request-Method: {}", method.unwrap_or("null")))
    })?;
    let requested: Vec<&str> = text(ACCESS_CONTROL_REQUEST_HEADERS)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|name| !name.is_empty())
        .collect();
    let refused = |message: &'static str| {
        let resource = if head.shape() == Shape::Object { "OBJECT" } else { "BUCKET" };
        let fault = S3Fault::saying(S3Code::AccessForbidden, message);
        fault.with("Method", method).with("ResourceType", resource)
    };
    let name = head.bucket().ok_or_else(|| S3Fault::internal("a preflight names no bucket"))?;
    if gateway.app.bucket(name).await?.is_none() {
        return Err(refused(NO_BUCKET));
    }
    let rules = rules_of(gateway, name).await?.ok_or_else(|| refused(NOT_ENABLED))?;
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
        put(headers, ACCESS_CONTROL_ALLOW_HEADERS, &requested.join(", ").to_ascii_lowercase());
    }
    Ok(response)
}

/// The methods that rules can speak of.
const METHODS: [&str; 5] = ["DELETE", "GET", "HEAD", "POST", "PUT"];

/// Adds to the head of a reply what the rules of the bucket say to the page that asked. Where they
/// cannot be had nothing is said, and the browser keeps the reply from the page.
pub(crate) async fn tell(
    gateway: &Gateway,
    (method, bucket): (&Method, Option<&BucketName>),
    asked: &HeaderMap,
    headers: &mut HeaderMap,
) {
    let origin = asked.get(ORIGIN).and_then(|origin| origin.to_str().ok());
    let (Some(origin), Some(bucket)) = (origin, bucket) else { return };
    let is_ours = matches!(gateway.app.bucket(bucket).await, Ok(Some(_)));
    let rules = match is_ours {
        true => rules_of(gateway, bucket).await.ok().flatten(),
        false => None,
    };
    let Some(rules) = rules else { return };
    match rules.iter().find(|rule| rule.lets(origin, method.as_str())) {
        Some(rule) => rule.tell(origin, headers),
        // Another origin could get something else.
        None => {
            headers.append(VARY, VARIES);
        }
    }
}

/// The rules of a bucket that is ours: as they are known, or as the backend tells them.
async fn rules_of(gateway: &Gateway, bucket: &BucketName) -> Result<Rules, S3Fault> {
    if let Some(rules) = gateway.cors.known(bucket) {
        return Ok(rules);
    }
    let request = BackendRequest::bare(Method::GET, format!("/{bucket}"), "cors=".to_owned());
    let mut reply = gateway.backend.send(request, gateway.app.clock().now()).await?;
    let rules = match reply.status {
        StatusCode::OK => Some(parse(&reply.body.whole(CONFIGURATION_MAX).await?)?),
        // No rules, or a backend that has none.
        StatusCode::NOT_FOUND | StatusCode::NOT_IMPLEMENTED => None,
        status => {
            let cause = format!("asked for CORS rules, the backend answers {status}");
            return Err(S3Fault::new(S3Code::BadGateway).because(cause));
        }
    };
    gateway.cors.keep(bucket, rules.clone());
    Ok(rules)
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
                headers: all("AllowedHeader")?,
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

    /// Whether such a request may have that header.
    fn takes(&self, header: &str) -> bool {
        let header = header.to_ascii_lowercase();
        self.headers.iter().any(|allowed| is_like(&allowed.to_ascii_lowercase(), &header))
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
