//! A response of a SAML provider -> whom it names: the proof of AssumeRoleWithSAML.
//!
//! AWS STS API reference, "AssumeRoleWithSAML". `PrincipalArn` names the provider, in the account of the
//! role; the keys of the provider's metadata verify the response, and only then is anything of it
//! believed. Nobody learns here whether there is a role or an account: what is not there has no
//! provider.
//!
//! SECURITY: the response is a credential as long as it is good. It goes into no record, reply or log,
//! and neither does anything of it that was not verified.

use std::borrow::Cow;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use data_encoding::BASE64;
use daypass_directory::{AssertionEncryptionMode, DirectoryError, SamlProvider};
use daypass_federation::saml::{
    Digest, PrivateKey, Response, ResponseText, SamlFault, SamlIdentity, Trust, VerifiedAssertion,
};
use jiff::Timestamp;

use crate::app::App;
use crate::authenticate::Authenticated;
use crate::bearer::{AssertionBearer, Bearer};
use crate::caller::Caller;
use crate::convert::found;
use crate::identify::Identified;
use crate::operation::read;
use crate::rate_limits::Attempt;
use crate::saml_keys::Trusted;
use crate::sts::assume_role_with_saml::{ASSERTION, AssumeRoleWithSaml, Input};
use crate::turns::Turns;
use crate::{Code, Fault, Received};

/// The condition keys of attributes that have one value each. IAM user guide, "Available keys for
/// SAML-based AWS STS federation".
pub(crate) const SINGLE: [&str; 4] = [
    "saml:edupersonorgdn",
    "saml:edupersonprimaryaffiliation",
    "saml:edupersonprimaryorgunitdn",
    "saml:edupersonprincipalname",
];

/// AWS's answer to a name of the session that is none.
pub(crate) const SESSION_NAME: &str =
    "RoleSessionName in AuthnResponse must match [a-zA-Z_0-9+=,.@-]{2,64}";

/// AWS's answer to a source identity that is none.
pub(crate) const SOURCE_IDENTITY: &str =
    "Source Identity must match [a-zA-Z_0-9+=,.@-]{2,64} and not begin with \"aws:\"";

/// Private keys of 8,192 bits take some ten milliseconds for each assertion that they open.
static DECRYPTING: Turns =
    Turns::new(2, 256, "Too many SAML assertions are being decrypted. Try again later.");

/// Verifies the response of a request, and tells whom it names. Beside it, the parameters of the
/// request.
///
/// # Errors
/// For parameters that violate their constraints, before the response is looked at; for responses that
/// are not to be believed, which count for the address.
pub(crate) async fn bearer(
    app: &App,
    received: &Received,
    identified: &Identified<'_>,
    now: Timestamp,
) -> Result<(Caller, Arc<Input>), Fault> {
    // All of them are to be in order before the response is looked at.
    let input = read::<AssumeRoleWithSaml>(identified)?;
    let account = input.account()?;
    let attempt = Attempt::begin(&app.limits, received, now);
    let provider = provider(app, &input).await?;
    let provider = provider.ok_or_else(|| attempt.unknown(no_provider(), account.as_str()))?;
    // From here on the provider's responses count by themselves, as the keys of a user do.
    let attempt = attempt.admit(provider.id)?;
    let text = identified.form.text(ASSERTION).unwrap_or_default();
    let bearer = proven(app, provider, text, now).await;
    let bearer = bearer.map_err(|fault| attempt.refused(fault))?;
    Ok((Caller::of_bearer(Bearer::of_assertion(bearer)), input))
}

/// The provider of the request. A closed account has none.
async fn provider(app: &App, input: &Input) -> Result<Option<Arc<SamlProvider>>, Fault> {
    let account = input.account()?;
    let Some(name) = input.provider_name()? else { return Ok(None) };
    if app.directory.is_closed(account)? {
        return Ok(None);
    }
    let provider = found(app.directory.saml_provider(account, &name).await)?;
    // The ARN must be the provider's own, partition and case included.
    Ok(provider.filter(|provider| provider.arn == *input.provider()))
}

