//! The gateway between real sockets: what of a request reaches a backend, and what of its answer the
//! client. The backend does what each test says, byte by byte.

#![allow(
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "what a test cannot do without ends it"
)]

mod backend;
mod cors;
mod deletions;
#[path = "../../examples/demo/main.rs"]
mod demo;
mod deployment;
mod slashes;
mod strangers;

use data_encoding::HEXLOWER;
use daypass_sigv4::Credentials;

use crate::backend::{Does, NO_UPLOAD, NOT_FOUND};
use crate::deployment::Deployment;

/// What a signature says of a body in chunks.
const CHUNKS: &str = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD";
const FRAMES: &str = "STREAMING-UNSIGNED-PAYLOAD-TRAILER";

#[test]
fn the_demo_gets_the_answers_that_it_expects() {
    demo::main().unwrap();
}

#[tokio::test]
async fn a_request_is_written_anew_and_signed_with_the_operators_key() {
    let deployment = Deployment::start().await;
    let headers = [
        ("x-amz-meta-colour", "grey"),
        ("content-type", "image/jpeg"),
        ("x-forwarded-for", "198.51.100.7"),
        ("x-internal-role", "admin"),
    ];
    let target = "/photos/a%20%2b+~%c3%a9.jpg";
    let reply = deployment.ask(&deployment.admin, "PUT", target, &headers, b"JPEG").await;
    assert_eq!(reply.status, 200, "{reply:?}");
    let came = deployment.backend.one().await;
    assert_eq!(came.line(), "PUT /photos/a%20%2B%2B~%C3%A9.jpg HTTP/1.1");
    assert_eq!((came.body.as_slice(), came.is_whole), (b"JPEG".as_slice(), true));
    assert_eq!(came.header("host"), Some(&*deployment.backend.address.to_string()));
    assert_eq!(came.header("content-length"), Some("4"));
    assert_eq!(came.header("content-type"), Some("image/jpeg"));
    assert_eq!(came.header("x-amz-meta-colour"), Some("grey"));
    let authorization = came.header("authorization").unwrap();
    assert!(authorization.contains("Credential=AKIABACKENDEXAMPLE/"), "{authorization}");
    // The client said what the hash of its body is; the backend hears it.
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, b"JPEG");
    assert_eq!(came.header("x-amz-content-sha256"), Some(&*HEXLOWER.encode(hash.as_ref())));
    for dropped in ["x-forwarded-for", "x-internal-role", "x-amz-security-token", "connection"] {
        assert_eq!(came.header(dropped), None, "{dropped}");
    }
}

#[tokio::test]
async fn an_answer_comes_back_without_what_is_the_backends_own() {
    let deployment = Deployment::start().await;
    deployment.backend_does(Does::Answers(
        "200 OK",
        "etag: \"abc\"\r\nx-amz-meta-colour: grey\r\nx-amz-request-id: theirs\r\n\
         x-amz-id-2: theirs\r\nserver: Garage\r\nset-cookie: a=b\r\nx-internal: yes\r\n\
         location: http://10.0.0.1/\r\n",
        "hello",
    ));
    let reply = deployment.ask(&deployment.admin, "GET", "/photos/cat", &[], b"").await;
    assert_eq!((reply.status, &*reply.body, reply.is_whole), (200, "hello", true));
    assert_eq!(reply.headers["etag"], "\"abc\"");
    assert_eq!(reply.headers["x-amz-meta-colour"], "grey");
    assert_ne!(reply.headers["x-amz-request-id"], "theirs");
    assert_ne!(reply.headers["x-amz-id-2"], "theirs");
    for dropped in ["server", "set-cookie", "x-internal", "location"] {
        assert!(!reply.headers.contains_key(dropped), "{dropped}");
    }
}

