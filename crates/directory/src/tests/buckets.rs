//! Buckets: whose they are, what a request that was cut short leaves, and their policies.

use daypass_names::BucketName;
use jiff::SignedDuration;

use super::*;
use crate::{
    Bucket, BucketTicket, Change, Entity, GOOD_FOR, Limit, NewBucket, Reserved, TAKEN_UP_AFTER,
};

fn bucket(text: &str) -> BucketName {
    BucketName::parse(text).unwrap()
}

fn new_bucket(name: &str, owner: &str, after: SignedDuration) -> NewBucket {
    NewBucket { name: bucket(name), account: account(owner), created: now() + after }
}

impl Fixture {
    async fn reserve(
        &self,
        (name, owner): (&str, &str),
        (ticket, is_at_backend): (&str, bool),
        after: SignedDuration,
    ) -> Result<Reserved, DirectoryError> {
        let new = new_bucket(name, owner, after);
        self.directory.reserve_bucket(new, (ticket, is_at_backend), &Noted).await
    }

    async fn begin_deletion(
        &self,
        (name, owner): (&str, &str),
        ticket: &str,
        after: SignedDuration,
    ) -> Result<BucketTicket, DirectoryError> {
        let whose = (account(owner), &bucket(name));
        self.directory.begin_bucket_deletion(whose, (ticket, now() + after), &Noted).await
    }

    async fn adopt(&self, name: &str, owner: &str) {
        let new = new_bucket(name, owner, SignedDuration::ZERO);
        self.directory.adopt_bucket(new, &Noted).await.unwrap();
    }

    async fn bucket_now(&self, name: &str) -> Option<Arc<Bucket>> {
        self.directory.bucket(&bucket(name)).await.unwrap()
    }

    async fn bucket_names(&self, owner: &str, prefix: &str) -> Vec<String> {
        let (mut names, mut after) = (Vec::new(), None::<String>);
        loop {
            let page = self.directory.buckets_of(account(owner), prefix, after.as_deref(), 2).await;
            let page = page.unwrap();
            assert!(page.items.len() <= 2);
            names.extend(page.items.iter().map(|bucket| bucket.name.to_string()));
            after = page.next;
            if after.is_none() {
                return names;
            }
        }
    }

    async fn is_sound(&self) {
        assert_eq!(self.directory.check().await.unwrap().findings, []);
    }
}

const NO: SignedDuration = SignedDuration::ZERO;

#[tokio::test]
async fn a_name_is_one_accounts_in_the_whole_deployment() {
    let fixture = Fixture::new().await;
    let reserved = fixture.reserve(("photos", ACCOUNT), ("r1", false), NO).await.unwrap();
    assert!(!reserved.is_taken_up);
    let held = fixture.bucket_now("photos").await.unwrap();
    assert!(!held.is_there() && !held.adopted);
    assert_eq!(held.under_way.as_ref().map(|way| way.kind), Some(Change::Creation));
    // Until it is confirmed nobody is told of it, and nobody else gets the name.
    for owner in [ACCOUNT, OTHER] {
        let again = fixture.reserve(("photos", owner), ("r2", false), NO).await.unwrap_err();
        match owner {
            ACCOUNT => assert!(matches!(again, DirectoryError::BucketUnderWay(_)), "{again:?}"),
            _ => assert!(
                matches!(again, DirectoryError::AlreadyExists(Entity::Bucket(_))),
                "{again:?}"
            ),
        }
    }
    fixture.directory.confirm_bucket(&reserved.ticket, &Noted).await.unwrap();
    let held = fixture.bucket_now("photos").await.unwrap();
    assert!(held.is_there() && held.under_way.is_none());
    assert_eq!(held.account, account(ACCOUNT));
    for owner in [ACCOUNT, OTHER] {
        let again = fixture.reserve(("photos", owner), ("r3", false), GOOD_FOR / 2).await;
        let again = again.unwrap_err();
        assert!(matches!(again, DirectoryError::AlreadyExists(Entity::Bucket(_))), "{again:?}");
    }
    // A ticket is good once.
    let again = fixture.directory.confirm_bucket(&reserved.ticket, &Noted).await.unwrap_err();
    assert!(matches!(again, DirectoryError::NotFound(_)), "{again:?}");
    let released = fixture.directory.release_bucket(&reserved.ticket, &Noted).await.unwrap_err();
    assert!(matches!(released, DirectoryError::NotFound(_)), "{released:?}");
    fixture.is_sound().await;
}

