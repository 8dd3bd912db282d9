//! The check of buckets: the index and the count of each account must agree with their records.

use daypass_names::{AccountId, BucketName};
use daypass_store::{Entry, Key};

use super::Walk;
use crate::directory::count_of;
use crate::findings::Fault;
use crate::{Bucket, DirectoryError, keys};

impl Walk<'_> {
    pub(super) async fn bucket(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let bucket = match self.directory.find::<Bucket>(key).await {
            Ok(Some(bucket)) => bucket,
            Ok(None) => return Ok(()),
            Err(error) => {
                self.has_unreadable_bucket = true;
                return self.unread(key, error);
            }
        };
        let tally = self.buckets.entry(bucket.account).or_default();
        tally.found = tally.found.saturating_add(1);
        if !self.directory.holds_account(bucket.account).await? {
            self.findings.add(key, Fault::AccountMissing(bucket.account));
        }
        if bucket.policy.as_ref().is_some_and(|policy| policy.policy.fault().is_some()) {
            self.findings.add(key, Fault::DeniesEverything("bucket policy".to_owned()));
        }
        let index = keys::account_bucket(bucket.account, &bucket.name)?;
        if self.directory.store.get(&index).await?.is_none() {
            self.findings.add(key, Fault::BucketUnindexed);
        }
        Ok(())
    }

    pub(super) async fn account_bucket(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
        name: &BucketName,
    ) -> Result<(), DirectoryError> {
        if !entry.value.is_empty() {
            let what = format!("it has {} bytes, but is empty always", entry.value.len());
            self.findings.add(key, Fault::Unreadable(what));
        }
        let bucket = self.load::<Bucket>(&keys::bucket(name)?).await?;
        if !bucket.is(|bucket| bucket.account == account) {
            self.findings.add(key, Fault::BucketOrphan);
        }
        Ok(())
    }

    pub(super) fn bucket_count(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        match count_of(key, entry) {
            Ok(stored) => {
                self.buckets.entry(account).or_default().stored = stored;
                Ok(())
            }
            Err(error) => {
                self.has_unreadable_bucket = true;
                self.unread(key, error)
            }
        }
    }

    /// Compares what was counted with what the counts say, when everything has been seen.
    pub(super) fn tally_buckets(&mut self) -> Result<(), DirectoryError> {
        if self.has_unreadable_bucket {
            return Ok(());
        }
        for (account, tally) in &self.buckets {
            if tally.stored != tally.found {
                let fault = Fault::Count { stored: tally.stored, found: tally.found };
                self.findings.add(&keys::bucket_count(*account)?, fault);
            }
        }
        Ok(())
    }
}
