//! AssumeRoleWithSAML: a role's rights for a while, for whom an assertion of a SAML provider names, if
//! the assertion names the role and the role's trust policy says so.
//!
//! AWS STS API reference, "AssumeRoleWithSAML"; IAM user guide, "Configure SAML assertions for the
//! authentication response". The assertion is verified where callers are proven (`saml.rs`), before any
//! of this. Identity policies have no say: who comes from a provider has none. The name of the session,
//! its tags and its source identity come from the assertion.

use std::sync::Arc;

use daypass_audit::Resource;
use daypass_federation::saml::{MAX_RESPONSE, SamlIdentity};
use daypass_names::{AccountId, Arn, Constrained, SamlProviderName, SessionName, SourceIdentity};
use daypass_policy::Value;
use daypass_query::{Fields, TextRule};
use jiff::Timestamp;

use super::assumption::{Assumed, Passed, Target, Wanted, decode_duration, decode_role};
use super::{session_policies, session_tags};
use crate::authenticate::{Authenticated, Proof};
use crate::authorise::{Need, Permit};
use crate::bearer::{AssertionBearer, Claims};
use crate::caller::Identity;
use crate::decode::arn;
use crate::issue::LeastSize;
use crate::operation::{Effect, Operation, Recorded, Sessions};
use crate::{Code, Fault, saml};

/// The parameter that proves the caller.
pub(crate) const ASSERTION: &str = "SAMLAssertion";

/// Its characters, white space around it left out: the service model's bounds.
const ASSERTION_RULE: TextRule =
    TextRule { min: 4, max: MAX_RESPONSE, pattern: "", fits: |_| true };

/// Most bytes of white space around it: files end with a newline, and clients send it.
const AROUND_ASSERTION: usize = 2_048;

/// What the name of a SAML provider follows in its ARN.
const PROVIDER: &str = "saml-provider/";

/// What the names of the roles of IAM Identity Center begin with, which only that service assumes.
const OF_IDENTITY_CENTER: &str = "AWSReservedSSO_";

/// AWS STS API reference, "AssumeRoleWithSAML".
#[derive(Debug)]
pub(crate) struct AssumeRoleWithSaml;

#[derive(Debug)]
pub(crate) struct Input {
    wanted: Wanted,
    provider: Arn,
}

impl Input {
    /// The account of the role, and so of the provider.
    pub(crate) fn account(&self) -> Result<AccountId, Fault> {
        self.wanted.account()
    }

    /// The ARN that `PrincipalArn` is.
    pub(crate) fn provider(&self) -> &Arn {
        &self.provider
    }

    /// The name of the provider, if `PrincipalArn` is the ARN of one in the account of the role.
    pub(crate) fn provider_name(&self) -> Result<Option<SamlProviderName>, Fault> {
        let account = self.account()?;
        let arn = &self.provider;
        let is_there =
            arn.service() == "iam" && arn.region().is_empty() && arn.account() == Some(account);
        let name = arn.resource().strip_prefix(PROVIDER).filter(|_| is_there);
        Ok(name.and_then(|name| SamlProviderName::parse(name).ok()))
    }
}

impl Operation for AssumeRoleWithSaml {
    const NAME: &'static str = "AssumeRoleWithSAML";
    const EFFECT: Effect = Effect::Grants;
    const PROOF: Proof = Proof::Saml;
    const SESSIONS: Sessions = Sessions::None;
    const RECORDED: &'static [Recorded] = &[
        Recorded::Text("RoleArn"),
        Recorded::Text("PrincipalArn"),
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
        let provider = arn(fields, "PrincipalArn");
        let assertion =
            fields.required_secret_trimmed(ASSERTION, &ASSERTION_RULE, AROUND_ASSERTION);
        let policies = session_policies::decode(fields);
        let duration = decode_duration(fields);
        let least_size = LeastSize::decode(fields);
        assertion?;
        let wanted = Wanted { role: role?, duration, policies, least_size };
        Some(Arc::new(Input { wanted, provider: provider? }))
    }

    fn decoded(call: &Authenticated<'_>) -> Option<Arc<Input>> {
        call.saml().map(Arc::clone)
    }

    async fn needs(
        call: &Authenticated<'_>,
        input: &Arc<Input>,
    ) -> Result<(Vec<Need>, Target), Fault> {
        let bearer = bearer(call)?;
        require_role(&input.wanted, bearer)?;
        let passed = passed(&bearer.assertion, call.now)?;
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
        // Last of all: what is refused leaves the assertion to be used.
        saml::take(call, bearer).await?;
        let AssertionBearer { assertion, name_qualifier, .. } = bearer;
        Ok(Assumed {
            subject: Some(assertion.subject.clone()),
            subject_type: Some(assertion.subject_type.clone()),
            issuer: Some(assertion.issuer.clone()),
            audience: Some(assertion.recipient.clone()),
            name_qualifier: Some(name_qualifier.clone()),
            ..assumed
        })
    }

    fn resources(input: &Arc<Input>) -> Vec<Resource> {
        input.wanted.resources()
    }
}

