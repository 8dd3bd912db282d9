//! STS as a client sees it.

use std::sync::Arc;

use daypass_audit::{Faults, Trail, TrailSettings};
use daypass_names::{AccountId, Constrained, UserName};

use super::world::{ACCOUNT, World, statement, trust, trust_account};

#[tokio::test]
async fn a_user_knows_itself() {
    let world = World::new().await;
    let answer = world.whoami(&world.admin).await.ok();
    let want = format!("arn:aws:iam::{ACCOUNT}:user/admin");
    assert_eq!(answer.text("Arn"), Some(want.as_str()));
    assert_eq!(answer.text("Account"), Some(ACCOUNT));
    assert!(answer.text("UserId").unwrap().starts_with("AIDA"));
    insta::assert_snapshot!(answer.body);
}

#[tokio::test]
async fn nobody_can_be_denied_its_own_name() {
    let world = World::new().await;
    let deny = statement("Deny", "*", "*");
    let ann = world.user("Ann", Some(&deny)).await;
    world.whoami(&ann).await.ok();
    let token = [("Action", "GetSessionToken")];
    let session = world.sts(&ann, &token).await.ok().credentials();
    world.whoami(&session).await.ok();
}

#[tokio::test]
async fn an_assumed_role_is_the_role() {
    let world = World::new().await;
    let allow = statement("Allow", "iam:ListUsers", "*");
    world.role("Reader", &trust_account(), Some(&allow)).await;
    let answer = world.assume(&world.admin, "Reader", &[]).await.ok();
    assert_eq!(answer.text("Expiration"), Some("2026-01-02T04:04:05Z"));
    assert_eq!(answer.text("PackedPolicySize"), None);
    let result = answer.body.find("<AssumeRoleResult>").unwrap();
    assert!(result < answer.body.find("<ResponseMetadata>").unwrap());
    let session = answer.credentials();
    assert!(session.access_key_id.as_str().starts_with("ASIA"));
    let token = session.session_token.as_ref().unwrap();
    assert!(token.len() <= 500, "a plain token has {} characters", token.len());

    let me = world.whoami(&session).await.ok();
    let want = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    assert_eq!(me.text("Arn"), Some(want.as_str()));
    assert_eq!(answer.text("AssumedRoleId"), me.text("UserId"));
    assert!(me.text("UserId").unwrap().ends_with(":session-1"));

    world.iam(&session, &[("Action", "ListUsers")]).await.ok();
    world.iam(&session, &[("Action", "ListRoles")]).await.refused(
        403,
        "AccessDenied",
        &format!(
            "User: {want} is not authorized to perform: iam:ListRoles on resource: \
             arn:aws:iam::{ACCOUNT}:role/ because no identity-based policy allows the \
             iam:ListRoles action"
        ),
    );
}

#[tokio::test]
async fn a_session_policy_narrows_and_never_widens() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", "iam:List*", "*"))).await;
    let policy = statement("Allow", "iam:ListUsers", "*");
    let answer = world.assume(&world.admin, "Reader", &[("Policy", &policy)]).await.ok();
    let packed: u32 = answer.text("PackedPolicySize").unwrap().parse().unwrap();
    assert!((1..=100).contains(&packed));
    let session = answer.credentials();
    world.iam(&session, &[("Action", "ListUsers")]).await.ok();
    let refused = world.iam(&session, &[("Action", "ListRoles")]).await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("because no session policy allows the iam:ListRoles action"));

    let wide = statement("Allow", "*", "*");
    let session = world.assume(&world.admin, "Reader", &[("Policy", &wide)]).await.credentials();
    let create = [("Action", "CreateUser"), ("UserName", "Eve")];
    assert_eq!(world.iam(&session, &create).await.status, 403);
}

