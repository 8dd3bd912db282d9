//! One call at a time, for the set-up: what is refused ends the run with a clear sentence.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use anyhow::{Context, bail};
use daypass_sigv4::Credentials;
use jiff::Timestamp;

use crate::reply;
use crate::request::{Call, credentials};

const PATIENCE: Duration = Duration::from_secs(30);

/// Sends a call and returns the reply's document; anything but success is an error.
pub(crate) fn call(
    server: SocketAddr,
    keys: &Credentials,
    call: &Call<'_>,
) -> anyhow::Result<String> {
    let request = call.signed(server, keys, Timestamp::now(), 0);
    let stream = TcpStream::connect(server)
        .with_context(|| format!("the set-up cannot connect to {server}"))?;
    let (status, body) = exchange(stream, &request)?;
    if status != 200 {
        bail!("the server refused {} of the set-up: {status} {body}", call.action);
    }
    Ok(body)
}

/// Sends a request and reads its reply.
pub(crate) fn exchange(mut stream: TcpStream, request: &[u8]) -> anyhow::Result<(u16, String)> {
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(request)?;
    let (mut bytes, mut piece) = (Vec::new(), [0; 16 << 10]);
    loop {
        let read = stream.read(&mut piece)?;
        if read == 0 {
            bail!("the server closed the connection without a whole reply");
        }
        bytes.extend_from_slice(&piece[..read]);
        if let Some(found) = reply::parse(&bytes)? {
            let body = String::from_utf8_lossy(&bytes[found.head..found.whole]);
            return Ok((found.status, body.into_owned()));
        }
    }
}

/// The credentials that a reply hands out.
pub(crate) fn keys(document: &str) -> anyhow::Result<Credentials> {
    let text = |name| element(document, name).with_context(|| format!("a reply has no {name}"));
    let token = element(document, "SessionToken").map(str::to_owned);
    credentials(text("AccessKeyId")?, text("SecretAccessKey")?, token)
}

/// The text of the first element of that name. Credentials need no unescaping.
pub(crate) fn element<'a>(document: &'a str, name: &str) -> Option<&'a str> {
    let (_, rest) = document.split_once(&format!("<{name}>"))?;
    rest.split_once(&format!("</{name}>")).map(|(text, _)| text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_from_a_reply() {
        let document = "<R><AccessKeyId>ASIAIOSFODNN7EXAMPLE</AccessKeyId>\
            <SecretAccessKey>wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY</SecretAccessKey>\
            <SessionToken>a+b=</SessionToken></R>";
        let found = keys(document).unwrap();
        assert_eq!(found.access_key_id.as_str(), "ASIAIOSFODNN7EXAMPLE");
        assert_eq!(found.session_token.as_deref(), Some("a+b="));
        let without = document.replace("SessionToken", "Other");
        assert_eq!(keys(&without).unwrap().session_token, None);
        let said = keys(&document.replace("AccessKeyId", "Id")).unwrap_err().to_string();
        assert_eq!(said, "a reply has no AccessKeyId");
    }
}
