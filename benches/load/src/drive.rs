//! The load: one thread, many keep-alive connections, requests that lie ready.
//!
//! It shares the machine with the server, so it does next to nothing: it writes a buffer, reads a
//! reply, looks at its status and its length. A reply with another status than the expected one
//! ends the run, and so do a connection that the server closes and a silence of
//! [`SILENCE`].

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Events, Interest, Poll, Token};
use nix::sys::time::TimeSpec;
use nix::sys::timer::TimerSetTimeFlags;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags};

use crate::reply;

/// After so long without a word from the server the run has failed.
const SILENCE: Duration = Duration::from_secs(10);
/// How long the replies that are still due at the end may take.
const DRAIN: Duration = Duration::from_secs(20);
/// The timer's place among the events; connections have the numbers from 0.
const TIMER: Token = Token(usize::MAX - 1);

/// What is sent where, and what the answer must be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    pub(crate) pool: &'a [Vec<u8>],
    pub(crate) expected: u16,
    pub(crate) connections: usize,
    /// Whether a request may be sent again when all were. Where not, a loop ends with the pool.
    pub(crate) again: bool,
}

/// What a closed loop found.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Throughput {
    pub(crate) requests: u32,
    pub(crate) elapsed: Duration,
    /// What the server's process used meanwhile.
    pub(crate) cpu: Duration,
}

impl Throughput {
    pub(crate) fn per_second(&self) -> f64 {
        f64::from(self.requests) / self.elapsed.as_secs_f64()
    }

    /// Microseconds of the server's time for a request.
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / f64::from(self.requests)
    }
}

impl Load<'_> {
    /// The closed loop: every connection asks again as soon as it is answered. `cpu` tells what the
    /// server has used so far; it counts, as the requests do, after the warm-up only.
    pub(crate) fn closed(
        &self,
        warm: Duration,
        measured: Duration,
        cpu: impl Fn() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Throughput> {
        let mut lines = Lines::open(*self)?;
        let mut events = Events::with_capacity(self.connections.max(1));
        for line in 0..self.connections.min(self.pool.len()) {
            lines.send(line)?;
        }
        let mut warming = Some(Instant::now() + warm);
        let (mut from, mut cpu_from, mut requests) = (Instant::now(), cpu()?, 0_u32);
        loop {
            lines.poll(&mut events)?;
            for event in &events {
                let line = event.token().0;
                if lines.event(line, event)? {
                    requests += 1;
                    if lines.has_more() {
                        lines.send(line)?;
                    }
                }
            }
            let now = Instant::now();
            match warming {
                Some(end) if now >= end => {
                    warming = None;
                    (from, cpu_from, requests) = (Instant::now(), cpu()?, 0);
                }
                Some(_) if !lines.has_more() => bail!("the warm-up took all requests"),
                None if now.duration_since(from) >= measured || !lines.has_more() => break,
                _ => {}
            }
        }
        let (cpu_to, elapsed) = (cpu()?, from.elapsed());
        lines.drain(&mut events)?;
        if requests == 0 {
            bail!("nothing was answered in {elapsed:?}");
        }
        Ok(Throughput { requests, elapsed, cpu: cpu_to.saturating_sub(cpu_from) })
    }

    /// Every request of the pool once; returns what the server has used meanwhile.
    pub(crate) fn once(
        &self,
        cpu: impl Fn() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Duration> {
        let connections = self.connections.min(self.pool.len());
        let mut lines = Lines::open(Self { connections, ..*self })?;
        let mut events = Events::with_capacity(connections.max(1));
        let cpu_from = cpu()?;
        for line in 0..connections {
            lines.send(line)?;
        }
        let (mut sent, mut answered) = (connections, 0);
        while answered < self.pool.len() {
            lines.poll(&mut events)?;
            for event in &events {
                let line = event.token().0;
                if lines.event(line, event)? {
                    answered += 1;
                    if sent < self.pool.len() {
                        sent += 1;
                        lines.send(line)?;
                    }
                }
            }
        }
        Ok(cpu()?.saturating_sub(cpu_from))
    }

    /// The open loop: `rate` requests a second are due whatever becomes of them. How long each
    /// took counts from when it was due, not from when it could be sent; those of the warm-up do
    /// not count.
    pub(crate) fn open(
        &self,
        rate: u32,
        warm: Duration,
        measured: Duration,
    ) -> anyhow::Result<Vec<Duration>> {
        let interval = Duration::from_secs(1) / rate.max(1);
        let mut lines = Lines::open(*self)?;
        let mut idle: Vec<usize> = (0..self.connections).collect();
        let mut waiting = VecDeque::new();
        let mut due_at: Vec<Instant> = vec![Instant::now(); self.connections];
        let mut events = Events::with_capacity(self.connections + 1);
        let mut took = Vec::new();

        let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
        let timer = TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?;
        let fd = timer.as_fd().as_raw_fd();
        lines.poll.registry().register(&mut SourceFd(&fd), TIMER, Interest::READABLE)?;
        let start = Instant::now();
        // Armed after `start`: whenever it fires, at least one more request is due.
        let every = TimeSpec::from_duration(interval);
        timer.set(Expiration::IntervalDelayed(every, every), TimerSetTimeFlags::empty())?;

        let counted = start + warm;
        let mut end = counted + measured;
        if !self.again {
            end = end.min(start + interval * u32::try_from(self.pool.len())?);
        }
        let mut next = start + interval;
        while next < end || !waiting.is_empty() || idle.len() < self.connections {
            lines.poll(&mut events)?;
            for event in &events {
                if event.token() == TIMER {
                    // Nothing to read means that it was read: the clock tells what is due.
                    let _ = timer.wait();
                    continue;
                }
                let line = event.token().0;
                if !lines.event(line, event)? {
                    continue;
                }
                let due = due_at[line];
                if due >= counted {
                    took.push(due.elapsed());
                }
                match waiting.pop_front() {
                    Some(due) => {
                        due_at[line] = due;
                        lines.send(line)?;
                    }
                    None => idle.push(line),
                }
            }
            let now = Instant::now();
            if now > end + DRAIN {
                bail!("the server does not keep up with {rate} requests a second");
            }
            while next <= now && next < end {
                match idle.pop() {
                    Some(line) => {
                        due_at[line] = next;
                        lines.send(line)?;
                    }
                    None => waiting.push_back(next),
                }
                next += interval;
            }
        }
        Ok(took)
    }
}

/// The connections.
struct Lines<'a> {
    load: Load<'a>,
    poll: Poll,
    lines: Vec<Line>,
    /// Which request is sent next.
    turn: usize,
    /// Whether all were sent.
    is_through: bool,
    scratch: Vec<u8>,
}

