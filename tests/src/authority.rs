//! A certificate authority of a test's own, and certificates for this machine.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use aws_lc_rs::digest::{SHA1_FOR_LEGACY_USE_ONLY, SHA256, digest};
use data_encoding::HEXLOWER;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    date_time_ymd,
};
use rustls::client::WantsClientCert;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, ConfigBuilder, RootCertStore, ServerConfig, SupportedProtocolVersion};

/// The versions that this machine's servers and clients speak.
const VERSIONS: &[&SupportedProtocolVersion] = &[&rustls::version::TLS13, &rustls::version::TLS12];

/// A certificate authority.
#[derive(Debug)]
pub struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    der: CertificateDer<'static>,
}

/// A certificate and its key, both in PEM.
#[derive(Clone, Debug)]
pub struct Identity {
    /// The certificate.
    pub certificate: String,
    /// The private key.
    pub key: String,
    /// The SHA-256 of the certificate, in hexadecimal digits.
    pub sha256: String,
}

impl Identity {
    /// What a client shows the certificate with, who trusts this authority.
    #[track_caller]
    pub fn client(&self, trusted: &Authority) -> Arc<ClientConfig> {
        let key = match PrivateKeyDer::from_pem_slice(self.key.as_bytes()) {
            Ok(key) => key,
            Err(error) => panic!("this is no key: {error}"),
        };
        let chain = vec![parsed(&self.certificate)];
        match trusted.trusting().and_then(|config| config.with_client_auth_cert(chain, key)) {
            Ok(config) => Arc::new(config),
            Err(error) => panic!("cannot speak TLS: {error}"),
        }
    }
}

impl Authority {
    /// A new one, which nobody trusts yet.
    #[track_caller]
    pub fn new() -> Self {
        match Self::make() {
            Ok(authority) => authority,
            Err(error) => panic!("cannot make an authority: {error}"),
        }
    }

    fn make() -> Result<Self, rcgen::Error> {
        let key = KeyPair::generate()?;
        let mut params = CertificateParams::new(Vec::new())?;
        // Named, or it would have the leaf's own name and make that look self-signed; and not like
        // any other, for which it would be taken.
        let own = HEXLOWER.encode(key.public_key_raw().get(..9).unwrap_or_default());
        params.distinguished_name.push(DnType::CommonName, format!("Daypass test {own}"));
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let certificate = params.self_signed(&key)?;
        let (pem, der) = (certificate.pem(), certificate.der().clone());
        Ok(Self { issuer: Issuer::new(params, key), pem, der })
    }

    /// Its certificate, in PEM.
    pub fn pem(&self) -> &str {
        &self.pem
    }

    /// The SHA-1 of its certificate, as providers in IAM have it.
    pub fn thumbprint(&self) -> String {
        HEXLOWER.encode(digest(&SHA1_FOR_LEGACY_USE_ONLY, &self.der).as_ref())
    }

    /// Its certificate, in DER.
    pub fn der(&self) -> &CertificateDer<'static> {
        &self.der
    }

    /// A certificate for this machine and its key, both in PEM.
    #[track_caller]
    pub fn leaf(&self) -> (String, String) {
        self.leaf_for(&["localhost", "127.0.0.1"])
    }

    #[track_caller]
    fn leaf_for(&self, names: &[&str]) -> (String, String) {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new(names)?;
            params.use_authority_key_identifier_extension = true;
            Ok((params.signed_by(&key, &self.issuer)?.pem(), key.serialize_pem()))
        });
        match made {
            Ok(leaf) => leaf,
            Err(error) => panic!("cannot issue a certificate: {error}"),
        }
    }

    /// A certificate for this use, good until that year.
    #[track_caller]
    pub fn identity(&self, purpose: ExtendedKeyUsagePurpose, until: i32) -> Identity {
        let made = KeyPair::generate().and_then(|key| {
            let mut params = CertificateParams::new(vec!["proxy.example.com".to_owned()])?;
            params.extended_key_usages = vec![purpose];
            params.use_authority_key_identifier_extension = true;
            params.not_before = date_time_ymd(2020, 1, 1);
            params.not_after = date_time_ymd(until, 1, 1);
            let certificate = params.signed_by(&key, &self.issuer)?;
            let sha256 = HEXLOWER.encode(digest(&SHA256, certificate.der()).as_ref());
            Ok(Identity { certificate: certificate.pem(), key: key.serialize_pem(), sha256 })
        });
        match made {
            Ok(identity) => identity,
            Err(error) => panic!("cannot issue a certificate: {error}"),
        }
    }

    /// Writes a certificate for this machine and its key, and returns the certificate.
    #[track_caller]
    pub fn issue(&self, certificate: &Path, key: &Path) -> CertificateDer<'static> {
        let (leaf, leaf_key) = self.leaf();
        for (path, text) in [(certificate, &leaf), (key, &leaf_key)] {
            if let Err(error) = fs::write(path, text) {
                panic!("cannot write `{}`: {error}", path.display());
            }
        }
        parsed(&leaf)
    }

    /// A client who trusts this authority, and shows no certificate.
    #[track_caller]
    pub fn client(&self) -> Arc<ClientConfig> {
        match self.trusting() {
            Ok(config) => Arc::new(config.with_no_client_auth()),
            Err(error) => panic!("cannot speak TLS: {error}"),
        }
    }

    fn trusting(&self) -> Result<ConfigBuilder<ClientConfig, WantsClientCert>, rustls::Error> {
        let mut roots = RootCertStore::empty();
        roots.add(self.der.clone())?;
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = ClientConfig::builder_with_provider(provider);
        Ok(config.with_protocol_versions(VERSIONS)?.with_root_certificates(roots))
    }

    /// What a server needs to show a new certificate for this machine, and the authority's behind it.
    #[track_caller]
    pub fn server(&self) -> Arc<ServerConfig> {
        self.shown(self.leaf())
    }

    /// The same with a certificate for another name.
    #[track_caller]
    pub fn server_for(&self, name: &str) -> Arc<ServerConfig> {
        self.shown(self.leaf_for(&[name]))
    }

    #[track_caller]
    fn shown(&self, (leaf, key): (String, String)) -> Arc<ServerConfig> {
        let chain = vec![parsed(&leaf), self.der.clone()];
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = PrivateKeyDer::from_pem_slice(key.as_bytes())
            .map_err(|error| error.to_string())
            .and_then(|key| {
                ServerConfig::builder_with_provider(provider)
                    .with_protocol_versions(VERSIONS)
                    .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
                    .map_err(|error| error.to_string())
            });
        match config {
            Ok(config) => Arc::new(config),
            Err(error) => panic!("cannot serve TLS: {error}"),
        }
    }
}

impl Default for Authority {
    fn default() -> Self {
        Self::new()
    }
}

#[track_caller]
fn parsed(pem: &str) -> CertificateDer<'static> {
    match CertificateDer::from_pem_slice(pem.as_bytes()) {
        Ok(certificate) => certificate,
        Err(error) => panic!("this is no certificate: {error}"),
    }
}
