//! Heads of requests whose bodies are elsewhere: what S3 demands of them, and what is told of the
//! body.

use crate::message::{KEY, Message, STS, credentials, now, secret};
use crate::upload::{Kind, REGION, S3, judge_head, take_body, upload};
use daypass_sigv4::{
    Checksum, Fault, Payload, Rules, SigningKey, Source, Verified, presented, sign,
    sign_with_payload, verify_with_hash,
};

const HASH: [u8; 32] = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24,
    0x27, 0xae, 0x41, 0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// A signed GET of S3 with these headers besides, and `payload` for its body.
fn get(headers: &[(&str, &str)], payload: &str) -> Message {
    let mut message = Message::form();
    message.method = "GET".to_owned();
    message.path = "/bucket/key".to_owned();
    message.headers.truncate(1);
    message.body.clear();
    for (name, value) in headers {
        message.add(name, value);
    }
    let added = message.with(|request| {
        sign_with_payload(request, payload, &credentials(None), REGION, "s3", now())
    });
    for (name, value) in added {
        message.set(name, &value);
    }
    message
}

#[test]
fn what_the_head_states_of_the_body_is_known_or_refused() {
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let (length, coding) =
        (("x-amz-decoded-content-length", "7"), ("content-encoding", "aws-chunked"));
    let trailer = ("x-amz-trailer", "x-amz-checksum-crc64nvme");
    let signed = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
    let signed_trailer = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER";
    let unsigned_trailer = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";
    for (payload, headers, expected) in [
        (digest, vec![], Ok(Payload::Hash(HASH))),
        ("UNSIGNED-PAYLOAD", vec![], Ok(Payload::Unsigned)),
        (signed, vec![length, coding], Ok(Payload::SignedChunks { trailer: false })),
        // minio-go does not name the coding.
        (signed, vec![length], Ok(Payload::SignedChunks { trailer: false })),
        (signed_trailer, vec![length, trailer], Ok(Payload::SignedChunks { trailer: true })),
        (unsigned_trailer, vec![length, coding, trailer], Ok(Payload::UnsignedChunks)),
        (unsigned_trailer, vec![length], Ok(Payload::UnsignedChunks)),
        (
            unsigned_trailer,
            vec![length, ("content-encoding", "aws-chunked, gzip")],
            Ok(Payload::UnsignedChunks),
        ),
        // Kinds that cannot be checked.
        ("STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD", vec![length], Err("InvalidArgument")),
        (
            "STREAMING-AWS4-ECDSA-P256-SHA256-PAYLOAD-TRAILER",
            vec![length, trailer],
            Err("InvalidArgument"),
        ),
        ("STREAMING-AWS4-HMAC-SHA256-EVENTS", vec![length], Err("InvalidArgument")),
        ("streaming-unsigned-payload-trailer", vec![length], Err("InvalidArgument")),
        ("unsigned-payload", vec![], Err("InvalidArgument")),
        ("UNSIGNED-PAYLOAD ,", vec![], Err("InvalidArgument")),
        ("", vec![], Err("InvalidArgument")),
        (&digest[1..], vec![], Err("InvalidArgument")),
        (&digest.to_uppercase(), vec![], Err("InvalidArgument")),
        // Chunks without the length of what they hold, or with one that is none.
        (signed, vec![], Err("MissingContentLength")),
        (unsigned_trailer, vec![trailer], Err("MissingContentLength")),
        (signed, vec![("x-amz-decoded-content-length", "")], Err("MissingContentLength")),
        (signed, vec![("x-amz-decoded-content-length", "-1")], Err("MissingContentLength")),
        (signed, vec![("x-amz-decoded-content-length", "+7")], Err("MissingContentLength")),
        (signed, vec![("x-amz-decoded-content-length", "0x7")], Err("MissingContentLength")),
        (signed, vec![("x-amz-decoded-content-length", "7, 7")], Err("MissingContentLength")),
        (
            signed,
            vec![("x-amz-decoded-content-length", "18446744073709551616")],
            Err("MissingContentLength"),
        ),
        (signed, vec![length, length], Err("InvalidRequest")),
        // Trailers: one, announced, a checksum, where there can be one.
        (signed_trailer, vec![length], Err("InvalidRequest")),
        (signed, vec![length, trailer], Err("InvalidRequest")),
        (unsigned_trailer, vec![length, trailer, trailer], Err("InvalidRequest")),
        (unsigned_trailer, vec![length, ("x-amz-trailer", "")], Err("InvalidRequest")),
        (unsigned_trailer, vec![length, ("x-amz-trailer", "x-amz-meta-a")], Err("InvalidRequest")),
        (
            unsigned_trailer,
            vec![length, ("x-amz-trailer", "x-amz-checksum-md5")],
            Err("InvalidRequest"),
        ),
        (
            unsigned_trailer,
            vec![length, ("x-amz-trailer", "x-amz-checksum-crc32,x-amz-checksum-sha1")],
            Err("InvalidRequest"),
        ),
        // A coding that the payload does not have.
        (digest, vec![coding], Err("InvalidRequest")),
        ("UNSIGNED-PAYLOAD", vec![("content-encoding", "gzip,AWS-chunked")], Err("InvalidRequest")),
    ] {
        let message = get(&headers, payload);
        match (judge_head(&message), expected) {
            (Ok((_, body)), Ok(payload)) => assert_eq!(body.payload(), payload),
            (Err(fault), Err(code)) => {
                assert_eq!(fault.s3_code(Source::Header), code, "{payload} {headers:?} {fault:?}");
            }
            (found, expected) => panic!("{payload} {headers:?}: {found:?}, not {expected:?}"),
        }
    }
}

