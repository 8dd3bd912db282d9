//! [`VerifiedToken::check`]: what the claims must be, and what they say.

use super::*;

static SET: LazyLock<JwkSet> = LazyLock::new(|| set(&[key(Algorithm::EdDsa)]));

fn verified_with(claims: &Value) -> VerifiedToken {
    verified(&key(Algorithm::EdDsa).token(claims), &SET, all()).unwrap()
}

struct Check {
    issuer: &'static str,
    client_ids: &'static [&'static str],
    /// Seconds since the token was issued.
    after: i64,
    skew: i64,
    oldest: Option<i64>,
}

const USUAL: Check =
    Check { issuer: ISSUER, client_ids: &["other", AUDIENCE], after: 60, skew: 60, oldest: None };

impl Check {
    fn of(&self, claims: &Value) -> Result<WebIdentity, TokenFault> {
        verified_with(claims).check(&Expected {
            issuer: self.issuer,
            client_ids: &client_ids(self.client_ids),
            now: Timestamp::from_second(now().as_second() + self.after).unwrap(),
            skew_s: self.skew,
            oldest_s: self.oldest,
        })
    }

    #[track_caller]
    fn gives(&self, changes: Value, want: Result<(), TokenFault>) {
        assert_eq!(self.of(&claims_with(changes.clone())).map(|_| ()), want, "{changes}");
    }
}

fn good(changes: Value) -> WebIdentity {
    USUAL.of(&claims_with(changes)).unwrap()
}

#[track_caller]
fn refused(changes: Value, fault: TokenFault) {
    USUAL.gives(changes, Err(fault));
}

#[test]
fn what_a_token_says() {
    let identity = good(json!({ "jti": "once", "nbf": now().as_second() }));
    assert_eq!(identity.issuer, ISSUER);
    assert_eq!(identity.subject, SUBJECT);
    assert_eq!(identity.audience, AUDIENCE);
    assert_eq!(identity.audiences, [AUDIENCE]);
    assert_eq!(identity.authorized_party, None);
    assert_eq!(identity.issued, now());
    assert_eq!(identity.expires.as_second(), now().as_second() + testing::TOKEN_S);
    assert_eq!(identity.jti.as_deref(), Some("once"));
    assert_eq!((identity.amr.len(), identity.tags.len()), (0, 0));
    assert_eq!(identity.source_identity, None);
    assert_eq!(keys(&identity), [("aud", AUDIENCE), ("sub", SUBJECT), ("oaud", AUDIENCE)]);
    // Nothing is decided by it.
    assert_eq!(good(json!({ "jti": 1 })).jti, None);
    let shown = format!("{:?}", good(json!({ "email": "ann@example.com", "secret": "hidden" })));
    assert!(shown.contains(SUBJECT) && !shown.contains("ann@") && !shown.contains("hidden"));
}

/// The condition keys, several values of one joined.
fn keys(identity: &WebIdentity) -> Vec<(&str, &str)> {
    let keys = identity.keys.iter();
    keys.flat_map(|(name, values)| values.iter().map(|value| (name.as_str(), value.as_str())))
        .collect()
}

/// federation.md 2.1, "case-sensitive, must equal token `iss`".
#[test]
fn the_issuer_is_an_exact_text() {
    USUAL.gives(json!({}), Ok(()));
    for other in [
        "https://login.example.com/tenant/",
        "https://login.example.com",
        "https://login.example.com/Tenant",
        "https://Login.example.com/tenant",
        "https://login.example.com:443/tenant",
        "https://login.example.com/./tenant",
        "https://login.example.com/tenant?",
        "http://login.example.com/tenant",
        "login.example.com/tenant",
        " https://login.example.com/tenant",
        "https://login.example.com/tenant\n",
        "https://login.example.com/tenant\0",
        "https://evil.example.com/tenant",
    ] {
        refused(json!({ "iss": other }), TokenFault::Issuer);
    }
    Check { issuer: "https://login.example.com/tenant/", ..USUAL }
        .gives(json!({}), Err(TokenFault::Issuer));
}

