//! How long sessions of roles last, how long their tokens are, and who cannot have one at all. Rows
//! are named after sections of the STS reference.

use super::accounts::{OTHER, assume, second};
use super::root_user::root_of;
use super::services::service;
use super::sts_session_tags::{ALL, open, role_arn, root, set_trust, trusting, with_roles};
use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};

const OVER_ROLE: &str =
    "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
const OVER_CHAIN: &str = "The requested DurationSeconds exceeds the 1 hour session limit for \
                          roles assumed by role chaining.";

fn violated(value: i64, rule: &str) -> String {
    format!(
        "1 validation error detected: Value '{value}' at 'durationSeconds' failed to satisfy \
         constraint: Member must have value {rule}"
    )
}

#[tokio::test]
async fn section_1_2_duration_rules() {
    let world = with_roles(&["First"]).await;
    for (name, longest) in [("Day", "43200"), ("Hour", "3600")] {
        world.role(name, &open(), None).await;
        let update =
            [("Action", "UpdateRole"), ("RoleName", name), ("MaxSessionDuration", longest)];
        world.iam(&world.admin, &update).await.ok();
    }
    let session = world.assume(&world.admin, "First", &[]).await.ok().credentials();
    let short = world.assume(&world.admin, "First", &[("DurationSeconds", "900")]).await;
    let short = short.ok().credentials();
    let token = [("Action", "GetSessionToken")];
    let user_session = world.sts(&world.admin, &token).await.ok().credentials();
    let names = ["jobs.example.com"];
    let (_, jobs) = service(&world, "jobs", &names, &[ACCOUNT]).await;
    let both = format!(
        r#"{{"Version":"2012-10-17","Statement":[
            {{"Effect":"Allow","Principal":{{"AWS":"{}"}},"Action":"sts:AssumeRole"}},
            {{"Effect":"Allow","Principal":{{"Service":"{}"}},"Action":"sts:AssumeRole"}}]}}"#,
        root(ACCOUNT),
        names[0]
    );
    set_trust(&world, "Day", &both).await;
    let low = || violated(899, "greater than or equal to 900");
    let high = || violated(43_201, "less than or equal to 43200");
    let refused = |text: &str| Err(text.to_owned());
    // Who calls, the role, what is asked for, and the seconds that the session gets.
    let rows = [
        ("absent: the default, whatever the role's maximum", &world.admin, "Day", None, Ok(3600)),
        ("below 900", &world.admin, "Day", Some(899), Err(low())),
        ("900", &world.admin, "Day", Some(900), Ok(900)),
        ("the role's maximum", &world.admin, "Day", Some(43_200), Ok(43_200)),
        ("above 43200", &world.admin, "Day", Some(43_201), Err(high())),
        ("the role's maximum", &world.admin, "Hour", Some(3600), Ok(3600)),
        ("above it: refused, not clipped", &world.admin, "Hour", Some(3601), refused(OVER_ROLE)),
        ("chained, absent", &session, "Day", None, Ok(3600)),
        ("chained, an hour", &session, "Day", Some(3600), Ok(3600)),
        ("chained, more: refused, not clipped", &session, "Day", Some(3601), refused(OVER_CHAIN)),
        ("chained, both are too much", &session, "Hour", Some(7200), refused(OVER_CHAIN)),
        ("a GetSessionToken session chains", &user_session, "Day", Some(3601), refused(OVER_CHAIN)),
        ("a GetSessionToken session, an hour", &user_session, "Day", Some(3600), Ok(3600)),
        ("a chained session may outlive its caller", &short, "Day", Some(3600), Ok(3600)),
        ("a service, the role's maximum", &jobs, "Day", Some(43_200), Ok(43_200)),
        ("a service, above 43200", &jobs, "Day", Some(43_201), Err(high())),
    ];
    for (row, by, role, asked, want) in rows {
        let asked = asked.map(|seconds: i64| seconds.to_string());
        let more: Vec<_> = asked.iter().map(|text| ("DurationSeconds", text.as_str())).collect();
        let answer = world.assume(by, role, &more).await;
        match want {
            Err(text) => {
                println!("{row}");
                answer.refused(400, "ValidationError", &text);
            }
            Ok(seconds) => {
                let answer = answer.ok();
                let ends: jiff::Timestamp = answer.text("Expiration").unwrap().parse().unwrap();
                assert_eq!(ends.as_second() - world.now().as_second(), seconds, "{row}");
            }
        }
    }
    // Nobody learns a role's maximum who may not assume it.
    set_trust(&world, "Hour", &trust(r#"{"Service":"ec2.amazonaws.com"}"#, "")).await;
    let answer = world.assume(&world.admin, "Hour", &[("DurationSeconds", "43200")]).await;
    assert_eq!(answer.text("Code"), Some("AccessDenied"));
}

#[tokio::test]
async fn section_1_root_is_refused_before_any_policy() {
    let world = with_roles(&["Target"]).await;
    set_trust(&world, "Target", &trusting(&[&root(ACCOUNT)], ALL, "")).await;
    let by = root_of(&world, ACCOUNT, 50).await;
    let token = [("Action", "GetSessionToken")];
    let session = world.sts(&by, &token).await.ok().credentials();
    for by in [&by, &session] {
        for role in ["Target", "None"] {
            let answer = world.assume(by, role, &[("SourceIdentity", "ann")]).await;
            let text = "Roles may not be assumed by root accounts.";
            answer.refused(403, "AccessDenied", text);
        }
    }
}

/// A role that assumes itself is let in as any other principal is: by its name, or by the account
/// and its own policy.
#[tokio::test]
async fn policy_language_5_a_role_that_assumes_itself() {
    let world = World::new().await;
    let boss = second(&world).await;
    let allow = statement("Allow", "sts:AssumeRole", "*");
    let none = statement("Allow", "s3:*", "*");
    let (own, admin) = (role_arn("Self"), format!("arn:aws:iam::{ACCOUNT}:user/admin"));
    world.role("Self", &trust_account(), Some(&none)).await;
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Self/session-1");
    for (row, principals, policy, is_let_in) in [
        ("itself by name", vec![&admin, &own], &none, true),
        ("its session by name", vec![&admin, &session], &none, true),
        ("the account and its own policy", vec![&root(ACCOUNT)], &allow, true),
        ("the account alone", vec![&root(ACCOUNT)], &none, false),
        ("others only", vec![&admin], &allow, false),
        ("another account", vec![&admin, &root(OTHER)], &allow, false),
    ] {
        let principals: Vec<&str> = principals.into_iter().map(String::as_str).collect();
        set_trust(&world, "Self", &trusting(&principals, ALL, "")).await;
        world.put_role_policy("Self", policy).await;
        let by = world.assume(&world.admin, "Self", &[]).await.ok().credentials();
        let again = world.assume(&by, "Self", &[]).await;
        assert_eq!(again.status == 200, is_let_in, "{row}: {}", again.body);
        let theirs = assume(&world, &boss, &own, &[]).await;
        assert_eq!(theirs.status == 200, principals.contains(&root(OTHER).as_str()), "{row}");
    }
}

#[tokio::test]
async fn section_2_1_minimum_session_token_size() {
    let world = with_roles(&["Target"]).await;
    let number =
        |answer: &Answer, name: &str| -> usize { answer.text(name).unwrap().parse().unwrap() };
    let target = role_arn("Target");
    let assume = [("RoleArn", target.as_str()), ("RoleSessionName", "session-1")];
    for (operation, parameters) in [("AssumeRole", &assume[..]), ("GetSessionToken", &[])] {
        let mut call = vec![("Action", operation)];
        call.extend_from_slice(parameters);
        let shortest = number(&world.sts(&world.admin, &call).await.ok(), "SessionTokenSize");
        for least in [0, 1, shortest, shortest + 1, 1000, 4095, 4096] {
            let text = least.to_string();
            let mut call = call.clone();
            call.push(("MinimumSessionTokenSize", &text));
            let answer = world.sts(&world.admin, &call).await.ok();
            let credentials = answer.credentials();
            let length = credentials.session_token.as_ref().unwrap().len();
            let want = least.max(shortest)..=least.max(shortest) + 3;
            assert!(want.contains(&length), "{operation}, {least}: {length}");
            assert_eq!(number(&answer, "SessionTokenSize"), length);
            let share = number(&answer, "SessionTokenUtilization");
            assert_eq!(share, (length * 100).div_ceil(4096));
            assert_eq!(answer.text("PackedPolicySize"), None);
            world.whoami(&credentials).await.ok();
        }
    }
    let at = "at 'minimumSessionTokenSize' failed to satisfy constraint: Member must have value";
    for (bad, rule) in
        [("-1", "greater than or equal to 0"), ("4097", "less than or equal to 4096")]
    {
        let answer =
            world.assume(&world.admin, "Target", &[("MinimumSessionTokenSize", bad)]).await;
        let text = format!("1 validation error detected: Value '{bad}' {at} {rule}");
        answer.refused(400, "ValidationError", &text);
    }
}

/// Contexts of the right form are refused, because nobody is registered who could vouch for them.
#[tokio::test]
async fn section_2_1_provided_contexts() {
    let world = with_roles(&["Target"]).await;
    let provider = "arn:aws:iam::aws:contextProvider/IdentityCenter";
    let long = "x".repeat(2048);
    let named = |number: u32| format!("ProvidedContexts.member.{number}.ProviderArn");
    let asserted = |number: u32| format!("ProvidedContexts.member.{number}.ContextAssertion");
    let refused = "The provided context cannot be verified: no context provider is registered.";
    for assertion in ["abcd", &long] {
        for role in ["Target", "None"] {
            let more = [(named(1), provider), (asserted(1), assertion)];
            let more: Vec<_> = more.iter().map(|(name, value)| (name.as_str(), *value)).collect();
            let answer = world.assume(&world.admin, role, &more).await;
            answer.refused(400, "InvalidParameterValue", refused);
        }
    }
    let violated = |value: &str, at: &str, rule: &str| {
        format!(
            "1 validation error detected: Value {value}at '{at}' failed to satisfy constraint: \
             Member must have length {rule}"
        )
    };
    let (one, member) = ("providedContexts", "providedContexts.1.member");
    let too_long = format!("{long}x");
    for (name, value, text) in [
        ("ProvidedContexts".to_owned(), "", violated("", one, "greater than or equal to 1")),
        (
            named(1),
            "arn:aws",
            violated("'arn:aws' ", &format!("{member}.providerArn"), "greater than or equal to 20"),
        ),
        (
            asserted(1),
            "abc",
            violated("", &format!("{member}.contextAssertion"), "greater than or equal to 4"),
        ),
        (
            asserted(1),
            &too_long,
            violated("", &format!("{member}.contextAssertion"), "less than or equal to 2048"),
        ),
    ] {
        let answer = world.assume(&world.admin, "Target", &[(name.as_str(), value)]).await;
        answer.refused(400, "ValidationError", &text);
    }
    let many: Vec<String> = (1..=6).map(named).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), provider)).collect();
    let answer = world.assume(&world.admin, "Target", &many).await;
    answer.refused(400, "ValidationError", &violated("", one, "less than or equal to 5"));
}
