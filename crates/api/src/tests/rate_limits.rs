//! Who is refused for asking too often, and who is not for what others do.

use daypass_names::{AccessKeyId, Constrained, SecretAccessKey, UniqueId};
use daypass_sigv4::Credentials;
use http::Method;

use super::accounts::{OTHER, close, second};
use super::world::{ACCOUNT, Answer, World, statement, trust, trust_account};
use crate::rate_limits::Limits;
use crate::{RateLimit, RateLimits, Received};

const IDENTITY: &[(&str, &str)] = &[("Action", "GetCallerIdentity")];
const OFF: RateLimits = RateLimits { principal: None, account: None, address: None };

fn limit(rate: u32, burst: u32) -> Option<RateLimit> {
    RateLimit::new(rate, burst)
}

impl World {
    fn limited(&mut self, limits: RateLimits) {
        self.app.limits = Limits::new(limits);
    }

    /// A signed call from that address.
    fn from(&self, address: &str, credentials: &Credentials) -> Received {
        let mut received = self.form(credentials, "sts", IDENTITY);
        received.source_ip = address.parse().unwrap();
        received.source_is_shared = false;
        received
    }

    async fn ask(&self, address: &str, credentials: &Credentials) -> Answer {
        self.send(self.from(address, credentials)).await
    }
}

#[track_caller]
fn is_throttled(answer: &Answer) {
    answer.refused(400, "Throttling", "Rate exceeded");
    assert_eq!(answer.text("Type"), Some("Sender"));
}

#[track_caller]
fn is_mismatch(answer: &Answer) {
    assert_eq!((answer.status, answer.text("Code")), (403, Some("SignatureDoesNotMatch")));
}

/// The same key with another secret.
fn guessed(credentials: &Credentials) -> Credentials {
    let other = SecretAccessKey::parse(&"x".repeat(40)).unwrap();
    Credentials { secret_access_key: other, ..credentials.clone() }
}

#[tokio::test]
async fn a_principal_has_its_rate_whatever_it_signs_with() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    world.role("Reader", &trust_account(), None).await;
    let reader = world.assume(&world.admin, "Reader", &[]).await.ok().credentials();
    let again = world.assume(&world.admin, "Reader", &[("DurationSeconds", "900")]).await;
    let again = again.ok().credentials();
    world.limited(RateLimits { principal: limit(2, 3), ..OFF });
    let records = world.records().len();
    // A user's sessions are the user, and the sessions of a role are the role.
    for (one, other) in [(&ann, &session), (&reader, &again)] {
        for credentials in [one, other, one] {
            world.whoami(credentials).await.ok();
        }
        for credentials in [one, other] {
            is_throttled(&world.whoami(credentials).await);
        }
    }
    // Others are not touched.
    world.whoami(&world.admin).await.ok();
    // What was refused is not in the trail, but it is counted.
    assert_eq!(world.records().len(), records + 7);
    assert_eq!(world.app.throttled(), [("principal", 4), ("account", 0), ("address", 0)]);
    // Half a second is one request at that rate. A refusal of another kind counts like an answer.
    world.pass(1);
    let refused = world.iam(&ann, &[("Action", "ListUsers")]).await;
    assert_eq!(refused.text("Code"), Some("AccessDenied"));
    world.whoami(&ann).await.ok();
    is_throttled(&world.whoami(&ann).await);
}

/// Who proves nobody takes nothing from whom it names.
#[tokio::test]
async fn only_what_was_proven_counts_for_a_principal() {
    let mut world = World::new().await;
    world.limited(RateLimits { principal: limit(1, 2), account: limit(1, 2), address: None });
    for _ in 0..20 {
        is_mismatch(&world.whoami(&guessed(&world.admin)).await);
    }
    world.whoami(&world.admin).await.ok();
    world.whoami(&world.admin).await.ok();
    is_throttled(&world.whoami(&world.admin).await);
}

#[tokio::test]
async fn an_account_has_its_share_and_leaves_others_theirs() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    let boss = second(&world).await;
    world.limited(RateLimits { account: limit(1, 4), ..OFF });
    for credentials in [&ann, &world.admin, &ann, &world.admin] {
        world.whoami(credentials).await.ok();
    }
    for credentials in [&ann, &world.admin] {
        is_throttled(&world.whoami(credentials).await);
    }
    for _ in 0..4 {
        world.whoami(&boss).await.ok();
    }
    is_throttled(&world.whoami(&boss).await);
    assert_eq!(world.app.throttled(), [("principal", 0), ("account", 3), ("address", 0)]);
}

/// A key that there is not.
fn unknown(credentials: &Credentials) -> Credentials {
    let access_key_id = AccessKeyId::parse("AKIAI44QH8DHBEXAMPLE").unwrap();
    Credentials { access_key_id, ..credentials.clone() }
}

