//! The documents of requests and replies that the gateway itself reads or writes.
//!
//! What goes on to the backend is written anew from what was read here, so that nobody behind the
//! gateway reads anything else in it; the headers that say what the body is
//! ([`is_body_digest`](crate::is_body_digest)) then do not go with it.

mod acl;
mod buckets;
mod delete;
mod delete_result;
pub(crate) mod objects;
mod read_body;

pub use acl::{AccessControlList, access_control_policy};
pub use buckets::{
    BucketConfiguration, ListedBucket, Ownership, PublicAccessBlock, list_buckets, policy_status,
};
pub use delete::{DeleteList, Deletion};
pub use delete_result::DeleteResult;
pub use objects::{Posted, post_response};
pub use read_body::Document;
