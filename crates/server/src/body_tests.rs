//! The time that a body may take, with the runtime's clock paused: it jumps to the next timer.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// A body of parts of `part` bytes, the first one at once, each next one after `pause`.
fn parts(
    part: usize,
    count: usize,
    pause: Duration,
) -> impl Body<Data = Bytes, Error = Infallible> + Send + 'static {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        for _ in 0..count {
            // The reader may have given up.
            let _ = sender.send(Bytes::from(vec![b'x'; part])).await;
            sleep(pause).await;
        }
    });
    Channel(receiver)
}

struct Channel(mpsc::Receiver<Bytes>);

impl Body for Channel {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(context).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// The length of the body, or the code and after how many seconds.
async fn read(
    bodies: &Bodies,
    body: impl Body<Data = Bytes, Error = Infallible> + Send + 'static,
) -> Result<usize, (Code, u64)> {
    let begun = Instant::now();
    match bodies.read(ADDRESS, body, false).await {
        Ok(whole) => Ok(whole.bytes.len()),
        Err(fault) => Err((fault.code(), begun.elapsed().as_secs())),
    }
}

#[tokio::test(start_paused = true)]
async fn a_body_comes_in_time_and_a_large_one_keeps_its_pace() {
    const KIB: usize = 1 << 10;
    let slow = |after| Err((Code::RequestTimeout, after));
    for (part, count, pause, expected) in [
        // Small, and slow within the limit or beyond it.
        (KIB, 16, 1, Ok(16 * KIB)),
        (KIB, 16, 3, slow(30)),
        (SMALL_BODY, 1, 29, Ok(SMALL_BODY)),
        // Large, and as fast as it must be.
        (64 * KIB, 3, 9, Ok(192 * KIB)),
        // Fast enough from part to part, too slow in all.
        (64 * KIB, 16, 9, slow(30)),
        // Too slow from part to part: the turn is given up long before the end of all time.
        (64 * KIB, 3, 11, slow(10)),
        (SMALL_BODY + 1, 2, 11, slow(10)),
        // A byte now and then is no pace.
        (17 * KIB, 2, 0, Ok(34 * KIB)),
        (17 * KIB, 10, 4, slow(10)),
        // It becomes large after 16 s; from there on the pace counts.
        (KIB, 40, 1, slow(26)),
    ] {
        let bodies = Bodies::new();
        let got = read(&bodies, parts(part, count, Duration::from_secs(pause))).await;
        assert_eq!(got, expected, "{count} parts of {part} bytes every {pause} s");
        assert_eq!(bodies.turns_left(), LARGE_BODIES);
    }
}

#[tokio::test(start_paused = true)]
async fn waiting_for_a_turn_has_its_own_time() {
    let large = || parts(64 << 10, 3, Duration::from_secs(9));
    let bodies = Arc::new(Bodies::new());
    // No turn comes.
    let taken = bodies.take_all_turns().await;
    assert_eq!(read(&bodies, large()).await, Err((Code::ServiceUnavailable, 10)));
    // One comes late; what the body itself takes is counted from there.
    let reading = tokio::spawn({
        let (bodies, body) = (Arc::clone(&bodies), parts(64 << 10, 4, Duration::from_secs(9)));
        async move { read(&bodies, body).await }
    });
    sleep(Duration::from_secs(9)).await;
    drop(taken);
    assert_eq!(reading.await.unwrap(), Ok(256 << 10));
    // Nobody's wait is left over.
    assert_eq!(bodies.turns_left(), LARGE_BODIES);
    assert!(bodies.large_by_address.admit(ADDRESS).is_some());
}

#[tokio::test(start_paused = true)]
async fn one_address_has_its_share_of_large_bodies() {
    let bodies = Bodies::new();
    let large = || Full::new(Bytes::from(vec![b'x'; SMALL_BODY + 1]));
    let mut held = Vec::new();
    for _ in 0..LARGE_BODIES_PER_ADDRESS {
        held.push(bodies.read(ADDRESS, large(), false).await.unwrap());
    }
    let fault = bodies.read(ADDRESS, large(), false).await.unwrap_err();
    assert_eq!(fault.code(), Code::ServiceUnavailable);
    assert!(fault.message().contains("already sending 16 request bodies"), "{fault:?}");
    // Small ones and those of others are as welcome as ever.
    let small = Full::new(Bytes::from_static(b"small"));
    assert!(bodies.read(ADDRESS, small, false).await.unwrap().turn.is_none());
    let other = "192.0.2.8".parse().unwrap();
    assert!(bodies.read(other, large(), false).await.unwrap().turn.is_some());
    held.pop();
    assert!(bodies.read(ADDRESS, large(), false).await.is_ok());
}

/// A body that always has one more empty piece by the second time that it is asked, so that its
/// reader never comes to wait for a timer.
struct Endless {
    asked: bool,
}

impl Body for Endless {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.asked = !self.asked;
        if self.asked {
            context.waker().wake_by_ref();
            return Poll::Pending;
        }
        Poll::Ready(Some(Ok(Frame::data(Bytes::new()))))
    }
}

#[tokio::test(start_paused = true)]
async fn what_keeps_coming_is_late_all_the_same() {
    let bodies = Bodies::new();
    let hours = async {
        for _ in 0..3600 {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
    };
    tokio::select! {
        read = read(&bodies, Endless { asked: false }) => {
            let (code, after) = read.unwrap_err();
            assert_eq!(code, Code::RequestTimeout);
            assert!((30..40).contains(&after), "{after}");
        }
        () = hours => panic!("it is still being read"),
    }
}
