//! What reaches the application, and what the edge answers itself.

use std::sync::Mutex;

use http::StatusCode;
use http_body_util::Empty;
use hyper::body::Frame;

use super::*;

/// A stand-in for the application: keeps what it gets and answers with the fault's code.
#[derive(Debug, Default)]
pub(crate) struct Recorder {
    pub(crate) received: Mutex<Vec<Received>>,
}

impl Answer for Recorder {
    fn request_id(&self) -> RequestId {
        RequestId::from_random([7; 16])
    }

    fn now(&self) -> Timestamp {
        Timestamp::from_second(1_767_322_984).unwrap()
    }

    async fn handle(&self, received: Received) -> Response<Bytes> {
        self.received.lock().unwrap().push(received);
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
    Edge::new(Recorder::default(), proxies)
}

fn peer(address: &str) -> Origin {
    Origin { address: address.parse().unwrap(), tls: false }
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
    assert!(received.secure_transport);
    let response = edge.answer(peer("10.0.0.1"), request("unknown")).await;
    assert_eq!(response.status(), StatusCode::IM_A_TEAPOT);
    assert!(edge.app.received.lock().unwrap().is_empty());
}

#[test]
fn the_authority_of_http_2_becomes_the_host() {
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
    check(Version::HTTP_11, "http://one/", &["two"], &["two"]);
    check(Version::HTTP_11, "/", &[], &[]);
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
    assert_eq!(edge.large_bodies.available_permits(), LARGE_BODIES);
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
    let all = u32::try_from(LARGE_BODIES).unwrap();
    let taken = Arc::clone(&edge.large_bodies).acquire_many_owned(all).await.unwrap();
    assert_eq!(answer(&edge, post(Full::from("small"))).await.0, 200);
    assert_eq!(answer(&edge, post(chunks(1))).await, (418, "RequestTimeout".to_owned()));
    drop(taken);
    assert_eq!(answer(&edge, post(chunks(1))).await.0, 200);
}
