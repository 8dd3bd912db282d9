//! The S3 server behind the gateway, as its one client: connections that are used again, bodies that
//! stream both ways, requests signed with the operator's credentials.
//!
//! A connection to the backend is driven by the very task that works on the client's request: nothing
//! is handed from one task to another, the speed of either side is the other's, and whoever drops a
//! request or a reply ends it at the backend. What a backend answers is believed only within limits:
//! a head in time, bodies that do not rest for long and whose end is told (RFC 9112, section 6.3,
//! without the last rule: a reply that ends with its connection could have been cut).

mod address;
mod connect;
mod link;
mod pool;
mod reply;
mod sent;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daypass_sigv4::{ForeignCredentials, Request, Signer};
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HOST, HeaderName, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderValue, Method, StatusCode, Uri};
use jiff::Timestamp;
use rustls::ClientConfig;
use thiserror::Error;
use tokio::sync::Semaphore;

pub use self::address::{BackendUrl, BackendUrlFault, is_private};
use self::link::{Link, Progress};
use self::pool::Pool;
pub(crate) use self::reply::{BackendBody, BackendReply};
pub(crate) use self::sent::SentBody;
use crate::shares::turn;

/// Most requests at the backend at a time.
const REQUESTS_MAX: usize = 1024;
/// How long the backend may take to answer where it copies, joins or deletes whole objects before.
pub(crate) const LONG_TIMEOUT: Duration = Duration::from_secs(15 * 60);
/// The header fields of a request that are signed, beside all that begin with `x-amz-`: those that
/// mean something for what is stored. What proxies before the backend may change is left out.
const SIGNED: [HeaderName; 2] = [CONTENT_TYPE, HOST];

/// Where the backend is and how it is asked.
#[derive(Clone)]
pub struct BackendSettings {
    /// Its origin.
    pub url: BackendUrl,
    /// The Region that requests to it are signed for.
    pub region: String,
    /// What they are signed with.
    pub credentials: ForeignCredentials,
    /// How TLS is spoken with it, if the origin says so.
    pub tls: Option<Arc<ClientConfig>>,
    /// Whether plain HTTP may go to private networks, and not to this machine only.
    pub private_plain_http: bool,
    /// How long it may take from the end of a request to the head of its reply, and rest within
    /// either body.
    pub timeout: Duration,
}

impl fmt::Debug for BackendSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BackendSettings").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The backend's client.
#[derive(Debug)]
pub(crate) struct Backend {
    settings: BackendSettings,
    signer: Signer,
    host: HeaderValue,
    pool: Arc<Pool>,
    turns: Arc<Semaphore>,
}

/// A request for the backend, not yet signed.
#[derive(Debug)]
pub(crate) struct BackendRequest {
    pub(crate) method: Method,
    /// The path, `/BUCKET/KEY`, in canonical encoding.
    pub(crate) path: String,
    /// What follows the question mark; empty for none.
    pub(crate) query: String,
    /// The header fields, without `host` and without any that belongs to a signature.
    pub(crate) headers: HeaderMap,
    /// What stands for the body in the signature.
    pub(crate) payload: String,
    /// The body.
    pub(crate) body: SentBody,
    /// Whether the backend works on whole objects before it answers.
    pub(crate) is_long: bool,
}

impl BackendRequest {
    /// A request without a body.
    pub(crate) fn bare(method: Method, path: String, query: String) -> Self {
        Self {
            method,
            path,
            query,
            headers: HeaderMap::new(),
            payload: EMPTY_SHA256.to_owned(),
            body: SentBody::Empty,
            is_long: false,
        }
    }
}

/// The SHA-256 of nothing.
pub(crate) const EMPTY_SHA256: &str =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

impl Backend {
    /// A client of that backend.
    ///
    /// # Errors
    /// [`BackendUrlFault`], when the origin is of no use as a `Host`.
    pub(crate) fn new(settings: BackendSettings) -> Result<Self, BackendUrlFault> {
        let host = settings.url.host_header().ok_or(BackendUrlFault::Syntax)?;
        let turns = Arc::new(Semaphore::new(REQUESTS_MAX));
        let signer = Signer::new(settings.credentials.clone(), &*settings.region, "s3");
        Ok(Self { settings, signer, host, pool: Arc::default(), turns })
    }

