//! nginx, Caddy and Envoy with the very files of `docs/authorize`, in front of a small service: what
//! they let through, what they refuse and how, and what a client can make them believe.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use daypass_sigv4::{Request, presign, sign, sign_with_payload};
use daypass_tests::{
    ACCOUNT, Authority, Call, Identity, Keys, Place, Proxy, ProxyKind, REGION, Reply, Server,
    Upstream, Wire, now, text, until, whole_trail,
};
use jiff::SignedDuration;
use rcgen::ExtendedKeyUsagePurpose;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use serde_json::Value;

const LAKE: &str = "EXAMPLE-lake-0123456789abcdef0123456789abcdef";
const NOTES: &str = "EXAMPLE-notes-fedcba9876543210fedcba9876543210";
const S3_HOST: &str = "s3.example.com";
const NOTES_HOST: &str = "notes.example.com";

/// What Ann may do: of the bucket `lake` she reads what is hers, and of the notes all.
const POLICY: &str = r#"{"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Action": ["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"],
     "Resource": "arn:aws:s3:::lake/${aws:username}/*"},
    {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": "arn:aws:s3:::lake",
     "Condition": {"StringLike": {"s3:prefix": "ann/*"}}},
    {"Sid": "Sealed", "Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::lake/ann/sealed/*"},
    {"Effect": "Allow", "Action": "notes:ReadNote",
     "Resource": "arn:aws:notes:eu-west-1:123456789012:notes/*"}]}"#;

/// A deployment that proxies ask, and the service behind them.
struct Deployment {
    place: Place,
    server: Server,
    asked: String,
    upstream: Upstream,
    ann: Keys,
}

impl Deployment {
    fn start() -> Self {
        let place = Place::new();
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/authorize/services.toml");
        let services = place.beside("services.toml");
        fs::copy(example, &services).unwrap();
        fs::set_permissions(&services, fs::Permissions::from_mode(0o600)).unwrap();
        let services = services.display().to_string();
        let place = place.with(&[
            "--forward-auth-listen",
            "127.0.0.1:0",
            "--forward-auth-services",
            &services,
        ]);
        let server = place.start();
        let asked = server.line_after("proxies ask on http://");
        for (name, host, signing_name) in [("lake", S3_HOST, "s3"), ("notes", NOTES_HOST, "notes")]
        {
            let principal = format!("{name}.example.com");
            let register = ["service", "register", name, "--principal", &principal];
            let of = ["--account", ACCOUNT, "--host", host, "--signing-name", signing_name];
            server.operate(&[&register[..], &of[..]].concat()).ok();
        }
        let admin = server.admin();
        let own = [("UserName", "ann")];
        Call::iam("CreateUser", &own).send(&server, &admin).ok();
        let policy = [("UserName", "ann"), ("PolicyName", "own"), ("PolicyDocument", POLICY)];
        Call::iam("PutUserPolicy", &policy).send(&server, &admin).ok();
        let ann = Call::iam("CreateAccessKey", &own).keys(&server, &admin);
        Self { place, server, asked, upstream: Upstream::start(), ann }
    }

    fn proxy(&self, kind: ProxyKind, secret: &str) -> Proxy {
        Proxy::start(kind, &self.asked, self.upstream.address(), secret)
    }
}

/// A request of a client.
#[derive(Clone)]
struct Sent {
    method: &'static str,
    target: String,
    headers: Vec<(String, String)>,
    body: &'static str,
}

impl Sent {
    /// A signed GET of S3.
    fn get(keys: &Keys, target: &str) -> Self {
        Self::signed(keys, "GET", ("s3", S3_HOST), target, &[], "", SignedDuration::ZERO)
    }

