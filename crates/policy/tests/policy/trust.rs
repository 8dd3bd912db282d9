//! Who may assume a role: tables 4.2 and 5 of the policy reference, and pinning.

use daypass_names::UniqueId;
use daypass_policy::{Decision, Kind, Layers, Policy, Request, decide};

use crate::fixture::{
    ASSUME, Ask, ONE, ROLE_ID, account, ask, attach, caller, context, fill, policy, user_id,
    verdict,
};

const ALLOW: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const ANYONE: &str =
    r#"{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}"#;
const ROLE: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::@1:role/team/R"},
    "Action": "sts:AssumeRole"}"#;
const ROLE_BY_ID: &str = r#"{"Effect": "Allow", "Principal": {"AWS": "AROAAAAAAAAAAAAAAAAAX"},
    "Action": "sts:AssumeRole"}"#;
const SESSION: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:sts::@1:assumed-role/R/s1"}}"#;
const OTHER_SESSION: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:sts::@1:assumed-role/R/s2"}}"#;
const ACCOUNT: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"AWS": ["arn:aws:iam::@1:root", "@2"]}}"#;
const TWO_USER: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:iam::@2:user/Dan"}}"#;
const CREATOR: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"AWS": "arn:aws:iam::@1:user/token-app"}}"#;
const SERVICE: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
    "Principal": {"Service": ["lambda.amazonaws.com", "ec2.amazonaws.com"]}}"#;
const PROVIDER: &str = r#"{"Effect": "Allow", "Action": "sts:AssumeRoleWithSAML",
    "Principal": {"Federated": "arn:aws:iam::111111111111:saml-provider/P"}}"#;
const NOBODY: &str = r#"{"Effect": "Deny", "Principal": "*", "Action": "sts:TagSession"}"#;

#[test]
fn how_a_trust_policy_names_the_caller_says_what_else_must_allow() {
    const NONE: &[&str] = &[];
    const ALL: &[&str] = &[ALLOW];
    // caller, identity, session, trust, want
    type Row = (
        &'static str,
        &'static [&'static str],
        Option<&'static [&'static str]>,
        &'static str,
        &'static str,
    );
    const ROWS: &[Row] = &[
        ("session R", NONE, None, ROLE, "allow"),
        ("session R", NONE, None, ROLE_BY_ID, "allow"),
        ("session R", NONE, Some(NONE), ROLE, "implicit Identity"),
        ("session R", ALL, Some(NONE), ROLE, "implicit Session"),
        ("session R", NONE, Some(ALL), ROLE, "allow"),
        ("session R", NONE, Some(NONE), SESSION, "allow"),
        ("session R", NONE, Some(NONE), OTHER_SESSION, "implicit Identity"),
        ("session R", NONE, Some(NONE), ANYONE, "allow"),
        ("session R", NONE, None, ACCOUNT, "implicit Identity"),
        ("session R", ALL, None, ACCOUNT, "allow"),
        ("session R", ALL, Some(NONE), ACCOUNT, "implicit Session"),
        ("user Ann", NONE, None, ANYONE, "allow"),
        ("user Ann", ALL, None, ROLE, "implicit Trust"),
        // From another account both sides are needed, however direct the name.
        ("user Dan@2", NONE, None, ANYONE, "implicit Identity"),
        ("user Dan@2", ALL, None, ANYONE, "allow"),
        ("user Dan@2", NONE, None, TWO_USER, "implicit Identity"),
        ("user Dan@2", ALL, None, TWO_USER, "allow"),
        ("user Dan@2", ALL, None, ACCOUNT, "allow"),
        ("user Eve@2", ALL, None, TWO_USER, "implicit Trust"),
        ("session R@2", ALL, Some(NONE), ANYONE, "implicit Session"),
        // The root user needs no identity policy.
        ("root", NONE, None, ACCOUNT, "allow"),
        ("root@2", NONE, None, ACCOUNT, "allow"),
        ("root", NONE, None, ROLE, "implicit Trust"),
        // A federated user has what its creator's name and its session policy both give.
        ("federated Carol", NONE, None, CREATOR, "implicit Identity"),
        ("federated Carol", ALL, None, CREATOR, "implicit Session"),
        ("federated Carol", NONE, Some(ALL), CREATOR, "allow"),
        ("service ec2.amazonaws.com", NONE, None, SERVICE, "allow"),
        ("service s3.amazonaws.com", NONE, None, SERVICE, "implicit Trust"),
        ("service ec2.amazonaws.com", NONE, None, ACCOUNT, "implicit Trust"),
        ("anonymous", NONE, None, ANYONE, "allow"),
        ("anonymous", NONE, None, ACCOUNT, "implicit Trust"),
        (
            "provider arn:aws:iam::111111111111:saml-provider/P",
            NONE,
            None,
            PROVIDER,
            "implicit Trust",
        ),
    ];
    for (index, &(caller, identity, session, trust, want)) in ROWS.iter().enumerate() {
        let row = Ask { caller, identity, session, trust: Some(trust), ..ASSUME };
        assert_eq!(verdict(&ask(&row)), want, "row {index}: {row:?}");
    }
    let saml = Ask {
        caller: "provider arn:aws:iam::111111111111:saml-provider/P",
        trust: Some(PROVIDER),
        action: "sts:AssumeRoleWithSAML",
        ..ASSUME
    };
    assert_eq!(verdict(&ask(&saml)), "allow");
    let other = Ask { caller: "provider arn:aws:iam::111111111111:saml-provider/Q", ..saml };
    assert_eq!(verdict(&ask(&other)), "implicit Trust");
}

