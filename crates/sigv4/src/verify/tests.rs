//! The rules of what must be signed, on signatures that are right for what they cover.

use daypass_names::SecretAccessKey;

use super::*;
use crate::presented;

const RULES: Rules<'_> = Rules::of("sts");

/// Signs by hand what [`sign`](crate::sign()) would not make, with `headers` signed as
/// `signed` names them.
fn judge(headers: &[(&str, &[u8])], signed: &str) -> Result<Verified, Fault> {
    let now: Timestamp = "2026-11-21T10:11:12Z".parse().unwrap();
    let scope = Scope::at(now, "eu-west-1", "sts");
    let secret = SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
    let key = SigningKey::derive(&secret, &scope);
    let bare = Request { method: "GET", path: "/", query: "", headers };
    let canonical = canonical::request(&bare, true, signed, &crypto::sha256_hex(b""));
    let string = canonical::string_to_sign("20261121T101112Z", &scope, canonical);
    let authorization = format!(
        "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request, \
         SignedHeaders={signed}, Signature={}",
        key.mac().sign(&string)
    );
    let mut headers = headers.to_vec();
    headers.push(("authorization", authorization.as_bytes()));
    let request = Request { headers: &headers, ..bare };
    verify(&presented(&request)?.unwrap(), &request, b"", &key, &RULES, now)
}

/// The `Date` header serves when there is no `x-amz-date`, in either form. The string to sign
/// binds it, so it need not be signed itself.
#[test]
fn a_date_header_serves_without_an_amz_date() {
    for date in [&b"Sat, 21 Nov 2026 10:11:12 GMT"[..], b"20261121T101112Z"] {
        let headers = [("date", date), ("host", b"h")];
        assert!(judge(&headers, "host").is_ok());
        assert!(judge(&headers, "date;host").is_ok());
    }
    assert!(judge(&[("date", b"Sat, 21 Nov 2026 10:11:13 GMT"), ("host", b"h")], "host").is_err());
}

#[test]
fn an_amz_date_goes_before_a_date_header() {
    let amz: (&str, &[u8]) = ("x-amz-date", b"20261121T101112Z");
    for other in [&b"Mon, 01 Jan 2001 00:00:00 GMT"[..], b"nonsense"] {
        assert!(judge(&[("date", other), ("host", b"h"), amz], "host;x-amz-date").is_ok());
    }
}

/// Each of these signatures is right for what it covers; it is the rule that refuses.
#[test]
fn a_right_signature_over_the_wrong_headers_is_refused() {
    let host: (&str, &[u8]) = ("host", b"h");
    let date: (&str, &[u8]) = ("x-amz-date", b"20261121T101112Z");
    let token: (&str, &[u8]) = ("x-amz-security-token", b"t");
    assert!(judge(&[host, date, token], "host;x-amz-date;x-amz-security-token").is_ok());
    for (headers, signed, cause) in [
        (vec![host, date], "x-amz-date", "the host header is not signed"),
        (vec![host, date], "host", "the header x-amz-date is not signed"),
        (
            vec![host, date, token],
            "host;x-amz-date",
            "the header x-amz-security-token is not signed",
        ),
        (vec![host, date], "x-amz-date;host", "the signed headers are not sorted and unique"),
        (vec![host, date], "host;host;x-amz-date", "the signed headers are not sorted and unique"),
        (vec![host, date], "host;range;x-amz-date", "the signed header range is absent"),
        (
            vec![("Range", b""), host, date],
            "Range;host;x-amz-date",
            "a signed header has no lower-case name",
        ),
    ] {
        assert_eq!(judge(&headers, signed).unwrap_err().cause(), cause, "{signed}");
    }
}
