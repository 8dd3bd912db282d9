//! The log of refusals before authentication: bounded in size, never waited for, never synced.
//!
//! Whoever can reach the server can cause its lines. So it holds nothing that must not be lost,
//! takes no more of the disk than it is given, and drops what comes faster than it writes; how
//! much that was is written too.

use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread::{Builder, JoinHandle};

use crate::capped_file::CappedFile;

/// Most lines that wait to be written.
const MAX_QUEUED: usize = 1024;

/// Most bytes of a line; together with [`MAX_QUEUED`] this bounds the memory.
const MAX_LINE: usize = 8 << 10;

/// Least that a log can be given: room for some lines.
const MIN_BYTES: u64 = 4 << 10;

/// A log that is capped: its file and one predecessor, `<name>.1`, together never exceed a size.
///
/// Dropping it writes what waits and closes the file; the drop waits for that.
#[derive(Debug)]
pub struct CappedLog {
    /// Taken only when the log is dropped, which tells the thread to end.
    queue: Option<SyncSender<String>>,
    dropped: Arc<AtomicU64>,
    dropped_ever: AtomicU64,
    writer: Option<JoinHandle<()>>,
}

impl CappedLog {
    /// Opens the log, readable by its owner only if it must be made. What is there and larger
    /// than it may be is removed. This call does file I/O.
    ///
    /// # Errors
    /// When the file cannot be opened, or `max_bytes` is below 4 KiB.
    pub fn open(path: impl AsRef<Path>, max_bytes: u64) -> io::Result<Self> {
        if max_bytes < MIN_BYTES {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "a capped log needs at least 4096 bytes",
            ));
        }
        let file = CappedFile::open(path.as_ref(), max_bytes)?;
        let (queue, lines) = sync_channel(MAX_QUEUED);
        let mut log = Self::unwritten(queue);
        let dropped = Arc::clone(&log.dropped);
        let writer = Builder::new().name("refusal-log".to_owned());
        log.writer = Some(writer.spawn(move || write_all(file, &lines, &dropped))?);
        Ok(log)
    }

    fn unwritten(queue: SyncSender<String>) -> Self {
        Self {
            queue: Some(queue),
            dropped: Arc::default(),
            dropped_ever: AtomicU64::default(),
            writer: None,
        }
    }

    /// Hands over a line, without a line break, and never waits. `false` when it was dropped:
    /// because too many wait, or because it is longer than 8 KiB or has a line break. The number
    /// of dropped lines is written as a line of its own as soon as lines are written again:
    /// `{"droppedLines":17}`.
    pub fn offer(&self, line: String) -> bool {
        let fits = line.len() <= MAX_LINE && !line.contains(['\n', '\r']);
        let taken = fits && self.queue.as_ref().is_some_and(|queue| queue.try_send(line).is_ok());
        if !taken {
            self.dropped.fetch_add(1, Ordering::Relaxed);
            self.dropped_ever.fetch_add(1, Ordering::Relaxed);
        }
        taken
    }

    /// How many lines were dropped since the log was opened.
    pub fn dropped(&self) -> u64 {
        self.dropped_ever.load(Ordering::Relaxed)
    }
}

impl Drop for CappedLog {
    fn drop(&mut self) {
        drop(self.queue.take());
        if let Some(writer) = self.writer.take() {
            // There is nobody to tell how it ended.
            let _ = writer.join();
        }
    }
}

/// Writes lines until the log is dropped.
fn write_all(mut file: CappedFile, lines: &Receiver<String>, dropped: &AtomicU64) {
    while let Ok(first) = lines.recv() {
        let mut next = Ok(first);
        while let Ok(line) = next {
            if file.write_line(&line).is_err() {
                dropped.fetch_add(1, Ordering::Relaxed);
            }
            next = lines.try_recv();
        }
        tell_dropped(&mut file, dropped);
        if next == Err(TryRecvError::Disconnected) {
            break;
        }
    }
    tell_dropped(&mut file, dropped);
}

fn tell_dropped(file: &mut CappedFile, dropped: &AtomicU64) {
    let count = dropped.swap(0, Ordering::Relaxed);
    if count > 0 && file.write_line(&format!("{{\"droppedLines\":{count}}}")).is_err() {
        // Told the next time that writing works.
        dropped.fetch_add(count, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn folder_and_path() -> (tempfile::TempDir, std::path::PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("refusals.jsonl");
        (folder, path)
    }

    #[test]
    fn lines_are_there_when_the_log_is_closed() {
        let (_folder, path) = folder_and_path();
        for round in ["one", "two"] {
            let log = CappedLog::open(&path, 1 << 20).unwrap();
            assert!(log.offer(round.to_owned()));
        }
        assert_eq!(fs::read_to_string(&path).unwrap(), "one\ntwo\n");
    }

    #[test]
    fn what_is_no_line_is_dropped_and_counted() {
        let (_folder, path) = folder_and_path();
        let log = CappedLog::open(&path, 1 << 20).unwrap();
        assert!(!log.offer("one\n{\"forged\":true}".to_owned()));
        assert!(!log.offer("one\rtwo".to_owned()));
        assert!(!log.offer("x".repeat(MAX_LINE + 1)));
        assert_eq!(log.dropped(), 3);
        drop(log);
        assert_eq!(fs::read_to_string(&path).unwrap(), "{\"droppedLines\":3}\n");
    }

    /// Nobody takes lines from this queue: offering neither waits nor takes more than it may.
    #[test]
    fn a_full_queue_drops_lines() {
        let (_folder, path) = folder_and_path();
        let (queue, lines) = sync_channel(MAX_QUEUED);
        let log = CappedLog::unwritten(queue);
        let taken = (0..MAX_QUEUED + 7).filter(|number| log.offer(number.to_string())).count();
        assert_eq!((taken, log.dropped()), (MAX_QUEUED, 7));
        let dropped = Arc::clone(&log.dropped);
        drop(log);
        write_all(CappedFile::open(&path, 1 << 20).unwrap(), &lines, &dropped);
        let text = fs::read_to_string(&path).unwrap();
        assert_eq!(text.lines().count(), MAX_QUEUED + 1);
        assert!(text.ends_with("\n1023\n{\"droppedLines\":7}\n"));
    }

    /// Every line is in the files, was pushed out of them, or is counted.
    #[test]
    fn the_files_stay_below_the_cap_and_count_what_they_miss() {
        let (_folder, path) = folder_and_path();
        let log = CappedLog::open(&path, MIN_BYTES).unwrap();
        for number in 0..20_000 {
            log.offer(format!("{{\"number\":{number}}}"));
        }
        drop(log);
        let before = path.with_file_name("refusals.jsonl.1");
        let length = |path| fs::metadata(path).unwrap().len();
        assert!(length(&path) + length(&before) <= MIN_BYTES);
        let text = fs::read_to_string(&before).unwrap() + &fs::read_to_string(&path).unwrap();
        for line in text.lines() {
            serde_json::from_str::<serde_json::Value>(line).unwrap();
        }
    }

    #[test]
    fn a_cap_that_holds_nothing_is_refused() {
        let (folder, path) = folder_and_path();
        assert!(CappedLog::open(&path, MIN_BYTES - 1).is_err());
        assert!(CappedLog::open(folder.path(), MIN_BYTES).is_err());
        assert!(CappedLog::open(folder.path().join("missing/log"), MIN_BYTES).is_err());
    }
}
