//! Time and chance, passed in: the only two things that an operation takes from the machine.

use std::fmt;

use jiff::Timestamp;
use thiserror::Error;

/// The clock of a deployment. Tests move it by hand.
pub trait Clock: fmt::Debug + Send + Sync {
    /// The present instant.
    fn now(&self) -> Timestamp;
}

/// The source of every random byte: key ids, secrets, nonces, request ids.
pub trait Random: fmt::Debug + Send + Sync {
    /// Fills `bytes` with cryptographically secure random bytes.
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault>;

    /// The bytes of an id that must be unique and need not be secret: a request's, a record's.
    /// Nothing else may be made of them, because a source may draw them ahead of need.
    fn id(&self) -> Result<[u8; 16], RandomFault> {
        let mut bytes = [0; 16];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

impl dyn Random + '_ {
    /// An array of random bytes.
    pub fn array<const N: usize>(&self) -> Result<[u8; N], RandomFault> {
        let mut bytes = [0; N];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }
}

/// The machine has no randomness to give: nothing may be issued.
#[derive(Clone, Copy, Debug, Error)]
#[error("no random bytes could be drawn")]
pub struct RandomFault;
