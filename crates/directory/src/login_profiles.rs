//! Login profiles: the password of a user, kept as its hash with those before it.
//!
//! A login profile goes before its user does. Whatever is slow happens before the commit; the
//! commit demands that the profile and the account's password policy are still those that were
//! looked at.

use std::sync::Arc;

use daypass_names::{AccountId, UniqueId, UniqueIdKind};
use daypass_store::{Commit, Key, StoreError};
use jiff::{SignedDuration, Timestamp};

use crate::cache::Cache;
use crate::directory::{ATTEMPTS, Editing, Stored, encode};
use crate::keys::{self, Kind};
use crate::password_policy::{GREATEST_REUSE_PREVENTION, InForce};
use crate::passwords::PasswordHash;
use crate::record::{self, LoginProfileRecord};
use crate::{
    Directory, DirectoryError, Entity, NewPassword, Noting, Password, PasswordFault, PasswordPolicy,
};

/// Most passwords that are remembered behind the present one.
pub(crate) const REMEMBERED: usize = GREATEST_REUSE_PREVENTION as usize;

/// The password of a user, as it is kept.
#[derive(Debug)]
pub struct LoginProfile {
    /// The account that the user belongs to.
    pub account: AccountId,
    /// Whose it is.
    pub user: UniqueId,
    /// When the user got a password.
    pub created: Timestamp,
    /// When the present password was set.
    pub changed: Timestamp,
    /// Whether the user must set another one at the next sign-in.
    pub reset_required: bool,
    hash: PasswordHash,
    /// Those before, newest first.
    previous: Vec<PasswordHash>,
}

/// What may be done with a password that is right.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum PasswordStanding {
    /// The user may sign in with it.
    Good,
    /// The user must set another one first.
    MustChange,
    /// It has expired, and only somebody else may set another one.
    Locked,
}

/// What a new login profile is made of.
#[derive(Clone, Debug)]
pub struct NewLoginProfile {
    /// The password.
    pub password: NewPassword,
    /// Whether the user must set another one at the next sign-in.
    pub reset_required: bool,
    /// When it is made.
    pub created: Timestamp,
}

/// What is to be changed of a login profile; what is [`None`] stays.
#[derive(Clone, Debug)]
pub struct LoginProfileChange {
    /// Another password.
    pub password: Option<NewPassword>,
    /// Whether the user must set another one at the next sign-in.
    pub reset_required: Option<bool>,
    /// When it is changed.
    pub at: Timestamp,
}

impl LoginProfile {
    /// When the password expires, under the policy of its account.
    pub fn expires(&self, policy: Option<&PasswordPolicy>) -> Option<Timestamp> {
        let days = policy?.max_age?;
        self.changed.checked_add(SignedDuration::from_hours(24 * i64::from(days))).ok()
    }

    /// What may be done with the password now, by whoever knows it.
    pub fn standing(&self, policy: Option<&PasswordPolicy>, now: Timestamp) -> PasswordStanding {
        let has_expired = self.expires(policy).is_some_and(|expires| now >= expires);
        let is_hard = policy.is_some_and(|policy| policy.hard_expiry == Some(true));
        match (has_expired, is_hard) {
            (true, true) => PasswordStanding::Locked,
            (true, false) => PasswordStanding::MustChange,
            (false, _) if self.reset_required => PasswordStanding::MustChange,
            (false, _) => PasswordStanding::Good,
        }
    }

    /// SECURITY: the hash of the present password and those before it, for an export that seals them.
    pub(crate) fn hashes(&self) -> (&str, impl Iterator<Item = &str>) {
        (self.hash.as_str(), self.previous.iter().map(PasswordHash::as_str))
    }

    /// The hashes of passwords that may not come back: when any may not, the present one too.
    fn barred(&self, reuse_prevention: usize) -> impl Iterator<Item = &PasswordHash> {
        let before = self.previous.iter().take(reuse_prevention);
        std::iter::once(&self.hash).filter(move |_| reuse_prevention > 0).chain(before)
    }
}

impl Directory {
    /// The login profile of a user.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the profile.
    pub async fn login_profile(
        &self,
        account: AccountId,
        user: UniqueId,
    ) -> Result<Arc<LoginProfile>, DirectoryError> {
        let found = self.find::<LoginProfile>(&keys::login_profile(user)?).await?;
        match found.filter(|profile| profile.account == account) {
            Some(profile) => Ok(profile),
            None => Err(self.without_profile(account, user).await?),
        }
    }

