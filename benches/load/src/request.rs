//! Requests as boto3 sends them, signed beforehand, as the bytes that go over the wire.

use std::fmt::Write;
use std::net::SocketAddr;

use anyhow::anyhow;
use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{Credentials, Request, sign};
use jiff::{SignedDuration, Timestamp};

pub(crate) const REGION: &str = "eu-west-1";

/// How many requests a pool has.
const POOL: usize = 4096;
/// A pool is signed for so many seconds around now, a different one for each request until all are
/// used: the server must not find one signature again and again. Half of it is what a pool loses
/// of the 15 minutes that signatures live.
const SPREAD_SECONDS: usize = 600;

const FORM: &str = "application/x-www-form-urlencoded; charset=utf-8";
const AGENT: &str = "Boto3/1.44.5 md/Botocore#1.44.5 ua/2.1 os/linux#6.8.0-60-generic md/arch#x86_64 \
    lang/python#3.12.3 md/pyimpl#CPython m/Z,b,D cfg/retry-mode#standard Botocore/1.44.5";

/// The two services.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Service {
    Sts,
    Iam,
}

impl Service {
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sts => "sts",
            Self::Iam => "iam",
        }
    }

    fn version(self) -> &'static str {
        match self {
            Self::Sts => "2011-06-15",
            Self::Iam => "2010-05-08",
        }
    }
}

/// An operation with its parameters. `{n}` in a value becomes the number of the request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Call<'a> {
    pub(crate) service: Service,
    pub(crate) action: &'a str,
    pub(crate) parameters: &'a [(&'a str, &'a str)],
}

impl Call<'_> {
    fn body(&self, number: usize) -> String {
        let mut body = format!("Action={}&Version={}", self.action, self.service.version());
        for (name, value) in self.parameters {
            body.push('&');
            body.push_str(name);
            body.push('=');
            push_encoded(&mut body, &value.replace("{n}", &format!("{number:05}")));
        }
        body
    }

    /// The whole request.
    pub(crate) fn signed(
        &self,
        server: SocketAddr,
        keys: &Credentials,
        at: Timestamp,
        number: usize,
    ) -> Vec<u8> {
        let (host, body) = (server.to_string(), self.body(number));
        // What botocore signs; the header fields that it adds afterwards are not.
        let headers = [("host", host.as_bytes()), ("content-type", FORM.as_bytes())];
        let unsigned = Request { method: "POST", path: "/", query: "", headers: &headers };
        let service = self.service.name();
        let added = sign(&unsigned, body.as_bytes(), keys, REGION, service, at);
        whole(&host, &added, &body, at, number)
    }

    /// The whole request that nothing but a parameter proves.
    pub(crate) fn proven(
        &self,
        server: SocketAddr,
        (name, proof): (&str, &str),
        at: Timestamp,
        number: usize,
    ) -> Vec<u8> {
        let mut body = self.body(number);
        let _ = write!(body, "&{name}=");
        push_encoded(&mut body, proof);
        whole(&server.to_string(), &[], &body, at, number)
    }

    /// A pool of requests that take turns with `keys`, good for at least the next 10 minutes.
    pub(crate) fn pool(
        &self,
        server: SocketAddr,
        keys: &[Credentials],
        now: Timestamp,
    ) -> anyhow::Result<Vec<Vec<u8>>> {
        (0..POOL)
            .map(|number| {
                let key = keys.get(number % keys.len().max(1)).ok_or_else(|| anyhow!("no keys"))?;
                let seconds = i64::try_from(number % SPREAD_SECONDS)? - 300;
                let at = now.checked_add(SignedDuration::from_secs(seconds))?;
                Ok(self.signed(server, key, at, number))
            })
            .collect()
    }
}

