//! Why a file could not be opened, copied or put back, in sentences for an operator; and what an
//! error of SQLite means to a running engine.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;
use thiserror::Error;

/// Why a store was not opened. Nothing was written over whatever the reason.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OpenFault {
    /// There is no such file, and none was to be made.
    #[error("there is no store at `{path}`")]
    Missing {
        /// The file.
        path: PathBuf,
    },
    /// Another process holds the store.
    #[error("`{path}` is in use by another process: stop that one first")]
    InUse {
        /// The file.
        path: PathBuf,
    },
    /// The file is no SQLite database.
    #[error(
        "`{path}` is not a store: it was left as it is; move it away, or name another file or folder"
    )]
    NotADatabase {
        /// The file.
        path: PathBuf,
    },
    /// The file is a database of another program.
    #[error(
        "`{path}` belongs to another program (application id {application_id:#010x}): it was left \
         as it is; name another file or folder"
    )]
    NotOurs {
        /// The file.
        path: PathBuf,
        /// What it says it is.
        application_id: i64,
    },
    /// A newer version of this program wrote the file.
    #[error(
        "`{path}` has layout {layout}, and this version knows layouts up to {known}: run the newer \
         version that wrote it, or restore a backup made before"
    )]
    Newer {
        /// The file.
        path: PathBuf,
        /// Its layout.
        layout: i64,
        /// The newest that this version knows.
        known: i64,
    },
    /// The file does not hold together.
    #[error(
        "`{path}` is damaged ({detail}): nothing was overwritten; check the disk, keep the file, \
         and restore a backup"
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What was found first.
        detail: String,
    },
    /// The write-ahead log is there without the file that it belongs to.
    #[error(
        "`{log}` is there but `{path}` is not: put the missing file back or restore a backup; only \
         if the store is to begin anew, move the log away"
    )]
    Orphan {
        /// The missing file.
        path: PathBuf,
        /// The log.
        log: PathBuf,
    },
    /// A restore was cut short before it put its file in place.
    #[error(
        "a restore to `{path}` was cut short: run it again; only if the store is to begin anew, \
         remove `{unfinished}`"
    )]
    CutShort {
        /// The missing file.
        path: PathBuf,
        /// What the restore left.
        unfinished: PathBuf,
    },
    /// The file or its folder cannot be written.
    #[error("`{path}` or its folder is read-only: make both writable for this user")]
    ReadOnly {
        /// The file.
        path: PathBuf,
    },
    /// There is no room.
    #[error("there is no room on the disk of `{path}`: free some and start again")]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// SQLite did not take a setting that durability depends on.
    #[error(
        "`{path}` cannot be used safely: the setting `{pragma}` is `{found}` instead of \
         `{wanted}`; is it on a file system that supports locks and shared memory?"
    )]
    Setting {
        /// The file.
        path: PathBuf,
        /// The setting.
        pragma: &'static str,
        /// What it must be.
        wanted: String,
        /// What it is.
        found: String,
    },
    /// Anything else that went wrong while reading or writing.
    #[error("`{path}` cannot be used: {detail}")]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's own words.
        detail: String,
    },
}

impl OpenFault {
    pub(super) fn from_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::ReadOnly { path }
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::Full { path },
            _ => Self::Io { path, detail: error.to_string() },
        }
    }

    pub(super) fn from_sqlite(path: &Path, error: &rusqlite::Error) -> Self {
        let detail = error.to_string();
        let path = path.to_owned();
        match meaning(error) {
            Meaning::NotADatabase => Self::NotADatabase { path },
            Meaning::Damaged => Self::Damaged { path, detail },
            Meaning::Full => Self::Full { path },
            Meaning::Busy => Self::InUse { path },
            Meaning::ReadOnly => Self::ReadOnly { path },
            Meaning::Io | Meaning::Other => Self::Io { path, detail },
        }
    }
}

/// Why a backup was not made. What it had written was removed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum BackupFault {
    /// There is a file of that name.
    #[error("`{path}` exists: a backup never overwrites; name another file")]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// Another backup writes that file.
    #[error("another backup is writing `{path}`: wait for it, or name another file")]
    UnderWay {
        /// The file.
        path: PathBuf,
    },
    /// The engine has closed itself.
    #[error("the store is closed: {reason}")]
    Closed {
        /// Why it did.
        reason: String,
    },
    /// The store wrote so much meanwhile that its log became too long.
    #[error(
        "so much was written during the backup that the log reached {bytes} bytes: repeat it when \
         there is less to write, or on a faster disk"
    )]
    Outpaced {
        /// The length of the log.
        bytes: u64,
    },
    /// The store could not be read.
    #[error("the store could not be read: {0}")]
    Source(#[source] OpenFault),
    /// The copy could not be written, or did not read back.
    #[error("the backup could not be written: {0}")]
    Copy(#[source] OpenFault),
}

/// Why a backup was not restored. The store is as it was.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum RestoreFault {
    /// There is a store already.
    #[error("`{path}` exists and stays as it is: move it away, or restore to another place")]
    Exists {
        /// The store.
        path: PathBuf,
    },
    /// The backup is not fit to be restored.
    #[error("the backup cannot be used: {0}")]
    Backup(#[source] OpenFault),
    /// The store could not be written.
    #[error("the store could not be written: {0}")]
    Store(#[source] OpenFault),
}

/// What an error of SQLite means.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Meaning {
    /// The disk failed. SECURITY: after a failed fsync nothing says what is on it.
    Io,
    /// The file does not hold together.
    Damaged,
    /// The file is something else.
    NotADatabase,
    /// There is no room.
    Full,
    /// Somebody else holds a lock.
    Busy,
    /// It cannot be written.
    ReadOnly,
    /// The rest: out of memory, misuse.
    Other,
}

impl Meaning {
    /// Whether an engine that meets it must not be used again before it is opened anew.
    pub(super) fn is_final(self) -> bool {
        matches!(self, Self::Io | Self::Damaged | Self::NotADatabase)
    }
}

pub(super) fn meaning(error: &rusqlite::Error) -> Meaning {
    use rusqlite::Error;
    let code = match error {
        Error::SqliteFailure(failure, _) => failure.code,
        Error::SqlInputError { error, .. } => error.code,
        // Our own rows do not read as we wrote them.
        Error::QueryReturnedNoRows
        | Error::FromSqlConversionFailure(..)
        | Error::IntegralValueOutOfRange(..)
        | Error::InvalidColumnType(..)
        | Error::InvalidColumnIndex(..) => return Meaning::Damaged,
        _ => return Meaning::Other,
    };
    match code {
        ErrorCode::SystemIoFailure => Meaning::Io,
        ErrorCode::DatabaseCorrupt | ErrorCode::InternalMalfunction => Meaning::Damaged,
        // A table or column is missing: every statement of ours is fixed.
        ErrorCode::Unknown | ErrorCode::ConstraintViolation | ErrorCode::TypeMismatch => {
            Meaning::Damaged
        }
        ErrorCode::NotADatabase => Meaning::NotADatabase,
        ErrorCode::DiskFull => Meaning::Full,
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Meaning::Busy,
        ErrorCode::ReadOnly | ErrorCode::PermissionDenied => Meaning::ReadOnly,
        _ => Meaning::Other,
    }
}
