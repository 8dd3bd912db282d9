//! AWS STS, API version 2011-06-15. One file an operation.

mod assume_role;
pub(crate) mod assume_role_with_saml;
pub(crate) mod assume_role_with_web_identity;
mod assumption;
mod decode_authorization_message;
mod get_access_key_info;
mod get_caller_identity;
mod get_federation_token;
mod get_session_token;
mod mfa;
mod provided_contexts;
pub(crate) mod session_policies;
mod session_tags;
mod source_identity;

use crate::operation::{AnyOperation, Row};

/// The operations of the service.
// A static: each crate that goes through a constant would hold all of them once more.
pub(crate) static OPERATIONS: &[&dyn AnyOperation] = &[
    &Row::<assume_role::AssumeRole>::NEW,
    &Row::<assume_role_with_saml::AssumeRoleWithSaml>::NEW,
    &Row::<assume_role_with_web_identity::AssumeRoleWithWebIdentity>::NEW,
    &Row::<decode_authorization_message::DecodeAuthorizationMessage>::NEW,
    &Row::<get_access_key_info::GetAccessKeyInfo>::NEW,
    &Row::<get_caller_identity::GetCallerIdentity>::NEW,
    &Row::<get_federation_token::GetFederationToken>::NEW,
    &Row::<get_session_token::GetSessionToken>::NEW,
];
