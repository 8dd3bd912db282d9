//! Planning users, and the MFA devices that they need to get in.

use std::collections::{BTreeMap, BTreeSet};

use daypass_names::UserName;

use super::{Planning, action, dropped_tags, same_tags};
use crate::transfer::document::UserImage;
use crate::transfer::judge::{self, Bounds};
use crate::transfer::plan::{Action, Thing};
use crate::transfer::put_providers::private_key;
use crate::transfer::put_user::check_seed;
use crate::transfer::secrets::Secrets;
use crate::{KeyOwner, record};

/// Whose secrets there are.
#[derive(Default)]
pub(super) struct Index<'a> {
    /// The users of access keys.
    keys: BTreeMap<&'a str, &'a str>,
    passwords: BTreeSet<String>,
    /// Whether a device can be made of it.
    seeds: BTreeMap<String, Result<(), String>>,
    /// Whether a private key is one, by the lower-case name of the SAML provider and its id.
    pub(super) saml_keys: BTreeMap<(String, &'a str), Result<(), String>>,
}

impl<'a> Index<'a> {
    pub(super) fn of(secrets: Option<&'a Secrets>) -> Self {
        let Some(secrets) = secrets else { return Self::default() };
        Self {
            keys: secrets.access_keys.iter().map(|k| (k.id.as_str(), k.user.as_str())).collect(),
            passwords: secrets.passwords.iter().map(|one| one.user.to_ascii_lowercase()).collect(),
            seeds: secrets
                .mfa_seeds
                .iter()
                .map(|one| (one.device.to_ascii_lowercase(), check_seed(one)))
                .collect(),
            saml_keys: secrets
                .saml_keys
                .iter()
                .map(|one| {
                    let of = (one.provider.to_ascii_lowercase(), one.id.as_str());
                    (of, private_key(one).map(|_| ()))
                })
                .collect(),
        }
    }
}

