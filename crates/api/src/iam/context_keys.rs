//! GetContextKeysForCustomPolicy and GetContextKeysForPrincipalPolicy: the condition keys and
//! variables that identity policies refer to, which is what a simulation of them must be given.

use daypass_names::Arn;
use daypass_policy::{Kind, Policy, distinct};
use daypass_query::Fields;
use serde::Serialize;

use super::policy_source::{PolicySource, policy_source};
use super::simulation::parse_all;
use super::simulation_input::documents;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::arn;
use crate::operation::{Effect, Operation, Recorded};

const POLICIES: &str = "PolicyInputList";

/// The result of both operations.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct ContextKeys {
    context_key_names: Vec<String>,
}

impl ContextKeys {
    fn of<'a>(policies: impl Iterator<Item = &'a Policy>) -> Self {
        Self { context_key_names: distinct(policies.flat_map(Policy::context_keys)) }
    }
}

/// IAM API reference, "GetContextKeysForCustomPolicy".
#[derive(Debug)]
pub(crate) struct GetContextKeysForCustomPolicy;

impl Operation for GetContextKeysForCustomPolicy {
    const NAME: &'static str = "GetContextKeysForCustomPolicy";
    const EFFECT: Effect = Effect::Reads;
    type Input = Vec<String>;
    type Subject = ();
    type Output = ContextKeys;

    fn decode(fields: &mut Fields<'_>) -> Option<Vec<String>> {
        fields.required(POLICIES);
        Some(documents(fields, POLICIES))
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &Vec<String>,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((vec![Need::new("iam:GetContextKeysForCustomPolicy", "*", call.caller.account())], ()))
    }

    async fn perform(
        _call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ContextKeys, Fault> {
        let policies = parse_all(permit.input(), POLICIES, Kind::Identity)?;
        Ok(ContextKeys::of(policies.iter()))
    }
}

/// IAM API reference, "GetContextKeysForPrincipalPolicy".
#[derive(Debug)]
pub(crate) struct GetContextKeysForPrincipalPolicy;

#[derive(Debug)]
pub(crate) struct PrincipalKeysInput {
    source: Arn,
    policies: Vec<String>,
}

impl Operation for GetContextKeysForPrincipalPolicy {
    const NAME: &'static str = "GetContextKeysForPrincipalPolicy";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[Recorded::Text("PolicySourceArn")];
    type Input = PrincipalKeysInput;
    type Subject = PolicySource;
    type Output = ContextKeys;

    fn decode(fields: &mut Fields<'_>) -> Option<PrincipalKeysInput> {
        let source = arn(fields, "PolicySourceArn");
        let policies = documents(fields, POLICIES);
        Some(PrincipalKeysInput { source: source?, policies })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PrincipalKeysInput,
    ) -> Result<(Vec<Need>, PolicySource), Fault> {
        let source = policy_source(call, &input.source).await?;
        Ok((source.need("iam:GetContextKeysForPrincipalPolicy"), source))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<ContextKeys, Fault> {
        let source = permit.subject().get()?;
        let given = parse_all(&permit.input().policies, POLICIES, Kind::Identity)?;
        let own = source.policies(&call.app.directory).await?.identity;
        Ok(ContextKeys::of(own.iter().map(|applied| &*applied.policy).chain(&given)))
    }
}
