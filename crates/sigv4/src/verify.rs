//! The verification of a signature: the one place where a [`Verified`] comes from.
//!
//! It judges what is signed and what must be, the time, the body and at last the signature. It
//! does not know whether the key is still good: that is decided by who looks the key up.

use std::fmt;

use daypass_names::AccessKeyId;
use jiff::Timestamp;

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

/// A request whose signature was verified. There is no other way to get one than [`verify`].
#[derive(Clone)]
pub struct Verified {
    access_key_id: AccessKeyId,
    scope: Scope,
    has_session_token: bool,
    source: Source,
    signed_at: Timestamp,
}

impl Verified {
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
}

impl fmt::Debug for Verified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verified")
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("has_session_token", &self.has_session_token)
            .field("source", &self.source)
            .field("signed_at", &self.signed_at)
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
    // SECURITY: what was parsed must be what is verified; the session token in particular is
    // covered by the signature only as a part of this very request.
    if !presented.request.is(request) {
        return Err(Fault::wrong_signature("the signature was parsed from another request"));
    }
    let signed_at = &presented.signed_at;
    check_scope(&presented.scope, signed_at, rules)?;
    check_time(presented, rules.skew_seconds.max(0), now)?;
    check_signed_headers(request, &presented.signed_headers)?;
    check_request_line(request)?;
    let payload_hash = payload_hash(presented, body, rules)?;

    let canonical_request = canonical::request(
        request,
        rules.normalize_path,
        &presented.signed_headers,
        payload_hash.as_bytes(),
    );
    let string_to_sign =
        canonical::string_to_sign(signed_at.as_str(), &presented.scope, canonical_request);
    let Some(signature) = &presented.signature else {
        return Err(Fault::wrong_signature(
            "the signature is not 64 lower-case hexadecimal digits",
        ));
    };
    key.mac()
        .verify(&string_to_sign, signature)
        .map_err(|crypto::Mismatch| Fault::wrong_signature("the signature is another one"))?;
    Ok(Verified {
        access_key_id: presented.access_key_id.clone(),
        scope: presented.scope.clone(),
        has_session_token: presented.session_token.is_some(),
        source: presented.source,
        signed_at: signed_at.instant(),
    })
}

fn check_scope(scope: &Scope, signed_at: &Stamp, rules: &Rules<'_>) -> Result<(), Fault> {
    if scope.service() != rules.service {
        return Err(Fault::mismatch(
            format!("Credential should be scoped to correct service: '{}'. ", rules.service),
            "the credential scope is of another service",
        ));
    }
    let accepted = match rules.regions {
        Regions::Any => true,
        Regions::AnyNonEmpty => !scope.region().is_empty(),
        Regions::Only(regions) => regions.contains(&scope.region()),
    };
    if !accepted {
        return Err(invalid_region());
    }
    if signed_at.date() != scope.date() {
        return Err(date_differs(scope.date(), signed_at));
    }
    Ok(())
}

