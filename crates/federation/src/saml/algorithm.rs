//! The algorithms of signatures and digests, by the URIs of "Additional XML Security Uniform Resource
//! Identifiers" (RFC 9231): RSA (PKCS #1, version 1.5) and ECDSA with SHA-256, SHA-384 and SHA-512.
//!
//! SHA-1, DSA and, above all, HMAC, whose key everybody would have, are not among them.

use aws_lc_rs::digest;

/// A digest of the SHA-2 family.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Hash {
    Sha256,
    Sha384,
    Sha512,
}

/// What signs.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Kind {
    /// RSASSA-PKCS1-v1_5. RFC 9231, section 2.3.2.
    Rsa,
    /// ECDSA, the two numbers one behind the other. RFC 9231, section 2.3.6.
    Ecdsa,
}

/// A signature algorithm.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Algorithm {
    pub(super) kind: Kind,
    pub(super) hash: Hash,
}

const MORE: &str = "http://www.w3.org/2001/04/xmldsig-more#";
const ENCRYPTION: &str = "http://www.w3.org/2001/04/xmlenc#";

impl Hash {
    pub(super) const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The digest that a URI stands for.
    pub(super) fn of(uri: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|hash| {
            let (namespace, name) = hash.uri();
            uri.strip_prefix(namespace) == Some(name)
        })
    }

    /// The two parts of the URI that stands for it.
    fn uri(self) -> (&'static str, &'static str) {
        match self {
            Self::Sha256 => (ENCRYPTION, "sha256"),
            // Of the three only this one is not of XML Encryption.
            Self::Sha384 => (MORE, "sha384"),
            Self::Sha512 => (ENCRYPTION, "sha512"),
        }
    }

    /// The bytes of a digest.
    pub(super) fn size(self) -> usize {
        self.algorithm().output_len()
    }

    /// The digest of some bytes.
    pub(super) fn digest(self, bytes: &[u8]) -> digest::Digest {
        digest::digest(self.algorithm(), bytes)
    }

    fn algorithm(self) -> &'static digest::Algorithm {
        match self {
            Self::Sha256 => &digest::SHA256,
            Self::Sha384 => &digest::SHA384,
            Self::Sha512 => &digest::SHA512,
        }
    }
}

impl Algorithm {
    /// The algorithm that a URI stands for.
    pub(super) fn of(uri: &str) -> Option<Self> {
        let (kind, hash) = match uri.strip_prefix(MORE)? {
            "rsa-sha256" => (Kind::Rsa, Hash::Sha256),
            "rsa-sha384" => (Kind::Rsa, Hash::Sha384),
            "rsa-sha512" => (Kind::Rsa, Hash::Sha512),
            "ecdsa-sha256" => (Kind::Ecdsa, Hash::Sha256),
            "ecdsa-sha384" => (Kind::Ecdsa, Hash::Sha384),
            "ecdsa-sha512" => (Kind::Ecdsa, Hash::Sha512),
            _ => return None,
        };
        Some(Self { kind, hash })
    }
}

/// Whether a URI stands for an algorithm with SHA-1, of which collisions can be bought.
pub(super) fn is_sha1(uri: &str) -> bool {
    let own = uri.strip_prefix("http://www.w3.org/2000/09/xmldsig#");
    let name = own.or_else(|| uri.strip_prefix(MORE));
    name.is_some_and(|name| name == "sha1" || name.ends_with("-sha1"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn algorithms_are_those_of_the_list() {
        for (name, kind, hash) in [
            ("rsa-sha256", Kind::Rsa, Hash::Sha256),
            ("rsa-sha384", Kind::Rsa, Hash::Sha384),
            ("rsa-sha512", Kind::Rsa, Hash::Sha512),
            ("ecdsa-sha256", Kind::Ecdsa, Hash::Sha256),
            ("ecdsa-sha384", Kind::Ecdsa, Hash::Sha384),
            ("ecdsa-sha512", Kind::Ecdsa, Hash::Sha512),
        ] {
            let uri = format!("http://www.w3.org/2001/04/xmldsig-more#{name}");
            assert_eq!(Algorithm::of(&uri), Some(Algorithm { kind, hash }));
            assert!(!is_sha1(&uri) && Hash::of(&uri).is_none());
        }
        for bad in [
            "",
            "rsa-sha256",
            "http://www.w3.org/2001/04/xmldsig-more#",
            "http://www.w3.org/2001/04/xmldsig-more#RSA-SHA256",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-sha224",
            "http://www.w3.org/2001/04/xmldsig-more#rsa-md5",
            "http://www.w3.org/2001/04/xmldsig-more#hmac-sha256",
            "http://www.w3.org/2007/05/xmldsig-more#sha256-rsa-MGF1",
            " http://www.w3.org/2001/04/xmldsig-more#rsa-sha256",
            "http://www.w3.org/2001/04/xmlenc#sha256",
        ] {
            assert_eq!(Algorithm::of(bad), None, "{bad}");
            assert!(!is_sha1(bad));
        }
        for old in [
            "http://www.w3.org/2000/09/xmldsig#sha1",
            "http://www.w3.org/2000/09/xmldsig#rsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#dsa-sha1",
            "http://www.w3.org/2000/09/xmldsig#hmac-sha1",
            "http://www.w3.org/2001/04/xmldsig-more#ecdsa-sha1",
        ] {
            assert!(is_sha1(old) && Algorithm::of(old).is_none() && Hash::of(old).is_none());
        }
    }

    #[test]
    fn digests_are_those_of_the_list() {
        for (uri, hash, size) in [
            ("http://www.w3.org/2001/04/xmlenc#sha256", Hash::Sha256, 32),
            ("http://www.w3.org/2001/04/xmldsig-more#sha384", Hash::Sha384, 48),
            ("http://www.w3.org/2001/04/xmlenc#sha512", Hash::Sha512, 64),
        ] {
            assert_eq!(Hash::of(uri), Some(hash));
            assert_eq!((hash.size(), hash.digest(b"x").as_ref().len()), (size, size));
        }
        for bad in [
            "",
            "http://www.w3.org/2001/04/xmlenc#sha384",
            "http://www.w3.org/2001/04/xmldsig-more#sha256",
            "http://www.w3.org/2001/04/xmldsig-more#md5",
        ] {
            assert_eq!(Hash::of(bad), None, "{bad}");
        }
    }
}
