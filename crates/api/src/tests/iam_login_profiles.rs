//! Passwords: login profiles, the account's password policy, and that nothing of a password is
//! ever told.

use daypass_directory::DirectoryError;
use daypass_sigv4::Credentials;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

use super::world::{ACCOUNT, Answer, World, statement, trust_account};
use crate::{Code, Fault};

const FIRST: &str = "Correct-Horse-1";
const SECOND: &str = "Correct-Horse-2";

async fn admin(world: &World, params: &[(&str, &str)]) -> Answer {
    world.iam(&world.admin, params).await
}

async fn create(world: &World, user: &str, password: &str) -> Answer {
    let call = [("Action", "CreateLoginProfile"), ("UserName", user), ("Password", password)];
    admin(world, &call).await
}

async fn change(world: &World, credentials: &Credentials, old: &str, new: &str) -> Answer {
    let call = [("Action", "ChangePassword"), ("OldPassword", old), ("NewPassword", new)];
    world.iam(credentials, &call).await
}

/// Replaces the password policy.
async fn policy(world: &World, params: &[(&str, &str)]) -> Answer {
    let call = [&[("Action", "UpdateAccountPasswordPolicy")], params].concat();
    admin(world, &call).await
}

const UPDATE: (&str, &str) = ("Action", "UpdateLoginProfile");
const ANN: (&str, &str) = ("UserName", "Ann");

#[tokio::test]
async fn a_login_profile_is_made_read_changed_and_deleted() {
    let world = World::new().await;
    world.user("Ann", None).await;
    let get = [("Action", "GetLoginProfile"), ANN];
    let delete = [("Action", "DeleteLoginProfile"), ANN];
    let missing = "Login Profile for User Ann cannot be found.";
    for call in [&get[..], &delete, &[UPDATE, ANN], &[UPDATE, ANN, ("Password", FIRST)]] {
        admin(&world, call).await.refused(404, "NoSuchEntity", missing);
    }
    insta::assert_snapshot!("create_login_profile", create(&world, "Ann", FIRST).await.ok().body);
    let record = world.records().pop().unwrap();
    let said = serde_json::json!({
        "request": record["requestParameters"], "response": record["responseElements"],
    });
    insta::assert_snapshot!(
        "create_login_profile_record",
        serde_json::to_string_pretty(&said).unwrap()
    );
    let exists = "Login Profile for User Ann already exists.";
    create(&world, "Ann", SECOND).await.refused(409, "EntityAlreadyExists", exists);

    world.pass(60);
    let reset = [UPDATE, ANN, ("PasswordResetRequired", "true")];
    let updated = admin(&world, &reset).await.ok();
    assert!(!updated.body.contains("Result>"), "a void reply: {}", updated.body);
    insta::assert_snapshot!("get_login_profile", admin(&world, &get).await.ok().body);
    // What is not given stays.
    admin(&world, &[UPDATE, ANN, ("Password", SECOND)]).await.ok();
    let held = admin(&world, &get).await.ok();
    assert_eq!(held.text("PasswordResetRequired"), Some("true"));
    assert_eq!(held.text("CreateDate"), Some("2026-01-02T03:04:05Z"));

    // Until it is gone the user stays.
    admin(&world, &[("Action", "DeleteUserPolicy"), ANN, ("PolicyName", "p")]).await;
    let keys = admin(&world, &[("Action", "ListAccessKeys"), ANN]).await.ok();
    let key = keys.text("AccessKeyId").unwrap();
    admin(&world, &[("Action", "DeleteAccessKey"), ANN, ("AccessKeyId", key)]).await.ok();
    let conflict = "Cannot delete entity, must remove referenced objects first.";
    let delete_user = [("Action", "DeleteUser"), ANN];
    admin(&world, &delete_user).await.refused(409, "DeleteConflict", conflict);
    let deleted = admin(&world, &delete).await.ok();
    assert!(!deleted.body.contains("Result>"), "a void reply: {}", deleted.body);
    admin(&world, &get).await.refused(404, "NoSuchEntity", missing);
    admin(&world, &delete_user).await.ok();
    let gone = "The user with name Ann cannot be found.";
    for call in [&get[..], &delete, &[UPDATE, ANN]] {
        admin(&world, call).await.refused(404, "NoSuchEntity", gone);
    }
    create(&world, "Ann", FIRST).await.refused(404, "NoSuchEntity", gone);
}

