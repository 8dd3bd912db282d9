//! The names of the actions and condition keys that the lints know.
//!
//! Actions are the operations of AWS's published service models for IAM and STS, and those that
//! exist as permissions only. Condition keys are those of the IAM user guide, "AWS global condition
//! context keys" and "IAM and AWS STS condition context keys". A name that is not here is probably
//! mistyped; services that are not here are not judged.

/// What a condition key holds.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Holds {
    /// One value.
    One,
    /// Any number of values.
    Many,
}

/// The services whose actions are known.
pub(crate) const SERVICES: [(&str, &[&str]); 2] = [("iam", &IAM), ("sts", &STS)];

const IAM: [&str; 188] = [
    "AcceptDelegationRequest",
    "AddClientIDToOpenIDConnectProvider",
    "AddRoleToInstanceProfile",
    "AddUserToGroup",
    "AssociateDelegationRequest",
    "AttachGroupPolicy",
    "AttachRolePolicy",
    "AttachUserPolicy",
    "ChangePassword",
    "CreateAccessKey",
    "CreateAccountAlias",
    "CreateDelegationRequest",
    "CreateGroup",
    "CreateInstanceProfile",
    "CreateLoginProfile",
    "CreateOpenIDConnectProvider",
    "CreatePolicy",
    "CreatePolicyVersion",
    "CreateRole",
    "CreateSAMLProvider",
    "CreateServiceLinkedRole",
    "CreateServiceSpecificCredential",
    "CreateUser",
    "CreateVirtualMFADevice",
    "DeactivateMFADevice",
    "DeleteAccessKey",
    "DeleteAccountAlias",
    "DeleteAccountPasswordPolicy",
    "DeleteCloudFrontPublicKey",
    "DeleteGroup",
    "DeleteGroupPolicy",
    "DeleteInstanceProfile",
    "DeleteLoginProfile",
    "DeleteOpenIDConnectProvider",
    "DeletePolicy",
    "DeletePolicyVersion",
    "DeleteRole",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DeleteSAMLProvider",
    "DeleteSSHPublicKey",
    "DeleteServerCertificate",
    "DeleteServiceLinkedRole",
    "DeleteServiceSpecificCredential",
    "DeleteSigningCertificate",
    "DeleteUser",
    "DeleteUserPermissionsBoundary",
    "DeleteUserPolicy",
    "DeleteVirtualMFADevice",
    "DetachGroupPolicy",
    "DetachRolePolicy",
    "DetachUserPolicy",
    "DisableOrganizationsRootCredentialsManagement",
    "DisableOrganizationsRootSessions",
    "DisableOutboundWebIdentityFederation",
    "EnableMFADevice",
    "EnableOrganizationsRootCredentialsManagement",
    "EnableOrganizationsRootSessions",
    "EnableOutboundWebIdentityFederation",
    "GenerateCredentialReport",
    "GenerateOrganizationsAccessReport",
    "GenerateServiceLastAccessedDetails",
    "GetAccessKeyLastUsed",
    "GetAccountAuthorizationDetails",
    "GetAccountEmailAddress",
    "GetAccountName",
    "GetAccountPasswordPolicy",
    "GetAccountSummary",
    "GetCloudFrontPublicKey",
    "GetContextKeysForCustomPolicy",
    "GetContextKeysForPrincipalPolicy",
    "GetCredentialReport",
    "GetDelegationRequest",
    "GetGroup",
    "GetGroupPolicy",
    "GetHumanReadableSummary",
    "GetInstanceProfile",
    "GetLoginProfile",
    "GetMFADevice",
    "GetOpenIDConnectProvider",
    "GetOrganizationsAccessReport",
    "GetOutboundWebIdentityFederationInfo",
    "GetPolicy",
    "GetPolicyVersion",
    "GetRole",
    "GetRolePolicy",
    "GetSAMLProvider",
    "GetSSHPublicKey",
    "GetServerCertificate",
    "GetServiceLastAccessedDetails",
    "GetServiceLastAccessedDetailsWithEntities",
    "GetServiceLinkedRoleDeletionStatus",
    "GetUser",
    "GetUserPolicy",
    "ListAccessKeys",
    "ListAccountAliases",
    "ListAttachedGroupPolicies",
    "ListAttachedRolePolicies",
    "ListAttachedUserPolicies",
    "ListCloudFrontPublicKeys",
    "ListDelegationRequests",
    "ListEntitiesForPolicy",
    "ListGroupPolicies",
    "ListGroups",
    "ListGroupsForUser",
    "ListInstanceProfileTags",
    "ListInstanceProfiles",
    "ListInstanceProfilesForRole",
    "ListMFADeviceTags",
    "ListMFADevices",
    "ListOpenIDConnectProviderTags",
    "ListOpenIDConnectProviders",
    "ListOrganizationsFeatures",
    "ListPolicies",
    "ListPoliciesGrantingServiceAccess",
    "ListPolicyTags",
    "ListPolicyVersions",
    "ListRolePolicies",
    "ListRoleTags",
    "ListRoles",
    "ListSAMLProviderTags",
    "ListSAMLProviders",
    "ListSSHPublicKeys",
    "ListSTSRegionalEndpointsStatus",
    "ListServerCertificateTags",
    "ListServerCertificates",
    "ListServiceSpecificCredentials",
    "ListSigningCertificates",
    "ListUserPolicies",
    "ListUserTags",
    "ListUsers",
    "ListVirtualMFADevices",
    "PassRole",
    "PutGroupPolicy",
    "PutRolePermissionsBoundary",
    "PutRolePolicy",
    "PutUserPermissionsBoundary",
    "PutUserPolicy",
    "RejectDelegationRequest",
    "RemoveClientIDFromOpenIDConnectProvider",
    "RemoveRoleFromInstanceProfile",
    "RemoveUserFromGroup",
    "ResetServiceSpecificCredential",
    "ResyncMFADevice",
    "SendDelegationToken",
    "SetDefaultPolicyVersion",
    "SetSTSRegionalEndpointStatus",
    "SetSecurityTokenServicePreferences",
    "SimulateCustomPolicy",
    "SimulatePrincipalPolicy",
    "TagInstanceProfile",
    "TagMFADevice",
    "TagOpenIDConnectProvider",
    "TagPolicy",
    "TagRole",
    "TagSAMLProvider",
    "TagServerCertificate",
    "TagUser",
    "UntagInstanceProfile",
    "UntagMFADevice",
    "UntagOpenIDConnectProvider",
    "UntagPolicy",
    "UntagRole",
    "UntagSAMLProvider",
    "UntagServerCertificate",
    "UntagUser",
    "UpdateAccessKey",
    "UpdateAccountEmailAddress",
    "UpdateAccountName",
    "UpdateAccountPasswordPolicy",
    "UpdateAssumeRolePolicy",
    "UpdateCloudFrontPublicKey",
    "UpdateDelegationRequest",
    "UpdateGroup",
    "UpdateLoginProfile",
    "UpdateOpenIDConnectProviderThumbprint",
    "UpdateRole",
    "UpdateRoleDescription",
    "UpdateSAMLProvider",
    "UpdateSSHPublicKey",
    "UpdateServerCertificate",
    "UpdateServiceSpecificCredential",
    "UpdateSigningCertificate",
    "UpdateUser",
    "UploadCloudFrontPublicKey",
    "UploadSSHPublicKey",
    "UploadServerCertificate",
    "UploadSigningCertificate",
];

