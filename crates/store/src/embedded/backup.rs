//! Copies of a store while it is in use, and putting one back.
//!
//! A copy is of one instant, lies in one file that nobody else may read, and was read through
//! before it counts. Nothing is overwritten: a backup wants a new name, and a store that is
//! restored over is set aside under a name that is told.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;
use std::sync::atomic::Ordering;

use rusqlite::Connection;
use rusqlite::backup::{Backup, StepResult};

use super::faults::{BackupFault, OpenFault, RestoreFault};
use super::files::{self, Lock, Unfinished};
use super::layout::{self, Access, Depth};
use super::rows;
use super::shared::Shared;

/// Pages copied between two looks at the world: 1 MiB.
const STEP: i32 = 256;

/// How long the write-ahead log may become while a backup holds it: 1 GiB.
const MAX_WAL: u64 = 1 << 30;

/// Names tried for a store that is set aside.
const NAMES: usize = 10_000;

/// What a copy holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct BackupInfo {
    /// Length of the file.
    pub bytes: u64,
    /// Keys in it.
    pub entries: u64,
    /// The revision of its newest commit.
    pub revision: u64,
}

/// Whether a store that is in the way is replaced.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Replace {
    /// It stays, and the restore is refused.
    No,
    /// It is set aside under another name.
    Yes,
}

/// What a restore did.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Restored {
    /// What the store holds now.
    pub info: BackupInfo,
    /// Where the store lies that was there before.
    pub aside: Option<PathBuf>,
}

/// That a backup holds the write-ahead log and writes its file.
struct Holding<'a> {
    shared: &'a Shared,
    to: &'a Path,
}

impl<'a> Holding<'a> {
    /// None when another backup writes that file.
    fn begin(shared: &'a Shared, to: &'a Path) -> Option<Self> {
        let mut copying = shared.copying.lock().unwrap_or_else(PoisonError::into_inner);
        if !copying.insert(to.to_owned()) {
            return None;
        }
        shared.backups.fetch_add(1, Ordering::AcqRel);
        Some(Self { shared, to })
    }
}

impl Drop for Holding<'_> {
    fn drop(&mut self) {
        self.shared.backups.fetch_sub(1, Ordering::AcqRel);
        self.shared.copying.lock().unwrap_or_else(PoisonError::into_inner).remove(self.to);
    }
}