#[tokio::test]
async fn without_a_name_it_is_the_callers_own() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:*LoginProfile", "*"))).await;
    let own = [("Action", "CreateLoginProfile"), ("Password", FIRST)];
    let made = world.iam(&ann, &own).await.ok();
    assert_eq!(made.text("UserName"), Some("Ann"));
    assert_eq!(made.text("PasswordResetRequired"), Some("false"));
    world.iam(&ann, &[("Action", "GetLoginProfile")]).await.ok();
    world.iam(&ann, &[("Action", "DeleteLoginProfile")]).await.ok();
    world.role("Reader", &trust_account(), Some(&statement("Allow", "iam:*", "*"))).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let text = "Must specify userName when calling with non-User credentials";
    world.iam(&session, &own).await.refused(400, "ValidationError", text);
}

#[tokio::test]
async fn parameters_follow_the_model() {
    let world = World::new().await;
    let long_name = "a".repeat(65);
    let long = "a".repeat(129);
    let null = |name: &str| {
        format!("Value null at '{name}' failed to satisfy constraint: Member must not be null")
    };
    // The value of a password is never repeated.
    let hidden = |name: &str, constraint: &str| {
        format!("Value at '{name}' failed to satisfy constraint: {constraint}")
    };
    let pattern =
        r"Member must satisfy regular expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+";
    let at_most = "Member must have length less than or equal to 128";
    let create = ("Action", "CreateLoginProfile");
    let cases = [
        (vec![create, ANN], null("password")),
        (
            vec![create, ANN, ("Password", "")],
            format!(
                "{}; {}",
                hidden("password", "Member must have length greater than or equal to 1"),
                hidden("password", pattern),
            ),
        ),
        (vec![create, ANN, ("Password", &long)], hidden("password", at_most)),
        (vec![create, ANN, ("Password", "secret-\u{100}")], hidden("password", pattern)),
        (vec![UPDATE, ANN, ("Password", &long)], hidden("password", at_most)),
        (vec![UPDATE, ("Password", FIRST)], null("userName")),
        (
            vec![create, ("UserName", &long_name), ("Password", FIRST)],
            format!(
                "Value '{long_name}' at 'userName' failed to satisfy constraint: Member must have \
                 length less than or equal to 64"
            ),
        ),
        (vec![("Action", "ChangePassword"), ("NewPassword", FIRST)], null("oldPassword")),
        (vec![("Action", "ChangePassword"), ("OldPassword", FIRST)], null("newPassword")),
        (
            vec![("Action", "ChangePassword"), ("OldPassword", FIRST), ("NewPassword", &long)],
            hidden("newPassword", at_most),
        ),
    ];
    for (call, fault) in cases {
        let text = match fault.matches("failed to satisfy").count() {
            1 => format!("1 validation error detected: {fault}"),
            several => format!("{several} validation errors detected: {fault}"),
        };
        admin(&world, &call).await.refused(400, "ValidationError", &text);
    }
    let out_of_range = |name: &str, value: &str, what: &str, bound: u32| {
        format!(
            "1 validation error detected: Value '{value}' at '{name}' failed to satisfy \
             constraint: Member must have value {what} than or equal to {bound}"
        )
    };
    for (name, shown, least, greatest) in [
        ("MinimumPasswordLength", "minimumPasswordLength", 6, 128),
        ("MaxPasswordAge", "maxPasswordAge", 1, 1095),
        ("PasswordReusePrevention", "passwordReusePrevention", 1, 24),
    ] {
        let below = (least - 1).to_string();
        let text = out_of_range(shown, &below, "greater", least);
        policy(&world, &[(name, &below)]).await.refused(400, "ValidationError", &text);
        let above = (greatest + 1).to_string();
        let text = out_of_range(shown, &above, "less", greatest);
        policy(&world, &[(name, &above)]).await.refused(400, "ValidationError", &text);
        for good in [least, greatest] {
            policy(&world, &[(name, &good.to_string())]).await.ok();
        }
    }
}

