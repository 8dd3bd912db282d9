//! The claims of a verified token: whether they are good now and here, and what they say.
//!
//! STS API reference, "AssumeRoleWithWebIdentity"; IAM user guide, pages "Create an OpenID Connect
//! identity provider in IAM" and "Pass session tags in AWS STS"; OpenID Connect Core 1.0, sections 2
//! and 3.1.3.7. Refused are tokens without `exp`, `iat`, `iss`, `aud` or `sub`, and times that are not
//! whole numbers of seconds.

use std::fmt;

use daypass_names::ClientId;
use jiff::Timestamp;

use super::fault::TokenFault;
use super::issuer_keys;
use super::json::{Json, Object};
use super::verify::VerifiedToken;

/// Most seconds by which the clocks of a provider and ours may differ.
pub const MAX_SKEW_S: i64 = 300;

/// Most characters of a subject. STS service model, `webIdentitySubjectType`.
pub const MAX_SUBJECT: usize = 255;

/// Most audiences of a token: as many as a provider may have client ids.
pub const MAX_AUDIENCES: usize = 100;

/// The claims of session tags and of the source identity.
const TAGS: &str = "https://aws.amazon.com/tags";
const PRINCIPAL_TAG: &str = "https://aws.amazon.com/tags/principal_tags/";
const TRANSITIVE_TAG_KEYS: &str = "https://aws.amazon.com/tags/transitive_tag_keys";
const SOURCE_IDENTITY: &str = "https://aws.amazon.com/source_identity";

/// What a token must be now.
#[derive(Clone, Copy, Debug)]
pub struct Expected<'a> {
    /// The URL of the provider, as it was registered.
    pub issuer: &'a str,
    /// The provider's client ids, one of which the token must be meant for.
    pub client_ids: &'a [ClientId],
    /// The time.
    pub now: Timestamp,
    /// By how many seconds the provider's clock may differ: 0 to [`MAX_SKEW_S`]; what lies beyond
    /// is taken for the nearest of both.
    pub skew_s: i64,
    /// How many seconds ago the token may have been issued, if that is bounded.
    pub oldest_s: Option<i64>,
}

/// Who somebody has proven to be with a token. Only [`VerifiedToken::check`] makes one.
#[derive(Clone, Eq, PartialEq)]
#[non_exhaustive]
pub struct WebIdentity {
    /// The `iss` of the token, which is the provider's URL.
    pub issuer: String,
    /// The `sub`: 1 to 255 characters, no control characters.
    pub subject: String,
    /// The registered client id that the token is meant for: its `azp` if it has one, else the first
    /// `aud` that is registered. It is the value of `ISSUER:aud`.
    pub audience: String,
    /// All of `aud`, one at least.
    pub audiences: Vec<String>,
    /// The `azp`.
    pub authorized_party: Option<String>,
    /// How the subject was authenticated: the `amr`.
    pub amr: Vec<String>,
    /// The `exp`.
    pub expires: Timestamp,
    /// The `iat`.
    pub issued: Timestamp,
    /// Session tags, in their order, as the token has them: neither their number nor their
    /// characters are looked at here, and keys may repeat.
    pub tags: Vec<(String, String)>,
    /// The keys of the tags that are to be transitive, as the token has them.
    pub transitive_tag_keys: Vec<String>,
    /// The source identity, as the token has it.
    pub source_identity: Option<String>,
    /// The condition keys, each as it stands behind `ISSUER:` (the issuer without its scheme), with
    /// its values: `aud` (see [`WebIdentity::audience`]) and `sub` always; where the token has them
    /// `amr` and `oaud` (all of `aud`), which can have several values, `azp` and `email`; and those
    /// of the issuer itself, `repository` for instance.
    pub keys: Vec<(String, Vec<String>)>,
    /// The `jti`.
    pub jti: Option<String>,
}

