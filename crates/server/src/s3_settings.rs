//! The settings of the S3 gateway.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use daypass_gateway::{BackendUrl, CHUNK_MEMORY_MIN_MIB, DataEvents, Domains, ForeignCredentials};

use crate::config::{
    ConfigFault, DEFAULT_REGION, Layer, parse_address, parse_region, read_secret,
    readable_by_others,
};
use crate::shared_credentials;

/// How long a backend may take to answer, in seconds: what is usual, and the most.
const DEFAULT_TIMEOUT: u32 = 60;
const MAX_TIMEOUT: u32 = 900;
/// What signed chunks may take, in mebibytes: what is usual, and the most.
const DEFAULT_CHUNK_MEMORY_MIB: u32 = 256;
const MAX_CHUNK_MEMORY_MIB: u32 = 65_536;

/// Where the gateway listens, and what it stands before.
#[derive(Debug)]
pub struct S3Settings {
    /// Where to listen.
    pub listen: SocketAddr,
    /// The S3 server behind it.
    pub backend: BackendUrl,
    /// What requests to that are signed with.
    pub credentials: ForeignCredentials,
    /// The Region that they are signed for.
    pub region: String,
    /// PEM file with the authorities that its certificate must come from; without it, those that
    /// Mozilla trusts.
    pub authorities: Option<PathBuf>,
    /// Whether plain HTTP to it may leave this machine, for private networks.
    pub private_plain_http: bool,
    /// How long it may take to answer, and rest within a body.
    pub timeout: Duration,
    /// Whether it keeps keys byte for byte, also those with empty segments.
    pub exact_keys: bool,
    /// Below which host names the first label is a bucket.
    pub domains: Domains,
    /// Whether a bucket policy can let in who signs nothing.
    pub anonymous: bool,
    /// Which requests to objects are recorded.
    pub data_events: DataEvents,
    /// How many mebibytes signed chunks may take until they are verified.
    pub chunk_memory_mib: u32,
}

impl S3Settings {
    /// Takes the settings out of a layer; none when no gateway is asked for. Beside them is the file of
    /// the credentials when others can read it.
    pub(crate) fn take(layer: &mut Layer) -> Result<Option<(Self, Option<PathBuf>)>, ConfigFault> {
        let Some(listen) = layer.s3_listen.take() else {
            let idle = [
                ("s3_backend", layer.s3_backend.is_some()),
                ("s3_backend_credentials", layer.s3_backend_credentials.is_some()),
                ("s3_backend_region", layer.s3_backend_region.is_some()),
                ("s3_backend_ca", layer.s3_backend_ca.is_some()),
                ("s3_backend_plain_http", layer.s3_backend_plain_http.is_some()),
                ("s3_backend_timeout", layer.s3_backend_timeout.is_some()),
                ("s3_backend_exact_keys", layer.s3_backend_exact_keys.is_some()),
                ("s3_domain", layer.s3_domain.is_some()),
                ("s3_anonymous", layer.s3_anonymous.is_some()),
                ("s3_data_events", layer.s3_data_events.is_some()),
                ("s3_chunk_memory_mib", layer.s3_chunk_memory_mib.is_some()),
            ];
            return match idle.into_iter().find(|(_, given)| *given) {
                Some((has, _)) => Err(ConfigFault::Half { has, lacks: "`s3_listen`" }),
                None => Ok(None),
            };
        };
        let lacks = |lacks| ConfigFault::Half { has: "s3_listen", lacks };
        let listen = parse_address("s3_listen", "127.0.0.1:4702", &listen)?;
        let backend = layer.s3_backend.take().ok_or_else(|| lacks("`s3_backend`"))?;
        let backend = BackendUrl::parse(&backend).map_err(|fault| setting("s3_backend", fault))?;
        let plain_http = layer.s3_backend_plain_http.take();
        let private_plain_http = plain_http.unwrap_or(false);
        // SECURITY: whatever is stored travels there, and the signatures of a key that may do all.
        if !backend.is_tls() && !backend.is_this_machine() && !private_plain_http {
            let reason = format!(
                "{backend} would send everything that is stored in the clear to another machine: use \
                 https, or set `s3_backend_plain_http` if the way there is a private network"
            );
            return Err(setting("s3_backend", reason));
        }
        let path = layer.s3_backend_credentials.take();
        let path = path.ok_or_else(|| lacks("`s3_backend_credentials`"))?;
        let credentials = shared_credentials::parse(read_secret(&path)?.expose());
        let credentials = credentials.map_err(|reason| {
            setting("s3_backend_credentials", format!("`{}`: {reason}", path.display()))
        })?;
        let region = layer.s3_backend_region.take();
        let region =
            parse_region("s3_backend_region", region.as_deref().unwrap_or(DEFAULT_REGION))?;
        if backend.is_tls() && plain_http.is_some() {
            let reason = "the backend is asked over https: leave it out";
            return Err(setting("s3_backend_plain_http", reason));
        }
        let authorities = layer.s3_backend_ca.take();
        if authorities.is_some() && !backend.is_tls() {
            return Err(setting(
                "s3_backend_ca",
                "the backend is not asked over https: leave it out",
            ));
        }
        let timeout = match layer.s3_backend_timeout.take().unwrap_or(DEFAULT_TIMEOUT) {
            seconds @ 1..=MAX_TIMEOUT => Duration::from_secs(seconds.into()),
            _ => return Err(setting("s3_backend_timeout", "it is 1 to 900 seconds")),
        };
        let names = layer.s3_domain.take().unwrap_or_default();
        let domains = Domains::new(names.iter().map(String::as_str)).map_err(|_| {
            setting("s3_domain", "it is a list of host names, such as `s3.example.org`")
        })?;
        let data_events = DataEvents::parse(&layer.s3_data_events.take().unwrap_or_default())
            .map_err(|fault| setting("s3_data_events", fault))?;
        let chunk_memory_mib = layer.s3_chunk_memory_mib.take().unwrap_or(DEFAULT_CHUNK_MEMORY_MIB);
        if !(CHUNK_MEMORY_MIN_MIB..=MAX_CHUNK_MEMORY_MIB).contains(&chunk_memory_mib) {
            return Err(setting("s3_chunk_memory_mib", "it is 16 to 65536 MiB"));
        }
        let exposed = readable_by_others(&path).then_some(path);
        let settings = Self {
            listen,
            backend,
            credentials,
            region: region.as_str().to_owned(),
            authorities,
            private_plain_http,
            timeout,
            exact_keys: layer.s3_backend_exact_keys.take().unwrap_or(false),
            domains,
            anonymous: layer.s3_anonymous.take().unwrap_or(false),
            data_events,
            chunk_memory_mib,
        };
        Ok(Some((settings, exposed)))
    }
}

fn setting(name: &'static str, reason: impl ToString) -> ConfigFault {
    ConfigFault::setting(name, reason)
}

#[cfg(test)]
#[path = "s3_settings_tests.rs"]
mod tests;
