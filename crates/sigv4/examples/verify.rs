//! A service that verifies who sent a request: parse, look the secret up, verify.
//!
//! `cargo run -p daypass-sigv4 --example verify`

use std::error::Error;
use std::io::{self, Write};

use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{
    Credentials, Fault, Regions, Request, Rules, SigningKey, presented, sign, verify,
};
use jiff::Timestamp;

/// The only key that this service knows.
const KEY: (&str, &str) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/// What a handler does before all else. A real one looks the secret up by the access key id and,
/// for temporary credentials, the session token.
fn sender(request: &Request<'_>, body: &[u8], now: Timestamp) -> Result<AccessKeyId, Fault> {
    let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
    let unknown = || Fault::InvalidClientTokenId { cause: "the key is unknown".into() };
    let known = presented.access_key_id().as_str() == KEY.0 && presented.session_token().is_none();
    let secret = known.then(|| SecretAccessKey::parse(KEY.1).ok()).flatten().ok_or_else(unknown)?;
    let key = SigningKey::derive(&secret, presented.scope());
    let rules = Rules {
        service: "notes",
        regions: Regions::AnyNonEmpty,
        normalize_path: true,
        skew_seconds: 900,
    };
    Ok(verify(&presented, request, body, &key, &rules, now)?.access_key_id().clone())
}

pub(crate) fn main() -> Result<(), Box<dyn Error>> {
    let now: Timestamp = "2026-11-21T10:11:12Z".parse()?;
    let credentials = Credentials {
        access_key_id: AccessKeyId::parse(KEY.0)?,
        secret_access_key: SecretAccessKey::parse(KEY.1)?,
        session_token: None,
    };
    let host: [(&str, &[u8]); 1] = [("host", b"notes.example.com")];
    let unsigned = Request { method: "PUT", path: "/notes/1", query: "", headers: &host };
    let added = sign(&unsigned, b"Buy milk", &credentials, "eu-west-1", "notes", now);
    let mut headers = host.to_vec();
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { headers: &headers, ..unsigned };

    let mut out = io::stdout().lock();
    for body in ["Buy milk", "Buy beer"] {
        match sender(&request, body.as_bytes(), now) {
            Ok(sender) => writeln!(out, "{body:?}: sent by {}", sender.as_str())?,
            Err(fault) => writeln!(out, "{body:?}: {} ({})", fault.code(), fault.cause())?,
        }
    }
    Ok(())
}
