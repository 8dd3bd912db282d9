//! Where a document is: URLs, as far as they are fetched.
//!
//! RFC 3986. Refused are user names, other schemes than `https` and `http`, hosts that no certificate
//! can be for, and redirects that are neither absolute URLs nor absolute paths.

use std::net::{IpAddr, Ipv6Addr};

use daypass_api::FetchFault;
use http::Uri;
use http::uri::PathAndQuery;
use rustls::pki_types::ServerName;

/// Most characters of a URL.
const MAX_URL: usize = 2_048;

/// By which protocol a document is asked for.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Scheme {
    /// Over TLS.
    Https,
    /// In the clear.
    Http,
}

/// A URL that can be asked.
#[derive(Clone, Debug)]
pub(super) struct Target {
    scheme: Scheme,
    host: Box<str>,
    name: ServerName<'static>,
    /// The port, if the URL names one.
    port: Option<u16>,
    path: PathAndQuery,
}

impl Target {
    /// Parses an absolute URL. A fragment is left out, as it is never sent.
    pub(super) fn parse(url: &str) -> Result<Self, FetchFault> {
        if url.len() > MAX_URL {
            return Err(FetchFault::Url("it is too long"));
        }
        let uri: Uri = url.parse().map_err(|_| FetchFault::Url("it is no URL"))?;
        let scheme = match uri.scheme_str() {
            Some("https") => Scheme::Https,
            Some("http") => Scheme::Http,
            _ => return Err(FetchFault::Url("it is not https")),
        };
        let authority = uri.authority().ok_or(FetchFault::Url("it has no host"))?;
        // SECURITY: programs differ in where the user name ends and the host begins.
        if authority.as_str().contains('@') {
            return Err(FetchFault::Url("it has a user name"));
        }
        let (host, port) = parts(authority.as_str())?;
        let name = ServerName::try_from(host.to_owned());
        let name =
            name.map_err(|_| FetchFault::Url("its host is neither a name nor an address"))?;
        let path = match uri.path_and_query() {
            Some(path) => path.clone(),
            None => PathAndQuery::from_static("/"),
        };
        Ok(Self { scheme, host: host.into(), name, port, path })
    }

    /// Where a redirect from here leads: never from TLS to the clear.
    pub(super) fn redirected(&self, location: &str) -> Result<Self, FetchFault> {
        let absolute = location.split_once("://").is_some_and(|(scheme, _)| {
            scheme.eq_ignore_ascii_case("https") || scheme.eq_ignore_ascii_case("http")
        });
        if absolute {
            let target = Self::parse(location)?;
            return match (self.scheme, target.scheme) {
                (Scheme::Https, Scheme::Http) => Err(FetchFault::Redirect("it is not https")),
                (Scheme::Https | Scheme::Http, _) => Ok(target),
            };
        }
        if !location.starts_with('/') || location.starts_with("//") || location.len() > MAX_URL {
            return Err(FetchFault::Redirect("its address is not complete"));
        }
        // It is sent to whom it came from.
        let path = location.split('#').next().unwrap_or(location);
        let path = path.parse().map_err(|_| FetchFault::Redirect("its address is none"))?;
        Ok(Self { path, ..self.clone() })
    }

    pub(super) fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The host, without brackets.
    pub(super) fn host(&self) -> &str {
        &self.host
    }

    /// The address, when the host is one. Other spellings than the usual ones are names, which the
    /// resolver may take for an address; that is looked at like every other.
    pub(super) fn address(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }

    /// Whom the certificate must be for.
    pub(super) fn server_name(&self) -> &ServerName<'static> {
        &self.name
    }

    pub(super) fn port(&self) -> u16 {
        self.port.unwrap_or(match self.scheme {
            Scheme::Https => 443,
            Scheme::Http => 80,
        })
    }

    pub(super) fn path(&self) -> &PathAndQuery {
        &self.path
    }

    /// The value of the `Host` field (RFC 9110, section 7.2).
    pub(super) fn authority(&self) -> String {
        let host = match self.address() {
            Some(IpAddr::V6(address)) => format!("[{address}]"),
            Some(IpAddr::V4(_)) | None => self.host.to_string(),
        };
        match self.port {
            Some(port) => format!("{host}:{port}"),
            None => host,
        }
    }
}

