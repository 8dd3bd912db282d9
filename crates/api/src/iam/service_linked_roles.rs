//! CreateServiceLinkedRole, DeleteServiceLinkedRole, GetServiceLinkedRoleDeletionStatus.
//!
//! A service-linked role belongs to a service of AWS: its name, path, trust policy and permissions
//! are the service's, and every other operation that would change them is refused by the directory
//! (`UnmodifiableEntity`). Deleting is done within the call, so that a deletion task that is known
//! has succeeded.
//!
//! IAM user guide, page "Service-linked roles".

use daypass_directory::{DirectoryError, LinkedService, NewServiceLinkedRole, Role};
use daypass_names::{Constrained, PolicyName, RoleDescription, RoleName, UniqueId, UniqueIdKind};
use daypass_query::{Fields, TextRule};
use serde::Serialize;

use super::named::{self, Named};
use super::roles::OneRole;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::optional;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded};
use crate::{Code, Fault, RequestId};

const SERVICE_NAME: TextRule = named_text(128);
const CUSTOM_SUFFIX: TextRule = named_text(64);
const TASK_ID: TextRule = TextRule { min: 1, max: 1000, pattern: "", fits: |_| true };

const fn named_text(max: usize) -> TextRule {
    TextRule {
        min: 1,
        max,
        pattern: r"[\w+=,.@-]+",
        fits: |text| text.bytes().all(|b| b.is_ascii_alphanumeric() || b"_+=,.@-".contains(&b)),
    }
}

/// IAM API reference, "CreateServiceLinkedRole".
#[derive(Debug)]
pub(crate) struct CreateServiceLinkedRole;

#[derive(Debug)]
pub(crate) struct CreateInput {
    principal: String,
    suffix: Option<String>,
    description: Option<RoleDescription>,
}

impl CreateInput {
    /// The service, if it has such a role.
    fn service(&self) -> Option<LinkedService> {
        LinkedService::of(&self.principal)
    }

    /// What the role will be called, were the service one that has it.
    fn role_name(&self) -> String {
        let suffix = self.suffix.as_deref();
        match self.service() {
            Some(service) => service.role_name(suffix),
            None => LinkedService::unknown_role_name(suffix),
        }
    }
}

