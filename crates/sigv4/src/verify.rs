//! The verification of a signature: what every [`Verified`] has gone through.
//!
//! It judges what is signed and what must be, the time, the body and at last the signature. It
//! does not know whether the key is still good: that is decided by who looks the key up.

use std::fmt;

use daypass_names::AccessKeyId;
use jiff::Timestamp;

use crate::crypto::Signature;
use crate::presented::{Presented, Source};
use crate::scope::{date_differs, invalid_region};
use crate::stamp::{self, Stamp};
use crate::{Fault, Request, Scope, SigningKey, canonical, crypto, encode};

/// Most headers that a signature may cover.
pub(crate) const SIGNED_HEADERS_LIMIT: usize = 100;

/// Stands for the hash of a body that is not signed. Only S3 accepts it.
pub(crate) const UNSIGNED_PAYLOAD: &str = "UNSIGNED-PAYLOAD";

/// The one service whose canonical form and payload rules differ.
pub(crate) const S3: &str = "s3";

/// The Regions that a scope may name.
#[derive(Clone, Copy, Debug)]
pub enum Regions<'a> {
    /// Any, as long as there is one: the default of an endpoint of one's own.
    AnyNonEmpty,
    /// Any, even the empty one.
    Any,
    /// One of these.
    Only(&'a [&'a str]),
}

/// What an endpoint expects of a signature.
#[derive(Clone, Debug)]
pub struct Rules<'a> {
    /// The service that the scope must name. For `s3` the payload may be unsigned, and is in a
    /// presigned request unless it states its hash.
    pub service: &'a str,
    /// The Regions that it may name.
    pub regions: Regions<'a>,
    /// Whether the canonical path has its dot segments and double slashes removed and is encoded
    /// twice: true for every service but S3.
    pub normalize_path: bool,
    /// How many seconds the clocks may differ, either way and inclusive; AWS allows 900.
    pub skew_seconds: i64,
}

impl<'a> Rules<'a> {
    /// AWS's own for the endpoint of a service: any Region that is named, 15 minutes between the
    /// clocks, and paths as they are for S3 alone.
    pub const fn of(service: &'a str) -> Self {
        // Texts cannot be compared with `==` here yet.
        let is_s3 = matches!(service.as_bytes(), b"s3");
        Self { service, regions: Regions::AnyNonEmpty, normalize_path: !is_s3, skew_seconds: 900 }
    }
}

/// A request whose signature was verified. There is no other way to get one than [`verify`],
/// [`verify_head`](crate::verify_head), [`verify_with_hash`](crate::verify_with_hash) and, for the
/// forms of S3, [`verify_form`](crate::verify_form).
#[derive(Clone)]
pub struct Verified {
    access_key_id: AccessKeyId,
    scope: Scope,
    has_session_token: bool,
    source: Source,
    signed_at: Timestamp,
    expires: Option<u32>,
}

impl Verified {
    /// Of what was verified just now.
    pub(crate) fn new(
        access_key_id: AccessKeyId,
        scope: Scope,
        has_session_token: bool,
        source: Source,
        signed_at: Timestamp,
        expires: Option<u32>,
    ) -> Self {
        Self { access_key_id, scope, has_session_token, source, signed_at, expires }
    }

    /// The access key id with whose secret the request was signed.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The scope in which it was signed.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The date of the scope: `YYYYMMDD`.
    pub fn date(&self) -> &str {
        self.scope.date()
    }

    /// The Region of the scope; empty only under [`Regions::Any`].
    pub fn region(&self) -> &str {
        self.scope.region()
    }

    /// The service of the scope.
    pub fn service(&self) -> &str {
        self.scope.service()
    }

    /// Whether the signature covers a session token: temporary credentials. The token is the
    /// [`Presented::session_token`] of what was verified, and no copy of it is kept here.
    pub fn has_session_token(&self) -> bool {
        self.has_session_token
    }

    /// Where the signature stood.
    pub fn source(&self) -> Source {
        self.source
    }

    /// When the request was signed, by the clock of its sender.
    pub fn signed_at(&self) -> Timestamp {
        self.signed_at
    }

    /// For how many seconds from then on a presigned request is good.
    pub fn expires(&self) -> Option<u32> {
        self.expires
    }
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("has_session_token", &self.has_session_token)
            .field("source", &self.source)
            .field("signed_at", &self.signed_at)
            .field("expires", &self.expires)
            .finish()
    }
}

