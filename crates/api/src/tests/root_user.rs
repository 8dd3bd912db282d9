//! The root user of an account: everything in its own account, nothing anywhere else.

use daypass_directory::{KeyOwner, NewAccessKey, NewRevocation, Revocation, Scope};
use daypass_names::{AccessKeyId, AccessKeyKind, SecretAccessKey};
use daypass_sigv4::Credentials;

use super::accounts::{INVALID, OTHER, account, assume, close, second};
use super::world::{ACCOUNT, ADMIN_SECRET, World, noted, statement, trust};

/// An access key of the root user of an account.
pub(super) async fn root_of(world: &World, id: &str, seed: u8) -> Credentials {
    let key = NewAccessKey {
        id: AccessKeyId::from_random(AccessKeyKind::LongTerm, account(id), [seed; 10]),
        secret: SecretAccessKey::parse(ADMIN_SECRET).unwrap(),
        nonce: [seed; 24],
        created: world.now(),
    };
    let owner = KeyOwner::Root(account(id));
    let key = world.app.directory.create_access_key_of(owner, key, &noted).await.unwrap();
    Credentials {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        session_token: None,
    }
}

const TOKEN: &[(&str, &str)] = &[("Action", "GetSessionToken")];

#[tokio::test]
async fn the_root_user_may_do_everything_in_its_account() {
    let world = World::new().await;
    let boss = second(&world).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let told = world.whoami(&root).await.ok();
    assert_eq!(told.text("Arn"), Some("arn:aws:iam::123456789012:root"));
    assert_eq!((told.text("UserId"), told.text("Account")), (Some(ACCOUNT), Some(ACCOUNT)));
    for call in [
        &[("Action", "CreateUser"), ("UserName", "Ann")][..],
        &[("Action", "ListUsers")],
        &[("Action", "GetAccountSummary")],
        &[("Action", "CreateAccountAlias"), ("AccountAlias", "acme")],
        &[("Action", "GenerateCredentialReport")],
        &[
            ("Action", "PutUserPolicy"),
            ("UserName", "admin"),
            ("PolicyName", "p"),
            ("PolicyDocument", &statement("Deny", "*", "*")),
        ],
        &[("Action", "DeleteUserPolicy"), ("UserName", "admin"), ("PolicyName", "p")],
    ] {
        world.iam(&root, call).await.ok();
    }
    // It names nobody of the other account, and is nobody there.
    let make = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "theirs"),
        ("PolicyDocument", &*statement("Allow", "*", "*")),
    ];
    let theirs = world.iam(&boss, &make).await.ok();
    let arn = theirs.text("Arn").unwrap();
    for call in [
        &[("Action", "GetPolicy"), ("PolicyArn", arn)][..],
        &[("Action", "DeletePolicy"), ("PolicyArn", arn)],
        &[("Action", "AttachUserPolicy"), ("UserName", "Ann"), ("PolicyArn", arn)],
        &[("Action", "GetUser"), ("UserName", "boss")],
    ] {
        let refused = world.iam(&root, call).await;
        assert!([403, 404].contains(&refused.status), "{call:?}: {}", refused.body);
    }
    // Nothing can be put on it.
    for call in [
        &[
            ("Action", "TagUser"),
            ("UserName", "root"),
            ("Tags.member.1.Key", "k"),
            ("Tags.member.1.Value", "v"),
        ][..],
        &[
            ("Action", "PutUserPermissionsBoundary"),
            ("UserName", "root"),
            ("PermissionsBoundary", "arn:aws:iam::aws:policy/ReadOnlyAccess"),
        ],
        &[("Action", "ChangePassword"), ("OldPassword", "a"), ("NewPassword", "b")],
    ] {
        assert!(world.iam(&root, call).await.status >= 400, "{call:?}");
    }
}

