//! Identity providers that are slow, broken, hostile or gone, and those beside them: what callers
//! are told, and that nothing of the server is held. `reference/federation.md`, section 2.2.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;
use std::net::TcpListener;
use std::thread;

use daypass_tests::web_identity::{self, AUDIENCE, PROVIDERS_HERE, assume};
use daypass_tests::{
    Answer, Authority, Call, Gate, Reply, Server, SigningKey, Site, discovery, discovery_path,
    jwk_set, keys_path, now, scratch, until,
};
use jiff::SignedDuration;
use serde_json::{Value, json};

const BAD: (u16, &str) = (400, "InvalidIdentityToken");
/// What SDKs try again.
const DOWN: (u16, &str) = (400, "IDPCommunicationError");
const GOOD: (u16, &str) = (200, "");

/// The two spaces are AWS's.
const NO_KEY: &str = "Couldn't retrieve verification key from your identity provider,  please \
                      reference AssumeRoleWithWebIdentity documentation for requirements";
const THUMBPRINT: &str =
    "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";

/// How long a call may take whose provider does not answer: five seconds, and the rest of the call
/// on a busy machine.
const LIMIT: SignedDuration = SignedDuration::from_secs(9);

struct World {
    server: Server,
    key: SigningKey,
    authority: Authority,
}

impl World {
    /// A server that trusts an authority of the test's own, and a key that all its issuers have.
    fn start() -> Self {
        let authority = Authority::new();
        let folder = scratch();
        let file = folder.path().join("authorities.pem");
        fs::write(&file, authority.pem()).unwrap();
        let file = file.display().to_string();
        let mut arguments = PROVIDERS_HERE.to_vec();
        arguments.extend(["--federation-authorities", &file]);
        let server = Server::start_with(&arguments, &[]);
        Self { server, key: SigningKey::new("key", "ES256"), authority }
    }

    /// Registers an issuer with a role of that name.
    fn trust(&self, name: &str, issuer: &str) -> Provider {
        let provider = web_identity::register(&self.server, issuer, &[AUDIENCE]);
        self.role(name, issuer, &provider)
    }

    fn role(&self, name: &str, issuer: &str, provider: &str) -> Provider {
        let condition = json!({"StringEquals": {web_identity::key(issuer, "sub"): "somebody"}});
        let role = web_identity::role(&self.server, name, provider, &condition);
        Provider { issuer: issuer.to_owned(), arn: provider.to_owned(), role }
    }

    /// A good token of an issuer, another each time.
    fn token(&self, issuer: &str) -> String {
        self.token_of(&self.key, issuer)
    }

    fn token_of(&self, key: &SigningKey, issuer: &str) -> String {
        let now = now().as_second();
        let claims = json!({
            "iss": issuer, "sub": "somebody", "aud": AUDIENCE, "iat": now, "exp": now + 600,
        });
        key.token("ES256", &claims)
    }

    fn assume(&self, provider: &Provider) -> Reply {
        assume(&self.server, &provider.role, &self.token(&provider.issuer))
    }

    /// Files and sockets, threads, and KiB of memory of the server.
    fn held(&self) -> (usize, usize, usize) {
        let process = format!("/proc/{}", self.server.process_id());
        let count = |folder: &str| fs::read_dir(format!("{process}/{folder}")).unwrap().count();
        let status = fs::read_to_string(format!("{process}/status")).unwrap();
        let memory = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
        let memory = memory.trim().trim_end_matches(" kB").parse().unwrap();
        (count("fd"), count("task"), memory)
    }
}

struct Provider {
    issuer: String,
    arn: String,
    role: String,
}

#[track_caller]
fn check(what: &str, reply: &Reply, want: (u16, &str)) {
    let (status, code) = reply.outcome();
    assert_eq!((status, code.as_str()), want, "{what}: {reply:?}");
    if want == BAD {
        assert_eq!(reply.expect("Message"), NO_KEY, "{what}");
    }
}

/// Which document of an issuer is answered otherwise than it should be.
#[derive(Clone, Copy)]
enum Document {
    Discovery,
    Keys,
}
use Document::{Discovery, Keys};

/// What is wrong, with which document, how it is answered (by the URL of the issuer), and the
/// outcome.
type Row = (&'static str, Document, Box<dyn Fn(&str) -> Answer>, (u16, &'static str));