/// Verifies a signature with the key that belongs to the access key id, the session token (if
/// any) and the scope of `presented`.
///
/// The order of the checks is fixed: service, Region, date of the scope, clock skew or expiry,
/// signed headers, payload hash, signature (its shape was checked by
/// [`presented`](crate::presented())). `body` is the body as received; an empty slice if there is
/// none.
///
/// # Errors
///
/// [`Fault::SignatureDoesNotMatch`] for nearly everything, [`Fault::RequestExpired`] for a
/// presigned request after its end, [`Fault::IncompleteSignature`] for broken escapes.
pub fn verify(
    presented: &Presented<'_>,
    request: &Request<'_>,
    body: &[u8],
    key: &SigningKey,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<Verified, Fault> {
    check_head(presented, request, rules, now)?;
    let payload_hash = payload_hash(presented, body, rules)?;
    check_signature(presented, request, payload_hash.as_bytes(), key, rules)
}

/// All that is judged before the payload and the signature are: scope, time, headers.
pub(crate) fn check_head(
    presented: &Presented<'_>,
    request: &Request<'_>,
    rules: &Rules<'_>,
    now: Timestamp,
) -> Result<(), Fault> {
    // SECURITY: what was parsed must be what is verified; the session token in particular is
    // covered by the signature only as a part of this very request.
    if !presented.request.is(request) {
        return Err(Fault::wrong_signature("the signature was parsed from another request"));
    }
    check_scope(&presented.scope, &presented.signed_at, rules)?;
    check_time(presented, rules.skew_seconds.max(0), now)?;
    check_signed_headers(request, &presented.signed_headers)?;
    check_request_line(request)
}

/// The last step: whether the signature is that of the request with this text for its payload.
/// What [`check_head`] judges must have been judged before.
pub(crate) fn check_signature(
    presented: &Presented<'_>,
    request: &Request<'_>,
    payload: &[u8],
    key: &SigningKey,
    rules: &Rules<'_>,
) -> Result<Verified, Fault> {
    let signed_at = &presented.signed_at;
    let canonical_request =
        canonical::request(request, rules.normalize_path, &presented.signed_headers, payload);
    let string_to_sign =
        canonical::string_to_sign(signed_at.as_str(), &presented.scope, canonical_request);
    check_mac(presented.signature.as_ref(), &string_to_sign, key)?;
    Ok(Verified::new(
        presented.access_key_id.clone(),
        presented.scope.clone(),
        presented.session_token.is_some(),
        presented.source,
        signed_at.instant(),
        presented.expires,
    ))
}

/// Compares the signature, which is `None` when what stands in its place cannot be one.
pub(crate) fn check_mac(
    signature: Option<&Signature>,
    string_to_sign: &[u8],
    key: &SigningKey,
) -> Result<(), Fault> {
    let Some(signature) = signature else {
        return Err(Fault::wrong_signature(
            "the signature is not 64 lower-case hexadecimal digits",
        ));
    };
    key.mac()
        .verify(string_to_sign, signature)
        .map_err(|crypto::Mismatch| Fault::wrong_signature("the signature is another one"))
}

pub(crate) fn check_scope(
    scope: &Scope,
    signed_at: &Stamp,
    rules: &Rules<'_>,
) -> Result<(), Fault> {
    if scope.service() != rules.service {
        let (service, wanted) = (scope.service(), rules.service);
        return Err(Fault::wrong_scope(
            format!("Credential should be scoped to correct service: '{wanted}'. "),
            format!("incorrect service \"{service}\". This endpoint belongs to \"{wanted}\"."),
            "the credential scope is of another service",
        ));
    }
    let accepted = match rules.regions {
        Regions::Any => true,
        Regions::AnyNonEmpty => !scope.region().is_empty(),
        Regions::Only(regions) => regions.contains(&scope.region()),
    };
    if !accepted {
        return Err(invalid_region(scope.region()));
    }
    if signed_at.date() != scope.date() {
        return Err(date_differs(scope.date(), signed_at));
    }
    Ok(())
}

/// Times are compared in whole seconds, the precision that they are written in.
fn check_time(presented: &Presented<'_>, skew: i64, now: Timestamp) -> Result<(), Fault> {
    check_not_future(&presented.signed_at, skew, now)?;
    let signed = presented.signed_at.instant().as_second();
    let now = now.as_second();
    match presented.expires {
        // A presigned request says itself how long it is good, with no grace.
        Some(expires) if now > signed.saturating_add(i64::from(expires)) => {
            Err(Fault::RequestExpired { cause: "the presigned request has expired".into() })
        }
        Some(_) => Ok(()),
        None => {
            let earliest = now.saturating_sub(skew);
            if signed >= earliest {
                return Ok(());
            }
            Err(Fault::skewed(
                format!(
                    "Signature expired: {} is now earlier than {} ({} - {})",
                    presented.signed_at.as_str(),
                    second(earliest),
                    second(now),
                    width(skew)
                ),
                "the request is too old",
            ))
        }
    }
}

/// Whether the signature is not from the future, but for the skew.
pub(crate) fn check_not_future(signed_at: &Stamp, skew: i64, now: Timestamp) -> Result<(), Fault> {
    let now = now.as_second();
    let latest = now.saturating_add(skew);
    if signed_at.instant().as_second() <= latest {
        return Ok(());
    }
    Err(Fault::skewed(
        format!(
            "Signature not yet current: {} is still later than {} ({} + {})",
            signed_at.as_str(),
            second(latest),
            second(now),
            width(skew)
        ),
        "the request is dated in the future",
    ))
}

fn width(skew: i64) -> String {
    match skew % 60 {
        0 => format!("{} min.", skew / 60),
        _ => format!("{skew} sec."),
    }
}

fn second(second: i64) -> String {
    let outside = if second < 0 { Timestamp::MIN } else { Timestamp::MAX };
    stamp::format(Timestamp::from_second(second).unwrap_or(outside))
}

/// The signed headers are lower-case, sorted, unique and in the request; `host` and everything
/// that AWS gives a meaning (`x-amz-*`) is among them, so that nothing can be added to a signed
/// request.
fn check_signed_headers(request: &Request<'_>, signed: &str) -> Result<(), Fault> {
    // Split once: the names are looked through for each header below.
    let mut room = [""; SIGNED_HEADERS_LIMIT];
    let (mut count, mut host) = (0, false);
    for name in canonical::pieces(signed, b';') {
        if let Some(place) = room.get_mut(count) {
            *place = name;
        }
        count += 1;
        host |= name == "host";
    }
    if !host {
        return Err(Fault::mismatch(
            "'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.",
            "the host header is not signed",
        ));
    }
    let Some(names) = room.get(..count) else {
        return Err(Fault::wrong_signature("there are more signed headers than the limit"));
    };
    if !names.iter().all(|name| is_lower_case_token(name)) {
        return Err(Fault::wrong_signature("a signed header has no lower-case name"));
    }
    if !names.is_sorted_by(|one, next| one < next) {
        return Err(Fault::wrong_signature("the signed headers are not sorted and unique"));
    }
    for name in names {
        let mut values = request.values(name).peekable();
        if values.peek().is_none() {
            return Err(Fault::wrong_signature(format!("the signed header {name} is absent")));
        }
        // The server's HTTP parser lets none of these through; whoever comes without one could
        // write several canonical headers in one.
        if values.any(has_line_break) {
            return Err(Fault::wrong_signature(format!("the header {name} has a line break")));
        }
    }
    let unsigned = request.headers.iter().map(|(name, _)| *name).find(|name| {
        let amz = name.as_bytes().get(..6).is_some_and(|x| x.eq_ignore_ascii_case(b"x-amz-"));
        amz && !names.contains(name)
    });
    match unsigned {
        None => Ok(()),
        Some(name) => {
            let name = crate::fault::echo(name.as_bytes().get(..64).unwrap_or(name.as_bytes()));
            Err(Fault::HeadersNotSigned {
                cause: format!("the header {name} is not signed").into(),
            })
        }
    }
}

/// Looks at every byte even after the first break: that makes the loop a vector one.
fn has_line_break(value: &[u8]) -> bool {
    value.iter().fold(false, |found, byte| found | matches!(byte, b'\0' | b'\r' | b'\n'))
}

/// A header name as RFC 9110 has it (a token), in lower case.
fn is_lower_case_token(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| is_token(byte) && !byte.is_ascii_uppercase())
}

fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric()
        || matches!(
            byte,
            b'!' | b'#'
                | b'$'
                | b'%'
                | b'&'
                | b'\''
                | b'*'
                | b'+'
                | b'-'
                | b'.'
                | b'^'
                | b'_'
                | b'`'
                | b'|'
                | b'~'
        )
}

fn check_request_line(request: &Request<'_>) -> Result<(), Fault> {
    if request.method.is_empty() || !request.method.bytes().all(is_token) {
        return Err(Fault::wrong_signature("the method is no token"));
    }
    encode::check_escapes(request.path)?;
    encode::check_escapes(request.query)
}

/// What stands for the body in the canonical request.
enum PayloadHash {
    Unsigned,
    Sha256([u8; 64]),
}

impl PayloadHash {
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Unsigned => UNSIGNED_PAYLOAD.as_bytes(),
            Self::Sha256(digits) => digits,
        }
    }
}

/// The hash that stands in the canonical request, once it is known to be that of the body.
fn payload_hash(
    presented: &Presented<'_>,
    body: &[u8],
    rules: &Rules<'_>,
) -> Result<PayloadHash, Fault> {
    let unsigned_allowed = rules.service == S3;
    let stated = match presented.payload_hash.as_deref() {
        None if unsigned_allowed && presented.source == Source::Query => {
            return Ok(PayloadHash::Unsigned);
        }
        Some(UNSIGNED_PAYLOAD) if unsigned_allowed => return Ok(PayloadHash::Unsigned),
        stated => stated,
    };
    let computed = crypto::sha256_hex(body);
    match stated {
        None => Ok(PayloadHash::Sha256(computed)),
        Some(stated) if stated.as_bytes() == computed => Ok(PayloadHash::Sha256(computed)),
        Some(UNSIGNED_PAYLOAD) => {
            Err(Fault::wrong_signature("an unsigned payload is not accepted here"))
        }
        Some(stated) if stated.starts_with("STREAMING-") => {
            Err(Fault::wrong_signature("a streaming payload is not accepted here"))
        }
        Some(_) => Err(Fault::wrong_signature("x-amz-content-sha256 is not the hash of the body")),
    }
}

#[cfg(test)]
mod tests;