#[tokio::test]
async fn the_root_user_assumes_no_role() {
    let world = World::new().await;
    let boss = second(&world).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let session = world.sts(&root, TOKEN).await.ok().credentials();
    let text = "Roles may not be assumed by root accounts.";
    let trusted = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#), "");
    world.role("Own", &trusted, None).await;
    let create =
        [("Action", "CreateRole"), ("RoleName", "Theirs"), ("AssumeRolePolicyDocument", &*trusted)];
    world.iam(&boss, &create).await.ok();
    for role in [
        format!("arn:aws:iam::{ACCOUNT}:role/Own"),
        format!("arn:aws:iam::{OTHER}:role/Theirs"),
        format!("arn:aws:iam::{OTHER}:role/Missing"),
    ] {
        for credentials in [&root, &session] {
            let refused = assume(&world, credentials, &role, &[]).await;
            refused.refused(403, "AccessDenied", text);
        }
    }
    // That the policy names the account means its users, as ever.
    assume(&world, &world.admin, &format!("arn:aws:iam::{ACCOUNT}:role/Own"), &[]).await.ok();
}

#[tokio::test]
async fn a_session_of_the_root_user_is_short_and_calls_no_iam() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    for (asked, expiry) in [
        (None, "2026-01-02T04:04:05Z"),
        (Some("900"), "2026-01-02T03:19:05Z"),
        (Some("3600"), "2026-01-02T04:04:05Z"),
        // Cut, not refused.
        (Some("3601"), "2026-01-02T04:04:05Z"),
        (Some("129600"), "2026-01-02T04:04:05Z"),
    ] {
        let mut call = TOKEN.to_vec();
        call.extend(asked.map(|seconds| ("DurationSeconds", seconds)));
        let got = world.sts(&root, &call).await.ok();
        assert_eq!(got.text("Expiration"), Some(expiry), "{asked:?}");
    }
    let too_long = [TOKEN, &[("DurationSeconds", "129601")]].concat();
    assert_eq!(world.sts(&root, &too_long).await.text("Code"), Some("ValidationError"));
    let session = world.sts(&root, TOKEN).await.ok().credentials();
    let told = world.whoami(&session).await.ok();
    assert_eq!(told.text("Arn"), Some("arn:aws:iam::123456789012:root"));
    for call in [&[("Action", "ListUsers")][..], &[("Action", "GetUser")]] {
        world.iam(&session, call).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    let text = "Cannot call GetSessionToken with session credentials";
    world.sts(&session, TOKEN).await.refused(403, "AccessDenied", text);
    // It has no MFA device, and cannot show one of somebody else.
    let serial = format!("arn:aws:iam::{ACCOUNT}:mfa/root-account-mfa-device");
    let mfa = [TOKEN, &[("SerialNumber", &*serial), ("TokenCode", "123456")]].concat();
    assert_eq!(world.sts(&root, &mfa).await.text("Code"), Some("AccessDenied"));
}

#[tokio::test]
async fn what_defaults_to_the_caller_answers_the_root_user_as_a_role_session() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let text = "Must specify userName when calling with non-User credentials";
    for action in ["GetLoginProfile", "DeleteLoginProfile", "ListMFADevices"] {
        world.iam(&root, &[("Action", action)]).await.refused(400, "ValidationError", text);
    }
    // Those of which the root user has something answer.
    for action in ["GetUser", "ListAccessKeys"] {
        world.iam(&root, &[("Action", action)]).await.ok();
    }
}

