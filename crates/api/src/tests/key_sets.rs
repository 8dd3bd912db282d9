//! The keys of OpenID Connect providers: how often they are fetched, and what is used meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use daypass_directory::{NewOidcProvider, OidcProvider, OidcSettings, StaticKeys};
use daypass_federation::authorities::Authorities;
use daypass_federation::oidc::discovery_url;
use daypass_names::{
    AccountId, ClientId, Constrained, IssuerUrl, Thumbprint, UniqueId, UniqueIdKind,
};
use tokio::sync::Semaphore;
use tokio::task::{JoinSet, yield_now};
use tokio::time::Instant;

use super::world::{ACCOUNT, World, noted};
use crate::federation::scripted::{Answer, Scripted};
use crate::federation::{
    Keys, KeysFault, MAX_ALL_OF_ONE, MAX_FLIGHTS_OF_ONE, MAX_WAITING_FOR_ONE, Patience,
};
use crate::{Code, Fault, FetchFault};

const ISSUER: &str = "https://idp.example/a";
const THUMBPRINT: &str = "990f4193972f2becf12ddeda5237f9c952f20d9e";
const HOUR: i64 = 3_600;

/// The certificate of an authority of nobody, whose key was thrown away.
const AUTHORITY: &str = "\
-----BEGIN CERTIFICATE-----
MIIBejCCAR+gAwIBAgIUKPp9wmwzQpVT1qYsaFf9ckHiPAwwCgYIKoZIzj0EAwIw
EjEQMA4GA1UEAwwHZXhhbXBsZTAeFw0yNjExMjIyMjQ0MThaFw0zNjExMTkyMjQ0
MThaMBIxEDAOBgNVBAMMB2V4YW1wbGUwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNC
AATzNApMlI4aa8/ztYCfclX0Mz+/OP1/3IZeKLprYSp3olUYCBRy3anIjgorAe5b
PvSiaIllScgkB2mxlThjjowIo1MwUTAdBgNVHQ4EFgQUpxOUruDguGhPYy/aHHmz
k8ehBqMwHwYDVR0jBBgwFoAUpxOUruDguGhPYy/aHHmzk8ehBqMwDwYDVR0TAQH/
BAUwAwEB/zAKBggqhkjOPQQDAgNJADBGAiEAtdOOc+VmfshFd5g0eHWLnQgLFvvN
QiMz7uLoI9b7aMkCIQCeOrxLgJKF8KCQ1n4ZW/L7Z0+AN1Z7Z3rn9KMM7NRkgQ==
-----END CERTIFICATE-----";

/// A set with one key of that id, that of RFC 7517, appendix A.1.
fn jwks(kid: &str) -> String {
    format!(
        r#"{{"keys":[{{"kty":"EC","crv":"P-256","kid":"{kid}",
            "x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4",
            "y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}}]}}"#
    )
}

fn account() -> AccountId {
    AccountId::parse(ACCOUNT).unwrap()
}

/// A deployment, what it fetches, and a provider whose keys are those of [`jwks`] `one`.
struct Set {
    world: World,
    fetch: Arc<Scripted>,
}

impl Set {
    async fn new() -> Self {
        let fetch = Arc::new(Scripted::default());
        let world = World::fetching(fetch.clone()).await;
        fetch.provider(ISSUER, &jwks("one"));
        let set = Self { world, fetch };
        set.register(ISSUER, 1).await;
        set
    }

    async fn register(&self, issuer: &str, id: u8) -> Arc<OidcProvider> {
        self.register_with(issuer, id, OidcSettings::default()).await
    }

    async fn register_with(
        &self,
        issuer: &str,
        id: u8,
        settings: OidcSettings,
    ) -> Arc<OidcProvider> {
        let new = NewOidcProvider {
            account: account(),
            id: UniqueId::from_random(UniqueIdKind::OidcProvider, [id; 11]),
            url: IssuerUrl::parse(issuer).unwrap(),
            client_ids: Vec::new(),
            thumbprints: vec![Thumbprint::parse(THUMBPRINT).unwrap()],
            tags: Vec::new(),
            settings,
            created: self.world.now(),
        };
        let directory = &self.world.app.directory;
        directory.create_oidc_provider(new, &noted::<OidcProvider>).await.unwrap();
        self.provider(issuer).await
    }

    async fn provider(&self, issuer: &str) -> Arc<OidcProvider> {
        let url = IssuerUrl::parse(issuer).unwrap();
        self.world.app.directory.oidc_provider(account(), &url).await.unwrap()
    }

    async fn keys_of(&self, issuer: &str, kid: Option<&str>) -> Result<Keys, KeysFault> {
        let provider = self.provider(issuer).await;
        self.keys_for(&provider, kid, Patience::Usual).await
    }

