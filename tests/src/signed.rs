//! Calls of the Query API, signed by our own signer, down to the bytes that go over the wire.

use std::fmt;
use std::fmt::Write as _;

use daypass_sigv4::{Credentials, Request, sign};
use jiff::Timestamp;

use crate::server::REGION;
use crate::{Reply, Server, Wire};

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";

/// The machine's clock: a real server compares signatures with its own.
#[expect(clippy::disallowed_methods, reason = "the server under test reads the real clock")]
pub fn now() -> Timestamp {
    Timestamp::now()
}

/// What a caller signs with.
#[derive(Clone)]
pub struct Keys {
    /// The access key id.
    pub id: String,
    /// The secret access key.
    pub secret: String,
    /// The session token, for temporary credentials.
    pub token: Option<String>,
}

impl Keys {
    /// The keys that a reply hands out.
    #[track_caller]
    pub fn of(reply: &Reply) -> Self {
        Self {
            id: reply.expect("AccessKeyId"),
            secret: reply.expect("SecretAccessKey"),
            token: reply.text("SessionToken"),
        }
    }

    /// The keys of a file in the form of AWS shared credentials.
    #[track_caller]
    pub fn in_file(text: &str) -> Self {
        let value = |name: &str| {
            let found = text.lines().find_map(|line| line.strip_prefix(name));
            let Some(value) = found else { panic!("there is no `{name}`") };
            value.trim_start_matches([' ', '=']).to_owned()
        };
        Self { id: value("aws_access_key_id"), secret: value("aws_secret_access_key"), token: None }
    }

    /// As the signer takes them.
    #[track_caller]
    pub fn credentials(&self) -> Credentials {
        match Credentials::parse(&self.id, &self.secret, self.token.as_deref()) {
            Ok(credentials) => credentials,
            Err(_) => panic!("{self:?} are no keys"),
        }
    }
}

/// Without the secrets, which a failed test would print.
impl fmt::Debug for Keys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keys").field("id", &self.id).finish_non_exhaustive()
    }
}

/// One call of an operation.
#[derive(Clone, Debug)]
pub struct Call<'a> {
    service: &'static str,
    version: &'static str,
    action: &'a str,
    parameters: Vec<(&'a str, &'a str)>,
    at: Option<Timestamp>,
}

impl<'a> Call<'a> {
    /// A call of STS.
    pub fn sts(action: &'a str, parameters: &[(&'a str, &'a str)]) -> Self {
        let parameters = parameters.to_vec();
        Self { service: "sts", version: "2011-06-15", action, parameters, at: None }
    }

    /// A call of IAM.
    pub fn iam(action: &'a str, parameters: &[(&'a str, &'a str)]) -> Self {
        let parameters = parameters.to_vec();
        Self { service: "iam", version: "2010-05-08", action, parameters, at: None }
    }

    /// Signs it as if it were that instant.
    #[must_use]
    pub fn at(mut self, instant: Timestamp) -> Self {
        self.at = Some(instant);
        self
    }

    /// The operation.
    pub fn action(&self) -> &'a str {
        self.action
    }

    /// The service, as signatures name it.
    pub fn service(&self) -> &'static str {
        self.service
    }

    /// The form, percent-encoded.
    pub fn body(&self) -> String {
        let mut body = format!("Action={}&Version={}", self.action, self.version);
        for (name, value) in &self.parameters {
            body.push('&');
            body.push_str(name);
            body.push('=');
            push_encoded(&mut body, value);
        }
        body
    }

    /// The whole request, not signed.
    pub fn unsigned(&self, server: &Server) -> Vec<u8> {
        request(server, &[], &self.body())
    }

    /// The whole request, signed.
    pub fn signed(&self, server: &Server, keys: &Keys) -> Vec<u8> {
        self.signed_with_body(server, keys, &self.body())
    }

    /// The whole request with the signature for its own form, but with `body` in its place.
    pub fn signed_with_body(&self, server: &Server, keys: &Keys, body: &str) -> Vec<u8> {
        let headers = [("host", server.host().as_bytes()), ("content-type", FORM.as_bytes())];
        let unsigned = Request { method: "POST", path: "/", query: "", headers: &headers };
        let form = self.body();
        let at = self.at.unwrap_or_else(now);
        let credentials = keys.credentials();
        let added = sign(&unsigned, form.as_bytes(), &credentials, REGION, self.service, at);
        request(server, &added, body)
    }

    /// Sends it, signed, and returns the reply.
    #[track_caller]
    pub fn send(&self, server: &Server, keys: &Keys) -> Reply {
        let reply = server.connect().send(self.signed(server, keys)).reply();
        reply.unwrap_or_else(|| panic!("no reply to {}:\n{}", self.action, server.log()))
    }

    /// Sends it and returns the keys that it hands out.
    #[track_caller]
    pub fn keys(&self, server: &Server, keys: &Keys) -> Keys {
        Keys::of(&self.send(server, keys).ok())
    }
}

/// Somebody who calls again and again, over one connection while it lasts.
#[derive(Debug)]
pub struct Caller<'a> {
    server: &'a Server,
    wire: Option<Wire>,
}

impl<'a> Caller<'a> {
    /// Somebody who has not called yet.
    pub fn of(server: &'a Server) -> Self {
        Self { server, wire: None }
    }

    /// Sends a call; none when no whole reply came, so that nobody knows whether it was carried
    /// out.
    pub fn try_call(&mut self, call: &Call<'_>, keys: &Keys) -> Option<Reply> {
        let mut wire = match self.wire.take() {
            Some(wire) => wire,
            None => Wire::try_connect(self.server.address()).ok()?,
        };
        let reply = wire.send(call.signed(self.server, keys)).reply()?;
        self.wire = Some(wire);
        Some(reply)
    }

    /// Sends a call, which is answered.
    #[track_caller]
    pub fn call(&mut self, call: &Call<'_>, keys: &Keys) -> Reply {
        let reply = self.try_call(call, keys);
        reply.unwrap_or_else(|| panic!("no reply to {}:\n{}", call.action, self.server.log()))
    }
}

fn request(server: &Server, headers: &[(&str, String)], body: &str) -> Vec<u8> {
    let mut head = format!(
        "POST / HTTP/1.1\r\nhost: {}\r\ncontent-type: {FORM}\r\ncontent-length: {}\r\n",
        server.host(),
        body.len()
    );
    for (name, value) in headers {
        head.push_str(name);
        head.push_str(": ");
        head.push_str(value);
        head.push_str("\r\n");
    }
    head.push_str("\r\n");
    [head.as_bytes(), body.as_bytes()].concat()
}

fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) {
            out.push(char::from(byte));
        } else if write!(out, "%{byte:02X}").is_err() {
            panic!("a string cannot be written to");
        }
    }
}
