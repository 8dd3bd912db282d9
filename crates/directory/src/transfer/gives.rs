//! What each piece of an import gives: for the record of it, and in short for a dry run. It names what
//! decides over rights (boundary, groups, policies, keys, whom a role trusts); of documents it tells
//! their digests, of secrets only whose they are. The lists are bounded.

use std::collections::{BTreeMap, BTreeSet};

use aws_lc_rs::digest::{SHA256, digest};
use data_encoding::HEXLOWER;
use serde::Serialize;

use super::document::{Document, InlineImage, Rights};
use super::plan::{Action, Plan, Step, Thing};
use super::secrets::OpenedSecrets;
use crate::record::{EncryptionRecord, TokenVersionRecord};
use crate::{OidcSettings, OidcSettingsTold, SamlSettings, SamlSettingsTold};

/// Most entries of a list; how many more there are is counted.
const LISTED: usize = 50;
/// Most names of one kind in words.
const NAMED: usize = 3;

/// What the things of a plan give.
#[derive(Debug)]
pub struct Gives<'a> {
    document: &'a Document,
    plan: &'a Plan,
    /// Owners, in lower case, and ids.
    keys: BTreeSet<(String, &'a str)>,
    /// Users, in lower case.
    passwords: BTreeSet<String>,
    /// SAML providers, in lower case, and ids of their private keys.
    private_keys: BTreeSet<(String, &'a str)>,
    /// The names of devices by their users, in lower case.
    devices: BTreeMap<String, Vec<&'a str>>,
    steps: BTreeMap<(Thing, &'a str), &'a Step>,
}

/// What an operator set for a provider.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
#[serde(untagged)]
enum Told {
    Oidc(OidcSettingsTold),
    Saml(SamlSettingsTold),
}

impl Told {
    fn words(&self) -> String {
        match self {
            Self::Oidc(told) => told.words(),
            Self::Saml(told) => told.words(),
        }
    }
}

/// A document by its name.
#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct Digested {
    name: String,
    sha256: String,
    /// Of a version: that it is in force.
    #[serde(rename = "default", skip_serializing_if = "std::ops::Not::not")]
    is_default: bool,
}

#[derive(Clone, Debug, Eq, PartialEq, Serialize)]
struct GivenKey {
    id: String,
    active: bool,
}

/// What one thing gets with it.
#[derive(Clone, Debug, Default, Eq, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Given {
    #[serde(skip_serializing_if = "Option::is_none")]
    boundary: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    groups: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attached_policies: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    inline_policies: Vec<Digested>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    versions: Vec<Digested>,
    #[serde(skip_serializing_if = "Option::is_none")]
    trust_policy_sha256: Option<String>,
    /// Of a role that its service makes.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    service_linked: bool,
    /// Of a provider.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    client_ids: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    thumbprints: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    settings: Option<Told>,
    #[serde(skip_serializing_if = "Option::is_none")]
    metadata_sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    assertion_encryption_mode: Option<EncryptionRecord>,
    /// The ids of private keys.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    private_keys: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    token_version: Option<TokenVersionRecord>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    enabled_regions: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    regions_without_sts: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    roles: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    access_keys: Vec<GivenKey>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    password: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    mfa_devices: Vec<String>,
    /// Of a device: whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<String>,
    /// How many entries the lists leave out.
    #[serde(skip_serializing_if = "is_none_of")]
    not_listed: usize,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "Serde asks for it")]
fn is_none_of(count: &usize) -> bool {
    *count == 0
}

impl<'a> Gives<'a> {
    /// What the things of `plan` give.
    pub fn of(document: &'a Document, secrets: Option<&'a OpenedSecrets>, plan: &'a Plan) -> Self {
        let lower = |text: &str| text.to_ascii_lowercase();
        let secrets = secrets.map(|opened| &opened.0);
        let all_keys = secrets.into_iter().flat_map(|all| &all.access_keys);
        let passwords = secrets.into_iter().flat_map(|all| &all.passwords);
        let private_keys = secrets.into_iter().flat_map(|all| &all.saml_keys);
        let mut devices: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let is_made =
            |step: &&Step| step.thing == Thing::MfaDevice && step.action == Action::Create;
        for step in plan.steps().iter().filter(is_made) {
            let device = document.mfa_devices.get(step.index);
            if let Some(user) = device.and_then(|device| device.user.as_deref()) {
                devices.entry(lower(user)).or_default().push(&step.name);
            }
        }
        Self {
            document,
            plan,
            keys: all_keys.map(|key| (lower(&key.user), &*key.id)).collect(),
            private_keys: private_keys.map(|key| (lower(&key.provider), &*key.id)).collect(),
            passwords: passwords.map(|one| lower(&one.user)).collect(),
            devices,
            steps: plan.steps().iter().map(|step| ((step.thing, &*step.name), step)).collect(),
        }
    }

