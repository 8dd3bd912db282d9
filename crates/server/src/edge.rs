//! One HTTP request -> [`Received`] -> the application -> one HTTP response.
//!
//! Here a request is bounded and completed, and nothing in it is believed: the body is read whole
//! within its limits of size and time, HTTP/2's `:authority` becomes a `host` field, and the
//! address it came from is settled. `GET /healthz` is answered without credentials; everything
//! else is the application's to answer or refuse. Query strings and bodies are never logged: some
//! clients put passwords and tokens there.

use std::convert::Infallible;
use std::error::Error;
use std::net::IpAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use daypass_api::{App, Code, Fault, Received, RequestId};
use http::header::{CONTENT_TYPE, EXPECT, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::{BodyExt, Full};
use hyper::body::Body;
use jiff::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

use crate::proxies::{Origin, Proxies};

/// Largest request body, in bytes: AWS STS and IAM take far less, a policy being the longest.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// How long a body may take to arrive.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies up to this size, and so nearly all, are read without asking. What they hold in memory
/// is bounded by the connections (4,096, which makes 64 MiB over HTTP/1.1) and, over HTTP/2, by
/// their streams (32 each).
const SMALL_BODY: usize = 16 << 10;
/// How many larger bodies are read at a time: together they hold at most 128 MiB.
const LARGE_BODIES: usize = 128;

/// How much of a refused body is read and thrown away, and for how long. A client that is still
/// sending when the connection closes would not see the reply.
const DISCARD_MAX: usize = 4 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// What answers requests: the application, or a stand-in in tests.
pub(crate) trait Answer: Send + Sync + 'static {
    fn request_id(&self) -> RequestId;
    fn now(&self) -> Timestamp;
    fn handle(&self, received: Received) -> impl Future<Output = Response<Bytes>> + Send;
    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes>;
}

impl Answer for App {
    fn request_id(&self) -> RequestId {
        App::request_id(self)
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn handle(&self, received: Received) -> impl Future<Output = Response<Bytes>> + Send {
        App::handle(self, received)
    }

    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        App::refuse(self, id, fault)
    }
}

/// Everything between a connection and the application.
#[derive(Debug)]
pub(crate) struct Edge<A> {
    app: A,
    proxies: Proxies,
    large_bodies: Arc<Semaphore>,
}

impl<A: Answer> Edge<A> {
    pub(crate) fn new(app: A, proxies: Proxies) -> Self {
        Self { app, proxies, large_bodies: Arc::new(Semaphore::new(LARGE_BODIES)) }
    }

    /// Whether a connection from `address` may go on without TLS.
    pub(crate) fn admits_cleartext(&self, address: IpAddr) -> bool {
        self.proxies.admits_cleartext(address)
    }

    /// What the requests reached.
    #[cfg(test)]
    pub(crate) fn app(&self) -> &A {
        &self.app
    }

