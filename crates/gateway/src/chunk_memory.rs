//! The memory that signed chunks take until they are verified: one budget for all uploads, and a share
//! of it for each account.
//!
//! Room for a chunk is taken whole when its size is known, before more of it is read, and given back
//! when what it held was handed on. An upload has room for one chunk at a time and gives it back before
//! it takes another, so that nobody waits with something in hand that others wait for. Chunks of one
//! size, as clients send them, share the room of the first: nothing is done for each of them.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use daypass_names::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::timeout;

/// How much is counted as one.
const UNIT: u64 = 1024;
/// The largest chunk, in mebibytes ([`CHUNK_LIMIT`](daypass_sigv4::CHUNK_LIMIT)): no less is of use.
pub const CHUNK_MEMORY_MIN_MIB: u32 = 16;
/// One mebibyte, in units.
const MIB: u32 = 1024;
/// How much of the whole one account may have: that of a quarter, at least a chunk.
const SHARE: u32 = 4;

/// The budget.
#[derive(Debug)]
pub(crate) struct ChunkMemory {
    pool: Arc<Semaphore>,
    /// How much an account may have of it.
    share: u32,
    /// What is left of the shares of accounts with uploads; nobody's is under none.
    shares: Mutex<HashMap<Option<AccountId>, Weak<Semaphore>>>,
}

impl ChunkMemory {
    /// A budget of so many mebibytes, of the largest chunk at least.
    pub(crate) fn new(mib: u32) -> Self {
        let mib = mib.max(CHUNK_MEMORY_MIN_MIB);
        let share = (mib / SHARE).max(CHUNK_MEMORY_MIN_MIB).saturating_mul(MIB);
        Self { pool: semaphore(mib.saturating_mul(MIB)), share, shares: Mutex::default() }
    }

    /// Room for the chunks of one upload, none of it taken yet.
    pub(crate) fn room(&self, of: Option<AccountId>, patience: Duration) -> ChunkRoom {
        let mut shares = self.shares.lock().unwrap_or_else(PoisonError::into_inner);
        let share = shares.get(&of).and_then(Weak::upgrade).unwrap_or_else(|| {
            shares.retain(|_, share| share.strong_count() > 0);
            let share = semaphore(self.share);
            shares.insert(of, Arc::downgrade(&share));
            share
        });
        let pool = Arc::clone(&self.pool);
        ChunkRoom { pool, share, patience, taken: None, waiting: None }
    }
}

fn semaphore(units: u32) -> Arc<Semaphore> {
    let units = usize::try_from(units).unwrap_or(usize::MAX);
    Arc::new(Semaphore::new(units.min(Semaphore::MAX_PERMITS)))
}

/// There was no room in time.
#[derive(Debug)]
pub(crate) struct NoRoom;

/// The room of one upload.
pub(crate) struct ChunkRoom {
    pool: Arc<Semaphore>,
    share: Arc<Semaphore>,
    /// How long is waited for.
    patience: Duration,
    taken: Option<Taken>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<Taken>> + Send>>>,
}

/// Room that is taken, until it is dropped.
struct Taken {
    units: u32,
    _of_share: OwnedSemaphorePermit,
    _of_pool: OwnedSemaphorePermit,
}

impl ChunkRoom {
    /// Ready when there is room for a chunk of so many bytes, and for no other. Whoever asks has
    /// handed on what the chunk before held, and asks for the same until that is ready.
    pub(crate) fn poll_hold(
        &mut self,
        bytes: u64,
        context: &mut Context<'_>,
    ) -> Poll<Result<(), NoRoom>> {
        let units = u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(u32::MAX);
        if self.taken.as_ref().map_or(0, |taken| taken.units) == units {
            return Poll::Ready(Ok(()));
        }
        self.taken = None;
        if units == 0 {
            return Poll::Ready(Ok(()));
        }
        if self.waiting.is_none() {
            self.taken = self.at_once(units);
            if self.taken.is_some() {
                return Poll::Ready(Ok(()));
            }
        }
        let waiting = self.waiting.get_or_insert_with(|| {
            let (pool, share) = (Arc::clone(&self.pool), Arc::clone(&self.share));
            let patience = self.patience;
            Box::pin(async move { timeout(patience, take(pool, share, units)).await.ok()? })
        });
        let Poll::Ready(taken) = waiting.as_mut().poll(context) else { return Poll::Pending };
        self.waiting = None;
        self.taken = taken;
        Poll::Ready(self.taken.as_ref().map(|_| ()).ok_or(NoRoom))
    }

