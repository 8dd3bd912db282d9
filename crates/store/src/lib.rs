//! An ordered key space with compare-and-commit: all that Daypass asks of a database.
//!
//! Four calls: read one key, read a range in key order, commit a set of writes when their
//! preconditions hold, and learn which keys changed since a revision. Whatever writes more than
//! one thing writes all of it in one commit or nothing. There are no queries, no joins and no
//! transactions that stay open: an engine is small enough to be judged by one suite of laws
//! (module `conformance`, behind the feature of that name).

mod commit;
#[cfg(any(test, feature = "conformance"))]
pub mod conformance;
pub mod embedded;
mod entry;
mod error;
#[cfg(any(test, feature = "conformance"))]
pub mod faulty;
mod feed;
pub mod memory;
pub mod read_cache;
mod weighed;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

pub use commit::{Commit, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, Precondition};
pub use entry::{Change, ChangeKind, Changes, Entry, Key, MAX_KEY, MAX_VALUE, Revision};
pub use error::StoreError;
pub use weighed::Weighed;

/// Most entries that one scan returns, and most changes that one call asks for.
pub const MAX_SCAN: usize = 1_000;

/// What a store call returns: a boxed future, so that the trait can be used as an object.
pub type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// An ordered key space with compare-and-commit.
///
/// Reads see every commit that was answered before they began. Keys are ordered by their bytes.
pub trait Store: Send + Sync + fmt::Debug {
    /// The value under `key` and the revision of the commit that wrote it.
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>>;

    /// At most `limit` entries whose keys begin with `prefix`, in key order, behind `after`.
    ///
    /// All entries of one answer are of the same instant. Fewer than `limit` means that there
    /// are no more. A limit above [`MAX_SCAN`] is refused.
    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>>;

    /// Writes all of `commit` when all its preconditions hold, else nothing.
    ///
    /// Returns the revision of the commit, or the current one if the commit changes nothing.
    /// A precondition that does not hold is [`StoreError::Conflict`]; any other error leaves
    /// open whether the commit took place.
    fn commit(&self, commit: Commit) -> Answer<'_, Revision>;

    /// What was written behind `since`, oldest first, in whole commits.
    ///
    /// Commits are added until `limit` changes are reached; at least one whole commit is
    /// returned if there is any, so that a reader always gets on. The reader continues behind the
    /// revision of the last change. A limit above [`MAX_SCAN`] is refused. When the answer is
    /// [`Changes::TooOld`] the reader must forget what it holds and start over.
    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes>;
}
