//! Passwords, and what is kept of them: Argon2id hashes (RFC 9106) as PHC strings.
//!
//! Hashing is a pure function of password and salt. It takes tens of milliseconds and megabytes by
//! design, so [`Hashing`] runs it on threads that may block, few at once, and refuses work when too
//! much of it waits. [`Guesses`] bounds how often a wrong password may be tried.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use argon2::password_hash::phc::PasswordHash as Phc;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use daypass_names::{AccountId, Constrained, Constraint, Invalid, UniqueId};
use jiff::{SignedDuration, Timestamp};
use tokio::sync::Semaphore;
use zeroize::Zeroizing;

use crate::DirectoryError;

/// Bytes of a salt: what RFC 9106 section 4 recommends.
pub const PASSWORD_SALT: usize = 16;

/// Memory of one hash in KiB: 19 MiB, with the next two the least that OWASP's password storage
/// page takes for Argon2id.
const MEMORY_KIB: u32 = 19 * 1024;

/// Passes over the memory.
const PASSES: u32 = 2;

/// Lanes.
const LANES: u32 = 1;

/// Most memory in KiB that a stored hash may ask for: a damaged record must not exhaust ours.
const MAX_MEMORY_KIB: u32 = 4 * MEMORY_KIB;

/// Most passes that a stored hash may ask for.
const MAX_PASSES: u32 = 5 * PASSES;

/// Most lanes that a stored hash may ask for.
const MAX_LANES: u32 = 4;

/// Longest PHC string that is looked at, in bytes; ours have fewer than 100.
const MAX_PHC: usize = 256;

/// Pieces of work that are hashed at once, each on a thread of its own.
const AT_ONCE: usize = 2;

/// Most pieces of work that run or wait. Beyond them callers try again.
const MAX_ASKED: usize = 64;

/// Most pieces of work of one account that run or wait, so that it does not keep others out.
const MAX_ASKED_OF_ACCOUNT: usize = 8;

/// Wrong passwords that may be tried for one user within [`WINDOW`].
const MAX_WRONG: u32 = 10;

/// How long wrong passwords count, from the first of them.
const WINDOW: SignedDuration = SignedDuration::from_mins(15);

/// Most users for whom wrong passwords are counted. Beyond them the oldest count is forgotten.
const MAX_COUNTED: usize = 10_000;

/// A password as somebody typed it: wiped when dropped, never printed, never kept.
pub struct Password(Zeroizing<String>);

impl Constrained for Password {
    /// IAM API reference, "CreateLoginProfile". What an account demands beyond is its
    /// [`PasswordPolicy`](crate::PasswordPolicy).
    const CONSTRAINT: Constraint = Constraint {
        min: 1,
        max: 128,
        pattern: r"[\u0009\u000A\u000D\u0020-\u00FF]+",
        fits: |text| text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}')),
    };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        Ok(Self(Zeroizing::new(text.to_owned())))
    }
}

impl Password {
    /// SECURITY: for rules and hashes only.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(…)")
    }
}

/// A password that somebody is to have, and the salt of its hash.
#[derive(Clone, Debug)]
pub struct NewPassword {
    /// The password.
    pub password: Arc<Password>,
    /// Random bytes that were used for nothing else.
    pub salt: [u8; PASSWORD_SALT],
}

/// A hash in its PHC string.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct PasswordHash(Zeroizing<String>);

impl PasswordHash {
    /// Hashes a password. It takes tens of milliseconds: see [`Hashing::run`].
    pub(crate) fn of(
        password: &Password,
        salt: &[u8; PASSWORD_SALT],
    ) -> Result<Self, DirectoryError> {
        // The parameters are constants that Argon2 takes.
        let fault = |_| DirectoryError::Refused("the password cannot be hashed".to_owned());
        let params = Params::new(MEMORY_KIB, PASSES, LANES, None);
        let params = params.map_err(|error| fault(error.into()))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let hash = argon2.hash_password_with_salt(password.expose().as_bytes(), salt);
        Ok(Self(Zeroizing::new(hash.map_err(fault)?.to_string())))
    }

