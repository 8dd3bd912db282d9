use proptest::prelude::*;

use super::*;
use crate::S3Code as C;

fn domains() -> Domains {
    Domains::new(["s3.example.com"]).unwrap()
}

/// A head of these headers; the host is that of the service unless one is among them.
fn headers_of(given: &[(&str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    if !given.iter().any(|(name, _)| *name == "host") {
        headers.insert("host", HeaderValue::from_static("s3.example.com"));
    }
    for (name, value) in given {
        let name = HeaderName::from_bytes(name.as_bytes()).unwrap();
        headers.append(name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    headers
}

fn check<T>(
    method: &str,
    target: &str,
    given: &[(&str, &str)],
    look: impl FnOnce(&RequestHead<'_>) -> T,
) -> Result<T, S3Code> {
    let method: Method = method.parse().unwrap();
    let uri: Uri = target.parse().unwrap();
    let headers = headers_of(given);
    let head = RequestHead::read(&method, &uri, &headers, &domains());
    head.map(|head| look(&head)).map_err(|fault| fault.code())
}

#[test]
fn a_request_names_a_bucket_and_a_key() {
    const BUCKET: &[(&str, &str)] = &[("host", "bkt.s3.example.com:9000")];
    const OTHER: &[(&str, &str)] = &[("host", "192.0.2.1:9000")];
    for (target, given, bucket, key, backend) in [
        ("/", &[][..], None, None, "/"),
        ("/bkt", &[], Some("bkt"), None, "/bkt"),
        ("/bkt/", &[], Some("bkt"), None, "/bkt"),
        ("/bkt/a", &[], Some("bkt"), Some("a"), "/bkt/a"),
        ("/bkt/a", OTHER, Some("bkt"), Some("a"), "/bkt/a"),
        ("/bkt//a", &[], Some("bkt"), Some("/a"), "/bkt//a"),
        ("/bkt/a//b/", &[], Some("bkt"), Some("a//b/"), "/bkt/a//b/"),
        ("/bkt/a%2Fb", &[], Some("bkt"), Some("a/b"), "/bkt/a/b"),
        ("/bkt/a%252Fb", &[], Some("bkt"), Some("a%2Fb"), "/bkt/a%252Fb"),
        ("/bkt/a+b%20c", &[], Some("bkt"), Some("a+b c"), "/bkt/a%2Bb%20c"),
        ("/bkt/%C3%A9?acl", &[], Some("bkt"), Some("\u{e9}"), "/bkt/%C3%A9"),
        ("/b%6bt/a", &[], Some("bkt"), Some("a"), "/bkt/a"),
        ("/", BUCKET, Some("bkt"), None, "/bkt"),
        ("/bkt/a", BUCKET, Some("bkt"), Some("bkt/a"), "/bkt/bkt/a"),
        ("//a", BUCKET, Some("bkt"), Some("/a"), "/bkt//a"),
        ("/other/a", BUCKET, Some("bkt"), Some("other/a"), "/bkt/other/a"),
        ("http://elsewhere.test/bkt/a", &[], Some("bkt"), Some("a"), "/bkt/a"),
    ] {
        let got = check("GET", target, given, |head| {
            assert_eq!(head.is_virtual_hosted(), given == BUCKET);
            (
                head.bucket().map(|bucket| bucket.as_str().to_owned()),
                head.key().map(|key| key.as_str().to_owned()),
                head.backend_path(),
            )
        });
        let want = (bucket.map(str::to_owned), key.map(str::to_owned), backend.to_owned());
        assert_eq!(got, Ok(want), "{target} {given:?}");
    }
}

#[test]
fn what_could_be_read_in_two_ways_is_refused() {
    for (target, given, code) in [
        ("/b/a", &[][..], C::InvalidBucketName),
        ("//bkt/a", &[], C::InvalidBucketName),
        ("/BKT/a", &[], C::InvalidBucketName),
        ("/bkt%2Fa", &[], C::InvalidBucketName),
        ("/../bkt/a", &[], C::InvalidBucketName),
        ("/bkt/../other/a", &[], C::InvalidURI),
        ("/bkt/%2e%2e/other/a", &[], C::InvalidURI),
        ("/bkt/%252e%252e/a", &[], C::InvalidURI),
        ("/bkt/..%2fa", &[], C::InvalidURI),
        ("/bkt/a%00", &[], C::InvalidURI),
        ("/bkt/a%0d%0aHost:x", &[], C::InvalidURI),
        ("/bkt/%zz", &[], C::InvalidURI),
        ("/bkt/%ff", &[], C::InvalidURI),
        ("/bkt/a?versionId=1&versionId=2", &[], C::InvalidArgument),
        ("/bkt/a?versionId=", &[], C::InvalidArgument),
        ("/bkt/a?versionId=a%20b", &[], C::InvalidArgument),
        ("/bkt/a?versionId=1/../../other/a", &[], C::InvalidArgument),
        ("/bkt/a?versionId=1%2F..%2F..%2Fother%2Fa", &[], C::InvalidArgument),
        ("/bkt/a?versionId=1%5C..", &[], C::InvalidArgument),
        ("/bkt/a", &[("host", "a.s3.example.com")], C::InvalidBucketName),
        ("/bkt/a", &[("host", "s3.example.com"), ("host", "x")], C::BadRequest),
        ("/bkt/a", &[("host", "x y")], C::BadRequest),
        ("/bkt/a", &[("x-amz-acl", "private"), ("x-amz-acl", "private")], C::InvalidArgument),
        ("/bkt/a", &[("x-amz-meta-a", "1"), ("x-amz-meta-a", "2")], C::InvalidArgument),
        ("/bkt/a", &[("range", "bytes=0-1"), ("range", "bytes=2-3")], C::InvalidArgument),
        ("/bkt/a", &[("x-amz-storage-class", "\u{e9}")], C::InvalidArgument),
        ("/bkt/a", &[("x-amz-mfa", "1 2")], C::NotImplemented),
        ("/bkt/a", &[("x-amz-replication-status", "REPLICA")], C::NotImplemented),
        (
            "/bkt/a?X-Amz-Signature=0&x-amz-acl=private",
            &[("x-amz-acl", "private")],
            C::InvalidArgument,
        ),
        ("/bkt/a?X-Amz-Signature=0&x-amz-copy-source=b", &[], C::NotImplemented),
        ("/bkt/a?X-Amz-Signature=0&x-amz-meta-a=%0a", &[], C::InvalidURI),
    ] {
        let got = check("GET", target, given, |head| head.resource());
        assert_eq!(got, Err(code), "{target} {given:?}");
    }
    let long = format!("/bkt/{}", "k".repeat(1025));
    assert_eq!(check("GET", &long, &[], |_| ()), Err(C::KeyTooLongError));
    let metadata = "v".repeat(2048);
    let given = [("x-amz-meta-a", metadata.as_str())];
    assert_eq!(check("PUT", "/bkt/a", &given, |_| ()), Err(C::MetadataTooLarge));
    assert_eq!(check("OPTIONS", "*", &[], |_| ()), Err(C::InvalidURI));
}

#[test]
fn the_backend_gets_what_was_read() {
    let sent = |target: &str, given: &[(&str, &str)]| {
        check("PUT", target, given, |head| {
            let headers = head.backend_headers().unwrap();
            let text = |value: &HeaderValue| value.to_str().unwrap().to_owned();
            let headers = headers.iter().map(|(name, value)| format!("{name}: {}", text(value)));
            (head.backend_query(), headers.collect::<Vec<_>>())
        })
        .unwrap()
    };
    let (query, headers) = sent(
        "/bkt/a?x-id=PutObject&x-reason=1&uploadId=u%2B1&partNumber=1",
        &[
            ("authorization", "AWS4-HMAC-SHA256 x"),
            ("connection", "x-amz-acl"),
            ("content-encoding", "aws-chunked, gzip"),
            ("content-type", "text/plain"),
            ("cookie", "c"),
            ("forwarded", "for=1"),
            ("x-amz-acl", "bucket-owner-full-control"),
            ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("x-amz-copy-source", "src/a b%2Fc+d?versionId=1"),
            ("x-amz-date", "20260101T000000Z"),
            ("x-amz-expected-bucket-owner", "123456789012"),
            ("x-amz-meta-a", "\u{e1}"),
            ("x-amz-security-token", "t"),
            ("x-amz-tagging", "a+b=c"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-http-method-override", "DELETE"),
            ("x-minio-source-mtime", "1"),
            ("x-rgw-any", "1"),
        ]
        .map(|(name, value)| (name, if name == "x-amz-meta-a" { "m" } else { value })),
    );
    assert_eq!(query, "partNumber=1&uploadId=u%2B1");
    assert_eq!(
        headers,
        [
            "content-encoding: gzip",
            "content-type: text/plain",
            "x-amz-copy-source: /src/a%20b/c%2Bd?versionId=1",
            "x-amz-meta-a: m",
            "x-amz-tagging: a%20b=c",
        ]
    );
    let (_, headers) = sent("/bkt/a", &[("content-encoding", "AWS-Chunked")]);
    assert_eq!(headers, Vec::<String>::new());
    let (query, headers) = sent(
        "/bkt/a?X-Amz-Signature=0&X-Amz-Meta-A=1&x-amz-acl=private&x-amz-tagging=a%3Db%2Bc",
        &[],
    );
    assert_eq!(
        (query.as_str(), &*headers),
        ("", &["x-amz-meta-a: 1".into(), "x-amz-tagging: a=b%20c".into()][..])
    );
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

    /// Whatever is accepted has one reading: a request for what is sent to the backend is read as
    /// the same bucket and key, and sent on in the same way.
    #[test]
    fn what_is_sent_on_reads_the_same(
        path in "/[a-z.%25efE/+ -]{0,24}",
        parts in prop::collection::vec(prop::sample::select(vec![
            "/", "bkt", "..", "%2e", "%2F", "%252f", "a", "+", "%20", "%C3%A9", "%", "\\", "//",
        ]), 0..8),
    ) {
        for path in [path, format!("/bkt/{}", parts.concat())] {
            let Ok(uri) = path.parse::<Uri>() else { continue };
            let headers = headers_of(&[]);
            let Ok(head) = RequestHead::read(&Method::GET, &uri, &headers, &domains()) else {
                continue;
            };
            let sent = head.backend_path();
            let again: Uri = sent.parse().unwrap();
            let again = RequestHead::read(&Method::GET, &again, &headers, &domains()).unwrap();
            prop_assert_eq!(again.bucket(), head.bucket());
            prop_assert_eq!(again.key(), head.key());
            prop_assert_eq!(again.backend_path(), sent.clone());
            prop_assert!(!sent.split('/').any(|part| part == "." || part == ".."), "{}", sent);
        }
    }
}

#[test]
fn headers_of_s3_are_noticed_wherever_they_are() {
    const PLAIN: &[(&str, &str)] = &[
        ("if-match", "a"),
        ("range", "bytes=0-1"),
        ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
        ("x-amz-date", "20261121T101112Z"),
        ("x-amz-security-token", "RXhhbXBsZQ=="),
    ];
    let has = |target, given: &[(&str, &str)]| {
        check("GET", target, given, |head| head.has_headers_of_s3()).unwrap()
    };
    assert!(!has("/bkt/k", PLAIN));
    for name in ["x-amz-acl", "x-amz-meta-a", "x-amz-tagging", "x-amz-user-agent"] {
        let given: Vec<_> = PLAIN.iter().copied().chain([(name, "a")]).collect();
        assert!(has("/bkt/k", &given), "{name}");
    }
    assert!(has("/bkt/k?X-Amz-Signature=1&x-amz-acl=private", &[]));
}
