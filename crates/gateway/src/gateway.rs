//! The S3 authorising proxy.
//!
//! Every request takes one straight way: its head is read, its caller is proven, it is told which
//! operation it is and what that needs, the policy engine decides, and only then the body is asked
//! for. What may be is answered here or signed anew and passed on; bodies stream both ways. What came
//! of it is recorded and counted when the reply is over.

use std::error::Error;
use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daypass_api::{App, Received};
use daypass_names::AccountId;
use http::header::EXPECT;
use http::{Request, Response};
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

use crate::backend::{Backend, BackendFault, BackendRequest, BackendSettings};
use crate::chunk_memory::{ChunkMemory, ChunkRoom};
use crate::client_body::discard;
use crate::cors::CorsRules;
use crate::flow::Call;
use crate::shares::{Share, Shares, TURN_TIMEOUT, turn};
use crate::{BackendUrlFault, DataEvents, Domains, ReplyBody, S3Code, S3Fault};

/// Most requests under way at a time, from their head to the end of their reply.
const REQUESTS_MAX: usize = 4096;
/// Most requests under way that have bodies which stream to the backend. What their signed chunks take
/// is bounded by [`GatewaySettings::chunk_memory_mib`].
const UPLOADS_MAX: usize = 256;
/// Most of them of one account: of the requests half of what the backend gets at a time.
const REQUESTS_OF_ACCOUNT: usize = 512;
const UPLOADS_OF_ACCOUNT: usize = 64;

/// What an operator settles about the gateway.
#[derive(Debug)]
pub struct GatewaySettings {
    /// Below which host names the first label is a bucket.
    pub domains: Domains,
    /// The S3 server behind it.
    pub backend: BackendSettings,
    /// Whether that keeps keys byte for byte, also those with empty segments.
    pub exact_keys: bool,
    /// Whether a bucket policy can let in who signs nothing.
    pub anonymous: bool,
    /// Which requests to objects are recorded.
    pub data_events: DataEvents,
    /// The Region that buckets are in.
    pub region: String,
    /// How many mebibytes signed chunks may take until they are verified, those of all uploads.
    pub chunk_memory_mib: u32,
    /// Whether what is recorded is durable before the reply, whatever it is.
    pub strict_audit: bool,
}

/// Where a request came from.
#[derive(Clone, Copy, Debug)]
pub struct Origin {
    /// The client's address.
    pub address: IpAddr,
    /// Whether many clients may come from that address.
    pub is_shared: bool,
    /// Whether it came over TLS.
    pub tls: bool,
}

/// Who counts what the gateway answers. All texts are of closed sets.
pub trait Observe: fmt::Debug + Send + Sync {
    /// A request has begun.
    fn begun(&self);
    /// Its reply is over.
    fn ended(&self, answered: &Answered);
}

/// A request whose reply is over.
#[derive(Clone, Copy, Debug)]
pub struct Answered {
    /// The operation, or `none`.
    pub operation: &'static str,
    /// `ok`, a code of S3, or what the backend made of it: `backend_refused`, `backend_failed`, `cut`.
    pub outcome: &'static str,
    /// From the head of the request to the end of the reply.
    pub duration: Duration,
    /// Bytes of the request's body, as they were passed on.
    pub bytes_in: u64,
    /// Bytes of the reply's body.
    pub bytes_out: u64,
}

/// The gateway.
#[derive(Debug)]
pub struct Gateway {
    pub(crate) app: Arc<App>,
    pub(crate) settings: GatewaySettings,
    pub(crate) backend: Backend,
    pub(crate) observer: Arc<dyn Observe>,
    requests: Arc<Semaphore>,
    uploads: Arc<Semaphore>,
    shares_of_requests: Arc<Shares>,
    shares_of_uploads: Arc<Shares>,
    chunk_memory: ChunkMemory,
    pub(crate) cors: CorsRules,
}

impl Gateway {
    /// A gateway of a deployment.
    ///
    /// # Errors
    /// [`BackendUrlFault`], when the backend's origin is of no use.
    pub fn new(
        app: Arc<App>,
        settings: GatewaySettings,
        observer: Arc<dyn Observe>,
    ) -> Result<Self, BackendUrlFault> {
        let backend = Backend::new(settings.backend.clone())?;
        let requests = Arc::new(Semaphore::new(REQUESTS_MAX));
        let uploads = Arc::new(Semaphore::new(UPLOADS_MAX));
        let chunk_memory = ChunkMemory::new(settings.chunk_memory_mib);
        Ok(Self {
            app,
            settings,
            backend,
            observer,
            requests,
            uploads,
            shares_of_requests: Shares::new(REQUESTS_OF_ACCOUNT),
            shares_of_uploads: Shares::new(UPLOADS_OF_ACCOUNT),
            chunk_memory,
            cors: CorsRules::default(),
        })
    }

