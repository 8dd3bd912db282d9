//! Service identities: services that an operator registered, each for some accounts.
//!
//! A service is an entity of the deployment and of no account. It has access keys of its own, and
//! may do no more than assume roles that trust one of its principals, in its accounts only; that
//! is for whoever authorises. What it is registered for never changes: another registration is
//! another service, with an id that was never given before, so that it inherits no session.

use std::collections::BTreeSet;
use std::sync::Arc;

use daypass_names::{
    AccessKeyId, AccountId, Constrained, HostName, ServiceName, ServicePrincipal, SigningName,
    UniqueId, UniqueIdKind,
};
use daypass_store::{Commit, Entry, Key, MAX_SCAN, Revision, StoreError};
use jiff::Timestamp;

use crate::access_keys::KeyHolder;
use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode, id_of};
use crate::record::{self, ServiceRecord};
use crate::{Directory, DirectoryError, Entity, Noting, Quotas, keys};

/// Most services of a deployment: each is looked at when they are listed.
pub const MAX_SERVICES: usize = 1_000;

/// Most principals of a service: each is decided on when it assumes a role.
pub const MAX_SERVICE_PRINCIPALS: usize = 16;

/// Most accounts, hosts or signing names of a service: they lie in one record.
pub const MAX_SERVICE_LIMITS: usize = 500;

/// A registered service.
#[derive(Clone, Debug)]
pub struct Service {
    /// What its sessions hang on; never given twice.
    pub id: UniqueId,
    /// The name, unique in the deployment.
    pub name: ServiceName,
    /// What trust policies call it; at least one.
    pub principals: Vec<ServicePrincipal>,
    /// Where it may assume roles; at least one.
    pub accounts: Vec<AccountId>,
    /// The host names that it may ask for decisions about.
    pub hosts: Vec<HostName>,
    /// The services of signatures that it may ask for decisions about.
    pub signing_names: Vec<SigningName>,
    /// When it was registered.
    pub created: Timestamp,
    /// The ids of its access keys, ordered.
    pub access_keys: Vec<AccessKeyId>,
    /// The commit that wrote it; none has written a new one yet.
    pub(crate) revision: Revision,
}

/// What a service is registered with. Nothing may be in a list twice.
#[derive(Clone, Debug)]
pub struct NewService {
    /// An `ASVC` id drawn at random.
    pub id: UniqueId,
    /// The name.
    pub name: ServiceName,
    /// What trust policies call it: 1 to [`MAX_SERVICE_PRINCIPALS`].
    pub principals: Vec<ServicePrincipal>,
    /// Where it may assume roles: 1 to [`MAX_SERVICE_LIMITS`].
    pub accounts: Vec<AccountId>,
    /// At most [`MAX_SERVICE_LIMITS`].
    pub hosts: Vec<HostName>,
    /// At most [`MAX_SERVICE_LIMITS`].
    pub signing_names: Vec<SigningName>,
    /// Now.
    pub created: Timestamp,
}

