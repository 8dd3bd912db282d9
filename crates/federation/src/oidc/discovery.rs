//! Where a provider's keys are: OpenID Connect Discovery 1.0, sections 3 and 4.
//!
//! A document that names another issuer is refused (section 4.3), and so is an address of keys that
//! is not `https`, or holds a user. Who fetches looks at where the address leads.

use thiserror::Error;

use super::json::{self, Json, JsonFault};

/// Most bytes of a discovery document. Real ones have up to ten thousand.
pub const MAX_DISCOVERY: usize = 128 << 10;

/// Most characters of the address of a key set.
pub const MAX_JWKS_URI: usize = 2048;

/// What stands behind the issuer in the address of its discovery document.
const WELL_KNOWN: &str = "/.well-known/openid-configuration";

/// Why a discovery document is refused.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum DiscoveryFault {
    /// It has more bytes than [`MAX_DISCOVERY`].
    #[error("the discovery document has more than {MAX_DISCOVERY} bytes")]
    TooLarge,
    /// It is no JSON object, nests too deep, or has too many values.
    #[error("the discovery document is no JSON object that is taken")]
    Json,
    /// An object of it has a name twice.
    #[error("the discovery document has a name twice")]
    Duplicate,
    /// Its `issuer` is not the one that was asked.
    #[error("the discovery document is of another issuer")]
    Issuer,
    /// It has no `jwks_uri`, or one that is no `https` address.
    #[error("the discovery document has no `jwks_uri` that is an https address")]
    JwksUri,
}

/// What a discovery document says.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Discovery {
    jwks_uri: String,
}

impl Discovery {
    /// Reads the document of an issuer.
    ///
    /// `issuer` is compared as a text. Only the keys of an issuer with `http`, which is on this
    /// machine, may be fetched by `http`.
    ///
    /// # Errors
    /// [`DiscoveryFault`].
    pub fn parse(bytes: &[u8], issuer: &str) -> Result<Self, DiscoveryFault> {
        if bytes.len() > MAX_DISCOVERY {
            return Err(DiscoveryFault::TooLarge);
        }
        let document = json::read(bytes).map_err(|fault| match fault {
            JsonFault::Duplicate => DiscoveryFault::Duplicate,
            JsonFault::Syntax | JsonFault::Deep | JsonFault::Many => DiscoveryFault::Json,
        })?;
        if document.value("issuer").and_then(Json::text) != Some(issuer) {
            return Err(DiscoveryFault::Issuer);
        }
        let address = document.value("jwks_uri").and_then(Json::text);
        let address = address.filter(|address| is_address(address, issuer));
        let jwks_uri = address.ok_or(DiscoveryFault::JwksUri)?.to_owned();
        Ok(Self { jwks_uri })
    }

    /// Where the key set is: an absolute address without user and fragment.
    pub fn jwks_uri(&self) -> &str {
        &self.jwks_uri
    }
}

/// Where an issuer's discovery document is. One slash at the end of the issuer is left out (section
/// 4.1).
pub fn discovery_url(issuer: &str) -> String {
    format!("{}{WELL_KNOWN}", issuer.strip_suffix('/').unwrap_or(issuer))
}

