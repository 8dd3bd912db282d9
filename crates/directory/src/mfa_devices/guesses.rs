//! How often wrong codes of an MFA device were shown in a row, in the memory of this process.
//!
//! SECURITY: who shows the codes is part of the key, so that nobody who is not the user of a device
//! keeps its user from signing in. Only calls that the caller may make on that user count. A turn is
//! taken before a code is looked at: however many calls come side by side, no more of them look than
//! there are turns. A restart forgets, which gives an attacker a few turns more and no way to get
//! them at will.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use daypass_names::UniqueId;
use jiff::Timestamp;

/// Wrong codes in a row after which no code of a device is looked at for a while.
pub const MAX_WRONG_CODES: u32 = 10;

/// For how long no code is looked at then, in seconds. After that each wrong code closes the device
/// for as long again.
///
/// Three codes are right at a time. At one guess in five minutes a guesser needs years for an even
/// chance: a million codes, three of them right, are on average 300,000 guesses apart.
pub const LOCKED_SECONDS: i64 = 300;

/// After so many seconds without a wrong code nothing is known of earlier ones: a day.
const FORGOTTEN_SECONDS: i64 = 86_400;

/// Most pairs of device and user that are kept. Beyond, the one whose wrong code is the oldest is
/// given up.
const KEPT: usize = 16_384;

/// Wrong codes, by device and user.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<(UniqueId, UniqueId), Wrong>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    in_a_row: u32,
    /// When the last was shown.
    last: Timestamp,
}

impl Guesses {
    /// Takes a turn to look at a code, and counts it as wrong until it is
    /// [forgiven](Self::forgive). False when there is none.
    pub(crate) fn take_turn(&self, device: UniqueId, user: UniqueId, now: Timestamp) -> bool {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (device, user);
        if !all.contains_key(&key) && all.len() >= KEPT {
            make_room(&mut all, now);
        }
        let wrong = all.entry(key).or_insert(Wrong { in_a_row: 0, last: now });
        // A clock that was set back does not close a device for longer.
        wrong.last = wrong.last.min(now);
        let since = now.as_second().saturating_sub(wrong.last.as_second());
        if since >= FORGOTTEN_SECONDS {
            wrong.in_a_row = 0;
        }
        if wrong.in_a_row >= MAX_WRONG_CODES && since < LOCKED_SECONDS {
            return false;
        }
        *wrong = Wrong { in_a_row: wrong.in_a_row.saturating_add(1), last: now };
        true
    }

    /// Gives a turn back whose code was right although it was not taken: the refusal was about
    /// something else. What was wrong before still counts.
    pub(crate) fn take_back(&self, device: UniqueId, user: UniqueId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(wrong) = all.get_mut(&(device, user)) {
            wrong.in_a_row = wrong.in_a_row.saturating_sub(1);
        }
    }

    /// The code was right and was taken: what was wrong before no longer counts.
    pub(crate) fn forgive(&self, device: UniqueId, user: UniqueId) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        all.remove(&(device, user));
    }
}

/// Gives up what is forgotten, or else the oldest.
fn make_room(all: &mut HashMap<(UniqueId, UniqueId), Wrong>, now: Timestamp) {
    all.retain(|_, wrong| {
        now.as_second().saturating_sub(wrong.last.as_second()) < FORGOTTEN_SECONDS
    });
    if all.len() >= KEPT {
        let oldest = all.iter().min_by_key(|(_, wrong)| wrong.last).map(|(key, _)| *key);
        oldest.and_then(|key| all.remove(&key));
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;
    use jiff::SignedDuration;

    use super::*;

    fn device(seed: u32) -> UniqueId {
        let [a, b, c, d] = seed.to_be_bytes();
        UniqueId::from_random(UniqueIdKind::MfaDevice, [a, b, c, d, 0, 0, 0, 0, 0, 0, 0])
    }

    fn user(seed: u8) -> UniqueId {
        UniqueId::from_random(UniqueIdKind::User, [seed; 11])
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_700_000_000).unwrap() + SignedDuration::from_secs(seconds)
    }

    #[test]
    fn turns_run_out_and_come_back_one_by_one() {
        let guesses = Guesses::default();
        let turn = |seconds| guesses.take_turn(device(1), user(1), at(seconds));
        for _ in 0..MAX_WRONG_CODES {
            assert!(turn(0));
        }
        assert!(!turn(0) && !turn(LOCKED_SECONDS - 1));
        // Somebody else, and another device, are not concerned.
        assert!(guesses.take_turn(device(1), user(2), at(0)));
        assert!(guesses.take_turn(device(2), user(1), at(0)));
        assert!(turn(LOCKED_SECONDS));
        assert!(!turn(LOCKED_SECONDS) && !turn(2 * LOCKED_SECONDS - 1));
        assert!(turn(2 * LOCKED_SECONDS));
        guesses.forgive(device(1), user(1));
        for _ in 0..MAX_WRONG_CODES {
            assert!(turn(2 * LOCKED_SECONDS));
        }
        assert!(!turn(2 * LOCKED_SECONDS));
        let next_day = 2 * LOCKED_SECONDS + FORGOTTEN_SECONDS;
        for _ in 0..MAX_WRONG_CODES {
            assert!(turn(next_day));
        }
        assert!(!turn(next_day));
        // The clock was a month ahead.
        assert!(!turn(next_day - 30 * 86_400));
        assert!(turn(next_day - 30 * 86_400 + LOCKED_SECONDS));
    }

    #[test]
    fn a_turn_that_is_given_back_can_be_taken_again() {
        let guesses = Guesses::default();
        let turn = || guesses.take_turn(device(1), user(1), at(0));
        guesses.take_back(device(1), user(1));
        for _ in 1..MAX_WRONG_CODES {
            assert!(turn());
        }
        for _ in 0..3 * MAX_WRONG_CODES {
            assert!(turn());
            guesses.take_back(device(1), user(1));
        }
        assert!(turn() && !turn(), "those before still count");
    }

    #[test]
    fn memory_is_bounded_and_the_oldest_goes() {
        let guesses = Guesses::default();
        for seed in 0..u32::try_from(KEPT).unwrap() {
            assert!(guesses.take_turn(device(seed), user(1), at(i64::from(seed))));
        }
        let newest = i64::try_from(KEPT).unwrap();
        assert!(guesses.take_turn(device(u32::MAX), user(1), at(newest)));
        let all = guesses.0.lock().unwrap();
        assert_eq!(all.len(), KEPT);
        assert!(!all.contains_key(&(device(0), user(1))));
        assert!(all.contains_key(&(device(1), user(1))));
    }
}
