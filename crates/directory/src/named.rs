//! What users, groups, roles and managed policies have in common: a name and an id in an account,
//! and a path; and what all but the last have: inline and attached policies.

use std::fmt::Display;
use std::sync::Arc;

use daypass_names::{AccountId, Constrained, Path, PathPrefix, UniqueId};
use daypass_store::{Commit, MAX_SCAN};

use crate::directory::{Editing, Stored, corrupt, encode, id_of};
use crate::keys::{self, Kind};
use crate::record::CommonRecord;
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InlinePolicy, Limit, Listing, MAX_PAGE, Quotas,
};

/// An entity with a name and an id.
pub(crate) trait Named: Stored {
    type Name: Constrained + Clone + Display + PartialEq;

    const KIND: Kind;

    fn account(&self) -> AccountId;
    fn id(&self) -> UniqueId;
    fn name(&self) -> &Self::Name;
    fn path(&self) -> &Path;

    /// How errors call one of that name.
    fn named(name: &Self::Name) -> Entity;

    /// How errors call one of that id.
    fn identified(id: UniqueId) -> Entity;
}

/// A user, a group or a role.
pub(crate) trait Holder: Named {
    fn policies(&self) -> &[InlinePolicy];
    fn attached(&self) -> &[UniqueId];
    fn common(record: &mut Self::Record) -> &mut CommonRecord;

    /// How many characters all inline policies together may have, and what to say beyond.
    fn policy_limit(quotas: &Quotas, name: &Self::Name) -> (usize, Limit);

    /// How many managed policies may be attached, and what to say beyond.
    fn attachment_limit(quotas: &Quotas) -> (u32, Limit);

    /// What to say when the record is larger than the store takes: it has too much inline in it.
    fn record_limit(&self, quotas: &Quotas) -> DirectoryError {
        DirectoryError::LimitExceeded(Self::policy_limit(quotas, self.name()).1)
    }
}

/// A user or a role: what can have a permissions boundary.
pub(crate) trait Bounded: Holder {
    fn boundary(&self) -> Option<UniqueId>;
    fn boundary_record(record: &mut Self::Record) -> &mut Option<String>;

    /// The groups whose policies it has.
    fn groups(&self) -> &[UniqueId] {
        &[]
    }
}

impl<T: Stored> Editing<T> {
    /// The commit that writes the changed record, if nobody changed it since it was read; nothing
    /// when the record is larger than the store takes.
    pub(crate) fn rewrite(self) -> Option<Commit> {
        let bytes = encode(&self.record)?;
        Some(self.unchanged().put(self.key, bytes))
    }

    /// The commit that changes nothing, as long as nobody else does.
    pub(crate) fn unchanged(&self) -> Commit {
        Commit::new().unchanged(self.key.clone(), self.revision)
    }
}

impl Directory {
    /// The entity of exactly that name.
    pub(crate) async fn entity<T: Named>(
        &self,
        account: AccountId,
        name: &T::Name,
    ) -> Result<Arc<T>, DirectoryError> {
        let found = match self.id_by_name(T::KIND, account, &name.to_string()).await? {
            Some(id) => self.entity_by_id::<T>(account, id).await?,
            None => None,
        };
        // Between the two reads the entity may have gone: then it is not found, not damaged.
        found
            .filter(|entity| entity.name() == name)
            .ok_or_else(|| DirectoryError::NotFound(T::named(name)))
    }

