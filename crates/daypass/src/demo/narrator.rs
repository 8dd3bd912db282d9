//! How the demo tells what happens: a numbered step, who asks for what, and what comes back.

use std::io::{self, Write};

/// Writes the story.
#[derive(Debug)]
pub(crate) struct Narrator<W> {
    out: W,
    step: usize,
}

impl<W: Write> Narrator<W> {
    pub(crate) fn new(out: W) -> Self {
        Self { out, step: 0 }
    }

    /// A paragraph outside the steps.
    pub(crate) fn say(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{text}")?;
        self.out.flush()
    }

    /// Begins a step.
    pub(crate) fn step(&mut self, title: &str) -> io::Result<()> {
        self.step = self.step.saturating_add(1);
        self.say(&format!("\n{}. {title}", self.step))
    }

    /// Who asks for what, with what is worth seeing of it.
    pub(crate) fn asks(&mut self, who: &str, action: &str, details: &[&str]) -> io::Result<()> {
        self.say(&format!("   {who} asks for {action}"))?;
        for detail in details {
            self.say(&format!("       {detail}"))?;
        }
        Ok(())
    }

    /// The answer was what was wanted.
    pub(crate) fn granted(&mut self, lines: &[&str]) -> io::Result<()> {
        self.answer("granted", lines)
    }

    /// The answer was no, as it had to be.
    pub(crate) fn refused(&mut self, code: &str, message: &str) -> io::Result<()> {
        self.answer(&format!("refused, {code}"), &[message])
    }

    fn answer(&mut self, outcome: &str, lines: &[&str]) -> io::Result<()> {
        self.say(&format!("   -> {outcome}"))?;
        for line in lines {
            self.say(&format!("       {line}"))?;
        }
        Ok(())
    }
}
