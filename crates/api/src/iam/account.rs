//! The account itself: CreateAccountAlias, DeleteAccountAlias, ListAccountAliases,
//! GetAccountSummary. What this server does not have yet is counted as none.

use std::collections::BTreeMap;

use daypass_directory::TokenVersion;
use daypass_names::AccountAlias;
use daypass_query::Fields;
use serde::Serialize;

use super::paging::Page;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::required;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::regions::token_version;

/// Actions on the account have no resource.
fn need(call: &Authenticated<'_>, action: &'static str) -> Vec<Need> {
    vec![Need::new(action, "*", call.caller.account())]
}

/// IAM API reference, "CreateAccountAlias": an account has one alias; another takes its place.
#[derive(Debug)]
pub(crate) struct CreateAccountAlias;

impl Operation for CreateAccountAlias {
    const NAME: &'static str = "CreateAccountAlias";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("AccountAlias")];
    type Input = AccountAlias;
    type Subject = ();
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<AccountAlias> {
        required(fields, "AccountAlias")
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &AccountAlias,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:CreateAccountAlias"), ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (account, alias) = (call.caller.account(), permit.input().clone());
        call.app.directory.set_account_alias(account, alias, &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "DeleteAccountAlias".
#[derive(Debug)]
pub(crate) struct DeleteAccountAlias;

impl Operation for DeleteAccountAlias {
    const NAME: &'static str = "DeleteAccountAlias";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("AccountAlias")];
    type Input = AccountAlias;
    type Subject = ();
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<AccountAlias> {
        required(fields, "AccountAlias")
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &AccountAlias,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:DeleteAccountAlias"), ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let account = call.caller.account();
        call.app.directory.delete_account_alias(account, permit.input(), &note).await?;
        Ok(Void)
    }
}

/// IAM API reference, "ListAccountAliases".
#[derive(Debug)]
pub(crate) struct ListAccountAliases;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAccountAliasesOutput {
    account_aliases: Vec<String>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListAccountAliases {
    const NAME: &'static str = "ListAccountAliases";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Number("MaxItems")];
    type Input = Page;
    type Subject = ();
    type Output = ListAccountAliasesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Page> {
        Some(Page::decode(fields))
    }

    async fn needs(call: &Authenticated<'_>, _input: &Page) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:ListAccountAliases"), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListAccountAliasesOutput, Fault> {
        let alias = call.app.directory.account_alias(call.caller.account()).await?;
        let aliases = alias.iter().map(ToString::to_string).collect();
        let (account_aliases, marker) =
            permit.input().cut(call, Self::NAME, aliases, String::clone)?;
        let is_truncated = marker.is_some();
        Ok(ListAccountAliasesOutput { account_aliases, is_truncated, marker })
    }
}

/// IAM API reference, "GetAccountSummary".
#[derive(Debug)]
pub(crate) struct GetAccountSummary;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetAccountSummaryOutput {
    summary_map: BTreeMap<&'static str, u64>,
}

/// AWS's quotas for what there is none of here, or what has no quota of its own.
const QUOTAS: [(&str, u64); 3] = [
    ("PolicyVersionsInUseQuota", 10_000),
    ("ServerCertificatesQuota", 20),
    ("SigningCertificatesPerUserQuota", 2),
];

/// What there is none of here.
const NONE: [&str; 4] = [
    "AccountMFAEnabled",
    "AccountPasswordPresent",
    "AccountSigningCertificatesPresent",
    "ServerCertificates",
];

impl Operation for GetAccountSummary {
    const NAME: &'static str = "GetAccountSummary";
    const EFFECT: Effect = Effect::Reads;
    type Input = ();
    type Subject = ();
    type Output = GetAccountSummaryOutput;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((need(call, "iam:GetAccountSummary"), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        _permit: &Permit<Self>,
    ) -> Result<GetAccountSummaryOutput, Fault> {
        let (directory, account) = (&call.app.directory, call.caller.account());
        let counts = directory.account_counts(account).await?;
        let versions = directory.policy_versions_in_use(account).await?;
        let (devices, devices_in_use) = directory.mfa_device_counts(account).await?;
        let root_keys = u64::from(!directory.account(account).await?.root_access_keys.is_empty());
        let token_version = match token_version(call.app, account).await? {
            TokenVersion::V1 => 1,
            TokenVersion::V2 => 2,
        };
        let quotas = directory.quotas();
        let size = |size: usize| u64::try_from(size).unwrap_or(u64::MAX);
        let mut summary_map = BTreeMap::from([
            ("AccessKeysPerUserQuota", quotas.access_keys_per_user.into()),
            ("AccountAccessKeysPresent", root_keys),
            ("AssumeRolePolicySizeQuota", size(quotas.trust_policy_size)),
            ("AttachedPoliciesPerGroupQuota", quotas.policies_per_group.into()),
            ("AttachedPoliciesPerRoleQuota", quotas.policies_per_role.into()),
            ("AttachedPoliciesPerUserQuota", quotas.policies_per_user.into()),
            ("GlobalEndpointTokenVersion", token_version),
            ("GroupPolicySizeQuota", size(quotas.group_policy_size)),
            ("Groups", counts.groups.into()),
            ("GroupsPerUserQuota", quotas.groups_per_user.into()),
            ("GroupsQuota", quotas.groups.into()),
            ("InstanceProfiles", counts.instance_profiles.into()),
            ("InstanceProfilesQuota", quotas.instance_profiles.into()),
            ("MFADevices", devices.into()),
            ("MFADevicesInUse", devices_in_use.into()),
            ("Policies", counts.policies.into()),
            ("PoliciesQuota", quotas.policies.into()),
            ("PolicySizeQuota", size(quotas.policy_size)),
            ("PolicyVersionsInUse", versions),
            ("Providers", u64::from(counts.oidc_providers) + u64::from(counts.saml_providers)),
            ("RolePolicySizeQuota", size(quotas.role_policy_size)),
            ("Roles", counts.roles.into()),
            ("RolesQuota", quotas.roles.into()),
            ("UserPolicySizeQuota", size(quotas.user_policy_size)),
            ("Users", counts.users.into()),
            ("UsersQuota", quotas.users.into()),
            ("VersionsPerPolicyQuota", quotas.versions_per_policy.into()),
        ]);
        summary_map.extend(QUOTAS);
        summary_map.extend(NONE.map(|key| (key, 0)));
        Ok(GetAccountSummaryOutput { summary_map })
    }
}
