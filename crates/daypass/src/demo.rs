//! `daypass demo`: the main job in one command, told so that a newcomer understands.
//!
//! A server in memory on a free loopback port is driven over real HTTP with real signatures. Each
//! answer is checked; the first one that is not the expected one ends the story with an error.

mod narrator;
mod steps;

use std::io::Write;

use daypass_demo::OwnServer;
use daypass_server::Config;

use crate::demo::narrator::Narrator;
use crate::stop::Stop;

/// Runs the demo and tells it to `out`.
pub(crate) async fn demo(out: impl Write) -> anyhow::Result<()> {
    let mut stop = Stop::on_signals(true)?;
    let server = OwnServer::start(Config::throw_away()?).await?;
    let mut narrator = Narrator::new(out);
    let told = tokio::select! {
        told = steps::tell(&server, &mut narrator) => told,
        () = stop.asked() => Err(anyhow::anyhow!("interrupted")),
    };
    // The server tidies up, whatever became of the story.
    server.stop().await?;
    told
}
