//! A deployment in memory with everything that the requests need, and a client that signs for it.
//!
//! The trail is one in a folder, as the product's is, on a medium that never waits for a disk.

use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use anyhow::{Context as _, anyhow, ensure};
use bytes::Bytes;
use daypass_api::{App, Clock, Parts, Random, RandomFault, Received, Settings};
use daypass_audit::{Medium, OpenFile, Trail, TrailSettings};
use daypass_directory::{
    Directory, NewAccessKey, NewAccount, NewUser, NoRandomness, Note, NoteFault,
    OidcSettingsChange, RingChange, Rings, StaticKeys,
};
use daypass_names::{
    AccountId, Constrained, IssuerUrl, Partition, PolicyName, Region, UniqueId, UniqueIdKind,
    UserName,
};
use daypass_sigv4::{Credentials, Request, sign};
use daypass_store::memory::Memory;
use daypass_token::KeyEncryptionKey;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Response, Uri};
use jiff::Timestamp;
use tokio::runtime::{Builder, EnterGuard, Runtime};

pub(crate) const ACCOUNT: &str = "123456789012";
pub(crate) const ADMIN_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(crate) const ADMIN_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
pub(crate) const USER_AGENT: &str = "aws-cli/2.31.0 md/awscrt#0.27.6 ua/2.1 os/linux md/arch#x86_64 lang/python#3.13.7 cfg/retry-mode#standard";

/// How often the thread of the trail gets its turn to go to sleep: more than it needs.
const TURNS: u8 = 4;

/// The instant at which everything here happens.
pub(crate) fn now() -> anyhow::Result<Timestamp> {
    Ok("2026-01-02T03:04:05.678Z".parse()?)
}

#[derive(Debug)]
struct Standing(Timestamp);

impl Clock for Standing {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Different bytes at every call, the same in every run.
#[derive(Debug, Default)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed) + 1;
            let mixed = count.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.iter_mut().zip(mixed).for_each(|(byte, drawn)| *byte = drawn);
        }
        Ok(())
    }
}

/// Files whose writes nobody waits for.
#[derive(Debug)]
struct Hasty;

impl Medium for Hasty {
    fn sync(&self, _of: &OpenFile) -> std::io::Result<()> {
        Ok(())
    }

    fn sync_folder(&self, _folder: &Path) -> std::io::Result<()> {
        Ok(())
    }
}

/// A deployment with one account, whose user `admin` may do everything.
pub(crate) struct World {
    pub(crate) app: App,
    directory: Arc<Directory>,
    admin: Credentials,
    trail: Arc<Trail>,
    now: Timestamp,
    /// Writes to the directory are tasks of this runtime.
    runtime: Runtime,
    /// Removed last, when the trail has been closed.
    _folder: tempfile::TempDir,
}

