//! Patterns with wildcards and variables, as sequences of typed elements.
//!
//! A star of the pattern is an element, a star of the request is text; neither can pass for the
//! other. Matching is iterative, allocates nothing for up to [`FEW`] variables, and takes at most as
//! many steps as the pattern (with its variables filled in) has characters times those of the text.
//! The shapes that nearly all patterns have are compared without looking at elements.

use std::{array, mem, slice};

use crate::context::{Context, Text, eq_ignore_case};
use crate::variable::{self, Dollar, Variable};

/// A compiled pattern. Upper and lower case differ.
#[derive(Debug)]
pub(crate) enum Pattern {
    /// Exactly this text.
    Literal(Box<str>),
    /// `text*`. Without a text a lone star.
    Prefix(Box<str>),
    /// `head*tail` or `head*middle*`: one text, parted at a byte by a run.
    Parted { text: Box<str>, at: usize, is_open: bool },
    /// Everything else.
    Elements(Box<Elements>),
}

/// A pattern of any shape.
#[derive(Debug)]
pub(crate) struct Elements {
    elements: Box<[Element]>,
    variables: Box<[Variable]>,
}

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

impl<'a> Filled<'a> {
    pub(crate) fn texts(&self) -> &[Text<'a>] {
        match self {
            Self::Few(texts) => texts,
            Self::Many(texts) => texts,
        }
    }
}

/// A list that is nearly always of one, which then no pointer leads to.
#[derive(Debug)]
pub(crate) enum List<T> {
    One(T),
    Some(Box<[T]>),
}

impl<T> List<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(one) => slice::from_ref(one),
            Self::Some(list) => list,
        }
    }
}

impl<T> FromIterator<T> for List<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        // Behind its end, what reads items up to the first that is wrong would go on past it.
        let mut items = items.into_iter().fuse();
        match (items.next(), items.next()) {
            (Some(one), None) => Self::One(one),
            (first, second) => Self::Some(first.into_iter().chain(second).chain(items).collect()),
        }
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
    #[inline]
    pub(crate) fn matches(&self, text: &str, context: &Context<'_>) -> Option<bool> {
        match self {
            Self::Elements(general) => general.matches(text, context),
            simple => Some(simple.scan(&[], text.as_bytes()) == Scan::Matches),
        }
    }

    /// Whether a pattern without wildcards is `text` but for case; `None` if a variable stands for
    /// nothing.
    pub(crate) fn equals_ignoring_case(&self, text: &str, context: &Context<'_>) -> Option<bool> {
        let general = match self {
            Self::Literal(literal) => return Some(eq_ignore_case(literal, text)),
            Self::Elements(general) => general,
            // They have wildcards.
            Self::Prefix(_) | Self::Parted { .. } => return Some(false),
        };
        let filled = general.fill(context)?;
        let filled = filled.texts();
        let pieces = general.elements.iter().map(|element| match element {
            Element::Literal(literal) => literal,
            Element::Variable(index) => filled.get(*index).map_or("", Text::as_str),
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
        match self {
            Self::Literal(text) | Self::Prefix(text) => text,
            Self::Parted { text, at, .. } => text.get(..*at).unwrap_or_default(),
            Self::Elements(general) => match general.elements.first() {
                Some(Element::Literal(text)) => text,
                _ => "",
            },
        }
    }

    /// The whole text, if the pattern has neither wildcards nor variables.
    pub(crate) fn literal(&self) -> Option<&str> {
        match self {
            Self::Literal(text) => Some(text),
            _ => None,
        }
    }

    /// Whether the pattern is one lone star.
    pub(crate) fn is_lone_star(&self) -> bool {
        matches!(self, Self::Prefix(text) if text.is_empty())
    }

    /// Whether the pattern is one lone variable.
    pub(crate) fn is_lone_variable(&self) -> bool {
        match self {
            Self::Elements(general) => matches!(&*general.elements, [Element::Variable(_)]),
            _ => false,
        }
    }

    /// Whether there is a request in which the pattern matches a text; a yes may be wrong if it has
    /// variables.
    pub(crate) fn can_be(&self, text: &str) -> bool {
        match self {
            Self::Elements(general) if !general.variables.is_empty() => true,
            other => other.scan(&[], text.as_bytes()) == Scan::Matches,
        }
    }

    /// What the variables stand for; `None` if one stands for nothing.
    pub(crate) fn fill<'a>(&'a self, context: &'a Context<'a>) -> Option<Filled<'a>> {
        match self {
            Self::Elements(general) => general.fill(context),
            _ => Some(Filled::Many(Vec::new())),
        }
    }

    /// Whether the whole of a text, in its bytes, matches with these texts for the variables, and if
    /// not, whether an end of it may.
    #[inline]
    pub(crate) fn scan(&self, filled: &[Text<'_>], text: &[u8]) -> Scan {
        let matches = match self {
            Self::Literal(own) => own.as_bytes() == text,
            Self::Prefix(head) => text.starts_with(head.as_bytes()),
            Self::Parted { text: own, at, is_open } => {
                return scan_parted(own.as_bytes(), *at, *is_open, text);
            }
            Self::Elements(general) => return general.scan(filled, text),
        };
        if matches { Scan::Matches } else { Scan::Fails }
    }
}

