//! AWS IAM, API version 2010-05-08. One file a kind of entity, one item an operation.

mod access_keys;
mod account;
mod attachments;
mod authorization_details;
mod boundaries;
mod context_keys;
mod credential_report;
mod deletion;
mod document;
mod groups;
mod inline_policies;
mod instance_profiles;
mod login_profiles;
mod managed_policies;
mod mfa_devices;
mod mfa_listing;
mod named;
mod none_held;
mod oidc_providers;
mod paging;
mod password_policy;
pub(crate) mod policy_arn;
mod policy_exclusions;
mod policy_source;
mod policy_versions;
mod provider_arn;
mod roles;
mod root_user;
mod saml_providers;
mod service_access;
mod service_linked_roles;
mod simulate_custom;
mod simulate_principal;
mod simulation;
mod simulation_input;
mod sts_preferences;
pub(crate) mod tags;
mod users;

use daypass_directory::{
    Group, InstanceProfile, ManagedPolicy, MfaDevice, OidcProvider, Role, SamlProvider, User,
};

use crate::operation::{AnyOperation, Row};
use attachments::{Attach, Detach, ListAttached};
use boundaries::{DeleteBoundary, PutBoundary};
pub(crate) use credential_report::CredentialReports;
use deletion::DeleteEntity;
use inline_policies::{DeleteInlinePolicy, GetInlinePolicy, ListInlinePolicies, PutInlinePolicy};
use none_held::{ListNone, ServiceSpecificCredentials, SigningCertificates, SshPublicKeys};
use tags::{ListEntityTags, TagEntity, UntagEntity};

