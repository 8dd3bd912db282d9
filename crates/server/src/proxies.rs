//! Whose forwarded headers are believed, and what follows from them: the address that a request
//! came from and whether it came over TLS.
//!
//! `X-Forwarded-For` and `X-Forwarded-Proto` have no standard; the reading is the usual one of
//! reverse proxies, in which each hop appends the address that it saw. A header from anybody but
//! a named proxy is ignored; one from a named proxy that cannot be read refuses the request,
//! because conditions such as `aws:SourceIp` would otherwise be decided on the wrong address.

use std::net::{IpAddr, SocketAddr};

use daypass_gateway::ClientCertificate;
use http::HeaderMap;
use ipnet::IpNet;
use thiserror::Error;

/// Most entries of `X-Forwarded-For` that are looked at; no sane chain of proxies is longer.
const MAX_HOPS: usize = 32;

/// The proxies in front of this server.
#[derive(Clone, Debug, Default)]
pub struct Proxies(Vec<IpNet>);

/// Where a request came from.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Origin {
    /// The client's address; never an IPv4 address in IPv6 clothes.
    pub(crate) address: IpAddr,
    /// Whether the client spoke TLS.
    pub(crate) tls: bool,
    /// What whoever made the connection has shown, where certificates are taken: of a connection alone,
    /// as no header tells it.
    pub(crate) certificate: Option<ClientCertificate>,
}

impl Origin {
    /// Who has shown no certificate.
    pub(crate) fn new(address: IpAddr, tls: bool) -> Self {
        Self { address, tls, certificate: None }
    }
}

