//! How long one side may be waited for while a body streams.
//!
//! One rule for an idle side and for one that trickles: who is waited for has an allowance of time,
//! which waiting uses up and which every byte gives back a little of. A side that sends nothing is
//! given up after the whole allowance, one that is slower than [`BYTES_PER_SECOND`] in the end. Time
//! in which the other side is the slow one does not count.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// What a side has to bring on average while it is waited for.
const BYTES_PER_SECOND: u32 = 1024;

/// The time that one side may still be waited for.
#[derive(Debug)]
pub(crate) struct Patience {
    whole: Duration,
    left: Duration,
    waiting_since: Option<Instant>,
    alarm: Alarm,
}

impl Patience {
    pub(crate) fn new(whole: Duration) -> Self {
        Self { whole, left: whole, waiting_since: None, alarm: Alarm::default() }
    }

    /// That much has come.
    pub(crate) fn came(&mut self, bytes: usize) {
        if let Some(since) = self.waiting_since.take() {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        let bytes = u32::try_from(bytes).unwrap_or(u32::MAX);
        let back = Duration::from_secs(1).saturating_mul(bytes) / BYTES_PER_SECOND;
        self.left = self.left.saturating_add(back).min(self.whole);
    }

    /// Nothing has come: ready when that has lasted too long.
    pub(crate) fn poll_spent(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let since = *self.waiting_since.get_or_insert_with(Instant::now);
        self.alarm.poll(since + self.left, context)
    }
}

/// A timer for an instant that moves, mostly to a later one.
#[derive(Debug, Default)]
pub(crate) struct Alarm {
    /// Registered for an instant that may be earlier than what is due: moving it costs more than
    /// looking again.
    timer: Option<Pin<Box<Sleep>>>,
}

impl Alarm {
    /// Ready when the instant has come.
    pub(crate) fn poll(&mut self, due: Instant, context: &mut Context<'_>) -> Poll<()> {
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(due)));
        if due < timer.deadline() {
            timer.as_mut().reset(due);
        }
        while timer.as_mut().poll(context).is_ready() {
            if due <= Instant::now() {
                return Poll::Ready(());
            }
            timer.as_mut().reset(due);
        }
        Poll::Pending
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::advance;

    use super::*;

    const WHOLE: Duration = Duration::from_secs(30);

    async fn spent(patience: &mut Patience) -> Duration {
        let begun = Instant::now();
        poll_fn(|context| patience.poll_spent(context)).await;
        begun.elapsed()
    }

    async fn is_spent(patience: &mut Patience) -> bool {
        poll_fn(|context| Poll::Ready(patience.poll_spent(context).is_ready())).await
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_nothing_has_the_whole_allowance() {
        let mut patience = Patience::new(WHOLE);
        let after = spent(&mut patience).await;
        assert!((WHOLE..WHOLE + Duration::from_millis(10)).contains(&after), "{after:?}");
    }

    #[tokio::test(start_paused = true)]
    async fn who_is_fast_enough_may_take_for_ever_and_who_trickles_may_not() {
        for (bytes, is_fast) in [(10 * 1024, true), (9 * 1024, false)] {
            let mut patience = Patience::new(WHOLE);
            let mut rounds = 0;
            while rounds < 1000 && !is_spent(&mut patience).await {
                advance(Duration::from_secs(10)).await;
                // Who waits is woken when the allowance ends, whatever comes later.
                if is_spent(&mut patience).await {
                    break;
                }
                patience.came(bytes);
                rounds += 1;
            }
            assert_eq!(rounds == 1000, is_fast, "{bytes}: {rounds}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut patience = Patience::new(WHOLE);
        for _ in 0..10 {
            patience.came(0);
            advance(WHOLE).await;
            assert!(!is_spent(&mut patience).await);
        }
    }
}
