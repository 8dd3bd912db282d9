//! A deployment with a gateway before a scripted backend, and its clients.

use std::fs;
use std::net::SocketAddr;
use std::os::unix::fs::OpenOptionsExt;
use std::path::PathBuf;

use bytes::Bytes;
use daypass_demo::{Client, OwnServer, Service};
use daypass_server::{Clock, Config, Home, Layer, SystemClock};
use daypass_sigv4::{Credentials, Request, sign, sign_with_payload};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::backend::{Backend, Does};

/// A running deployment. Its one bucket is `photos`.
pub(crate) struct Deployment {
    pub(crate) backend: Backend,
    pub(crate) admin: Credentials,
    pub(crate) s3: SocketAddr,
    server: OwnServer,
    data: PathBuf,
    _folder: TempDir,
}

/// What the gateway answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) headers: http::HeaderMap,
    pub(crate) body: String,
    /// Whether the body came to its announced end.
    pub(crate) is_whole: bool,
}

impl Reply {
    pub(crate) fn code(&self) -> &str {
        between(&self.body, "<Code>", "</Code>").unwrap_or_default()
    }
}

fn between<'t>(text: &'t str, from: &str, to: &str) -> Option<&'t str> {
    text.split_once(from)?.1.split_once(to).map(|(text, _)| text)
}

impl Deployment {
    pub(crate) async fn start() -> Self {
        Self::start_with(|_| {}).await
    }

    pub(crate) async fn start_with(change: impl FnOnce(&mut Layer)) -> Self {
        let backend = Backend::start().await;
        let folder = tempfile::tempdir().unwrap();
        let keys = folder.path().join("keys");
        let mut file =
            fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys).unwrap();
        std::io::Write::write_all(&mut file, b"AKIABACKENDEXAMPLE\nbackend-example-secret-key\n")
            .unwrap();
        let data = folder.path().join("data");
        let mut layer = Layer {
            listen: Some("127.0.0.1:0".to_owned()),
            data: Some(data.clone()),
            ephemeral: Some(true),
            s3_listen: Some("127.0.0.1:0".to_owned()),
            s3_backend: Some(format!("http://{}", backend.address)),
            s3_backend_credentials: Some(keys),
            s3_backend_exact_keys: Some(false),
            ..Layer::default()
        };
        change(&mut layer);
        let config = Config::resolve(layer, &Home::default()).unwrap();
        let server = OwnServer::start(config).await.unwrap();
        let (admin, s3) = (server.admin.clone(), server.s3_address.unwrap());
        // The gateway asks the backend once whether it answers.
        backend.one().await;
        let made = Self { backend, admin, s3, server, data, _folder: folder };
        made.backend.does(&[crate::backend::NOT_FOUND]);
        let created = made.ask(&made.admin, "PUT", "/photos", &[], b"").await;
        assert_eq!(created.status, 200, "{created:?}");
        made.backend.came();
        made
    }

    /// Ends the server; what it has recorded then.
    pub(crate) async fn finish(self) -> String {
        self.server.stop().await.unwrap();
        fs::read_to_string(self.data.join("trail/trail.jsonl")).unwrap()
    }

    /// A session of the administrator's with that session policy.
    pub(crate) async fn narrowed(&self, policy: &str) -> Credentials {
        let parameters = [("Name", "narrow"), ("Policy", policy)];
        let client = Client::new(self.server.address);
        let reply = client.call(&self.admin, Service::Sts, "GetFederationToken", &parameters);
        reply.await.unwrap().credentials().unwrap()
    }

    /// Asks for something of S3 in one signed request.
    pub(crate) async fn ask(
        &self,
        credentials: &Credentials,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Reply {
        let head = self.signed(credentials, method, target, headers, None, body);
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in &head {
            request = request.header(name, value);
        }
        let body = Full::new(Bytes::copy_from_slice(body));
        exchange(self.s3, request.body(body).unwrap()).await
    }

    /// Asks for something in one request that nobody signed.
    pub(crate) async fn unsigned(
        &self,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Reply {
        let mut request = http::Request::builder().method(method).uri(target);
        request = request.header("host", self.s3.to_string());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        exchange(self.s3, request.body(Full::new(Bytes::new())).unwrap()).await
    }

    /// The header fields of a signed request; `payload` is what it says of its body, where that is
    /// not its hash.
    pub(crate) fn signed(
        &self,
        credentials: &Credentials,
        method: &str,
        target: &str,
        headers: &[(&str, &str)],
        payload: Option<&str>,
        body: &[u8],
    ) -> Vec<(String, String)> {
        let host = self.s3.to_string();
        let mut fields: Vec<(String, String)> = vec![("host".to_owned(), host)];
        let own = headers.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        fields.extend(own);
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let pairs: Vec<(&str, &[u8])> =
            fields.iter().map(|(name, value)| (&**name, value.as_bytes())).collect();
        let request = Request { method, path, query, headers: &pairs };
        let now = SystemClock.now();
        let added = match payload {
            Some(payload) => {
                sign_with_payload(&request, payload, credentials, "us-east-1", "s3", now)
            }
            None => sign(&request, body, credentials, "us-east-1", "s3", now),
        };
        fields.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
        fields
    }

    /// Sends raw bytes, and reads until the gateway closes the connection.
    pub(crate) async fn raw(&self, head: &str, body: &[u8]) -> String {
        let mut stream = TcpStream::connect(self.s3).await.unwrap();
        stream.write_all(head.as_bytes()).await.unwrap();
        // The gateway may have closed it before the end.
        let _ = stream.write_all(body).await;
        let mut text = Vec::new();
        let _ = stream.read_to_end(&mut text).await;
        String::from_utf8_lossy(&text).into_owned()
    }

    /// The head of a raw request, whose connection is to close.
    pub(crate) fn head(method: &str, target: &str, fields: &[(String, String)]) -> String {
        let mut head = format!("{method} {target} HTTP/1.1\r\nconnection: close\r\n");
        for (name, value) in fields {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str("\r\n");
        head
    }

    /// Has the backend do something with the next request.
    pub(crate) fn backend_does(&self, does: Does) {
        self.backend.does(&[does]);
    }
}

/// One request on a connection of its own.
async fn exchange(address: SocketAddr, request: http::Request<Full<Bytes>>) -> Reply {
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await.unwrap();
    let driven = tokio::spawn(connection);
    let response = sender.send_request(request).await.unwrap();
    let (head, mut incoming) = response.into_parts();
    let (mut body, mut is_whole) = (Vec::new(), true);
    while let Some(frame) = incoming.frame().await {
        match frame {
            Ok(frame) => body.extend_from_slice(frame.data_ref().unwrap()),
            Err(_) => {
                is_whole = false;
                break;
            }
        }
    }
    driven.abort();
    let body = String::from_utf8_lossy(&body).into_owned();
    Reply { status: head.status.as_u16(), headers: head.headers, body, is_whole }
}
