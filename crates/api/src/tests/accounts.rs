//! Several accounts in one deployment: roles across them, and what closing one of them stops.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use daypass_audit::Trail;
use daypass_directory::{Account, Closing, NewAccessKey, NewAccount, NewUser};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Constrained, Path, PolicyName, SecretAccessKey,
    UniqueId, UniqueIdKind, UserName,
};
use daypass_sigv4::Credentials;

use super::revocation::Gate;
use super::world::{ACCOUNT, ADMIN_SECRET, Answer, World, noted, statement, trust, trust_account};

pub(super) const OTHER: &str = "210987654321";
pub(super) const INVALID: &str = "The security token included in the request is invalid.";

pub(super) fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

/// Makes the second account, and tells the key of its administrator.
pub(super) async fn second(world: &World) -> Credentials {
    let (directory, id) = (&world.app.directory, account(OTHER));
    let new = NewAccount { id, created: world.now() };
    directory.create_account(new, &noted::<Account>).await.unwrap();
    let user = NewUser {
        account: id,
        id: UniqueId::from_random(UniqueIdKind::User, [7; 11]),
        name: UserName::parse("boss").unwrap(),
        path: Path::default(),
        created: world.now(),
        boundary: None,
        tags: Vec::new(),
    };
    let user = directory.create_user(user, &noted).await.unwrap();
    let policy = PolicyName::parse("all").unwrap();
    let all = statement("Allow", "*", "*");
    directory.put_user_policy(id, user.id, policy, &all, &noted).await.unwrap();
    let key = NewAccessKey {
        id: AccessKeyId::from_random(AccessKeyKind::LongTerm, id, [8; 10]),
        secret: SecretAccessKey::parse(ADMIN_SECRET).unwrap(),
        nonce: [8; 24],
        created: world.now(),
    };
    let key = directory.create_access_key(id, user.id, key, &noted).await.unwrap();
    Credentials {
        access_key_id: key.id.clone(),
        secret_access_key: key.secret.clone(),
        session_token: None,
    }
}

pub(super) async fn assume(
    world: &World,
    by: &Credentials,
    role: &str,
    more: &[(&str, &str)],
) -> Answer {
    let mut call = vec![("Action", "AssumeRole"), ("RoleArn", role), ("RoleSessionName", "s-1")];
    call.extend_from_slice(more);
    world.sts(by, &call).await
}

/// A role of the account of `by`.
async fn role(world: &World, by: &Credentials, name: &str, trust: &str) {
    let create =
        [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust)];
    world.iam(by, &create).await.ok();
    let put = [
        ("Action", "PutRolePolicy"),
        ("RoleName", name),
        ("PolicyName", "p"),
        ("PolicyDocument", &statement("Allow", "*", "*")),
    ];
    world.iam(by, &put).await.ok();
}

fn role_of(account: &str, name: &str) -> String {
    format!("arn:aws:iam::{account}:role/{name}")
}

fn refusal(caller: &str, role: &str) -> String {
    format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {role}")
}

pub(super) async fn close(world: &World, id: &str) {
    let closing = Closing { at: world.now(), by: "uid:0".to_owned(), reason: None };
    world.app.directory.close_account(account(id), closing, &noted::<Account>).await.unwrap();
}

pub(super) async fn reopen(world: &World, id: &str) {
    world.app.directory.reopen_account(account(id), &noted::<Account>).await.unwrap();
}

/// What it is about, the caller's own policy, the trust policy, further parameters, and whether the
/// role is assumed.
type Case<'a> = (&'a str, Option<&'a str>, &'a str, &'a [(&'a str, &'a str)], bool);

