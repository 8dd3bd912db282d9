//! The check of the deletions of service-linked roles: they can be read, and belong to an account.

use daypass_names::AccountId;
use daypass_store::{Entry, Key};

use super::Walk;
use crate::findings::Fault;
use crate::{DirectoryError, service_linked};

impl Walk<'_> {
    pub(super) async fn role_deletions(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        if let Err(error) = service_linked::parse(key, entry) {
            return self.unread(key, error);
        }
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        Ok(())
    }
}
