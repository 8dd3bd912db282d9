//! Secrets on their way into the one reply that hands them out.

use std::fmt;

use data_encoding::BASE64;
use daypass_names::SecretAccessKey;
use serde::{Serialize, Serializer};
use zeroize::Zeroizing;

/// A secret access key, session token or seed that a reply shows once. It never prints.
pub(crate) struct HandedOut(Zeroizing<String>);

impl HandedOut {
    /// A session token.
    pub(crate) fn token(token: String) -> Self {
        Self(Zeroizing::new(token))
    }

    /// What the service models call a blob: bytes, in base64.
    pub(crate) fn blob(bytes: &[u8]) -> Self {
        Self(Zeroizing::new(BASE64.encode(bytes)))
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
