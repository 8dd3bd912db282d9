//! The accept loop on a real socket of the loopback interface, plain and with TLS.

use bytes::Bytes;
use http::{Request, Version};
use http_body_util::{BodyExt, Empty};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::generate_simple_self_signed;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use tokio_rustls::{TlsConnector, client::TlsStream};

use super::*;
use crate::config::TlsFiles;
use crate::edge::Edge;
use crate::edge::tests::Recorder;
use crate::proxies::Proxies;
use crate::tls::{Certificates, server_config};

/// What an address may hold here.
const SHARE: usize = 4;

struct Running {
    address: SocketAddr,
    edge: Arc<Edge<Recorder>>,
    stop: oneshot::Sender<()>,
    done: JoinHandle<()>,
    certificate: Option<CertificateDer<'static>>,
}

async fn start(with_tls: bool) -> Running {
    start_with(with_tls, Recorder::default(), Proxies::default()).await
}

async fn start_with(with_tls: bool, app: Recorder, proxies: Proxies) -> Running {
    let folder = tempfile::tempdir().unwrap();
    let (tls, certificate) = if with_tls {
        let made = generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        let certificate = folder.path().join("cert.pem");
        let key = folder.path().join("key.pem");
        std::fs::write(&certificate, made.cert.pem()).unwrap();
        std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        let loaded = Certificates::load(TlsFiles { certificate, key }).unwrap();
        (Some(server_config(loaded, None).unwrap()), Some(made.cert.der().clone()))
    } else {
        (None, None)
    };
    let socket = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = socket.local_addr().unwrap();
    let edge = Arc::new(Edge::new(Arc::new(app), proxies));
    let (stop, stopped) = oneshot::channel::<()>();
    let listener = Listener { socket, tls, service: Arc::clone(&edge) };
    let shares = PerAddress::new(SHARE);
    let done = tokio::spawn(listener.serve_shares(shares, async {
        let _ = stopped.await;
    }));
    Running { address, edge, stop, done, certificate }
}

impl Running {
    async fn tls(&self, protocol: &[u8], tls12: bool) -> TlsStream<TcpStream> {
        let mut roots = RootCertStore::empty();
        roots.add(self.certificate.clone().unwrap()).unwrap();
        let versions = if tls12 { &rustls::version::TLS12 } else { &rustls::version::TLS13 };
        let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
            .with_protocol_versions(&[versions])
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        config.alpn_protocols = vec![protocol.to_vec()];
        let stream = TcpStream::connect(self.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }
}

#[tokio::test]
async fn http_2_over_tls_reaches_the_application_with_a_host() {
    for tls12 in [false, true] {
        let running = start(true).await;
        let stream = TokioIo::new(running.tls(b"h2", tls12).await);
        let (mut sender, connection) =
            http2::handshake(TokioExecutor::new(), stream).await.unwrap();
        let connection = tokio::spawn(connection);
        let request = Request::post("https://localhost:4700/?a=b").body(Empty::<Bytes>::new());
        let response = sender.send_request(request.unwrap()).await.unwrap();
        assert_eq!(response.version(), Version::HTTP_2);
        assert!(response.headers().contains_key("date"));
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "handled");
        {
            let received = running.edge.app().received.lock().unwrap();
            assert_eq!(received[0].headers["host"], "localhost:4700");
            assert_eq!(received[0].uri, "/?a=b");
            assert!(received[0].secure_transport);
            assert!(received[0].source_ip.is_loopback());
        }
        // An idle connection does not hold the server up.
        running.stop.send(()).unwrap();
        running.done.await.unwrap();
        let _ = connection.await.unwrap();
    }
}

#[tokio::test]
async fn http_1_over_tls_and_in_the_clear() {
    let running = start(true).await;
    let stream = TokioIo::new(running.tls(b"http/1.1", false).await);
    let (mut sender, connection) = http1::handshake(stream).await.unwrap();
    tokio::spawn(connection);
    let request = Request::get("/healthz").header("host", "x").body(Empty::<Bytes>::new());
    let response = sender.send_request(request.unwrap()).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "ok\n");

    let running = start(false).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = "GET / HTTP/1.1\r\nhost: x\r\nx-forwarded-proto: https\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("handled"), "{reply}");
    assert!(!running.edge.app().received.lock().unwrap()[0].secure_transport);
}