struct Line {
    stream: TcpStream,
    /// The request that is under way, and how much of it is sent.
    request: Option<(usize, usize)>,
    /// The reply so far, when it comes in pieces.
    reply: Vec<u8>,
}

impl<'a> Lines<'a> {
    fn open(load: Load<'a>) -> anyhow::Result<Self> {
        if load.pool.is_empty() || load.connections == 0 {
            bail!("a load needs requests and connections");
        }
        let poll = Poll::new()?;
        let mut lines = Vec::with_capacity(load.connections);
        for number in 0..load.connections {
            let stream = std::net::TcpStream::connect(load.address)
                .with_context(|| format!("cannot connect to {}", load.address))?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            let mut stream = TcpStream::from_std(stream);
            let both = Interest::READABLE | Interest::WRITABLE;
            poll.registry().register(&mut stream, Token(number), both)?;
            lines.push(Line { stream, request: None, reply: Vec::new() });
        }
        Ok(Self { load, poll, lines, turn: 0, is_through: false, scratch: vec![0; 16 << 10] })
    }

    fn poll(&mut self, events: &mut Events) -> anyhow::Result<()> {
        match self.poll.poll(events, Some(SILENCE)) {
            Ok(()) if events.is_empty() => bail!("the server was silent for {SILENCE:?}"),
            Err(error) if error.kind() == ErrorKind::Interrupted => Ok(()),
            done => Ok(done?),
        }
    }

    /// Whether there is a next request.
    fn has_more(&self) -> bool {
        self.load.again || !self.is_through
    }

    /// Sends the next request.
    fn send(&mut self, line: usize) -> anyhow::Result<()> {
        self.lines[line].request = Some((self.turn, 0));
        self.turn = (self.turn + 1) % self.load.pool.len();
        self.is_through |= self.turn == 0;
        self.go_on_sending(line)
    }

    fn go_on_sending(&mut self, line: usize) -> anyhow::Result<()> {
        let line = &mut self.lines[line];
        while let Some((request, sent)) = line.request {
            let rest = &self.load.pool[request][sent..];
            if rest.is_empty() {
                break;
            }
            match line.stream.write(rest) {
                Ok(written) => line.request = Some((request, sent + written)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error).context("a request could not be sent"),
            }
        }
        Ok(())
    }

    /// Does what an event asks for; true when a reply is whole.
    fn event(&mut self, line: usize, event: &mio::event::Event) -> anyhow::Result<bool> {
        if event.is_writable() {
            self.go_on_sending(line)?;
        }
        if event.is_readable() { self.receive(line) } else { Ok(false) }
    }

    fn receive(&mut self, line: usize) -> anyhow::Result<bool> {
        let line = &mut self.lines[line];
        loop {
            let read = match line.stream.read(&mut self.scratch) {
                Ok(0) => bail!("the server closed a connection"),
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(error).context("a reply could not be read"),
            };
            if line.request.is_none() {
                bail!("the server sent something that nobody asked for");
            }
            // A reply nearly always comes in one piece, and is looked at where it is.
            let piece = &self.scratch[..read];
            let bytes = if line.reply.is_empty() {
                piece
            } else {
                line.reply.extend_from_slice(piece);
                &line.reply
            };
            match reply::parse(bytes)? {
                Some(found) => {
                    if found.status != self.load.expected {
                        let text = String::from_utf8_lossy(&bytes[found.head..found.whole]);
                        let (status, expected) = (found.status, self.load.expected);
                        bail!("a reply has status {status}, not {expected}: {text}");
                    }
                    if found.whole < bytes.len() {
                        bail!("the server sent more than one reply");
                    }
                    line.reply.clear();
                    line.request = None;
                    // One reply for one request: there is nothing more to read.
                    return Ok(true);
                }
                None if line.reply.is_empty() => line.reply.extend_from_slice(piece),
                None => {}
            }
        }
    }

