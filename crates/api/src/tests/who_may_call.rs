//! Which credentials may call what: table 1.1 of the STS reference, with the exact errors; who
//! GetCallerIdentity says that they are (3.1), and what GetAccessKeyInfo tells.
//!
//! One row of 1.1 has no test: there are no AssumeRoot sessions here. Nor is there a console that
//! takes credentials.

use daypass_names::{AccessKeyId, AccessKeyKind, Constrained};
use daypass_sigv4::Credentials;

use super::accounts::{INVALID, OTHER, account, second};
use super::federation::{federate, may};
use super::mfa_devices::Phone;
use super::refusals::{key_id, operations, parameters};
use super::root_user::root_of;
use super::services::service;
use super::world::{ACCOUNT, ADMIN_KEY, Answer, World, statement, trust, trust_account};
use crate::identify::Service;

/// What a call answers.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Says {
    Yes,
    /// `InvalidClientTokenId`.
    Invalid,
    /// AccessDenied, with a text in which `{}` is the ARN of the caller.
    No(&'static str),
}
use Says::{Invalid, No, Yes};

const NO_SESSION_TOKEN: Says = No("Cannot call GetSessionToken with session credentials");
const NO_FEDERATION_TOKEN: Says = No("Cannot call GetFederationToken with session credentials");
const NO_ROOT: Says = No("Roles may not be assumed by root accounts.");
const NO_ASSUME: Says = No("User: {} is not authorized to perform: sts:AssumeRole");
const NO_KEY_INFO: Says = No("User: {} is not authorized to perform: sts:GetAccessKeyInfo");

