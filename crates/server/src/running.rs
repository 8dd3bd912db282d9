//! From settings to a server that answers: folder, certificates, socket, first account, files.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daypass_api::{App, Clock, Parts, Settings};
use daypass_audit::{Durability, Trail, TrailError};
use daypass_directory::Directory;
use daypass_names::{AccountId, Partition};
use daypass_store::memory::Memory;
use thiserror::Error;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::{MissedTickBehavior, interval};

use crate::bootstrap::{BootstrapFault, First, Rings, bootstrap};
use crate::config::Config;
use crate::data_folder::{DataFolder, FolderFault};
use crate::edge::Edge;
use crate::listener::Listener;
use crate::shared_files::{Profile, SharedFileFault, SharedFiles};
use crate::system::{SystemClock, SystemRandom};
use crate::tls::{self, Certificates, TlsFault};

/// How often the certificate files are looked at.
const CERTIFICATE_CHECK: Duration = Duration::from_secs(60);

/// The server before it starts.
#[derive(Clone, Copy, Debug)]
pub struct Server;

/// A server whose socket is bound and whose files are written: a client that connects now is
/// answered as soon as [`Running::serve_until`] runs.
pub struct Running {
    listener: Listener<App>,
    certificates: Option<Arc<Certificates>>,
    address: SocketAddr,
    url: String,
    account: AccountId,
    files: SharedFiles,
    /// Last, so that nothing writes there any more when a temporary folder is removed.
    folder: DataFolder,
}

impl Server {
    /// Starts a server, short of answering requests.
    pub async fn start(config: Config) -> Result<Running, StartFault> {
        if !config.ephemeral {
            return Err(StartFault::NotDurable);
        }
        if let Some(file) = &config.exposed_secret_file {
            tracing::warn!(
                "other users of this machine can read the secret access key `{}`: run `chmod go-r` \
                 on it",
                file.display()
            );
        }
        let certificates = config.tls.map(Certificates::load).transpose()?;
        let tls = certificates.clone().map(tls::server_config).transpose()?;
        let folder = DataFolder::open(&config.data)?;
        let files = SharedFiles::in_folder(folder.path());
        files.refuse_foreign()?;
        let bind = |cause| StartFault::Bind { address: config.listen, cause };
        let socket = TcpListener::bind(config.listen).await.map_err(bind)?;
        let address = socket.local_addr().map_err(bind)?;

        let (clock, random) = (SystemClock, SystemRandom::new());
        let partition = Partition::default();
        let rings = Rings::draw(&random)?;
        let directory = Directory::new(Arc::new(Memory::new()), rings.data, partition);
        let first = bootstrap(&directory, config.account, config.admin_key, &random, clock.now());
        // A store in memory is empty at every start.
        let First { account, key } = first.await?.ok_or(StartFault::NotEmpty)?;
        // What goes away with its folder need not reach the disk.
        let durability = match folder.is_temporary() {
            true => Durability::Buffered,
            false => Durability::Sync,
        };
        let trail = Trail::open(folder.subfolder("trail")?.join("trail.jsonl"), durability)?;
        let url = client_url(address, tls.is_some());
        files.write(&Profile {
            key: &key.id,
            secret: &key.secret,
            region: &config.region,
            endpoint_url: &url,
        })?;
        let app = App::new(Parts {
            directory,
            sessions: rings.sessions,
            trail: Arc::new(trail),
            clock: Arc::new(clock),
            random: Arc::new(random),
            settings: Settings {
                partition,
                region: config.region,
                signing_regions: config.signing_regions,
                allow_empty_region: config.allow_empty_region,
            },
        });
        let edge = Arc::new(Edge::new(app, config.trusted_proxies));
        let listener = Listener { socket, tls, edge };
        Ok(Running { listener, certificates, address, url, account, files, folder })
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

    /// The account that was made.
    pub fn account(&self) -> AccountId {
        self.account
    }

    /// The file for `AWS_SHARED_CREDENTIALS_FILE`.
    pub fn credentials_file(&self) -> &Path {
        self.files.credentials()
    }

    /// The file for `AWS_CONFIG_FILE`.
    pub fn config_file(&self) -> &Path {
        self.files.config()
    }

    /// What to tell the person who started the server: where it listens, where the files are, and
    /// lines to paste. The secret is not in it.
    pub fn announcement(&self) -> String {
        let scheme = if self.certificates.is_some() { "https" } else { "http" };
        let kept = if self.folder.is_temporary() { "removed at exit" } else { "kept" };
        let authority = match self.certificates {
            Some(_) => "(When the certificate is of a private CA: export AWS_CA_BUNDLE=FILE.)\n",
            None => "",
        };
        format!(
            "account {account}, user {admin}, everything in memory until the server stops\n\
             listening on {scheme}://{address}\n\
             \n\
             The files are in {folder} ({kept}):\n  \
               credentials        the access key of user {admin}\n  \
               config             a profile with the endpoint\n  \
               trail/trail.jsonl  the audit trail\n\
             \n\
             To use them, paste:\n  \
               export AWS_SHARED_CREDENTIALS_FILE={credentials} AWS_CONFIG_FILE={config} AWS_PROFILE={profile}\n  \
               aws sts get-caller-identity\n\
             (An AWS CLI older than 2.13 needs --endpoint-url {url} as well.)\n\
             {authority}",
            account = self.account,
            admin = crate::bootstrap::ADMIN,
            address = self.address,
            folder = self.folder.path().display(),
            credentials = shell_word(self.files.credentials()),
            config = shell_word(self.files.config()),
            profile = crate::shared_files::PROFILE,
            url = self.url,
        )
    }

    /// Answers requests until `shutdown` is done, then finishes what is under way within 10
    /// seconds. SIGHUP and a change of the files replace the certificate meanwhile.
    pub async fn serve_until(self, shutdown: impl Future<Output = ()>) {
        let Self { listener, certificates, folder, .. } = self;
        let serving = listener.serve_until(shutdown);
        match certificates {
            None => serving.await,
            Some(certificates) => tokio::select! {
                () = serving => {}
                () = keep_fresh(&certificates) => {}
            },
        }
        tracing::info!("stopped");
        drop(folder);
    }
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("url", &self.url).finish_non_exhaustive()
    }
}

/// Reloads the certificate on SIGHUP and when the files have changed; never ends.
async fn keep_fresh(certificates: &Arc<Certificates>) {
    let mut hangup = signal(SignalKind::hangup())
        .inspect_err(|error| tracing::warn!(%error, "SIGHUP will not reload the certificate"))
        .ok();
    let mut ticks = interval(CERTIFICATE_CHECK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let asked = async {
            match &mut hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = asked => {}
            _ = ticks.tick() => {}
        }
        let certificates = Arc::clone(certificates);
        match tokio::task::spawn_blocking(move || certificates.reload()).await {
            Ok(Ok(true)) => tracing::info!("the new certificate is in use"),
            Ok(Ok(false)) => {}
            Ok(Err(error)) => tracing::warn!(%error, "the old certificate stays in use"),
            Err(error) => tracing::error!(%error, "the certificate could not be reloaded"),
        }
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
    /// Nothing would be kept.
    #[error(
        "this version keeps users, roles and keys only in memory, so it would lose them at exit: \
         say so with --ephemeral to run it"
    )]
    NotDurable,
    /// A store in memory cannot be anything but empty.
    #[error("the store is not empty")]
    NotEmpty,
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