    /// Waits for the replies that are under way, so that they are on nobody else's account.
    fn drain(&mut self, events: &mut Events) -> anyhow::Result<()> {
        let until = Instant::now() + DRAIN;
        while self.lines.iter().any(|line| line.request.is_some()) {
            self.poll(events)?;
            for event in events.iter() {
                self.event(event.token().0, event)?;
            }
            if Instant::now() > until {
                bail!("the last replies took longer than {DRAIN:?}");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::thread;

    use super::*;

    /// Answers each request, which ends with `.`, with what `answer` makes of its number; in two
    /// pieces.
    fn server(answer: fn(usize) -> &'static str) -> SocketAddr {
        let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                thread::spawn(move || {
                    let (mut byte, mut number) = ([0], 0);
                    while stream.read(&mut byte).unwrap_or(0) == 1 {
                        if byte == *b"." {
                            let (head, tail) = answer(number).split_at(20);
                            number += 1;
                            let _ = stream.write_all(head.as_bytes());
                            thread::yield_now();
                            let _ = stream.write_all(tail.as_bytes());
                        }
                    }
                });
            }
        });
        address
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";
    const REFUSED: &str = "HTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";
    const MS: Duration = Duration::from_millis(1);

    fn load(address: SocketAddr, pool: &[Vec<u8>]) -> Load<'_> {
        Load { address, pool, expected: 200, connections: 3, again: true }
    }

    #[test]
    fn a_closed_loop_counts_what_was_answered_while_it_measured() {
        let pool = [b"one.".to_vec(), b"two.".to_vec()];
        let calls = std::cell::Cell::new(0);
        // Once at the beginning, once after the warm-up, once at the end.
        let cpu = || {
            calls.set(calls.get() + 1);
            Ok(Duration::from_secs(calls.get()))
        };
        let found = load(server(|_| OK), &pool).closed(5 * MS, 20 * MS, cpu).unwrap();
        assert!(found.requests > 0 && found.elapsed >= 20 * MS, "{found:?}");
        assert_eq!((found.cpu, calls.get()), (Duration::from_secs(1), 3));
    }

    /// The server counts how often each connection asked; one does all.
    #[test]
    fn where_nothing_is_sent_again_a_loop_ends_with_the_pool() {
        let address = server(|number| if number < 10 { OK } else { REFUSED });
        let pool = vec![b"one.".to_vec(); 10];
        let one = Load { connections: 1, again: false, ..load(address, &pool) };
        let found = one.closed(Duration::ZERO, 10_000 * MS, || Ok(MS)).unwrap();
        assert!(found.elapsed < 10_000 * MS && found.requests < 10, "{found:?}");
        let took = one.open(1000, Duration::ZERO, 10_000 * MS).unwrap();
        assert!((9..=10).contains(&took.len()), "{}", took.len());
        let said = one.closed(10_000 * MS, MS, || Ok(MS)).unwrap_err().to_string();
        assert_eq!(said, "the warm-up took all requests");
    }

    #[test]
    fn an_open_loop_asks_as_often_as_it_was_told() {
        let pool = [b"one.".to_vec()];
        let took = load(server(|_| OK), &pool).open(1000, 10 * MS, 50 * MS).unwrap();
        // What is due at the very end is not asked for any more.
        assert!((49..=50).contains(&took.len()), "{}", took.len());
    }

    #[test]
    fn another_status_ends_the_run() {
        let pool = [b"one.".to_vec()];
        let address = server(|number| if number < 2 { OK } else { REFUSED });
        let said = load(address, &pool).closed(MS, 100 * MS, || Ok(MS)).unwrap_err().to_string();
        assert_eq!(said, "a reply has status 403, not 200: no");
        let said = load(address, &pool).open(1000, MS, 100 * MS).unwrap_err().to_string();
        assert_eq!(said, "a reply has status 403, not 200: no");
    }

    /// A stall of the server is in the figures of all that came due meanwhile.
    #[test]
    fn latency_counts_from_when_a_request_was_due() {
        let address = server(|number| {
            if number == 5 {
                thread::park_timeout(30 * MS);
            }
            OK
        });
        let pool = [b"one.".to_vec()];
        let one = Load { connections: 1, ..load(address, &pool) };
        let took = one.open(1000, Duration::ZERO, 60 * MS).unwrap();
        let late = took.iter().filter(|took| **took >= 5 * MS).count();
        assert!(late >= 15, "{took:?}");
    }
}
