//! Metrics and health on a listener of their own: `GET /metrics` and `GET /healthz`, nothing else.
//!
//! Without TLS and without credentials: the configuration refuses an address that other machines
//! reach. Nothing that comes in is believed or kept; a head that is long or slow, and one
//! connection more than there may be, are refused.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, ALLOW, CONTENT_TYPE};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use crate::health::{Health, plain};

/// Most connections at a time; further ones are closed at once.
const CONNECTIONS_MAX: usize = 16;
/// Most bytes of a head.
const HEAD_MAX: usize = 16 << 10;
/// How long a head may take.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may last.
const CONNECTION_TIMEOUT: Duration = Duration::from_secs(60);
/// How long the loop rests after an accept that failed.
const ACCEPT_REST: Duration = Duration::from_millis(100);
/// How long connections may take to end once the server stops.
const DRAIN: Duration = Duration::from_secs(1);

/// The two forms of the text, which differ only in name for what is in it.
const OPEN_METRICS: &str = "application/openmetrics-text";
const OPEN_METRICS_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PROMETHEUS_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// What can be observed: a deployment, or a stand-in in tests.
pub(crate) trait Observed: Send + Sync + 'static {
    /// All metrics in the text format; nothing when they cannot be gathered.
    fn metrics(&self) -> impl Future<Output = Option<String>> + Send;
    /// Whether it is well.
    fn health(&self) -> &Health;
}

/// A bound socket for metrics.
#[derive(Debug)]
pub(crate) struct MetricsListener {
    socket: TcpListener,
}

impl MetricsListener {
    /// Binds the socket.
    pub(crate) async fn bind(address: SocketAddr) -> io::Result<Self> {
        Ok(Self { socket: TcpListener::bind(address).await? })
    }

    /// The address that it is bound to.
    pub(crate) fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Serves until `shutdown` is done.
    pub(crate) async fn serve_until<O: Observed>(
        self,
        observed: Arc<O>,
        shutdown: impl Future<Output = ()>,
    ) {
        let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
        let mut connections = JoinSet::new();
        let mut shutdown = pin!(shutdown);
        loop {
            tokio::select! {
                biased;
                () = &mut shutdown => break,
                Some(_) = connections.join_next() => {}
                accepted = self.socket.accept() => match accepted {
                    Ok((stream, _)) => {
                        if let Ok(place) = Arc::clone(&places).try_acquire_owned() {
                            let observed = Arc::clone(&observed);
                            connections.spawn(async move {
                                serve(stream, observed).await;
                                drop(place);
                            });
                        }
                    }
                    Err(error) => {
                        tracing::debug!(%error, "a collector of metrics cannot be accepted");
                        sleep(ACCEPT_REST).await;
                    }
                },
            }
        }
        drop(self.socket);
        let drained = async { while connections.join_next().await.is_some() {} };
        if timeout(DRAIN, drained).await.is_err() {
            connections.shutdown().await;
        }
    }
}