/// Every header that AWS gives a meaning must be signed, those of the body before all.
#[test]
fn headers_that_are_not_signed_are_refused() {
    for kind in
        [Kind::Hash, Kind::Unsigned, Kind::Presigned, Kind::UnsignedTrailer(Checksum::Crc32)]
    {
        for (name, value) in [
            ("x-amz-copy-source", "/secret/key"),
            ("x-amz-acl", "public-read"),
            ("x-amz-tagging", "a=b"),
            ("x-amz-meta-a", "b"),
            ("X-Amz-Website-Redirect-Location", "/"),
            ("x-amz-security-token", "t"),
            ("x-amz-", ""),
        ] {
            let mut message = upload(kind, b"data", 4);
            message.add(name, value);
            let fault = judge_head(&message).unwrap_err();
            if name != "x-amz-security-token" || kind != Kind::Presigned {
                assert!(
                    matches!(fault, Fault::HeadersNotSigned { .. }),
                    "{kind:?} {name} {fault:?}"
                );
                assert_eq!(fault.s3_code(Source::Header), "AccessDenied");
            }
        }
    }
    // Those of the body are signed, so taking them away is another request.
    let good = upload(Kind::UnsignedTrailer(Checksum::Crc32), b"data", 4);
    for name in ["x-amz-content-sha256", "x-amz-decoded-content-length", "x-amz-trailer"] {
        let mut message = good.clone();
        message.remove(name);
        let fault = judge_head(&message).unwrap_err();
        assert_eq!(fault.cause(), format!("the signed header {name} is absent"));
        let mut message = good.clone();
        let value = if name == "x-amz-decoded-content-length" { "5" } else { "UNSIGNED-PAYLOAD" };
        message.set(name, value);
        assert!(judge_head(&message).is_err(), "{name}");
    }
}

#[test]
fn a_signature_in_the_header_states_its_payload() {
    // Signed as for another service, which need not state it.
    let mut message = get(&[], "UNSIGNED-PAYLOAD");
    message.remove("x-amz-content-sha256");
    message.remove("authorization");
    message.remove("x-amz-date");
    let added =
        message.with(|request| sign(request, b"", &credentials(None), REGION, "sts", now()));
    for (name, value) in added {
        message.set(name, &value);
    }
    message.rewrite("/sts/", "/s3/");
    let fault = judge_head(&message).unwrap_err();
    assert_eq!(fault.to_string(), "Missing required header for this request: x-amz-content-sha256");
    assert_eq!(fault.s3_code(Source::Header), "InvalidRequest");
}

