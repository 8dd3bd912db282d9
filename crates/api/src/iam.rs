//! AWS IAM, API version 2010-05-08. One file a kind of entity, one item an operation.

mod access_keys;
mod document;
mod inline_policies;
mod named;
mod paging;
mod roles;
mod users;

use crate::operation::{AnyOperation, Row};
use inline_policies::{
    DeleteInlinePolicy, GetInlinePolicy, ListInlinePolicies, OfRole, OfUser, PutInlinePolicy,
};

/// The operations of the service.
pub(crate) const OPERATIONS: &[&dyn AnyOperation] = &[
    &Row::<access_keys::CreateAccessKey>::NEW,
    &Row::<access_keys::DeleteAccessKey>::NEW,
    &Row::<access_keys::ListAccessKeys>::NEW,
    &Row::<roles::CreateRole>::NEW,
    &Row::<roles::DeleteRole>::NEW,
    &Row::<roles::GetRole>::NEW,
    &Row::<roles::ListRoles>::NEW,
    &Row::<roles::UpdateAssumeRolePolicy>::NEW,
    &Row::<users::CreateUser>::NEW,
    &Row::<users::DeleteUser>::NEW,
    &Row::<users::GetUser>::NEW,
    &Row::<users::ListUsers>::NEW,
    &Row::<DeleteInlinePolicy<OfRole>>::NEW,
    &Row::<DeleteInlinePolicy<OfUser>>::NEW,
    &Row::<GetInlinePolicy<OfRole>>::NEW,
    &Row::<GetInlinePolicy<OfUser>>::NEW,
    &Row::<ListInlinePolicies<OfRole>>::NEW,
    &Row::<ListInlinePolicies<OfUser>>::NEW,
    &Row::<PutInlinePolicy<OfRole>>::NEW,
    &Row::<PutInlinePolicy<OfUser>>::NEW,
];
