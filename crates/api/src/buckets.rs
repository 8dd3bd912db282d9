//! Token buckets for many keys in a table of a fixed size.
//!
//! A bucket is one number, the instant at which it will be full again (the generic cell rate
//! algorithm), so that a full bucket says nothing and its place is free. Keys come as hashes that
//! nobody outside can aim (`rate_limits.rs` seeds them). The table has many small sets with a lock
//! of their own, which is held for a few comparisons; nothing is allocated after the start.

use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jiff::Timestamp;

use crate::RateLimit;

/// How many sets there are, a power of two.
const SETS: u64 = 4096;
/// How many there are for few keys.
const FEW_SETS: u64 = 16;
/// How many buckets a set has room for: 32,768 in all, 580 KiB.
const WAYS: usize = 8;

const SECOND: i64 = 1_000_000_000;

/// By how much the instants at which requests are judged may be out of order, in nanoseconds; what is
/// further back is a clock that was set back.
const DISORDER: i64 = 10 * SECOND;

/// The buckets of one limit.
#[derive(Debug)]
pub(crate) struct Buckets {
    time: Time,
    /// How long a token takes to come back, in nanoseconds.
    interval: i64,
    /// How long an empty bucket takes to be full.
    whole: i64,
    sets: Box<[Mutex<Set>]>,
}

type Set = [Bucket; WAYS];

#[derive(Clone, Copy, Debug, Default)]
struct Bucket {
    key: u64,
    /// When it is full again, in nanoseconds since 1970: what is past is a full one.
    full_at: i64,
}

impl Buckets {
    pub(crate) fn new(limit: RateLimit) -> Self {
        Self::with(limit, SETS)
    }

    /// For few keys: 128 buckets.
    pub(crate) fn few(limit: RateLimit) -> Self {
        Self::with(limit, FEW_SETS)
    }

    fn with(limit: RateLimit, sets: u64) -> Self {
        let interval = SECOND / i64::from(limit.rate());
        let whole = interval.saturating_mul(i64::from(limit.burst()));
        let sets = (0..sets).map(|_| Mutex::default()).collect();
        Self { time: Time::default(), interval, whole, sets }
    }

    /// Takes a token; false when there is none.
    pub(crate) fn take(&self, key: u64, now: Timestamp) -> bool {
        let Some(mut set) = self.set(key) else { return true };
        let now = self.time.at(now);
        let found = set.iter().position(|bucket| bucket.key == key);
        let bucket = match found {
            Some(place) => set.get_mut(place),
            // A free place, or the place of whoever is closest to a full bucket: who has a large
            // debt keeps it, however many others come.
            None => set.iter_mut().min_by_key(|bucket| bucket.full_at),
        };
        // INVARIANT: a set has places.
        let Some(bucket) = bucket else { return true };
        if found.is_none() {
            *bucket = Bucket { key, full_at: now };
        }
        let Some(full_at) = self.after_one(bucket, now) else { return false };
        bucket.full_at = full_at;
        true
    }

    /// Whether there is a token.
    pub(crate) fn has(&self, key: u64, now: Timestamp) -> bool {
        let Some(set) = self.set(key) else { return true };
        let bucket = set.iter().find(|bucket| bucket.key == key);
        bucket.is_none_or(|bucket| self.after_one(bucket, self.time.at(now)).is_some())
    }

    /// When every bucket is full again of which nothing is taken after `now`, in nanoseconds since
    /// 1970.
    pub(crate) fn settled_at(&self, now: Timestamp) -> i64 {
        nanoseconds(now).saturating_add(self.whole)
    }

    /// When a bucket is full again after one more token is taken; nothing when it has none.
    fn after_one(&self, bucket: &Bucket, now: i64) -> Option<i64> {
        let after = bucket.full_at.max(now).saturating_add(self.interval);
        (after <= now.saturating_add(self.whole)).then_some(after)
    }

