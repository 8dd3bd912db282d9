//! TLS: a private CA, clients that trust it, and a certificate that is replaced while serving.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use daypass_tests::{ACCOUNT, Authority, Client, Program, Server, scratch};
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore};

/// How often a new connection is tried until the server shows its new certificate. Each try is a
/// handshake, so there is nothing to sleep for.
const TRIES: usize = 2000;

/// The certificate that the server shows, verified against this authority.
fn served(authority: &Authority, server: &Server) -> CertificateDer<'static> {
    let (connection, _) = handshake(authority, server);
    connection.peer_certificates().unwrap()[0].clone().into_owned()
}

fn handshake(authority: &Authority, server: &Server) -> (ClientConnection, TcpStream) {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("127.0.0.1").unwrap();
    let mut connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    while connection.is_handshaking() {
        connection.complete_io(&mut stream).unwrap();
    }
    (connection, stream)
}

struct Files {
    folder: Arc<tempfile::TempDir>,
}

impl Files {
    fn new() -> Self {
        Self { folder: scratch() }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn serve(&self) -> Server {
        let (certificate, key) = (self.path("tls.pem"), self.path("tls.key"));
        let (certificate, key) = (certificate.display().to_string(), key.display().to_string());
        Server::start_with(&["--tls-cert", &certificate, "--tls-key", &key], &[])
    }
}

#[test]
fn clients_that_trust_the_authority_work_and_others_do_not() {
    let files = Files::new();
    let authority = Authority::new();
    authority.issue(&files.path("tls.pem"), &files.path("tls.key"));
    let server = files.serve();
    assert!(server.url().starts_with("https://127.0.0.1:"), "{}", server.url());

    let bundle = files.path("ca.pem");
    fs::write(&bundle, authority.pem()).unwrap();
    let trusting = Client::with_profile(&server).env("AWS_CA_BUNDLE", bundle.display().to_string());
    let me = trusting.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me["Account"], ACCOUNT);

    let stranger = Client::with_profile(&server).env("AWS_MAX_ATTEMPTS", "1");
    let refused = stranger.aws(&["sts", "get-caller-identity"]).failed(255);
    assert!(refused.contains("CERTIFICATE_VERIFY_FAILED"), "{refused}");
}

#[test]
fn a_replaced_certificate_is_served_after_sighup() {
    let files = Files::new();
    let authority = Authority::new();
    let (certificate, key) = (files.path("tls.pem"), files.path("tls.key"));
    let first = authority.issue(&certificate, &key);
    let server = files.serve();
    assert_eq!(served(&authority, &server), first);
    let (mut kept, mut stream) = handshake(&authority, &server);

    // What cannot be used is refused, and the old certificate stays.
    fs::write(&certificate, "not a certificate").unwrap();
    server.signal("HUP");
    for _ in 0..20 {
        assert_eq!(served(&authority, &server), first);
    }
    let second = authority.issue(&certificate, &key);
    server.signal("HUP");
    let shown = (0..TRIES).any(|_| served(&authority, &server) == second);
    assert!(shown, "the new certificate was never served:\n{}", server.log());

    // A connection from before goes on.
    let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", server.host());
    let mut tls = rustls::Stream::new(&mut kept, &mut stream);
    tls.write_all(request.as_bytes()).unwrap();
    let mut status = [0; 12];
    tls.read_exact(&mut status).unwrap();
    assert_eq!(&status, b"HTTP/1.1 200");
}

#[test]
fn plain_http_on_the_tls_port_gets_nothing() {
    let files = Files::new();
    let authority = Authority::new();
    let leaf = authority.issue(&files.path("tls.pem"), &files.path("tls.key"));
    let server = files.serve();
    let mut wire = server.connect();
    let reply = wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").reply();
    assert!(reply.as_ref().is_none_or(|reply| reply.status / 100 == 4), "{reply:?}");
    assert_eq!(served(&authority, &server), leaf);
}

#[test]
fn a_certificate_of_another_key_is_refused_at_start() {
    let files = Files::new();
    let authority = Authority::new();
    authority.issue(&files.path("one.pem"), &files.path("one.key"));
    authority.issue(&files.path("two.pem"), &files.path("two.key"));
    let (certificate, key) = (files.path("one.pem"), files.path("two.key"));
    let refused = Program::daypass(files.folder.path()).run([
        "serve".as_ref(),
        "--ephemeral".as_ref(),
        "--listen".as_ref(),
        "127.0.0.1:0".as_ref(),
        "--tls-cert".as_ref(),
        certificate.as_os_str(),
        "--tls-key".as_ref(),
        key.as_os_str(),
    ]);
    assert!(!matches!(refused.code, Some(0) | None), "{refused:?}");
    assert!(!refused.stderr.contains("panicked"), "{refused:?}");
}
