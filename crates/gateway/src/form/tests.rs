use daypass_names::Constrained;

use super::*;
use crate::S3Code as C;

fn form(fields: &[(&str, &str)]) -> Form {
    let own = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Form::new(own.collect(), Some("n.txt".to_owned()))
}

fn request(fields: &[(&str, &str)]) -> Result<FormRequest, S3Fault> {
    form(fields).request(&BucketName::parse("photos").unwrap())
}

#[test]
fn a_form_is_the_request_that_puts_its_object() {
    const TAGS: &str = "<Tagging><TagSet><Tag><Key>team</Key><Value>a b</Value></Tag></TagSet>\
                        </Tagging>";
    let request = request(&[
        ("key", "a b/${filename}"),
        ("acl", "bucket-owner-full-control"),
        ("cache-control", "no-store"),
        ("policy", "p"),
        ("submit", "Upload"),
        ("success_action_status", "201"),
        ("tagging", TAGS),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", "c"),
        ("x-amz-date", "d"),
        ("x-amz-meta-a", "m"),
        ("x-amz-security-token", "t"),
        ("x-amz-signature", "s"),
        ("x-amz-storage-class", "STANDARD"),
        ("x-ignore-me", "i"),
    ])
    .unwrap();
    let head = request.head().unwrap();
    assert_eq!(head.backend_path(), "/photos/a%20b/n.txt");
    let mut sent: Vec<String> = head
        .backend_headers()
        .unwrap()
        .iter()
        .map(|(name, value)| format!("{name}: {}", value.to_str().unwrap()))
        .collect();
    sent.sort();
    assert_eq!(
        sent,
        [
            "cache-control: no-store",
            "content-type: binary/octet-stream",
            "x-amz-meta-a: m",
            "x-amz-storage-class: STANDARD",
            "x-amz-tagging: team=a%20b",
        ]
    );
    let classified = request.classify(jiff::Timestamp::UNIX_EPOCH).unwrap();
    assert_eq!(classified.row.name, "PostObject");
    assert_eq!(classified.refused, None);
    let needs = classified.needs().unwrap();
    let needs: Vec<_> = needs.iter().map(|need| (need.action, need.resource.as_str())).collect();
    const ARN: &str = "arn:aws:s3:::photos/a b/n.txt";
    assert_eq!(
        needs,
        [("s3:PutObject", ARN), ("s3:PutObjectAcl", ARN), ("s3:PutObjectTagging", ARN)]
    );
}

#[test]
fn other_forms_are_refused() {
    for (fields, code) in [
        (&[][..], C::InvalidArgument),
        (&[("key", "")], C::InvalidArgument),
        (&[("key", "a/../b")], C::InvalidURI),
        (&[("key", "%2e%2e/b")], C::InvalidURI),
        (&[("key", "a"), ("x-amz-copy-source", "b/c")], C::NotImplemented),
        (&[("key", "a"), ("x-amz-replication-status", "x")], C::NotImplemented),
        (&[("key", "a"), ("x-amz-meta-a", "b\r\nx: y")], C::InvalidArgument),
        (&[("key", "a"), ("tagging", "<Other/>")], C::MalformedXML),
    ] {
        assert_eq!(request(fields).unwrap_err().code(), code, "{fields:?}");
    }
    let public = request(&[("key", "a"), ("acl", "public-read")]).unwrap();
    let refused = public.classify(jiff::Timestamp::UNIX_EPOCH).unwrap().refused;
    assert_eq!(refused.map(|fault| fault.code()), Some(C::AccessControlListNotSupported));
}

#[test]
fn a_form_says_what_it_wants_to_be_answered() {
    let redirect = |url: &str| FormAnswer::Redirect(url.to_owned());
    for (fields, want) in [
        (&[][..], FormAnswer::Status(204)),
        (&[("success_action_status", "200")], FormAnswer::Status(200)),
        (&[("success_action_status", "201")], FormAnswer::Status(201)),
        (&[("success_action_status", "302")], FormAnswer::Status(204)),
        (&[("redirect", "https://a.test/x")], redirect("https://a.test/x")),
        (
            &[("success_action_redirect", "http://a.test"), ("redirect", "http://b.test")],
            redirect("http://a.test"),
        ),
        (&[("redirect", "javascript:alert(1)")], FormAnswer::Status(204)),
        (&[("redirect", "/relative")], FormAnswer::Status(204)),
        (&[("redirect", "a\r\nb")], FormAnswer::Status(204)),
    ] {
        assert_eq!(form(fields).answer(), want, "{fields:?}");
    }
    let location = |url| FormAnswer::location(url, "photos", "a&b", "\"1\"");
    assert_eq!(location("https://a.test"), "https://a.test?bucket=photos&key=a%26b&etag=%221%22");
    let want = "https://a.test?x=1&bucket=photos&key=a%26b&etag=%221%22#f";
    assert_eq!(location("https://a.test?x=1#f"), want);
}
