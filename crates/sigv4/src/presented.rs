//! What a request says about its signature, parsed and not verified: which key, which scope,
//! which headers, when.
//!
//! It refuses everything that two readers could take for two things: credentials in the header
//! and in the query, repeated fields, a query parameter beside a twin in other letters.

use std::borrow::Cow;
use std::fmt::{self, Write as _};

use daypass_names::{AccessKeyId, Constrained};

use crate::authorization::{self, Authorization};
use crate::crypto::Signature;
use crate::fault::echo;
use crate::request::same_name;
use crate::stamp::{self, Stamp};
use crate::{Fault, Request, Scope, canonical, encode};

/// Most parameters of a query string.
pub(crate) const PARAMETER_LIMIT: usize = 1000;

/// Longest session token that is handed on; those that Daypass makes have at most 4,096
/// characters.
pub(crate) const SESSION_TOKEN_LIMIT: usize = 8 * 1024;

/// Longest life of a presigned request in seconds: a week.
pub(crate) const EXPIRES_LIMIT: u32 = 604_800;

/// The query parameters of a signature. The first three make a request a signed one.
const PARAMETERS: [&str; 8] = [
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    "X-Amz-Signature",
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
    "X-Amz-Expires",
    "X-Amz-Security-Token",
    "X-Amz-Content-Sha256",
];

/// How many of [`PARAMETERS`] make a request a signed one.
const MATERIAL: usize = 3;

/// The headers that count once: a second one would leave open which of them is meant.
const SOLE_HEADERS: [&str; 6] =
    ["authorization", "host", "x-amz-date", "date", "x-amz-security-token", "x-amz-content-sha256"];

/// Where the signature stands.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Source {
    /// In the `Authorization` header.
    Header,
    /// In the query string: a presigned request.
    Query,
    /// In the fields of an HTML form: an upload to S3 from a browser.
    Form,
}

/// A parsed signature. It proves nothing: only [`verify`](crate::verify()) makes it a
/// [`Verified`](crate::Verified).
#[derive(Clone)]
pub struct Presented<'a> {
    pub(crate) request: Request<'a>,
    pub(crate) source: Source,
    pub(crate) access_key_id: AccessKeyId,
    pub(crate) scope: Scope,
    pub(crate) session_token: Option<Cow<'a, str>>,
    /// As it stands in the request: `host;x-amz-date`.
    pub(crate) signed_headers: Cow<'a, str>,
    /// `None` if it is no signature at all, which is found out where it would be compared, so
    /// that an unknown key is reported before.
    pub(crate) signature: Option<Signature>,
    pub(crate) signed_at: Stamp,
    /// Seconds for which a presigned request is good.
    pub(crate) expires: Option<u32>,
    /// The hash of the body as the request states it.
    pub(crate) payload_hash: Option<Cow<'a, str>>,
}

impl Presented<'_> {
    /// The access key id that the request claims.
    pub fn access_key_id(&self) -> &AccessKeyId {
        &self.access_key_id
    }

    /// The scope in which the request says that it is signed.
    pub fn scope(&self) -> &Scope {
        &self.scope
    }

    /// The session token, for temporary credentials.
    pub fn session_token(&self) -> Option<&str> {
        self.session_token.as_deref()
    }

    /// Where the signature stands.
    pub fn source(&self) -> Source {
        self.source
    }

    /// The names of the headers that it covers, in lower case once it is verified.
    pub fn signed_headers(&self) -> impl Iterator<Item = &str> {
        self.signed_headers.split(';')
    }
}

impl fmt::Debug for Presented<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Presented")
            .field("source", &self.source)
            .field("access_key_id", &self.access_key_id)
            .field("scope", &self.scope)
            .field("session_token", &self.session_token.as_ref().map(|_| "…"))
            .finish_non_exhaustive()
    }
}

