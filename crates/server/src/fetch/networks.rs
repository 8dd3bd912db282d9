//! Which addresses may be asked for documents of identity providers: section 4, rule 7, of the
//! design.
//!
//! Public addresses may; those of this machine, of its links, of private networks and of anything
//! that the IANA registers for another purpose (RFC 6890 and the two special-purpose registries) only
//! where the operator named their network. Addresses that stand for no single machine never may, and
//! those under which clouds tell secrets only when they are named by themselves.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use thiserror::Error;

/// The networks that an operator opened, beside the public addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Networks(Vec<IpNet>);

/// IPv4 addresses that are not public.
const RESERVED_V4: [Ipv4Net; 15] = [
    v4([0, 0, 0, 0], 8),
    v4([10, 0, 0, 0], 8),
    v4([100, 64, 0, 0], 10),
    v4([127, 0, 0, 0], 8),
    v4([169, 254, 0, 0], 16),
    v4([172, 16, 0, 0], 12),
    v4([192, 0, 0, 0], 24),
    v4([192, 0, 2, 0], 24),
    v4([192, 88, 99, 0], 24),
    v4([192, 168, 0, 0], 16),
    v4([198, 18, 0, 0], 15),
    v4([198, 51, 100, 0], 24),
    v4([203, 0, 113, 0], 24),
    v4([224, 0, 0, 0], 4),
    v4([240, 0, 0, 0], 4),
];

/// The only IPv6 addresses that are public, less the next.
const PUBLIC_V6: Ipv6Net = v6([0x2000, 0, 0], 3);

/// Teredo, benchmarks, ORCHID; documentation, twice; 6to4, which holds an IPv4 address.
const RESERVED_V6: [Ipv6Net; 4] = [
    v6([0x2001, 0, 0], 23),
    v6([0x2001, 0xdb8, 0], 32),
    v6([0x2002, 0, 0], 16),
    v6([0x3fff, 0, 0], 20),
];

/// The translation of IPv4 addresses (RFC 6052): the last 32 bits are the address that is asked.
const TRANSLATED: Ipv6Net = v6([0x64, 0xff9b, 0], 96);

/// What stands for no single machine: this network, groups, and everybody.
const NOBODY: [IpNet; 5] = [
    IpNet::V4(v4([0, 0, 0, 0], 8)),
    IpNet::V4(v4([224, 0, 0, 0], 4)),
    IpNet::V4(v4([255, 255, 255, 255], 32)),
    IpNet::V6(v6([0, 0, 0], 128)),
    IpNet::V6(v6([0xff00, 0, 0], 8)),
];

/// Under which clouds tell machines their credentials. A wider network does not open them, and
/// `168.63.129.16` would else be taken for a public address.
const METADATA: [IpAddr; 11] = [
    IpAddr::V4(Ipv4Addr::new(169, 254, 169, 254)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 2)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 170, 23)),
    IpAddr::V4(Ipv4Addr::new(169, 254, 42, 42)),
    IpAddr::V4(Ipv4Addr::new(168, 63, 129, 16)),
    IpAddr::V4(Ipv4Addr::new(192, 0, 0, 192)),
    IpAddr::V4(Ipv4Addr::new(100, 100, 100, 200)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x23)),
    IpAddr::V6(Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)),
    IpAddr::V6(Ipv6Addr::new(0xfd00, 0x42, 0, 0, 0, 0, 0, 0x42)),
];

const fn v4([a, b, c, d]: [u8; 4], prefix: u8) -> Ipv4Net {
    Ipv4Net::new_assert(Ipv4Addr::new(a, b, c, d), prefix)
}

const fn v6([a, b, c]: [u16; 3], prefix: u8) -> Ipv6Net {
    Ipv6Net::new_assert(Ipv6Addr::new(a, b, c, 0, 0, 0, 0, 0), prefix)
}

impl Networks {
    /// Parses addresses and CIDR blocks.
    ///
    /// # Errors
    /// [`NetworkFault`], also for a block that holds every address: it would open this machine
    /// without naming it.
    pub fn parse(texts: &[String]) -> Result<Self, NetworkFault> {
        texts.iter().map(|text| parse_one(text.trim())).collect::<Result<_, _>>().map(Self)
    }

