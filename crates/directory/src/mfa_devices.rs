//! Virtual MFA devices: one-time passwords after RFC 6238, as AWS has them.
//!
//! A device's record holds its sealed seed, whose it is, and the newest step of which a code was
//! taken; a user's record holds the ids of the user's devices, and every change to them rewrites it:
//! so that the quota holds whoever enables devices at the same time, and a user that has devices
//! cannot be deleted.
//!
//! SECURITY: a code is taken once. Taking it is a compare-and-commit on the device's record, which
//! goes through for one of those that show the same code at the same time. It survives a device's
//! being deactivated and enabled again.

mod codes;
mod guesses;

use std::sync::Arc;

use data_encoding::BASE64;
use daypass_federation::totp::{Code, RESYNC_WINDOW, SEED_LEN, Seed, Step};
use daypass_names::{
    AccountId, Arn, Constrained, Path, PathPrefix, UniqueId, UniqueIdKind, VirtualMfaDeviceName,
};
use daypass_store::{Key, Revision, StoreError};
use daypass_token::{KeyRing, Nonce, Purpose, open_value, seal_value};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::access_keys::UNOPENED;
use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, corrupt, encode};
use crate::keys::{self, Noun, Total};
use crate::named::{About, Holder, Listed};
use crate::record::{self, AssignmentRecord, MfaDeviceRecord};
use crate::{
    DeleteReason, Directory, DirectoryError, Entity, Limit, Listing, MfaAssignment, MfaDevice,
    NewMfaDevice, Noting, User, tags,
};

pub use codes::MatchedCode;
pub(crate) use guesses::Guesses;
pub use guesses::{LOCKED_SECONDS, MAX_WRONG_CODES};

/// The most that a device's clock can be found ahead of ours or behind, in steps.
pub(crate) const MAX_DRIFT: i64 = 1 + RESYNC_WINDOW.cast_signed();

impl Directory {
    /// The virtual MFA device of exactly that name, case included.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`]; [`DirectoryError::Corrupt`] when the seed cannot be opened.
    pub async fn mfa_device(
        &self,
        account: AccountId,
        name: &VirtualMfaDeviceName,
    ) -> Result<Arc<MfaDevice>, DirectoryError> {
        self.entity(account, name).await
    }

    /// The virtual MFA device of exactly that serial number, which is its ARN.
    ///
    /// # Errors
    /// As [`Directory::mfa_device`]. Devices of other kinds are not found.
    pub async fn mfa_device_by_serial_number(
        &self,
        account: AccountId,
        serial: &str,
    ) -> Result<Arc<MfaDevice>, DirectoryError> {
        let missing = || DirectoryError::NotFound(Entity::MfaSerialNumber(serial.to_owned()));
        let name = serial.rsplit('/').next().unwrap_or_default();
        let name = VirtualMfaDeviceName::parse(name).map_err(|_| missing())?;
        match self.mfa_device(account, &name).await {
            // Partition, account and path must be its own as well.
            Ok(device) if device.arn.as_str() == serial => Ok(device),
            Ok(_) | Err(DirectoryError::NotFound(_)) => Err(missing()),
            Err(error) => Err(error),
        }
    }

