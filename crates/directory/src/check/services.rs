//! The check of accounts and of registered services: what they list must be theirs, and the indexes
//! must agree with them.

use daypass_names::{AccountId, ServiceName};
use daypass_store::{Entry, Key};

use super::Walk;
use crate::findings::Fault;
use crate::{Account, DirectoryError, KeyOwner, Service, keys, services};

impl Walk<'_> {
    pub(super) async fn account(&mut self, key: &Key, entry: &Entry) -> Result<(), DirectoryError> {
        let account = match self.directory.parse::<Account>(key, entry) {
            Ok((_, account)) => account,
            Err(error) => return self.unread(key, error),
        };
        let index = keys::closed_account(account.id)?;
        if account.closed.is_some() && self.directory.store.get(&index).await?.is_none() {
            self.findings.add(key, Fault::ClosureUnindexed);
        }
        self.access_keys_of(key, KeyOwner::Root(account.id), &account.root_access_keys).await
    }

    pub(super) async fn closed_account(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        if !entry.value.is_empty() {
            let what = format!("it has {} bytes, but is empty always", entry.value.len());
            self.findings.add(key, Fault::Unreadable(what));
        }
        let account = self.load::<Account>(&keys::account(account)?).await?;
        if !account.is(|account| account.closed.is_some()) {
            self.findings.add(key, Fault::ClosureOrphan);
        }
        Ok(())
    }

    pub(super) async fn service(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let service = match self.directory.find::<Service>(key).await {
            Ok(Some(service)) => service,
            Ok(None) => return Ok(()),
            Err(error) => return self.unread(key, error),
        };
        for account in &service.accounts {
            if !self.directory.holds_account(*account).await? {
                self.findings.add(key, Fault::AccountMissing(*account));
            }
        }
        let name = keys::service_name(&service.name)?;
        match self.directory.store.get(&name).await? {
            None => self.findings.add(key, Fault::NameMissing),
            // One that is no id is told under its own key.
            Some(entry) => {
                let other = services::named(&name, &entry).ok();
                if let Some(other) = other.filter(|other| *other != service.id) {
                    self.findings.add(key, Fault::NameElsewhere(other));
                }
            }
        }
        self.access_keys_of(key, KeyOwner::Service(service.id), &service.access_keys).await
    }

    pub(super) async fn service_name(
        &mut self,
        key: &Key,
        entry: &Entry,
        name: &ServiceName,
    ) -> Result<(), DirectoryError> {
        let id = match services::named(key, entry) {
            Ok(id) => id,
            Err(error) => return self.unread(key, error),
        };
        let service = self.load::<Service>(&keys::service(id)?).await?;
        if !service.is(|service| service.name == *name) {
            self.findings.add(key, Fault::NameOrphan);
        }
        Ok(())
    }
}
