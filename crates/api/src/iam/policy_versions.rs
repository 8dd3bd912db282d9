//! Versions of managed policies: CreatePolicyVersion, GetPolicyVersion, ListPolicyVersions,
//! SetDefaultPolicyVersion, DeletePolicyVersion.
//!
//! SECURITY: a new version, or an old one put in force, can grant everything to whoever has the
//! policy. Each is an action of its own on the policy's ARN; those of AWS cannot be changed, and no
//! session changes what one of its own session policies says.

use std::marker::PhantomData;

use daypass_directory::{
    Directory, DirectoryError, ManagedPolicy, NewPolicyVersion, Noting, VersionInfo,
};
use daypass_names::{Arn, PolicyVersionId};
use daypass_query::Fields;
use jiff::Timestamp;
use serde::Serialize;

use super::document::encoded;
use super::paging::Page;
use super::policy_arn::{ByArn, policy_arn};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::{POLICY_DOCUMENT, required};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

/// `PolicyVersion` of replies; lists and CreatePolicyVersion leave the document out.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct VersionOut {
    document: Option<String>,
    version_id: String,
    is_default_version: bool,
    create_date: Date,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct OneVersion {
    policy_version: VersionOut,
}

impl VersionOut {
    /// A version as lists show it.
    fn listed(policy: &ManagedPolicy, version: &VersionInfo) -> Self {
        Self {
            document: None,
            version_id: version.id.to_string(),
            is_default_version: version.id == policy.default,
            create_date: Date(version.created),
        }
    }

    /// How many bytes its document takes in a reply.
    pub(crate) fn document_size(&self) -> usize {
        self.document.as_ref().map_or(0, String::len)
    }
}

/// What orders versions, newest first as the live service lists them. Numbers are never given
/// twice, so that a page goes on in the right place whatever is deleted.
fn newest_first(version: &VersionInfo) -> String {
    let number = version.id.as_str().trim_start_matches('v').split('.').next();
    let number: u32 = number.and_then(|digits| digits.parse().ok()).unwrap_or_default();
    format!("{:010}", u32::MAX - number)
}

