//! Lines that are no records, most often because a crash cut them short: put aside with where
//! they stood and how many there were, so that nothing of a trail is lost without a word.

use std::fs;
use std::io;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::capped_file::{CappedFile, predecessor};
use crate::pending::Found;

/// The name of the file.
const TORN: &str = "torn.jsonl";

/// Most bytes of the file and its predecessor.
const MAX_FILES: u64 = 4 << 20;

/// Most bytes of a line that are put aside. The count of its bytes tells whether there were more.
const MAX_TEXT: usize = 64 << 10;

/// A line that was put aside.
#[derive(Debug, Serialize)]
struct Torn<'a> {
    /// How many have been put aside so far, this one included: a gap tells of those that are gone.
    count: u64,
    /// The file that it stood in. A crash while that was compressed can put a line aside twice.
    file: &'a str,
    /// Where it began there.
    offset: u64,
    /// How long it was.
    bytes: u64,
    /// What it said; what is no UTF-8 is replaced.
    text: &'a str,
}

#[derive(Deserialize)]
struct Counted {
    count: u64,
}

/// The file of torn lines.
#[derive(Debug)]
pub(crate) struct TornLines {
    file: CappedFile,
    count: u64,
}

impl TornLines {
    /// Opens the file of a folder.
    pub(crate) fn open(folder: &Path) -> io::Result<Self> {
        let path = folder.join(TORN);
        let file = CappedFile::open(&path, MAX_FILES)?;
        let count = newest_count(&path)?.max(newest_count(&predecessor(&path))?);
        Ok(Self { file, count })
    }

    /// Puts a line aside.
    pub(crate) fn put(&mut self, file: &str, line: &Found<'_>) -> io::Result<()> {
        let text = line.start.get(..line.start.len().min(MAX_TEXT)).unwrap_or_default();
        let count = self.count.saturating_add(1);
        let text = &String::from_utf8_lossy(text);
        let torn = Torn { count, file, offset: line.offset, bytes: line.length, text };
        self.file.write_line(&serde_json::to_string(&torn)?)?;
        self.count = count;
        Ok(())
    }

    /// Makes what was put aside durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync()
    }
}

/// The largest count in a file, 0 when there is none. The file is small.
fn newest_count(path: &Path) -> io::Result<u64> {
    let text = match fs::read(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        text => text?,
    };
    let counts = text.split(|byte| *byte == b'\n').filter_map(|line| {
        serde_json::from_slice::<Counted>(line).ok().map(|counted| counted.count)
    });
    Ok(counts.max().unwrap_or(0))
}
