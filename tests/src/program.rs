//! Running programs with an environment that holds only what we put there.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

/// A program about to be run: its environment starts empty except for `PATH` and a home folder,
/// so that nothing of the machine's own AWS or TLS settings reaches it.
#[derive(Debug)]
pub struct Program {
    path: PathBuf,
    home: PathBuf,
    environment: BTreeMap<String, String>,
}

impl Program {
    /// A program with `home` as its home folder.
    pub fn new(path: impl Into<PathBuf>, home: &Path) -> Self {
        Self { path: path.into(), home: home.to_owned(), environment: BTreeMap::new() }
    }

    /// The `daypass` binary that was built beside this test.
    pub fn daypass(home: &Path) -> Self {
        let path = profile_folder().join("daypass");
        assert!(
            path.exists(),
            "`{}` is missing: build it with `cargo build -p daypass`, or run `cargo xtask test`",
            path.display()
        );
        Self::new(path, home)
    }

    /// A client that `cargo xtask setup` installed.
    pub fn tool(name: &str, home: &Path) -> Self {
        let path = test_tools().join(name);
        assert!(path.exists(), "`{}` is missing: run `{}`", path.display(), setup(name));
        Self::new(path, home)
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.insert(name.to_owned(), value.into());
        self
    }

    /// Sets the environment variables.
    #[must_use]
    pub fn envs(mut self, variables: &[(&str, &str)]) -> Self {
        for (name, value) in variables {
            self.environment.insert((*name).to_owned(), (*value).to_owned());
        }
        self
    }

    /// The command, without input.
    pub fn command(&self) -> Command {
        let mut command = Command::new(&self.path);
        command.env_clear().env("HOME", &self.home).env("LANG", "C.UTF-8");
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command.envs(&self.environment).current_dir(&self.home).stdin(Stdio::null());
        command
    }

    /// Runs it to its end.
    pub fn run<I: IntoIterator<Item: AsRef<OsStr>>>(&self, arguments: I) -> Finished {
        let mut command = self.command();
        command.args(arguments);
        let output = match command.output() {
            Ok(output) => output,
            Err(error) => panic!("cannot run `{}`: {error}", self.path.display()),
        };
        Finished {
            what: format!("{command:?}"),
            code: output.status.code(),
            stdout: String::from_utf8_lossy(&output.stdout).into_owned(),
            stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

/// What installs a client.
fn setup(name: &str) -> &'static str {
    let large = ["prowler/", "custodian/"];
    match large.iter().any(|folder| name.starts_with(folder)) {
        true => "cargo xtask setup --long",
        false => "cargo xtask setup",
    }
}

/// Whether the longer variants are wanted: `cargo xtask test --long`.
pub fn long() -> bool {
    std::env::var_os("DAYPASS_LONG").is_some()
}

/// What a program left when it ended.
#[derive(Debug)]
pub struct Finished {
    /// The command line, for messages.
    pub what: String,
    /// The exit status; none when a signal ended it.
    pub code: Option<i32>,
    /// What it printed.
    pub stdout: String,
    /// What it complained about.
    pub stderr: String,
}

impl Finished {
    /// What it printed, having ended well.
    #[track_caller]
    pub fn ok(self) -> String {
        assert!(
            self.code == Some(0),
            "{} ended with {:?}\n--- stdout\n{}\n--- stderr\n{}",
            self.what,
            self.code,
            self.stdout,
            self.stderr
        );
        self.stdout
    }

    /// What it printed as JSON, having ended well.
    #[track_caller]
    pub fn json(self) -> Value {
        let what = self.what.clone();
        let text = self.ok();
        match serde_json::from_str(&text) {
            Ok(value) => value,
            Err(error) => panic!("{what} did not print JSON ({error}):\n{text}"),
        }
    }

    /// What it complained about, having ended with `code`.
    #[track_caller]
    pub fn failed(self, code: i32) -> String {
        assert!(
            self.code == Some(code),
            "{} ended with {:?}, not {code}\n--- stdout\n{}\n--- stderr\n{}",
            self.what,
            self.code,
            self.stdout,
            self.stderr
        );
        self.stderr
    }
}

/// The folder of the build profile, such as `target/debug`: test executables lie in `deps` there.
fn profile_folder() -> PathBuf {
    match std::env::current_exe() {
        Ok(test) => test.ancestors().nth(2).unwrap_or(Path::new("/")).to_owned(),
        Err(error) => panic!("cannot tell where this test lies: {error}"),
    }
}

/// Where `cargo xtask setup` puts the clients.
pub fn test_tools() -> PathBuf {
    profile_folder().parent().unwrap_or(Path::new("/")).join("test-tools")
}
