//! One test per flaw of other systems that a policy engine can have, named after it.

use daypass_policy::{Context, Decision, Kind, Layers, Policy, Request, decide};

use crate::fixture::{ASK, ASSUME, Ask, V, ask, attach, caller, policy, verdict};

const ALLOW: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const ONLY_GET: &str = r#"{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}"#;

/// Temporary credentials escaped their policy: a session is an intersection, and a layer without
/// a policy allows nothing.
#[test]
fn cve_2021_41137_session_is_an_intersection() {
    let session = Ask { caller: "session R", ..ASK };
    let with = |identity, session_policies, action, want| {
        let row = Ask { identity, session: session_policies, action, ..session };
        assert_eq!(verdict(&ask(&row)), want, "{row:?}");
    };
    with(&[ALLOW], Some(&[ONLY_GET]), "s3:GetObject", "allow");
    with(&[ALLOW], Some(&[ONLY_GET]), "s3:PutObject", "implicit Session");
    with(&[ONLY_GET], Some(&[ALLOW]), "s3:PutObject", "implicit Identity");
    with(&[ALLOW], Some(&[]), "s3:GetObject", "implicit Session");
    with(&[], Some(&[ALLOW]), "s3:GetObject", "implicit Identity");
    with(&[], None, "s3:GetObject", "implicit Identity");
}

/// A session policy was not applied to calls on the caller's own account.
#[test]
fn cve_2025_62506_session_policy_bounds_own_account_calls() {
    for (action, resource) in [
        ("iam:CreateUser", "arn:aws:iam::@1:user/x"),
        ("iam:CreateAccessKey", "arn:aws:iam::@1:user/Ann"),
        ("sts:AssumeRole", "arn:aws:iam::@1:role/target"),
        ("sts:GetFederationToken", "arn:aws:sts::@1:federated-user/x"),
        ("iam:ListUsers", "*"),
    ] {
        let row = Ask {
            caller: "session R",
            identity: &[ALLOW],
            session: Some(&[ONLY_GET]),
            action,
            resource,
            ..ASK
        };
        assert_eq!(verdict(&ask(&row)), "implicit Session", "{action}");
    }
    let row = Ask {
        caller: "session R",
        session: Some(&[ONLY_GET]),
        identity: &[ALLOW],
        trust: Some(
            r#"{"Effect": "Allow", "Action": "sts:AssumeRole",
                "Principal": {"AWS": "arn:aws:iam::@1:role/team/R"}}"#,
        ),
        ..ASSUME
    };
    assert_eq!(verdict(&ask(&row)), "implicit Session");
}

/// A Deny on a power that a header adds was not honoured: each action is decided on its own and
/// its Deny holds whatever else is allowed.
#[test]
fn cve_2023_25812_deny_of_an_added_power_holds() {
    let row = Ask {
        identity: &[
            ALLOW,
            r#"{"Effect": "Deny", "Action": "s3:BypassGovernanceRetention", "Resource": "*"}"#,
        ],
        action: "s3:BypassGovernanceRetention",
        ..ASK
    };
    assert_eq!(verdict(&ask(&row)), "explicit Identity");
}

