//! SimulateCustomPolicy: what policies would decide that nobody has.

use std::sync::Arc;

use daypass_names::{Arn, Constrained, GroupName};
use daypass_policy::{Caller, Context, Kind};
use daypass_query::Fields;

use super::named::here;
use super::policy_source::{Holder, entity_of};
use super::simulation::{Bound, SimulateOutput, Simulation, parse_all};
use super::simulation_input::{Asked, documents, invalid};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::operation::{Effect, Operation, Recorded};

/// Most levels of an organisation, as the service model has it: its root, five of units, and the
/// account.
const MAX_LEVELS: usize = 7;

/// IAM API reference, "SimulateCustomPolicy".
#[derive(Debug)]
pub(crate) struct SimulateCustomPolicy;

#[derive(Debug)]
pub(crate) struct CustomInput {
    asked: Arc<Asked>,
    /// The service control policies, root first; `None` outside any organisation.
    levels: Option<Vec<Vec<String>>>,
}

impl Operation for SimulateCustomPolicy {
    const NAME: &'static str = "SimulateCustomPolicy";
    const EFFECT: Effect = Effect::Reads;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Texts("ActionNames"),
        Recorded::Texts("ResourceArns"),
        Recorded::Text("CallerArn"),
        Recorded::Text("ResourceOwner"),
        Recorded::Number("MaxItems"),
    ];
    type Input = CustomInput;
    type Subject = ();
    type Output = SimulateOutput;

    fn decode(fields: &mut Fields<'_>) -> Option<CustomInput> {
        const LEVELS: &str = "OrderedOrganizationPolicyInputList";
        fields.required("PolicyInputList");
        let asked = Arc::new(Asked::decode(fields));
        let level = |mut level: Fields<'_>| documents(&mut level, "ServiceControlPolicyInputList");
        let levels: Vec<_> = fields.list(LEVELS).map(level).collect();
        if levels.len() > MAX_LEVELS {
            let text = format!("Member must have length less than or equal to {MAX_LEVELS}");
            fields.fault(LEVELS, None, &text);
        }
        // An empty list is as good as none.
        Some(CustomInput { asked, levels: (!levels.is_empty()).then_some(levels) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        _input: &CustomInput,
    ) -> Result<(Vec<Need>, ()), Fault> {
        Ok((vec![Need::new("iam:SimulateCustomPolicy", "*", call.caller.account())], ()))
    }

    async fn perform(
        call: &Authenticated<'_>,
        permit: &Permit<Self>,
    ) -> Result<SimulateOutput, Fault> {
        let CustomInput { asked, levels } = permit.input();
        let scps = match levels {
            None => None,
            Some(levels) => {
                let numbered = (1..).zip(levels);
                let parsed = numbered.map(|(number, texts)| {
                    let name = format!(
                        "OrderedOrganizationPolicyInputList.{number}.ServiceControlPolicyInputList"
                    );
                    parse_all(texts, &name, Kind::Scp)
                });
                Some(parsed.collect::<Result<_, Fault>>()?)
            }
        };
        let bound = Bound { scps, ..Bound::default() };
        let (partition, account) = here(call);
        let simulation = Simulation::prepare(asked, bound, account, |context| {
            match &asked.caller {
                Some(caller) => caller_of(caller, context),
                // With a policy of the resource, its principals have nobody to be compared with.
                None if asked.resource_policy.is_some() => {
                    Err(invalid("Invalid caller - Caller cannot be null or empty."))
                }
                None => Caller::unknown(partition, account).map_err(Fault::internal),
            }
        })?;
        simulation.run(call, Self::NAME).await
    }
}

/// The user, group or role that asks, by its ARN alone: it need not exist.
pub(crate) fn caller_of(text: &str, context: &Context<'_>) -> Result<Caller, Fault> {
    let wrong =
        || invalid("Invalid caller - Caller must be an IAM user, group or role in this context.");
    let arn = Arn::parse(text).map_err(|_| wrong())?;
    let (holder, account, name) = entity_of(&arn).ok_or_else(wrong)?;
    match holder {
        // Nobody asks as a group: of such a caller only the account is known.
        Holder::Group => {
            GroupName::parse(name).map_err(|_| wrong())?;
            Caller::unknown(arn.partition(), account).map_err(|_| wrong())
        }
        Holder::User | Holder::Role => {
            Caller::parse(text, "", None, context).map_err(|reason| wrong().because(reason))
        }
    }
}
