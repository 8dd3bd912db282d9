//! What of a client's body is handed on, and when.

use std::collections::VecDeque;

use http_body_util::{BodyExt, Full};
use tokio::time::Instant;

use super::*;

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
        let (sent, _) = body(&["hel", "lo"], ends).streamed(
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
