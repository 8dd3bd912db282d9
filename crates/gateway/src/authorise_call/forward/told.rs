//! The request that a proxy tells of: its method, target and length, wherever that proxy puts them.
//!
//! The path that a proxy asks says which one it is, because a header that one of them writes is
//! handed on by another as its client sent it:
//!
//! | path | proxy | method | target |
//! |---|---|---|---|
//! | `/nginx` | nginx `auth_request` | `X-Original-Method` | `X-Original-URI` |
//! | `/caddy` | Caddy `forward_auth` | `X-Forwarded-Method` | `X-Forwarded-Uri` |
//! | `/envoy` | Envoy `ext_authz` over HTTP | its own | its own, behind `/envoy` |
//!
//! None of them hands on the body or its length: `X-Original-Content-Length` holds the length.

use std::net::IpAddr;

use http::header::{CONTENT_LENGTH, HOST, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use thiserror::Error;

use crate::authorise_call::document::{OriginalRequest, origin_form};

/// Holds the secret of the proxy.
pub(super) const SECRET: &str = "x-daypass-secret";
const LENGTH: HeaderName = HeaderName::from_static("x-original-content-length");

/// The beginning of what Daypass alone writes.
const OWN: &str = "x-daypass-";

/// A proxy that asks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Proxy {
    Caddy,
    Envoy,
    Nginx,
}

/// Why a proxy is not understood: it is not set up as the documentation says.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(super) enum ToldFault {
    #[error("the path is none of /nginx, /caddy and /envoy/…")]
    Path,
    #[error("the header `{0}` is missing, there twice, or cannot be read")]
    Header(&'static str),
    #[error("there is no `Host`")]
    Host,
}

impl Proxy {
    /// The proxy that asks a path, and the target of what it tells, if that stands in it.
    pub(super) fn of(uri: &Uri) -> Result<(Self, Option<&str>), ToldFault> {
        match uri.path() {
            "/nginx" => Ok((Self::Nginx, None)),
            "/caddy" => Ok((Self::Caddy, None)),
            _ => {
                let target = uri.path_and_query().map_or("", |target| target.as_str());
                let target = target.strip_prefix("/envoy").ok_or(ToldFault::Path)?;
                // `/envoyer` is somebody else's path.
                match target.starts_with('/') {
                    true => Ok((Self::Envoy, Some(target))),
                    false => Err(ToldFault::Path),
                }
            }
        }
    }
}

/// The request that a proxy tells of.
///
/// SECURITY: the proxy must have proven itself. `source_ip` and `secure_transport` are what it
/// says of its client.
pub(super) fn told(
    (method, uri, headers): (&Method, &Uri, &HeaderMap),
    source_ip: IpAddr,
    secure_transport: bool,
) -> Result<(Proxy, OriginalRequest), ToldFault> {
    let (proxy, behind_path) = Proxy::of(uri)?;
    let (method, target) = match proxy {
        Proxy::Nginx => {
            (told_method(headers, "x-original-method")?, told_target(headers, "x-original-uri")?)
        }
        Proxy::Caddy => {
            (told_method(headers, "x-forwarded-method")?, told_target(headers, "x-forwarded-uri")?)
        }
        Proxy::Envoy => {
            let target = behind_path.and_then(origin_form).ok_or(ToldFault::Path)?;
            (method.clone(), target)
        }
    };
    if !headers.contains_key(HOST) {
        return Err(ToldFault::Host);
    }
    let length = told_length(headers)?;
    let mut original = HeaderMap::with_capacity(headers.len());
    for (name, value) in headers {
        // The length is that of the question, which has no body.
        let is_the_questions = name == CONTENT_LENGTH || name == TRANSFER_ENCODING;
        if !is_the_questions && name != LENGTH && !name.as_str().starts_with(OWN) {
            original.append(name, value.clone());
        }
    }
    if let Some(length) = length {
        original.insert(CONTENT_LENGTH, length);
    }
    let original = OriginalRequest {
        method,
        uri: target,
        headers: original,
        payload_hash: None,
        source_ip,
        secure_transport,
    };
    Ok((proxy, original))
}

fn told_method(headers: &HeaderMap, name: &'static str) -> Result<Method, ToldFault> {
    let value = sole(headers, name)?;
    Method::from_bytes(value.as_bytes()).map_err(|_| ToldFault::Header(name))
}

fn told_target(headers: &HeaderMap, name: &'static str) -> Result<Uri, ToldFault> {
    let value = sole(headers, name)?;
    value.to_str().ok().and_then(origin_form).ok_or(ToldFault::Header(name))
}

