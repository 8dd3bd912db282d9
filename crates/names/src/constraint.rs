//! What a text parameter must satisfy, in the form in which AWS states it.

use thiserror::Error;

/// The three constraints that the AWS service models put on a text: its length in characters
/// and the pattern that every character must fit.
#[derive(Clone, Copy, Debug)]
pub struct Constraint {
    /// Least number of characters.
    pub min: usize,
    /// Greatest number of characters.
    pub max: usize,
    /// The pattern as the service model writes it, which AWS echoes in its refusals.
    pub pattern: &'static str,
    /// Whether a text fits the pattern, whatever its length.
    pub fits: fn(&str) -> bool,
}

impl Constraint {
    /// The first violation of `text`, if any; the length is judged before the pattern.
    pub fn check(&self, text: &str) -> Result<(), Invalid> {
        let length = text.chars().count();
        if length < self.min {
            return Err(Invalid::TooShort { min: self.min });
        }
        if length > self.max {
            return Err(Invalid::TooLong { max: self.max });
        }
        if !(self.fits)(text) {
            return Err(Invalid::Pattern { pattern: self.pattern });
        }
        Ok(())
    }
}

/// A type that is parsed from a text under a [`Constraint`].
pub trait Constrained: Sized {
    /// What the text must satisfy.
    const CONSTRAINT: Constraint;

    /// Parses a text that satisfies [`Self::CONSTRAINT`] and whatever further rule the type has.
    fn parse(text: &str) -> Result<Self, Invalid>;
}

/// Why a text is not a value of the wanted type; worded as AWS words its validation errors.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum Invalid {
    /// Fewer characters than allowed.
    #[error("Member must have length greater than or equal to {min}")]
    TooShort {
        /// Least number of characters.
        min: usize,
    },
    /// More characters than allowed.
    #[error("Member must have length less than or equal to {max}")]
    TooLong {
        /// Greatest number of characters.
        max: usize,
    },
    /// A character or shape that the pattern does not have.
    #[error("Member must satisfy regular expression pattern: {pattern}")]
    Pattern {
        /// The pattern as the service model writes it.
        pattern: &'static str,
    },
    /// A rule beyond length and pattern.
    #[error("{0}")]
    Rule(&'static str),
}

/// The `\w` of AWS's patterns: ASCII letters, digits and the underscore.
pub(crate) fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_'
}

/// The class `[\w+=,.@-]` that most names share.
pub(crate) fn is_name_byte(byte: u8) -> bool {
    is_word(byte) || b"+=,.@-".contains(&byte)
}
