//! How layers meet: tables 4.2 and 4.3 of the policy reference, NotPrincipal, organisations, and
//! the matrix of all kinds of callers.

use std::fmt::Write;

use daypass_policy::{Kind, Layers, Policy, Request, decide};

use crate::fixture::{
    ASK, ASSUME, Ask, ONE, TWO, account, ask, attach, caller, context, policy, verdict,
};

const ALLOW: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*"}"#;
const DENY: &str = r#"{"Effect": "Deny", "Action": "*", "Resource": "*"}"#;
/// Says nothing about the request.
const SILENT: &str = r#"{"Effect": "Allow", "Action": "ec2:*", "Resource": "*"}"#;

const ALL: &[&str] = &[ALLOW];
const NONE: &[&str] = &[SILENT];

macro_rules! bucket {
    ($principal:literal) => {
        concat!(
            r#"{"Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "#,
            $principal,
            "}"
        )
    };
}
macro_rules! trust {
    ($principal:literal) => {
        concat!(r#"{"Effect": "Allow", "Action": "*", "Principal": "#, $principal, "}")
    };
}

const ANYONE: &str = bucket!(r#""*""#);
const ACCOUNT: &str = bucket!(r#"{"AWS": "@1"}"#);
const USER: &str = bucket!(r#"{"AWS": "arn:aws:iam::@1:user/Ann"}"#);
const CREATOR: &str = bucket!(r#"{"AWS": "arn:aws:iam::@1:user/token-app"}"#);
const CAROL: &str = bucket!(r#"{"AWS": "arn:aws:sts::@1:federated-user/Carol"}"#);
const ROLE: &str = bucket!(r#"{"AWS": "arn:aws:iam::@1:role/team/R"}"#);
const SESSION: &str = bucket!(r#"{"AWS": "arn:aws:sts::@1:assumed-role/R/s1"}"#);
const SERVICE: &str = bucket!(r#"{"Service": "ec2.amazonaws.com"}"#);

/// Table 4.2, the implicit denies of identity, boundary and session policies in its columns.
#[test]
fn a_direct_grant_of_the_resource_overcomes_what_the_table_says() {
    type Row = (&'static str, &'static str, [bool; 3], &'static str);
    const ROWS: &[Row] = &[
        ("user Ann", USER, [true, true, false], "allow"),
        ("user Ann", ACCOUNT, [true, false, false], "implicit Identity"),
        ("user Ann", ACCOUNT, [false, true, false], "implicit Boundary"),
        ("user Ann", ACCOUNT, [false, false, false], "allow"),
        ("user Ann", ANYONE, [true, true, false], "allow"),
        ("session R", ROLE, [true, false, false], "allow"),
        ("session R", ROLE, [true, true, false], "implicit Boundary"),
        ("session R", ROLE, [false, true, false], "implicit Boundary"),
        ("session R", ROLE, [true, false, true], "implicit Session"),
        ("session R", ROLE, [false, false, true], "implicit Session"),
        ("session R", SESSION, [true, true, true], "allow"),
        ("session R", ANYONE, [true, true, true], "allow"),
        ("session R", ACCOUNT, [true, false, false], "implicit Identity"),
        ("session R", USER, [true, false, false], "implicit Identity"),
        ("federated Carol", CREATOR, [true, false, false], "allow"),
        ("federated Carol", CREATOR, [true, true, false], "implicit Boundary"),
        ("federated Carol", CREATOR, [false, false, true], "implicit Session"),
        ("federated Carol", CAROL, [true, true, true], "allow"),
        ("root", ACCOUNT, [true, true, false], "allow"),
        ("root", SERVICE, [true, true, false], "allow"),
        ("service ec2.amazonaws.com", SERVICE, [false, false, false], "allow"),
        ("service s3.amazonaws.com", SERVICE, [false, false, false], "implicit Resource"),
        ("anonymous", ANYONE, [false, false, false], "allow"),
        ("anonymous", ACCOUNT, [false, false, false], "implicit Resource"),
        // Nobody else is let in by a resource policy than whom it names, from another account.
        ("user Dan@2", ANYONE, [true, false, false], "implicit Identity"),
        ("user Dan@2", ANYONE, [false, true, false], "implicit Boundary"),
        ("user Dan@2", ANYONE, [false, false, false], "allow"),
        ("user Dan@2", USER, [false, false, false], "implicit Resource"),
        ("root@2", ANYONE, [false, false, false], "allow"),
        ("root@2", ACCOUNT, [false, false, false], "implicit Resource"),
    ];
    for &(caller, bucket, [identity, boundary, session], want) in ROWS {
        let row = Ask {
            caller,
            identity: if identity { NONE } else { ALL },
            boundary: Some(if boundary { SILENT } else { ALLOW }),
            // Users and root users have none.
            session: match caller.starts_with("session") || caller.starts_with("federated") {
                true => Some(if session { NONE } else { ALL }),
                false => None,
            },
            bucket: Some(bucket),
            ..ASK
        };
        assert_eq!(verdict(&ask(&row)), want, "{row:?}");
        // An explicit Deny of any layer wins over every row.
        if want == "allow" {
            let deny = bucket!(r#""*""#).replace("Allow", "Deny");
            let deny: &'static str = Box::leak(format!("{bucket}, {deny}").into());
            let denied = Ask { bucket: Some(deny), ..row };
            assert_ne!(verdict(&ask(&denied)), "allow", "{denied:?}");
            const EVERYBODY: &str =
                r#"{"Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*"}"#;
            let levels: &[&[&str]] = &[&[EVERYBODY]];
            let denied = Ask { rcps: Some(levels), ..row };
            assert_ne!(verdict(&ask(&denied)), "allow", "{denied:?}");
        }
    }
}

/// A denial names the layer that decides, not one that the grant does without.
#[test]
fn only_a_layer_that_the_grant_needs_is_blamed() {
    const DENIES: &[&[&str]] =
        &[&[r#"{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}"#]];
    const LOCKED: &str = concat!(
        bucket!(r#"{"AWS": "arn:aws:iam::@1:user/Ann"}"#),
        r#", {"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}"#
    );
    const EMPTY: Option<&[&[&str]]> = Some(&[ALL, &[]]);
    let silent = Ask { identity: NONE, boundary: Some(SILENT), ..ASK };
    let session = Ask { caller: "session R", ..silent };
    for (row, want) in [
        // Worked case 5, with and without a session policy.
        (Ask { identity: &[], bucket: Some(ROLE), ..session }, "implicit Boundary"),
        (
            Ask { session: Some(NONE), boundary: None, bucket: Some(ROLE), ..session },
            "implicit Session",
        ),
        (Ask { bucket: Some(ROLE), boundary: None, scps: EMPTY, ..session }, "implicit Scp"),
        (Ask { bucket: Some(USER), scps: EMPTY, ..silent }, "implicit Scp"),
        (Ask { identity: ALL, bucket: Some(SESSION), scps: EMPTY, ..session }, "implicit Scp"),
        (Ask { bucket: Some(ANYONE), scps: Some(&[]), ..silent }, "implicit Scp"),
        // Who only is of the account needs them all.
        (Ask { bucket: Some(ACCOUNT), scps: EMPTY, ..silent }, "implicit Identity"),
        (Ask { identity: ALL, bucket: Some(ACCOUNT), scps: EMPTY, ..silent }, "implicit Boundary"),
        // Those from outside have no policies that could lack anything.
        (Ask { caller: "anonymous", ..ASK }, "implicit Resource"),
        (Ask { caller: "service ec2.amazonaws.com", ..ASK }, "implicit Resource"),
        (Ask { caller: "provider accounts.google.com", ..ASK }, "implicit Resource"),
        // What the other side says stays behind what the caller lacks: an explicit Deny, another
        // account, a role.
        (Ask { bucket: Some(USER), rcps: Some(DENIES), ..silent }, "implicit Identity"),
        (Ask { bucket: Some(LOCKED), ..silent }, "implicit Identity"),
        (Ask { bucket: Some(USER), owner: TWO, ..silent }, "implicit Identity"),
        (
            Ask {
                caller: "session R",
                identity: NONE,
                boundary: Some(SILENT),
                trust: Some(trust!(r#"{"AWS": "arn:aws:iam::@1:role/team/R"}"#)),
                ..ASSUME
            },
            "implicit Identity",
        ),
        (
            Ask { identity: NONE, scps: EMPTY, trust: Some(trust!(r#""*""#)), ..ASSUME },
            "implicit Identity",
        ),
        // Of two that deny, the organisation's comes first.
        (Ask { identity: ALL, bucket: Some(LOCKED), rcps: Some(DENIES), ..ASK }, "explicit Rcp"),
        (Ask { identity: ALL, bucket: Some(LOCKED), ..ASK }, "explicit Resource"),
    ] {
        assert_eq!(verdict(&ask(&row)), want, "{row:?}");
    }
}

/// A provider's customer is let in by a policy that names the provider, and by no policy that
/// names everyone else.
#[test]
fn not_naming_somebody_lets_no_customer_of_a_provider_in() {
    const OTHERS: &str = r#"{"Effect": "Allow", "Action": "*", "Resource": "*",
        "NotPrincipal": {"AWS": "222222222222"}}"#;
    for (caller, want) in [
        ("provider accounts.google.com", "implicit Resource"),
        ("user Ann", "allow"),
        ("service ec2.amazonaws.com", "allow"),
    ] {
        let row = Ask { caller, bucket: Some(OTHERS), ..ASK };
        assert_eq!(verdict(&ask(&row)), want, "{caller}");
    }
}

/// Whoever looks into the log finds which policy denies everything, and why.
#[test]
fn a_policy_that_cannot_be_read_says_so_in_the_denial() {
    use daypass_policy::{Attached, Decision};

    let principal = caller("user Ann");
    let context = context(&principal, &[]);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let good = policy(ALLOW, Kind::Identity);
    let identity = [Attached { name: "good", policy: &good }];
    let base = Layers { identity: &identity, ..Layers::default() };
    let sealed = Policy::parse_stored("{\n \"Statment\": []}", Kind::Session);
    let session = [Attached { name: "sealed", policy: &sealed }];
    let misplaced = policy(ALLOW, Kind::Scp);
    let denies = policy(DENY, Kind::Boundary);
    let long = Policy::parse_stored(&format!("{{\"{}\": 1}}", "x".repeat(5000)), Kind::Boundary);
    for (layers, name, want) in [
        (
            Layers { session: Some(&session), ..base },
            Some("sealed"),
            "line 2, column 2: `Statment` is not known here",
        ),
        (
            Layers { boundary: Some(&misplaced), ..base },
            None,
            "a policy of kind Scp is none of the permissions boundary",
        ),
        (Layers { boundary: Some(&denies), ..base }, None, ""),
        (Layers { boundary: Some(&long), ..base }, None, "line 1, column 2: `xxx"),
    ] {
        let Decision::Denied(denial) = decide(&layers, &request) else { panic!("{want}") };
        assert!(denial.explicit);
        assert_eq!(denial.policy.as_deref(), name);
        let why = denial.unreadable.as_deref().unwrap_or_default();
        assert!(why.starts_with(want) && why.len() < 200, "{why}");
        assert_eq!(why.is_empty(), want.is_empty());
        assert_eq!(denial.statement.is_none(), !want.is_empty());
    }
}

#[test]
fn a_boundary_limits_who_assumes_a_role_as_the_trust_policy_names_it() {
    const USER: &str = trust!(r#"{"AWS": "arn:aws:iam::@1:user/Ann"}"#);
    const ROLE: &str = trust!(r#"{"AWS": "arn:aws:iam::@1:role/team/R"}"#);
    const ACCOUNT: &str = trust!(r#"{"AWS": "@1"}"#);
    for (caller, trust, identity, boundary, session, want) in [
        ("user Ann", USER, NONE, SILENT, None, "allow"),
        ("user Ann", ACCOUNT, ALL, SILENT, None, "implicit Boundary"),
        ("session R", ROLE, ALL, ALLOW, Some(NONE), "implicit Session"),
        ("session R", ROLE, ALL, SILENT, Some(ALL), "implicit Boundary"),
        ("session R", ROLE, NONE, ALLOW, Some(ALL), "allow"),
        ("user Ann", USER, NONE, DENY, None, "explicit Boundary"),
    ] {
        let row = Ask {
            caller,
            identity,
            boundary: Some(boundary),
            session,
            trust: Some(trust),
            ..ASSUME
        };
        assert_eq!(verdict(&ask(&row)), want, "{row:?}");
    }
}

/// A provider's word is worth something only where the provider is named.
#[test]
fn everyone_is_not_every_customer_of_a_provider() {
    const GOOGLE: &str = "provider accounts.google.com";
    for (trust, want) in [
        (trust!(r#""*""#), "implicit Trust"),
        (trust!(r#"{"AWS": "*"}"#), "implicit Trust"),
        (trust!(r#"{"Federated": "graph.facebook.com", "AWS": "*"}"#), "implicit Trust"),
        (trust!(r#"{"Federated": "accounts.google.com", "AWS": "*"}"#), "allow"),
    ] {
        let row = Ask {
            caller: GOOGLE,
            trust: Some(trust),
            action: "sts:AssumeRoleWithWebIdentity",
            ..ASSUME
        };
        assert_eq!(verdict(&ask(&row)), want, "{trust}");
    }
    // A Deny for everyone is for them too.
    const DENIED: &str = concat!(
        trust!(r#"{"Federated": "accounts.google.com"}"#),
        r#", {"Effect": "Deny", "Action": "*", "Principal": "*"}"#
    );
    let row = Ask { caller: GOOGLE, trust: Some(DENIED), ..ASSUME };
    assert_eq!(verdict(&ask(&row)), "explicit Trust");
    let row = Ask { caller: GOOGLE, bucket: Some(ANYONE), ..ASK };
    assert_eq!(verdict(&ask(&row)), "implicit Resource");
}

#[test]
fn not_principal_leaves_out_whom_it_names_at_every_step() {
    const ACCOUNT: &str = r#""@1""#;
    const USER: &str = r#""arn:aws:iam::@1:user/Ann""#;
    const ROLE: &str = r#""arn:aws:iam::@1:role/team/R""#;
    const SESSION: &str = r#""arn:aws:sts::@1:assumed-role/R/s1""#;
    const CREATOR: &str = r#""arn:aws:iam::@1:user/token-app""#;
    const CAROL: &str = r#""arn:aws:sts::@1:federated-user/Carol""#;
    // Caller, names, whether a Deny leaves the caller out, whether an Allow does.
    let rows: &[(&'static str, &[&str], bool, bool)] = &[
        ("user Ann", &[USER], false, true),
        ("user Ann", &[ACCOUNT], false, true),
        ("user Ann", &[USER, ACCOUNT], true, true),
        ("user Bob", &[USER, ACCOUNT], false, true),
        ("user Bob", &[USER], false, false),
        ("session R", &[ROLE, SESSION], false, true),
        ("session R", &[ACCOUNT, SESSION], false, true),
        ("session R", &[ACCOUNT, ROLE], false, true),
        ("session R", &[ACCOUNT, ROLE, SESSION], true, true),
        ("federated Carol", &[ACCOUNT, CAROL], false, true),
        ("federated Carol", &[ACCOUNT, CREATOR, CAROL], true, true),
        ("root", &[ACCOUNT], true, true),
        ("root", &[USER], false, false),
        ("anonymous", &[ACCOUNT], false, false),
        ("anonymous", &[r#""*""#], true, true),
        ("user Ann", &[r#""*""#], true, true),
    ];
    for &(caller, names, deny_spares, allow_spares) in rows {
        let names = names.join(",");
        let leak = |text: String| -> &'static str { Box::leak(text.into()) };
        let statement = |effect: &str| {
            format!(
                r#"{{"Effect": "{effect}", "Action": "*", "Resource": "*",
                    "NotPrincipal": {{"AWS": [{names}]}}}}"#
            )
        };
        let session: Option<&[&str]> =
            if caller.starts_with("federated") { Some(ALL) } else { None };
        let row = Ask { caller, identity: ALL, session, ..ASK };
        let denied = Ask { bucket: Some(leak(format!("{ANYONE}, {}", statement("Deny")))), ..row };
        let want = if deny_spares { "allow" } else { "explicit Resource" };
        assert_eq!(verdict(&ask(&denied)), want, "{denied:?}");
        // The root user needs no grant in its own account.
        let owner = if caller == "root" { TWO } else { ONE };
        let allowed = Ask { identity: &[], bucket: Some(leak(statement("Allow"))), owner, ..row };
        let is_allowed = verdict(&ask(&allowed)) == "allow";
        assert_eq!(is_allowed, !allow_spares, "{allowed:?}");
    }
}

#[test]
fn whose_a_canonical_id_is_stays_unclear() {
    let id = "0123456789abcdef".repeat(4);
    let leak = |text: String| -> &'static str { Box::leak(text.into()) };
    let allow = leak(ANYONE.replace(r#""*"}"#, &format!(r#"{{"CanonicalUser": "{id}"}}}}"#)));
    assert!(allow.contains(&id));
    let row = Ask { bucket: Some(allow), ..ASK };
    assert_eq!(verdict(&ask(&row)), "implicit Identity");
    let deny = leak(allow.replace("Allow", "Deny"));
    let row = Ask { bucket: Some(deny), identity: ALL, ..ASK };
    assert_eq!(verdict(&ask(&row)), "explicit Resource");
    let spares = leak(allow.replace("Principal", "NotPrincipal"));
    assert_eq!(verdict(&ask(&Ask { bucket: Some(spares), ..ASK })), "implicit Identity");
    for bad in ["", "0123", &"A".repeat(64), "*"] {
        let text = format!(
            r#"{{"Statement": {{"Effect": "Allow", "Action": "*", "Resource": "*",
                "Principal": {{"CanonicalUser": "{bad}"}}}}}}"#
        );
        assert!(Policy::parse(&text, Kind::Resource).is_err(), "{bad}");
    }
}

#[test]
fn every_level_of_an_organisation_must_allow() {
    const FULL: &[&str] = &[ALLOW];
    for (levels, want) in [
        (&[FULL, FULL, FULL][..], "allow"),
        (&[FULL, &[], FULL], "implicit Scp"),
        (&[FULL, NONE], "implicit Scp"),
        (&[NONE, FULL], "implicit Scp"),
        (&[FULL, &[SILENT, ALLOW]], "allow"),
        (&[&[], &[DENY], FULL], "explicit Scp"),
        (&[], "implicit Scp"),
    ] {
        for caller in ["user Ann", "session R", "root"] {
            let row = Ask { caller, identity: ALL, scps: Some(levels), ..ASK };
            assert_eq!(verdict(&ask(&row)), want, "{row:?}");
            // No grant of the resource overcomes it.
            let row = Ask { bucket: Some(ANYONE), ..row };
            assert_eq!(verdict(&ask(&row)), want, "{row:?}");
        }
        // Neither services nor strangers are of the organisation.
        for caller in ["service ec2.amazonaws.com", "anonymous"] {
            let row = Ask { caller, bucket: Some(ANYONE), scps: Some(levels), ..ASK };
            assert_eq!(verdict(&ask(&row)), "allow", "{row:?}");
        }
    }
}

#[test]
fn a_policy_of_another_kind_denies_everything() {
    let principal = caller("user Ann");
    let context = context(&principal, &[]);
    let request = Request {
        principal,
        action: "s3:GetObject",
        resource: "arn:aws:s3:::b",
        resource_account: Some(account(ONE)),
        context: &context,
    };
    let kinds = [
        Kind::Identity,
        Kind::Boundary,
        Kind::Session,
        Kind::Resource,
        Kind::Trust,
        Kind::Scp,
        Kind::Rcp,
    ];
    let all = [policy(ALLOW, Kind::Identity)];
    let all = attach(&all);
    for (index, kind) in kinds.into_iter().enumerate() {
        let text = match kind {
            Kind::Trust => trust!(r#""*""#),
            Kind::Resource | Kind::Rcp => ANYONE,
            _ => ALLOW,
        };
        let policies = [policy(text, kind)];
        let [one] = &policies;
        let list = attach(&policies);
        let levels = [&*list];
        let base = Layers { identity: &all, ..Layers::default() };
        for (layers, good) in [
            (Layers { identity: &list, ..base }, index < 3),
            (Layers { boundary: Some(one), ..base }, index < 3),
            (Layers { session: Some(&list), ..base }, index < 3),
            (Layers { resource: Some(one), ..base }, index == 3),
            (Layers { trust: Some(one), ..base }, index == 4),
            (Layers { scps: Some(&levels), ..base }, index == 5),
            (Layers { rcps: Some(&levels), ..base }, index == 6),
        ] {
            let decision = verdict(&decide(&layers, &request));
            assert_eq!(decision == "allow", good, "{kind:?} {decision}");
            assert!(good || decision.starts_with("explicit"), "{kind:?} {decision}");
        }
    }
}

#[test]
fn each_kind_has_its_own_grammar() {
    let resource = r#""Effect": "Deny", "Action": "*", "Resource": "*""#;
    for (kind, statement, want) in [
        (Kind::Boundary, r#""Effect": "Allow", "Action": "s3:*", "Resource": "arn:aws:s3""#, ""),
        (
            Kind::Boundary,
            r#""Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*""#,
            "Policy document should not specify a principal.",
        ),
        (Kind::Resource, resource, "Missing required field Principal"),
        (
            Kind::Resource,
            r#""Effect": "Deny", "Action": "*", "Principal": "*""#,
            "Policy statement must contain resources.",
        ),
        (
            Kind::Resource,
            r#""Sid": "Let them in", "Effect": "Deny", "Action": "*", "Resource": "*",
               "NotPrincipal": {"AWS": "111111111111"}"#,
            "",
        ),
        (Kind::Scp, r#""Effect": "Deny", "NotAction": "iam:*", "NotResource": "*""#, ""),
        (
            Kind::Scp,
            r#""Effect": "Deny", "Action": "*", "Resource": "*", "Principal": "*""#,
            "Policy document should not specify a principal.",
        ),
        (
            Kind::Scp,
            r#""Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": "*""#,
            "Policy document should not specify a principal.",
        ),
        (Kind::Rcp, resource, "Missing required field Principal"),
        (
            Kind::Rcp,
            r#""Effect": "Deny", "Action": "sts:*", "Resource": "*", "Principal": {"AWS": "*"},
               "Condition": {"Bool": {"aws:SecureTransport": false}}"#,
            "",
        ),
        (
            Kind::Rcp,
            r#""Effect": "Deny", "Action": "*", "Resource": "*", "Principal": {"AWS": "111111111111"}"#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Rcp,
            r#""Effect": "Deny", "Action": "*", "Resource": "*", "NotPrincipal": "*""#,
            "Has prohibited field NotPrincipal.",
        ),
        (Kind::Rcp, r#""Effect": "Allow", "Action": "*", "Resource": "*", "Principal": "*""#, ""),
        (
            Kind::Rcp,
            r#""Effect": "Allow", "Action": "s3:*", "Resource": "*", "Principal": "*""#,
            "Syntax errors in policy.",
        ),
        (
            Kind::Rcp,
            r#""Effect": "Allow", "NotAction": "*", "Resource": "*", "Principal": "*""#,
            "Syntax errors in policy.",
        ),
    ] {
        let text = format!(r#"{{"Version": "2012-10-17", "Statement": {{{statement}}}}}"#);
        let got = Policy::parse(&text, kind).map_or_else(|fault| fault.to_string(), |_| "".into());
        assert_eq!(got, want, "{kind:?} {statement}");
    }
}

#[test]
fn sizes_are_counted_as_the_quotas_count_them() {
    let text = r#"{ "Statement": { "Effect": "Deny", "Action": "*", "Resource": "*" } }"#;
    let blanks = text.matches(' ').count();
    assert_eq!(Policy::parse(text, Kind::Identity).unwrap().size(), text.len() - blanks);
    assert_eq!(Policy::parse(text, Kind::Scp).unwrap().size(), text.len());
    let text = r#"{ "Statement": { "Effect": "Deny", "Principal": "*", "Action": "*",
        "Resource": "arn:aws:s3:::é" } }"#;
    assert_eq!(Policy::parse(text, Kind::Rcp).unwrap().size(), text.len());
    let characters = text.chars().filter(|c| !c.is_whitespace()).count();
    assert_eq!(Policy::parse(text, Kind::Resource).unwrap().size(), characters);
    for (kind, limit) in [
        (Kind::Identity, 6144),
        (Kind::Boundary, 6144),
        (Kind::Session, 2048),
        (Kind::Trust, 2048),
        (Kind::Resource, 131_072),
        (Kind::Scp, 5120),
        (Kind::Rcp, 5120),
    ] {
        assert_eq!(kind.size_limit(), limit);
    }
}

const CALLERS: [&str; 10] = [
    "user Ann",
    "user Dan@2",
    "session R",
    "session R@2",
    "federated Carol",
    "root",
    "root@2",
    "service ec2.amazonaws.com",
    "provider accounts.google.com",
    "anonymous",
];

type Change = fn(&mut Ask);

/// What is changed about a request that every layer allows.
const CHANGES: [(&str, Change); 17] = [
    ("nothing", |_| {}),
    ("identity silent", |row| row.identity = NONE),
    ("identity denies", |row| row.identity = &[ALLOW, DENY]),
    ("boundary silent", |row| row.boundary = Some(SILENT)),
    ("boundary denies", |row| row.boundary = Some(DENY)),
    ("session silent", |row| row.session = Some(NONE)),
    ("session denies", |row| row.session = Some(&[ALLOW, DENY])),
    ("no session policy", |row| row.session = None),
    ("scp silent", |row| row.scps = Some(&[ALL, NONE])),
    ("scp denies", |row| row.scps = Some(&[ALL, &[ALLOW, DENY]])),
    ("rcp denies", |row| {
        row.rcps =
            Some(&[&[r#"{"Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}"#]]);
    }),
    ("target silent", |row| set_target(row, r#"{"AWS": "333333333333"}"#, "Allow")),
    ("target denies", |row| set_target(row, r#""*""#, "Deny")),
    ("no target policy", |row| (row.bucket, row.trust) = (None, None)),
    ("target: account", |row| set_target(row, r#"{"AWS": ["@1", "@2"]}"#, "Allow")),
    ("target: name", |row| set_target(row, NAMES, "Allow")),
    ("target: name only", |row| {
        set_target(row, NAMES, "Allow");
        row.identity = NONE;
        row.boundary = Some(SILENT);
        // Users and root users have none.
        let is_bounded = row.caller.starts_with("session") || row.caller.starts_with("federated");
        row.session = if is_bounded { Some(NONE) } else { None };
    }),
];

const NAMES: &str = r#"{"AWS": ["arn:aws:iam::@1:user/Ann", "arn:aws:iam::@2:user/Dan",
    "arn:aws:iam::@1:role/team/R", "arn:aws:iam::@2:role/team/R",
    "arn:aws:iam::@1:user/token-app"], "Service": "ec2.amazonaws.com",
    "Federated": "accounts.google.com"}"#;

fn set_target(row: &mut Ask, principal: &str, effect: &str) {
    let leak = |text: String| -> Option<&'static str> { Some(Box::leak(text.into())) };
    let start = format!(r#""Effect": "{effect}", "Action": "*", "Principal": {principal}"#);
    if row.trust.is_some() {
        row.trust = leak(format!("{{{start}}}"));
    } else {
        row.bucket = leak(format!(r#"{{{start}, "Resource": "*"}}"#));
    }
}

/// Every kind of caller, in the account of the resource and outside, with every layer silent or
/// denying while all others allow. A changed cell is a changed decision: review it as one.
#[test]
fn the_matrix_of_callers_and_layers() {
    let mut matrix = String::new();
    for (target, base) in [("a bucket", ASK), ("a role", ASSUME)] {
        for name in CALLERS {
            writeln!(matrix, "{name} asks for {target} of account 1").unwrap();
            for (change, apply) in CHANGES {
                let everything = Ask {
                    caller: name,
                    identity: ALL,
                    boundary: Some(ALLOW),
                    session: Some(ALL),
                    scps: Some(&[ALL, ALL]),
                    rcps: Some(&[&[ANYONE]]),
                    ..base
                };
                let mut row = everything;
                match target {
                    "a role" => row.trust = Some(trust!(r#""*""#)),
                    _ => row.bucket = Some(ANYONE),
                }
                apply(&mut row);
                writeln!(matrix, "  {change:18} {}", verdict(&ask(&row))).unwrap();
            }
        }
    }
    insta::assert_snapshot!(matrix);
}
