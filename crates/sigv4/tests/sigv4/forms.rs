//! Signatures of upload forms: what is refused and why.

use crate::message::{KEY, TOKEN, credentials, now, secret};
use crate::upload::{REGION, S3};
use daypass_sigv4::{
    Fault, Regions, Rules, SigningKey, Source, Verified, presented_form, sign_form, verify_form,
};
use jiff::{SignedDuration, Timestamp};

/// `{"expiration":"2026-12-01T00:00:00Z","conditions":[]}`
const POLICY: &str = "eyJleHBpcmF0aW9uIjoiMjAyNi0xMi0wMVQwMDowMDowMFoiLCJjb25kaXRpb25zIjpbXX0=";

type Fields = Vec<(String, String)>;

fn form(token: Option<&str>) -> Fields {
    let mut fields =
        vec![("key".to_owned(), "a".to_owned()), ("policy".to_owned(), POLICY.to_owned())];
    let added = sign_form(POLICY, &credentials(token), REGION, now());
    fields.extend(added.into_iter().map(|(name, value)| (name.to_owned(), value)));
    fields
}

fn judge(fields: &Fields, rules: &Rules<'_>, now: Timestamp) -> Result<Option<Verified>, Fault> {
    let fields: Vec<(&str, &str)> =
        fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let Some(presented) = presented_form(&fields)? else { return Ok(None) };
    assert_eq!(presented.access_key_id().as_str(), KEY);
    let key = SigningKey::derive(&secret(), presented.scope());
    verify_form(&presented, &key, rules, now).map(Some)
}

#[test]
fn a_signed_form_is_verified() {
    for token in [None, Some(TOKEN)] {
        let verified = judge(&form(token), &S3, now()).unwrap().unwrap();
        assert_eq!(verified.source(), Source::Form);
        assert_eq!(verified.signed_at(), now());
        assert_eq!(verified.has_session_token(), token.is_some());
        assert_eq!((verified.region(), verified.service()), (REGION, "s3"));
    }
    // A form without anything of a signature is nobody's.
    let bare = vec![("key".to_owned(), "a".to_owned()), ("file".to_owned(), String::new())];
    assert!(judge(&bare, &S3, now()).unwrap().is_none());
}

#[test]
fn what_is_refused() {
    type Row = (fn(&mut Fields), &'static str);
    fn set(fields: &mut Fields, name: &str, value: &str) {
        fields.retain(|(other, _)| other != name);
        fields.push((name.to_owned(), value.to_owned()));
    }
    let rows: &[Row] = &[
        (|f| f.retain(|(n, _)| n != "policy"), "the field policy of a signed form is missing"),
        (
            |f| f.retain(|(n, _)| n != "x-amz-algorithm"),
            "the field x-amz-algorithm of a signed form is missing",
        ),
        (
            |f| f.retain(|(n, _)| n != "x-amz-credential"),
            "the field x-amz-credential of a signed form is missing",
        ),
        (
            |f| f.retain(|(n, _)| n != "x-amz-date"),
            "the field x-amz-date of a signed form is missing",
        ),
        (
            |f| f.retain(|(n, _)| n != "x-amz-signature"),
            "the field x-amz-signature of a signed form is missing",
        ),
        // A policy alone, or a token alone, is a form that is signed halfway.
        (
            |f| f.retain(|(n, _)| n == "policy"),
            "the field x-amz-algorithm of a signed form is missing",
        ),
        (
            |f| *f = vec![("x-amz-security-token".to_owned(), "t".to_owned())],
            "the field policy of a signed form is missing",
        ),
        (|f| f.push(f[1].clone()), "policy is repeated, or written in other letters"),
        (
            |f| f.push(("X-Amz-Credential".to_owned(), "x".to_owned())),
            "x-amz-credential is repeated, or written in other letters",
        ),
        (
            |f| f.push(("AWSAccessKeyId".to_owned(), KEY.to_owned())),
            "the form has a signature of version 2",
        ),
        (
            |f| *f = vec![("signature".to_owned(), "x".to_owned())],
            "the form has a signature of version 2",
        ),
        (
            |f| set(f, "x-amz-algorithm", "AWS4-ECDSA-P256-SHA256"),
            "the signature algorithm is not AWS4-HMAC-SHA256",
        ),
        (|f| set(f, "x-amz-date", "2026-11-21"), "the date of the request is malformed"),
        (
            |f| set(f, "x-amz-date", "20261122T000000Z"),
            "the date of the credential scope is not that of the request",
        ),
        (|f| set(f, "x-amz-credential", "a/b"), "the credential does not have five parts"),
        (
            |f| set(f, "x-amz-credential", &format!("{KEY}/20261121/eu-west-1/sts/aws4_request")),
            "the credential scope is of another service",
        ),
        (
            |f| set(f, "x-amz-credential", &format!("{KEY}/20261121/eu-west-2/s3/aws4_request")),
            "the signature is another one",
        ),
        (|f| set(f, "x-amz-signature", &"0".repeat(64)), "the signature is another one"),
        (
            |f| set(f, "x-amz-signature", "0"),
            "the signature is not 64 lower-case hexadecimal digits",
        ),
        (|f| set(f, "policy", &format!("{POLICY} ")), "the signature is another one"),
        (|f| set(f, "policy", ""), "the signature is another one"),
        (
            |f| set(f, "policy", &"A".repeat(20 * 1024 + 1)),
            "the policy of a form is longer than its limit",
        ),
        (
            |f| set(f, "x-amz-security-token", ""),
            "the session token is empty, too long or not printable ASCII",
        ),
    ];
    for (number, (change, cause)) in rows.iter().enumerate() {
        let mut fields = form(None);
        change(&mut fields);
        let fault = judge(&fields, &S3, now()).unwrap_err();
        assert_eq!(fault.cause(), *cause, "row {number}");
    }
    let regions = Rules { regions: Regions::Only(&["eu-west-2"]), ..S3 };
    let fault = judge(&form(None), &regions, now()).unwrap_err();
    assert_eq!(fault.cause(), "the Region of the credential scope is not accepted here");
}

/// A form may be sent until its policy ends, but for a week at most.
#[test]
fn the_life_of_a_form() {
    for (seconds, code) in [
        (0, None),
        (-900, None),
        (-901, Some("RequestTimeTooSkewed")),
        (604_800, None),
        (604_801, Some("RequestExpired")),
    ] {
        let at = now().checked_add(SignedDuration::from_secs(seconds)).unwrap();
        let found = judge(&form(None), &S3, at).err();
        match (found, code) {
            (None, None) => {}
            (Some(Fault::RequestTimeTooSkewed { .. }), Some("RequestTimeTooSkewed"))
            | (Some(Fault::RequestExpired { .. }), Some("RequestExpired")) => {}
            (found, code) => panic!("{seconds}: {found:?}, not {code:?}"),
        }
    }
}

#[test]
fn nothing_secret_prints() {
    let fields = form(Some(TOKEN));
    let fields: Vec<(&str, &str)> = fields.iter().map(|(n, v)| (n.as_str(), v.as_str())).collect();
    let printed = format!("{:?}", presented_form(&fields).unwrap().unwrap());
    assert!(!printed.contains(TOKEN) && printed.contains("…"), "{printed}");
}
