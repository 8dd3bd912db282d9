//! Which bucket a host name tells. S3 user guide, "Virtual hosting of general purpose buckets".

use daypass_names::{BucketName, Constrained, HostName, Invalid};

use crate::{S3Code, S3Fault};

/// The domains below which a bucket may stand in the host name: `bucket.DOMAIN`.
///
/// A host name that is one of them, or none that is below one, says nothing: the bucket is in the
/// path. So it is for addresses.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Domains(Vec<HostName>);

impl Domains {
    /// The domains of these names, whatever the case of their letters.
    ///
    /// # Errors
    /// For a name that is no host name.
    pub fn new<'a>(names: impl IntoIterator<Item = &'a str>) -> Result<Self, Invalid> {
        let parse = |name: &str| HostName::parse(&name.to_ascii_lowercase());
        Ok(Self(names.into_iter().map(parse).collect::<Result<_, _>>()?))
    }

    /// The bucket that the value of a `Host` header tells, if it tells one.
    ///
    /// # Errors
    /// `InvalidBucketName` for what stands before a domain and is no bucket's name; `BadRequest`
    /// for what is no host.
    pub fn bucket(&self, host: &str) -> Result<Option<BucketName>, S3Fault> {
        let Some(name) = without_port(host) else {
            return Err(S3Fault::new(S3Code::BadRequest).because("the Host header is no host"));
        };
        let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
        // The longest domain that fits is the one that is meant.
        let below = self.0.iter().filter_map(|domain| {
            if name == domain.as_str() {
                return Some("");
            }
            name.strip_suffix(domain.as_str())?.strip_suffix('.')
        });
        match below.min_by_key(|bucket| bucket.len()) {
            None | Some("") => Ok(None),
            Some(bucket) => Ok(Some(bucket_named(bucket)?)),
        }
    }
}

/// The bucket of that name.
pub(crate) fn bucket_named(name: &str) -> Result<BucketName, S3Fault> {
    BucketName::parse(name)
        .map_err(|_| S3Fault::new(S3Code::InvalidBucketName).with("BucketName", name))
}

/// A host without its port; `None` for what is neither a name nor an address.
fn without_port(host: &str) -> Option<&str> {
    let is_port = |port: &str| port.len() <= 5 && port.bytes().all(|b| b.is_ascii_digit());
    if let Some(rest) = host.strip_prefix('[') {
        let (address, port) = rest.split_once(']')?;
        let port = if port.is_empty() { Some("") } else { port.strip_prefix(':') };
        let is_address = address.parse::<std::net::Ipv6Addr>().is_ok();
        return (is_address && port.is_some_and(is_port)).then_some(address);
    }
    let (name, port) = host.split_once(':').unwrap_or((host, ""));
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || b"-._".contains(&byte);
    let begins = !name.is_empty() && !name.starts_with('.');
    (is_port(port) && begins && name.bytes().all(fits)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_stands_before_a_domain() {
        let domains = Domains::new(["s3.example.com", "Example.com", "localhost"]).unwrap();
        let none = Ok(None);
        let bucket = |name: &str| Ok(Some(BucketName::parse(name).unwrap()));
        let refused = |code| Err(code);
        for (host, want) in [
            ("photos.s3.example.com", bucket("photos")),
            ("photos.s3.example.com:9000", bucket("photos")),
            ("PHOTOS.S3.Example.COM", bucket("photos")),
            ("photos.s3.example.com.", bucket("photos")),
            ("photos.2024.s3.example.com", bucket("photos.2024")),
            ("photos.localhost:9000", bucket("photos")),
            ("photos.example.com", bucket("photos")),
            ("s3.example.com", none.clone()),
            ("example.com:443", none.clone()),
            ("localhost", none.clone()),
            ("192.0.2.1:9000", none.clone()),
            ("[2001:db8::1]:9000", none.clone()),
            ("[::1]", none.clone()),
            ("other.test", none.clone()),
            ("notexample.com", none),
            ("x.s3.example.com", refused(S3Code::InvalidBucketName)),
            ("a_b.s3.example.com", refused(S3Code::InvalidBucketName)),
            (".s3.example.com", refused(S3Code::BadRequest)),
            ("", refused(S3Code::BadRequest)),
            ("photos.s3.example.com:80:80", refused(S3Code::BadRequest)),
            ("photos.s3.example.com:x", refused(S3Code::BadRequest)),
            ("photos/x.s3.example.com", refused(S3Code::BadRequest)),
            ("user@photos.s3.example.com", refused(S3Code::BadRequest)),
            ("[x]:1", refused(S3Code::BadRequest)),
        ] {
            assert_eq!(domains.bucket(host).map_err(|f| f.code()), want, "{host}");
        }
        assert!(Domains::new(["a b"]).is_err());
    }
}
