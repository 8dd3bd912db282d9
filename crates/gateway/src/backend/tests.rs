//! What is waited for and for how long. The runtime's clock is paused: it jumps to the next timer as
//! soon as nothing else can happen.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::time::Instant;

use super::*;

const TIMEOUT: Duration = Duration::from_secs(60);

fn backend(port: u16) -> Backend {
    Backend::new(BackendSettings {
        url: BackendUrl::parse(&format!("http://127.0.0.1:{port}")).unwrap(),
        region: "us-east-1".to_owned(),
        credentials: ForeignCredentials::parse("admin", "backend-example", None).unwrap(),
        tls: None,
        private_plain_http: false,
        timeout: TIMEOUT,
    })
    .unwrap()
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
