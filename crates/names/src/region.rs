//! The Region of a credential scope or of a deployment.

use std::fmt;

use crate::Invalid;

/// A Region name: 1 to 64 letters, digits, hyphens, dots and underscores, such as `eu-west-1`,
/// `aws-global` or `my.region`.
///
/// It need not be one that AWS has: clients pointed at an endpoint of their own sign with
/// whatever Region they are set to.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Region(Box<str>);

impl Region {
    /// Parses a Region name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid::TooShort { min: 1 });
        }
        if text.len() > 64 {
            return Err(Invalid::TooLong { max: 64 });
        }
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
        if !text.bytes().all(fits) {
            return Err(Invalid::Pattern { pattern: "[A-Za-z0-9._-]+" });
        }
        Ok(Self(text.into()))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Region({})", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn any_plain_name_is_a_region() {
        for good in ["us-east-1", "aws-global", "x", "My.region_2"] {
            assert_eq!(Region::parse(good).unwrap().as_str(), good);
        }
        for bad in ["", "a/b", "a b", &"x".repeat(65)] {
            assert!(Region::parse(bad).is_err(), "{bad:?}");
        }
    }
}
