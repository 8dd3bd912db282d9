//! The folder that holds everything the server leaves on disk, for its own user's eyes only.
//!
//! It is made with mode 0700. A folder that another user owns, or that others may enter, is
//! refused, and so is one that another server uses.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use tempfile::TempDir;
use thiserror::Error;

use crate::config::DataPlace;

/// A data folder that this process alone uses, until it is dropped.
#[derive(Debug)]
pub(crate) struct DataFolder {
    path: PathBuf,
    /// Dropped last: the lock goes before a temporary folder is removed.
    _lock: File,
    temporary: Option<TempDir>,
}

impl DataFolder {
    /// Opens the folder, making it if need be.
    pub(crate) fn open(place: &DataPlace) -> Result<Self, FolderFault> {
        match place {
            DataPlace::Folder(path) => {
                let path = std::path::absolute(path).map_err(FolderFault::at(path))?;
                Self::lock(path, None)
            }
            DataPlace::Temporary => {
                let folder = tempfile::Builder::new()
                    .prefix("daypass-")
                    .permissions(Permissions::from_mode(0o700))
                    .tempdir()
                    .map_err(FolderFault::at(&std::env::temp_dir()))?;
                let path =
                    std::path::absolute(folder.path()).map_err(FolderFault::at(folder.path()))?;
                Self::lock(path, Some(folder))
            }
        }
    }

    fn lock(path: PathBuf, temporary: Option<TempDir>) -> Result<Self, FolderFault> {
        make_private(&path)?;
        let file = path.join("lock");
        let lock = OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&file)
            .map_err(FolderFault::at(&file))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path, _lock: lock, temporary }),
            Err(TryLockError::WouldBlock) => Err(FolderFault::InUse { path }),
            Err(TryLockError::Error(cause)) => Err(FolderFault::Io { path: file, cause }),
        }
    }

    /// The folder, as an absolute path.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder goes away with this value.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// A folder inside, made with mode 0700 when it is not there.
    pub(crate) fn subfolder(&self, name: &str) -> Result<PathBuf, FolderFault> {
        let path = self.path.join(name);
        make_private(&path)?;
        Ok(path)
    }
}

/// Makes the folder, with the ones above it, or checks the one that is there.
fn make_private(path: &Path) -> Result<(), FolderFault> {
    DirBuilder::new().recursive(true).mode(0o700).create(path).map_err(FolderFault::at(path))?;
    let folder = fs::metadata(path).map_err(FolderFault::at(path))?;
    judge(path, folder.mode(), folder.uid(), None)?;
    // There is no safe call for the own user id: a file that was just made tells it.
    let probe = tempfile::tempfile_in(path).and_then(|file| file.metadata());
    let own = probe.map_err(FolderFault::at(path))?.uid();
    judge(path, folder.mode(), folder.uid(), Some(own))
}

/// Whether a folder with that mode and owner keeps secrets for user `own`.
fn judge(path: &Path, mode: u32, owner: u32, own: Option<u32>) -> Result<(), FolderFault> {
    if own.is_some_and(|own| own != owner) {
        return Err(FolderFault::Foreign { path: path.to_owned(), owner });
    }
    if mode & 0o077 != 0 {
        return Err(FolderFault::Open { path: path.to_owned(), mode: mode & 0o7777 });
    }
    Ok(())
}

/// Why a folder cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum FolderFault {
    /// The system refused.
    #[error("`{}` cannot be used: {cause}", path.display())]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It cannot be written.
    #[error(
        "`{}` is read-only for this user ({cause}): let this user write there (for its own folder \
         `chmod u+rwx`, for a mount `mount -o remount,rw`), or choose another folder with --data",
        path.display()
    )]
    ReadOnly {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A deployment was here, and its store is not.
    #[error(
        "`{}` is missing or empty, although `{}` shows that a deployment was here: put the store \
         back, restore a backup with `daypass restore`, or choose another folder with --data (also \
         when only servers with --ephemeral used this one, or move its trail away); nothing was \
         overwritten",
        store.display(), evidence.display()
    )]
    Founded {
        /// Where the store should be.
        store: PathBuf,
        /// What shows that there was one.
        evidence: PathBuf,
    },
    /// A server without a store was to write its files over those of one that has a store.
    #[error(
        "the folder `{}` holds a deployment that is kept, and --ephemeral would write over its \
         credentials: choose another folder with --data, or leave --data out",
        path.display()
    )]
    Durable {
        /// The folder.
        path: PathBuf,
    },
    /// Others may enter it.
    #[error(
        "the folder `{}` is open to other users (mode {mode:04o}): run `chmod 700 '{}'`",
        path.display(), path.display()
    )]
    Open {
        /// The folder.
        path: PathBuf,
        /// Its permission bits.
        mode: u32,
    },
    /// Another user owns it.
    #[error(
        "the folder `{}` belongs to another user (uid {owner}): choose another with --data",
        path.display()
    )]
    Foreign {
        /// The folder.
        path: PathBuf,
        /// Its owner.
        owner: u32,
    },
    /// Another server uses it.
    #[error(
        "another server uses the folder `{}`: stop it, or choose another with --data",
        path.display()
    )]
    InUse {
        /// The folder.
        path: PathBuf,
    },
}