    /// Reads a stored hash; one of another algorithm, or that would cost too much to compare, is
    /// none. The error says what is wrong with it and repeats nothing of it.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let none = || "the hash of a password is none".to_owned();
        if text.len() > MAX_PHC {
            return Err(none());
        }
        let phc = Phc::new(text).map_err(|_| none())?;
        let params = Params::try_from(&phc).map_err(|_| none())?;
        let is_ours = phc.algorithm == Algorithm::Argon2id.ident()
            && phc.version == Some(Version::V0x13.into())
            && phc.salt.is_some()
            && phc.hash.is_some();
        let is_bounded = params.m_cost() <= MAX_MEMORY_KIB
            && params.t_cost() <= MAX_PASSES
            && params.p_cost() <= MAX_LANES;
        match is_ours && is_bounded {
            true => Ok(Self(Zeroizing::new(text.to_owned()))),
            false => Err(none()),
        }
    }

    /// Whether it is the hash of that password, compared in constant time. It takes as long as
    /// [`PasswordHash::of`].
    pub(crate) fn is_of(&self, password: &Password) -> bool {
        let Ok(phc) = Phc::new(&self.0) else { return false };
        // Algorithm, version and parameters are those of the hash.
        Argon2::default().verify_password(password.expose().as_bytes(), &phc).is_ok()
    }

    /// For the record.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for PasswordHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PasswordHash(…)")
    }
}

/// Where passwords are hashed.
#[derive(Debug)]
pub(crate) struct Hashing {
    running: Arc<Semaphore>,
    asked: Arc<Mutex<Asked>>,
}

/// What runs or waits.
#[derive(Debug, Default)]
struct Asked {
    total: usize,
    /// Without accounts that have none.
    of: HashMap<AccountId, usize>,
}

impl Default for Hashing {
    fn default() -> Self {
        Self { running: Arc::new(Semaphore::new(AT_ONCE)), asked: Arc::default() }
    }
}

impl Hashing {
    /// Runs `work` for an account on a thread that may block, when its turn comes. Once it runs it
    /// ends, also when nobody waits for it any longer, and holds its turn until then.
    ///
    /// # Errors
    /// [`DirectoryError::Busy`] when too much runs and waits already.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        account: AccountId,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, DirectoryError> {
        let turn = Turn::take(&self.asked, account).ok_or(DirectoryError::Busy)?;
        let permit = Arc::clone(&self.running).acquire_owned().await;
        let permit = permit.map_err(|_| DirectoryError::Busy)?;
        let working = tokio::task::spawn_blocking(move || {
            let made = work();
            drop((permit, turn));
            made
        });
        working.await.map_err(|_| DirectoryError::Busy)
    }
}

/// One piece of work that is counted; it is no longer when dropped.
struct Turn {
    asked: Arc<Mutex<Asked>>,
    account: AccountId,
}

impl Turn {
    fn take(asked: &Arc<Mutex<Asked>>, account: AccountId) -> Option<Self> {
        let mut held = locked(asked);
        let of_account = held.of.get(&account).copied().unwrap_or_default();
        if held.total >= MAX_ASKED || of_account >= MAX_ASKED_OF_ACCOUNT {
            return None;
        }
        held.total += 1;
        held.of.insert(account, of_account + 1);
        drop(held);
        Some(Self { asked: Arc::clone(asked), account })
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let mut held = locked(&self.asked);
        held.total = held.total.saturating_sub(1);
        let left = held.of.get(&self.account).map_or(0, |count| count.saturating_sub(1));
        match left {
            0 => held.of.remove(&self.account),
            left => held.of.insert(self.account, left),
        };
    }
}

/// How many wrong passwords were tried for whom, as far as this node knows.
#[derive(Debug, Default)]
pub(crate) struct Guesses(Mutex<HashMap<UniqueId, Wrong>>);

#[derive(Clone, Copy, Debug)]
struct Wrong {
    since: Timestamp,
    count: u32,
}

impl Guesses {
    /// Counts a password that is about to be compared as a wrong one, so that guesses side by side
    /// are not more than those in a row.
    ///
    /// # Errors
    /// [`DirectoryError::TooManyWrongPasswords`]; the password must not be compared.
    pub(crate) fn begin(&self, user: UniqueId, now: Timestamp) -> Result<(), DirectoryError> {
        let mut counts = locked(&self.0);
        let is_live = |wrong: &Wrong| now.duration_since(wrong.since) < WINDOW;
        if counts.len() >= MAX_COUNTED && !counts.contains_key(&user) {
            counts.retain(|_, wrong| is_live(wrong));
            let oldest = counts.iter().min_by_key(|(_, wrong)| wrong.since).map(|(user, _)| *user);
            if let Some(oldest) = oldest.filter(|_| counts.len() >= MAX_COUNTED) {
                counts.remove(&oldest);
            }
        }
        let wrong = counts.entry(user).or_insert(Wrong { since: now, count: 0 });
        if !is_live(wrong) {
            *wrong = Wrong { since: now, count: 0 };
        }
        if wrong.count >= MAX_WRONG {
            return Err(DirectoryError::TooManyWrongPasswords);
        }
        wrong.count += 1;
        Ok(())
    }

