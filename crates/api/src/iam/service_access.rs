//! ListPoliciesGrantingServiceAccess: which policies of a user, group or role allow something of a
//! service. Those that a user has of its groups are among them; what bounds or denies is not
//! looked at, as AWS says of the operation.

use std::collections::BTreeSet;

use daypass_names::Arn;
use daypass_query::{Fields, TextRule};
use serde::Serialize;

use super::paging::Page;
use super::policy_source::{Applied, AppliedName, Holder, PolicySource, policy_source};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::arn;
use crate::operation::{Effect, Operation, Recorded};
use crate::{Code, Fault};

const LIST: &str = "ServiceNamespaces";

/// Most services of a request, as the service model has it.
const MAX_NAMESPACES: usize = 200;

const NAMESPACE: TextRule = TextRule {
    min: 1,
    max: 64,
    pattern: r"[\w-]*",
    fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-".contains(&b)),
};

/// A page ends with the service that brings it to so many policies. AWS's pages end somewhere;
/// where is not known.
const PAGE: usize = 1000;

/// IAM API reference, "ListPoliciesGrantingServiceAccess".
#[derive(Debug)]
pub(crate) struct ListPoliciesGrantingServiceAccess;

#[derive(Debug)]
pub(crate) struct Input {
    source: Arn,
    namespaces: Vec<String>,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    policies_granting_service_access: Vec<Entry>,
    is_truncated: bool,
    marker: Option<String>,
}

/// The policies that allow something of one service.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Entry {
    service_namespace: String,
    policies: Vec<Granting>,
}

/// `PolicyGrantingServiceAccess`: a managed policy has an ARN, an inline one somebody who has it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Granting {
    policy_name: String,
    policy_type: &'static str,
    policy_arn: Option<String>,
    entity_type: Option<&'static str>,
    entity_name: Option<String>,
}

impl From<&Applied> for Granting {
    fn from(applied: &Applied) -> Self {
        match &applied.name {
            AppliedName::Inline(name) => Self {
                policy_name: name.clone(),
                policy_type: "INLINE",
                policy_arn: None,
                entity_type: Some(match applied.holder {
                    Holder::User => "USER",
                    Holder::Group => "GROUP",
                    Holder::Role => "ROLE",
                }),
                entity_name: Some(applied.holder_name.clone()),
            },
            AppliedName::Managed(arn) => Self {
                policy_name: applied.id(),
                policy_type: "MANAGED",
                policy_arn: Some(arn.to_string()),
                entity_type: None,
                entity_name: None,
            },
        }
    }
}

impl Operation for ListPoliciesGrantingServiceAccess {
    const NAME: &'static str = "ListPoliciesGrantingServiceAccess";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("Arn"), Recorded::Texts(LIST)];
    type Input = Input;
    type Subject = PolicySource;
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        let page = Page::of(fields, PAGE);
        let source = arn(fields, "Arn");
        fields.required(LIST);
        let namespaces = namespaces(fields);
        Some(Input { source: source?, namespaces, page })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Input,
    ) -> Result<(Vec<Need>, PolicySource), Fault> {
        let source = policy_source(call, &input.source).await?;
        Ok((source.need("iam:ListPoliciesGrantingServiceAccess"), source))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        let Input { source: arn, namespaces, page } = permit.input();
        let source = permit.subject().get()?;
        let list = format!("{}|{arn}|{}", Self::NAME, namespaces.join(","));
        let begin = match page.after(call, &list)? {
            Some(begin) => begin.parse::<usize>().map_err(|_| invalid_marker())?,
            None => 0,
        };
        let policies = source.policies(&call.app.directory).await?.identity;
        let (mut entries, mut listed, mut marker) = (Vec::new(), 0_usize, None);
        for (index, namespace) in namespaces.iter().enumerate().skip(begin) {
            if listed >= page.limit() {
                marker = Some(Page::marker(call, &list, &index.to_string())?);
                break;
            }
            let policies = granting(&policies, namespace);
            listed = listed.saturating_add(policies.len());
            entries.push(Entry { service_namespace: namespace.clone(), policies });
        }
        let is_truncated = marker.is_some();
        Ok(Output { policies_granting_service_access: entries, is_truncated, marker })
    }
}

fn invalid_marker() -> Fault {
    Fault::new(Code::ValidationError, "Invalid Marker.")
}

fn namespaces(fields: &mut Fields<'_>) -> Vec<String> {
    let count = fields.list(LIST).count();
    if count > MAX_NAMESPACES {
        let text = format!("Member must have length less than or equal to {MAX_NAMESPACES}");
        fields.fault(LIST, None, &text);
        return Vec::new();
    }
    fields.texts(LIST, &NAMESPACE).into_iter().map(str::to_owned).collect()
}

/// The policies that allow something of a service; a managed one that comes by two ways once.
fn granting(policies: &[Applied], namespace: &str) -> Vec<Granting> {
    let (mut managed, mut granting) = (BTreeSet::new(), Vec::new());
    for applied in policies.iter().filter(|applied| applied.policy.allows_some_of(namespace)) {
        let is_new = match &applied.name {
            AppliedName::Managed(arn) => managed.insert(arn),
            AppliedName::Inline(_) => true,
        };
        granting.extend(is_new.then(|| Granting::from(applied)));
    }
    granting
}
