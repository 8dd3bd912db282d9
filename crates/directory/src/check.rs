//! The whole store checked: every record against its indexes, and every index against its record.
//!
//! It repairs nothing. Others must not write meanwhile: what they change between two reads would
//! be found as damage. Ring keys and revocations are looked at by the modules that they belong to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_names::{AccessKeyId, AccountId, Constrained, UniqueId};
use daypass_store::{Entry, Key, MAX_SCAN};

use crate::access_keys::UNOPENED;
use crate::directory::{Stored, count_of, id_of};
use crate::findings::{Fault, Findings};
use crate::keys::{self, Kind};
use crate::named::{Bounded, Holder, Named};
use crate::{
    AccessKey, Directory, DirectoryError, Group, ManagedPolicy, PolicyUsage, PolicyVersion, Role,
    User, accounts, last_used, note,
};

impl Directory {
    /// Looks at every entry of the store; see [`Findings`].
    ///
    /// It reads everything, page by page, and may take long. Only what is at rest can be checked.
    ///
    /// # Errors
    /// [`DirectoryError::Store`]: what was not read was not checked.
    pub async fn check(&self) -> Result<Findings, DirectoryError> {
        let mut walk = Walk::new(self);
        let mut after = None;
        loop {
            let page = self.store.scan(b"", after.as_ref(), MAX_SCAN).await?;
            for (key, entry) in &page {
                walk.entry(key, entry).await?;
            }
            if page.len() < MAX_SCAN {
                walk.tally()?;
                return Ok(walk.findings);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }
}

struct Walk<'a> {
    directory: &'a Directory,
    findings: Findings,
    /// Kinds of which a record could not be read: what they count towards is open.
    unreadable: BTreeSet<Kind>,
    /// The counts that are stored, and those that were made while walking.
    counts: BTreeMap<(Kind, AccountId), Tally>,
    members: HashMap<UniqueId, Tally>,
    attachments: HashMap<UniqueId, Tally>,
    boundaries: HashMap<UniqueId, Tally>,
}

#[derive(Clone, Copy, Default)]
struct Tally {
    stored: u32,
    found: u32,
    /// Whether what is counted for, such as the group, was found.
    is_there: bool,
}

/// A record that something leads to.
enum Loaded<T> {
    Absent,
    /// It is found, and told, under its own key.
    Unreadable,
    There(Arc<T>),
}

impl<'a> Walk<'a> {
    fn new(directory: &'a Directory) -> Self {
        Self {
            directory,
            findings: Findings::default(),
            unreadable: BTreeSet::new(),
            counts: BTreeMap::new(),
            members: HashMap::new(),
            attachments: HashMap::new(),
            boundaries: HashMap::new(),
        }
    }

    async fn entry(&mut self, key: &Key, entry: &Entry) -> Result<(), DirectoryError> {
        self.findings.checked = self.findings.checked.saturating_add(1);
        let Some(place) = Place::of(key) else {
            self.findings.add(key, Fault::UnknownKey);
            return Ok(());
        };
        match place {
            Place::Account => match accounts::parse(key, entry) {
                Ok(_) => Ok(()),
                Err(error) => self.unread(key, error),
            },
            Place::Entity(Kind::User) => self.user(key).await,
            Place::Entity(Kind::Group) => self.group(key).await,
            Place::Entity(Kind::Role) => self.role(key).await,
            Place::Entity(Kind::Policy) => self.policy(key).await,
            Place::Name(kind, account, lower) => self.name(key, entry, kind, account, &lower).await,
            Place::Count(kind, account) => match count_of(key, entry) {
                Ok(count) => {
                    self.counts.entry((kind, account)).or_default().stored = count;
                    Ok(())
                }
                Err(error) => {
                    self.unreadable.insert(kind);
                    self.unread(key, error)
                }
            },
            Place::AccessKey => self.access_key(key).await,
            Place::Member(group, user) => self.member(key, group, user).await,
            Place::GroupSize(group) => self.group_size(key, entry, group).await,
            Place::Version(policy) => self.version(key, policy).await,
            Place::Use(usage, policy, kind, id) => {
                self.policy_use(key, usage, policy, kind, id).await
            }
            Place::LastUsed(subject) => {
                if let Err(error) = last_used::parse(key, entry) {
                    return self.unread(key, error);
                }
                if self.directory.store.get(&subject).await?.is_none() {
                    self.findings.add(key, Fault::LastUsedOrphan);
                }
                Ok(())
            }
            Place::Elsewhere => Ok(()),
        }
    }

