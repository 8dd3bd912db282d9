//! How often an account uses which AWS managed policy, and where it sees them.
//!
//! SECURITY: the counts and the index of who has a policy carry the account in their keys: no
//! account learns of another's, or keeps another from anything.

use std::sync::Arc;

use daypass_names::{AccountId, UniqueId};
use daypass_store::{Commit, Entry, Key};
use serde::{Deserialize, Serialize};

use super::AwsPolicy;
use crate::directory::{corrupt, decode, encode};
use crate::{Directory, DirectoryError, ManagedPolicy, keys};

/// How often an account uses an AWS managed policy; the record is there while it does.
#[derive(Clone, Copy, Debug, Default, Deserialize, Eq, PartialEq, Serialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Uses {
    /// How many users, groups and roles it is attached to.
    pub(crate) attachments: u32,
    /// How many users and roles it bounds.
    pub(crate) boundaries: u32,
}

/// Parses the record of uses.
pub(crate) fn parse(key: &Key, entry: &Entry) -> Result<Uses, DirectoryError> {
    decode(key, entry)
}

impl Directory {
    /// An AWS managed policy as an account sees it.
    pub(crate) async fn aws_seen_by(
        &self,
        account: AccountId,
        policy: &AwsPolicy,
    ) -> Result<Arc<ManagedPolicy>, DirectoryError> {
        let key = keys::aws_use(account, policy.id)?;
        let uses = match self.store.get(&key).await? {
            Some(entry) => parse(&key, &entry)?,
            None => Uses::default(),
        };
        Ok(Arc::new(policy.seen_by(account, uses)))
    }

    /// Fails for the id of an AWS managed policy: nobody changes one.
    pub(crate) fn require_customers(&self, policy: UniqueId) -> Result<(), DirectoryError> {
        match self.aws_managed.of_id(policy) {
            Some(aws) => Err(DirectoryError::Refused(format!("{} belongs to AWS", aws.arn))),
            None => Ok(()),
        }
    }

    /// Whether an id is that of an AWS managed policy as far as an account is concerned: one that
    /// is in the table, or one that was when the account began to use it.
    pub(crate) async fn is_aws_managed(
        &self,
        account: AccountId,
        policy: UniqueId,
    ) -> Result<bool, DirectoryError> {
        Ok(self.aws_managed.of_id(policy).is_some()
            || self.store.get(&keys::aws_use(account, policy)?).await?.is_some())
    }

    /// Adds to `commit` that the counts of an account's uses change as `step` says; nothing when
    /// there are none left to take away.
    pub(crate) async fn count_aws_use(
        &self,
        commit: Commit,
        account: AccountId,
        policy: UniqueId,
        step: impl FnOnce(&mut Uses) -> Option<()>,
    ) -> Result<Commit, DirectoryError> {
        let key = keys::aws_use(account, policy)?;
        let (mut uses, commit) = match self.store.get(&key).await? {
            None => (Uses::default(), commit.absent(key.clone())),
            Some(entry) => (parse(&key, &entry)?, commit.unchanged(key.clone(), entry.revision)),
        };
        step(&mut uses)
            .ok_or_else(|| corrupt(&key, "the policy is used more often than was counted"))?;
        if uses == Uses::default() {
            return Ok(commit.delete(key));
        }
        let bytes = encode(&uses).ok_or_else(|| corrupt(&key, "the record is too large"))?;
        Ok(commit.put(key, bytes))
    }
}