    fn signed(
        keys: &Keys,
        method: &'static str,
        (service, host): (&str, &str),
        target: &str,
        more: &[(&str, &str)],
        body: &'static str,
        age: SignedDuration,
    ) -> Self {
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let own = [("host", host)];
        let all: Vec<_> = own.iter().chain(more).copied().collect();
        let fields: Vec<_> = all.iter().map(|(name, value)| (*name, value.as_bytes())).collect();
        let request = Request { method, path, query, headers: &fields };
        let (credentials, at) = (keys.credentials(), now() - age);
        let added = match service {
            // As most clients do over TLS.
            "s3" if !body.is_empty() => {
                sign_with_payload(&request, "UNSIGNED-PAYLOAD", &credentials, REGION, "s3", at)
            }
            _ => sign(&request, body.as_bytes(), &credentials, REGION, service, at),
        };
        let all = all.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
        let added = added.into_iter().map(|(name, value)| (name.to_owned(), value));
        let headers = all.chain(added).collect();
        Self { method, target: target.to_owned(), headers, body }
    }

    /// With one header more, which is not signed.
    fn and(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    #[track_caller]
    fn send(&self, mut wire: Wire) -> Reply {
        let reply = wire.send(self.text()).reply();
        reply.unwrap_or_else(|| panic!("no reply to {}", self.target))
    }

    fn text(&self) -> String {
        let mut head = format!("{} {} HTTP/1.1\r\n", self.method, self.target);
        for (name, value) in &self.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        let says_length = self.headers.iter().any(|(name, _)| name == "content-length");
        if !self.body.is_empty() && !says_length {
            head.push_str(&format!("content-length: {}\r\n", self.body.len()));
        }
        format!("{head}\r\n{}", self.body)
    }
}

/// The value of a header in the head that the service got.
fn header<'a>(head: &'a str, name: &str) -> Vec<&'a str> {
    let fields = head.lines().filter_map(|line| line.split_once(':'));
    let is_it =
        |(key, value): (&'a str, &'a str)| key.eq_ignore_ascii_case(name).then_some(value.trim());
    fields.filter_map(is_it).collect()
}

