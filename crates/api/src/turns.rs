//! Turns for work that takes long: on threads that may block, few at once, and refused when too much
//! waits already.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::Semaphore;

use crate::{Code, Fault};

/// Turns for one kind of work.
#[derive(Debug)]
pub(crate) struct Turns {
    running: Semaphore,
    /// How many run or wait.
    asked: AtomicUsize,
    /// How many may.
    most: usize,
    /// What is answered beyond that.
    refusal: &'static str,
}

impl Turns {
    /// Turns for work of which `at_once` runs at a time and at most `most` runs or waits.
    pub(crate) const fn new(at_once: usize, most: usize, refusal: &'static str) -> Self {
        let running = Semaphore::const_new(at_once);
        Self { running, asked: AtomicUsize::new(0), most, refusal }
    }

    /// Runs `work` when its turn comes, and refuses it when too much waits. Once it runs it ends,
    /// also when nobody waits for it any longer, and holds its turn until then.
    pub(crate) async fn run<T: Send + 'static>(
        &'static self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Fault> {
        self.run_with(async || Ok(()), move |()| work()).await
    }

    /// The same for work that needs much memory: what it works on is fetched when its turn has come,
    /// so that those who wait hold none of it.
    pub(crate) async fn run_with<M: Send + 'static, T: Send + 'static>(
        &'static self,
        fetch: impl AsyncFnOnce() -> Result<M, Fault>,
        work: impl FnOnce(M) -> T + Send + 'static,
    ) -> Result<T, Fault> {
        let turn =
            Turn::take(self).ok_or_else(|| Fault::new(Code::ServiceUnavailable, self.refusal))?;
        let permit =
            self.running.acquire().await.map_err(|error| Fault::internal(error.to_string()))?;
        let fetched = fetch().await?;
        let working = tokio::task::spawn_blocking(move || {
            let made = work(fetched);
            drop((permit, turn));
            made
        });
        working.await.map_err(|error| Fault::internal(format!("work on its turn: {error}")))
    }
}

/// One piece of work that is counted; it is no longer when dropped.
struct Turn(&'static Turns);

impl Turn {
    fn take(turns: &'static Turns) -> Option<Self> {
        let next = |asked| (asked < turns.most).then_some(asked + 1);
        let taken = turns.asked.fetch_update(Ordering::Relaxed, Ordering::Relaxed, next);
        taken.ok().map(|_| Self(turns))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.asked.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn work_is_refused_when_too_much_waits() {
        static OURS: Turns = Turns::new(2, 64, "Too much waits.");
        let turns: Vec<_> = std::iter::from_fn(|| Turn::take(&OURS)).collect();
        assert_eq!(turns.len(), 64);
        let refused = OURS.run(|| ()).await.unwrap_err();
        assert_eq!(
            (refused.code(), refused.message()),
            (Code::ServiceUnavailable, "Too much waits.")
        );
        drop(turns);
        assert_eq!(OURS.run(|| 7).await.unwrap(), 7);
        // The turn of one that panics comes back.
        OURS.run(|| panic!("for the test")).await.unwrap_err();
        assert_eq!(OURS.asked.load(Ordering::Relaxed), 0);
        assert_eq!(OURS.running.available_permits(), 2);
    }

    #[tokio::test]
    async fn nothing_is_fetched_before_the_turn_has_come() {
        static OURS: Turns = Turns::new(1, 4, "Too much waits.");
        let fetched = AtomicUsize::new(0);
        let fetch = async || {
            assert_eq!(fetched.fetch_add(1, Ordering::Relaxed), 0, "at once");
            tokio::task::yield_now().await;
            fetched.fetch_sub(1, Ordering::Relaxed);
            Ok(7)
        };
        let run = || OURS.run_with(fetch, |seven| seven);
        let (one, two, three) = tokio::join!(run(), run(), run());
        assert_eq!([one, two, three].map(Result::unwrap), [7; 3]);
        // The turn of one that cannot be fetched comes back.
        let lost = OURS.run_with(async || Err::<(), _>(Fault::overtaken()), |()| ()).await;
        assert!(lost.unwrap_err().is_overtaken());
        assert_eq!(OURS.asked.load(Ordering::Relaxed), 0);
        assert_eq!(OURS.running.available_permits(), 1);
    }
}