    /// The password was not compared after all.
    pub(crate) fn take_back(&self, user: UniqueId) {
        if let Some(wrong) = locked(&self.0).get_mut(&user) {
            wrong.count = wrong.count.saturating_sub(1);
        }
    }

    /// The password was right: those before it are forgiven.
    pub(crate) fn right(&self, user: UniqueId) {
        locked(&self.0).remove(&user);
    }
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is counted is whole after every step.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use daypass_names::UniqueIdKind;

    use super::*;

    fn password(text: &str) -> Password {
        Password::parse(text).unwrap()
    }

    fn account(number: usize) -> AccountId {
        AccountId::parse(&format!("{number:012}")).unwrap()
    }

    #[test]
    fn a_hash_is_of_one_password() {
        let hash = PasswordHash::of(&password("correct horse"), &[7; PASSWORD_SALT]).unwrap();
        assert!(hash.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "the parameters");
        assert!(hash.as_str().len() < 100);
        assert!(hash.is_of(&password("correct horse")));
        for wrong in ["correct horsf", "correct hors", "correct horse ", "Correct horse"] {
            assert!(!hash.is_of(&password(wrong)), "{wrong}");
        }
        assert_eq!(PasswordHash::parse(hash.as_str()), Ok(hash.clone()));
        let salted = PasswordHash::of(&password("correct horse"), &[8; PASSWORD_SALT]).unwrap();
        assert_ne!(salted, hash);
        assert_eq!(
            format!("{hash:?} {:?}", password("correct horse")),
            "PasswordHash(…) Password(…)"
        );
    }

    #[test]
    fn what_costs_too_much_or_is_no_hash_is_refused() {
        let tail = "c29tZXNhbHRzb21lc2FsdA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
        let cases = [
            (format!("$argon2id$v=19$m=19456,t=2,p=1${tail}"), true),
            (format!("$argon2id$v=19$m=77824,t=10,p=4${tail}"), true),
            (format!("$argon2id$v=19$m=77825,t=2,p=1${tail}"), false),
            (format!("$argon2id$v=19$m=19456,t=11,p=1${tail}"), false),
            (format!("$argon2id$v=19$m=19456,t=2,p=5${tail}"), false),
            (format!("$argon2i$v=19$m=19456,t=2,p=1${tail}"), false),
            (format!("$argon2id$v=16$m=19456,t=2,p=1${tail}"), false),
            (format!("$argon2id$m=19456,t=2,p=1${tail}"), false),
            ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA".to_owned(), false),
            ("$argon2id$v=19$m=19456,t=2,p=1".to_owned(), false),
            ("plain".to_owned(), false),
            (String::new(), false),
            ("$".repeat(MAX_PHC + 1), false),
        ];
        for (text, is_one) in cases {
            let parsed = PasswordHash::parse(&text);
            assert_eq!(parsed.is_ok(), is_one, "{text}");
            if let Err(reason) = parsed {
                assert_eq!(reason, "the hash of a password is none");
            }
        }
    }

    #[test]
    fn passwords_follow_their_constraint() {
        for (text, fits) in [
            ("", false),
            ("a", true),
            (&"a".repeat(128), true),
            (&"a".repeat(129), false),
            ("tab\tline\nreturn\r ÿ", true),
            ("\u{100}", false),
            ("nul\0", false),
        ] {
            assert_eq!(Password::parse(text).is_ok(), fits, "{text:?}");
        }
    }