    /// What the thing of that name gets.
    pub fn to(&self, thing: Thing, name: &str) -> Given {
        let mut given = Given::default();
        let Some(step) = self.steps.get(&(thing, name)) else { return given };
        match thing {
            Thing::Policy => {
                let images = self.document.policies.get(step.index).into_iter();
                let versions = images.flat_map(|image| &image.versions).map(|version| Digested {
                    name: version.id.clone(),
                    sha256: sha256(&version.document),
                    is_default: version.is_default,
                });
                given.versions = bounded(versions, &mut given.not_listed);
            }
            Thing::Group => {
                if let Some(image) = self.document.groups.get(step.index) {
                    self.rights(&mut given, image.rights());
                }
            }
            Thing::Role => {
                if let Some(image) = self.document.roles.get(step.index) {
                    self.rights(&mut given, image.rights());
                    if image.service_linked {
                        // The policy of its service is all that it may have.
                        let lower = image.name.to_ascii_lowercase();
                        let has = !self.plan.without_policy.contains(&lower);
                        let own = image.attached_policies.first().filter(|_| has);
                        given.attached_policies = own.into_iter().cloned().collect();
                    }
                    given.trust_policy_sha256 = Some(sha256(&image.trust_policy));
                    given.service_linked = image.service_linked;
                }
            }
            Thing::User => self.user(&mut given, step.index),
            Thing::InstanceProfile => {
                let images = self.document.instance_profiles.get(step.index).into_iter();
                let roles = images.flat_map(|image| &image.roles).cloned();
                given.roles = bounded(roles, &mut given.not_listed);
            }
            Thing::MfaDevice => {
                let image = self.document.mfa_devices.get(step.index);
                given.user = image.and_then(|image| image.user.clone());
            }
            Thing::OidcProvider => {
                if let Some(image) = self.document.oidc_providers.get(step.index) {
                    let (clients, prints) = (&image.client_ids, &image.thumbprints);
                    given.client_ids = bounded(clients.iter().cloned(), &mut given.not_listed);
                    given.thumbprints = bounded(prints.iter().cloned(), &mut given.not_listed);
                    let settings = OidcSettings::of_stored(image.settings.as_ref());
                    given.settings =
                        settings.ok().and_then(|settings| settings.told()).map(Told::Oidc);
                }
            }
            Thing::SamlProvider => {
                if let Some(image) = self.document.saml_providers.get(step.index) {
                    let lower = image.name.to_ascii_lowercase();
                    let keys = image.private_keys.iter().map(|key| key.key_id.as_str());
                    let keys = keys.filter(|id| self.private_keys.contains(&(lower.clone(), *id)));
                    let keys = keys.map(str::to_owned);
                    let read = self.plan.metadata.get(&step.index);
                    given.metadata_sha256 = read.map(|read| read.digest.to_string());
                    given.assertion_encryption_mode = image.assertion_encryption_mode;
                    given.private_keys = bounded(keys, &mut given.not_listed);
                    let settings = SamlSettings::of_stored(image.settings.as_ref());
                    given.settings =
                        settings.ok().and_then(|settings| settings.told()).map(Told::Saml);
                }
            }
            Thing::TokenVersion => given.token_version = self.document.token_version,
            Thing::Regions => {
                if let Some(image) = &self.document.regions {
                    let (enabled, without) = (&image.enabled, &image.without_sts);
                    given.enabled_regions = bounded(enabled.iter().cloned(), &mut given.not_listed);
                    given.regions_without_sts =
                        bounded(without.iter().cloned(), &mut given.not_listed);
                }
            }
            Thing::Account | Thing::Alias | Thing::PasswordPolicy => {}
        }
        given
    }

