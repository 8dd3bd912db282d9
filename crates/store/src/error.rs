//! Why a store call failed.

use thiserror::Error;

use crate::{Key, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, MAX_KEY, MAX_SCAN, MAX_VALUE};

/// Why a store call failed. Every variant but `Conflict` and `Unavailable` is a mistake of the
/// program that called.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum StoreError {
    /// A precondition did not hold; nothing was written.
    #[error("`{key}` is not as the commit requires")]
    Conflict {
        /// The first key whose precondition did not hold.
        key: Key,
    },
    /// A key is empty or too long.
    #[error("a key has 1 to {MAX_KEY} bytes, not {length}")]
    KeyLength {
        /// The bytes it has.
        length: usize,
    },
    /// A value is too large.
    #[error("the value of `{key}` has {length} bytes, more than {MAX_VALUE}")]
    ValueLength {
        /// The key.
        key: Key,
        /// The bytes of the value.
        length: usize,
    },
    /// A commit names too many keys.
    #[error("a commit names at most {MAX_COMMIT_KEYS} keys, not {count}")]
    CommitKeys {
        /// The keys it names, preconditions included.
        count: usize,
    },
    /// A commit writes too much.
    #[error("a commit writes at most {MAX_COMMIT_BYTES} bytes, not {length}")]
    CommitBytes {
        /// The bytes of all its values.
        length: usize,
    },
    /// A commit writes one key twice.
    #[error("the commit writes `{key}` twice")]
    Ambiguous {
        /// The key.
        key: Key,
    },
    /// A scan or a change feed asks for too much at once.
    #[error("at most {MAX_SCAN} entries at once, not {limit}")]
    Limit {
        /// What was asked for.
        limit: usize,
    },
    /// The engine cannot answer.
    #[error("the store is unavailable: {reason}")]
    Unavailable {
        /// The engine's own words.
        reason: String,
    },
}
