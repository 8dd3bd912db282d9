//! Some lines of cases: read together, answered together, so that threads have few things to hand
//! to each other.

use std::io::{self, BufRead, Read, Write};
use std::ops::Range;

use daypass_server::question::{Answer, Library};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::policy::form::{Case, WrittenOut};

/// The most bytes of one case: more than all policies that can apply to one request.
pub(super) const MAX_LINE: u64 = 8 * 1024 * 1024;

/// As many lines are a batch even if there are more to read: no thread is to wait long for another.
const MAX_LINES: usize = 64;

/// Lines in the order in which they were read. Together they are not longer than what was buffered
/// of the input and one line.
#[derive(Debug, Default)]
pub(super) struct Batch {
    text: Vec<u8>,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    /// The bytes of a case.
    Whole(Range<usize>),
    /// A line of which nothing was kept.
    TooLong,
}

/// The form of an answer.
#[derive(Serialize)]
struct AnswerForm<'a> {
    id: Option<&'a RawValue>,
    decision: &'a str,
    reason: &'a str,
}

impl Batch {
    pub(super) fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    pub(super) fn is_full(&self) -> bool {
        self.lines.len() >= MAX_LINES
    }

    /// Reads one more line, or skips an empty one; false at the end of the input.
    pub(super) fn read_line(&mut self, input: &mut impl BufRead) -> io::Result<bool> {
        let start = self.text.len();
        let read = input.by_ref().take(MAX_LINE).read_until(b'\n', &mut self.text)?;
        if read == 0 {
            return Ok(false);
        }
        let is_whole =
            self.text.last() == Some(&b'\n') || u64::try_from(read).is_ok_and(|n| n < MAX_LINE);
        let line = self.text.get(start..).unwrap_or_default();
        if !is_whole {
            self.text.truncate(start);
            skip_line(input)?;
            self.lines.push(Line::TooLong);
        } else if line.iter().all(u8::is_ascii_whitespace) {
            self.text.truncate(start);
        } else {
            self.lines.push(Line::Whole(start..self.text.len()));
        }
        Ok(true)
    }

    /// One line of answer for each line, in the same order.
    pub(super) fn answers(&self, library: &mut Library) -> io::Result<Vec<u8>> {
        let mut out = Vec::new();
        for line in &self.lines {
            match line {
                Line::Whole(range) => {
                    answer(self.text.get(range.clone()).unwrap_or_default(), library, &mut out)?;
                }
                Line::TooLong => {
                    let reason = format!("the line is longer than {MAX_LINE} bytes");
                    write(&mut out, None, Err(&reason))?;
                }
            }
        }
        Ok(out)
    }
}

/// Reads on to the end of a line, keeping nothing of it.
fn skip_line(input: &mut impl BufRead) -> io::Result<()> {
    loop {
        let buffer = match input.fill_buf() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            other => other?,
        };
        let newline = buffer.iter().position(|byte| *byte == b'\n');
        let length = newline.map_or(buffer.len(), |at| at + 1);
        input.consume(length);
        if newline.is_some() || length == 0 {
            return Ok(());
        }
    }
}

fn answer(line: &[u8], library: &mut Library, out: &mut Vec<u8>) -> io::Result<()> {
    let Ok(text) = std::str::from_utf8(line) else {
        return write(out, None, Err("the line is not UTF-8 text"));
    };
    let case = match Case::read(text) {
        Ok(case) => case,
        Err(reason) => return write(out, None, Err(&reason)),
    };
    match case.draft(&WrittenOut).and_then(|draft| draft.into_question(library)) {
        Ok(question) => write(out, case.id, Ok(&question.answer())),
        Err(reason) => write(out, case.id, Err(&reason)),
    }
}

fn write(
    out: &mut Vec<u8>,
    id: Option<&RawValue>,
    answer: Result<&Answer, &str>,
) -> io::Result<()> {
    let (decision, reason) = match answer {
        Ok(Answer { verdict, reason, .. }) => (verdict.as_str(), &**reason),
        Err(reason) => ("error", reason),
    };
    serde_json::to_writer(&mut *out, &AnswerForm { id, decision, reason })?;
    out.write_all(b"\n")
}
