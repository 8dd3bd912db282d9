//! The server's TLS identity: TLS 1.2 and 1.3 (RFC 5246, RFC 8446) through rustls, with a
//! certificate that is replaced without a restart.
//!
//! New connections take the certificate from a slot. The slot is filled again when the files'
//! contents have changed; files that cannot be read or do not fit each other are reported and
//! leave the old certificate in place.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{self, SHA256};
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use thiserror::Error;
use zeroize::Zeroizing;

use crate::client_authorities::ClientAuthorities;
use crate::config::TlsFiles;

/// The longest PEM file that is read, in bytes: a chain of ten certificates has less than 64 KiB.
const PEM_MAX: u64 = 1 << 20;

/// The protocols that are offered (RFC 7301), the better one first.
const ALPN: [&[u8]; 2] = [b"h2", b"http/1.1"];

/// The certificate that new connections get.
#[derive(Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    slot: ArcSwap<CertifiedKey>,
    /// The contents of the last attempt, so that unchanged files are not loaded again and a bad
    /// certificate is reported once.
    seen: Mutex<Fingerprint>,
}

/// The SHA-256 of certificate and key file.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
struct Fingerprint([u8; 32]);

impl Certificates {
    /// Loads the files.
    pub(crate) fn load(files: TlsFiles) -> Result<Arc<Self>, TlsFault> {
        let pem = Pem::read(&files)?;
        let slot = ArcSwap::from_pointee(pem.parse(&files)?);
        warn_when_readable_by_all(&files.key);
        Ok(Arc::new(Self { files, slot, seen: Mutex::new(pem.fingerprint) }))
    }

    /// Looks at the files again; true when a new certificate is in place. A failure leaves the
    /// old one there, and is not reported again until the contents change.
    pub(crate) fn reload(&self) -> Result<bool, TlsFault> {
        let pem = Pem::read(&self.files)?;
        {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            if *seen == pem.fingerprint {
                return Ok(false);
            }
            *seen = pem.fingerprint;
        }
        self.slot.store(Arc::new(pem.parse(&self.files)?));
        warn_when_readable_by_all(&self.files.key);
        Ok(true)
    }
}

impl ResolvesServerCert for Certificates {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.slot.load_full())
    }
}

/// What a listener speaks TLS with. Clients may show certificates of these authorities, if there are
/// any.
pub(crate) fn server_config(
    certificates: Arc<Certificates>,
    clients: Option<Arc<ClientAuthorities>>,
) -> Result<Arc<ServerConfig>, TlsFault> {
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(TlsFault::Provider)?;
    let takes_certificates = clients.is_some();
    let mut config = match clients {
        None => builder.with_no_client_auth(),
        Some(clients) => builder.with_client_cert_verifier(clients),
    }
    .with_cert_resolver(certificates);
    if takes_certificates {
        // SECURITY: a session that is resumed brings the certificate of the first connection, which
        // nobody would verify again.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.send_tls13_tickets = 0;
    }
    config.alpn_protocols = ALPN.iter().map(|name| name.to_vec()).collect();
    Ok(Arc::new(config))
}

/// The bytes of both files.
struct Pem {
    certificate: Vec<u8>,
    key: Zeroizing<Vec<u8>>,
    fingerprint: Fingerprint,
}

impl Pem {
    fn read(files: &TlsFiles) -> Result<Self, TlsFault> {
        let certificate = read(&files.certificate)?;
        let key = Zeroizing::new(read(&files.key)?);
        let mut both = digest::Context::new(&SHA256);
        both.update(digest::digest(&SHA256, &certificate).as_ref());
        both.update(digest::digest(&SHA256, &key).as_ref());
        let mut fingerprint = [0; 32];
        // INVARIANT: a SHA-256 has 32 bytes.
        fingerprint.iter_mut().zip(both.finish().as_ref()).for_each(|(to, from)| *to = *from);
        Ok(Self { certificate, key, fingerprint: Fingerprint(fingerprint) })
    }

    fn parse(&self, files: &TlsFiles) -> Result<CertifiedKey, TlsFault> {
        let unreadable = |path: &Path, what| TlsFault::Pem { path: path.to_owned(), what };
        let chain = CertificateDer::pem_slice_iter(&self.certificate)
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|chain| !chain.is_empty())
            .ok_or_else(|| unreadable(&files.certificate, "certificate"))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key)
            .map_err(|_| unreadable(&files.key, "private key"))?;
        CertifiedKey::from_der(chain, key, &default_provider()).map_err(|cause| TlsFault::Unfit {
            certificate: files.certificate.clone(),
            key: files.key.clone(),
            cause,
        })
    }
}

impl fmt::Debug for Pem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Pem(…)")
    }
}