impl Directory {
    /// The service of that name.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn service(&self, name: &ServiceName) -> Result<Arc<Service>, DirectoryError> {
        let missing = || DirectoryError::NotFound(Entity::Service(name.clone()));
        let key = keys::service_name(name)?;
        let entry = self.store.get(&key).await?.ok_or_else(missing)?;
        // Between the two reads the service may have gone.
        let found = self.find::<Service>(&keys::service(named(&key, &entry)?)?).await?;
        found.filter(|service| service.name == *name).ok_or_else(missing)
    }

    /// The service of that id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn service_by_id(&self, id: UniqueId) -> Result<Arc<Service>, DirectoryError> {
        let found = self.find(&keys::service(id)?).await?;
        found.ok_or(DirectoryError::NotFound(Entity::ServiceId(id)))
    }

    /// All services, ordered by name.
    pub async fn services(&self) -> Result<Vec<Arc<Service>>, DirectoryError> {
        let mut services = Vec::new();
        let mut after = None;
        loop {
            let page = self.store.scan(keys::SERVICE_NAMES, after.as_ref(), MAX_SCAN).await?;
            for (key, entry) in &page {
                let found = self.find::<Service>(&keys::service(named(key, entry)?)?).await?;
                // One that is gone went while we read.
                services.extend(found);
            }
            if page.len() < MAX_SCAN {
                return Ok(services);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }

    /// Registers a service, without an access key.
    ///
    /// # Errors
    /// [`DirectoryError::AlreadyExists`] when the name is taken, [`DirectoryError::NotFound`] of an
    /// account, [`DirectoryError::Refused`] when a list is too long, too short or has something
    /// twice, when a principal is reserved, or when there are [`MAX_SERVICES`].
    pub async fn register_service(
        &self,
        new: NewService,
        noting: &dyn Noting<Service>,
    ) -> Result<Arc<Service>, DirectoryError> {
        if let Some(reserved) = new.principals.iter().find(|name| name.is_reserved()) {
            let text = format!("the principal `{reserved}` is kept for this server's own records");
            return Err(DirectoryError::Refused(text));
        }
        let record = ServiceRecord {
            id: new.id.to_string(),
            name: new.name.to_string(),
            created: new.created.to_string(),
            principals: texts(&new.principals),
            accounts: texts(&new.accounts),
            hosts: texts(&new.hosts),
            signing_names: texts(&new.signing_names),
            access_keys: Vec::new(),
        };
        let made = self.made::<Service>(&record)?;
        let bytes = encode(&record).ok_or_else(|| made.too_large(&self.quotas))?;
        let (key, name) = (keys::service(new.id)?, keys::service_name(&new.name)?);
        for _ in 0..ATTEMPTS {
            if self.store.get(&name).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::Service(new.name)));
            }
            if self.services().await?.len() >= MAX_SERVICES {
                let text = format!("there are {MAX_SERVICES} services, the most that there may be");
                return Err(DirectoryError::Refused(text));
            }
            let id = new.id.to_string().into_bytes();
            let mut commit = Commit::new().absent(key.clone()).put(key.clone(), bytes.clone());
            commit = commit.absent(name.clone()).put(name.clone(), id);
            for account in &new.accounts {
                self.require_account(*account).await?;
                commit = commit.present(keys::account(*account)?);
            }
            if self.commit_noted(commit, noting, &made).await? {
                return Ok(Arc::new(made));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Removes a service with its access keys. The sessions that it began end: they hang on its id.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`].
    pub async fn remove_service(
        &self,
        id: UniqueId,
        noting: &dyn Noting<Service>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let editing = <Service as KeyHolder>::edit(self, id).await?;
            let service = &editing.value;
            let mut commit = editing.unchanged().delete(editing.key.clone());
            commit = commit.delete(keys::service_name(&service.name)?);
            let mut held = Vec::new();
            for id in &service.access_keys {
                let key = keys::access_key(id)?;
                commit = commit.delete(key.clone()).delete(keys::access_key_use(id)?);
                held.push(key);
            }
            if self.commit_noted(commit, noting, service).await? {
                held.iter().for_each(|key| self.access_keys.forget(key));
                self.services.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }
}

fn texts<T: ToString>(items: &[T]) -> Vec<String> {
    items.iter().map(ToString::to_string).collect()
}

/// A list of the record, parsed: at least `min` and at most `max`, none twice.
fn list<T: Ord + Clone>(
    what: &str,
    items: &[String],
    (min, max): (usize, usize),
    parse: impl Fn(&String) -> Result<T, String>,
) -> Result<Vec<T>, String> {
    if items.len() < min || items.len() > max {
        return Err(format!("a service has {min} to {max} {what}"));
    }
    let parsed: Vec<T> = items.iter().map(parse).collect::<Result<_, _>>()?;
    match parsed.iter().collect::<BTreeSet<_>>().len() == parsed.len() {
        true => Ok(parsed),
        false => Err(format!("one of the {what} is there twice")),
    }
}

fn word<T: Constrained>(what: &'static str) -> impl Fn(&String) -> Result<T, String> {
    move |text| record::constrained(what, text)
}

impl Stored for Service {
    type Record = ServiceRecord;

    fn from_record(record: &ServiceRecord, _: &Directory) -> Result<Self, String> {
        const LIMITS: (usize, usize) = (0, MAX_SERVICE_LIMITS);
        let principals = (1, MAX_SERVICE_PRINCIPALS);
        let accounts = (1, MAX_SERVICE_LIMITS);
        Ok(Self {
            id: record::id_of_kind(&record.id, UniqueIdKind::Service)?,
            name: record::constrained("the name", &record.name)?,
            principals: list("principals", &record.principals, principals, word("a principal"))?,
            accounts: list("accounts", &record.accounts, accounts, |text| record::account(text))?,
            hosts: list("hosts", &record.hosts, LIMITS, word("a host"))?,
            signing_names: list(
                "signing names",
                &record.signing_names,
                LIMITS,
                word("a signing name"),
            )?,
            created: record::timestamp(&record.created)?,
            access_keys: list("access keys", &record.access_keys, LIMITS, word("an access key"))?,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::service(self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.services
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl KeyHolder for Service {
    type Id = UniqueId;

    async fn edit(directory: &Directory, id: UniqueId) -> Result<Editing<Self>, DirectoryError> {
        let editing = directory.edit::<Self>(keys::service(id)?).await?;
        editing.ok_or(DirectoryError::NotFound(Entity::ServiceId(id)))
    }

    fn access_keys(&self) -> &[AccessKeyId] {
        &self.access_keys
    }

    fn listed(record: &mut ServiceRecord) -> &mut Vec<String> {
        &mut record.access_keys
    }

    fn too_large(&self, _: &Quotas) -> DirectoryError {
        DirectoryError::Refused("the service's record is too large".to_owned())
    }
}

/// The id in an entry of the index of names, which must be a service's.
pub(crate) fn named(key: &Key, entry: &Entry) -> Result<UniqueId, DirectoryError> {
    let id = id_of(key, entry)?;
    match id.kind() {
        UniqueIdKind::Service => Ok(id),
        _ => Err(corrupt(key, "the name does not lead to a service")),
    }
}
