//! What of a client's body is handed on, and when.

use std::collections::VecDeque;

use daypass_sigv4::{
    Credentials, Request, Rules, SigningKey, presented, sign_chunked, verify_head,
};
use http_body_util::{BodyExt, Full};
use tokio::time::{Instant, Sleep, sleep};

use super::*;
use crate::chunk_memory::ChunkMemory;

/// Pieces, and then nothing more for ever, or the end.
struct Pieces {
    pieces: VecDeque<Bytes>,
    ends: bool,
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        match self.pieces.pop_front() {
            Some(piece) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            None if self.ends => Poll::Ready(None),
            None => Poll::Pending,
        }
    }
}

fn body(pieces: &[&'static str], ends: bool) -> ClientBody<Pieces> {
    let pieces = pieces.iter().map(|piece| Bytes::from_static(piece.as_bytes())).collect();
    ClientBody::new(Pieces { pieces, ends }, BodyCheck::unsigned())
}

#[tokio::test]
async fn a_body_is_read_whole_within_its_limit() {
    for (pieces, limit, expected) in [
        (vec![], 0, Ok("")),
        (vec!["hello"], 5, Ok("hello")),
        (vec!["hel", "", "lo"], 5, Ok("hello")),
        (vec!["hel", "lo"], 4, Err(ClientBodyFault::TooLong(4))),
        (vec!["hello"], 4, Err(ClientBodyFault::TooLong(4))),
        (vec!["x"], 0, Err(ClientBodyFault::TooLong(0))),
    ] {
        let read = body(&pieces, true).whole(limit).await.map(|(bytes, _)| bytes);
        assert_eq!(read, expected.map(|text| Bytes::from_static(text.as_bytes())), "{pieces:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_sends_no_more_is_given_up() {
    let begun = Instant::now();
    let read = body(&["hel"], false).whole(5).await;
    assert_eq!(read.unwrap_err(), ClientBodyFault::TooSlow);
    assert!(begun.elapsed() >= REST_TIMEOUT);
}

/// The last byte completes an upload, whoever counts: it goes when the end was seen and is right.
#[tokio::test]
async fn the_last_byte_waits_for_the_end() {
    for ends in [true, false] {
        let progress = Arc::<SendProgress>::default();
        let room = ChunkMemory::new(16).room(None, Duration::ZERO);
        let (sent, _) = body(&["hel", "lo"], ends).streamed(
            room,
            5,
            None,
            Arc::clone(&progress),
            Box::pin(std::future::ready(true)),
        );
        let mut sent = std::pin::pin!(sent);
        assert_eq!(sent.size_hint().exact(), Some(5));
        let first = sent.as_mut().frame().await.unwrap().unwrap();
        assert_eq!(first.into_data().unwrap(), "hel");
        assert!(!progress.is_proven());
        let next = poll_fn(|context| Poll::Ready(sent.as_mut().poll_frame(context))).await;
        match next {
            Poll::Ready(Some(Ok(frame))) => {
                assert!(ends);
                assert_eq!(frame.into_data().unwrap(), "lo");
                assert!(progress.is_proven());
                assert!(sent.is_end_stream());
            }
            Poll::Pending => assert!(!ends && !progress.is_proven()),
            Poll::Ready(other) => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn a_form_is_read_up_to_its_file() {
    let form = |file: &str| {
        Bytes::from(format!(
            "--b\r\nContent-Disposition: form-data; name=\"key\"\r\n\r\ncat\r\n\
             --b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"c\"\r\n\r\n{file}\r\n--b--\r\n"
        ))
    };
    for file in ["", "x", "JPEG", &"J".repeat(200_000)] {
        let bytes = form(file);
        let length = u64::try_from(bytes.len()).unwrap();
        let reader = FormReader::new("multipart/form-data; boundary=b").unwrap();
        let mut body = ClientBody::of_form(Full::new(bytes), reader);
        let (form, file_length) = body.form(length).await.unwrap();
        assert_eq!(form.field("key"), Some("cat"));
        assert_eq!(file_length, u64::try_from(file.len()).unwrap());
        let (read, _) = body.whole(1 << 20).await.unwrap();
        assert_eq!(read, file.as_bytes());
    }
}

/// A body of two signed chunks, each of `size` bytes, and its check.
fn signed_chunks(size: usize) -> (BodyCheck, [Vec<u8>; 3]) {
    let (id, secret) = ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");
    let credentials = Credentials::parse(id, secret, None).unwrap();
    let now = "2026-01-01T00:00:00Z".parse().unwrap();
    let mut headers: Vec<(&str, &[u8])> = vec![("host", b"s3.example.com")];
    let request = Request { method: "PUT", path: "/bucket/key", query: "", headers: &headers };
    let length = u64::try_from(2 * size).unwrap();
    let (added, mut chunks) = sign_chunked(&request, length, None, &credentials, "us-east-1", now);
    let data = vec![b'x'; size];
    let body = [chunks.chunk(&data), chunks.chunk(&data), chunks.finish()];
    headers.extend(added.iter().map(|(name, value)| (*name, value.as_bytes())));
    let request = Request { method: "PUT", path: "/bucket/key", query: "", headers: &headers };
    let presented = presented(&request).unwrap().unwrap();
    let key = SigningKey::derive(&credentials.secret_access_key, presented.scope());
    let (_, check) = verify_head(&presented, &request, &key, &Rules::of("s3"), now).unwrap();
    (check, body)
}

/// An upload of two chunks, which come in pieces, as it is sent on.
fn upload(memory: &ChunkMemory, size: usize) -> (Pin<Box<Sent<Pieces>>>, FaultSlot) {
    upload_in(memory, size, |pieces| Pieces { pieces, ends: true })
}

fn upload_in<B>(
    memory: &ChunkMemory,
    size: usize,
    made_of: impl FnOnce(VecDeque<Bytes>) -> B,
) -> (Pin<Box<Sent<B>>>, FaultSlot)
where
    B: Body<Data = Bytes, Error = std::convert::Infallible> + Send + 'static,
{
    let (check, body) = signed_chunks(size);
    let pieces = body.iter().flat_map(|part| part.chunks(1 << 20)).map(Bytes::copy_from_slice);
    let body = ClientBody::new(made_of(pieces.collect()), check);
    let room = memory.room(None, Duration::from_secs(10));
    let length = u64::try_from(2 * size).unwrap();
    let looked = Box::pin(std::future::ready(true));
    let (sent, slot) = body.streamed(room, length, None, Arc::default(), looked);
    (Box::pin(sent), slot)
}

/// Who has begun a chunk has the memory for it until all of that was handed on, and for nothing more.
#[tokio::test(start_paused = true)]
async fn a_chunk_is_read_on_when_there_is_memory_for_it() {
    const SIZE: usize = 16 << 20;
    let memory = ChunkMemory::new(16);
    let (mut first, _) = upload(&memory, SIZE);
    let begun = first.as_mut().frame().await.unwrap().unwrap();
    let mut length = begun.into_data().unwrap().len();
    let (mut second, _) = upload(&memory, SIZE);
    let waits = poll_fn(|context| Poll::Ready(second.as_mut().poll_frame(context).is_pending()));
    assert!(waits.await);
    // After a while it is refused, and the other goes on.
    let (mut third, slot) = upload(&memory, SIZE);
    let begun = Instant::now();
    assert!(third.as_mut().frame().await.unwrap().is_err());
    assert!(begun.elapsed() >= Duration::from_secs(10));
    assert_eq!(fault_in(&slot), Some(ClientBodyFault::NoRoom));
    drop((second, third));
    while let Some(frame) = first.as_mut().frame().await {
        length += frame.unwrap().into_data().unwrap().len();
    }
    assert_eq!(length, 2 * SIZE);
    drop(first);
    let (sent, _) = upload(&memory, SIZE);
    assert_eq!(sent.collect().await.unwrap().to_bytes().len(), 2 * SIZE);
}

/// Pieces, of which each comes some time after the one before.
struct Slowly {
    pieces: VecDeque<Bytes>,
    rest: Duration,
    resting: Pin<Box<Sleep>>,
}

impl Body for Slowly {
    type Data = Bytes;
    type Error = std::convert::Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        std::task::ready!(self.resting.as_mut().poll(context));
        self.resting = Box::pin(sleep(self.rest));
        Poll::Ready(self.pieces.pop_front().map(|piece| Ok(Frame::data(piece))))
    }
}

/// A client that never rests for long, and yet would hold the memory for long, is given up.
#[tokio::test(start_paused = true)]
async fn a_chunk_that_memory_is_held_for_has_to_come() {
    const SIZE: usize = 4 << 20;
    let memory = ChunkMemory::new(16);
    // Two chunks of five pieces each: at 64 KiB a second each had 64 seconds, and 30.
    for (rest, is_late) in [(9, false), (29, true)] {
        let rest = Duration::from_secs(rest);
        let (sent, slot) = upload_in(&memory, SIZE, |pieces| Slowly {
            pieces,
            rest,
            resting: Box::pin(sleep(rest)),
        });
        let begun = Instant::now();
        let collected = sent.collect().await;
        assert_eq!(collected.is_err(), is_late, "{rest:?}");
        assert_eq!(fault_in(&slot), is_late.then_some(ClientBodyFault::TooSlow));
        if is_late {
            // The memory was taken with the first piece.
            assert!(begun.elapsed() < rest + Duration::from_secs(95), "{:?}", begun.elapsed());
        }
    }
}

/// What is announced as too long is not held to find that out.
#[tokio::test]
async fn a_document_in_chunks_is_as_long_as_it_says() {
    let (check, body) = signed_chunks(1 << 20);
    let pieces = body.iter().take(1).map(|part| Bytes::copy_from_slice(part)).collect();
    // The rest never comes: it is not waited for.
    let read = ClientBody::new(Pieces { pieces, ends: false }, check).whole(1 << 20).await;
    assert_eq!(read.unwrap_err(), ClientBodyFault::TooLong(1 << 20));
}
