//! TLS: a private CA, clients that trust it, and a certificate that is replaced while serving.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use daypass_sigv4::{Request, sign};
use daypass_tests::{ACCOUNT, Authority, Client, Program, REGION, Server, now, scratch};
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
    handshake_for(authority, server, &[])
}

/// The same for a client that speaks these protocols (ALPN, RFC 7301).
fn handshake_for(
    authority: &Authority,
    server: &Server,
    protocols: &[&[u8]],
) -> (ClientConnection, TcpStream) {
    let mut roots = RootCertStore::empty();
    roots.add(authority.der().clone()).unwrap();
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.to_vec()).collect();
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

/// A frame of HTTP/2 (RFC 9113, section 4.1).
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// A text in HPACK (RFC 7541, sections 5.1 and 5.2), without Huffman's code.
fn hpack(text: &str) -> Vec<u8> {
    let mut encoded = match text.len() {
        short @ 0..127 => vec![u8::try_from(short).unwrap()],
        long => {
            let (mut left, mut encoded) = (long - 127, vec![127]);
            while left >= 128 {
                encoded.push(u8::try_from(left % 128).unwrap() | 128);
                left /= 128;
            }
            encoded.push(u8::try_from(left).unwrap());
            encoded
        }
    };
    encoded.extend_from_slice(text.as_bytes());
    encoded
}

/// The header fields of a signed call that reads, which has a reply of some kilobytes.
fn list_policies(server: &Server) -> Vec<u8> {
    const QUERY: &str = "Action=ListPolicies&Version=2010-05-08";
    let admin = server.admin();
    let headers = [("host", server.host().as_bytes())];
    let unsigned = Request { method: "GET", path: "/", query: QUERY, headers: &headers };
    let credentials = admin.credentials();
    // GET, https, and the target and the host by the names of the static table.
    let mut fields = vec![0x82, 0x87, 0x04];
    fields.extend(hpack(&format!("/?{QUERY}")));
    fields.push(0x01);
    fields.extend(hpack(server.host()));
    for (name, value) in sign(&unsigned, b"", &credentials, REGION, "iam", now()) {
        fields.push(0);
        fields.extend(hpack(name));
        fields.extend(hpack(&value));
    }
    fields
}

/// How much memory a server holds, in KiB.
fn resident(server: &Server) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", server.process_id())).unwrap();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    line.trim().trim_end_matches("kB").trim().parse().unwrap()
}

/// Clients that ask on all their streams and let nothing of the replies be sent: the heads of all
/// replies come, others are served at once, what is held is little, and the server ends in time.
#[test]
fn replies_over_http_2_that_nobody_reads_hold_up_nobody() {
    const CONNECTIONS: usize = 40;
    const STREAMS: u32 = 16;
    const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
    const NO_WINDOW: [u8; 6] = [0, 4, 0, 0, 0, 0];
    /// What the connections with all their replies may take, in KiB: 1 MiB each.
    const MOST: u64 = 40 << 10;
    let files = Files::new();
    let authority = Authority::new();
    authority.issue(&files.path("tls.pem"), &files.path("tls.key"));
    let bundle = files.path("ca.pem");
    fs::write(&bundle, authority.pem()).unwrap();
    let server = files.serve();
    let before = resident(&server);
    let fields = list_policies(&server);
    let mut held = Vec::new();
    for _ in 0..CONNECTIONS {
        let (mut connection, mut stream) = handshake_for(&authority, &server, &[b"h2"]);
        assert_eq!(connection.alpn_protocol(), Some(&b"h2"[..]));
        let mut tls = rustls::Stream::new(&mut connection, &mut stream);
        let mut words = [PREFACE, &frame(4, 0, 0, &NO_WINDOW)].concat();
        for number in 0..STREAMS {
            // The whole head, and no body.
            words.extend(frame(1, 0x5, 2 * number + 1, &fields));
        }
        tls.write_all(&words).unwrap();
        let (mut heads, mut read) = (0, Vec::new());
        while heads < STREAMS {
            let mut bytes = [0; 4096];
            let count = tls.read(&mut bytes).unwrap();
            assert_ne!(count, 0, "the connection was closed");
            read.extend_from_slice(&bytes[..count]);
            // A frame's length, its kind, flags and stream, and what it holds.
            while let [high, middle, low, kind, _, _, _, _, _, rest @ ..] = &*read {
                let length =
                    usize::from(*high) << 16 | usize::from(*middle) << 8 | usize::from(*low);
                if rest.len() < length {
                    break;
                }
                // No body may come, and nothing may be refused.
                assert!(length == 0 || ![0, 3, 7].contains(kind), "{kind}");
                heads += u32::from(*kind == 1);
                read.drain(..9 + length);
            }
        }
        held.push((connection, stream));
    }
    let client = Client::with_profile(&server).env("AWS_CA_BUNDLE", bundle.display().to_string());
    let me = client.aws(&["sts", "get-caller-identity"]).json();
    assert_eq!(me["Account"], ACCOUNT);
    let grown = resident(&server).saturating_sub(before);
    assert!(grown < MOST, "{grown} KiB");
    // Within the 15 seconds that the test waits for.
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    drop(held);
}
