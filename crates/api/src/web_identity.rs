//! A token of an OpenID Connect provider -> whom it names: the proof of AssumeRoleWithWebIdentity.
//!
//! AWS STS API reference, "AssumeRoleWithWebIdentity". The issuer that the token names chooses the
//! provider, in the account of the role; the provider's keys verify the token, and only then is
//! anything of it believed. Nobody learns here whether there is a role or an account: what is not
//! there is, like an issuer that is not registered, no provider. What was verified is remembered, and
//! believed again only under the very same provider and keys.

use std::sync::Arc;

use daypass_directory::OidcProvider;
use daypass_federation::oidc::{Expected, Token, TokenFault, VerifiedToken, WebIdentity, verify};
use daypass_names::{AccountId, IssuerUrl};
use jiff::Timestamp;

use crate::app::App;
use crate::bearer::Bearer;
use crate::caller::Caller;
use crate::convert::found;
use crate::federation::{KeySetGeneration, KeysFault, Patience};
use crate::identify::Identified;
use crate::operation::read;
use crate::rate_limits::{Attempt, Standing};
use crate::sts::assume_role_with_web_identity::{AssumeRoleWithWebIdentity, Input, TOKEN};
use crate::verified_tokens::{Known, TokenKey, Under};
use crate::{Code, Fault, Received, issuers};

/// Most characters of an issuer that are shown to who named it: as many as a registered one has.
const SHOWN_ISSUER: usize = 255;

/// How long ago a token may have been issued, in seconds, however long it is good for: a year, as the
/// longest that an issuer of ours makes its tokens good for by itself. Until then a token's own `exp`
/// says when it ends.
///
/// A day, which AWS's webhook for Kubernetes asks for at most, would refuse honest tokens. A kubelet
/// renews a token of long life when it is a day old, and writes it into the pod a minute or two later,
/// or when it reaches the API server again; tokens for pods whose programs read them once are good for
/// a year (`--service-account-extend-token-expiration`); those of GitLab for as long as a job may take,
/// which can be a month. AWS's bound is not documented: it has been seen to refuse one of five days.
pub(crate) const OLDEST_S: i64 = 365 * 86_400;

/// Verifies the token of a request, or finds that it was, and tells whom it names. Beside it, the
/// parameters of the request.
///
/// # Errors
/// For parameters that violate their constraints, before the token is looked at; for tokens that are
/// not to be believed, which count for the address.
pub(crate) async fn bearer(
    app: &App,
    received: &Received,
    identified: &Identified<'_>,
    now: Timestamp,
) -> Result<(Caller, Arc<Input>), Fault> {
    // All of them are to be in order before the token is looked at.
    let input = read::<AssumeRoleWithWebIdentity>(identified)?;
    input.require_no_provider_id()?;
    let account = input.account()?;
    let text = identified.form.text(TOKEN).unwrap_or_default();
    let key = TokenKey::of(account, text);
    // SECURITY: what larger bodies hold there is less of than of callers who may wait, and no honest
    // call is that large: whoever holds it does not wait for somebody else.
    let patience = match received.body.len() > Received::KEPT_BODY {
        true => Patience::None,
        false => Patience::Usual,
    };
    if let Some(bearer) = remembered(app, account, &key, patience, now).await? {
        return Ok((Caller::of_bearer(bearer?), input));
    }
    let attempt = Attempt::begin(&app.limits, received, now);
    let unknown = |fault| attempt.unknown(fault, account.as_str());
    let token = Token::parse(text).map_err(|fault| unknown(refused(&fault)))?;
    let provider = provider(app, account, token.issuer()).await?;
    let provider = provider.ok_or_else(|| unknown(no_provider(token.issuer())))?;
    // From here on the provider's tokens count by themselves, as the keys of a user do.
    let attempt = attempt.admit(provider.id)?;
    let not_taken = |fault| attempt.refused(fault);
    // SECURITY: from an address over every limit nobody makes the server wait.
    let patience = match attempt.standing() {
        Standing::Spent => Patience::None,
        Standing::Within | Standing::Over => patience,
    };
    let verified = verified(app, &token, &provider, patience, now).await;
    let (verified, keys) = verified.map_err(|fault| match attempt.standing() {
        // A fleet that starts behind one address has done nothing wrong.
        Standing::Within if fault.is_busy() => Fault::from(&fault),
        // Waiting for a provider that does not answer costs as well.
        _ => not_taken(Fault::from(&fault)),
    })?;
    let bearer = verified
        .and_then(|verified| Ok((expected(&provider, &verified, now)?, verified)))
        .map_err(|fault| not_taken(refused(&fault)));
    let (bearer, verified) = bearer?;
    let known = Known { url: provider.url.clone(), under: under(&provider, keys), token: verified };
    app.verified_tokens.keep(key, Arc::new(known));
    Ok((Caller::of_bearer(Bearer::of_token(provider, bearer)), input))
}

/// Verifies a token with the keys of its provider, and tells which keys they are. A token that does not
/// say which key it wants may want one that is newer than those.
///
/// # Errors
/// When there are no keys: that is not the token's fault.
async fn verified(
    app: &App,
    token: &Token<'_>,
    provider: &OidcProvider,
    patience: Patience,
    now: Timestamp,
) -> Result<(Result<VerifiedToken, TokenFault>, KeySetGeneration), KeysFault> {
    let algorithms = provider.settings.algorithms;
    let keys = app.key_sets.keys(provider, token.key_id(), patience, now).await?;
    let verified = verify(token, &keys.set, algorithms);
    if token.key_id().is_some() || !matches!(verified, Err(TokenFault::UnknownKey)) {
        return Ok((verified, keys.generation));
    }
    let newer = app.key_sets.newer(provider, keys.generation, patience, now).await?;
    if newer.generation == keys.generation {
        return Ok((verified, keys.generation));
    }
    Ok((verify(token, &newer.set, algorithms), newer.generation))
}

