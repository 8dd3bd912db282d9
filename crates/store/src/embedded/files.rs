//! The files of a store: which there are, who holds them, and how one takes another's place.
//!
//! Beside the file itself lie SQLite's write-ahead log and index (`-wal`, `-shm`), our lock
//! (`-lock`, never removed) and, for moments, a store in the making (`-new`, `-restoring`; a backup
//! has `.part`). A file
//! in the making takes its place only when it is whole and on the disk.

use std::ffi::OsStr;
use std::fs::{self, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::faults::OpenFault;

pub(super) const WAL: &str = "-wal";
pub(super) const SHM: &str = "-shm";
pub(super) const JOURNAL: &str = "-journal";
pub(super) const LOCK: &str = "-lock";
pub(super) const NEW: &str = "-new";
pub(super) const RESTORING: &str = "-restoring";
pub(super) const PART: &str = ".part";

/// Only the owner reads and writes.
const MODE: u32 = 0o600;

/// `path` with something appended to its name.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

/// The file itself, all links followed: SQLite lays its files beside the target of a link, and
/// two names of one store must find the same lock.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, OpenFault> {
    let fault = |error: io::Error| OpenFault::from_io(path, &error);
    match fs::canonicalize(path) {
        // Not even a lock is laid beside a folder.
        Ok(found) if found.is_dir() => {
            let detail = "it is a folder: name a file in it".to_owned();
            return Err(OpenFault::Io { path: path.to_owned(), detail });
        }
        Ok(found) => return Ok(found),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(fault(error)),
    }
    let name = path.file_name().ok_or_else(|| OpenFault::Io {
        path: path.to_owned(),
        detail: "it names no file".to_owned(),
    })?;
    Ok(folder_of(path).canonicalize().map_err(fault)?.join(name))
}

pub(super) fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if parent.as_os_str() != OsStr::new("") => parent,
        _ => Path::new("."),
    }
}

/// The right to use a store, until dropped. The system gives it back if the process dies.
#[derive(Debug)]
pub(super) struct Lock {
    _file: File,
}

impl Lock {
    /// Takes the lock of the store at `path`, or says that another has it.
    pub(super) fn take(path: &Path) -> Result<Self, OpenFault> {
        let name = beside(path, LOCK);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(MODE)
            .open(&name)
            .map_err(|error| OpenFault::from_io(path, &error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self { _file: file }),
            Err(TryLockError::WouldBlock) => Err(OpenFault::InUse { path: path.to_owned() }),
            Err(TryLockError::Error(error)) => Err(OpenFault::from_io(&name, &error)),
        }
    }
}

/// Makes an empty file that nobody else may read. There must be none.
pub(super) fn create_private(path: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create_new(true).mode(MODE).open(path).map(drop)
}

/// Waits until a file's bytes are on the disk.
pub(super) fn sync_file(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Waits until the names in the folder of `path` are on the disk.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(folder_of(path))?.sync_all()
}

pub(super) fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The length of a file; none if it is not there.
pub(super) fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |found| found.len())
}

/// A database in the making: removed with all its side files unless it was finished.
#[derive(Debug)]
pub(super) struct Unfinished {
    path: PathBuf,
    /// Which file it is, whatever happens to its name.
    inode: u64,
    finished: bool,
}

impl Unfinished {
    /// Begins a file that must not exist.
    pub(super) fn begin(path: PathBuf) -> io::Result<Self> {
        create_private(&path)?;
        let inode = fs::symlink_metadata(&path)?.ino();
        Ok(Self { path, inode, finished: false })
    }

    /// Begins a file of a name that is ours alone: what an earlier process left is removed. The
    /// caller holds the lock.
    pub(super) fn begin_anew(path: PathBuf) -> io::Result<Self> {
        for suffix in ["", WAL, SHM, JOURNAL] {
            remove_if_there(&beside(&path, suffix))?;
        }
        Self::begin(path)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether its name still leads to it.
    fn is_ours(&self) -> bool {
        fs::symlink_metadata(&self.path).is_ok_and(|found| found.ino() == self.inode)
    }

    /// Makes the file last and gives it its name, unless something has that name already.
    pub(super) fn finish_as_new(mut self, name: &Path) -> io::Result<()> {
        sync_file(&self.path)?;
        // Another process may have taken it for a leftover.
        if !self.is_ours() {
            return Err(io::Error::other("another process writes the same file"));
        }
        match fs::hard_link(&self.path, name) {
            Ok(()) => fs::remove_file(&self.path)?,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Err(error),
            // Some file systems know no second name; there the look is not one with the rename.
            Err(_) if name.symlink_metadata().is_ok() => {
                return Err(io::ErrorKind::AlreadyExists.into());
            }
            Err(_) => fs::rename(&self.path, name)?,
        }
        self.finished = true;
        sync_folder(name)
    }

    /// Makes the file last and gives it its name. What had that name is replaced.
    pub(super) fn finish_as(mut self, name: &Path) -> io::Result<()> {
        sync_file(&self.path)?;
        fs::rename(&self.path, name)?;
        self.finished = true;
        sync_folder(name)
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if self.finished || !self.is_ours() {
            return;
        }
        for suffix in ["", WAL, SHM, JOURNAL] {
            // Nothing more can be done about a file that will not go: the next one says so.
            drop(fs::remove_file(beside(&self.path, suffix)));
        }
    }
}
