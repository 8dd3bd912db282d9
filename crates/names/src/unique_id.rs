//! The unique ids of IAM entities (`AIDA…`, `AROA…`): never given twice, whatever the name.

use std::fmt;

use data_encoding::BASE32;

use crate::Invalid;

/// What a unique id names, by its prefix. IAM user guide, page "IAM identifiers".
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
#[non_exhaustive]
pub enum UniqueIdKind {
    /// `AGPA`
    Group,
    /// `AIPA`
    InstanceProfile,
    /// `ANPA`
    ManagedPolicy,
    /// `AMFA`. The prefix is ours: AWS shows no unique id of a virtual MFA device, and nor do we.
    MfaDevice,
    /// `AOID`. The prefix is ours: AWS shows no unique id of an OpenID Connect provider, and nor do
    /// we.
    OidcProvider,
    /// `AROA`
    Role,
    /// `ASAM`. The prefix is ours: AWS shows no unique id of this form of a SAML provider, and nor do
    /// we.
    SamlProvider,
    /// `ASVC`: a service that an operator registered. The prefix is ours.
    Service,
    /// `AIDA`
    User,
}

impl UniqueIdKind {
    const ALL: [Self; 9] = [
        Self::Group,
        Self::InstanceProfile,
        Self::ManagedPolicy,
        Self::MfaDevice,
        Self::OidcProvider,
        Self::Role,
        Self::SamlProvider,
        Self::Service,
        Self::User,
    ];

    /// The four letters.
    pub const fn prefix(self) -> &'static str {
        match self {
            Self::Group => "AGPA",
            Self::InstanceProfile => "AIPA",
            Self::ManagedPolicy => "ANPA",
            Self::MfaDevice => "AMFA",
            Self::OidcProvider => "AOID",
            Self::Role => "AROA",
            Self::SamlProvider => "ASAM",
            Self::Service => "ASVC",
            Self::User => "AIDA",
        }
    }
}

/// A unique id: a four-letter prefix and 17 characters of `[A-Z0-9]`.
///
/// Rights hang on it, not on the name: an entity that is made again under an old name is another.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct UniqueId {
    kind: UniqueIdKind,
    rest: [u8; 17],
}

impl UniqueId {
    /// Makes an id from random bytes; 85 of the 88 bits are used.
    pub fn from_random(kind: UniqueIdKind, random: [u8; 11]) -> Self {
        let encoded = BASE32.encode(&random);
        let mut rest = [b'A'; 17];
        for (to, from) in rest.iter_mut().zip(encoded.bytes()) {
            *to = from;
        }
        Self { kind, rest }
    }

    /// Parses an id of one of the known kinds.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let bad = Invalid::Pattern { pattern: "A[A-Z]{3}[A-Z0-9]{17}" };
        let kind = UniqueIdKind::ALL
            .into_iter()
            .find(|kind| text.starts_with(kind.prefix()))
            .ok_or(bad)?;
        let rest = text.as_bytes().get(4..).and_then(|rest| <[u8; 17]>::try_from(rest).ok());
        match rest {
            Some(rest) if rest.iter().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()) => {
                Ok(Self { kind, rest })
            }
            _ => Err(bad),
        }
    }

    /// What the id names.
    pub fn kind(&self) -> UniqueIdKind {
        self.kind
    }

    /// The 17 characters behind the prefix.
    fn rest(&self) -> &str {
        // INVARIANT: the bytes are ASCII letters and digits.
        std::str::from_utf8(&self.rest).unwrap_or_default()
    }
}

impl fmt::Display for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.kind.prefix())?;
        f.write_str(self.rest())
    }
}

impl fmt::Debug for UniqueId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UniqueId({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_print_as_they_parse() {
        for kind in UniqueIdKind::ALL {
            let id = UniqueId::from_random(kind, [0xa7; 11]);
            let text = id.to_string();
            assert_eq!(text.len(), 21);
            assert!(text.starts_with(kind.prefix()));
            assert_eq!(UniqueId::parse(&text), Ok(id));
        }
    }

    #[test]
    fn other_texts_are_no_ids() {
        for bad in
            ["", "AIDA", "AIDAabcdefghijklmnopq", "XXXXAAAAAAAAAAAAAAAAA", "AIDA-AAAAAAAAAAAAAAAA"]
        {
            assert!(UniqueId::parse(bad).is_err(), "{bad:?}");
        }
    }
}
