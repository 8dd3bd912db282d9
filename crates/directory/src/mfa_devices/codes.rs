//! One-time passwords: which are right, and that each is taken once.

use daypass_federation::totp::{Code, RESYNC_WINDOW, SIGN_IN_WINDOW, Step};
use daypass_names::{AccountId, UniqueId};
use daypass_store::{Key, MAX_SCAN, StoreError};
use jiff::Timestamp;

use super::bytes;
use crate::directory::{ATTEMPTS, Editing};
use crate::{Directory, DirectoryError, Entity, MfaDevice, keys};

/// A code of a user's device that was found right, and was not taken yet.
#[derive(Debug)]
pub struct MatchedCode {
    account: AccountId,
    user: UniqueId,
    device: UniqueId,
    step: Step,
}

impl Directory {
    /// Looks whether `code` is a code of a user's device now that was not taken yet. It is still not:
    /// nothing may be granted before [`Directory::take_mfa_code`].
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] when the device is not the user's, or
    /// [`DirectoryError::InvalidMfaCode`]; after [`MAX_WRONG_CODES`](crate::MAX_WRONG_CODES) of these
    /// in a row every code is refused for [`LOCKED_SECONDS`](crate::LOCKED_SECONDS) without being
    /// looked at.
    pub async fn match_mfa_code(
        &self,
        account: AccountId,
        user: UniqueId,
        device: UniqueId,
        code: Code,
        now: Timestamp,
    ) -> Result<MatchedCode, DirectoryError> {
        let found = self.entity_by_id::<MfaDevice>(account, device).await?;
        let found = found.filter(|found| found.is_of(user));
        let found = found.ok_or(DirectoryError::NotFound(Entity::MfaAssignment))?;
        if !self.code_guesses.take_turn(device, user, now) {
            return Err(DirectoryError::InvalidMfaCode);
        }
        let step = found.seed.step_of(code, found.present(now), SIGN_IN_WINDOW);
        match step.filter(|step| found.is_new(*step)) {
            Some(step) => {
                self.code_guesses.take_back(device, user);
                Ok(MatchedCode { account, user, device, step })
            }
            None => Err(DirectoryError::InvalidMfaCode),
        }
    }

    /// Takes a code: no other call can, and no later one.
    ///
    /// It carries no note. It grants nothing and cannot be undone: all that it does is to refuse this
    /// code to everybody else, and the call that shows it is recorded as what it grants.
    ///
    /// # Errors
    /// [`DirectoryError::InvalidMfaCode`] when it, or a newer one, was taken since it was matched;
    /// [`DirectoryError::NotFound`] when the device is the user's no longer.
    pub async fn take_mfa_code(&self, code: &MatchedCode) -> Result<(), DirectoryError> {
        let MatchedCode { account, user, device, step } = *code;
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_device_of(account, user, device).await?;
            if !editing.value.is_new(step) {
                return Err(DirectoryError::InvalidMfaCode);
            }
            editing.record.last_step = Some(step.number());
            let bytes = bytes(&editing)?;
            match self.store.commit(editing.unchanged().put(editing.key, bytes)).await {
                Ok(_) => {
                    self.code_guesses.forgive(device, user);
                    return Ok(());
                }
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes every code that a device may show up to now, of all devices, and tells how many those
    /// are: to be called when it is no longer known which codes were taken, as after a restore. A
    /// record that cannot be read is left alone; no code of it is ever right.
    ///
    /// # Errors
    /// [`DirectoryError::Conflict`] when others change the same devices again and again, or
    /// [`DirectoryError::Store`]. The codes of some devices may then be taken.
    pub async fn take_all_mfa_codes(&self, now: Timestamp) -> Result<u64, DirectoryError> {
        let (mut after, mut devices) = (None::<Key>, 0_u64);
        loop {
            let page = self.store.scan(keys::MFA_DEVICES, after.as_ref(), MAX_SCAN).await?;
            for (key, _) in &page {
                devices = devices.saturating_add(u64::from(self.take_codes_of(key, now).await?));
            }
            if page.len() < MAX_SCAN {
                return Ok(devices);
            }
            after = page.into_iter().next_back().map(|(key, _)| key);
        }
    }

    /// Whether there is a device at that key whose codes were taken.
    async fn take_codes_of(&self, key: &Key, now: Timestamp) -> Result<bool, DirectoryError> {
        for _ in 0..ATTEMPTS {
            let mut editing = match self.edit::<MfaDevice>(key.clone()).await {
                Ok(Some(editing)) => editing,
                Ok(None) | Err(DirectoryError::Corrupt { .. }) => return Ok(false),
                Err(error) => return Err(error),
            };
            let newest = editing.value.present(now).number().saturating_add(SIGN_IN_WINDOW);
            let taken = editing.value.last_step.map(Step::number);
            editing.record.last_step = taken.max(Some(newest));
            let bytes = bytes(&editing)?;
            match self.store.commit(editing.unchanged().put(editing.key, bytes)).await {
                Ok(_) => return Ok(true),
                Err(StoreError::Conflict { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Err(DirectoryError::Conflict)
    }
}

impl MfaDevice {
    /// The step that the device's clock shows.
    fn present(&self, now: Timestamp) -> Step {
        Step::numbered(Step::at(now).number().saturating_add_signed(self.drift))
    }

    /// Whether no code of a step, nor of a later one, was taken.
    fn is_new(&self, step: Step) -> bool {
        self.last_step.is_none_or(|last| step > last)
    }
}

impl Editing<MfaDevice> {
    /// Takes two codes that follow each other, and notes how far the device's clock is off.
    pub(super) fn resynchronise(
        &mut self,
        [first, second]: [Code; 2],
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        let present = Step::at(now);
        let found = self.value.seed.step_of_pair(first, second, present, RESYNC_WINDOW);
        // Both codes are taken: neither may have been before.
        let is_new =
            |step: &Step| self.value.is_new(Step::numbered(step.number().saturating_sub(1)));
        let step = found.filter(is_new).ok_or(DirectoryError::InvalidMfaCode)?;
        self.record.last_step = Some(step.number());
        self.record.drift = drift(step, present);
        Ok(())
    }
}

/// How many steps a device is ahead whose second code of two is that of `step`.
///
/// Codes are typed one after the other: by the time that both are here the device may show the next
/// one already. So one step behind is taken for none, and [`SIGN_IN_WINDOW`] makes good the rest.
fn drift(step: Step, present: Step) -> i64 {
    let ahead = step.number().cast_signed().saturating_sub(present.number().cast_signed());
    if ahead < 0 { ahead.saturating_add(1) } else { ahead }
}
