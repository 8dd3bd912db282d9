//! Signing, for clients of our own and for requests that are passed on.
//!
//! It makes what [`verify`](crate::verify()) accepts: all headers signed that proxies leave alone,
//! the session token among them, in the one way that the specification prefers.

use std::borrow::Cow;
use std::fmt;

use daypass_names::{AccessKeyId, Constrained, Invalid, SecretAccessKey};
use jiff::Timestamp;

use crate::canonical::{self, ALGORITHM};
use crate::scope::TERMINATOR;
use crate::stamp::Stamp;
use crate::verify::{S3, UNSIGNED_PAYLOAD};
use crate::{ForeignCredentials, Request, Scope, SigningKey, crypto, encode, presented};

/// Headers that are never signed: the signature itself and what proxies change or remove.
const NEVER_SIGNED: [&str; 6] =
    ["authorization", "connection", "expect", "transfer-encoding", "user-agent", "x-amzn-trace-id"];

/// What a request is signed with.
#[derive(Clone)]
pub struct Credentials {
    /// The access key id.
    pub access_key_id: AccessKeyId,
    /// Its secret.
    pub secret_access_key: SecretAccessKey,
    /// The session token, for temporary credentials.
    pub session_token: Option<String>,
}

impl Credentials {
    /// Parses an access key and, for temporary credentials, takes their session token.
    ///
    /// # Errors
    ///
    /// The access key id or the secret is none; the error does not repeat the secret.
    pub fn parse(id: &str, secret: &str, session_token: Option<&str>) -> Result<Self, Invalid> {
        Ok(Self {
            access_key_id: AccessKeyId::parse(id)?,
            secret_access_key: SecretAccessKey::parse(secret)?,
            session_token: session_token.map(str::to_owned),
        })
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Credentials")
            .field("access_key_id", &self.access_key_id)
            .field("secret_access_key", &self.secret_access_key)
            .field("session_token", &self.session_token.as_ref().map(|_| "…"))
            .finish()
    }
}

/// Signs a request in its headers; returns those to add: `x-amz-date`, `x-amz-security-token`
/// for temporary credentials, `x-amz-content-sha256` for S3, `authorization`.
///
/// The request must have a `host` header. Headers of these names that it has already are to be
/// removed before the new ones are added; an `x-amz-content-sha256` stays and is taken as the
/// hash of the body, so that S3's `UNSIGNED-PAYLOAD` can be asked for.
pub fn sign(
    request: &Request<'_>,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    let stated = request.values("x-amz-content-sha256").next();
    let payload = match stated.and_then(|value| std::str::from_utf8(value).ok()) {
        Some(stated) => Cow::Borrowed(stated.trim_ascii()),
        None => Cow::Owned(String::from_utf8_lossy(&crypto::sha256_hex(body)).into_owned()),
    };
    let with = SignWith::new(credentials, region, service, now);
    with.sign(request, &payload, service == S3 && stated.is_none()).0
}

/// Signs a request whose body is not at hand. `payload` stands for it in what is signed: its
/// SHA-256 in lower-case hexadecimal digits or, for S3, `UNSIGNED-PAYLOAD` or
/// `STREAMING-UNSIGNED-PAYLOAD-TRAILER`. What is to be added is as for [`sign`]; for S3 that is
/// always an `x-amz-content-sha256` too, and one that the request has is to be removed.
pub fn sign_with_payload(
    request: &Request<'_>,
    payload: &str,
    credentials: &Credentials,
    region: &str,
    service: &str,
    now: Timestamp,
) -> Vec<(&'static str, String)> {
    SignWith::new(credentials, region, service, now).sign(request, payload, service == S3).0
}

/// Presigns a request: returns its whole query string, in canonical form, with the signature.
///
/// The request must have a `host` header; whatever other headers it has are signed too and must
/// be sent. It is good for `expires_seconds` from `now` on, at most a week. The body must be the
/// same when it is sent, but for S3, where it is not signed. Parameters of an earlier signature
/// are dropped.
pub fn presign(
    request: &Request<'_>,
    body: &[u8],
    credentials: &Credentials,
    region: &str,
    service: &str,
    expires_seconds: u32,
    now: Timestamp,
) -> String {
    let with = SignWith::new(credentials, region, service, now);
    let headers: Vec<(&str, &[u8])> = request
        .headers
        .iter()
        .copied()
        .filter(|(name, _)| !NEVER_SIGNED.contains(name) && *name != "x-amz-security-token")
        .collect();
    let signed_headers = names(&headers);

    let mut query = String::new();
    for (name, value) in canonical::parameters(request.query) {
        if !presented::is_signature_parameter(&encode::decode_parameter(name)) {
            query.push_str(name);
            query.push('=');
            query.push_str(value);
            query.push('&');
        }
    }
    let mut append = |name: &str, value: &str| {
        query.push_str(name);
        query.push('=');
        encode::uri_encode(&mut query, value.as_bytes());
        query.push('&');
    };
    append("X-Amz-Algorithm", ALGORITHM);
    append("X-Amz-Credential", &with.credential());
    append("X-Amz-Date", with.signed_at.as_str());
    append("X-Amz-Expires", &expires_seconds.to_string());
    append("X-Amz-SignedHeaders", &signed_headers);
    if let Some(token) = &credentials.session_token {
        append("X-Amz-Security-Token", token);
    }
    let query = canonical::query(&query);

    let stated = request.values("x-amz-content-sha256").next();
    let payload_hash = match stated.and_then(|value| std::str::from_utf8(value).ok()) {
        Some(stated) => stated.trim_ascii().to_owned(),
        None if service == S3 => UNSIGNED_PAYLOAD.to_owned(),
        None => String::from_utf8_lossy(&crypto::sha256_hex(body)).into_owned(),
    };
    let request = Request { query: &query, headers: &headers, ..*request };
    let signature = with.signature(&request, &signed_headers, &payload_hash);
    format!("{query}&X-Amz-Signature={signature}")
}

