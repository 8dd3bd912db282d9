//! How much an account may hold. IAM user guide, page "IAM and AWS STS quotas".

use daypass_names::{GroupName, RoleName, UserName};
use daypass_policy::limits;
use thiserror::Error;

/// The quotas of every account; the defaults are those of AWS.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Quotas {
    /// Users of an account, and as many virtual MFA devices.
    pub users: u32,
    /// Groups of an account.
    pub groups: u32,
    /// Roles of an account.
    pub roles: u32,
    /// Customer managed policies of an account.
    pub policies: u32,
    /// Instance profiles of an account.
    pub instance_profiles: u32,
    /// Buckets of an account.
    pub buckets: u32,
    /// Roles in an instance profile.
    pub roles_per_instance_profile: u32,
    /// Tags of a user, role, managed policy or instance profile.
    pub tags_per_resource: u32,
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
    /// MFA devices of a user.
    pub mfa_devices_per_user: u32,
    /// OpenID Connect providers of an account.
    pub oidc_providers: u32,
    /// SAML providers of an account.
    pub saml_providers: u32,
    /// Client ids of an OpenID Connect provider.
    pub client_ids_per_oidc_provider: u32,
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
            instance_profiles: 1000,
            buckets: 10_000,
            roles_per_instance_profile: 1,
            tags_per_resource: 50,
            groups_per_user: 10,
            policies_per_user: 10,
            policies_per_group: 10,
            policies_per_role: 10,
            versions_per_policy: 5,
            access_keys_per_user: 2,
            mfa_devices_per_user: 8,
            oidc_providers: 100,
            saml_providers: 100,
            client_ids_per_oidc_provider: 100,
            user_policy_size: limits::INLINE_USER,
            group_policy_size: limits::INLINE_GROUP,
            role_policy_size: limits::INLINE_ROLE,
            policy_size: limits::MANAGED,
            trust_policy_size: limits::TRUST,
        }
    }
}

/// The most that a quota of an account can be set to.
const MOST_PER_ACCOUNT: u32 = 1_000_000;
/// The most that a quota of identity providers of an account can be set to: their lists have no
/// pages.
const MOST_PROVIDERS: u32 = 1_000;
/// The most that a quota of one user, group, role or policy can be set to: what it counts lies in
/// one record.
const MOST_PER_ENTITY: u32 = 100;

/// A quota cannot be set.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum QuotaFault {
    /// There is none of that name, or it is fixed.
    #[error("`{name}` is no quota that can be set: {}", Quotas::NAMES.join(", "))]
    Unknown {
        /// The name.
        name: String,
    },
    /// The number is out of range.
    #[error("`{name}` can be 1 to {most}, not {number}")]
    Number {
        /// The quota.
        name: &'static str,
        /// The number that was asked for.
        number: u32,
        /// The largest that is possible.
        most: u32,
    },
}

impl Quotas {
    /// The quotas that can be set: those that AWS raises on request, and the numbers of users and
    /// of access keys.
    pub const NAMES: [&str; 14] = [
        "users",
        "groups",
        "roles",
        "policies",
        "instance_profiles",
        "buckets",
        "groups_per_user",
        "policies_per_user",
        "policies_per_group",
        "policies_per_role",
        "access_keys_per_user",
        "oidc_providers",
        "saml_providers",
        "client_ids_per_oidc_provider",
    ];

