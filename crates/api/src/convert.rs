//! The errors of the parts below, in AWS's codes and words.

use std::sync::Arc;

use daypass_directory::{DirectoryError, Entity, Limit, RevocationFault, RingsFault};
use daypass_policy::Malformed;
use daypass_query::{FormFault, Invalid};
use daypass_store::StoreError;

use crate::authenticate::invalid_token;
use crate::{Code, Fault, RandomFault};

impl From<daypass_sigv4::Fault> for Fault {
    fn from(fault: daypass_sigv4::Fault) -> Self {
        use daypass_sigv4::Fault as Signature;
        let code = match &fault {
            Signature::IncompleteSignature { .. } => Code::IncompleteSignature,
            Signature::InvalidClientTokenId { .. } => Code::InvalidClientTokenId,
            Signature::MissingAuthenticationToken => Code::MissingAuthenticationToken,
            Signature::RequestExpired { .. } => Code::RequestExpired,
            _ => Code::SignatureDoesNotMatch,
        };
        Self::new(code, fault.to_string()).because(fault.cause().to_owned())
    }
}

impl From<FormFault> for Fault {
    fn from(fault: FormFault) -> Self {
        let code = match fault.code() {
            "InvalidQueryParameter" => Code::InvalidQueryParameter,
            _ => Code::MalformedQueryString,
        };
        Self::new(code, fault.to_string())
    }
}

impl From<Invalid> for Fault {
    fn from(invalid: Invalid) -> Self {
        // The text repeats what the caller sent, which may be a secret in the wrong place: it is
        // for the caller, and the log has the number only.
        let cause = format!("{} constraints failed", invalid.count());
        Self::new(Code::ValidationError, invalid.to_string()).because(cause)
    }
}

impl From<Malformed> for Fault {
    fn from(malformed: Malformed) -> Self {
        let at = malformed.position();
        let cause = format!("{} (line {}, column {})", malformed.reason(), at.line, at.column);
        Self::new(Code::MalformedPolicyDocument, malformed.to_string()).because(cause)
    }
}

impl From<DirectoryError> for Fault {
    fn from(error: DirectoryError) -> Self {
        if let DirectoryError::Note(note) = &error
            && note.is_unproven()
        {
            return invalid_token("the account was closed meanwhile");
        }
        if let DirectoryError::Note(note) = &error
            && let Some(message) = note.denial()
        {
            return Self::new(Code::AccessDenied, message.to_owned())
                .because("a revocation that was made meanwhile concerns the caller");
        }
        let code = match &error {
            DirectoryError::Malformed(malformed) => return malformed.clone().into(),
            DirectoryError::MalformedBucketPolicy(malformed) => {
                let cause = malformed.reason().to_owned();
                return Self::new(Code::MalformedPolicy, malformed.to_string()).because(cause);
            }
            DirectoryError::BucketUnderWay(_) => {
                let text = "A conflicting conditional operation is currently in progress against \
                            this resource. Please try again.";
                return Self::new(Code::OperationAborted, text).because(error.to_string());
            }
            DirectoryError::LimitExceeded(Limit::BucketsPerAccount(_)) => Code::TooManyBuckets,
            DirectoryError::NotFound(Entity::Bucket(_)) => Code::NoSuchBucket,
            DirectoryError::NotFound(Entity::BucketPolicy(_)) => Code::NoSuchBucketPolicy,
            DirectoryError::AlreadyExists(_) => Code::EntityAlreadyExists,
            DirectoryError::Conflict => Code::ConcurrentModification,
            DirectoryError::Overtaken => return Self::overtaken(),
            DirectoryError::DeleteConflict(_) => Code::DeleteConflict,
            DirectoryError::InvalidPrincipal { .. } | DirectoryError::UnguardedIssuer { .. } => {
                Code::MalformedPolicyDocument
            }
            DirectoryError::InvalidMfaCode => Code::InvalidAuthenticationCode,
            DirectoryError::EncryptionWithoutKey => Code::InvalidInput,
            DirectoryError::LimitExceeded(_)
            | DirectoryError::SamlMetadataTooLarge
            | DirectoryError::TooManyWrongPasswords => Code::LimitExceeded,
            DirectoryError::Password(_) => Code::PasswordPolicyViolation,
            // AWS documents no code of its own for it.
            DirectoryError::WrongPassword => Code::AccessDenied,
            DirectoryError::Busy => return unavailable(format!("directory: {error}")),
            DirectoryError::NotFound(_) | DirectoryError::NotServiceLinked(_) => Code::NoSuchEntity,
            DirectoryError::NotAttachable(_) => Code::PolicyNotAttachable,
            DirectoryError::ReservedPath { .. } => Code::InvalidInput,
            DirectoryError::Unmodifiable(_) | DirectoryError::UnmodifiableDuration(_) => {
                Code::UnmodifiableEntity
            }
            DirectoryError::Rings(RingsFault::Store(StoreError::Unavailable { .. }))
            | DirectoryError::Store(StoreError::Unavailable { .. }) => {
                return unavailable(format!("directory: {error}"));
            }
            DirectoryError::AccountClosed(_)
            | DirectoryError::AccountOpen(_)
            | DirectoryError::Corrupt { .. }
            | DirectoryError::Note(_)
            | DirectoryError::Refused(_)
            | DirectoryError::Rings(_)
            | DirectoryError::Seal(_)
            | DirectoryError::Secrets(_)
            | DirectoryError::Store(_) => return Self::internal(format!("directory: {error}")),
        };
        Self::new(code, error.to_string())
    }
}

impl From<RevocationFault> for Fault {
    fn from(fault: RevocationFault) -> Self {
        match fault {
            RevocationFault::Directory(
                error @ DirectoryError::Store(StoreError::Unavailable { .. }),
            ) => error.into(),
            fault => Self::internal(format!("revocations: {fault}")),
        }
    }
}

/// The store cannot answer now: clients try again after this code.
fn unavailable(cause: String) -> Fault {
    const TEXT: &str = "The request has failed due to a temporary failure of the server.";
    Fault::new(Code::ServiceUnavailable, TEXT).because(cause)
}

/// What was looked up, or nothing when there is none; every other failure stays one.
pub(crate) fn found<T>(result: Result<Arc<T>, DirectoryError>) -> Result<Option<Arc<T>>, Fault> {
    match result {
        Ok(entity) => Ok(Some(entity)),
        Err(DirectoryError::NotFound(_)) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

impl From<RandomFault> for Fault {
    fn from(fault: RandomFault) -> Self {
        Self::internal(fault.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_cannot_answer_is_tried_again() {
        let down = || StoreError::Unavailable { reason: "the disk is full".to_owned() };
        let check = |fault: Fault, code: Code| {
            assert_eq!(fault.code(), code, "{fault:?}");
            assert!(fault.is_ours() && !fault.message().contains("disk"), "{fault:?}");
        };
        check(DirectoryError::Store(down()).into(), Code::ServiceUnavailable);
        check(DirectoryError::Rings(RingsFault::Store(down())).into(), Code::ServiceUnavailable);
        let revoking = RevocationFault::Directory(DirectoryError::Store(down()));
        check(revoking.into(), Code::ServiceUnavailable);
        // A mistake of ours is not made good by trying again.
        let mistake = StoreError::Limit { limit: 0 };
        check(DirectoryError::Store(mistake).into(), Code::InternalFailure);
        check(RevocationFault::Unread.into(), Code::InternalFailure);
    }
}