/// A session policy that did not parse was left out: it denies everything.
#[test]
fn ceph_session_policy_dropped_at_use_denies_all() {
    let allow = policy(ALLOW, Kind::Identity);
    for (text, kind) in [
        ("", Kind::Session),
        ("{", Kind::Session),
        (r#"{"Statement": [{"Effect": "Allow"}]}"#, Kind::Session),
        (
            r#"{"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"FutureOperator": {"a:b": "c"}}}]}"#,
            Kind::Session,
        ),
    ] {
        let sealed = Policy::parse_stored(text, kind);
        assert!(sealed.fault().is_some());
        assert_eq!(sealed.source(), text);
        let identity = [daypass_policy::Attached { name: "all", policy: &allow }];
        let session = [
            daypass_policy::Attached { name: "all", policy: &allow },
            daypass_policy::Attached { name: "sealed", policy: &sealed },
        ];
        let layers = Layers { identity: &identity, session: Some(&session), ..Layers::default() };
        let context = Context::new();
        let request = Request {
            principal: caller("session R"),
            action: "s3:GetObject",
            resource: "*",
            resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
            context: &context,
        };
        assert_eq!(verdict(&decide(&layers, &request)), "explicit Session", "{text}");
        assert!(daypass_policy::explain(&layers, &request).to_string().contains("cannot be read"));
        // The same for a policy of any other layer.
        let identity = [identity[0], session[1]];
        let layers = Layers { identity: &identity, ..Layers::default() };
        assert_eq!(verdict(&decide(&layers, &request)), "explicit Identity");
    }
    let trust = Policy::parse_stored("{", Kind::Trust);
    let layers = Layers { trust: Some(&trust), ..Layers::default() };
    let context = Context::new();
    let request = Request {
        principal: caller("root"),
        action: "sts:AssumeRole",
        resource: "arn:aws:iam::111111111111:role/x",
        resource_account: caller("root").account(),
        context: &context,
    };
    assert_eq!(verdict(&decide(&layers, &request)), "explicit Trust");
}

/// An unknown operator was skipped: it refuses the policy, and at run time a condition that cannot
/// be evaluated stops an Allow and not a Deny.
#[test]
fn seaweedfs_pr_11283_unknown_operator_is_refused() {
    for operator in
        ["StringMatches", "StringEqualz", "IpInRange", "NullIfExists", "", "ForAllValues:"]
    {
        for effect in ["Allow", "Deny"] {
            let text = format!(
                r#"{{"Statement": {{"Effect": "{effect}", "Action": "*", "Resource": "*",
                    "Condition": {{"{operator}": {{"aws:username": "Ann"}}}}}}}}"#
            );
            let fault = Policy::parse(&text, Kind::Identity).unwrap_err();
            assert_eq!(fault.to_string(), "Syntax errors in policy.");
        }
    }
    let allow = Ask {
        identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2030-01-01"}}}"#],
        keys: &[("aws:TokenIssueTime", V::Text("long ago"))],
        ..ASK
    };
    assert_eq!(verdict(&ask(&allow)), "implicit Identity");
    let deny = Ask {
        identity: &[
            ALLOW,
            r#"{"Effect": "Deny", "Action": "*", "Resource": "*",
                "Condition": {"DateLessThan": {"aws:TokenIssueTime": "2030-01-01"}}}"#,
        ],
        ..allow
    };
    assert_eq!(verdict(&ask(&deny)), "explicit Identity");
}

/// Negated set operators were transposed; the whole table is in `truth_table.rs`.
#[test]
fn rustfs_ghsa_v9cp_negated_set_operators_are_not_transposed() {
    for (operator, values, want) in [
        ("ForAllValues:StringNotEquals", &["a", "c"][..], false),
        ("ForAllValues:StringNotEquals", &["c", "d"], true),
        ("ForAnyValue:StringNotEquals", &["a", "c"], true),
        ("ForAnyValue:StringNotEquals", &["a", "a"], false),
        ("ForAllValues:StringNotEquals", &[], true),
        ("ForAnyValue:StringNotEquals", &[], false),
    ] {
        let text = format!(
            r#"{{"Effect": "Allow", "Action": "*", "Resource": "*",
                "Condition": {{"{operator}": {{"aws:TagKeys": "a"}}}}}}"#
        );
        let policies = [policy(&text, Kind::Identity)];
        let attached = attach(&policies);
        let layers = Layers { identity: &attached, ..Layers::default() };
        let mut context = Context::new();
        context.insert_list("aws:TagKeys", values.iter().map(|v| (*v).into()).collect());
        let request = Request {
            principal: caller("user Ann"),
            action: "s3:GetObject",
            resource: "*",
            resource_account: Some(crate::fixture::account(crate::fixture::ONE)),
            context: &context,
        };
        assert_eq!(decide(&layers, &request) == Decision::Allowed, want, "{operator} {values:?}");
    }
}

