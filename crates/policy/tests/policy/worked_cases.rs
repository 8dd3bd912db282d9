//! The worked cases of the policy reference, section 10, under its numbers.
//!
//! The organisation of the cases: 111111111111 is a member account unless a case says otherwise.

use daypass_policy::{Kind, Policy};

use crate::fixture::{ASK, ASSUME, Ask, TWO, V, ask, policy, verdict};

enum Case {
    Decides(Ask, &'static str),
    /// A document that is not saved, and AWS's text.
    Refuses(Kind, &'static str, &'static str),
}
use Case::{Decides, Refuses};

const ALLOW_ALL: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const ALLOW_S3: &str = r#"{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}"#;
const ALLOW_GET: &str = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}"#;
const TRUST_ONE: &str =
    r#"{"Effect": "Allow", "Principal": {"AWS": "@1"}, "Action": "sts:AssumeRole"}"#;
const TRUST_TWO: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@2:root"}, "Action": "sts:AssumeRole"}"#;
const TRUST_ANN: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:user/Ann"}, "Action": "sts:AssumeRole"}"#;
const NOTHING_ELSE: &str = r#"{"Effect": "Allow", "Action": "sts:*", "Resource": "*"}"#;
const FULL: &[&str] = &[ALLOW_ALL];
const BUCKET_ANN: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:user/Ann"},
    "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}"#;
const BUCKET_ONE: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:root"},
    "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}"#;
const BUCKET_ROLE: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:role/team/R"},
    "Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*"}"#;
const BUCKET_SESSION: &str = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
    "Principal": {"AWS": "arn:aws:sts::@1:assumed-role/R/s1"}}"#;
const ALLOW_EC2: &str = r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}"#;
const RCP_FULL: &str = r#"{"Effect": "Allow", "Principal": "*", "Action": "*", "Resource": "*"}"#;
const RCP_ORGANISATION: &str = r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:*",
    "Resource": "*", "Condition": {"StringNotEquals": {"aws:PrincipalOrgID": "o-example"}}}"#;
const SELF_SERVICE: &str =
    r#"{"Effect": "Allow", "Action": "iam:*", "Resource": "arn:aws:iam::@1:user/${aws:username}"}"#;
const TAG_KEYS: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}}"#;
const MFA_TRUST: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:user/Ann"},
    "Action": "sts:AssumeRole", "Condition": {"Bool": {"aws:MultiFactorAuthPresent": true}}}"#;
const DEPT_HR: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"StringEquals": {"aws:PrincipalTag/Dept": ["hr", "HR-x"]}}}"#;
const BY_SOURCE_IP: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
    "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}"#;

