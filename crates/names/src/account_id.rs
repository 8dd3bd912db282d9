//! The twelve digits of an account.

use std::fmt;
use std::str;

use crate::Invalid;

/// An AWS account id: exactly twelve digits, leading zeros kept.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct AccountId([u8; 12]);

impl AccountId {
    /// The id of zeros, which stands for no account. None is ever drawn with it.
    pub const ZEROS: Self = Self([b'0'; 12]);

    /// The number of account ids there are.
    const COUNT: u64 = 1_000_000_000_000;

    /// Parses twelve digits.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        match <[u8; 12]>::try_from(text.as_bytes()) {
            Ok(digits) if digits.iter().all(u8::is_ascii_digit) => Ok(Self(digits)),
            _ => Err(Invalid::Pattern { pattern: r"\d{12}" }),
        }
    }

    /// An account id drawn from 64 random bits; the first digit is never zero, so that the id
    /// survives tools that take it for a number.
    pub fn from_random(bits: u64) -> Self {
        let first = Self::COUNT / 10;
        Self::from_number(first + bits % (Self::COUNT - first))
    }

    /// The account id of that number; what lies above twelve digits is dropped.
    pub(crate) fn from_number(number: u64) -> Self {
        let mut rest = number % Self::COUNT;
        let mut digits = [b'0'; 12];
        for digit in digits.iter_mut().rev() {
            // A remainder of ten fits a byte.
            *digit = b'0' + u8::try_from(rest % 10).unwrap_or(0);
            rest /= 10;
        }
        Self(digits)
    }

    /// The digits as a number.
    pub(crate) fn to_number(self) -> u64 {
        self.0.iter().fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
    }

    /// The twelve digits.
    pub fn as_str(&self) -> &str {
        // INVARIANT: the bytes are ASCII digits.
        str::from_utf8(&self.0).unwrap_or_default()
    }
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AccountId({})", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_account_id_is_twelve_digits() {
        assert_eq!(AccountId::parse("000000000001").unwrap().as_str(), "000000000001");
        for bad in ["", "1", "12345678901", "1234567890123", "12345678901a", "１２３４"] {
            assert!(AccountId::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn random_accounts_have_twelve_significant_digits() {
        for bits in [0, 1, 899_999_999_999, 900_000_000_000, u64::MAX] {
            let account = AccountId::from_random(bits);
            assert_ne!(account.as_str().as_bytes()[0], b'0');
            assert_eq!(AccountId::from_number(account.to_number()), account);
        }
    }
}
