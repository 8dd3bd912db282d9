//! Names and texts under a length and a pattern: names of entities, account aliases, session names,
//! source identities, external ids, tags.

use std::fmt;
use std::num::NonZeroU32;

use data_encoding::BASE32;

use crate::constraint::{is_name_byte, is_word};
use crate::{AccountId, Constrained, Constraint, Invalid};

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

fn provider_name(text: &str) -> bool {
    text.bytes().all(|byte| is_word(byte) || b".-".contains(&byte))
}

fn saml_id(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit())
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

/// The classes `\p{L}`, `\p{Z}` and `\p{N}` and some punctuation, by what the standard library knows.
///
/// `\p{N}` and `\p{Z}` are exact. For `\p{L}` the property Alphabetic stands, which has all letters
/// and, beyond them, the vowel signs and other marks that some scripts write words with, and the
/// circled and squared Latin letters: those are taken here although the pattern has them not.
fn tag(text: &str) -> bool {
    text.chars().all(|c| {
        c.is_alphanumeric() || (c.is_whitespace() && !c.is_control()) || "_.:/=+-@".contains(c)
    })
}

fn alias(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
        // An alias stands where an account id may stand.
        && AccountId::parse(text).is_err()
}

fn word(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
        && !text.contains("--")
}

fn host(text: &str) -> bool {
    text.split('.').all(|label| {
        !label.is_empty()
            && label.len() <= 63
            && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
    })
}

fn domain(text: &str) -> bool {
    host(text) && text.contains('.')
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
    /// The name of an instance profile; unique in its account ignoring case.
    InstanceProfileName, 1..=128, r"[\w+=,.@-]+", name
}
constrained_text! {
    /// The name of a virtual MFA device; unique in its account ignoring case. The service model has
    /// no greatest length: ours is that of other names.
    VirtualMfaDeviceName, 1..=128, r"[\w+=,.@-]+", name
}
constrained_text! {
    /// The name of a SAML provider; unique in its account ignoring case.
    SamlProviderName, 1..=128, r"[\w._-]+", provider_name
}
constrained_text! {
    /// What AWS calls the UUID of a SAML provider, or the id of a private key of one.
    SamlId, 22..=64, r"[A-Z0-9]+", saml_id
}

impl SamlId {
    /// Makes an id from random bytes: 32 characters.
    pub fn from_random(random: [u8; 20]) -> Self {
        Self(BASE32.encode(&random).into())
    }
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
    /// The name of a federated user (`Name` of GetFederationToken).
    FederatedUserName, 2..=32, r"[\w+=,.@-]*", name
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

constrained_text! {
    /// The alias of an account; unique in the deployment. IAM user guide, page "Your AWS account
    /// identifiers": never twelve digits, which are refused as what does not fit the pattern.
    AccountAlias, 3..=63, r"^[a-z0-9]([a-z0-9]|-(?!-)){1,61}[a-z0-9]$", alias
}
constrained_text! {
    /// The name under which an operator registered a service; unique in the deployment.
    ServiceName, 1..=63, r"^[a-z0-9]([a-z0-9]|-(?!-)){0,61}[a-z0-9]$|^[a-z0-9]$", word
}
constrained_text! {
    /// What trust policies call a service, such as `ec2.amazonaws.com`: a domain name in lower
    /// case. It is compared exactly.
    ServicePrincipal, 3..=253, r"^[a-z0-9-]+(\.[a-z0-9-]+)+$", domain
}

impl ServicePrincipal {
    /// Whether the name is kept for the server's own records, as `daypass.operator` is: nobody may
    /// be registered under it, or records of both could not be told apart.
    pub fn is_reserved(&self) -> bool {
        let mut labels = self.0.split('.');
        labels.next() == Some("daypass") || labels.next_back() == Some("daypass")
    }
}

constrained_text! {
    /// A host name that clients call a service by, without a port.
    HostName, 1..=253, r"^[a-z0-9-]+(\.[a-z0-9-]+)*$", host
}
constrained_text! {
    /// The name of a service in the scope of a signature, such as `s3`.
    SigningName, 1..=63, r"^[a-z0-9]([a-z0-9]|-(?!-)){0,61}[a-z0-9]$|^[a-z0-9]$", word
}
constrained_text! {
    /// The key of a tag, with the case that it was given. That the prefix `aws:` is reserved is the
    /// business of whoever takes tags from callers.
    TagKey, 1..=128, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]+", tag
}
constrained_text! {
    /// The value of a tag; it may be empty.
    TagValue, 0..=256, r"[\p{L}\p{Z}\p{N}_.:/=+\-@]*", tag
}

