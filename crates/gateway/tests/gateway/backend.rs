//! A backend that does what a test says, byte by byte, and keeps what came.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// A request as it came.
#[derive(Clone, Debug, Default)]
pub(crate) struct Came {
    /// Start line and header fields.
    pub(crate) head: String,
    /// The body as far as it came.
    pub(crate) body: Vec<u8>,
    /// Whether all of it came that the head announces.
    pub(crate) is_whole: bool,
    /// On which connection, from 1.
    pub(crate) connection: usize,
}

impl Came {
    pub(crate) fn line(&self) -> &str {
        self.head.lines().next().unwrap_or_default()
    }

    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (found, value) = line.split_once(':')?;
            found.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// What is done with a request.
#[derive(Clone, Debug)]
pub(crate) enum Does {
    /// A whole answer is sent, and the connection stays: status line, header fields, body.
    Answers(&'static str, &'static str, &'static str),
    /// These bytes are sent, and the connection ends.
    SendsAndEnds(&'static str),
    /// The same, before the body was read.
    SendsEarly(&'static str),
    /// The connection ends.
    Ends,
}

pub(crate) const OK: Does = Does::Answers("200 OK", "", "");
pub(crate) const NOT_FOUND: Does = Does::Answers(
    "404 Not Found",
    "content-type: application/xml\r\n",
    "<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>",
);

pub(crate) const NO_UPLOAD: Does = Does::Answers(
    "404 Not Found",
    "content-type: application/xml\r\n",
    "<Error><Code>NoSuchUpload</Code><Message>gone</Message></Error>",
);

/// The backend.
pub(crate) struct Backend {
    pub(crate) address: SocketAddr,
    state: Arc<State>,
}

#[derive(Default)]
struct State {
    came: Mutex<Vec<Came>>,
    script: Mutex<Vec<Does>>,
    ended: Notify,
    connections: Mutex<usize>,
}

impl Backend {
    pub(crate) async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let state = Arc::<State>::default();
        let serving = Arc::clone(&state);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let state = Arc::clone(&serving);
                let number = {
                    let mut connections = state.connections.lock().unwrap();
                    *connections += 1;
                    *connections
                };
                tokio::spawn(async move { serve(stream, &state, number).await });
            }
        });
        Self { address, state }
    }

    /// What is done with the next requests, one after the other; every other one is answered with an
    /// empty success.
    pub(crate) fn does(&self, script: &[Does]) {
        *self.state.script.lock().unwrap() = script.iter().rev().cloned().collect();
    }

    /// What has come since this was asked last.
    pub(crate) fn came(&self) -> Vec<Came> {
        std::mem::take(&mut *self.state.came.lock().unwrap())
    }

    /// The one request that comes, once it has come to its end, good or bad.
    pub(crate) async fn one(&self) -> Came {
        loop {
            // Whoever comes between the look and the wait leaves a permit.
            let mut came = self.came();
            if let Some(one) = came.pop() {
                assert!(came.is_empty(), "{came:?}");
                return one;
            }
            self.state.ended.notified().await;
        }
    }
}

async fn serve(mut stream: TcpStream, state: &State, connection: usize) {
    let mut buffer = Vec::new();
    loop {
        let end = loop {
            if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
                break end;
            }
            let mut piece = [0; 4096];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => return,
                Ok(length) => buffer.extend_from_slice(&piece[..length]),
            }
        };
        let head = String::from_utf8_lossy(&buffer[..end]).into_owned();
        buffer.drain(..end + 4);
        let mut came = Came { head, connection, ..Came::default() };
        let length = came.header("content-length").map_or(0, |text| text.parse().unwrap());
        let does = state.script.lock().unwrap().pop();
        let does = does.unwrap_or(OK);
        if let Does::SendsEarly(bytes) = does {
            stream.write_all(bytes.as_bytes()).await.unwrap();
        }
        while buffer.len() < length {
            let mut piece = [0; 65536];
            match stream.read(&mut piece).await {
                Ok(0) | Err(_) => break,
                Ok(length) => buffer.extend_from_slice(&piece[..length]),
            }
        }
        came.is_whole = buffer.len() >= length;
        came.body = buffer.drain(..length.min(buffer.len())).collect();
        let is_whole = came.is_whole;
        let is_head = came.line().starts_with("HEAD ");
        state.came.lock().unwrap().push(came);
        state.ended.notify_one();
        if !is_whole {
            return;
        }
        match does {
            Does::Answers(status, fields, body) => {
                let is_head = is_head && status != "204 No Content";
                let length = match status {
                    "204 No Content" => String::new(),
                    _ => format!("content-length: {}\r\n", body.len()),
                };
                let body = if is_head { "" } else { body };
                let answer = format!("HTTP/1.1 {status}\r\n{fields}{length}\r\n{body}");
                if stream.write_all(answer.as_bytes()).await.is_err() {
                    return;
                }
            }
            Does::SendsAndEnds(bytes) => {
                let _ = stream.write_all(bytes.as_bytes()).await;
                return;
            }
            Does::SendsEarly(_) => {}
            Does::Ends => return,
        }
    }
}