/// The operations of the service.
// A static: each crate that goes through a constant would hold all of them once more.
pub(crate) static OPERATIONS: &[&dyn AnyOperation] = &[
    &Row::<access_keys::CreateAccessKey>::NEW,
    &Row::<access_keys::DeleteAccessKey>::NEW,
    &Row::<access_keys::GetAccessKeyLastUsed>::NEW,
    &Row::<access_keys::ListAccessKeys>::NEW,
    &Row::<access_keys::UpdateAccessKey>::NEW,
    &Row::<account::CreateAccountAlias>::NEW,
    &Row::<account::DeleteAccountAlias>::NEW,
    &Row::<account::GetAccountSummary>::NEW,
    &Row::<account::ListAccountAliases>::NEW,
    &Row::<context_keys::GetContextKeysForCustomPolicy>::NEW,
    &Row::<context_keys::GetContextKeysForPrincipalPolicy>::NEW,
    &Row::<credential_report::GenerateCredentialReport>::NEW,
    &Row::<credential_report::GetCredentialReport>::NEW,
    &Row::<groups::AddUserToGroup>::NEW,
    &Row::<groups::CreateGroup>::NEW,
    &Row::<groups::GetGroup>::NEW,
    &Row::<groups::ListGroups>::NEW,
    &Row::<groups::ListGroupsForUser>::NEW,
    &Row::<groups::RemoveUserFromGroup>::NEW,
    &Row::<groups::UpdateGroup>::NEW,
    &Row::<instance_profiles::AddRoleToInstanceProfile>::NEW,
    &Row::<instance_profiles::CreateInstanceProfile>::NEW,
    &Row::<instance_profiles::GetInstanceProfile>::NEW,
    &Row::<instance_profiles::ListInstanceProfiles>::NEW,
    &Row::<instance_profiles::ListInstanceProfilesForRole>::NEW,
    &Row::<instance_profiles::RemoveRoleFromInstanceProfile>::NEW,
    &Row::<login_profiles::ChangePassword>::NEW,
    &Row::<login_profiles::CreateLoginProfile>::NEW,
    &Row::<login_profiles::DeleteLoginProfile>::NEW,
    &Row::<login_profiles::GetLoginProfile>::NEW,
    &Row::<login_profiles::UpdateLoginProfile>::NEW,
    &Row::<ListNone<ServiceSpecificCredentials>>::NEW,
    &Row::<ListNone<SigningCertificates>>::NEW,
    &Row::<ListNone<SshPublicKeys>>::NEW,
    &Row::<oidc_providers::AddClientId>::NEW,
    &Row::<oidc_providers::CreateOpenIdConnectProvider>::NEW,
    &Row::<oidc_providers::DeleteOpenIdConnectProvider>::NEW,
    &Row::<oidc_providers::GetOpenIdConnectProvider>::NEW,
    &Row::<oidc_providers::ListOpenIdConnectProviders>::NEW,
    &Row::<oidc_providers::RemoveClientId>::NEW,
    &Row::<oidc_providers::UpdateOpenIdConnectProviderThumbprint>::NEW,
    &Row::<password_policy::DeleteAccountPasswordPolicy>::NEW,
    &Row::<password_policy::GetAccountPasswordPolicy>::NEW,
    &Row::<password_policy::UpdateAccountPasswordPolicy>::NEW,
    &Row::<roles::CreateRole>::NEW,
    &Row::<roles::GetRole>::NEW,
    &Row::<roles::ListRoles>::NEW,
    &Row::<roles::UpdateAssumeRolePolicy>::NEW,
    &Row::<roles::UpdateRole>::NEW,
    &Row::<roles::UpdateRoleDescription>::NEW,
    &Row::<service_access::ListPoliciesGrantingServiceAccess>::NEW,
    &Row::<service_linked_roles::CreateServiceLinkedRole>::NEW,
    &Row::<service_linked_roles::DeleteServiceLinkedRole>::NEW,
    &Row::<service_linked_roles::GetServiceLinkedRoleDeletionStatus>::NEW,
    &Row::<saml_providers::CreateSamlProvider>::NEW,
    &Row::<saml_providers::DeleteSamlProvider>::NEW,
    &Row::<saml_providers::GetSamlProvider>::NEW,
    &Row::<saml_providers::ListSamlProviders>::NEW,
    &Row::<saml_providers::UpdateSamlProvider>::NEW,
    &Row::<simulate_custom::SimulateCustomPolicy>::NEW,
    &Row::<simulate_principal::SimulatePrincipalPolicy>::NEW,
    &Row::<sts_preferences::SetSecurityTokenServicePreferences>::NEW,
    &Row::<users::CreateUser>::NEW,
    &Row::<users::GetUser>::NEW,
    &Row::<users::ListUsers>::NEW,
    &Row::<users::UpdateUser>::NEW,
    &Row::<DeleteEntity<Group>>::NEW,
    &Row::<DeleteEntity<InstanceProfile>>::NEW,
    &Row::<DeleteEntity<Role>>::NEW,
    &Row::<DeleteEntity<User>>::NEW,
    &Row::<DeleteInlinePolicy<Group>>::NEW,
    &Row::<DeleteInlinePolicy<Role>>::NEW,
    &Row::<DeleteInlinePolicy<User>>::NEW,
    &Row::<GetInlinePolicy<Group>>::NEW,
    &Row::<GetInlinePolicy<Role>>::NEW,
    &Row::<GetInlinePolicy<User>>::NEW,
    &Row::<ListInlinePolicies<Group>>::NEW,
    &Row::<ListInlinePolicies<Role>>::NEW,
    &Row::<ListInlinePolicies<User>>::NEW,
    &Row::<PutInlinePolicy<Group>>::NEW,
    &Row::<PutInlinePolicy<Role>>::NEW,
    &Row::<PutInlinePolicy<User>>::NEW,
    &Row::<ListEntityTags<InstanceProfile>>::NEW,
    &Row::<ListEntityTags<ManagedPolicy>>::NEW,
    &Row::<ListEntityTags<MfaDevice>>::NEW,
    &Row::<ListEntityTags<OidcProvider>>::NEW,
    &Row::<ListEntityTags<Role>>::NEW,
    &Row::<ListEntityTags<SamlProvider>>::NEW,
    &Row::<ListEntityTags<User>>::NEW,
    &Row::<TagEntity<InstanceProfile>>::NEW,
    &Row::<TagEntity<ManagedPolicy>>::NEW,
    &Row::<TagEntity<MfaDevice>>::NEW,
    &Row::<TagEntity<OidcProvider>>::NEW,
    &Row::<TagEntity<Role>>::NEW,
    &Row::<TagEntity<SamlProvider>>::NEW,
    &Row::<TagEntity<User>>::NEW,
    &Row::<UntagEntity<InstanceProfile>>::NEW,
    &Row::<UntagEntity<ManagedPolicy>>::NEW,
    &Row::<UntagEntity<MfaDevice>>::NEW,
    &Row::<UntagEntity<OidcProvider>>::NEW,
    &Row::<UntagEntity<Role>>::NEW,
    &Row::<UntagEntity<SamlProvider>>::NEW,
    &Row::<UntagEntity<User>>::NEW,
    &Row::<managed_policies::CreatePolicy>::NEW,
    &Row::<managed_policies::DeletePolicy>::NEW,
    &Row::<managed_policies::GetPolicy>::NEW,
    &Row::<managed_policies::ListPolicies>::NEW,
    &Row::<mfa_devices::CreateVirtualMfaDevice>::NEW,
    &Row::<mfa_devices::DeactivateMfaDevice>::NEW,
    &Row::<mfa_devices::DeleteVirtualMfaDevice>::NEW,
    &Row::<mfa_listing::GetMfaDevice>::NEW,
    &Row::<mfa_listing::ListMfaDevices>::NEW,
    &Row::<mfa_listing::ListVirtualMfaDevices>::NEW,
    &Row::<mfa_devices::ShowCodes<mfa_devices::Enable>>::NEW,
    &Row::<mfa_devices::ShowCodes<mfa_devices::Resync>>::NEW,
    &Row::<policy_versions::CreatePolicyVersion>::NEW,
    &Row::<policy_versions::GetPolicyVersion>::NEW,
    &Row::<policy_versions::ListPolicyVersions>::NEW,
    &Row::<policy_versions::ChangeVersion<policy_versions::Delete>>::NEW,
    &Row::<policy_versions::ChangeVersion<policy_versions::SetDefault>>::NEW,
    &Row::<attachments::ListEntities>::NEW,
    &Row::<Attach<Group>>::NEW,
    &Row::<Attach<Role>>::NEW,
    &Row::<Attach<User>>::NEW,
    &Row::<Detach<Group>>::NEW,
    &Row::<Detach<Role>>::NEW,
    &Row::<Detach<User>>::NEW,
    &Row::<ListAttached<Group>>::NEW,
    &Row::<ListAttached<Role>>::NEW,
    &Row::<ListAttached<User>>::NEW,
    &Row::<DeleteBoundary<Role>>::NEW,
    &Row::<DeleteBoundary<User>>::NEW,
    &Row::<PutBoundary<Role>>::NEW,
    &Row::<PutBoundary<User>>::NEW,
    &Row::<authorization_details::GetAccountAuthorizationDetails>::NEW,
];