/// Times are compared in whole seconds, the precision that they are written in.
fn check_time(presented: &Presented<'_>, skew: i64, now: Timestamp) -> Result<(), Fault> {
    let signed_at = presented.signed_at.as_str();
    let signed = presented.signed_at.instant().as_second();
    let now = now.as_second();
    let width = || match skew % 60 {
        0 => format!("{} min.", skew / 60),
        _ => format!("{skew} sec."),
    };
    let latest = now.saturating_add(skew);
    if signed > latest {
        return Err(Fault::mismatch(
            format!(
                "Signature not yet current: {signed_at} is still later than {} ({} + {})",
                second(latest),
                second(now),
                width()
            ),
            "the request is dated in the future",
        ));
    }
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
            Err(Fault::mismatch(
                format!(
                    "Signature expired: {signed_at} is now earlier than {} ({} - {})",
                    second(earliest),
                    second(now),
                    width()
                ),
                "the request is too old",
            ))
        }
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
    for name in signed.split(';') {
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
        Some(name) => Err(Fault::wrong_signature(format!(
            "the header {} is not signed",
            crate::fault::echo(name.as_bytes().get(..64).unwrap_or(name.as_bytes()))
        ))),
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
mod tests {
    use daypass_names::SecretAccessKey;

    use super::*;
    use crate::presented;

    const RULES: Rules<'_> = Rules {
        service: "sts",
        regions: Regions::AnyNonEmpty,
        normalize_path: true,
        skew_seconds: 900,
    };

    /// Signs by hand what [`sign`](crate::sign()) would not make, with `headers` signed as
    /// `signed` names them.
    fn judge(headers: &[(&str, &[u8])], signed: &str) -> Result<Verified, Fault> {
        let now: Timestamp = "2026-11-21T10:11:12Z".parse().unwrap();
        let scope = Scope::at(now, "eu-west-1", "sts");
        let secret = SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
        let key = SigningKey::derive(&secret, &scope);
        let bare = Request { method: "GET", path: "/", query: "", headers };
        let canonical = canonical::request(&bare, true, signed, &crypto::sha256_hex(b""));
        let string = canonical::string_to_sign("20261121T101112Z", &scope, canonical);
        let authorization = format!(
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20261121/eu-west-1/sts/aws4_request, \
             SignedHeaders={signed}, Signature={}",
            key.mac().sign(&string)
        );
        let mut headers = headers.to_vec();
        headers.push(("authorization", authorization.as_bytes()));
        let request = Request { headers: &headers, ..bare };
        verify(&presented(&request)?.unwrap(), &request, b"", &key, &RULES, now)
    }

    /// The `Date` header serves when there is no `x-amz-date`, in either form. The string to sign
    /// binds it, so it need not be signed itself.
    #[test]
    fn a_date_header_serves_without_an_amz_date() {
        for date in [&b"Sat, 21 Nov 2026 10:11:12 GMT"[..], b"20261121T101112Z"] {
            let headers = [("date", date), ("host", b"h")];
            assert!(judge(&headers, "host").is_ok());
            assert!(judge(&headers, "date;host").is_ok());
        }
        assert!(
            judge(&[("date", b"Sat, 21 Nov 2026 10:11:13 GMT"), ("host", b"h")], "host").is_err()
        );
    }

    #[test]
    fn an_amz_date_goes_before_a_date_header() {
        let amz: (&str, &[u8]) = ("x-amz-date", b"20261121T101112Z");
        for other in [&b"Mon, 01 Jan 2001 00:00:00 GMT"[..], b"nonsense"] {
            assert!(judge(&[("date", other), ("host", b"h"), amz], "host;x-amz-date").is_ok());
        }
    }

    /// Each of these signatures is right for what it covers; it is the rule that refuses.
    #[test]
    fn a_right_signature_over_the_wrong_headers_is_refused() {
        let host: (&str, &[u8]) = ("host", b"h");
        let date: (&str, &[u8]) = ("x-amz-date", b"20261121T101112Z");
        let token: (&str, &[u8]) = ("x-amz-security-token", b"t");
        assert!(judge(&[host, date, token], "host;x-amz-date;x-amz-security-token").is_ok());
        for (headers, signed, cause) in [
            (vec![host, date], "x-amz-date", "the host header is not signed"),
            (vec![host, date], "host", "the header x-amz-date is not signed"),
            (
                vec![host, date, token],
                "host;x-amz-date",
                "the header x-amz-security-token is not signed",
            ),
            (vec![host, date], "x-amz-date;host", "the signed headers are not sorted and unique"),
            (
                vec![host, date],
                "host;host;x-amz-date",
                "the signed headers are not sorted and unique",
            ),
            (vec![host, date], "host;range;x-amz-date", "the signed header range is absent"),
            (
                vec![("Range", b""), host, date],
                "Range;host;x-amz-date",
                "a signed header has no lower-case name",
            ),
        ] {
            assert_eq!(judge(&headers, signed).unwrap_err().cause(), cause, "{signed}");
        }
    }
}
