//! The directory from outside, on a store in memory.

mod access_keys;
mod account_regions;
mod aliases;
mod aws_managed;
mod buckets;
mod check;
mod damage;
mod effective;
mod groups;
mod identities;
mod inline;
mod instance_profiles;
mod last_used;
mod laws;
mod login_profiles;
mod managed;
mod mfa_devices;
mod notes;
mod oidc_providers;
mod oidc_settings;
mod overtaken;
mod renames;
mod roles;
mod saml_providers;
mod service_linked;
mod tags;
mod totals;
mod transfer;
mod users;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountAlias, AccountId, Constrained, GroupName,
    InstanceProfileName, Partition, Path, PathPrefix, PolicyName, RoleName, SecretAccessKey,
    TagKey, TagValue, UniqueId, UniqueIdKind, UserName,
};
use daypass_store::memory::Memory;
use daypass_store::{Commit, Key, Store};
use daypass_token::{KeyRing, RingKey, RingKeyId};
use jiff::Timestamp;
use zeroize::Zeroizing;

use crate::{
    Directory, DirectoryError, Group, InstanceProfile, ManagedPolicy, NewAccessKey, NewAccount,
    NewGroup, NewInstanceProfile, NewManagedPolicy, NewRole, NewUser, Note, NoteFault, Noting,
    Quotas, Role, Tag, User,
};

const ACCOUNT: &str = "123456789012";
const OTHER: &str = "210987654321";
const SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
const ALLOW: &str =
    r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;

pub(crate) fn a_saml_key() -> daypass_federation::saml::PrivateKey {
    saml_providers::a_key()
}

/// A directory with two accounts, and its store.
struct Fixture {
    store: Arc<dyn Store>,
    directory: Directory,
}

impl Fixture {
    async fn new() -> Self {
        Self::with_quotas(Quotas::default()).await
    }

    async fn with_quotas(quotas: Quotas) -> Self {
        let store: Arc<dyn Store> = Arc::new(Memory::new());
        let directory = on(&store, 1).with_quotas(quotas);
        for id in [ACCOUNT, OTHER] {
            let new = NewAccount { id: account(id), created: now() };
            directory.create_account(new, &Noted).await.unwrap();
        }
        Self { store, directory }
    }

    async fn user(&self, text: &str, seed: u8) -> Arc<User> {
        self.directory.create_user(new_user(text, seed), &Noted).await.unwrap()
    }

    async fn group(&self, text: &str, seed: u8) -> Arc<Group> {
        self.directory.create_group(new_group(text, seed), &Noted).await.unwrap()
    }

    async fn policy(&self, text: &str, seed: u8, document: &str) -> Arc<ManagedPolicy> {
        let new = new_policy(text, seed, document);
        self.directory.create_managed_policy(new, &Noted).await.unwrap()
    }

    async fn role(&self, text: &str, seed: u8, trusted: &str) -> Arc<Role> {
        self.directory.create_role(new_role(text, seed, trusted), &Noted).await.unwrap()
    }

    async fn profile(&self, text: &str, seed: u8) -> Arc<InstanceProfile> {
        self.directory.create_instance_profile(new_profile(text, seed), &Noted).await.unwrap()
    }

    async fn key(&self, user: &str, seed: u8) -> AccessKeyId {
        let here = account(ACCOUNT);
        let user = self.directory.user(here, &name(user)).await.unwrap();
        let made = self.directory.create_access_key(here, user.id, new_key(seed), &Noted).await;
        made.unwrap().id.clone()
    }

    /// Writes to the store behind the directory's back.
    async fn overwrite(&self, key: &str, value: &[u8]) {
        let commit = Commit::new().put(Key::new(key).unwrap(), value);
        self.store.commit(commit).await.unwrap();
    }

    async fn remove(&self, key: &str) {
        let commit = Commit::new().delete(Key::new(key).unwrap());
        self.store.commit(commit).await.unwrap();
    }

    async fn value(&self, key: &str) -> String {
        let entry = self.store.get(&Key::new(key).unwrap()).await.unwrap().unwrap();
        String::from_utf8(entry.value.to_vec()).unwrap()
    }
}

/// A directory on `store` whose ring is made of `ring`.
fn on(store: &Arc<dyn Store>, ring: u8) -> Directory {
    let id = RingKeyId::new(1);
    let key = RingKey::new(id, Zeroizing::new([ring; 64]));
    let ring = KeyRing::new(vec![key], id).unwrap();
    Directory::new(Arc::clone(store), Arc::new(ring), Partition::Aws)
}

