//! Room for replies that repeat whole documents. What such a reply takes is held from before it is
//! made until it has been sent, so that nobody who may read a document can fill the memory by reading
//! it many times; and nobody holds all of the room, so that who does not read what was asked for
//! shuts nobody else out.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use daypass_names::AccountId;
use jiff::SignedDuration;
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::{Clock, Code, Fault};

/// How many bytes a reply has at most without room of its own: as many as a connection may hold of it
/// for as long as it lives, on every stream of HTTP/2.
pub(crate) const LARGE_REPLY: usize = 128 << 10;

/// What room is measured in.
const UNIT: usize = 64 << 10;

const fn mib(count: u32) -> u32 {
    count * 16
}

/// How much room there is: 192 MiB.
const ALL: u32 = mib(192);
/// What the replies to one account take at the most, to one principal, and to one address. The first
/// reply is within every share, however large it is.
const OF_ACCOUNT: u32 = mib(128);
const OF_PRINCIPAL: u32 = mib(48);
const OF_ADDRESS: u32 = mib(48);

/// How long a reply waits for room, by the clock.
const TIMEOUT: SignedDuration = SignedDuration::from_secs(10);
/// How often who waits looks at the clock while no room is given back.
const LOOK: Duration = Duration::from_millis(250);

/// Whose reply it is.
#[derive(Clone, Debug)]
pub(crate) struct Reader {
    pub(crate) account: Option<AccountId>,
    /// The unique id of the principal, sessions of one role together.
    pub(crate) principal: String,
    pub(crate) address: IpAddr,
}

/// Who has a share.
#[derive(Clone, Debug, Eq, Hash, PartialEq)]
enum Holder {
    Account(AccountId),
    Principal(String),
    Address(IpAddr),
}

impl Reader {
    /// Who holds what this reader holds, and their shares.
    fn holders(&self) -> Vec<(Holder, u32)> {
        let account = self.account.map(|account| (Holder::Account(account), OF_ACCOUNT));
        let principal = (Holder::Principal(self.principal.clone()), OF_PRINCIPAL);
        let address = (Holder::Address(subnet(self.address)), OF_ADDRESS);
        account.into_iter().chain([principal, address]).collect()
    }
}

/// What counts as one address: an IPv4 address, or the first 64 bits of an IPv6 one.
pub(crate) fn subnet(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64)))
        }
    }
}

/// What is held, by everybody and by each holder. Only who holds something is in it.
#[derive(Debug, Default)]
struct Held {
    all: u32,
    by: HashMap<Holder, u32>,
}

impl Held {
    /// Takes so many units, unless that is more than is left or than a share.
    fn take(&mut self, holders: &[(Holder, u32)], units: u32) -> bool {
        let fits = |held: u32, share: u32| held == 0 || held.saturating_add(units) <= share;
        let within = |(holder, share): &(Holder, u32)| {
            fits(self.by.get(holder).copied().unwrap_or_default(), *share)
        };
        if self.all.saturating_add(units) > ALL || !holders.iter().all(within) {
            return false;
        }
        self.all += units;
        for (holder, _) in holders {
            let held = self.by.entry(holder.clone()).or_default();
            *held = held.saturating_add(units);
        }
        true
    }

    fn give_back(&mut self, holders: &[(Holder, u32)], units: u32) {
        self.all = self.all.saturating_sub(units);
        for (holder, _) in holders {
            if let Entry::Occupied(mut entry) = self.by.entry(holder.clone()) {
                *entry.get_mut() = entry.get().saturating_sub(units);
                if *entry.get() == 0 {
                    entry.remove();
                }
            }
        }
    }
}

/// The room for large replies.
#[derive(Debug, Default)]
pub(crate) struct LargeReplies {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    held: Mutex<Held>,
    given_back: Notify,
}

impl Shared {
    /// A thread that panicked under the lock has left whole numbers behind.
    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn units(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(UNIT)).unwrap_or(ALL).clamp(1, ALL)
}