/// Whatever a request was cut short at, somebody can go on: the same account after a while, and an
/// operator at any time.
#[tokio::test]
async fn what_was_cut_short_can_be_ended() {
    let late = TAKEN_UP_AFTER;
    let early = TAKEN_UP_AFTER - SignedDuration::from_nanos(1);
    // The account, whether the backend has the bucket now, how much later, and what comes of it.
    for (owner, is_at_backend, after, want) in [
        (ACCOUNT, false, early, "under way"),
        (ACCOUNT, true, early, "under way"),
        (ACCOUNT, false, late, "taken up"),
        // The first request has reached the backend.
        (ACCOUNT, true, late, "taken up"),
        (ACCOUNT, true, GOOD_FOR - SignedDuration::from_nanos(1), "taken up"),
        (ACCOUNT, true, GOOD_FOR, "under way"),
        (OTHER, false, late, "taken"),
        (OTHER, true, late, "taken"),
        (OTHER, false, GOOD_FOR * 2, "taken"),
    ] {
        let fixture = Fixture::new().await;
        let first = fixture.reserve(("photos", ACCOUNT), ("r1", false), NO).await.unwrap();
        let second = fixture.reserve(("photos", owner), ("r2", is_at_backend), after).await;
        let got = match &second {
            Ok(reserved) if reserved.is_taken_up => "taken up",
            Ok(_) => "new",
            Err(DirectoryError::BucketUnderWay(_)) => "under way",
            Err(DirectoryError::AlreadyExists(_)) => "taken",
            Err(other) => panic!("{other:?}"),
        };
        assert_eq!(got, want, "{owner} {is_at_backend} {after}");
        if let Ok(second) = second {
            // The first comes too late to say anything.
            for ended in [
                fixture.directory.confirm_bucket(&first.ticket, &Noted).await,
                fixture.directory.release_bucket(&first.ticket, &Noted).await,
            ] {
                assert!(matches!(ended, Err(DirectoryError::NotFound(_))), "{ended:?}");
            }
            fixture.directory.confirm_bucket(&second.ticket, &Noted).await.unwrap();
            assert!(fixture.bucket_now("photos").await.unwrap().is_there());
        }
        fixture.directory.forget_bucket(&bucket("photos"), &Noted).await.unwrap();
        assert!(fixture.bucket_now("photos").await.is_none());
        assert_eq!(fixture.directory.bucket_count(account(ACCOUNT)).await.unwrap(), 0);
        fixture.is_sound().await;
    }
}

#[tokio::test]
async fn what_the_backend_has_of_its_own_is_nobodys() {
    let fixture = Fixture::new().await;
    let refused = fixture.reserve(("photos", ACCOUNT), ("r1", true), NO).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::AlreadyExists(Entity::Bucket(_))), "{refused:?}");
    assert!(fixture.bucket_now("photos").await.is_none());
    fixture.adopt("photos", OTHER).await;
    let held = fixture.bucket_now("photos").await.unwrap();
    assert!(held.adopted && held.is_there() && held.account == account(OTHER));
    let again = new_bucket("photos", ACCOUNT, NO);
    let again = fixture.directory.adopt_bucket(again, &Noted).await.unwrap_err();
    assert!(matches!(again, DirectoryError::AlreadyExists(Entity::Bucket(_))), "{again:?}");
    let nobody = new_bucket("videos", "999999999999", NO);
    let nobody = fixture.directory.adopt_bucket(nobody, &Noted).await.unwrap_err();
    assert!(matches!(nobody, DirectoryError::NotFound(Entity::Account(_))), "{nobody:?}");
    fixture.is_sound().await;
}