async fn serve<O: Observed>(stream: TcpStream, observed: Arc<O>) {
    let service = service_fn(move |request: Request<Incoming>| {
        let observed = Arc::clone(&observed);
        async move {
            let (head, _) = request.into_parts();
            let response = answer(&*observed, &head.method, head.uri.path(), &head.headers).await;
            Ok::<_, std::convert::Infallible>(response.map(Full::new))
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_header_size(HEAD_MAX)
        // One request each: then the end of the connection is the end of the work.
        .keep_alive(false)
        .serve_connection(TokioIo::new(stream), service);
    if let Ok(Err(error)) = timeout(CONNECTION_TIMEOUT, connection).await {
        tracing::debug!(%error, "a collector's connection ended");
    }
}

async fn answer<O: Observed>(
    observed: &O,
    method: &Method,
    path: &str,
    headers: &HeaderMap,
) -> Response<Bytes> {
    if !matches!(path, "/metrics" | "/healthz") {
        return plain(StatusCode::NOT_FOUND, "there are /metrics and /healthz\n");
    }
    if *method != Method::GET && *method != Method::HEAD {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD\n");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    if path == "/healthz" {
        return observed.health().response();
    }
    let Some(text) = observed.metrics().await else {
        return plain(StatusCode::SERVICE_UNAVAILABLE, "the metrics cannot be gathered\n");
    };
    let mut response = plain(StatusCode::OK, text);
    let open = headers
        .get_all(ACCEPT)
        .iter()
        .any(|accepted| accepted.to_str().is_ok_and(|accepted| accepted.contains(OPEN_METRICS)));
    let kind = if open { OPEN_METRICS_TYPE } else { PROMETHEUS_TYPE };
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    response
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::sync::oneshot;

    use super::*;
    use crate::health::Trouble;
    use crate::metrics::tests::{parse, value};
    use crate::metrics::{Gathered, Metrics};

    struct Stand {
        metrics: Metrics,
        health: Health,
    }

    impl Observed for Stand {
        async fn metrics(&self) -> Option<String> {
            self.metrics.text(&Gathered { healthy: true, ..Gathered::default() }).ok()
        }

        fn health(&self) -> &Health {
            &self.health
        }
    }

    fn stand(health: Health) -> Arc<Stand> {
        Arc::new(Stand { metrics: Metrics::new(), health })
    }

    async fn ask(request: &str, observed: Arc<Stand>) -> String {
        let listener = MetricsListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await.unwrap();
        let address = listener.address().unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let serving = listener.serve_until(observed, async { drop(stopped.await) });
        let asking = async move {
            let mut stream = TcpStream::connect(address).await.unwrap();
            stream.write_all(request.as_bytes()).await.unwrap();
            let mut heard = Vec::new();
            // A connection that is refused ends with a reset.
            let _ = stream.read_to_end(&mut heard).await;
            stop.send(()).unwrap();
            String::from_utf8(heard).unwrap()
        };
        tokio::join!(serving, asking).1
    }

    #[tokio::test]
    async fn a_collector_gets_metrics() {
        for (accept, kind) in [
            ("", PROMETHEUS_TYPE),
            ("accept: text/plain\r\n", PROMETHEUS_TYPE),
            (
                "accept: application/openmetrics-text;version=1.0.0;q=0.5,*/*;q=0.1\r\n",
                OPEN_METRICS_TYPE,
            ),
        ] {
            let request = format!("GET /metrics HTTP/1.1\r\nhost: x\r\n{accept}\r\n");
            let heard = ask(&request, stand(Health::default())).await;
            let (head, body) = heard.split_once("\r\n\r\n").unwrap();
            assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
            assert!(head.contains(&format!("content-type: {kind}")), "{head}");
            assert_eq!(value(&parse(body), "daypass_healthy", &[]), 1.0);
        }
    }

    #[tokio::test]
    async fn nothing_else_is_served() {
        for (request, want) in [
            ("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200"),
            ("HEAD /metrics HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 200"),
            ("POST /metrics HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n", "HTTP/1.1 405"),
            ("GET / HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 404"),
            ("GET /metrics/../x HTTP/1.1\r\nhost: x\r\n\r\n", "HTTP/1.1 404"),
            ("nonsense\r\n\r\n", "HTTP/1.1 400"),
        ] {
            let heard = ask(request, stand(Health::default())).await;
            assert!(heard.starts_with(want), "{request}: {heard}");
        }
        let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(2 * HEAD_MAX));
        assert!(!ask(&long, stand(Health::default())).await.contains(" 200 "));
    }

    #[tokio::test]
    async fn what_is_wrong_is_told() {
        let trouble = Trouble { what: "the store has closed itself", detail: None };
        let health = Health::of(vec![Box::new(move || Some(trouble.clone()))]);
        let heard = ask("GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n", stand(health)).await;
        assert!(heard.starts_with("HTTP/1.1 503"), "{heard}");
        assert!(heard.ends_with("the store has closed itself\n"), "{heard}");
    }
}