#[test]
fn every_proxy_lets_through_what_is_allowed_and_nothing_else() {
    let all = Deployment::start();
    for kind in ProxyKind::ALL {
        let proxy = all.proxy(kind, LAKE);
        let before = all.upstream.heads().len();
        let send = |sent: &Sent| sent.send(proxy.connect());
        let zero = SignedDuration::ZERO;

        // The path arrives as it was signed, and who signed is told.
        let got = send(&Sent::get(&all.ann, "/lake/ann/a%20b/c%2Bd/%C3%A9?versionId=7"));
        assert_eq!(got.status, 200, "{kind:?}: {got:?}\n{}", all.server.log());
        assert!(got.body.starts_with("GET /lake/ann/a%20b/c%2Bd/%C3%A9?versionId=7 "), "{got:?}");
        let arn = header(&got.body, "x-daypass-principal-arn");
        assert_eq!(arn, ["arn:aws:iam::123456789012:user/ann"], "{kind:?}: {got:?}");
        assert_eq!(header(&got.body, "x-daypass-account"), [ACCOUNT]);
        assert_eq!(header(&got.body, "x-daypass-access-key-id"), [&*all.ann.id]);
        // A bucket in the host name, a list with its condition keys, a presigned request.
        let virtual_host = ("s3", "lake.s3.example.com");
        let below = Sent::signed(&all.ann, "GET", virtual_host, "/ann/k", &[], "", zero);
        assert_eq!(send(&below).status, 200, "{kind:?}");
        let list = Sent::get(&all.ann, "/lake?list-type=2&prefix=ann%2F");
        assert_eq!(send(&list).status, 200, "{kind:?}");
        let fields = [("host", S3_HOST.as_bytes())];
        let request = Request { method: "GET", path: "/lake/ann/k", query: "", headers: &fields };
        let query = presign(&request, b"", &all.ann.credentials(), REGION, "s3", 60, now());
        let presigned = Sent {
            method: "GET",
            target: format!("/lake/ann/k?{query}"),
            headers: vec![("host".to_owned(), S3_HOST.to_owned())],
            body: "",
        };
        assert_eq!(send(&presigned).status, 200, "{kind:?}");
        // An upload whose signature covers its length, as several SDKs sign.
        let put = |length| {
            let more = [("content-length", length)];
            Sent::signed(&all.ann, "PUT", ("s3", S3_HOST), "/lake/ann/k", &more, "hello", zero)
        };
        let uploaded = send(&put("5"));
        assert_eq!(uploaded.status, 200, "{kind:?}: {uploaded:?}\n{}", all.server.log());
        assert_eq!(header(&uploaded.body, "content-length"), ["5"]);
        assert_eq!(all.upstream.heads().len() - before, 5, "{kind:?}");

        // What is refused, in S3's words; nginx knows 403 alone.
        let invalid = if kind == ProxyKind::Nginx { 403 } else { 400 };
        let mut longer = put("4");
        let length = longer.headers.iter_mut().find(|(name, _)| name == "content-length").unwrap();
        length.1 = "5".to_owned();
        let secret = "x".repeat(40);
        let wrong = Keys { secret, ..all.ann.clone() };
        let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..all.ann.clone() };
        let hour = SignedDuration::from_hours(1);
        let old = Sent::signed(&all.ann, "GET", ("s3", S3_HOST), "/lake/ann/k", &[], "", hour);
        let get = |target| Sent::get(&all.ann, target);
        let unsigned =
            Sent { headers: vec![("host".to_owned(), S3_HOST.to_owned())], ..get("/lake/ann/k") };
        let elsewhere = ("s3", "sts.example.com");
        let elsewhere = Sent::signed(&all.ann, "GET", elsewhere, "/lake/ann/k", &[], "", zero);
        let moved = Sent { target: "/lake/ann/other".to_owned(), ..get("/lake/ann/k") };
        let mut presigned_more = presigned.clone();
        presigned_more.target.push_str("&versionId=7");
        let session = Keys { token: Some("x".repeat(200)), ..all.ann.clone() };
        let delete =
            Sent::signed(&all.ann, "POST", ("s3", S3_HOST), "/lake?delete", &[], "<Delete/>", zero);
        for (what, sent, status, code) in [
            ("another's", get("/lake/bob/k"), 403, "AccessDenied"),
            ("denied", get("/lake/ann/sealed/k"), 403, "AccessDenied"),
            ("another bucket", get("/pond/ann/k"), 403, "AccessDenied"),
            ("another list", get("/lake?list-type=2&prefix=bob%2F"), 403, "AccessDenied"),
            ("wrong secret", Sent::get(&wrong, "/lake/ann/k"), 403, "SignatureDoesNotMatch"),
            ("unknown key", Sent::get(&unknown, "/lake/ann/k"), 403, "InvalidAccessKeyId"),
            ("a token of nobody", Sent::get(&session, "/lake/ann/k"), invalid, "InvalidToken"),
            ("too old", old, 403, "RequestTimeTooSkewed"),
            ("not signed", unsigned, 403, "AccessDenied"),
            ("another host", elsewhere, 403, "AccessDenied"),
            ("another path", moved, 403, "SignatureDoesNotMatch"),
            ("a parameter more", presigned_more, 403, "SignatureDoesNotMatch"),
            ("another length", longer, 403, "SignatureDoesNotMatch"),
            ("what hangs on the body", delete, 403, "NotImplemented"),
        ] {
            let reply = send(&sent);
            let outcome = reply.outcome();
            assert_eq!(outcome, (status, code.to_owned()), "{kind:?}, {what}: {reply:?}");
            assert_eq!(reply.header("content-type"), Some("application/xml"), "{kind:?}, {what}");
            let (id, length) = (reply.expect("RequestId"), reply.body.len());
            assert_eq!(
                (id.len(), reply.header("content-length")),
                (36, Some(&*length.to_string()))
            );
        }
        let reply = send(&get("/lake/ann/sealed/k"));
        assert!(
            reply.expect("Message").starts_with(
                "User: arn:aws:iam::123456789012:user/ann is not authorized to perform: \
                 s3:GetObject on resource: \"arn:aws:s3:::lake/ann/sealed/k\" with an explicit deny"
            ),
            "{reply:?}"
        );
        assert_eq!(all.upstream.heads().len() - before, 5, "{kind:?}");
    }
    let (code, log) = all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    // The record is the caller's own, and names the service that asked.
    let records = whole_trail(all.place.data());
    let own: Vec<&Value> =
        records.iter().filter(|record| text(record, "/eventName") == "Authorize").collect();
    assert!(own.iter().all(|record| {
        text(record, "/userIdentity/arn") == "arn:aws:iam::123456789012:user/ann"
            && text(record, "/additionalEventData/service") == "lake"
            && record["readOnly"] == true
    }));
    let allowed = own.iter().filter(|record| record.get("errorCode").is_none()).count();
    assert_eq!(allowed, 15);
    let denied = own.iter().filter(|record| text(record, "/errorCode") == "AccessDenied").count();
    assert_eq!(denied, 15);
}

