//! The same question from a proxy that cannot sign: nginx, Caddy, Envoy.
//!
//! It proves itself by a secret or a client certificate, on a listener of its own, and tells the
//! request that it holds back in headers. What is asked about that follows from the request: the
//! operations of S3, or the rules that the operator wrote for the service.
//!
//! SECURITY: no proxy hands on the body, so that a hash which the request states is believed, and the
//! chunks of a body that is signed in chunks are not verified. Whoever needs that needs the S3
//! gateway, or a service that asks by the authorise call with the hash of what it has read.

mod ask;
mod reply;
mod rules;
mod services;
mod told;

use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use bytes::Bytes;
use daypass_api::enforcement::CallEvent;
use daypass_api::{App, Code, Fault, Handled, Received};
use daypass_directory::Service;
use http::{Response, StatusCode};
use jiff::Timestamp;
use serde_json::json;

use self::ask::{Denied, NotAsked, permit};
use self::reply::{admitted, refused_in_json, refused_in_s3, unclear, with_message};
pub(super) use self::services::sha256;
pub use self::services::{ForwardFault, ForwardServices};
use self::services::{ForwardService, Speaks};
use self::told::{Proxy, SECRET, sole, told};
use super::call::{OPERATION, event};
use super::original::Original;
use crate::S3Fault;

/// Where a request came from, as the proxy tells it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ToldOrigin {
    /// The client's address.
    pub address: IpAddr,
    /// Whether the client spoke TLS.
    pub tls: bool,
}

/// The certificate that a proxy has shown.
///
/// SECURITY: its chain was verified when the proxy connected, up to an authority that the operator
/// named.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct ClientCertificate {
    /// The SHA-256 of the certificate.
    pub sha256: [u8; 32],
    /// Until when it holds. Connections last longer than certificates.
    pub not_after: Timestamp,
}

/// Answers proxies.
#[derive(Debug)]
pub struct ForwardAuth {
    app: Arc<App>,
    services: RwLock<Arc<ForwardServices>>,
}

impl ForwardAuth {
    /// What answers the proxies of these services.
    pub fn new(app: Arc<App>, services: ForwardServices) -> Self {
        Self { app, services: RwLock::new(Arc::new(services)) }
    }

    /// From the next question on, others are the services whose proxies may ask.
    pub fn replace_services(&self, services: ForwardServices) {
        *self.services.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(services);
    }

    /// Answers one question, asked over a connection on which `certificate` was shown, if any was.
    /// `origin` is what the proxy tells of its client, or why that cannot be read; it is believed once
    /// the proxy has proven itself.
    pub async fn answer(
        &self,
        received: Received,
        certificate: Option<ClientCertificate>,
        origin: Result<ToldOrigin, String>,
    ) -> Response<Bytes> {
        let services = Arc::clone(&self.services.read().unwrap_or_else(PoisonError::into_inner));
        let (outcome, mut response) = match asked_by(&services, &received, certificate) {
            Ok(asked_by) => self.answered(&received, asked_by, origin).await,
            Err(fault) => {
                self.app.log_refusal(&received, &fault);
                (fault.code().as_str(), unclear(StatusCode::FORBIDDEN))
            }
        };
        response.extensions_mut().insert(Handled { operation: OPERATION, outcome });
        response
    }

    async fn answered(
        &self,
        received: &Received,
        asked_by: &ForwardService,
        origin: Result<ToldOrigin, String>,
    ) -> Answered {
        // A proxy takes this for a failure, and lets nothing through.
        let misled = |cause: String| {
            let service = asked_by.name.as_str();
            tracing::error!(request_id = %received.id, service, cause, "a proxy cannot be answered");
            (Code::InternalFailure.as_str(), unclear(StatusCode::INTERNAL_SERVER_ERROR))
        };
        let ToldOrigin { address, tls } = match origin {
            Ok(origin) => origin,
            Err(cause) => return misled(cause),
        };
        let head = (&received.method, &received.uri, &received.headers);
        let (proxy, request) = match told(head, address, tls) {
            Ok(told) => told,
            Err(fault) => return misled(fault.to_string()),
        };
        let service = match self.app.registered_service(&asked_by.name).await {
            Ok(Some(service)) => service,
            Ok(None) => return misled("the service is not registered".to_owned()),
            Err(fault) => return misled(fault.cause().unwrap_or_default().to_owned()),
        };
        let original = Original::of(request, &service, received.id, received.at);
        let asking = Asking { app: &self.app, service: &service, asked_by, proxy };
        asking.answer(&original).await
    }
}

