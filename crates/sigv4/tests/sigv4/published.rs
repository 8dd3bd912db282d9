//! The examples that AWS published for S3: S3 API reference, "Signature calculations for the
//! Authorization header", "… Transferring payload in multiple chunks", "… Including trailing
//! headers", "Using query parameters" and "Example: browser-based upload using HTTP POST".

use crate::message::secret;
use bytes::Bytes;
use daypass_sigv4::{
    BodyCheck, Payload, Request, Rules, SigningKey, Source, Trailers, presented, presented_form,
    verify_form, verify_head,
};
use jiff::Timestamp;

const RULES: Rules<'static> = Rules::of("s3");
const EMPTY: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
const CREDENTIAL: &str = "AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request";

fn then() -> Timestamp {
    "2013-05-24T00:00:00Z".parse().unwrap()
}

/// Verifies a request with a signature over all its headers, `authorization` aside.
#[track_caller]
fn check(
    method: &str,
    path: &str,
    query: &str,
    headers: &[(&str, &str)],
    signature: &str,
) -> BodyCheck {
    let names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential={CREDENTIAL},SignedHeaders={},Signature={signature}",
        names.join(";")
    );
    let mut headers: Vec<(&str, &[u8])> =
        headers.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
    headers.push(("authorization", authorization.as_bytes()));
    let request = Request { method, path, query, headers: &headers };
    let presented = presented(&request).unwrap().unwrap();
    let key = SigningKey::derive(&secret(), presented.scope());
    let (verified, body) = verify_head(&presented, &request, &key, &RULES, then()).unwrap();
    assert_eq!((verified.source(), verified.signed_at()), (Source::Header, then()));
    body
}

const HOST: (&str, &str) = ("host", "examplebucket.s3.amazonaws.com");
const DATE: (&str, &str) = ("x-amz-date", "20130524T000000Z");

#[test]
fn requests_with_a_hash() {
    let empty = ("x-amz-content-sha256", EMPTY);
    for (path, query, signature) in [
        ("/", "lifecycle", "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        (
            "/",
            "max-keys=2&prefix=J",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7",
        ),
    ] {
        let body = check("GET", path, query, &[HOST, empty, DATE], signature);
        assert_eq!(body.finish(&mut Vec::new()), Ok(Trailers::default()));
    }
    check(
        "GET",
        "/test.txt",
        "",
        &[HOST, ("range", "bytes=0-9"), empty, DATE],
        "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41",
    );
    let mut body = check(
        "PUT",
        "/test$file.text",
        "",
        &[
            ("date", "Fri, 24 May 2013 00:00:00 GMT"),
            HOST,
            (
                "x-amz-content-sha256",
                "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072",
            ),
            DATE,
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd",
    );
    let mut out = Vec::new();
    body.push(Bytes::from_static(b"Welcome to Amazon S3."), &mut out).unwrap();
    body.finish(&mut out).unwrap();
    assert_eq!(out.concat(), b"Welcome to Amazon S3.");
}

#[test]
fn a_presigned_request() {
    let query = "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524\
         %2Fus-east-1%2Fs3%2Faws4_request&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400\
         &X-Amz-SignedHeaders=host&X-Amz-Signature=\
         aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404";
    let headers: [(&str, &[u8]); 1] = [("host", HOST.1.as_bytes())];
    let request = Request { method: "GET", path: "/test.txt", query, headers: &headers };
    let presented = presented(&request).unwrap().unwrap();
    let key = SigningKey::derive(&secret(), presented.scope());
    let (verified, body) = verify_head(&presented, &request, &key, &RULES, then()).unwrap();
    assert_eq!((verified.source(), verified.expires()), (Source::Query, Some(86_400)));
    assert_eq!(body.payload(), Payload::Unsigned);
}

/// 65,536 and 1,024 bytes of `a` in chunks with these signatures, and what follows the last.
fn chunks([first, second, last]: [&str; 3], trailer: &str) -> Bytes {
    let mut body = format!("10000;chunk-signature={first}\r\n");
    body.push_str(&"a".repeat(65_536));
    body.push_str(&format!("\r\n400;chunk-signature={second}\r\n"));
    body.push_str(&"a".repeat(1024));
    body.push_str(&format!("\r\n0;chunk-signature={last}\r\n{trailer}\r\n"));
    body.into()
}

#[test]
fn signed_chunks() {
    let mut check = check(
        "PUT",
        "/examplebucket/chunkObject.txt",
        "",
        &[
            ("content-encoding", "aws-chunked"),
            ("content-length", "66824"),
            ("host", "s3.amazonaws.com"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"),
            DATE,
            ("x-amz-decoded-content-length", "66560"),
            ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
        ],
        "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9",
    );
    assert_eq!(check.payload(), Payload::SignedChunks { trailer: false });
    assert_eq!(check.content_length(Some(66_824)), Ok(Some(66_560)));
    let body = chunks(
        [
            "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
            "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
            "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
        ],
        "",
    );
    assert_eq!(body.len(), 66_824);
    let mut out = Vec::new();
    check.push(body, &mut out).unwrap();
    assert_eq!(check.finish(&mut out), Ok(Trailers::default()));
    assert_eq!(out.concat(), "a".repeat(66_560).as_bytes());
}

/// With each of the two line ends that the page shows behind the trailer.
#[test]
fn signed_chunks_with_a_trailer() {
    for end in ["\r\n", "\n\r\n"] {
        let mut check = check(
            "PUT",
            "/examplebucket/chunkObject.txt",
            "",
            &[
                ("content-encoding", "aws-chunked"),
                ("host", "s3.amazonaws.com"),
                ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"),
                DATE,
                ("x-amz-decoded-content-length", "66560"),
                ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-trailer", "x-amz-checksum-crc32c"),
            ],
            "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e",
        );
        assert_eq!(check.payload(), Payload::SignedChunks { trailer: true });
        let trailer = format!(
            "x-amz-checksum-crc32c:sOO8/Q=={end}x-amz-trailer-signature:\
             d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n"
        );
        let body = chunks(
            [
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            ],
            &trailer,
        );
        let mut out = Vec::new();
        check.push(body, &mut out).unwrap();
        let trailers = check.finish(&mut out).unwrap();
        let trailers: Vec<_> = trailers.iter().collect();
        assert_eq!(trailers, [("x-amz-checksum-crc32c", "sOO8/Q==")]);
        assert_eq!(out.concat(), "a".repeat(66_560).as_bytes());
    }
}

#[test]
fn an_upload_form() {
    let policy = include_str!("published/post-policy.b64").trim_end();
    let fields = [
        ("key", "user/user1/${filename}"),
        ("acl", "public-read"),
        ("x-amz-credential", "AKIAIOSFODNN7EXAMPLE/20151229/us-east-1/s3/aws4_request"),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-date", "20151229T000000Z"),
        ("policy", policy),
        ("x-amz-signature", "8afdbf4008c03f22c2cd3cdb72e4afbb1f6a588f3255ac628749a66d7f09699e"),
    ];
    let presented = presented_form(&fields).unwrap().unwrap();
    assert_eq!(presented.policy(), policy);
    let key = SigningKey::derive(&secret(), presented.scope());
    let now = "2015-12-30T11:59:59Z".parse().unwrap();
    let verified = verify_form(&presented, &key, &RULES, now).unwrap();
    assert_eq!(verified.source(), Source::Form);
    assert_eq!(verified.access_key_id().as_str(), "AKIAIOSFODNN7EXAMPLE");
}