#[tokio::test]
async fn a_document_says_nothing_of_the_backend() {
    let deployment = Deployment::start().await;
    let completed = "<CompleteMultipartUploadResult><Location>http://10.0.0.1/photos/cat</Location>\
                     <ETag>e</ETag></CompleteMultipartUploadResult>";
    deployment.backend_does(Does::Answers("200 OK", "", completed));
    let body = b"<CompleteMultipartUpload/>";
    let target = "/photos/cat?uploadId=abc";
    let reply = deployment.ask(&deployment.admin, "POST", target, &[], body).await;
    let expected = format!("<Location>http://{}/photos/cat</Location><ETag>e<", deployment.s3);
    assert!(reply.is_whole && reply.body.contains(&expected), "{reply:?}");

    let listed = "<ListBucketResult><Contents><Key>cat</Key><Owner><ID>gw</ID><DisplayName>gw\
                  </DisplayName></Owner></Contents></ListBucketResult>";
    deployment.backend_does(Does::Answers("200 OK", "", listed));
    let target = "/photos?fetch-owner=true&list-type=2";
    let reply = deployment.ask(&deployment.admin, "GET", target, &[], b"").await;
    assert!(reply.is_whole && !reply.body.contains("gw"), "{reply:?}");
    assert!(reply.body.contains("<Key>cat</Key><Owner><ID>"), "{reply:?}");

    let error = "<Error><Code>PreconditionFailed</Code><Message>see http://10.0.0.1</Message>\
                 <Condition>If-Match</Condition><HostId>node-7</HostId></Error>";
    deployment.backend_does(Does::Answers("412 Precondition Failed", "", error));
    let reply = deployment.ask(&deployment.admin, "GET", "/photos/cat", &[], b"").await;
    assert_eq!((reply.status, reply.code()), (412, "PreconditionFailed"));
    assert!(reply.body.contains("<Condition>If-Match</Condition>"), "{}", reply.body);
    assert!(!reply.body.contains("10.0.0.1") && !reply.body.contains("node-7"), "{}", reply.body);
}

#[tokio::test]
async fn a_backend_that_fails_is_told_of_in_the_words_of_s3() {
    let deployment = Deployment::start().await;
    let credentials = "<Error><Code>SignatureDoesNotMatch</Code><Message>the key</Message></Error>";
    for (does, status, code) in [
        (vec![Does::Ends, Does::Ends], 502, "BadGateway"),
        (vec![Does::SendsAndEnds("HELLO\r\n\r\n")], 502, "BadGateway"),
        // It could have been cut anywhere.
        (vec![Does::SendsAndEnds("HTTP/1.1 200 OK\r\n\r\nhello")], 502, "BadGateway"),
        (vec![Does::Answers("403 Forbidden", "", credentials)], 502, "BadGateway"),
        (vec![Does::Answers("500 Oops", "", "oops!")], 503, "ServiceUnavailable"),
        (vec![Does::Answers("307 Moved", "location: /x\r\n", "")], 502, "BadGateway"),
        (vec![NOT_FOUND], 404, "NoSuchKey"),
    ] {
        deployment.backend.does(&does);
        let reply = deployment.ask(&deployment.admin, "GET", "/photos/cat", &[], b"").await;
        assert_eq!((reply.status, reply.code()), (status, code), "{does:?}: {}", reply.body);
        assert!(!reply.body.contains("the key"), "{}", reply.body);
        assert!(reply.is_whole);
    }
}

#[tokio::test]
async fn a_reply_that_the_backend_cuts_is_cut_for_the_client() {
    let deployment = Deployment::start().await;
    for cut in [
        "HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\nonly this",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nonly this\r\n",
    ] {
        deployment.backend_does(Does::SendsAndEnds(cut));
        let fields = deployment.signed(&deployment.admin, "GET", "/photos/cat", &[], None, b"");
        let reply = deployment.raw(&Deployment::head("GET", "/photos/cat", &fields), b"").await;
        // Nothing at all, or a beginning without what would make it whole.
        let begun = reply.starts_with("HTTP/1.1 200") && reply.len() < 1000;
        assert!(reply.is_empty() || begun && !reply.ends_with("0\r\n\r\n"), "{reply}");
    }
}

#[tokio::test]
async fn only_what_may_be_repeated_is_sent_twice_and_only_on_a_connection_that_was_kept() {
    let deployment = Deployment::start().await;
    let admin = &deployment.admin;
    let ask = async |method: &'static str, body: &'static [u8]| {
        deployment.ask(admin, method, "/photos/cat", &[], body).await.status
    };
    // The connection of the first request is kept, and closed when the second has come.
    assert_eq!(ask("GET", b"").await, 200);
    deployment.backend.came();
    deployment.backend_does(Does::Ends);
    assert_eq!(ask("GET", b"").await, 200);
    let came = deployment.backend.came();
    assert_eq!(came.len(), 2, "{came:?}");
    assert_ne!(came[0].connection, came[1].connection);
    // With a body there is one try.
    deployment.backend_does(Does::Ends);
    assert_eq!(ask("PUT", b"cat").await, 502);
    assert_eq!(deployment.backend.came().len(), 1);
    // What may not be repeated is not.
    assert_eq!(ask("GET", b"").await, 200);
    deployment.backend.came();
    deployment.backend_does(Does::Ends);
    let begun = deployment.ask(admin, "POST", "/photos/cat?uploads=", &[], b"").await;
    assert_eq!((begun.status, deployment.backend.came().len()), (502, 1));
    // Nor is a first request on a new connection, but once for all.
    deployment.backend.does(&[Does::Ends, Does::Ends]);
    assert_eq!(ask("GET", b"").await, 502);
}

