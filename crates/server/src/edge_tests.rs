//! What reaches the application, and what the edge answers itself.

use std::convert::Infallible;
use std::sync::Mutex;

use http::StatusCode;
use http_body_util::{BodyExt, Empty};
use hyper::body::Frame;
use tokio::sync::Notify;

use super::*;
use crate::body::{BODY_MAX, KEPT_BODY, LARGE_BODIES, SMALL_BODY};

/// A stand-in for the application: keeps what it gets and answers with the fault's code.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) received: Mutex<Vec<Received>>,
    /// When there is one, an operation takes a permit between its beginning and its end.
    pub(crate) gate: Option<Semaphore>,
    /// Told when an operation has begun.
    pub(crate) begun: Notify,
    /// Told when an operation has ended.
    pub(crate) ended: Notify,
    pub(crate) panics: bool,
    /// When there is one, the reply is large and holds room for as long as one of these lives.
    pub(crate) room: Option<Arc<()>>,
}

/// The bytes of a large reply.
struct Large {
    bytes: Vec<u8>,
    _room: Arc<()>,
    _sent: tokio::sync::watch::Sender<()>,
}

impl AsRef<[u8]> for Large {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answer for Recorder {
    fn request_id(&self) -> RequestId {
        RequestId::from_random([7; 16])
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_767_322_984).unwrap()
    }

    async fn handle(&self, received: Received, _: Origin) -> Response<Bytes> {
        self.received.lock().unwrap().push(received);
        self.begun.notify_one();
        if let Some(gate) = &self.gate {
            gate.acquire().await.unwrap().forget();
        }
        assert!(!self.panics, "on purpose");
        self.ended.notify_one();
        if let Some(room) = &self.room {
            let sent = tokio::sync::watch::Sender::new(());
            let unsent = daypass_api::Unsent::until_dropped(&sent);
            let mut large = vec![b'x'; 4 << 20];
            large.extend_from_slice(b"handled");
            let large = Large { bytes: large, _room: Arc::clone(room), _sent: sent };
            let mut response = Response::new(Bytes::from_owner(large));
            response.extensions_mut().insert(unsent);
            return response;
        }
        Response::new(Bytes::from_static(b"handled"))
    }

    fn refuse(&self, _: &RequestId, fault: &Fault) -> Response<Bytes> {
        let mut response = Response::new(Bytes::from(fault.code().as_str()));
        *response.status_mut() = StatusCode::IM_A_TEAPOT;
        response
    }
}

fn edge() -> Edge<Recorder> {
    let proxies = Proxies::parse(&["10.0.0.1".to_owned()]).unwrap();
    Edge::new(Arc::new(Recorder::default()), proxies)
}

fn peer(address: &str) -> Origin {
    Origin::new(address.parse().unwrap(), false)
}

async fn answer<B>(edge: &Edge<Recorder>, request: Request<B>) -> (u16, String)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    let response = edge.answer(peer("192.0.2.7"), request).await;
    let status = response.status().as_u16();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

fn post<B>(body: B) -> Request<B> {
    Request::post("/").body(body).unwrap()
}

/// A body of unknown length in chunks of 100,000 bytes.
fn chunks(count: usize) -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static {
    let frame = || Ok(Frame::data(Bytes::from(vec![b'x'; 100_000])));
    Frames((0..count).map(move |_| frame()).collect())
}

/// The frames as a stream, all of them ready.
struct Frames(std::collections::VecDeque<Result<Frame<Bytes>, Infallible>>);

impl Body for Frames {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Ready(self.0.pop_front())
    }
}

/// A body that never comes.
struct Silence;

impl Body for Silence {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        _: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        std::task::Poll::Pending
    }
}

#[tokio::test]
async fn a_request_arrives_as_it_was_sent() {
    let edge = edge();
    let request = Request::post("/a%2fb/../c?x=%2F&&y")
        .header("host", "one")
        .header("host", "two")
        .header("x-forwarded-for", "198.51.100.1")
        .body(Full::from("Action=GetCallerIdentity"))
        .unwrap();
    assert_eq!(answer(&edge, request).await, (200, "handled".to_owned()));
    let received = edge.app.received.lock().unwrap().pop().unwrap();
    assert_eq!(received.id, RequestId::from_random([7; 16]));
    assert_eq!(received.at.as_second(), 1_767_322_984);
    assert_eq!(received.source_ip.to_string(), "192.0.2.7");
    assert!(!received.secure_transport);
    assert_eq!(received.method, Method::POST);
    assert_eq!(received.uri, "/a%2fb/../c?x=%2F&&y");
    assert_eq!(received.headers.get_all(HOST).iter().collect::<Vec<_>>(), ["one", "two"]);
    assert_eq!(received.body, "Action=GetCallerIdentity");
}

