//! CreateAccessKey, ListAccessKeys, UpdateAccessKey, GetAccessKeyLastUsed, DeleteAccessKey.

use std::sync::Arc;

use daypass_directory::{AccessKey, AccessKeyStatus, KeyOwner, LastUsed, NewAccessKey, User};
use daypass_names::{AccessKeyId, AccessKeyKind, SecretAccessKey};
use daypass_query::Fields;
use serde::Serialize;
use zeroize::Zeroizing;

use super::named;
use super::paging::Page;
use super::root_user::{self, Whose};
use super::tags;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::convert::found;
use crate::date::Date;
use crate::decode::required;
use crate::handed_out::HandedOut;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};
use crate::{Code, Fault};

/// IAM API reference, "CreateAccessKey": the only reply that ever shows a long-term secret.
#[derive(Debug)]
pub(crate) struct CreateAccessKey;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct CreateAccessKeyOutput {
    access_key: AccessKeyOut,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AccessKeyOut {
    user_name: Option<String>,
    access_key_id: String,
    status: &'static str,
    secret_access_key: HandedOut,
    create_date: Date,
}

impl Operation for CreateAccessKey {
    const NAME: &'static str = "CreateAccessKey";
    const EFFECT: Effect = Effect::Writes;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("UserName")];
    /// `None` for the calling user.
    type Input = Option<String>;
    type Subject = Whose;
    type Output = CreateAccessKeyOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(named::optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Whose), Fault> {
        let user = Whose::find(call, input.as_ref()).await?;
        if let Whose::Root(root) = &user {
            return Err(root_user::no_key(root));
        }
        Ok((user.need(call, "iam:CreateAccessKey"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<CreateAccessKeyOutput, Fault> {
        let (owner, user_name) = (permit.subject().owner()?, permit.subject().user_name()?);
        let random = &call.app.random;
        let kind = AccessKeyKind::LongTerm;
        let id = AccessKeyId::from_random(kind, call.caller.account(), random.array()?);
        let key = NewAccessKey {
            id,
            secret: SecretAccessKey::from_bytes(&Zeroizing::new(random.array()?)),
            nonce: random.array()?,
            created: call.now,
        };
        let output = |key: &AccessKey| CreateAccessKeyOutput {
            access_key: AccessKeyOut {
                user_name: user_name.clone(),
                access_key_id: key.id.to_string(),
                status: word(key.status),
                secret_access_key: HandedOut::from(&key.secret),
                create_date: Date(key.created),
            },
        };
        let note = noting(call, permit, output);
        let directory = &call.app.directory;
        Ok(output(&*directory.create_access_key_of(owner, key, &note).await?))
    }
}

/// IAM API reference, "ListAccessKeys".
#[derive(Debug)]
pub(crate) struct ListAccessKeys;

#[derive(Debug)]
pub(crate) struct ListAccessKeysInput {
    user_name: Option<String>,
    page: Page,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ListAccessKeysOutput {
    access_key_metadata: Vec<Metadata>,
    is_truncated: bool,
    marker: Option<String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata {
    user_name: Option<String>,
    access_key_id: String,
    status: &'static str,
    create_date: Date,
}

impl Operation for ListAccessKeys {
    const NAME: &'static str = "ListAccessKeys";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Number("MaxItems")];
    type Input = ListAccessKeysInput;
    type Subject = Whose;
    type Output = ListAccessKeysOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListAccessKeysInput> {
        let user_name = named::optional_user_name(fields);
        Some(ListAccessKeysInput { user_name, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListAccessKeysInput,
    ) -> Result<(Vec<Need>, Whose), Fault> {
        let user = Whose::find(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:ListAccessKeys"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListAccessKeysOutput, Fault> {
        let (owner, user_name) = (permit.subject().owner()?, permit.subject().user_name()?);
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, permit.subject().listed()?);
        let after = page.after(call, &list)?;
        let directory = &call.app.directory;
        let listing = directory.access_keys_of(owner, after.as_deref(), page.limit()).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        let metadata = listing.items.iter().map(|key| Metadata {
            user_name: user_name.clone(),
            access_key_id: key.id.to_string(),
            status: word(key.status),
            create_date: Date(key.created),
        });
        Ok(ListAccessKeysOutput {
            access_key_metadata: metadata.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
    }
}

/// IAM API reference, "UpdateAccessKey".
#[derive(Debug)]
pub(crate) struct UpdateAccessKey;

#[derive(Debug)]
pub(crate) struct UpdateAccessKeyInput {
    user_name: Option<String>,
    id: AccessKeyId,
    /// `None` for `Expired`, which the service model has and no key can be given.
    status: Option<AccessKeyStatus>,
}

impl Operation for UpdateAccessKey {
    const NAME: &'static str = "UpdateAccessKey";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("AccessKeyId"), Recorded::Text("Status")];
    type Input = UpdateAccessKeyInput;
    type Subject = Whose;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<UpdateAccessKeyInput> {
        let user_name = named::optional_user_name(fields);
        let id = required(fields, "AccessKeyId");
        fields.required("Status");
        let status = fields.choice("Status", &["Active", "Inactive", "Expired"]);
        let status = status.map(|word| match word {
            "Active" => Some(AccessKeyStatus::Active),
            "Inactive" => Some(AccessKeyStatus::Inactive),
            _ => None,
        });
        Some(UpdateAccessKeyInput { user_name, id: id?, status: status? })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &UpdateAccessKeyInput,
    ) -> Result<(Vec<Need>, Whose), Fault> {
        let user = Whose::find(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:UpdateAccessKey"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let owner = permit.subject().owner()?;
        let UpdateAccessKeyInput { id, status, .. } = permit.input();
        let status = status.ok_or_else(|| {
            Fault::new(Code::InvalidInput, "The status of an access key cannot be set to Expired.")
        })?;
        let note = noting(call, permit, |&(): &()| Void);
        let directory = &call.app.directory;
        directory.set_access_key_status_of(owner, id, status, &note).await?;
        if status != AccessKeyStatus::Active {
            call.app.signing_keys.forget(id);
        }
        Ok(Void)
    }
}

/// IAM API reference, "GetAccessKeyLastUsed".
#[derive(Debug)]
pub(crate) struct GetAccessKeyLastUsed;

/// Who has a key.
#[derive(Debug)]
pub(crate) enum Holder {
    /// The root user of the caller's account.
    Root,
    /// A user of it.
    User(Arc<User>),
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct GetAccessKeyLastUsedOutput {
    user_name: Option<String>,
    access_key_last_used: LastUsedOut,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct LastUsedOut {
    last_used_date: Option<Date>,
    service_name: String,
    region: String,
}

impl From<Option<LastUsed>> for LastUsedOut {
    fn from(used: Option<LastUsed>) -> Self {
        let none = || "N/A".to_owned();
        match used {
            Some(LastUsed { at, service, region }) => Self {
                last_used_date: Some(Date(at)),
                service_name: service.unwrap_or_else(none),
                region: region.to_string(),
            },
            None => Self { last_used_date: None, service_name: none(), region: none() },
        }
    }
}

impl Operation for GetAccessKeyLastUsed {
    const NAME: &'static str = "GetAccessKeyLastUsed";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("AccessKeyId")];
    type Input = AccessKeyId;
    /// Whose key it is; `None` when nobody of the caller's account has it.
    type Subject = Option<Holder>;
    type Output = GetAccessKeyLastUsedOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<AccessKeyId> {
        required(fields, "AccessKeyId")
    }

    async fn needs(
        call: &Authenticated<'_>,
        id: &AccessKeyId,
    ) -> Result<(Vec<Need>, Option<Holder>), Fault> {
        const ACTION: &str = "iam:GetAccessKeyLastUsed";
        let directory = &call.app.directory;
        let (partition, account) = named::here(call);
        let owner = found(directory.access_key(id).await)?.map(|key| key.owner);
        let holder = match owner {
            Some(KeyOwner::User(of, user)) if of == account => {
                found(directory.user_by_id(account, user).await)?.map(Holder::User)
            }
            Some(KeyOwner::Root(of)) if of == account => Some(Holder::Root),
            _ => None,
        };
        // A refusal does not tell whose key it is, nor that there is such a key.
        let need = match &holder {
            Some(Holder::Root) => Need::new(ACTION, root_user::arn(call).to_string(), account),
            Some(Holder::User(user)) => {
                let need = Need::new(ACTION, user.arn.to_string(), account);
                tags::with_resource_tags(need, &user.tags)
            }
            None => Need::new(ACTION, format!("arn:{partition}:iam::{account}:user/"), account),
        };
        Ok((vec![need.shown_as(format!("access key {id}"))], holder))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<GetAccessKeyLastUsedOutput, Fault> {
        let id = permit.input();
        let Some(holder) = permit.subject() else {
            let text = format!(
                "User: {} is not authorized to perform: iam:GetAccessKeyLastUsed on resource: \
                 access key {id}",
                call.caller.shown()
            );
            return Err(Fault::new(Code::AccessDenied, text).because("no such key in the account"));
        };
        let used = call.app.directory.access_key_last_used(id).await?;
        let user_name = match holder {
            Holder::Root => None,
            Holder::User(user) => Some(user.name.to_string()),
        };
        Ok(GetAccessKeyLastUsedOutput { user_name, access_key_last_used: used.into() })
    }
}

/// IAM API reference, "DeleteAccessKey".
#[derive(Debug)]
pub(crate) struct DeleteAccessKey;

#[derive(Debug)]
pub(crate) struct DeleteAccessKeyInput {
    user_name: Option<String>,
    id: AccessKeyId,
}

impl Operation for DeleteAccessKey {
    const NAME: &'static str = "DeleteAccessKey";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] =
        &[Recorded::Text("UserName"), Recorded::Text("AccessKeyId")];
    type Input = DeleteAccessKeyInput;
    type Subject = Whose;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<DeleteAccessKeyInput> {
        let user_name = named::optional_user_name(fields);
        let id = required(fields, "AccessKeyId")?;
        Some(DeleteAccessKeyInput { user_name, id })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &DeleteAccessKeyInput,
    ) -> Result<(Vec<Need>, Whose), Fault> {
        let user = Whose::find(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:DeleteAccessKey"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let owner = permit.subject().owner()?;
        let id = &permit.input().id;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.delete_access_key_of(owner, id, &note).await?;
        call.app.signing_keys.forget(id);
        Ok(Void)
    }
}

fn word(status: AccessKeyStatus) -> &'static str {
    match status {
        AccessKeyStatus::Active => "Active",
        AccessKeyStatus::Inactive => "Inactive",
    }
}
