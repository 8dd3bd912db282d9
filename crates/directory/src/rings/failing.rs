//! For tests: a store that fails at a chosen commit, and random bytes and notes that are not.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use daypass_store::memory::Memory;
use daypass_store::{Answer, Changes, Commit, Entry, Key, Revision, Store, StoreError};
use jiff::Timestamp;

use super::NoRandomness;
use crate::{Note, NoteFault};

/// What happens to the commit that fails.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Failure {
    /// It takes place, but the answer is lost.
    AnswerLost,
    /// It does not take place.
    NotWritten,
}

/// A store in memory of which a chosen commit, and all behind it, fail.
#[derive(Debug)]
pub(crate) struct Failing {
    inner: Memory,
    left: AtomicUsize,
    loses_answer: AtomicBool,
    reads: AtomicBool,
}

impl Failing {
    pub(crate) fn new() -> Self {
        Self {
            inner: Memory::new(),
            left: AtomicUsize::new(usize::MAX),
            loses_answer: AtomicBool::new(false),
            reads: AtomicBool::new(true),
        }
    }

    /// Lets `commits` more take place; the next fails, and those behind it are not written.
    pub(crate) fn fail_after(&self, commits: usize, how: Failure) {
        self.loses_answer.store(matches!(how, Failure::AnswerLost), Ordering::SeqCst);
        self.left.store(commits, Ordering::SeqCst);
    }

    /// Whether reads are answered.
    pub(crate) fn set_reads(&self, work: bool) {
        self.reads.store(work, Ordering::SeqCst);
    }

    /// Everything works again, as after a restart.
    pub(crate) fn heal(&self) {
        self.left.store(usize::MAX, Ordering::SeqCst);
        self.set_reads(true);
    }

    fn broken() -> StoreError {
        StoreError::Unavailable { reason: "it was pulled out".to_owned() }
    }
}

impl Store for Failing {
    fn get<'a>(&'a self, key: &'a Key) -> Answer<'a, Option<Entry>> {
        match self.reads.load(Ordering::SeqCst) {
            true => self.inner.get(key),
            false => Box::pin(async { Err(Self::broken()) }),
        }
    }

    fn scan<'a>(
        &'a self,
        prefix: &'a [u8],
        after: Option<&'a Key>,
        limit: usize,
    ) -> Answer<'a, Vec<(Key, Entry)>> {
        match self.reads.load(Ordering::SeqCst) {
            true => self.inner.scan(prefix, after, limit),
            false => Box::pin(async { Err(Self::broken()) }),
        }
    }

    fn commit(&self, commit: Commit) -> Answer<'_, Revision> {
        let less = |left: usize| if left == usize::MAX { None } else { left.checked_sub(1) };
        let before = self.left.load(Ordering::SeqCst);
        let took = self.left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, less);
        if before == usize::MAX || took.is_ok() {
            return self.inner.commit(commit);
        }
        let lost = self.loses_answer.swap(false, Ordering::SeqCst);
        Box::pin(async move {
            if lost {
                self.inner.commit(commit).await?;
            }
            Err(Self::broken())
        })
    }

    fn changes(&self, since: Revision, limit: usize) -> Answer<'_, Changes> {
        self.inner.changes(since, limit)
    }
}

static DRAWN: AtomicU64 = AtomicU64::new(1);

/// Bytes that no other call draws.
pub(crate) fn drawn(bytes: &mut [u8]) -> Result<(), NoRandomness> {
    for chunk in bytes.chunks_mut(8) {
        let number = DRAWN.fetch_add(1, Ordering::SeqCst).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for (to, from) in chunk.iter_mut().zip(number.to_le_bytes()) {
            *to = from;
        }
    }
    Ok(())
}

/// A note of its own for whatever is written.
pub(crate) fn note<T: ?Sized>(_: &T) -> Result<Note, NoteFault> {
    let mut id = [0; 8];
    drawn(&mut id).map_err(|fault| NoteFault::new(fault.to_string()))?;
    let [a, b, c, d, e, f, g, h] = id;
    let event_id = format!(
        "{a:02x}{b:02x}{c:02x}{d:02x}-{e:02x}{f:02x}-4{:03x}-8{:03x}-{:012x}",
        g,
        h,
        u64::from_le_bytes(id) >> 16
    );
    Ok(Note { at: Timestamp::UNIX_EPOCH, event_id, line: b"{}".to_vec() })
}
