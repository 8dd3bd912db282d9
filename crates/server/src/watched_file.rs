//! A file that is read again when its contents have changed.
//!
//! The contents are compared rather than times: what cannot be used is then complained about once,
//! and an old version that is put back counts as new.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use aws_lc_rs::digest::{SHA256, digest};
use zeroize::Zeroizing;

use crate::config::read_at_most;

/// A file, and what it held when it was looked at last.
pub(crate) struct WatchedFile {
    path: PathBuf,
    /// The most bytes that it may have.
    limit: u64,
    /// The SHA-256 of the contents.
    seen: Mutex<Option<Vec<u8>>>,
}

impl WatchedFile {
    /// A file that nobody has looked at yet.
    pub(crate) fn new(path: PathBuf, limit: u64) -> Self {
        Self { path, limit, seen: Mutex::new(None) }
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// The contents, unless they are those of the last time.
    ///
    /// # Errors
    /// When the file cannot be read or is too long.
    pub(crate) fn changed(&self) -> io::Result<Option<Zeroizing<Vec<u8>>>> {
        let bytes = Zeroizing::new(read_at_most(&self.path, self.limit)?);
        let now = Some(digest(&SHA256, &bytes).as_ref().to_vec());
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        if *seen == now {
            return Ok(None);
        }
        *seen = now;
        Ok(Some(bytes))
    }
}

impl fmt::Debug for WatchedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WatchedFile").field("path", &self.path).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn only_other_contents_are_a_change() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let file = WatchedFile::new(path.clone(), 4);
        assert!(file.changed().is_err());
        for (contents, is_new) in [("one", true), ("one", false), ("two", true), ("one", true)] {
            fs::write(&path, contents).unwrap();
            let got = file.changed().unwrap();
            assert_eq!(got.is_some(), is_new, "{contents}");
            assert!(got.is_none_or(|bytes| bytes[..] == *contents.as_bytes()));
        }
        fs::write(&path, "too long").unwrap();
        assert!(file.changed().is_err());
        // What could not be read changes nothing.
        fs::write(&path, "one").unwrap();
        assert!(file.changed().unwrap().is_none());
    }
}