    fn at_once(&self, units: u32) -> Option<Taken> {
        let of_share = Arc::clone(&self.share).try_acquire_many_owned(units).ok()?;
        let of_pool = Arc::clone(&self.pool).try_acquire_many_owned(units).ok()?;
        Some(Taken { units, _of_share: of_share, _of_pool: of_pool })
    }
}

/// The account's share first: who waits for that keeps nothing of the others'.
async fn take(pool: Arc<Semaphore>, share: Arc<Semaphore>, units: u32) -> Option<Taken> {
    let of_share = share.acquire_many_owned(units).await.ok()?;
    let of_pool = pool.acquire_many_owned(units).await.ok()?;
    Some(Taken { units, _of_share: of_share, _of_pool: of_pool })
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;

    use tokio::time::Instant;

    use super::*;

    const MIB_BYTES: u64 = 1 << 20;
    const PATIENCE: Duration = Duration::from_secs(10);

    fn account(digit: char) -> Option<AccountId> {
        Some(AccountId::parse(&digit.to_string().repeat(12)).unwrap())
    }

    async fn hold(room: &mut ChunkRoom, mib: u64) -> Result<(), NoRoom> {
        poll_fn(|context| room.poll_hold(mib * MIB_BYTES, context)).await
    }

    async fn is_held(room: &mut ChunkRoom, mib: u64) -> bool {
        poll_fn(|context| Poll::Ready(room.poll_hold(mib * MIB_BYTES, context).is_ready())).await
    }

    #[tokio::test(start_paused = true)]
    async fn what_all_hold_is_bounded_and_waited_for() {
        let memory = ChunkMemory::new(32);
        let mut rooms: Vec<_> = ['1', '2', '3'].map(|a| memory.room(account(a), PATIENCE)).into();
        let mut last = rooms.pop().unwrap();
        for room in &mut rooms {
            hold(room, 16).await.unwrap();
        }
        // What is there already is not taken twice.
        hold(rooms.first_mut().unwrap(), 16).await.unwrap();
        assert!(!is_held(&mut last, 1).await);
        let begun = Instant::now();
        assert!(hold(&mut last, 1).await.is_err());
        assert!(begun.elapsed() >= PATIENCE);
        // Who waits has it as soon as somebody is done.
        assert!(!is_held(&mut last, 16).await);
        hold(rooms.first_mut().unwrap(), 0).await.unwrap();
        let begun = Instant::now();
        hold(&mut last, 16).await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
        drop(rooms);
        hold(&mut last, 0).await.unwrap();
        assert_eq!(memory.pool.available_permits(), 32 << 10);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_has_more_than_a_share() {
        let memory = ChunkMemory::new(128);
        let mut first = memory.room(account('1'), PATIENCE);
        let mut second = memory.room(account('1'), PATIENCE);
        let mut third = memory.room(account('1'), PATIENCE);
        let mut other = memory.room(None, PATIENCE);
        hold(&mut first, 16).await.unwrap();
        hold(&mut second, 16).await.unwrap();
        assert!(hold(&mut third, 1).await.is_err());
        hold(&mut other, 16).await.unwrap();
        drop(first);
        hold(&mut third, 16).await.unwrap();
        drop((second, third));
        drop(memory.room(account('2'), PATIENCE));
        // Shares that nobody uses are forgotten.
        assert_eq!(memory.shares.lock().unwrap().len(), 2);
        assert_eq!(memory.pool.available_permits(), 112 << 10);
    }

    /// A chunk of another size is room for that size, and never more than the one chunk.
    #[tokio::test(start_paused = true)]
    async fn two_that_want_all_of_it_take_turns() {
        let memory = ChunkMemory::new(1);
        let mut first = memory.room(account('1'), PATIENCE);
        let mut second = memory.room(account('2'), PATIENCE);
        hold(&mut first, 8).await.unwrap();
        hold(&mut second, 8).await.unwrap();
        assert!(!is_held(&mut first, 16).await);
        // The one gave back what it had: the other goes on.
        assert!(!is_held(&mut second, 9).await);
        hold(&mut first, 16).await.unwrap();
        hold(&mut first, 1).await.unwrap();
        hold(&mut second, 9).await.unwrap();
        assert_eq!(memory.pool.available_permits(), 6 << 10);
    }
}
