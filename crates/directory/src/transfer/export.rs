//! The document of an account, piece by piece: whatever the account holds, no more of it than one
//! page is in memory; of the secrets, all of them.
//!
//! Every entity is as it was at one moment; the account as a whole is not, when it is changed
//! meanwhile. In the end all names are looked at again: a document is not written in which something
//! is missing or told twice because it was renamed. Something that cannot be read ends the export: a document that leaves something out
//! would pass for a whole one.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_lc_rs::digest::{Context, SHA256};
use data_encoding::BASE64;
use daypass_names::{AccountId, PathPrefix, UniqueId};
use daypass_token::Nonce;
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

use super::document::{
    DOCUMENT_END, DOCUMENT_FORMAT, DOCUMENT_VERSION, DeviceImage, OpenDigest, RegionsImage,
    SECRETS_MEMBER, SamlImage, UserImage,
};
use super::secrets::{
    KeySecret, Owner, Passphrase, PasswordSecret, SALT, SamlKeySecret, Secrets, SeedSecret,
};
use crate::directory::ATTEMPTS;
use crate::keys;
use crate::named::Listed;
use crate::record::TokenVersionRecord;
use crate::{
    AccessKey, Directory, DirectoryError, LoginProfile, MfaDevice, PolicyScope, SamlProvider,
    SecretsFault, User,
};

/// Entities that are read at once. A managed policy has five documents, a user may have 256 KiB of
/// inline policies.
const PAGE: usize = 20;

/// SAML providers that are read at once: each may have some megabytes of metadata.
const SAML_PAGE: usize = 1;

/// What an export is made of.
#[derive(Debug)]
pub struct NewExport {
    /// The account.
    pub account: AccountId,
    /// The id of the export, drawn at random: 32 hexadecimal digits.
    pub id: String,
    /// Now.
    pub at: Timestamp,
    /// What to seal the secrets under; none to leave them out.
    pub passphrase: Option<Passphrase>,
    /// Random bytes for this export alone.
    pub salt: [u8; SALT],
    /// Random bytes for this export alone.
    pub nonce: [u8; Nonce::LENGTH],
}

/// How many of what an export has told.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct ExportCounts {
    /// Customer managed policies.
    pub policies: u64,
    /// Groups.
    pub groups: u64,
    /// Roles.
    pub roles: u64,
    /// Users.
    pub users: u64,
    /// Instance profiles.
    pub instance_profiles: u64,
    /// Virtual MFA devices.
    pub mfa_devices: u64,
    /// OpenID Connect providers.
    pub oidc_providers: u64,
    /// SAML providers.
    pub saml_providers: u64,
    /// Secrets: access keys, passwords, seeds and private keys.
    pub secrets: u64,
}

/// The lists of a document, in their order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Section {
    Policies,
    Groups,
    Oidc,
    Saml,
    Roles,
    Users,
    Profiles,
    Devices,
}

const SECTIONS: [(Section, &str); 8] = [
    (Section::Policies, "policies"),
    (Section::Groups, "groups"),
    (Section::Oidc, "oidcProviders"),
    (Section::Saml, "samlProviders"),
    (Section::Roles, "roles"),
    (Section::Users, "users"),
    (Section::Profiles, "instanceProfiles"),
    (Section::Devices, "mfaDevices"),
];

/// Where the document goes on.
#[derive(Debug)]
enum Place {
    Head,
    /// In the section of that number, behind that name; whether something of it was told, and
    /// whether it is gone through again, for what was renamed to a name behind.
    In(usize, Option<String>, bool, bool),
    End,
    Done,
}

/// The document of an account on its way out.
pub struct Export {
    new: NewExport,
    /// Of all that was given out before the secrets.
    digest: Context,
    /// What was told, by the number of its section and its id.
    told: BTreeMap<(usize, UniqueId), Label>,
    /// Whom that names: numbers of sections and lower-case names.
    referred: BTreeSet<(usize, String)>,
    place: Place,
    secrets: Secrets,
    counts: ExportCounts,
}