/// "Deny-only" evaluation: what no statement denies was allowed. Nothing is allowed that no
/// statement allows, whoever the caller is and however the session came about.
#[test]
fn rustfs_ghsa_xgr5_absence_of_a_deny_is_no_allow() {
    const DENY: &[&str] = &[r#"{"Effect": "Deny", "Action": "s3:PutObject", "Resource": "*"}"#];
    for caller in ["user Ann", "session R", "federated Carol"] {
        for session in [None, Some(DENY), Some(&[][..])] {
            let row = Ask { caller, identity: DENY, session, ..ASK };
            assert_eq!(verdict(&ask(&row)), "implicit Identity", "{row:?}");
        }
    }
}

/// A user could change its own policy with a call that was meant for something else: every write
/// is decided as its own action on the ARN that it changes.
#[test]
fn cve_2021_43858_a_write_is_decided_on_what_it_changes() {
    const SELF: &[&str] = &[r#"{"Effect": "Allow", "Action": "iam:ChangePassword",
        "Resource": "arn:aws:iam::@1:user/${aws:username}"}"#];
    for (action, resource, want) in [
        ("iam:ChangePassword", "arn:aws:iam::@1:user/Ann", "allow"),
        ("iam:ChangePassword", "arn:aws:iam::@1:user/Bob", "implicit Identity"),
        ("iam:PutUserPolicy", "arn:aws:iam::@1:user/Ann", "implicit Identity"),
        ("iam:ChangePassword", "*", "implicit Identity"),
    ] {
        let row = Ask { identity: SELF, action, resource, ..ASK };
        assert_eq!(verdict(&ask(&row)), want, "{action} {resource}");
    }
}

/// A regression opened everything: without policies, nobody but an owner has anything.
#[test]
fn seaweedfs_8366_without_policies_nobody_is_let_in() {
    for caller in [
        "anonymous",
        "user Ann",
        "session R",
        "federated Carol",
        "root@2",
        "service ec2.amazonaws.com",
        "provider accounts.google.com",
    ] {
        for row in [
            ASK,
            ASSUME,
            Ask {
                bucket: Some(
                    r#"{"Effect": "Deny", "Action": "ec2:*",
            "Principal": "*", "Resource": "*"}"#,
                ),
                ..ASK
            },
        ] {
            let row = Ask { caller, ..row };
            assert_ne!(verdict(&ask(&row)), "allow", "{row:?}");
        }
    }
}

/// Keys that a client chose stood beside those of the server: a key has one value, however its
/// name is written, and it is the last that was given.
#[test]
fn rustfs_ghsa_6r96_a_key_has_one_value_however_it_is_written() {
    let policies = [policy(
        r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
            "Condition": {"StringEquals": {"aws:username": "root"}}}"#,
        Kind::Identity,
    )];
    let attached = attach(&policies);
    let layers = Layers { identity: &attached, ..Layers::default() };
    let mut context = Context::new();
    context.insert("AWS:UserName", "root");
    context.insert_list("aws:USERNAME", vec!["root".into()]);
    context.insert("aws:username", "Ann");
    let request = Request {
        principal: caller("user Ann"),
        action: "s3:GetObject",
        resource: "*",
        resource_account: caller("user Ann").account(),
        context: &context,
    };
    assert_eq!(verdict(&decide(&layers, &request)), "implicit Identity");
}

/// OIDC trust without a condition on `sub` for an issuer that many tenants share.
#[test]
fn unc6426_shared_issuer_without_sub_is_found() {
    let github = "arn:aws:iam::111111111111:oidc-provider/token.actions.githubusercontent.com";
    let text = |condition: &str| {
        format!(
            r#"{{"Version": "2012-10-17", "Statement": {{"Effect": "Allow",
                "Principal": {{"Federated": "{github}"}}, "Action": "sts:AssumeRoleWithWebIdentity",
                "Condition": {{"StringEquals":
                    {{"token.actions.githubusercontent.com:{condition}"}}}}}}}}"#
        )
    };
    let open = Policy::parse(&text(r#"aud": "sts.amazonaws.com"#), Kind::Trust).unwrap();
    assert_eq!(open.unguarded_issuer().unwrap().principal().written(), github);
    let bound =
        Policy::parse(&text(r#"sub": "repo:acme/a:ref:refs/heads/main"#), Kind::Trust).unwrap();
    assert!(bound.unguarded_issuer().is_none());
}

/// A key that contains a star slipped past a Deny, because the request's text was taken for a
/// pattern.
#[test]
fn a_star_in_the_request_is_text() {
    const DENY: &[&str] =
        &[ALLOW, r#"{"Effect": "Deny", "Action": "*", "Resource": "arn:aws:s3:::b/secret*"}"#];
    for (resource, want) in [
        ("arn:aws:s3:::b/secret*", "explicit Identity"),
        ("arn:aws:s3:::b/secret?x", "explicit Identity"),
        ("arn:aws:s3:::b/*", "allow"),
    ] {
        let row = Ask { identity: DENY, resource, ..ASK };
        assert_eq!(verdict(&ask(&row)), want, "{resource}");
    }
    let row = Ask {
        identity: &[r#"{"Effect": "Allow", "Action": "*", "Resource": "arn:aws:s3:::b/public"}"#],
        resource: "arn:aws:s3:::b/*",
        ..ASK
    };
    assert_eq!(verdict(&ask(&row)), "implicit Identity");
}