impl VerifiedToken {
    /// Checks the claims, and tells who the token is of. A token that was good once has to be
    /// checked again whenever it is used, since the time and the provider's client ids change.
    ///
    /// # Errors
    /// The first [`TokenFault`] that is found: another issuer, then claims that are missing or
    /// malformed, the times, the audience.
    pub fn check(&self, expected: &Expected<'_>) -> Result<WebIdentity, TokenFault> {
        let claims = &*self.claims;
        let issuer = required(claims, "iss")?.text().ok_or(TokenFault::Claim("iss"))?;
        // SECURITY: an exact text; two spellings of a URL are two issuers.
        if issuer != expected.issuer {
            return Err(TokenFault::Issuer);
        }
        let subject = required(claims, "sub")?.text().filter(|subject| is_subject(subject));
        let subject = subject.ok_or(TokenFault::Claim("sub"))?;
        let audiences = audiences(required(claims, "aud")?).ok_or(TokenFault::Claim("aud"))?;
        let expires = time(required(claims, "exp")?, "exp")?;
        let issued = time(required(claims, "iat")?, "iat")?;
        let not_before = claims.value("nbf").map(|value| time(value, "nbf")).transpose()?;
        is_now(expected, expires, issued, not_before)?;

        let authorized_party = optional_text(claims, "azp")?;
        let audience = audience(expected.client_ids, &audiences, authorized_party)?.to_owned();
        let amr = match claims.value("amr") {
            None => Vec::new(),
            Some(amr) => amr.texts().ok_or(TokenFault::Claim("amr"))?,
        };
        let Tags { tags, transitive_keys } = Tags::of(claims)?;
        let mut identity = WebIdentity {
            issuer: issuer.to_owned(),
            subject: subject.to_owned(),
            audience,
            audiences,
            authorized_party: authorized_party.map(str::to_owned),
            amr,
            expires,
            issued,
            tags,
            transitive_tag_keys: transitive_keys,
            source_identity: optional_text(claims, SOURCE_IDENTITY)?.map(str::to_owned),
            keys: Vec::new(),
            // Nothing is decided by it, so that another form than a text is none.
            jti: claims.value("jti").and_then(Json::text).map(str::to_owned),
        };
        identity.keys = condition_keys(&identity, claims);
        Ok(identity)
    }
}

impl fmt::Debug for WebIdentity {
    /// Whom it is of; the other claims are nobody's business.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebIdentity")
            .field("issuer", &self.issuer)
            .field("subject", &self.subject)
            .field("audience", &self.audience)
            .finish_non_exhaustive()
    }
}

fn required<'c>(claims: &'c Object, name: &'static str) -> Result<&'c Json, TokenFault> {
    claims.value(name).ok_or(TokenFault::Missing(name))
}

fn optional_text<'c>(
    claims: &'c Object,
    name: &'static str,
) -> Result<Option<&'c str>, TokenFault> {
    let value = claims.value(name);
    value.map(|value| value.text().ok_or(TokenFault::Claim(name))).transpose()
}

fn is_subject(text: &str) -> bool {
    // The reply repeats it, and XML has no way to write a control character.
    !text.is_empty()
        && text.chars().count() <= MAX_SUBJECT
        && !text.chars().any(|c| c.is_control() || matches!(c, '\u{fffe}' | '\u{ffff}'))
}

fn time(value: &Json, name: &'static str) -> Result<Timestamp, TokenFault> {
    let seconds = value.integer().and_then(|seconds| Timestamp::from_second(seconds).ok());
    seconds.ok_or(TokenFault::Claim(name))
}

/// Whether a token of these times is good now.
fn is_now(
    expected: &Expected<'_>,
    expires: Timestamp,
    issued: Timestamp,
    not_before: Option<Timestamp>,
) -> Result<(), TokenFault> {
    let now = expected.now.as_second();
    let skew = expected.skew_s.clamp(0, MAX_SKEW_S);
    let expires = expires.as_second();
    if now >= expires.saturating_add(skew) {
        return Err(TokenFault::Expired { now, expires });
    }
    let is_ahead = |time: Timestamp| time.as_second() > now.saturating_add(skew);
    if is_ahead(issued) {
        return Err(TokenFault::IssuedAhead);
    }
    if not_before.is_some_and(is_ahead) {
        return Err(TokenFault::NotYetValid);
    }
    let seconds = now.saturating_sub(issued.as_second());
    match expected.oldest_s {
        Some(oldest) if seconds > oldest.max(0).saturating_add(skew) => {
            Err(TokenFault::TooOld { seconds })
        }
        Some(_) | None => Ok(()),
    }
}

