//! What is done to buckets as such, what it leaves when it is cut short, and what is recorded.

use daypass_sigv4::Credentials;
use http::Method;
use serde_json::{Value, json};

use super::accounts::{OTHER, account, second};
use super::enforcement::bucket;
use super::root_user::root_of;
use super::world::{ACCOUNT, World, statement};
use crate::enforcement::{
    BackendOutcome, BucketChange, Proven, Question, S3Event, S3Transfer, SignedService,
};
use crate::{Code, Fault};

fn question() -> Question<'static> {
    Question::new("s3:*", "*", None)
}

fn refused(code: &str) -> BackendOutcome {
    BackendOutcome::Refused(code.to_owned(), "no".to_owned())
}

fn unknown() -> BackendOutcome {
    BackendOutcome::Unknown("ServiceUnavailable".to_owned(), "no answer".to_owned())
}

impl World {
    /// Does something as somebody who was proven.
    async fn proven<T>(
        &self,
        by: &Credentials,
        ask: impl AsyncFnOnce(&Proven<'_>) -> Result<T, Fault>,
    ) -> Result<T, Code> {
        let received = self.s3(Some(by), Method::PUT, "/photos");
        let proven = self.app.prove(&received, SignedService::S3).await;
        let done = match proven {
            Ok(proven) => ask(&proven).await,
            Err(fault) => Err(fault),
        };
        let _ = self.app.deliver_notes().await;
        done.map_err(|fault| fault.code())
    }

    async fn begin(
        &self,
        by: &Credentials,
        name: &str,
        is_at_backend: bool,
    ) -> Result<BucketChange, Code> {
        let name = bucket(name);
        let begin = async |proven: &Proven<'_>| {
            self.app.begin_bucket_creation(proven, &name, question(), is_at_backend).await
        };
        self.proven(by, begin).await
    }

    async fn delete(&self, by: &Credentials, name: &str) -> Result<BucketChange, Code> {
        let name = bucket(name);
        let begin = async |proven: &Proven<'_>| {
            self.app.begin_bucket_deletion(proven, &name, question()).await
        };
        self.proven(by, begin).await
    }

    async fn end(
        &self,
        by: &Credentials,
        change: BucketChange,
        outcome: BackendOutcome,
    ) -> Result<(), Code> {
        let end = async |proven: &Proven<'_>| {
            self.app.end_bucket_change(&proven.witness(), change, outcome).await
        };
        self.proven(by, end).await
    }

    async fn create(&self, by: &Credentials, name: &str) -> Result<(), Code> {
        let change = self.begin(by, name, false).await?;
        self.end(by, change, BackendOutcome::Done).await
    }

    async fn put(&self, by: &Credentials, text: &str, confirmed: bool) -> Result<(), Code> {
        let name = bucket("photos");
        let put = async |proven: &Proven<'_>| {
            self.app.put_bucket_policy(proven, &name, question(), text, confirmed).await
        };
        self.proven(by, put).await
    }

    async fn get(&self, by: &Credentials) -> Result<String, Code> {
        let name = bucket("photos");
        let get =
            async |proven: &Proven<'_>| self.app.get_bucket_policy(proven, &name, question()).await;
        self.proven(by, get).await
    }

    async fn remove(&self, by: &Credentials) -> Result<(), Code> {
        let name = bucket("photos");
        let remove = async |proven: &Proven<'_>| {
            self.app.delete_bucket_policy(proven, &name, question()).await
        };
        self.proven(by, remove).await
    }

    async fn is_public(&self, by: &Credentials) -> Result<bool, Code> {
        let name = bucket("photos");
        let status = async |proven: &Proven<'_>| {
            self.app.bucket_policy_is_public(proven, &name, question()).await
        };
        self.proven(by, status).await
    }

    async fn list(&self, by: &Credentials, prefix: &str) -> Result<Vec<String>, Code> {
        let list = async |proven: &Proven<'_>| {
            let page = self.app.list_buckets(proven, question(), (prefix, None), 100).await?;
            assert_eq!(page.next, None);
            Ok(page.buckets.iter().map(|bucket| bucket.name.to_string()).collect())
        };
        self.proven(by, list).await
    }

    async fn is_there(&self, name: &str) -> bool {
        self.app.bucket(&bucket(name)).await.unwrap().is_some()
    }

    /// The events of buckets so far: name, stage and error.
    fn events(&self) -> Vec<String> {
        let records = self.records();
        let of_s3 = records.iter().filter(|record| record["eventSource"] == "s3.amazonaws.com");
        of_s3
            .map(|record| {
                let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
                let stage = text(&record["additionalEventData"]["stage"]);
                let error = text(&record["errorCode"]);
                format!("{} {stage} {error}", text(&record["eventName"])).trim_end().to_owned()
            })
            .collect()
    }
}

