//! What users, groups, roles, managed policies and instance profiles have in common: a name and an
//! id in an account, and a path; and what the first three have: inline and attached policies.

use std::fmt::Display;
use std::sync::{Arc, LazyLock};

use daypass_names::{AccountId, Constrained, Path, PathPrefix, UniqueId};
use daypass_store::{Commit, Key, MAX_SCAN};

use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode, id_of};
use crate::keys::{self, Kind, Noun};
use crate::record::CommonRecord;
use crate::service_linked::Protection;
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, InlinePolicy, Limit, Listing, MAX_PAGE,
    Noting, Quotas,
};

/// Whatever has a name and an id in an account, and a path.
pub(crate) trait Listed: Stored {
    type Name: Constrained + Clone + Display + PartialEq;

    const NOUN: Noun;

    fn about(&self) -> About<'_, Self::Name>;

    /// How errors call one of that name.
    fn by_name(name: &Self::Name) -> Entity;

    /// How errors call one of that id.
    fn by_id(id: UniqueId) -> Entity;

    /// The name as its key in the index has it: unique ignoring case, unless the kind says
    /// otherwise. It has no slash.
    fn indexed(name: &Self::Name) -> String {
        name.to_string().to_ascii_lowercase()
    }

    /// Whether its account may change it.
    fn protected(&self) -> Protection<'_> {
        Protection::None
    }
}

/// Where something is, and what it is called.
pub(crate) struct About<'a, N> {
    pub(crate) account: AccountId,
    pub(crate) id: UniqueId,
    pub(crate) name: &'a N,
    pub(crate) path: &'a Path,
}

/// The path of what has none.
pub(crate) static NO_PATH: LazyLock<Path> = LazyLock::new(Path::default);

impl<T: Named> Listed for T {
    type Name = <T as Named>::Name;

    const NOUN: Noun = Noun::of(T::KIND);

    fn about(&self) -> About<'_, <T as Named>::Name> {
        About { account: self.account(), id: self.id(), name: self.name(), path: self.path() }
    }

    fn by_name(name: &<T as Named>::Name) -> Entity {
        T::named(name)
    }

    fn by_id(id: UniqueId) -> Entity {
        T::identified(id)
    }

    fn protected(&self) -> Protection<'_> {
        self.protection()
    }
}

