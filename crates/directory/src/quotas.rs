//! How much an account may hold. IAM user guide, page "IAM and AWS STS quotas".

use daypass_names::{GroupName, RoleName, UserName};
use daypass_policy::limits;
use thiserror::Error;

/// The quotas of every account; the defaults are those of AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quotas {
    /// Users of an account.
    pub users: u32,
    /// Groups of an account.
    pub groups: u32,
    /// Roles of an account.
    pub roles: u32,
    /// Customer managed policies of an account.
    pub policies: u32,
    /// Groups that a user is in.
    pub groups_per_user: u32,
    /// Managed policies attached to a user.
    pub policies_per_user: u32,
    /// Managed policies attached to a group.
    pub policies_per_group: u32,
    /// Managed policies attached to a role.
    pub policies_per_role: u32,
    /// Versions of a managed policy that are kept at the same time.
    pub versions_per_policy: u32,
    /// Access keys of a user, inactive ones included.
    pub access_keys_per_user: u32,
    /// Characters of all inline policies of a user together, white space not counted.
    pub user_policy_size: usize,
    /// Characters of all inline policies of a group together, white space not counted.
    pub group_policy_size: usize,
    /// Characters of all inline policies of a role together, white space not counted.
    pub role_policy_size: usize,
    /// Characters of a managed policy, white space not counted.
    pub policy_size: usize,
    /// Characters of a trust policy, white space not counted.
    pub trust_policy_size: usize,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            users: 5000,
            groups: 300,
            roles: 1000,
            policies: 1500,
            groups_per_user: 10,
            policies_per_user: 10,
            policies_per_group: 10,
            policies_per_role: 10,
            versions_per_policy: 5,
            access_keys_per_user: 2,
            user_policy_size: limits::INLINE_USER,
            group_policy_size: limits::INLINE_GROUP,
            role_policy_size: limits::INLINE_ROLE,
            policy_size: limits::MANAGED,
            trust_policy_size: limits::TRUST,
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
    /// Size of all inline policies of a group.
    #[error("Maximum policy size of {max} bytes exceeded for group {group}")]
    GroupPolicySize {
        /// The most that is allowed.
        max: usize,
        /// The group.
        group: GroupName,
    },
    /// Groups of an account.
    #[error("Cannot exceed quota for GroupsPerAccount: {0}")]
    GroupsPerAccount(u32),
    /// Groups of a user.
    #[error("Cannot exceed quota for GroupsPerUser: {0}")]
    GroupsPerUser(u32),
    /// Managed policies of an account.
    #[error("Cannot exceed quota for PoliciesPerAccount: {0}")]
    PoliciesPerAccount(u32),
    /// Managed policies attached to a group.
    #[error("Cannot exceed quota for PoliciesPerGroup: {0}")]
    PoliciesPerGroup(u32),
    /// Managed policies attached to a role.
    #[error("Cannot exceed quota for PoliciesPerRole: {0}")]
    PoliciesPerRole(u32),
    /// Managed policies attached to a user.
    #[error("Cannot exceed quota for PoliciesPerUser: {0}")]
    PoliciesPerUser(u32),
    /// Size of a managed policy.
    #[error("Cannot exceed quota for PolicySize: {0}")]
    PolicySize(usize),
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
    /// Versions of a managed policy.
    #[error(
        "A managed policy can have up to {0} versions. Before you create a new version, you must \
         delete an existing version."
    )]
    VersionsPerPolicy(u32),
}
