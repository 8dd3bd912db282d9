//! The port of the S3 gateway.

use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;

use daypass_api::App;
use daypass_gateway::{
    BackendSettings, Gateway, GatewaySettings, Observe, Origin as S3Origin, ReplyBody,
};
use http::{Request, Response};
use hyper::body::Incoming;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use thiserror::Error;
use tokio::net::TcpListener;

use crate::config::read_at_most;
use crate::edge::{origin_form, with_host};
use crate::http_service::HttpService;
use crate::listener::Listener;
use crate::proxies::{Origin, Proxies};
use crate::s3_settings::S3Settings;

/// The longest file of authorities that is read, in bytes: Mozilla's have 230 KB.
const AUTHORITIES_MAX: u64 = 4 << 20;

/// What answers S3 clients.
#[derive(Debug)]
pub(crate) struct S3Port {
    gateway: Arc<Gateway>,
    proxies: Proxies,
}

/// A bound socket for S3 clients.
pub(crate) struct S3Listener {
    listener: Listener<S3Port>,
    gateway: Arc<Gateway>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
    /// Where the backend is.
    pub(crate) backend: String,
}

/// What a deployment lends its gateway.
pub(crate) struct Lent {
    pub(crate) app: Arc<App>,
    pub(crate) proxies: Proxies,
    pub(crate) tls: Option<Arc<ServerConfig>>,
    pub(crate) observer: Arc<dyn Observe>,
    pub(crate) region: String,
    pub(crate) strict_audit: bool,
}

impl S3Listener {
    /// Binds the socket.
    pub(crate) async fn bind(settings: S3Settings, lent: Lent) -> Result<Self, S3Fault> {
        let S3Settings { listen, backend, .. } = settings;
        let bind = |cause| S3Fault::Bind { address: listen, cause };
        let socket = TcpListener::bind(listen).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        let url = backend.to_string();
        let tls = match backend.is_tls() {
            true => Some(client_config(settings.authorities.as_deref())?),
            false => None,
        };
        let settings = GatewaySettings {
            domains: settings.domains,
            backend: BackendSettings {
                url: backend,
                region: settings.region,
                credentials: settings.credentials,
                tls,
                private_plain_http: settings.private_plain_http,
                timeout: settings.timeout,
            },
            exact_keys: settings.exact_keys,
            anonymous: settings.anonymous,
            data_events: settings.data_events,
            region: lent.region,
            chunk_memory_mib: settings.chunk_memory_mib,
            strict_audit: lent.strict_audit,
        };
        let gateway = Gateway::new(lent.app, settings, lent.observer);
        let gateway = gateway.map_err(|fault| S3Fault::Backend(fault.to_string()))?;
        let gateway = Arc::new(gateway);
        let service = S3Port { gateway: Arc::clone(&gateway), proxies: lent.proxies };
        let listener = Listener { socket, tls: lent.tls, service: Arc::new(service) };
        Ok(Self { listener, gateway, address, backend: url })
    }

    /// Serves until `shutdown` is done, then lets what is under way finish. Says in the log when the
    /// backend cannot be used as things are, and goes on: it may start later than the gateway.
    pub(crate) async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, gateway, backend, .. } = self;
        let probing = async {
            match gateway.probe().await {
                Ok(()) => tracing::info!(backend, "the backend of the S3 gateway answers"),
                Err(cause) => {
                    tracing::warn!(
                        backend,
                        cause,
                        "the backend of the S3 gateway is of no use yet"
                    );
                }
            }
            std::future::pending::<()>().await;
        };
        tokio::select! {
            () = probing => {}
            () = listener.serve_until(shutdown) => {}
        }
    }
}

/// How TLS is spoken with a backend: with the authorities of a file, or with Mozilla's.
fn client_config(authorities: Option<&Path>) -> Result<Arc<ClientConfig>, S3Fault> {
    let roots = match authorities {
        None => RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() },
        Some(path) => {
            let unusable =
                |cause: String| S3Fault::Authorities { path: path.display().to_string(), cause };
            let bytes = read_at_most(path, AUTHORITIES_MAX);
            let bytes = bytes.map_err(|error| unusable(error.to_string()))?;
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(&bytes) {
                let added =
                    certificate.map_err(|error| error.to_string()).and_then(|certificate| {
                        roots.add(certificate).map_err(|error| error.to_string())
                    });
                added.map_err(unusable)?;
            }
            if roots.is_empty() {
                return Err(unusable("it holds no certificate in PEM".to_owned()));
            }
            roots
        }
    };
    let mut config = ClientConfig::builder_with_provider(Arc::new(default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| S3Fault::Backend(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}

/// Why there is no gateway.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum S3Fault {
    /// The socket.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: std::io::Error,
    },
    /// The file of the authorities.
    #[error("`{path}` cannot be used for the backend's certificate: {cause}")]
    Authorities {
        /// The file.
        path: String,
        /// What is wrong.
        cause: String,
    },
    /// The backend.
    #[error("the backend of the S3 gateway: {0}")]
    Backend(String),
}

impl HttpService for S3Port {
    type Body = ReplyBody;

    const STREAMS: bool = true;

    async fn answer(&self, peer: Origin, request: Request<Incoming>) -> Response<ReplyBody> {
        let (mut head, body) = request.into_parts();
        let origin = match self.proxies.origin(peer, &head.headers) {
            Ok(origin) => origin,
            Err(fault) => {
                let cause = format!("{fault}, sent by the trusted proxy {}", peer.address);
                return self.gateway.refuse_origin(Request::from_parts(head, body), cause);
            }
        };
        let origin = S3Origin {
            address: origin.address,
            is_shared: self.proxies.stands_for_many(peer.address, &head.headers),
            tls: origin.tls,
        };
        head.headers = with_host(head.headers, head.version, &head.uri);
        head.uri = origin_form(head.uri);
        // In its own place: the connection moves the future that it drives several times.
        Box::pin(self.gateway.answer(origin, Request::from_parts(head, body))).await
    }

    fn admits_cleartext(&self, address: IpAddr) -> bool {
        self.proxies.admits_cleartext(address)
    }

    fn is_proxy(&self, address: IpAddr) -> bool {
        self.proxies.trusts(address)
    }

    async fn settled(&self) {
        self.gateway.settled().await;
    }

    fn under_way(&self) -> usize {
        self.gateway.under_way()
    }
}