const NAT: &str = "192.0.2.7";

#[tokio::test]
async fn over_its_limit_an_address_is_told_nothing_of_unknown_credentials() {
    let mut world = World::new().await;
    let (ann, ben) = (world.user("Ann", None).await, world.user("Ben", None).await);
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let bare = Credentials { session_token: None, ..session.clone() };
    let broken = Credentials { session_token: Some("dG9rZW4=".to_owned()), ..session.clone() };
    let records = world.records().len();
    for flood in [&unknown(&ben), &bare, &broken, &guessed(&world.admin)] {
        world.limited(RateLimits { address: limit(1, 3), ..OFF });
        for _ in 0..3 {
            assert_eq!(world.ask(NAT, flood).await.status, 403);
        }
        // Over the limit it is not even told what is wrong with them.
        for credentials in [&unknown(&ben), &bare, &broken] {
            is_throttled(&world.ask(NAT, credentials).await);
        }
        assert_eq!(world.app.throttled(), [("principal", 0), ("account", 0), ("address", 3)]);
        // What presents no credential is refused for that.
        let unsigned =
            world.unsigned(Method::POST, "/", "Action=GetCallerIdentity&Version=2011-06-15");
        let unsigned =
            Received { source_is_shared: false, source_ip: NAT.parse().unwrap(), ..unsigned };
        assert_eq!(world.send(unsigned).await.text("Code"), Some("MissingAuthenticationToken"));
        // Other addresses are not touched, nor those that stand for many.
        assert_eq!(world.ask("192.0.2.8", flood).await.status, 403);
        let mut shared = world.from(NAT, &unknown(&ben));
        shared.source_is_shared = true;
        assert_eq!(world.send(shared).await.text("Code"), Some("InvalidClientTokenId"));
    }
    assert_eq!(world.records().len(), records);
    // A token comes back in a second.
    world.pass(1);
    is_mismatch(&world.ask(NAT, &guessed(&ben)).await);
    is_throttled(&world.ask(NAT, &unknown(&ben)).await);
}

/// What a service tells of an address counts for nobody but who comes through that service.
#[tokio::test]
async fn a_service_locks_no_address_out_for_others() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    world.limited(RateLimits { address: limit(1, 2), ..OFF });
    let service = |rest: &str| Some(UniqueId::parse(&format!("ASVC{rest}")).unwrap());
    let (one, other) = (service("EXAMPLEEXAMPLEEX1"), service("EXAMPLEEXAMPLEEX2"));
    // The last one is the same /48.
    for (address, near) in [(NAT, NAT), ("2001:db8:1:2::7", "2001:db8:1:2::9")] {
        let ask = async |told_by, address: &str, credentials: &Credentials| {
            world.send(Received { told_by, ..world.from(address, credentials) }).await
        };
        for _ in 0..2 {
            assert_eq!(ask(one, address, &unknown(&ann)).await.status, 403);
        }
        is_throttled(&ask(one, near, &unknown(&ann)).await);
        // Through another service, and from the address itself.
        for told_by in [other, None] {
            let told = ask(told_by, near, &unknown(&ann)).await;
            assert_eq!((told.status, told.text("Code")), (403, Some("InvalidClientTokenId")));
        }
        // Who is somebody goes on through the service as well, until the key is guessed at there.
        ask(one, address, &ann).await.ok();
        for _ in 0..2 {
            is_mismatch(&ask(one, address, &guessed(&ann)).await);
        }
        is_throttled(&ask(one, address, &guessed(&ann)).await);
        is_mismatch(&ask(None, address, &guessed(&ann)).await);
        world.ask(address, &ann).await.ok();
        ask(one, address, &ann).await.ok();
    }
}

/// The wrong signatures of all keys together that a service is told have a limit of their own.
#[tokio::test]
async fn what_a_service_is_guessed_at_stops_no_other_key() {
    let mut world = World::new().await;
    let (ann, ben) = (world.user("Ann", None).await, world.user("Ben", None).await);
    world.limited(RateLimits { address: limit(1, 1), ..OFF });
    let service = Some(UniqueId::parse("ASVCEXAMPLEEXAMPLEEX1").unwrap());
    let through = async |told_by, credentials: &Credentials| {
        world.send(Received { told_by, ..world.from(NAT, credentials) }).await
    };
    // Both ways the address and the keys are over their limits.
    for told_by in [service, None] {
        for guess in [&guessed(&ann), &guessed(&ann), &guessed(&ben)] {
            is_mismatch(&through(told_by, guess).await);
        }
    }
    for _ in 0..2000 {
        is_throttled(&through(service, &guessed(&ann)).await);
    }
    // Through the service nobody's signature is looked at any more, and elsewhere everybody's is.
    is_throttled(&through(service, &ben).await);
    world.ask(NAT, &ben).await.ok();
    world.ask(NAT, &ann).await.ok();
}

