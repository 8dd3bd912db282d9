use super::*;
use crate::{Context, Decision, Layers, Principal, Request, decide};
use daypass_names::Constrained;

fn bucket() -> BucketName {
    BucketName::parse("photos").unwrap()
}

fn parse(text: &str) -> Result<Policy, MalformedBucketPolicy> {
    Policy::parse_bucket(text, Partition::Aws, &bucket())
}

/// A policy of one statement.
fn one(statement: &str) -> String {
    format!(r#"{{"Version":"2012-10-17","Statement":[{{{statement}}}]}}"#)
}

const NOT_ON_ANY: &str = "Action does not apply to any resource(s) in statement";

const ANYONE: &str = r#""Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*""#;

#[test]
fn what_s3_takes_is_taken() {
    for statement in [
        ANYONE,
        r#""Effect":"Deny","NotPrincipal":{"AWS":"111122223333"},"NotAction":"s3:Get*","NotResource":"arn:aws:s3:::photos""#,
        r#""Effect":"Allow","Principal":{"AWS":["111122223333","arn:aws:iam::111122223333:root"]},"Action":"*","Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/${aws:username}/*"]"#,
        // Each action is on one of the resources, and what a negation speaks of is not looked at.
        r#""Effect":"Allow","Principal":"*","Action":["s3:ListBucket","s3:GetObject","s3:P*Acl"],"Resource":["arn:aws:s3:::photos","arn:aws:s3:::photos/*"]"#,
        r#""Effect":"Allow","Principal":"*","Action":["s3:getobjectacl","s3:*Acl","s3:P?tObject"],"Resource":"arn:aws:s3:::photos/*""#,
        r#""Effect":"Deny","Principal":"*","NotAction":"s3:ListBucket","Resource":"arn:aws:s3:::photos/*""#,
        r#""Effect":"Deny","Principal":"*","Action":"s3:ListBucket","NotResource":"arn:aws:s3:::photos/*""#,
        r#""Effect":"Deny","Principal":"*","Action":"s3:PutObject","Resource":"arn:aws:s3:::photos/*","Condition":{"StringNotEquals":{"s3:RequestObjectTag/dept":"hr","S3:X-Amz-Acl":"private","aws:PrincipalTag/dept":"hr"}}"#,
        r#""Sid":"any words, really","Effect":"Allow","Principal":{"Service":"logs.example.com"},"Action":"S3:PutObject","Resource":"arn:aws:s3:::photos/logs/*""#,
    ] {
        assert!(parse(&one(statement)).is_ok(), "{statement}");
    }
    // Without a version it is of 2008.
    assert!(parse(&format!(r#"{{"Statement":{{{ANYONE}}}}}"#)).is_ok());
}

#[test]
fn what_s3_refuses_is_refused_in_its_words() {
    let resource = |resource: &str| ANYONE.replace("arn:aws:s3:::photos/*", resource);
    let action = |action: &str| ANYONE.replace("s3:GetObject", action);
    let principal = |principal: &str| ANYONE.replace(r#""Principal":"*""#, principal);
    let json = "Policies must be valid JSON and the first byte must be '{'";
    for (text, want) in [
        (String::new(), json),
        (" {}".to_owned(), json),
        ("{".to_owned(), json),
        ("[]".to_owned(), json),
        ("{}".to_owned(), "Missing required field Statement"),
        (r#"{"Statement":[]}"#.to_owned(), "Could not parse the policy: Statement is empty!"),
        (
            format!(r#"{{"Version":"2020-01-01","Statement":{{{ANYONE}}}}}"#),
            "The policy must contain a valid version string",
        ),
        (format!(r#"{{"Colour":1,"Statement":{{{ANYONE}}}}}"#), "Invalid policy syntax."),
        (one(&ANYONE.replace("Allow", "allow")), "Policy has an invalid effect"),
        (one(&ANYONE.replace(r#""Effect":"Allow","#, "")), "Missing required field Effect"),
        (one(&principal(r#""Sid":"a""#)), "Missing required field Principal"),
        (one(&principal(r#""Principal":{}"#)), "Missing required field Principal"),
        (one(&principal(r#""Principal":{"AWS":"user"}"#)), "Invalid principal in policy"),
        (one(&principal(r#""Principal":{"Who":"*"}"#)), "Invalid principal in policy"),
        (one(&ANYONE.replace(r#""Action":"s3:GetObject","#, "")), "Missing required field Action"),
        (one(&action("iam:GetUser")), "Policy has invalid action"),
        (one(&action("s3:FetchObject")), "Policy has invalid action"),
        // Operations of the API, for which other actions stand.
        (one(&action("s3:HeadObject")), "Policy has invalid action"),
        (one(&action("s3:ListObjectsV2")), "Policy has invalid action"),
        (one(&action("s3:Fetch*")), "Policy has invalid action"),
        (
            one(&ANYONE.replace(r#""Action":"s3:GetObject""#, r#""NotAction":"s3:Fetch""#)),
            "Policy has invalid action",
        ),
        (one(&action("s3:ListBucket")), NOT_ON_ANY),
        (one(&action("s3:PutBucket*")), NOT_ON_ANY),
        (one(&action("s3:ListAllMyBuckets")), NOT_ON_ANY),
        (one(&action("s3:CreateJob")), NOT_ON_ANY),
        (one(&resource("arn:aws:s3:::photos")), NOT_ON_ANY),
        // One of several is enough to be refused.
        (
            one(&ANYONE.replace(r#""s3:GetObject""#, r#"["s3:GetObject","s3:ListBucket"]"#)),
            NOT_ON_ANY,
        ),
        (
            one(&format!(r#"{ANYONE},"Condition":{{"StringEquals":{{"s3:colour":"a"}}}}"#)),
            "Policy has an invalid condition key",
        ),
        (
            one(&format!(r#"{ANYONE},"Condition":{{"Null":{{"S3:ExistingObjectTag":"true"}}}}"#)),
            "Policy has an invalid condition key",
        ),
        (one(&action("s3")), "Policy has invalid action"),
        (one(&action("s3:")), "Policy has invalid action"),
        (one(&action("s*:GetObject")), "Policy has invalid action"),
        (
            one(&ANYONE.replace(r#","Resource":"arn:aws:s3:::photos/*""#, "")),
            "Missing required field Resource",
        ),
        (one(&resource("*")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::*")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::photo*/x")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::photos*")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::photos2/x")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::photos/")), "Policy has invalid resource"),
        (one(&resource("arn:aws-cn:s3:::photos/x")), "Policy has invalid resource"),
        (one(&resource("arn:aws:sqs:::photos/x")), "Policy has invalid resource"),
        (one(&resource("arn:aws:s3:::${aws:username}/x")), "Policy has invalid resource"),
        (
            one(&format!(r#"{ANYONE},"Condition":{{"Equals":{{"aws:username":"a"}}}}"#)),
            "Policy has an invalid condition",
        ),
        (
            one(&format!(r#"{ANYONE},"Condition":{{"IpAddress":{{"aws:SourceIp":"here"}}}}"#)),
            "Policy has an invalid condition",
        ),
    ] {
        let fault = parse(&text).unwrap_err();
        assert_eq!(fault.to_string(), want, "{text}");
        assert!(!fault.reason().is_empty());
    }
    // What an object is called may be long: 20 KB in all, to the byte.
    let long =
        |length: usize| one(&resource(&format!("arn:aws:s3:::photos/{}", "x".repeat(length))));
    let fits = BUCKET - long(0).len();
    assert!(parse(&long(fits)).is_ok());
    let fault = parse(&long(fits + 1)).unwrap_err();
    assert_eq!(fault.to_string(), "Policy document must be 20KB or less");
}

/// The meaning of public, example by example.
#[test]
fn public_is_what_lets_in_everyone_without_fixed_conditions() {
    let with = |condition: &str| format!(r#"{ANYONE},"Condition":{{{condition}}}"#);
    for (statement, want) in [
        (ANYONE.to_owned(), true),
        (ANYONE.replace("Allow", "Deny"), false),
        (ANYONE.replace(r#""*""#, r#"{"AWS":"*"}"#), true),
        (ANYONE.replace(r#""*""#, r#"{"AWS":"111122223333"}"#), false),
        (ANYONE.replace(r#""*""#, r#"{"Service":"logs.example.com"}"#), false),
        (ANYONE.replace(r#""Principal":"*""#, r#""NotPrincipal":{"AWS":"111122223333"}"#), true),
        (with(r#""StringEquals":{"aws:SourceVpc":"vpc-91237329"}"#), false),
        (with(r#""StringLike":{"aws:SourceVpc":"vpc-*"}"#), true),
        (with(r#""StringLike":{"AWS:sourcevpc":["vpc-1","vpc-?"]}"#), true),
        (with(r#""StringEqualsIfExists":{"aws:SourceVpc":"vpc-1"}"#), true),
        (with(r#""StringNotEquals":{"aws:SourceVpc":"vpc-1"}"#), true),
        (with(r#""ForAllValues:StringEquals":{"aws:SourceVpc":"vpc-1"}"#), true),
        (with(r#""StringEquals":{"aws:SourceVpc":[]}"#), true),
        (with(r#""StringEquals":{"aws:PrincipalAccount":"${aws:ResourceAccount}"}"#), true),
        (with(r#""StringEquals":{"aws:username":"Ann"}"#), true),
        (with(r#""Bool":{"aws:SecureTransport":"true"}"#), true),
        (with(r#""StringLike":{"aws:userid":"AROAEXAMPLEEXAMPLE111:*"}"#), false),
        (with(r#""StringLike":{"aws:userid":"AROA*:*"}"#), true),
        (with(r#""IpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#), false),
        (with(r#""IpAddress":{"aws:SourceIp":"10.0.0.0/8"}"#), false),
        (with(r#""IpAddress":{"aws:SourceIp":["192.0.2.0/24","0.0.0.0/1"]}"#), true),
        (with(r#""IpAddress":{"aws:SourceIp":"2001:db8::/32"}"#), false),
        (with(r#""IpAddress":{"aws:SourceIp":"2000::/3"}"#), true),
        (with(r#""NotIpAddress":{"aws:SourceIp":"192.0.2.0/24"}"#), true),
        (
            with(r#""ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:111122223333:*"}"#),
            false,
        ),
        (with(r#""ArnLike":{"s3:DataAccessPointArn":"arn:aws:s3:us-west-2:*:*"}"#), true),
    ] {
        assert_eq!(parse(&one(&statement)).unwrap().is_public(), want, "{statement}");
    }
    // One public statement is enough, and what cannot be read lets nobody in.
    let two = format!(
        r#"{{"Statement":[{{{}}},{{{ANYONE}}}]}}"#,
        ANYONE.replace(r#""*""#, r#"{"AWS":"111122223333"}"#)
    );
    assert!(parse(&two).unwrap().is_public());
    assert!(!Policy::parse_stored("{", Kind::Resource).is_public());
    assert!(!Policy::empty(Kind::Resource).is_public());
}

proptest::proptest! {
    /// What is taken has no say outside its bucket.
    #[test]
    fn a_policy_that_is_taken_is_about_its_bucket_only(resource in "(arn:aws:s3:::|\\*)?(photos|other)?[a-z*?/$]{0,8}") {
        let text = one(&ANYONE.replace("arn:aws:s3:::photos/*", &resource));
        if let Ok(policy) = parse(&text) {
            let context = Context::new();
            for resource in ["arn:aws:s3:::other", "arn:aws:s3:::other/x", "arn:aws:s3:::photosx/x"] {
                let request = Request {
                    principal: Principal::Anonymous,
                    action: "s3:GetObject",
                    resource,
                    resource_account: None,
                    context: &context,
                };
                let layers = Layers { resource: Some(&policy), ..Layers::default() };
                proptest::prop_assert_ne!(decide(&layers, &request), Decision::Allowed);
            }
        }
    }
}