/// A body in signed chunks, of which one is changed when it is on its way.
fn chunked(head: &[(String, String)], admin: &Credentials, chunks: &[(&[u8], bool)]) -> Vec<u8> {
    let value = |name: &str| {
        head.iter().find(|(field, _)| field == name).map(|(_, value)| value.clone()).unwrap()
    };
    let (date, authorization) = (value("x-amz-date"), value("authorization"));
    let (_, mut previous) = authorization.split_once("Signature=").unwrap();
    let day = date.split_once('T').unwrap().0;
    let scope = format!("{day}/us-east-1/s3/aws4_request");
    let hmac = |key: &[u8], text: &[u8]| {
        let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key);
        aws_lc_rs::hmac::sign(&key, text).as_ref().to_vec()
    };
    let sha = |bytes: &[u8]| {
        HEXLOWER.encode(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes).as_ref())
    };
    let secret = format!("AWS4{}", admin.secret_access_key.expose());
    let parts = [day, "us-east-1", "s3", "aws4_request"];
    let key = parts.iter().fold(secret.into_bytes(), |key, part| hmac(&key, part.as_bytes()));
    let mut body = Vec::new();
    let mut signature: String;
    for (data, is_changed) in chunks {
        let text = format!(
            "AWS4-HMAC-SHA256-PAYLOAD\n{date}\n{scope}\n{previous}\n{}\n{}",
            sha(b""),
            sha(data)
        );
        signature = HEXLOWER.encode(&hmac(&key, text.as_bytes()));
        body.extend(format!("{:x};chunk-signature={signature}\r\n", data.len()).bytes());
        let mut sent = data.to_vec();
        if *is_changed {
            sent[0] ^= 1;
        }
        body.extend(sent);
        body.extend(b"\r\n");
        previous = Box::leak(signature.into_boxed_str());
    }
    body
}

/// The head of an upload whose body is not in its signature.
fn unchecked(deployment: &Deployment) -> Vec<(String, String)> {
    let payload = Some("UNSIGNED-PAYLOAD");
    deployment.signed(&deployment.admin, "PUT", "/photos/big", &[], payload, b"")
}

/// Uploads a body with a head that says everything of it but its length.
async fn upload(deployment: &Deployment, mut fields: Vec<(String, String)>, body: &[u8]) -> String {
    fields.push(("content-length".to_owned(), body.len().to_string()));
    deployment.raw(&Deployment::head("PUT", "/photos/big", &fields), body).await
}

fn put(
    deployment: &Deployment,
    decoded: usize,
    payload: &str,
    more: &[(&str, &str)],
) -> Vec<(String, String)> {
    let decoded = decoded.to_string();
    let mut headers =
        vec![("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", &*decoded)];
    headers.extend(more);
    deployment.signed(&deployment.admin, "PUT", "/photos/big", &headers, Some(payload), b"")
}

#[tokio::test]
async fn an_upload_whose_chunk_was_changed_ends_and_is_never_complete() {
    let deployment = Deployment::start().await;
    let data = vec![7_u8; 300_000];
    let whole: [(&[u8], bool); 4] = [
        (&data[..100_000], false),
        (&data[100_000..200_000], false),
        (&data[200_000..], false),
        (b"", false),
    ];
    for (changed, status) in [(None, 200), (Some(0), 403), (Some(1), 403), (Some(2), 403)] {
        let mut chunks = whole;
        if let Some(changed) = changed {
            let place: usize = changed;
            chunks[place].1 = true;
        }
        let fields = put(&deployment, data.len(), CHUNKS, &[]);
        let body = chunked(&fields, &deployment.admin, &chunks);
        let reply = upload(&deployment, fields, &body).await;
        assert!(reply.starts_with(&format!("HTTP/1.1 {status}")), "{changed:?}: {reply}");
        let came = deployment.backend.one().await;
        assert_eq!(came.is_whole, changed.is_none(), "{changed:?}");
        assert_eq!(came.header("content-length"), Some("300000"));
        assert_eq!(came.header("content-encoding"), None);
        if changed.is_some() {
            assert!(reply.contains("<Code>SignatureDoesNotMatch</Code>"), "{reply}");
        }
    }
    // Without its final chunk it is not whole either.
    let fields = put(&deployment, data.len(), CHUNKS, &[]);
    let body = chunked(&fields, &deployment.admin, &whole[..3]);
    let reply = upload(&deployment, fields, &body).await;
    assert!(reply.contains("<Code>IncompleteBody</Code>"), "{reply}");
    assert!(!deployment.backend.one().await.is_whole);
}

