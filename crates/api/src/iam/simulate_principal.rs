//! SimulatePrincipalPolicy: what the policies of a user, group or role decide as they are now.

use std::sync::Arc;

use daypass_names::Arn;
use daypass_policy::{Caller, Context};
use daypass_query::Fields;

use super::policy_exclusions::{Exclusion, exclude, exclusions};
use super::policy_source::{PolicySource, Source, policy_source};
use super::simulate_custom::caller_of;
use super::simulation::{Bound, SimulateOutput, Simulation, Sourced};
use super::simulation_input::Asked;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::decode::arn;
use crate::operation::{Effect, Operation, Recorded};

/// IAM API reference, "SimulatePrincipalPolicy".
#[derive(Debug)]
pub(crate) struct SimulatePrincipalPolicy;

#[derive(Debug)]
pub(crate) struct PrincipalInput {
    source: Arn,
    asked: Arc<Asked>,
    exclusions: Vec<Exclusion>,
}

impl Operation for SimulatePrincipalPolicy {
    const NAME: &'static str = "SimulatePrincipalPolicy";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("PolicySourceArn"),
        Recorded::Texts("ActionNames"),
        Recorded::Texts("ResourceArns"),
        Recorded::Text("CallerArn"),
        Recorded::Text("ResourceOwner"),
        Recorded::Number("MaxItems"),
    ];
    type Input = PrincipalInput;
    type Subject = PolicySource;
    type Output = SimulateOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<PrincipalInput> {
        let source = arn(fields, "PolicySourceArn");
        let asked = Arc::new(Asked::decode(fields));
        let exclusions = exclusions(fields);
        Some(PrincipalInput { source: source?, asked, exclusions })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &PrincipalInput,
    ) -> Result<(Vec<Need>, PolicySource), Fault> {
        let source = policy_source(call, &input.source).await?;
        Ok((source.need("iam:SimulatePrincipalPolicy"), source))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<SimulateOutput, Fault> {
        let PrincipalInput { asked, exclusions, .. } = permit.input();
        let source = permit.subject().get()?;
        let policies = source.policies(&call.app.directory).await?;
        let policies = exclude(policies, exclusions)?;
        let identity = policies.identity.into_iter();
        let identity =
            identity.map(|applied| Sourced { id: applied.id(), policy: applied.policy }).collect();
        let bound = Bound { identity, boundary: policies.boundary, scps: None };
        let account = call.caller.account();
        let simulation = Simulation::prepare(asked, bound, account, |context| {
            let text = asked.caller.as_deref().unwrap_or(source.arn().as_str());
            if text == source.arn().as_str() {
                return source_as_caller(source, context);
            }
            // As if that caller had the policies of the source.
            caller_of(text, context)
        })?;
        simulation.run(call, &format!("{}|{}", Self::NAME, source.arn())).await
    }
}

/// The source as the one who asks, with its unique id.
fn source_as_caller(source: &Source, context: &Context<'_>) -> Result<Caller, Fault> {
    let caller = caller_of(source.arn().as_str(), context)?;
    Ok(match source {
        Source::User(user) => caller.with_id(user.id),
        Source::Role(role) => caller.with_id(role.id),
        Source::Group(_) => caller,
    })
}