const STS: [&str; 16] = [
    "AssumeRole",
    "AssumeRoleWithSAML",
    "AssumeRoleWithWebIdentity",
    "AssumeRoot",
    "DecodeAuthorizationMessage",
    "GetAccessKeyInfo",
    "GetCallerIdentity",
    "GetDelegatedAccessToken",
    "GetFederationToken",
    "GetServiceBearerToken",
    "GetSessionToken",
    "GetWebIdentityToken",
    "SetContext",
    "SetSourceIdentity",
    "TagGetWebIdentityToken",
    "TagSession",
];

/// Condition keys; one that ends in a slash is followed by the name of a tag or the like.
pub(crate) const KEYS: [(&str, Holds); 106] = [
    ("aws:AssumedRoot", Holds::One),
    ("aws:CalledVia", Holds::Many),
    ("aws:CalledViaFirst", Holds::One),
    ("aws:CalledViaLast", Holds::One),
    ("aws:ChatbotSourceArn", Holds::One),
    ("aws:CurrentTime", Holds::One),
    ("aws:Ec2InstanceSourcePrivateIPv4", Holds::One),
    ("aws:Ec2InstanceSourceVpc", Holds::One),
    ("aws:EpochTime", Holds::One),
    ("aws:FederatedProvider", Holds::One),
    ("aws:IsMcpServiceAction", Holds::One),
    ("aws:MultiFactorAuthAge", Holds::One),
    ("aws:MultiFactorAuthPresent", Holds::One),
    ("aws:PrincipalAccount", Holds::One),
    ("aws:PrincipalArn", Holds::One),
    ("aws:PrincipalIsAWSService", Holds::One),
    ("aws:PrincipalOrgID", Holds::One),
    ("aws:PrincipalOrgPaths", Holds::Many),
    ("aws:PrincipalServiceName", Holds::One),
    ("aws:PrincipalServiceNamesList", Holds::Many),
    ("aws:PrincipalTag/", Holds::One),
    ("aws:PrincipalType", Holds::One),
    ("aws:referer", Holds::One),
    ("aws:RequestedRegion", Holds::One),
    ("aws:RequestTag/", Holds::One),
    ("aws:ResourceAccount", Holds::One),
    ("aws:ResourceOrgID", Holds::One),
    ("aws:ResourceOrgPaths", Holds::Many),
    ("aws:ResourceTag/", Holds::One),
    ("aws:SecureTransport", Holds::One),
    ("aws:SourceAccount", Holds::One),
    ("aws:SourceArn", Holds::One),
    ("aws:SourceIdentity", Holds::One),
    ("aws:SourceIp", Holds::One),
    ("aws:SourceOrgID", Holds::One),
    ("aws:SourceOrgPaths", Holds::Many),
    ("aws:SourceOwner", Holds::One),
    ("aws:SourceVpc", Holds::One),
    ("aws:SourceVpcArn", Holds::One),
    ("aws:SourceVpce", Holds::One),
    ("aws:TagKeys", Holds::Many),
    ("aws:TokenIssueTime", Holds::One),
    ("aws:UserAgent", Holds::One),
    ("aws:userid", Holds::One),
    ("aws:username", Holds::One),
    ("aws:ViaAWSService", Holds::One),
    ("aws:VpceAccount", Holds::One),
    ("aws:VpceOrgID", Holds::One),
    ("aws:VpceOrgPaths", Holds::Many),
    ("aws:VpcSourceIp", Holds::One),
    ("iam:AssociatedResourceArn", Holds::One),
    ("iam:AWSServiceName", Holds::One),
    ("iam:FIDO-certification", Holds::One),
    ("iam:FIDO-FIPS-140-2-certification", Holds::One),
    ("iam:FIDO-FIPS-140-3-certification", Holds::One),
    ("iam:OrganizationsPolicyId", Holds::One),
    ("iam:PassedToService", Holds::One),
    ("iam:PermissionsBoundary", Holds::One),
    ("iam:PolicyARN", Holds::One),
    ("iam:RegisterSecurityKey", Holds::One),
    ("iam:ResourceTag/", Holds::One),
    ("iam:ServiceSpecificCredentialAgeDays", Holds::One),
    ("iam:ServiceSpecificCredentialServiceName", Holds::One),
    ("saml:aud", Holds::One),
    ("saml:cn", Holds::Many),
    ("saml:commonName", Holds::Many),
    ("saml:doc", Holds::One),
    ("saml:eduorghomepageuri", Holds::Many),
    ("saml:eduorgidentityauthnpolicyuri", Holds::Many),
    ("saml:eduorglegalname", Holds::Many),
    ("saml:eduorgsuperioruri", Holds::Many),
    ("saml:eduorgwhitepagesuri", Holds::Many),
    ("saml:edupersonaffiliation", Holds::Many),
    ("saml:edupersonassurance", Holds::Many),
    ("saml:edupersonentitlement", Holds::Many),
    ("saml:edupersonnickname", Holds::Many),
    ("saml:edupersonorgdn", Holds::One),
    ("saml:edupersonorgunitdn", Holds::Many),
    ("saml:edupersonprimaryaffiliation", Holds::One),
    ("saml:edupersonprimaryorgunitdn", Holds::One),
    ("saml:edupersonprincipalname", Holds::One),
    ("saml:edupersonscopedaffiliation", Holds::Many),
    ("saml:edupersontargetedid", Holds::Many),
    ("saml:givenName", Holds::Many),
    ("saml:iss", Holds::One),
    ("saml:mail", Holds::Many),
    ("saml:name", Holds::Many),
    ("saml:namequalifier", Holds::One),
    ("saml:organizationStatus", Holds::Many),
    ("saml:primaryGroupSID", Holds::Many),
    ("saml:sub", Holds::One),
    ("saml:sub_type", Holds::One),
    ("saml:surname", Holds::Many),
    ("saml:uid", Holds::Many),
    ("saml:x500UniqueIdentifier", Holds::Many),
    ("sts:AWSServiceName", Holds::One),
    ("sts:DurationSeconds", Holds::One),
    ("sts:ExternalId", Holds::One),
    ("sts:IdentityTokenAudience", Holds::Many),
    ("sts:RequestContext/", Holds::One),
    ("sts:RequestContextProviders", Holds::Many),
    ("sts:RoleSessionName", Holds::One),
    ("sts:SigningAlgorithm", Holds::One),
    ("sts:SourceIdentity", Holds::One),
    ("sts:TaskPolicyArn", Holds::One),
    ("sts:TransitiveTagKeys", Holds::Many),
];

