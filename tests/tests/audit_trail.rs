//! One record for every call whose caller was proven, none for others, and no secret anywhere.

// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use daypass_tests::{
    ACCOUNT, Call, Keys, Place, Program, Server, age_trail, files, text, trail, unpacked, until,
    whole_trail,
};
use serde_json::Value;

const TRUST: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Principal":{"AWS":"arn:aws:iam::123456789012:root"},"Action":"sts:AssumeRole"}]}"#;

const POLICY: &str = r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow",
    "Action":"sts:*","Resource":"*"}]}"#;

#[test]
fn every_proven_call_leaves_one_record_and_no_other_does() {
    let server = Server::start();
    let admin = server.admin();
    let user = ("UserName", "alice");
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/reader");
    let assume = [("RoleArn", role_arn.as_str()), ("RoleSessionName", "audited")];

    // (who, call, code): the code that the reply and the record have.
    let mut expected: Vec<(String, &str, &str)> = Vec::new();
    let mut ids = Vec::new();
    let mut call = |keys: &Keys, call: Call<'_>, action: &'static str, code: &'static str| {
        let reply = call.send(&server, keys);
        assert_eq!(reply.text("Code").unwrap_or_default(), code, "{action}: {reply:?}");
        expected.push((keys.id.clone(), action, code));
        ids.push(reply.header("x-amzn-requestid").unwrap_or_default().to_owned());
        reply
    };
    call(&admin, Call::sts("GetCallerIdentity", &[]), "GetCallerIdentity", "");
    call(&admin, Call::iam("CreateUser", &[user]), "CreateUser", "");
    call(&admin, Call::iam("CreateUser", &[user]), "CreateUser", "EntityAlreadyExists");
    let made = call(&admin, Call::iam("CreateAccessKey", &[user]), "CreateAccessKey", "");
    let alice = Keys::of(&made);
    let create = [("RoleName", "reader"), ("AssumeRolePolicyDocument", TRUST)];
    call(&admin, Call::iam("CreateRole", &create), "CreateRole", "");
    call(&alice, Call::iam("ListUsers", &[]), "ListUsers", "AccessDenied");
    call(&alice, Call::sts("AssumeRole", &assume), "AssumeRole", "AccessDenied");
    let session = call(&admin, Call::sts("AssumeRole", &assume), "AssumeRole", "");
    let session = Keys::of(&session);
    call(&session, Call::sts("GetCallerIdentity", &[]), "GetCallerIdentity", "");
    call(&session, Call::iam("GetUser", &[user]), "GetUser", "AccessDenied");
    let bad = [("RoleArn", "nothing"), ("RoleSessionName", "a b")];
    call(&admin, Call::sts("AssumeRole", &bad), "AssumeRole", "ValidationError");

    // Callers who prove nothing, in four ways.
    let wrong =
        Keys { secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY".to_owned(), ..admin.clone() };
    let unknown = Keys { id: "AKIAIOSFODNN7EXAMPLE".to_owned(), ..admin.clone() };
    let bare = Keys { token: None, ..session.clone() };
    for keys in [&wrong, &unknown, &bare] {
        let reply = Call::iam("DeleteUser", &[user]).send(&server, keys);
        assert_eq!(reply.status, 403, "{reply:?}");
    }
    let unsigned = Call::iam("DeleteUser", &[user]).unsigned(&server);
    assert_eq!(server.connect().send(unsigned).reply().map(|reply| reply.status), Some(403));

    let data = server.data().to_owned();
    let folder = server.keep_folder();
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    let all = trail(&data);
    // The server's own are those of its start.
    let (own, mut records): (Vec<_>, Vec<_>) =
        all.into_iter().partition(|record| text(record, "/eventType") == "AwsServiceEvent");
    let own: Vec<&str> = own.iter().map(|record| text(record, "/eventName")).collect();
    assert_eq!(own, ["CreateKeys", "CreateAccount"]);
    // The record of a write comes through the store, and later than those of calls behind it.
    let place = |record: &Value| ids.iter().position(|id| id == text(record, "/requestID"));
    records.sort_by_key(place);
    let found: Vec<(String, &str, &str)> = records
        .iter()
        .map(|record| {
            let key = text(record, "/userIdentity/accessKeyId").to_owned();
            (key, text(record, "/eventName"), text(record, "/errorCode"))
        })
        .collect();
    assert_eq!(found, expected);
    let recorded: Vec<&str> = records.iter().map(|record| text(record, "/requestID")).collect();
    assert_eq!(recorded, ids);
    let mut events: Vec<&str> = records.iter().map(|record| text(record, "/eventID")).collect();
    events.sort_unstable();
    events.dedup();
    assert_eq!(events.len(), records.len());

    for record in &records {
        assert!(text(record, "/eventVersion").starts_with("1."), "{record}");
        assert_eq!(text(record, "/recipientAccountId"), ACCOUNT, "{record}");
        assert_eq!(text(record, "/sourceIPAddress"), "127.0.0.1", "{record}");
        assert_eq!(text(record, "/eventType"), "AwsApiCall", "{record}");
        assert_eq!(text(record, "/eventCategory"), "Management", "{record}");
        assert!(record.get("requestParameters").is_some(), "{record}");
        assert!(record.get("responseElements").is_some(), "{record}");
        assert_eq!(text(record, "/eventTime").len(), "2026-01-02T03:04:05Z".len(), "{record}");
        let source = text(record, "/eventSource");
        assert!(["sts.amazonaws.com", "iam.amazonaws.com"].contains(&source), "{record}");
    }
    let created = &records[1];
    assert_eq!(text(created, "/userIdentity/type"), "IAMUser");
    assert_eq!(text(created, "/requestParameters/userName"), "alice");
    assert_eq!(text(created, "/responseElements/user/userName"), "alice");
    assert_eq!(created["readOnly"], false);
    let assumed = &records[7];
    assert_eq!(text(assumed, "/requestParameters/roleArn"), role_arn);
    assert_eq!(text(assumed, "/responseElements/credentials/accessKeyId"), session.id);
    let in_session = &records[8];
    let identity = &in_session["userIdentity"];
    assert_eq!(identity["type"], "AssumedRole");
    let arn = format!("arn:aws:sts::{ACCOUNT}:assumed-role/reader/audited");
    assert_eq!(text(identity, "/arn"), arn);
    assert_eq!(text(identity, "/sessionContext/sessionIssuer/arn"), role_arn);
    assert_eq!(text(identity, "/sessionContext/attributes/mfaAuthenticated"), "false");

    drop(folder);
}