/// Parses the signature of a request.
///
/// `Ok(None)` means that there is no authentication material at all: neither an `Authorization`
/// header nor a query parameter `X-Amz-Algorithm`, `X-Amz-Credential` or `X-Amz-Signature` in
/// whatever letters.
///
/// # Errors
///
/// [`Fault::IncompleteSignature`] for what is missing, malformed, repeated or of another
/// algorithm; [`Fault::SeveralCredentials`]; [`Fault::SignatureDoesNotMatch`] for a scope of
/// invalid shape; [`Fault::InvalidClientTokenId`] for what cannot be an access key id or a
/// session token.
pub fn presented<'a>(request: &Request<'a>) -> Result<Option<Presented<'a>>, Fault> {
    let sole = SoleHeaders::of(request);
    let found = survey(request.query)?;
    match (sole.authorization(), found) {
        (None, Found::Nothing | Found::Companions) => Ok(None),
        (Some(header), Found::Nothing) => from_header(request, header, &sole).map(Some),
        (Some(_), Found::Companions | Found::Material) => Err(Fault::SeveralCredentials),
        (None, Found::Material) => from_query(request, &sole).map(Some),
    }
}

/// The values of [`SOLE_HEADERS`], found in one pass over the headers.
struct SoleHeaders<'a> {
    /// The first value of each.
    values: [Option<&'a [u8]>; SOLE_HEADERS.len()],
    /// The first of the table that the request has twice.
    repeated: Option<usize>,
}

impl<'a> SoleHeaders<'a> {
    fn of(request: &Request<'a>) -> Self {
        let mut found = Self { values: [None; SOLE_HEADERS.len()], repeated: None };
        for (name, value) in request.headers {
            let Some(at) = SOLE_HEADERS.iter().position(|sole| same_name(sole, name)) else {
                continue;
            };
            let Some(place) = found.values.get_mut(at) else { continue };
            match place {
                None => *place = Some(value),
                Some(_) => {
                    found.repeated = Some(found.repeated.map_or(at, |first| first.min(at)));
                }
            }
        }
        found
    }

    fn authorization(&self) -> Option<&'a [u8]> {
        let [authorization, ..] = self.values;
        authorization
    }

    /// The values, once none of the headers is there twice.
    fn checked(&self) -> Result<[Option<&'a [u8]>; SOLE_HEADERS.len()], Fault> {
        match self.repeated.and_then(|at| SOLE_HEADERS.get(at)) {
            Some(name) => Err(repeated(name)),
            None => Ok(self.values),
        }
    }
}

/// What a query string holds of [`PARAMETERS`], in whatever letters.
enum Found {
    Nothing,
    /// Some that alone do not make a request a signed one.
    Companions,
    Material,
}

fn survey(query: &str) -> Result<Found, Fault> {
    let mut found = Found::Nothing;
    for (index, (name, _)) in canonical::parameters(query).enumerate() {
        if index >= PARAMETER_LIMIT {
            return Err(Fault::incomplete(
                "The query string has too many parameters.",
                "the query string has more parameters than its limit",
            ));
        }
        // They all begin alike, unless that is escaped.
        if !name.starts_with(['X', 'x', '%']) {
            continue;
        }
        match position(&encode::decode_parameter(name)) {
            Some(place) if place < MATERIAL => found = Found::Material,
            Some(_) if matches!(found, Found::Nothing) => found = Found::Companions,
            _ => {}
        }
    }
    Ok(found)
}

/// Whether a decoded parameter name belongs to a signature.
pub(crate) fn is_signature_parameter(name: &[u8]) -> bool {
    position(name).is_some()
}

/// The place of a name in [`PARAMETERS`], ignoring case.
fn position(name: &[u8]) -> Option<usize> {
    PARAMETERS.iter().position(|parameter| parameter.as_bytes().eq_ignore_ascii_case(name))
}

