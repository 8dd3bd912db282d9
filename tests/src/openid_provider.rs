//! A real OpenID Provider, the npm package oidc-provider, as a process of its own: `tests/provider`.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use crate::program::test_tools;
use crate::{Authority, Program, scratch};

/// The secret of all its clients, a public example.
pub const CLIENT_SECRET: &str = "wJalrXUtnFEMI-K7MDENG-bPxRfiCYEXAMPLEKEY";

/// A running provider. It ends with this value.
pub struct OpenIdProvider {
    issuer: String,
    child: Child,
    pipes: Option<Mutex<Pipes>>,
    folder: std::sync::Arc<tempfile::TempDir>,
}

struct Pipes {
    commands: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl OpenIdProvider {
    /// One without TLS.
    #[track_caller]
    pub fn plain() -> Self {
        Self::start(None)
    }

    /// One with a certificate of that authority.
    #[track_caller]
    pub fn tls(authority: &Authority) -> Self {
        Self::start(Some(authority))
    }

    #[track_caller]
    fn start(authority: Option<&Authority>) -> Self {
        let packages = test_tools().join("openid-provider/node_modules");
        assert!(packages.exists(), "`{}` is missing: run `cargo xtask setup`", packages.display());
        let folder = scratch();
        let path = |name: &str| folder.path().join(name);
        let text = |name: &str| path(name).display().to_string();
        let mut program = Program::new("node", folder.path())
            .env("DAYPASS_NODE_MODULES", packages.display().to_string());
        if let Some(authority) = authority {
            authority.issue(&path("tls.pem"), &path("tls.key"));
            assert!(std::fs::write(path("ca.pem"), authority.pem()).is_ok(), "cannot write");
            program = program
                .env("CERTIFICATE", text("tls.pem"))
                .env("KEY", text("tls.key"))
                .env("NODE_EXTRA_CA_CERTS", text("ca.pem"));
        }
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("provider/provider.mjs");
        let mut command = program.command();
        command.arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::inherit());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {command:?}: {error}"),
        };
        let (Some(commands), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            panic!("{command:?} has no input or no output");
        };
        let mut pipes = Pipes { commands, answers: BufReader::new(answers) };
        let issuer = pipes.line();
        Self { issuer, child, pipes: Some(Mutex::new(pipes)), folder }
    }

    /// Its URL, which its tokens name as their issuer.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }

    /// A file with the certificate of its authority; there is none without TLS.
    pub fn authority_file(&self) -> String {
        self.folder.path().join("ca.pem").display().to_string()
    }

    /// A token of the machine client `ci-ALGORITHM`, for that audience.
    #[track_caller]
    pub fn machine_token(&self, algorithm: &str, audience: &str) -> String {
        self.token(&json!({"make": "access", "algorithm": algorithm, "audience": audience}))
    }

    /// The ID token of somebody who logs in to the application `app`.
    #[track_caller]
    pub fn id_token(&self, account: &str) -> String {
        self.token(&json!({"make": "id", "account": account}))
    }

    /// An access token that is no JWT.
    #[track_caller]
    pub fn opaque_token(&self) -> String {
        self.token(&json!({"make": "opaque"}))
    }

    /// Signs with new keys from now on, beside which the old ones stay published.
    #[track_caller]
    pub fn rotate(&self) {
        self.ask(&json!({"rotate": "keep"}));
    }

    /// The same, but the old keys are gone.
    #[track_caller]
    pub fn replace_keys(&self) {
        self.ask(&json!({"rotate": "drop"}));
    }

    #[track_caller]
    fn token(&self, asked: &Value) -> String {
        let answer = self.ask(asked);
        match answer.pointer("/token").and_then(Value::as_str) {
            Some(token) => token.to_owned(),
            None => panic!("no token for {asked}: {answer}"),
        }
    }

    #[track_caller]
    fn ask(&self, asked: &Value) -> Value {
        let Some(pipes) = &self.pipes else { panic!("the provider is gone") };
        let mut pipes = pipes.lock().unwrap_or_else(PoisonError::into_inner);
        let line = format!("{asked}\n");
        assert!(pipes.commands.write_all(line.as_bytes()).is_ok(), "the provider is gone");
        let answer = pipes.line();
        match serde_json::from_str(&answer) {
            Ok(answer) => answer,
            Err(error) => panic!("the provider answered `{answer}` to {asked}: {error}"),
        }
    }
}

impl Pipes {
    #[track_caller]
    fn line(&mut self) -> String {
        let mut line = String::new();
        match self.answers.read_line(&mut line) {
            Ok(read) if read > 0 => line.trim_end().to_owned(),
            _ => panic!("the OpenID Provider ended; it said why above"),
        }
    }
}

impl Drop for OpenIdProvider {
    fn drop(&mut self) {
        // Its input's end is its own.
        self.pipes = None;
        drop(self.child.wait());
    }
}

impl fmt::Debug for OpenIdProvider {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenIdProvider").field("issuer", &self.issuer).finish_non_exhaustive()
    }
}
