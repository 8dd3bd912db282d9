//! Flaws of other systems that concern signatures, each as the attack that it was.

use crate::message::{Message, STS, credentials, now};
use daypass_sigv4::Rules;

#[track_caller]
fn refused(message: &Message, rules: &Rules<'_>, cause: &str) {
    let fault = message.judge(rules, now()).unwrap_err();
    assert_eq!(fault.cause(), cause);
}

/// A valid access key id with a signature that is none was enough.
#[test]
fn cve_2020_11012_a_known_key_with_a_bad_signature_is_nobody() {
    for signature in ["", "0", &"0".repeat(64), &"A".repeat(64), "null"] {
        let mut message = Message::signed();
        let good = message.authorization().rsplit_once('=').unwrap().1.to_owned();
        message.rewrite(&good, signature);
        assert!(message.judge(&STS, now()).is_err(), "{signature:?}");
        let mut message = Message::presigned();
        let good = message.query.rsplit_once('=').unwrap().1.to_owned();
        message.requery(&good, signature);
        assert!(message.judge(&STS, now()).is_err(), "{signature:?}");
    }
}

/// Credentials in the query were believed while the header was checked, or the reverse.
#[test]
fn cve_2025_31489_header_and_query_credentials_do_not_mix() {
    let cause = "the request has credentials in the header and in the query";
    let text = "Found both 'X-Amz-Algorithm' as a query-string param and 'Authorization' as HTTP \
                header.";
    // Two whole signatures, each of them good.
    let mut both = Message::presigned();
    let signed = Message::signed();
    both.headers = signed.headers.clone();
    refused(&both, &STS, cause);
    assert_eq!(both.judge(&STS, now()).unwrap_err().to_string(), text);
    assert_eq!(both.judge(&STS, now()).unwrap_err().code(), "SignatureDoesNotMatch");
    // One whole signature and any single piece of the other.
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
        "X-Amz-Content-Sha256",
        "x-amz-credential",
        "%58-amz-credential",
    ] {
        let mut message = Message::signed();
        message.query = format!("a=b&{name}=x");
        refused(&message, &STS, cause);
    }
    let mut message = Message::presigned();
    message.add("authorization", "");
    refused(&message, &STS, cause);
}

/// A body mode without a signature of its own switched the check of the head off.
#[test]
fn cve_2026_40344_the_body_mode_does_not_decide_whether_the_head_is_verified() {
    for mode in [
        "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER",
        "UNSIGNED-PAYLOAD",
    ] {
        for service in ["sts", "s3"] {
            let rules = Rules::of(service);
            let mut message = Message::form();
            message.add("x-amz-content-sha256", mode);
            let mut message = message.sign(&credentials(None), "eu-west-1", service, now());
            let good = message.authorization().rsplit_once('=').unwrap().1.to_owned();
            message.rewrite(&good, &"0".repeat(64));
            assert!(message.judge(&rules, now()).is_err(), "{mode} {service}");
        }
    }
}

/// The same, by way of a presigned request.
#[test]
fn cve_2026_41145_an_unsigned_payload_still_needs_the_right_head() {
    let rules = Rules::of("s3");
    let good = Message::form().presign(&credentials(None), "eu-west-1", "s3", 60, now());
    assert!(good.judge(&rules, now()).is_ok());
    let mut other_path = good.clone();
    other_path.path = "/other".to_owned();
    refused(&other_path, &rules, "the signature is another one");
    let mut streaming = good.clone();
    streaming.add("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER");
    refused(&streaming, &rules, "the header x-amz-content-sha256 is not signed");
}

/// A second parameter in other letters was read by one side and ignored by the other.
#[test]
fn cve_2022_2385_a_twin_in_other_letters_is_refused() {
    for name in [
        "X-Amz-Algorithm",
        "X-Amz-Credential",
        "X-Amz-Signature",
        "X-Amz-SignedHeaders",
        "X-Amz-Date",
        "X-Amz-Expires",
        "X-Amz-Security-Token",
    ] {
        let cause = format!("{name} is repeated, or written in other letters");
        let good = Message::presigned();
        let value = |name: &str| {
            let start = good.query.find(&format!("{name}=")).unwrap() + name.len() + 1;
            good.query[start..].split('&').next().unwrap().to_owned()
        };
        for twin in
            [name.to_owned(), name.to_lowercase(), name.to_uppercase(), name.replace('-', "%2D")]
        {
            for pair in [format!("{twin}={}", value(name)), format!("{twin}=x"), twin.clone()] {
                let mut behind = good.clone();
                behind.query = format!("{}&{pair}", good.query);
                refused(&behind, &STS, &cause);
                let mut before = good.clone();
                before.query = format!("{pair}&{}", good.query);
                refused(&before, &STS, &cause);
            }
        }
        // Alone in other letters it does not count either.
        let mut alone = good.clone();
        alone.requery(name, &name.to_lowercase());
        refused(&alone, &STS, &cause);
    }
}

/// s3s before 0.15: the holder of a presigned upload turns it into a copy.
#[test]
fn unsigned_x_amz_header_is_refused() {
    let rules = Rules::of("s3");
    let mut message = Message::form();
    message.method = "PUT".to_owned();
    message.path = "/bucket/key".to_owned();
    let mut message = message.presign(&credentials(None), "eu-west-1", "s3", 60, now());
    assert!(message.judge(&rules, now()).is_ok());
    message.add("x-amz-copy-source", "/secret/key");
    refused(&message, &rules, "the header x-amz-copy-source is not signed");
}

/// s3s before 0.15: a signed header that is not there was skipped.
#[test]
fn signed_header_absent_from_request_is_refused() {
    let mut message = Message::form();
    message.add("range", "bytes=0-1");
    let good = message.sign(&credentials(None), "eu-west-1", "sts", now());
    assert!(good.judge(&STS, now()).is_ok());
    let mut removed = good.clone();
    removed.remove("range");
    refused(&removed, &STS, "the signed header range is absent");
    let mut emptied = good.clone();
    emptied.set("range", "");
    refused(&emptied, &STS, "the signature is another one");
}

/// A path or query must not have two meanings with one signature (CVE-2023-27589 and relatives).
#[test]
fn cve_2023_27589_what_is_signed_has_one_meaning() {
    let mut message = Message::form();
    message.query = "Action=ListUsers&PathPrefix=%2Fa%2Bb%2F".to_owned();
    let good = message.sign(&credentials(None), "eu-west-1", "sts", now());
    assert!(good.judge(&STS, now()).is_ok());
    // To every reader of a query a plus sign is a space.
    for (from, to) in [("%2B", "+"), ("%2B", "%20"), ("%2B", "%252B")] {
        let mut changed = good.clone();
        changed.requery(from, to);
        refused(&changed, &STS, "the signature is another one");
    }
    // Other spellings of the same are the same.
    for (from, to) in [("%2F", "/"), ("%2F", "%2f"), ("%2B", "%2b"), ("ListUsers", "%4CistUsers")] {
        let mut changed = good.clone();
        changed.requery(from, to);
        assert!(changed.judge(&STS, now()).is_ok(), "{to}");
    }
    let mut message = Message::form();
    message.path = "/bucket/a%2Fb".to_owned();
    let good = message.sign(&credentials(None), "eu-west-1", "s3", now());
    let rules = Rules::of("s3");
    assert!(good.judge(&rules, now()).is_ok());
    for other in ["/bucket/a/b", "/bucket//a%2Fb", "/bucket/./a%2Fb", "/bucket/a%252Fb"] {
        let mut changed = good.clone();
        changed.path = other.to_owned();
        refused(&changed, &rules, "the signature is another one");
    }
}
