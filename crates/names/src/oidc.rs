//! What an OpenID Connect provider is registered with: its URL, client ids and thumbprints.
//!
//! IAM API reference, "CreateOpenIDConnectProvider": the URL is the issuer that tokens name,
//! compared as a text, case and trailing slash included. Nothing is normalised here, so that what can
//! be spelled in several ways (a host in upper case, numbers as addresses, percent-encoding) is
//! refused but for one: no two issuers are asked for their keys at the same place.

use std::fmt;
use std::net::Ipv4Addr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};

use crate::{Constrained, Constraint, Invalid};

/// What every issuer's URL begins with, and what its ARN leaves out.
const SCHEME: &str = "https://";

/// What the URL of an issuer on this machine may begin with, for tests.
const PLAIN_SCHEME: &str = "http://";

/// The most characters of a host name, and of one of its labels: RFC 1035, section 2.3.4.
const MAX_HOST: usize = 253;
const MAX_LABEL: usize = 63;

/// The URL of an OpenID Connect provider, as it was given: `https://`, a host, perhaps a port, and
/// perhaps a path.
///
/// No user, query or fragment; no upper case in the host, and no address there but `a.b.c.d`; nothing
/// percent-encoded; no path segment that a client would resolve away (`.` and `..`); none
/// of the characters that stand for others in policies (`*` and `?`).
///
/// With `http://` it is an issuer on this machine, which [`IssuerUrl::parse_with_loopback`] alone
/// makes.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct IssuerUrl(Box<str>);

impl IssuerUrl {
    /// AWS's answer to what is no URL with a host.
    pub const NO_URL: &'static str = "Invalid Open ID Connect Provider URL";
    /// AWS's answer to another scheme.
    pub const NOT_HTTPS: &'static str =
        "Invalid Open ID Connect Provider URL. The URL must begin with https://.";
    /// AWS's answer to a URL with a part that an issuer does not have.
    pub const NOT_AN_ISSUER: &'static str = "Invalid Open ID Connect Provider URL.";

    /// The URL as it was given, which is also what tokens must name as their issuer.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The URL without `https://`, as ARNs and IAM's replies have it.
    pub fn without_scheme(&self) -> &str {
        let plain = self.0.strip_prefix(PLAIN_SCHEME);
        plain.or_else(|| self.0.strip_prefix(SCHEME)).unwrap_or_default()
    }

    /// Parses the URL of an issuer that may be on this machine, for tests: `http://` is taken, too,
    /// where the host is [loopback](Self::is_loopback).
    ///
    /// SECURITY: an issuer on loopback is whoever may listen there. Whether it is trusted is for
    /// an operator to say, not for somebody with rights in an account.
    ///
    /// # Errors
    /// As for [`Constrained::parse`].
    pub fn parse_with_loopback(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        let Some(rest) = text.strip_prefix(PLAIN_SCHEME) else {
            return Self::parse(text);
        };
        let url = Self::of(rest)?;
        match url.is_loopback() {
            true => Ok(Self(text.into())),
            false => Err(Invalid::Rule(Self::NOT_HTTPS)),
        }
    }

    /// Whether the host is this machine by its name: `localhost`, or an address of 127.0.0.0/8. What
    /// other names resolve to is not looked at.
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        host == "localhost" || host.parse::<Ipv4Addr>().is_ok_and(|ip| ip.is_loopback())
    }

    /// Whether the issuer is asked without TLS: then it is on this machine.
    pub fn is_plain_http(&self) -> bool {
        self.0.starts_with(PLAIN_SCHEME)
    }

    /// The URL that has this behind its `https://`.
    ///
    /// # Errors
    /// As for [`Constrained::parse`].
    pub fn of(without_scheme: &str) -> Result<Self, Invalid> {
        Self::parse(&format!("{SCHEME}{without_scheme}"))
    }

    /// The host, which is in lower case.
    pub fn host(&self) -> &str {
        let authority = self.authority();
        authority.split_once(':').map_or(authority, |(host, _)| host)
    }

    /// The port, if the URL names one.
    pub fn port(&self) -> Option<u16> {
        self.authority().split_once(':').and_then(|(_, port)| port.parse().ok())
    }

    fn authority(&self) -> &str {
        let rest = self.without_scheme();
        rest.split_once('/').map_or(rest, |(authority, _)| authority)
    }
}