impl Operation for CreateServiceLinkedRole {
    const NAME: &'static str = "CreateServiceLinkedRole";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("AWSServiceName"),
        Recorded::Text("Description"),
        Recorded::Text("CustomSuffix"),
    ];
    type Input = CreateInput;
    type Subject = ();
    type Output = OneRole;

    fn decode(fields: &mut Fields<'_>) -> Option<CreateInput> {
        let principal = fields.required_text("AWSServiceName", &SERVICE_NAME).map(str::to_owned);
        let description = optional(fields, "Description");
        let suffix = fields.text("CustomSuffix", &CUSTOM_SUFFIX).map(str::to_owned);
        Some(CreateInput { principal: principal?, suffix, description })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &CreateInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        let (partition, account) = named::here(call);
        let CreateInput { principal, .. } = input;
        let name = input.role_name();
        let resource =
            format!("arn:{partition}:iam::{account}:role/aws-service-role/{principal}/{name}");
        let mut need = Need::new("iam:CreateServiceLinkedRole", resource, account);
        need.keys.push(("iam:AWSServiceName".into(), principal.clone().into()));
        Ok((vec![need], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<OneRole, Fault> {
        let input = permit.input();
        let refused = |text: String| Fault::new(Code::InvalidInput, text);
        let CreateInput { principal, suffix, .. } = input;
        let service = input.service().ok_or_else(|| {
            refused(format!("The service {principal} has no service-linked role here."))
        })?;
        if suffix.is_some() && !service.takes_suffix() {
            return Err(refused(format!("Custom suffix is not allowed for {principal}")));
        }
        let text = input.role_name();
        let name = RoleName::parse(&text)
            .map_err(|_| refused(format!("The role name {text} is longer than 64 characters.")))?;
        let policy = PolicyName::parse(service.policy)
            .map_err(|_| Fault::internal(format!("the policy of {principal} has no name")))?;
        let role = NewServiceLinkedRole {
            account: call.caller.account(),
            id: UniqueId::from_random(UniqueIdKind::Role, call.app.random.array()?),
            name,
            service: service.principal.to_owned(),
            policy: Some(policy),
            description: input.description.clone(),
            tags: Vec::new(),
            created: call.now,
        };
        let note = noting(call, permit, |role: &Role| OneRole::made(role));
        match call.app.directory.create_service_linked_role(role, &note).await {
            Err(DirectoryError::AlreadyExists(_)) => Err(refused(format!(
                "Service role name {text} has been taken in this account, please try a different \
                 suffix."
            ))),
            outcome => Ok(OneRole::made(&*outcome?)),
        }
    }
}

/// IAM API reference, "DeleteServiceLinkedRole".
#[derive(Debug)]
pub(crate) struct DeleteServiceLinkedRole;

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct DeleteOutput {
    deletion_task_id: String,
}

impl Operation for DeleteServiceLinkedRole {
    const NAME: &'static str = "DeleteServiceLinkedRole";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("RoleName")];
    type Input = String;
    type Subject = Named<Role>;
    type Output = DeleteOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        named::required_name::<Role>(fields)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &String,
    ) -> Result<(Vec<Need>, Named<Role>), Fault> {
        let role = named::named::<Role>(call, input).await?;
        Ok((role.need(call, "iam:DeleteServiceLinkedRole"), role))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<DeleteOutput, Fault> {
        let role = permit.subject().get()?;
        // What nobody can guess is not what keeps a task: each account has its own.
        let id = RequestId::from_random(call.app.random.array()?);
        // The path has a slash before and behind it.
        let task = format!("task{}{}/{id}", role.path, role.name);
        let output = DeleteOutput { deletion_task_id: task };
        let note = noting(call, permit, |&(): &()| output.clone());
        let directory = &call.app.directory;
        let task = &output.deletion_task_id;
        directory.delete_service_linked_role(role.account, role.id, task, call.now, &note).await?;
        Ok(output)
    }
}

/// IAM API reference, "GetServiceLinkedRoleDeletionStatus".
#[derive(Debug)]
pub(crate) struct GetServiceLinkedRoleDeletionStatus;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct StatusOutput {
    status: &'static str,
}

impl Operation for GetServiceLinkedRoleDeletionStatus {
    const NAME: &'static str = "GetServiceLinkedRoleDeletionStatus";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("DeletionTaskId")];
    type Input = String;
    type Subject = ();
    type Output = StatusOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<String> {
        fields.required_text("DeletionTaskId", &TASK_ID).map(str::to_owned)
    }

    /// The role of the task is the resource. A text that names none is asked for as whatever there
    /// is.
    async fn needs(call: &Authenticated<'_>, input: &String) -> Result<(Vec<Need>, ()), Fault> {
        let (partition, account) = named::here(call);
        let resource = match role_of(input) {
            Some(role) => format!("arn:{partition}:iam::{account}:role/{role}"),
            None => "*".to_owned(),
        };
        Ok((vec![Need::new("iam:GetServiceLinkedRoleDeletionStatus", resource, account)], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<StatusOutput, Fault> {
        let task = permit.input();
        if role_of(task).is_none() {
            let text = format!("The deletion task id {task} is invalid.");
            // The text may be anything, a secret too: it is not for the log.
            let cause = "the deletion task id names no role";
            return Err(Fault::new(Code::InvalidInput, text).because(cause));
        }
        let account = call.caller.account();
        match call.app.directory.role_deletion(account, task).await? {
            Some(_) => Ok(StatusOutput { status: "SUCCEEDED" }),
            None => {
                let text = format!("The deletion task with id {task} cannot be found.");
                Err(Fault::new(Code::NoSuchEntity, text))
            }
        }
    }
}

/// The path and name of the role that a deletion task id names, without the slash before them.
///
/// SECURITY: what is asked for must be one role. A name and a service have no wildcard in them.
fn role_of(task: &str) -> Option<&str> {
    let role_and_id = task.strip_prefix("task/")?;
    let (role, id) = role_and_id.rsplit_once('/')?;
    let (service, name) = role.strip_prefix("aws-service-role/")?.split_once('/')?;
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'.' || byte == b'-';
    let is_service = !service.is_empty() && service.bytes().all(is_plain);
    let is_id = id.len() == 36 && id.bytes().all(|b| b.is_ascii_hexdigit() || b == b'-');
    (is_service && is_id && RoleName::parse(name).is_ok()).then_some(role)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_task_id_names_one_role() {
        let id = "00112233-4455-4677-8899-aabbccddeeff";
        for (task, want) in [
            (
                format!("task/aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS/{id}"),
                Some("aws-service-role/ecs.amazonaws.com/AWSServiceRoleForECS"),
            ),
            (format!("task/aws-service-role/*/AWSServiceRoleForECS/{id}"), None),
            (format!("task/aws-service-role/ecs.amazonaws.com/*/{id}"), None),
            (format!("task/aws-service-role/ecs.amazonaws.com/a/b/{id}"), None),
            (format!("task/aws-service-role//a/{id}"), None),
            (format!("task/aws-reserved/ecs.amazonaws.com/a/{id}"), None),
            (format!("aws-service-role/ecs.amazonaws.com/a/{id}"), None),
            ("task/aws-service-role/ecs.amazonaws.com/a/1".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(role_of(&task), want, "{task}");
        }
    }
}
