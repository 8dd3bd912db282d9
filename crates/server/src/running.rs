//! From settings to a server that answers: folder, certificates, socket, first account, files.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use daypass_api::{App, Clock, Parts, Random, Settings};
use daypass_audit::TrailError;
use daypass_directory::{DirectoryError, Founded, RevocationFault, RingsFault};
use daypass_names::{AccountId, Partition};
use daypass_store::StoreError;
use daypass_store::embedded::OpenFault;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::{JoinError, JoinSet};

use crate::administrator;
use crate::bootstrap::{self, BootstrapFault};
use crate::config::Config;
use crate::data_folder::{DataFolder, FolderFault};
use crate::edge::Edge;
use crate::fetch::{Fetcher, TrustFault};
use crate::forward_port::{self, ForwardAuthFault, ForwardListener};
use crate::founded;
use crate::kept::{self, Kept};
use crate::key_encryption::{self, KeyFault};
use crate::listener::Listener;
use crate::main_port::MainPort;
use crate::managed_policies::ManagedPoliciesFault;
use crate::metrics_listener::MetricsListener;
use crate::operator::{Deployment, Foundations, OperatorSocket, SocketFault};
use crate::own_records::OwnRecords;
use crate::reload::{Reload, keep_fresh};
use crate::s3_port::{Lent, S3Fault, S3Listener};
use crate::shared_files::{Profile, SharedFileFault, SharedFiles};
use crate::system::{SystemClock, SystemRandom};
use crate::tls::{self, Certificates, TlsFault};
use crate::upkeep::Upkeep;

/// The server before it starts.
#[derive(Clone, Copy, Debug)]
pub struct Server;

/// A server whose socket is bound and whose files are written: a client that connects now is
/// answered as soon as [`Running::serve_until`] runs.
pub struct Running {
    listener: Listener<Edge<MainPort>>,
    forward: Option<ForwardListener>,
    s3: Option<S3Listener>,
    certificates: Option<Arc<Certificates>>,
    fetcher: Arc<Fetcher>,
    address: SocketAddr,
    url: String,
    accounts: Vec<AccountId>,
    is_first: bool,
    files: SharedFiles,
    upkeep: Upkeep,
    deployment: Arc<Deployment>,
    operators: OperatorSocket,
    metrics: Option<MetricsListener>,
    /// Last, so that nothing writes there any more when a temporary folder is removed.
    folder: DataFolder,
}