    /// Whether `address` may be asked.
    pub fn permit(&self, address: IpAddr) -> bool {
        let address = meant(address);
        if NOBODY.iter().any(|net| net.contains(&address)) {
            return false;
        }
        let mut named = self.0.iter().filter(|net| net.contains(&address));
        if METADATA.contains(&address) {
            return named.any(|net| net.prefix_len() == net.max_prefix_len());
        }
        is_public(address) || named.next().is_some()
    }
}

/// The address that is asked in the end: that of an IPv4 machine which an IPv6 address stands for.
fn meant(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(v6) if TRANSLATED.contains(&v6) => {
            let [.., a, b, c, d] = v6.octets();
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        }
        canonical => canonical,
    }
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => !RESERVED_V4.iter().any(|net| net.contains(&v4)),
        IpAddr::V6(v6) => {
            PUBLIC_V6.contains(&v6) && !RESERVED_V6.iter().any(|net| net.contains(&v6))
        }
    }
}

fn parse_one(text: &str) -> Result<IpNet, NetworkFault> {
    let syntax = || NetworkFault::Syntax(text.to_owned());
    let net = match text.parse() {
        Ok(address) => IpNet::from(meant(address)),
        Err(_) => text.parse::<IpNet>().map_err(|_| syntax())?.trunc(),
    };
    if net.prefix_len() == 0 {
        return Err(NetworkFault::Everything(text.to_owned()));
    }
    match in_ipv4(&net) {
        Some(meant) if meant.prefix_len() == 0 => Err(NetworkFault::Everything(text.to_owned())),
        Some(meant) => Err(NetworkFault::Mapped { text: text.to_owned(), meant }),
        None => Ok(net),
    }
}

/// The block of IPv4 addresses that a block of IPv6 addresses stands for, if it stands for some.
fn in_ipv4(net: &IpNet) -> Option<Ipv4Net> {
    let IpNet::V6(net) = net else { return None };
    let prefix = net.prefix_len().checked_sub(96)?;
    match meant(IpAddr::V6(net.addr())) {
        IpAddr::V4(address) => Ipv4Net::new(address, prefix).ok(),
        IpAddr::V6(_) => None,
    }
}