/// UNC6426: the statement that lets in whoever a provider has proven names the provider.
#[test]
fn unc6426_everyone_is_nobody_whom_a_provider_has_proven() {
    const SAML: &str = "provider arn:aws:iam::111111111111:saml-provider/P";
    const OIDC: &str =
        "provider arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com";
    for (caller, action) in [
        (SAML, "sts:AssumeRoleWithSAML"),
        (OIDC, "sts:AssumeRoleWithWebIdentity"),
        ("provider accounts.google.com", "sts:AssumeRoleWithWebIdentity"),
    ] {
        let provider = caller.strip_prefix("provider ").unwrap();
        let own = format!(r#"{{"Federated": "{provider}"}}"#);
        let both = format!(r#"{{"AWS": "*", "Federated": "{provider}"}}"#);
        for (principal, want) in [
            (r#""*""#, "implicit Trust"),
            (r#"{"AWS": "*"}"#, "implicit Trust"),
            (r#"{"AWS": ["*", "@1"]}"#, "implicit Trust"),
            (r#"{"AWS": "*", "Federated": "other.example.com"}"#, "implicit Trust"),
            (&own, "allow"),
            (&both, "allow"),
        ] {
            let allow = |action: &str| {
                format!(r#"{{"Effect": "Allow", "Principal": {principal}, "Action": "{action}"}}"#)
            };
            for allowed in [action, "sts:*"] {
                assert_eq!(trusted(caller, action, &allow(allowed)), want, "{caller} {principal}");
            }
            // A Deny of everyone holds for everyone.
            for everyone in [r#""*""#, r#"{"AWS": "*"}"#] {
                let deny =
                    format!(r#"{{"Effect": "Deny", "Principal": {everyone}, "Action": "sts:*"}}"#);
                let trust = format!("{}, {deny}", allow(action));
                assert_eq!(trusted(caller, action, &trust), "explicit Trust", "{trust}");
            }
        }
    }
}

/// What a trust policy says to a caller without any other policy.
fn trusted(caller: &'static str, action: &'static str, trust: &str) -> String {
    let trust: &'static str = trust.to_owned().leak();
    verdict(&ask(&Ask { caller, action, trust: Some(trust), ..ASSUME }))
}

#[test]
fn without_a_trust_policy_only_identity_policies_grant() {
    for (caller, want) in [
        ("user Ann", "allow"),
        ("root", "allow"),
        ("service ec2.amazonaws.com", "implicit Resource"),
        ("anonymous", "implicit Resource"),
        ("federated Carol", "implicit Session"),
    ] {
        let row = Ask { caller, identity: &[ALLOW], trust: None, ..ASSUME };
        assert_eq!(verdict(&ask(&row)), want, "{caller}");
    }
}

/// Decides sts:AssumeRole of a caller with the given trust policy, and without identity policies
/// unless `ALLOW` is given.
fn assume(name: &'static str, identity: &[&str], trust: &Policy) -> Decision {
    let principal = caller(name);
    let context = context(&principal, &[]);
    let identity: Vec<_> = identity.iter().map(|text| policy(text, Kind::Identity)).collect();
    let identity = attach(&identity);
    let layers = Layers { identity: &identity, trust: Some(trust), ..Layers::default() };
    let resource = fill(ASSUME.resource);
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: &resource,
        resource_account: Some(account(ONE)),
        context: &context,
    };
    decide(&layers, &request)
}

#[test]
fn a_denial_does_not_tell_whether_the_role_exists() {
    let missing = Policy::empty(Kind::Trust);
    let deny = r#"{"Effect": "Deny", "Principal": "*", "Action": "*"}"#;
    for caller in ["user Ann", "user Dan@2", "session R", "federated Carol"] {
        for trust in [ACCOUNT, NOBODY, deny] {
            let trust = policy(trust, Kind::Trust);
            assert_eq!(assume(caller, &[], &trust), assume(caller, &[], &missing), "{caller}");
        }
        // Who may assume it learns which layer refuses, and that is the same layer.
        let refused = policy(NOBODY, Kind::Trust);
        assert_eq!(assume(caller, &[ALLOW], &refused), assume(caller, &[ALLOW], &missing));
    }
}

#[test]
fn a_recreated_entity_does_not_inherit_trust() {
    let trust = r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": [
        "arn:aws:iam::@1:user/Ann", "arn:aws:iam::@1:role/team/R"]}}"#;
    let unpinned = policy(trust, Kind::Trust);
    assert_eq!(assume("user Ann", &[], &unpinned), Decision::Allowed);
    assert_eq!(assume("session R", &[], &unpinned), Decision::Allowed);

    let mut pinned = policy(trust, Kind::Trust);
    let mut asked = Vec::new();
    pinned.pin_principals(|arn| {
        asked.push(arn.to_string());
        if arn.resource().starts_with("user/") { Some(user_id("ANN")) } else { None }
    });
    assert_eq!(asked.len(), 2);
    assert_eq!(assume("user Ann", &[], &pinned), Decision::Allowed);
    // Renamed: another ARN, the same id.
    assert_ne!(assume("user Bob", &[], &pinned), Decision::Allowed);
    assert_ne!(assume("session R", &[], &pinned), Decision::Allowed);

    pinned.pin_principals(|arn| {
        let id =
            if arn.resource().starts_with("user/") { "AIDAOTHERANNAAAAAAAAA" } else { ROLE_ID };
        UniqueId::parse(id).ok()
    });
    assert_ne!(assume("user Ann", &[], &pinned), Decision::Allowed);
    assert_eq!(assume("session R", &[], &pinned), Decision::Allowed);
}

#[test]
fn who_is_barred_is_let_in_by_nothing_and_still_denied() {
    let allows = r#"{"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": [
        "arn:aws:iam::@1:root", "arn:aws:sts::@1:assumed-role/R/s1"]}}"#;
    let denies = r#"{"Effect": "Deny", "Action": "sts:AssumeRole", "Principal": {"AWS":
        "arn:aws:iam::@1:root"}}"#;
    for (part, root, session) in [("", true, true), (":root", false, true), ("arn:", false, false)]
    {
        let mut trust = policy(allows, Kind::Trust);
        trust.bar_principals(|named| !part.is_empty() && named.written().contains(part));
        assert_eq!(assume("root", &[], &trust) == Decision::Allowed, root, "{part}");
        assert_eq!(assume("session R", &[], &trust) == Decision::Allowed, session, "{part}");
    }
    let mut denied = policy(denies, Kind::Trust);
    denied.bar_principals(|_| true);
    let Decision::Denied(denial) = assume("root", &[], &denied) else { panic!() };
    assert!(denial.clause("sts:AssumeRole").contains("explicit deny"), "{denial:?}");
}