/// What clients write into headers that proxies and Daypass speak by.
#[test]
fn no_client_speaks_for_a_proxy() {
    let all = Deployment::start();
    for kind in ProxyKind::ALL {
        let proxy = all.proxy(kind, LAKE);
        let get = |target: &str| Sent::get(&all.ann, target);
        let smuggled = |sent: Sent| {
            [
                ("X-Daypass-Principal-Arn", "arn:aws:iam::123456789012:root"),
                ("X-Daypass-Session-Name", "root"),
                ("X-Daypass-Source-Identity", "root"),
                ("X-Daypass-Secret", NOTES),
                ("X-Original-Method", "GET"),
                ("X-Original-URI", "/lake/ann/k"),
                ("X-Original-Content-Length", "0"),
                ("X-Forwarded-Method", "GET"),
                ("X-Forwarded-Uri", "/lake/ann/k"),
                ("X-Forwarded-For", "198.51.100.1"),
                ("X-Forwarded-Proto", "https"),
            ]
            .into_iter()
            .fold(sent, |sent, (name, value)| sent.and(name, value))
        };
        let let_through = smuggled(get("/lake/ann/k")).send(proxy.connect());
        assert_eq!(let_through.status, 200, "{kind:?}: {let_through:?}\n{}", all.server.log());
        let arn = header(&let_through.body, "x-daypass-principal-arn");
        assert_eq!(arn, ["arn:aws:iam::123456789012:user/ann"], "{kind:?}");
        for absent in ["x-daypass-session-name", "x-daypass-source-identity"] {
            let told = header(&let_through.body, absent);
            assert!(told.is_empty(), "{kind:?}, {absent}: {told:?}");
        }
        // The request that is asked about is the one that the service would get.
        for sent in [get("/lake/bob/k"), Sent { method: "DELETE", ..get("/lake/ann/k") }] {
            let reply = smuggled(sent).send(proxy.connect());
            assert_eq!(reply.status, 403, "{kind:?}: {reply:?}");
        }
        // A header of S3 that nobody signed changes what a request does.
        for (name, value) in [
            ("x-amz-copy-source", "/pond/secret"),
            ("x-amz-tagging", "team=red"),
            ("x-amz-acl", "public-read"),
        ] {
            let put = Sent::signed(
                &all.ann,
                "PUT",
                ("s3", S3_HOST),
                "/lake/ann/k",
                &[],
                "",
                SignedDuration::ZERO,
            );
            let reply = put.and(name, value).send(proxy.connect());
            assert_eq!(reply.status, 403, "{kind:?}, {name}: {reply:?}");
        }
        // Paths that the proxy, Daypass and the storage could read in different ways.
        for target in ["/lake/ann/../bob/k", "/lake/ann/%2e%2e/%2e%2e/k", "/lake/ann//k"] {
            let reply = get(target).send(proxy.connect());
            assert!((400..500).contains(&reply.status), "{kind:?}, {target}: {reply:?}");
        }
        let heads = all.upstream.heads();
        assert!(heads.iter().all(|head| head.starts_with("GET /lake/ann/k ")), "{heads:?}");
        // Every proxy says where the client is, itself.
        let last = heads.last().unwrap();
        assert!(
            !header(last, "x-daypass-principal-arn").contains(&"arn:aws:iam::123456789012:root")
        );
    }
}

