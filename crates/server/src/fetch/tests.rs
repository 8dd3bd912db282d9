//! Fetching from small servers on this machine that do what they should not.

mod answers;
mod certificates;
mod reach;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use daypass_names::AccountId;
use jiff::Timestamp;
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use super::resolve::Resolving;
use super::*;

/// The host of the servers here.
const HOST: &str = "idp.example";

/// The most bytes that are wanted here.
const MOST: usize = 64;

#[derive(Debug)]
struct Standing;

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        "2026-01-02T03:04:05.678Z".parse().unwrap()
    }
}

/// Resolves what a test told it; one answer after the other, the last for ever.
#[derive(Debug, Default)]
struct Names {
    answers: Mutex<HashMap<String, Vec<Vec<IpAddr>>>>,
    asked: AtomicUsize,
}

impl Names {
    fn tell(&self, host: &str, answers: &[&[&str]]) {
        let parse = |one: &&[&str]| one.iter().map(|text| text.parse().unwrap()).collect();
        let answers = answers.iter().map(parse).rev().collect();
        self.answers.lock().unwrap().insert(host.to_owned(), answers);
    }
}

impl Resolve for Names {
    fn resolve<'a>(&'a self, host: &'a str, _: AccountId) -> Resolving<'a> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let mut answers = self.answers.lock().unwrap();
        let answer = match answers.get_mut(host) {
            Some(list) if list.len() > 1 => list.pop(),
            Some(list) => list.last().cloned(),
            None => None,
        };
        Box::pin(async move { answer.ok_or(ResolveFault::Unknown("no such host".to_owned())) })
    }
}

/// Certificates under a root of their own.
struct Authority {
    params: CertificateParams,
    key: KeyPair,
    /// The certificate in PEM, and those between it and the root, the nearest first.
    pem: String,
    above: String,
}

/// A key and the chain that a server sends for it.
struct Identity {
    chain: String,
    key: String,
}

fn named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params
}

fn authority_named(name: &str) -> CertificateParams {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params
}

impl Authority {
    /// A root of a name of its own.
    fn root() -> Self {
        static MADE: AtomicUsize = AtomicUsize::new(0);
        Self::root_named(&format!("root {}", MADE.fetch_add(1, Ordering::Relaxed)))
    }

    fn root_named(name: &str) -> Self {
        let (params, key) = (authority_named(name), KeyPair::generate().unwrap());
        let pem = params.self_signed(&key).unwrap().pem();
        Self { params, key, pem, above: String::new() }
    }

    /// An authority under this one.
    fn intermediate(&self, params: CertificateParams) -> Self {
        let key = KeyPair::generate().unwrap();
        let pem = params.signed_by(&key, &self.issuer()).unwrap().pem();
        Self { params, key, pem, above: format!("{}{}", self.pem, self.above) }
    }

    /// A server under this one, which sends the whole chain.
    fn server(&self, params: &CertificateParams) -> Identity {
        let key = KeyPair::generate().unwrap();
        let leaf = params.signed_by(&key, &self.issuer()).unwrap().pem();
        Identity { chain: format!("{leaf}{}{}", self.pem, self.above), key: key.serialize_pem() }
    }

    fn issuer(&self) -> Issuer<'_, &KeyPair> {
        Issuer::from_params(&self.params, &self.key)
    }
}

impl Identity {
    fn acceptor(&self) -> TlsAcceptor {
        let chain = CertificateDer::pem_slice_iter(self.chain.as_bytes());
        let key = PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain.map(Result::unwrap).collect(), key)
            .unwrap();
        TlsAcceptor::from(Arc::new(config))
    }
}

/// What a server does with a connection once it was asked.
#[derive(Clone, Debug)]
enum Then {
    /// Ends it as it should be ended.
    Close,
    /// Goes away without a word.
    Vanish,
    /// Says nothing more, until the other side goes away.
    Hang,
    /// One byte each second, for ever.
    Drip,
}

/// What a server answers to each path, and what it does then.
type Answers = Arc<dyn Fn(&str) -> (Vec<u8>, Then) + Send + Sync>;

