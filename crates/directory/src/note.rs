//! The audit record of a write, kept in the same commit until the trail has it.
//!
//! No change takes place without its note, and no note is kept without its change: both are one
//! commit. A drainer takes the notes to the trail, oldest first, and then clears them. What a note
//! says is the business of whoever writes; nothing here reads it.

use std::sync::Arc;

use daypass_store::{
    Commit, Entry, Key, MAX_COMMIT_BYTES, MAX_COMMIT_KEYS, MAX_SCAN, MAX_VALUE, Store, StoreError,
};
use jiff::Timestamp;
use thiserror::Error;
use tokio::sync::Notify;

use crate::directory::ATTEMPTS;
use crate::{Directory, DirectoryError, Seen, keys};

/// The audit record of a write: kept in the same commit, under `outbox/…`, until the trail has it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Note {
    /// When the write was asked for; not before 1970.
    pub at: Timestamp,
    /// The id of the record, a UUID in its usual text form; never used twice.
    pub event_id: String,
    /// The record: at least one byte and at most [`MAX_VALUE`].
    pub line: Vec<u8>,
}

/// Makes the note of a write from what the write will have made.
///
/// It is asked once for each attempt: a write that others were faster than is tried again, and may
/// then have made something else. What an earlier attempt noted was not kept.
pub trait Noting<T: ?Sized>: Sync {
    /// The note of a write that made `made`. A fault refuses the write.
    fn note(&self, made: &T) -> Result<Note, NoteFault>;

    /// What the write was decided on: it is committed only while all of that is as it was seen.
    fn seen(&self) -> Vec<Seen> {
        Vec::new()
    }
}

impl<T: ?Sized, F> Noting<T> for F
where
    F: Fn(&T) -> Result<Note, NoteFault> + Sync,
{
    fn note(&self, made: &T) -> Result<Note, NoteFault> {
        self(made)
    }
}

/// Why a write could not be noted, in a sentence; nothing was written.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("the write cannot be noted: {reason}")]
pub struct NoteFault {
    reason: String,
    kind: Kind,
}

#[derive(Clone, Copy, Debug, Eq, PartialEq)]
enum Kind {
    Fault,
    Denied,
    Unproven,
}

impl NoteFault {
    /// A fault, in the words of its log entry.
    pub fn new(reason: impl Into<String>) -> Self {
        Self { reason: reason.into(), kind: Kind::Fault }
    }

    /// Whoever writes may do so no longer, in the words of the refusal.
    ///
    /// SECURITY: a note that finds this stops the write for good. A revocation has not returned
    /// while a write that was noted before it may still be committed.
    pub fn denied(message: impl Into<String>) -> Self {
        Self { reason: message.into(), kind: Kind::Denied }
    }

    /// The credential of whoever writes is believed no longer, in the words of the refusal.
    ///
    /// SECURITY: as [`NoteFault::denied`].
    pub fn unproven(message: impl Into<String>) -> Self {
        Self { reason: message.into(), kind: Kind::Unproven }
    }

    /// The words of the refusal, when the caller may do so no longer.
    pub fn denial(&self) -> Option<&str> {
        (self.kind == Kind::Denied).then_some(self.reason.as_str())
    }

    /// Whether the credential is believed no longer.
    pub fn is_unproven(&self) -> bool {
        self.kind == Kind::Unproven
    }
}

/// Where a note waits. Keys are ordered by the time of the note.
#[derive(Clone, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct OutboxKey(Key);

impl Note {
    /// The key of the note, or what is wrong with the note.
    pub(crate) fn key(&self) -> Result<Key, DirectoryError> {
        let fault = |what: &str| DirectoryError::Note(NoteFault::new(what));
        let at = u64::try_from(self.at.as_millisecond());
        let at = at.map_err(|_| fault("its time lies before 1970"))?;
        if !is_uuid(&self.event_id) {
            return Err(fault("its event id is no UUID"));
        }
        if self.line.is_empty() || self.line.len() > MAX_VALUE {
            return Err(fault("its record is empty or too large"));
        }
        Ok(keys::outbox(at, &self.event_id)?)
    }
}