const CASES: &[(u32, Case)] = &[
    (
        1,
        Decides(
            Ask {
                identity: &[
                    ALLOW_S3,
                    r#"{"Effect": "Deny", "Action": "s3:DeleteObject", "Resource": "*"}"#,
                ],
                action: "s3:DeleteObject",
                ..ASK
            },
            "explicit Identity",
        ),
    ),
    (2, Decides(Ask { bucket: Some(BUCKET_ANN), ..ASK }, "allow")),
    (3, Decides(Ask { bucket: Some(BUCKET_ONE), ..ASK }, "implicit Identity")),
    (4, Decides(Ask { boundary: Some(ALLOW_EC2), bucket: Some(BUCKET_ANN), ..ASK }, "allow")),
    (
        5,
        Decides(
            Ask {
                caller: "session R",
                boundary: Some(ALLOW_EC2),
                bucket: Some(BUCKET_ROLE),
                ..ASK
            },
            "implicit Boundary",
        ),
    ),
    (
        6,
        Decides(
            Ask {
                caller: "session R",
                boundary: Some(ALLOW_EC2),
                bucket: Some(BUCKET_SESSION),
                ..ASK
            },
            "allow",
        ),
    ),
    (
        7,
        Decides(
            Ask {
                caller: "session R",
                boundary: Some(ALLOW_EC2),
                bucket: Some(
                    r#"{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                        "Resource": "arn:aws:s3:::bucket/*", "Condition": {"StringEquals":
                        {"aws:PrincipalArn": "arn:aws:iam::@1:role/team/R"}}}"#,
                ),
                ..ASK
            },
            "allow",
        ),
    ),
    (
        8,
        Decides(
            Ask {
                caller: "session R@2",
                bucket: Some(
                    r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
                        "Principal": {"AWS": "arn:aws:sts::@2:assumed-role/R/s1"}}"#,
                ),
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        9,
        Decides(
            Ask {
                caller: "user Dan@2",
                bucket: Some(
                    r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
                        "Principal": {"AWS": "arn:aws:iam::@2:root"}}"#,
                ),
                identity: &[ALLOW_ALL],
                ..ASK
            },
            "allow",
        ),
    ),
    // A GetSessionToken session is the user.
    (
        10,
        Decides(
            Ask {
                bucket: Some(BUCKET_ANN),
                keys: &[("aws:TokenIssueTime", V::Date("2026-01-01T00:00:00Z"))],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        11,
        Decides(
            Ask {
                caller: "federated Carol",
                identity: &[ALLOW_ALL],
                session: Some(&[ALLOW_ALL]),
                bucket: Some(
                    r#"{"Effect": "Allow", "Action": "s3:*", "Principal": "*", "Resource": "*"},
                       {"Effect": "Deny", "Action": "s3:*", "Resource": "*",
                        "Principal": {"AWS": "arn:aws:iam::@1:user/token-app"}}"#,
                ),
                ..ASK
            },
            "explicit Resource",
        ),
    ),
    (
        12,
        Decides(
            Ask { caller: "federated Carol", identity: &[ALLOW_S3], ..ASK },
            "implicit Session",
        ),
    ),
    (
        13,
        Decides(
            Ask {
                caller: "federated Carol",
                identity: &[ALLOW_S3],
                bucket: Some(
                    r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*",
                        "Principal": {"AWS": "arn:aws:sts::@1:federated-user/Carol"}}"#,
                ),
                ..ASK
            },
            "allow",
        ),
    ),
    (
        14,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_S3],
                session: Some(&[ALLOW_GET]),
                action: "s3:PutObject",
                ..ASK
            },
            "implicit Session",
        ),
    ),
    (
        15,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_GET],
                session: Some(&[ALLOW_S3]),
                action: "s3:PutObject",
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        16,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_S3],
                session: Some(&[
                    r#"{"Effect": "Allow", "Action": "s3:Get*", "Resource": "*"}"#,
                    r#"{"Effect": "Allow", "Action": "s3:Put*", "Resource": "*"}"#,
                ]),
                action: "s3:PutObject",
                ..ASK
            },
            "allow",
        ),
    ),
    (
        17,
        Decides(
            Ask {
                identity: &[ALLOW_S3],
                scps: Some(&[FULL, &[ALLOW_EC2], FULL]),
                action: "s3:ListBucket",
                ..ASK
            },
            "implicit Scp",
        ),
    ),
    (
        18,
        Decides(
            Ask {
                caller: "root",
                scps: Some(&[
                    FULL,
                    FULL,
                    &[ALLOW_ALL, r#"{"Effect": "Deny", "Action": "iam:*", "Resource": "*"}"#],
                ]),
                action: "iam:CreateUser",
                resource: "arn:aws:iam::@1:user/x",
                ..ASK
            },
            "explicit Scp",
        ),
    ),
    // The management account has no service control policies, whatever is attached above it.
    (19, Decides(Ask { identity: &[ALLOW_S3], scps: None, ..ASK }, "allow")),
    // The policies are those of the caller's account; what 111111111111 has does not bind it.
    (
        20,
        Decides(
            Ask {
                caller: "user Dan@2",
                identity: &[ALLOW_ALL],
                trust: Some(TRUST_TWO),
                scps: Some(&[FULL, FULL]),
                ..ASSUME
            },
            "allow",
        ),
    ),
    (
        21,
        Decides(
            Ask {
                caller: "user Dan@2",
                identity: &[ALLOW_ALL],
                trust: Some(TRUST_TWO),
                rcps: Some(&[&[RCP_FULL], &[RCP_FULL, RCP_ORGANISATION]]),
                ..ASSUME
            },
            "explicit Rcp",
        ),
    ),
    (22, Decides(Ask { trust: Some(TRUST_ANN), ..ASSUME }, "allow")),
    (23, Decides(Ask { trust: Some(TRUST_ONE), ..ASSUME }, "implicit Identity")),
    (
        24,
        Decides(
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
                        "Principal": {"Service": "ec2.amazonaws.com"}}"#,
                ),
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        25,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
                    "Resource": "arn:aws:iam::@1:role/app-*"}"#],
                trust: Some(TRUST_ONE),
                resource: "arn:aws:iam::@1:role/team/app-x",
                ..ASSUME
            },
            "implicit Identity",
        ),
    ),
    (
        26,
        Decides(
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "@1"},
                        "Condition": {"StringEquals": {"sts:ExternalId": "abc"}}}"#,
                ),
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        27,
        Decides(
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "@1"}},
                       {"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS": "*"},
                        "Condition": {"StringNotEquals": {"sts:ExternalId": "abc"}}}"#,
                ),
                ..ASSUME
            },
            "explicit Trust",
        ),
    ),
    // The operation asks for each further action on its own.
    (
        28,
        Decides(
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(TRUST_ANN),
                action: "sts:TagSession",
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        29,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": ["sts:AssumeRole", "sts:TagSession"],
                        "Principal": {"AWS": "arn:aws:iam::@1:role/team/R"}}"#,
                ),
                action: "sts:SetSourceIdentity",
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        30,
        Decides(Ask { identity: &[ALLOW_ALL], trust: Some(MFA_TRUST), ..ASSUME }, "implicit Trust"),
    ),
    (
        31,
        Decides(
            Ask {
                trust: Some(MFA_TRUST),
                keys: &[("aws:MultiFactorAuthPresent", V::Bool(true))],
                ..ASSUME
            },
            "allow",
        ),
    ),
    (
        32,
        Decides(
            Ask {
                caller: "session R",
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "true"}}}"#],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        33,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"BoolIfExists": {"aws:MultiFactorAuthPresent": "false"}}}"#,
                ],
                ..ASK
            },
            "explicit Identity",
        ),
    ),
    (
        34,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"Bool": {"aws:MultiFactorAuthPresent": "false"}}}"#,
                ],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        35,
        Decides(
            Ask {
                caller: "session R",
                identity: &[SELF_SERVICE],
                action: "iam:GetUser",
                resource: "arn:aws:iam::@1:user/Ann",
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        36,
        Decides(
            Ask {
                identity: &[r#"{"Version": "2008-10-17", "Statement": {"Effect": "Allow",
                    "Action": "iam:*", "Resource": "arn:aws:iam::@1:user/${aws:username}"}}"#],
                action: "iam:GetUser",
                resource: "arn:aws:iam::@1:user/Ann",
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        37,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "*",
                    "Resource": "arn:aws:s3:::bucket-${aws:PrincipalTag/team, 'none'}"}"#],
                resource: "arn:aws:s3:::bucket-none",
                ..ASK
            },
            "allow",
        ),
    ),
    (
        38,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition":
                        {"StringNotEquals": {"s3:ExistingObjectTag/T": "${aws:PrincipalTag/T}"}}}"#,
                ],
                keys: &[("s3:ExistingObjectTag/T", V::Text("x"))],
                ..ASK
            },
            "explicit Identity",
        ),
    ),
    (39, Decides(Ask { identity: &[TAG_KEYS], ..ASK }, "allow")),
    (
        40,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition": {
                    "ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]},
                    "Null": {"aws:TagKeys": "false"}}}"#],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        41,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"ForAnyValue:StringEquals": {"aws:TagKeys": ["a"]}}}"#],
                keys: &[("aws:TagKeys", V::List(&["a", "c"]))],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        42,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"ForAnyValue:StringNotEquals": {"aws:TagKeys": ["a"]}}}"#,
                ],
                keys: &[("aws:TagKeys", V::List(&["a", "c"]))],
                ..ASK
            },
            "explicit Identity",
        ),
    ),
    (
        43,
        Decides(
            Ask {
                caller: "user Dan@2",
                owner: TWO,
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"StringNotEquals": {"aws:PrincipalAccount": ["@1", "@2"]}}}"#,
                ],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        44,
        Decides(
            Ask { identity: &[DEPT_HR], keys: &[("aws:PrincipalTag/dept", V::Text("hr"))], ..ASK },
            "allow",
        ),
    ),
    (
        45,
        Decides(
            Ask { identity: &[DEPT_HR], keys: &[("aws:PrincipalTag/Dept", V::Text("HR"))], ..ASK },
            "implicit Identity",
        ),
    ),
    (
        46,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "S3:getobject", "Resource": "*"}"#],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        47,
        Decides(
            Ask {
                identity: &[
                    r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::Bucket/*"}"#,
                ],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        48,
        Decides(
            Ask {
                identity: &[
                    r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/*/z"}"#,
                ],
                resource: "arn:aws:s3:::b/x/y/z",
                ..ASK
            },
            "allow",
        ),
    ),
    (
        49,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/app-?"}}}"#],
                keys: &[("aws:PrincipalArn", V::Text("arn:aws:iam::111111111111:role/app-12"))],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        50,
        Decides(
            Ask {
                caller: "session R",
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Condition":
                    {"ArnEquals": {"aws:PrincipalArn": "arn:aws:sts::@1:assumed-role/R/*"}}}"#],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        51,
        Decides(
            Ask {
                caller: "session R",
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"StringLike": {"aws:userid": "AROAAAAAAAAAAAAAAAAAX:*"}}}"#],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        52,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}"#],
                action: "sts:AssumeRole",
                ..ASK
            },
            "allow",
        ),
    ),
    (
        53,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "NotAction": ["iam:*", "sts:*"], "Resource": "*",
                        "Condition": {"StringNotEquals": {"aws:RequestedRegion": "eu-west-1"}}}"#,
                ],
                action: "iam:GetUser",
                keys: &[("aws:RequestedRegion", V::Text("us-east-1"))],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        54,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "Condition":
                        {"DateLessThan": {"aws:TokenIssueTime": "2030-01-01T00:00:00Z"}}}"#,
                ],
                ..ASK
            },
            "allow",
        ),
    ),
    (
        55,
        Decides(
            Ask {
                caller: "session R",
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"NumericLessThan": {"aws:MultiFactorAuthAge": 3600}}}"#],
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        56,
        Decides(
            Ask {
                caller: "session R",
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"NumericGreaterThan": {"aws:MultiFactorAuthAge": "3600"}}}"#,
                ],
                ..ASK
            },
            "allow",
        ),
    ),
    (57, Decides(Ask { identity: &[BY_SOURCE_IP], ..ASK }, "implicit Identity")),
    (
        58,
        Decides(
            Ask {
                identity: &[
                    ALLOW_ALL,
                    r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                        "Condition": {"NotIpAddress": {"aws:SourceIp": "10.0.0.0/8"}}}"#,
                ],
                keys: &[("aws:SourceIp", V::Ip("192.0.2.7")), ("aws:ViaAWSService", V::Bool(true))],
                ..ASK
            },
            "explicit Identity",
        ),
    ),
    (
        59,
        Decides(
            Ask {
                caller: "user Bob",
                identity: &[ALLOW_ALL],
                bucket: Some(
                    r#"{"Effect": "Deny", "Action": "s3:*", "Resource": "*",
                        "NotPrincipal": {"AWS": "arn:aws:iam::@1:user/Bob"}}"#,
                ),
                ..ASK
            },
            "explicit Resource",
        ),
    ),
    // How a name becomes an id: trust.rs, a_recreated_entity_does_not_inherit_trust.
    (
        60,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
                        "Principal": {"AWS": "AROADELETEDAAAAAAAAAA"}}"#,
                ),
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        61,
        Decides(
            Ask {
                caller: "session R",
                identity: &[ALLOW_ALL],
                trust: Some(TRUST_ANN),
                resource: "arn:aws:iam::@1:role/team/R",
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        62,
        Decides(
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(
                    r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
                        "Principal": {"AWS": "arn:aws:iam::@1:root"},
                        "Condition": {"ArnEquals": {"aws:PrincipalArn": "arn:aws:iam::@1:root"}}}"#,
                ),
                ..ASSUME
            },
            "implicit Trust",
        ),
    ),
    (
        63,
        Decides(
            Ask {
                caller: "session R",
                identity: &[r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*",
                    "Condition": {"Null": {"aws:TokenIssueTime": "true"}}}"#],
                action: "ec2:RunInstances",
                ..ASK
            },
            "implicit Identity",
        ),
    ),
    (
        64,
        Refuses(
            Kind::Identity,
            r#"{"Version": "2012-10-17", "Statement": [
                {"Sid": "A", "Effect": "Allow", "Action": "s3:*", "Resource": "*"},
                {"Sid": "A", "Effect": "Deny", "Action": "iam:*", "Resource": "*"}]}"#,
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ),
    (
        65,
        Decides(
            Ask {
                identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
                    "Condition": {"StringEqualsIfExists": {"ec2:InstanceType": "t3.micro"}}}"#],
                ..ASK
            },
            "allow",
        ),
    ),
];

