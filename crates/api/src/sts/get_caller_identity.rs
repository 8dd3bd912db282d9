//! GetCallerIdentity: who am I? Works for every valid credential, whatever the policies say.

use daypass_query::Fields;
use serde::Serialize;

use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::operation::{Effect, Operation, Sessions};

/// AWS STS API reference, "GetCallerIdentity".
#[derive(Debug)]
pub(crate) struct GetCallerIdentity;

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    arn: String,
    user_id: String,
    account: String,
}

impl Operation for GetCallerIdentity {
    const NAME: &'static str = "GetCallerIdentity";
    const EFFECT: Effect = Effect::Reads;
    const SESSIONS: Sessions = Sessions::All;
    type Input = ();
    type Subject = ();
    type Output = Output;

    fn decode(_fields: &mut Fields<'_>) -> Option<()> {
        Some(())
    }

    async fn needs(_call: &Authenticated<'_>, _input: &()) -> Result<(Vec<Need>, ()), Fault> {
        Ok((Vec::new(), ()))
    }

    async fn perform(call: &Authenticated<'_>, _permit: &Permit<Self>) -> Result<Output, Fault> {
        let caller = &call.caller;
        // A service is not admitted.
        let unnamed = || Fault::internal("a caller without a name");
        Ok(Output {
            arn: caller.arn().ok_or_else(unnamed)?.to_string(),
            user_id: caller.user_id().ok_or_else(unnamed)?,
            account: caller.account().to_string(),
        })
    }
}
