//! How a policy command ends, and the exit status that scripts read.

use std::process::ExitCode;

/// How a command ended.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum Outcome {
    /// Nothing is wrong, or the request is allowed: 0.
    Good,
    /// The request is denied: 1.
    Denied,
    /// What is wrong has been printed: 2.
    Faulty,
    /// What is wrong is still to be said: 2.
    Failed(String),
}

impl Outcome {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Good => ExitCode::SUCCESS,
            Self::Denied => ExitCode::from(1),
            Self::Faulty | Self::Failed(_) => ExitCode::from(2),
        }
    }
}
