//! What a decision was taken on: entities as they were looked up.
//!
//! SECURITY: a write is authorised on the ARN, the tags and the boundary that its entity has when
//! it is looked up, and is committed later. If somebody changed the entity in between, what was
//! allowed is not what would be done: a boundary is taken off that the caller may not take off, a
//! tag overwritten that said whose it is. So the commit demands that everything the decision was
//! taken on is as it was seen; if not, the write is refused with [`DirectoryError::Overtaken`], and
//! whoever decided decides again.

use daypass_store::{Commit, Key, Precondition, Revision};

use crate::directory::Stored;
use crate::{
    Directory, DirectoryError, Group, InstanceProfile, ManagedPolicy, MfaDevice, Role, User,
};

/// An entity as it was when it was looked up.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Seen {
    key: Key,
    revision: Revision,
}

macro_rules! seen {
    ($($entity:ty),*) => {
        $(impl $entity {
            /// The entity as it is here, for a write that is decided on it.
            ///
            /// # Errors
            /// [`DirectoryError::Store`] when its id makes no key: a mistake of ours.
            pub fn seen(&self) -> Result<Seen, DirectoryError> {
                Ok(Seen { key: self.key()?, revision: self.revision })
            }
        })*
    };
}

seen!(Group, InstanceProfile, ManagedPolicy, MfaDevice, Role, User);

/// `commit`, provided that all of `seen` is as it was; nothing when it is known already that
/// something of it is not.
pub(crate) fn provided(mut commit: Commit, seen: &[Seen]) -> Option<Commit> {
    for Seen { key, revision } in seen {
        let demanded = commit.preconditions.iter().find_map(|precondition| match precondition {
            Precondition::Unchanged(other, demanded) if other == key => Some(*demanded),
            _ => None,
        });
        match demanded {
            None => commit = commit.unchanged(key.clone(), *revision),
            Some(demanded) if demanded == *revision => {}
            Some(_) => return None,
        }
    }
    Some(commit)
}

impl Directory {
    /// Whether something was changed since it was seen.
    pub(crate) async fn is_overtaken(&self, seen: &[Seen]) -> Result<bool, DirectoryError> {
        for Seen { key, revision } in seen {
            if self.store.get(key).await?.is_none_or(|entry| entry.revision != *revision) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