impl TagKey {
    /// Whether both are the same key. IAM user guide, page "Tags for IAM resources": the case of
    /// keys is kept, but not compared.
    pub fn is_same(&self, other: &Self) -> bool {
        let lower = |key: &Self| key.0.chars().flat_map(char::to_lowercase).collect::<String>();
        self == other || lower(self) == lower(other)
    }
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
        check::<FederatedUserName>("a", Err(Invalid::TooShort { min: 2 }));
        check::<FederatedUserName>(&"a".repeat(32), Ok(()));
        check::<FederatedUserName>(&"a".repeat(33), Err(Invalid::TooLong { max: 32 }));
        check::<FederatedUserName>("ann/b", pattern(r"[\w+=,.@-]*"));
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
        check::<InstanceProfileName>(&"p".repeat(128), Ok(()));
        check::<InstanceProfileName>(&"p".repeat(129), Err(Invalid::TooLong { max: 128 }));
        check::<InstanceProfileName>("", Err(Invalid::TooShort { min: 1 }));
        check::<VirtualMfaDeviceName>(&"d".repeat(128), Ok(()));
        check::<VirtualMfaDeviceName>(&"d".repeat(129), Err(Invalid::TooLong { max: 128 }));
        check::<VirtualMfaDeviceName>("", Err(Invalid::TooShort { min: 1 }));
        check::<VirtualMfaDeviceName>("a:b", pattern(r"[\w+=,.@-]+"));
        check::<SamlProviderName>(&"s".repeat(128), Ok(()));
        check::<SamlProviderName>(&"s".repeat(129), Err(Invalid::TooLong { max: 128 }));
        check::<SamlProviderName>("", Err(Invalid::TooShort { min: 1 }));
        check::<SamlProviderName>("Corp_1.a-Z", Ok(()));
        for bad in ["a+b", "a@b", "a/b", "a b", "\u{e9}"] {
            check::<SamlProviderName>(bad, pattern(r"[\w._-]+"));
        }
        check::<SamlId>(&"A1".repeat(11), Ok(()));
        check::<SamlId>(&"A".repeat(21), Err(Invalid::TooShort { min: 22 }));
        check::<SamlId>(&"A".repeat(65), Err(Invalid::TooLong { max: 64 }));
        check::<SamlId>(&"a".repeat(22), pattern("[A-Z0-9]+"));
        let drawn = SamlId::from_random([0xa7; 20]);
        assert_eq!(SamlId::parse(drawn.as_str()), Ok(drawn));
        check::<InstanceProfileName>("a/b", pattern(r"[\w+=,.@-]+"));
    }

    #[test]
    fn tags_are_words_of_any_script() {
        fn check<T: Constrained>(text: &str, want: Result<(), Invalid>) {
            assert_eq!(T::parse(text).map(|_| ()), want, "{text:?}");
        }
        let bad = || Err(Invalid::Pattern { pattern: TagKey::CONSTRAINT.pattern });
        check::<TagKey>("", Err(Invalid::TooShort { min: 1 }));
        // Characters are counted, not bytes.
        check::<TagKey>(&"\u{e9}".repeat(128), Ok(()));
        check::<TagKey>(&"k".repeat(129), Err(Invalid::TooLong { max: 128 }));
        for good in [
            "Cost Center",
            "a_.:/=+-@z",
            "\u{90e8}\u{9580}",
            "\u{2167}\u{bd}\u{0663}",
            "a\u{a0}b\u{3000}c\u{2028}",
            "aws:reserved",
            // Beyond the letters of the pattern: a vowel sign, a circled and a squared letter.
            "\u{93f}",
            "\u{24d0}",
            "\u{1f130}",
        ] {
            check::<TagKey>(good, Ok(()));
            check::<TagValue>(good, Ok(()));
        }
        // Control characters are white space to the standard library, but not separators.
        for refused in [
            "a\tb",
            "a\nb",
            "a\u{85}b",
            "a\0",
            "a*",
            "a,b",
            "\"",
            "<",
            "\u{1f600}",
            "\u{200b}",
            "\u{301}",
        ] {
            check::<TagKey>(refused, bad());
        }
        check::<TagValue>("", Ok(()));
        check::<TagValue>(&"v".repeat(256), Ok(()));
        check::<TagValue>(&"v".repeat(257), Err(Invalid::TooLong { max: 256 }));
        check::<TagValue>("a;b", Err(Invalid::Pattern { pattern: TagValue::CONSTRAINT.pattern }));

        let same = |one: &str, two: &str| {
            TagKey::parse(one).unwrap().is_same(&TagKey::parse(two).unwrap())
        };
        assert!(same("Department", "dEPARTMENT") && same("\u{c9}tat", "\u{e9}TAT"));
        assert!(!same("Department", "Departments") && !same("a b", "a\u{a0}b"));
    }

    #[test]
    fn services_are_named_in_lower_case() {
        fn fits<T: Constrained>(good: &[&str], bad: &[&str]) {
            for text in good {
                assert!(T::parse(text).is_ok(), "{text:?}");
            }
            for text in bad {
                assert!(T::parse(text).is_err(), "{text:?}");
            }
        }
        fits::<ServiceName>(
            &["a", "ec2", "my-store"],
            &["", "-a", "a-", "a--b", "A", "a.b", "a b"],
        );
        fits::<SigningName>(&["s3", "execute-api"], &["", "S3", "s3/x", "é"]);
        fits::<ServicePrincipal>(
            &["ec2.amazonaws.com", "store.example", "a.b"],
            &["", "ec2", "*.amazonaws.com", "EC2.amazonaws.com", ".a.b", "a..b", "a.b.", "a.b/c"],
        );
        for (name, reserved) in [
            ("daypass.operator", true),
            ("daypass.server.example.com", true),
            ("jobs.daypass", true),
            ("jobs.daypass.example.com", false),
            ("my-daypass.example", false),
            ("ec2.amazonaws.com", false),
        ] {
            assert_eq!(ServicePrincipal::parse(name).unwrap().is_reserved(), reserved, "{name}");
        }
        fits::<HostName>(&["store", "s3.example.com"], &["", "s3.example.com:443", "*", "a..b"]);
        let long = "a".repeat(64);
        assert!(HostName::parse(&long).is_err() && ServiceName::parse(&long).is_err());
    }

    #[test]
    fn aliases_are_words_joined_by_single_hyphens() {
        for good in ["abc", "a-b", "a1b", "123", "12345678901", "1234567890123", "a-1-b"] {
            assert_eq!(AccountAlias::parse(good).unwrap().as_str(), good);
        }
        assert!(AccountAlias::parse(&"a".repeat(63)).is_ok());
        assert_eq!(AccountAlias::parse("ab"), Err(Invalid::TooShort { min: 3 }));
        assert_eq!(AccountAlias::parse(&"a".repeat(64)), Err(Invalid::TooLong { max: 63 }));
        for bad in ["-ab", "ab-", "a--b", "Abc", "a.b", "a_b", "a b", "123456789012", "\u{e9}bc"] {
            let pattern = AccountAlias::CONSTRAINT.pattern;
            assert_eq!(AccountAlias::parse(bad), Err(Invalid::Pattern { pattern }), "{bad:?}");
        }
    }
}
