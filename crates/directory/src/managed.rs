//! Customer managed policies: documents of their own that users, groups and roles refer to.
//!
//! The record of a policy holds which versions there are, which is in force and how often the
//! policy is used; the documents lie beside it and never change, so that an attachment compiles
//! nothing anew. Policies of AWS are no records, but are found here as well: see
//! [`aws_managed`](crate::aws_managed).

use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_names::{
    AccountId, Arn, Constrained, Path, PolicyDescription, PolicyName, PolicyVersionId, UniqueId,
    UniqueIdKind,
};
use daypass_policy::Policy;
use daypass_store::{Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode};
use crate::keys::{self, Kind, Total};
use crate::named::Named;
use crate::record::{self, DocumentRecord, ManagedRecord, VersionRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, Limit, ManagedPolicy, NewManagedPolicy,
    Noting, PolicyOwner, VersionInfo, tags,
};

impl Directory {
    /// The customer managed policy of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn managed_policy(
        &self,
        account: AccountId,
        name: &PolicyName,
    ) -> Result<Arc<ManagedPolicy>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The managed policy of exactly that ARN, path included: one of the account, or of AWS.
    ///
    /// SECURITY: one of another account is not found, whatever it is wanted for.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn managed_policy_by_arn(
        &self,
        account: AccountId,
        arn: &Arn,
    ) -> Result<Arc<ManagedPolicy>, DirectoryError> {
        if let Some(aws) = self.aws_managed.of_arn(arn) {
            return self.aws_seen_by(account, aws).await;
        }
        let missing = || DirectoryError::NotFound(Entity::Policy(arn.clone()));
        if arn.account() != Some(account) {
            return Err(missing());
        }
        let name = arn.resource().strip_prefix("policy/").and_then(|rest| rest.rsplit('/').next());
        let name = name.and_then(|name| PolicyName::parse(name).ok()).ok_or_else(missing)?;
        match self.managed_policy(account, &name).await {
            Ok(policy) if policy.arn == *arn => Ok(policy),
            Ok(_) | Err(DirectoryError::NotFound(_)) => Err(missing()),
            Err(error) => Err(error),
        }
    }

    /// The managed policy of that id, if it belongs to that account or to AWS.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn managed_policy_by_id(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Arc<ManagedPolicy>, DirectoryError> {
        if let Some(aws) = self.aws_managed.of_id(id) {
            return self.aws_seen_by(account, aws).await;
        }
        let found = self.entity_by_id(account, id).await?;
        found.ok_or(DirectoryError::NotFound(Entity::PolicyId(id)))
    }

    /// Makes a managed policy with its first version, `v1`, in force.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case, [`DirectoryError::LimitExceeded`] or
    /// [`DirectoryError::Malformed`].
    pub async fn create_managed_policy(
        &self,
        new: NewManagedPolicy,
        noting: &dyn Noting<ManagedPolicy>,
    ) -> Result<Arc<ManagedPolicy>, DirectoryError> {
        // An id names one policy only.
        self.require_customers(new.id)?;
        self.parse_document(&new.text)?;
        let first = NonZeroU32::MIN;
        let created = new.created.to_string();
        let record = ManagedRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            name: new.name.to_string(),
            path: new.path.to_string(),
            created: created.clone(),
            updated: created.clone(),
            description: new.description.as_ref().map(PolicyDescription::to_string),
            default: first,
            newest: first,
            versions: vec![VersionRecord { number: first, created: created.clone() }],
            attachments: 0,
            boundaries: 0,
            tags: tags::of_new::<ManagedPolicy>(&self.quotas, &new.tags)?,
        };
        let policy = self.made::<ManagedPolicy>(&record)?;
        let document =
            DocumentRecord { policy: record.id.clone(), number: first, created, text: new.text };
        let version = keys::policy_version(new.id, first)?;
        let too_large = || self.document_limit();
        let bytes = encode(&record).ok_or_else(too_large)?;
        let document = encode(&document).ok_or_else(too_large)?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let commit = self.creation(&policy, bytes.clone()).await?;
            let commit = commit.absent(version.clone()).put(version.clone(), document.clone());
            let (total, account) = (Total::PolicyVersions, new.account);
            let commit = self.change_total(total, account, commit, 1, None).await?;
            if self.commit_noted(commit, noting, &policy).await? {
                return Ok(Arc::new(policy));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a managed policy that nothing uses, with its last version.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::DeleteConflict`], or
    /// [`DirectoryError::Refused`] for a policy of AWS.
    pub async fn delete_managed_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.require_customers(id)?;
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<ManagedPolicy>(account, id).await?;
            let ManagedRecord { attachments, boundaries, .. } = editing.record;
            if attachments > 0 || boundaries > 0 {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Attached));
            }
            if editing.record.versions.len() > 1 {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Versions));
            }
            let document = keys::policy_version(id, editing.record.default)?;
            let commit = self.deletion(&editing).await?.delete(document.clone());
            let (total, read) = (Total::PolicyVersions, Some((&editing.key, editing.revision)));
            let commit = self.change_total(total, account, commit, -1, read).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.managed_policies.forget(&editing.key);
                self.policy_versions.forget(&document);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Parses a document of a managed policy that is about to be saved.
    pub(crate) fn parse_document(&self, text: &str) -> Result<(), DirectoryError> {
        match Policy::parse_managed(text)?.size() > self.quotas.policy_size {
            true => Err(self.document_limit()),
            false => Ok(()),
        }
    }

    /// Too large, also for a record: white space is not counted, but the store has to hold it.
    pub(crate) fn document_limit(&self) -> DirectoryError {
        DirectoryError::LimitExceeded(Limit::PolicySize(self.quotas.policy_size))
    }

    /// The bytes of the changed record of a policy. It holds no document: that the store should
    /// not take it is damage.
    pub(crate) fn managed_bytes(
        &self,
        editing: &Editing<ManagedPolicy>,
    ) -> Result<Vec<u8>, DirectoryError> {
        encode(&editing.record).ok_or_else(|| corrupt(&editing.key, "the record is too large"))
    }
}

impl Stored for ManagedPolicy {
    type Record = ManagedRecord;

    fn from_record(record: &ManagedRecord, directory: &Directory) -> Result<Self, String> {
        let id = record::id_of_kind(&record.id, UniqueIdKind::ManagedPolicy)?;
        let account = record::account(&record.account)?;
        let name: PolicyName = record::constrained("the name", &record.name)?;
        let path: Path = record::constrained("the path", &record.path)?;
        let description = record.description.as_deref();
        let description = description
            .map(|text| record::constrained::<PolicyDescription>("the description", text))
            .transpose()?;
        let ordered = record.versions.is_sorted_by(|one, two| one.number < two.number);
        let newest = record.versions.last().is_some_and(|last| last.number <= record.newest);
        if !ordered || !newest {
            return Err("the versions are not in order".to_owned());
        }
        if !record.versions.iter().any(|version| version.number == record.default) {
            return Err("the version in force is not among the versions".to_owned());
        }
        let version = |version: &VersionRecord| {
            let id = PolicyVersionId::numbered(version.number);
            Ok(VersionInfo { id, created: record::timestamp(&version.created)? })
        };
        Ok(Self {
            owner: PolicyOwner::Customer,
            arn: Arn::policy(directory.partition, account, &path, &name),
            account,
            id,
            name,
            path,
            created: record::timestamp(&record.created)?,
            updated: record::timestamp(&record.updated)?,
            description,
            default: PolicyVersionId::numbered(record.default),
            versions: record.versions.iter().map(version).collect::<Result<_, String>>()?,
            attachments: record.attachments,
            boundaries: record.boundaries,
            tags: record::tags(&record.tags)?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Kind::Policy, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.managed_policies
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Named for ManagedPolicy {
    type Name = PolicyName;

    const KIND: Kind = Kind::Policy;

    fn account(&self) -> AccountId {
        self.account
    }

    fn id(&self) -> UniqueId {
        self.id
    }

    fn name(&self) -> &PolicyName {
        &self.name
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn named(name: &PolicyName) -> Entity {
        Entity::ManagedPolicy(name.clone())
    }

    fn identified(id: UniqueId) -> Entity {
        Entity::PolicyId(id)
    }
}
