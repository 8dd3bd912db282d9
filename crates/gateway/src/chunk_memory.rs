//! The memory that signed chunks take until they are verified: one budget for all uploads, and a share
//! of it for each account.
//!
//! Room for a chunk is taken whole when its size is known, before more of it is read, and given back
//! when what it held was handed on. An upload has room for one chunk at a time and gives it back before
//! it takes another, so that nobody waits with something in hand that others wait for. Chunks of one
//! size, as clients send them, share the room of the first: nothing is done for each of them.
//!
//! Two rules keep those who hold much from those who need little. Room is held no longer than
//! [`BYTES_PER_SECOND`] need to fill it: else a few clients that trickle would have all of it for
//! hours. And who waits for much is given everything that comes back until it is enough, so that a
//! part of the budget is for small chunks alone.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use daypass_names::AccountId;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout};

use crate::client_body::REST_TIMEOUT;
use crate::patience::Alarm;

/// How much is counted as one.
const UNIT: u64 = 1024;
/// The largest chunk, in mebibytes ([`CHUNK_LIMIT`](daypass_sigv4::CHUNK_LIMIT)): no less is of use.
pub const CHUNK_MEMORY_MIN_MIB: u32 = 16;
/// One mebibyte, in units.
const MIB: u32 = 1024;
/// How much of the whole one account may have: that of a quarter, at least a chunk.
const SHARE: u32 = 4;
/// How much of the whole is for small chunks: an eighth, as far as the rest is the largest chunk.
const FOR_SMALL: u32 = 8;
/// The largest of these, in units.
const SMALL: u32 = MIB;
/// What a client has to bring for a chunk that room is held for, beside the time that it may rest.
const BYTES_PER_SECOND: u32 = 64 << 10;

/// The budget.
#[derive(Debug)]
pub(crate) struct ChunkMemory {
    pools: Pools,
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
        let for_small = (mib / FOR_SMALL).min(mib - CHUNK_MEMORY_MIN_MIB);
        let pools = Pools {
            of_all: semaphore((mib - for_small).saturating_mul(MIB)),
            of_small: semaphore(for_small.saturating_mul(MIB)),
        };
        Self { pools, share, shares: Mutex::default() }
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
        let pools = self.pools.clone();
        let alarm = Alarm::default();
        ChunkRoom { pools, share, patience, taken: None, waiting: None, due: None, alarm }
    }
}

/// What is left of the budget.
#[derive(Clone, Debug)]
struct Pools {
    /// For every chunk.
    of_all: Arc<Semaphore>,
    /// For small ones that find no room there.
    of_small: Arc<Semaphore>,
}

impl Pools {
    fn at_once(&self, units: u32) -> Option<OwnedSemaphorePermit> {
        let of_all = Arc::clone(&self.of_all).try_acquire_many_owned(units).ok();
        of_all.or_else(|| {
            let of_small = (units <= SMALL).then(|| Arc::clone(&self.of_small))?;
            of_small.try_acquire_many_owned(units).ok()
        })
    }

    async fn take(self, units: u32) -> Option<OwnedSemaphorePermit> {
        let of_all = self.of_all.acquire_many_owned(units);
        if units > SMALL {
            return of_all.await.ok();
        }
        tokio::select! {
            biased;
            taken = of_all => taken.ok(),
            taken = self.of_small.acquire_many_owned(units) => taken.ok(),
        }
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
    pools: Pools,
    share: Arc<Semaphore>,
    /// How long is waited for.
    patience: Duration,
    taken: Option<Taken>,
    waiting: Option<Pin<Box<dyn Future<Output = Option<Taken>> + Send>>>,
    /// Since the client was waited for with room in hand.
    due: Option<Due>,
    alarm: Alarm,
}

/// When a chunk must be there.
struct Due {
    at: Instant,
    /// How many bytes are to come until then.
    bytes: u64,
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
        self.due = None;
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
            let (pools, share) = (self.pools.clone(), Arc::clone(&self.share));
            let patience = self.patience;
            Box::pin(async move { timeout(patience, take(pools, share, units)).await.ok()? })
        });
        let Poll::Ready(taken) = waiting.as_mut().poll(context) else { return Poll::Pending };
        self.waiting = None;
        self.taken = taken;
        Poll::Ready(self.taken.as_ref().map(|_| ()).ok_or(NoRoom))
    }

    /// That many bytes have come, of whatever chunk. Once they are as many as room is held for, the
    /// chunk is there, and the time of the next begins.
    pub(crate) fn came(&mut self, bytes: usize) {
        let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
        self.due = self
            .due
            .take()
            .filter(|due| due.bytes > bytes)
            .map(|due| Due { bytes: due.bytes - bytes, ..due });
    }

    /// Nothing has come: ready when room was held too long for what is still to come.
    pub(crate) fn poll_overdue(&mut self, context: &mut Context<'_>) -> Poll<()> {
        let Some(taken) = &self.taken else { return Poll::Pending };
        let due = self.due.get_or_insert_with(|| {
            let bytes = u64::from(taken.units) * UNIT;
            let filling = Duration::from_secs(bytes) / BYTES_PER_SECOND;
            Due { at: Instant::now() + REST_TIMEOUT + filling, bytes }
        });
        self.alarm.poll(due.at, context)
    }

    fn at_once(&self, units: u32) -> Option<Taken> {
        let of_share = Arc::clone(&self.share).try_acquire_many_owned(units).ok()?;
        let of_pool = self.pools.at_once(units)?;
        Some(Taken { units, _of_share: of_share, _of_pool: of_pool })
    }
}

