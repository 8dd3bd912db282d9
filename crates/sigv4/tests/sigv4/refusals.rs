//! What is refused, with which code and in which words, and for which reason.

use crate::message::{Message, NOW, STS, TOKEN, credentials, now};
use daypass_sigv4::{Fault, Regions, Rules, Source, presented};
use jiff::{SignedDuration, Timestamp};

const WRONG: &str = "The request signature we calculated does not match the signature you \
    provided. Check your AWS Secret Access Key and signing method. Consult the service \
    documentation for details.";
const INVALID: &str = "The security token included in the request is invalid.";

/// A change to a good request, and the code, text and cause of its refusal. In a text, `{auth}`
/// stands for the Authorization header.
type Row = (fn(&mut Message), &'static str, &'static str, &'static str);

#[track_caller]
fn check(good: &Message, rows: &[Row]) {
    assert!(good.judge(&STS, now()).is_ok());
    for (number, (change, code, text, cause)) in rows.iter().enumerate() {
        let mut message = good.clone();
        change(&mut message);
        let fault = message.judge(&STS, now()).unwrap_err();
        let authorization = message.headers.iter().find(|(name, _)| name == "authorization");
        let authorization =
            authorization.map(|(_, value)| String::from_utf8_lossy(value).into_owned());
        let text = text.replace("{auth}", authorization.as_deref().unwrap_or_default());
        assert_eq!(
            (fault.code(), fault.to_string(), fault.cause()),
            (*code, text, *cause),
            "row {number}"
        );
    }
}

#[test]
fn parts_of_the_authorization_header() {
    let incomplete = "the Authorization header or the date is incomplete";
    let rows: &[Row] = &[
        (
            |m| m.set("authorization", "AWS4-HMAC-SHA256"),
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Authorization=AWS4-HMAC-SHA256",
            incomplete,
        ),
        (
            |m| {
                m.set("authorization", "");
                m.remove("x-amz-date");
            },
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
             Authorization=",
            incomplete,
        ),
        (
            |m| m.remove("x-amz-date"),
            "IncompleteSignature",
            "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header. \
             Authorization={auth}",
            incomplete,
        ),
        (
            |m| m.rewrite("Signature=", "Signature=, "),
            "IncompleteSignature",
            // What was the signature is a part without an equal sign now.
            "'{piece}' not a valid key=value pair (missing equal-sign) in Authorization header: \
             '{auth}'.",
            "a part of the Authorization header has no equal sign",
        ),
        (
            |m| m.rewrite("Credential=", "credential="),
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. Authorization={auth}",
            incomplete,
        ),
        (
            |m| m.set("authorization", "Bearer abc.def.ghi"),
            "IncompleteSignature",
            "'abc.def.ghi' not a valid key=value pair (missing equal-sign) in Authorization \
             header: 'Bearer abc.def.ghi'.",
            "a part of the Authorization header has no equal sign",
        ),
        (
            |m| m.set("authorization", "Basic dXNlcjpwYXNzdw=="),
            "IncompleteSignature",
            "Authorization header requires 'Credential' parameter. Authorization header requires \
             'Signature' parameter. Authorization header requires 'SignedHeaders' parameter. \
             Authorization=Basic dXNlcjpwYXNzdw==",
            incomplete,
        ),
        (
            |m| m.rewrite("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
            "IncompleteSignature",
            "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for \
             now). ",
            "the signature algorithm is not AWS4-HMAC-SHA256",
        ),
        (
            |m| m.rewrite("AWS4-HMAC-SHA256", "AWS4-HMAC-SHA1"),
            "IncompleteSignature",
            "Unsupported AWS 'algorithm': 'AWS4-HMAC-SHA1' (only AWS4-HMAC-SHA256 for now). ",
            "the signature algorithm is not AWS4-HMAC-SHA256",
        ),
        (
            |m| m.rewrite("AWS4-HMAC-SHA256", "aws4-hmac-sha256"),
            "IncompleteSignature",
            "Unsupported AWS 'algorithm': 'aws4-hmac-sha256' (only AWS4-HMAC-SHA256 for now). ",
            "the signature algorithm is not AWS4-HMAC-SHA256",
        ),
        (
            |m| m.rewrite(", Signature", ", Extra=1, Signature"),
            "IncompleteSignature",
            "'Extra' is unknown or repeated in Authorization header: '{auth}'.",
            "a part of the Authorization header is unknown or repeated",
        ),
        (
            |m| m.rewrite(", Signature", ", SignedHeaders=host, Signature"),
            "IncompleteSignature",
            "'SignedHeaders' is unknown or repeated in Authorization header: '{auth}'.",
            "a part of the Authorization header is unknown or repeated",
        ),
        (
            |m| m.set("authorization", &"x".repeat(8 * 1024 + 1)),
            "IncompleteSignature",
            "Authorization header is too long.",
            "the Authorization header is longer than its limit",
        ),
        (
            |m| m.set("authorization", "AWS4-HMAC-SHA256 Grüße"),
            "IncompleteSignature",
            "Authorization header is not ASCII: 'AWS4-HMAC-SHA256 Gr????e'.",
            "the Authorization header is not ASCII",
        ),
    ];
    // The one text that repeats the signature itself.
    let good = Message::signed();
    let signature = good.authorization().rsplit_once('=').unwrap().1.to_owned();
    for (change, code, text, cause) in rows {
        let text: &'static str = text.replace("{piece}", &signature).leak();
        check(&good, &[(*change, code, text, cause)]);
    }
}

#[test]
fn the_echo_of_the_header_is_bounded() {
    let mut message = Message::signed();
    message.set("authorization", &format!("AWS4-HMAC-SHA256 {}", "x".repeat(8000)));
    let text = message.judge(&STS, now()).unwrap_err().to_string();
    assert!(text.len() < 2200, "{}", text.len());
}

#[test]
fn lenient_forms_of_the_authorization_header() {
    for (from, to) in [
        (", ", ","),
        (", ", "  ,   "),
        ("AWS4-HMAC-SHA256 ", "AWS4-HMAC-SHA256   "),
        ("AWS4-HMAC-SHA256 ", "  AWS4-HMAC-SHA256 "),
    ] {
        let mut message = Message::signed();
        message.rewrite(from, to);
        assert!(message.judge(&STS, now()).is_ok(), "{}", message.authorization());
    }
    let mut message = Message::signed();
    let text = message.authorization();
    let mut parts: Vec<&str> = text["AWS4-HMAC-SHA256 ".len()..].split(", ").collect();
    parts.reverse();
    message.set("authorization", &format!("AWS4-HMAC-SHA256 {}", parts.join(", ")));
    assert!(message.judge(&STS, now()).is_ok());
}

#[test]
fn credential_and_scope() {
    check(
        &Message::signed(),
        &[
            (
                |m| m.rewrite("/sts/", "/"),
                "IncompleteSignature",
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got \
                 'AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/aws4_request'",
                "the credential does not have five parts",
            ),
            (
                |m| m.rewrite("AKIA", "AK/IA"),
                "IncompleteSignature",
                "Credential must have exactly 5 slash-delimited elements, e.g. \
                 keyid/date/region/service/term, got \
                 'AK/IAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request'",
                "the credential does not have five parts",
            ),
            (
                |m| m.rewrite("AKIAIOSFODNN7EXAMPLE", "AKID"),
                "InvalidClientTokenId",
                INVALID,
                "the credential does not begin with an access key id",
            ),
            (
                |m| m.rewrite("AKIAIOSFODNN7EXAMPLE", "AKIA-OSFODNN7-EXAMPLE"),
                "InvalidClientTokenId",
                INVALID,
                "the credential does not begin with an access key id",
            ),
            (
                |m| m.rewrite("aws4_request", "aws4_answer"),
                "SignatureDoesNotMatch",
                "Credential should be scoped with a valid terminator: 'aws4_request', not \
                 'aws4_answer'. ",
                "the credential scope does not end in aws4_request",
            ),
            (
                |m| m.rewrite("/sts/", "/iam/"),
                "SignatureDoesNotMatch",
                "Credential should be scoped to correct service: 'sts'. ",
                "the credential scope is of another service",
            ),
            (
                |m| m.rewrite("/sts/", "//"),
                "SignatureDoesNotMatch",
                "Credential should be scoped to correct service. ",
                "the service of the credential scope is no service name",
            ),
            (
                |m| m.rewrite("eu-west-1", "eu~west~1"),
                "SignatureDoesNotMatch",
                "Credential should be scoped to a valid region. ",
                "the Region of the credential scope is not accepted here",
            ),
            (
                |m| m.rewrite("eu-west-1", &"x".repeat(65)),
                "SignatureDoesNotMatch",
                "Credential should be scoped to a valid region. ",
                "the Region of the credential scope is not accepted here",
            ),
            (
                |m| m.rewrite("/eu-west-1/", "//"),
                "SignatureDoesNotMatch",
                "Credential should be scoped to a valid region. ",
                "the Region of the credential scope is not accepted here",
            ),
            (
                |m| m.rewrite("/20261121/", "/20261122/"),
                "SignatureDoesNotMatch",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '20261122' != '20261121', from '20261121T101112Z'.",
                "the date of the credential scope is not that of the request",
            ),
            (
                |m| m.rewrite("/20261121/", "/2026-11-21/"),
                "SignatureDoesNotMatch",
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date \
                 from HTTP: '2026-11-21' != '20261121', from '20261121T101112Z'.",
                "the date of the credential scope is not that of the request",
            ),
            // Well formed, but another scope than the one that was signed.
            (
                |m| m.rewrite("eu-west-1", "eu-west-2"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
        ],
    );
}

#[test]
fn regions() {
    let signed_in = |region: &str| Message::form().sign(&credentials(None), region, "sts", now());
    for (region, regions, accepted) in [
        ("", Regions::AnyNonEmpty, false),
        ("", Regions::Any, true),
        ("", Regions::Only(&["eu-west-1"]), false),
        ("mars", Regions::AnyNonEmpty, true),
        ("mars", Regions::Any, true),
        ("mars", Regions::Only(&["eu-west-1", "eu-west-2"]), false),
        ("eu-west-2", Regions::Only(&["eu-west-1", "eu-west-2"]), true),
        ("EU-WEST-2", Regions::Only(&["eu-west-1", "eu-west-2"]), false),
        ("eu-west-1", Regions::Only(&[]), false),
    ] {
        let rules = Rules { regions, ..STS };
        let verified = signed_in(region).judge(&rules, now());
        assert_eq!(verified.is_ok(), accepted, "{region} {regions:?}");
        match verified {
            Ok(verified) => assert_eq!(verified.region(), region),
            Err(fault) => {
                assert_eq!(fault.to_string(), "Credential should be scoped to a valid region. ");
            }
        }
    }
}

#[test]
fn signed_headers() {
    check(
        &Message::signed(),
        &[
            (
                |m| m.rewrite(";host;", ";"),
                "SignatureDoesNotMatch",
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
                "the host header is not signed",
            ),
            (
                |m| {
                    m.rewrite(
                        "SignedHeaders=content-type;host;x-amz-date;x-amz-security-token",
                        "SignedHeaders=",
                    );
                },
                "SignatureDoesNotMatch",
                "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
                "the host header is not signed",
            ),
            (
                |m| m.rewrite("content-type;", "Content-Type;"),
                "SignatureDoesNotMatch",
                WRONG,
                "a signed header has no lower-case name",
            ),
            (
                |m| m.rewrite("content-type;", "content-type;;"),
                "SignatureDoesNotMatch",
                WRONG,
                "a signed header has no lower-case name",
            ),
            (
                |m| m.rewrite("content-type;host", "host;content-type"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signed headers are not sorted and unique",
            ),
            (
                |m| m.rewrite(";host;", ";host;host;"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signed headers are not sorted and unique",
            ),
            (
                |m| m.rewrite(";host;", ";host;range;"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signed header range is absent",
            ),
            (
                |m| m.rewrite(";x-amz-date;", ";"),
                "SignatureDoesNotMatch",
                WRONG,
                "the header x-amz-date is not signed",
            ),
            (
                |m| m.rewrite(";x-amz-security-token", ""),
                "SignatureDoesNotMatch",
                WRONG,
                "the header x-amz-security-token is not signed",
            ),
            (
                |m| m.add("X-Amz-Target", "y"),
                "SignatureDoesNotMatch",
                WRONG,
                "the header X-Amz-Target is not signed",
            ),
            (
                |m| m.set("content-type", "a\nx-amz-meta:b"),
                "SignatureDoesNotMatch",
                WRONG,
                "the header content-type has a line break",
            ),
            (
                |m| {
                    let many: String = (0..100).map(|n| format!("a{n:03};")).collect();
                    m.rewrite("SignedHeaders=", &format!("SignedHeaders={many}"));
                },
                "SignatureDoesNotMatch",
                WRONG,
                "there are more signed headers than the limit",
            ),
        ],
    );
}

#[test]
fn content_of_the_request() {
    check(
        &Message::signed(),
        &[
            (|m| m.body.push(b'&'), "SignatureDoesNotMatch", WRONG, "the signature is another one"),
            (
                |m| m.query.push_str("Action=DeleteRole"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            (
                |m| m.query.push_str("a=%4"),
                "IncompleteSignature",
                "Incomplete trailing escape % sequence",
                "the path or query ends within an escape",
            ),
            (
                |m| m.path.push_str("%zz"),
                "IncompleteSignature",
                "Illegal hex character in escape % pattern: %",
                "the path or query has a percent sign without two hexadecimal digits",
            ),
            (
                |m| m.query = "a&".repeat(1001),
                "IncompleteSignature",
                "The query string has too many parameters.",
                "the query string has more parameters than its limit",
            ),
            (
                |m| m.method = "POST\n/".to_owned(),
                "SignatureDoesNotMatch",
                WRONG,
                "the method is no token",
            ),
            (
                |m| m.method = String::new(),
                "SignatureDoesNotMatch",
                WRONG,
                "the method is no token",
            ),
            (
                |m| m.rewrite("Signature=", "Signature=0"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is not 64 lower-case hexadecimal digits",
            ),
            (
                |m| m.set("x-amz-security-token", "b3RoZXI="),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            (
                |m| m.set("x-amz-security-token", ""),
                "InvalidClientTokenId",
                INVALID,
                "the session token is empty, too long or not printable ASCII",
            ),
            (
                |m| m.set("x-amz-security-token", "two words"),
                "InvalidClientTokenId",
                INVALID,
                "the session token is empty, too long or not printable ASCII",
            ),
            (
                |m| m.set("x-amz-security-token", &"x".repeat(8193)),
                "InvalidClientTokenId",
                INVALID,
                "the session token is empty, too long or not printable ASCII",
            ),
        ],
    );
}

#[test]
fn repeated_headers() {
    for name in [
        "authorization",
        "host",
        "x-amz-date",
        "date",
        "x-amz-security-token",
        "x-amz-content-sha256",
    ] {
        let mut message = Message::signed();
        let held = message.headers.iter().find(|(other, _)| other == name).cloned();
        let (_, value) = held.unwrap_or_else(|| {
            message.add(name, "x");
            (name.to_owned(), b"x".to_vec())
        });
        message.headers.push((name.to_uppercase(), value));
        let fault = message.judge(&STS, now()).unwrap_err();
        assert_eq!(fault.code(), "IncompleteSignature");
        assert_eq!(fault.cause(), format!("{name} is repeated, or written in other letters"));
    }
}

#[test]
fn payload_hashes() {
    let hash_of_form = "ab821ae955788b0e33ebd34c208442ccfc2d406e2edc5e7a39bd6458fbb4f843";
    for (value, service, cause) in [
        ("UNSIGNED-PAYLOAD", "sts", Some("an unsigned payload is not accepted here")),
        ("UNSIGNED-PAYLOAD", "iam", Some("an unsigned payload is not accepted here")),
        ("UNSIGNED-PAYLOAD", "s3", None),
        (
            "STREAMING-AWS4-HMAC-SHA256-PAYLOAD",
            "s3",
            Some("a streaming payload is not accepted here"),
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "s3",
            Some("a streaming payload is not accepted here"),
        ),
        (
            "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
            "sts",
            Some("a streaming payload is not accepted here"),
        ),
        (hash_of_form, "sts", None),
        (hash_of_form, "s3", None),
        (
            &hash_of_form.to_uppercase(),
            "sts",
            Some("x-amz-content-sha256 is not the hash of the body"),
        ),
        (&"0".repeat(64), "sts", Some("x-amz-content-sha256 is not the hash of the body")),
        ("", "sts", Some("x-amz-content-sha256 is not the hash of the body")),
        ("", "s3", Some("x-amz-content-sha256 is not the hash of the body")),
    ] {
        let mut message = Message::form();
        message.add("x-amz-content-sha256", value);
        let message = message.sign(&credentials(None), "eu-west-1", service, now());
        let rules = Rules::of(service);
        let cause_found = message.judge(&rules, now()).err().map(|f| f.cause().to_owned());
        assert_eq!(cause_found.as_deref(), cause, "{value} {service}");
    }
    // Stated and right; the S3 signer states it by itself.
    let message = Message::form().sign(&credentials(None), "eu-west-1", "s3", now());
    let rules = Rules::of("s3");
    assert!(message.headers.iter().any(|(name, _)| name == "x-amz-content-sha256"));
    assert!(message.judge(&rules, now()).is_ok());
    let mut changed = message.clone();
    changed.body.push(b'x');
    assert_eq!(
        changed.judge(&rules, now()).unwrap_err().cause(),
        "x-amz-content-sha256 is not the hash of the body"
    );
}

#[test]
fn clock_skew() {
    let message = Message::signed();
    let at = |seconds: i64| now() + SignedDuration::from_secs(seconds);
    for seconds in [-900, -1, 0, 1, 900] {
        assert!(message.judge(&STS, at(seconds)).is_ok(), "{seconds}");
    }
    assert!(message.judge(&STS, at(900) + SignedDuration::from_millis(999)).is_ok());
    let check = |seconds: i64, skew: i64, text: &str| {
        let rules = Rules { skew_seconds: skew, ..STS };
        let fault = message.judge(&rules, at(seconds)).unwrap_err();
        assert_eq!((fault.code(), fault.to_string().as_str()), ("SignatureDoesNotMatch", text));
    };
    check(
        901,
        900,
        "Signature expired: 20261121T101112Z is now earlier than 20261121T101113Z \
         (20261121T102613Z - 15 min.)",
    );
    check(
        -901,
        900,
        "Signature not yet current: 20261121T101112Z is still later than 20261121T101111Z \
         (20261121T095611Z + 15 min.)",
    );
    check(
        31,
        30,
        "Signature expired: 20261121T101112Z is now earlier than 20261121T101113Z \
         (20261121T101143Z - 30 sec.)",
    );
    // A negative allowance is none; one beyond all time does not overflow.
    check(
        1,
        -5,
        "Signature expired: 20261121T101112Z is now earlier than 20261121T101113Z \
         (20261121T101113Z - 0 min.)",
    );
    for skew in [i64::MAX, 1 << 40] {
        assert!(message.judge(&Rules { skew_seconds: skew, ..STS }, Timestamp::MAX).is_ok());
        assert!(message.judge(&Rules { skew_seconds: skew, ..STS }, Timestamp::MIN).is_ok());
    }
    assert!(message.judge(&STS, Timestamp::MAX).is_err());
    assert!(message.judge(&STS, Timestamp::MIN).is_err());
}

#[test]
fn malformed_dates() {
    for (name, value) in [
        ("x-amz-date", "Sat, 21 Nov 2026 10:11:12 GMT"),
        ("x-amz-date", "2026-11-21T10:11:12Z"),
        ("x-amz-date", ""),
        ("date", "2026-11-21T10:11:12Z"),
        ("date", "Sun, 21 Nov 2026 10:11:12 GMT"),
    ] {
        let mut message = Message::signed();
        message.remove("x-amz-date");
        message.set(name, value);
        let fault = message.judge(&STS, now()).unwrap_err();
        assert_eq!(
            (fault.code(), fault.to_string()),
            (
                "IncompleteSignature",
                format!(
                    "Date must be in ISO-8601 'basic format'. Got '{value}'. See \
                     http://en.wikipedia.org/wiki/ISO_8601"
                )
            )
        );
    }
}

#[test]
fn presigned_requests() {
    check(
        &Message::presigned(),
        &[
            (
                |m| m.query = "X-Amz-Algorithm=AWS4-HMAC-SHA256".to_owned(),
                "IncompleteSignature",
                "AWS query-string parameters must include 'X-Amz-Credential'. AWS query-string \
                 parameters must include 'X-Amz-Signature'. AWS query-string parameters must \
                 include 'X-Amz-SignedHeaders'. AWS query-string parameters must include \
                 'X-Amz-Date'. AWS query-string parameters must include 'X-Amz-Expires'. \
                 Re-examine the query-string parameters.",
                "a query parameter of the signature is missing",
            ),
            (
                |m| m.requery("X-Amz-Expires=60&", ""),
                "IncompleteSignature",
                "AWS query-string parameters must include 'X-Amz-Expires'. Re-examine the \
                 query-string parameters.",
                "a query parameter of the signature is missing",
            ),
            (
                |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=0"),
                "IncompleteSignature",
                "X-Amz-Expires must be a number of seconds between 1 and 604800.",
                "X-Amz-Expires is not a number in its range",
            ),
            (
                |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=604801"),
                "IncompleteSignature",
                "X-Amz-Expires must be a number of seconds between 1 and 604800.",
                "X-Amz-Expires is not a number in its range",
            ),
            (
                |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=%2B60"),
                "IncompleteSignature",
                "X-Amz-Expires must be a number of seconds between 1 and 604800.",
                "X-Amz-Expires is not a number in its range",
            ),
            (
                |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=99999999999999999999"),
                "IncompleteSignature",
                "X-Amz-Expires must be a number of seconds between 1 and 604800.",
                "X-Amz-Expires is not a number in its range",
            ),
            (
                |m| m.requery("X-Amz-Expires=60", "X-Amz-Expires=61"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            (
                |m| m.requery("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256"),
                "IncompleteSignature",
                "Unsupported AWS 'algorithm': 'AWS4-ECDSA-P256-SHA256' (only AWS4-HMAC-SHA256 for \
                 now). ",
                "the signature algorithm is not AWS4-HMAC-SHA256",
            ),
            (
                |m| m.requery("X-Amz-Date=2026", "X-Amz-Date=x026"),
                "IncompleteSignature",
                "Date must be in ISO-8601 'basic format'. Got 'x0261121T101112Z'. See \
                 http://en.wikipedia.org/wiki/ISO_8601",
                "the date of the request is malformed",
            ),
            (
                |m| m.requery("X-Amz-Credential=A", "X-Amz-Credential=%FF"),
                "IncompleteSignature",
                "The query-string parameter 'X-Amz-Credential' is not UTF-8.",
                "the query parameter X-Amz-Credential is not UTF-8",
            ),
            (
                |m| m.requery("&X-Amz-Security-Token=", "&X-Amz-Security-Token=a"),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            // The session token stripped: the key alone must not do.
            (
                |m| {
                    m.requery("&X-Amz-Security-Token=RXhhbXBsZVNlc3Npb25Ub2tlbg%3D%3D", "");
                },
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            (
                |m| m.add("x-amz-security-token", TOKEN),
                "IncompleteSignature",
                "A presigned request has its session token in the query string, not in its \
                 headers.",
                "a presigned request has a session token in its headers",
            ),
            (
                |m| m.add("x-amz-target", "y"),
                "SignatureDoesNotMatch",
                WRONG,
                "the header x-amz-target is not signed",
            ),
            (
                |m| m.body = b"Action=DeleteRole".to_vec(),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
            (
                |m| m.method = "POST".to_owned(),
                "SignatureDoesNotMatch",
                WRONG,
                "the signature is another one",
            ),
        ],
    );
}

#[test]
fn life_of_a_presigned_request() {
    let message = Message::presigned();
    let at = |seconds: i64| now() + SignedDuration::from_secs(seconds);
    for seconds in [-900, 0, 60] {
        assert!(message.judge(&STS, at(seconds)).is_ok(), "{seconds}");
    }
    let fault = message.judge(&STS, at(61)).unwrap_err();
    assert_eq!(
        (fault.code(), fault.to_string().as_str(), fault.cause()),
        ("RequestExpired", "Request has expired.", "the presigned request has expired")
    );
    assert_eq!(
        message.judge(&STS, at(-901)).unwrap_err().to_string(),
        "Signature not yet current: 20261121T101112Z is still later than 20261121T101111Z \
         (20261121T095611Z + 15 min.)"
    );
    let week = Message::form().presign(&credentials(None), "eu-west-1", "sts", 604_800, now());
    assert!(week.judge(&STS, at(604_800)).is_ok());
    assert!(week.judge(&STS, at(604_801)).is_err());
}

#[test]
fn requests_without_a_signature() {
    for query in [
        "",
        "Action=AssumeRoleWithWebIdentity",
        "X-Amz-Date=20261121T101112Z",
        "X-Amz-Foo=1",
        "Signature=abc&AWSAccessKeyId=def",
        "%zz=1",
        "=X-Amz-Signature",
    ] {
        let mut message = Message::form();
        message.query = query.to_owned();
        assert!(message.with(|request| presented(request).unwrap().is_none()), "{query}");
    }
    // Any of the three names in any letters is material, however it is encoded.
    for query in [
        "X-Amz-Signature=",
        "X-Amz-Credential",
        "a=b&X-Amz-Algorithm=x",
        "x-amz-signature=1",
        "X-AMZ-CREDENTIAL=",
        "%58-Amz-Algorithm=",
    ] {
        let mut message = Message::form();
        message.query = query.to_owned();
        assert!(message.with(|request| presented(request).is_err()), "{query}");
    }
    let fault = Message::form().judge(&STS, now()).unwrap_err();
    assert_eq!(fault, Fault::MissingAuthenticationToken);
    assert_eq!(
        (fault.code(), fault.to_string().as_str()),
        ("MissingAuthenticationToken", "Request is missing Authentication Token")
    );
}

#[test]
fn what_is_verified_is_what_was_presented() {
    let message = Message::signed();
    let verified = message.judge(&STS, now()).unwrap();
    assert_eq!(verified.access_key_id().as_str(), crate::message::KEY);
    assert_eq!(
        (verified.date(), verified.region(), verified.service()),
        ("20261121", "eu-west-1", "sts")
    );
    assert!(verified.has_session_token());
    assert_eq!(verified.source(), Source::Header);
    assert_eq!(verified.signed_at(), NOW.parse().unwrap());
    let verified = Message::presigned().judge(&STS, now()).unwrap();
    assert_eq!((verified.has_session_token(), verified.source()), (true, Source::Query));

    // What was parsed from one request cannot be verified against another one.
    let mut other = message.clone();
    other.headers.reverse();
    message.with(|first| {
        let presented = presented(first).unwrap().unwrap();
        let key = daypass_sigv4::SigningKey::derive(&crate::message::secret(), presented.scope());
        let fault = other
            .with(|second| {
                daypass_sigv4::verify(&presented, second, &other.body, &key, &STS, now())
            })
            .unwrap_err();
        assert_eq!(fault.cause(), "the signature was parsed from another request");
    });
}

/// Neither tokens nor signatures get into a log by way of `Debug`.
#[test]
fn nothing_secret_prints() {
    for message in [Message::signed(), Message::presigned()] {
        let signature = message.with(|request| {
            let presented = presented(request).unwrap().unwrap();
            let printed = format!("{presented:?} {request:?}");
            assert!(!printed.contains("RXhhb") && !printed.contains("Signature"), "{printed}");
            printed
        });
        assert!(signature.contains(crate::message::KEY));
        let verified = message.judge(&STS, now()).unwrap();
        assert!(!format!("{verified:?}").contains("RXhhb"));
    }
    assert!(!format!("{:?}", credentials(Some(TOKEN))).contains("RXhhb"));
    let mut message = Message::signed();
    message.rewrite("Signature=", "Sig=");
    let fault = message.judge(&STS, now()).unwrap_err();
    assert!(fault.to_string().contains("Sig="), "the caller sees its own header");
    assert!(!format!("{fault:?}").contains("Sig="), "the log does not");
}