/// CVE-2025-62506: a session policy bounds calls to the session's own account as well.
#[tokio::test]
async fn cve_2025_62506_session_policy_bounds_own_account_calls() {
    let world = World::new().await;
    world.role("Admin", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let policy = statement("Allow", "iam:GetRole", "*");
    let session = world.assume(&world.admin, "Admin", &[("Policy", &policy)]).await.credentials();
    for call in [
        vec![("Action", "CreateUser"), ("UserName", "Eve")],
        vec![("Action", "CreateAccessKey"), ("UserName", "admin")],
        vec![("Action", "DeleteRolePolicy"), ("RoleName", "Admin"), ("PolicyName", "p")],
    ] {
        assert_eq!(world.iam(&session, &call).await.status, 403, "{call:?}");
    }
    let arn = format!("arn:aws:iam::{ACCOUNT}:role/Admin");
    let again = world
        .sts(&session, &[("Action", "AssumeRole"), ("RoleArn", &arn), ("RoleSessionName", "xx")])
        .await;
    assert_eq!(again.status, 403, "a session policy bounds AssumeRole too");
}

#[tokio::test]
async fn an_external_id_is_what_the_trust_policy_makes_of_it() {
    let world = World::new().await;
    let principal = format!(r#"{{"AWS":"{ACCOUNT}"}}"#);
    let condition = r#"{"StringEquals":{"sts:ExternalId":"abc"}}"#;
    world.role("Partner", &trust(&principal, condition), None).await;
    world.assume(&world.admin, "Partner", &[("ExternalId", "abc")]).await.ok();
    for wrong in [vec![], vec![("ExternalId", "ABC")], vec![("ExternalId", "abcd")]] {
        assert_eq!(world.assume(&world.admin, "Partner", &wrong).await.status, 403, "{wrong:?}");
    }
}

/// Policy language reference, table 5: what the trust policy names decides what else is needed.
#[tokio::test]
async fn who_may_assume_a_role_in_the_same_account() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let bob = world.user("Bob", Some(&statement("Allow", "sts:AssumeRole", "*"))).await;
    let user = |name| format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/{name}"}}"#);
    world.role("NamesAnn", &trust(&user("Ann"), ""), None).await;
    world.role("NamesAccount", &trust_account(), None).await;
    world.role("NamesService", &trust(r#"{"Service":"ec2.amazonaws.com"}"#, ""), None).await;
    for (role, ann_may, bob_may) in
        [("NamesAnn", true, false), ("NamesAccount", false, true), ("NamesService", false, false)]
    {
        assert_eq!(world.assume(&ann, role, &[]).await.status == 200, ann_may, "Ann {role}");
        assert_eq!(world.assume(&bob, role, &[]).await.status == 200, bob_may, "Bob {role}");
    }
}

#[tokio::test]
async fn a_role_that_does_not_exist_refuses_like_one_that_does() {
    let world = World::new().await;
    world.role("Real", &trust(r#"{"Service":"ec2.amazonaws.com"}"#, ""), None).await;
    let ann = world.user("Ann", None).await;
    for caller in [&world.admin, &ann] {
        let real = world.assume(caller, "Real", &[]).await;
        // The name is matched exactly, although it is unique ignoring case.
        for other in ["Unreal", "real", "path/Real"] {
            let unreal = world.assume(caller, other, &[]).await;
            let alike =
                unreal.text("Message").unwrap().replace(&format!("role/{other}"), "role/Real");
            assert_eq!(Some(alike.as_str()), real.text("Message"));
            assert_eq!((unreal.status, unreal.text("Code")), (403, Some("AccessDenied")));
        }
    }
}

#[tokio::test]
async fn durations() {
    let world = World::new().await;
    let chain = statement("Allow", "sts:AssumeRole", "*");
    world.role("Worker", &trust_account(), Some(&chain)).await;
    let ask = |seconds: &'static str| [("DurationSeconds", seconds)];
    for (seconds, expires) in [
        ("900", "2026-01-02T03:19:05Z"),
        ("3600", "2026-01-02T04:04:05Z"),
        ("7200", "2026-01-02T05:04:05Z"),
    ] {
        let answer = world.assume(&world.admin, "Worker", &ask(seconds)).await.ok();
        assert_eq!(answer.text("Expiration"), Some(expires));
    }
    for (seconds, message) in [
        (
            "899",
            "1 validation error detected: Value '899' at 'durationSeconds' failed to satisfy \
             constraint: Member must have value greater than or equal to 900",
        ),
        (
            "43201",
            "1 validation error detected: Value '43201' at 'durationSeconds' failed to satisfy \
             constraint: Member must have value less than or equal to 43200",
        ),
        ("7201", "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."),
    ] {
        let answer = world.assume(&world.admin, "Worker", &ask(seconds)).await;
        answer.refused(400, "ValidationError", message);
    }
    // A chained session lasts an hour at most, whatever the role allows; refused, not clipped.
    let text = "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed \
                by role chaining.";
    let session = world.assume(&world.admin, "Worker", &[]).await.ok().credentials();
    world.assume(&session, "Worker", &ask("3601")).await.refused(400, "ValidationError", text);
    world.assume(&session, "Worker", &ask("3600")).await.ok();
    let token = [("Action", "GetSessionToken")];
    let session = world.sts(&world.admin, &token).await.ok().credentials();
    world.assume(&session, "Worker", &ask("3601")).await.refused(400, "ValidationError", text);
}

#[tokio::test]
async fn sessions_end() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[("DurationSeconds", "900")]).await;
    let session = session.ok().credentials();
    world.pass(899);
    world.whoami(&session).await.ok();
    world.pass(1);
    let text = "The security token included in the request is expired";
    world.whoami(&session).await.refused(403, "ExpiredToken", text);
}

#[tokio::test]
async fn get_session_token_and_what_its_credentials_may() {
    let world = World::new().await;
    let ask = [("Action", "GetSessionToken"), ("DurationSeconds", "900")];
    let answer = world.sts(&world.admin, &ask).await.ok();
    assert_eq!(answer.text("Expiration"), Some("2026-01-02T03:19:05Z"));
    let session = answer.credentials();
    let me = world.whoami(&session).await.ok();
    let want = format!("arn:aws:iam::{ACCOUNT}:user/admin");
    assert_eq!(me.text("Arn"), Some(want.as_str()));
    world.sts(&session, &ask).await.refused(
        403,
        "AccessDenied",
        "Cannot call GetSessionToken with session credentials",
    );
    world.iam(&session, &[("Action", "ListUsers")]).await.refused(
        403,
        "InvalidClientTokenId",
        "The security token included in the request is invalid.",
    );
    let longest = [("Action", "GetSessionToken"), ("DurationSeconds", "129600")];
    world.sts(&world.admin, &longest).await.ok();
    let default = world.sts(&world.admin, &[("Action", "GetSessionToken")]).await.ok();
    assert_eq!(default.text("Expiration"), Some("2026-01-02T15:04:05Z"));
    // The user's key is what made the session: with it the session goes.
    let delete = [("Action", "DeleteAccessKey"), ("AccessKeyId", super::world::ADMIN_KEY)];
    world.iam(&world.admin, &delete).await.ok();
    assert_eq!(world.whoami(&session).await.text("Code"), Some("InvalidClientTokenId"));
}

#[tokio::test]
async fn a_second_factor_that_nobody_can_check_is_refused() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let serial = ("SerialNumber", "arn:aws:iam::123456789012:mfa/phone");
    let code = ("TokenCode", "123456");
    for more in [vec![serial], vec![code], vec![serial, code]] {
        let answer = world.assume(&world.admin, "Reader", &more).await;
        assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
        let mut token = vec![("Action", "GetSessionToken")];
        token.extend(&more);
        assert_eq!(world.sts(&world.admin, &token).await.text("Code"), Some("AccessDenied"));
    }
}

#[tokio::test]
async fn every_failed_constraint_is_reported_at_once() {
    let world = World::new().await;
    let answer = world
        .sts(&world.admin, &[("Action", "AssumeRole"), ("RoleSessionName", "Session1:2")])
        .await;
    answer.refused(
        400,
        "ValidationError",
        "2 validation errors detected: Value null at 'roleArn' failed to satisfy constraint: \
         Member must not be null; Value 'Session1:2' at 'roleSessionName' failed to satisfy \
         constraint: Member must satisfy regular expression pattern: [\\w+=,.@-]*",
    );
    for arn in [
        "nothing-valid-in-here",
        "arn:aws:iam::123456789012:user/Ann",
        "arn:aws:iam::123456789012:role/",
        "arn:aws:sts::123456789012:assumed-role/a/b",
        "arn:aws:iam:us-east-1:123456789012:role/x",
    ] {
        let call = [("Action", "AssumeRole"), ("RoleArn", arn), ("RoleSessionName", "s1")];
        let text = format!("{arn} is invalid");
        world.sts(&world.admin, &call).await.refused(400, "ValidationError", &text);
    }
}

#[tokio::test]
async fn a_session_policy_must_parse() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    for bad in ["{}", "not json", r#"{"Statement":[]}"#] {
        let answer = world.assume(&world.admin, "Reader", &[("Policy", bad)]).await;
        assert_eq!((answer.status, answer.text("Code")), (400, Some("MalformedPolicyDocument")));
    }
    let long = " ".repeat(2049);
    let answer = world.assume(&world.admin, "Reader", &[("Policy", &long)]).await;
    assert_eq!(answer.text("Code"), Some("ValidationError"));
}

#[tokio::test]
async fn rights_are_looked_up_not_carried() {
    let world = World::new().await;
    let list = [("Action", "ListUsers")];
    world.role("Reader", &trust_account(), Some(&statement("Allow", "iam:ListUsers", "*"))).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.credentials();
    world.iam(&session, &list).await.ok();
    world.put_role_policy("Reader", &statement("Deny", "iam:ListUsers", "*")).await;
    assert_eq!(world.iam(&session, &list).await.status, 403);
    world.put_role_policy("Reader", &statement("Allow", "iam:ListUsers", "*")).await;
    world.iam(&session, &list).await.ok();
    // The trust policy decides at issuing only.
    let nobody = trust(r#"{"Service":"ec2.amazonaws.com"}"#, "");
    let update =
        [("Action", "UpdateAssumeRolePolicy"), ("RoleName", "Reader"), ("PolicyDocument", &nobody)];
    world.iam(&world.admin, &update).await.ok();
    world.iam(&session, &list).await.ok();
    assert_eq!(world.assume(&world.admin, "Reader", &[]).await.status, 403);
}

#[tokio::test]
async fn a_recreated_role_inherits_no_session() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.credentials();
    let delete = [("Action", "DeleteRole"), ("RoleName", "Reader")];
    world.iam(&world.admin, &delete).await.ok();
    world.role("Reader", &trust_account(), None).await;
    assert_eq!(world.whoami(&session).await.text("Code"), Some("InvalidClientTokenId"));
}

/// The inline policy that AWS's console writes to revoke sessions, exact to the millisecond.
#[tokio::test]
async fn token_issue_time_revokes_older_sessions() {
    let world = World::new().await;
    let allow = r#"{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*"}"#;
    world.role("Reader", &trust_account(), None).await;
    let old = world.assume(&world.admin, "Reader", &[]).await.credentials();
    let cut = "2026-01-02T03:04:05.679Z";
    let revoke = format!(
        r#"{{"Version":"2012-10-17","Statement":[{allow},{{"Effect":"Deny","Action":["*"],"Resource":["*"],"Condition":{{"DateLessThan":{{"aws:TokenIssueTime":"{cut}"}}}}}}]}}"#
    );
    world.put_role_policy("Reader", &revoke).await;
    assert_eq!(world.iam(&old, &[("Action", "ListUsers")]).await.status, 403);
    world.pass(1);
    let new = world.assume(&world.admin, "Reader", &[]).await.credentials();
    world.iam(&new, &[("Action", "ListUsers")]).await.ok();
    assert_eq!(world.iam(&old, &[("Action", "ListUsers")]).await.status, 403);
}

#[tokio::test]
async fn parameters_may_come_in_the_query_whatever_the_method() {
    use http::Method;
    let world = World::new().await;
    let target = "/?Action=GetCallerIdentity&Version=2011-06-15";
    for method in [Method::GET, Method::POST] {
        let mut received = world.unsigned(method, target, "");
        world.sign(&mut received, &world.admin, "sts");
        world.send(received).await.ok();
    }
    let mut both = world.unsigned(Method::POST, "/?Action=GetCallerIdentity", "Version=2011-06-15");
    world.sign(&mut both, &world.admin, "sts");
    world.send(both).await.ok();
}

#[tokio::test]
async fn sixteen_sessions_make_the_longest_chain() {
    let world = World::new().await;
    let chain = statement("Allow", "sts:AssumeRole", "*");
    world.role("Loop", &trust_account(), Some(&chain)).await;
    let mut credentials = world.admin.clone();
    for _ in 0..17 {
        credentials = world.assume(&credentials, "Loop", &[]).await.ok().credentials();
    }
    let answer = world.assume(&credentials, "Loop", &[]).await;
    assert_eq!((answer.status, answer.text("Code")), (400, Some("ValidationError")));
}

#[tokio::test]
async fn every_proven_call_is_recorded_and_no_other() {
    let world = World::new().await;
    world.role("Reader", &trust_account(), None).await;
    let before = world.records().len();
    let session = world.assume(&world.admin, "Reader", &[("ExternalId", "abc")]).await;
    let session = session.credentials();
    world.iam(&session, &[("Action", "ListUsers")]).await;
    let mut tampered = session.clone();
    tampered.session_token = Some("AAAA".into());
    world.whoami(&tampered).await;
    let records = world.records().split_off(before);
    assert_eq!(records.len(), 2);
    let pretty = |index: usize| serde_json::to_string_pretty(&records[index]).unwrap();
    insta::assert_snapshot!("assume_role_record", pretty(0));
    insta::assert_snapshot!("refused_record", pretty(1));
}

/// A deployment whose trail is in a folder and can be made to fail.
async fn on_a_disk() -> (World, Arc<Trail>, Faults, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let faults = Faults::new();
    let settings = TrailSettings::new(folder.path().join("trail"));
    let start = "2026-01-02T03:04:05Z".parse().unwrap();
    let trail = Trail::open_with(settings, start, Arc::new(faults.clone())).unwrap();
    let world = World::with_trail(trail).await;
    let trail = world.trail();
    (world, trail, faults, folder)
}

const UNRECORDED: &str = "The service is unable to record the request. Try again.";

#[tokio::test]
async fn nothing_is_changed_or_granted_while_no_record_can_be_kept() {
    let (world, trail, faults, _folder) = on_a_disk().await;
    world.role("Reader", &trust_account(), None).await;
    faults.break_down();
    // A grant finds out by itself, because its record comes before its reply.
    let refused = world.assume(&world.admin, "Reader", &[]).await;
    refused.refused(503, "ServiceUnavailable", UNRECORDED);
    assert!(!refused.body.contains("SecretAccessKey"));
    // From now on nothing has an effect, and nothing is answered.
    let create = [("Action", "CreateUser"), ("UserName", "Ann")];
    world.iam(&world.admin, &create).await.refused(503, "ServiceUnavailable", UNRECORDED);
    world.whoami(&world.admin).await.refused(503, "ServiceUnavailable", UNRECORDED);
    let account = AccountId::parse(ACCOUNT).unwrap();
    let ann = world.app.directory.user(account, &UserName::parse("Ann").unwrap()).await;
    assert!(ann.is_err(), "a user was made without a record");

    faults.heal();
    trail.tick(world.now()).await.unwrap();
    world.iam(&world.admin, &create).await.ok();
    world.assume(&world.admin, "Reader", &[]).await.ok();
}

/// The record of a write is in the store with the write: a trail that fails in between delays it.
#[tokio::test]
async fn the_record_of_a_write_waits_in_the_store_while_the_trail_fails() {
    let (world, trail, faults, folder) = on_a_disk().await;
    faults.break_down();
    let create = [("Action", "CreateUser"), ("UserName", "Ann")];
    world.iam(&world.admin, &create).await.ok();
    assert_eq!(world.app.directory.outbox(10).await.unwrap().len(), 1);
    world.app.deliver_notes().await.unwrap_err();
    faults.heal();
    trail.tick(world.now()).await.unwrap();
    assert_eq!(world.app.deliver_notes().await.unwrap(), 1);
    assert!(world.app.directory.outbox(10).await.unwrap().is_empty());
    let lines = std::fs::read_to_string(folder.path().join("trail/trail.jsonl")).unwrap();
    let created = lines.lines().filter(|line| line.contains("\"eventName\":\"CreateUser\""));
    assert_eq!(created.count(), 1, "{lines}");
}

/// Reads are on the disk by the next flush, or before the reply where the operator wants it.
#[tokio::test]
async fn strict_audit_keeps_the_records_of_reads_before_the_reply() {
    for (strict, synced) in [(false, false), (true, true)] {
        let (mut world, trail, faults, _folder) = on_a_disk().await;
        world.app.settings.strict_audit = strict;
        trail.flush().await.unwrap();
        let before = faults.syncs();
        world.whoami(&world.admin).await.ok();
        assert_eq!(faults.syncs() > before, synced, "strict: {strict}");
        trail.flush().await.unwrap();
        assert!(faults.syncs() > before);
    }
}

/// What stands in the outbox and is no record keeps nothing behind it from the trail.
#[tokio::test]
async fn a_note_that_is_no_record_does_not_stop_the_outbox() {
    let (world, _trail, _faults, folder) = on_a_disk().await;
    let account = AccountId::parse("210987654321").unwrap();
    let new = daypass_directory::NewAccount { id: account, created: world.now() };
    let note = |_: &daypass_directory::Account| {
        Ok::<_, daypass_directory::NoteFault>(daypass_directory::Note {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            event_id: "00000000-0000-4000-8000-00000000000f".to_owned(),
            line: b"{\n\xff".to_vec(),
        })
    };
    world.app.directory.create_account(new, &note).await.unwrap();
    let create = [("Action", "CreateUser"), ("UserName", "Ann")];
    world.iam(&world.admin, &create).await.ok();
    world.app.deliver_notes().await.unwrap();
    assert!(world.app.directory.outbox(10).await.unwrap().is_empty());
    let lines = std::fs::read_to_string(folder.path().join("trail/trail.jsonl")).unwrap();
    let count = |part: &str| lines.lines().filter(|line| line.contains(part)).count();
    assert_eq!(count("\"eventName\":\"CreateUser\""), 1, "{lines}");
    assert_eq!(count("\"eventName\":\"UnreadableRecord\""), 1, "{lines}");
    assert_eq!(count("\"base64\":\"ewr/\""), 1, "{lines}");
    assert_eq!(count("00000000-0000-4000-8000-00000000000f"), 1, "{lines}");
}