fn read(path: &Path) -> Result<Vec<u8>, TlsFault> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(PEM_MAX).read_to_end(&mut bytes))
        .map_err(|cause| TlsFault::Unreadable { path: path.to_owned(), cause })?;
    Ok(bytes)
}

fn warn_when_readable_by_all(key: &Path) {
    let mode = fs::metadata(key).map(|file| file.permissions().mode());
    if mode.is_ok_and(|mode| mode & 0o004 != 0) {
        tracing::warn!(
            "every user of this machine can read the private key `{}`: run `chmod o-r` on it",
            key.display()
        );
    }
}

/// Why the server has no TLS identity, or keeps its old one.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TlsFault {
    /// A file cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A file does not hold what it should.
    #[error("`{}` holds no {what} in PEM", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
        /// What it should hold.
        what: &'static str,
    },
    /// Certificate and key cannot be used, or not together.
    #[error(
        "certificate `{}` and key `{}` cannot be used together: {cause}",
        certificate.display(), key.display()
    )]
    Unfit {
        /// The certificate file.
        certificate: PathBuf,
        /// The key file.
        key: PathBuf,
        /// What the TLS library said.
        cause: rustls::Error,
    },
    /// The cryptographic provider lacks what TLS needs.
    #[error("TLS cannot be set up: {0}")]
    Provider(rustls::Error),
}

#[cfg(test)]
mod tests {
    use rcgen::{CertifiedKey as Made, generate_simple_self_signed};
    use tempfile::TempDir;

    use super::*;

    struct Identity {
        certificate: String,
        key: String,
        der: Vec<u8>,
    }

    fn identity() -> Identity {
        let Made { cert, signing_key } =
            generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        Identity {
            certificate: cert.pem(),
            key: signing_key.serialize_pem(),
            der: cert.der().to_vec(),
        }
    }

    fn files(folder: &TempDir) -> TlsFiles {
        TlsFiles { certificate: folder.path().join("cert.pem"), key: folder.path().join("key.pem") }
    }

    fn put(files: &TlsFiles, certificate: &str, key: &str) {
        fs::write(&files.certificate, certificate).unwrap();
        fs::write(&files.key, key).unwrap();
    }

    fn served(certificates: &Certificates) -> Vec<u8> {
        certificates.slot.load().cert[0].to_vec()
    }

    #[test]
    fn new_files_take_effect_and_bad_ones_do_not() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        let (old, new) = (identity(), identity());
        put(&files, &old.certificate, &old.key);
        let certificates = Certificates::load(files.clone()).unwrap();
        assert_eq!(served(&certificates), old.der);
        assert!(!certificates.reload().unwrap(), "nothing has changed");

        // Half of the new pair is there: the old one stays, and is complained about once.
        put(&files, &new.certificate, &old.key);
        assert!(matches!(certificates.reload(), Err(TlsFault::Unfit { .. })));
        assert!(!certificates.reload().unwrap());
        assert_eq!(served(&certificates), old.der);

        put(&files, "rubbish", &new.key);
        assert!(matches!(certificates.reload(), Err(TlsFault::Pem { what: "certificate", .. })));
        put(&files, &new.certificate, "");
        assert!(matches!(certificates.reload(), Err(TlsFault::Pem { what: "private key", .. })));
        fs::remove_file(&files.key).unwrap();
        assert!(matches!(certificates.reload(), Err(TlsFault::Unreadable { .. })));
        assert_eq!(served(&certificates), old.der);

        put(&files, &new.certificate, &new.key);
        assert!(certificates.reload().unwrap());
        assert_eq!(served(&certificates), new.der);
        // And back, which is a change again.
        put(&files, &old.certificate, &old.key);
        assert!(certificates.reload().unwrap());
        assert_eq!(served(&certificates), old.der);
    }

    #[test]
    fn a_server_does_not_start_with_files_that_do_not_fit() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        assert!(matches!(Certificates::load(files.clone()), Err(TlsFault::Unreadable { .. })));
        let (one, two) = (identity(), identity());
        put(&files, &one.certificate, &two.key);
        assert!(matches!(Certificates::load(files.clone()), Err(TlsFault::Unfit { .. })));
        put(&files, &one.key, &one.certificate);
        assert!(matches!(Certificates::load(files), Err(TlsFault::Pem { .. })));
    }

    #[test]
    fn both_protocols_are_offered() {
        let folder = tempfile::tempdir().unwrap();
        let files = files(&folder);
        let one = identity();
        put(&files, &one.certificate, &one.key);
        let config = server_config(Certificates::load(files).unwrap(), None).unwrap();
        assert_eq!(config.alpn_protocols, [b"h2".to_vec(), b"http/1.1".to_vec()]);
    }
}
