//! The AWS clients, each with a home folder and an environment of its own.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tempfile::TempDir;

use crate::program::test_tools;
use crate::server::{REGION, scratch};
use crate::{Finished, Keys, Program, Server};

/// Somebody at a terminal: a home folder and the environment variables that point AWS clients at
/// a server.
#[derive(Clone, Debug)]
pub struct Client {
    home: Arc<TempDir>,
    environment: Vec<(String, String)>,
}

impl Client {
    /// Uses the profile `daypass` of the files that the server wrote, as its own output suggests.
    pub fn with_profile(server: &Server) -> Self {
        Self::new()
            .env("AWS_PROFILE", "daypass")
            .env("AWS_SHARED_CREDENTIALS_FILE", path_text(&server.data().join("credentials")))
            .env("AWS_CONFIG_FILE", path_text(&server.data().join("config")))
    }

    /// Has credentials in the environment.
    pub fn with_keys(server: &Server, keys: &Keys) -> Self {
        let client = Self::new()
            .env("AWS_ENDPOINT_URL", server.url())
            .env("AWS_ACCESS_KEY_ID", keys.id.as_str())
            .env("AWS_SECRET_ACCESS_KEY", keys.secret.as_str());
        match &keys.token {
            Some(token) => client.env("AWS_SESSION_TOKEN", token.as_str()),
            None => client,
        }
    }

    /// Has no credentials, and must find some.
    pub fn without_keys(server: &Server) -> Self {
        Self::new().env("AWS_ENDPOINT_URL", server.url())
    }

    fn new() -> Self {
        // botocore reads the default Region, the others `AWS_REGION`. Nothing may fall through
        // to the metadata service of the machine that the tests run on.
        Self { home: scratch(), environment: Vec::new() }
            .env("AWS_DEFAULT_REGION", REGION)
            .env("AWS_REGION", REGION)
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .env("AWS_PAGER", "")
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.environment.push((name.to_owned(), value.into()));
        self
    }

    /// The home folder.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Writes a file into the home folder and returns its path.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.home().join(name);
        if let Err(error) = fs::write(&path, text) {
            panic!("cannot write `{}`: {error}", path.display());
        }
        path
    }

    /// Runs the AWS CLI.
    pub fn aws(&self, arguments: &[&str]) -> Finished {
        let timeouts = ["--cli-connect-timeout", "10", "--cli-read-timeout", "30"];
        self.tool("python/bin/aws").run(arguments.iter().chain(&timeouts))
    }

    /// Runs a script of `tests/python`.
    pub fn python(&self, script: &str) -> Finished {
        self.python_of("python", script)
    }

    /// Runs one with the packages of another list than most.
    pub fn python_of(&self, packages: &str, script: &str) -> Finished {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("python").join(script);
        let python = self.tool(&format!("{packages}/bin/python"));
        python.env("PYTHONDONTWRITEBYTECODE", "1").run([path])
    }

    /// Runs a playbook of `tests/ansible`.
    pub fn ansible(&self, playbook: &str) -> Finished {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("ansible");
        self.tool("ansible/bin/ansible-playbook")
            .env("ANSIBLE_CONFIG", path_text(&folder.join("ansible.cfg")))
            .env("LC_ALL", "C.UTF-8")
            .run([folder.join(playbook)])
    }

    /// Runs a script of `tests/js`.
    pub fn node(&self, script: &str) -> Finished {
        let packages = test_tools().join("js/node_modules");
        assert!(packages.exists(), "`{}` is missing: run `cargo xtask setup`", packages.display());
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("js").join(script);
        self.prepared(Program::new("node", self.home()))
            .env("DAYPASS_NODE_MODULES", path_text(&packages))
            .run([path])
    }

    /// Runs the program of `tests/java`.
    pub fn java(&self) -> Finished {
        let jar = test_tools().join("java/h2o.jar");
        let classes = test_tools().join("java-client");
        for path in [&jar, &classes] {
            let missing = "is missing: run `cargo xtask setup --long`";
            assert!(path.exists(), "`{}` {missing}", path.display());
        }
        let class_path = format!("{}:{}", path_text(&classes), path_text(&jar));
        // Java takes its own words for what is written in, before version 18.
        self.prepared(Program::new("java", self.home())).run([
            "-Dfile.encoding=UTF-8",
            "-cp",
            &class_path,
            "Sts",
        ])
    }

    /// Runs one test of the calling executable, which finds this environment there.
    pub fn this_test(&self, name: &str) -> Finished {
        let executable = match std::env::current_exe() {
            Ok(path) => path,
            Err(error) => panic!("cannot tell where this test lies: {error}"),
        };
        let program = self.prepared(Program::new(executable, self.home()));
        program.run(["--exact", name, "--nocapture"])
    }

    /// Runs a shell script, in which `aws` is the AWS CLI, until a command fails.
    pub fn shell(&self, script: &str) -> Finished {
        let path = self.write("script", script);
        let tools = test_tools().join("python/bin");
        let machine = std::env::var("PATH").unwrap_or_default();
        self.prepared(Program::new("bash", self.home()))
            .env("PATH", format!("{}:{machine}", path_text(&tools)))
            .run([Path::new("-eu"), &path])
    }

    /// The client that `cargo xtask setup` installed at a path below its folder.
    pub fn tool(&self, path: &str) -> Program {
        self.prepared(Program::tool(path, self.home()))
    }

    fn prepared(&self, mut program: Program) -> Program {
        for (name, value) in &self.environment {
            program = program.env(name, value.as_str());
        }
        program
    }
}

pub(crate) fn path_text(path: &Path) -> String {
    path.display().to_string()
}
