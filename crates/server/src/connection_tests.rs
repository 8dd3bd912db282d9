//! Connections over an in-memory pipe, with the runtime's clock paused: it jumps to the next
//! timer as soon as nothing else can happen.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, duplex};
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::*;
use crate::edge::Edge;
use crate::edge::tests::Recorder;
use crate::patience::{HEAD_TIMEOUT, IDLE_TIMEOUT};
use crate::proxies::Proxies;

struct Client {
    stream: DuplexStream,
    server: JoinHandle<()>,
    stop: watch::Sender<bool>,
    opened: Instant,
}

fn connect(protocol: Protocol) -> Client {
    connect_to(Arc::new(Edge::new(Arc::new(Recorder::default()), Proxies::default())), protocol)
}

fn connect_to(edge: Arc<Edge<Recorder>>, protocol: Protocol) -> Client {
    let (stream, far) = duplex(1 << 20);
    let (stop, stopped) = watch::channel(false);
    let peer = Origin::new("192.0.2.7".parse().unwrap(), false);
    let server = tokio::spawn(serve(far, protocol, peer, edge, stopped));
    Client { stream, server, stop, opened: Instant::now() }
}

impl Client {
    async fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).await.unwrap();
    }

    /// Reads until `end` has come.
    async fn read_to(&mut self, end: &str) -> String {
        let mut text = String::new();
        while !text.ends_with(end) {
            text.push(char::from(self.stream.read_u8().await.unwrap()));
        }
        text
    }

    /// Everything until the server closes, and how long after the opening it did.
    async fn rest(mut self) -> (String, Duration) {
        let mut text = Vec::new();
        // A connection that is cut off may end with an error.
        let _ = self.stream.read_to_end(&mut text).await;
        self.server.await.unwrap();
        (String::from_utf8_lossy(&text).into_owned(), Instant::now() - self.opened)
    }
}

const REQUEST: &str = "GET / HTTP/1.1\r\nhost: x\r\n\r\n";

#[tokio::test(start_paused = true)]
async fn a_connection_serves_one_request_after_another() {
    let mut client = connect(Protocol::Http1);
    for _ in 0..3 {
        client.send(REQUEST).await;
        let reply = client.read_to("handled").await;
        assert!(reply.starts_with("HTTP/1.1 200 OK\r\n"), "{reply}");
        assert!(reply.contains("\r\ndate: "), "{reply}");
        assert!(!reply.contains("\r\nserver: "), "{reply}");
    }
    client.send("HEAD /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
    let (reply, _) = client.rest().await;
    assert!(reply.contains("content-length: 3\r\n") && reply.ends_with("\r\n\r\n"), "{reply}");
}

#[tokio::test(start_paused = true)]
async fn a_head_must_come_in_time_and_an_idle_connection_may_wait() {
    // Nothing at all, and a head that never ends.
    for head in ["", "GET / HT", "GET / HTTP/1.1\r\nx: y\r\n"] {
        let mut client = connect(Protocol::Http1);
        client.send(head).await;
        let (reply, after) = client.rest().await;
        assert_eq!(reply, "");
        assert!((HEAD_TIMEOUT..HEAD_TIMEOUT + LAST_WORDS * 2).contains(&after), "{after:?}");
    }
    // After a reply there is the longer time.
    let mut client = connect(Protocol::Http1);
    client.send(REQUEST).await;
    client.read_to("handled").await;
    let (_, after) = client.rest().await;
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + LAST_WORDS).contains(&after), "{after:?}");
    // But the second head must hurry as the first one did.
    let mut client = connect(Protocol::Http1);
    client.send(REQUEST).await;
    client.read_to("handled").await;
    client.send("GET").await;
    let (_, after) = client.rest().await;
    assert!((HEAD_TIMEOUT..HEAD_TIMEOUT + LAST_WORDS * 2).contains(&after), "{after:?}");
}

