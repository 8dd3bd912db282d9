//! What to do for somebody who needs a provider's keys, by what is known of them.

use jiff::Timestamp;

use super::flights::Pace;
use super::{Good, Kept, KeySetGeneration, Keys, KeysFault};
use crate::FetchFault;

/// For so many seconds keys are fresh, or for fewer if the provider says so with `Cache-Control:
/// max-age` (RFC 9111), but not for less than the latter: it is we who pay for the fetches.
const FRESH_S: u64 = 15 * 60;
const MIN_FRESH_S: u64 = 5 * 60;
/// Older ones are renewed while they are used, until they are so many times as old; from then on
/// whoever needs them waits for newer ones.
const LIVES: u64 = 2;
/// When newer ones cannot be had, they are used until they are so many seconds old.
const LAST_GOOD_S: u64 = 24 * 60 * 60;

/// After a fetch for a key that nobody knew, no other is made for such a one for so many seconds:
/// whoever invents ids of keys makes nobody ask the provider more often.
const UNKNOWN_KEY_S: u64 = 30;
/// After a fetch that failed, none is made for so many seconds.
const PAUSE_S: u64 = 10;
/// For so many seconds after one that failed, a provider counts as down: nobody waits for it who has
/// keys to go on with. One that did not answer in time counts as slow for as long.
const DOWN_S: u64 = 5 * 60;

/// For so many seconds after their last use keys are renewed by themselves, so that the first call
/// after a pause finds fresh ones.
const USED_S: u64 = 6 * 60 * 60;

/// What to do.
#[derive(Debug)]
pub(super) enum Plan {
    /// Use these.
    Use(Keys),
    /// Use these, and fetch newer ones meanwhile.
    UseAndRenew(Keys),
    /// Wait for a fetch.
    Wait,
    /// Wait for one that is for a key that nobody knows.
    Seek,
    /// Give up at once: a fetch has just failed.
    Fail(KeysFault),
}

/// Which keys somebody needs.
#[derive(Clone, Copy, Debug)]
pub(super) enum Need<'a> {
    /// Whatever keys there are.
    Any,
    /// The key of this id.
    Key(&'a str),
    /// Others than these.
    NewerThan(KeySetGeneration),
}

impl Need<'_> {
    pub(super) fn is_met_by(self, keys: &Keys) -> bool {
        match self {
            Self::Any => true,
            Self::Key(kid) => keys.set.has(kid),
            Self::NewerThan(generation) => keys.generation != generation,
        }
    }
}

/// Decides for somebody who needs keys.
///
/// Ages are distances: a clock that was set back makes nothing fresh for long.
pub(super) fn plan(kept: Option<&Kept>, need: Need<'_>, now: Timestamp) -> Plan {
    let Some(kept) = kept else { return Plan::Wait };
    let since_tried = distance(kept.tried, now);
    let paused = kept.fault.is_some() && since_tried < PAUSE_S;
    let Some((good, age)) = kept.usable_aged(now) else {
        return match &kept.fault {
            Some(fault) if paused => Plan::Fail(fault.clone()),
            _ => Plan::Wait,
        };
    };
    let keys = good.keys.clone();
    if !need.is_met_by(&keys) {
        let was_sought = kept.sought.is_some_and(|sought| distance(sought, now) < UNKNOWN_KEY_S);
        return match (was_sought || paused, &kept.fault) {
            (false, _) => Plan::Seek,
            // Newer ones may have it, and could not be had a moment ago. What was found when the key
            // was sought counts for longer than what failed since.
            (true, Some(fault))
                if paused || kept.sought.is_none_or(|sought| kept.tried <= sought) =>
            {
                Plan::Fail(fault.clone())
            }
            (true, _) => Plan::Use(keys),
        };
    }
    if age < good.fresh_s || paused {
        return Plan::Use(keys);
    }
    let is_down = kept.fault.is_some() && since_tried < DOWN_S;
    match age < good.fresh_s.saturating_mul(LIVES) || is_down {
        true => Plan::UseAndRenew(keys),
        false => Plan::Wait,
    }
}

/// For how long keys are fresh of which the provider says that they are for so long.
pub(super) fn fresh_s(max_age_s: Option<u64>) -> u64 {
    max_age_s.map_or(FRESH_S, |seconds| seconds.clamp(MIN_FRESH_S, FRESH_S))
}

/// Whether keys are to be renewed although nobody asks for them now; with their age. A provider that
/// is down is asked again now and then.
pub(super) fn due(kept: &Kept, now: Timestamp) -> Option<u64> {
    let (good, age) = kept.usable_aged(now)?;
    let wait = if kept.fault.is_some() { DOWN_S } else { PAUSE_S };
    let is_due = age >= good.fresh_s
        && distance(kept.tried, now) >= wait
        && now.as_second().abs_diff(kept.used_s()) < USED_S;
    is_due.then_some(age)
}