#[tokio::test]
async fn a_deletion_is_announced_and_then_ended() {
    let fixture = Fixture::new().await;
    fixture.adopt("photos", ACCOUNT).await;
    let refused = fixture.begin_deletion(("photos", OTHER), "r0", NO).await.unwrap_err();
    assert!(matches!(refused, DirectoryError::NotFound(Entity::Bucket(_))), "{refused:?}");
    let first = fixture.begin_deletion(("photos", ACCOUNT), "r1", NO).await.unwrap();
    // It is there until it is gone, and only one request deletes it.
    assert!(fixture.bucket_now("photos").await.unwrap().is_there());
    let second = fixture.begin_deletion(("photos", ACCOUNT), "r2", NO).await.unwrap_err();
    assert!(matches!(second, DirectoryError::BucketUnderWay(_)), "{second:?}");
    let taken =
        fixture.reserve(("photos", ACCOUNT), ("r3", false), GOOD_FOR / 2).await.unwrap_err();
    assert!(matches!(taken, DirectoryError::AlreadyExists(_)), "{taken:?}");
    // The backend refuses: there is something in it.
    fixture.directory.confirm_bucket(&first, &Noted).await.unwrap();
    assert!(fixture.bucket_now("photos").await.unwrap().under_way.is_none());
    // The next one is cut short, and taken up however much later; the first has no say any more.
    let third = fixture.begin_deletion(("photos", ACCOUNT), "r4", NO).await.unwrap();
    let fourth = fixture.begin_deletion(("photos", ACCOUNT), "r5", GOOD_FOR * 3).await.unwrap();
    let late = fixture.directory.release_bucket(&third, &Noted).await.unwrap_err();
    assert!(matches!(late, DirectoryError::NotFound(_)), "{late:?}");
    fixture.directory.release_bucket(&fourth, &Noted).await.unwrap();
    assert!(fixture.bucket_now("photos").await.is_none());
    fixture.is_sound().await;
    // Another account may have the name, and a ticket of before deletes nothing of it.
    fixture.adopt("photos", OTHER).await;
    let late = fixture.directory.release_bucket(&fourth, &Noted).await.unwrap_err();
    assert!(matches!(late, DirectoryError::NotFound(_)), "{late:?}");
}

#[tokio::test]
async fn buckets_are_listed_by_account_and_counted() {
    let quotas = Quotas { buckets: 5, ..Quotas::default() };
    let fixture = Fixture::with_quotas(quotas).await;
    for name in ["beta", "alpha", "alphabet", "alp", "gamma"] {
        fixture.adopt(name, ACCOUNT).await;
    }
    fixture.adopt("delta", OTHER).await;
    assert_eq!(
        fixture.bucket_names(ACCOUNT, "").await,
        ["alp", "alpha", "alphabet", "beta", "gamma"]
    );
    assert_eq!(fixture.bucket_names(ACCOUNT, "alph").await, ["alpha", "alphabet"]);
    assert_eq!(fixture.bucket_names(ACCOUNT, "x").await, [""; 0]);
    assert_eq!(fixture.bucket_names(OTHER, "").await, ["delta"]);
    let full = fixture.reserve(("epsilon", ACCOUNT), ("r1", false), NO).await.unwrap_err();
    assert!(matches!(full, DirectoryError::LimitExceeded(Limit::BucketsPerAccount(5))), "{full:?}");
    fixture.directory.forget_bucket(&bucket("beta"), &Noted).await.unwrap();
    fixture.reserve(("epsilon", ACCOUNT), ("r1", false), NO).await.unwrap();
    fixture.is_sound().await;
}

