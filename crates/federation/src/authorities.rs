//! Certificates of authorities that somebody trusts beside, or in place of, the well-known ones: PEM
//! (RFC 7468) of X.509 certificates (RFC 5280) that may certify others.
//!
//! Refused are leaves, what is no certificate, private keys, and more than a few of them. Whether a
//! server's chain ends in one of them is for the TLS client to say.

use std::fmt;
use std::sync::Arc;

use data_encoding::BASE64;
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

/// Most certificates: a private authority has one, two while it is renewed, and some intermediates.
pub const MAX_AUTHORITIES: usize = 16;

/// Most bytes of the text: 16 certificates of RSA-4096 with long names take some 40 KiB.
pub const MAX_AUTHORITIES_TEXT: usize = 64 << 10;

const BEGIN: &str = "-----BEGIN ";
const CERTIFICATE: &str = "-----BEGIN CERTIFICATE-----";
const END: &str = "-----END CERTIFICATE-----";

/// Certificates of authorities, one at least. Cheap to clone.
#[derive(Clone, Eq, PartialEq)]
pub struct Authorities(Arc<Inner>);

#[derive(Eq, PartialEq)]
struct Inner {
    text: Box<str>,
    certificates: Vec<Authority>,
}

/// One certificate of an authority.
#[derive(Eq, PartialEq)]
pub struct Authority {
    der: Box<[u8]>,
    subject: Box<str>,
    not_after_s: i64,
}

/// Why certificates are refused. The messages repeat nothing of them.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum AuthoritiesFault {
    /// One is no X.509 certificate, or something stands behind it.
    #[error("certificate {0} is no X.509 certificate")]
    Certificate(usize),
    /// It may certify nobody: its basic constraints do not say that it is an authority.
    #[error("certificate {0} is not that of a certificate authority")]
    Leaf(usize),
    /// There is none.
    #[error("there is no certificate in PEM")]
    None,
    /// There is a block of another kind, a private key for instance.
    #[error("there is something else in PEM than certificates")]
    Other,
    /// One block of PEM is broken.
    #[error("block {0} of PEM is broken")]
    Pem(usize),
    /// There are too many.
    #[error("there are more than {MAX_AUTHORITIES} certificates")]
    TooMany,
    /// The text is too long.
    #[error("the certificates have more than {MAX_AUTHORITIES_TEXT} bytes")]
    TooLong,
}

impl Authorities {
    /// Reads certificates in PEM. Text between them is passed over, as programs write it there.
    ///
    /// # Errors
    /// [`AuthoritiesFault`]; certificates are counted from 1.
    pub fn parse(pem: &str) -> Result<Self, AuthoritiesFault> {
        if pem.len() > MAX_AUTHORITIES_TEXT {
            return Err(AuthoritiesFault::TooLong);
        }
        let mut certificates = Vec::new();
        let mut text = String::new();
        let mut rest = pem;
        while let Some(block) = from_begin(rest) {
            let number = certificates.len() + 1;
            if number > MAX_AUTHORITIES {
                return Err(AuthoritiesFault::TooMany);
            }
            let block = block.strip_prefix(CERTIFICATE).ok_or(AuthoritiesFault::Other)?;
            let (body, behind) = block.split_once(END).ok_or(AuthoritiesFault::Pem(number))?;
            let der = decoded(body).ok_or(AuthoritiesFault::Pem(number))?;
            certificates.push(Authority::parse(der, number)?);
            text.push_str(CERTIFICATE);
            text.push_str(body);
            text.push_str(END);
            text.push('\n');
            rest = behind;
        }
        if certificates.is_empty() {
            return Err(AuthoritiesFault::None);
        }
        Ok(Self(Arc::new(Inner { text: text.into(), certificates })))
    }

    /// The certificates in PEM, without what stood between them.
    pub fn as_pem(&self) -> &str {
        &self.0.text
    }

    /// The certificates, in the order in which they were given.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Authority> {
        self.0.certificates.iter()
    }
}

/// The text from where its first block begins on.
fn from_begin(text: &str) -> Option<&str> {
    text.find(BEGIN).and_then(|at| text.get(at..))
}

fn decoded(body: &str) -> Option<Vec<u8>> {
    let packed: Vec<u8> = body.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    BASE64.decode(&packed).ok()
}

