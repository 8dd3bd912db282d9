//! Why a trail cannot be opened or a record not kept, in sentences for whoever runs the server.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use thiserror::Error;

/// Why a record was not kept, or the trail not opened.
#[derive(Clone, Debug, Error)]
#[non_exhaustive]
pub enum TrailError {
    /// The trail is closed; its writer has ended.
    #[error("the audit trail is closed")]
    Closed,
    /// The record cannot be written as JSON.
    #[error("the audit record cannot be encoded: {0}")]
    Encode(Arc<serde_json::Error>),
    /// Another process writes to this folder.
    #[error("the audit trail in `{0}` is in use by another server: stop that one first")]
    InUse(PathBuf),
    /// A line that was kept elsewhere is not the line of one record.
    #[error("this is not the line of an audit record: {0}")]
    Line(&'static str),
    /// The mark of issue times is gone although there is a trail.
    #[error(
        "`{0}`, which keeps issue times from going back, is missing although the folder holds an \
         audit trail: restore it, or write the present time in milliseconds since 1970 and a line \
         break to it if no session can have been issued later than now"
    )]
    MarkMissing(PathBuf),
    /// The mark of issue times holds something else than a number.
    #[error(
        "`{0}`, which keeps issue times from going back, does not hold one number and a line \
         break: restore it, or write the present time in milliseconds since 1970 and a line break \
         to it if no session can have been issued later than now"
    )]
    MarkUnreadable(PathBuf),
    /// A file or folder of the trail cannot be opened.
    #[error("the audit trail in `{0}` cannot be opened: {1}")]
    Open(PathBuf, #[source] Arc<io::Error>),
    /// The current file could not be set aside; records are kept all the same where they can be.
    #[error("the current file of the audit trail cannot be rotated: {0}")]
    Rotate(Arc<io::Error>),
    /// The settings make no sense.
    #[error("the settings of the audit trail are wrong: {0}")]
    Settings(&'static str),
    /// Full files cannot be compressed, or old archives not removed.
    #[error("the audit trail cannot be archived: {0}")]
    Upkeep(Arc<io::Error>),
    /// The line, or the fsync behind it, failed.
    #[error("the audit trail cannot be written: {0}")]
    Write(Arc<io::Error>),
}