impl Proxies {
    /// Parses addresses and CIDR blocks. A block that holds every address is refused: it would
    /// let each client choose its own address.
    pub fn parse(texts: &[String]) -> Result<Self, ProxyFault> {
        texts.iter().map(|text| parse_net(text.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether no proxy is named.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Where a request came from that `peer` handed over.
    pub(crate) fn origin(
        &self,
        peer: Origin,
        headers: &HeaderMap,
    ) -> Result<Origin, ForwardedFault> {
        let peer = Origin { address: peer.address.to_canonical(), ..peer };
        if !self.trusts(peer.address) {
            return Ok(peer);
        }
        Ok(Origin::new(self.address(peer.address, headers)?, tls(peer.tls, headers)?))
    }

    /// Where a request came from that a proxy tells of which has proven itself, wherever that is: the
    /// rightmost address that is not a named proxy's. It must say both.
    pub(crate) fn told(&self, headers: &HeaderMap) -> Result<Origin, ForwardedFault> {
        if !headers.contains_key("x-forwarded-for") {
            return Err(ForwardedFault::For);
        }
        if !headers.contains_key("x-forwarded-proto") {
            return Err(ForwardedFault::Proto);
        }
        // Of which there is one, so that the proxy's own address never counts.
        let address = self.address(IpAddr::from([0; 4]), headers)?;
        Ok(Origin::new(address, tls(false, headers)?))
    }

    /// Whether `address` may speak to us without TLS: only this machine and the named proxies.
    pub(crate) fn admits_cleartext(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.trusts(address)
    }

    /// Whether `address` is a named proxy's.
    pub(crate) fn trusts(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.0.iter().any(|net| net.contains(&address))
    }

    /// Whether nothing tells which of many clients a request is of that `peer` handed over: it is a
    /// named proxy and says nothing of the client, or this machine.
    ///
    /// SECURITY: the address that a proxy tells makes no difference, whosever it is: a client whose
    /// own address is in a block of proxies writes what it likes there.
    pub(crate) fn stands_for_many(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        match self.trusts(peer) {
            true => !headers.contains_key("x-forwarded-for"),
            false => peer.to_canonical().is_loopback(),
        }
    }

    /// The rightmost address that is not a named proxy's; when all are, the leftmost.
    fn address(&self, peer: IpAddr, headers: &HeaderMap) -> Result<IpAddr, ForwardedFault> {
        let mut address = peer;
        for (hop, entry) in entries(headers, "x-forwarded-for")?.into_iter().rev().enumerate() {
            if hop == MAX_HOPS {
                return Err(ForwardedFault::For);
            }
            address = parse_hop(entry).ok_or(ForwardedFault::For)?;
            if !self.trusts(address) {
                break;
            }
        }
        Ok(address)
    }
}

/// Whether the client spoke TLS: only when every hop that is named says so. Without the header it
/// is the connection to the proxy that counts.
fn tls(peer: bool, headers: &HeaderMap) -> Result<bool, ForwardedFault> {
    let entries = entries(headers, "x-forwarded-proto").map_err(|_| ForwardedFault::Proto)?;
    if entries.is_empty() {
        return Ok(peer);
    }
    let mut tls = true;
    for entry in entries {
        if entry.eq_ignore_ascii_case("http") {
            tls = false;
        } else if !entry.eq_ignore_ascii_case("https") {
            return Err(ForwardedFault::Proto);
        }
    }
    Ok(tls)
}

/// The comma-separated entries of all fields of that name, in their order.
fn entries<'h>(headers: &'h HeaderMap, name: &str) -> Result<Vec<&'h str>, ForwardedFault> {
    let mut entries = Vec::new();
    for value in headers.get_all(name) {
        let text = value.to_str().map_err(|_| ForwardedFault::For)?;
        entries.extend(text.split(',').map(str::trim));
    }
    Ok(entries)
}

/// An address, with or without port, the IPv6 one with or without brackets.
fn parse_hop(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok();
    let with_port = || text.parse().ok().map(|address: SocketAddr| address.ip());
    let address: IpAddr = text.parse().ok().or_else(with_port).or_else(bracketed)?;
    Some(address.to_canonical())
}

fn parse_net(text: &str) -> Result<IpNet, ProxyFault> {
    let address = text.parse().ok().map(|address: IpAddr| IpNet::from(address.to_canonical()));
    let net = match address {
        Some(net) => net,
        None => text.parse().map_err(|_| ProxyFault::Syntax(text.to_owned()))?,
    };
    if net.prefix_len() == 0 {
        return Err(ProxyFault::Everybody(text.to_owned()));
    }
    Ok(net)
}

/// Why a list of proxies is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ProxyFault {
    /// Neither an address nor a block.
    #[error("`{0}` is neither an address nor a CIDR block, such as `10.0.0.1` or `10.0.0.0/8`")]
    Syntax(String),
    /// A block that holds every address.
    #[error("`{0}` names every address, so that any client could forge its own: name the proxies")]
    Everybody(String),
}

