//! How much an account may hold. IAM user guide, page "IAM and AWS STS quotas".

use daypass_names::{RoleName, UserName};
use thiserror::Error;

/// The quotas of every account; the defaults are those of AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quotas {
    /// Users of an account.
    pub users: u32,
    /// Roles of an account.
    pub roles: u32,
    /// Access keys of a user, inactive ones included.
    pub access_keys_per_user: u32,
    /// Characters of all inline policies of a user together, white space not counted.
    pub user_policy_size: usize,
    /// Characters of all inline policies of a role together, white space not counted.
    pub role_policy_size: usize,
    /// Characters of a trust policy, white space not counted.
    pub trust_policy_size: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            users: 5000,
            roles: 1000,
            access_keys_per_user: 2,
            user_policy_size: 2048,
            role_policy_size: 10_240,
            trust_policy_size: 2048,
        }
    }
}

/// A quota that a call would exceed, with its number; it prints as AWS words it.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum Limit {
    /// Access keys of a user.
    #[error("Cannot exceed quota for AccessKeysPerUser: {0}")]
    AccessKeysPerUser(u32),
    /// Size of a trust policy.
    #[error("Cannot exceed quota for ACLSizePerRole: {0}")]
    AclSizePerRole(usize),
    /// Size of all inline policies of a role.
    #[error("Maximum policy size of {max} bytes exceeded for role {role}")]
    RolePolicySize {
        /// The most that is allowed.
        max: usize,
        /// The role.
        role: RoleName,
    },
    /// Roles of an account.
    #[error("Cannot exceed quota for RolesPerAccount: {0}")]
    RolesPerAccount(u32),
    /// Size of all inline policies of a user.
    #[error("Maximum policy size of {max} bytes exceeded for user {user}")]
    UserPolicySize {
        /// The most that is allowed.
        max: usize,
        /// The user.
        user: UserName,
    },
    /// Users of an account.
    #[error("Cannot exceed quota for UsersPerAccount: {0}")]
    UsersPerAccount(u32),
}
