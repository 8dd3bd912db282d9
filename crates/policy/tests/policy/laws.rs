//! Laws that hold for all policies and requests.

use daypass_policy::{Context, Decision, Kind, Layers, Policy, Request, decide};
use proptest::prelude::*;

use crate::fixture::{ONE, TWO, account, attach, caller, decide_without_allocating};

const CALLERS: [&str; 9] = [
    "user Ann",
    "user Ann@2",
    "session R",
    "session R@2",
    "federated Carol",
    "root",
    "service ec2.amazonaws.com",
    "anonymous",
    "provider accounts.google.com",
];

fn one_of(texts: &'static [&'static str]) -> impl Strategy<Value = String> {
    proptest::sample::select(texts).prop_map(str::to_owned)
}

fn condition() -> impl Strategy<Value = String> {
    one_of(&[
        "{}",
        r#"{"StringEquals": {"test:key": "a"}}"#,
        r#"{"StringNotEquals": {"test:key": ["a", "b"]}}"#,
        r#"{"StringLikeIfExists": {"test:key": "a*"}}"#,
        r#"{"ForAllValues:StringLike": {"test:list": ["a*", "b"]}}"#,
        r#"{"ForAnyValue:StringNotEquals": {"test:list": "a"}}"#,
        r#"{"NumericLessThan": {"test:key": 5}}"#,
        r#"{"Null": {"test:key": "true"}}"#,
        r#"{"StringEquals": {"test:key": "${test:other}"}}"#,
    ])
}

fn statement(effect: &'static [&'static str]) -> impl Strategy<Value = String> {
    let action = one_of(&[
        r#""Action": "*""#,
        r#""Action": "s3:Get*""#,
        r#""Action": ["s3:PutObject", "sts:AssumeRole"]"#,
        r#""NotAction": "s3:Get*""#,
        r#""NotAction": ["sts:*", "iam:*"]"#,
    ]);
    let resource = one_of(&[
        r#""Resource": "*""#,
        r#""Resource": "arn:aws:s3:::b/*""#,
        r#""Resource": ["arn:aws:s3:::b/${test:key}", "arn:aws:iam::*:role/*"]"#,
        r#""NotResource": "arn:aws:s3:::b/a*""#,
    ]);
    (one_of(effect), action, resource, condition()).prop_map(
        |(effect, action, resource, condition)| {
            format!(r#"{{"Effect": "{effect}", {action}, {resource}, "Condition": {condition}}}"#)
        },
    )
}

fn trust_statement(effect: &'static [&'static str]) -> impl Strategy<Value = String> {
    let action = one_of(&["*", "sts:*", "sts:AssumeRole", "sts:TagSession"]);
    let principal = one_of(&[
        r#""*""#,
        r#"{"AWS": "111111111111"}"#,
        r#"{"AWS": "arn:aws:iam::222222222222:root"}"#,
        r#"{"AWS": "arn:aws:iam::111111111111:user/Ann"}"#,
        r#"{"AWS": ["arn:aws:iam::111111111111:role/team/R", "AROAAAAAAAAAAAAAAAAAX"]}"#,
        r#"{"AWS": "arn:aws:sts::111111111111:assumed-role/R/s1"}"#,
        r#"{"AWS": "arn:aws:iam::111111111111:user/token-app"}"#,
        r#"{"Service": "ec2.amazonaws.com", "Federated": "accounts.google.com"}"#,
    ]);
    (one_of(effect), principal, action, condition()).prop_map(
        |(effect, principal, action, condition)| {
            format!(
                r#"{{"Effect": "{effect}", "Principal": {principal}, "Action": "{action}",
                    "Condition": {condition}}}"#
            )
        },
    )
}

const BOTH: &[&str] = &["Allow", "Deny"];
const ALLOW: &[&str] = &["Allow"];
const DENY: &[&str] = &["Deny"];

