//! The files that were set aside and wait to be compressed, and how they are read: line by line,
//! however long a line may be, and whatever a crash left in them.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};

use jiff::Timestamp;

use crate::layout::pending_sequence;
use crate::line::{Heading, MAX_LINE};

/// How far into a file its first record is looked for.
const MAX_BEGINNING: u64 = 4 << 20;

/// A file that waits to be compressed.
#[derive(Clone, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(crate) struct Pending {
    pub(crate) sequence: u64,
    pub(crate) path: PathBuf,
}

/// The files of a folder that wait to be compressed, oldest first.
pub(crate) fn list(folder: &Path) -> io::Result<Vec<Pending>> {
    let mut pending = Vec::new();
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if let Some(sequence) = entry.file_name().to_str().and_then(pending_sequence) {
            pending.push(Pending { sequence, path: entry.path() });
        }
    }
    pending.sort();
    Ok(pending)
}

/// The time of the first record of a file, or `None` when there is none at its beginning.
pub(crate) fn begun(path: &Path) -> io::Result<Option<Timestamp>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let mut lines = Lines::new(BufReader::new(file.take(MAX_BEGINNING)), 0);
    while let Some(line) = lines.next()? {
        if let Some(time) = line.heading().and_then(|heading| heading.time) {
            return Ok(Some(time));
        }
    }
    Ok(None)
}

/// A line of a file.
#[derive(Debug)]
pub(crate) struct Found<'a> {
    /// Where it begins.
    pub(crate) offset: u64,
    /// Its bytes without the line break.
    pub(crate) length: u64,
    /// Its bytes, of which no more are held than the longest line of a record has.
    pub(crate) start: &'a [u8],
}

impl Found<'_> {
    /// Whether nothing stands on it.
    pub(crate) fn is_blank(&self) -> bool {
        self.length == 0
    }

    /// The heading of a line that is the whole line of a record.
    pub(crate) fn heading(&self) -> Option<Heading> {
        let whole = u64::try_from(self.start.len()).is_ok_and(|held| held == self.length);
        whole.then(|| Heading::read(self.start)).flatten()
    }
}

/// Reads a file line by line.
#[derive(Debug)]
pub(crate) struct Lines<R> {
    from: R,
    offset: u64,
    start: Vec<u8>,
}

impl<R: BufRead> Lines<R> {
    /// The lines of a file that was read up to `offset`.
    pub(crate) fn new(from: R, offset: u64) -> Self {
        Self { from, offset, start: Vec::new() }
    }

    /// The next line, or `None` at the end of the file. The last one may lack its line break.
    pub(crate) fn next(&mut self) -> io::Result<Option<Found<'_>>> {
        let offset = self.offset;
        self.start.clear();
        loop {
            let held = match self.from.fill_buf() {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                held => held?,
            };
            let end = end_of_line(held);
            let line = held.get(..end.unwrap_or(held.len())).unwrap_or_default();
            let room = MAX_LINE.saturating_sub(self.start.len()).min(line.len());
            self.start.extend_from_slice(line.get(..room).unwrap_or_default());
            let used = line.len() + usize::from(end.is_some());
            self.from.consume(used);
            self.offset = self.offset.saturating_add(u64::try_from(used).unwrap_or(u64::MAX));
            if end.is_some() || used == 0 {
                let line_break = u64::from(end.is_some());
                let length = self.offset.saturating_sub(offset).saturating_sub(line_break);
                let found = Found { offset, length, start: &self.start };
                return Ok((end.is_some() || length > 0).then_some(found));
            }
        }
    }
}

/// Where the next line break is. The standard library looks for it a word at a time.
fn end_of_line(mut held: &[u8]) -> Option<usize> {
    let bytes = held;
    let at = held.skip_until(b'\n').ok()?.checked_sub(1)?;
    (bytes.get(at) == Some(&b'\n')).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_read_line_by_line() {
        let check = |text: &[u8], wanted: &[(u64, &[u8])]| {
            for capacity in [1, 2, 7, 4096] {
                let mut lines = Lines::new(BufReader::with_capacity(capacity, text), 0);
                let mut found = Vec::new();
                while let Some(line) = lines.next().unwrap() {
                    assert_eq!(line.length, u64::try_from(line.start.len()).unwrap());
                    found.push((line.offset, line.start.to_vec()));
                }
                let wanted: Vec<_> = wanted.iter().map(|(at, line)| (*at, line.to_vec())).collect();
                assert_eq!(found, wanted);
                assert!(lines.next().unwrap().is_none());
            }
        };
        check(b"", &[]);
        check(b"\n", &[(0, b"")]);
        check(b"one", &[(0, b"one")]);
        check(b"one\n", &[(0, b"one")]);
        check(b"one\ntwo", &[(0, b"one"), (4, b"two")]);
        check(b"\n\none\n\n", &[(0, b""), (1, b""), (2, b"one"), (6, b"")]);
        check(b"\xff\0\n{}\n", &[(0, b"\xff\0"), (3, b"{}")]);
    }

    #[test]
    fn of_a_line_that_is_too_long_the_beginning_is_held() {
        let mut text = vec![b'a'; 3 * MAX_LINE + 5];
        text.extend_from_slice(b"\n{}\n");
        let mut lines = Lines::new(BufReader::new(&text[..]), 0);
        let long = lines.next().unwrap().unwrap();
        assert_eq!((long.length, long.start.len()), (3 * MAX_LINE as u64 + 5, MAX_LINE));
        assert!(long.heading().is_none());
        let next = lines.next().unwrap().unwrap();
        assert_eq!((next.offset, next.start), (3 * MAX_LINE as u64 + 6, &b"{}"[..]));
        assert!(next.heading().is_some());
    }
}
