//! GetAccessKeyInfo: the account that an access key id belongs to. Says nothing of the state of the
//! key, nor whether there is one.
//!
//! AWS STS API reference, "GetAccessKeyInfo". An id of this deployment belongs to the account of its
//! owner. Any other tells its account itself, by the layout of AWS's ids (`daypass_names`); one that
//! has not that layout is of nobody.

use daypass_names::{AccessKeyId, AccessKeyKind, AccountId, Constrained};
use daypass_query::{Fields, TextRule};
use serde::Serialize;

use crate::Fault;
use crate::authenticate::{Authenticated, invalid_token};
use crate::authorise::{Need, Permit};
use crate::convert::found;
use crate::decode::rule;
use crate::operation::{Effect, Operation, Recorded};

/// AWS STS API reference, "GetAccessKeyInfo".
#[derive(Debug)]
pub(crate) struct GetAccessKeyInfo;

/// STS prints the pattern of access key ids with a star, IAM with a plus.
const ACCESS_KEY_ID: TextRule = TextRule { pattern: r"[\w]*", ..rule(&AccessKeyId::CONSTRAINT) };

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    account: String,
}

impl Operation for GetAccessKeyInfo {
    const NAME: &'static str = "GetAccessKeyInfo";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("AccessKeyId")];
    type Input = AccessKeyId;
    type Subject = ();
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<AccessKeyId> {
        AccessKeyId::parse(fields.required_text("AccessKeyId", &ACCESS_KEY_ID)?).ok()
    }

    async fn needs(call: &Authenticated<'_>, _id: &AccessKeyId) -> Result<(Vec<Need>, ()), Fault> {
        let need = Need::new("sts:GetAccessKeyInfo", "*", call.caller.account());
        Ok((vec![need.unless_denied()], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        let account = owner(call, permit.input()).await?;
        let account = account.ok_or_else(|| invalid_token("the id tells no account"))?;
        Ok(Output { account: account.to_string() })
    }
}

/// The account of an access key id. Ids of sessions are kept nowhere: theirs is in the layout.
async fn owner(call: &Authenticated<'_>, id: &AccessKeyId) -> Result<Option<AccountId>, Fault> {
    let of_layout = || id.account_hint().filter(|_| id.kind() != AccessKeyKind::Other);
    if id.kind() == AccessKeyKind::Temporary {
        return Ok(of_layout());
    }
    match found(call.app.directory.access_key(id).await)? {
        Some(key) => Ok(key.owner.account()),
        None => Ok(of_layout()),
    }
}