impl std::fmt::Debug for Export {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Export").field("new", &self.new).field("place", &self.place).finish()
    }
}

impl Export {
    /// An export that has not begun.
    pub fn new(new: NewExport) -> Self {
        Self {
            new,
            digest: Context::new(&SHA256),
            told: BTreeMap::new(),
            referred: BTreeSet::new(),
            place: Place::Head,
            secrets: Secrets::default(),
            counts: ExportCounts::default(),
        }
    }

    /// How many of what were told so far.
    pub fn counts(&self) -> ExportCounts {
        self.counts
    }

    /// The next piece of the document; none when it is whole.
    ///
    /// # Errors
    /// [`DirectoryError::NotFound`] of the account, [`DirectoryError::Secrets`], or what could not
    /// be read; the document is then to be thrown away.
    pub async fn next(&mut self, directory: &Directory) -> Result<Option<Vec<u8>>, DirectoryError> {
        // Others have their turn.
        tokio::task::yield_now().await;
        let mut out = Vec::new();
        match std::mem::replace(&mut self.place, Place::Done) {
            Place::Head => {
                self.head(directory, &mut out).await?;
                self.place = self.enter(0, &mut out);
            }
            Place::In(number, after, begun, again) => {
                let told = self.page(directory, number, after.as_deref()).await?;
                for (index, item) in told.items.iter().enumerate() {
                    let first = index == 0 && !begun;
                    out.extend_from_slice(if first { b"\n    " } else { b",\n    " });
                    out.extend_from_slice(item);
                }
                let begun = begun || !told.items.is_empty();
                self.told.extend(told.entries.into_iter().map(|entry| (entry.key, entry.label)));
                self.referred.extend(told.referred);
                self.place = match told.next {
                    Some(next) => Place::In(number, Some(next), begun, again),
                    None if !again => Place::In(number, None, begun, true),
                    None => {
                        out.extend_from_slice(if begun { b"\n  ]" } else { b"]" });
                        self.enter(number.saturating_add(1), &mut out)
                    }
                };
            }
            Place::End => {
                self.require_consistent(directory).await?;
                self.end(directory, &mut out).await?;
                return Ok(Some(out));
            }
            Place::Done => return Ok(None),
        }
        self.digest.update(&out);
        Ok(Some(out))
    }

    async fn head(&self, directory: &Directory, out: &mut Vec<u8>) -> Result<(), DirectoryError> {
        let account = self.new.account;
        let alias = directory.account_alias(account).await?.map(|alias| alias.to_string());
        let policy = match directory.password_policy(account).await {
            Ok(policy) => Some(policy),
            Err(DirectoryError::NotFound(_)) => None,
            Err(error) => return Err(error),
        };
        let version = directory.chosen_token_version(account).await?;
        let version = version.map(TokenVersionRecord::from);
        let regions = &directory.account(account).await?.regions;
        let regions = (!regions.is_silent()).then(|| {
            let (enabled, without_sts) = regions.texts();
            RegionsImage { enabled, without_sts }
        });
        let members: [(&str, Value); 9] = [
            ("format", DOCUMENT_FORMAT.into()),
            ("version", DOCUMENT_VERSION.into()),
            ("exportId", self.new.id.as_str().into()),
            ("exported", self.new.at.to_string().into()),
            ("accountId", account.to_string().into()),
            ("alias", alias.into()),
            ("passwordPolicy", json!(policy)),
            ("tokenVersion", json!(version)),
            ("regions", json!(regions)),
        ];
        for (index, (name, value)) in members.iter().enumerate() {
            let before = if index == 0 { "{\n  " } else { ",\n  " };
            out.extend_from_slice(format!("{before}\"{name}\": {value}").as_bytes());
        }
        Ok(())
    }

    /// Begins the section of that number, or the end.
    fn enter(&self, number: usize, out: &mut Vec<u8>) -> Place {
        match SECTIONS.get(number) {
            Some((_, name)) => {
                out.extend_from_slice(format!(",\n  \"{name}\": [").as_bytes());
                Place::In(number, None, false, false)
            }
            None => Place::End,
        }
    }