fn from_header<'a>(
    request: &Request<'a>,
    header: &'a [u8],
    sole: &SoleHeaders<'a>,
) -> Result<Presented<'a>, Fault> {
    let [_, _, amz_date, date, token, payload_hash] = sole.checked()?;
    let date = amz_date.or(date);
    let Authorization { credential, signed_headers, signature } =
        authorization::parse(header, date.is_some())?;
    let parsed = match amz_date {
        Some(value) => stamp::parse(value),
        None => date.and_then(stamp::parse_http_date),
    };
    let signed_at = parsed.ok_or_else(|| malformed_date(date.unwrap_or_default()))?;
    let (access_key_id, scope) = parse_credential(credential, &signed_at)?;
    Ok(Presented {
        request: *request,
        source: Source::Header,
        access_key_id,
        scope,
        session_token: token
            .map(|token| parse_token(Cow::Borrowed(ascii_header(token).unwrap_or_default())))
            .transpose()?,
        signed_headers: Cow::Borrowed(signed_headers),
        signature: Signature::parse(signature),
        signed_at,
        expires: None,
        payload_hash: payload_header(payload_hash)?,
    })
}

fn from_query<'a>(request: &Request<'a>, sole: &SoleHeaders<'a>) -> Result<Presented<'a>, Fault> {
    let [_, _, _, _, token_header, hash_header] = sole.checked()?;
    let fields = collect(request.query)?;
    let [
        Some(algorithm),
        Some(credential),
        Some(signature),
        Some(signed_headers),
        Some(date),
        Some(expires),
        token,
        payload_parameter,
    ] = &fields
    else {
        return Err(missing(&fields));
    };
    let signed_at = stamp::parse(date.as_bytes()).ok_or_else(|| malformed_date(date.as_bytes()))?;
    authorization::check_algorithm(algorithm)?;
    let expires = parse_expires(expires)?;
    let (access_key_id, scope) = parse_credential(credential, &signed_at)?;
    if token_header.is_some() {
        return Err(Fault::incomplete(
            "A presigned request has its session token in the query string, not in its headers.",
            "a presigned request has a session token in its headers",
        ));
    }
    let payload_hash = match (payload_header(hash_header)?, payload_parameter) {
        (Some(_), Some(_)) => return Err(repeated("x-amz-content-sha256")),
        (Some(header), None) => Some(header),
        (None, parameter) => parameter.clone(),
    };
    Ok(Presented {
        request: *request,
        source: Source::Query,
        access_key_id,
        scope,
        session_token: token.clone().map(parse_token).transpose()?,
        signed_headers: signed_headers.clone(),
        signature: Signature::parse(signature),
        signed_at,
        expires: Some(expires),
        payload_hash,
    })
}

/// The values of [`PARAMETERS`], each decoded and at most once, in exactly these letters.
fn collect(query: &str) -> Result<[Option<Cow<'_, str>>; 8], Fault> {
    let mut fields = [const { None }; 8];
    for (name, value) in canonical::parameters(query) {
        let name = encode::decode_parameter(name);
        let Some(at) = position(&name) else { continue };
        let (Some(exact), Some(field)) = (PARAMETERS.get(at), fields.get_mut(at)) else { continue };
        if field.is_some() || *name != *exact.as_bytes() {
            return Err(repeated(exact));
        }
        let value = match encode::decode_parameter(value) {
            Cow::Borrowed(bytes) => std::str::from_utf8(bytes).ok().map(Cow::Borrowed),
            Cow::Owned(bytes) => String::from_utf8(bytes).ok().map(Cow::Owned),
        };
        *field = Some(value.ok_or_else(|| {
            Fault::incomplete(
                format!("The query-string parameter '{exact}' is not UTF-8."),
                format!("the query parameter {exact} is not UTF-8"),
            )
        })?);
    }
    Ok(fields)
}

