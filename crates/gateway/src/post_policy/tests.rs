use daypass_names::Constrained;

use super::*;

const EXPIRES: &str = "2026-01-01T12:00:00.000Z";

fn policy(conditions: &str) -> String {
    format!("{{\"expiration\": \"{EXPIRES}\", \"conditions\": [{conditions}]}}")
}

/// What becomes of a form of these fields under these conditions.
fn check(conditions: &str, fields: &[(&str, &str)]) -> Result<LengthRange, String> {
    let policy = PostPolicy::parse(&policy(conditions)).unwrap();
    let own = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    let form = Form::new(own.collect(), Some("n.txt".to_owned()));
    let bucket = BucketName::parse("photos").unwrap();
    let now = "2026-01-01T11:59:59Z".parse().unwrap();
    policy.check(&form, &bucket, now).map_err(|fault| {
        assert_eq!(fault.code(), S3Code::AccessDenied);
        fault.message().to_owned()
    })
}

#[test]
fn every_field_is_as_the_policy_says() {
    const KEY: &str = r#"["starts-with", "$key", "user/"], {"bucket": "photos"}"#;
    let failed = |text: &str| Err(format!("Invalid according to Policy: {text}"));
    let any = Ok(LengthRange::default());
    let key = ("key", "user/a");
    for (more, fields, want) in [
        ("", &[key][..], any.clone()),
        ("", &[("key", "user/${filename}")], any.clone()),
        ("", &[key, ("policy", "x"), ("x-amz-signature", "x"), ("x-ignore-a", "x")], any.clone()),
        (
            "",
            &[("key", "other/a")],
            failed(r#"Policy Condition failed: ["starts-with", "$key", "user/"]"#),
        ),
        ("", &[], failed(r#"Policy Condition failed: ["starts-with", "$key", "user/"]"#)),
        // A field that no condition is of.
        ("", &[key, ("acl", "public-read")], failed("Extra input fields: acl")),
        (
            "",
            &[key, ("x-amz-security-token", "t")],
            failed("Extra input fields: x-amz-security-token"),
        ),
        ("", &[key, ("tagging", "t")], failed("Extra input fields: tagging")),
        // Conditions of fields that are not there.
        (
            r#", {"acl": "private"}"#,
            &[key],
            failed(r#"Policy Condition failed: ["eq", "$acl", "private"]"#),
        ),
        (
            r#", ["starts-with", "$acl", ""]"#,
            &[key],
            failed(r#"Policy Condition failed: ["starts-with", "$acl", ""]"#),
        ),
        (r#", {"acl": "private"}"#, &[key, ("acl", "private")], any.clone()),
        (r#", {"Acl": "private"}"#, &[key, ("acl", "private")], any.clone()),
        (
            r#", ["EQ", "$ACL", "private"]"#,
            &[key, ("acl", "Private")],
            failed(r#"Policy Condition failed: ["eq", "$acl", "private"]"#),
        ),
        (r#", ["starts-with", "$acl", ""]"#, &[key, ("acl", "public-read")], any.clone()),
        // Two conditions of one field must both hold.
        (
            r#", {"acl": "a"}, {"acl": "b"}"#,
            &[key, ("acl", "a")],
            failed(r#"Policy Condition failed: ["eq", "$acl", "b"]"#),
        ),
        (
            r#", {"bucket": "other"}"#,
            &[key],
            failed(r#"Policy Condition failed: ["eq", "$bucket", "other"]"#),
        ),
        // A form cannot say for which bucket it is.
        ("", &[key, ("bucket", "photos")], any),
        (
            r#", ["starts-with", "$Content-Type", "image/"]"#,
            &[key, ("content-type", "image/png, image/gif")],
            Ok(LengthRange::default()),
        ),
        (
            r#", ["starts-with", "$Content-Type", "image/"]"#,
            &[key, ("content-type", "image/png,text/html")],
            failed(r#"Policy Condition failed: ["starts-with", "$content-type", "image/"]"#),
        ),
        (
            r#", ["content-length-range", 1, 10], ["content-length-range", "2", "20"]"#,
            &[key],
            Ok(LengthRange { least: 2, most: 10 }),
        ),
    ] {
        assert_eq!(check(&format!("{KEY}{more}"), fields), want, "{more} {fields:?}");
    }
}

#[test]
fn a_policy_ends_when_it_says() {
    let policy = PostPolicy::parse(&policy("[\"starts-with\", \"$key\", \"\"]")).unwrap();
    let form = Form::new(vec![("key".to_owned(), "a".to_owned())], None);
    let bucket = BucketName::parse("photos").unwrap();
    let at = |now: &str| policy.check(&form, &bucket, now.parse().unwrap());
    assert!(at("2026-01-01T11:59:59.999Z").is_ok());
    for now in ["2026-01-01T12:00:00Z", "2027-01-01T00:00:00Z"] {
        let fault = at(now).unwrap_err();
        assert_eq!(fault.message(), "Invalid according to Policy: Policy expired.", "{now}");
    }
}

#[test]
fn a_file_has_its_bounds() {
    let range = LengthRange { least: 2, most: 10 };
    for (length, code) in [
        (1, Some(S3Code::EntityTooSmall)),
        (2, None),
        (10, None),
        (11, Some(S3Code::EntityTooLarge)),
        (u64::MAX, Some(S3Code::EntityTooLarge)),
    ] {
        assert_eq!(range.check(length).err().map(|fault| fault.code()), code, "{length}");
    }
    let nothing = LengthRange { least: 5, most: 4 };
    assert!(nothing.check(4).is_err() && nothing.check(5).is_err());
    insta::assert_snapshot!(range.check(11).unwrap_err().to_xml(None, "R", "H"), @r#"
    <?xml version="1.0" encoding="UTF-8"?>
    <Error><Code>EntityTooLarge</Code><Message>Your proposed upload exceeds the maximum allowed size</Message><ProposedSize>11</ProposedSize><MaxSizeAllowed>10</MaxSizeAllowed><RequestId>R</RequestId><HostId>H</HostId></Error>
    "#);
}

#[test]
fn other_documents_are_refused() {
    let many = vec!["{\"a\": \"b\"}"; CONDITIONS_MAX + 1].join(",");
    for text in [
        "",
        "[]",
        "{}",
        &format!("{{\"expiration\": \"{EXPIRES}\"}}"),
        "{\"conditions\": []}",
        "{\"expiration\": \"tomorrow\", \"conditions\": []}",
        "{\"expiration\": \"2026-01-01T12:00:00\", \"conditions\": []}",
        "{\"expiration\": 1, \"conditions\": []}",
        &format!("{{\"expiration\": \"{EXPIRES}\", \"conditions\": [], \"other\": 1}}"),
        &format!("{{\"expiration\": \"{EXPIRES}\", \"conditions\": [], \"conditions\": []}}"),
        &format!(
            "{{\"expiration\": \"{EXPIRES}\", \"expiration\": \"{EXPIRES}\", \"conditions\": []}}"
        ),
        &format!("{} x", policy("")),
        &policy("\"a\""),
        &policy("{\"a\": 1}"),
        &policy("[]"),
        &policy("[\"eq\", \"$a\"]"),
        &policy("[\"eq\", \"a\", \"b\"]"),
        &policy("[\"ends-with\", \"$a\", \"b\"]"),
        &policy("[\"eq\", \"$a\", \"b\", \"c\"]"),
        &policy("[\"eq\", \"$a\", 1]"),
        &policy("[\"content-length-range\", -1, 10]"),
        &policy("[\"content-length-range\", 1.5, 10]"),
        &policy("[\"content-length-range\", \"\", 10]"),
        &policy(&many),
    ] {
        let fault = PostPolicy::parse(text).unwrap_err();
        assert_eq!(fault.code(), S3Code::InvalidPolicyDocument, "{:.120}", text);
        assert!(PostPolicy::decode(&BASE64.encode(text.as_bytes())).is_err());
    }
    assert!(PostPolicy::decode("%%%").is_err() && PostPolicy::decode("/w==").is_err());
    let encoded = BASE64.encode(policy("").as_bytes());
    assert_eq!(PostPolicy::decode(&encoded), PostPolicy::parse(&policy("")));
}