#[tokio::test]
async fn a_bucket_is_made_listed_and_deleted() {
    let world = World::new().await;
    let boss = second(&world).await;
    let change = world.begin(&world.admin, "photos", false).await.unwrap();
    assert!(!change.is_taken_up && change.name() == &bucket("photos"));
    // Nobody is told of it before it is there.
    assert!(!world.is_there("photos").await);
    assert_eq!(world.list(&world.admin, "").await.unwrap(), [""; 0]);
    assert_eq!(
        world.begin(&world.admin, "photos", false).await.map(drop),
        Err(Code::OperationAborted)
    );
    assert_eq!(world.begin(&boss, "photos", false).await.map(drop), Err(Code::BucketAlreadyExists));
    world.end(&world.admin, change, BackendOutcome::Done).await.unwrap();
    assert!(world.is_there("photos").await);
    assert_eq!(
        world.begin(&world.admin, "photos", false).await.map(drop),
        Err(Code::BucketAlreadyOwnedByYou)
    );
    assert_eq!(world.begin(&boss, "photos", true).await.map(drop), Err(Code::BucketAlreadyExists));
    // What the backend has of its own is given to nobody.
    assert_eq!(
        world.begin(&world.admin, "private", true).await.map(drop),
        Err(Code::BucketAlreadyExists)
    );
    world.create(&world.admin, "videos").await.unwrap();
    world.create(&boss, "books").await.unwrap();
    assert_eq!(world.list(&world.admin, "").await.unwrap(), ["photos", "videos"]);
    assert_eq!(world.list(&world.admin, "vi").await.unwrap(), ["videos"]);
    assert_eq!(world.list(&world.admin, "V/..").await.unwrap(), [""; 0]);
    assert_eq!(world.list(&boss, "").await.unwrap(), ["books"]);
    // Another account deletes nothing, whatever the bucket policy says.
    let anyone = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:*","Resource":"arn:aws:s3:::photos"}}"#;
    assert_eq!(world.delete(&boss, "photos").await.map(drop), Err(Code::AccessDenied));
    world.put(&world.admin, anyone, false).await.unwrap();
    assert_eq!(world.delete(&boss, "photos").await.map(drop), Err(Code::MethodNotAllowed));
    // The backend refuses at first.
    let change = world.delete(&world.admin, "photos").await.unwrap();
    assert!(world.is_there("photos").await);
    world.end(&world.admin, change, refused("BucketNotEmpty")).await.unwrap();
    assert!(world.is_there("photos").await);
    let change = world.delete(&world.admin, "photos").await.unwrap();
    world.end(&world.admin, change, BackendOutcome::Done).await.unwrap();
    assert!(!world.is_there("photos").await);
    assert_eq!(world.delete(&world.admin, "photos").await.map(drop), Err(Code::NoSuchBucket));
    // The name is free again, and nothing of the old policy is left.
    world.create(&boss, "photos").await.unwrap();
    assert_eq!(world.get(&boss).await, Err(Code::NoSuchBucketPolicy));
    let want = [
        "CreateBucket begun",
        "CreateBucket",
        "CreateBucket begun",
        "CreateBucket",
        "CreateBucket begun",
        "CreateBucket",
        "PutBucketPolicy",
        "DeleteBucket begun",
        "DeleteBucket  BucketNotEmpty",
        "DeleteBucket begun",
        "DeleteBucket",
        "CreateBucket begun",
        "CreateBucket",
    ];
    assert_eq!(world.events(), want);
}

