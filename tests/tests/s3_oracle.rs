//! Bodies in signed chunks against the vendor's own signer, in both directions: ours makes the
//! same chunks and trailers, and theirs pass.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::time::{Duration, SystemTime};

use aws_lc_rs::digest;
use aws_sigv4::http_request::{
    PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
    UriPathNormalizationMode, sign as their_sign,
};
use aws_sigv4::sign::v4::{SigningParams, sign_chunk, sign_trailer};
use aws_smithy_runtime_api::http::Headers;
use bytes::Bytes;
use data_encoding::BASE64;
use daypass_names::SecretAccessKey;
use daypass_sigv4::{
    Checksum, Credentials, Payload, Request, Rules, SigningKey, presented, sign_chunked,
    verify_head,
};
use jiff::Timestamp;
use proptest::prelude::*;

const HOST: &str = "s3.example.com";
const PATH: &str = "/bucket/key";
const REGION: &str = "eu-west-1";
const KEY_ID: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// The head and the body, as the vendor's signer has them.
fn theirs(
    chunks: &[Vec<u8>],
    token: Option<&str>,
    second: u64,
) -> (Vec<(String, String)>, Vec<u8>) {
    let mut settings = SigningSettings::default();
    settings.percent_encoding_mode = PercentEncodingMode::Single;
    settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
    settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
    let token = token.map(str::to_owned);
    let identity =
        aws_credential_types::Credentials::new(KEY_ID, SECRET, token, None, "test").into();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(second);
    let params = || {
        SigningParams::builder()
            .identity(&identity)
            .region(REGION)
            .name("s3")
            .time(time)
            .settings(settings.clone())
            .build()
            .unwrap()
    };

    let body = chunks.concat();
    let length = body.len().to_string();
    let mut headers = vec![
        ("content-encoding".to_owned(), "aws-chunked".to_owned()),
        ("x-amz-decoded-content-length".to_owned(), length),
        ("x-amz-trailer".to_owned(), "x-amz-checksum-sha256".to_owned()),
    ];
    let named = headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    let uri = format!("https://{HOST}{PATH}");
    let payload = SignableBody::StreamingSignedPayloadTrailer;
    let request = SignableRequest::new("PUT", uri, named, payload).unwrap();
    let (added, mut signature) = their_sign(request, &params().into()).unwrap().into_parts();
    let (added, _) = added.into_parts();
    headers.extend(added.iter().map(|h| (h.name().to_owned(), h.value().to_owned())));

    let mut framed = Vec::new();
    let pieces = chunks.iter().map(Vec::as_slice).filter(|chunk| !chunk.is_empty());
    for chunk in pieces.chain([&b""[..]]) {
        let data = Bytes::copy_from_slice(chunk);
        let next = sign_chunk(&data, &signature, &params()).unwrap().into_parts().1;
        signature = next;
        framed.extend(format!("{:x};chunk-signature={signature}\r\n", chunk.len()).into_bytes());
        if !chunk.is_empty() {
            framed.extend([chunk, b"\r\n"].concat());
        }
    }
    let sum = BASE64.encode(digest::digest(&digest::SHA256, &body).as_ref());
    let mut trailer = Headers::new();
    trailer.insert("x-amz-checksum-sha256", sum.clone());
    let signature = sign_trailer(&trailer, &signature, &params()).unwrap().into_parts().1;
    let lines =
        format!("x-amz-checksum-sha256:{sum}\r\nx-amz-trailer-signature:{signature}\r\n\r\n");
    framed.extend(lines.into_bytes());
    (headers, framed)
}

/// The same of our own signer.
fn ours(
    chunks: &[Vec<u8>],
    token: Option<&str>,
    now: Timestamp,
) -> (Vec<(String, String)>, Vec<u8>) {
    let credentials = Credentials::parse(KEY_ID, SECRET, token).unwrap();
    let headers: [(&str, &[u8]); 1] = [("host", HOST.as_bytes())];
    let request = Request { method: "PUT", path: PATH, query: "", headers: &headers };
    let length = chunks.iter().map(|chunk| chunk.len() as u64).sum();
    let (added, mut signer) =
        sign_chunked(&request, length, Some(Checksum::Sha256), &credentials, REGION, now);
    let mut framed: Vec<u8> = chunks.iter().flat_map(|chunk| signer.chunk(chunk)).collect();
    framed.extend(signer.finish());
    (added.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(), framed)
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: ProptestConfig::default().cases.max(300),
        ..Default::default()
    })]

    #[test]
    fn chunks_and_trailers_are_the_same(
        chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..300), 0..6),
        token in prop::option::of("[A-Za-z0-9+/]{16,64}={0,2}"),
        second in 1_000_000_000..4_000_000_000_u64,
        piece in 1..400_usize,
    ) {
        let now = Timestamp::from_second(second.try_into().unwrap()).unwrap();
        let (mut headers, body) = theirs(&chunks, token.as_deref(), second);
        let (mut other, other_body) = ours(&chunks, token.as_deref(), now);
        headers.sort_unstable();
        other.sort_unstable();
        prop_assert_eq!(&headers, &other);
        prop_assert!(body == other_body);

        headers.push(("host".to_owned(), HOST.to_owned()));
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        let request = Request { method: "PUT", path: PATH, query: "", headers: &headers };
        let presented = presented(&request).unwrap().unwrap();
        let secret = SecretAccessKey::parse(SECRET).unwrap();
        let key = SigningKey::derive(&secret, presented.scope());
        let rules = Rules { skew_seconds: 0, ..Rules::of("s3") };
        let (_, mut check) = verify_head(&presented, &request, &key, &rules, now).unwrap();
        prop_assert_eq!(check.payload(), Payload::SignedChunks { trailer: true });
        let mut out = Vec::new();
        for piece in body.chunks(piece) {
            check.push(Bytes::copy_from_slice(piece), &mut out).unwrap();
        }
        check.finish(&mut out).unwrap();
        prop_assert!(out.concat() == chunks.concat());
    }
}
