//! What is told of buckets.

use serde::{Deserialize, Serialize};

/// Whether there is a bucket.
#[derive(Clone, Copy, Debug, Deserialize, Eq, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum BucketState {
    /// Its name is reserved: a request makes it, or was cut short.
    Creating,
    /// It is there, and a request deletes it, or was cut short.
    Deleting,
    /// It is there.
    Ready,
}

/// A bucket.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct BucketLine {
    /// The name.
    pub name: String,
    /// The account that it belongs to, twelve digits.
    pub account_id: String,
    /// When it was made, or adopted (RFC 3339).
    pub created: String,
    /// Whether an operator gave it to the account.
    pub adopted: bool,
    /// Whether there is a bucket.
    pub state: BucketState,
    /// Since when that is under way (RFC 3339), unless it is ready.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub since: Option<String>,
    /// Whether it has a policy.
    pub has_policy: bool,
    /// Whether its policy is public, as S3 means that.
    pub is_public: bool,
}

/// The buckets.
#[derive(Debug, Deserialize, Serialize)]
pub struct Buckets {
    /// Ordered by name.
    pub buckets: Vec<BucketLine>,
    /// Whether more were left out: those behind the last one.
    pub truncated: bool,
}

/// A bucket and its policy.
#[derive(Debug, Deserialize, Serialize)]
pub struct BucketTold {
    /// The bucket.
    pub bucket: BucketLine,
    /// The text of its policy, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy: Option<String>,
    /// What else to know.
    pub notes: Vec<String>,
}

/// A bucket that is an account's from now on, or nobody's any more.
#[derive(Debug, Deserialize, Serialize)]
pub struct BucketChanged {
    /// The bucket, as it is now or was last.
    pub bucket: BucketLine,
    /// Whether it is nobody's any more.
    pub released: bool,
    /// What else to know.
    pub notes: Vec<String>,
}
