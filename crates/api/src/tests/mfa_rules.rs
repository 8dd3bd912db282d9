//! Where MFA counts and where it is not there: section 9 of the STS reference, and section 6.4 of
//! the policy reference. What the devices themselves do is in `mfa_devices`.

use std::sync::Arc;

use daypass_audit::Trail;
use daypass_sigv4::Credentials;
use daypass_store::Store;
use daypass_store::memory::Memory;

use super::federation::{federate, keys, may};
use super::mfa_devices::{Phone, UNKNOWN_IN_STS, WRONG_IN_STS};
use super::root_user::root_of;
use super::world::{ACCOUNT, World, statement, trust, trust_account};

/// Every kind of credentials, and what `aws:MultiFactorAuthPresent` and `aws:MultiFactorAuthAge`
/// are 90 seconds after it was made.
#[tokio::test]
async fn the_keys_are_where_the_reference_has_them() {
    let world = World::new().await;
    let all = statement("Allow", "*", "*");
    world.role("Reader", &trust_account(), Some(&all)).await;
    let ann = world.user("Ann", Some(&all)).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let token = [("Action", "GetSessionToken")];
    let without = world.sts(&ann, &token).await.ok().credentials();
    let of_root = world.sts(&root, &token).await.ok().credentials();
    let with = phone.sign_in(&world, &ann).await.ok().credentials();
    world.pass(30);
    let code = phone.code(&world, 0);
    let shown = [("SerialNumber", phone.serial.as_str()), ("TokenCode", code.as_str())];
    let shown = world.assume(&ann, "Reader", &shown).await.ok().credentials();
    let by_mfa_session = world.assume(&with, "Reader", &[]).await.ok().credentials();
    let role = world.assume(&ann, "Reader", &[]).await.ok().credentials();
    world.pass(30);
    // GetFederationToken has no such parameters: what it is given of them it passes over.
    let code = phone.code(&world, 0);
    let mfa = [("SerialNumber", phone.serial.as_str()), ("TokenCode", code.as_str())];
    let federated = federate(&world, &ann, "Bob", &mfa).await.ok().credentials();
    phone.sign_in_with(&world, &ann, &code).await.ok();
    world.pass(30);
    for (what, by, present, age) in [
        ("user key", &ann, None, None),
        ("root key", &root, None, None),
        ("GetSessionToken without MFA", &without, Some("false"), None),
        ("GetSessionToken with MFA", &with, Some("true"), Some("90")),
        ("GetSessionToken by root", &of_root, Some("false"), None),
        ("AssumeRole", &role, Some("false"), None),
        ("AssumeRole that carried MFA", &shown, Some("false"), None),
        ("AssumeRole signed by an MFA session", &by_mfa_session, Some("false"), None),
        ("GetFederationToken", &federated, Some("false"), None),
    ] {
        let names = ["aws:MultiFactorAuthPresent", "aws:MultiFactorAuthAge"];
        let found = keys(&world, by, &names).await;
        let found: Vec<Option<&str>> = found.iter().map(Option::as_deref).collect();
        assert_eq!(found, [present, age], "{what}");
    }
}