/// The length of the body; a request without one has none, or an empty header.
fn told_length(headers: &HeaderMap) -> Result<Option<HeaderValue>, ToldFault> {
    const FAULT: ToldFault = ToldFault::Header("x-original-content-length");
    let mut values = headers.get_all(LENGTH).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(FAULT);
    }
    let Some(value) = first.filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.as_bytes().iter().all(u8::is_ascii_digit) {
        true => Ok(Some(value.clone())),
        false => Err(FAULT),
    }
}

/// The only value of a header.
pub(super) fn sole<'h>(
    headers: &'h HeaderMap,
    name: &'static str,
) -> Result<&'h HeaderValue, ToldFault> {
    let mut values = headers.get_all(name).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => Ok(value),
        _ => Err(ToldFault::Header(name)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(fields: &[(&'static str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, value.parse().unwrap());
        }
        headers
    }

    fn check(uri: &str, fields: &[(&'static str, &str)], want: Result<&str, ToldFault>) {
        let (uri, headers) = (uri.parse().unwrap(), headers(fields));
        let address = "192.0.2.7".parse().unwrap();
        let got = told((&Method::GET, &uri, &headers), address, true).map(|(proxy, original)| {
            let OriginalRequest { method, uri, .. } = original;
            format!("{proxy:?} {method} {uri}")
        });
        assert_eq!(got.as_deref().map_err(|fault| *fault), want, "{uri} {fields:?}");
    }

    #[test]
    fn each_proxy_has_headers_of_its_own() {
        const HOST: (&str, &str) = ("host", "s3.example.com");
        const NGINX: [(&str, &str); 2] =
            [("x-original-method", "PUT"), ("x-original-uri", "/b/a%2Fb//c?x=%2F")];
        const CADDY: [(&str, &str); 2] =
            [("x-forwarded-method", "PUT"), ("x-forwarded-uri", "/c//d?y")];
        let all = [HOST, NGINX[0], NGINX[1], CADDY[0], CADDY[1]];
        check("/nginx", &all, Ok("Nginx PUT /b/a%2Fb//c?x=%2F"));
        // Caddy writes the query behind the path that it was given.
        check("/caddy?y", &all, Ok("Caddy PUT /c//d?y"));
        check("/envoy/e/../f?z", &all, Ok("Envoy GET /e/../f?z"));
        check("/envoy//f", &all, Ok("Envoy GET //f"));
        // What another proxy's client could have written counts for nothing.
        check("/nginx", &[HOST, CADDY[0], CADDY[1]], Err(ToldFault::Header("x-original-method")));
        check("/caddy", &[HOST, NGINX[0], NGINX[1]], Err(ToldFault::Header("x-forwarded-method")));
        let twice = [HOST, NGINX[0], NGINX[1], ("x-original-uri", "/other")];
        check("/nginx", &twice, Err(ToldFault::Header("x-original-uri")));
        let absolute = [HOST, NGINX[0], ("x-original-uri", "http://other/")];
        check("/nginx", &absolute, Err(ToldFault::Header("x-original-uri")));
        check("/nginx", &NGINX, Err(ToldFault::Host));
        for path in ["/", "/nginx/", "/envoy", "/envoyer/x", "/traefik", "/envoy?x"] {
            check(path, &all, Err(ToldFault::Path));
        }
    }

    #[test]
    fn the_length_is_the_original_one() {
        let uri = "/envoy/k".parse().unwrap();
        let address = "192.0.2.7".parse().unwrap();
        for (fields, want) in [
            (&[][..], Ok(None)),
            (&[("x-original-content-length", "")], Ok(None)),
            (&[("x-original-content-length", "12"), ("content-length", "0")], Ok(Some("12"))),
            (&[("content-length", "0"), ("transfer-encoding", "chunked")], Ok(None)),
            (&[("x-original-content-length", "-1")], Err(())),
            (&[("x-original-content-length", "-")], Err(())),
            (&[("x-original-content-length", "1"), ("x-original-content-length", "2")], Err(())),
        ] {
            let mut headers = headers(fields);
            headers.insert("host", HeaderValue::from_static("x"));
            headers.insert("x-daypass-secret", HeaderValue::from_static("hidden"));
            headers.insert("x-amz-date", HeaderValue::from_static("kept"));
            let got = told((&Method::GET, &uri, &headers), address, false).map_err(|_| ());
            if let Ok((_, original)) = &got {
                assert!(!original.headers.contains_key("x-daypass-secret"));
                assert!(!original.headers.contains_key("transfer-encoding"));
                assert_eq!(original.headers["x-amz-date"], "kept");
            }
            let got = got.map(|(_, original)| original.headers.get("content-length").cloned());
            let want = want.map(|length: Option<&str>| length.map(|text| text.parse().unwrap()));
            assert_eq!(got, want, "{fields:?}");
        }
    }
}
