//! The machine's clock and randomness: the one module of the server that reads either.

use std::cell::RefCell;

use daypass_api::{Clock, Random, RandomFault};
use jiff::Timestamp;

/// The clock of the machine.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "this is the clock that all others are given")]
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }
}

/// The random source of the machine: the operating system's generator, asked each time.
///
/// That of the cryptographic library gathers jitter of its own when it is first used, which takes
/// 40 to 50 milliseconds of a start.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemRandom;

impl SystemRandom {
    /// The source; it needs no set-up.
    pub fn new() -> Self {
        Self
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        getrandom::fill(bytes).map_err(|_| RandomFault)
    }

    fn id(&self) -> Result<[u8; 16], RandomFault> {
        IDS.with_borrow_mut(|ids| ids.next(self))
    }
}

thread_local! {
    static IDS: RefCell<Ids> = const { RefCell::new(Ids { drawn: [[0; 16]; Ids::AT_ONCE], used: Ids::AT_ONCE }) };
}

/// Ids that were drawn ahead: every draw is a call to the operating system, whatever its length.
struct Ids {
    drawn: [[u8; 16]; Self::AT_ONCE],
    used: usize,
}

impl Ids {
    const AT_ONCE: usize = 64;

    fn next(&mut self, random: &SystemRandom) -> Result<[u8; 16], RandomFault> {
        if self.used >= Self::AT_ONCE {
            random.fill(self.drawn.as_flattened_mut())?;
            self.used = 0;
        }
        let id = self.drawn.get(self.used).ok_or(RandomFault)?;
        self.used += 1;
        Ok(*id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn no_id_is_given_twice() {
        let random = SystemRandom::new();
        let draw = || (0..1000).map(|_| SystemRandom::new().id().unwrap()).collect::<Vec<_>>();
        let mut all: Vec<_> = std::thread::spawn(draw).join().unwrap();
        all.extend((0..1000).map(|_| random.id().unwrap()));
        assert_eq!(all.iter().collect::<HashSet<_>>().len(), 2000);
    }
}
