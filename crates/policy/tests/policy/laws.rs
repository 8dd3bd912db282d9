//! Laws that hold for all policies and requests.

use daypass_policy::{Context, Decision, Kind, Layers, Policy, Request, decide};
use proptest::prelude::*;

use crate::fixture::{ONE, TWO, account, attach, attach_levels, caller, decide_without_allocating};

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

/// The same principals, and resources.
fn bucket_statement(effect: &'static [&'static str]) -> impl Strategy<Value = String> {
    (trust_statement(effect), any::<bool>()).prop_map(|(statement, is_star)| {
        let resource = if is_star { "*" } else { "arn:aws:s3:::b/*" };
        let (start, end) = statement.rsplit_once('}').unwrap();
        let action = if is_star { "s3:*" } else { "s3:GetObject" };
        format!("{start}, \"Resource\": \"{resource}\"}}{end}").replace("sts:AssumeRole", action)
    })
}

fn rcp_statement() -> impl Strategy<Value = String> {
    (one_of(&["s3:PutObject", "sts:*", "ec2:*"]), condition()).prop_map(|(action, condition)| {
        format!(
            r#"{{"Effect": "Deny", "Principal": "*", "Action": "{action}", "Resource": "*",
                "Condition": {condition}}}"#
        )
    })
}

const ALL: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const BOTH: &[&str] = &["Allow", "Deny"];
const ALLOW: &[&str] = &["Allow"];
const DENY: &[&str] = &["Deny"];

#[derive(Clone, Debug, Default)]
struct World {
    identity: Vec<String>,
    session: Option<Vec<String>>,
    trust: Option<Vec<String>>,
    boundary: Option<Vec<String>>,
    bucket: Option<Vec<String>>,
    /// The statements of each level.
    scps: Option<Vec<Vec<String>>>,
    rcps: Option<Vec<Vec<String>>>,
    caller: &'static str,
    action: &'static str,
    resource: &'static str,
    key: Option<&'static str>,
    list: Vec<&'static str>,
    resource_account: &'static str,
    /// The text of the identity policy, if it is not that of the statements.
    text: Option<String>,
}

/// The policies of a request; more often than not there is no more than one beside identity
/// policies, or nearly nothing would be allowed.
fn layers() -> impl Strategy<Value = World> {
    use proptest::{
        collection::vec,
        option::{self, weighted},
    };
    let scp = vec(prop_oneof![1 => statement(BOTH), 2 => Just(ALL.to_owned())], 1..3);
    (
        vec(prop_oneof![3 => statement(BOTH), 1 => Just(ALL.to_owned())], 0..4),
        option::of(vec(statement(BOTH), 0..3)),
        option::of(vec(trust_statement(BOTH), 0..3)),
        weighted(0.3, vec(statement(BOTH), 0..3)),
        weighted(0.3, vec(bucket_statement(BOTH), 0..3)),
        weighted(0.2, vec(scp, 0..3)),
        weighted(0.2, vec(vec(rcp_statement(), 0..2), 0..3)),
    )
        .prop_map(|(identity, session, trust, boundary, bucket, scps, rcps)| World {
            identity,
            session,
            trust,
            boundary,
            bucket,
            scps,
            rcps,
            ..World::default()
        })
}

