//! What another node did between two reads of one change.

use std::fmt;
use std::pin::Pin;
use std::sync::{Arc, Mutex};

use daypass_names::BucketName;
use daypass_store::{Answer, Changes, Entry, Revision};

use super::*;
use crate::NewBucket;

type Doing = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A store on which something else is done when a key is read for the first time, just before that.
struct Meanwhile {
    store: Arc<dyn Store>,
    key: Key,
    doing: Mutex<Option<Doing>>,
}

impl fmt::Debug for Meanwhile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meanwhile").field("key", &self.key).finish_non_exhaustive()
    }
}

impl Store for Meanwhile {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            let doing = (*key == self.key).then(|| self.doing.lock().unwrap().take()).flatten();
            if let Some(doing) = doing {
                doing.await;
            }
            self.store.get(key).await
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        self.store.scan(prefix, after, limit)
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        self.store.commit(commit)
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        self.store.changes(since, limit)
    }
}

#[derive(Clone, Copy, Debug)]
enum Last {
    Bucket,
    Policy,
    User,
}

impl Last {
    async fn make(self, fixture: &Fixture) {
        match self {
            Self::Bucket => {
                let name = BucketName::parse("photos").unwrap();
                let new = NewBucket { name, account: account(ACCOUNT), created: now() };
                fixture.directory.adopt_bucket(new, &Noted).await.unwrap();
            }
            Self::Policy => drop(fixture.policy("/P", 1, ALLOW).await),
            Self::User => drop(fixture.user("/Ann", 1).await),
        }
    }

    async fn delete(self, directory: &Directory) -> Result<(), DirectoryError> {
        let here = account(ACCOUNT);
        match self {
            Self::Bucket => {
                directory.forget_bucket(&BucketName::parse("photos").unwrap(), &Noted).await
            }
            Self::Policy => directory.delete_managed_policy(here, policy_id(1), &Noted).await,
            Self::User => directory.delete_user(here, user_id(1), &Noted).await,
        }
    }
}

/// Two delete the last one: the one that comes late reads it, and then that there is none. That is no
/// damage.
#[tokio::test]
async fn who_comes_late_to_the_last_one_learns_that_it_is_gone() {
    for (last, count) in [
        (Last::Bucket, "bucket-count"),
        (Last::Policy, "policy-count"),
        (Last::Policy, "policy-version-count"),
        (Last::User, "user-count"),
    ] {
        let fixture = Fixture::new().await;
        last.make(&fixture).await;
        let other = on(&fixture.store, 1);
        let store: Arc<dyn Store> = Arc::new(Meanwhile {
            store: Arc::clone(&fixture.store),
            key: Key::new(format!("{count}/{ACCOUNT}")).unwrap(),
            doing: Mutex::new(Some(Box::pin(async move { last.delete(&other).await.unwrap() }))),
        });
        let late = last.delete(&on(&store, 1)).await;
        assert!(matches!(late, Err(DirectoryError::NotFound(_))), "{last:?} {count}: {late:?}");
        assert_eq!(fixture.directory.check().await.unwrap().findings, [], "{last:?} {count}");
    }
}
