//! Where a directory takes its data keys from, and how a write is bound to the key that sealed it.

use std::sync::Arc;

use daypass_store::{Commit, Key, Revision};
use daypass_token::KeyRing;

use super::{Rings, RingsFault};

/// Where a directory takes its data keys from.
#[derive(Clone, Debug)]
pub enum DataKeys {
    /// A ring that never changes, for stores that end with the process.
    Fixed(Arc<KeyRing>),
    /// The ring `data` of the deployment, as it is at each moment.
    Rings(Arc<Rings>),
}

/// The data keys at one moment, to seal with.
pub(crate) struct Sealing {
    pub(crate) ring: Arc<KeyRing>,
    /// The record of the active key and the commit that wrote it.
    active: Option<(Key, Revision)>,
}

impl DataKeys {
    /// The keys that open.
    pub(crate) fn ring(&self) -> Arc<KeyRing> {
        match self {
            Self::Fixed(ring) => Arc::clone(ring),
            Self::Rings(rings) => rings.data(),
        }
    }

    /// The keys to seal with.
    pub(crate) fn sealing(&self) -> Sealing {
        match self {
            Self::Fixed(ring) => Sealing { ring: Arc::clone(ring), active: None },
            Self::Rings(rings) => {
                let current = rings.current.load();
                let active = Some(current.active_data.clone());
                Sealing { ring: Arc::clone(&current.data), active }
            }
        }
    }

    /// Reads the rings anew if `sealing` is not, or may not be, as the store has it. To be asked
    /// before a commit that failed is tried again.
    pub(crate) async fn refresh(&self, sealing: &Sealing) -> Result<(), RingsFault> {
        let (Self::Rings(rings), Some((key, revision))) = (self, &sealing.active) else {
            return Ok(());
        };
        let stored = rings.store.get(key).await?;
        if stored.is_some_and(|entry| entry.revision == *revision) {
            return Ok(());
        }
        rings.reload().await
    }
}

impl Sealing {
    /// Adds to a commit that what it writes was sealed with the key that is active still.
    ///
    /// SECURITY: once a rotation is committed, nothing that the old key sealed is written any more:
    /// who seals everything anew after that has seen all of it, and may remove the old key.
    pub(crate) fn bind(&self, commit: Commit) -> Commit {
        match &self.active {
            Some((key, revision)) => commit.unchanged(key.clone(), *revision),
            None => commit,
        }
    }
}

impl From<Arc<KeyRing>> for DataKeys {
    fn from(ring: Arc<KeyRing>) -> Self {
        Self::Fixed(ring)
    }
}

impl From<Arc<Rings>> for DataKeys {
    fn from(rings: Arc<Rings>) -> Self {
        Self::Rings(rings)
    }
}
