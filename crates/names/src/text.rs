//! Names and texts under a length and a pattern: user, group, role and policy names, session names,
//! source identities, external ids.

use std::fmt;
use std::num::NonZeroU32;

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

fn version(text: &str) -> bool {
    let Some(rest) = text.strip_prefix('v') else { return false };
    let (number, suffix) = rest.split_once('.').unwrap_or((rest, ""));
    matches!(number.as_bytes(), [b'1'..=b'9', more @ ..] if more.iter().all(u8::is_ascii_digit))
        && suffix.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
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
    /// The name of an IAM group; unique in its account ignoring case.
    GroupName, 1..=128, r"[\w+=,.@-]+", name
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
    /// The description of a managed policy. The service model puts no pattern on it; ours is that
    /// of roles, so that every description can be written in a reply.
    PolicyDescription, 0..=1000, r"[\u0009\u000A\u000D\u0020-\u007E\u00A1-\u00FF]*", description
}
constrained_text! {
    /// The id of a version of a managed policy: `v1`, `v2`…
    PolicyVersionId, 1..=64, r"v[1-9][0-9]*(\.[A-Za-z0-9-]*)?", version
}

impl PolicyVersionId {
    /// The id of the version of that number.
    pub fn numbered(number: NonZeroU32) -> Self {
        Self(format!("v{number}").into())
    }
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
        check::<GroupName>(&"g".repeat(128), Ok(()));
        check::<GroupName>(&"g".repeat(129), Err(Invalid::TooLong { max: 128 }));
        check::<GroupName>("g/h", pattern(r"[\w+=,.@-]+"));
        for good in ["v1", "v10", "v2.", "v3.a-Z9"] {
            check::<PolicyVersionId>(good, Ok(()));
        }
        for bad in ["v", "v0", "1", "V1", "v1a", "v1.a.b", "v1.\u{e9}"] {
            check::<PolicyVersionId>(bad, pattern(PolicyVersionId::CONSTRAINT.pattern));
        }
        let third = NonZeroU32::new(3).unwrap();
        assert_eq!(PolicyVersionId::numbered(third).as_str(), "v3");
        check::<PolicyDescription>("", Ok(()));
        check::<PolicyDescription>("\u{0}", pattern(PolicyDescription::CONSTRAINT.pattern));
        check::<RoleDescription>("", Ok(()));
        check::<RoleDescription>("\u{80}", pattern(RoleDescription::CONSTRAINT.pattern));
    }
}
