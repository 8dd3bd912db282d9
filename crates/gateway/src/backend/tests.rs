//! What is waited for and for how long. The runtime's clock is paused: it jumps to the next timer as
//! soon as nothing else can happen.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use daypass_sigv4::BodyCheck;
use hyper::body::{Body, Frame};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::{Instant, Sleep, sleep};

use super::*;
use crate::chunk_memory::ChunkMemory;
use crate::client_body::ClientBody;

const TIMEOUT: Duration = Duration::from_secs(60);

fn settings(port: u16) -> BackendSettings {
    BackendSettings {
        url: BackendUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
        region: "us-east-1".to_owned(),
        credentials: ForeignCredentials::parse("admin", "backend-example", None).unwrap(),
        tls: None,
        private_plain_http: false,
        timeout: TIMEOUT,
    }
}

fn backend(port: u16) -> Backend {
    Backend::new(settings(port)).unwrap()
}

async fn get(backend: &Backend) -> Result<BackendReply, BackendFault> {
    let request = BackendRequest::bare(Method::GET, "/photos/cat".to_owned(), String::new());
    backend.send(request, Timestamp::UNIX_EPOCH).await
}

/// A server that sends `reply` to each connection's first request, and nothing more.
async fn serving(reply: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut piece = [0; 4096];
                let _ = stream.read(&mut piece).await;
                stream.write_all(reply.as_bytes()).await.unwrap();
                // Until the other side gives up.
                let _ = stream.read(&mut piece).await;
            });
        }
    });
    port
}

#[tokio::test]
async fn nobody_listens() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port();
    let fault = get(&backend(free)).await.unwrap_err();
    assert!(matches!(fault, BackendFault::Unreachable(_)), "{fault:?}");
    assert_eq!(crate::S3Fault::from(fault).code(), crate::S3Code::ServiceUnavailable);
}

/// Whoever asks before that was seen is told at once, and not when the time for a reply is over.
#[tokio::test(start_paused = true)]
async fn a_kept_connection_that_ended_before_it_took_a_request_is_closed() {
    const REPLY: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let settings = settings(listener.local_addr().unwrap().port());
    let mut link = Link::open(connect::connect(&settings).await.unwrap()).await.unwrap();
    let (mut other, _) = listener.accept().await.unwrap();
    let answers = tokio::spawn(async move {
        assert!(other.read(&mut [0; 4096]).await.unwrap() > 0);
        other.write_all(REPLY.as_bytes()).await.unwrap();
        other
    });
    let request = || http::Request::new(SentBody::Empty);
    assert_eq!(link.exchange(request(), TIMEOUT).await.unwrap().status(), StatusCode::OK);
    assert!(link.look().await);
    drop(answers.await.unwrap());
    // Until the runtime has heard of it.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    let begun = Instant::now();
    let fault = link.exchange(request(), TIMEOUT).await.unwrap_err();
    assert_eq!(fault, BackendFault::Closed);
    assert_eq!(begun.elapsed(), Duration::ZERO);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_does_not_answer_is_given_up() {
    let backend = backend(serving("").await);
    let begun = Instant::now();
    let fault = get(&backend).await.unwrap_err();
    assert_eq!(fault, BackendFault::TooSlow);
    let after = begun.elapsed();
    assert!((TIMEOUT..TIMEOUT * 2).contains(&after), "{after:?}");
    assert_eq!(crate::S3Fault::from(fault).code(), crate::S3Code::GatewayTimeout);
}

#[tokio::test(start_paused = true)]
async fn a_backend_that_rests_within_a_body_is_given_up() {
    let backend = backend(serving("HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\nbegun").await);
    let mut reply = get(&backend).await.unwrap();
    assert_eq!(reply.body.whole(1000).await.unwrap_err(), BackendFault::TooSlow);
}

#[tokio::test]
async fn a_connection_is_used_again_once_its_reply_was_read() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let reply = "HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
            stream.write_all(reply.as_bytes()).await.unwrap();
        }
    });
    let backend = backend(port);
    for _ in 0..3 {
        let mut reply = get(&backend).await.unwrap();
        assert_eq!(reply.body.whole(1000).await.unwrap(), "hello");
    }
    server.await.unwrap();
}

#[tokio::test]
async fn a_body_beyond_its_limit_is_none() {
    let backend = backend(serving("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await);
    let mut reply = get(&backend).await.unwrap();
    let fault = reply.body.whole(4).await.unwrap_err();
    assert!(matches!(fault, BackendFault::Nonsense(_)), "{fault:?}");
}

/// A client that rests before each piece of its body, and before its end.
struct Resting {
    pieces: VecDeque<&'static [u8]>,
    rest: Duration,
    resting: Pin<Box<Sleep>>,
}

impl Body for Resting {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::task::ready!(self.resting.as_mut().poll(context));
        self.resting = Box::pin(sleep(self.rest));
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(Bytes::from_static(piece)))))
    }
}

/// An upload of 100 bytes by such a client; what was changed meanwhile is looked for as long.
fn upload(rest: Duration) -> BackendRequest {
    let pieces = [&[b'x'; 40][..], &[b'x'; 60]].into();
    let resting = Resting { pieces, rest, resting: Box::pin(sleep(rest)) };
    let progress = Arc::<SendProgress>::default();
    let room = ChunkMemory::new(16).room(None, Duration::ZERO);
    let last_look = Box::pin(async move {
        sleep(rest).await;
        true
    });
    let body = ClientBody::new(resting, BodyCheck::unsigned());
    let (sent, _) = body.streamed(room, 100, None, Arc::clone(&progress), last_look);
    BackendRequest {
        payload: "UNSIGNED-PAYLOAD".to_owned(),
        body: SentBody::Stream { body: Box::pin(sent), length: 100, progress },
        ..BackendRequest::bare(Method::PUT, "/photos/cat".to_owned(), String::new())
    }
}

/// A server that reads an upload of 100 bytes, and then sends `reply` and nothing more.
async fn storing(reply: &'static str) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        stream.read_exact(&mut [0; 100]).await.unwrap();
        stream.write_all(reply.as_bytes()).await.unwrap();
        // Until the other side gives up.
        let _ = stream.read(&mut [0]).await;
    });
    port
}

/// However long a client rests, it is not the backend that is late.
#[tokio::test(start_paused = true)]
async fn who_is_waited_for_is_late() {
    const TIMEOUT: Duration = Duration::from_secs(2);
    // Both pieces, the end of the body, and the last look.
    const RESTS: u32 = 4;
    for rest in [TIMEOUT / 4, TIMEOUT * 3] {
        let mut settings = settings(storing("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await);
        settings.timeout = TIMEOUT;
        let backend = Backend::new(settings).unwrap();
        let reply = backend.send(upload(rest), Timestamp::UNIX_EPOCH).await.unwrap();
        assert_eq!(reply.status, 200);

        let mut settings = self::settings(storing("").await);
        settings.timeout = TIMEOUT;
        let backend = Backend::new(settings).unwrap();
        let begun = Instant::now();
        let fault = backend.send(upload(rest), Timestamp::UNIX_EPOCH).await.unwrap_err();
        assert_eq!(fault, BackendFault::TooSlow);
        // From the last byte on.
        let late = begun.elapsed().checked_sub(rest * RESTS).unwrap();
        assert!((TIMEOUT..TIMEOUT + TIMEOUT / 10).contains(&late), "{rest:?}: {late:?}");
    }
}