/// All of `iss`, `sub`, `aud`, `exp` and `iat` are there: RustFS GHSA-ccrv took a token that never
/// expired.
#[test]
fn ghsa_ccrv_required_claims_are_missed() {
    refused(json!({ "sub": null }), TokenFault::Missing("sub"));
    refused(json!({ "aud": null }), TokenFault::Missing("aud"));
    refused(json!({ "exp": null }), TokenFault::Missing("exp"));
    refused(json!({ "iat": null }), TokenFault::Missing("iat"));
    refused(json!({ "exp": null, "iat": null, "nbf": 1 }), TokenFault::Missing("exp"));
    // `nbf`, `jti`, `azp` and `amr` need not be there: `claims` has none of them.
}

#[test]
fn a_subject_is_a_text_of_1_to_255_characters() {
    for good in ["a", "joe", &"s".repeat(255), &"\u{e9}".repeat(255), "a b/c:d|e\"<&>"] {
        USUAL.gives(json!({ "sub": good }), Ok(()));
    }
    for bad in [
        json!(""),
        json!("s".repeat(256)),
        json!(1),
        json!(["a"]),
        json!({ "a": "b" }),
        json!(true),
        json!("a\0b"),
        json!("a\nb"),
        json!("a\u{85}"),
        json!("\u{ffff}"),
    ] {
        refused(json!({ "sub": bad }), TokenFault::Claim("sub"));
    }
}

/// federation.md 2.2, "exp, iat (and nbf) as integers or longs".
#[test]
fn times_are_whole_seconds() {
    let now = now().as_second();
    for name in ["exp", "iat", "nbf"] {
        let claim = TokenFault::Claim(name);
        for bad in [
            json!(now.to_string()),
            json!(1.5),
            json!(now as f64),
            json!(true),
            json!([now]),
            json!({}),
            json!(i64::MAX),
            json!(i64::MIN),
            json!(u64::MAX),
            json!("2026-11-22T18:00:00Z"),
            json!(now * 1_000_000),
        ] {
            refused(json!({ name: bad }), claim);
        }
        let null = claims().to_string().replacen('{', &format!("{{\"{name}\":null,"), 1);
        // In place of the one that stands there.
        let null = match serde_json::from_str::<Value>(&null).unwrap()[name] {
            Value::Null => null,
            _ => claims()
                .to_string()
                .replace(&format!("\"{name}\":{}", claims()[name]), &format!("\"{name}\":null")),
        };
        let key = key(Algorithm::EdDsa);
        let token = verified(&key.signed(&key.header().to_string(), &null), &SET, all()).unwrap();
        let ids = client_ids(&[AUDIENCE]);
        let expected = Expected {
            issuer: ISSUER,
            client_ids: &ids,
            now: super::now(),
            skew_s: 0,
            oldest_s: None,
        };
        assert_eq!(token.check(&expected).map(|_| ()), Err(claim), "{null}");
    }
}

