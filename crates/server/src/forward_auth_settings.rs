//! The settings of the listener for proxies that ask before they let a request through.

use std::net::SocketAddr;
use std::path::PathBuf;

use daypass_gateway::ForwardServices;

use crate::config::{
    CONFIG_FILE_MAX, ConfigFault, Layer, first_bad_line, is_loopback, parse_address,
    readable_by_others,
};
use crate::watched_file::WatchedFile;

const LISTEN: &str = "forward_auth_listen";
const SERVICES: &str = "forward_auth_services";
const CLIENT_CA: &str = "forward_auth_client_ca";

/// The listener for proxies that ask before they let a request through.
#[derive(Debug)]
pub struct ForwardAuthSettings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// The services whose proxies may ask.
    pub services: ForwardServices,
    /// Where those are read from, now and again.
    pub(crate) services_file: ServicesFile,
    /// PEM file with the authorities of the certificates that proxies may show.
    pub client_authorities: Option<PathBuf>,
}

/// The file of the services.
#[derive(Debug)]
pub(crate) struct ServicesFile {
    file: WatchedFile,
    /// Whether the listener verifies certificates.
    takes_certificates: bool,
}

impl ForwardAuthSettings {
    /// Takes the settings out of a layer: both address and services or none, since an address without
    /// secrets would let nobody in, and secrets without an address are for nothing. Beside them is the
    /// file of the secrets, when others can read it.
    pub(crate) fn take(layer: &mut Layer) -> Result<Option<(Self, Option<PathBuf>)>, ConfigFault> {
        let client_authorities = layer.forward_auth_client_ca.take();
        let given = (layer.forward_auth_listen.take(), layer.forward_auth_services.take());
        let (listen, path) = match given {
            (Some(listen), Some(path)) => (listen, path),
            (Some(_), None) => {
                return Err(ConfigFault::Half { has: LISTEN, lacks: "`forward_auth_services`" });
            }
            (None, Some(_)) => {
                return Err(ConfigFault::Half { has: SERVICES, lacks: "`forward_auth_listen`" });
            }
            (None, None) if client_authorities.is_some() => {
                return Err(ConfigFault::Half { has: CLIENT_CA, lacks: "`forward_auth_listen`" });
            }
            (None, None) => return Ok(None),
        };
        let listen = parse_address(LISTEN, "127.0.0.1:4703", &listen)?;
        let exposed = readable_by_others(&path).then(|| path.clone());
        let services_file = ServicesFile {
            file: WatchedFile::new(path, CONFIG_FILE_MAX),
            takes_certificates: client_authorities.is_some(),
        };
        let unread = || ConfigFault::setting(SERVICES, "it was read already");
        let services = services_file.changed()?.ok_or_else(unread)?;
        let settings = Self { listen, services, services_file, client_authorities };
        Ok(Some((settings, exposed)))
    }

    /// Whether the listener speaks TLS: always where certificates are shown or other machines ask.
    pub(crate) fn is_tls(&self) -> bool {
        self.client_authorities.is_some() || !is_loopback(self.listen)
    }

    /// Refuses settings that need the server's certificate when there is none.
    pub(crate) fn refuse_cleartext(&self) -> Result<(), ConfigFault> {
        if self.client_authorities.is_some() {
            let reason =
                "proxies show certificates over TLS: give --tls-cert and --tls-key as well";
            return Err(ConfigFault::setting(CLIENT_CA, reason));
        }
        if self.is_tls() {
            let reason = format!(
                "{} can be reached from other machines, and without TLS the secrets of proxies \
                 would travel in the clear: give --tls-cert and --tls-key, or listen on 127.0.0.1",
                self.listen
            );
            return Err(ConfigFault::setting(LISTEN, reason));
        }
        Ok(())
    }
}

impl ServicesFile {
    /// The services, unless the file is as it was the last time.
    pub(crate) fn changed(&self) -> Result<Option<ForwardServices>, ConfigFault> {
        let path = self.file.path();
        let unreadable = |cause| ConfigFault::Unreadable { path: path.to_owned(), cause };
        let Some(bytes) = self.file.changed().map_err(unreadable)? else { return Ok(None) };
        let text = str::from_utf8(&bytes)
            .map_err(|_| ConfigFault::not_text(path, first_bad_line(&bytes)))?;
        let refused = |reason: String| {
            ConfigFault::setting(SERVICES, format!("`{}`: {reason}", path.display()))
        };
        let services = ForwardServices::parse(text).map_err(|fault| refused(fault.to_string()))?;
        if services.have_certificates() && !self.takes_certificates {
            let reason = "it names certificates, which nobody verifies without \
                          `forward_auth_client_ca`";
            return Err(refused(reason.to_owned()));
        }
        Ok(Some(services))
    }
}