impl Server {
    /// Starts a server, short of answering requests.
    pub async fn start(config: Config) -> Result<Running, StartFault> {
        for file in &config.exposed_secret_files {
            tracing::warn!(
                "other users of this machine can read the secret access key `{}`: run `chmod go-r` \
                 on it",
                file.display()
            );
        }
        let certificates = config.tls.clone().map(Certificates::load).transpose()?;
        let tls = certificates.clone().map(|own| tls::server_config(own, None)).transpose()?;
        let folder = DataFolder::open(&config.data)?;
        let files = SharedFiles::in_folder(folder.path());
        files.refuse_foreign()?;
        let bind = |cause| StartFault::Bind { address: config.listen, cause };
        let socket = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;

        let clock: Arc<dyn Clock> = Arc::new(SystemClock);
        let fetcher = Arc::new(Fetcher::new(&config.federation, Arc::clone(&clock))?);
        let random: Arc<dyn Random> = Arc::new(SystemRandom::new());
        let partition = Partition::default();
        let Kept { embedded, rings, directory, trail, refusals } =
            Kept::open(&config, &folder, partition, &*clock, &*random).await?;
        let fixed = config.admin_key.is_some();
        let first = bootstrap::plan(&directory, config.account, config.admin_key, &*random).await?;
        let accounts = match &first {
            Some(new) => {
                if !config.ephemeral {
                    founded::refuse_empty(folder.path())?;
                    // The key of a first start that was cut short never worked; any other may.
                    let begun = founded::begun(folder.path());
                    if let Some(aside) = files.set_credentials_aside(begun.as_deref())? {
                        let aside = aside.display();
                        tracing::warn!("the credentials of another deployment are now `{aside}`");
                    }
                    founded::begin(folder.path(), &new.key.id)?;
                }
                // The key is written down before it works: the other way round, a stop in between
                // would leave an account that nobody can enter.
                files.write_credentials(&new.key)?;
                let now = clock.now();
                let own = OwnRecords { random: &*random, region: &config.region, now };
                let noting = |founded: &Founded| own.founded(founded);
                administrator::make(&directory, new, now, &noting).await?;
                if !config.ephemeral {
                    founded::finish(folder.path())?;
                }
                vec![new.account]
            }
            None => {
                if fixed {
                    tracing::warn!(
                        "the admin access key of the settings is for the first start only, and is \
                         not looked at any more"
                    );
                }
                // A start that was cut short may have left it undone.
                founded::finish(folder.path())?;
                let found = directory.accounts_at_start().await?;
                for account in found.unindexed {
                    tracing::error!(
                        %account,
                        "the index of closed accounts had lost this one: it is closed, and in the \
                         index again; `daypass check` finds what else is damaged"
                    );
                }
                found.accounts.iter().map(|account| account.id).collect()
            }
        };
        let url = client_url(address, tls.is_some());
        let app = App::new(Parts {
            directory: Arc::clone(&directory),
            rings: Arc::clone(&rings),
            trail: Arc::clone(&trail),
            refusals: Some(refusals),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            fetch: Arc::<Fetcher>::clone(&fetcher),
            settings: Settings {
                partition,
                region: config.region.clone(),
                regions: config.regions,
                signing_regions: config.signing_regions,
                allow_empty_region: config.allow_empty_region,
                strict_audit: config.strict_audit,
                rate_limits: config.rate_limits,
                federation_plain_http: config.federation.plain_http,
                saml: config.saml,
            },
        });
        let app = Arc::new(app?);
        let upkeep = Upkeep {
            app: Arc::clone(&app),
            directory: Arc::clone(&directory),
            rings: Arc::clone(&rings),
            trail: Arc::clone(&trail),
            clock: Arc::clone(&clock),
            random: Arc::clone(&random),
            region: config.region.clone(),
            rotate_keys_after: config.rotate_keys_after,
        };
        let region = config.region;
        let foundations = Foundations {
            directory,
            rings,
            trail,
            store: embedded,
            app: Arc::clone(&app),
            started: clock.now(),
            clock,
            random,
            region: region.clone(),
            address,
            fetches: fetcher.counts().clone(),
        };
        let deployment = Arc::new(Deployment::on(foundations));
        let operators = OperatorSocket::bind(folder.path())?;
        let metrics = match config.metrics_listen {
            None => None,
            Some(listen) => {
                let bound = MetricsListener::bind(listen).await;
                Some(bound.map_err(|cause| StartFault::Bind { address: listen, cause })?)
            }
        };
        let forward = match config.forward_auth {
            None => None,
            Some(settings) => {
                let lent = forward_port::Lent {
                    app: Arc::clone(&app),
                    proxies: config.trusted_proxies.clone(),
                    certificates: certificates.clone(),
                    metrics: deployment.metrics.clone(),
                    health: deployment.health.clone(),
                };
                Some(ForwardListener::bind(settings, lent).await?)
            }
        };
        let s3 = match config.s3 {
            None => None,
            Some(settings) => {
                let lent = Lent {
                    app: Arc::clone(&app),
                    proxies: config.trusted_proxies.clone(),
                    tls: tls.clone(),
                    observer: deployment.metrics.s3(),
                    region: region.as_str().to_owned(),
                    strict_audit: config.strict_audit,
                };
                Some(S3Listener::bind(settings, lent).await?)
            }
        };
        let s3_url = s3.as_ref().map(|s3| client_url(s3.address, tls.is_some()));
        files.write_config(&Profile {
            region: &region,
            endpoint_url: &url,
            s3_endpoint_url: s3_url.as_deref(),
        })?;
        let edge = Edge::new(Arc::new(MainPort::new(app)), config.trusted_proxies);
        let observed = edge.observed(deployment.metrics.clone(), deployment.health.clone());
        let edge = Arc::new(observed);
        let listener = Listener { socket, tls, service: edge };
        Ok(Running {
            listener,
            forward,
            s3,
            certificates,
            fetcher,
            address,
            url,
            accounts,
            is_first: first.is_some(),
            files,
            upkeep,
            deployment,
            operators,
            metrics,
            folder,
        })
    }
}

impl Running {
    /// The address that the socket is bound to.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL by which a client on this machine reaches the server.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The accounts that there are; at the first start the one that was made.
    pub fn accounts(&self) -> &[AccountId] {
        &self.accounts
    }

    /// The file for `AWS_SHARED_CREDENTIALS_FILE`.
    pub fn credentials_file(&self) -> &Path {
        self.files.credentials()
    }

    /// The file for `AWS_CONFIG_FILE`.
    pub fn config_file(&self) -> &Path {
        self.files.config()
    }

