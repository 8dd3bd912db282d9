//! How large policies may be, as AWS publishes it (IAM and Organizations quotas).
//!
//! This crate refuses by itself only what exceeds [`MAX_CHARACTERS`]; whoever saves a policy
//! compares [`Policy::size`](crate::Policy::size) with the limit of what it is saved for, or with
//! one that an operator has raised.

use crate::json::MAX_CHARACTERS;
use crate::policy::Kind;

/// One bucket policy, in bytes, white space included. S3 user guide, "Bucket policies for Amazon
/// S3".
pub const BUCKET: usize = 20 * 1024;
/// All inline policies of a group together.
pub const INLINE_GROUP: usize = 5120;
/// All inline policies of a role together.
pub const INLINE_ROLE: usize = 10_240;
/// All inline policies of a user together.
pub const INLINE_USER: usize = 2048;
/// One managed policy, and so one permissions boundary.
pub const MANAGED: usize = 6144;
/// One resource control policy.
pub const RCP: usize = 5120;
/// One service control policy, in bytes, white space included.
pub const SCP: usize = 5120;
/// The inline session policy of a session.
pub const SESSION: usize = 2048;
/// The trust policy of a role, unless an operator raises it.
pub const TRUST: usize = 2048;
/// As far as the limit of a trust policy can be raised.
pub const TRUST_RAISED: usize = 4096;

impl Kind {
    /// The largest [size](crate::Policy::size) that AWS takes of one policy of the kind, nothing
    /// raised. An identity policy is taken for a managed one: inline policies share the limit of
    /// their user, group or role. Each service has its own limit for its resource policies, so
    /// for them it is what this crate takes.
    pub const fn size_limit(self) -> usize {
        match self {
            Self::Identity | Self::Boundary => MANAGED,
            Self::Session => SESSION,
            Self::Trust => TRUST,
            Self::Resource => MAX_CHARACTERS,
            Self::Scp => SCP,
            Self::Rcp => RCP,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The quotas of the reference, section 8.
    #[test]
    fn limits_are_those_that_aws_publishes() {
        assert_eq!((INLINE_USER, INLINE_GROUP, INLINE_ROLE), (2048, 5120, 10_240));
        assert_eq!((TRUST, TRUST_RAISED, SESSION), (2048, 4096, 2048));
        assert_eq!((MANAGED, SCP, RCP), (6144, 5120, 5120));
    }
}