impl LargeReplies {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Waits for room for so many bytes.
    ///
    /// # Errors
    /// `ServiceUnavailable` when there is none for too long.
    pub(crate) async fn room(
        &self,
        reader: &Reader,
        bytes: usize,
        clock: &dyn Clock,
    ) -> Result<Room, Fault> {
        let (holders, units) = (reader.holders(), units(bytes));
        let begun = clock.now();
        loop {
            // Waits from before it is looked, so that nothing that is given back goes unseen.
            let given_back = self.shared.given_back.notified();
            if self.shared.held().take(&holders, units) {
                let shared = Arc::clone(&self.shared);
                return Ok(Room { shared, holders, units, sent: watch::Sender::new(()) });
            }
            let waited = clock.now().duration_since(begun);
            // A clock that was set back would never end it.
            if waited >= TIMEOUT || waited.is_negative() {
                return Err(Fault::new(
                    Code::ServiceUnavailable,
                    "Too many large documents are being read. Please try again.",
                ));
            }
            // Whether room was given back or it is time to look at the clock, it looks at both.
            drop(timeout(LOOK, given_back).await);
        }
    }

    /// How many bytes of room are left.
    #[cfg(test)]
    pub(crate) fn left(&self) -> usize {
        (ALL - self.shared.held().all) as usize * UNIT
    }
}

/// The room of one reply, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Room {
    shared: Arc<Shared>,
    holders: Vec<(Holder, u32)>,
    units: u32,
    sent: watch::Sender<()>,
}

impl Room {
    /// Whether it is room for so many bytes.
    pub(crate) fn is_for(&self, bytes: usize) -> bool {
        units(bytes) <= self.units
    }

    /// Gives back what is more than so many bytes take.
    pub(crate) fn shrink_to(&mut self, bytes: usize) {
        let kept = units(bytes).min(self.units);
        self.shared.held().give_back(&self.holders, self.units - kept);
        self.units = kept;
        self.shared.given_back.notify_waiters();
    }

    /// What tells when the room has been given back.
    pub(crate) fn unsent(&self) -> Unsent {
        Unsent::until_dropped(&self.sent)
    }
}

impl Drop for Room {
    fn drop(&mut self) {
        self.shared.held().give_back(&self.holders, self.units);
        self.shared.given_back.notify_waiters();
    }
}

/// In the extensions of a reply: it holds room until its bytes are dropped, so that whoever sends it
/// does not wait for long until they are read.
#[derive(Clone, Debug)]
pub struct Unsent(watch::Receiver<()>);

impl Unsent {
    /// It holds room until this is dropped.
    pub fn until_dropped(sent: &watch::Sender<()>) -> Self {
        Self(sent.subscribe())
    }