/// Everything about a signature that is not of the request.
pub(crate) struct SignWith<'a> {
    access_key_id: &'a str,
    session_token: Option<&'a str>,
    pub(crate) key: SigningKey,
    pub(crate) scope: Scope,
    pub(crate) signed_at: Stamp,
}

impl<'a> SignWith<'a> {
    pub(crate) fn new(
        credentials: &'a Credentials,
        region: &str,
        service: &str,
        now: Timestamp,
    ) -> Self {
        let scope = Scope::at(now, region, service);
        let key = SigningKey::derive(&credentials.secret_access_key, &scope);
        let session_token = credentials.session_token.as_deref();
        let access_key_id = credentials.access_key_id.as_str();
        Self { access_key_id, session_token, key, scope, signed_at: Stamp::of(now) }
    }

    /// With the key of these credentials in this scope, which is that of the instant.
    pub(crate) fn foreign(
        credentials: &'a ForeignCredentials,
        key: SigningKey,
        scope: Scope,
        signed_at: Stamp,
    ) -> Self {
        let session_token = credentials.expose_token();
        let access_key_id = credentials.access_key_id();
        Self { access_key_id, session_token, key, scope, signed_at }
    }

    /// The headers to add and the signature that is in them. `states` says whether
    /// `x-amz-content-sha256` is to be among them.
    pub(crate) fn sign(
        &self,
        request: &Request<'_>,
        payload: &str,
        states: bool,
    ) -> (Vec<(&'static str, String)>, String) {
        let mut added = vec![("x-amz-date", self.signed_at.as_str().to_owned())];
        if let Some(token) = self.session_token {
            added.push(("x-amz-security-token", token.to_owned()));
        }
        if states {
            added.push(("x-amz-content-sha256", payload.to_owned()));
        }

        let replaced = |name: &str| added.iter().any(|(added, _)| *added == name);
        let mut headers: Vec<(&str, &[u8])> = request
            .headers
            .iter()
            .copied()
            .filter(|(name, _)| !NEVER_SIGNED.contains(name) && !replaced(name))
            .collect();
        headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
        let signed_headers = names(&headers);
        let request = Request { headers: &headers, ..*request };
        let signature = self.signature(&request, &signed_headers, payload);
        let authorization = [
            ALGORITHM,
            " Credential=",
            self.access_key_id,
            "/",
            self.scope.as_str(),
            "/",
            TERMINATOR,
            ", SignedHeaders=",
            &signed_headers,
            ", Signature=",
            &signature,
        ];
        added.push(("authorization", authorization.concat()));
        (added, signature)
    }

    fn signature(&self, request: &Request<'_>, signed_headers: &str, payload: &str) -> String {
        let normalize_path = self.scope.service() != S3;
        let canonical =
            canonical::request(request, normalize_path, signed_headers, payload.as_bytes());
        let string_to_sign =
            canonical::string_to_sign(self.signed_at.as_str(), &self.scope, canonical);
        self.key.mac().sign(&string_to_sign)
    }

    pub(crate) fn credential(&self) -> String {
        format!("{}/{}/{TERMINATOR}", self.access_key_id, self.scope.as_str())
    }
}

/// The names of the headers as `SignedHeaders` has them.
fn names(headers: &[(&str, &[u8])]) -> String {
    let mut names: Vec<&str> = headers.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names.join(";")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_parsed_whole_and_never_printed() {
        let (id, secret) = ("ASIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
        let credentials = Credentials::parse(id, secret, Some("the-token")).unwrap();
        assert_eq!(credentials.access_key_id.as_str(), id);
        assert_eq!(credentials.secret_access_key.expose(), secret);
        assert_eq!(credentials.session_token.as_deref(), Some("the-token"));
        let printed = format!("{credentials:?}");
        assert!(printed.contains(id), "{printed}");
        assert!(!printed.contains("wJalr") && !printed.contains("the-token"), "{printed}");

        assert!(Credentials::parse(id, secret, None).unwrap().session_token.is_none());
        for (id, secret) in [("AKIA", secret), (id, "wJalr"), (secret, id)] {
            let refusal = format!("{:?}", Credentials::parse(id, secret, None).unwrap_err());
            assert!(!refusal.contains("wJalr"), "{refusal}");
        }
    }
}