/// Host, without brackets, and port. Nothing stands beside them.
fn parts(authority: &str) -> Result<(&str, Option<u16>), FetchFault> {
    let (host, rest) = match authority.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        Some((host, rest)) if host.parse::<Ipv6Addr>().is_ok() => (host, rest),
        Some(_) => return Err(FetchFault::Url("its host is no address")),
        None => match authority.find(':').and_then(|at| authority.split_at_checked(at)) {
            Some(parts) => parts,
            None => (authority, ""),
        },
    };
    if rest.is_empty() {
        return Ok((host, None));
    }
    let port = rest.strip_prefix(':').filter(|port| port.bytes().all(|byte| byte.is_ascii_digit()));
    let port = port.and_then(|port| port.parse().ok()).filter(|port| *port > 0);
    port.map(|port| (host, Some(port))).ok_or(FetchFault::Url("its port is none"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(target: &Target) -> String {
        let scheme = match target.scheme() {
            Scheme::Https => "https",
            Scheme::Http => "http",
        };
        let authority = target.authority();
        format!("{scheme} {authority} {} {}", target.port(), target.path())
    }

    #[test]
    fn a_url_has_a_scheme_a_host_and_a_path() {
        for (url, want) in [
            ("https://idp.example", "https idp.example 443 /"),
            ("https://idp.example:443/", "https idp.example:443 443 /"),
            ("https://idp.example:8443/a/b?c=d", "https idp.example:8443 8443 /a/b?c=d"),
            ("https://idp.example?c", "https idp.example 443 /?c"),
            ("https://idp.example/a#b", "https idp.example 443 /a"),
            ("HTTPS://IDP.example/A", "https IDP.example 443 /A"),
            ("http://localhost:8080/a", "http localhost:8080 8080 /a"),
            ("https://192.0.2.1/", "https 192.0.2.1 443 /"),
            ("https://[2001:db8::1]:8443/a", "https [2001:db8::1]:8443 8443 /a"),
            ("https://[::1]/", "https [::1] 443 /"),
            // A name, until it is resolved.
            ("https://0x7f000001/", "https 0x7f000001 443 /"),
        ] {
            let target = Target::parse(url).unwrap_or_else(|fault| panic!("{url}: {fault}"));
            assert_eq!(shown(&target), want, "{url}");
            // The port may be written as the scheme has it.
            let parsed: Option<IpAddr> = target.host().parse().ok();
            assert_eq!(target.address(), parsed);
        }
    }

    #[test]
    fn what_cannot_be_asked_is_no_target() {
        let long = format!("https://idp.example/{}", "a".repeat(MAX_URL));
        for url in [
            "",
            "/a",
            "idp.example",
            "idp.example/a",
            "https:",
            "https://",
            "https:///a",
            "https:idp.example",
            "ftp://idp.example/",
            "file:///etc/passwd",
            "gopher://idp.example/",
            "https://user@idp.example/",
            "https://user:word@idp.example/",
            "https://@idp.example/",
            "https://idp.example:0/",
            "https://idp.example:/",
            "https://idp.example:65536/",
            "https://idp.example:a/",
            "https://idp example/",
            "https://idp.example/a b",
            "https://idp.example\\@other.example/",
            "https://idp.example/\r\nHost: other",
            "https://b\u{fc}ro.example/",
            "https://id%70.example/",
            "https://[::1/",
            "https://[::1%25lo]/",
            "https://[192.0.2.1]x/",
            "https://[192.0.2.1]/",
            "https://[::1]x/",
            "https://[::1]:+1/",
            "https://::1/",
            "https://idp.example:+443/",
            "https://2130706433/",
            "https://127.1/",
            &long,
        ] {
            assert!(matches!(Target::parse(url), Err(FetchFault::Url(_))), "{url:?}");
        }
    }

    #[test]
    fn redirects_are_complete_and_stay_in_tls() {
        let check = |from: &str, location: &str, want: Option<&str>| {
            let redirected = Target::parse(from).unwrap().redirected(location);
            assert_eq!(redirected.ok().map(|target| shown(&target)).as_deref(), want, "{location}");
        };
        let from = "https://idp.example:8443/a/b?c";
        check(from, "/d?e", Some("https idp.example:8443 8443 /d?e"));
        check(from, "/d#e", Some("https idp.example:8443 8443 /d"));
        check(from, "https://other.example/f", Some("https other.example 443 /f"));
        check(from, "HTTPS://other.example/f", Some("https other.example 443 /f"));
        for bad in [
            "",
            "d",
            "../d",
            "?d",
            "#d",
            "//other.example/f",
            "http://idp.example:8443/a",
            "HTTP://127.0.0.1/",
            "https://user@other.example/",
            "ftp://other.example/",
            "javascript:alert(1)",
            "/a b",
            &format!("/{}", "a".repeat(MAX_URL)),
        ] {
            check(from, bad, None);
        }
        let plain = "http://localhost:8080/a";
        check(plain, "/b", Some("http localhost:8080 8080 /b"));
        check(plain, "http://127.0.0.1:1/b", Some("http 127.0.0.1:1 1 /b"));
        check(plain, "https://idp.example/b", Some("https idp.example 443 /b"));
    }
}
