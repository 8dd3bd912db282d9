//! Bucket policies: saved with their principals pinned, shown as they were saved.
//!
//! S3 user guide, "Bucket policies for Amazon S3". Users and roles are tied to their unique ids as in
//! trust policies, so that one that is made again under the old name is somebody else; while the
//! entity is there its ARN is shown, afterwards the bare id.

use std::collections::BTreeMap;
use std::sync::Arc;

use daypass_names::{Arn, BucketName, UniqueId};
use daypass_policy::{Kind, Policy};

use crate::directory::ATTEMPTS;
use crate::record::BucketPolicyRecord;
use crate::{Bucket, Directory, DirectoryError, Entity, Noting, trust};

/// A bucket policy, its users and roles pinned to the unique ids that they had when it was saved.
#[derive(Clone, Debug)]
pub struct BucketPolicy {
    /// The policy, pinned. One that no longer parses denies everything.
    pub policy: Arc<Policy>,
    pins: BTreeMap<Arn, UniqueId>,
}

impl BucketPolicy {
    /// The text as it was saved. What to show is [`Directory::bucket_policy_text`].
    pub fn text(&self) -> &str {
        self.policy.source()
    }
}

/// The policy of a record. A user or role without a pin matches nobody.
pub(crate) fn pinned(record: &BucketPolicyRecord) -> Result<BucketPolicy, String> {
    let pins = trust::pins_of(&record.pins)?;
    let mut policy = Policy::parse_stored(&record.text, Kind::Resource);
    policy.pin_principals(|arn| pins.get(arn).copied());
    Ok(BucketPolicy { policy: policy.into(), pins })
}

impl Directory {
    /// The policy of a bucket as it is to be shown: a user or role that is gone, or was made again,
    /// by its bare unique id, which matches nobody, and everything else as it was saved.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when it has none.
    pub async fn bucket_policy_text(&self, bucket: &Bucket) -> Result<String, DirectoryError> {
        let none = || DirectoryError::NotFound(Entity::BucketPolicy(bucket.name.clone()));
        let BucketPolicy { policy, pins } = bucket.policy.as_ref().ok_or_else(none)?;
        self.shown_text(policy, pins).await
    }

    /// The policy that a text would be as the policy of a bucket, its principals pinned; nothing is
    /// saved. Whoever decides whether it may be saved asks it.
    ///
    /// # Errors
    /// [`DirectoryError::MalformedBucketPolicy`], [`DirectoryError::InvalidPrincipal`].
    pub async fn drafted_bucket_policy(
        &self,
        name: &BucketName,
        text: &str,
    ) -> Result<Policy, DirectoryError> {
        let mut policy = Policy::parse_bucket(text, self.partition, name)?;
        let resolved = self.resolve_principals(&policy).await?;
        policy.pin_principals(|arn| resolved.pins.get(arn).copied());
        Ok(policy)
    }

    /// Gives a bucket a policy, in the place of the one that it has.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], and as for [`Directory::drafted_bucket_policy`].
    pub async fn put_bucket_policy(
        &self,
        name: &BucketName,
        text: &str,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        let policy = Policy::parse_bucket(text, self.partition, name)?;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_bucket(name).await?;
            let resolved = self.resolve_principals(&policy).await?;
            let pins = resolved.pin_records();
            editing.record.policy = Some(BucketPolicyRecord { text: text.to_owned(), pins });
            if self.rewrite_bucket(editing, resolved.required, noting).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes the policy of a bucket away.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when there is no such bucket.
    pub async fn delete_bucket_policy(
        &self,
        name: &BucketName,
        noting: &dyn Noting<Bucket>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_bucket(name).await?;
            editing.record.policy = None;
            if self.rewrite_bucket(editing, Vec::new(), noting).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}
