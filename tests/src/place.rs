//! A data folder that outlives its servers: for starting again, and for what is done in between.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;

use crate::client::path_text;
use crate::server::{ACCOUNT, REGION, scratch};
use crate::{Finished, Program, Server};

/// A data folder that servers are started on, one after the other.
#[derive(Clone, Debug)]
pub struct Place {
    folder: Arc<TempDir>,
    data: PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Place {
    /// A folder that is not made yet; servers on it keep everything there.
    pub fn new() -> Self {
        let folder = scratch();
        let data = folder.path().join("data");
        Self { folder, data, arguments: Vec::new(), environment: Vec::new() }
    }

    /// The same folder, with more arguments for servers, `check` and `restore`.
    #[must_use]
    pub fn with(&self, arguments: &[&str]) -> Self {
        let mut place = self.clone();
        place.arguments.extend(arguments.iter().map(|&argument| argument.to_owned()));
        place
    }

    /// The same folder, with an environment variable for all that runs on it.
    #[must_use]
    pub fn env(&self, name: &str, value: &str) -> Self {
        let mut place = self.clone();
        place.environment.push((name.to_owned(), value.to_owned()));
        place
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// A path beside the data folder.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Starts a server, which must start.
    #[track_caller]
    pub fn start(&self) -> Server {
        match self.try_start() {
            Ok(server) => server,
            Err(finished) => panic!("the server did not start: {finished:?}"),
        }
    }

    /// Starts a server, or returns how it ended.
    pub fn try_start(&self) -> Result<Server, Finished> {
        Server::run(Arc::clone(&self.folder), self.data.clone(), self.serve())
    }

    /// Starts a server, which must refuse to; returns what it said. Whatever is wrong with a
    /// folder, the answer is a sentence.
    #[track_caller]
    pub fn refused(&self) -> String {
        match self.try_start() {
            Ok(server) => panic!("it started:\n{}", server.log()),
            Err(finished) => sentence(finished),
        }
    }

    /// Starts a server behind a shell's preparations, after which `"$@"` becomes the server. They
    /// run in a mount namespace of their own, where they may mount what nobody else sees.
    pub fn try_start_behind(&self, preparations: &str) -> Result<Server, Finished> {
        let serve = self.serve();
        let mut command = Command::new("unshare");
        command.args(["--user", "--map-root-user", "--mount", "sh", "-euc"]);
        command.arg(format!("{preparations}\nexec \"$@\"")).arg("sh");
        command.arg(serve.get_program()).args(serve.get_args()).env_clear();
        command.envs(serve.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(self.folder.path());
        Server::run(Arc::clone(&self.folder), self.data.clone(), command)
    }

    /// Runs `daypass` with a command that takes this folder, such as `check` or `status`.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        let mut program =
            Program::daypass(self.folder.path()).env("DAYPASS_DATA", path_text(&self.data));
        for (name, value) in &self.environment {
            program = program.env(name, value.as_str());
        }
        program.run(arguments)
    }

    /// Runs `daypass check` on what a stopped or killed server has left; it must find nothing.
    #[track_caller]
    pub fn check(&self) -> String {
        self.run(&["check"]).ok()
    }

    /// The command line of a server.
    pub fn serve(&self) -> Command {
        let mut program = Program::daypass(self.folder.path());
        for (name, value) in &self.environment {
            program = program.env(name, value.as_str());
        }
        let mut command = program.command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--account-id", ACCOUNT]);
        command.args(["--region", REGION, "--data"]).arg(&self.data).args(&self.arguments);
        command
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

/// The one sentence with which a program ended that could not do what it was asked, with status 1.
#[track_caller]
pub fn sentence(finished: Finished) -> String {
    let said = finished.failed(1);
    let lines: Vec<&str> = said.lines().filter(|line| line.starts_with("daypass: ")).collect();
    let [line] = lines[..] else { panic!("no one sentence: {said}") };
    assert!(!said.contains("panicked"), "{said}");
    line.to_owned()
}