/// A reply that holds room is read in time, or the connection ends and the room is free.
#[tokio::test(start_paused = true)]
async fn a_large_reply_must_be_read() {
    let room = Arc::new(());
    let app = Recorder { room: Some(Arc::clone(&room)), ..Recorder::default() };
    let edge = Arc::new(Edge::new(Arc::new(app), Proxies::default()));
    // The recorder's, and ours.
    let is_free = || Arc::strong_count(&room) == 2;
    // Whoever reads it may stay for as long as others.
    let mut client = connect_to(Arc::clone(&edge), Protocol::Http1);
    client.send(REQUEST).await;
    assert!(client.read_to("handled").await.len() > 4 << 20);
    assert!(is_free());
    let (_, after) = client.rest().await;
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + LAST_WORDS).contains(&after), "{after:?}");
    // Nothing of it is read, or not enough, or a further request is sent meanwhile.
    for (bytes, more) in [(0, ""), (2 << 20, ""), (0, REQUEST), (0, "G")] {
        let mut client = connect_to(Arc::clone(&edge), Protocol::Http1);
        client.send(REQUEST).await;
        let mut read = vec![0; bytes];
        client.stream.read_exact(&mut read).await.unwrap();
        client.send(more).await;
        tokio::time::sleep(HEAD_TIMEOUT / 2).await;
        assert!(!is_free());
        let Client { server, stop, opened, stream } = client;
        server.await.unwrap();
        let after = opened.elapsed();
        assert!((HEAD_TIMEOUT..=SEND_TIMEOUT).contains(&after), "{after:?}");
        assert!(is_free(), "{bytes} {more:?}");
        drop((stop, stream));
    }
}

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The client's part of the opening: the preface, and settings with what it lets a stream send at
/// first.
fn opening(window: u32) -> Vec<u8> {
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    let window = [&[0, 4][..], &window.to_be_bytes()].concat();
    [PREFACE, &frame(4, 0, 0, &window)].concat()
}

/// `GET /` of the host `x`, in the words of HPACK's static table (RFC 7541, appendix A).
fn request(stream: u32) -> Vec<u8> {
    const END_OF_STREAM_AND_HEADERS: u8 = 0x5;
    frame(1, END_OF_STREAM_AND_HEADERS, stream, b"\x82\x86\x84\x01\x01x")
}

/// What a connection of HTTP/2 holds for replies that nobody reads is bounded in time as well: for
/// whoever lets nothing be sent (no window), a little, or as much as the connection takes and no
/// more, on one stream or on many, and goes on to talk meanwhile.
#[tokio::test(start_paused = true)]
async fn a_large_reply_must_be_read_over_http_2_too() {
    const PING: [u8; 8] = *b"not read";
    let room = Arc::new(());
    let app = Recorder { room: Some(Arc::clone(&room)), ..Recorder::default() };
    let edge = Arc::new(Edge::new(Arc::new(app), Proxies::default()));
    let is_free = || Arc::strong_count(&room) == 2;
    for (window, streams) in [(0, 1), (1, 1), (65_535, 1), (0x7fff_ffff, 1), (0, STREAMS_MAX)] {
        let mut client = connect_to(Arc::clone(&edge), Protocol::Http2);
        client.stream.write_all(&opening(window)).await.unwrap();
        for number in 0..streams {
            client.stream.write_all(&request(2 * number + 1)).await.unwrap();
        }
        let asked = || edge.app().received.lock().unwrap().len();
        while asked() < usize::try_from(streams).unwrap() {
            assert!(!client.server.is_finished(), "{window} {streams}");
            tokio::task::yield_now().await;
        }
        edge.app().received.lock().unwrap().clear();
        for _ in 0..2 {
            tokio::time::sleep(HEAD_TIMEOUT).await;
            client.stream.write_all(&frame(6, 0, 0, &PING)).await.unwrap();
            assert!(!is_free(), "{window}");
        }
        let Client { server, stop, opened, stream } = client;
        server.await.unwrap();
        let after = opened.elapsed();
        assert!((HEAD_TIMEOUT * 2..=SEND_TIMEOUT).contains(&after), "{window}: {after:?}");
        // What sends a reply is a task of its own, which has to notice.
        for _ in 0..1000 {
            tokio::task::yield_now().await;
        }
        assert!(is_free(), "{window} {streams}");
        drop((stop, stream));
    }
}

/// How a frame begins that refuses a stream (RFC 9113, sections 6.4 and 8.7), up to its number.
fn refusal(stream: u32) -> Vec<u8> {
    frame(3, 0, stream, &7_u32.to_be_bytes())
}

