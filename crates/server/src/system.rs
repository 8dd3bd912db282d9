//! The machine's clock and randomness: the one module of the server that reads either.

use aws_lc_rs::rand::{self, SecureRandom};
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

/// The random source of the machine, through the cryptographic provider.
#[derive(Debug)]
pub struct SystemRandom(rand::SystemRandom);

impl SystemRandom {
    /// The source; it needs no set-up.
    pub fn new() -> Self {
        Self(rand::SystemRandom::new())
    }
}

impl Default for SystemRandom {
    fn default() -> Self {
        Self::new()
    }
}

impl Random for SystemRandom {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        self.0.fill(bytes).map_err(|_| RandomFault)
    }
}
