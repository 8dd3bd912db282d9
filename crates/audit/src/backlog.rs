//! The count of the lines that nobody waits for, from the call that hands one over until it is
//! durable, and the decision when the writer must be woken for them.
//!
//! The lines themselves go through a queue that the writer looks into whenever it has something
//! else to do, which is at least at each tick. So handing one over takes no lock and wakes no
//! thread; only when many have come is the writer told.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

/// Bytes in the queue at which the writer is woken for them, so that what it writes at once stays
/// small.
const WAKE_AT: u64 = 256 << 10;

/// Where the number of lines begins in the tally, above the number of bytes.
const LINES: u32 = 32;

/// How much was handed over and is not durable yet.
#[derive(Debug, Default)]
pub(crate) struct Backlog {
    /// Lines and bytes in one number, so that a call changes one number only. Both fit: there is
    /// room for a few MiB, and no line is empty.
    tally: AtomicU64,
    /// The bytes of these that the writer has taken from the queue.
    taken: AtomicU64,
    /// Whether the writer was told to empty the queue and has not begun to.
    told: AtomicBool,
}

impl Backlog {
    /// Counts a line that is about to be put into the queue.
    pub(crate) fn add(&self, bytes: u64) {
        self.tally.fetch_add((1 << LINES) | bytes, Ordering::Relaxed);
    }

    /// Whether to wake the writer; asked when a line is in the queue.
    pub(crate) fn must_wake(&self) -> bool {
        let (_, waiting) = self.waiting();
        // Both numbers may be a moment old. Whoever comes next asks again.
        let queued = waiting.saturating_sub(self.taken.load(Ordering::Relaxed));
        queued >= WAKE_AT && self.must_tell()
    }

    /// Whether the writer is yet to be told to empty the queue.
    ///
    /// INVARIANT: when it is not, the writer empties the queue after what the caller put there
    /// has become visible to it: both sides change the flag in one step, so that either the writer
    /// sees the line, or the caller that the flag was taken back.
    pub(crate) fn must_tell(&self) -> bool {
        !self.told.swap(true, Ordering::AcqRel)
    }

    /// To be called before the queue is emptied.
    pub(crate) fn emptying(&self) {
        self.told.swap(false, Ordering::AcqRel);
    }

    /// Notes how many bytes the writer holds.
    pub(crate) fn holds(&self, bytes: u64) {
        self.taken.store(bytes, Ordering::Relaxed);
    }

    /// Takes out what has become durable, which is all that the writer held.
    pub(crate) fn durable(&self, lines: u64, bytes: u64) {
        self.holds(0);
        self.tally.fetch_sub((lines << LINES) | bytes, Ordering::Relaxed);
    }

    /// Lines and bytes that are not durable yet.
    pub(crate) fn waiting(&self) -> (u64, u64) {
        let tally = self.tally.load(Ordering::Relaxed);
        (tally >> LINES, tally & ((1 << LINES) - 1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_writer_is_woken_once_for_each_time_that_it_empties_the_queue() {
        let backlog = Backlog::default();
        for _ in 0..3 {
            backlog.add(WAKE_AT - 1);
            assert!(!backlog.must_wake());
            backlog.add(1);
            assert!(backlog.must_wake());
            backlog.add(WAKE_AT);
            assert!(!backlog.must_wake());
            backlog.emptying();
            backlog.holds(2 * WAKE_AT);
            assert!(!backlog.must_wake());
            assert_eq!(backlog.waiting(), (3, 2 * WAKE_AT));
            backlog.durable(3, 2 * WAKE_AT);
            assert_eq!(backlog.waiting(), (0, 0));
        }
    }

    /// What the writer holds and cannot make durable wakes nobody.
    #[test]
    fn what_is_held_does_not_count_as_queued() {
        let backlog = Backlog::default();
        backlog.add(4 * WAKE_AT);
        assert!(backlog.must_wake());
        backlog.emptying();
        backlog.holds(4 * WAKE_AT);
        backlog.add(WAKE_AT - 1);
        assert!(!backlog.must_wake());
        assert_eq!(backlog.waiting(), (2, 5 * WAKE_AT - 1));
    }
}