/// A service with rules instead of S3.
#[test]
fn rules_ask_about_other_services() {
    let all = Deployment::start();
    for kind in ProxyKind::ALL {
        let proxy = all.proxy(kind, NOTES);
        let service = ("notes", NOTES_HOST);
        let zero = SignedDuration::ZERO;
        let get = |target: &str| Sent::signed(&all.ann, "GET", service, target, &[], "", zero);
        let reply = get("/notes/a%20b?x=1").send(proxy.connect());
        assert_eq!(reply.status, 200, "{kind:?}: {reply:?}\n{}", all.server.log());
        let write = Sent::signed(&all.ann, "DELETE", service, "/notes/a", &[], "", zero);
        let invalid = if kind == ProxyKind::Nginx { 403 } else { 400 };
        let mut late = get("/notes/a");
        late.target.push('b');
        let presigned_late = {
            let fields = [("host", NOTES_HOST.as_bytes())];
            let request = Request { method: "GET", path: "/notes/a", query: "", headers: &fields };
            let at = now() - SignedDuration::from_secs(30);
            let query = presign(&request, b"", &all.ann.credentials(), REGION, "notes", 10, at);
            Sent {
                method: "GET",
                target: format!("/notes/a?{query}"),
                headers: vec![("host".to_owned(), NOTES_HOST.to_owned())],
                body: "",
            }
        };
        for (sent, status, code) in [
            (write, 403, "AccessDenied"),
            (get("/other"), 403, "AccessDenied"),
            (get("/notes/a/../../other"), 403, "AccessDenied"),
            (get("/notes//a"), 403, "AccessDenied"),
            (get("/notes/a%2Fb"), 403, "AccessDenied"),
            (late, 403, "SignatureDoesNotMatch"),
            (presigned_late, invalid, "RequestExpired"),
            // Signed for S3, which this service is not registered for.
            (
                Sent::signed(&all.ann, "GET", ("s3", NOTES_HOST), "/notes/a", &[], "", zero),
                403,
                "SignatureDoesNotMatch",
            ),
        ] {
            let reply = sent.send(proxy.connect());
            let told: Value = serde_json::from_str(&reply.body).unwrap_or_default();
            let got = (reply.status, text(&told, "/__type"));
            assert_eq!(got, (status, code), "{kind:?}, {}: {reply:?}", sent.target);
            assert_eq!(reply.header("content-type"), Some("application/json"), "{kind:?}");
        }
    }
}

/// A deployment that speaks TLS to proxies, which may show certificates.
struct Certified {
    all: Deployment,
    /// The authority of the server's own certificate, and that of the proxies' certificates.
    own: Authority,
    proxies: Authority,
}

impl Certified {
    /// `services` writes the file of the services, given the authority of the proxies.
    fn start(services: impl FnOnce(&Authority) -> String) -> Self {
        let all = Deployment::start();
        let (code, log) = all.server.stop();
        assert_eq!(code, Some(0), "{log}");
        let (own, proxies) = (Authority::new(), Authority::new());
        let path = |name: &str| all.place.beside(name);
        own.issue(&path("tls.pem"), &path("tls.key"));
        fs::write(path("proxies.pem"), proxies.pem()).unwrap();
        fs::write(path("services.toml"), services(&proxies)).unwrap();
        let [certificate, key, authorities] =
            ["tls.pem", "tls.key", "proxies.pem"].map(|name| path(name).display().to_string());
        let place = all.place.with(&[
            "--tls-cert",
            &certificate,
            "--tls-key",
            &key,
            "--forward-auth-client-ca",
            &authorities,
        ]);
        let server = place.start();
        let asked = server.line_after("proxies ask on https://");
        Self { all: Deployment { place, server, asked, ..all }, own, proxies }
    }

    /// Asks as nginx about a GET of Ann's; the status, if there is an answer.
    fn ask(&self, shown: Option<&Identity>, secret: Option<&str>) -> Option<u16> {
        let config = shown.map_or_else(|| self.own.client(), |one| one.client(&self.own));
        Asker::connect(config, &self.all).ask(&self.all.ann, secret)
    }
}

/// A connection over TLS.
struct Asker(StreamOwned<ClientConnection, TcpStream>);

impl Asker {
    fn connect(config: Arc<ClientConfig>, all: &Deployment) -> Self {
        let stream = TcpStream::connect(&all.asked).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let name = ServerName::try_from("127.0.0.1").unwrap();
        Self(StreamOwned::new(ClientConnection::new(config, name).unwrap(), stream))
    }

