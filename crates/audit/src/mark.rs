//! The high-water mark of issue times: a small file that keeps them from going back.
//!
//! It is raised before a session's append is answered, one second ahead of what was issued, so
//! that raising it costs at most one fsync a second. A mark that is missing or unreadable beside
//! a trail is refused, never taken for "nothing was issued".

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::TrailError;
use crate::medium::{Medium, replace};

/// The name of the file: decimal milliseconds since 1970 and a line break.
pub(crate) const MARK: &str = "issued";

/// How far ahead the mark is written, in milliseconds.
const AHEAD_MS: i64 = 1000;

/// Most bytes of the file that are looked at.
const MAX_BYTES: u64 = 64;

/// The mark, as it is on the disk.
#[derive(Debug)]
pub(crate) struct Mark {
    path: PathBuf,
    medium: Arc<dyn Medium>,
    durable_ms: i64,
}

impl Mark {
    /// Reads the mark of a folder. Without one it is made when `new` says that there was no trail
    /// before, and refused otherwise.
    pub(crate) fn open(
        folder: &Path,
        new: bool,
        medium: Arc<dyn Medium>,
    ) -> Result<Self, TrailError> {
        let path = folder.join(MARK);
        let failed = |error| TrailError::Open(folder.to_owned(), Arc::new(error));
        let durable_ms = match read(&path) {
            Ok(text) => parsed(&text).ok_or_else(|| TrailError::MarkUnreadable(path.clone()))?,
            Err(error) if error.kind() == io::ErrorKind::NotFound && new => {
                replace(&*medium, &path, b"0\n").map_err(failed)?;
                0
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(TrailError::MarkMissing(path));
            }
            Err(error) => return Err(failed(error)),
        };
        Ok(Self { path, medium, durable_ms })
    }

    /// The time in milliseconds that no session was issued after; `None` when none ever was.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        Some(self.durable_ms).filter(|ms| *ms > 0)
    }

    /// Makes durable that a session was issued at that time. `false` when that was so already.
    pub(crate) fn raise(&mut self, issued_ms: i64) -> io::Result<bool> {
        if issued_ms <= self.durable_ms {
            return Ok(false);
        }
        let ahead = issued_ms.saturating_add(AHEAD_MS);
        replace(&*self.medium, &self.path, format!("{ahead}\n").as_bytes())?;
        self.durable_ms = ahead;
        Ok(true)
    }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Digits and a line break: what was cut short is no mark.
fn parsed(bytes: &[u8]) -> Option<i64> {
    let digits = std::str::from_utf8(bytes).ok()?.strip_suffix('\n')?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_digits_and_a_line_break() {
        let check = |text: &str, ms: Option<i64>| assert_eq!(parsed(text.as_bytes()), ms, "{text}");
        check("0\n", Some(0));
        check("1772353805999\n", Some(1_772_353_805_999));
        check("9223372036854775807\n", Some(i64::MAX));
        check("9223372036854775808\n", None);
        check("", None);
        check("\n", None);
        check("17", None);
        check("17\n\n", None);
        check("17\r\n", None);
        check(" 17\n", None);
        check("-17\n", None);
        check("+17\n", None);
        check("1.5\n", None);
        check("2026-03-01\n", None);
    }
}
