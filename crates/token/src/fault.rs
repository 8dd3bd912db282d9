//! Why something was not sealed or not opened.
//!
//! A caller of the service learns one thing only: the token is not valid. What was wrong with it
//! is for the log.

use thiserror::Error;

use crate::RingKeyId;

/// Why a session or a value was not sealed.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum SealFault {
    /// Session policies and tags take more than their share of the token; AWS answers
    /// `PackedPolicyTooLarge`.
    #[error("session policies and tags take {percent}% of the space that they may take")]
    PackedPolicyTooLarge {
        /// The share of the limit, rounded up: more than 100.
        percent: u32,
    },
    /// The token would be longer than [`MAX_TOKEN`](crate::MAX_TOKEN) characters.
    #[error("the session token would have {length} characters")]
    TokenTooLong {
        /// The length that it would have.
        length: usize,
    },
    /// The chain of roles is deeper, or has more ancestors, than
    /// [`MAX_CHAIN_DEPTH`](crate::MAX_CHAIN_DEPTH).
    #[error("the chain of sessions is too deep")]
    ChainTooDeep,
    /// The value is longer than [`MAX_VALUE`](crate::MAX_VALUE) bytes.
    #[error("the value has {length} bytes, more than can be sealed")]
    ValueTooLong {
        /// The length of the value.
        length: usize,
    },
    /// The cryptographic library refused; this does not depend on the input.
    #[error("the cryptographic library failed")]
    Crypto,
}

/// A token or sealed value was not opened. It says no more than that: the cause, which
/// [`OpenFault::cause`] and the error's source give, is for the log.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("the sealed value is not valid")]
pub struct OpenFault {
    #[source]
    cause: OpenCause,
}

impl OpenFault {
    /// What was wrong, for the log only.
    pub fn cause(&self) -> OpenCause {
        self.cause
    }
}

impl From<OpenCause> for OpenFault {
    fn from(cause: OpenCause) -> Self {
        Self { cause }
    }
}

/// What was wrong with a token or sealed value.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum OpenCause {
    /// Longer than anything that is sealed here, or too short to be sealed at all.
    #[error("the length is out of bounds")]
    Length,
    /// Not the base64 that sealing writes.
    #[error("the base64 is not canonical")]
    Encoding,
    /// A layout version that this build does not know.
    #[error("layout version {0} is unknown")]
    Version(u8),
    /// A ring key that the ring does not hold: retired, declared compromised, or never ours.
    #[error("ring key {0} is not in the ring")]
    UnknownRingKey(RingKeyId),
    /// The tag does not fit: altered, or sealed for another access key id, owner or purpose.
    #[error("the seal does not fit the contents, the owner and the purpose")]
    Tampered,
    /// The seal is ours, but a field inside is not understood: sealed by a newer version.
    #[error("field {0} is critical and unknown")]
    UnknownCriticalField(u64),
    /// The seal is ours, but what is inside does not parse.
    #[error("the contents do not parse: {0}")]
    Contents(&'static str),
}