/// Both sides must allow: the caller's own policies, and the trust policy of the other account.
#[tokio::test]
async fn a_role_of_another_account_needs_both_sides() {
    let world = World::new().await;
    let boss = second(&world).await;
    let ann = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let target = role_of(OTHER, "Target");
    let own = statement("Allow", "sts:AssumeRole", &target);
    let elsewhere = statement("Allow", "sts:AssumeRole", &role_of(OTHER, "Else"));
    let denied = statement("Deny", "sts:AssumeRole", "*");
    let bounded = statement("Allow", "s3:*", "*");
    let here = trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#), "");
    let number = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    let named = trust(&format!(r#"{{"AWS":"{ann}"}}"#), "");
    let anyone = trust(r#"{"AWS":"*"}"#, "");
    let others = trust(&format!(r#"{{"AWS":"arn:aws:iam::{OTHER}:root"}}"#), "");
    let with_id = |id: &str| {
        let condition = format!(r#"{{"StringEquals":{{"sts:ExternalId":"{id}"}}}}"#);
        trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), &condition)
    };
    let of_account = |id: &str| {
        let condition = format!(r#"{{"StringEquals":{{"aws:PrincipalAccount":"{id}"}}}}"#);
        trust(r#"{"AWS":"*"}"#, &condition)
    };
    let of_organisation = trust(r#"{"AWS":"*"}"#, r#"{"StringLike":{"aws:PrincipalOrgID":"*"}}"#);
    let external = [("ExternalId", "abc")];
    let cases: &[Case<'_>] = &[
        ("both sides", Some(&own), &here, &[], true),
        ("both sides, by number", Some(&own), &number, &[], true),
        ("both sides, by name", Some(&own), &named, &[], true),
        ("both sides, anyone", Some(&own), &anyone, &[], true),
        // Within the account the name alone would do.
        ("named, and no policy of its own", None, &named, &[], false),
        ("anyone, and no policy of its own", None, &anyone, &[], false),
        ("the account, and no policy of its own", None, &here, &[], false),
        ("a policy for another role", Some(&elsewhere), &named, &[], false),
        ("denied by its own policy", Some(&denied), &named, &[], false),
        ("another account is trusted", Some(&own), &others, &[], false),
        ("the external id", Some(&own), &with_id("abc"), &external, true),
        ("another external id", Some(&own), &with_id("xyz"), &external, false),
        ("no external id", Some(&own), &with_id("abc"), &[], false),
        ("the account of the caller", Some(&own), &of_account(ACCOUNT), &[], true),
        ("the account of the role", Some(&own), &of_account(OTHER), &[], false),
        ("no organisation", Some(&own), &of_organisation, &[], false),
    ];
    let user = world.user("Ann", None).await;
    role(&world, &boss, "Target", &anyone).await;
    for (what, policy, trust, more, allowed) in cases {
        let put = match policy {
            Some(policy) => vec![
                ("Action", "PutUserPolicy"),
                ("UserName", "Ann"),
                ("PolicyName", "p"),
                ("PolicyDocument", policy),
            ],
            None => vec![
                ("Action", "PutUserPolicy"),
                ("UserName", "Ann"),
                ("PolicyName", "p"),
                ("PolicyDocument", &bounded),
            ],
        };
        world.iam(&world.admin, &put).await.ok();
        let update = [
            ("Action", "UpdateAssumeRolePolicy"),
            ("RoleName", "Target"),
            ("PolicyDocument", trust),
        ];
        world.iam(&boss, &update).await.ok();
        let got = assume(&world, &user, &target, more).await;
        if *allowed {
            assert_eq!(got.status, 200, "{what}: {}", got.body);
        } else {
            // Nothing of what either side's policies say, nor whether there is such a role.
            got.refused(403, "AccessDenied", &refusal(&ann, &target));
            let missing = role_of(OTHER, "Missing");
            let got = assume(&world, &user, &missing, more).await;
            got.refused(403, "AccessDenied", &refusal(&ann, &missing));
        }
    }
}

#[tokio::test]
async fn a_boundary_a_session_policy_and_the_root_user_stop_at_the_border() {
    let world = World::new().await;
    let boss = second(&world).await;
    let target = role_of(OTHER, "Target");
    let trusted = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    role(&world, &boss, "Target", &trusted).await;
    // A role session of the first account, with and without a policy of the session.
    world.role("Own", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let session = world.assume(&world.admin, "Own", &[]).await.ok().credentials();
    let chained = assume(&world, &session, &target, &[]).await.ok().credentials();
    let arn = format!("arn:aws:sts::{OTHER}:assumed-role/Target/s-1");
    assert_eq!(world.whoami(&chained).await.ok().text("Arn"), Some(&*arn));
    let narrow = [("Policy", &*statement("Allow", "iam:*", "*"))];
    let narrowed = world.assume(&world.admin, "Own", &narrow).await.ok().credentials();
    let caller = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Own/session-1");
    let refused = assume(&world, &narrowed, &target, &[]).await;
    refused.refused(403, "AccessDenied", &refusal(&caller, &target));
    // A boundary that lacks the action.
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    assume(&world, &ann, &target, &[]).await.ok();
    let bound = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "bound"),
        ("PolicyDocument", &*statement("Allow", "iam:*", "*")),
    ];
    let bound = world.iam(&world.admin, &bound).await.ok();
    let put = [
        ("Action", "PutUserPermissionsBoundary"),
        ("UserName", "Ann"),
        ("PermissionsBoundary", bound.text("Arn").unwrap()),
    ];
    world.iam(&world.admin, &put).await.ok();
    let caller = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let refused = assume(&world, &ann, &target, &[]).await;
    refused.refused(403, "AccessDenied", &refusal(&caller, &target));
    // What is done with the role is done in the other account, and only there.
    let make = [("Action", "CreateUser"), ("UserName", "made-there")];
    let made = world.iam(&chained, &make).await.ok();
    let user = format!("arn:aws:iam::{OTHER}:user/made-there");
    assert_eq!(made.text("Arn"), Some(&*user));
    let get = [("Action", "GetUser"), ("UserName", "Ann")];
    assert_eq!(world.iam(&chained, &get).await.text("Code"), Some("NoSuchEntity"));
}

/// The owner of a role sees who of another account assumed it, and who tried.
#[tokio::test]
async fn the_owner_of_a_role_has_its_copy_of_the_record() {
    let world = World::new().await;
    let boss = second(&world).await;
    let trusted = trust(&format!(r#"{{"AWS":"{ACCOUNT}"}}"#), "");
    role(&world, &boss, "Target", &trusted).await;
    role(&world, &boss, "Shut", &trust(&format!(r#"{{"AWS":"{OTHER}"}}"#), "")).await;
    role(&world, &world.admin, "Own", &trust_account()).await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let of_ann = world.whoami(&ann).await.ok().text("UserId").unwrap().to_owned();
    let session = assume(&world, &ann, &role_of(ACCOUNT, "Own"), &[]).await.ok().credentials();
    let of_session = world.whoami(&session).await.ok().text("UserId").unwrap().to_owned();
    for (by, id) in [(&ann, &of_ann), (&session, &of_session)] {
        for (name, code) in [("Target", None), ("Shut", Some("AccessDenied"))] {
            let before = world.records().len();
            let got = assume(&world, by, &role_of(OTHER, name), &[]).await;
            assert_eq!(got.text("Code"), code, "{}", got.body);
            let records = world.records();
            let [callers, owners] = &records[before..] else { panic!("{:?}", &records[before..]) };
            let identity = &callers["userIdentity"];
            assert_eq!(identity["principalId"], id.as_str());
            assert!(identity["accessKeyId"].is_string() && identity["arn"].is_string());
            assert_eq!(callers["recipientAccountId"], ACCOUNT);
            let want = serde_json::json!({
                "type": "AWSAccount", "principalId": id, "accountId": ACCOUNT,
            });
            assert_eq!(owners["userIdentity"], want);
            assert_eq!(owners["recipientAccountId"], OTHER);
            assert!(callers["sharedEventID"].is_string());
            assert_ne!(owners["eventID"], callers["eventID"]);
            assert_eq!(owners["errorCode"].as_str(), code);
            // The rest is the same.
            let mut rest = [callers.clone(), owners.clone()];
            for record in &mut rest {
                let members = record.as_object_mut().unwrap();
                for own in ["userIdentity", "eventID", "recipientAccountId"] {
                    members.remove(own);
                }
            }
            assert_eq!(rest[0], rest[1]);
            assert_eq!(callers["responseElements"].is_null(), code.is_some());
        }
    }
    // One record where nobody else is concerned: one's own role, and roles that there are not.
    let own = role_of(ACCOUNT, "Own");
    for role in [&own, &role_of(OTHER, "Missing"), &role_of("333333333333", "Target")] {
        let before = world.records().len();
        assume(&world, &ann, role, &[]).await;
        let records = world.records();
        let [record] = &records[before..] else { panic!("{role}") };
        assert_eq!(record["recipientAccountId"], ACCOUNT);
        assert_eq!(record.get("sharedEventID"), None);
    }
    close(&world, OTHER).await;
    let of_assuming =
        || world.records().iter().filter(|record| record["eventName"] == "AssumeRole").count();
    let before = of_assuming();
    assume(&world, &ann, &role_of(OTHER, "Target"), &[]).await;
    assert_eq!(of_assuming(), before + 1);
}

/// Trust hangs on who somebody is, not on a name that somebody else may get.
#[tokio::test]
async fn a_principal_that_is_made_again_is_somebody_else() {
    let world = World::new().await;
    let boss = second(&world).await;
    let all = statement("Allow", "*", "*");
    let ann = world.user("Ann", Some(&all)).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let trusted = trust(&format!(r#"{{"AWS":"{arn}"}}"#), "");
    role(&world, &boss, "Target", &trusted).await;
    let target = role_of(OTHER, "Target");
    assume(&world, &ann, &target, &[]).await.ok();
    let key = ann.access_key_id.to_string();
    for call in [
        &[("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", &*key)][..],
        &[("Action", "DeleteUserPolicy"), ("UserName", "Ann"), ("PolicyName", "p")],
        &[("Action", "DeleteUser"), ("UserName", "Ann")],
    ] {
        world.iam(&world.admin, call).await.ok();
    }
    let again = world.user("Ann", Some(&all)).await;
    let refused = assume(&world, &again, &target, &[]).await;
    refused.refused(403, "AccessDenied", &refusal(&arn, &target));
}

#[tokio::test]
async fn every_credential_of_a_closed_account_is_refused_and_nothing_is_lost() {
    let world = World::new().await;
    let boss = second(&world).await;
    let both = trust(&format!(r#"{{"AWS":["{ACCOUNT}","{OTHER}"]}}"#), "");
    role(&world, &boss, "There", &both).await;
    role(&world, &world.admin, "Here", &both).await;
    let (here, there) = (role_of(ACCOUNT, "Here"), role_of(OTHER, "There"));
    let alias = [("Action", "CreateAccountAlias"), ("AccountAlias", "acme")];
    world.iam(&boss, &alias).await.ok();
    let token = [("Action", "GetSessionToken")];
    let user_session = world.sts(&boss, &token).await.ok().credentials();
    let role_session = assume(&world, &boss, &there, &[]).await.ok().credentials();
    // Both ways across the border.
    let abroad = assume(&world, &boss, &here, &[]).await.ok().credentials();
    let further = assume(&world, &abroad, &here, &[]).await.ok().credentials();
    let visitor = assume(&world, &world.admin, &there, &[]).await.ok().credentials();
    let back = assume(&world, &visitor, &here, &[]).await.ok().credentials();
    let own = assume(&world, &world.admin, &here, &[]).await.ok().credentials();
    let stopped = [&boss, &user_session, &role_session, &abroad, &further, &visitor, &back];
    let everybody = || stopped.into_iter().chain([&own, &world.admin]);
    // All of them are known: what is kept of them in memory must make no difference.
    for credentials in everybody() {
        world.whoami(credentials).await.ok();
    }
    let before = world.records().len();
    close(&world, OTHER).await;
    for _ in 0..2 {
        for credentials in stopped {
            world.whoami(credentials).await.refused(403, "InvalidClientTokenId", INVALID);
        }
        let list = [("Action", "ListUsers")];
        world.iam(&boss, &list).await.refused(403, "InvalidClientTokenId", INVALID);
    }
    // None of these proved who it is: nothing of them is in the trail.
    assert_eq!(world.records().len(), before + 1);
    world.whoami(&own).await.ok();
    world.whoami(&world.admin).await.ok();
    // Its roles are as good as gone, its principals and its alias are still its own.
    let admin = format!("arn:aws:iam::{ACCOUNT}:user/admin");
    let refused = assume(&world, &world.admin, &there, &[]).await;
    refused.refused(403, "AccessDenied", &refusal(&admin, &there));
    let missing = role_of(OTHER, "Missing");
    let refused = assume(&world, &world.admin, &missing, &[]).await;
    refused.refused(403, "AccessDenied", &refusal(&admin, &missing));
    let taken = world.iam(&world.admin, &alias).await;
    assert_eq!(taken.text("Code"), Some("EntityAlreadyExists"));

    reopen(&world, OTHER).await;
    for credentials in everybody() {
        world.whoami(credentials).await.ok();
    }
    assume(&world, &world.admin, &there, &[]).await.ok();
    let listed = world.iam(&boss, &[("Action", "ListAccountAliases")]).await.ok();
    assert_eq!(listed.text("member"), Some("acme"));
}

/// A write that was permitted before the account was closed is not committed after it.
#[tokio::test]
async fn a_closed_account_writes_nothing_any_more() {
    let gate = Arc::new(Gate::default());
    let world = World::on(Arc::<Gate>::clone(&gate), Trail::memory()).await;
    let boss = second(&world).await;
    let both = trust(&format!(r#"{{"AWS":["{ACCOUNT}","{OTHER}"]}}"#), "");
    role(&world, &world.admin, "Here", &both).await;
    let abroad = assume(&world, &boss, &role_of(ACCOUNT, "Here"), &[]).await.ok().credentials();
    let root = super::root_user::root_of(&world, OTHER, 60).await;
    let create = [("Action", "CreateUser"), ("UserName", "late")];
    // Their reads are held when their account was seen to be open, and nothing is committed yet.
    for (caller, recorded) in [(&boss, 1), (&abroad, 2), (&root, 3)] {
        gate.closed.store(true, Ordering::SeqCst);
        let closing = async {
            gate.arrived.notified().await;
            close(&world, OTHER).await;
            gate.opened.notify_one();
        };
        let (refused, ()) = tokio::join!(world.iam(caller, &create), closing);
        refused.refused(403, "InvalidClientTokenId", INVALID);
        // They were proven, so that the refusal is in the trail.
        let records = world.records();
        let of_writes = records.iter().filter(|record| record["eventName"] == "CreateUser");
        let refused = |record: &&serde_json::Value| {
            record["errorCode"] == "InvalidClientTokenId" && record["errorMessage"] == INVALID
        };
        assert_eq!(of_writes.filter(refused).count(), recorded);
        reopen(&world, OTHER).await;
    }
    for (id, users) in [(ACCOUNT, 1), (OTHER, 1)] {
        let counts = world.app.directory.account_counts(account(id)).await.unwrap();
        assert_eq!(counts.users, users);
    }
    world.iam(&abroad, &create).await.ok();
}
