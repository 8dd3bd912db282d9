//! Names and texts under a length and a pattern: user, role and policy names, session names,
//! source identities, external ids.

use std::fmt;

use crate::constraint::{is_name_byte, is_word};
use crate::{Constrained, Constraint, Invalid};

macro_rules! constrained_text {
    ($(#[$doc:meta])* $name:ident, $min:literal..=$max:literal, $pattern:literal, $fits:expr) => {
        $(#[$doc])*
        #[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub struct $name(Box<str>);

        impl $name {
            /// The text as it was given.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl Constrained for $name {
            const CONSTRAINT: Constraint =
                Constraint { min: $min, max: $max, pattern: $pattern, fits: $fits };

            fn parse(text: &str) -> Result<Self, Invalid> {
                Self::CONSTRAINT.check(text)?;
                Ok(Self(text.into()))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &self.0)
            }
        }
    };
}

fn name(text: &str) -> bool {
    text.bytes().all(is_name_byte)
}

fn external_id(text: &str) -> bool {
    text.bytes().all(|byte| is_word(byte) || b"+=,.@:/-".contains(&byte))
}

fn description(text: &str) -> bool {
    text.chars()
        .all(|c| matches!(c, '\t' | '\n' | '\r' | '\u{20}'..='\u{7e}' | '\u{a1}'..='\u{ff}'))
}

constrained_text! {
    /// The name of an IAM user; unique in its account ignoring case.
    UserName, 1..=64, r"[\w+=,.@-]+", name
}
constrained_text! {
    /// The name of an IAM role; unique in its account ignoring case, matched exactly in ARNs.
    RoleName, 1..=64, r"[\w+=,.@-]+", name
}
constrained_text! {
    /// The name of a policy, inline or managed.
    PolicyName, 1..=128, r"[\w+=,.@-]+", name
}
constrained_text! {
    /// The name of a role session (`RoleSessionName`).
    SessionName, 2..=64, r"[\w+=,.@-]*", name
}
constrained_text! {
    /// A source identity: set once, carried through every chained session. The pattern has no colon,
    /// so that the reserved prefix `aws:` cannot occur.
    SourceIdentity, 2..=64, r"[\w+=,.@-]*", name
}
constrained_text! {
    /// The external id of an AssumeRole call: compared by the trust policy, not a secret.
    ExternalId, 2..=1224, r"[\w+=,.@:\/-]*", external_id
}
constrained_text! {
    /// The description of a role.
    RoleDescription, 0..=1000, r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*", description
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_service_models() {
        fn check<T: Constrained>(text: &str, want: Result<(), Invalid>) {
            assert_eq!(T::parse(text).map(|_| ()), want, "{text:?}");
        }
        let pattern = |pattern| Err(Invalid::Pattern { pattern });
        check::<UserName>("a", Ok(()));
        check::<UserName>("", Err(Invalid::TooShort { min: 1 }));
        check::<UserName>(&"a".repeat(64), Ok(()));
        check::<UserName>(&"a".repeat(65), Err(Invalid::TooLong { max: 64 }));
        check::<UserName>("Ann+ops=1,2.x@y-z_", Ok(()));
        check::<UserName>("a b", pattern(r"[\w+=,.@-]+"));
        check::<UserName>("a/b", pattern(r"[\w+=,.@-]+"));
        check::<UserName>("é", pattern(r"[\w+=,.@-]+"));
        check::<SessionName>("a", Err(Invalid::TooShort { min: 2 }));
        check::<SessionName>("Session1:2", pattern(r"[\w+=,.@-]*"));
        check::<ExternalId>("urn:x/y", Ok(()));
        check::<ExternalId>("x y", pattern(r"[\w+=,.@:\/-]*"));
        check::<SourceIdentity>("aws:me", pattern(r"[\w+=,.@-]*"));
        check::<RoleDescription>("", Ok(()));
        check::<RoleDescription>("\u{80}", pattern(RoleDescription::CONSTRAINT.pattern));
    }
}