/// A request of that body, with what a signature adds to its head.
fn whole(
    host: &str,
    added: &[(&str, String)],
    body: &str,
    at: Timestamp,
    number: usize,
) -> Vec<u8> {
    let mut text = format!(
        "POST / HTTP/1.1\r\nHost: {host}\r\nAccept-Encoding: identity\r\n\
         Content-Type: {FORM}\r\nUser-Agent: {AGENT}\r\n"
    );
    for (name, value) in added {
        let name = match *name {
            "x-amz-date" => "X-Amz-Date",
            "x-amz-security-token" => "X-Amz-Security-Token",
            "authorization" => "Authorization",
            other => other,
        };
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let (id, length) = (invocation_id(at, number), body.len());
    text.push_str(&format!(
        "amz-sdk-invocation-id: {id}\r\namz-sdk-request: attempt=1\r\n\
         Content-Length: {length}\r\n\r\n{body}"
    ));
    text.into_bytes()
}

/// What to sign with.
pub(crate) fn credentials(
    id: &str,
    secret: &str,
    token: Option<String>,
) -> anyhow::Result<Credentials> {
    // The error of a secret says nothing about it.
    Ok(Credentials {
        access_key_id: AccessKeyId::parse(id).map_err(|error| anyhow!("`{id}`: {error:?}"))?,
        secret_access_key: SecretAccessKey::parse(secret)
            .map_err(|_| anyhow!("the secret of `{id}` is none"))?,
        session_token: token,
    })
}

/// A UUID of version 4 in form, different for each request.
fn invocation_id(at: Timestamp, number: usize) -> String {
    let seed = at.as_nanosecond() as u64 ^ ((number as u64) << 40);
    let (high, low) = (mixed(seed), mixed(seed ^ u64::MAX));
    format!(
        "{:08x}-{:04x}-4{:03x}-{:04x}-{:012x}",
        high >> 32,
        high >> 16 & 0xffff,
        high & 0xfff,
        low >> 48 & 0x3fff | 0x8000,
        low & 0xffff_ffff_ffff
    )
}

/// SplitMix64's finaliser: neighbours become strangers.
pub(crate) fn mixed(seed: u64) -> u64 {
    let seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let seed = (seed ^ seed >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let seed = (seed ^ seed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    seed ^ seed >> 31
}

/// Percent-encoding as `urllib.parse.urlencode` has it, which botocore uses.
fn push_encoded(out: &mut String, text: &str) {
    for byte in text.bytes() {
        match byte {
            b' ' => out.push('+'),
            _ if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) => {
                out.push(char::from(byte));
            }
            _ => {
                // A string can always be written to.
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use daypass_sigv4::{Rules, SigningKey, presented, verify};

    use super::*;

    const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    const ASSUME: Call<'_> = Call {
        service: Service::Sts,
        action: "AssumeRole",
        parameters: &[("RoleSessionName", "s-{n}"), ("Policy", "{\"a b\": 1}")],
    };

    fn pool(token: Option<&str>) -> Vec<String> {
        let keys = credentials("AKIAIOSFODNN7EXAMPLE", SECRET, token.map(str::to_owned)).unwrap();
        let address = "127.0.0.1:4700".parse().unwrap();
        let pool = ASSUME.pool(address, &[keys], now()).unwrap();
        pool.into_iter().map(|request| String::from_utf8(request).unwrap()).collect()
    }

    fn now() -> Timestamp {
        "2026-08-30T12:36:00Z".parse().unwrap()
    }

    fn value<'a>(request: &'a str, name: &str) -> &'a str {
        let line = request.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        line.unwrap_or_else(|| panic!("no {name}: {request}"))
    }

    /// The product's own verification believes requests of the whole pool, ten minutes later still.
    #[test]
    fn a_server_believes_what_is_signed() {
        for (token, later) in [(None, 0), (None, 599), (Some("token"), 0)] {
            for request in pool(token).into_iter().step_by(16) {
                let (head, body) = request.split_once("\r\n\r\n").unwrap();
                assert_eq!(value(head, "Content-Length"), body.len().to_string());
                assert_eq!(head.contains("X-Amz-Security-Token: token"), token.is_some());
                let lines = head.lines().skip(1).map(|line| line.split_once(": ").unwrap());
                let headers: Vec<(String, &[u8])> = lines
                    .map(|(name, value)| (name.to_ascii_lowercase(), value.as_bytes()))
                    .collect();
                let headers: Vec<(&str, &[u8])> =
                    headers.iter().map(|(name, value)| (&**name, *value)).collect();
                let request = Request { method: "POST", path: "/", query: "", headers: &headers };
                let presented = presented(&request).unwrap().unwrap();
                let secret = SecretAccessKey::parse(SECRET).unwrap();
                let key = SigningKey::derive(&secret, presented.scope());
                let rules = Rules::of("sts");
                let at = now() + SignedDuration::from_secs(later);
                verify(&presented, &request, body.as_bytes(), &key, &rules, at).unwrap();
            }
        }
    }

    #[test]
    fn what_a_parameter_proves_is_not_signed() {
        let address = "127.0.0.1:4700".parse().unwrap();
        let proof = ("WebIdentityToken", "e30.e30.x-_");
        let request = String::from_utf8(ASSUME.proven(address, proof, now(), 7)).unwrap();
        let (head, body) = request.split_once("\r\n\r\n").unwrap();
        assert_eq!(value(head, "Content-Length"), body.len().to_string());
        assert!(!head.contains("Authorization") && !head.contains("X-Amz"), "{head}");
        assert_eq!(body, ASSUME.body(7) + "&WebIdentityToken=e30.e30.x-_");
    }

    #[test]
    fn no_two_requests_are_alike() {
        let pool = pool(None);
        let distinct = |name: &str| pool.iter().map(|r| value(r, name)).collect::<HashSet<_>>();
        assert_eq!(distinct("amz-sdk-invocation-id").len(), POOL);
        assert_eq!(distinct("Authorization").len(), POOL);
        assert_eq!(distinct("X-Amz-Date").len(), SPREAD_SECONDS);
    }

    #[test]
    fn parameters_are_encoded_as_python_does() {
        let body = "Action=AssumeRole&Version=2011-06-15&RoleSessionName=s-00007\
            &Policy=%7B%22a+b%22%3A+1%7D";
        assert_eq!(ASSUME.body(7), body);
    }
}