/// Small replies hold no room of the application's, but a place on their connection: those places are
/// few, what is asked for beyond them is refused unheard, and they end with the connection, whatever
/// else is said on it. Nobody else waits for them.
#[tokio::test(start_paused = true)]
async fn small_replies_that_nobody_reads_over_http_2_are_few_and_end() {
    const PING: [u8; 8] = *b"not read";
    const BEYOND: u32 = 5;
    let edge = Arc::new(Edge::new(Arc::new(Recorder::default()), Proxies::default()));
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    let mut client = connect_to(Arc::clone(&edge), Protocol::Http2);
    client.stream.write_all(&opening(0)).await.unwrap();
    for number in 0..STREAMS_MAX + BEYOND {
        client.stream.write_all(&request(2 * number + 1)).await.unwrap();
    }
    // What comes of it is read: the frames, and nothing of a reply's body.
    let last = refusal(2 * (STREAMS_MAX + BEYOND) - 1);
    // A frame of the kind HEADERS that ends them, up to its stream.
    let head = [&[1, 4][..], &(2 * STREAMS_MAX - 1).to_be_bytes()].concat();
    let mut read = Vec::new();
    let has = |read: &[u8], part: &[u8]| read.windows(part.len()).any(|there| there == part);
    while !has(&read, &last) || !has(&read, &head) {
        assert_ne!(client.stream.read_buf(&mut read).await.unwrap(), 0, "{read:?}");
    }
    for number in 0..STREAMS_MAX + BEYOND {
        let refused = refusal(2 * number + 1);
        assert_eq!(has(&read, &refused), number >= STREAMS_MAX, "{number}");
    }
    assert!(!has(&read, b"handled"));
    let asked = edge.app().received.lock().unwrap().len();
    assert_eq!(asked, usize::try_from(STREAMS_MAX).unwrap());
    // Others are served meanwhile, also by HTTP/2.
    let mut neighbour = connect_to(Arc::clone(&edge), Protocol::Http1);
    neighbour.send(REQUEST).await;
    assert!(neighbour.read_to("handled").await.starts_with("HTTP/1.1 200 "));
    drop(neighbour);
    let mut neighbour = connect_to(Arc::clone(&edge), Protocol::Http2);
    neighbour.stream.write_all(&opening(65_535)).await.unwrap();
    neighbour.stream.write_all(&request(1)).await.unwrap();
    neighbour.read_to("handled").await;
    drop(neighbour);
    // To talk keeps nothing alive.
    while client.opened.elapsed() + HEAD_TIMEOUT < IDLE_TIMEOUT {
        tokio::time::sleep(HEAD_TIMEOUT).await;
        client.stream.write_all(&frame(6, 0, 0, &PING)).await.unwrap();
        assert!(!client.server.is_finished());
    }
    let (_, after) = client.rest().await;
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + LAST_WORDS * 2).contains(&after), "{after:?}");
    // And with the connection all that waited on it.
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!(metrics.num_alive_tasks(), tasks);
}

/// Whoever reads nothing at all is not listened to without end: what is to be said to it is bounded,
/// and behind that nothing more is taken from it.
#[tokio::test(start_paused = true)]
async fn who_reads_nothing_over_http_2_is_not_heard_for_long() {
    /// What the pipe takes each way.
    const PIPE: usize = 16 << 10;
    /// What the server takes and gives beyond that: a window's worth, and what it reads ahead.
    const MOST: usize = 512 << 10;
    // What is sent over and over; the number is that of the next stream.
    type Words = fn(u32) -> Vec<u8>;
    let cases: [(&str, Words); 3] = [
        ("pings", |_| frame(6, 0, 0, b"not read")),
        ("settings", |_| frame(4, 0, 0, &[])),
        ("requests", request),
    ];
    for (case, words) in cases {
        let edge = Arc::new(Edge::new(Arc::new(Recorder::default()), Proxies::default()));
        let (mut stream, far) = duplex(PIPE);
        let (stop, stopped) = watch::channel(false);
        let peer = Origin::new("192.0.2.7".parse().unwrap(), false);
        let opened = Instant::now();
        let server = tokio::spawn(serve(far, Protocol::Http2, peer, Arc::clone(&edge), stopped));
        stream.write_all(&opening(0x7fff_ffff)).await.unwrap();
        let (mut written, mut number) = (0, 1);
        // Until nothing is taken any more, or the connection is closed for it.
        loop {
            let words = words(number);
            let sending = timeout(Duration::from_secs(1), stream.write_all(&words)).await;
            match sending {
                Ok(Ok(())) => written += words.len(),
                _ => break,
            }
            number += 2;
            assert!(written < MOST, "{case}: {written}");
            tokio::task::yield_now().await;
        }
        // A reply takes more bytes than its request did, so that there are no more of them.
        let asked = edge.app().received.lock().unwrap().len();
        assert!(asked < MOST / 16, "{case}: {asked}");
        // Others are served.
        let mut neighbour = connect_to(Arc::clone(&edge), Protocol::Http1);
        neighbour.send(REQUEST).await;
        neighbour.read_to("handled").await;
        server.await.unwrap();
        let after = opened.elapsed();
        assert!(after <= IDLE_TIMEOUT + LAST_WORDS * 2, "{case}: {after:?}");
        drop((stop, stream));
    }
}