#[test]
fn a_token_is_good_from_its_issue_to_its_end() {
    let lives = testing::TOKEN_S;
    let start = now().as_second();
    let expired =
        |after: i64| Err(TokenFault::Expired { now: start + after, expires: start + lives });
    for (skew, after, want) in [
        (0, 0, Ok(())),
        (0, lives - 1, Ok(())),
        (0, lives, expired(lives)),
        (0, lives + 1, expired(lives + 1)),
        (0, -1, Err(TokenFault::IssuedAhead)),
        (60, lives + 59, Ok(())),
        (60, lives + 60, expired(lives + 60)),
        (60, -60, Ok(())),
        (60, -61, Err(TokenFault::IssuedAhead)),
        (300, lives + 299, Ok(())),
        (300, lives + 300, expired(lives + 300)),
        (300, -300, Ok(())),
        (300, -301, Err(TokenFault::IssuedAhead)),
        // No setting makes it more, or less than none.
        (i64::MAX, lives + 300, expired(lives + 300)),
        (i64::MAX, -301, Err(TokenFault::IssuedAhead)),
        (-60, lives - 1, Ok(())),
        (-60, 0, Ok(())),
    ] {
        Check { skew, after, ..USUAL }.gives(json!({}), want);
    }
    for (skew, ahead, want) in [
        (0, 0, Ok(())),
        (0, 1, Err(TokenFault::NotYetValid)),
        (60, 60, Ok(())),
        (60, 61, Err(TokenFault::NotYetValid)),
    ] {
        Check { skew, after: 0, ..USUAL }.gives(json!({ "nbf": start + ahead }), want);
    }
    // Long ago, and never.
    refused(json!({ "exp": 0 }), TokenFault::Expired { now: start + 60, expires: 0 });
    refused(json!({ "exp": -1 }), TokenFault::Expired { now: start + 60, expires: -1 });
    USUAL.gives(json!({ "exp": 253_402_207_200_i64 }), Ok(()));
}

/// AWS's text is `Token too old: <seconds>`.
#[test]
fn a_token_may_be_too_old_although_it_has_not_expired() {
    let far = json!({ "exp": now().as_second() + 1_000_000 });
    for (oldest, after, want) in [
        (None, 900_000, Ok(())),
        (Some(86_400), 86_460, Ok(())),
        (Some(86_400), 86_461, Err(TokenFault::TooOld { seconds: 86_461 })),
        (Some(0), 60, Ok(())),
        (Some(0), 61, Err(TokenFault::TooOld { seconds: 61 })),
        (Some(-5), 61, Err(TokenFault::TooOld { seconds: 61 })),
        (Some(i64::MAX), 900_000, Ok(())),
    ] {
        Check { oldest, after, ..USUAL }.gives(far.clone(), want);
    }
    Check { oldest: Some(3600), ..USUAL }
        .gives(json!({ "iat": 0 }), Err(TokenFault::TooOld { seconds: now().as_second() + 60 }));
}

#[test]
fn one_audience_at_least_is_registered() {
    for (aud, want) in [
        (json!(AUDIENCE), Some(AUDIENCE)),
        (json!([AUDIENCE]), Some(AUDIENCE)),
        (json!(["stranger", AUDIENCE]), Some(AUDIENCE)),
        (json!([AUDIENCE, "other"]), Some(AUDIENCE)),
        (json!(["other", AUDIENCE]), Some("other")),
        (json!("stranger"), None),
        (json!(["stranger", "another"]), None),
        (json!("STS.amazonaws.com"), None),
        (json!("sts.amazonaws.com "), None),
        (json!("sts.amazonaws.com,other"), None),
        (json!("https://sts.amazonaws.com"), None),
        (json!("sts"), None),
        (json!("*"), None),
    ] {
        let made = USUAL.of(&claims_with(json!({ "aud": aud })));
        let want = want.map(str::to_owned).ok_or(TokenFault::Audience);
        assert_eq!(made.map(|identity| identity.audience), want, "{aud}");
    }
    for bad in [
        json!(""),
        json!([]),
        json!([""]),
        json!([AUDIENCE, ""]),
        json!([AUDIENCE, 1]),
        json!([[AUDIENCE]]),
        json!({ AUDIENCE: true }),
        json!(1),
        json!(vec![AUDIENCE; MAX_AUDIENCES + 1]),
    ] {
        refused(json!({ "aud": bad }), TokenFault::Claim("aud"));
    }
    USUAL.gives(json!({ "aud": vec![AUDIENCE; MAX_AUDIENCES] }), Ok(()));
    // A provider without client ids lets nobody in.
    Check { client_ids: &[], ..USUAL }.gives(json!({}), Err(TokenFault::Audience));
}

