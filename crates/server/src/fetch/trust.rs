//! Whose certificates are believed: those that come from an authority that is known, to everybody or
//! to a provider, and those under an authority of which a provider has the thumbprint.
//!
//! RFC 5280, as rustls and webpki check it. AWS's rule on thumbprints is that of the IAM user guide,
//! page "Obtain the thumbprint for an OpenID Connect identity provider": they count only where no
//! known authority does, and not at all where an operator has given a provider authorities. A
//! certificate that is believed by its thumbprint must be an authority's, hold
//! now, and the chain must verify up to it; that of the server itself is none.
//!
//! The file of the authorities is read again when it has changed, as the server's own certificate is
//! (module `tls`); one that cannot be used leaves the old authorities in place.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};
use daypass_api::{Clock, FetchFault, FetchWanted};
use daypass_federation::authorities::Authorities;
use daypass_names::Thumbprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::CryptoProvider;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, TrustAnchor, UnixTime};
use rustls::time_provider::TimeProvider;
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, OtherError, RootCertStore,
    SignatureScheme,
};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::watched_file::WatchedFile;

/// The longest file of authorities that is read, in bytes: Mozilla's have 230 KB.
const MAX_FILE: u64 = 4 << 20;

/// Most certificates of a chain that are looked at for a thumbprint.
const MAX_CHAIN: usize = 10;

/// Whom a server's certificate must come from.
#[derive(Debug)]
pub(super) struct Trust {
    file: Option<WatchedFile>,
    known: ArcSwap<Known>,
    /// Another number whenever an authority is believed no longer.
    generation: AtomicU64,
    crypto: Arc<CryptoProvider>,
    time: Arc<ClockTime>,
}

/// The authorities that are known to everybody.
#[derive(Debug)]
struct Known {
    anchors: Vec<TrustAnchor<'static>>,
    verifier: Arc<WebPkiServerVerifier>,
}

impl Known {
    fn new(roots: RootCertStore, crypto: &Arc<CryptoProvider>) -> Result<Self, TrustFault> {
        let anchors = roots.roots.clone();
        let verifier = verifier(roots, crypto).map_err(TrustFault::Verifier)?;
        Ok(Self { anchors, verifier })
    }
}

/// Why the file of the authorities cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum TrustFault {
    /// It cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It holds no certificate, or one that cannot be read.
    #[error("`{}` holds no certificates in PEM that can be used", path.display())]
    Pem {
        /// The file.
        path: PathBuf,
    },
    /// A mistake of ours.
    #[error("the authorities cannot be used: {0}")]
    Verifier(String),
}

impl Trust {
    /// Trust in the authorities of a file, or in Mozilla's.
    pub(super) fn new(file: Option<&Path>, clock: Arc<dyn Clock>) -> Result<Self, TrustFault> {
        let file = file.map(|path| WatchedFile::new(path.to_owned(), MAX_FILE));
        let roots = match &file {
            // A file that nobody has looked at yet has changed.
            Some(file) => changed(file)?.unwrap_or_else(RootCertStore::empty),
            None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        };
        let crypto = Arc::new(default_provider());
        Ok(Self {
            file,
            known: ArcSwap::from_pointee(Known::new(roots, &crypto)?),
            generation: AtomicU64::new(0),
            crypto,
            time: Arc::new(ClockTime(clock)),
        })
    }

    /// Where the authorities come from, unless they are Mozilla's.
    pub(super) fn file(&self) -> Option<&Path> {
        self.file.as_ref().map(WatchedFile::path)
    }

    /// Another number whenever an authority that was known is so no longer: what was believed by it
    /// is not to be believed any more.
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Looks at the file again; true when others are believed now.
    pub(super) fn reload(&self) -> Result<bool, TrustFault> {
        let roots = self.file.as_ref().map(changed).transpose()?.flatten();
        let Some(roots) = roots else { return Ok(false) };
        let new = Arc::new(Known::new(roots, &self.crypto)?);
        let old = self.known.swap(Arc::clone(&new));
        // SECURITY: only once nobody is believed any more by the old ones.
        if old.anchors.iter().any(|anchor| !new.anchors.contains(anchor)) {
            self.generation.fetch_add(1, Ordering::Release);
        }
        Ok(true)
    }

    /// What speaks TLS for one fetch. Nothing of it is kept for the next one.
    pub(super) fn client(
        &self,
        host: &str,
        wanted: &FetchWanted,
    ) -> Result<Arc<ClientConfig>, FetchFault> {
        let refused = |cause: String| FetchFault::Certificate { host: host.to_owned(), cause };
        let known = match &wanted.authorities {
            None => Arc::clone(&self.known.load().verifier),
            Some(own) => verifier(roots_of(own), &self.crypto).map_err(refused)?,
        };
        let chain = Chain {
            known,
            // SECURITY: whoever may change thumbprints in an account does not get around the
            // authorities that the operator gave.
            thumbprints: match wanted.authorities {
                None => wanted.thumbprints.clone(),
                Some(_) => Vec::new(),
            },
            crypto: Arc::clone(&self.crypto),
        };
        let (crypto, time) = (Arc::clone(&self.crypto), Arc::clone(&self.time));
        let mut config = ClientConfig::builder_with_details(crypto, time)
            .with_safe_default_protocol_versions()
            .map_err(|error| refused(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(chain))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Arc::new(config))
    }
}

