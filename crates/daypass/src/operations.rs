//! `daypass operations`: what this build answers.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

#[derive(Args, Debug)]
pub(crate) struct Operations {
    /// Print JSON
    #[arg(long)]
    json: bool,
}

/// Lists the operations by service, each service's in order of their names.
pub(crate) fn print(wanted: &Operations) -> anyhow::Result<()> {
    let mut all: Vec<_> = daypass_api::operations().collect();
    all.sort_unstable();
    let mut out = io::stdout().lock();
    if wanted.json {
        let rows = all.iter().map(|(service, name)| json!({"service": service, "operation": name}));
        writeln!(out, "{}", rows.collect::<serde_json::Value>())?;
        return Ok(());
    }
    for (service, name) in all {
        writeln!(out, "{service:4} {name}")?;
    }
    Ok(())
}
