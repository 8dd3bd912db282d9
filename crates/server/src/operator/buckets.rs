//! `daypass bucket`: whose the buckets are that the S3 gateway serves.
//!
//! The storage backend is not asked: what it has, and who may use it directly, is for the operator to
//! know.

use std::sync::Arc;

use daypass_directory::{Bucket, Change, MAX_PAGE, NewBucket};
use daypass_names::{BucketName, Constrained};
use serde_json::{Value, json};

use crate::operator::accounts::parse_account;
use crate::operator::deployment::Deployment;
use crate::operator::given::Told;
use crate::operator::journal::Journal;
use crate::operator::listing::Room;
use crate::operator::protocol::{
    BucketChanged, BucketLine, BucketState, BucketTold, Buckets, LISTED_MAX, Outcome,
};
use crate::operator::refusal::Refusal;

impl Deployment {
    /// Gives an account a bucket that the backend has.
    pub(crate) async fn adopt_bucket(
        &self,
        journal: &mut Journal<'_>,
        name: &str,
        account_id: &str,
    ) -> Result<Outcome, Refusal> {
        let (name, account) = (parse_name(name)?, parse_account(account_id)?);
        if let Some((owner, _)) = name.regional_owner()
            && owner != account
        {
            let sentence = format!("the name lies in the namespace of the account {owner}");
            return Err(Refusal::invalid(sentence));
        }
        journal.for_account(account);
        self.require_trail()?;
        let new = NewBucket { name: name.clone(), account, created: self.clock.now() };
        let noting = |made: &Bucket| journal.note(Some(told(made)));
        self.directory.adopt_bucket(new, &noting).await?;
        let bucket = self.found(&name).await?;
        let notes = vec![
            "Requests reach it through the S3 gateway from now on, if the storage backend has it."
                .to_owned(),
        ];
        Ok(Outcome::BucketChanged(BucketChanged { bucket: line(&bucket), released: false, notes }))
    }

    /// Lists the buckets, of one account or of all.
    pub(crate) async fn list_buckets(
        &self,
        journal: &mut Journal<'_>,
        account_id: Option<&str>,
        after: Option<&str>,
    ) -> Result<Outcome, Refusal> {
        let account = account_id.map(parse_account).transpose()?;
        let mut last = after.map(parse_name).transpose()?;
        if let Some(account) = account {
            journal.for_account(account);
            // One that is not there has no buckets, and is a mistake.
            self.directory.account(account).await?;
        }
        let (mut buckets, mut room) = (Vec::new(), Room::new());
        loop {
            let page = match account {
                Some(account) => {
                    let last = last.as_ref().map(BucketName::as_str);
                    let page = self.directory.buckets_of(account, "", last, MAX_PAGE).await?;
                    page.items
                }
                None => self.directory.buckets_after(last.as_ref()).await?,
            };
            let Some(next) = page.last() else {
                return Ok(Outcome::Buckets(Buckets { buckets, truncated: false }));
            };
            last = Some(next.name.clone());
            for bucket in &page {
                let line = line(bucket);
                if buckets.len() >= LISTED_MAX || !room.takes(&line) {
                    return Ok(Outcome::Buckets(Buckets { buckets, truncated: true }));
                }
                buckets.push(line);
            }
        }
    }

    /// Tells a bucket and its policy.
    pub(crate) async fn show_bucket(
        &self,
        journal: &mut Journal<'_>,
        name: &str,
    ) -> Result<Outcome, Refusal> {
        let bucket = self.found(&parse_name(name)?).await?;
        journal.for_account(bucket.account);
        let policy = match &bucket.policy {
            Some(_) => Some(self.directory.bucket_policy_text(&bucket).await?),
            None => None,
        };
        let mut notes = Vec::new();
        if bucket.policy.as_ref().is_some_and(|policy| policy.policy.fault().is_some()) {
            notes.push("The policy can no longer be read, and denies everything.".to_owned());
        }
        if self.directory.is_closed(bucket.account)? {
            notes.push("Its account is closed: nobody reaches it.".to_owned());
        }
        Ok(Outcome::BucketTold(BucketTold { bucket: line(&bucket), policy, notes }))
    }

    /// Forgets a bucket; it goes on while the trail cannot be written.
    pub(crate) async fn release_bucket(
        &self,
        journal: &mut Journal<'_>,
        name: &str,
    ) -> Result<Outcome, Refusal> {
        let name = parse_name(name)?;
        let bucket = self.found(&name).await?;
        journal.for_account(bucket.account);
        let noting = |gone: &Bucket| journal.note(Some(told(gone)));
        self.directory.forget_bucket(&name, &noting).await?;
        let notes = vec![
            "No request reaches it any more, and its policy is gone. The storage backend keeps what \
             it has: while it has a bucket of that name, only `daypass bucket adopt` gives it to an \
             account."
                .to_owned(),
        ];
        Ok(Outcome::BucketChanged(BucketChanged { bucket: line(&bucket), released: true, notes }))
    }

    async fn found(&self, name: &BucketName) -> Result<Arc<Bucket>, Refusal> {
        let found = self.directory.bucket(name).await?;
        found.ok_or_else(|| Refusal::missing(format!("the bucket `{name}` is no account's")))
    }
}

fn parse_name(text: &str) -> Result<BucketName, Refusal> {
    BucketName::parse(text).map_err(|invalid| {
        let told = Told::word::<BucketName>(text);
        Refusal::invalid(format!("`{told}` is no name of a bucket: {invalid}"))
    })
}

fn line(bucket: &Bucket) -> BucketLine {
    BucketLine {
        name: bucket.name.to_string(),
        account_id: bucket.account.to_string(),
        created: format!("{:.3}", bucket.created),
        adopted: bucket.adopted,
        state: state(bucket),
        since: bucket.under_way.as_ref().map(|way| format!("{:.3}", way.since)),
        has_policy: bucket.policy.is_some(),
        is_public: bucket.policy.as_ref().is_some_and(|policy| policy.policy.is_public()),
    }
}

fn state(bucket: &Bucket) -> BucketState {
    match bucket.under_way.as_ref().map(|way| way.kind) {
        None => BucketState::Ready,
        Some(Change::Creation) => BucketState::Creating,
        Some(Change::Deletion) => BucketState::Deleting,
    }
}

/// A bucket as records have it.
fn told(bucket: &Bucket) -> Value {
    json!({
        "bucket": {
            "name": bucket.name.as_str(),
            "accountId": bucket.account.as_str(),
            "adopted": bucket.adopted,
            "state": state(bucket),
        }
    })
}
