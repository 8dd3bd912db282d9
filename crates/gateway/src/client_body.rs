//! The body of a client's request: read within limits, checked piece by piece, and sent on.
//!
//! SECURITY: what is handed on is what [`BodyCheck`] lets through. A body that turns out wrong ends in
//! an error and never in its last byte, so that whoever it is sent to has an upload that was cut and
//! commits nothing.

use std::collections::VecDeque;
use std::error::Error;
use std::fmt;
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use daypass_sigv4::{BodyCheck, BodyFault, Frames, Trailers};
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::timeout;

use crate::backend::SendProgress;
use crate::chunk_memory::{ChunkRoom, NoRoom};
use crate::patience::Patience;
use crate::{Form, FormReader, S3Fault};

/// How long a client may send nothing, and what slower ones than a kibibyte a second have in all.
pub(crate) const REST_TIMEOUT: Duration = Duration::from_secs(30);
/// How much of a body is read that nobody wants, so that the client gets to read the reply, and for
/// how long.
const DISCARD_MAX: usize = 1 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// What went wrong with a client's body.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum ClientBodyFault {
    /// It is not what the head says.
    Wrong(BodyFault),
    /// It is a form, and not as forms are.
    Form(S3Fault),
    /// It is longer than what it is for may be, in bytes.
    TooLong(usize),
    /// The client went away.
    Gone(String),
    /// The client is too slow.
    TooSlow,
    /// The bucket is gone, or another's now.
    Overtaken,
    /// There is no memory for a chunk of it.
    NoRoom,
}

impl fmt::Display for ClientBodyFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Wrong(fault) => write!(f, "{fault:?}"),
            Self::Form(fault) => write!(f, "{fault:?}"),
            Self::TooLong(most) => write!(f, "it has more than {most} bytes"),
            Self::Gone(cause) => write!(f, "the client went away: {cause}"),
            Self::NoRoom => f.write_str("there is no memory left for signed chunks"),
            Self::Overtaken => f.write_str("the bucket went away meanwhile"),
            Self::TooSlow => f.write_str("it did not come in time"),
        }
    }
}

impl Error for ClientBodyFault {}

/// Where the reason is left that a body that streams was given up for.
pub(crate) type FaultSlot = Arc<Mutex<Option<ClientBodyFault>>>;

/// Takes the reason out.
pub(crate) fn fault_in(slot: &FaultSlot) -> Option<ClientBodyFault> {
    slot.lock().unwrap_or_else(PoisonError::into_inner).take()
}

/// A body and its check.
pub(crate) struct ClientBody<B> {
    body: Pin<Box<B>>,
    /// None once the body has come to its end.
    check: Option<Decoder>,
    patience: Patience,
    /// For the signed chunks of a body that streams. One that is read whole is bounded by that.
    room: Option<ChunkRoom>,
    out: Vec<Bytes>,
}

/// What a body passes through.
#[derive(Debug)]
enum Decoder {
    Check(Box<BodyCheck>),
    Form(Box<FormReader>),
}

impl Decoder {
    fn push(&mut self, data: Bytes, out: &mut Vec<Bytes>) -> Result<(), ClientBodyFault> {
        match self {
            Self::Check(check) => check.push(data, out).map_err(ClientBodyFault::Wrong),
            Self::Form(form) => form.push(data, out).map_err(ClientBodyFault::Form),
        }
    }

    fn finish(self, out: &mut Vec<Bytes>) -> Result<Trailers, ClientBodyFault> {
        match self {
            Self::Check(check) => check.finish(out).map_err(ClientBodyFault::Wrong),
            Self::Form(form) => match form.finish() {
                Ok(()) => Ok(Trailers::default()),
                Err(fault) => Err(ClientBodyFault::Form(fault)),
            },
        }
    }
}