pub(super) fn backup(
    from: &Path,
    shared: &Shared,
    to: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<BackupInfo, BackupFault> {
    if let Some(reason) = shared.closed() {
        return Err(BackupFault::Closed { reason: reason.to_owned() });
    }
    let to = &files::resolve(to).map_err(BackupFault::Copy)?;
    let failed = |error: io::Error| match error.kind() {
        io::ErrorKind::AlreadyExists => BackupFault::Exists { path: to.clone() },
        _ => BackupFault::Copy(OpenFault::from_io(to, &error)),
    };
    if to.symlink_metadata().is_ok() {
        return Err(BackupFault::Exists { path: to.clone() });
    }
    let holding = Holding::begin(shared, to);
    let _holding = holding.ok_or_else(|| BackupFault::UnderWay { path: to.clone() })?;
    let copy = Unfinished::begin_anew(files::beside(to, files::PART)).map_err(failed)?;
    let source = layout::connect_set(from, Access::Read).map_err(BackupFault::Source)?;
    let go_on = || match shared.wal_bytes.load(Ordering::Relaxed) {
        bytes if bytes > MAX_WAL => Err(bytes),
        _ => Ok(()),
    };
    let info = copy_into(&source, from, &copy, progress, go_on).map_err(|fault| match fault {
        CopyFault::Source(fault) => BackupFault::Source(fault),
        CopyFault::Copy(fault) => BackupFault::Copy(fault),
        CopyFault::Stopped(bytes) => BackupFault::Outpaced { bytes },
    })?;
    copy.finish_as_new(to).map_err(failed)?;
    Ok(info)
}

/// Puts the store that `backup` holds at `to`.
///
/// Blocks. The backup is checked thoroughly first; the copy is on the disk, and was read through,
/// before it takes the place. With [`Replace::Yes`] a store that is there, damaged or not, is
/// renamed together with its write-ahead log. No process may have the store open. If this fails,
/// the store is as it was; if the machine stops in between, either store is in place, or opening
/// says that the restore must be run again.
pub fn restore(backup: &Path, to: &Path, replace: Replace) -> Result<Restored, RestoreFault> {
    let to = &files::resolve(to).map_err(RestoreFault::Store)?;
    let failed = |error: io::Error| RestoreFault::Store(OpenFault::from_io(to, &error));
    let _lock = Lock::take(to).map_err(RestoreFault::Store)?;
    let old = super::exists(to).map_err(RestoreFault::Store)?
        || super::exists(&files::beside(to, files::WAL)).map_err(RestoreFault::Store)?;
    if old && replace == Replace::No {
        return Err(RestoreFault::Exists { path: to.clone() });
    }
    if !backup.try_exists().unwrap_or(false) {
        return Err(RestoreFault::Backup(OpenFault::Missing { path: backup.to_owned() }));
    }
    let source = layout::inspect(backup, Depth::Full).map_err(RestoreFault::Backup)?;
    let copy = Unfinished::begin_anew(files::beside(to, files::RESTORING)).map_err(failed)?;
    let go_on = || Ok::<_, u64>(());
    let info =
        copy_into(&source, backup, &copy, |_, _| {}, go_on).map_err(|fault| match fault {
            CopyFault::Source(fault) => RestoreFault::Backup(fault),
            CopyFault::Copy(fault) => RestoreFault::Store(fault),
            CopyFault::Stopped(_) => RestoreFault::Store(OpenFault::Io {
                path: to.clone(),
                detail: "the copy was stopped".to_owned(),
            }),
        })?;
    files::sync_file(copy.path()).map_err(failed)?;
    let aside = if old { Some(set_aside(to).map_err(failed)?) } else { None };
    if let Err(error) = copy.finish_as(to) {
        if let (Some(aside), Ok(false)) = (&aside, to.try_exists()) {
            drop(put_back(aside, to));
        }
        return Err(failed(error));
    }
    Ok(Restored { info, aside })
}

/// Renames a store with its log to a name that is free, and says which.
///
/// The file goes before its log: if the machine stops in between, the log alone tells the next
/// start that the store is missing, whereas a file without its log would be an older store.
fn set_aside(path: &Path) -> io::Result<PathBuf> {
    let free = |aside: &PathBuf| {
        ["", files::WAL].iter().all(|suffix| !files::beside(aside, suffix).exists())
    };
    let aside = (1..=NAMES)
        .map(|number| files::beside(path, &format!(".replaced-{number}")))
        .find(free)
        .ok_or_else(|| io::Error::other("too many stores were set aside: remove some"))?;
    rename_if_there(path, &aside)?;
    files::sync_folder(path)?;
    let log = rename_if_there(&files::beside(path, files::WAL), &files::beside(&aside, files::WAL));
    // The index of the log is made anew whenever it is missing.
    let moved = log.and_then(|()| files::remove_if_there(&files::beside(path, files::SHM)));
    if let Err(error) = moved {
        drop(put_back(&aside, path));
        return Err(error);
    }
    files::sync_folder(path)?;
    Ok(aside)
}

fn put_back(aside: &Path, path: &Path) -> io::Result<()> {
    rename_if_there(&files::beside(aside, files::WAL), &files::beside(path, files::WAL))?;
    rename_if_there(aside, path)?;
    files::sync_folder(path)
}

fn rename_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

enum CopyFault {
    Source(OpenFault),
    Copy(OpenFault),
    /// What made the caller stop it.
    Stopped(u64),
}

/// Copies a store of one instant into an empty file and reads the copy through.
fn copy_into(
    source: &Connection,
    source_path: &Path,
    copy: &Unfinished,
    mut progress: impl FnMut(u64, u64),
    go_on: impl Fn() -> Result<(), u64>,
) -> Result<BackupInfo, CopyFault> {
    let read =
        |error: rusqlite::Error| CopyFault::Source(OpenFault::from_sqlite(source_path, &error));
    let written =
        |error: rusqlite::Error| CopyFault::Copy(OpenFault::from_sqlite(copy.path(), &error));
    let mut target = layout::connect(copy.path(), Access::Write).map_err(written)?;
    // A copy that is cut short is removed: no journal is needed to undo it.
    for (pragma, value) in [("locking_mode", "EXCLUSIVE"), ("journal_mode", "MEMORY")] {
        target.pragma_update_and_check(None, pragma, value, |_| Ok(())).map_err(written)?;
    }

    // Held open from the first read to the last step: all of it is of one instant, and no
    // commit makes the copy begin again.
    let instant = source.unchecked_transaction().map_err(read)?;
    let (entries, revision) = contents(&instant).map_err(read)?;
    let steps = Backup::new(&instant, &mut target).map_err(written)?;
    loop {
        go_on().map_err(CopyFault::Stopped)?;
        let step = steps.step(STEP).map_err(written)?;
        let pages = |count: i32| u64::try_from(count).unwrap_or(0);
        let all = pages(steps.progress().pagecount);
        progress(all.saturating_sub(pages(steps.progress().remaining)), all);
        match step {
            StepResult::Done => break,
            StepResult::More => {}
            // Nobody else knows the copy, and the source is only read.
            _ => {
                let detail = "another process holds it".to_owned();
                return Err(CopyFault::Copy(OpenFault::Io {
                    path: copy.path().to_owned(),
                    detail,
                }));
            }
        }
    }
    drop(steps);
    drop(instant);

    // One file, without a log beside it.
    target.pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(())).map_err(written)?;
    layout::intact(&target, copy.path(), Depth::Quick).map_err(CopyFault::Copy)?;
    if contents(&target).map_err(written)? != (entries, revision) {
        let detail = "the copy does not hold what the store holds".to_owned();
        return Err(CopyFault::Copy(OpenFault::Damaged { path: copy.path().to_owned(), detail }));
    }
    target.close().map_err(|(_, error)| written(error))?;
    Ok(BackupInfo { bytes: files::length(copy.path()), entries, revision })
}

fn contents(connection: &Connection) -> rusqlite::Result<(u64, u64)> {
    let entries =
        connection.query_row("SELECT count(*) FROM entry", [], |row| rows::number(row, 0))?;
    Ok((entries, rows::state(connection)?.0.number()))
}