impl World {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::tempdir()?;
        let runtime = Builder::new_current_thread().build()?;
        let now = now()?;
        let admin = Credentials::parse(ADMIN_KEY, ADMIN_SECRET, None)?;
        let settings = TrailSettings::new(folder.path().join("trail"));
        let trail = Arc::new(Trail::open_with(settings, now, Arc::new(Hasty))?);
        let (app, directory) = runtime.block_on(app(&admin, Arc::clone(&trail), now))?;
        Ok(Self { app, directory, admin, trail, now, runtime, _folder: folder })
    }

    /// Waits until the thread that writes the trail has nothing to do and sleeps.
    pub(crate) fn settle(&self) -> anyhow::Result<()> {
        self.runtime.block_on(self.trail.flush())?;
        // It has answered and goes to sleep. callgrind runs one thread at a time, in turn: when it
        // is our turn again the other has had one.
        for _ in 0..TURNS {
            thread::yield_now();
        }
        Ok(())
    }

    /// Until what is returned is dropped this thread is one of the runtime.
    pub(crate) fn enter(&self) -> EnterGuard<'_> {
        self.runtime.enter()
    }

    /// A user with a key and an inline policy.
    pub(crate) fn user(&self, name: &str, policy: &str) -> anyhow::Result<Credentials> {
        self.iam(&[("Action", "CreateUser"), ("UserName", name)])?;
        let put = [
            ("Action", "PutUserPolicy"),
            ("UserName", name),
            ("PolicyName", "p"),
            ("PolicyDocument", policy),
        ];
        self.iam(&put)?;
        credentials(&self.iam(&[("Action", "CreateAccessKey"), ("UserName", name)])?)
    }

    /// A role with that trust policy and an inline policy.
    pub(crate) fn role(&self, name: &str, trust: &str, policy: &str) -> anyhow::Result<()> {
        let create =
            [("Action", "CreateRole"), ("RoleName", name), ("AssumeRolePolicyDocument", trust)];
        self.iam(&create)?;
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", name),
            ("PolicyName", "p"),
            ("PolicyDocument", policy),
        ];
        self.iam(&put)?;
        Ok(())
    }

    /// An OpenID Connect provider with one audience, whose keys are these and are not fetched.
    pub(crate) fn provider(&self, url: &str, audience: &str, keys: &str) -> anyhow::Result<()> {
        let create = [
            ("Action", "CreateOpenIDConnectProvider"),
            ("Url", url),
            ("ClientIDList.member.1", audience),
        ];
        self.iam(&create)?;
        let (account, url) = (AccountId::parse(ACCOUNT)?, IssuerUrl::parse(url)?);
        let keys = Some(Some(StaticKeys::parse(keys)?));
        let change = OidcSettingsChange { keys, ..OidcSettingsChange::default() };
        self.runtime.block_on(async {
            let id = self.directory.oidc_provider(account, &url).await?.id;
            self.directory.change_oidc_settings(account, id, &change, &noted).await?;
            clear_outbox(&self.directory).await
        })
    }

    /// A SAML provider of that metadata.
    pub(crate) fn saml_provider(&self, name: &str, metadata: &str) -> anyhow::Result<()> {
        let create =
            [("Action", "CreateSAMLProvider"), ("Name", name), ("SAMLMetadataDocument", metadata)];
        self.iam(&create)?;
        Ok(())
    }

    fn iam(&self, params: &[(&str, &str)]) -> anyhow::Result<String> {
        self.call(&self.admin, "iam", params)
    }

    /// The body of the reply to a call that must succeed.
    pub(crate) fn call(
        &self,
        credentials: &Credentials,
        service: &str,
        params: &[(&str, &str)],
    ) -> anyhow::Result<String> {
        let received = self.received(credentials, service, params)?;
        let reply = self.runtime.block_on(self.app.handle(received));
        // What was written is now in the trail, and the outbox as empty as upkeep leaves it.
        self.runtime.block_on(self.app.deliver_notes())?;
        let body = text(&reply)?;
        ensure!(reply.status() == 200, "set-up was refused: {body}");
        Ok(body.to_owned())
    }

    /// A signed POST of a form.
    pub(crate) fn received(
        &self,
        credentials: &Credentials,
        service: &str,
        params: &[(&str, &str)],
    ) -> anyhow::Result<Received> {
        let (mut headers, body) = unsigned(service, params);
        let added = {
            let pairs: Vec<(&str, &[u8])> =
                headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
            let request = Request { method: "POST", path: "/", query: "", headers: &pairs };
            sign(&request, body.as_bytes(), credentials, "us-east-1", service, self.now)
        };
        for (name, value) in added {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_str(&value)?);
        }
        Ok(self.arrived(headers, body))
    }

    /// A POST of a form that STS takes from whoever has what is in it.
    pub(crate) fn bearing(&self, params: &[(&str, &str)]) -> Received {
        let (headers, body) = unsigned("sts", params);
        self.arrived(headers, body)
    }

    fn arrived(&self, headers: HeaderMap, body: String) -> Received {
        Received {
            id: self.app.request_id(),
            at: self.now,
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            source_is_shared: true,
            told_by: None,
            secure_transport: false,
            method: Method::POST,
            uri: Uri::from_static("/"),
            headers,
            body: Bytes::from(body),
        }
    }
}

