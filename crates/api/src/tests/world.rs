//! A deployment in memory and a client for it.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use daypass_audit::Trail;
use daypass_directory::{
    Directory, NewAccessKey, NewAccount, NewUser, NoRandomness, Note, NoteFault, RingChange, Rings,
};
use daypass_names::{
    AccountId, Constrained, Partition, Path, PolicyName, Region, UniqueId, UniqueIdKind, UserName,
};
use daypass_sigv4::{Credentials, Request, sign};
use daypass_store::Store;
use daypass_store::memory::Memory;
use daypass_token::KeyEncryptionKey;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Uri};
use jiff::{SignedDuration, Timestamp};

use crate::{
    App, Clock, Fetch, NoFetch, Parts, Random, RandomFault, RateLimits, Received, Settings,
};

pub(super) const ACCOUNT: &str = "123456789012";
pub(super) const ADMIN_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
pub(super) const ADMIN_SECRET: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

#[derive(Debug)]
struct TestClock(Mutex<Timestamp>);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        *self.0.lock().unwrap()
    }
}

/// Different bytes at every call, the same in every run.
#[derive(Debug)]
struct Counter(AtomicU64);

impl Random for Counter {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), RandomFault> {
        for chunk in bytes.chunks_mut(8) {
            let count = self.0.fetch_add(1, Ordering::Relaxed);
            let mixed = (count + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes();
            chunk.copy_from_slice(&mixed[..chunk.len()]);
        }
        Ok(())
    }
}

/// A reply.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) body: String,
}

impl Answer {
    /// The text of the first element of that name.
    pub(super) fn text(&self, element: &str) -> Option<&str> {
        let (_, rest) = self.body.split_once(&format!("<{element}>"))?;
        Some(rest.split_once(&format!("</{element}>"))?.0)
    }

    /// The credentials in the reply.
    pub(super) fn credentials(&self) -> Credentials {
        let text = |element| self.text(element).unwrap_or_else(|| panic!("{element}: {self:?}"));
        Credentials::parse(text("AccessKeyId"), text("SecretAccessKey"), self.text("SessionToken"))
            .unwrap()
    }

    #[track_caller]
    pub(super) fn ok(self) -> Self {
        assert_eq!(self.status, 200, "{}", self.body);
        self
    }

    #[track_caller]
    pub(super) fn refused(&self, status: u16, code: &str, message: &str) {
        let got = (self.status, self.text("Code"), self.text("Message"));
        // Replies escape quotes; the tables read better without.
        let message = message.replace('\'', "&apos;").replace('"', "&quot;");
        assert_eq!(got, (status, Some(code), Some(message.as_str())), "{}", self.body);
    }
}

/// A deployment with one account, whose user `admin` may do everything.
pub(super) struct World {
    pub(super) app: App,
    clock: Arc<TestClock>,
    trail: Arc<Trail>,
    pub(super) admin: Credentials,
}

impl World {
    pub(super) async fn new() -> Self {
        Self::with_trail(Trail::memory()).await
    }

    /// A deployment whose records go to `trail`.
    pub(super) async fn with_trail(trail: Trail) -> Self {
        Self::on(Arc::new(Memory::new()), trail).await
    }

    /// A deployment on `store` whose records go to `trail`.
    pub(super) async fn on(store: Arc<dyn Store>, trail: Trail) -> Self {
        Self::started(store, trail, "2026-01-02T03:04:05.678Z".parse().unwrap(), 0).await
    }

    /// A deployment that starts at that instant, perhaps on what an earlier one left; `chance` keeps
    /// the random bytes of the two apart.
    pub(super) async fn started(
        store: Arc<dyn Store>,
        trail: Trail,
        start: Timestamp,
        chance: u64,
    ) -> Self {
        Self::reaching(Arc::new(NoFetch), store, trail, start, chance).await
    }

    /// A deployment that fetches the documents of identity providers so.
    pub(super) async fn fetching(fetch: Arc<dyn Fetch>) -> Self {
        let start = "2026-01-02T03:04:05.678Z".parse().unwrap();
        Self::reaching(fetch, Arc::new(Memory::new()), Trail::memory(), start, 0).await
    }

