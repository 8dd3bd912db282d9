//! Patterns with wildcards and variables, as sequences of typed elements.
//!
//! A star of the pattern is an element, a star of the request is text; neither can pass for the
//! other. Matching is iterative, allocates nothing for up to [`FEW`] variables, and takes at most as
//! many steps as the pattern (with its variables filled in) has characters times those of the text.

use std::array;

use crate::context::{Context, Text, eq_ignore_case};
use crate::variable::{self, Dollar, Variable};

/// One element of a pattern.
#[derive(Debug)]
enum Element {
    /// Exactly this text; never empty.
    Literal(Box<str>),
    /// `?`, so many times in a row.
    Chars(usize),
    /// `*`: any number of characters. Never next to another one.
    Run,
    /// What the request's context says for the variable of this index, as text.
    Variable(usize),
}

/// A compiled pattern.
#[derive(Debug)]
pub(crate) struct Pattern {
    elements: Box<[Element]>,
    variables: Box<[Variable]>,
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

/// Whether a text matches.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Scan {
    Matches,
    Fails,
    /// What stands behind the first run is nowhere in the text: no end of the text can match
    /// either.
    FailsForGood,
}

/// How many variables of a pattern have room on the stack.
const FEW: usize = 4;

/// What the variables of a pattern stand for.
#[derive(Debug)]
pub(crate) enum Filled<'a> {
    Few([Text<'a>; FEW]),
    Many(Vec<Text<'a>>),
}

impl Filled<'_> {
    fn at(&self, index: usize) -> &str {
        let text = match self {
            Self::Few(texts) => texts.get(index),
            Self::Many(texts) => texts.get(index),
        };
        text.map_or("", Text::as_str)
    }
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
        if self.variables.is_empty() {
            return Some(self.scan(&Filled::NOTHING, text, case) == Scan::Matches);
        }
        Some(self.scan(&self.fill(context)?, text, case) == Scan::Matches)
    }

    /// Whether a pattern without wildcards is `text` but for case; `None` if a variable stands for
    /// nothing.
    pub(crate) fn equals_ignoring_case(&self, text: &str, context: &Context) -> Option<bool> {
        if let [Element::Literal(literal)] = &*self.elements {
            return Some(eq_ignore_case(literal, text));
        }
        let filled = self.fill(context)?;
        let pieces = self.elements.iter().map(|element| match element {
            Element::Literal(literal) => literal,
            Element::Variable(index) => filled.at(*index),
            // There are none.
            Element::Run | Element::Chars(_) => "",
        });
        Some(
            pieces
                .flat_map(|piece| piece.chars().flat_map(char::to_lowercase))
                .eq(text.chars().flat_map(char::to_lowercase)),
        )
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
        matches!(&*self.elements, [Element::Run])
    }

    /// Whether the pattern is one lone variable.
    pub(crate) fn is_lone_variable(&self) -> bool {
        matches!(&*self.elements, [Element::Variable(_)])
    }

    /// What the variables stand for; `None` if one stands for nothing.
    pub(crate) fn fill<'a>(&'a self, context: &'a Context) -> Option<Filled<'a>> {
        if self.variables.len() > FEW {
            let texts: Option<_> = self.variables.iter().map(|v| v.resolve(context)).collect();
            return texts.map(Filled::Many);
        }
        let mut texts = array::from_fn(|_| Text::Borrowed(""));
        for (text, variable) in texts.iter_mut().zip(&self.variables) {
            *text = variable.resolve(context)?;
        }
        Some(Filled::Few(texts))
    }

    /// Matches with a single point of return: the last run. Earlier runs need none, since the
    /// leftmost match of what lies between two runs leaves the most to the later one.
    pub(crate) fn scan(&self, filled: &Filled<'_>, text: &str, case: Case) -> Scan {
        let (mut next, mut at) = (0, 0);
        let mut last_run = None;
        loop {
            let rest = text.get(at..).unwrap_or_default();
            let length = match self.elements.get(next) {
                None if rest.is_empty() => return Scan::Matches,
                None => None,
                Some(Element::Run) => {
                    next += 1;
                    let found = match self.elements.get(next) {
                        None => return Scan::Matches,
                        Some(Element::Literal(literal)) if case == Case::Exact => {
                            rest.find(&**literal)
                        }
                        _ => Some(0),
                    };
                    let Some(skipped) = found else { return Scan::FailsForGood };
                    at += skipped;
                    last_run = Some((next, at));
                    continue;
                }
                Some(Element::Literal(literal)) => starts_with(rest, literal, case),
                Some(Element::Variable(index)) => starts_with(rest, filled.at(*index), case),
                Some(Element::Chars(count)) => skip(rest, *count),
            };
            if let Some(length) = length {
                next += 1;
                at += length;
                continue;
            }
            // A dead end: the last run takes one character more.
            let Some((after, from)) = last_run else { return Scan::Fails };
            let Some(c) = text.get(from..).and_then(|rest| rest.chars().next()) else {
                return Scan::FailsForGood;
            };
            next = after;
            at = from + c.len_utf8();
            last_run = Some((after, at));
        }
    }
}