/// Matches `head*tail`, or `head*middle*` if it is open.
fn scan_parted(own: &[u8], at: usize, is_open: bool, text: &[u8]) -> Scan {
    let Some((head, behind)) = own.split_at_checked(at) else { return Scan::Fails };
    let Some(rest) = text.strip_prefix(head) else { return Scan::Fails };
    let found = match is_open {
        true => find(rest, behind).is_some(),
        false => rest.ends_with(behind),
    };
    if found { Scan::Matches } else { Scan::FailsForGood }
}

impl Elements {
    fn matches(&self, text: &str, context: &Context<'_>) -> Option<bool> {
        if self.variables.is_empty() {
            return Some(self.scan(&[], text.as_bytes()) == Scan::Matches);
        }
        Some(self.scan(self.fill(context)?.texts(), text.as_bytes()) == Scan::Matches)
    }

    fn fill<'a>(&'a self, context: &'a Context<'a>) -> Option<Filled<'a>> {
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
    fn scan(&self, filled: &[Text<'_>], text: &[u8]) -> Scan {
        let (mut next, mut at) = (0, 0);
        let mut last_run = None;
        loop {
            steps::count();
            let rest = text.get(at..).unwrap_or_default();
            let length = match self.elements.get(next) {
                None if rest.is_empty() => return Scan::Matches,
                None => None,
                Some(Element::Run) => {
                    next += 1;
                    let found = match self.elements.get(next) {
                        None => return Scan::Matches,
                        Some(Element::Literal(literal)) => find(rest, literal.as_bytes()),
                        _ => Some(0),
                    };
                    let Some(skipped) = found else { return Scan::FailsForGood };
                    at += skipped;
                    last_run = Some((next, at));
                    continue;
                }
                Some(Element::Literal(literal)) => begins(rest, literal),
                Some(Element::Variable(index)) => {
                    begins(rest, filled.get(*index).map_or("", Text::as_str))
                }
                Some(Element::Chars(count)) => skip(rest, *count),
            };
            if let Some(length) = length {
                next += 1;
                at += length;
                continue;
            }
            // A dead end: the last run takes one character more.
            let Some((after, from)) = last_run else { return Scan::Fails };
            let Some(first) = text.get(from) else { return Scan::FailsForGood };
            next = after;
            at = from + width(*first);
            last_run = Some((after, at));
        }
    }
}

/// Where `needle` first stands; nowhere if it is empty. Needles are short: the searcher of the
/// standard library takes longer to prepare than this takes to find one.
fn find(text: &[u8], needle: &[u8]) -> Option<usize> {
    let (first, tail) = needle.split_first()?;
    let mut at = 0;
    loop {
        let found = text.get(at..)?.iter().position(|byte| byte == first)? + 1;
        steps::count_many(found);
        at += found;
        if text.get(at..)?.starts_with(tail) {
            return Some(at - 1);
        }
    }
}

/// The length of so many characters, if there are as many.
fn skip(text: &[u8], count: usize) -> Option<usize> {
    // A character has a byte at least.
    if text.len() < count {
        return None;
    }
    let mut length = 0;
    for _ in 0..count {
        steps::count();
        length += width(*text.get(length)?);
    }
    Some(length)
}

/// The bytes of the character that begins with this one. Texts are UTF-8, and are only ever cut
/// before a character.
fn width(first: u8) -> usize {
    match first {
        0..0xc0 => 1,
        0xc0..0xe0 => 2,
        0xe0..0xf0 => 3,
        0xf0.. => 4,
    }
}