#[tokio::test]
async fn an_update_replaces_the_whole_password_policy() {
    let world = World::new().await;
    let get = [("Action", "GetAccountPasswordPolicy")];
    let delete = [("Action", "DeleteAccountPasswordPolicy")];
    let missing = format!("The Password Policy with domain name {ACCOUNT} cannot be found.");
    let none = "The account policy with name PasswordPolicy cannot be found.";
    admin(&world, &get).await.refused(404, "NoSuchEntity", &missing);
    admin(&world, &delete).await.refused(404, "NoSuchEntity", none);
    let all = [
        ("MinimumPasswordLength", "14"),
        ("RequireSymbols", "true"),
        ("RequireNumbers", "true"),
        ("RequireUppercaseCharacters", "true"),
        ("RequireLowercaseCharacters", "true"),
        ("AllowUsersToChangePassword", "true"),
        ("MaxPasswordAge", "90"),
        ("PasswordReusePrevention", "24"),
        ("HardExpiry", "false"),
    ];
    let updated = policy(&world, &all).await.ok();
    assert!(!updated.body.contains("Result>"), "a void reply: {}", updated.body);
    let record = world.records().pop().unwrap();
    let parameters = serde_json::to_string_pretty(&record["requestParameters"]).unwrap();
    insta::assert_snapshot!("update_password_policy_record", parameters);
    insta::assert_snapshot!("password_policy", admin(&world, &get).await.ok().body);
    policy(&world, &[]).await.ok();
    insta::assert_snapshot!("default_password_policy", admin(&world, &get).await.ok().body);
    admin(&world, &delete).await.ok();
    admin(&world, &get).await.refused(404, "NoSuchEntity", &missing);
}

#[tokio::test]
async fn the_password_policy_judges_every_new_password() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:ChangePassword", "*"))).await;
    let violation = "PasswordPolicyViolation";
    // The default one, in AWS's words.
    let text = "Password should have a minimum length of 8";
    create(&world, "Ann", "Ab-1").await.refused(400, violation, text);
    let text = "Password should meet 1 more of the following requirements: Password should have \
                at least one uppercase letter, Password should have at least one symbol";
    create(&world, "Ann", "simple12").await.refused(400, violation, text);
    create(&world, "Ann", FIRST).await.ok();
    let update = |password| [UPDATE, ANN, ("Password", password)];
    admin(&world, &update("simple12")).await.refused(400, violation, text);
    change(&world, &ann, FIRST, "simple12").await.refused(400, violation, text);

    policy(&world, &[("RequireNumbers", "true"), ("PasswordReusePrevention", "1")]).await.ok();
    let text = "Password should have at least one number";
    admin(&world, &update("simple")).await.refused(400, violation, text);
    change(&world, &ann, FIRST, "simple").await.refused(400, violation, text);
    let text = "Password should not be the same as a previous password";
    change(&world, &ann, FIRST, FIRST).await.refused(400, violation, text);
    admin(&world, &update(FIRST)).await.refused(400, violation, text);
    change(&world, &ann, FIRST, "simple1").await.ok();
    change(&world, &ann, "simple1", FIRST).await.refused(400, violation, text);
}