#[test]
fn presigned_requests() {
    let good = upload(Kind::Presigned, b"data", 4);
    let (verified, body) = judge_head(&good).unwrap();
    assert_eq!((verified.source(), verified.expires()), (Source::Query, Some(60)));
    assert_eq!(body.payload(), Payload::Unsigned);
    let put = || {
        let mut message = Message::form();
        message.method = "PUT".to_owned();
        message.path = "/bucket/key".to_owned();
        message.headers.truncate(1);
        message
    };
    // A stated hash holds.
    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    let mut stated = put();
    stated.add("x-amz-content-sha256", digest);
    let stated = stated.presign(&credentials(None), REGION, "s3", 60, now());
    let (_, body) = judge_head(&stated).unwrap();
    assert_eq!(body.payload(), Payload::Hash(HASH));
    assert!(take_body(body, b"x", 1).1.is_err());
    // Chunks are for signatures in the header.
    for payload in [
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
    ] {
        let mut message = put();
        message.add("x-amz-content-sha256", payload);
        message.add("x-amz-decoded-content-length", "4");
        message.add("x-amz-trailer", "x-amz-checksum-crc32");
        let message = message.presign(&credentials(None), REGION, "s3", 60, now());
        assert!(matches!(judge_head(&message), Err(Fault::InvalidRequest { .. })), "{payload}");
    }
    // The life: 1 second to a week.
    for (expires, good) in [(0, false), (1, true), (604_800, true), (604_801, false)] {
        let message = put().presign(&credentials(None), REGION, "s3", expires, now());
        let found = judge_head(&message);
        assert_eq!(found.is_ok(), good, "{expires}");
        if let Err(fault) = found {
            assert_eq!(fault.s3_code(Source::Query), "AuthorizationQueryParametersError");
        }
    }
}

/// The path of S3 is a key and no path: nothing in it is resolved, and it is encoded once.
#[test]
fn paths_are_keys() {
    for (signed, sent, same) in [
        ("/b/a%2Fb", "/b/a/b", false),
        ("/b/a//b", "/b/a/b", false),
        ("/b/./a", "/b/a", false),
        ("/b/x/../a", "/b/a", false),
        ("/b/a%2520b", "/b/a%20b", false),
        ("/b/a%2Bb", "/b/a%20b", false),
        ("/b/a+b", "/b/a%20b", false),
        ("/b/a%20b", "/b/a%20b", true),
        ("/b/a%7Eb", "/b/a~b", true),
        ("/b/%c3%bc", "/b/%C3%BC", true),
    ] {
        let mut message = Message::form();
        message.path = signed.to_owned();
        let mut message = message.sign(&credentials(None), REGION, "s3", now());
        assert!(judge_head(&message).is_ok(), "{signed}");
        message.path = sent.to_owned();
        assert_eq!(judge_head(&message).is_ok(), same, "{signed} {sent}");
    }
}

#[test]
fn the_time_of_a_request_has_a_code_of_its_own() {
    let message = get(&[], "UNSIGNED-PAYLOAD");
    let judge = |now: &str| {
        message.with(|request| {
            let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
            let key = SigningKey::derive(&secret(), presented.scope());
            verify_with_hash(&presented, request, None, &key, &S3, now.parse().unwrap())
        })
    };
    assert!(judge("2026-11-21T10:26:12Z").is_ok());
    for now in ["2026-11-21T10:26:13Z", "2026-11-21T09:56:11Z", "2027-11-21T10:11:12Z"] {
        let fault = judge(now).unwrap_err();
        assert_eq!(fault.s3_code(Source::Header), "RequestTimeTooSkewed", "{now}");
        assert_eq!(fault.code(), "SignatureDoesNotMatch", "{now}");
    }
}

fn told(
    message: &Message,
    hash: Option<&[u8; 32]>,
    rules: &Rules<'_>,
) -> Result<(Verified, Payload), Fault> {
    message.with(|request| {
        let presented = presented(request)?.ok_or(Fault::MissingAuthenticationToken)?;
        assert_eq!(presented.access_key_id().as_str(), KEY);
        let key = SigningKey::derive(&secret(), presented.scope());
        verify_with_hash(&presented, request, hash, &key, rules, now())
    })
}

