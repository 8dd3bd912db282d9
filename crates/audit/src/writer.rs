//! The one thread that writes a trail's file.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::mem;
use std::path::Path;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::{Durability, TrailError};

/// Bytes after which a batch is written although more lines wait, so that the buffer stays small
/// and the first callers are not kept waiting for the last.
const MAX_BATCH: usize = 1 << 20;

/// A line that waits to be written.
pub(crate) struct Waiting {
    /// The line with its line break.
    pub(crate) line: String,
    /// Who waits for it. Nobody may listen any more.
    pub(crate) answer: oneshot::Sender<Result<(), TrailError>>,
    /// The room that it takes, given back when it is dropped.
    pub(crate) room: OwnedSemaphorePermit,
}

/// The file of a trail.
pub(crate) struct Log {
    file: File,
    durability: Durability,
    /// Whether the file may end within a line.
    torn: bool,
}

impl Log {
    /// Opens the file and locks it.
    pub(crate) fn open(path: &Path, durability: Durability) -> io::Result<Self> {
        let existed = path.exists();
        let mut options = OpenOptions::new();
        options.read(true).append(true).create(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let file = options.open(path)?;
        file.try_lock()?;
        if !existed && durability == Durability::Sync {
            sync_folder(path)?;
        }
        Ok(Self { file, durability, torn: true })
    }

    /// Writes whole lines at the end of the file.
    fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if mem::replace(&mut self.torn, true) && self.ends_within_a_line()? {
            self.file.write_all(b"\n")?;
        }
        self.file.write_all(lines)?;
        if self.durability == Durability::Sync {
            self.file.sync_data()?;
        }
        self.torn = false;
        Ok(())
    }

    /// Whether the last byte of the file is something else than a line break.
    fn ends_within_a_line(&mut self) -> io::Result<bool> {
        if self.file.metadata()?.len() == 0 {
            return Ok(false);
        }
        // The file is open for appending: where it is read does not move where it is written.
        self.file.seek(SeekFrom::End(-1))?;
        let mut last = [0];
        self.file.read_exact(&mut last)?;
        Ok(last != *b"\n")
    }
}

/// Makes the name of a new file durable.
fn sync_folder(path: &Path) -> io::Result<()> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or(Path::new(".")))?.sync_all()
}

/// Writes lines until the trail is dropped and nothing waits any more.
pub(crate) fn write_all_waiting(mut log: Log, mut queue: mpsc::UnboundedReceiver<Waiting>) {
    let mut lines = Vec::new();
    let mut answers = Vec::new();
    while let Some(first) = queue.blocking_recv() {
        let mut next = Some(first);
        while let Some(Waiting { line, answer, room }) = next {
            lines.extend_from_slice(line.as_bytes());
            answers.push((answer, room));
            next = if lines.len() < MAX_BATCH { queue.try_recv().ok() } else { None };
        }
        let outcome = log.write(&lines).map_err(|error| TrailError::Write(Arc::new(error)));
        lines.clear();
        for (answer, room) in answers.drain(..) {
            drop(room);
            // A caller that went away needs no answer.
            let _ = answer.send(outcome.clone());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// A disk that fails and recovers: the line that was cut short stands alone, later ones are
    /// whole.
    #[test]
    fn writing_goes_on_when_it_works_again() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("trail.jsonl");
        let mut log = Log::open(&path, Durability::Sync).unwrap();
        log.write(b"one\n").unwrap();
        // A handle that only reads refuses every write.
        let working = mem::replace(&mut log.file, File::open(&path).unwrap());
        log.write(b"two\n").unwrap_err();
        log.write(b"three\n").unwrap_err();
        fs::write(&path, "one\ntw").unwrap();
        log.file = working;
        log.write(b"four\n").unwrap();
        log.write(b"five\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntw\nfour\nfive\n");
    }
}