#[tokio::test]
async fn a_body_that_has_another_hash_is_never_complete() {
    let deployment = Deployment::start().await;
    for (length, reaches) in
        [(0, false), (10, false), (65_536, false), (65_537, true), (1 << 20, true)]
    {
        let body = vec![1_u8; length];
        let fields = deployment.signed(
            &deployment.admin,
            "PUT",
            "/photos/big",
            &[],
            Some(&"0".repeat(64)),
            b"",
        );
        let reply = upload(&deployment, fields, &body).await;
        assert!(reply.starts_with("HTTP/1.1 400"), "{length}: {reply}");
        assert!(reply.contains("<Code>XAmzContentSHA256Mismatch</Code>"), "{length}: {reply}");
        if reaches {
            assert!(!deployment.backend.one().await.is_whole, "{length}");
        }
        assert!(deployment.backend.came().is_empty(), "{length}");
    }
}

#[tokio::test]
async fn a_checksum_in_a_trailer_is_checked_and_handed_on() {
    let deployment = Deployment::start().await;
    // Of 100,000 zero bytes.
    let data = vec![0_u8; 100_000];
    let trailer = [("x-amz-trailer", "x-amz-checksum-sha256")];
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &data);
    let right = data_encoding::BASE64.encode(hash.as_ref());
    let wrong = data_encoding::BASE64.encode(&[0; 32]);
    for (length, checksum, is_right) in
        [(100_000, &right, true), (100_000, &wrong, false), (50_000, &wrong, false)]
    {
        let fields = put(&deployment, length, FRAMES, &trailer);
        let mut body = format!("{length:x}\r\n").into_bytes();
        body.extend(&data[..length]);
        body.extend(format!("\r\n0\r\nx-amz-checksum-sha256:{checksum}\r\n\r\n").bytes());
        let reply = upload(&deployment, fields, &body).await;
        if is_right {
            assert!(reply.starts_with("HTTP/1.1 200"), "{reply}");
            let came = deployment.backend.one().await;
            assert!(came.is_whole);
            assert_eq!(came.header("x-amz-content-sha256"), Some(FRAMES));
            assert_eq!(came.header("x-amz-trailer"), Some("x-amz-checksum-sha256"));
            assert_eq!(came.header("x-amz-decoded-content-length"), Some("100000"));
            assert_eq!(came.header("content-encoding"), Some("aws-chunked"));
            let end = format!("\r\n0\r\nx-amz-checksum-sha256:{checksum}\r\n\r\n");
            assert!(came.body.ends_with(end.as_bytes()));
            continue;
        }
        assert!(reply.contains("<Code>BadDigest</Code>"), "{reply}");
        if length > 65_536 {
            assert!(!deployment.backend.one().await.is_whole);
        }
        assert!(deployment.backend.came().is_empty());
    }
}

#[tokio::test]
async fn a_client_that_hangs_up_ends_the_upload_at_the_backend() {
    let deployment = Deployment::start().await;
    let mut fields = unchecked(&deployment);
    fields.push(("content-length".to_owned(), "1000000".to_owned()));
    let head = Deployment::head("PUT", "/photos/big", &fields);
    let mut stream = tokio::net::TcpStream::connect(deployment.s3).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
    tokio::io::AsyncWriteExt::write_all(&mut stream, &[5; 500_000]).await.unwrap();
    drop(stream);
    let came = deployment.backend.one().await;
    assert!(!came.is_whole && came.body.len() <= 500_000, "{}", came.body.len());
}

#[tokio::test]
async fn a_success_that_comes_before_the_body_is_none() {
    let deployment = Deployment::start().await;
    deployment.backend_does(Does::SendsEarly("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"));
    let mut fields = unchecked(&deployment);
    fields.push(("content-length".to_owned(), (8 << 20).to_string()));
    let head = Deployment::head("PUT", "/photos/big", &fields);
    let reply = deployment.raw(&head, &vec![5; 8 << 20]).await;
    assert!(reply.starts_with("HTTP/1.1 502"), "{reply}");
}

#[tokio::test]
async fn a_body_without_a_length_is_refused() {
    let deployment = Deployment::start().await;
    let mut fields = unchecked(&deployment);
    fields.push(("transfer-encoding".to_owned(), "chunked".to_owned()));
    let head = Deployment::head("PUT", "/photos/big", &fields);
    let reply = deployment.raw(&head, b"5\r\nhello\r\n0\r\n\r\n").await;
    assert!(reply.starts_with("HTTP/1.1 501"), "{reply}");
    assert!(reply.contains("<Code>NotImplemented</Code>"), "{reply}");
    assert!(reply.contains("<Header>Transfer-Encoding</Header>"), "{reply}");
    assert!(deployment.backend.came().is_empty());
}

