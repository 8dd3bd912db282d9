//! The first start on an empty store: one account, one administrator, one access key. Afterwards
//! everything is made through the API.
//!
//! There is no default secret. When an operator fixes the access key and names no account, account
//! and user id are derived from the key's id, so that the same environment is the same server
//! every time.

use aws_lc_rs::digest::{self, SHA256};
use daypass_api::{Random, RandomFault};
use daypass_directory::{Directory, DirectoryError};
use daypass_names::{AccessKeyId, AccountId, Invalid, UniqueId, UniqueIdKind};
use thiserror::Error;

use crate::administrator::NewAdministrator;
use crate::config::AdminKey;

/// The name of the first user.
pub const ADMIN: &str = "admin";
/// What the first start is going to make; nothing when there is an account already.
pub(crate) async fn plan(
    directory: &Directory,
    account: Option<AccountId>,
    key: Option<AdminKey>,
    random: &dyn Random,
) -> Result<Option<NewAdministrator>, BootstrapFault> {
    if directory.has_accounts().await? {
        return Ok(None);
    }
    let Some(key) = key else {
        let account = match account {
            Some(account) => account,
            None => AccountId::from_random(u64::from_be_bytes(random.array()?)),
        };
        return Ok(Some(NewAdministrator::draw(account, random)?));
    };
    Ok(Some(NewAdministrator {
        account: account.unwrap_or_else(|| derived_account(&key.id)),
        alias: None,
        user: derived_user(&key.id),
        key,
        nonce: random.array()?,
    }))
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
    #[error("a built-in name is wrong: {0}")]
    Name(#[from] Invalid),
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use daypass_directory::{Founded, Note, NoteFault};
    use daypass_names::SecretAccessKey;
    use daypass_names::{Constrained, Partition, UserName};
    use daypass_store::memory::Memory;
    use daypass_token::{KeyRing, RingKey, RingKeyId};
    use zeroize::Zeroizing;

    use super::*;
    use crate::administrator;
    use crate::system::SystemRandom;

    fn empty() -> Directory {
        let id = RingKeyId::new(1);
        let ring = KeyRing::new(vec![RingKey::new(id, Zeroizing::new([1; 64]))], id).unwrap();
        Directory::new(Arc::new(Memory::new()), Arc::new(ring), Partition::Aws)
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
    ) -> Option<NewAdministrator> {
        let now = "2026-01-02T03:04:05Z".parse().unwrap();
        let note = |_: &Founded| -> Result<Note, NoteFault> {
            let event_id = "00000000-0000-0000-0000-000000000001".to_owned();
            Ok(Note { at: now, event_id, line: b"{}".to_vec() })
        };
        let new = plan(directory, account, key, &SystemRandom::new()).await.unwrap()?;
        administrator::make(directory, &new, now, &note).await.unwrap();
        Some(new)
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
