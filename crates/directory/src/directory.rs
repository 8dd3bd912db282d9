//! The directory itself: its store, and how records become entities and back.

use std::sync::Arc;

use daypass_names::{AccountId, Partition, UniqueId};
use daypass_store::{Commit, Entry, Key, MAX_VALUE, Revision, Store, StoreError};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{Mutex, MutexGuard, Notify, RwLock};

use crate::aws_managed::AwsManaged;
use crate::cache::Cache;
use crate::closing::Closed;
use crate::keys::{self, Noun};
use crate::last_used::Uses;
use crate::mfa_devices::Guesses as CodeGuesses;
use crate::passwords::{Guesses, Hashing};
use crate::revocations::Revocations;
use crate::{
    AccessKey, Account, AwsManagedPolicies, Bucket, DataKeys, DirectoryError, Entity, Group,
    InstanceProfile, Limit, LoginProfile, ManagedPolicy, MfaDevice, OidcProvider, PolicyVersion,
    Quotas, Role, SamlProvider, Service, User,
};

/// How often a change is tried when others commit to the same keys in between.
pub(crate) const ATTEMPTS: usize = 8;

/// So many turns there are for all accounts; a prime number spreads them.
const TURNS: usize = 61;

/// Who exists and what is attached to whom.
///
/// Shared by reference; several may work on one store at once, in one process or in many.
#[derive(Debug)]
pub struct Directory {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) data_keys: DataKeys,
    pub(crate) revocations: Revocations,
    pub(crate) partition: Partition,
    pub(crate) quotas: Quotas,
    pub(crate) aws_managed: AwsManaged,
    /// See [`Directory::counting`].
    turns: [Mutex<()>; TURNS],
    /// Held shared by every noted write from before its note is asked for, which may refuse it,
    /// until the store has answered; a revocation waits for it alone before it answers. No read
    /// takes it.
    pub(crate) writing: Arc<RwLock<()>>,
    pub(crate) accounts: Cache<Account>,
    pub(crate) services: Cache<Service>,
    pub(crate) buckets: Cache<Bucket>,
    pub(crate) closed: Closed,
    pub(crate) users: Cache<User>,
    pub(crate) groups: Cache<Group>,
    pub(crate) roles: Cache<Role>,
    pub(crate) instance_profiles: Cache<InstanceProfile>,
    pub(crate) mfa_devices: Cache<MfaDevice>,
    pub(crate) oidc_providers: Cache<OidcProvider>,
    pub(crate) saml_providers: Cache<SamlProvider>,
    pub(crate) managed_policies: Cache<ManagedPolicy>,
    pub(crate) policy_versions: Cache<PolicyVersion>,
    pub(crate) access_keys: Cache<AccessKey>,
    pub(crate) login_profiles: Cache<LoginProfile>,
    /// Where passwords are hashed: off the threads that serve requests.
    pub(crate) hashing: Hashing,
    pub(crate) code_guesses: CodeGuesses,
    /// Told of every commit with a note.
    pub(crate) outbox: Notify,
    /// What was used since the last flush.
    pub(crate) uses: Uses,
    /// Who showed wrong codes of which MFA device.
    pub(crate) guesses: Guesses,
}

/// Something that the store holds as one record, and that is parsed and kept.
pub(crate) trait Stored: Sized {
    type Record: Serialize + DeserializeOwned;

    /// Parses a record; the error says what is wrong with it.
    fn from_record(record: &Self::Record, directory: &Directory) -> Result<Self, String>;

    /// The key that the record must lie under.
    fn key(&self) -> Result<Key, StoreError>;

    fn cache(directory: &Directory) -> &Cache<Self>;

    /// Tells it which commit wrote its record, where that is of interest.
    fn read_at(&mut self, _revision: Revision) {}
}

/// A record that is about to be changed, what it says, and the revision that it was read at.
pub(crate) struct Editing<T: Stored> {
    pub(crate) key: Key,
    pub(crate) revision: Revision,
    pub(crate) record: T::Record,
    pub(crate) value: T,
}

