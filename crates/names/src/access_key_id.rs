//! Access key ids, whose layout carries the account as public tools decode it.

use std::fmt;

use data_encoding::BASE32;

use crate::constraint::is_word;
use crate::{AccountId, Constrained, Constraint, Invalid};

/// What an access key id stands for, by its first four characters.
#[derive(Clone, Copy, Debug, Eq, Hash, PartialEq)]
pub enum AccessKeyKind {
    /// `AKIA`: a long-term key of a user.
    LongTerm,
    /// `ASIA`: a key of temporary credentials, valid only with its session token.
    Temporary,
    /// Any other prefix: a fixed key that an operator chose.
    Other,
}

/// An access key id: 16 to 128 word characters; those that Daypass makes have 20.
///
/// It is an identifier, not a secret, and an id alone never determines a secret access key.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccessKeyId(Box<str>);

/// Where the account lies in the first six bytes behind the prefix, and the bit that keys
/// issued since about 2019 have set.
const ACCOUNT_MASK: u64 = 0x7fff_ffff_ff80;
const ACCOUNT_SHIFT: u32 = 7;
const NEW_LAYOUT: u64 = 0x8000_0000_0000;

impl AccessKeyId {
    /// Makes a key id of `kind` for `account` from random bytes.
    ///
    /// Layout: four letters, then the base32 of ten bytes whose bits 46 to 7 (of the first six
    /// bytes) are the account number; the other 39 bits are random. That is too few to be
    /// unique among sessions, so nothing may be keyed on the id alone.
    pub fn from_random(kind: AccessKeyKind, account: AccountId, random: [u8; 10]) -> Self {
        let [a, b, c, d, e, f, rest @ ..] = random;
        let noise = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        let head = NEW_LAYOUT
            | (account.to_number() << ACCOUNT_SHIFT) & ACCOUNT_MASK
            | noise & !(NEW_LAYOUT | ACCOUNT_MASK);
        let mut bytes = [0; 10];
        let (front, back) = bytes.split_at_mut(6);
        for (to, from) in front.iter_mut().zip(head.to_be_bytes().into_iter().skip(2)) {
            *to = from;
        }
        back.copy_from_slice(&rest);
        let prefix = match kind {
            AccessKeyKind::LongTerm | AccessKeyKind::Other => "AKIA",
            AccessKeyKind::Temporary => "ASIA",
        };
        Self(format!("{prefix}{}", BASE32.encode(&bytes)).into())
    }

    /// What the id stands for.
    pub fn kind(&self) -> AccessKeyKind {
        match self.0.get(..4) {
            Some("AKIA") => AccessKeyKind::LongTerm,
            Some("ASIA") => AccessKeyKind::Temporary,
            _ => AccessKeyKind::Other,
        }
    }

    /// The account that the layout carries, when the id has the layout at all.
    ///
    /// An aid for people: what counts is the account that the key is stored or sealed with.
    pub fn account_hint(&self) -> Option<AccountId> {
        if self.0.len() != 20 {
            return None;
        }
        let bytes = BASE32.decode(self.0.get(4..)?.as_bytes()).ok()?;
        let [a, b, c, d, e, f, ..] = *bytes.as_slice() else { return None };
        let head = u64::from_be_bytes([0, 0, a, b, c, d, e, f]);
        Some(AccountId::from_number((head & ACCOUNT_MASK) >> ACCOUNT_SHIFT))
    }

    /// The id.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Constrained for AccessKeyId {
    const CONSTRAINT: Constraint =
        Constraint { min: 16, max: 128, pattern: r"[\w]+", fits: |text| text.bytes().all(is_word) };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AccessKeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccessKeyId({})", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_account_can_be_read_back_from_the_id() {
        for account in ["000000000000", "123456789012", "999999999999"] {
            let account = AccountId::parse(account).unwrap();
            for random in [[0; 10], [0xff; 10], [0x5a; 10]] {
                let id = AccessKeyId::from_random(AccessKeyKind::Temporary, account, random);
                assert_eq!(id.as_str().len(), 20);
                assert_eq!(id.kind(), AccessKeyKind::Temporary);
                assert_eq!(id.account_hint(), Some(account));
                assert_eq!(AccessKeyId::parse(id.as_str()), Ok(id));
            }
        }
    }

    /// The id that the AWS guides print, decoded by hand with the published formula.
    #[test]
    fn the_layout_is_the_one_that_public_tools_decode() {
        let id = AccessKeyId::parse("AKIAIOSFODNN7EXAMPLE").unwrap();
        assert_eq!(id.account_hint(), Some(AccountId::parse("581039954779").unwrap()));
    }

    #[test]
    fn other_ids_carry_no_account() {
        assert_eq!(AccessKeyId::parse("my_fixed_admin_key").unwrap().account_hint(), None);
        for bad in ["short", "has space in it 12345", "AKIA/AKIA/AKIA/AKIA/"] {
            assert!(AccessKeyId::parse(bad).is_err());
        }
    }
}