    async fn keys_for(
        &self,
        provider: &OidcProvider,
        kid: Option<&str>,
        patience: Patience,
    ) -> Result<Keys, KeysFault> {
        self.world.app.key_sets.keys(provider, kid, patience, self.world.now()).await
    }

    async fn keys(&self, kid: Option<&str>) -> Result<Keys, KeysFault> {
        self.keys_of(ISSUER, kid).await
    }

    /// Newer keys than those, for a token that names none.
    async fn newer(&self, provider: &OidcProvider, than: &Keys) -> Result<Keys, KeysFault> {
        let (key_sets, now) = (&self.world.app.key_sets, self.world.now());
        key_sets.newer(provider, than.generation, Patience::Usual, now).await
    }

    /// Which keys there are, by [`jwks`].
    async fn kid(&self) -> String {
        self.keys(None).await.unwrap().set.key_ids().collect()
    }

    /// How often the provider was asked for its discovery document and its keys.
    fn asked(&self) -> (usize, usize) {
        (self.fetch.count(&discovery_url(ISSUER)), self.fetch.count(&format!("{ISSUER}/keys")))
    }

    fn down(&self) {
        self.fetch.answer(&discovery_url(ISSUER), Answer::Fault(FetchFault::Status(503)));
    }

    fn up(&self, kid: &str) {
        self.fetch.provider(ISSUER, &jwks(kid));
    }

    /// Lets what runs in the background run.
    async fn settle(&self) {
        for _ in 0..20 {
            yield_now().await;
        }
    }
}

/// Runs what is given at the same time, beside the test.
fn beside(set: &Arc<Set>, issuer: &'static str, times: usize) -> JoinSet<Result<Keys, KeysFault>> {
    let mut all = JoinSet::new();
    for _ in 0..times {
        let set = Arc::clone(set);
        all.spawn(async move { set.keys_of(issuer, None).await });
    }
    all
}

#[tokio::test(start_paused = true)]
async fn keys_that_are_known_are_not_fetched_again() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    assert!(first.set.has("one"));
    set.world.pass(899);
    for kid in [None, Some("one")] {
        let again = set.keys(kid).await.unwrap();
        assert!(Arc::ptr_eq(&again.set, &first.set));
        assert_eq!(again.generation, first.generation);
    }
    assert_eq!(set.asked(), (1, 1));
}

/// What the port is asked for: bounded, for the account, and with the provider's own trust.
#[tokio::test(start_paused = true)]
async fn a_fetch_is_told_what_to_believe() {
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    let asked = set.fetch.asked();
    let [discovery, keys] = &asked[..] else { panic!("{asked:?}") };
    assert_eq!(discovery.url, "https://idp.example/a/.well-known/openid-configuration");
    assert_eq!((discovery.most_bytes, keys.most_bytes), (128 << 10, 256 << 10));
    for wanted in [discovery, keys] {
        assert_eq!(wanted.account, account());
        assert_eq!(wanted.thumbprints, [Thumbprint::parse(THUMBPRINT).unwrap()]);
        assert_eq!(wanted.authorities, None);
        assert!(!wanted.plain_http_loopback);
    }
}

