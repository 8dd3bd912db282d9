//! A medium that fails on demand, for tests of what stands on the trail.

use std::collections::HashMap;
use std::fs::{self, OpenOptions};
use std::io;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{Disk, Medium, OpenFile};

/// A disk that fails when it is told to. Clones are handles on the same disk.
///
/// It also knows what a power failure would leave of each file: what an fsync that worked has made
/// durable. After an fsync that failed nothing more of that file becomes durable, as on real
/// systems, although later fsyncs of it are said to work.
#[derive(Clone, Debug, Default)]
pub struct Faults(Arc<Mutex<Plan>>);

#[derive(Debug, Default)]
struct Plan {
    /// How many of the next ones fail.
    failing_writes: u64,
    failing_syncs: u64,
    failing_renames: u64,
    cut_writes: u64,
    broken: bool,
    archiving: bool,
    syncs: u64,
    durable: HashMap<u64, Durable>,
}

/// What is durable of a file.
#[derive(Clone, Copy, Debug, Default)]
struct Durable {
    bytes: u64,
    /// Whether an fsync has failed.
    lost: bool,
}

impl Faults {
    /// A disk without faults so far.
    pub fn new() -> Self {
        Self::default()
    }

    /// The next so many writes of the trail, its mark or its probe fail and write nothing.
    pub fn fail_writes(&self, count: u64) {
        self.plan().failing_writes = count;
    }

    /// The next so many writes of the trail, its mark or its probe write one half and fail, as
    /// when the disk becomes full.
    pub fn cut_writes(&self, count: u64) {
        self.plan().cut_writes = count;
    }

    /// The next so many fsyncs of the trail, its mark, its probe or its folder fail.
    pub fn fail_syncs(&self, count: u64) {
        self.plan().failing_syncs = count;
    }

    /// The next so many renames of the trail or its mark fail.
    pub fn fail_renames(&self, count: u64) {
        self.plan().failing_renames = count;
    }

    /// Every operation fails from now on.
    pub fn break_down(&self) {
        self.plan().broken = true;
    }

    /// Whether every operation on archives, and on what becomes one, fails. The other faults do
    /// not concern these: they come from another thread, at no certain moment.
    pub fn fail_archiving(&self, failing: bool) {
        self.plan().archiving = failing;
    }

    /// Nothing fails any more.
    pub fn heal(&self) {
        let mut plan = self.plan();
        (plan.failing_writes, plan.failing_syncs) = (0, 0);
        (plan.failing_renames, plan.cut_writes) = (0, 0);
        (plan.broken, plan.archiving) = (false, false);
    }

    /// How many fsyncs of files worked, those of archives left out.
    pub fn syncs(&self) -> u64 {
        self.plan().syncs
    }

    /// Takes from the files of a trail's folder what a power failure would take: what was never
    /// made durable. To be called when the trail is closed, on a disk that was broken before that.
    pub fn lose_unsynced(&self, folder: &Path) -> io::Result<()> {
        for entry in fs::read_dir(folder)? {
            let path = entry?.path();
            if path.extension().is_none_or(|extension| extension != "jsonl") {
                continue;
            }
            let metadata = fs::metadata(&path)?;
            if let Some(durable) = self.plan().durable.get(&inode(&metadata))
                && durable.bytes < metadata.len()
            {
                OpenOptions::new().write(true).open(&path)?.set_len(durable.bytes)?;
            }
        }
        Ok(())
    }

    fn plan(&self) -> MutexGuard<'_, Plan> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether an operation on that path fails.
    fn fails(&self, path: &Path, count: fn(&mut Plan) -> &mut u64) -> bool {
        let mut plan = self.plan();
        if plan.broken {
            return true;
        }
        if is_of_archives(path) {
            return plan.archiving;
        }
        let left = count(&mut plan);
        let fails = *left > 0;
        *left = left.saturating_sub(1);
        fails
    }

    fn check(&self, path: &Path, count: fn(&mut Plan) -> &mut u64) -> io::Result<()> {
        if self.fails(path, count) { Err(injected()) } else { Ok(()) }
    }

    fn check_other(&self, path: &Path) -> io::Result<()> {
        let plan = self.plan();
        if plan.broken || plan.archiving && is_of_archives(path) { Err(injected()) } else { Ok(()) }
    }
}

impl Medium for Faults {
    fn append_to(&self, path: &Path) -> io::Result<OpenFile> {
        self.check_other(path)?;
        let file = Disk.append_to(path)?;
        let metadata = file.file.metadata()?;
        // What was there before this disk was known is durable; a new file has nothing yet, even
        // when it got the number of one that is gone.
        let known = Durable { bytes: metadata.len(), lost: false };
        let mut plan = self.plan();
        let durable = plan.durable.entry(inode(&metadata)).or_insert(known);
        if metadata.len() == 0 {
            *durable = known;
        }
        drop(plan);
        Ok(file)
    }

    fn create(&self, path: &Path) -> io::Result<OpenFile> {
        self.check_other(path)?;
        Disk.create(path)
    }

    fn write_all(&self, to: &mut OpenFile, bytes: &[u8]) -> io::Result<()> {
        self.check(&to.path, |plan| &mut plan.failing_writes)?;
        if self.fails(&to.path, |plan| &mut plan.cut_writes) {
            Disk.write_all(to, bytes.get(..bytes.len() / 2).unwrap_or_default())?;
            return Err(io::Error::from(io::ErrorKind::StorageFull));
        }
        Disk.write_all(to, bytes)
    }

    fn sync(&self, of: &OpenFile) -> io::Result<()> {
        let metadata = of.file.metadata()?;
        let outcome =
            self.check(&of.path, |plan| &mut plan.failing_syncs).and_then(|()| Disk.sync(of));
        let mut plan = self.plan();
        plan.syncs += u64::from(outcome.is_ok() && !is_of_archives(&of.path));
        let durable = plan.durable.entry(inode(&metadata)).or_default();
        durable.lost |= outcome.is_err();
        if !durable.lost {
            durable.bytes = metadata.len();
        }
        outcome
    }

    fn sync_folder(&self, folder: &Path) -> io::Result<()> {
        self.check(folder, |plan| &mut plan.failing_syncs)?;
        Disk.sync_folder(folder)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.check(from, |plan| &mut plan.failing_renames)?;
        Disk.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.check_other(path)?;
        Disk.remove(path)
    }
}

/// Whether the archiver works on that path.
fn is_of_archives(path: &Path) -> bool {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name == "archive.tmp"
        || name.starts_with("pending-")
        || path.components().any(|part| part.as_os_str() == crate::layout::ARCHIVES)
}

fn injected() -> io::Error {
    io::Error::other("a fault was injected")
}

/// The number of a file, which stays when it is renamed.
fn inode(metadata: &fs::Metadata) -> u64 {
    #[cfg(unix)]
    return std::os::unix::fs::MetadataExt::ino(metadata);
    #[cfg(not(unix))]
    return metadata.created().map_or(0, |time| {
        time.duration_since(std::time::UNIX_EPOCH).map_or(0, |age| age.subsec_nanos().into())
    });
}