/// The head and the body of a POST of a form.
fn unsigned(service: &str, params: &[(&str, &str)]) -> (HeaderMap, String) {
    let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
    let body = form(&[params, &[("Version", version)]].concat());
    let mut headers = HeaderMap::new();
    for (name, value) in [
        ("host", "localhost:4700"),
        ("accept-encoding", "identity"),
        ("user-agent", USER_AGENT),
        ("content-type", "application/x-www-form-urlencoded; charset=utf-8"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    headers.insert("content-length", HeaderValue::from(body.len()));
    (headers, body)
}

/// The text of a reply.
pub(crate) fn text(reply: &Response<Bytes>) -> anyhow::Result<&str> {
    Ok(std::str::from_utf8(reply.body())?)
}

/// The credentials in a reply.
pub(crate) fn credentials(body: &str) -> anyhow::Result<Credentials> {
    let element = |name: &str| {
        let (_, rest) = body.split_once(&format!("<{name}>"))?;
        Some(rest.split_once(&format!("</{name}>"))?.0)
    };
    let needed = |name| element(name).with_context(|| format!("no {name} in {body}"));
    Ok(Credentials::parse(
        needed("AccessKeyId")?,
        needed("SecretAccessKey")?,
        element("SessionToken"),
    )?)
}

/// The form body of these parameters, encoded as the SDKs do.
pub(crate) fn form(params: &[(&str, &str)]) -> String {
    let encoded = |text: &str| -> String {
        let byte = |byte: u8| match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02X}"),
        };
        text.bytes().map(byte).collect()
    };
    let pair = |(name, value): &(&str, &str)| format!("{}={}", encoded(name), encoded(value));
    params.iter().map(pair).collect::<Vec<_>>().join("&")
}

async fn app(
    admin: &Credentials,
    trail: Arc<Trail>,
    now: Timestamp,
) -> anyhow::Result<(App, Arc<Directory>)> {
    let partition = Partition::Aws;
    let store = Arc::new(Memory::new());
    let random = Arc::new(Counter::default());
    let kek = KeyEncryptionKey::from_random([1; 32])?;
    let drawn = Arc::clone(&random);
    let fill = move |bytes: &mut [u8]| drawn.fill(bytes).map_err(|_| NoRandomness);
    let rings = Rings::open(store.clone(), &kek, None, &fill, now, &noted::<RingChange>).await?;
    let rings = Arc::new(rings);
    let directory = Arc::new(Directory::new(store, rings.clone(), partition));
    directory.load_revocations().await?;
    found(&directory, admin, now).await?;
    let app = App::new(Parts {
        directory: Arc::clone(&directory),
        rings,
        trail,
        refusals: None,
        clock: Arc::new(Standing(now)),
        random,
        fetch: Arc::new(daypass_api::NoFetch),
        settings: Settings {
            partition,
            region: Region::parse("us-east-1")?,
            regions: None,
            signing_regions: None,
            allow_empty_region: false,
            rate_limits: daypass_api::RateLimits::default(),
            federation_plain_http: false,
            saml: daypass_api::SamlAddresses::default(),
            strict_audit: false,
        },
    })?;
    Ok((app, directory))
}

/// Makes the account and its administrator.
async fn found(
    directory: &Directory,
    admin: &Credentials,
    created: Timestamp,
) -> anyhow::Result<()> {
    let account = AccountId::parse(ACCOUNT)?;
    directory.create_account(NewAccount { id: account, created }, &noted).await?;
    let user = NewUser {
        account,
        id: UniqueId::from_random(UniqueIdKind::User, [9; 11]),
        name: UserName::parse("admin")?,
        path: daypass_names::Path::default(),
        created,
        boundary: None,
        tags: Vec::new(),
    };
    let user = directory.create_user(user, &noted).await?;
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = PolicyName::parse("AdministratorAccess")?;
    directory.put_user_policy(account, user.id, policy, all, &noted).await?;
    let key = NewAccessKey {
        id: admin.access_key_id.clone(),
        secret: admin.secret_access_key.clone(),
        nonce: [3; 24],
        created,
    };
    directory.create_access_key(account, user.id, key, &noted).await?;
    clear_outbox(directory).await
}

/// Takes away the notes of what no call has made, so that there is nothing to bring to the trail.
async fn clear_outbox(directory: &Directory) -> anyhow::Result<()> {
    let waiting = directory.outbox(100).await?;
    let keys: Vec<_> = waiting.iter().map(|(key, _)| key.clone()).collect();
    directory.clear_outbox(&keys).await.map_err(|error| anyhow!("{error}"))
}

/// The note of what is made without a call.
fn noted<T: ?Sized>(_made: &T) -> Result<Note, NoteFault> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let event_id = format!("00000000-0000-0000-0000-{number:012x}");
    Ok(Note { at: Timestamp::UNIX_EPOCH, event_id, line: b"{}".to_vec() })
}