/// federation.md 2.2, azp: "it must be registered, and `<issuer>:aud` holds azp".
#[test]
fn the_authorized_party_takes_the_role_of_the_audience() {
    for (aud, azp, want) in [
        (json!(AUDIENCE), AUDIENCE, Some(AUDIENCE)),
        (json!(AUDIENCE), "other", Some("other")),
        (json!("account"), "other", Some("other")),
        (json!(["account", AUDIENCE]), AUDIENCE, Some(AUDIENCE)),
        // A token that a stranger asked for, to be shown to us.
        (json!(AUDIENCE), "stranger", None),
        (json!([AUDIENCE, "other"]), "stranger", None),
        (json!(AUDIENCE), "", None),
    ] {
        let made = USUAL.of(&claims_with(json!({ "aud": aud, "azp": azp })));
        let want = want.map(str::to_owned).ok_or(TokenFault::Audience);
        assert_eq!(made.map(|identity| identity.audience), want, "{aud} {azp}");
    }
    for bad in [json!(1), json!([AUDIENCE]), json!({}), json!(false)] {
        refused(json!({ "azp": bad }), TokenFault::Claim("azp"));
    }
    let identity = good(json!({ "aud": ["account", "profile"], "azp": "other" }));
    assert_eq!(identity.authorized_party.as_deref(), Some("other"));
    assert_eq!(identity.audiences, ["account", "profile"]);
    assert_eq!(
        keys(&identity),
        [
            ("aud", "other"),
            ("sub", SUBJECT),
            ("oaud", "account"),
            ("oaud", "profile"),
            ("azp", "other")
        ]
    );
}

/// federation.md 2.2, amr, and 2.4.
#[test]
fn condition_keys_come_from_known_claims_only() {
    let identity = good(json!({
        "amr": ["pwd", "mfa"], "email": "ann@example.com", "repository": "acme/app",
        "aws:PrincipalArn": "arn:aws:iam::111122223333:root", "groups": ["admin"],
    }));
    assert_eq!(identity.amr, ["pwd", "mfa"]);
    assert_eq!(
        keys(&identity),
        [
            ("aud", AUDIENCE),
            ("sub", SUBJECT),
            ("amr", "pwd"),
            ("amr", "mfa"),
            ("oaud", AUDIENCE),
            ("email", "ann@example.com"),
        ]
    );
    assert_eq!(good(json!({ "amr": [] })).keys, good(json!({})).keys);
    // Another form than a text is none.
    assert_eq!(good(json!({ "email": ["ann@example.com"] })).keys, good(json!({})).keys);
    for bad in [json!("pwd"), json!([1]), json!({}), json!([["pwd"]]), json!(true)] {
        refused(json!({ "amr": bad }), TokenFault::Claim("amr"));
    }
    // The issuer's own.
    let github = "https://token.actions.githubusercontent.com";
    let claims = claims_with(json!({
        "iss": github, "sub": "repo:acme/app:ref:refs/heads/main", "repository": "acme/app",
        "repository_id": "42", "ref": "refs/heads/main", "run_id": "7", "ref_type": "branch",
    }));
    let identity = Check { issuer: github, ..USUAL }.of(&claims).unwrap();
    assert_eq!(
        keys(&identity),
        [
            ("aud", AUDIENCE),
            ("sub", "repo:acme/app:ref:refs/heads/main"),
            ("oaud", AUDIENCE),
            ("ref", "refs/heads/main"),
            ("repository", "acme/app"),
            ("repository_id", "42"),
        ]
    );
}

const TAGS: &str = "https://aws.amazon.com/tags";

