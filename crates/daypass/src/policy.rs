//! `daypass policy`: reviews policy documents and answers what they decide, without a server.
//!
//! The engine is `daypass-policy`, the same that the server decides with. Nothing here reads the
//! network or writes a file; only `simulate --encode` asks a running server, through the socket in
//! its data folder.

mod arguments;
mod cases;
mod check;
mod form;
mod input;
mod outcome;
mod output;
mod simulate;

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

pub(crate) use arguments::PolicyCommand;

use outcome::Outcome;
use output::Output;

/// The exit status of what the policy commands cannot read or write.
const FAILURE: u8 = 2;

/// Runs a command and says how the process ends.
pub(crate) fn run(command: PolicyCommand) -> ExitCode {
    let mut out = Output::new(BufWriter::new(io::stdout().lock()));
    let ended = match command {
        PolicyCommand::Check(arguments) => check::check(&arguments, &mut out),
        PolicyCommand::Simulate(arguments) => simulate::simulate(&arguments, &mut out),
    };
    match ended.and_then(|outcome| out.flush().map(|()| outcome)) {
        Ok(outcome) => {
            if let Outcome::Failed(reason) = &outcome {
                complain(reason);
            }
            outcome.exit_code()
        }
        // Whoever read our output has read enough of it, and the rest was not looked at: nobody
        // may take that for a good end.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => ExitCode::from(FAILURE),
        Err(error) => {
            complain(&error.to_string());
            ExitCode::from(FAILURE)
        }
    }
}

fn complain(reason: &str) {
    // Where standard error is closed there is nobody to tell.
    let _ = writeln!(io::stderr().lock(), "daypass: {reason}");
}