impl Filled<'_> {
    /// For patterns without variables.
    pub(crate) const NOTHING: Self = Self::Many(Vec::new());
}

/// The length of so many characters, if there are as many.
fn skip(text: &str, count: usize) -> Option<usize> {
    let mut chars = text.chars();
    for _ in 0..count {
        chars.next()?;
    }
    Some(text.len() - chars.as_str().len())
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
    variables: Vec<Variable>,
    literal: String,
    /// The wildcards that follow what was gathered: so many `?`, and whether there is a `*`.
    chars: usize,
    run: bool,
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
                    Dollar::Variable(variable) => self.variable(variable),
                }
                text = rest;
                continue;
            }
            let mut chars = text.chars();
            match chars.next() {
                None => return Ok(()),
                Some('*') if syntax.wildcards => self.run(),
                Some('?') if syntax.wildcards => self.any_char(),
                Some(c) => self.char(c),
            }
            text = chars.as_str();
        }
    }

    /// Appends a literal character.
    pub(crate) fn char(&mut self, c: char) {
        self.flush_wildcards();
        self.literal.push(c);
    }

    /// Appends a `*`.
    fn run(&mut self) {
        self.flush_literal();
        self.run = true;
    }

    /// Appends a `?`.
    fn any_char(&mut self) {
        self.flush_literal();
        self.chars += 1;
    }

    fn variable(&mut self, variable: Variable) {
        self.flush_literal();
        self.flush_wildcards();
        self.elements.push(Element::Variable(self.variables.len()));
        self.variables.push(variable);
    }

    /// The pattern.
    pub(crate) fn finish(mut self) -> Pattern {
        self.flush_literal();
        self.flush_wildcards();
        Pattern { elements: self.elements.into(), variables: self.variables.into() }
    }

    fn flush_literal(&mut self) {
        if !self.literal.is_empty() {
            self.elements.push(Element::Literal(std::mem::take(&mut self.literal).into()));
        }
    }

    /// However they are mixed, wildcards in a row are some `?` and at most one `*`.
    fn flush_wildcards(&mut self) {
        if self.chars > 0 {
            self.elements.push(Element::Chars(std::mem::take(&mut self.chars)));
        }
        if std::mem::take(&mut self.run) {
            self.elements.push(Element::Run);
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

    /// All ways to split the text, one element of the pattern after the other.
    fn obvious(pattern: &[char], text: &[char]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            (['*', rest @ ..], _) => (0..=text.len()).any(|n| obvious(rest, &text[n..])),
            (['?', rest @ ..], [_, tail @ ..]) => obvious(rest, tail),
            ([p, rest @ ..], [t, tail @ ..]) => p == t && obvious(rest, tail),
            (_, []) => false,
        }
    }

    #[test]
    fn matching_agrees_with_trying_everything() {
        use proptest::prelude::*;
        proptest!(ProptestConfig::with_cases(3000), |(pattern in "[abé*?]{0,8}", text in "[abé*]{0,10}")| {
            let (p, t): (Vec<_>, Vec<_>) = (pattern.chars().collect(), text.chars().collect());
            let compiled = Pattern::compile(&pattern, LIKE).unwrap();
            let scan = compiled.scan(&Filled::NOTHING, &text, Case::Exact);
            prop_assert_eq!(scan == Scan::Matches, obvious(&p, &t));
            let caseless = compiled.scan(&Filled::NOTHING, &text.to_uppercase(), Case::Ignored);
            prop_assert!(text.contains('é') || caseless == scan);
            if scan == Scan::FailsForGood {
                prop_assert!(!(0..=t.len()).any(|n| obvious(&p, &t[n..])));
            }
        });
    }
}