    async fn user(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let Some(user) = self.bounded::<User>(key).await? else { return Ok(()) };
        for id in &user.groups {
            self.members.entry(*id).or_default().found += 1;
            let group = self.load::<Group>(&keys::entity(Kind::Group, *id)?).await?;
            if !group.is(|group| group.account == user.account) {
                self.findings.add(key, Fault::GroupMissing(*id));
            }
            let index = keys::member(*id, &user.id.to_string())?;
            if self.directory.store.get(&index).await?.is_none() {
                self.findings.add(key, Fault::MemberUnindexed(*id));
            }
        }
        for id in &user.access_keys {
            let held = self.load::<AccessKey>(&keys::access_key(id)?).await?;
            if !held.is(|held| held.user == user.id) {
                self.findings.add(key, Fault::AccessKeyMissing(id.clone()));
            }
        }
        Ok(())
    }

    async fn role(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let Some(role) = self.bounded::<Role>(key).await? else { return Ok(()) };
        if role.trust.policy.fault().is_some() {
            self.findings.add(key, Fault::DeniesEverything("trust policy".to_owned()));
        }
        Ok(())
    }

    async fn group(&mut self, key: &Key) -> Result<(), DirectoryError> {
        if let Some(group) = self.holder::<Group>(key).await? {
            self.members.entry(group.id).or_default().is_there = true;
        }
        Ok(())
    }

    async fn policy(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let Some(policy) = self.named::<ManagedPolicy>(key).await? else { return Ok(()) };
        let counts = [
            (&mut self.attachments, policy.attachments),
            (&mut self.boundaries, policy.boundaries),
        ];
        for (tallies, stored) in counts {
            let tally = tallies.entry(policy.id).or_default();
            (tally.stored, tally.is_there) = (stored, true);
        }
        for version in &policy.versions {
            let number = crate::versions::number(&version.id).unwrap_or(NonZeroU32::MIN);
            let document = keys::policy_version(policy.id, number)?;
            if self.directory.store.get(&document).await?.is_none() {
                self.findings.add(key, Fault::VersionMissing(version.id.clone()));
            }
        }
        Ok(())
    }

    /// What users and roles have in common.
    async fn bounded<T: Bounded>(&mut self, key: &Key) -> Result<Option<Arc<T>>, DirectoryError> {
        let Some(value) = self.holder::<T>(key).await? else { return Ok(None) };
        if let Some(policy) = value.boundary() {
            self.boundaries.entry(policy).or_default().found += 1;
            self.policy_is_there(key, value.account(), policy).await?;
            let index = keys::boundary(policy, T::KIND, value.id())?;
            if self.directory.store.get(&index).await?.is_none() {
                self.findings.add(key, Fault::BoundaryUnindexed(policy));
            }
        }
        Ok(Some(value))
    }

    /// What users, groups and roles have in common.
    async fn holder<T: Holder>(&mut self, key: &Key) -> Result<Option<Arc<T>>, DirectoryError> {
        let Some(value) = self.named::<T>(key).await? else { return Ok(None) };
        for inline in value.policies() {
            if inline.policy.fault().is_some() {
                self.findings.add(key, Fault::DeniesEverything(inline.name.to_string()));
            }
        }
        for policy in value.attached() {
            self.attachments.entry(*policy).or_default().found += 1;
            self.policy_is_there(key, value.account(), *policy).await?;
            let index = keys::attachment(*policy, T::KIND, value.id())?;
            if self.directory.store.get(&index).await?.is_none() {
                self.findings.add(key, Fault::AttachmentUnindexed(*policy));
            }
        }
        Ok(Some(value))
    }

