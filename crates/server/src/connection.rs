//! One connection from its first byte to its last, over plain TCP or TLS, HTTP/1.1 (RFC 9112) or
//! HTTP/2 (RFC 9113).
//!
//! A connection is always in one of three phases, each with its own patience: a head is awaited,
//! a request is being answered (the edge bounds that), or nothing is happening. What overstays
//! its phase is closed, and so is a connection whose client does not read a reply that holds room
//! which others wait for. Heads over 64 KiB are answered with status 431 by the HTTP library.

use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use daypass_api::Unsent;
use daypass_gateway::Unread;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::sync::{Notify, watch};
use tokio::time::timeout;

use crate::http_service::HttpService;
use crate::patience::{Patience, Phase, Phases};
use crate::proxies::Origin;

/// Largest head of a request, start line included, in bytes.
const HEAD_MAX: u32 = 64 << 10;
/// Most header fields of a request.
const FIELDS_MAX: usize = 256;
/// How long what is under way may take once the connection is to end.
const LAST_WORDS: Duration = Duration::from_secs(10);
/// How long a client may take to read a reply that holds room.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// Most requests at a time on one HTTP/2 connection. Each holds a head of up to 64 KiB and a small
/// body of up to 16 KiB, and all together what their window lets in before it is read: 2.25 MiB a
/// connection at the worst, 2.25 GiB for the connections of one address and 9 GiB for all. A reply that
/// nobody reads takes the place of its request, and has up to 128 KiB without room of its own. Over
/// HTTP/1.1 the HTTP library reads up to 408 KiB ahead, which makes 424 KiB a connection with the
/// small body: 424 MiB for one address and 1.7 GiB for all. Large bodies come on top, within their
/// own limit.
const STREAMS_MAX: u32 = 16;
/// How much an HTTP/2 client may send before it is read, on a stream and on all of them.
const STREAM_WINDOW: u32 = 256 << 10;
const CONNECTION_WINDOW: u32 = 1 << 20;

/// What a connection speaks.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Serves a connection until it ends. `stop` turning true lets it finish what is under way.
pub(crate) async fn serve<H: HttpService, S>(
    stream: S,
    protocol: Protocol,
    peer: Origin,
    service: Arc<H>,
    stop: watch::Receiver<bool>,
) where
    S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
{
    let phases = Arc::new(Phases::new(match protocol {
        Protocol::Http1 => Phase::Head,
        // The preface and settings come first; requests may be long in coming.
        Protocol::Http2 => Phase::Idle,
    }));
    let cut = Arc::new(Cut::default());
    let service = service_fn({
        let (phases, cut) = (Arc::clone(&phases), Arc::clone(&cut));
        move |request: hyper::Request<Incoming>| {
            let (service, cut) = (Arc::clone(&service), Arc::clone(&cut));
            let busy = Busy::begin(&phases);
            async move {
                let mut response = service.answer(peer, request).await;
                if let Some(unsent) = response.extensions_mut().remove() {
                    Arc::clone(&cut).unless_sent(unsent);
                }
                if let Some(unread) = response.extensions_mut().remove() {
                    cut.unless_read(unread);
                }
                let busy = H::STREAMS.then_some(busy);
                Ok::<_, Infallible>(response.map(|body| Sent { body, _busy: busy }))
            }
        }
    });
    match protocol {
        Protocol::Http1 => {
            let stream = TokioIo::new(Heard { stream, phases: Arc::clone(&phases) });
            let connection = http1::Builder::new()
                .timer(TokioTimer::new())
                // The phases do it, which know an idle connection from a slow head.
                .header_read_timeout(None)
                .max_header_size(HEAD_MAX as usize)
                .max_headers(FIELDS_MAX)
                .serve_connection(stream, service);
            drive(connection, http1::Connection::graceful_shutdown, &phases, &cut, stop).await;
        }
        Protocol::Http2 => {
            let connection = http2::Builder::new(TokioExecutor::new())
                .timer(TokioTimer::new())
                .max_header_list_size(HEAD_MAX)
                .max_concurrent_streams(STREAMS_MAX)
                .initial_stream_window_size(STREAM_WINDOW)
                .initial_connection_window_size(CONNECTION_WINDOW)
                .serve_connection(TokioIo::new(stream), service);
            drive(connection, http2::Connection::graceful_shutdown, &phases, &cut, stop).await;
        }
    }
}

