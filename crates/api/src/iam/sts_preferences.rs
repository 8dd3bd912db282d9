//! SetSecurityTokenServicePreferences: the version of the account's session tokens.
//!
//! Tokens of version 1 are good in the Regions that an account has by default, those of version 2 in
//! every Region; those of Regional endpoints are good in every Region, whatever the account prefers.
//! While no Regions are configured none has to be enabled, so that both are good everywhere. Which one
//! it is stands in the token, and in the account's summary.

use daypass_directory::TokenVersion;
use daypass_query::Fields;

use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::noting::noting;
use crate::operation::{Effect, Operation, Recorded, Void};

const PARAMETER: &str = "GlobalEndpointTokenVersion";

/// IAM API reference, "SetSecurityTokenServicePreferences".
#[derive(Debug)]
pub(crate) struct SetSecurityTokenServicePreferences;

impl Operation for SetSecurityTokenServicePreferences {
    const NAME: &'static str = "SetSecurityTokenServicePreferences";
    const EFFECT: Effect = Effect::Writes;
    const VOID: bool = true;
    const RECORDED: &'static [Recorded] = &[Recorded::Text(PARAMETER)];
    type Input = TokenVersion;
    type Subject = ();
    type Output = Void;

    fn decode(fields: &mut Fields<'_>) -> Option<TokenVersion> {
        fields.required(PARAMETER);
        match fields.choice(PARAMETER, &["v1Token", "v2Token"])? {
            "v1Token" => Some(TokenVersion::V1),
            _ => Some(TokenVersion::V2),
        }
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &TokenVersion,
    ) -> Result<(Vec<Need>, ()), Fault> {
        const ACTION: &str = "iam:SetSecurityTokenServicePreferences";
        Ok((vec![Need::new(ACTION, "*", call.caller.account())], ()))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Void, Fault> {
        let note = noting(call, permit, |&(): &()| Void);
        let (account, version) = (call.caller.account(), *permit.input());
        call.app.directory.set_token_version(account, version, &note).await?;
        Ok(Void)
    }
}
