//! AssumeRoleWithWebIdentity: a role's rights for a while, for whom a token of an OpenID Connect
//! provider names, if the role's trust policy says so.
//!
//! The token is verified where callers are proven (`web_identity.rs`), before any of this. Identity
//! policies have no say: who comes from a provider has none.

use std::borrow::Cow;
use std::sync::Arc;

use daypass_audit::Resource;
use daypass_federation::oidc::{MAX_TOKEN, MIN_TOKEN, WebIdentity};
use daypass_names::{AccountId, Constrained, SessionName, SourceIdentity};
use daypass_policy::Value;
use daypass_query::{Fields, TextRule};

use super::assumption::{Assumed, Passed, Target, Wanted, decode_duration, decode_role};
use super::{session_policies, session_tags};
use crate::authenticate::{Authenticated, Proof};
use crate::authorise::{Need, Permit};
use crate::bearer::{Claims, TokenBearer};
use crate::caller::Identity;
use crate::decode::required;
use crate::issue::LeastSize;
use crate::operation::{Effect, Operation, Recorded, Sessions};
use crate::{Code, Fault};

/// The parameter that proves the caller.
pub(crate) const TOKEN: &str = "WebIdentityToken";

/// Its characters, white space around it left out: the service model's bounds.
const TOKEN_RULE: TextRule =
    TextRule { min: MIN_TOKEN, max: MAX_TOKEN, pattern: "", fits: |_| true };

/// Most bytes of white space around it: files end with a newline, and clients send it.
const AROUND_TOKEN: usize = 2_048;

/// `ProviderId`: the service model's bounds.
const PROVIDER_ID: TextRule = TextRule { min: 4, max: 2048, pattern: "", fits: |_| true };

/// AWS STS API reference, "AssumeRoleWithWebIdentity".
#[derive(Debug)]
pub(crate) struct AssumeRoleWithWebIdentity;

#[derive(Debug)]
pub(crate) struct Input {
    wanted: Wanted,
    session_name: SessionName,
    has_provider_id: bool,
}

impl Input {
    /// The account of the role, and so of the provider that the token must be of.
    pub(crate) fn account(&self) -> Result<AccountId, Fault> {
        self.wanted.account()
    }

    /// Refuses `ProviderId`, which is for access tokens of providers that are asked about each of
    /// them. Nobody is asked here.
    pub(crate) fn require_no_provider_id(&self) -> Result<(), Fault> {
        if !self.has_provider_id {
            return Ok(());
        }
        let text = "The web identity token that was passed could not be validated. Get a new \
                    identity token from the identity provider and then retry the request.";
        Err(Fault::new(Code::InvalidIdentityToken, text).because("access tokens are not taken"))
    }
}

impl Operation for AssumeRoleWithWebIdentity {
    const NAME: &'static str = "AssumeRoleWithWebIdentity";
    const EFFECT: Effect = Effect::Grants;
    const PROOF: Proof = Proof::WebIdentity;
    const SESSIONS: Sessions = Sessions::None;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleArn"),
        Recorded::Text("RoleSessionName"),
        Recorded::Number("DurationSeconds"),
        Recorded::Text("Policy"),
        Recorded::Arns("PolicyArns"),
        Recorded::Claims,
        Recorded::Number("MinimumSessionTokenSize"),
    ];
    /// Shared with what proved the caller.
    type Input = Arc<Input>;
    /// The role.
    type Subject = Target;
    type Output = Assumed;

    fn decode(fields: &mut Fields<'_>) -> Option<Arc<Input>> {
        let role = decode_role(fields);
        let session_name = required(fields, "RoleSessionName");
        let token = fields.required_secret_trimmed(TOKEN, &TOKEN_RULE, AROUND_TOKEN);
        let has_provider_id = fields.text("ProviderId", &PROVIDER_ID).is_some();
        let policies = session_policies::decode(fields);
        let duration = decode_duration(fields);
        let least_size = LeastSize::decode(fields);
        token?;
        let wanted = Wanted { role: role?, duration, policies, least_size };
        Some(Arc::new(Input { wanted, session_name: session_name?, has_provider_id }))
    }

    fn decoded(call: &Authenticated<'_>) -> Option<Arc<Input>> {
        call.web_identity().map(Arc::clone)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arc<Input>,
    ) -> Result<(Vec<Need>, Target), Fault> {
        let bearer = bearer(call)?;
        let (tags, source_identity) = claimed(&bearer.token)?;
        let session_name = input.session_name.clone();
        let passed = Passed { session_name, tags, source_identity, longest: None };
        let target = Target::find(call, &input.wanted, &passed).await?;
        let own = |need| with_claims(need, bearer);
        let needs = target.needs(&call.caller, &input.wanted, ACTION, own)?;
        Ok((needs, target))
    }

    async fn perform(call: &Authenticated<'_>, permit: &Permit<Self>) -> Result<Assumed, Fault> {
        let (input, bearer) = (permit.input(), bearer(call)?);
        // What is refused counts for no account: see `Caller::paying_account`.
        call.app.limits.admit_account(input.account()?, call.now)?;
        let assumed = permit.subject().issue(call, &input.wanted).await?;
        let token = &bearer.token;
        Ok(Assumed {
            subject_from_web_identity_token: Some(token.subject.clone()),
            provider: Some(token.issuer.clone()),
            audience: Some(token.audience.clone()),
            ..assumed
        })
    }

    fn resources(input: &Arc<Input>) -> Vec<Resource> {
        input.wanted.resources()
    }
}

/// The claim that has several values, even where it has one.
const METHODS: &str = "amr";

const ACTION: &str = "sts:AssumeRoleWithWebIdentity";

/// Who calls: nobody gets here without a token.
fn bearer<'a>(call: &'a Authenticated<'_>) -> Result<&'a TokenBearer, Fault> {
    let bearer = match call.caller.identity() {
        Identity::Bearer(bearer) => bearer.token(),
        _ => None,
    };
    bearer.ok_or_else(|| Fault::internal("a web identity without a token"))
}

/// The session tags and the source identity that a token claims. IAM user guide, "Pass session tags
/// in AWS STS" and "Monitor and control actions taken with assumed roles".
fn claimed(token: &WebIdentity) -> Result<(session_tags::Given, Option<SourceIdentity>), Fault> {
    let invalid = |what: &str| {
        let text = format!("The {what} of the web identity token must satisfy its constraints.");
        Fault::new(Code::InvalidIdentityToken, text)
    };
    let tags = session_tags::Given::claimed(Claims::from(token));
    let tags = tags.ok_or_else(|| invalid("session tags"))?;
    let source_identity = match &token.source_identity {
        Some(text) => Some(SourceIdentity::parse(text).map_err(|_| invalid("source identity"))?),
        None => None,
    };
    Ok((tags, source_identity))
}

/// Whether the session tags and the source identity that a token claims are in order, for every
/// role.
///
/// # Errors
/// As the operation answers.
pub(crate) fn check_passed(token: &WebIdentity) -> Result<(), Fault> {
    claimed(token)?.0.checked(None).map(drop)
}

/// Adds the claims under the name of their provider, such as `h.example/a:sub`.
fn with_claims(mut need: Need, bearer: &TokenBearer) -> Need {
    let issuer = bearer.provider.url.without_scheme();
    for (claim, values) in &bearer.token.keys {
        let key = Cow::Owned(format!("{issuer}:{claim}"));
        match values.as_slice() {
            [value] if claim != METHODS => need.keys.push((key, value.clone().into())),
            values => {
                let values = values.iter().map(|value| Value::from(value.clone())).collect();
                need.lists.push((key, values));
            }
        }
    }
    need
}
