//! `daypass demo`: the main job in one command, told so that a newcomer understands.
//!
//! A server in memory on a free loopback port is driven over real HTTP with real signatures. Each
//! answer is checked; the first one that is not the expected one ends the story with an error.

mod client;
mod narrator;
mod steps;
mod xml;

use std::fs;
use std::io::Write;
use std::path::Path;

use anyhow::{Context, bail};
use daypass_names::{AccessKeyId, Constrained, SecretAccessKey};
use daypass_server::{Config, Running, Server};
use daypass_sigv4::Credentials;
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use crate::demo::client::Client;
use crate::demo::narrator::Narrator;
use crate::stop::Stop;

/// Runs the demo and tells it to `out`.
pub(crate) async fn demo(out: impl Write) -> anyhow::Result<()> {
    let mut stop = Stop::on_signals(true)?;
    let running = Server::start(Config::throw_away()?).await?;
    let admin = read_credentials(running.credentials_file())?;
    let client = Client::new(running.address());
    let account = *running.accounts().first().context("the server has no account")?;
    let mut narrator = Narrator::new(out);

    let (end, ended) = oneshot::channel::<()>();
    let server = tokio::spawn(serve(running, ended));
    let told = tokio::select! {
        told = steps::tell(&client, account, admin, &mut narrator) => told,
        () = stop.asked() => Err(anyhow::anyhow!("interrupted")),
    };
    // The server tidies up, whatever became of the story.
    drop(end);
    server.await?;
    told
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
    Ok(Credentials {
        access_key_id: AccessKeyId::parse(id)?,
        secret_access_key: SecretAccessKey::parse(secret)?,
        session_token: None,
    })
}
