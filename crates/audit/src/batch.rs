//! What the writer carries out together: the orders of a batch, and the text that it writes.

use jiff::Timestamp;

use crate::line::Line;
use crate::writer::{Answer, Lines, Order};

/// Bytes after which a batch is written although more lines wait, so that the buffer stays small
/// and the first callers are not kept waiting for the last.
const MAX_BATCH: u64 = 1 << 20;

/// Most orders of a batch.
const MAX_ORDERS: usize = 16 << 10;

/// Most orders that memory is kept for while nothing is to do.
const KEPT_ORDERS: usize = 1024;

/// Most bytes of text that memory is kept for while nothing is to do.
const KEPT_BYTES: usize = 512 << 10;

/// The orders that are carried out together.
#[derive(Debug, Default)]
pub(crate) struct Batch {
    /// The lines that somebody waits for.
    pub(crate) asked: Vec<Lines>,
    /// How many they are, their bytes, and the room that they take.
    pub(crate) lines: u64,
    pub(crate) bytes: u64,
    pub(crate) permits: usize,
    /// Who waits for that everything is durable.
    pub(crate) keeps: Vec<Answer>,
    pub(crate) ticks: Vec<Answer>,
    pub(crate) settles: Vec<Answer>,
    pub(crate) now: Option<Timestamp>,
    pub(crate) issued_ms: Option<i64>,
    pub(crate) durable: bool,
}

impl Batch {
    pub(crate) fn take(&mut self, order: Order) {
        self.durable |= !matches!(order, Order::Empty | Order::Settle { .. });
        match order {
            Order::Keep { lines, issued_ms, answer } => {
                let count = u64::try_from(lines.kept.lines().len()).unwrap_or(u64::MAX);
                self.lines = self.lines.saturating_add(count);
                self.bytes = self.bytes.saturating_add(lines.bytes);
                let permits = usize::try_from(lines.permits).unwrap_or(usize::MAX);
                self.permits = self.permits.saturating_add(permits);
                self.issued_ms = self.issued_ms.max(issued_ms);
                self.asked.push(lines);
                self.keeps.push(answer);
            }
            Order::Empty => {}
            Order::Flush { answer } => self.keeps.push(answer),
            Order::Settle { answer } => self.settles.push(answer),
            Order::Tick { now, answer } => {
                self.now = Some(now);
                self.ticks.push(answer);
            }
        }
    }

    pub(crate) fn is_full(&self) -> bool {
        self.bytes >= MAX_BATCH
            || self.keeps.len() + self.ticks.len() + self.settles.len() >= MAX_ORDERS
    }

    /// Makes it the empty batch again, in the memory that it has.
    pub(crate) fn clear(&mut self) {
        let Self { mut asked, mut keeps, mut ticks, mut settles, .. } = std::mem::take(self);
        asked.clear();
        asked.shrink_to(KEPT_ORDERS);
        for answers in [&mut keeps, &mut ticks, &mut settles] {
            answers.clear();
            answers.shrink_to(KEPT_ORDERS);
        }
        *self = Self { asked, keeps, ticks, settles, ..Self::default() };
    }
}

/// The text of a batch, in one buffer: first the lines that nobody waits for and that are not
/// durable yet, then those that somebody waits for.
#[derive(Debug, Default)]
pub(crate) struct Text {
    bytes: Vec<u8>,
    lines: u64,
    /// How much of it nobody waits for.
    held: Extent,
    /// How much of that stands whole in the current file.
    written: Extent,
}

#[derive(Clone, Copy, Debug, Default)]
struct Extent {
    bytes: usize,
    lines: u64,
}

impl Text {
    /// Adds a line that nobody waits for.
    ///
    /// INVARIANT: called only while there is no line that somebody waits for.
    pub(crate) fn hold(&mut self, line: &Line) {
        self.add(line);
        self.held = self.extent();
    }

    /// Adds lines that somebody waits for.
    pub(crate) fn ask(&mut self, lines: &[Line]) {
        lines.iter().for_each(|line| self.add(line));
    }

    fn add(&mut self, line: &Line) {
        self.bytes.extend_from_slice(line.as_str().as_bytes());
        self.bytes.push(b'\n');
        self.lines = self.lines.saturating_add(1);
    }

    fn extent(&self) -> Extent {
        Extent { bytes: self.bytes.len(), lines: self.lines }
    }

    /// What is not in the file yet, and how many lines that is.
    pub(crate) fn unwritten(&self) -> (&[u8], u64) {
        let text = self.bytes.get(self.written.bytes..).unwrap_or_default();
        (text, self.lines.saturating_sub(self.written.lines))
    }

    /// Bytes of the lines that nobody waits for.
    pub(crate) fn held(&self) -> usize {
        self.held.bytes
    }

    /// The same, as counters count.
    pub(crate) fn held_bytes(&self) -> u64 {
        u64::try_from(self.held.bytes).unwrap_or(u64::MAX)
    }

    /// Drops the lines that somebody waits for.
    pub(crate) fn drop_asked(&mut self) {
        self.bytes.truncate(self.held.bytes);
        self.lines = self.held.lines;
    }

    /// Notes that all of it stands in the file.
    pub(crate) fn written(&mut self) {
        self.written = self.held;
    }

    /// Notes that nothing of it stands in the file: it is another one.
    pub(crate) fn unwrite(&mut self) {
        self.written = Extent::default();
    }

    /// Forgets everything, which is durable, and tells how many lines and bytes of it nobody
    /// waited for.
    pub(crate) fn forget(&mut self) -> (u64, u64) {
        let forgotten = (self.held.lines, self.held_bytes());
        self.bytes.clear();
        self.bytes.shrink_to(KEPT_BYTES);
        (self.lines, self.held, self.written) = (0, Extent::default(), Extent::default());
        forgotten
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        Line::from_bytes(format!("{{\"a\":\"{text}\"}}")).unwrap()
    }

    fn unwritten(text: &Text) -> (String, u64) {
        let (bytes, lines) = text.unwritten();
        let bytes = String::from_utf8(bytes.to_vec()).unwrap();
        (bytes.replace(['{', '}', '"', ':', '\n'], "").replace('a', "."), lines)
    }

    #[test]
    fn what_nobody_waits_for_is_held_until_it_is_durable() {
        let check = |text: &Text, wanted: &str| {
            assert_eq!(unwritten(text), (wanted.to_owned(), wanted.len() as u64 / 2));
        };
        let mut text = Text::default();
        text.hold(&line("1"));
        text.hold(&line("2"));
        text.ask(&[line("3"), line("4")]);
        check(&text, ".1.2.3.4");
        // It failed: who waited was told.
        text.drop_asked();
        check(&text, ".1.2");
        text.hold(&line("5"));
        check(&text, ".1.2.5");
        text.drop_asked();
        text.written();
        check(&text, "");
        text.hold(&line("6"));
        text.ask(&[line("7")]);
        check(&text, ".6.7");
        // The file is not to be trusted: all of it goes to the next one.
        text.drop_asked();
        text.unwrite();
        check(&text, ".1.2.5.6");
        assert_eq!(text.forget(), (4, 4 * 10));
        check(&text, "");
        assert_eq!(text.forget(), (0, 0));
    }
}
