//! The signature of an HTML form: S3's uploads from a browser ("Authenticating requests in
//! browser-based uploads using POST" of the S3 API reference).
//!
//! What is signed is the policy, a text in Base64 that says which fields and which file are
//! allowed. Whether they are is not judged here.
//!
//! It refuses signatures of version 2, fields that come twice, and forms that are signed halfway.

use std::borrow::Cow;
use std::fmt;

use daypass_names::AccessKeyId;
use jiff::Timestamp;

use crate::authorization::check_algorithm;
use crate::canonical::ALGORITHM;
use crate::crypto::Signature;
use crate::presented::{EXPIRES_LIMIT, malformed_date, parse_credential, parse_token, repeated};
use crate::sign::SignWith;
use crate::stamp::{self, Stamp};
use crate::verify::{S3, check_mac, check_not_future, check_scope};
use crate::{Credentials, Fault, Rules, Scope, SigningKey, Source, Verified};

/// The fields of a signature. The first five must be there.
const FIELDS: [&str; 6] = [
    "policy",
    "x-amz-algorithm",
    "x-amz-credential",
    "x-amz-date",
    "x-amz-signature",
    "x-amz-security-token",
];

/// The fields of a signature of version 2.
const VERSION_2: [&str; 2] = ["awsaccesskeyid", "signature"];

/// Longest policy in Base64. S3 allows 20 KB for all fields together.
const POLICY_LIMIT: usize = 20 * 1024;

/// The signature of a form, parsed and not verified.
#[derive(Clone)]
pub struct PresentedForm<'a> {
    access_key_id: AccessKeyId,
    scope: Scope,
    session_token: Option<Cow<'a, str>>,
    policy: &'a str,
    signed_at: Stamp,
    signature: Option<Signature>,
}

impl<'a> PresentedForm<'a> {
    /// The access key id that the form claims.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The scope in which the form says that it is signed.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The session token, for temporary credentials. It is not signed: the condition of the policy
    /// that names it is.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// The policy as the form has it: Base64, and what is signed.
    pub fn policy(&self) -> &'a str {
        self.policy
    }
}

impl fmt::Debug for PresentedForm<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PresentedForm")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("session_token", &self.session_token.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

/// Parses the signature of a form from its fields, whose names are in lower case.
///
/// `Ok(None)` means that the form has neither a policy nor anything of a signature.
///
/// # Errors
///
/// [`Fault::IncompleteSignature`] for what is missing, malformed, repeated or of another algorithm
/// or version; [`Fault::SignatureDoesNotMatch`] for a scope of invalid shape;
/// [`Fault::InvalidClientTokenId`] for what cannot be an access key id or a session token.
pub fn presented_form<'a>(
    fields: &[(&'a str, &'a str)],
) -> Result<Option<PresentedForm<'a>>, Fault> {
    let mut found = [None; FIELDS.len()];
    for (name, value) in fields {
        if VERSION_2.iter().any(|field| field.eq_ignore_ascii_case(name)) {
            return Err(Fault::incomplete(
                "The authorization mechanism you have provided is not supported. Please use \
                 AWS4-HMAC-SHA256.",
                "the form has a signature of version 2",
            ));
        }
        let known =
            FIELDS.iter().zip(&mut found).find(|(field, _)| field.eq_ignore_ascii_case(name));
        if let Some((field, place)) = known
            && place.replace(*value).is_some()
        {
            return Err(repeated(field));
        }
    }
    let (policy, algorithm, credential, date, signature, token) = match found {
        [None, None, None, None, None, None] => return Ok(None),
        [Some(policy), Some(algorithm), Some(credential), Some(date), Some(signature), token] => {
            (policy, algorithm, credential, date, signature, token)
        }
        _ => {
            let missing = FIELDS.iter().zip(found).find(|(_, value)| value.is_none());
            let name = missing.map_or("policy", |(name, _)| *name);
            return Err(Fault::incomplete(
                format!("Bucket POST must contain a field named '{name}'."),
                format!("the field {name} of a signed form is missing"),
            ));
        }
    };
    if policy.len() > POLICY_LIMIT {
        return Err(Fault::incomplete(
            "Your POST policy is too long.",
            "the policy of a form is longer than its limit",
        ));
    }
    check_algorithm(algorithm)?;
    let signed_at = stamp::parse(date.as_bytes()).ok_or_else(|| malformed_date(date.as_bytes()))?;
    let (access_key_id, scope) = parse_credential(credential, &signed_at)?;
    Ok(Some(PresentedForm {
        access_key_id,
        scope,
        session_token: token.map(|token| parse_token(Cow::Borrowed(token))).transpose()?,
        policy,
        signed_at,
        signature: Signature::parse(signature),
    }))
}

/// Verifies the signature of a form with the key that belongs to what it presents. The string to
/// sign is the policy in Base64.
///
/// A form is signed long before it is sent: `x-amz-date` may lie back a week, for as long as S3
/// takes a signing key; the policy has an end of its own.
///
/// SECURITY: the signature covers the policy and nothing else. That the policy covers the fields,
/// the session token and the file is for the caller to judge.
///
/// # Errors
///
/// [`Fault::SignatureDoesNotMatch`] for nearly everything, [`Fault::RequestTimeTooSkewed`] for a
/// form of the future, [`Fault::RequestExpired`] for one that is too old.
pub fn verify_form(
    presented: &PresentedForm<'_>,
    key: &SigningKey,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Verified, Fault> {
    let signed_at = &presented.signed_at;
    check_scope(&presented.scope, signed_at, rules)?;
    check_not_future(signed_at, rules.skew_seconds.max(0), now)?;
    let signed = signed_at.instant().as_second();
    if now.as_second() > signed.saturating_add(i64::from(EXPIRES_LIMIT)) {
        return Err(Fault::RequestExpired {
            cause: "the form was signed more than a week ago".into(),
        });
    }
    check_mac(presented.signature.as_ref(), presented.policy.as_bytes(), key)?;
    Ok(Verified::new(
        presented.access_key_id.clone(),
        presented.scope.clone(),
        presented.session_token.is_some(),
        Source::Form,
        signed_at.instant(),
        None,
    ))
}

/// Signs the policy of a form, given in Base64; returns the fields to add to it besides the
/// policy itself: `x-amz-algorithm`, `x-amz-credential`, `x-amz-date`, `x-amz-security-token` for
/// temporary credentials, `x-amz-signature`. All but the last must be conditions of the policy.
pub fn sign_form(
    policy: &str,
    credentials: &Credentials,
    region: &str,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let with = SignWith::new(credentials, region, S3, now);
    let mut fields = vec![
        ("x-amz-algorithm", ALGORITHM.to_owned()),
        ("x-amz-credential", with.credential()),
        ("x-amz-date", with.signed_at.as_str().to_owned()),
    ];
    if let Some(token) = &credentials.session_token {
        fields.push(("x-amz-security-token", token.clone()));
    }
    fields.push(("x-amz-signature", with.key.mac().sign(policy.as_bytes())));
    fields
}