fn world() -> impl Strategy<Value = World> {
    use proptest::{collection::vec, option, sample::select};
    (
        layers(),
        select(&CALLERS[..]),
        select(&["s3:GetObject", "s3:PutObject", "sts:AssumeRole", "sts:TagSession"][..]),
        select(
            &["*", "arn:aws:s3:::b/a", "arn:aws:s3:::b/*", "arn:aws:iam::111111111111:role/x"][..],
        ),
        option::of(select(&["a", "b", "", "4", "*"][..])),
        vec(select(&["a", "b", "c", ""][..]), 0..3),
        select(&[ONE, TWO][..]),
    )
        .prop_map(|(layers, caller, action, resource, key, list, resource_account)| World {
            caller,
            action,
            resource,
            key,
            list,
            resource_account,
            ..layers
        })
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
        let identity = match &self.text {
            Some(text) => [Policy::parse_stored(text, Kind::Identity)],
            None => [parse(&self.identity, Kind::Identity)],
        };
        let identity = attach(&identity);
        let session = self.session.as_ref().map(|s| [parse(s, Kind::Session)]);
        let session = session.as_ref().map(|policies| attach(policies));
        let trust = self.trust.as_ref().map(|t| parse(t, Kind::Trust));
        let boundary = self.boundary.as_ref().map(|b| parse(b, Kind::Boundary));
        let bucket = self.bucket.as_ref().map(|b| parse(b, Kind::Resource));
        let levels = |levels: &Option<Vec<Vec<String>>>, kind| -> Option<Vec<Vec<Policy>>> {
            let level = |statements| vec![parse(statements, kind)];
            levels.as_ref().map(|levels| levels.iter().map(level).collect())
        };
        let (scps, rcps) = (levels(&self.scps, Kind::Scp), levels(&self.rcps, Kind::Rcp));
        let (scps, rcps) = (scps.as_deref().map(attach_levels), rcps.as_deref().map(attach_levels));
        let scps: Option<Vec<&[_]>> = scps.as_ref().map(|s| s.iter().map(Vec::as_slice).collect());
        let rcps: Option<Vec<&[_]>> = rcps.as_ref().map(|s| s.iter().map(Vec::as_slice).collect());
        let layers = Layers {
            identity: &identity,
            boundary: boundary.as_ref(),
            session: session.as_deref(),
            trust: trust.as_ref(),
            resource: bucket.as_ref(),
            scps: scps.as_deref(),
            rcps: rcps.as_deref(),
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
    fn adding_an_allow_never_revokes(world in world(), more in statement(ALLOW), trust in trust_statement(ALLOW), bucket in bucket_statement(ALLOW)) {
        let own = more.clone();
        let mut wider = world.clone();
        wider.identity.push(more.clone());
        if let Some(session) = &mut wider.session {
            session.push(more);
        }
        if let Some(statements) = &mut wider.trust {
            statements.push(trust);
        }
        if let Some(statements) = &mut wider.bucket {
            statements.push(bucket);
        }
        for statements in wider.boundary.iter_mut().chain(wider.scps.iter_mut().flatten()) {
            statements.push(own.clone());
        }
        prop_assert!(!world.is_allowed() || wider.is_allowed());
    }

    #[test]
    fn adding_a_deny_never_grants(world in world(), more in statement(DENY), trust in trust_statement(DENY), (bucket, rcp) in (bucket_statement(DENY), rcp_statement()), layer in 0..7) {
        let mut narrower = world.clone();
        match (layer, &mut narrower) {
            (0, World { session: Some(session), .. }) => session.push(more),
            (1, World { trust: Some(statements), .. }) => statements.push(trust),
            (2, World { boundary: Some(statements), .. }) => statements.push(more),
            (3, World { bucket: Some(statements), .. }) => statements.push(bucket),
            (4, World { scps: Some(levels), .. }) if !levels.is_empty() => levels[0].push(more),
            (5, World { rcps: Some(levels), .. }) => levels.push(vec![rcp]),
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
    fn a_boundary_never_widens(world in world(), boundary in proptest::collection::vec(statement(BOTH), 0..3)) {
        let unbounded = World { boundary: None, ..world.clone() };
        let bounded = World { boundary: Some(boundary), ..world };
        prop_assert!(unbounded.is_allowed() || !bounded.is_allowed());
    }

    #[test]
    fn an_organisation_never_widens(
        world in world(),
        level in proptest::collection::vec(statement(BOTH), 0..3),
        rcp in rcp_statement(),
    ) {
        let outside = World { scps: None, rcps: None, ..world.clone() };
        for (scps, rcps) in [(Some(vec![level.clone()]), None), (None, Some(vec![vec![rcp]]))] {
            let within = World { scps, rcps, ..world.clone() };
            prop_assert!(outside.is_allowed() || !within.is_allowed());
        }
        // Nor does one more level.
        let mut deeper = world.clone();
        if let Some(levels) = &mut deeper.scps {
            levels.push(level);
            prop_assert!(world.scps == Some(vec![]) || world.is_allowed() || !deeper.is_allowed());
        }
    }

    /// The policy of a resource adds to what identity policies allow in the account, and takes
    /// from it across accounts.
    #[test]
    fn a_resource_policy_grants_to_no_stranger_alone(world in world()) {
        let Some(own) = caller(world.caller).account() else { return Ok(()) };
        let resource_account = if own == account(ONE) { TWO } else { ONE };
        let world = World { trust: None, resource_account, ..world };
        let alone = World { identity: vec![], ..world.clone() };
        prop_assert!(world.caller.starts_with("root") || !alone.is_allowed());
        let without = World { bucket: None, ..world };
        prop_assert!(!without.is_allowed());
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
        let World { session, trust, boundary, bucket, .. } = &mut reversed;
        for statements in [session, trust, boundary, bucket].into_iter().flatten() {
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
        let readable = Policy::parse_stored(&text, Kind::Identity).fault().is_none();
        let damaged = World { text: Some(text), ..world };
        let is_allowed = damaged.is_allowed();
        // What cannot be read denies whom it applies to.
        let applies = ["user", "session", "federated"].iter().any(|kind| damaged.caller.starts_with(kind));
        prop_assert!(readable || !applies || !is_allowed);
    }
}

#[test]
fn hostile_sizes_are_refused_or_finish() {
    // How many steps that takes is counted beside the matcher.
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
    // Many keys in one object.
    let keys: Vec<_> = (0..8000).map(|n| format!("\"a:{n}\":[]")).collect();
    let text = format!(
        r#"{{"Statement": {{"Effect": "Deny", "Action": "*", "Resource": "*",
            "Condition": {{"StringEquals": {{{}}}}}}}}}"#,
        keys.join(",")
    );
    assert!(Policy::parse(&text, Kind::Identity).is_ok());
}