/// The account's share first: who waits for that keeps nothing of the others'.
async fn take(pools: Pools, share: Arc<Semaphore>, units: u32) -> Option<Taken> {
    let of_share = share.acquire_many_owned(units).await.ok()?;
    let of_pool = pools.take(units).await?;
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
        let memory = ChunkMemory::new(36);
        let mut rooms: Vec<_> = ['1', '2', '3'].map(|a| memory.room(account(a), PATIENCE)).into();
        let mut last = rooms.pop().unwrap();
        for room in &mut rooms {
            hold(room, 16).await.unwrap();
        }
        // What is there already is not taken twice.
        hold(rooms.first_mut().unwrap(), 16).await.unwrap();
        assert!(!is_held(&mut last, 2).await);
        let begun = Instant::now();
        assert!(hold(&mut last, 2).await.is_err());
        assert!(begun.elapsed() >= PATIENCE);
        // Who waits has it as soon as somebody is done.
        assert!(!is_held(&mut last, 16).await);
        hold(rooms.first_mut().unwrap(), 0).await.unwrap();
        let begun = Instant::now();
        hold(&mut last, 16).await.unwrap();
        assert!(begun.elapsed() < PATIENCE);
        drop(rooms);
        hold(&mut last, 0).await.unwrap();
        assert_eq!(left(&memory), (32 << 10, 4 << 10));
    }

    /// What is in the pools.
    fn left(memory: &ChunkMemory) -> (usize, usize) {
        let Pools { of_all, of_small } = &memory.pools;
        (of_all.available_permits(), of_small.available_permits())
    }

    /// However many wait for much, there is some for who needs little.
    #[tokio::test(start_paused = true)]
    async fn large_chunks_leave_room_for_small_ones() {
        let memory = ChunkMemory::new(24);
        assert_eq!(left(&memory), (21 << 10, 3 << 10));
        let mut large = memory.room(account('1'), PATIENCE);
        hold(&mut large, 16).await.unwrap();
        // It takes the rest, and whatever comes back.
        let mut waits = memory.room(account('2'), PATIENCE);
        assert!(!is_held(&mut waits, 16).await);
        let mut small: Vec<_> = ['3', '4', '5'].map(|of| memory.room(account(of), PATIENCE)).into();
        for room in &mut small {
            hold(room, 1).await.unwrap();
        }
        assert_eq!(left(&memory), (0, 0));
        let mut next = memory.room(account('6'), PATIENCE);
        assert!(!is_held(&mut next, 1).await);
        drop(small.pop());
        assert!(is_held(&mut next, 1).await);
        // What is not small is not let in there.
        drop((small, next));
        assert!(!is_held(&mut memory.room(account('7'), PATIENCE), 2).await);
        assert_eq!(left(&memory), (0, 3 << 10));
        // The least budget is the largest chunk, and nothing beside it.
        assert_eq!(left(&ChunkMemory::new(16)), (16 << 10, 0));
        assert_eq!(left(&ChunkMemory::new(17)), (16 << 10, 1 << 10));
        assert_eq!(left(&ChunkMemory::new(256)), (224 << 10, 32 << 10));
    }

    /// How long a client is waited for, that sends `bytes` a second.
    async fn overdue(room: &mut ChunkRoom, bytes: usize, most: Duration) -> Option<Duration> {
        let begun = Instant::now();
        while begun.elapsed() < most {
            let late = poll_fn(|context| room.poll_overdue(context));
            if timeout(Duration::from_secs(1), late).await.is_ok() {
                return Some(begun.elapsed());
            }
            room.came(bytes);
        }
        None
    }

    #[tokio::test(start_paused = true)]
    async fn room_is_not_held_for_who_trickles() {
        const MINUTE: Duration = Duration::from_secs(60);
        let memory = ChunkMemory::new(16);
        let mut room = memory.room(None, PATIENCE);
        // Who holds nothing takes nothing from anybody.
        assert_eq!(overdue(&mut room, 1, 10 * MINUTE).await, None);
        hold(&mut room, 16).await.unwrap();
        let whole = REST_TIMEOUT + Duration::from_secs(256);
        let late = overdue(&mut room, 1024, 10 * MINUTE).await.unwrap();
        assert!((whole..whole + Duration::from_secs(1)).contains(&late), "{late:?}");
        // A chunk has its own time, and so has the next of the same size.
        hold(&mut room, 0).await.unwrap();
        hold(&mut room, 16).await.unwrap();
        assert_eq!(overdue(&mut room, 64 << 10, 60 * MINUTE).await, None);
        hold(&mut room, 1).await.unwrap();
        let whole = REST_TIMEOUT + Duration::from_secs(16);
        let late = overdue(&mut room, 1024, 10 * MINUTE).await.unwrap();
        assert!((whole..whole + Duration::from_secs(1)).contains(&late), "{late:?}");
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
        assert_eq!(left(&memory), (96 << 10, 16 << 10));
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
        assert_eq!(left(&memory), (6 << 10, 0));
    }
}
