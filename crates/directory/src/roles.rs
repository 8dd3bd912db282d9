//! Roles.

use std::sync::Arc;

use daypass_names::{
    AccountId, Arn, Path, PathPrefix, RoleDescription, RoleName, UniqueId, UniqueIdKind,
};
use daypass_store::{Key, Revision, StoreError};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Stored, encode};
use crate::keys::{self, Kind};
use crate::named::{Bounded, Holder, Named};
use crate::record::{self, Common, CommonRecord, RoleRecord};
use crate::service_linked::{self, Protection};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InlinePolicy, Limit, Listing, NewRole, Noting,
    Quotas, Role, RoleChange, tags, trust,
};

impl Directory {
    /// The role of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn role(
        &self,
        account: AccountId,
        name: &RoleName,
    ) -> Result<Arc<Role>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The role of that id, if it belongs to that account.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn role_by_id(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Arc<Role>, DirectoryError> {
        let found = self.entity_by_id(account, id).await?;
        found.ok_or(DirectoryError::NotFound(Entity::RoleId(id)))
    }

    /// The roles under a path, ordered by lower-case name, behind the lower-case name `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more follow.
    pub async fn roles(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<Role>, DirectoryError> {
        self.entities(account, prefix, after, limit).await
    }

    /// Makes a role.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account or the boundary,
    /// [`DirectoryError::AlreadyExists`] when the name is taken, in whatever case, [`DirectoryError::LimitExceeded`],
    /// [`DirectoryError::ReservedPath`], [`DirectoryError::Malformed`] or [`DirectoryError::InvalidPrincipal`].
    pub async fn create_role(
        &self,
        new: NewRole,
        noting: &dyn Noting<Role>,
    ) -> Result<Arc<Role>, DirectoryError> {
        let policy = self.parse_trust(&new.trust_text)?;
        let tags = tags::of_new::<Role>(&self.quotas, &new.tags)?;
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            self.require_account(new.account).await?;
            let resolved = self.resolve_principals(&policy).await?;
            let record = RoleRecord {
                common: CommonRecord::new(
                    new.account,
                    new.id,
                    new.name.to_string(),
                    &new.path,
                    new.created,
                ),
                boundary: new.boundary.as_ref().map(UniqueId::to_string),
                description: new.description.as_ref().map(RoleDescription::to_string),
                max_session_duration: new.max_session_duration,
                trust: resolved.record(&new.trust_text),
                tags: tags.clone(),
                service_linked: false,
            };
            let role = self.made::<Role>(&record)?;
            let bytes = encode(&record).ok_or_else(|| self.trust_limit())?;
            let commit = resolved.required_by(self.creation(&role, bytes).await?);
            let commit = self.bound(commit, &role).await?;
            if self.commit_noted(commit, noting, &role).await? {
                return Ok(Arc::new(role));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Changes the description, the longest session or both. That nothing changed is noted all the
    /// same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], or [`DirectoryError::UnmodifiableDuration`] when the longest
    /// session of a service-linked role would change.
    pub async fn update_role(
        &self,
        account: AccountId,
        id: UniqueId,
        change: &RoleChange,
        noting: &dyn Noting<Role>,
    ) -> Result<Arc<Role>, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_protected::<Role>(account, id).await?;
            service_linked::require_same_duration(&editing.value, change)?;
            if let Some(description) = &change.description {
                editing.record.description = description.as_ref().map(RoleDescription::to_string);
            }
            if let Some(seconds) = change.max_session_duration {
                editing.record.max_session_duration = seconds;
            }
            let role = self.made::<Role>(&editing.record)?;
            let too_large = editing.value.record_limit(&self.quotas);
            let commit = editing.rewrite().ok_or(too_large)?;
            if self.commit_noted(commit, noting, &role).await? {
                return Ok(Arc::new(role));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a role that has no policies left and is in no instance profile. Its sessions end with it.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::DeleteConflict`] or
    /// [`DirectoryError::Unmodifiable`].
    pub async fn delete_role(
        &self,
        account: AccountId,
        id: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<Role>(account, id).await?;
            self.require_bare(&editing.value)?;
            // Whoever puts it into one in between writes its record anew.
            if self.is_in_profile(id).await? {
                return Err(DirectoryError::DeleteConflict(DeleteReason::Roles));
            }
            // When it was last used goes with it.
            let commit = self.deletion(&editing).await?.delete(keys::role_use(id)?);
            let commit = self.unbound(commit, &editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.roles.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Replaces the trust policy of a role. Live sessions are left alone.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`], [`DirectoryError::Malformed`],
    /// [`DirectoryError::LimitExceeded`], [`DirectoryError::InvalidPrincipal`] or
    /// [`DirectoryError::Unmodifiable`].
    pub async fn set_trust_policy(
        &self,
        account: AccountId,
        id: UniqueId,
        text: &str,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let policy = self.parse_trust(text)?;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<Role>(account, id).await?;
            let resolved = self.resolve_principals(&policy).await?;
            editing.record.trust = resolved.record(text);
            let commit = editing.rewrite().ok_or_else(|| self.trust_limit())?;
            if self.commit_noted(resolved.required_by(commit), noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

impl Stored for Role {
    type Record = RoleRecord;

    fn from_record(record: &RoleRecord, directory: &Directory) -> Result<Self, String> {
        let Common { account, id, name, path, created, policies, attached } =
            record.common.parse()?;
        if id.kind() != UniqueIdKind::Role {
            return Err("the id is not that of a role".to_owned());
        }
        if record.service_linked && !service_linked::is_under(&path) {
            return Err("the path is not that of a service-linked role".to_owned());
        }
        let description = record.description.as_deref();
        let description = description
            .map(|text| record::constrained::<RoleDescription>("the description", text))
            .transpose()?;
        Ok(Self {
            arn: Arn::role(directory.partition, account, &path, &name),
            account,
            id,
            name,
            path,
            created,
            description,
            max_session_duration: record.max_session_duration,
            trust: trust::pinned(&record.trust)?,
            policies,
            attached,
            boundary: record::boundary(record.boundary.as_deref())?,
            tags: record::tags(&record.tags)?,
            service_linked: record.service_linked,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Kind::Role, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.roles
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Named for Role {
    type Name = RoleName;

    const KIND: Kind = Kind::Role;

    fn account(&self) -> AccountId {
        self.account
    }

    fn id(&self) -> UniqueId {
        self.id
    }

    fn name(&self) -> &RoleName {
        &self.name
    }

    fn path(&self) -> &Path {
        &self.path
    }

    fn named(name: &RoleName) -> Entity {
        Entity::Role(name.clone())
    }

    fn identified(id: UniqueId) -> Entity {
        Entity::RoleId(id)
    }

    fn protection(&self) -> Protection<'_> {
        match self.service_linked {
            true => Protection::ServiceLinked(&self.name),
            false => Protection::None,
        }
    }
}

impl Holder for Role {
    fn policies(&self) -> &[InlinePolicy] {
        &self.policies
    }

    fn attached(&self) -> &[UniqueId] {
        &self.attached
    }

    fn common(record: &mut RoleRecord) -> &mut CommonRecord {
        &mut record.common
    }

    fn policy_limit(quotas: &Quotas, name: &RoleName) -> (usize, Limit) {
        let max = quotas.role_policy_size;
        (max, Limit::RolePolicySize { max, role: name.clone() })
    }

    fn attachment_limit(quotas: &Quotas) -> (u32, Limit) {
        (quotas.policies_per_role, Limit::PoliciesPerRole(quotas.policies_per_role))
    }
}

impl Bounded for Role {
    fn boundary(&self) -> Option<UniqueId> {
        self.boundary
    }

    fn boundary_record(record: &mut RoleRecord) -> &mut Option<String> {
        &mut record.boundary
    }
}
