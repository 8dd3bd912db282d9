use std::collections::BTreeSet;

use daypass_sigv4::Checksum;

use super::*;

#[test]
fn every_code_has_a_status_and_words() {
    let mut names = BTreeSet::new();
    for code in S3Code::ALL {
        let status = code.status();
        assert!(status.is_client_error() || status.is_server_error(), "{code:?}");
        assert!(!code.message().is_empty() && names.insert(code.as_str()), "{code:?}");
        assert_eq!(S3Code::named(code.as_str()), Some(*code));
        // Only what failed on our side, or is not there at all, answers as a server's fault.
        let is_ours = matches!(
            code,
            S3Code::BadGateway
                | S3Code::GatewayTimeout
                | S3Code::InternalError
                | S3Code::NotImplemented
                | S3Code::ServiceUnavailable
                | S3Code::SlowDown
        );
        assert_eq!(status.is_server_error(), is_ours, "{code:?}");
    }
    assert!(names.iter().map(|name| (*name).to_owned()).is_sorted());
    assert_eq!(S3Code::named("accessdenied"), None);
}

#[test]
fn an_error_is_a_document() {
    let fault = S3Fault::argument("Version id cannot be the empty string", "versionId", "<&\r")
        .because("for the log");
    insta::assert_snapshot!(fault.to_xml(Some("/bkt/a\"b"), "R1", "H1"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Error><Code>InvalidArgument</Code><Message>Version id cannot be the empty string</Message><ArgumentName>versionId</ArgumentName><ArgumentValue>&lt;&amp;&#13;</ArgumentValue><Resource>/bkt/a&quot;b</Resource><RequestId>R1</RequestId><HostId>H1</HostId></Error>
    "#);
    let fault = S3Fault::new(S3Code::NoSuchBucket).with("BucketName", "photos");
    insta::assert_snapshot!(fault.to_xml(None, "R1", "H1"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Error><Code>NoSuchBucket</Code><Message>The specified bucket does not exist</Message><BucketName>photos</BucketName><RequestId>R1</RequestId><HostId>H1</HostId></Error>
    "#);
    assert_eq!((fault.status().as_u16(), fault.is_ours()), (404, false));
    // What the caller sent is in no log, and the cause in no reply.
    let fault = S3Fault::argument("m", "a", "secret").because("cause");
    assert_eq!(format!("{fault:?}"), "InvalidArgument(\"cause\")");
    assert!(!fault.to_xml(None, "", "").contains("cause"));
    let long = S3Fault::new(S3Code::InvalidArgument).with("ArgumentValue", "\u{e9}".repeat(4000));
    assert!(long.to_xml(None, "", "").len() < 2000);
}

#[test]
fn faults_of_the_proof_have_s3s_codes() {
    let told = |code: Code, message: &'static str, token: bool, presigned: bool| {
        let fault = Fault::new(code, message).because("why");
        let told = S3Fault::of_proof(&fault, token, presigned);
        assert!(told.cause().is_some_and(|cause| cause.ends_with("why")), "{code:?}");
        format!("{} {} {}", told.status().as_u16(), told.code().as_str(), told.message())
    };
    let plain = |code, message| told(code, message, false, false);
    for (got, want) in [
        (
            plain(Code::InvalidClientTokenId, "x"),
            "403 InvalidAccessKeyId The AWS Access Key Id you provided does not exist in our \
             records.",
        ),
        (
            told(Code::InvalidClientTokenId, "x", true, false),
            "400 InvalidToken The provided token is malformed or otherwise invalid.",
        ),
        (plain(Code::ExpiredToken, "x"), "400 ExpiredToken The provided token has expired."),
        (
            plain(Code::SignatureDoesNotMatch, "Signature expired: 1 is now earlier than 2"),
            "403 RequestTimeTooSkewed The difference between the request time and the current \
             time is too large.",
        ),
        (
            plain(Code::SignatureDoesNotMatch, "The request signature we calculated …"),
            "403 SignatureDoesNotMatch The request signature we calculated does not match the \
             signature you provided. Check your key and signing method.",
        ),
        (plain(Code::IncompleteSignature, "bad"), "400 AuthorizationHeaderMalformed bad"),
        (
            told(Code::IncompleteSignature, "bad", false, true),
            "400 AuthorizationQueryParametersError bad",
        ),
        (plain(Code::MissingAuthenticationToken, "x"), "403 AccessDenied Access Denied"),
        (plain(Code::RequestExpired, "x"), "403 AccessDenied Request has expired"),
        (plain(Code::AccessDenied, "User: a …"), "403 AccessDenied User: a …"),
        (plain(Code::Throttling, "x"), "503 SlowDown Please reduce your request rate."),
        (
            plain(Code::ServiceUnavailable, "x"),
            "503 ServiceUnavailable Service is unable to handle request.",
        ),
        // Nothing of what went wrong on our side is told.
        (
            plain(Code::InternalFailure, "secret"),
            "500 InternalError We encountered an internal error. Please try again.",
        ),
        (
            plain(Code::NoSuchEntity, "secret"),
            "500 InternalError We encountered an internal error. Please try again.",
        ),
    ] {
        assert_eq!(got, want);
    }
}

#[test]
fn faults_of_a_body_have_s3s_codes() {
    for (fault, want) in [
        (BodyFault::WrongHash, S3Code::XAmzContentSHA256Mismatch),
        (BodyFault::WrongChunkSignature, S3Code::SignatureDoesNotMatch),
        (BodyFault::Incomplete, S3Code::IncompleteBody),
        (BodyFault::TooLong, S3Code::IncompleteBody),
        (BodyFault::MalformedChunk("x".into()), S3Code::IncompleteBody),
        (BodyFault::ChunkTooLarge, S3Code::InvalidRequest),
        (BodyFault::MalformedTrailer("x".into()), S3Code::MalformedTrailerError),
        (BodyFault::MissingTrailer, S3Code::MalformedTrailerError),
        (BodyFault::WrongChecksum(Checksum::Crc32), S3Code::BadDigest),
    ] {
        let told = S3Fault::from(fault.clone());
        assert_eq!((told.code(), told.cause()), (want, Some(fault.to_string().as_str())));
    }
    let told = S3Fault::from(BodyFault::WrongChecksum(Checksum::Crc32));
    let words = "The CRC32 you specified did not match the calculated checksum.";
    assert_eq!(told.message(), words);
}