    async fn end(
        &mut self,
        directory: &Directory,
        out: &mut Vec<u8>,
    ) -> Result<(), DirectoryError> {
        if let Some(passphrase) = &self.new.passphrase {
            let NewExport { account, id, salt, nonce, .. } = &self.new;
            let (passphrase, ids) = (passphrase.clone(), (id.clone(), account.to_string()));
            let account = *account;
            let open = self.digest.clone().finish();
            let open: OpenDigest = open.as_ref().try_into().map_err(|_| SecretsFault::Form)?;
            let (secrets, salt, nonce) = (std::mem::take(&mut self.secrets), *salt, *nonce);
            let sealing = move || {
                let owner = Owner { export_id: &ids.0, account: &ids.1, open: &open };
                secrets.seal(&passphrase, owner, salt, nonce)
            };
            let sealed = directory.hashing.run(account, sealing).await??;
            let sealed = serde_json::to_string(&sealed).map_err(|_| SecretsFault::TooLarge)?;
            out.extend_from_slice(format!("{SECRETS_MEMBER}{sealed}").as_bytes());
        }
        out.extend_from_slice(DOCUMENT_END.as_bytes());
        Ok(())
    }

    /// A page of a section.
    async fn page(
        &mut self,
        directory: &Directory,
        number: usize,
        after: Option<&str>,
    ) -> Result<Told, DirectoryError> {
        for _ in 1..ATTEMPTS {
            let before = (self.counts, self.secrets.marks());
            match self.read(directory, number, after).await {
                // Something that another thing refers to went between two reads.
                Err(DirectoryError::NotFound(_) | DirectoryError::Corrupt { .. }) => {
                    self.counts = before.0;
                    self.secrets.back_to(before.1);
                }
                outcome => return outcome,
            }
        }
        self.read(directory, number, after).await
    }

    async fn read(
        &mut self,
        directory: &Directory,
        number: usize,
        after: Option<&str>,
    ) -> Result<Told, DirectoryError> {
        let (account, all) = (self.new.account, &PathPrefix::default());
        let mut told = Told::default();
        let Some((section, _)) = SECTIONS.get(number) else { return Ok(told) };
        // Tells those of a page that were not told before: what is renamed may come twice.
        macro_rules! tell {
            ($page:expr, $image:ident, $count:ident, |$entity:ident, $made:ident| $also:expr) => {{
                let page = $page.await?;
                for $entity in &page.items {
                    let entry = Entry::of(number, &**$entity, $entity.created);
                    if self.told.contains_key(&entry.key) {
                        continue;
                    }
                    let $made = directory.$image($entity).await?;
                    told.items.push(item(&$made)?);
                    told.entries.push(entry);
                    self.counts.$count += 1;
                    $also
                }
                page.next
            }};
        }
        told.next = match section {
            Section::Policies => {
                let page =
                    directory.managed_policies(account, PolicyScope::Local, all, after, PAGE);
                tell!(page, policy_image, policies, |policy, _image| ())
            }
            Section::Groups => {
                let page = directory.groups(account, all, after, PAGE);
                tell!(page, group_image, groups, |group, _image| ())
            }
            Section::Oidc => {
                let page = directory.oidc_providers(account, after, PAGE).await?;
                for provider in &page.items {
                    let entry = Entry::of(number, &**provider, provider.created);
                    if self.told.contains_key(&entry.key) {
                        continue;
                    }
                    told.items.push(item(&Directory::oidc_image(provider))?);
                    told.entries.push(entry);
                    self.counts.oidc_providers += 1;
                }
                page.next
            }
            Section::Saml => {
                let page = directory.saml_providers(account, after, SAML_PAGE).await?;
                for provider in &page.items {
                    let entry = Entry::of(number, &**provider, provider.created);
                    if self.told.contains_key(&entry.key) {
                        continue;
                    }
                    let stored = directory.saml_metadata(provider).await?;
                    let image = Directory::saml_image(&stored.provider, stored.document);
                    told.items.push(item(&image)?);
                    told.entries.push(entry);
                    self.counts.saml_providers += 1;
                    self.private_keys_of(directory, &stored.provider, &image).await?;
                }
                page.next
            }
            Section::Roles => {
                let page = directory.roles(account, all, after, PAGE);
                tell!(page, role_image, roles, |role, _image| ())
            }
            Section::Users => {
                let page = directory.users(account, all, after, PAGE);
                tell!(page, user_image, users, |user, image| {
                    told.refer(Section::Groups, &image.groups);
                    self.secrets_of(directory, user, &image).await?;
                })
            }
            Section::Profiles => {
                let page = directory.instance_profiles(account, all, after, PAGE);
                tell!(page, profile_image, instance_profiles, |profile, image| {
                    told.refer(Section::Roles, &image.roles);
                })
            }
            Section::Devices => {
                let page = directory.mfa_devices(account, after, PAGE);
                tell!(page, device_image, mfa_devices, |device, image| {
                    told.refer(Section::Users, image.user.as_slice());
                    self.seed_of(device, &image);
                })
            }
        };
        Ok(told)
    }

