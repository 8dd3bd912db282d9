//! What the server has seen: counted on the way, and kept for whoever asks.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::Request;
use hyper::body::{Body, Frame, SizeHint};

use crate::Behaviour;

/// How many heads are kept: the last ones.
const KEPT: usize = 4096;

/// A request as it reached the server.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The method.
    pub method: String,
    /// Path and query, byte by byte as they came.
    pub target: String,
    /// The names of the header fields in lower case, each as often as it came.
    pub headers: Vec<String>,
    /// How many bytes of the body have come.
    pub received: u64,
    /// Whether the body came to its end.
    pub is_whole: bool,
}

/// What the server is told, and what it has counted.
#[derive(Debug)]
pub(crate) struct Watch {
    behaviour: Mutex<Behaviour>,
    requests: AtomicU64,
    received: AtomicU64,
    sent: AtomicU64,
    log: Mutex<VecDeque<Arc<Record>>>,
}

impl Watch {
    pub(crate) fn new() -> Self {
        Self {
            behaviour: Mutex::new(Behaviour::Serve),
            requests: AtomicU64::new(0),
            received: AtomicU64::new(0),
            sent: AtomicU64::new(0),
            log: Mutex::new(VecDeque::new()),
        }
    }

    pub(crate) fn behaviour(&self) -> Behaviour {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn behave(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap_or_else(PoisonError::into_inner) = behaviour;
    }

    pub(crate) fn requests(&self) -> u64 {
        self.requests.load(Ordering::SeqCst)
    }

    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::SeqCst)
    }

    pub(crate) fn seen(&self) -> Vec<Seen> {
        let log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        log.iter().map(|record| record.seen()).collect()
    }

    pub(crate) fn forget(&self) {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    /// Notes a head, before anything is done with it.
    pub(crate) fn note<B>(&self, request: &Request<B>) -> Arc<Record> {
        self.requests.fetch_add(1, Ordering::SeqCst);
        let target = request.uri().path_and_query().map_or("", |target| target.as_str());
        let record = Arc::new(Record {
            method: request.method().to_string(),
            target: target.to_owned(),
            headers: request.headers().iter().map(|(name, _)| name.to_string()).collect(),
            received: AtomicU64::new(0),
            is_whole: AtomicBool::new(false),
        });
        let mut log = self.log.lock().unwrap_or_else(PoisonError::into_inner);
        if log.len() == KEPT {
            log.pop_front();
        }
        log.push_back(Arc::clone(&record));
        record
    }
}

/// A request that may be under way still.
#[derive(Debug)]
pub(crate) struct Record {
    method: String,
    target: String,
    headers: Vec<String>,
    received: AtomicU64,
    is_whole: AtomicBool,
}

impl Record {
    pub(crate) fn received(&self) -> u64 {
        self.received.load(Ordering::SeqCst)
    }

    fn seen(&self) -> Seen {
        Seen {
            method: self.method.clone(),
            target: self.target.clone(),
            headers: self.headers.clone(),
            received: self.received(),
            is_whole: self.is_whole.load(Ordering::SeqCst),
        }
    }
}

/// The body of a request, counted as it is read.
#[derive(Debug)]
pub(crate) struct Received<B> {
    body: B,
    watch: Arc<Watch>,
    record: Arc<Record>,
    /// When to hang up.
    limit: Option<u64>,
}

impl<B: Body> Received<B> {
    pub(crate) fn new(body: B, watch: Arc<Watch>, record: Arc<Record>, limit: Option<u64>) -> Self {
        // Nobody reads a body of which there is nothing.
        record.is_whole.store(body.is_end_stream(), Ordering::SeqCst);
        Self { body, watch, record, limit }
    }
}

impl<B> Body for Received<B>
where
    B: Body<Data = Bytes, Error = hyper::Error> + Unpin,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let polled = ready!(Pin::new(&mut self.body).poll_frame(context));
        let read = match &polled {
            Some(Ok(frame)) => frame.data_ref().map_or(0, Bytes::len) as u64,
            Some(Err(_)) | None => 0,
        };
        self.watch.received.fetch_add(read, Ordering::SeqCst);
        let received = self.record.received.fetch_add(read, Ordering::SeqCst).saturating_add(read);
        if self.limit.is_some_and(|limit| received > limit) {
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        if polled.is_none() || matches!(polled, Some(Ok(_))) && self.body.is_end_stream() {
            self.record.is_whole.store(true, Ordering::SeqCst);
        }
        Poll::Ready(polled.map(|frame| frame.map_err(io::Error::other)))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The body of a reply, counted as it is sent.
#[derive(Debug)]
pub(crate) struct Sent<B> {
    body: B,
    watch: Arc<Watch>,
    /// How many bytes may go still before the server hangs up.
    left: Option<u64>,
    /// Whether those had their turn to go.
    is_flushed: bool,
}

impl<B> Sent<B> {
    pub(crate) fn new(body: B, watch: Arc<Watch>, limit: Option<u64>) -> Self {
        Self { body, watch, left: limit, is_flushed: false }
    }
}

impl<B> Body for Sent<B>
where
    B: Body<Data = Bytes> + Unpin,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        if self.left == Some(0) {
            if !self.is_flushed {
                self.is_flushed = true;
                context.waker().wake_by_ref();
                return Poll::Pending;
            }
            return Poll::Ready(Some(Err(io::ErrorKind::ConnectionAborted.into())));
        }
        let Some(frame) = ready!(Pin::new(&mut self.body).poll_frame(context)) else {
            return Poll::Ready(None);
        };
        let mut data = match frame.map_err(io::Error::other)?.into_data() {
            Ok(data) => data,
            Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
        };
        if let Some(left) = self.left {
            data.truncate(usize::try_from(left).unwrap_or(usize::MAX));
            self.left = Some(left.saturating_sub(data.len() as u64));
        }
        self.watch.sent.fetch_add(data.len() as u64, Ordering::SeqCst);
        Poll::Ready(Some(Ok(Frame::data(data))))
    }

    // The head promises all of it, whatever is sent then.
    fn is_end_stream(&self) -> bool {
        self.left.is_none() && self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
