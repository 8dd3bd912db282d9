//! The first start on an empty store: one account, one administrator, one access key. Afterwards
//! everything is made through the API.
//!
//! There is no default secret. When an operator fixes the access key and names no account, account
//! and user id are derived from the key's id, so that the same environment is the same server
//! every time.

use std::sync::Arc;

use aws_lc_rs::digest::{self, SHA256};
use daypass_api::{Random, RandomFault};
use daypass_directory::{Directory, DirectoryError, NewAccessKey, NewAccount, NewUser};
use daypass_names::{
    AccessKeyId, AccessKeyKind, AccountId, Constrained, Invalid, Path, PolicyName, SecretAccessKey,
    UniqueId, UniqueIdKind, UserName,
};
use daypass_token::{KeyRing, RingFault, RingKey, RingKeyId};
use jiff::Timestamp;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::config::AdminKey;

/// The name of the first user.
pub const ADMIN: &str = "admin";
/// The name of its inline policy: that of the AWS managed policy which says the same.
const ADMIN_POLICY: &str = "AdministratorAccess";
const ADMIN_POLICY_TEXT: &str = r#"{
  "Version": "2012-10-17",
  "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
}"#;

/// The two key rings of a deployment, which never share a key.
#[derive(Debug)]
pub(crate) struct Rings {
    /// Seals sessions.
    pub(crate) sessions: KeyRing,
    /// Seals the secrets that the store holds.
    pub(crate) data: Arc<KeyRing>,
}

impl Rings {
    /// Two rings of one new key each.
    pub(crate) fn draw(random: &dyn Random) -> Result<Self, BootstrapFault> {
        Ok(Self { sessions: draw_ring(random)?, data: Arc::new(draw_ring(random)?) })
    }
}

/// What the first start has made.
#[derive(Debug)]
pub(crate) struct First {
    pub(crate) account: AccountId,
    pub(crate) key: AdminKey,
}

/// Makes the first account with its administrator; nothing when there is an account already.
pub(crate) async fn bootstrap(
    directory: &Directory,
    account: Option<AccountId>,
    key: Option<AdminKey>,
    random: &dyn Random,
    now: Timestamp,
) -> Result<Option<First>, BootstrapFault> {
    if !directory.accounts().await?.is_empty() {
        return Ok(None);
    }
    let (account, user, key) = match key {
        Some(key) => {
            let account = account.unwrap_or_else(|| derived_account(&key.id));
            (account, derived_user(&key.id), key)
        }
        None => {
            let account = match account {
                Some(account) => account,
                None => AccountId::from_random(u64::from_be_bytes(draw(random)?)),
            };
            let user = UniqueId::from_random(UniqueIdKind::User, draw(random)?);
            (account, user, draw_key(account, random)?)
        }
    };
    directory.create_account(NewAccount { id: account, created: now }).await?;
    let name = UserName::parse(ADMIN)?;
    let path = Path::parse("/")?;
    let new = NewUser { account, id: user, name, path, created: now };
    let user = directory.create_user(new).await?;
    let policy = PolicyName::parse(ADMIN_POLICY)?;
    directory.put_user_policy(account, user.id, policy, ADMIN_POLICY_TEXT).await?;
    let new = NewAccessKey {
        id: key.id.clone(),
        secret: key.secret.clone(),
        nonce: draw(random)?,
        created: now,
    };
    directory.create_access_key(account, user.id, new).await?;
    Ok(Some(First { account, key }))
}

fn draw_ring(random: &dyn Random) -> Result<KeyRing, BootstrapFault> {
    let mut material = Zeroizing::new([0; 64]);
    random.fill(material.as_mut_slice())?;
    let id = RingKeyId::new(1);
    Ok(KeyRing::new(vec![RingKey::new(id, material)], id)?)
}

fn draw_key(account: AccountId, random: &dyn Random) -> Result<AdminKey, BootstrapFault> {
    let id = AccessKeyId::from_random(AccessKeyKind::LongTerm, account, draw(random)?);
    let mut secret = Zeroizing::new([0; 30]);
    random.fill(secret.as_mut_slice())?;
    Ok(AdminKey { id, secret: SecretAccessKey::from_bytes(&secret) })
}

