//! The whole store checked: every record against its indexes, and every index against its record.
//!
//! It repairs nothing. Others must not write meanwhile: what they change between two reads would
//! be found as damage. Ring keys and revocations are looked at by the modules that they belong to.

mod buckets;
mod mfa_devices;
mod passwords;
mod policies;
mod profiles;
mod role_deletions;
mod saml_providers;
mod services;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::num::NonZeroU32;
use std::sync::Arc;

use daypass_federation::saml::Digest;
use daypass_names::{
    AccessKeyId, AccountAlias, AccountId, BucketName, Constrained, SamlId, ServiceName, UniqueId,
    UniqueIdKind,
};
use daypass_store::{Entry, Key, MAX_SCAN, StoreError};

use crate::access_keys::UNOPENED;
use crate::directory::{Stored, count_of, id_of};
use crate::findings::{Fault, Findings};
use crate::keys::{self, Kind, Noun, Total};
use crate::named::{Bounded, Holder, Listed};
use crate::{
    AccessKey, Account, Directory, DirectoryError, Group, InstanceProfile, KeyOwner, ManagedPolicy,
    MfaDevice, OidcProvider, PolicyUsage, Role, SamlProvider, Service, User, last_used, note,
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
    unreadable: BTreeSet<Noun>,
    /// The counts that are stored, and those that were made while walking.
    counts: BTreeMap<(Noun, AccountId), Tally>,
    /// The same of what has no name.
    totals: BTreeMap<(Total, AccountId), Tally>,
    /// The buckets of each account.
    buckets: BTreeMap<AccountId, Tally>,
    /// Whether the record of a bucket could not be read.
    has_unreadable_bucket: bool,
    members: HashMap<UniqueId, Tally>,
    attachments: HashMap<Counted, Tally>,
    boundaries: HashMap<Counted, Tally>,
}

