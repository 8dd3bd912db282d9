//! What the server counts and how it misbehaves; that it serves is for real clients to show.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use daypass_s3_folder::{Behaviour, S3Folder};

/// Sends a request and reads until the server hangs up.
fn ask(server: &S3Folder, request: &str) -> String {
    let mut stream = TcpStream::connect(server.address()).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut reply = Vec::new();
    drop(stream.read_to_end(&mut reply));
    String::from_utf8(reply).unwrap()
}

fn get(server: &S3Folder) -> String {
    ask(server, "GET /bucket/a%2Fb//c?x=%2F HTTP/1.1\r\nHost: here\r\nConnection: close\r\n\r\n")
}

fn put(server: &S3Folder, length: usize, sent: &str) -> String {
    let head = "PUT /bucket/key HTTP/1.1\r\nHost: here\r\nConnection: close\r\n";
    ask(server, &format!("{head}Content-Length: {length}\r\n\r\n{sent}"))
}

#[test]
fn it_counts_and_shows_what_reaches_it() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Folder::start(folder.path(), "AKIAIOSFODNN7EXAMPLE", "secret").unwrap();
    let refused = get(&server);
    assert!(refused.starts_with("HTTP/1.1 403 "), "{refused}");
    let (_, body) = refused.split_once("\r\n\r\n").unwrap();
    assert_eq!(server.sent(), body.len() as u64);
    let seen = server.seen();
    assert_eq!(seen.len(), 1);
    assert_eq!(
        (seen[0].method.as_str(), seen[0].target.as_str()),
        ("GET", "/bucket/a%2Fb//c?x=%2F")
    );
    assert_eq!(seen[0].headers, ["host", "connection"]);
    assert!(seen[0].is_whole);
    server.forget();
    assert_eq!((server.seen(), server.requests()), (vec![], 1));
    assert_eq!(server.objects().unwrap(), [""; 0]);
    std::fs::create_dir_all(folder.path().join("bucket/deep")).unwrap();
    std::fs::write(folder.path().join("bucket/deep/object"), "x").unwrap();
    std::fs::write(folder.path().join(".internal"), "x").unwrap();
    assert_eq!(server.objects().unwrap(), ["bucket/deep/object"]);
}

#[test]
fn it_misbehaves_as_it_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let server = S3Folder::start(folder.path(), "AKIAIOSFODNN7EXAMPLE", "secret").unwrap();
    let served = get(&server);
    server.behave(Behaviour::Unavailable);
    let unavailable = get(&server);
    assert!(unavailable.starts_with("HTTP/1.1 503 "), "{unavailable}");
    assert!(unavailable.contains("<Code>SlowDown</Code>"), "{unavailable}");
    server.behave(Behaviour::HangUp);
    assert_eq!(get(&server), "");
    server.behave(Behaviour::CutShort(7));
    let cut = get(&server);
    let (head, body) = cut.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("HTTP/1.1 403 ") && served.ends_with("</Error>"), "{cut} {served}");
    assert_eq!(body.len(), 7, "{cut}");
    server.behave(Behaviour::Wait(Duration::from_millis(1)));
    assert!(get(&server).starts_with("HTTP/1.1 403 "));
    assert_eq!(server.requests(), 5);
    server.behave(Behaviour::Serve);
    assert!(put(&server, 3, "abc").starts_with("HTTP/1.1 403 "));
    assert_eq!(server.requests(), 6);
}