    /// Gives a user a password.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user, [`DirectoryError::AlreadyExists`],
    /// [`DirectoryError::Password`] when the policy does not take it, or
    /// [`DirectoryError::Busy`].
    pub async fn create_login_profile(
        &self,
        account: AccountId,
        user: UniqueId,
        new: NewLoginProfile,
        noting: &dyn Noting<LoginProfile>,
    ) -> Result<Arc<LoginProfile>, DirectoryError> {
        let key = keys::login_profile(user)?;
        let mut hashed = None;
        for _ in 0..ATTEMPTS {
            let owner = self.user_by_id(account, user).await?;
            if self.store.get(&key).await?.is_some() {
                let entity = Entity::LoginProfile(owner.name.clone());
                return Err(DirectoryError::AlreadyExists(entity));
            }
            let in_force = self.password_policy_in_force(account).await?;
            in_force.judge(&new.password.password)?;
            let hash = self.hashed(account, &new.password, &mut hashed).await?;
            let record = LoginProfileRecord {
                account: account.to_string(),
                user: user.to_string(),
                created: new.created.to_string(),
                changed: new.created.to_string(),
                reset_required: new.reset_required,
                hash: hash.as_str().to_owned(),
                previous: Vec::new(),
            };
            let made = self.made::<LoginProfile>(&record)?;
            let bytes = encode(&record).ok_or_else(too_large)?;
            let commit = Commit::new().present(keys::entity(Kind::User, user)?);
            let commit = in_force.guard(commit.absent(key.clone()).put(key.clone(), bytes));
            if self.commit_noted(commit, noting, &made).await? {
                return Ok(Arc::new(made));
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Gives a user another password, by somebody who need not know the present one, or says
    /// whether the user must change it. That nothing changed is noted all the same.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the profile, [`DirectoryError::Password`]
    /// when the policy does not take it, or [`DirectoryError::Busy`].
    pub async fn update_login_profile(
        &self,
        account: AccountId,
        user: UniqueId,
        change: LoginProfileChange,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        self.write_profile(account, user, None, &change, noting).await
    }

    /// Gives a user another password, if `old` is the present one. A password that has expired can
    /// be changed too; whether it may be at sign-in, [`LoginProfile::standing`] says.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the profile,
    /// [`DirectoryError::WrongPassword`], [`DirectoryError::TooManyWrongPasswords`],
    /// [`DirectoryError::Password`] when the policy does not take the new one, or
    /// [`DirectoryError::Busy`].
    pub async fn change_password(
        &self,
        account: AccountId,
        user: UniqueId,
        old: Arc<Password>,
        new: NewPassword,
        at: Timestamp,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        let change = LoginProfileChange { password: Some(new), reset_required: Some(false), at };
        self.write_profile(account, user, Some(&old), &change, noting).await
    }

    /// The login profile of a user, if `password` is its password; see [`LoginProfile::standing`].
    ///
    /// # Errors
    /// As [`Directory::change_password`].
    pub async fn verify_password(
        &self,
        account: AccountId,
        user: UniqueId,
        password: Arc<Password>,
        now: Timestamp,
    ) -> Result<Arc<LoginProfile>, DirectoryError> {
        let profile = self.login_profile(account, user).await?;
        self.prove(&profile, &password, now).await?;
        Ok(profile)
    }

    /// Takes a user's password away, and what is remembered of those before.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the user or of the profile.
    pub async fn delete_login_profile(
        &self,
        account: AccountId,
        user: UniqueId,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            let editing = self.edit_profile(account, user).await?;
            let commit = editing.unchanged().delete(editing.key.clone());
            if self.commit_noted(commit, noting, &()).await? {
                self.login_profiles.forget(&editing.key);
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    async fn write_profile(
        &self,
        account: AccountId,
        user: UniqueId,
        old: Option<&Arc<Password>>,
        change: &LoginProfileChange,
        noting: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        // What was found out by hashing is not found out again when others were faster.
        let (mut proven, mut hashed, mut cleared) = (None, None, Vec::new());
        for _ in 0..ATTEMPTS {
            let mut editing = self.edit_profile(account, user).await?;
            if let Some(old) = old
                && proven.as_ref() != Some(&editing.value.hash)
            {
                self.prove(&editing.value, old, change.at).await?;
                proven = Some(editing.value.hash.clone());
            }
            let mut in_force = None;
            if let Some(new) = &change.password {
                let policy = self.password_policy_in_force(account).await?;
                policy.judge(&new.password)?;
                self.refuse_reuse(&editing.value, &policy, new, &mut cleared).await?;
                let hash = self.hashed(account, new, &mut hashed).await?;
                let record = &mut editing.record;
                let before = std::mem::replace(&mut record.hash, hash.as_str().to_owned());
                record.previous.insert(0, before);
                record.previous.truncate(REMEMBERED);
                record.changed = change.at.to_string();
                in_force = Some(policy);
            }
            if let Some(reset_required) = change.reset_required {
                editing.record.reset_required = reset_required;
            }
            self.made::<LoginProfile>(&editing.record)?;
            let commit = editing.rewrite().ok_or_else(too_large)?;
            let commit = match in_force {
                Some(policy) => policy.guard(commit),
                None => commit,
            };
            if self.commit_noted(commit, noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// The record of a user's login profile, to be changed.
    async fn edit_profile(
        &self,
        account: AccountId,
        user: UniqueId,
    ) -> Result<Editing<LoginProfile>, DirectoryError> {
        let editing = self.edit::<LoginProfile>(keys::login_profile(user)?).await?;
        match editing.filter(|editing| editing.value.account == account) {
            Some(editing) => Ok(editing),
            None => Err(self.without_profile(account, user).await?),
        }
    }

    /// What to say of a user who has no login profile, or is not there.
    async fn without_profile(
        &self,
        account: AccountId,
        user: UniqueId,
    ) -> Result<DirectoryError, DirectoryError> {
        let user = self.user_by_id(account, user).await?;
        Ok(DirectoryError::NotFound(Entity::LoginProfile(user.name.clone())))
    }

    /// Fails unless a password is the present one of a profile.
    async fn prove(
        &self,
        profile: &LoginProfile,
        password: &Arc<Password>,
        now: Timestamp,
    ) -> Result<(), DirectoryError> {
        self.guesses.begin(profile.user, now)?;
        let (hash, password) = (profile.hash.clone(), Arc::clone(password));
        match self.hashing.run(profile.account, move || hash.is_of(&password)).await {
            Ok(true) => {
                self.guesses.right(profile.user);
                Ok(())
            }
            Ok(false) => Err(DirectoryError::WrongPassword),
            Err(error) => {
                self.guesses.take_back(profile.user);
                Err(error)
            }
        }
    }

    /// Fails when the policy bars a password because the user had it lately. `cleared` are hashes
    /// that are known not to be of it.
    async fn refuse_reuse(
        &self,
        profile: &LoginProfile,
        policy: &InForce,
        new: &NewPassword,
        cleared: &mut Vec<PasswordHash>,
    ) -> Result<(), DirectoryError> {
        let barred = profile.barred(policy.reuse_prevention());
        let open: Vec<PasswordHash> =
            barred.filter(|hash| !cleared.contains(hash)).cloned().collect();
        if open.is_empty() {
            return Ok(());
        }
        let password = Arc::clone(&new.password);
        let looking = move || (open.iter().any(|hash| hash.is_of(&password)), open);
        let (is_reused, open) = self.hashing.run(profile.account, looking).await?;
        if is_reused {
            return Err(PasswordFault::reused().into());
        }
        cleared.extend(open);
        Ok(())
    }

    /// The hash of a new password, made once.
    async fn hashed(
        &self,
        account: AccountId,
        new: &NewPassword,
        hashed: &mut Option<PasswordHash>,
    ) -> Result<PasswordHash, DirectoryError> {
        if let Some(hash) = hashed {
            return Ok(hash.clone());
        }
        let NewPassword { password, salt } = new.clone();
        let hash = self.hashing.run(account, move || PasswordHash::of(&password, &salt)).await??;
        *hashed = Some(hash.clone());
        Ok(hash)
    }
}

/// INVARIANT: a record is a few kilobytes.
fn too_large() -> DirectoryError {
    DirectoryError::Refused("the login profile is too large".to_owned())
}

impl Stored for LoginProfile {
    type Record = LoginProfileRecord;

    fn from_record(record: &LoginProfileRecord, _: &Directory) -> Result<Self, String> {
        if record.previous.len() > REMEMBERED {
            return Err("more passwords are remembered than may be".to_owned());
        }
        let previous = record.previous.iter().map(|hash| PasswordHash::parse(hash));
        Ok(Self {
            account: record::account(&record.account)?,
            user: record::id_of_kind(&record.user, UniqueIdKind::User)?,
            created: record::timestamp(&record.created)?,
            changed: record::timestamp(&record.changed)?,
            reset_required: record.reset_required,
            hash: PasswordHash::parse(&record.hash)?,
            previous: previous.collect::<Result<_, String>>()?,
        })
    }

    fn key(&self) -> Result<Key, StoreError> {
        keys::login_profile(self.user)
    }

    fn cache(directory: &Directory) -> &Cache<Self> {
        &directory.login_profiles
    }
}