/// The record of a read may follow its reply, by a second at most; with `--audit strict` none does.
#[test]
fn records_of_reads_follow_within_a_second_and_strict_ones_come_first() {
    let recorded = |server: &Server, id: &str| {
        whole_trail(server.data()).iter().any(|record| text(record, "/requestID") == id)
    };
    let read = Call::sts("GetCallerIdentity", &[]);
    let server = Place::new().start();
    let id = read.send(&server, &server.admin()).ok().request_id();
    let asked = daypass_tests::now();
    until("the record of a read", || recorded(&server, &id).then_some(()));
    let after = daypass_tests::now().duration_since(asked).as_secs_f64();
    // A second is promised; a machine that is busy with other tests gets some more.
    assert!(after < 3.0, "the record came after {after} s");
    drop(server);
    let server = Place::new().with(&["--audit", "strict"]).start();
    for _ in 0..20 {
        let id = read.send(&server, &server.admin()).ok().request_id();
        assert!(recorded(&server, &id), "no record although it is strict");
        let alice = [("UserName", "alice")];
        let refused = Call::iam("GetUser", &alice).send(&server, &server.admin());
        assert_eq!(refused.outcome(), (404, "NoSuchEntity".to_owned()));
        assert!(recorded(&server, &refused.request_id()), "no record although it is strict");
    }
}

#[test]
fn nothing_secret_is_logged_at_the_most_talkative_level() {
    let server = Server::start_with(&[], &[("DAYPASS_LOG", "trace"), ("RUST_LOG", "trace")]);
    let admin = server.admin();
    let made = Call::sts("GetSessionToken", &[]).keys(&server, &admin);
    Call::sts("GetCallerIdentity", &[]).send(&server, &made).ok();
    let user = [("UserName", "alice")];
    Call::iam("CreateUser", &user).send(&server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &user).keys(&server, &admin);
    // A failed signature is where implementations are tempted to print the right one.
    let wrong = Keys { secret: alice.secret.clone(), ..admin.clone() };
    let refused = Call::sts("GetCallerIdentity", &[]).send(&server, &wrong);
    assert_eq!(refused.outcome(), (403, "SignatureDoesNotMatch".to_owned()));
    let request = Call::sts("GetCallerIdentity", &[]).signed(&server, &admin);
    let request = String::from_utf8(request).unwrap();
    let (_, signature) = request.split_once("Signature=").unwrap();
    let signature: String = signature.chars().take_while(char::is_ascii_hexdigit).collect();
    server.connect().send(&request).reply().unwrap().ok();
    let (_, log) = server.stop();
    for keys in [&admin, &made, &alice] {
        assert!(!log.contains(&keys.secret), "a secret access key is in the log");
        if let Some(token) = &keys.token {
            assert!(!log.contains(token.as_str()), "a session token is in the log");
        }
    }
    assert!(!log.contains(&signature), "a signature is in the log");
}

