//! The time that a body may take, with the runtime's clock paused: it jumps to the next timer.

use std::convert::Infallible;

use http_body_util::Full;
use hyper::body::Frame;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;
use crate::body_shares::OF_ADDRESS;

const ADDRESS: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 7));

/// What is asked of a body that is not to be larger.
async fn no_more(_begun: Bytes) -> Allowance {
    Allowance::USUAL
}

/// So much is allowed to somebody.
fn allowed(bytes: usize) -> Allowance {
    Allowance { bytes, ..Allowance::USUAL }
}

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

/// A body that announces its length, in parts of these lengths, the first one at once, each next one
/// after `pause`.
fn announced(parts: Vec<usize>, pause: Duration) -> Announced {
    let (sender, receiver) = mpsc::channel(1);
    let length = parts.iter().sum::<usize>() as u64;
    tokio::spawn(async move {
        for part in parts {
            let _ = sender.send(Bytes::from(vec![b'x'; part])).await;
            sleep(pause).await;
        }
    });
    Announced(Channel(receiver), length)
}

struct Announced(Channel, u64);

impl Body for Announced {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.0).poll_frame(context)
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.1)
    }
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
    match bodies.read(ADDRESS, body, false, no_more).await {
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
        held.push(bodies.read(ADDRESS, large(), false, no_more).await.unwrap());
    }
    let fault = bodies.read(ADDRESS, large(), false, no_more).await.unwrap_err();
    assert_eq!(fault.code(), Code::ServiceUnavailable);
    assert!(fault.message().contains("already sending 16 request bodies"), "{fault:?}");
    // Small ones and those of others are as welcome as ever.
    let small = Full::new(Bytes::from_static(b"small"));
    assert!(bodies.read(ADDRESS, small, false, no_more).await.unwrap().turn.is_none());
    let other = "192.0.2.8".parse().unwrap();
    assert!(bodies.read(other, large(), false, no_more).await.unwrap().turn.is_some());
    held.pop();
    assert!(bodies.read(ADDRESS, large(), false, no_more).await.is_ok());
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

const MIB: usize = 1 << 20;

/// What is answered when a body may be as large as any.
async fn a_document(_begun: Bytes) -> Allowance {
    allowed(DOCUMENT_MAX)
}

/// A body of a known length.
fn whole(bytes: usize) -> Full<Bytes> {
    Full::new(Bytes::from(vec![b'x'; bytes]))
}

fn documents_left(bodies: &Bodies) -> (usize, usize) {
    (bodies.documents_left(), bodies.turns_left())
}

const ALL: (usize, usize) = (DOCUMENTS_MIB as usize, LARGE_BODIES);

#[tokio::test(start_paused = true)]
async fn a_body_is_larger_only_when_its_beginning_says_so() {
    let bodies = Bodies::new();
    // It is asked once, with the beginning, and only of a body that is larger.
    let asked = Arc::new(std::sync::Mutex::new(Vec::new()));
    let ask = |most: usize| {
        let asked = Arc::clone(&asked);
        move |begun: Bytes| {
            asked.lock().unwrap().push(begun.len());
            async move { allowed(most) }
        }
    };
    let too_large = |fault: Fault| {
        assert_eq!(fault.code(), Code::RequestEntityTooLarge);
        fault.message().to_owned()
    };
    for (bytes, most, want) in [
        (BODY_MAX, DOCUMENT_MAX, Ok(0)),
        (BODY_MAX + 1, BODY_MAX, Err(BODY_MAX)),
        (BODY_MAX + 1, DOCUMENT_MAX, Ok(1)),
        (3 * MIB, 3 * MIB, Ok(1)),
        (3 * MIB + 1, 3 * MIB, Err(3 * MIB)),
        (DOCUMENT_MAX, usize::MAX, Ok(1)),
        // Nobody is asked about what nobody may send.
        (DOCUMENT_MAX + 1, usize::MAX, Err(DOCUMENT_MAX)),
    ] {
        asked.lock().unwrap().clear();
        let read = bodies.read(ADDRESS, whole(bytes), false, ask(most)).await;
        let times = asked.lock().unwrap().clone();
        match want {
            Ok(count) => {
                let read = read.unwrap();
                assert_eq!((read.bytes.len(), times.len()), (bytes, count));
                assert_eq!(read.turn.unwrap().is_document(), count > 0);
            }
            Err(limit) => {
                let text = format!("The request body is larger than the limit of {limit} bytes.");
                assert_eq!(too_large(read.unwrap_err()), text);
            }
        }
        assert!(times.iter().all(|begun| *begun == BEGINNING), "{times:?}");
        assert_eq!(documents_left(&bodies), ALL, "{bytes} bytes");
    }
    // Of one that the client sends when it is asked to, the head alone tells.
    for (most, want) in [(BODY_MAX, Err("1048576")), (3 << 19, Err("1572864")), (2 * MIB, Ok(()))] {
        asked.lock().unwrap().clear();
        let read = bodies.read(ADDRESS, whole(2 * MIB), true, ask(most)).await;
        match want {
            Ok(()) => assert!(read.is_ok()),
            Err(limit) => assert!(too_large(read.unwrap_err()).contains(limit)),
        }
        assert_eq!(asked.lock().unwrap()[0], 0);
    }
    // In parts, whose length nobody has announced: asked when it becomes larger.
    asked.lock().unwrap().clear();
    let body = parts(64 << 10, 40, Duration::ZERO);
    let read = bodies.read(ADDRESS, body, false, ask(DOCUMENT_MAX)).await.unwrap();
    assert_eq!(read.bytes.len(), 40 * (64 << 10));
    assert_eq!(*asked.lock().unwrap(), [BEGINNING]);
    // It holds what is here, not what may come.
    assert_eq!(bodies.documents_left(), DOCUMENTS_MIB as usize - 3);
    drop(read);
    let body = parts(64 << 10, 40, Duration::ZERO);
    let read = bodies.read(ADDRESS, body, false, ask(2 * MIB)).await;
    assert!(too_large(read.unwrap_err()).contains("2097152"));
    assert_eq!(documents_left(&bodies), ALL);
}