#[derive(Clone, Debug)]
struct World {
    identity: Vec<String>,
    session: Option<Vec<String>>,
    trust: Option<Vec<String>>,
    caller: &'static str,
    action: &'static str,
    resource: &'static str,
    key: Option<&'static str>,
    list: Vec<&'static str>,
    resource_account: &'static str,
}

fn world() -> impl Strategy<Value = World> {
    use proptest::{collection::vec, option, sample::select};
    (
        vec(statement(BOTH), 0..4),
        option::of(vec(statement(BOTH), 0..3)),
        option::of(vec(trust_statement(BOTH), 0..3)),
        select(&CALLERS[..]),
        select(&["s3:GetObject", "s3:PutObject", "sts:AssumeRole", "sts:TagSession"][..]),
        select(
            &["*", "arn:aws:s3:::b/a", "arn:aws:s3:::b/*", "arn:aws:iam::111111111111:role/x"][..],
        ),
        option::of(select(&["a", "b", "", "4", "*"][..])),
        vec(select(&["a", "b", "c", ""][..]), 0..3),
        select(&[ONE, TWO][..]),
    )
        .prop_map(
            |(identity, session, trust, caller, action, resource, key, list, resource_account)| {
                World {
                    identity,
                    session,
                    trust,
                    caller,
                    action,
                    resource,
                    key,
                    list,
                    resource_account,
                }
            },
        )
}

impl World {
    fn is_allowed(&self) -> bool {
        let parse = |statements: &Vec<String>, kind| match statements.is_empty() {
            true => Policy::empty(kind),
            false => {
                let statements = statements.join(",");
                let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{statements}]}}"#);
                Policy::parse(&text, kind).unwrap()
            }
        };
        let identity = [parse(&self.identity, Kind::Identity)];
        let identity = attach(&identity);
        let session = self.session.as_ref().map(|s| [parse(s, Kind::Session)]);
        let session = session.as_ref().map(|policies| attach(policies));
        let trust = self.trust.as_ref().map(|t| parse(t, Kind::Trust));
        let layers = Layers {
            identity: &identity,
            session: session.as_deref(),
            trust: trust.as_ref(),
            ..Layers::default()
        };
        let mut context = Context::new();
        if let Some(key) = self.key {
            context.insert("test:key", key);
            context.insert("test:other", key);
        }
        context.insert_list("test:list", self.list.iter().map(|v| (*v).into()).collect());
        let request = Request {
            principal: caller(self.caller),
            action: self.action,
            resource: self.resource,
            resource_account: Some(account(self.resource_account)),
            context: &context,
        };
        let decision = decide_without_allocating(&layers, &request);
        assert_eq!(daypass_policy::explain(&layers, &request).decision, decision);
        decision == Decision::Allowed
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn adding_an_allow_never_revokes(world in world(), more in statement(ALLOW), trust in trust_statement(ALLOW)) {
        let mut wider = world.clone();
        wider.identity.push(more.clone());
        if let Some(session) = &mut wider.session {
            session.push(more);
        }
        if let Some(statements) = &mut wider.trust {
            statements.push(trust);
        }
        prop_assert!(!world.is_allowed() || wider.is_allowed());
    }

    #[test]
    fn adding_a_deny_never_grants(world in world(), more in statement(DENY), trust in trust_statement(DENY), layer in 0..3) {
        let mut narrower = world.clone();
        match (layer, &mut narrower) {
            (0, World { session: Some(session), .. }) => session.push(more),
            (1, World { trust: Some(statements), .. }) => statements.push(trust),
            (_, World { identity, .. }) => identity.push(more),
        }
        prop_assert!(world.is_allowed() || !narrower.is_allowed());
    }

    #[test]
    fn a_session_policy_never_widens(world in world(), session in proptest::collection::vec(statement(BOTH), 0..3)) {
        // A federated user without a session policy has nothing to be narrowed.
        prop_assume!(!world.caller.starts_with("federated"));
        let unbounded = World { session: None, ..world.clone() };
        let bounded = World { session: Some(session), ..world };
        prop_assert!(unbounded.is_allowed() || !bounded.is_allowed());
    }

    #[test]
    fn nobody_outside_the_trust_policy_assumes_a_role(world in world()) {
        let untrusted = World { trust: Some(vec![]), ..world };
        prop_assert!(!untrusted.is_allowed());
    }

    #[test]
    fn the_order_of_statements_does_not_matter(world in world()) {
        let mut reversed = world.clone();
        reversed.identity.reverse();
        for statements in [&mut reversed.session, &mut reversed.trust].into_iter().flatten() {
            statements.reverse();
        }
        prop_assert_eq!(world.is_allowed(), reversed.is_allowed());
    }

    #[test]
    fn parsing_never_panics_on_bytes(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let text = String::from_utf8_lossy(&bytes);
        for kind in [Kind::Identity, Kind::Session, Kind::Trust] {
            let stored = Policy::parse_stored(&text, kind);
            prop_assert_eq!(stored.fault().is_none(), Policy::parse(&text, kind).is_ok());
        }
    }

    #[test]
    fn parsing_never_panics_on_what_looks_like_a_policy(
        pieces in proptest::collection::vec(one_of(&[
            "{", "}", "[", "]", ",", ":", "\"", "\\", "\\u00", "\\ud800", "é", "$", "${", "*", "0", "-", "1e",
            "\"Statement\":", "\"Effect\":\"Allow\"", "\"Action\":", "\"Resource\":", "\"Principal\":",
            "\"Condition\":", "\"DateLessThan\":", "\"aws:x\":", "\"${aws:x, 'y'}\"", "\"s3:*\"",
            "\"arn:aws:iam::111111111111:role/x\"", "\"2024-\"", "\"AWS\":", "null", " ",
        ]), 0..40)
    ) {
        let text = pieces.concat();
        for kind in [Kind::Identity, Kind::Session, Kind::Trust] {
            if let Err(fault) = Policy::parse(&text, kind) {
                prop_assert!(fault.position().line >= 1 && fault.position().column >= 1);
            }
        }
    }

    /// Damage to one place of a good document never panics, and what still parses is decided.
    #[test]
    fn damaged_documents_never_panic(world in world(), at in any::<prop::sample::Index>(), c in any::<char>()) {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": [{}]}}"#, world.identity.join(","));
        let mut chars: Vec<char> = text.chars().collect();
        let at = at.index(chars.len());
        chars[at] = c;
        let text: String = chars.into_iter().collect();
        let _ = Policy::parse_stored(&text, Kind::Identity);
    }
}

