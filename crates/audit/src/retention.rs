//! Removes archives that are too old, or too many bytes, oldest first.
//!
//! Only files with the name and in the folder of an archive are ever removed; the current file and
//! those that wait to be compressed are not. However many archives there are, few are held in
//! memory: the oldest ones, again and again until nothing has to go.

use std::collections::BinaryHeap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};

use crate::layout::{ARCHIVES, DEPTH, archive_time};
use crate::medium::Medium;

/// Most archives that are held at a time.
const MAX_HELD: usize = 4096;

/// How long and how much is kept.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) keep_for: Option<SignedDuration>,
    pub(crate) keep_bytes: Option<u64>,
}

/// The archives that are there.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) struct Totals {
    pub(crate) archives: u64,
    pub(crate) bytes: u64,
}

/// An archive; the oldest one is the smallest.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
struct Kept {
    time: Timestamp,
    /// Below the folder of the trail.
    path: PathBuf,
    bytes: u64,
}

/// Removes what must go, and tells what is left.
pub(crate) fn sweep(
    folder: &Path,
    limits: Limits,
    now: Timestamp,
    medium: &dyn Medium,
) -> io::Result<Totals> {
    loop {
        let (mut totals, oldest) = survey(folder)?;
        let doomed = doomed(&oldest, totals.bytes, limits, now);
        for archive in oldest.iter().take(doomed) {
            medium.remove(&folder.join(&archive.path))?;
            totals.archives = totals.archives.saturating_sub(1);
            totals.bytes = totals.bytes.saturating_sub(archive.bytes);
            remove_empty_folders(folder, &archive.path);
        }
        if doomed < oldest.len() || doomed == 0 {
            return Ok(totals);
        }
    }
}

/// How many of the archives, oldest first, must go.
fn doomed(oldest: &[Kept], mut bytes: u64, limits: Limits, now: Timestamp) -> usize {
    let too_old =
        |archive: &Kept| limits.keep_for.is_some_and(|age| now.duration_since(archive.time) > age);
    let mut count = 0;
    for archive in oldest {
        let too_many = limits.keep_bytes.is_some_and(|most| bytes > most);
        if !too_old(archive) && !too_many {
            break;
        }
        bytes = bytes.saturating_sub(archive.bytes);
        count += 1;
    }
    count
}

/// Counts all archives and finds the oldest, oldest first.
fn survey(folder: &Path) -> io::Result<(Totals, Vec<Kept>)> {
    let mut found = Found { totals: Totals::default(), oldest: BinaryHeap::new() };
    found.walk(folder, Path::new(ARCHIVES), DEPTH)?;
    Ok((found.totals, found.oldest.into_sorted_vec()))
}

struct Found {
    totals: Totals,
    /// The newest of them is on top.
    oldest: BinaryHeap<Kept>,
}

impl Found {
    /// Looks through a folder and so many levels of folders in it. Links are not followed.
    fn walk(&mut self, folder: &Path, below: &Path, levels: usize) -> io::Result<()> {
        for entry in fs::read_dir(folder.join(below))? {
            let entry = entry?;
            let kind = entry.file_type()?;
            let path = below.join(entry.file_name());
            if kind.is_dir() && levels > 0 {
                self.walk(folder, &path, levels - 1)?;
            } else if kind.is_file()
                && let Some(time) = archive_time(&path)
            {
                let bytes = entry.metadata()?.len();
                self.totals.archives = self.totals.archives.saturating_add(1);
                self.totals.bytes = self.totals.bytes.saturating_add(bytes);
                self.oldest.push(Kept { time, path, bytes });
                if self.oldest.len() > MAX_HELD {
                    self.oldest.pop();
                }
            }
        }
        Ok(())
    }
}

/// Removes the folders of day, month, year, Region and so on that nothing is left in.
fn remove_empty_folders(folder: &Path, archive: &Path) {
    for below in archive.ancestors().skip(1).take(DEPTH) {
        // This fails for a folder that something is left in, which is what it is for.
        if fs::remove_dir(folder.join(below)).is_err() {
            return;
        }
    }
}

#[cfg(test)]
mod tests;
