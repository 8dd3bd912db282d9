//! The check of instance profiles and account aliases: both directions of each must agree.

use daypass_names::{AccountAlias, AccountId, UniqueId};
use daypass_store::{Entry, Key};

use super::Walk;
use crate::findings::Fault;
use crate::keys::{self, Kind, Noun};
use crate::{DirectoryError, InstanceProfile, Role, aliases};

impl Walk<'_> {
    pub(super) async fn instance_profile(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let Some(profile) = self.named::<InstanceProfile>(key).await? else { return Ok(()) };
        for id in &profile.roles {
            let role = self.load::<Role>(&keys::entity(Kind::Role, *id)?).await?;
            if !role.is(|role| role.account == profile.account) {
                self.findings.add(key, Fault::RoleMissing(*id));
            }
            let index = keys::role_profile(*id, profile.id)?;
            if self.directory.store.get(&index).await?.is_none() {
                self.findings.add(key, Fault::RoleUnindexed(*id));
            }
        }
        Ok(())
    }

    pub(super) async fn role_profile(
        &mut self,
        key: &Key,
        role: UniqueId,
        profile: UniqueId,
    ) -> Result<(), DirectoryError> {
        let profile = keys::entity(Noun::InstanceProfile, profile)?;
        let profile = self.load::<InstanceProfile>(&profile).await?;
        if !profile.is(|profile| profile.roles.contains(&role)) {
            self.findings.add(key, Fault::RoleOrphan);
        }
        Ok(())
    }

    pub(super) async fn alias_of(
        &mut self,
        key: &Key,
        entry: &Entry,
        account: AccountId,
    ) -> Result<(), DirectoryError> {
        let alias = match aliases::parse(key, entry) {
            Ok(alias) => alias,
            Err(error) => return self.unread(key, error),
        };
        if !self.directory.holds_account(account).await? {
            self.findings.add(key, Fault::AccountMissing(account));
        }
        let place = keys::alias(&alias)?;
        let leads = match self.directory.store.get(&place).await? {
            // One that is no account is told under its own key.
            Some(entry) => aliases::account_of(&place, &entry).map_or(true, |of| of == account),
            None => false,
        };
        if !leads {
            self.findings.add(key, Fault::AliasElsewhere);
        }
        Ok(())
    }

    pub(super) async fn alias(
        &mut self,
        key: &Key,
        entry: &Entry,
        alias: &AccountAlias,
    ) -> Result<(), DirectoryError> {
        let account = match aliases::account_of(key, entry) {
            Ok(account) => account,
            Err(error) => return self.unread(key, error),
        };
        let of = keys::alias_of(account)?;
        let is_held = match self.directory.store.get(&of).await? {
            // One that is no alias is told under its own key.
            Some(entry) => aliases::parse(&of, &entry).map_or(true, |held| held == *alias),
            None => false,
        };
        if !is_held {
            self.findings.add(key, Fault::AliasOrphan);
        }
        Ok(())
    }
}