/// What each kind of credentials may call, if every policy allows everything: IAM, then AssumeRole,
/// GetAccessKeyInfo, GetCallerIdentity, GetFederationToken and GetSessionToken; and other services.
type Row = (&'static str, Says, [Says; 5], Says);

#[rustfmt::skip]
const TABLE: [Row; 9] = [
    ("root key", Yes, [NO_ROOT, Yes, Yes, Yes, Yes], Yes),
    ("user key", Yes, [Yes, Yes, Yes, Yes, Yes], Yes),
    ("user session with MFA", Yes, [Yes, NO_KEY_INFO, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("user session", Invalid, [Yes, NO_KEY_INFO, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("root session", Invalid, [NO_ROOT, NO_KEY_INFO, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("federated user", Invalid, [NO_ASSUME, NO_KEY_INFO, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("federated user of the root", Invalid, [NO_ASSUME, NO_KEY_INFO, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("role session", Yes, [Yes, Yes, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
    ("chained role session", Yes, [Yes, Yes, Yes, NO_FEDERATION_TOKEN, NO_SESSION_TOKEN], Yes),
];

/// Credentials of every kind, all of whose policies allow everything.
async fn all_kinds(world: &World) -> Vec<(&'static str, Credentials)> {
    let all = statement("Allow", "*", "*");
    world.role("Reader", &trust_account(), Some(&all)).await;
    let ann = world.user("Ann", Some(&all)).await;
    let root = root_of(world, ACCOUNT, 50).await;
    let phone = Phone::of_user(world, "phone", "Ann").await;
    world.pass(60);
    let token = [("Action", "GetSessionToken")];
    let session = async |by: &Credentials| world.sts(by, &token).await.ok().credentials();
    let federated = async |by: &Credentials| {
        federate(world, by, "Bob", &[("Policy", &all)]).await.ok().credentials()
    };
    let role = world.assume(&ann, "Reader", &[]).await.ok().credentials();
    vec![
        ("user session with MFA", phone.sign_in(world, &ann).await.ok().credentials()),
        ("user session", session(&ann).await),
        ("root session", session(&root).await),
        ("federated user", federated(&ann).await),
        ("federated user of the root", federated(&root).await),
        ("chained role session", world.assume(&role, "Reader", &[]).await.ok().credentials()),
        ("role session", role),
        ("root key", root),
        ("user key", ann),
    ]
}

fn check(what: &str, answer: &Answer, arn: &str, want: Says) {
    match want {
        Yes => assert_eq!(answer.status, 200, "{what}: {}", answer.body),
        Invalid => {
            assert_eq!(answer.text("Message"), Some(INVALID), "{what}");
            answer.refused(403, "InvalidClientTokenId", INVALID);
        }
        No(text) => {
            let text = text.replace("{}", arn);
            assert_eq!(answer.text("Message"), Some(text.as_str()), "{what}");
            answer.refused(403, "AccessDenied", &text);
        }
    }
}

/// STS reference, section 1.1.
#[tokio::test]
async fn each_kind_of_credentials_calls_what_the_table_says() {
    let world = World::new().await;
    let kinds = all_kinds(&world).await;
    assert_eq!(kinds.len(), TABLE.len());
    for (what, iam, sts, others) in TABLE {
        let (_, by) = kinds.iter().find(|(kind, _)| *kind == what).unwrap();
        let me = world.whoami(by).await.ok();
        let arn = me.text("Arn").unwrap();
        for operation in ["ListUsers", "GetAccountSummary", "CreateAccountAlias"] {
            let owned = parameters(operation);
            let mut call = vec![("Action", operation)];
            call.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
            check(&format!("{what}: {operation}"), &world.iam(by, &call).await, arn, iam);
        }
        let names = operations().into_iter().filter(|(service, _)| *service == Service::Sts);
        let names: Vec<&str> = names.map(|(_, row)| row.name()).collect();
        // Two take no signature, and who may decode has a test of its own.
        assert_eq!(names.len(), sts.len() + 3, "an operation without a column: {names:?}");
        for (operation, want) in [
            "AssumeRole",
            "GetAccessKeyInfo",
            "GetCallerIdentity",
            "GetFederationToken",
            "GetSessionToken",
        ]
        .into_iter()
        .zip(sts)
        {
            assert!(names.contains(&operation), "{operation}");
            let owned = parameters(operation);
            let mut call = vec![("Action", operation)];
            call.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
            check(&format!("{what}: {operation}"), &world.sts(by, &call).await, arn, want);
        }
        assert_eq!(may(&world, by, "s3:GetObject").await.is_ok(), others == Yes, "{what}");
    }
}

/// The rows of 1.1 with "by policy": without any policy nothing that has one.
#[tokio::test]
async fn by_policy_means_that_nothing_is_allowed_without() {
    let world = World::new().await;
    let ann = world.user("Ann", None).await;
    world
        .role(
            "Empty",
            &trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:user/admin"}}"#), ""),
            None,
        )
        .await;
    let role = world.assume(&world.admin, "Empty", &[]).await.ok().credentials();
    let phone = Phone::of_user(&world, "phone", "Ann").await;
    world.pass(60);
    let session = phone.sign_in(&world, &ann).await.ok().credentials();
    for (what, by) in
        [("user key", &ann), ("user session with MFA", &session), ("role session", &role)]
    {
        let listed = world.iam(by, &[("Action", "ListUsers")]).await;
        assert_eq!((listed.status, listed.text("Code")), (403, Some("AccessDenied")), "{what}");
        let assumed = world.assume(by, "Empty", &[]).await;
        assert_eq!((assumed.status, assumed.text("Code")), (403, Some("AccessDenied")), "{what}");
        assert!(may(&world, by, "s3:GetObject").await.is_err(), "{what}");
    }
    let refused = federate(&world, &ann, "Bob", &[]).await;
    assert_eq!((refused.status, refused.text("Code")), (403, Some("AccessDenied")));
}

/// A registered service assumes roles and does nothing else.
#[tokio::test]
async fn a_service_calls_nothing_else() {
    let world = World::new().await;
    let (_, jobs) = service(&world, "jobs", &["jobs.example.com"], &[ACCOUNT]).await;
    for operation in
        ["GetCallerIdentity", "GetSessionToken", "GetFederationToken", "GetAccessKeyInfo"]
    {
        let owned = parameters(operation);
        let mut call = vec![("Action", operation)];
        call.extend(owned.iter().map(|(key, value)| (*key, value.as_str())));
        let text = format!("User: jobs.example.com is not authorized to perform: sts:{operation}");
        world.sts(&jobs, &call).await.refused(403, "AccessDenied", &text);
    }
}

/// STS reference, section 3.1.
#[tokio::test]
async fn get_caller_identity_says_who_each_is() {
    let world = World::new().await;
    let kinds = all_kinds(&world).await;
    let create = [("Action", "CreateUser"), ("UserName", "Deep"), ("Path", "/team/data/")];
    world.iam(&world.admin, &create).await.ok();
    let put = [("Action", "CreateAccessKey"), ("UserName", "Deep")];
    let deep = world.iam(&world.admin, &put).await.ok().credentials();
    let create = [
        ("Action", "CreateRole"),
        ("RoleName", "Far"),
        ("Path", "/team/data/"),
        ("AssumeRolePolicyDocument", &*trust_account()),
    ];
    world.iam(&world.admin, &create).await.ok();
    let far = [
        ("Action", "AssumeRole"),
        ("RoleArn", "arn:aws:iam::123456789012:role/team/data/Far"),
        // As an instance does.
        ("RoleSessionName", "i-0abc"),
    ];
    let far = world.sts(&world.admin, &far).await.ok().credentials();
    let root = format!("arn:aws:iam::{ACCOUNT}:root");
    let ann = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    let bob = format!("arn:aws:sts::{ACCOUNT}:federated-user/Bob");
    let reader = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    let more = [("user with a path", deep), ("role with a path", far)];
    for (what, by) in kinds.iter().chain(&more) {
        let me = world.whoami(by).await.ok();
        let (arn, id) = (me.text("Arn").unwrap(), me.text("UserId").unwrap());
        assert_eq!(me.text("Account"), Some(ACCOUNT), "{what}");
        let (want, begin, end) = match *what {
            "root key" | "root session" => (root.clone(), ACCOUNT, ""),
            "user key" | "user session" | "user session with MFA" => (ann.clone(), "AIDA", ""),
            "user with a path" => {
                (format!("arn:aws:iam::{ACCOUNT}:user/team/data/Deep"), "AIDA", "")
            }
            // The path of the role is dropped.
            "role with a path" => {
                (format!("arn:aws:sts::{ACCOUNT}:assumed-role/Far/i-0abc"), "AROA", ":i-0abc")
            }
            "role session" | "chained role session" => (reader.clone(), "AROA", ":session-1"),
            _ => (bob.clone(), ACCOUNT, ":Bob"),
        };
        assert_eq!(arn, want, "{what}");
        assert!(id.starts_with(begin) && id.ends_with(end), "{what}: {id}");
        let length = if begin == ACCOUNT { 12 } else { 21 } + end.len();
        assert_eq!(id.len(), length, "{what}: {id}");
    }
}

/// Nothing denies these two: neither the user's policies nor its boundary, nor, of the first, the
/// session's policies.
#[tokio::test]
async fn no_policy_denies_get_caller_identity_and_get_session_token() {
    let world = World::new().await;
    let none = statement("Deny", "*", "*");
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    world.role("Reader", &trust_account(), Some(&statement("Allow", "*", "*"))).await;
    let role = world.assume(&ann, "Reader", &[("Policy", &none)]).await.ok().credentials();
    let bob = federate(&world, &ann, "Bob", &[("Policy", &none)]).await.ok().credentials();
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let deny = |action: &str, of: &str| {
        vec![
            ("Action", action.to_owned()),
            (if action == "PutUserPolicy" { "UserName" } else { "RoleName" }, of.to_owned()),
            ("PolicyName", "deny".to_owned()),
            ("PolicyDocument", none.clone()),
        ]
    };
    for call in [deny("PutUserPolicy", "Ann"), deny("PutRolePolicy", "Reader")] {
        let call: Vec<(&str, &str)> = call.iter().map(|(k, v)| (*k, v.as_str())).collect();
        world.iam(&world.admin, &call).await.ok();
    }
    let bound = super::managed_policies::managed(&world, "none", &none).await;
    let boundary = [
        ("Action", "PutUserPermissionsBoundary"),
        ("UserName", "Ann"),
        ("PermissionsBoundary", &*bound),
    ];
    world.iam(&world.admin, &boundary).await.ok();
    for by in [&ann, &role, &bob, &session] {
        world.whoami(by).await.ok();
    }
    world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok();
    assert_eq!(federate(&world, &ann, "Bob", &[]).await.text("Code"), Some("AccessDenied"));
}

async fn account_of(world: &World, by: &Credentials, id: &str) -> Answer {
    world.sts(by, &[("Action", "GetAccessKeyInfo"), ("AccessKeyId", id)]).await
}

/// STS API reference, "GetAccessKeyInfo".
#[tokio::test]
async fn an_access_key_id_tells_its_account() {
    let world = World::new().await;
    let boss = second(&world).await;
    let ann = world.user("Ann", None).await;
    let root = root_of(&world, OTHER, 60).await;
    let session = world.sts(&boss, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let far = account("999999999999");
    let stranger = AccessKeyId::from_random(AccessKeyKind::LongTerm, far, [7; 10]);
    let strange_session = AccessKeyId::from_random(AccessKeyKind::Temporary, far, [8; 10]);
    for (what, id, want) in [
        ("one's own", ann.access_key_id.as_str(), ACCOUNT),
        // Its layout tells another account: the owner is what counts.
        ("one that an operator chose", ADMIN_KEY, ACCOUNT),
        ("of another account", boss.access_key_id.as_str(), OTHER),
        ("of another root user", root.access_key_id.as_str(), OTHER),
        ("of a session", session.access_key_id.as_str(), OTHER),
        ("of no deployment's", stranger.as_str(), "999999999999"),
        ("of a session of none", strange_session.as_str(), "999999999999"),
        // Whose layout public tools read so.
        ("of the guides", "AKIAIOSFODNN7EXAMPLF", "581039954779"),
    ] {
        let answer = account_of(&world, &ann, id).await;
        assert_eq!((answer.status, answer.text("Account")), (200, Some(want)), "{what}");
    }
    // It says nothing of the state of a key.
    let off = [
        ("Action", "UpdateAccessKey"),
        ("UserName", "Ann"),
        ("AccessKeyId", ann.access_key_id.as_str()),
        ("Status", "Inactive"),
    ];
    world.iam(&world.admin, &off).await.ok();
    let answer = account_of(&world, &boss, ann.access_key_id.as_str()).await.ok();
    assert_eq!(answer.text("Account"), Some(ACCOUNT));
    for unknown in
        ["AKIAIOSFODNN1EXAMPLE", "AIDAIOSFODNN7EXAMPLE", "my_fixed_admin_key", &"A".repeat(128)]
    {
        let answer = account_of(&world, &boss, unknown).await;
        answer.refused(403, "InvalidClientTokenId", INVALID);
    }
    let pattern = r"Member must satisfy regular expression pattern: [\w]*";
    for (bad, words) in [
        ("AKIA", "Member must have length greater than or equal to 16"),
        (&*"A".repeat(129), "Member must have length less than or equal to 128"),
        ("AKIAIOSFODNN7 EXAMPLE", pattern),
        ("AKIAIOSFODNN7-EXAMPLE", pattern),
    ] {
        let text = format!(
            "1 validation error detected: Value '{bad}' at 'accessKeyId' failed to satisfy \
             constraint: {words}"
        );
        account_of(&world, &boss, bad).await.refused(400, "ValidationError", &text);
    }
    world.sts(&boss, &[("Action", "GetAccessKeyInfo")]).await.refused(
        400,
        "ValidationError",
        "1 validation error detected: Value null at 'accessKeyId' failed to satisfy constraint: \
         Member must not be null",
    );
    let record = world.records().into_iter().rev().find(|record| record["errorCode"].is_null());
    let record = record.unwrap();
    assert_eq!(record["requestParameters"]["accessKeyId"], ann.access_key_id.as_str());
    assert_eq!(record["responseElements"], serde_json::Value::Null);
    assert_eq!(key_id(ADMIN_KEY), AccessKeyId::parse(ADMIN_KEY).unwrap());
}

/// STS reference, section 1: an explicit Deny holds, the absence of an Allow does not refuse.
#[tokio::test]
async fn only_a_deny_refuses_get_access_key_info() {
    let world = World::new().await;
    let deny = statement("Deny", "sts:GetAccessKeyInfo", "*");
    let other = statement("Allow", "s3:*", "*");
    world.role("Reader", &trust_account(), None).await;
    let bound = super::managed_policies::managed(&world, "bound", &other).await;
    let ann = world.user("Ann", None).await;
    let bea = world.user("Bea", Some(&deny)).await;
    account_of(&world, &ann, ADMIN_KEY).await.ok();
    let refused = account_of(&world, &bea, ADMIN_KEY).await;
    let text = |caller: &str, clause: &str| {
        format!("User: {caller} is not authorized to perform: sts:GetAccessKeyInfo{clause}")
    };
    let identity = " with an explicit deny in an identity-based policy";
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/Bea");
    refused.refused(403, "AccessDenied", &text(&arn, identity));
    // A boundary and a session policy that do not name it refuse nothing either; one that denies
    // it does.
    let boundary = [
        ("Action", "PutUserPermissionsBoundary"),
        ("UserName", "Ann"),
        ("PermissionsBoundary", &*bound),
    ];
    world.iam(&world.admin, &boundary).await.ok();
    account_of(&world, &ann, ADMIN_KEY).await.ok();
    let role = world.assume(&world.admin, "Reader", &[("Policy", &other)]).await.ok().credentials();
    account_of(&world, &role, ADMIN_KEY).await.ok();
    let role = world.assume(&world.admin, "Reader", &[("Policy", &deny)]).await.ok().credentials();
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    let session = " with an explicit deny in a session policy";
    account_of(&world, &role, ADMIN_KEY).await.refused(403, "AccessDenied", &text(&arn, session));
}
