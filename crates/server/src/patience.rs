//! What is happening on a connection, and how long that may take.
//!
//! The phase changes several times for each request. A change therefore wakes nobody and reads no
//! clock: it is one atomic step, and who drives the connection looks after every time that it was
//! polled. (Told through a channel, each change cost another turn of the connection's task.)

use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// How long a head may take from its first byte, or from the opening of the connection.
pub(crate) const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a connection may stay open without a request. Longer than the 60 seconds after which
/// common proxies drop an idle connection themselves, so that they never write into a closed one.
pub(crate) const IDLE_TIMEOUT: Duration = Duration::from_secs(75);

/// What is happening on a connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Phase {
    /// Nothing is due.
    Idle,
    /// Waiting for a head that is due.
    Head,
    /// That many requests are being answered.
    Busy(u16),
}

/// The phase of a connection and the number of its changes, in one word: the phase in the lowest
/// 17 bits, the number above.
#[derive(Debug)]
pub(crate) struct Phases(AtomicU64);

const PHASE_BITS: u32 = 17;
const HEAD: u64 = 1 << 16;

impl Phases {
    pub(crate) fn new(phase: Phase) -> Self {
        Self(AtomicU64::new(phase.bits()))
    }

    /// The phase, and a number that is another one after every change.
    fn now(&self) -> (Phase, u64) {
        let word = self.0.load(Ordering::Acquire);
        (Phase::from_bits(word), word >> PHASE_BITS)
    }

    /// Goes to the phase that follows; `None` for none.
    pub(crate) fn shift(&self, next: impl Fn(Phase) -> Option<Phase>) {
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            let changes = (word >> PHASE_BITS).wrapping_add(1) << PHASE_BITS;
            next(Phase::from_bits(word)).map(|phase| changes | phase.bits())
        });
    }
}

impl Phase {
    fn bits(self) -> u64 {
        match self {
            Self::Idle => 0,
            Self::Head => HEAD,
            Self::Busy(count) => u64::from(count),
        }
    }

    fn from_bits(word: u64) -> Self {
        // INVARIANT: what is cut off is the head's bit and the number of changes.
        match (word & HEAD, u16::try_from(word & (HEAD - 1)).unwrap_or(u16::MAX)) {
            (0, 0) => Self::Idle,
            (0, count) => Self::Busy(count),
            _ => Self::Head,
        }
    }

    /// How long the phase may last. The edge bounds what it answers; that phase is only looked at
    /// again, in case that its end was not seen.
    fn patience(self) -> Duration {
        match self {
            Self::Head => HEAD_TIMEOUT,
            Self::Idle | Self::Busy(_) => IDLE_TIMEOUT,
        }
    }
}

/// Ends when a phase has lasted too long.
///
/// The timer is moved only when something is due before it would ring: a request that comes and
/// goes leaves it alone.
#[derive(Debug)]
pub(crate) struct Patience {
    timer: Pin<Box<Sleep>>,
    seen: u64,
    due: Instant,
}

impl Patience {
    pub(crate) fn new(phases: &Phases) -> Self {
        let (phase, seen) = phases.now();
        let due = Instant::now() + phase.patience();
        Self { timer: Box::pin(sleep_until(due)), seen, due }
    }

    /// To be polled after everything that changes the phase.
    pub(crate) fn poll(&mut self, phases: &Phases, context: &mut Context<'_>) -> Poll<()> {
        self.look(phases);
        if self.due < self.timer.deadline() {
            self.timer.as_mut().reset(self.due);
        }
        loop {
            ready!(self.timer.as_mut().poll(context));
            let busy = matches!(self.look(phases), Phase::Busy(_));
            let now = Instant::now();
            if busy {
                self.due = self.due.max(now + IDLE_TIMEOUT);
            } else if self.due <= now {
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(self.due);
        }
    }

    /// The phase; when it is a new one, the time runs from now on.
    fn look(&mut self, phases: &Phases) -> Phase {
        let (phase, changes) = phases.now();
        if changes != self.seen {
            self.seen = changes;
            self.due = Instant::now() + phase.patience();
        }
        phase
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use super::*;

    #[test]
    fn a_phase_and_its_changes_share_a_word() {
        for phase in [Phase::Idle, Phase::Head, Phase::Busy(1), Phase::Busy(u16::MAX)] {
            let phases = Phases::new(Phase::Head);
            for changes in 0..3 {
                assert_eq!(phases.now().1, changes);
                phases.shift(|_| Some(phase));
                assert_eq!(phases.now(), (phase, changes + 1));
                phases.shift(|_| None);
            }
        }
    }

    /// The end of a phase may come from another task, and nobody is woken for it.
    #[tokio::test(start_paused = true)]
    async fn the_end_of_an_answer_that_nobody_saw_is_found_out() {
        let phases = Phases::new(Phase::Busy(1));
        let mut patience = Patience::new(&phases);
        let begun = Instant::now();
        let mut ended = std::pin::pin!(poll_fn(|context| patience.poll(&phases, context)));
        let waiting = tokio::time::timeout(IDLE_TIMEOUT * 3, &mut ended).await;
        assert!(waiting.is_err(), "an answer has no end of its own here");
        phases.shift(|_| Some(Phase::Idle));
        ended.await;
        assert!(begun.elapsed() <= IDLE_TIMEOUT * 6, "{:?}", begun.elapsed());
    }
}