    fn ask(&mut self, keys: &Keys, secret: Option<&str>) -> Option<u16> {
        let mut sent = Sent { target: "/nginx".to_owned(), ..Sent::get(keys, "/lake/ann/k") };
        for (name, value) in [
            ("X-Original-Method", "GET"),
            ("X-Original-URI", "/lake/ann/k"),
            ("X-Forwarded-For", "192.0.2.7"),
            ("X-Forwarded-Proto", "https"),
        ] {
            sent = sent.and(name, value);
        }
        if let Some(secret) = secret {
            sent = sent.and("X-Daypass-Secret", secret);
        }
        self.0.write_all(sent.text().as_bytes()).ok()?;
        let mut reader = BufReader::new(&mut self.0);
        let mut head = Vec::new();
        loop {
            let mut line = String::new();
            reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
            if line.trim().is_empty() {
                break;
            }
            head.push(line.to_ascii_lowercase());
        }
        let length = head.iter().find_map(|line| line.strip_prefix("content-length:"));
        let mut body = vec![0; length?.trim().parse().ok()?];
        reader.read_exact(&mut body).ok()?;
        head.first()?.split(' ').nth(1)?.parse().ok()
    }
}

const CLIENT: ExtendedKeyUsagePurpose = ExtendedKeyUsagePurpose::ClientAuth;

/// Whatever a proxy shows must hold and be of one service.
#[test]
fn a_certificate_stands_for_one_service() {
    let stranger = Authority::new();
    let foreign = stranger.identity(CLIENT, 2099);
    let mut issued = Vec::new();
    let certified = Certified::start(|proxies| {
        issued = vec![
            proxies.identity(CLIENT, 2099),
            proxies.identity(CLIENT, 2099),
            proxies.identity(CLIENT, 2021),
            proxies.identity(ExtendedKeyUsagePurpose::ServerAuth, 2099),
        ];
        let of_lake = [0, 2, 3].map(|one: usize| format!("\"{}\"", issued[one].sha256)).join(", ");
        let (of_notes, foreign) = (&issued[1].sha256, &foreign.sha256);
        format!(
            "[lake]\nsecret = \"{LAKE}\"\ncertificates = [{of_lake}, \"{foreign}\"]\n\
             speaks = \"s3\"\n\
             [notes]\nsecret = \"{NOTES}\"\ncertificates = [\"{of_notes}\"]\n\
             speaks = \"s3\"\n"
        )
    });
    let [lake, notes, expired, for_servers] = &issued[..] else { panic!("there are four") };
    let unknown = certified.proxies.identity(CLIENT, 2099);
    for (what, shown, secret, want) in [
        ("the certificate", Some(lake), None, Some(200)),
        ("the secret", None, Some(LAKE), Some(200)),
        ("both", Some(lake), Some(LAKE), Some(200)),
        ("neither", None, None, Some(403)),
        ("a wrong secret", None, Some("EXAMPLE-0123456789abcdef0123456789abcdef"), Some(403)),
        ("a wrong secret beside it", Some(lake), Some(""), Some(403)),
        ("the secret of another", Some(lake), Some(NOTES), Some(403)),
        ("the certificate of another", Some(notes), Some(LAKE), Some(403)),
        // Whose requests are for another host.
        ("another service", Some(notes), None, Some(403)),
        ("a certificate of nobody", Some(&unknown), None, Some(403)),
        ("a certificate of nobody beside it", Some(&unknown), Some(LAKE), Some(403)),
        // These are named in the file, and yet the handshake fails.
        ("an expired one", Some(expired), None, None),
        ("an expired one beside the secret", Some(expired), Some(LAKE), None),
        ("one of another authority", Some(&foreign), None, None),
        ("one for servers", Some(for_servers), None, None),
    ] {
        assert_eq!(certified.ask(shown, secret), want, "{what}:\n{}", certified.all.server.log());
    }
    // Nothing is answered in the clear.
    let mut wire = Wire::connect(certified.all.asked.parse().unwrap());
    let reply = wire.send("GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").reply();
    assert!(reply.as_ref().is_none_or(|reply| reply.status / 100 == 4), "{reply:?}");
    // Whom nobody is proven as is in the log of refusals.
    let (code, log) = certified.all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    let refusals = fs::read_to_string(certified.all.place.data().join("refusals.jsonl")).unwrap();
    for cause in [
        "a proxy with neither secret nor certificate",
        "a proxy with a certificate that is no service's",
        "a proxy with certificate and secret of two services",
    ] {
        assert!(refusals.contains(cause), "{cause}: {refusals}");
    }
}

