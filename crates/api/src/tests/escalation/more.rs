//! Further ways: by attributes that policies look at, by credentials, by services; and every other
//! write, so that none is without its own permission.

use super::super::refusals::METADATA;
use super::{
    ADMIN, ALLOWS_IF_TAGGED, DENIES_IF_TAGGED, DENY_ARN, Gain, HELPER, OLD_KEY, OWN_ARN,
    TRUSTS_ALL, USER, USER_LISTS, WIDE, Way,
};

const PHONE: (&str, &str) = ("SerialNumber", "arn:aws:iam::123456789012:mfa/spare");
const FIRST: &str = "Correct-Horse-1";
const SECOND: &str = "Correct-Horse-2";
const TEAM: [(&str, &str); 2] = [("Tags.member.1.Key", "team"), ("Tags.member.1.Value", "admins")];
const TEAM_KEY: (&str, &str) = ("TagKeys.member.1", "team");
const TRUSTS_PATH: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole","Condition":{"ArnLike":{"aws:PrincipalArn":"arn:aws:iam::123456789012:user/trusted/*"}}}}"#;
const TRUSTS_NAME: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole","Condition":{"StringEquals":{"aws:username":"trusted"}}}}"#;
const JOINS_OPEN: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:AddUserToGroup","Resource":"arn:aws:iam::123456789012:group/open/*"}}"#;
const CHANGES_TAGGED: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"admins"}}}}"#;
const CHANGES_UNTAGGED: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"iam:CreatePolicyVersion","Resource":"*"},{"Effect":"Deny","Action":"iam:CreatePolicyVersion","Resource":"*","Condition":{"StringEquals":{"aws:ResourceTag/team":"admins"}}}]}"#;
const LISTS_WITH_MFA: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"iam:ListUsers","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}}"#;

const TAG_OWN: &[(&str, &str)] =
    &[("Action", "TagPolicy"), ("PolicyArn", OWN_ARN), TEAM[0], TEAM[1]];
const ENABLE: &[(&str, &str)] = &[
    ("Action", "EnableMFADevice"),
    USER,
    PHONE,
    ("AuthenticationCode1", "{code 1}"),
    ("AuthenticationCode2", "{code 2}"),
];
const MACHINE: (&str, &str) = ("InstanceProfileName", "Machine");
const MAKE_MACHINE: &[(&str, &str)] = &[("Action", "CreateInstanceProfile"), MACHINE];
const WIDEN_OWN: &[(&str, &str)] = &[
    ("Action", "CreatePolicyVersion"),
    ("PolicyArn", OWN_ARN),
    ("PolicyDocument", WIDE),
    ("SetAsDefault", "true"),
];
const OIDC_ARN: &str = "arn:aws:iam::123456789012:oidc-provider/idp.example";
const OIDC: (&str, &str) = ("OpenIDConnectProviderArn", OIDC_ARN);
const MAKE_OIDC: &[(&str, &str)] =
    &[("Action", "CreateOpenIDConnectProvider"), ("Url", "https://idp.example")];
const CLIENT: (&str, &str) = ("ClientID", "mallorys-app");
const SAML_ARN: &str = "arn:aws:iam::123456789012:saml-provider/idp";
const SAML: (&str, &str) = ("SAMLProviderArn", SAML_ARN);
const MAKE_SAML: &[(&str, &str)] =
    &[("Action", "CreateSAMLProvider"), ("Name", "idp"), ("SAMLMetadataDocument", METADATA)];
/// Another provider than that of [`METADATA`].
const OWN_METADATA: &str = concat!(
    r#"<EntityDescriptor xmlns="urn:oasis:names:tc:SAML:2.0:metadata" entityID="https://mallory.example/"><IDPSSODescriptor protocolSupportEnumeration="urn:oasis:names:tc:SAML:2.0:protocol"><KeyDescriptor use="signing"><KeyInfo xmlns="http://www.w3.org/2000/09/xmldsig#"><X509Data><X509Certificate>"#,
    include_str!("../../../../federation/src/saml/testdata/rsa2048.txt"),
    r#"</X509Certificate></X509Data></KeyInfo></KeyDescriptor><SingleSignOnService Binding="urn:oasis:names:tc:SAML:2.0:bindings:HTTP-Redirect" Location="https://mallory.example/sso"/></IDPSSODescriptor></EntityDescriptor>"#
);
const LINKED: (&str, &str) = ("AWSServiceName", "autoscaling.amazonaws.com");
const LINKED_ROLE: &str =
    "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling";

/// A call of which nobody gains by itself: it takes something from others, or prepares a way.
const fn plain(
    before: &'static [&'static [(&'static str, &'static str)]],
    call: &'static [(&'static str, &'static str)],
    needs: &'static [(&'static str, &'static str)],
) -> Way {
    Way { before, call, needs, gain: Gain::Elsewhere }
}

pub(super) const MORE: &[Way] = &[
    // Names and paths that policies trust.
    Way {
        before: &[&[("Action", "UpdateAssumeRolePolicy"), ADMIN, ("PolicyDocument", TRUSTS_PATH)]],
        call: &[("Action", "UpdateUser"), USER, ("NewPath", "/trusted/")],
        needs: &[("iam:UpdateUser", "user/Mallory"), ("iam:UpdateUser", "user/trusted/Mallory")],
        gain: Gain::Role("Admin"),
    },
    Way {
        before: &[&[("Action", "UpdateAssumeRolePolicy"), ADMIN, ("PolicyDocument", TRUSTS_NAME)]],
        call: &[("Action", "UpdateUser"), USER, ("NewUserName", "trusted")],
        needs: &[("iam:UpdateUser", "user/Mallory"), ("iam:UpdateUser", "user/trusted")],
        gain: Gain::Role("Admin"),
    },
    Way {
        before: &[&[
            ("Action", "PutUserPolicy"),
            USER,
            ("PolicyName", "joins"),
            ("PolicyDocument", JOINS_OPEN),
        ]],
        call: &[("Action", "UpdateGroup"), ("GroupName", "Admins"), ("NewPath", "/open/")],
        needs: &[("iam:UpdateGroup", "group/Admins"), ("iam:UpdateGroup", "group/open/Admins")],
        gain: Gain::After(&[("Action", "AddUserToGroup"), ("GroupName", "Admins"), USER]),
    },
    // Tags that policies look at.
    Way {
        before: &[&[
            ("Action", "PutUserPolicy"),
            USER,
            ("PolicyName", "tagged"),
            ("PolicyDocument", ALLOWS_IF_TAGGED),
        ]],
        call: &[("Action", "TagUser"), USER, TEAM[0], TEAM[1]],
        needs: &[("iam:TagUser", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[
            USER_LISTS,
            &[("Action", "TagUser"), USER, TEAM[0], TEAM[1]],
            &[
                ("Action", "PutUserPolicy"),
                USER,
                ("PolicyName", "tagged"),
                ("PolicyDocument", DENIES_IF_TAGGED),
            ],
        ],
        call: &[("Action", "UntagUser"), USER, TEAM_KEY],
        needs: &[("iam:UntagUser", "user/Mallory")],
        gain: Gain::Itself,
    },
    Way {
        before: &[&[
            ("Action", "PutRolePolicy"),
            HELPER,
            ("PolicyName", "tagged"),
            ("PolicyDocument", ALLOWS_IF_TAGGED),
        ]],
        call: &[("Action", "TagRole"), HELPER, TEAM[0], TEAM[1]],
        needs: &[("iam:TagRole", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[
            &[("Action", "PutRolePolicy"), HELPER, ("PolicyName", "p"), ("PolicyDocument", WIDE)],
            &[("Action", "TagRole"), HELPER, TEAM[0], TEAM[1]],
            &[
                ("Action", "PutRolePolicy"),
                HELPER,
                ("PolicyName", "tagged"),
                ("PolicyDocument", DENIES_IF_TAGGED),
            ],
        ],
        call: &[("Action", "UntagRole"), HELPER, TEAM_KEY],
        needs: &[("iam:UntagRole", "role/Helper")],
        gain: Gain::Role("Helper"),
    },
    Way {
        before: &[&[
            ("Action", "PutUserPolicy"),
            USER,
            ("PolicyName", "changes"),
            ("PolicyDocument", CHANGES_TAGGED),
        ]],
        call: TAG_OWN,
        needs: &[("iam:TagPolicy", "policy/own")],
        gain: Gain::After(WIDEN_OWN),
    },
    Way {
        before: &[
            TAG_OWN,
            &[
                ("Action", "PutUserPolicy"),
                USER,
                ("PolicyName", "changes"),
                ("PolicyDocument", CHANGES_UNTAGGED),
            ],
        ],
        call: &[("Action", "UntagPolicy"), ("PolicyArn", OWN_ARN), TEAM_KEY],
        needs: &[("iam:UntagPolicy", "policy/own")],
        gain: Gain::After(WIDEN_OWN),
    },
    plain(
        &[MAKE_MACHINE],
        &[("Action", "TagInstanceProfile"), MACHINE, TEAM[0], TEAM[1]],
        &[("iam:TagInstanceProfile", "instance-profile/Machine")],
    ),
    plain(
        &[MAKE_MACHINE, &[("Action", "TagInstanceProfile"), MACHINE, TEAM[0], TEAM[1]]],
        &[("Action", "UntagInstanceProfile"), MACHINE, TEAM_KEY],
        &[("iam:UntagInstanceProfile", "instance-profile/Machine")],
    ),
    plain(
        &[],
        &[("Action", "TagMFADevice"), PHONE, TEAM[0], TEAM[1]],
        &[("iam:TagMFADevice", "mfa/spare")],
    ),
    plain(
        &[&[("Action", "TagMFADevice"), PHONE, TEAM[0], TEAM[1]]],
        &[("Action", "UntagMFADevice"), PHONE, TEAM_KEY],
        &[("iam:UntagMFADevice", "mfa/spare")],
    ),
    // Credentials.
    Way {
        before: &[],
        call: &[
            ("Action", "UpdateAccessKey"),
            ("UserName", "boss"),
            ("AccessKeyId", OLD_KEY),
            ("Status", "Active"),
        ],
        needs: &[("iam:UpdateAccessKey", "user/boss")],
        gain: Gain::OldKey,
    },
    plain(
        &[],
        &[("Action", "DeleteAccessKey"), ("UserName", "boss"), ("AccessKeyId", OLD_KEY)],
        &[("iam:DeleteAccessKey", "user/boss")],
    ),
    // Whoever signs in with it has the rights of the user.
    plain(
        &[],
        &[("Action", "CreateLoginProfile"), ("UserName", "boss"), ("Password", FIRST)],
        &[("iam:CreateLoginProfile", "user/boss")],
    ),
    plain(
        &[&[("Action", "CreateLoginProfile"), ("UserName", "boss"), ("Password", FIRST)]],
        &[("Action", "UpdateLoginProfile"), ("UserName", "boss"), ("Password", SECOND)],
        &[("iam:UpdateLoginProfile", "user/boss")],
    ),
    plain(
        &[&[("Action", "CreateLoginProfile"), ("UserName", "boss"), ("Password", FIRST)]],
        &[("Action", "DeleteLoginProfile"), ("UserName", "boss")],
        &[("iam:DeleteLoginProfile", "user/boss")],
    ),
    // A way to stay: the password outlives the key.
    plain(
        &[&[("Action", "CreateLoginProfile"), USER, ("Password", FIRST)]],
        &[("Action", "ChangePassword"), ("OldPassword", FIRST), ("NewPassword", SECOND)],
        &[("iam:ChangePassword", "user/Mallory")],
    ),
    plain(
        &[],
        &[("Action", "UpdateAccountPasswordPolicy"), ("MinimumPasswordLength", "6")],
        &[("iam:UpdateAccountPasswordPolicy", "*")],
    ),
    plain(
        &[&[("Action", "UpdateAccountPasswordPolicy"), ("MinimumPasswordLength", "20")]],
        &[("Action", "DeleteAccountPasswordPolicy")],
        &[("iam:DeleteAccountPasswordPolicy", "*")],
    ),
    // A second factor of one's own.
    plain(
        &[],
        &[("Action", "CreateVirtualMFADevice"), ("VirtualMFADeviceName", "own")],
        &[("iam:CreateVirtualMFADevice", "mfa/own")],
    ),
    Way {
        before: &[&[
            ("Action", "PutUserPolicy"),
            USER,
            ("PolicyName", "mfa"),
            ("PolicyDocument", LISTS_WITH_MFA),
        ]],
        call: ENABLE,
        needs: &[("iam:EnableMFADevice", "user/Mallory")],
        gain: Gain::SecondFactor,
    },
    plain(
        &[ENABLE],
        &[
            ("Action", "ResyncMFADevice"),
            USER,
            PHONE,
            ("AuthenticationCode1", "{code 3}"),
            ("AuthenticationCode2", "{code 4}"),
        ],
        &[("iam:ResyncMFADevice", "user/Mallory")],
    ),
    plain(
        &[ENABLE],
        &[("Action", "DeactivateMFADevice"), USER, PHONE],
        &[("iam:DeactivateMFADevice", "user/Mallory")],
    ),
    plain(
        &[],
        &[("Action", "DeleteVirtualMFADevice"), PHONE],
        &[("iam:DeleteVirtualMFADevice", "mfa/spare")],
    ),
    // Identity providers: whoever is one says who may assume the roles that trust it.
    plain(&[], MAKE_OIDC, &[("iam:CreateOpenIDConnectProvider", "oidc-provider/idp.example")]),
    plain(
        &[MAKE_OIDC],
        &[("Action", "AddClientIDToOpenIDConnectProvider"), OIDC, CLIENT],
        &[("iam:AddClientIDToOpenIDConnectProvider", "oidc-provider/idp.example")],
    ),
    plain(
        &[MAKE_OIDC, &[("Action", "AddClientIDToOpenIDConnectProvider"), OIDC, CLIENT]],
        &[("Action", "RemoveClientIDFromOpenIDConnectProvider"), OIDC, CLIENT],
        &[("iam:RemoveClientIDFromOpenIDConnectProvider", "oidc-provider/idp.example")],
    ),
    plain(
        &[MAKE_OIDC],
        &[
            ("Action", "UpdateOpenIDConnectProviderThumbprint"),
            OIDC,
            ("ThumbprintList.member.1", "0123456789abcdef0123456789abcdef01234567"),
        ],
        &[("iam:UpdateOpenIDConnectProviderThumbprint", "oidc-provider/idp.example")],
    ),
    plain(
        &[MAKE_OIDC],
        &[("Action", "DeleteOpenIDConnectProvider"), OIDC],
        &[("iam:DeleteOpenIDConnectProvider", "oidc-provider/idp.example")],
    ),
    plain(
        &[MAKE_OIDC],
        &[("Action", "TagOpenIDConnectProvider"), OIDC, TEAM[0], TEAM[1]],
        &[("iam:TagOpenIDConnectProvider", "oidc-provider/idp.example")],
    ),
    plain(
        &[MAKE_OIDC, &[("Action", "TagOpenIDConnectProvider"), OIDC, TEAM[0], TEAM[1]]],
        &[("Action", "UntagOpenIDConnectProvider"), OIDC, TEAM_KEY],
        &[("iam:UntagOpenIDConnectProvider", "oidc-provider/idp.example")],
    ),
    plain(&[], MAKE_SAML, &[("iam:CreateSAMLProvider", "saml-provider/idp")]),
    plain(
        &[MAKE_SAML],
        &[("Action", "UpdateSAMLProvider"), SAML, ("SAMLMetadataDocument", OWN_METADATA)],
        &[("iam:UpdateSAMLProvider", "saml-provider/idp")],
    ),
    plain(
        &[MAKE_SAML],
        &[("Action", "DeleteSAMLProvider"), SAML],
        &[("iam:DeleteSAMLProvider", "saml-provider/idp")],
    ),
    plain(
        &[MAKE_SAML],
        &[("Action", "TagSAMLProvider"), SAML, TEAM[0], TEAM[1]],
        &[("iam:TagSAMLProvider", "saml-provider/idp")],
    ),
    plain(
        &[MAKE_SAML, &[("Action", "TagSAMLProvider"), SAML, TEAM[0], TEAM[1]]],
        &[("Action", "UntagSAMLProvider"), SAML, TEAM_KEY],
        &[("iam:UntagSAMLProvider", "saml-provider/idp")],
    ),
    // Roles that services assume.
    plain(
        &[],
        &[("Action", "CreateServiceLinkedRole"), LINKED],
        &[("iam:CreateServiceLinkedRole", LINKED_ROLE)],
    ),
    plain(
        &[&[("Action", "CreateServiceLinkedRole"), LINKED]],
        &[("Action", "DeleteServiceLinkedRole"), ("RoleName", "AWSServiceRoleForAutoScaling")],
        &[("iam:DeleteServiceLinkedRole", LINKED_ROLE)],
    ),
    plain(&[], MAKE_MACHINE, &[("iam:CreateInstanceProfile", "instance-profile/Machine")]),
    plain(
        &[MAKE_MACHINE],
        &[("Action", "DeleteInstanceProfile"), MACHINE],
        &[("iam:DeleteInstanceProfile", "instance-profile/Machine")],
    ),
    plain(
        &[MAKE_MACHINE, &[("Action", "AddRoleToInstanceProfile"), MACHINE, ADMIN]],
        &[("Action", "RemoveRoleFromInstanceProfile"), MACHINE, ADMIN],
        &[("iam:RemoveRoleFromInstanceProfile", "instance-profile/Machine")],
    ),
    // What is there, and what it says of itself.
    plain(&[], &[("Action", "CreateUser"), ("UserName", "New")], &[("iam:CreateUser", "user/New")]),
    plain(
        &[&[("Action", "CreateUser"), ("UserName", "New")]],
        &[("Action", "DeleteUser"), ("UserName", "New")],
        &[("iam:DeleteUser", "user/New")],
    ),
    plain(
        &[],
        &[("Action", "CreateGroup"), ("GroupName", "New")],
        &[("iam:CreateGroup", "group/New")],
    ),
    plain(
        &[&[("Action", "CreateGroup"), ("GroupName", "New")]],
        &[("Action", "DeleteGroup"), ("GroupName", "New")],
        &[("iam:DeleteGroup", "group/New")],
    ),
    plain(
        &[],
        &[("Action", "CreateRole"), ("RoleName", "New"), ("AssumeRolePolicyDocument", TRUSTS_ALL)],
        &[("iam:CreateRole", "role/New")],
    ),
    plain(&[], &[("Action", "DeleteRole"), HELPER], &[("iam:DeleteRole", "role/Helper")]),
    plain(
        &[],
        &[("Action", "UpdateRole"), HELPER, ("MaxSessionDuration", "43200")],
        &[("iam:UpdateRole", "role/Helper")],
    ),
    plain(
        &[],
        &[("Action", "UpdateRoleDescription"), HELPER, ("Description", "harmless")],
        &[("iam:UpdateRoleDescription", "role/Helper")],
    ),
    plain(
        &[],
        &[("Action", "CreatePolicy"), ("PolicyName", "New"), ("PolicyDocument", WIDE)],
        &[("iam:CreatePolicy", "policy/New")],
    ),
    plain(
        &[],
        &[("Action", "DeletePolicy"), ("PolicyArn", DENY_ARN)],
        &[("iam:DeletePolicy", "policy/deny")],
    ),
    plain(
        &[],
        &[("Action", "DeletePolicyVersion"), ("PolicyArn", OWN_ARN), ("VersionId", "v2")],
        &[("iam:DeletePolicyVersion", "policy/own")],
    ),
    plain(
        &[],
        &[("Action", "CreateAccountAlias"), ("AccountAlias", "example")],
        &[("iam:CreateAccountAlias", "*")],
    ),
    plain(
        &[&[("Action", "CreateAccountAlias"), ("AccountAlias", "example")]],
        &[("Action", "DeleteAccountAlias"), ("AccountAlias", "example")],
        &[("iam:DeleteAccountAlias", "*")],
    ),
    plain(
        &[],
        &[
            ("Action", "SetSecurityTokenServicePreferences"),
            ("GlobalEndpointTokenVersion", "v2Token"),
        ],
        &[("iam:SetSecurityTokenServicePreferences", "*")],
    ),
];