impl Directory {
    /// A directory on `store`. `data_keys` seal the secrets in it; `partition` stands in the ARNs.
    ///
    /// Its revocations have not been read: until [`Directory::load_revocations`] has done so,
    /// [`Directory::revocations`] answers with an error.
    pub fn new(
        store: Arc<dyn Store>,
        data_keys: impl Into<DataKeys>,
        partition: Partition,
    ) -> Self {
        Self {
            store,
            data_keys: data_keys.into(),
            revocations: Revocations::default(),
            partition,
            quotas: Quotas::default(),
            aws_managed: AwsManaged::new(AwsManagedPolicies::built_in(), partition),
            turns: [const { Mutex::const_new(()) }; TURNS],
            writing: Arc::default(),
            accounts: Cache::new(),
            services: Cache::new(),
            buckets: Cache::new(),
            closed: Closed::default(),
            users: Cache::new(),
            groups: Cache::new(),
            roles: Cache::new(),
            instance_profiles: Cache::new(),
            mfa_devices: Cache::new(),
            oidc_providers: Cache::new(),
            saml_providers: Cache::new(),
            managed_policies: Cache::new(),
            policy_versions: Cache::new(),
            access_keys: Cache::new(),
            login_profiles: Cache::new(),
            hashing: Hashing::default(),
            code_guesses: CodeGuesses::default(),
            outbox: Notify::new(),
            uses: Uses::default(),
            guesses: Guesses::default(),
        }
    }

    /// The same directory with other quotas.
    #[must_use]
    pub fn with_quotas(self, quotas: Quotas) -> Self {
        Self { quotas, ..self }
    }

    /// The same directory with other AWS managed policies than those that come with the program.
    ///
    /// SECURITY: one that is left out although somebody has it denies that user or role
    /// everything, as a policy that cannot be read does.
    #[must_use]
    pub fn with_aws_managed(self, policies: AwsManagedPolicies) -> Self {
        Self { aws_managed: AwsManaged::new(policies, self.partition), ..self }
    }

    /// The quotas of every account.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The partition of all ARNs.
    pub fn partition(&self) -> Partition {
        self.partition
    }

