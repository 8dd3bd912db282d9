//! The public keys of certificates: RSA, and points of the three curves that signatures are made with.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, ECDSA_P521_SHA512_ASN1, ParsedPublicKey,
};
use x509_parser::asn1_rs::{Class, Tag};
use x509_parser::oid_registry::{OID_EC_P256, OID_NIST_EC_P384, OID_NIST_EC_P521};
use x509_parser::public_key::PublicKey as Parsed;
use x509_parser::x509::SubjectPublicKeyInfo;

use super::metadata::MetadataFault;

/// The public key of a certificate.
#[derive(Clone, Copy)]
pub(super) enum PublicKey<'a> {
    /// The numbers of an RSA key, perhaps with zeros in front.
    Rsa {
        modulus: &'a [u8],
        exponent: &'a [u8],
    },
    Point(Curve, &'a [u8]),
}

/// A named curve.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Curve {
    P256,
    P384,
    P521,
}

impl<'a> PublicKey<'a> {
    /// The key of a certificate. A point lies on its curve.
    pub(super) fn of(info: &'a SubjectPublicKeyInfo<'_>) -> Result<Self, MetadataFault> {
        match info.parsed().map_err(|_| MetadataFault::Certificate)? {
            Parsed::RSA(key) => Ok(Self::Rsa { modulus: key.modulus, exponent: key.exponent }),
            Parsed::EC(_) => Self::point(info).ok_or(MetadataFault::CertificateCurve),
            _ => Err(MetadataFault::CertificateKey),
        }
    }

    /// The point, uncompressed, of one of the three curves. The curve must be named: parameters that
    /// are spelled out could be those of a weak one.
    fn point(info: &'a SubjectPublicKeyInfo<'_>) -> Option<Self> {
        // What is asked for an object identifier does not look at its own tag.
        let parameters = info.algorithm.parameters.as_ref().filter(|parameters| {
            parameters.class() == Class::Universal && parameters.tag() == Tag::Oid
        });
        let named = parameters?.as_oid().ok()?;
        let (curve, algorithm) = if named == OID_EC_P256 {
            (Curve::P256, &ECDSA_P256_SHA256_ASN1)
        } else if named == OID_NIST_EC_P384 {
            (Curve::P384, &ECDSA_P384_SHA384_ASN1)
        } else if named == OID_NIST_EC_P521 {
            (Curve::P521, &ECDSA_P521_SHA512_ASN1)
        } else {
            return None;
        };
        let point: &[u8] = &info.subject_public_key.data;
        let is_point = point.first() == Some(&4) && ParsedPublicKey::new(algorithm, point).is_ok();
        is_point.then_some(Self::Point(curve, point))
    }
}

/// A number without zeros in front.
pub(super) fn without_zeros(number: &[u8]) -> &[u8] {
    let zeros = number.iter().take_while(|byte| **byte == 0).count();
    number.get(zeros..).unwrap_or_default()
}

/// The bits of a number, without zeros in front.
pub(super) fn bits(number: &[u8]) -> usize {
    let digits = without_zeros(number);
    let unused = digits.first().map_or(0, |byte| byte.leading_zeros());
    8 * digits.len() - usize::try_from(unused).unwrap_or(0)
}