#[tokio::test]
async fn a_client_is_told_to_go_on_only_when_it_may() {
    let deployment = Deployment::start().await;
    let nothing = deployment
        .narrowed(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
                "Resource":"*"}]}"#,
        )
        .await;
    for (who, is_allowed) in [(&deployment.admin, true), (&nothing, false)] {
        let mut fields = deployment.signed(who, "PUT", "/photos/cat", &[], None, b"hello");
        fields.push(("content-length".to_owned(), "5".to_owned()));
        fields.push(("expect".to_owned(), "100-continue".to_owned()));
        let head = Deployment::head("PUT", "/photos/cat", &fields);
        let mut stream = tokio::net::TcpStream::connect(deployment.s3).await.unwrap();
        tokio::io::AsyncWriteExt::write_all(&mut stream, head.as_bytes()).await.unwrap();
        let mut first = [0; 12];
        tokio::io::AsyncReadExt::read_exact(&mut stream, &mut first).await.unwrap();
        let expected: &[u8] = if is_allowed { b"HTTP/1.1 100" } else { b"HTTP/1.1 403" };
        assert_eq!(first, expected);
        if is_allowed {
            tokio::io::AsyncWriteExt::write_all(&mut stream, b"hello").await.unwrap();
            assert_eq!(deployment.backend.one().await.body, b"hello");
        } else {
            assert!(deployment.backend.came().is_empty());
        }
    }
}