#[test]
fn the_worked_cases_decide_as_the_reference_says() {
    for (index, (number, case)) in CASES.iter().enumerate() {
        assert_eq!(usize::try_from(*number).unwrap(), index + 1, "a case is missing");
        match case {
            Decides(row, want) => assert_eq!(verdict(&ask(row)), *want, "case {number}"),
            Refuses(kind, text, want) => {
                let fault = Policy::parse(text, *kind).unwrap_err();
                assert_eq!(fault.to_string(), *want, "case {number}");
            }
        }
    }
    assert_eq!(CASES.len(), 65);
}

#[test]
fn positive_counterparts_of_the_denied_cases_are_allowed() {
    // What denies above must not deny for another reason.
    for (row, want) in [
        (Ask { identity: &[ALLOW_ALL], trust: Some(TRUST_ONE), ..ASSUME }, "allow"),
        (Ask { identity: &[ALLOW_S3], bucket: Some(BUCKET_ONE), ..ASK }, "allow"),
        (
            Ask { caller: "session R", boundary: Some(ALLOW_S3), bucket: Some(BUCKET_ROLE), ..ASK },
            "allow",
        ),
        (
            Ask { identity: &[ALLOW_S3], scps: Some(&[FULL, &[ALLOW_EC2, ALLOW_S3]]), ..ASK },
            "allow",
        ),
        (
            Ask {
                identity: &[ALLOW_ALL],
                trust: Some(TRUST_ONE),
                rcps: Some(&[&[RCP_ORGANISATION]]),
                keys: &[("aws:PrincipalOrgID", V::Text("o-example"))],
                ..ASSUME
            },
            "allow",
        ),
        (
            Ask { identity: &[BY_SOURCE_IP], keys: &[("aws:SourceIp", V::Ip("10.9.8.7"))], ..ASK },
            "allow",
        ),
        (
            Ask {
                identity: &[SELF_SERVICE],
                action: "iam:GetUser",
                resource: "arn:aws:iam::@1:user/Ann",
                ..ASK
            },
            "allow",
        ),
        (
            Ask { identity: &[TAG_KEYS], keys: &[("aws:TagKeys", V::List(&["b", "a"]))], ..ASK },
            "allow",
        ),
        (
            Ask { identity: &[TAG_KEYS], keys: &[("aws:TagKeys", V::List(&["b", "c"]))], ..ASK },
            "implicit Identity",
        ),
    ] {
        assert_eq!(verdict(&ask(&row)), want, "{row:?}");
    }
}

