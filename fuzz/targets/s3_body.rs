//! Bodies of S3 as they stream, against the check of hashes, chunks and trailers.
//!
//! The first line of the input says what the head states, `PAYLOAD LENGTH TRAILER PIECE`: the
//! value of `x-amz-content-sha256`, the length of what chunks hold, the announced trailer or `-`,
//! and how long the pieces are in which the body comes. The rest is the body. Nothing may panic;
//! the pieces must not matter; of a body that is refused the end must not be handed on; of one that
//! passes, what is handed on must be what a second reading of it finds, with the signatures and the
//! checksum that our own signer gives it. And what that signer makes of the same bytes must pass,
//! but not with a byte changed.
#![no_main]

use bytes::Bytes;
use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_sigv4::{
    BodyCheck, BodyFault, Checksum, Credentials, HELD_BACK, Payload, Regions, Request, Rules,
    SigningKey, Trailers, presented, sign_chunked, sign_with_payload, verify_head,
};
use jiff::Timestamp;
use libfuzzer_sys::fuzz_target;

/// The instant of the seeds' signatures, which are made with [`SECRET`].
const NOW: &str = "2015-08-30T12:36:00Z";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

const RULES: Rules<'static> = Rules {
    service: "s3",
    regions: Regions::AnyNonEmpty,
    normalize_path: false,
    skew_seconds: 900,
};

