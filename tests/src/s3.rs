//! The S3 gateway as its tests need it: a backend, a server in front of it, roles, and clients that
//! have sessions of theirs.

use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::{fs, io};

use daypass_s3_folder::S3Folder;
use daypass_sigv4::{Request, sign};
use rustls::ServerConfig;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::client::path_text;
use crate::{ACCOUNT, Call, Client, Keys, REGION, SeaweedFs, Server, Wire, long, now, scratch};

/// What the gateway signs with at its backend: the public example.
pub const BACKEND_KEYS: (&str, &str) =
    ("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY");

/// A backend of which a test counts what reaches it.
#[derive(Debug)]
pub struct Folder {
    server: S3Folder,
    _folder: std::sync::Arc<TempDir>,
}

impl Folder {
    /// An empty one.
    #[track_caller]
    pub fn start() -> Self {
        Self::started(|folder| S3Folder::start(folder, BACKEND_KEYS.0, BACKEND_KEYS.1))
    }

    /// An empty one with other keys, id and secret.
    #[track_caller]
    pub fn with_keys((id, secret): (&str, &str)) -> Self {
        Self::started(|folder| S3Folder::start(folder, id, secret))
    }

    /// An empty one that speaks TLS.
    #[track_caller]
    pub fn with_tls(tls: std::sync::Arc<ServerConfig>) -> Self {
        let (id, secret) = BACKEND_KEYS;
        Self::started(|folder| S3Folder::start_tls(folder, id, secret, tls))
    }

    #[track_caller]
    fn started(start: impl FnOnce(&Path) -> io::Result<S3Folder>) -> Self {
        let folder = scratch();
        match start(folder.path()) {
            Ok(server) => Self { server, _folder: folder },
            Err(error) => panic!("the backend does not start: {error}"),
        }
    }
}

impl std::ops::Deref for Folder {
    type Target = S3Folder;

    fn deref(&self) -> &S3Folder {
        &self.server
    }
}

/// What stores the objects in the end.
#[derive(Debug)]
pub enum Backend {
    /// s3s-fs, in the process of the test.
    Folder(Folder),
    /// SeaweedFS, one for all tests of a process.
    SeaweedFs(&'static SeaweedFs),
}

impl Backend {
    /// Its URL.
    pub fn url(&self) -> String {
        match self {
            Self::Folder(folder) => folder.url(),
            Self::SeaweedFs(server) => server.url().to_owned(),
        }
    }

    /// As the scripts are told.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Folder(_) => "folder",
            Self::SeaweedFs(_) => "seaweedfs",
        }
    }
}

/// Both kinds of backends.
pub fn backends() -> [Backend; 2] {
    [Backend::Folder(Folder::start()), Backend::SeaweedFs(SeaweedFs::shared())]
}

/// A server with its gateway.
#[derive(Debug)]
pub struct Gateway {
    /// The server.
    pub server: Server,
    url: String,
    /// Where the keys for the backend lie.
    _folder: std::sync::Arc<TempDir>,
}

impl Gateway {
    /// Starts a server with a gateway in front of the backend, and more arguments.
    #[track_caller]
    pub fn start(backend_url: &str, more: &[&str]) -> Self {
        Self::start_with_keys(backend_url, BACKEND_KEYS, more)
    }

    /// The same with other keys for the backend, id and secret.
    #[track_caller]
    pub fn start_with_keys(backend_url: &str, (id, secret): (&str, &str), more: &[&str]) -> Self {
        let folder = scratch();
        let path = folder.path().join("backend");
        write_private(
            &path,
            &format!("[default]\naws_access_key_id = {id}\naws_secret_access_key = {secret}\n"),
        );
        let credentials = path_text(&path);
        let own = [
            "--s3-listen",
            "127.0.0.1:0",
            "--s3-backend",
            backend_url,
            "--s3-backend-credentials",
            &credentials,
            "--rate-limit-address",
            "off",
        ];
        let server = Server::start_with(&[&own, more].concat(), &[]);
        let told = server.line_after("S3 gateway on ");
        let url = told.split_once(',').map_or(&*told, |(url, _)| url).to_owned();
        Self { server, url, _folder: folder }
    }

    /// Where clients find the gateway: `http://127.0.0.1:PORT`.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Host and port, as a client's `Host` header has them.
    pub fn host(&self) -> &str {
        self.url.split_once("://").map_or("", |(_, host)| host)
    }

    /// A connection to it.
    pub fn connect(&self) -> Wire {
        match self.host().parse() {
            Ok(address) => Wire::connect(address),
            Err(error) => panic!("`{}` is no address: {error}", self.url),
        }
    }

