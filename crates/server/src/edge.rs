//! One HTTP request -> [`Received`] -> the application -> one HTTP response.
//!
//! Here a request is bounded and completed, and nothing in it is believed: the body is read whole
//! within its limits, HTTP/2's `:authority` becomes a `host` field, and the address it came from
//! is settled. `GET /healthz` is answered without credentials; everything else is the
//! application's to answer or refuse, and is counted and measured. Query strings and bodies are
//! never logged: some clients put passwords and tokens there.

use std::error::Error;
use std::future::ready;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daypass_api::{Allowance, App, Code, Fault, Handled, Received, RequestId};
use http::header::{EXPECT, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, Response, Uri, Version};
use http_body_util::Full;
use hyper::body::{Body, Incoming};
use jiff::Timestamp;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};

use crate::body::{Bodies, Turn, Whole};
use crate::carried_through::{CarriedThrough, Panicked};
use crate::health::Health;
use crate::http_service::HttpService;
use crate::metrics::Metrics;
use crate::proxies::{Origin, Proxies};

/// Most operations at a time, over all connections. A client that hangs up does not end its
/// operation, so the number of connections does not bound them.
const OPERATIONS: u32 = 1024;
/// How long a request waits until it is among them.
const OPERATION_TIMEOUT: Duration = Duration::from_secs(10);

/// What answers requests: the application, or a stand-in in tests.
pub(crate) trait Answer: Send + Sync + 'static {
    fn request_id(&self) -> RequestId;
    fn now(&self) -> Timestamp;
    /// Answers one request that came over a connection from `peer`.
    fn handle(
        &self,
        received: Received,
        peer: Origin,
    ) -> impl Future<Output = Response<Bytes>> + Send;
    fn allowance(&self, received: &Received) -> impl Future<Output = Allowance> + Send {
        let _ = received;
        ready(Allowance::USUAL)
    }
    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes>;
}

impl Answer for App {
    fn request_id(&self) -> RequestId {
        App::request_id(self)
    }

    fn now(&self) -> Timestamp {
        self.clock().now()
    }

    fn handle(
        &self,
        received: Received,
        _: Origin,
    ) -> impl Future<Output = Response<Bytes>> + Send {
        App::handle(self, received)
    }

    fn allowance(&self, received: &Received) -> impl Future<Output = Allowance> + Send {
        App::allowance(self, received)
    }

    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        App::refuse(self, id, fault)
    }
}

/// Everything between a connection and the application.
#[derive(Debug)]
pub(crate) struct Edge<A> {
    app: Arc<A>,
    proxies: Proxies,
    bodies: Bodies,
    operations: Arc<Semaphore>,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
}

impl<A: Answer> Edge<A> {
    pub(crate) fn new(app: Arc<A>, proxies: Proxies) -> Self {
        Self {
            app,
            proxies,
            bodies: Bodies::new(),
            operations: Arc::new(Semaphore::new(OPERATIONS as usize)),
            metrics: Arc::new(Metrics::new()),
            health: Arc::default(),
        }
    }

    /// The same edge, which counts in these metrics and answers for this health.
    #[must_use]
    pub(crate) fn observed(self, metrics: Arc<Metrics>, health: Arc<Health>) -> Self {
        Self { metrics, health, ..self }
    }

