//! The body of a reply to a client: what is here, or what the backend is still sending.

use std::fmt;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::Full;
use hyper::body::{Body, Frame, SizeHint};
use thiserror::Error;
use tokio::time::sleep;

use crate::backend::{BackendBody, BackendFault};
use crate::finish::Finish;
use crate::rewrite::Rewriter;

/// From which length on a reply is watched for a client that does not read it. Less than that is in
/// the buffers of the connection in any case.
const WATCHED: u64 = 64 << 10;

/// The body of a reply.
#[derive(Debug)]
pub struct ReplyBody(Kind);

#[derive(Debug)]
enum Kind {
    Whole(Full<Bytes>),
    Relayed(Box<Relayed>),
}

/// A body of the backend, and what is to be done when it has ended.
#[derive(Debug)]
struct Relayed {
    body: BackendBody,
    beat: Option<Arc<Beat>>,
    finish: Option<Finish>,
    /// Until the body has ended.
    rewriter: Option<Box<Rewriter>>,
}

/// The backend did not send a body to its end. The connection to the client ends with it, without
/// what would make the reply look whole.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct RelayFault(BackendFault);

impl ReplyBody {
    /// A body that is here.
    pub(crate) fn whole(bytes: impl Into<Bytes>) -> Self {
        Self(Kind::Whole(Full::new(bytes.into())))
    }

    /// A body of the backend. `finish` is told how many bytes went to the client, also when that
    /// hangs up. Who watches the result knows when the client does not read.
    /// What `rewriter` replaces is replaced.
    pub(crate) fn relayed(
        body: BackendBody,
        finish: Finish,
        rewriter: Option<Rewriter>,
    ) -> (Self, Option<Unread>) {
        let is_long = body.size_hint().upper().is_none_or(|length| length >= WATCHED);
        let beat = is_long.then(Arc::<Beat>::default);
        let unread = beat.as_ref().map(|beat| Unread(Arc::downgrade(beat)));
        let (finish, rewriter) = (Some(finish), rewriter.map(Box::new));
        let relayed = Relayed { body, beat, finish, rewriter };
        (Self(Kind::Relayed(Box::new(relayed))), unread)
    }
}

impl Body for ReplyBody {
    type Data = Bytes;
    type Error = RelayFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, RelayFault>>> {
        let relayed = match &mut self.0 {
            Kind::Whole(full) => {
                return Pin::new(full)
                    .poll_frame(context)
                    .map(|polled| polled.map(|frame| frame.map_err(|never| match never {})));
            }
            Kind::Relayed(relayed) => relayed,
        };
        let polled = relayed.poll_rewritten(context);
        if let Some(beat) = &relayed.beat {
            beat.polled(polled.is_pending());
        }
        match polled {
            Poll::Pending => Poll::Pending,
            Poll::Ready(Some(Ok(frame))) => {
                if let (Some(finish), Some(data)) = (&mut relayed.finish, frame.data_ref()) {
                    finish.sent(data.len());
                }
                Poll::Ready(Some(Ok(frame)))
            }
            Poll::Ready(Some(Err(fault))) => {
                if let Some(finish) = &mut relayed.finish {
                    finish.cut(&fault);
                }
                Poll::Ready(Some(Err(RelayFault(fault))))
            }
            Poll::Ready(None) => {
                relayed.finish = None;
                Poll::Ready(None)
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(full) => full.is_end_stream(),
            Kind::Relayed(relayed) => relayed.rewriter.is_none() && relayed.body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(full) => full.size_hint(),
            // How much there will be is not known before it was written anew.
            Kind::Relayed(relayed) if relayed.rewriter.is_some() => SizeHint::default(),
            Kind::Relayed(relayed) => relayed.body.size_hint(),
        }
    }
}

impl Relayed {
    /// The next of the body, with what is to be replaced replaced.
    fn poll_rewritten(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendFault>>> {
        loop {
            let polled = Pin::new(&mut self.body).poll_frame(context);
            let Some(rewriter) = &mut self.rewriter else { return polled };
            let piece = match polled {
                Poll::Ready(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => rewriter.push(&data),
                    // Trailers, which S3 has none of.
                    Err(_) => continue,
                },
                Poll::Ready(None) => match self.rewriter.take() {
                    Some(rewriter) => rewriter.finish(),
                    None => Bytes::new(),
                },
                other => return other,
            };
            if !piece.is_empty() {
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
        }
    }
}

/// How a reply is read.
#[derive(Debug, Default)]
struct Beat {
    /// How often more of it was asked for.
    asked: AtomicU64,
    /// Whether it is the backend that is waited for.
    waits: AtomicBool,
}

impl Beat {
    fn polled(&self, waits: bool) {
        self.asked.fetch_add(1, Ordering::Relaxed);
        self.waits.store(waits, Ordering::Relaxed);
    }
}

/// In the extensions of a reply: by which to find out that the client does not read it.
#[derive(Clone)]
pub struct Unread(Weak<Beat>);

impl Unread {
    /// Ends with true when for `period` the client took nothing that was there for it; with false
    /// when the reply is over.
    pub async fn stalls_for(self, period: Duration) -> bool {
        let mut seen = None;
        loop {
            sleep(period).await;
            let Some(beat) = self.0.upgrade() else { return false };
            let asked = beat.asked.load(Ordering::Relaxed);
            if seen == Some(asked) && !beat.waits.load(Ordering::Relaxed) {
                return true;
            }
            seen = Some(asked);
        }
    }
}

impl fmt::Debug for Unread {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Unread")
    }
}
