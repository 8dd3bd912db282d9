//! Request bodies, read whole within limits of size, time, pace and number.
//!
//! A body that is too large or too slow is refused, and so is a large one when too many of them
//! are under way, from everybody together or from one address. Small bodies, and nearly all are
//! small, are never refused for what others do.
//!
//! A few operations carry documents. Their bodies may be larger than [`BODY_MAX`]: whether a request
//! is one of these is asked when its beginning is here, and what they hold together is bounded by a
//! budget of its own.

use std::error::Error;
use std::future::poll_fn;
use std::mem;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use daypass_api::{Allowance, Code, Fault, Received};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::body_shares::{Share, Shares};
use crate::per_address::{Held, PerAddress};

/// Largest request body, in bytes, of nearly all operations.
pub(crate) const BODY_MAX: usize = Received::BODY_MAX;
/// Largest request body of any operation. The longest that one takes is a metadata document of
/// 10,000,000 characters, percent-encoded.
pub(crate) const DOCUMENT_MAX: usize = 32 << 20;
/// How much of a body must be here, or the end of it, before it is asked whether it may be larger
/// than [`BODY_MAX`].
pub(crate) const BEGINNING: usize = 64 << 10;
/// What bodies larger than [`BODY_MAX`] hold together, from their beginning to the reply: of each as
/// much as is here of it, in units of 1 MiB that are begun.
pub(crate) const DOCUMENTS_MIB: u32 = 128;
const DOCUMENT_UNIT: usize = 1 << 20;
/// How long a body may take to arrive, not counting what a large one waits for its turn.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies up to this size are read without asking. What they hold in memory is bounded by the
/// connections (4,096, which makes 64 MiB over HTTP/1.1) and, over HTTP/2, by their streams (16
/// each, which makes 1 GiB in all and 256 MiB from one address).
pub(crate) const SMALL_BODY: usize = 16 << 10;
/// How many larger bodies there are at a time, from their reading to the reply or, up to
/// [`KEPT_BODY`], to the beginning of their operation: together they hold at most 128 MiB.
pub(crate) const LARGE_BODIES: usize = 128;
/// How many of these may come from one address.
pub(crate) const LARGE_BODIES_PER_ADDRESS: usize = 16;
/// Bodies up to this size give their turn back when they are here whole and their operation begins. An
/// operation may wait for somebody else, as one with a web identity token does for its provider's keys:
/// nobody's upload is to wait for that. What they hold from then on is bounded by the number of
/// operations (1,024, which makes 64 MiB).
pub(crate) const KEPT_BODY: usize = Received::KEPT_BODY;
/// How long a large body waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pace of a large body: each further stretch of so many bytes must come in that time, so
/// that nobody holds a turn by sending a byte now and then.
const PACE_BYTES: usize = 64 << 10;
/// In how many such times a body must be here whose length is known and larger than [`BODY_MAX`].
const PACE_STRETCHES: usize = 3;
const PACE_TIMEOUT: Duration = Duration::from_secs(10);

/// How much of a refused body is read and thrown away, and for how long. A client that is still
/// sending when the connection closes would not see the reply.
const DISCARD_MAX: usize = 4 << 20;
const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);

/// The bodies that are being read or worked on.
#[derive(Debug)]
pub(crate) struct Bodies {
    large: Arc<Semaphore>,
    large_by_address: Arc<PerAddress>,
    documents: Arc<Semaphore>,
    document_shares: Arc<Shares>,
}

/// A body that was read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// To be kept for as long as the bytes are, but see [`Turn::of_operation`].
    pub(crate) turn: Option<Turn>,
}

/// The place of one large body among the others.
#[derive(Debug)]
pub(crate) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_address: Held,
    /// Of one that may be larger than [`BODY_MAX`].
    document: Option<Document>,
}

/// What a body that may be larger than [`BODY_MAX`] holds.
#[derive(Debug)]
struct Document {
    budget: OwnedSemaphorePermit,
    _share: Share,
    /// How long it may yet wait for more of the budget.
    patience: Duration,
}

impl Turn {
    /// Whether the body may be larger than [`BODY_MAX`].
    pub(crate) fn is_document(&self) -> bool {
        self.document.is_some()
    }

    /// What an operation holds of the turn of its body, which has so many bytes and is here whole: all
    /// of it, or nothing if the body is at most [`KEPT_BODY`].
    pub(crate) fn of_operation(self, bytes: usize) -> Option<Self> {
        (self.is_document() || bytes > KEPT_BODY).then_some(self)
    }
}