/// What the keys begin with whose names are all known.
pub(crate) const PREFIXES: [&str; 4] = ["aws:", "iam:", "saml:", "sts:"];

/// What a key that the table knows holds. Key names ignore case.
pub(crate) fn holds(key: &str) -> Option<Holds> {
    let found = KEYS.iter().find(|(name, _)| match key.split_once('/') {
        Some((stem, tag)) if !tag.is_empty() => {
            name.strip_suffix('/').is_some_and(|name| name.eq_ignore_ascii_case(stem))
        }
        _ => name.eq_ignore_ascii_case(key) && !name.ends_with('/'),
    });
    found.map(|(_, holds)| *holds)
}

/// Whether a key is of a service whose keys are all known, and is none of them.
pub(crate) fn is_unknown(key: &str) -> bool {
    let lower = key.to_ascii_lowercase();
    PREFIXES.iter().any(|prefix| lower.starts_with(prefix)) && holds(key).is_none()
}

/// Whether a pattern matches a text, ignoring case; `*` and `?` are wildcards.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where to go on after the last star, and how much it has eaten.
    let mut retry: Option<(usize, usize)> = None;
    while let Some(byte) = text.get(t) {
        match pattern.get(p) {
            Some(b'*') => {
                retry = Some((p + 1, t));
                p += 1;
            }
            Some(wanted) if *wanted == b'?' || wanted.eq_ignore_ascii_case(byte) => {
                p += 1;
                t += 1;
            }
            _ => match retry {
                Some((behind, eaten)) => {
                    retry = Some((behind, eaten + 1));
                    p = behind;
                    t = eaten + 1;
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_known_in_any_case() {
        for (key, want) in [
            ("aws:SourceIp", false),
            ("AWS:sourceip", false),
            ("aws:SourceIpp", true),
            ("aws:PrincipalTag/team", false),
            ("aws:PrincipalTag", true),
            ("aws:PrincipalTag/", true),
            ("aws:SourceIp/x", true),
            ("sts:ExternalID", false),
            ("sts:ExternalIds", true),
            ("saml:eduPersonAffiliation", false),
            ("saml:eduPersonAffiliations", true),
            ("AWS:SourceOwner", false),
            ("s3:anything", false),
            ("issuer.example.com:sub", false),
        ] {
            assert_eq!(is_unknown(key), want, "{key}");
        }
    }

    #[test]
    fn the_attributes_of_persons_have_one_value_or_several() {
        for (key, want) in [
            ("saml:edupersonprincipalname", Some(Holds::One)),
            ("saml:eduPersonOrgDN", Some(Holds::One)),
            ("saml:edupersonprimaryaffiliation", Some(Holds::One)),
            ("saml:edupersonprimaryorgunitdn", Some(Holds::One)),
            ("saml:edupersonorgunitdn", Some(Holds::Many)),
            ("saml:eduorglegalname", Some(Holds::Many)),
            ("saml:eduorg", None),
        ] {
            assert_eq!(holds(key), want, "{key}");
        }
    }

    #[test]
    fn patterns_match_ignoring_case() {
        for (pattern, text, want) in [
            ("*", "", true),
            ("Get*", "getuser", true),
            ("*Role", "AssumeRole", true),
            ("*R*e", "AssumeRole", true),
            ("Get?ser", "GetUser", true),
            ("Get?", "GetUser", false),
            ("Pass", "PassRole", false),
            ("", "x", false),
        ] {
            assert_eq!(matches(pattern, text), want, "{pattern} {text}");
        }
    }

    #[test]
    fn tables_are_in_order() {
        for (_, names) in SERVICES {
            assert!(names.is_sorted());
        }
        assert!(KEYS.iter().map(|(key, _)| key.to_ascii_lowercase()).is_sorted());
    }
}
