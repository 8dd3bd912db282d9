//! Patterns with wildcards and variables, as sequences of typed elements.
//!
//! A star of the pattern is an element, a star of the request is text; neither can pass for the
//! other. Matching is iterative and takes at most as many steps as the pattern has characters
//! times those of the text.

use std::borrow::Cow;

use crate::context::Context;
use crate::variable::{self, Dollar, Variable};

/// One element of a pattern.
#[derive(Debug)]
pub(crate) enum Element {
    /// Exactly this text; never empty.
    Literal(Box<str>),
    /// `?`: one character.
    AnyChar,
    /// `*`: any number of characters.
    AnyRun,
    /// One character that is no colon.
    FieldChar,
    /// Any number of characters without a colon.
    FieldRun,
    /// What the request's context says, as text.
    Variable(Variable),
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    elements: Box<[Element]>,
    has_variable: bool,
    has_field_run: bool,
}

/// Whether letters of ASCII count as the same in both cases.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Case {
    Exact,
    Ignored,
}

/// What a pattern's text may contain beside literal characters.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Syntax {
    pub(crate) wildcards: bool,
    pub(crate) variables: bool,
}

impl Pattern {
    /// Compiles the text of a pattern.
    pub(crate) fn compile(text: &str, syntax: Syntax) -> Result<Self, &'static str> {
        let mut builder = Builder::default();
        builder.text(text, syntax)?;
        Ok(builder.finish())
    }

    /// Whether the whole of `text` matches; `None` if a variable stands for nothing.
    pub(crate) fn matches(&self, text: &str, case: Case, context: &Context) -> Option<bool> {
        let filled = self.fill(context)?;
        Some(if self.has_field_run {
            self.simulate(&filled, text)
        } else {
            self.scan(&filled, text, case)
        })
    }

    /// The text that a pattern without wildcards stands for; `None` if a variable stands for
    /// nothing.
    pub(crate) fn expand<'a>(&'a self, context: &'a Context) -> Option<Cow<'a, str>> {
        match &*self.elements {
            [] => Some(Cow::Borrowed("")),
            [Element::Literal(text)] => Some(Cow::Borrowed(text)),
            [Element::Variable(variable)] => variable.resolve(context),
            elements => {
                let mut whole = String::new();
                for element in elements {
                    match element {
                        Element::Literal(text) => whole.push_str(text),
                        Element::Variable(variable) => whole.push_str(&variable.resolve(context)?),
                        Element::AnyRun | Element::FieldRun => whole.push('*'),
                        Element::AnyChar | Element::FieldChar => whole.push('?'),
                    }
                }
                Some(Cow::Owned(whole))
            }
        }
    }

    /// The literal text before the first wildcard or variable.
    pub(crate) fn literal_prefix(&self) -> &str {
        match self.elements.first() {
            Some(Element::Literal(text)) => text,
            _ => "",
        }
    }

    /// The whole text, if the pattern has neither wildcards nor variables.
    pub(crate) fn literal(&self) -> Option<&str> {
        match &*self.elements {
            [] => Some(""),
            [Element::Literal(text)] => Some(text),
            _ => None,
        }
    }

    /// Whether the pattern is one lone star.
    pub(crate) fn is_lone_star(&self) -> bool {
        matches!(&*self.elements, [Element::AnyRun])
    }

    /// Whether the pattern is one lone variable.
    pub(crate) fn is_lone_variable(&self) -> bool {
        matches!(&*self.elements, [Element::Variable(_)])
    }

    /// What the variables stand for, in their order. Allocates only if there are variables.
    fn fill<'a>(&'a self, context: &'a Context) -> Option<Vec<Cow<'a, str>>> {
        if !self.has_variable {
            return Some(Vec::new());
        }
        self.elements
            .iter()
            .map(|element| match element {
                Element::Variable(variable) => variable.resolve(context),
                // Keeps the places of texts and elements the same.
                _ => Some(Cow::Borrowed("")),
            })
            .collect()
    }

    /// Matches with a single point of return: the last run. Earlier runs need none, since the
    /// leftmost match of what lies between two runs leaves the most to the later one.
    fn scan(&self, filled: &[Cow<'_, str>], text: &str, case: Case) -> bool {
        let (mut next, mut at) = (0, 0);
        let mut last_run = None;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let length = match self.elements.get(next) {
                None if rest.is_empty() => return true,
                None => None,
                Some(Element::AnyRun | Element::FieldRun) => {
                    next += 1;
                    if next == self.elements.len() {
                        return true;
                    }
                    last_run = Some((next, at));
                    continue;
                }
                Some(Element::Literal(literal)) => starts_with(rest, literal, case),
                Some(Element::Variable(_)) => {
                    starts_with(rest, filled.get(next).map_or("", |text| text), case)
                }
                Some(Element::AnyChar) => rest.chars().next().map(char::len_utf8),
                Some(Element::FieldChar) => {
                    rest.chars().next().filter(|c| *c != ':').map(char::len_utf8)
                }
            };
            if let Some(length) = length {
                next += 1;
                at += length;
                continue;
            }
            // A dead end: the last run takes one character more.
            let Some((after, from)) = last_run else { return false };
            let Some(c) = text.get(from..).and_then(|rest| rest.chars().next()) else {
                return false;
            };
            next = after;
            at = from + c.len_utf8();
            last_run = Some((after, at));
        }
    }

    /// Matches by following all possibilities at once: a run that stops at a colon needs more than
    /// one point of return.
    fn simulate(&self, filled: &[Cow<'_, str>], text: &str) -> bool {
        let mut cells = Vec::new();
        for (index, element) in self.elements.iter().enumerate() {
            match element {
                Element::Literal(literal) => cells.extend(literal.chars().map(Cell::Char)),
                Element::Variable(_) => {
                    cells.extend(filled.get(index).map_or("", |text| text).chars().map(Cell::Char));
                }
                Element::AnyChar => cells.push(Cell::One { colon: true }),
                Element::FieldChar => cells.push(Cell::One { colon: false }),
                Element::AnyRun => cells.push(Cell::Run { colon: true }),
                Element::FieldRun => cells.push(Cell::Run { colon: false }),
            }
        }
        // live[i]: the cells before i have matched what was read so far.
        let mut live = vec![false; cells.len() + 1];
        set(&mut live, 0);
        pass_runs(&cells, &mut live);
        for c in text.chars() {
            let mut then = vec![false; live.len()];
            for (index, (cell, is_live)) in cells.iter().zip(&live).enumerate() {
                match *cell {
                    _ if !is_live => {}
                    Cell::Char(want) if want == c => set(&mut then, index + 1),
                    Cell::One { colon } if colon || c != ':' => set(&mut then, index + 1),
                    Cell::Run { colon } if colon || c != ':' => set(&mut then, index),
                    _ => {}
                }
            }
            live = then;
            pass_runs(&cells, &mut live);
        }
        live.last().copied().unwrap_or(false)
    }
}

