//! A service that verifies who sent a request: `cargo run -p daypass-sigv4 --example verify`.

use std::error::Error;
use std::io::{self, Write};

use daypass_names::AccessKeyId;
use daypass_sigv4::{Credentials, Fault, Request, Rules, SigningKey, presented, sign, verify};
use jiff::Timestamp;

/// What a handler does before all else: parse what the request says of its sender, look the secret
/// up by access key id and session token, verify. This service knows one key, that of `ann`.
fn sender(
    request: &Request<'_>,
    body: &[u8],
    ann: &Credentials,
    now: Timestamp,
) -> Result<AccessKeyId, Fault> {
    let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
    if *presented.access_key_id() != ann.access_key_id || presented.session_token().is_some() {
        return Err(Fault::InvalidClientTokenId { cause: "the key is unknown".into() });
    }
    let key = SigningKey::derive(&ann.secret_access_key, presented.scope());
    Ok(verify(&presented, request, body, &key, &Rules::of("notes"), now)?.access_key_id().clone())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let now = "2026-11-21T10:11:12Z".parse()?;
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    let ann = Credentials::parse("AKIAIOSFODNN7EXAMPLE", secret, None)?;
    let host: [(&str, &[u8]); 1] = [("host", b"notes.example.com")];
    let unsigned = Request { method: "PUT", path: "/notes/1", query: "", headers: &host };
    let added = sign(&unsigned, b"Buy milk", &ann, "eu-west-1", "notes", now);
    let added = added.iter().map(|(name, value)| (*name, value.as_bytes()));
    let headers: Vec<_> = host.into_iter().chain(added).collect();
    let request = Request { headers: &headers, ..unsigned };
    for body in ["Buy milk", "Buy beer"] {
        writeln!(io::stdout(), "{body}: {:?}", sender(&request, body.as_bytes(), &ann, now))?;
    }
    Ok(())
}