/// The audiences of an `aud`: one text or a list of some (RFC 7519, section 4.1.3).
fn audiences(value: &Json) -> Option<Vec<String>> {
    let audiences = match value {
        Json::Text(one) => vec![one.clone()],
        Json::List(some) if some.len() <= MAX_AUDIENCES => value.texts()?,
        _ => return None,
    };
    let is_good = !audiences.is_empty() && audiences.iter().all(|audience| !audience.is_empty());
    is_good.then_some(audiences)
}

/// The registered client id that a token is meant for.
///
/// An `azp` takes the role of the audience, whatever `aud` has (page "IAM and AWS STS condition
/// context keys", key `aud`): who asked for the token must be registered, not whom it is shown to.
fn audience<'t>(
    client_ids: &[ClientId],
    audiences: &'t [String],
    authorized_party: Option<&'t str>,
) -> Result<&'t str, TokenFault> {
    let is_registered = |audience: &&str| client_ids.iter().any(|id| id.as_str() == *audience);
    let found = match authorized_party {
        Some(party) => Some(party).filter(is_registered),
        None => audiences.iter().map(String::as_str).find(is_registered),
    };
    found.ok_or(TokenFault::Audience)
}

/// What a token says of session tags.
#[derive(Default)]
struct Tags {
    tags: Vec<(String, String)>,
    transitive_keys: Vec<String>,
}

impl Tags {
    /// Reads both forms in which a token may have them: one object, where a tag has a list of one
    /// value, or a claim for each.
    fn of(claims: &Object) -> Result<Self, TokenFault> {
        const FAULT: TokenFault = TokenFault::Claim(TAGS);
        let mut read = Self::default();
        if let Some(nested) = claims.value(TAGS) {
            let nested = nested.object().ok_or(FAULT)?;
            if let Some(principal) = nested.value("principal_tags") {
                for (key, values) in principal.object().ok_or(FAULT)?.members() {
                    let Some([Json::Text(value)]) = values.list() else { return Err(FAULT) };
                    read.tags.push((key.to_owned(), value.clone()));
                }
            }
            if let Some(keys) = nested.value("transitive_tag_keys") {
                read.transitive_keys.extend(keys.texts().ok_or(FAULT)?);
            }
        }
        for (name, value) in claims.members() {
            if let Some(key) = name.strip_prefix(PRINCIPAL_TAG) {
                read.tags.push((key.to_owned(), value.text().ok_or(FAULT)?.to_owned()));
            }
        }
        if let Some(keys) = claims.value(TRANSITIVE_TAG_KEYS) {
            read.transitive_keys.extend(keys.texts().ok_or(FAULT)?);
        }
        Ok(read)
    }
}

fn condition_keys(identity: &WebIdentity, claims: &Object) -> Vec<(String, Vec<String>)> {
    let one = |name: &str, value: &str| (name.to_owned(), vec![value.to_owned()]);
    let mut keys = vec![one("aud", &identity.audience), one("sub", &identity.subject)];
    if !identity.amr.is_empty() {
        keys.push(("amr".to_owned(), identity.amr.clone()));
    }
    keys.push(("oaud".to_owned(), identity.audiences.clone()));
    if let Some(party) = &identity.authorized_party {
        keys.push(one("azp", party));
    }
    if let Some(email) = claims.value("email").and_then(Json::text) {
        keys.push(one("email", email));
    }
    keys.extend(issuer_keys::further(&identity.issuer, claims));
    keys
}
