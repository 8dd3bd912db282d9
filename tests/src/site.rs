//! A web site of a test's own, on loopback: identity providers that answer as the test wants, over
//! TLS or without, and that tell what they were asked.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use serde_json::{Value, json};

use crate::tokens::{SigningKey, jwk_set};

/// How long a byte of a slow answer takes.
const SLOW: Duration = Duration::from_millis(100);
/// How long a connection is kept for another request, or for a client that hangs up. It only bounds
/// a broken client.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much of an endless answer is sent, to a client that reads on and on.
const ENDLESS: usize = 64 << 20;

/// How a path is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// 200 with JSON.
    Json(Value),
    /// These bytes, behind which the connection is closed.
    Bytes(Vec<u8>),
    /// 302 to another URL.
    Redirect(String),
    /// 200 with JSON, as soon as a gate is open.
    Behind(Gate, Value),
    /// Nothing, for as long as the client waits.
    Silence,
    /// A right answer, slowly: byte by byte for as long as the client waits.
    Slowly(Value),
    /// 200 and white space without end, in chunks or up to a length that is told before.
    Endless {
        /// Whether the length is told.
        told: bool,
    },
}

impl Answer {
    /// An answer with any status line, content type and body.
    pub fn text(status: &str, content_type: &str, body: &str) -> Self {
        let length = body.len();
        let head = format!(
            "HTTP/1.1 {status}\r\ncontent-type: {content_type}\r\ncontent-length: {length}\r\n\
             connection: close\r\n\r\n"
        );
        Self::Bytes((head + body).into_bytes())
    }
}

/// What holds answers back until the test lets them go.
#[derive(Clone, Debug, Default)]
pub struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    /// Lets all answers behind it go, now and later.
    pub fn open(&self) {
        let (is_open, opened) = &*self.0;
        *is_open.lock().unwrap_or_else(PoisonError::into_inner) = true;
        opened.notify_all();
    }

    fn pass(&self) {
        let (is_open, opened) = &*self.0;
        let closed = is_open.lock().unwrap_or_else(PoisonError::into_inner);
        drop(opened.wait_timeout_while(closed, PATIENCE, |is_open| !*is_open));
    }
}

/// A web site, until it is dropped.
pub struct Site {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    tls: Option<Arc<ServerConfig>>,
    answers: Mutex<BTreeMap<String, Answer>>,
    asked: Mutex<Vec<String>>,
    open: AtomicUsize,
    accepted: AtomicUsize,
    closed: AtomicBool,
}

impl Site {
    /// One without TLS.
    #[track_caller]
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// One with a certificate.
    #[track_caller]
    pub fn tls(config: Arc<ServerConfig>) -> Self {
        Self::start(Some(config))
    }

    #[track_caller]
    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let bound = TcpListener::bind("127.0.0.1:0")
            .and_then(|listener| listener.local_addr().map(|address| (listener, address)));
        let (listener, address) = match bound {
            Ok(bound) => bound,
            Err(error) => panic!("cannot listen: {error}"),
        };
        let shared = Arc::new(Shared {
            tls,
            answers: Mutex::default(),
            asked: Mutex::default(),
            open: AtomicUsize::new(0),
            accepted: AtomicUsize::new(0),
            closed: AtomicBool::new(false),
        });
        let site = Self { shared: Arc::clone(&shared), address };
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                if shared.closed.load(Ordering::SeqCst) {
                    return;
                }
                let shared = Arc::clone(&shared);
                shared.accepted.fetch_add(1, Ordering::SeqCst);
                shared.open.fetch_add(1, Ordering::SeqCst);
                thread::spawn(move || {
                    // A client that hangs up is nothing unusual.
                    drop(shared.serve(stream));
                    shared.open.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        site
    }

    /// The URL of a path, which begins with a slash or is empty.
    pub fn url(&self, path: &str) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.address)
    }

    /// Sets how a path is answered from now on; others are not found.
    pub fn answer(&self, path: &str, answer: Answer) {
        let mut answers = self.shared.answers.lock().unwrap_or_else(PoisonError::into_inner);
        answers.insert(path.to_owned(), answer);
    }

    /// Makes `/NAME` an issuer with these keys, and returns its URL.
    pub fn issuer(&self, name: &str, keys: &[&SigningKey]) -> String {
        let issuer = self.url(&format!("/{name}"));
        self.answer(&discovery_path(name), Answer::Json(discovery(&issuer)));
        self.keys(name, keys);
        issuer
    }

    /// Changes the keys of the issuer `/NAME`.
    pub fn keys(&self, name: &str, keys: &[&SigningKey]) {
        self.answer(&keys_path(name), Answer::Json(jwk_set(keys)));
    }

    /// How often a path was asked for.
    pub fn asked(&self, path: &str) -> usize {
        let asked = self.shared.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.iter().filter(|line| line.as_str() == path).count()
    }

    /// How many connections are open.
    pub fn open(&self) -> usize {
        self.shared.open.load(Ordering::SeqCst)
    }

    /// How many connections there have been.
    pub fn accepted(&self) -> usize {
        self.shared.accepted.load(Ordering::SeqCst)
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        self.shared.closed.store(true, Ordering::SeqCst);
        // Wakes who waits for connections, so that the port is free again.
        drop(TcpStream::connect(self.address));
    }
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Site").field("address", &self.address).finish_non_exhaustive()
    }
}