impl FolderFault {
    /// Says which file or folder the system refused.
    pub(crate) fn at(path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |cause| match cause.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path, cause }
            }
            _ => Self::Io { path, cause },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    fn folder(path: PathBuf) -> DataPlace {
        DataPlace::Folder(path)
    }

    #[test]
    fn a_new_folder_is_private_with_all_that_was_made_above_it() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("share/daypass");
        let data = DataFolder::open(&folder(path.clone())).unwrap();
        assert_eq!(data.path(), path);
        assert!(!data.is_temporary());
        for made in [home.path().join("share"), path.clone(), data.subfolder("trail").unwrap()] {
            assert_eq!(mode(&made), 0o700, "{made:?}");
        }
        assert_eq!(mode(&path.join("lock")), 0o600);
        drop(data);
        assert!(path.exists());
        // And again, now that it is there.
        DataFolder::open(&folder(path)).unwrap();
    }

    #[test]
    fn a_temporary_folder_is_private_and_goes_away() {
        let data = DataFolder::open(&DataPlace::Temporary).unwrap();
        assert!(data.is_temporary());
        let path = data.path().to_owned();
        assert!(path.is_absolute());
        assert_eq!(mode(&path), 0o700);
        fs::write(data.subfolder("trail").unwrap().join("trail.jsonl"), "{}").unwrap();
        drop(data);
        assert!(!path.exists());
    }

    #[test]
    fn a_folder_that_others_may_enter_is_refused() {
        let home = tempfile::tempdir().unwrap();
        for (bits, fine) in [(0o700, true), (0o750, false), (0o701, false), (0o720, false)] {
            let path = home.path().join(format!("{bits:o}"));
            fs::create_dir(&path).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(bits)).unwrap();
            let outcome = DataFolder::open(&folder(path));
            assert_eq!(outcome.is_ok(), fine, "{bits:o}");
            if let Err(fault) = outcome {
                assert!(fault.to_string().contains("chmod 700"), "{fault}");
            }
        }
    }

    #[test]
    fn a_folder_of_another_user_is_refused() {
        let path = Path::new("/srv/daypass");
        assert!(judge(path, 0o40700, 1000, Some(1000)).is_ok());
        assert!(matches!(
            judge(path, 0o40700, 0, Some(1000)),
            Err(FolderFault::Foreign { owner: 0, .. })
        ));
        // Not even the superuser uses a folder that its owner can change under its hands.
        assert!(matches!(judge(path, 0o40700, 1000, Some(0)), Err(FolderFault::Foreign { .. })));
    }

    #[test]
    fn two_servers_do_not_share_a_folder() {
        let home = tempfile::tempdir().unwrap();
        let place = folder(home.path().join("data"));
        let first = DataFolder::open(&place).unwrap();
        assert!(matches!(DataFolder::open(&place), Err(FolderFault::InUse { .. })));
        drop(first);
        DataFolder::open(&place).unwrap();
    }

    #[test]
    fn a_read_only_folder_says_what_to_do() {
        for kind in [io::ErrorKind::PermissionDenied, io::ErrorKind::ReadOnlyFilesystem] {
            let fault = FolderFault::at(Path::new("/srv/daypass"))(kind.into()).to_string();
            assert!(fault.starts_with("`/srv/daypass` is read-only for this user"), "{fault}");
            assert!(fault.contains("chmod u+rwx") && fault.contains("--data"), "{fault}");
        }
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let home = tempfile::tempdir().unwrap();
        let path = home.path().join("data");
        fs::write(&path, "").unwrap();
        let fault = DataFolder::open(&folder(path.clone())).unwrap_err();
        assert!(fault.to_string().contains(&*path.to_string_lossy()), "{fault}");
    }
}
