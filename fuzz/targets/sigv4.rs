//! Requests as they come from the network, against the parsing and verifying of signatures.
//!
//! The input is a request head and body; its headers are tried as the fields of an upload form too.
//! Nothing may panic; what is not signed with the key must not verify; and what our own signer makes
//! of the same request must.
#![no_main]

use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{
    Credentials, Fault, Regions, Request, Rules, SigningKey, presented, presented_form, sign,
    verify, verify_form, verify_head, verify_with_hash,
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// The instant of the seeds' signatures, which are made with [`SECRET`].
const NOW: &str = "2015-08-30T12:36:00Z";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const RULES: Rules<'static> = Rules {
    service: "sts",
    regions: Regions::AnyNonEmpty,
    normalize_path: true,
    skew_seconds: 900,
};

fuzz_target!(|data: &[u8]| {
    let now: Timestamp = NOW.parse().expect("the instant is valid");
    let secret = SecretAccessKey::parse(SECRET).expect("the secret is valid");
    let (head, body) = split(data, b"\n\n");
    let mut lines = head.split(|byte| *byte == b'\n');
    let Some(Ok(first)) = lines.next().map(std::str::from_utf8) else { return };
    let (method, target) = first.split_once(' ').unwrap_or((first, "/"));
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers: Vec<(&str, &[u8])> = Vec::new();
    for line in lines {
        let (name, value) = split(line, b":");
        let Ok(name) = std::str::from_utf8(name) else { return };
        headers.push((name, value));
    }

    let request = Request { method, path, query, headers: &headers };
    if let Ok(Some(presented)) = presented(&request) {
        let key = SigningKey::derive(&secret, presented.scope());
        for service in ["sts", "s3"] {
            let rules = Rules { service, normalize_path: service != "s3", ..RULES };
            let whole = verify(&presented, &request, body, &key, &rules, now);
            drop(verify_with_hash(&presented, &request, None, &key, &rules, now));
            // The body is judged later, and everything else in the same way.
            if let Err(fault) = verify_head(&presented, &request, &key, &rules, now)
                && service == "s3"
            {
                let stricter = matches!(fault.code(), "InvalidRequest" | "MissingContentLength");
                assert!(whole.is_err() || stricter, "the head alone is refused: {fault:?}");
            }
        }
        let other = SecretAccessKey::parse("another-secret-key").expect("the secret is valid");
        let other = SigningKey::derive(&other, presented.scope());
        assert!(verify(&presented, &request, body, &other, &RULES, now).is_err(), "forged");
        let rules = Rules { service: "s3", normalize_path: false, ..RULES };
        assert!(verify_head(&presented, &request, &other, &rules, now).is_err(), "forged");
    }

    let fields: Vec<(&str, &str)> = headers
        .iter()
        .filter_map(|(name, value)| Some((*name, std::str::from_utf8(value).ok()?)))
        .collect();
    if let Ok(Some(form)) = presented_form(&fields) {
        let rules = Rules { service: "s3", normalize_path: false, ..RULES };
        let key = SigningKey::derive(&secret, form.scope());
        drop(verify_form(&form, &key, &rules, now));
        let other = SecretAccessKey::parse("another-secret-key").expect("the secret is valid");
        let other = SigningKey::derive(&other, form.scope());
        assert!(verify_form(&form, &other, &rules, now).is_err(), "forged");
    }

    // Sign the same request ourselves. It may still be refused for what it is, but never because
    // signer and verifier disagree on its canonical form.
    let mut headers: Vec<(&str, &[u8])> = headers
        .iter()
        .copied()
        .filter(|(name, _)| {
            let name = name.to_ascii_lowercase();
            !(name.starts_with("x-amz-") || ["authorization", "host", "date"].contains(&&*name))
        })
        .collect();
    headers.push(("host", b"sts.example.com"));
    let credentials = Credentials {
        access_key_id: AccessKeyId::parse(KEY_ID).expect("the id is valid"),
        secret_access_key: secret.clone(),
        session_token: None,
    };
    let unsigned = Request { method, path, query, headers: &headers };
    let added = sign(&unsigned, body, &credentials, "eu-west-1", "sts", now);
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let signed = Request { method, path, query, headers: &headers };
    let Ok(Some(presented)) = presented(&signed) else { return };
    let key = SigningKey::derive(&secret, presented.scope());
    if let Err(Fault::SignatureDoesNotMatch { cause, .. }) =
        verify(&presented, &signed, body, &key, &RULES, now)
    {
        assert_ne!(cause, "the signature is another one", "signer and verifier disagree");
    }
});

/// What stands before and behind the first `separator`.
fn split<'a>(data: &'a [u8], separator: &[u8]) -> (&'a [u8], &'a [u8]) {
    match data.windows(separator.len()).position(|window| window == separator) {
        Some(at) => (&data[..at], &data[at + separator.len()..]),
        None => (data, &[]),
    }
}