/// Policy reference, section 6.4: what each form of policy does with each kind of credentials.
#[tokio::test]
async fn the_traps_are_those_of_the_table() {
    let deny = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"*","Resource":"*"}},{{"Effect":"Deny","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let allow = |condition: &str| {
        format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":["iam:*","sts:*"],"Resource":"*"}},{{"Effect":"Allow","Action":"s3:*","Resource":"*","Condition":{condition}}}]}}"#
        )
    };
    let bool_false = r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#;
    let if_exists_false = r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"false"}}"#;
    let bool_true = r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let if_exists_true = r#"{"BoolIfExists":{"aws:MultiFactorAuthPresent":"true"}}"#;
    let present = r#"{"Null":{"aws:MultiFactorAuthPresent":"false"}}"#;
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    world.role("Reader", &trust_account(), None).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let with = phone.sign_in(&world, &ann).await.ok().credentials();
    let role = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    // The key, the session without MFA, the session with it, a role session.
    for (what, policy, want) in [
        ("Deny + Bool false", deny(bool_false), [true, false, true, false]),
        ("Deny + BoolIfExists false", deny(if_exists_false), [false, false, true, false]),
        ("Allow + Bool true", allow(bool_true), [false, false, true, false]),
        ("Allow + BoolIfExists true", allow(if_exists_true), [true, false, true, false]),
        ("Allow + Null false", allow(present), [false, true, true, true]),
    ] {
        for (action, kind, name) in
            [("PutUserPolicy", "UserName", "Ann"), ("PutRolePolicy", "RoleName", "Reader")]
        {
            let put = [
                ("Action", action),
                (kind, name),
                ("PolicyName", "p"),
                ("PolicyDocument", &*policy),
            ];
            world.iam(&world.admin, &put).await.ok();
        }
        for (by, want) in [&ann, &session, &with, &role].into_iter().zip(want) {
            let decided = may(&world, by, "s3:GetObject").await;
            assert_eq!(decided.is_ok(), want, "{what}: {decided:?}");
        }
    }
}

/// Section 9, row by row where a call tells: the keys are the first test's.
#[tokio::test]
async fn the_rules_of_section_9() {
    let world = World::new().await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    let bosses = Phone::of_user(&world, "bosses", "admin").await;
    world.pass(60);
    let half = "MultiFactorAuthentication failed, must provide both MFA serial number and one time \
                pass code.";
    let code = phone.code(&world, 0);
    let serial = phone.serial.clone();
    let get = async |by: &Credentials, more: &[(&str, &str)]| {
        let mut call = vec![("Action", "GetSessionToken")];
        call.extend_from_slice(more);
        world.sts(by, &call).await
    };
    let both = [("SerialNumber", &*serial), ("TokenCode", &*code)];
    for (what, by, more, text) in [
        ("serial only", &ann, &both[..1], half),
        ("code only", &ann, &both[1..], half),
        // Hardware and FIDO devices are none of ours.
        ("a hardware device", &ann, &[("SerialNumber", "GAHT12345678"), both[1]], UNKNOWN_IN_STS),
        (
            "a FIDO device",
            &ann,
            &[("SerialNumber", "arn:aws:iam::123456789012:u2f/user/Ann/key-1"), both[1]],
            UNKNOWN_IN_STS,
        ),
        (
            "a device of another",
            &ann,
            &[("SerialNumber", &*bosses.serial), both[1]],
            UNKNOWN_IN_STS,
        ),
        ("the root user", &root, &both[..], UNKNOWN_IN_STS),
        ("a wrong code", &ann, &[both[0], ("TokenCode", "000000")], WRONG_IN_STS),
    ] {
        let answer = get(&by.clone(), more).await;
        assert_eq!(answer.text("Message"), Some(text), "{what}");
        answer.refused(403, "AccessDenied", text);
    }
    // Each code once, within its window as well.
    get(&ann, &both).await.ok();
    get(&ann, &both).await.refused(403, "AccessDenied", WRONG_IN_STS);
    // No policy grants or denies it.
    let put = [
        ("Action", "PutUserPolicy"),
        ("UserName", "Ann"),
        ("PolicyName", "p"),
        ("PolicyDocument", &*statement("Deny", "*", "*")),
    ];
    world.iam(&world.admin, &put).await.ok();
    world.pass(30);
    phone.sign_in(&world, &ann).await.ok();
}

/// One step early, one step late, and no further.
#[tokio::test]
async fn a_clock_may_be_one_step_off() {
    for (steps, want) in [(-2, false), (-1, true), (0, true), (1, true), (2, false)] {
        let world = World::new().await;
        let ann = world.user("Ann", None).await;
        let phone = Phone::of_user(&world, "phone", "Ann").await;
        world.pass(120);
        let code = phone.code(&world, steps);
        let answer = phone.sign_in_with(&world, &ann, &code).await;
        assert_eq!(answer.status == 200, want, "{steps}: {}", answer.body);
    }
}

