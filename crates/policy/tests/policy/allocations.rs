//! Deciding to allow allocates nothing, whatever the policies look like. All tables and laws check
//! it for what they allow; here are the shapes that real policies have, each operator included.

use daypass_policy::{Context, Decision, Kind, Layers, Request, Value};

use crate::fixture::{
    ONE, account, attach, attach_levels, caller, decide_without_allocating, policy,
};

const SHAPES: &[&str] = &[
    r#"{"StringEquals": {"aws:username": ["Bob", "Ann"]}}"#,
    r#"{"StringNotEquals": {"aws:username": ["Bob", "${aws:PrincipalTag/team}"]}}"#,
    r#"{"StringEqualsIgnoreCase": {"aws:username": "a${test:letter}N"}}"#,
    r#"{"StringNotEqualsIgnoreCase": {"aws:username": "b${test:letter}b"}}"#,
    r#"{"StringEqualsIgnoreCase": {"test:unicode": "ÉTÉ"}}"#,
    r#"{"StringLike": {"aws:username": ["B*", "?n*", "${aws:username}"]}}"#,
    r#"{"StringNotLike": {"aws:userid": "*:s1?"}}"#,
    r#"{"StringLike": {"aws:SourceIp": "10.*", "aws:CurrentTime": "2026-*", "test:count": "4?"}}"#,
    r#"{"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:user/${aws:username}"}}"#,
    r#"{"ArnNotEquals": {"aws:PrincipalArn": ["arn:aws:iam::*:role/*", "arn:aws:*::1*:x?"]}}"#,
    r#"{"ArnEquals": {"aws:PrincipalArn": "${aws:PrincipalArn}"}}"#,
    r#"{"IpAddress": {"aws:SourceIp": ["192.0.2.0/24", "10.0.0.0/8", "2001:db8::/32"]}}"#,
    r#"{"NotIpAddress": {"aws:SourceIp": "2001:db8::/32", "test:address": "10.0.0.0/8"}}"#,
    r#"{"DateGreaterThan": {"aws:CurrentTime": "2025-01-01T00:00:00Z"}}"#,
    r#"{"DateLessThanEquals": {"test:day": "1900000000"}}"#,
    r#"{"NumericLessThan": {"test:count": "42.5"}, "NumericNotEquals": {"test:digits": 7}}"#,
    r#"{"NumericGreaterThan": {"aws:CurrentTime": "1700000000"}}"#,
    r#"{"Bool": {"aws:SecureTransport": "true"}, "BoolIfExists": {"test:flag": "FALSE"}}"#,
    r#"{"BinaryEquals": {"test:bytes": "AQID", "test:base64": ["AAAA", "AQID"]}}"#,
    r#"{"Null": {"aws:TokenIssueTime": "true", "aws:username": "false"}}"#,
    r#"{"ForAllValues:StringLike": {"aws:TagKeys": ["a*", "b"]}}"#,
    r#"{"ForAnyValue:StringNotEquals": {"aws:TagKeys": "b"}}"#,
    r#"{"ForAllValues:ArnLike": {"test:arns": "arn:aws:s3:::*"}}"#,
    r#"{"ForAnyValue:NumericEqualsIfExists": {"test:none": 1}}"#,
];

const RESOURCES: &[&str] = &[
    "*",
    "arn:aws:s3:::home/*",
    "arn:aws:s3:::home/${aws:username}/*",
    "arn:aws:s3:::${test:a, 'ho'}${test:b, 'me'}/${aws:username}/${test:c, 'x'}*",
    "arn:aws:s3:::*/A*n/?*",
    "arn:aws:s3:*::home/*",
    "arn:aws:s3:??-west-*::*/x",
    "arn:aws:s3:e?*:*::home*",
];

fn keys() -> Context<'static> {
    let mut context = Context::new();
    let time: jiff::Timestamp = "2026-01-01T00:00:00.250Z".parse().unwrap();
    context.insert("aws:username", "Ann");
    context.insert("aws:userid", "AIDAAAAAAAAAAAAAAAANN");
    context.insert("aws:PrincipalArn", "arn:aws:iam::111111111111:user/Ann");
    context.insert("aws:PrincipalTag/team", "data");
    context.insert("aws:SourceIp", "10.1.2.3".parse::<std::net::IpAddr>().unwrap());
    context.insert("aws:CurrentTime", time);
    context.insert("aws:SecureTransport", true);
    context.insert_list("aws:TagKeys", vec!["a".into(), "ab".into()]);
    context.insert("test:letter", "N");
    context.insert("test:unicode", "été");
    context.insert("test:address", "2001:db8:0:ffff:ffff:ffff:ffff:ffff");
    context.insert("test:count", 42);
    context.insert("test:digits", "-7.50");
    context.insert("test:day", "2024-02-29");
    context.insert("test:flag", "false");
    context.insert("test:bytes", Value::Binary(Box::new([1, 2, 3])));
    context.insert("test:base64", "AQID");
    context.insert_list("test:arns", vec!["arn:aws:s3:::a".into(), "arn:aws:s3:::b/c".into()]);
    context
}

fn check(resources: &str, condition: &str, resource: &str) {
    let statement = format!(
        r#"{{"Effect": "Deny", "Action": "iam:Delete*", "Resource": "*"}},
           {{"Effect": "Allow", "Action": ["iam:*", "s3:Get*"], "Resource": {resources},
             "Condition": {condition}}}"#
    );
    let (all, bucket) = (
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#,
        r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Principal": {"AWS": ["222222222222", "111111111111"]}},
           {"Effect": "Deny", "Action": "*", "Resource": "*",
            "NotPrincipal": {"AWS": ["111111111111", "arn:aws:iam::111111111111:user/Ann"]}}"#,
    );
    let identity = [policy(&statement, Kind::Identity)];
    let session = [policy(&statement, Kind::Session)];
    let (boundary, bucket) = (policy(all, Kind::Boundary), policy(bucket, Kind::Resource));
    let scps = [vec![policy(all, Kind::Scp)], vec![policy(all, Kind::Scp)]];
    let scps = attach_levels(&scps);
    let scps: Vec<_> = scps.iter().map(Vec::as_slice).collect();
    let (identity, session) = (attach(&identity), attach(&session));
    let layers = Layers {
        identity: &identity,
        boundary: Some(&boundary),
        session: Some(&session),
        resource: Some(&bucket),
        scps: Some(&scps),
        ..Layers::default()
    };
    let context = keys();
    let request = Request {
        principal: caller("user Ann"),
        action: "s3:GetObject",
        resource,
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let decision = decide_without_allocating(&layers, &request);
    assert_eq!(decision, Decision::Allowed, "{resources} {condition}");
}

#[test]
fn allowing_allocates_nothing_whatever_the_conditions() {
    for condition in SHAPES {
        check(r#""*""#, condition, "arn:aws:s3:::home/Ann/x");
    }
}

#[test]
fn allowing_allocates_nothing_whatever_the_resources() {
    for resource in RESOURCES {
        let asked = match resource.starts_with("arn:aws:s3:e") || resource.contains("west") {
            true => "arn:aws:s3:eu-west-1::home/Ann/x",
            false => "arn:aws:s3:::home/Ann/x",
        };
        // An access point's ARN has a Region; a bucket's pattern may not.
        let text = resource.replace(":??-west-*::", ":??-west-*:*:").replace(":e?*:*::", ":e?*:*:");
        let text = text.replace("s3:*::home", "s3:*:*:home");
        check(&format!(r#"["arn:aws:s3:::other", {text:?}]"#), "{}", asked);
    }
}
