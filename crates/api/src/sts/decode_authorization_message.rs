//! DecodeAuthorizationMessage: how a decision of this account came about, for who may know.

use daypass_query::{Fields, TextRule};
use daypass_token::MAX_MESSAGE;
use serde::Serialize;

use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorisation_message::open;
use crate::authorise::{Need, Permit};
use crate::operation::{Effect, Operation, Recorded};

/// The service model has no pattern: what is no message is none for one reason or another.
const ENCODED_MESSAGE: TextRule =
    TextRule { min: 1, max: MAX_MESSAGE, pattern: "", fits: |_| true };

/// AWS STS API reference, "DecodeAuthorizationMessage".
#[derive(Debug)]
pub(crate) struct DecodeAuthorizationMessage;

#[derive(Debug)]
pub(crate) struct Input {
    encoded_message: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    decoded_message: String,
}

impl Operation for DecodeAuthorizationMessage {
    const NAME: &'static str = "DecodeAuthorizationMessage";
    const EFFECT: Effect = Effect::Reads;
    /// SECURITY: neither the message nor what it says goes into the trail, where others read it.
    const RECORDED: &'static [Recorded] = &[Recorded::Digest("EncodedMessage")];
    type Input = Input;
    type Subject = ();
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        let encoded_message = fields.required_text("EncodedMessage", &ENCODED_MESSAGE)?.to_owned();
        Some(Input { encoded_message })
    }

    async fn needs(call: &Authenticated<'_>, _input: &Input) -> Result<(Vec<Need>, ()), Fault> {
        let account = call.caller.account();
        Ok((vec![Need::new("sts:DecodeAuthorizationMessage", "*", account)], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        Ok(Output { decoded_message: open(call, &permit.input().encoded_message)? })
    }
}