impl Bodies {
    pub(crate) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE_BODIES)),
            large_by_address: PerAddress::new(LARGE_BODIES_PER_ADDRESS),
            documents: Arc::new(Semaphore::new(DOCUMENTS_MIB as usize)),
            document_shares: Arc::default(),
        }
    }

    /// Reads the body of a request from `address`. `awaits_continue`: the client sends the body
    /// only when asked to (`Expect: 100-continue`, RFC 9110, section 10.1.1). `allowance` tells from the
    /// beginning of a body that is larger than [`BODY_MAX`] how large it may be; it is asked once; of a
    /// body that is awaited also before, with nothing.
    pub(crate) async fn read<B, M, F>(
        &self,
        address: IpAddr,
        body: B,
        awaits_continue: bool,
        allowance: M,
    ) -> Result<Whole, Fault>
    where
        M: Fn(Bytes) -> F,
        F: Future<Output = Allowance>,
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Boxed, because what is left of a refused body outlives this call.
        let mut body = Box::pin(body);
        let announced = usize::try_from(body.size_hint().lower()).unwrap_or(usize::MAX);
        if announced > DOCUMENT_MAX {
            // A client that waits for `100 Continue` sends nothing when it reads the refusal.
            if !awaits_continue {
                tokio::spawn(discard(body));
            }
            return Err(too_large(DOCUMENT_MAX));
        }
        // To ask for the beginning is to ask for all of it: the head alone has to say what it is.
        if announced > BODY_MAX && awaits_continue {
            let most = allowance(Bytes::new()).await.bytes.min(DOCUMENT_MAX);
            if announced > most {
                return Err(too_large(most));
            }
        }
        let (mut allowance, mut max) = (Some(allowance), BODY_MAX);
        // A body in one piece, as nearly all are, is not copied.
        let (mut piece, mut whole) = (Bytes::new(), BytesMut::new());
        let mut turn = None;
        let mut due = Instant::now() + BODY_TIMEOUT;
        // For a large body: by when so many bytes must be here.
        let mut pace: Option<(Instant, usize)> = None;
        let mut stretch = PACE_BYTES;
        let mut pieces: u64 = 0;
        loop {
            let next_due = pace.map_or(due, |(by, _)| by.min(due));
            // What keeps coming without ever letting the timer be asked is late all the same.
            if pieces > 0 && Instant::now() >= next_due {
                return Err(too_slow());
            }
            pieces += 1;
            let frame = match soon(body.frame()).await {
                Some(frame) => frame,
                None => match timeout_at(next_due, body.frame()).await {
                    Ok(frame) => frame,
                    Err(_) => return Err(too_slow()),
                },
            };
            let Some(frame) = frame else { break };
            let frame = frame.map_err(|error| {
                let cause: Box<dyn Error + Send + Sync> = error.into();
                Fault::new(Code::InvalidInput, "The request body could not be read.")
                    .because(cause.to_string())
            })?;
            // Trailers carry nothing that an operation reads.
            let Ok(data) = frame.into_data() else { continue };
            let length = (piece.len() + whole.len()).saturating_add(data.len());
            if length > max && allowance.is_none() {
                tokio::spawn(discard(body));
                return Err(too_large(max));
            }
            if length > SMALL_BODY && turn.is_none() {
                let asked = Instant::now();
                match self.turn(address).await {
                    Ok(taken) => turn = Some(taken),
                    Err(fault) => {
                        tokio::spawn(discard(body));
                        return Err(fault);
                    }
                }
                // The wait was ours, not the sender's.
                due += asked.elapsed();
            }
            if let Some(document) = turn.as_mut().and_then(|turn| turn.document.as_mut()) {
                let asked = Instant::now();
                if let Err(fault) = self.grow(document, length).await {
                    tokio::spawn(discard(body));
                    return Err(fault);
                }
                shift(&mut due, &mut pace, asked.elapsed());
            }
            if length == data.len() {
                piece = data;
            } else {
                whole.extend_from_slice(&mem::take(&mut piece));
                whole.extend_from_slice(&data);
            }
            let is_larger = length > BODY_MAX || (announced > BODY_MAX && length >= BEGINNING);
            if is_larger && let Some(allowance) = allowance.take() {
                let begun = if whole.is_empty() { &piece[..] } else { &whole[..] };
                let begun = begun.get(..BEGINNING).unwrap_or(begun);
                let asked = Instant::now();
                let allowance = allowance(Bytes::copy_from_slice(begun)).await;
                max = allowance.bytes.min(DOCUMENT_MAX);
                if announced.max(length) > max {
                    tokio::spawn(discard(body));
                    return Err(too_large(max));
                }
                match self.document(address, &allowance, length).await {
                    Ok(document) => {
                        if let Some(turn) = &mut turn {
                            turn.document = Some(document);
                        }
                    }
                    Err(fault) => {
                        tokio::spawn(discard(body));
                        return Err(fault);
                    }
                }
                shift(&mut due, &mut pace, asked.elapsed());
                if announced > BODY_MAX {
                    // Whoever sends much in the end sends it all along.
                    stretch = stretch.max(announced.div_ceil(PACE_STRETCHES));
                    pace = pace.map(|(by, _)| (by, stretch));
                    // Not in memory before something is written there.
                    whole.reserve(announced.saturating_sub(whole.len()));
                }
            }
            if body.is_end_stream() {
                break;
            }
            if turn.is_some() && pace.is_none_or(|(_, bytes)| length >= bytes) {
                pace = Some((Instant::now() + PACE_TIMEOUT, length.saturating_add(stretch)));
            }
        }
        Ok(Whole { bytes: if whole.is_empty() { piece } else { whole.freeze() }, turn })
    }

    /// Waits for a large body's turn.
    async fn turn(&self, address: IpAddr) -> Result<Turn, Fault> {
        let of_address = self.large_by_address.admit(address).ok_or_else(|| {
            Fault::new(
                Code::ServiceUnavailable,
                format!(
                    "This address is already sending {LARGE_BODIES_PER_ADDRESS} request bodies \
                     larger than {SMALL_BODY} bytes. Please try again."
                ),
            )
        })?;
        let waiting = Arc::clone(&self.large).acquire_owned();
        match timeout(TURN_TIMEOUT, waiting).await {
            Ok(Ok(of_all)) => Ok(Turn { _of_all: of_all, _of_address: of_address, document: None }),
            // Late; the semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Fault::new(
                Code::ServiceUnavailable,
                format!(
                    "Too many request bodies larger than {SMALL_BODY} bytes are under way. Please \
                     try again."
                ),
            )),
        }
    }

    /// Waits for as much of the budget as a body takes, which may become larger than [`BODY_MAX`],
    /// of which so many bytes are here.
    async fn document(
        &self,
        address: IpAddr,
        allowance: &Allowance,
        length: usize,
    ) -> Result<Document, Fault> {
        let share = self.document_shares.admit(address, allowance).map_err(|(most, what)| {
            Fault::new(
                Code::ServiceUnavailable,
                format!(
                    "This {what} is already sending {most} request bodies larger than {BODY_MAX} \
                     bytes. Please try again."
                ),
            )
        })?;
        let mut patience = TURN_TIMEOUT;
        let budget = self.budget(length.div_ceil(DOCUMENT_UNIT), &mut patience).await?;
        Ok(Document { budget, _share: share, patience })
    }

    /// Waits for more of the budget when a body of which so many bytes are here needs it.
    async fn grow(&self, document: &mut Document, length: usize) -> Result<(), Fault> {
        let more = length.div_ceil(DOCUMENT_UNIT).saturating_sub(document.budget.num_permits());
        if more > 0 {
            let more = self.budget(more, &mut document.patience).await?;
            document.budget.merge(more);
        }
        Ok(())
    }

    /// Waits for so many units of the budget, and takes the wait from `patience`.
    async fn budget(
        &self,
        units: usize,
        patience: &mut Duration,
    ) -> Result<OwnedSemaphorePermit, Fault> {
        let units = u32::try_from(units).unwrap_or(DOCUMENTS_MIB).min(DOCUMENTS_MIB);
        let asked = Instant::now();
        let waiting = Arc::clone(&self.documents).acquire_many_owned(units);
        match timeout(*patience, waiting).await {
            Ok(Ok(budget)) => {
                *patience = patience.saturating_sub(asked.elapsed());
                Ok(budget)
            }
            // Late; the semaphore is never closed.
            Ok(Err(_)) | Err(_) => Err(Fault::new(
                Code::ServiceUnavailable,
                format!(
                    "Too many request bodies larger than {BODY_MAX} bytes are under way. Please try \
                     again."
                ),
            )),
        }
    }

    /// How much of the budget of larger bodies is left, in MiB.
    #[cfg(test)]
    pub(crate) fn documents_left(&self) -> usize {
        self.documents.available_permits()
    }

    /// How many large bodies there is room for.
    #[cfg(test)]
    pub(crate) fn turns_left(&self) -> usize {
        self.large.available_permits()
    }

    /// Takes every turn.
    #[cfg(test)]
    pub(crate) async fn take_all_turns(&self) -> OwnedSemaphorePermit {
        let all = u32::try_from(LARGE_BODIES).unwrap();
        Arc::clone(&self.large).acquire_many_owned(all).await.unwrap()
    }
}