#[tokio::test]
async fn the_keys_of_the_root_user_are_its_own_business() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let key = root.access_key_id.to_string();
    let told = world.iam(&root, &[("Action", "GetUser")]).await.ok();
    assert_eq!(told.text("UserId"), Some(ACCOUNT));
    assert_eq!(told.text("Arn"), Some("arn:aws:iam::123456789012:root"));
    assert_eq!(told.text("CreateDate"), Some("2026-01-02T03:04:05Z"));
    assert_eq!((told.text("UserName"), told.text("Path")), (None, None));
    // One that leaked leaves no other behind; for a user it makes one.
    let text = "User: arn:aws:iam::123456789012:root is not authorized to perform: \
                iam:CreateAccessKey on its own access keys. An operator makes them on the server: \
                daypass account root-key create 123456789012";
    let made = world.iam(&root, &[("Action", "CreateAccessKey")]).await;
    made.refused(403, "AccessDenied", text);
    assert_eq!(world.records().pop().unwrap()["errorCode"], "AccessDenied");
    let here = world.app.directory.account(account(ACCOUNT)).await.unwrap();
    assert_eq!(here.root_access_keys, std::slice::from_ref(&root.access_key_id));
    let of_user = [("Action", "CreateAccessKey"), ("UserName", "admin")];
    assert_eq!(world.iam(&root, &of_user).await.ok().text("UserName"), Some("admin"));
    let second = root_of(&world, ACCOUNT, 51).await;
    world.iam(&second, &[("Action", "ListUsers")]).await.ok();
    let listed = world.iam(&root, &[("Action", "ListAccessKeys")]).await.ok();
    assert_eq!(listed.body.matches("<AccessKeyId>").count(), 2, "{}", listed.body);
    let used = [("Action", "GetAccessKeyLastUsed"), ("AccessKeyId", key.as_str())];
    assert_eq!(world.iam(&root, &used).await.ok().text("ServiceName"), Some("iam"));

    // Not even an administrator has to do with them; with the name left out its own are meant.
    let own = world.iam(&world.admin, &[("Action", "ListAccessKeys")]).await.ok();
    assert!(!own.body.contains(&key), "{}", own.body);
    for call in [
        &[("Action", "DeleteAccessKey"), ("AccessKeyId", key.as_str())][..],
        &[("Action", "DeleteAccessKey"), ("UserName", "admin"), ("AccessKeyId", &key)],
        &[("Action", "UpdateAccessKey"), ("AccessKeyId", &key), ("Status", "Inactive")],
    ] {
        let refused = world.iam(&world.admin, call).await;
        assert_eq!(refused.text("Code"), Some("NoSuchEntity"), "{}", refused.body);
    }
    // What is of a user it must name.
    let admins = super::world::ADMIN_KEY;
    let not_its = [("Action", "DeleteAccessKey"), ("AccessKeyId", admins)];
    assert_eq!(world.iam(&root, &not_its).await.text("Code"), Some("NoSuchEntity"));

    let session = world.sts(&second, TOKEN).await.ok().credentials();
    let id = second.access_key_id.to_string();
    let off = [("Action", "UpdateAccessKey"), ("AccessKeyId", id.as_str()), ("Status", "Inactive")];
    world.iam(&root, &off).await.ok();
    for gone in [&second, &session] {
        world.whoami(gone).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    let delete = [("Action", "DeleteAccessKey"), ("AccessKeyId", id.as_str())];
    world.iam(&root, &delete).await.ok();
    world.whoami(&second).await.refused(403, "InvalidClientTokenId", INVALID);
}

#[tokio::test]
async fn the_account_tells_of_its_root_user() {
    let world = World::new().await;
    let present = async |world: &World| {
        let summary = world.iam(&world.admin, &[("Action", "GetAccountSummary")]).await.ok();
        let (_, rest) = summary.body.split_once("<key>AccountAccessKeysPresent</key>").unwrap();
        rest.trim_start().starts_with("<value>1</value>")
    };
    assert!(!present(&world).await);
    let root = root_of(&world, ACCOUNT, 50).await;
    assert!(present(&world).await);
    world.iam(&root, &[("Action", "GetUser")]).await.ok();
    world.iam(&world.admin, &[("Action", "GenerateCredentialReport")]).await.ok();
    let report = world.iam(&world.admin, &[("Action", "GetCredentialReport")]).await.ok();
    let csv = data_encoding::BASE64.decode(report.text("Content").unwrap().as_bytes()).unwrap();
    let csv = String::from_utf8(csv).unwrap();
    let row = csv.lines().nth(1).unwrap();
    assert_eq!(
        row,
        "<root_account>,arn:aws:iam::123456789012:root,2026-01-02T03:04:05+00:00,not_supported,\
         no_information,not_supported,not_supported,false,true,2026-01-02T03:04:05+00:00,\
         2026-01-02T03:04:05+00:00,eu-west-1,iam,false,N/A,N/A,N/A,N/A,false,N/A,false,N/A"
    );
}

