//! Log lines on standard error, without ever waiting for whoever reads them.
//!
//! A line goes into a bounded queue, from which a thread of its own writes. A reader that stalls
//! costs lines, and the log says how many; it does not hold up the server.

use std::io::{self, IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, anyhow};
use daypass_server::{Clock, LogFormat, SystemClock};
use tracing::{Level, Metadata, Subscriber};
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::fmt::MakeWriter;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer};

/// SECURITY: at their finer levels these libraries log targets and header fields, and session
/// tokens with them. No filter turns that on.
const HUSHED: [&str; 4] = ["h2", "hyper", "hyper_util", "rustls"];

/// Most lines that wait to be written: with [`LINE_MAX`] they hold at most 8 MiB.
const QUEUE: usize = 1024;
/// Longest line, in bytes; longer ones are cut.
const LINE_MAX: usize = 8 << 10;
/// The end of a line that was cut.
const CUT: &[u8] = "…\n".as_bytes();
/// How long the end of the process waits for lines that are not written yet: what is left of the
/// 10 seconds in which the server stops.
const FLUSH: Duration = Duration::from_millis(400);

/// Starts logging what `filter` lets through, until the result is dropped: that writes what is
/// left, if it can be done in a moment.
pub(crate) fn start(filter: &str, format: LogFormat) -> anyhow::Result<Logging> {
    let (queue, logging) =
        spawn(io::stderr(), format).context("the thread that logs cannot be started")?;
    let ansi = io::stderr().is_terminal();
    let subscriber = subscriber(parse(filter)?, move || queue.clone(), ansi, format);
    let started = subscriber.try_init();
    started.map_err(|error| anyhow!("logging cannot be started: {error}"))?;
    Ok(logging)
}