/// The length of `prefix` if a text begins with it.
fn begins(text: &[u8], prefix: &str) -> Option<usize> {
    text.starts_with(prefix.as_bytes()).then_some(prefix.len())
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
                Some(c) => {
                    // All that comes before the next character that may mean something.
                    let end = chars.as_str().find(['*', '?', '$']).unwrap_or(chars.as_str().len());
                    let (plain, rest) = chars.as_str().split_at_checked(end).unwrap_or_default();
                    self.char(c);
                    self.literal.push_str(plain);
                    chars = rest.chars();
                }
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
        match self.elements.as_mut_slice() {
            [] => Pattern::Literal(Box::default()),
            [Element::Literal(text)] => Pattern::Literal(mem::take(text)),
            [Element::Run] => Pattern::Prefix(Box::default()),
            [Element::Literal(text), Element::Run] => Pattern::Prefix(mem::take(text)),
            [Element::Run, Element::Literal(tail)] => parted("", tail, false),
            [Element::Run, Element::Literal(middle), Element::Run] => parted("", middle, true),
            [Element::Literal(head), Element::Run, Element::Literal(tail)] => {
                parted(head, tail, false)
            }
            [Element::Literal(head), Element::Run, Element::Literal(middle), Element::Run] => {
                parted(head, middle, true)
            }
            _ => Pattern::Elements(Box::new(Elements {
                elements: self.elements.into(),
                variables: self.variables.into(),
            })),
        }
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

/// Counts the steps of matching, for the tests that hold them to a bound.
mod steps {
    #[cfg(test)]
    thread_local! {
        static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
    }

    #[inline]
    pub(super) fn count() {
        count_many(1);
    }

    #[inline]
    pub(super) fn count_many(count: usize) {
        #[cfg(test)]
        STEPS.set(STEPS.get() + count);
        #[cfg(not(test))]
        let _ = count;
    }

    /// How many steps something takes.
    #[cfg(test)]
    pub(super) fn of(work: impl FnOnce()) -> usize {
        STEPS.set(0);
        work();
        STEPS.get()
    }
}

fn parted(head: &str, behind: &str, is_open: bool) -> Pattern {
    Pattern::Parted { text: [head, behind].concat().into(), at: head.len(), is_open }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIKE: Syntax = Syntax { wildcards: true, variables: true };

    fn matches(pattern: &str, text: &str) -> Option<bool> {
        let mut context = Context::new();
        context.insert("aws:username", "A*n");
        context.insert("aws:empty", "");
        Pattern::compile(pattern, LIKE).unwrap().matches(text, &context)
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

    /// The steps grow with the text and with the pattern, and with no power of either.
    #[test]
    fn steps_are_bounded_by_the_product_of_pattern_and_text() {
        type Shape = fn(usize) -> String;
        const PATTERNS: [Shape; 7] = [
            |n| "a*".repeat(n) + "b",
            |n| "?".repeat(n),
            |n| "?".repeat(n) + "b",
            |n| format!("*a{}b", "?".repeat(n)),
            |n| format!("*{}b*", "a".repeat(n)),
            |n| format!("*{}b*?", "a".repeat(n)),
            |n| format!("*?{}b", "${aws:username}".repeat(n)),
        ];
        let mut context = Context::new();
        context.insert("aws:username", "aa");
        for shape in PATTERNS {
            let steps = |wildcards: usize, length: usize| {
                let pattern = Pattern::compile(&shape(wildcards), LIKE).unwrap();
                let text = "a".repeat(length);
                steps::of(|| assert_ne!(pattern.matches(&text, &context), None))
            };
            let name = shape(2);
            let few = steps(64, 512);
            assert!(few <= 3 * 64 * 512 + 64, "{name}: {few}");
            // Twice and four times, with some room for how they begin.
            assert!(steps(64, 1024) <= 3 * few, "{name}");
            assert!(steps(128, 1024) <= 6 * few, "{name}");
        }
        // A text that is too short is none of them, without a look at it.
        let pattern = Pattern::compile(&format!("*a{}", "?".repeat(30_000)), LIKE).unwrap();
        let text = "a".repeat(30_000);
        let steps = steps::of(|| assert_eq!(pattern.matches(&text, &context), Some(false)));
        assert!(steps <= 100_000, "{steps}");
    }

    #[test]
    fn a_list_ends_at_the_first_item_that_is_wrong() {
        for (items, want) in [
            (&[Ok(1), Err("b"), Err("c")][..], Err("b")),
            (&[Err("a"), Err("b")], Err("a")),
            (&[Err("a"), Ok(2), Err("c")], Err("a")),
            (&[Ok(1), Ok(2), Err("c")], Err("c")),
            (&[Ok(1)], Ok(vec![1])),
            (&[Ok(1), Ok(2)], Ok(vec![1, 2])),
            (&[], Ok(vec![])),
        ] {
            let list: Result<List<i32>, &str> = items.iter().copied().collect();
            assert_eq!(list.map(|list| list.as_slice().to_vec()), want, "{items:?}");
        }
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
            let scan = compiled.scan(&[], text.as_bytes());
            prop_assert_eq!(scan == Scan::Matches, obvious(&p, &t));
            if scan == Scan::FailsForGood {
                prop_assert!(!(0..=t.len()).any(|n| obvious(&p, &t[n..])));
            }
        });
    }
}