/// Requests that are taken back as soon as they are sent (CVE-2023-44487) are requests like others:
/// each has its turn, and nothing of them is left, however many there are and although nothing is read.
#[tokio::test(start_paused = true)]
async fn requests_that_are_taken_back_over_http_2_leave_nothing() {
    const MANY: u32 = 10_000;
    const CANCEL: [u8; 4] = 8_u32.to_be_bytes();
    let edge = Arc::new(Edge::new(Arc::new(Recorder::default()), Proxies::default()));
    let metrics = tokio::runtime::Handle::current().metrics();
    let tasks = metrics.num_alive_tasks();
    let mut client = connect_to(Arc::clone(&edge), Protocol::Http2);
    client.stream.write_all(&opening(0)).await.unwrap();
    for number in 0..MANY {
        let stream = 2 * number + 1;
        let both = [request(stream), frame(3, 0, stream, &CANCEL)].concat();
        // Once it was cut off for it, that is as well.
        if client.stream.write_all(&both).await.is_err() {
            break;
        }
        tokio::task::yield_now().await;
        // The connection's own, and those of its streams.
        let most = tasks + 1 + usize::try_from(STREAMS_MAX).unwrap();
        assert!(metrics.num_alive_tasks() <= most, "{number}: {}", metrics.num_alive_tasks());
        edge.app().received.lock().unwrap().clear();
    }
    let (_, after) = client.rest().await;
    assert!(after <= IDLE_TIMEOUT + LAST_WORDS * 2, "{after:?}");
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert_eq!((metrics.num_alive_tasks(), edge.operations()), (tasks, 0));
}

/// And whoever reads may stay: each stream is let send more as it is read.
#[tokio::test(start_paused = true)]
async fn a_large_reply_that_is_read_over_http_2_costs_no_connection() {
    let room = Arc::new(());
    let app = Recorder { room: Some(Arc::clone(&room)), ..Recorder::default() };
    let edge = Arc::new(Edge::new(Arc::new(app), Proxies::default()));
    let mut client = connect_to(Arc::clone(&edge), Protocol::Http2);
    let whole_connection = frame(8, 0, 0, &0x7fff_0000_u32.to_be_bytes());
    client.stream.write_all(&opening(0x7fff_ffff)).await.unwrap();
    client.stream.write_all(&whole_connection).await.unwrap();
    client.stream.write_all(&request(1)).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"handled") {
        assert_ne!(client.stream.read_buf(&mut read).await.unwrap(), 0, "cut off");
    }
    assert!(read.len() > 4 << 20);
    let (_, after) = client.rest().await;
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + LAST_WORDS * 2).contains(&after), "{after:?}");
    assert_eq!(Arc::strong_count(&room), 2);
}

#[tokio::test(start_paused = true)]
async fn a_silent_http_2_connection_ends() {
    let mut client = connect(Protocol::Http2);
    client.send("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0").await;
    let (_, after) = client.rest().await;
    assert!((IDLE_TIMEOUT..IDLE_TIMEOUT + LAST_WORDS * 2).contains(&after), "{after:?}");
}

