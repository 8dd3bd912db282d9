//! Fetching documents of identity providers: the other side of `daypass_api::Fetch`.
//!
//! Section 4, rule 7, of the design. A fetch is one GET over one connection: the host is resolved,
//! each of its addresses is looked at, and the connection goes to exactly one that may be asked, so
//! that nothing is resolved a second time. TLS (RFC 8446, RFC 5246) is what proves the host; plain
//! HTTP goes to this machine only, where the operator and the issuer both say so. Redirects are few,
//! and each begins from the start. There are no proxies, no cookies, no compression, no connection
//! that stays open.
//!
//! SECURITY: a tenant chooses the URL. Nothing of an answer but a JSON document reaches anybody, and a
//! connection is gone as soon as whoever wants it is.

mod counts;
mod exchange;
mod networks;
mod resolve;
mod target;
#[cfg(test)]
mod tests;
mod trust;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use daypass_api::{Clock, Fetch, FetchFault, FetchWanted, FetchedDocument, Fetching};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsConnector;

pub(crate) use self::counts::FetchCounts;
use self::exchange::{Answer, exchange};
pub use self::networks::{NetworkFault, Networks};
use self::resolve::{Resolve, ResolveFault, SystemResolver};
use self::target::{Scheme, Target};
use self::trust::Trust;
pub use self::trust::TrustFault;

/// Most redirects of one fetch.
const MAX_REDIRECTS: usize = 3;

/// How long a fetch may take. Whoever asks is usually less patient.
const PATIENCE: Duration = Duration::from_secs(10);

/// Most addresses of a host that are tried, and how long each but the last may take to answer.
const MAX_TRIED: usize = 4;
const CONNECT: Duration = Duration::from_millis(1500);

/// How identity providers are reached.
#[derive(Clone, Debug, Default)]
pub struct FetchSettings {
    /// The networks that may be asked, beside the public addresses.
    pub networks: Networks,
    /// PEM file with the authorities that certificates must come from; without it, those that
    /// Mozilla trusts.
    pub authorities: Option<PathBuf>,
    /// Whether providers on this machine may be asked over plain HTTP, when their URL says so.
    pub plain_http: bool,
}

/// Fetches over the network.
#[derive(Debug)]
pub(crate) struct Fetcher {
    networks: Networks,
    plain_http: bool,
    trust: Trust,
    resolver: Arc<dyn Resolve>,
    counts: FetchCounts,
}

impl Fetcher {
    /// A fetcher with the machine's own resolver.
    ///
    /// # Errors
    /// [`TrustFault`], when the file of the authorities cannot be used.
    pub(crate) fn new(settings: &FetchSettings, clock: Arc<dyn Clock>) -> Result<Self, TrustFault> {
        Ok(Self {
            networks: settings.networks.clone(),
            plain_http: settings.plain_http,
            trust: Trust::new(settings.authorities.as_deref(), clock)?,
            resolver: Arc::new(SystemResolver::default()),
            counts: FetchCounts::default(),
        })
    }

    /// What came of all fetches.
    pub(crate) fn counts(&self) -> &FetchCounts {
        &self.counts
    }

    /// Whether the authorities are those of a file, which may change.
    pub(crate) fn has_file(&self) -> bool {
        self.trust.file().is_some()
    }

    /// Looks at the file of the authorities again; true when others are believed now. A failure
    /// leaves the old ones in place, and is not reported again until the contents change.
    ///
    /// # Errors
    /// [`TrustFault`], when the file cannot be used.
    pub(crate) fn reload(&self) -> Result<bool, TrustFault> {
        self.trust.reload()
    }

    async fn follow(&self, wanted: &FetchWanted) -> Result<FetchedDocument, FetchFault> {
        let mut target = Target::parse(&wanted.url)?;
        for _ in 0..=MAX_REDIRECTS {
            match self.ask(&target, wanted).await? {
                Answer::Document(document) => return Ok(document),
                Answer::Redirect(location) => target = target.redirected(&location)?,
            }
        }
        Err(FetchFault::Redirect("there are more than three"))
    }

    async fn ask(&self, target: &Target, wanted: &FetchWanted) -> Result<Answer, FetchFault> {
        // What cannot be asked at all is refused before anybody is asked for its address.
        if target.scheme() == Scheme::Http && !self.lets_plain_http(wanted) {
            return Err(FetchFault::Url("it is not https"));
        }
        let stream = self.connect(target, wanted).await?;
        let connector = match target.scheme() {
            Scheme::Http => return exchange(stream, target, wanted.most_bytes).await,
            Scheme::Https => TlsConnector::from(self.trust.client(target.host(), wanted)?),
        };
        let stream = connector.connect(target.server_name().clone(), stream).await;
        let stream = stream.map_err(|error| trust::fault(target.host(), &error))?;
        exchange(stream, target, wanted.most_bytes).await
    }

    /// Connects to one of the addresses that may be asked.
    async fn connect(
        &self,
        target: &Target,
        wanted: &FetchWanted,
    ) -> Result<TcpStream, FetchFault> {
        let host = || target.host().to_owned();
        let unreachable = |cause: String| FetchFault::Unreachable { host: host(), cause };
        let addresses = match target.address() {
            Some(address) => vec![address],
            None => {
                self.resolver.resolve(target.host(), wanted.account).await.map_err(|fault| {
                    match fault {
                        ResolveFault::Busy => FetchFault::Busy,
                        ResolveFault::Unknown(cause) => unreachable(cause),
                    }
                })?
            }
        };
        let may_be_asked = |address: &&IpAddr| self.permits(target.scheme(), **address);
        let mut permitted = addresses.iter().filter(may_be_asked).take(MAX_TRIED).peekable();
        let mut last = match (permitted.peek(), addresses.first()) {
            (_, None) => unreachable("it has no address".to_owned()),
            (None, Some(address)) => {
                return Err(FetchFault::Forbidden { host: host(), address: address.to_string() });
            }
            (Some(_), Some(_)) => FetchFault::TooSlow,
        };
        while let Some(address) = permitted.next() {
            let connecting = TcpStream::connect(SocketAddr::new(*address, target.port()));
            let connected = match permitted.peek() {
                None => connecting.await,
                Some(_) => match timeout(CONNECT, connecting).await {
                    Ok(connected) => connected,
                    Err(_) => continue,
                },
            };
            match connected {
                Ok(stream) => return Ok(stream),
                Err(error) => last = unreachable(error.to_string()),
            }
        }
        Err(last)
    }

    /// Whether a fetch may be in the clear: its issuer says so, and so does the operator.
    fn lets_plain_http(&self, wanted: &FetchWanted) -> bool {
        self.plain_http && wanted.plain_http_loopback
    }

    fn permits(&self, scheme: Scheme, address: IpAddr) -> bool {
        match scheme {
            Scheme::Https => self.networks.permit(address),
            Scheme::Http => address.to_canonical().is_loopback(),
        }
    }
}

impl Fetch for Fetcher {
    fn fetch<'a>(&'a self, wanted: &'a FetchWanted) -> Fetching<'a> {
        Box::pin(async move {
            let counted = self.counts.begin();
            let followed = timeout(PATIENCE, self.follow(wanted)).await;
            let followed = followed.unwrap_or(Err(FetchFault::TooSlow));
            counted.end(&followed);
            followed
        })
    }

    fn trusted(&self) -> u64 {
        self.trust.generation()
    }
}
