//! Wire parameters -> the types of `names`, with AWS's own constraint texts.

use daypass_names::{Arn, Constrained, Constraint};
use daypass_query::{Fields, TextRule};

/// An ARN parameter: length and characters here, its syntax in [`arn`].
const ARN: TextRule = TextRule {
    min: 20,
    max: 2048,
    pattern: r"[\u0009\u000A\u000D\u0020-\u007E\u0085\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]+",
    fits: |text| {
        text.chars().all(|c| {
            matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
        })
    },
};

/// A policy document that IAM keeps.
pub(crate) const POLICY_DOCUMENT: TextRule =
    TextRule { min: 1, max: 131_072, pattern: POLICY_PATTERN, fits: policy_characters };

/// A session policy. The newest service model dropped the maximum for AssumeRole while its text
/// still states it; the stricter of the two holds here.
pub(crate) const SESSION_POLICY: TextRule =
    TextRule { min: 1, max: 2048, pattern: POLICY_PATTERN, fits: policy_characters };

const POLICY_PATTERN: &str = r"[\u0009\u000A\u000D\u0020-\u00FF]+";

fn policy_characters(text: &str) -> bool {
    text.chars().all(|c| matches!(c, '\t' | '\n' | '\r' | ' '..='\u{ff}'))
}

/// The rule of a constrained type in the form that the decoder takes.
pub(crate) const fn rule(constraint: &Constraint) -> TextRule {
    TextRule {
        min: constraint.min,
        max: constraint.max,
        pattern: constraint.pattern,
        fits: constraint.fits,
    }
}

/// An optional parameter of a constrained type.
pub(crate) fn optional<T: Constrained>(fields: &mut Fields<'_>, name: &str) -> Option<T> {
    let text = fields.text(name, &rule(&T::CONSTRAINT))?;
    parsed(fields, name, text)
}

/// A required parameter of a constrained type.
pub(crate) fn required<T: Constrained>(fields: &mut Fields<'_>, name: &str) -> Option<T> {
    let text = fields.required_text(name, &rule(&T::CONSTRAINT))?;
    parsed(fields, name, text)
}

fn parsed<T: Constrained>(fields: &mut Fields<'_>, name: &str, text: &str) -> Option<T> {
    match T::parse(text) {
        Ok(value) => Some(value),
        Err(invalid) => {
            fields.fault(name, Some(text), &invalid.to_string());
            None
        }
    }
}

/// A required ARN; a text that is no ARN is echoed as AWS does.
pub(crate) fn arn(fields: &mut Fields<'_>, name: &str) -> Option<Arn> {
    let text = fields.required_text(name, &ARN)?;
    match Arn::parse(text) {
        Ok(arn) => Some(arn),
        Err(_) => {
            fields.refuse(format!("{text} is invalid"));
            None
        }
    }
}