    /// What there is now of a section, without what it holds.
    async fn entries(
        &self,
        directory: &Directory,
        number: usize,
        after: Option<&str>,
    ) -> Result<(Vec<Entry>, Option<String>), DirectoryError> {
        let (account, all) = (self.new.account, &PathPrefix::default());
        let Some((section, _)) = SECTIONS.get(number) else { return Ok((Vec::new(), None)) };
        macro_rules! entries {
            ($page:expr) => {{
                let page = $page.await?;
                let entries = page.items.iter();
                (entries.map(|one| Entry::of(number, &**one, one.created)).collect(), page.next)
            }};
        }
        Ok(match section {
            Section::Policies => {
                let scope = PolicyScope::Local;
                entries!(directory.managed_policies(account, scope, all, after, PAGE))
            }
            Section::Groups => entries!(directory.groups(account, all, after, PAGE)),
            Section::Oidc => entries!(directory.oidc_providers(account, after, PAGE)),
            Section::Saml => entries!(directory.saml_providers(account, after, PAGE)),
            Section::Roles => entries!(directory.roles(account, all, after, PAGE)),
            Section::Users => entries!(directory.users(account, all, after, PAGE)),
            Section::Profiles => {
                entries!(directory.instance_profiles(account, all, after, PAGE))
            }
            Section::Devices => entries!(directory.mfa_devices(account, after, PAGE)),
        })
    }

    /// Refuses a document in which something is missing that was there all the time, or has a name
    /// that others in it do not know it by.
    async fn require_consistent(&self, directory: &Directory) -> Result<(), DirectoryError> {
        let changed = || DirectoryError::Refused(CHANGED.to_owned());
        for number in 0..SECTIONS.len() {
            let mut after: Option<String> = None;
            loop {
                tokio::task::yield_now().await;
                let (entries, next) = self.entries(directory, number, after.as_deref()).await?;
                for entry in entries {
                    let is_new = || entry.created.as_second() >= self.new.at.as_second();
                    match self.told.get(&entry.key) {
                        Some(label) if *label == entry.label => {}
                        None if is_new() => {}
                        _ => return Err(changed()),
                    }
                }
                match next {
                    Some(next) => after = Some(next),
                    None => break,
                }
            }
        }
        let mut names = BTreeSet::new();
        for ((number, _), label) in &self.told {
            if !names.insert((*number, label.lower.as_str())) {
                return Err(changed());
            }
        }
        let is_told = |(number, name): &(usize, String)| names.contains(&(*number, name.as_str()));
        match self.referred.iter().all(is_told) {
            true => Ok(()),
            false => Err(changed()),
        }
    }