impl<B> ClientBody<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    pub(crate) fn new(body: B, check: BodyCheck) -> Self {
        Self::decoded(body, Decoder::Check(Box::new(check)))
    }

    /// A body that is a form. What is handed on of it is its file.
    pub(crate) fn of_form(body: B, form: FormReader) -> Self {
        Self::decoded(body, Decoder::Form(Box::new(form)))
    }

    fn decoded(body: B, decoder: Decoder) -> Self {
        let (body, patience) = (Box::pin(body), Patience::new(REST_TIMEOUT));
        Self { body, check: Some(decoder), patience, room: None, out: Vec::new() }
    }

    /// Reads the fields of a form, which stand in front of its file, and tells how long the file is in
    /// a body of that length.
    pub(crate) async fn form(&mut self, length: u64) -> Result<(Form, u64), ClientBodyFault> {
        loop {
            match &self.check {
                Some(Decoder::Form(reader)) => {
                    if let Some(form) = reader.form() {
                        let length = reader.file_length(length).map_err(ClientBodyFault::Form)?;
                        return Ok((form.clone(), length));
                    }
                }
                _ => return Err(ClientBodyFault::Wrong(BodyFault::Incomplete)),
            }
            // A form that ends before its file is none.
            let read = poll_fn(|context| self.poll_more(context)).await?;
            if read.is_some() {
                return Err(ClientBodyFault::Wrong(BodyFault::Incomplete));
            }
        }
    }

    /// Reads the whole body, of at most `limit` bytes once it is decoded.
    pub(crate) async fn whole(
        mut self,
        limit: usize,
    ) -> Result<(Bytes, Trailers), ClientBodyFault> {
        // SECURITY: chunks are held until they are verified, however long: what is announced as too
        // long is not begun.
        if let Some(Decoder::Check(check)) = &self.check {
            let length = check.content_length(None).map_err(ClientBodyFault::Wrong)?;
            let fits = |length| usize::try_from(length).is_ok_and(|length| length <= limit);
            if length.is_some_and(|length| !fits(length)) {
                return Err(ClientBodyFault::TooLong(limit));
            }
        }
        let mut all = BytesMut::new();
        let mut first = None;
        loop {
            let trailers = poll_fn(|context| self.poll_pieces(context)).await?;
            for piece in self.out.drain(..) {
                let length = first.as_ref().map_or(0, Bytes::len) + all.len();
                if length.saturating_add(piece.len()) > limit {
                    return Err(ClientBodyFault::TooLong(limit));
                }
                // Most bodies come in one piece, which is then not copied.
                match (&first, all.is_empty()) {
                    (None, true) => first = Some(piece),
                    _ => {
                        if let Some(first) = first.take() {
                            all.extend_from_slice(&first);
                        }
                        all.extend_from_slice(&piece);
                    }
                }
            }
            if let Some(trailers) = trailers {
                return Ok((first.unwrap_or_else(|| all.freeze()), trailers));
            }
        }
    }

    /// The body as it is sent on: `length` bytes, in frames that carry its checksum where it has a
    /// trailer with one. What of it has to be held takes `room`. The reason for an error is left in
    /// the slot.
    pub(crate) fn streamed(
        mut self,
        room: ChunkRoom,
        length: u64,
        frames: Option<Frames>,
        progress: Arc<SendProgress>,
        last_look: LastLook,
    ) -> (Sent<B>, FaultSlot) {
        self.room = Some(room);
        let slot = FaultSlot::default();
        let ready = VecDeque::new();
        let left = frames.as_ref().map_or(length, Frames::length);
        let fault = Arc::clone(&slot);
        let last_look = Some(last_look);
        (Sent { from: self, frames, ready, left, progress, fault, last_look }, slot)
    }

    /// Reads the next of the body into `out`, until there is something to hand on or it is over; its
    /// trailers at the end.
    fn poll_pieces(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Trailers>, ClientBodyFault>> {
        loop {
            let polled = self.poll_more(context);
            let is_empty = matches!(polled, Poll::Ready(Ok(None))) && self.check.is_some();
            if !is_empty || !self.out.is_empty() {
                return polled;
            }
        }
    }

    /// Reads one more piece of the body into `out`; its trailers at the end.
    fn poll_more(
        &mut self,
        context: &mut Context<'_>,
    ) -> Poll<Result<Option<Trailers>, ClientBodyFault>> {
        loop {
            let Some(check) = &mut self.check else { return Poll::Ready(Ok(None)) };
            if let (Some(room), Decoder::Check(check)) = (&mut self.room, &*check) {
                match room.poll_hold(check.signed_chunk(), context) {
                    Poll::Ready(Ok(())) => {}
                    Poll::Ready(Err(NoRoom)) => return Poll::Ready(Err(ClientBodyFault::NoRoom)),
                    Poll::Pending => return Poll::Pending,
                }
            }
            match self.body.as_mut().poll_frame(context) {
                Poll::Ready(Some(Ok(frame))) => {
                    // What HTTP has behind a body is no part of it.
                    let Ok(data) = frame.into_data() else { continue };
                    self.patience.came(data.len());
                    if let Some(room) = &mut self.room {
                        room.came(data.len());
                    }
                    check.push(data, &mut self.out)?;
                    // The end of a form is looked for only when its fields were read.
                    if matches!(check, Decoder::Form(_)) || !self.body.is_end_stream() {
                        return Poll::Ready(Ok(None));
                    }
                }
                Poll::Ready(Some(Err(error))) => {
                    let error: Box<dyn Error + Send + Sync> = error.into();
                    return Poll::Ready(Err(ClientBodyFault::Gone(error.to_string())));
                }
                Poll::Ready(None) => {
                    let Some(check) = self.check.take() else { return Poll::Ready(Ok(None)) };
                    let trailers = check.finish(&mut self.out)?;
                    return Poll::Ready(Ok(Some(trailers)));
                }
                Poll::Pending => {
                    let room = self.room.as_mut();
                    let is_overdue = room.is_some_and(|room| room.poll_overdue(context).is_ready());
                    let is_spent = self.patience.poll_spent(context).is_ready();
                    return match is_overdue || is_spent {
                        true => Poll::Ready(Err(ClientBodyFault::TooSlow)),
                        false => Poll::Pending,
                    };
                }
            }
        }
    }
}

