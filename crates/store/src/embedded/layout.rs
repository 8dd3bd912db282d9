//! What the file holds, how older layouts become the newest, and the settings without which
//! SQLite would acknowledge what is not on the disk. A file that is not ours, or is newer than we
//! are, is refused before anything is written to it.

use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, TransactionBehavior};

use super::faults::{Meaning, OpenFault, meaning};
use super::files::{self, Unfinished};

/// Marks the file as ours: "DyPs".
pub(super) const APPLICATION_ID: i64 = 0x4479_5073;

/// Each step makes the layout of its place in the table into the next.
///
/// `entry` is the key space. `change` is the log, `kind` 0 for a delete and 1 for a put, complete
/// behind `state.floor`. `state.revision` is that of the newest commit.
pub(super) const STEPS: &[&str] = &["
    CREATE TABLE entry (
        key BLOB PRIMARY KEY NOT NULL,
        value BLOB NOT NULL,
        revision INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE change (
        revision INTEGER NOT NULL,
        ordinal INTEGER NOT NULL,
        key BLOB NOT NULL,
        kind INTEGER NOT NULL,
        PRIMARY KEY (revision, ordinal)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE state (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        revision INTEGER NOT NULL,
        floor INTEGER NOT NULL
    ) STRICT;
    INSERT INTO state (one, revision, floor) VALUES (1, 0, 0);
    PRAGMA application_id = 0x44795073;
"];

/// What must be so on every connection: set, then read back.
const SETTINGS: &[(&str, &str, &str)] = &[
    // Each commit waits for the disk.
    ("synchronous", "FULL", "2"),
    ("fullfsync", "ON", "1"),
    ("checkpoint_fullfsync", "ON", "1"),
    // A failing disk is an error, not a signal.
    ("mmap_size", "0", "0"),
    // Damage is noticed where it is met.
    ("cell_size_check", "ON", "1"),
    ("trusted_schema", "OFF", "0"),
    // The writer checkpoints itself, because SQLite's own checkpoints do not report errors.
    ("wal_autocheckpoint", "0", "0"),
    // What was deleted does not stay readable where overwriting it costs nothing.
    ("secure_delete", "FAST", "2"),
    ("journal_size_limit", "67108864", "67108864"),
    ("temp_store", "MEMORY", "2"),
];

/// How long a statement waits for another process, such as a person's `sqlite3`.
pub(super) const BUSY: Duration = Duration::from_secs(5);

/// What a connection is for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Access {
    Read,
    Write,
}

/// How thoroughly a file is looked through.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Depth {
    /// Whose the file is, and its layout.
    Head,
    /// Every page, row order included.
    Quick,
    /// Indexes against their tables as well.
    Full,
}

/// A connection to a file that exists, without any settings.
pub(super) fn connect(path: &Path, access: Access) -> rusqlite::Result<Connection> {
    let access = match access {
        Access::Read => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Access::Write => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let connection = Connection::open_with_flags(path, access | OpenFlags::SQLITE_OPEN_NO_MUTEX)?;
    connection.busy_timeout(BUSY)?;
    Ok(connection)
}

/// A connection for reading to a file without a write-ahead log that nobody changes meanwhile.
/// SQLite then makes no log and no index beside it, which it would leave behind.
fn connect_still(path: &Path) -> rusqlite::Result<Connection> {
    let mut name = String::from("file:");
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' => {
                name.push(char::from(byte));
            }
            _ => name.push_str(&format!("%{byte:02X}")),
        }
    }
    name.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY
        | OpenFlags::SQLITE_OPEN_NO_MUTEX
        | OpenFlags::SQLITE_OPEN_URI;
    Connection::open_with_flags(name, flags)
}

/// A connection to a store that was looked through, with all settings asserted.
pub(super) fn connect_set(path: &Path, access: Access) -> Result<Connection, OpenFault> {
    let fault = |error: rusqlite::Error| OpenFault::from_sqlite(path, &error);
    let connection = connect(path, access).map_err(fault)?;
    if access == Access::Write {
        write_ahead(&connection).map_err(fault)?;
    }
    for (pragma, value, _) in SETTINGS {
        // Some of them answer with a row.
        connection.pragma_update(None, pragma, value).or_else(has_row).map_err(fault)?;
    }
    assert_settings(&connection, path)?;
    Ok(connection)
}

fn has_row(error: rusqlite::Error) -> rusqlite::Result<()> {
    match error {
        rusqlite::Error::ExecuteReturnedResults => Ok(()),
        error => Err(error),
    }
}

/// Refuses a connection on which a setting is not what durability needs.
pub(super) fn assert_settings(connection: &Connection, path: &Path) -> Result<(), OpenFault> {
    let journal = ("journal_mode", "", "wal");
    for &(pragma, _, wanted) in SETTINGS.iter().chain([&journal]) {
        let found = connection
            .pragma_query_value(None, pragma, |row| Ok(text(row.get_ref(0)?)))
            .map_err(|error| OpenFault::from_sqlite(path, &error))?;
        if found != wanted {
            let (path, wanted) = (path.to_owned(), wanted.to_owned());
            return Err(OpenFault::Setting { path, pragma, wanted, found });
        }
    }
    Ok(())
}