/// sts-api reference, 5.4.
#[test]
fn the_clauses_are_those_of_aws() {
    const DENY: &str = r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#;
    const EVERYBODY_DENIED: &str =
        r#"{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}"#;
    let trust_deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "*"}"#;
    let own = Ask { identity: &[ALLOW_ALL], ..ASK };
    let session = Ask { caller: "session R", ..own };
    let assume = Ask { identity: &[ALLOW_ALL], ..ASSUME };
    let implicit = |kind: &str| format!(" because no {kind} allows the s3:GetObject action");
    let explicit = |kind: &str| format!(" with an explicit deny in {kind}");
    for (row, want) in [
        (ASK, implicit("identity-based policy")),
        (Ask { identity: &[ALLOW_ALL, DENY], ..ASK }, explicit("an identity-based policy")),
        // Only across accounts the policy of a resource must allow.
        (Ask { owner: TWO, ..own }, implicit("resource-based policy")),
        (Ask { bucket: Some(EVERYBODY_DENIED), ..own }, explicit("a resource-based policy")),
        (
            Ask { trust: Some(TRUST_TWO), ..assume },
            " because no role trust policy allows the sts:AssumeRole action".to_owned(),
        ),
        // The action is named as it was asked.
        (
            Ask { trust: Some(TRUST_TWO), action: "sts:TagSession", ..assume },
            " because no role trust policy allows the sts:TagSession action".to_owned(),
        ),
        (Ask { trust: Some(trust_deny), ..assume }, explicit("the role trust policy")),
        (Ask { boundary: Some(NOTHING_ELSE), ..own }, implicit("permissions boundary")),
        (Ask { boundary: Some(DENY), ..own }, explicit("a permissions boundary")),
        (Ask { session: Some(&[]), ..session }, implicit("session policy")),
        (Ask { session: Some(&[DENY]), ..session }, explicit("a session policy")),
        (Ask { scps: Some(&[&[]]), ..own }, implicit("service control policy")),
        (Ask { scps: Some(&[&[ALLOW_ALL, DENY]]), ..own }, explicit("a service control policy")),
        (Ask { rcps: Some(&[&[EVERYBODY_DENIED]]), ..own }, explicit("a resource control policy")),
    ] {
        let got = match ask(&row) {
            daypass_policy::Decision::Denied(denial) => denial.clause(row.action),
            daypass_policy::Decision::Allowed => panic!("{row:?}"),
        };
        assert_eq!(got, want, "{row:?}");
    }
}

