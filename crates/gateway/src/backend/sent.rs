//! The body of a request to the backend.

use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body, Frame, SizeHint};

use super::link::Progress;

/// Why a body that streams is not sent to its end; its own text is in the log of whoever made it.
pub(crate) type Stopped = Box<dyn Error + Send + Sync>;

/// A body that streams.
pub(crate) type Streamed = Pin<Box<dyn Body<Data = Bytes, Error = Stopped> + Send>>;

/// What a request to the backend carries.
pub(crate) enum SentBody {
    /// Nothing.
    Empty,
    /// What is here already.
    Whole(Bytes),
    /// What comes from the client while it is sent.
    Stream {
        /// The bytes. An error ends the connection before the body is complete.
        body: Streamed,
        /// How many there are.
        length: u64,
        /// How far it is.
        progress: Arc<Progress>,
    },
}

impl SentBody {
    pub(super) fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }

    /// How many bytes are left.
    pub(super) fn length(&self) -> Option<u64> {
        match self {
            Self::Empty => Some(0),
            Self::Whole(bytes) => u64::try_from(bytes.len()).ok(),
            Self::Stream { length, .. } => Some(*length),
        }
    }

    pub(super) fn progress(&self) -> Option<Arc<Progress>> {
        match self {
            Self::Empty | Self::Whole(_) => None,
            Self::Stream { progress, .. } => Some(Arc::clone(progress)),
        }
    }
}

impl Body for SentBody {
    type Data = Bytes;
    type Error = Stopped;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Stopped>>> {
        match &mut *self {
            Self::Empty => Poll::Ready(None),
            Self::Whole(bytes) => {
                let bytes = std::mem::take(bytes);
                *self = Self::Empty;
                Poll::Ready((!bytes.is_empty()).then(|| Ok(Frame::data(bytes))))
            }
            Self::Stream { body, .. } => body.as_mut().poll_frame(context),
        }
    }

    fn is_end_stream(&self) -> bool {
        match self {
            Self::Empty => true,
            Self::Whole(bytes) => bytes.is_empty(),
            Self::Stream { body, .. } => body.is_end_stream(),
        }
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Stream { body, .. } => body.size_hint(),
            _ => self.length().map_or_else(SizeHint::default, SizeHint::with_exact),
        }
    }
}

impl fmt::Debug for SentBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SentBody").field("length", &self.length()).finish()
    }
}
