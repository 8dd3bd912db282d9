//! AssumeRole: a role's rights for a while, if its trust policy and the caller's own policies
//! say so.

use daypass_audit::Resource;
use daypass_directory::MatchedCode;
use daypass_names::ExternalId;
use daypass_query::Fields;

use super::assumption::{Assumed, Passed, Target, Wanted, decode_duration, decode_role};
use super::{mfa, provided_contexts, session_policies, session_tags};
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::{Caller, Identity};
use crate::decode::{optional, required};
use crate::issue::LeastSize;
use crate::operation::{Effect, Operation, Recorded, Sessions};
use crate::{Code, Fault};

/// AWS STS API reference, "AssumeRole".
#[derive(Debug)]
pub(crate) struct AssumeRole;

#[derive(Debug)]
pub(crate) struct Input {
    wanted: Wanted,
    passed: Passed,
    external_id: Option<ExternalId>,
    mfa: mfa::Shown,
    has_contexts: bool,
}

impl Operation for AssumeRole {
    const NAME: &'static str = "AssumeRole";
    const EFFECT: Effect = Effect::Grants;
    const FOR_SERVICES: bool = true;
    const SESSIONS: Sessions = Sessions::OfRolesAndUsers;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleArn"),
        Recorded::Text("RoleSessionName"),
        Recorded::Number("DurationSeconds"),
        Recorded::Text("Policy"),
        Recorded::Arns("PolicyArns"),
        Recorded::Tags("Tags"),
        Recorded::Texts("TransitiveTagKeys"),
        Recorded::IncomingTransitiveTags,
        Recorded::Text("ExternalId"),
        Recorded::Text("SerialNumber"),
        Recorded::Text("SourceIdentity"),
        Recorded::Number("MinimumSessionTokenSize"),
    ];
    type Input = Input;
    /// The role, and the one-time password that was shown, still to be taken.
    type Subject = (Target, Option<MatchedCode>);
    type Output = Assumed;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        let role = decode_role(fields);
        let session_name = required(fields, "RoleSessionName");
        let policies = session_policies::decode(fields);
        let duration = decode_duration(fields);
        let tags = session_tags::decode(fields);
        let transitive = session_tags::decode_transitive(fields);
        let external_id = optional(fields, "ExternalId");
        let mfa = mfa::decode(fields);
        let source_identity = optional(fields, "SourceIdentity");
        let has_contexts = provided_contexts::decode(fields);
        let least_size = LeastSize::decode(fields);
        let wanted = Wanted { role: role?, duration, policies, least_size };
        let passed = Passed {
            session_name: session_name?,
            tags: session_tags::Given { transitive, ..tags },
            source_identity,
            longest: None,
        };
        Some(Input { wanted, passed, external_id, mfa, has_contexts })
    }

    fn admits(caller: &Caller) -> Result<(), Fault> {
        match caller.identity() {
            Identity::Root(_) => {
                let message = "Roles may not be assumed by root accounts.";
                Err(Fault::new(Code::AccessDenied, message))
            }
            _ => Ok(()),
        }
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Input,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        let Input { wanted, passed, external_id, mfa, has_contexts } = input;
        if *has_contexts {
            return Err(provided_contexts::refused());
        }
        let code = mfa::matched(call, mfa).await?;
        let target = Target::find(call, wanted, passed).await?;
        let own = |mut need: Need| {
            if let Some(external_id) = external_id {
                need.keys.push(("sts:ExternalId".into(), external_id.to_string().into()));
            }
            mfa::with_keys(need, code.as_ref())
        };
        let needs = target.needs(&call.caller, wanted, "sts:AssumeRole", own)?;
        Ok((needs, (target, code)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Assumed, Fault> {
        let (target, code) = permit.subject();
        let assumed = target.issue(call, &permit.input().wanted).await?;
        // Last of all: what is refused leaves the code to be shown again. The new session carries
        // nothing of it.
        mfa::take(call, code.as_ref()).await?;
        Ok(assumed)
    }

    fn resources(input: &Input) -> Vec<Resource> {
        input.wanted.resources()
    }
}