    /// The address of the metrics listener, if there is one.
    pub fn metrics_address(&self) -> Option<SocketAddr> {
        self.metrics.as_ref().and_then(|metrics| metrics.address().ok())
    }

    /// The address of the S3 gateway, if there is one.
    pub fn s3_address(&self) -> Option<SocketAddr> {
        self.s3.as_ref().map(|s3| s3.address)
    }

    /// What to tell the person who started the server: where it listens, where the files are, and
    /// lines to paste. The secret is not in it.
    pub fn announcement(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        let authority = match self.certificates {
            Some(_) => "(When the certificate is of a private CA: export AWS_CA_BUNDLE=FILE.)\n",
            None => "",
        };
        format!(
            "{who}\n\
             listening on {scheme}://{address}\n\
             {metrics}\
             {forward}\
             {s3}\
             \n\
             {files}\
             \n\
             To use them, paste:\n  \
               export AWS_SHARED_CREDENTIALS_FILE={credentials} AWS_CONFIG_FILE={config} AWS_PROFILE={profile}\n  \
               aws sts get-caller-identity\n\
             (An AWS CLI older than 2.13 needs --endpoint-url {url} as well.)\n\
             {authority}",
            who = self.who(),
            address = self.address,
            metrics = match self.metrics_address() {
                Some(metrics) => format!("metrics on http://{metrics}/metrics\n"),
                None => String::new(),
            },
            s3 = match &self.s3 {
                Some(s3) => {
                    format!("S3 gateway on {scheme}://{}, backend {}\n", s3.address, s3.backend)
                }
                None => String::new(),
            },
            forward = match &self.forward {
                Some(forward) => format!("proxies ask on {}\n", forward.url()),
                None => String::new(),
            },
            files = self.file_lines(),
            credentials = shell_word(self.files.credentials()),
            config = shell_word(self.files.config()),
            profile = crate::shared_files::PROFILE,
            url = self.url,
        )
    }

    /// Which accounts there are and whether they stay.
    fn who(&self) -> String {
        let admin = crate::bootstrap::ADMIN;
        match (&*self.accounts, self.is_durable()) {
            ([account], false) => {
                format!(
                    "account {account}, user {admin}, everything in memory until the server stops"
                )
            }
            ([account], true) if self.is_first => {
                format!("account {account}, made with user {admin}")
            }
            ([account], true) => format!("account {account}"),
            (accounts, _) => format!("{} accounts (daypass account list)", accounts.len()),
        }
    }

    fn file_lines(&self) -> String {
        let kept = if self.folder.is_temporary() { "removed at exit" } else { "kept" };
        let mut lines = format!("The files are in {} ({kept}):\n", self.folder.path().display());
        let mut line = |name: &str, what: &str| lines.push_str(&format!("  {name:<20}{what}\n"));
        line("credentials", "the access key of the first user");
        line("config", "a profile with the endpoint");
        if self.is_durable() {
            line(kept::STORE, "users, roles, keys and policies");
            if self.folder.path().join(key_encryption::FILE).exists() {
                line(key_encryption::FILE, "what seals them: keep a copy apart from backups");
            }
        }
        line("trail/trail.jsonl", "the audit trail");
        line("operator.sock", "for `daypass status`, `revoke`, `keys` and others");
        lines
    }

    fn is_durable(&self) -> bool {
        self.deployment.store.is_some()
    }

