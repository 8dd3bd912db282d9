//! What answers on the ports beside plain HTTP: on the main one STS, IAM and the authorise call, on
//! one of its own the proxies that ask before they let a request through.

use std::sync::Arc;

use bytes::Bytes;
use daypass_api::{Allowance, App, Fault, Received, RequestId};
use daypass_gateway::{AuthoriseCall, ForwardAuth, ToldOrigin};
use http::Response;
use jiff::Timestamp;

use crate::edge::Answer;
use crate::proxies::Proxies;

/// STS, IAM, and the authorise call under its path.
#[derive(Debug)]
pub(crate) struct MainPort {
    app: Arc<App>,
    authorise: AuthoriseCall,
}

impl MainPort {
    pub(crate) fn new(app: Arc<App>) -> Self {
        Self { authorise: AuthoriseCall::new(Arc::clone(&app)), app }
    }
}

impl Answer for MainPort {
    fn request_id(&self) -> RequestId {
        self.app.request_id()
    }

    fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    async fn handle(&self, received: Received) -> Response<Bytes> {
        // The Query services live at the root, so that no request of theirs has this path.
        match received.uri.path() == AuthoriseCall::PATH {
            // On the heap: other requests are not to carry the room that this takes.
            true => Box::pin(self.authorise.answer(&received)).await,
            false => self.app.handle(received).await,
        }
    }

    fn allowance(&self, received: &Received) -> impl Future<Output = Allowance> + Send {
        self.app.allowance(received)
    }

    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        self.app.refuse(id, fault)
    }
}

/// The proxies that ask.
#[derive(Debug)]
pub(crate) struct ForwardPort {
    app: Arc<App>,
    forward: ForwardAuth,
    /// Those that may stand between the client and the proxy that asks.
    proxies: Proxies,
}

impl ForwardPort {
    pub(crate) fn new(app: Arc<App>, forward: ForwardAuth, proxies: Proxies) -> Self {
        Self { app, forward, proxies }
    }
}

impl Answer for ForwardPort {
    fn request_id(&self) -> RequestId {
        self.app.request_id()
    }

    fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    async fn handle(&self, received: Received) -> Response<Bytes> {
        let told = self
            .proxies
            .told(&received.headers)
            .map(|origin| ToldOrigin { address: origin.address, tls: origin.tls });
        self.forward.answer(received, told.map_err(|fault| fault.to_string())).await
    }

    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        self.app.refuse(id, fault)
    }
}

#[cfg(test)]
mod tests {
    use daypass_gateway::AuthoriseCall;

    /// Clients of STS and IAM send everything to the root.
    #[test]
    fn the_path_of_the_authorise_call_is_none_of_the_query_services() {
        assert_ne!(AuthoriseCall::PATH, "/");
        assert_ne!(AuthoriseCall::PATH, "/healthz");
    }
}
