//! The wire protocol over a socket: `reference/sts-api.md`, section 4; rows are named after its
//! points. What needs no socket is in `crates/api/src/tests/protocol.rs`.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fmt::Write as _;
use std::fs;

use daypass_sigv4::{Request, sign};
use daypass_tests::{ACCOUNT, Call, Client, Keys, REGION, Reply, Server, Wire, now, trail};
use serde_json::Value;

const STS: &str = "Version=2011-06-15";
const FORM: &str = "application/x-www-form-urlencoded";

/// A request of these pieces, signed, as it goes over the wire.
fn request(
    server: &Server,
    keys: &Keys,
    (method, target): (&str, &str),
    fields: &[(&'static str, &str)],
    body: &str,
) -> String {
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let mut headers = vec![("host", server.host().as_bytes())];
    headers.extend(fields.iter().map(|(name, value)| (*name, value.as_bytes())));
    let unsigned = Request { method, path, query, headers: &headers };
    let credentials = keys.credentials();
    let added = sign(&unsigned, body.as_bytes(), &credentials, REGION, "sts", now());
    let mut text = format!("{method} {target} HTTP/1.1\r\nhost: {}\r\n", server.host());
    let fields = fields.iter().map(|(name, value)| (*name, (*value).to_owned()));
    for (name, value) in fields.chain(added) {
        write!(text, "{name}: {value}\r\n").unwrap();
    }
    write!(text, "content-length: {}\r\n\r\n{body}", body.len()).unwrap();
    text
}

fn answer(server: &Server, request: &str) -> Reply {
    server.connect().send(request).reply().unwrap_or_else(|| panic!("no reply to {request}"))
}

/// The header fields of every reply: `Success headers`, `Request id`.
#[track_caller]
fn has_headers(row: &str, reply: &Reply, media: &str) {
    assert_eq!(reply.header("content-type"), Some(media), "{row}");
    let date = reply.header("date").unwrap_or_else(|| panic!("{row}: no date"));
    // IMF-fixdate (RFC 9110, section 5.6.7).
    assert!(date.len() == 29 && date.ends_with(" GMT"), "{row}: {date}");
    let id = reply.request_id();
    let parts: Vec<usize> = id.split('-').map(str::len).collect();
    assert_eq!(parts, [8, 4, 4, 4, 12], "{row}: {id}");
    assert!(!id.bytes().any(|byte| byte.is_ascii_uppercase()), "{row}: {id}");
}

#[test]
fn parameters_come_by_any_method_in_query_and_body() {
    let server = Server::start();
    let admin = server.admin();
    let form = format!("Action=GetSessionToken&{STS}&DurationSeconds=900");
    let target = format!("/?{form}");
    let (one, other) = (format!("/?Action=GetSessionToken&{STS}"), "DurationSeconds=900");
    let utf_8 = format!("{FORM}; charset=utf-8");
    let mut ids = Vec::new();
    for (row, way, media, body) in [
        ("Method: POST", ("POST", "/"), Some(utf_8.as_str()), form.as_str()),
        ("Method: GET", ("GET", &target), None, ""),
        ("Method: POST, all in the query, no media type", ("POST", &target), None, ""),
        ("Method: POST, in both", ("POST", &one), Some(FORM), other),
        ("Method: GET with a body", ("GET", "/"), Some(FORM), &form),
        ("Method: PUT", ("PUT", "/"), Some(FORM), &form),
        ("Method: PATCH", ("PATCH", &target), None, ""),
        ("Method: DELETE", ("DELETE", &target), None, ""),
        ("Method: OPTIONS", ("OPTIONS", &target), None, ""),
        (
            "another charset",
            ("POST", "/"),
            Some("application/x-www-form-urlencoded; charset=latin1"),
            &form,
        ),
        ("another media type", ("POST", "/"), Some("text/plain"), &form),
    ] {
        let fields: Vec<_> = media.into_iter().map(|media| ("content-type", media)).collect();
        let reply = answer(&server, &request(&server, &admin, way, &fields, body));
        assert_eq!(reply.status, 200, "{row}: {reply:?}");
        has_headers(row, &reply, "text/xml");
        // Success body.
        let start = "<GetSessionTokenResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><GetSessionTokenResult><Credentials>";
        let end = format!(
            "</GetSessionTokenResult><ResponseMetadata><RequestId>{}</RequestId></ResponseMetadata></GetSessionTokenResponse>",
            reply.request_id()
        );
        assert!(reply.body.starts_with(start) && reply.body.ends_with(&end), "{row}: {reply:?}");
        ids.push(reply.request_id());
    }
    let asked = ids.len();
    ids.sort();
    ids.dedup();
    assert_eq!(ids.len(), asked, "each request has an id of its own");
    // HEAD has the head of the same reply, and nothing behind it.
    let mut wire = server.connect();
    wire.send(request(&server, &admin, ("HEAD", &target), &[], ""));
    let head = wire.head().unwrap();
    assert_eq!(head.status, 200, "{head:?}");
    has_headers("Method: HEAD", &head, "text/xml");
    let next = wire.send(request(&server, &admin, ("GET", &target), &[], "")).reply().unwrap();
    assert_eq!(next.status, 200, "what comes next begins with a status line");
}

/// What is not asked with credentials, or for nothing that there is.
#[test]
fn refusals_have_the_same_form_whatever_is_refused() {
    let server = Server::start();
    let host = server.host();
    let bare = |start: &str| format!("{start} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let large = format!("POST / HTTP/1.1\r\nHost: {host}\r\nContent-Length: 99999999\r\n\r\n");
    for (row, request, status, code) in [
        ("No Action: a plain GET /", bare("GET /"), 400, "MissingAction"),
        ("No Action: an empty POST", bare("POST /"), 400, "MissingAction"),
        ("No Action: OPTIONS, as browsers ask first", bare("OPTIONS /"), 400, "MissingAction"),
        ("No Action: OPTIONS *", bare("OPTIONS *"), 400, "MissingAction"),
        ("No Action: TRACE", bare("TRACE /"), 400, "MissingAction"),
        ("No Action: another path", bare("GET /favicon.ico"), 400, "MissingAction"),
        (
            "Signing: nothing is signed",
            bare(&format!("GET /?Action=GetCallerIdentity&{STS}")),
            403,
            "MissingAuthenticationToken",
        ),
        (
            "Fixed params: no such version",
            bare("GET /?Action=GetCallerIdentity&Version=1999-01-01"),
            400,
            "NoSuchVersion",
        ),
        (
            "Fixed params: no such operation",
            bare(&format!("GET /?Action=Nothing&{STS}")),
            400,
            "InvalidAction",
        ),
        ("a body over the limit", large, 413, "RequestEntityTooLarge"),
    ] {
        let reply = answer(&server, &request);
        assert_eq!(reply.outcome(), (status, code.to_owned()), "{row}: {reply:?}");
        has_headers(row, &reply, "text/xml");
        // Error body, Type.
        let start = "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\"><Error><Type>Sender</Type><Code>";
        let end = format!(
            "</Message></Error><RequestId>{}</RequestId></ErrorResponse>",
            reply.request_id()
        );
        assert!(reply.body.starts_with(start) && reply.body.ends_with(&end), "{row}: {reply:?}");
        assert!(reply.header("access-control-allow-origin").is_none(), "{row}");
    }
    // HEAD without an action, and a connection that is to become a tunnel.
    let mut wire = server.connect();
    assert_eq!(wire.send(bare("HEAD /")).head().unwrap().status, 400);
    let tunnel = format!("CONNECT {host} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    assert_eq!(server.connect().send(tunnel).reply().map(|reply| reply.status), Some(400));
    // HTTP/2 is for TLS: in the clear its preface is no request.
    let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let reply = server.connect().send(preface).head();
    assert!(reply.as_ref().is_none_or(|reply| reply.status == 400), "{reply:?}");
    assert_eq!(server.health().0, 200);
}

/// HTTP/1.1 (RFC 9112, section 9.3): connections stay, and requests may be sent ahead.
#[test]
fn connections_are_kept_and_requests_may_be_sent_ahead() {
    let server = Server::start();
    let admin = server.admin();
    let identity = Call::sts("GetCallerIdentity", &[]);
    let mut wire = server.connect();
    for _ in 0..5 {
        // A refusal, too, leaves the connection open.
        let reply = wire.send(identity.signed(&server, &admin)).reply().unwrap();
        assert_eq!(reply.status, 200, "keep-alive");
        let reply = wire.send(identity.unsigned(&server)).reply().unwrap();
        assert_eq!(reply.status, 403, "keep-alive after a refusal");
    }
    // Ahead of the replies, and in pieces that end in the middle of requests; with bodies and
    // without. The replies come in the order of the requests.
    let target = format!("/?Action=GetCallerIdentity&{STS}");
    let mut all = Vec::new();
    for number in 0..20 {
        all.extend(match number % 3 {
            0 => identity.signed(&server, &admin),
            1 => request(&server, &admin, ("GET", &target), &[], "").into_bytes(),
            _ => identity.unsigned(&server),
        });
    }
    for piece in all.chunks(1000) {
        wire.send(piece);
    }
    for number in 0..20 {
        let reply = wire.reply().unwrap();
        assert_eq!(reply.status, if number % 3 == 2 { 403 } else { 200 }, "pipelined {number}");
    }
    // Whoever wants the connection closed gets that.
    let last = request(&server, &admin, ("GET", &target), &[("connection", "close")], "");
    let reply = wire.send(&last).reply().unwrap();
    assert_eq!((reply.status, reply.header("connection")), (200, Some("close")));
    assert!(wire.reply().is_none());
}

/// `JSON form`: services that take a presigned GetCallerIdentity for a proof of identity ask so.
#[test]
fn whoever_asks_for_json_gets_it() {
    let server = Server::start();
    let admin = server.admin();
    let target = format!("/?Action=GetCallerIdentity&{STS}");
    let json = [("accept", "application/json"), ("x-k8s-aws-id", "cluster-1")];
    let reply = answer(&server, &request(&server, &admin, ("GET", &target), &json, ""));
    assert_eq!(reply.status, 200, "{reply:?}");
    has_headers("JSON form: success", &reply, "application/json");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    let response = &body["GetCallerIdentityResponse"];
    let arn = format!("arn:aws:iam::{ACCOUNT}:user/admin");
    assert_eq!(response["GetCallerIdentityResult"]["Arn"], arn);
    assert_eq!(response["ResponseMetadata"]["RequestId"], reply.request_id());
    let unsigned = format!(
        "GET {target} HTTP/1.1\r\nhost: {}\r\naccept: application/json\r\n\r\n",
        server.host()
    );
    let reply = answer(&server, &unsigned);
    assert_eq!(reply.status, 403, "{reply:?}");
    has_headers("JSON form: error", &reply, "application/json");
    let body: Value = serde_json::from_str(&reply.body).unwrap();
    assert_eq!(body["Error"]["Code"], "MissingAuthenticationToken");
    assert_eq!(body["Error"]["Type"], "Sender");
    assert_eq!(body["RequestId"], reply.request_id());
    // What other clients send asks for XML.
    for accept in ["*/*", "text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", ""] {
        let reply =
            answer(&server, &request(&server, &admin, ("GET", &target), &[("accept", accept)], ""));
        assert!(reply.body.starts_with("<GetCallerIdentityResponse"), "{accept}: {reply:?}");
    }
}

/// Behind a proxy that names its clients: who guesses is refused, before anything is looked at, and
/// neither other addresses nor those who have proven themselves are.
#[test]
fn an_address_that_guesses_is_throttled_and_its_neighbours_are_not() {
    let server = Server::start_with(
        &[
            "--trusted-proxies",
            "127.0.0.1",
            "--rate-limit-address",
            "1:5",
            "--metrics-listen",
            "127.0.0.1:0",
        ],
        &[],
    );
    let admin = server.admin();
    let guess = Keys { secret: "x".repeat(40), ..admin.clone() };
    let user = [("UserName", "alice")];
    Call::iam("CreateUser", &user).send(&server, &admin).ok();
    let alice = Call::iam("CreateAccessKey", &user).keys(&server, &admin);
    let target = format!("/?Action=GetCallerIdentity&{STS}");
    let ask = |keys: &Keys, from: &str| {
        let request = request(&server, keys, ("GET", &target), &[], "");
        // The proxy adds its field, which is not signed.
        let request = request.replacen("\r\n", &format!("\r\nx-forwarded-for: {from}\r\n"), 1);
        answer(&server, &request).outcome()
    };
    let ok = (200, String::new());
    // The administrator's key signs for STS for the first time here.
    assert_eq!(ask(&admin, "198.51.100.1"), ok);
    let outcomes: Vec<_> = (0..50).map(|_| ask(&guess, "198.51.100.7")).collect();
    let throttled =
        outcomes.iter().filter(|outcome| **outcome == (400, "Throttling".to_owned())).count();
    // A token a second comes back meanwhile, for the address and for the key.
    assert!(outcomes[..10].iter().all(|(_, code)| code == "SignatureDoesNotMatch"), "{outcomes:?}");
    assert!(throttled >= 20, "{outcomes:?}");
    // Whoever has proven themselves is answered there, with a key that nobody guesses at.
    Call::sts("GetCallerIdentity", &[]).send(&server, &alice).ok();
    assert_eq!(ask(&alice, "198.51.100.7"), ok);
    // Others are not touched, and neither is the proxy itself.
    for from in ["198.51.100.8", "2001:db8::7", "127.0.0.1"] {
        assert_eq!(ask(&guess, from), (403, "SignatureDoesNotMatch".to_owned()), "{from}");
        assert_eq!(ask(&admin, from), ok, "{from}");
    }
    server.wait_for_line("metrics on ");
    let log = server.log();
    let metrics = log.split_once("metrics on http://").unwrap().1.split_once('/').unwrap().0;
    let head = format!("GET /metrics HTTP/1.1\r\nhost: {metrics}\r\n\r\n");
    let body = Wire::connect(metrics.parse().unwrap()).send(head).reply().unwrap().body;
    let counted = format!("daypass_throttled_total{{limit=\"address\"}} {throttled}\n");
    assert!(body.contains(&counted), "{counted} in {body}");
}

#[test]
fn sdks_try_again_what_is_throttled() {
    let server = Server::start_with(&["--rate-limit-principal", "20:2"], &[]);
    let client = Client::with_profile(&server).env("DAYPASS_URL", server.url());
    let printed = client.python("rate_limits.py").ok();
    assert!(printed.ends_with("all checks passed\n"), "{printed}");
    // Throttled calls are sampled in a file of their own; the trail has none of them.
    let (data, folder) = (server.data().to_owned(), server.keep_folder());
    let (status, log) = server.stop();
    assert_eq!(status, Some(0), "{log}");
    let lines = fs::read_to_string(data.join("refusals.jsonl")).unwrap();
    let throttled: Vec<Value> = lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .filter(|entry: &Value| entry["errorCode"] == "Throttling")
        .collect();
    assert!(!throttled.is_empty(), "{lines}");
    for entry in &throttled {
        assert_eq!(entry["cause"], "too many requests of the principal", "{entry}");
        assert_eq!(entry["sourceIPAddress"], "127.0.0.1", "{entry}");
        assert!(entry["time"].is_string() && entry["requestID"].is_string(), "{entry}");
        assert!(entry["leftOut"].is_u64(), "{entry}");
    }
    let records = trail(&data);
    assert!(records.iter().any(|record| record["eventName"] == "GetCallerIdentity"));
    assert!(records.iter().all(|record| record["errorCode"] != "Throttling"));
    drop(folder);
}
