//! A signer of many requests, as a proxy has for its backend.

use std::fmt;

use jiff::Timestamp;
use quick_cache::sync::Cache;

use crate::sign::SignWith;
use crate::verify::S3;
use crate::{ForeignCredentials, Request, Scope, SigningKey};

/// Signs requests of one key for one service in one Region. The key that it derives is kept for the
/// day that it is good for: deriving it takes four HMAC operations more than signing with it.
pub struct Signer {
    credentials: ForeignCredentials,
    region: String,
    service: String,
    /// Two days meet at midnight.
    keys: Cache<Scope, SigningKey>,
}

impl Signer {
    /// Of these credentials.
    pub fn new(
        credentials: ForeignCredentials,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let keys = Cache::new(2);
        Self { credentials, region: region.into(), service: service.into(), keys }
    }

    /// Signs a request whose body is not at hand, as
    /// [`sign_with_payload`](crate::sign_with_payload) does.
    pub fn sign(
        &self,
        request: &Request<'_>,
        payload: &str,
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let scope = Scope::at(now, &self.region, &self.service);
        let key = self.keys.get(&scope).unwrap_or_else(|| {
            let key = self.credentials.signing_key(&scope);
            self.keys.insert(scope.clone(), key.clone());
            key
        });
        let with = SignWith::foreign(&self.credentials, key, scope, now);
        with.sign(request, payload, self.service == S3).0
    }
}

impl fmt::Debug for Signer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Signer")
            .field("access_key_id", &self.credentials.access_key_id())
            .field("region", &self.region)
            .field("service", &self.service)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};

    use super::*;
    use crate::{Credentials, sign_with_payload};

    #[test]
    fn what_it_signs_is_what_is_signed_anew() {
        let credentials = Credentials {
            access_key_id: AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap(),
            secret_access_key: SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY")
                .unwrap(),
            session_token: Some("RXhhbXBsZQ==".to_owned()),
        };
        let headers: [(&str, &[u8]); 1] = [("host", b"s3.example.com")];
        let request = Request { method: "GET", path: "/b/k", query: "", headers: &headers };
        for service in ["s3", "sts"] {
            let signer = Signer::new(credentials.clone().into(), "eu-west-1", service);
            for now in [
                "2026-11-21T10:11:12Z",
                "2026-11-21T23:59:59Z",
                "2026-11-22T00:00:00Z",
                "2026-11-21T23:59:59Z",
                "2027-01-01T00:00:00Z",
            ] {
                let (now, payload) = (now.parse().unwrap(), "UNSIGNED-PAYLOAD");
                let expected =
                    sign_with_payload(&request, payload, &credentials, "eu-west-1", service, now);
                assert_eq!(signer.sign(&request, payload, now), expected);
            }
        }
        let printed = format!("{:?}", Signer::new(credentials.into(), "eu-west-1", "s3"));
        assert!(!printed.contains("wJal") && !printed.contains("RXhh"), "{printed}");
    }
}
