//! Secret access keys: opaque, wiped on drop, compared in constant time.

use std::fmt;

use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

use crate::Invalid;

/// A secret access key: the shared secret of a SigV4 signature.
///
/// Those that Daypass makes have 40 characters of the base64 alphabet; a fixed one that an
/// operator chose has 16 to 128 printable ASCII characters. It never prints and is wiped when
/// dropped.
#[derive(Clone)]
pub struct SecretAccessKey(Zeroizing<String>);

impl SecretAccessKey {
    /// Fewest characters: below this a secret can be guessed.
    pub const MIN: usize = 16;
    /// Most characters.
    pub const MAX: usize = 128;

    /// Parses a secret; the error does not repeat it.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.len() < Self::MIN {
            return Err(Invalid::TooShort { min: Self::MIN });
        }
        if text.len() > Self::MAX {
            return Err(Invalid::TooLong { max: Self::MAX });
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid::Pattern { pattern: "[!-~]+" });
        }
        Ok(Self(Zeroizing::new(text.to_owned())))
    }

    /// The 40 characters that stand for 30 secret bytes.
    pub fn from_bytes(bytes: &Zeroizing<[u8; 30]>) -> Self {
        Self(Zeroizing::new(data_encoding::BASE64.encode(bytes.as_slice())))
    }

    /// Exposes the secret. Only signing, sealing and the one reply that hands it out may ask.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl ConstantTimeEq for SecretAccessKey {
    fn ct_eq(&self, other: &Self) -> subtle::Choice {
        self.0.as_bytes().ct_eq(other.0.as_bytes())
    }
}

impl fmt::Debug for SecretAccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretAccessKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_bounded_and_never_prints() {
        let secret = SecretAccessKey::parse("wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY").unwrap();
        assert_eq!(format!("{secret:?}"), "SecretAccessKey(…)");
        for bad in ["short", "has a space in the middle", &"x".repeat(129)] {
            assert!(SecretAccessKey::parse(bad).is_err());
        }
        assert_eq!(SecretAccessKey::from_bytes(&Zeroizing::new([7; 30])).expose().len(), 40);
    }

    #[test]
    fn comparison_is_by_content() {
        let one = SecretAccessKey::parse("exampleexample16").unwrap();
        let two = SecretAccessKey::parse("exampleexample17").unwrap();
        assert!(bool::from(one.ct_eq(&one.clone())));
        assert!(!bool::from(one.ct_eq(&two)));
    }
}