    async fn secrets_of(
        &mut self,
        directory: &Directory,
        user: &Arc<User>,
        image: &UserImage,
    ) -> Result<(), DirectoryError> {
        if self.new.passphrase.is_none() {
            return Ok(());
        }
        // Of the keys and the password that were told, and as they were told.
        for told in &image.access_keys {
            let id = user.access_keys.iter().find(|id| id.as_str() == told.id);
            let Some(id) = id else { continue };
            if let Some(key) = directory.find::<AccessKey>(&keys::access_key(id)?).await? {
                self.secrets.access_keys.push(KeySecret {
                    id: told.id.clone(),
                    user: image.name.clone(),
                    active: told.active,
                    secret: key.secret.expose().to_owned(),
                });
                self.counts.secrets += 1;
            }
        }
        if !image.has_password {
            return Ok(());
        }
        let key = keys::login_profile(user.id)?;
        if let Some(profile) = directory.find::<LoginProfile>(&key).await? {
            let (hash, previous) = profile.hashes();
            self.secrets.passwords.push(PasswordSecret {
                user: image.name.clone(),
                hash: hash.to_owned(),
                previous: previous.map(str::to_owned).collect(),
                changed: profile.changed.to_string(),
                reset_required: profile.reset_required,
            });
            self.counts.secrets += 1;
        }
        Ok(())
    }

    async fn private_keys_of(
        &mut self,
        directory: &Directory,
        provider: &SamlProvider,
        image: &SamlImage,
    ) -> Result<(), DirectoryError> {
        if self.new.passphrase.is_none() {
            return Ok(());
        }
        for listed in &provider.private_keys {
            if let Some(key) = directory.saml_private_key(provider, &listed.id).await? {
                self.secrets.saml_keys.push(SamlKeySecret {
                    provider: image.name.clone(),
                    id: listed.id.to_string(),
                    key: BASE64.encode(key.expose_pkcs8()),
                });
                self.counts.secrets += 1;
            }
        }
        Ok(())
    }

    fn seed_of(&mut self, device: &MfaDevice, image: &DeviceImage) {
        if self.new.passphrase.is_none() {
            return;
        }
        self.secrets.mfa_seeds.push(SeedSecret {
            device: image.name.clone(),
            user: image.user.clone(),
            seed: BASE64.encode(device.seed.as_bytes()),
            last_step: device.last_step.map(daypass_federation::totp::Step::number),
            drift: device.drift,
        });
        self.counts.secrets += 1;
    }
}

/// Why a document is thrown away.
const CHANGED: &str = "the account was changed while it was read (something was renamed, or made and \
                       referred to): repeat the export";

/// What is called how.
#[derive(Debug, Eq, PartialEq)]
struct Label {
    name: String,
    lower: String,
    path: String,
}

/// Something that there is.
struct Entry {
    /// The number of its section, and its id.
    key: (usize, UniqueId),
    label: Label,
    created: Timestamp,
}

impl Entry {
    fn of<T: Listed>(number: usize, entity: &T, created: Timestamp) -> Self {
        let about = entity.about();
        let name = about.name.to_string();
        // Of URLs the case counts.
        let lower = T::indexed(about.name);
        let label = Label { name, lower, path: about.path.to_string() };
        Self { key: (number, about.id), label, created }
    }
}

/// A page of a section as JSON, and where the section goes on.
#[derive(Default)]
struct Told {
    items: Vec<Vec<u8>>,
    /// What the items are.
    entries: Vec<Entry>,
    /// Whom they name: sections and lower-case names.
    referred: Vec<(usize, String)>,
    next: Option<String>,
}

impl Told {
    fn refer(&mut self, section: Section, names: &[String]) {
        let number = SECTIONS.iter().position(|(one, _)| *one == section).unwrap_or_default();
        self.referred.extend(names.iter().map(|name| (number, name.to_ascii_lowercase())));
    }
}

fn item(image: &impl Serialize) -> Result<Vec<u8>, DirectoryError> {
    serde_json::to_vec(image).map_err(|error| DirectoryError::Refused(error.to_string()))
}