    /// The same quotas, but for the one of that name.
    ///
    /// ```
    /// # use daypass_directory::Quotas;
    /// let quotas = Quotas::default().with("users", 10_000)?;
    /// assert_eq!(quotas.users, 10_000);
    /// # Ok::<(), daypass_directory::QuotaFault>(())
    /// ```
    ///
    /// # Errors
    /// [`QuotaFault`] for a name that is not among [`Quotas::NAMES`], and a number out of range:
    /// 1 to 1,000,000 of an account (identity providers: 1 to 1,000), 1 to 100 of one user, group,
    /// role or provider.
    pub fn with(mut self, name: &str, number: u32) -> Result<Self, QuotaFault> {
        let unknown = || QuotaFault::Unknown { name: name.to_owned() };
        let name = Self::NAMES.into_iter().find(|known| *known == name).ok_or_else(unknown)?;
        let (quota, most) = match name {
            "users" => (&mut self.users, MOST_PER_ACCOUNT),
            "groups" => (&mut self.groups, MOST_PER_ACCOUNT),
            "roles" => (&mut self.roles, MOST_PER_ACCOUNT),
            "policies" => (&mut self.policies, MOST_PER_ACCOUNT),
            "instance_profiles" => (&mut self.instance_profiles, MOST_PER_ACCOUNT),
            "buckets" => (&mut self.buckets, MOST_PER_ACCOUNT),
            "groups_per_user" => (&mut self.groups_per_user, MOST_PER_ENTITY),
            "policies_per_user" => (&mut self.policies_per_user, MOST_PER_ENTITY),
            "policies_per_group" => (&mut self.policies_per_group, MOST_PER_ENTITY),
            "policies_per_role" => (&mut self.policies_per_role, MOST_PER_ENTITY),
            "access_keys_per_user" => (&mut self.access_keys_per_user, MOST_PER_ENTITY),
            "oidc_providers" => (&mut self.oidc_providers, MOST_PROVIDERS),
            "saml_providers" => (&mut self.saml_providers, MOST_PROVIDERS),
            "client_ids_per_oidc_provider" => {
                (&mut self.client_ids_per_oidc_provider, MOST_PER_ENTITY)
            }
            _ => return Err(unknown()),
        };
        if number == 0 || number > most {
            return Err(QuotaFault::Number { name, number, most });
        }
        *quota = number;
        Ok(self)
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
    /// Buckets of an account.
    #[error("You have attempted to create more buckets than allowed")]
    BucketsPerAccount(u32),
    /// Size of all inline policies of a group.
    #[error("Maximum policy size of {max} bytes exceeded for group {group}")]
    GroupPolicySize {
        /// The most that is allowed.
        max: usize,
        /// The group.
        group: GroupName,
    },
    /// Client ids of an OpenID Connect provider.
    #[error("Cannot exceed quota for ClientIdsPerOpenIdConnectProvider: {0}")]
    ClientIdsPerOidcProvider(u32),
    /// Groups of an account.
    #[error("Cannot exceed quota for GroupsPerAccount: {0}")]
    GroupsPerAccount(u32),
    /// Groups of a user.
    #[error("Cannot exceed quota for GroupsPerUser: {0}")]
    GroupsPerUser(u32),
    /// Instance profiles of an account.
    #[error("Cannot exceed quota for InstanceProfilesPerAccount: {0}")]
    InstanceProfilesPerAccount(u32),
    /// Roles in an instance profile.
    #[error("Cannot exceed quota for InstanceSessionsPerInstanceProfile: {0}")]
    InstanceSessionsPerInstanceProfile(u32),
    /// MFA devices of a user.
    #[error("Cannot exceed quota for MFADevicesPerUser: {0}")]
    MfaDevicesPerUser(u32),
    /// OpenID Connect providers of an account.
    #[error("Cannot exceed quota for OpenIdConnectProvidersPerAccount: {0}")]
    OidcProvidersPerAccount(u32),
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
    /// Private keys of a SAML provider.
    #[error("Cannot exceed quota for PrivateKeysPerSAMLProvider: {}", crate::MAX_PRIVATE_KEYS)]
    PrivateKeysPerSamlProvider,
    /// SAML providers of an account.
    #[error("Cannot exceed quota for SAMLProvidersPerAccount: {0}")]
    SamlProvidersPerAccount(u32),
    /// Tags of a SAML provider.
    #[error("Cannot exceed quota for TagsPerSAMLProvider: {0}")]
    TagsPerSamlProvider(u32),
    /// Tags of an instance profile.
    #[error("Cannot exceed quota for TagsPerInstanceProfile: {0}")]
    TagsPerInstanceProfile(u32),
    /// Tags of a virtual MFA device.
    #[error("Cannot exceed quota for TagsPerMFADevice: {0}")]
    TagsPerMfaDevice(u32),
    /// Tags of an OpenID Connect provider.
    #[error("Cannot exceed quota for TagsPerOpenIdConnectProvider: {0}")]
    TagsPerOidcProvider(u32),
    /// Tags of a managed policy.
    #[error("Cannot exceed quota for TagsPerPolicy: {0}")]
    TagsPerPolicy(u32),
    /// Tags of a role.
    #[error("Cannot exceed quota for TagsPerRole: {0}")]
    TagsPerRole(u32),
    /// Tags of a user.
    #[error("Cannot exceed quota for TagsPerUser: {0}")]
    TagsPerUser(u32),
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
    /// Virtual MFA devices of an account.
    #[error("Cannot exceed quota for VirtualMFADevicesPerAccount: {0}")]
    VirtualMfaDevicesPerAccount(u32),
    /// Versions of a managed policy.
    #[error(
        "A managed policy can have up to {0} versions. Before you create a new version, you must \
         delete an existing version."
    )]
    VersionsPerPolicy(u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_quota_that_has_a_name_can_be_set_within_bounds() {
        for name in Quotas::NAMES {
            let quotas = Quotas::default().with(name, 77).unwrap();
            assert_ne!(quotas, Quotas::default(), "{name}");
            let most = match name {
                _ if name.contains("_per_") => 100,
                _ if name.contains("_providers") => 1_000,
                _ => 1_000_000,
            };
            assert!(Quotas::default().with(name, most).is_ok(), "{name}");
            for number in [0, most + 1] {
                let fault = QuotaFault::Number { name, number, most };
                assert_eq!(Quotas::default().with(name, number), Err(fault));
            }
        }
        for name in ["", "Users", "policy_size", "versions_per_policy"] {
            let said = Quotas::default().with(name, 7).unwrap_err().to_string();
            assert!(said.starts_with(&format!("`{name}` is no quota that can be set: users, ")));
        }
    }
}
