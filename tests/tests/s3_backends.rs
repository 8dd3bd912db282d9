//! Backends as operators have them: over TLS with an authority of their own, with the keys that they
//! came with, and such that take a connection and never answer.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use std::fs;

use daypass_s3_folder::Behaviour;
use daypass_tests::s3::{Folder, Gateway, signed, signed_body};
use daypass_tests::{Authority, Reply, scratch};

#[track_caller]
fn send(gateway: &Gateway, method: &str, target: &str, body: &[u8]) -> Reply {
    let keys = gateway.server.admin();
    let request = match body {
        [] => signed(gateway, &keys, method, target, ""),
        body => signed_body(gateway, &keys, method, target, body, ""),
    };
    let reply = gateway.connect().send(request).reply();
    reply.unwrap_or_else(|| panic!("no reply to {method} {target}"))
}

#[track_caller]
fn serves(gateway: &Gateway) {
    send(gateway, "PUT", "/bucket", b"").ok();
    send(gateway, "PUT", "/bucket/key", b"content").ok();
    assert_eq!(send(gateway, "GET", "/bucket/key", b"").ok().body, "content");
}

#[track_caller]
fn told(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{reply:?}");
}

/// S3 servers come with keys such as these.
#[test]
fn keys_of_any_form_are_signed_with() {
    for keys in [("minioadmin", "minioadmin"), ("any", "any"), ("tenant:user", "s3cr3t/with+=")] {
        let backend = Folder::with_keys(keys);
        let gateway = Gateway::start_with_keys(&backend.url(), keys, &[]);
        serves(&gateway);
        gateway.server.wait_for_line("the backend of the S3 gateway answers");
    }
}

#[test]
fn a_backend_over_tls_is_asked_when_its_certificate_is_right() {
    let (authority, other) = (Authority::new(), Authority::new());
    let folder = scratch();
    let file = |name: &str, authority: &Authority| {
        let path = folder.path().join(name);
        fs::write(&path, authority.pem()).unwrap();
        path.display().to_string()
    };
    let (right, wrong) = (file("right.pem", &authority), file("wrong.pem", &other));
    let backend = Folder::with_tls(authority.server());
    assert!(backend.url().starts_with("https://"), "{}", backend.url());
    serves(&Gateway::start(&backend.url(), &["--s3-backend-ca", &right]));
    backend.forget();
    let elsewhere = Folder::with_tls(authority.server_for("elsewhere.example.com"));
    for (url, more, cause) in [
        (backend.url(), &["--s3-backend-ca", &wrong][..], "UnknownIssuer"),
        // Without a file it is Mozilla's that are believed.
        (backend.url(), &[], "UnknownIssuer"),
        (elsewhere.url(), &["--s3-backend-ca", &right], "not valid for name"),
    ] {
        let gateway = Gateway::start(&url, more);
        told(&send(&gateway, "PUT", "/bucket", b""), 503, "ServiceUnavailable");
        let (_, log) = gateway.server.stop();
        assert!(log.contains("TLS: invalid peer certificate") && log.contains(cause), "{log}");
    }
    assert!(backend.seen().is_empty() && elsewhere.seen().is_empty(), "{:?}", backend.seen());
}

/// It has a second: what is waited for here is that the gateway gives it up.
#[test]
fn a_backend_that_never_answers_is_late() {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &["--s3-backend-timeout", "1"]);
    serves(&gateway);
    backend.behave(Behaviour::Silent);
    for (method, target, body) in [
        ("GET", "/bucket/key", &b""[..]),
        ("PUT", "/bucket/new", b"new"),
        ("GET", "/bucket/key?acl", b""),
        ("DELETE", "/bucket/key", b""),
    ] {
        told(&send(&gateway, method, target, body), 504, "GatewayTimeout");
    }
    // Larger than what may lie in buffers on the way.
    told(&send(&gateway, "PUT", "/bucket/large", &vec![b'x'; 8 << 20]), 504, "GatewayTimeout");
    backend.behave(Behaviour::Serve);
    assert_eq!(send(&gateway, "GET", "/bucket/key", b"").ok().body, "content");
    assert_eq!(backend.objects().unwrap(), ["bucket/key"]);
    let (code, log) = gateway.server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
