//! What answers on the main port: STS, IAM and the authorise call.

use std::sync::Arc;

use bytes::Bytes;
use daypass_api::{Allowance, App, Fault, Received, RequestId};
use daypass_gateway::AuthoriseCall;
use http::Response;
use jiff::Timestamp;

use crate::edge::Answer;
use crate::proxies::Origin;

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

    async fn handle(&self, received: Received, _: Origin) -> Response<Bytes> {
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