/// What a handshake that failed says.
pub(super) fn fault(host: &str, error: &io::Error) -> FetchFault {
    let host = host.to_owned();
    let cause = error.to_string();
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match tls {
        Some(rustls::Error::InvalidCertificate(CertificateError::Other(OtherError(other))))
            if other.is::<NoThumbprint>() =>
        {
            FetchFault::Thumbprint { host }
        }
        Some(rustls::Error::InvalidCertificate(_)) => FetchFault::Certificate { host, cause },
        Some(_) | None => FetchFault::Protocol { host, cause },
    }
}

/// The authorities of the file, if it has changed.
fn changed(file: &WatchedFile) -> Result<Option<RootCertStore>, TrustFault> {
    let path = file.path();
    let unreadable = |cause| TrustFault::Unreadable { path: path.to_owned(), cause };
    let bytes = file.changed().map_err(unreadable)?;
    bytes.map(|bytes| roots_in(&bytes, path)).transpose()
}

fn roots_in(bytes: &[u8], path: &Path) -> Result<RootCertStore, TrustFault> {
    let unusable = || TrustFault::Pem { path: path.to_owned() };
    let certificates = CertificateDer::pem_slice_iter(bytes).collect::<Result<Vec<_>, _>>();
    let mut roots = RootCertStore::empty();
    let (added, skipped) = roots.add_parsable_certificates(certificates.map_err(|_| unusable())?);
    if added == 0 {
        return Err(unusable());
    }
    if skipped > 0 {
        // As in the bundles of some systems.
        tracing::warn!(skipped, "certificates of `{}` cannot be used", path.display());
    }
    Ok(roots)
}

fn roots_of(authorities: &Authorities) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    let certificates = authorities.iter().map(|one| CertificateDer::from(one.der().to_vec()));
    // Without any, nothing is believed.
    roots.add_parsable_certificates(certificates);
    roots
}

fn verifier(
    roots: RootCertStore,
    crypto: &Arc<CryptoProvider>,
) -> Result<Arc<WebPkiServerVerifier>, String> {
    let builder = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(crypto));
    builder.build().map_err(|error| error.to_string())
}

/// Believes a chain by its end, or by a thumbprint in it.
#[derive(Debug)]
struct Chain {
    known: Arc<WebPkiServerVerifier>,
    thumbprints: Vec<Thumbprint>,
    crypto: Arc<CryptoProvider>,
}

impl Chain {
    fn has_thumbprint(&self, certificate: &CertificateDer<'_>) -> bool {
        let digest = digest(&SHA1_FOR_LEGACY_USE_ONLY, certificate);
        self.thumbprints.iter().any(|own| own.as_bytes().as_slice() == digest.as_ref())
    }

    /// Verifies up to a certificate that is believed by its thumbprint; nothing when none is.
    fn verify_to_thumbprint(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Option<Result<ServerCertVerified, rustls::Error>> {
        let is_known = |certificate: &&CertificateDer<'_>| {
            self.has_thumbprint(certificate) && is_authority(certificate, now)
        };
        let verify = |authority: &CertificateDer<'_>| {
            let mut roots = RootCertStore::empty();
            roots.add(authority.clone().into_owned())?;
            let verifier = verifier(roots, &self.crypto).map_err(rustls::Error::General)?;
            verifier.verify_server_cert(leaf, chain, name, ocsp, now)
        };
        let mut last = None;
        for authority in chain.iter().take(MAX_CHAIN).filter(is_known) {
            let verified = verify(authority);
            if verified.is_ok() {
                return Some(verified);
            }
            last = Some(verified);
        }
        last
    }
}

impl ServerCertVerifier for Chain {
    fn verify_server_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let known = self.known.verify_server_cert(leaf, chain, name, ocsp, now);
        if known.is_ok() || self.thumbprints.is_empty() {
            return known;
        }
        // All is verified once more: what has expired, or is for another name, no thumbprint mends.
        match (self.verify_to_thumbprint(leaf, chain, name, ocsp, now), known) {
            (Some(Ok(verified)), _) => Ok(verified),
            (pinned, Err(rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer))) => {
                pinned.unwrap_or_else(|| {
                    Err(CertificateError::Other(OtherError(Arc::new(NoThumbprint))).into())
                })
            }
            // As when it names a known authority that has not certified it.
            (_, known) => known,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.known.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.known.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.known.supported_verify_schemes()
    }
}

/// Whether a certificate is one of an authority and holds now, neither of which is asked of what is
/// trusted from the start.
fn is_authority(certificate: &CertificateDer<'_>, now: UnixTime) -> bool {
    let Ok((_, certificate)) = X509Certificate::from_der(certificate) else { return false };
    let Ok(now) = i64::try_from(now.as_secs()) else { return false };
    let validity = certificate.validity();
    let is_authority = matches!(
        certificate.basic_constraints(),
        Ok(Some(constraints)) if constraints.value.ca
    );
    let may_sign = match certificate.key_usage() {
        Ok(Some(usage)) => usage.value.key_cert_sign(),
        Ok(None) => true,
        Err(_) => false,
    };
    is_authority
        && may_sign
        && (validity.not_before.timestamp()..=validity.not_after.timestamp()).contains(&now)
}

/// A chain ends in nobody who is known, and has none of the thumbprints.
#[derive(Debug, Error)]
#[error("no certificate of an authority has a thumbprint of the provider")]
struct NoThumbprint;

/// The time of the deployment, for the validity of certificates.
struct ClockTime(Arc<dyn Clock>);

impl TimeProvider for ClockTime {
    fn current_time(&self) -> Option<UnixTime> {
        let seconds = u64::try_from(self.0.now().as_second()).ok()?;
        Some(UnixTime::since_unix_epoch(Duration::from_secs(seconds)))
    }
}

impl fmt::Debug for ClockTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClockTime")
    }
}
