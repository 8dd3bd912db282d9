//! The private keys of SAML providers, which open encrypted assertions: PEM (RFC 7468) of one
//! unencrypted PKCS#8 (RFC 5208) RSA key of 2,048 to 8,192 bits.
//!
//! Other keys and other forms (PKCS#1, encrypted PKCS#8) are refused, and so is whatever stands
//! around the key.

use std::fmt;

use aws_lc_rs::rsa::PrivateDecryptingKey;
use data_encoding::BASE64;
use thiserror::Error;
use zeroize::Zeroizing;

/// Most characters of a key in PEM, as IAM takes them.
pub const MAX_PEM: usize = 16_384;

const BEGIN: &str = "-----BEGIN PRIVATE KEY-----";
const END: &str = "-----END PRIVATE KEY-----";

/// Why a private key is refused. The messages repeat nothing of it.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
#[non_exhaustive]
pub enum PrivateKeyFault {
    /// It is no RSA key in PKCS#8, or of a size that is not taken.
    #[error("the private key is no RSA key of 2048 to 8192 bits in PKCS#8")]
    Key,
    /// It is not one block of PEM that holds a private key.
    #[error("the private key is not in PEM, or not an unencrypted key in PKCS#8")]
    Pem,
}

/// A private key. It never prints, and is wiped when dropped.
#[derive(Clone)]
pub struct PrivateKey(Zeroizing<Vec<u8>>);

impl PrivateKey {
    /// Reads a key in PEM.
    ///
    /// # Errors
    /// [`PrivateKeyFault`].
    pub fn from_pem(pem: &str) -> Result<Self, PrivateKeyFault> {
        if pem.len() > MAX_PEM {
            return Err(PrivateKeyFault::Pem);
        }
        let block = pem.trim().strip_prefix(BEGIN).and_then(|rest| rest.strip_suffix(END));
        let block = block.ok_or(PrivateKeyFault::Pem)?;
        // As long as it can become, so that no copy is left behind.
        let mut packed = Zeroizing::new(Vec::with_capacity(block.len()));
        packed.extend(block.bytes().filter(|byte| !byte.is_ascii_whitespace()));
        let der = BASE64.decode(&packed).map_err(|_| PrivateKeyFault::Pem)?;
        Self::from_pkcs8(Zeroizing::new(der))
    }

    /// Takes a key in DER.
    ///
    /// # Errors
    /// [`PrivateKeyFault::Key`].
    pub fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Result<Self, PrivateKeyFault> {
        PrivateDecryptingKey::from_pkcs8(&der).map_err(|_| PrivateKeyFault::Key)?;
        Ok(Self(der))
    }

    /// A key that was sealed once it had been read. It is not read anew, which takes as long as to use
    /// it: whoever uses it does that.
    pub fn from_sealed(der: Zeroizing<Vec<u8>>) -> Self {
        Self(der)
    }

    /// The key in DER, to be sealed or used.
    pub fn expose_pkcs8(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use aws_lc_rs::encoding::AsDer;
    use aws_lc_rs::rsa::KeySize;

    use super::*;

    #[test]
    fn keys_are_taken_in_one_form() {
        let made = PrivateDecryptingKey::generate(KeySize::Rsa2048).unwrap();
        let der = AsDer::<aws_lc_rs::encoding::Pkcs8V1Der<'_>>::as_der(&made).unwrap();
        let text = BASE64.encode(der.as_ref());
        let lines: Vec<&str> =
            text.as_bytes().chunks(64).map(|line| std::str::from_utf8(line).unwrap()).collect();
        let pem = format!("{BEGIN}\n{}\n{END}\n", lines.join("\n"));
        let key = PrivateKey::from_pem(&pem).unwrap();
        assert_eq!(key.expose_pkcs8(), der.as_ref());
        assert_eq!(format!("{key:?}"), "PrivateKey(…)");
        assert!(PrivateKey::from_pem(&pem.replace('\n', "\r\n")).is_ok());
        assert!(PrivateKey::from_pem(&format!("\n{}", pem.trim_end())).is_ok());

        let check = |pem: &str, want: PrivateKeyFault| {
            assert_eq!(PrivateKey::from_pem(pem).map(|_| ()), Err(want), "{} bytes", pem.len());
        };
        check("", PrivateKeyFault::Pem);
        check(&text, PrivateKeyFault::Pem);
        check(&format!("{pem}{pem}"), PrivateKeyFault::Pem);
        check(&format!("key:\n{pem}"), PrivateKeyFault::Pem);
        check(&pem.replace(END, ""), PrivateKeyFault::Pem);
        check(&pem.replace("PRIVATE", "ENCRYPTED PRIVATE"), PrivateKeyFault::Pem);
        check(&pem.replace("PRIVATE", "RSA PRIVATE"), PrivateKeyFault::Pem);
        check(&format!("{pem}{}", " ".repeat(MAX_PEM)), PrivateKeyFault::Pem);
        check(&format!("{BEGIN}\n{END}"), PrivateKeyFault::Key);
        check(&format!("{BEGIN}\nAAAA\n{END}"), PrivateKeyFault::Key);
        check(&format!("{BEGIN}\nAAA\n{END}"), PrivateKeyFault::Pem);
        // A certificate's key, or half of a key.
        let half = BASE64.encode(&der.as_ref()[..der.as_ref().len() / 2]);
        check(&format!("{BEGIN}\n{half}\n{END}"), PrivateKeyFault::Key);
    }
}
