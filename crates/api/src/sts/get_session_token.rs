//! GetSessionToken: a user's own rights for a while, or the root user's.

use daypass_directory::MatchedCode;
use daypass_query::Fields;
use daypass_token::{Session, SessionKind};
use serde::Serialize;

use super::mfa;
use crate::Fault;
use crate::authenticate::Authenticated;
use crate::authorise::{Need, Permit};
use crate::caller::Identity;
use crate::issue::{Credentials, LeastSize, SHORTEST, issue, session};
use crate::operation::{Effect, Operation, Recorded, Sessions};

/// What a user gets when nothing is asked for, in seconds. Federated users get the same.
pub(super) const DEFAULT: i64 = 43_200;
/// The longest session, in seconds.
pub(super) const LONGEST: i64 = 129_600;

/// The longest session of the root user, in seconds, and what it gets when nothing is asked for.
pub(super) const LONGEST_OF_ROOT: i64 = 3600;

/// AWS STS API reference, "GetSessionToken". No policy can grant or deny it.
#[derive(Debug)]
pub(crate) struct GetSessionToken;

#[derive(Debug)]
pub(crate) struct Input {
    duration: Option<i64>,
    mfa: mfa::Shown,
    least_size: LeastSize,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Output {
    credentials: Credentials,
    session_token_utilization: u8,
    session_token_size: usize,
}

impl Operation for GetSessionToken {
    const NAME: &'static str = "GetSessionToken";
    const EFFECT: Effect = Effect::Grants;
    const SESSIONS: Sessions = Sessions::None;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Number("DurationSeconds"),
        Recorded::Text("SerialNumber"),
        Recorded::Number("MinimumSessionTokenSize"),
    ];
    type Input = Input;
    /// The one-time password that was shown, still to be taken.
    type Subject = Option<MatchedCode>;
    type Output = Output;

    fn decode(fields: &mut Fields<'_>) -> Option<Input> {
        let duration = fields.integer("DurationSeconds", SHORTEST, LONGEST);
        let mfa = mfa::decode(fields);
        Some(Input { duration, mfa, least_size: LeastSize::decode(fields) })
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Input,
    ) -> Result<(Vec<Need>, Self::Subject), Fault> {
        Ok((Vec::new(), mfa::matched(call, &input.mfa).await?))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Output, Fault> {
        let caller = &call.caller;
        let asked = permit.input().duration;
        let (kind, whose, duration) = match caller.identity() {
            // What is longer is cut, not refused.
            Identity::Root(root) => (
                SessionKind::Root,
                (root.account, None),
                asked.unwrap_or(LONGEST_OF_ROOT).min(LONGEST_OF_ROOT),
            ),
            Identity::User(user) => {
                (SessionKind::User, (user.account, Some(user.id)), asked.unwrap_or(DEFAULT))
            }
            Identity::FederatedUser(_)
            | Identity::RoleSession { .. }
            | Identity::Service(_)
            | Identity::Bearer(_) => {
                return Err(Fault::internal("a long-term key without a user"));
            }
        };
        let code = permit.subject().as_ref();
        let base = session(call, kind, whose, duration).await?;
        mfa::take(call, code).await?;
        let issued = issue(
            call,
            &Session {
                creating_access_key: caller.access_key_id().cloned(),
                mfa_at_s: code.map(|_| call.now.as_second()),
                ..base
            },
            permit.input().least_size,
        )?;
        Ok(Output {
            credentials: issued.credentials,
            session_token_utilization: issued.session_token_utilization,
            session_token_size: issued.session_token_size,
        })
    }
}