#[tokio::test]
async fn who_may_not_list_is_not_told_what_is_missing() {
    let deployment = Deployment::start().await;
    let allow = |actions: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":[{actions}],
                "Resource":"*"}}]}}"#
        )
    };
    let objects = r#""s3:GetObject*","s3:PutObject*","s3:AbortMultipartUpload","s3:ListMultipartUploadParts""#;
    let reads = deployment.narrowed(&allow(objects)).await;
    let lists = deployment.narrowed(&allow(&format!(r#"{objects},"s3:ListBucket""#))).await;
    let owner: &[(&str, &str)] = &[("x-amz-acl", "bucket-owner-full-control")];
    let source: &[(&str, &str)] = &[("x-amz-copy-source", "/photos/dog")];
    let tags = "<Tagging><TagSet><Tag><Key>a</Key><Value>b</Value></Tag></TagSet></Tagging>";
    let hold = "<LegalHold><Status>ON</Status></LegalHold>";
    for (who, status, code) in [(&reads, 403, "AccessDenied"), (&lists, 404, "NoSuchKey")] {
        for (method, target, headers, body) in [
            ("GET", "/photos/cat?acl", &[][..], ""),
            ("PUT", "/photos/cat?acl", owner, ""),
            ("GET", "/photos/cat?tagging", &[], ""),
            ("PUT", "/photos/cat?tagging", &[], tags),
            ("GET", "/photos/cat?legal-hold", &[], ""),
            ("PUT", "/photos/cat?legal-hold", &[], hold),
            ("PUT", "/photos/cat", source, ""),
        ] {
            deployment.backend_does(NOT_FOUND);
            let reply = deployment.ask(who, method, target, headers, body.as_bytes()).await;
            assert_eq!((reply.status, reply.code()), (status, code), "{method} {target}");
        }
        // What is missing here is an upload, of which the key tells nothing.
        for (method, target) in [
            ("GET", "/photos/cat?uploadId=abc"),
            ("DELETE", "/photos/cat?uploadId=abc"),
            ("PUT", "/photos/cat?uploadId=abc&partNumber=1"),
        ] {
            deployment.backend_does(NO_UPLOAD);
            let reply = deployment.ask(who, method, target, &[], b"").await;
            assert_eq!((reply.status, reply.code()), (404, "NoSuchUpload"), "{method} {target}");
        }
        deployment.backend_does(NOT_FOUND);
        let reply = deployment.ask(who, "GET", "/photos/cat", &[], b"").await;
        assert_eq!((reply.status, reply.code()), (status, code));
        deployment.backend_does(NOT_FOUND);
        let reply = deployment.ask(who, "HEAD", "/photos/cat", &[], b"").await;
        assert_eq!((reply.status, &*reply.body), (status, ""));
    }
}

#[tokio::test]
async fn a_bucket_that_is_at_the_backend_already_is_nobodys() {
    let deployment = Deployment::start().await;
    // The HEAD finds one.
    let reply = deployment.ask(&deployment.admin, "PUT", "/found", &[], b"").await;
    assert_eq!((reply.status, reply.code()), (409, "BucketAlreadyExists"));
    assert!(deployment.backend.one().await.line().starts_with("HEAD /found "));
    let reply = deployment.ask(&deployment.admin, "GET", "/found/secret", &[], b"").await;
    assert_eq!((reply.status, reply.code()), (404, "NoSuchBucket"));
    assert!(deployment.backend.came().is_empty());
}

#[tokio::test]
async fn a_bucket_is_made_where_its_deployment_is() {
    let deployment = Deployment::start().await;
    for (location, code, words) in [
        (
            "eu-west-3",
            "IllegalLocationConstraintException",
            "The eu-west-3 location constraint is incompatible for the region specific endpoint",
        ),
        ("a b", "InvalidLocationConstraint", "The specified location-constraint is not valid"),
    ] {
        let document = format!(
            "<CreateBucketConfiguration><LocationConstraint>{location}</LocationConstraint>\
             </CreateBucketConfiguration>"
        );
        let body = document.as_bytes();
        let reply = deployment.ask(&deployment.admin, "PUT", "/elsewhere", &[], body).await;
        assert_eq!((reply.status, reply.code()), (400, code), "{}", reply.body);
        assert!(reply.body.contains(words), "{}", reply.body);
        assert!(deployment.backend.came().is_empty());
    }
}

#[tokio::test]
async fn a_bucket_with_something_in_it_is_not_deleted() {
    let deployment = Deployment::start().await;
    let list = |document| Does::Answers("200 OK", "", document);
    let held = list("<ListBucketResult><Contents><Key>cat</Key></Contents></ListBucketResult>");
    let none = list("<ListBucketResult><MaxKeys>1</MaxKeys></ListBucketResult>");
    let old = list("<ListVersionsResult><Version></Version></ListVersionsResult>");
    let unversioned = Does::Answers("501 Not Implemented", "", "");
    let gone = Does::Answers("204 No Content", "", "");
    for (script, status, code) in [
        (vec![held], 409, "BucketNotEmpty"),
        (vec![none.clone(), old], 409, "BucketNotEmpty"),
        (vec![none, unversioned, gone], 204, ""),
    ] {
        deployment.backend.does(&script);
        let reply = deployment.ask(&deployment.admin, "DELETE", "/photos", &[], b"").await;
        assert_eq!((reply.status, reply.code()), (status, code), "{}", reply.body);
        assert_eq!(deployment.backend.came().len(), script.len());
    }
    let reply = deployment.ask(&deployment.admin, "GET", "/photos/cat", &[], b"").await;
    assert_eq!((reply.status, reply.code()), (404, "NoSuchBucket"));
}

#[tokio::test]
async fn keys_that_a_backend_of_files_takes_for_others_are_refused() {
    let deployment = Deployment::start().await;
    for target in [
        "/photos/secret//x",
        "/photos//secret",
        "/photos/a/../secret",
        "/photos/a/%2e%2e/secret",
        "/photos/./secret",
        "/photos/.uploads/abc/1.part",
        "/photos/cat.versions/v1",
        "/photos?list-type=2&prefix=.uploads%2F",
        "/photos?list-type=2&prefix=home%2F..%2Fsecret%2F",
        "/photos?list-type=2&prefix=secret%2F%2F",
    ] {
        let reply = deployment.ask(&deployment.admin, "GET", target, &[], b"").await;
        assert_eq!((reply.status, reply.code()), (400, "InvalidURI"), "{target}: {}", reply.body);
    }
    let copies = [("x-amz-copy-source", "/photos/secret//x")];
    let reply = deployment.ask(&deployment.admin, "PUT", "/photos/y", &copies, b"").await;
    assert_eq!((reply.status, reply.code()), (400, "InvalidURI"));
    assert!(deployment.backend.came().is_empty());
    let reply = deployment.ask(&deployment.admin, "PUT", "/photos/folder/", &[], b"").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(deployment.backend.one().await.line(), "PUT /photos/folder/ HTTP/1.1");

    let exact = Deployment::start_with(|layer| layer.s3_backend_exact_keys = Some(true)).await;
    let reply = exact.ask(&exact.admin, "GET", "/photos//a//b", &[], b"").await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert_eq!(exact.backend.one().await.line(), "GET /photos//a//b HTTP/1.1");
}

#[tokio::test]
async fn tags_are_fetched_only_where_a_policy_asks_for_one() {
    let deployment = Deployment::start().await;
    deployment.ask(&deployment.admin, "GET", "/photos/cat", &[], b"").await;
    assert_eq!(deployment.backend.came().len(), 1);
    let public = deployment
        .narrowed(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:GetObject",
                "Resource":"*","Condition":{"StringEquals":{"s3:ExistingObjectTag/kind":"public"}}}]}"#,
        )
        .await;
    let tags =
        "<Tagging><TagSet><Tag><Key>kind</Key><Value>public</Value></Tag></TagSet></Tagging>";
    let other =
        "<Tagging><TagSet><Tag><Key>kind</Key><Value>secret</Value></Tag></TagSet></Tagging>";
    for (told, status, requests) in [(tags, 200, 2), (other, 403, 1)] {
        deployment.backend_does(Does::Answers("200 OK", "", told));
        let reply = deployment.ask(&public, "GET", "/photos/cat", &[], b"").await;
        assert_eq!(reply.status, status, "{}", reply.body);
        let came = deployment.backend.came();
        assert_eq!(came[0].line(), "GET /photos/cat?tagging= HTTP/1.1");
        assert_eq!(came.len(), requests);
    }
    // Whether there are tags is not known: nobody decides.
    deployment.backend_does(Does::Answers("500 Oops", "", ""));
    let reply = deployment.ask(&public, "GET", "/photos/cat", &[], b"").await;
    assert_eq!((reply.status, reply.code()), (502, "BadGateway"));
}

