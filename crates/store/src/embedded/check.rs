//! A thorough look at a store that nobody has open: SQLite's own check, and ours of what must
//! hold between its tables. Nothing is written.

use std::collections::HashMap;
use std::path::Path;

use rusqlite::{Connection, OptionalExtension};

use super::faults::OpenFault;
use super::files::{self, Lock};
use super::layout::{self, Depth};
use super::rows;
use crate::{ChangeKind, Key, MAX_KEY, MAX_VALUE, Revision};

/// What a store holds that was found to be in order.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct CheckInfo {
    /// The layout of the file.
    pub layout: u64,
    /// The revision of the newest commit.
    pub revision: u64,
    /// The log is complete behind this revision.
    pub floor: u64,
    /// Keys.
    pub entries: u64,
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// Changes in the log.
    pub changes: u64,
    /// Length of the file.
    pub file_bytes: u64,
}

/// Checks the store at `path` as a whole: every page and index, every key, value and revision
/// within its bounds, and the log in agreement with what is stored.
///
/// Blocks. The store must not be open. Whatever is wrong is [`OpenFault::Damaged`] with what was
/// found first.
pub fn check(path: &Path) -> Result<CheckInfo, OpenFault> {
    let path = &files::resolve(path)?;
    if !super::exists(path)? {
        super::refuse_remains(path)?;
        return Err(OpenFault::Missing { path: path.clone() });
    }
    let _lock = Lock::take(path)?;
    let connection = layout::inspect(path, Depth::Full)?;
    let fault = |error: rusqlite::Error| OpenFault::from_sqlite(path, &error);
    match look(&connection).map_err(fault)? {
        Ok(info) => Ok(CheckInfo { file_bytes: files::length(path), ..info }),
        Err(detail) => Err(OpenFault::Damaged { path: path.clone(), detail }),
    }
}

type Finding<T> = rusqlite::Result<Result<T, String>>;

fn look(connection: &Connection) -> Finding<CheckInfo> {
    let layout = u64::try_from(layout::layout(connection)?).unwrap_or(0);
    let (revision, floor) = rows::state(connection)?;
    let mut info = CheckInfo {
        layout,
        revision: revision.number(),
        floor: floor.number(),
        entries: 0,
        bytes: 0,
        changes: 0,
        file_bytes: 0,
    };
    if floor > revision {
        return Ok(Err("the log begins behind the newest commit".to_owned()));
    }
    let newest = match log(connection, &mut info)? {
        Ok(newest) => newest,
        Err(detail) => return Ok(Err(detail)),
    };
    Ok(match entries(connection, &mut info, &newest)? {
        Ok(()) => deleted(connection, &newest)?.map(|()| info),
        Err(detail) => Err(detail),
    })
}

/// The newest change of each key in the log.
type Newest = HashMap<Key, (Revision, ChangeKind)>;

fn log(connection: &Connection, info: &mut CheckInfo) -> Finding<Newest> {
    let mut newest = Newest::new();
    let mut statement =
        connection.prepare("SELECT revision, key, kind FROM change ORDER BY revision, ordinal")?;
    for change in statement.query_map([], rows::change)? {
        let change = change?;
        let number = change.revision.number();
        if number <= info.floor || number > info.revision {
            return Ok(Err(format!("the log has a change of revision {number}")));
        }
        info.changes += 1;
        newest.insert(change.key, (change.revision, change.kind));
    }
    Ok(Ok(newest))
}

fn entries(connection: &Connection, info: &mut CheckInfo, newest: &Newest) -> Finding<()> {
    let mut statement = connection
        .prepare("SELECT key, length(key), length(value), revision FROM entry ORDER BY key")?;
    let mut found = statement.query([])?;
    let bound = |length: usize| u64::try_from(length).unwrap_or(u64::MAX);
    while let Some(row) = found.next()? {
        let (key_bytes, value_bytes) = (rows::number(row, 1)?, rows::number(row, 2)?);
        if key_bytes == 0 || key_bytes > bound(MAX_KEY) {
            return Ok(Err(format!("a key has {key_bytes} bytes")));
        }
        let key = rows::key(row, 0)?;
        if value_bytes > bound(MAX_VALUE) {
            return Ok(Err(format!("the value of `{key}` has {value_bytes} bytes")));
        }
        let revision = rows::number(row, 3)?;
        if revision == 0 || revision > info.revision {
            return Ok(Err(format!("`{key}` is of revision {revision}, which was never given")));
        }
        let logged = newest.get(&key);
        let wanted = Some((Revision::new(revision), ChangeKind::Put));
        if (logged.is_some() || revision > info.floor) && logged.copied() != wanted {
            return Ok(Err(format!("`{key}` is of revision {revision}, and the log disagrees")));
        }
        info.entries += 1;
        info.bytes = info.bytes.saturating_add(key_bytes).saturating_add(value_bytes);
    }
    Ok(Ok(()))
}

/// What the log says was put last must be there.
fn deleted(connection: &Connection, newest: &Newest) -> Finding<()> {
    let mut statement = connection.prepare("SELECT 1 FROM entry WHERE key = ?1")?;
    for (key, (revision, kind)) in newest {
        let there = statement.query_row([key.as_bytes()], |_| Ok(())).optional()?.is_some();
        if there != (*kind == ChangeKind::Put) {
            let revision = revision.number();
            return Ok(Err(format!("the log of revision {revision} disagrees about `{key}`")));
        }
    }
    Ok(Ok(()))
}