const FOR_ANN: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:user/Ann"},"Action":"s3:GetObject","Resource":"arn:aws:s3:::photos/*"}}"#;

#[tokio::test]
async fn whom_a_bucket_policy_names_stays_that_one() {
    let fixture = Fixture::new().await;
    let ann = fixture.user("/Ann", 1).await;
    fixture.adopt("photos", ACCOUNT).await;
    let (directory, name) = (&fixture.directory, bucket("photos"));
    directory.put_bucket_policy(&name, FOR_ANN, &Noted).await.unwrap();
    let held = fixture.bucket_now("photos").await.unwrap();
    assert_eq!(directory.bucket_policy_text(&held).await.unwrap(), FOR_ANN);
    // A user who is gone is shown by the bare id, and nobody inherits the name.
    directory.delete_user(account(ACCOUNT), ann.id, &Noted).await.unwrap();
    let gone = FOR_ANN.replace("arn:aws:iam::123456789012:user/Ann", &ann.id.to_string());
    assert_eq!(directory.bucket_policy_text(&held).await.unwrap(), gone);
    fixture.user("/Ann", 2).await;
    assert_eq!(directory.bucket_policy_text(&held).await.unwrap(), gone);
    let again = directory.put_bucket_policy(&name, &gone, &Noted).await.unwrap_err();
    assert!(matches!(again, DirectoryError::InvalidPrincipal { .. }), "{again:?}");
    // Whom there is not, it cannot name; whatever was there stays.
    for text in [FOR_ANN.replace("Ann", "Ben"), FOR_ANN.replace("photos", "videos")] {
        assert!(directory.put_bucket_policy(&name, &text, &Noted).await.is_err(), "{text}");
    }
    assert_eq!(
        fixture.bucket_now("photos").await.unwrap().policy.as_ref().unwrap().text(),
        FOR_ANN
    );
    directory.delete_bucket_policy(&name, &Noted).await.unwrap();
    let held = fixture.bucket_now("photos").await.unwrap();
    let none = directory.bucket_policy_text(&held).await.unwrap_err();
    assert!(matches!(none, DirectoryError::NotFound(Entity::BucketPolicy(_))), "{none:?}");
    fixture.is_sound().await;
}

#[tokio::test]
async fn damage_is_found_and_lets_nobody_in() {
    let fixture = Fixture::new().await;
    fixture.adopt("photos", ACCOUNT).await;
    let record = |name: &str, policy: &str| {
        format!(
            r#"{{"name":"{name}","account":"{ACCOUNT}","created":"2026-01-02T03:04:05Z"{policy}}}"#
        )
    };
    for (key, value, want) in [
        (
            "bucket/photos",
            Some(record("photos", r#","policy":{"text":"{","pins":[]}"#)),
            vec![
                "`bucket/photos`: the text of the policy `bucket policy` no longer parses, so that it denies everything",
            ],
        ),
        (
            "account-bucket/123456789012/photos",
            None,
            vec!["`bucket/photos`: the bucket is the account's, but the index does not say so"],
        ),
        (
            "account-bucket/210987654321/photos",
            Some(String::new()),
            vec![
                "`account-bucket/210987654321/photos`: the index says that the account has the bucket, but it has not",
            ],
        ),
        (
            "bucket-count/123456789012",
            Some("7".to_owned()),
            vec!["`bucket-count/123456789012`: the count is 7, but there are 1"],
        ),
        (
            "bucket/videos",
            Some(record("photos", "")),
            vec!["`bucket/videos`: the record cannot be read: the record belongs to another key"],
        ),
        ("bucket/NOT", Some(record("photos", "")), vec!["`bucket/NOT`: no such key is known"]),
    ] {
        let before = fixture.store.get(&Key::new(key).unwrap()).await.unwrap();
        match &value {
            Some(value) => fixture.overwrite(key, value.as_bytes()).await,
            None => fixture.remove(key).await,
        }
        let found: Vec<String> = fixture
            .directory
            .check()
            .await
            .unwrap()
            .findings
            .iter()
            .map(ToString::to_string)
            .collect();
        assert_eq!(found, want, "{key}");
        match before {
            Some(entry) => fixture.overwrite(key, &entry.value).await,
            None => fixture.remove(key).await,
        }
        fixture.is_sound().await;
    }
    // What cannot be read is nobody's, and no newer record is passed over.
    fixture.overwrite("bucket/photos", record("photos", r#","frozen":true"#).as_bytes()).await;
    let read = fixture.directory.bucket(&bucket("photos")).await.unwrap_err();
    assert!(matches!(read, DirectoryError::Corrupt { .. }), "{read:?}");
    let taken = fixture.reserve(("photos", OTHER), ("r1", false), GOOD_FOR).await.unwrap_err();
    assert!(matches!(taken, DirectoryError::Corrupt { .. }), "{taken:?}");
}
