//! The canonical form of a request and the string to sign (SigV4 specification, "Create a
//! canonical request" and "Create a string to sign").
//!
//! These functions refuse nothing and accept everything: who verifies decides before what may
//! come here. Two requests with the same canonical form mean the same to every reader.

use std::borrow::Cow;

use memchr::memchr;

use crate::crypto;
use crate::encode;
use crate::request::Request;
use crate::scope::{Scope, TERMINATOR};

/// The one algorithm.
pub(crate) const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// The query parameter that holds the signature, hence is not signed.
const SIGNATURE_PARAMETER: &str = "X-Amz-Signature";

/// The canonical path.
///
/// With `normalize`, as every service but S3 has it: dot segments and empty segments are removed
/// (RFC 3986 section 5.2.4), then the path as it came is encoded once more. Without, as S3 has
/// it: each segment is brought to the one way of encoding it, and neither `a//b` nor `a%2Fb` nor
/// `..` becomes anything else, because they are different keys.
pub(crate) fn path(raw: &str, normalize: bool) -> String {
    let mut out = String::with_capacity(raw.len() + 16);
    if !raw.starts_with('/') {
        out.push('/');
    }
    if normalize {
        encode::uri_encode_path(&mut out, remove_dot_segments(raw).as_bytes());
        return out;
    }
    for (index, segment) in raw.split('/').enumerate() {
        if index > 0 {
            out.push('/');
        }
        match encode::is_encoded(segment.as_bytes()) {
            true => out.push_str(segment),
            false => encode::uri_encode(&mut out, &encode::decode_segment(segment)),
        }
    }
    out
}

/// Resolves `.` and `..` and drops empty segments. A path that ends in a slash or a dot segment
/// ends in a slash afterwards. Without a leading slash there is none in the result, unless
/// nothing but the root is left.
fn remove_dot_segments(raw: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    for segment in raw.split('/') {
        match segment {
            "" | "." => {}
            ".." => {
                kept.pop();
            }
            other => kept.push(other),
        }
    }
    let mut out = String::with_capacity(raw.len());
    if raw.starts_with('/') {
        out.push('/');
    }
    out.push_str(&kept.join("/"));
    let ends_in_slash = matches!(raw.rsplit('/').next(), Some("" | "." | ".."));
    if ends_in_slash && !kept.is_empty() {
        out.push('/');
    }
    out
}

/// What stands before and behind the first such byte, which is ASCII. (What the standard library has
/// for it stood out in the profile.)
pub(crate) fn cut(text: &str, at: u8) -> Option<(&str, &str)> {
    let place = memchr(at, text.as_bytes())?;
    Some((text.get(..place)?, text.get(place + 1..)?))
}

/// What stands between such bytes.
pub(crate) fn pieces(text: &str, between: u8) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let (piece, behind) = match cut(text, between) {
            Some((piece, behind)) => (piece, Some(behind)),
            None => (text, None),
        };
        rest = behind;
        Some(piece)
    })
}

/// The parameters of a query string, still encoded. Empty pieces (`a=1&&b=2`) are none.
pub(crate) fn parameters(raw: &str) -> impl Iterator<Item = (&str, &str)> {
    pieces(raw, b'&')
        .filter(|piece| !piece.is_empty())
        .map(|piece| cut(piece, b'=').unwrap_or((piece, "")))
}

/// The canonical query string: every name and value decoded and encoded again, sorted by encoded
/// name, then by encoded value, without the signature.
pub(crate) fn query(raw: &str) -> Cow<'_, str> {
    match is_canonical(raw) {
        true => Cow::Borrowed(raw),
        false => Cow::Owned(written_anew(raw)),
    }
}