#[tokio::test]
async fn one_decision_for_each_object_that_is_to_be_deleted() {
    let deployment = Deployment::start().await;
    let mine = deployment
        .narrowed(
            r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:DeleteObject",
                "Resource":"arn:aws:s3:::photos/mine/*"}]}"#,
        )
        .await;
    let list = b"<Delete><Object><Key>mine/a</Key></Object><Object><Key>other</Key></Object>\
                 <Object><Key>mine//b</Key></Object></Delete>";
    let deleted = "<DeleteResult><Deleted><Key>mine/a</Key></Deleted></DeleteResult>";
    let ask = async |list: &'static [u8], checksum: Option<&[u8]>| {
        let hash = |bytes| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let checksum = checksum.map(|of| data_encoding::BASE64.encode(hash(of).as_ref()));
        let stated: Vec<_> =
            checksum.iter().map(|text| ("x-amz-checksum-sha256", text.as_str())).collect();
        deployment.ask(&mine, "POST", "/photos?delete=", &stated, list).await
    };
    let reply = ask(list, None).await;
    assert_eq!((reply.status, reply.code()), (400, "InvalidRequest"));
    let reply = ask(list, Some(b"another")).await;
    assert_eq!((reply.status, reply.code()), (400, "BadDigest"));
    deployment.backend_does(Does::Answers("200 OK", "", deleted));
    let reply = ask(list, Some(list)).await;
    assert_eq!(reply.status, 200, "{}", reply.body);
    assert!(reply.body.contains("<Deleted><Key>mine/a</Key></Deleted>"), "{}", reply.body);
    assert!(reply.body.contains("<Key>other</Key><Code>AccessDenied</Code>"), "{}", reply.body);
    assert!(reply.body.contains("<Key>mine//b</Key><Code>InvalidURI</Code>"), "{}", reply.body);
    let came = deployment.backend.one().await;
    let sent = String::from_utf8(came.body).unwrap();
    assert!(
        sent.contains("mine/a") && !sent.contains("other") && !sent.contains("mine//b"),
        "{sent}"
    );
    // Nobody is asked when nothing is left.
    let list = b"<Delete><Object><Key>other</Key></Object></Delete>";
    let reply = ask(list, Some(list)).await;
    assert!(reply.body.contains("<Code>AccessDenied</Code>"), "{}", reply.body);
    assert!(deployment.backend.came().is_empty());
}

#[tokio::test]
async fn what_is_not_signed_is_let_in_by_a_bucket_policy_and_the_operator_together() {
    let policy = br#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":"*",
        "Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/public/*"}]}"#;
    for (is_on, has_policy, allowed) in
        [(true, true, true), (true, false, false), (false, true, false)]
    {
        let deployment = Deployment::start_with(|layer| layer.s3_anonymous = Some(is_on)).await;
        if has_policy {
            let put =
                deployment.ask(&deployment.admin, "PUT", "/photos?policy=", &[], policy).await;
            assert_eq!(put.status, 204, "{}", put.body);
        }
        let fields = [("host".to_owned(), deployment.s3.to_string())];
        for (path, in_policy) in [("/photos/public/a", true), ("/photos/private", false)] {
            let reply = deployment.raw(&Deployment::head("GET", path, &fields), b"").await;
            let expected = if allowed && in_policy { "HTTP/1.1 200" } else { "HTTP/1.1 403" };
            assert!(reply.starts_with(expected), "{is_on} {has_policy} {path}: {reply}");
        }
        assert_eq!(deployment.backend.came().len(), usize::from(allowed));
    }
}