/// Whose proxy asks.
///
/// SECURITY: whatever a proxy shows must be right, and of one service: who has a certificate of one and
/// the secret of another is not set up as anybody meant.
fn asked_by<'s>(
    services: &'s ForwardServices,
    received: &Received,
    certificate: Option<ClientCertificate>,
) -> Result<&'s ForwardService, Fault> {
    let refused = |cause: &'static str| Fault::new(Code::AccessDenied, "").because(cause);
    let by_certificate = match certificate {
        None => None,
        Some(shown) if shown.not_after < received.at => {
            return Err(refused("a proxy whose certificate has expired since it connected"));
        }
        Some(shown) => {
            let found = services.of_certificate(&shown.sha256);
            Some(found.ok_or_else(|| refused("a proxy with a certificate that is no service's"))?)
        }
    };
    let by_secret = match received.headers.contains_key(SECRET) {
        false => None,
        true => {
            let secret = sole(&received.headers, SECRET);
            let secret = secret.map_err(|_| refused("a proxy with two secrets"))?;
            let found = services.of_secret(secret.as_bytes());
            Some(found.ok_or_else(|| refused("a proxy with a secret that is no service's"))?)
        }
    };
    match (by_certificate, by_secret) {
        (None, None) => Err(refused("a proxy with neither secret nor certificate")),
        (Some(service), None) | (None, Some(service)) => Ok(service),
        (Some(one), Some(other)) if one.name == other.name => Ok(one),
        (Some(_), Some(_)) => Err(refused("a proxy with certificate and secret of two services")),
    }
}

/// How a question ended, and the reply that says so.
type Answered = (&'static str, Response<Bytes>);

/// A question of a proxy that has proven itself.
struct Asking<'a> {
    app: &'a App,
    service: &'a Arc<Service>,
    asked_by: &'a ForwardService,
    proxy: Proxy,
}

impl Asking<'_> {
    async fn answer(&self, original: &Original) -> Answered {
        let proven = match original.prove(self.app, self.service).await {
            Ok(proven) => proven,
            Err(fault) => return self.refused(original, NotAsked::Other(fault)),
        };
        let permitted = permit(self.app, self.service, self.asked_by, original, &proven).await;
        let permitted = permitted.and_then(|()| Ok(admitted(&proven)?));
        let error = permitted.as_ref().err().map(|denied| denied.why.told());
        if let Some((code, _)) = &error {
            let received = &original.received;
            let cause = permitted.as_ref().err().and_then(|denied| denied.why.cause());
            tracing::info!(
                request_id = %received.id,
                source = %received.source_ip,
                code = &**code,
                cause,
                "a proxy lets nobody through"
            );
        }
        // The proxy proves itself by no signature: the record is the caller's, and names the service.
        let event = CallEvent {
            request_parameters: Some(json!({
                "method": original.received.method.as_str(),
                "path": original.received.uri.path(),
            })),
            additional: Some(json!({ "service": self.service.name.as_str() })),
            error,
            ..event()
        };
        if let Err(fault) = self.app.record_call(&proven.witness(), event).await {
            return self.refused(original, NotAsked::Other(fault));
        }
        match permitted {
            Ok(response) => (Handled::OK, response),
            Err(Denied { why, encoded }) => {
                let (outcome, response) = self.refused(original, why);
                match encoded {
                    Some(encoded) => (outcome, with_message(response, &encoded)),
                    None => (outcome, response),
                }
            }
        }
    }

    /// A refusal in the form that the clients of the service read.
    fn refused(&self, original: &Original, why: NotAsked) -> Answered {
        let id = &original.received.id;
        let path = original.received.uri.path();
        match (why, &self.asked_by.speaks) {
            (NotAsked::Other(fault), Speaks::Rules(_)) => {
                (fault.code().as_str(), refused_in_json(self.proxy, &fault, id))
            }
            (NotAsked::Other(fault), Speaks::S3 { .. }) => {
                let fault: S3Fault = original.in_s3(&fault);
                (fault.code().as_str(), refused_in_s3(self.proxy, &fault, path, id))
            }
            (NotAsked::S3(fault), _) => {
                (fault.code().as_str(), refused_in_s3(self.proxy, &fault, path, id))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use daypass_api::RequestId;
    use http::{HeaderMap, Method, Uri};
    use jiff::SignedDuration;

    use super::*;

    /// Connections last longer than the certificates that were shown when they began.
    #[test]
    fn a_certificate_holds_until_its_last_second() {
        let sha256 = [0x0f; 32];
        let text = format!("[lake]\ncertificates = [\"{}\"]\nspeaks = \"s3\"", "0f".repeat(32));
        let services = ForwardServices::parse(&text).unwrap();
        let received = Received {
            id: RequestId::from_random([0; 16]),
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            source_ip: Ipv4Addr::LOCALHOST.into(),
            source_is_shared: true,
            told_by: None,
            secure_transport: true,
            method: Method::GET,
            uri: Uri::from_static("/nginx"),
            headers: HeaderMap::new(),
            body: Bytes::new(),
        };
        let second = SignedDuration::from_secs(1);
        for (not_after, is_taken) in
            [(received.at - second, false), (received.at, true), (received.at + second, true)]
        {
            let shown = ClientCertificate { sha256, not_after };
            let by = asked_by(&services, &received, Some(shown));
            assert_eq!(by.is_ok(), is_taken, "{not_after}");
            match by {
                Ok(service) => assert_eq!(service.name.as_str(), "lake"),
                Err(fault) => assert!(fault.cause().unwrap().contains("expired"), "{fault:?}"),
            }
        }
    }
}