/// The files are read again on SIGHUP, and what was taken out of them ends at once, also for
/// connections that there are.
#[test]
fn who_may_ask_is_read_again() {
    let mut first = None;
    let certified = Certified::start(|proxies| {
        let identity = first.insert(proxies.identity(CLIENT, 2099));
        format!("[lake]\ncertificates = [\"{}\"]\nspeaks = \"s3\"\n", identity.sha256)
    });
    let (first, second) = (first.unwrap(), certified.proxies.identity(CLIENT, 2099));
    let (all, services) = (&certified.all, certified.all.place.beside("services.toml"));
    let mut kept = Asker::connect(first.client(&certified.own), all);
    assert_eq!(kept.ask(&all.ann, None), Some(200));
    assert_eq!(certified.ask(Some(&second), None), Some(403));

    // What is of no use changes nothing, and is said once.
    fs::write(&services, "[lake]\nspeaks = \"s3\"\n").unwrap();
    all.server.signal("HUP");
    until("the file is complained about", || {
        all.server.log().contains("what was read before stays in use").then_some(())
    });
    assert_eq!(kept.ask(&all.ann, None), Some(200));

    let text = format!(
        "[lake]\nsecret = \"{LAKE}\"\ncertificates = [\"{}\"]\nspeaks = \"s3\"\n",
        second.sha256
    );
    fs::write(&services, text).unwrap();
    all.server.signal("HUP");
    until("the new certificate is taken", || {
        (certified.ask(Some(&second), None) == Some(200)).then_some(())
    });
    assert_eq!(kept.ask(&all.ann, None), Some(403));
    assert_eq!(certified.ask(Some(&first), None), Some(403));
    assert_eq!(certified.ask(None, Some(LAKE)), Some(200));

    // Another authority.
    let other = Authority::new();
    fs::write(all.place.beside("proxies.pem"), other.pem()).unwrap();
    all.server.signal("HUP");
    until("the old authority is not believed", || {
        certified.ask(Some(&second), None).is_none().then_some(())
    });
    assert_eq!(certified.ask(None, Some(LAKE)), Some(200));
}

#[test]
fn nginx_shows_a_certificate() {
    let mut issued = None;
    let certified = Certified::start(|proxies| {
        let identity = issued.insert(proxies.identity(CLIENT, 2099));
        format!("[lake]\ncertificates = [\"{}\"]\nspeaks = \"s3\"\n", identity.sha256)
    });
    let (identity, all) = (issued.unwrap(), &certified.all);
    let service = all.upstream.address();
    let start = |identity: &Identity| {
        Proxy::start_with_certificate(&all.asked, service, identity, &certified.own)
    };
    let proxy = start(&identity);
    for _ in 0..2 {
        let got = Sent::get(&all.ann, "/lake/ann/k").send(proxy.connect());
        assert_eq!(got.status, 200, "{got:?}\n{}\n{}", proxy.log(), all.server.log());
        let arn = header(&got.body, "x-daypass-principal-arn");
        assert_eq!(arn, ["arn:aws:iam::123456789012:user/ann"]);
    }
    let denied = Sent::get(&all.ann, "/lake/bob/k").send(proxy.connect());
    assert_eq!(denied.outcome(), (403, "AccessDenied".to_owned()));
    // What a client writes there reaches nobody.
    let smuggled = Sent::get(&all.ann, "/lake/ann/k").and("X-Daypass-Secret", NOTES);
    assert_eq!(smuggled.send(proxy.connect()).status, 200);

    let before = all.upstream.heads().len();
    let unknown = start(&certified.proxies.identity(CLIENT, 2099));
    assert_eq!(Sent::get(&all.ann, "/lake/ann/k").send(unknown.connect()).status, 403);
    let expired = start(&certified.proxies.identity(CLIENT, 2021));
    assert_eq!(Sent::get(&all.ann, "/lake/ann/k").send(expired.connect()).status, 500);
    assert_eq!(all.upstream.heads().len(), before);
}