/// What is refused as no operation, or as one that is not there, has its record all the same, of whom
/// it was proven that they asked.
#[tokio::test]
async fn what_is_no_operation_is_recorded() {
    let deployment = Deployment::start_with(|layer| {
        layer.s3_anonymous = Some(true);
        layer.s3_data_events = Some(vec!["photos/kept/".to_owned()]);
    })
    .await;
    let admin = &deployment.admin;
    for (method, target, status, code) in [
        // No operation.
        ("GET", "/photos/cat?prefix=secret", 501, "NotImplemented"),
        ("PUT", "/photos?uploads=", 501, "NotImplemented"),
        ("DELETE", "/", 405, "MethodNotAllowed"),
        ("PATCH", "/photos/cat", 405, "MethodNotAllowed"),
        ("BREW", "/photos", 405, "MethodNotAllowed"),
        // Operations that are refused before anything is decided, about a bucket and about objects.
        ("PUT", "/photos?accelerate=&x-id=PutBucketAcl", 400, "InvalidArgument"),
        ("GET", "/photos/kept/cat?partNumber=x", 400, "InvalidArgument"),
        ("GET", "/photos/other/cat?partNumber=x", 400, "InvalidArgument"),
        ("PUT", "/photos/kept/cat?encryption=", 501, "NotImplemented"),
    ] {
        let reply = deployment.ask(admin, method, target, &[], b"").await;
        assert_eq!((reply.status, reply.code()), (status, code), "{method} {target}");
    }
    // Nobody signed these.
    let fields = [("host".to_owned(), deployment.s3.to_string())];
    let reply = deployment.raw(&Deployment::head("PUT", "/photos?uploads=", &fields), b"").await;
    assert!(reply.starts_with("HTTP/1.1 501"), "{reply}");
    let trail = deployment.finish().await;
    let records: Vec<serde_json::Value> =
        trail.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let refused = records.iter().filter(|record| {
        record["eventSource"] == "s3.amazonaws.com" && record.get("errorCode").is_some()
    });
    let told: Vec<String> = refused
        .map(|record| {
            assert!(record["userIdentity"]["arn"].is_string(), "{record}");
            format!(
                "{} {} {} {}",
                record["eventName"].as_str().unwrap(),
                record["errorCode"].as_str().unwrap(),
                if record["readOnly"] == true { "reads" } else { "writes" },
                record["eventCategory"].as_str().unwrap(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            "REST.GET.OBJECT NotImplemented reads Management",
            "REST.PUT.BUCKET NotImplemented writes Management",
            "REST.DELETE.SERVICE MethodNotAllowed writes Management",
            "REST.PATCH.OBJECT MethodNotAllowed writes Management",
            "REST.UNKNOWN.BUCKET MethodNotAllowed writes Management",
            "PutBucketAccelerateConfiguration InvalidArgument writes Management",
            "GetObject InvalidArgument reads Data",
            "UpdateObjectEncryption NotImplemented writes Data",
        ],
        "{trail}"
    );
    let unnamed = records.iter().find(|record| record["eventName"] == "REST.GET.OBJECT").unwrap();
    assert_eq!(unnamed["requestParameters"]["bucketName"], "photos");
    assert_eq!(unnamed["requestParameters"]["key"], "cat");
    assert!(!trail.contains("secret"), "what is unknown may be anything");
}

#[tokio::test]
async fn requests_to_objects_are_recorded_where_the_operator_says() {
    let deployment = Deployment::start_with(|layer| {
        layer.s3_data_events = Some(vec!["photos/kept/".to_owned()]);
    })
    .await;
    for key in ["kept/a", "other/b"] {
        deployment.ask(&deployment.admin, "PUT", &format!("/photos/{key}"), &[], b"hello").await;
    }
    deployment.ask(&deployment.admin, "PUT", "/photos?cors=", &[], b"<CORSConfiguration/>").await;
    let trail = deployment.finish().await;
    let events = |name: &str| {
        let name = format!("\"eventName\":\"{name}\"");
        trail.lines().filter(|line| line.contains(&name)).collect::<Vec<_>>()
    };
    let puts = events("PutObject");
    assert_eq!(puts.len(), 1, "{trail}");
    assert!(puts[0].contains("\"key\":\"kept/a\""), "{}", puts[0]);
    assert!(puts[0].contains("\"bytesTransferredIn\":5"), "{}", puts[0]);
    assert!(puts[0].contains("\"eventCategory\":\"Data\""), "{}", puts[0]);
    assert_eq!(events("PutBucketCors").len(), 1, "{trail}");
    assert!(!trail.contains("AWS4-HMAC-SHA256"), "a signature is in the trail");
}