    /// Answers requests until `shutdown` is done, then finishes what is under way within 10
    /// seconds. SIGHUP and a change of the files replace the certificate, the authorities of identity
    /// providers, and who may ask as a proxy meanwhile.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        let Self {
            listener,
            forward,
            s3,
            certificates,
            fetcher,
            upkeep,
            deployment,
            operators,
            metrics,
            folder,
            ..
        } = self;
        let (stop, stopped) = watch::channel(false);
        let until = || {
            let mut stopped = stopped.clone();
            async move {
                // The sender lives until all have been told.
                let _ = stopped.wait_for(|stopped| *stopped).await;
            }
        };
        let mut background = JoinSet::new();
        let tasks = &deployment.tasks;
        upkeep.begin(tasks, &mut background);
        let watched = Arc::clone(&deployment);
        tasks.spawn(&mut background, "health", move || {
            let watched = Arc::clone(&watched);
            async move { watched.keep_watch().await }
        });
        let certificate = certificates
            .map(|certificates| Reload::new("certificate", move || certificates.reload()));
        let authorities = fetcher
            .has_file()
            .then(|| Reload::new("authorities of identity providers", move || fetcher.reload()));
        let of_proxies = forward.as_ref().map(ForwardListener::reloads).unwrap_or_default();
        let reloads: Vec<_> =
            certificate.into_iter().chain(authorities).chain(of_proxies).collect();
        if !reloads.is_empty() {
            tasks.spawn(&mut background, "reloads", move || {
                let reloads = reloads.clone();
                async move { keep_fresh(&reloads).await }
            });
        }
        if let Some(metrics) = metrics {
            background.spawn(metrics.serve_until(Arc::clone(&deployment), until()));
        }
        let asked = async {
            shutdown.await;
            deployment.stop();
            // Nobody who waits for it is gone yet.
            let _ = stop.send(true);
        };
        let serving = listener.serve_until(until());
        let gating = async {
            if let Some(s3) = s3 {
                s3.serve_until(until()).await;
            }
        };
        let forwarding = async {
            if let Some(forward) = forward {
                forward.serve_until(until()).await;
            }
        };
        let operating = operators.serve_until(Arc::clone(&deployment), until());
        tokio::join!(asked, serving, gating, forwarding, operating);
        background.shutdown().await;
        upkeep.finish().await;
        tracing::info!("stopped");
        drop((upkeep, deployment));
        drop(folder);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("url", &self.url).finish_non_exhaustive()
    }
}

/// The URL for clients on this machine. A certificate names hosts rather than addresses, and a
/// wildcard is no address to connect to: both become `localhost`, if that is where we listen.
fn client_url(address: SocketAddr, tls: bool) -> String {
    let scheme = if tls { "https" } else { "http" };
    let ip = address.ip().to_canonical();
    let local = ip.is_unspecified() || tls && is_usual_loopback(ip);
    if local {
        format!("{scheme}://localhost:{}", address.port())
    } else {
        format!("{scheme}://{address}")
    }
}

/// Whether `localhost` leads there: 127.0.0.1 or ::1, not the rest of 127.0.0.0/8.
fn is_usual_loopback(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(ip) => ip == std::net::Ipv4Addr::LOCALHOST,
        IpAddr::V6(ip) => ip == std::net::Ipv6Addr::LOCALHOST,
    }
}

/// The path as one word of a POSIX shell.
fn shell_word(path: &Path) -> String {
    let text = path.display().to_string();
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/._-+,:@%".contains(&byte);
    if text.bytes().all(plain) {
        return text;
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

/// Why the server does not start.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum StartFault {
    /// The store's file.
    #[error(transparent)]
    Store(#[from] OpenFault),
    /// The store, once it is open.
    #[error("the store cannot be read: {0}")]
    Read(#[from] StoreError),
    /// The key-encryption key.
    #[error(transparent)]
    Key(#[from] KeyFault),
    /// The folder of managed policies.
    #[error(transparent)]
    ManagedPolicies(#[from] ManagedPoliciesFault),
    /// The key rings.
    #[error(transparent)]
    Rings(#[from] RingsFault),
    /// The revocations.
    #[error("the revocations cannot be read: {0}")]
    Revocations(#[from] RevocationFault),
    /// The directory.
    #[error("the directory cannot be read: {0}")]
    Directory(#[from] DirectoryError),
    /// The log of refusals before authentication.
    #[error("`{}` cannot be opened: {cause}", path.display())]
    RefusalLog {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: io::Error,
    },
    /// A mistake of ours.
    #[error("the store could not be opened: {0}")]
    Thread(JoinError),
    /// The authorities of identity providers.
    #[error(transparent)]
    Trust(#[from] TrustFault),
    /// The operators' socket.
    #[error(transparent)]
    Socket(#[from] SocketFault),
    /// The socket.
    #[error("cannot listen on {address}: {cause}")]
    Bind {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        cause: io::Error,
    },
    /// The data folder.
    #[error(transparent)]
    Folder(#[from] FolderFault),
    /// The shared files.
    #[error(transparent)]
    SharedFile(#[from] SharedFileFault),
    /// The listener for proxies that ask.
    #[error(transparent)]
    ForwardAuth(#[from] ForwardAuthFault),
    /// The S3 gateway.
    #[error(transparent)]
    S3(#[from] S3Fault),
    /// Certificate and key.
    #[error(transparent)]
    Tls(#[from] TlsFault),
    /// The first account.
    #[error(transparent)]
    Bootstrap(#[from] BootstrapFault),
    /// The audit trail.
    #[error(transparent)]
    Trail(#[from] TrailError),
}

#[cfg(test)]
#[path = "running_tests.rs"]
mod tests;