#[tokio::test]
async fn a_named_proxy_is_believed_and_refused_when_it_talks_rubbish() {
    let edge = edge();
    let request = |value: &str| {
        Request::get("/")
            .header("x-forwarded-for", value)
            .header("x-forwarded-proto", "https")
            .body(Empty::<Bytes>::new())
            .unwrap()
    };
    edge.answer(peer("10.0.0.1"), request("198.51.100.1")).await;
    let received = edge.app.received.lock().unwrap().pop().unwrap();
    assert_eq!(received.source_ip.to_string(), "198.51.100.1");
    assert!(received.secure_transport && !received.source_is_shared);
    // Also when it tells an address of this machine; only if it tells none, nobody answers for it.
    edge.answer(peer("10.0.0.1"), request("127.0.0.1")).await;
    assert!(!edge.app.received.lock().unwrap().pop().unwrap().source_is_shared);
    edge.answer(peer("10.0.0.1"), Request::get("/").body(Empty::<Bytes>::new()).unwrap()).await;
    assert!(edge.app.received.lock().unwrap().pop().unwrap().source_is_shared);
    let response = edge.answer(peer("10.0.0.1"), request("unknown")).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert!(edge.app.received.lock().unwrap().is_empty());
}

#[test]
fn the_authority_of_the_target_becomes_the_host() {
    let check = |version, uri: &'static str, said: &[&'static str], expected: &[&str]| {
        let mut headers = HeaderMap::new();
        for host in said {
            headers.append(HOST, HeaderValue::from_static(host));
        }
        let headers = with_host(headers, version, &Uri::from_static(uri));
        assert_eq!(headers.get_all(HOST).iter().collect::<Vec<_>>(), expected);
    };
    check(Version::HTTP_2, "https://sts.example:4700/", &[], &["sts.example:4700"]);
    check(Version::HTTP_2, "https://one/", &["one"], &["one"]);
    // Not the same: both go on, and two are refused there.
    check(Version::HTTP_2, "https://one/", &["two"], &["two", "one"]);
    check(Version::HTTP_2, "/", &["one"], &["one"]);
    check(Version::HTTP_11, "/", &[], &[]);
    check(Version::HTTP_11, "/", &["one"], &["one"]);
    // The same goes for an absolute target, by the bytes: userinfo, port and case count.
    check(Version::HTTP_11, "http://one/", &["one"], &["one"]);
    check(Version::HTTP_11, "http://one:4700/", &["one:4700"], &["one:4700"]);
    check(Version::HTTP_11, "http://one/", &["two"], &["two", "one"]);
    check(Version::HTTP_11, "http://one:4700/", &["one"], &["one", "one:4700"]);
    check(Version::HTTP_11, "http://user@one/", &["one"], &["one", "user@one"]);
    check(Version::HTTP_11, "http://one/", &["One"], &["One", "one"]);
    check(Version::HTTP_10, "http://one/", &["two"], &["two", "one"]);
    // It does not make up for a missing field.
    check(Version::HTTP_11, "http://one/", &[], &[]);
    check(Version::HTTP_10, "http://one/", &[], &[]);
}

#[test]
fn only_path_and_query_are_kept() {
    for (uri, expected) in [
        ("https://one/a%2Fb?c=%20", "/a%2Fb?c=%20"),
        ("/a//b/?", "/a//b/?"),
        ("https://one", "/"),
        ("one:443", "/"),
        ("*", "*"),
    ] {
        assert_eq!(origin_form(Uri::from_static(uri)).to_string(), expected, "{uri}");
    }
}

#[tokio::test]
async fn the_health_check_needs_no_credentials_and_no_application() {
    let edge = edge();
    for method in [Method::GET, Method::HEAD] {
        let request = Request::builder().method(method).uri("/healthz?x");
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(answer(&edge, request).await, (200, "ok\n".to_owned()));
    }
    assert!(edge.app.received.lock().unwrap().is_empty());
    for (method, uri) in
        [(Method::POST, "/healthz"), (Method::GET, "/healthz/"), (Method::GET, "/")]
    {
        let request = Request::builder().method(method).uri(uri);
        let request = request.body(Empty::<Bytes>::new()).unwrap();
        assert_eq!(answer(&edge, request).await, (200, "handled".to_owned()));
    }
}