    /// Answers one request that came over a connection from `peer`.
    pub(crate) async fn answer<B>(&self, peer: Origin, request: Request<B>) -> Response<Full<Bytes>>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        if is_health_check(&request) {
            return healthy().map(Full::new);
        }
        let id = self.app.request_id();
        let (method, path) = (request.method().clone(), request.uri().path().to_owned());
        let response = match self.receive(id, peer, request).await {
            Ok(received) => self.app.handle(received).await,
            Err(fault) => self.app.refuse(&id, &fault),
        };
        let status = response.status().as_u16();
        tracing::debug!(request_id = %id, peer = %peer.address, %method, ?path, status, "answered");
        response.map(Full::new)
    }

    async fn receive<B>(
        &self,
        id: RequestId,
        peer: Origin,
        request: Request<B>,
    ) -> Result<Received, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let at = self.app.now();
        let (head, body) = request.into_parts();
        let origin = self.proxies.origin(peer, &head.headers).map_err(|fault| {
            Fault::new(Code::InvalidInput, fault.to_string())
                .because(format!("sent by the trusted proxy {}", peer.address))
        })?;
        if body.size_hint().lower() > BODY_MAX as u64 {
            // A client that waits for `100 Continue` sends nothing when it reads the refusal.
            if !head.headers.contains_key(EXPECT) {
                tokio::spawn(discard(body));
            }
            return Err(too_large());
        }
        let body = match timeout(BODY_TIMEOUT, self.read(body)).await {
            Ok(read) => read?,
            Err(_) => return Err(too_slow()),
        };
        Ok(Received {
            id,
            at,
            source_ip: origin.address,
            secure_transport: origin.tls,
            method: head.method,
            headers: with_host(head.headers, head.version, &head.uri),
            uri: origin_form(head.uri),
            body,
        })
    }

    /// Reads a body whole.
    async fn read<B>(&self, body: B) -> Result<Bytes, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Boxed, because what is left of a body that is too large outlives this call.
        let mut body = Box::pin(body);
        let mut whole = BytesMut::new();
        let mut permit: Option<OwnedSemaphorePermit> = None;
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| {
                let cause: Box<dyn Error + Send + Sync> = error.into();
                Fault::new(Code::InvalidInput, "The request body could not be read.")
                    .because(cause.to_string())
            })?;
            // Trailers carry nothing that an operation reads.
            let Ok(data) = frame.into_data() else { continue };
            let length = whole.len().saturating_add(data.len());
            if length > BODY_MAX {
                tokio::spawn(discard(body));
                return Err(too_large());
            }
            if length > SMALL_BODY && permit.is_none() {
                let waiting = Arc::clone(&self.large_bodies).acquire_owned();
                // INVARIANT: the semaphore is never closed.
                permit = waiting.await.ok();
            }
            whole.extend_from_slice(&data);
        }
        Ok(whole.freeze())
    }
}

/// Whether this is the one request that anybody may make: `GET` or `HEAD` of `/healthz`.
fn is_health_check<B>(request: &Request<B>) -> bool {
    request.uri().path() == "/healthz"
        && (request.method() == Method::GET || request.method() == Method::HEAD)
}

fn healthy() -> Response<Bytes> {
    let mut response = Response::new(Bytes::from_static(b"ok\n"));
    let plain = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, plain);
    response
}

/// The header fields with HTTP/2's `:authority` as `host` (RFC 9113, section 8.3.1). A `host`
/// field that says something else stays beside it, and two of them are refused further on.
fn with_host(mut headers: HeaderMap, version: Version, uri: &Uri) -> HeaderMap {
    if version != Version::HTTP_2 {
        return headers;
    }
    let Some(authority) = uri.authority().map(|authority| authority.as_str()) else {
        return headers;
    };
    let said = headers.get_all(HOST).iter().any(|host| host.as_bytes() == authority.as_bytes());
    if !said && let Ok(host) = HeaderValue::from_str(authority) {
        headers.append(HOST, host);
    }
    headers
}

/// Path and query alone, byte for byte.
fn origin_form(uri: Uri) -> Uri {
    let target = uri.into_parts().path_and_query.unwrap_or(PathAndQuery::from_static("/"));
    Uri::from(target)
}

/// Reads and forgets what a client is still sending.
async fn discard<B: Body<Data = Bytes>>(body: B) {
    let reading = async {
        let mut body = pin!(body);
        let mut length: usize = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if length > DISCARD_MAX {
                break;
            }
        }
    };
    // Late or not, the reply has been sent.
    let _ = timeout(DISCARD_TIMEOUT, reading).await;
}

fn too_large() -> Fault {
    Fault::new(
        Code::RequestEntityTooLarge,
        format!("The request body is larger than the limit of {BODY_MAX} bytes."),
    )
}

fn too_slow() -> Fault {
    Fault::new(Code::RequestTimeout, "The request body did not arrive in time.")
}

/// What a connection reports of a request that it answers: never an error.
pub(crate) type Answered = Result<Response<Full<Bytes>>, Infallible>;

#[cfg(test)]
#[path = "edge_tests.rs"]
pub(crate) mod tests;