/// One character's worth of a pattern.
#[derive(Clone, Copy)]
enum Cell {
    Char(char),
    One { colon: bool },
    Run { colon: bool },
}

fn set(live: &mut [bool], index: usize) {
    if let Some(slot) = live.get_mut(index) {
        *slot = true;
    }
}

/// A run may also stand for nothing.
fn pass_runs(cells: &[Cell], live: &mut [bool]) {
    for (index, cell) in cells.iter().enumerate() {
        if matches!(cell, Cell::Run { .. }) && live.get(index) == Some(&true) {
            set(live, index + 1);
        }
    }
}

/// The length of `prefix` if `text` begins with it.
fn starts_with(text: &str, prefix: &str, case: Case) -> Option<usize> {
    let head = text.as_bytes().get(..prefix.len())?;
    let found = match case {
        Case::Exact => head == prefix.as_bytes(),
        Case::Ignored => head.eq_ignore_ascii_case(prefix.as_bytes()),
    };
    found.then_some(prefix.len())
}

/// Gathers the elements of a pattern.
#[derive(Debug, Default)]
pub(crate) struct Builder {
    elements: Vec<Element>,
    literal: String,
}

impl Builder {
    /// Appends a text under its syntax.
    pub(crate) fn text(&mut self, mut text: &str, syntax: Syntax) -> Result<(), &'static str> {
        loop {
            if syntax.variables
                && let Some(rest) = text.strip_prefix("${")
            {
                let (dollar, rest) = variable::read(rest)?;
                match dollar {
                    Dollar::Escaped(c) => self.char(c),
                    Dollar::Variable(variable) => self.element(Element::Variable(variable)),
                }
                text = rest;
                continue;
            }
            let mut chars = text.chars();
            match chars.next() {
                None => return Ok(()),
                Some('*') if syntax.wildcards => self.element(Element::AnyRun),
                Some('?') if syntax.wildcards => self.element(Element::AnyChar),
                Some(c) => self.char(c),
            }
            text = chars.as_str();
        }
    }

    /// Appends a literal character.
    pub(crate) fn char(&mut self, c: char) {
        self.literal.push(c);
    }

    /// Appends an element that is no literal.
    pub(crate) fn element(&mut self, element: Element) {
        self.flush();
        let doubled = matches!(element, Element::AnyRun)
            && matches!(self.elements.last(), Some(Element::AnyRun));
        if !doubled {
            self.elements.push(element);
        }
    }

    /// The pattern.
    pub(crate) fn finish(mut self) -> Pattern {
        self.flush();
        Pattern {
            has_variable: self.elements.iter().any(|e| matches!(e, Element::Variable(_))),
            has_field_run: self.elements.iter().any(|e| matches!(e, Element::FieldRun)),
            elements: self.elements.into(),
        }
    }

    fn flush(&mut self) {
        if !self.literal.is_empty() {
            self.elements.push(Element::Literal(std::mem::take(&mut self.literal).into()));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE: Syntax = Syntax { wildcards: true, variables: true };

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        let mut context = Context::new();
        context.insert("aws:username", "A*n");
        context.insert("aws:empty", "");
        Pattern::compile(pattern, LIKE).unwrap().matches(text, Case::Exact, &context)
    }

    #[test]
    fn wildcards_match_as_the_guide_says() {
        for (pattern, text, want) in [
            ("", "", true),
            ("", "x", false),
            ("a", "a", true),
            ("a", "A", false),
            ("*", "", true),
            ("*", "a/b:c", true),
            ("a*", "a", true),
            ("*a", "ba", true),
            ("*a", "ab", false),
            ("a*b*c", "aXbYbZc", true),
            ("a*b*c", "aXbYbZ", false),
            ("a**c", "abc", true),
            ("?", "", false),
            ("?", "é", true),
            ("??", "é", false),
            ("a?c", "abc", true),
            ("*?", "", false),
            ("*?", "xy", true),
            ("*ab", "aab", true),
            ("*é?", "xéé", true),
            // The star of the request is text.
            ("abc", "a*c", false),
            ("a${*}c", "a*c", true),
            ("a${*}c", "abc", false),
            ("a${?}c", "abc", false),
            ("${$}{x}", "${x}", true),
            // So is the star that a variable brings.
            ("home/${aws:username}/*", "home/A*n/x", true),
            ("home/${aws:username}/*", "home/Ann/x", false),
            ("${aws:empty}x", "x", true),
            ("*${aws:username}", "A*A*n", true),
        ] {
            assert_eq!(matches(pattern, text), Some(want), "{pattern} {text}");
        }
        assert_eq!(matches("*${aws:nothing}", "x"), None);
    }

    #[test]
    fn hostile_patterns_take_a_bounded_number_of_steps() {
        let pattern = "a*".repeat(200) + "b";
        assert_eq!(matches(&pattern, &"a".repeat(2000)), Some(false));
        let pattern = "*".repeat(200) + "x";
        assert_eq!(matches(&pattern, &"a".repeat(2000)), Some(false));
        let pattern = "?*".repeat(200);
        assert_eq!(matches(&pattern, &"a".repeat(2000)), Some(true));
    }

    #[test]
    fn both_ways_of_matching_agree() {
        use proptest::prelude::*;
        proptest!(ProptestConfig::with_cases(2000), |(pattern in "[ab:*?]{0,8}", text in "[ab:*]{0,10}")| {
            let pattern = Pattern::compile(&pattern, LIKE).unwrap();
            prop_assert_eq!(pattern.scan(&[], &text, Case::Exact), pattern.simulate(&[], &text));
        });
    }
}