/// Why a list of networks is refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum NetworkFault {
    /// Neither an address nor a block.
    #[error("`{0}` is neither an address nor a CIDR block, such as `10.0.0.1` or `10.0.0.0/8`")]
    Syntax(String),
    /// A block that holds every address.
    #[error("`{0}` names every address, this machine's own too: name the networks of providers")]
    Everything(String),
    /// A block of IPv6 addresses that stand for IPv4 addresses, which are compared as those.
    #[error("`{text}` stands for IPv4 addresses, which are looked at as such: write `{meant}`")]
    Mapped {
        /// What was written.
        text: String,
        /// What to write.
        meant: Ipv4Net,
    },
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks(texts: &[&str]) -> Result<Networks, NetworkFault> {
        Networks::parse(&texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>())
    }

    fn check(networks: &Networks, rows: &[(&str, bool)]) {
        for (address, permitted) in rows {
            let address = address.parse().unwrap();
            assert_eq!(networks.permit(address), *permitted, "{address} of {networks:?}");
        }
    }

    /// The special-purpose registries of the IANA, row by row, with the neighbours of each.
    #[test]
    fn only_public_addresses_may_be_asked_by_default() {
        check(
            &Networks::default(),
            &[
                ("0.0.0.0", false),
                ("0.1.2.3", false),
                ("1.0.0.0", true),
                ("9.255.255.255", true),
                ("10.0.0.0", false),
                ("10.255.255.255", false),
                ("11.0.0.0", true),
                ("100.63.255.255", true),
                ("100.64.0.0", false),
                ("100.100.100.200", false),
                ("100.127.255.255", false),
                ("100.128.0.0", true),
                ("126.255.255.255", true),
                ("127.0.0.1", false),
                ("127.255.255.255", false),
                ("128.0.0.0", true),
                ("168.63.129.15", true),
                ("168.63.129.16", false),
                ("169.253.255.255", true),
                ("169.254.169.254", false),
                ("169.255.0.0", true),
                ("172.15.255.255", true),
                ("172.16.0.0", false),
                ("172.31.255.255", false),
                ("172.32.0.0", true),
                ("192.0.0.1", false),
                ("192.0.1.0", true),
                ("192.0.2.1", false),
                ("192.88.99.1", false),
                ("192.167.255.255", true),
                ("192.168.0.1", false),
                ("192.169.0.0", true),
                ("198.17.255.255", true),
                ("198.18.0.0", false),
                ("198.19.255.255", false),
                ("198.20.0.0", true),
                ("198.51.100.7", false),
                ("203.0.113.7", false),
                ("223.255.255.255", true),
                ("224.0.0.1", false),
                ("240.0.0.1", false),
                ("255.255.255.255", false),
                ("::", false),
                ("::1", false),
                ("::7f00:1", false),
                ("::ffff:127.0.0.1", false),
                ("::ffff:10.0.0.1", false),
                ("::ffff:8.8.8.8", true),
                ("64:ff9b::7f00:1", false),
                ("64:ff9b::a00:1", false),
                ("64:ff9b::a9fe:a9fe", false),
                ("64:ff9b::808:808", true),
                ("64:ff9b:1::808:808", false),
                ("100::1", false),
                ("1fff::1", false),
                ("2000::1", true),
                ("2001::1", false),
                ("2001:1ff::1", false),
                ("2001:200::1", true),
                ("2001:db8::1", false),
                ("2002:7f00:1::", false),
                ("2606:4700::1111", true),
                ("3ffe::1", true),
                ("3fff::1", false),
                ("4000::1", false),
                ("5f00::1", false),
                ("fc00::1", false),
                ("fd00:ec2::254", false),
                ("fe80::1", false),
                ("fec0::1", false),
                ("ff02::1", false),
            ],
        );
    }

    #[test]
    fn an_operator_opens_networks() {
        let some = networks(&[
            "10.1.0.0/16",
            " 127.0.0.1 ",
            "fd00::/8",
            "::ffff:192.168.0.7",
            "64:ff9b::192.168.0.9",
        ]);
        check(
            &some.unwrap(),
            &[
                ("10.1.2.3", true),
                ("::ffff:10.1.2.3", true),
                ("64:ff9b::a01:203", true),
                ("10.2.0.0", false),
                ("127.0.0.1", true),
                ("127.0.0.2", false),
                ("::1", false),
                ("fd12::1", true),
                ("fe80::1", false),
                ("192.168.0.7", true),
                ("192.168.0.8", false),
                ("192.168.0.9", true),
                // Not by a wider network.
                ("fd00:ec2::254", false),
                ("8.8.8.8", true),
            ],
        );
        // What is wider than it needs to be opens neither what is nobody's nor metadata.
        check(
            &networks(&["0.0.0.0/1", "128.0.0.0/1", "::/1", "8000::/1"]).unwrap(),
            &[
                ("0.0.0.0", false),
                ("127.0.0.1", true),
                ("169.254.1.1", true),
                ("169.254.169.254", false),
                ("169.254.170.2", false),
                ("168.63.129.16", false),
                ("224.0.0.1", false),
                ("255.255.255.255", false),
                ("::1", true),
                ("::", false),
                ("ff02::1", false),
                ("fd00:ec2::254", false),
            ],
        );
        check(&networks(&["169.254.169.254"]).unwrap(), &[("169.254.169.254", true)]);
    }

    #[test]
    fn a_list_is_addresses_and_blocks() {
        for good in ["10.0.0.1", "10.0.0.0/8", "10.1.2.3/8", "fd00::/8", "::1"] {
            assert!(networks(&[good]).is_ok(), "{good}");
        }
        for bad in ["", "host.example", "10.0.0.0/33", "10.0.0.1:80", "10.0.0.1,10.0.0.2"] {
            let syntax = NetworkFault::Syntax(bad.to_owned());
            assert_eq!(networks(&[bad]), Err(syntax), "{bad:?}");
        }
        for bad in ["0.0.0.0/0", "::/0", "::ffff:0.0.0.0/96", "64:ff9b::/96"] {
            assert_eq!(networks(&[bad]), Err(NetworkFault::Everything(bad.to_owned())));
        }
        for (bad, instead) in [
            ("::ffff:10.0.0.0/104", "10.0.0.0/8"),
            ("::ffff:a01:203/112", "10.1.0.0/16"),
            ("::ffff:10.0.0.1/128", "10.0.0.1/32"),
            ("64:ff9b::a00:0/104", "10.0.0.0/8"),
        ] {
            let said = networks(&[bad]).unwrap_err().to_string();
            assert!(said.starts_with(&format!("`{bad}` ")), "{said}");
            assert!(said.ends_with(&format!(": write `{instead}`")), "{said}");
            assert!(networks(&[instead]).is_ok());
        }
    }
}
