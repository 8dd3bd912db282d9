//! What an operator can choose about the trail.

use std::path::PathBuf;

use jiff::SignedDuration;

use crate::TrailError;

/// What a line must survive before its append is answered.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Durability {
    /// The end of this process: the line was handed to the operating system.
    Buffered,
    /// The end of the machine: the line was written to the disk.
    Sync,
}

/// Where a trail is kept, how safely, and for how long.
#[derive(Clone, Debug)]
pub struct TrailSettings {
    /// The folder of the trail; it is made if only itself is missing.
    pub folder: PathBuf,
    /// What a line must survive before its append is answered; [`Durability::Sync`] by default.
    pub durability: Durability,
    /// Bytes after which the current file is set aside to be compressed; 64 MiB by default.
    pub rotate_bytes: u64,
    /// Age after which the current file is set aside; one hour by default.
    pub rotate_after: SignedDuration,
    /// Age at which an archive is removed, `None` to keep all; 90 days by default.
    pub keep_for: Option<SignedDuration>,
    /// Most bytes of all archives together, beyond which the oldest go; `None` for no limit;
    /// 10 GiB by default. Files that were not compressed yet are never removed and not counted.
    pub keep_bytes: Option<u64>,
}

impl TrailSettings {
    /// The default settings for a trail in that folder.
    pub fn new(folder: impl Into<PathBuf>) -> Self {
        Self {
            folder: folder.into(),
            durability: Durability::Sync,
            rotate_bytes: 64 << 20,
            rotate_after: SignedDuration::from_hours(1),
            keep_for: Some(SignedDuration::from_hours(90 * 24)),
            keep_bytes: Some(10 << 30),
        }
    }

    /// Refuses settings that would rotate without end or remove everything.
    pub(crate) fn check(&self) -> Result<(), TrailError> {
        if self.rotate_bytes == 0 {
            return Err(TrailError::Settings("a file cannot be rotated at 0 bytes"));
        }
        if !self.rotate_after.is_positive() {
            return Err(TrailError::Settings("the age to rotate at must be above zero"));
        }
        if self.keep_for.is_some_and(|age| !age.is_positive()) {
            return Err(TrailError::Settings("the age to remove archives at must be above zero"));
        }
        if self.keep_bytes == Some(0) {
            return Err(TrailError::Settings("archives cannot be kept in 0 bytes"));
        }
        Ok(())
    }
}