fn row(
    what: &'static str,
    document: Document,
    answer: impl Fn(&str) -> Answer + 'static,
    want: (u16, &'static str),
) -> Row {
    (what, document, Box::new(answer), want)
}

/// The discovery document with another member.
fn discovering(
    member: &'static str,
    value: impl Fn(&str) -> Value + 'static,
) -> impl Fn(&str) -> Answer {
    move |issuer| {
        let mut document = discovery(issuer);
        document[member] = value(issuer);
        Answer::Json(document)
    }
}

fn saying(status: &'static str, kind: &'static str, body: &str) -> impl Fn(&str) -> Answer + use<> {
    let body = body.to_owned();
    move |_| Answer::text(status, kind, &body)
}

fn sending(bytes: &'static [u8]) -> impl Fn(&str) -> Answer {
    move |_| Answer::Bytes(bytes.to_vec())
}

fn redirecting(to: &str) -> impl Fn(&str) -> Answer + use<> {
    let to = to.to_owned();
    move |_| Answer::Redirect(to.clone())
}

/// Providers that answer at once, and wrong.
fn broken(site: &Site, plain: &Site, keys: &Value) -> Vec<Row> {
    const JSON: &str = "application/json";
    let keys_text = keys.to_string();
    let huge = format!("{keys_text}{}", " ".repeat(2 << 20));
    let right = keys.clone();
    // A chain of redirects, at whose end are the keys.
    site.answer("/hop/0", Answer::Json(keys.clone()));
    for hop in 1..=9 {
        site.answer(
            &format!("/hop/{hop}"),
            Answer::Redirect(site.url(&format!("/hop/{}", hop - 1))),
        );
    }
    site.answer("/loop", Answer::Redirect(site.url("/loop")));
    plain.answer("/keys", Answer::Json(keys.clone()));
    let nobody = "https://127.0.0.1:1/keys";
    let ipv6 = "https://[fd00:ec2::254]/keys";
    let private = "http://10.0.0.1/keys";
    vec![
        row("no discovery document", Discovery, saying("404 Not Found", JSON, "{}"), BAD),
        row("no keys", Keys, saying("404 Not Found", JSON, "{}"), BAD),
        row("refused", Keys, saying("403 Forbidden", JSON, "{}"), BAD),
        row("a fault of theirs", Discovery, saying("500 Oh No", JSON, "{}"), DOWN),
        row("keys that are unavailable", Keys, saying("503 Later", JSON, &keys_text), DOWN),
        row("keys with another good status", Keys, saying("203 So", JSON, &keys_text), BAD),
        row("no content", Keys, saying("204 No Content", JSON, ""), BAD),
        row("HTML", Discovery, saying("200 OK", "text/html", "<html>"), BAD),
        row("keys as HTML", Keys, saying("200 OK", "text/html", &keys_text), BAD),
        row("keys as text", Keys, saying("200 OK", "text/plain", &keys_text), BAD),
        row("no JSON", Discovery, saying("200 OK", JSON, "{\"issuer\":"), BAD),
        row("keys that are no JSON", Keys, saying("200 OK", JSON, "keys"), BAD),
        row("empty", Keys, saying("200 OK", JSON, ""), BAD),
        row("a list", Keys, saying("200 OK", JSON, "[]"), BAD),
        row("keys twice", Keys, saying("200 OK", JSON, "{\"keys\":[],\"keys\":[]}"), BAD),
        row("huge keys", Keys, saying("200 OK", JSON, &huge), BAD),
        row("a huge discovery document", Discovery, saying("200 OK", JSON, &huge), BAD),
        row("endless keys", Keys, |_| Answer::Endless { told: false }, BAD),
        row("keys of a terabyte", Keys, |_| Answer::Endless { told: true }, BAD),
        row("another issuer", Discovery, discovering("issuer", |_| json!("https://a.example")), BAD),
        row("a slash more", Discovery, discovering("issuer", |own| json!(format!("{own}/"))), BAD),
        row("no issuer", Discovery, discovering("issuer", |_| Value::Null), BAD),
        row("no place of keys", Discovery, discovering("jwks_uri", |_| Value::Null), BAD),
        row("keys in a file", Discovery, discovering("jwks_uri", |_| json!("file:///etc/keys")), BAD),
        row("keys without TLS", Discovery, {
            let url = plain.url("/keys");
            discovering("jwks_uri", move |_| json!(url))
        }, BAD),
        row("keys in a network", Discovery, discovering("jwks_uri", move |_| json!(private)), BAD),
        row("keys of a cloud", Discovery, discovering("jwks_uri", move |_| json!(ipv6)), DOWN),
        row(
            "keys of a machine",
            Discovery,
            discovering("jwks_uri", |_| json!("https://169.254.169.254/latest/meta-data")),
            DOWN,
        ),
        row("a user in the URL", Discovery, {
            let url = site.url("/hop/0").replace("https://", "https://user:secret@");
            discovering("jwks_uri", move |_| json!(url))
        }, BAD),
        row("keys of nobody", Discovery, discovering("jwks_uri", move |_| json!(nobody)), DOWN),
        row("two redirects", Keys, redirecting(&site.url("/hop/1")), GOOD),
        row("three redirects", Keys, redirecting(&site.url("/hop/2")), GOOD),
        row("four redirects", Keys, redirecting(&site.url("/hop/3")), BAD),
        row("redirects without end", Keys, redirecting(&site.url("/loop")), BAD),
        row("a redirect out of TLS", Keys, redirecting(&plain.url("/keys")), BAD),
        row("a redirect to a machine", Keys, redirecting("https://169.254.169.254/keys"), DOWN),
        row("a redirect to a network", Keys, redirecting("https://10.0.0.1/keys"), DOWN),
        row("a redirect to a file", Keys, redirecting("file:///etc/passwd"), BAD),
        row("a redirect to nowhere", Keys, redirecting(""), BAD),
        row("nothing but the end", Keys, sending(b""), DOWN),
        row("no HTTP", Keys, sending(b"SSH-2.0-OpenSSH_9.2\r\n"), DOWN),
        row("a body cut short", Keys, sending(
            b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{\"keys\"",
        ), DOWN),
        row("a head cut short", Keys, sending(b"HTTP/1.1 200 OK\r\ncontent-ty"), DOWN),
        row("right after all", Keys, move |_| Answer::Json(right.clone()), GOOD),
    ]
}

#[test]
fn broken_providers_are_told_as_aws_tells_them_and_hold_nothing() {
    let world = World::start();
    let (site, plain) = (Site::tls(world.authority.server()), Site::plain());
    let keys = jwk_set(&[&world.key]);
    let rows = broken(&site, &plain, &keys);
    // A good one first, so that all there is to load is loaded.
    let good = world.trust("good", &site.issuer("good", &[&world.key]));
    check("good", &world.assume(&good), GOOD);
    let (files, threads, memory) = world.held();
    let visits = plain.accepted();
    for (number, (what, document, answer, want)) in rows.iter().enumerate() {
        let name = format!("case-{number}");
        let issuer = site.issuer(&name, &[&world.key]);
        let path = match document {
            Discovery => discovery_path(&name),
            Keys => keys_path(&name),
        };
        site.answer(&path, answer(&issuer));
        let provider = world.trust(&name, &issuer);
        check(what, &world.assume(&provider), *want);
        // Once more at once: the failure is remembered, the provider is not asked again.
        let asked = site.asked(&path);
        check(what, &world.assume(&provider), *want);
        assert_eq!(site.asked(&path), asked, "{what}");
        check(what, &world.assume(&good), GOOD);
    }
    assert_eq!(plain.accepted(), visits, "nobody asks without TLS");
    until("the connections are closed", || (world.held().0 <= files + 2).then_some(()));
    let (_, threads_now, memory_now) = world.held();
    assert!(threads_now <= threads + 2, "{threads_now} threads, {threads} before");
    assert!(memory_now < memory + (32 << 10), "{memory_now} KiB, {memory} before");
}

/// A provider that does not answer costs its own callers five seconds, and nobody else anything.
#[test]
fn slow_providers_slow_nobody_else() {
    let world = World::start();
    let site = Site::tls(world.authority.server());
    let keys = jwk_set(&[&world.key]);
    let closed = Gate::default();
    let slow = [
        ("silence", Discovery, Answer::Silence),
        ("silent keys", Keys, Answer::Silence),
        ("keys byte by byte", Keys, Answer::Slowly(keys.clone())),
        ("keys behind a gate", Keys, Answer::Behind(closed.clone(), keys)),
    ];
    let mut providers = Vec::new();
    for (number, (what, document, answer)) in slow.iter().enumerate() {
        let name = format!("slow-{number}");
        let issuer = site.issuer(&name, &[&world.key]);
        let path = match document {
            Discovery => discovery_path(&name),
            Keys => keys_path(&name),
        };
        site.answer(&path, answer.clone());
        providers.push((*what, path, world.trust(&name, &issuer)));
    }
    let good: Vec<Provider> = (0..8)
        .map(|number| {
            let name = format!("good-{number}");
            world.trust(&name, &site.issuer(&name, &[&world.key]))
        })
        .collect();
    check("good", &world.assume(&good[0]), GOOD);
    let (files, ..) = world.held();
    thread::scope(|scope| {
        let calls: Vec<_> = providers
            .iter()
            .map(|(what, _, provider)| {
                let world = &world;
                scope.spawn(move || {
                    let begun = now();
                    let reply = world.assume(provider);
                    (*what, reply, now().duration_since(begun))
                })
            })
            .collect();
        for (what, path, _) in &providers {
            until(what, || (site.asked(path) > 0).then_some(()));
        }
        // All of them hang. New providers and known ones are as fast as ever.
        for provider in good.iter().chain(&good) {
            let begun = now();
            check("good", &world.assume(provider), GOOD);
            let took = now().duration_since(begun);
            assert!(took < SignedDuration::from_secs(2), "{took}");
        }
        assert!(calls.iter().all(|call| !call.is_finished()), "they were not that slow");
        for call in calls {
            let (what, reply, took) = call.join().unwrap();
            check(what, &reply, BAD);
            assert!(took < LIMIT, "{what}: {took}");
        }
    });
    // Nobody waits for them again so soon.
    let begun = now();
    for (what, _, provider) in &providers {
        check(what, &world.assume(provider), BAD);
    }
    assert!(now().duration_since(begun) < SignedDuration::from_secs(2));
    closed.open();
    until("the connections are closed", || (world.held().0 <= files + 2).then_some(()));
}

/// Hundreds of callers of a provider that says nothing, none of which has proven anything, hold up nobody
/// who needs no keys: few of them wait.
#[test]
fn a_crowd_at_a_silent_provider_holds_up_nobody() {
    const CROWD: usize = 300;
    const WAITING: usize = 64;
    let world = World::start();
    let site = Site::tls(world.authority.server());
    let one = world.trust("one", &site.issuer("one", &[&world.key]));
    site.answer(&discovery_path("one"), Answer::Silence);
    let token = world.token(&one.issuer);
    let parameters =
        [("RoleArn", one.role.as_str()), ("RoleSessionName", "one"), ("WebIdentityToken", &token)];
    let call = Call::sts("AssumeRoleWithWebIdentity", &parameters).unsigned(&world.server);
    let mut crowd: Vec<_> = (0..CROWD).map(|_| world.server.connect()).collect();
    for wire in &mut crowd {
        wire.send(&call);
    }
    let begun = now();
    until("the provider is asked", || (site.asked(&discovery_path("one")) > 0).then_some(()));
    let asked = now();
    let whoami = Call::sts("GetCallerIdentity", &[]);
    assert_eq!(whoami.send(&world.server, &world.server.admin()).status, 200);
    let took = now().duration_since(asked);
    assert!(took < SignedDuration::from_secs(2), "{took}");
    let (mut refused, mut waited) = (0, 0);
    for mut wire in crowd {
        let reply = wire.reply().unwrap();
        match reply.outcome() == (DOWN.0, DOWN.1.to_owned()) {
            true => refused += 1,
            // Those that waited for all the time that the fetch took, and those who came later.
            false => {
                check("one", &reply, BAD);
                waited += 1;
            }
        }
    }
    let took = now().duration_since(begun);
    assert!(waited > 0 && refused >= (CROWD - WAITING) / 2, "{refused} refused, {waited} waited");
    assert!(took < LIMIT, "{took}");
    assert_eq!(site.asked(&discovery_path("one")), 1);
}

/// With warm keys nothing is asked over the network, whatever the tokens are.
#[test]
fn keys_are_fetched_once_by_however_many() {
    const CALLERS: usize = 16;
    let world = World::start();
    let site = Site::tls(world.authority.server());
    let one = world.trust("one", &site.issuer("one", &[&world.key]));
    let (discovery_path, keys_path) = (discovery_path("one"), keys_path("one"));
    let asked = || (site.asked(&discovery_path), site.asked(&keys_path));
    let gate = Gate::default();
    site.answer(&keys_path, Answer::Behind(gate.clone(), jwk_set(&[&world.key])));
    thread::scope(|scope| {
        let calls: Vec<_> =
            (0..CALLERS).map(|_| scope.spawn(|| check("one", &world.assume(&one), GOOD))).collect();
        until("the keys are asked for", || (site.asked(&keys_path) > 0).then_some(()));
        gate.open();
        for call in calls {
            call.join().unwrap();
        }
    });
    assert_eq!(asked(), (1, 1));
    let connections = site.accepted();
    for _ in 0..100 {
        check("one", &world.assume(&one), GOOD);
    }
    assert_eq!((asked(), site.accepted()), ((1, 1), connections));

    // Ids of keys that nobody has: asked for once at most, and no burden on the others.
    let unknown: Vec<SigningKey> =
        (0..20).map(|number| SigningKey::new(&format!("unknown-{number}"), "ES256")).collect();
    for key in &unknown {
        let reply = assume(&world.server, &one.role, &world.token_of(key, &one.issuer));
        check("an unknown key", &reply, BAD);
        check("one", &world.assume(&one), GOOD);
    }
    let (_, times) = asked();
    assert!(times <= 2, "the keys were asked for {times} times");

    // The provider goes away: its keys are known.
    site.answer(&discovery_path, Answer::text("500 Oh No", "text/plain", ""));
    site.answer(&keys_path, Answer::text("500 Oh No", "text/plain", ""));
    for _ in 0..10 {
        check("one", &world.assume(&one), GOOD);
    }
}

/// Who hangs up while keys are fetched leaves nothing behind but the keys.
#[test]
fn a_fetch_goes_on_when_its_caller_hangs_up() {
    let world = World::start();
    let site = Site::tls(world.authority.server());
    let one = world.trust("one", &site.issuer("one", &[&world.key]));
    let (discovery_path, keys_path) = (discovery_path("one"), keys_path("one"));
    let gate = Gate::default();
    site.answer(&discovery_path, Answer::Behind(gate.clone(), discovery(&one.issuer)));
    let token = world.token(&one.issuer);
    let parameters =
        [("RoleArn", one.role.as_str()), ("RoleSessionName", "gone"), ("WebIdentityToken", &token)];
    let call = Call::sts("AssumeRoleWithWebIdentity", &parameters);
    let mut wire = world.server.connect();
    wire.send(call.unsigned(&world.server));
    until("the provider is asked", || (site.asked(&discovery_path) > 0).then_some(()));
    drop(wire);
    gate.open();
    until("the fetch goes on", || (site.asked(&keys_path) > 0).then_some(()));
    check("one", &world.assume(&one), GOOD);
    assert_eq!((site.asked(&discovery_path), site.asked(&keys_path)), (1, 1));
}

/// `reference/federation.md`, section 2.1: whose certificates are believed.
#[test]
fn certificates_must_come_from_whom_the_provider_is_known_by() {
    let world = World::start();
    let strange = Authority::new();
    let site = Site::tls(strange.server());
    let issuer = |name: &str| site.issuer(name, &[&world.key]);
    let with_print = |name: &str, print: &str| {
        let issuer = issuer(name);
        let more = [("ThumbprintList.member.1", print)];
        let arn = web_identity::register_with(&world.server, &issuer, &[AUDIENCE], &more);
        world.role(name, &issuer, &arn)
    };
    let unknown = world.trust("unknown", &issuer("unknown"));
    check("an unknown authority", &world.assume(&unknown), BAD);
    let wrong = with_print("wrong", &"0".repeat(40));
    let reply = world.assume(&wrong);
    assert_eq!(reply.outcome(), (400, "InvalidIdentityToken".to_owned()), "{reply:?}");
    assert_eq!(reply.expect("Message"), THUMBPRINT);
    let right = with_print("right", &strange.thumbprint());
    check("its thumbprint", &world.assume(&right), GOOD);

    // An operator gives a provider an authority of its own, in place of all others.
    let own = world.trust("own", &issuer("own"));
    let file = world.server.folder().join("strange.pem");
    fs::write(&file, strange.pem()).unwrap();
    let file = file.display().to_string();
    let set = ["federation", "set", "--provider", &own.arn, "--authorities", &file];
    world.server.operate(&set).ok();
    check("an authority of its own", &world.assume(&own), GOOD);
    let trusted = Site::tls(world.authority.server());
    let other = world.trust("other", &trusted.issuer("other", &[&world.key]));
    world.server.operate(&["federation", "set", "--provider", &other.arn, set[4], &file]).ok();
    check("not of its own authority", &world.assume(&other), BAD);
    let asked = site.asked(&keys_path("unknown")) + trusted.asked(&keys_path("other"));
    assert_eq!(asked, 0, "nobody was asked who was not believed");

    // Behind the port there is no TLS, or nobody.
    let plain = Site::plain();
    let bare = plain.issuer("bare", &[&world.key]).replace("http://", "https://");
    let reply = world.assume(&world.trust("bare", &bare));
    assert_eq!(reply.status, 400, "{reply:?}");
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let gone = world.trust("gone", &format!("https://127.0.0.1:{port}"));
    check("nobody there", &world.assume(&gone), DOWN);
}

/// Keys that an operator gives: for sites that reach nobody.
#[test]
fn keys_can_be_given_and_nobody_is_asked() {
    let world = World::start();
    let issuer = "https://offline.example.com/realms/main";
    let provider = world.trust("offline", issuer);
    let file = world.server.folder().join("keys.json");
    fs::write(&file, jwk_set(&[&world.key]).to_string()).unwrap();
    let set = ["federation", "set", "--provider", &provider.arn];
    let keys = ["--keys", &file.display().to_string()];
    world.server.operate(&[&set[..], &keys].concat()).ok();
    check("offline", &world.assume(&provider), GOOD);
    let stranger = SigningKey::new("key", "ES256");
    let forged = world.token_of(&stranger, issuer);
    let reply = assume(&world.server, &provider.role, &forged);
    assert_eq!(reply.outcome(), (400, "InvalidIdentityToken".to_owned()), "{reply:?}");
    // Other keys in their place: what was believed is not any more.
    fs::write(&file, jwk_set(&[&stranger]).to_string()).unwrap();
    let old = world.token(issuer);
    assert_eq!(assume(&world.server, &provider.role, &old).status, 200);
    world.server.operate(&[&set[..], &keys].concat()).ok();
    assert_eq!(assume(&world.server, &provider.role, &old).status, 400);
    assert_eq!(assume(&world.server, &provider.role, &forged).status, 200);
    // Private halves have no place there.
    let mut secret = jwk_set(&[&stranger]);
    secret["keys"][0]["d"] = json!("AAAA");
    fs::write(&file, secret.to_string()).unwrap();
    let refused = world.server.operate(&[&set[..], &keys].concat());
    assert_eq!(refused.code, Some(1), "{refused:?}");
}

/// Without the operator's word, this machine and its networks are asked for nothing.
#[test]
fn nobody_on_this_machine_is_asked_unless_an_operator_says_so() {
    let site = Site::plain();
    let key = SigningKey::new("key", "ES256");
    let plain = site.issuer("plain", &[&key]);
    let https = plain.replace("http://", "https://");
    let server = Server::start();
    for url in [&plain, &https] {
        let create = [("Url", url.as_str()), ("ClientIDList.member.1", AUDIENCE)];
        let reply = Call::iam("CreateOpenIDConnectProvider", &create);
        let reply = reply.send(&server, &server.admin());
        assert_eq!(reply.status, 400, "{url}: {reply:?}");
    }
    // A name without a port is registered like any other; its addresses are looked at later.
    let issuer = "https://localhost/realms/main";
    let provider = web_identity::register(&server, issuer, &[AUDIENCE]);
    let condition = json!({"StringEquals": {web_identity::key(issuer, "sub"): "somebody"}});
    let role = web_identity::role(&server, "local", &provider, &condition);
    let now = now().as_second();
    let claims = json!({"iss": issuer, "sub": "somebody", "aud": AUDIENCE, "iat": now,
        "exp": now + 60});
    let reply = assume(&server, &role, &key.token("ES256", &claims));
    check("localhost", &reply, DOWN);
    assert_eq!(site.accepted(), 0);
    // A name that there is not is answered alike: nobody learns so which names are where.
    let nowhere = "https://nowhere.invalid/realms/main";
    let provider = web_identity::register(&server, nowhere, &[AUDIENCE]);
    let condition = json!({"StringEquals": {web_identity::key(nowhere, "sub"): "somebody"}});
    let role = web_identity::role(&server, "nowhere", &provider, &condition);
    let mut claims = claims;
    claims["iss"] = json!(nowhere);
    let other = assume(&server, &role, &key.token("ES256", &claims));
    check("nowhere", &other, DOWN);
    assert_eq!(reply.expect("Message"), other.expect("Message"));
}
