//! The machine's own ceiling: a server on the HTTP stack of the product that reads a request and
//! answers with 700 bytes of XML, whatever was asked.
//!
//! It has the library, the builder's settings, the runtime and the socket options of
//! `crates/server/src/{listener,connection}.rs` and nothing else: no limits of time or number, no
//! TLS, no shutdown. It listens on a free loopback port, prints it as the product does, and ends
//! when its standard input is closed, so that it never outlives the load.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::Ipv4Addr;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};

/// What every request is answered with: about what a session's credentials take.
static REPLY: [u8; 700] = reply();

fn main() -> anyhow::Result<()> {
    std::thread::spawn(|| {
        // An error is as good an end as any.
        let _ = std::io::stdin().read_to_end(&mut Vec::new());
        std::process::exit(0);
    });
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(serve())
}

async fn serve() -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "listening on http://{}", listener.local_addr()?)?;
    out.flush()?;
    drop(out);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection(stream));
    }
}

async fn connection(stream: TcpStream) {
    if stream.set_nodelay(true).is_err() {
        return;
    }
    // How a client leaves is of no interest.
    let _ = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(None)
        .max_header_size(64 << 10)
        .max_headers(256)
        .serve_connection(TokioIo::new(stream), service_fn(answer))
        .await;
}

async fn answer(request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    // A body that breaks off ends the connection anyway.
    let _ = request.into_body().collect().await;
    let mut response = Response::new(Full::new(Bytes::from_static(&REPLY)));
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/xml"));
    let id = HeaderValue::from_static("11111111-2222-4333-8444-555555555555");
    headers.insert("x-amzn-requestid", id);
    Ok(response)
}

/// A document of the size of a small reply.
const fn reply() -> [u8; 700] {
    let (head, tail) = (b"<HelloResponse><HelloResult>", b"</HelloResult></HelloResponse>");
    let mut text = [b'x'; 700];
    let mut at = 0;
    while at < head.len() {
        text[at] = head[at];
        at += 1;
    }
    let mut at = 0;
    while at < tail.len() {
        text[700 - tail.len() + at] = tail[at];
        at += 1;
    }
    text
}
