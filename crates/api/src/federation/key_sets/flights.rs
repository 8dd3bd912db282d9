//! Fetches under way, and those that wait for their turn.
//!
//! For each provider there is one at most. They begin in the order in which they were asked for, but
//! no account has more than its share under way: what it waits for holds up nobody else. Providers
//! that took all their time of late have a small part of the share of their account, so that they do
//! not hold up its others either. How many may wait is bounded as well, for each account and together.
//!
//! Fetches of several accounts are never one, not even for the same issuer under the same trust. It
//! would be another account's share of places, of name lookups and of time that decides whether a
//! caller gets keys, any tenant could hold the common fetch up, and how fast an answer comes would
//! tell which issuers others trust. It costs one small fetch for each account and issuer in a quarter
//! of an hour.

use std::collections::HashMap;
use std::sync::Arc;

use daypass_names::{AccountId, UniqueId};
use tokio::sync::{oneshot, watch};

use super::Kept;

/// Most fetches under way, and most of one account.
const MAX_FLIGHTS: usize = 128;
pub(crate) const MAX_FLIGHTS_OF_ONE: usize = 16;

/// When so many are under way, an account that has this many gets no further one: a few accounts must
/// not take all the places.
const SCARCE: usize = MAX_FLIGHTS / 2;
const MAX_FLIGHTS_OF_ONE_IF_SCARCE: usize = 4;

/// Most under way of one account for providers whose last fetch took all its time: the others have
/// the rest, whatever these do.
const MAX_SLOW_FLIGHTS_OF_ONE: usize = 4;

/// Most that are under way or wait, and most of one account.
const MAX_ALL: usize = 1_024;
pub(crate) const MAX_ALL_OF_ONE: usize = 32;
/// Most of these for such providers: there is room for the others in the queue, too.
const MAX_SLOW_OF_ONE: usize = 16;

/// For what a fetch is: a provider's unique id and generation.
pub(super) type Flown = (UniqueId, u64);

/// How the last fetch for a provider went.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Pace {
    /// It ended in time, or there was none.
    Usual,
    /// It took all its time.
    Slow,
}

/// What a fetch left behind, once it has ended.
pub(super) type Landed = watch::Receiver<Option<Arc<Kept>>>;

/// Tells that a fetch may begin.
pub(super) type Turn = oneshot::Receiver<()>;

/// Fetches that are under way or wait.
#[derive(Default)]
pub(super) struct Flights {
    all: HashMap<Flown, Flight>,
    newest: u64,
}

struct Flight {
    account: AccountId,
    pace: Pace,
    /// In which order they were asked for.
    number: u64,
    landed: Landed,
    /// While it waits.
    turn: Option<oneshot::Sender<()>>,
}

impl Flights {
    /// What comes of the fetch for that, if there is one.
    pub(super) fn landed(&self, flown: Flown) -> Option<Landed> {
        self.all.get(&flown).map(|flight| flight.landed.clone())
    }

    /// Puts one in the queue, and tells when its turn is; nothing when too many wait.
    pub(super) fn queue(
        &mut self,
        flown: Flown,
        account: AccountId,
        pace: Pace,
        landed: Landed,
    ) -> Option<Turn> {
        let mut of_one = Counts::default();
        for flight in self.all.values().filter(|flight| flight.account == account) {
            of_one.add(flight.pace);
        }
        if self.all.len() >= MAX_ALL || !of_one.has_room(pace, MAX_ALL_OF_ONE, MAX_SLOW_OF_ONE) {
            return None;
        }
        self.newest = self.newest.wrapping_add(1);
        let (sender, turn) = oneshot::channel();
        let flight = Flight { account, pace, number: self.newest, landed, turn: Some(sender) };
        self.all.insert(flown, flight);
        self.call();
        Some(turn)
    }

    /// One has ended, or waits no longer.
    pub(super) fn end(&mut self, flown: Flown) {
        self.all.remove(&flown);
        self.call();
    }

    /// Lets those begin whose turn it is.
    fn call(&mut self) {
        let mut by_account = HashMap::<AccountId, Counts>::new();
        let mut waiting = Vec::new();
        for (flown, flight) in &self.all {
            match flight.turn {
                Some(_) => waiting.push((flight.number, *flown)),
                None => by_account.entry(flight.account).or_default().add(flight.pace),
            }
        }
        let mut under_way: usize = by_account.values().map(|counts| counts.all).sum();
        waiting.sort_unstable_by_key(|(number, _)| *number);
        for (_, flown) in waiting {
            if under_way >= MAX_FLIGHTS {
                return;
            }
            let Some(flight) = self.all.get_mut(&flown) else { continue };
            let of_one = by_account.entry(flight.account).or_default();
            let share = match under_way < SCARCE {
                true => MAX_FLIGHTS_OF_ONE,
                false => MAX_FLIGHTS_OF_ONE_IF_SCARCE,
            };
            if !of_one.has_room(flight.pace, share, MAX_SLOW_FLIGHTS_OF_ONE) {
                continue;
            }
            // One that waits no longer is about to be taken out.
            if flight.turn.take().is_some_and(|turn| turn.send(()).is_ok()) {
                of_one.add(flight.pace);
                under_way += 1;
            }
        }
    }
}

/// How many there are of one account.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    all: usize,
    slow: usize,
}

impl Counts {
    fn add(&mut self, pace: Pace) {
        self.all += 1;
        self.slow += usize::from(pace == Pace::Slow);
    }