#[test]
fn version_2008_takes_variables_as_text() {
    let text =
        r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::${"}}"#;
    policy(text, Kind::Identity);
    let row = Ask {
        identity: &[r#"{"Statement": {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:x": "${aws:username}"}}}}"#],
        keys: &[("aws:x", V::Text("${aws:username}"))],
        ..ASK
    };
    assert_eq!(verdict(&ask(&row)), "allow");
}

#[test]
fn explanations_name_the_element_and_the_values() {
    use daypass_policy::{Attached, Layers, Request, explain};

    let text = r#"{
  "Version": "2012-10-17",
  "Statement": [
    {"Sid": "Write", "Effect": "Allow", "Action": "s3:Put*", "Resource": "*"},
    {"Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3:::other/*"},
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
     "Condition": {"StringEquals": {"aws:PrincipalTag/Dept": ["hr", "it"]}}},
    {"Effect": "Allow", "Action": "s3:*", "Resource": "*",
     "Condition": {"Bool": {"aws:SecureTransport": "true"}}},
    {"Effect": "Deny", "Action": "s3:Get*", "Resource": "*",
     "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2030"}}}
  ]
}"#;
    let policy = policy(text, Kind::Identity);
    let principal = crate::fixture::caller("user Ann");
    let keys = [("aws:PrincipalTag/dept", V::Text("HR")), ("aws:TokenIssueTime", V::Text("x"))];
    let context = crate::fixture::context(&principal, &keys);
    let identity = [Attached { name: "home", policy: &policy }];
    let layers = Layers { identity: &identity, ..Layers::default() };
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::bucket/key",
        resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
        context: &context,
    };
    let want = "denied: an explicit deny of identity policies\n\
        identity policies, home, statement 0 (Write), line 4, Allow: \
        Action: s3:GetObject is not covered by \"s3:Put*\"\n\
        identity policies, home, statement 1, line 5, Allow: \
        Resource: arn:aws:s3:::bucket/key is not covered by \"arn:aws:s3:::other/*\"\n\
        identity policies, home, statement 2, line 6, Allow: \
        Condition: StringEquals on aws:PrincipalTag/Dept does not hold: \
        the request has \"HR\", the policy has [\"hr\", \"it\"]\n\
        identity policies, home, statement 3, line 8, Allow: \
        Condition: Bool on aws:SecureTransport does not hold: \
        the key is absent, the policy has \"true\"\n\
        identity policies, home, statement 4, line 10, Deny: matched";
    assert_eq!(explain(&layers, &request).to_string(), want);
}

