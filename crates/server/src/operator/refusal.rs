//! Why a command is refused or has failed: a sentence for the operator, a code for the record.

use daypass_api::RandomFault;
use daypass_directory::{DirectoryError, RevocationFault, RingsFault, SecretsFault};
use daypass_names::Invalid;
use daypass_store::StoreError;
use daypass_store::embedded::BackupFault;

use crate::bootstrap::BootstrapFault;

/// Why a command is refused or has failed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Refusal {
    /// The error code of the record, as AWS would spell it.
    pub(crate) code: &'static str,
    /// What is wrong and what to do.
    pub(crate) sentence: String,
}

impl Refusal {
    /// What was asked for makes no sense.
    pub(crate) fn invalid(sentence: impl Into<String>) -> Self {
        Self { code: "ValidationError", sentence: sentence.into() }
    }

    /// What was asked for is not there.
    pub(crate) fn missing(sentence: impl Into<String>) -> Self {
        Self { code: "NoSuchEntity", sentence: sentence.into() }
    }

    /// It cannot be done now.
    pub(crate) fn unavailable(sentence: impl Into<String>) -> Self {
        Self { code: "ServiceUnavailable", sentence: sentence.into() }
    }

    /// It went wrong on our side.
    pub(crate) fn failed(sentence: impl ToString) -> Self {
        Self { code: "InternalFailure", sentence: sentence.to_string() }
    }

    /// A text that may be told is not what it should be.
    pub(crate) fn text(what: &str, text: &str, invalid: &Invalid) -> Self {
        Self::invalid(format!("`{text}` is no {what}: {invalid}"))
    }
}

impl From<DirectoryError> for Refusal {
    fn from(error: DirectoryError) -> Self {
        let code = match &error {
            DirectoryError::AccountClosed(_)
            | DirectoryError::AccountOpen(_)
            | DirectoryError::Refused(_) => "ValidationError",
            DirectoryError::AlreadyExists(_) => "EntityAlreadyExists",
            DirectoryError::BucketUnderWay(_)
            | DirectoryError::Conflict
            | DirectoryError::Overtaken => "ConcurrentModification",
            DirectoryError::LimitExceeded(_) => "LimitExceeded",
            DirectoryError::NotFound(_) => "NoSuchEntity",
            DirectoryError::Rings(RingsFault::Store(StoreError::Unavailable { .. }))
            | DirectoryError::Store(StoreError::Unavailable { .. }) => "ServiceUnavailable",
            _ => "InternalFailure",
        };
        Self { code, sentence: error.to_string() }
    }
}

impl From<SecretsFault> for Refusal {
    fn from(fault: SecretsFault) -> Self {
        Self::invalid(fault.to_string())
    }
}

impl From<RingsFault> for Refusal {
    fn from(fault: RingsFault) -> Self {
        let code = match &fault {
            RingsFault::Conflict => "ConcurrentModification",
            RingsFault::NoSuchKey { .. } => "NoSuchEntity",
            RingsFault::Store(StoreError::Unavailable { .. }) => "ServiceUnavailable",
            RingsFault::TooManyKeys { .. } => "LimitExceeded",
            _ => "InternalFailure",
        };
        Self { code, sentence: fault.to_string() }
    }
}

impl From<RevocationFault> for Refusal {
    fn from(fault: RevocationFault) -> Self {
        let code = match fault {
            RevocationFault::Directory(error) => return error.into(),
            RevocationFault::Invalid(_) => "ValidationError",
            RevocationFault::NotFound { .. } => "NoSuchEntity",
            RevocationFault::NotStored { .. } => "ServiceUnavailable",
            RevocationFault::TooMany => "LimitExceeded",
            _ => "InternalFailure",
        };
        Self { code, sentence: fault.to_string() }
    }
}

impl From<BackupFault> for Refusal {
    fn from(fault: BackupFault) -> Self {
        let code = match &fault {
            BackupFault::Exists { .. } => "EntityAlreadyExists",
            BackupFault::Closed { .. }
            | BackupFault::Outpaced { .. }
            | BackupFault::UnderWay { .. } => "ServiceUnavailable",
            _ => "InternalFailure",
        };
        Self { code, sentence: fault.to_string() }
    }
}

impl From<BootstrapFault> for Refusal {
    fn from(fault: BootstrapFault) -> Self {
        match fault {
            BootstrapFault::Directory(error) => error.into(),
            other => Self::failed(other),
        }
    }
}

impl From<RandomFault> for Refusal {
    fn from(fault: RandomFault) -> Self {
        Self::unavailable(fault.to_string())
    }
}
