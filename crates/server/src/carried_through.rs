//! A future that is carried through to its end, whatever becomes of who polls it.
//!
//! It runs where it is polled. Only when it is dropped before its end does it go on in a task of
//! its own: nearly no request pays for a second task and the way there and back, and yet none
//! ends halfway.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::runtime::Handle;

/// The future panicked. What it said may hold anything and is left out.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Panicked;

/// A future on its way; see the module.
pub(crate) struct CarriedThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// `None` once it has ended.
    future: Option<Pin<Box<F>>>,
}

impl<F> CarriedThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    /// From here on it cannot be stopped: dropped before it was ever polled, it runs all the same.
    pub(crate) fn new(future: F) -> Self {
        Self { future: Some(Box::pin(future)) }
    }
}

impl<F> Future for CarriedThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    type Output = Result<F::Output, Panicked>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(future) = self.future.as_mut() else {
            // Polled after its end, which no caller may do.
            return Poll::Ready(Err(Panicked));
        };
        // A panic does not reach the connection, as it does not leave a task.
        let polled = catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(context)));
        let ended = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(output)) => Ok(output),
            Err(_) => Err(Panicked),
        };
        // Neither does what is left of it, when it is dropped.
        let left = self.future.take();
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(left)));
        Poll::Ready(if dropped.is_err() { Err(Panicked) } else { ended })
    }
}

impl<F> Drop for CarriedThrough<F>
where
    F: Future + Send + 'static,
    F::Output: Send,
{
    fn drop(&mut self) {
        let Some(future) = self.future.take() else { return };
        // Without a runtime the process is at its end, and so would be a task.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(future);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Waker;

    use tokio::sync::Semaphore;

    use super::*;

    #[tokio::test]
    async fn it_ends_where_it_is_polled() {
        let task = tokio::spawn(async {
            let inner = CarriedThrough::new(async { tokio::task::try_id() });
            (inner.await, tokio::task::try_id())
        });
        let (inner, outer) = task.await.unwrap();
        assert!(outer.is_some());
        assert_eq!(inner, Ok(outer));
    }

    #[tokio::test]
    async fn it_goes_on_when_it_is_dropped() {
        let (gate, done) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicUsize::new(0)));
        for polls in [0, 1] {
            let (held, count, over) =
                (Arc::clone(&gate), Arc::clone(&done), Arc::new(Semaphore::new(0)));
            let end = Arc::clone(&over);
            let mut future = Box::pin(CarriedThrough::new(async move {
                held.acquire().await.unwrap().forget();
                count.fetch_add(1, Ordering::SeqCst);
                end.add_permits(1);
            }));
            for _ in 0..polls {
                let polled = future.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert_eq!(polled, Poll::Pending);
            }
            drop(future);
            gate.add_permits(1);
            over.acquire().await.unwrap().forget();
            assert_eq!(done.load(Ordering::SeqCst), polls + 1);
        }
    }

    #[tokio::test]
    async fn a_panic_stays_inside() {
        async fn fails() -> u8 {
            panic!("a bug")
        }
        assert_eq!(CarriedThrough::new(fails()).await, Err(Panicked));
    }
}
