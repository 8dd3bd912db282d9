//! Hostile requests to the S3 gateway: `tests/python/s3_hostile.py` makes them from valid ones, with a
//! signer of its own, and tells what S3 answers. None of them reaches the backend, which counts; where
//! only the body shows what a request is, the backend may have seen the begin of it, but has nothing to
//! store. Beside each kind are neighbours that differ in little and must pass.
//!
//! The holes of s3s 0.14.1, which acts on headers that are not signed and skips signed ones that are
//! absent, have rows that are named after it.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::collections::BTreeSet;

use daypass_tests::s3::{Folder, Gateway, signed, signed_body};
use daypass_tests::{Call, Client, Keys, Reply, Server, Wire, now};
use serde_json::{Value, json};

/// The base domain of the gateway: buckets are hosts below it.
const DOMAIN: &str = "s3.example.com";

/// What the backend never sees of what clients send.
const NEVER: [&str; 6] = [
    "x-amz-security-token",
    "x-forwarded-for",
    "x-forwarded-host",
    "x-real-ip",
    "x-seaweedfs-identity",
    "cookie",
];

/// A gateway with a role that may do everything with the bucket `vault` but for what is below
/// `secret/` in it.
struct World {
    backend: Folder,
    gateway: Gateway,
    keys: Value,
    /// What the backend may see the begin of, some of it after the answer.
    begun: BTreeSet<String>,
}

fn world() -> World {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &["--s3-domain", DOMAIN]);
    let role = gateway.role(
        "writer",
        &json!([
            {"Effect": "Allow", "Action": "s3:*",
             "Resource": ["arn:aws:s3:::vault", "arn:aws:s3:::vault/*"]},
            {"Effect": "Deny", "Action": "s3:*", "Resource": "arn:aws:s3:::vault/secret/*"},
        ]),
    );
    let elsewhere = Server::start();
    let parameters = [("Name", "mallory")];
    let foreign = Call::sts("GetFederationToken", &parameters).keys(&elsewhere, &elsewhere.admin());
    let told = |keys: Keys| json!({"id": keys.id, "secret": keys.secret, "token": keys.token});
    let keys = json!({
        "admin": told(gateway.server.admin()),
        "writer": told(gateway.assume(&role)),
        "other": told(gateway.assume(&role)),
        "revoked": told(gateway.assume(&role)),
        "foreign": told(foreign),
    });
    World { backend, gateway, keys, begun: BTreeSet::new() }
}

#[test]
fn hostile_requests_are_refused_and_their_neighbours_pass() {
    let mut world = world();
    let told = json!({
        "host": world.gateway.host(),
        "domain": DOMAIN,
        "now": now().as_second(),
        "keys": world.keys,
    });
    let client = Client::without_keys(&world.gateway.server).env("WORLD", told.to_string());
    let printed = client.python("s3_hostile.py").ok();

    let (mut refused, mut passed, mut wrong) = (0, 0, Vec::new());
    let mut holes = 0;
    for line in printed.lines() {
        let row: Value = serde_json::from_str(line).unwrap();
        let name = row["name"].as_str().unwrap();
        if let Some(id) = row["revoke"].as_str() {
            world.gateway.server.operate(&["revoke", "session", id]).ok();
            continue;
        }
        holes += usize::from(name.starts_with("s3s: "));
        *(if row["code"].is_null() { &mut passed } else { &mut refused }) += 1;
        if let Err(told) = check(&mut world, &row) {
            wrong.push(format!("{name}: {told}"));
        }
    }
    println!("{refused} refused, {passed} passed");
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(holes, 2);
    assert!(refused >= 200 && passed >= 30, "{refused} refused, {passed} passed");
    let (code, log) = world.gateway.server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}

