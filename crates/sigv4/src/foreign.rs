//! Credentials that another server gave out, and that this side only signs with.
//!
//! What is right for our own keys says nothing of those of others: S3 servers come with keys such as
//! `minioadmin`, `admin` or `any`. They are bounded, and hold nothing that would take the
//! `Authorization` header apart; whether they are good for anything is for the other server to say.
//! They are never looked up and prove nobody here.

use std::fmt;

use zeroize::Zeroizing;

use crate::{Credentials, Scope, SigningKey};

/// Most characters of a session token: what fits into a header of most servers.
const TOKEN_MAX: usize = 8192;

/// What requests to another server are signed with.
#[derive(Clone)]
pub struct ForeignCredentials {
    access_key_id: Box<str>,
    secret_access_key: Zeroizing<String>,
    session_token: Option<Zeroizing<String>>,
}

impl ForeignCredentials {
    /// Most characters of an access key id, and of its secret.
    pub const MAX: usize = 128;

    /// Takes an access key id, its secret and the session token, if there is one.
    ///
    /// # Errors
    /// What is wrong; nothing of what was given is in it.
    pub fn parse(
        access_key_id: &str,
        secret_access_key: &str,
        session_token: Option<&str>,
    ) -> Result<Self, &'static str> {
        let is_graphic = |text: &str, most: usize| {
            (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic())
        };
        // A credential ends at a comma, and its parts at slashes.
        if !is_graphic(access_key_id, Self::MAX) || access_key_id.contains(['/', ',', '=']) {
            return Err("its access key id is not 1 to 128 printable ASCII characters without \
                        spaces, `/`, `,` and `=`");
        }
        if !is_graphic(secret_access_key, Self::MAX) {
            return Err("its secret is not 1 to 128 printable ASCII characters without spaces");
        }
        if session_token.is_some_and(|token| !is_graphic(token, TOKEN_MAX)) {
            return Err("its session token is not 1 to 8192 printable ASCII characters without \
                        spaces");
        }
        Ok(Self {
            access_key_id: access_key_id.into(),
            secret_access_key: Zeroizing::new(secret_access_key.to_owned()),
            session_token: session_token.map(|token| Zeroizing::new(token.to_owned())),
        })
    }

    /// The access key id.
    pub fn access_key_id(&self) -> &str {
        &self.access_key_id
    }

    /// Exposes the secret. Only signing may ask.
    pub fn expose_secret(&self) -> &str {
        &self.secret_access_key
    }

    /// Exposes the session token. Only signing may ask.
    pub fn expose_token(&self) -> Option<&str> {
        self.session_token.as_ref().map(|token| token.as_str())
    }

    pub(crate) fn signing_key(&self, scope: &Scope) -> SigningKey {
        SigningKey::of_text(&self.secret_access_key, scope)
    }
}

/// Keys that we gave out are good for a server that knows them, too.
impl From<Credentials> for ForeignCredentials {
    fn from(own: Credentials) -> Self {
        Self {
            access_key_id: own.access_key_id.as_str().into(),
            secret_access_key: Zeroizing::new(own.secret_access_key.expose().to_owned()),
            session_token: own.session_token.map(Zeroizing::new),
        }
    }
}

impl fmt::Debug for ForeignCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ForeignCredentials")
            .field("access_key_id", &self.access_key_id)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_other_servers_are_taken_as_they_are() {
        let long = "x".repeat(128);
        for (id, secret) in [
            ("minioadmin", "minioadmin"),
            ("any", "any"),
            ("a", "b"),
            ("tenant:user", "a/b,c=d"),
            (
                "GK31c2f218a2e44f485b94239e",
                "7d37d093435a41f2aab8f13c19ba067d9776c90215f56614adad6ece597dbb34",
            ),
            (&*long, &*long),
        ] {
            let read = ForeignCredentials::parse(id, secret, None).unwrap();
            assert_eq!((read.access_key_id(), read.expose_secret()), (id, secret));
            assert!(read.expose_token().is_none());
        }
        let read = ForeignCredentials::parse("test", "test", Some("abc=")).unwrap();
        assert_eq!(read.expose_token(), Some("abc="));
    }

    #[test]
    fn what_would_break_a_header_is_refused_and_nothing_is_printed() {
        let long = "x".repeat(129);
        for id in ["", "a b", "a/b", "a,b", "a=b", "a\r\nb", "ü", &*long] {
            assert!(ForeignCredentials::parse(id, "secret", None).is_err(), "{id}");
        }
        for secret in ["", "a b", "a\nb", "ü", &*long] {
            assert!(ForeignCredentials::parse("id", secret, None).is_err(), "{secret}");
        }
        for token in ["", "a b", "a\nb", &*"x".repeat(8193)] {
            assert!(ForeignCredentials::parse("id", "secret", Some(token)).is_err(), "{token}");
        }
        let printed = ForeignCredentials::parse("admin", "hidden-1", Some("hidden-2")).unwrap();
        let printed = format!("{printed:?}");
        assert!(printed.contains("admin") && !printed.contains("hidden"), "{printed}");
    }
}