    /// What all entities have in common.
    async fn named<T: Named>(&mut self, key: &Key) -> Result<Option<Arc<T>>, DirectoryError> {
        let value = match self.directory.find::<T>(key).await {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.unreadable.insert(T::KIND);
                self.unread(key, error)?;
                return Ok(None);
            }
        };
        let (account, id) = (value.account(), value.id());
        self.counts.entry((T::KIND, account)).or_default().found += 1;
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        let lower = value.name().to_string().to_ascii_lowercase();
        let name = keys::name(T::KIND, account, &lower)?;
        match self.directory.store.get(&name).await? {
            None => self.findings.add(key, Fault::NameMissing),
            // One that is no id is told under its own key.
            Some(entry) => {
                if let Some(other) = id_of(&name, &entry).ok().filter(|other| *other != id) {
                    self.findings.add(key, Fault::NameElsewhere(other));
                }
            }
        }
        Ok(Some(value))
    }

    async fn policy_is_there(
        &mut self,
        key: &Key,
        account: AccountId,
        id: UniqueId,
    ) -> Result<(), DirectoryError> {
        let policy = self.load::<ManagedPolicy>(&keys::entity(Kind::Policy, id)?).await?;
        if !policy.is(|policy| policy.account == account) {
            self.findings.add(key, Fault::PolicyMissing(id));
        }
        Ok(())
    }

    async fn name(
        &mut self,
        key: &Key,
        entry: &Entry,
        kind: Kind,
        account: AccountId,
        lower: &str,
    ) -> Result<(), DirectoryError> {
        let id = match id_of(key, entry) {
            Ok(id) => id,
            Err(error) => return self.unread(key, error),
        };
        let leads = match kind {
            Kind::Group => self.leads::<Group>(id, account, lower).await?,
            Kind::Policy => self.leads::<ManagedPolicy>(id, account, lower).await?,
            Kind::Role => self.leads::<Role>(id, account, lower).await?,
            Kind::User => self.leads::<User>(id, account, lower).await?,
        };
        if !leads {
            self.findings.add(key, Fault::NameOrphan);
        }
        Ok(())
    }

    /// Whether an id is that of an entity of the name.
    async fn leads<T: Named>(
        &self,
        id: UniqueId,
        account: AccountId,
        lower: &str,
    ) -> Result<bool, DirectoryError> {
        let found = self.load::<T>(&keys::entity(T::KIND, id)?).await?;
        Ok(found.is(|found| {
            found.account() == account && found.name().to_string().to_ascii_lowercase() == lower
        }))
    }

    async fn access_key(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let held = match self.directory.find::<AccessKey>(key).await {
            Ok(Some(held)) => held,
            Ok(None) => return Ok(()),
            Err(DirectoryError::Corrupt { reason, .. }) if reason == UNOPENED => {
                self.findings.add(key, Fault::SecretUnopened);
                return Ok(());
            }
            Err(error) => return self.unread(key, error),
        };
        let user = self.load::<User>(&keys::entity(Kind::User, held.user)?).await?;
        if !user.is(|user| user.account == held.account && user.access_keys.contains(&held.id)) {
            self.findings.add(key, Fault::AccessKeyUnlisted);
        }
        Ok(())
    }

    async fn member(
        &mut self,
        key: &Key,
        group: UniqueId,
        user: UniqueId,
    ) -> Result<(), DirectoryError> {
        let user = self.load::<User>(&keys::entity(Kind::User, user)?).await?;
        if !user.is(|user| user.groups.contains(&group)) {
            self.findings.add(key, Fault::MemberOrphan);
        }
        Ok(())
    }