/// What a test knows and no file of the server's may hold, by what it is.
struct Secrets(BTreeMap<String, Vec<u8>>);

impl Secrets {
    /// A text as it is and in its usual encodings, and its halves, since a part is a leak too.
    fn add(&mut self, what: &str, secret: &str) {
        let (first, second) = secret.split_at(secret.len() / 2);
        for (form, text) in [
            ("", secret.to_owned()),
            ("first half of", first.to_owned()),
            ("second half of", second.to_owned()),
        ] {
            self.put(&format!("{form} {what}"), text.as_bytes());
        }
        self.put(&format!("{what} in hexadecimal"), hex(secret.as_bytes()).as_bytes());
        self.put(&format!("{what} in base64"), base64(secret.as_bytes()).as_bytes());
    }

    fn add_keys(&mut self, what: &str, keys: &Keys) {
        self.add(&format!("secret of {what}"), &keys.secret);
        if let Some(token) = &keys.token {
            self.add(&format!("token of {what}"), token);
            // The bytes that it is the text of.
            let sealed = from_base64(token);
            self.put(&format!("bytes of the token of {what}"), &sealed[sealed.len() / 2..]);
        }
    }

    fn put(&mut self, what: &str, bytes: &[u8]) {
        assert!(bytes.len() >= 16, "{what} is too short to be looked for");
        self.0.insert(what.to_owned(), bytes.to_owned());
    }

    #[track_caller]
    fn absent(&self, bytes: &[u8], place: &str) {
        for (what, secret) in &self.0 {
            let found = bytes.windows(secret.len()).position(|window| window == secret);
            assert_eq!(found, None, "the {what} is in {place}");
        }
    }

