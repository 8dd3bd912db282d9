//! Secrets on their way into the one reply that hands them out.

use std::fmt;

use daypass_names::SecretAccessKey;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret access key or session token that a reply shows once. It never prints.
pub(crate) struct HandedOut(Zeroizing<String>);

impl HandedOut {
    /// A session token.
    pub(crate) fn token(token: String) -> Self {
        Self(Zeroizing::new(token))
    }
}

impl From<&SecretAccessKey> for HandedOut {
    fn from(secret: &SecretAccessKey) -> Self {
        Self(Zeroizing::new(secret.expose().to_owned()))
    }
}

impl Serialize for HandedOut {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl fmt::Debug for HandedOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("HandedOut(…)")
    }
}