/// A body that somebody else has: its hash is told, or the head states it.
#[test]
fn a_hash_that_is_told() {
    let rules = Rules { service: "execute-api", ..STS };
    let mut empty = Message::form();
    empty.body.clear();
    let silent = empty.clone().sign(&credentials(None), REGION, "execute-api", now());
    let (_, payload) = told(&silent, Some(&HASH), &rules).unwrap();
    assert_eq!(payload, Payload::Hash(HASH));
    assert_eq!(
        told(&silent, None, &rules).unwrap_err().cause(),
        "the hash of the body is neither stated nor told"
    );
    assert_eq!(
        told(&silent, Some(&[0; 32]), &rules).unwrap_err().cause(),
        "the signature is another one"
    );

    let digest = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    empty.add("x-amz-content-sha256", digest);
    let stating = empty.sign(&credentials(None), REGION, "execute-api", now());
    for hash in [None, Some(&HASH)] {
        assert_eq!(told(&stating, hash, &rules).unwrap().1, Payload::Hash(HASH));
    }
    assert_eq!(
        told(&stating, Some(&[0; 32]), &rules).unwrap_err().cause(),
        "x-amz-content-sha256 is not the hash of the body"
    );
    // Only S3 knows unsigned bodies.
    for payload in ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER", ""] {
        let mut message = Message::form();
        message.add("x-amz-content-sha256", payload);
        let message = message.sign(&credentials(None), REGION, "execute-api", now());
        for hash in [None, Some(&HASH)] {
            assert!(told(&message, hash, &rules).is_err(), "{payload}");
        }
    }

    // What the signature says of the body is told too: a hash that is not needed proves nothing.
    for (kind, payload) in [
        (Kind::Unsigned, Payload::Unsigned),
        (Kind::Presigned, Payload::Unsigned),
        (Kind::Signed, Payload::SignedChunks { trailer: false }),
        (Kind::UnsignedTrailer(Checksum::Crc32), Payload::UnsignedChunks),
    ] {
        let message = upload(kind, b"data", 4);
        for hash in [None, Some(&HASH)] {
            assert_eq!(told(&message, hash, &S3).unwrap().1, payload, "{kind:?}");
        }
    }
}

/// The head is verified whatever is said of the body.
#[test]
fn no_kind_of_body_saves_a_wrong_signature() {
    for kind in crate::upload::kinds() {
        let good = upload(kind, b"data", 4);
        for change in 0..4 {
            let mut message = good.clone();
            match change {
                0 => message.path.push('x'),
                1 => message.method = "DELETE".to_owned(),
                2 => message.query.push_str("&uploads"),
                _ => message.set("host", "other.example.com"),
            }
            let fault = judge_head(&message).unwrap_err();
            assert_eq!(fault.cause(), "the signature is another one", "{kind:?} {change}");
        }
    }
}

/// What S3 answers where the Query services have other codes or words.
#[test]
fn codes_and_words_of_s3() {
    let signed = || get(&[], "UNSIGNED-PAYLOAD");
    let presigned = || upload(Kind::Presigned, b"", 1);
    type Change = fn(&mut Message);
    let rows: [(Message, Change, Source, &str, &str); 6] = [
        (
            signed(),
            |m| m.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
            Source::Header,
            "InvalidArgument",
            "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature \
             query string parameter or the Authorization header should be specified",
        ),
        (
            signed(),
            |m| m.add("x-amz-acl", "public-read"),
            Source::Header,
            "AccessDenied",
            "There were headers present in the request which were not signed",
        ),
        (
            signed(),
            |m| m.path.push('x'),
            Source::Header,
            "SignatureDoesNotMatch",
            "The request signature we calculated does not match the signature you provided. Check \
             your key and signing method.",
        ),
        (
            signed(),
            |m| m.set("authorization", "AWS AKIAIOSFODNN7EXAMPLE:frJIUN8DYpKDtOLCwo="),
            Source::Header,
            "AuthorizationHeaderMalformed",
            "Authorization header requires 'Credential' parameter.",
        ),
        (
            presigned(),
            |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=x"),
            Source::Query,
            "AuthorizationQueryParametersError",
            "X-Amz-Expires must be a number",
        ),
        (Message::form(), |m| m.path.push('x'), Source::Header, "AccessDenied", "Access Denied"),
    ];
    for (number, (mut message, change, source, code, text)) in rows.into_iter().enumerate() {
        change(&mut message);
        let fault = judge_head(&message).unwrap_err();
        assert_eq!(fault.s3_code(source), code, "row {number}: {fault:?}");
        let found = fault.s3_text(source);
        assert!(found.starts_with(text), "row {number}: {found}");
    }
}
