//! The versions of a managed policy: documents that never change, of which one is in force. One of
//! AWS has `v1` only, and no other can be added.

use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_names::{AccountId, PolicyVersionId, UniqueId, UniqueIdKind};
use daypass_policy::{Kind as PolicyKind, Policy};
use daypass_store::{Key, StoreError};
use jiff::Timestamp;

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode};
use crate::keys::{self, Total};
use crate::record::{self, DocumentRecord, VersionRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, Limit, ManagedPolicy, NewPolicyVersion,
    Noting, PolicyVersion,
};

impl Directory {
    /// A version of a managed policy.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the policy or of the version.
    pub async fn policy_version(
        &self,
        account: AccountId,
        policy: UniqueId,
        version: &PolicyVersionId,
    ) -> Result<Arc<PolicyVersion>, DirectoryError> {
        if let Some(aws) = self.aws_managed.of_id(policy) {
            let missing = || Entity::PolicyVersion(aws.arn.clone(), version.clone());
            let found = aws.version(version).map(Arc::new);
            return found.ok_or_else(|| DirectoryError::NotFound(missing()));
        }
        for _ in 0..ATTEMPTS {
            let managed = self.managed_policy_by_id(account, policy).await?;
            let there = managed.versions.iter().any(|info| info.id == *version);
            let Some(number) = number(version).filter(|_| there) else {
                let missing = Entity::PolicyVersion(managed.arn.clone(), version.clone());
                return Err(DirectoryError::NotFound(missing));
            };
            // One that is listed and gone went between the two reads.
            if let Some(found) = self.find(&keys::policy_version(policy, number)?).await? {
                return Ok(found);
            }
        }
        let key = keys::policy_version(policy, number(version).unwrap_or(NonZeroU32::MIN))?;
        Err(corrupt(&key, "the policy lists the version, but it is not there"))
    }

    /// The version in force of a policy, if it is still there.
    pub(crate) async fn version_in_force(
        &self,
        policy: &ManagedPolicy,
    ) -> Result<Option<Arc<PolicyVersion>>, DirectoryError> {
        match number(&policy.default) {
            Some(number) => self.find(&keys::policy_version(policy.id, number)?).await,
            None => Ok(None),
        }
    }

    /// Adds a version to a managed policy; its number is one that was never given.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Malformed`],
    /// [`DirectoryError::LimitExceeded`], or [`DirectoryError::Refused`] for a policy of AWS.
    pub async fn create_policy_version(
        &self,
        account: AccountId,
        policy: UniqueId,
        new: NewPolicyVersion,
        noting: &dyn Noting<PolicyVersion>,
    ) -> Result<Arc<PolicyVersion>, DirectoryError> {
        self.require_customers(policy)?;
        self.parse_document(&new.text)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<ManagedPolicy>(account, policy).await?;
            let max = self.quotas.versions_per_policy;
            if u32::try_from(editing.record.versions.len()).is_ok_and(|count| count >= max) {
                return Err(DirectoryError::LimitExceeded(Limit::VersionsPerPolicy(max)));
            }
            let number = editing.record.newest.checked_add(1);
            let number = number.ok_or_else(|| corrupt(&editing.key, "no number is left"))?;
            let created = new.created.to_string();
            editing.record.newest = number;
            editing.record.updated = created.clone();
            editing.record.versions.push(VersionRecord { number, created: created.clone() });
            if new.set_default {
                editing.record.default = number;
            }
            let text = new.text.clone();
            let document = DocumentRecord { policy: policy.to_string(), number, created, text };
            let made = self.made::<PolicyVersion>(&document)?;
            let document = encode(&document).ok_or_else(|| self.document_limit())?;
            let key = keys::policy_version(policy, number)?;
            let commit = editing.unchanged().absent(key.clone()).put(key, document);
            let commit = commit.put(editing.key.clone(), self.managed_bytes(&editing)?);
            let total = Total::PolicyVersions;
            let commit = self.change_total(total, account, commit, 1, None).await?;
            if self.commit_noted(commit, noting, &made).await? {
                return Ok(Arc::new(made));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a version of a managed policy that is not in force.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the policy or of the version,
    /// [`DirectoryError::DeleteConflict`], or [`DirectoryError::Refused`] for a policy of AWS.
    pub async fn delete_policy_version(
        &self,
        account: AccountId,
        policy: UniqueId,
        version: &PolicyVersionId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let (mut editing, number) = self.edit_version(account, policy, version).await?;
            if editing.record.default == number {
                return Err(DirectoryError::DeleteConflict(DeleteReason::DefaultVersion));
            }
            editing.record.versions.retain(|version| version.number != number);
            let key = keys::policy_version(policy, number)?;
            let bytes = self.managed_bytes(&editing)?;
            let commit = editing.unchanged().put(editing.key.clone(), bytes).delete(key.clone());
            let (total, read) = (Total::PolicyVersions, Some((&editing.key, editing.revision)));
            let commit = self.change_total(total, account, commit, -1, read).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.policy_versions.forget(&key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Puts a version of a managed policy in force. One that is in force already stays; that is
    /// noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the policy or of the version, or
    /// [`DirectoryError::Refused`] for a policy of AWS.
    pub async fn set_default_policy_version(
        &self,
        account: AccountId,
        policy: UniqueId,
        version: &PolicyVersionId,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let (mut editing, number) = self.edit_version(account, policy, version).await?;
            let mut commit = editing.unchanged();
            if editing.record.default != number {
                editing.record.default = number;
                editing.record.updated = now.to_string();
                let bytes = self.managed_bytes(&editing)?;
                commit = commit.put(editing.key, bytes);
            }
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// A policy and the number of one of its versions.
    async fn edit_version(
        &self,
        account: AccountId,
        policy: UniqueId,
        version: &PolicyVersionId,
    ) -> Result<(Editing<ManagedPolicy>, NonZeroU32), DirectoryError> {
        self.require_customers(policy)?;
        let editing = self.edit_entity::<ManagedPolicy>(account, policy).await?;
        let mut numbers = editing.record.versions.iter().map(|version| version.number);
        match numbers.find(|number| PolicyVersionId::numbered(*number) == *version) {
            Some(number) => Ok((editing, number)),
            None => {
                let missing = Entity::PolicyVersion(editing.value.arn, version.clone());
                Err(DirectoryError::NotFound(missing))
            }
        }
    }
}

/// The number of a version, if it is one that we could have given.
pub(crate) fn number(version: &PolicyVersionId) -> Option<NonZeroU32> {
    version.as_str().strip_prefix('v')?.parse().ok()
}

impl Stored for PolicyVersion {
    type Record = DocumentRecord;

    fn from_record(record: &DocumentRecord, _: &Directory) -> Result<Self, String> {
        Ok(Self {
            managed: record::id_of_kind(&record.policy, UniqueIdKind::ManagedPolicy)?,
            id: PolicyVersionId::numbered(record.number),
            created: record::timestamp(&record.created)?,
            policy: Policy::parse_stored(&record.text, PolicyKind::Identity).into(),
            number: record.number,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::policy_version(self.managed, self.number)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.policy_versions
    }
}