    /// Looks through all files of a data folder but the two that are there to hold secrets, and
    /// returns how many those were.
    #[track_caller]
    fn absent_below(&self, data: &Path) -> usize {
        let mut seen = 0;
        for path in files(data) {
            let name = path.strip_prefix(data).unwrap().display().to_string();
            if ["credentials", "key-encryption-key"].contains(&&*name) {
                continue;
            }
            seen += 1;
            self.absent(&fs::read(&path).unwrap(), &name);
            if name.ends_with(".gz") {
                self.absent(unpacked(&path).as_bytes(), &name);
            }
        }
        seen
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

const BASE64: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Whole groups only: an incomplete one depends on what comes behind it.
fn base64(bytes: &[u8]) -> String {
    let groups = bytes.chunks_exact(3);
    let sextets = groups.flat_map(|group| {
        let bits = group.iter().fold(0, |bits, byte| bits << 8 | usize::from(*byte));
        [bits >> 18, bits >> 12, bits >> 6, bits].map(|sextet| BASE64[sextet & 63])
    });
    sextets.map(char::from).collect()
}

/// Either alphabet; whole groups only.
fn from_base64(text: &str) -> Vec<u8> {
    let sextet = |letter: &u8| {
        let plain = match letter {
            b'-' => b'+',
            b'_' => b'/',
            other => *other,
        };
        BASE64.iter().position(|known| *known == plain).unwrap()
    };
    let text = text.trim_end_matches('=').as_bytes();
    let groups = text.chunks_exact(4);
    let bytes = groups.flat_map(|group| {
        let bits = group.iter().fold(0, |bits, letter| bits << 6 | sextet(letter));
        [bits >> 16, bits >> 8, bits].map(|byte| u8::try_from(byte & 255).unwrap())
    });
    bytes.collect()
}

#[test]
fn the_scan_finds_what_it_looks_for() {
    assert_eq!(base64(b"daypass!!"), "ZGF5cGFzcyEh");
    assert_eq!(from_base64("ZGF5cGFzcyEh"), b"daypass!!");
    let mut secrets = Secrets(BTreeMap::new());
    let secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";
    secrets.add("example", secret);
    for form in [secret, secret.split_at(3).1, &hex(secret.as_bytes()), &base64(secret.as_bytes())]
    {
        let text = format!("before {form} behind");
        let found = std::panic::catch_unwind(|| secrets.absent(text.as_bytes(), "text"));
        assert!(found.is_err(), "{form}");
    }
    secrets.absent(b"nothing of it", "text");
}

/// Everything that there is, at the most talkative level; then every file that the server has
/// written, while it runs, when it was killed, and when it has ended, holds nothing secret.
#[test]
fn nothing_secret_is_in_any_file() {
    let talkative = Place::new().env("DAYPASS_LOG", "trace").env("RUST_LOG", "trace");
    let place = talkative.with(&["--metrics-listen", "127.0.0.1:0", "--audit", "strict"]);
    let server = place.start();
    let admin = server.admin();
    let mut secrets = Secrets(BTreeMap::new());
    secrets.add_keys("the administrator", &admin);
    let key = fs::read_to_string(place.data().join("key-encryption-key")).unwrap();
    secrets.add("key-encryption key", key.trim());
    let raw = from_base64(key.trim());
    secrets.put("bytes of the key-encryption key", &raw);
    secrets.put("key-encryption key in hexadecimal", hex(&raw).as_bytes());

    let user = ("UserName", "alice");
    let role = ("RoleName", "reader");
    let policy = [("PolicyName", "p"), ("PolicyDocument", POLICY)];
    Call::iam("CreateUser", &[user]).send(&server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &[user]).keys(&server, &admin);
    secrets.add_keys("alice", &alice);
    Call::iam("PutUserPolicy", &[[user].as_slice(), &policy].concat()).send(&server, &admin).ok();
    let create = [role, ("AssumeRolePolicyDocument", TRUST)];
    Call::iam("CreateRole", &create).send(&server, &admin).ok();
    Call::iam("PutRolePolicy", &[[role].as_slice(), &policy].concat()).send(&server, &admin).ok();
    let role_arn = format!("arn:aws:iam::{ACCOUNT}:role/reader");
    let assume =
        [("RoleArn", role_arn.as_str()), ("RoleSessionName", "audited"), ("Policy", POLICY)];
    let session = Call::sts("AssumeRole", &assume).keys(&server, &alice);
    let chained = Call::sts("AssumeRole", &assume[..2]).keys(&server, &session);
    let of_user = Call::sts("GetSessionToken", &[]).keys(&server, &alice);
    for (what, keys) in [("a role", &session), ("a chain", &chained), ("a user", &of_user)] {
        secrets.add_keys(&format!("the session of {what}"), keys);
        Call::sts("GetCallerIdentity", &[]).send(&server, keys).ok();
        Call::iam("ListUsers", &[]).send(&server, keys);
    }
    // Whoever cannot be believed, and what could be repeated to them.
    let wrong = Keys { secret: alice.secret.clone(), ..admin.clone() };
    let borrowed = Keys { token: session.token.clone(), ..admin.clone() };
    let bare = Keys { token: None, ..session.clone() };
    let call = Call::sts("GetCallerIdentity", &[]);
    for keys in [&wrong, &borrowed, &bare] {
        assert_eq!(call.send(&server, keys).status, 403);
        let request = String::from_utf8(call.signed(&server, keys)).unwrap();
        let (_, signature) = request.split_once("Signature=").unwrap();
        let signature: String = signature.chars().take_while(char::is_ascii_hexdigit).collect();
        secrets.add("signature of a refused request", &signature);
        server.connect().send(&request).reply().unwrap();
    }
    // Operators' commands, one of which hands out a secret.
    let file = place.beside("other");
    let file_text = file.display().to_string();
    server.operate(&["account", "create", "--credentials-file", &file_text]).ok();
    let other = fs::read_to_string(&file).unwrap();
    let other = other.split("aws_secret_access_key = ").nth(1).unwrap().trim();
    secrets.add("secret of another account", other);
    for command in [
        &["status"][..],
        &["keys", "rotate"],
        &["revoke", "session", &session.id],
        &["revoke", "user", "alice", "--account", ACCOUNT],
        &["keys", "compromise", "1"],
        &["backup", &place.beside("backup").display().to_string()],
    ] {
        server.operate(command).ok();
    }
    assert!(secrets.absent_below(place.data()) >= 8, "{:?}", files(place.data()));
    secrets.absent(&fs::read(place.beside("backup")).unwrap(), "the backup");
    server.kill();
    let (_, log) = server.stopped();
    secrets.absent(log.as_bytes(), "the log");
    secrets.absent_below(place.data());

    // Once more after a restart, with archives.
    age_trail(place.data());
    let server = place.start();
    Call::sts("GetCallerIdentity", &[]).send(&server, &alice).ok();
    until("an archive", || {
        let archived = files(&place.data().join("trail/AWSLogs"));
        archived.iter().any(|path| path.extension().is_some_and(|gz| gz == "gz")).then_some(())
    });
    let (code, log) = server.stop();
    assert_eq!(code, Some(0), "{log}");
    secrets.absent(log.as_bytes(), "the log");
    secrets.absent_below(place.data());
    for command in [&["check"][..], &["check", "--json"]] {
        let told = Program::daypass(place.data()).env("RUST_LOG", "trace");
        let told = told.env("DAYPASS_DATA", place.data().display().to_string()).run(command);
        secrets.absent(format!("{}{}", told.stdout, told.stderr).as_bytes(), "what check says");
    }
}
