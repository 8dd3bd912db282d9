//! The file operations that the trail stands on, so that tests can make them fail.
//!
//! Files are always real ones: a medium that injects faults refuses operations, or carries them
//! out by half, and otherwise does what [`Disk`] does.

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

#[cfg(any(test, feature = "faults"))]
mod faults;

#[cfg(any(test, feature = "faults"))]
pub use faults::Faults;

/// An open file and the path that it was opened at.
#[derive(Debug)]
pub struct OpenFile {
    /// The file.
    pub file: File,
    /// Where it was opened; it may have been renamed since.
    pub path: PathBuf,
}

/// The operations that change files. Each may fail; none is tried again by itself.
pub trait Medium: Debug + Send + Sync {
    /// Opens a file for reading and appending; makes it, for its owner only, if it is missing.
    fn append_to(&self, path: &Path) -> io::Result<OpenFile> {
        open(path, OpenOptions::new().read(true).append(true).create(true))
    }

    /// Makes an empty file for its owner only, in place of what is there.
    fn create(&self, path: &Path) -> io::Result<OpenFile> {
        open(path, OpenOptions::new().write(true).create(true).truncate(true))
    }

    /// Writes all these bytes, or fails with any number of them written.
    fn write_all(&self, to: &mut OpenFile, bytes: &[u8]) -> io::Result<()> {
        to.file.write_all(bytes)
    }

    /// Makes what was written to the file durable.
    fn sync(&self, of: &OpenFile) -> io::Result<()> {
        of.file.sync_data()
    }

    /// Makes the names in a folder durable.
    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        File::open(folder)?.sync_all()
    }

    /// Gives a file another name, in place of what has it.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    /// Removes a file.
    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }
}

/// The real medium.
#[derive(Clone, Copy, Debug, Default)]
pub struct Disk;

impl Medium for Disk {}

fn open(path: &Path, options: &mut OpenOptions) -> io::Result<OpenFile> {
    Ok(OpenFile { file: private(options).open(path)?, path: path.to_owned() })
}

/// Options that make files for their owner only.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}

/// Makes a folder for its owner only, durably. It may be there already; its parent must be.
pub(crate) fn make_folder(medium: &dyn Medium, folder: &Path) -> io::Result<()> {
    let mut builder = DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    match builder.create(folder) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && folder.is_dir() => Ok(()),
        Err(error) => Err(error),
        Ok(()) => medium.sync_folder(parent(folder)),
    }
}

fn parent(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Replaces a small file, durably or not at all.
pub(crate) fn replace(medium: &dyn Medium, path: &Path, bytes: &[u8]) -> io::Result<()> {
    let temporary = path.with_extension("tmp");
    let mut file = medium.create(&temporary)?;
    medium.write_all(&mut file, bytes)?;
    medium.sync(&file)?;
    medium.rename(&temporary, path)?;
    medium.sync_folder(parent(path))
}
