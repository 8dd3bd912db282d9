//! CreateAccessKey, ListAccessKeys, DeleteAccessKey.

use daypass_directory::{AccessKey, AccessKeyStatus, NewAccessKey, User};
use daypass_names::{AccessKeyId, AccessKeyKind, SecretAccessKey};
use daypass_query::Fields;
use serde::Serialize;
use zeroize::Zeroizing;

use super::named::{self, Named};
use super::paging::Page;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::date::Date;
use crate::decode::required;
use crate::handed_out::HandedOut;
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

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
    user_name: String,
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
    type Subject = Named<User>;
    type Output = CreateAccessKeyOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<Option<String>> {
        Some(named::optional_user_name(fields))
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Option<String>,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.as_ref()).await?;
        Ok((user.need(call, "iam:CreateAccessKey"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<CreateAccessKeyOutput, Fault> {
        let user = permit.subject().get()?;
        let random = &call.app.random;
        let kind = AccessKeyKind::LongTerm;
        let id = AccessKeyId::from_random(kind, user.account, random.array()?);
        let key = NewAccessKey {
            id,
            secret: SecretAccessKey::from_bytes(&Zeroizing::new(random.array()?)),
            nonce: random.array()?,
            created: call.now,
        };
        let output = |key: &AccessKey| CreateAccessKeyOutput {
            access_key: AccessKeyOut {
                user_name: user.name.to_string(),
                access_key_id: key.id.to_string(),
                status: "Active",
                secret_access_key: HandedOut::from(&key.secret),
                create_date: Date(key.created),
            },
        };
        let note = noting(call, permit, output);
        let directory = &call.app.directory;
        Ok(output(&*directory.create_access_key(user.account, user.id, key, &note).await?))
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
    user_name: String,
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
    type Subject = Named<User>;
    type Output = ListAccessKeysOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<ListAccessKeysInput> {
        let user_name = named::optional_user_name(fields);
        Some(ListAccessKeysInput { user_name, page: Page::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &ListAccessKeysInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:ListAccessKeys"), user))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ListAccessKeysOutput, Fault> {
        let user = permit.subject().get()?;
        let page = &permit.input().page;
        let list = format!("{}|{}", Self::NAME, user.id);
        let after = page.after(call, &list)?;
        let directory = &call.app.directory;
        let listing =
            directory.access_keys(user.account, user.id, after.as_deref(), page.limit()).await?;
        let next = listing.next.map(|last| Page::marker(call, &list, &last)).transpose()?;
        let metadata = listing.items.iter().map(|key| Metadata {
            user_name: user.name.to_string(),
            access_key_id: key.id.to_string(),
            status: match key.status {
                AccessKeyStatus::Active => "Active",
                AccessKeyStatus::Inactive => "Inactive",
            },
            create_date: Date(key.created),
        });
        Ok(ListAccessKeysOutput {
            access_key_metadata: metadata.collect(),
            is_truncated: next.is_some(),
            marker: next,
        })
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
    type Subject = Named<User>;
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<DeleteAccessKeyInput> {
        let user_name = named::optional_user_name(fields);
        let id = required(fields, "AccessKeyId")?;
        Some(DeleteAccessKeyInput { user_name, id })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &DeleteAccessKeyInput,
    ) -> Result<(Vec<Need>, Named<User>), Fault> {
        let user = named::user(call, input.user_name.as_ref()).await?;
        Ok((user.need(call, "iam:DeleteAccessKey"), user))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let user = permit.subject().get()?;
        let id = &permit.input().id;
        let note = noting(call, permit, |&(): &()| Void);
        call.app.directory.delete_access_key(user.account, user.id, id, &note).await?;
        call.app.signing_keys.forget(id);
        Ok(Void)
    }
}
