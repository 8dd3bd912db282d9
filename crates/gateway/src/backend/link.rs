//! One connection to the backend, driven by whoever uses it.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use tokio::time::Instant;

use super::BackendFault;
use super::connect::Stream;
use super::sent::SentBody;
use crate::patience::Alarm;

/// Largest head of a reply, in bytes, and most fields of it.
const HEAD_MAX: usize = 64 << 10;
const FIELDS_MAX: usize = 256;

/// A connection.
pub(super) struct Link {
    sender: http1::SendRequest<SentBody>,
    connection: Pin<Box<http1::Connection<TokioIo<Stream>, SentBody>>>,
    /// For the head of the reply that is waited for; kept with the connection, since setting a timer up
    /// and taking it down again for each request costs two turns at the lock that all timers share.
    alarm: Alarm,
    /// Since when nobody uses it.
    pub(super) idle_since: Instant,
}

/// How far a body has come that is being sent.
#[derive(Debug, Default)]
pub(crate) struct Progress {
    bytes: AtomicU64,
    proven: AtomicBool,
    waits: AtomicBool,
}

impl Progress {
    /// That many bytes more were handed on.
    pub(crate) fn handed(&self, bytes: usize) {
        self.bytes.fetch_add(u64::try_from(bytes).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    /// How many bytes were handed on.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    /// The body is whole and what it was said to be.
    pub(crate) fn prove(&self) {
        self.proven.store(true, Ordering::Release);
    }

    /// Whether it is.
    pub(crate) fn is_proven(&self) -> bool {
        self.proven.load(Ordering::Acquire)
    }

    /// Whether there is nothing to hand on, because of whoever the body comes from.
    pub(crate) fn wait(&self, waits: bool) {
        self.waits.store(waits, Ordering::Relaxed);
    }
}

/// Since when the backend is waited for: not while a body that is sent waits itself, and anew with
/// each piece of it.
struct Waiting {
    since: Instant,
    progress: Option<Arc<Progress>>,
    bytes: u64,
}

impl Waiting {
    fn new(progress: Option<Arc<Progress>>) -> Self {
        Self { since: Instant::now(), progress, bytes: 0 }
    }

    /// Looks how far the body is now.
    fn look(&mut self) {
        let Some(progress) = &self.progress else { return };
        let bytes = progress.bytes();
        if bytes != self.bytes || progress.waits.load(Ordering::Relaxed) {
            (self.since, self.bytes) = (Instant::now(), bytes);
        }
    }
}

impl Link {
    /// Speaks HTTP/1.1 over a stream.
    pub(super) async fn open(stream: Stream) -> Result<Self, BackendFault> {
        let handshake = http1::Builder::new()
            .max_header_size(HEAD_MAX)
            .max_headers(FIELDS_MAX)
            .handshake(TokioIo::new(stream));
        let (sender, connection) =
            handshake.await.map_err(|error| BackendFault::Unreachable(error.to_string()))?;
        let mut link = Self {
            sender,
            connection: Box::pin(connection),
            alarm: Alarm::default(),
            idle_since: Instant::now(),
        };
        // Until it has been driven once, the connection has not asked for a request.
        match link.look().await {
            true => Ok(link),
            false => Err(BackendFault::Closed),
        }
    }

    /// Does what there is to do on the connection; ready when it has ended.
    pub(super) fn poll_drive(&mut self, context: &mut Context<'_>) -> Poll<hyper::Result<()>> {
        self.connection.as_mut().poll(context)
    }

    /// Whether another request can be sent now. To be asked after the connection was driven.
    pub(super) fn is_ready(&self) -> bool {
        self.sender.is_ready() && !self.sender.is_closed()
    }

    /// Looks whether the connection still stands.
    pub(super) async fn look(&mut self) -> bool {
        let ended = poll_fn(|context| Poll::Ready(self.poll_drive(context).is_ready())).await;
        !ended && self.is_ready()
    }

    /// Sends a request and waits for the head of the reply, `patience` from the last byte of the
    /// request's body on. A backend that takes none of the body has as long; what the body itself is
    /// waited for is bounded by whoever makes it. To be asked for right after [`Link::look`].
    pub(super) async fn exchange(
        &mut self,
        request: Request<SentBody>,
        patience: Duration,
    ) -> Result<Response<Incoming>, BackendFault> {
        let progress = request.body().progress();
        let Self { sender, connection, alarm, .. } = self;
        let mut sending = pin!(sender.send_request(request));
        let mut is_open = true;
        let mut waiting = Waiting::new(progress.clone());
        let exchanged = poll_fn(|context| {
            if let Poll::Ready(sent) = sending.as_mut().poll(context) {
                return Poll::Ready(Ok(sent));
            }
            if is_open && connection.as_mut().poll(context).is_ready() {
                is_open = false;
            }
            if let Poll::Ready(sent) = sending.as_mut().poll(context) {
                return Poll::Ready(Ok(sent));
            }
            // It ended before it took the request, which nobody would ever take out of its queue.
            if !is_open {
                return Poll::Ready(Err(BackendFault::Closed));
            }
            waiting.look();
            alarm.poll(waiting.since + patience, context).map(|()| Err(BackendFault::TooSlow))
        });
        let response = exchanged.await?.map_err(|error| fault(&error))?;
        // SECURITY: a success that is told before the body was proven would stand although the proof
        // fails.
        let is_early = progress.is_some_and(|progress| !progress.is_proven());
        if is_early && response.status().is_success() {
            let cause = "it reports a success before it has the whole body".to_owned();
            return Err(BackendFault::Nonsense(cause));
        }
        Ok(response)
    }
}

fn fault(error: &hyper::Error) -> BackendFault {
    if error.is_user() {
        return BackendFault::Upload;
    }
    if error.is_parse() {
        return BackendFault::Nonsense(error.to_string());
    }
    BackendFault::Closed
}
