//! The checksums that S3 takes in a trailer, computed while the body streams.

use std::fmt;

use data_encoding::BASE64;

use super::crc::{CRC32C, CRC64_NVME, Crc};
use crate::crypto::{self, Hasher};

/// An algorithm of `x-amz-checksum-…` (S3 user guide, "Checking object integrity"). S3 knows
/// others too, which are refused: MD5 and XXHash.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Checksum {
    /// CRC-32 of ISO 3309.
    Crc32,
    /// CRC-32C of RFC 3720.
    Crc32c,
    /// CRC-64/NVME.
    Crc64Nvme,
    /// SHA-1.
    Sha1,
    /// SHA-256.
    Sha256,
    /// SHA-512.
    Sha512,
}

impl Checksum {
    /// Every algorithm.
    pub const ALL: [Self; 6] =
        [Self::Crc32, Self::Crc32c, Self::Crc64Nvme, Self::Sha1, Self::Sha256, Self::Sha512];

    /// The algorithm of a header or trailer, whatever its letters.
    pub fn of_header(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|checksum| checksum.header().eq_ignore_ascii_case(name))
    }

    /// The name of its header and trailer, in lower case.
    pub fn header(self) -> &'static str {
        match self {
            Self::Crc32 => "x-amz-checksum-crc32",
            Self::Crc32c => "x-amz-checksum-crc32c",
            Self::Crc64Nvme => "x-amz-checksum-crc64nvme",
            Self::Sha1 => "x-amz-checksum-sha1",
            Self::Sha256 => "x-amz-checksum-sha256",
            Self::Sha512 => "x-amz-checksum-sha512",
        }
    }

    /// The checksum of some bytes, as a header has it: Base64.
    pub fn of(self, data: &[u8]) -> String {
        let mut running = Running::new(self);
        running.update(data);
        running.value()
    }

    /// How many characters its value has: Base64 of the bytes, most significant first.
    pub(crate) fn value_length(self) -> usize {
        let bytes = match self {
            Self::Crc32 | Self::Crc32c => 4,
            Self::Crc64Nvme => 8,
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
        };
        BASE64.encode_len(bytes)
    }

    /// Whether a text has the form of a value.
    pub(crate) fn may_be(self, value: &str) -> bool {
        value.len() == self.value_length() && BASE64.decode(value.as_bytes()).is_ok()
    }
}

/// The name as `x-amz-sdk-checksum-algorithm` has it.
impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crc32 => "CRC32",
            Self::Crc32c => "CRC32C",
            Self::Crc64Nvme => "CRC64NVME",
            Self::Sha1 => "SHA1",
            Self::Sha256 => "SHA256",
            Self::Sha512 => "SHA512",
        })
    }
}

/// A checksum of what came so far.
#[derive(Debug)]
pub(crate) enum Running {
    Crc32(crc32fast::Hasher),
    Crc32c(Crc),
    Crc64Nvme(Crc),
    Hash(Hasher),
}

impl Running {
    pub(crate) fn new(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Crc32 => Self::Crc32(crc32fast::Hasher::new()),
            Checksum::Crc32c => Self::Crc32c(Crc::new(&CRC32C)),
            Checksum::Crc64Nvme => Self::Crc64Nvme(Crc::new(&CRC64_NVME)),
            Checksum::Sha1 => Self::Hash(Hasher::sha1()),
            Checksum::Sha256 => Self::Hash(Hasher::sha256()),
            Checksum::Sha512 => Self::Hash(Hasher::sha512()),
        }
    }

    pub(crate) fn update(&mut self, data: &[u8]) {
        match self {
            Self::Crc32(crc) => crc.update(data),
            Self::Crc32c(crc) | Self::Crc64Nvme(crc) => crc.update(data),
            Self::Hash(hasher) => hasher.update(data),
        }
    }

    /// The value as a header has it.
    pub(crate) fn value(self) -> String {
        match self {
            Self::Crc32(crc) => BASE64.encode(&crc.finalize().to_be_bytes()),
            Self::Crc32c(crc) => {
                let [_, _, _, _, low @ ..] = crc.finish().to_be_bytes();
                BASE64.encode(&low)
            }
            Self::Crc64Nvme(crc) => BASE64.encode(&crc.finish().to_be_bytes()),
            Self::Hash(hasher) => BASE64.encode(hasher.finish().as_ref()),
        }
    }

    /// Whether this is the value: in the one spelling of it.
    pub(crate) fn is(self, value: &[u8]) -> bool {
        crypto::same(self.value().as_bytes(), value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(checksum: Checksum, pieces: &[&[u8]]) -> String {
        let mut running = Running::new(checksum);
        pieces.iter().for_each(|piece| running.update(piece));
        running.value()
    }

    /// The check values of the catalogue of CRCs and the examples of FIPS 180-4.
    #[test]
    fn the_checksums_are_those_of_their_definitions() {
        for (checksum, data, value) in [
            (Checksum::Crc32, "123456789", "y/Q5Jg=="),
            (Checksum::Crc32c, "123456789", "4waSgw=="),
            (Checksum::Crc64Nvme, "123456789", "rosUhgp5mIg="),
            (Checksum::Sha1, "abc", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0="),
            (Checksum::Sha256, "abc", "ungWv48Bz+pBQUDeXa4iI7ADYaOWF3qctBD/YfIAFa0="),
            (
                Checksum::Sha512,
                "abc",
                "3a81oZNherrMQXNJriBBMRLm+k6JqX6iCp7u5ktV05ohkpkqJ0/BqDa6PCOj/uu9RU1EI2Q86A4qmslP\
                 pUyknw==",
            ),
        ] {
            assert_eq!(of(checksum, &[data.as_bytes()]), value, "{checksum}");
            assert_eq!(of(checksum, &[b"", b"1", data.as_bytes()]).len(), checksum.value_length());
            assert!(Running::new(checksum).is(of(checksum, &[]).as_bytes()));
            assert!(!Running::new(checksum).is(value.as_bytes()), "{checksum}");
            assert_eq!(Checksum::of_header(&checksum.header().to_uppercase()), Some(checksum));
        }
        assert_eq!(Checksum::of_header("x-amz-checksum-md5"), None);
    }
}
