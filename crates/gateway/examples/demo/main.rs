//! The S3 gateway in a minute: `cargo run --release -p daypass-gateway --example demo`.
//!
//! A small S3 server on a temporary folder knows one pair of keys and nothing of users, roles or
//! policies. Daypass in front of it knows them all. Everything is on the loopback interface, every
//! answer is compared with the expected one, and nothing is left behind. The exit status is 1 when an
//! answer is another one.

use std::fs;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use daypass_demo::{Client, OwnServer, Reply, Service};
use daypass_s3_folder::S3Folder;
use daypass_server::operator::{self, protocol};
use daypass_server::{Config, Home, Layer};
use daypass_sigv4::Credentials;

/// The one pair of keys of the S3 server, which only the gateway knows.
const BACKEND_ID: &str = "AKIABACKENDEXAMPLE";
const BACKEND_SECRET: &str = "backend-example-secret-access-key";

pub(crate) fn main() -> anyhow::Result<()> {
    let folder = tempfile::tempdir()?;
    let objects = folder.path().join("objects");
    fs::create_dir(&objects)?;
    // It has a thread of its own, as a server elsewhere would.
    let backend = S3Folder::start(&objects, BACKEND_ID, BACKEND_SECRET)?;
    tokio::runtime::Runtime::new()?.block_on(show(folder.path(), &backend))
}

/// Starts the gateway, and tells the story.
async fn show(folder: &Path, backend: &S3Folder) -> anyhow::Result<()> {
    let keys = folder.join("backend-keys");
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&keys)?;
    writeln!(file, "{BACKEND_ID}\n{BACKEND_SECRET}")?;

    let data = folder.join("data");
    let layer = Layer {
        listen: Some("127.0.0.1:0".to_owned()),
        data: Some(data.clone()),
        ephemeral: Some(true),
        s3_listen: Some("127.0.0.1:0".to_owned()),
        s3_backend: Some(backend.url()),
        s3_backend_credentials: Some(keys),
        ..Layer::default()
    };
    let server = OwnServer::start(Config::resolve(layer, &Home::default())?).await?;
    let gateway = server.s3_address.context("there is no gateway")?;
    say(&format!(
        "An S3 server on a folder: {}\nThe gateway before it:   http://{}\n",
        backend.url(),
        gateway
    ));
    let story = Story {
        sts: Client::new(server.address),
        s3: Client::new(gateway),
        account: server.account.to_string(),
        admin: server.admin.clone(),
        data,
    };
    let told = story.tell().await;
    server.stop().await?;
    if told.is_ok() {
        say("\nEvery answer was the expected one.");
    }
    told
}

/// What the steps have in common.
struct Story {
    sts: Client,
    s3: Client,
    account: String,
    admin: Credentials,
    data: PathBuf,
}

