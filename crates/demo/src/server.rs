//! A server that runs beside the story and ends with it.

use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use anyhow::{Context, bail};
use daypass_names::AccountId;
use daypass_server::{Config, Running, Server};
use daypass_sigv4::Credentials;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use zeroize::Zeroizing;

/// A server in a task of its own.
#[derive(Debug)]
pub struct OwnServer {
    /// Where it answers for STS and IAM.
    pub address: SocketAddr,
    /// Where its S3 gateway is, if it has one.
    pub s3_address: Option<SocketAddr>,
    /// Its only account.
    pub account: AccountId,
    /// The access key of its only user, who may do everything.
    pub admin: Credentials,
    end: oneshot::Sender<()>,
    task: JoinHandle<()>,
}

impl OwnServer {
    /// Starts a server with these settings.
    pub async fn start(config: Config) -> anyhow::Result<Self> {
        let running = Server::start(config).await?;
        let account = *running.accounts().first().context("the server has no account")?;
        let admin = read_credentials(running.credentials_file())?;
        let (address, s3_address) = (running.address(), running.s3_address());
        let (end, ended) = oneshot::channel();
        let task = tokio::spawn(serve(running, ended));
        Ok(Self { address, s3_address, account, admin, end, task })
    }

    /// Ends it, and waits until it has tidied up.
    pub async fn stop(self) -> anyhow::Result<()> {
        drop(self.end);
        Ok(self.task.await?)
    }
}

async fn serve(running: Running, ended: oneshot::Receiver<()>) {
    let shutdown = async {
        // It never sends anything: it goes away.
        let _ = ended.await;
    };
    running.serve_until(shutdown).await;
}

/// The access key that the server wrote for its clients.
fn read_credentials(path: &Path) -> anyhow::Result<Credentials> {
    let text = fs::read_to_string(path).map(Zeroizing::new);
    let text = text.context("the credentials file cannot be read")?;
    let value = |name: &str| {
        let mut pairs = text.lines().filter_map(|line| line.split_once(" = "));
        pairs.find(|(key, _)| *key == name).map(|(_, value)| value)
    };
    let (Some(id), Some(secret)) = (value("aws_access_key_id"), value("aws_secret_access_key"))
    else {
        bail!("the credentials file has no access key");
    };
    Ok(Credentials::parse(id, secret, None)?)
}