#[tokio::test]
async fn users_change_their_own_password_when_they_may() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    let refused = |user: &str| {
        format!(
            "User: arn:aws:iam::{ACCOUNT}:user/{user} is not authorized to perform: \
             iam:ChangePassword on resource: user {user} because no identity-based policy allows \
             the iam:ChangePassword action"
        )
    };
    create(&world, "Ann", FIRST).await.ok();
    let answer = change(&world, &ann, FIRST, SECOND).await;
    answer.refused(403, "AccessDenied", &refused("Ann"));
    let get = [("Action", "GetAccountPasswordPolicy")];
    assert_eq!(world.iam(&ann, &get).await.status, 403);
    // The account lets every user.
    policy(&world, &[("AllowUsersToChangePassword", "true")]).await.ok();
    world.iam(&ann, &get).await.ok();
    let changed = change(&world, &ann, FIRST, SECOND).await.ok();
    assert!(!changed.body.contains("Result>"), "a void reply: {}", changed.body);
    change(&world, &ann, FIRST, "Another-Horse-3").await.refused(
        403,
        "AccessDenied",
        "The old password is not correct.",
    );
    change(&world, &ann, SECOND, FIRST).await.ok();
    // It lets them do nothing else, and roles nothing at all.
    assert_eq!(world.iam(&ann, &[("Action", "GetLoginProfile")]).await.status, 403);
    assert_eq!(world.iam(&ann, &[UPDATE, ANN]).await.status, 403);
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    assert_eq!(world.iam(&session, &get).await.status, 403);
    let answer = change(&world, &session, FIRST, SECOND).await;
    assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
    // A role that may has no password.
    world.put_role_policy("Reader", &statement("Allow", "iam:ChangePassword", "*")).await;
    let text = "Only IAM Users can change their own password";
    change(&world, &session, FIRST, SECOND).await.refused(400, "InvalidUserType", text);
    // A Deny and a boundary outweigh what the account lets.
    let bea = world.user("Bea", Some(&statement("Deny", "iam:ChangePassword", "*"))).await;
    create(&world, "Bea", FIRST).await.ok();
    let answer = change(&world, &bea, FIRST, SECOND).await;
    assert_eq!((answer.status, answer.text("Code")), (403, Some("AccessDenied")));
    let document = statement("Allow", "s3:*", "*");
    let bound = [("Action", "CreatePolicy"), ("PolicyName", "b"), ("PolicyDocument", &document)];
    let bound = admin(&world, &bound).await.ok().text("Arn").unwrap().to_owned();
    let put =
        [("Action", "PutUserPermissionsBoundary"), ANN, ("PermissionsBoundary", bound.as_str())];
    admin(&world, &put).await.ok();
    assert_eq!(change(&world, &ann, FIRST, SECOND).await.status, 403);
    // A user of a policy of its own needs nothing of the account.
    policy(&world, &[]).await.ok();
    let own = format!("arn:aws:iam::{ACCOUNT}:user/Cid");
    let cid = world.user("Cid", Some(&statement("Allow", "iam:ChangePassword", &own))).await;
    let missing = "Login Profile for User Cid cannot be found.";
    change(&world, &cid, FIRST, SECOND).await.refused(404, "NoSuchEntity", missing);
    create(&world, "Cid", FIRST).await.ok();
    change(&world, &cid, FIRST, SECOND).await.ok();
}

#[tokio::test]
async fn a_password_that_must_change_or_has_expired_can_be_changed_by_a_key() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:ChangePassword", "*"))).await;
    create(&world, "Ann", FIRST).await.ok();
    admin(&world, &[UPDATE, ANN, ("PasswordResetRequired", "true")]).await.ok();
    policy(&world, &[("MaxPasswordAge", "1"), ("HardExpiry", "true")]).await.ok();
    world.pass(2 * 24 * 3600);
    change(&world, &ann, FIRST, SECOND).await.ok();
    let held = admin(&world, &[("Action", "GetLoginProfile"), ANN]).await.ok();
    assert_eq!(held.text("PasswordResetRequired"), Some("false"));
}

#[tokio::test]
async fn a_password_is_guessed_a_few_times_only() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:ChangePassword", "*"))).await;
    create(&world, "Ann", FIRST).await.ok();
    let text = "The old password is not correct.";
    for _ in 0..10 {
        change(&world, &ann, SECOND, FIRST).await.refused(403, "AccessDenied", text);
    }
    let text = "Too many wrong passwords were tried. Try again later.";
    change(&world, &ann, FIRST, SECOND).await.refused(409, "LimitExceeded", text);
    world.pass(15 * 60);
    change(&world, &ann, FIRST, SECOND).await.ok();
}