impl Constrained for IssuerUrl {
    const CONSTRAINT: Constraint =
        Constraint { min: 1, max: 255, pattern: r"[\u0021-\u007E]*", fits: is_printable };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        let no_url = Invalid::Rule(Self::NO_URL);
        let no_issuer = Invalid::Rule(Self::NOT_AN_ISSUER);
        let (scheme, rest) = text.split_once("://").ok_or(no_url)?;
        let (authority, path) =
            match rest.find(['/', '?', '#']).and_then(|at| rest.split_at_checked(at)) {
                Some((authority, path)) => (authority, path),
                None => (rest, ""),
            };
        if scheme.is_empty() || authority.is_empty() {
            return Err(no_url);
        }
        if scheme != "https" {
            return Err(Invalid::Rule(Self::NOT_HTTPS));
        }
        let (host, port) = match authority.split_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (authority, None),
        };
        if !is_host(host) || !port.is_none_or(is_port) || !is_path(path) {
            return Err(no_issuer);
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for IssuerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "IssuerUrl({:?})", &self.0)
    }
}

fn is_printable(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name of labels joined by single dots, in lower case, or an IPv4 address.
///
/// SECURITY: clients take whatever ends in a number for an address, `2130706433` and `0x7f.1` for
/// 127.0.0.1 too (URL Standard of the WHATWG, "host parsing"). Only the one spelling that looks like
/// an address may be one.
fn is_host(text: &str) -> bool {
    let is_label = |label: &str| {
        (1..=MAX_LABEL).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    let last = text.rsplit('.').next().unwrap_or(text);
    let is_number = last.starts_with("0x") || last.bytes().all(|byte| byte.is_ascii_digit());
    text.len() <= MAX_HOST
        && text.split('.').all(is_label)
        && (!is_number || text.parse::<Ipv4Addr>().is_ok_and(|ip| ip.to_string() == text))
}

/// 1 to 65535, in the one way in which it is written.
fn is_port(text: &str) -> bool {
    text.parse::<u16>().is_ok_and(|port| port > 0 && port.to_string() == text)
}

/// Empty, or what RFC 3986, section 3.3, calls `path-abempty`, less `*`, percent-encoding and dot
/// segments.
fn is_path(text: &str) -> bool {
    let is_segment = |segment: &str| {
        // SECURITY: clients resolve these, so that another address than this one would be asked for
        // its keys.
        segment != "."
            && segment != ".."
            && segment
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-._~!$&'()+,;=:@".contains(&byte))
    };
    match text.strip_prefix('/') {
        Some(segments) => segments.split('/').all(is_segment),
        None => text.is_empty(),
    }
}

/// A client id, or audience: whom a provider's tokens are meant for. Compared as a text.
///
/// The service model has no pattern for it; we take what can be shown, control characters not.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct ClientId(Box<str>);

impl ClientId {
    /// The text as it was given.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Constrained for ClientId {
    const CONSTRAINT: Constraint = Constraint {
        min: 1,
        max: 255,
        pattern: r"[\u0020-\u007E\u00A0-\uD7FF\uE000-\uFFFD\u10000-\u10FFFF]*",
        fits: |text| {
            text.chars().all(|c| matches!(c, ' '..='~' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..))
        },
    };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Display for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for ClientId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClientId({:?})", &self.0)
    }
}

/// The thumbprint of a certificate: SHA-1 over its DER form. It prints in lower case.
#[derive(Clone, Copy, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct Thumbprint([u8; 20]);

impl Thumbprint {
    /// AWS's answer to a text of another length.
    pub const WRONG_LENGTH: &'static str = "Thumbprint must be exactly 40 characters.";
    /// Our answer to a text that is no hexadecimal number: AWS's is not known.
    pub const NOT_HEXADECIMAL: &'static str = "Thumbprint must be a hexadecimal number.";

    /// Parses 40 hexadecimal digits, in whatever case.
    ///
    /// # Errors
    /// [`Invalid::Rule`] with one of the two answers.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.chars().count() != 40 {
            return Err(Invalid::Rule(Self::WRONG_LENGTH));
        }
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok();
        let bytes = bytes.and_then(|bytes| bytes.try_into().ok());
        bytes.map(Self).ok_or(Invalid::Rule(Self::NOT_HEXADECIMAL))
    }

    /// The twenty bytes of the digest.
    pub fn as_bytes(&self) -> &[u8; 20] {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

impl fmt::Debug for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Thumbprint({self})")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn issuers_are_https_with_a_host_and_perhaps_a_path() {
        for (text, host, port) in [
            ("https://server.example.com", "server.example.com", None),
            ("https://server.example.com/", "server.example.com", None),
            ("https://server.example.com/Realms/A", "server.example.com", None),
            ("https://0x7f.example", "0x7f.example", None),
            ("https://1.2.3.4.example", "1.2.3.4.example", None),
            ("https://localhost:8443/realms/a", "localhost", Some(8443)),
            ("https://198.51.100.7", "198.51.100.7", None),
            ("https://h.example/a//b", "h.example", None),
            ("https://h.example/~a/b.c/d_e-f/:@!$&'()+,;=", "h.example", None),
            ("https://h.example/...", "h.example", None),
        ] {
            let url = IssuerUrl::parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert_eq!((url.as_str(), url.host(), url.port()), (text, host, port));
            assert_eq!(format!("https://{}", url.without_scheme()), text);
            assert_eq!(IssuerUrl::of(url.without_scheme()), Ok(url));
        }
    }

    #[test]
    fn what_is_no_issuer_is_told_as_aws_does() {
        use IssuerUrl as Url;
        for (text, want) in [
            ("example.com", Url::NO_URL),
            ("https:/example.com", Url::NO_URL),
            ("https://", Url::NO_URL),
            ("https:///path", Url::NO_URL),
            ("://example.com", Url::NO_URL),
            ("http://example.com", Url::NOT_HTTPS),
            ("HTTPS://example.com", Url::NOT_HTTPS),
            ("https://user@example.com", Url::NOT_AN_ISSUER),
            ("https://user:word@example.com", Url::NOT_AN_ISSUER),
            ("https://example.com?a=b", Url::NOT_AN_ISSUER),
            ("https://example.com/?", Url::NOT_AN_ISSUER),
            ("https://example.com#a", Url::NOT_AN_ISSUER),
            ("https://example.com/a#b", Url::NOT_AN_ISSUER),
            ("https://exa_mple.com", Url::NOT_AN_ISSUER),
            ("https://example.com.", Url::NOT_AN_ISSUER),
            ("https://.example.com", Url::NOT_AN_ISSUER),
            ("https://a..b", Url::NOT_AN_ISSUER),
            ("https://-a.example", Url::NOT_AN_ISSUER),
            ("https://[::1]/a", Url::NOT_AN_ISSUER),
            ("https://Example.com", Url::NOT_AN_ISSUER),
            ("https://example.COM/a", Url::NOT_AN_ISSUER),
            ("https://1", Url::NOT_AN_ISSUER),
            ("https://2130706433", Url::NOT_AN_ISSUER),
            ("https://127.1", Url::NOT_AN_ISSUER),
            ("https://127.0.0.01", Url::NOT_AN_ISSUER),
            ("https://127.0.0.256", Url::NOT_AN_ISSUER),
            ("https://1.2.3.4.5", Url::NOT_AN_ISSUER),
            ("https://a.example.1", Url::NOT_AN_ISSUER),
            ("https://0x7f.1", Url::NOT_AN_ISSUER),
            ("https://127.0.0.0x1", Url::NOT_AN_ISSUER),
            ("https://0x7f000001", Url::NOT_AN_ISSUER),
            ("https://0x", Url::NOT_AN_ISSUER),
            ("https://example.com:", Url::NOT_AN_ISSUER),
            ("https://example.com:0", Url::NOT_AN_ISSUER),
            ("https://example.com:0443", Url::NOT_AN_ISSUER),
            ("https://example.com:+443", Url::NOT_AN_ISSUER),
            ("https://example.com:65536", Url::NOT_AN_ISSUER),
            ("https://example.com/a*b", Url::NOT_AN_ISSUER),
            ("https://example.com/${aws:username}", Url::NOT_AN_ISSUER),
            ("https://example.com/a|b", Url::NOT_AN_ISSUER),
            ("https://example.com/%61", Url::NOT_AN_ISSUER),
            ("https://example.com/a%2fb", Url::NOT_AN_ISSUER),
            ("https://example.com/%", Url::NOT_AN_ISSUER),
            ("https://example.com/a/../b", Url::NOT_AN_ISSUER),
            ("https://example.com/./b", Url::NOT_AN_ISSUER),
            ("https://example.com/a/%2E%2e", Url::NOT_AN_ISSUER),
            ("https://example.com\\@other.example", Url::NOT_AN_ISSUER),
        ] {
            assert_eq!(IssuerUrl::parse(text), Err(Invalid::Rule(want)), "{text}");
        }
        let pattern = IssuerUrl::CONSTRAINT.pattern;
        for text in ["https://exa mple.com", "https://b\u{fc}ro.example", "https://a.example/\n"] {
            assert_eq!(IssuerUrl::parse(text), Err(Invalid::Pattern { pattern }), "{text:?}");
        }
        let long = |length: usize| format!("https://a.example/{}", "x".repeat(length - 18));
        assert!(IssuerUrl::parse(&long(255)).is_ok());
        assert_eq!(IssuerUrl::parse(&long(256)), Err(Invalid::TooLong { max: 255 }));
        assert_eq!(IssuerUrl::parse(""), Err(Invalid::TooShort { min: 1 }));
        let label = |length: usize| format!("https://{}.example", "x".repeat(length));
        assert!(IssuerUrl::parse(&label(63)).is_ok() && IssuerUrl::parse(&label(64)).is_err());
    }

    #[test]
    fn issuers_on_this_machine_may_do_without_tls() {
        use IssuerUrl as Url;
        let parse = Url::parse_with_loopback;
        for (text, plain, loopback) in [
            ("http://localhost", true, true),
            ("http://localhost:8080/realms/a/", true, true),
            ("http://127.0.0.1:80", true, true),
            ("http://127.255.0.3", true, true),
            ("https://localhost:8443", false, true),
            ("https://127.0.0.1", false, true),
            ("https://server.example.com/a", false, false),
            ("https://128.0.0.1", false, false),
            ("https://localhost.example", false, false),
        ] {
            let url = parse(text).unwrap_or_else(|fault| panic!("{text}: {fault}"));
            assert_eq!(url.as_str(), text);
            assert_eq!((url.is_plain_http(), url.is_loopback()), (plain, loopback), "{text}");
            assert_eq!(text.split_once("://").unwrap().1, url.without_scheme());
            assert_eq!(Url::parse(text).is_err(), plain, "{text}");
        }
        let plain = parse("http://localhost:80/a").unwrap();
        assert_ne!(plain, parse("https://localhost:80/a").unwrap());
        assert_eq!((plain.host(), plain.port()), ("localhost", Some(80)));
        for (text, want) in [
            ("http://server.example.com", Url::NOT_HTTPS),
            ("http://localhost.example", Url::NOT_HTTPS),
            ("http://notlocalhost", Url::NOT_HTTPS),
            ("http://10.0.0.1", Url::NOT_HTTPS),
            ("http://169.254.169.254", Url::NOT_HTTPS),
            ("http://126.255.255.255", Url::NOT_HTTPS),
            ("http://0.0.0.0", Url::NOT_HTTPS),
            ("HTTP://localhost", Url::NOT_HTTPS),
            ("ftp://localhost", Url::NOT_HTTPS),
            ("http://LOCALHOST", Url::NOT_AN_ISSUER),
            ("http://localhost.", Url::NOT_AN_ISSUER),
            ("http://127.1", Url::NOT_AN_ISSUER),
            ("http://2130706433", Url::NOT_AN_ISSUER),
            ("http://[::1]", Url::NOT_AN_ISSUER),
            ("http://user@localhost", Url::NOT_AN_ISSUER),
            ("http://localhost@server.example", Url::NOT_AN_ISSUER),
            ("http://localhost:0", Url::NOT_AN_ISSUER),
            ("http://localhost?a", Url::NOT_AN_ISSUER),
            ("http://localhost/../a", Url::NOT_AN_ISSUER),
            ("http://", Url::NO_URL),
            ("http:///a", Url::NO_URL),
            ("localhost", Url::NO_URL),
        ] {
            assert_eq!(parse(text), Err(Invalid::Rule(want)), "{text}");
        }
        // One character less than with TLS: the bound is that of the text.
        let long = |length: usize| format!("http://localhost/{}", "x".repeat(length - 17));
        assert!(parse(&long(255)).is_err_and(|fault| fault == Invalid::TooLong { max: 255 }));
        assert!(parse(&long(254)).is_ok());
        assert_eq!(parse(&long(256)), Err(Invalid::TooLong { max: 255 }));
    }

    #[test]
    fn client_ids_are_any_text_that_can_be_shown() {
        for good in ["a", "sts.amazonaws.com", "urn:x y/\"z\"", "\u{e9}\u{1f600}"] {
            assert_eq!(ClientId::parse(good).unwrap().as_str(), good);
        }
        assert!(ClientId::parse(&"\u{e9}".repeat(255)).is_ok());
        assert_eq!(ClientId::parse(""), Err(Invalid::TooShort { min: 1 }));
        assert_eq!(ClientId::parse(&"c".repeat(256)), Err(Invalid::TooLong { max: 255 }));
        let pattern = ClientId::CONSTRAINT.pattern;
        for bad in ["a\tb", "a\nb", "\0", "\u{7f}", "\u{85}", "\u{ffff}"] {
            assert_eq!(ClientId::parse(bad), Err(Invalid::Pattern { pattern }), "{bad:?}");
        }
    }

    #[test]
    fn thumbprints_are_forty_digits_in_whatever_case() {
        let lower = "990f4193972f2becf12ddeda5237f9c952f20d9e";
        let upper = lower.to_ascii_uppercase();
        assert_eq!(Thumbprint::parse(&upper).unwrap().to_string(), lower);
        assert_eq!(Thumbprint::parse(&upper), Thumbprint::parse(lower));
        for (bad, want) in [
            ("", Thumbprint::WRONG_LENGTH),
            (&lower.replace("990", "99"), Thumbprint::WRONG_LENGTH),
            (&format!("{lower}0"), Thumbprint::WRONG_LENGTH),
            (&"z".repeat(40), Thumbprint::NOT_HEXADECIMAL),
            // Forty characters, and eighty bytes.
            (&"\u{e9}".repeat(40), Thumbprint::NOT_HEXADECIMAL),
            // Not as some programs write it.
            (&"99:ab".repeat(8), Thumbprint::NOT_HEXADECIMAL),
        ] {
            assert_eq!(Thumbprint::parse(bad), Err(Invalid::Rule(want)), "{bad}");
        }
    }
}
