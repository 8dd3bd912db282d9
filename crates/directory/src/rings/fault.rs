//! Why the rings cannot be opened or changed.

use daypass_store::{Key, StoreError};
use daypass_token::{Fingerprint, RingKeyId, SealFault};
use thiserror::Error;

use super::{MAX_RING_KEYS, RingName};
use crate::{DirectoryError, NoteFault};

/// Why the rings cannot be opened or changed. In every case the keys in the store are as they were,
/// unless the store itself leaves it open.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum RingsFault {
    /// Others changed the rings at the same time, again and again.
    #[error("the key rings were changed by others at the same time; try again")]
    Conflict,
    /// A record of a ring key cannot be read.
    #[error(
        "the ring key `{key}` cannot be read: {reason}; restore a backup of the data, nothing was \
         overwritten"
    )]
    Damaged {
        /// The record.
        key: Key,
        /// What is wrong with it.
        reason: String,
    },
    /// A ring has no keys although it must have some.
    #[error(
        "the ring `{ring}` has no keys, but something was sealed with them; restore a backup of \
         the data, nothing was overwritten"
    )]
    Missing {
        /// The ring.
        ring: RingName,
    },
    /// There is no such key.
    #[error("the ring `{ring}` has no key {id}")]
    NoSuchKey {
        /// The ring.
        ring: RingName,
        /// The number.
        id: RingKeyId,
    },
    /// The change could not be noted.
    #[error(transparent)]
    Note(#[from] NoteFault),
    /// No random bytes.
    #[error(transparent)]
    Random(#[from] NoRandomness),
    /// A key could not be sealed: a mistake of ours.
    #[error("the ring key cannot be sealed")]
    Seal(#[from] SealFault),
    /// The store failed. Whether a change took place is open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The ring is full, or its numbers are used up.
    #[error(
        "the ring `{ring}` has {MAX_RING_KEYS} keys, the most that it may have; wait until old \
         ones are removed"
    )]
    TooManyKeys {
        /// The ring.
        ring: RingName,
    },
    /// The keys are sealed under another key-encryption key.
    #[error(
        "the key rings are sealed under key-encryption key {expected}, but the key given is \
         {given}; give the right key, or give {expected} as the previous key beside the new one; \
         nothing was overwritten"
    )]
    WrongKey {
        /// The key that they are sealed under.
        expected: Fingerprint,
        /// The key that was given.
        given: Fingerprint,
    },
}

/// The operating system has no random bytes to give: no key can be made.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("no random bytes could be drawn")]
pub struct NoRandomness;

/// A note's key is all that was in the way: it took the place of no other.
pub(super) fn used_note() -> RingsFault {
    RingsFault::Note(NoteFault::new("its event id was used already"))
}

/// What is wrong with a note is the only thing that the directory says here.
pub(super) fn of_note(error: DirectoryError) -> RingsFault {
    match error {
        DirectoryError::Note(fault) => RingsFault::Note(fault),
        DirectoryError::Store(error) => RingsFault::Store(error),
        other => RingsFault::Note(NoteFault::new(other.to_string())),
    }
}