/// What policies are, or are put on: with a name and an id.
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

    /// Whether its account may change it.
    fn protection(&self) -> Protection<'_> {
        Protection::None
    }
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
    pub(crate) async fn entity<T: Listed>(
        &self,
        account: AccountId,
        name: &T::Name,
    ) -> Result<Arc<T>, DirectoryError> {
        let found = match self.id_by_name(T::NOUN, account, &T::indexed(name)).await? {
            Some(id) => self.entity_by_id::<T>(account, id).await?,
            None => None,
        };
        // Between the two reads the entity may have gone: then it is not found, not damaged.
        found
            .filter(|entity| entity.about().name == name)
            .ok_or_else(|| DirectoryError::NotFound(T::by_name(name)))
    }

    /// The entity of that id, if it is in that account.
    pub(crate) async fn entity_by_id<T: Listed>(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Option<Arc<T>>, DirectoryError> {
        let found = self.find::<T>(&keys::entity(T::NOUN, id)?).await?;
        Ok(found.filter(|entity| entity.about().account == account))
    }

    /// A page of entities under a path, ordered by lower-case name.
    ///
    /// One call looks at no more than [`MAX_SCAN`] names, whatever the prefix leaves out.
    pub(crate) async fn entities<T: Listed>(
        &self,
        account: AccountId,
        prefix: &PathPrefix,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<T>, DirectoryError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(|name| keys::name(T::NOUN, account, name)).transpose()?;
        let names = keys::names(T::NOUN, account);
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
            items.extend(found.filter(|entity| prefix.covers(entity.about().path)));
        }
        Ok(Listing { items, next: if complete { None } else { last } })
    }

    /// A page of the entities of an account whose ids end the keys of an index, ordered by id,
    /// behind the id `after`.
    pub(crate) async fn indexed<T: Listed>(
        &self,
        account: AccountId,
        index: &str,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<T>, DirectoryError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let after = after.map(|id| keys::below(index, id)).transpose()?;
        let scanned = limit.saturating_add(1).min(MAX_SCAN);
        let page = self.store.scan(index.as_bytes(), after.as_ref(), scanned).await?;
        let complete = page.len() < scanned;
        let mut items = Vec::new();
        let mut last = None;
        for (key, _) in page.iter().take(limit) {
            let id = keys::last_id(key).ok_or_else(|| corrupt(key, "the index is no id"))?;
            last = Some(id.to_string());
            // One that is gone went while we read.
            items.extend(self.entity_by_id::<T>(account, id).await?);
        }
        let more = page.len() > limit || !complete;
        Ok(Listing { items, next: last.filter(|_| more) })
    }

    /// The record of the entity of that id, if it is in that account, to be changed by its account.
    ///
    /// SECURITY: whatever changes an entity comes through here, and here what belongs to a service
    /// of AWS is refused, with [`DirectoryError::Unmodifiable`]. The few changes that such an
    /// entity takes ask for [`Directory::edit_protected`] instead.
    pub(crate) async fn edit_entity<T: Listed>(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Editing<T>, DirectoryError> {
        let editing = self.edit_protected::<T>(account, id).await?;
        editing.value.protected().require_none()?;
        Ok(editing)
    }

    /// The record of the entity of that id, if it is in that account, whoever owns it.
    ///
    /// SECURITY: every change goes by id. A name may have passed to somebody else since the call
    /// was authorised; an id is never given twice. The kind is part of the key, and no record is
    /// read whose id is of another kind.
    pub(crate) async fn edit_protected<T: Listed>(
        &self,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Editing<T>, DirectoryError> {
        let editing = self.edit::<T>(keys::entity(T::NOUN, id)?).await?;
        editing
            .filter(|editing| editing.value.about().account == account)
            .ok_or_else(|| DirectoryError::NotFound(T::by_id(id)))
    }

    /// The commit that makes an entity: its record, its name and the count.
    pub(crate) async fn creation<T: Listed>(
        &self,
        new: &T,
        bytes: Vec<u8>,
    ) -> Result<Commit, DirectoryError> {
        let about = new.about();
        let (account, id) = (about.account, about.id);
        let protection = new.protected();
        protection.require_path(about.path)?;
        self.require_account(account).await?;
        let name_key = keys::name(T::NOUN, account, &T::indexed(about.name))?;
        if self.store.get(&name_key).await?.is_some() {
            return Err(DirectoryError::AlreadyExists(T::by_name(about.name)));
        }
        let key = keys::entity(T::NOUN, id)?;
        let commit = Commit::new()
            .absent(name_key.clone())
            .absent(key.clone())
            .put(key, bytes)
            .put(name_key, id.to_string().into_bytes());
        self.count_one_more(T::NOUN, account, protection.beyond_quota(), commit).await
    }

    /// Gives a user or group another name, another path or both. Its id, and whatever hangs on
    /// that, stays.
    pub(crate) async fn rename<T: Holder>(
        &self,
        account: AccountId,
        id: UniqueId,
        name: Option<&<T as Named>::Name>,
        path: Option<&Path>,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_entity::<T>(account, id).await?;
            // Whatever is under a reserved path may stay there.
            if let Some(path) = path.filter(|path| *path != editing.value.path()) {
                editing.value.protection().require_path(path)?;
            }
            let new_name = name.unwrap_or(editing.value.name());
            let is_same =
                new_name == editing.value.name() && path.is_none_or(|p| p == editing.value.path());
            let lower = new_name.to_string().to_ascii_lowercase();
            let mut moved = None;
            if lower != T::indexed(editing.value.name()) {
                let new_key = keys::name(T::NOUN, account, &lower)?;
                if self.store.get(&new_key).await?.is_some() {
                    return Err(DirectoryError::AlreadyExists(T::named(new_name)));
                }
                let Some(old_key) = self.own_name(&editing).await? else { continue };
                moved = Some((old_key, new_key));
            }
            let new_name = new_name.to_string();
            let common = T::common(&mut editing.record);
            common.name = new_name;
            if let Some(path) = path {
                common.path = path.to_string();
            }
            let too_large = editing.value.record_limit(&self.quotas);
            let mut commit = match is_same {
                true => editing.unchanged(),
                false => editing.rewrite().ok_or(too_large)?,
            };
            if let Some((old_key, new_key)) = moved {
                let id = id.to_string().into_bytes();
                commit = commit.absent(new_key.clone()).put(new_key, id).delete(old_key);
            }
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
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
    pub(crate) async fn deletion<T: Listed>(
        &self,
        editing: &Editing<T>,
    ) -> Result<Commit, DirectoryError> {
        // What went or was changed since it was read, the commit will find.
        let Some(name_key) = self.own_name(editing).await? else { return Ok(editing.unchanged()) };
        // As long as the record is unchanged, so is the index.
        let commit = editing.unchanged().delete(editing.key.clone()).delete(name_key);
        let read = (&editing.key, editing.revision);
        self.count_one_less(T::NOUN, editing.value.about().account, commit, read).await
    }

    /// The key of an entity's own name in the index; nothing when the entity was changed since it
    /// was read.
    ///
    /// SECURITY: a name that goes with a record must be its own, not that of another.
    async fn own_name<T: Listed>(
        &self,
        editing: &Editing<T>,
    ) -> Result<Option<Key>, DirectoryError> {
        let about = editing.value.about();
        let name = T::indexed(about.name);
        let key = keys::name(T::NOUN, about.account, &name)?;
        if self.id_by_name(T::NOUN, about.account, &name).await? == Some(about.id) {
            return Ok(Some(key));
        }
        // Either the entity went or was changed since it was read, or the index is damaged: while a
        // record is there its name leads to it.
        let now = self.edit_protected::<T>(about.account, about.id).await?;
        match now.revision == editing.revision {
            true => Err(corrupt(&key, "the index leads to another entity or nowhere")),
            false => Ok(None),
        }
    }

    /// Parses a record that is about to be written, so that what is written can be read.
    pub(crate) fn made<T: Stored>(&self, record: &T::Record) -> Result<T, DirectoryError> {
        T::from_record(record, self).map_err(DirectoryError::Refused)
    }
}