/// Whom a response names that the provider's keys verify and that is as it must be now.
async fn proven(
    app: &App,
    provider: Arc<SamlProvider>,
    text: &str,
    now: Timestamp,
) -> Result<AssertionBearer, Fault> {
    let text = Arc::new(ResponseText::decode(text).map_err(|fault| refused(&fault))?);
    let response = Response::parse(&text).map_err(|fault| refused(&fault))?;
    let (provider, trusted) = app.saml_keys.trusted(&app.directory, provider).await?;
    require_valid(&provider, now)?;
    let verified = verified(app, &provider, &trusted, &text, response).await?;
    let verified = verified.map_err(|fault| refused(&fault))?;
    let assertion =
        verified.check(&app.settings.saml.expected(now, provider.settings.skew.seconds()));
    let assertion = assertion.map_err(|fault| refused(&fault))?;
    let name_qualifier = name_qualifier(&provider, &assertion);
    Ok(AssertionBearer { provider, assertion, name_qualifier })
}

/// Verifies a response that was read from `text`. One that is encrypted is opened on a turn of its own.
pub(crate) async fn verified(
    app: &App,
    provider: &SamlProvider,
    trusted: &Arc<Trusted>,
    text: &Arc<ResponseText>,
    response: Response<'_>,
) -> Result<Result<VerifiedAssertion, SamlFault>, Fault> {
    let requires_encryption = provider.encryption == Some(AssertionEncryptionMode::Required);
    let verify = move |response: &Response<'_>, trusted: &Trusted, private_keys: &[PrivateKey]| {
        let identity_providers = &trusted.identity_providers;
        response.verify(&Trust { identity_providers, private_keys, requires_encryption })
    };
    if !response.is_encrypted() {
        return Ok(verify(&response, trusted, &[]));
    }
    // What was read borrows the text: it is read once more where it is opened.
    drop(response);
    let private_keys = app.directory.saml_private_keys(provider).await?;
    let (text, trusted) = (Arc::clone(text), Arc::clone(trusted));
    let open = move || verify(&Response::parse(&text)?, &trusted, &private_keys);
    DECRYPTING.run(open).await
}

/// Refuses a provider whose metadata has run out.
fn require_valid(provider: &SamlProvider, now: Timestamp) -> Result<(), Fault> {
    let until = provider.metadata.valid_until;
    if now < until {
        return Ok(());
    }
    let text = "The metadata of the specified provider is no longer valid";
    let cause = format!("the metadata of {} was valid until {until}", provider.arn);
    Err(Fault::new(Code::InvalidIdentityToken, text).because(cause))
}

/// Marks the assertion as used. It may be used again while it is good, as with AWS, and then the record
/// says so; unless it says itself that it is good once (`OneTimeUse`; SAML core, section 2.5.1.5), or
/// an operator set that the provider's are.
///
/// # Errors
/// When the assertion is good once, and was used.
pub(crate) async fn take(call: &Authenticated<'_>, bearer: &AssertionBearer) -> Result<(), Fault> {
    let AssertionBearer { provider, assertion, .. } = bearer;
    let (digest, uses) = (assertion_digest(assertion), &call.app.saml_uses);
    let which = (provider.id, digest);
    if provider.settings.single_use || assertion.one_time_use {
        // It may have been used while the provider's were good for more than one use.
        let was_used = uses.has(which, call.now);
        let (directory, ends) = (&call.app.directory, assertion.ends);
        if was_used || !directory.use_saml_assertion(provider.id, &digest, ends).await? {
            return Err(used_before());
        }
        uses.note(which, ends, call.now);
        return Ok(());
    }
    if uses.note(which, assertion.ends, call.now) {
        call.note_used_again();
        tracing::info!(
            request_id = %call.received.id,
            provider = provider.arn.as_str(),
            "an assertion is used again"
        );
    }
    Ok(())
}

/// Whether the assertion is good once, and whether it was used: for whoever wants to know why it is
/// refused.
pub(crate) async fn uses(
    app: &App,
    bearer: &AssertionBearer,
    now: Timestamp,
) -> Result<(bool, bool), DirectoryError> {
    let AssertionBearer { provider, assertion, .. } = bearer;
    let digest = assertion_digest(assertion);
    let is_once = provider.settings.single_use || assertion.one_time_use;
    let was_used = app.saml_uses.has((provider.id, digest), now)
        || app.directory.is_saml_assertion_used(provider.id, &digest).await?;
    Ok((is_once, was_used))
}