/// Whatever a request was cut short at, its account can go on, and nobody gets what is not theirs.
#[tokio::test]
async fn a_creation_that_was_cut_short_is_taken_up() {
    let world = World::new().await;
    let boss = second(&world).await;
    // The server stopped before the backend was asked, or before it answered.
    drop(world.begin(&world.admin, "photos", false).await.unwrap());
    world.pass(299);
    assert_eq!(
        world.begin(&world.admin, "photos", true).await.map(drop),
        Err(Code::OperationAborted)
    );
    world.pass(1);
    assert_eq!(world.begin(&boss, "photos", true).await.map(drop), Err(Code::BucketAlreadyExists));
    let change = world.begin(&world.admin, "photos", true).await.unwrap();
    assert!(change.is_taken_up);
    world.end(&world.admin, change, BackendOutcome::Done).await.unwrap();
    assert!(world.is_there("photos").await);
    // The backend did not answer: the same.
    let change = world.begin(&world.admin, "videos", false).await.unwrap();
    world.end(&world.admin, change, unknown()).await.unwrap();
    assert!(!world.is_there("videos").await);
    world.pass(300);
    let change = world.begin(&world.admin, "videos", false).await.unwrap();
    assert!(change.is_taken_up);
    // It refused: the name is free for everybody.
    world.end(&world.admin, change, refused("InvalidLocationConstraint")).await.unwrap();
    world.create(&boss, "videos").await.unwrap();
    // After a day nobody knows whose it is but an operator.
    drop(world.begin(&world.admin, "books", false).await.unwrap());
    world.pass(24 * 60 * 60);
    assert_eq!(
        world.begin(&world.admin, "books", true).await.map(drop),
        Err(Code::OperationAborted)
    );
    let want = [
        "CreateBucket begun",
        "CreateBucket begun",
        "CreateBucket",
        "CreateBucket begun",
        "CreateBucket  ServiceUnavailable",
        "CreateBucket begun",
        "CreateBucket  InvalidLocationConstraint",
        "CreateBucket begun",
        "CreateBucket",
        "CreateBucket begun",
    ];
    assert_eq!(world.events(), want);
}

#[tokio::test]
async fn only_who_is_allowed_makes_buckets() {
    let world = World::new().await;
    let arn = "arn:aws:s3:::photos";
    let ann = world.user("Ann", Some(&statement("Allow", "s3:CreateBucket", arn))).await;
    let ben = world.user("Ben", None).await;
    let denied = Err(Code::AccessDenied);
    assert_eq!(world.begin(&ben, "photos", false).await.map(drop), denied);
    assert_eq!(world.begin(&ann, "videos", false).await.map(drop), denied);
    assert_eq!(world.list(&ann, "").await.map(drop), denied);
    world.create(&ann, "photos").await.unwrap();
    assert_eq!(world.delete(&ann, "photos").await.map(drop), denied);
    // A name in the namespace of another account.
    let theirs = format!("logs-{OTHER}-us-east-1-an");
    assert_eq!(world.begin(&world.admin, &theirs, false).await.map(drop), denied);
    world.create(&world.admin, &format!("logs-{ACCOUNT}-us-east-1-an")).await.unwrap();
    // Nobody has no account, and so no buckets.
    let received = world.s3(None, Method::PUT, "/x");
    let nobody = world.app.anonymous(&received).unwrap();
    let made = world.app.begin_bucket_creation(&nobody, &bucket("books"), question(), false).await;
    assert_eq!(made.map(drop).map_err(|fault| fault.code()), denied);
}

fn for_ann(effect: &str, actions: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Principal":{{"AWS":"arn:aws:iam::{ACCOUNT}:user/Ann"}},"Action":{actions},"Resource":"arn:aws:s3:::photos"}}}}"#
    )
}

const POLICY_ACTIONS: &str = r#"["s3:PutBucketPolicy","s3:GetBucketPolicy","s3:DeleteBucketPolicy","s3:GetBucketPolicyStatus"]"#;

