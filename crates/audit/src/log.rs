//! The current file of a trail: appended to, made durable, set aside when it is full.
//!
//! A file whose fsync failed is never trusted again: the kernel may have dropped what it held, and
//! a later fsync that works says nothing about that. Such a file is set aside as it is, and writing
//! goes on in a new one, once a probe shows that the disk takes and keeps data again.

use std::io::{self, Read, Seek, SeekFrom};
use std::mem;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::Durability;
use crate::layout::pending_name;
use crate::medium::{Medium, OpenFile};
use crate::status::Shared;

/// The name of the current file.
pub(crate) const CURRENT: &str = "trail.jsonl";

/// The file that shows whether the disk takes and keeps data.
const PROBE: &str = "probe.tmp";

/// Bytes of that file: about what the largest record takes.
const PROBE_BYTES: usize = 256 << 10;

/// The current file.
#[derive(Debug)]
pub(crate) struct Log {
    folder: PathBuf,
    medium: Arc<dyn Medium>,
    durability: Durability,
    shared: Arc<Shared>,
    /// `None` when the last one was set aside and no new one could be opened.
    file: Option<OpenFile>,
    size: u64,
    /// Whether the file may end within a line.
    torn: bool,
    /// Whether something was written since the last fsync.
    dirty: bool,
    /// Whether the name of the file is durable.
    named: bool,
    /// Whether an fsync failed, after which the file is not used any more.
    doubtful: bool,
    /// The sequence number that the next file to be set aside gets.
    sequence: u64,
}

impl Log {
    pub(crate) fn open(
        folder: &Path,
        durability: Durability,
        sequence: u64,
        medium: Arc<dyn Medium>,
        shared: Arc<Shared>,
    ) -> io::Result<Self> {
        let mut log = Self {
            folder: folder.to_owned(),
            medium,
            durability,
            shared,
            file: None,
            size: 0,
            torn: true,
            dirty: true,
            named: false,
            doubtful: false,
            sequence,
        };
        log.ready()?;
        log.sync()?;
        Ok(log)
    }

    /// Bytes of the file.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }

    /// Whether what was written since the last fsync that worked must be written again.
    pub(crate) fn is_doubtful(&self) -> bool {
        self.doubtful
    }

    /// Leaves a file that cannot be trusted, and has one open to write to.
    pub(crate) fn ready(&mut self) -> io::Result<()> {
        if self.doubtful {
            // Without this, every attempt on a disk that fails would leave one more file.
            self.probe()?;
            self.set_aside()?;
        }
        if self.file.is_none() {
            let file = self.medium.append_to(&self.folder.join(CURRENT))?;
            self.resized(file.file.metadata()?.len());
            self.file = Some(file);
            // An existing file may hold what was never made durable.
            (self.torn, self.dirty, self.named) = (true, true, false);
        }
        Ok(())
    }

    /// Writes whole lines at the end of the file.
    pub(crate) fn write(&mut self, lines: &[u8]) -> io::Result<()> {
        if lines.is_empty() {
            return Ok(());
        }
        let file = self.file.as_mut().ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))?;
        self.dirty = true;
        let torn = mem::replace(&mut self.torn, true);
        let mut broken = false;
        let written = (|| {
            if torn && ends_within_a_line(file)? {
                self.medium.write_all(file, b"\n")?;
                broken = true;
            }
            self.medium.write_all(file, lines)
        })();
        self.torn = written.is_err();
        match &written {
            Ok(()) => {
                let bytes = u64::try_from(lines.len()).unwrap_or(u64::MAX);
                self.resized(self.size.saturating_add(bytes).saturating_add(u64::from(broken)));
            }
            // Any part of it may be there.
            Err(_) => self.measure(),
        }
        written
    }

    /// Looks up how large the file is. While writing works the size is known without; but others
    /// may have cut the file off.
    pub(crate) fn measure(&mut self) {
        if let Some(Ok(metadata)) = self.file.as_ref().map(|file| file.file.metadata()) {
            self.resized(metadata.len());
        }
    }

    /// Makes everything that was written durable, as far as the trail promises that.
    pub(crate) fn sync(&mut self) -> io::Result<()> {
        if self.durability == Durability::Buffered {
            return Ok(());
        }
        let outcome = self.synced();
        self.doubtful |= outcome.is_err();
        outcome
    }

    fn synced(&mut self) -> io::Result<()> {
        if self.dirty {
            if let Some(file) = &self.file {
                self.medium.sync(file)?;
                self.shared.syncs.fetch_add(1, Ordering::Relaxed);
            }
            self.dirty = false;
        }
        if !self.named {
            self.medium.sync_folder(&self.folder)?;
            self.named = true;
        }
        Ok(())
    }

    /// Sets the file, which must have been made durable, aside to be compressed and begins a new
    /// one.
    pub(crate) fn rotate(&mut self) -> io::Result<()> {
        self.set_aside()?;
        self.ready()?;
        self.sync()
    }

    /// Gives the file the name of those that wait to be compressed.
    fn set_aside(&mut self) -> io::Result<()> {
        let mut to = self.folder.join(pending_name(self.sequence));
        while to.try_exists()? {
            self.sequence = self.sequence.saturating_add(1);
            to = self.folder.join(pending_name(self.sequence));
        }
        match self.medium.rename(&self.folder.join(CURRENT), &to) {
            // Somebody took the file away; what matters is that a new one is begun.
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => self.shared.pending_files.fetch_add(1, Ordering::Relaxed),
        };
        self.sequence = self.sequence.saturating_add(1);
        self.file = None;
        self.doubtful = false;
        self.resized(0);
        Ok(())
    }

    /// Shows that the disk takes and keeps data.
    pub(crate) fn probe(&self) -> io::Result<()> {
        let path = self.folder.join(PROBE);
        let mut file = self.medium.create(&path)?;
        let written = self.medium.write_all(&mut file, &vec![b' '; PROBE_BYTES]);
        let synced = match self.durability {
            Durability::Sync => written.and_then(|()| self.medium.sync(&file)),
            Durability::Buffered => written,
        };
        // A probe that stays behind is in the way of nothing; the next one takes its place.
        synced.and(self.medium.remove(&path))
    }

    fn resized(&mut self, size: u64) {
        self.size = size;
        self.shared.file_bytes.store(size, Ordering::Relaxed);
    }
}

/// Whether the last byte of the file is something else than a line break.
fn ends_within_a_line(file: &mut OpenFile) -> io::Result<bool> {
    if file.file.metadata()?.len() == 0 {
        return Ok(false);
    }
    // The file is open for appending: where it is read does not move where it is written.
    file.file.seek(SeekFrom::End(-1))?;
    let mut last = [0];
    file.file.read_exact(&mut last)?;
    Ok(last != *b"\n")
}
