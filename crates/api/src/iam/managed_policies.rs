//! Managed policies: CreatePolicy, GetPolicy, ListPolicies, DeletePolicy. What a new one may grant,
//! and to whom, is the business of whoever attaches it.

use daypass_directory::{ManagedPolicy, NewManagedPolicy, PolicyScope, PolicyUsage, Tag};
use daypass_names::{
    Arn, Constrained, Path, PathPrefix, PolicyDescription, PolicyName, UniqueId, UniqueIdKind,
};
use daypass_query::Fields;
use serde::Serialize;

use super::named;
use super::paging::Page;
pub(crate) use super::policy_arn::{ByArn, policy_arn};
use super::policy_arn::{PATH, path_prefix};
use super::policy_versions::VersionOut;
use super::tags::{self, TagOut};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{POLICY_DOCUMENT, optional, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// How often ListPolicies asks the directory for more before it answers with fewer policies than
/// were asked for: what a filter leaves out must not make one call read a whole account.
const ROUNDS: usize = 16;

/// `Policy` of replies, and the managed policies of GetAccountAuthorizationDetails.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct PolicyOut {
    policy_name: String,
    policy_id: String,
    arn: String,
    path: String,
    default_version_id: String,
    attachment_count: u32,
    permissions_boundary_usage_count: u32,
    is_attachable: bool,
    /// Only GetPolicy and GetAccountAuthorizationDetails tell it.
    pub(crate) description: Option<String>,
    create_date: Date,
    update_date: Date,
    /// Only GetAccountAuthorizationDetails has them.
    pub(crate) policy_version_list: Option<Vec<VersionOut>>,
    /// Only CreatePolicy and GetPolicy tell them.
    tags: Option<Vec<TagOut>>,
}

impl PolicyOut {
    /// With the tags.
    fn tagged(policy: &ManagedPolicy) -> Self {
        Self { tags: tags::shown(&policy.tags), ..Self::from(policy) }
    }
}

