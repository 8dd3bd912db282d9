//! The port for proxies that ask before they let a request through.
//!
//! On this machine it speaks plain HTTP, unless proxies may show certificates; else TLS with the
//! server's own certificate. The services, with their secrets and certificates, and the authorities of
//! those are read again when their files have changed.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use daypass_api::{App, Fault, Received, RequestId};
use daypass_gateway::{ForwardAuth, ToldOrigin};
use http::Response;
use jiff::Timestamp;
use thiserror::Error;
use tokio::net::TcpListener;

use crate::client_authorities::{ClientAuthorities, ClientAuthoritiesFault};
use crate::config::ConfigFault;
use crate::edge::{Answer, Edge};
use crate::forward_auth_settings::{ForwardAuthSettings, ServicesFile};
use crate::health::Health;
use crate::listener::Listener;
use crate::metrics::Metrics;
use crate::proxies::{Origin, Proxies};
use crate::reload::Reload;
use crate::tls::{self, Certificates, TlsFault};

/// The proxies that ask.
#[derive(Debug)]
pub(crate) struct ForwardPort {
    app: Arc<App>,
    forward: ForwardAuth,
    /// Those that may stand between the client and the proxy that asks.
    proxies: Proxies,
}

/// A bound socket for proxies that ask, and the files of it that are read again.
pub(crate) struct ForwardListener {
    listener: Listener<Edge<ForwardPort>>,
    port: Arc<ForwardPort>,
    services: Arc<ServicesFile>,
    authorities: Option<Arc<ClientAuthorities>>,
    /// Where it listens.
    pub(crate) address: SocketAddr,
}

/// What a deployment lends the listener.
pub(crate) struct Lent {
    pub(crate) app: Arc<App>,
    pub(crate) proxies: Proxies,
    pub(crate) certificates: Option<Arc<Certificates>>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
}

impl ForwardListener {
    /// Binds the socket.
    pub(crate) async fn bind(
        settings: ForwardAuthSettings,
        lent: Lent,
    ) -> Result<Self, ForwardAuthFault> {
        let is_tls = settings.is_tls();
        let ForwardAuthSettings { listen, services, services_file, client_authorities } = settings;
        let bind = |cause| ForwardAuthFault::Bind { address: listen, cause };
        let authorities = client_authorities.map(ClientAuthorities::load).transpose()?;
        let tls = lent.certificates.filter(|_| is_tls);
        let tls = tls.map(|own| tls::server_config(own, authorities.clone())).transpose()?;
        let socket = TcpListener::bind(listen).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;
        let forward = ForwardAuth::new(Arc::clone(&lent.app), services);
        let port = Arc::new(ForwardPort { app: lent.app, forward, proxies: lent.proxies });
        // Nobody's word counts here before a proxy has proven itself.
        let edge = Edge::new(Arc::clone(&port), Proxies::default());
        let edge = Arc::new(edge.observed(lent.metrics, lent.health));
        let listener = Listener { socket, tls, service: edge };
        Ok(Self { listener, port, services: Arc::new(services_file), authorities, address })
    }

    /// The URL at which proxies ask.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.listener.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// The files that are read again when they have changed.
    pub(crate) fn reloads(&self) -> Vec<Reload> {
        let (port, services) = (Arc::clone(&self.port), Arc::clone(&self.services));
        let services = Reload::new("services whose proxies ask", move || {
            let changed = services.changed()?;
            let is_changed = changed.is_some();
            changed.into_iter().for_each(|services| port.forward.replace_services(services));
            Ok::<_, ConfigFault>(is_changed)
        });
        let authorities = self.authorities.clone().map(|authorities| {
            Reload::new("authorities of the certificates of proxies", move || authorities.reload())
        });
        [Some(services), authorities].into_iter().flatten().collect()
    }

    /// Serves until `shutdown` is done, then lets what is under way finish.
    pub(crate) async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        self.listener.serve_until(shutdown).await;
    }
}

/// Why proxies cannot ask.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ForwardAuthFault {
    /// The socket.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The authorities of the certificates of proxies.
    #[error(transparent)]
    Authorities(#[from] ClientAuthoritiesFault),
    /// The server's own certificate.
    #[error(transparent)]
    Tls(#[from] TlsFault),
}

impl Answer for ForwardPort {
    fn request_id(&self) -> RequestId {
        self.app.request_id()
    }

    fn now(&self) -> Timestamp {
        self.app.clock().now()
    }

    async fn handle(&self, received: Received, peer: Origin) -> Response<Bytes> {
        let told = self
            .proxies
            .told(&received.headers)
            .map(|origin| ToldOrigin { address: origin.address, tls: origin.tls });
        let told = told.map_err(|fault| fault.to_string());
        self.forward.answer(received, peer.certificate, told).await
    }

    fn refuse(&self, id: &RequestId, fault: &Fault) -> Response<Bytes> {
        self.app.refuse(id, fault)
    }
}