/// A flood stops nobody who is somebody behind the same address, seen here before or not.
#[tokio::test]
async fn behind_an_address_over_its_limit_everybody_goes_on() {
    let mut world = World::new().await;
    let (ann, ben) = (world.user("Ann", None).await, world.user("Ben", None).await);
    world.limited(RateLimits { address: limit(1, 1), ..OFF });
    for _ in 0..2 {
        world.ask(NAT, &unknown(&ann)).await;
    }
    is_throttled(&world.ask(NAT, &unknown(&ann)).await);
    // A key that was never used, and a session that was never used.
    let mut issuing = world.form(&ann, "sts", &[("Action", "GetSessionToken")]);
    (issuing.source_ip, issuing.source_is_shared) = (NAT.parse().unwrap(), false);
    let session = world.send(issuing).await.ok().credentials();
    world.ask(NAT, &session).await.ok();
    // A key for another service, and for the next day.
    let users: &[(&str, &str)] = &[("Action", "ListUsers")];
    let mut other = world.form(&world.admin, "iam", users);
    (other.source_ip, other.source_is_shared) = (NAT.parse().unwrap(), false);
    world.send(other).await.ok();
    world.pass(24 * 3600);
    for _ in 0..2 {
        world.ask(NAT, &unknown(&ann)).await;
    }
    world.ask(NAT, &ann).await.ok();
    // One that was switched off is as good as none.
    let id = ben.access_key_id.as_str();
    let off = [("UserName", "Ben"), ("AccessKeyId", id), ("Status", "Inactive")];
    world.iam(&world.admin, &[&[("Action", "UpdateAccessKey")], &off[..]].concat()).await.ok();
    is_throttled(&world.ask(NAT, &ben).await);
}

/// Somebody behind the same address guesses at a key that is in use: the right signature is answered
/// all the same, and the wrong ones of all such keys together have a limit.
#[tokio::test]
async fn a_known_key_is_no_way_around_the_limit() {
    let mut world = World::new().await;
    let (ann, ben) = (world.user("Ann", None).await, world.user("Ben", None).await);
    let session = world.sts(&ben, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let session_guessed =
        Credentials { session_token: session.session_token.clone(), ..guessed(&session) };
    world.limited(RateLimits { address: limit(1, 3), ..OFF });
    // The address pays, then each key, and then no wrong signature is told from an unknown key.
    for (guess, told) in [(&guessed(&ann), 6), (&session_guessed, 3)] {
        for _ in 0..told {
            is_mismatch(&world.ask(NAT, guess).await);
        }
        is_throttled(&world.ask(NAT, guess).await);
    }
    for credentials in [&ann, &session, &ben] {
        for _ in 0..10 {
            world.ask(NAT, credentials).await.ok();
        }
    }
    // Two of those were wrong until now.
    for _ in 2..2000 {
        is_throttled(&world.ask(NAT, &guessed(&ann)).await);
    }
    for credentials in [&ann, &session] {
        is_throttled(&world.ask(NAT, credentials).await);
    }
    // Neither other keys nor other addresses are touched.
    world.ask(NAT, &ben).await.ok();
    world.ask("192.0.2.8", &ann).await.ok();
    world.pass(1);
    world.ask(NAT, &ann).await.ok();
}

/// Who has proven themselves and is refused for something else does not count for the address.
#[tokio::test]
async fn what_is_refused_to_the_right_signature_does_not_count() {
    let mut world = World::new().await;
    let boss = second(&world).await;
    let ann = world.user("Ann", None).await;
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    world.limited(RateLimits { address: limit(1, 1), ..OFF });
    // One that has ended, and one of a closed account.
    world.pass(13 * 3600);
    close(&world, OTHER).await;
    for (credentials, code) in [(&session, "ExpiredToken"), (&boss, "InvalidClientTokenId")] {
        for _ in 0..5 {
            assert_eq!(world.ask(NAT, credentials).await.text("Code"), Some(code));
        }
    }
    // The one failure that there is room for.
    let unknown = world.ask(NAT, &unknown(&ann)).await;
    assert_eq!(unknown.text("Code"), Some("InvalidClientTokenId"));
}

/// Of IPv6 one client may have a whole /48.
#[tokio::test]
async fn a_network_has_a_limit_as_well() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    world.limited(RateLimits { address: limit(1, 2), ..OFF });
    for number in 0..16 {
        let answer = world.ask(&format!("2001:db8:7:{number}::1"), &unknown(&ann)).await;
        assert_eq!(answer.status, 403, "{number}");
    }
    is_throttled(&world.ask("2001:db8:7:ffff::1", &unknown(&ann)).await);
    world.ask("2001:db8:7:ffff::1", &ann).await.ok();
    assert_eq!(world.ask("2001:db8:8::1", &unknown(&ann)).await.status, 403);
    for number in 0..40 {
        let answer = world.ask(&format!("192.0.2.{number}"), &unknown(&ann)).await;
        assert_eq!(answer.status, 403, "{number}");
    }
}