    async fn group_size(
        &mut self,
        key: &Key,
        entry: &Entry,
        group: UniqueId,
    ) -> Result<(), DirectoryError> {
        match count_of(key, entry) {
            Ok(size) => self.members.entry(group).or_default().stored = size,
            Err(error) => {
                self.unreadable.insert(Kind::User);
                return self.unread(key, error);
            }
        }
        if self.directory.store.get(&keys::entity(Kind::Group, group)?).await?.is_none() {
            self.findings.add(key, Fault::SizeOrphan);
        }
        Ok(())
    }

    async fn version(&mut self, key: &Key, policy: UniqueId) -> Result<(), DirectoryError> {
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

    async fn policy_use(
        &mut self,
        key: &Key,
        usage: PolicyUsage,
        policy: UniqueId,
        kind: Kind,
        id: UniqueId,
    ) -> Result<(), DirectoryError> {
        let record = keys::entity(kind, id)?;
        let (holds, fault) = match usage {
            PolicyUsage::Boundary => {
                let bounds = Some(policy);
                let holds = match kind {
                    Kind::Role => self.load::<Role>(&record).await?.is(|r| r.boundary == bounds),
                    Kind::User => self.load::<User>(&record).await?.is(|u| u.boundary == bounds),
                    Kind::Group | Kind::Policy => false,
                };
                (holds, Fault::BoundaryOrphan)
            }
            PolicyUsage::Permissions => {
                let holds = match kind {
                    Kind::Group => self.attached::<Group>(&record, policy).await?,
                    Kind::Role => self.attached::<Role>(&record, policy).await?,
                    Kind::User => self.attached::<User>(&record, policy).await?,
                    Kind::Policy => false,
                };
                (holds, Fault::AttachmentOrphan)
            }
        };
        if !holds {
            self.findings.add(key, fault);
        }
        Ok(())
    }

    async fn attached<T: Holder>(
        &self,
        record: &Key,
        policy: UniqueId,
    ) -> Result<bool, DirectoryError> {
        Ok(self.load::<T>(record).await?.is(|holder| holder.attached().contains(&policy)))
    }

    async fn load<T: Stored>(&self, key: &Key) -> Result<Loaded<T>, DirectoryError> {
        match self.directory.find::<T>(key).await {
            Ok(Some(value)) => Ok(Loaded::There(value)),
            Ok(None) => Ok(Loaded::Absent),
            Err(DirectoryError::Corrupt { .. }) => Ok(Loaded::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// A record that cannot be read is a finding; a store that fails ends the check.
    fn unread(&mut self, key: &Key, error: DirectoryError) -> Result<(), DirectoryError> {
        let DirectoryError::Corrupt { reason, .. } = error else { return Err(error) };
        self.findings.add(key, Fault::Unreadable(reason));
        Ok(())
    }

    /// Compares what was counted with what the counts say, when everything has been seen.
    fn tally(&mut self) -> Result<(), DirectoryError> {
        for ((kind, account), Tally { stored, found, .. }) in &self.counts {
            if stored != found && !self.unreadable.contains(kind) {
                let fault = Fault::Count { stored: *stored, found: *found };
                self.findings.add(&keys::count(*kind, *account)?, fault);
            }
        }
        let is_open = |kinds: &[Kind]| kinds.iter().any(|kind| self.unreadable.contains(kind));
        let is_wrong =
            |(_, tally): &(&UniqueId, &Tally)| tally.is_there && tally.stored != tally.found;
        let mut wrong = Vec::new();
        if !is_open(&[Kind::User]) {
            for (group, Tally { stored, found, .. }) in self.members.iter().filter(is_wrong) {
                let fault = Fault::MemberCount { stored: *stored, found: *found };
                wrong.push((keys::group_size(*group)?, fault));
            }
        }
        if !is_open(&[Kind::Group, Kind::Role, Kind::User]) {
            for (policy, Tally { stored, found, .. }) in self.attachments.iter().filter(is_wrong) {
                let fault = Fault::AttachmentCount { stored: *stored, found: *found };
                wrong.push((keys::entity(Kind::Policy, *policy)?, fault));
            }
        }
        if !is_open(&[Kind::Role, Kind::User]) {
            for (policy, Tally { stored, found, .. }) in self.boundaries.iter().filter(is_wrong) {
                let fault = Fault::BoundaryCount { stored: *stored, found: *found };
                wrong.push((keys::entity(Kind::Policy, *policy)?, fault));
            }
        }
        wrong.sort_by(|(one, _), (two, _)| one.cmp(two));
        for (key, fault) in wrong {
            self.findings.add(&key, fault);
        }
        Ok(())
    }
}

impl<T> Loaded<T> {
    /// Whether the record is there and fits; one that cannot be read is not held against others.
    fn is(&self, fits: impl FnOnce(&T) -> bool) -> bool {
        match self {
            Self::Absent => false,
            Self::Unreadable => true,
            Self::There(value) => fits(value),
        }
    }
}

/// What a key is the key of.
enum Place {
    AccessKey,
    Account,
    Count(Kind, AccountId),
    /// Ring keys, revocations and notes: whoever they belong to reads them.
    Elsewhere,
    Entity(Kind),
    GroupSize(UniqueId),
    /// With the key of what was used.
    LastUsed(Key),
    Member(UniqueId, UniqueId),
    Name(Kind, AccountId, String),
    Use(PolicyUsage, UniqueId, Kind, UniqueId),
    Version(UniqueId),
}

impl Place {
    fn of(key: &Key) -> Option<Self> {
        let text = std::str::from_utf8(key.as_bytes()).ok()?;
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["account", id] => AccountId::parse(id).ok().map(|_| Self::Account),
            ["access-key", id] => AccessKeyId::parse(id).ok().map(|_| Self::AccessKey),
            ["group-member", group, user] => {
                Some(Self::Member(id(Kind::Group, group)?, id(Kind::User, user)?))
            }
            ["group-size", group] => Some(Self::GroupSize(id(Kind::Group, group)?)),
            ["policy-version", policy, number] => {
                number.parse::<NonZeroU32>().ok().filter(|n| n.to_string() == **number)?;
                Some(Self::Version(id(Kind::Policy, policy)?))
            }
            ["policy-attachment", policy, kind, holder] => {
                Self::of_use(PolicyUsage::Permissions, policy, kind, holder)
            }
            ["policy-boundary", policy, kind, holder] => {
                Self::of_use(PolicyUsage::Boundary, policy, kind, holder)
            }
            ["last-used", "access-key", id] => {
                let id = AccessKeyId::parse(id).ok()?;
                keys::access_key(&id).ok().map(Self::LastUsed)
            }
            ["last-used", "role", role] => {
                keys::entity(Kind::Role, id(Kind::Role, role)?).ok().map(Self::LastUsed)
            }
            ["outbox", note] => note::is_place(note).then_some(Self::Elsewhere),
            ["ring", ..] | ["revocation", _] | ["revocation-count"] => Some(Self::Elsewhere),
            [word, rest @ ..] => {
                let (word, what) = word.split_once('-').unwrap_or((word, ""));
                let kind = Kind::ALL.into_iter().find(|kind| kind.word() == word)?;
                match (what, rest) {
                    ("", [entity]) => id(kind, entity).map(|_| Self::Entity(kind)),
                    ("count", [account]) => {
                        Some(Self::Count(kind, AccountId::parse(account).ok()?))
                    }
                    ("name", [account, lower]) => {
                        let account = AccountId::parse(account).ok()?;
                        Some(Self::Name(kind, account, (*lower).to_owned()))
                    }
                    _ => None,
                }
            }
            [] => None,
        }
    }

    fn of_use(usage: PolicyUsage, policy: &str, kind: &str, holder: &str) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|of| of.word() == kind)?;
        Some(Self::Use(usage, id(Kind::Policy, policy)?, kind, id(kind, holder)?))
    }
}

/// An id that must be of a kind.
fn id(kind: Kind, text: &str) -> Option<UniqueId> {
    UniqueId::parse(text).ok().filter(|id| Kind::of(*id) == Some(kind))
}