#[tokio::test]
async fn a_body_is_bounded_whether_or_not_its_length_is_told() {
    let edge = edge();
    let told = |length: usize| post(Full::from(vec![b'x'; length]));
    for length in [0, 1, SMALL_BODY, SMALL_BODY + 1, BODY_MAX] {
        assert_eq!(answer(&edge, told(length)).await.0, 200, "{length}");
        let received = edge.app.received.lock().unwrap().pop().unwrap();
        assert_eq!(received.body.len(), length);
    }
    let refused = (418, "RequestEntityTooLarge".to_owned());
    assert_eq!(answer(&edge, told(BODY_MAX + 1)).await, refused);
    assert_eq!(answer(&edge, post(chunks(10))).await.0, 200);
    assert_eq!(answer(&edge, post(chunks(11))).await, refused);
    assert_eq!(edge.app.received.lock().unwrap().len(), 1);
    assert_eq!(edge.bodies.turns_left(), LARGE_BODIES);
}

/// Time is the runtime's own here: it jumps to the next timer.
#[tokio::test(start_paused = true)]
async fn a_body_that_does_not_come_is_not_waited_for() {
    let edge = edge();
    assert_eq!(answer(&edge, post(Silence)).await, (418, "RequestTimeout".to_owned()));
    assert!(edge.app.received.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn large_bodies_wait_for_their_turn_and_small_ones_do_not() {
    let edge = edge();
    let taken = edge.bodies.take_all_turns().await;
    assert_eq!(answer(&edge, post(Full::from("small"))).await.0, 200);
    assert_eq!(answer(&edge, post(chunks(1))).await, (418, "ServiceUnavailable".to_owned()));
    drop(taken);
    assert_eq!(answer(&edge, post(chunks(1))).await.0, 200);
}

#[tokio::test]
async fn an_operation_ends_also_when_nobody_waits_for_the_reply() {
    let app = Recorder { gate: Some(Semaphore::new(0)), ..Recorder::default() };
    let edge = Edge::new(Arc::new(app), Proxies::default());
    tokio::select! {
        _ = edge.answer(peer("192.0.2.7"), post(chunks(1))) => panic!("the gate is closed"),
        () = edge.app.begun.notified() => {}
    }
    assert_eq!(edge.operations(), 1);
    // Its body stays counted for as long as it is in memory.
    assert_eq!(edge.bodies.turns_left(), LARGE_BODIES - 1);
    edge.app.gate.as_ref().unwrap().add_permits(1);
    edge.settled().await;
    edge.app.ended.notified().await;
    assert_eq!(edge.bodies.turns_left(), LARGE_BODIES);
}

/// An operation may wait for somebody else's server: others' uploads do not wait with it.
#[tokio::test]
async fn an_operation_that_waits_holds_no_turn_for_what_is_not_very_large() {
    for (length, held) in [(SMALL_BODY, 0), (SMALL_BODY + 1, 0), (KEPT_BODY, 0), (KEPT_BODY + 1, 1)]
    {
        let app = Recorder { gate: Some(Semaphore::new(0)), ..Recorder::default() };
        let edge = Edge::new(Arc::new(app), Proxies::default());
        let request = post(Full::from(vec![b'x'; length]));
        let answering = edge.answer(peer("192.0.2.7"), request);
        let waiting = async {
            edge.app.begun.notified().await;
            assert_eq!(edge.bodies.turns_left(), LARGE_BODIES - held, "{length}");
            // It is bounded as an operation.
            assert_eq!(edge.operations(), 1);
            edge.app.gate.as_ref().unwrap().add_permits(1);
        };
        assert_eq!(tokio::join!(answering, waiting).0.status(), 200);
        assert_eq!(edge.bodies.turns_left(), LARGE_BODIES);
    }
}

/// While it waits to begin, the body is still one of the large ones.
#[tokio::test(start_paused = true)]
async fn a_body_gives_its_turn_back_when_its_operation_begins() {
    let edge = edge();
    let taken = Arc::clone(&edge.operations).acquire_many_owned(OPERATIONS).await.unwrap();
    let request = post(Full::from(vec![b'x'; SMALL_BODY + 1]));
    let answering = edge.answer(peer("192.0.2.7"), request);
    let freeing = async {
        tokio::time::sleep(OPERATION_TIMEOUT / 2).await;
        assert_eq!(edge.bodies.turns_left(), LARGE_BODIES - 1);
        drop(taken);
    };
    assert_eq!(tokio::join!(answering, freeing).0.status(), 200);
    assert_eq!(edge.bodies.turns_left(), LARGE_BODIES);
}

#[tokio::test]
async fn an_operation_that_panics_is_answered() {
    let app = Recorder { panics: true, ..Recorder::default() };
    let edge = Edge::new(Arc::new(app), Proxies::default());
    let refused = (418, "InternalFailure".to_owned());
    for _ in 0..2 {
        assert_eq!(answer(&edge, post(chunks(1))).await, refused);
    }
    assert_eq!(edge.operations(), 0);
    assert_eq!(edge.bodies.turns_left(), LARGE_BODIES);
}

#[tokio::test(start_paused = true)]
async fn operations_are_bounded_whoever_still_waits_for_them() {
    let edge = edge();
    let taken = Arc::clone(&edge.operations).acquire_many_owned(OPERATIONS).await.unwrap();
    let refused = (418, "ServiceUnavailable".to_owned());
    assert_eq!(answer(&edge, post(Full::from("x"))).await, refused);
    assert!(edge.app.received.lock().unwrap().is_empty());
    drop(taken);
    assert_eq!(answer(&edge, post(Full::from("x"))).await.0, 200);
}

#[tokio::test(start_paused = true)]
async fn large_bodies_are_counted_by_the_address_that_a_proxy_names() {
    use crate::body::LARGE_BODIES_PER_ADDRESS;

    let app = Recorder { gate: Some(Semaphore::new(0)), ..Recorder::default() };
    let proxies = Proxies::parse(&["10.0.0.1".to_owned()]).unwrap();
    let edge = Arc::new(Edge::new(Arc::new(app), proxies));
    let send = |client: &str| {
        let request = Request::post("/").header("x-forwarded-for", client).body(chunks(1));
        let (edge, request) = (Arc::clone(&edge), request.unwrap());
        async move { edge.answer(peer("10.0.0.1"), request).await }
    };
    let mut held = Vec::new();
    for _ in 0..LARGE_BODIES_PER_ADDRESS {
        held.push(tokio::spawn(send("198.51.100.1")));
        edge.app.begun.notified().await;
    }
    let refused = send("198.51.100.1").await.into_body().collect().await.unwrap().to_bytes();
    assert_eq!(refused, "ServiceUnavailable");
    let other = tokio::spawn(send("198.51.100.2"));
    edge.app.begun.notified().await;
    edge.app.gate.as_ref().unwrap().add_permits(100);
    for answered in held.into_iter().chain([other]) {
        assert_eq!(answered.await.unwrap().status(), StatusCode::OK);
    }
    assert_eq!(send("198.51.100.1").await.status(), StatusCode::OK);
}

/// What was handled and refused is counted under its name, health checks are not.
#[tokio::test]
async fn requests_are_counted_and_measured() {
    use crate::metrics::tests::{parse, value};

    let metrics = Arc::new(Metrics::new());
    let edge = edge().observed(Arc::clone(&metrics), Arc::default());
    answer(&edge, post(Full::from("x"))).await;
    answer(&edge, post(Full::from(vec![b'x'; BODY_MAX + 1]))).await;
    answer(&edge, Request::get("/healthz").body(Empty::new()).unwrap()).await;
    let samples = parse(&metrics.text(&crate::metrics::Gathered::default()).unwrap());
    for outcome in ["ok", "RequestEntityTooLarge"] {
        let labels = [("operation", "none"), ("outcome", outcome)];
        assert_eq!(value(&samples, "daypass_requests_total", &labels), 1.0, "{outcome}");
    }
    let labels = [("operation", "none")];
    assert_eq!(value(&samples, "daypass_request_duration_seconds_count", &labels), 2.0);
    assert_eq!(value(&samples, "daypass_requests_in_flight", &[]), 0.0);
}

/// The public answer to a health check tells what is wrong, and not more.
#[tokio::test]
async fn an_unhealthy_server_says_so() {
    let trouble = crate::health::Trouble { what: "it is ill", detail: Some("why".to_owned()) };
    let health = Health::of(vec![Box::new(move || Some(trouble.clone()))]);
    let edge = edge().observed(Arc::new(Metrics::new()), Arc::new(health));
    let request = Request::get("/healthz").body(Empty::<Bytes>::new()).unwrap();
    assert_eq!(answer(&edge, request).await, (503, "it is ill\n".to_owned()));
}
