//! Writing a user as a document has it, in one commit: with its groups and policies, and with the
//! access keys, the password and the MFA devices whose secrets came along.

use std::collections::BTreeSet;

use data_encoding::BASE64;
use daypass_federation::totp::{SEED_LEN, Seed, Step};
use daypass_names::{
    AccessKeyId, AccountId, GroupName, SecretAccessKey, UniqueId, VirtualMfaDeviceName,
};
use daypass_store::{Commit, Revision};
use jiff::Timestamp;
use zeroize::Zeroizing;

use super::document::{DeviceImage, KeyImage, UserImage};
use super::judge::{self, Bounds};
use super::put::{Held, fill, refused, too_large};
use super::secrets::{KeySecret, PasswordSecret, SeedSecret};
use crate::directory::{count_of, encode};
use crate::groups::member;
use crate::keys::{self, Kind, Noun, Total};
use crate::login_profiles::REMEMBERED;
use crate::mfa_devices::{MAX_DRIFT, sealed};
use crate::passwords::PasswordHash;
use crate::record::{
    self, AssignmentRecord, CommonRecord, LoginProfileRecord, MfaDeviceRecord, StatusRecord,
    UserRecord,
};
use crate::rings::Sealing;
use crate::{
    AccessKey, Directory, DirectoryError, Entity, Group, KeyOwner, Limit, LoginProfile, MfaDevice,
    NewAccessKey, NewMfaDevice, Noting, User, tags,
};

/// A device with its seed, and the id and the nonce that it gets.
pub(super) struct NewDevice<'a> {
    pub(super) image: &'a DeviceImage,
    pub(super) secret: &'a SeedSecret,
    pub(super) id: UniqueId,
    pub(super) nonce: [u8; 24],
}

/// What of a user is secret, as far as it came along.
#[derive(Default)]
pub(super) struct UserSecrets<'a> {
    pub(super) keys: Vec<(&'a KeyImage, &'a KeySecret, [u8; 24])>,
    pub(super) password: Option<&'a PasswordSecret>,
    pub(super) devices: Vec<NewDevice<'a>>,
}

