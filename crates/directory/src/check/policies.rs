//! The check of managed policies: their versions and their uses must agree with the indexes.

use daypass_names::{AccountId, UniqueId};
use daypass_store::{Entry, Key};

use super::{Counted, Walk};
use crate::aws_managed::uses;
use crate::findings::Fault;
use crate::keys::{self, Kind};
use crate::named::Holder;
use crate::{DirectoryError, Group, ManagedPolicy, PolicyUsage, PolicyVersion, Role, User};

impl Walk<'_> {
    pub(super) fn aws_use(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
        policy: UniqueId,
    ) -> Result<(), DirectoryError> {
        let counted = Counted::Aws(account, policy);
        let uses = uses::parse(key, entry);
        for tallies in [&mut self.attachments, &mut self.boundaries] {
            // What the record of uses says cannot be compared when it cannot be read.
            tallies.entry(counted).or_default().is_there = uses.is_ok();
        }
        match uses {
            Ok(uses) => {
                self.attachments.entry(counted).or_default().stored = uses.attachments;
                self.boundaries.entry(counted).or_default().stored = uses.boundaries;
                Ok(())
            }
            Err(error) => self.unread(key, error),
        }
    }

    pub(super) async fn version(
        &mut self,
        key: &Key,
        policy: UniqueId,
    ) -> Result<(), DirectoryError> {
        let version = match self.directory.find::<PolicyVersion>(key).await {
            Ok(Some(version)) => version,
            Ok(None) => return Ok(()),
            Err(error) => return self.unread(key, error),
        };
        if version.policy.fault().is_some() {
            self.findings.add(key, Fault::DeniesEverything(version.id.to_string()));
        }
        let policy = self.load::<ManagedPolicy>(&keys::entity(Kind::Policy, policy)?).await?;
        if !policy.is(|policy| policy.versions.iter().any(|listed| listed.id == version.id)) {
            self.findings.add(key, Fault::VersionOrphan);
        }
        Ok(())
    }

    pub(super) async fn policy_use(
        &mut self,
        key: &Key,
        usage: PolicyUsage,
        account: Option<AccountId>,
        policy: UniqueId,
        kind: Kind,
        id: UniqueId,
    ) -> Result<(), DirectoryError> {
        let record = keys::entity(kind, id)?;
        let is_here = |of: AccountId| account.is_none_or(|account| account == of);
        let (holds, fault) = match usage {
            PolicyUsage::Boundary => {
                let bounds = Some(policy);
                let holds = match kind {
                    Kind::Role => {
                        let role = self.load::<Role>(&record).await?;
                        role.is(|role| role.boundary == bounds && is_here(role.account))
                    }
                    Kind::User => {
                        let user = self.load::<User>(&record).await?;
                        user.is(|user| user.boundary == bounds && is_here(user.account))
                    }
                    Kind::Group | Kind::Policy => false,
                };
                (holds, Fault::BoundaryOrphan)
            }
            PolicyUsage::Permissions => {
                let holds = match kind {
                    Kind::Group => self.attached::<Group>(&record, account, policy).await?,
                    Kind::Role => self.attached::<Role>(&record, account, policy).await?,
                    Kind::User => self.attached::<User>(&record, account, policy).await?,
                    Kind::Policy => false,
                };
                (holds, Fault::AttachmentOrphan)
            }
        };
        // One of AWS and one of the account are each in their own index.
        let is_in_place = match account {
            None => self.directory.aws_managed.of_id(policy).is_none(),
            Some(account) => self.directory.is_aws_managed(account, policy).await?,
        };
        if !holds || !is_in_place {
            self.findings.add(key, fault);
        }
        Ok(())
    }

    async fn attached<T: Holder>(
        &self,
        record: &Key,
        account: Option<AccountId>,
        policy: UniqueId,
    ) -> Result<bool, DirectoryError> {
        Ok(self.load::<T>(record).await?.is(|holder| {
            holder.attached().contains(&policy)
                && account.is_none_or(|account| account == holder.account())
        }))
    }
}