    /// Answers a request. Dropping the future, or the reply, ends what is under way at the backend, but
    /// for operations that the gateway answers itself and that change something: these are carried
    /// through.
    pub async fn answer<B>(
        self: &Arc<Self>,
        origin: Origin,
        request: Request<B>,
    ) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        let begun = Instant::now();
        let (head, body) = request.into_parts();
        let received = Received {
            id: self.app.request_id(),
            at: self.app.clock().now(),
            source_ip: origin.address,
            source_is_shared: origin.is_shared,
            told_by: None,
            secure_transport: origin.tls,
            method: head.method,
            uri: head.uri,
            headers: head.headers,
            body: Bytes::new(),
        };
        let place = turn(&self.requests).await;
        Call::new(Arc::clone(self), received, begun, place).answer(body).await
    }

    /// The answer to a request whose origin a trusted proxy tells in a way that cannot be read.
    pub fn refuse_origin<B>(
        self: &Arc<Self>,
        request: Request<B>,
        cause: String,
    ) -> Response<ReplyBody>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Who waits for status 100 sends nothing without it.
        let awaits_continue = request.headers().contains_key(EXPECT);
        if !awaits_continue {
            discard(request.into_body());
        }
        let fault = S3Fault::new(S3Code::BadRequest).because(cause);
        let refusal = crate::reply::refusal(&self.app.request_id(), None, &fault, false);
        crate::flow::ending(refusal, awaits_continue)
    }

    /// Asks the backend whether it answers, and takes the credentials.
    ///
    /// # Errors
    /// What is wrong, for the log.
    pub async fn probe(&self) -> Result<(), String> {
        let request = BackendRequest::bare(http::Method::GET, "/".to_owned(), String::new());
        let reply = self.backend.send(request, self.app.clock().now()).await;
        let mut reply = reply.map_err(|fault| fault.to_string())?;
        let status = reply.status;
        if status.is_success() {
            return Ok(());
        }
        let code = match reply.body.whole(crate::backend_error::ERROR_MAX).await {
            Ok(body) => crate::backend_error::code_of(&body),
            Err(_) => None,
        };
        let code = code.unwrap_or_default();
        Err(format!("it answers a list of its buckets with status {status} {code}"))
    }

    /// How many requests are under way.
    pub fn under_way(&self) -> usize {
        REQUESTS_MAX.saturating_sub(self.requests.available_permits())
    }

    /// Waits until no request is under way. None begins after that.
    pub async fn settled(&self) {
        let all = u32::try_from(REQUESTS_MAX).unwrap_or(u32::MAX);
        // INVARIANT: the semaphore is never closed.
        if let Ok(all) = self.requests.acquire_many(all).await {
            all.forget();
        }
    }

    /// One more request of an account.
    pub(crate) fn share_of_request(&self, of: Option<AccountId>) -> Result<Share, S3Fault> {
        self.shares_of_requests.take(of).ok_or_else(|| {
            let cause = "the account has its share of requests under way";
            S3Fault::new(S3Code::SlowDown).because(cause)
        })
    }

    /// Waits until there is room for one more upload of an account.
    pub(crate) async fn place_of_upload(
        &self,
        of: Option<AccountId>,
    ) -> Result<(OwnedSemaphorePermit, Share), S3Fault> {
        let busy = |cause| S3Fault::new(S3Code::SlowDown).because(cause);
        let share = self.shares_of_uploads.take(of);
        let share = share.ok_or_else(|| busy("the account has its share of uploads under way"))?;
        let place = turn(&self.uploads).await;
        Ok((place.ok_or_else(|| busy("too many uploads are under way"))?, share))
    }

    /// Room for the signed chunks of one upload of an account.
    pub(crate) fn chunk_room(&self, of: Option<AccountId>) -> ChunkRoom {
        self.chunk_memory.room(of, TURN_TIMEOUT)
    }
}

impl From<BackendFault> for S3Fault {
    fn from(fault: BackendFault) -> Self {
        let code = match fault {
            BackendFault::Unreachable(_) => S3Code::ServiceUnavailable,
            BackendFault::TooSlow => S3Code::GatewayTimeout,
            BackendFault::Closed | BackendFault::Nonsense(_) => S3Code::BadGateway,
            BackendFault::Busy => S3Code::SlowDown,
            BackendFault::Upload | BackendFault::Internal(_) => S3Code::InternalError,
        };
        Self::new(code).because(fault.to_string())
    }
}
