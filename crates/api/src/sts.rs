//! AWS STS, API version 2011-06-15. One file an operation.

mod assume_role;
mod get_caller_identity;
mod get_session_token;
mod mfa;

use crate::operation::{AnyOperation, Row};

/// The operations of the service.
pub(crate) const OPERATIONS: &[&dyn AnyOperation] = &[
    &Row::<assume_role::AssumeRole>::NEW,
    &Row::<get_caller_identity::GetCallerIdentity>::NEW,
    &Row::<get_session_token::GetSessionToken>::NEW,
];