    /// The virtual MFA devices of an account, ordered by lower-case name, behind the lower-case name
    /// `after`.
    ///
    /// At most `limit` (1 to [`MAX_PAGE`](crate::MAX_PAGE)); the page may be shorter although more
    /// follow.
    pub async fn mfa_devices(
        &self,
        account: AccountId,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Listing<MfaDevice>, DirectoryError> {
        self.entities(account, &PathPrefix::default(), after, limit).await
    }

    /// The MFA devices of a user, ordered by unique id.
    pub async fn mfa_devices_of_user(
        &self,
        user: &User,
    ) -> Result<Vec<Arc<MfaDevice>>, DirectoryError> {
        let mut devices = Vec::new();
        for id in &user.mfa_devices {
            let device = self.entity_by_id::<MfaDevice>(user.account, *id).await?;
            // One that is gone, or another's, was deactivated since the user was read.
            devices.extend(device.filter(|device| device.is_of(user.id)));
        }
        Ok(devices)
    }

    /// Makes a virtual MFA device, nobody's yet.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::AlreadyExists`] when the name
    /// is taken, in whatever case and under whatever path, or [`DirectoryError::LimitExceeded`].
    pub async fn create_mfa_device(
        &self,
        new: NewMfaDevice,
        noting: &dyn Noting<MfaDevice>,
    ) -> Result<Arc<MfaDevice>, DirectoryError> {
        let tags = tags::of_new::<MfaDevice>(&self.quotas, &new.tags)?;
        let mut record = MfaDeviceRecord {
            account: new.account.to_string(),
            id: new.id.to_string(),
            name: new.name.to_string(),
            path: new.path.to_string(),
            created: new.created.to_string(),
            sealed_seed: String::new(),
            assigned: None,
            last_step: None,
            drift: 0,
            tags,
        };
        let _turn = self.counting(new.account).await;
        for _ in 0..ATTEMPTS {
            let sealing = self.data_keys.sealing();
            record.sealed_seed = sealed(&sealing.ring, &new)?;
            let device = self.made::<MfaDevice>(&record)?;
            let bytes = encode(&record).ok_or_else(|| corrupt_of(&device, TOO_LARGE))?;
            let commit = sealing.bind(self.creation(&device, bytes).await?);
            if self.commit_noted(commit, noting, &device).await? {
                return Ok(Arc::new(device));
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives a virtual MFA device to a user who shows two codes that follow each other. They are
    /// looked for in [`RESYNC_WINDOW`], and where they are found tells how far the device's clock is
    /// off.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or the device, [`DirectoryError::AlreadyExists`] when
    /// the device is somebody's, [`DirectoryError::LimitExceeded`], or
    /// [`DirectoryError::InvalidMfaCode`].
    pub async fn enable_mfa_device(
        &self,
        account: AccountId,
        user: UniqueId,
        device: UniqueId,
        codes: [Code; 2],
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let mut turn = Turn::default();
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut owner = self.edit_entity::<User>(account, user).await?;
            let mut editing = self.edit_entity::<MfaDevice>(account, device).await?;
            if editing.value.assigned.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::MfaAssignment));
            }
            let max = self.quotas.mfa_devices_per_user;
            if !u32::try_from(owner.value.mfa_devices.len()).is_ok_and(|count| count < max) {
                return Err(DirectoryError::LimitExceeded(Limit::MfaDevicesPerUser(max)));
            }
            turn.take(self, device, user, now)?;
            editing.resynchronise(codes, now)?;
            turn.was_right(self, device, user);
            editing.record.assigned =
                Some(AssignmentRecord { user: user.to_string(), enabled: now.to_string() });
            let bytes = bytes(&editing)?;
            owner.record.mfa_devices.push(device.to_string());
            owner.record.mfa_devices.sort();
            let too_large = owner.value.record_limit(&self.quotas);
            let commit = owner.rewrite().ok_or(too_large)?;
            let commit =
                commit.unchanged(editing.key.clone(), editing.revision).put(editing.key, bytes);
            let total = Total::MfaDevicesInUse;
            let commit = self.change_total(total, account, commit, 1, None).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.code_guesses.forgive(device, user);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Finds out anew how far the clock of a user's MFA device is off, from two codes that follow
    /// each other.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the device, also when it is not the user's, or
    /// [`DirectoryError::InvalidMfaCode`].
    pub async fn resync_mfa_device(
        &self,
        account: AccountId,
        user: UniqueId,
        device: UniqueId,
        codes: [Code; 2],
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let mut turn = Turn::default();
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_device_of(account, user, device).await?;
            turn.take(self, device, user, now)?;
            editing.resynchronise(codes, now)?;
            turn.was_right(self, device, user);
            let bytes = bytes(&editing)?;
            let commit = editing.unchanged().put(editing.key, bytes);
            if self.commit_noted(commit, noting, &()).await? {
                self.code_guesses.forgive(device, user);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Takes an MFA device from its user. It is kept, with its seed and the codes that were taken,
    /// and can be enabled again.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user, or of the device, also when it is not the user's.
    pub async fn deactivate_mfa_device(
        &self,
        account: AccountId,
        user: UniqueId,
        device: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let mut owner = self.edit_entity::<User>(account, user).await?;
            let mut editing = self.edit_device_of(account, user, device).await?;
            editing.record.assigned = None;
            let bytes = bytes(&editing)?;
            let held = device.to_string();
            owner.record.mfa_devices.retain(|of| *of != held);
            let too_large = owner.value.record_limit(&self.quotas);
            let commit = owner.rewrite().ok_or(too_large)?;
            let Editing { key, revision, .. } = editing;
            let commit = commit.unchanged(key.clone(), revision).put(key.clone(), bytes);
            let (total, read) = (Total::MfaDevicesInUse, Some((&key, revision)));
            let commit = self.change_total(total, account, commit, -1, read).await?;
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Deletes a virtual MFA device that is nobody's.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] or [`DirectoryError::DeleteConflict`].
    pub async fn delete_mfa_device(
        &self,
        account: AccountId,
        device: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let _turn = self.counting(account).await;
        for _ in 0..ATTEMPTS {
            let editing = self.edit_entity::<MfaDevice>(account, device).await?;
            if editing.value.assigned.is_some() {
                return Err(DirectoryError::DeleteConflict(DeleteReason::MfaInUse));
            }
            let commit = self.deletion(&editing).await?;
            if self.commit_noted(commit, noting, &()).await? {
                self.mfa_devices.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// The record of a device, if it is the user's, to be changed.
    async fn edit_device_of(
        &self,
        account: AccountId,
        user: UniqueId,
        device: UniqueId,
    ) -> Result<Editing<MfaDevice>, DirectoryError> {
        let editing = self.edit_entity::<MfaDevice>(account, device).await?;
        match editing.value.is_of(user) {
            true => Ok(editing),
            false => Err(DirectoryError::NotFound(Entity::MfaAssignment)),
        }
    }
}

/// The turn of a call to show codes: one, however often its commit is tried.
#[derive(Default)]
struct Turn {
    is_taken: bool,
    is_given_back: bool,
}

impl Turn {
    fn take(
        &mut self,
        directory: &Directory,
        device: UniqueId,
        user: UniqueId,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        if !self.is_taken && !directory.code_guesses.take_turn(device, user, now) {
            return Err(DirectoryError::InvalidMfaCode);
        }
        self.is_taken = true;
        Ok(())
    }

    /// The codes were right: they do not count as wrong, whatever becomes of the commit.
    fn was_right(&mut self, directory: &Directory, device: UniqueId, user: UniqueId) {
        if !self.is_given_back {
            directory.code_guesses.take_back(device, user);
        }
        self.is_given_back = true;
    }
}

impl MfaDevice {
    /// Whether it is that user's.
    pub fn is_of(&self, user: UniqueId) -> bool {
        self.assigned.is_some_and(|assigned| assigned.user == user)
    }
}

/// The bytes of the changed record of a device.
fn bytes(editing: &Editing<MfaDevice>) -> Result<Vec<u8>, DirectoryError> {
    encode(&editing.record).ok_or_else(|| corrupt(&editing.key, TOO_LARGE))
}

fn corrupt_of(device: &MfaDevice, reason: &str) -> DirectoryError {
    device.key().map_or_else(DirectoryError::from, |key| corrupt(&key, reason))
}

/// It holds a seed and tags under their quota: that the store should not take it is damage.
const TOO_LARGE: &str = "the record is too large";

/// The seed of a new device, sealed. When an attempt fails its record was never written: a nonce
/// leaves this process for one record only.
pub(crate) fn sealed(ring: &KeyRing, new: &NewMfaDevice) -> Result<String, DirectoryError> {
    let sealed = seal_value(
        ring,
        Purpose::MfaSeed,
        &owner(new.account, new.id),
        Nonce::from_random(new.nonce),
        new.seed.as_bytes(),
    );
    Ok(BASE64.encode(&sealed.map_err(DirectoryError::Seal)?))
}

/// What a sealed seed is bound to: the device, whoever's it is. Both parts have a fixed length.
pub(crate) fn owner(account: AccountId, device: UniqueId) -> Vec<u8> {
    format!("{account}{device}").into_bytes()
}

/// SECURITY: no error of here may repeat what was opened.
fn opened(
    record: &MfaDeviceRecord,
    account: AccountId,
    id: UniqueId,
    directory: &Directory,
) -> Result<Seed, String> {
    let sealed = BASE64.decode(record.sealed_seed.as_bytes());
    let sealed = sealed.map_err(|_| "the seed is no base64".to_owned())?;
    let ring = directory.data_keys.ring();
    let opened = open_value(&ring, Purpose::MfaSeed, &owner(account, id), &sealed)
        .map_err(|_| UNOPENED.to_owned())?;
    let mut seed = Zeroizing::new([0; SEED_LEN]);
    if opened.len() != seed.len() {
        return Err("the seed is of another length".to_owned());
    }
    seed.copy_from_slice(&opened);
    Ok(Seed::from_bytes(seed))
}

impl Stored for MfaDevice {
    type Record = MfaDeviceRecord;

    fn from_record(record: &MfaDeviceRecord, directory: &Directory) -> Result<Self, String> {
        let account = record::account(&record.account)?;
        let id = record::id_of_kind(&record.id, UniqueIdKind::MfaDevice)?;
        let name: VirtualMfaDeviceName = record::constrained("the name", &record.name)?;
        let path: Path = record::constrained("the path", &record.path)?;
        let assigned = record.assigned.as_ref().map(|assigned| {
            let user = record::id_of_kind(&assigned.user, UniqueIdKind::User)?;
            let enabled = record::timestamp(&assigned.enabled)?;
            Ok::<_, String>(MfaAssignment { user, enabled })
        });
        if !(-MAX_DRIFT..=MAX_DRIFT).contains(&record.drift) {
            return Err("the clock is off by more than can be found out".to_owned());
        }
        Ok(Self {
            arn: Arn::virtual_mfa_device(directory.partition, account, &path, &name),
            account,
            id,
            name,
            path,
            created: record::timestamp(&record.created)?,
            assigned: assigned.transpose()?,
            tags: record::tags(&record.tags)?,
            seed: opened(record, account, id, directory)?,
            last_step: record.last_step.map(Step::numbered),
            drift: record.drift,
            revision: Revision::ZERO,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::entity(Noun::MfaDevice, self.id)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.mfa_devices
    }

    fn read_at(&mut self, revision: Revision) {
        self.revision = revision;
    }
}

impl Listed for MfaDevice {
    type Name = VirtualMfaDeviceName;

    const NOUN: Noun = Noun::MfaDevice;

    fn about(&self) -> About<'_, VirtualMfaDeviceName> {
        About { account: self.account, id: self.id, name: &self.name, path: &self.path }
    }

    fn by_name(name: &VirtualMfaDeviceName) -> Entity {
        Entity::MfaDevice(name.clone())
    }

    fn by_id(id: UniqueId) -> Entity {
        Entity::MfaDeviceId(id)
    }
}
