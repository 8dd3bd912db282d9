//! The server as a process of its own: started, waited for, and ended by a signal.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::{Finished, Keys, Program, Wire};

/// The account that the tests' servers serve.
pub const ACCOUNT: &str = "123456789012";
/// The Region that the tests' servers and clients are set to.
pub const REGION: &str = "eu-west-1";

/// How long a server may take to answer: generous, since it only bounds a broken one.
const START: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM. It promises 10 seconds.
const STOP: Duration = Duration::from_secs(15);

/// A running server. Dropping it ends it by SIGTERM.
#[derive(Debug)]
pub struct Server {
    child: Child,
    /// Closed when both of the server's outputs are.
    lines: Receiver<String>,
    log: Arc<Mutex<String>>,
    folder: Arc<TempDir>,
    data: PathBuf,
    url: String,
}

impl Server {
    /// Starts a server that keeps everything in memory, on a port of its own.
    pub fn start() -> Self {
        Self::start_with(&[], &[])
    }

    /// Starts one with more arguments and environment variables.
    #[track_caller]
    pub fn start_with(arguments: &[&str], environment: &[(&str, &str)]) -> Self {
        let folder = scratch();
        let data = folder.path().join("data");
        let data_text = data.display().to_string();
        let mut all = vec![
            "serve",
            "--ephemeral",
            "--listen",
            "127.0.0.1:0",
            "--account-id",
            ACCOUNT,
            "--region",
            REGION,
            "--data",
            &data_text,
        ];
        all.extend_from_slice(arguments);
        match Self::launch(Arc::clone(&folder), data, &all, environment) {
            Ok(server) => server,
            Err(finished) => panic!("the server did not start: {finished:?}"),
        }
    }

    /// Runs `daypass` with exactly these arguments, in `folder`, until it listens; or returns how
    /// it ended. `data` is where the test expects it to write its files.
    pub fn launch(
        folder: Arc<TempDir>,
        data: PathBuf,
        arguments: &[&str],
        environment: &[(&str, &str)],
    ) -> Result<Self, Finished> {
        let temporary = folder.path().join("tmp");
        if let Err(error) = fs::create_dir_all(&temporary) {
            panic!("cannot make `{}`: {error}", temporary.display());
        }
        let program = Program::daypass(folder.path())
            .env("TMPDIR", temporary.display().to_string())
            .envs(environment);
        let mut command = program.command();
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let what = format!("{command:?}");
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {what}: {error}"),
        };
        let log = Arc::new(Mutex::new(String::new()));
        let (sender, lines) = channel();
        if let Some(stdout) = child.stdout.take() {
            follow(stdout, sender.clone(), Arc::clone(&log));
        }
        if let Some(stderr) = child.stderr.take() {
            follow(stderr, sender, Arc::clone(&log));
        }
        let mut server = Self { child, lines, log, folder, data, url: String::new() };
        loop {
            match server.lines.recv_timeout(START) {
                Ok(line) => {
                    if let Some(url) = line.strip_prefix("listening on ") {
                        server.url = url.to_owned();
                        return Ok(server);
                    }
                }
                Err(RecvTimeoutError::Timeout) => {
                    panic!("{what} does not listen:\n{}", server.log());
                }
                Err(RecvTimeoutError::Disconnected) => {
                    let (code, log) = server.ended();
                    return Err(Finished { what, code, stdout: String::new(), stderr: log });
                }
            }
        }
    }

    /// The address as the server printed it: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as a client's `Host` header has them.
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, host)| host)
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        match self.host().parse() {
            Ok(address) => address,
            Err(error) => panic!("`{}` is no address: {error}", self.url),
        }
    }

    /// The data folder.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The folder that holds the data folder; the server's home.
    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A connection to it.
    pub fn connect(&self) -> Wire {
        Wire::connect(self.address())
    }

    /// The first user's long-term keys, from the credentials file that the server wrote.
    pub fn admin(&self) -> Keys {
        let path = self.data.join("credentials");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) => panic!("cannot read `{}`: {error}", path.display()),
        };
        let value = |name: &str| {
            let found = text.lines().find_map(|line| {
                let (key, value) = line.split_once('=')?;
                (key.trim() == name).then(|| value.trim().to_owned())
            });
            found.unwrap_or_else(|| panic!("no `{name}` in `{}`", path.display()))
        };
        Keys { id: value("aws_access_key_id"), secret: value("aws_secret_access_key"), token: None }
    }

    /// Everything that it has printed so far, on both outputs.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Sends it a signal by name, such as `HUP`.
    pub fn signal(&self, name: &str) {
        // Signals have no safe call in the standard library; the shell's own `kill` does it.
        let sent = Command::new("sh")
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.child.id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name}");
    }

    /// Waits until it has printed a line that contains `text`.
    pub fn wait_for_line(&self, text: &str) {
        loop {
            match self.lines.recv_timeout(START) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(_) => panic!("the server never said `{text}`:\n{}", self.log()),
            }
        }
    }

    /// Keeps the folder until the returned value is dropped, even when the server is gone.
    pub fn keep_folder(&self) -> Arc<TempDir> {
        Arc::clone(&self.folder)
    }

    /// Ends it by SIGTERM and returns its exit status and all that it printed.
    pub fn stop(self) -> (Option<i32>, String) {
        self.signal("TERM");
        self.stopped()
    }

    /// Waits for it to end, which has been asked for.
    pub fn stopped(mut self) -> (Option<i32>, String) {
        self.ended()
    }

    fn ended(&mut self) -> (Option<i32>, String) {
        loop {
            match self.lines.recv_timeout(STOP) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    drop(self.child.kill());
                    panic!("the server does not end:\n{}", self.log());
                }
            }
        }
        let status = self.child.wait();
        (status.ok().and_then(|status| status.code()), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if matches!(self.child.try_wait(), Ok(Some(_))) {
            return;
        }
        if thread::panicking() {
            drop(self.child.kill());
            drop(self.child.wait());
            // What the server said usually explains the failure.
            print!("--- the server said\n{}", self.log());
            return;
        }
        self.signal("TERM");
        self.ended();
    }
}

/// A new folder, removed with its last owner.
pub fn scratch() -> Arc<TempDir> {
    match tempfile::Builder::new().prefix("daypass-test-").tempdir() {
        Ok(folder) => Arc::new(folder),
        Err(error) => panic!("cannot make a temporary folder: {error}"),
    }
}

/// Copies an output line by line to the log and to whoever waits.
fn follow(output: impl Read + Send + 'static, lines: Sender<String>, log: Arc<Mutex<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
            log.push_str(&line);
            log.push('\n');
            drop(log);
            // Nobody waiting is not an error: the log has the line.
            drop(lines.send(line));
        }
    });
}
