//! Source identity: its form, who may set it, and that it is carried and never changed. Rows are
//! named after sections of the STS reference.

use daypass_directory::{NewRevocation, Revocation, Scope};
use daypass_names::{Constrained, SourceIdentity};
use daypass_sigv4::Credentials;

use super::accounts::{INVALID, OTHER, account, assume, second};
use super::sts_session_tags::{ALL, holds, open, role_arn, root, set_trust, trusting, with_roles};
use super::world::{ACCOUNT, Answer, World, noted, statement, trust_account};

async fn named(world: &World, by: &Credentials, role: &str, identity: &str) -> Answer {
    world.assume(by, role, &[("SourceIdentity", identity)]).await
}

#[tokio::test]
async fn section_7_form() {
    let world = with_roles(&["Target"]).await;
    let (longest, longer) = ("a".repeat(64), "a".repeat(65));
    for good in ["ab", "Ann_1+=,.@-", &longest, "aws"] {
        let answer = named(&world, &world.admin, "Target", good).await.ok();
        assert_eq!(answer.text("SourceIdentity"), Some(good));
    }
    let at = |value: &str, rule: &str| {
        format!(
            "1 validation error detected: Value '{value}' at 'sourceIdentity' failed to satisfy \
             constraint: Member must {rule}"
        )
    };
    let pattern = r"satisfy regular expression pattern: [\w+=,.@-]*";
    for (bad, rule) in [
        ("a", "have length greater than or equal to 2"),
        (&longer, "have length less than or equal to 64"),
        ("a b", pattern),
        ("aws:ann", pattern),
        ("AWS:ann", pattern),
    ] {
        let answer = named(&world, &world.admin, "Target", bad).await;
        answer.refused(400, "ValidationError", &at(bad, rule));
    }
    assert_eq!(world.assume(&world.admin, "Target", &[]).await.text("SourceIdentity"), None);
}