/// All versions of a policy with their documents, newest first.
pub(crate) async fn versions_with_documents(
    call: &Authenticated<'_>,
    policy: &ManagedPolicy,
) -> Result<Vec<VersionOut>, Fault> {
    let directory = &call.app.directory;
    let mut versions = Vec::with_capacity(policy.versions.len());
    for info in policy.versions.iter().rev() {
        match directory.policy_version(policy.account, policy.id, &info.id).await {
            Ok(version) => versions.push(VersionOut {
                document: Some(encoded(version.policy.source())),
                ..VersionOut::listed(policy, info)
            }),
            // One that is gone went since the policy was read.
            Err(DirectoryError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(versions)
}

/// IAM API reference, "CreatePolicyVersion".
#[derive(Debug)]
pub(crate) struct CreatePolicyVersion;

#[derive(Debug)]
pub(crate) struct CreateInput {
    policy: Arn,
    document: String,
    set_default: bool,
}

impl Operation for CreatePolicyVersion {
    const NAME: &'static str = "CreatePolicyVersion";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("PolicyArn"),
        Recorded::Text("PolicyDocument"),
        Recorded::Flag("SetAsDefault"),
    ];
    type Input = CreateInput;
    type Subject = ByArn;
    type Output = OneVersion;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInput> {
        let policy = policy_arn(fields);
        let document = fields.required_text("PolicyDocument", &POLICY_DOCUMENT).map(str::to_owned);
        let set_default = fields.boolean("SetAsDefault").unwrap_or_default();
        Some(CreateInput { policy: policy?, document: document?, set_default })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateInput,
    ) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, &input.policy).await?;
        Ok((policy.edit_need(call, "iam:CreatePolicyVersion")?, policy))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneVersion, Fault> {
        let CreateInput { document, set_default, .. } = permit.input();
        let new = NewPolicyVersion {
            text: document.clone(),
            set_default: *set_default,
            created: call.now,
        };
        let output = |version: &daypass_directory::PolicyVersion| OneVersion {
            policy_version: VersionOut {
                document: None,
                version_id: version.id.to_string(),
                is_default_version: *set_default,
                create_date: Date(version.created),
            },
        };
        let note = noting(call, permit, output);
        let named = permit.subject();
        let policy = named.get()?;
        let directory = &call.app.directory;
        let made = directory.create_policy_version(policy.account, policy.id, new, &note).await;
        named.outcome(made.map(|version| output(&version)))
    }
}

/// IAM API reference, "GetPolicyVersion".
#[derive(Debug)]
pub(crate) struct GetPolicyVersion;

#[derive(Debug)]
pub(crate) struct VersionInput {
    policy: Arn,
    version: PolicyVersionId,
}

impl VersionInput {
    fn decode(fields: &mut Fields<'_>) -> Option<Self> {
        let policy = policy_arn(fields);
        let version = required(fields, "VersionId");
        Some(Self { policy: policy?, version: version? })
    }
}

impl Operation for GetPolicyVersion {
    const NAME: &'static str = "GetPolicyVersion";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PolicyArn"), Recorded::Text("VersionId")];
    type Input = VersionInput;
    type Subject = ByArn;
    type Output = OneVersion;

    fn decode(fields: &mut Fields<'_>) -> Option<VersionInput> {
        VersionInput::decode(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &VersionInput,
    ) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, &input.policy).await?;
        Ok((policy.need(call, "iam:GetPolicyVersion"), policy))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneVersion, Fault> {
        let named = permit.subject();
        let policy = named.get()?;
        let directory = &call.app.directory;
        let wanted = &permit.input().version;
        let found = directory.policy_version(policy.account, policy.id, wanted).await;
        let version = named.outcome(found)?;
        let policy_version = VersionOut {
            document: Some(encoded(version.policy.source())),
            version_id: version.id.to_string(),
            is_default_version: version.id == policy.default,
            create_date: Date(version.created),
        };
        Ok(OneVersion { policy_version })
    }
}

/// IAM API reference, "ListPolicyVersions".
#[derive(Debug)]
pub(crate) struct ListPolicyVersions;

#[derive(Debug)]
pub(crate) struct ListInput {
    policy: Arn,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListOutput {
    versions: Vec<VersionOut>,
    is_truncated: bool,
    marker: Option<String>,
}

impl Operation for ListPolicyVersions {
    const NAME: &'static str = "ListPolicyVersions";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PolicyArn"), Recorded::Number("MaxItems")];
    type Input = ListInput;
    type Subject = ByArn;
    type Output = ListOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListInput> {
        let policy = policy_arn(fields);
        let page = Page::decode(fields);
        Some(ListInput { policy: policy?, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListInput,
    ) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, &input.policy).await?;
        Ok((policy.need(call, "iam:ListPolicyVersions"), policy))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<ListOutput, Fault> {
        let policy = permit.subject().get()?;
        let list = format!("{}|{}", Self::NAME, policy.id);
        let versions = policy.versions.clone();
        let (page, marker) = permit.input().page.cut(call, &list, versions, newest_first)?;
        let versions = page.iter().map(|version| VersionOut::listed(policy, version)).collect();
        Ok(ListOutput { versions, is_truncated: marker.is_some(), marker })
    }
}

/// What is done to a version that is there: the two operations that take one and reply nothing.
pub(crate) trait Change: std::fmt::Debug + Send + Sync + 'static {
    /// The operation, without and with its service.
    const OPERATION: [&'static str; 2];

    /// Whether the policy may say something else afterwards.
    const EDITS: bool;

    fn make(
        directory: &Directory,
        policy: &ManagedPolicy,
        version: &PolicyVersionId,
        now: Timestamp,
        note: &dyn Noting<()>,
    ) -> impl Future<Output = Result<(), DirectoryError>> + Send;
}

/// IAM API reference, "DeletePolicyVersion".
#[derive(Debug)]
pub(crate) struct Delete;

impl Change for Delete {
    const OPERATION: [&'static str; 2] = ["DeletePolicyVersion", "iam:DeletePolicyVersion"];
    // The version in force cannot be deleted.
    const EDITS: bool = false;

    async fn make(
        directory: &Directory,
        policy: &ManagedPolicy,
        version: &PolicyVersionId,
        _now: Timestamp,
        note: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        directory.delete_policy_version(policy.account, policy.id, version, note).await
    }
}

/// IAM API reference, "SetDefaultPolicyVersion".
#[derive(Debug)]
pub(crate) struct SetDefault;

impl Change for SetDefault {
    const OPERATION: [&'static str; 2] = ["SetDefaultPolicyVersion", "iam:SetDefaultPolicyVersion"];
    const EDITS: bool = true;

    async fn make(
        directory: &Directory,
        policy: &ManagedPolicy,
        version: &PolicyVersionId,
        now: Timestamp,
        note: &dyn Noting<()>,
    ) -> Result<(), DirectoryError> {
        directory.set_default_policy_version(policy.account, policy.id, version, now, note).await
    }
}

/// A change of a version.
#[derive(Debug)]
pub(crate) struct ChangeVersion<C>(PhantomData<C>);

impl<C: Change> Operation for ChangeVersion<C> {
    const NAME: &'static str = C::OPERATION[0];
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("PolicyArn"), Recorded::Text("VersionId")];
    type Input = VersionInput;
    type Subject = ByArn;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<VersionInput> {
        VersionInput::decode(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &VersionInput,
    ) -> Result<(Vec<Need>, ByArn), Fault> {
        let policy = ByArn::find(call, &input.policy).await?;
        let [_, action] = C::OPERATION;
        let needs = match C::EDITS {
            true => policy.edit_need(call, action)?,
            false => policy.change_need(call, action)?,
        };
        Ok((needs, policy))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let named = permit.subject();
        let policy = named.get()?;
        let (directory, version) = (&call.app.directory, &permit.input().version);
        let changed = C::make(directory, policy, version, call.now, &note).await;
        named.outcome(changed.map(|()| Void))
    }
}