/// How the last fetch for a provider went, unless that says nothing of the next one any more.
pub(super) fn pace(kept: &Kept, now: Timestamp) -> Pace {
    match &kept.fault {
        Some(KeysFault::Fetch { fault: FetchFault::TooSlow, .. })
            if distance(kept.tried, now) < DOWN_S =>
        {
            Pace::Slow
        }
        _ => Pace::Usual,
    }
}

impl Kept {
    /// The last keys that were fetched, unless they are too old for anything.
    pub(super) fn usable(&self, now: Timestamp) -> Option<&Keys> {
        self.usable_aged(now).map(|(good, _)| &good.keys)
    }

    /// With their age in seconds.
    fn usable_aged(&self, now: Timestamp) -> Option<(&Good, u64)> {
        let good = self.good.as_ref()?;
        let age = distance(good.fetched, now);
        (age < LAST_GOOD_S).then_some((good, age))
    }
}

/// In seconds.
pub(super) fn distance(one: Timestamp, other: Timestamp) -> u64 {
    one.as_second().abs_diff(other.as_second())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::AtomicI64;

    use daypass_federation::oidc::JwkSet;
    use daypass_names::{AccountId, Constrained, IssuerUrl};
    use jiff::SignedDuration;

    use super::super::Trust;
    use super::*;

    /// The key of RFC 7517, appendix A.1.
    const KEYS: &str = r#"{"keys":[{"kty":"EC","crv":"P-256","kid":"known",
        "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
        "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}]}"#;

    fn now() -> Timestamp {
        "2026-01-02T03:04:05.678Z".parse().unwrap()
    }

    /// What is known when the keys, if there are any, were fetched so many seconds ago, and the last
    /// fetch ended so many seconds ago.
    fn kept(good: Option<i64>, tried: i64, failed: bool) -> Kept {
        let ago = |seconds| now() - SignedDuration::from_secs(seconds);
        let set = Arc::new(JwkSet::parse(KEYS.as_bytes()).unwrap());
        let keys = Keys { set, generation: KeySetGeneration(7) };
        Kept {
            account: AccountId::parse("123456789012").unwrap(),
            url: IssuerUrl::parse("https://idp.example").unwrap(),
            provider: 1,
            trust: Trust { thumbprints: Vec::new(), authorities: None },
            trusted: None,
            good: good.map(|age| Good {
                keys,
                fetched: ago(age),
                digest: [0; 32],
                length: KEYS.len(),
                fresh_s: FRESH_S,
            }),
            used_s: AtomicI64::new(now().as_second()),
            tried: ago(tried),
            sought: Some(ago(tried)),
            fault: failed
                .then_some(KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow }),
        }
    }

    fn check(kept: Option<&Kept>, need: Need<'_>, want: &str) {
        let planned = match plan(kept, need, now()) {
            Plan::Use(keys) => {
                assert_eq!(keys.generation, KeySetGeneration(7));
                "use"
            }
            Plan::UseAndRenew(_) => "renew",
            Plan::Wait => "wait",
            Plan::Seek => "seek",
            Plan::Fail(fault) => {
                assert_eq!(Some(&fault), kept.and_then(|kept| kept.fault.as_ref()));
                "fail"
            }
        };
        assert_eq!(planned, want, "{need:?} of {kept:?}");
    }

    const HOUR: i64 = 3_600;

    #[test]
    fn keys_are_renewed_ahead_of_need() {
        check(None, Need::Any, "wait");
        for (age, want) in [
            (0, "use"),
            (899, "use"),
            (900, "renew"),
            (1_799, "renew"),
            (1_800, "wait"),
            (24 * HOUR, "wait"),
            // The clock was set back.
            (-1, "use"),
            (-900, "renew"),
            (-1_800, "wait"),
            (-24 * HOUR, "wait"),
        ] {
            check(Some(&kept(Some(age), age, false)), Need::Any, want);
        }
    }

    /// A provider that is down slows nobody who has keys, and is not asked all the time.
    #[test]
    fn the_last_good_keys_are_used_for_a_day() {
        for (good, tried, want) in [
            (Some(900), 0, "use"),
            (Some(900), 9, "use"),
            (Some(900), 10, "renew"),
            (Some(1_800), 9, "use"),
            (Some(1_800), 10, "renew"),
            (Some(1_800), 299, "renew"),
            // It may be up again.
            (Some(1_800), 300, "wait"),
            (Some(24 * HOUR - 1), 9, "use"),
            (Some(24 * HOUR - 1), 10, "renew"),
            (Some(24 * HOUR), 9, "fail"),
            (Some(24 * HOUR), 10, "wait"),
            (None, 0, "fail"),
            (None, 9, "fail"),
            (None, 10, "wait"),
        ] {
            check(Some(&kept(good, tried, true)), Need::Any, want);
        }
    }

    /// Whoever invents ids of keys makes nobody ask more often.
    #[test]
    fn a_key_that_nobody_knows_is_asked_for_now_and_then() {
        let newer = Need::NewerThan(KeySetGeneration(7));
        let older = Need::NewerThan(KeySetGeneration(6));
        // While newer ones cannot be had, that is not the token's fault.
        for (failed, put_off) in [(false, "use"), (true, "fail")] {
            for (good, tried, met, unmet) in [
                (10, 10, "use", put_off),
                (29, 29, "use", put_off),
                (30, 30, "use", "seek"),
                (600, 29, "use", put_off),
                (600, 30, "use", "seek"),
                (24 * HOUR - 1, 29, if failed { "renew" } else { "wait" }, put_off),
            ] {
                let kept = kept(Some(good), tried, failed);
                for (need, want) in [
                    (Need::Key("known"), met),
                    (older, met),
                    (Need::Key("new"), unmet),
                    (newer, unmet),
                ] {
                    check(Some(&kept), need, want);
                }
            }
        }
    }

    /// A provider that had no such key a moment ago has none, though it is down since.
    #[test]
    fn what_was_found_when_a_key_was_sought_counts() {
        for (sought, tried, want) in [(29, 29, "fail"), (29, 28, "use"), (20, 5, "fail")] {
            let sought = now() - SignedDuration::from_secs(sought);
            let kept = Kept { sought: Some(sought), ..kept(Some(600), tried, true) };
            check(Some(&kept), Need::Key("new"), want);
        }
    }

    /// A key that came into use just after the keys were renewed is not refused for that.
    #[test]
    fn only_fetches_for_unknown_keys_put_off_others() {
        for (tried, failed, want) in
            [(0, false, "seek"), (29, false, "seek"), (9, true, "fail"), (10, true, "seek")]
        {
            let kept = Kept { sought: None, ..kept(Some(600), tried, failed) };
            check(Some(&kept), Need::Key("new"), want);
            check(Some(&kept), Need::Key("known"), "use");
        }
    }

    /// A provider that says that its keys are soon old is believed, within bounds.
    #[test]
    fn keys_are_fresh_for_as_long_as_their_provider_says_and_no_longer() {
        for (said, fresh) in [
            (None, 900),
            (Some(0), 300),
            (Some(299), 300),
            (Some(301), 301),
            (Some(900), 900),
            (Some(86_400), 900),
            (Some(u64::MAX), 900),
        ] {
            assert_eq!(fresh_s(said), fresh, "{said:?}");
        }
        for (age, want) in
            [(299, "use"), (300, "renew"), (599, "renew"), (600, "wait"), (1_800, "wait")]
        {
            let mut kept = kept(Some(age), age, false);
            kept.good.as_mut().unwrap().fresh_s = 300;
            check(Some(&kept), Need::Any, want);
        }
    }

    /// Only a provider that did not answer in time is slow, and not for ever.
    #[test]
    fn who_took_all_the_time_is_slow_for_a_while() {
        let too_slow = KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow };
        let down = KeysFault::Fetch { what: "the keys", fault: FetchFault::Status(503) };
        for (fault, tried, want) in [
            (None, 0, Pace::Usual),
            (Some(&down), 0, Pace::Usual),
            (Some(&too_slow), 0, Pace::Slow),
            (Some(&too_slow), 299, Pace::Slow),
            (Some(&too_slow), 300, Pace::Usual),
        ] {
            let kept = Kept { fault: fault.cloned(), ..kept(None, tried, false) };
            assert_eq!(pace(&kept, now()), want, "{fault:?} {tried}");
        }
    }

    #[test]
    fn what_was_used_is_renewed_by_itself() {
        for (good, tried, failed, used, want) in [
            (Some(899), 899, false, 899, false),
            (Some(900), 900, false, 900, true),
            (Some(4 * HOUR), 4 * HOUR, false, 4 * HOUR, true),
            (Some(7 * HOUR), 7 * HOUR, false, 6 * HOUR - 1, true),
            (Some(7 * HOUR), 7 * HOUR, false, 6 * HOUR, false),
            // A provider that is down.
            (Some(7 * HOUR), 299, true, 0, false),
            (Some(7 * HOUR), 300, true, 0, true),
            // One that has never answered, or not for a day.
            (None, 900, true, 0, false),
            (Some(24 * HOUR), 900, true, 0, false),
        ] {
            let kept = kept(good, tried, failed);
            kept.used_s.store(now().as_second() - used, std::sync::atomic::Ordering::Relaxed);
            let age = good.and_then(|age| u64::try_from(age).ok()).filter(|_| want);
            assert_eq!(due(&kept, now()), age, "{good:?} {tried} {failed} {used}");
        }
    }
}
