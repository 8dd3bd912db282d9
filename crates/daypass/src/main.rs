//! The binary: reads the command line, builds the parts, runs them. Everything else is in
//! `daypass-server` and below.

mod cli;
mod demo;
mod logging;
mod policy;
mod serve;
mod stop;

use std::error::Error;
use std::io::{self, Write};
use std::process::ExitCode;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    let outcome = match Cli::read().command {
        // Needs neither runtime nor server, and has exit statuses of its own.
        Command::Policy { command } => return policy::run(command),
        Command::Serve(settings) => run(|| serve::serve(*settings)),
        Command::Demo => run(|| demo::demo(io::stdout())),
    };
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

fn run<F: Future<Output = anyhow::Result<()>>>(command: impl FnOnce() -> F) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(command())
}

fn is_broken_pipe(error: &anyhow::Error) -> bool {
    error.chain().any(|cause: &(dyn Error + 'static)| {
        cause
            .downcast_ref::<io::Error>()
            .is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
    })
}
