//! The three ways to an object: directly, through nginx as a plain proxy, through the gateway.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use daypass_sigv4::{Credentials, Request, sign};
use jiff::Timestamp;

use crate::client;
use crate::measure::Programs;
use crate::process::Server;
use crate::request::{Call, REGION, Service};
use crate::workload;

/// How long nginx may take to listen.
const START: Duration = Duration::from_secs(30);

/// What the gateway signs with at the backend, which checks nothing: the public example.
const BACKEND_KEYS: &str = "[default]\naws_access_key_id = AKIAIOSFODNN7EXAMPLE\n\
    aws_secret_access_key = wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY\n";

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Principal":
    {"AWS":"123456789012"},"Action":"sts:AssumeRole"}}"#;
/// As a job has it that works in one place of a bucket.
const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[
    {"Effect":"Allow","Action":["s3:GetObject","s3:PutObject"],"Resource":"arn:aws:s3:::bench/object-*"},
    {"Effect":"Allow","Action":["s3:ListBucket","s3:CreateBucket"],"Resource":"arn:aws:s3:::bench"},
    {"Effect":"Deny","Action":"s3:*","Resource":"arn:aws:s3:::bench/secret/*"}]}"#;

/// A server on the way.
#[derive(Debug)]
pub(crate) struct Place {
    pub(crate) process: Server,
    pub(crate) address: SocketAddr,
}

/// All of them.
#[derive(Debug)]
pub(crate) struct Places {
    pub(crate) backend: Place,
    pub(crate) nginx: Place,
    pub(crate) gateway: Place,
    /// A session of a role.
    pub(crate) keys: Credentials,
}

impl Places {
    /// Starts them. The proxies have the servers' cores; the backend shares that of the load.
    pub(crate) fn start(
        programs: &Programs,
        objects: &Path,
        nginx: &Path,
        folder: &Path,
    ) -> anyhow::Result<Self> {
        let mut process = Server::start(Command::new(objects), "backend", folder)?;
        let backend = Place { address: process.address()?, process };
        let nginx = programs.cores.for_server(|| start_nginx(nginx, backend.address, folder))?;
        let keys_file = folder.join("backend-keys");
        write_private(&keys_file, BACKEND_KEYS)?;
        let data = folder.join("data");
        let (mut process, api) = programs.cores.for_server(|| {
            let mut command = programs.serve(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), &data);
            command.args(["--s3-listen", "127.0.0.1:0", "--s3-backend"]);
            command.arg(format!("http://{}", backend.address));
            command.arg("--s3-backend-credentials").arg(&keys_file);
            let mut process = Server::start(command, "daypass", folder)?;
            let api = process.address()?;
            Ok((process, api))
        })?;
        let address = process.address_after("S3 gateway on http://")?;
        let gateway = Place { process, address };
        let keys = session(api, &data)?;
        let made = signed(address, &keys, "PUT", "/bench", b"", None);
        let (status, text) = client::exchange(TcpStream::connect(address)?, &made)?;
        if status != 200 {
            bail!("the gateway makes no bucket: {status} {text}");
        }
        Ok(Self { backend, nginx, gateway, keys })
    }
}

/// The head of a request to the gateway, which is sent to the others as it is. `payload` is what the
/// signature says of the body where that is not its hash.
pub(crate) fn signed(
    gateway: SocketAddr,
    keys: &Credentials,
    method: &str,
    target: &str,
    body: &[u8],
    payload: Option<&str>,
) -> Vec<u8> {
    let host = gateway.to_string();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = vec![("host", host.as_bytes())];
    if let Some(payload) = payload {
        headers.push(("x-amz-content-sha256", payload.as_bytes()));
    }
    let unsigned = Request { method, path, query, headers: &headers };
    let added = sign(&unsigned, body, keys, REGION, "s3", Timestamp::now());
    let mut head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    if let Some(payload) = payload {
        head.push_str(&format!("x-amz-content-sha256: {payload}\r\n"));
    }
    for (name, value) in added {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if method == "PUT" {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    head.push_str(
        "user-agent: Boto3/1.44.5 md/Botocore#1.44.5\r\naccept-encoding: identity\r\n\r\n",
    );
    head.into_bytes()
}

fn session(api: SocketAddr, data: &Path) -> anyhow::Result<Credentials> {
    let admin = workload::admin(data)?;
    let call = |service, action, parameters: &[(&str, &str)]| {
        client::call(api, &admin, &Call { service, action, parameters })
    };
    let role = [("RoleName", "bench"), ("AssumeRolePolicyDocument", TRUST)];
    call(Service::Iam, "CreateRole", &role)?;
    let put = [("RoleName", "bench"), ("PolicyName", "own"), ("PolicyDocument", POLICY)];
    call(Service::Iam, "PutRolePolicy", &put)?;
    let assume =
        [("RoleArn", "arn:aws:iam::123456789012:role/bench"), ("RoleSessionName", "bench")];
    client::keys(&call(Service::Sts, "AssumeRole", &assume)?)
}

fn start_nginx(nginx: &Path, backend: SocketAddr, folder: &Path) -> anyhow::Result<Place> {
    let folder = folder.join("nginx");
    fs::create_dir_all(&folder)?;
    // Taken and given back: nginx cannot choose one itself and tell.
    let address = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?;
    let config = folder.join("nginx.conf");
    fs::write(&config, nginx_config(address, backend, &folder))?;
    let mut command = Command::new(nginx);
    command.arg("-p").arg(&folder).arg("-c").arg(&config).args(["-e", "stderr"]);
    let mut process = Server::start(command, "nginx", &folder)?;
    let until = Instant::now() + START;
    while TcpStream::connect(address).is_err() {
        process.must_live()?;
        if Instant::now() > until {
            bail!("nginx does not listen after {START:?}");
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    Ok(Place { process, address })
}

/// A plain proxy that streams both ways: bodies go on as they come, and none lands in a file. Its
/// buffers are larger than the default, with which it would take several times as many system calls
/// for a large object. One process, as it has one core.
fn nginx_config(listen: SocketAddr, backend: SocketAddr, folder: &Path) -> String {
    let folder = folder.display();
    let temporary: String = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
        .iter()
        .map(|kind| format!("  {kind}_temp_path {folder}/{kind};\n"))
        .collect();
    format!(
        "daemon off;\nmaster_process off;\npid {folder}/nginx.pid;\nerror_log stderr;\n\
         events {{ worker_connections 1024; }}\n\
         http {{\n{temporary}  access_log off;\n  tcp_nodelay on;\n  client_max_body_size 0;\n  \
         keepalive_requests 1000000000;\n  upstream backend {{\n    server {backend};\n    \
         keepalive 64;\n    keepalive_requests 1000000000;\n  }}\n  server {{\n    listen {listen};\n    \
         location / {{\n      proxy_pass http://backend;\n      proxy_http_version 1.1;\n      \
         proxy_set_header Connection \"\";\n      proxy_set_header Host $http_host;\n      \
         proxy_request_buffering off;\n      proxy_max_temp_file_size 0;\n      \
         proxy_buffer_size 64k;\n      proxy_buffers 8 64k;\n      \
         proxy_busy_buffers_size 128k;\n      client_body_buffer_size 64k;\n    }}\n  }}\n}}\n"
    )
}

fn write_private(path: &PathBuf, text: &str) -> anyhow::Result<()> {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    file.and_then(|mut file| file.write_all(text.as_bytes()))
        .with_context(|| format!("cannot write `{}`", path.display()))
}