    /// The entity of that id, if it is in that account.
    pub(crate) async fn entity_by_id<T: Named>(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Option<Arc<T>>, DirectoryError> {
        let found = self.find::<T>(&keys::entity(T::KIND, id)?).await?;
        Ok(found.filter(|entity| entity.account() == account))
    }

    /// A page of entities under a path, ordered by lower-case name.
    ///
    /// One call looks at no more than [`MAX_SCAN`] names, whatever the prefix leaves out.
    pub(crate) async fn entities<T: Named>(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<T>, DirectoryError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(|name| keys::name(T::KIND, account, name)).transpose()?;
        let names = keys::names(T::KIND, account);
        let everything = *prefix == PathPrefix::default();
        let scanned = if everything { limit.saturating_add(1).min(MAX_SCAN) } else { MAX_SCAN };
        let page = self.store.scan(names.as_bytes(), after.as_ref(), scanned).await?;
        let complete = page.len() < scanned;

        let mut items = Vec::new();
        let mut last = None;
        for (key, entry) in &page {
            if items.len() == limit {
                return Ok(Listing { items, next: last });
            }
            let name = key.as_bytes().strip_prefix(names.as_bytes());
            let name = name.and_then(|name| std::str::from_utf8(name).ok());
            last = Some(name.ok_or_else(|| corrupt(key, "the index is no name"))?.to_owned());
            let found = self.entity_by_id::<T>(account, id_of(key, entry)?).await?;
            // One that is gone went while we read.
            items.extend(found.filter(|principal| prefix.covers(principal.path())));
        }
        Ok(Listing { items, next: if complete { None } else { last } })
    }

    /// The record of the entity of that id, if it is in that account, to be changed.
    ///
    /// SECURITY: every change goes by id. A name may have passed to somebody else since the call
    /// was authorised; an id is never given twice. The kind is part of the key, and no record is
    /// read whose id is of another kind.
    pub(crate) async fn edit_entity<T: Named>(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Editing<T>, DirectoryError> {
        let editing = self.edit::<T>(keys::entity(T::KIND, id)?).await?;
        editing
            .filter(|editing| editing.value.account() == account)
            .ok_or_else(|| DirectoryError::NotFound(T::identified(id)))
    }

    /// The commit that makes an entity: its record, its name and the count.
    pub(crate) async fn creation<T: Named>(
        &self,
        new: &T,
        bytes: Vec<u8>,
    ) -> Result<Commit, DirectoryError> {
        let (account, id, name) = (new.account(), new.id(), new.name());
        self.require_account(account).await?;
        let name_key = keys::name(T::KIND, account, &name.to_string().to_ascii_lowercase())?;
        if self.store.get(&name_key).await?.is_some() {
            return Err(DirectoryError::AlreadyExists(T::named(name)));
        }
        let key = keys::entity(T::KIND, id)?;
        let commit = Commit::new()
            .absent(name_key.clone())
            .absent(key.clone())
            .put(key, bytes)
            .put(name_key, id.to_string().into_bytes());
        self.count_one_more(T::KIND, account, commit).await
    }

    /// Fails if a user, group or role still has policies.
    pub(crate) fn require_bare<T: Holder>(&self, holder: &T) -> Result<(), DirectoryError> {
        if !holder.attached().is_empty() {
            return Err(DirectoryError::DeleteConflict(DeleteReason::Attachments));
        }
        if !holder.policies().is_empty() {
            return Err(DirectoryError::DeleteConflict(DeleteReason::Policies));
        }
        Ok(())
    }

    /// The commit that removes an entity: its record, its name and the count.
    pub(crate) async fn deletion<T: Named>(
        &self,
        editing: &Editing<T>,
    ) -> Result<Commit, DirectoryError> {
        let (account, id) = (editing.value.account(), editing.value.id());
        let name = editing.value.name().to_string();
        let name_key = keys::name(T::KIND, account, &name.to_ascii_lowercase())?;
        // SECURITY: the name that goes with the record must be its own, not that of another.
        if self.id_by_name(T::KIND, account, &name).await? != Some(id) {
            // Either the entity went or was changed since it was read, which the commit will find,
            // or the index is damaged: while a record is there its name leads to it.
            let now = self.edit_entity::<T>(account, id).await?;
            if now.revision != editing.revision {
                return Ok(editing.unchanged());
            }
            return Err(corrupt(&name_key, "the index leads to another entity or nowhere"));
        }
        // As long as the record is unchanged, so is the index.
        let commit = editing.unchanged().delete(editing.key.clone()).delete(name_key);
        self.count_one_less(T::KIND, account, commit).await
    }

    /// Parses a record that is about to be written, so that what is written can be read.
    pub(crate) fn made<T: Stored>(&self, record: &T::Record) -> Result<T, DirectoryError> {
        T::from_record(record, self).map_err(DirectoryError::Refused)
    }
}