    async fn reaching(
        fetch: Arc<dyn Fetch>,
        store: Arc<dyn Store>,
        trail: Trail,
        start: Timestamp,
        chance: u64,
    ) -> Self {
        let partition = Partition::Aws;
        let random = Arc::new(Counter(AtomicU64::new(chance)));
        let kek = KeyEncryptionKey::from_random([1; 32]).unwrap();
        let drawn = Arc::clone(&random);
        let fill = move |bytes: &mut [u8]| drawn.fill(bytes).map_err(|_| NoRandomness);
        let rings = Rings::open(store.clone(), &kek, None, &fill, start, &noted::<RingChange>);
        let rings = Arc::new(rings.await.unwrap());
        let directory = Directory::new(store, rings.clone(), partition);
        directory.load_revocations().await.unwrap();
        let credentials = Credentials::parse(ADMIN_KEY, ADMIN_SECRET, None).unwrap();
        if directory.accounts().await.unwrap().is_empty() {
            found(&directory, &credentials, start).await;
        }
        let clock = Arc::new(TestClock(Mutex::new(start)));
        let trail = Arc::new(trail);
        let app = App::new(Parts {
            directory: Arc::new(directory),
            rings,
            trail: trail.clone(),
            refusals: None,
            clock: clock.clone(),
            random,
            fetch,
            settings: Settings {
                partition,
                region: Region::parse("us-east-1").unwrap(),
                regions: None,
                signing_regions: None,
                allow_empty_region: false,
                strict_audit: false,
                rate_limits: RateLimits::default(),
                federation_plain_http: false,
                saml: crate::SamlAddresses::default(),
            },
        })
        .unwrap();
        Self { app, clock, trail, admin: credentials }
    }

    pub(super) fn now(&self) -> Timestamp {
        self.clock.now()
    }

    /// Moves the clock.
    pub(super) fn pass(&self, seconds: i64) {
        *self.clock.0.lock().unwrap() += SignedDuration::from_secs(seconds);
    }

    /// The trail.
    pub(super) fn trail(&self) -> Arc<Trail> {
        Arc::clone(&self.trail)
    }