    #[test]
    fn turns_are_bounded_in_all_and_by_account() {
        let asked = Arc::new(Mutex::new(Asked::default()));
        let mut held = Vec::new();
        for _ in 0..MAX_ASKED_OF_ACCOUNT {
            held.push(Turn::take(&asked, account(1)).unwrap());
        }
        assert!(Turn::take(&asked, account(1)).is_none(), "one account has no more");
        for number in 0..MAX_ASKED - MAX_ASKED_OF_ACCOUNT {
            held.push(Turn::take(&asked, account(2 + number / 4)).unwrap());
        }
        assert!(Turn::take(&asked, account(999)).is_none(), "there are no more");
        held.swap_remove(0);
        assert!(Turn::take(&asked, account(999)).is_some());
        drop(held);
        let left = asked.lock().unwrap();
        assert_eq!((left.total, left.of.len()), (0, 0), "nothing is kept of who left");
    }

    /// Lets others have their turn until `is_so`.
    async fn until(is_so: impl Fn() -> bool) {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    }

    #[tokio::test]
    async fn work_that_fails_gives_its_turn_back() {
        let hashing = Hashing::default();
        assert_eq!(hashing.run(account(1), || 7).await.unwrap(), 7);
        let panicked = hashing.run(account(1), || panic!("a mistake")).await;
        assert!(matches!(panicked, Err::<(), _>(DirectoryError::Busy)));
        assert_eq!(hashing.running.available_permits(), AT_ONCE);
        assert_eq!(locked(&hashing.asked).total, 0);
    }

    #[tokio::test]
    async fn few_work_at_once_and_an_account_has_so_many_turns() {
        let hashing = Arc::new(Hashing::default());
        let (end, ended) = std::sync::mpsc::channel::<()>();
        let ended = Arc::new(Mutex::new(ended));
        let work = |number| {
            let (hashing, ended) = (Arc::clone(&hashing), Arc::clone(&ended));
            // Works until the other end is gone.
            let waiting = move || locked(&ended).recv().is_ok();
            tokio::spawn(async move { hashing.run(account(number), waiting).await.is_ok() })
        };
        let tasks: Vec<_> = (0..MAX_ASKED_OF_ACCOUNT).map(|_| work(1)).collect();
        until(|| locked(&hashing.asked).total == MAX_ASKED_OF_ACCOUNT).await;
        until(|| hashing.running.available_permits() == 0).await;
        assert!(!work(1).await.unwrap(), "one account has no more");
        let other = work(2);
        until(|| locked(&hashing.asked).total == MAX_ASKED_OF_ACCOUNT + 1).await;
        // Work that nobody waits for any longer holds its turn until it ends; what still waits goes.
        for task in &tasks {
            task.abort();
        }
        until(|| locked(&hashing.asked).total == AT_ONCE + 1).await;
        assert_eq!(hashing.running.available_permits(), 0);
        drop(end);
        assert!(other.await.unwrap());
        until(|| locked(&hashing.asked).total == 0).await;
    }

    #[test]
    fn wrong_passwords_are_counted_within_a_window() {
        let guesses = Guesses::default();
        let [one, other] = [1, 2].map(|seed| UniqueId::from_random(UniqueIdKind::User, [seed; 11]));
        let start: Timestamp = "2026-03-01T08:30:05Z".parse().unwrap();
        for _ in 0..MAX_WRONG {
            guesses.begin(one, start).unwrap();
        }
        let last = start + WINDOW - SignedDuration::from_nanos(1);
        assert!(matches!(guesses.begin(one, last), Err(DirectoryError::TooManyWrongPasswords)));
        guesses.begin(other, last).unwrap();
        // One that was not compared does not count.
        guesses.take_back(one);
        guesses.begin(one, last).unwrap();
        assert!(guesses.begin(one, last).is_err());
        guesses.begin(one, start + WINDOW).unwrap();
        guesses.right(one);
        assert!(!locked(&guesses.0).contains_key(&one));
    }

    #[test]
    fn no_more_users_are_counted_than_the_bound() {
        let guesses = Guesses::default();
        let start: Timestamp = "2026-03-01T08:30:05Z".parse().unwrap();
        for number in 0..MAX_COUNTED + 5 {
            let mut seed = [0; 11];
            seed[..8].copy_from_slice(&number.to_be_bytes());
            let at = start + SignedDuration::from_millis(i64::try_from(number / 100).unwrap());
            guesses.begin(UniqueId::from_random(UniqueIdKind::User, seed), at).unwrap();
        }
        assert_eq!(locked(&guesses.0).len(), MAX_COUNTED);
    }
}
