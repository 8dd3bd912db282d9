//! Federated users that the root user made: their session policies bound them and nothing else of
//! their own does. Reference, sections 4.1 and 4.2.

use crate::fixture::{ASK, Ask, ask, verdict};

const ALLOW_ALL: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const ALLOW_EC2: &str = r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}"#;
const DENY_ALL: &str = r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#;
const BUCKET: &str = r#""Action": "s3:GetObject", "Resource": "arn:aws:s3:::bucket/*""#;

/// A statement of a bucket policy.
fn bucket(effect: &str, principal: &str) -> &'static str {
    format!(r#"{{"Effect": "{effect}", {principal}, {BUCKET}}}"#).leak()
}

#[test]
fn the_session_policies_decide() {
    let carol = r#""Principal": {"AWS": "arn:aws:sts::@1:federated-user/Carol"}"#;
    let account = r#""Principal": {"AWS": "arn:aws:iam::@1:root"}"#;
    let but_carol = r#""NotPrincipal": {"AWS": ["arn:aws:sts::@1:federated-user/Carol",
        "arn:aws:iam::@1:root"]}"#;
    let but_account = r#""NotPrincipal": {"AWS": "arn:aws:iam::@1:root"}"#;
    let carols = Ask { caller: "rootmade Carol", ..ASK };
    for (what, row, want) in [
        ("no session policy", carols, "implicit Session"),
        ("an empty set", Ask { session: Some(&[]), ..carols }, "implicit Session"),
        ("one that allows", Ask { session: Some(&[ALLOW_ALL]), ..carols }, "allow"),
        ("another", Ask { session: Some(&[ALLOW_EC2]), ..carols }, "implicit Session"),
        (
            "identity policies and boundaries are nobody's",
            Ask {
                identity: &[DENY_ALL],
                boundary: Some(DENY_ALL),
                session: Some(&[ALLOW_ALL]),
                ..carols
            },
            "allow",
        ),
        ("named", Ask { bucket: Some(bucket("Allow", carol)), ..carols }, "allow"),
        (
            "the account is named",
            Ask { bucket: Some(bucket("Allow", account)), ..carols },
            "implicit Session",
        ),
        (
            "a Deny of the root user is one of the account",
            Ask { session: Some(&[ALLOW_ALL]), bucket: Some(bucket("Deny", account)), ..carols },
            "explicit Resource",
        ),
        (
            "left out of a Deny by both names",
            Ask { session: Some(&[ALLOW_ALL]), bucket: Some(bucket("Deny", but_carol)), ..carols },
            "allow",
        ),
        (
            "left out by one",
            Ask {
                session: Some(&[ALLOW_ALL]),
                bucket: Some(bucket("Deny", but_account)),
                ..carols
            },
            "explicit Resource",
        ),
    ] {
        assert_eq!(verdict(&ask(&row)), want, "{what}");
    }
}
