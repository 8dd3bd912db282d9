//! Request bodies, read whole within limits of size, time, pace and number.
//!
//! A body that is too large or too slow is refused, and so is a large one when too many of them
//! are under way, from everybody together or from one address. Small bodies, and nearly all are
//! small, are never refused for what others do.

use std::error::Error;
use std::future::poll_fn;
use std::mem;
use std::net::IpAddr;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use daypass_api::{Code, Fault};
use http_body_util::BodyExt;
use hyper::body::Body;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout, timeout_at};

use crate::per_address::{Held, PerAddress};

/// Largest request body, in bytes: AWS STS and IAM take far less, a policy being the longest.
pub(crate) const BODY_MAX: usize = 1 << 20;
/// How long a body may take to arrive, not counting what a large one waits for its turn.
const BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bodies up to this size are read without asking. What they hold in memory is bounded by the
/// connections (4,096, which makes 64 MiB over HTTP/1.1) and, over HTTP/2, by their streams (16
/// each, which makes 1 GiB in all and 256 MiB from one address).
pub(crate) const SMALL_BODY: usize = 16 << 10;
/// How many larger bodies there are at a time, from their reading to the reply: together they
/// hold at most 128 MiB.
pub(crate) const LARGE_BODIES: usize = 128;
/// How many of these may come from one address.
pub(crate) const LARGE_BODIES_PER_ADDRESS: usize = 16;
/// How long a large body waits for its turn.
const TURN_TIMEOUT: Duration = Duration::from_secs(10);
/// The pace of a large body: each further stretch of so many bytes must come in that time, so
/// that nobody holds a turn by sending a byte now and then.
const PACE_BYTES: usize = 64 << 10;
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
}

/// A body that was read whole.
#[derive(Debug)]
pub(crate) struct Whole {
    pub(crate) bytes: Bytes,
    /// To be kept for as long as the bytes are.
    pub(crate) turn: Option<Turn>,
}

/// The place of one large body among the others.
#[derive(Debug)]
pub(crate) struct Turn {
    _of_all: OwnedSemaphorePermit,
    _of_address: Held,
}

impl Bodies {
    pub(crate) fn new() -> Self {
        Self {
            large: Arc::new(Semaphore::new(LARGE_BODIES)),
            large_by_address: PerAddress::new(LARGE_BODIES_PER_ADDRESS),
        }
    }

    /// Reads the body of a request from `address`. `awaits_continue`: the client sends the body
    /// only when asked to (`Expect: 100-continue`, RFC 9110, section 10.1.1).
    pub(crate) async fn read<B>(
        &self,
        address: IpAddr,
        body: B,
        awaits_continue: bool,
    ) -> Result<Whole, Fault>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<Box<dyn Error + Send + Sync>>,
    {
        // Boxed, because what is left of a refused body outlives this call.
        let mut body = Box::pin(body);
        if body.size_hint().lower() > BODY_MAX as u64 {
            // A client that waits for `100 Continue` sends nothing when it reads the refusal.
            if !awaits_continue {
                tokio::spawn(discard(body));
            }
            return Err(too_large());
        }
        // A body in one piece, as nearly all are, is not copied.
        let (mut piece, mut whole) = (Bytes::new(), BytesMut::new());
        let mut turn = None;
        let mut due = Instant::now() + BODY_TIMEOUT;
        // For a large body: by when so many bytes must be here.
        let mut pace: Option<(Instant, usize)> = None;
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
            if length > BODY_MAX {
                tokio::spawn(discard(body));
                return Err(too_large());
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
            if length == data.len() {
                piece = data;
            } else {
                whole.extend_from_slice(&mem::take(&mut piece));
                whole.extend_from_slice(&data);
            }
            if body.is_end_stream() {
                break;
            }
            if turn.is_some() && pace.is_none_or(|(_, bytes)| length >= bytes) {
                pace = Some((Instant::now() + PACE_TIMEOUT, length.saturating_add(PACE_BYTES)));
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
            Ok(Ok(of_all)) => Ok(Turn { _of_all: of_all, _of_address: of_address }),
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

fn too_large() -> Fault {
    Fault::new(
        Code::RequestEntityTooLarge,
        format!("The request body is larger than the limit of {BODY_MAX} bytes."),
    )
}

fn too_slow() -> Fault {
    Fault::new(Code::RequestTimeout, "The request body did not arrive in time.")
}

#[cfg(test)]
#[path = "body_tests.rs"]
mod tests;
