//! What a decision was taken on: entities as they were looked up.
//!
//! SECURITY: a write is authorised on the ARN, the tags and the boundary that its entity has when
//! it is looked up, and is committed later. If somebody changed the entity in between, what was
//! allowed is not what would be done: a boundary is taken off that the caller may not take off, a
//! tag overwritten that said whose it is. So the commit demands that everything the decision was
//! taken on is as it was seen; if not, the write is refused with [`DirectoryError::Overtaken`], and
//! whoever decided decides again.

use daypass_names::{AccountId, IssuerUrl, PolicyVersionId};
use daypass_store::{Commit, Key, Precondition, Revision};

use crate::directory::Stored;
use crate::keys::Noun;
use crate::named::Listed;
use crate::{
    AccessKey, Bucket, Directory, DirectoryError, Group, InstanceProfile, ManagedPolicy, MfaDevice,
    OidcProvider, Role, SamlProvider, Service, Tag, User, keys,
};

/// An entity as it was when it was looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    key: Key,
    was: Was,
}

/// What is to be as it was.
#[derive(Clone, Debug, Eq, PartialEq)]
enum Was {
    /// That there is none.
    Absent,
    /// The version in force and the tags of a managed policy. How often it is used, which its
    /// record counts too, decides nothing: while a policy is attached to many, those whom it binds
    /// are to go on.
    Policy(PolicyVersionId, Vec<Tag>),
    /// The whole record.
    Written(Revision),
}

macro_rules! seen {
    ($($entity:ty),*) => {
        $(impl $entity {
            /// The entity as it is here, for a write that is decided on it.
            ///
            /// # Errors
            /// [`DirectoryError::Store`] when its id makes no key: a mistake of ours.
            pub fn seen(&self) -> Result<Seen, DirectoryError> {
                Ok(Seen { key: self.key()?, was: Was::Written(self.revision) })
            }
        })*
    };
}

seen!(
    AccessKey,
    Bucket,
    Group,
    InstanceProfile,
    MfaDevice,
    OidcProvider,
    Role,
    SamlProvider,
    Service,
    User
);

impl ManagedPolicy {
    /// The policy as it is here, for a write that is decided on it: the version in force and the
    /// tags.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] when its id makes no key: a mistake of ours.
    pub fn seen(&self) -> Result<Seen, DirectoryError> {
        let was = Was::Policy(self.default.clone(), self.tags.clone());
        Ok(Seen { key: self.key()?, was })
    }

    fn is_as_it(&self, was: &Was) -> bool {
        matches!(was, Was::Policy(default, tags) if self.default == *default && self.tags == *tags)
    }
}

impl Directory {
    /// The password policy of an account as it is now, whether there is one or not, for a write
    /// that is decided on it. To be looked at before the policy itself.
    ///
    /// # Errors
    /// [`DirectoryError::Store`].
    pub async fn password_policy_seen(&self, account: AccountId) -> Result<Seen, DirectoryError> {
        let key = keys::password_policy(account)?;
        let entry = self.store.get(&key).await?;
        let was = entry.map_or(Was::Absent, |entry| Was::Written(entry.revision));
        Ok(Seen { key, was })
    }

    /// That an account has no OpenID Connect provider of that URL, for a write that is decided on
    /// it.
    ///
    /// # Errors
    /// [`DirectoryError::Store`] when they make no key: a mistake of ours.
    pub fn oidc_provider_unseen(
        &self,
        account: AccountId,
        url: &IssuerUrl,
    ) -> Result<Seen, DirectoryError> {
        let key = keys::name(Noun::OidcProvider, account, &OidcProvider::indexed(url))?;
        Ok(Seen { key, was: Was::Absent })
    }

    /// `commit`, provided that all of `seen` is as it was; nothing when it is known already that
    /// something of it is not.
    pub(crate) async fn provided(
        &self,
        mut commit: Commit,
        seen: &[Seen],
    ) -> Result<Option<Commit>, DirectoryError> {
        for Seen { key, was } in seen {
            let revision = match was {
                Was::Absent => {
                    commit = commit.absent(key.clone());
                    continue;
                }
                Was::Policy(..) => match self.find::<ManagedPolicy>(key).await? {
                    Some(policy) if policy.is_as_it(was) => policy.revision,
                    _ => return Ok(None),
                },
                Was::Written(revision) => *revision,
            };
            let demanded = commit.preconditions.iter().find_map(|demand| match demand {
                Precondition::Unchanged(other, demanded) if other == key => Some(*demanded),
                _ => None,
            });
            match (demanded, was) {
                (Some(demanded), _) if demanded == revision => {}
                (Some(_), Was::Written(_)) => return Ok(None),
                // Two looks at a policy that was counted anew in between: the commit will not
                // succeed, and is made again.
                _ => commit = commit.unchanged(key.clone(), revision),
            }
        }
        Ok(Some(commit))
    }

    /// Whether something was changed since it was seen.
    pub(crate) async fn is_overtaken(&self, seen: &[Seen]) -> Result<bool, DirectoryError> {
        for Seen { key, was } in seen {
            let is_as_it_was = match was {
                Was::Absent => self.store.get(key).await?.is_none(),
                Was::Policy(..) => self
                    .find::<ManagedPolicy>(key)
                    .await?
                    .is_some_and(|policy| policy.is_as_it(was)),
                Was::Written(revision) => {
                    self.store.get(key).await?.is_some_and(|entry| entry.revision == *revision)
                }
            };
            if !is_as_it_was {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
