//! The two marks that instructions are counted between.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

use anyhow::ensure;
use bytes::Bytes;
use daypass_api::{App, Received};
use http::Response;

use crate::world::World;

/// How often each bench does its work before it is counted, so that caches and buffers are those of
/// a process that runs.
pub(crate) const WARM: u64 = 40;

/// How often it is counted. The seeds of hash tables move a single round a little.
pub(crate) const ROUNDS: u64 = 200;

/// callgrind counts from the entry of this function to its end, in the thread that entered it.
pub(crate) const MARK: &str = "*count_between_these_marks*";

#[inline(never)]
fn count_between_these_marks(work: &mut dyn FnMut()) {
    work();
    // Not the last thing that is done: a call there may be compiled to a jump.
    black_box(());
}

/// What a bench is counted by.
pub(crate) struct Count;

impl Count {
    /// How often a bench does its work in all.
    pub(crate) const TIMES: usize = (WARM + ROUNDS) as usize;

    /// Counts `work`, which tells whether it came out as it should.
    pub(crate) fn work(&self, mut work: impl FnMut() -> bool) -> anyhow::Result<()> {
        let mut good = true;
        for _ in 0..WARM {
            good &= work();
        }
        for _ in 0..ROUNDS {
            count_between_these_marks(&mut || good &= work());
        }
        ensure!(good, "the work did not come out as it should");
        Ok(())
    }

    /// Counts how a deployment answers requests, which `make` makes and `check` looks at the
    /// replies to.
    ///
    /// Counted is every poll of the answer. What a call waits for in between, the thread that
    /// writes the trail, does its work elsewhere; freeing the reply is the edge's. Every call finds
    /// that thread at rest, so that each wakes it.
    pub(crate) fn requests(
        &self,
        world: &World,
        make: impl Fn() -> anyhow::Result<Received>,
        check: impl Fn(&Response<Bytes>) -> anyhow::Result<()>,
    ) -> anyhow::Result<()> {
        let once = |around: fn(&mut dyn FnMut())| {
            let received = make()?;
            world.settle()?;
            // What must not be done here is done on threads of the runtime.
            let _runtime = world.enter();
            check(&answer(&world.app, received, around))
        };
        for _ in 0..WARM {
            once(|poll| poll())?;
        }
        for _ in 0..ROUNDS {
            once(count_between_these_marks)?;
        }
        Ok(())
    }
}

/// The reply to a request; `around` is what each poll is done in.
fn answer(app: &App, received: Received, around: fn(&mut dyn FnMut())) -> Response<Bytes> {
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    let mut context = Context::from_waker(&waker);
    let mut answer = pin!(app.handle(received));
    loop {
        let mut polled = Poll::Pending;
        around(&mut || polled = answer.as_mut().poll(&mut context));
        match polled {
            Poll::Ready(reply) => return reply,
            Poll::Pending => thread::park(),
        }
    }
}

struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}