#[tokio::test]
async fn bucket_policies_are_put_read_and_deleted_by_their_account() {
    let world = World::new().await;
    let boss = second(&world).await;
    let ann = world.user("Ann", None).await;
    let root = root_of(&world, ACCOUNT, 50).await;
    let missing = Err(Code::NoSuchBucket);
    assert_eq!(world.put(&world.admin, "{}", false).await, missing);
    world.adopt("photos", ACCOUNT).await;
    assert_eq!(world.get(&world.admin).await, Err(Code::NoSuchBucketPolicy));
    assert_eq!(world.is_public(&world.admin).await, Err(Code::NoSuchBucketPolicy));
    // To take away what is not there is done.
    assert_eq!(world.remove(&world.admin).await, Ok(()));
    let malformed = Err(Code::MalformedPolicy);
    for text in
        ["", "{}", &for_ann("Allow", r#""iam:*""#), &for_ann("Allow", "1").replace("Ann", "Bob")]
    {
        assert_eq!(world.put(&world.admin, text, false).await, malformed, "{text}");
    }
    let nobody = for_ann("Allow", POLICY_ACTIONS).replace("Ann", "Nobody");
    assert_eq!(world.put(&world.admin, &nobody, false).await, malformed);
    // The policy itself may say who changes it.
    let allowing = for_ann("Allow", POLICY_ACTIONS);
    assert_eq!(world.put(&ann, &allowing, false).await, Err(Code::AccessDenied));
    world.put(&world.admin, &allowing, false).await.unwrap();
    assert_eq!(world.get(&ann).await.as_deref(), Ok(&*allowing));
    assert_eq!(world.is_public(&ann).await, Ok(false));
    // Who would shut itself out has to confirm that.
    let shutting = for_ann("Deny", POLICY_ACTIONS);
    assert_eq!(world.put(&ann, &shutting, false).await, Err(Code::AccessDenied));
    assert_eq!(world.get(&ann).await.as_deref(), Ok(&*allowing));
    world.put(&ann, &shutting, true).await.unwrap();
    for done in [
        world.put(&ann, &allowing, true).await,
        world.remove(&ann).await,
        world.get(&ann).await.map(drop),
    ] {
        assert_eq!(done, Err(Code::AccessDenied));
    }
    // The root user of the account mends what denies everybody.
    let all = shutting.replace(&format!("arn:aws:iam::{ACCOUNT}:user/Ann"), "*");
    assert_eq!(world.put(&world.admin, &all, false).await, Err(Code::AccessDenied));
    world.put(&world.admin, &all, true).await.unwrap();
    assert_eq!(world.put(&world.admin, &allowing, true).await, Err(Code::AccessDenied));
    assert_eq!(world.get(&root).await.as_deref(), Ok(&*all));
    assert_eq!(world.put(&root, &all, false).await, Ok(()));
    // But of the policy alone.
    assert_eq!(world.is_public(&root).await, Err(Code::AccessDenied));
    world.remove(&root).await.unwrap();
    // Another account may be allowed, and is told that this is not for it.
    let anyone = all.replace("Deny", "Allow");
    world.put(&world.admin, &anyone, false).await.unwrap();
    assert_eq!(world.is_public(&world.admin).await, Ok(true));
    assert_eq!(world.is_public(&boss).await, Ok(true));
    for done in [
        world.put(&boss, &allowing, true).await,
        world.remove(&boss).await,
        world.get(&boss).await.map(drop),
    ] {
        assert_eq!(done, Err(Code::MethodNotAllowed));
    }
}

/// What a write was decided on must be so when it is committed.
#[tokio::test]
async fn a_write_that_was_overtaken_is_refused() {
    let world = World::new().await;
    world.adopt("photos", ACCOUNT).await;
    let ann = world.user("Ann", Some(&statement("Allow", "s3:*", "*"))).await;
    let received = world.s3(Some(&ann), Method::PUT, "/photos?policy");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    // Ann loses her rights between the proof and the decision; what was proven is decided anew.
    let gone = [("Action", "DeleteUserPolicy"), ("UserName", "Ann"), ("PolicyName", "p")];
    world.iam(&world.admin, &gone).await.ok();
    let text = for_ann("Allow", POLICY_ACTIONS);
    let name = bucket("photos");
    let put = world.app.put_bucket_policy(&proven, &name, question(), &text, false).await;
    let code = put.unwrap_err().code();
    assert!(matches!(code, Code::AccessDenied | Code::OperationAborted), "{code:?}");
    assert!(world.app.bucket(&name).await.unwrap().unwrap().policy.is_none());
}

/// CloudTrail user guide: a data event with its copy for the owner of the bucket.
#[tokio::test]
async fn events_have_the_shape_of_cloudtrail() {
    let world = World::new().await;
    let boss = second(&world).await;
    world.adopt("photos", ACCOUNT).await;
    let event = || S3Event {
        bucket: Some(bucket("photos")),
        owner: Some(account(ACCOUNT)),
        key: Some("a b/\u{e9}.jpg".to_owned()),
        parameters: vec![("x-amz-acl".into(), "private".into())],
        transfer: S3Transfer {
            bytes_in: 7,
            bytes_out: 0,
            host_id: Some("id2".into()),
            cipher_suite: None,
        },
        ..S3Event::new("PutObject", false, true)
    };
    let received = world.s3(Some(&boss), Method::PUT, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    let witness = proven.witness();
    world.app.record_s3(&witness, event()).await.unwrap();
    world.app.trail.flush().await.unwrap();
    let mut records = world.records();
    let (copy, own) = (records.pop().unwrap(), records.pop().unwrap());
    for (member, want) in [
        ("eventSource", json!("s3.amazonaws.com")),
        ("eventName", json!("PutObject")),
        ("eventCategory", json!("Data")),
        ("managementEvent", json!(false)),
        ("readOnly", json!(false)),
        ("eventType", json!("AwsApiCall")),
        ("awsRegion", json!("eu-west-1")),
        ("recipientAccountId", json!(OTHER)),
        ("requestID", json!(received.id.to_string())),
        (
            "requestParameters",
            json!({"bucketName": "photos", "Host": "localhost:4700", "key": "a b/\u{e9}.jpg", "x-amz-acl": "private"}),
        ),
        (
            "additionalEventData",
            json!({"SignatureVersion": "SigV4", "AuthenticationMethod": "AuthHeader", "bytesTransferredIn": 7, "bytesTransferredOut": 0, "x-amz-id-2": "id2"}),
        ),
        (
            "resources",
            json!([
                {"ARN": "arn:aws:s3:::photos/a b/\u{e9}.jpg", "type": "AWS::S3::Object"},
                {"ARN": "arn:aws:s3:::photos", "accountId": ACCOUNT, "type": "AWS::S3::Bucket"}
            ]),
        ),
    ] {
        assert_eq!(own[member], want, "{member}");
    }
    assert_eq!(own["userIdentity"]["type"], "IAMUser");
    assert_eq!(own["userIdentity"]["userName"], "boss");
    // The owner of the bucket learns who, and nothing else of the caller's account.
    assert_eq!(copy["recipientAccountId"], ACCOUNT);
    assert_eq!(copy["sharedEventID"], own["sharedEventID"]);
    assert!(own["sharedEventID"].is_string() && copy["eventID"] != own["eventID"]);
    let id = &own["userIdentity"]["principalId"];
    assert_eq!(
        copy["userIdentity"],
        json!({"type": "AWSAccount", "principalId": id, "accountId": OTHER})
    );
    assert_eq!(copy["resources"], own["resources"]);
    // In the own account there is one record, and a refusal has its code.
    let received = world.s3(Some(&world.admin), Method::GET, "/photos/a");
    let proven = world.app.prove(&received, SignedService::S3).await.unwrap();
    let error = Some(("AccessDenied".into(), "Access Denied".to_owned()));
    let before = world.records().len();
    world.app.record_s3(&proven.witness(), S3Event { error, ..event() }).await.unwrap();
    let records = world.records();
    assert_eq!(records.len(), before + 1);
    assert_eq!(records[before]["errorCode"], "AccessDenied");
    assert_eq!(records[before]["errorMessage"], "Access Denied");
    assert!(records[before].get("sharedEventID").is_none());
    // Nobody: in the trail of the bucket's account.
    let received = world.s3(None, Method::GET, "/photos/a");
    let nobody = world.app.anonymous(&received).unwrap();
    world.app.record_s3(&nobody.witness(), event()).await.unwrap();
    let record = world.records().pop().unwrap();
    assert_eq!(
        record["userIdentity"],
        json!({"type": "AWSAccount", "principalId": "", "accountId": "ANONYMOUS_PRINCIPAL"})
    );
    assert_eq!(record["recipientAccountId"], ACCOUNT);
    assert!(record["additionalEventData"].get("AuthenticationMethod").is_none());
}

/// The lineage of a session is in its events as in those of STS.
#[tokio::test]
async fn events_tell_the_session() {
    let world = World::new().await;
    let trust = super::world::trust_account().replace("sts:AssumeRole", "sts:*");
    world.role("Reader", &trust, Some(&statement("Allow", "*", "*"))).await;
    let session = world.assume(&world.admin, "Reader", &[("SourceIdentity", "ann")]).await;
    let session = session.ok().credentials();
    world.create(&session, "photos").await.unwrap();
    let record = world.records().pop().unwrap();
    let context = &record["userIdentity"]["sessionContext"];
    assert_eq!(record["userIdentity"]["type"], "AssumedRole");
    assert_eq!(context["sourceIdentity"], "ann");
    assert_eq!(context["sessionIssuer"]["userName"], "Reader");
    assert_eq!(record["eventCategory"], "Management");
    assert_eq!(record["managementEvent"], true);
    assert_eq!(
        record["resources"],
        json!([{"ARN": "arn:aws:s3:::photos", "accountId": ACCOUNT, "type": "AWS::S3::Bucket"}])
    );
}