/// A proxy that is not set up as it must be lets nothing through, and the log says why.
#[test]
fn what_a_proxy_gets_wrong_lets_nobody_through() {
    let all = Deployment::start();
    let address = all.asked.parse().unwrap();
    let signed = Sent::get(&all.ann, "/lake/ann/k");
    let asked = |target: &str, fields: &[(&str, &str)]| {
        let mut sent = Sent { target: target.to_owned(), ..signed.clone() };
        for (name, value) in fields {
            sent = sent.and(name, value);
        }
        sent.send(Wire::connect(address)).status
    };
    let own = [
        ("X-Daypass-Secret", LAKE),
        ("X-Original-Method", "GET"),
        ("X-Original-URI", "/lake/ann/k"),
        ("X-Forwarded-For", "192.0.2.7"),
        ("X-Forwarded-Proto", "https"),
    ];
    assert_eq!(asked("/nginx", &own), 200);
    // A secret that is wrong, of another service, there twice, or not there at all.
    let with_secret = |secret| {
        let mut fields = own;
        fields[0].1 = secret;
        asked("/nginx", &fields)
    };
    assert_eq!(with_secret("EXAMPLE-lake-0123456789abcdef0123456789abcdeg"), 403);
    assert_eq!(with_secret(""), 403);
    assert_eq!(with_secret(NOTES), 403);
    assert_eq!(asked("/nginx", &own[1..]), 403);
    assert_eq!(asked("/nginx", &[&own[..], &own[..1]].concat()), 403);
    // What is left out.
    for missing in 1..own.len() {
        let fields: Vec<_> = own
            .iter()
            .enumerate()
            .filter(|(place, _)| *place != missing)
            .map(|(_, f)| *f)
            .collect();
        assert_eq!(asked("/nginx", &fields), 500, "{missing}");
    }
    for path in ["/", "/traefik", "/caddy", "/nginx/x"] {
        assert_eq!(asked(path, &own), 500, "{path}");
    }
    assert_eq!(asked("/envoy/lake/ann/k", &own), 200);
    assert_eq!(asked("/envoy/lake/bob/k", &own), 403);
    // A service that is not registered any more.
    all.server.operate(&["service", "remove", "lake"]).ok();
    assert_eq!(asked("/nginx", &own), 500);
    let (code, log) = all.server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(log.contains("a proxy cannot be answered") && log.contains("not registered"), "{log}");
    assert!(!log.contains(LAKE) && !log.contains(NOTES), "{log}");
}

#[test]
fn what_is_configured_is_checked_at_the_start() {
    let place = Place::new();
    let file = place.beside("services.toml");
    let path = file.display().to_string();
    let refused = |text: &str, listen: &str| {
        fs::write(&file, text).unwrap();
        let arguments = ["--forward-auth-listen", listen, "--forward-auth-services", &path];
        place.with(&arguments).refused()
    };
    let good = format!("[lake]\nsecret = \"{LAKE}\"\nspeaks = \"s3\"\n");
    for (text, listen, want) in [
        (good.as_str(), "0.0.0.0:4703", "can be reached from other machines"),
        (good.as_str(), "nowhere", "setting `forward_auth_listen`"),
        ("", "127.0.0.1:0", "1 to 100 services"),
        ("[lake]\nsecret = \"short\"\nspeaks = \"s3\"\n", "127.0.0.1:0", "32 to 256"),
    ] {
        let said = refused(text, listen);
        assert!(said.contains(want) && !said.contains(LAKE), "{said}");
    }
    let certified = format!(
        "[lake]\ncertificates = [\"{}\"]\nspeaks = \"s3\"\n",
        Authority::new().identity(CLIENT, 2099).sha256
    );
    let said = refused(&certified, "127.0.0.1:0");
    assert!(said.contains("nobody verifies without `forward_auth_client_ca`"), "{said}");
    let half = place.with(&["--forward-auth-listen", "127.0.0.1:0"]).refused();
    assert!(half.contains("`forward_auth_services`"), "{half}");
}