    /// Makes a role that everybody in the account may assume, with one policy, and returns its ARN.
    #[track_caller]
    pub fn role(&self, name: &str, statements: &Value) -> String {
        let trust = json!([{
            "Effect": "Allow",
            "Principal": {"AWS": format!("arn:aws:iam::{ACCOUNT}:root")},
            "Action": ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"],
        }]);
        self.role_for(name, &trust, statements)
    }

    /// Makes a role of any trust policy, with one policy, and returns its ARN.
    #[track_caller]
    pub fn role_for(&self, name: &str, trust: &Value, statements: &Value) -> String {
        let arn = crate::web_identity::role_for(&self.server, name, trust);
        self.put_role_policy(name, statements);
        arn
    }

    /// Replaces the role's policy.
    #[track_caller]
    pub fn put_role_policy(&self, name: &str, statements: &Value) {
        let document = json!({"Version": "2012-10-17", "Statement": statements}).to_string();
        let put = [("RoleName", name), ("PolicyName", "own"), ("PolicyDocument", &*document)];
        Call::iam("PutRolePolicy", &put).send(&self.server, &self.server.admin()).ok();
    }

    /// Temporary credentials of a role.
    #[track_caller]
    pub fn assume(&self, role: &str) -> Keys {
        self.assume_with(role, &[])
    }

    /// The same, with more parameters.
    #[track_caller]
    pub fn assume_with(&self, role: &str, more: &[(&str, &str)]) -> Keys {
        let mut parameters = vec![("RoleArn", role), ("RoleSessionName", "tester")];
        parameters.extend_from_slice(more);
        Call::sts("AssumeRole", &parameters).keys(&self.server, &self.server.admin())
    }

    /// A client with these keys, a bucket's name of its own and what the scripts are told.
    pub fn client(&self, keys: &Keys, backend: &Backend) -> Client {
        self.prepared(Client::with_keys(&self.server, keys), backend)
    }

    /// The same without keys.
    pub fn client_without_keys(&self, backend: &Backend) -> Client {
        self.prepared(Client::without_keys(&self.server), backend)
    }

    fn prepared(&self, client: Client, backend: &Backend) -> Client {
        client
            .env("AWS_ENDPOINT_URL_S3", self.url())
            .env("BACKEND", backend.name())
            .env("BUCKET", bucket())
            .env("LARGE", large().to_string())
    }
}

/// How many bytes are large: more in a long run.
pub fn large() -> u32 {
    if long() { 200 << 20 } else { 24 << 20 }
}

/// What allows everything of S3.
pub fn everything() -> Value {
    json!([{"Effect": "Allow", "Action": "s3:*", "Resource": "*"}])
}

/// A bucket's name that no other test of this process has.
pub fn bucket() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(1);
    format!("bucket-{}", NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Writes a file that only its owner reads.
#[track_caller]
fn write_private(path: &Path, text: &str) {
    use std::io::Write as _;
    use std::os::unix::fs::OpenOptionsExt as _;
    let file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let written = file.and_then(|mut file| file.write_all(text.as_bytes()));
    assert!(written.is_ok(), "cannot write `{}`: {written:?}", path.display());
}

/// A request without a body to the gateway, signed in its headers, and header lines that are not.
#[track_caller]
pub fn signed(gateway: &Gateway, keys: &Keys, method: &str, target: &str, lines: &str) -> Vec<u8> {
    request(gateway, keys, (method, target), lines, b"")
}

/// A request with a body, whose hash is signed, and header lines that are not.
#[track_caller]
pub fn signed_body(
    gateway: &Gateway,
    keys: &Keys,
    method: &str,
    target: &str,
    body: &[u8],
    lines: &str,
) -> Vec<u8> {
    request(gateway, keys, (method, target), lines, body)
}

fn request(
    gateway: &Gateway,
    keys: &Keys,
    (method, target): (&str, &str),
    lines: &str,
    body: &[u8],
) -> Vec<u8> {
    let headers = [("host", gateway.host().as_bytes())];
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let unsigned = Request { method, path, query, headers: &headers };
    let added = sign(&unsigned, body, &keys.credentials(), REGION, "s3", now());
    let added: String = added.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    let (host, length) = (gateway.host(), body.len());
    let length = match method {
        "PUT" | "POST" => format!("content-length: {length}\r\n"),
        _ => String::new(),
    };
    let head = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n{added}{length}{lines}\r\n");
    [head.as_bytes(), body].concat()
}