impl Directory {
    pub(super) async fn put_user(
        &self,
        account: AccountId,
        image: &UserImage,
        id: UniqueId,
        secrets: &UserSecrets<'_>,
        (left_out, now): (&BTreeSet<String>, Timestamp),
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let bounds = Bounds {
            inline: self.quotas.user_policy_size,
            attached: self.quotas.policies_per_user,
        };
        let wanted = judge::rights(image.rights(), bounds, &self.quotas).map_err(refused)?;
        let path = judge::path(&image.path).map_err(refused)?;
        let _turn = self.counting(account).await;
        for _ in 0..crate::directory::ATTEMPTS {
            let sealing = self.data_keys.sealing();
            let held = self.held(account, &wanted, left_out).await?;
            let groups = self.groups_named(account, &image.groups).await?;
            let name = image.name.clone();
            let mut record = UserRecord {
                common: CommonRecord::new(account, id, name, &path, now),
                boundary: None,
                groups: Vec::new(),
                access_keys: Vec::new(),
                mfa_devices: Vec::new(),
                tags: Vec::new(),
            };
            fill(&mut record.common, (&image.name, &path), &wanted, &held);
            record.boundary = held.boundary.as_ref().map(UniqueId::to_string);
            record.groups = groups.iter().map(UniqueId::to_string).collect();
            record.groups.sort();
            record.tags = tags::records(&wanted.tags);
            let user = self.made::<User>(&record)?;
            let mut commit = self.keys_of(&sealing, &user, &mut record, secrets, now).await?;
            commit = self.password_of(commit, account, id, secrets, now).await?;
            commit = self
                .devices_of(commit, &sealing, Some(&mut record), account, &secrets.devices, now)
                .await?;
            commit = self.join(commit, account, id, &groups).await?;
            self.bounds_of(&record)?;
            let user = self.made::<User>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let own = self.creation(&user, bytes).await?;
            commit.preconditions.extend(own.preconditions);
            commit.puts.extend(own.puts);
            commit =
                self.rehold(commit, (account, Kind::User, id), &Held::default(), &held).await?;
            if self.commit_noted(sealing.bind(commit), noting, &()).await? {
                return Ok(());
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    /// Makes an MFA device that is nobody's.
    pub(super) async fn put_device(
        &self,
        account: AccountId,
        device: NewDevice<'_>,
        now: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let devices = [device];
        let _turn = self.counting(account).await;
        for _ in 0..crate::directory::ATTEMPTS {
            let sealing = self.data_keys.sealing();
            let commit =
                self.devices_of(Commit::new(), &sealing, None, account, &devices, now).await?;
            if self.commit_noted(sealing.bind(commit), noting, &()).await? {
                return Ok(());
            }
            self.data_keys.refresh(&sealing).await?;
        }
        Err(DirectoryError::Conflict)
    }

    async fn groups_named(
        &self,
        account: AccountId,
        names: &[String],
    ) -> Result<BTreeSet<UniqueId>, DirectoryError> {
        let mut groups = BTreeSet::new();
        for name in names {
            let parsed: GroupName = record::constrained("a group", name).map_err(refused)?;
            let id = self.id_by_name(Noun::Group, account, &name.to_ascii_lowercase()).await?;
            let group = match id {
                Some(id) => self.entity_by_id::<Group>(account, id).await?,
                None => None,
            };
            let group = group.ok_or(DirectoryError::NotFound(Entity::Group(parsed)))?;
            groups.insert(group.id);
        }
        Ok(groups)
    }

    /// Adds to `commit` that a new user is in these groups.
    async fn join(
        &self,
        mut commit: Commit,
        account: AccountId,
        user: UniqueId,
        groups: &BTreeSet<UniqueId>,
    ) -> Result<Commit, DirectoryError> {
        for group in groups {
            let (key, size, revision) = self.group_size(account, *group).await?;
            commit = commit.put(member(*group, user)?, b"".as_slice());
            let size = size.checked_add(1);
            let size = size.ok_or_else(|| refused("a group is miscounted".to_owned()))?;
            let bytes = size.to_string().into_bytes();
            commit = commit.unchanged(key.clone(), revision).put(key, bytes);
        }
        Ok(commit)
    }

    /// The commit that makes the access keys of a user, in the state that they had: at no moment
    /// does one sign that is not to.
    async fn keys_of(
        &self,
        sealing: &Sealing,
        user: &User,
        record: &mut UserRecord,
        secrets: &UserSecrets<'_>,
        now: Timestamp,
    ) -> Result<Commit, DirectoryError> {
        let mut commit = Commit::new();
        let owner = KeyOwner::User(user.account, user.id);
        for (image, secret, nonce) in &secrets.keys {
            let id = record::constrained::<AccessKeyId>("an access key id", &image.id)
                .map_err(refused)?;
            let key = keys::access_key(&id)?;
            if self.store.get(&key).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::AccessKey(id)));
            }
            let parsed = SecretAccessKey::parse(&secret.secret)
                .map_err(|_| refused(format!("the secret of {id} is none")))?;
            let new = NewAccessKey { id, secret: parsed, nonce: *nonce, created: now };
            let mut sealed = Self::seal(&sealing.ring, &new, owner)?;
            sealed.status =
                if image.active { StatusRecord::Active } else { StatusRecord::Inactive };
            self.made::<AccessKey>(&sealed)?;
            record.access_keys.push(sealed.id.clone());
            let bytes = encode(&sealed).ok_or_else(too_large)?;
            commit = commit.absent(key.clone()).put(key, bytes);
        }
        record.access_keys.sort();
        Ok(commit)
    }

    async fn password_of(
        &self,
        commit: Commit,
        account: AccountId,
        user: UniqueId,
        secrets: &UserSecrets<'_>,
        now: Timestamp,
    ) -> Result<Commit, DirectoryError> {
        let Some(password) = secrets.password else { return Ok(commit) };
        let key = keys::login_profile(user)?;
        for hash in std::iter::once(&password.hash).chain(&password.previous) {
            PasswordHash::parse(hash).map_err(refused)?;
        }
        // Its age goes on: who has to change it soon has to here too.
        let changed = record::timestamp(&password.changed).map_err(refused)?.min(now);
        let record = LoginProfileRecord {
            account: account.to_string(),
            user: user.to_string(),
            created: now.to_string(),
            changed: changed.to_string(),
            reset_required: password.reset_required,
            hash: password.hash.clone(),
            previous: password.previous.iter().take(REMEMBERED).cloned().collect(),
        };
        self.made::<LoginProfile>(&record)?;
        let bytes = encode(&record).ok_or_else(too_large)?;
        Ok(commit.absent(key.clone()).put(key, bytes))
    }