/// Runs the connection, ends it when a phase has lasted too long or when told to stop.
async fn drive<C>(
    connection: C,
    finish: fn(Pin<&mut C>),
    phases: &Phases,
    cut: &Cut,
    stop: watch::Receiver<bool>,
) where
    C: Future<Output = hyper::Result<()>>,
{
    let mut connection = pin!(connection);
    let mut patience = Patience::new(phases);
    let told = stop.clone();
    // Unconstrained: told to come back later for the sake of other tasks, it would be registered
    // nowhere.
    let mut stopped = pin!(tokio::task::coop::unconstrained(stopped(stop)));
    let mut due = pin!(tokio::task::coop::unconstrained(cut.told.notified()));
    let mut woken_by: Option<Waker> = None;
    let ended = poll_fn(|context| {
        if let Poll::Ready(ended) = connection.as_mut().poll(context) {
            return Poll::Ready(End::Over(ended));
        }
        // Waiting for a channel takes a lock that all connections share: once is enough.
        let waits = woken_by.as_ref().is_some_and(|waker| waker.will_wake(context.waker()));
        if !waits || told.has_changed().unwrap_or(true) || cut.is_due() {
            woken_by = Some(context.waker().clone());
            if due.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::Cut);
            }
            if stopped.as_mut().poll(context).is_ready() {
                return Poll::Ready(End::Finish);
            }
        }
        patience.poll(phases, context).map(|()| End::Finish)
    });
    match ended.await {
        End::Over(ended) => return log_end(ended),
        // At once: what is not read would not be read while it finishes.
        End::Cut => {
            tracing::debug!("connection cut: a reply was not read in time");
            return;
        }
        End::Finish => {}
    }
    finish(connection.as_mut());
    if let Ok(ended) = timeout(LAST_WORDS, connection).await {
        log_end(ended);
    }
}

/// Waits until the server is to stop, or nobody is left to say so.
async fn stopped(mut stop: watch::Receiver<bool>) {
    let _ = stop.wait_for(|stop| *stop).await;
}

fn log_end(ended: hyper::Result<()>) {
    if let Err(error) = ended {
        // The peer's doing: it went away, or does not speak HTTP.
        tracing::debug!(%error, "connection ended");
    }
}

/// How driving a connection ends.
enum End {
    /// It is over.
    Over(hyper::Result<()>),
    /// It is to finish what is under way.
    Finish,
    /// It is to be cut off.
    Cut,
}

/// Whether a connection is to be cut off.
#[derive(Debug, Default)]
struct Cut {
    is_due: AtomicBool,
    told: Notify,
}

impl Cut {
    fn is_due(&self) -> bool {
        self.is_due.load(Ordering::Acquire)
    }

    /// Cuts the connection off when its client does not read a reply that streams.
    fn unless_read(self: Arc<Self>, reply: Unread) {
        tokio::spawn(async move {
            if reply.stalls_for(SEND_TIMEOUT).await {
                self.is_due.store(true, Ordering::Release);
                self.told.notify_one();
            }
        });
    }

    /// Cuts the connection off unless a reply that begins now is sent in time.
    fn unless_sent(self: Arc<Self>, reply: Unsent) {
        tokio::spawn(async move {
            if timeout(SEND_TIMEOUT, reply.sent()).await.is_err() {
                self.is_due.store(true, Ordering::Release);
                self.told.notify_one();
            }
        });
    }
}

/// Keeps a connection in the phase [`Phase::Busy`] while it lives, also when the request is
/// dropped before its end.
struct Busy(Arc<Phases>);

impl Busy {
    fn begin(phases: &Arc<Phases>) -> Self {
        phases.shift(|phase| match phase {
            // INVARIANT: there are at most [`STREAMS_MAX`] at a time.
            Phase::Busy(count) => Some(Phase::Busy(count.saturating_add(1))),
            Phase::Head | Phase::Idle => Some(Phase::Busy(1)),
        });
        Self(Arc::clone(phases))
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.shift(|phase| match phase {
            Phase::Busy(count) if count > 1 => Some(Phase::Busy(count.saturating_sub(1))),
            _ => Some(Phase::Idle),
        });
    }
}

/// The body of a reply, and what keeps its connection busy while it is sent, if anything does.
struct Sent<B> {
    body: B,
    _busy: Option<Busy>,
}

impl<B: Body + Unpin> Body for Sent<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// A stream that notices the first byte of the next head.
struct Heard<S> {
    stream: S,
    phases: Arc<Phases>,
}

impl<S: AsyncRead + Unpin> AsyncRead for Heard<S> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(context, buffer);
        if buffer.filled().len() > before {
            self.phases.shift(|phase| (phase == Phase::Idle).then_some(Phase::Head));
        }
        read
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for Heard<S> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(context, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(context)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(context)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(context, parts)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
}

#[cfg(test)]
#[path = "connection_tests.rs"]
mod tests;