/// federation.md 2.3.
#[test]
fn session_tags_have_one_value_each() {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let nested = json!({ TAGS: {
        "principal_tags": { "Project": ["Automation"], "Team": [""] },
        "transitive_tag_keys": ["Project"],
    }});
    let identity = good(nested);
    assert_eq!(identity.tags, [pair("Project", "Automation"), pair("Team", "")]);
    assert_eq!(identity.transitive_tag_keys, ["Project"]);
    let flat = json!({
        "https://aws.amazon.com/tags/principal_tags/Project": "Automation",
        "https://aws.amazon.com/tags/principal_tags/a/b": "c",
        "https://aws.amazon.com/tags/transitive_tag_keys": ["Project", "a/b"],
    });
    let identity = good(flat);
    assert_eq!(identity.tags, [pair("Project", "Automation"), pair("a/b", "c")]);
    assert_eq!(identity.transitive_tag_keys, ["Project", "a/b"]);
    // A key that stands in both forms is told twice, for whoever refuses it.
    let both = json!({
        TAGS: { "principal_tags": { "Project": ["one"] } },
        "https://aws.amazon.com/tags/principal_tags/Project": "two",
    });
    assert_eq!(good(both).tags, [pair("Project", "one"), pair("Project", "two")]);
    for none in [json!({ TAGS: {} }), json!({ TAGS: { "principal_tags": {}, "more": 1 } })] {
        let identity = good(none);
        assert!(identity.tags.is_empty() && identity.transitive_tag_keys.is_empty());
    }
    for bad in [
        json!({ TAGS: [] }),
        json!({ TAGS: "Project=Automation" }),
        json!({ TAGS: { "principal_tags": [] } }),
        json!({ TAGS: { "principal_tags": { "Project": "Automation" } } }),
        json!({ TAGS: { "principal_tags": { "Project": [] } } }),
        json!({ TAGS: { "principal_tags": { "Project": ["a", "b"] } } }),
        json!({ TAGS: { "principal_tags": { "Project": [1] } } }),
        json!({ TAGS: { "principal_tags": { "Project": [["a"]] } } }),
        json!({ TAGS: { "transitive_tag_keys": "Project" } }),
        json!({ TAGS: { "transitive_tag_keys": [1] } }),
        json!({ "https://aws.amazon.com/tags/principal_tags/Project": ["a"] }),
        json!({ "https://aws.amazon.com/tags/principal_tags/Project": 1 }),
        json!({ "https://aws.amazon.com/tags/transitive_tag_keys": "Project" }),
    ] {
        refused(bad, TokenFault::Claim(TAGS));
    }
}

#[test]
fn the_source_identity_is_a_text() {
    const NAME: &str = "https://aws.amazon.com/source_identity";
    assert_eq!(good(json!({ NAME: "ann" })).source_identity.as_deref(), Some("ann"));
    for bad in [json!(1), json!(["ann"]), json!({}), json!(true)] {
        refused(json!({ NAME: bad }), TokenFault::Claim(NAME));
    }
}

/// The order in which faults are found is that of the documentation.
#[test]
fn the_first_fault_is_told() {
    let mut changes = json!({
        "iss": "https://evil.example.com", "exp": 0, "aud": "stranger", "amr": 1,
    });
    refused(changes.clone(), TokenFault::Issuer);
    changes["iss"] = json!(ISSUER);
    refused(changes.clone(), TokenFault::Expired { now: now().as_second() + 60, expires: 0 });
    changes["exp"] = json!(now().as_second() + 1000);
    refused(changes.clone(), TokenFault::Audience);
    changes["aud"] = json!(AUDIENCE);
    refused(changes, TokenFault::Claim("amr"));
}

/// A remembered token is checked at each use.
#[test]
fn a_token_can_be_checked_again() {
    let token = verified_with(&claims());
    let check = |ids: &[&str], after: i64| {
        token.check(&Expected {
            issuer: ISSUER,
            client_ids: &client_ids(ids),
            now: Timestamp::from_second(now().as_second() + after).unwrap(),
            skew_s: 0,
            oldest_s: None,
        })
    };
    assert_eq!(check(&[AUDIENCE], 0), check(&[AUDIENCE], 3599));
    assert!(check(&[AUDIENCE], 0).is_ok());
    assert_eq!(check(&["other"], 0).map(|_| ()), Err(TokenFault::Audience));
    assert!(matches!(check(&[AUDIENCE], 3600), Err(TokenFault::Expired { .. })));
}
