//! Names to addresses.
//!
//! The machine's resolver blocks a thread, and takes half a minute when a name server says nothing.
//! Nobody waits that long here, but the thread does. A lookup has a place while somebody waits for it,
//! which is for no longer than the fetch may take; then the place is free, and the thread, which
//! nothing can end, counts as overdue: against the share of its account, and no more against that of
//! everybody. There are few threads of both kinds. Each account has its share of them, which is small
//! when half of the places are taken, and for accounts whose names were not resolved in time of late;
//! half of the places are for the others, and who finds none waits a little.
//!
//! What holds: it takes silent name servers of twenty accounts at the same moment to take all places,
//! and the next fetches find them free again; to hold them on takes some two hundred accounts.
//! Lookups of others are then refused as `Busy`.

use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::{IpAddr, ToSocketAddrs};
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use daypass_names::AccountId;
use tokio::sync::Notify;
use tokio::time::{Instant, timeout};

/// Most names that are being resolved while somebody waits for them.
const MAX_NAMES: usize = 64;

/// Most of one account, those included for which nobody waits any more.
const MAX_NAMES_OF_ONE: usize = 8;

/// Most that nobody waits for any more. Further ones keep their places.
const MAX_OVERDUE: usize = 128;

/// For so long an account is slow of which a name was not resolved in time.
const SLOW: Duration = Duration::from_secs(60);

/// Who gave up sooner than that did not wait for a name server that says nothing.
const LATE: Duration = Duration::from_secs(1);

/// Most names of all slow accounts together that somebody waits for.
const MAX_NAMES_OF_SLOW: usize = 32;

/// When so many places are taken, and for slow accounts, each account has a small share.
const SCARCE: usize = MAX_NAMES / 2;
const SMALL_SHARE: usize = 2;

/// How long a lookup waits for its place.
const WAIT: Duration = Duration::from_millis(2_500);

/// Most addresses of a name that are looked at.
const MAX_ADDRESSES: usize = 16;

/// The addresses of a name, when they are known.
pub(super) type Resolving<'a> =
    Pin<Box<dyn Future<Output = Result<Vec<IpAddr>, ResolveFault>> + Send + 'a>>;

/// Resolves names.
pub(super) trait Resolve: fmt::Debug + Send + Sync {
    /// The addresses of `host`, which is wanted for that account; in the order of preference.
    fn resolve<'a>(&'a self, host: &'a str, account: AccountId) -> Resolving<'a>;
}

/// Why a name has no addresses.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum ResolveFault {
    /// Too many are being resolved.
    Busy,
    /// There are none, or nobody says.
    Unknown(String),
}

/// Asks for the addresses of a name, for as long as that takes.
type Lookup = dyn Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync;

/// The resolver of the machine.
pub(super) struct SystemResolver {
    places: Arc<Places>,
    lookup: Arc<Lookup>,
}

impl Default for SystemResolver {
    fn default() -> Self {
        Self::asking(|host| {
            let found = (host, 0).to_socket_addrs()?;
            Ok(found.map(|address| address.ip()).take(MAX_ADDRESSES).collect())
        })
    }
}

impl SystemResolver {
    fn asking(lookup: impl Fn(&str) -> io::Result<Vec<IpAddr>> + Send + Sync + 'static) -> Self {
        Self { places: Arc::default(), lookup: Arc::new(lookup) }
    }
}

impl Resolve for SystemResolver {
    fn resolve<'a>(&'a self, host: &'a str, account: AccountId) -> Resolving<'a> {
        Box::pin(async move {
            let place = timeout(WAIT, self.places.place(account)).await;
            let (place, awaited) = place.map_err(|_| ResolveFault::Busy)?;
            let host = host.to_owned();
            let lookup = Arc::clone(&self.lookup);
            let resolving = tokio::task::spawn_blocking(move || {
                // Taken until the thread is free, whoever waits for it.
                let _place = place;
                lookup(&host)
            });
            let found = match resolving.await {
                Ok(found) => found.map_err(|error| ResolveFault::Unknown(error.to_string())),
                Err(error) => Err(ResolveFault::Unknown(error.to_string())),
            };
            drop(awaited);
            found
        })
    }
}

impl fmt::Debug for SystemResolver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SystemResolver({:?})", self.places)
    }
}

/// Which names are being resolved.
#[derive(Debug, Default)]
struct Places {
    ledger: Mutex<Ledger>,
    /// Told whenever there may be a place again.
    freed: Notify,
}

#[derive(Debug, Default)]
struct Ledger {
    newest: u64,
    /// Those under way, by number: never more than a few hundred.
    lookups: HashMap<u64, Underway>,
    /// Accounts of which a name was not resolved in time, and when that was last.
    slow: HashMap<AccountId, Instant>,
}

#[derive(Debug)]
struct Underway {
    account: AccountId,
    begun: Instant,
    /// Nobody waits for it any more.
    is_overdue: bool,
}

