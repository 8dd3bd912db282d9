//! The check of login profiles, and of password policies and preferences of accounts: each belongs
//! to somebody who is there.

use daypass_names::AccountId;
use daypass_store::{Entry, Key};

use super::Walk;
use crate::findings::Fault;
use crate::keys::{self, Kind};
use crate::{DirectoryError, LoginProfile, User, password_policy, sts_preferences};

impl Walk<'_> {
    pub(super) async fn login_profile(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let profile = match self.directory.find::<LoginProfile>(key).await {
            Ok(Some(profile)) => profile,
            Ok(None) => return Ok(()),
            Err(error) => return self.unread(key, error),
        };
        let user = self.load::<User>(&keys::entity(Kind::User, profile.user)?).await?;
        if !user.is(|user| user.account == profile.account) {
            self.findings.add(key, Fault::LoginProfileOrphan);
        }
        Ok(())
    }

    pub(super) async fn sts_preferences(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        if let Err(error) = sts_preferences::parse(key, entry) {
            return self.unread(key, error);
        }
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        Ok(())
    }

    pub(super) async fn password_policy(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        if let Err(error) = password_policy::parse(key, entry) {
            return self.unread(key, error);
        }
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        Ok(())
    }
}
