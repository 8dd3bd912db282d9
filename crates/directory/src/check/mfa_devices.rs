//! The check of MFA devices: users and devices must agree on whose each is.

use daypass_store::Key;

use super::Walk;
use crate::access_keys::UNOPENED;
use crate::findings::Fault;
use crate::keys::{self, Kind, Noun, Total};
use crate::{DirectoryError, MfaDevice, User};

impl Walk<'_> {
    pub(super) async fn mfa_device(&mut self, key: &Key) -> Result<(), DirectoryError> {
        let opened = self.directory.find::<MfaDevice>(key).await;
        if let Err(DirectoryError::Corrupt { reason, .. }) = opened
            && reason == UNOPENED
        {
            // What it counts towards is open.
            self.unreadable.insert(Noun::MfaDevice);
            self.findings.add(key, Fault::SecretUnopened);
            return Ok(());
        }
        let Some(device) = self.named::<MfaDevice>(key).await? else { return Ok(()) };
        let Some(assigned) = device.assigned else { return Ok(()) };
        self.add_to_total(Total::MfaDevicesInUse, device.account, 1);
        let user = self.load::<User>(&keys::entity(Kind::User, assigned.user)?).await?;
        let lists = |user: &User| user.mfa_devices.contains(&device.id);
        if !user.is(|user| user.account == device.account && lists(user)) {
            self.findings.add(key, Fault::MfaDeviceUnlisted);
        }
        Ok(())
    }

    pub(super) async fn mfa_devices_of(
        &mut self,
        key: &Key,
        user: &User,
    ) -> Result<(), DirectoryError> {
        for id in &user.mfa_devices {
            let device = self.load::<MfaDevice>(&keys::entity(Noun::MfaDevice, *id)?).await?;
            if !device.is(|device| device.account == user.account && device.is_of(user.id)) {
                self.findings.add(key, Fault::MfaDeviceMissing(*id));
            }
        }
        Ok(())
    }
}