    /// Whether there may be one more, of so many at most and so many slow ones among them.
    fn has_room(self, pace: Pace, most: usize, most_slow: usize) -> bool {
        self.all < most && (pace == Pace::Usual || self.slow < most_slow)
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;

    use super::*;

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    /// Fetches that are asked for one after the other.
    #[derive(Default)]
    struct Queue {
        flights: Flights,
        asked: Vec<(Flown, Turn)>,
    }

    impl Queue {
        /// Asks for some of an account; how many were taken.
        fn ask(&mut self, number: usize, times: usize) -> usize {
            self.ask_for(Pace::Usual, number, times)
        }

        fn ask_for(&mut self, pace: Pace, number: usize, times: usize) -> usize {
            let before = self.asked.len();
            for _ in 0..times {
                let next = u64::try_from(self.asked.len()).unwrap();
                let mut bytes = [0; 11];
                bytes[..8].copy_from_slice(&next.to_be_bytes());
                let id = UniqueId::from_random(UniqueIdKind::OidcProvider, bytes);
                let (_, landed) = watch::channel(None);
                let turn = self.flights.queue((id, next), account(number), pace, landed);
                self.asked.extend(turn.map(|turn| ((id, next), turn)));
            }
            self.asked.len() - before
        }

        /// Those whose turn has come since, by their places in `asked`.
        fn called(&mut self) -> Vec<usize> {
            let turns = self.asked.iter_mut().enumerate();
            turns
                .filter_map(|(place, (_, turn))| turn.try_recv().is_ok().then_some(place))
                .collect()
        }

        fn end(&mut self, place: usize) {
            let (flown, _) = self.asked[place];
            self.flights.end(flown);
        }
    }

    #[test]
    fn an_account_has_its_share_and_the_others_wait() {
        let mut queue = Queue::default();
        assert_eq!(queue.ask(1, MAX_ALL_OF_ONE + 5), MAX_ALL_OF_ONE);
        assert_eq!(queue.called(), (0..MAX_FLIGHTS_OF_ONE).collect::<Vec<_>>());
        // Another account does not wait for them.
        assert_eq!(queue.ask(2, 1), 1);
        assert_eq!(queue.called(), [MAX_ALL_OF_ONE]);
        queue.end(3);
        assert_eq!(queue.called(), [MAX_FLIGHTS_OF_ONE], "in their order");
        // Who gives up while he waits is passed over.
        queue.asked[MAX_FLIGHTS_OF_ONE + 1].1.close();
        queue.end(4);
        assert_eq!(queue.called(), [MAX_FLIGHTS_OF_ONE + 2]);
    }

    #[test]
    fn when_all_places_are_taken_the_first_who_waits_is_next() {
        let mut queue = Queue::default();
        let whole = SCARCE / MAX_FLIGHTS_OF_ONE;
        for number in 0..whole {
            queue.ask(number, MAX_FLIGHTS_OF_ONE);
        }
        assert_eq!(queue.called().len(), SCARCE);
        let small = MAX_FLIGHTS_OF_ONE_IF_SCARCE;
        for number in whole..whole + SCARCE / small {
            queue.ask(number, small);
        }
        assert_eq!(queue.called().len(), MAX_FLIGHTS - SCARCE);
        queue.ask(0, 1);
        queue.ask(100, 1);
        queue.ask(101, 1);
        assert!(queue.called().is_empty());
        // That of an account that has its share is not: it would be three more of one.
        queue.end(20);
        assert_eq!(queue.called(), [MAX_FLIGHTS + 1]);
        queue.end(0);
        assert_eq!(queue.called(), [MAX_FLIGHTS + 2]);
        queue.end(21);
        assert!(queue.called().is_empty(), "it has more than a small share");
        // All together are bounded too.
        let all: usize = (200..300).map(|number| queue.ask(number, MAX_ALL_OF_ONE)).sum();
        assert_eq!(all, MAX_ALL - MAX_FLIGHTS);
    }

    /// A few accounts, whose providers are all new, leave places for the others.
    #[test]
    fn when_places_are_scarce_a_share_is_small() {
        let mut queue = Queue::default();
        for number in 0..MAX_FLIGHTS / MAX_FLIGHTS_OF_ONE {
            queue.ask(number, MAX_ALL_OF_ONE);
        }
        let whole = SCARCE / MAX_FLIGHTS_OF_ONE;
        let taken = SCARCE + whole * MAX_FLIGHTS_OF_ONE_IF_SCARCE;
        assert_eq!(queue.called().len(), taken);
        queue.ask(100, MAX_FLIGHTS_OF_ONE);
        assert_eq!(queue.called().len(), MAX_FLIGHTS_OF_ONE_IF_SCARCE);
    }

    /// Providers that say nothing have a small part of the share of their account, and leave the rest
    /// to its others.
    #[test]
    fn slow_providers_have_a_small_share_of_their_account() {
        let mut queue = Queue::default();
        assert_eq!(queue.ask_for(Pace::Slow, 1, MAX_SLOW_OF_ONE + 5), MAX_SLOW_OF_ONE);
        let slow = MAX_SLOW_FLIGHTS_OF_ONE;
        assert_eq!(queue.called(), (0..slow).collect::<Vec<_>>());
        let rest = MAX_ALL_OF_ONE - MAX_SLOW_OF_ONE;
        assert_eq!(queue.ask(1, MAX_ALL_OF_ONE), rest);
        let first = MAX_SLOW_OF_ONE;
        let others: Vec<_> = (first..first + MAX_FLIGHTS_OF_ONE - slow).collect();
        assert_eq!(queue.called(), others);
        // The turn of the next slow one comes when one of them has ended, and not with another.
        queue.end(others[0]);
        assert_eq!(queue.called(), [others.len() + first]);
        queue.end(0);
        assert_eq!(queue.called(), [slow]);
        // Where none is slow, the others have the whole share.
        queue.ask(2, MAX_FLIGHTS_OF_ONE);
        assert_eq!(queue.called().len(), MAX_FLIGHTS_OF_ONE);
    }
}
