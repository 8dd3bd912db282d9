//! The commands for a running server, against the binary itself.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const DAYPASS: &str = env!("CARGO_BIN_EXE_daypass");

/// A server on a data folder of its own.
struct Server {
    process: Child,
    folder: PathBuf,
}

impl Server {
    fn start(name: &str, ephemeral: bool) -> Self {
        let folder = std::env::temp_dir().join(format!("dp-{}-{name}", std::process::id()));
        let _ = fs::remove_dir_all(&folder);
        let mut command = daypass();
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--log", "off"])
            .arg("--data")
            .arg(&folder);
        if ephemeral {
            command.arg("--ephemeral");
        }
        let mut process = command.stdout(Stdio::piped()).spawn().unwrap();
        // The announcement is made when everything is bound.
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains("listening on")), "no announcement");
        Self { process, folder }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        daypass().args(arguments).arg("--data").arg(&self.folder).output().unwrap()
    }

    /// Standard output of a command that works.
    #[track_caller]
    fn works(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {said}");
        assert_eq!(said, "", "{arguments:?}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Standard error of a command that does not.
    #[track_caller]
    fn fails(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        assert!(output.stdout.is_empty(), "{arguments:?}");
        String::from_utf8(output.stderr).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn daypass() -> Command {
    let mut command = Command::new(DAYPASS);
    command.env_clear();
    command
}

#[test]
fn an_operator_runs_a_server() {
    let server = Server::start("runs", false);
    let status = server.works(&["status"]);
    for part in ["health       ok", "accounts     1", "sessions  1    active", "store"] {
        assert!(status.contains(part), "{part}: {status}");
    }
    let json: serde_json::Value =
        serde_json::from_str(&server.works(&["status", "--json"])).unwrap();
    assert_eq!(json["accounts"], 1);

    let file = server.folder.join("new-account");
    let path = file.to_str().unwrap();
    let made = server.works(&[
        "account",
        "create",
        "--account-id",
        "123456789012",
        "--credentials-file",
        path,
    ]);
    assert!(made.contains("123456789012") && !made.contains("aws_secret"), "{made}");
    assert_eq!(fs::metadata(&file).unwrap().mode() & 0o7777, 0o600);
    assert!(fs::read_to_string(&file).unwrap().contains("aws_secret_access_key = "));
    assert!(server.fails(&["account", "create", "--credentials-file", path]).contains(path));
    // Standard output is a pipe here, and nobody said that the secret may go there.
    assert!(server.fails(&["account", "create"]).contains("--print"));
    let printed = server.works(&["account", "create", "--print"]);
    assert!(printed.contains("aws_secret_access_key = "), "{printed}");
    assert_eq!(server.works(&["account", "list"]).lines().count(), 4);
    // A refusal leaves no empty file behind.
    let other = server.folder.join("other");
    let create = ["account", "create", "--account-id", "123456789012", "--credentials-file"];
    let refused = server.fails(&[&create[..], &[other.to_str().unwrap()]].concat());
    assert!(refused.contains("already exists"), "{refused}");
    assert!(!other.exists());

    let rotated = server.works(&["keys", "rotate"]);
    assert!(rotated.contains("key 2 of the ring sessions"), "{rotated}");
    let compromised = server.works(&["keys", "compromise", "1"]);
    assert!(compromised.contains("refused from now on"), "{compromised}");

    assert!(server.fails(&["revoke", "user", "admin"]).contains("--account"));
    let user = ["revoke", "user", "admin", "--account", "123456789012", "--reason", "a test"];
    let revoked = server.works(&user);
    assert!(revoked.contains("update-access-key"), "{revoked}");
    let listed: serde_json::Value =
        serde_json::from_str(&server.works(&["revoke", "list", "--json"])).unwrap();
    let id = listed["revocations"][0]["id"].as_str().unwrap();
    assert_eq!(listed["revocations"][0]["reason"], "a test");
    assert!(server.works(&["revoke", "undo", id]).contains("undone"));
    assert_eq!(server.works(&["revoke", "list"]), "Nothing is revoked.\n");

    let backup = server.folder.with_extension("backup");
    let path = backup.to_str().unwrap();
    assert!(server.works(&["backup", path]).contains("key-encryption key is not in it"));
    assert!(fs::metadata(&backup).unwrap().len() > 0);
    assert!(server.fails(&["backup", path]).contains("never overwrites"));
    fs::remove_file(&backup).unwrap();
    // Where the server would take it for something of its own.
    let inside = server.folder.join("backup");
    assert!(server.fails(&["backup", inside.to_str().unwrap()]).contains("in the data folder"));
}

#[test]
fn a_server_in_memory_is_operated_as_well() {
    let server = Server::start("memory", true);
    assert!(server.works(&["status"]).contains("in memory"));
    assert!(server.fails(&["backup", "file"]).contains("--ephemeral"));
}

#[test]
fn without_a_server_it_is_said_what_to_do() {
    let folder = std::env::temp_dir().join(format!("dp-{}-nobody", std::process::id()));
    let output = daypass().arg("status").arg("--data").arg(&folder).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("no server runs on") && said.contains("daypass serve"), "{said}");
    let output = daypass().arg("status").output().unwrap();
    assert_eq!(output.status.code(), Some(1), "neither a folder nor a home");
    assert!(!folder.exists());
}