const ACTION: &str = "sts:AssumeRoleWithSAML";

/// Who calls: nobody gets here without an assertion.
fn bearer<'a>(call: &'a Authenticated<'_>) -> Result<&'a AssertionBearer, Fault> {
    let bearer = match call.caller.identity() {
        Identity::Bearer(bearer) => bearer.assertion(),
        _ => None,
    };
    bearer.ok_or_else(|| Fault::internal("an assumed role without an assertion"))
}

/// Refuses a role that the assertion does not name together with the provider. It is not told apart
/// from one that does not trust the provider, and one that there is not.
fn require_role(wanted: &Wanted, bearer: &AssertionBearer) -> Result<(), Fault> {
    let refused = |cause: String| {
        let text = format!("Not authorized to perform {ACTION}");
        Err(Fault::new(Code::AccessDenied, text).because(cause))
    };
    let (role, provider) = (wanted.role_arn(), &bearer.provider.arn);
    if !bearer.assertion.may_assume(role.as_str(), provider.as_str()) {
        return refused(format!("the attribute Role has no pair of {role} and {provider}"));
    }
    // IAM user guide, "Referencing permission sets": they cannot be assumed but through the service.
    if wanted.role_name().starts_with(OF_IDENTITY_CENTER) {
        return refused(format!("{role} is a role of IAM Identity Center"));
    }
    Ok(())
}

/// What an assertion gives the session: its name, its tags, its source identity, and the most that it
/// may last.
fn passed(assertion: &SamlIdentity, now: Timestamp) -> Result<Passed, Fault> {
    let invalid = |text: &str| Fault::new(Code::InvalidIdentityToken, text.to_owned());
    let session_name =
        SessionName::parse(&assertion.role_session_name).map_err(|_| invalid(saml::SESSION_NAME));
    let tags = session_tags::Given::claimed(Claims::from(assertion)).ok_or_else(|| {
        invalid("The session tags of the SAML assertion must satisfy their constraints.")
    });
    let source_identity = assertion.source_identity.as_deref().map(SourceIdentity::parse);
    let source_identity = source_identity.transpose().map_err(|_| invalid(saml::SOURCE_IDENTITY));
    Ok(Passed {
        session_name: session_name?,
        tags: tags?,
        source_identity: source_identity?,
        longest: longest(assertion, now)?,
    })
}

/// What the session may last at the most, in seconds: until `SessionNotOnOrAfter`, and no longer than
/// `SessionDuration`. Both shorten it, below its least duration too.
fn longest(assertion: &SamlIdentity, now: Timestamp) -> Result<Option<i64>, Fault> {
    let left = assertion
        .session_not_on_or_after
        .map(|until| until.as_second().saturating_sub(now.as_second()));
    if left.is_some_and(|left| left <= 0) {
        let fault = Fault::new(Code::ExpiredTokenException, "Response has expired");
        return Err(fault.because("SessionNotOnOrAfter has passed"));
    }
    Ok(left.into_iter().chain(assertion.session_duration).min())
}

/// Whether what an assertion gives a session is in order, for every role.
///
/// # Errors
/// As the operation answers.
pub(crate) fn check_passed(assertion: &SamlIdentity, now: Timestamp) -> Result<(), Fault> {
    passed(assertion, now)?.tags.checked(None).map(drop)
}

/// Adds the condition keys of the assertion.
fn with_claims(mut need: Need, bearer: &AssertionBearer) -> Need {
    for (key, value) in saml::own_keys(bearer) {
        need.keys.push((key.into(), value.into_owned().into()));
    }
    for (key, values) in &bearer.assertion.keys {
        match values.as_slice() {
            [value] if saml::SINGLE.contains(key) => {
                need.keys.push(((*key).into(), value.clone().into()));
            }
            // SECURITY: an assertion with several values for one of `SINGLE` was refused before.
            values => {
                let values = values.iter().map(|value| Value::from(value.clone())).collect();
                need.lists.push(((*key).into(), values));
            }
        }
    }
    need
}