impl Places {
    /// A place, as soon as there is one.
    async fn place(self: &Arc<Self>, account: AccountId) -> (Place, Awaited) {
        loop {
            let mut freed = pin!(self.freed.notified());
            // From here on nothing is missed.
            freed.as_mut().enable();
            if let Some(number) = self.ledger().begin(account, Instant::now()) {
                let places = || Arc::clone(self);
                return (Place { places: places(), number }, Awaited { places: places(), number });
            }
            freed.await;
        }
    }

    fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // Each change leaves it whole, also for who comes after a panic.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Ledger {
    fn begin(&mut self, account: AccountId, now: Instant) -> Option<u64> {
        if !self.admits(account, now) {
            return None;
        }
        self.newest = self.newest.wrapping_add(1);
        self.lookups.insert(self.newest, Underway { account, begun: now, is_overdue: false });
        Some(self.newest)
    }

    fn admits(&self, account: AccountId, now: Instant) -> bool {
        let is_slow = self.is_slow(account, now);
        let (mut of_one, mut awaited, mut awaited_of_one, mut of_slow) = (0, 0, 0, 0);
        for one in self.lookups.values() {
            let (is_own, is_awaited) = (one.account == account, !one.is_overdue);
            of_one += usize::from(is_own);
            awaited += usize::from(is_awaited);
            awaited_of_one += usize::from(is_own && is_awaited);
            of_slow += usize::from(is_awaited && self.is_slow(one.account, now));
        }
        let has_share = awaited_of_one < SMALL_SHARE || awaited < SCARCE && !is_slow;
        of_one < MAX_NAMES_OF_ONE
            && awaited < MAX_NAMES
            && has_share
            && (!is_slow || of_slow < MAX_NAMES_OF_SLOW)
    }

    fn is_slow(&self, account: AccountId, now: Instant) -> bool {
        self.slow.get(&account).is_some_and(|since| now.duration_since(*since) < SLOW)
    }

    /// Its thread is free.
    fn end(&mut self, number: u64) {
        self.lookups.remove(&number);
    }

    /// Nobody waits for it any more, and it may have ended.
    fn abandon(&mut self, number: u64, now: Instant) {
        let overdue = self.lookups.values().filter(|one| one.is_overdue).count();
        let Some(lookup) = self.lookups.get_mut(&number) else { return };
        lookup.is_overdue = overdue < MAX_OVERDUE;
        if now.duration_since(lookup.begun) >= LATE {
            self.slow.retain(|_, since| now.duration_since(*since) < SLOW);
            self.slow.insert(lookup.account, now);
        }
    }
}

/// Held by the thread that asks.
struct Place {
    places: Arc<Places>,
    number: u64,
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.ledger().end(self.number);
        self.places.freed.notify_waiters();
    }
}

/// Held by whoever waits for the answer.
struct Awaited {
    places: Arc<Places>,
    number: u64,
}

