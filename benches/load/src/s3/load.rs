//! The load of the S3 bench: connections that each ask again as soon as they are answered, and what
//! they saw of the time that took.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};

use crate::figures::Latency;

/// How much is read at once.
const PIECE: usize = 256 << 10;
/// How long nothing may come; it only bounds a broken server.
const PATIENCE: Duration = Duration::from_secs(60);

/// One request again and again.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Load<'a> {
    pub(crate) address: SocketAddr,
    /// Its head, and its body apart: one of many MiB is not copied.
    pub(crate) head: &'a [u8],
    pub(crate) body: &'a [u8],
    /// How many bytes the body of each reply has.
    pub(crate) reply_bytes: u64,
    pub(crate) connections: usize,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Turn {
    pub(crate) replies: u64,
    pub(crate) seconds: f64,
    pub(crate) latency: Latency,
    /// What the measured process used for all of it.
    pub(crate) cpu: Duration,
}

impl Turn {
    pub(crate) fn cpu_us(&self) -> f64 {
        self.cpu.as_secs_f64() * 1e6 / self.replies as f64
    }

    pub(crate) fn per_second(&self) -> f64 {
        self.replies as f64 / self.seconds
    }
}

impl Load<'_> {
    /// Asks for that long, after each connection has asked once, which does not count. `cpu` tells what
    /// the process that is looked at has used so far.
    pub(crate) fn turn(
        &self,
        time: Duration,
        cpu: impl Fn() -> anyhow::Result<Duration>,
    ) -> anyhow::Result<Turn> {
        let mut connections = Vec::new();
        for _ in 0..self.connections {
            let mut connection = Connection::open(self.address)?;
            connection.ask(self)?;
            connections.push(connection);
        }
        let (before, begun) = (cpu()?, Instant::now());
        let end = begun + time;
        let took = thread::scope(|scope| {
            let asking: Vec<_> = connections
                .into_iter()
                .map(|connection| scope.spawn(move || connection.ask_until(self, end)))
                .collect();
            let mut took = Vec::new();
            for one in asking {
                let one = one.join().map_err(|_| anyhow::anyhow!("a connection panicked"))?;
                took.extend(one?);
            }
            anyhow::Ok(took)
        })?;
        // What was begun before the end is part of it.
        let seconds = begun.elapsed().as_secs_f64();
        let cpu = cpu()?.saturating_sub(before);
        let replies = took.len() as u64;
        let latency = Latency::of(took).context("nothing was answered in time")?;
        Ok(Turn { replies, seconds, latency, cpu })
    }
}

#[derive(Debug)]
struct Connection {
    stream: TcpStream,
    reader: BufReader<TcpStream>,
}

impl Connection {
    fn open(address: SocketAddr) -> anyhow::Result<Self> {
        let stream = TcpStream::connect(address)
            .with_context(|| format!("the load cannot connect to {address}"))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let reader = BufReader::with_capacity(PIECE, stream.try_clone()?);
        Ok(Self { stream, reader })
    }

    fn ask_until(mut self, load: &Load<'_>, end: Instant) -> anyhow::Result<Vec<Duration>> {
        let mut took = Vec::new();
        loop {
            let begun = Instant::now();
            if begun >= end && !took.is_empty() {
                return Ok(took);
            }
            self.ask(load)?;
            took.push(begun.elapsed());
        }
    }

    /// Anything but success, of the length that was expected, ends the run.
    fn ask(&mut self, load: &Load<'_>) -> anyhow::Result<()> {
        self.stream.write_all(load.head)?;
        self.stream.write_all(load.body)?;
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        let (status, mut length, mut is_chunked) = (line.trim_end().to_owned(), None, false);
        ensure!(!status.is_empty(), "the server closed the connection");
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let Some((name, value)) = line.trim_end().split_once(':') else { break };
            if name.eq_ignore_ascii_case("content-length") {
                length = Some(value.trim().parse::<u64>()?);
            }
            is_chunked |= name.eq_ignore_ascii_case("transfer-encoding");
        }
        if is_chunked && length.is_none() {
            let read = self.pass_chunks()?;
            // A list that the gateway has written anew has another length.
            let is_whole = status.starts_with("HTTP/1.1 200 ") && read > load.reply_bytes / 2;
            ensure!(is_whole, "`{status}` with {read} bytes");
            return Ok(());
        }
        let length = length.with_context(|| format!("`{status}` without a length"))?;
        if !status.starts_with("HTTP/1.1 200 ") || length != load.reply_bytes {
            let mut text = Vec::new();
            self.reader.by_ref().take(length.min(2000)).read_to_end(&mut text)?;
            bail!("`{status}` with {length} bytes: {}", String::from_utf8_lossy(&text));
        }
        self.pass(length)
    }

    /// Reads so many bytes, and looks at none.
    fn pass(&mut self, mut left: u64) -> anyhow::Result<()> {
        while left > 0 {
            let read = self.reader.fill_buf()?.len();
            ensure!(read > 0, "the server broke a reply off");
            let taken = left.min(read as u64);
            self.reader.consume(taken as usize);
            left -= taken;
        }
        Ok(())
    }

    /// Reads a body in chunks (RFC 9112, section 7.1), and tells how much was in them.
    fn pass_chunks(&mut self) -> anyhow::Result<u64> {
        let (mut line, mut total) = (String::new(), 0);
        loop {
            line.clear();
            self.reader.read_line(&mut line)?;
            let size = u64::from_str_radix(line.trim_end(), 16)
                .with_context(|| format!("`{}` is no size of a chunk", line.trim_end()))?;
            // The line end behind the data; behind the last chunk there are no trailers here.
            self.pass(size + 2)?;
            total += size;
            if size == 0 {
                return Ok(total);
            }
        }
    }
}