#[tokio::test(start_paused = true)]
async fn many_who_need_them_wait_for_one_fetch() {
    let set = Arc::new(Set::new().await);
    let gate = Arc::new(Semaphore::new(0));
    let held = Answer::Held(Arc::clone(&gate), jwks("one").into());
    set.fetch.answer(&format!("{ISSUER}/keys"), held);
    let waiting = beside(&set, ISSUER, MAX_WAITING_FOR_ONE);
    set.settle().await;
    assert_eq!(set.asked(), (1, 1));
    // Another issuer is not held up.
    const OTHER: &str = "https://other.example";
    set.fetch.provider(OTHER, &jwks("other"));
    set.register(OTHER, 2).await;
    let began = Instant::now();
    assert!(set.keys_of(OTHER, None).await.unwrap().set.has("other"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    gate.add_permits(1);
    let all = waiting.join_all().await;
    assert!(all.len() == MAX_WAITING_FOR_ONE && all.iter().all(Result::is_ok));
    assert_eq!(set.asked(), (1, 1));
}

/// Callers of a provider that says nothing are answered at once when too many wait for it, and hold up
/// nobody else.
#[tokio::test(start_paused = true)]
async fn few_wait_for_a_provider_that_says_nothing() {
    let set = Arc::new(Set::new().await);
    set.fetch.answer(&discovery_url(ISSUER), Answer::Silence);
    let began = Instant::now();
    let mut waiting = beside(&set, ISSUER, 100);
    let mut refused = 0;
    set.settle().await;
    while let Some(ended) = waiting.try_join_next() {
        let fault = ended.unwrap().unwrap_err();
        assert_eq!(fault, busy());
        assert_eq!(Fault::from(&fault).code(), Code::IDPCommunicationError);
        refused += 1;
    }
    assert_eq!(refused, 100 - MAX_WAITING_FOR_ONE);
    // That of another account waits, and has its keys as soon as they are there.
    const OTHER: &str = "https://other.example";
    set.fetch.provider(OTHER, &jwks("other"));
    let mut other = (*set.register(OTHER, 2).await).clone();
    other.account = AccountId::parse("210987654321").unwrap();
    let gate = Arc::new(Semaphore::new(0));
    let held = Answer::Held(Arc::clone(&gate), jwks("other").into());
    set.fetch.answer(&format!("{OTHER}/keys"), held);
    let others = tokio::spawn({
        let set = Arc::clone(&set);
        async move { set.keys_for(&other, None, Patience::Usual).await }
    });
    set.settle().await;
    assert!(!others.is_finished());
    gate.add_permits(1);
    assert!(others.await.unwrap().unwrap().set.has("other"));
    assert_eq!(began.elapsed(), Duration::ZERO);
    // Who is gone has left his place to another.
    waiting.shutdown().await;
    assert_eq!(began.elapsed(), Duration::ZERO);
    let waiting = beside(&set, ISSUER, MAX_WAITING_FOR_ONE).join_all().await;
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    assert_eq!(count(&waiting, &FetchFault::TooSlow), MAX_WAITING_FOR_ONE);
    assert_eq!(set.asked(), (1, 0));
}

/// Who may not wait has the last good keys, or none; and the next one finds what was fetched.
#[tokio::test(start_paused = true)]
async fn who_does_not_wait_has_what_is_there() {
    let set = Set::new().await;
    let provider = set.provider(ISSUER).await;
    assert_eq!(set.keys_for(&provider, None, Patience::None).await.unwrap_err(), busy());
    set.settle().await;
    assert!(set.keys_for(&provider, None, Patience::None).await.unwrap().set.has("one"));
    set.up("two");
    set.world.pass(1_800);
    assert!(set.keys_for(&provider, None, Patience::None).await.unwrap().set.has("one"));
    set.settle().await;
    assert!(set.keys_for(&provider, None, Patience::None).await.unwrap().set.has("two"));
    assert_eq!(set.asked(), (2, 2));
}

fn busy() -> KeysFault {
    KeysFault::Fetch { what: "the keys", fault: FetchFault::Busy }
}

#[tokio::test(start_paused = true)]
async fn a_fetch_goes_on_when_its_caller_hangs_up() {
    let set = Arc::new(Set::new().await);
    let gate = Arc::new(Semaphore::new(0));
    let held = Answer::Held(Arc::clone(&gate), jwks("one").into());
    set.fetch.answer(&format!("{ISSUER}/keys"), held);
    let mut waiting = beside(&set, ISSUER, 1);
    set.settle().await;
    waiting.shutdown().await;
    gate.add_permits(1);
    set.settle().await;
    assert_eq!(set.kid().await, "one");
    assert_eq!(set.asked(), (1, 1));
}

/// Five seconds for both documents together; then nobody waits for some seconds.
#[tokio::test(start_paused = true)]
async fn a_slow_provider_is_a_fault_that_is_remembered() {
    let set = Set::new().await;
    set.fetch.answer(&format!("{ISSUER}/keys"), Answer::Silence);
    let too_slow = KeysFault::Fetch { what: "the keys", fault: FetchFault::TooSlow };
    let began = Instant::now();
    assert_eq!(set.keys(None).await.unwrap_err(), too_slow);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
    for _ in 0..10 {
        assert_eq!(set.keys(Some("one")).await.unwrap_err(), too_slow);
    }
    assert_eq!((began.elapsed(), set.asked()), (Duration::from_secs(5), (1, 1)));
    set.up("one");
    set.world.pass(9);
    assert!(set.keys(None).await.is_err());
    set.world.pass(1);
    assert_eq!(set.kid().await, "one");
}

#[tokio::test(start_paused = true)]
async fn keys_are_renewed_behind_the_back_of_who_uses_them() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    set.world.pass(900);
    // The same document: the same keys, and what was verified under them holds.
    assert_eq!(set.keys(None).await.unwrap().generation, first.generation);
    set.settle().await;
    let same = set.keys(None).await.unwrap();
    assert!(Arc::ptr_eq(&same.set, &first.set) && same.generation == first.generation);
    assert_eq!(set.asked(), (2, 2));
    set.up("two");
    set.world.pass(900);
    assert_eq!(set.kid().await, "one", "while newer ones are fetched");
    set.settle().await;
    assert_eq!(set.kid().await, "two");
    assert_ne!(set.keys(None).await.unwrap().generation, first.generation);
    assert_eq!(set.asked(), (3, 3));
    // Too old to be used unseen.
    set.world.pass(1_800);
    set.up("three");
    assert_eq!(set.kid().await, "three");
}

/// A rotation is noticed with the first token that names the new key.
#[tokio::test(start_paused = true)]
async fn a_key_that_is_not_known_is_fetched_but_not_often() {
    let set = Set::new().await;
    set.keys(Some("one")).await.unwrap();
    set.up("two");
    set.world.pass(30);
    let rotated = set.keys(Some("two")).await.unwrap();
    assert!(rotated.set.has("two") && !rotated.set.has("one"), "a removed key is gone at once");
    assert_eq!(set.asked(), (2, 2));
    for _ in 0..100 {
        assert!(!set.keys(Some("none")).await.unwrap().set.has("none"));
    }
    set.world.pass(29);
    set.keys(Some("none")).await.unwrap();
    assert_eq!(set.asked(), (2, 2));
    set.world.pass(1);
    set.keys(Some("none")).await.unwrap();
    assert_eq!(set.asked(), (3, 3));
    // A token that names no key.
    set.up("three");
    let provider = set.provider(ISSUER).await;
    let newer = set.newer(&provider, &rotated).await.unwrap();
    assert_eq!(newer.generation, rotated.generation);
    set.world.pass(30);
    let newer = set.newer(&provider, &rotated).await.unwrap();
    assert!(newer.set.has("three") && newer.generation != rotated.generation);
    assert_eq!(set.asked(), (4, 4));
}

/// A token of a new key that cannot be had is not refused for ever, while those of the old keys are
/// good; whether it was asked for is what counts.
#[tokio::test(start_paused = true)]
async fn a_key_that_cannot_be_fetched_is_told_from_one_that_there_is_not() {
    let down = KeysFault::Fetch { what: "the discovery document", fault: FetchFault::Status(503) };
    let set = Set::new().await;
    let provider = set.provider(ISSUER).await;
    let first = set.keys(None).await.unwrap();
    set.down();
    set.world.pass(30);
    assert_eq!(set.keys(Some("two")).await.unwrap_err(), down);
    assert_eq!(Fault::from(&down).code(), Code::IDPCommunicationError);
    assert!(set.keys(Some("one")).await.unwrap().set.has("one"));
    // Nobody is asked again so soon; whoever tries again is told the same.
    assert_eq!(set.keys(Some("two")).await.unwrap_err(), down);
    assert_eq!(set.asked(), (2, 1));
    set.world.pass(30);
    assert_eq!(set.newer(&provider, &first).await.unwrap_err(), down);
    assert_eq!(set.asked(), (3, 1));
    // Who does not wait for it does not know either.
    set.up("two");
    set.world.pass(30);
    let hasty = |kid| set.keys_for(&provider, Some(kid), Patience::None);
    assert!(hasty("one").await.unwrap().set.has("one"));
    assert_eq!(hasty("two").await.unwrap_err(), busy());
    set.settle().await;
    assert!(hasty("two").await.unwrap().set.has("two"));
    // The provider has answered, and has no such key.
    set.world.pass(30);
    assert!(!set.keys(Some("three")).await.unwrap().set.has("three"));
}

#[tokio::test(start_paused = true)]
async fn the_last_good_keys_outlast_an_outage() {
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    set.down();
    set.world.pass(1_800);
    assert_eq!(set.kid().await, "one");
    assert_eq!(set.asked(), (2, 1));
    // From now on it is asked behind the back of everybody.
    for _ in 0..10 {
        assert_eq!(set.kid().await, "one");
    }
    set.settle().await;
    assert_eq!(set.asked(), (2, 1));
    set.world.pass(10);
    set.fetch.answer(&discovery_url(ISSUER), Answer::Silence);
    let began = Instant::now();
    assert_eq!(set.kid().await, "one");
    assert_eq!(began.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(6)).await;
    assert_eq!(set.asked(), (3, 1));
    // What is removed while nobody can see it is gone when somebody does.
    set.up("two");
    set.world.pass(10);
    assert_eq!(set.kid().await, "one");
    set.settle().await;
    assert_eq!(set.kid().await, "two");
    set.down();
    set.world.pass(24 * HOUR - 1);
    assert_eq!(set.kid().await, "two");
    set.world.pass(1);
    let down = KeysFault::Fetch { what: "the discovery document", fault: FetchFault::Status(503) };
    assert_eq!(set.keys(None).await.unwrap_err(), down);
}

/// What a certificate says of itself, for one, is as long as whoever made it likes.
#[tokio::test(start_paused = true)]
async fn causes_are_cut_short_before_they_are_logged_and_kept() {
    let set = Set::new().await;
    let cause = "not valid for name; certificate is only valid for ".repeat(2_000);
    let fault = FetchFault::Certificate { host: "idp.example".to_owned(), cause };
    for url in [discovery_url(ISSUER), format!("{ISSUER}/keys")] {
        set.up("one");
        set.fetch.answer(&url, Answer::Fault(fault.clone()));
        // It is the one that is kept that comes again.
        for _ in 0..2 {
            let told = set.keys(None).await.unwrap_err().to_string();
            assert!(told.contains("only valid for") && told.ends_with('…'), "{told}");
            assert!(told.len() < 500, "{told}");
        }
        set.world.pass(10);
    }
}

/// What the provider says instead of keys.
#[tokio::test(start_paused = true)]
async fn documents_that_are_not_to_be_used_are_faults() {
    let keys = format!("{ISSUER}/keys");
    let named = |issuer: &str, uri: &str| format!(r#"{{"issuer":"{issuer}","jwks_uri":"{uri}"}}"#);
    let discovery = discovery_url(ISSUER);
    for (url, document, is_discovery) in [
        (&discovery, String::new(), true),
        (&discovery, "<html>".to_owned(), true),
        (&discovery, named("https://idp.example/b", &keys), true),
        (&discovery, named(ISSUER, "http://idp.example/a/keys"), true),
        (&discovery, named(ISSUER, "file:///etc/passwd"), true),
        (&keys, String::new(), false),
        (&keys, r#"{"keys":{}}"#.to_owned(), false),
        (&keys, jwks("one").replace("\"keys\"", "\"Keys\""), false),
    ] {
        let set = Set::new().await;
        set.fetch.answer(url, Answer::Document(Bytes::from(document.clone())));
        let fault = set.keys(None).await.unwrap_err();
        let fits = match &fault {
            KeysFault::Discovery(_) => is_discovery,
            KeysFault::Keys(_) => !is_discovery,
            KeysFault::Fetch { .. } => false,
        };
        assert!(fits, "{document}: {fault}");
        assert_eq!(Fault::from(&fault).code(), Code::InvalidIdentityToken);
        // Keys that were good stay.
        let set = Set::new().await;
        set.keys(None).await.unwrap();
        set.fetch.answer(url, Answer::Document(Bytes::from(document.clone())));
        set.world.pass(30);
        assert_eq!(set.keys(Some("two")).await.unwrap_err(), fault, "{document}");
        assert!(set.keys(Some("one")).await.unwrap().set.has("one"), "{document}");
    }
    // A provider that has taken back all its keys has none.
    let set = Set::new().await;
    set.keys(None).await.unwrap();
    set.fetch.answer(&keys, Answer::Document(r#"{"keys":[]}"#.into()));
    set.world.pass(30);
    assert!(set.keys(Some("two")).await.unwrap().set.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_is_made_again_begins_with_nothing() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    let directory = &set.world.app.directory;
    let before = set.provider(ISSUER).await;
    directory.delete_oidc_provider(account(), before.id, &noted::<()>).await.unwrap();
    set.register(ISSUER, 9).await;
    set.down();
    assert!(set.keys(None).await.is_err());
    set.up("one");
    set.world.pass(10);
    assert_ne!(set.keys(None).await.unwrap().generation, first.generation);
}

/// Keys that were fetched under other trust are not used; what else is changed costs nothing.
#[tokio::test(start_paused = true)]
async fn a_provider_that_is_changed_keeps_its_keys_when_its_trust_stays() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    let directory = &set.world.app.directory;
    let before = set.provider(ISSUER).await;
    let client = ClientId::parse("client").unwrap();
    directory.add_oidc_client_id(account(), before.id, &client, &noted::<()>).await.unwrap();
    assert!(set.provider(ISSUER).await.generation() > before.generation());
    assert_eq!(set.keys(None).await.unwrap().generation, first.generation);
    assert_eq!(set.asked(), (1, 1));
    let other = [Thumbprint::parse(&"0".repeat(40)).unwrap()];
    directory.set_oidc_thumbprints(account(), before.id, &other, &noted::<()>).await.unwrap();
    set.down();
    assert!(set.keys(None).await.is_err());
    set.up("two");
    set.world.pass(10);
    assert_eq!(set.kid().await, "two");
    assert_eq!(set.fetch.asked().last().unwrap().thumbprints, other);
    // Who looked the provider up before it was changed gets the newer keys.
    let late = set.keys_for(&before, None, Patience::Usual).await.unwrap();
    assert!(late.set.has("two"));
    let asked = set.asked();
    set.keys(None).await.unwrap();
    assert_eq!(set.asked(), asked);
}

#[tokio::test(start_paused = true)]
async fn keys_that_an_operator_gave_are_never_fetched() {
    let set = Set::new().await;
    const OTHER: &str = "https://other.example";
    let keys = StaticKeys::parse(&jwks("given")).unwrap();
    let settings = OidcSettings { keys: Some(keys), ..OidcSettings::default() };
    set.register_with(OTHER, 2, settings).await;
    for kid in [None, Some("given"), Some("none")] {
        assert!(set.keys_of(OTHER, kid).await.unwrap().set.has("given"));
        set.world.pass(48 * HOUR);
    }
    assert!(set.fetch.asked().is_empty());
}

/// The issuer of that [`call`].
fn slow(number: usize) -> String {
    format!("https://slow{number}.example")
}

/// A call for the keys of a provider that is registered for it, beside the test.
async fn call(
    set: &Arc<Set>,
    waiting: &mut JoinSet<Result<Keys, KeysFault>>,
    number: usize,
    answer: Answer,
) {
    let issuer = slow(number);
    let provider = set.register(&issuer, 100 + u8::try_from(number).unwrap()).await;
    set.fetch.answer(&discovery_url(&issuer), answer);
    let set = Arc::clone(set);
    waiting.spawn(async move { set.keys_for(&provider, None, Patience::Usual).await });
    tokio::task::yield_now().await;
}

/// How many of those that ended in a fault ended so.
fn count(ended: &[Result<Keys, KeysFault>], want: &FetchFault) -> usize {
    let is = |one: &&Result<Keys, KeysFault>| matches!(one, Err(KeysFault::Fetch { fault, .. }) if fault == want);
    ended.iter().filter(is).count()
}

/// An account whose providers say nothing has its share of what can be under way, and no more.
#[tokio::test(start_paused = true)]
async fn fetches_under_way_are_bounded() {
    let set = Arc::new(Set::new().await);
    let mut waiting = JoinSet::new();
    let began = Instant::now();
    for number in 0..MAX_ALL_OF_ONE {
        call(&set, &mut waiting, number, Answer::Silence).await;
    }
    set.settle().await;
    assert_eq!(set.fetch.asked().len(), MAX_FLIGHTS_OF_ONE);
    // One more is too many.
    assert_eq!(
        set.keys(None).await.unwrap_err().to_string(),
        "the keys: too many fetches are under way, or too many wait for them"
    );
    assert_eq!(began.elapsed(), Duration::ZERO);
    let ended = waiting.join_all().await;
    assert_eq!(began.elapsed(), Duration::from_secs(5), "nobody waits for longer");
    let busy = MAX_ALL_OF_ONE - MAX_FLIGHTS_OF_ONE;
    assert_eq!(count(&ended, &FetchFault::TooSlow), MAX_FLIGHTS_OF_ONE);
    assert_eq!(count(&ended, &FetchFault::Busy), busy);
    // They have ended, and left nothing behind that would count.
    assert_eq!(set.kid().await, "one");
}

/// Providers that took all their time hold up none of their account's others when they are asked again.
#[tokio::test(start_paused = true)]
async fn slow_providers_do_not_slow_the_others_of_their_account() {
    let set = Arc::new(Set::new().await);
    let mut waiting = JoinSet::new();
    for number in 0..MAX_FLIGHTS_OF_ONE {
        call(&set, &mut waiting, number, Answer::Silence).await;
    }
    let ended = waiting.join_all().await;
    assert_eq!(count(&ended, &FetchFault::TooSlow), MAX_FLIGHTS_OF_ONE);
    set.world.pass(10);
    let (began, asked) = (Instant::now(), set.fetch.asked().len());
    let mut waiting = JoinSet::new();
    for number in 0..MAX_FLIGHTS_OF_ONE {
        let set = Arc::clone(&set);
        waiting.spawn(async move { set.keys_of(&slow(number), None).await });
    }
    set.settle().await;
    assert_eq!(set.fetch.asked().len(), asked + 4, "they are tried again, a few at a time");
    // As many as are left of the share, all at once, and none of them waits.
    let issuers: Vec<String> = (0..12).map(|one| format!("https://cold{one}.example")).collect();
    let gate = Arc::new(Semaphore::new(0));
    let mut cold = JoinSet::new();
    for (issuer, id) in issuers.into_iter().zip(200..) {
        set.fetch.provider(&issuer, &jwks("cold"));
        let held = Answer::Held(Arc::clone(&gate), jwks("cold").into());
        set.fetch.answer(&format!("{issuer}/keys"), held);
        set.register(&issuer, id).await;
        let set = Arc::clone(&set);
        cold.spawn(async move { set.keys_of(&issuer, None).await });
    }
    set.settle().await;
    assert_eq!(set.fetch.asked().len(), asked + 4 + 2 * 12);
    gate.add_permits(12);
    assert!(cold.join_all().await.iter().all(Result::is_ok));
    assert_eq!(began.elapsed(), Duration::ZERO);
    let ended = waiting.join_all().await;
    assert_eq!(count(&ended, &FetchFault::TooSlow), 4);
    assert_eq!(began.elapsed(), Duration::from_secs(5));
}

/// Who finds no place waits for one, and is not refused.
#[tokio::test(start_paused = true)]
async fn a_fetch_waits_for_its_turn() {
    let set = Arc::new(Set::new().await);
    let gate = Arc::new(Semaphore::new(0));
    let mut waiting = JoinSet::new();
    for number in 0..MAX_FLIGHTS_OF_ONE {
        let held = Answer::Held(Arc::clone(&gate), Bytes::from_static(b"{}"));
        call(&set, &mut waiting, number, held).await;
    }
    let mut late = beside(&set, ISSUER, 2);
    set.settle().await;
    assert_eq!(set.asked(), (0, 0));
    gate.add_permits(1);
    while let Some(keys) = late.join_next().await {
        assert!(keys.unwrap().unwrap().set.has("one"));
    }
    assert_eq!(set.asked(), (1, 1));
    waiting.shutdown().await;
}

/// An account beside it has the memory that it had.
#[tokio::test(start_paused = true)]
async fn an_account_fills_its_own_share_of_the_memory() {
    let set = Set::new().await;
    // Each is weighed by its length, which is almost all that is taken.
    let large = format!("{}{}", jwks("large"), " ".repeat(250 << 10));
    let issuers: Vec<String> = (0..20).map(|one| format!("https://large{one}.example")).collect();
    for (issuer, id) in issuers.iter().zip(100..) {
        set.fetch.provider(issuer, &large);
        set.register(issuer, id).await;
        set.keys_of(issuer, None).await.unwrap();
        set.world.pass(1);
    }
    let asked = || set.fetch.asked().len();
    let before = asked();
    for issuer in issuers.iter().rev().take(15) {
        set.keys_of(issuer, None).await.unwrap();
    }
    assert_eq!(asked(), before, "the newest are there");
    set.keys_of(&issuers[0], None).await.unwrap();
    assert_eq!(asked(), before + 2, "the oldest had to go");
}

/// The first call after a pause finds fresh keys.
#[tokio::test(start_paused = true)]
async fn keys_that_were_used_are_renewed_by_themselves() {
    let set = Set::new().await;
    let app = &set.world.app;
    set.keys(None).await.unwrap();
    app.renew_provider_keys().await;
    assert_eq!(set.asked(), (1, 1), "they are fresh");
    // Five hours without a call.
    for round in 2..=21 {
        set.world.pass(900);
        app.renew_provider_keys().await;
        assert_eq!(set.asked(), (round, round));
    }
    set.up("two");
    set.world.pass(900);
    app.renew_provider_keys().await;
    assert_eq!((set.kid().await.as_str(), set.asked()), ("two", (22, 22)), "nobody waits");
    // Without a call for six hours nobody is asked any more; that call was one.
    set.world.pass(6 * HOUR);
    app.renew_provider_keys().await;
    assert_eq!(set.asked(), (22, 22));
    // A provider that is down is asked now and then, and its keys stay.
    set.kid().await;
    set.down();
    set.world.pass(900);
    let discovery = set.asked().0;
    for _ in 0..5 {
        app.renew_provider_keys().await;
        set.world.pass(60);
    }
    assert_eq!(set.asked().0, discovery + 1);
    app.renew_provider_keys().await;
    assert_eq!(set.asked().0, discovery + 2);
    assert_eq!(set.kid().await, "two");
    // One that is gone is not.
    let provider = set.provider(ISSUER).await;
    let directory = &set.world.app.directory;
    directory.delete_oidc_provider(account(), provider.id, &noted::<()>).await.unwrap();
    let asked = set.asked();
    set.world.pass(900);
    app.renew_provider_keys().await;
    assert_eq!(set.asked(), asked);
}

/// Of one account some in each round, and providers that say nothing hold the others up for seconds.
#[tokio::test(start_paused = true)]
async fn renewals_are_bounded() {
    let set = Set::new().await;
    let issuers: Vec<String> = (0..12).map(|one| format!("https://many{one}.example")).collect();
    for (issuer, id) in issuers.iter().zip(100..) {
        set.fetch.provider(issuer, &jwks("one"));
        set.register(issuer, id).await;
        set.keys_of(issuer, None).await.unwrap();
        set.world.pass(1);
    }
    for issuer in &issuers {
        set.fetch.answer(&discovery_url(issuer), Answer::Silence);
    }
    set.world.pass(900);
    let before = set.fetch.asked().len();
    let began = Instant::now();
    set.world.app.renew_provider_keys().await;
    assert_eq!(set.fetch.asked().len(), before + 8);
    assert!(began.elapsed() <= Duration::from_secs(5));
    // The oldest first; the others have their turn.
    assert_eq!(set.fetch.count(&discovery_url(&issuers[0])), 2);
    assert_eq!(set.fetch.count(&discovery_url(&issuers[11])), 1);
    set.world.pass(60);
    set.world.app.renew_provider_keys().await;
    assert!(issuers.iter().all(|issuer| set.fetch.count(&discovery_url(issuer)) == 2));
}

/// `Cache-Control: max-age` of the document of the keys, RFC 9111.
#[tokio::test(start_paused = true)]
async fn a_provider_says_that_its_keys_are_soon_old() {
    let set = Set::new().await;
    let keys = format!("{ISSUER}/keys");
    set.fetch.answer(&keys, Answer::Fresh(jwks("one").into(), 400));
    set.keys(None).await.unwrap();
    for (seconds, asked) in [(399, 1), (1, 2)] {
        set.world.pass(seconds);
        set.keys(None).await.unwrap();
        set.settle().await;
        assert_eq!(set.asked(), (asked, asked));
    }
    // But never that they are good for longer; the same keys may be so from now on.
    set.fetch.answer(&keys, Answer::Fresh(jwks("one").into(), 86_400));
    set.world.pass(800);
    set.keys(None).await.unwrap();
    for (seconds, asked) in [(899, 3), (1, 4)] {
        set.world.pass(seconds);
        set.keys(None).await.unwrap();
        set.settle().await;
        assert_eq!(set.asked(), (asked, asked));
    }
}

/// Keys that were believed by an authority that is gone are not, however the next fetch ends; those
/// of a provider with authorities of its own have nothing to do with it.
#[tokio::test(start_paused = true)]
async fn keys_go_with_the_authority_that_they_were_believed_by() {
    let set = Set::new().await;
    let first = set.keys(None).await.unwrap();
    set.fetch.distrust();
    set.down();
    assert!(set.keys(None).await.is_err());
    set.up("one");
    set.world.pass(10);
    assert_ne!(set.keys(None).await.unwrap().generation, first.generation);
    assert_eq!(set.asked(), (3, 2));
    let authorities = Authorities::parse(AUTHORITY).unwrap();
    let settings = OidcSettings { authorities: Some(authorities), ..OidcSettings::default() };
    const OWN: &str = "https://own.example";
    set.fetch.provider(OWN, &jwks("own"));
    set.register_with(OWN, 2, settings).await;
    let first = set.keys_of(OWN, None).await.unwrap();
    set.fetch.distrust();
    assert_eq!(set.keys_of(OWN, None).await.unwrap().generation, first.generation);
}

/// The reference, STS API, section 5.3.
#[test]
fn faults_have_the_answers_of_aws() {
    let host = || "idp.example".to_owned();
    let cause = || "10.0.0.1".to_owned();
    let thumbprint =
        "OpenIDConnect provider's HTTPS certificate doesn't match configured thumbprint";
    let no_key = "Couldn't retrieve verification key from your identity provider,  please reference \
                  AssumeRoleWithWebIdentity documentation for requirements";
    let unreachable =
        "The identity provider could not be reached, or did not answer. Try again later.";
    let (invalid, communication) = (Code::InvalidIdentityToken, Code::IDPCommunicationError);
    for (fault, code, text) in [
        (FetchFault::Thumbprint { host: host() }, invalid, thumbprint),
        (FetchFault::Unreachable { host: host(), cause: cause() }, communication, unreachable),
        (FetchFault::Protocol { host: host(), cause: cause() }, communication, unreachable),
        (FetchFault::Status(500), communication, unreachable),
        (FetchFault::Busy, communication, unreachable),
        (FetchFault::Status(404), invalid, no_key),
        (FetchFault::TooSlow, invalid, no_key),
        (FetchFault::Url("it is not https"), invalid, no_key),
        (FetchFault::Forbidden { host: host(), address: cause() }, communication, unreachable),
        (FetchFault::Certificate { host: host(), cause: cause() }, invalid, no_key),
        (FetchFault::Redirect("it is not https"), invalid, no_key),
        (FetchFault::TooLarge(7), invalid, no_key),
        (FetchFault::ContentType("text/html".to_owned()), invalid, no_key),
    ] {
        let answer = Fault::from(&KeysFault::Fetch { what: "the keys", fault: fault.clone() });
        assert_eq!((answer.code(), answer.message()), (code, text), "{fault}");
        // The log has what the caller is not to know.
        let cause = answer.cause().unwrap();
        assert!(cause.starts_with("the keys: ") && cause.ends_with(&fault.to_string()), "{cause}");
    }
}
