//! The name of an S3 bucket. S3 user guide, "General purpose bucket naming rules".

use std::fmt;
use std::net::Ipv4Addr;

use crate::{AccountId, Constrained, Constraint, Invalid, Region};

/// The name of a general purpose bucket: 3 to 63 lower-case letters, digits, periods and hyphens,
/// beginning and ending with a letter or digit, without two periods side by side, not in the form
/// of an IPv4 address, and with none of the prefixes and suffixes that S3 keeps for other things.
///
/// A name that ends in `-an` is one of an account regional namespace, `PREFIX-ACCOUNT-REGION-an`,
/// and nothing else: see [`BucketName::regional_owner`]. What else stands in an ARN or a path in
/// the place of a bucket's name, such as an access point's, is no value of this type.
#[derive(Clone, Eq, Hash, Ord, PartialEq, PartialOrd)]
pub struct BucketName(Box<str>);

/// What no name begins with.
const PREFIXES: [&str; 3] = ["amzn-s3-demo-", "sthree-", "xn--"];

/// What no name ends with: names of access points, of Object Lambda and Multi-Region access points,
/// of directory buckets and of table buckets do.
const SUFFIXES: [&str; 5] = ["--ol-s3", "--table-s3", "--x-s3", "-s3alias", ".mrap"];

/// What the names of an account regional namespace end with.
const REGIONAL: &str = "-an";

/// The digits of an account.
const ACCOUNT: usize = 12;

impl BucketName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The account in whose regional namespace the name lies, and the Region, if it lies in one: no
    /// other account may have a bucket of that name. S3 user guide, "Namespaces for general purpose
    /// buckets".
    pub fn regional_owner(&self) -> Option<(AccountId, Region)> {
        regional_owner(&self.0)
    }
}

fn regional_owner(text: &str) -> Option<(AccountId, Region)> {
    let rest = text.strip_suffix(REGIONAL)?;
    // The Region has hyphens too: the account is the last part that can be one, of those that have
    // something before and behind them.
    rest.match_indices('-').rev().find_map(|(hyphen, _)| {
        let (account, region) = rest.get(hyphen + 1..)?.split_at_checked(ACCOUNT)?;
        let account = AccountId::parse(account).ok()?;
        let region = Region::parse(region.strip_prefix('-')?).ok()?;
        (hyphen > 0).then_some((account, region))
    })
}

fn fits(text: &str) -> bool {
    let is_end = |byte: Option<&u8>| {
        byte.is_some_and(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit())
    };
    let bytes = text.as_bytes();
    bytes.iter().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-.".contains(b))
        && is_end(bytes.first())
        && is_end(bytes.last())
}

impl Constrained for BucketName {
    const CONSTRAINT: Constraint =
        Constraint { min: 3, max: 63, pattern: r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", fits };

    fn parse(text: &str) -> Result<Self, Invalid> {
        Self::CONSTRAINT.check(text)?;
        let rule = |rule| Err(Invalid::Rule(rule));
        if text.contains("..") {
            return rule("Bucket names must not contain two adjacent periods");
        }
        if looks_like_an_address(text) {
            return rule("Bucket names must not be formatted as an IP address");
        }
        if PREFIXES.iter().any(|prefix| text.starts_with(prefix)) {
            return rule("Bucket names must not start with a prefix that S3 reserves");
        }
        if SUFFIXES.iter().any(|suffix| text.ends_with(suffix)) {
            return rule("Bucket names must not end with a suffix that S3 reserves");
        }
        if text.ends_with(REGIONAL) && regional_owner(text).is_none() {
            return rule("Only names of an account regional namespace may end with -an");
        }
        Ok(Self(text.into()))
    }
}

/// Whether a text is four numbers with periods between them, in whatever spelling a resolver might
/// take for an address.
fn looks_like_an_address(text: &str) -> bool {
    let mut parts = text.split('.');
    let are_numbers =
        parts.by_ref().take(4).filter(|part| part.bytes().all(|b| b.is_ascii_digit())).count() == 4;
    are_numbers && parts.next().is_none() || text.parse::<Ipv4Addr>().is_ok()
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "BucketName({:?})", &self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_user_guide() {
        for good in [
            "abc",
            "docexamplebucket-1a1b2c3d4-5678-90ab-cdef-example11111",
            "my.example.s3.bucket",
            "3c-d",
            "a.b-c",
            "a-.b",
            "1.2.3",
            "1.2.3.4.5",
            "1.2.3.x4",
            "sthree",
            "amzn-s3-demo",
            "a--b",
            "an",
            "x-s3",
            "ban",
            &"a".repeat(63),
        ] {
            let want = good.len() >= 3;
            assert_eq!(BucketName::parse(good).is_ok(), want, "{good}");
        }
        for bad in [
            "",
            "ab",
            &"a".repeat(64),
            "Abc",
            "a_b",
            "a b",
            "-ab",
            "ab-",
            ".ab",
            "ab.",
            "a..b",
            "192.168.5.4",
            "999.999.999.999",
            "0001.2.3.4",
            "xn--abc",
            "sthree-abc",
            "sthree-configurator",
            "amzn-s3-demo-bucket",
            "abc-s3alias",
            "abc--ol-s3",
            "abc.mrap",
            "abc--x-s3",
            "abc--table-s3",
            "abc-an",
            "\u{fc}ber",
            "a/b",
            "a%2fb",
            "abc\n",
        ] {
            assert!(BucketName::parse(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_name_of_a_regional_namespace_tells_its_account() {
        for (name, want) in [
            ("logs-111122223333-us-west-2-an", Some(("111122223333", "us-west-2"))),
            ("a-b-111122223333-x-an", Some(("111122223333", "x"))),
            // Two parts could be the account: the last one is.
            ("a-111122223333-444455556666-x-an", Some(("444455556666", "x"))),
            ("a-111122223333-us-west-2", None),
        ] {
            let owner = BucketName::parse(name).unwrap().regional_owner();
            let want = want.map(|(account, region)| {
                (AccountId::parse(account).unwrap(), Region::parse(region).unwrap())
            });
            assert_eq!(owner, want, "{name}");
        }
        for bad in ["111122223333-us-west-2-an", "a-111122223333-an", "a-11112222333-x-an", "x-an"]
        {
            assert!(BucketName::parse(bad).is_err(), "{bad}");
        }
    }
}
