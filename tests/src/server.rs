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

use serde_json::Value;
use tempfile::TempDir;

use crate::client::path_text;
use crate::{Finished, Keys, Program, Wire};

/// The account that the tests' servers serve.
pub const ACCOUNT: &str = "123456789012";
/// The Region that the tests' servers and clients are set to.
pub const REGION: &str = "eu-west-1";

/// How long a server may take to answer: generous, since it only bounds a broken one.
const START: Duration = Duration::from_secs(60);
/// How long a server may take to end after SIGTERM. It promises 10 seconds.
const STOP: Duration = Duration::from_secs(15);

/// A running server. Dropping it ends it by SIGTERM. Threads may share it.
#[derive(Debug)]
pub struct Server {
    child: Mutex<Child>,
    /// Closed when both of the server's outputs are.
    lines: Mutex<Receiver<String>>,
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
        command.args(arguments);
        Self::run(folder, data, command)
    }

    /// Runs a command that becomes a server, until it listens; or returns how it ended.
    pub fn run(
        folder: Arc<TempDir>,
        data: PathBuf,
        mut command: Command,
    ) -> Result<Self, Finished> {
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
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
        let (child, lines) = (Mutex::new(child), Mutex::new(lines));
        let mut server = Self { child, lines, log, folder, data, url: String::new() };
        loop {
            let line = server.next_line(START);
            match line {
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
            .args(["-c", "kill -s \"$0\" \"$1\"", name, &self.process_id().to_string()])
            .status();
        assert!(sent.is_ok_and(|status| status.success()), "cannot send SIG{name}");
    }

    /// Ends it by SIGKILL, at once: what it has under way is cut off.
    pub fn kill(&self) {
        let killed = self.child.lock().unwrap_or_else(PoisonError::into_inner).kill();
        assert!(killed.is_ok(), "cannot kill the server: {killed:?}");
    }

    /// Its process id.
    pub fn process_id(&self) -> u32 {
        self.child.lock().unwrap_or_else(PoisonError::into_inner).id()
    }

    /// Runs an operator's command, such as `status`, on its data folder.
    pub fn operate(&self, arguments: &[&str]) -> Finished {
        Program::daypass(self.folder()).env("DAYPASS_DATA", path_text(&self.data)).run(arguments)
    }

    /// The same with its answer in JSON, having ended well.
    #[track_caller]
    pub fn operate_json(&self, arguments: &[&str]) -> Value {
        self.operate(&[arguments, &["--json"]].concat()).json()
    }

    /// The status and the text of `/healthz`.
    #[track_caller]
    pub fn health(&self) -> (u16, String) {
        let request = format!("GET /healthz HTTP/1.1\r\nHost: {}\r\n\r\n", self.host());
        match self.connect().send(request).reply() {
            Some(reply) => (reply.status, reply.body),
            None => panic!("no reply from /healthz:\n{}", self.log()),
        }
    }

    /// Waits until it has printed a line that contains `text`.
    pub fn wait_for_line(&self, text: &str) {
        loop {
            match self.next_line(START) {
                Ok(line) if line.contains(text) => return,
                Ok(_) => {}
                Err(_) => panic!("the server never said `{text}`:\n{}", self.log()),
            }
        }
    }

    /// Waits for a line that begins with `start`, and returns the rest of it.
    #[track_caller]
    pub fn line_after(&self, start: &str) -> String {
        loop {
            match self.next_line(START) {
                Ok(line) => {
                    if let Some(rest) = line.strip_prefix(start) {
                        return rest.to_owned();
                    }
                }
                Err(_) => panic!("the server never said `{start}`:\n{}", self.log()),
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
    pub fn stopped(self) -> (Option<i32>, String) {
        self.ended()
    }

    fn next_line(&self, patience: Duration) -> Result<String, RecvTimeoutError> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).recv_timeout(patience)
    }

    fn ended(&self) -> (Option<i32>, String) {
        loop {
            match self.next_line(STOP) {
                Ok(_) => {}
                Err(RecvTimeoutError::Disconnected) => break,
                Err(RecvTimeoutError::Timeout) => {
                    self.kill();
                    panic!("the server does not end:\n{}", self.log());
                }
            }
        }
        let status = self.child.lock().unwrap_or_else(PoisonError::into_inner).wait();
        (status.ok().and_then(|status| status.code()), self.log())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let child = self.child.get_mut().unwrap_or_else(PoisonError::into_inner);
        if matches!(child.try_wait(), Ok(Some(_))) {
            return;
        }
        if thread::panicking() {
            drop(child.kill());
            drop(child.wait());
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