impl Story {
    async fn tell(&self) -> anyhow::Result<()> {
        let admin = &self.admin;
        say("1. The administrator makes a bucket and puts two objects into it.");
        self.s3("admin", admin, ("PUT", "/photos", ""), "", 200).await?;
        self.s3("admin", admin, ("PUT", "/photos/susan/cat.txt", ""), "a cat\n", 200).await?;
        self.s3("admin", admin, ("PUT", "/photos/bob/dog.txt", ""), "a dog\n", 200).await?;

        say("\n2. Susan gets a session by GetFederationToken. No policy allows her anything.");
        let susan = self.call(Service::Sts, "GetFederationToken", &[("Name", "Susan")]).await?;
        let susan = &susan.credentials()?;
        self.s3("Susan", susan, ("GET", "/photos/susan/cat.txt", ""), "", 403).await?;

        say("\n3. A bucket policy lets her in, to what is hers.");
        let policy = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{
    "Effect": "Allow",
    "Principal": {{"AWS": "arn:aws:sts::{}:federated-user/Susan"}},
    "Action": "s3:GetObject",
    "Resource": "arn:aws:s3:::photos/susan/*"}}]}}"#,
            self.account
        );
        say(&policy);
        self.s3("admin", admin, ("PUT", "/photos", "policy="), &policy, 204).await?;
        self.s3("Susan", susan, ("GET", "/photos/susan/cat.txt", ""), "", 200).await?;
        self.s3("Susan", susan, ("GET", "/photos/bob/dog.txt", ""), "", 403).await?;

        say(
            "\n4. A role may do everything in the bucket. A session policy narrows one session of it.",
        );
        let trust = format!(
            r#"{{"Version": "2012-10-17", "Statement": [{{"Effect": "Allow",
                "Principal": {{"AWS": "{}"}}, "Action": "sts:AssumeRole"}}]}}"#,
            self.account
        );
        let all = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "s3:*",
                "Resource": ["arn:aws:s3:::photos", "arn:aws:s3:::photos/*"]}]}"#;
        let narrow = r#"{"Version": "2012-10-17", "Statement": [{"Effect": "Allow",
                "Action": ["s3:GetObject", "s3:PutObject"],
                "Resource": "arn:aws:s3:::photos/bob/*"}]}"#;
        let of_role = [("RoleName", "photographer"), ("AssumeRolePolicyDocument", &trust)];
        self.call(Service::Iam, "CreateRole", &of_role).await?;
        let of_policy =
            [("RoleName", "photographer"), ("PolicyName", "photos"), ("PolicyDocument", all)];
        self.call(Service::Iam, "PutRolePolicy", &of_policy).await?;
        let arn = format!("arn:aws:iam::{}:role/photographer", self.account);
        let assume = [("RoleArn", &*arn), ("RoleSessionName", "bob"), ("Policy", narrow)];
        let bob = self.call(Service::Sts, "AssumeRole", &assume).await?;
        let bob = &bob.credentials()?;
        self.s3("Bob", bob, ("GET", "/photos/bob/dog.txt", ""), "", 200).await?;
        self.s3("Bob", bob, ("PUT", "/photos/bob/new.txt", ""), "new\n", 200).await?;
        self.s3("Bob", bob, ("GET", "/photos/susan/cat.txt", ""), "", 403).await?;
        self.s3("Bob", bob, ("DELETE", "/photos/bob/dog.txt", ""), "", 403).await?;

        say("\n5. An operator revokes Bob's session. The same key is refused from now on.");
        let target = protocol::Target::Session(bob.access_key_id.as_str().to_owned());
        let reason = Some("a demonstration".to_owned());
        let command = protocol::Command::Revoke { target, account: None, reason };
        operator::call(&self.data, &command, |_| {}).await?;
        self.s3("Bob", bob, ("GET", "/photos/bob/dog.txt", ""), "", 400).await?;
        Ok(())
    }

    /// One request to the gateway, whose answer must have that status.
    async fn s3(
        &self,
        who: &str,
        credentials: &Credentials,
        target: (&str, &str, &str),
        body: &str,
        expected: u16,
    ) -> anyhow::Result<()> {
        let (method, path, query) = target;
        let reply = self.s3.s3(credentials, target, body).await?;
        let mark = if query.is_empty() { "" } else { "?" };
        let what = match (reply.text("Code"), reply.text("Message")) {
            (Ok(code), message) => format!("{code}: {}", message.unwrap_or_default()),
            (Err(_), _) => reply.body.trim().to_owned(),
        };
        let told = format!("   {who}: {method} {path}{mark}{query} -> {} {what}", reply.status);
        say(told.trim_end());
        ensure!(reply.status == expected, "expected was {expected}");
        Ok(())
    }

    /// One call of the administrator's, which must be granted.
    async fn call(
        &self,
        service: Service,
        action: &str,
        parameters: &[(&str, &str)],
    ) -> anyhow::Result<Reply> {
        let reply = self.sts.call(&self.admin, service, action, parameters).await?;
        say(&format!("   admin: {}:{action} -> {}", service.name(), reply.status));
        ensure!(reply.status == 200, "{}", reply.body);
        Ok(reply)
    }
}

#[expect(clippy::print_stdout, reason = "to tell is what it is for")]
fn say(text: &str) {
    println!("{text}");
}