/// A named proxy sent a header that cannot be read.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub(crate) enum ForwardedFault {
    #[error("the X-Forwarded-For header is missing or cannot be read")]
    For,
    #[error("the X-Forwarded-Proto header is missing or cannot be read")]
    Proto,
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn proxies(texts: &[&str]) -> Result<Proxies, ProxyFault> {
        Proxies::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    /// Proxies are 10.0.0.0/8 and fd00::1; the peer's own connection is plain.
    fn check(
        peer: &str,
        fields: &[(&'static str, &str)],
        expected: Result<(&str, bool), ForwardedFault>,
    ) {
        let proxies = proxies(&["10.0.0.0/8", "fd00::1"]).unwrap();
        let mut headers = HeaderMap::new();
        for (name, value) in fields {
            headers.append(*name, HeaderValue::from_bytes(value.as_bytes()).unwrap());
        }
        let peer = Origin::new(peer.parse().unwrap(), false);
        let expected = expected.map(|(address, tls)| Origin::new(address.parse().unwrap(), tls));
        assert_eq!(proxies.origin(peer, &headers), expected, "{fields:?}");
    }

    #[test]
    fn without_tls_only_this_machine_and_the_proxies_are_admitted() {
        let proxies = proxies(&["10.0.0.0/8", "fd00::1"]).unwrap();
        for (peer, admitted) in [
            ("127.0.0.1", true),
            ("::1", true),
            ("::ffff:127.0.0.1", true),
            ("10.255.0.1", true),
            ("::ffff:10.0.0.1", true),
            ("fd00::1", true),
            ("192.0.2.7", false),
            ("fd00::2", false),
        ] {
            assert_eq!(proxies.admits_cleartext(peer.parse().unwrap()), admitted, "{peer}");
        }
        assert!(!Proxies::default().admits_cleartext("192.0.2.7".parse().unwrap()));
    }

    #[test]
    fn only_named_proxies_are_believed() {
        const FOR: &str = "x-forwarded-for";
        const PROTO: &str = "x-forwarded-proto";
        // A stranger's headers count for nothing, readable or not.
        check("192.0.2.7", &[(FOR, "198.51.100.1"), (PROTO, "https")], Ok(("192.0.2.7", false)));
        check("192.0.2.7", &[(FOR, "rubbish"), (PROTO, "rubbish")], Ok(("192.0.2.7", false)));
        // A proxy that says nothing speaks for itself.
        check("10.1.1.1", &[], Ok(("10.1.1.1", false)));
        check("10.1.1.1", &[(FOR, "198.51.100.1")], Ok(("198.51.100.1", false)));
        check("::ffff:10.1.1.1", &[(FOR, "198.51.100.1")], Ok(("198.51.100.1", false)));
        check("fd00::1", &[(FOR, "2001:db8::5")], Ok(("2001:db8::5", false)));
        check("10.1.1.1", &[(FOR, "::ffff:198.51.100.1")], Ok(("198.51.100.1", false)));
        // What the client wrote itself stands further left and is passed over.
        check("10.1.1.1", &[(FOR, "1.1.1.1, 198.51.100.1, 10.2.2.2")], Ok(("198.51.100.1", false)));
        check("10.1.1.1", &[(FOR, "1.1.1.1"), (FOR, "198.51.100.1")], Ok(("198.51.100.1", false)));
        check("10.1.1.1", &[(FOR, "rubbish, 198.51.100.1")], Ok(("198.51.100.1", false)));
        // All of them proxies: the first is as near to the client as one can come.
        check("10.1.1.1", &[(FOR, "10.3.3.3,10.2.2.2")], Ok(("10.3.3.3", false)));
        // Ports and brackets.
        check("10.1.1.1", &[(FOR, "198.51.100.1:8080")], Ok(("198.51.100.1", false)));
        check("10.1.1.1", &[(FOR, "[2001:db8::5]:8080")], Ok(("2001:db8::5", false)));
        check("10.1.1.1", &[(FOR, "[2001:db8::5]")], Ok(("2001:db8::5", false)));
        // A proxy that talks rubbish.
        for rubbish in ["", "unknown", "198.51.100.1,", "198.51.100.1.2", "é"] {
            check("10.1.1.1", &[(FOR, rubbish)], Err(ForwardedFault::For));
        }
        check("10.1.1.1", &[(FOR, &vec!["10.2.2.2"; 33].join(","))], Err(ForwardedFault::For));
        check("10.1.1.1", &[(PROTO, "gopher")], Err(ForwardedFault::Proto));
        check("10.1.1.1", &[(PROTO, "é")], Err(ForwardedFault::Proto));
        // One hop in the clear is enough to be in the clear.
        check("10.1.1.1", &[(PROTO, "https")], Ok(("10.1.1.1", true)));
        check("10.1.1.1", &[(PROTO, "HTTPS")], Ok(("10.1.1.1", true)));
        check("10.1.1.1", &[(PROTO, "http")], Ok(("10.1.1.1", false)));
        check("10.1.1.1", &[(PROTO, "http, https")], Ok(("10.1.1.1", false)));
        check("10.1.1.1", &[(PROTO, "https"), (PROTO, "http")], Ok(("10.1.1.1", false)));
    }

    #[test]
    fn only_who_says_nothing_of_the_client_stands_for_many() {
        let proxies = proxies(&["10.0.0.0/8", "::1"]).unwrap();
        for (peer, forwarded, stands_for_many) in [
            ("10.1.1.1", None, true),
            ("::ffff:10.1.1.1", None, true),
            ("::1", None, true),
            ("127.0.0.1", None, true),
            ("::ffff:127.0.0.1", None, true),
            ("192.0.2.7", None, false),
            // Whatever address a named proxy tells.
            ("10.1.1.1", Some("198.51.100.1"), false),
            ("10.1.1.1", Some("10.9.9.9"), false),
            ("10.1.1.1", Some("127.0.0.1, 10.9.9.9"), false),
            ("::1", Some("127.0.0.1"), false),
            // A stranger's field counts for nothing.
            ("127.0.0.1", Some("198.51.100.1"), true),
            ("192.0.2.7", Some("127.0.0.1"), false),
        ] {
            let mut headers = HeaderMap::new();
            if let Some(forwarded) = forwarded {
                headers.insert("x-forwarded-for", HeaderValue::from_static(forwarded));
            }
            let peer = peer.parse().unwrap();
            assert_eq!(proxies.stands_for_many(peer, &headers), stands_for_many, "{peer}");
        }
    }

    #[test]
    fn a_proxy_that_speaks_tls_to_us_is_not_a_client_that_does() {
        let proxies = proxies(&["10.0.0.1"]).unwrap();
        let peer = Origin::new("10.0.0.1".parse().unwrap(), true);
        let mut headers = HeaderMap::new();
        assert_eq!(proxies.origin(peer, &headers), Ok(peer));
        headers.insert("x-forwarded-proto", HeaderValue::from_static("http"));
        assert_eq!(proxies.origin(peer, &headers), Ok(Origin { tls: false, ..peer }));
    }

    #[test]
    fn a_proxy_that_has_proven_itself_tells_its_client() {
        let proxies = proxies(&["10.0.0.0/8"]).unwrap();
        for (forwarded, proto, want) in [
            (Some("198.51.100.1"), Some("https"), Ok(("198.51.100.1", true))),
            (Some("198.51.100.1, 10.1.1.1"), Some("http"), Ok(("198.51.100.1", false))),
            // What the client wrote itself stands further left.
            (Some("10.9.9.9, 198.51.100.1"), Some("https"), Ok(("198.51.100.1", true))),
            (None, Some("https"), Err(ForwardedFault::For)),
            (Some("198.51.100.1"), None, Err(ForwardedFault::Proto)),
            (Some(""), Some("https"), Err(ForwardedFault::For)),
            (Some("198.51.100.1"), Some(""), Err(ForwardedFault::Proto)),
        ] {
            let mut headers = HeaderMap::new();
            for (name, value) in [("x-forwarded-for", forwarded), ("x-forwarded-proto", proto)] {
                if let Some(value) = value {
                    headers.insert(name, HeaderValue::from_static(value));
                }
            }
            let want = want.map(|(address, tls)| Origin::new(address.parse().unwrap(), tls));
            assert_eq!(proxies.told(&headers), want, "{forwarded:?} {proto:?}");
        }
    }

    #[test]
    fn a_list_of_proxies_is_addresses_and_blocks() {
        for good in ["10.0.0.1", " 10.0.0.1 ", "10.0.0.0/8", "fd00::/8", "::1", "::ffff:10.0.0.1"] {
            assert!(proxies(&[good]).is_ok(), "{good:?}");
        }
        assert!(proxies(&[]).unwrap().is_empty());
        assert!(!proxies(&["::1"]).unwrap().is_empty());
        for bad in ["", "proxy.example", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.1,10.0.0.2"] {
            assert!(matches!(proxies(&[bad]), Err(ProxyFault::Syntax(_))), "{bad:?}");
        }
        for bad in ["0.0.0.0/0", "::/0"] {
            assert!(matches!(proxies(&[bad]), Err(ProxyFault::Everybody(_))), "{bad:?}");
        }
    }
}
