//! The commands on buckets.

use daypass_directory::{Bucket, NewBucket};
use daypass_names::BucketName;

use super::super::protocol::{BucketChanged, BucketLine, BucketState, BucketTold};
use super::*;

fn text(text: &str) -> String {
    text.to_owned()
}

fn adopt(name: &str, account: &str) -> Command {
    Command::BucketAdopt { name: text(name), account_id: text(account) }
}

async fn listed(world: &World, account: Option<&str>, after: Option<&str>) -> Vec<BucketLine> {
    let command = Command::BucketList { account_id: account.map(text), after: after.map(text) };
    match world.run(command).await.unwrap() {
        Outcome::Buckets(listed) => {
            assert!(!listed.truncated);
            listed.buckets
        }
        other => panic!("{other:?}"),
    }
}

async fn changed(world: &World, command: Command) -> BucketChanged {
    match world.run(command).await.unwrap() {
        Outcome::BucketChanged(changed) => changed,
        other => panic!("{other:?}"),
    }
}

async fn shown(world: &World, name: &str) -> BucketTold {
    match world.run(Command::BucketShow { name: text(name) }).await.unwrap() {
        Outcome::BucketTold(told) => told,
        other => panic!("{other:?}"),
    }
}

fn noted(_: &Bucket) -> Result<Note, NoteFault> {
    let mut bytes = [0; 16];
    SystemRandom::new().fill(&mut bytes).unwrap();
    let event_id = daypass_api::RequestId::from_random(bytes).to_string();
    Ok(Note { at: Timestamp::UNIX_EPOCH, event_id, line: b"{}".to_vec() })
}

#[tokio::test]
async fn buckets_are_adopted_listed_shown_and_released() {
    let world = World::in_memory().await;
    let account = AccountId::parse(ACCOUNT).unwrap();
    for (command, part) in [
        (adopt("Photos", ACCOUNT), "is no name of a bucket"),
        (adopt("photos", "12"), "is no account id"),
        (adopt("photos", "999999999999"), "999999999999"),
        (adopt("logs-210987654321-eu-west-1-an", ACCOUNT), "the namespace of the account"),
        (Command::BucketShow { name: text("photos") }, "is no account's"),
        (Command::BucketRelease { name: text("photos") }, "is no account's"),
        (
            Command::BucketList { account_id: Some(text("999999999999")), after: None },
            "999999999999",
        ),
    ] {
        world.refused(command, part).await;
    }
    let made = changed(&world, adopt("photos", ACCOUNT)).await;
    assert!(!made.released && made.bucket.adopted && made.bucket.state == BucketState::Ready);
    assert_eq!(made.bucket.account_id, ACCOUNT);
    world.refused(adopt("photos", ACCOUNT), "already exists").await;
    // A request reserved a name and did not come back.
    let directory = &world.deployment.directory;
    let name = BucketName::parse("waiting").unwrap();
    let new = NewBucket { name, account, created: world.clock.now() };
    directory.reserve_bucket(new, ("r1", false), &noted).await.unwrap();
    let all = listed(&world, None, None).await;
    let names: Vec<_> = all.iter().map(|line| (line.name.as_str(), line.state)).collect();
    assert_eq!(names, [("photos", BucketState::Ready), ("waiting", BucketState::Creating)]);
    assert_eq!(all[1].since.as_deref(), Some("2026-01-02T03:04:05.678Z"));
    assert_eq!(listed(&world, Some(ACCOUNT), None).await.len(), 2);
    assert_eq!(listed(&world, Some(ACCOUNT), Some("photos")).await.len(), 1);
    assert_eq!(listed(&world, None, Some("waiting")).await.len(), 0);
    // Its policy.
    let policy = r#"{"Statement":{"Effect":"Allow","Principal":"*","Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}}"#;
    let photos = BucketName::parse("photos").unwrap();
    directory.put_bucket_policy(&photos, policy, &noted).await.unwrap();
    let told = shown(&world, "photos").await;
    assert_eq!(told.policy.as_deref(), Some(policy));
    assert!(told.bucket.has_policy && told.bucket.is_public && told.notes.is_empty());
    world.run(Command::AccountClose { account_id: text(ACCOUNT), reason: None }).await.unwrap();
    assert!(shown(&world, "photos").await.notes[0].contains("closed"));
    // What is released is nobody's.
    for name in ["photos", "waiting"] {
        let gone = changed(&world, Command::BucketRelease { name: text(name) }).await;
        assert!(gone.released && gone.notes[0].contains("bucket adopt"));
    }
    assert!(listed(&world, None, None).await.is_empty());
    let record = |name: &'static str| {
        let world = &world;
        async move {
            let records = world.records().await;
            records.into_iter().rev().find(|record| record["eventName"] == name).unwrap()
        }
    };
    let adopted = record("AdoptBucket").await;
    assert_eq!(adopted["requestParameters"]["bucketName"], "photos");
    // The records of one instant are in no order.
    let records = world.records().await;
    let is_done = |record: &&serde_json::Value| {
        record["eventName"] == "ReleaseBucket" && record["errorCode"].is_null()
    };
    let mut released: Vec<_> = records.iter().filter(is_done).collect();
    released.sort_by_key(|record| record["requestParameters"]["bucketName"].to_string());
    let [photos, waiting] = released[..] else { panic!("{released:?}") };
    assert_eq!(photos["responseElements"]["bucket"]["state"], "ready");
    assert_eq!(waiting["responseElements"]["bucket"]["state"], "creating");
    assert_eq!(waiting["recipientAccountId"], ACCOUNT);
    assert_eq!(record("ListBuckets").await["readOnly"], true);
    assert_eq!(record("GetBucket").await["requestParameters"]["bucketName"], "photos");
}

/// What takes something away goes on without a trail, what gives something does not.
#[tokio::test]
async fn without_a_trail_buckets_are_released_only() {
    let (world, faults) = World::with_faults().await;
    changed(&world, adopt("photos", ACCOUNT)).await;
    faults.break_down();
    world.run(Command::RevokeList {}).await.unwrap();
    let sentence = world.run(adopt("videos", ACCOUNT)).await.unwrap_err();
    assert!(sentence.contains("nothing is changed now"), "{sentence}");
    changed(&world, Command::BucketRelease { name: text("photos") }).await;
    assert!(listed(&world, None, None).await.is_empty());
}
