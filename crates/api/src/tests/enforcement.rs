//! What an enforcement point is told: who asks, and whether they may, by all layers of policies.

use daypass_directory::{Bucket, NewBucket, Scope};
use daypass_names::{BucketName, Constrained, UserName};
use daypass_policy::Value;
use daypass_sigv4::{Credentials, presented_form};
use http::{HeaderValue, Method};
use serde_json::json;

use super::accounts::{OTHER, account, close, second};
use super::federation::federate;
use super::revocation::revoke;
use super::root_user::root_of;
use super::services::service;
use super::web_identity::{SUBJECT, Web};
use super::world::{ACCOUNT, ADMIN_KEY, World, noted, statement, trust_account};
use crate::enforcement::{Proven, Question, Ruling, SignedService};
use crate::{Code, Fault, Received};

pub(super) fn bucket(text: &str) -> BucketName {
    BucketName::parse(text).unwrap()
}

impl World {
    /// A request to S3, signed if there are credentials.
    pub(super) fn s3(&self, by: Option<&Credentials>, method: Method, target: &str) -> Received {
        let mut received = self.unsigned(method, target, "");
        if let Some(by) = by {
            self.sign(&mut received, by, "s3");
        }
        received
    }

    /// Gives a bucket to an account.
    pub(super) async fn adopt(&self, name: &str, owner: &str) {
        let new = NewBucket { name: bucket(name), account: account(owner), created: self.now() };
        self.app.directory.adopt_bucket(new, &noted::<Bucket>).await.unwrap();
    }

    /// Gives a bucket a policy, or takes it away.
    pub(super) async fn set_policy(&self, name: &str, policy: Option<&str>) {
        let (directory, name) = (&self.app.directory, bucket(name));
        match policy {
            Some(text) => directory.put_bucket_policy(&name, text, &noted::<Bucket>).await,
            None => directory.delete_bucket_policy(&name, &noted::<Bucket>).await,
        }
        .unwrap();
    }

    /// Whether somebody may do something with an object of the bucket `photos`: nothing, or why not.
    async fn may(
        &self,
        by: Option<&Credentials>,
        action: &str,
        key: &str,
    ) -> Result<(), (Code, String)> {
        let received = self.s3(by, Method::GET, "/photos/a");
        let told = |fault: Fault| (fault.code(), fault.message().to_owned());
        let proven = match by {
            Some(_) => self.app.prove(&received, SignedService::S3).await.map_err(told)?,
            None => self.app.anonymous(&received).map_err(told)?,
        };
        let ruling = self.rule(&proven, action, key).await;
        ruling.map_err(told)?.permit().map_err(told)
    }

    async fn rule(&self, proven: &Proven<'_>, action: &str, key: &str) -> Result<Ruling, Fault> {
        let held = self.app.bucket(&bucket("photos")).await?.unwrap();
        let resource = match key {
            "" => "arn:aws:s3:::photos".to_owned(),
            key => format!("arn:aws:s3:::photos/{key}"),
        };
        let question = Question {
            resource_policy: held.policy.as_ref().map(|policy| &*policy.policy),
            ..Question::new(action, resource, Some(held.account))
        };
        Ok(proven.decide(&[question]).await?.remove(0))
    }
}

/// A bucket policy of one statement about all objects of `photos`.
fn policy(effect: &str, principal: &str, more: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":{principal},"Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"{more}}}}}"#
    )
}