/// A role that others may assume is nobody's means to stop another's sessions of it, nor the account
/// that it is in.
#[tokio::test]
async fn sessions_of_a_role_count_for_whoever_they_began_with() {
    let mut world = World::new().await;
    let boss = second(&world).await;
    let ann = world.user("Ann", Some(&statement("Allow", "*", "*"))).await;
    let ben = &world.admin.clone();
    let both = trust(&format!(r#"{{"AWS":["{ACCOUNT}","{OTHER}"]}}"#), "");
    world.role("Shared", &both, None).await;
    let assume = async |by: &Credentials| world.assume(by, "Shared", &[]).await.ok().credentials();
    let (anns, bens) = (assume(&ann).await, assume(ben).await);
    let (foreign, again) = (assume(&boss).await, assume(&boss).await);
    world.limited(RateLimits { principal: limit(1, 2), ..OFF });
    for credentials in [&foreign, &again] {
        world.whoami(credentials).await.ok();
    }
    is_throttled(&world.whoami(&foreign).await);
    // The user itself is somebody else than its sessions of the role.
    for credentials in [&boss, &anns, &bens] {
        for _ in 0..2 {
            world.whoami(credentials).await.ok();
        }
        is_throttled(&world.whoami(credentials).await);
    }
    world.limited(RateLimits { account: limit(1, 2), ..OFF });
    for credentials in [&foreign, &boss] {
        world.whoami(credentials).await.ok();
    }
    for credentials in [&foreign, &boss] {
        is_throttled(&world.whoami(credentials).await);
    }
    for credentials in [&anns, ben] {
        world.whoami(credentials).await.ok();
    }
    is_throttled(&world.whoami(&anns).await);
}

/// sts-api.md section 5.2: each of these proves nobody.
#[tokio::test]
async fn every_credential_that_fails_counts() {
    let mut world = World::new().await;
    let ann = world.user("Ann", None).await;
    let session = world.sts(&ann, &[("Action", "GetSessionToken")]).await.ok().credentials();
    let bare = Credentials { session_token: None, ..session.clone() };
    let broken = Credentials { session_token: Some("dG9rZW4=".to_owned()), ..session.clone() };
    let none = unknown(&ann);
    let late = world.from("2001:db8::1", &ann);
    for (number, credentials) in [&guessed(&ann), &bare, &broken, &none].into_iter().enumerate() {
        world.limited(RateLimits { address: limit(1, 1), ..OFF });
        // All of a /64 is one address.
        let answer = world.ask(&format!("2001:db8::{number}:1"), credentials).await;
        assert_eq!(answer.status, 403, "{number}: {answer:?}");
        is_throttled(&world.ask("2001:db8::9", &unknown(&ann)).await);
        world.ask("2001:db8:0:1::9", &ann).await.ok();
    }
    // A signature of yesterday.
    world.pass(13 * 3600);
    world.limited(RateLimits { address: limit(1, 1), ..OFF });
    assert_eq!(world.send(late).await.status, 403);
    is_throttled(&world.ask("2001:db8::9", &none).await);
}

/// A call that is over the limit does nothing and keeps nothing.
#[tokio::test]
async fn what_is_throttled_does_not_happen() {
    let mut world = World::new().await;
    world.limited(RateLimits { principal: limit(1, 1), ..OFF });
    world.whoami(&world.admin).await.ok();
    is_throttled(&world.iam(&world.admin, &[("Action", "CreateUser"), ("UserName", "Ann")]).await);
    world.pass(1);
    let found = world.iam(&world.admin, &[("Action", "GetUser"), ("UserName", "Ann")]).await;
    assert_eq!(found.text("Code"), Some("NoSuchEntity"));
}

/// What an operator sets nothing for: only failures are limited, and those of many clients not.
#[tokio::test]
async fn the_defaults_disturb_nobody_who_is_somebody() {
    let world = World::new().await;
    for _ in 0..2000 {
        world.ask("192.0.2.7", &world.admin).await.ok();
    }
    for _ in 0..RateLimit::ADDRESS.burst() {
        is_mismatch(&world.ask("192.0.2.7", &guessed(&world.admin)).await);
    }
    is_throttled(&world.ask("192.0.2.7", &unknown(&world.admin)).await);
    world.ask("192.0.2.7", &world.admin).await.ok();
    let ann = world.user("Ann", None).await;
    world.ask("192.0.2.7", &ann).await.ok();
}