#[tokio::test(start_paused = true)]
async fn a_head_over_the_limit_is_refused() {
    let field = |length: usize| format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(length));
    let mut client = connect(Protocol::Http1);
    client.send(&field(60 << 10)).await;
    assert!(client.read_to("handled").await.starts_with("HTTP/1.1 200 "));
    for head in [field(64 << 10), format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(257))] {
        let mut client = connect(Protocol::Http1);
        client.send(&head).await;
        let (reply, _) = client.rest().await;
        assert!(reply.starts_with("HTTP/1.1 431 "), "{reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_over_the_limit_is_answered_before_it_is_sent() {
    for (head, beginning) in [
        // Larger than anything may be, or to be sent only when asked for.
        ("content-length: 33554433", 0),
        ("content-length: 1048577\r\nexpect: 100-continue", 0),
        // Whether it may be so large its beginning tells.
        ("content-length: 1048577", 64 << 10),
    ] {
        let mut client = connect(Protocol::Http1);
        client.send(&format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n")).await;
        client.send(&"x".repeat(beginning)).await;
        let reply = client.read_to("RequestEntityTooLarge").await;
        assert!(reply.starts_with("HTTP/1.1 418 "), "{head}: {reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn rubbish_is_answered_and_the_connection_ends() {
    for rubbish in ["\x16\x03\x01\x02", "GET\r\n\r\n", "GET / HTTP/1.1\r\nbad header\r\n\r\n"] {
        let mut client = connect(Protocol::Http1);
        client.send(rubbish).await;
        let (reply, _) = client.rest().await;
        assert!(reply.starts_with("HTTP/1.1 400 "), "{rubbish:?}: {reply}");
    }
}

#[tokio::test(start_paused = true)]
async fn stopping_ends_idle_connections_at_once_and_lets_the_others_finish() {
    // Idle.
    let mut client = connect(Protocol::Http1);
    client.send(REQUEST).await;
    client.read_to("handled").await;
    client.stop.send_replace(true);
    let (_, after) = client.rest().await;
    assert_eq!(after, Duration::ZERO);
    // The body is on its way.
    let mut client = connect(Protocol::Http1);
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").await;
    tokio::task::yield_now().await;
    client.stop.send_replace(true);
    tokio::task::yield_now().await;
    client.send("cd").await;
    let (reply, _) = client.rest().await;
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("handled"), "{reply}");
    // The body does not come: the server does not wait for it for ever.
    let mut client = connect(Protocol::Http1);
    client.send("POST / HTTP/1.1\r\nhost: x\r\ncontent-length: 4\r\n\r\nab").await;
    tokio::task::yield_now().await;
    client.stop.send_replace(true);
    let (_, after) = client.rest().await;
    assert_eq!(after, LAST_WORDS);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_hangs_up_does_not_end_its_operation() {
    let app = Recorder { gate: Some(Semaphore::new(0)), ..Recorder::default() };
    let edge = Arc::new(Edge::new(Arc::new(app), Proxies::default()));
    let mut client = connect_to(Arc::clone(&edge), Protocol::Http1);
    client.send(REQUEST).await;
    edge.app().begun.notified().await;
    let Client { stream, server, stop, .. } = client;
    drop(stream);
    server.await.unwrap();
    drop(stop);
    // The connection is gone, the operation is not.
    assert_eq!(edge.operations(), 1);
    edge.app().gate.as_ref().unwrap().add_permits(1);
    edge.app().ended.notified().await;
}

/// The application refuses a request with two `host` fields, the edge sees to it that there are.
#[tokio::test(start_paused = true)]
async fn an_absolute_target_must_agree_with_the_host() {
    for (target, hosts) in [("/", 1), ("http://x/", 1), ("http://other/", 2), ("http://x:4700/", 2)]
    {
        let edge = Arc::new(Edge::new(Arc::new(Recorder::default()), Proxies::default()));
        let mut client = connect_to(Arc::clone(&edge), Protocol::Http1);
        client.send(&format!("POST {target} HTTP/1.1\r\nhost: x\r\n\r\n")).await;
        client.read_to("handled").await;
        let received = edge.app().received.lock().unwrap().pop().unwrap();
        assert_eq!(received.headers.get_all("host").iter().count(), hosts, "{target}");
        assert_eq!(received.uri, "/");
    }
}

#[test]
fn http_2_streams_are_few() {
    // Each costs memory: see the figures at the constant.
    assert_eq!(STREAMS_MAX * (HEAD_MAX + (16 << 10)) + CONNECTION_WINDOW, 9 << 18);
}