impl From<&ManagedPolicy> for PolicyOut {
    fn from(policy: &ManagedPolicy) -> Self {
        Self {
            policy_name: policy.name.to_string(),
            policy_id: policy.id.to_string(),
            arn: policy.arn.to_string(),
            path: policy.path.to_string(),
            default_version_id: policy.default.to_string(),
            attachment_count: policy.attachments,
            permissions_boundary_usage_count: policy.boundaries,
            is_attachable: true,
            description: None,
            create_date: Date(policy.created),
            update_date: Date(policy.updated),
            policy_version_list: None,
            tags: None,
        }
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OnePolicy {
    policy: PolicyOut,
}

/// IAM API reference, "CreatePolicy".
#[derive(Debug)]
pub(crate) struct CreatePolicy;

#[derive(Debug)]
pub(crate) struct CreatePolicyInput {
    name: PolicyName,
    path: Path,
    document: String,
    description: Option<PolicyDescription>,
    tags: Vec<Tag>,
}

impl Operation for CreatePolicy {
    const NAME: &'static str = "CreatePolicy";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("PolicyName"),
        Recorded::Text("Path"),
        Recorded::Text("PolicyDocument"),
        Recorded::Text("Description"),
        Recorded::Tags("Tags"),
    ];
    type Input = CreatePolicyInput;
    type Subject = ();
    type Output = OnePolicy;

    fn decode(fields: &mut Fields<'_>) -> Option<CreatePolicyInput> {
        let name = required(fields, "PolicyName");
        let path = fields.text("Path", &PATH).and_then(|text| Path::parse(text).ok());
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        let description = optional(fields, "Description");
        let tags = tags::decode(fields);
        let (name, document) = (name?, document?);
        Some(CreatePolicyInput {
            name,
            path: path.unwrap_or_default(),
            document,
            description,
            tags,
        })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreatePolicyInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        tags::check(&input.tags)?;
        let (partition, account) = named::here(call);
        let arn = Arn::policy(partition, account, &input.path, &input.name);
        let need = Need::new("iam:CreatePolicy", arn.to_string(), account);
        let need = need.shown_as(format!("policy {}", input.name));
        Ok((tags::creation_needs(need, "iam:TagPolicy", &input.tags), ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OnePolicy, Fault> {
        let input = permit.input();
        let policy = NewManagedPolicy {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::ManagedPolicy, call.app.random.array()?),
            name: input.name.clone(),
            path: input.path.clone(),
            created: call.now,
            description: input.description.clone(),
            text: input.document.clone(),
            tags: input.tags.clone(),
        };
        let output = |policy: &ManagedPolicy| OnePolicy { policy: PolicyOut::tagged(policy) };
        let note = noting(call, permit, output);
        Ok(output(&*call.app.directory.create_managed_policy(policy, &note).await?))
    }
}

/// IAM API reference, "GetPolicy".
#[derive(Debug)]
pub(crate) struct GetPolicy;

impl Operation for GetPolicy {
    const NAME: &'static str = "GetPolicy";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("PolicyArn")];
    type Input = Arn;
    type Subject = ByArn;
    type Output = OnePolicy;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        policy_arn(fields)
    }

    async fn needs(call: &Authenticated<'_>, input: &Arn) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, input).await?;
        Ok((policy.need(call, "iam:GetPolicy"), policy))
    }

    async fn perform(_call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OnePolicy, Fault> {
        let policy = permit.subject().get()?;
        let mut out = PolicyOut::tagged(policy);
        out.description = policy.description.as_ref().map(ToString::to_string);
        Ok(OnePolicy { policy: out })
    }
}

/// IAM API reference, "DeletePolicy".
#[derive(Debug)]
pub(crate) struct DeletePolicy;

impl Operation for DeletePolicy {
    const NAME: &'static str = "DeletePolicy";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("PolicyArn")];
    type Input = Arn;
    type Subject = ByArn;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<Arn> {
        policy_arn(fields)
    }

    async fn needs(call: &Authenticated<'_>, input: &Arn) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, input).await?;
        Ok((policy.change_need(call, "iam:DeletePolicy")?, policy))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let named = permit.subject();
        let policy = named.get()?;
        let directory = &call.app.directory;
        let deleted = directory.delete_managed_policy(policy.account, policy.id, &note).await;
        named.outcome(deleted.map(|()| Void))
    }
}

/// IAM API reference, "ListPolicies".
#[derive(Debug)]
pub(crate) struct ListPolicies;

#[derive(Debug)]
pub(crate) struct ListPoliciesInput {
    scope: PolicyScope,
    only: Option<PolicyUsage>,
    prefix: PathPrefix,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListPoliciesOutput {
    policies: Vec<PolicyOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListPolicies {
    const NAME: &'static str = "ListPolicies";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("Scope"),
        Recorded::Flag("OnlyAttached"),
        Recorded::Text("PathPrefix"),
        Recorded::Text("PolicyUsageFilter"),
        Recorded::Number("MaxItems"),
    ];
    type Input = ListPoliciesInput;
    type Subject = ();
    type Output = ListPoliciesOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListPoliciesInput> {
        let scope = match fields.choice("Scope", &["All", "AWS", "Local"]) {
            Some("AWS") => PolicyScope::Aws,
            Some("Local") => PolicyScope::Local,
            _ => PolicyScope::All,
        };
        let attached = fields.boolean("OnlyAttached").unwrap_or_default();
        let prefix = path_prefix(fields);
        let only = usage_filter(fields).or(attached.then_some(PolicyUsage::Permissions));
        Some(ListPoliciesInput { scope, only, prefix, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListPoliciesInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let shown = format!("policy path {}", input.prefix.as_str());
        let needs = named::list_need(call, "iam:ListPolicies", "policy", &input.prefix);
        Ok((needs.into_iter().map(|need| need.shown_as(shown.clone())).collect(), ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListPoliciesOutput, Fault> {
        let ListPoliciesInput { scope, only, prefix, page } = permit.input();
        let list = format!("{}|{scope:?}|{only:?}|{}", Self::NAME, prefix.as_str());
        let mut after = page.after(call, &list)?;
        let (account, directory) = (call.caller.account(), &call.app.directory);
        let mut policies = Vec::new();
        for _ in 0..ROUNDS {
            let room = page.limit().saturating_sub(policies.len());
            let found =
                directory.managed_policies(account, *scope, prefix, after.as_deref(), room).await?;
            let used = found.items.iter().filter(|policy| is_used(policy, *only));
            policies.extend(used.map(|policy| PolicyOut::from(&**policy)));
            after = found.next;
            if after.is_none() || policies.len() >= page.limit() {
                break;
            }
        }
        let marker = after.map(|last| Page::marker(call, &list, &last)).transpose()?;
        Ok(ListPoliciesOutput { policies, is_truncated: marker.is_some(), marker })
    }
}

/// Reads the optional `PolicyUsageFilter`.
pub(crate) fn usage_filter(fields: &mut Fields<'_>) -> Option<PolicyUsage> {
    match fields.choice("PolicyUsageFilter", &["PermissionsPolicy", "PermissionsBoundary"])? {
        "PermissionsBoundary" => Some(PolicyUsage::Boundary),
        _ => Some(PolicyUsage::Permissions),
    }
}

/// Whether a policy is used in that way; all are when none is asked for.
fn is_used(policy: &ManagedPolicy, only: Option<PolicyUsage>) -> bool {
    match only {
        None => true,
        Some(PolicyUsage::Boundary) => policy.boundaries > 0,
        Some(PolicyUsage::Permissions) => policy.attachments > 0,
    }
}