fn aws(principal: &str) -> String {
    format!(r#"{{"AWS":"{principal}"}}"#)
}

const DENIED: &str = "Access Denied";

fn refusal(who: &str, why: &str) -> String {
    format!(
        "User: {who} is not authorized to perform: s3:GetObject on resource: \
         \"arn:aws:s3:::photos/a\"{why}"
    )
}

const NO_IDENTITY: &str = " because no identity-based policy allows the s3:GetObject action";
const NO_SESSION: &str = " because no session policy allows the s3:GetObject action";
const NO_BOUNDARY: &str = " because no permissions boundary allows the s3:GetObject action";

/// Who asks, the bucket policy, and what a refusal says.
type Row<'a> = (&'a str, &'a str, Option<String>, Result<(), String>);

/// The whole table: who has which policies of their own, what the bucket's says, and what comes of it.
#[tokio::test]
async fn all_layers_decide() {
    let world = World::new().await;
    let boss = second(&world).await;
    world.adopt("photos", ACCOUNT).await;
    let get = statement("Allow", "s3:GetObject", "arn:aws:s3:::photos/*");
    let with = world.user("With", Some(&get)).await;
    let without = world.user("Without", None).await;
    let barred = world.user("Barred", Some(&statement("Deny", "s3:*", "*"))).await;
    let bounded = world.user("Bounded", Some(&get)).await;
    let create = [
        ("Action", "CreatePolicy"),
        ("PolicyName", "bound"),
        ("PolicyDocument", &statement("Allow", "iam:*", "*")),
    ];
    world.iam(&world.admin, &create).await.ok();
    let bound = "arn:aws:iam::123456789012:policy/bound";
    let put = [
        ("Action", "PutUserPermissionsBoundary"),
        ("UserName", "Bounded"),
        ("PermissionsBoundary", bound),
    ];
    world.iam(&world.admin, &put).await.ok();
    world.role("Reader", &trust_account(), Some(&get)).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let prefix = statement("Allow", "s3:*", "arn:aws:s3:::photos/b*");
    let narrowed = world.assume(&world.admin, "Reader", &[("Policy", &prefix)]).await.ok();
    let narrowed = narrowed.credentials();
    let all = statement("Allow", "s3:*", "*");
    let sue = federate(&world, &world.admin, "Sue", &[("Policy", &all)]).await.ok().credentials();
    let bob = federate(&world, &world.admin, "Bob", &[]).await.ok().credentials();
    let user_session = world.sts(&with, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let root = root_of(&world, ACCOUNT, 50).await;
    let (_, logs) = service(&world, "logs", &["logs.example.com"], &[ACCOUNT]).await;
    let (_, away) = service(&world, "elsewhere", &["away.example.com"], &[OTHER]).await;

    let user = |name: &str| format!("arn:aws:iam::{ACCOUNT}:user/{name}");
    let role_session = format!("arn:aws:sts::{ACCOUNT}:assumed-role/Reader/session-1");
    let federated = |name: &str| format!("arn:aws:sts::{ACCOUNT}:federated-user/{name}");
    let allow = |principal: &str| Some(policy("Allow", &aws(principal), ""));
    let deny = |principal: &str| Some(policy("Deny", &aws(principal), ""));
    let here = |who: &str, why: &str| Err(refusal(who, why));
    let away_text = || Err(DENIED.to_owned());
    const BY_RESOURCE: &str = " with an explicit deny in a resource-based policy";

    let rows: Vec<Row<'_>> = vec![
        // Identity policies alone.
        ("with", "identity only", None, Ok(())),
        ("without", "nothing", None, here(&user("Without"), NO_IDENTITY)),
        (
            "barred",
            "denied by its own",
            allow(&user("Barred")),
            here(&user("Barred"), " with an explicit deny in an identity-based policy"),
        ),
        ("bounded", "its boundary", None, here(&user("Bounded"), NO_BOUNDARY)),
        // A grant to the user itself is limited by nothing implicit.
        ("bounded", "its boundary and the bucket", allow(&user("Bounded")), Ok(())),
        ("root", "root", None, Ok(())),
        (
            "root",
            "root, denied by the bucket",
            deny("*"),
            here(&format!("arn:aws:iam::{ACCOUNT}:root"), BY_RESOURCE),
        ),
        // The bucket policy alone, and both.
        ("without", "the bucket, by name", allow(&user("Without")), Ok(())),
        ("without", "the bucket, everyone", allow("*"), Ok(())),
        (
            "without",
            "the bucket, the account: identity must allow",
            allow(ACCOUNT),
            here(&user("Without"), NO_IDENTITY),
        ),
        ("with", "the bucket, somebody else", allow(&user("Without")), Ok(())),
        ("with", "denied by the bucket", deny(&user("With")), here(&user("With"), BY_RESOURCE)),
        ("with", "denied to everyone", deny("*"), here(&user("With"), BY_RESOURCE)),
        (
            "with",
            "a condition of the connection",
            Some(policy(
                "Deny",
                &aws("*"),
                r#","Condition":{"Bool":{"aws:SecureTransport":"false"}}"#,
            )),
            here(&user("With"), BY_RESOURCE),
        ),
        (
            "without",
            "the network",
            Some(policy(
                "Allow",
                &aws("*"),
                r#","Condition":{"IpAddress":{"aws:SourceIp":"127.0.0.0/8"}}"#,
            )),
            Ok(()),
        ),
        (
            "without",
            "another network",
            Some(policy(
                "Allow",
                &aws("*"),
                r#","Condition":{"IpAddress":{"aws:SourceIp":"192.0.2.0/24"}}"#,
            )),
            here(&user("Without"), NO_IDENTITY),
        ),
        (
            "without",
            "how it is signed",
            Some(policy(
                "Allow",
                &aws("*"),
                r#","Condition":{"StringEquals":{"s3:authType":"REST-HEADER","s3:signatureversion":"AWS4-HMAC-SHA256","s3:ResourceAccount":"123456789012","aws:ResourceAccount":"123456789012"},"NumericLessThan":{"s3:signatureAge":"600000"}}"#,
            )),
            Ok(()),
        ),
        // Sessions.
        ("session", "the role's policy", None, Ok(())),
        ("narrowed", "the session policy", None, here(&role_session, NO_SESSION)),
        (
            "narrowed",
            "the role in the bucket",
            allow(&format!("arn:aws:iam::{ACCOUNT}:role/Reader")),
            here(&role_session, NO_SESSION),
        ),
        ("narrowed", "the session in the bucket", allow(&role_session), Ok(())),
        ("user session", "GetSessionToken without MFA", None, Ok(())),
        // Susan: no rights of her own but what the bucket gives.
        ("bob", "no session policy", None, here(&federated("Bob"), NO_SESSION)),
        ("bob", "the bucket, by name", allow(&federated("Bob")), Ok(())),
        (
            "bob",
            "the bucket, another",
            allow(&federated("Sue")),
            here(&federated("Bob"), NO_SESSION),
        ),
        ("sue", "session and creator", None, Ok(())),
        (
            "sue",
            "denied by the bucket",
            deny(&federated("Sue")),
            here(&federated("Sue"), BY_RESOURCE),
        ),
        // Another account needs both, and is told nothing.
        ("boss", "own rights alone", None, away_text()),
        ("boss", "both, the account", allow(OTHER), Ok(())),
        ("boss", "both, the user", allow(&format!("arn:aws:iam::{OTHER}:user/boss")), Ok(())),
        ("boss", "denied", deny(OTHER), away_text()),
        // Nobody.
        ("nobody", "nothing", None, away_text()),
        ("nobody", "everyone", Some(policy("Allow", r#""*""#, "")), Ok(())),
        ("nobody", "everyone, as an AWS principal", allow("*"), Ok(())),
        ("nobody", "the account", allow(ACCOUNT), away_text()),
        (
            "nobody",
            "only who is signed",
            Some(policy(
                "Allow",
                &aws("*"),
                r#","Condition":{"StringEquals":{"aws:PrincipalType":"User"}}"#,
            )),
            away_text(),
        ),
        (
            "without",
            "only who is not signed",
            Some(policy(
                "Allow",
                &aws("*"),
                r#","Condition":{"StringEquals":{"aws:userid":"anonymous"}}"#,
            )),
            here(&user("Without"), NO_IDENTITY),
        ),
        // Services: by name, in their accounts only.
        ("logs", "nothing", None, away_text()),
        ("logs", "by name", Some(policy("Allow", r#"{"Service":"logs.example.com"}"#, "")), Ok(())),
        (
            "logs",
            "another",
            Some(policy("Allow", r#"{"Service":"away.example.com"}"#, "")),
            away_text(),
        ),
        (
            "logs",
            "for the account",
            Some(policy(
                "Allow",
                r#"{"Service":"logs.example.com"}"#,
                r#","Condition":{"StringEquals":{"aws:SourceAccount":"123456789012"}}"#,
            )),
            Ok(()),
        ),
        (
            "away",
            "not registered for the account",
            Some(policy("Allow", r#"{"Service":"away.example.com"}"#, "")),
            away_text(),
        ),
    ];
    for (who, what, bucket_policy, want) in rows {
        world.set_policy("photos", bucket_policy.as_deref()).await;
        let by = match who {
            "with" => Some(&with),
            "without" => Some(&without),
            "barred" => Some(&barred),
            "bounded" => Some(&bounded),
            "root" => Some(&root),
            "session" => Some(&session),
            "narrowed" => Some(&narrowed),
            "user session" => Some(&user_session),
            "bob" => Some(&bob),
            "sue" => Some(&sue),
            "boss" => Some(&boss),
            "logs" => Some(&logs),
            "away" => Some(&away),
            _ => None,
        };
        let got = world.may(by, "s3:GetObject", "a").await;
        let want = want.map_err(|message| (Code::AccessDenied, message));
        assert_eq!(got, want, "{who}: {what}");
    }
}

/// Policy variables in resources: each caller its own place.
#[tokio::test]
async fn variables_give_everybody_a_place() {
    let web = Web::new().await;
    let world = &web.world;
    world.adopt("photos", ACCOUNT).await;
    let place = |variable: &str| {
        statement("Allow", "s3:GetObject", &format!("arn:aws:s3:::photos/{variable}/*"))
    };
    let ann = world.user("Ann", Some(&place("${aws:username}"))).await;
    let ben = world.user("Ben", Some(&place("${aws:PrincipalTag/team}"))).await;
    let tag = [
        ("Action", "TagUser"),
        ("UserName", "Ben"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
    ];
    world.iam(&world.admin, &tag).await.ok();
    world.role("Home", &trust_account(), Some(&place("${aws:userid}"))).await;
    let home = world.assume(&world.admin, "Home", &[]).await.ok().credentials();
    let id = world.whoami(&home).await.ok().text("UserId").unwrap().to_owned();
    world.put_role_policy("Deploy", &place("${idp.example/a:sub}")).await;
    let token = web.token(json!({}));
    let job = web.assume(&token, &[]).await.ok().credentials();
    for (by, place, want) in [
        (&ann, "Ann", true),
        (&ann, "Ben", false),
        (&ann, "ann", false),
        // A star that comes with the request is text.
        (&ann, "*", false),
        (&ben, "red", true),
        (&ben, "blue", false),
        (&home, &id, true),
        (&home, id.split(':').next().unwrap(), false),
        (&job, SUBJECT, true),
        (&job, "repo:acme/other", false),
    ] {
        let got = world.may(Some(by), "s3:GetObject", &format!("{place}/x")).await;
        assert_eq!(got.is_ok(), want, "{place}: {got:?}");
    }
}

#[tokio::test]
async fn what_is_revoked_or_closed_is_refused_at_once() {
    let world = World::new().await;
    let boss = second(&world).await;
    world.adopt("photos", ACCOUNT).await;
    world.set_policy("photos", Some(&policy("Allow", &aws(OTHER), ""))).await;
    let all = statement("Allow", "*", "*");
    world.role("Reader", &trust_account(), Some(&all)).await;
    let ann = world.user("Ann", Some(&all)).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    for by in [&session, &ann, &boss] {
        assert_eq!(world.may(Some(by), "s3:GetObject", "a").await, Ok(()));
    }
    let role = daypass_names::RoleName::parse("Reader").unwrap();
    let role = world.app.directory.role(account(ACCOUNT), &role).await.unwrap();
    revoke(&world, Scope::Role(account(ACCOUNT), role.id), 1).await;
    let token = "The provided token is malformed or otherwise invalid.".to_owned();
    let got = world.may(Some(&session), "s3:GetObject", "a").await;
    assert_eq!(got, Err((Code::InvalidToken, token)));
    // A key that is gone, and one that is made inactive.
    let off = [
        ("Action", "UpdateAccessKey"),
        ("UserName", "Ann"),
        ("AccessKeyId", ann.access_key_id.as_str()),
        ("Status", "Inactive"),
    ];
    world.iam(&world.admin, &off).await.ok();
    let unknown = "The AWS Access Key Id you provided does not exist in our records.".to_owned();
    let got = world.may(Some(&ann), "s3:GetObject", "a").await;
    assert_eq!(got, Err((Code::InvalidAccessKeyId, unknown.clone())));
    // What belongs to a closed account is nobody's to reach.
    close(&world, ACCOUNT).await;
    let got = world.may(Some(&boss), "s3:GetObject", "a").await;
    assert_eq!(got, Err((Code::AccessDenied, DENIED.to_owned())));
    let got = world.may(Some(&world.admin), "s3:GetObject", "a").await;
    assert_eq!(got, Err((Code::InvalidAccessKeyId, unknown)));
}

/// A user of a bucket policy who was deleted leaves nothing to whoever gets the name.
#[tokio::test]
async fn a_new_user_of_an_old_name_inherits_no_bucket() {
    let world = World::new().await;
    world.adopt("photos", ACCOUNT).await;
    let ann = world.user("Ann", None).await;
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/Ann");
    world.set_policy("photos", Some(&policy("Allow", &aws(&arn), ""))).await;
    assert_eq!(world.may(Some(&ann), "s3:GetObject", "a").await, Ok(()));
    let key = ann.access_key_id.as_str();
    let keys = [("Action", "DeleteAccessKey"), ("UserName", "Ann"), ("AccessKeyId", key)];
    world.iam(&world.admin, &keys).await.ok();
    world.iam(&world.admin, &[("Action", "DeleteUser"), ("UserName", "Ann")]).await.ok();
    let again = world.user("Ann", None).await;
    let got = world.may(Some(&again), "s3:GetObject", "a").await;
    assert_eq!(got, Err((Code::AccessDenied, refusal(&arn, NO_IDENTITY))));
}

/// A bucket policy that can no longer be read lets nobody in, whatever they may otherwise.
#[tokio::test]
async fn a_damaged_bucket_policy_denies_all() {
    let world = World::new().await;
    let damaged = daypass_policy::Policy::parse_stored("{", daypass_policy::Kind::Resource);
    let received = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    let question = Question {
        resource_policy: Some(&damaged),
        ..Question::new("s3:GetObject", "arn:aws:s3:::photos/a", Some(account(ACCOUNT)))
    };
    let ruling = proven.decide(&[question]).await.unwrap().remove(0);
    let Ruling::Denied(refusal) = ruling else { panic!("allowed") };
    assert!(refusal.is_explicit() && refusal.cause().contains("cannot be read"), "{refusal:?}");
}

#[tokio::test]
async fn a_question_tells_nothing_of_who_asks() {
    let world = World::new().await;
    let received = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    for (key, want) in [
        ("s3:prefix", true),
        ("S3:RequestObjectTag/team", true),
        ("aws:RequestTag/team", true),
        ("aws:tagkeys", true),
        ("aws:SourceVpce", true),
        ("aws:PrincipalTag/team", false),
        ("aws:username", false),
        ("aws:userid", false),
        ("aws:SourceIp", false),
        ("aws:SourceIdentity", false),
        ("aws:MultiFactorAuthPresent", false),
        ("aws:PrincipalOrgID", false),
        ("sts:RoleSessionName", false),
        ("idp.example/a:sub", false),
        ("saml:sub", false),
        ("prefix", false),
    ] {
        let mut question =
            Question::new("s3:ListBucket", "arn:aws:s3:::photos", Some(account(ACCOUNT)));
        assert_eq!(question.can_set(key), want, "{key}");
        question.keys.push((key.to_owned().into(), Value::from("x")));
        let ruling = proven.decide(&[question]).await;
        assert_eq!(
            ruling.map(|rulings| rulings[0].is_allowed()).ok(),
            want.then_some(true),
            "{key}"
        );
    }
}

#[tokio::test]
async fn many_questions_are_answered_in_their_order() {
    let world = World::new().await;
    let ann = world
        .user("Ann", Some(&statement("Allow", "s3:DeleteObject", "arn:aws:s3:::photos/a*")))
        .await;
    let received = world.s3(Some(&ann), Method::POST, "/photos?delete");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    let questions: Vec<Question<'_>> = ["a", "b", "ab", "ba"]
        .iter()
        .map(|key| {
            let arn = format!("arn:aws:s3:::photos/{key}");
            Question::new("s3:DeleteObject", arn, Some(account(ACCOUNT)))
        })
        .collect();
    let rulings = proven.decide(&questions).await.unwrap();
    let allowed: Vec<bool> = rulings.iter().map(Ruling::is_allowed).collect();
    assert_eq!(allowed, [true, false, true, false]);
    assert_eq!(proven.decide(&[]).await.unwrap().len(), 0);
}

/// The message is opened by those of the caller's account, and says nothing of what a bucket policy of
/// another account says.
#[tokio::test]
async fn decisions_are_explained_to_whose_they_are() {
    let world = World::new().await;
    let boss = second(&world).await;
    world.adopt("photos", ACCOUNT).await;
    let secret = policy("Deny", &aws("*"), "").replace(r#""Effect""#, r#""Sid":"Secret","Effect""#);
    world.set_policy("photos", Some(&secret)).await;
    let held = world.app.bucket(&bucket("photos")).await.unwrap().unwrap();
    for (by, reader, stranger, tells) in
        [(&world.admin, &world.admin, &boss, true), (&boss, &boss, &world.admin, false)]
    {
        let received = world.s3(Some(by), Method::GET, "/photos/a");
        let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
        let policies = proven.policies().await.unwrap();
        let question = Question {
            resource_policy: held.policy.as_ref().map(|policy| &*policy.policy),
            ..Question::new("s3:GetObject", "arn:aws:s3:::photos/a", Some(held.account))
        };
        assert!(!policies.decide(&question).unwrap().is_allowed());
        let message = policies.authorization_message(&question).unwrap();
        let decode = [("Action", "DecodeAuthorizationMessage"), ("EncodedMessage", &*message)];
        assert_eq!(world.sts(stranger, &decode).await.status, 400);
        let told = world.sts(reader, &decode).await.ok();
        let told = told.text("DecodedMessage").unwrap().replace("&quot;", "\"");
        let told: serde_json::Value = serde_json::from_str(&told).unwrap();
        assert_eq!(told["allowed"], false);
        assert_eq!(told["context"]["action"], "s3:GetObject");
        assert_eq!(told.to_string().contains("Secret"), tells, "{told}");
        assert_eq!(told["explicitDeny"], tells);
    }
}

/// What is no proof is refused in S3's codes, and counts for its address as everywhere.
#[tokio::test]
async fn what_proves_nobody_is_refused_in_the_words_of_s3() {
    let world = World::new().await;
    let stranger = Credentials {
        access_key_id: daypass_names::AccessKeyId::parse("AKIAAAAAAAAAAAAAAAAA").unwrap(),
        ..world.admin.clone()
    };
    let wrong = Credentials {
        secret_access_key: daypass_names::SecretAccessKey::parse(&"x".repeat(40)).unwrap(),
        ..world.admin.clone()
    };
    world.role("Reader", &trust_account(), None).await;
    let session = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let bare = Credentials { session_token: None, ..session.clone() };
    let garbled = Credentials { session_token: Some("x".repeat(80)), ..session.clone() };
    let prove = async |received: Received| {
        let proven = world.app.prove(&received, SignedService::S3).await;
        proven.map(drop).map_err(|fault| fault.code())
    };
    for (by, want) in [
        (&world.admin, Ok(())),
        (&session, Ok(())),
        (&stranger, Err(Code::InvalidAccessKeyId)),
        (&wrong, Err(Code::SignatureDoesNotMatch)),
        (&bare, Err(Code::InvalidAccessKeyId)),
        (&garbled, Err(Code::InvalidToken)),
    ] {
        assert_eq!(prove(world.s3(Some(by), Method::GET, "/photos/a")).await, want);
    }
    assert_eq!(
        prove(world.s3(None, Method::GET, "/photos/a")).await,
        Err(Code::MissingAuthenticationToken)
    );
    // Signed for another service, for another path, and with a header too many.
    let mut other = world.unsigned(Method::GET, "/photos/a", "");
    world.sign(&mut other, &world.admin, "sts");
    assert!(prove(other).await.is_err());
    let mut moved = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    moved.uri = "/photos/b".parse().unwrap();
    assert_eq!(prove(moved).await, Err(Code::SignatureDoesNotMatch));
    let mut copied = world.s3(Some(&world.admin), Method::PUT, "/photos/a");
    copied.headers.insert("x-amz-copy-source", HeaderValue::from_static("/other/x"));
    assert_eq!(prove(copied).await, Err(Code::AccessDenied));
    // A session that has ended, and a request that is too old.
    let old = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    world.pass(16 * 60);
    assert_eq!(prove(old).await, Err(Code::RequestTimeTooSkewed));
    world.pass(2 * 60 * 60);
    let ended = world.s3(Some(&session), Method::GET, "/photos/a");
    assert_eq!(prove(ended).await, Err(Code::ExpiredToken));
}

/// The facts that a service is told.
#[tokio::test]
async fn who_asks_is_told() {
    let world = World::new().await;
    let trust = trust_account().replace("sts:AssumeRole", "sts:*");
    world.role("Reader", &trust, None).await;
    let tag = [
        ("Action", "TagRole"),
        ("RoleName", "Reader"),
        ("Tags.member.1.Key", "team"),
        ("Tags.member.1.Value", "red"),
        ("Tags.member.2.Key", "cost"),
        ("Tags.member.2.Value", "7"),
    ];
    world.iam(&world.admin, &tag).await.ok();
    let more =
        [("Tags.member.1.Key", "Team"), ("Tags.member.1.Value", "blue"), ("SourceIdentity", "ann")];
    let session = world.assume(&world.admin, "Reader", &more).await;
    let session = session.ok().credentials();
    let received = world.s3(Some(&session), Method::GET, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    assert_eq!(
        proven.arn().unwrap().as_str(),
        "arn:aws:sts::123456789012:assumed-role/Reader/session-1"
    );
    assert_eq!(proven.account(), Some(account(ACCOUNT)));
    assert_eq!(proven.tags(), [("cost", "7"), ("Team", "blue")]);
    assert_eq!(proven.source_identity(), Some("ann"));
    let facts = proven.session().unwrap();
    assert_eq!((facts.name, facts.source_identity), (Some("session-1"), Some("ann")));
    assert_eq!(facts.expires.as_second() - world.now().as_second(), 3600);
    assert!(proven.user_id().unwrap().ends_with(":session-1"));
    assert!(!proven.is_anonymous() && proven.service().is_none());
    let user = UserName::parse("admin").unwrap();
    let user = world.app.directory.user(account(ACCOUNT), &user).await.unwrap();
    let received = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    assert_eq!(proven.principal_id(), Some(user.id.to_string()));
    assert!(proven.session().is_none() && proven.source_identity().is_none());
}

/// Two signatures of one request: nobody could say which of them counts.
#[tokio::test]
async fn a_form_is_signed_by_itself_alone() {
    let world = World::new().await;
    let date = "20260102T030405Z";
    let credential = format!("{ADMIN_KEY}/20260102/eu-west-1/s3/aws4_request");
    let signature = "0".repeat(64);
    let fields = [
        ("policy", "e30="),
        ("x-amz-algorithm", "AWS4-HMAC-SHA256"),
        ("x-amz-credential", credential.as_str()),
        ("x-amz-date", date),
        ("x-amz-signature", signature.as_str()),
    ];
    let form = presented_form(&fields).unwrap().unwrap();
    let signed = world.s3(Some(&world.admin), Method::POST, "/photos");
    let presigned = format!("/photos?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature={signature}");
    for (received, want) in [
        (world.s3(None, Method::POST, "/photos"), Code::SignatureDoesNotMatch),
        (signed, Code::InvalidArgument),
        (world.s3(None, Method::POST, &presigned), Code::InvalidArgument),
    ] {
        let proven = world.app.prove_form(&received, &form).await;
        assert_eq!(proven.map(drop).map_err(|fault| fault.code()), Err(want));
    }
}

/// Whoever asks without a signature for what nobody may have pays for it by address, as whoever shows
/// what proves nobody; once for each request.
#[tokio::test]
async fn nobody_is_throttled_by_address() {
    let world = World::new().await;
    world.adopt("photos", ACCOUNT).await;
    let ask = async |source_ip: &str| {
        let mut received = world.s3(None, Method::GET, "/photos/a");
        (received.source_ip, received.source_is_shared) = (source_ip.parse().unwrap(), false);
        let proven = world.app.anonymous(&received).map_err(|fault| fault.code())?;
        let denied = world.rule(&proven, "s3:GetObject", "a").await.unwrap().is_allowed()
            || world.rule(&proven, "s3:GetObject", "b").await.unwrap().is_allowed();
        assert!(!denied);
        Ok::<(), Code>(())
    };
    // The burst of `RateLimit::ADDRESS`.
    let burst = 1000;
    for number in 0..burst {
        assert_eq!(ask("192.0.2.1").await, Ok(()), "{number}");
    }
    assert_eq!(ask("192.0.2.1").await, Err(Code::Throttling));
    assert_eq!(ask("192.0.2.2").await, Ok(()));
    // What a bucket policy grants takes nothing.
    world.set_policy("photos", Some(&policy("Allow", r#""*""#, ""))).await;
    world.pass(3600);
    for _ in 0..burst * 2 {
        let mut received = world.s3(None, Method::GET, "/photos/a");
        (received.source_ip, received.source_is_shared) = ("192.0.2.1".parse().unwrap(), false);
        let proven = world.app.anonymous(&received).unwrap();
        assert!(world.rule(&proven, "s3:GetObject", "a").await.unwrap().is_allowed());
    }
}