/// One sentence for each mandatory parameter that is not there.
fn missing(fields: &[Option<Cow<'_, str>>; 8]) -> Fault {
    let mut text = String::new();
    for (name, field) in PARAMETERS.iter().zip(fields).take(6) {
        if field.is_none() {
            let _ = write!(text, "AWS query-string parameters must include '{name}'. ");
        }
    }
    text.push_str("Re-examine the query-string parameters.");
    Fault::incomplete(text, "a query parameter of the signature is missing")
}

pub(crate) fn repeated(name: &str) -> Fault {
    Fault::incomplete(
        format!("'{name}' must occur exactly once and in exactly these letters."),
        format!("{name} is repeated, or written in other letters"),
    )
}

pub(crate) fn malformed_date(value: &[u8]) -> Fault {
    Fault::incomplete(
        format!(
            "Date must be in ISO-8601 'basic format'. Got '{}'. See \
             http://en.wikipedia.org/wiki/ISO_8601",
            echo(value)
        ),
        "the date of the request is malformed",
    )
}

pub(crate) fn parse_credential(
    text: &str,
    signed_at: &Stamp,
) -> Result<(AccessKeyId, Scope), Fault> {
    let (key, scope) = Scope::parse_credential(text, signed_at)?;
    let key = AccessKeyId::parse(key)
        .map_err(|_| Fault::invalid_token("the credential does not begin with an access key id"))?;
    Ok((key, scope))
}

fn parse_expires(text: &str) -> Result<u32, Fault> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let seconds = digits.then(|| text.parse().ok()).flatten();
    seconds.filter(|seconds| (1..=EXPIRES_LIMIT).contains(seconds)).ok_or_else(|| {
        Fault::incomplete(
            format!("X-Amz-Expires must be a number of seconds between 1 and {EXPIRES_LIMIT}."),
            "X-Amz-Expires is not a number in its range",
        )
    })
}

pub(crate) fn parse_token(text: Cow<'_, str>) -> Result<Cow<'_, str>, Fault> {
    let length = (1..=SESSION_TOKEN_LIMIT).contains(&text.len());
    // Without leaving at the first bad byte the loop is a vector one: a twentieth of the time.
    if length && text.bytes().fold(true, |all, byte| all & byte.is_ascii_graphic()) {
        return Ok(text);
    }
    Err(Fault::invalid_token("the session token is empty, too long or not printable ASCII"))
}

/// The value of a header of printable ASCII, without outer spaces as in its canonical form.
fn ascii_header(value: &[u8]) -> Option<&str> {
    std::str::from_utf8(value.trim_ascii()).ok().filter(|text| text.is_ascii())
}

fn payload_header(value: Option<&[u8]>) -> Result<Option<Cow<'_, str>>, Fault> {
    let Some(value) = value else { return Ok(None) };
    match ascii_header(value) {
        Some(text) => Ok(Some(Cow::Borrowed(text))),
        None => Err(Fault::wrong_signature("x-amz-content-sha256 is not ASCII")),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..Default::default() })]

        /// One pass finds what a search for each name finds.
        #[test]
        fn headers_that_count_once_are_found(
            names in prop::collection::vec(prop::sample::select(vec![
                "authorization", "Authorization", "host", "HOST", "x-amz-date", "X-Amz-Date",
                "date", "x-amz-security-token", "x-amz-content-sha256", "user-agent", "hos", "",
            ]), 0..7),
        ) {
            let values: Vec<String> = (0..names.len()).map(|place| place.to_string()).collect();
            let headers: Vec<(&str, &[u8])> =
                names.iter().copied().zip(values.iter().map(String::as_bytes)).collect();
            let request = Request { method: "POST", path: "/", query: "", headers: &headers };
            let of = |name: &str| -> Vec<&[u8]> {
                let same = headers.iter().filter(|(other, _)| other.to_lowercase() == name);
                same.map(|(_, value)| *value).collect()
            };
            let found = SoleHeaders::of(&request);
            prop_assert_eq!(found.values, SOLE_HEADERS.map(|name| of(name).first().copied()));
            let twice = SOLE_HEADERS.iter().find(|name| of(name).len() > 1);
            prop_assert_eq!(found.checked().err(), twice.map(|name| repeated(name)));
        }
    }
}