    /// The records so far.
    pub(super) fn records(&self) -> Vec<serde_json::Value> {
        self.trail.lines().iter().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// A signed POST of a form.
    pub(super) async fn call(
        &self,
        credentials: &Credentials,
        service: &str,
        params: &[(&str, &str)],
    ) -> Answer {
        let form = self.form(credentials, service, params);
        self.send(form).await
    }

    pub(super) async fn sts(&self, credentials: &Credentials, params: &[(&str, &str)]) -> Answer {
        self.call(credentials, "sts", params).await
    }

    pub(super) async fn iam(&self, credentials: &Credentials, params: &[(&str, &str)]) -> Answer {
        self.call(credentials, "iam", params).await
    }

    /// The signed request of [`World::call`], to be changed before it is sent.
    pub(super) fn form(
        &self,
        credentials: &Credentials,
        service: &str,
        params: &[(&str, &str)],
    ) -> Received {
        let version = if service == "iam" { "2010-05-08" } else { "2011-06-15" };
        let mut body: String = params
            .iter()
            .map(|(name, value)| format!("{}={}&", encode(name), encode(value)))
            .collect();
        body.push_str("Version=");
        body.push_str(version);
        let mut received = self.unsigned(Method::POST, "/", &body);
        self.sign(&mut received, credentials, service);
        received
    }

    /// A request without a signature.
    pub(super) fn unsigned(&self, method: Method, target: &str, body: &str) -> Received {
        let mut headers = HeaderMap::new();
        headers.insert("host", HeaderValue::from_static("localhost:4700"));
        headers.insert("user-agent", HeaderValue::from_static("test/1"));
        Received {
            id: self.app.request_id(),
            at: self.now(),
            source_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
            source_is_shared: true,
            told_by: None,
            secure_transport: false,
            method,
            uri: target.parse::<Uri>().unwrap(),
            headers,
            body: Bytes::from(body.to_owned()),
        }
    }

    /// Signs a request as it stands.
    pub(super) fn sign(&self, received: &mut Received, credentials: &Credentials, service: &str) {
        let added = {
            let pairs: Vec<(&str, &[u8])> =
                received.headers.iter().map(|(n, v)| (n.as_str(), v.as_bytes())).collect();
            let request = Request {
                method: received.method.as_str(),
                path: received.uri.path(),
                query: received.uri.query().unwrap_or_default(),
                headers: &pairs,
            };
            sign(&request, &received.body, credentials, "eu-west-1", service, self.now())
        };
        for (name, value) in added {
            let name = HeaderName::from_static(name);
            received.headers.insert(name, HeaderValue::from_str(&value).unwrap());
        }
    }

    pub(super) async fn send(&self, received: Received) -> Answer {
        let response = self.app.handle(received).await;
        // The trail may be one that fails.
        let _ = self.app.deliver_notes().await;
        Answer {
            status: response.status().as_u16(),
            body: String::from_utf8(response.body().to_vec()).unwrap(),
        }
    }

    /// A user with a key, and an inline policy if one is given.
    pub(super) async fn user(&self, name: &str, policy: Option<&str>) -> Credentials {
        self.iam(&self.admin, &[("Action", "CreateUser"), ("UserName", name)]).await.ok();
        if let Some(policy) = policy {
            let put = [
                ("Action", "PutUserPolicy"),
                ("UserName", name),
                ("PolicyName", "p"),
                ("PolicyDocument", policy),
            ];
            self.iam(&self.admin, &put).await.ok();
        }
        let create = [("Action", "CreateAccessKey"), ("UserName", name)];
        self.iam(&self.admin, &create).await.ok().credentials()
    }

    /// A role with that trust policy, and an inline policy if one is given.
    pub(super) async fn role(&self, name: &str, trust: &str, policy: Option<&str>) {
        let create = [
            ("Action", "CreateRole"),
            ("RoleName", name),
            ("AssumeRolePolicyDocument", trust),
            ("MaxSessionDuration", "7200"),
        ];
        self.iam(&self.admin, &create).await.ok();
        if let Some(policy) = policy {
            self.put_role_policy(name, policy).await;
        }
    }

    pub(super) async fn put_role_policy(&self, role: &str, policy: &str) {
        let put = [
            ("Action", "PutRolePolicy"),
            ("RoleName", role),
            ("PolicyName", "p"),
            ("PolicyDocument", policy),
        ];
        self.iam(&self.admin, &put).await.ok();
    }

    /// An AssumeRole call with a session name.
    pub(super) async fn assume(
        &self,
        credentials: &Credentials,
        role: &str,
        more: &[(&str, &str)],
    ) -> Answer {
        let arn = format!("arn:aws:iam::{ACCOUNT}:role/{role}");
        let mut params = vec![
            ("Action", "AssumeRole"),
            ("RoleArn", arn.as_str()),
            ("RoleSessionName", "session-1"),
        ];
        params.extend_from_slice(more);
        self.sts(credentials, &params).await
    }

    pub(super) async fn whoami(&self, credentials: &Credentials) -> Answer {
        self.sts(credentials, &[("Action", "GetCallerIdentity")]).await
    }
}

/// Makes the account and its administrator.
async fn found(directory: &Directory, credentials: &Credentials, start: Timestamp) {
    let account = AccountId::parse(ACCOUNT).unwrap();
    let admin = UserName::parse("admin").unwrap();
    directory.create_account(NewAccount { id: account, created: start }, &noted).await.unwrap();
    let user = NewUser {
        account,
        id: UniqueId::from_random(UniqueIdKind::User, [9; 11]),
        name: admin,
        path: Path::default(),
        created: start,
        boundary: None,
        tags: Vec::new(),
    };
    let user = directory.create_user(user, &noted).await.unwrap();
    let all =
        r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"*","Resource":"*"}}"#;
    let policy = PolicyName::parse("AdministratorAccess").unwrap();
    directory.put_user_policy(account, user.id, policy, all, &noted).await.unwrap();
    let key = NewAccessKey {
        id: credentials.access_key_id.clone(),
        secret: credentials.secret_access_key.clone(),
        nonce: [3; 24],
        created: start,
    };
    directory.create_access_key(account, user.id, key, &noted).await.unwrap();
    // What was made here no call has made.
    while let waiting @ [_, ..] = &*directory.outbox(100).await.unwrap() {
        let keys: Vec<_> = waiting.iter().map(|(key, _)| key.clone()).collect();
        directory.clear_outbox(&keys).await.unwrap();
    }
}

/// The note of what a test makes without a call.
pub(super) fn noted<T: ?Sized>(_made: &T) -> Result<Note, NoteFault> {
    static MADE: AtomicU64 = AtomicU64::new(0);
    let number = MADE.fetch_add(1, Ordering::Relaxed);
    let event_id = format!("00000000-0000-0000-0000-{number:012x}");
    Ok(Note { at: Timestamp::UNIX_EPOCH, event_id, line: b"{}".to_vec() })
}

/// A trust policy that names one principal, with a condition if one is given.
pub(super) fn trust(principal: &str, condition: &str) -> String {
    let condition =
        if condition.is_empty() { String::new() } else { format!(r#","Condition":{condition}"#) };
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"Allow","Principal":{principal},"Action":"sts:AssumeRole"{condition}}}}}"#
    )
}

/// The trust policy that names the whole account.
pub(super) fn trust_account() -> String {
    trust(&format!(r#"{{"AWS":"arn:aws:iam::{ACCOUNT}:root"}}"#), "")
}

/// An identity policy of one statement.
pub(super) fn statement(effect: &str, action: &str, resource: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":{{"Effect":"{effect}","Action":"{action}","Resource":"{resource}"}}}}"#
    )
}

pub(super) fn encode(text: &str) -> String {
    text.bytes()
        .map(|byte| {
            if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) {
                char::from(byte).to_string()
            } else {
                format!("%{byte:02X}")
            }
        })
        .collect()
}