/// Whose name the subject of an assertion is: the base64 of the SHA-1 of the issuer, the account, a
/// slash and the provider's name, as AWS has it. Nothing is secured by it.
pub(crate) fn name_qualifier(provider: &SamlProvider, assertion: &SamlIdentity) -> String {
    let SamlProvider { account, name, .. } = provider;
    let text = format!("{}{account}/{name}", assertion.issuer);
    BASE64.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes()).as_ref())
}

/// What an assertion is known by when it is used again: the SHA-256 of its issuer and its id.
fn assertion_digest(assertion: &SamlIdentity) -> Digest {
    // No id has a line break: what has one is refused.
    Digest::of(format!("{}\n{}", assertion.assertion_id, assertion.issuer).as_bytes())
}

/// The answer to an assertion that is good once, and was used.
fn used_before() -> Fault {
    let text = "The SAML assertion has been used before, and is good for one use";
    Fault::new(Code::InvalidIdentityToken, text)
}

/// The condition keys that every assertion has. IAM user guide, "Available keys for SAML-based AWS STS
/// federation": the audience is the recipient, as AWS has it.
pub(crate) fn own_keys(bearer: &AssertionBearer) -> [(&'static str, Cow<'_, str>); 6] {
    let AssertionBearer { provider, assertion, name_qualifier } = bearer;
    [
        ("saml:aud", assertion.recipient.as_str().into()),
        ("saml:doc", format!("{}/{}", provider.account, provider.name).into()),
        ("saml:iss", assertion.issuer.as_str().into()),
        ("saml:namequalifier", name_qualifier.as_str().into()),
        ("saml:sub", assertion.subject.as_str().into()),
        ("saml:sub_type", assertion.subject_type.as_str().into()),
    ]
}

/// AWS's answer to a provider that there is not.
fn no_provider() -> Fault {
    let text = "Specified provider doesn't exist";
    Fault::new(Code::InvalidIdentityToken, text).because("no such SAML provider in the account")
}

/// AWS's answer to a response that is not to be believed; the log has the cause.
pub(crate) fn refused(fault: &SamlFault) -> Fault {
    let (code, text) = match fault {
        SamlFault::Signature(_)
        | SamlFault::Unsigned
        | SamlFault::MisplacedSignature
        | SamlFault::SeveralSignatures => {
            (Code::InvalidIdentityToken, "Response signature invalid".to_owned())
        }
        SamlFault::Issuer => (
            Code::InvalidIdentityToken,
            "Issuer not present in specified provider (service: AWSOpenIdDiscoveryService; status \
             code: 400; error code: AuthSamlInvalidSamlResponseException)"
                .to_owned(),
        ),
        SamlFault::SubjectMissing | SamlFault::RoleMissing => {
            (Code::AccessDenied, "Not authorized to perform sts:AssumeRoleWithSAML".to_owned())
        }
        SamlFault::Audience => (
            Code::InvalidIdentityToken,
            "Response does not contain the required audience.".to_owned(),
        ),
        SamlFault::TooOld { .. } => (
            Code::ExpiredTokenException,
            "Token must be redeemed within 5 minutes of issuance".to_owned(),
        ),
        SamlFault::Expired { .. } => {
            (Code::ExpiredTokenException, "Response has expired".to_owned())
        }
        SamlFault::RoleSessionNameMissing => {
            (Code::InvalidIdentityToken, "RoleSessionName is required in AuthnResponse".to_owned())
        }
        SamlFault::RoleSessionName => (Code::InvalidIdentityToken, SESSION_NAME.to_owned()),
        SamlFault::SourceIdentity => (Code::InvalidIdentityToken, SOURCE_IDENTITY.to_owned()),
        // AWS has no words for these, or none that are known: an administrator is to learn what it is.
        other => (Code::InvalidIdentityToken, format!("Invalid SAML response: {other}.")),
    };
    Fault::new(code, text).because(fault.to_string())
}