#[test]
fn pinning_leaves_accounts_sessions_and_everyone_alone() {
    for (trust, caller) in
        [(ANYONE, "user Ann"), (SESSION, "session R"), (ACCOUNT, "root"), (ROLE_BY_ID, "session R")]
    {
        let mut trust = policy(trust, Kind::Trust);
        trust.pin_principals(|arn| panic!("{arn}"));
        assert_eq!(assume(caller, &[], &trust), Decision::Allowed);
    }
}

#[test]
fn named_principals_come_in_document_order_with_their_places() {
    let text = fill(
        r#"{"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {
            "Service": "ec2.amazonaws.com",
            "AWS": ["arn:aws:iam::@1:user\/Ann", "@2", "AROAAAAAAAAAAAAAAAAAX",
                    "arn:aws:sts::@1:assumed-role/R/s1"]}},
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": "*"},
        {"Effect": "Allow", "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": {"Federated": "accounts.google.com"}}]}"#,
    );
    let policy = Policy::parse(&text, Kind::Trust).unwrap();
    let named = policy.named_principals();
    let forms: Vec<_> = named
        .iter()
        .map(|p| {
            let form = [
                p.arn().map(|_| "arn"),
                p.unique_id().map(|_| "id"),
                p.account().map(|_| "account"),
                p.session_arn().map(|_| "session"),
                p.service().map(|_| "service"),
                p.provider().map(|_| "provider"),
                p.is_anyone().then_some("anyone"),
            ];
            let [form] = form.into_iter().flatten().collect::<Vec<_>>()[..] else { panic!() };
            form
        })
        .collect();
    assert_eq!(forms, ["service", "arn", "account", "id", "session", "anyone", "provider"]);
    assert_eq!(named[1].written(), fill("arn:aws:iam::@1:user/Ann"));
    assert_eq!(text.get(named[1].span()).unwrap(), fill(r#""arn:aws:iam::@1:user\/Ann""#));
    assert_eq!(text.get(named[5].span()).unwrap(), "\"*\"");
    assert_eq!(named[1].type_name(), "AWS");
}

#[test]
fn a_resource_without_an_account_makes_the_caller_foreign() {
    let trust = policy(ROLE, Kind::Trust);
    let principal = caller("session R");
    let context = context(&principal, &[]);
    let layers = Layers { trust: Some(&trust), ..Layers::default() };
    let request = Request {
        principal,
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111111111111:role/x",
        resource_account: None,
        context: &context,
    };
    assert_eq!(verdict(&decide(&layers, &request)), "implicit Identity");
}
