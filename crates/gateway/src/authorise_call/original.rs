//! Who made the request that a service was sent, if the service may ask that.

use daypass_api::enforcement::{Proven, SignedService};
use daypass_api::{App, Code, Fault, Received, RequestId, status_of};
use daypass_directory::Service;
use daypass_sigv4::{Request, presented};
use http::header::AUTHORIZATION;
use jiff::Timestamp;

use super::answer::RefusedDocument;
use super::document::OriginalRequest;
use super::forward::sha256;
use super::registration::{is_for_host, normalizes_path};
use crate::S3Fault;

/// Where a request states the hash of its body.
const CONTENT_HASH: &str = "x-amz-content-sha256";

/// The service of signatures whose refusals have a form of their own.
const S3: &str = "s3";

/// The request that a service was sent, as one that was received here.
pub(super) struct Original {
    pub(super) received: Received,
    payload_hash: Option<[u8; 32]>,
    /// The service that it says to be signed for.
    signing_name: Option<String>,
    has_token: bool,
}

impl Original {
    /// The request, under the id of the call in which the service tells of it.
    pub(super) fn of(
        request: OriginalRequest,
        service: &Service,
        id: RequestId,
        at: Timestamp,
    ) -> Self {
        let OriginalRequest { method, uri, headers, payload_hash, source_ip, secure_transport } =
            request;
        let received = Received {
            id,
            at,
            // SECURITY: what is wrong with it counts for the address that it came from, as this service
            // tells it: the service stands between, and must not pay for its clients; and what it
            // tells of an address locks nobody out who comes another way.
            source_ip,
            source_is_shared: false,
            told_by: Some(service.id),
            secure_transport,
            method,
            uri,
            headers,
            body: bytes::Bytes::new(),
        };
        let pairs: Vec<(&str, &[u8])> = received
            .headers
            .iter()
            .map(|(name, value)| (name.as_str(), value.as_bytes()))
            .collect();
        let request = Request {
            method: received.method.as_str(),
            path: received.uri.path(),
            query: received.uri.query().unwrap_or_default(),
            headers: &pairs,
        };
        // What cannot be read is refused where it is proven.
        let presented = presented(&request).ok().flatten();
        let signing_name = presented.as_ref().map(|signed| signed.scope().service().to_owned());
        let has_token = presented.as_ref().is_some_and(|signed| signed.session_token().is_some());
        drop(pairs);
        Self { received, payload_hash, signing_name, has_token }
    }

    /// Proves who made the request, for a service that may ask.
    ///
    /// SECURITY: who is of no account of the service is answered as somebody who does not exist, and
    /// nothing is told of them.
    ///
    /// # Errors
    /// What the caller is refused with; what is our own fault is for the service instead.
    pub(super) async fn prove<'a>(
        &'a self,
        app: &'a App,
        service: &Service,
    ) -> Result<Proven<'a>, Fault> {
        let name = self.signing_name_of(service);
        if !is_for_host(&service.hosts, &self.received.headers, name) {
            let text = "The request was made for another host than those of the service.";
            let fault = Fault::new(Code::AccessDenied, text)
                .because(format!("not a host that `{}` is registered for", service.name));
            app.log_refusal(&self.received, &fault);
            return Err(fault);
        }
        let signed_for = SignedService { name, normalize_path: normalizes_path(name) };
        let hash = self.payload_hash.or_else(|| self.hash_of_nothing());
        let proven = app.prove_with_hash(&self.received, signed_for, hash.as_ref()).await?;
        if !proven.account().is_some_and(|account| service.accounts.contains(&account)) {
            let text = "The security token included in the request is invalid.";
            let fault = Fault::new(Code::InvalidClientTokenId, text).because(format!(
                "of no account that the service `{}` is registered for",
                service.name
            ));
            app.log_refusal(&self.received, &fault);
            return Err(fault);
        }
        proven.note_use();
        Ok(proven)
    }

    /// The hash of no body, for a request of which nobody says what its body is: whoever signed one
    /// with a body signed another hash.
    fn hash_of_nothing(&self) -> Option<[u8; 32]> {
        let query = self.received.uri.query().unwrap_or_default().to_ascii_lowercase();
        let is_stated =
            self.received.headers.contains_key(CONTENT_HASH) || query.contains(CONTENT_HASH);
        (!is_stated).then(|| sha256(b""))
    }

    /// The service that the request must be signed for: the one that it says, if that is one of the
    /// registration, and else the first of these, which it is then not signed for.
    fn signing_name_of<'s>(&self, service: &'s Service) -> &'s str {
        let names = || service.signing_names.iter().map(|name| name.as_str());
        let said = names().find(|name| self.signing_name.as_deref() == Some(*name));
        said.or_else(|| names().next()).unwrap_or_default()
    }

    /// Whether refusals are to be in S3's codes and words.
    pub(super) fn is_of_s3(&self, service: &Service) -> bool {
        self.signing_name_of(service) == S3
    }

    /// A refusal in S3's form.
    pub(super) fn in_s3(&self, fault: &Fault) -> S3Fault {
        let is_presigned = !self.received.headers.contains_key(AUTHORIZATION);
        S3Fault::of_proof(fault, self.has_token, is_presigned)
    }

    /// A refusal as the service is to hand it on.
    pub(super) fn refused(&self, service: &Service, fault: &Fault) -> RefusedDocument {
        if self.is_of_s3(service) {
            let fault = self.in_s3(fault);
            return RefusedDocument {
                code: fault.code().as_str().to_owned(),
                message: fault.message().to_owned(),
                status: fault.code().status(),
            };
        }
        RefusedDocument {
            code: fault.code().as_str().to_owned(),
            message: fault.message().to_owned(),
            status: status_of(fault.code()),
        }
    }
}