    fn set(&self, key: u64) -> Option<MutexGuard<'_, Set>> {
        let sets = u64::try_from(self.sets.len()).ok()?;
        let place = usize::try_from(key.checked_rem(sets)?).ok()?;
        // Each change is a single step, also for who comes after a panic.
        self.sets.get(place).map(|set| set.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// The time of the buckets, which never goes back: when the clock does, it goes on from where it
/// was, so that nobody loses what they have and everybody gets what comes back.
#[derive(Debug, Default)]
struct Time {
    /// By how much it is ahead of the clock, in nanoseconds.
    ahead: AtomicI64,
    newest: AtomicI64,
}

impl Time {
    fn at(&self, now: Timestamp) -> i64 {
        let ahead = self.ahead.load(Ordering::Relaxed);
        let time = nanoseconds(now).saturating_add(ahead);
        let newest = self.newest.fetch_max(time, Ordering::Relaxed);
        let behind = newest.saturating_sub(time);
        if behind > DISORDER {
            // Once, whoever else sees it.
            let further = ahead.saturating_add(behind);
            let order = Ordering::Relaxed;
            let _ = self.ahead.compare_exchange(ahead, further, order, order);
        }
        newest.max(time)
    }
}

pub(crate) fn nanoseconds(instant: Timestamp) -> i64 {
    // Until the year 2262.
    i64::try_from(instant.as_nanosecond()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;
    use proptest::prelude::*;

    use super::*;

    fn start() -> Timestamp {
        "2026-01-02T03:04:05.678Z".parse().unwrap()
    }

    fn after(milliseconds: i64) -> Timestamp {
        start() + SignedDuration::from_millis(milliseconds)
    }

    fn buckets(rate: u32, burst: u32) -> Buckets {
        Buckets::new(RateLimit::new(rate, burst).unwrap())
    }

    #[test]
    fn a_bucket_has_its_burst_and_fills_at_its_rate() {
        let buckets = buckets(10, 3);
        // (milliseconds, tokens that can be taken then)
        for (at, tokens) in [(0, 3), (0, 0), (99, 0), (100, 1), (199, 0), (300, 2), (5000, 3)] {
            for _ in 0..tokens {
                assert!(buckets.has(7, after(at)) && buckets.take(7, after(at)), "{at}");
            }
            assert!(!buckets.has(7, after(at)) && !buckets.take(7, after(at)), "{at}");
        }
        // To look takes nothing, and each key has a bucket of its own.
        assert!(buckets.has(8, after(5000)) && buckets.has(7 + SETS, after(5000)));
        assert!(buckets.take(7 + SETS, after(5000)));
    }

    #[test]
    fn a_clock_that_goes_back_costs_nobody_a_token() {
        const HOUR: i64 = 3_600_000;
        // However much was taken before.
        for taken in 0..=3 {
            let buckets = buckets(10, 3);
            assert!(buckets.has(7, after(HOUR)));
            for _ in 0..taken {
                assert!(buckets.take(7, after(HOUR)));
            }
            for _ in taken..3 {
                assert!(buckets.has(7, after(0)) && buckets.take(7, after(0)), "{taken}");
            }
            // What comes back comes back by the new clock, and a second time.
            for (at, has) in [(0, false), (99, false), (100, true), (-HOUR, true)] {
                assert_eq!(buckets.has(7, after(at)), has, "{taken}, {at}");
            }
            assert!(buckets.take(7, after(-HOUR)));
            for (at, has) in [(1, false), (99, false), (100, true)] {
                assert_eq!(buckets.take(7, after(at - HOUR)), has, "{taken}, {at}");
            }
        }
    }

    /// Requests that are judged late neither lose anything nor turn the clock.
    #[test]
    fn those_who_are_late_are_of_the_present() {
        let buckets = buckets(1, 3);
        for at in [9000, 8000, 0] {
            assert!(buckets.take(7, after(at)), "{at}");
        }
        for (at, has) in [(1, false), (9999, false), (10_000, true), (1, true)] {
            assert_eq!(buckets.has(7, after(at)), has, "{at}");
        }
    }

    #[test]
    fn those_who_come_in_crowds_do_not_make_a_debt_forgotten() {
        let buckets = buckets(1, 5);
        while buckets.take(7, start()) {}
        for number in 1..10_000 {
            buckets.take(7 + SETS * number, start());
        }
        assert!(!buckets.take(7, start()));
    }

    #[test]
    fn the_table_has_one_size() {
        let buckets = buckets(1, 1);
        let places = buckets.sets.len() * WAYS;
        for key in 0..100_000 {
            buckets.take(key, start());
        }
        assert_eq!(buckets.sets.len() * WAYS, places);
        assert!(size_of::<Mutex<Set>>() * buckets.sets.len() <= 580 << 10);
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// Whatever the times, no more is taken than the burst and what came back meanwhile.
        #[test]
        fn nobody_takes_more_than_there_is(
            rate in 1_u32..1000,
            burst in 1_u32..50,
            steps in proptest::collection::vec(0_i64..200, 1..200),
        ) {
            let buckets = buckets(rate, burst);
            let (mut at, mut taken) = (0, 0_i64);
            for step in steps {
                at += step;
                taken += i64::from(buckets.take(7, after(at)));
                // In thousandths; the interval is rounded down to a nanosecond.
                let most = i64::from(burst) * 1000 + at * i64::from(rate) + 1;
                prop_assert!(taken * 1000 <= most, "{taken} after {at} ms");
            }
        }
    }
}