/// Who expects `100 Continue` and is refused sends no body: what comes next on the connection would be
/// taken for it, or for a request whose begin is missing. So the connection ends, and says so.
#[test]
fn a_refusal_instead_of_continuing_ends_the_connection() {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &[]);
    let nobody = gateway.assume(
        &gateway.role("nobody", &json!([{"Effect": "Deny", "Action": "s3:*", "Resource": "*"}])),
    );
    let expecting = "expect: 100-continue\r\n";
    let put = signed_body(&gateway, &nobody, "PUT", "/bucket/key", b"12345", expecting);
    let (head, _) = put.split_at(put.len() - 5);
    let get = signed(&gateway, &nobody, "GET", "/", "");
    let mut wire = gateway.connect();
    let refused = wire.send(head).reply().unwrap();
    assert!([403, 404].contains(&refused.status), "{refused:?}");
    assert_eq!(refused.header("connection"), Some("close"), "{refused:?}");
    assert!(wire.send(get).reply().is_none(), "the connection goes on");
}

/// Sends a row and tells what is wrong with what came of it.
fn check(world: &mut World, row: &Value) -> Result<(), String> {
    let objects = world.backend.objects().unwrap();
    let requests = world.backend.requests();
    world.backend.forget();
    let sent = data_encoding::BASE64.decode(row["sent"].as_str().unwrap().as_bytes()).unwrap();
    let mut wire = world.gateway.connect();
    wire.send(&sent);
    let cut = row["cut"] == true;
    if cut {
        wire.finish();
    }
    let status = u16::try_from(row["status"].as_u64().unwrap()).unwrap();
    if row["begins"] == true {
        let head = String::from_utf8_lossy(&sent);
        world.begun.extend(head.split(' ').nth(1).map(str::to_owned));
        // Where a form puts what it brings.
        world.begun.extend(["form-large", "form-begun"].map(|key| format!("/vault/allowed/{key}")));
    }
    let Some(code) = row["code"].as_str() else {
        return passes(world, row, status, &mut wire, requests);
    };
    match wire.reply() {
        Some(reply) => refused(&reply, status, code)?,
        None if cut => {}
        None => return Err("no reply".to_owned()),
    }
    let backend = &world.backend;
    let seen = backend.seen();
    if row["begins"] == true {
        if seen.iter().any(|seen| seen.is_whole) {
            return Err(format!("the backend has got all of it: {seen:?}"));
        }
    } else if seen.iter().any(|seen| seen.is_whole || !world.begun.contains(&seen.target)) {
        return Err(format!("it reached the backend: {seen:?}"));
    }
    let now = backend.objects().unwrap();
    if now != objects {
        return Err(format!("it changed what is stored: {objects:?}, now {now:?}"));
    }
    Ok(())
}

fn refused(reply: &Reply, status: u16, code: &str) -> Result<(), String> {
    let got = reply.outcome();
    if got != (status, code.to_owned()) {
        return Err(format!("not {status} {code}: {reply:?}"));
    }
    if code.is_empty() {
        return Ok(());
    }
    let is_xml = reply.header("content-type") == Some("application/xml");
    let id = reply.header("x-amz-request-id").filter(|id| !id.is_empty());
    let told = reply.text("RequestId");
    if !is_xml || id.is_none() || status != 200 && told.as_deref() != id {
        return Err(format!("not in the form of S3: {reply:?}"));
    }
    Ok(())
}

fn passes(
    world: &World,
    row: &Value,
    status: u16,
    wire: &mut Wire,
    requests: u64,
) -> Result<(), String> {
    let head = wire.head().ok_or("no reply")?;
    if head.status != status {
        let body = wire.rest(&head);
        return Err(format!("not {status}: {head:?} {body}"));
    }
    let backend = &world.backend;
    if backend.requests() == requests {
        return Err("it never reached the backend".to_owned());
    }
    let hidden = row["hidden"].as_array().unwrap().iter().filter_map(Value::as_str);
    let hidden: BTreeSet<&str> = hidden.chain(NEVER).collect();
    let seen = backend.seen();
    for seen in seen.iter().filter(|seen| !world.begun.contains(&seen.target)) {
        if let Some(name) = seen.headers.iter().find(|name| hidden.contains(name.as_str())) {
            return Err(format!("the backend saw `{name}`: {seen:?}"));
        }
        if !seen.is_whole {
            return Err(format!("the backend has not got all of it: {seen:?}"));
        }
    }
    match row["stored"].as_str() {
        Some(object) if !backend.objects().unwrap().iter().any(|stored| stored == object) => {
            Err(format!("`{object}` is not there"))
        }
        _ => Ok(()),
    }
}
