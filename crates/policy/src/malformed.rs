//! Why a policy document is refused: AWS's text for the caller, and the place and the reason for
//! the person who wrote it.

use std::borrow::Cow;

use thiserror::Error;

/// The text for whatever does not follow the grammar.
pub(crate) const SYNTAX: &str = "Syntax errors in policy.";
/// The text for a value that the grammar takes and the operator does not.
pub(crate) const LEGACY: &str = "The policy failed legacy parsing";

/// A refused policy document. Prints as the message of AWS's `MalformedPolicyDocument`.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("{text}")]
pub struct Malformed {
    text: Cow<'static, str>,
    reason: Cow<'static, str>,
    position: Position,
    path: Box<str>,
}

impl Malformed {
    /// Where in the document the fault lies.
    pub fn position(&self) -> Position {
        self.position
    }

    /// The element at fault, for instance `Statement[0].Condition`; empty for the document itself.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// What is wrong in plain words; AWS does not say this.
    pub fn reason(&self) -> &str {
        &self.reason
    }
}

/// A place in a text as people count: both from one, the column in characters.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Position {
    /// The line.
    pub line: usize,
    /// The character in its line.
    pub column: usize,
}

impl Position {
    /// The place of a byte of `source`, or of its end if the byte is none that a character begins
    /// with.
    pub fn of(source: &str, at: usize) -> Self {
        let before = source.get(..at).unwrap_or(source);
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        Self {
            line: 1 + before.bytes().filter(|byte| *byte == b'\n').count(),
            column: 1 + before.get(line_start..).unwrap_or_default().chars().count(),
        }
    }
}

/// Finds many places in a text, one behind the other, in one walk.
#[derive(Debug)]
pub(crate) struct Walk<'a> {
    rest: &'a str,
    at: usize,
    position: Position,
}

impl<'a> Walk<'a> {
    pub(crate) fn of(source: &'a str) -> Self {
        Self { rest: source, at: 0, position: Position { line: 1, column: 1 } }
    }

    /// The place of a byte that is not before the last one asked for.
    pub(crate) fn to(&mut self, at: usize) -> Position {
        let length = at.saturating_sub(self.at);
        if let Some((passed, rest)) = self.rest.split_at_checked(length) {
            let Position { line, column } = Position::of(passed, length);
            // The column goes on where no line begins.
            let column = if line == 1 { self.position.column - 1 + column } else { column };
            self.position = Position { line: self.position.line - 1 + line, column };
            self.rest = rest;
            self.at += length;
        }
        self.position
    }
}

/// A fault while its place is still a byte offset.
#[derive(Debug)]
pub(crate) struct Flaw {
    pub(crate) text: Cow<'static, str>,
    pub(crate) reason: Cow<'static, str>,
    pub(crate) at: usize,
    pub(crate) path: String,
}

impl Flaw {
    /// A breach of the grammar.
    pub(crate) fn syntax(
        at: usize,
        path: impl Into<String>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { text: SYNTAX.into(), reason: reason.into(), at, path: path.into() }
    }

    /// A breach that AWS has its own words for; they are the reason as well.
    pub(crate) fn worded(
        at: usize,
        path: impl Into<String>,
        text: impl Into<Cow<'static, str>>,
    ) -> Self {
        let text = text.into();
        Self { reason: text.clone(), text, at, path: path.into() }
    }

    /// A value that its operator cannot read.
    pub(crate) fn value(
        at: usize,
        path: impl Into<String>,
        reason: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self { text: LEGACY.into(), reason: reason.into(), at, path: path.into() }
    }

    /// The same flaw, told of an element of `path`.
    pub(crate) fn within(self, path: &str) -> Self {
        Self { path: format!("{path}.{}", self.path), ..self }
    }

    pub(crate) fn into_malformed(self, source: &str) -> Malformed {
        Malformed {
            text: self.text,
            reason: self.reason,
            position: Position::of(source, self.at),
            path: self.path.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let source = "ab\né中x\n";
        let mut walk = Walk::of(source);
        for (at, line, column) in
            [(0, 1, 1), (2, 1, 3), (3, 2, 1), (8, 2, 3), (10, 3, 1), (99, 3, 1)]
        {
            assert_eq!(Position::of(source, at), Position { line, column }, "{at}");
            if at <= source.len() {
                assert_eq!(Walk::of(source).to(at), Position { line, column }, "{at}");
                assert_eq!(walk.to(at), Position { line, column }, "{at}");
            }
        }
    }
}