/// A server on a port of the loopback interface.
struct Server {
    port: u16,
    /// How many connections came, and how many of them are still there.
    came: Arc<AtomicUsize>,
    open: Arc<AtomicUsize>,
    /// The heads of the requests.
    heads: Arc<Mutex<Vec<String>>>,
    accepting: JoinHandle<()>,
}

impl Server {
    async fn plain(answers: Answers) -> Self {
        Self::start(None, answers).await
    }

    async fn tls(identity: &Identity, answers: Answers) -> Self {
        Self::start(Some(identity.acceptor()), answers).await
    }

    async fn start(tls: Option<TlsAcceptor>, answers: Answers) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let [came, open] = [(); 2].map(|()| Arc::new(AtomicUsize::new(0)));
        let heads = Arc::new(Mutex::new(Vec::new()));
        let (came_too, open_too, heads_too) = (came.clone(), open.clone(), heads.clone());
        let accepting = tokio::spawn(async move {
            loop {
                let Ok((stream, _)) = listener.accept().await else { return };
                came_too.fetch_add(1, Ordering::SeqCst);
                open_too.fetch_add(1, Ordering::SeqCst);
                let (tls, answers) = (tls.clone(), answers.clone());
                let (open, heads) = (open_too.clone(), heads_too.clone());
                tokio::spawn(async move {
                    match tls {
                        None => speak(stream, answers, heads).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                speak(stream, answers, heads).await;
                            }
                        }
                    }
                    open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, came, open, heads, accepting }
    }

    fn url(&self, path: &str) -> String {
        format!("https://{HOST}:{}{path}", self.port)
    }

    fn came(&self) -> usize {
        self.came.load(Ordering::SeqCst)
    }

    /// Waits until no connection is left.
    async fn quiet(&self) {
        while self.open.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

async fn speak<Stream>(mut stream: Stream, answers: Answers, heads: Arc<Mutex<Vec<String>>>)
where
    Stream: AsyncRead + AsyncWrite + Unpin,
{
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        match stream.read(&mut byte).await {
            Ok(1..) => head.extend_from_slice(&byte),
            Ok(0) | Err(_) => return,
        }
    }
    let head = String::from_utf8(head).unwrap();
    let path = head.split(' ').nth(1).unwrap().to_owned();
    heads.lock().unwrap().push(head);
    let (answer, then) = answers(&path);
    // Who was asked for too much hangs up.
    if stream.write_all(&answer).await.is_err() || stream.flush().await.is_err() {
        return;
    }
    match then {
        Then::Close => {
            let _ = stream.shutdown().await;
        }
        Then::Vanish => {}
        Then::Hang => {
            let _ = stream.read(&mut byte).await;
        }
        Then::Drip => {
            while stream.write_all(b" ").await.is_ok() && stream.flush().await.is_ok() {
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

/// Always the same answer.
fn always(answer: &[u8], then: Then) -> Answers {
    let answer = answer.to_vec();
    Arc::new(move |_| (answer.clone(), then.clone()))
}

/// A document as it should be.
fn document(text: &str) -> Vec<u8> {
    let length = text.len();
    format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{text}")
        .into_bytes()
}

fn networks(texts: &[&str]) -> Networks {
    Networks::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>()).unwrap()
}

/// A fetcher that knows the authority, finds [`HOST`] on this machine, and may ask it.
fn fetcher(authority: &str) -> (Fetcher, Arc<Names>) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("authorities.pem");
    std::fs::write(&file, authority).unwrap();
    let settings = FetchSettings {
        networks: networks(&["127.0.0.1"]),
        authorities: Some(file),
        plain_http: false,
    };
    let names = Arc::new(Names::default());
    names.tell(HOST, &[&["127.0.0.1"]]);
    let made = Fetcher::new(&settings, Arc::new(Standing)).unwrap();
    (Fetcher { resolver: names.clone(), ..made }, names)
}

fn wanted(url: &str) -> FetchWanted {
    FetchWanted {
        url: url.to_owned(),
        account: AccountId::parse("123456789012").unwrap(),
        most_bytes: MOST,
        authorities: None,
        thumbprints: Vec::new(),
        plain_http_loopback: false,
    }
}