    /// Adds devices to `commit`: a user's, whose record is given, or nobody's.
    async fn devices_of(
        &self,
        mut commit: Commit,
        sealing: &Sealing,
        mut owner: Option<&mut UserRecord>,
        account: AccountId,
        devices: &[NewDevice<'_>],
        now: Timestamp,
    ) -> Result<Commit, DirectoryError> {
        if devices.is_empty() {
            return Ok(commit);
        }
        for NewDevice { image, secret, id, nonce } in devices {
            let name: VirtualMfaDeviceName =
                record::constrained("the name of a device", &image.name).map_err(refused)?;
            let path = judge::path(&image.path).map_err(refused)?;
            check_seed(secret).map_err(refused)?;
            let new = NewMfaDevice {
                account,
                id: *id,
                name,
                path,
                seed: seed(&secret.seed).map_err(refused)?,
                nonce: *nonce,
                tags: judge::tags(&image.tags, &self.quotas).map_err(refused)?,
                created: now,
            };
            // SECURITY: no code that was taken there up to now is taken here.
            let step = Some(secret.last_step.unwrap_or_default().max(Step::at(now).number()));
            let assigned = owner.as_ref().map(|user| AssignmentRecord {
                user: user.common.id.clone(),
                enabled: now.to_string(),
            });
            let record = MfaDeviceRecord {
                account: account.to_string(),
                id: id.to_string(),
                name: new.name.to_string(),
                path: new.path.to_string(),
                created: now.to_string(),
                sealed_seed: sealed(&sealing.ring, &new)?,
                assigned,
                last_step: step,
                drift: secret.drift,
                tags: tags::records(&new.tags),
            };
            let device = self.made::<MfaDevice>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let lower = image.name.to_ascii_lowercase();
            let name_key = keys::name(Noun::MfaDevice, account, &lower)?;
            if self.store.get(&name_key).await?.is_some() {
                return Err(DirectoryError::AlreadyExists(Entity::MfaDevice(device.name)));
            }
            let key = keys::entity(Noun::MfaDevice, *id)?;
            commit = commit
                .absent(name_key.clone())
                .put(name_key, id.to_string().into_bytes())
                .absent(key.clone())
                .put(key, bytes);
            if let Some(user) = &mut owner {
                user.mfa_devices.push(id.to_string());
                user.mfa_devices.sort();
            }
        }
        self.require_account(account).await?;
        let key = keys::count(Noun::MfaDevice, account)?;
        let (count, at): (u32, Option<Revision>) = match self.store.get(&key).await? {
            Some(entry) => (count_of(&key, &entry)?, Some(entry.revision)),
            None => (0, None),
        };
        let more = u32::try_from(devices.len()).unwrap_or(u32::MAX);
        let count = count.saturating_add(more);
        if count > self.quotas.users {
            let limit = Limit::VirtualMfaDevicesPerAccount(self.quotas.users);
            return Err(DirectoryError::LimitExceeded(limit));
        }
        let commit = match at {
            Some(revision) => commit.unchanged(key.clone(), revision),
            None => commit.absent(key.clone()),
        };
        let commit = commit.put(key, count.to_string().into_bytes());
        let in_use = if owner.is_some() { i64::from(more) } else { 0 };
        self.change_total(Total::MfaDevicesInUse, account, commit, in_use, None).await
    }

    /// Fails when a user would have more of something than may be.
    fn bounds_of(&self, record: &UserRecord) -> Result<(), DirectoryError> {
        let quotas = &self.quotas;
        let bounds = [
            (record.groups.len(), quotas.groups_per_user, Limit::GroupsPerUser as fn(u32) -> Limit),
            (record.access_keys.len(), quotas.access_keys_per_user, Limit::AccessKeysPerUser),
            (record.mfa_devices.len(), quotas.mfa_devices_per_user, Limit::MfaDevicesPerUser),
        ];
        for (count, max, limit) in bounds {
            if !u32::try_from(count).is_ok_and(|count| count <= max) {
                return Err(DirectoryError::LimitExceeded(limit(max)));
            }
        }
        Ok(())
    }
}

/// Whether a device can be made of a seed.
pub(super) fn check_seed(secret: &SeedSecret) -> Result<(), String> {
    if !(-MAX_DRIFT..=MAX_DRIFT).contains(&secret.drift) {
        return Err("its clock is off by too much".to_owned());
    }
    seed(&secret.seed).map(|_| ())
}

fn seed(text: &str) -> Result<Seed, String> {
    let none = || "its seed is none".to_owned();
    let bytes = Zeroizing::new(BASE64.decode(text.as_bytes()).map_err(|_| none())?);
    let mut seed = Zeroizing::new([0; SEED_LEN]);
    if bytes.len() != seed.len() {
        return Err(none());
    }
    seed.copy_from_slice(&bytes);
    Ok(Seed::from_bytes(seed))
}
