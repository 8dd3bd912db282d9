//! AssumeRole: a role's rights for a while, if its trust policy and the caller's own policies
//! say so.

use std::sync::Arc;

use daypass_audit::Resource;
use daypass_directory::{MatchedCode, Role};
use daypass_names::{Arn, Constrained, ExternalId, IamResource, RoleName, SessionName};
use daypass_policy::{Kind, Policy};
use daypass_query::Fields;
use daypass_token::{Session, SessionKind, SessionPolicies};
use serde::Serialize;

use super::mfa;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::{Caller, Identity};
use crate::convert::found;
use crate::decode::{SESSION_POLICY, arn, optional, required, unsupported};
use crate::issue::{Credentials, SHORTEST, issue, session};
use crate::operation::{Effect, Operation, Recorded};
use crate::{Code, Fault};

/// What a session lasts when nothing is asked for, in seconds, whatever the role's maximum.
const DEFAULT: i64 = 3600;
/// The longest session of any role, in seconds.
const LONGEST: i64 = 43_200;
/// The longest session that another session may chain to, in seconds.
const LONGEST_CHAINED: i64 = 3600;

/// Parameters of the operation that are not acted on yet, and so are refused.
const NOT_YET: &[&str] = &[
    "PolicyArns",
    "Tags",
    "TransitiveTagKeys",
    "SourceIdentity",
    "ProvidedContexts",
    "MinimumSessionTokenSize",
];

/// AWS STS API reference, "AssumeRole".
#[derive(Debug)]
pub(crate) struct AssumeRole;

#[derive(Debug)]
pub(crate) struct Input {
    role_arn: Arn,
    role_name: RoleName,
    session_name: SessionName,
    duration: Option<i64>,
    policy: Option<String>,
    external_id: Option<ExternalId>,
    mfa: mfa::Shown,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    credentials: Credentials,
    assumed_role_user: AssumedRoleUser,
    packed_policy_size: Option<u8>,
    session_token_utilization: u8,
    session_token_size: usize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AssumedRoleUser {
    assumed_role_id: String,
    arn: String,
}

impl Operation for AssumeRole {
    const NAME: &'static str = "AssumeRole";
    const EFFECT: Effect = Effect::Grants;
    const FOR_SERVICES: bool = true;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleArn"),
        Recorded::Text("RoleSessionName"),
        Recorded::Number("DurationSeconds"),
        Recorded::Text("Policy"),
        Recorded::Text("ExternalId"),
        Recorded::Text("SerialNumber"),
    ];
    type Input = Input;
    /// The role, if there is one (that there is none must not be told apart from a refusal), and the
    /// one-time password that was shown, still to be taken.
    type Subject = (Option<Arc<Role>>, Option<MatchedCode>);
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        unsupported(fields, NOT_YET);
        let role = arn(fields, "RoleArn").and_then(|arn| role(fields, arn));
        let session_name = required(fields, "RoleSessionName");
        let duration = fields.integer("DurationSeconds", SHORTEST, LONGEST);
        let policy = fields.text("Policy", &SESSION_POLICY).map(str::to_owned);
        let external_id = optional(fields, "ExternalId");
        let mfa = mfa::decode(fields);
        let (role_arn, role_name) = role?;
        let session_name = session_name?;
        Some(Input { role_arn, role_name, session_name, duration, policy, external_id, mfa })
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
        let code = mfa::matched(call, &input.mfa).await?;
        let account = input.role_arn.account().ok_or_else(|| Fault::internal("ARN changed"))?;
        let role = found(call.app.directory.role(account, &input.role_name).await)?;
        // The ARN must be the role's own, path and case included.
        let role = role.filter(|role| role.arn == input.role_arn);
        // Nobody assumes the roles of a closed account, and nobody learns that it is closed.
        let is_closed = call.app.directory.is_closed(account)?;
        let role = role.filter(|_| !is_closed);
        let trust = match &role {
            Some(role) => {
                call.note_owner(role.account);
                role.trust.policy.clone()
            }
            None => Arc::new(Policy::empty(Kind::Trust)),
        };
        let resource = input.role_arn.to_string();
        let mut need = Need::new("sts:AssumeRole", resource, account);
        need.trust = Some(trust);
        need.keys.push(("sts:RoleSessionName".into(), input.session_name.to_string().into()));
        if let Some(external_id) = &input.external_id {
            need.keys.push(("sts:ExternalId".into(), external_id.to_string().into()));
        }
        Ok((vec![mfa::with_keys(need, code.as_ref())], (role, code)))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        let input = permit.input();
        let (role, code) = permit.subject();
        let role = role.as_ref().ok_or_else(|| Fault::internal("a missing role was permitted"))?;
        let duration = duration(&call.caller, input, role)?;
        let session_policies = session_policies(input)?;
        let chain_depth =
            call.caller.session().map_or(0, |session| session.facts.chain_depth.saturating_add(1));
        // The new session carries nothing of it.
        mfa::take(call, code.as_ref()).await?;
        let issued = issue(
            call,
            &Session {
                session_name: Some(input.session_name.clone()),
                chain_depth,
                session_policies,
                ..session(call, SessionKind::Role, (role.account, role.id), duration).await?
            },
        )?;
        let name = &input.session_name;
        let arn = Arn::assumed_role(role.arn.partition(), role.account, &role.name, name);
        Ok(Output {
            credentials: issued.credentials,
            assumed_role_user: AssumedRoleUser {
                assumed_role_id: format!("{}:{name}", role.id),
                arn: arn.to_string(),
            },
            packed_policy_size: issued.packed_policy_size,
            session_token_utilization: issued.session_token_utilization,
            session_token_size: issued.session_token_size,
        })
    }

    fn resources(input: &Input) -> Vec<Resource> {
        vec![Resource {
            arn: input.role_arn.clone(),
            account_id: input.role_arn.account(),
            kind: "AWS::IAM::Role",
        }]
    }
}

/// The name of the role that an ARN names; anything else is no role to assume.
fn role(fields: &mut Fields<'_>, arn: Arn) -> Option<(Arn, RoleName)> {
    let name = match arn.iam_resource() {
        IamResource::Role(path_and_name) if arn.account().is_some() && arn.region().is_empty() => {
            let name = path_and_name.rsplit('/').next().unwrap_or(path_and_name);
            RoleName::parse(name).ok()
        }
        _ => None,
    };
    if name.is_none() {
        fields.refuse(format!("{arn} is invalid"));
    }
    name.map(|name| (arn, name))
}

/// The duration that was asked for, refused rather than clipped where it is too long.
fn duration(caller: &Caller, input: &Input, role: &Role) -> Result<i64, Fault> {
    let duration = input.duration.unwrap_or(DEFAULT);
    if caller.session().is_some() && duration > LONGEST_CHAINED {
        return Err(Fault::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by \
             role chaining.",
        ));
    }
    if duration > i64::from(role.max_session_duration) {
        return Err(Fault::new(
            Code::ValidationError,
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ));
    }
    Ok(duration)
}

/// The session policies to seal: only what parses, so that it is also what will be evaluated.
fn session_policies(input: &Input) -> Result<Option<SessionPolicies>, Fault> {
    let Some(text) = &input.policy else { return Ok(None) };
    Policy::parse(text, Kind::Session)?;
    Ok(Some(SessionPolicies { inline: Some(text.clone()), managed: Vec::new() }))
}
