//! How our rows are read. A row that does not read as we write them is damage.

use rusqlite::{Connection, OptionalExtension, Row, Statement};

use crate::feed::whole_commits;
use crate::{Change, ChangeKind, Changes, Entry, Key, Revision};

/// `change.kind` of a delete.
pub(super) const DELETE: i64 = 0;

/// `change.kind` of a put.
pub(super) const PUT: i64 = 1;

/// The reads of one connection, prepared once.
pub(super) struct Reading<'c> {
    connection: &'c Connection,
    get: Statement<'c>,
    from: Statement<'c>,
    behind: Statement<'c>,
    changes: Statement<'c>,
}

impl<'c> Reading<'c> {
    /// Fails if a table is missing.
    pub(super) fn prepare(connection: &'c Connection) -> rusqlite::Result<Self> {
        let entries = "SELECT key, value, revision FROM entry";
        Ok(Self {
            connection,
            get: connection.prepare("SELECT value, revision FROM entry WHERE key = ?1")?,
            from: connection.prepare(&format!("{entries} WHERE key >= ?1 ORDER BY key"))?,
            behind: connection.prepare(&format!("{entries} WHERE key > ?1 ORDER BY key"))?,
            changes: connection.prepare(
                "SELECT revision, key, kind FROM change WHERE revision > ?1 \
                 ORDER BY revision, ordinal",
            )?,
        })
    }

    pub(super) fn get(&mut self, key: &Key) -> rusqlite::Result<Option<Entry>> {
        self.get.query_row([key.as_bytes()], |row| entry(row, 0)).optional()
    }

    /// One statement, hence one instant.
    pub(super) fn scan(
        &mut self,
        prefix: &[u8],
        after: Option<&Key>,
        limit: usize,
    ) -> rusqlite::Result<Vec<(Key, Entry)>> {
        let (statement, start) = match after {
            Some(after) if after.as_bytes() >= prefix => (&mut self.behind, after.as_bytes()),
            _ => (&mut self.from, prefix),
        };
        let mut found = Vec::new();
        if limit == 0 {
            return Ok(found);
        }
        let mut rows = statement.query([start])?;
        while let Some(row) = rows.next()? {
            // A row behind the prefix ends the scan before its value is read.
            if !blob(row, 0)?.starts_with(prefix) {
                break;
            }
            found.push((key(row, 0)?, entry(row, 1)?));
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }

    /// Whole commits behind `since`; log and state are read in one transaction.
    pub(super) fn changes(&mut self, since: Revision, limit: usize) -> rusqlite::Result<Changes> {
        let transaction = self.connection.unchecked_transaction()?;
        let (revision, floor) = state(&transaction)?;
        // A revision that was never given out: the reader comes from another store.
        if since < floor || since > revision {
            return Ok(Changes::TooOld);
        }
        let since = i64::try_from(since.number()).unwrap_or(i64::MAX);
        let behind = self.changes.query_map([since], change)?;
        whole_commits(behind, limit).map(Changes::These)
    }
}

/// The newest revision, and the one behind which the log is complete.
pub(super) fn state(connection: &Connection) -> rusqlite::Result<(Revision, Revision)> {
    connection.query_row("SELECT revision, floor FROM state", [], |row| {
        Ok((revision(row, 0)?, revision(row, 1)?))
    })
}

pub(super) fn change(row: &Row<'_>) -> rusqlite::Result<Change> {
    let kind = match row.get::<_, i64>(2)? {
        DELETE => ChangeKind::Delete,
        PUT => ChangeKind::Put,
        other => return Err(rusqlite::Error::IntegralValueOutOfRange(2, other)),
    };
    Ok(Change { revision: revision(row, 0)?, key: key(row, 1)?, kind })
}

fn entry(row: &Row<'_>, first: usize) -> rusqlite::Result<Entry> {
    Ok(Entry { value: blob(row, first)?.into(), revision: revision(row, first + 1)? })
}

pub(super) fn key(row: &Row<'_>, column: usize) -> rusqlite::Result<Key> {
    Key::new(blob(row, column)?).map_err(|error| unreadable(row, column, error.into()))
}

fn blob<'a>(row: &'a Row<'_>, column: usize) -> rusqlite::Result<&'a [u8]> {
    row.get_ref(column)?.as_blob().map_err(|error| unreadable(row, column, error.into()))
}

fn revision(row: &Row<'_>, column: usize) -> rusqlite::Result<Revision> {
    number(row, column).map(Revision::new)
}

/// A number that is never negative.
pub(super) fn number(row: &Row<'_>, column: usize) -> rusqlite::Result<u64> {
    let number = row.get::<_, i64>(column)?;
    u64::try_from(number).map_err(|_| rusqlite::Error::IntegralValueOutOfRange(column, number))
}

fn unreadable(
    row: &Row<'_>,
    column: usize,
    error: Box<dyn std::error::Error + Send + Sync>,
) -> rusqlite::Error {
    let kind = row.get_ref(column).map_or(rusqlite::types::Type::Null, |value| value.data_type());
    rusqlite::Error::FromSqlConversionFailure(column, kind, error)
}