/// Gives the sender the time back that was ours.
fn shift(due: &mut Instant, pace: &mut Option<(Instant, usize)>, by: Duration) {
    *due += by;
    if let Some((at, _)) = pace {
        *at += by;
    }
}

/// What is ready at once, or after one more turn of the task: the HTTP library hands on what came
/// with the head only when it has been asked. A timer for that would be set up and taken down
/// again with each request.
async fn soon<F: Future>(future: F) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut turns = 0;
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending if turns == 0 => {
            turns = 1;
            context.waker().wake_by_ref();
            Poll::Pending
        }
        Poll::Pending => Poll::Ready(None),
    })
    .await
}

/// Reads and forgets what a client is still sending.
async fn discard<B: Body<Data = Bytes>>(body: Pin<Box<B>>) {
    let reading = async {
        let mut body = pin!(body);
        let mut length: usize = 0;
        while let Some(Ok(frame)) = body.frame().await {
            length = length.saturating_add(frame.data_ref().map_or(0, Bytes::len));
            if length > DISCARD_MAX {
                break;
            }
        }
    };
    // Late or not, the reply has been sent.
    let _ = timeout(DISCARD_TIMEOUT, reading).await;
}

fn too_large(max: usize) -> Fault {
    Fault::new(
        Code::RequestEntityTooLarge,
        format!("The request body is larger than the limit of {max} bytes."),
    )
}

fn too_slow() -> Fault {
    Fault::new(Code::RequestTimeout, "The request body did not arrive in time.")
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