impl Authority {
    fn parse(der: Vec<u8>, number: usize) -> Result<Self, AuthoritiesFault> {
        let no_certificate = AuthoritiesFault::Certificate(number);
        let (subject, not_after_s, is_authority) = {
            let (behind, certificate) =
                X509Certificate::from_der(&der).map_err(|_| no_certificate)?;
            if !behind.is_empty() {
                return Err(no_certificate);
            }
            let constraints = certificate.basic_constraints().map_err(|_| no_certificate)?;
            let is_authority = constraints.is_some_and(|found| found.value.ca);
            let subject = certificate.subject().to_string();
            (subject, certificate.validity().not_after.timestamp(), is_authority)
        };
        match is_authority {
            true => Ok(Self { der: der.into(), subject: subject.into(), not_after_s }),
            false => Err(AuthoritiesFault::Leaf(number)),
        }
    }

    /// The certificate in DER.
    pub fn der(&self) -> &[u8] {
        &self.der
    }

    /// Whose certificate it says that it is. Not to be believed, and any characters may be in it.
    pub fn subject(&self) -> &str {
        &self.subject
    }

    /// The last second in which it holds, since 1970.
    pub fn not_after_s(&self) -> i64 {
        self.not_after_s
    }
}

impl fmt::Debug for Authority {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authority({:?})", self.subject)
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

#[cfg(test)]
mod tests {
    use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, KeyPair};

    use super::*;

    fn certificate(name: &str, is_ca: IsCa) -> String {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = is_ca;
        params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
    }

    fn authority(name: &str) -> String {
        certificate(name, IsCa::Ca(BasicConstraints::Unconstrained))
    }

    #[test]
    fn authorities_are_read_with_text_around_them() {
        let (one, two) = (authority("one"), authority("two"));
        let text = format!("subject=one\n{one}\r\nsubject=two\n{two}# the end\n");
        let read = Authorities::parse(&text).unwrap();
        let subjects: Vec<_> = read.iter().map(Authority::subject).collect();
        assert!(subjects[0].contains("one") && subjects[1].contains("two"), "{subjects:?}");
        assert!(!read.as_pem().contains("subject"));
        assert_eq!(Authorities::parse(read.as_pem()).unwrap(), read);
        let lines = |pem: &str| pem.replace("\r\n", "\n");
        assert_eq!(lines(read.as_pem()), lines(&format!("{}\n{}\n", one.trim(), two.trim())));
        assert!(read.iter().all(|one| one.not_after_s() > 0 && !one.der().is_empty()));
        assert!(format!("{read:?}").contains("one"));
        let indented = one.replace('\n', "\r\n ").replace(" -----END", "-----END");
        assert_eq!(Authorities::parse(&indented).unwrap().iter().count(), 1);
    }

    #[test]
    fn what_is_no_authority_is_refused() {
        use AuthoritiesFault as Fault;
        let one = authority("one");
        let leaf = certificate("leaf", IsCa::NoCa);
        let explicit = certificate("leaf", IsCa::ExplicitNoCa);
        let key = KeyPair::generate().unwrap().serialize_pem();
        let broken = one.replace("MII", "M!!");
        let cut = one.split("-----END").next().unwrap().to_owned();
        let other = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_owned();
        let many = |count: usize| one.repeat(count);
        for (text, want) in [
            (String::new(), Fault::None),
            ("no certificate".to_owned(), Fault::None),
            (leaf.clone(), Fault::Leaf(1)),
            (explicit, Fault::Leaf(1)),
            (format!("{one}{leaf}"), Fault::Leaf(2)),
            (key.clone(), Fault::Other),
            (format!("{one}{key}"), Fault::Other),
            (one.replace("CERTIFICATE", "TRUSTED CERTIFICATE"), Fault::Other),
            (broken, Fault::Pem(1)),
            (cut.clone(), Fault::Pem(1)),
            // The first is not closed, and takes the second in.
            (format!("{cut}{one}"), Fault::Pem(1)),
            (other, Fault::Certificate(1)),
            (many(MAX_AUTHORITIES + 1), Fault::TooMany),
            (" ".repeat(MAX_AUTHORITIES_TEXT + 1), Fault::TooLong),
        ] {
            assert_eq!(Authorities::parse(&text), Err(want), "{text}");
        }
        assert_eq!(Authorities::parse(&many(MAX_AUTHORITIES)).unwrap().iter().len(), 16);
    }

    #[test]
    fn what_stands_behind_a_certificate_within_its_block_is_refused() {
        let pem = authority("one");
        let der = Authorities::parse(&pem).unwrap().iter().next().unwrap().der().to_vec();
        let longer = BASE64.encode(&[&der[..], &[0]].concat());
        let text = format!("{CERTIFICATE}\n{longer}\n{END}\n");
        assert_eq!(Authorities::parse(&text), Err(AuthoritiesFault::Certificate(1)));
    }
}