#[tokio::test]
async fn what_the_root_user_does_is_recorded_as_its_doing() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let session = world.sts(&root, TOKEN).await.ok().credentials();
    let of = |name: &str| {
        let records = world.records().into_iter();
        records.rev().find(|record| record["eventName"] == name).unwrap()
    };
    let identity = of("GetSessionToken")["userIdentity"].clone();
    assert_eq!(
        identity,
        serde_json::json!({
            "type": "Root",
            "principalId": ACCOUNT,
            "arn": "arn:aws:iam::123456789012:root",
            "accountId": ACCOUNT,
            "accessKeyId": root.access_key_id.as_str(),
        })
    );
    let alias = [("Action", "CreateAccountAlias"), ("AccountAlias", "acme")];
    world.iam(&root, &alias).await.ok();
    assert_eq!(of("CreateAccountAlias")["userIdentity"]["type"], "Root");
    world.whoami(&session).await.ok();
    let record = of("GetCallerIdentity");
    assert_eq!(record["userIdentity"]["type"], "Root");
    assert_eq!(record["userIdentity"]["userName"], "acme");
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    let context = &record["userIdentity"]["sessionContext"];
    assert_eq!(context["attributes"]["mfaAuthenticated"], "false");
    assert_eq!(context["sessionIssuer"], serde_json::json!({}));
}

#[tokio::test]
async fn sessions_of_the_root_user_can_be_taken_back() {
    let world = World::new().await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let other = root_of(&world, ACCOUNT, 51).await;
    second(&world).await;
    let theirs = root_of(&world, OTHER, 52).await;
    let revoke = async |number: u8, scope: Scope| {
        let new = NewRevocation {
            random: [number; 5],
            scope,
            cut_ms: world.app.revocation_cut_ms(),
            created: world.now(),
            by: "uid:0".to_owned(),
            reason: None,
        };
        world.app.directory.revoke(new, &noted::<Revocation>).await.unwrap()
    };
    let key = Scope::AccessKey(root.access_key_id.clone());
    for (number, scope) in [(1, key), (2, Scope::Account(account(ACCOUNT)))] {
        let session = world.sts(&root, TOKEN).await.ok().credentials();
        world.whoami(&session).await.ok();
        let revoked = revoke(number, scope).await;
        world.whoami(&session).await.refused(403, "InvalidClientTokenId", INVALID);
        // The key itself works on.
        world.whoami(&root).await.ok();
        // But it undoes nothing while it is under revocation itself, with none of its keys.
        for (by, name) in [(&root, "a"), (&other, "b")] {
            let name = format!("{name}{number}");
            let make = world.iam(by, &[("Action", "CreateUser"), ("UserName", &name)]).await;
            assert_eq!(make.status, if number == 1 { 403 } else { 200 }, "{}", make.body);
            world.iam(by, &[("Action", "ListUsers")]).await.ok();
        }
        // Others do, and the root user of another account.
        let name = format!("c{number}");
        world.iam(&world.admin, &[("Action", "CreateUser"), ("UserName", &name)]).await.ok();
        let name = format!("d{number}");
        world.iam(&theirs, &[("Action", "CreateUser"), ("UserName", &name)]).await.ok();
        let undo = world.app.directory.undo_revocation(&revoked.id, &noted::<Revocation>);
        undo.await.unwrap();
    }
    // A key that is gone binds the others no longer.
    let owner = KeyOwner::Root(account(ACCOUNT));
    revoke(3, Scope::AccessKey(root.access_key_id.clone())).await;
    world.app.directory.delete_access_key_of(owner, &root.access_key_id, &noted).await.unwrap();
    world.iam(&other, &[("Action", "CreateUser"), ("UserName", "later")]).await.ok();
    close(&world, ACCOUNT).await;
    world.whoami(&other).await.refused(403, "InvalidClientTokenId", INVALID);
}
