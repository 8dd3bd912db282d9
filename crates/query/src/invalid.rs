//! Failed constraints, in the words of AWS's `ValidationError`.

use std::fmt;

/// Most characters of a value that a message repeats; the rest is cut.
pub const MAX_ECHO: usize = 2048;

/// Most bytes that the values of a message take together as XML, where one character may be six.
/// Whoever has not proven anything gets such messages: they must stay well within what a reply may
/// take.
pub const MAX_ECHOES: usize = 64 << 10;

/// Most faults that a message spells out; all are counted.
pub const MAX_FAULTS: usize = 32;

/// What is wrong with a request's input: the message of a `ValidationError` (400).
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Invalid {
    /// The first faults, spelt out.
    faults: Vec<Fault>,
    /// How many there are in all.
    count: usize,
    /// How many bytes the values that the faults repeat take as XML.
    echoed: usize,
    /// The sentence that stands when no constraint failed.
    refusal: Option<String>,
}

#[derive(Clone, Debug, Eq, PartialEq)]
struct Fault {
    value: Value,
    path: String,
    message: String,
}

/// What a fault says of the value.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Value {
    /// It is missing: `Value null at …`.
    Null,
    /// It is a secret, or is not to be repeated: `Value at …`.
    Hidden,
    /// The value, cut to [`MAX_ECHO`] characters.
    Shown(String),
}

impl Value {
    pub(crate) fn shown(text: &str) -> Self {
        let mut chars = text.chars();
        let mut echo: String = chars.by_ref().take(MAX_ECHO).collect();
        if chars.next().is_some() {
            echo.push('…');
        }
        Self::Shown(echo)
    }
}

impl Invalid {
    /// How many constraints failed; none when the input was refused for another reason.
    pub fn count(&self) -> usize {
        self.count
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.count == 0 && self.refusal.is_none()
    }

    pub(crate) fn refuse(&mut self, message: String) {
        self.refusal.get_or_insert(message);
    }

    pub(crate) fn push(&mut self, mut value: Value, path: String, message: String) {
        self.count += 1;
        if self.faults.len() < MAX_FAULTS {
            if let Value::Shown(text) = &mut value {
                let mut room = MAX_ECHOES.saturating_sub(self.echoed);
                let cut = text.char_indices().find(|(_, character)| {
                    let left = room.checked_sub(escaped(*character));
                    room = left.unwrap_or(room);
                    left.is_none()
                });
                if let Some((at, _)) = cut {
                    text.truncate(at);
                    text.push('…');
                }
                self.echoed = MAX_ECHOES.saturating_sub(room);
            }
            self.faults.push(Fault { value, path, message });
        }
    }
}

/// Most bytes that a character takes in a reply, escaped.
fn escaped(character: char) -> usize {
    match character {
        '&' | '<' | '>' | '"' | '\'' | '\\' => 6,
        _ if character.is_control() => 6,
        _ => character.len_utf8(),
    }
}

impl fmt::Display for Invalid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let (0, Some(refusal)) = (self.count, &self.refusal) {
            return f.write_str(refusal);
        }
        let plural = if self.count == 1 { "" } else { "s" };
        write!(f, "{} validation error{plural} detected: ", self.count)?;
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            match &fault.value {
                Value::Null => f.write_str("Value null at ")?,
                Value::Hidden => f.write_str("Value at ")?,
                Value::Shown(text) => write!(f, "Value '{text}' at ")?,
            }
            write!(f, "'{}' failed to satisfy constraint: {}", fault.path, fault.message)?;
        }
        Ok(())
    }
}

impl std::error::Error for Invalid {}
