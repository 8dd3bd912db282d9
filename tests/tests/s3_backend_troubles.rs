//! Backends that are out of service, hang up or are gone: clients of the gateway are told in S3's form,
//! and nothing counts as done that was not.
// Marks the helper functions as test code, to Clippy too.
#![cfg(test)]

use daypass_s3_folder::Behaviour;
use daypass_tests::s3::{Folder, Gateway, everything, signed, signed_body};
use daypass_tests::{Keys, Reply};

/// Larger than what may lie in buffers on the way.
const LARGE: usize = 8 << 20;

struct World {
    backend: Folder,
    gateway: Gateway,
    keys: Keys,
}

fn world() -> World {
    let backend = Folder::start();
    let gateway = Gateway::start(&backend.url(), &[]);
    let keys = gateway.assume(&gateway.role("visitor", &everything()));
    let world = World { backend, gateway, keys };
    assert_eq!(world.send("PUT", "/bucket").status, 200);
    assert_eq!(world.put("/bucket/there", b"content").status, 200);
    world
}

impl World {
    #[track_caller]
    fn send(&self, method: &str, target: &str) -> Reply {
        let request = signed(&self.gateway, &self.keys, method, target, "");
        let reply = self.gateway.connect().send(request).reply();
        reply.unwrap_or_else(|| panic!("no reply to {method} {target}"))
    }

    #[track_caller]
    fn put(&self, target: &str, body: &[u8]) -> Reply {
        let request = signed_body(&self.gateway, &self.keys, "PUT", target, body, "");
        let reply = self.gateway.connect().send(request).reply();
        reply.unwrap_or_else(|| panic!("no reply to PUT {target}"))
    }
}

/// What is answered in S3's form, with an id of the gateway's own.
#[track_caller]
fn told(reply: &Reply, status: u16, code: &str) {
    assert_eq!(reply.outcome(), (status, code.to_owned()), "{reply:?}");
    assert_eq!(reply.header("content-type"), Some("application/xml"), "{reply:?}");
    assert_eq!(reply.text("RequestId").as_deref(), reply.header("x-amz-request-id"), "{reply:?}");
}

#[test]
fn a_backend_out_of_service_is_told_as_it_is() {
    let world = world();
    world.backend.behave(Behaviour::Unavailable);
    told(&world.send("GET", "/bucket/there"), 503, "SlowDown");
    told(&world.put("/bucket/new", b"new"), 503, "SlowDown");
    world.backend.behave(Behaviour::Serve);
    assert_eq!(world.send("GET", "/bucket/there").ok().body, "content");
    assert_eq!(world.backend.objects().unwrap(), ["bucket/there"]);
}

#[test]
fn a_backend_that_hangs_up_is_a_bad_gateway() {
    let world = world();
    world.backend.behave(Behaviour::HangUp);
    told(&world.send("GET", "/bucket/there"), 502, "BadGateway");
    told(&world.send("DELETE", "/bucket/there"), 502, "BadGateway");
    told(&world.put("/bucket/new", b"new"), 502, "BadGateway");
    world.backend.behave(Behaviour::HangUpAfter(1 << 20));
    told(&world.put("/bucket/new", &vec![b'x'; LARGE]), 502, "BadGateway");
    world.backend.behave(Behaviour::Serve);
    assert_eq!(world.send("GET", "/bucket/there").ok().body, "content");
    assert_eq!(world.backend.objects().unwrap(), ["bucket/there"]);
    // Nothing of which a byte was sent is sent again by itself.
    let puts = world.backend.seen().into_iter().filter(|seen| seen.target == "/bucket/new");
    assert!(puts.count() <= 3, "{:?}", world.backend.seen());
}

/// The head has been handed on already: all that is left is not to let the body look whole.
#[test]
fn a_reply_that_breaks_off_does_not_end_well() {
    let world = world();
    world.backend.behave(Behaviour::CutShort(3));
    let request = signed(&world.gateway, &world.keys, "GET", "/bucket/there", "");
    let mut wire = world.gateway.connect();
    match wire.send(request).head() {
        Some(head) if head.status == 200 => {
            assert_eq!(head.header("content-length"), Some("7"), "{head:?}");
            assert_ne!(wire.rest(&head), "content");
        }
        Some(other) => assert_eq!(other.status, 502, "{other:?}"),
        None => {}
    }
}

#[test]
fn a_backend_that_is_gone_is_out_of_service() {
    let World { backend, gateway, keys } = world();
    drop(backend);
    let request = signed(&gateway, &keys, "GET", "/bucket/there", "");
    let reply = gateway.connect().send(request).reply().unwrap();
    told(&reply, 503, "ServiceUnavailable");
    let (code, log) = gateway.server.stop();
    assert_eq!(code, Some(0), "{log}");
    assert!(!log.contains("panicked"), "{log}");
}