/// What was taken is in the store: a server that starts again, and another on the same store, know
/// it.
#[tokio::test]
async fn a_restart_gives_no_code_back() {
    let store: Arc<dyn Store> = Arc::new(Memory::new());
    let world = World::on(Arc::clone(&store), Trail::memory()).await;
    let ann = world.user("Ann", None).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let (early, code) = (phone.code(&world, -1), phone.code(&world, 0));
    phone.sign_in_with(&world, &ann, &code).await.ok();
    let again = World::started(store, Trail::memory(), world.now(), 1 << 32).await;
    for used in [&code, &early] {
        phone.sign_in_with(&again, &ann, used).await.refused(403, "AccessDenied", WRONG_IN_STS);
        phone.sign_in_with(&world, &ann, used).await.refused(403, "AccessDenied", WRONG_IN_STS);
    }
    again.pass(30);
    let next = phone.code(&again, 0);
    phone.sign_in_with(&again, &ann, &next).await.ok();
    // The first still runs, and its clock is behind: the code is taken for it, too.
    phone.sign_in_with(&world, &ann, &next).await.refused(403, "AccessDenied", WRONG_IN_STS);
}

/// A code that two servers are shown at the same time is granted by one of them.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_servers_do_not_grant_the_same_code() {
    for round in 0..10 {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let world = World::on(Arc::clone(&store), Trail::memory()).await;
        let ann = world.user("Ann", None).await;
        let phone = Phone::of_user(&world, "phone", "Ann").await;
        world.pass(60);
        let other = World::started(store, Trail::memory(), world.now(), 1 << 32).await;
        let code = phone.code(&world, 0);
        let (one, two) = tokio::join!(
            phone.sign_in_with(&world, &ann, &code),
            phone.sign_in_with(&other, &ann, &code)
        );
        let granted = [&one, &two].into_iter().filter(|answer| answer.status == 200).count();
        assert_eq!(granted, 1, "{round}: {one:?} {two:?}");
    }
}

/// The trust policy sees what the call shows, also where the session that signs has none.
#[tokio::test]
async fn trust_policies_see_mfa_while_they_are_asked() {
    let world = World::new().await;
    let account = format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#);
    let all = statement("Allow", "*", "*");
    let ann = world.user("Ann", Some(&all)).await;
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let without = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let with = phone.sign_in(&world, &ann).await.ok().credentials();
    let (yes, no) = (
        r#"{"Bool":{"aws:MultiFactorAuthPresent":"true"}}"#,
        r#"{"Bool":{"aws:MultiFactorAuthPresent":"false"}}"#,
    );
    let absent =
        r#"{"Null":{"aws:MultiFactorAuthPresent":"true","aws:MultiFactorAuthAge":"true"}}"#;
    for (role, condition) in [("Yes", yes), ("No", no), ("Absent", absent)] {
        world.role(role, &trust(&account, condition), Some(&all)).await;
    }
    for (what, by, shows, want) in [
        ("key", &ann, false, [false, false, true]),
        ("key that shows a code", &ann, true, [true, false, false]),
        ("session without", &without, false, [false, true, false]),
        ("session without that shows a code", &without, true, [true, false, false]),
        ("session with", &with, false, [true, false, false]),
    ] {
        for (role, want) in ["Yes", "No", "Absent"].into_iter().zip(want) {
            world.pass(30);
            let code = phone.code(&world, 0);
            let mfa = [("SerialNumber", &*phone.serial), ("TokenCode", &*code)];
            let shown = if shows { &mfa[..] } else { &[] };
            let answer = world.assume(by, role, shown).await;
            assert_eq!(answer.status == 200, want, "{what}, {role}: {}", answer.body);
        }
    }
}