fn written_anew(raw: &str) -> String {
    let mut pairs: Vec<(Cow<'_, str>, Cow<'_, str>)> = parameters(raw)
        .map(|(name, value)| {
            (encode::canonical_parameter(name), encode::canonical_parameter(value))
        })
        .filter(|(name, _)| name != SIGNATURE_PARAMETER)
        .collect();
    pairs.sort_unstable();
    let mut out = String::with_capacity(raw.len() + 16);
    for (name, value) in pairs {
        if !out.is_empty() {
            out.push('&');
        }
        out.push_str(&name);
        out.push('=');
        out.push_str(&value);
    }
    out
}

/// Whether a query string is its own canonical form: what a signer of ours is given mostly is.
fn is_canonical(raw: &str) -> bool {
    let mut last = ("", "");
    pieces(raw, b'&').all(|piece| {
        let Some(pair) = cut(piece, b'=') else { return false };
        let follows = last <= pair;
        last = pair;
        let (name, value) = pair;
        follows
            && name != SIGNATURE_PARAMETER
            && encode::is_encoded(name.as_bytes())
            && encode::is_encoded(value.as_bytes())
    })
}

/// The canonical request over the headers that `signed_headers` (`host;x-amz-date`) names.
pub(crate) fn request(
    request: &Request<'_>,
    normalize_path: bool,
    signed_headers: &str,
    payload_hash: &[u8],
) -> Vec<u8> {
    let mut out = Vec::with_capacity(capacity(request, signed_headers));
    out.extend_from_slice(request.method.as_bytes());
    out.push(b'\n');
    // What nearly every request has, and its canonical form without a look at it.
    match request.path {
        "/" => out.push(b'/'),
        other => out.extend_from_slice(path(other, normalize_path).as_bytes()),
    }
    out.push(b'\n');
    if !request.query.is_empty() {
        out.extend_from_slice(query(request.query).as_bytes());
    }
    out.push(b'\n');
    for name in pieces(signed_headers, b';') {
        push_header(&mut out, request, name);
        out.push(b'\n');
    }
    out.push(b'\n');
    out.extend_from_slice(signed_headers.as_bytes());
    out.push(b'\n');
    out.extend_from_slice(payload_hash);
    out
}

/// Room for the canonical request, as long as path and query stay nearly as long as they are.
fn capacity(request: &Request<'_>, signed_headers: &str) -> usize {
    let line = |(name, value): &(&str, &[u8])| name.len() + value.len() + 2;
    let headers: usize = request.headers.iter().map(line).sum();
    let first = request.method.len() + request.path.len() + request.query.len();
    256 + first + headers + signed_headers.len()
}

/// One canonical header, `name:value,value`: outer spaces go, inner runs become one space, other
/// bytes stay as they are.
fn push_header(out: &mut Vec<u8>, request: &Request<'_>, name: &str) {
    out.extend_from_slice(name.as_bytes());
    let mut separator = b':';
    for value in request.values(name) {
        out.push(separator);
        separator = b',';
        push_value(out, value);
    }
}

fn push_value(out: &mut Vec<u8>, value: &[u8]) {
    // Most values, and the longest ones, have no space at all.
    if memchr(b' ', value).is_none() {
        out.extend_from_slice(value);
        return;
    }
    let words = value.split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    for (index, word) in words.enumerate() {
        if index > 0 {
            out.push(b' ');
        }
        out.extend_from_slice(word);
    }
}

/// The string to sign, in the memory of the canonical request.
pub(crate) fn string_to_sign(
    signed_at: &str,
    scope: &Scope,
    mut canonical_request: Vec<u8>,
) -> Vec<u8> {
    let hash = crypto::sha256_hex(&canonical_request);
    let out = &mut canonical_request;
    out.clear();
    for line in [ALGORITHM, signed_at] {
        out.extend_from_slice(line.as_bytes());
        out.push(b'\n');
    }
    for part in [scope.as_str(), "/", TERMINATOR, "\n"] {
        out.extend_from_slice(part.as_bytes());
    }
    out.extend_from_slice(&hash);
    canonical_request
}

#[cfg(test)]
mod tests;