/// A body that announces its length, and of which no more comes than a part; then it breaks off, or
/// nothing happens any more.
struct Broken {
    announced: u64,
    part: Option<Bytes>,
    breaks_off: bool,
}

impl Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _context: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        match self.part.take() {
            Some(part) => Poll::Ready(Some(Ok(Frame::data(part)))),
            None if self.breaks_off => {
                Poll::Ready(Some(Err(std::io::ErrorKind::ConnectionReset.into())))
            }
            None => Poll::Pending,
        }
    }

    fn size_hint(&self) -> hyper::body::SizeHint {
        hyper::body::SizeHint::with_exact(self.announced)
    }
}

#[tokio::test(start_paused = true)]
async fn the_budget_of_documents_is_given_back_on_every_path() {
    let bodies = Arc::new(Bodies::new());
    let broken = |breaks_off| Broken {
        announced: 8 << 20,
        part: Some(Bytes::from(vec![b'x'; 2 * MIB])),
        breaks_off,
    };
    // The client hangs up midway.
    let fault = bodies.read(ADDRESS, broken(true), false, a_document).await.unwrap_err();
    assert_eq!(fault.code(), Code::InvalidInput);
    assert_eq!(documents_left(&bodies), ALL);
    // The client stops sending.
    let fault = bodies.read(ADDRESS, broken(false), false, a_document).await.unwrap_err();
    assert_eq!(fault.code(), Code::RequestTimeout);
    assert_eq!(documents_left(&bodies), ALL);
    // The connection, and with it whoever reads, is gone.
    let reading = tokio::spawn({
        let (bodies, body) = (Arc::clone(&bodies), broken(false));
        async move { bodies.read(ADDRESS, body, false, a_document).await.map(drop) }
    });
    tokio::task::yield_now().await;
    assert_eq!(bodies.documents_left(), DOCUMENTS_MIB as usize - 2);
    reading.abort();
    let _ = reading.await;
    assert_eq!(documents_left(&bodies), ALL);

    // One address has its share.
    let mut held = Vec::new();
    for _ in 0..OF_ADDRESS {
        held.push(bodies.read(ADDRESS, whole(DOCUMENT_MAX), false, a_document).await.unwrap());
    }
    let fault = bodies.read(ADDRESS, whole(2 * MIB), false, a_document).await.unwrap_err();
    assert_eq!(fault.code(), Code::ServiceUnavailable);
    assert!(fault.message().contains("already sending 2 request bodies"), "{fault:?}");
    // The budget is that of all; what is small goes on.
    for last in [8, 9] {
        let other = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, last));
        while let Ok(one) = bodies.read(other, whole(DOCUMENT_MAX), false, a_document).await {
            held.push(one);
        }
    }
    assert_eq!((held.len(), bodies.documents_left()), (4, 0));
    let (begun, other) = (Instant::now(), IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 10)));
    let fault = bodies.read(other, whole(2 * MIB), false, a_document).await.unwrap_err();
    assert_eq!((fault.code(), begun.elapsed().as_secs()), (Code::ServiceUnavailable, 10));
    assert!(bodies.read(other, whole(BODY_MAX), false, no_more).await.is_ok());
    drop(held);
    assert_eq!(documents_left(&bodies), ALL);
}