    /// Waits until the reply holds no room any more.
    pub async fn sent(mut self) {
        while self.0.changed().await.is_ok() {}
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;

    const MIB: usize = 1 << 20;

    fn reader(account: &str, principal: &str, address: &str) -> Reader {
        Reader {
            account: Some(AccountId::parse(account).unwrap()),
            principal: principal.to_owned(),
            address: address.parse().unwrap(),
        }
    }

    /// A clock that goes on by so many seconds whenever it is looked at.
    #[derive(Debug)]
    struct Steps(Mutex<Timestamp>, i64);

    impl Steps {
        fn of(seconds: i64) -> Self {
            Self(Mutex::new("2026-01-02T03:04:05Z".parse().unwrap()), seconds)
        }

        fn shows(&self) -> Timestamp {
            *self.0.lock().unwrap()
        }
    }

    impl Clock for Steps {
        fn now(&self) -> Timestamp {
            let mut now = self.0.lock().unwrap();
            let shown = *now;
            *now += SignedDuration::from_secs(self.1);
            shown
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_clock_that_is_passed_ends_the_wait() {
        let replies = LargeReplies::new();
        let ann = reader("123456789012", "Ann", "192.0.2.1");
        let held = replies.room(&ann, 40 * MIB, &Steps::of(0)).await.unwrap();
        let context = || std::task::Context::from_waker(std::task::Waker::noop());
        // It stands still: whatever the runtime's own clock says, there is time left.
        let still = Steps::of(0);
        let mut waiting = std::pin::pin!(replies.room(&ann, 40 * MIB, &still));
        for _ in 0..100 {
            assert!(waiting.as_mut().poll(&mut context()).is_pending());
            tokio::time::advance(Duration::from_secs(60)).await;
        }
        // It is moved, and the wait is over.
        *still.0.lock().unwrap() += TIMEOUT;
        assert_eq!(waiting.await.err().map(|fault| fault.code()), Some(Code::ServiceUnavailable));
        // It was set back.
        let fault = replies.room(&ann, 40 * MIB, &Steps::of(-1)).await.unwrap_err();
        assert_eq!(fault.code(), Code::ServiceUnavailable);
        // What is given back in time is taken.
        let clock = Steps::of(1);
        let mut waiting = std::pin::pin!(replies.room(&ann, 40 * MIB, &clock));
        assert!(waiting.as_mut().poll(&mut context()).is_pending());
        drop(held);
        assert!(waiting.await.is_ok());
        assert!(clock.shows().duration_since(Steps::of(0).shows()) < TIMEOUT);
    }

    #[tokio::test(start_paused = true)]
    async fn nobody_holds_the_room_of_all() {
        const ONE: &str = "123456789012";
        const TWO: &str = "210987654321";
        let replies = LargeReplies::new();
        let room = async |account: &str, principal: &str, address: &str, mib: usize| {
            let (reader, clock) = (reader(account, principal, address), Steps::of(1));
            let room = replies.room(&reader, mib * MIB, &clock).await;
            room.map_err(|fault| fault.code())
        };
        let late = Some(Code::ServiceUnavailable);
        // Of the same principal, of the same address, and of the same /64.
        let first = room(ONE, "Ann", "192.0.2.1", 40).await.unwrap();
        assert_eq!(room(ONE, "Ann", "192.0.2.2", 10).await.err(), late);
        assert_eq!(room(TWO, "Ben", "192.0.2.1", 10).await.err(), late);
        let mapped = room(TWO, "Ben", "::ffff:192.0.2.1", 10).await.err();
        assert_eq!(mapped, late);
        let within = room(ONE, "Ann", "192.0.2.2", 8).await.unwrap();
        // Of the same account.
        let second = room(ONE, "Cid", "192.0.2.3", 48).await.unwrap();
        let third = room(ONE, "Dan", "192.0.2.4", 32).await.unwrap();
        assert_eq!(room(ONE, "Eva", "192.0.2.5", 1).await.err(), late);
        // Of others there is room.
        let other = room(TWO, "Ben", "2001:db8::1", 48).await.unwrap();
        assert_eq!(room(TWO, "Fay", "2001:db8::2", 1).await.err(), late);
        let last = room(TWO, "Gil", "2001:db8:0:1::1", 16).await.unwrap();
        assert_eq!(replies.left(), 0);
        assert_eq!(room(TWO, "Hal", "192.0.2.9", 1).await.err(), late);
        drop((first, within, second, third, other, last));
        assert_eq!(replies.left(), 192 * MIB);
        assert!(replies.shared.held().by.is_empty());
        // The first is within every share; what is too large for all takes all.
        let huge = room(ONE, "Ann", "192.0.2.1", usize::MAX / MIB).await.unwrap();
        assert_eq!(replies.left(), 0);
        drop(huge);
        assert_eq!(replies.left(), 192 * MIB);
    }

    #[tokio::test(start_paused = true)]
    async fn a_reply_waits_for_room_and_gives_back_what_it_needs_no_longer() {
        let replies = LargeReplies::new();
        let ann = reader("123456789012", "Ann", "192.0.2.1");
        let clock = Steps::of(0);
        let mut taken = replies.room(&ann, 40 * MIB, &clock).await.unwrap();
        assert!(taken.is_for(40 * MIB) && !taken.is_for(40 * MIB + 1));
        let mut waiting = std::pin::pin!(replies.room(&ann, 30 * MIB, &clock));
        let mut context = std::task::Context::from_waker(std::task::Waker::noop());
        assert!(waiting.as_mut().poll(&mut context).is_pending());
        taken.shrink_to(10 * MIB + 1);
        let other = waiting.await.unwrap();
        assert_eq!(replies.left(), (192 - 30 - 10) * MIB - UNIT);
        // It does not grow.
        taken.shrink_to(20 * MIB);
        assert_eq!(replies.left(), (192 - 30 - 10) * MIB - UNIT);
        let unsent = taken.unsent();
        let mut sent = std::pin::pin!(unsent.sent());
        assert!(sent.as_mut().poll(&mut context).is_pending());
        drop((taken, other));
        sent.await;
        assert_eq!(replies.left(), 192 * MIB);
        // Also the smallest takes a unit.
        let small = replies.room(&ann, 0, &clock).await.unwrap();
        assert_eq!(replies.left(), 192 * MIB - UNIT);
        drop(small);
    }
}
