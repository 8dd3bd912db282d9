//! A reply of the backend, whose body streams.

use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{HeaderMap, Response, StatusCode};
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use super::link::Link;
use super::pool::Pool;
use super::{BackendFault, ends_by_itself};
use crate::patience::Patience;

/// Head and body of a reply.
pub(crate) struct BackendReply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: BackendBody,
}

/// The body, and the connection that brings it.
pub(crate) struct BackendBody {
    incoming: Incoming,
    /// None once the connection was given back or has ended.
    link: Option<Link>,
    pool: Arc<Pool>,
    /// Given back with the connection.
    turn: Option<OwnedSemaphorePermit>,
    patience: Patience,
    ended: bool,
}

impl BackendReply {
    /// A reply whose body may rest for so long.
    pub(super) async fn new(
        response: Response<Incoming>,
        link: Link,
        (pool, turn): (Arc<Pool>, OwnedSemaphorePermit),
        is_head: bool,
        rest: Duration,
    ) -> Result<Self, BackendFault> {
        let (head, incoming) = response.into_parts();
        if !ends_by_itself(head.status, &head.headers, is_head) {
            let cause = "it does not say where its body ends".to_owned();
            return Err(BackendFault::Nonsense(cause));
        }
        let patience = Patience::new(rest);
        let (link, turn) = (Some(link), Some(turn));
        let mut body = BackendBody { incoming, link, pool, turn, patience, ended: false };
        body.release_if_ended().await;
        Ok(Self { status: head.status, headers: head.headers, body })
    }
}

impl BackendBody {
    /// Waits longer for the backend within this body.
    pub(crate) fn rest_for(&mut self, timeout: Duration) {
        self.patience = Patience::new(timeout);
    }

    /// Gives the connection back where there is no body, whose end nobody asks for.
    async fn release_if_ended(&mut self) {
        if self.incoming.is_end_stream() {
            poll_fn(|context| {
                self.finish(context);
                Poll::Ready(())
            })
            .await;
        }
    }

    /// All of the body, of at most `limit` bytes.
    pub(crate) async fn whole(&mut self, limit: usize) -> Result<Bytes, BackendFault> {
        let mut all = BytesMut::new();
        loop {
            let frame = poll_fn(|context| pin!(&mut *self).poll_frame(context)).await;
            match frame {
                None => return Ok(all.freeze()),
                Some(Err(fault)) => return Err(fault),
                Some(Ok(frame)) => {
                    let Ok(data) = frame.into_data() else { continue };
                    if all.len().saturating_add(data.len()) > limit {
                        let cause = format!("its body has more than {limit} bytes");
                        return Err(BackendFault::Nonsense(cause));
                    }
                    all.extend_from_slice(&data);
                }
            }
        }
    }

    /// The body is over: the connection may serve another request.
    fn finish(&mut self, context: &mut Context<'_>) {
        self.ended = true;
        if let Some(mut link) = self.link.take()
            && link.poll_drive(context).is_pending()
            && link.is_ready()
        {
            self.pool.keep(link);
        }
        self.turn = None;
    }

    fn fail(&mut self, fault: BackendFault) -> Poll<Option<Result<Frame<Bytes>, BackendFault>>> {
        self.ended = true;
        self.link = None;
        self.turn = None;
        Poll::Ready(Some(Err(fault)))
    }
}

impl Body for BackendBody {
    type Data = Bytes;
    type Error = BackendFault;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, BackendFault>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        loop {
            let mut polled = Pin::new(&mut self.incoming).poll_frame(context);
            if polled.is_pending() {
                let ended = match &mut self.link {
                    Some(link) => link.poll_drive(context).is_ready(),
                    None => false,
                };
                if ended {
                    self.link = None;
                }
                polled = Pin::new(&mut self.incoming).poll_frame(context);
            }
            match polled {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailer fields mean nothing in S3.
                    let Some(data) = frame.data_ref() else { continue };
                    let length = data.len();
                    self.patience.came(length);
                    if self.incoming.is_end_stream() {
                        self.finish(context);
                    }
                    return Poll::Ready(Some(Ok(frame)));
                }
                Poll::Ready(Some(Err(error))) => {
                    return self.fail(BackendFault::Nonsense(error.to_string()));
                }
                Poll::Ready(None) => {
                    self.finish(context);
                    return Poll::Ready(None);
                }
                Poll::Pending => {
                    return match self.patience.poll_spent(context) {
                        Poll::Ready(()) => self.fail(BackendFault::TooSlow),
                        Poll::Pending => Poll::Pending,
                    };
                }
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.ended || self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl std::fmt::Debug for BackendBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendBody").field("ended", &self.ended).finish_non_exhaustive()
    }
}

impl std::fmt::Debug for BackendReply {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BackendReply").field("status", &self.status).finish_non_exhaustive()
    }
}
