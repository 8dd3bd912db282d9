//! As much of an AWS client as the demo needs: signed forms for STS and IAM, signed requests to S3.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_server::{Clock, DEFAULT_REGION, SystemClock};
use daypass_sigv4::{Credentials, Request, sign};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

/// What was answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
}

impl Reply {
    /// The text of the first element of that name.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        let (_, behind) = self.body.split_once(&format!("<{name}>"))?;
        let (text, _) = behind.split_once(&format!("</{name}>"))?;
        let marks = [("&quot;", "\""), ("&lt;", "<"), ("&gt;", ">"), ("&amp;", "&")];
        Some(marks.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)))
    }

    /// The credentials of a session.
    pub(crate) fn credentials(&self) -> anyhow::Result<Credentials> {
        let text = |name| self.text(name).with_context(|| format!("no {name}: {}", self.body));
        Ok(Credentials {
            access_key_id: AccessKeyId::parse(&text("AccessKeyId")?)?,
            secret_access_key: SecretAccessKey::parse(&text("SecretAccessKey")?)?,
            session_token: Some(text("SessionToken")?),
        })
    }
}

/// Calls an operation of STS or IAM.
pub(crate) async fn call(
    server: SocketAddr,
    credentials: &Credentials,
    service: &str,
    action: &str,
    parameters: &[(&str, &str)],
) -> anyhow::Result<Reply> {
    let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
    let head = [("Action", action), ("Version", version)];
    let pairs = head.iter().chain(parameters);
    let pairs: Vec<String> =
        pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
    send(server, credentials, service, ("POST", "/", ""), pairs.join("&")).await
}

/// Asks for something of S3. `target` is the method, the path and the query string.
pub(crate) async fn s3(
    gateway: SocketAddr,
    credentials: &Credentials,
    target: (&str, &str, &str),
    body: &str,
) -> anyhow::Result<Reply> {
    send(gateway, credentials, "s3", target, body.to_owned()).await
}

async fn send(
    address: SocketAddr,
    credentials: &Credentials,
    service: &str,
    (method, path, query): (&str, &str, &str),
    body: String,
) -> anyhow::Result<Reply> {
    let host = address.to_string();
    let mut headers: Vec<(&str, &[u8])> = vec![("host", host.as_bytes())];
    if service != "s3" {
        headers.push(("content-type", b"application/x-www-form-urlencoded; charset=utf-8"));
    }
    let unsigned = Request { method, path, query, headers: &headers };
    let now = SystemClock.now();
    let added = sign(&unsigned, body.as_bytes(), credentials, DEFAULT_REGION, service, now);
    let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
    let mut request = http::Request::builder().method(method).uri(target);
    for (name, value) in &headers {
        request = request.header(*name, *value);
    }
    for (name, value) in added {
        request = request.header(name, value);
    }
    let request = request.body(Full::new(Bytes::from(body)))?;
    let stream = TcpStream::connect(address).await?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let exchange = async {
        let response = sender.send_request(request).await?;
        let status = response.status().as_u16();
        let body = response.into_body().collect().await?.to_bytes();
        // The connection ends with its only sender.
        drop(sender);
        anyhow::Ok(Reply { status, body: String::from_utf8_lossy(&body).into_owned() })
    };
    let (reply, _) = tokio::join!(exchange, connection);
    reply
}

/// Percent-encoding of everything but RFC 3986's unreserved characters.
fn encode(text: &str) -> String {
    let mut encoded = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                encoded.push(char::from(byte));
            }
            _ => encoded.push_str(&format!("%{byte:02X}")),
        }
    }
    encoded
}