#[tokio::test]
async fn whoever_gives_a_password_needs_the_permission_on_that_user() {
    let world = World::new().await;
    let own = format!("arn:aws:iam::{ACCOUNT}:user/Eve");
    let eve = world.user("Eve", Some(&statement("Allow", "iam:*", &own))).await;
    world.user("Ann", None).await;
    let calls = [
        ("CreateLoginProfile", vec![ANN, ("Password", FIRST)]),
        ("UpdateLoginProfile", vec![ANN, ("Password", SECOND)]),
        ("DeleteLoginProfile", vec![ANN]),
    ];
    for (action, params) in &calls {
        let call = [&[("Action", *action)], &params[..]].concat();
        let text = format!(
            "User: {own} is not authorized to perform: iam:{action} on resource: user Ann because \
             no identity-based policy allows the iam:{action} action"
        );
        world.iam(&eve, &call).await.refused(403, "AccessDenied", &text);
        let record = world.records().pop().unwrap();
        assert_eq!(record["errorCode"], "AccessDenied");
        // The next of them needs what this one does.
        if *action == "CreateLoginProfile" {
            create(&world, "Ann", FIRST).await.ok();
        }
    }
    // What an account demands is the account's: no user's ARN will do.
    let update = [("Action", "UpdateAccountPasswordPolicy")];
    assert_eq!(world.iam(&eve, &update).await.status, 403);
}

#[tokio::test]
async fn a_password_is_in_no_reply_and_no_record() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "iam:ChangePassword", "*"))).await;
    let long = format!("{FIRST}{}", "x".repeat(128));
    let mut answers = vec![create(&world, "Ann", FIRST).await];
    answers.push(create(&world, "Ann", FIRST).await);
    answers.push(create(&world, "Ann", &long).await);
    answers.push(create(&world, "Nobody", FIRST).await);
    answers.push(admin(&world, &[UPDATE, ANN, ("Password", SECOND)]).await);
    answers.push(admin(&world, &[UPDATE, ANN, ("Password", &long)]).await);
    answers.push(admin(&world, &[UPDATE, ANN, ("Password", "Horse")]).await);
    answers.push(change(&world, &ann, SECOND, FIRST).await);
    answers.push(change(&world, &ann, SECOND, "Horse").await);
    answers.push(change(&world, &ann, &long, FIRST).await);
    answers.push(admin(&world, &[("Action", "GetLoginProfile"), ANN]).await);
    let statuses: Vec<u16> = answers.iter().map(|answer| answer.status).collect();
    assert_eq!(statuses, [200, 409, 400, 404, 200, 400, 400, 200, 403, 400, 200]);
    for answer in answers {
        assert!(!answer.body.contains("Horse"), "{}", answer.body);
    }
    let records = world.records();
    assert!(records.len() >= 11);
    for record in records {
        let text = record.to_string();
        assert!(!text.contains("Horse") && !text.contains("argon2"), "{text}");
    }
}

#[test]
fn what_the_directory_refuses_has_a_code() {
    for (error, code, is_ours) in [
        (DirectoryError::WrongPassword, Code::AccessDenied, false),
        (DirectoryError::TooManyWrongPasswords, Code::LimitExceeded, false),
        (DirectoryError::Busy, Code::ServiceUnavailable, true),
    ] {
        let fault = Fault::from(error);
        assert_eq!((fault.code(), fault.is_ours()), (code, is_ours), "{fault:?}");
    }
}

/// Whatever users and administrators do in turn, the password is the one of the last call that was
/// granted.
#[test]
fn the_password_is_the_last_one_that_was_granted() {
    // Hashing passwords is slow by design: the number of histories is this test's own.
    let cases = if std::env::var_os("DAYPASS_LONG").is_some() { 64 } else { 4 };
    let histories = prop::collection::vec((any::<bool>(), 0..3_u8, 0..3_u8), 1..6);
    let mut runner = TestRunner::new(ProptestConfig::with_cases(cases));
    let held = runner.run(&histories, |steps| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let allow = statement("Allow", "iam:ChangePassword", "*");
            let ann = world.user("Ann", Some(&allow)).await;
            let text = |number: u8| format!("Correct-Horse-{number}");
            create(&world, "Ann", &text(0)).await.ok();
            let mut present = 0;
            for (is_own, old, new) in steps {
                let answer = match is_own {
                    true => change(&world, &ann, &text(old), &text(new)).await,
                    false => admin(&world, &[UPDATE, ANN, ("Password", &text(new))]).await,
                };
                let is_right = !is_own || old == present;
                assert_eq!(answer.status == 200, is_right, "{}", answer.body);
                if is_right {
                    present = new;
                }
            }
            change(&world, &ann, &text(present), &text(3)).await.ok();
        });
        Ok(())
    });
    held.unwrap();
}