/// A policy whose uses are counted: one of AWS for each account by itself.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
enum Counted {
    Aws(AccountId, UniqueId),
    Customers(UniqueId),
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
            totals: BTreeMap::new(),
            buckets: BTreeMap::new(),
            has_unreadable_bucket: false,
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
            Place::Account => self.account(key, entry).await,
            Place::ClosedAccount(account) => self.closed_account(key, entry, account).await,
            Place::Bucket => self.bucket(key).await,
            Place::AccountBucket(account, name) => {
                self.account_bucket(key, entry, account, &name).await
            }
            Place::BucketCount(account) => self.bucket_count(key, entry, account),
            Place::Service => self.service(key).await,
            Place::ServiceName(name) => self.service_name(key, entry, &name).await,
            Place::Entity(Noun::User) => self.user(key).await,
            Place::Entity(Noun::Group) => self.group(key).await,
            Place::Entity(Noun::Role) => self.role(key).await,
            Place::Entity(Noun::Policy) => self.policy(key).await,
            Place::Entity(Noun::InstanceProfile) => self.instance_profile(key).await,
            Place::Entity(Noun::MfaDevice) => self.mfa_device(key).await,
            Place::Entity(Noun::SamlProvider) => self.saml_provider(key).await,
            Place::SamlMetadata(provider, digest, number) => {
                self.saml_metadata(key, provider, digest, number).await
            }
            Place::SamlPrivateKey(provider, id) => {
                self.saml_private_key(key, entry, provider, &id).await
            }
            Place::Entity(Noun::OidcProvider) => self.named::<OidcProvider>(key).await.map(drop),
            Place::SamlUse => self.saml_use(key, entry),
            Place::RoleProfile(role, profile) => self.role_profile(key, role, profile).await,
            Place::AliasOf(account) => self.alias_of(key, entry, account).await,
            Place::Alias(alias) => self.alias(key, entry, &alias).await,
            Place::Name(noun, account, lower) => self.name(key, entry, noun, account, &lower).await,
            Place::Count(noun, account) => match count_of(key, entry) {
                Ok(count) => {
                    self.counts.entry((noun, account)).or_default().stored = count;
                    Ok(())
                }
                Err(error) => {
                    self.unreadable.insert(noun);
                    self.unread(key, error)
                }
            },
            Place::Total(total, account) => match count_of(key, entry) {
                Ok(stored) => {
                    let tally = self.totals.entry((total, account)).or_default();
                    (tally.stored, tally.is_there) = (stored, true);
                    Ok(())
                }
                Err(error) => self.unread(key, error),
            },
            Place::AccessKey => self.access_key(key).await,
            Place::LoginProfile => self.login_profile(key).await,
            Place::PasswordPolicy(account) => self.password_policy(key, entry, account).await,
            Place::StsPreferences(account) => self.sts_preferences(key, entry, account).await,
            Place::RoleDeletions(account) => self.role_deletions(key, entry, account).await,
            Place::Member(group, user) => self.member(key, group, user).await,
            Place::GroupSize(group) => self.group_size(key, entry, group).await,
            Place::Version(policy) => self.version(key, policy).await,
            Place::AwsUse(account, policy) => self.aws_use(key, entry, account, policy),
            Place::Use(usage, account, policy, kind, id) => {
                self.policy_use(key, usage, account, policy, kind, id).await
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
        let owner = KeyOwner::User(user.account, user.id);
        self.access_keys_of(key, owner, &user.access_keys).await?;
        self.mfa_devices_of(key, &user).await
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
            let tally = tallies.entry(Counted::Customers(policy.id)).or_default();
            (tally.stored, tally.is_there) = (stored, true);
        }
        let held = u32::try_from(policy.versions.len()).unwrap_or(u32::MAX);
        self.add_to_total(Total::PolicyVersions, policy.account, held);
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
            let counted = self.counted(key, value.account(), policy).await?;
            counted.one_more(&mut self.boundaries);
            let index = match counted {
                Counted::Aws(account, _) => keys::aws_boundaries(account, policy),
                Counted::Customers(_) => keys::boundaries(policy),
            };
            let index = keys::used_by(&index, T::KIND, value.id())?;
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
            let counted = self.counted(key, value.account(), *policy).await?;
            counted.one_more(&mut self.attachments);
            let index = match counted {
                Counted::Aws(account, _) => keys::aws_attachments(account, *policy),
                Counted::Customers(_) => keys::attachments(*policy),
            };
            let index = keys::used_by(&index, T::KIND, value.id())?;
            if self.directory.store.get(&index).await?.is_none() {
                self.findings.add(key, Fault::AttachmentUnindexed(*policy));
            }
        }
        Ok(Some(value))
    }

    /// What all entities have in common.
    async fn named<T: Listed>(&mut self, key: &Key) -> Result<Option<Arc<T>>, DirectoryError> {
        let value = match self.directory.find::<T>(key).await {
            Ok(Some(value)) => value,
            Ok(None) => return Ok(None),
            Err(error) => {
                self.unreadable.insert(T::NOUN);
                self.unread(key, error)?;
                return Ok(None);
            }
        };
        let (account, id) = (value.about().account, value.about().id);
        self.counts.entry((T::NOUN, account)).or_default().found += 1;
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        let name = keys::name(T::NOUN, account, &T::indexed(value.about().name))?;
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

    /// Where the uses of a policy that an entity has are counted. That it is there is looked at
    /// as well.
    async fn counted(
        &mut self,
        key: &Key,
        account: AccountId,
        id: UniqueId,
    ) -> Result<Counted, DirectoryError> {
        if self.directory.aws_managed.of_id(id).is_some() {
            return Ok(Counted::Aws(account, id));
        }
        let policy = self.load::<ManagedPolicy>(&keys::entity(Kind::Policy, id)?).await?;
        if policy.is(|policy| policy.account == account) {
            return Ok(Counted::Customers(id));
        }
        self.findings.add(key, Fault::PolicyMissing(id));
        // One of AWS may be gone from the table.
        Ok(match self.directory.is_aws_managed(account, id).await? {
            true => Counted::Aws(account, id),
            false => Counted::Customers(id),
        })
    }

    async fn name(
        &mut self,
        key: &Key,
        entry: &Entry,
        noun: Noun,
        account: AccountId,
        lower: &str,
    ) -> Result<(), DirectoryError> {
        let id = match id_of(key, entry) {
            Ok(id) => id,
            Err(error) => return self.unread(key, error),
        };
        let leads = match noun {
            Noun::Group => self.leads::<Group>(id, account, lower).await?,
            Noun::InstanceProfile => self.leads::<InstanceProfile>(id, account, lower).await?,
            Noun::MfaDevice => self.leads::<MfaDevice>(id, account, lower).await?,
            Noun::OidcProvider => self.leads::<OidcProvider>(id, account, lower).await?,
            Noun::Policy => self.leads::<ManagedPolicy>(id, account, lower).await?,
            Noun::Role => self.leads::<Role>(id, account, lower).await?,
            Noun::SamlProvider => self.leads::<SamlProvider>(id, account, lower).await?,
            Noun::User => self.leads::<User>(id, account, lower).await?,
        };
        if !leads {
            self.findings.add(key, Fault::NameOrphan);
        }
        Ok(())
    }

    /// Whether an id is that of an entity of the name.
    async fn leads<T: Listed>(
        &self,
        id: UniqueId,
        account: AccountId,
        lower: &str,
    ) -> Result<bool, DirectoryError> {
        let found = self.load::<T>(&keys::entity(T::NOUN, id)?).await?;
        Ok(found.is(|found| {
            let about = found.about();
            about.account == account && T::indexed(about.name) == lower
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
        let is_listed = match held.owner {
            KeyOwner::Root(account) => {
                let account = self.load::<Account>(&keys::account(account)?).await?;
                account.is(|account| account.root_access_keys.contains(&held.id))
            }
            KeyOwner::Service(service) => {
                let service = self.load::<Service>(&keys::service(service)?).await?;
                service.is(|service| service.access_keys.contains(&held.id))
            }
            KeyOwner::User(account, user) => {
                let user = self.load::<User>(&keys::entity(Kind::User, user)?).await?;
                user.is(|user| user.account == account && user.access_keys.contains(&held.id))
            }
        };
        if !is_listed {
            self.findings.add(key, Fault::AccessKeyUnlisted);
        }
        Ok(())
    }

    /// The access keys that an owner lists must be its own.
    async fn access_keys_of(
        &mut self,
        key: &Key,
        owner: KeyOwner,
        listed: &[AccessKeyId],
    ) -> Result<(), DirectoryError> {
        let mut met = BTreeSet::new();
        for id in listed {
            if !met.insert(id) {
                self.findings.add(key, Fault::AccessKeyTwice(id.clone()));
                continue;
            }
            let held = self.load::<AccessKey>(&keys::access_key(id)?).await?;
            if !held.is(|held| held.owner == owner) {
                self.findings.add(key, Fault::AccessKeyMissing(id.clone()));
            }
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
                self.unreadable.insert(Noun::User);
                return self.unread(key, error);
            }
        }
        if self.directory.store.get(&keys::entity(Kind::Group, group)?).await?.is_none() {
            self.findings.add(key, Fault::SizeOrphan);
        }
        Ok(())
    }

    async fn load<T: Stored>(&self, key: &Key) -> Result<Loaded<T>, DirectoryError> {
        match self.directory.find::<T>(key).await {
            Ok(Some(value)) => Ok(Loaded::There(value)),
            Ok(None) => Ok(Loaded::Absent),
            Err(DirectoryError::Corrupt { .. }) => Ok(Loaded::Unreadable),
            Err(error) => Err(error),
        }
    }

    /// Counts what a total counts.
    fn add_to_total(&mut self, total: Total, account: AccountId, found: u32) {
        let tally = self.totals.entry((total, account)).or_default();
        tally.found = tally.found.saturating_add(found);
    }

    /// A record that cannot be read is a finding; a store that fails ends the check.
    fn unread(&mut self, key: &Key, error: DirectoryError) -> Result<(), DirectoryError> {
        let DirectoryError::Corrupt { reason, .. } = error else { return Err(error) };
        self.findings.add(key, Fault::Unreadable(reason));
        Ok(())
    }

    /// Compares what was counted with what the counts say, when everything has been seen.
    fn tally(&mut self) -> Result<(), DirectoryError> {
        for ((noun, account), Tally { stored, found, .. }) in &self.counts {
            if stored != found && !self.unreadable.contains(noun) {
                let fault = Fault::Count { stored: *stored, found: *found };
                self.findings.add(&keys::count(*noun, *account)?, fault);
            }
        }
        // One that is not there was not kept yet by the release that wrote the store.
        for ((total, account), Tally { stored, found, is_there }) in &self.totals {
            if *is_there && stored != found && !self.unreadable.contains(&total.noun()) {
                let fault = Fault::Count { stored: *stored, found: *found };
                self.findings.add(&keys::total(*total, *account)?, fault);
            }
        }
        self.tally_buckets()?;
        let is_open = |nouns: &[Noun]| nouns.iter().any(|noun| self.unreadable.contains(noun));
        let mut wrong = Vec::new();
        if !is_open(&[Noun::User]) {
            for (group, Tally { stored, found, .. }) in wrong_of(&self.members) {
                let fault = Fault::MemberCount { stored: *stored, found: *found };
                wrong.push((keys::group_size(*group)?, fault));
            }
        }
        if !is_open(&[Noun::Group, Noun::Role, Noun::User]) {
            for (policy, Tally { stored, found, .. }) in wrong_of(&self.attachments) {
                let fault = Fault::AttachmentCount { stored: *stored, found: *found };
                wrong.push((policy.key()?, fault));
            }
        }
        if !is_open(&[Noun::Role, Noun::User]) {
            for (policy, Tally { stored, found, .. }) in wrong_of(&self.boundaries) {
                let fault = Fault::BoundaryCount { stored: *stored, found: *found };
                wrong.push((policy.key()?, fault));
            }
        }
        wrong.sort_by(|(one, _), (two, _)| one.cmp(two));
        for (key, fault) in wrong {
            self.findings.add(&key, fault);
        }
        Ok(())
    }
}

impl Counted {
    /// Where the count is kept.
    fn key(self) -> Result<Key, StoreError> {
        match self {
            Self::Aws(account, policy) => keys::aws_use(account, policy),
            Self::Customers(policy) => keys::entity(Kind::Policy, policy),
        }
    }

    /// Adds one use that was found.
    fn one_more(self, tallies: &mut HashMap<Self, Tally>) {
        // INVARIANT: the keys of the uses of AWS's policies come before those of users, groups and
        // roles. Where none was seen the count is that of nothing.
        let is_there = matches!(self, Self::Aws(..));
        let tally = tallies.entry(self).or_insert(Tally { is_there, ..Tally::default() });
        tally.found = tally.found.saturating_add(1);
    }
}

/// What was counted otherwise than it is stored.
fn wrong_of<K>(tallies: &HashMap<K, Tally>) -> impl Iterator<Item = (&K, &Tally)> {
    tallies.iter().filter(|(_, tally)| tally.is_there && tally.stored != tally.found)
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
    /// The account of an alias.
    Alias(AccountAlias),
    /// The alias of an account.
    AliasOf(AccountId),
    /// How often an account uses a policy of AWS.
    AwsUse(AccountId, UniqueId),
    /// That a bucket is an account's.
    AccountBucket(AccountId, BucketName),
    Bucket,
    /// How many buckets an account has.
    BucketCount(AccountId),
    /// That an account is closed.
    ClosedAccount(AccountId),
    Count(Noun, AccountId),
    /// Ring keys, revocations and notes: whoever they belong to reads them.
    Elsewhere,
    Entity(Noun),
    GroupSize(UniqueId),
    /// With the key of what was used.
    LastUsed(Key),
    LoginProfile,
    Member(UniqueId, UniqueId),
    Name(Noun, AccountId, String),
    PasswordPolicy(AccountId),
    StsPreferences(AccountId),
    RoleDeletions(AccountId),
    /// Of the role and the instance profile.
    RoleProfile(UniqueId, UniqueId),
    /// A part of the metadata of a provider, by the digest of the whole.
    SamlMetadata(UniqueId, Digest, usize),
    /// A private key of a provider.
    SamlPrivateKey(UniqueId, String),
    /// That an assertion of a provider was used, which may be gone meanwhile.
    SamlUse,
    Total(Total, AccountId),
    Service,
    ServiceName(ServiceName),
    /// With the account, for a policy of AWS.
    Use(PolicyUsage, Option<AccountId>, UniqueId, Kind, UniqueId),
    Version(UniqueId),
}

impl Place {
    fn of(key: &Key) -> Option<Self> {
        let text = std::str::from_utf8(key.as_bytes()).ok()?;
        let parts: Vec<&str> = text.split('/').collect();
        match parts.as_slice() {
            ["account", id] => AccountId::parse(id).ok().map(|_| Self::Account),
            ["closed-account", id] => AccountId::parse(id).ok().map(Self::ClosedAccount),
            ["bucket", name] => BucketName::parse(name).ok().map(|_| Self::Bucket),
            ["account-bucket", account, name] => Some(Self::AccountBucket(
                AccountId::parse(account).ok()?,
                BucketName::parse(name).ok()?,
            )),
            ["bucket-count", account] => AccountId::parse(account).ok().map(Self::BucketCount),
            ["service", id] => {
                let id = UniqueId::parse(id).ok()?;
                (id.kind() == UniqueIdKind::Service).then_some(Self::Service)
            }
            ["service-name", name] => ServiceName::parse(name).ok().map(Self::ServiceName),
            ["access-key", id] => AccessKeyId::parse(id).ok().map(|_| Self::AccessKey),
            ["login-profile", user] => id(Kind::User, user).map(|_| Self::LoginProfile),
            ["password-policy", account] => {
                AccountId::parse(account).ok().map(Self::PasswordPolicy)
            }
            ["sts-preferences", account] => {
                AccountId::parse(account).ok().map(Self::StsPreferences)
            }
            ["role-deletions", account] => AccountId::parse(account).ok().map(Self::RoleDeletions),
            ["group-member", group, user] => {
                Some(Self::Member(id(Kind::Group, group)?, id(Kind::User, user)?))
            }
            ["group-size", group] => Some(Self::GroupSize(id(Kind::Group, group)?)),
            ["policy-version", policy, number] => {
                number.parse::<NonZeroU32>().ok().filter(|n| n.to_string() == **number)?;
                Some(Self::Version(id(Kind::Policy, policy)?))
            }
            ["policy-attachment", policy, kind, holder] => {
                Self::of_use(PolicyUsage::Permissions, None, policy, kind, holder)
            }
            ["aws-policy-use", account, policy] => {
                Some(Self::AwsUse(AccountId::parse(account).ok()?, id(Kind::Policy, policy)?))
            }
            ["aws-policy-attachment", account, policy, kind, holder] => {
                let account = Some(AccountId::parse(account).ok()?);
                Self::of_use(PolicyUsage::Permissions, account, policy, kind, holder)
            }
            ["aws-policy-boundary", account, policy, kind, holder] => {
                let account = Some(AccountId::parse(account).ok()?);
                Self::of_use(PolicyUsage::Boundary, account, policy, kind, holder)
            }
            ["policy-boundary", policy, kind, holder] => {
                Self::of_use(PolicyUsage::Boundary, None, policy, kind, holder)
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
            ["account-alias", account] => AccountId::parse(account).ok().map(Self::AliasOf),
            ["alias", alias] => AccountAlias::parse(alias).ok().map(Self::Alias),
            ["role-profile", role, profile] => {
                Some(Self::RoleProfile(id(Noun::Role, role)?, id(Noun::InstanceProfile, profile)?))
            }
            ["saml-metadata", provider, digest, number] => {
                let digest = Digest::parse(digest)?;
                let part =
                    number.parse::<usize>().ok().filter(|n| format!("{n:03}") == **number)?;
                Some(Self::SamlMetadata(id(Noun::SamlProvider, provider)?, digest, part))
            }
            ["saml-private-key", provider, key] => {
                SamlId::parse(key).ok()?;
                Some(Self::SamlPrivateKey(id(Noun::SamlProvider, provider)?, (*key).to_owned()))
            }
            ["saml-use", provider, digest] => {
                Digest::parse(digest)?;
                id(Noun::SamlProvider, provider).map(|_| Self::SamlUse)
            }
            [word, account] if Total::ALL.iter().any(|total| total.word() == *word) => {
                let total = Total::ALL.into_iter().find(|total| total.word() == *word)?;
                Some(Self::Total(total, AccountId::parse(account).ok()?))
            }
            [word, rest @ ..] => {
                let (word, what) = match (word.strip_suffix("-count"), word.strip_suffix("-name")) {
                    (Some(word), _) => (word, "count"),
                    (_, Some(word)) => (word, "name"),
                    (None, None) => (*word, ""),
                };
                let noun = Noun::ALL.into_iter().find(|noun| noun.word() == word)?;
                match (what, rest) {
                    ("", [entity]) => id(noun, entity).map(|_| Self::Entity(noun)),
                    ("count", [account]) => {
                        Some(Self::Count(noun, AccountId::parse(account).ok()?))
                    }
                    ("name", [account, lower]) => {
                        let account = AccountId::parse(account).ok()?;
                        Some(Self::Name(noun, account, (*lower).to_owned()))
                    }
                    _ => None,
                }
            }
            [] => None,
        }
    }

    fn of_use(
        usage: PolicyUsage,
        account: Option<AccountId>,
        policy: &str,
        kind: &str,
        holder: &str,
    ) -> Option<Self> {
        let kind = Kind::ALL.into_iter().find(|of| of.word() == kind)?;
        Some(Self::Use(usage, account, id(Kind::Policy, policy)?, kind, id(kind, holder)?))
    }
}

/// An id that must be of a kind.
fn id(noun: impl Into<Noun>, text: &str) -> Option<UniqueId> {
    let kind = noun.into().ids();
    UniqueId::parse(text).ok().filter(|id| id.kind() == kind)
}