type Headers = Vec<(&'static str, String)>;

fuzz_target!(|data: &[u8]| {
    let Some(end) = data.iter().position(|byte| *byte == b'\n') else { return };
    let (head, body) = (&data[..end], &data[end + 1..]);
    let Ok(head) = std::str::from_utf8(head) else { return };
    let words: Vec<&str> = head.split(' ').collect();
    let [payload, length, trailer, piece] = words[..] else { return };
    let piece = piece.parse().unwrap_or(1).max(1);
    if let Some(headers) = state(payload, length, trailer)
        && let Some(check) = judge(&headers)
    {
        let kind = check.payload();
        let length = check.content_length(Some(body.len() as u64));
        let (out, verdict) = take(check, body, usize::MAX);
        let again = take(judge(&headers).expect("it was judged before"), body, piece);
        assert!(out == again.0 && verdict == again.1, "the pieces matter");
        match verdict {
            Ok(trailers) => {
                assert_eq!(length, Ok(Some(out.len() as u64)), "another length than announced");
                if kind.is_chunked() {
                    passed(kind, body, &out, &trailers);
                }
            }
            Err(_) => {
                assert_ne!(kind, Payload::Unsigned, "there is nothing to refuse");
                let most = body.len().saturating_sub(HELD_BACK);
                assert!(out.len() <= most, "the end of a refused body was handed on");
            }
        }
    }

    // The same bytes in chunks of our own signer.
    let chunks: Vec<&[u8]> = body.chunks(piece.max(body.len() / 50 + 1)).collect();
    let (headers, mut framed) = sign(&chunks, Checksum::of_header(trailer));
    let (out, verdict) = take(judge(&headers).expect("our own head"), &framed, piece);
    assert!(verdict.is_ok() && out == body, "our own body is refused");
    let at = body.first().map_or(0, |byte| usize::from(*byte) * 31) % framed.len();
    framed[at] ^= 0x80;
    let (out, verdict) = take(judge(&headers).expect("our own head"), &framed, piece);
    assert!(verdict.is_err() && out.is_empty(), "a changed byte passes");
});

/// A body in chunks that passed: a second reading must find the same in it.
fn passed(kind: Payload, body: &[u8], out: &[u8], trailers: &Trailers) {
    let (chunks, value) = read(body);
    assert_eq!(chunks.concat(), out, "the two readings differ");
    let checksum = trailers.checksum().map(|(checksum, _)| checksum);
    assert_eq!(trailers.checksum().map(|(_, value)| value.as_bytes()), value);
    let (_, framed) = sign(&chunks, checksum);
    if let Some(value) = value {
        let found = framed.windows(value.len()).any(|window| window == value);
        assert!(found, "the trailer has another checksum");
    }
    if kind != Payload::UnsignedChunks {
        // The line end of AWS's page is the only other spelling, letters aside.
        let text = String::from_utf8_lossy(body).replace("==\n\r\n", "==\r\n");
        let framed = String::from_utf8_lossy(&framed).into_owned();
        assert!(text.eq_ignore_ascii_case(&framed), "not what the key has signed");
    }
}

/// Reads a good body without much ado: its chunks and the value of its trailer.
fn read(mut body: &[u8]) -> (Vec<&[u8]>, Option<&[u8]>) {
    let mut chunks = Vec::new();
    loop {
        let end = body.iter().position(|byte| *byte == b'\r').expect("a line end");
        let line = std::str::from_utf8(&body[..end]).expect("a size");
        let size = usize::from_str_radix(line.split(';').next().unwrap_or_default(), 16);
        let size = size.expect("a size");
        body = &body[end + 2..];
        if size == 0 {
            break;
        }
        chunks.push(&body[..size]);
        body = &body[size + 2..];
    }
    let colon = body.iter().position(|byte| *byte == b':');
    let value = colon.map(|at| &body[at + 1..]).map(|rest| {
        let end = rest.iter().position(|byte| matches!(byte, b'\r' | b'\n'));
        &rest[..end.expect("a line end")]
    });
    (chunks, value)
}

/// A signed head with such a body. `None` for what no server would hand on as a header.
fn state(payload: &str, length: &str, trailer: &str) -> Option<Headers> {
    let mut headers = vec![("host", "s3.example.com".to_owned())];
    if payload.starts_with("STREAMING-") {
        headers.push(("content-encoding", "aws-chunked".to_owned()));
        headers.push(("x-amz-decoded-content-length", length.to_owned()));
    }
    if trailer != "-" {
        headers.push(("x-amz-trailer", trailer.to_owned()));
    }
    if !payload.is_ascii() || headers.iter().any(|(_, value)| !value.is_ascii()) {
        return None;
    }
    let added = with(&headers, |request| {
        sign_with_payload(request, payload, &credentials(), "eu-west-1", "s3", now())
    });
    headers.extend(added);
    Some(headers)
}

/// These chunks, signed, with their head.
fn sign(chunks: &[&[u8]], trailer: Option<Checksum>) -> (Headers, Vec<u8>) {
    let mut headers = vec![("host", "s3.example.com".to_owned())];
    let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let (added, mut signer) = with(&headers, |request| {
        sign_chunked(request, length, trailer, &credentials(), "eu-west-1", now())
    });
    headers.extend(added);
    let mut framed: Vec<u8> = chunks.iter().flat_map(|chunk| signer.chunk(chunk)).collect();
    framed.extend(signer.finish());
    (headers, framed)
}

fn judge(headers: &Headers) -> Option<BodyCheck> {
    with(headers, |request| {
        let presented = presented(request).ok().flatten()?;
        let secret = SecretAccessKey::parse(SECRET).expect("the secret is valid");
        let key = SigningKey::derive(&secret, presented.scope());
        verify_head(&presented, request, &key, &RULES, now()).ok().map(|(_, check)| check)
    })
}

/// What is handed on of a body in such pieces, and the verdict.
fn take(mut check: BodyCheck, body: &[u8], piece: usize) -> (Vec<u8>, Result<Trailers, BodyFault>) {
    let mut out = Vec::new();
    for piece in body.chunks(piece) {
        if let Err(fault) = check.push(Bytes::copy_from_slice(piece), &mut out) {
            return (out.concat(), Err(fault));
        }
    }
    let verdict = check.finish(&mut out);
    (out.concat(), verdict)
}

fn with<T>(headers: &Headers, act: impl FnOnce(&Request<'_>) -> T) -> T {
    let headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    act(&Request { method: "PUT", path: "/bucket/key", query: "", headers: &headers })
}

fn credentials() -> Credentials {
    Credentials {
        access_key_id: AccessKeyId::parse(KEY_ID).expect("the id is valid"),
        secret_access_key: SecretAccessKey::parse(SECRET).expect("the secret is valid"),
        session_token: None,
    }
}

fn now() -> Timestamp {
    NOW.parse().expect("the instant is valid")
}
