//! As much of an AWS client as a demonstration needs: a signed request, its reply.

use std::net::SocketAddr;

use anyhow::Context;
use bytes::Bytes;
use daypass_server::{Clock, DEFAULT_REGION, SystemClock};
use daypass_sigv4::{Credentials, Request, sign};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

use crate::xml;

const FORM: (&str, &[u8]) = ("content-type", b"application/x-www-form-urlencoded; charset=utf-8");

/// A service of forms and the version of its API.
#[derive(Clone, Copy, Debug)]
pub enum Service {
    /// AWS IAM.
    Iam,
    /// AWS STS.
    Sts,
}

impl Service {
    /// The name in signatures and actions.
    pub fn name(self) -> &'static str {
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
pub struct Reply {
    /// The status code.
    pub status: u16,
    /// The body: XML, but for an object of S3.
    pub body: String,
}

impl Reply {
    /// The text of the first element of that name.
    pub fn text(&self, tag: &str) -> anyhow::Result<String> {
        xml::text(&self.body, tag)
            .with_context(|| format!("the answer has no {tag}: {}", self.body))
    }

    /// The credentials of the session that it hands out.
    pub fn credentials(&self) -> anyhow::Result<Credentials> {
        let [id, secret, token] =
            ["AccessKeyId", "SecretAccessKey", "SessionToken"].map(|tag| self.text(tag));
        Ok(Credentials::parse(&id?, &secret?, Some(&token?))?)
    }
}

/// A client of one address.
#[derive(Clone, Copy, Debug)]
pub struct Client {
    address: SocketAddr,
}

impl Client {
    /// The client of what listens there.
    pub fn new(address: SocketAddr) -> Self {
        Self { address }
    }

    /// Calls an operation of STS or IAM as the holder of `credentials`.
    pub async fn call(
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
        let target = ("POST", "/", "");
        self.send(credentials, service.name(), target, &[FORM], pairs.join("&")).await
    }

    /// Asks for something of S3. `target` is the method, the path and the query string.
    pub async fn s3(
        &self,
        credentials: &Credentials,
        target: (&str, &str, &str),
        body: &str,
    ) -> anyhow::Result<Reply> {
        self.send(credentials, "s3", target, &[], body.to_owned()).await
    }

    async fn send(
        &self,
        credentials: &Credentials,
        service: &str,
        (method, path, query): (&str, &str, &str),
        headers: &[(&str, &[u8])],
        body: String,
    ) -> anyhow::Result<Reply> {
        let host = self.address.to_string();
        let headers = [&[("host", host.as_bytes())], headers].concat();
        let unsigned = Request { method, path, query, headers: &headers };
        let now = SystemClock.now();
        let added = sign(&unsigned, body.as_bytes(), credentials, DEFAULT_REGION, service, now);
        let target = if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") };
        let mut request = http::Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        for (name, value) in added {
            request = request.header(name, value);
        }
        let request = request.body(Full::from(body))?;
        self.exchange(request).await.context("the server did not answer")
    }

    async fn exchange(&self, request: http::Request<Full<Bytes>>) -> anyhow::Result<Reply> {
        let stream = TcpStream::connect(self.address).await?;
        let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        let exchange = async {
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?.to_bytes();
            // The connection ends with its only sender.
            drop(sender);
            let body = String::from_utf8(body.into()).context("the answer is not text")?;
            anyhow::Ok(Reply { status, body })
        };
        let (reply, _) = tokio::join!(exchange, connection);
        reply
    }
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