#[test]
fn hostile_sizes_are_refused_or_finish() {
    let stars = "*a".repeat(200);
    let text = format!(
        r#"{{"Statement": {{"Effect": "Allow", "Action": "s3:*",
            "Resource": ["arn:aws:s3:::{stars}b", "arn:aws:svc:x{stars}:y{stars}:{stars}b:c"]}}}}"#
    );
    let policies = [Policy::parse(&text, Kind::Identity).unwrap()];
    let attached = attach(&policies);
    let layers = Layers { identity: &attached, ..Layers::default() };
    let context = Context::new();
    for resource in [
        format!("arn:aws:s3:::{}", "a".repeat(2000)),
        format!("arn:aws:svc:x{}", "a:".repeat(1000)),
    ] {
        let request = Request {
            principal: caller("user Ann"),
            action: "s3:GetObject",
            resource: &resource,
            resource_account: None,
            context: &context,
        };
        assert_ne!(decide(&layers, &request), Decision::Allowed);
    }
    for hostile in
        ["[".repeat(100_000), "{\"a\":".repeat(20_000), "\"".to_owned() + &"\\u0041".repeat(20_000)]
    {
        assert!(Policy::parse(&hostile, Kind::Identity).is_err());
    }
    // Many keys in one object take no quadratic time.
    let keys: Vec<_> = (0..8000).map(|n| format!("\"a:{n}\":[]")).collect();
    let text = format!(
        r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {{"StringEquals": {{{}}}}}}}}}"#,
        keys.join(",")
    );
    assert!(Policy::parse(&text, Kind::Identity).is_ok());
}