impl Planning<'_> {
    pub(super) fn users(&mut self) {
        for (index, image) in self.document.users.iter().enumerate() {
            let at = (index, image.name.as_str());
            match self.user(image) {
                Ok((action, notes)) => {
                    if action.writes() {
                        self.written_users.insert(image.name.to_ascii_lowercase());
                    }
                    self.push(Thing::User, at, action, notes);
                }
                Err(why) => {
                    self.meant.own.remove(&self.arn("user", &image.path, &image.name));
                    self.leave_out(Thing::User, at, why);
                }
            }
        }
    }

    fn user(&mut self, image: &UserImage) -> Result<(Action, Vec<String>), String> {
        let quotas = self.survey.quotas;
        record::constrained::<UserName>("its name", &image.name)?;
        judge::path(&image.path)?;
        let bounds = Bounds { inline: quotas.user_policy_size, attached: quotas.policies_per_user };
        let mut notes = self.rights(image.rights(), bounds)?;
        for group in &image.groups {
            if !self.groups.contains(&group.to_ascii_lowercase()) {
                return Err(format!("its group {group} is left out"));
            }
        }
        if u32::try_from(image.groups.len()).is_ok_and(|count| count > quotas.groups_per_user) {
            return Err("it is in too many groups".to_owned());
        }
        let lower = image.name.to_ascii_lowercase();
        let here = self.survey.users.get(&lower);
        let withheld = self.fault_of_devices(&lower);
        let (mut brought, mut withholds, mut is_same) = (0, false, true);
        for key in &image.access_keys {
            let owner = self.survey.keys.get(&key.id);
            let is_own = |owner: &KeyOwner| matches!((owner, here), (KeyOwner::User(_, id), Some(here)) if *id == here.id);
            if owner.is_some_and(|owner| !is_own(owner)) {
                return Err(format!("its access key {} is here already, of another owner", key.id));
            }
            let there =
                here.and_then(|here| here.image.access_keys.iter().find(|k| k.id == key.id));
            is_same &= there.is_none_or(|there| there.active == key.active);
            let of = self.secrets.keys.get(key.id.as_str());
            if !of.is_some_and(|of| of.eq_ignore_ascii_case(&image.name)) {
                notes.push(format!("the access key {} is left out: no secret of it", key.id));
                continue;
            }
            if withheld.is_some() {
                withholds = true;
                continue;
            }
            brought += 1;
            is_same &= there.is_some();
        }
        if brought > quotas.access_keys_per_user {
            return Err("it has too many access keys".to_owned());
        }
        if image.has_password {
            match self.secrets.passwords.contains(&lower) {
                true if withheld.is_some() => withholds = true,
                true => is_same &= here.is_some_and(|here| here.image.has_password),
                false => notes.push("its password is left out".to_owned()),
            }
        }
        // SECURITY: whoever needed a device to get in must not get in without it.
        if let Some(why) = withheld
            && withholds
        {
            notes.push(format!("its password and access keys are left out: {why}"));
            self.without_secrets.insert(lower.clone());
        }
        for device in self.devices_of.get(&lower).into_iter().flatten() {
            is_same &=
                self.device_faults.contains_key(device) || self.survey.devices.contains_key(device);
        }
        let beyond = |here: &UserImage| {
            let is_known = |id: &str| image.access_keys.iter().any(|key| key.id == id);
            here.access_keys.iter().any(|key| !is_known(&key.id))
                || (here.has_password && !image.has_password)
        };
        if here.is_some_and(|here| beyond(&here.image)) {
            notes.push("it has keys or a password here that the file has not".to_owned());
        }
        let is_same = here.map(|here| {
            let sorted = |groups: &[String]| {
                groups.iter().map(|name| name.to_ascii_lowercase()).collect::<BTreeSet<_>>()
            };
            is_same
                && here.image.name == image.name
                && here.image.path == image.path
                && sorted(&here.image.groups) == sorted(&image.groups)
                && self.same_rights(here.image.rights(), image.rights())
        });
        Ok((action(is_same), notes))
    }

    pub(super) fn devices(&mut self) {
        for (index, image) in self.document.mfa_devices.iter().enumerate() {
            let at = (index, image.name.as_str());
            let lower = image.name.to_ascii_lowercase();
            if let Some(here) = self.survey.devices.get(&lower) {
                let is_same = here.image.name == image.name
                    && here.image.path == image.path
                    && here.image.user == image.user
                    && same_tags(&here.image.tags, &image.tags);
                self.push(Thing::MfaDevice, at, action(Some(is_same)), Vec::new());
                continue;
            }
            if let Some(why) = self.device_faults.get(&lower) {
                self.leave_out(Thing::MfaDevice, at, why.clone());
                continue;
            }
            let user = image.user.as_ref().map(|user| user.to_ascii_lowercase());
            let owner = user.map(|user| self.written_users.contains(&user));
            match owner {
                Some(false) => {
                    let why = "its user is not brought in".to_owned();
                    self.leave_out(Thing::MfaDevice, at, why);
                }
                _ => self.push(Thing::MfaDevice, at, Action::Create, dropped_tags(&image.tags)),
            }
        }
    }

    /// Which devices cannot be made, and why: known before the users, who need them.
    pub(super) fn faults_of_devices(&mut self) {
        let quotas = self.survey.quotas;
        for image in &self.document.mfa_devices {
            let lower = image.name.to_ascii_lowercase();
            let user = image.user.as_ref().map(|user| user.to_ascii_lowercase());
            let of_user = user.and_then(|user| self.devices_of.get(&user)).map_or(0, Vec::len);
            let is_many = u32::try_from(of_user).is_ok_and(|n| n > quotas.mfa_devices_per_user);
            let fault = match self.secrets.seeds.get(&lower) {
                None => Err("its seed is not in the file".to_owned()),
                Some(Err(why)) => Err(why.clone()),
                Some(Ok(())) if is_many => Err("its user has too many devices".to_owned()),
                Some(Ok(())) => record::constrained::<daypass_names::VirtualMfaDeviceName>(
                    "its name",
                    &image.name,
                )
                .and_then(|_| judge::path(&image.path))
                .and_then(|_| judge::tags(&image.tags, &quotas).map(|_| ())),
            };
            if let Err(why) = fault {
                self.device_faults.insert(lower, why);
            }
        }
    }

    /// Why a user cannot have all its devices, if it cannot.
    fn fault_of_devices(&self, user: &str) -> Option<String> {
        self.devices_of.get(user)?.iter().find_map(|device| {
            if self.survey.devices.contains_key(device) {
                return None;
            }
            let why = self.device_faults.get(device)?;
            Some(format!("its MFA device {device} cannot be brought in, {why}"))
        })
    }
}
