//! The binary: reads the command line, builds the parts, runs them. Everything else is in
//! `daypass-server` and below.

mod cli;
mod demo;
mod logging;
mod serve;
mod stop;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = run(Cli::read());
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        // Whoever read our output has read enough of it.
        Err(error) if is_broken_pipe(&error) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is closed there is nobody to tell.
            let _ = writeln!(io::stderr().lock(), "daypass: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match cli.command {
        Command::Serve(settings) => runtime.block_on(serve::serve(*settings)),
        Command::Demo => runtime.block_on(demo::demo(io::stdout())),
    }
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