fn is_address(address: &str, issuer: &str) -> bool {
    let rest = match address.strip_prefix("http://") {
        Some(rest) if issuer.starts_with("http://") => Some(rest),
        Some(_) => None,
        None => address.strip_prefix("https://"),
    };
    let Some(rest) = rest else { return false };
    let authority = rest.split(['/', '?']).next().unwrap_or(rest);
    // SECURITY: readers of addresses disagree on `\`, `@` and what is not ASCII.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !b"\\#\"<>^`{|}".contains(&byte);
    address.len() <= MAX_JWKS_URI
        && address.bytes().all(is_plain)
        && !authority.is_empty()
        && !authority.starts_with(':')
        && !authority.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    const ISSUER: &str = "https://login.example.com/tenant";

    fn check(text: &str, issuer: &str, want: Result<&str, DiscoveryFault>) {
        let read = Discovery::parse(text.as_bytes(), issuer);
        assert_eq!(read.as_ref().map(Discovery::jwks_uri).map_err(|fault| *fault), want, "{text}");
    }

    fn document(issuer: &str, jwks_uri: &str) -> String {
        format!(
            r#"{{"issuer":"{issuer}","jwks_uri":"{jwks_uri}","response_types_supported":["id_token"],
                "subject_types_supported":["public"],"more":{{"a":[1]}}}}"#
        )
    }

    /// OpenID Connect Discovery 1.0, section 4.3.
    #[test]
    fn the_issuer_is_an_exact_text() {
        let keys = "https://keys.example.net/jwks.json?v=1";
        check(&document(ISSUER, keys), ISSUER, Ok(keys));
        for other in [
            "",
            "https://login.example.com/tenant/",
            "https://login.example.com/Tenant",
            "https://LOGIN.example.com/tenant",
            "https://login.example.com:443/tenant",
            "login.example.com/tenant",
            " https://login.example.com/tenant",
        ] {
            check(&document(other, keys), ISSUER, Err(DiscoveryFault::Issuer));
        }
        check(&format!(r#"{{"jwks_uri":"{keys}"}}"#), ISSUER, Err(DiscoveryFault::Issuer));
        check(
            &format!(r#"{{"issuer":["{ISSUER}"],"jwks_uri":"{keys}"}}"#),
            ISSUER,
            Err(DiscoveryFault::Issuer),
        );
    }

    #[test]
    fn keys_are_fetched_by_https() {
        let local = "http://127.0.0.1:8080";
        // An `@` behind the authority names no user.
        let at = ["https://k/t@enant/jwks", "https://k?a@b"];
        let plain = ["https://k", "https://k/", "https://k?x", "https://[2001:db8::1]:8443/jwks"];
        for good in plain.into_iter().chain(at) {
            check(&document(ISSUER, good), ISSUER, Ok(good));
            check(&document(local, good), local, Ok(good));
        }
        let plain = "http://127.0.0.1:8080/jwks";
        check(&document(local, plain), local, Ok(plain));
        check(&document(ISSUER, plain), ISSUER, Err(DiscoveryFault::JwksUri));
        let long = format!("https://k/{}", "a".repeat(MAX_JWKS_URI));
        for bad in [
            "",
            "/jwks",
            "//k/jwks",
            "k/jwks",
            "HTTPS://k/jwks",
            "https:/k/jwks",
            "https://",
            "https:///jwks",
            "https://:443/jwks",
            "https://?",
            "ftp://k/jwks",
            "file:///etc/passwd",
            "https://k/jwks#a",
            "https://a@k/jwks",
            "https://a:b@k",
            "https://k /jwks",
            "https://k\\u005c@evil/",
            "https://k\\u0000/",
            "https://k\\n/",
            "https://b\u{fc}cher/",
            &long,
        ] {
            check(&document(ISSUER, bad), ISSUER, Err(DiscoveryFault::JwksUri));
        }
        check(&format!(r#"{{"issuer":"{ISSUER}"}}"#), ISSUER, Err(DiscoveryFault::JwksUri));
        check(
            &format!(r#"{{"issuer":"{ISSUER}","jwks_uri":["https://k"]}}"#),
            ISSUER,
            Err(DiscoveryFault::JwksUri),
        );
    }

    #[test]
    fn the_document_is_strict_json() {
        check("<html>", ISSUER, Err(DiscoveryFault::Json));
        check("[]", ISSUER, Err(DiscoveryFault::Json));
        let twice =
            format!(r#"{{"issuer":"{ISSUER}","jwks_uri":"https://k","jwks_uri":"https://evil"}}"#);
        check(&twice, ISSUER, Err(DiscoveryFault::Duplicate));
        let long = format!("{}{}", document(ISSUER, "https://k"), " ".repeat(MAX_DISCOVERY));
        check(&long, ISSUER, Err(DiscoveryFault::TooLarge));
    }

    #[test]
    fn the_document_stands_below_the_issuer() {
        for (issuer, want) in [
            ("https://a.example", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/", "https://a.example/.well-known/openid-configuration"),
            ("https://a.example/b", "https://a.example/b/.well-known/openid-configuration"),
            ("https://a.example/b/", "https://a.example/b/.well-known/openid-configuration"),
        ] {
            assert_eq!(discovery_url(issuer), want);
        }
    }
}
