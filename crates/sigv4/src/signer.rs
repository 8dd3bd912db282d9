//! A signer of many requests, as a proxy has for its backend.

use std::fmt;
use std::sync::{Arc, PoisonError, RwLock};

use jiff::Timestamp;

use crate::sign::SignWith;
use crate::stamp::Stamp;
use crate::verify::S3;
use crate::{ForeignCredentials, Request, Scope, SigningKey};

/// Signs requests of one key for one service in one Region. The key that it derives is kept for the
/// day that it is good for: deriving it takes four HMAC operations more than signing with it.
pub struct Signer {
    credentials: ForeignCredentials,
    region: String,
    service: String,
    /// That of the day of the last request.
    today: RwLock<Option<Arc<Daily>>>,
}

/// What requests of one day are signed with.
struct Daily {
    scope: Scope,
    key: SigningKey,
}

impl Signer {
    /// Of these credentials.
    pub fn new(
        credentials: ForeignCredentials,
        region: impl Into<String>,
        service: impl Into<String>,
    ) -> Self {
        let today = RwLock::default();
        Self { credentials, region: region.into(), service: service.into(), today }
    }

    /// Signs a request whose body is not at hand, as
    /// [`sign_with_payload`](crate::sign_with_payload) does.
    pub fn sign(
        &self,
        request: &Request<'_>,
        payload: &str,
        now: Timestamp,
    ) -> Vec<(&'static str, String)> {
        let signed_at = Stamp::of(now);
        let daily = self.daily(&signed_at);
        let (scope, key) = (daily.scope.clone(), daily.key.clone());
        let with = SignWith::foreign(&self.credentials, key, scope, signed_at);
        with.sign(request, payload, self.service == S3).0
    }

    /// The key of the day of an instant. At midnight two days meet, and it is derived a few times more.
    fn daily(&self, at: &Stamp) -> Arc<Daily> {
        let today = self.today.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(daily) = today.as_ref().filter(|daily| daily.scope.date() == at.date()) {
            return Arc::clone(daily);
        }
        drop(today);
        let scope = Scope::at(at.instant(), &self.region, &self.service);
        let key = self.credentials.signing_key(&scope);
        let daily = Arc::new(Daily { scope, key });
        *self.today.write().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&daily));
        daily
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