/// What writes the lines that `filter` lets through and that hold no secrets.
fn subscriber<W>(
    filter: EnvFilter,
    writer: W,
    ansi: bool,
    format: LogFormat,
) -> impl Subscriber + Send + Sync
where
    W: for<'w> MakeWriter<'w> + Send + Sync + 'static,
{
    let lines = tracing_subscriber::fmt::layer().with_writer(writer).with_ansi(ansi);
    let lines = match format {
        LogFormat::Text => lines.boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    tracing_subscriber::registry().with(lines).with(filter).with(filter_fn(holds_no_secret))
}

/// Whether an event may be logged at all.
fn holds_no_secret(event: &Metadata<'_>) -> bool {
    let library = event.target().split("::").next().unwrap_or_default();
    !HUSHED.contains(&library) || *event.level() <= Level::INFO
}

fn parse(filter: &str) -> anyhow::Result<EnvFilter> {
    let refused = || {
        format!(
            "setting `log`: `{filter}` is not a filter, such as `info` or `info,daypass_api=debug`"
        )
    };
    EnvFilter::try_new(filter).with_context(refused)
}

/// What goes to the thread that writes.
enum Message {
    Line(Vec<u8>),
    /// Wakes the thread up when there is nothing to write.
    End,
}

/// What the thread and the others tell each other beside the queue.
#[derive(Debug, Default)]
struct State {
    dropped: AtomicU64,
    ending: AtomicBool,
}

/// The entrance of the queue. Writing to it never waits and never fails.
#[derive(Clone)]
struct Queue {
    lines: SyncSender<Message>,
    state: Arc<State>,
}

impl Write for Queue {
    /// Takes one whole line, which is how the subscriber writes.
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if self.lines.try_send(Message::Line(cut(line))).is_err() {
            self.state.dropped.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A line of at most [`LINE_MAX`] bytes, cut between two characters.
fn cut(line: &[u8]) -> Vec<u8> {
    if line.len() <= LINE_MAX {
        return line.to_vec();
    }
    let room = LINE_MAX.saturating_sub(CUT.len());
    let kept = line.get(..room).unwrap_or(line);
    // The byte after the cut tells whether a character goes on there.
    let goes_on = |byte: &u8| byte & 0xc0 == 0x80;
    let kept = match line.get(room).is_some_and(goes_on) {
        true => kept.iter().rposition(|byte| !goes_on(byte)).and_then(|start| kept.get(..start)),
        false => Some(kept),
    };
    [kept.unwrap_or_default(), CUT].concat()
}

/// The log of a running process.
#[derive(Debug)]
pub(crate) struct Logging {
    lines: SyncSender<Message>,
    state: Arc<State>,
    written: Receiver<()>,
}

impl Drop for Logging {
    fn drop(&mut self) {
        self.state.ending.store(true, Ordering::SeqCst);
        // Where the queue is full the thread is awake anyway.
        let _ = self.lines.try_send(Message::End);
        // Late or not, this is the end.
        let _ = self.written.recv_timeout(FLUSH);
    }
}

/// Starts the thread that writes to `out`.
fn spawn(out: impl Write + Send + 'static, format: LogFormat) -> io::Result<(Queue, Logging)> {
    let (lines, queued) = sync_channel(QUEUE);
    let (end, written) = sync_channel(1);
    let state = Arc::new(State::default());
    let writer = Writer { out, format, state: Arc::clone(&state) };
    thread::Builder::new().name("log".to_owned()).spawn(move || writer.run(&queued, &end))?;
    let queue = Queue { lines: lines.clone(), state: Arc::clone(&state) };
    Ok((queue, Logging { lines, state, written }))
}

struct Writer<W> {
    out: W,
    format: LogFormat,
    state: Arc<State>,
}

impl<W: Write> Writer<W> {
    /// Writes until nobody is left who could log, and says on `end` that the queue is empty when
    /// it is asked.
    fn run(mut self, queued: &Receiver<Message>, end: &SyncSender<()>) {
        let mut since_report: usize = 0;
        loop {
            let message = match queued.try_recv() {
                Ok(message) => message,
                Err(TryRecvError::Disconnected) => return,
                Err(TryRecvError::Empty) => {
                    self.report();
                    since_report = 0;
                    if self.state.ending.load(Ordering::SeqCst) {
                        // Lost where somebody has heard it already, or waits no more.
                        let _ = end.try_send(());
                    }
                    match queued.recv() {
                        Ok(message) => message,
                        Err(_) => return,
                    }
                }
            };
            let Message::Line(line) = message else { continue };
            if self.put(&line).is_err() {
                self.state.dropped.fetch_add(1, Ordering::Relaxed);
            }
            // Now and then also while the queue never runs empty.
            since_report = since_report.saturating_add(1);
            if since_report >= QUEUE {
                self.report();
                since_report = 0;
            }
        }
    }

    /// Says how many lines are missing, if any are.
    fn report(&mut self) {
        let dropped = self.state.dropped.load(Ordering::Relaxed);
        if dropped == 0 {
            return;
        }
        let line = dropped_line(self.format, dropped);
        // Where it cannot be said now, it is said later.
        if self.put(line.as_bytes()).is_ok() {
            self.state.dropped.fetch_sub(dropped, Ordering::Relaxed);
        }
    }

    fn put(&mut self, line: &[u8]) -> io::Result<()> {
        self.out.write_all(line)?;
        self.out.flush()
    }
}

/// The line that stands for lines that are missing, in the form of the others.
fn dropped_line(format: LogFormat, dropped: u64) -> String {
    const SAYS: &str = "log lines were dropped because nobody read them in time";
    const TARGET: &str = "daypass::logging";
    let now = SystemClock.now();
    match format {
        LogFormat::Text => format!("{now}  WARN {TARGET}: {SAYS} dropped={dropped}\n"),
        LogFormat::Json => format!(
            "{{\"timestamp\":\"{now}\",\"level\":\"WARN\",\"message\":\"{SAYS}\",\
             \"dropped\":{dropped},\"target\":\"{TARGET}\"}}\n"
        ),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use std::sync::Mutex;

    use super::*;

    #[test]
    fn a_filter_is_levels_and_targets() {
        for good in ["info", "off", "debug,daypass_api=trace", "trace"] {
            assert!(parse(good).is_ok(), "{good:?}");
        }
        for bad in ["daypass_api=loud", "a=b=c"] {
            assert!(parse(bad).unwrap_err().to_string().contains("setting `log`"), "{bad:?}");
        }
    }

    #[test]
    fn header_fields_are_never_logged() {
        for filter in ["trace", "h2=trace", "trace,hyper=debug", "h2::server=trace,info"] {
            for format in [LogFormat::Text, LogFormat::Json] {
                let lines = Arc::new(Mutex::new(Vec::new()));
                let written = Arc::clone(&lines);
                let writer = move || Lines(Arc::clone(&written));
                let subscriber = subscriber(parse(filter).unwrap(), writer, false, format);
                tracing::subscriber::with_default(subscriber, || {
                    tracing::debug!(target: "h2::server", "secret");
                    tracing::trace!(target: "hyper", "secret");
                    tracing::debug!(target: "hyper_util::server", "secret");
                    tracing::trace!(target: "rustls::msgs", "secret");
                    tracing::info!(target: "h2::server", "harmless");
                    tracing::info!("ours");
                });
                let text = String::from_utf8(lines.lock().unwrap().clone()).unwrap();
                assert!(!text.contains("secret"), "{filter}: {text}");
                assert!(filter != "trace" || text.contains("ours"), "{filter}: {text}");
                assert!(filter != "trace" || text.contains("harmless"), "{filter}: {text}");
            }
        }
    }

    /// Keeps what is written.
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(line);
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    /// Tells what it is given, and accepts it when it is allowed to: with every permission gone
    /// it blocks, with nobody left to permit it fails.
    struct Reader {
        told: Sender<String>,
        permits: Receiver<()>,
    }

    impl Write for Reader {
        fn write(&mut self, line: &[u8]) -> io::Result<usize> {
            // The test may be over.
            let _ = self.told.send(String::from_utf8(line.to_vec()).unwrap());
            self.permits.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
            Ok(line.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    struct Log {
        queue: Queue,
        logging: Logging,
        told: Receiver<String>,
        permits: Sender<()>,
    }

    fn log(format: LogFormat) -> Log {
        let (told, heard) = channel();
        let (permits, given) = channel();
        let (queue, logging) = spawn(Reader { told, permits: given }, format).unwrap();
        Log { queue, logging, told: heard, permits }
    }

    impl Log {
        fn line(&mut self, text: &str) {
            self.queue.write_all(text.as_bytes()).unwrap();
        }
    }

    #[test]
    fn a_reader_that_stalls_costs_lines_and_holds_nothing_up() {
        for (format, says) in
            [(LogFormat::Text, "dropped=976\n"), (LogFormat::Json, "\"dropped\":976,")]
        {
            let mut log = log(format);
            log.line("first\n");
            assert_eq!(log.told.recv().unwrap(), "first\n");
            // The thread is blocked now: so many lines wait, and the rest are dropped.
            for number in 0..2000 {
                log.line(&format!("{number}\n"));
            }
            for _ in 0..2000 {
                log.permits.send(()).unwrap();
            }
            // First, what had waited.
            for number in 0..QUEUE - 1 {
                assert_eq!(log.told.recv().unwrap(), format!("{number}\n"));
            }
            let report = log.told.recv().unwrap();
            assert!(report.contains(says), "{report}");
            assert!(report.contains("log lines were dropped"), "{report}");
            assert_eq!(log.told.recv().unwrap(), format!("{}\n", QUEUE - 1));
            // And then as before, with nothing reported twice.
            log.line("last\n");
            assert_eq!(log.told.recv().unwrap(), "last\n");
            drop(log.logging);
            assert!(log.told.try_recv().is_err());
        }
    }

    #[test]
    fn the_end_waits_for_lines_but_not_for_ever() {
        let mut reading = log(LogFormat::Text);
        for number in 0..100 {
            reading.line(&format!("{number}\n"));
            reading.permits.send(()).unwrap();
        }
        drop(reading.logging);
        // No waiting here: all of them are written.
        assert_eq!(reading.told.try_iter().count(), 100);

        let mut stalled = log(LogFormat::Text);
        for _ in 0..2000 {
            stalled.line("x\n");
        }
        // This comes back, although nobody reads and the queue is full.
        drop(stalled.logging);
        assert_eq!(stalled.told.try_iter().count(), 1);
    }

    #[test]
    fn lines_that_cannot_be_written_are_no_error() {
        let mut log = log(LogFormat::Text);
        drop(log.permits);
        log.queue.write_all(b"x\n").unwrap();
        drop(log.logging);
        assert_eq!(log.told.recv().unwrap(), "x\n");
        assert_eq!(log.queue.state.dropped.load(Ordering::Relaxed), 1);
    }

    #[test]
    fn long_lines_are_cut_between_two_characters() {
        let check = |line: String, expected: String| {
            assert_eq!(String::from_utf8(cut(line.as_bytes())).unwrap(), expected);
            assert!(expected.len() <= LINE_MAX);
        };
        let whole = format!("{}\n", "x".repeat(LINE_MAX - 1));
        check(whole.clone(), whole);
        check("x".repeat(LINE_MAX + 1), format!("{}…\n", "x".repeat(LINE_MAX - 4)));
        let room = LINE_MAX - 4;
        for (before, kept) in [(0, room / 2), (1, room / 2 - 1)] {
            let line = format!("{}{}\n", "x".repeat(before), "é".repeat(LINE_MAX));
            check(line, format!("{}{}…\n", "x".repeat(before), "é".repeat(kept)));
        }
    }
}