/// Whom a token names that was verified before; nothing when it was not, or not under the provider
/// and the keys that there are now. What is wrong with its claims by now is told at once.
async fn remembered(
    app: &App,
    account: AccountId,
    key: &TokenKey,
    patience: Patience,
    now: Timestamp,
) -> Result<Option<Result<Bearer, Fault>>, Fault> {
    let Some(known) = app.verified_tokens.find(key) else { return Ok(None) };
    let Some(provider) = registered(app, account, &known.url).await? else {
        app.verified_tokens.forget(key);
        return Ok(None);
    };
    // Which key it was verified with is not asked again: none that is gone is among these.
    let keys = app.key_sets.keys(&provider, None, patience, now).await;
    let keys = keys.map_err(|fault| Fault::from(&fault))?;
    if under(&provider, keys.generation) != known.under {
        app.verified_tokens.forget(key);
        return Ok(None);
    }
    let bearer = match expected(&provider, &known.token, now) {
        Ok(token) => Ok(Bearer::of_token(provider, token)),
        Err(fault) => {
            app.verified_tokens.forget(key);
            Err(refused(&fault))
        }
    };
    Ok(Some(bearer))
}

/// The provider of an account whose tokens name `issuer`.
async fn provider(
    app: &App,
    account: AccountId,
    issuer: &str,
) -> Result<Option<Arc<OidcProvider>>, Fault> {
    let Ok(url) = issuers::issuer(&app.settings, issuer) else { return Ok(None) };
    let provider = registered(app, account, &url).await?;
    // SECURITY: letter by letter; the directory's key leaves the scheme out.
    Ok(provider.filter(|provider| provider.url == url))
}

/// The provider of an account that has a URL. A closed account has none.
pub(crate) async fn registered(
    app: &App,
    account: AccountId,
    url: &IssuerUrl,
) -> Result<Option<Arc<OidcProvider>>, Fault> {
    if app.directory.is_closed(account)? {
        return Ok(None);
    }
    found(app.directory.oidc_provider(account, url).await)
}

/// What the claims of a verified token say, if they are what they have to be now.
fn expected(
    provider: &OidcProvider,
    token: &VerifiedToken,
    now: Timestamp,
) -> Result<WebIdentity, TokenFault> {
    token.check(&Expected {
        issuer: provider.url.as_str(),
        client_ids: &provider.client_ids,
        now,
        skew_s: provider.settings.skew.seconds(),
        oldest_s: Some(OLDEST_S),
    })
}

fn under(provider: &OidcProvider, keys: KeySetGeneration) -> Under {
    Under { provider: provider.id, generation: provider.generation(), keys }
}

/// AWS's answer to an issuer that is not registered.
fn no_provider(issuer: &str) -> Fault {
    let shown: String = issuer.chars().take(SHOWN_ISSUER).collect();
    let text = format!("No OpenIDConnect provider found in your account for {shown}");
    // What was sent is not for the log.
    Fault::new(Code::InvalidIdentityToken, text).because("the issuer of the token has no provider")
}

/// AWS's answer to a token that is not to be believed; the log has the cause.
fn refused(fault: &TokenFault) -> Fault {
    let (code, text) = match fault {
        TokenFault::Expired { now, expires } => (
            Code::ExpiredTokenException,
            // Without a space before the second number, as AWS has it.
            format!(
                "Token expired: current date/time {now} must be before the expiration \
                 date/time{expires}"
            ),
        ),
        TokenFault::TooOld { seconds } => {
            (Code::ExpiredTokenException, format!("Token too old: {seconds}"))
        }
        TokenFault::Missing(claim) => {
            (Code::InvalidIdentityToken, format!("Missing a required claim: {claim}"))
        }
        TokenFault::Audience => (Code::InvalidIdentityToken, "Incorrect token audience".to_owned()),
        // With two spaces, as AWS has it.
        TokenFault::UnknownKey => (
            Code::InvalidIdentityToken,
            "Couldn't retrieve verification key from your identity provider,  please reference \
             AssumeRoleWithWebIdentity documentation for requirements"
                .to_owned(),
        ),
        TokenFault::Claim(claim) => {
            (Code::InvalidIdentityToken, format!("Invalid value of the claim: {claim}"))
        }
        TokenFault::IssuedAhead | TokenFault::NotYetValid => {
            (Code::InvalidIdentityToken, "The ID Token provided is not valid yet".to_owned())
        }
        TokenFault::Empty
        | TokenFault::Size
        | TokenFault::Parts
        | TokenFault::Encoding(_)
        | TokenFault::Json(_)
        | TokenFault::Duplicate(_)
        | TokenFault::Deep(_)
        | TokenFault::Header(_)
        | TokenFault::Type
        | TokenFault::Nested
        | TokenFault::Compressed
        | TokenFault::Critical
        | TokenFault::OwnKey(_)
        | TokenFault::Unsigned
        | TokenFault::SharedSecret
        | TokenFault::Algorithm
        | TokenFault::AlgorithmNotAllowed(_)
        | TokenFault::KeyMismatch
        | TokenFault::Signature
        | TokenFault::Issuer => (
            Code::InvalidIdentityToken,
            "The ID Token provided is not a valid JWT. (You may see this error if you sent an \
             Access Token)"
                .to_owned(),
        ),
    };
    Fault::new(code, text).because(fault.to_string())
}