#[tokio::test]
async fn a_client_without_tls_gets_nothing_from_a_tls_port() {
    let running = start(true).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut reply = Vec::new();
    let _ = stream.read_to_end(&mut reply).await;
    assert!(!String::from_utf8_lossy(&reply).contains("HTTP/"));
}

#[tokio::test]
async fn a_body_over_the_limit_is_refused_while_the_client_still_sends_it() {
    let running = start(false).await;
    for head in ["content-length: 2097152", "transfer-encoding: chunked"] {
        let mut stream = TcpStream::connect(running.address).await.unwrap();
        let head = format!("POST / HTTP/1.1\r\nhost: x\r\n{head}\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        // Two MiB in all, and only then does the client look for a reply.
        for _ in 0..32 {
            if head.contains("chunked") {
                stream.write_all(b"10000\r\n").await.unwrap();
            }
            stream.write_all(&[b'x'; 0x10000]).await.unwrap();
            if head.contains("chunked") {
                stream.write_all(b"\r\n").await.unwrap();
            }
        }
        let mut reply = String::new();
        while !reply.ends_with("RequestEntityTooLarge") {
            reply.push(char::from(stream.read_u8().await.unwrap()));
        }
        assert!(reply.starts_with("HTTP/1.1 418 "), "{reply}");
    }
    assert!(running.edge.app().received.lock().unwrap().is_empty());
}

#[tokio::test]
async fn a_stopped_server_finishes_what_it_has_begun_and_takes_nothing_new() {
    let running = start(false).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    let head = "POST / HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\ncontent-length: 4\r\n\r\n";
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut interim = [0; 25];
    stream.read_exact(&mut interim).await.unwrap();
    assert_eq!(&interim, b"HTTP/1.1 100 Continue\r\n\r\n");
    running.stop.send(()).unwrap();
    // The rest of the body lets the request be answered and the server end.
    stream.write_all(b"abcd").await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    assert!(reply.starts_with("HTTP/1.1 200 ") && reply.ends_with("handled"), "{reply}");
    running.done.await.unwrap();
    assert!(TcpStream::connect(running.address).await.is_err());
}

/// Whether a new connection is served; one over the limit is closed without a word.
async fn is_served(running: &Running) -> Option<TcpStream> {
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    // Both may find the connection closed already.
    let _ = stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\n\r\n").await;
    stream.read_u8().await.is_ok().then_some(stream)
}

#[tokio::test]
async fn one_address_has_its_share_of_connections() {
    let running = start(false).await;
    let mut held = Vec::new();
    for _ in 0..SHARE {
        held.push(is_served(&running).await.unwrap());
    }
    for _ in 0..3 {
        assert!(is_served(&running).await.is_none());
    }
    // One goes, one may come, as soon as the server has seen it.
    drop(held.pop());
    while is_served(&running).await.is_none() {}
    drop(held);

    // A proxy brings many clients.
    let proxies = Proxies::parse(&["127.0.0.1".to_owned()]).unwrap();
    let running = start_with(false, Recorder::default(), proxies).await;
    let mut held = Vec::new();
    for _ in 0..SHARE + 2 {
        held.push(is_served(&running).await.unwrap());
    }
}

#[test]
fn closed_connections_are_said_now_and_then() {
    let mut crowd = TurnedAway::new("test");
    let begin = Instant::now();
    let address = "192.0.2.7".parse().unwrap();
    for (after, said, unsaid) in
        [(0, true, 0), (0, false, 1), (9_999, false, 2), (10_000, true, 0), (10_001, false, 1)]
    {
        let now = begin + Duration::from_millis(after);
        assert_eq!(crowd.turned_away(address, now), said, "{after}");
        assert_eq!(crowd.closed, unsaid, "{after}");
    }
}

#[tokio::test]
async fn a_stopped_server_finishes_what_nobody_waits_for() {
    let app = Recorder { gate: Some(Semaphore::new(0)), ..Recorder::default() };
    let running = start_with(false, app, Proxies::default()).await;
    let mut stream = TcpStream::connect(running.address).await.unwrap();
    stream.write_all(b"POST / HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    running.edge.app().begun.notified().await;
    drop(stream);
    running.stop.send(()).unwrap();
    running.edge.app().gate.as_ref().unwrap().add_permits(1);
    running.done.await.unwrap();
    assert_eq!(running.edge.app().ended.notified().await, ());
}