impl Drop for Awaited {
    fn drop(&mut self) {
        self.places.ledger().abandon(self.number, Instant::now());
        self.places.freed.notify_waiters();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// How long a fetch may take.
    const FETCH: Duration = Duration::from_secs(5);

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    /// Begins as many lookups of an account as it is let.
    fn fill(ledger: &mut Ledger, number: usize, now: Instant) -> Vec<u64> {
        std::iter::from_fn(|| ledger.begin(account(number), now)).collect()
    }

    #[tokio::test]
    async fn each_account_has_its_share_of_the_threads() {
        let (mut ledger, now) = (Ledger::default(), Instant::now());
        let mut taken = Vec::new();
        // As long as there are many, and when they are scarce.
        for (accounts, share) in [(0..4, MAX_NAMES_OF_ONE), (4..20, SMALL_SHARE)] {
            for number in accounts {
                let of_one = fill(&mut ledger, number, now);
                assert_eq!(of_one.len(), share, "{number}");
                taken.extend(of_one);
            }
        }
        assert_eq!(taken.len(), MAX_NAMES);
        assert_eq!(ledger.begin(account(999), now), None, "all are taken");
        ledger.end(taken.pop().unwrap());
        taken.push(ledger.begin(account(999), now).unwrap());
        taken.iter().for_each(|number| ledger.end(*number));
        assert!(ledger.lookups.is_empty() && ledger.slow.is_empty(), "nothing is left behind");
    }

    /// The threads are held for half a minute, the places for the time of a fetch.
    #[tokio::test]
    async fn silent_name_servers_of_some_leave_places_to_others() {
        let (mut ledger, begun) = (Ledger::default(), Instant::now());
        let silent: Vec<u64> = (0..20).flat_map(|one| fill(&mut ledger, one, begun)).collect();
        assert_eq!(ledger.begin(account(999), begun), None);
        let now = begun + FETCH;
        silent.iter().for_each(|number| ledger.abandon(*number, now));
        let good = fill(&mut ledger, 999, now);
        assert_eq!(good.len(), MAX_NAMES_OF_ONE, "their places are free though they hang");
        assert!((0..4).all(|one| fill(&mut ledger, one, now).is_empty()), "none of their own");
        silent.iter().chain(&good).for_each(|number| ledger.end(*number));
        // The threads are free as well, but those accounts are slow for a while.
        let of_slow: Vec<Vec<u64>> = (0..8).map(|one| fill(&mut ledger, one, now)).collect();
        assert!(of_slow.iter().all(|taken| taken.len() == SMALL_SHARE));
        of_slow.iter().flatten().for_each(|number| ledger.end(*number));
        assert_eq!(fill(&mut ledger, 0, now + SLOW).len(), MAX_NAMES_OF_ONE);
    }

    #[tokio::test]
    async fn slow_accounts_together_get_half_of_the_places() {
        let (mut ledger, begun) = (Ledger::default(), Instant::now());
        let now = begun + FETCH;
        for one in 0..40 {
            let number = ledger.begin(account(one), begun).unwrap();
            ledger.abandon(number, now);
            ledger.end(number);
        }
        let taken: usize = (0..40).map(|one| fill(&mut ledger, one, now).len()).sum();
        assert_eq!(taken, MAX_NAMES_OF_SLOW);
        let others: usize = (100..140).map(|one| fill(&mut ledger, one, now).len()).sum();
        assert_eq!(others, MAX_NAMES - MAX_NAMES_OF_SLOW);
    }

    /// There is a bound to the threads too, and who only gave up early is not slow.
    #[tokio::test]
    async fn overdue_lookups_are_bounded() {
        let (mut ledger, mut now) = (Ledger::default(), Instant::now());
        let mut all = 0;
        for one in 0..100 {
            let taken = fill(&mut ledger, one, now);
            all += taken.len();
            now += FETCH;
            taken.iter().for_each(|number| ledger.abandon(*number, now));
        }
        assert_eq!(all, MAX_OVERDUE + MAX_NAMES);
        assert_eq!(ledger.lookups.len(), all);
        let mut ledger = Ledger::default();
        let number = ledger.begin(account(1), now).unwrap();
        ledger.abandon(number, now + LATE / 2);
        assert!(ledger.slow.is_empty());
        assert_eq!(fill(&mut ledger, 1, now).len(), MAX_NAMES_OF_ONE - 1);
    }

    #[tokio::test(start_paused = true)]
    async fn a_lookup_waits_for_its_place() {
        let places = Arc::<Places>::default();
        let mut held = Vec::new();
        for number in 0..MAX_NAMES {
            held.push(places.place(account(number)).await);
        }
        let late = timeout(WAIT, places.place(account(999))).await;
        assert!(late.is_err(), "all are taken");
        let waiting = places.place(account(999));
        let freeing = async {
            tokio::task::yield_now().await;
            held.pop();
        };
        let (place, ()) = tokio::join!(timeout(WAIT, waiting), freeing);
        assert!(place.is_ok());
        drop((place, held));
        assert!(places.ledger().lookups.is_empty());
    }

    /// A thread that hangs is overdue once nobody waits for it, and gone when it ends.
    #[tokio::test]
    async fn who_gives_up_leaves_the_thread_and_takes_the_place_back() {
        let (answer, answers) = mpsc::channel::<()>();
        let answers = Mutex::new(answers);
        let resolver = SystemResolver::asking(move |_| {
            let _ = answers.lock().unwrap().recv();
            Ok(Vec::new())
        });
        let count = |is_overdue| {
            let ledger = resolver.places.ledger();
            ledger.lookups.values().filter(|one| one.is_overdue == is_overdue).count()
        };
        let mut freed = pin!(resolver.places.freed.notified());
        freed.as_mut().enable();
        {
            let mut resolving = resolver.resolve("silent.example", account(1));
            tokio::select! {
                biased;
                _ = &mut resolving => panic!("it has not answered"),
                () = tokio::task::yield_now() => {}
            }
            assert_eq!((count(false), count(true)), (1, 0));
        }
        assert_eq!((count(false), count(true)), (0, 1));
        freed.await;
        let mut freed = pin!(resolver.places.freed.notified());
        freed.as_mut().enable();
        answer.send(()).unwrap();
        freed.await;
        assert_eq!((count(false), count(true)), (0, 0));
    }

    #[tokio::test]
    async fn the_machine_knows_itself() {
        let resolver = SystemResolver::default();
        let found = resolver.resolve("localhost", account(1)).await.unwrap();
        assert!(!found.is_empty() && found.iter().all(IpAddr::is_loopback), "{found:?}");
        // RFC 6761, section 6.4: nobody has an address there.
        let found = resolver.resolve("a.invalid", account(1)).await;
        assert!(matches!(found, Err(ResolveFault::Unknown(_))), "{found:?}");
        assert!(resolver.places.ledger().lookups.is_empty());
    }
}