/// Of a statement that does not match, the explanation shows what was compared.
#[test]
fn explanations_show_what_was_compared() {
    use daypass_policy::{Layers, Request, explain};

    let principal = crate::fixture::caller("session R");
    let keys = [
        ("aws:username", V::Text("A*n")),
        ("test:list", V::List(&["a", "b"])),
        ("test:date", V::Text("no date")),
    ];
    let context = crate::fixture::context(&principal, &keys);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::bucket/key",
        resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
        context: &context,
    };
    let every = r#""Principal": "*", "Action": "*""#;
    let on = |resource: &str| format!(r#"{every}, "Resource": "{resource}""#);
    let when = |condition: &str| format!(r#"{every}, "Resource": "*", "Condition": {condition}"#);
    for (elements, want) in [
        (
            r#""Principal": "*", "Action": ["s3:A*", "s3:B", "s3:C", "s3:D", "s3:E", "s3:F", "s3:G"],
               "Resource": "*""#
                .to_owned(),
            "Action: s3:GetObject is not covered by \"s3:A*\", \"s3:B\", \"s3:C\", \
             \"s3:D\", \"s3:E\" and 2 more",
        ),
        (
            r#""Principal": "*", "NotAction": "s3:*", "Resource": "*""#.to_owned(),
            "Action: s3:GetObject is not covered by NotAction \"s3:*\"",
        ),
        (
            on("arn:aws:s3:::${aws:username}/${aws:PrincipalTag/team}/${test:list}"),
            "Resource: arn:aws:s3:::bucket/key is not covered by \
             \"arn:aws:s3:::${aws:username}/${aws:PrincipalTag/team}/${test:list}\", \
             ${aws:username} is \"A*n\", \
             ${aws:PrincipalTag/team} is nothing: the key is absent, \
             ${test:list} is nothing: the key has many values",
        ),
        (
            on("arn:aws:s3:::${test:none, 'x'}/${AWS:username}/${aws:username}"),
            "Resource: arn:aws:s3:::bucket/key is not covered by \
             \"arn:aws:s3:::${test:none, 'x'}/${AWS:username}/${aws:username}\", \
             ${test:none} is \"x\", ${AWS:username} is \"A*n\"",
        ),
        (
            r#""Principal": {"AWS": ["arn:aws:iam::@1:user/Bob", "@2"],
                "Service": "ec2.amazonaws.com"}, "Action": "*", "Resource": "*""#
                .to_owned(),
            "Principal: arn:aws:sts::111111111111:assumed-role/R/s1 is not named by \
             AWS \"arn:aws:iam::111111111111:user/Bob\", AWS \"222222222222\", \
             Service \"ec2.amazonaws.com\"",
        ),
        (
            r#""NotPrincipal": "*", "Action": "*", "Resource": "*""#.to_owned(),
            "Principal: arn:aws:sts::111111111111:assumed-role/R/s1 is left out by \
             NotPrincipal AWS \"*\"",
        ),
        (
            when(r#"{"StringEquals": {"test:key": ["x", "${aws:username}", "${test:none}"]}}"#),
            "Condition: StringEquals on test:key does not hold: the key is absent, the policy has \
             [\"x\", \"${aws:username}\", \"${test:none}\"], ${aws:username} is \"A*n\", \
             ${test:none} is nothing: the key is absent",
        ),
        (
            when(r#"{"StringLike": {"aws:username": "${aws:userid}"}}"#),
            "Condition: StringLike on aws:username does not hold: the request has \"A*n\", \
             the policy has \"${aws:userid}\", ${aws:userid} is \"AROAAAAAAAAAAAAAAAAAX:s1\"",
        ),
        (
            when(r#"{"DateLessThan": {"test:date": "2030"}}"#),
            "Condition: DateLessThan on test:date cannot be compared: \
             the request has \"no date\", the policy has \"2030\"",
        ),
    ] {
        let text = format!(r#"{{"Effect": "Allow", {elements}}}"#);
        let bucket = policy(&text, Kind::Resource);
        let layers = Layers { resource: Some(&bucket), ..Layers::default() };
        let explanation = explain(&layers, &request).to_string();
        let line = explanation.lines().nth(1).unwrap();
        assert_eq!(line.split_once("Allow: ").unwrap().1, want, "{text}");
    }
    // In the older language a variable is text.
    let old = format!(
        r#"{{"Statement": {{"Effect": "Allow", {}}}}}"#,
        on("arn:aws:s3:::${aws:username}")
    );
    let bucket = Policy::parse(&old, Kind::Resource).unwrap();
    let layers = Layers { resource: Some(&bucket), ..Layers::default() };
    let explanation = explain(&layers, &request).to_string();
    assert!(explanation.ends_with("by \"arn:aws:s3:::${aws:username}\""), "{explanation}");
}

#[test]
fn explanations_tell_whom_a_pinned_principal_means() {
    use daypass_names::UniqueId;
    use daypass_policy::{Layers, Request, explain};

    let principal = crate::fixture::caller("session R");
    let context = crate::fixture::context(&principal, &[]);
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111111111111:role/target",
        resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
        context: &context,
    };
    let mut trust = policy(
        r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS":
            ["arn:aws:iam::@1:role/team/R", "arn:aws:iam::@1:user/Ann"]}}"#,
        Kind::Trust,
    );
    let other = UniqueId::parse("AROAAAAAAAAAAAAAAAAAY").unwrap();
    trust.pin_principals(|arn| arn.resource().starts_with("role/").then_some(other));
    let layers = Layers { trust: Some(&trust), ..Layers::default() };
    let explanation = explain(&layers, &request).to_string();
    let want = "is not named by AWS \"arn:aws:iam::111111111111:role/team/R\" \
                (which is AROAAAAAAAAAAAAAAAAAY), \
                AWS \"arn:aws:iam::111111111111:user/Ann\" (who does not exist)";
    assert!(explanation.ends_with(want), "{explanation}");
}
