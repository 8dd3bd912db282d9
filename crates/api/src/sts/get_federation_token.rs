//! GetFederationToken: what a user may do for somebody who is none, as far as a policy says; or what
//! the root user may.
//!
//! AWS STS API reference, "GetFederationToken"; IAM user guide, "Permissions for
//! GetFederationToken". The session is bounded by its session policies: one that was given none may
//! do nothing but what the policy of a resource allows it by name. It never carries MFA.

use daypass_names::{Arn, FederatedUserName};
use daypass_query::Fields;
use daypass_token::{Session, SessionKind};
use serde::Serialize;

use super::get_session_token::{DEFAULT, LONGEST, LONGEST_OF_ROOT};
use super::{session_policies, session_tags};
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::Identity;
use crate::decode::required;
use crate::issue::{Credentials, LeastSize, SHORTEST, issue, session};
use crate::operation::{Effect, Operation, Recorded, Sessions};

/// AWS STS API reference, "GetFederationToken".
#[derive(Debug)]
pub(crate) struct GetFederationToken;

#[derive(Debug)]
pub(crate) struct Input {
    name: FederatedUserName,
    duration: Option<i64>,
    least_size: LeastSize,
    policies: session_policies::Given,
    tags: session_tags::Given,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    credentials: Credentials,
    federated_user: FederatedUser,
    packed_policy_size: u8,
    session_token_utilization: u8,
    session_token_size: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct FederatedUser {
    federated_user_id: String,
    arn: String,
}

impl Operation for GetFederationToken {
    const NAME: &'static str = "GetFederationToken";
    const EFFECT: Effect = Effect::Grants;
    const SESSIONS: Sessions = Sessions::None;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("Name"),
        Recorded::Text("Policy"),
        Recorded::Arns("PolicyArns"),
        Recorded::Number("DurationSeconds"),
        Recorded::Tags("Tags"),
        Recorded::Number("MinimumSessionTokenSize"),
    ];
    type Input = Input;
    /// The tags of the session, checked.
    type Subject = session_tags::Checked;
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        let name = required(fields, "Name");
        let duration = fields.integer("DurationSeconds", SHORTEST, LONGEST);
        let policies = session_policies::decode(fields);
        let tags = session_tags::decode(fields);
        let least_size = LeastSize::decode(fields);
        Some(Input { name: name?, duration, least_size, policies, tags })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Input,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        // In the order of AssumeRole: what is no policy is told before who may call.
        input.policies.check()?;
        // Nothing is passed on to it: the caller has no session.
        let tags = input.tags.checked(None)?;
        let resource = arn(call, input).to_string();
        let mut need = Need::new("sts:GetFederationToken", resource, call.caller.account());
        if tags.are_any() {
            need.also = &["sts:TagSession"];
        }
        Ok((vec![tags.with_keys(need)], tags))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        let (input, tags) = (permit.input(), permit.subject());
        let (account, creator, duration) = match call.caller.identity() {
            // What is longer is cut, not refused.
            Identity::Root(root) => {
                let asked = input.duration.unwrap_or(LONGEST_OF_ROOT);
                (root.account, None, asked.min(LONGEST_OF_ROOT))
            }
            Identity::User(user) => {
                (user.account, Some(user.id), input.duration.unwrap_or(DEFAULT))
            }
            Identity::FederatedUser(_)
            | Identity::RoleSession { .. }
            | Identity::Service(_)
            | Identity::Bearer(_) => {
                return Err(Fault::internal("a long-term key without a user"));
            }
        };
        let policies = input.policies.look_up(call, account).await?;
        let is_packed = policies.is_some() || tags.are_any();
        let issued = issue(
            call,
            &Session {
                creating_access_key: call.caller.access_key_id().cloned(),
                creator,
                federated_name: Some(input.name.to_string()),
                // SECURITY: none is the empty set, which allows nothing.
                session_policies: Some(policies.unwrap_or_default()),
                tags: tags.sealed(),
                ..session(call, SessionKind::FederatedUser, (account, None), duration).await?
            },
            input.least_size,
        )?;
        Ok(Output {
            credentials: issued.credentials,
            federated_user: FederatedUser {
                federated_user_id: format!("{account}:{}", input.name),
                arn: arn(call, input).to_string(),
            },
            // AWS says 0 where nothing was packed, other than AssumeRole, which says nothing then.
            packed_policy_size: issued.packed_policy_size.filter(|_| is_packed).unwrap_or(0),
            session_token_utilization: issued.session_token_utilization,
            session_token_size: issued.session_token_size,
        })
    }
}

/// The ARN of the federated user, which is also what asking for it is authorised on.
fn arn(call: &Authenticated<'_>, input: &Input) -> Arn {
    let partition = call.app.settings.partition;
    Arn::federated_user(partition, call.caller.account(), &input.name)
}