/// Where the issuer `/NAME` has its discovery document.
pub fn discovery_path(name: &str) -> String {
    format!("/{name}/.well-known/openid-configuration")
}

/// Where the issuer `/NAME` has its keys.
pub fn keys_path(name: &str) -> String {
    format!("/{name}/keys")
}

/// The discovery document of an issuer, as OpenID Connect Discovery 1.0 demands it.
pub fn discovery(issuer: &str) -> Value {
    json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/keys"),
        "response_types_supported": ["id_token"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
    })
}

trait Connection: Read + Write {}
impl<T: Read + Write> Connection for T {}

impl Shared {
    fn serve(&self, stream: TcpStream) -> io::Result<()> {
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        stream.set_nodelay(true)?;
        let raw = stream.try_clone()?;
        let connection: Box<dyn Connection> = match &self.tls {
            Some(config) => {
                let tls = ServerConnection::new(Arc::clone(config)).map_err(io::Error::other)?;
                Box::new(StreamOwned::new(tls, stream))
            }
            None => Box::new(stream),
        };
        let mut connection = BufReader::new(connection);
        while let Some(path) = request(&mut connection)? {
            self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(path.clone());
            let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
            let answer = answers.get(&path).cloned();
            drop(answers);
            let missing = || Answer::text("404 Not Found", "text/plain", "nothing here");
            let answer = answer.unwrap_or_else(missing);
            if !send(&mut connection, &raw, &answer)? {
                break;
            }
        }
        connection.get_mut().flush()?;
        drop(connection);
        // A connection that was answered without TLS's farewell is closed all the same.
        drop(raw.shutdown(Shutdown::Both));
        Ok(())
    }
}

/// Reads the head of a request, and returns its target; none at the end.
fn request(connection: &mut impl BufRead) -> io::Result<Option<String>> {
    let mut target = None;
    loop {
        let mut line = String::new();
        if connection.read_line(&mut line)? == 0 {
            return Ok(None);
        }
        match line.trim_end() {
            "" => return Ok(target),
            line if target.is_none() => target = line.split(' ').nth(1).map(str::to_owned),
            _ => {}
        }
    }
}

/// Sends an answer; whether the connection goes on after it.
fn send(
    connection: &mut BufReader<Box<dyn Connection>>,
    raw: &TcpStream,
    answer: &Answer,
) -> io::Result<bool> {
    let out = connection.get_mut();
    match answer {
        Answer::Json(value) | Answer::Behind(_, value) => {
            if let Answer::Behind(gate, _) = answer {
                gate.pass();
            }
            let body = value.to_string();
            let length = body.len();
            write!(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")?;
            write!(out, "content-length: {length}\r\n\r\n{body}")?;
            out.flush()?;
            return Ok(true);
        }
        Answer::Bytes(bytes) => out.write_all(bytes)?,
        Answer::Redirect(to) => {
            write!(out, "HTTP/1.1 302 Found\r\nlocation: {to}\r\n")?;
            write!(out, "content-length: 0\r\nconnection: close\r\n\r\n")?;
        }
        // Only the client's hanging up ends this read.
        Answer::Silence => while connection.get_mut().read(&mut [0; 64])? > 0 {},
        Answer::Slowly(value) => {
            let body = value.to_string();
            let head = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
                body.len()
            );
            for byte in head.bytes().chain(body.bytes()) {
                out.write_all(&[byte])?;
                out.flush()?;
                // To wait for what a client never sends is to wait; one that hung up ends it.
                raw.set_read_timeout(Some(SLOW))?;
                if let Ok(0) = raw.peek(&mut [0; 1]) {
                    return Ok(false);
                }
            }
        }
        Answer::Endless { told } => {
            let length = if *told { "content-length: 1000000000000" } else { "connection: close" };
            write!(out, "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n{length}\r\n\r\n")?;
            let spaces = [b' '; 1 << 14];
            for _ in 0..ENDLESS / spaces.len() {
                out.write_all(&spaces)?;
            }
        }
    }
    connection.get_mut().flush()?;
    Ok(false)
}