fn text(value: rusqlite::types::ValueRef<'_>) -> String {
    match value {
        rusqlite::types::ValueRef::Integer(number) => number.to_string(),
        rusqlite::types::ValueRef::Text(text) => String::from_utf8_lossy(text).into_owned(),
        other => format!("{:?}", other.data_type()),
    }
}

/// Has the file keep a write-ahead log. Whether it does is asserted with the settings.
pub(super) fn write_ahead(connection: &Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "WAL", |_| Ok(()))
}

/// Bounds the file. A file that is larger already may not grow.
pub(super) fn limit(connection: &Connection, bytes: u64) -> rusqlite::Result<()> {
    let page: i64 = connection.pragma_query_value(None, "page_size", |row| row.get(0))?;
    let pages = i64::try_from(bytes).unwrap_or(i64::MAX) / page.max(1);
    let pages = pages.clamp(1, i64::from(u32::MAX) - 1);
    connection.pragma_update_and_check(None, "max_page_count", pages, |_| Ok(()))
}

/// Makes an empty store under a name of its own and gives it its place when it is whole.
pub(super) fn create(path: &Path) -> Result<(), OpenFault> {
    let io = |error: std::io::Error| OpenFault::from_io(path, &error);
    let sqlite = |error: rusqlite::Error| OpenFault::from_sqlite(path, &error);
    let new = Unfinished::begin_anew(files::beside(path, files::NEW)).map_err(io)?;
    let mut connection = connect(new.path(), Access::Write).map_err(sqlite)?;
    write_ahead(&connection).map_err(sqlite)?;
    migrate(&mut connection, STEPS).map_err(sqlite)?;
    connection.close().map_err(|(_, error)| sqlite(error))?;
    new.finish_as(path).map_err(io)
}

/// Brings the file from its layout to the newest, each step as a whole.
pub(super) fn migrate(connection: &mut Connection, steps: &[&str]) -> rusqlite::Result<()> {
    for (step, version) in steps.iter().zip(1_i64..) {
        if layout(connection)? >= version {
            continue;
        }
        let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
        transaction.execute_batch(step)?;
        transaction.pragma_update(None, "user_version", version)?;
        transaction.commit()?;
    }
    Ok(())
}

pub(super) fn layout(connection: &Connection) -> rusqlite::Result<i64> {
    connection.pragma_query_value(None, "user_version", |row| row.get(0))
}

/// The newest layout that this version knows.
pub(super) fn newest() -> i64 {
    i64::try_from(STEPS.len()).unwrap_or(i64::MAX)
}

/// Opens a file for reading, and refuses it unless it is ours, known and undamaged. Nothing is
/// written to it.
pub(super) fn inspect(path: &Path, depth: Depth) -> Result<Connection, OpenFault> {
    let sqlite = |error: rusqlite::Error| OpenFault::from_sqlite(path, &error);
    if files::length(path) == 0 {
        return Err(OpenFault::NotADatabase { path: path.to_owned() });
    }
    // A journal that a crash left behind while the write-ahead log was being switched on can
    // only be rolled back by a connection that may write.
    let crashed = files::beside(path, files::JOURNAL).exists();
    let connection = match crashed {
        true => connect(path, Access::Write),
        false if files::beside(path, files::WAL).exists() => connect(path, Access::Read),
        false => connect_still(path),
    };
    let connection = connection.map_err(sqlite)?;
    let id: i64 =
        connection.pragma_query_value(None, "application_id", |row| row.get(0)).map_err(sqlite)?;
    if id != APPLICATION_ID {
        return Err(OpenFault::NotOurs { path: path.to_owned(), application_id: id });
    }
    let layout = layout(&connection).map_err(sqlite)?;
    if layout > newest() {
        return Err(OpenFault::Newer { path: path.to_owned(), layout, known: newest() });
    }
    intact(&connection, path, depth)?;
    Ok(connection)
}

/// Refuses a file that does not hold together.
pub(super) fn intact(connection: &Connection, path: &Path, depth: Depth) -> Result<(), OpenFault> {
    let pragma = match depth {
        Depth::Head => return Ok(()),
        Depth::Quick => "PRAGMA quick_check(1)",
        Depth::Full => "PRAGMA integrity_check(1)",
    };
    let detail = match connection.query_row(pragma, [], |row| row.get::<_, String>(0)) {
        Ok(verdict) if verdict == "ok" => return Ok(()),
        Ok(verdict) => one_line(&verdict),
        Err(error) if matches!(meaning(&error), Meaning::Damaged | Meaning::NotADatabase) => {
            error.to_string()
        }
        Err(error) => return Err(OpenFault::from_sqlite(path, &error)),
    };
    Err(OpenFault::Damaged { path: path.to_owned(), detail })
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}
