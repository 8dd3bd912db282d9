//! Where the backend is, and which addresses may be asked without TLS.
//!
//! The rule: `https` to any host. `http` to this machine (`localhost`, 127.0.0.0/8, ::1), and, where
//! the operator sets so, to private networks: RFC 1918, the shared addresses of RFC 6598 and the
//! unique local ones of RFC 4193. A host name is looked at after it was resolved, at every connect,
//! and the connection goes to the very address that was looked at.

use std::fmt;
use std::net::IpAddr;

use http::uri::{Authority, Scheme};
use http::{HeaderValue, Uri};
use thiserror::Error;

/// The origin of an S3 server: `http://HOST[:PORT]` or `https://HOST[:PORT]`.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct BackendUrl {
    host: String,
    port: u16,
    tls: bool,
    authority: Authority,
}

impl BackendUrl {
    /// Parses the origin. A path other than `/`, a query, and a name or password in it are refused.
    ///
    /// # Errors
    /// [`BackendUrlFault`].
    pub fn parse(text: &str) -> Result<Self, BackendUrlFault> {
        let uri: Uri = text.parse().map_err(|_| BackendUrlFault::Syntax)?;
        let tls = match uri.scheme() {
            Some(scheme) if *scheme == Scheme::HTTPS => true,
            Some(scheme) if *scheme == Scheme::HTTP => false,
            _ => return Err(BackendUrlFault::Syntax),
        };
        let authority = uri.authority().cloned().ok_or(BackendUrlFault::Syntax)?;
        if authority.as_str().contains('@') {
            return Err(BackendUrlFault::Credentials);
        }
        if !matches!(uri.path(), "" | "/") || uri.query().is_some() || text.contains('#') {
            return Err(BackendUrlFault::Path);
        }
        let host = authority.host();
        // A port that is no number of one is none to the library, which would mean the usual one.
        let has_port = authority.as_str().strip_prefix(host).is_none_or(|rest| !rest.is_empty());
        let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        let port = match (authority.port_u16(), has_port) {
            (Some(0) | None, true) => return Err(BackendUrlFault::Syntax),
            (Some(port), _) => port,
            (None, false) => {
                if tls {
                    443
                } else {
                    80
                }
            }
        };
        if host.is_empty() {
            return Err(BackendUrlFault::Syntax);
        }
        Ok(Self { host: host.to_ascii_lowercase(), port, tls, authority })
    }

    /// The host: a name, or an address without brackets.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Whether it is asked over TLS.
    pub fn is_tls(&self) -> bool {
        self.tls
    }

    /// The `Host` of requests to it.
    pub(crate) fn host_header(&self) -> Option<HeaderValue> {
        HeaderValue::from_str(self.authority.as_str()).ok()
    }

    /// Whether the host is this machine by its name or address.
    pub fn is_this_machine(&self) -> bool {
        match self.host.parse::<IpAddr>() {
            Ok(address) => address.to_canonical().is_loopback(),
            Err(_) => self.host == "localhost",
        }
    }

    /// Whether a connection may go to `address`. `private` says whether the operator lets plain HTTP
    /// go to private networks.
    pub(crate) fn permits(&self, address: IpAddr, private: bool) -> bool {
        let address = address.to_canonical();
        self.tls || address.is_loopback() || private && is_private(address)
    }
}

impl fmt::Display for BackendUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = if self.tls { "https" } else { "http" };
        write!(f, "{scheme}://{}", self.authority)
    }
}

/// Whether `address` is of a private network: RFC 1918, RFC 6598, RFC 4193.
pub fn is_private(address: IpAddr) -> bool {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let [first, second, ..] = v4.octets();
            v4.is_private() || first == 100 && second & 0xc0 == 64
        }
        IpAddr::V6(v6) => v6.is_unique_local(),
    }
}

/// Why a text is no origin of a backend.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum BackendUrlFault {
    /// It is no URL of HTTP.
    #[error("it is not of the form http://HOST:PORT or https://HOST:PORT")]
    Syntax,
    /// It has credentials in it, which logs would show.
    #[error("it has a user name in it: credentials are given in a file")]
    Credentials,
    /// It names more than the server.
    #[error("it has a path or a query: buckets are addressed below the root of the server")]
    Path,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_scheme_host_and_port() {
        for (text, host, port, tls) in [
            ("http://127.0.0.1:3900", "127.0.0.1", 3900, false),
            ("http://localhost/", "localhost", 80, false),
            ("https://S3.Example.org", "s3.example.org", 443, true),
            ("http://[::1]:8333", "::1", 8333, false),
        ] {
            let url = BackendUrl::parse(text).unwrap();
            assert_eq!((url.host(), url.port(), url.is_tls()), (host, port, tls), "{text}");
        }
        for (text, fault) in [
            ("", BackendUrlFault::Syntax),
            ("garage:3900", BackendUrlFault::Syntax),
            ("/buckets", BackendUrlFault::Syntax),
            ("ftp://garage", BackendUrlFault::Syntax),
            ("http://", BackendUrlFault::Syntax),
            ("http://garage:0", BackendUrlFault::Syntax),
            ("http://garage:99999", BackendUrlFault::Syntax),
            ("http://key:secret@garage", BackendUrlFault::Credentials),
            ("http://garage/buckets", BackendUrlFault::Path),
            ("http://garage/?x", BackendUrlFault::Path),
            ("http://garage/#x", BackendUrlFault::Path),
        ] {
            assert_eq!(BackendUrl::parse(text), Err(fault), "{text:?}");
        }
    }

    #[test]
    fn plain_http_goes_to_this_machine_and_where_the_operator_says_so_to_private_networks() {
        let plain = BackendUrl::parse("http://garage:3900").unwrap();
        let tls = BackendUrl::parse("https://garage:3900").unwrap();
        for (address, by_itself, if_private) in [
            ("127.0.0.1", true, true),
            ("127.9.9.9", true, true),
            ("::1", true, true),
            ("::ffff:127.0.0.1", true, true),
            ("10.1.2.3", false, true),
            ("172.16.0.1", false, true),
            ("172.32.0.1", false, false),
            ("192.168.1.1", false, true),
            ("100.64.0.1", false, true),
            ("100.128.0.1", false, false),
            ("::ffff:10.1.2.3", false, true),
            ("fd00::1", false, true),
            ("fe80::1", false, false),
            ("169.254.169.254", false, false),
            ("0.0.0.0", false, false),
            ("198.51.100.1", false, false),
            ("2001:db8::1", false, false),
        ] {
            let address = address.parse().unwrap();
            assert_eq!(plain.permits(address, false), by_itself, "{address}");
            assert_eq!(plain.permits(address, true), if_private, "{address}");
            assert!(tls.permits(address, false), "{address}");
        }
    }

    #[test]
    fn this_machine_has_a_name_and_addresses() {
        for (text, is) in [
            ("http://localhost:1", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://localhost.example:1", false),
            ("http://10.0.0.1:1", false),
        ] {
            assert_eq!(BackendUrl::parse(text).unwrap().is_this_machine(), is, "{text}");
        }
    }
}