fn now() -> Timestamp {
    "2026-03-01T08:30:05.123456789Z".parse().unwrap()
}

fn account(text: &str) -> AccountId {
    AccountId::parse(text).unwrap()
}

fn name(text: &str) -> UserName {
    UserName::parse(text).unwrap()
}

fn role_name(text: &str) -> RoleName {
    RoleName::parse(text).unwrap()
}

fn policy_name(text: &str) -> PolicyName {
    PolicyName::parse(text).unwrap()
}

fn prefix(text: &str) -> PathPrefix {
    PathPrefix::parse(text).unwrap()
}

fn user_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::User, [seed; 11])
}

fn role_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::Role, [seed; 11])
}

fn group_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::Group, [seed; 11])
}

fn profile_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::InstanceProfile, [seed; 11])
}

fn policy_id(seed: u8) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::ManagedPolicy, [seed; 11])
}

/// A user of `/path/name`.
fn new_user(text: &str, seed: u8) -> NewUser {
    let (path, user) = split(text);
    NewUser {
        account: account(ACCOUNT),
        id: user_id(seed),
        name: name(user),
        path,
        boundary: None,
        tags: Vec::new(),
        created: now(),
    }
}

/// A group of `/path/name`.
fn new_group(text: &str, seed: u8) -> NewGroup {
    let (path, group) = split(text);
    let name = GroupName::parse(group).unwrap();
    NewGroup { account: account(ACCOUNT), id: group_id(seed), name, path, created: now() }
}

/// A managed policy of `/path/name`.
fn new_policy(text: &str, seed: u8, document: &str) -> NewManagedPolicy {
    let (path, policy) = split(text);
    NewManagedPolicy {
        account: account(ACCOUNT),
        id: policy_id(seed),
        name: policy_name(policy),
        path,
        description: None,
        text: document.to_owned(),
        tags: Vec::new(),
        created: now(),
    }
}

/// An instance profile of `/path/name`.
fn new_profile(text: &str, seed: u8) -> NewInstanceProfile {
    let (path, profile) = split(text);
    NewInstanceProfile {
        account: account(ACCOUNT),
        id: profile_id(seed),
        name: InstanceProfileName::parse(profile).unwrap(),
        path,
        tags: Vec::new(),
        created: now(),
    }
}

/// A role of `/path/name` that trusts one AWS principal.
fn new_role(text: &str, seed: u8, trusted: &str) -> NewRole {
    let (path, role) = split(text);
    NewRole {
        account: account(ACCOUNT),
        id: role_id(seed),
        name: role_name(role),
        path,
        description: None,
        max_session_duration: 3600,
        trust_text: trust(trusted),
        boundary: None,
        tags: Vec::new(),
        created: now(),
    }
}

fn new_key(seed: u8) -> NewAccessKey {
    NewAccessKey {
        id: AccessKeyId::from_random(AccessKeyKind::LongTerm, account(ACCOUNT), [seed; 10]),
        secret: SecretAccessKey::parse(SECRET).unwrap(),
        nonce: [seed; 24],
        created: now(),
    }
}

/// Tags of `key=value`.
fn tags(texts: &[&str]) -> Vec<Tag> {
    let tag = |text: &&str| {
        let (key, value) = text.split_once('=').unwrap();
        Tag { key: TagKey::parse(key).unwrap(), value: TagValue::parse(value).unwrap() }
    };
    texts.iter().map(tag).collect()
}

fn split(text: &str) -> (Path, &str) {
    let (path, name) = text.rsplit_once('/').unwrap();
    (Path::parse(&format!("{path}/")).unwrap(), name)
}

fn trust(principal: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"{principal}"}},"Action":"sts:AssumeRole"}}]}}"#
    )
}

/// Notes any write, each with an event id of its own.
struct Noted;

impl<T: ?Sized> Noting<T> for Noted {
    fn note(&self, _: &T) -> Result<Note, NoteFault> {
        static WRITES: AtomicU64 = AtomicU64::new(1);
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let event_id = format!("00000000-0000-4000-8000-{number:012x}");
        Ok(Note { at: now(), event_id, line: b"{}".to_vec() })
    }
}

/// What a refusal says, in the words that reach the caller.
fn said<T: std::fmt::Debug>(outcome: Result<T, DirectoryError>) -> String {
    outcome.unwrap_err().to_string()
}
