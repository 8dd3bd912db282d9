//! Whether a policy may name a condition key: asked by whoever has to fetch a value for it, so that a
//! key that is missed is a condition that does not count.

use daypass_policy::{Kind, Policy};

#[test]
fn a_key_is_found_however_it_is_written() {
    let key = "s3:ExistingObjectTag/";
    for (condition, found) in [
        (r#""s3:ExistingObjectTag/team": "red""#, true),
        (r#""S3:existingobjecttag/team": "red""#, true),
        (r#""s3:ExistingObjectTag\/team": "red""#, true),
        (r#""s3:ExistingObject\u0054ag/team": "red""#, true),
        (r#""s3:prefix": "${s3:ExistingObjectTag/team}""#, true),
        (r#""s3:prefix": "${s3:ExistingObjectTag\/team}""#, true),
        (r#""s3:prefix": "red""#, false),
        (r#""s3:RequestObjectTag/team": "red""#, false),
    ] {
        let text = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "s3:*",
                "Resource": "*", "Condition": {{"StringEquals": {{{condition}}}}}}}]}}"#
        );
        let policy = Policy::parse(&text, Kind::Identity).unwrap();
        assert_eq!(policy.may_mention(key), found, "{condition}");
    }
}

#[test]
fn a_policy_reads_no_context_only_where_nothing_in_it_can() {
    let statement = |resource: &str, condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Deny", "Action": "s3:*",
                "Resource": "{resource}"{condition}}}]}}"#
        )
    };
    let condition = r#", "Condition": {"Bool": {"aws:SecureTransport": "false"}}"#;
    for (resource, condition, reads) in [
        ("*", "", false),
        ("arn:aws:s3:::b/*", r#", "Condition": {}"#, false),
        ("arn:aws:s3:::b/$x", "", false),
        ("*", condition, true),
        ("arn:aws:s3:::b/${aws:username}", "", true),
        (r"arn:aws:s3:::b/\u0024{aws:username}", "", true),
        (r"arn:aws:s3:::b/$\u007baws:username}", "", true),
    ] {
        let text = statement(resource, condition);
        let policy = Policy::parse(&text, Kind::Identity).unwrap();
        assert_eq!(policy.reads_context(), reads, "{text}");
    }
    assert!(!Policy::parse_stored("{", Kind::Identity).reads_context());
}