/// What is set once is carried into every further session: with none and with the same value, never
/// with another.
#[tokio::test]
async fn section_7_persistence() {
    let world = with_roles(&["A", "B", "C"]).await;
    let a = named(&world, &world.admin, "A", "ann@example.com").await.ok().credentials();
    let text = |session: &str, role: &str| {
        format!(
            "User: arn:aws:sts::{ACCOUNT}:assumed-role/{session}/session-1 is not authorized to \
             perform: sts:SetSourceIdentity on resource: {}",
            role_arn(role)
        )
    };
    for other in ["bob@example.com", "Ann@example.com"] {
        let answer = named(&world, &a, "B", other).await;
        answer.refused(403, "AccessDenied", &text("A", "B"));
        // Also where there is no such role.
        let answer = named(&world, &a, "None", other).await;
        answer.refused(403, "AccessDenied", &text("A", "None"));
    }
    let same = named(&world, &a, "B", "ann@example.com").await.ok();
    assert_eq!(same.text("SourceIdentity"), Some("ann@example.com"));
    let b = world.assume(&a, "B", &[]).await.ok();
    assert_eq!(b.text("SourceIdentity"), Some("ann@example.com"));
    let c = world.assume(&b.credentials(), "C", &[]).await.ok();
    assert_eq!(c.text("SourceIdentity"), Some("ann@example.com"));
    let answer = named(&world, &c.credentials(), "A", "bob@example.com").await;
    answer.refused(403, "AccessDenied", &text("C", "A"));
    let equals = |key: &str, value: &str| format!(r#"{{"StringEquals":{{"{key}":"{value}"}}}}"#);
    let c = c.credentials();
    assert!(holds(&world, &c, "C", &equals("aws:SourceIdentity", "ann@example.com")).await);
    assert!(!holds(&world, &c, "C", &equals("aws:SourceIdentity", "bob@example.com")).await);
    assert!(!holds(&world, &c, "C", &equals("sts:SourceIdentity", "ann@example.com")).await);
    // A session without one may set one.
    let bare = world.assume(&world.admin, "A", &[]).await.ok().credentials();
    assert!(holds(&world, &bare, "A", r#"{"Null":{"aws:SourceIdentity":"true"}}"#).await);
    named(&world, &bare, "B", "eve@example.com").await.ok();
}

#[tokio::test]
async fn section_7_keys_at_assume_time() {
    let world = with_roles(&["First", "Target"]).await;
    let by = named(&world, &world.admin, "First", "ann").await.ok().credentials();
    let rows = [
        (r#"{"StringEquals":{"sts:SourceIdentity":"ann"}}"#, true, false),
        (r#"{"StringLike":{"sts:SourceIdentity":"a*"}}"#, true, false),
        (r#"{"StringEquals":{"sts:SourceIdentity":"bob"}}"#, false, false),
        // What is inherited is the caller's, not the request's.
        (r#"{"Null":{"sts:SourceIdentity":"true"}}"#, false, true),
        (r#"{"StringEquals":{"aws:SourceIdentity":"ann"}}"#, true, true),
    ];
    for (condition, given, inherited) in rows {
        set_trust(&world, "Target", &trusting(&[&root(ACCOUNT)], ALL, condition)).await;
        let answer = named(&world, &by, "Target", "ann").await;
        assert_eq!(answer.status == 200, given, "given, {condition}: {}", answer.body);
        let answer = world.assume(&by, "Target", &[]).await;
        assert_eq!(answer.status == 200, inherited, "inherited, {condition}: {}", answer.body);
    }
}

/// `sts:SetSourceIdentity`: in the trust policy always, in the caller's identity policy for role
/// chaining and across accounts.
#[tokio::test]
async fn section_7_permission() {
    let world = World::new().await;
    let boss = second(&world).await;
    let all = statement("Allow", "*", "*");
    world.role("First", &open(), Some(&all)).await;
    world.role("Target", &trust_account(), None).await;
    let ann = world.user("Ann", None).await;
    let assume_only = statement("Allow", "sts:AssumeRole", "*");
    let both = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":["sts:AssumeRole","sts:SetSourceIdentity"],"Resource":"*"}}"#;
    let user = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let first = role_arn("First");
    let boss_arn = format!("arn:aws:iam::{OTHER}:user/boss");
    let session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/First/session-1");
    let set = ["sts:AssumeRole", "sts:SetSourceIdentity"];
    let plain = ["sts:AssumeRole"];
    let bare = world.assume(&world.admin, "First", &[]).await.ok().credentials();
    let carrying = named(&world, &world.admin, "First", "ann").await.ok().credentials();
    let token = [("Action", "GetSessionToken")];
    let of_ann = world.sts(&ann, &token).await.ok().credentials();
    // Who calls and with what policy, whom the trust policy names for what, the source identity, and
    // whose policy refuses.
    type Row<'a> = (
        &'a str,
        &'a Credentials,
        Option<&'a str>,
        (&'a str, &'a [&'a str]),
        Option<&'a str>,
        Option<&'a str>,
    );
    let (of_identity, of_trust) = ("identity-based policy", "role trust policy");
    // Where the trust policy does not name the caller, the caller's own policies come first.
    let rows: &[Row<'_>] = &[
        ("a user that is named", &ann, None, (&user, &set), Some("ann"), None),
        ("its GetSessionToken session", &of_ann, None, (&user, &set), Some("ann"), None),
        ("a user, not in the trust", &ann, None, (&user, &plain), Some("ann"), Some(of_identity)),
        ("a user, nothing set", &ann, None, (&user, &plain), None, None),
        ("chaining, both", &bare, Some(both), (&first, &set), Some("ann"), None),
        (
            "chaining, not in the identity policy",
            &bare,
            Some(&assume_only),
            (&first, &set),
            Some("ann"),
            Some(of_identity),
        ),
        (
            "chaining, not in the trust",
            &bare,
            Some(both),
            (&first, &plain),
            Some("ann"),
            Some(of_trust),
        ),
        ("chaining, nothing set", &bare, Some(&assume_only), (&first, &plain), None, None),
        // The session itself may be named: the identity policy is asked all the same.
        (
            "chaining, the session is named",
            &bare,
            Some(&assume_only),
            (&session, &set),
            Some("ann"),
            Some(of_identity),
        ),
        ("inherited, both", &carrying, Some(both), (&first, &set), None, None),
        (
            "inherited, not in the trust",
            &carrying,
            Some(both),
            (&first, &plain),
            None,
            Some(of_trust),
        ),
        (
            "inherited, not in the identity policy",
            &carrying,
            Some(&assume_only),
            (&first, &set),
            None,
            Some(of_identity),
        ),
        ("across accounts", &boss, None, (&boss_arn, &set), Some("ann"), None),
        (
            "across accounts, not in the trust",
            &boss,
            None,
            (&boss_arn, &plain),
            Some("ann"),
            Some(""),
        ),
    ];
    for (row, by, policy, (principal, actions), identity, refusal) in rows {
        if let Some(policy) = policy {
            world.put_role_policy("First", policy).await;
        }
        set_trust(&world, "Target", &trusting(&[principal], actions, "")).await;
        let more: Vec<_> = identity.iter().map(|identity| ("SourceIdentity", *identity)).collect();
        let answer = world.assume(by, "Target", &more).await;
        let Some(kind) = refusal else {
            assert_eq!(answer.status, 200, "{row}: {}", answer.body);
            continue;
        };
        let text = answer.text("Message").unwrap_or_default();
        assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")), "{row}");
        assert!(text.contains("perform: sts:SetSourceIdentity on resource: "), "{row}: {text}");
        let reason = format!(" because no {kind} allows the sts:SetSourceIdentity action");
        assert!(text.ends_with(if kind.is_empty() { "/Target" } else { &reason }), "{row}: {text}");
    }
    // Across accounts the identity policy must allow it as well.
    let put = [
        ("Action", "PutUserPolicy"),
        ("UserName", "boss"),
        ("PolicyName", "all"),
        ("PolicyDocument", &assume_only),
    ];
    world.iam(&boss, &put).await.ok();
    set_trust(&world, "Target", &trusting(&[&boss_arn], &set, "")).await;
    let target = role_arn("Target");
    assume(&world, &boss, &target, &[]).await.ok();
    let refused = assume(&world, &boss, &target, &[("SourceIdentity", "ann")]).await;
    assert_eq!(refused.status, 403, "{}", refused.body);
}

#[tokio::test]
async fn a_source_identity_is_recorded() {
    let world = with_roles(&["A", "B"]).await;
    let before = world.records().len();
    let a = named(&world, &world.admin, "A", "ann").await.ok().credentials();
    let b = world.assume(&a, "B", &[]).await.ok().credentials();
    world.iam(&b, &[("Action", "ListUsers")]).await.ok();
    world.assume(&b, "A", &[]).await.ok();
    let records = world.records().split_off(before);
    let [first, second, list, third] = &records[..] else { panic!("{}", records.len()) };
    assert_eq!(first["requestParameters"]["sourceIdentity"], "ann");
    assert_eq!(first["responseElements"]["sourceIdentity"], "ann");
    assert_eq!(first.get("additionalEventData"), None);
    assert_eq!(second["requestParameters"].get("sourceIdentity"), None);
    assert_eq!(second["responseElements"]["sourceIdentity"], "ann");
    for record in [second, list, third] {
        assert_eq!(record["userIdentity"]["sessionContext"]["sourceIdentity"], "ann");
    }
    // The chain, as far as `userIdentity` does not tell it.
    let ancestors = serde_json::json!({"ancestors": [a.access_key_id.as_str()]});
    assert_eq!(third["additionalEventData"], ancestors);
    assert_eq!(third["userIdentity"]["accessKeyId"], b.access_key_id.as_str());
}

/// The owner of a role of another account is told who called, and not what came before.
#[tokio::test]
async fn the_owners_copy_does_not_tell_the_chain() {
    let world = with_roles(&["A", "B"]).await;
    let boss = second(&world).await;
    let target = format!("arn:aws:iam::{OTHER}:role/Target");
    let trust = trusting(&[&root(ACCOUNT)], ALL, "");
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Target"),
        ("AssumeRolePolicyDocument", trust.as_str()),
    ];
    world.iam(&boss, &create).await.ok();
    let a = named(&world, &world.admin, "A", "ann").await.ok().credentials();
    let b = world.assume(&a, "B", &[]).await.ok().credentials();
    let before = world.records().len();
    assume(&world, &b, &target, &[]).await.ok();
    let records = world.records().split_off(before);
    let [own, owners] = &records[..] else { panic!("{}", records.len()) };
    assert_eq!(own["recipientAccountId"], ACCOUNT);
    assert_eq!(own["additionalEventData"]["ancestors"][0], a.access_key_id.as_str());
    assert_eq!(owners["recipientAccountId"], OTHER);
    assert_eq!(owners.get("additionalEventData"), None);
    assert_eq!(owners["responseElements"]["sourceIdentity"], "ann");
}

/// Taking a source identity back ends every session that has it, set or inherited.
#[tokio::test]
async fn a_revoked_source_identity_ends_the_whole_chain() {
    for only in [None, Some(account(ACCOUNT))] {
        let world = with_roles(&["A", "B"]).await;
        let a = named(&world, &world.admin, "A", "ann").await.ok().credentials();
        let b = world.assume(&a, "B", &[]).await.ok().credentials();
        let c = world.assume(&b, "A", &[]).await.ok().credentials();
        let other = named(&world, &world.admin, "A", "bob").await.ok().credentials();
        let bare = world.assume(&world.admin, "A", &[]).await.ok().credentials();
        // Set on the way: what came before stays.
        let late = named(&world, &bare, "B", "ann").await.ok().credentials();
        let new = NewRevocation {
            random: [1; 5],
            scope: Scope::SourceIdentity(only, SourceIdentity::parse("ann").unwrap()),
            cut_ms: world.app.revocation_cut_ms(),
            created: world.now(),
            by: "uid:0".to_owned(),
            reason: None,
        };
        world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap();
        for session in [&a, &b, &c, &late] {
            world.whoami(session).await.refused(403, "InvalidClientTokenId", INVALID);
        }
        for session in [&other, &bare, &world.admin] {
            world.whoami(session).await.ok();
        }
        let again = named(&world, &world.admin, "A", "ann").await.ok().credentials();
        world.whoami(&again).await.ok();
    }
}
