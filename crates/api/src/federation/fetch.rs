//! The port through which documents of identity providers are fetched. This crate opens no socket:
//! the server passes an implementation in, which holds to the rules of section 4, rule 7, of the
//! design (TLS, addresses, redirects, sizes).

use std::fmt;
use std::pin::Pin;

use bytes::Bytes;
use daypass_federation::authorities::Authorities;
use daypass_names::{AccountId, Thumbprint};
use thiserror::Error;

/// A fetch under way. To drop it is to end it.
pub type Fetching<'a> =
    Pin<Box<dyn Future<Output = Result<FetchedDocument, FetchFault>> + Send + 'a>>;

/// Fetches documents of identity providers.
///
/// Whoever asks bounds the time. An implementation bounds everything else: it follows few redirects,
/// reads no more than is wanted, and connects to no address that its rules do not let through.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// Fetches a JSON document.
    ///
    /// # Errors
    /// [`FetchFault`].
    fn fetch<'a>(&'a self, wanted: &'a FetchWanted) -> Fetching<'a>;

    /// Another number whenever one of the well-known authorities is not believed any more: what was
    /// fetched before, without authorities of its own, is then not to be used.
    fn trusted(&self) -> u64 {
        0
    }
}

/// A document that was fetched.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FetchedDocument {
    /// The document.
    pub bytes: Bytes,
    /// For how many seconds it is fresh, if whoever sent it says so (RFC 9111, section 4.2).
    pub max_age_s: Option<u64>,
}

/// What is to be fetched, and whom to believe that it is theirs.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct FetchWanted {
    /// From where. It may be a text of the provider's: nothing but that it is one was looked at.
    pub url: String,
    /// For whom: each account has its share of what is bounded.
    pub account: AccountId,
    /// The most bytes of the document.
    pub most_bytes: usize,
    /// Whom the server's certificate must come from, in place of the well-known authorities.
    pub authorities: Option<Authorities>,
    /// Thumbprints (SHA-1) of certificates of authorities: a chain that ends in no known authority
    /// is believed when it has one of these, and verifies up to it.
    pub thumbprints: Vec<Thumbprint>,
    /// Whether plain HTTP will do, to this machine itself: the issuer says so of itself. Nothing is
    /// let through by that alone; the operator must have allowed it as well.
    pub plain_http_loopback: bool,
}

/// Why a document was not fetched. The messages are for the log: they may name hosts and addresses.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum FetchFault {
    /// The URL is none that is fetched: no host, another scheme than HTTPS, a user name.
    #[error("the URL cannot be fetched: {0}")]
    Url(&'static str),
    /// No address of the host is one that may be asked.
    #[error("no address of `{host}` may be asked, `{address}` for one: see --federation-networks")]
    Forbidden {
        /// The host of the URL.
        host: String,
        /// One of its addresses.
        address: String,
    },
    /// The host has no address, or none that answers.
    #[error("`{host}` cannot be reached: {cause}")]
    Unreachable {
        /// The host of the URL.
        host: String,
        /// What the system said.
        cause: String,
    },
    /// Too many fetches are under way, too many callers wait for them, or this caller may not wait.
    #[error("too many fetches are under way, or too many wait for them")]
    Busy,
    /// It took too long.
    #[error("there was no answer in time")]
    TooSlow,
    /// The server's certificate is not to be believed.
    #[error("the certificate of `{host}` is not to be believed: {cause}")]
    Certificate {
        /// The host of the URL.
        host: String,
        /// Why.
        cause: String,
    },
    /// The chain ends in no known authority, and none of its certificates of authorities has one of
    /// the provider's thumbprints.
    #[error("no certificate that `{host}` sent has a thumbprint of the provider")]
    Thumbprint {
        /// The host of the URL.
        host: String,
    },
    /// What the server sent is not HTTP, or it broke off.
    #[error("`{host}` did not answer as it should: {cause}")]
    Protocol {
        /// The host of the URL.
        host: String,
        /// What was wrong.
        cause: String,
    },
    /// The status is not 200.
    #[error("the status of the answer is {0}")]
    Status(u16),
    /// It redirects too often, or to what is not fetched.
    #[error("the redirect is not followed: {0}")]
    Redirect(&'static str),
    /// The document is larger than wanted.
    #[error("the answer is larger than {0} bytes")]
    TooLarge(usize),
    /// The answer does not say that it is JSON, or it is compressed.
    #[error("the answer is not plain JSON: {0}")]
    ContentType(String),
}

/// Most characters of a text in a fault: some names and a sentence. It may come from whoever was asked:
/// what a certificate says of itself, which is told name by name, has tens of thousands.
const MAX_TEXT: usize = 300;

impl FetchFault {
    /// The same, with texts that are fit to be logged and kept.
    #[must_use]
    pub(crate) fn cut_short(mut self) -> Self {
        match &mut self {
            Self::Forbidden { host, address: text }
            | Self::Unreachable { host, cause: text }
            | Self::Certificate { host, cause: text }
            | Self::Protocol { host, cause: text } => {
                cut(host);
                cut(text);
            }
            Self::Thumbprint { host: text } | Self::ContentType(text) => cut(text),
            Self::Busy
            | Self::Redirect(_)
            | Self::Status(_)
            | Self::TooLarge(_)
            | Self::TooSlow
            | Self::Url(_) => {}
        }
        self
    }
}

fn cut(text: &mut String) {
    if text.chars().nth(MAX_TEXT).is_some() {
        // A new text, which does not hold the memory of the old one.
        *text = text.chars().take(MAX_TEXT).chain(['…']).collect();
    }
}

/// Fetches nothing: for a deployment that is to reach nobody.
#[derive(Clone, Copy, Debug)]
pub struct NoFetch;

impl Fetch for NoFetch {
    fn fetch<'a>(&'a self, _: &'a FetchWanted) -> Fetching<'a> {
        Box::pin(async { Err(FetchFault::Url("nothing is fetched here")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_strangers_are_cut_between_characters() {
        let check = |text: String, want: String| {
            let (host, cause) = (text.clone(), text.clone());
            let fault = FetchFault::Certificate { host, cause }.cut_short();
            let (host, cause) = (want.clone(), want.clone());
            assert_eq!(fault, FetchFault::Certificate { host, cause });
            let fault = FetchFault::ContentType(text).cut_short();
            assert_eq!(fault, FetchFault::ContentType(want));
        };
        check(String::new(), String::new());
        // Two bytes each, and one in front of them.
        let text = |count| format!("a{}", "é".repeat(count));
        check(text(MAX_TEXT - 1), text(MAX_TEXT - 1));
        check(text(MAX_TEXT), format!("{}…", text(MAX_TEXT - 1)));
        check(text(100_000), format!("{}…", text(MAX_TEXT - 1)));
        assert_eq!(FetchFault::TooSlow.cut_short(), FetchFault::TooSlow);
    }
}