impl Directory {
    /// Commits a write together with its note; false when others were faster and the write must be
    /// made again.
    pub(crate) async fn commit_noted<T: ?Sized + Sync>(
        &self,
        commit: Commit,
        noting: &dyn Noting<T>,
        made: &T,
    ) -> Result<bool, DirectoryError> {
        // SECURITY: see `Directory::settle_writes`.
        let writing = Arc::clone(&self.writing).read_owned().await;
        let note = noting.note(made)?;
        let key = note.key()?;
        let seen = noting.seen();
        let commit = self.provided(commit, &seen).await?.ok_or(DirectoryError::Overtaken)?;
        // The last of the preconditions: a conflict that names it is about nothing else.
        let commit = commit.absent(key.clone()).put(key.clone(), note.line);
        let _wake = Wake(&self.outbox);
        let store = Arc::clone(&self.store);
        // A task of its own: when the call is dropped, the engine may commit all the same, and the
        // lock is to be held until it has.
        let committing = tokio::spawn(async move {
            let committed = store.commit(commit).await;
            drop(writing);
            committed
        });
        let ended = |_| StoreError::Unavailable { reason: "the commit was given up".to_owned() };
        match committing.await.map_err(ended).flatten() {
            Ok(_) => Ok(true),
            // SECURITY: one note must never take the place of another.
            Err(StoreError::Conflict { key: taken }) if taken == key => {
                Err(DirectoryError::Note(NoteFault::new("its event id was used already")))
            }
            // Trying again would not help: what the write was decided on is not so any more.
            Err(StoreError::Conflict { .. }) if self.is_overtaken(&seen).await? => {
                Err(DirectoryError::Overtaken)
            }
            Err(StoreError::Conflict { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Keeps the note of a write that had nothing to change, as long as what it was decided on is as
    /// it was.
    ///
    /// # Errors
    /// [`DirectoryError::Overtaken`].
    pub async fn note_unchanged(&self, noting: &dyn Noting<()>) -> Result<(), DirectoryError> {
        for _ in 0..ATTEMPTS {
            if self.commit_noted(Commit::new(), noting, &()).await? {
                return Ok(());
            }
        }
        Err(DirectoryError::Conflict)
    }

    /// Waits until every write whose note was made already is committed or has failed.
    ///
    /// SECURITY: what a note finds in memory, such as a revocation, it refuses. So once something
    /// is in memory and this has returned, nothing is committed any more that it would refuse.
    pub(crate) async fn settle_writes(&self) {
        drop(self.writing.write().await);
    }

    /// Keeps a note of what was done to the store as a whole, such as that it was restored.
    ///
    /// # Errors
    /// [`DirectoryError::Store`], [`DirectoryError::Note`] for a note that is none.
    pub async fn keep_note(&self, note: Note) -> Result<(), DirectoryError> {
        let key = note.key()?;
        self.store.commit(Commit::new().absent(key.clone()).put(key, note.line)).await?;
        Ok(())
    }

    /// Copies the notes that wait in another store into this one, and tells how many they were. A
    /// note that waits here already is the same one.
    ///
    /// # Errors
    /// [`DirectoryError::Store`]; some may then have been copied.
    pub async fn keep_notes_of(&self, other: &dyn Store) -> Result<u64, DirectoryError> {
        let mut last = None;
        let mut kept: u64 = 0;
        loop {
            // As many as a commit has room for, however long they are.
            let some =
                other.scan(keys::OUTBOX, last.as_ref(), MAX_COMMIT_BYTES / MAX_VALUE).await?;
            let Some((newest, _)) = some.last() else { return Ok(kept) };
            last = Some(newest.clone());
            kept = kept.saturating_add(u64::try_from(some.len()).unwrap_or(u64::MAX));
            let put = |commit: Commit, (key, entry): (Key, Entry)| commit.put(key, entry.value);
            self.store.commit(some.into_iter().fold(Commit::new(), put)).await?;
        }
    }

    /// The notes that wait, oldest first; at most `limit` (1 to [`MAX_SCAN`]).
    ///
    /// # Errors
    /// [`DirectoryError::Store`].
    pub async fn outbox(&self, limit: usize) -> Result<Vec<(OutboxKey, Vec<u8>)>, DirectoryError> {
        let waiting = self.store.scan(keys::OUTBOX, None, limit.clamp(1, MAX_SCAN)).await?;
        let note =
            |(key, entry): (Key, daypass_store::Entry)| (OutboxKey(key), entry.value.to_vec());
        Ok(waiting.into_iter().map(note).collect())
    }

    /// Forgets notes that the trail has. One that is gone already is passed over.
    ///
    /// What one call of [`Directory::outbox`] returned is cleared in one commit.
    ///
    /// # Errors
    /// [`DirectoryError::Store`]; whether the notes are still there is then open, so the trail must
    /// be able to be given a note twice.
    pub async fn clear_outbox(&self, taken: &[OutboxKey]) -> Result<(), DirectoryError> {
        let mut taken: Vec<Key> = taken.iter().map(|OutboxKey(key)| key.clone()).collect();
        taken.sort();
        taken.dedup();
        for keys in taken.chunks(MAX_COMMIT_KEYS) {
            let commit = keys.iter().cloned().fold(Commit::new(), Commit::delete);
            self.store.commit(commit).await?;
        }
        Ok(())
    }

    /// Wakes the one task that drains the outbox: await `notified()` after the outbox was found
    /// empty. A commit in between is not missed.
    ///
    /// A call that is dropped while the engine still commits wakes the task too early, and other
    /// nodes on the same store do not wake it at all: it must also look from time to time, and
    /// once at the start.
    pub fn outbox_waiting(&self) -> &Notify {
        &self.outbox
    }
}

/// Wakes the drainer when a commit was answered, failed in the open, or was given up.
struct Wake<'a>(&'a Notify);

impl Drop for Wake<'_> {
    fn drop(&mut self) {
        // It keeps one permit when nobody waits.
        self.0.notify_one();
    }
}

/// Whether a text is what a note's key has behind its prefix: a time and an event id.
pub(crate) fn is_place(text: &str) -> bool {
    let Some((at, event_id)) = text.split_at_checked(16) else { return false };
    at.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) && is_uuid(event_id)
}

/// Whether a text is a UUID: groups of 8, 4, 4, 4 and 12 hexadecimal digits.
fn is_uuid(text: &str) -> bool {
    let lengths = text.split('-').map(str::len);
    lengths.eq([8, 4, 4, 4, 12]) && text.bytes().all(|b| b == b'-' || b.is_ascii_hexdigit())
}