    /// How many operations are under way.
    pub(crate) fn operations(&self) -> usize {
        (OPERATIONS as usize).saturating_sub(self.operations.available_permits())
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
            return self.health.response().map(Full::new);
        }
        let (_under_way, begun) = (self.metrics.begin(), Instant::now());
        let id = self.app.request_id();
        // Only for the log, which is asked first: copies are for nothing otherwise.
        let line = tracing::enabled!(tracing::Level::DEBUG)
            .then(|| (request.method().clone(), request.uri().path().to_owned()));
        let answered = match self.receive(id, peer, request).await {
            Ok((received, turn)) => self.handle(received, peer, turn).await,
            Err(fault) => Err(fault),
        };
        let Handled { operation, outcome } = handled(&answered);
        let response = answered.unwrap_or_else(|fault| self.app.refuse(&id, &fault));
        self.metrics.answered(operation, outcome, begun.elapsed());
        if let Some((method, path)) = line {
            let status = response.status().as_u16();
            tracing::debug!(request_id = %id, peer = %peer.address, %method, ?path, status, "answered");
        }
        response.map(Full::new)
    }

    /// Lets the application answer.
    ///
    /// SECURITY: carried through to its end. The connection drops this future when the client
    /// hangs up, and an operation must not end between its effect and its audit record.
    async fn handle(
        &self,
        received: Received,
        peer: Origin,
        turn: Option<Turn>,
    ) -> Result<Response<Bytes>, Fault> {
        let place = self.place().await?;
        let turn = turn.and_then(|turn| turn.of_operation(received.body.len()));
        let (id, app) = (received.id, Arc::clone(&self.app));
        let is_document = turn.as_ref().is_some_and(Turn::is_document);
        let operation = CarriedThrough::new(async move {
            let _held = (place, turn);
            if !is_document {
                return Ok(app.handle(received, peer).await);
            }
            // To hash and parse tens of megabytes takes the tenth of a second: others on this thread
            // are not to wait for that.
            let runtime = Handle::current();
            let working = spawn_blocking(move || runtime.block_on(app.handle(received, peer)));
            working.await.map_err(|_| Panicked)
        });
        operation.await.flatten().map_err(|Panicked| {
            // A bug of ours.
            let cause = "the operation panicked";
            tracing::error!(request_id = %id, cause, "a request failed");
            Fault::internal(cause)
        })
    }

    /// Waits until there is room for one more operation.
    async fn place(&self) -> Result<OwnedSemaphorePermit, Fault> {
        // A timer is set up only when there is something to wait for.
        if let Ok(place) = Arc::clone(&self.operations).try_acquire_owned() {
            return Ok(place);
        }
        let waiting = Arc::clone(&self.operations).acquire_owned();
        match timeout(OPERATION_TIMEOUT, waiting).await {
            Ok(Ok(place)) => Ok(place),
            // Late; the semaphore is never closed.
            _ => Err(Fault::new(
                Code::ServiceUnavailable,
                "The server is too busy to answer. Please try again.",
            )),
        }
    }

    async fn receive<B>(
        &self,
        id: RequestId,
        peer: Origin,
        request: Request<B>,
    ) -> Result<(Received, Option<Turn>), Fault>
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
        let awaits_continue = head.headers.contains_key(EXPECT);
        let mut received = Received {
            id,
            at,
            source_ip: origin.address,
            source_is_shared: self.proxies.stands_for_many(peer.address, &head.headers),
            told_by: None,
            secure_transport: origin.tls,
            method: head.method,
            headers: with_host(head.headers, head.version, &head.uri),
            uri: origin_form(head.uri),
            body: Bytes::new(),
        };
        let allowance = |begun: Bytes| {
            let begun = Received {
                method: received.method.clone(),
                headers: received.headers.clone(),
                uri: received.uri.clone(),
                body: whole_parameters(begun),
                ..received
            };
            let app = Arc::clone(&self.app);
            async move { app.allowance(&begun).await }
        };
        let read = self.bodies.read(origin.address, body, awaits_continue, allowance).await;
        let Whole { bytes, turn } = read?;
        received.body = bytes;
        Ok((received, turn))
    }
}

impl<A: Answer> HttpService for Edge<A> {
    type Body = Full<Bytes>;

    const STREAMS: bool = false;

    fn answer(
        &self,
        peer: Origin,
        request: Request<Incoming>,
    ) -> impl Future<Output = Response<Full<Bytes>>> + Send {
        Edge::answer(self, peer, request)
    }

    fn admits_cleartext(&self, address: IpAddr) -> bool {
        self.proxies.admits_cleartext(address)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address)
    }

    async fn settled(&self) {
        // INVARIANT: the semaphore is never closed.
        if let Ok(all) = self.operations.acquire_many(OPERATIONS).await {
            all.forget();
        }
    }

    fn under_way(&self) -> usize {
        self.operations()
    }
}

/// The beginning of a form as far as its parameters are there whole: the last may have been cut.
fn whole_parameters(mut begun: Bytes) -> Bytes {
    let whole = begun.iter().rposition(|byte| *byte == b'&').unwrap_or_default();
    begun.truncate(whole);
    begun
}

/// Whether this is the one request that anybody may make: `GET` or `HEAD` of `/healthz`.
fn is_health_check<B>(request: &Request<B>) -> bool {
    request.uri().path() == "/healthz"
        && (request.method() == Method::GET || request.method() == Method::HEAD)
}

/// What was handled, for metrics. What the edge refused is of no operation yet.
fn handled(answered: &Result<Response<Bytes>, Fault>) -> Handled {
    let operation = Handled::NO_OPERATION;
    match answered {
        Ok(response) => response
            .extensions()
            .get()
            .copied()
            .unwrap_or(Handled { operation, outcome: Handled::OK }),
        Err(fault) => Handled { operation, outcome: fault.code().as_str() },
    }
}

/// The header fields with what the target says of the host: HTTP/2's `:authority` (RFC 9113,
/// section 8.3.1) or the authority of an absolute target (RFC 9112, section 3.2.2). A `host` field
/// that says something else stays beside it, and two of them are refused further on. A target
/// does not stand in for the field that HTTP/1.1 demands.
pub(crate) fn with_host(mut headers: HeaderMap, version: Version, uri: &Uri) -> HeaderMap {
    let Some(authority) = uri.authority().map(|authority| authority.as_str()) else {
        return headers;
    };
    if version != Version::HTTP_2 && !headers.contains_key(HOST) {
        return headers;
    }
    let said = headers.get_all(HOST).iter().any(|host| host.as_bytes() == authority.as_bytes());
    if !said && let Ok(host) = HeaderValue::from_str(authority) {
        headers.append(HOST, host);
    }
    headers
}

/// Path and query alone, byte for byte.
pub(crate) fn origin_form(uri: Uri) -> Uri {
    let target = uri.into_parts().path_and_query.unwrap_or(PathAndQuery::from_static("/"));
    Uri::from(target)
}

#[cfg(test)]
#[path = "edge_tests.rs"]
pub(crate) mod tests;
