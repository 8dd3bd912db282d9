//! The `Authorization` header: `AWS4-HMAC-SHA256 Credential=…, SignedHeaders=…, Signature=…`.
//!
//! As lenient as AWS in order and spaces, and no more: every part exactly once, no other part,
//! no other scheme.

use std::fmt::Write as _;

use crate::Fault;
use crate::canonical::{ALGORITHM, cut};
use crate::fault::echo;

/// Longest header that is looked at. The longest one that a client sends (100 signed headers)
/// stays below; session tokens have a header of their own.
pub(crate) const HEADER_LIMIT: usize = 8 * 1024;

/// The parts of the header, unjudged.
#[derive(Clone, Copy)]
pub(crate) struct Authorization<'a> {
    pub(crate) credential: &'a str,
    pub(crate) signed_headers: &'a str,
    pub(crate) signature: &'a str,
}

/// Splits the header. `has_date` says whether the request has a date at all, which AWS reports
/// together with the missing parts.
pub(crate) fn parse(header: &[u8], has_date: bool) -> Result<Authorization<'_>, Fault> {
    if header.len() > HEADER_LIMIT {
        return Err(Fault::incomplete(
            "Authorization header is too long.",
            "the Authorization header is longer than its limit",
        ));
    }
    let Some(text) = std::str::from_utf8(header).ok().filter(|text| text.is_ascii()) else {
        return Err(Fault::incomplete(
            format!("Authorization header is not ASCII: '{}'.", echo(header)),
            "the Authorization header is not ASCII",
        ));
    };
    let text = text.trim_ascii();
    let (scheme, rest) = cut(text, b' ').unwrap_or((text, ""));
    let (mut credential, mut signed_headers, mut signature) = (None, None, None);
    let mut stray = None;
    let mut next = Some(rest).filter(|rest| !rest.trim_ascii().is_empty());
    while let Some(pieces) = next {
        let (piece, behind) =
            cut(pieces, b',').map_or((pieces, None), |(piece, behind)| (piece, Some(behind)));
        next = behind;
        let piece = piece.trim_ascii();
        let Some((name, value)) = cut(piece, b'=') else {
            return Err(Fault::incomplete(
                format!(
                    "'{}' not a valid key=value pair (missing equal-sign) in Authorization \
                     header: '{}'.",
                    echo(piece.as_bytes()),
                    echo(header)
                ),
                "a part of the Authorization header has no equal sign",
            ));
        };
        let place = match name {
            "Credential" => &mut credential,
            "SignedHeaders" => &mut signed_headers,
            "Signature" => &mut signature,
            _ => {
                stray = stray.or(Some(name));
                continue;
            }
        };
        if place.replace(value).is_some() {
            stray = stray.or(Some(name));
        }
    }
    let credential = credential.filter(|value| !value.is_empty());
    let signature = signature.filter(|value| !value.is_empty());
    let (Some(credential), Some(signature), Some(signed_headers), true) =
        (credential, signature, signed_headers, has_date)
    else {
        let mut text = String::new();
        for (name, present) in [
            ("Credential", credential.is_some()),
            ("Signature", signature.is_some()),
            ("SignedHeaders", signed_headers.is_some()),
        ] {
            if !present {
                let _ = write!(text, "Authorization header requires '{name}' parameter. ");
            }
        }
        if !has_date {
            text.push_str(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' \
                 header. ",
            );
        }
        text.push_str("Authorization=");
        text.push_str(&echo(header));
        return Err(Fault::incomplete(text, "the Authorization header or the date is incomplete"));
    };
    if let Some(stray) = stray {
        return Err(Fault::incomplete(
            format!(
                "'{}' is unknown or repeated in Authorization header: '{}'.",
                echo(stray.as_bytes()),
                echo(header)
            ),
            "a part of the Authorization header is unknown or repeated",
        ));
    }
    check_algorithm(scheme)?;
    Ok(Authorization { credential, signed_headers, signature })
}

/// Refuses every algorithm but the one, among them `AWS4-ECDSA-P256-SHA256` and `Bearer`.
pub(crate) fn check_algorithm(name: &str) -> Result<(), Fault> {
    if name == ALGORITHM {
        return Ok(());
    }
    Err(Fault::incomplete(
        format!(
            "Unsupported AWS 'algorithm': '{}' (only {ALGORITHM} for now). ",
            echo(name.as_bytes())
        ),
        "the signature algorithm is not AWS4-HMAC-SHA256",
    ))
}