fn draw<const N: usize>(random: &dyn Random) -> Result<[u8; N], RandomFault> {
    let mut bytes = [0; N];
    random.fill(&mut bytes)?;
    Ok(bytes)
}

fn derived_account(key: &AccessKeyId) -> AccountId {
    AccountId::from_random(u64::from_be_bytes(derived("account", key)))
}

fn derived_user(key: &AccessKeyId) -> UniqueId {
    UniqueId::from_random(UniqueIdKind::User, derived("admin user", key))
}

/// The first bytes of the SHA-256 of purpose and key id; neither can hold a line end.
fn derived<const N: usize>(purpose: &str, key: &AccessKeyId) -> [u8; N] {
    let digest = digest::digest(&SHA256, format!("daypass {purpose}\n{key}").as_bytes());
    let mut bytes = [0; N];
    bytes.iter_mut().zip(digest.as_ref()).for_each(|(to, from)| *to = *from);
    bytes
}

/// Why the first start failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BootstrapFault {
    /// The directory refused.
    #[error("the first account could not be made: {0}")]
    Directory(#[from] DirectoryError),
    /// No randomness.
    #[error(transparent)]
    Random(#[from] RandomFault),
    /// A mistake of ours.
    #[error("the key ring could not be made: {0}")]
    Ring(#[from] RingFault),
    /// A mistake of ours.
    #[error("a built-in name is wrong: {0}")]
    Name(#[from] Invalid),
}

#[cfg(test)]
mod tests {
    use daypass_names::Partition;
    use daypass_store::memory::Memory;

    use super::*;
    use crate::system::SystemRandom;

    fn empty() -> Directory {
        let rings = Rings::draw(&SystemRandom::new()).unwrap();
        Directory::new(Arc::new(Memory::new()), rings.data, Partition::Aws)
    }

    fn fixed() -> AdminKey {
        AdminKey {
            id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret: SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap(),
        }
    }

    async fn start(
        directory: &Directory,
        account: Option<AccountId>,
        key: Option<AdminKey>,
    ) -> Option<First> {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        bootstrap(directory, account, key, &SystemRandom::new(), now).await.unwrap()
    }

    #[tokio::test]
    async fn the_first_start_makes_an_administrator_and_the_next_one_nothing() {
        let directory = empty();
        let first = start(&directory, None, None).await.unwrap();
        assert_eq!(first.key.id.account_hint(), Some(first.account));
        assert_eq!(first.key.secret.expose().len(), 40);
        let user = directory.user(first.account, &UserName::parse(ADMIN).unwrap()).await.unwrap();
        assert_eq!(user.arn.to_string(), format!("arn:aws:iam::{}:user/admin", first.account));
        assert_eq!(user.access_keys, [first.key.id]);
        assert_eq!(user.policies.len(), 1);
        assert!(start(&directory, None, None).await.is_none());
    }

    #[tokio::test]
    async fn a_named_account_is_the_account() {
        let account = AccountId::parse("123456789012").unwrap();
        for key in [None, Some(fixed())] {
            let first = start(&empty(), Some(account), key).await.unwrap();
            assert_eq!(first.account, account);
        }
    }

    #[tokio::test]
    async fn a_fixed_key_is_the_same_server_every_time() {
        let mut seen = Vec::new();
        for _ in 0..2 {
            let directory = empty();
            let first = start(&directory, None, Some(fixed())).await.unwrap();
            let name = UserName::parse(ADMIN).unwrap();
            let user = directory.user(first.account, &name).await.unwrap();
            seen.push((first.account.to_string(), user.id.to_string()));
        }
        assert_eq!(seen[0], seen[1]);
        // Written down, because automation relies on it from release to release.
        assert_eq!(seen[0].0, "849629482302");
        assert_eq!(seen[0].1, "AIDAT4Y43HBGDNE6HA27L");
    }
}
