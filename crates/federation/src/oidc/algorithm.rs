//! The signature algorithms of JSON Web Algorithms (RFC 7518, section 3.1; RFC 8037, section 3.1)
//! that a provider may use.
//!
//! SECURITY: all of them are asymmetric. `none` and the HMACs cannot be named here, so that no table
//! and no setting can let them in.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;

/// A signature algorithm.
#[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub enum Algorithm {
    /// RSASSA-PKCS1-v1_5 with SHA-256.
    Rs256,
    /// RSASSA-PKCS1-v1_5 with SHA-384.
    Rs384,
    /// RSASSA-PKCS1-v1_5 with SHA-512.
    Rs512,
    /// ECDSA with P-256 and SHA-256.
    Es256,
    /// ECDSA with P-384 and SHA-384.
    Es384,
    /// ECDSA with P-521 and SHA-512.
    Es512,
    /// RSASSA-PSS with SHA-256.
    Ps256,
    /// RSASSA-PSS with SHA-384.
    Ps384,
    /// RSASSA-PSS with SHA-512.
    Ps512,
    /// Ed25519.
    EdDsa,
}

/// A text that names none of the [`Algorithm`]s.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[error("not one of RS256, RS384, RS512, ES256, ES384, ES512, PS256, PS384, PS512 and EdDSA")]
pub struct UnknownAlgorithm;

impl Algorithm {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Rs256,
        Self::Rs384,
        Self::Rs512,
        Self::Es256,
        Self::Es384,
        Self::Es512,
        Self::Ps256,
        Self::Ps384,
        Self::Ps512,
        Self::EdDsa,
    ];

    /// The name that headers and keys give it in `alg`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Rs256 => "RS256",
            Self::Rs384 => "RS384",
            Self::Rs512 => "RS512",
            Self::Es256 => "ES256",
            Self::Es384 => "ES384",
            Self::Es512 => "ES512",
            Self::Ps256 => "PS256",
            Self::Ps384 => "PS384",
            Self::Ps512 => "PS512",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Its place in [`Algorithms`].
    const fn bit(self) -> u16 {
        match self {
            Self::Rs256 => 1,
            Self::Rs384 => 1 << 1,
            Self::Rs512 => 1 << 2,
            Self::Es256 => 1 << 3,
            Self::Es384 => 1 << 4,
            Self::Es512 => 1 << 5,
            Self::Ps256 => 1 << 6,
            Self::Ps384 => 1 << 7,
            Self::Ps512 => 1 << 8,
            Self::EdDsa => 1 << 9,
        }
    }
}

impl FromStr for Algorithm {
    type Err = UnknownAlgorithm;

    /// Names are compared as texts, case included (RFC 7515, section 4.1.1).
    fn from_str(text: &str) -> Result<Self, UnknownAlgorithm> {
        Self::ALL.into_iter().find(|one| one.name() == text).ok_or(UnknownAlgorithm)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The algorithms that a provider may use.
#[derive(Clone, Copy, Eq, Hash, PartialEq)]
pub struct Algorithms(u16);

impl Algorithms {
    /// None at all.
    pub const NONE: Self = Self(0);

    /// What every provider may use: IAM user guide, page "Create an OpenID Connect identity provider
    /// in IAM": RS256, RS384, RS512, ES256, ES384 and ES512.
    pub const DEFAULT: Self = Self::NONE
        .with(Algorithm::Rs256)
        .with(Algorithm::Rs384)
        .with(Algorithm::Rs512)
        .with(Algorithm::Es256)
        .with(Algorithm::Es384)
        .with(Algorithm::Es512);

    /// These and one more.
    #[must_use]
    pub const fn with(self, algorithm: Algorithm) -> Self {
        Self(self.0 | algorithm.bit())
    }

    /// Whether an algorithm is among them.
    pub const fn contains(self, algorithm: Algorithm) -> bool {
        self.0 & algorithm.bit() != 0
    }

    /// Each of them, in the order of [`Algorithm::ALL`].
    pub fn iter(self) -> impl Iterator<Item = Algorithm> {
        Algorithm::ALL.into_iter().filter(move |one| self.contains(*one))
    }
}

impl Default for Algorithms {
    fn default() -> Self {
        Self::DEFAULT
    }
}

impl Extend<Algorithm> for Algorithms {
    fn extend<I: IntoIterator<Item = Algorithm>>(&mut self, more: I) {
        *self = more.into_iter().fold(*self, Self::with);
    }
}

impl fmt::Debug for Algorithms {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.iter().map(Algorithm::name)).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_exact_and_nothing_symmetric_has_one() {
        for one in Algorithm::ALL {
            assert_eq!(one.name().parse(), Ok(one));
            assert_eq!(Algorithms::NONE.with(one).iter().collect::<Vec<_>>(), [one]);
        }
        for text in
            ["", "none", "None", "HS256", "HS384", "HS512", "rs256", "RS1", "ES256K", "EdDSA "]
        {
            assert_eq!(text.parse::<Algorithm>(), Err(UnknownAlgorithm), "{text}");
        }
    }

    #[test]
    fn the_default_is_rsa_and_ecdsa() {
        let names: Vec<_> = Algorithms::default().iter().map(Algorithm::name).collect();
        assert_eq!(names, ["RS256", "RS384", "RS512", "ES256", "ES384", "ES512"]);
        let mut more = Algorithms::DEFAULT;
        more.extend([Algorithm::EdDsa, Algorithm::EdDsa]);
        assert!(more.contains(Algorithm::EdDsa) && !more.contains(Algorithm::Ps256));
        assert_eq!(more.iter().count(), 7);
    }
}
