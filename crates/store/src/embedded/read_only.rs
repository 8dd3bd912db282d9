//! A store that nobody has open, for reading only: no layout is changed and nothing is committed.

use std::path::Path;
use std::sync::Arc;

use super::faults::OpenFault;
use super::files::{self, Lock};
use super::layout::{self, Depth};
use super::readers::Readers;
use super::rows::Reading;
use super::shared::Shared;
use crate::{Answer, Changes, Commit, Entry, Key, MAX_SCAN, Revision, Store, StoreError};

/// A store in one file whose entries can be read, and which refuses every commit.
///
/// It holds the store's lock until it is dropped.
#[derive(Debug)]
pub struct ReadOnly {
    shared: Arc<Shared>,
    readers: Readers,
    _lock: Lock,
}

impl ReadOnly {
    /// Opens the store at `path`, which must be there.
    ///
    /// Blocks, and reads the whole file to see that it is undamaged.
    pub fn open(path: &Path) -> Result<Self, OpenFault> {
        let path = files::resolve(path)?;
        if !super::exists(&path)? {
            super::refuse_remains(&path)?;
            return Err(OpenFault::Missing { path });
        }
        let lock = Lock::take(&path)?;
        let connection = layout::inspect(&path, Depth::Quick)?;
        // A missing table is found now, not at the first read.
        let prepared = Reading::prepare(&connection).map(drop);
        prepared.map_err(|error| OpenFault::from_sqlite(&path, &error))?;
        let shared = Arc::new(Shared::default());
        let readers = Readers::start(vec![connection], Arc::clone(&shared));
        let readers = readers.map_err(|error| OpenFault::from_io(&path, &error))?;
        Ok(Self { shared, readers, _lock: lock })
    }
}

impl Store for ReadOnly {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        Box::pin(async move {
            self.shared.is_open()?;
            let key = key.clone();
            self.readers.run(move |reading| reading.get(&key)).await
        })
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        Box::pin(async move {
            if limit > MAX_SCAN {
                return Err(StoreError::Limit { limit });
            }
            self.shared.is_open()?;
            let (prefix, after) = (prefix.to_vec(), after.cloned());
            self.readers.run(move |reading| reading.scan(&prefix, after.as_ref(), limit)).await
        })
    }

    fn commit(&self, _commit: Commit) -> Answer<'_, Revision> {
        Box::pin(async move {
            let reason = "it was opened for reading only".to_owned();
            Err(StoreError::Unavailable { reason })
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        Box::pin(async move {
            if limit > MAX_SCAN {
                return Err(StoreError::Limit { limit });
            }
            self.shared.is_open()?;
            self.readers.run(move |reading| reading.changes(since, limit)).await
        })
    }
}
