//! Whose certificates clients may show, on a listener that takes any: RFC 5280, as rustls and webpki
//! check it, up to an authority of a file that the operator names and for the use as a client.
//!
//! Nobody must show one. What is shown and does not verify (expired, not yet good, of another
//! authority, for servers only) ends the handshake. Who somebody is follows from no name in a
//! certificate: that is for whoever knows it by its SHA-256. Revocation lists are not looked at.
//!
//! The file is read again when it has changed; one that cannot be used leaves the old authorities in
//! place.

use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use arc_swap::ArcSwap;
use aws_lc_rs::digest::{SHA256, digest};
use daypass_federation::authorities::{Authorities, AuthoritiesFault, MAX_AUTHORITIES_TEXT};
use daypass_gateway::ClientCertificate;
use jiff::Timestamp;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{DigitallySignedStruct, DistinguishedName, RootCertStore, SignatureScheme};
use thiserror::Error;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::watched_file::WatchedFile;

/// The longest file that is read, in bytes: what is longer than the certificates may be holds text
/// between them.
const FILE_MAX: u64 = 4 * MAX_AUTHORITIES_TEXT as u64;

/// The authorities that certificates of clients must come from.
#[derive(Debug)]
pub(crate) struct ClientAuthorities {
    file: WatchedFile,
    verifier: ArcSwap<Verifier>,
}

#[derive(Debug)]
struct Verifier(Arc<dyn ClientCertVerifier>);

impl ClientAuthorities {
    /// Reads the file.
    pub(crate) fn load(path: PathBuf) -> Result<Arc<Self>, ClientAuthoritiesFault> {
        let file = WatchedFile::new(path, FILE_MAX);
        let verifier = read(&file)?.ok_or_else(|| fault(&file, "it was read already"))?;
        Ok(Arc::new(Self { file, verifier: ArcSwap::from_pointee(verifier) }))
    }

    /// Looks at the file again; true when others are believed now, on new connections. A failure
    /// leaves the old ones in place, and is not reported again until the contents change.
    pub(crate) fn reload(&self) -> Result<bool, ClientAuthoritiesFault> {
        let Some(verifier) = read(&self.file)? else { return Ok(false) };
        self.verifier.store(Arc::new(verifier));
        Ok(true)
    }
}

/// The certificate that a client has shown, out of a chain that was verified; `None` when it cannot be
/// read here, so that nobody knows until when it holds.
pub(crate) fn shown(certificate: &CertificateDer<'_>) -> Option<ClientCertificate> {
    let (_, parsed) = X509Certificate::from_der(certificate).ok()?;
    // Certificates without an end have the last second of 9999 (RFC 5280, section 4.1.2.5), which is
    // later than any instant here can be.
    let not_after = Timestamp::from_second(parsed.validity().not_after.timestamp());
    let not_after = not_after.unwrap_or(Timestamp::MAX);
    let sha256 = digest(&SHA256, certificate).as_ref().try_into().ok()?;
    Some(ClientCertificate { sha256, not_after })
}

/// What verifies by the file's authorities, if the file has changed.
fn read(file: &WatchedFile) -> Result<Option<Verifier>, ClientAuthoritiesFault> {
    let bytes = file.changed().map_err(|cause| ClientAuthoritiesFault::Unreadable {
        path: file.path().to_owned(),
        cause,
    })?;
    let Some(bytes) = bytes else { return Ok(None) };
    let text = str::from_utf8(&bytes).map_err(|_| fault(file, "it is not text"))?;
    let authorities =
        Authorities::parse(text).map_err(|cause: AuthoritiesFault| fault(file, cause))?;
    let mut roots = RootCertStore::empty();
    for authority in authorities.iter() {
        let certificate = CertificateDer::from(authority.der().to_vec());
        roots.add(certificate).map_err(|cause| fault(file, cause))?;
    }
    let provider = Arc::new(default_provider());
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
        .allow_unauthenticated()
        .build();
    verifier.map(|verifier| Some(Verifier(verifier))).map_err(|cause| fault(file, cause))
}

fn fault(file: &WatchedFile, reason: impl ToString) -> ClientAuthoritiesFault {
    ClientAuthoritiesFault::Unusable { path: file.path().to_owned(), reason: reason.to_string() }
}