    fn rights(&self, given: &mut Given, rights: Rights<'_>) {
        given.boundary = rights.boundary.map(str::to_owned);
        let left_out = &self.plan.left_out_policies;
        let attached = rights.attached.iter().filter(|arn| !left_out.contains(*arn)).cloned();
        given.attached_policies = bounded(attached, &mut given.not_listed);
        let inline = rights.inline.iter().map(|InlineImage { name, document }| Digested {
            name: name.clone(),
            sha256: sha256(document),
            is_default: false,
        });
        given.inline_policies = bounded(inline, &mut given.not_listed);
    }

    fn user(&self, given: &mut Given, index: usize) {
        let Some(image) = self.document.users.get(index) else { return };
        self.rights(given, image.rights());
        let lower = image.name.to_ascii_lowercase();
        given.groups = bounded(image.groups.iter().cloned(), &mut given.not_listed);
        let devices = self.devices.get(&lower).into_iter().flatten();
        let devices = devices.map(|name| (*name).to_owned());
        given.mfa_devices = bounded(devices, &mut given.not_listed);
        if self.plan.without_secrets.contains(&lower) {
            return;
        }
        let keys = image.access_keys.iter();
        let keys = keys.filter(|key| self.keys.contains(&(lower.clone(), &*key.id)));
        let keys = keys.map(|key| GivenKey { id: key.id.clone(), active: key.active });
        given.access_keys = bounded(keys, &mut given.not_listed);
        given.password = image.has_password && self.passwords.contains(&lower);
    }
}

impl Given {
    /// In short, for people: nothing when it is nothing.
    pub fn words(&self) -> Option<String> {
        let names = |what: &str, names: &mut dyn Iterator<Item = &str>| {
            let names: Vec<&str> = names.collect();
            let told = names.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
            match names.len().saturating_sub(NAMED) {
                0 if names.is_empty() => None,
                0 => Some(format!("{what} {told}")),
                more => Some(format!("{what} {told} and {more} more")),
            }
        };
        let count = |what: &str, list: usize| match list {
            0 => None,
            1 => Some(format!("1 {what} policy")),
            _ => Some(format!("{list} {what} policies")),
        };
        let parts = [
            names("boundary", &mut self.boundary.as_deref().into_iter()),
            names("groups", &mut self.groups.iter().map(String::as_str)),
            count("inline", self.inline_policies.len()),
            names("attached", &mut self.attached_policies.iter().map(String::as_str)),
            names("versions", &mut self.versions.iter().map(|one| one.name.as_str())),
            names("clients", &mut self.client_ids.iter().map(String::as_str)),
            match self.thumbprints.len() {
                0 => None,
                1 => Some("1 thumbprint".to_owned()),
                more => Some(format!("{more} thumbprints")),
            },
            self.settings.as_ref().map(Told::words),
            self.assertion_encryption_mode.map(|mode| match mode {
                EncryptionRecord::Allowed => "encryption allowed".to_owned(),
                EncryptionRecord::Required => "encryption required".to_owned(),
            }),
            self.token_version.map(|version| match version {
                TokenVersionRecord::V1 => "v1Token".to_owned(),
                TokenVersionRecord::V2 => "v2Token".to_owned(),
            }),
            self.service_linked.then(|| "what its service gives it".to_owned()),
            names("private keys", &mut self.private_keys.iter().map(String::as_str)),
            names("roles", &mut self.roles.iter().map(String::as_str)),
            names("keys", &mut self.access_keys.iter().map(|key| key.id.as_str())),
            self.password.then(|| "password".to_owned()),
            names("devices", &mut self.mfa_devices.iter().map(String::as_str)),
            names("enabled", &mut self.enabled_regions.iter().map(String::as_str)),
            names("no STS in", &mut self.regions_without_sts.iter().map(String::as_str)),
            names("of", &mut self.user.as_deref().into_iter()),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        (!parts.is_empty()).then(|| format!("with {}", parts.join(", ")))
    }
}

fn sha256(text: &str) -> String {
    HEXLOWER.encode(digest(&SHA256, text.as_bytes()).as_ref())
}

fn bounded<T>(mut all: impl Iterator<Item = T>, not_listed: &mut usize) -> Vec<T> {
    let told = all.by_ref().take(LISTED).collect();
    *not_listed = not_listed.saturating_add(all.count());
    told
}