    /// Waits for the turn of a call that changes how many there are of something in an account. Such
    /// calls all write the counter of their account, group or policy, so that side by side they
    /// would only make each other try again; what keeps the count right is the compare-and-commit.
    /// No read waits, and few accounts share turns.
    pub(crate) async fn counting(&self, account: AccountId) -> MutexGuard<'_, ()> {
        let number = account.as_str().bytes().fold(0_usize, |number, digit| {
            (number * 10 + usize::from(digit.saturating_sub(b'0'))) % TURNS
        });
        let [first, ..] = &self.turns;
        self.turns.get(number).unwrap_or(first).lock().await
    }

    /// The entity under `key`, from memory when the record has not changed.
    pub(crate) async fn find<T: Stored>(
        &self,
        key: &Key,
    ) -> Result<Option<Arc<T>>, DirectoryError> {
        let Some(entry) = self.store.get(key).await? else {
            T::cache(self).forget(key);
            return Ok(None);
        };
        if let Some(value) = T::cache(self).at(key, entry.revision) {
            return Ok(Some(value));
        }
        let (_, value) = self.parse::<T>(key, &entry)?;
        let value = Arc::new(value);
        T::cache(self).keep(key.clone(), entry.revision, entry.value.len(), Arc::clone(&value));
        Ok(Some(value))
    }

    /// The record under `key`, to be changed.
    pub(crate) async fn edit<T: Stored>(
        &self,
        key: Key,
    ) -> Result<Option<Editing<T>>, DirectoryError> {
        let Some(entry) = self.store.get(&key).await? else { return Ok(None) };
        let (record, value) = self.parse::<T>(&key, &entry)?;
        Ok(Some(Editing { key, revision: entry.revision, record, value }))
    }

    pub(crate) fn parse<T: Stored>(
        &self,
        key: &Key,
        entry: &Entry,
    ) -> Result<(T::Record, T), DirectoryError> {
        let record = decode::<T::Record>(key, entry)?;
        let mut value = T::from_record(&record, self).map_err(|reason| corrupt(key, reason))?;
        value.read_at(entry.revision);
        // SECURITY: a record that was moved to another key must not lend its rights to it.
        if value.key()? != *key {
            return Err(corrupt(key, "the record belongs to another key"));
        }
        Ok((record, value))
    }

    /// The id that the index holds for a name, which is given as the index has it.
    pub(crate) async fn id_by_name(
        &self,
        noun: Noun,
        account: AccountId,
        indexed: &str,
    ) -> Result<Option<UniqueId>, DirectoryError> {
        let key = keys::name(noun, account, indexed)?;
        match self.store.get(&key).await? {
            Some(entry) => id_of(&key, &entry).map(Some),
            None => Ok(None),
        }
    }

    /// Adds to `commit` that one more of a kind is there, unless the account is full and as many
    /// as `beyond` its quota are there as well.
    pub(crate) async fn count_one_more(
        &self,
        noun: Noun,
        account: AccountId,
        beyond: u32,
        commit: Commit,
    ) -> Result<Commit, DirectoryError> {
        let quotas = &self.quotas;
        let (max, limit): (u32, fn(u32) -> Limit) = match noun {
            Noun::Group => (quotas.groups, Limit::GroupsPerAccount),
            Noun::InstanceProfile => (quotas.instance_profiles, Limit::InstanceProfilesPerAccount),
            Noun::MfaDevice => (quotas.users, Limit::VirtualMfaDevicesPerAccount),
            Noun::OidcProvider => (quotas.oidc_providers, Limit::OidcProvidersPerAccount),
            Noun::Policy => (quotas.policies, Limit::PoliciesPerAccount),
            Noun::Role => (quotas.roles, Limit::RolesPerAccount),
            Noun::SamlProvider => (quotas.saml_providers, Limit::SamlProvidersPerAccount),
            Noun::User => (quotas.users, Limit::UsersPerAccount),
        };
        let key = keys::count(noun, account)?;
        let (count, commit) = match self.store.get(&key).await? {
            None => (0, commit.absent(key.clone())),
            Some(entry) => (count_of(&key, &entry)?, commit.unchanged(key.clone(), entry.revision)),
        };
        if count >= max.saturating_add(beyond) {
            return Err(DirectoryError::LimitExceeded(limit(max)));
        }
        Ok(commit.put(key, count.saturating_add(1).to_string().into_bytes()))
    }

    /// Adds to `commit` that one of a kind is gone, which was read and must be unchanged for it.
    pub(crate) async fn count_one_less(
        &self,
        noun: Noun,
        account: AccountId,
        commit: Commit,
        read: (&Key, Revision),
    ) -> Result<Commit, DirectoryError> {
        let key = keys::count(noun, account)?;
        let (count, revision) = self.counted(&key).await?;
        let Some(count) = count.checked_sub(1) else {
            self.require_overtaken(&key, read).await?;
            return Ok(commit);
        };
        Ok(commit.unchanged(key.clone(), revision).put(key, count.to_string().into_bytes()))
    }

    /// Fails when a count is lower than what there is. It may be right, and what was read gone or
    /// changed since: the commit will find that.
    pub(crate) async fn require_overtaken(
        &self,
        count: &Key,
        (key, revision): (&Key, Revision),
    ) -> Result<(), DirectoryError> {
        // What is as it was read was so all the time, and was to be counted.
        match self.store.get(key).await?.is_some_and(|now| now.revision == revision) {
            true => Err(corrupt(count, "there are more than were counted")),
            false => Ok(()),
        }
    }

    /// A count that must be there, and the revision that it was read at.
    pub(crate) async fn counted(&self, key: &Key) -> Result<(u32, Revision), DirectoryError> {
        let Some(entry) = self.store.get(key).await? else {
            return Err(corrupt(key, "the count is missing"));
        };
        Ok((count_of(key, &entry)?, entry.revision))
    }

    /// Fails unless we hold the account.
    pub(crate) async fn require_account(&self, id: AccountId) -> Result<(), DirectoryError> {
        match self.holds_account(id).await? {
            true => Ok(()),
            false => Err(DirectoryError::NotFound(Entity::Account(id))),
        }
    }

    pub(crate) async fn holds_account(&self, id: AccountId) -> Result<bool, DirectoryError> {
        Ok(self.store.get(&keys::account(id)?).await?.is_some())
    }
}

/// The bytes of a record, or nothing if it is larger than a value may be.
pub(crate) fn encode<R: Serialize>(record: &R) -> Option<Vec<u8>> {
    serde_json::to_vec(record).ok().filter(|bytes| bytes.len() <= MAX_VALUE)
}

pub(crate) fn decode<R: DeserializeOwned>(key: &Key, entry: &Entry) -> Result<R, DirectoryError> {
    serde_json::from_slice(&entry.value).map_err(|error| corrupt(key, error.to_string()))
}

pub(crate) fn corrupt(key: &Key, reason: impl Into<String>) -> DirectoryError {
    DirectoryError::Corrupt { key: key.clone(), reason: reason.into() }
}

/// The id in an entry of a name index.
pub(crate) fn id_of(key: &Key, entry: &Entry) -> Result<UniqueId, DirectoryError> {
    let text = std::str::from_utf8(&entry.value).ok();
    let id = text.and_then(|text| UniqueId::parse(text).ok());
    id.ok_or_else(|| corrupt(key, "the index does not hold an id"))
}

pub(crate) fn count_of(key: &Key, entry: &Entry) -> Result<u32, DirectoryError> {
    let text = std::str::from_utf8(&entry.value).ok();
    text.and_then(|text| text.parse().ok()).ok_or_else(|| corrupt(key, "the count is no number"))
}