#[tokio::test(start_paused = true)]
async fn a_document_holds_what_is_here_of_it_and_comes_at_its_pace() {
    const KIB: usize = 1 << 10;
    let slow = |after| Err((Code::RequestTimeout, after));
    for (parts, pause, expected) in [
        // A third of it in each ten seconds.
        (vec![MIB; 8], 3, Ok(8 * MIB)),
        (vec![3 * MIB; 3], 9, Ok(9 * MIB)),
        // What is enough for a small one is not.
        (vec![70 * KIB; 128], 1, slow(10)),
        (vec![MIB; 31], 4, slow(10)),
        ([vec![4 * MIB], vec![70 * KIB; 64]].concat(), 1, slow(10)),
        ([vec![4 * MIB; 2], vec![70 * KIB; 64]].concat(), 1, slow(13)),
    ] {
        let bodies = Bodies::new();
        let begun = Instant::now();
        let (what, pause) =
            (format!("{} parts, {pause} s", parts.len()), Duration::from_secs(pause));
        let read = bodies.read(ADDRESS, announced(parts, pause), false, a_document).await;
        let got = match read {
            Ok(whole) => Ok(whole.bytes.len()),
            Err(fault) => Err((fault.code(), begun.elapsed().as_secs())),
        };
        assert_eq!(got, expected, "{what}");
        assert_eq!(documents_left(&bodies), ALL);
    }
    // Many that have announced much and sent little leave room for one that is sent.
    let bodies = Arc::new(Bodies::new());
    let mut reading = Vec::new();
    for last in 10..60 {
        let bodies = Arc::clone(&bodies);
        reading.push(tokio::spawn(async move {
            let address = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, last));
            let slow = announced(vec![70 * KIB, 30 * MIB], Duration::from_secs(60));
            bodies.read(address, slow, false, a_document).await.map(drop)
        }));
    }
    while bodies.documents_left() > DOCUMENTS_MIB as usize - 50 {
        tokio::task::yield_now().await;
    }
    assert!(bodies.read(ADDRESS, whole(DOCUMENT_MAX), false, a_document).await.is_ok());
    for reading in reading {
        assert_eq!(reading.await.unwrap().unwrap_err().code(), Code::RequestTimeout);
    }
    assert_eq!(documents_left(&bodies), ALL);
}

#[tokio::test(start_paused = true)]
async fn waiting_for_the_budget_is_not_the_senders_time() {
    let bodies = Arc::new(Bodies::new());
    let all = || {
        let (documents, all) = (Arc::clone(&bodies.documents), DOCUMENTS_MIB);
        async move { documents.acquire_many_owned(all).await.unwrap() }
    };
    let read = |parts: Vec<usize>| {
        let bodies = Arc::clone(&bodies);
        let body = announced(parts, Duration::from_secs(4));
        tokio::spawn(async move {
            let begun = Instant::now();
            let read = bodies.read(ADDRESS, body, false, a_document).await;
            let after = begun.elapsed().as_secs();
            read.map(|whole| (whole.bytes.len(), after)).map_err(|fault| (fault.code(), after))
        })
    };
    // The first part, at once, sets the pace; the second, after 4 s, waits for 9 s.
    let parts = vec![20 << 10, MIB, MIB, MIB];
    let taken = all().await;
    let reading = read(parts.clone());
    sleep(Duration::from_secs(13)).await;
    drop(taken);
    assert_eq!(reading.await.unwrap().map(|(bytes, _)| bytes), Ok((20 << 10) + 3 * MIB));
    // There is an end to waiting, and it is one for all parts: 6 s from the fourth second on, and 4 s
    // from the twelfth on.
    let taken = all().await;
    let reading = read(parts);
    sleep(Duration::from_secs(10)).await;
    drop(taken);
    tokio::task::yield_now().await;
    tokio::task::yield_now().await;
    let left = u32::try_from(bodies.documents_left()).unwrap();
    let _taken = bodies.documents.acquire_many(left).await.unwrap();
    assert_eq!(reading.await.unwrap(), Err((Code::ServiceUnavailable, 16)));
}