    /// Signs and sends a request, and waits for the head of the reply. Dropping the future, or the
    /// reply, ends the request at the backend.
    ///
    /// A request is sent a second time only if it has no body, may be repeated (RFC 9110, section
    /// 9.2.2), and its connection had been kept from an earlier one and was closed before anything
    /// came back.
    ///
    /// # Errors
    /// [`BackendFault`].
    pub(crate) async fn send(
        &self,
        request: BackendRequest,
        now: Timestamp,
    ) -> Result<BackendReply, BackendFault> {
        let turn = turn(&self.turns).await.ok_or(BackendFault::Busy)?;
        let rest = self.settings.timeout;
        let is_head = request.method == Method::HEAD;
        let (mut signed, patience) = self.signed(request, now)?;
        let again = signed.body().is_empty() && signed.method().is_idempotent();
        if let Some(mut link) = self.pool.take(signed.body().is_empty()).await {
            let second = again.then(|| repeated(&signed));
            match link.exchange(signed, patience).await {
                Ok(response) => {
                    let pool = Arc::clone(&self.pool);
                    return BackendReply::new(response, link, (pool, turn), is_head, rest).await;
                }
                Err(BackendFault::Closed) => match second {
                    Some(second) => signed = second,
                    None => return Err(BackendFault::Closed),
                },
                Err(fault) => return Err(fault),
            }
        }
        let mut link = Box::pin(self.open()).await?;
        let response = link.exchange(signed, patience).await?;
        let pool = Arc::clone(&self.pool);
        BackendReply::new(response, link, (pool, turn), is_head, rest).await
    }

    /// A new connection.
    async fn open(&self) -> Result<Link, BackendFault> {
        Link::open(connect::connect(&self.settings).await?).await
    }

    /// The request as it is sent, and how long its reply may take.
    fn signed(
        &self,
        request: BackendRequest,
        now: Timestamp,
    ) -> Result<(http::Request<SentBody>, Duration), BackendFault> {
        let BackendRequest { method, path, query, mut headers, payload, body, is_long } = request;
        headers.insert(HOST, self.host.clone());
        let added = {
            let fields: Vec<(&str, &[u8])> = headers
                .iter()
                .filter(|(name, _)| name.as_str().starts_with("x-amz-") || SIGNED.contains(name))
                .map(|(name, value)| (name.as_str(), value.as_bytes()))
                .collect();
            let request =
                Request { method: method.as_str(), path: &path, query: &query, headers: &fields };
            self.signer.sign(&request, &payload, now)
        };
        let internal = |what: &str| BackendFault::Internal(format!("{what} cannot be sent"));
        for (name, value) in added {
            let value = HeaderValue::from_maybe_shared(Bytes::from(value));
            let mut value = value.map_err(|_| internal(name))?;
            value.set_sensitive(name != "x-amz-date");
            headers.insert(name, value);
        }
        if let Some(length) = body.length() {
            // A request with a method that usually has a body states also that it has none.
            if length > 0 || matches!(method, Method::PUT | Method::POST) {
                headers.insert(CONTENT_LENGTH, HeaderValue::from(length));
            }
        }
        let target = if query.is_empty() { path } else { [&*path, "?", &query].concat() };
        let uri = Uri::from_maybe_shared(Bytes::from(target));
        let uri = uri.map_err(|_| internal("the target"))?;
        let mut signed = http::Request::new(body);
        *signed.method_mut() = method;
        *signed.uri_mut() = uri;
        *signed.headers_mut() = headers;
        let patience = match is_long {
            true => LONG_TIMEOUT.max(self.settings.timeout),
            false => self.settings.timeout,
        };
        Ok((signed, patience))
    }
}

/// The same request once more; it has no body.
fn repeated(request: &http::Request<SentBody>) -> http::Request<SentBody> {
    let mut second = http::Request::new(SentBody::Empty);
    *second.method_mut() = request.method().clone();
    *second.uri_mut() = request.uri().clone();
    *second.headers_mut() = request.headers().clone();
    second
}

/// Whether a reply of that head has a body whose end is told.
fn ends_by_itself(status: StatusCode, headers: &HeaderMap, is_head: bool) -> bool {
    let none = is_head
        || status.is_informational()
        || status == StatusCode::NO_CONTENT
        || status == StatusCode::NOT_MODIFIED;
    none || headers.contains_key(CONTENT_LENGTH) || headers.contains_key(TRANSFER_ENCODING)
}

/// Why there is no reply from the backend, or not the whole of it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub(crate) enum BackendFault {
    /// No connection comes about.
    #[error("the backend cannot be reached: {0}")]
    Unreachable(String),
    /// It does not answer in time.
    #[error("the backend does not answer in time")]
    TooSlow,
    /// It closed the connection without an answer.
    #[error("the backend closed the connection before it answered")]
    Closed,
    /// What it answers is not HTTP, or could have been cut without being noticed.
    #[error("the backend's answer is of no use: {0}")]
    Nonsense(String),
    /// There are too many requests at it already.
    #[error("too many requests are at the backend already")]
    Busy,
    /// The body that it was being sent came to no good end.
    #[error("the client's body was given up")]
    Upload,
    /// A mistake of ours.
    #[error("the request cannot be made: {0}")]
    Internal(String),
}

/// The progress of a body that is sent, for whoever waits for the reply.
pub(crate) type SendProgress = Progress;

#[cfg(test)]
mod tests;