/// Whether an upload that is whole may still be completed: much may have changed since it was begun.
pub(crate) type LastLook = Pin<Box<dyn Future<Output = bool> + Send>>;

type Next = Poll<Option<Result<Frame<Bytes>, Box<dyn Error + Send + Sync>>>>;

/// A client's body on its way to the backend.
pub(crate) struct Sent<B> {
    from: ClientBody<B>,
    frames: Option<Frames>,
    ready: VecDeque<Bytes>,
    /// How many bytes are to come.
    left: u64,
    progress: Arc<SendProgress>,
    fault: FaultSlot,
    /// Until it was answered.
    last_look: Option<LastLook>,
}

impl<B> Sent<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    /// Ends the upload, and says why.
    fn give_up(&self, fault: ClientBodyFault) -> Next {
        *self.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault.clone());
        Poll::Ready(Some(Err(Box::new(fault))))
    }

    /// Reads the next of the body into `ready`; true at its end.
    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<bool, ClientBodyFault>> {
        let trailers = match self.from.poll_pieces(context) {
            Poll::Ready(Ok(trailers)) => trailers,
            Poll::Ready(Err(fault)) => return Poll::Ready(Err(fault)),
            Poll::Pending => return Poll::Pending,
        };
        let Some(frames) = &mut self.frames else {
            self.ready.extend(self.from.out.drain(..));
            return Poll::Ready(Ok(trailers.is_some()));
        };
        let mut framed = Vec::new();
        for piece in self.from.out.drain(..) {
            frames.push(piece, &mut framed);
        }
        self.ready.extend(framed);
        let Some(trailers) = trailers else { return Poll::Ready(Ok(false)) };
        let end = self.frames.take().and_then(|frames| frames.finish(&trailers));
        let Some(end) = end else {
            return Poll::Ready(Err(ClientBodyFault::Wrong(BodyFault::MissingTrailer)));
        };
        self.ready.push_back(end);
        Poll::Ready(Ok(true))
    }

    /// The next of the body, when it is proven.
    fn poll_next(&mut self, context: &mut Context<'_>) -> Next {
        loop {
            if self.from.check.is_none()
                && let Some(look) = &mut self.last_look
            {
                match look.as_mut().poll(context) {
                    Poll::Ready(true) => {
                        self.last_look = None;
                        self.progress.prove();
                    }
                    Poll::Ready(false) => return self.give_up(ClientBodyFault::Overtaken),
                    Poll::Pending => return Poll::Pending,
                }
            }
            let (left, is_over) = (self.left, self.last_look.is_none());
            // The last byte completes the upload: it goes only when all is proven.
            let may_go = |piece: &mut Bytes| is_over || length_of(piece) < left;
            if let Some(piece) = self.ready.pop_front_if(may_go) {
                if piece.is_empty() {
                    continue;
                }
                self.progress.handed(piece.len());
                self.left = self.left.saturating_sub(length_of(&piece));
                return Poll::Ready(Some(Ok(Frame::data(piece))));
            }
            if self.from.check.is_none() {
                return Poll::Ready(None);
            }
            let fault = match self.poll_ready(context) {
                Poll::Ready(Ok(_)) => continue,
                Poll::Ready(Err(fault)) => fault,
                Poll::Pending => return Poll::Pending,
            };
            return self.give_up(fault);
        }
    }
}

impl<B> Body for Sent<B>
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    type Data = Bytes;
    type Error = Box<dyn Error + Send + Sync>;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let polled = self.poll_next(context);
        // The backend is not the one that is late then.
        self.progress.wait(polled.is_pending());
        polled
    }

    fn is_end_stream(&self) -> bool {
        self.last_look.is_none() && self.ready.iter().all(Bytes::is_empty)
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

fn length_of(piece: &Bytes) -> u64 {
    u64::try_from(piece.len()).unwrap_or(u64::MAX)
}

/// Reads and forgets what a client is still sending, for a while: who only writes would else find the
/// connection closed and no reply.
pub(crate) fn discard<B>(body: B)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<Box<dyn Error + Send + Sync>>,
{
    if body.is_end_stream() {
        return;
    }
    tokio::spawn(timeout(DISCARD_TIMEOUT, async move {
        let mut body = pin!(body);
        let mut length: usize = 0;
        while let Some(Ok(frame)) = poll_fn(|context| body.as_mut().poll_frame(context)).await {
            length = length.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if length > DISCARD_MAX {
                break;
            }
        }
    }));
}

#[cfg(test)]
#[path = "client_body_tests.rs"]
mod tests;
