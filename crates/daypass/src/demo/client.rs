//! As much of an AWS client as the demo needs: one signed form, one reply.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use daypass_server::{Clock, DEFAULT_REGION, SystemClock};
use daypass_sigv4::{Credentials, sign};
use http::header::{CONTENT_TYPE, HOST};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::demo::xml;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// A service and the version of its API.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Service {
    Iam,
    Sts,
}

impl Service {
    /// The name in signatures and actions.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Iam => "iam",
            Self::Sts => "sts",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Iam => "2010-05-08",
            Self::Sts => "2011-06-15",
        }
    }
}

/// What the server answered.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) xml: String,
}

impl Reply {
    /// The text of the first element of that name.
    pub(crate) fn text(&self, tag: &str) -> anyhow::Result<String> {
        xml::text(&self.xml, tag).with_context(|| format!("the answer has no {tag}: {}", self.xml))
    }
}

/// A client of one server.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    address: SocketAddr,
}

impl Client {
    pub(crate) fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Where the server is.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Calls an operation as the holder of `credentials`.
    pub(crate) async fn call(
        &self,
        credentials: &Credentials,
        service: Service,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let head = [("Action", action), ("Version", service.version())];
        let pairs = head.iter().chain(parameters);
        let pairs: Vec<_> =
            pairs.map(|(name, value)| format!("{name}={}", encode(value))).collect();
        let body = pairs.join("&");
        let host = self.address.to_string();
        let request = signed(&host, body, credentials, service.name())?;
        let (status, bytes) = self.send(request).await.context("the server did not answer")?;
        let xml = String::from_utf8(bytes.to_vec()).context("the answer is not text")?;
        Ok(Reply { status, xml })
    }

    async fn send(&self, request: http::Request<Full<Bytes>>) -> anyhow::Result<(u16, Bytes)> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            // The connection ends with its only sender.
            drop(sender);
            anyhow::Ok((status, body))
        };
        let (reply, _) = tokio::join!(exchange, connection);
        reply
    }
}

fn signed(
    host: &str,
    body: String,
    credentials: &Credentials,
    service: &str,
) -> anyhow::Result<http::Request<Full<Bytes>>> {
    let headers = [("host", host.as_bytes()), ("content-type", FORM.as_bytes())];
    let unsigned =
        daypass_sigv4::Request { method: "POST", path: "/", query: "", headers: &headers };
    let now = SystemClock.now();
    let added = sign(&unsigned, body.as_bytes(), credentials, DEFAULT_REGION, service, now);
    let mut request = http::Request::post("/").header(HOST, host).header(CONTENT_TYPE, FORM);
    for (name, value) in added {
        request = request.header(name, value);
    }
    Ok(request.body(Full::from(body))?)
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_but_the_unreserved_is_encoded() {
        assert_eq!(encode("Az09-._~"), "Az09-._~");
        assert_eq!(encode("a b+c=d&é/"), "a%20b%2Bc%3Dd%26%C3%A9%2F");
    }
}