impl ClientCertVerifier for ClientAuthorities {
    /// None: the list cannot change with the file, and whoever has a certificate for this listener was
    /// told so.
    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn verify_client_cert(
        &self,
        leaf: &CertificateDer<'_>,
        chain: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, rustls::Error> {
        self.verifier.load().0.verify_client_cert(leaf, chain, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.load().0.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.verifier.load().0.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.verifier.load().0.supported_verify_schemes()
    }
}

/// Why the authorities cannot be used.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ClientAuthoritiesFault {
    /// The file cannot be read.
    #[error("`{}` cannot be read: {cause}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// It does not hold what it should.
    #[error("`{}` cannot be used for the certificates of clients: {reason}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use rcgen::{
        BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose as Purpose, IsCa,
        Issuer, KeyPair, date_time_ymd,
    };

    use super::*;

    struct Authority {
        pem: String,
        issuer: Issuer<'static, KeyPair>,
    }

    fn authority(name: &str) -> Authority {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let pem = params.self_signed(&key).unwrap().pem();
        Authority { pem, issuer: Issuer::new(params, key) }
    }

    /// A certificate for 2030.
    fn leaf(authority: &Authority, purpose: Option<Purpose>) -> CertificateDer<'static> {
        until(2030, authority, purpose)
    }

    /// One until the last second of that year.
    fn until(
        year: i32,
        authority: &Authority,
        purpose: Option<Purpose>,
    ) -> CertificateDer<'static> {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["proxy.example.com".to_owned()]).unwrap();
        params.extended_key_usages = purpose.into_iter().collect();
        params.not_before = date_time_ymd(2030, 1, 1);
        params.not_after = date_time_ymd(year, 12, 31) + Duration::from_secs(24 * 60 * 60 - 1);
        params.signed_by(&key, &authority.issuer).unwrap().der().clone()
    }

    fn at(text: &str) -> UnixTime {
        let at: Timestamp = text.parse().unwrap();
        UnixTime::since_unix_epoch(Duration::from_secs(at.as_second().try_into().unwrap()))
    }

    #[test]
    fn a_certificate_comes_from_the_authority_for_clients_and_holds_now() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let (ours, other) = (authority("ours"), authority("other"));
        fs::write(&path, &ours.pem).unwrap();
        let authorities = ClientAuthorities::load(path.clone()).unwrap();
        let good = leaf(&ours, Some(Purpose::ClientAuth));
        let takes = |leaf: &CertificateDer<'_>, now: &str| {
            authorities.verify_client_cert(leaf, &[], at(now)).is_ok()
        };
        let summer = "2030-07-01T00:00:00Z";
        assert!(takes(&good, summer));
        assert!(takes(&leaf(&ours, None), summer), "a certificate for any use");
        assert!(!takes(&leaf(&ours, Some(Purpose::ServerAuth)), summer));
        assert!(!takes(&leaf(&other, Some(Purpose::ClientAuth)), summer));
        assert!(!takes(&good, "2029-12-31T23:59:59Z"));
        assert!(!takes(&good, "2031-01-01T00:00:01Z"));
        assert!(!authorities.client_auth_mandatory() && authorities.offer_client_auth());

        let endless = until(9999, &ours, None);
        assert!(takes(&endless, summer));
        for (leaf, not_after) in
            [(&good, "2030-12-31T23:59:59Z".parse().unwrap()), (&endless, Timestamp::MAX)]
        {
            let shown = shown(leaf).unwrap();
            assert_eq!(shown.not_after, not_after);
            assert_eq!(shown.sha256, digest(&SHA256, leaf).as_ref());
        }

        // Other authorities take the place of the old ones, what is of no use does not.
        assert!(!authorities.reload().unwrap(), "nothing has changed");
        fs::write(&path, "rubbish").unwrap();
        assert!(authorities.reload().is_err());
        assert!(!authorities.reload().unwrap(), "said once");
        assert!(takes(&good, summer));
        fs::write(&path, &other.pem).unwrap();
        assert!(authorities.reload().unwrap());
        assert!(!takes(&good, summer));
        assert!(takes(&leaf(&other, Some(Purpose::ClientAuth)), summer));
    }

    #[test]
    fn a_file_without_authorities_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let load = || ClientAuthorities::load(path.clone()).map(drop);
        assert!(matches!(load(), Err(ClientAuthoritiesFault::Unreadable { .. })));
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec!["proxy.example.com".to_owned()]).unwrap();
        let own = params.self_signed(&key).unwrap().pem();
        for text in [String::new(), "rubbish".to_owned(), key.serialize_pem(), own] {
            fs::write(&path, text).unwrap();
            assert!(matches!(load(), Err(ClientAuthoritiesFault::Unusable { .. })));
        }
    }
}
